/* cmd/traverse_give.c - traverse: what was found becomes items. See traverse_int.h. */
#include "base/merge_sort.h"
#include "cmd/traverse_int.h"

/* ---- the end ---- */

static const char *plan_of(const pq_traverse *t) {
  if (t->walks.trails.graph != NULL) return "graph, paths counted level by level";
  if (t->uniqueness != PQ_UNIQUE_NODE) return "graph, path by path";
  return t->reach.graph != NULL ? "graph, level by level" : "graph, a tree of paths";
}

int pq_stage_traverse_end(pq_op *op) {
  pq_command *c = pq_command_of(op);
  pq_builder *b = c->db->builder;
  pq_traverse *t = pq_traverse_of(c);
  const uint64_t *reached = t->reach.graph != NULL ? t->reach.reached : t->tree.reached;
  uint64_t arcs = 0;
  for (uint32_t i = 0; i < t->leg_count; i++)
    arcs += t->steps[i].choice.arcs;
  if (c->s.args.is_explain) PQ_TRY(pq_graph_explain(c, plan_of(t), arcs));
  PQ_TRY(pq_summary_begin(c));
  PQ_TRY(pq_summary_count(c, "n", c->s.count));
  PQ_TRY(pq_builder_key_str(b, "hasMore"));
  PQ_TRY(pq_builder_bool(b, c->s.has_more));
  if (t->uniqueness == PQ_UNIQUE_NODE) {
    PQ_TRY(pq_builder_key_str(b, "hops"));
    PQ_TRY(pq_builder_begin_array(b));
    for (uint32_t i = 0; i < t->leg_count; i++)
      PQ_TRY(pq_own_put_number(b, reached[i]));
    PQ_TRY(pq_builder_end(b));
  }
  return pq_summary_end(c, c->s.snapshot.view.seq);
}

/* Items were queued: on with `next` once they were taken. */
static int given(pq_command *c, bool is_over, pq_stage_fn next) {
  if (is_over) return pq_read_end(c, pq_stage_traverse_end);
  c->op.stage = next;
  if (!c->s.args.is_explain) return PQ_YIELD;
  pq_read_drop(c);
  return pq_read_again(c);
}

/* ---- nodes ---- */

typedef struct placed {
  pq_slice id;
  uint32_t node, depth;
} placed;

static int compare_ids(const void *a, const void *b, const void *ud) {
  (void)ud;
  return pq_slice_cmp(((const placed *)a)->id, ((const placed *)b)->id);
}

static int compare_depths(const void *a, const void *b, const void *ud) {
  const placed *x = a, *y = b;
  if (x->depth != y->depth) return x->depth < y->depth ? -1 : 1;
  return compare_ids(a, b, ud);
}

/* In the order of the answer; depth-first they are in it. */
static int sort_nodes(pq_command *c) {
  pq_traverse *t = pq_traverse_of(c);
  const pq_graph *g = c->s.graph;
  pq_found *f = &t->nodes;
  placed *order;
  if (t->order == PQ_ORDER_DEPTH || f->count < 2) return PQ_OK;
  order = pq_arena_array(&c->op.scratch, f->count, sizeof *order);
  if (order == NULL) return c->op.cx->code;
  for (uint32_t i = 0; i < f->count; i++)
    order[i] = (placed){pq_graph_id(g, f->items[i]), f->items[i], f->depths[i]};
  PQ_TRY(pq_sort_items(c->op.cx, order, f->count, sizeof *order,
                       t->has_order ? compare_depths : compare_ids, NULL));
  for (uint32_t i = 0; i < f->count; i++) {
    f->items[i] = order[i].node;
    f->depths[i] = order[i].depth;
  }
  return PQ_OK;
}

static int reply_id(pq_command *c, uint32_t node, uint32_t depth) {
  pq_builder *b = c->db->builder;
  pq_value item;
  pq_builder_clear(b);
  PQ_TRY(pq_builder_begin_object(b));
  PQ_TRY(pq_put_text(b, "$id", pq_graph_id(c->s.graph, node)));
  PQ_TRY(pq_put_count(b, "depth", depth));
  PQ_TRY(pq_builder_end(b));
  PQ_TRY(pq_builder_finish(b, &c->replies, &item));
  return pq_reply_item(c, item);
}

/* Its fields, then `$depth`. */
static int reply_entity(pq_command *c, const pq_entity *e, uint32_t depth) {
  pq_builder *b = c->db->builder;
  pq_value entity, item;
  pq_field *fields;
  uint32_t count;
  PQ_TRY(pq_graph_entity_shown(c, e, &entity));
  if (!pq_traverse_of(c)->wants_depth) return pq_reply_item(c, entity);
  fields = pq_object_fields(&c->op.scratch, entity, &count);
  if (fields == NULL) return c->op.cx->code;
  pq_builder_clear(b);
  PQ_TRY(pq_builder_begin_object(b));
  for (uint32_t i = 0; i < count; i++) {
    if (pq_slice_is(fields[i].name, "$depth")) continue;
    PQ_TRY(pq_builder_key(b, fields[i].name));
    PQ_TRY(pq_builder_value(b, fields[i].value));
  }
  PQ_TRY(pq_put_count(b, "$depth", depth));
  PQ_TRY(pq_builder_end(b));
  PQ_TRY(pq_builder_finish(b, &c->replies, &item));
  return pq_reply_item(c, item);
}

static uint32_t batch_of(const pq_command *c) {
  const pq_traverse *t = pq_traverse_of(c);
  uint64_t left = t->nodes.count - t->at, page = c->s.args.limit - c->s.count + 1;
  bool is_filtered = t->ends.node_filter != NULL && t->returns == PQ_RETURN_ENDS;
  if (c->s.args.limit > 0 && !is_filtered && page < left) left = page;
  return left < PQ_GRAPH_BATCH ? (uint32_t)left : PQ_GRAPH_BATCH;
}

/* Nodes as entities; the filter of ends is looked at here. */
static int stage_give_entities(pq_op *op) {
  pq_command *c = pq_command_of(op);
  pq_traverse *t = pq_traverse_of(c);
  const pq_filter *filter = t->returns == PQ_RETURN_ENDS ? t->ends.node_filter : NULL;
  uint32_t count = batch_of(c);
  pq_entity *entities;
  PQ_TRY(pq_read_in_time(c));
  PQ_TRY(pq_graph_entities(c, t->nodes.items + t->at, count, PQ_WANT_ALL, &entities));
  for (uint32_t i = 0; i < count && !c->s.has_more; i++, t->at++) {
    bool is_match = entities[i].id.p != NULL;
    if (is_match && filter != NULL) PQ_TRY(pq_graph_matches(c, filter, &entities[i], &is_match));
    if (is_match && pq_traverse_take(c))
      PQ_TRY(reply_entity(c, &entities[i], t->nodes.depths[t->at]));
  }
  return given(c, c->s.has_more || t->at == t->nodes.count, stage_give_entities);
}

static int stage_give_ids(pq_op *op) {
  pq_command *c = pq_command_of(op);
  pq_traverse *t = pq_traverse_of(c);
  uint32_t count = batch_of(c);
  PQ_TRY(pq_read_in_time(c));
  for (uint32_t i = 0; i < count && !c->s.has_more; i++, t->at++)
    if (pq_traverse_take(c)) PQ_TRY(reply_id(c, t->nodes.items[t->at], t->nodes.depths[t->at]));
  return given(c, c->s.has_more || t->at == t->nodes.count, stage_give_ids);
}

/* Nodes, or the paths to them, on the page. */
static int count_all(pq_command *c) {
  const pq_traverse *t = pq_traverse_of(c);
  const pq_walks *w = &t->walks;
  uint64_t total = w->trails.graph != NULL ? 0 : t->nodes.count;
  for (uint32_t i = 0; i < t->nodes.count && w->trails.graph != NULL; i++)
    if (!pq_add_u64(total, w->ends[w->end_of[t->nodes.items[i]] - 1].count, &total) ||
        total > INT64_MAX)
      return pq_fail(c->op.cx, PQ_ELIMIT,
                     "traverse: more than 2^63 paths: nobody can count them, narrow the steps");
  total -= c->s.args.skip < total ? c->s.args.skip : total;
  c->s.has_more = c->s.args.limit > 0 && total > c->s.args.limit;
  c->s.count = c->s.has_more ? c->s.args.limit : total;
  return PQ_OK;
}

int pq_stage_traverse_nodes(pq_op *op) {
  pq_command *c = pq_command_of(op);
  pq_traverse *t = pq_traverse_of(c);
  bool is_filtered = t->ends.node_filter != NULL && t->returns == PQ_RETURN_ENDS;
  if (t->returns == PQ_RETURN_COUNT) {
    PQ_TRY(count_all(c));
    return pq_read_end(c, pq_stage_traverse_end);
  }
  PQ_TRY(sort_nodes(c));
  if (!is_filtered && c->s.args.skip > 0) {
    t->at = c->s.args.skip < t->nodes.count ? (uint32_t)c->s.args.skip : t->nodes.count;
    t->skipped = c->s.args.skip;
  }
  op->stage = t->returns == PQ_RETURN_IDS ? stage_give_ids : stage_give_entities;
  return pq_read_again(c);
}

/* ---- edges ---- */

static int stage_give_edges(pq_op *op) {
  pq_command *c = pq_command_of(op);
  pq_traverse *t = pq_traverse_of(c);
  uint32_t left = t->kept - t->at, count = left < PQ_GRAPH_BATCH ? left : PQ_GRAPH_BATCH;
  pq_builder *b = c->db->builder;
  pq_edge *edges = pq_arena_calloc(&op->scratch, (size_t)count + 1, sizeof *edges);
  pq_value item;
  if (edges == NULL) return op->cx->code;
  PQ_TRY(pq_read_in_time(c));
  PQ_TRY(pq_graph_edges_read(c->s.graph, &op->fetch, &op->scratch, t->edges.items + t->at, count,
                             edges));
  for (uint32_t i = 0; i < count; i++) {
    pq_builder_clear(b);
    PQ_TRY(pq_edge_put(b, &edges[i]));
    PQ_TRY(pq_builder_finish(b, &c->replies, &item));
    PQ_TRY(pq_reply_item(c, item));
  }
  t->at += count;
  return given(c, t->at == t->kept, stage_give_edges);
}

/* In the order of the answer; `kept`: where the page ends. */
int pq_stage_traverse_edges(pq_op *op) {
  pq_command *c = pq_command_of(op);
  pq_traverse *t = pq_traverse_of(c);
  uint64_t skip = c->s.args.skip, limit = c->s.args.limit;
  uint32_t count = t->edges.count;
  PQ_TRY(pq_graph_sort_edges(c->s.graph, op->cx, t->edges.items, count));
  t->at = skip < count ? (uint32_t)skip : count;
  t->kept = count;
  if (limit > 0 && limit < count - t->at) {
    t->kept = t->at + (uint32_t)limit;
    c->s.has_more = true;
  }
  c->s.count = t->kept - t->at;
  op->stage = stage_give_edges;
  return pq_read_again(c);
}

/* ---- paths ---- */

static int reply_path(pq_command *c, const pq_found_path *p, const pq_edge *edges) {
  pq_builder *b = c->db->builder;
  const pq_traverse *t = pq_traverse_of(c);
  pq_value item;
  pq_builder_clear(b);
  PQ_TRY(pq_builder_begin_object(b));
  PQ_TRY(pq_builder_key_str(b, "nodes"));
  PQ_TRY(pq_builder_begin_array(b));
  for (uint32_t i = 0; i <= p->count; i++)
    PQ_TRY(pq_builder_string(b, pq_graph_id(c->s.graph, t->batch_nodes[p->node + i])));
  PQ_TRY(pq_builder_end(b));
  PQ_TRY(pq_builder_key_str(b, "edges"));
  PQ_TRY(pq_builder_begin_array(b));
  for (uint32_t i = 0; i < p->count; i++)
    PQ_TRY(pq_edge_put(b, &edges[p->edge + i]));
  PQ_TRY(pq_builder_end(b));
  PQ_TRY(pq_builder_end(b));
  PQ_TRY(pq_builder_finish(b, &c->replies, &item));
  return pq_reply_item(c, item);
}

static int stage_give_paths(pq_op *op) {
  pq_command *c = pq_command_of(op);
  pq_traverse *t = pq_traverse_of(c);
  pq_edge *edges = pq_arena_calloc(&op->scratch, (size_t)t->batch_edge_count + 1, sizeof *edges);
  if (edges == NULL) return op->cx->code;
  PQ_TRY(pq_read_in_time(c));
  PQ_TRY(pq_graph_edges_read(c->s.graph, &op->fetch, &op->scratch, t->batch_edges,
                             t->batch_edge_count, edges));
  for (uint32_t i = 0; i < t->batch_count; i++)
    PQ_TRY(reply_path(c, &t->batch[i], edges));
  t->batch_count = t->batch_node_count = t->batch_edge_count = 0;
  return given(c, t->is_over, pq_run_of(c)->again);
}

int pq_traverse_give_paths(pq_command *c, pq_stage_fn next) {
  pq_run_of(c)->again = next;
  c->op.stage = stage_give_paths;
  return PQ_OK;
}
