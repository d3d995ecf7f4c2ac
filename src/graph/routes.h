/* graph/routes.h - the best paths between two nodes, one after the other: all that are as good as
 * the best, or the k best without a loop (Yen's way, Lawler's saving).
 *
 *   best:  a b c d                 each next one leaves one of those before it at some node (its
 *          a │ x d   at a          spur) over an edge that none of them takes there: the best of
 *          a b │ y d at b          each is a candidate, the best candidate is the next one
 *
 * Better is: shorter, or lighter where edges have weights; then the ids of the nodes from the start
 * on, then the predicates, then forward before reverse.
 */
#ifndef PQ_GRAPH_ROUTES_H
#define PQ_GRAPH_ROUTES_H

#include "graph/bounded.h"

typedef enum pq_route_kind { PQ_ROUTE_SHORTEST, PQ_ROUTE_LIGHTEST, PQ_ROUTE_BOUNDED } pq_route_kind;

typedef struct pq_route {
  uint32_t count; /* of edges */
  uint32_t *nodes, *edges, *predicates;
  bool *are_in;
  double weight;      /* 0 without weights */
  uint32_t deviation; /* where it leaves the one that it was made of */
} pq_route;

typedef struct pq_routes {
  pq_arena *arena;
  pq_choice *choice;
  pq_weights weights;
  const double *estimates;
  pq_route_kind kind; /* which of the searches below */
  uint32_t from, to, hops_max;
  bool is_all, is_eager; /* is_eager: of `bounded`; for tests */
  bool is_begun, is_searched, is_over;
  pq_shortest shortest;
  pq_weighted weighted;
  pq_bounded bounded;
  pq_leg leg;
  pq_trails trails;
  /* Yen */
  pq_route *found, *candidates;
  uint32_t found_count, found_cap, candidate_count, candidate_cap;
  uint32_t spur; /* of the last one that was found */
  bool is_spurring;
  uint32_t *barred, barred_cap;
} pq_routes;

/* Between two different nodes. `weights` and `estimates` as of pq_weighted, borrowed. */
int pq_routes_init(pq_routes *r, pq_arena *arena, pq_choice *choice, const pq_weights *weights,
                   const double *estimates) PQ_MUST_CHECK;
void pq_routes_begin(pq_routes *r, uint32_t from, uint32_t to, uint32_t hops_max, bool is_all);
/* The next path, in the arena; NULL: there is none. PQ_ASK, PQ_YIELD. */
int pq_routes_next(pq_routes *r, const pq_route **out) PQ_MUST_CHECK;
/* Nodes looked at. */
uint64_t pq_routes_explored(const pq_routes *r);

#endif
