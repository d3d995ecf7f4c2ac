/* cmd/find_commands.c - get, find, findOne: open a snapshot, read, reply.
 *
 *   scan ─► collector ─► a batch: what a window gave, or with an order the page
 *    ▲                     └─► [populate.c: what it refers to] ─► items ─┬─► scan
 *    └───────────────────────────────────────────────────────────────────┘   └─► [total] ─► summary
 *
 * A page begins behind its cursor (cursor_token.h). Where the order is that of $id the scan is told
 * so by a filter, and reads nothing of the pages before.
 */
#include "cmd/derived.h"

/* ---- get ---- */

static int stage_get_end(pq_op *op) {
  pq_command *c = pq_command_of(op);
  if (c->s.args.is_explain) PQ_TRY(pq_explain_other(c, c->s.explained));
  PQ_TRY(pq_summary_begin(c));
  PQ_TRY(pq_summary_count(c, "n", c->s.count));
  return pq_summary_end(c, c->s.snapshot.view.seq);
}

static int stage_get_reply(pq_op *op) {
  pq_command *c = pq_command_of(op);
  PQ_TRY(pq_results_give(c));
  return pq_read_end(c, stage_get_end);
}

static int stage_get_read(pq_op *op) {
  pq_command *c = pq_command_of(op);
  const pq_view *v = &c->s.snapshot.view;
  pq_location at;
  pq_entity e;
  PQ_TRY(pq_read_in_time(c));
  PQ_TRY(pq_view_locate(v, &op->fetch, &op->scratch, &c->s.id, 1, false, &at));
  PQ_TRY(pq_view_read(v, &op->fetch, &op->scratch, &at, 1, PQ_WANT_ALL, &e, NULL));
  op->stage = stage_get_reply;
  c->s.explained = pq_explain_get(&at);
  if (e.id.p != NULL && (!e.is_deleted || c->s.args.includes_deleted))
    PQ_TRY(pq_collector_sink(&c->s.collector, &e, 1));
  if (c->s.populate == NULL || c->s.collector.count == 0) return PQ_OK;
  return pq_populate_begin(c, stage_get_reply);
}

static int stage_get(pq_op *op) {
  PQ_TRY(pq_read_point_snapshot(pq_command_of(op)));
  op->stage = stage_get_read;
  return PQ_OK;
}

int pq_open_get(pq_command *c, pq_value target) {
  PQ_TRY(pq_target_id(c, target));
  c->s.start = stage_get;
  pq_results_init(c, &c->op.arena);
  PQ_TRY(pq_projection_parse(&c->arena, NULL, c->s.args.project, &c->s.projection));
  return pq_populate_open(c);
}

/* ---- find ---- */

static int stage_find_end(pq_op *op) {
  pq_command *c = pq_command_of(op);
  if (c->s.args.is_explain) PQ_TRY(pq_explain_scan(c, &c->s.page_stats));
  PQ_TRY(pq_summary_begin(c));
  PQ_TRY(pq_results_fields(c));
  return pq_summary_end(c, c->s.snapshot.view.seq);
}

static int stage_total(pq_op *op) {
  pq_command *c = pq_command_of(op);
  PQ_TRY(pq_read_in_time(c));
  PQ_TRY(pq_scan_next(&c->s.scan, &op->fetch, &op->scratch, c->db->builder, pq_count_sink,
                      &c->s.total));
  return c->s.scan.is_done ? pq_read_end(c, stage_find_end) : pq_read_again(c);
}

/* All items are queued: count what matches, if that is asked for and not known by now. */
static int page_end(pq_command *c) {
  const pq_collector *k = &c->s.collector;
  c->s.page_stats = c->s.scan.stats;
  c->s.total = c->s.count;
  if (!c->s.args.wants_total || (!k->has_more && k->skip == 0 && k->after == NULL))
    return pq_read_end(c, stage_find_end);
  c->s.total = 0;
  pq_read_scan(c, c->s.filter);
  c->s.scan.is_count = true;
  c->op.stage = stage_total;
  return PQ_OK;
}

static int stage_find_scan(pq_op *op);

static int stage_find_give(pq_op *op) {
  pq_command *c = pq_command_of(op);
  PQ_TRY(pq_results_give(c));
  if (c->s.args.is_explain) pq_read_drop(c);
  if (c->s.scan.is_done) return page_end(c);
  op->stage = stage_find_scan;
  pq_arena_clear(&op->scratch); /* nobody knows when the next are asked for */
  pq_arena_trim(&op->scratch, 0);
  return c->s.args.is_explain ? pq_read_again(c) : PQ_YIELD;
}

static int stage_find_scan(pq_op *op) {
  pq_command *c = pq_command_of(op);
  pq_collector *k = &c->s.collector;
  PQ_TRY(pq_read_in_time(c));
  PQ_TRY(pq_scan_next(&c->s.scan, &op->fetch, &op->scratch, c->db->builder, pq_collector_sink, k));
  if (c->s.scan.is_done) {
    PQ_TRY(pq_collector_finish(k));
    if (pq_collector_is_ordered(k)) PQ_TRY(pq_results_next(c));
  } else if (pq_collector_is_ordered(k) || k->count == 0) {
    return pq_read_again(c);
  }
  if (k->count > 0 && c->s.populate != NULL) return pq_populate_begin(c, stage_find_give);
  return stage_find_give(op);
}

static int stage_find(pq_op *op) {
  pq_command *c = pq_command_of(op);
  const pq_collector *k = &c->s.collector;
  PQ_TRY(pq_read_snapshot(c));
  if (pq_derived_is(c)) return pq_derived_begin(c);
  pq_read_scan(c, c->s.page_filter);
  pq_collector_order(k, &c->s.scan.order);
  if (pq_collector_is_ordered(k) || c->s.args.limit == 0) c->s.scan.window = PQ_SCAN_WINDOW_MAX;
  op->stage = stage_find_scan;
  return PQ_OK;
}

/* ---- where the page begins ---- */

/* {"$and": [filter, {"$id": {"$gt": …}}]} when the order is that of $id, so that columns can refuse
 * what was before. The collector refuses it in any case. */
static int make_page_filter(pq_command *c) {
  const pq_collector *k = &c->s.collector;
  pq_builder *b = c->db->builder;
  bool is_descending = k->sort.count > 0 && k->sort.fields[0].is_descending;
  pq_value both;
  c->s.page_filter = c->s.filter;
  if (k->after == NULL || k->is_plain) return PQ_OK;
  if (c->s.env != NULL && c->s.env->collation.is_folded) return PQ_OK; /* ids differ by bytes */
  if (k->sort.count > 0 && !pq_slice_is(k->sort.fields[0].path.text, "$id")) return PQ_OK;
  pq_builder_clear(b);
  PQ_TRY(pq_builder_begin_object(b));
  PQ_TRY(pq_builder_key_str(b, "$and"));
  PQ_TRY(pq_builder_begin_array(b));
  if (!pq_value_is_missing(c->s.args.filter)) PQ_TRY(pq_builder_value(b, c->s.args.filter));
  PQ_TRY(pq_builder_begin_object(b));
  PQ_TRY(pq_builder_key_str(b, "$id"));
  PQ_TRY(pq_builder_begin_object(b));
  PQ_TRY(pq_put_text(b, is_descending ? "$lt" : "$gt", k->after->id));
  PQ_TRY(pq_builder_end(b));
  PQ_TRY(pq_builder_end(b));
  PQ_TRY(pq_builder_end(b));
  PQ_TRY(pq_builder_end(b));
  PQ_TRY(pq_builder_finish(b, &c->arena, &both));
  return pq_filter_parse(&c->arena, c->s.env, both, &c->s.page_filter);
}

/* `cursor`: null or "" for the first page, then tokens. */
static int open_page(pq_command *c) {
  pq_collector *k = &c->s.collector;
  k->is_by_id = k->sort.count == 0 && !pq_value_is_missing(c->s.args.cursor);
  PQ_TRY(pq_results_open(c, 0));
  if (c->s.args.is_snapshot && !pq_collector_is_ordered(k))
    return pq_fail(c->op.cx, PQ_EINVALID, "find: option 'snapshot' needs 'cursor' or 'sort'");
  return make_page_filter(c);
}

static int open_find(pq_command *c, pq_value target) {
  pq_sort sort;
  PQ_TRY(pq_read_open(c, target));
  PQ_TRY(pq_sort_parse(&c->arena, c->s.env, c->s.args.sort, &sort));
  c->s.start = stage_find;
  /* Streamed results live until the caller has taken them, ordered ones until the end. */
  pq_results_init(
      c, sort.count == 0 && pq_value_is_missing(c->s.args.cursor) ? &c->replies : &c->op.arena);
  c->s.collector.sort = sort;
  c->s.collector.skip = c->s.args.skip;
  c->s.collector.limit = c->s.args.limit;
  return open_page(c);
}

int pq_open_find(pq_command *c, pq_value target) {
  return open_find(c, target);
}

int pq_open_find_one(pq_command *c, pq_value target) {
  c->s.args.limit = 1;
  PQ_TRY(open_find(c, target));
  c->s.collector.ends_at_limit = true;
  return PQ_OK;
}
