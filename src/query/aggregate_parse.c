/* query/aggregate_parse.c - a pipeline as JSON becomes stages. See aggregate.h. */
#include <string.h>

#include "base/text.h"
#include "query/aggregate_int.h"

/* All stages of MongoDB; those without a parser below are not supported yet. */
const char *const pq_pipeline_stages[] = {"$match",
                                          "$project",
                                          "$addFields",
                                          "$set",
                                          "$unset",
                                          "$group",
                                          "$sort",
                                          "$skip",
                                          "$limit",
                                          "$count",
                                          "$unwind",
                                          "$replaceRoot",
                                          "$replaceWith",
                                          "$sortByCount",
                                          "$sample",
                                          "$lookup",
                                          "$facet",
                                          "$bucket",
                                          "$bucketAuto",
                                          "$unionWith",
                                          "$graphLookup",
                                          "$geoNear",
                                          "$out",
                                          "$merge",
                                          "$redact",
                                          "$densify",
                                          "$fill",
                                          "$setWindowFields",
                                          "$documents",
                                          "$collStats",
                                          "$indexStats",
                                          "$currentOp",
                                          "$listSessions",
                                          "$planCacheStats",
                                          "$changeStream",
                                          "$search",
                                          "$searchMeta",
                                          "$vectorSearch",
                                          NULL};

static const char *const accumulator_names[] = {"$sum",   "$avg",          "$min",  "$max",
                                                "$first", "$last",         "$push", "$addToSet",
                                                "$count", "$mergeObjects", NULL};
static const char *const further_accumulators[] = {
    "$firstN",  "$lastN",     "$minN",       "$maxN",   "$top",        "$topN",        "$bottom",
    "$bottomN", "$stdDevPop", "$stdDevSamp", "$median", "$percentile", "$accumulator", NULL};

typedef struct parser {
  pq_arena *arena;
  const pq_env *env;
  pq_cx *cx;
  pq_pipeline *p;
} parser;

#define SHOW(s) \
  (int)((s).n > 40 ? pq_utf8_prefix(s, 40) : (s).n), (s).n == 0 ? "" : (const char *)(s).p

static int fail(parser *s, const pq_pipe_stage *g, const char *what) {
  return pq_fail(s->cx, PQ_EINVALID, "stage '%s' %s", g->name, what);
}

static int read_fields(parser *s, pq_value v, pq_field **fields, uint32_t *count) {
  *fields = pq_object_fields(s->arena, v, count);
  return *fields == NULL && pq_value_count(v) > 0 ? s->cx->code : PQ_OK;
}

static bool name_in(pq_slice name, const char *const *names) {
  for (; *names != NULL; names++)
    if (pq_slice_is(name, *names)) return true;
  return false;
}

static bool is_dollar(pq_slice name) {
  return name.n > 0 && name.p[0] == '$';
}

/* ---- the stages ---- */

static int parse_match(parser *s, pq_pipe_stage *g, pq_value v) {
  g->kind = PQ_STAGE_MATCH;
  if (pq_value_type(v) != PQ_TYPE_OBJECT) return fail(s, g, "needs a filter");
  return pq_filter_parse(s->arena, s->env, v, &g->filter);
}

static int parse_project(parser *s, pq_pipe_stage *g, pq_value v) {
  g->kind = PQ_STAGE_SHAPE;
  return pq_shape_parse(s->arena, s->env, g->name, v, false, &g->shape);
}

static int parse_add_fields(parser *s, pq_pipe_stage *g, pq_value v) {
  g->kind = PQ_STAGE_SHAPE;
  return pq_shape_parse(s->arena, s->env, g->name, v, true, &g->shape);
}

/* "a" or ["a", "b.c"]: an exclusion. */
static int put_unset(parser *s, pq_pipe_stage *g, pq_builder *b, pq_value v) {
  uint32_t count = pq_value_type(v) == PQ_TYPE_ARRAY ? pq_value_count(v) : 1;
  PQ_TRY(pq_builder_begin_object(b));
  for (uint32_t i = 0; i < count; i++) {
    pq_slice name;
    if (!pq_value_string(pq_value_type(v) == PQ_TYPE_ARRAY ? pq_array_at(v, i) : v, &name))
      return fail(s, g, "needs a name or an array of names");
    PQ_TRY(pq_builder_key(b, name));
    PQ_TRY(pq_builder_i32(b, 0));
  }
  return pq_builder_end(b);
}

static int parse_unset(parser *s, pq_pipe_stage *g, pq_value v) {
  pq_builder *b;
  pq_value spec;
  int rc;
  g->kind = PQ_STAGE_SHAPE;
  if (pq_value_type(v) == PQ_TYPE_ARRAY && pq_value_count(v) == 0)
    return fail(s, g, "needs at least one name");
  PQ_TRY(pq_builder_new(s->cx, &b));
  rc = put_unset(s, g, b, v);
  if (rc == PQ_OK) rc = pq_builder_finish(b, s->arena, &spec);
  pq_builder_free(b);
  PQ_TRY(rc);
  return pq_shape_parse(s->arena, s->env, g->name, spec, false, &g->shape);
}

static int fail_accumulator(parser *s, pq_slice name) {
  const char *nearest;
  if (name_in(name, further_accumulators))
    return pq_fail(s->cx, PQ_EUNSUPPORTED, "the accumulator '%.*s' is not supported yet",
                   SHOW(name));
  nearest = pq_nearest(name, accumulator_names);
  return pq_fail(s->cx, PQ_EINVALID, "unknown accumulator '%.*s'%s%s%s", SHOW(name),
                 nearest == NULL ? "" : ": did you mean '", nearest == NULL ? "" : nearest,
                 nearest == NULL ? "" : "'?");
}

/* {"$sum": expression} */
static int parse_accumulator(parser *s, const pq_pipe_stage *g, const pq_field *field,
                             pq_accumulator *out) {
  pq_field *fields;
  uint32_t count;
  int kind = 0;
  if (is_dollar(field->name) || memchr(field->name.p, '.', field->name.n) != NULL)
    return pq_fail(s->cx, PQ_EINVALID, "stage '$group': '%.*s' is no name for a field",
                   SHOW(field->name));
  if (pq_value_type(field->value) != PQ_TYPE_OBJECT || pq_value_count(field->value) != 1)
    return pq_fail(s->cx, PQ_EINVALID, "stage '$group': '%.*s' needs one accumulator",
                   SHOW(field->name));
  (void)g;
  PQ_TRY(read_fields(s, field->value, &fields, &count));
  while (accumulator_names[kind] != NULL && !pq_slice_is(fields[0].name, accumulator_names[kind]))
    kind++;
  if (accumulator_names[kind] == NULL) return fail_accumulator(s, fields[0].name);
  *out = (pq_accumulator){.name = field->name, .kind = (pq_accumulator_kind)kind};
  if (pq_value_type(fields[0].value) == PQ_TYPE_ARRAY && pq_value_count(fields[0].value) != 1)
    return pq_fail(s->cx, PQ_EINVALID, "the accumulator '%s' takes one argument",
                   accumulator_names[kind]);
  if (out->kind != PQ_ACC_COUNT)
    return pq_expression_parse(s->arena, NULL,
                               pq_value_type(fields[0].value) == PQ_TYPE_ARRAY
                                   ? pq_array_at(fields[0].value, 0)
                                   : fields[0].value,
                               &out->expression);
  if (pq_value_type(fields[0].value) == PQ_TYPE_OBJECT && pq_value_count(fields[0].value) == 0)
    return PQ_OK;
  return pq_fail(s->cx, PQ_EINVALID, "the accumulator '$count' takes {}");
}

/* The name of the field of {"a": …}; empty for anything else, operators too. */
static int find_only_field(parser *s, pq_value v, pq_slice *out) {
  pq_field *fields;
  uint32_t count;
  if (pq_value_type(v) != PQ_TYPE_OBJECT || pq_value_count(v) != 1) return PQ_OK;
  PQ_TRY(read_fields(s, v, &fields, &count));
  if (!is_dollar(fields[0].name)) *out = fields[0].name;
  return PQ_OK;
}

static int parse_group(parser *s, pq_pipe_stage *g, pq_value v) {
  pq_field *fields;
  uint32_t count;
  g->kind = PQ_STAGE_GROUP;
  if (pq_value_is_missing(pq_object_get_str(v, "_id"))) return fail(s, g, "needs an _id");
  PQ_TRY(read_fields(s, v, &fields, &count));
  g->accumulators = pq_arena_calloc(s->arena, count, sizeof *g->accumulators);
  if (g->accumulators == NULL) return s->cx->code;
  for (uint32_t i = 0; i < count; i++) {
    if (pq_slice_is(fields[i].name, "_id")) {
      PQ_TRY(pq_expression_parse(s->arena, s->env, fields[i].value, &g->expression));
      PQ_TRY(find_only_field(s, fields[i].value, &g->field));
    } else {
      PQ_TRY(parse_accumulator(s, g, &fields[i], &g->accumulators[g->accumulator_count++]));
    }
  }
  return PQ_OK;
}

static int parse_sort(parser *s, pq_pipe_stage *g, pq_value v) {
  g->kind = PQ_STAGE_SORT;
  if (pq_value_type(v) != PQ_TYPE_OBJECT || pq_value_count(v) == 0)
    return fail(s, g, "needs an object of at least one field");
  return pq_sort_parse(s->arena, s->env, v, &g->sort);
}

static int parse_number(parser *s, pq_pipe_stage *g, pq_value v) {
  double real;
  bool is_limit = g->name[1] == 'l';
  g->kind = is_limit ? PQ_STAGE_LIMIT : PQ_STAGE_SKIP;
  if (!pq_value_number(v, &real) || !(real >= (is_limit ? 1 : 0)) || real >= 0x1p63 ||
      (double)(uint64_t)real != real)
    return fail(s, g,
                is_limit ? "needs a whole number above 0" : "needs a whole number, 0 or more");
  g->number = (uint64_t)real;
  return PQ_OK;
}

static int parse_count(parser *s, pq_pipe_stage *g, pq_value v) {
  g->kind = PQ_STAGE_COUNT;
  if (!pq_value_string(v, &g->field) || g->field.n == 0 || is_dollar(g->field) ||
      memchr(g->field.p, '.', g->field.n) != NULL || memchr(g->field.p, 0, g->field.n) != NULL)
    return fail(s, g, "needs a name without '$' and '.'");
  return PQ_OK;
}

static int parse_unwind_path(parser *s, pq_pipe_stage *g, pq_value v) {
  pq_slice text;
  if (!pq_value_string(v, &text) || text.n < 2 || text.p[0] != '$' || text.p[1] == '$')
    return fail(s, g, "needs a path that begins with '$'");
  return pq_path_parse(s->arena, (pq_slice){text.p + 1, text.n - 1}, &g->path);
}

static int parse_unwind(parser *s, pq_pipe_stage *g, pq_value v) {
  pq_field *fields;
  uint32_t count;
  g->kind = PQ_STAGE_UNWIND;
  if (pq_value_type(v) != PQ_TYPE_OBJECT) return parse_unwind_path(s, g, v);
  PQ_TRY(read_fields(s, v, &fields, &count));
  for (uint32_t i = 0; i < count; i++) {
    pq_slice text;
    if (pq_slice_is(fields[i].name, "path")) {
      PQ_TRY(parse_unwind_path(s, g, fields[i].value));
    } else if (pq_slice_is(fields[i].name, "preserveNullAndEmptyArrays")) {
      if (!pq_value_bool(fields[i].value, &g->is_preserving))
        return fail(s, g, "needs true or false as preserveNullAndEmptyArrays");
    } else if (pq_slice_is(fields[i].name, "includeArrayIndex")) {
      if (!pq_value_string(fields[i].value, &text) || text.n == 0 || is_dollar(text))
        return fail(s, g, "needs a name without '$' as includeArrayIndex");
      g->has_index = true;
      PQ_TRY(pq_path_parse(s->arena, text, &g->index_path));
    } else {
      return fail(s, g, "knows path, includeArrayIndex and preserveNullAndEmptyArrays");
    }
  }
  return g->path.count > 0 ? PQ_OK : fail(s, g, "needs a path");
}

static int parse_replace_with(parser *s, pq_pipe_stage *g, pq_value v) {
  g->kind = PQ_STAGE_REPLACE;
  return pq_expression_parse(s->arena, s->env, v, &g->expression);
}

static int parse_replace_root(parser *s, pq_pipe_stage *g, pq_value v) {
  pq_value root = pq_object_get_str(v, "newRoot");
  if (pq_value_is_missing(root) || pq_value_count(v) != 1) return fail(s, g, "needs a newRoot");
  return parse_replace_with(s, g, root);
}

/* $group by the expression with a count, then a $sort by it, the most frequent first. */
static int parse_sort_by_count(parser *s, pq_pipe_stage *g, pq_value v) {
  pq_sort_field *field = pq_arena_calloc(s->arena, 1, sizeof *field);
  pq_pipe_stage *sort = &s->p->stages[s->p->count++];
  pq_slice text;
  if (field == NULL) return s->cx->code;
  if (!(pq_value_string(v, &text) && is_dollar(text)) && pq_value_type(v) != PQ_TYPE_OBJECT)
    return fail(s, g, "needs a path or an expression");
  g->kind = PQ_STAGE_GROUP;
  g->accumulators = pq_arena_calloc(s->arena, 1, sizeof *g->accumulators);
  if (g->accumulators == NULL) return s->cx->code;
  g->accumulators[0] = (pq_accumulator){PQ_SLICE("count"), PQ_ACC_COUNT, NULL};
  g->accumulator_count = 1;
  field->is_descending = true;
  PQ_TRY(pq_path_parse(s->arena, PQ_SLICE("count"), &field->path));
  *sort = (pq_pipe_stage){.kind = PQ_STAGE_SORT, .name = "$sort", .sort = {field, 1}};
  return pq_expression_parse(s->arena, s->env, v, &g->expression);
}

typedef struct stage_parser {
  const char *name;
  int (*parse)(parser *s, pq_pipe_stage *g, pq_value v);
} stage_parser;

static const stage_parser stage_parsers[] = {{"$match", parse_match},
                                             {"$project", parse_project},
                                             {"$addFields", parse_add_fields},
                                             {"$set", parse_add_fields},
                                             {"$unset", parse_unset},
                                             {"$group", parse_group},
                                             {"$sort", parse_sort},
                                             {"$skip", parse_number},
                                             {"$limit", parse_number},
                                             {"$count", parse_count},
                                             {"$unwind", parse_unwind},
                                             {"$replaceRoot", parse_replace_root},
                                             {"$replaceWith", parse_replace_with},
                                             {"$sortByCount", parse_sort_by_count},
                                             {NULL, NULL}};

static int fail_stage(parser *s, pq_slice name) {
  const char *nearest;
  if (name_in(name, pq_pipeline_stages))
    return pq_fail(s->cx, PQ_EUNSUPPORTED, "the stage '%.*s' is not supported yet", SHOW(name));
  nearest = pq_nearest(name, pq_pipeline_stages);
  return pq_fail(s->cx, PQ_EINVALID, "unknown stage '%.*s'%s%s%s", SHOW(name),
                 nearest == NULL ? "" : ": did you mean '", nearest == NULL ? "" : nearest,
                 nearest == NULL ? "" : "'?");
}

static int parse_stage(parser *s, pq_value v) {
  const stage_parser *known = stage_parsers;
  pq_pipe_stage *g;
  pq_field *fields;
  uint32_t count;
  if (pq_value_type(v) != PQ_TYPE_OBJECT || pq_value_count(v) != 1)
    return pq_fail(s->cx, PQ_EINVALID, "a stage of a pipeline is an object of one field");
  PQ_TRY(read_fields(s, v, &fields, &count));
  while (known->name != NULL && !pq_slice_is(fields[0].name, known->name))
    known++;
  if (known->name == NULL) return fail_stage(s, fields[0].name);
  g = &s->p->stages[s->p->count++];
  g->name = known->name;
  return known->parse(s, g, fields[0].value);
}

/* A $limit behind a $sort, perhaps with $skips between, tells how much the sort must hold. */
static void bound_sorts(pq_pipeline *p) {
  for (uint32_t i = 0; i < p->count; i++) {
    uint64_t skipped = 0;
    uint32_t k = i + 1;
    if (p->stages[i].kind != PQ_STAGE_SORT) continue;
    for (; k < p->count && p->stages[k].kind == PQ_STAGE_SKIP; k++)
      if (!pq_add_u64(skipped, p->stages[k].number, &skipped)) break;
    if (k == p->count || p->stages[k].kind != PQ_STAGE_LIMIT) continue;
    if (!pq_add_u64(skipped, p->stages[k].number, &p->stages[i].number)) p->stages[i].number = 0;
  }
}

int pq_pipeline_parse(pq_arena *arena, const pq_env *env, pq_value stages, pq_pipeline **out) {
  parser s = {.arena = arena, .env = env, .cx = arena->cx};
  pq_value copy;
  uint32_t count = pq_value_count(stages);
  *out = NULL;
  if (pq_value_type(stages) != PQ_TYPE_ARRAY)
    return pq_fail(s.cx, PQ_EINVALID, "a pipeline is an array of stages");
  if (count > s.cx->limits.filter_nodes_max)
    return pq_fail(s.cx, PQ_ELIMIT, "a pipeline has at most %u stages",
                   (unsigned)s.cx->limits.filter_nodes_max);
  PQ_TRY(pq_value_copy(arena, stages, &copy));
  s.p = pq_arena_calloc(arena, 1, sizeof *s.p);
  if (s.p == NULL) return s.cx->code;
  /* $sortByCount makes two. */
  s.p->stages = pq_arena_calloc(arena, (size_t)count * 2, sizeof *s.p->stages);
  if (s.p->stages == NULL) return s.cx->code;
  for (uint32_t i = 0; i < count; i++)
    PQ_TRY(parse_stage(&s, pq_array_at(copy, i)));
  bound_sorts(s.p);
  *out = s.p;
  return PQ_OK;
}
