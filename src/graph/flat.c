/* graph/flat.c - the edges of some predicates as one array, rising in each node's part.
 *
 *   walk of each node: how many ─► first[] ─► walk again: far[] (edge[]) ─► sorted where it is not
 *
 * A segment whose nodes have the namespace's numbers in its own order is sorted as it stands.
 */
#include <string.h>

#include "base/merge_sort.h"
#include "graph/graph_int.h"

typedef struct flat_maker {
  const pq_graph *g;
  pq_arena *arena;
  const pq_flat_options *o;
  uint32_t *first, *far, *edge;
  uint64_t *pairs; /* of the node with most neighbours: for sorting; NULL: not needed so far */
  uint32_t degree_max;
} flat_maker;

static int count_edges(flat_maker *m, uint64_t *total) {
  uint64_t at = 0;
  for (uint32_t n = 0; n < m->g->node_count; n++) {
    uint64_t degree = pq_graph_degree(m->g, n, m->o->direction, m->o->predicates);
    m->first[n] = (uint32_t)at;
    at += degree;
    if (at > UINT32_MAX / 2)
      return pq_fail(m->g->s->cx, PQ_ELIMIT, "a graph of more than %u edges", UINT32_MAX / 2);
    if (degree > m->degree_max) m->degree_max = (uint32_t)degree;
  }
  m->first[m->g->node_count] = (uint32_t)at;
  *total = at;
  return PQ_OK;
}

static int compare_pairs(const void *a, const void *b, const void *ud) {
  uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
  (void)ud;
  return x < y ? -1 : x > y;
}

/* Neighbours of one node, with their edges, by number. */
static int sort_part(flat_maker *m, uint32_t from, uint32_t to) {
  uint32_t n = to - from;
  if (m->pairs == NULL) m->pairs = pq_arena_array(m->arena, m->degree_max, sizeof *m->pairs);
  if (m->pairs == NULL) return m->arena->cx->code;
  for (uint32_t i = 0; i < n; i++)
    m->pairs[i] = (uint64_t)m->far[from + i] << 32 | (m->edge == NULL ? 0 : m->edge[from + i]);
  PQ_TRY(pq_sort_items(m->arena->cx, m->pairs, n, sizeof *m->pairs, compare_pairs, NULL));
  for (uint32_t i = 0; i < n; i++) {
    m->far[from + i] = (uint32_t)(m->pairs[i] >> 32);
    if (m->edge != NULL) m->edge[from + i] = (uint32_t)m->pairs[i];
  }
  return PQ_OK;
}

static int fill_node(flat_maker *m, uint32_t node) {
  pq_arc_walk w = pq_arcs_begin(m->g, node, m->o->direction, m->o->predicates);
  uint32_t from = m->first[node], at = from;
  bool is_sorted = true;
  pq_arcs arcs;
  while (pq_arcs_next(&w, &arcs)) {
    memcpy(m->far + at, arcs.far, arcs.count * sizeof *m->far);
    for (uint32_t i = 0; m->edge != NULL && i < arcs.count; i++)
      m->edge[at + i] = pq_arcs_edge(&arcs, i);
    at += arcs.count;
  }
  for (uint32_t i = from + 1; i < at && is_sorted; i++)
    is_sorted = m->far[i - 1] < m->far[i] ||
                (m->far[i - 1] == m->far[i] && (m->edge == NULL || m->edge[i - 1] < m->edge[i]));
  return is_sorted ? PQ_OK : sort_part(m, from, at);
}

/* Leave each neighbour once, and no node its own. */
static void make_simple(flat_maker *m, uint64_t *total) {
  uint32_t at = 0;
  for (uint32_t n = 0; n < m->g->node_count; n++) {
    uint32_t from = m->first[n], to = m->first[n + 1], begin = at;
    for (uint32_t i = from; i < to; i++)
      if (m->far[i] != n && (at == begin || m->far[at - 1] != m->far[i])) m->far[at++] = m->far[i];
    m->first[n] = begin;
  }
  m->first[m->g->node_count] = at;
  *total = at;
}

int pq_graph_flat(const pq_graph *g, pq_arena *arena, const pq_flat_options *o, pq_flat *out) {
  flat_maker m = {.g = g, .arena = arena, .o = o};
  uint64_t total = 0;
  *out = (pq_flat){0};
  pq_assert(!o->is_simple || !o->wants_edges);
  m.first = pq_arena_array(arena, (size_t)g->node_count + 1, sizeof *m.first);
  if (m.first == NULL) return arena->cx->code;
  PQ_TRY(count_edges(&m, &total));
  m.far = pq_arena_array(arena, (size_t)total, sizeof *m.far);
  if (o->wants_edges) m.edge = pq_arena_array(arena, (size_t)total, sizeof *m.edge);
  if (m.far == NULL || (o->wants_edges && m.edge == NULL)) return arena->cx->code;
  for (uint32_t n = 0; n < g->node_count; n++)
    PQ_TRY(fill_node(&m, n));
  if (o->is_simple) make_simple(&m, &total);
  *out = (pq_flat){.node_count = g->node_count,
                   .edge_count = total,
                   .first = m.first,
                   .far = m.far,
                   .edge = m.edge};
  return PQ_OK;
}
