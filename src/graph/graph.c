/* graph/graph.c - graphs of views: opened, kept for the next, numbers and ends. See graph.h.
 *
 *   open   the same entry and seq as one that is kept? that one
 *          else base ─► tail ─► who is dead ─► a new one, in the place of the one not used longest
 *
 * A command after a commit makes a new graph of the same base and the same tail: an entry in
 * arrays, and as many bits as there are nodes where somebody is deleted.
 */
#include "graph/graph.h"

#include <string.h>

#include "base/merge_sort.h"
#include "graph/graph_int.h"
#include "table/tail.h"

/* ---- what a namespace keeps ---- */

int pq_graphs_new(pq_cx *cx, pq_graphs **out) {
  pq_graphs *s = pq_alloc(cx, NULL, 0, sizeof *s);
  *out = NULL;
  if (s == NULL) return pq_fail_nomem(cx);
  *s = (pq_graphs){.cx = cx};
  pq_numbers_init(&s->nodes, cx);
  pq_numbers_init(&s->predicates, cx);
  pq_table_init(&s->segment_table, cx);
  pq_table_init(&s->dead_rows_table, cx);
  *out = s;
  return PQ_OK;
}

static void free_graph(pq_graph *g) {
  pq_graphs *s = g->s;
  if (g->facts != NULL) {
    pq_arena_release(&g->facts->arena);
    pq_alloc(s->cx, g->facts, sizeof *g->facts, 0);
  }
  if (g->dead != NULL) pq_alloc(s->cx, g->dead, pq_bits_len(g->node_count) * sizeof *g->dead, 0);
  g->base->graph_count--;
  pq_graph_tail_close(g->tail);
  pq_graph_tail_close(g->own);
  pq_alloc(s->cx, g, sizeof *g, 0);
}

/* Bases that no graph holds. */
static void drop_bases(pq_graphs *s) {
  pq_graph_base **at = &s->bases;
  while (*at != NULL) {
    pq_graph_base *b = *at;
    if (b->graph_count > 0) {
      at = &b->next;
      continue;
    }
    *at = b->next;
    pq_base_free(b);
  }
}

static void drop_graphs(pq_graphs *s) {
  for (int i = 0; i < PQ_GRAPHS_KEPT; i++) {
    pq_graph *g = s->graphs[i];
    if (g == NULL || g->holder_count > 0) continue;
    free_graph(g);
    s->graphs[i] = NULL;
  }
  drop_bases(s);
}

void pq_graphs_make_room(pq_graphs *s) {
  drop_graphs(s);
  pq_graphs_trim(s);
  pq_graphs_drop_columns(s);
}

/* What could go, if nobody held it. */
static uint32_t kept_count(const pq_graphs *s) {
  uint32_t count = s->segment_count + s->dead_rows_count;
  for (uint32_t i = 0; i < s->segment_count; i++)
    for (const pq_edge_column *c = s->segments[i]->columns; c != NULL; c = c->next)
      count++;
  return count;
}

bool pq_graphs_drop(pq_graphs *s) {
  uint32_t count = kept_count(s);
  s->pass++; /* nothing is wanted */
  pq_graphs_make_room(s);
  return kept_count(s) < count;
}

void pq_graphs_free(pq_graphs *s) {
  if (s == NULL) return;
  (void)pq_graphs_drop(s);
  pq_assert(s->bases == NULL && s->segment_count == 0);
  pq_alloc(s->cx, s->segments, s->segment_cap * sizeof *s->segments, 0);
  pq_alloc(s->cx, s->dead_rows, s->dead_rows_cap * sizeof *s->dead_rows, 0);
  pq_table_release(&s->segment_table);
  pq_table_release(&s->dead_rows_table);
  pq_numbers_release(&s->nodes);
  pq_numbers_release(&s->predicates);
  pq_alloc(s->cx, s, sizeof *s, 0);
}

/* ---- who is dead ---- */

/* Does the layer delete anybody whom the graph sees deleted? Sets their bits. */
static void mark_deleted(pq_graph *g, const pq_view *v, const pq_graph_tail *t) {
  const pq_overlay *o = t->overlay;
  for (uint32_t i = 0; i < t->changed_count; i++) {
    const pq_tail_change *c = &t->changed[i];
    const pq_version *version = &o->versions[c->version];
    const pq_event *e = pq_graph_event(g, t, version->key);
    if (t == g->tail && v->own != NULL) e = pq_tail_entity(v, version->event.id);
    if (e != NULL && e->op == PQ_EVENT_DELETE && c->node < g->node_count)
      pq_bit_set(g->dead, c->node);
  }
}

/* Those dead in the files, but for whom the tail has a live version. */
static void copy_dead(pq_graph *g, const pq_view *v) {
  const pq_graph_base *b = g->base;
  for (uint32_t w = 0; w < pq_bits_len(g->node_count) && w * 64 < b->node_cap; w++) {
    uint64_t bits = b->dead[w];
    while (bits != 0) {
      uint32_t node = w * 64 + pq_trailing_zeros(bits);
      const pq_event *e = NULL;
      bits &= bits - 1;
      if (node >= g->node_count) break;
      if (v->overlay != NULL || v->own != NULL) e = pq_tail_entity(v, g->s->nodes.names[node]);
      if (e == NULL || e->op == PQ_EVENT_DELETE) pq_bit_set(g->dead, node);
    }
  }
}

static int find_dead(pq_graph *g, const pq_view *v) {
  bool has = g->base->dead_count > 0 || (g->tail != NULL && g->tail->changed_count > 0) ||
             (g->own != NULL && g->own->changed_count > 0);
  size_t len = pq_bits_len(g->node_count) * sizeof *g->dead;
  if (!has || g->node_count == 0) return PQ_OK;
  g->dead = pq_alloc(g->s->cx, NULL, 0, len);
  if (g->dead == NULL) return pq_fail_nomem(g->s->cx);
  memset(g->dead, 0, len);
  copy_dead(g, v);
  if (g->tail != NULL) mark_deleted(g, v, g->tail);
  if (g->own != NULL) mark_deleted(g, v, g->own);
  return PQ_OK;
}

/* ---- open ---- */

/* The layer below a transaction's own. */
static pq_overlay *overlay_of(const pq_view *v) {
  return v->overlay == v->own ? NULL : v->overlay;
}

static pq_graph *find_kept(const pq_graphs *s, const pq_view *v) {
  pq_overlay *o = overlay_of(v);
  for (int i = 0; i < PQ_GRAPHS_KEPT; i++) {
    pq_graph *g = s->graphs[i];
    if (g == NULL || v->own != NULL || g->base->entry != v->entry ||
        g->base->pending_to != v->pending_to)
      continue;
    if (o == NULL ? g->tail == NULL
                  : g->tail != NULL && &g->tail->derived == o->derived && g->seq == v->seq)
      return g;
  }
  return NULL;
}

/* A place for a new one: that of the graph not used longest. NULL: all are held. */
static pq_graph **find_place(pq_graphs *s) {
  pq_graph **best = NULL;
  for (int i = 0; i < PQ_GRAPHS_KEPT; i++) {
    pq_graph **at = &s->graphs[i];
    if (*at == NULL) return at;
    if ((*at)->holder_count == 0 && (best == NULL || (*at)->used < (*best)->used)) best = at;
  }
  return best;
}

static void keep(pq_graphs *s, pq_graph *g) {
  pq_graph **place = g->own != NULL ? NULL : find_place(s);
  if (place == NULL) return;
  if (*place != NULL) free_graph(*place);
  *place = g;
  g->is_kept = true;
  drop_bases(s);
}

/* Look up the ends that no command checked. */
static int check_doubts(const pq_graph_tail *t, pq_graph_base *b, const pq_view *v, pq_fetch *f,
                        pq_arena *scratch) {
  return t == NULL ? PQ_OK : pq_base_check(b, v, f, scratch, t->doubts, t->doubt_count);
}

static int new_facts(pq_graph *g) {
  g->facts = pq_alloc(g->s->cx, NULL, 0, sizeof *g->facts);
  if (g->facts == NULL) return pq_fail_nomem(g->s->cx);
  g->facts->count = 0;
  pq_arena_init(&g->facts->arena, g->s->cx, g->s->cx->limits.op_len_max);
  return PQ_OK;
}

static int make_graph(pq_graphs *s, const pq_view *v, pq_graph_base *b, pq_graph_tail *tail,
                      pq_graph_tail *own, pq_graph **out) {
  pq_graph *g = pq_alloc(s->cx, NULL, 0, sizeof *g);
  uint32_t tail_count = tail == NULL ? 0 : tail->key_count;
  uint32_t own_count = own == NULL ? 0 : own->key_count;
  *out = NULL;
  if (g == NULL) return pq_fail_nomem(s->cx);
  *g = (pq_graph){.s = s,
                  .base = b,
                  .manifest = v->manifest,
                  .files = v->files,
                  .seq = v->seq,
                  .own_seq = v->own_seq,
                  .node_count = s->nodes.count,
                  .tail_first = b->first_edge[b->segment_count]};
  g->own_first = g->tail_first + tail_count;
  g->edge_count = g->own_first + own_count;
  g->tail = tail;
  g->own = own;
  pq_arena_init(&g->sets_arena, s->cx, UINT64_MAX / 2);
  if (new_facts(g) != PQ_OK || find_dead(g, v) != PQ_OK) {
    if (g->facts != NULL) pq_alloc(s->cx, g->facts, sizeof *g->facts, 0);
    pq_alloc(s->cx, g, sizeof *g, 0);
    return s->cx->code;
  }
  b->graph_count++;
  *out = g;
  return PQ_OK;
}

/* Tails are held from here on. */
static int open_new(pq_graphs *s, const pq_view *v, pq_fetch *f, pq_arena *scratch,
                    pq_graph_base *b, pq_graph **out) {
  pq_overlay *o = overlay_of(v);
  pq_graph_tail *tail = NULL, *own = NULL;
  int rc = PQ_OK;
  if (o != NULL) rc = pq_graph_tail_open(s, o, &tail);
  if (rc == PQ_OK && v->own != NULL) rc = pq_graph_tail_own(s, v->own, &own);
  if (rc == PQ_OK) rc = check_doubts(tail, b, v, f, scratch);
  if (rc == PQ_OK) rc = check_doubts(own, b, v, f, scratch);
  if (rc == PQ_OK && v->manifest->is_loose) rc = pq_base_check_all(b, v, f, scratch);
  if (rc == PQ_OK) rc = make_graph(s, v, b, tail, own, out);
  if (rc == PQ_OK) return PQ_OK;
  pq_graph_tail_close(tail);
  pq_graph_tail_close(own);
  return rc;
}

/* The other direction of all segments. */
static int make_in(pq_graph_base *b, pq_arena *scratch) {
  for (uint32_t i = 0; i < b->segment_count && !b->has_in; i++)
    PQ_TRY(pq_segment_make_in(b->s, b->segments[i], scratch));
  b->has_in = true;
  return PQ_OK;
}

int pq_graph_open(pq_graphs *s, const pq_view *v, pq_direction directions, pq_fetch *f,
                  pq_arena *scratch, pq_graph **out) {
  pq_graph *g = find_kept(s, v);
  pq_graph_base *b;
  *out = NULL;
  pq_assert(v->probe_lo == 0); /* such a view lacks the events of its past */
  if (g == NULL) {
    PQ_TRY(pq_base_open(s, v, f, scratch, &b));
    if ((directions & PQ_IN) != 0) PQ_TRY(make_in(b, scratch));
    PQ_TRY(open_new(s, v, f, scratch, b, &g));
    keep(s, g);
  } else if ((directions & PQ_IN) != 0) {
    PQ_TRY(make_in(g->base, scratch));
  }
  g->holder_count++;
  g->used = ++s->clock;
  *out = g;
  return PQ_OK;
}

bool pq_graph_is_warm(const pq_graphs *s, const pq_view *v) {
  return find_kept(s, v) != NULL || pq_base_is_warm(s, v);
}

pq_graph *pq_graph_kept(pq_graphs *s, const pq_view *v) {
  pq_graph *g = find_kept(s, v);
  if (g == NULL || !g->base->has_in) return NULL;
  g->holder_count++;
  g->used = ++s->clock;
  return g;
}

void pq_graph_close(pq_graph *g) {
  pq_graphs *s;
  bool owns;
  if (g == NULL || --g->holder_count > 0) return;
  pq_graph_drop_sets(g);
  if (g->is_kept) return;
  s = g->s;
  owns = g->owns_graphs;
  free_graph(g);
  drop_bases(s);
  if (owns) pq_graphs_free(s);
}

/* ---- a graph of edges in memory ---- */

static int compare_edges(const void *a, const void *b, const void *ud) {
  (void)ud;
  return pq_edge_compare(*(const pq_edge *const *)a, *(const pq_edge *const *)b, false);
}

/* Sorted, each once, as an adjacency, which lives in the segment. */
static int make_adjacency(pq_cx *cx, pq_arena *scratch, const pq_edge *edges, uint32_t count,
                          pq_segment *segment) {
  const pq_edge **order = pq_arena_calloc(scratch, count, sizeof *order);
  pq_edge *sorted = pq_arena_array(scratch, count, sizeof *sorted);
  uint32_t n = 0;
  if (order == NULL || sorted == NULL) return cx->code;
  for (uint32_t i = 0; i < count; i++)
    order[i] = &edges[i];
  PQ_TRY(pq_sort_items(cx, order, count, sizeof *order, compare_edges, NULL));
  for (uint32_t i = 0; i < count; i++)
    if (n == 0 || pq_edge_compare(&sorted[n - 1], order[i], false) != 0) sorted[n++] = *order[i];
  return pq_adjacency_of(&segment->arena, sorted, n, &segment->adjacency);
}

static int make_whole(pq_graphs *s, pq_arena *scratch, const pq_edge *edges, uint32_t count,
                      pq_graph **out) {
  pq_view v = {.cx = s->cx};
  pq_graph_base *b;
  pq_segment *g;
  PQ_TRY(pq_base_of(s, &b));
  g = b->segments[0];
  PQ_TRY(make_adjacency(s->cx, scratch, edges, count, g));
  g->adjacency.doubts = NULL; /* there is nobody to ask */
  PQ_TRY(pq_segment_make(s, g, scratch));
  PQ_TRY(pq_segment_make_in(s, g, scratch));
  b->has_in = true;
  b->first_edge[1] = g->adjacency.edge_count;
  return make_graph(s, &v, b, NULL, NULL, out);
}

int pq_graph_of(pq_cx *cx, const pq_edge *edges, uint32_t count, pq_graph **out) {
  pq_arena scratch;
  pq_graphs *s;
  int rc;
  *out = NULL;
  PQ_TRY(pq_graphs_new(cx, &s));
  pq_arena_init(&scratch, cx, UINT64_MAX / 2);
  rc = make_whole(s, &scratch, edges, count, out);
  pq_arena_release(&scratch);
  if (rc != PQ_OK) {
    pq_graphs_free(s);
    return rc;
  }
  (*out)->owns_graphs = true;
  (*out)->holder_count = 1;
  return PQ_OK;
}

/* ---- what was found out ---- */

bool pq_graph_fact(const pq_graph *g, pq_slice what, double *out) {
  const pq_graph_facts *f = g->facts;
  for (uint32_t i = 0; i < f->count; i++) {
    if (!pq_slice_eq(f->what[i], what)) continue;
    *out = f->values[i];
    return true;
  }
  return false;
}

int pq_graph_keep_fact(const pq_graph *g, pq_slice what, double value) {
  pq_graph_facts *f = g->facts;
  if (f->count == PQ_FACTS_MAX) return PQ_OK;
  PQ_TRY(pq_arena_copy(&f->arena, what, &f->what[f->count]));
  f->values[f->count++] = value;
  return PQ_OK;
}

/* ---- nodes and predicates ---- */

uint32_t pq_graph_node_count(const pq_graph *g) {
  return g->node_count;
}

uint32_t pq_graph_node(const pq_graph *g, pq_slice id) {
  uint32_t node = pq_numbers_find(&g->s->nodes, id);
  return node < g->node_count ? node : PQ_NO_NODE;
}

int pq_graph_number(const pq_graph *g, pq_slice id, uint32_t *out) {
  return pq_numbers_add(&g->s->nodes, id, out);
}

uint32_t pq_graph_number_count(const pq_graph *g) {
  return g->s->nodes.count;
}

pq_slice pq_graph_id(const pq_graph *g, uint32_t node) {
  pq_assert(node < g->s->nodes.count);
  return g->s->nodes.names[node];
}

bool pq_graph_is_live(const pq_graph *g, uint32_t node) {
  return node < g->node_count && (g->dead == NULL || !pq_bit_at(g->dead, node));
}

uint32_t pq_graph_predicate_count(const pq_graph *g) {
  return g->s->predicates.count;
}

uint32_t pq_graph_predicate(const pq_graph *g, pq_slice name) {
  return pq_numbers_find(&g->s->predicates, name);
}

pq_slice pq_graph_predicate_name(const pq_graph *g, uint32_t predicate) {
  pq_assert(predicate < g->s->predicates.count);
  return g->s->predicates.names[predicate];
}
