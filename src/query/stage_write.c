/* query/stage_write.c - $out and $merge as they are parsed. They run nothing
 * here: whoever pulls the pipeline writes what comes out of it
 * (src/cmd/pipeline_write.c).
 *
 *   {"$out": "coll"}    {"$out": {"db", "coll"}}
 *   {"$merge": "coll"}  {"$merge": {"into", "on", "let", "whenMatched", "whenNotMatched"}}
 */
#include "query/flow_int.h"

/* A collection, or {"db", "coll"}: db must be the command's own namespace, which is not known here.
 */
static int parse_target(pq_pipe_parser *s, pq_pipe_stage *g, pq_slice option, pq_value v) {
  static const char *const known[] = {"db", "coll", NULL};
  pq_pipe_write *w = &s->pipeline->write;
  pq_field *fields;
  uint32_t count;
  if (pq_value_type(v) != PQ_TYPE_OBJECT) return pq_stage_collection(s, g, option, v, &w->into);
  PQ_TRY(pq_pipe_fields(s, v, &fields, &count));
  for (uint32_t i = 0; i < count; i++) {
    if (pq_slice_is(fields[i].name, "timeseries"))
      return pq_fail(s->cx, PQ_EUNSUPPORTED,
                     "stage '%s': option 'timeseries' is not supported: there are no time series "
                     "collections",
                     g->kind->name);
    if (pq_slice_is(fields[i].name, "coll")) {
      PQ_TRY(pq_stage_collection(s, g, fields[i].name, fields[i].value, &w->into));
    } else if (!pq_slice_is(fields[i].name, "db")) {
      return pq_stage_fail_unknown(s, g, fields[i].name, known);
    } else if (!pq_value_string(fields[i].value, &w->db) || w->db.n == 0) {
      return pq_stage_fail_option(s, g, fields[i].name, "must be the name of a namespace");
    }
  }
  return w->into.n == 0 ? pq_stage_fail(s, g, "needs coll") : PQ_OK;
}

int pq_parse_out(pq_pipe_parser *s, pq_pipe_stage *g, pq_value spec) {
  s->pipeline->write.kind = PQ_PIPE_OUT;
  return parse_target(s, g, PQ_SLICE("coll"), spec);
}

/* `_id`, or one other field. Several would need a unique index on all of them together. */
static int parse_on(pq_pipe_parser *s, pq_pipe_stage *g, pq_value v) {
  pq_value names = v;
  pq_slice text;
  if (pq_value_type(v) == PQ_TYPE_ARRAY && pq_value_count(v) > 0) v = pq_array_at(v, 0);
  if (!pq_value_string(v, &text) || text.n == 0)
    return pq_stage_fail_option(s, g, PQ_SLICE("on"), "must be a name or an array of names");
  if (pq_value_type(names) == PQ_TYPE_ARRAY && pq_value_count(names) > 1)
    return pq_fail(s->cx, PQ_EUNSUPPORTED,
                   "stage '$merge': option 'on' takes one field: there are no unique indexes on "
                   "several");
  if (pq_slice_is(text, "_id") || pq_slice_is(text, "$id")) return PQ_OK;
  if (text.p[0] == '$')
    return pq_stage_fail_option(s, g, PQ_SLICE("on"), "must be a field, without '$'");
  s->pipeline->write.on = text;
  return PQ_OK;
}

static int parse_choice(pq_pipe_parser *s, pq_pipe_stage *g, const char *option, pq_value v,
                        const char *const *names, int *out) {
  pq_slice text;
  *out = 0;
  if (pq_value_string(v, &text))
    for (; names[*out] != NULL; ++*out)
      if (pq_slice_is(text, names[*out])) return PQ_OK;
  return pq_fail(s->cx, PQ_EINVALID, "stage '%s': option '%s' must be one of %s, %s, %s%s%s",
                 g->kind->name, option, names[0], names[1], names[2], names[3] == NULL ? "" : ", ",
                 names[3] == NULL ? "" : names[3]);
}

/* A pipeline over the stored document, with $$new and the variables of `let`.
 */
static int parse_matched_pipeline(pq_pipe_parser *s, pq_pipe_stage *g, pq_value lets,
                                  pq_value stages) {
  static const char *const allowed[] = {"$addFields",   "$set",         "$project", "$unset",
                                        "$replaceRoot", "$replaceWith", NULL};
  pq_pipe_write *w = &s->pipeline->write;
  pq_env *env;
  PQ_TRY(pq_stage_lets(s, g, lets, &env, &w->lets, &w->let_first));
  w->let_count = env->variable_count - w->let_first;
  if (env->variable_count == PQ_VARIABLES_MAX)
    return pq_fail(s->cx, PQ_ELIMIT, "stage '$merge': more than %d variables", PQ_VARIABLES_MAX);
  env->variables[env->variable_count++] = PQ_SLICE("new"); /* the last of them */
  w->matched = PQ_MATCHED_PIPELINE;
  PQ_TRY(pq_sub_pipeline(s, env, PQ_IN_UNION, stages, &w->pipeline));
  for (uint32_t i = 0; i < w->pipeline->count; i++) {
    pq_slice name = pq_str(w->pipeline->stages[i].kind->name);
    int k = 0;
    while (allowed[k] != NULL && !pq_slice_is(name, allowed[k]))
      k++;
    if (allowed[k] == NULL)
      return pq_fail(s->cx, PQ_EINVALID,
                     "stage '$merge': a pipeline of whenMatched has no stage '%.*s'",
                     PQ_SHOW(name));
  }
  return PQ_OK;
}

int pq_parse_merge(pq_pipe_parser *s, pq_pipe_stage *g, pq_value spec) {
  static const char *const known[] = {"into", "on", "let", "whenMatched", "whenNotMatched", NULL};
  static const char *const matched[] = {"merge", "replace", "keepExisting", "fail", NULL};
  static const char *const not_matched[] = {"insert", "discard", "fail", NULL};
  pq_pipe_write *w = &s->pipeline->write;
  pq_value lets = {0}, stages = {0};
  pq_field *fields;
  uint32_t count;
  int choice;
  w->kind = PQ_PIPE_MERGE;
  if (pq_value_type(spec) != PQ_TYPE_OBJECT) return parse_target(s, g, PQ_SLICE("into"), spec);
  PQ_TRY(pq_pipe_fields(s, spec, &fields, &count));
  for (uint32_t i = 0; i < count; i++) {
    pq_slice name = fields[i].name;
    pq_value v = fields[i].value;
    if (pq_slice_is(name, "into")) {
      PQ_TRY(parse_target(s, g, name, v));
    } else if (pq_slice_is(name, "on")) {
      PQ_TRY(parse_on(s, g, v));
    } else if (pq_slice_is(name, "let")) {
      lets = v;
    } else if (pq_slice_is(name, "whenMatched")) {
      if (pq_value_type(v) == PQ_TYPE_ARRAY) {
        stages = v;
        continue;
      }
      PQ_TRY(parse_choice(s, g, "whenMatched", v, matched, &choice));
      w->matched = (pq_when_matched)choice;
    } else if (pq_slice_is(name, "whenNotMatched")) {
      PQ_TRY(parse_choice(s, g, "whenNotMatched", v, not_matched, &choice));
      w->not_matched = (pq_when_not_matched)choice;
    } else {
      return pq_stage_fail_unknown(s, g, name, known);
    }
  }
  if (w->into.n == 0) return pq_stage_fail(s, g, "needs into");
  if (!pq_value_is_missing(stages)) return parse_matched_pipeline(s, g, lets, stages);
  if (!pq_value_is_missing(lets))
    return pq_stage_fail(s, g, "takes let only with a pipeline as whenMatched");
  return PQ_OK;
}
