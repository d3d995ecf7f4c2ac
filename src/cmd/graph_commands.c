/* cmd/graph_commands.c - traverse: edges, then the entities at their other ends, step by step; and
 * what it shares with related (related_command.c).
 *
 *   source must be live ─► edges of the frontier ─► distinct far ends ─► those that are live
 *                              └──────────── once per hop ────────────┘
 */
#include <string.h>

#include "base/slices.h"
#include "cmd/command_int.h"

enum { HOPS_MAX = 64 };

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

static int stage_traverse_end(pq_op *op) {
  pq_command *c = pq_command_of(op);
  pq_builder *b = c->db->builder;
  if (c->s.args.is_explain) PQ_TRY(pq_explain_other(c, PQ_GRAPH_PLAN));
  PQ_TRY(pq_summary_begin(c));
  PQ_TRY(pq_summary_count(c, "n", c->s.count));
  PQ_TRY(pq_builder_key_str(b, "hasMore"));
  PQ_TRY(pq_builder_bool(b, c->s.has_more));
  PQ_TRY(pq_builder_key_str(b, "hops"));
  PQ_TRY(pq_builder_begin_array(b));
  for (uint32_t i = 0; i < c->s.hop_count; i++)
    PQ_TRY(pq_builder_i32(b, (int32_t)c->s.hops[i].reached));
  PQ_TRY(pq_builder_end(b));
  return pq_summary_end(c, c->s.snapshot.view.seq);
}

/* Count one result; true when it belongs to the page. */
static bool is_on_page(pq_command *c) {
  if (c->s.args.limit > 0 && c->s.count == c->s.args.limit) {
    c->s.has_more = true;
    return false;
  }
  c->s.count++;
  return true;
}

int pq_nodes_open(pq_command *c, pq_value target) {
  PQ_TRY(pq_target_id(c, target));
  c->s.nodes = &c->s.id;
  c->s.node_count = 1;
  return PQ_OK;
}

int pq_nodes_source(pq_command *c, bool *is_live) {
  pq_entity *source;
  PQ_TRY(pq_nodes_read(c, 0, 1, PQ_WANT_ID | PQ_WANT_DELETED, &source));
  *is_live = source[0].id.p != NULL;
  return PQ_OK;
}

/* ---- traverse ---- */

static int stage_hop(pq_op *op);

static int stage_traverse_replies(pq_op *op) {
  pq_command *c = pq_command_of(op);
  pq_entity *ends;
  PQ_TRY(pq_nodes_read(c, 0, c->s.node_count, PQ_WANT_ALL, &ends));
  for (uint32_t i = 0; i < c->s.node_count; i++)
    if (ends[i].id.p != NULL && is_on_page(c)) PQ_TRY(pq_reply_entity(c, &ends[i]));
  return pq_read_end(c, stage_traverse_end);
}

/* Keep the live ones of the frontier; go on with the next hop or reply. */
static int stage_live(pq_op *op) {
  pq_command *c = pq_command_of(op);
  pq_entity *ends;
  uint32_t n = 0;
  PQ_TRY(pq_nodes_read(c, 0, c->s.node_count, PQ_WANT_ID | PQ_WANT_DELETED, &ends));
  for (uint32_t i = 0; i < c->s.node_count; i++)
    if (ends[i].id.p != NULL) c->s.nodes[n++] = c->s.nodes[i];
  c->s.node_count = n;
  c->s.hops[c->s.hop].reached = n;
  c->s.hop++;
  op->stage = c->s.hop == c->s.hop_count ? stage_traverse_replies : stage_hop;
  return PQ_OK;
}

static int stage_hop(pq_op *op) {
  pq_command *c = pq_command_of(op);
  const pq_hop *hop = &c->s.hops[c->s.hop];
  pq_edge_query q = {.nodes = c->s.nodes,
                     .node_count = c->s.node_count,
                     .predicate = hop->predicate,
                     .is_reverse = hop->is_reverse};
  pq_edge *edges;
  uint32_t count;
  PQ_TRY(pq_edges_read(&c->s.snapshot.view, &op->fetch, &op->scratch, &q, &edges, &count));
  PQ_TRY(pq_nodes_set(c, edges, count, hop->is_reverse));
  op->stage = stage_live;
  return PQ_OK;
}

static int stage_traverse_source(pq_op *op) {
  pq_command *c = pq_command_of(op);
  bool is_live;
  PQ_TRY(pq_nodes_source(c, &is_live));
  if (!is_live) return pq_read_end(c, stage_traverse_end);
  op->stage = stage_hop;
  return PQ_OK;
}

static int stage_traverse(pq_op *op) {
  pq_command *c = pq_command_of(op);
  PQ_TRY(pq_read_snapshot(c));
  op->stage = stage_traverse_source;
  return PQ_OK;
}

/* A step is a predicate, or {"predicate": P, "direction": D}. */
static int take_hop(pq_command *c, pq_value v, pq_hop *hop) {
  pq_slice direction;
  pq_value d;
  *hop = (pq_hop){.is_reverse = c->s.args.is_reverse};
  if (pq_value_string(v, &hop->predicate) && hop->predicate.n > 0) return PQ_OK;
  if (pq_value_type(v) == PQ_TYPE_OBJECT &&
      pq_value_string(pq_object_get_str(v, "predicate"), &hop->predicate)) {
    d = pq_object_get_str(v, "direction");
    if (pq_value_is_missing(d) && pq_value_count(v) == 1) return PQ_OK;
    if (pq_value_string(d, &direction) && pq_value_count(v) == 2) {
      hop->is_reverse = pq_slice_is(direction, "reverse");
      if (hop->is_reverse || pq_slice_is(direction, "forward")) return PQ_OK;
    }
  }
  return pq_fail(c->op.cx, PQ_EINVALID,
                 "traverse: a step is a predicate or {\"predicate\": P, \"direction\": "
                 "\"forward\" or \"reverse\"}");
}

int pq_open_traverse(pq_command *c, pq_value target) {
  uint32_t n = pq_value_count(c->s.args.path);
  PQ_TRY(pq_nodes_open(c, target));
  if (n == 0)
    return pq_fail(c->op.cx, PQ_EINVALID, "traverse: option 'path' needs at least one step");
  if (n > HOPS_MAX) return pq_fail(c->op.cx, PQ_ELIMIT, "traverse: more than %d steps", HOPS_MAX);
  c->s.hops = pq_arena_calloc(&c->arena, n, sizeof *c->s.hops);
  if (c->s.hops == NULL) return c->op.cx->code;
  for (uint32_t i = 0; i < n; i++)
    PQ_TRY(take_hop(c, pq_array_at(c->s.args.path, i), &c->s.hops[i]));
  c->s.hop_count = n;
  c->s.start = stage_traverse;
  return pq_projection_parse(&c->arena, c->s.env, c->s.args.project, &c->s.projection);
}
