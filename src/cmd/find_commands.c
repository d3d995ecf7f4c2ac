/* cmd/find_commands.c - get, find, findOne: open a snapshot, read, reply.
 *
 *   scan ─► collector ─► a batch: what a window gave, or with an order the page
 *    ▲                     └─► [populate.c: what it refers to] ─► items ─┬─► scan
 *    └───────────────────────────────────────────────────────────────────┘   └─► [total] ─► summary
 *
 * A page begins behind its cursor (cursor_token.h). Where the order is that of $id the scan is told
 * so by a filter, and reads nothing of the pages before.
 */
#include "base/hash.h"
#include "cmd/command_int.h"

static void open_collector(pq_command *c, pq_arena *arena) {
  pq_collector_init(&c->s.collector, arena, &c->op.scratch, c->db->builder, c->db->merger);
  c->s.collector.is_plain = c->s.args.is_plain;
}

/* Turn the collector's results into items. */
static int give_out(pq_command *c) {
  pq_collector *k = &c->s.collector;
  for (uint32_t i = 0; i < k->count; i++) {
    pq_value entity = k->items[i].entity;
    if (c->s.projection != NULL) PQ_TRY(pq_reply_project(c, c->s.filter, &entity));
    if (c->s.populate != NULL) PQ_TRY(pq_populate_embed(c, k->items[i].place.id, &entity));
    PQ_TRY(pq_reply_item(c, entity));
  }
  c->s.count += k->count;
  k->emitted += k->count;
  k->count = k->cap = 0;
  k->items = NULL;
  return PQ_OK;
}

/* ---- get ---- */

static int stage_get_reply(pq_op *op) {
  pq_command *c = pq_command_of(op);
  PQ_TRY(give_out(c));
  PQ_TRY(pq_summary_begin(c));
  PQ_TRY(pq_summary_count(c, "n", c->s.count));
  return pq_summary_end(c, c->s.snapshot.view.seq);
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
  if (e.id.p != NULL && (!e.is_deleted || c->s.args.includes_deleted)) {
    if (c->s.args.is_explain)
      c->s.count = 1;
    else
      PQ_TRY(pq_collector_sink(&c->s.collector, &e, 1));
  }
  if (c->s.args.is_explain) return pq_explain_get(c, &at);
  if (c->s.populate == NULL || c->s.collector.count == 0) return PQ_OK;
  return pq_populate_begin(c, stage_get_reply);
}

static int stage_get(pq_op *op) {
  PQ_TRY(pq_read_snapshot(pq_command_of(op)));
  op->stage = stage_get_read;
  return PQ_OK;
}

int pq_open_get(pq_command *c, pq_value target) {
  PQ_TRY(pq_target_id(c, target));
  c->s.start = stage_get;
  open_collector(c, &c->op.arena);
  PQ_TRY(pq_projection_parse(&c->arena, NULL, c->s.args.project, &c->s.projection));
  return pq_populate_open(c);
}

/* ---- find ---- */

static int find_end(pq_command *c) {
  pq_builder *b = c->db->builder;
  PQ_TRY(pq_summary_begin(c));
  PQ_TRY(pq_summary_count(c, "n", c->s.count));
  if (!c->s.collector.ends_at_limit) {
    PQ_TRY(pq_builder_key_str(b, "hasMore"));
    PQ_TRY(pq_builder_bool(b, c->s.collector.has_more));
  }
  if (c->s.next_cursor.n > 0) PQ_TRY(pq_put_text(b, "nextCursor", c->s.next_cursor));
  if (c->s.args.wants_total) PQ_TRY(pq_summary_count(c, "total", c->s.total));
  return pq_summary_end(c, c->s.snapshot.view.seq);
}

static int stage_total(pq_op *op) {
  pq_command *c = pq_command_of(op);
  PQ_TRY(pq_read_in_time(c));
  PQ_TRY(pq_scan_next(&c->s.scan, &op->fetch, &op->scratch, c->db->builder, pq_count_sink,
                      &c->s.total));
  return c->s.scan.is_done ? find_end(c) : pq_read_again(c);
}

/* All items are queued: count what matches, if that is asked for and not known by now. */
static int page_end(pq_command *c) {
  const pq_collector *k = &c->s.collector;
  if (c->s.args.is_explain) PQ_TRY(pq_explain_scan(c));
  c->s.total = c->s.count;
  if (!c->s.args.wants_total || (!k->has_more && k->skip == 0 && k->after == NULL))
    return find_end(c);
  c->s.total = 0;
  pq_read_scan(c, c->s.filter);
  c->s.scan.is_count = true;
  c->op.stage = stage_total;
  return PQ_OK;
}

static int stage_find_scan(pq_op *op);

static int stage_find_give(pq_op *op) {
  pq_command *c = pq_command_of(op);
  PQ_TRY(give_out(c));
  if (c->s.scan.is_done) return page_end(c);
  op->stage = stage_find_scan;
  return c->s.args.is_explain ? pq_read_again(c) : PQ_YIELD;
}

/* The token for what comes behind the page. */
static int make_next(pq_command *c) {
  const pq_collector *k = &c->s.collector;
  pq_cursor_token next = {.key_count = k->sort.count,
                          .query = c->s.cursor.query,
                          .is_pinned = c->s.args.is_snapshot || c->s.cursor.is_pinned,
                          .seq = c->s.snapshot.view.seq};
  if (!pq_collector_is_ordered(k) || !k->has_more || k->ends_at_limit) return PQ_OK;
  next.place = k->items[k->count - 1].place;
  return pq_cursor_token_write(c->db->builder, &c->op.arena, &next, &c->s.next_cursor);
}

static int stage_find_scan(pq_op *op) {
  pq_command *c = pq_command_of(op);
  pq_collector *k = &c->s.collector;
  PQ_TRY(pq_read_in_time(c));
  PQ_TRY(pq_scan_next(&c->s.scan, &op->fetch, &op->scratch, c->db->builder, pq_collector_sink, k));
  if (c->s.scan.is_done) {
    PQ_TRY(pq_collector_finish(k));
    PQ_TRY(make_next(c));
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
  pq_read_scan(c, c->s.page_filter);
  pq_collector_order(k, &c->s.scan.order);
  if (pq_collector_is_ordered(k) || c->s.args.limit == 0) c->s.scan.window = PQ_SCAN_WINDOW_MAX;
  op->stage = stage_find_scan;
  return PQ_OK;
}

/* ---- where the page begins ---- */

/* What must be the same on every page. */
static uint64_t query_hash(const pq_command *c) {
  const pq_args *args = &c->s.args;
  uint64_t h = pq_hash(c->s.collection, args->is_plain + 2u * args->includes_deleted);
  const pq_value parts[] = {args->filter, args->let, args->collation};
  for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
    h = h * 31 + (pq_value_is_missing(parts[i]) ? 0 : pq_value_hash(parts[i]));
  for (uint32_t i = 0; i < c->s.collector.sort.count; i++)
    h = pq_hash(c->s.collector.sort.fields[i].path.text,
                h + c->s.collector.sort.fields[i].is_descending);
  return h;
}

static int bad_cursor(pq_command *c, const char *why) {
  return pq_fail(c->op.cx, PQ_EINVALID, "%s: option 'cursor': %s", c->s.spec->name, why);
}

static int read_token(pq_command *c, pq_slice text) {
  pq_args *args = &c->s.args;
  uint64_t query = c->s.cursor.query;
  PQ_TRY(pq_cursor_token_read(&c->arena, text, &c->s.cursor));
  if (c->s.cursor.query != query || c->s.cursor.key_count != c->s.collector.sort.count)
    return bad_cursor(c, "the token belongs to another collection, filter, sort or collation");
  if (args->skip > 0) return bad_cursor(c, "'skip' is for the first page");
  c->s.collector.after = &c->s.cursor.place;
  if (!c->s.cursor.is_pinned) return PQ_OK;
  if (args->as_of.is_set)
    return bad_cursor(c, "the token has an instant of its own, leave out 'asOf'");
  args->as_of = (pq_as_of){.is_set = true, .is_seq = true, .seq = c->s.cursor.seq};
  return PQ_OK;
}

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
  pq_value cursor = c->s.args.cursor;
  pq_slice text = {0};
  c->s.cursor.query = query_hash(c);
  if (!pq_value_is_missing(cursor)) {
    if (pq_value_type(cursor) != PQ_TYPE_NULL && !pq_value_string(cursor, &text))
      return bad_cursor(c, "it is text, or null for the first page");
    k->is_by_id = k->sort.count == 0;
  }
  if (text.n > 0) PQ_TRY(read_token(c, text));
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
  open_collector(
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
