/* graph/reach.h - where the legs of a journey lead: sets of nodes, each once.
 *
 *   leg 0: knows{1,3}     starts │ level 1 │ level 2 │ level 3        a node is entered once in a
 *                                  └────────── ends ─────────┘        leg, at its least depth in it
 *   leg 1: likes{1,1}     starts = those ends │ level 1
 *
 * The starts of a leg are not entered before an edge leads to them, but where its minimum is 0.
 */
#ifndef PQ_GRAPH_REACH_H
#define PQ_GRAPH_REACH_H

#include "graph/choice.h"

#define PQ_NO_MAX UINT32_MAX

/* One step of a journey: so many edges of a choice. */
typedef struct pq_leg {
  uint32_t min, max; /* PQ_NO_MAX: no bound */
  pq_choice *choice; /* borrowed */
} pq_leg;

typedef struct pq_reach {
  const pq_graph *graph; /* borrowed, as are the legs */
  pq_arena *arena;
  const pq_leg *legs;
  uint32_t leg_count, leg; /* `leg`: the one that is gone */
  bool is_begun;           /* the leg */
  uint64_t *seen;
  uint32_t *nodes; /* of the leg: starts, then by level */
  uint32_t count, cap;
  uint32_t first, level;           /* of the last level: its first node; its depth in the leg */
  uint32_t start_count, end_first; /* ends are from there on */
  /* `$depth`, where it is wanted: of each of `nodes`; `places`: of a node among them */
  bool wants_depths;
  uint32_t *depths, *places;
  uint64_t *reached; /* [leg_count]: distinct ends of each leg */
  uint64_t entered;  /* in all legs */
} pq_reach;

/* Begin with distinct nodes. */
int pq_reach_init(pq_reach *r, pq_arena *arena, const pq_graph *g, const pq_leg *legs,
                  uint32_t leg_count, bool wants_depths) PQ_MUST_CHECK;
int pq_reach_start(pq_reach *r, const uint32_t *nodes, uint32_t count) PQ_MUST_CHECK;
/* Go on to the end: nodes[0..count), perhaps with depths. PQ_ASK: of legs[r->leg].choice. */
int pq_reach_go(pq_reach *r) PQ_MUST_CHECK;

#endif
