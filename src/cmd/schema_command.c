/* cmd/schema_command.c - schema: show, set, compare or infer what a collection's documents are
 * like.
 *
 *   set ─► parse against the schema that counts ─► diff
 *             ├─ only widens: an event of the collection
 *             └─ may not fit what is there ─► every live document is validated ─► an event, or the
 *                first document that does not fit (`force` leaves this out)
 *   diff ─► items       infer ─► a scan ─► one item       neither ─► the schema, now or as of
 *
 * Fields that become unique are always checked: a constraint that does not hold is none.
 */
#include <string.h>

#include "cmd/derived.h"
#include "cmd/unique_check.h"
#include "db/schema_of.h"
#include "schema/schema_upgrade.h"

#define TEXT_ARGS(s) (int)((s).n > 60 ? 60 : (s).n), (s).n == 0 ? "" : (const char *)(s).p

struct pq_schema_run {
  pq_schema_at at; /* what counts */
  pq_schema *old, *fresh;
  const pq_upgrade *upgrade; /* from the old one to the new one */
  bool has_renames;          /* which must not cover what documents have */
  bool is_validated;         /* documents are */
  pq_unique_field *unique;   /* newly so */
  uint32_t unique_count;
  pq_unique_key *keys; /* the same */
  pq_unique_build build;
  pq_filter *filter;
  pq_inference *inference; /* owned */
  uint64_t checked;
  bool is_changed;
};

void pq_schema_run_free(pq_command *c) {
  struct pq_schema_run *r = c->s.schema_run;
  if (r == NULL) return;
  pq_unique_build_release(&r->build);
  if (r->inference != NULL) pq_inference_free(r->inference);
  c->s.schema_run = NULL;
}

static int reply_built(pq_command *c) {
  pq_value item;
  PQ_TRY(pq_builder_end(c->db->builder));
  PQ_TRY(pq_builder_finish(c->db->builder, &c->replies, &item));
  c->s.count++;
  return pq_reply_item(c, item);
}

/* ---- show, diff ---- */

static int show(pq_command *c) {
  const struct pq_schema_run *r = c->s.schema_run;
  pq_builder *b = c->db->builder;
  if (r->old == NULL || !pq_schema_says_something(r->at.document)) return PQ_OK;
  pq_builder_clear(b);
  PQ_TRY(pq_builder_begin_object(b));
  PQ_TRY(pq_put_text(b, "collection", c->s.collection));
  PQ_TRY(pq_put_count(b, "version", r->at.version));
  PQ_TRY(pq_put_count(b, "seq", r->at.seq));
  PQ_TRY(pq_put_text(b, "mode", pq_str(pq_mode_name(r->old->mode))));
  PQ_TRY(pq_builder_key_str(b, "schema"));
  PQ_TRY(pq_builder_begin_object(b));
  PQ_TRY(pq_put_fields_but(c, r->at.document, PQ_COLLECTION_DIRECTIVE));
  PQ_TRY(pq_builder_end(b));
  return reply_built(c);
}

static const char *kind_name(pq_change_kind kind) {
  static const char *const names[] = {NULL, "add", "drop", "rename", "widen", "narrow", "other"};
  return kind >= PQ_CHANGE_ADD && kind <= PQ_CHANGE_OTHER ? names[kind] : "other";
}

static int reply_change(pq_command *c, const pq_schema_change *x) {
  pq_builder *b = c->db->builder;
  pq_builder_clear(b);
  PQ_TRY(pq_builder_begin_object(b));
  PQ_TRY(pq_put_text(b, "kind", pq_str(kind_name(x->kind))));
  PQ_TRY(pq_put_text(b, "path", x->path));
  if (x->before.p != NULL) PQ_TRY(pq_put_text(b, "before", x->before));
  if (x->after.p != NULL) PQ_TRY(pq_put_text(b, "after", x->after));
  if (x->reason != NULL) PQ_TRY(pq_put_text(b, "reason", pq_str(x->reason)));
  return reply_built(c);
}

/* No schema at all is one without fields. */
static int diff(pq_command *c, const pq_schema_change **changes, uint32_t *count) {
  const struct pq_schema_run *r = c->s.schema_run;
  pq_schema none = {.mode = PQ_VALIDATE_PERMISSIVE, .has_data = true, .next_id = 1};
  return pq_schema_diff(&c->arena, r->old == NULL ? &none : r->old, r->fresh, changes, count);
}

static int reply_diff(pq_command *c) {
  const pq_schema_change *changes;
  uint32_t count;
  PQ_TRY(pq_schema_parse(&c->arena, c->s.args.diff, c->s.schema_run->old, &c->s.schema_run->fresh));
  PQ_TRY(diff(c, &changes, &count));
  for (uint32_t i = 0; i < count; i++)
    PQ_TRY(reply_change(c, &changes[i]));
  return PQ_OK;
}

static int finish_reading(pq_command *c) {
  PQ_TRY(pq_summary_begin(c));
  PQ_TRY(pq_summary_count(c, "n", c->s.count));
  return pq_summary_end(c, c->s.snapshot.view.seq);
}

/* ---- infer ---- */

/* A pq_scan_sink. */
static int take_document(void *ud, const pq_entity *e, uint64_t count) {
  pq_command *c = ud;
  struct pq_schema_run *r = c->s.schema_run;
  (void)count;
  PQ_TRY(pq_inference_add(r->inference, e->data));
  r->checked++;
  return c->s.args.limit > 0 && r->checked >= c->s.args.limit ? PQ_YIELD : PQ_OK;
}

static int stage_infer(pq_op *op) {
  pq_command *c = pq_command_of(op);
  struct pq_schema_run *r = c->s.schema_run;
  pq_value schema;
  PQ_TRY(pq_scan_next(&c->s.scan, &op->fetch, &op->scratch, c->db->builder, take_document, c));
  if (!c->s.scan.is_done) return PQ_OK;
  pq_builder_clear(c->db->builder);
  PQ_TRY(pq_inference_schema(r->inference, c->db->builder, &c->replies, &schema));
  PQ_TRY(pq_reply_item(c, schema));
  PQ_TRY(pq_summary_begin(c));
  PQ_TRY(pq_summary_count(c, "n", 1));
  PQ_TRY(pq_summary_count(c, "documents", r->checked));
  return pq_summary_end(c, c->s.snapshot.view.seq);
}

static int begin_scan(pq_command *c, pq_stage_fn stage) {
  struct pq_schema_run *r = c->s.schema_run;
  PQ_TRY(pq_filter_parse(&c->arena, NULL, (pq_value){0}, &r->filter));
  pq_scan_init(&c->s.scan, &c->s.snapshot.view, c->s.collection, r->filter);
  c->op.stage = stage;
  return PQ_OK;
}

/* ---- set ---- */

static int refuse(pq_command *c, pq_slice field, const char *what) {
  return pq_fail(c->op.cx, PQ_EUNSUPPORTED, "schema: field '%.*s': %s", TEXT_ARGS(field), what);
}

/* A hash index finds equal values: that is what the bloom filter of '#' does. */
static int check_kind(pq_command *c, const pq_schema_field *f) {
  if (f->index_kind.n == 0 || pq_slice_is(f->index_kind, "hash")) return PQ_OK;
  return refuse(c, f->name, "indexes of the kinds #fts and #vec");
}

static bool is_scalar(const pq_schema_field *f) {
  return !f->is_list && f->type != PQ_FIELD_JSON && f->type != PQ_FIELD_OBJECT &&
         f->type != PQ_FIELD_VECTOR && f->type != PQ_FIELD_EDGE;
}

/* Fields, nested ones too. */
static int check_fields(pq_command *c, const pq_schema_field *fields, uint32_t count,
                        uint32_t depth) {
  for (uint32_t i = 0; i < count && depth <= PQ_SCHEMA_DEPTH_MAX; i++) {
    if (fields[i].is_unique && !is_scalar(&fields[i]))
      return refuse(c, fields[i].name, "'##' on a field that is no scalar");
    PQ_TRY(check_kind(c, &fields[i]));
    PQ_TRY(check_fields(c, fields[i].fields, fields[i].field_count, depth + 1));
  }
  return PQ_OK;
}

/* What the notation can say and this version cannot do. */
static int check_support(pq_command *c, const pq_schema *s) {
  pq_entity_storage storage;
  if (s->field_count > PQ_SCHEMA_TOP_FIELDS_MAX)
    return pq_fail(c->op.cx, PQ_ELIMIT, "schema: %u fields, at most %d", s->field_count,
                   PQ_SCHEMA_TOP_FIELDS_MAX);
  PQ_TRY(pq_entity_storage_of(c->op.cx, s, &storage));
  return check_fields(c, s->fields, s->field_count, 0);
}

/* Ids of fields are those of the whole schema. */
static bool was_unique(const pq_unique_field *old, uint32_t count, const pq_schema_field *f) {
  for (uint32_t i = 0; i < count; i++)
    if (old[i].field->id == f->id) return true;
  return false;
}

/* Edges of a relationship are stored under its name. */
static int check_rename(pq_command *c, const pq_schema_change *x) {
  struct pq_schema_run *r = c->s.schema_run;
  const pq_schema_field *f = pq_schema_find(r->fresh, x->path);
  if (f != NULL && f->type == PQ_FIELD_EDGE)
    return refuse(c, x->before, "renaming a relationship (its edges have its name)");
  r->has_renames = true;
  return PQ_OK;
}

/* What has to be looked at in the documents: *is_scan. */
static int plan_check(pq_command *c, bool *is_scan) {
  struct pq_schema_run *r = c->s.schema_run;
  const pq_schema_change *changes;
  pq_unique_field *old;
  uint32_t count, old_count, n = 0;
  bool had_none = r->old == NULL || !pq_schema_says_something(r->at.document);
  bool may_break = had_none || r->fresh->mode < r->old->mode;
  PQ_TRY(diff(c, &changes, &count));
  for (uint32_t i = 0; i < count; i++) {
    if (changes[i].kind == PQ_CHANGE_RENAME) PQ_TRY(check_rename(c, &changes[i]));
    may_break |= changes[i].kind == PQ_CHANGE_NARROW || changes[i].kind == PQ_CHANGE_DROP;
  }
  PQ_TRY(pq_unique_fields(&c->arena, r->old, &old, &old_count));
  PQ_TRY(pq_unique_fields(&c->arena, r->fresh, &r->unique, &r->unique_count));
  for (uint32_t i = 0; i < r->unique_count; i++)
    if (!was_unique(old, old_count, r->unique[i].field)) r->unique[n++] = r->unique[i];
  r->unique_count = n;
  r->keys = pq_arena_calloc(&c->arena, n, sizeof *r->keys);
  if (r->keys == NULL) return c->op.cx->code;
  for (uint32_t i = 0; i < n; i++)
    pq_unique_of_field(&r->unique[i], &r->keys[i]);
  pq_unique_build_release(&r->build);
  pq_unique_build_init(&r->build, c, r->keys, n);
  r->is_validated = may_break && !c->s.args.is_force && r->fresh->mode < PQ_VALIDATE_WARN;
  r->has_renames &= !c->s.args.is_force;
  PQ_TRY(pq_upgrade_between(&c->arena, r->old, r->fresh, &r->upgrade));
  *is_scan = r->is_validated || r->has_renames || n > 0;
  return PQ_OK;
}

/* The document as the new schema will show it. */
static int upgrade(pq_command *c, const pq_entity *e, pq_value *out) {
  const struct pq_schema_run *r = c->s.schema_run;
  pq_slice name;
  if (r->has_renames && pq_upgrade_covers(r->upgrade, e->data, &name))
    return pq_fail(c->op.cx, PQ_EINVALID,
                   "schema: %.*s has a '%.*s' that is of no field: renaming another field to that "
                   "name hides it (force: true does it all the same)",
                   TEXT_ARGS(e->id), TEXT_ARGS(name));
  return pq_upgrade_apply(r->upgrade, c->db->builder, &c->op.scratch, e->data, out);
}

/* A pq_scan_sink. */
static int check_entity(void *ud, const pq_entity *source, uint64_t count) {
  pq_command *c = ud;
  struct pq_schema_run *r = c->s.schema_run;
  pq_entity shown = *source;
  const pq_entity *e = &shown;
  const pq_problem *problems;
  uint32_t problem_count;
  pq_value filled;
  pq_eval eval;
  int rc = PQ_OK;
  (void)count;
  r->checked++;
  PQ_TRY(upgrade(c, source, &shown.data));
  pq_env_eval(c, &eval);
  if (r->is_validated)
    rc = pq_schema_validate(r->fresh, r->fresh->mode, &eval, &c->op.scratch, e->data, &filled,
                            &problems, &problem_count);
  if (rc == PQ_EINVALID)
    return pq_fail(c->op.cx, rc, "schema: %.*s does not fit: %s (force: true sets it all the same)",
                   TEXT_ARGS(e->id), c->op.cx->msg);
  PQ_TRY(rc);
  return pq_unique_build_add(c, &r->build, e);
}

static int stage_set_end(pq_op *op) {
  pq_command *c = pq_command_of(op);
  const struct pq_schema_run *r = c->s.schema_run;
  pq_builder *b = c->db->builder;
  PQ_TRY(pq_summary_begin(c));
  PQ_TRY(pq_summary_count(c, "version", r->at.version + r->is_changed));
  PQ_TRY(pq_builder_key_str(b, "changed"));
  PQ_TRY(pq_builder_bool(b, r->is_changed));
  PQ_TRY(pq_summary_count(c, "documentsChecked", r->checked));
  return pq_summary_end(c, c->s.space->seq);
}

/* Nothing speaks against it: the event. */
static int commit(pq_command *c) {
  struct pq_schema_run *r = c->s.schema_run;
  pq_value after;
  pq_event e;
  pq_builder_clear(c->db->builder);
  PQ_TRY(pq_schema_print(r->fresh, c->db->builder, &c->op.arena, &after));
  PQ_TRY(pq_collection_event(c, &r->at, after, &e));
  r->is_changed = r->old == NULL || !pq_value_is_equal(e.after, r->at.document);
  if (r->is_changed) PQ_TRY(pq_commit_add(&c->s.commit, &c->op.arena, &e));
  return pq_write_commit(c, stage_set_end);
}

static int stage_set_check(pq_op *op) {
  pq_command *c = pq_command_of(op);
  PQ_TRY(pq_scan_next(&c->s.scan, &op->fetch, &op->scratch, c->db->builder, check_entity, c));
  return c->s.scan.is_done ? commit(c) : PQ_OK;
}

/* The schema that is set, with the record of the collection that is there. */
static int with_record(pq_command *c, pq_value *spec) {
  pq_value record = pq_object_get_str(c->s.schema_run->at.document, PQ_COLLECTION_DIRECTIVE);
  pq_builder *b = c->db->builder;
  *spec = c->s.args.set;
  if (!pq_value_is_missing(pq_object_get_str(*spec, PQ_COLLECTION_DIRECTIVE)))
    return pq_fail(c->op.cx, PQ_EINVALID,
                   "schema: directive '%s' is written by create, alter and "
                   "createIndexes",
                   PQ_COLLECTION_DIRECTIVE);
  if (pq_value_is_missing(record)) return PQ_OK;
  pq_builder_clear(b);
  PQ_TRY(pq_builder_begin_object(b));
  PQ_TRY(pq_put_fields_but(c, c->s.args.set, NULL));
  PQ_TRY(pq_builder_key_str(b, PQ_COLLECTION_DIRECTIVE));
  PQ_TRY(pq_builder_value(b, record));
  PQ_TRY(pq_builder_end(b));
  return pq_builder_finish(b, &c->arena, spec);
}

static int set(pq_command *c) {
  struct pq_schema_run *r = c->s.schema_run;
  bool is_scan = false;
  pq_value spec;
  PQ_TRY(with_record(c, &spec));
  PQ_TRY(pq_schema_parse(&c->arena, spec, r->old, &r->fresh));
  if (c->s.args.mode.n > 0) PQ_TRY(pq_parse_mode(c, "mode", c->s.args.mode, &r->fresh->mode));
  PQ_TRY(check_support(c, r->fresh));
  PQ_TRY(plan_check(c, &is_scan));
  return is_scan ? begin_scan(c, stage_set_check) : commit(c);
}

/* ---- the command ---- */

static int stage_opened(pq_op *op) {
  pq_command *c = pq_command_of(op);
  struct pq_schema_run *r = pq_arena_calloc(&c->arena, 1, sizeof *r);
  if (r == NULL) return op->cx->code;
  c->s.schema_run = r;
  pq_schema_of(&c->s.snapshot.view, c->s.collection, &r->at);
  PQ_TRY(pq_schema_open(&c->arena, c->s.collection, &r->at, &r->old));
  if (c->s.args.given & PQ_OPT_SET) PQ_TRY(pq_derived_refuse(c, c->s.collection));
  if (c->s.args.given & PQ_OPT_SET) return set(c);
  if (c->s.args.is_infer) {
    PQ_TRY(pq_inference_new(op->cx, &r->inference));
    return begin_scan(c, stage_infer);
  }
  PQ_TRY(c->s.args.given & PQ_OPT_DIFF ? reply_diff(c) : show(c));
  return finish_reading(c);
}

static int stage_open(pq_op *op) {
  pq_command *c = pq_command_of(op);
  PQ_TRY(pq_snapshot_open(&c->s.snapshot, c->s.space, op, c->s.args.as_of, c->s.args.is_flushed));
  op->stage = stage_opened;
  return PQ_OK;
}

int pq_open_schema(pq_command *c, pq_value target) {
  const uint64_t given = c->s.args.given;
  bool is_set = (given & PQ_OPT_SET) != 0, is_diff = (given & PQ_OPT_DIFF) != 0;
  pq_schema_mode mode;
  PQ_TRY(pq_target_collection(c, target));
  c->s.start = stage_open;
  c->s.needs_slot = is_set;
  if (is_set + is_diff + c->s.args.is_infer > 1)
    return pq_fail(c->op.cx, PQ_EINVALID, "schema: only one of 'set', 'diff' and 'infer'");
  if (!is_set && (given & (PQ_OPT_MODE | PQ_OPT_FORCE | PQ_OPT_ACTOR | PQ_OPT_METADATA)))
    return pq_fail(c->op.cx, PQ_EINVALID,
                   "schema: 'mode', 'force', 'actor' and 'metadata' go with 'set'");
  if (is_set && (given & (PQ_OPT_AS_OF | PQ_OPT_FLUSHED)))
    return pq_fail(c->op.cx, PQ_EINVALID, "schema: 'set' changes the present, not the past");
  if (!c->s.args.is_infer && (given & PQ_OPT_LIMIT))
    return pq_fail(c->op.cx, PQ_EINVALID, "schema: 'limit' goes with 'infer'");
  return c->s.args.mode.n > 0 ? pq_parse_mode(c, "mode", c->s.args.mode, &mode) : PQ_OK;
}
