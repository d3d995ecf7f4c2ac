/* cmd/events_command.c - all events of a namespace or of a collection, in order of seq.
 *
 *   event files:  [from + 1 ··· window ···][··· window ···] … flushed_seq    a stage per window
 *   tail:                                                    flushed_seq + 1 … seq of the snapshot
 *
 * A window bounds what one stage holds in memory. Both ends are fixed when the snapshot is opened,
 * so a flush in between changes nothing.
 */
#include "cmd/command_int.h"
#include "db/schema_of.h"

enum { LIMIT_DEFAULT = 1000, WINDOW = 4096 };

typedef struct listing {
  pq_command *c;
  pq_event_op only; /* 0: all */
  uint64_t limit;   /* 0: all */
} listing;

static int begin(pq_command *c, listing *l) {
  *l = (listing){.c = c, .limit = LIMIT_DEFAULT};
  if (c->s.args.given & PQ_OPT_LIMIT) l->limit = c->s.args.limit;
  return pq_parse_event_op(c, &l->only);
}

/* One event in order: reply it if it is asked for. PQ_YIELD: the page is full and more is there. */
static int take(listing *l, const pq_event *e) {
  pq_command *c = l->c;
  if (l->only != 0 && e->op != l->only) return PQ_OK;
  if (l->limit > 0 && c->s.count == l->limit) {
    c->s.has_more = true;
    return PQ_YIELD;
  }
  c->s.count++;
  return pq_reply_event(c, e, true);
}

static int finish(pq_command *c) {
  PQ_TRY(pq_summary_begin(c));
  PQ_TRY(pq_summary_count(c, "n", c->s.count));
  PQ_TRY(pq_builder_key_str(c->db->builder, "hasMore"));
  PQ_TRY(pq_builder_bool(c->db->builder, c->s.has_more));
  return pq_summary_end(c, c->s.snapshot.view.seq);
}

static bool is_of_collection(const pq_command *c, const pq_event *e) {
  pq_slice collection, local;
  if (c->s.collection.n == 0) return true;
  if (e->target == PQ_TARGET_COLLECTION) return pq_slice_eq(e->id, c->s.collection);
  return pq_id_split(e->id, &collection, &local) && pq_slice_eq(collection, c->s.collection);
}

static int take_tail(listing *l) {
  pq_command *c = l->c;
  const pq_view *v = &c->s.snapshot.view;
  const pq_overlay *o = c->s.snapshot.past != NULL ? NULL : v->overlay;
  for (uint32_t i = 0; o != NULL && i < o->version_count; i++) {
    pq_event e = o->versions[i].event;
    const pq_event *before = pq_overlay_before(o, &o->versions[i].event);
    if (e.seq <= c->s.flushed_seq || e.seq < c->s.event_seq) continue;
    if (e.seq > v->seq) break;
    if (!is_of_collection(c, &e)) continue;
    if (before != NULL && pq_value_is_missing(e.before)) {
      e.before = before->after;
      if (e.target == PQ_TARGET_ENTITY)
        PQ_TRY(pq_schema_before(c->s.space, &c->op.scratch, e.id, before->seq, e.seq, &e.before));
    }
    PQ_TRY(take(l, &e));
  }
  return PQ_OK;
}

static int stage_events_tail(pq_op *op) {
  pq_command *c = pq_command_of(op);
  listing l;
  int rc;
  PQ_TRY(begin(c, &l));
  rc = take_tail(&l);
  return rc < 0 ? rc : finish(c);
}

static int stage_events_files(pq_op *op) {
  pq_command *c = pq_command_of(op);
  uint64_t seq = c->s.snapshot.view.seq, last = seq < c->s.flushed_seq ? seq : c->s.flushed_seq;
  pq_event_want want = {.seq_lo = c->s.event_seq,
                        .seq_hi = last,
                        .ts_hi = INT64_MAX,
                        .collection = c->s.collection,
                        .needs_values = true,
                        .needs_before = true};
  pq_event *events;
  uint32_t count;
  listing l;
  if (c->s.event_seq > last) {
    op->stage = stage_events_tail;
    return PQ_OK;
  }
  if (last - c->s.event_seq >= WINDOW) want.seq_hi = c->s.event_seq + WINDOW - 1;
  PQ_TRY(begin(c, &l));
  PQ_TRY(pq_space_events(c->s.space, op, &want, &events, &count));
  for (uint32_t i = 0; i < count; i++) {
    int rc = take(&l, &events[i]);
    if (rc == PQ_YIELD) return finish(c);
    PQ_TRY(rc);
  }
  c->s.event_seq = want.seq_hi + 1;
  return c->item_count > 0 ? PQ_YIELD : PQ_OK;
}

static int stage_events(pq_op *op) {
  pq_command *c = pq_command_of(op);
  PQ_TRY(pq_snapshot_open(&c->s.snapshot, c->s.space, op, c->s.args.as_of, c->s.args.is_flushed));
  c->s.flushed_seq = c->s.space->manifest.seq_hi;
  c->s.event_seq = c->s.args.from + 1;
  op->stage = stage_events_files;
  return PQ_OK;
}

int pq_open_events(pq_command *c, pq_value target) {
  pq_event_op only;
  pq_slice name;
  if (!pq_value_string(target, &name) || name.n > 0) PQ_TRY(pq_target_collection(c, target));
  c->s.start = stage_events;
  return pq_parse_event_op(c, &only);
}
