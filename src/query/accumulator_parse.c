/* query/accumulator_parse.c - the table of accumulators and how each is written. See accumulator.h.
 */
#include <string.h>

#include "base/text.h"
#include "expr/statistics.h"
#include "query/accumulator_int.h"
#include "query/stage_parse.h"

static const pq_accumulator_row rows[] = {
    {"$sum", PQ_GATHER_SUM, PQ_FORM_EXPRESSION},
    {"$avg", PQ_GATHER_AVG, PQ_FORM_EXPRESSION},
    {"$min", PQ_GATHER_MIN, PQ_FORM_EXPRESSION},
    {"$max", PQ_GATHER_MAX, PQ_FORM_EXPRESSION},
    {"$first", PQ_GATHER_FIRST, PQ_FORM_EXPRESSION},
    {"$last", PQ_GATHER_LAST, PQ_FORM_EXPRESSION},
    {"$push", PQ_GATHER_PUSH, PQ_FORM_EXPRESSION},
    {"$addToSet", PQ_GATHER_SET, PQ_FORM_EXPRESSION},
    {"$concatArrays", PQ_GATHER_CONCAT, PQ_FORM_EXPRESSION},
    {"$setUnion", PQ_GATHER_UNION, PQ_FORM_EXPRESSION},
    {"$count", PQ_GATHER_COUNT, PQ_FORM_EMPTY},
    {"$mergeObjects", PQ_GATHER_MERGE, PQ_FORM_EXPRESSION},
    {"$stdDevPop", PQ_GATHER_DEVIATION_POP, PQ_FORM_EXPRESSION},
    {"$stdDevSamp", PQ_GATHER_DEVIATION_SAMPLE, PQ_FORM_EXPRESSION},
    {"$firstN", PQ_GATHER_FIRST_N, PQ_FORM_N},
    {"$lastN", PQ_GATHER_LAST_N, PQ_FORM_N},
    {"$minN", PQ_GATHER_MIN_N, PQ_FORM_N},
    {"$maxN", PQ_GATHER_MAX_N, PQ_FORM_N},
    {"$top", PQ_GATHER_TOP, PQ_FORM_TOP},
    {"$topN", PQ_GATHER_TOP, PQ_FORM_TOP_N},
    {"$bottom", PQ_GATHER_BOTTOM, PQ_FORM_TOP},
    {"$bottomN", PQ_GATHER_BOTTOM, PQ_FORM_TOP_N},
    {"$percentile", PQ_GATHER_PERCENTILE, PQ_FORM_PERCENTILE},
    {"$median", PQ_GATHER_PERCENTILE, PQ_FORM_MEDIAN},
    {"$accumulator", PQ_GATHER_REFUSED, PQ_FORM_EXPRESSION},
    {NULL, PQ_GATHER_SUM, PQ_FORM_EXPRESSION}};

enum { ROW_COUNT = sizeof rows / sizeof rows[0] };

static const pq_accumulator_row *find(pq_slice name) {
  for (const pq_accumulator_row *r = rows; r->name != NULL; r++)
    if (pq_slice_is(name, r->name)) return r;
  return NULL;
}

pq_accumulator pq_accumulator_count(pq_slice name) {
  return (pq_accumulator){.name = name, .op = find(PQ_SLICE("$count"))};
}

const char *pq_accumulator_name(const pq_accumulator *a) {
  return a->op->name;
}

uint32_t pq_accumulator_width(const pq_accumulator *a) {
  if (a->sort.count > 0) return a->sort.count + 2;
  return a->expression != NULL;
}

static int fail_unknown(pq_cx *cx, const char *stage, pq_slice name) {
  const char *names[ROW_COUNT];
  const char *nearest;
  for (int i = 0; i < ROW_COUNT; i++)
    names[i] = rows[i].name;
  nearest = pq_nearest(name, names);
  return pq_fail(cx, PQ_EINVALID, "stage '%s': unknown accumulator '%.*s'%s%s%s", stage,
                 PQ_SHOWN(name), nearest == NULL ? "" : ": did you mean '",
                 nearest == NULL ? "" : nearest, nearest == NULL ? "" : "'?");
}

typedef struct parser {
  pq_arena *arena;
  const pq_env *env;
  pq_cx *cx;
  const char *stage;
  pq_accumulator *a;
} parser;

static int fail(parser *p, const char *what) {
  return pq_fail(p->cx, PQ_EINVALID, "stage '%s': the accumulator '%s' %s", p->stage,
                 p->a->op->name, what);
}

/* [x] stands for x; more than one value is refused. */
static int parse_expression(parser *p, pq_value spec) {
  if (pq_value_type(spec) == PQ_TYPE_ARRAY) {
    if (pq_value_count(spec) != 1) return fail(p, "takes one argument");
    spec = pq_array_at(spec, 0);
  }
  return pq_expression_parse(p->arena, p->env, spec, &p->a->expression);
}

static int parse_n(parser *p, pq_value spec) {
  double n;
  if (pq_value_is_missing(spec)) return fail(p, "needs n");
  if (pq_value_number(spec, &n) && !(n >= 1 && n < 0x1p63 && (double)(int64_t)n == n))
    return fail(p, "needs a whole number above 0 as n");
  return pq_expression_parse(p->arena, p->env, spec, &p->a->n);
}

static int parse_sort(parser *p, pq_value spec) {
  if (pq_value_type(spec) != PQ_TYPE_OBJECT || pq_value_count(spec) == 0)
    return fail(p, "needs a sortBy of at least one field");
  return pq_sort_parse(p->arena, p->env, spec, &p->a->sort);
}

static int parse_median(parser *p, pq_value method) {
  pq_slice text;
  if (!pq_value_string(method, &text) || !pq_slice_is(text, "approximate"))
    return fail(p, "needs the method \"approximate\"");
  p->a->points = pq_arena_calloc(p->arena, 1, sizeof *p->a->points);
  if (p->a->points == NULL) return p->cx->code;
  p->a->points[0] = 0.5;
  p->a->point_count = 1;
  return PQ_OK;
}

static bool has_part(pq_gather_form form, pq_slice name) {
  static const char *const parts[][4] = {[PQ_FORM_N] = {"input", "n"},
                                         [PQ_FORM_TOP] = {"sortBy", "output"},
                                         [PQ_FORM_TOP_N] = {"sortBy", "output", "n"},
                                         [PQ_FORM_PERCENTILE] = {"input", "p", "method"},
                                         [PQ_FORM_MEDIAN] = {"input", "method"}};
  for (int i = 0; i < 4 && parts[form][i] != NULL; i++)
    if (pq_slice_is(name, parts[form][i])) return true;
  return false;
}

static int parse_parts(parser *p, pq_value spec) {
  pq_gather_form form = p->a->op->form;
  bool is_top = form == PQ_FORM_TOP || form == PQ_FORM_TOP_N;
  pq_value input = pq_object_get_str(spec, is_top ? "output" : "input");
  pq_field *fields;
  uint32_t count;
  if (pq_value_type(spec) != PQ_TYPE_OBJECT) return fail(p, "needs an object");
  PQ_TRY(pq_stage_fields(p->arena, spec, &fields, &count));
  for (uint32_t i = 0; i < count; i++)
    if (!has_part(form, fields[i].name))
      return pq_fail(p->cx, PQ_EINVALID, "stage '%s': the accumulator '%s' has no '%.*s'", p->stage,
                     p->a->op->name, PQ_SHOWN(fields[i].name));
  if (pq_value_is_missing(input)) return fail(p, is_top ? "needs an output" : "needs an input");
  PQ_TRY(pq_expression_parse(p->arena, p->env, input, &p->a->expression));
  if (is_top) PQ_TRY(parse_sort(p, pq_object_get_str(spec, "sortBy")));
  if (form == PQ_FORM_N || form == PQ_FORM_TOP_N) PQ_TRY(parse_n(p, pq_object_get_str(spec, "n")));
  if (form == PQ_FORM_MEDIAN) return parse_median(p, pq_object_get_str(spec, "method"));
  if (form != PQ_FORM_PERCENTILE) return PQ_OK;
  return pq_percentile_parse(p->arena, p->a->op->name, pq_object_get_str(spec, "p"),
                             pq_object_get_str(spec, "method"), &p->a->points, &p->a->point_count);
}

int pq_accumulator_parse(pq_arena *arena, const pq_env *env, const char *stage, pq_slice name,
                         pq_value spec, pq_accumulator *out) {
  parser p = {arena, env, arena->cx, stage, out};
  pq_field *fields;
  uint32_t count;
  *out = (pq_accumulator){.name = name};
  if (name.n == 0 || name.p[0] == '$' || memchr(name.p, '.', name.n) != NULL)
    return pq_fail(p.cx, PQ_EINVALID, "stage '%s': '%.*s' is no name for a field", stage,
                   PQ_SHOWN(name));
  if (pq_value_type(spec) != PQ_TYPE_OBJECT || pq_value_count(spec) != 1)
    return pq_fail(p.cx, PQ_EINVALID, "stage '%s': '%.*s' needs one accumulator", stage,
                   PQ_SHOWN(name));
  PQ_TRY(pq_stage_fields(arena, spec, &fields, &count));
  return pq_accumulator_parse_op(arena, env, stage, &fields[0], out);
}

int pq_accumulator_parse_op(pq_arena *arena, const pq_env *env, const char *stage,
                            const pq_field *field, pq_accumulator *out) {
  parser p = {arena, env, arena->cx, stage, out};
  out->op = find(field->name);
  if (out->op == NULL) return fail_unknown(p.cx, stage, field->name);
  if (out->op->kind == PQ_GATHER_REFUSED)
    return pq_fail(p.cx, PQ_EUNSUPPORTED,
                   "stage '%s': the accumulator '$accumulator' needs JavaScript, which is not here",
                   stage);
  if (out->op->form == PQ_FORM_EXPRESSION) return parse_expression(&p, field->value);
  if (out->op->form != PQ_FORM_EMPTY) return parse_parts(&p, field->value);
  if (pq_value_type(field->value) == PQ_TYPE_OBJECT && pq_value_count(field->value) == 0)
    return PQ_OK;
  return fail(&p, "takes {}");
}
