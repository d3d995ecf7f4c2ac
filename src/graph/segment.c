/* graph/segment.c - the edges of one file in both directions, by the namespace's numbers.
 *
 *   adjacency (of the file)   a 0: knows → b c        local numbers are places of sorted ids
 *   map                       a=7 b=2 c=9             numbers of the namespace
 *   out                       7: knows → 2 9          the adjacency's own arrays where the map is
 *   in                        2: knows ← 7, 9: … ← 7   the identity; in: sorted by counting
 *
 * The first file of a namespace has the identity, and so has the only one after a compaction, when
 * the namespace is opened anew.
 */
#include <string.h>

#include "base/merge_sort.h"
#include "graph/graph_int.h"

/* Nodes are by number unless they are fewer than one in this many of all. */
enum { SPARSE = 8 };

int pq_segment_new(pq_graphs *s, pq_slice name, pq_segment **out) {
  pq_segment *g = pq_alloc(s->cx, NULL, 0, sizeof *g);
  *out = NULL;
  if (g == NULL) return pq_fail_nomem(s->cx);
  *g = (pq_segment){0};
  pq_arena_init(&g->arena, s->cx, UINT64_MAX / 2);
  if (pq_arena_copy(&g->arena, name, &g->name) != PQ_OK) {
    pq_segment_free(g);
    return s->cx->code;
  }
  *out = g;
  return PQ_OK;
}

void pq_segment_free(pq_segment *g) {
  pq_cx *cx;
  if (g == NULL) return;
  cx = g->arena.cx;
  pq_segment_drop_columns(g);
  pq_arena_release(&g->arena);
  pq_alloc(cx, g, sizeof *g, 0);
}

typedef struct segment_maker {
  pq_graphs *s;
  pq_segment *g;
  pq_arena *scratch;
  const pq_adjacency *a;              /* the segment's */
  const uint32_t *nodes, *predicates; /* the same: numbers of its nodes and predicates */
  bool is_same;                       /* the nodes' are their places */
} segment_maker;

static uint32_t *new_array(segment_maker *m, size_t count) {
  return pq_arena_array(&m->g->arena, count, sizeof(uint32_t));
}

static uint32_t *temp_array(segment_maker *m, size_t count) {
  return pq_arena_calloc(m->scratch, count, sizeof(uint32_t));
}

static int make_numbers(segment_maker *m) {
  const pq_adjacency *a = m->a;
  uint32_t *nodes = new_array(m, a->node_count), *predicates = new_array(m, a->predicate_count);
  if (nodes == NULL || predicates == NULL) return m->s->cx->code;
  PQ_TRY(pq_numbers_add_all(&m->s->nodes, a->ids, a->node_count, nodes));
  PQ_TRY(pq_numbers_add_all(&m->s->predicates, a->predicates, a->predicate_count, predicates));
  m->nodes = m->g->nodes = nodes;
  m->predicates = m->g->predicates = predicates;
  m->is_same = true;
  for (uint32_t i = 0; i < a->node_count && m->is_same; i++)
    m->is_same = nodes[i] == i;
  m->g->is_same = m->is_same;
  return PQ_OK;
}

static int compare_u64(const void *a, const void *b, const void *ud) {
  uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
  (void)ud;
  return x < y ? -1 : x > y;
}

/* Places of the nodes that have runs (count[n] > 0), in the order of their numbers. */
static int order_nodes(segment_maker *m, const uint32_t *count, uint32_t **out, uint32_t *n) {
  uint32_t *order = temp_array(m, m->a->node_count);
  uint64_t *items;
  *out = order;
  *n = 0;
  if (order == NULL) return m->s->cx->code;
  if (m->is_same) {
    for (uint32_t i = 0; i < m->a->node_count; i++)
      if (count[i] > 0) order[(*n)++] = i;
    return PQ_OK;
  }
  items = pq_arena_array(m->scratch, m->a->node_count, sizeof *items);
  if (items == NULL) return m->s->cx->code;
  for (uint32_t i = 0; i < m->a->node_count; i++)
    if (count[i] > 0) items[(*n)++] = (uint64_t)m->nodes[i] << 32 | i;
  PQ_TRY(pq_sort_items(m->s->cx, items, *n, sizeof *items, compare_u64, NULL));
  for (uint32_t i = 0; i < *n; i++)
    order[i] = (uint32_t)items[i];
  return PQ_OK;
}

/* l->first_run and l->nodes for nodes in `order` that have run_count[place] runs each. */
static int index_runs(segment_maker *m, const uint32_t *order, uint32_t n,
                      const uint32_t *run_count, pq_links *l) {
  uint32_t hi = n == 0 ? 0 : m->nodes[order[n - 1]] + 1, at = 0, next = 0;
  bool is_sparse = n < hi / SPARSE;
  uint32_t *first = new_array(m, (size_t)(is_sparse ? n : hi) + 1);
  uint32_t *nodes = is_sparse ? new_array(m, n) : NULL;
  if (first == NULL || (is_sparse && nodes == NULL)) return m->s->cx->code;
  for (uint32_t i = 0; i < n; i++) {
    uint32_t number = m->nodes[order[i]];
    if (is_sparse)
      nodes[next] = number;
    else
      for (; next < number; next++)
        first[next] = at;
    first[next++] = at;
    at += run_count[order[i]];
  }
  first[next] = at;
  l->count = next;
  l->nodes = nodes;
  l->first_run = first;
  return PQ_OK;
}

/* ---- out ---- */

static int make_out_same(segment_maker *m) {
  const pq_adjacency *a = m->a;
  pq_link_run *runs = pq_arena_array(&m->g->arena, (size_t)a->run_count + 1, sizeof *runs);
  if (runs == NULL) return m->s->cx->code;
  for (uint32_t i = 0; i < a->run_count; i++)
    runs[i] = (pq_link_run){m->predicates[a->runs[i].predicate], a->runs[i].first_edge};
  runs[a->run_count] = (pq_link_run){0, a->edge_count};
  m->g->out = (pq_links){
      .count = a->node_count, .first_run = a->first_run, .runs = runs, .far = a->to, .place = NULL};
  return PQ_OK;
}

static int make_out(segment_maker *m) {
  const pq_adjacency *a = m->a;
  uint32_t *run_count = temp_array(m, a->node_count), *order, n, run = 0, at = 0;
  pq_link_run *runs = pq_arena_array(&m->g->arena, (size_t)a->run_count + 1, sizeof *runs);
  uint32_t *far = new_array(m, a->edge_count), *place = new_array(m, a->edge_count);
  uint32_t *rank = new_array(m, a->edge_count);
  if (run_count == NULL || runs == NULL || far == NULL || place == NULL || rank == NULL)
    return m->s->cx->code;
  for (uint32_t i = 0; i < a->node_count; i++)
    run_count[i] = a->first_run[i + 1] - a->first_run[i];
  PQ_TRY(order_nodes(m, run_count, &order, &n));
  PQ_TRY(index_runs(m, order, n, run_count, &m->g->out));
  for (uint32_t i = 0; i < n; i++)
    for (uint32_t r = a->first_run[order[i]]; r < a->first_run[order[i] + 1]; r++) {
      runs[run++] = (pq_link_run){m->predicates[a->runs[r].predicate], at};
      for (uint32_t e = a->runs[r].first_edge; e < a->runs[r + 1].first_edge; e++, at++) {
        far[at] = m->nodes[a->to[e]];
        place[at] = e;
        rank[e] = at;
      }
    }
  runs[run] = (pq_link_run){0, at};
  m->g->rank = rank;
  m->g->out.runs = runs;
  m->g->out.far = far;
  m->g->out.place = place;
  return PQ_OK;
}

/* ---- in: sorted by counting, runs of the first predicate before those of the second ---- */

/* Runs of the adjacency in the order of their predicates, and the nodes that they leave. */
static int runs_by_predicate(segment_maker *m, uint32_t **order, uint32_t **from) {
  const pq_adjacency *a = m->a;
  uint32_t *at = temp_array(m, (size_t)a->predicate_count + 1);
  *order = temp_array(m, a->run_count);
  *from = temp_array(m, a->run_count);
  if (at == NULL || *order == NULL || *from == NULL) return m->s->cx->code;
  for (uint32_t r = 0; r < a->run_count; r++)
    at[a->runs[r].predicate + 1]++;
  for (uint32_t p = 0; p < a->predicate_count; p++)
    at[p + 1] += at[p];
  for (uint32_t n = 0; n < a->node_count; n++)
    for (uint32_t r = a->first_run[n]; r < a->first_run[n + 1]; r++) {
      (*order)[at[a->runs[r].predicate]++] = r;
      (*from)[r] = n;
    }
  return PQ_OK;
}

/* How many edges and how many runs enter each node. */
static void count_in(const segment_maker *m, const uint32_t *order, uint32_t *last,
                     uint32_t *edge_count, uint32_t *run_count) {
  const pq_adjacency *a = m->a;
  for (uint32_t i = 0; i < a->run_count; i++) {
    const pq_adjacency_run *run = &a->runs[order[i]];
    for (uint32_t e = run[0].first_edge; e < run[1].first_edge; e++) {
      uint32_t to = a->to[e];
      edge_count[to]++;
      if (last[to] == run->predicate + 1) continue;
      last[to] = run->predicate + 1;
      run_count[to]++;
    }
  }
}

static int make_in(segment_maker *m) {
  const pq_adjacency *a = m->a;
  uint32_t *runs_order, *from, *order, n, at = 0, run_at = 0;
  uint32_t *last = temp_array(m, a->node_count), *edges = temp_array(m, a->node_count);
  uint32_t *run_count = temp_array(m, a->node_count);
  uint32_t *far = new_array(m, a->edge_count), *place = new_array(m, a->edge_count);
  pq_link_run *runs;
  if (last == NULL || edges == NULL || run_count == NULL || far == NULL || place == NULL)
    return m->s->cx->code;
  PQ_TRY(runs_by_predicate(m, &runs_order, &from));
  count_in(m, runs_order, last, edges, run_count);
  PQ_TRY(order_nodes(m, edges, &order, &n));
  PQ_TRY(index_runs(m, order, n, run_count, &m->g->in));
  for (uint32_t i = 0; i < n; i++) { /* counts become places where the next one goes */
    uint32_t edge_count = edges[order[i]], count = run_count[order[i]];
    edges[order[i]] = at;
    run_count[order[i]] = run_at;
    at += edge_count;
    run_at += count;
  }
  runs = pq_arena_array(&m->g->arena, (size_t)run_at + 1, sizeof *runs);
  if (runs == NULL) return m->s->cx->code;
  memset(last, 0, a->node_count * sizeof *last);
  for (uint32_t i = 0; i < a->run_count; i++) {
    uint32_t r = runs_order[i], predicate = a->runs[r].predicate, number = m->nodes[from[r]];
    for (uint32_t e = a->runs[r].first_edge; e < a->runs[r + 1].first_edge; e++) {
      uint32_t to = a->to[e], p = edges[to]++;
      far[p] = number;
      place[p] = e;
      if (last[to] == predicate + 1) continue;
      last[to] = predicate + 1;
      runs[run_count[to]++] = (pq_link_run){m->predicates[predicate], p};
    }
  }
  runs[run_at] = (pq_link_run){0, at};
  m->g->in.runs = runs;
  m->g->in.far = far;
  m->g->in.place = place;
  return PQ_OK;
}

static int make_doubts(segment_maker *m) {
  uint32_t *doubts, n = 0;
  for (uint32_t i = 0; i < m->a->node_count; i++)
    n += pq_adjacency_doubts(m->a, i);
  if (n == 0) return PQ_OK;
  doubts = new_array(m, n);
  if (doubts == NULL) return m->s->cx->code;
  for (uint32_t i = 0; i < m->a->node_count; i++)
    if (pq_adjacency_doubts(m->a, i)) doubts[m->g->doubt_count++] = m->nodes[i];
  m->g->doubts = doubts;
  return PQ_OK;
}

int pq_segment_make(pq_graphs *s, pq_segment *g, pq_arena *scratch) {
  segment_maker m = {.s = s, .g = g, .scratch = scratch, .a = &g->adjacency};
  PQ_TRY(make_numbers(&m));
  PQ_TRY(m.is_same ? make_out_same(&m) : make_out(&m));
  return make_doubts(&m);
}

int pq_segment_make_in(pq_graphs *s, pq_segment *g, pq_arena *scratch) {
  segment_maker m = {.s = s,
                     .g = g,
                     .scratch = scratch,
                     .a = &g->adjacency,
                     .nodes = g->nodes,
                     .predicates = g->predicates,
                     .is_same = g->is_same};
  if (g->has_in) return PQ_OK;
  PQ_TRY(make_in(&m));
  g->has_in = true;
  return PQ_OK;
}
