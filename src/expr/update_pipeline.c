/* expr/update_pipeline.c - updates written as stages of a pipeline. See update.h.
 *
 *   [{"$set": {"total": {"$sum": "$items.price"}}}, {"$unset": "tmp"}]
 *
 *   document ──► shape ──► shape ──► new document; its "_id" is the old one's
 *
 * The stages see the user's document without system fields. Nothing is kept between calls.
 */
#include "expr/update_int.h"

/* All but $replaceRoot and $replaceWith are shapes. */
static const char *const stages[] = {"$set",         "$addFields",   "$project", "$unset",
                                     "$replaceRoot", "$replaceWith", NULL};

static const char *stage_name(pq_slice name) {
  for (const char *const *n = stages; *n != NULL; n++)
    if (pq_slice_is(name, *n)) return *n;
  return NULL;
}

static int fail_stage(pq_update_parser *s, pq_slice name) {
  const char *nearest = pq_nearest(name, stages);
  return pq_fail(s->cx, PQ_EUPDATE,
                 "stage '%.*s' cannot be part of an update: $set, $unset, $project, $replaceRoot "
                 "and $replaceWith can%s%s%s",
                 PQ_SHOW(name), nearest == NULL ? "" : "; did you mean '",
                 nearest == NULL ? "" : nearest, nearest == NULL ? "" : "'?");
}

static int parse_root(pq_update_parser *s, pq_update_stage *g, pq_value v) {
  if (g->name[8] == 'R') { /* $replaceRoot */
    if (pq_value_type(v) != PQ_TYPE_OBJECT || pq_value_count(v) != 1 ||
        pq_value_is_missing(pq_object_get_str(v, "newRoot")))
      return pq_fail(s->cx, PQ_EUPDATE, "stage '$replaceRoot' needs {\"newRoot\": expression}");
    v = pq_object_get_str(v, "newRoot");
  }
  return pq_expression_parse(s->arena, s->env, v, &g->root);
}

static int parse_stage(pq_update_parser *s, pq_value spec, pq_update_stage *g) {
  pq_field *fields;
  uint32_t count;
  if (pq_value_type(spec) != PQ_TYPE_OBJECT || pq_value_count(spec) != 1)
    return pq_fail(s->cx, PQ_EUPDATE, "a stage of an update must be an object of one field");
  PQ_TRY(pq_update_read_fields(s, spec, &fields, &count));
  g->name = stage_name(fields[0].name);
  if (g->name == NULL) return fail_stage(s, fields[0].name);
  switch (g->name[1]) {
    case 'r': return parse_root(s, g, fields[0].value);
    case 'u': return pq_shape_parse_unset(s->arena, g->name, fields[0].value, &g->shape);
    default:
      return pq_shape_parse(s->arena, s->env, g->name, fields[0].value, g->name[1] != 'p',
                            &g->shape);
  }
}

int pq_update_parse_stages(pq_update_parser *s, pq_value spec) {
  uint32_t count = pq_value_count(spec);
  s->u->kind = PQ_UPDATE_PIPELINE;
  if (s->u->filter_count > 0)
    return pq_fail(s->cx, PQ_EUPDATE, "arrayFilters cannot stand beside an update by a pipeline");
  s->u->stages = pq_arena_calloc(s->arena, count, sizeof *s->u->stages);
  if (s->u->stages == NULL && count > 0) return s->cx->code;
  for (uint32_t i = 0; i < count; i++)
    PQ_TRY(parse_stage(s, pq_array_at(spec, i), &s->u->stages[s->u->stage_count++]));
  return PQ_OK;
}

int pq_update_run_stages(pq_applier *s, pq_eval *eval, pq_value *out) {
  pq_value v = s->doc;
  *out = (pq_value){0};
  for (uint32_t i = 0; i < s->u->stage_count; i++) {
    const pq_update_stage *g = &s->u->stages[i];
    eval->root = v;
    PQ_TRY(g->shape != NULL ? pq_shape_apply(g->shape, eval, &v)
                            : pq_expression_eval(g->root, eval, &v));
    if (pq_value_type(v) != PQ_TYPE_OBJECT)
      return pq_fail(s->cx, PQ_EUPDATE, "stage '%s' needs an object, not %s", g->name,
                     pq_value_is_missing(v) ? "a missing value" : pq_type_name(pq_value_type(v)));
  }
  *out = v;
  return PQ_OK;
}
