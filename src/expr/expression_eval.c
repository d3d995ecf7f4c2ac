/* expr/expression_eval.c - evaluating the nodes of expressions; logic and comparison. See
 * expression.h. Recursion is bounded by the nesting that the parser checked.
 */
#include <string.h>

#include "expr/expression_int.h"

/* ---- values: an empty dictionary and the bytes of a primitive ---- */
static const uint8_t empty_meta[] = {0x01, 0x00, 0x00};
static const uint8_t null_byte = 0x00, true_byte = 0x04, false_byte = 0x08;

enum { ARGS_FEW = 3 }; /* that need no memory of the arena */

static pq_value value_of(const uint8_t *p, uint32_t len) {
  return (pq_value){empty_meta, p, sizeof empty_meta, len};
}

int pq_make_null(pq_eval *s, pq_value *out) {
  (void)s;
  *out = value_of(&null_byte, 1);
  return PQ_OK;
}

int pq_make_bool(pq_eval *s, bool v, pq_value *out) {
  (void)s;
  *out = value_of(v ? &true_byte : &false_byte, 1);
  return PQ_OK;
}

/* Variant primitive `id` (parquet-format: VariantEncoding.md) with `len` bytes to be written. */
static int make_primitive(pq_eval *s, unsigned id, size_t len, uint8_t **body, pq_value *out) {
  uint8_t *p;
  *body = NULL;
  *out = (pq_value){0};
  if (len > UINT32_MAX - 1) return pq_fail(s->cx, PQ_ELIMIT, "a value is too long");
  p = pq_arena_alloc(s->arena, len + 1);
  if (p == NULL) return s->cx->code;
  p[0] = (uint8_t)(id << 2);
  *body = p + 1;
  *out = value_of(p, (uint32_t)len + 1);
  return PQ_OK;
}

int pq_make_i32(pq_eval *s, int32_t v, pq_value *out) {
  uint8_t *body;
  PQ_TRY(make_primitive(s, 5, 4, &body, out));
  pq_wr32(body, (uint32_t)v);
  return PQ_OK;
}

int pq_make_i64(pq_eval *s, int64_t v, pq_value *out) {
  uint8_t *body;
  PQ_TRY(make_primitive(s, 6, 8, &body, out));
  pq_wr64(body, (uint64_t)v);
  return PQ_OK;
}

int pq_make_double(pq_eval *s, double v, pq_value *out) {
  uint8_t *body;
  uint64_t bits;
  PQ_TRY(make_primitive(s, 7, 8, &body, out));
  memcpy(&bits, &v, sizeof bits);
  pq_wr64(body, bits);
  return PQ_OK;
}

int pq_make_text(pq_eval *s, pq_slice v, pq_value *out) {
  uint8_t *body;
  if (v.n > s->cx->limits.doc_len_max)
    return pq_fail(s->cx, PQ_ELIMIT, "a text of %zu bytes is longer than a document", v.n);
  PQ_TRY(make_primitive(s, 16, v.n + 4, &body, out));
  pq_wr32(body, (uint32_t)v.n);
  if (v.n > 0) memcpy(body + 4, v.p, v.n);
  return PQ_OK;
}

int pq_make_date(pq_eval *s, int64_t us, pq_value *out) {
  uint8_t *body;
  PQ_TRY(make_primitive(s, 12, 8, &body, out));
  pq_wr64(body, (uint64_t)us);
  return PQ_OK;
}

/* value/builder.c: the narrowest width for digits and scale; the rest is text. */
int pq_make_number(pq_eval *s, pq_number v, pq_value *out) {
  pq_decimal d;
  uint8_t *body;
  bool fits = pq_number_decimal(v, &d);
  int width = pq_number_digits(v) > d.scale ? pq_number_digits(v) : d.scale;
  *out = (pq_value){0};
  if (!fits || width > 18) {
    pq_builder_clear(s->builder);
    PQ_TRY(pq_builder_number(s->builder, v));
    return pq_builder_finish(s->builder, s->arena, out);
  }
  PQ_TRY(make_primitive(s, width <= 9 ? 8 : 9, width <= 9 ? 5 : 9, &body, out));
  if (d.is_negative) d.lo = 0 - d.lo;
  body[0] = d.scale;
  if (width <= 9)
    pq_wr32(body + 1, (uint32_t)d.lo);
  else
    pq_wr64(body + 1, d.lo);
  return PQ_OK;
}

int pq_make_array(pq_eval *s, const pq_value *items, uint32_t count, pq_value *out) {
  pq_builder *b = s->builder;
  *out = (pq_value){0};
  pq_builder_clear(b);
  PQ_TRY(pq_builder_begin_array(b));
  for (uint32_t i = 0; i < count; i++)
    PQ_TRY(pq_value_is_missing(items[i]) ? pq_builder_null(b) : pq_builder_value(b, items[i]));
  PQ_TRY(pq_builder_end(b));
  return pq_builder_finish(b, s->arena, out);
}

int pq_make_object(pq_eval *s, const pq_field *fields, uint32_t count, pq_value *out) {
  pq_builder *b = s->builder;
  *out = (pq_value){0};
  pq_builder_clear(b);
  PQ_TRY(pq_builder_begin_object(b));
  for (uint32_t i = 0; i < count; i++) {
    if (pq_value_is_missing(fields[i].value)) continue;
    PQ_TRY(pq_builder_key(b, fields[i].name));
    PQ_TRY(pq_builder_value(b, fields[i].value));
  }
  PQ_TRY(pq_builder_end(b));
  return pq_builder_finish(b, s->arena, out);
}

/* ---- paths ---- */

/* The rest of a path from `at` on; arrays are mapped over their objects (rule 50). */
static int walk(const pq_expression *e, pq_eval *s, pq_value v, uint32_t at, pq_value *out) {
  pq_value *items;
  uint32_t n = 0, count;
  for (; at < e->path_count; at++) {
    pq_type t = pq_value_type(v);
    if (t == PQ_TYPE_ARRAY && at > 0) break;
    v = t == PQ_TYPE_OBJECT ? pq_object_get(v, e->path[at]) : (pq_value){0};
  }
  *out = v;
  if (at == e->path_count) return PQ_OK;
  count = pq_value_count(v);
  items = pq_arena_calloc(s->arena, count, sizeof *items);
  if (items == NULL) return s->cx->code;
  for (uint32_t i = 0; i < count; i++) {
    pq_value element = pq_array_at(v, i), found;
    if (pq_value_type(element) != PQ_TYPE_OBJECT) continue;
    PQ_TRY(walk(e, s, element, at, &found));
    if (!pq_value_is_missing(found)) items[n++] = found;
  }
  return pq_make_array(s, items, n, out);
}

static int eval_path(const pq_expression *e, pq_eval *s, pq_value *out) {
  pq_value v = {0};
  if (e->slot == PQ_SLOT_NOW) PQ_TRY(pq_make_date(s, s->now_us - s->now_us % 1000, &v));
  if (e->slot == PQ_SLOT_ROOT) v = s->root;
  if (e->slot >= 0) v = s->variables[e->slot];
  if (e->path_count == 0) {
    *out = v;
    return PQ_OK;
  }
  /* A variable may be an array itself: its elements are mapped like those of a field. */
  if (pq_value_type(v) == PQ_TYPE_ARRAY) {
    uint32_t n = 0, count = pq_value_count(v);
    pq_value *items = pq_arena_calloc(s->arena, count, sizeof *items);
    if (items == NULL) return s->cx->code;
    for (uint32_t i = 0; i < count; i++) {
      pq_value element = pq_array_at(v, i), found;
      if (pq_value_type(element) != PQ_TYPE_OBJECT) continue;
      PQ_TRY(walk(e, s, element, 0, &found));
      if (!pq_value_is_missing(found)) items[n++] = found;
    }
    return pq_make_array(s, items, n, out);
  }
  return walk(e, s, v, 0, out);
}

/* ---- nodes ---- */

static int eval_args(const pq_expression *e, pq_eval *s, pq_value *args) {
  for (uint32_t i = 0; i < e->arg_count; i++)
    if (e->args[i] != NULL) PQ_TRY(pq_expression_eval(e->args[i], s, &args[i]));
  return PQ_OK;
}

static int eval_object(const pq_expression *e, pq_eval *s, const pq_value *args, pq_value *out) {
  pq_field *fields = pq_arena_calloc(s->arena, e->arg_count, sizeof *fields);
  if (fields == NULL) return s->cx->code;
  for (uint32_t i = 0; i < e->arg_count; i++)
    fields[i] = (pq_field){e->names[i], args[i]};
  return pq_make_object(s, fields, e->arg_count, out);
}

int pq_expression_eval(const pq_expression *e, pq_eval *s, pq_value *out) {
  pq_value few[ARGS_FEW] = {{0}}, *args = few;
  *out = (pq_value){0};
  if (e->kind == PQ_EXPR_CONSTANT) {
    *out = e->constant;
    return PQ_OK;
  }
  if (e->kind == PQ_EXPR_PATH) return eval_path(e, s, out);
  PQ_TRY(pq_spend(s->cx, 1));
  if (e->kind == PQ_EXPR_OPERATOR && e->op->is_lazy) return e->op->eval(e, s, NULL, out);
  if (e->arg_count > ARGS_FEW) {
    args = pq_arena_calloc(s->arena, e->arg_count, sizeof *args);
    if (args == NULL) return s->cx->code;
  }
  PQ_TRY(eval_args(e, s, args));
  if (e->kind == PQ_EXPR_OBJECT) return eval_object(e, s, args, out);
  if (e->kind == PQ_EXPR_ARRAY) return pq_make_array(s, args, e->arg_count, out);
  return e->op->eval(e, s, args, out);
}

int pq_fail_argument(const pq_expression *e, pq_eval *s, pq_value v, const char *what) {
  return pq_fail(s->cx, PQ_EINVALID, "operator '%s' needs %s, not %s", e->op->name, what,
                 pq_show_type(v));
}

/* ---- comparison ---- */

static int rank(pq_value v) {
  pq_type t = pq_value_type(v);
  return t == PQ_TYPE_MIN_KEY ? 0 : t == PQ_TYPE_MISSING ? 1 : 2;
}

int pq_eval_compare(const pq_eval *s, pq_value a, pq_value b) {
  int x = rank(a), y = rank(b);
  return x != y || x == 1 ? x - y : pq_value_collate(a, b, s->collation);
}

typedef enum comparison { IS_EQ, IS_NE, IS_GT, IS_GTE, IS_LT, IS_LTE, IS_CMP } comparison;

static int eval_compare(const pq_expression *e, pq_eval *s, const pq_value *args, pq_value *out) {
  int c = pq_eval_compare(s, args[0], args[1]);
  switch ((comparison)e->op->variant) {
    case IS_EQ: return pq_make_bool(s, c == 0, out);
    case IS_NE: return pq_make_bool(s, c != 0, out);
    case IS_GT: return pq_make_bool(s, c > 0, out);
    case IS_GTE: return pq_make_bool(s, c >= 0, out);
    case IS_LT: return pq_make_bool(s, c < 0, out);
    case IS_LTE: return pq_make_bool(s, c <= 0, out);
    case IS_CMP: break;
  }
  return pq_make_i32(s, (c > 0) - (c < 0), out);
}

/* ---- logic: lazy, so that what is not needed cannot fail ---- */

/* $and stops at the first false, $or at the first true (variant). */
static int eval_and_or(const pq_expression *e, pq_eval *s, const pq_value *args, pq_value *out) {
  bool stop = e->op->variant != 0;
  (void)args;
  for (uint32_t i = 0; i < e->arg_count; i++) {
    pq_value v;
    PQ_TRY(pq_expression_eval(e->args[i], s, &v));
    if (pq_value_is_true(v) == stop) return pq_make_bool(s, stop, out);
  }
  return pq_make_bool(s, !stop, out);
}

static int eval_not(const pq_expression *e, pq_eval *s, const pq_value *args, pq_value *out) {
  (void)e;
  return pq_make_bool(s, !pq_value_is_true(args[0]), out);
}

static int eval_cond(const pq_expression *e, pq_eval *s, const pq_value *args, pq_value *out) {
  pq_value v;
  (void)args;
  PQ_TRY(pq_expression_eval(e->args[0], s, &v));
  return pq_expression_eval(e->args[pq_value_is_true(v) ? 1 : 2], s, out);
}

static int eval_if_null(const pq_expression *e, pq_eval *s, const pq_value *args, pq_value *out) {
  (void)args;
  for (uint32_t i = 0; i < e->arg_count; i++) {
    PQ_TRY(pq_expression_eval(e->args[i], s, out));
    if (!pq_is_nullish(*out)) return PQ_OK;
  }
  return PQ_OK;
}

/* args: case, then, case, then, …, default or NULL */
static int eval_switch(const pq_expression *e, pq_eval *s, const pq_value *args, pq_value *out) {
  (void)args;
  for (uint32_t i = 0; i + 1 < e->arg_count; i += 2) {
    pq_value v;
    PQ_TRY(pq_expression_eval(e->args[i], s, &v));
    if (pq_value_is_true(v)) return pq_expression_eval(e->args[i + 1], s, out);
  }
  if (e->args[e->arg_count - 1] != NULL)
    return pq_expression_eval(e->args[e->arg_count - 1], s, out);
  return pq_fail(s->cx, PQ_EINVALID,
                 "operator '$switch': no branch is true and there is no default");
}

/* args: the variables' values, then `in` */
static int eval_let(const pq_expression *e, pq_eval *s, const pq_value *args, pq_value *out) {
  uint32_t count = e->arg_count - 1;
  pq_value *values = pq_arena_calloc(s->arena, count, sizeof *values);
  (void)args;
  if (values == NULL) return s->cx->code;
  for (uint32_t i = 0; i < count; i++)
    PQ_TRY(pq_expression_eval(e->args[i], s, &values[i]));
  for (uint32_t i = 0; i < count; i++)
    s->variables[(uint32_t)e->slot + i] = values[i];
  return pq_expression_eval(e->args[count], s, out);
}

const pq_operator pq_logic_operators[] = {
    {"$eq", 2, 2, false, NULL, eval_compare, IS_EQ},
    {"$ne", 2, 2, false, NULL, eval_compare, IS_NE},
    {"$gt", 2, 2, false, NULL, eval_compare, IS_GT},
    {"$gte", 2, 2, false, NULL, eval_compare, IS_GTE},
    {"$lt", 2, 2, false, NULL, eval_compare, IS_LT},
    {"$lte", 2, 2, false, NULL, eval_compare, IS_LTE},
    {"$cmp", 2, 2, false, NULL, eval_compare, IS_CMP},
    {"$and", 0, PQ_ARGS_ANY, true, NULL, eval_and_or, 0},
    {"$or", 0, PQ_ARGS_ANY, true, NULL, eval_and_or, 1},
    {"$not", 1, 1, false, NULL, eval_not, 0},
    {"$cond", 3, 3, true, "if then else", eval_cond, 0},
    {"$ifNull", 2, PQ_ARGS_ANY, true, NULL, eval_if_null, 0},
    {"$switch", 1, PQ_ARGS_ANY, true, NULL, eval_switch, 0},
    {"$let", 1, PQ_ARGS_ANY, true, NULL, eval_let, 0},
    {NULL, 0, 0, false, NULL, NULL, 0},
};
