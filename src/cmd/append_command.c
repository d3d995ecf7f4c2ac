/* cmd/append_command.c - appendEvent: an event that the caller wrote happens; reconstruct: an
 * entity from its newest event at an instant.
 *
 *   {"appendEvent": {"op": "UPDATE", "entityId": "posts/p1", "after": {…}, "version": 3}}
 *        └─► the write that leads to such an event: insert, replace, delete, link, unlink. So it is
 *            checked as they are, by schema, version and what is there, and happens or fails whole
 *   {"reconstruct": "posts/p1", "asOf": T}
 *        └─► tail, else by-entity indexes (table/event_probe.h): one block, one event, no file of
 *            entities. It answers where the files of the instant are gone, too
 */
#include <string.h>

#include "base/text.h"
#include "cmd/command_int.h"

/* ---- appendEvent ---- */

/* The event as it was given. */
typedef struct given_event {
  pq_slice op, target, id, type, predicate, reverse, to;
  pq_value after;
  bool has_after, has_version;
  int64_t version;
} given_event;

static int take_field(pq_command *c, const pq_field *f, given_event *e) {
  const struct {
    const char *name;
    pq_slice *text;
  } texts[] = {{"op", &e->op},     {"target", &e->target},       {"entityId", &e->id},
               {"type", &e->type}, {"predicate", &e->predicate}, {"reverse", &e->reverse},
               {"to", &e->to}};
  for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
    if (!pq_slice_is(f->name, texts[i].name)) continue;
    if (pq_value_string(f->value, texts[i].text)) return PQ_OK;
    return pq_fail(c->op.cx, PQ_EINVALID, "appendEvent: field '%s' must be text", texts[i].name);
  }
  if (pq_slice_is(f->name, "after")) {
    e->has_after = true;
    e->after = f->value;
    if (pq_value_type(f->value) == PQ_TYPE_OBJECT) return PQ_OK;
    return pq_fail(c->op.cx, PQ_EINVALID, "appendEvent: field 'after' must be an object");
  }
  if (pq_slice_is(f->name, "version")) {
    e->has_version = pq_value_i64(f->value, &e->version) && e->version > 0;
    if (e->has_version) return PQ_OK;
    return pq_fail(c->op.cx, PQ_EINVALID, "appendEvent: field 'version' must be 1 or more");
  }
  return pq_fail(
      c->op.cx, PQ_EINVALID,
      "appendEvent: unknown field '%.*s': an event given has op, target, entityId, type, "
      "predicate, reverse, to, after and version; id, seq and ts are made",
      (int)(f->name.n > 40 ? 40 : f->name.n), (const char *)f->name.p);
}

static int take_event(pq_command *c, pq_value target, given_event *e) {
  uint32_t count;
  pq_field *fields;
  *e = (given_event){0};
  if (pq_value_type(target) != PQ_TYPE_OBJECT)
    return pq_fail(c->op.cx, PQ_EINVALID, "appendEvent: expects an event, an object");
  fields = pq_object_fields(&c->arena, target, &count);
  if (fields == NULL && pq_value_count(target) > 0) return c->op.cx->code;
  for (uint32_t i = 0; i < count; i++)
    PQ_TRY(take_field(c, &fields[i], e));
  return PQ_OK;
}

/* Go on as the write of that name. */
static int become(pq_command *c, const char *name, pq_value target) {
  c->s.spec = pq_command_spec_of(name);
  return c->s.spec->open(c, target);
}

static int finish(pq_command *c, pq_value *out) {
  PQ_TRY(pq_builder_end(c->db->builder));
  return pq_builder_finish(c->db->builder, &c->arena, out);
}

/* The id or the collection as a value: what commands take as target. */
static int text_value(pq_command *c, pq_slice text, pq_value *out) {
  pq_builder_clear(c->db->builder);
  PQ_TRY(pq_builder_string(c->db->builder, text));
  return pq_builder_finish(c->db->builder, &c->arena, out);
}

/* [{"$id": …, "$type": …, the document}] */
static int make_documents(pq_command *c, const given_event *e, pq_slice local) {
  pq_builder *b = c->db->builder;
  uint32_t count;
  pq_field *fields = pq_object_fields(&c->arena, e->after, &count);
  if (fields == NULL && pq_value_count(e->after) > 0) return c->op.cx->code;
  pq_builder_clear(b);
  PQ_TRY(pq_builder_begin_array(b));
  PQ_TRY(pq_builder_begin_object(b));
  PQ_TRY(pq_put_text(b, "$id", local));
  if (e->type.n > 0) PQ_TRY(pq_put_text(b, "$type", e->type));
  for (uint32_t i = 0; i < count; i++) {
    PQ_TRY(pq_builder_key(b, fields[i].name));
    PQ_TRY(pq_builder_value(b, fields[i].value));
  }
  PQ_TRY(pq_builder_end(b));
  c->s.args.given |= PQ_OPT_DOCUMENTS;
  return finish(c, &c->s.args.documents);
}

static int append_entity(pq_command *c, const given_event *e, pq_event_op op) {
  pq_slice collection, local;
  pq_value target;
  PQ_TRY(pq_check_id(c->op.cx, e->id));
  (void)pq_id_split(e->id, &collection, &local);
  if (e->predicate.n > 0 || e->to.n > 0 || e->reverse.n > 0)
    return pq_fail(c->op.cx, PQ_EINVALID,
                   "appendEvent: predicate, reverse and to are of events with target 'rel'");
  if ((op == PQ_EVENT_DELETE) == e->has_after)
    return pq_fail(c->op.cx, PQ_EINVALID,
                   "appendEvent: CREATE and UPDATE need 'after', DELETE takes none");
  if (op == PQ_EVENT_CREATE && e->has_version && e->version != 1)
    return pq_fail(c->op.cx, PQ_EINVALID, "appendEvent: the version of a CREATE is not given");
  PQ_TRY(text_value(c, op == PQ_EVENT_CREATE ? collection : e->id, &target));
  if (op == PQ_EVENT_CREATE) {
    PQ_TRY(make_documents(c, e, local));
    return become(c, "insert", target);
  }
  if (e->has_version) {
    c->s.args.given |= PQ_OPT_EXPECTED_VERSION;
    c->s.args.expected_version = e->version - 1;
  }
  if (op == PQ_EVENT_DELETE) return become(c, "delete", target);
  c->s.args.given |= PQ_OPT_DOCUMENT;
  c->s.args.document = e->after;
  return become(c, "replace", target);
}

static int append_edge(pq_command *c, const given_event *e, pq_event_op op) {
  pq_builder *b = c->db->builder;
  pq_value target;
  if (e->has_version || e->type.n > 0)
    return pq_fail(c->op.cx, PQ_EINVALID, "appendEvent: version and type are of entities");
  pq_builder_clear(b);
  PQ_TRY(pq_builder_begin_array(b));
  PQ_TRY(pq_builder_begin_object(b));
  PQ_TRY(pq_put_text(b, "from", e->id));
  PQ_TRY(pq_put_text(b, "predicate", e->predicate));
  PQ_TRY(pq_put_text(b, "to", e->to));
  if (e->reverse.n > 0) PQ_TRY(pq_put_text(b, "reverse", e->reverse));
  if (e->has_after) PQ_TRY(pq_builder_key_str(b, "data"));
  if (e->has_after) PQ_TRY(pq_builder_value(b, e->after));
  PQ_TRY(pq_builder_end(b));
  PQ_TRY(finish(c, &target));
  return become(c, op == PQ_EVENT_DELETE ? "unlink" : "link", target);
}

int pq_open_append_event(pq_command *c, pq_value target) {
  given_event e;
  pq_event_op op;
  PQ_TRY(take_event(c, target, &e));
  op = pq_event_op_of(e.op);
  if (op == 0)
    return pq_fail(c->op.cx, PQ_EINVALID,
                   "appendEvent: field 'op' must be CREATE, UPDATE or DELETE");
  if ((c->s.args.given & PQ_OPT_HARD) != 0 && op != PQ_EVENT_DELETE)
    return pq_fail(c->op.cx, PQ_EINVALID, "appendEvent: option 'hard' is of a DELETE");
  if (e.target.n == 0 || pq_slice_is(e.target, "entity")) return append_entity(c, &e, op);
  if (pq_slice_is(e.target, "rel")) return append_edge(c, &e, op);
  return pq_fail(c->op.cx, PQ_EINVALID,
                 "appendEvent: field 'target' must be entity or rel; schemas are set by 'schema'");
}

/* ---- reconstruct ---- */

/* NULL: no event, or one that was dropped with its part of history. Then its row tells. */
static int reconstructed(pq_command *c, const pq_event *e) {
  const pq_view *v = &c->s.snapshot.view;
  pq_entity entity;
  bool is_there = false;
  if (e != NULL)
    PQ_TRY(pq_view_entity(v, &c->op.scratch, e, &entity, &is_there));
  else
    PQ_TRY(pq_history_row(c, &entity, &is_there));
  if (is_there && (!entity.is_deleted || c->s.args.includes_deleted)) {
    PQ_TRY(pq_reply_entity(c, &entity));
    c->s.count = 1;
  }
  PQ_TRY(pq_summary_begin(c));
  PQ_TRY(pq_summary_count(c, "n", c->s.count));
  if (e != NULL) {
    char ulid[PQ_ULID_LEN + 1];
    pq_event_ulid(e, ulid);
    PQ_TRY(pq_put_text(c->db->builder, "event", pq_str(ulid)));
  }
  return pq_summary_end(c, v->seq);
}

static int stage_reconstruct_read(pq_op *op) {
  pq_command *c = pq_command_of(op);
  uint64_t seq = c->s.snapshot.view.seq;
  pq_event_want want = {.seq_lo = 1,
                        .seq_hi = seq,
                        .ts_hi = INT64_MAX,
                        .target = PQ_TARGET_ENTITY,
                        .id = c->s.id,
                        .is_newest = true,
                        .needs_values = true};
  const pq_event *e = pq_overlay_entity(c->s.space->overlay, c->s.id, seq);
  pq_event *events;
  uint32_t count;
  if (e != NULL) return reconstructed(c, e);
  PQ_TRY(pq_space_events(c->s.space, op, &want, &events, &count));
  return reconstructed(c, count == 0 ? NULL : &events[count - 1]);
}

static int stage_reconstruct(pq_op *op) {
  PQ_TRY(pq_read_events_snapshot(pq_command_of(op)));
  op->stage = stage_reconstruct_read;
  return PQ_OK;
}

int pq_open_reconstruct(pq_command *c, pq_value target) {
  c->s.start = stage_reconstruct;
  PQ_TRY(pq_target_id(c, target));
  return pq_projection_parse(&c->arena, NULL, c->s.args.project, &c->s.projection);
}
