/* cmd/related_command.c - related: the entities at the other ends of one entity's edges.
 *
 *   source is live? ─► edges ─► nodes: far ends in the order of their ids
 *     nodes ─[behind the cursor]─► some at a time ─► live, match the filter ─► collector
 *                                   ▲                                            │ page full?
 *                                   └────────────────────────────────────────────┤
 *                                                      [populate] ─► items ◄─────┘ ─► [total]
 *
 * Without `sort` results come in the order of nodes, so that a page reads no more entities than it
 * shows; the cursor is a place among the nodes. With it all of them are read and the collector
 * keeps the page. With `edges` the items are edges: of one predicate there is one to each node.
 */
#include "base/hash.h"
#include "base/slices.h"
#include "cmd/command_int.h"

enum { NODES_AT_ONCE = 4096 };

static bool is_sorted(const pq_command *c) {
  return c->s.collector.sort.count > 0;
}

/* Do results go out before the last are read? */
static bool is_streamed(const pq_command *c) {
  return !is_sorted(c) && c->s.args.limit == 0;
}

static uint32_t find_node(const pq_command *c, pq_slice id) {
  return pq_slices_lower(c->s.nodes, 0, c->s.node_count, id);
}

/* ---- items ---- */

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
  PQ_TRY(pq_put_edge_data(b, e));
  PQ_TRY(pq_builder_end(b));
  PQ_TRY(pq_builder_finish(b, &c->replies, &item));
  return pq_reply_item(c, item);
}

static int give(pq_command *c) {
  const pq_collector *k = &c->s.collector;
  if (!c->s.args.is_edges) return pq_results_give(c);
  for (uint32_t i = 0; i < k->count; i++)
    PQ_TRY(reply_edge(c, &c->s.node_edges[find_node(c, k->items[i].place.id)]));
  pq_results_given(c);
  return PQ_OK;
}

/* ---- entities ---- */

static int match(pq_command *c, const pq_entity *e, bool *is_match) {
  const pq_filter *filter = c->s.filter;
  pq_value system = {0};
  pq_eval eval = *c->s.eval;
  eval.arena = &c->op.scratch;
  eval.random ^= pq_hash(e->id, 0); /* each its own, and the same when the stage runs again */
  if (!c->s.args.is_plain && pq_filter_uses_system(filter))
    PQ_TRY(pq_entity_system(c->db->builder, &c->op.scratch, e, &system));
  *is_match = pq_filter_match(filter, &eval, e->data, system);
  return pq_filter_status(filter);
}

/* How many nodes to read next. A page in the order of nodes needs so many, if all are live and
 * match. */
static uint32_t next_count(const pq_command *c, bool is_counting) {
  uint32_t left = c->s.node_count - c->s.node;
  uint64_t page = c->s.args.limit, count = NODES_AT_ONCE;
  bool is_bounded = !is_counting && !is_sorted(c) && page > 0 && page < NODES_AT_ONCE &&
                    c->s.args.skip < NODES_AT_ONCE && pq_value_is_missing(c->s.args.filter);
  if (is_bounded) count = page + c->s.args.skip + 1;
  return left < count ? left : (uint32_t)count;
}

/* Hand the next nodes that are live and match to `sink`; *is_done: it wants no more, or there are
 * none. */
static int read_more(pq_command *c, unsigned want, pq_scan_sink sink, void *ud, bool *is_done) {
  uint32_t count = next_count(c, sink == pq_count_sink);
  pq_entity *ends;
  PQ_TRY(pq_nodes_read(c, c->s.node, count, want, &ends));
  *is_done = c->s.node + count == c->s.node_count;
  for (uint32_t i = 0; i < count; i++) {
    bool is_match = true;
    int rc;
    if (ends[i].id.p == NULL) continue;
    if (!pq_value_is_missing(c->s.args.filter)) PQ_TRY(match(c, &ends[i], &is_match));
    if (!is_match) continue;
    rc = sink(ud, &ends[i], 1);
    if (rc < 0) return rc;
    *is_done |= rc == PQ_YIELD;
    if (rc == PQ_YIELD) break;
  }
  c->s.node += count;
  return PQ_OK;
}

/* Documents are read for a filter, a sort, and to be shown. */
static unsigned wanted(const pq_command *c, bool is_shown) {
  bool is_needed = is_shown || is_sorted(c) || !pq_value_is_missing(c->s.args.filter);
  return is_needed ? PQ_WANT_ALL : PQ_WANT_ID | PQ_WANT_DELETED;
}

/* ---- stages ---- */

static int stage_related_end(pq_op *op) {
  pq_command *c = pq_command_of(op);
  if (c->s.args.is_explain) PQ_TRY(pq_explain_other(c, PQ_GRAPH_PLAN));
  PQ_TRY(pq_summary_begin(c));
  PQ_TRY(pq_results_fields(c));
  return pq_summary_end(c, c->s.snapshot.view.seq);
}

static int stage_total(pq_op *op) {
  pq_command *c = pq_command_of(op);
  bool is_done;
  PQ_TRY(pq_read_in_time(c));
  PQ_TRY(read_more(c, wanted(c, false), pq_count_sink, &c->s.total, &is_done));
  return is_done ? pq_read_end(c, stage_related_end) : pq_read_again(c);
}

/* All items are queued: count what matches, if that is asked for and not known by now. */
static int page_end(pq_command *c) {
  const pq_collector *k = &c->s.collector;
  c->s.total = c->s.count;
  if (!c->s.args.wants_total || (!k->has_more && k->skip == 0 && k->after == NULL))
    return pq_read_end(c, stage_related_end);
  c->s.total = 0;
  c->s.node = 0;
  c->op.stage = stage_total;
  return PQ_OK;
}

static int stage_related_nodes(pq_op *op);

static int stage_related_give(pq_op *op) {
  pq_command *c = pq_command_of(op);
  bool is_done = !is_streamed(c) || c->s.node == c->s.node_count;
  PQ_TRY(give(c));
  if (c->s.args.is_explain) pq_read_drop(c);
  if (is_done) return page_end(c);
  op->stage = stage_related_nodes;
  return c->s.args.is_explain ? pq_read_again(c) : PQ_YIELD;
}

static int stage_related_nodes(pq_op *op) {
  pq_command *c = pq_command_of(op);
  pq_collector *k = &c->s.collector;
  bool is_done;
  PQ_TRY(pq_read_in_time(c));
  PQ_TRY(read_more(c, wanted(c, !c->s.args.is_edges), pq_collector_sink, k, &is_done));
  if (is_done) {
    PQ_TRY(pq_collector_finish(k));
    PQ_TRY(pq_results_next(c));
  } else if (!is_streamed(c) || k->count == 0) {
    return pq_read_again(c);
  }
  if (k->count > 0 && c->s.populate != NULL) return pq_populate_begin(c, stage_related_give);
  return stage_related_give(op);
}

static int copy_text(pq_arena *arena, pq_slice *text) {
  return pq_arena_copy(arena, *text, text);
}

/* The edge of each node, beyond this stage. */
static int keep_edges(pq_command *c, const pq_edge *edges, uint32_t count) {
  pq_arena *arena = &c->op.arena;
  c->s.node_edges = pq_arena_calloc(arena, c->s.node_count, sizeof *c->s.node_edges);
  if (c->s.node_edges == NULL) return c->op.cx->code;
  for (uint32_t i = 0; i < count; i++) {
    pq_edge *e =
        &c->s.node_edges[find_node(c, c->s.args.is_reverse ? edges[i].from_id : edges[i].to_id)];
    *e = edges[i];
    PQ_TRY(copy_text(arena, &e->from_id));
    PQ_TRY(copy_text(arena, &e->to_id));
    PQ_TRY(copy_text(arena, &e->predicate));
    PQ_TRY(copy_text(arena, &e->reverse));
    PQ_TRY(copy_text(arena, &e->created_by));
    if (!pq_value_is_missing(e->data)) PQ_TRY(pq_value_copy(arena, e->data, &e->data));
  }
  return PQ_OK;
}

static int stage_related_edges(pq_op *op) {
  pq_command *c = pq_command_of(op);
  pq_edge_query q = {.nodes = &c->s.id,
                     .node_count = 1,
                     .predicate = c->s.args.predicate,
                     .is_reverse = c->s.args.is_reverse,
                     .needs_data = c->s.args.is_edges};
  pq_edge *edges;
  uint32_t count;
  PQ_TRY(pq_read_in_time(c));
  PQ_TRY(pq_edges_read(&c->s.snapshot.view, &op->fetch, &op->scratch, &q, &edges, &count));
  PQ_TRY(pq_nodes_set(c, edges, count, c->s.args.is_reverse));
  if (c->s.args.is_edges) PQ_TRY(keep_edges(c, edges, count));
  if (c->s.collector.after != NULL && !is_sorted(c)) {
    c->s.node = find_node(c, c->s.collector.after->id);
    if (c->s.node < c->s.node_count && pq_slice_eq(c->s.nodes[c->s.node], c->s.collector.after->id))
      c->s.node++;
  }
  op->stage = stage_related_nodes;
  return pq_read_again(c);
}

/* A deleted or absent source has no edges to show. */
static int stage_related_source(pq_op *op) {
  pq_command *c = pq_command_of(op);
  bool is_live;
  PQ_TRY(pq_nodes_source(c, &is_live));
  if (!is_live) return page_end(c);
  op->stage = stage_related_edges;
  return PQ_OK;
}

static int stage_related(pq_op *op) {
  PQ_TRY(pq_read_snapshot(pq_command_of(op)));
  op->stage = stage_related_source;
  return PQ_OK;
}

int pq_open_related(pq_command *c, pq_value target) {
  const pq_args *args = &c->s.args;
  pq_sort sort;
  PQ_TRY(pq_nodes_open(c, target));
  if (args->predicate.n == 0)
    return pq_fail(c->op.cx, PQ_EINVALID, "related: option 'predicate' is missing");
  if (args->is_edges && (args->given & PQ_OPT_SHOW))
    return pq_fail(c->op.cx, PQ_EINVALID,
                   "related: with 'edges' the items are edges, 'project' and 'populate' are for "
                   "entities");
  PQ_TRY(pq_read_language(c));
  PQ_TRY(pq_sort_parse(&c->arena, c->s.env, args->sort, &sort));
  c->s.start = stage_related;
  pq_results_init(c, sort.count == 0 && args->limit == 0 ? &c->replies : &c->op.arena);
  c->s.collector.is_plain |= args->is_edges && sort.count == 0; /* no document to be merged */
  c->s.collector.sort = sort;
  c->s.collector.skip = args->skip;
  c->s.collector.limit = args->limit;
  return pq_results_open(c, pq_hash(c->s.id, pq_hash(args->predicate, args->is_reverse)));
}
