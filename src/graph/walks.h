/* graph/walks.h - how many paths fit a journey, and where they end, when edges may come again:
 * counted level by level, not walked one by one.
 *
 *   level   (node, places) → paths     a ─► b, c ─► d      d: as many as b and c have together
 *   places  how far they have come (trails.h): what comes next depends on nothing else
 *
 * So a level costs as much as its nodes have edges, however many paths there are.
 */
#ifndef PQ_GRAPH_WALKS_H
#define PQ_GRAPH_WALKS_H

#include "graph/trails.h"

/* Paths to one node that have come equally far. */
typedef struct pq_walk_state {
  uint32_t node, places; /* number of the set */
  uint64_t count;        /* UINT64_MAX: too many to be counted */
} pq_walk_state;

/* The states of a level, hashed. */
typedef struct pq_walk_level {
  pq_walk_state *items;
  uint32_t *table; /* number of a state + 1; 0: free */
  uint32_t count, cap, table_cap;
} pq_walk_level;

typedef struct pq_walk_set {
  uint64_t places[PQ_TRAIL_WORDS];
  uint64_t legs; /* bits: of which there may be another step */
  bool is_whole;
} pq_walk_set;

typedef struct pq_walk_move {
  uint32_t from, to; /* numbers of sets */
  uint64_t legs;
} pq_walk_move;

/* What whole paths end at. */
typedef struct pq_walk_end {
  uint32_t node, depth; /* of the shortest one */
  uint64_t count;       /* as of a state */
} pq_walk_end;

typedef struct pq_walks {
  pq_trails trails; /* of the journey; it is not walked */
  pq_walk_level levels[2];
  pq_walk_set *sets;
  uint32_t set_count, set_cap;
  pq_walk_move *moves;
  uint32_t move_count, move_cap, move_last;
  pq_trail_step *steps; /* of a node */
  uint32_t step_count, step_cap;
  uint32_t *nodes; /* for questions */
  uint32_t node_cap;
  uint64_t *none; /* bits: no node */
  pq_walk_end *ends;
  uint32_t *end_of; /* of a node: number of the end + 1; 0: none */
  uint32_t end_count, end_cap, depth;
  pq_choice *asked; /* PQ_ASK: whose */
  uint64_t explored;
  bool is_over;
} pq_walks;

/* As pq_trails_init. */
int pq_walks_init(pq_walks *w, pq_arena *arena, const pq_graph *g, const pq_leg *legs,
                  uint32_t leg_count, const uint32_t *starts, uint32_t count) PQ_MUST_CHECK;
/* Go on by a level, until is_over: ends[0..end_count), in no particular order. PQ_ASK of `asked`.
 */
int pq_walks_step(pq_walks *w) PQ_MUST_CHECK;

#endif
