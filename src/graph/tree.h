/* graph/tree.h - the same as graph/reach.h, and how each node is come to: a tree of visits.
 *
 *   starts   a ──────── b              a visit: node, the visit before it, the edge between them
 *   leg 0    ├─ c   d   └─ e
 *   leg 1    └─ f   └─ g
 *
 * A node is visited once in a leg, at its least depth in it, from the visit whose own path is
 * least: by number of edges, then by ids from the start on; of several edges by the least
 * predicate, those that go out first. So there is one path to each end, and numbers of nodes have
 * no say in it.
 */
#ifndef PQ_GRAPH_TREE_H
#define PQ_GRAPH_TREE_H

#include "graph/reach.h"

#define PQ_NO_VISIT UINT32_MAX

typedef struct pq_visit {
  uint32_t node, parent, edge, depth; /* parent PQ_NO_VISIT: a start */
} pq_visit;

typedef struct pq_tree {
  const pq_graph *graph; /* borrowed, as are the legs */
  pq_arena *arena;
  const pq_leg *legs;
  uint32_t leg_count, leg;
  bool is_begun;
  pq_visit *visits;
  uint32_t count, cap;
  uint64_t *seen;  /* in the leg */
  uint32_t *level; /* visits of the last level, least path first */
  uint32_t *ends;  /* visits: starts of the leg, then its ends; sorted when all is done */
  uint32_t level_count, level_cap, end_count, end_cap, depth;
  uint32_t first;  /* of the leg: visits from here on are its own */
  uint32_t *nodes; /* of a level, for questions */
  uint64_t *reached;
} pq_tree;

/* `starts` distinct, in the order of their ids. */
int pq_tree_init(pq_tree *t, pq_arena *arena, const pq_graph *g, const pq_leg *legs,
                 uint32_t leg_count, const uint32_t *starts, uint32_t count) PQ_MUST_CHECK;
/* Go on to the end: ends[0..end_count), shortest path first, then by ids. PQ_ASK: of
 * legs[t->leg].choice. */
int pq_tree_go(pq_tree *t) PQ_MUST_CHECK;
/* Sort visits by the ids on their paths, a path before those that it begins. */
int pq_tree_sort_deep(const pq_tree *t, pq_cx *cx, uint32_t *visits, uint32_t count) PQ_MUST_CHECK;

#endif
