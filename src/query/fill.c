/* query/fill.c - $fill, which is $setWindowFields and then $set. See blocking.h.
 *
 *   {"sortBy": {"t": 1}, "output": {"a": {"method": "linear"}, "b": {"value": 0}}}
 *
 *   $setWindowFields  {"sortBy": {"t": 1}, "output": {"a": {"$linearFill": "$a"}}}
 *   $set              {"b": {"$ifNull": ["$b", 0]}}
 */
#include <string.h>

#include "expr/shape.h"
#include "query/blocking.h"
#include "query/stage_parse.h"

static const char STAGE[] = "$fill";

struct pq_fill_spec {
  pq_window_spec *window;
  bool has_method;
  pq_shape *shape; /* NULL: no constant values */
};

/* ---- parsing ---- */

typedef struct parser {
  pq_arena *arena;
  const pq_env *env;
  pq_cx *cx;
  pq_builder *b;
  pq_field *outputs;
  uint32_t output_count;
} parser;

static int fail(parser *p, const char *what) {
  return pq_fail(p->cx, PQ_EINVALID, "stage '%s' %s", STAGE, what);
}

/* "$name" as the next value. */
static int put_path(parser *p, pq_slice name) {
  char *text = pq_arena_printf(p->arena, "$%.*s", (int)name.n, (const char *)name.p);
  return text == NULL ? p->cx->code : pq_builder_str(p->b, text);
}

/* Partition fields a, b.c as one value: {"0": "$a", "1": "$b.c"}. */
static int put_partition(parser *p, pq_value names) {
  uint32_t count = pq_value_count(names);
  if (pq_value_type(names) != PQ_TYPE_ARRAY || count == 0)
    return fail(p, "needs an array of names as partitionByFields");
  PQ_TRY(pq_builder_begin_object(p->b));
  for (uint32_t i = 0; i < count; i++) {
    char number[PQ_U64_CAP];
    pq_slice name;
    size_t n = pq_u64_print(i, number);
    if (!pq_value_string(pq_array_at(names, i), &name) || name.n == 0 || name.p[0] == '$')
      return fail(p, "needs names without '$' as partitionByFields");
    PQ_TRY(pq_builder_key(p->b, (pq_slice){(const uint8_t *)number, n}));
    PQ_TRY(put_path(p, name));
  }
  return pq_builder_end(p->b);
}

static pq_value method_of(const pq_field *output) {
  return pq_object_get_str(output->value, "method");
}

static int check_output(parser *p, const pq_field *output, bool has_sort) {
  pq_value method = method_of(output), value = pq_object_get_str(output->value, "value");
  pq_slice text;
  if (pq_value_type(output->value) != PQ_TYPE_OBJECT || pq_value_count(output->value) != 1 ||
      pq_value_is_missing(method) == pq_value_is_missing(value))
    return pq_fail(p->cx, PQ_EINVALID, "stage '%s': '%.*s' needs a value or a method", STAGE,
                   PQ_SHOWN(output->name));
  if (pq_value_is_missing(method)) return PQ_OK;
  if (!pq_value_string(method, &text) ||
      (!pq_slice_is(text, "linear") && !pq_slice_is(text, "locf")))
    return pq_fail(p->cx, PQ_EINVALID, "stage '%s': '%.*s' needs the method 'linear' or 'locf'",
                   STAGE, PQ_SHOWN(output->name));
  return has_sort ? PQ_OK : fail(p, "needs a sortBy for a method");
}

static int put_window(parser *p, pq_value spec) {
  pq_value by = pq_object_get_str(spec, "partitionBy");
  pq_value names = pq_object_get_str(spec, "partitionByFields");
  pq_value sort = pq_object_get_str(spec, "sortBy");
  PQ_TRY(pq_builder_begin_object(p->b));
  if (!pq_value_is_missing(by) || !pq_value_is_missing(names)) {
    PQ_TRY(pq_builder_key_str(p->b, "partitionBy"));
    PQ_TRY(pq_value_is_missing(names) ? pq_builder_value(p->b, by) : put_partition(p, names));
  }
  if (!pq_value_is_missing(sort)) {
    PQ_TRY(pq_builder_key_str(p->b, "sortBy"));
    PQ_TRY(pq_builder_value(p->b, sort));
  }
  PQ_TRY(pq_builder_key_str(p->b, "output"));
  PQ_TRY(pq_builder_begin_object(p->b));
  for (uint32_t i = 0; i < p->output_count; i++) {
    pq_slice text;
    if (!pq_value_string(method_of(&p->outputs[i]), &text)) continue;
    PQ_TRY(pq_builder_key(p->b, p->outputs[i].name));
    PQ_TRY(pq_builder_begin_object(p->b));
    PQ_TRY(pq_builder_key_str(p->b, pq_slice_is(text, "locf") ? "$locf" : "$linearFill"));
    PQ_TRY(put_path(p, p->outputs[i].name));
    PQ_TRY(pq_builder_end(p->b));
  }
  PQ_TRY(pq_builder_end(p->b));
  return pq_builder_end(p->b);
}

static int put_values(parser *p) {
  PQ_TRY(pq_builder_begin_object(p->b));
  for (uint32_t i = 0; i < p->output_count; i++) {
    pq_value value = pq_object_get_str(p->outputs[i].value, "value");
    if (pq_value_is_missing(value)) continue;
    PQ_TRY(pq_builder_key(p->b, p->outputs[i].name));
    PQ_TRY(pq_builder_begin_object(p->b));
    PQ_TRY(pq_builder_key_str(p->b, "$ifNull"));
    PQ_TRY(pq_builder_begin_array(p->b));
    PQ_TRY(put_path(p, p->outputs[i].name));
    PQ_TRY(pq_builder_value(p->b, value));
    PQ_TRY(pq_builder_end(p->b));
    PQ_TRY(pq_builder_end(p->b));
  }
  return pq_builder_end(p->b);
}

static int build(parser *p, pq_value spec, pq_fill_spec *out) {
  pq_value part;
  uint32_t methods = 0;
  for (uint32_t i = 0; i < p->output_count; i++)
    methods += !pq_value_is_missing(method_of(&p->outputs[i]));
  out->has_method = methods > 0;
  if (methods > 0) {
    PQ_TRY(put_window(p, spec));
    PQ_TRY(pq_builder_finish(p->b, p->arena, &part));
    PQ_TRY(pq_set_window_parse(p->arena, p->env, part, &out->window));
  }
  if (methods == p->output_count) return PQ_OK;
  PQ_TRY(put_values(p));
  PQ_TRY(pq_builder_finish(p->b, p->arena, &part));
  return pq_shape_parse(p->arena, p->env, STAGE, part, true, &out->shape);
}

static int check_spec(parser *p, pq_value spec) {
  static const char *const names[] = {"partitionBy", "partitionByFields", "sortBy", "output"};
  pq_value output = pq_object_get_str(spec, "output"), sort = pq_object_get_str(spec, "sortBy");
  pq_field *fields;
  uint32_t count;
  if (pq_value_type(spec) != PQ_TYPE_OBJECT) return fail(p, "needs an object");
  PQ_TRY(pq_stage_fields(p->arena, spec, &fields, &count));
  for (uint32_t i = 0; i < count; i++) {
    size_t n = 0;
    while (n < 4 && !pq_slice_is(fields[i].name, names[n]))
      n++;
    if (n == 4)
      return pq_fail(p->cx, PQ_EINVALID,
                     "stage '%s' has no '%.*s': it knows partitionBy, partitionByFields, sortBy "
                     "and output",
                     STAGE, PQ_SHOWN(fields[i].name));
  }
  if (!pq_value_is_missing(pq_object_get_str(spec, "partitionBy")) &&
      !pq_value_is_missing(pq_object_get_str(spec, "partitionByFields")))
    return fail(p, "takes partitionBy or partitionByFields, not both");
  if (pq_value_type(output) != PQ_TYPE_OBJECT || pq_value_count(output) == 0)
    return fail(p, "needs an object of fields as output");
  PQ_TRY(pq_stage_fields(p->arena, output, &p->outputs, &p->output_count));
  for (uint32_t i = 0; i < p->output_count; i++)
    PQ_TRY(check_output(p, &p->outputs[i], !pq_value_is_missing(sort)));
  return PQ_OK;
}

int pq_fill_parse(pq_arena *arena, const pq_env *env, pq_value spec, pq_fill_spec **out) {
  parser p = {.arena = arena, .env = env, .cx = arena->cx};
  pq_fill_spec *fill = pq_arena_calloc(arena, 1, sizeof *fill);
  int rc;
  *out = NULL;
  if (fill == NULL) return p.cx->code;
  PQ_TRY(pq_value_copy(arena, spec, &spec));
  PQ_TRY(check_spec(&p, spec));
  PQ_TRY(pq_builder_new(p.cx, &p.b));
  rc = build(&p, spec, fill);
  pq_builder_free(p.b);
  PQ_TRY(rc);
  *out = fill;
  return PQ_OK;
}

/* ---- at work: an inner stage, whose results are completed ---- */

typedef struct fill_stage {
  pq_blocking base; /* first */
  pq_cx *cx;
  const pq_fill_spec *spec;
  pq_sort none; /* without a method documents keep their order */
  pq_blocking *inner;
} fill_stage;

static int add(pq_blocking *b, pq_fetch *f, pq_eval *eval, pq_value doc) {
  pq_blocking *inner = ((fill_stage *)b)->inner;
  return inner->add(inner, f, eval, doc);
}

static int end(pq_blocking *b, pq_fetch *f, pq_eval *eval) {
  pq_blocking *inner = ((fill_stage *)b)->inner;
  return inner->end(inner, f, eval);
}

static int next(pq_blocking *b, pq_fetch *f, pq_eval *eval, pq_value *out) {
  fill_stage *g = (fill_stage *)b;
  PQ_TRY(g->inner->next(g->inner, f, eval, out));
  if (pq_value_is_missing(*out) || g->spec->shape == NULL) return PQ_OK;
  eval->root = *out;
  return pq_shape_apply(g->spec->shape, eval, out);
}

static void release(pq_blocking *b) {
  fill_stage *g = (fill_stage *)b;
  if (g->inner != NULL) g->inner->free(g->inner);
  pq_alloc(g->cx, g, sizeof *g, 0);
}

int pq_fill_new(const pq_blocking_cx *x, const pq_fill_spec *spec, pq_blocking **out) {
  fill_stage *g = pq_alloc(x->cx, NULL, 0, sizeof *g);
  int rc;
  *out = NULL;
  if (g == NULL) return pq_fail_nomem(x->cx);
  *g = (fill_stage){.base = {add, end, next, release}, .cx = x->cx, .spec = spec};
  rc = spec->has_method ? pq_set_window_new(x, spec->window, &g->inner)
                        : pq_sort_new(x, &g->none, 0, &g->inner);
  if (rc != PQ_OK) {
    release(&g->base);
    return rc;
  }
  *out = &g->base;
  return PQ_OK;
}
