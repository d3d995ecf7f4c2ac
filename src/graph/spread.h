/* graph/spread.h - breadth first from some nodes: level by level, each node once.
 *
 *   nodes  s0 s1 │ n n n │ n n n n          in the order in which they were entered
 *                        ▲ frontier: the last level
 */
#ifndef PQ_GRAPH_SPREAD_H
#define PQ_GRAPH_SPREAD_H

#include "graph/choice.h"

typedef struct pq_spread {
  const pq_graph *graph; /* borrowed */
  pq_arena *arena;       /* borrowed */
  uint64_t *seen;        /* bits of nodes: entered */
  uint32_t *nodes;
  uint32_t count, cap;
  uint32_t frontier; /* its first node; it ends at `count` */
  uint32_t depth;    /* of the frontier */
} pq_spread;

/* Nothing is entered. */
int pq_spread_init(pq_spread *s, pq_arena *arena, const pq_graph *g) PQ_MUST_CHECK;
/* Enter a node of the first level, if it is not there; PQ_NO_NODE is ignored. */
int pq_spread_add(pq_spread *s, uint32_t node) PQ_MUST_CHECK;
/* Enter the next level; none: the frontier is empty. PQ_ASK. */
int pq_spread_step(pq_spread *s, pq_choice *c) PQ_MUST_CHECK;
/* Only the first `count` nodes were entered: the last level loses the others. They stay seen. */
void pq_spread_cut(pq_spread *s, uint32_t count);
/* How many edges of the choice there are between entered nodes. PQ_ASK. `edges` not NULL: their
 * numbers, in the arena. */
int pq_spread_edges(pq_spread *s, pq_choice *c, uint32_t **edges, uint64_t *count) PQ_MUST_CHECK;

#endif
