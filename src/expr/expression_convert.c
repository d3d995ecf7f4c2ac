/* expr/expression_convert.c - $convert and its short forms $toInt, $toString, …
 *
 *   (type of the input, type wanted) ──► a function ──► value, or why not ──► onError
 *
 * null and missing input makes onNull, or null. What text says of numbers is strict: no blanks, no
 * hexadecimal digits, nothing behind. Text and binary data: expression_convert_text.c.
 */
#include "expr/conversion_int.h"

#include <math.h>
#include <string.h>

/* ---- the types that `to` names ---- */

typedef struct type_code {
  const char *name;
  int code;     /* of BSON */
  pq_type type; /* MISSING: nothing converts to it */
} type_code;

static const type_code type_codes[] = {{"double", 1, PQ_TYPE_DOUBLE},
                                       {"string", 2, PQ_TYPE_STRING},
                                       {"object", 3, PQ_TYPE_MISSING},
                                       {"array", 4, PQ_TYPE_MISSING},
                                       {"binData", 5, PQ_TYPE_BINARY},
                                       {"undefined", 6, PQ_TYPE_MISSING},
                                       {"objectId", 7, PQ_TYPE_OBJECT_ID},
                                       {"bool", 8, PQ_TYPE_BOOL},
                                       {"date", 9, PQ_TYPE_DATE},
                                       {"null", 10, PQ_TYPE_MISSING},
                                       {"regex", 11, PQ_TYPE_MISSING},
                                       {"dbPointer", 12, PQ_TYPE_MISSING},
                                       {"javascript", 13, PQ_TYPE_MISSING},
                                       {"symbol", 14, PQ_TYPE_MISSING},
                                       {"javascriptWithScope", 15, PQ_TYPE_MISSING},
                                       {"int", 16, PQ_TYPE_INT32},
                                       {"timestamp", 17, PQ_TYPE_MISSING},
                                       {"long", 18, PQ_TYPE_INT64},
                                       {"decimal", 19, PQ_TYPE_DECIMAL},
                                       {"minKey", -1, PQ_TYPE_MISSING},
                                       {"maxKey", 127, PQ_TYPE_MISSING}};
enum { TYPE_CODE_COUNT = sizeof type_codes / sizeof *type_codes };

static int find_type(pq_eval *s, pq_value v, const type_code **out) {
  pq_slice name = {0};
  int64_t code = 0;
  bool is_name = pq_value_string(v, &name), is_code = !is_name && pq_value_whole(v, &code);
  *out = NULL;
  for (int i = 0; i < TYPE_CODE_COUNT && (is_name || is_code); i++)
    if (is_name ? pq_slice_is(name, type_codes[i].name) : type_codes[i].code == code) {
      *out = &type_codes[i];
      return PQ_OK;
    }
  if (is_name)
    return pq_fail(s->cx, PQ_EINVALID, "operator '$convert': 'to' names no type: '%.*s'",
                   PQ_SHOW(name));
  return pq_fail(s->cx, PQ_EINVALID,
                 "operator '$convert': 'to' must be the name or number of a type, not %s",
                 is_code ? "this number" : pq_show_type(v));
}

/* ---- failures that onError catches ---- */

int pq_convert_fail(pq_conversion *c, const char *why) {
  c->why = why;
  return PQ_OK;
}

/* ---- numbers ---- */

static int64_t object_id_ms(pq_value v) {
  int64_t ms;
  int us;
  return pq_date_of(v, &ms, &us) ? ms : 0;
}

/* The whole number in the input, cut; between min and max. */
static int read_whole(pq_conversion *c, int64_t min, int64_t max, int64_t *out) {
  pq_quantity n;
  bool flag, fits = true;
  *out = 0;
  if (pq_value_bool(c->input, &flag)) {
    *out = flag;
    return PQ_OK;
  }
  if (pq_value_date_ms(c->input, out)) return PQ_OK;
  if (pq_value_type(c->input) == PQ_TYPE_STRING) {
    PQ_TRY(pq_convert_whole(c, out));
  } else if (pq_quantity_of(c->input, &n)) {
    if (n.type == PQ_TYPE_DOUBLE) {
      double low = (double)min, high = max == INT64_MAX ? 0x1p63 : (double)max + 1;
      if (n.real != n.real) return pq_convert_fail(c, "NaN");
      if (isinf(n.real)) return pq_convert_fail(c, "infinite");
      fits = n.real >= low && n.real < high && (max == INT64_MAX || n.real <= (double)max);
      if (fits) *out = (int64_t)n.real;
    } else if (n.type == PQ_TYPE_DECIMAL) {
      if (n.number.kind != PQ_NUMBER_FINITE) return pq_convert_fail(c, "not finite");
      fits = pq_number_i64(n.number, PQ_ROUND_TRUNC, out);
    } else {
      *out = n.integer;
    }
  }
  if (c->why == NULL && (!fits || *out < min || *out > max))
    return pq_convert_fail(c, "out of range");
  return PQ_OK;
}

static int to_int(pq_conversion *c, pq_value *out) {
  int64_t n;
  if (pq_value_type(c->input) == PQ_TYPE_DATE) return pq_convert_fail(c, PQ_CONVERT_NEVER);
  PQ_TRY(read_whole(c, INT32_MIN, INT32_MAX, &n));
  return pq_make_i32(c->s, (int32_t)n, out);
}

static int to_long(pq_conversion *c, pq_value *out) {
  int64_t n;
  PQ_TRY(read_whole(c, INT64_MIN, INT64_MAX, &n));
  return pq_make_i64(c->s, n, out);
}

static int to_double(pq_conversion *c, pq_value *out) {
  double real = 0;
  int64_t ms;
  bool flag;
  if (pq_value_bool(c->input, &flag)) return pq_make_double(c->s, flag, out);
  if (pq_value_date_ms(c->input, &ms)) return pq_make_double(c->s, (double)ms, out);
  if (pq_value_type(c->input) == PQ_TYPE_STRING) {
    PQ_TRY(pq_convert_real(c, &real));
  } else {
    pq_quantity n;
    bool is_number = pq_value_number(c->input, &real) && pq_quantity_of(c->input, &n);
    if (is_number && n.type == PQ_TYPE_DECIMAL && isinf(real) && n.number.kind == PQ_NUMBER_FINITE)
      return pq_convert_fail(c, "out of range");
  }
  return pq_make_double(c->s, real, out);
}

static int to_decimal(pq_conversion *c, pq_value *out) {
  pq_quantity n = {.type = PQ_TYPE_INT64};
  bool flag;
  if (pq_value_type(c->input) == PQ_TYPE_STRING) {
    n.type = PQ_TYPE_DECIMAL;
    PQ_TRY(pq_convert_number(c, &n.number));
  } else if (pq_value_bool(c->input, &flag)) {
    n.integer = flag;
  } else if (!pq_value_date_ms(c->input, &n.integer)) {
    (void)pq_quantity_of(c->input, &n);
  }
  return pq_make_number(c->s, pq_quantity_number(n), out);
}

/* ---- the rest ---- */

static int to_bool(pq_conversion *c, pq_value *out) {
  return pq_make_bool(c->s, pq_value_is_true(c->input), out);
}

static int to_date(pq_conversion *c, pq_value *out) {
  pq_slice text;
  int64_t ms;
  switch (pq_value_type(c->input)) {
    case PQ_TYPE_DATE: *out = c->input; return PQ_OK;
    case PQ_TYPE_OBJECT_ID:
    case PQ_TYPE_TIMESTAMP: return pq_make_date_ms(c->s, object_id_ms(c->input), out);
    case PQ_TYPE_STRING: break;
    default:
      PQ_TRY(read_whole(c, INT64_MIN, INT64_MAX, &ms));
      return pq_make_date_ms(c->s, ms, out);
  }
  (void)pq_value_string(c->input, &text);
  if (!pq_date_parse(c->s->cx, text, &ms)) return pq_convert_fail(c, "no date");
  return pq_make_date_ms(c->s, ms, out);
}

static int to_object_id(pq_conversion *c, pq_value *out) {
  pq_slice text;
  if (pq_value_object_id(c->input, &text)) {
    *out = c->input;
    return PQ_OK;
  }
  (void)pq_value_string(c->input, &text);
  if (text.n != 24) return pq_convert_fail(c, "not 24 hexadecimal digits");
  for (size_t i = 0; i < text.n; i++)
    if (pq_convert_hex_digit(text.p[i]) < 0) return pq_convert_fail(c, "not 24 hexadecimal digits");
  pq_builder_clear(c->s->builder);
  PQ_TRY(pq_builder_extended(c->s->builder, "$oid", text));
  return pq_builder_finish(c->s->builder, c->s->arena, out);
}

/* ---- which converts to which ---- */

#define BIT(t) (1u << PQ_TYPE_##t)
#define NUMBERS (BIT(INT32) | BIT(INT64) | BIT(DOUBLE) | BIT(DECIMAL))

static const struct {
  pq_type to;
  uint32_t from;
  int (*convert)(pq_conversion *c, pq_value *out);
} conversions[] = {
    {PQ_TYPE_INT32, NUMBERS | BIT(BOOL) | BIT(STRING) | BIT(DATE), to_int},
    {PQ_TYPE_INT64, NUMBERS | BIT(BOOL) | BIT(STRING) | BIT(DATE), to_long},
    {PQ_TYPE_DOUBLE, NUMBERS | BIT(BOOL) | BIT(STRING) | BIT(DATE), to_double},
    {PQ_TYPE_DECIMAL, NUMBERS | BIT(BOOL) | BIT(STRING) | BIT(DATE), to_decimal},
    {PQ_TYPE_STRING, NUMBERS | BIT(BOOL) | BIT(STRING) | BIT(DATE) | BIT(OBJECT_ID) | BIT(BINARY),
     pq_convert_to_text},
    {PQ_TYPE_BOOL, UINT32_MAX, to_bool},
    {PQ_TYPE_DATE,
     BIT(INT64) | BIT(DOUBLE) | BIT(DECIMAL) | BIT(STRING) | BIT(DATE) | BIT(OBJECT_ID) |
         BIT(TIMESTAMP),
     to_date},
    {PQ_TYPE_OBJECT_ID, BIT(STRING) | BIT(OBJECT_ID), to_object_id},
    {PQ_TYPE_BINARY, BIT(STRING) | BIT(BINARY), pq_convert_to_binary},
    {PQ_TYPE_BINARY, BIT(INT32) | BIT(INT64) | BIT(DOUBLE), pq_convert_number_to_bytes},
    {PQ_TYPE_INT32, BIT(BINARY), pq_convert_bytes_to_number},
    {PQ_TYPE_INT64, BIT(BINARY), pq_convert_bytes_to_number},
    {PQ_TYPE_DOUBLE, BIT(BINARY), pq_convert_bytes_to_number}};
enum { CONVERSION_COUNT = sizeof conversions / sizeof *conversions };

/* c->why says that it failed. */
static int convert(pq_conversion *c, pq_type to, pq_value *out) {
  *out = (pq_value){0};
  c->to = to;
  for (int i = 0; i < CONVERSION_COUNT; i++)
    if (conversions[i].to == to && (conversions[i].from >> pq_value_type(c->input) & 1u) != 0)
      return conversions[i].convert(c, out);
  return pq_convert_fail(c, PQ_CONVERT_NEVER);
}

static int fail(const pq_expression *e, const pq_conversion *c, const char *to) {
  pq_slice text;
  if (pq_value_string(c->input, &text) && strcmp(c->why, PQ_CONVERT_NEVER) != 0)
    return pq_fail(c->s->cx, PQ_EINVALID, "operator '%s' cannot make %s of '%.*s': %s", e->op->name,
                   to, PQ_SHOW(text), c->why);
  return pq_fail(c->s->cx, PQ_EINVALID, "operator '%s' cannot make %s of this %s: %s", e->op->name,
                 to, pq_show_type(c->input), c->why);
}

/* $toInt … : variant is the type. */
static int eval_to(const pq_expression *e, pq_eval *s, const pq_value *args, pq_value *out) {
  pq_conversion c = {.s = s, .input = args[0], .is_short = true};
  pq_type to = (pq_type)e->op->variant;
  if (pq_is_nullish(args[0])) return pq_make_null(s, out);
  if (to == PQ_TYPE_BINARY) { /* $toUUID */
    c.subtype = 4;
    c.format = PQ_FORMAT_UUID;
  }
  PQ_TRY(convert(&c, to, out));
  return c.why == NULL ? PQ_OK : fail(e, &c, pq_type_name(to));
}

/* ---- $convert: input, to, onError, onNull, format, byteOrder ---- */

enum { INPUT, TO, ON_ERROR, ON_NULL, FORMAT, BYTE_ORDER };

/* `to` as a type or {"type": …, "subtype": …}. */
static int read_to(pq_conversion *c, pq_value v, const type_code **to) {
  pq_value subtype;
  int64_t n;
  if (pq_value_type(v) != PQ_TYPE_OBJECT) return find_type(c->s, v, to);
  PQ_TRY(find_type(c->s, pq_object_get_str(v, "type"), to));
  subtype = pq_object_get_str(v, "subtype");
  if (pq_is_nullish(subtype)) return PQ_OK;
  if (!pq_value_whole(subtype, &n) || n < 0 || n > 255)
    return pq_fail(c->s->cx, PQ_EINVALID,
                   "operator '$convert': 'subtype' must be a number from 0 to 255, not %s",
                   pq_show_type(subtype));
  c->subtype = (uint8_t)n;
  return PQ_OK;
}

static int read_format(pq_conversion *c, pq_value v) {
  static const char *const names[] = {"base64", "base64url", "hex", "utf8", "uuid", "auto", NULL};
  pq_slice name;
  if (pq_is_nullish(v)) return PQ_OK;
  if (!pq_value_string(v, &name))
    return pq_fail(c->s->cx, PQ_EINVALID, "operator '$convert': 'format' must be text, not %s",
                   pq_show_type(v));
  for (int i = 0; names[i] != NULL; i++)
    if (pq_slice_is(name, names[i])) c->format = (pq_format)(PQ_FORMAT_BASE64 + i);
  if (c->format != PQ_FORMAT_NONE) return PQ_OK;
  return pq_fail(c->s->cx, PQ_EINVALID, "operator '$convert': there is no format '%.*s'",
                 PQ_SHOW(name));
}

static int read_byte_order(pq_conversion *c, pq_value v) {
  pq_slice name = {0};
  bool is_text = pq_value_string(v, &name);
  if (pq_is_nullish(v)) return PQ_OK;
  c->is_big_endian = pq_slice_is(name, "big");
  if (c->is_big_endian || (is_text && pq_slice_is(name, "little"))) return PQ_OK;
  return pq_fail(c->s->cx, PQ_EINVALID,
                 "operator '$convert': 'byteOrder' must be \"little\" or \"big\"");
}

static int eval_convert(const pq_expression *e, pq_eval *s, const pq_value *args, pq_value *out) {
  pq_conversion c = {.s = s};
  const type_code *to;
  pq_value format = {0}, order = {0}, v;
  (void)args;
  PQ_TRY(pq_expression_eval(e->args[INPUT], s, &c.input));
  PQ_TRY(pq_expression_eval(e->args[TO], s, &v));
  if (e->args[FORMAT] != NULL) PQ_TRY(pq_expression_eval(e->args[FORMAT], s, &format));
  if (e->args[BYTE_ORDER] != NULL) PQ_TRY(pq_expression_eval(e->args[BYTE_ORDER], s, &order));
  if (pq_is_nullish(c.input))
    return e->args[ON_NULL] != NULL ? pq_expression_eval(e->args[ON_NULL], s, out)
                                    : pq_make_null(s, out);
  if (pq_is_nullish(v)) return pq_make_null(s, out);
  PQ_TRY(read_to(&c, v, &to));
  PQ_TRY(read_format(&c, format));
  PQ_TRY(read_byte_order(&c, order));
  PQ_TRY(convert(&c, to->type, out));
  if (c.why == NULL) return PQ_OK;
  if (e->args[ON_ERROR] != NULL) return pq_expression_eval(e->args[ON_ERROR], s, out);
  return fail(e, &c, to->name);
}

const pq_operator pq_convert_operators[] = {
    {"$convert", 2, 6, true, "input to onError? onNull? format? byteOrder?", eval_convert, 0},
    {"$toBool", 1, 1, false, NULL, eval_to, PQ_TYPE_BOOL},
    {"$toDate", 1, 1, false, NULL, eval_to, PQ_TYPE_DATE},
    {"$toDecimal", 1, 1, false, NULL, eval_to, PQ_TYPE_DECIMAL},
    {"$toDouble", 1, 1, false, NULL, eval_to, PQ_TYPE_DOUBLE},
    {"$toInt", 1, 1, false, NULL, eval_to, PQ_TYPE_INT32},
    {"$toLong", 1, 1, false, NULL, eval_to, PQ_TYPE_INT64},
    {"$toObjectId", 1, 1, false, NULL, eval_to, PQ_TYPE_OBJECT_ID},
    {"$toString", 1, 1, false, NULL, eval_to, PQ_TYPE_STRING},
    {"$toUUID", 1, 1, false, NULL, eval_to, PQ_TYPE_BINARY},
    {NULL, 0, 0, false, NULL, NULL, 0}};
