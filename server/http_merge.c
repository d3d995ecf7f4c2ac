/* server/http_merge.c - a merge patch (RFC 7396) as an update pipeline of one stage, so that it is
 * one command and nothing comes between reading and writing:
 *
 *   {"a": 1, "b": {"c": null}} of $$ROOT
 *     ─► {$replaceWith: {$mergeObjects: [T, {$literal: {"a": 1}},
 *                                        {$arrayToObject: [[["b", …the same of T.b…]]]}]}}
 *   where T is the target, {} if it is no object, less the fields that are null in the patch
 *
 * Names stand in $literal, so that those with a '.' or a '$' mean themselves.
 */
#include "server/http_route.h"

enum {
  DEPTH_MAX = 10
}; /* commands nest at most 100 deep, and a level of the patch takes 8 of these */

typedef struct merge {
  pq_builder *b;
  pq_arena *arena;
  pq_cx *cx;
  pq_slice names[DEPTH_MAX]; /* the way to the target */
  uint32_t depth;
} merge;

static int put_patch(merge *m, pq_value patch);

static int put_literal(merge *m, pq_slice name) {
  PQ_TRY(pq_builder_begin_object(m->b));
  PQ_TRY(pq_builder_key_str(m->b, "$literal"));
  PQ_TRY(pq_builder_string(m->b, name));
  return pq_builder_end(m->b);
}

/* {$getField: {field: {$literal: name}, input: …}} of each name on the way, the last one outside.
 */
static int put_path(merge *m, uint32_t depth) {
  if (depth == 0) return pq_builder_str(m->b, "$$ROOT");
  PQ_TRY(pq_builder_begin_object(m->b));
  PQ_TRY(pq_builder_key_str(m->b, "$getField"));
  PQ_TRY(pq_builder_begin_object(m->b));
  PQ_TRY(pq_builder_key_str(m->b, "field"));
  PQ_TRY(put_literal(m, m->names[depth - 1]));
  PQ_TRY(pq_builder_key_str(m->b, "input"));
  PQ_TRY(put_path(m, depth - 1));
  PQ_TRY(pq_builder_end(m->b));
  return pq_builder_end(m->b);
}

/* {$cond: [{$eq: [{$type: T}, "object"]}, T, {$literal: {}}]} */
static int put_target(merge *m) {
  PQ_TRY(pq_builder_begin_object(m->b));
  PQ_TRY(pq_builder_key_str(m->b, "$cond"));
  PQ_TRY(pq_builder_begin_array(m->b));
  PQ_TRY(pq_builder_begin_object(m->b));
  PQ_TRY(pq_builder_key_str(m->b, "$eq"));
  PQ_TRY(pq_builder_begin_array(m->b));
  PQ_TRY(pq_builder_begin_object(m->b));
  PQ_TRY(pq_builder_key_str(m->b, "$type"));
  PQ_TRY(put_path(m, m->depth));
  PQ_TRY(pq_builder_end(m->b));
  PQ_TRY(pq_builder_str(m->b, "object"));
  PQ_TRY(pq_builder_end(m->b));
  PQ_TRY(pq_builder_end(m->b));
  PQ_TRY(put_path(m, m->depth));
  PQ_TRY(pq_builder_begin_object(m->b));
  PQ_TRY(pq_builder_key_str(m->b, "$literal"));
  PQ_TRY(pq_builder_begin_object(m->b));
  PQ_TRY(pq_builder_end(m->b));
  PQ_TRY(pq_builder_end(m->b));
  PQ_TRY(pq_builder_end(m->b));
  return pq_builder_end(m->b);
}

/* {$unsetField: {field: {$literal: name}, input: …}} around the target, for each null. */
static int put_kept(merge *m, const pq_field *fields, uint32_t count) {
  uint32_t open = 0;
  for (uint32_t i = 0; i < count; i++) {
    if (pq_value_type(fields[i].value) != PQ_TYPE_NULL) continue;
    PQ_TRY(pq_builder_begin_object(m->b));
    PQ_TRY(pq_builder_key_str(m->b, "$unsetField"));
    PQ_TRY(pq_builder_begin_object(m->b));
    PQ_TRY(pq_builder_key_str(m->b, "field"));
    PQ_TRY(put_literal(m, fields[i].name));
    PQ_TRY(pq_builder_key_str(m->b, "input"));
    open++;
  }
  PQ_TRY(put_target(m));
  for (; open > 0; open--) {
    PQ_TRY(pq_builder_end(m->b));
    PQ_TRY(pq_builder_end(m->b));
  }
  return PQ_OK;
}

/* {$literal: {…}} of all that is neither null nor an object. */
static int put_values(merge *m, const pq_field *fields, uint32_t count) {
  PQ_TRY(pq_builder_begin_object(m->b));
  PQ_TRY(pq_builder_key_str(m->b, "$literal"));
  PQ_TRY(pq_builder_begin_object(m->b));
  for (uint32_t i = 0; i < count; i++) {
    pq_type type = pq_value_type(fields[i].value);
    if (type == PQ_TYPE_NULL || type == PQ_TYPE_OBJECT) continue;
    PQ_TRY(pq_builder_key(m->b, fields[i].name));
    PQ_TRY(pq_builder_value(m->b, fields[i].value));
  }
  PQ_TRY(pq_builder_end(m->b));
  return pq_builder_end(m->b);
}

/* {$arrayToObject: [[[name, …]]]} */
static int put_inner(merge *m, const pq_field *field) {
  if (m->depth == DEPTH_MAX)
    return pq_fail(m->cx, PQ_ELIMIT, "a merge patch nests more than %d deep", DEPTH_MAX);
  PQ_TRY(pq_builder_begin_object(m->b));
  PQ_TRY(pq_builder_key_str(m->b, "$arrayToObject"));
  for (int i = 0; i < 3; i++)
    PQ_TRY(pq_builder_begin_array(m->b));
  PQ_TRY(put_literal(m, field->name));
  m->names[m->depth++] = field->name;
  PQ_TRY(put_patch(m, field->value));
  m->depth--;
  for (int i = 0; i < 3; i++)
    PQ_TRY(pq_builder_end(m->b));
  return pq_builder_end(m->b);
}

static int put_patch(merge *m, pq_value patch) {
  uint32_t count;
  pq_field *fields = pq_object_fields(m->arena, patch, &count);
  if (fields == NULL && pq_value_count(patch) > 0) return m->arena->cx->code;
  PQ_TRY(pq_builder_begin_object(m->b));
  PQ_TRY(pq_builder_key_str(m->b, "$mergeObjects"));
  PQ_TRY(pq_builder_begin_array(m->b));
  PQ_TRY(put_kept(m, fields, count));
  PQ_TRY(put_values(m, fields, count));
  for (uint32_t i = 0; i < count; i++)
    if (pq_value_type(fields[i].value) == PQ_TYPE_OBJECT) PQ_TRY(put_inner(m, &fields[i]));
  PQ_TRY(pq_builder_end(m->b));
  return pq_builder_end(m->b);
}

int pq_http_put_merge(pq_cx *cx, pq_builder *b, pq_arena *arena, pq_value patch) {
  merge m = {.b = b, .arena = arena, .cx = cx};
  PQ_TRY(pq_builder_begin_array(b));
  PQ_TRY(pq_builder_begin_object(b));
  PQ_TRY(pq_builder_key_str(b, "$replaceWith"));
  PQ_TRY(put_patch(&m, patch));
  PQ_TRY(pq_builder_end(b));
  return pq_builder_end(b);
}
