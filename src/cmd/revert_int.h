/* cmd/revert_int.h - what the two halves of revert share: entities (revert_command.c) and the edges
 * between them (revert_edges.c).
 */
#ifndef PQ_CMD_REVERT_INT_H
#define PQ_CMD_REVERT_INT_H

#include "cmd/command_int.h"

/* In the operation's arena. */
struct pq_revert {
  bool has_edges;
  uint64_t seq;    /* what is reverted to */
  pq_slice *nodes; /* entities that were there then, sorted: their edges are compared */
  uint32_t node_count, node_cap, node;
  pq_slice *back; /* those of them that are created again, sorted */
  uint32_t back_count, back_cap;
  uint64_t lost;     /* edges that were there then and lack an end now */
  pq_stage_fn after; /* when the edges are known */
};

int pq_revert_open(pq_command *c) PQ_MUST_CHECK;
int pq_revert_add_node(pq_command *c, pq_slice id) PQ_MUST_CHECK;
int pq_revert_add_back(pq_command *c, pq_slice id) PQ_MUST_CHECK;
/* Find in stages what becomes of the edges, into c->s.edges; then go on with `after`. */
int pq_revert_edges_begin(pq_command *c, pq_stage_fn after) PQ_MUST_CHECK;

#endif
