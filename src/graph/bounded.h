/* graph/bounded.h - the lightest paths between two nodes that have at most so many edges.
 *
 *   heap: (weight, hops, node) ─► the least one is settled, unless its node was with fewer hops
 *
 *   labels of a node   5 hops, weight 7     settled first
 *                      3 hops, weight 9     each later one has fewer hops and weighs more, so what
 *                      2 hops, weight 12    a node weighs at most h hops away is told by one of
 * them
 *
 *   side of the end    what is left from each node, in weight and in hops, at least: found once,
 *                      when a search gets large, without asking anybody. From then on a search goes
 *                      twice: towards the end, which finds a path that is best but for rounding;
 *                      then by weight, over what is not worse
 *
 * An edge from (u, h hops) to (v, h + 1) is on a lightest path if it is tight, weight(u, h) + its
 * own = weight(v, h + 1), and leads on to the end within what hops are left (`states`).
 */
#ifndef PQ_GRAPH_BOUNDED_H
#define PQ_GRAPH_BOUNDED_H

#include "graph/spread.h"
#include "graph/weighted.h"

#define PQ_NO_LABEL UINT32_MAX

typedef struct pq_hop_label {
  double weight;
  uint32_t hops, next; /* of the same node, settled before */
} pq_hop_label;

typedef struct pq_hop_item {
  double key, weight; /* key: it is settled by */
  uint32_t hops, node;
} pq_hop_item;

typedef struct pq_bounded {
  pq_choice *choice; /* borrowed */
  pq_weights weights;
  pq_arena *arena;
  uint32_t from, to, hops_max;
  pq_barred barred;
  uint64_t *seen;       /* bits: nodes that were pushed, or are barred */
  uint32_t *newest;     /* label of a node that is seen; PQ_NO_LABEL: none */
  pq_hop_item *pending; /* of a node that is seen: what was pushed last; weight -1: it is barred */
  uint32_t *nodes, node_count, node_cap; /* seen */
  pq_hop_label *labels;
  uint32_t label_count, label_cap;
  pq_hop_item *heap;
  uint32_t heap_count, heap_cap, ahead; /* ahead: as of pq_weight_side */
  uint64_t *none;                       /* bits: no node */
  uint64_t *states, *table;             /* node << 32 | hops, each plus 1; hashed, 0: free */
  uint32_t state_count, state_cap, table_cap;
  pq_choice unjudged; /* turned: of the two that follow */
  pq_weighted left;   /* to the end: weights; not with weights below 0 */
  uint32_t *hops_left;
  bool has_left, is_towards; /* the search goes towards the end */
  bool is_eager;             /* do not wait until it is large */
  double start, limit;       /* nothing heavier is looked at */
  double best;
  uint32_t labelled;       /* nodes */
  bool is_found, has_zero; /* as of pq_weighted */
  uint64_t explored;
} pq_bounded;

int pq_bounded_init(pq_bounded *b, pq_arena *arena, pq_choice *choice,
                    const pq_weights *weights) PQ_MUST_CHECK;
/* As pq_weighted_begin; at most `hops_max` edges. */
int pq_bounded_begin(pq_bounded *b, uint32_t from, uint32_t to, uint32_t hops_max, double start,
                     pq_barred barred) PQ_MUST_CHECK;
/* To its end: is_found. PQ_ASK; PQ_EINVALID: a weight below 0. */
int pq_bounded_go(pq_bounded *b) PQ_MUST_CHECK;
/* Is the step on a lightest path without a loop? `ud` of the trails is the search. */
bool pq_bounded_allows(const pq_trails *t, uint32_t edge, uint32_t far);

#endif
