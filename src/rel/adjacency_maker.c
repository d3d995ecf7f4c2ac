/* rel/adjacency_maker.c - arrays of numbers from edges that pass in order. See adjacency.h.
 *
 *   edge by edge     a likes c ─► texts by first appearance: a 0, c 1 …   to: 1 …   a run, a node
 *   at the end       the nodes that edges leave came sorted; only the others are sorted, and both
 *                    are merged: first appearance ─► place by bytes, for `to` too
 *
 * A text is hashed when it appears in a row, or once where a caller has dictionary codes; it is
 * copied once. What is checked here holds for whoever reads the arrays: nodes, predicates and far
 * ends rise.
 */
#include <string.h>

#include "base/merge_sort.h"
#include "rel/adjacency_int.h"

enum { EDGES_MAX = INT32_MAX, FIRST_CAP = 256 };

static int grow(pq_cx *cx, void **items, uint32_t *cap, uint32_t count, size_t size) {
  uint32_t more = *cap == 0 ? FIRST_CAP : *cap * 2;
  size_t len;
  void *p;
  if (count < *cap) return PQ_OK;
  if (*cap > UINT32_MAX / 2 || !pq_mul_size(more, size, &len)) return pq_fail_nomem(cx);
  p = pq_alloc(cx, *items, *cap * size, len);
  if (p == NULL) return pq_fail_nomem(cx);
  *items = p;
  *cap = more;
  return PQ_OK;
}

/* ---- texts by first appearance ---- */

static void texts_init(adjacency_texts *t, pq_cx *cx) {
  pq_arena_init(&t->arena, cx, cx->limits.op_len_max);
  pq_table_init(&t->table, cx);
}

static void texts_release(adjacency_texts *t) {
  if (t->items != NULL) pq_alloc(t->arena.cx, t->items, t->cap * sizeof *t->items, 0);
  pq_table_release(&t->table);
  pq_arena_release(&t->arena);
}

static int texts_put(adjacency_texts *t, pq_slice text, uint32_t *out) {
  uint64_t hash = pq_hash(text, 0);
  adjacency_text item = {0};
  size_t pos;
  for (*out = pq_table_first(&t->table, hash, &pos); *out != PQ_TABLE_NONE;
       *out = pq_table_next(&t->table, hash, &pos))
    if (pq_slice_eq(t->items[*out].text, text)) return PQ_OK;
  PQ_TRY(grow(t->arena.cx, (void **)&t->items, &t->cap, t->count, sizeof *t->items));
  PQ_TRY(pq_arena_copy(&t->arena, text, &item.text));
  PQ_TRY(pq_table_add(&t->table, hash, t->count));
  *out = t->count;
  t->items[t->count++] = item;
  return PQ_OK;
}

/* ---- edges ---- */

int pq_adjacency_maker_new(pq_cx *cx, const char *key, pq_adjacency_maker **out) {
  pq_adjacency_maker *m = pq_alloc(cx, NULL, 0, sizeof *m);
  *out = NULL;
  if (m == NULL) return pq_fail_nomem(cx);
  *m = (pq_adjacency_maker){.cx = cx, .key = key};
  texts_init(&m->nodes, cx);
  texts_init(&m->predicates, cx);
  *out = m;
  return PQ_OK;
}

void pq_adjacency_maker_free(pq_adjacency_maker *m) {
  if (m == NULL) return;
  texts_release(&m->nodes);
  texts_release(&m->predicates);
  if (m->froms != NULL) pq_alloc(m->cx, m->froms, m->from_cap * sizeof *m->froms, 0);
  if (m->runs != NULL) pq_alloc(m->cx, m->runs, m->run_cap * sizeof *m->runs, 0);
  if (m->to != NULL) pq_alloc(m->cx, m->to, m->edge_cap * sizeof *m->to, 0);
  pq_alloc(m->cx, m, sizeof *m, 0);
}

uint64_t pq_adjacency_maker_len(const pq_adjacency_maker *m) {
  uint64_t texts = (uint64_t)m->nodes.cap + m->predicates.cap;
  return sizeof *m + m->nodes.arena.used_len + m->predicates.arena.used_len +
         texts * (sizeof *m->nodes.items + 2 * sizeof(pq_table_slot)) +
         (uint64_t)m->from_cap * sizeof *m->froms + (uint64_t)m->run_cap * sizeof *m->runs +
         (uint64_t)m->edge_cap * sizeof *m->to;
}

static int out_of_order(const pq_adjacency_maker *m, uint32_t row) {
  if (m->key == NULL) return pq_fail(m->cx, PQ_EINVALID, "edge %u is out of order", row);
  return pq_fail(m->cx, PQ_ECORRUPT, "%s: edge %u is out of order", m->key, row);
}

static int begin_node(pq_adjacency_maker *m, pq_slice from) {
  uint32_t node;
  if (m->from_count > 0) {
    pq_slice before = m->nodes.items[m->froms[m->from_count - 1].node].text;
    int c = pq_slice_cmp(before, from);
    if (c == 0) return PQ_OK;
    if (c > 0) return out_of_order(m, m->edge_count);
  }
  PQ_TRY(texts_put(&m->nodes, from, &node));
  PQ_TRY(grow(m->cx, (void **)&m->froms, &m->from_cap, m->from_count, sizeof *m->froms));
  m->nodes.items[node].is_from = true;
  m->froms[m->from_count++] = (adjacency_from){node, m->run_count};
  return PQ_OK;
}

/* A run begins where the node or the predicate is another one. */
static int begin_run(pq_adjacency_maker *m, uint32_t predicate) {
  bool is_first = m->run_count == m->froms[m->from_count - 1].first_run;
  if (!is_first) {
    uint32_t before = m->runs[m->run_count - 1].predicate;
    if (before == predicate) return PQ_OK;
    if (pq_slice_cmp(m->predicates.items[before].text, m->predicates.items[predicate].text) > 0)
      return out_of_order(m, m->edge_count);
  }
  PQ_TRY(grow(m->cx, (void **)&m->runs, &m->run_cap, m->run_count, sizeof *m->runs));
  m->runs[m->run_count++] = (pq_adjacency_run){predicate, m->edge_count};
  return PQ_OK;
}

int pq_adjacency_maker_predicate(pq_adjacency_maker *m, pq_slice text, uint32_t *out) {
  return texts_put(&m->predicates, text, out);
}

int pq_adjacency_maker_node(pq_adjacency_maker *m, pq_slice text, uint32_t *out) {
  return texts_put(&m->nodes, text, out);
}

int pq_adjacency_maker_put_numbers(pq_adjacency_maker *m, pq_slice from, uint32_t predicate,
                                   uint32_t to) {
  if (m->edge_count == EDGES_MAX)
    return pq_fail(m->cx, PQ_ELIMIT, "%s: more than %d edges", m->key == NULL ? "" : m->key,
                   EDGES_MAX);
  PQ_TRY(grow(m->cx, (void **)&m->to, &m->edge_cap, m->edge_count, sizeof *m->to));
  PQ_TRY(begin_node(m, from));
  PQ_TRY(begin_run(m, predicate));
  m->to[m->edge_count++] = to;
  return PQ_OK;
}

void pq_adjacency_maker_doubt_from(pq_adjacency_maker *m) {
  pq_adjacency_maker_doubt(m, m->froms[m->from_count - 1].node);
}

void pq_adjacency_maker_doubt(pq_adjacency_maker *m, uint32_t node) {
  m->nodes.items[node].is_doubted = true;
  m->has_doubts = true;
}

int pq_adjacency_maker_put(pq_adjacency_maker *m, const pq_edge *e) {
  uint32_t predicate, to;
  PQ_TRY(pq_adjacency_maker_predicate(m, e->predicate, &predicate));
  PQ_TRY(pq_adjacency_maker_node(m, e->to_id, &to));
  PQ_TRY(pq_adjacency_maker_put_numbers(m, e->from_id, predicate, to));
  if (e->from_type.p == NULL) pq_adjacency_maker_doubt_from(m);
  if (e->to_type.p == NULL) pq_adjacency_maker_doubt(m, to);
  if (!pq_value_is_missing(e->data)) m->has_data = true;
  return PQ_OK;
}

/* ---- the arrays ---- */

static int compare_texts(const void *a, const void *b, const void *ud) {
  const adjacency_text *const *x = a, *const *y = b;
  (void)ud;
  return pq_slice_cmp((*x)->text, (*y)->text);
}

/* The texts without those that edges leave, sorted. */
static int sort_texts(adjacency_texts *t, pq_arena *scratch, adjacency_text ***out,
                      uint32_t *count) {
  *count = 0;
  *out = pq_arena_array(scratch, t->count, sizeof **out);
  if (*out == NULL) return scratch->cx->code;
  for (uint32_t i = 0; i < t->count; i++)
    if (!t->items[i].is_from) (*out)[(*count)++] = &t->items[i];
  return pq_sort_items(scratch->cx, *out, *count, sizeof **out, compare_texts, NULL);
}

/* Room for the texts, one behind the other. */
static uint8_t *texts_room(pq_arena *arena, const adjacency_texts *t, size_t *len) {
  *len = 0;
  for (uint32_t i = 0; i < t->count; i++)
    if (!pq_add_size(*len, t->items[i].text.n, len)) *len = SIZE_MAX;
  return pq_arena_alloc(arena, *len);
}

static pq_slice place_text(uint8_t **at, pq_slice text) {
  pq_slice s = {*at, text.n};
  if (text.n > 0) memcpy(*at, text.p, text.n);
  *at += text.n;
  return s;
}

static int number_predicates(pq_adjacency_maker *m, pq_arena *arena, pq_arena *scratch,
                             pq_adjacency *a) {
  pq_slice *names = pq_arena_array(arena, m->predicates.count, sizeof *names);
  size_t len;
  uint8_t *at = texts_room(arena, &m->predicates, &len);
  adjacency_text **sorted;
  if (names == NULL || at == NULL) return m->cx->code;
  PQ_TRY(sort_texts(&m->predicates, scratch, &sorted, &a->predicate_count));
  for (uint32_t i = 0; i < a->predicate_count; i++) {
    sorted[i]->number = i;
    names[i] = place_text(&at, sorted[i]->text);
  }
  a->predicates = names;
  a->len += len + a->predicate_count * sizeof *names;
  return PQ_OK;
}

/* Merge the nodes that edges leave with the others. */
static int number_nodes(pq_adjacency_maker *m, pq_arena *arena, pq_arena *scratch,
                        pq_adjacency *a) {
  uint32_t count = m->nodes.count, other_count, f = 0, o = 0;
  pq_slice *ids = pq_arena_array(arena, count, sizeof *ids);
  uint32_t *first_run = pq_arena_array(arena, (size_t)count + 1, sizeof *first_run);
  size_t len;
  uint8_t *at = texts_room(arena, &m->nodes, &len);
  adjacency_text **others;
  if (ids == NULL || first_run == NULL || at == NULL) return m->cx->code;
  PQ_TRY(sort_texts(&m->nodes, scratch, &others, &other_count));
  for (uint32_t n = 0; n < count; n++) {
    adjacency_text *from = f < m->from_count ? &m->nodes.items[m->froms[f].node] : NULL;
    bool is_from =
        from != NULL && (o == other_count || pq_slice_cmp(from->text, others[o]->text) < 0);
    adjacency_text *item = is_from ? from : others[o];
    item->number = n;
    ids[n] = place_text(&at, item->text);
    first_run[n] = f < m->from_count ? m->froms[f].first_run : m->run_count;
    f += is_from;
    o += !is_from;
  }
  first_run[count] = m->run_count;
  a->ids = ids;
  a->first_run = first_run;
  a->node_count = count;
  a->len += len + count * sizeof *ids + ((uint64_t)count + 1) * sizeof *first_run;
  return PQ_OK;
}

static int number_runs(const pq_adjacency_maker *m, pq_arena *arena, pq_adjacency *a) {
  pq_adjacency_run *runs = pq_arena_array(arena, (size_t)m->run_count + 1, sizeof *runs);
  if (runs == NULL) return m->cx->code;
  for (uint32_t r = 0; r < m->run_count; r++)
    runs[r] =
        (pq_adjacency_run){m->predicates.items[m->runs[r].predicate].number, m->runs[r].first_edge};
  runs[m->run_count] = (pq_adjacency_run){0, m->edge_count};
  a->runs = runs;
  a->run_count = m->run_count;
  a->len += ((uint64_t)m->run_count + 1) * sizeof *runs;
  return PQ_OK;
}

static int number_edges(const pq_adjacency_maker *m, pq_arena *arena, pq_adjacency *a) {
  uint32_t *to = pq_arena_array(arena, m->edge_count, sizeof *to);
  if (to == NULL) return m->cx->code;
  for (uint32_t r = 0; r < a->run_count; r++) {
    uint32_t end = a->runs[r + 1].first_edge;
    for (uint32_t e = a->runs[r].first_edge; e < end; e++) {
      to[e] = m->nodes.items[m->to[e]].number;
      if (e > a->runs[r].first_edge && to[e] <= to[e - 1]) return out_of_order(m, e);
    }
  }
  a->to = to;
  a->edge_count = m->edge_count;
  a->len += (uint64_t)m->edge_count * sizeof *to;
  return PQ_OK;
}

static int set_doubts(const pq_adjacency_maker *m, pq_arena *arena, pq_adjacency *a) {
  size_t len = a->node_count / 8 + 1;
  uint8_t *bits;
  if (!m->has_doubts) return PQ_OK;
  bits = pq_arena_calloc(arena, len, 1);
  if (bits == NULL) return m->cx->code;
  for (uint32_t i = 0; i < m->nodes.count; i++) {
    const adjacency_text *item = &m->nodes.items[i];
    if (item->is_doubted) bits[item->number / 8] |= (uint8_t)(1u << item->number % 8);
  }
  a->doubts = bits;
  a->len += len;
  return PQ_OK;
}

int pq_adjacency_maker_finish(pq_adjacency_maker *m, pq_arena *arena, pq_adjacency *out) {
  pq_adjacency a = {.has_data = m->has_data, .len = sizeof a};
  pq_arena scratch;
  int rc;
  *out = (pq_adjacency){0};
  pq_arena_init(&scratch, m->cx, m->cx->limits.op_len_max);
  rc = number_predicates(m, arena, &scratch, &a);
  if (rc == PQ_OK) rc = number_nodes(m, arena, &scratch, &a);
  if (rc == PQ_OK) rc = number_runs(m, arena, &a);
  if (rc == PQ_OK) rc = number_edges(m, arena, &a);
  if (rc == PQ_OK) rc = set_doubts(m, arena, &a);
  pq_arena_release(&scratch);
  if (rc == PQ_OK) *out = a;
  return rc;
}

bool pq_adjacency_equal(const pq_adjacency *a, const pq_adjacency *b) {
  bool is = a->node_count == b->node_count && a->edge_count == b->edge_count &&
            a->run_count == b->run_count && a->predicate_count == b->predicate_count &&
            a->has_data == b->has_data;
  for (uint32_t n = 0; is && n < a->node_count; n++)
    is = pq_slice_eq(a->ids[n], b->ids[n]) && a->first_run[n] == b->first_run[n] &&
         pq_adjacency_doubts(a, n) == pq_adjacency_doubts(b, n);
  for (uint32_t p = 0; is && p < a->predicate_count; p++)
    is = pq_slice_eq(a->predicates[p], b->predicates[p]);
  for (uint32_t r = 0; is && r < a->run_count; r++)
    is = a->runs[r].predicate == b->runs[r].predicate &&
         a->runs[r].first_edge == b->runs[r].first_edge;
  return is && (a->edge_count == 0 || memcmp(a->to, b->to, a->edge_count * sizeof *a->to) == 0);
}

int pq_adjacency_of(pq_arena *arena, const pq_edge *edges, uint32_t count, pq_adjacency *out) {
  pq_adjacency_maker *m;
  int rc;
  *out = (pq_adjacency){0};
  PQ_TRY(pq_adjacency_maker_new(arena->cx, NULL, &m));
  rc = PQ_OK;
  for (uint32_t i = 0; i < count && rc == PQ_OK; i++)
    rc = pq_adjacency_maker_put(m, &edges[i]);
  if (rc == PQ_OK) rc = pq_adjacency_maker_finish(m, arena, out);
  pq_adjacency_maker_free(m);
  return rc;
}
