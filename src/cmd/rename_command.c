/* cmd/rename_command.c - rename: the documents of a collection under another name, in one commit.
 *
 *   a/1 a/2 …, record of a ─► record of b, CREATE b/1 b/2 …, DELETE a/1 a/2 … (hard), record of a
 * ends; documents in the order of their ids
 *
 * An id names its collection, so a rename writes every document again. Their history stays with the
 * old ids, and who follows the events is told: the metadata of all of them has {"rename": true}
 * beside what the caller noted, that of the last one {"rename": {"to": "b"}}. Nothing may be
 * linked: an edge would have to become another one.
 *
 * The new name must be free, or `dropTarget` true: then the same commit ends what is there, DELETE
 * b/3 (hard) for each document whose id does not come again, UPDATE b/1 for one whose does; and the
 * note of the last event has {"to": "b", "dropTarget": the uuid of the record that ended}.
 */
#include <string.h>

#include "base/merge_sort.h"
#include "base/slices.h"
#include "cmd/derived.h"
#include "cmd/own_options.h"
#include "db/schema_of.h"
#include "table/tail.h"

#define TEXT_ARGS(s) (int)((s).n > 60 ? 60 : (s).n), (s).n == 0 ? "" : (const char *)(s).p

enum { DOCUMENTS_MAX = 200000 };

struct pq_rename {
  pq_slice from, to;
  pq_filter *filter; /* {} */
  bool is_taken;     /* there is something under the new name */
  bool drops_target; /* which ends */
  pq_slice dropped;  /* the uuid of its record; empty: none */
  pq_event *gone;    /* DELETE of each, as found */
  pq_event *made;    /* CREATE of each */
  uint32_t count, cap;
  pq_event *old; /* DELETE of what the target has; no id: it comes again */
  uint32_t old_count, old_cap;
  pq_event **sorted; /* those, by id */
  pq_slice *ids;
  uint32_t id_count;
};

static int put_note(pq_command *c, const struct pq_rename *last) {
  pq_builder *b = c->db->builder;
  PQ_TRY(pq_builder_key_str(b, "rename"));
  if (last == NULL) return pq_builder_bool(b, true);
  PQ_TRY(pq_builder_begin_object(b));
  PQ_TRY(pq_put_text(b, "to", last->to));
  if (last->dropped.n > 0) PQ_TRY(pq_put_text(b, "dropTarget", last->dropped));
  return pq_builder_end(b);
}

/* `last` NULL: of any event but the last. */
static int note(pq_command *c, pq_arena *arena, const struct pq_rename *last, pq_value *metadata) {
  pq_builder *b = c->db->builder;
  uint32_t count = 0;
  pq_field *fields = pq_object_fields(arena, *metadata, &count);
  if (fields == NULL && pq_value_count(*metadata) > 0) return c->op.cx->code;
  pq_builder_clear(b);
  PQ_TRY(pq_builder_begin_object(b));
  for (uint32_t i = 0; i < count; i++) {
    if (pq_slice_is(fields[i].name, "rename")) continue;
    PQ_TRY(pq_builder_key(b, fields[i].name));
    PQ_TRY(pq_builder_value(b, fields[i].value));
  }
  PQ_TRY(put_note(c, last));
  PQ_TRY(pq_builder_end(b));
  return pq_builder_finish(b, arena, metadata);
}

/* ---- documents ---- */

/* Room for one more in a list of events. */
static int grow(pq_command *c, pq_slice collection, pq_event **events, uint32_t count,
                uint32_t *cap) {
  uint32_t more = *cap == 0 ? 64 : *cap * 2;
  pq_event *bigger;
  if (count < *cap) return PQ_OK;
  if (count >= DOCUMENTS_MAX)
    return pq_fail(c->op.cx, PQ_ELIMIT, "rename: '%.*s' has more than %d documents",
                   TEXT_ARGS(collection), DOCUMENTS_MAX);
  bigger = pq_arena_calloc(&c->op.arena, more, sizeof *bigger);
  if (bigger == NULL) return c->op.cx->code;
  if (count > 0) memcpy(bigger, *events, count * sizeof *bigger);
  *events = bigger;
  *cap = more;
  return PQ_OK;
}

static int grow_documents(pq_command *c, struct pq_rename *r) {
  uint32_t cap = r->cap;
  PQ_TRY(grow(c, r->from, &r->gone, r->count, &cap));
  return grow(c, r->from, &r->made, r->count, &r->cap);
}

/* The hard delete of what the scan found. */
static int delete_of(pq_command *c, const pq_entity *e, pq_event *out) {
  pq_location at = c->s.scan.at;
  if (at.info == NULL) at.event = pq_tail_entity(&c->s.snapshot.view, e->id);
  PQ_TRY(pq_event_next(c, &at, e, out));
  out->op = PQ_EVENT_DELETE;
  return PQ_OK;
}

/* b/1 of a/1. */
static int new_id(pq_command *c, const struct pq_rename *r, pq_slice id, pq_slice *out) {
  pq_slice collection, local;
  char *text;
  (void)pq_id_split(id, &collection, &local);
  text = pq_arena_printf(&c->op.arena, "%.*s/%.*s", (int)r->to.n, (const char *)r->to.p,
                         (int)local.n, (const char *)local.p);
  if (text == NULL) return c->op.cx->code;
  *out = pq_str(text);
  return PQ_OK;
}

/* A pq_scan_sink. What was deleted softly is gone after it. */
static int take_document(void *ud, const pq_entity *e, uint64_t count) {
  pq_command *c = ud;
  struct pq_rename *r = c->s.rename;
  const pq_event *before;
  pq_event made;
  (void)count;
  PQ_TRY(grow_documents(c, r));
  PQ_TRY(delete_of(c, e, &r->gone[r->count]));
  made = r->gone[r->count];
  made.op = PQ_EVENT_CREATE;
  made.version = 1;
  made.where_file = (pq_slice){0};
  made.where_row = 0;
  PQ_TRY(new_id(c, r, e->id, &made.id));
  before = pq_tail_entity(&c->s.snapshot.view, made.id);
  made.prev = before == NULL ? 0 : before->seq;
  pq_builder_clear(c->db->builder);
  PQ_TRY(pq_builder_value(c->db->builder, e->data));
  PQ_TRY(pq_builder_finish(c->db->builder, &c->op.arena, &made.after));
  if (e->is_deleted) made.id = (pq_slice){0};
  r->made[r->count++] = made;
  return PQ_OK;
}

/* ---- what the target has ---- */

/* A pq_scan_sink. */
static int take_old(void *ud, const pq_entity *e, uint64_t count) {
  pq_command *c = ud;
  struct pq_rename *r = c->s.rename;
  (void)count;
  PQ_TRY(grow(c, r->to, &r->old, r->old_count, &r->old_cap));
  PQ_TRY(delete_of(c, e, &r->old[r->old_count]));
  r->old_count++;
  return PQ_OK;
}

static int compare_events(const void *a, const void *b, const void *ud) {
  const pq_event *const *x = a, *const *y = b;
  (void)ud;
  return pq_slice_cmp((*x)->id, (*y)->id);
}

/* The place among those that are sorted; old_count: it is none of them. */
static uint32_t find_old(const struct pq_rename *r, pq_slice id) {
  uint32_t lo = 0, hi = r->old_count;
  while (lo < hi) {
    uint32_t mid = lo + (hi - lo) / 2;
    int order = pq_slice_cmp(r->sorted[mid]->id, id);
    if (order == 0) return mid;
    if (order < 0)
      lo = mid + 1;
    else
      hi = mid;
  }
  return r->old_count;
}

static int sort_old(pq_command *c) {
  struct pq_rename *r = c->s.rename;
  r->sorted = pq_arena_calloc(&c->op.arena, (size_t)r->old_count + 1, sizeof(pq_event *));
  if (r->sorted == NULL) return c->op.cx->code;
  for (uint32_t i = 0; i < r->old_count; i++)
    r->sorted[i] = &r->old[i];
  return pq_sort_items(c->op.cx, r->sorted, r->old_count, sizeof(pq_event *), compare_events, NULL);
}

/* What comes again is the next version of what the target has; the rest of that ends. */
static int meet(pq_command *c) {
  struct pq_rename *r = c->s.rename;
  bool *comes = pq_arena_calloc(&c->op.arena, (size_t)r->old_count + 1, sizeof *comes);
  if (comes == NULL) return c->op.cx->code;
  PQ_TRY(sort_old(c));
  for (uint32_t i = 0; i < r->count; i++) {
    pq_event *made = &r->made[i];
    uint32_t at = made->id.n == 0 ? r->old_count : find_old(r, made->id);
    if (at == r->old_count) continue;
    comes[at] = true;
    made->op = PQ_EVENT_UPDATE;
    made->version = r->sorted[at]->version;
    made->prev = r->sorted[at]->prev;
    made->where_file = r->sorted[at]->where_file;
    made->where_row = r->sorted[at]->where_row;
  }
  for (uint32_t i = 0; i < r->old_count; i++)
    if (comes[i]) r->sorted[i]->id = (pq_slice){0};
  return PQ_OK;
}

/* ---- the commit ---- */

/* Is there a collection without a document? One that was dropped has an empty schema. */
static bool is_recorded(pq_value schema) {
  return pq_schema_says_something(schema) ||
         !pq_value_is_missing(pq_object_get_str(schema, PQ_COLLECTION_DIRECTIVE));
}

static int stage_rename_end(pq_op *op) {
  pq_command *c = pq_command_of(op);
  PQ_TRY(pq_summary_begin(c));
  PQ_TRY(pq_summary_count(c, "renamedCount", c->s.rename->count));
  return pq_summary_end(c, c->s.space->seq);
}

/* The record and schema of `from` become those of `to`, or end. */
static int add_record(pq_command *c, pq_slice collection, pq_value after) {
  pq_slice own = c->s.collection;
  pq_schema_at at;
  pq_event e;
  int rc;
  pq_schema_now(c->s.space, collection, &at);
  c->s.collection = collection;
  rc = pq_collection_event(c, &at, after, &e);
  c->s.collection = own;
  PQ_TRY(rc);
  return pq_commit_add(&c->s.commit, &c->op.arena, &e);
}

/* Events in the order of their ids; those without one are none. */
static int add_events(pq_command *c, pq_event *events, uint32_t count) {
  pq_event **order = pq_arena_calloc(&c->op.arena, count, sizeof(pq_event *));
  if (order == NULL) return c->op.cx->code;
  for (uint32_t i = 0; i < count; i++)
    order[i] = &events[i];
  PQ_TRY(pq_sort_items(c->op.cx, order, count, sizeof(pq_event *), compare_events, NULL));
  for (uint32_t i = 0; i < count; i++)
    if (order[i]->id.n > 0) PQ_TRY(pq_commit_add(&c->s.commit, &c->op.arena, order[i]));
  return PQ_OK;
}

/* The record under the new name; first, as documents have the form of what is before them. */
static int add_new_record(pq_command *c, const pq_schema_at *from) {
  struct pq_rename *r = c->s.rename;
  pq_value record;
  pq_schema_at to;
  pq_schema_now(c->s.space, r->to, &to);
  if (from->version == 0 && (to.version == 0 || !r->drops_target)) return PQ_OK;
  if (from->version > 0)
    PQ_TRY(pq_value_copy(&c->op.arena, from->document, &record));
  else
    PQ_TRY(pq_collection_nothing(c, to.document, &record));
  return add_record(c, r->to, record);
}

static int commit(pq_command *c) {
  struct pq_rename *r = c->s.rename;
  pq_value none;
  pq_schema_at at;
  pq_schema_now(c->s.space, r->from, &at);
  if (r->count == 0 && !is_recorded(at.document))
    return pq_fail(c->op.cx, PQ_ENOENTITY, "rename: collection '%.*s' does not exist",
                   TEXT_ARGS(r->from));
  PQ_TRY(meet(c));
  PQ_TRY(pq_commit_expect(&c->s.commit, &c->op.arena, r->count * 2 + r->old_count + 2));
  PQ_TRY(add_new_record(c, &at));
  PQ_TRY(add_events(c, r->old, r->old_count));
  PQ_TRY(add_events(c, r->made, r->count));
  PQ_TRY(add_events(c, r->gone, r->count));
  if (at.version > 0) {
    PQ_TRY(pq_collection_nothing(c, at.document, &none));
    PQ_TRY(add_record(c, r->from, none));
  }
  PQ_TRY(note(c, &c->op.arena, r, &c->s.commit.events[c->s.commit.count - 1].metadata));
  c->s.commit.is_ordinary = true;
  return pq_write_commit(c, stage_rename_end);
}

/* ---- stages ---- */

static int check_edges(pq_command *c, bool is_reverse) {
  struct pq_rename *r = c->s.rename;
  pq_edge_query q = {.nodes = r->ids, .node_count = r->id_count, .is_reverse = is_reverse};
  pq_edge *edges;
  uint32_t count;
  PQ_TRY(pq_edges_read(&c->s.snapshot.view, &c->op.fetch, &c->op.scratch, &q, &edges, &count));
  if (count == 0) return PQ_OK;
  return pq_fail(c->op.cx, PQ_EUNSUPPORTED,
                 "rename: '%.*s' of %.*s is an edge of a document of '%.*s' or '%.*s': collections "
                 "with edges are not renamed",
                 TEXT_ARGS(edges[0].predicate), TEXT_ARGS(edges[0].from_id), TEXT_ARGS(r->from),
                 TEXT_ARGS(r->to));
}

static int stage_entering(pq_op *op) {
  pq_command *c = pq_command_of(op);
  PQ_TRY(check_edges(c, true));
  return commit(c);
}

static int stage_leaving(pq_op *op) {
  pq_command *c = pq_command_of(op);
  PQ_TRY(check_edges(c, false));
  op->stage = stage_entering;
  return PQ_OK;
}

static int list_ids(pq_command *c) {
  struct pq_rename *r = c->s.rename;
  uint32_t n = r->count + r->old_count;
  r->ids = pq_arena_calloc(&c->op.arena, (size_t)n + 1, sizeof *r->ids);
  if (r->ids == NULL) return c->op.cx->code;
  for (uint32_t i = 0; i < r->count; i++)
    r->ids[i] = r->gone[i].id;
  for (uint32_t i = 0; i < r->old_count; i++)
    r->ids[r->count + i] = r->old[i].id;
  PQ_TRY(pq_slices_sort(c->op.cx, r->ids, &n));
  r->id_count = n;
  c->op.stage = n > 0 ? stage_leaving : stage_entering;
  return n > 0 ? PQ_OK : commit(c);
}

static int stage_documents(pq_op *op) {
  pq_command *c = pq_command_of(op);
  PQ_TRY(pq_scan_next(&c->s.scan, &op->fetch, &op->scratch, c->db->builder, take_document, c));
  return c->s.scan.is_done ? list_ids(c) : PQ_OK;
}

static int begin_scan(pq_command *c, pq_slice collection, pq_stage_fn stage) {
  pq_scan_init(&c->s.scan, &c->s.snapshot.view, collection, c->s.rename->filter);
  c->s.scan.includes_deleted = true;
  c->op.stage = stage;
  return PQ_OK;
}

/* A pq_scan_sink. */
static int find_one(void *ud, const pq_entity *e, uint64_t count) {
  pq_command *c = ud;
  (void)e;
  (void)count;
  c->s.rename->is_taken = true;
  return PQ_YIELD;
}

static int stage_target(pq_op *op) {
  pq_command *c = pq_command_of(op);
  struct pq_rename *r = c->s.rename;
  PQ_TRY(pq_scan_next(&c->s.scan, &op->fetch, &op->scratch, c->db->builder,
                      r->drops_target ? take_old : find_one, c));
  if (!c->s.scan.is_done) return PQ_OK;
  if (r->is_taken && !r->drops_target)
    return pq_fail(c->op.cx, PQ_EEXISTS,
                   "rename: collection '%.*s' exists already: drop it first, or 'dropTarget': true",
                   TEXT_ARGS(r->to));
  return begin_scan(c, r->from, stage_documents);
}

/* What is dropped is no view, and has a uuid. */
static int take_target(pq_command *c, const pq_schema_at *at) {
  struct pq_rename *r = c->s.rename;
  pq_value record = pq_object_get_str(at->document, PQ_COLLECTION_DIRECTIVE);
  pq_slice uuid;
  PQ_TRY(pq_derived_refuse(c, r->to));
  if (!pq_value_string(pq_object_get_str(record, "uuid"), &uuid)) return PQ_OK;
  return pq_arena_copy(&c->arena, uuid, &r->dropped);
}

static int stage_open(pq_op *op) {
  pq_command *c = pq_command_of(op);
  struct pq_rename *r;
  pq_schema_at at;
  PQ_TRY(pq_read_snapshot(c));
  PQ_TRY(pq_derived_refuse(c, c->s.collection));
  r = c->s.rename = pq_arena_calloc(&c->arena, 1, sizeof *r);
  if (r == NULL) return op->cx->code;
  r->from = c->s.collection;
  (void)pq_value_string(pq_own_option(c, "to"), &r->to);
  (void)pq_value_bool(pq_own_option(c, "dropTarget"), &r->drops_target);
  pq_schema_now(c->s.space, r->to, &at);
  r->is_taken = is_recorded(at.document);
  if (r->drops_target) PQ_TRY(take_target(c, &at));
  PQ_TRY(pq_filter_parse(&c->arena, NULL, (pq_value){0}, &r->filter));
  return begin_scan(c, r->to, stage_target);
}

int pq_open_rename(pq_command *c, pq_value target) {
  pq_slice to = {0};
  pq_value drops = pq_own_option(c, "dropTarget");
  bool flag;
  PQ_TRY(pq_target_collection(c, target));
  PQ_TRY(pq_own_text(c, "to", pq_own_option(c, "to"), &to));
  if (to.n == 0) return pq_fail(c->op.cx, PQ_EINVALID, "rename: option 'to' is missing");
  PQ_TRY(pq_check_collection(c->op.cx, to));
  if (!pq_value_is_missing(drops) && !pq_value_bool(drops, &flag))
    return pq_fail(c->op.cx, PQ_EINVALID, "rename: option 'dropTarget' must be true or false");
  if (pq_slice_eq(to, c->s.collection))
    return pq_fail(c->op.cx, PQ_EINVALID, "rename: the names are the same");
  c->s.start = stage_open;
  c->s.needs_slot = true;
  return note(c, &c->arena, NULL, &c->s.args.metadata);
}
