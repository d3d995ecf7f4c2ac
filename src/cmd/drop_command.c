/* cmd/drop_command.c - drop, expire: deletes without a bound, in turns (write_turn.c).
 *
 *   drop     20,000 documents and their edges ─► a commit ─► … ─► the rest and the record, one
 * commit expire   for each TTL index: {field: {$lt: now - seconds}}, 20,000 at a time
 *
 * Who follows the events wants to know that a collection was dropped, not each document: the
 * metadata of all events of a drop has {"drop": true} beside what the caller noted, that of the
 * last one {"drop": "last"}.
 *
 * All are hard deletes; history keeps what there was. A collection of at most 20,000 documents goes
 * in one commit. A crash between two of them leaves the rest with its record: drop it again.
 */
#include <string.h>

#include "cmd/catalog.h"
#include "db/schema_of.h"

#define TEXT_ARGS(s) (int)((s).n > 60 ? 60 : (s).n), (s).n == 0 ? "" : (const char *)(s).p

enum { TURN_MAX = 20000 };

typedef struct sweep_item {
  pq_slice collection;
  uint64_t schema_seq; /* expire: of the record that says so */
  pq_change change;
} sweep_item;

struct pq_sweep {
  sweep_item *items;
  uint32_t count;
  bool was_there;       /* drop: there was a record or a document */
  uint32_t index_count; /* of the record */
  bool is_view;
};

/* The next documents of the item that is at hand. */
static int take_sweep(pq_command *c) {
  struct pq_sweep *s = c->s.sweep;
  pq_change *change;
  if (c->s.next_operation >= s->count) return PQ_OK;
  c->s.collection = s->items[c->s.next_operation].collection;
  change = &s->items[c->s.next_operation].change;
  PQ_TRY(pq_turn_grow(c, &c->turn, 1));
  c->s.writes[0] =
      (pq_write){.kind = PQ_WRITE_DELETE, .index = c->s.next_operation, .change = change};
  c->s.write_count = 1;
  return PQ_OK;
}

static int new_sweep(pq_command *c, uint32_t cap) {
  struct pq_sweep *s = pq_arena_calloc(&c->arena, 1, sizeof *s);
  if (s == NULL) return c->op.cx->code;
  s->items = pq_arena_calloc(&c->arena, cap, sizeof *s->items);
  if (s->items == NULL) return c->op.cx->code;
  c->s.sweep = s;
  return PQ_OK;
}

static int add_item(pq_command *c, pq_slice collection, pq_value filter) {
  struct pq_sweep *s = c->s.sweep;
  sweep_item *item = &s->items[s->count];
  item->collection = collection;
  item->change = (pq_change){.is_many = true, .is_hard = true, .take_max = TURN_MAX};
  PQ_TRY(pq_filter_parse(&c->arena, NULL, filter, &item->change.filter));
  s->count++;
  return PQ_OK;
}

/* ---- drop ---- */

static int note_drop(pq_command *c, bool is_last, pq_value *metadata) {
  pq_builder *b = c->db->builder;
  pq_arena *arena = is_last ? &c->op.arena : &c->arena;
  uint32_t count = 0;
  pq_field *fields = pq_object_fields(arena, *metadata, &count);
  if (fields == NULL && pq_value_count(*metadata) > 0) return c->op.cx->code;
  pq_builder_clear(b);
  PQ_TRY(pq_builder_begin_object(b));
  for (uint32_t i = 0; i < count; i++) {
    if (pq_slice_is(fields[i].name, "drop")) continue;
    PQ_TRY(pq_builder_key(b, fields[i].name));
    PQ_TRY(pq_builder_value(b, fields[i].value));
  }
  PQ_TRY(pq_builder_key_str(b, "drop"));
  PQ_TRY(is_last ? pq_builder_str(b, "last") : pq_builder_bool(b, true));
  PQ_TRY(pq_builder_end(b));
  return pq_builder_finish(b, arena, metadata);
}

int pq_collection_nothing(pq_command *c, pq_value document, pq_value *out) {
  pq_value next = pq_object_get_str(document, "$nextId");
  pq_builder *b = c->db->builder;
  pq_builder_clear(b);
  PQ_TRY(pq_builder_begin_object(b));
  PQ_TRY(pq_builder_key_str(b, "$ids"));
  PQ_TRY(pq_builder_begin_object(b));
  PQ_TRY(pq_builder_end(b));
  PQ_TRY(pq_builder_key_str(b, "$nextId"));
  PQ_TRY(pq_value_is_missing(next) ? pq_builder_i32(b, 1) : pq_builder_value(b, next));
  PQ_TRY(pq_builder_end(b));
  return pq_builder_finish(b, &c->op.arena, out);
}

/* With the last documents the record and the schema end. */
static int seal_drop(pq_command *c) {
  struct pq_sweep *s = c->s.sweep;
  pq_value after;
  pq_schema_at at;
  pq_event e;
  if (c->s.found_count > 0) s->was_there = true;
  if (c->s.found_count >= TURN_MAX) return PQ_OK;
  c->s.next_operation = s->count;
  pq_schema_now(c->s.space, c->s.collection, &at);
  if (!pq_schema_says_something(at.document) &&
      pq_value_is_missing(pq_object_get_str(at.document, PQ_COLLECTION_DIRECTIVE))) {
    if (c->s.found_count > 0)
      return note_drop(c, true, &c->s.commit.events[c->s.commit.count - 1].metadata);
    if (!s->was_there) return PQ_OK; /* else the deletes need an event that ends them */
  }
  s->was_there = true;
  s->is_view = !pq_value_is_missing(pq_object_get_str(
      pq_object_get_str(pq_object_get_str(at.document, PQ_COLLECTION_DIRECTIVE), "options"),
      "viewOn"));
  s->index_count = pq_value_count(
      pq_object_get_str(pq_object_get_str(at.document, PQ_COLLECTION_DIRECTIVE), "indexes"));
  PQ_TRY(pq_collection_nothing(c, at.document, &after));
  PQ_TRY(pq_collection_event(c, &at, after, &e));
  PQ_TRY(note_drop(c, true, &e.metadata));
  return pq_commit_add(&c->s.commit, &c->op.arena, &e);
}

static int stage_drop_end(pq_op *op) {
  pq_command *c = pq_command_of(op);
  PQ_TRY(pq_summary_begin(c));
  PQ_TRY(pq_builder_key_str(c->db->builder, "dropped"));
  PQ_TRY(pq_builder_bool(c->db->builder, c->s.sweep->was_there));
  PQ_TRY(pq_summary_count(c, "deletedCount", c->s.outcome.deleted));
  PQ_TRY(pq_summary_count(c, "indexes", c->s.sweep->index_count));
  if (c->s.sweep->is_view) {
    PQ_TRY(pq_builder_key_str(c->db->builder, "view"));
    PQ_TRY(pq_builder_bool(c->db->builder, true));
  }
  return pq_summary_end(c, c->s.space->seq);
}

int pq_open_drop(pq_command *c, pq_value target) {
  PQ_TRY(pq_target_collection(c, target));
  PQ_TRY(new_sweep(c, 1));
  PQ_TRY(note_drop(c, false, &c->s.args.metadata));
  PQ_TRY(add_item(c, c->s.collection, (pq_value){0}));
  c->s.sweep->items[0].change.includes_deleted = true;
  c->s.needs_slot = true;
  c->s.take = take_sweep;
  c->s.seal = seal_drop;
  c->s.operation_count = 1;
  pq_turn_begin(c, stage_drop_end);
  return PQ_OK;
}

/* ---- expire ---- */

/* The next item whose record still counts; a collection whose record has changed meanwhile is the
 * next expire's. Nothing changes between this and the turn's commit, which is held against its
 * schema. */
static int take_expired(pq_command *c) {
  const struct pq_sweep *s = c->s.sweep;
  for (; c->s.next_operation < s->count; c->s.next_operation++) {
    const sweep_item *item = &s->items[c->s.next_operation];
    pq_schema_at at;
    pq_schema_now(c->s.space, item->collection, &at);
    if (at.seq == item->schema_seq) return take_sweep(c);
  }
  return PQ_OK;
}

static int seal_expire(pq_command *c) {
  if (c->s.found_count < TURN_MAX) c->s.next_operation++;
  return PQ_OK;
}

/* {$and: [{field: {$lt: the time}}, the index's partial filter]} */
static int expiry_filter(pq_command *c, const pq_index_record *index, pq_value *out) {
  pq_builder *b = c->db->builder;
  int64_t us = c->op.now_us - (int64_t)(index->expire_after * 1e6);
  pq_builder_clear(b);
  PQ_TRY(pq_builder_begin_object(b));
  PQ_TRY(pq_builder_key_str(b, "$and"));
  PQ_TRY(pq_builder_begin_array(b));
  PQ_TRY(pq_builder_begin_object(b));
  PQ_TRY(pq_builder_key(b, index->key.paths[0].text));
  PQ_TRY(pq_builder_begin_object(b));
  PQ_TRY(pq_builder_key_str(b, "$lt"));
  PQ_TRY(pq_builder_date_us(b, us));
  PQ_TRY(pq_builder_end(b));
  PQ_TRY(pq_builder_end(b));
  if (index->key.partial != NULL) PQ_TRY(pq_builder_value(b, index->key.partial_spec));
  PQ_TRY(pq_builder_end(b));
  PQ_TRY(pq_builder_end(b));
  return pq_builder_finish(b, &c->arena, out);
}

static int add_collection(pq_command *c, pq_slice name, uint32_t cap) {
  pq_collection_record record;
  pq_schema_at at;
  pq_slice own;
  pq_schema_now(c->s.space, name, &at);
  if (pq_value_is_missing(pq_object_get_str(at.document, PQ_COLLECTION_DIRECTIVE))) return PQ_OK;
  PQ_TRY(pq_collection_record_of(&c->arena, at.document, &record));
  PQ_TRY(pq_arena_copy(&c->arena, name, &own));
  for (uint32_t i = 0; i < record.index_count; i++) {
    pq_value filter;
    if (!record.indexes[i].has_expiry) continue;
    if (c->s.sweep->count == cap) return PQ_OK; /* the next time */
    PQ_TRY(expiry_filter(c, &record.indexes[i], &filter));
    PQ_TRY(add_item(c, own, filter));
    c->s.sweep->items[c->s.sweep->count - 1].change.is_plain = true;
    c->s.sweep->items[c->s.sweep->count - 1].schema_seq = at.seq;
  }
  return PQ_OK;
}

enum { EXPIRE_MAX = 1000 }; /* TTL indexes of one namespace, of one command */

static int find_items(pq_command *c) {
  const pq_manifest *m = &c->s.space->manifest;
  const pq_overlay *o = c->s.space->overlay;
  PQ_TRY(new_sweep(c, EXPIRE_MAX));
  for (uint32_t i = 0; i < m->collection_count; i++)
    PQ_TRY(add_collection(c, m->collections[i].name, EXPIRE_MAX));
  for (uint32_t k = 0; o != NULL && k < o->key_count; k++) {
    pq_slice name = o->versions[o->keys[k].newest].event.id;
    if (o->keys[k].target != PQ_TARGET_COLLECTION || pq_manifest_collection(m, name) != NULL)
      continue;
    PQ_TRY(add_collection(c, name, EXPIRE_MAX));
  }
  return PQ_OK;
}

int pq_expire_begin(pq_command *c, pq_stage_fn finish) {
  PQ_TRY(find_items(c));
  c->op.stage = finish;
  if (c->s.sweep->count == 0) return PQ_OK;
  if (c->s.args.actor.n == 0) c->s.args.actor = PQ_SLICE("ttl");
  c->s.take = take_expired;
  c->s.seal = seal_expire;
  c->s.operation_count = c->s.sweep->count;
  pq_turn_begin(c, finish);
  c->op.stage = c->s.start;
  return PQ_OK;
}

static int stage_expire_end(pq_op *op) {
  pq_command *c = pq_command_of(op);
  PQ_TRY(pq_summary_begin(c));
  PQ_TRY(pq_summary_count(c, "deletedCount", c->s.outcome.deleted));
  PQ_TRY(pq_summary_count(c, "indexes", c->s.sweep->count));
  return pq_summary_end(c, c->s.space->seq);
}

static int stage_expire(pq_op *op) {
  return pq_expire_begin(pq_command_of(op), stage_expire_end);
}

int pq_open_expire(pq_command *c, pq_value target) {
  int64_t one;
  if (!pq_value_i64(target, &one) || one != 1)
    return pq_fail(c->op.cx, PQ_EINVALID, "expire: expects 1");
  c->s.start = stage_expire;
  return PQ_OK;
}
