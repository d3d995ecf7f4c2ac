/* cmd/history_command.c - the events of one entity: flushed ones from the event files, then the
 * tail's. See doc/commands.md.
 */
#include <string.h>

#include "base/text.h"
#include "cmd/command_int.h"
#include "db/schema_of.h"

enum { LIMIT_DEFAULT = 1000 };

typedef struct history {
  pq_command *c;
  pq_event_op only; /* 0: all */
  uint64_t limit;
  pq_value before; /* state after the event before, for events of the tail */
  uint64_t before_seq;
} history;

static int put_value(pq_builder *b, const char *name, pq_value v) {
  PQ_TRY(pq_builder_key_str(b, name));
  return pq_value_is_missing(v) ? pq_builder_null(b) : pq_builder_value(b, v);
}

int pq_reply_event(pq_command *c, const pq_event *e, bool has_target) {
  pq_builder *b = c->db->builder;
  char ulid[PQ_ULID_LEN + 1];
  pq_value item;
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
  if (has_target && e->target == PQ_TARGET_REL) {
    PQ_TRY(pq_put_text(b, "predicate", e->predicate));
    PQ_TRY(pq_put_text(b, "to", e->to_id));
  }
  PQ_TRY(pq_put_count(b, "version", e->version));
  PQ_TRY(put_value(b, "before", e->before));
  PQ_TRY(put_value(b, "after", e->after));
  PQ_TRY(pq_put_text(b, "actor", e->actor));
  PQ_TRY(put_value(b, "metadata", e->metadata));
  PQ_TRY(pq_builder_end(b));
  PQ_TRY(pq_builder_finish(b, &c->replies, &item));
  return pq_reply_item(c, item);
}

/* One event in order: reply it if it is asked for, remember its state for the next. */
static int take(history *h, const pq_event *source) {
  pq_event e = *source;
  if (e.op != PQ_EVENT_CREATE && pq_value_is_missing(e.before)) {
    e.before = h->before;
    PQ_TRY(
        pq_schema_before(h->c->s.space, &h->c->op.scratch, e.id, h->before_seq, e.seq, &e.before));
  }
  h->before = e.after;
  h->before_seq = e.seq;
  if (h->only != 0 && e.op != h->only) return PQ_OK;
  if (h->limit > 0 && h->c->s.count == h->limit) {
    h->c->s.has_more = true;
    return PQ_OK;
  }
  h->c->s.count++;
  return pq_reply_event(h->c, &e, false);
}

/* The versions of the entity in the tail, oldest first. */
static int take_tail(history *h) {
  pq_command *c = h->c;
  const pq_view *v = &c->s.snapshot.view;
  const pq_overlay *o = c->s.space->overlay;
  const pq_event *newest = pq_overlay_entity(o, c->s.id, v->seq);
  uint32_t n = 0;
  const pq_event **events;
  for (const pq_event *e = newest; e != NULL; e = pq_overlay_before(o, e))
    n++;
  events = pq_arena_calloc(&c->op.scratch, n, sizeof *events);
  if (events == NULL) return c->op.cx->code;
  for (const pq_event *e = newest; e != NULL; e = pq_overlay_before(o, e))
    events[--n] = e;
  for (const pq_event *e = newest; e != NULL; e = pq_overlay_before(o, e))
    n++;
  for (uint32_t i = 0; i < n; i++)
    PQ_TRY(take(h, events[i]));
  return PQ_OK;
}

static int stage_history_read(pq_op *op) {
  pq_command *c = pq_command_of(op);
  history h = {.c = c, .limit = LIMIT_DEFAULT};
  pq_event_want want = {.seq_lo = 1,
                        .seq_hi = c->s.snapshot.view.seq,
                        .ts_hi = INT64_MAX,
                        .target = PQ_TARGET_ENTITY,
                        .id = c->s.id,
                        .needs_values = true,
                        .needs_before = true};
  pq_event *events;
  uint32_t count;
  if (c->s.args.given & PQ_OPT_LIMIT) h.limit = c->s.args.limit;
  PQ_TRY(pq_parse_event_op(c, &h.only));
  PQ_TRY(pq_space_events(c->s.space, op, &want, &events, &count));
  for (uint32_t i = 0; i < count; i++)
    PQ_TRY(take(&h, &events[i]));
  if (!c->s.args.is_flushed) PQ_TRY(take_tail(&h));
  PQ_TRY(pq_summary_begin(c));
  PQ_TRY(pq_summary_count(c, "n", c->s.count));
  PQ_TRY(pq_builder_key_str(c->db->builder, "hasMore"));
  PQ_TRY(pq_builder_bool(c->db->builder, c->s.has_more));
  return pq_summary_end(c, c->s.snapshot.view.seq);
}

static int stage_history(pq_op *op) {
  pq_command *c = pq_command_of(op);
  PQ_TRY(pq_snapshot_open(&c->s.snapshot, c->s.space, op, c->s.args.as_of, c->s.args.is_flushed));
  op->stage = stage_history_read;
  return PQ_OK;
}

int pq_parse_event_op(pq_command *c, pq_event_op *out) {
  *out = 0;
  if (c->s.args.op.n == 0) return PQ_OK;
  for (int o = PQ_EVENT_CREATE; o <= PQ_EVENT_DELETE; o++)
    if (pq_slice_is(c->s.args.op, pq_event_op_name((pq_event_op)o))) *out = (pq_event_op)o;
  if (*out != 0) return PQ_OK;
  return pq_fail(c->op.cx, PQ_EINVALID, "%s: option 'op' must be CREATE, UPDATE or DELETE",
                 c->s.spec->name);
}

int pq_open_history(pq_command *c, pq_value target) {
  pq_event_op op;
  PQ_TRY(pq_target_id(c, target));
  c->s.start = stage_history;
  return pq_parse_event_op(c, &op);
}
