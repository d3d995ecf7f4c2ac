/* cmd/version_command.c - getAtVersion: an entity as one of its events left it.
 *
 * One event is enough, as it holds the document after it. After a hard delete versions start again
 * (doc/decisions/0010), so that the newest event with the number counts.
 */
#include "cmd/command_int.h"

/* NULL: it was not there. */
static int reply(pq_command *c, const pq_entity *entity) {
  if (entity != NULL && (!entity->is_deleted || c->s.args.includes_deleted)) {
    PQ_TRY(pq_reply_entity(c, entity));
    c->s.count = 1;
  }
  PQ_TRY(pq_summary_begin(c));
  PQ_TRY(pq_summary_count(c, "n", c->s.count));
  return pq_summary_end(c, c->s.snapshot.view.seq);
}

static int finish(pq_command *c, const pq_event *e) {
  pq_entity entity;
  bool is_there = false;
  PQ_TRY(pq_view_entity(&c->s.snapshot.view, &c->op.scratch, e, &entity, &is_there));
  return reply(c, is_there ? &entity : NULL);
}

/* No event that is kept has the version: it is that of the row, it never was, or it was dropped. */
static int read_row(pq_command *c) {
  pq_entity row;
  bool is_there;
  PQ_TRY(pq_history_row(c, &row, &is_there));
  if (!is_there || row.version < c->s.args.version) return reply(c, NULL);
  if (row.version == c->s.args.version) return reply(c, &row);
  return pq_history_dropped(c, "the event that made this version is gone");
}

static int stage_version_read(pq_op *op) {
  pq_command *c = pq_command_of(op);
  const pq_overlay *o = c->s.space->overlay;
  uint64_t seq = c->s.snapshot.view.seq, version = c->s.args.version;
  pq_event_want want = {.seq_lo = c->s.space->manifest.history.seq + 1, /* a file may hold more */
                        .seq_hi = seq,
                        .ts_hi = INT64_MAX,
                        .target = PQ_TARGET_ENTITY,
                        .id = c->s.id,
                        .version = version,
                        .needs_values = true};
  pq_event *events;
  uint32_t count;
  const pq_event *e = c->s.args.is_flushed ? NULL : pq_overlay_entity(o, c->s.id, seq);
  for (; e != NULL; e = pq_overlay_before(o, e))
    if (e->version == version) return finish(c, e);
  PQ_TRY(pq_space_events(c->s.space, op, &want, &events, &count));
  for (uint32_t i = count; i > 0; i--)
    if (events[i - 1].version == version) return finish(c, &events[i - 1]);
  return read_row(c);
}

static int stage_version(pq_op *op) {
  pq_command *c = pq_command_of(op);
  PQ_TRY(pq_read_events_snapshot(c));
  op->stage = stage_version_read;
  return PQ_OK;
}

int pq_open_get_at_version(pq_command *c, pq_value target) {
  c->s.start = stage_version;
  PQ_TRY(pq_target_id(c, target));
  if (c->s.args.version == 0)
    return pq_fail(c->op.cx, PQ_EINVALID,
                   "getAtVersion: option 'version' is missing: a whole number, 1 or more");
  return pq_projection_parse(&c->arena, NULL, c->s.args.project, &c->s.projection);
}
