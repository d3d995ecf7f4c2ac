/* query/densify.c - $densify: documents for the gaps in a row of numbers or dates. See blocking.h.
 *
 *   values 1 3 6, step 2, "partition":      1  3  [5]  6         from the partition's first to last
 *                 step 2, "full":           the same from the smallest to the largest of all
 *                 step 2, [0, 4]:     [0]  1  [2]  3  6          0 <= value < 4, in each partition
 *
 * Sorted by (partition, value) through the sorter, then one cursor walks over the values. Documents
 * without the field come first in their partition, as they are.
 */
#include <math.h>
#include <string.h>

#include "expr/shape.h"
#include "query/accumulator_int.h"
#include "query/held.h"
#include "query/sorter.h"
#include "query/stage_parse.h"
#include "query/step.h"

static const char STAGE[] = "$densify";

/* MongoDB's internalQueryMaxAllowedDensifyDocs. */
enum { MADE_MAX = 500000 };

typedef enum bounds_kind { BOUNDS_FULL, BOUNDS_PARTITION, BOUNDS_RANGE } bounds_kind;

struct pq_densify_spec {
  pq_expression *value;
  pq_expression *partition; /* an object of its fields; NULL: none */
  pq_slice *names;          /* of the fields in it: "p0", "p1" … */
  uint32_t partition_count;
  pq_collation collation;
  pq_value step;
  pq_unit unit;
  bounds_kind bounds;
  pq_value low, high;
  uint32_t variable; /* holds {"p": partition, "v": value} */
  pq_shape *shape;   /* makes a document of it */
};

/* ---- parsing ---- */

typedef struct parser {
  pq_arena *arena;
  const pq_env *env;
  pq_cx *cx;
  pq_densify_spec *d;
} parser;

static int fail(pq_cx *cx, const char *what) {
  return pq_fail(cx, PQ_EINVALID, "stage '%s' %s", STAGE, what);
}

static int parse_bounds(parser *p, pq_value v) {
  pq_densify_spec *d = p->d;
  pq_slice text;
  double low, high;
  if (pq_value_string(v, &text)) {
    d->bounds = pq_slice_is(text, "full") ? BOUNDS_FULL : BOUNDS_PARTITION;
    return pq_slice_is(text, "full") || pq_slice_is(text, "partition")
               ? PQ_OK
               : fail(p->cx, "needs 'full', 'partition' or an array of two values as bounds");
  }
  if (pq_value_type(v) != PQ_TYPE_ARRAY || pq_value_count(v) != 2)
    return fail(p->cx, "needs 'full', 'partition' or an array of two values as bounds");
  d->bounds = BOUNDS_RANGE;
  d->low = pq_array_at(v, 0);
  d->high = pq_array_at(v, 1);
  if (!pq_axis_at(d->low, &low) || !pq_axis_at(d->high, &high) || !(low <= high))
    return fail(p->cx, "needs two numbers or two dates in ascending order as bounds");
  if ((pq_value_type(d->low) == PQ_TYPE_DATE) != (d->unit != PQ_UNIT_NONE) ||
      (pq_value_type(d->high) == PQ_TYPE_DATE) != (d->unit != PQ_UNIT_NONE))
    return fail(p->cx, "needs dates as bounds with a unit, and numbers without");
  return PQ_OK;
}

static int parse_range(parser *p, pq_value v) {
  pq_densify_spec *d = p->d;
  pq_field *fields;
  uint32_t count;
  double step;
  if (pq_value_type(v) != PQ_TYPE_OBJECT) return fail(p->cx, "needs an object as range");
  PQ_TRY(pq_stage_fields(p->arena, v, &fields, &count));
  for (uint32_t i = 0; i < count; i++)
    if (!pq_slice_is(fields[i].name, "step") && !pq_slice_is(fields[i].name, "unit") &&
        !pq_slice_is(fields[i].name, "bounds"))
      return pq_fail(p->cx, PQ_EINVALID, "stage '%s': the range has no '%.*s'", STAGE,
                     PQ_SHOWN(fields[i].name));
  d->step = pq_object_get_str(v, "step");
  if (!pq_value_number(d->step, &step) || !(step > 0) || isinf(step))
    return fail(p->cx, "needs a step above 0");
  PQ_TRY(pq_unit_parse(p->cx, STAGE, pq_object_get_str(v, "unit"), &d->unit));
  if (d->unit != PQ_UNIT_NONE && floor(step) != step)
    return fail(p->cx, "needs a whole number as step with a unit");
  return parse_bounds(p, pq_object_get_str(v, "bounds"));
}

/* "$name" as the next value. */
static int put_path(parser *p, pq_builder *b, const char *prefix, pq_slice name) {
  char *text = pq_arena_printf(p->arena, "%s%.*s", prefix, (int)name.n, (const char *)name.p);
  return text == NULL ? p->cx->code : pq_builder_str(b, text);
}

/* {"p0": "$a", "p1": "$b.c"} */
static int parse_partition(parser *p, pq_builder *b, pq_value names) {
  pq_value spec;
  if (p->d->partition_count == 0) return PQ_OK;
  PQ_TRY(pq_builder_begin_object(b));
  for (uint32_t i = 0; i < p->d->partition_count; i++) {
    pq_slice name = {0};
    (void)pq_value_string(pq_array_at(names, i), &name);
    PQ_TRY(pq_builder_key(b, p->d->names[i]));
    PQ_TRY(put_path(p, b, "$", name));
  }
  PQ_TRY(pq_builder_end(b));
  PQ_TRY(pq_builder_finish(b, p->arena, &spec));
  return pq_expression_parse(p->arena, p->env, spec, &p->d->partition);
}

/* {"a": "$$gap.p.p0", "b.c": "$$gap.p.p1", field: "$$gap.v"} */
static int parse_document(parser *p, pq_builder *b, pq_value names, pq_slice field) {
  pq_env env = p->env != NULL ? *p->env : (pq_env){0};
  pq_value spec;
  if (env.variable_count >= PQ_VARIABLES_MAX)
    return pq_fail(p->cx, PQ_ELIMIT, "stage '%s': too many variables", STAGE);
  p->d->variable = env.variable_count;
  env.variables[env.variable_count++] = PQ_SLICE("gap");
  PQ_TRY(pq_builder_begin_object(b));
  for (uint32_t i = 0; i < p->d->partition_count; i++) {
    pq_slice name = {0};
    (void)pq_value_string(pq_array_at(names, i), &name);
    PQ_TRY(pq_builder_key(b, name));
    PQ_TRY(put_path(p, b, "$$gap.p.", p->d->names[i]));
  }
  PQ_TRY(pq_builder_key(b, field));
  PQ_TRY(pq_builder_str(b, "$$gap.v"));
  PQ_TRY(pq_builder_end(b));
  PQ_TRY(pq_builder_finish(b, p->arena, &spec));
  return pq_shape_parse(p->arena, &env, STAGE, spec, true, &p->d->shape);
}

static int check_names(parser *p, pq_value names) {
  pq_densify_spec *d = p->d;
  if (pq_value_is_missing(names)) return PQ_OK;
  if (pq_value_type(names) != PQ_TYPE_ARRAY)
    return fail(p->cx, "needs an array of names as partitionByFields");
  d->partition_count = pq_value_count(names);
  d->names = pq_arena_calloc(p->arena, d->partition_count, sizeof *d->names);
  if (d->names == NULL) return p->cx->code;
  for (uint32_t i = 0; i < d->partition_count; i++) {
    pq_slice name;
    char *text = pq_arena_printf(p->arena, "p%lu", (unsigned long)i);
    if (text == NULL) return p->cx->code;
    d->names[i] = pq_str(text);
    if (!pq_value_string(pq_array_at(names, i), &name) || name.n == 0 || name.p[0] == '$')
      return fail(p->cx, "needs names without '$' as partitionByFields");
  }
  return PQ_OK;
}

static int parse_paths(parser *p, pq_builder *b, pq_value names, pq_slice field) {
  pq_value spec;
  PQ_TRY(put_path(p, b, "$", field));
  PQ_TRY(pq_builder_finish(b, p->arena, &spec));
  PQ_TRY(pq_expression_parse(p->arena, p->env, spec, &p->d->value));
  PQ_TRY(parse_partition(p, b, names));
  return parse_document(p, b, names, field);
}

int pq_densify_parse(pq_arena *arena, const pq_env *env, pq_value spec, pq_densify_spec **out) {
  parser p = {arena, env, arena->cx, pq_arena_calloc(arena, 1, sizeof(pq_densify_spec))};
  pq_value names;
  pq_slice field;
  pq_field *fields;
  pq_builder *b;
  uint32_t count;
  int rc;
  *out = NULL;
  if (p.d == NULL) return p.cx->code;
  if (pq_value_type(spec) != PQ_TYPE_OBJECT) return fail(p.cx, "needs an object");
  PQ_TRY(pq_value_copy(arena, spec, &spec));
  PQ_TRY(pq_stage_fields(arena, spec, &fields, &count));
  for (uint32_t i = 0; i < count; i++)
    if (!pq_slice_is(fields[i].name, "field") && !pq_slice_is(fields[i].name, "range") &&
        !pq_slice_is(fields[i].name, "partitionByFields"))
      return pq_fail(p.cx, PQ_EINVALID,
                     "stage '%s' has no '%.*s': it knows field, partitionByFields and range", STAGE,
                     PQ_SHOWN(fields[i].name));
  if (!pq_value_string(pq_object_get_str(spec, "field"), &field) || field.n == 0 ||
      field.p[0] == '$')
    return fail(p.cx, "needs a name without '$' as field");
  PQ_TRY(parse_range(&p, pq_object_get_str(spec, "range")));
  if (env != NULL) p.d->collation = env->collation;
  names = pq_object_get_str(spec, "partitionByFields");
  PQ_TRY(check_names(&p, names));
  PQ_TRY(pq_builder_new(p.cx, &b));
  rc = parse_paths(&p, b, names, field);
  pq_builder_free(b);
  PQ_TRY(rc);
  *out = p.d;
  return PQ_OK;
}

/* ---- at work ---- */

enum { PARTITION, VALUE, DOCUMENT };

enum {
  MIN, /* FULL: of all documents */
  MAX,
  OF_PARTITION,
  START,  /* the first value of the cursor */
  CURSOR, /* the next value to make; missing: none */
  HELD_COUNT
};

typedef struct densify_stage {
  pq_blocking base; /* first */
  pq_blocking_cx x;
  const pq_densify_spec *spec;
  pq_sorter *sorter;
  const pq_value *record; /* the next one; NULL: not read yet */
  bool is_end, has_partition, is_any;
  pq_held held[HELD_COUNT];
  int64_t times; /* steps from the start */
  uint32_t made;
} densify_stage;

static int check_value(const densify_stage *g, pq_value v) {
  double at;
  bool is_date = pq_value_type(v) == PQ_TYPE_DATE;
  if (pq_value_is_nullish(v)) return PQ_OK;
  if (!pq_axis_at(v, &at))
    return pq_fail(g->x.cx, PQ_EINVALID, "stage '%s' needs numbers or dates, not %s", STAGE,
                   pq_type_name(pq_value_type(v)));
  if (is_date == (g->spec->unit != PQ_UNIT_NONE)) return PQ_OK;
  return fail(g->x.cx, is_date ? "needs a unit for dates" : "takes a unit for dates only");
}

static int widen(densify_stage *g, pq_value v) {
  if (g->spec->bounds != BOUNDS_FULL || pq_value_is_nullish(v)) return PQ_OK;
  if (pq_value_is_missing(g->held[MIN].value) || pq_value_compare(v, g->held[MIN].value) < 0)
    PQ_TRY(pq_held_set(&g->held[MIN], v));
  if (pq_value_is_missing(g->held[MAX].value) || pq_value_compare(v, g->held[MAX].value) > 0)
    PQ_TRY(pq_held_set(&g->held[MAX], v));
  return PQ_OK;
}

static int add(pq_blocking *b, pq_fetch *f, pq_eval *eval, pq_value doc) {
  densify_stage *g = (densify_stage *)b;
  pq_value record[3] = {[DOCUMENT] = doc};
  PQ_TRY(pq_sorter_ready(g->sorter, f));
  eval->root = doc;
  if (g->spec->partition != NULL)
    PQ_TRY(pq_expression_eval(g->spec->partition, eval, &record[PARTITION]));
  PQ_TRY(pq_expression_eval(g->spec->value, eval, &record[VALUE]));
  PQ_TRY(check_value(g, record[VALUE]));
  PQ_TRY(widen(g, record[VALUE]));
  return pq_sorter_add(g->sorter, f, record);
}

static int end(pq_blocking *b, pq_fetch *f, pq_eval *eval) {
  (void)eval;
  return pq_sorter_end(((densify_stage *)b)->sorter, f);
}

static int start_cursor(densify_stage *g, pq_value v) {
  g->times = 0;
  PQ_TRY(pq_held_set(&g->held[START], v));
  return pq_held_set(&g->held[CURSOR], v);
}

static int begin_partition(densify_stage *g, pq_value partition) {
  g->has_partition = g->is_any = true;
  PQ_TRY(pq_held_set(&g->held[OF_PARTITION], partition));
  return start_cursor(g, g->spec->bounds == BOUNDS_FULL    ? g->held[MIN].value
                         : g->spec->bounds == BOUNDS_RANGE ? g->spec->low
                                                           : (pq_value){0});
}

/* Dates step from the start, so that a month of 31 days comes back after February. */
static int advance(densify_stage *g, pq_eval *eval) {
  bool is_date = g->spec->unit != PQ_UNIT_NONE;
  pq_value v;
  g->times++;
  PQ_TRY(pq_step_from(eval, is_date ? g->held[START].value : g->held[CURSOR].value, g->spec->step,
                      g->spec->unit, is_date ? g->times : 1, &v));
  return pq_held_set(&g->held[CURSOR], v);
}

/* May the cursor's value be made at all? */
static bool is_in_bounds(const densify_stage *g) {
  if (pq_value_is_missing(g->held[CURSOR].value)) return false;
  if (g->spec->bounds == BOUNDS_RANGE)
    return pq_value_compare(g->held[CURSOR].value, g->spec->high) < 0;
  return g->spec->bounds == BOUNDS_PARTITION ||
         pq_value_compare(g->held[CURSOR].value, g->held[MAX].value) <= 0;
}

static int make_document(densify_stage *g, pq_eval *eval, pq_value *out) {
  pq_field gap[2] = {{PQ_SLICE("p"), g->held[OF_PARTITION].value},
                     {PQ_SLICE("v"), g->held[CURSOR].value}};
  if (++g->made > MADE_MAX)
    return pq_fail(g->x.cx, PQ_ELIMIT, "stage '%s' makes at most %d documents", STAGE,
                   (int)MADE_MAX);
  PQ_TRY(pq_make_object(eval, gap, 2, &eval->variables[g->spec->variable]));
  PQ_TRY(pq_make_object(eval, NULL, 0, &eval->root));
  PQ_TRY(pq_shape_apply(g->spec->shape, eval, out));
  return advance(g, eval);
}

/* The next document of the partition that g->record belongs to. */
static int give(densify_stage *g, pq_eval *eval, pq_value *out) {
  pq_value v = g->record[VALUE];
  if (!pq_value_is_nullish(v)) {
    int c;
    if (pq_value_is_missing(g->held[CURSOR].value)) PQ_TRY(start_cursor(g, v));
    c = pq_value_compare(g->held[CURSOR].value, v);
    if (c < 0 && is_in_bounds(g)) return make_document(g, eval, out);
    if (c == 0) PQ_TRY(advance(g, eval));
  }
  *out = g->record[DOCUMENT];
  g->record = NULL;
  return PQ_OK;
}

static int next(pq_blocking *b, pq_fetch *f, pq_eval *eval, pq_value *out) {
  densify_stage *g = (densify_stage *)b;
  bool is_same;
  *out = (pq_value){0};
  if (g->record == NULL && !g->is_end) {
    PQ_TRY(pq_sorter_next(g->sorter, f, &g->record));
    g->is_end = g->record == NULL;
  }
  is_same =
      g->record != NULL && g->has_partition &&
      pq_value_collate(g->record[PARTITION], g->held[OF_PARTITION].value, eval->collation) == 0;
  if (g->record == NULL && !g->is_any && g->spec->bounds == BOUNDS_RANGE &&
      g->spec->partition == NULL)
    PQ_TRY(begin_partition(g, (pq_value){0}));
  if (g->has_partition && !is_same) { /* it ends: what is left of the bounds */
    if (g->spec->bounds != BOUNDS_PARTITION && is_in_bounds(g)) return make_document(g, eval, out);
    g->has_partition = false;
  }
  if (g->record == NULL) return PQ_OK;
  if (!g->has_partition) PQ_TRY(begin_partition(g, g->record[PARTITION]));
  return give(g, eval, out);
}

static void release(pq_blocking *b) {
  densify_stage *g = (densify_stage *)b;
  pq_sorter_free(g->sorter);
  for (int i = 0; i < HELD_COUNT; i++)
    pq_held_release(&g->held[i]);
  pq_alloc(g->x.cx, g, sizeof *g, 0);
}

int pq_densify_new(const pq_blocking_cx *x, const pq_densify_spec *spec, pq_blocking **out) {
  densify_stage *g = pq_alloc(x->cx, NULL, 0, sizeof *g);
  pq_sorter_spec sorted = {.key_count = 2, .collation = spec->collation, .name = STAGE};
  int rc;
  *out = NULL;
  if (g == NULL) return pq_fail_nomem(x->cx);
  *g = (densify_stage){.base = {add, end, next, release}, .x = *x, .spec = spec};
  for (int i = 0; i < HELD_COUNT; i++)
    pq_held_init(&g->held[i], x->cx);
  rc = pq_sorter_new(x, &sorted, &g->sorter);
  if (rc != PQ_OK) {
    release(&g->base);
    return rc;
  }
  *out = &g->base;
  return PQ_OK;
}
