/* expr/expression_object.c - fields of objects, sizes and types of values.
 *
 *   $getField reads and $setField writes a field whose name may hold a '.' or begin with '$'
 *   $bsonSize is what the object would take as BSON
 */
#include <string.h>

#include "expr/expression_int.h"

/* ---- types ---- */

static int eval_type(const pq_expression *e, pq_eval *s, const pq_value *args, pq_value *out) {
  (void)e;
  return pq_make_text(s, pq_str(pq_show_type(args[0])), out);
}

static int eval_is_type(const pq_expression *e, pq_eval *s, const pq_value *args, pq_value *out) {
  return pq_make_bool(s, (int)pq_type_bracket(pq_value_type(args[0])) == e->op->variant, out);
}

/* ---- fields ---- */

/* args: field, input */
static int eval_get_field(const pq_expression *e, pq_eval *s, const pq_value *args, pq_value *out) {
  pq_slice name;
  if (!pq_value_string(args[0], &name)) return pq_fail_argument(e, s, args[0], "a string as field");
  if (pq_value_type(args[1]) == PQ_TYPE_NULL) return pq_make_null(s, out);
  if (pq_value_type(args[1]) == PQ_TYPE_OBJECT) *out = pq_object_get(args[1], name);
  return PQ_OK;
}

/* args: field, input, value; a missing value takes the field away, as in $unsetField, which has
 * none. */
static int eval_set_field(const pq_expression *e, pq_eval *s, const pq_value *args, pq_value *out) {
  pq_value v = e->arg_count > 2 ? args[2] : (pq_value){0};
  pq_field *fields, *all;
  pq_slice name;
  uint32_t count, at = 0;
  if (!pq_value_string(args[0], &name)) return pq_fail_argument(e, s, args[0], "a string as field");
  if (pq_is_nullish(args[1])) return pq_make_null(s, out);
  if (pq_value_type(args[1]) != PQ_TYPE_OBJECT)
    return pq_fail_argument(e, s, args[1], "an object as input");
  fields = pq_object_fields(s->arena, args[1], &count);
  if (fields == NULL && pq_value_count(args[1]) > 0) return s->cx->code;
  all = pq_arena_calloc(s->arena, (size_t)count + 1, sizeof *all);
  if (all == NULL) return s->cx->code;
  if (count > 0) memcpy(all, fields, count * sizeof *all);
  while (at < count && !pq_slice_eq(all[at].name, name))
    at++;
  all[at] = (pq_field){name, v};
  return pq_make_object(s, all, at == count ? count + 1 : count, out);
}

/* ---- sizes ---- */

static size_t digits_of(uint32_t n) {
  size_t len = 1;
  for (; n >= 10; n /= 10)
    len++;
  return len;
}

/* All strings in an extended value: its BSON size but for the fixed part. */
static size_t text_size(pq_value v) {
  pq_slice text;
  return pq_value_string(v, &text) ? text.n : 0;
}

static int size_of(pq_eval *s, pq_value v, uint64_t *out);

/* Length, fields of type, name and value, NUL. */
static int size_of_container(pq_eval *s, pq_value v, uint64_t *out) {
  bool is_array = pq_value_type(v) == PQ_TYPE_ARRAY;
  uint32_t count = pq_value_count(v);
  pq_field *fields = NULL;
  uint64_t total = 5, each;
  if (!is_array) {
    fields = pq_object_fields(s->arena, v, &count);
    if (fields == NULL && pq_value_count(v) > 0) return s->cx->code;
  }
  for (uint32_t i = 0; i < count; i++) {
    PQ_TRY(size_of(s, is_array ? pq_array_at(v, i) : fields[i].value, &each));
    total += 2 + (is_array ? digits_of(i) : fields[i].name.n) + each;
  }
  *out = total;
  return PQ_OK;
}

static int size_of_rare(pq_eval *s, pq_value v, uint64_t *out) {
  pq_value code = pq_object_get_str(v, "$code"), scope = pq_object_get_str(v, "$scope");
  pq_value pointer = pq_object_get_str(v, "$dbPointer");
  *out = 5 + text_size(code);
  if (!pq_value_is_missing(pointer)) *out = 17 + text_size(pq_object_get_str(pointer, "$ref"));
  if (pq_value_is_missing(scope)) return PQ_OK;
  {
    uint64_t inner;
    PQ_TRY(size_of_container(s, scope, &inner));
    *out += 4 + inner;
  }
  return PQ_OK;
}

/* bsonspec.org: bytes of a value without its type and name. */
static int size_of(pq_eval *s, pq_value v, uint64_t *out) {
  pq_binary binary;
  pq_slice a, b;
  *out = 0;
  switch (pq_value_type(v)) {
    case PQ_TYPE_INT32: *out = 4; break;
    case PQ_TYPE_INT64:
    case PQ_TYPE_DOUBLE:
    case PQ_TYPE_DATE:
    case PQ_TYPE_TIMESTAMP: *out = 8; break;
    case PQ_TYPE_DECIMAL: *out = 16; break;
    case PQ_TYPE_BOOL: *out = 1; break;
    case PQ_TYPE_OBJECT_ID: *out = 12; break;
    case PQ_TYPE_STRING: *out = 5 + text_size(v); break;
    case PQ_TYPE_BINARY:
      if (pq_value_any_binary(v, &binary)) *out = 5 + binary.len + (binary.subtype == 2 ? 4 : 0);
      break;
    case PQ_TYPE_REGEX:
      if (pq_value_regex(v, &a, &b)) *out = 2 + a.n + b.n;
      break;
    case PQ_TYPE_OBJECT:
    case PQ_TYPE_ARRAY: return size_of_container(s, v, out);
    case PQ_TYPE_CODE: return size_of_rare(s, v, out);
    default: break;
  }
  return PQ_OK;
}

static int make_size(const pq_expression *e, pq_eval *s, uint64_t n, pq_value *out) {
  if (n > INT32_MAX) return pq_fail(s->cx, PQ_ELIMIT, "operator '%s': too large", e->op->name);
  return pq_make_i32(s, (int32_t)n, out);
}

static int eval_bson_size(const pq_expression *e, pq_eval *s, const pq_value *args, pq_value *out) {
  uint64_t n;
  if (pq_is_nullish(args[0])) return pq_make_null(s, out);
  if (pq_value_type(args[0]) != PQ_TYPE_OBJECT) return pq_fail_argument(e, s, args[0], "an object");
  PQ_TRY(size_of(s, args[0], &n));
  return make_size(e, s, n, out);
}

static int eval_binary_size(const pq_expression *e, pq_eval *s, const pq_value *args,
                            pq_value *out) {
  pq_binary binary;
  pq_slice text;
  if (pq_is_nullish(args[0])) return pq_make_null(s, out);
  if (pq_value_string(args[0], &text)) return make_size(e, s, text.n, out);
  if (pq_value_any_binary(args[0], &binary)) return make_size(e, s, binary.len, out);
  return pq_fail_argument(e, s, args[0], "a string or binary data");
}

static int eval_subtype(const pq_expression *e, pq_eval *s, const pq_value *args, pq_value *out) {
  pq_binary binary;
  if (pq_is_nullish(args[0])) return pq_make_null(s, out);
  if (!pq_value_any_binary(args[0], &binary)) return pq_fail_argument(e, s, args[0], "binary data");
  return pq_make_i32(s, binary.subtype, out);
}

const pq_operator pq_object_operators[] = {
    {"$type", 1, 1, false, NULL, eval_type, 0},
    {"$isNumber", 1, 1, false, NULL, eval_is_type, PQ_TYPE_INT32},
    {"$isArray", 1, 1, false, NULL, eval_is_type, PQ_TYPE_ARRAY},
    {"$getField", 2, 2, false, "field input", eval_get_field, 0},
    {"$setField", 3, 3, false, "field input value", eval_set_field, 0},
    {"$unsetField", 2, 2, false, "field input", eval_set_field, 0},
    {"$bsonSize", 1, 1, false, NULL, eval_bson_size, 0},
    {"$binarySize", 1, 1, false, NULL, eval_binary_size, 0},
    {"$subtype", 1, 1, false, NULL, eval_subtype, 0},
    {NULL, 0, 0, false, NULL, NULL, 0}};
