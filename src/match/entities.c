/* match/entities.c - nodes, their labels and documents; edges as they are shown.
 *
 *   node < node_count ─► the graph's      else ─► an entity without an edge: extra[node -
 * node_count]
 *
 * A document is asked for once: it stays until the query ends, cut to the fields that are looked
 * at.
 */
#include <string.h>

#include "base/merge_sort.h"
#include "match/match_int.h"

static uint64_t hash_of(uint32_t number) {
  uint64_t h = (number + UINT64_C(1)) * UINT64_C(0x9e3779b97f4a7c15);
  return h ^ h >> 29;
}

/* ---- ids ---- */

pq_slice pq_match_id(const pq_match *m, uint32_t node) {
  return node < m->node_count ? pq_graph_id(m->graph, node) : m->extra[node - m->node_count];
}

int pq_match_node_of(pq_match *m, pq_slice id, uint32_t *out) {
  uint64_t h = pq_hash(id, 0);
  size_t pos;
  *out = pq_graph_node(m->graph, id);
  if (*out != PQ_NO_NODE) return PQ_OK;
  for (uint32_t i = pq_table_first(&m->extra_table, h, &pos); i != PQ_TABLE_NONE;
       i = pq_table_next(&m->extra_table, h, &pos))
    if (pq_slice_eq(m->extra[i], id)) {
      *out = m->node_count + i;
      return PQ_OK;
    }
  if (m->extra_count >= PQ_NULL_CELL - 1 - m->node_count)
    return pq_fail(m->cx, PQ_ELIMIT, "match: too many nodes");
  PQ_TRY(pq_match_grow(&m->arena, &m->extra, m->extra_count, &m->extra_cap, sizeof *m->extra));
  PQ_TRY(pq_arena_copy(&m->arena, id, &m->extra[m->extra_count]));
  PQ_TRY(pq_table_add(&m->extra_table, h, m->extra_count));
  *out = m->node_count + m->extra_count++;
  return PQ_OK;
}

/* ---- labels ---- */

bool pq_match_has_label(const pq_match *m, uint32_t node, uint32_t label) {
  const pq_match_label *l = &m->labels[label];
  pq_slice id = pq_match_id(m, node);
  for (uint32_t i = 0; i < l->collection_count; i++) {
    pq_slice c = l->collections[i];
    if (id.n > c.n && id.p[c.n] == '/' && memcmp(id.p, c.p, c.n) == 0) return true;
  }
  return node / 8 < l->bit_cap && (l->bits[node / 8] >> (node % 8) & 1) != 0;
}

bool pq_match_passes(const pq_match *m, const pq_group *g, uint32_t var, uint32_t node) {
  for (uint32_t i = 0; i < g->test_count; i++) {
    const pq_label_test *t = &g->tests[i];
    bool has = t->var != var;
    for (uint32_t k = 0; k < t->count && !has; k++)
      has = pq_match_has_label(m, node, t->labels[k]);
    if (!has) return false;
  }
  return true;
}

int pq_match_label_all(pq_match *m, pq_slice collection) {
  pq_match_label *l = &m->labels[m->label_asked];
  PQ_TRY(pq_match_grow(&m->arena, &l->collections, l->collection_count, &l->collection_cap,
                       sizeof(pq_slice)));
  return pq_arena_copy(&m->arena, collection, &l->collections[l->collection_count++]);
}

int pq_match_label_entity(pq_match *m, pq_slice id) {
  pq_match_label *l = &m->labels[m->label_asked];
  uint32_t node;
  PQ_TRY(pq_match_node_of(m, id, &node));
  if (node / 8 >= l->bit_cap) {
    uint32_t cap = node / 8 + 1 + node / 16;
    uint8_t *bits;
    if (cap < m->node_count / 8 + 1) cap = m->node_count / 8 + 1;
    bits = pq_arena_calloc(&m->arena, cap, 1);
    if (bits == NULL) return m->cx->code;
    if (l->bit_cap > 0) memcpy(bits, l->bits, l->bit_cap);
    l->bits = bits;
    l->bit_cap = cap;
  }
  l->bits[node / 8] |= (uint8_t)(1u << node % 8);
  return PQ_OK;
}

/* ---- documents ---- */

static pq_node_slot *find_slot(const pq_match *m, uint32_t node) {
  size_t pos;
  for (uint32_t i = pq_table_first(&m->node_table, hash_of(node), &pos); i != PQ_TABLE_NONE;
       i = pq_table_next(&m->node_table, hash_of(node), &pos))
    if (m->node_keys[i] == node) return &m->node_slots[i];
  return NULL;
}

const pq_node_slot *pq_match_node_slot(const pq_match *m, uint32_t node) {
  return find_slot(m, node);
}

static int add_slot(pq_match *m, uint32_t node, pq_node_slot **out) {
  uint32_t cap = m->node_slot_cap;
  *out = find_slot(m, node);
  if (*out != NULL) return PQ_OK;
  PQ_TRY(pq_match_grow(&m->arena, &m->node_keys, m->node_slot_count, &cap, sizeof(uint32_t)));
  PQ_TRY(pq_match_grow(&m->arena, &m->node_slots, m->node_slot_count, &m->node_slot_cap,
                       sizeof(pq_node_slot)));
  m->node_keys[m->node_slot_count] = node;
  m->node_slots[m->node_slot_count] = (pq_node_slot){.is_known = true};
  PQ_TRY(pq_table_add(&m->node_table, hash_of(node), m->node_slot_count));
  *out = &m->node_slots[m->node_slot_count++];
  return PQ_OK;
}

/* What is looked at of an entity. */
static int keep(pq_match *m, pq_value entity, pq_value *out) {
  pq_eval e = m->eval;
  pq_field *fields;
  pq_arena_clear(&m->scratch);
  e.arena = &m->arena;
  if (m->wants_whole) return pq_value_copy(&m->arena, entity, out);
  fields = pq_arena_calloc(&m->scratch, m->field_count, sizeof *fields);
  if (fields == NULL) return m->cx->code;
  for (uint32_t i = 0; i < m->field_count; i++)
    fields[i] = (pq_field){m->fields[i], pq_object_get(entity, m->fields[i])};
  return pq_make_object(&e, fields, m->field_count, out);
}

static int set_entity(pq_match *m, uint32_t node, pq_value entity) {
  pq_node_slot *slot;
  PQ_TRY(add_slot(m, node, &slot));
  if (slot->is_there) return PQ_OK;
  PQ_TRY(keep(m, entity, &slot->document));
  slot->is_there = true;
  return PQ_OK;
}

int pq_match_entity(pq_match *m, uint32_t i, pq_value entity) {
  pq_assert(m->ask.kind == PQ_MATCH_NODES && i < m->ask.count);
  return set_entity(m, m->asked[i], entity);
}

int pq_match_scanned(pq_match *m, pq_slice id, pq_value entity) {
  pq_oper *o = m->asking;
  uint32_t node;
  pq_assert(o != NULL);
  if (o->list_count >= m->rows_max)
    return pq_fail(m->cx, PQ_ELIMIT,
                   "match: a pattern begins with more than %llu nodes: raise 'maxRows'",
                   (unsigned long long)m->rows_max);
  PQ_TRY(pq_match_node_of(m, id, &node));
  PQ_TRY(pq_match_grow(&m->arena, &o->list, o->list_count, &o->list_cap, sizeof(uint32_t)));
  o->list[o->list_count++] = node;
  return m->field_count > 0 || m->wants_whole ? set_entity(m, node, entity) : PQ_OK;
}

pq_value pq_match_edge_value(const pq_match *m, uint32_t edge, bool *is_known) {
  size_t pos;
  *is_known = false;
  for (uint32_t i = pq_table_first(&m->edge_table, hash_of(edge), &pos); i != PQ_TABLE_NONE;
       i = pq_table_next(&m->edge_table, hash_of(edge), &pos))
    if (m->edge_keys[i] == edge) {
      *is_known = true;
      return m->edge_values[i];
    }
  return (pq_value){0};
}

int pq_match_edge(pq_match *m, uint32_t i, pq_value edge) {
  uint32_t cap = m->edge_slot_cap, at = m->edge_slot_count;
  pq_assert(m->ask.kind == PQ_MATCH_EDGES && i < m->ask.count);
  PQ_TRY(pq_match_grow(&m->arena, &m->edge_keys, at, &cap, sizeof(uint32_t)));
  PQ_TRY(pq_match_grow(&m->arena, &m->edge_values, at, &m->edge_slot_cap, sizeof(pq_value)));
  PQ_TRY(pq_value_copy(&m->arena, edge, &m->edge_values[at]));
  m->edge_keys[at] = m->asked[i];
  PQ_TRY(pq_table_add(&m->edge_table, hash_of(m->asked[i]), at));
  m->edge_slot_count++;
  return PQ_OK;
}

/* ---- what is missing ---- */

static int compare_ids(const void *a, const void *b, const void *ud) {
  const pq_match *m = ud;
  return pq_slice_cmp(pq_match_id(m, *(const uint32_t *)a), pq_match_id(m, *(const uint32_t *)b));
}

static int compare_numbers(const void *a, const void *b, const void *ud) {
  uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
  (void)ud;
  return x < y ? -1 : x > y;
}

static uint32_t without_twins(uint32_t *items, uint32_t count) {
  uint32_t n = 0;
  for (uint32_t i = 0; i < count; i++)
    if (n == 0 || items[n - 1] != items[i]) items[n++] = items[i];
  return n;
}

int pq_match_ask_nodes(pq_match *m, const uint32_t *nodes, uint32_t count) {
  uint32_t *numbers;
  pq_slice *ids;
  pq_arena_clear(&m->asks);
  numbers = pq_arena_array(&m->asks, count, sizeof *numbers);
  ids = pq_arena_array(&m->asks, count, sizeof *ids);
  if (numbers == NULL || ids == NULL) return m->cx->code;
  memcpy(numbers, nodes, count * sizeof *numbers);
  PQ_TRY(pq_sort_items(m->cx, numbers, count, sizeof *numbers, compare_ids, m));
  count = without_twins(numbers, count);
  for (uint32_t i = 0; i < count; i++) {
    pq_node_slot *slot; /* known from now on: without an answer it does not live */
    ids[i] = pq_match_id(m, numbers[i]);
    PQ_TRY(add_slot(m, numbers[i], &slot));
  }
  m->asked = numbers;
  m->ask = (pq_match_ask){.kind = PQ_MATCH_NODES, .ids = ids, .count = count};
  return PQ_MATCH_ASKED;
}

int pq_match_ask_edges(pq_match *m, const uint32_t *edges, uint32_t count) {
  uint32_t *numbers;
  pq_arena_clear(&m->asks);
  numbers = pq_arena_array(&m->asks, count, sizeof *numbers);
  if (numbers == NULL) return m->cx->code;
  memcpy(numbers, edges, count * sizeof *numbers);
  PQ_TRY(pq_sort_items(m->cx, numbers, count, sizeof *numbers, compare_numbers, NULL));
  count = without_twins(numbers, count);
  m->asked = numbers;
  m->ask = (pq_match_ask){.kind = PQ_MATCH_EDGES, .numbers = numbers, .count = count};
  return PQ_MATCH_ASKED;
}

typedef struct missing {
  uint32_t *nodes, *edges;
  uint32_t node_count, node_cap, edge_count, edge_cap;
} missing;

static int miss_node(pq_match *m, missing *w, uint32_t node) {
  if (find_slot(m, node) != NULL) return PQ_OK;
  PQ_TRY(pq_match_grow(&m->scratch, &w->nodes, w->node_count, &w->node_cap, sizeof(uint32_t)));
  w->nodes[w->node_count++] = node;
  return PQ_OK;
}

static int miss_edge(pq_match *m, missing *w, uint32_t edge) {
  bool is_known;
  (void)pq_match_edge_value(m, edge, &is_known);
  if (is_known) return PQ_OK;
  PQ_TRY(pq_match_grow(&m->scratch, &w->edges, w->edge_count, &w->edge_cap, sizeof(uint32_t)));
  w->edges[w->edge_count++] = edge;
  return PQ_OK;
}

static int miss_path(pq_match *m, missing *w, const pq_match_part *part, const uint32_t *cells,
                     const pq_match_path *p) {
  uint32_t *nodes, *edges, count;
  bool is_there;
  PQ_TRY(pq_match_path_of(m, part, cells, p, &nodes, &edges, &count, &is_there));
  if (!is_there) return PQ_OK;
  for (uint32_t i = 0; i <= count && m->wants_whole; i++)
    PQ_TRY(miss_node(m, w, nodes[i]));
  for (uint32_t i = 0; i < count; i++)
    PQ_TRY(miss_edge(m, w, edges[i]));
  return PQ_OK;
}

static int miss_var(pq_match *m, missing *w, const pq_match_part *part, const uint32_t *cells,
                    uint32_t var) {
  uint32_t cell = cells[var];
  if (part->vars[var].kind == PQ_VAR_PATH)
    return miss_path(m, w, part, cells, part->vars[var].path);
  if (cell == PQ_NULL_CELL) return PQ_OK;
  if (part->vars[var].kind == PQ_VAR_NODE) return miss_node(m, w, cell);
  if (part->vars[var].kind == PQ_VAR_EDGE) return miss_edge(m, w, cell);
  if (part->vars[var].kind != PQ_VAR_EDGES) return PQ_OK;
  for (uint32_t i = 0; i < m->lists[cell]; i++)
    PQ_TRY(miss_edge(m, w, m->lists[cell + 1 + i]));
  return PQ_OK;
}

int pq_match_documents(pq_match *m, const pq_match_part *part, const pq_rows *rows, uint64_t vars) {
  missing w = {0};
  pq_arena_clear(&m->scratch);
  for (uint64_t left = vars; left != 0; left &= left - 1) {
    uint32_t var = pq_trailing_zeros(left);
    for (uint32_t r = 0; r < rows->count; r++)
      PQ_TRY(miss_var(m, &w, part, rows->cells + (size_t)r * rows->stride, var));
  }
  if (w.node_count > 0) return pq_match_ask_nodes(m, w.nodes, w.node_count);
  if (w.edge_count > 0) return pq_match_ask_edges(m, w.edges, w.edge_count);
  return PQ_OK;
}

/* ---- paths ---- */

static uint32_t far_end(const pq_match *m, uint32_t edge, uint32_t near) {
  pq_edge_ends ends = pq_graph_ends(m->graph, edge);
  return ends.from == near ? ends.to : ends.from;
}

int pq_match_path_of(pq_match *m, const pq_match_part *part, const uint32_t *cells,
                     const pq_match_path *p, uint32_t **nodes, uint32_t **edges,
                     uint32_t *edge_count, bool *is_there) {
  uint32_t n = 0;
  *is_there = cells[p->nodes[0]] != PQ_NULL_CELL;
  for (uint32_t i = 0; i < p->edge_count; i++) {
    uint32_t cell = cells[p->edges[i]];
    *is_there = *is_there && cell != PQ_NULL_CELL;
    if (*is_there) n += part->vars[p->edges[i]].kind == PQ_VAR_EDGES ? m->lists[cell] : 1;
  }
  *edge_count = 0;
  if (!*is_there) return PQ_OK;
  *nodes = pq_arena_array(&m->scratch, (size_t)n + 1, sizeof **nodes);
  *edges = pq_arena_array(&m->scratch, n, sizeof **edges);
  if (*nodes == NULL || *edges == NULL) return m->cx->code;
  (*nodes)[0] = cells[p->nodes[0]];
  for (uint32_t i = 0; i < p->edge_count; i++) {
    uint32_t cell = cells[p->edges[i]];
    bool is_list = part->vars[p->edges[i]].kind == PQ_VAR_EDGES;
    const uint32_t *list = is_list ? &m->lists[cell + 1] : &cell;
    for (uint32_t k = 0; k < (is_list ? m->lists[cell] : 1); k++) {
      (*edges)[*edge_count] = list[k];
      (*nodes)[*edge_count + 1] = far_end(m, list[k], (*nodes)[*edge_count]);
      ++*edge_count;
    }
  }
  return PQ_OK;
}
