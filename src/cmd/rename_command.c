/* cmd/rename_command.c - rename: the documents of a collection under another name, in one commit.
 *
 *   a/1 a/2 …, record of a ─► record of b, CREATE b/1 b/2 …, DELETE a/1 a/2 … (hard), record of a
 * ends; documents in the order of their ids
 *
 * An id names its collection, so a rename writes every document again. Their history stays with the
 * old ids, and who follows the events is told: the metadata of all of them has {"rename": true}
 * beside what the caller noted, that of the last one {"rename": {"to": "b"}}. The new name must be
 * free, and nothing may be linked: an edge would have to become another one.
 */
#include <string.h>

#include "base/merge_sort.h"
#include "base/slices.h"
#include "cmd/catalog.h"
#include "cmd/own_options.h"
#include "db/schema_of.h"
#include "table/tail.h"

#define TEXT_ARGS(s) (int)((s).n > 60 ? 60 : (s).n), (s).n == 0 ? "" : (const char *)(s).p

enum { DOCUMENTS_MAX = 200000 };

struct pq_rename {
  pq_slice from, to;
  pq_filter *filter; /* {} */
  bool is_taken;     /* there is something under the new name */
  pq_event *gone;    /* DELETE of each, as found */
  pq_event *made;    /* CREATE of each */
  uint32_t count, cap;
  pq_slice *ids;
};

static int put_note(pq_command *c, const struct pq_rename *last) {
  pq_builder *b = c->db->builder;
  PQ_TRY(pq_builder_key_str(b, "rename"));
  if (last == NULL) return pq_builder_bool(b, true);
  PQ_TRY(pq_builder_begin_object(b));
  PQ_TRY(pq_put_text(b, "to", last->to));
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

static int grow(pq_command *c, struct pq_rename *r) {
  uint32_t cap = r->cap == 0 ? 64 : r->cap * 2;
  pq_event *gone, *made;
  if (r->count < r->cap) return PQ_OK;
  if (r->count >= DOCUMENTS_MAX)
    return pq_fail(c->op.cx, PQ_ELIMIT, "rename: '%.*s' has more than %d documents",
                   TEXT_ARGS(r->from), DOCUMENTS_MAX);
  gone = pq_arena_calloc(&c->op.arena, cap, sizeof *gone);
  made = pq_arena_calloc(&c->op.arena, cap, sizeof *made);
  if (gone == NULL || made == NULL) return c->op.cx->code;
  if (r->count > 0) {
    memcpy(gone, r->gone, r->count * sizeof *gone);
    memcpy(made, r->made, r->count * sizeof *made);
  }
  r->gone = gone;
  r->made = made;
  r->cap = cap;
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
  pq_location at = c->s.scan.at;
  const pq_event *before;
  pq_event made;
  (void)count;
  PQ_TRY(grow(c, r));
  if (at.info == NULL) at.event = pq_tail_entity(&c->s.snapshot.view, e->id);
  PQ_TRY(pq_event_next(c, &at, e, &r->gone[r->count]));
  r->gone[r->count].op = PQ_EVENT_DELETE;
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

/* ---- the commit ---- */

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

/* Is there a collection without a document? One that was dropped has an empty schema. */
static bool is_recorded(pq_value schema) {
  return pq_schema_says_something(schema) ||
         !pq_value_is_missing(pq_object_get_str(schema, PQ_COLLECTION_DIRECTIVE));
}

static int compare_events(const void *a, const void *b, const void *ud) {
  (void)ud;
  return pq_slice_cmp((*(pq_event *const *)a)->id, (*(pq_event *const *)b)->id);
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

static int commit(pq_command *c) {
  struct pq_rename *r = c->s.rename;
  pq_value record, none;
  pq_schema_at at;
  pq_schema_now(c->s.space, r->from, &at);
  if (r->count == 0 && !is_recorded(at.document))
    return pq_fail(c->op.cx, PQ_ENOENTITY, "rename: collection '%.*s' does not exist",
                   TEXT_ARGS(r->from));
  PQ_TRY(pq_commit_expect(&c->s.commit, &c->op.arena, r->count * 2 + 2));
  if (at.version > 0) { /* first, as documents have the form of what is before them */
    PQ_TRY(pq_value_copy(&c->op.arena, at.document, &record));
    PQ_TRY(add_record(c, r->to, record));
  }
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
  pq_edge_query q = {.nodes = r->ids, .node_count = r->count, .is_reverse = is_reverse};
  pq_edge *edges;
  uint32_t count;
  PQ_TRY(pq_edges_read(&c->s.snapshot.view, &c->op.fetch, &c->op.scratch, &q, &edges, &count));
  if (count == 0) return PQ_OK;
  return pq_fail(c->op.cx, PQ_EUNSUPPORTED,
                 "rename: '%.*s' of %.*s is an edge of a document of '%.*s': collections with "
                 "edges are not renamed",
                 TEXT_ARGS(edges[0].predicate), TEXT_ARGS(edges[0].from_id), TEXT_ARGS(r->from));
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
  uint32_t n = r->count;
  r->ids = pq_arena_calloc(&c->op.arena, n, sizeof *r->ids);
  if (r->ids == NULL) return c->op.cx->code;
  for (uint32_t i = 0; i < n; i++)
    r->ids[i] = r->gone[i].id;
  PQ_TRY(pq_slices_sort(c->op.cx, r->ids, &n));
  c->op.stage = r->count > 0 ? stage_leaving : stage_entering;
  return r->count > 0 ? PQ_OK : commit(c);
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
  PQ_TRY(pq_scan_next(&c->s.scan, &op->fetch, &op->scratch, c->db->builder, find_one, c));
  if (!c->s.scan.is_done) return PQ_OK;
  if (r->is_taken)
    return pq_fail(c->op.cx, PQ_EEXISTS, "rename: collection '%.*s' exists already: drop it first",
                   TEXT_ARGS(r->to));
  return begin_scan(c, r->from, stage_documents);
}

static int stage_open(pq_op *op) {
  pq_command *c = pq_command_of(op);
  struct pq_rename *r;
  pq_schema_at at;
  PQ_TRY(pq_read_snapshot(c));
  r = c->s.rename = pq_arena_calloc(&c->arena, 1, sizeof *r);
  if (r == NULL) return op->cx->code;
  r->from = c->s.collection;
  (void)pq_value_string(pq_own_option(c, "to"), &r->to);
  pq_schema_now(c->s.space, r->to, &at);
  r->is_taken = is_recorded(at.document);
  PQ_TRY(pq_filter_parse(&c->arena, NULL, (pq_value){0}, &r->filter));
  return begin_scan(c, r->to, stage_target);
}

int pq_open_rename(pq_command *c, pq_value target) {
  pq_slice to = {0};
  PQ_TRY(pq_target_collection(c, target));
  PQ_TRY(pq_own_text(c, "to", pq_own_option(c, "to"), &to));
  if (to.n == 0) return pq_fail(c->op.cx, PQ_EINVALID, "rename: option 'to' is missing");
  PQ_TRY(pq_check_collection(c->op.cx, to));
  if (pq_slice_eq(to, c->s.collection))
    return pq_fail(c->op.cx, PQ_EINVALID, "rename: the names are the same");
  c->s.start = stage_open;
  c->s.needs_slot = true;
  return note(c, &c->arena, NULL, &c->s.args.metadata);
}
