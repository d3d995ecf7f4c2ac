/* cmd/graph_commands.c - what related and traverse share: nodes by their ids, and the entities that
 * they are.
 */
#include "base/slices.h"
#include "cmd/command_int.h"

/* The distinct far ends of edges, sorted, copied: the next frontier. */
int pq_nodes_set(pq_command *c, const pq_edge *edges, uint32_t count, bool is_reverse) {
  pq_slice *ids = pq_arena_calloc(&c->op.scratch, count, sizeof *ids);
  pq_slice *nodes;
  if (ids == NULL) return c->op.cx->code;
  for (uint32_t i = 0; i < count; i++)
    ids[i] = is_reverse ? edges[i].from_id : edges[i].to_id;
  PQ_TRY(pq_slices_sort(c->op.cx, ids, &count));
  nodes = pq_arena_calloc(&c->op.arena, count, sizeof *nodes);
  if (nodes == NULL) return c->op.cx->code;
  for (uint32_t i = 0; i < count; i++)
    PQ_TRY(pq_arena_copy(&c->op.arena, ids[i], &nodes[i]));
  c->s.nodes = nodes;
  c->s.node_count = count;
  return PQ_OK;
}

int pq_nodes_read(pq_command *c, uint32_t from, uint32_t count, unsigned want, pq_entity **out) {
  pq_op *op = &c->op;
  const pq_view *v = &c->s.snapshot.view;
  pq_location *at = pq_arena_calloc(&op->scratch, count, sizeof *at);
  *out = pq_arena_calloc(&op->scratch, count, sizeof **out);
  if (at == NULL || *out == NULL) return op->cx->code;
  PQ_TRY(pq_view_locate(v, &op->fetch, &op->scratch, c->s.nodes + from, count, false, at));
  PQ_TRY(pq_view_read(v, &op->fetch, &op->scratch, at, count, want, *out, NULL));
  for (uint32_t i = 0; i < count; i++)
    if ((*out)[i].is_deleted) (*out)[i] = (pq_entity){0};
  return PQ_OK;
}

int pq_nodes_keep_live(pq_command *c) {
  pq_entity *nodes;
  uint32_t n = 0;
  PQ_TRY(pq_nodes_read(c, 0, c->s.node_count, PQ_WANT_ID | PQ_WANT_DELETED, &nodes));
  for (uint32_t i = 0; i < c->s.node_count; i++)
    if (nodes[i].id.p != NULL) c->s.nodes[n++] = c->s.nodes[i];
  c->s.node_count = n;
  return PQ_OK;
}

int pq_nodes_open(pq_command *c, pq_value target) {
  PQ_TRY(pq_target_id(c, target));
  c->s.nodes = &c->s.id;
  c->s.node_count = 1;
  return PQ_OK;
}
