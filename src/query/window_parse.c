/* query/window_parse.c - the specification of $setWindowFields. See window_spec.h.
 *
 *   {"partitionBy": "$state", "sortBy": {"date": 1},
 *    "output": {"total": {"$sum": "$n", "window": {"documents": ["unbounded", "current"]}}}}
 *
 * The results of all outputs become the fields of one variable, from where an ordinary $set puts
 * them into the document: {"total": "$$window.f0"}.
 */
#include <string.h>

#include "query/stage_parse.h"
#include "query/window_spec.h"

typedef enum window_use { NO_WINDOW, MAY_WINDOW, MUST_WINDOW } window_use;

typedef struct row {
  const char *name;
  pq_window_kind kind;
  window_use use;
  bool needs_sort;  /* by at least one field */
  bool needs_field; /* by exactly one field */
} row;

static const row rows[] = {
    {"$rank", PQ_WINDOW_RANK, NO_WINDOW, true, true},
    {"$denseRank", PQ_WINDOW_DENSE_RANK, NO_WINDOW, true, true},
    {"$documentNumber", PQ_WINDOW_NUMBER, NO_WINDOW, true, false},
    {"$shift", PQ_WINDOW_SHIFT, NO_WINDOW, true, false},
    {"$derivative", PQ_WINDOW_DERIVATIVE, MUST_WINDOW, true, true},
    {"$integral", PQ_WINDOW_INTEGRAL, MAY_WINDOW, true, true},
    {"$expMovingAvg", PQ_WINDOW_EXP_AVG, NO_WINDOW, true, false},
    {"$covariancePop", PQ_WINDOW_COVARIANCE_POP, MAY_WINDOW, false, false},
    {"$covarianceSamp", PQ_WINDOW_COVARIANCE_SAMPLE, MAY_WINDOW, false, false},
    {"$minMaxScaler", PQ_WINDOW_SCALE, MAY_WINDOW, false, false},
    {"$linearFill", PQ_WINDOW_LINEAR_FILL, NO_WINDOW, true, true},
    {"$locf", PQ_WINDOW_LOCF, NO_WINDOW, false, false},
    {NULL, PQ_WINDOW_GATHER, MAY_WINDOW, false, false}};

static const char STAGE[] = "$setWindowFields";

typedef struct parser {
  pq_arena *arena;
  const pq_env *env;
  pq_cx *cx;
  pq_window_spec *p;
  pq_window_output *o;
} parser;

static int fail(parser *p, const char *what) {
  return pq_fail(p->cx, PQ_EINVALID, "stage '%s': '%s' %s", STAGE, p->o->name, what);
}

/* Every field of `v` is one of the names, NULL-terminated. */
static int check_fields(parser *p, pq_value v, const char *const *names) {
  pq_field *fields;
  uint32_t count;
  if (pq_value_type(v) != PQ_TYPE_OBJECT) return fail(p, "needs an object");
  PQ_TRY(pq_stage_fields(p->arena, v, &fields, &count));
  for (uint32_t i = 0; i < count; i++) {
    const char *const *n = names;
    while (*n != NULL && !pq_slice_is(fields[i].name, *n))
      n++;
    if (*n == NULL)
      return pq_fail(p->cx, PQ_EINVALID, "stage '%s': '%s' has no '%.*s'", STAGE, p->o->name,
                     PQ_SHOWN(fields[i].name));
  }
  return PQ_OK;
}

static bool is_whole(pq_value v, int64_t *out) {
  double real;
  *out = 0;
  if (!pq_value_number(v, &real) || !(real > -0x1p31 && real < 0x1p31)) return false;
  *out = (int64_t)real;
  return (double)*out == real;
}

static int parse_argument(parser *p, pq_value v, const char *name, pq_expression **out) {
  v = pq_object_get_str(v, name);
  if (pq_value_is_missing(v))
    return pq_fail(p->cx, PQ_EINVALID, "stage '%s': '%s' needs '%s'", STAGE, p->o->name, name);
  return pq_expression_parse(p->arena, p->env, v, out);
}

/* ---- windows ---- */

static int parse_bound(parser *p, pq_value v, pq_bound *out) {
  pq_slice text;
  double real;
  *out = (pq_bound){0};
  if (pq_value_string(v, &text)) {
    if (pq_slice_is(text, "current")) out->kind = PQ_BOUND_CURRENT;
    return pq_slice_is(text, "current") || pq_slice_is(text, "unbounded")
               ? PQ_OK
               : fail(p, "needs 'current', 'unbounded' or a number as the end of a window");
  }
  out->kind = PQ_BOUND_OFFSET;
  out->amount = v;
  if (!pq_value_number(v, &real) || real != real)
    return fail(p, "needs 'current', 'unbounded' or a number as the end of a window");
  if ((!p->o->is_range || p->o->range_unit != PQ_UNIT_NONE) && !is_whole(v, &out->offset))
    return fail(p, "needs whole numbers as the ends of its window");
  return PQ_OK;
}

static int check_order(parser *p) {
  const pq_bound *a = &p->o->lower, *b = &p->o->upper;
  double low = 0, high = 0;
  if (a->kind == PQ_BOUND_NONE || b->kind == PQ_BOUND_NONE) return PQ_OK;
  if (a->kind == PQ_BOUND_OFFSET) (void)pq_value_number(a->amount, &low);
  if (b->kind == PQ_BOUND_OFFSET) (void)pq_value_number(b->amount, &high);
  return low <= high ? PQ_OK : fail(p, "has a window whose lower end is above the upper one");
}

static int parse_window(parser *p, pq_value v) {
  static const char *const names[] = {"documents", "range", "unit", NULL};
  pq_value documents = pq_object_get_str(v, "documents"), range = pq_object_get_str(v, "range");
  pq_value ends = pq_value_is_missing(range) ? documents : range;
  const pq_sort *sort = &p->p->sort;
  PQ_TRY(check_fields(p, v, names));
  p->o->has_window = true;
  p->o->is_range = !pq_value_is_missing(range);
  if (pq_value_count(v) == 0) return PQ_OK;
  if (pq_value_is_missing(documents) == pq_value_is_missing(range))
    return fail(p, "needs 'documents' or 'range' in its window");
  PQ_TRY(pq_unit_parse(p->cx, STAGE, pq_object_get_str(v, "unit"), &p->o->range_unit));
  if (!p->o->is_range && p->o->range_unit != PQ_UNIT_NONE)
    return fail(p, "takes a unit with a 'range' only");
  if (pq_value_type(ends) != PQ_TYPE_ARRAY || pq_value_count(ends) != 2)
    return fail(p, "needs a window of two ends");
  PQ_TRY(parse_bound(p, pq_array_at(ends, 0), &p->o->lower));
  PQ_TRY(parse_bound(p, pq_array_at(ends, 1), &p->o->upper));
  PQ_TRY(check_order(p));
  if (p->o->is_range && (sort->count != 1 || sort->fields[0].is_descending))
    return fail(p, "needs a sortBy of one ascending field for a 'range'");
  if (sort->count == 0 && (p->o->lower.kind != PQ_BOUND_NONE || p->o->upper.kind != PQ_BOUND_NONE))
    return fail(p, "needs a sortBy for a bounded window");
  return PQ_OK;
}

/* ---- operators ---- */

static int parse_shift(parser *p, pq_value v) {
  static const char *const names[] = {"output", "by", "default", NULL};
  pq_value other = pq_object_get_str(v, "default");
  PQ_TRY(check_fields(p, v, names));
  PQ_TRY(parse_argument(p, v, "output", &p->o->input));
  if (!is_whole(pq_object_get_str(v, "by"), &p->o->by)) return fail(p, "needs a whole number 'by'");
  return pq_value_is_missing(other) ? PQ_OK
                                    : pq_expression_parse(p->arena, p->env, other, &p->o->second);
}

static int parse_calculus(parser *p, pq_value v) {
  static const char *const names[] = {"input", "unit", NULL};
  PQ_TRY(check_fields(p, v, names));
  PQ_TRY(pq_unit_parse(p->cx, STAGE, pq_object_get_str(v, "unit"), &p->o->unit));
  if (p->o->unit != PQ_UNIT_NONE && pq_unit_len_us(p->o->unit) == 0)
    return fail(p, "needs a unit from 'week' to 'millisecond'");
  return parse_argument(p, v, "input", &p->o->input);
}

static int parse_exp_avg(parser *p, pq_value v) {
  static const char *const names[] = {"input", "N", "alpha", NULL};
  pq_value n = pq_object_get_str(v, "N"), alpha = pq_object_get_str(v, "alpha");
  int64_t whole;
  PQ_TRY(check_fields(p, v, names));
  if (pq_value_is_missing(n) == pq_value_is_missing(alpha)) return fail(p, "needs N or alpha");
  if (!pq_value_is_missing(n) && (!is_whole(n, &whole) || whole < 1))
    return fail(p, "needs a whole number above 0 as N");
  if (!pq_value_is_missing(n)) p->o->weight = 2.0 / ((double)whole + 1);
  if (!pq_value_is_missing(alpha) &&
      (!pq_value_number(alpha, &p->o->weight) || !(p->o->weight > 0 && p->o->weight < 1)))
    return fail(p, "needs an alpha between 0 and 1");
  return parse_argument(p, v, "input", &p->o->input);
}

static int parse_covariance(parser *p, pq_value v) {
  if (pq_value_type(v) != PQ_TYPE_ARRAY || pq_value_count(v) != 2)
    return fail(p, "needs an array of two expressions");
  PQ_TRY(pq_expression_parse(p->arena, p->env, pq_array_at(v, 0), &p->o->input));
  return pq_expression_parse(p->arena, p->env, pq_array_at(v, 1), &p->o->second);
}

/* An expression, or {input, min, max}. */
static int parse_scale(parser *p, pq_value v) {
  static const char *const names[] = {"input", "min", "max", NULL};
  pq_value min = pq_object_get_str(v, "min"), max = pq_object_get_str(v, "max");
  p->o->scale_max = 1;
  if (pq_value_type(v) != PQ_TYPE_OBJECT || pq_value_is_missing(pq_object_get_str(v, "input")))
    return pq_expression_parse(p->arena, p->env, v, &p->o->input);
  PQ_TRY(check_fields(p, v, names));
  if ((!pq_value_is_missing(min) && !pq_value_number(min, &p->o->scale_min)) ||
      (!pq_value_is_missing(max) && !pq_value_number(max, &p->o->scale_max)))
    return fail(p, "needs numbers as min and max");
  if (!(p->o->scale_min < p->o->scale_max)) return fail(p, "needs a min below its max");
  return parse_argument(p, v, "input", &p->o->input);
}

static int parse_operator(parser *p, const row *r, const pq_field *field) {
  pq_value v = field->value;
  switch (r->kind) {
    case PQ_WINDOW_GATHER:
      return pq_accumulator_parse_op(p->arena, p->env, STAGE, field, &p->o->gather);
    case PQ_WINDOW_RANK:
    case PQ_WINDOW_DENSE_RANK:
    case PQ_WINDOW_NUMBER:
      return pq_value_type(v) == PQ_TYPE_OBJECT && pq_value_count(v) == 0 ? PQ_OK
                                                                          : fail(p, "takes {}");
    case PQ_WINDOW_SHIFT: return parse_shift(p, v);
    case PQ_WINDOW_DERIVATIVE:
    case PQ_WINDOW_INTEGRAL: return parse_calculus(p, v);
    case PQ_WINDOW_EXP_AVG: return parse_exp_avg(p, v);
    case PQ_WINDOW_COVARIANCE_POP:
    case PQ_WINDOW_COVARIANCE_SAMPLE: return parse_covariance(p, v);
    case PQ_WINDOW_SCALE: return parse_scale(p, v);
    case PQ_WINDOW_LINEAR_FILL:
    case PQ_WINDOW_LOCF: return pq_expression_parse(p->arena, p->env, v, &p->o->input);
  }
  pq_unreachable("window operator");
}

static int check_use(parser *p, const row *r) {
  if (r->use == NO_WINDOW && p->o->has_window) return fail(p, "takes no window");
  if (r->use == MUST_WINDOW && !p->o->has_window) return fail(p, "needs a window");
  if (r->needs_sort && p->p->sort.count == 0) return fail(p, "needs a sortBy");
  if (r->needs_field && p->p->sort.count != 1) return fail(p, "needs a sortBy of one field");
  return PQ_OK;
}

/* {"$sum": …, "window": {…}} */
static int parse_output(parser *p, pq_slice path, pq_value v) {
  const pq_field *op = NULL, *window = NULL;
  const row *r = rows;
  pq_field *fields;
  uint32_t count;
  if (pq_value_type(v) != PQ_TYPE_OBJECT)
    return pq_fail(p->cx, PQ_EINVALID, "stage '%s': '%.*s' needs a window operator", STAGE,
                   PQ_SHOWN(path));
  PQ_TRY(pq_stage_fields(p->arena, v, &fields, &count));
  for (uint32_t i = 0; i < count; i++) {
    bool is_window = pq_slice_is(fields[i].name, "window");
    if (is_window ? window != NULL : op != NULL) op = NULL, i = count;
    if (i < count) *(is_window ? &window : &op) = &fields[i];
  }
  if (op == NULL || count > 2)
    return pq_fail(p->cx, PQ_EINVALID,
                   "stage '%s': '%.*s' needs one window operator, and perhaps a window", STAGE,
                   PQ_SHOWN(path));
  while (r->name != NULL && !pq_slice_is(op->name, r->name))
    r++;
  p->o->kind = r->kind;
  p->o->name = r->name;
  if (r->name == NULL) p->o->name = pq_arena_str(p->arena, op->name);
  if (p->o->name == NULL) return p->cx->code;
  PQ_TRY(parse_operator(p, r, op));
  if (window != NULL) PQ_TRY(parse_window(p, window->value));
  return check_use(p, r);
}

/* ---- the document that takes the results ---- */

static int build_shape(parser *p, pq_builder *b, const pq_field *fields) {
  pq_env env = p->env != NULL ? *p->env : (pq_env){0};
  pq_value spec;
  if (env.variable_count >= PQ_VARIABLES_MAX)
    return pq_fail(p->cx, PQ_ELIMIT, "stage '%s': too many variables", STAGE);
  p->p->variable = env.variable_count;
  env.variables[env.variable_count++] = PQ_SLICE("window");
  PQ_TRY(pq_builder_begin_object(b));
  for (uint32_t i = 0; i < p->p->output_count; i++) {
    char *path = pq_arena_printf(p->arena, "$$window.f%lu", (unsigned long)i);
    if (path == NULL) return p->cx->code;
    p->p->names[i] = pq_str(path + strlen("$$window."));
    PQ_TRY(pq_builder_key(b, fields[i].name));
    PQ_TRY(pq_builder_str(b, path));
  }
  PQ_TRY(pq_builder_end(b));
  PQ_TRY(pq_builder_finish(b, p->arena, &spec));
  return pq_shape_parse(p->arena, &env, STAGE, spec, true, &p->p->shape);
}

static int parse_outputs(parser *p, pq_value v) {
  pq_window_spec *spec = p->p;
  pq_builder *b;
  pq_field *fields;
  int rc;
  if (pq_value_type(v) != PQ_TYPE_OBJECT || pq_value_count(v) == 0)
    return pq_fail(p->cx, PQ_EINVALID, "stage '%s' needs an object of fields as output", STAGE);
  PQ_TRY(pq_stage_fields(p->arena, v, &fields, &spec->output_count));
  spec->outputs = pq_arena_calloc(p->arena, spec->output_count, sizeof *spec->outputs);
  spec->names = pq_arena_calloc(p->arena, spec->output_count, sizeof *spec->names);
  if (spec->outputs == NULL || spec->names == NULL) return p->cx->code;
  for (uint32_t i = 0; i < spec->output_count; i++) {
    p->o = &spec->outputs[i];
    PQ_TRY(parse_output(p, fields[i].name, fields[i].value));
  }
  PQ_TRY(pq_builder_new(p->cx, &b));
  rc = build_shape(p, b, fields);
  pq_builder_free(b);
  return rc;
}

int pq_set_window_parse(pq_arena *arena, const pq_env *env, pq_value spec, pq_window_spec **out) {
  parser p = {.arena = arena, .env = env, .cx = arena->cx};
  pq_value by;
  pq_field *fields;
  uint32_t count;
  *out = NULL;
  if (pq_value_type(spec) != PQ_TYPE_OBJECT)
    return pq_fail(p.cx, PQ_EINVALID, "stage '%s' needs an object", STAGE);
  PQ_TRY(pq_value_copy(arena, spec, &spec));
  PQ_TRY(pq_stage_fields(arena, spec, &fields, &count));
  for (uint32_t i = 0; i < count; i++)
    if (!pq_slice_is(fields[i].name, "partitionBy") && !pq_slice_is(fields[i].name, "sortBy") &&
        !pq_slice_is(fields[i].name, "output"))
      return pq_fail(p.cx, PQ_EINVALID,
                     "stage '%s' has no '%.*s': it knows partitionBy, sortBy and output", STAGE,
                     PQ_SHOWN(fields[i].name));
  p.p = pq_arena_calloc(arena, 1, sizeof *p.p);
  if (p.p == NULL) return p.cx->code;
  if (env != NULL) p.p->collation = env->collation;
  by = pq_object_get_str(spec, "partitionBy");
  if (!pq_value_is_missing(by)) PQ_TRY(pq_expression_parse(arena, env, by, &p.p->partition));
  PQ_TRY(pq_sort_parse(arena, env, pq_object_get_str(spec, "sortBy"), &p.p->sort));
  PQ_TRY(parse_outputs(&p, pq_object_get_str(spec, "output")));
  *out = p.p;
  return PQ_OK;
}
