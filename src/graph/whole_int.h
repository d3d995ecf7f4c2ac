/* graph/whole_int.h - what the algorithms of graph/whole.h share.
 *
 * An algorithm is a chain of phases. A phase goes on at w->at, until it is at its end or the work
 * is used up, and says what comes next:
 *
 *     for (; v < end && *work > 0; v++) { … pq_whole_spend(work, edges of v); }
 *     return pq_whole_go(w, v, end, the_next);
 */
#ifndef PQ_GRAPH_WHOLE_INT_H
#define PQ_GRAPH_WHOLE_INT_H

#include "graph/whole.h"

static inline void pq_whole_spend(uint64_t *work, uint64_t n) {
  *work = n + 1 < *work ? *work - n - 1 : 0;
}

/* The phase ends, `next` is the next one; NULL: all is done. */
static inline int pq_whole_next(pq_whole *w, pq_whole_phase next) {
  w->phase = next;
  w->at = 0;
  return PQ_OK;
}

/* It has come to `at`; at the end `next` begins. */
static inline int pq_whole_go(pq_whole *w, uint32_t at, uint32_t end, pq_whole_phase next) {
  w->at = at;
  return at == end ? pq_whole_next(w, next) : PQ_OK;
}

static inline uint32_t pq_flat_degree(const pq_flat *g, uint32_t node) {
  return g->first[node + 1] - g->first[node];
}

/* ---- whole.c ---- */
/* Arrays in scratch and in the answer; NULL as pq_arena_alloc. */
uint32_t *pq_whole_u32(pq_arena *arena, uint64_t count);
uint32_t *pq_whole_zeros(pq_arena *arena, uint64_t count);

/* ---- whole_nodes.c: nodes by id, edges between them ---- */
/* The first phase: fills `nodes` and `out`, perhaps `in`; then goes on with w->then. */
int pq_whole_order_nodes(pq_whole *w, uint64_t *work);

/* ---- whole_turn.c: edges the other way, both ways ---- */
/* Turn all edges of *from; far ends of *to rise whatever those of *from do. Goes on with `then`. */
int pq_whole_turn(pq_whole *w, const pq_flat *from, pq_flat *to, pq_whole_phase then) PQ_MUST_CHECK;
/* Have w->in; w->simple. Go on with `then`. */
int pq_whole_need_in(pq_whole *w, pq_whole_phase then) PQ_MUST_CHECK;
int pq_whole_need_simple(pq_whole *w, pq_whole_phase then) PQ_MUST_CHECK;

/* ---- the algorithms: their first phases ---- */
int pq_whole_degree(pq_whole *w, uint64_t *work);
int pq_whole_page_rank(pq_whole *w, uint64_t *work);
int pq_whole_components(pq_whole *w, uint64_t *work);
int pq_whole_triangles(pq_whole *w, uint64_t *work);
int pq_whole_communities(pq_whole *w, uint64_t *work);
int pq_whole_cores(pq_whole *w, uint64_t *work);

#endif
