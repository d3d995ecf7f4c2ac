/* cmd/graph_commands.c - related, traverse: edges, then the entities at their other ends.
 *
 *   source must be live ─► edges of the frontier ─► distinct far ends ─► those that are live
 *                              └──────────── once per hop ────────────┘
 */
#include <string.h>

#include "base/merge_sort.h"
#include "cmd/command_int.h"

enum { HOPS_MAX = 64 };

static int compare_slices(const void *a, const void *b, const void *ud) {
  (void)ud;
  return pq_slice_cmp(*(const pq_slice *)a, *(const pq_slice *)b);
}

/* The distinct far ends of edges, sorted, copied: the next frontier. */
static int set_frontier(pq_command *c, const pq_edge *edges, uint32_t count, bool is_reverse) {
  pq_slice *ids = pq_arena_calloc(&c->op.scratch, count, sizeof *ids);
  pq_slice *nodes;
  uint32_t n = 0;
  if (ids == NULL) return c->op.cx->code;
  for (uint32_t i = 0; i < count; i++)
    ids[i] = is_reverse ? edges[i].from_id : edges[i].to_id;
  PQ_TRY(pq_sort_items(c->op.cx, ids, count, sizeof *ids, compare_slices, NULL));
  nodes = pq_arena_calloc(&c->op.arena, count, sizeof *nodes);
  if (nodes == NULL) return c->op.cx->code;
  for (uint32_t i = 0; i < count; i++) {
    if (i > 0 && pq_slice_eq(ids[i - 1], ids[i])) continue;
    PQ_TRY(pq_arena_copy(&c->op.arena, ids[i], &nodes[n++]));
  }
  c->s.nodes = nodes;
  c->s.node_count = n;
  return PQ_OK;
}

/* Read the frontier's entities; those not live have id.p == NULL. */
static int read_nodes(pq_command *c, unsigned want, pq_entity **out) {
  pq_op *op = &c->op;
  const pq_view *v = &c->s.snapshot.view;
  pq_location *at = pq_arena_calloc(&op->scratch, c->s.node_count, sizeof *at);
  *out = pq_arena_calloc(&op->scratch, c->s.node_count, sizeof **out);
  if (at == NULL || *out == NULL) return op->cx->code;
  PQ_TRY(pq_view_locate(v, &op->fetch, &op->scratch, c->s.nodes, c->s.node_count, false, at));
  PQ_TRY(pq_view_read(v, &op->fetch, &op->scratch, at, c->s.node_count, want, *out, NULL));
  for (uint32_t i = 0; i < c->s.node_count; i++)
    if ((*out)[i].is_deleted) (*out)[i] = (pq_entity){0};
  return PQ_OK;
}

static int end_page(pq_command *c, bool has_hops) {
  pq_builder *b = c->db->builder;
  if (c->s.args.is_explain) {
    pq_value item;
    c->items = NULL;
    c->item_count = c->item_cap = c->item_next = 0;
    pq_builder_clear(b);
    PQ_TRY(pq_builder_begin_object(b));
    PQ_TRY(pq_put_text(b, "command", pq_str(c->s.spec->name)));
    PQ_TRY(pq_put_text(b, "plan",
                       PQ_SLICE("edges by page index of the sorted end, then entities by id")));
    PQ_TRY(pq_put_count(b, "seq", c->s.snapshot.view.seq));
    PQ_TRY(pq_put_count(b, "rows", c->s.count));
    PQ_TRY(pq_put_count(b, "requests", c->op.fetch.stat_requests));
    PQ_TRY(pq_put_count(b, "bytes", c->op.fetch.stat_bytes));
    PQ_TRY(pq_put_count(b, "rounds", c->op.rounds));
    PQ_TRY(pq_builder_end(b));
    PQ_TRY(pq_builder_finish(b, &c->replies, &item));
    PQ_TRY(pq_reply_item(c, item));
  }
  PQ_TRY(pq_summary_begin(c));
  PQ_TRY(pq_summary_count(c, "n", c->s.count));
  PQ_TRY(pq_builder_key_str(b, "hasMore"));
  PQ_TRY(pq_builder_bool(b, c->s.has_more));
  if (has_hops) {
    PQ_TRY(pq_builder_key_str(b, "hops"));
    PQ_TRY(pq_builder_begin_array(b));
    for (uint32_t i = 0; i < c->s.hop_count; i++)
      PQ_TRY(pq_builder_i32(b, (int32_t)c->s.hops[i].reached));
    PQ_TRY(pq_builder_end(b));
  }
  return pq_summary_end(c, c->s.snapshot.view.seq);
}

/* Count one result; true when it belongs to the page. */
static bool is_on_page(pq_command *c, uint64_t *seen) {
  (*seen)++;
  if (*seen <= c->s.args.skip) return false;
  if (c->s.args.limit > 0 && c->s.count == c->s.args.limit) {
    c->s.has_more = true;
    return false;
  }
  c->s.count++;
  return true;
}

/* The source is the first frontier. */
static int open_source(pq_command *c, pq_value target) {
  PQ_TRY(pq_target_id(c, target));
  c->s.nodes = &c->s.id;
  c->s.node_count = 1;
  return PQ_OK;
}

/* ---- related ---- */

static int reply_edge(pq_command *c, const pq_edge *e) {
  pq_builder *b = c->db->builder;
  pq_value item;
  pq_builder_clear(b);
  PQ_TRY(pq_builder_begin_object(b));
  PQ_TRY(pq_put_text(b, "from", e->from_id));
  PQ_TRY(pq_put_text(b, "predicate", e->predicate));
  PQ_TRY(pq_put_text(b, "to", e->to_id));
  PQ_TRY(pq_put_text(b, "reverse", e->reverse));
  PQ_TRY(pq_builder_key_str(b, "createdAt"));
  PQ_TRY(pq_builder_date_us(b, e->created_at));
  PQ_TRY(pq_put_text(b, "createdBy", e->created_by));
  PQ_TRY(pq_put_count(b, "version", e->version));
  if (!pq_value_is_missing(e->data)) {
    PQ_TRY(pq_builder_key_str(b, "data"));
    PQ_TRY(pq_builder_value(b, e->data));
  }
  PQ_TRY(pq_builder_end(b));
  PQ_TRY(pq_builder_finish(b, &c->replies, &item));
  return pq_reply_item(c, item);
}

static int related_edges(pq_command *c, pq_edge **edges, uint32_t *count) {
  pq_op *op = &c->op;
  pq_edge_query q = {.nodes = &c->s.id,
                     .node_count = 1,
                     .predicate = c->s.args.predicate,
                     .is_reverse = c->s.args.is_reverse,
                     .needs_data = c->s.args.is_edges};
  return pq_edges_read(&c->s.snapshot.view, &op->fetch, &op->scratch, &q, edges, count);
}

/* Edges themselves are the items: those whose far end is live. The frontier is set. */
static int stage_related_replies_edges(pq_op *op) {
  pq_command *c = pq_command_of(op);
  pq_entity *ends;
  pq_edge *edges;
  uint32_t count;
  uint64_t seen = 0;
  PQ_TRY(related_edges(c, &edges, &count));
  PQ_TRY(read_nodes(c, PQ_WANT_ID | PQ_WANT_DELETED, &ends));
  for (uint32_t i = 0; i < count; i++) {
    pq_slice far = c->s.args.is_reverse ? edges[i].from_id : edges[i].to_id;
    uint32_t lo = 0, hi = c->s.node_count;
    while (lo < hi) {
      uint32_t mid = lo + (hi - lo) / 2;
      if (pq_slice_cmp(c->s.nodes[mid], far) < 0)
        lo = mid + 1;
      else
        hi = mid;
    }
    if (lo == c->s.node_count || ends[lo].id.p == NULL) continue;
    if (is_on_page(c, &seen)) PQ_TRY(reply_edge(c, &edges[i]));
  }
  return end_page(c, false);
}

static int reply_nodes(pq_command *c) {
  pq_entity *ends;
  uint64_t seen = 0;
  PQ_TRY(read_nodes(c, PQ_WANT_ALL, &ends));
  for (uint32_t i = 0; i < c->s.node_count; i++)
    if (ends[i].id.p != NULL && is_on_page(c, &seen)) PQ_TRY(pq_reply_entity(c, &ends[i]));
  return PQ_OK;
}

static int stage_related_replies(pq_op *op) {
  PQ_TRY(reply_nodes(pq_command_of(op)));
  return end_page(pq_command_of(op), false);
}

static int stage_related_edges(pq_op *op) {
  pq_command *c = pq_command_of(op);
  pq_edge *edges;
  uint32_t count;
  PQ_TRY(related_edges(c, &edges, &count));
  PQ_TRY(set_frontier(c, edges, count, c->s.args.is_reverse));
  op->stage = c->s.args.is_edges ? stage_related_replies_edges : stage_related_replies;
  return PQ_OK;
}

/* A deleted or absent source has no edges to show. */
static int check_source(pq_command *c, bool *is_live) {
  pq_entity *source;
  PQ_TRY(read_nodes(c, PQ_WANT_ID | PQ_WANT_DELETED, &source));
  *is_live = source[0].id.p != NULL;
  return PQ_OK;
}

static int stage_related_source(pq_op *op) {
  pq_command *c = pq_command_of(op);
  bool is_live;
  PQ_TRY(check_source(c, &is_live));
  if (!is_live) return end_page(c, false);
  op->stage = stage_related_edges;
  return PQ_OK;
}

static int stage_related(pq_op *op) {
  pq_command *c = pq_command_of(op);
  PQ_TRY(pq_snapshot_open(&c->s.snapshot, c->s.space, op, c->s.args.as_of, c->s.args.is_flushed));
  op->stage = stage_related_source;
  return PQ_OK;
}

int pq_open_related(pq_command *c, pq_value target) {
  PQ_TRY(open_source(c, target));
  if (c->s.args.predicate.n == 0)
    return pq_fail(c->op.cx, PQ_EINVALID, "related: option 'predicate' is missing");
  c->s.start = stage_related;
  return pq_projection_parse(&c->arena, c->s.env, c->s.args.project, &c->s.projection);
}

/* ---- traverse ---- */

static int stage_hop(pq_op *op);

static int stage_traverse_replies(pq_op *op) {
  PQ_TRY(reply_nodes(pq_command_of(op)));
  return end_page(pq_command_of(op), true);
}

/* Keep the live ones of the frontier; go on with the next hop or reply. */
static int stage_live(pq_op *op) {
  pq_command *c = pq_command_of(op);
  pq_entity *ends;
  uint32_t n = 0;
  PQ_TRY(read_nodes(c, PQ_WANT_ID | PQ_WANT_DELETED, &ends));
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
  PQ_TRY(set_frontier(c, edges, count, hop->is_reverse));
  op->stage = stage_live;
  return PQ_OK;
}

static int stage_traverse_source(pq_op *op) {
  pq_command *c = pq_command_of(op);
  bool is_live;
  PQ_TRY(check_source(c, &is_live));
  if (!is_live) return end_page(c, true);
  op->stage = stage_hop;
  return PQ_OK;
}

static int stage_traverse(pq_op *op) {
  pq_command *c = pq_command_of(op);
  PQ_TRY(pq_snapshot_open(&c->s.snapshot, c->s.space, op, c->s.args.as_of, c->s.args.is_flushed));
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
  PQ_TRY(open_source(c, target));
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
