/* cmd/pipeline_write.c - $out and $merge: what came out of a pipeline becomes one commit.
 *
 *   documents, by id ─┐
 *   $out: ids there ──┴─► locate, read ─► per id: what is there, what came ─► INSERT, UPDATE,
 *                                         DELETE; several of one id: one after the other
 *
 * An entity's id is that of its `_id`, else the local part of its `$id`, else a
 * new one; with `on` that of the entity with the same value (pipeline_match.c). $out deletes
 * softly what did not come.
 */
#include <string.h>

#include "base/merge_sort.h"
#include "base/slices.h"
#include "cmd/pipeline_run.h"

#define TEXT_ARGS(s) (int)((s).n > 60 ? 60 : (s).n), (const char *)(s).p

enum { DOCUMENTS_MAX = 1 << 20 };

/* ---- taking documents ---- */

/* Room for one more in an array of the run's arena. */
static int reserve(pq_command *c, void **items, uint32_t count, uint32_t *cap, size_t size) {
  uint32_t more = *cap == 0 ? 64 : *cap * 2;
  void *bigger;
  if (count < *cap) return PQ_OK;
  if (count >= DOCUMENTS_MAX)
    return pq_fail(c->op.cx, PQ_ELIMIT, "a pipeline writes at most %d documents", DOCUMENTS_MAX);
  bigger = pq_arena_calloc(&c->s.run->arena, more, size);
  if (bigger == NULL) return c->op.cx->code;
  if (count > 0) memcpy(bigger, *items, count * size);
  *items = bigger;
  *cap = more;
  return PQ_OK;
}

static int add_id(pq_command *c, pq_slice id) {
  struct pq_pipeline_run *r = c->s.run;
  void *ids = r->ids;
  PQ_TRY(reserve(c, &ids, r->id_count, &r->id_cap, sizeof id));
  r->ids = ids;
  return pq_arena_copy(&r->arena, id, &r->ids[r->id_count++]);
}

static int choose_id(pq_command *c, pq_value doc, pq_slice *out) {
  pq_arena *arena = &c->s.run->arena;
  pq_value id = pq_object_get_str(doc, "_id");
  pq_slice text, collection, local;
  char *p;
  if (!pq_value_is_missing(id)) return pq_id_of_value(c, arena, id, out);
  if (!pq_value_string(pq_object_get_str(doc, "$id"), &text) ||
      !pq_id_split(text, &collection, &local))
    return pq_id_new(c, arena, out);
  p = pq_arena_printf(arena, "%.*s/%.*s", (int)c->s.collection.n, (const char *)c->s.collection.p,
                      (int)local.n, (const char *)local.p);
  if (p == NULL) return c->op.cx->code;
  *out = pq_str(p);
  return PQ_OK;
}

/* The document without $id and $type. */
static int choose_data(pq_command *c, pq_value doc, pq_value *out) {
  pq_builder *b = c->db->builder;
  uint32_t count;
  pq_field *fields = pq_object_fields(&c->op.scratch, doc, &count);
  if (fields == NULL && pq_value_count(doc) > 0) return c->op.cx->code;
  pq_builder_clear(b);
  PQ_TRY(pq_builder_begin_object(b));
  for (uint32_t i = 0; i < count; i++) {
    pq_slice name = fields[i].name;
    if (pq_slice_is(name, "$id") || pq_slice_is(name, "$type")) continue;
    if (name.n > 0 && name.p[0] == '$')
      return pq_fail(c->op.cx, PQ_EINVALID, "field '%.*s': names that start with '$' are reserved",
                     TEXT_ARGS(name));
    PQ_TRY(pq_builder_key(b, name));
    PQ_TRY(pq_builder_value(b, fields[i].value));
  }
  PQ_TRY(pq_builder_end(b));
  return pq_builder_finish(b, &c->s.run->arena, out);
}

int pq_pipe_write_add(pq_command *c, pq_value doc) {
  struct pq_pipeline_run *r = c->s.run;
  void *docs = r->docs;
  pq_slice from = c->s.collection;
  pq_pipe_doc *d;
  int rc;
  PQ_TRY(reserve(c, &docs, r->doc_count, &r->doc_cap, sizeof *r->docs));
  r->docs = docs;
  d = &r->docs[r->doc_count];
  c->s.collection = pq_pipeline_write(c->s.pipeline)->into; /* ids are made for it */
  rc = choose_id(c, doc, &d->id);
  c->s.collection = from;
  PQ_TRY(rc);
  PQ_TRY(pq_check_id(c->op.cx, d->id));
  PQ_TRY(choose_data(c, doc, &d->data));
  PQ_TRY(pq_pipe_match_take(c, d));
  r->doc_count++;
  return PQ_OK;
}

/* ---- what becomes of one id ---- */

/* The pipeline of whenMatched on what is there. */
static int run_matched(pq_command *c, pq_value old, pq_value new, pq_value *out) {
  const pq_pipe_write *w = pq_pipeline_write(c->s.pipeline);
  pq_flow *f = &c->s.run->flow;
  pq_value values[PQ_VARIABLES_MAX];
  pq_operator *root = NULL;
  pq_doc_batch batch = {0};
  int rc;
  *out = (pq_value){0};
  f->eval.arena = &c->op.arena;
  f->eval.root = new;
  for (uint32_t i = 0; i < w->let_count; i++)
    PQ_TRY(pq_expression_eval(w->lets[i], &f->eval, &values[i]));
  values[w->let_count] = new;
  memcpy(&f->eval.variables[w->let_first], values, (w->let_count + 1) * sizeof *values);
  PQ_TRY(pq_list_source(f, &old, 1, &root));
  f->is_paced = false; /* a commit is not interrupted */
  rc = pq_flow_open(f, w->pipeline, root, &root);
  if (rc == PQ_OK) rc = pq_operator_next(root, f, &batch);
  pq_assert(rc != PQ_NEED_IO);
  if (rc == PQ_OK && batch.count == 1) rc = pq_value_copy(&c->op.arena, batch.docs[0], out);
  pq_operator_free(root, f);
  return rc;
}

/* With `on` the document's `_id` may be another than that of what is there. */
static int check_same_id(pq_command *c, const pq_pipe_doc *d, pq_value state) {
  pq_value old = pq_object_get_str(state, "_id"), new = pq_object_get_str(d->data, "_id");
  if (pq_value_is_missing(old) || pq_value_is_missing(new) || pq_value_is_equal(old, new))
    return PQ_OK;
  return pq_fail(c->op.cx, PQ_EUPDATE,
                 "stage '$merge': the document for %.*s has another _id, which cannot change",
                 TEXT_ARGS(d->id));
}

/* What replaces `state` keeps its `_id`. */
static int replace_state(pq_command *c, const pq_pipe_doc *d, pq_value *state) {
  pq_eval *eval = &c->s.run->flow.eval;
  pq_field id = {PQ_SLICE("_id"), pq_object_get_str(*state, "_id")};
  pq_value both[2] = {{0}, d->data};
  *state = d->data;
  if (pq_value_is_missing(id.value) || !pq_value_is_missing(pq_object_get_str(d->data, "_id")))
    return PQ_OK;
  PQ_TRY(pq_make_object(eval, &id, 1, &both[0]));
  return pq_merge_objects(eval, both, 2, state);
}

/* `state` (missing: nothing is there) after the document came. */
static int merge_one(pq_command *c, const pq_pipe_doc *d, pq_value *state) {
  const pq_pipe_write *w = pq_pipeline_write(c->s.pipeline);
  pq_eval *eval = &c->s.run->flow.eval;
  pq_value both[2] = {*state, d->data};
  if (pq_value_is_missing(*state)) {
    if (w->not_matched == PQ_NOT_MATCHED_DISCARD) return PQ_OK;
    if (w->not_matched == PQ_NOT_MATCHED_FAIL)
      return pq_fail(c->op.cx, PQ_ENOENTITY, "stage '$merge': %.*s is not there", TEXT_ARGS(d->id));
    *state = d->data;
    return PQ_OK;
  }
  eval->arena = &c->op.arena;
  if (w->matched == PQ_MATCHED_MERGE || w->matched == PQ_MATCHED_REPLACE)
    PQ_TRY(check_same_id(c, d, *state));
  switch (w->matched) {
    case PQ_MATCHED_KEEP: return PQ_OK;
    case PQ_MATCHED_FAIL:
      return pq_fail(c->op.cx, PQ_EEXISTS, "stage '$merge': %.*s exists already", TEXT_ARGS(d->id));
    case PQ_MATCHED_REPLACE: return replace_state(c, d, state);
    case PQ_MATCHED_MERGE: return pq_merge_objects(eval, both, 2, state);
    case PQ_MATCHED_PIPELINE: return run_matched(c, both[0], d->data, state);
  }
  pq_unreachable("whenMatched");
}

/* With `on`: new documents whose id is another one's already. */
static int check_owner(pq_command *c, const pq_pipe_doc *docs, uint32_t count, bool is_there) {
  if (pq_pipeline_write(c->s.pipeline)->on.n == 0) return PQ_OK;
  for (uint32_t i = 0; i < count; i++)
    if ((is_there && !docs[i].is_matched) ||
        !pq_value_is_equal(pq_pipe_match_key(c, &docs[i]), pq_pipe_match_key(c, &docs[0])))
      return pq_fail(c->op.cx, PQ_EEXISTS,
                     "stage '$merge': %.*s exists already, with another value of '%.*s'",
                     TEXT_ARGS(docs[i].id), TEXT_ARGS(pq_pipeline_write(c->s.pipeline)->on));
  return PQ_OK;
}

/* The events for one id. `docs` are those that came for it. */
static int write_one(pq_command *c, pq_slice id, const pq_pipe_doc *docs, uint32_t count,
                     const pq_location *at, const pq_entity *e) {
  bool is_out = pq_pipeline_write(c->s.pipeline)->kind == PQ_PIPE_OUT;
  bool is_there = e->id.p != NULL && !e->is_deleted;
  pq_value state = is_there ? e->data : (pq_value){0};
  pq_change change = {0};
  pq_write w = {.id = id, .type = c->s.type, .change = &change};
  if (is_out && count > 1)
    return pq_fail(c->op.cx, PQ_EEXISTS, "stage '$out': %.*s comes twice", TEXT_ARGS(id));
  if (is_out && count == 0) {
    w.kind = PQ_WRITE_DELETE;
    return is_there ? pq_write_match(c, &w, at, e) : PQ_OK;
  }
  if (is_out) state = docs[0].data;
  PQ_TRY(check_owner(c, docs, count, is_there));
  for (uint32_t i = 0; !is_out && i < count; i++)
    PQ_TRY(merge_one(c, &docs[i], &state));
  if (pq_value_is_missing(state)) return PQ_OK;
  if (!is_there) {
    w = (pq_write){.kind = PQ_WRITE_INSERT, .id = id, .type = c->s.type};
    PQ_TRY(pq_value_copy(&c->op.arena, state, &w.data));
    PQ_TRY(pq_typed_document(c, &w, &w.data));
    return pq_write_keyed(c, &w, at, e);
  }
  if (pq_value_is_equal(state, e->data)) return PQ_OK;
  w.kind = PQ_WRITE_UPDATE;
  PQ_TRY(pq_update_parse(&c->op.arena, NULL, state, (pq_value){0}, &change.update));
  return pq_write_match(c, &w, at, e);
}

/* ---- stages ---- */

static int compare_docs(const void *a, const void *b, const void *ud) {
  (void)ud;
  return pq_slice_cmp(((const pq_pipe_doc *)a)->id, ((const pq_pipe_doc *)b)->id);
}

static int stage_commit(pq_op *op) {
  pq_command *c = pq_command_of(op);
  return pq_write_commit(c, c->s.finish);
}

/* Everything is resident when this gets beyond the reading. */
static int stage_decide(pq_op *op) {
  pq_command *c = pq_command_of(op);
  struct pq_pipeline_run *r = c->s.run;
  const pq_view *v = &c->s.snapshot.view;
  uint32_t n = r->id_count, at_doc = 0;
  pq_location *at = pq_arena_calloc(&op->scratch, (size_t)n + 1, sizeof *at);
  pq_entity *rows = pq_arena_calloc(&op->scratch, (size_t)n + 1, sizeof *rows);
  if (at == NULL || rows == NULL) return op->cx->code;
  PQ_TRY(pq_view_locate(v, &op->fetch, &op->scratch, r->ids, n, false, at));
  PQ_TRY(pq_view_read(v, &op->fetch, &op->scratch, at, n, PQ_WANT_ALL, rows, NULL));
  for (uint32_t i = 0; i < n; i++) {
    uint32_t first = at_doc;
    while (at_doc < r->doc_count && pq_slice_eq(r->docs[at_doc].id, r->ids[i]))
      at_doc++;
    PQ_TRY(write_one(c, r->ids[i], r->docs + first, at_doc - first, &at[i], &rows[i]));
  }
  return pq_unique_begin(c, stage_commit);
}

/* The ids that are there and those that come, sorted, each once. */
static int stage_sort(pq_op *op) {
  pq_command *c = pq_command_of(op);
  struct pq_pipeline_run *r = c->s.run;
  PQ_TRY(pq_sort_items(op->cx, r->docs, r->doc_count, sizeof *r->docs, compare_docs, NULL));
  for (uint32_t i = 0; i < r->doc_count; i++)
    if (i == 0 || !pq_slice_eq(r->docs[i].id, r->docs[i - 1].id)) PQ_TRY(add_id(c, r->docs[i].id));
  PQ_TRY(pq_slices_sort(op->cx, r->ids, &r->id_count));
  op->stage = stage_decide;
  return PQ_OK;
}

/* A pq_scan_sink. */
static int take_id(void *ud, const pq_entity *e, uint64_t count) {
  (void)count;
  return add_id(ud, e->id);
}

static int stage_scan_target(pq_op *op) {
  pq_command *c = pq_command_of(op);
  PQ_TRY(pq_scan_next(&c->s.scan, &op->fetch, &op->scratch, c->db->builder, take_id, c));
  if (c->s.scan.is_done) op->stage = stage_sort;
  return PQ_OK;
}

int pq_pipe_write_begin(pq_command *c, pq_stage_fn finish) {
  const pq_pipe_write *w = pq_pipeline_write(c->s.pipeline);
  c->s.finish = finish;
  c->s.collection = w->into;
  PQ_TRY(pq_type_default(c));
  PQ_TRY(pq_typing_open(c));
  c->op.stage = stage_sort;
  if (w->on.n > 0) return pq_pipe_match_begin(c, stage_sort);
  if (w->kind != PQ_PIPE_OUT) return PQ_OK;
  PQ_TRY(pq_filter_parse(&c->arena, NULL, (pq_value){0}, &c->s.filter));
  pq_scan_init(&c->s.scan, &c->s.snapshot.view, w->into, c->s.filter);
  c->op.stage = stage_scan_target;
  return PQ_OK;
}
