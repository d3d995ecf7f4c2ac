/* expr/update_upsert.c - the document that an upsert inserts (MONGO.md 1, rule 44). See update.h.
 *
 *   filter {"_id": 1, "a.b": {"$eq": 2}, "c": {"$gt": 3}}     seed {_id: 1, a: {b: 2}}
 *   update {"$set": {"d": 4}, "$setOnInsert": {"e": 5}}    ──►     {_id: 1, a: {b: 2}, d: 4, e: 5}
 *
 * The seed is made by the applier too: SET of the filter's equalities on {}. A replacement takes
 * nothing but "_id" from the filter. "_id" ends up in front.
 */
#include "expr/update_int.h"

static int fail_twice(pq_cx *cx, const pq_path *path) {
  return pq_fail(cx, PQ_EUPDATE, "upsert: the filter sets the path '%.*s' twice",
                 PQ_SHOW(path->text));
}

/* The equalities that become fields, as terms. */
static int make_terms(const pq_update *u, const pq_filter *f, pq_arena *arena, pq_update *seed) {
  const pq_equality *equalities;
  uint32_t count, conflict;
  PQ_TRY(pq_filter_equalities(f, arena, &equalities, &count));
  seed->terms = pq_arena_calloc(arena, count, sizeof *seed->terms);
  if (seed->terms == NULL) return arena->cx->code;
  for (uint32_t i = 0; i < count; i++) {
    pq_slice first = equalities[i].path->parts[0].name;
    if (pq_is_dollar(first)) continue; /* a system field */
    if (u->kind == PQ_UPDATE_REPLACE && !pq_slice_is(first, "_id")) continue;
    seed->terms[seed->count++] =
        (pq_term){.path = *equalities[i].path, .op = PQ_UPDATE_SET, .operand = equalities[i].value};
  }
  PQ_TRY(pq_terms_sort(arena->cx, seed->terms, seed->count, &conflict));
  if (conflict < seed->count) return fail_twice(arena->cx, &seed->terms[conflict + 1].path);
  return PQ_OK;
}

/* The document with "_id", if it has one, in front. */
static int put_id_first(pq_eval *eval, pq_arena *arena, pq_value doc, pq_value *out) {
  pq_value id = pq_object_get_str(doc, "_id");
  pq_builder *b = eval->builder;
  uint32_t count;
  pq_field *fields = pq_object_fields(eval->arena, doc, &count);
  if (fields == NULL && pq_value_count(doc) > 0) return arena->cx->code;
  pq_builder_clear(b);
  PQ_TRY(pq_builder_begin_object(b));
  if (!pq_value_is_missing(id)) {
    PQ_TRY(pq_builder_key_str(b, "_id"));
    PQ_TRY(pq_builder_value(b, id));
  }
  for (uint32_t i = 0; i < count; i++) {
    if (pq_slice_is(fields[i].name, "_id")) continue;
    PQ_TRY(pq_builder_key(b, fields[i].name));
    PQ_TRY(pq_builder_value(b, fields[i].value));
  }
  PQ_TRY(pq_builder_end(b));
  return pq_builder_finish(b, arena, out);
}

int pq_update_upsert(const pq_update *u, const pq_filter *f, pq_eval *eval, pq_arena *arena,
                     pq_value *out) {
  pq_update_at at = {.position = -1, .is_insert = true};
  pq_update seed = {.kind = PQ_UPDATE_OPERATORS};
  pq_value doc;
  bool is_changed;
  *out = (pq_value){0};
  PQ_TRY(make_terms(u, f, eval->arena, &seed));
  pq_builder_clear(eval->builder);
  PQ_TRY(pq_builder_begin_object(eval->builder));
  PQ_TRY(pq_builder_end(eval->builder));
  PQ_TRY(pq_builder_finish(eval->builder, eval->arena, &doc));
  PQ_TRY(pq_update_apply(&seed, eval, eval->arena, doc, at, &doc, &is_changed));
  PQ_TRY(pq_update_apply(u, eval, eval->arena, doc, at, &doc, &is_changed));
  return put_id_first(eval, arena, doc, out);
}
