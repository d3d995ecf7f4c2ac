/* cmd/work_commands.c - flush, compact, maintain: driving what db/works.h does in steps.
 *
 *   flush      [one that runs] ─► all of the tail ─► summary
 *   compact    [flush] ─► all files of a collection, or of all ─► summary
 *   maintain   what runs or is due, a step ─► again, as often as asked ─► summary
 *   a write whose tail is too long: flush, whose failure is not the write's
 *   a bulk write: what puts an entry or chooses columns ends first
 *
 *   c->s.driven names the work whose requests the driver runs instead of the command's.
 */
#include "cmd/catalog.h"
#include "db/works.h"

static int stage_flush_begin(pq_op *op);

/* One step of the work that c->s.driven names; c->s.after_work follows it. */
static int stage_drive(pq_op *op) {
  pq_command *c = pq_command_of(op);
  pq_works *u = c->s.space->works;
  PQ_TRY(pq_works_run(u, c->s.driven, op->now_us));
  if (pq_works_is_running(u, c->s.driven)) return PQ_OK;
  c->s.driven = PQ_WORK_NONE;
  op->stage = c->s.after_work;
  return PQ_OK;
}

static void drive(pq_command *c, pq_work_kind kind, pq_stage_fn after) {
  c->s.driven = kind;
  c->s.after_work = after;
  c->op.stage = stage_drive;
}

/* ---- flush ---- */

/* A flush is over. It ended at a bulk write if one was pending: then there is more. */
static int stage_flushed(pq_op *op) {
  pq_command *c = pq_command_of(op);
  const pq_work_result *last = &c->s.space->works->last[PQ_WORK_FLUSH];
  pq_work_result *sum = &c->s.flushed;
  if (last->entry > 0) sum->entry = last->entry;
  sum->events += last->events;
  sum->files += last->files;
  sum->bytes += last->bytes;
  op->stage = c->s.space->manifest.seq_hi < c->s.space->seq ? stage_flush_begin : c->s.after_flush;
  return PQ_OK;
}

/* Flush the whole tail, then go on with c->s.after_flush. */
static int stage_flush_begin(pq_op *op) {
  pq_command *c = pq_command_of(op);
  pq_works *u;
  pq_work_kind first;
  PQ_TRY(pq_works_of(c->s.space, &u));
  first = pq_works_committing(u);
  if (first == PQ_WORK_NONE && pq_works_is_running(u, PQ_WORK_FLUSH)) first = PQ_WORK_FLUSH;
  if (first != PQ_WORK_NONE) { /* events may have come after its beginning */
    drive(c, first, stage_flush_begin);
    return PQ_OK;
  }
  PQ_TRY(pq_works_flush(u, true));
  drive(c, PQ_WORK_FLUSH, stage_flushed);
  return PQ_OK;
}

void pq_command_flush(pq_command *c, pq_stage_fn after) {
  c->s.after_flush = after;
  c->s.flushed = (pq_work_result){0};
  c->op.stage = stage_flush_begin;
}

static int reply_flush(pq_op *op) {
  pq_command *c = pq_command_of(op);
  const pq_work_result *r = &c->s.flushed;
  PQ_TRY(pq_summary_begin(c));
  PQ_TRY(pq_summary_count(c, "entry", r->entry));
  PQ_TRY(pq_summary_count(c, "events", r->events));
  PQ_TRY(pq_summary_count(c, "files", r->files));
  PQ_TRY(pq_summary_count(c, "bytes", r->bytes));
  return pq_summary_end(c, c->s.space->seq);
}

static int stage_flush(pq_op *op) {
  pq_command_flush(pq_command_of(op), reply_flush);
  return PQ_OK;
}

int pq_open_flush(pq_command *c, pq_value target) {
  (void)target;
  c->s.start = stage_flush;
  return PQ_OK;
}

/* ---- the flush that a long tail asks for ---- */

static int stage_relieve(pq_op *op);

/* A step. A failure has been noted; the tail stays, and the next write tries again. */
static int stage_relieve_step(pq_op *op) {
  pq_command *c = pq_command_of(op);
  pq_work_kind kind = c->s.driven;
  int rc = pq_works_run(c->s.space->works, kind, op->now_us);
  if (rc == PQ_NEED_IO) return rc;
  c->s.driven = PQ_WORK_NONE;
  op->stage = stage_relieve;
  if (rc < 0 || (kind == PQ_WORK_FLUSH && !pq_works_is_running(c->s.space->works, kind)))
    op->stage = c->s.after_work;
  return PQ_OK;
}

static int stage_relieve(pq_op *op) {
  pq_command *c = pq_command_of(op);
  pq_works *u;
  pq_work_kind first;
  int rc = PQ_OK;
  if (c->s.space->is_stale || !c->s.space->is_loaded) { /* another command had to forget the log */
    op->stage = c->s.after_work;
    return PQ_OK;
  }
  rc = pq_works_of(c->s.space, &u);
  first = rc == PQ_OK ? pq_works_committing(u) : PQ_WORK_NONE;
  if (rc == PQ_OK && first == PQ_WORK_NONE && !pq_works_is_running(u, PQ_WORK_FLUSH))
    rc = pq_works_flush(u, u->halvings == 0);
  op->stage = rc == PQ_OK ? stage_relieve_step : c->s.after_work;
  if (rc == PQ_OK) c->s.driven = first != PQ_WORK_NONE ? first : PQ_WORK_FLUSH;
  return PQ_OK;
}

void pq_command_relieve(pq_command *c, pq_stage_fn after) {
  c->s.after_work = after;
  c->op.stage = stage_relieve;
}

/* ---- what must end before a bulk write ---- */

static int stage_settle(pq_op *op);

static int stage_settle_step(pq_op *op) {
  pq_command *c = pq_command_of(op);
  int rc = pq_works_run(c->s.space->works, c->s.driven, op->now_us);
  if (rc == PQ_NEED_IO) return rc;
  c->s.driven = PQ_WORK_NONE;
  op->stage = stage_settle; /* one that failed does not run any more */
  return PQ_OK;
}

static int stage_settle(pq_op *op) {
  pq_command *c = pq_command_of(op);
  pq_works *u = c->s.space->works;
  pq_work_kind first = pq_works_committing(u);
  if (first == PQ_WORK_NONE && pq_works_is_running(u, PQ_WORK_FLUSH)) first = PQ_WORK_FLUSH;
  c->s.driven = first;
  op->stage = first == PQ_WORK_NONE ? c->s.after_work : stage_settle_step;
  return PQ_OK;
}

void pq_command_settle(pq_command *c, pq_stage_fn after) {
  c->s.after_work = after;
  c->op.stage = stage_settle;
}

/* ---- compact ---- */

static int reply_compact(pq_op *op) {
  pq_command *c = pq_command_of(op);
  const pq_work_result *r = &c->s.space->works->last[PQ_WORK_COMPACT];
  PQ_TRY(pq_summary_begin(c));
  PQ_TRY(pq_summary_count(c, "entry", r->entry));
  PQ_TRY(pq_summary_count(c, "filesRemoved", r->removed));
  PQ_TRY(pq_summary_count(c, "files", r->files));
  PQ_TRY(pq_summary_count(c, "bytes", r->bytes));
  return pq_summary_end(c, c->s.space->seq);
}

static int stage_compact_flushed(pq_op *op) {
  pq_command *c = pq_command_of(op);
  pq_works *u = c->s.space->works;
  pq_works_drop(u, PQ_WORK_COMPACT); /* one of a few files: this one has them too */
  PQ_TRY(pq_works_compact(u, c->s.collection, true));
  drive(c, PQ_WORK_COMPACT, reply_compact);
  return PQ_OK;
}

static int stage_compact(pq_op *op) {
  pq_command_flush(pq_command_of(op), stage_compact_flushed);
  return PQ_OK;
}

int pq_open_compact(pq_command *c, pq_value target) {
  pq_slice name;
  c->s.start = stage_compact;
  if (pq_value_string(target, &name) && name.n == 0) return PQ_OK;
  return pq_target_collection(c, target);
}

/* ---- maintain ---- */

static int reply_maintain(pq_command *c) {
  static const char *const names[] = {"flush", "compact", "vacuum"};
  const pq_works *u = c->s.space->works;
  pq_work_kind due = pq_works_due(c->s.space, c->op.now_us);
  pq_builder *b = c->db->builder;
  PQ_TRY(pq_summary_begin(c));
  PQ_TRY(pq_summary_count(c, "steps", c->s.count));
  PQ_TRY(pq_builder_key_str(b, "due"));
  PQ_TRY(due == PQ_WORK_NONE ? pq_builder_null(b) : pq_builder_string(b, pq_str(names[due])));
  if (u != NULL && u->failures > 0) PQ_TRY(pq_put_text(b, "error", pq_str(u->message)));
  return pq_summary_end(c, c->s.space->seq);
}

static int stage_maintain(pq_op *op);

/* A step of the work that runs. What fails is told, and does not fail the command. */
static int stage_maintain_step(pq_op *op) {
  pq_command *c = pq_command_of(op);
  int rc = pq_works_run(c->s.space->works, c->s.driven, op->now_us);
  if (rc == PQ_NEED_IO) return rc;
  c->s.count++;
  c->s.driven = PQ_WORK_NONE;
  op->stage = stage_maintain;
  return PQ_OK;
}

bool pq_command_may_leave(const pq_command *c) {
  const pq_works *u = c->s.space == NULL ? NULL : c->s.space->works;
  return c->op.stage == stage_maintain_step && pq_works_is_away(u) &&
         pq_works_committing(u) == PQ_WORK_NONE;
}

static int stage_maintain(pq_op *op) {
  pq_command *c = pq_command_of(op);
  pq_work_kind kind = pq_works_due(c->s.space, op->now_us);
  pq_works *u;
  if (kind == PQ_WORK_NONE || c->s.count >= c->s.total) return reply_maintain(c);
  PQ_TRY(pq_works_of(c->s.space, &u));
  if (!pq_works_is_running(u, kind))
    PQ_TRY(kind == PQ_WORK_FLUSH     ? pq_works_flush(u, false)
           : kind == PQ_WORK_COMPACT ? pq_works_compact(u, (pq_slice){0}, false)
                                     : pq_works_collect(u));
  c->s.driven = kind;
  op->stage = stage_maintain_step;
  return PQ_OK;
}

static int stage_maintain_begin(pq_op *op) {
  pq_command *c = pq_command_of(op);
  pq_works *u;
  PQ_TRY(pq_works_of(c->s.space, &u));
  pq_works_look(u);
  u->has_garbage = u->has_garbage || pq_garbage_is_due(c->s.space, op->now_us);
  op->stage = stage_maintain;
  return PQ_OK;
}

/* What is over by a TTL index goes first. */
static int stage_maintain_expire(pq_op *op) {
  return pq_expire_begin(pq_command_of(op), stage_maintain_begin);
}

/* The target is the number of steps, at most; 0: all that is due. */
int pq_open_maintain(pq_command *c, pq_value target) {
  int64_t steps;
  if (!pq_value_i64(target, &steps) || steps < 0)
    return pq_fail(c->op.cx, PQ_EINVALID, "maintain: how many steps, 0 for all that is due");
  c->s.total = steps == 0 ? UINT64_MAX : (uint64_t)steps;
  c->s.start = stage_maintain_expire;
  return PQ_OK;
}
