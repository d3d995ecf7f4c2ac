/* graph/weighted.h - the lightest paths between two nodes: Dijkstra's search, or A* with an
 * estimate of what is left.
 *
 *   heap: (weight so far + estimate, node) ─► the least one is settled ─► its edges ─► heap …
 *
 *   from ─► ○ ○ ○ ─► ● ● ● ─► to     Without an estimate it begins at both ends, and where the
 *           side 0      side 1       heaps are smaller it goes on, until what is left on both sides
 *                                    together is heavier than a path that was met (`best`). Then
 *   side 0 goes on alone, over nodes that side 1 has settled and that are no detour.
 *
 * It ends when all nodes are settled by side 0 that may be on a lightest path; an edge from u to v
 * is on one if it is tight, weight(u) + its own = weight(v), and leads on to the end (`good`). All
 * weights that are compared for equality are sums from the start on.
 */
#ifndef PQ_GRAPH_WEIGHTED_H
#define PQ_GRAPH_WEIGHTED_H

#include "graph/shortest.h"

/* What edges weigh. */
typedef struct pq_weights {
  const double *values; /* by edge; NaN: it says nothing. NULL: every edge counts 1 */
  double normal;        /* of edges that say nothing; NaN: they are not used */
  bool has_negative;    /* some may be below 0, which fails where they are met */
  pq_slice name;        /* for errors */
} pq_weights;

/* NaN: the edge is not used. */
static inline double pq_weight_of(const pq_weights *w, uint32_t edge) {
  double weight = w->values[edge];
  return weight == weight ? weight : w->normal;
}

typedef struct pq_heap_item {
  double key;
  uint32_t node;
} pq_heap_item;

typedef struct pq_weight_side {
  pq_direction direction;
  uint64_t *seen, *settled;
  double *so_far;              /* by node, where seen */
  uint32_t *nodes, count, cap; /* seen */
  pq_heap_item *heap;
  uint32_t heap_count, heap_cap, ahead; /* ahead: nodes of the heap that are asked for at once */
} pq_weight_side;

typedef struct pq_weighted {
  pq_choice *choice; /* borrowed */
  pq_weights weights;
  const double *estimates; /* by node; NULL: none. |estimate(n) - estimate(to)| is what is left */
  pq_arena *arena;
  uint32_t from, to;
  pq_barred barred;
  pq_weight_side sides[2]; /* the second is used without estimates */
  uint64_t *good;
  uint64_t *none; /* bits: no node */
  uint32_t *good_nodes, good_count, good_cap;
  double best;             /* of the paths that were met */
  bool is_met, is_narrow;  /* there is a path; side 0 goes on alone */
  bool is_found, has_zero; /* has_zero: an edge was met that adds no weight */
  uint64_t explored;
} pq_weighted;

/* Fails: a weight is below 0. */
int pq_weight_bad(pq_cx *cx, const pq_weights *w, double weight) PQ_MUST_CHECK;

int pq_weighted_init(pq_weighted *w, pq_arena *arena, pq_choice *choice, const pq_weights *weights,
                     const double *estimates) PQ_MUST_CHECK;
/* Begin a search between two different nodes; the start has a weight already. */
int pq_weighted_begin(pq_weighted *w, uint32_t from, uint32_t to, double start,
                      pq_barred barred) PQ_MUST_CHECK;
/* To its end: is_found; sides[0].so_far[to]. PQ_ASK; PQ_EINVALID: a weight below 0. */
int pq_weighted_go(pq_weighted *w) PQ_MUST_CHECK;
/* Instead of both: all that can be come to; sides[0].seen and so_far. */
int pq_weighted_all(pq_weighted *w, uint32_t from) PQ_MUST_CHECK;
/* Sums from either end are rounded differently, and so are estimates: what is a little dearer than
 * the best is looked at, too. */
static inline double pq_weight_bound(double best) {
  return best + best * 1e-9;
}
/* Is the step on a lightest path without a loop? `ud` of the trails is the search. */
bool pq_weighted_allows(const pq_trails *t, uint32_t edge, uint32_t far);

#endif
