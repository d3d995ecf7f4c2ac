/* cmd/event_choice.c - what history and events have in common: which events, how many, where to go
 * on, and how one is shown.
 *
 *   cursor, from ──► (seq_lo … seq_hi] ◄── to, the snapshot
 *                        └─► op, target, actor, predicate, entity ─► filter, of the event as shown
 *                              └─► items, until the limit ─► hasMore, nextCursor
 *
 * `nextCursor` is the id of the last item while there is more, else the place that was looked at
 * up to: who asks again with it later gets what came since, and nothing twice.
 */
#include "base/text.h"
#include "cmd/command_int.h"
#include "db/schema_of.h"

enum { LIMIT_DEFAULT = 1000 };

/* ---- the options ---- */

static int parse_op(pq_command *c, pq_event_op *out) {
  *out = 0;
  if (c->s.args.op.n == 0) return PQ_OK;
  for (int o = PQ_EVENT_CREATE; o <= PQ_EVENT_DELETE; o++)
    if (pq_slice_is(c->s.args.op, pq_event_op_name((pq_event_op)o))) *out = (pq_event_op)o;
  if (*out != 0) return PQ_OK;
  return pq_fail(c->op.cx, PQ_EINVALID, "%s: option 'op' must be CREATE, UPDATE or DELETE",
                 c->s.spec->name);
}

static int parse_target(pq_command *c, pq_target *out) {
  *out = 0;
  if (c->s.args.target.n == 0) return PQ_OK;
  for (int t = PQ_TARGET_ENTITY; t <= PQ_TARGET_COLLECTION; t++)
    if (pq_slice_is(c->s.args.target, pq_target_name((pq_target)t))) *out = (pq_target)t;
  if (*out != 0) return PQ_OK;
  return pq_fail(c->op.cx, PQ_EINVALID,
                 "%s: option 'target' must be \"entity\", \"rel\" or \"collection\"",
                 c->s.spec->name);
}

static int parse_cursor(pq_command *c, pq_as_of *after) {
  pq_slice text = {0};
  *after = (pq_as_of){0};
  if (!(c->s.args.given & PQ_OPT_CURSOR) || pq_value_type(c->s.args.cursor) == PQ_TYPE_NULL ||
      (pq_value_string(c->s.args.cursor, &text) && text.n == 0))
    return PQ_OK;
  PQ_TRY(pq_parse_time_point(c, "cursor", true, c->s.args.cursor, after));
  if (!after->is_seq)
    return pq_fail(c->op.cx, PQ_EINVALID,
                   "%s: option 'cursor' must be the id of an event or \"seq:N\", as 'nextCursor' "
                   "tells it; for an instant there is 'from'",
                   c->s.spec->name);
  return PQ_OK;
}

int pq_event_choice_open(pq_command *c) {
  pq_event_choice *k = &c->s.choice;
  k->limit = c->s.args.given & PQ_OPT_LIMIT ? c->s.args.limit : LIMIT_DEFAULT;
  PQ_TRY(parse_op(c, &k->op));
  PQ_TRY(parse_target(c, &k->target));
  PQ_TRY(parse_cursor(c, &k->after));
  if (c->s.args.given & PQ_OPT_ENTITY) PQ_TRY(pq_check_id(c->op.cx, c->s.args.entity));
  return pq_read_language(c);
}

/* A number may lie ahead; an id is known to those who were told of the event, and so is one of here
 * or none. */
int pq_event_choice_check(pq_command *c) {
  const pq_as_of places[] = {c->s.args.from, c->s.args.to, c->s.choice.after};
  bool is_missing = false;
  for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
    int rc = pq_space_check_id(c->s.space, &c->s.space->files, &c->op, places[i]);
    if (rc < 0) return rc;
    is_missing |= rc == PQ_NEED_IO;
  }
  return is_missing ? PQ_NEED_IO : PQ_OK;
}

void pq_event_choice_range(pq_command *c) {
  pq_event_choice *k = &c->s.choice;
  const pq_as_of *from = &c->s.args.from, *to = &c->s.args.to;
  uint64_t after = k->after.seq;
  k->seq_hi = c->s.snapshot.view.seq;
  k->ts_after = INT64_MIN;
  k->ts_hi = INT64_MAX;
  if (from->is_set && from->is_seq && from->seq > after) after = from->seq;
  if (from->is_set && !from->is_seq) {
    uint64_t mark = pq_manifest_mark_at(&c->s.space->manifest, from->ts).seq_hi;
    if (mark > after) after = mark;
    k->ts_after = from->ts;
  }
  if (to->is_set && to->is_seq && to->seq < k->seq_hi) k->seq_hi = to->seq;
  if (to->is_set && !to->is_seq) k->ts_hi = to->ts;
  k->seq_lo = after + 1;
}

/* ---- one event ---- */

static int put_value(pq_builder *b, const char *name, pq_value v) {
  PQ_TRY(pq_builder_key_str(b, name));
  return pq_value_is_missing(v) ? pq_builder_null(b) : pq_builder_value(b, v);
}

static int put_text_or_null(pq_builder *b, const char *name, pq_slice text) {
  PQ_TRY(pq_builder_key_str(b, name));
  return text.n == 0 ? pq_builder_null(b) : pq_builder_string(b, text);
}

/* What an event is about, for those who see events of many things. */
static int put_target(pq_builder *b, const pq_event *e) {
  if (e->target == PQ_TARGET_ENTITY) return put_text_or_null(b, "type", e->type);
  if (e->target != PQ_TARGET_REL) return PQ_OK;
  PQ_TRY(pq_put_text(b, "predicate", e->predicate));
  PQ_TRY(pq_put_text(b, "to", e->to_id));
  return put_text_or_null(b, "reverse", e->reverse);
}

/* A collection's schema before the event: its versions are at hand, and not in the event. */
static pq_value before_of(const pq_command *c, const pq_event *e) {
  pq_view v = c->s.snapshot.view;
  pq_schema_at at;
  if (e->target != PQ_TARGET_COLLECTION || !pq_value_is_missing(e->before)) return e->before;
  v.seq = e->seq - 1;
  pq_schema_of(&v, e->id, &at);
  return at.document;
}

static int build_event(pq_command *c, const pq_event *e, bool has_target) {
  pq_builder *b = c->db->builder;
  char ulid[PQ_ULID_LEN + 1];
  pq_event_ulid(e, ulid);
  pq_builder_clear(b);
  PQ_TRY(pq_builder_begin_object(b));
  PQ_TRY(pq_put_text(b, "id", pq_str(ulid)));
  PQ_TRY(pq_put_count(b, "seq", e->seq));
  PQ_TRY(pq_builder_key_str(b, "ts"));
  PQ_TRY(pq_builder_date_us(b, e->ts));
  PQ_TRY(pq_put_text(b, "op", pq_str(pq_event_op_name(e->op))));
  PQ_TRY(pq_put_text(b, "ns", pq_str(c->s.space->ns)));
  if (has_target) PQ_TRY(pq_put_text(b, "target", pq_str(pq_target_name(e->target))));
  PQ_TRY(pq_put_text(b, "entityId", e->id));
  if (has_target) PQ_TRY(put_target(b, e));
  PQ_TRY(pq_put_count(b, "version", e->version));
  PQ_TRY(put_value(b, "before", before_of(c, e)));
  PQ_TRY(put_value(b, "after", e->after));
  PQ_TRY(pq_put_text(b, "actor", e->actor));
  PQ_TRY(put_value(b, "metadata", e->metadata));
  if (e->txn != 0) PQ_TRY(pq_put_count(b, "txn", e->txn));
  return pq_builder_end(b);
}

bool pq_event_is_chosen(const pq_command *c, const pq_event *e) {
  const pq_event_choice *k = &c->s.choice;
  const pq_args *args = &c->s.args;
  if (e->seq < k->seq_lo || e->seq > k->seq_hi || e->ts <= k->ts_after || e->ts > k->ts_hi)
    return false;
  if (k->op != 0 && e->op != k->op) return false;
  if (k->target != 0 && e->target != k->target) return false;
  if (args->actor.n > 0 && !pq_slice_eq(e->actor, args->actor)) return false;
  if (args->predicate.n > 0 && !pq_slice_eq(e->predicate, args->predicate)) return false;
  return args->entity.n == 0 ||
         (e->target != PQ_TARGET_COLLECTION && pq_slice_eq(e->id, args->entity));
}

/* Does the event as it is shown match the filter? Leaves the item in scratch. */
static int match(pq_command *c, pq_value *item, bool *is_match) {
  pq_eval eval;
  PQ_TRY(pq_builder_finish(c->db->builder, &c->op.scratch, item));
  pq_env_eval(c, &eval);
  eval.root = *item;
  *is_match = pq_filter_match(c->s.filter, &eval, *item, (pq_value){0});
  return pq_filter_status(c->s.filter);
}

int pq_event_take(pq_command *c, const pq_event *e, bool has_target) {
  const pq_event_choice *k = &c->s.choice;
  bool is_match = true;
  pq_value item = {0};
  if (!pq_event_is_chosen(c, e)) return PQ_OK;
  if (!pq_filter_is_empty(c->s.filter)) {
    PQ_TRY(build_event(c, e, has_target));
    PQ_TRY(match(c, &item, &is_match));
  }
  if (!is_match) return PQ_OK;
  if (k->limit > 0 && c->s.count == k->limit) {
    c->s.has_more = true;
    return PQ_YIELD;
  }
  if (pq_value_is_missing(item)) {
    PQ_TRY(build_event(c, e, has_target));
    PQ_TRY(pq_builder_finish(c->db->builder, &c->replies, &item));
  } else {
    PQ_TRY(pq_value_copy(&c->replies, item, &item));
  }
  PQ_TRY(pq_reply_item(c, item));
  c->s.count++;
  c->s.choice.last_seq = e->seq;
  c->s.choice.last_ts = e->ts;
  return PQ_OK;
}

/* Where to go on. */
static int put_cursor(pq_command *c) {
  const pq_event_choice *k = &c->s.choice;
  uint64_t seq = c->s.snapshot.view.seq >= k->seq_lo ? c->s.snapshot.view.seq : k->seq_lo - 1;
  char ulid[PQ_ULID_LEN + 1];
  char *place;
  if (c->s.has_more) {
    pq_event_ulid(&(pq_event){.seq = k->last_seq, .ts = k->last_ts}, ulid);
    return pq_put_text(c->db->builder, "nextCursor", pq_str(ulid));
  }
  if (c->s.args.to.is_set) return PQ_OK; /* the range is done */
  place = pq_arena_printf(&c->op.scratch, "seq:%llu", (unsigned long long)seq);
  if (place == NULL) return c->op.cx->code;
  return pq_put_text(c->db->builder, "nextCursor", pq_str(place));
}

int pq_event_finish(pq_command *c) {
  PQ_TRY(pq_summary_begin(c));
  PQ_TRY(pq_summary_count(c, "n", c->s.count));
  PQ_TRY(pq_builder_key_str(c->db->builder, "hasMore"));
  PQ_TRY(pq_builder_bool(c->db->builder, c->s.has_more));
  PQ_TRY(put_cursor(c));
  PQ_TRY(pq_history_put(c));
  return pq_summary_end(c, c->s.snapshot.view.seq);
}
