/* cmd/replay_command.c - replay: events of another namespace or warehouse happen here too.
 *
 *   {"replay": 1} and lines as `events` gives them
 *     ├─► entities: what is there ─► CREATE, UPDATE, DELETE of the document after
 *     ├─► edges: what is there ─► link, unlink (edge_write.c), with or without their ends
 *     └─► one commit
 *
 * They are new events: their seq, ts and versions are of here, since a log has no gaps and time
 * does not go back. Who did it stays, and the metadata gets {"replay": {id, ts, ns}}, the event's
 * own. The last one of a commit therefore says up to where a replay has come: that is how one that
 * was interrupted goes on, with nothing twice.
 * Without lines the command looks for it, backwards.
 *
 * What comes is not checked by a schema, as it has happened; schemas themselves are not replayed.
 */
#include <string.h>

#include "base/slices.h"
#include "cmd/command_int.h"

#define TEXT_ARGS(s) (int)((s).n > 60 ? 60 : (s).n), (const char *)(s).p

enum { EVENTS_MAX = 1 << 20, WINDOW = 4096 };

/* One event as it came. All in the command's arena. */
typedef struct replayed {
  pq_slice source, ns, op_name, target_name, id, type, predicate, reverse, to, actor;
  pq_event_op op;
  pq_target target;
  int64_t ts;
  bool has_ts;
  pq_value after, metadata;
} replayed;

struct pq_replay {
  replayed *items;
  uint32_t count, cap;
  pq_slice cursor; /* the last event that was replayed */
};

/* ---- lines ---- */

static int refuse(pq_command *c, const char *name, const char *expected) {
  return pq_fail(c->op.cx, PQ_EINVALID, "replay: field '%s' of an event must be %s", name,
                 expected);
}

static int keep_value(pq_command *c, pq_value v, pq_value *out) {
  pq_builder_clear(c->db->builder);
  PQ_TRY(pq_builder_value(c->db->builder, v));
  return pq_builder_finish(c->db->builder, &c->arena, out);
}

static int take_object(pq_command *c, const pq_field *f, pq_value *out) {
  if (pq_value_type(f->value) == PQ_TYPE_NULL) return PQ_OK;
  if (pq_value_type(f->value) != PQ_TYPE_OBJECT) {
    char name[16] = {0};
    memcpy(name, f->name.p, f->name.n < sizeof name ? f->name.n : sizeof name - 1);
    return refuse(c, name, "an object or null");
  }
  return keep_value(c, f->value, out);
}

static int take_text(pq_command *c, const char *name, pq_value v, pq_slice *out) {
  pq_slice text;
  if (pq_value_type(v) == PQ_TYPE_NULL) return PQ_OK;
  if (!pq_value_string(v, &text)) return refuse(c, name, "text");
  return pq_arena_copy(&c->arena, text, out);
}

static int take_field(pq_command *c, const pq_field *f, replayed *e) {
  const struct {
    const char *name;
    pq_slice *text;
  } texts[] = {{"id", &e->source},           {"ns", &e->ns},       {"op", &e->op_name},
               {"target", &e->target_name},  {"entityId", &e->id}, {"type", &e->type},
               {"predicate", &e->predicate}, {"to", &e->to},       {"reverse", &e->reverse},
               {"actor", &e->actor}};
  static const char *const others[] = {"seq", "version", "before", "txn"}; /* made anew */
  for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
    if (pq_slice_is(f->name, texts[i].name))
      return take_text(c, texts[i].name, f->value, texts[i].text);
  for (size_t i = 0; i < sizeof others / sizeof *others; i++)
    if (pq_slice_is(f->name, others[i])) return PQ_OK;
  if (pq_slice_is(f->name, "after")) return take_object(c, f, &e->after);
  if (pq_slice_is(f->name, "metadata")) return take_object(c, f, &e->metadata);
  if (pq_slice_is(f->name, "ts")) {
    e->has_ts = pq_value_date_us(f->value, &e->ts);
    return e->has_ts ? PQ_OK : refuse(c, "ts", "a date");
  }
  return pq_fail(c->op.cx, PQ_EINVALID, "replay: unknown field '%.*s' of an event",
                 TEXT_ARGS(f->name));
}

/* The caller's note, and what the event was there. */
static int make_metadata(pq_command *c, pq_arena *scratch, replayed *e) {
  pq_builder *b = c->db->builder;
  uint32_t count;
  pq_field *fields = pq_object_fields(scratch, e->metadata, &count);
  if (fields == NULL && pq_value_count(e->metadata) > 0) return c->op.cx->code;
  pq_builder_clear(b);
  PQ_TRY(pq_builder_begin_object(b));
  for (uint32_t i = 0; i < count; i++) {
    if (pq_slice_is(fields[i].name, "replay")) continue; /* of an earlier one */
    PQ_TRY(pq_builder_key(b, fields[i].name));
    PQ_TRY(pq_builder_value(b, fields[i].value));
  }
  PQ_TRY(pq_builder_key_str(b, "replay"));
  PQ_TRY(pq_builder_begin_object(b));
  PQ_TRY(pq_put_text(b, "id", e->source));
  if (e->has_ts) {
    PQ_TRY(pq_builder_key_str(b, "ts"));
    PQ_TRY(pq_builder_date_us(b, e->ts));
  }
  if (e->ns.n > 0) PQ_TRY(pq_put_text(b, "ns", e->ns));
  PQ_TRY(pq_builder_end(b));
  PQ_TRY(pq_builder_end(b));
  return pq_builder_finish(b, &c->arena, &e->metadata);
}

static int check_event(pq_command *c, replayed *e) {
  uint64_t seq;
  for (int i = PQ_EVENT_CREATE; i <= PQ_EVENT_DELETE; i++)
    if (pq_slice_is(e->op_name, pq_event_op_name((pq_event_op)i))) e->op = (pq_event_op)i;
  for (int i = PQ_TARGET_ENTITY; i <= PQ_TARGET_COLLECTION; i++)
    if (pq_slice_is(e->target_name, pq_target_name((pq_target)i))) e->target = (pq_target)i;
  if (!pq_event_seq_of_ulid(e->source, &seq)) return refuse(c, "id", "the id of an event");
  if (e->op == 0) return refuse(c, "op", "CREATE, UPDATE or DELETE");
  if (e->target == 0) return refuse(c, "target", "\"entity\", \"rel\" or \"collection\"");
  if (e->actor.n == 0) e->actor = pq_actor_of(c);
  if (e->target == PQ_TARGET_COLLECTION) return PQ_OK;
  PQ_TRY(pq_check_id(c->op.cx, e->id));
  if (e->target == PQ_TARGET_ENTITY) {
    if (e->op != PQ_EVENT_DELETE && pq_value_is_missing(e->after))
      return refuse(c, "after", "the document, as the event is no DELETE");
    return PQ_OK;
  }
  if (e->predicate.n == 0) return refuse(c, "predicate", "text that is not empty");
  if (e->reverse.n == 0) PQ_TRY(pq_reverse_default(&c->arena, e->predicate, &e->reverse));
  PQ_TRY(pq_check_predicate(c, e->predicate));
  PQ_TRY(pq_check_predicate(c, e->reverse));
  return pq_check_end(c, &e->to);
}

static int take_event(pq_command *c, pq_arena *scratch, pq_value v) {
  struct pq_replay *r = c->s.replay;
  replayed e = {0};
  uint32_t count;
  pq_field *fields;
  if (pq_value_type(v) != PQ_TYPE_OBJECT)
    return pq_fail(c->op.cx, PQ_EINVALID, "replay: an event is an object, as 'events' gives it");
  pq_arena_clear(scratch);
  fields = pq_object_fields(scratch, v, &count);
  if (fields == NULL && pq_value_count(v) > 0) return c->op.cx->code;
  for (uint32_t i = 0; i < count; i++)
    PQ_TRY(take_field(c, &fields[i], &e));
  PQ_TRY(check_event(c, &e));
  PQ_TRY(make_metadata(c, scratch, &e));
  if (r->count == r->cap) {
    uint32_t cap = r->cap == 0 ? 64 : r->cap * 2;
    replayed *items;
    if (r->count >= EVENTS_MAX)
      return pq_fail(c->op.cx, PQ_ELIMIT, "replay: more than %d events in one command", EVENTS_MAX);
    items = pq_arena_calloc(&c->arena, cap, sizeof *items);
    if (items == NULL) return c->op.cx->code;
    if (r->count > 0) memcpy(items, r->items, r->count * sizeof *items);
    r->items = items;
    r->cap = cap;
  }
  r->items[r->count++] = e;
  return PQ_OK;
}

/* ---- entities ---- */

/* What is known of an entity while the events pass by. */
typedef struct state {
  pq_location at;
  pq_entity e;     /* id.p NULL: not there */
  bool is_changed; /* by this command: `at` is no more its place */
} state;

static int list_ids(pq_command *c, pq_slice **out, uint32_t *count) {
  const struct pq_replay *r = c->s.replay;
  uint32_t n = 0;
  pq_slice *ids = pq_arena_calloc(&c->op.scratch, r->count, sizeof *ids);
  if (ids == NULL) return c->op.cx->code;
  for (uint32_t i = 0; i < r->count; i++)
    if (r->items[i].target == PQ_TARGET_ENTITY) ids[n++] = r->items[i].id;
  *out = ids;
  *count = n;
  return pq_slices_sort(c->op.cx, ids, count);
}

/* The state after an event, for the next one of the same entity. */
static void pass(state *s, const pq_event *e) {
  s->is_changed = true;
  s->e = (pq_entity){.id = e->id,
                     .type = e->type,
                     .created_at = e->created_at,
                     .created_by = e->created_by,
                     .version = e->version,
                     .is_deleted = e->op == PQ_EVENT_DELETE,
                     .data = e->after};
  if (pq_value_is_missing(e->after)) s->e = (pq_entity){0};
}

static int apply_entity(pq_command *c, const replayed *from, state *s) {
  bool is_there = s->e.id.p != NULL, is_live = is_there && !s->e.is_deleted;
  bool is_hard = from->op == PQ_EVENT_DELETE && pq_value_is_missing(from->after);
  pq_location nowhere = {0};
  pq_event e = {.target = PQ_TARGET_ENTITY, .id = from->id, .version = 1};
  if (from->op == PQ_EVENT_DELETE && !(is_hard ? is_there : is_live)) {
    return PQ_OK;
  }
  if (is_there) {
    PQ_TRY(pq_event_next(c, s->is_changed ? &nowhere : &s->at, &s->e, &e));
  } else {
    e.created_by = from->actor;
    if (!s->is_changed && s->at.event != NULL) e.prev = s->at.event->seq;
  }
  e.op = from->op;
  if (from->op == PQ_EVENT_UPDATE && !is_there) e.op = PQ_EVENT_CREATE;
  if (from->op == PQ_EVENT_CREATE && is_live) e.op = PQ_EVENT_UPDATE;
  e.type = from->type;
  e.actor = from->actor;
  e.metadata = from->metadata;
  e.after = from->after;
  if (e.op == PQ_EVENT_CREATE && is_there) { /* of a soft-deleted one */
    e.created_at = 0;
    e.created_by = from->actor;
  }
  PQ_TRY(pq_commit_add(&c->s.commit, &c->op.arena, &e));
  pass(s, &e);
  return PQ_OK;
}

static int stage_replay_edges(pq_op *op);

static int stage_replay_entities(pq_op *op) {
  pq_command *c = pq_command_of(op);
  const pq_view *v = &c->s.snapshot.view;
  const struct pq_replay *r = c->s.replay;
  pq_slice *ids = NULL;
  uint32_t n = 0;
  pq_location *at;
  pq_entity *entities;
  state *states;
  PQ_TRY(list_ids(c, &ids, &n));
  at = pq_arena_calloc(&op->scratch, n, sizeof *at);
  entities = pq_arena_calloc(&op->scratch, n, sizeof *entities);
  states = pq_arena_calloc(&op->scratch, n, sizeof *states);
  if (at == NULL || entities == NULL || states == NULL) return op->cx->code;
  PQ_TRY(pq_view_locate(v, &op->fetch, &op->scratch, ids, n, false, at));
  PQ_TRY(pq_view_read(v, &op->fetch, &op->scratch, at, n,
                      PQ_WANT_ID | PQ_WANT_SYSTEM | PQ_WANT_DELETED, entities, NULL));
  for (uint32_t i = 0; i < n; i++)
    states[i] = (state){.at = at[i], .e = entities[i]};
  for (uint32_t i = 0; i < r->count; i++)
    if (r->items[i].target == PQ_TARGET_ENTITY)
      PQ_TRY(apply_entity(c, &r->items[i], &states[pq_slices_find(ids, n, r->items[i].id)]));
  op->stage = stage_replay_edges;
  return PQ_OK;
}

/* ---- edges, and the end ---- */

static int stage_replay_end(pq_op *op) {
  pq_command *c = pq_command_of(op);
  (void)op;
  PQ_TRY(pq_summary_begin(c));
  PQ_TRY(pq_summary_count(c, "replayedCount", c->s.count));
  PQ_TRY(pq_summary_count(c, "skippedCount", c->s.replay->count - c->s.count));
  PQ_TRY(pq_put_text(c->db->builder, "cursor", c->s.replay->cursor));
  return pq_summary_end(c, c->s.space->seq);
}

/* The commit has events of entities, then those of edges, each in the order in which they came;
 * now all are. Who goes on later does so behind the last one. */
static int put_in_order(pq_command *c) {
  const struct pq_replay *r = c->s.replay;
  pq_commit *commit = &c->s.commit;
  pq_event *sorted = pq_arena_array(&c->op.arena, commit->count, sizeof *sorted);
  uint32_t entity = 0, edge = 0, n = 0;
  if (sorted == NULL) return c->op.cx->code;
  while (edge < commit->count && commit->events[edge].target == PQ_TARGET_ENTITY)
    edge++;
  for (uint32_t i = 0, first_edge = edge; i < r->count; i++) {
    const uint8_t *note = r->items[i].metadata.p; /* which only the events of this item have */
    if (entity < first_edge && commit->events[entity].metadata.p == note)
      sorted[n++] = commit->events[entity++];
    else if (edge < commit->count && commit->events[edge].metadata.p == note)
      sorted[n++] = commit->events[edge++];
  }
  pq_assert(n == commit->count);
  commit->events = sorted;
  commit->cap = n;
  return PQ_OK;
}

static int stage_replay_commit(pq_op *op) {
  pq_command *c = pq_command_of(op);
  c->s.count = c->s.commit.count;
  c->s.commit.is_ordinary = true;
  if (c->s.commit.count > 0) PQ_TRY(put_in_order(c));
  return pq_write_commit(c, stage_replay_end);
}

static int stage_replay_edges(pq_op *op) {
  pq_command *c = pq_command_of(op);
  const struct pq_replay *r = c->s.replay;
  for (uint32_t i = 0; i < r->count; i++) {
    const replayed *e = &r->items[i];
    pq_edge_arg arg = {.from = e->id,
                       .predicate = e->predicate,
                       .to = e->to,
                       .reverse = e->reverse,
                       .data = e->after,
                       .is_unlink = e->op == PQ_EVENT_DELETE,
                       .is_unchecked = true,
                       .actor = e->actor,
                       .metadata = e->metadata};
    if (e->target == PQ_TARGET_REL) PQ_TRY(pq_edges_add(c, &op->arena, &arg));
  }
  if (c->s.edge_count > 0)
    pq_edges_write(c, stage_replay_commit);
  else
    op->stage = stage_replay_commit;
  return PQ_OK;
}

/* ---- up to where a replay has come ---- */

static bool is_replayed(pq_command *c, const pq_event *e, int *rc) {
  pq_value note = pq_object_get_str(e->metadata, "replay");
  pq_slice id;
  *rc = PQ_OK;
  if (!pq_value_string(pq_object_get_str(note, "id"), &id)) return false;
  *rc = pq_arena_copy(&c->op.arena, id, &c->s.replay->cursor);
  return true;
}

static int stage_last_files(pq_op *op) {
  pq_command *c = pq_command_of(op);
  uint64_t last = c->s.event_seq; /* all behind it was looked at */
  pq_event_want want = {.seq_lo = last > WINDOW ? last - WINDOW + 1 : 1,
                        .seq_hi = last,
                        .ts_hi = INT64_MAX,
                        .needs_before = true};
  pq_event *events;
  uint32_t count;
  int rc;
  if (last == 0) return stage_replay_end(op);
  if (pq_history_lacks(c, last))
    return pq_history_dropped(c,
                              "with it perhaps the last event that was replayed: say where to go "
                              "on ('cursor' of the events)");
  PQ_TRY(pq_space_events(c->s.space, op, &want, &events, &count));
  for (uint32_t i = count; i > 0; i--)
    if (is_replayed(c, &events[i - 1], &rc)) return rc < 0 ? rc : stage_replay_end(op);
  c->s.event_seq = want.seq_lo - 1;
  return PQ_OK;
}

static int find_in_tail(pq_command *c) {
  const pq_overlay *o = c->s.snapshot.view.overlay;
  int rc;
  for (uint32_t i = o == NULL ? 0 : o->version_count; i > 0; i--)
    if (is_replayed(c, &o->versions[i - 1].event, &rc))
      return rc < 0 ? rc : stage_replay_end(&c->op);
  c->s.event_seq = c->s.space->manifest.seq_hi;
  c->op.stage = stage_last_files;
  return PQ_OK;
}

static int stage_replay(pq_op *op) {
  pq_command *c = pq_command_of(op);
  PQ_TRY(pq_snapshot_open(&c->s.snapshot, c->s.space, op, (pq_as_of){0}, false));
  if (c->s.replay->count == 0) return find_in_tail(c);
  c->s.replay->cursor = c->s.replay->items[c->s.replay->count - 1].source;
  op->stage = stage_replay_entities;
  return PQ_OK;
}

int pq_open_replay(pq_command *c, pq_value target) {
  int64_t one;
  if (!pq_value_i64(target, &one) || one != 1)
    return pq_fail(c->op.cx, PQ_EINVALID, "replay: expects 1, and events as lines of its payload");
  c->s.replay = pq_arena_calloc(&c->arena, 1, sizeof *c->s.replay);
  if (c->s.replay == NULL) return c->op.cx->code;
  c->s.start = stage_replay;
  return pq_payload_lines(c, take_event);
}
