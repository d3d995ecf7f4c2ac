/* cmd/write_commands.c - update, delete, restore. Each reads what it depends on, then commits.
 *
 *   open snapshot ─► locate, read ─► events ─► append (durable) ─► [flush if the tail is long]
 */
#include <string.h>

#include "base/merge_sort.h"
#include "base/text.h"
#include "cmd/command_int.h"
#include "value/json.h"

#define TEXT_ARGS(s) (int)((s).n > 60 ? 60 : (s).n), (const char *)(s).p

pq_slice pq_actor_of(const pq_command *c) {
  return c->s.args.actor.n > 0 ? c->s.args.actor : c->db->actor;
}

/* ---- the shared end of writes ---- */

static int stage_append(pq_op *op) {
  pq_command *c = pq_command_of(op);
  PQ_TRY(pq_commit_append(&c->s.commit, c->s.space, op));
  c->s.is_committed = true;
  if (c->s.space->overlay->held_len > op->cx->limits.tail_len_max)
    return pq_flush_begin(&c->s.flush, c->s.space, op, c->s.start);
  op->stage = c->s.start;
  return PQ_OK;
}

int pq_write_commit(pq_command *c, pq_stage_fn finish) {
  pq_snapshot_close(&c->s.snapshot);
  c->s.start = finish;
  if (c->s.commit.count == 0) {
    c->op.stage = finish;
    return PQ_OK;
  }
  c->op.stage = stage_append;
  return pq_commit_prepare(&c->s.commit, c->s.space, &c->op);
}

static int stage_snapshot(pq_op *op, pq_stage_fn next) {
  pq_command *c = pq_command_of(op);
  PQ_TRY(pq_snapshot_open(&c->s.snapshot, c->s.space, op, (pq_as_of){0}, false));
  op->stage = next;
  return PQ_OK;
}

static int check_version(pq_command *c, const pq_entity *e) {
  if (!(c->s.args.given & PQ_OPT_EXPECTED_VERSION)) return PQ_OK;
  if ((uint64_t)c->s.args.expected_version == e->version) return PQ_OK;
  return pq_fail(c->op.cx, PQ_EVERSION, "%.*s: expected version %lld, it has version %llu",
                 TEXT_ARGS(c->s.id), (long long)c->s.args.expected_version,
                 (unsigned long long)e->version);
}

/* The event that follows an entity's state at `at`; texts copied to the operation's memory. */
static int next_event(pq_command *c, const pq_location *at, const pq_entity *e, pq_event *out) {
  pq_arena *arena = &c->op.arena;
  *out = (pq_event){.target = PQ_TARGET_ENTITY,
                    .version = e->version + 1,
                    .created_at = e->created_at,
                    .actor = pq_actor_of(c),
                    .metadata = c->s.args.metadata,
                    .prev = at->event != NULL ? at->event->seq : 0};
  PQ_TRY(pq_arena_copy(arena, e->id, &out->id));
  PQ_TRY(pq_arena_copy(arena, e->type, &out->type));
  PQ_TRY(pq_arena_copy(arena, e->created_by, &out->created_by));
  if (at->info == NULL) return PQ_OK;
  out->where_file = at->file->name;
  out->where_row = pq_location_row(at);
  return PQ_OK;
}

/* Read the one entity that a command names. */
static int read_target(pq_command *c, pq_location *at, pq_entity *e) {
  pq_op *op = &c->op;
  PQ_TRY(pq_view_locate(&c->s.snapshot.view, &op->fetch, &op->scratch, &c->s.id, 1, false, at));
  return pq_view_read(&c->s.snapshot.view, &op->fetch, &op->scratch, at, 1, PQ_WANT_ALL, e, NULL);
}

/* ---- update ---- */

static int stage_update_end(pq_op *op) {
  pq_command *c = pq_command_of(op);
  PQ_TRY(pq_summary_begin(c));
  PQ_TRY(pq_summary_count(c, "matchedCount", c->s.count));
  PQ_TRY(pq_summary_count(c, "modifiedCount", c->s.changed));
  return pq_summary_end(c, c->s.space->seq);
}

/* The entity as it is after the commit. */
static int stage_update_reply(pq_op *op) {
  pq_command *c = pq_command_of(op);
  pq_event after = c->s.commit.events[0];
  pq_entity e;
  after.ts = c->s.commit.ts;
  (void)pq_event_entity(&after, &e);
  PQ_TRY(pq_reply_entity(c, &e));
  op->stage = stage_update_end;
  return PQ_OK;
}

static int stage_update_apply(pq_op *op) {
  pq_command *c = pq_command_of(op);
  pq_location at;
  pq_entity e;
  pq_event event;
  bool is_changed;
  PQ_TRY(read_target(c, &at, &e));
  if (e.id.p == NULL || e.is_deleted) {
    pq_snapshot_close(&c->s.snapshot);
    op->stage = stage_update_end;
    return PQ_OK;
  }
  PQ_TRY(check_version(c, &e));
  PQ_TRY(next_event(c, &at, &e, &event));
  event.op = PQ_EVENT_UPDATE;
  pq_eval eval = {
      .cx = op->cx, .arena = &op->scratch, .builder = c->db->builder, .now_us = op->now_us};
  pq_builder_clear(c->db->builder);
  PQ_TRY(pq_update_apply(c->s.update, &eval, &op->arena, e.data, (pq_update_at){.position = -1},
                         &event.after, &is_changed));
  c->s.count = 1;
  if (!is_changed) {
    PQ_TRY(pq_reply_entity(c, &e));
    pq_snapshot_close(&c->s.snapshot);
    op->stage = stage_update_end;
    return PQ_OK;
  }
  c->s.changed = 1;
  PQ_TRY(pq_commit_add(&c->s.commit, &op->arena, &event));
  return pq_write_commit(c, stage_update_reply);
}

static int stage_update(pq_op *op) {
  return stage_snapshot(op, stage_update_apply);
}

int pq_open_update(pq_command *c, pq_value target) {
  PQ_TRY(pq_target_id(c, target));
  if (!(c->s.args.given & PQ_OPT_OPS))
    return pq_fail(c->op.cx, PQ_EINVALID, "update: option 'ops' is missing");
  c->s.start = stage_update;
  return pq_update_parse(&c->arena, NULL, c->s.args.ops, (pq_value){0}, &c->s.update);
}

/* ---- delete ---- */

static int stage_delete_end(pq_op *op) {
  pq_command *c = pq_command_of(op);
  PQ_TRY(pq_summary_begin(c));
  PQ_TRY(pq_summary_count(c, "deletedCount", c->s.count));
  return pq_summary_end(c, c->s.space->seq);
}

/* A hard delete takes the entity's edges with it: policy `unlink`. */
static int unlink_all(pq_command *c, bool is_reverse) {
  pq_op *op = &c->op;
  pq_edge_query q = {
      .nodes = &c->s.id, .node_count = 1, .is_reverse = is_reverse, .needs_data = true};
  pq_edge *edges;
  uint32_t count;
  PQ_TRY(pq_edges_read(&c->s.snapshot.view, &op->fetch, &op->scratch, &q, &edges, &count));
  for (uint32_t i = 0; i < count; i++) {
    pq_event e = {.target = PQ_TARGET_REL, .op = PQ_EVENT_DELETE};
    if (is_reverse && pq_slice_eq(edges[i].from_id, c->s.id)) continue; /* an edge to itself */
    e.version = edges[i].version + 1;
    e.created_at = edges[i].created_at;
    e.actor = pq_actor_of(c);
    e.metadata = c->s.args.metadata;
    e.prev = edges[i].seq;
    PQ_TRY(pq_arena_copy(&op->arena, edges[i].from_id, &e.id));
    PQ_TRY(pq_arena_copy(&op->arena, edges[i].predicate, &e.predicate));
    PQ_TRY(pq_arena_copy(&op->arena, edges[i].reverse, &e.reverse));
    PQ_TRY(pq_arena_copy(&op->arena, edges[i].to_id, &e.to_id));
    PQ_TRY(pq_arena_copy(&op->arena, edges[i].created_by, &e.created_by));
    PQ_TRY(pq_commit_add(&c->s.commit, &op->arena, &e));
  }
  return PQ_OK;
}

static int stage_delete_reverse(pq_op *op) {
  pq_command *c = pq_command_of(op);
  PQ_TRY(unlink_all(c, true));
  return pq_write_commit(c, stage_delete_end);
}

static int stage_delete_forward(pq_op *op) {
  PQ_TRY(unlink_all(pq_command_of(op), false));
  op->stage = stage_delete_reverse;
  return PQ_OK;
}

static int keep_document(pq_command *c, pq_value doc, pq_value *out) {
  pq_builder_clear(c->db->builder);
  PQ_TRY(pq_builder_value(c->db->builder, doc));
  return pq_builder_finish(c->db->builder, &c->op.arena, out);
}

static int stage_delete_read(pq_op *op) {
  pq_command *c = pq_command_of(op);
  pq_location at;
  pq_entity e;
  pq_event event;
  PQ_TRY(read_target(c, &at, &e));
  /* A hard delete also removes what was soft-deleted before. */
  if (e.id.p == NULL || (e.is_deleted && !c->s.args.is_hard)) {
    pq_snapshot_close(&c->s.snapshot);
    op->stage = stage_delete_end;
    return PQ_OK;
  }
  PQ_TRY(check_version(c, &e));
  PQ_TRY(next_event(c, &at, &e, &event));
  event.op = PQ_EVENT_DELETE;
  if (!c->s.args.is_hard) PQ_TRY(keep_document(c, e.data, &event.after));
  PQ_TRY(pq_commit_add(&c->s.commit, &op->arena, &event));
  c->s.count = 1;
  if (!c->s.args.is_hard) return pq_write_commit(c, stage_delete_end);
  op->stage = stage_delete_forward;
  return PQ_OK;
}

static int stage_delete(pq_op *op) {
  return stage_snapshot(op, stage_delete_read);
}

int pq_open_delete(pq_command *c, pq_value target) {
  c->s.start = stage_delete;
  return pq_target_id(c, target);
}

/* ---- restore ---- */

static int stage_restore_end(pq_op *op) {
  pq_command *c = pq_command_of(op);
  PQ_TRY(pq_summary_begin(c));
  PQ_TRY(pq_summary_count(c, "restoredCount", c->s.count));
  return pq_summary_end(c, c->s.space->seq);
}

/* A soft-deleted entity comes back as it was, as an update. */
static int stage_restore_read(pq_op *op) {
  pq_command *c = pq_command_of(op);
  pq_location at;
  pq_entity e;
  pq_event event;
  PQ_TRY(read_target(c, &at, &e));
  if (e.id.p == NULL || !e.is_deleted) {
    pq_snapshot_close(&c->s.snapshot);
    op->stage = stage_restore_end;
    return PQ_OK;
  }
  PQ_TRY(check_version(c, &e));
  PQ_TRY(next_event(c, &at, &e, &event));
  event.op = PQ_EVENT_UPDATE;
  PQ_TRY(keep_document(c, e.data, &event.after));
  PQ_TRY(pq_commit_add(&c->s.commit, &op->arena, &event));
  c->s.count = 1;
  return pq_write_commit(c, stage_restore_end);
}

static int stage_restore(pq_op *op) {
  return stage_snapshot(op, stage_restore_read);
}

int pq_open_restore(pq_command *c, pq_value target) {
  c->s.start = stage_restore;
  return pq_target_id(c, target);
}
