/* query/group_parse.c - $group, $bucket, $sortByCount: specifications and keys. See blocking.h.
 *
 *   {"$bucket": {"groupBy": "$x", "boundaries": [0, 10, 20], "default": "other"}}
 *        x = 12 ─► key 10         x = 20, "text", missing ─► key "other", or an error without it
 */
#include <string.h>

#include "query/group_spec.h"
#include "query/stage_parse.h"

typedef struct parser {
  pq_arena *arena;
  const pq_env *env;
  pq_cx *cx;
  pq_group_spec *g;
} parser;

static int fail(parser *p, const char *what) {
  return pq_fail(p->cx, PQ_EINVALID, "stage '%s' %s", p->g->name, what);
}

int pq_group_parse_output(pq_arena *arena, const pq_env *env, const char *stage, pq_value spec,
                          pq_accumulator **out, uint32_t *count) {
  pq_field *fields;
  *count = 0;
  *out = NULL;
  if (pq_value_is_missing(spec)) {
    *out = pq_arena_calloc(arena, 1, sizeof **out);
    if (*out == NULL) return arena->cx->code;
    (*out)[0] = pq_accumulator_count(PQ_SLICE("count"));
    *count = 1;
    return PQ_OK;
  }
  if (pq_value_type(spec) != PQ_TYPE_OBJECT)
    return pq_fail(arena->cx, PQ_EINVALID, "stage '%s' needs an object as output", stage);
  PQ_TRY(pq_stage_fields(arena, spec, &fields, count));
  *out = pq_arena_calloc(arena, *count, sizeof **out);
  if (*out == NULL) return arena->cx->code;
  for (uint32_t i = 0; i < *count; i++) {
    if (pq_slice_is(fields[i].name, "_id"))
      return pq_fail(arena->cx, PQ_EINVALID, "stage '%s': the output cannot have an _id", stage);
    PQ_TRY(pq_accumulator_parse(arena, env, stage, fields[i].name, fields[i].value, &(*out)[i]));
  }
  return PQ_OK;
}

/* ---- $group ---- */

/* The name of the field of {"a": …}; empty for anything else, operators too. */
static int find_only_field(parser *p, pq_value v) {
  pq_field *fields;
  uint32_t count;
  if (pq_value_type(v) != PQ_TYPE_OBJECT || pq_value_count(v) != 1) return PQ_OK;
  PQ_TRY(pq_stage_fields(p->arena, v, &fields, &count));
  if (fields[0].name.n == 0 || fields[0].name.p[0] != '$') p->g->only_field = fields[0].name;
  return PQ_OK;
}

/* Text that is compared by other rules has no numbers of its own. */
static bool may_fold(const parser *p) {
  return p->env == NULL || !p->env->collation.is_folded;
}

static int parse_group(parser *p, pq_value spec) {
  pq_group_spec *g = p->g;
  pq_field *fields;
  uint32_t count, id = 0;
  if (pq_value_type(spec) != PQ_TYPE_OBJECT) return fail(p, "needs an object");
  if (pq_value_is_missing(pq_object_get_str(spec, "_id"))) return fail(p, "needs an _id");
  PQ_TRY(pq_stage_fields(p->arena, spec, &fields, &count));
  g->accumulators = pq_arena_calloc(p->arena, count, sizeof *g->accumulators);
  if (g->accumulators == NULL) return p->cx->code;
  for (uint32_t i = 0; i < count; i++) {
    if (pq_slice_is(fields[i].name, "_id")) {
      PQ_TRY(pq_expression_parse(p->arena, p->env, fields[i].value, &g->expression));
      PQ_TRY(find_only_field(p, fields[i].value));
      id = i;
    } else {
      PQ_TRY(pq_accumulator_parse(p->arena, p->env, g->name, fields[i].name, fields[i].value,
                                  &g->accumulators[g->accumulator_count]));
      g->accumulator_count++;
    }
  }
  if (!may_fold(p)) return PQ_OK;
  spec = fields[id].value;
  memmove(fields + id, fields + id + 1, (count - id - 1) * sizeof *fields);
  return pq_group_fold_find(p->arena, spec, fields, count - 1, &g->fold);
}

static int parse_sort_by_count(parser *p, pq_value spec) {
  pq_group_spec *g = p->g;
  if (!pq_value_is_field_path(spec) && pq_value_type(spec) != PQ_TYPE_OBJECT)
    return fail(p, "needs a path or an expression");
  g->is_by_count = true;
  PQ_TRY(pq_group_parse_output(p->arena, p->env, g->name, (pq_value){0}, &g->accumulators,
                               &g->accumulator_count));
  if (may_fold(p) && pq_value_type(spec) != PQ_TYPE_OBJECT)
    PQ_TRY(pq_group_fold_count(p->arena, spec, &g->fold));
  return pq_expression_parse(p->arena, p->env, spec, &g->expression);
}

/* ---- $bucket ---- */

static int parse_boundaries(parser *p, pq_value spec) {
  pq_group_spec *g = p->g;
  uint32_t count = pq_value_count(spec);
  pq_value *list;
  pq_collation collation = p->env != NULL ? p->env->collation : (pq_collation){0};
  if (pq_value_type(spec) != PQ_TYPE_ARRAY || count < 2)
    return fail(p, "needs an array of at least two boundaries");
  list = pq_arena_calloc(p->arena, count, sizeof *list);
  if (list == NULL) return p->cx->code;
  for (uint32_t i = 0; i < count; i++) {
    list[i] = pq_array_at(spec, i);
    if (pq_value_is_field_path(list[i])) return fail(p, "needs constants as boundaries");
    if (i == 0) continue;
    if (pq_type_bracket(pq_value_type(list[i])) != pq_type_bracket(pq_value_type(list[0])))
      return fail(p, "needs boundaries of one type");
    if (pq_value_collate(list[i - 1], list[i], collation) >= 0)
      return fail(p, "needs boundaries in ascending order");
  }
  g->boundaries = list;
  g->boundary_count = count;
  return PQ_OK;
}

static int check_other(parser *p) {
  pq_group_spec *g = p->g;
  pq_collation collation = p->env != NULL ? p->env->collation : (pq_collation){0};
  pq_type type = pq_type_bracket(pq_value_type(g->boundaries[0]));
  if (pq_value_is_missing(g->other) || pq_type_bracket(pq_value_type(g->other)) != type)
    return PQ_OK;
  if (pq_value_is_field_path(g->other)) return fail(p, "needs a constant as default");
  if (pq_value_collate(g->other, g->boundaries[0], collation) < 0) return PQ_OK;
  if (pq_value_collate(g->other, g->boundaries[g->boundary_count - 1], collation) >= 0)
    return PQ_OK;
  return fail(p, "needs a default outside of its boundaries");
}

static int parse_bucket(parser *p, pq_value spec) {
  pq_group_spec *g = p->g;
  pq_value by = pq_object_get_str(spec, "groupBy");
  pq_field *fields;
  uint32_t count;
  if (pq_value_type(spec) != PQ_TYPE_OBJECT) return fail(p, "needs an object");
  PQ_TRY(pq_stage_fields(p->arena, spec, &fields, &count));
  for (uint32_t i = 0; i < count; i++)
    if (!pq_slice_is(fields[i].name, "groupBy") && !pq_slice_is(fields[i].name, "boundaries") &&
        !pq_slice_is(fields[i].name, "default") && !pq_slice_is(fields[i].name, "output"))
      return pq_fail(p->cx, PQ_EINVALID,
                     "stage '%s' has no '%.*s': it knows groupBy, boundaries, default and output",
                     g->name, PQ_SHOWN(fields[i].name));
  if (!pq_value_is_field_path(by) && pq_value_type(by) != PQ_TYPE_OBJECT)
    return fail(p, "needs a path or an expression as groupBy");
  PQ_TRY(pq_expression_parse(p->arena, p->env, by, &g->expression));
  PQ_TRY(parse_boundaries(p, pq_object_get_str(spec, "boundaries")));
  g->other = pq_object_get_str(spec, "default");
  PQ_TRY(check_other(p));
  return pq_group_parse_output(p->arena, p->env, g->name, pq_object_get_str(spec, "output"),
                               &g->accumulators, &g->accumulator_count);
}

int pq_group_parse(pq_arena *arena, const pq_env *env, const char *stage, pq_value spec,
                   pq_group_spec **out) {
  parser p = {arena, env, arena->cx, pq_arena_calloc(arena, 1, sizeof(pq_group_spec))};
  pq_slice name = pq_str(stage);
  *out = NULL;
  if (p.g == NULL) return p.cx->code;
  p.g->name = stage;
  PQ_TRY(pq_value_copy(arena, spec, &spec));
  PQ_TRY(pq_slice_is(name, "$group")    ? parse_group(&p, spec)
         : pq_slice_is(name, "$bucket") ? parse_bucket(&p, spec)
                                        : parse_sort_by_count(&p, spec));
  *out = p.g;
  return PQ_OK;
}

/* ---- keys ---- */

static int bucket_of(const pq_group_spec *g, pq_eval *s, pq_value v, pq_value *out) {
  uint32_t low = 0, high = g->boundary_count; /* the number of boundaries that are not above v */
  while (low < high) {
    uint32_t mid = low + (high - low) / 2;
    if (pq_value_collate(g->boundaries[mid], v, s->collation) <= 0) {
      low = mid + 1;
    } else {
      high = mid;
    }
  }
  *out = g->other;
  if (low > 0 && low < g->boundary_count) *out = g->boundaries[low - 1];
  if (!pq_value_is_missing(*out)) return PQ_OK;
  return pq_fail(s->cx, PQ_EINVALID,
                 "stage '$bucket' has no bucket for this %s: 'default' would take it",
                 pq_value_is_missing(v) ? "missing value" : pq_type_name(pq_value_type(v)));
}

int pq_group_key(const pq_group_spec *g, pq_eval *s, pq_value *out) {
  pq_field only = {.name = g->only_field};
  PQ_TRY(pq_expression_eval(g->expression, s, out));
  if (g->boundaries != NULL) return bucket_of(g, s, *out, out);
  if (pq_value_is_missing(*out)) return pq_make_null(s, out);
  if (g->only_field.n == 0 || pq_value_count(*out) != 0) return PQ_OK;
  /* {"_id": {"a": "$missing"}}: a key of one field takes missing for null, as a plain one. */
  PQ_TRY(pq_make_null(s, &only.value));
  return pq_make_object(s, &only, 1, out);
}
