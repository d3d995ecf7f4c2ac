/* graph/shortest.h - the shortest paths between two nodes, by number of edges.
 *
 *   from ─► level 1 ─► level 2 ◄─ level 1 ◄─ to        the side with fewer nodes goes on, a whole
 *           side 0        meet      side 1             level at a time, until the sides meet
 *
 * Then a node is on a shortest path if it is in its level of side 0 and leads to where they meet
 * (`good`), or in side 1 at all.
 */
#ifndef PQ_GRAPH_SHORTEST_H
#define PQ_GRAPH_SHORTEST_H

#include "graph/trails.h"

#define PQ_NO_LENGTH UINT32_MAX

/* What a search may not use: nodes, and edges that leave its start (graph/routes.h). Borrowed. */
typedef struct pq_barred {
  const uint32_t *nodes, *edges;
  uint32_t node_count, edge_count;
} pq_barred;

typedef struct pq_side {
  uint64_t *seen;
  uint32_t *depths;                  /* by node, where seen; PQ_NO_LENGTH: barred */
  uint32_t *nodes;                   /* in the order in which they were entered */
  uint32_t count, cap, first, depth; /* first: of the last level */
} pq_side;

typedef struct pq_shortest {
  pq_choice *choice; /* borrowed */
  pq_arena *arena;
  uint32_t from, to, hops_max;
  pq_barred barred;
  pq_side sides[2];
  uint64_t *good;
  uint32_t *good_nodes;
  uint32_t good_count, good_cap;
  bool is_distance_only, is_met, is_begun;
  uint32_t length;   /* PQ_NO_LENGTH: none was found */
  uint64_t explored; /* nodes entered, of all searches */
} pq_shortest;

int pq_shortest_init(pq_shortest *s, pq_arena *arena, pq_choice *choice) PQ_MUST_CHECK;
/* Begin a search between two different nodes. */
int pq_shortest_begin(pq_shortest *s, uint32_t from, uint32_t to, uint32_t hops_max,
                      pq_barred barred) PQ_MUST_CHECK;
/* To its end: `length`. With is_distance_only nothing else is found out. PQ_ASK. */
int pq_shortest_go(pq_shortest *s) PQ_MUST_CHECK;
/* Is the step on a shortest path? `ud` of the trails is the search. */
bool pq_shortest_allows(const pq_trails *t, uint32_t edge, uint32_t far);

/* The other way. */
static inline pq_direction pq_direction_turned(pq_direction d) {
  return d == PQ_BOTH ? PQ_BOTH : d == PQ_OUT ? PQ_IN : PQ_OUT;
}

static inline bool pq_is_barred(const pq_barred *b, uint32_t edge) {
  for (uint32_t i = 0; i < b->edge_count; i++)
    if (b->edges[i] == edge) return true;
  return false;
}

#endif
