/* graph/choice.c - verdicts on nodes and edges, and what is wanted of them. See choice.h. */
#include "graph/choice.h"

#include <string.h>

#include "base/merge_sort.h"

int pq_judged_init(pq_judged *j, pq_arena *arena, uint32_t count) {
  *j = (pq_judged){0};
  j->wanted = pq_arena_array(arena, PQ_WANTED_MAX, sizeof *j->wanted);
  if (j->wanted == NULL) return arena->cx->code;
  j->verdicts = pq_arena_calloc(arena, (size_t)count / 4 + 1, 1);
  return j->verdicts == NULL ? arena->cx->code : PQ_OK;
}

static void put(pq_judged *j, uint32_t i, pq_verdict v) {
  uint8_t *byte = &j->verdicts[i / 4];
  unsigned shift = i % 4 * 2;
  *byte = (uint8_t)((*byte & ~(3u << shift)) | (unsigned)v << shift);
}

bool pq_judged_ask(pq_judged *j, uint32_t i) {
  pq_verdict v = pq_judged_get(j, i);
  if (v == PQ_VERDICT_UNKNOWN && j->wanted_count < PQ_WANTED_MAX) {
    j->wanted[j->wanted_count++] = i;
    put(j, i, PQ_VERDICT_WANTED);
  }
  return v >= PQ_VERDICT_NO;
}

void pq_judged_set(pq_judged *j, uint32_t i, bool is_good) {
  put(j, i, is_good ? PQ_VERDICT_YES : PQ_VERDICT_NO);
}

uint64_t *pq_bits_new(pq_arena *arena, uint32_t count) {
  return pq_arena_calloc(arena, (size_t)count / 64 + 1, sizeof(uint64_t));
}

int pq_choice_ask(pq_choice *c, pq_direction direction, const uint32_t *nodes, uint32_t count,
                  const uint64_t *seen) {
  bool is_known = true;
  if (!pq_choice_judges(c)) return PQ_OK;
  for (uint32_t n = 0; n < count; n++) {
    pq_arc_walk w = pq_arcs_begin(c->graph, nodes[n], direction, &c->predicates);
    pq_arcs arcs;
    while (pq_arcs_next(&w, &arcs)) {
      for (uint32_t i = 0; i < arcs.count; i++) {
        uint32_t edge = pq_arcs_edge(&arcs, i);
        if (pq_bit(seen, arcs.far[i])) continue;
        if (!pq_judged_ask(&c->edges, edge))
          is_known = false;
        else if (pq_judged_is_good(&c->edges, edge))
          is_known &= pq_judged_ask(&c->nodes, arcs.far[i]);
      }
    }
  }
  return is_known ? PQ_OK : PQ_ASK;
}

static int compare_ids(const void *a, const void *b, const void *ud) {
  const pq_graph *g = ud;
  return pq_slice_cmp(pq_graph_id(g, *(const uint32_t *)a), pq_graph_id(g, *(const uint32_t *)b));
}

int pq_graph_sort(const pq_graph *g, pq_cx *cx, uint32_t *nodes, uint32_t count) {
  return pq_sort_items(cx, nodes, count, sizeof *nodes, compare_ids, g);
}

static int compare_edges(const void *a, const void *b, const void *ud) {
  const pq_graph *g = ud;
  pq_edge_ends x = pq_graph_ends(g, *(const uint32_t *)a);
  pq_edge_ends y = pq_graph_ends(g, *(const uint32_t *)b);
  int d = x.from == y.from ? 0 : pq_slice_cmp(pq_graph_id(g, x.from), pq_graph_id(g, y.from));
  if (d == 0 && x.predicate != y.predicate)
    d = pq_slice_cmp(pq_graph_predicate_name(g, x.predicate),
                     pq_graph_predicate_name(g, y.predicate));
  return d != 0 ? d : pq_slice_cmp(pq_graph_id(g, x.to), pq_graph_id(g, y.to));
}

int pq_graph_sort_edges(const pq_graph *g, pq_cx *cx, uint32_t *edges, uint32_t count) {
  return pq_sort_items(cx, edges, count, sizeof *edges, compare_edges, g);
}

int pq_room(pq_arena *arena, void **items, uint32_t count, uint32_t *cap, size_t size) {
  uint32_t more = *cap == 0 ? 64 : *cap * 2;
  void *grown;
  if (count < *cap) return PQ_OK;
  if (*cap > UINT32_MAX / 2) return pq_fail(arena->cx, PQ_ELIMIT, "more than 2^31 items");
  grown = pq_arena_array(arena, more, size);
  if (grown == NULL) return arena->cx->code;
  if (count > 0) memcpy(grown, *items, count * size);
  *items = grown;
  *cap = more;
  return PQ_OK;
}
