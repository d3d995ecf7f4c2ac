/* server/capnweb_data.c - plain data as expressions of Cap'n Web, and back.
 *
 *     ours                    on the wire
 *     array                   [[…]]                  so that [ "tag", …] can mean something
 *     date                    ["date", milliseconds]  rounded down
 *     int64 beyond 2^53       ["bigint", "…"]
 *     NaN, infinities         ["nan"] ["inf"] ["-inf"]
 *     binary of subtype 0     ["bytes", base64]       without padding
 *     ObjectId, decimal …     {"$oid": "…"}           Extended JSON, as everywhere
 *
 * In: a bigint is an int64, beyond that a decimal; an Error becomes {name, message}; typed arrays
 * are their bytes. (capnweb: reference/protocol, Expressions.)
 */
#include <math.h>
#include <stdio.h>

#include "base/text.h"
#include "server/capnweb_int.h"
#include "value/json.h"

enum {
  BIGINT_LEN_MAX = 35,  /* sign and what a decimal holds */
  VISITS_MAX = 50000000 /* of values of a message, which is searched once for each level of nesting
                           that leads to a reference: about a second */
};

static const int64_t exact_max = INT64_C(9007199254740991); /* 2^53 - 1 */

bool pq_rpc_special(pq_value expr, pq_slice *tag) {
  return pq_value_type(expr) == PQ_TYPE_ARRAY && pq_value_string(pq_array_at(expr, 0), tag);
}

static bool is_escaped(pq_value expr) {
  return pq_value_count(expr) == 1 && pq_value_type(pq_array_at(expr, 0)) == PQ_TYPE_ARRAY;
}

bool pq_rpc_id(pq_value v, bool *is_negative, uint64_t *id) {
  int64_t n;
  if (!pq_value_i64(v, &n)) return false;
  *is_negative = n < 0;
  *id = n < 0 ? 0 - (uint64_t)n : (uint64_t)n;
  return true;
}

/* ---- in ---- */

static bool is_one_of(pq_slice tag, const char *const *tags) {
  for (; *tags != NULL; tags++)
    if (pq_slice_is(tag, *tags)) return true;
  return false;
}

static bool is_plain_special(pq_value expr) {
  static const char *const tags[] = {"date", "bigint", "bytes", "inf",
                                     "-inf", "nan",    "error", NULL};
  pq_slice tag;
  return pq_rpc_special(expr, &tag) && is_one_of(tag, tags);
}

static bool are_plain_fields(pq_rpc_session *s, pq_value object) {
  pq_field f;
  for (uint32_t i = 0; pq_object_at(object, i, &f); i++)
    if (!pq_rpc_is_plain(s, f.value)) return false;
  return true;
}

bool pq_rpc_is_plain(pq_rpc_session *s, pq_value expr) {
  pq_type type = pq_value_type(expr);
  pq_value inner;
  if (++s->visits > VISITS_MAX) return false;
  if (type == PQ_TYPE_OBJECT) return are_plain_fields(s, expr);
  if (type != PQ_TYPE_ARRAY) return true;
  if (is_plain_special(expr)) return true;
  if (!is_escaped(expr)) return false;
  inner = pq_array_at(expr, 0);
  for (uint32_t i = 0; i < pq_value_count(inner); i++)
    if (!pq_rpc_is_plain(s, pq_array_at(inner, i))) return false;
  return true;
}

int pq_rpc_check_visits(pq_rpc_session *s) {
  if (s->visits <= VISITS_MAX) return PQ_OK;
  return pq_fail(&s->cx, PQ_ELIMIT, "references are nested too deeply beside too much data");
}

static int base64_digit(uint8_t c) {
  if (c >= 'A' && c <= 'Z') return c - 'A';
  if (c >= 'a' && c <= 'z') return c - 'a' + 26;
  if (c >= '0' && c <= '9') return c - '0' + 52;
  return c == '+' ? 62 : c == '/' ? 63 : -1;
}

/* With or without padding. */
static int put_bytes(pq_rpc_session *s, pq_builder *b, pq_slice text) {
  uint8_t *to;
  size_t len = 0;
  uint32_t bits = 0, held = 0;
  while (text.n > 0 && text.p[text.n - 1] == '=')
    text.n--;
  if (text.n % 4 == 1) return pq_fail(&s->cx, PQ_EINVALID, "bytes: the base64 is cut off");
  to = pq_arena_alloc(&s->scratch, text.n / 4 * 3 + 3);
  if (to == NULL) return s->cx.code;
  for (size_t i = 0; i < text.n; i++) {
    int digit = base64_digit(text.p[i]);
    if (digit < 0) return pq_fail(&s->cx, PQ_EINVALID, "bytes: no base64 at %zu", i);
    held = held << 6 | (uint32_t)digit;
    bits += 6;
    if (bits < 8) continue;
    bits -= 8;
    to[len++] = (uint8_t)(held >> bits);
  }
  return pq_builder_binary(b, (pq_slice){to, len});
}

static int put_bigint(pq_rpc_session *s, pq_builder *b, pq_slice text) {
  bool is_negative = text.n > 0 && text.p[0] == '-';
  uint64_t v = 0;
  size_t at = is_negative;
  if (text.n <= at || text.n > BIGINT_LEN_MAX)
    return pq_fail(&s->cx, PQ_ELIMIT, "a bigint has 1 to 34 digits here");
  for (size_t i = at; i < text.n; i++)
    if (text.p[i] < '0' || text.p[i] > '9')
      return pq_fail(&s->cx, PQ_EINVALID, "a bigint is decimal digits");
  for (; at < text.n && v <= (UINT64_MAX - 9) / 10; at++)
    v = v * 10 + (uint64_t)(text.p[at] - '0');
  if (at < text.n || v > (uint64_t)INT64_MAX + is_negative)
    return pq_builder_extended(b, "$numberDecimal", text);
  return pq_builder_i64(b, is_negative ? (int64_t)(0 - v) : (int64_t)v);
}

static int put_date(pq_rpc_session *s, pq_builder *b, pq_value v) {
  int64_t ms;
  double d;
  if (pq_value_type(v) == PQ_TYPE_NULL) return pq_builder_null(b); /* an invalid Date */
  if (pq_value_i64(v, &ms)) return pq_builder_date_ms(b, ms);
  if (!pq_value_double(v, &d) || !(fabs(d) < 9e15))
    return pq_fail(&s->cx, PQ_EINVALID, "a date is a number of milliseconds");
  return pq_builder_date_ms(b, (int64_t)floor(d));
}

static int put_error(pq_rpc_session *s, pq_builder *b, pq_value expr) {
  pq_slice type, text;
  if (!pq_value_string(pq_array_at(expr, 1), &type) ||
      !pq_value_string(pq_array_at(expr, 2), &text))
    return pq_fail(&s->cx, PQ_EINVALID, "an error is [\"error\", type, message]");
  PQ_TRY(pq_builder_begin_object(b));
  PQ_TRY(pq_builder_key_str(b, "name"));
  PQ_TRY(pq_builder_string(b, type));
  PQ_TRY(pq_builder_key_str(b, "message"));
  PQ_TRY(pq_builder_string(b, text));
  return pq_builder_end(b);
}

static int put_special(pq_rpc_session *s, pq_builder *b, pq_value expr, pq_slice tag) {
  pq_value v = pq_array_at(expr, 1);
  pq_slice text;
  bool is_text = pq_value_string(v, &text);
  if (pq_slice_is(tag, "date")) return put_date(s, b, v);
  if (pq_slice_is(tag, "error")) return put_error(s, b, expr);
  if (pq_slice_is(tag, "inf")) return pq_builder_double(b, (double)INFINITY);
  if (pq_slice_is(tag, "-inf")) return pq_builder_double(b, -(double)INFINITY);
  if (pq_slice_is(tag, "nan")) return pq_builder_double(b, (double)NAN);
  if (pq_slice_is(tag, "bigint") && is_text) return put_bigint(s, b, text);
  if (pq_slice_is(tag, "bytes") && is_text) return put_bytes(s, b, text);
  return pq_fail(&s->cx, PQ_EINVALID, "[\"%.*s\", …] is malformed", (int)tag.n,
                 (const char *)tag.p);
}

static int put_fields(pq_rpc_session *s, pq_builder *b, pq_value object, uint32_t depth) {
  uint32_t count;
  pq_field *fields = pq_object_fields(&s->scratch, object, &count);
  if (fields == NULL) return s->cx.code;
  PQ_TRY(pq_builder_begin_object(b));
  for (uint32_t i = 0; i < count; i++) {
    PQ_TRY(pq_builder_key(b, fields[i].name));
    PQ_TRY(pq_rpc_put_plain(s, b, fields[i].value, depth + 1));
  }
  return pq_builder_end(b);
}

int pq_rpc_put_plain(pq_rpc_session *s, pq_builder *b, pq_value expr, uint32_t depth) {
  pq_type type = pq_value_type(expr);
  pq_slice tag;
  pq_value inner;
  if (depth > PQ_RPC_DEPTH_MAX) return pq_fail(&s->cx, PQ_ELIMIT, "nested too deeply");
  if (type == PQ_TYPE_OBJECT && !pq_literal_open(expr, &inner))
    return put_fields(s, b, expr, depth);
  if (type != PQ_TYPE_ARRAY) return pq_builder_value(b, expr);
  if (pq_rpc_special(expr, &tag)) return put_special(s, b, expr, tag);
  inner = pq_array_at(expr, 0);
  PQ_TRY(pq_builder_begin_array(b));
  for (uint32_t i = 0; i < pq_value_count(inner); i++)
    PQ_TRY(pq_rpc_put_plain(s, b, pq_array_at(inner, i), depth + 1));
  return pq_builder_end(b);
}

/* ---- out ---- */

static int write_bytes(pq_buf *out, const pq_binary *v) {
  static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  size_t room;
  if (!pq_mul_size(v->len, 2, &room)) return pq_fail(out->cx, PQ_ELIMIT, "binary data");
  PQ_TRY(pq_buf_reserve(out, room + 32));
  PQ_TRY(pq_buf_put_str(out, "[\"bytes\",\""));
  for (size_t i = 0; i < v->len; i += 3) {
    size_t left = v->len - i;
    uint32_t three = (uint32_t)pq_binary_at(v, i) << 16;
    if (left > 1) three |= (uint32_t)pq_binary_at(v, i + 1) << 8;
    if (left > 2) three |= pq_binary_at(v, i + 2);
    for (size_t j = 0; j <= (left > 2 ? 3 : left); j++)
      out->p[out->len++] = (uint8_t)digits[three >> (18 - 6 * j) & 63];
  }
  return pq_buf_put_str(out, "\"]");
}

static int write_i64(pq_buf *out, int64_t v) {
  if (v >= -exact_max && v <= exact_max) return pq_buf_printf(out, "%lld", (long long)v);
  return pq_buf_printf(out, "[\"bigint\",\"%lld\"]", (long long)v);
}

static int write_double(pq_buf *out, double v) {
  char text[PQ_DOUBLE_CAP];
  if (isnan(v)) return pq_buf_put_str(out, "[\"nan\"]");
  if (isinf(v)) return pq_buf_put_str(out, v > 0 ? "[\"inf\"]" : "[\"-inf\"]");
  return pq_buf_put(out, text, (size_t)pq_double_print(v, text));
}

static int write_array(pq_rpc_session *s, pq_buf *out, pq_value v, uint32_t depth) {
  PQ_TRY(pq_buf_put_str(out, "[["));
  for (uint32_t i = 0; i < pq_value_count(v); i++) {
    if (i > 0) PQ_TRY(pq_buf_put_byte(out, ','));
    PQ_TRY(pq_rpc_write_data(s, out, pq_array_at(v, i), depth + 1));
  }
  return pq_buf_put_str(out, "]]");
}

static int write_object(pq_rpc_session *s, pq_buf *out, pq_value v, uint32_t depth) {
  uint32_t count;
  pq_field *fields = pq_object_fields(&s->scratch, v, &count);
  if (fields == NULL) return s->cx.code;
  PQ_TRY(pq_buf_put_byte(out, '{'));
  for (uint32_t i = 0; i < count; i++) {
    if (i > 0) PQ_TRY(pq_buf_put_byte(out, ','));
    PQ_TRY(pq_buf_put_json_str(out, fields[i].name));
    PQ_TRY(pq_buf_put_byte(out, ':'));
    PQ_TRY(pq_rpc_write_data(s, out, fields[i].value, depth + 1));
  }
  return pq_buf_put_byte(out, '}');
}

int pq_rpc_write_data(pq_rpc_session *s, pq_buf *out, pq_value v, uint32_t depth) {
  pq_binary binary;
  pq_value inner;
  int64_t n;
  double d;
  if (depth > PQ_RPC_DEPTH_MAX) return pq_fail(&s->cx, PQ_ELIMIT, "nested too deeply");
  if (pq_literal_open(v, &inner)) return write_object(s, out, inner, depth);
  switch (pq_value_type(v)) {
    case PQ_TYPE_INT32:
    case PQ_TYPE_INT64:
      if (pq_value_i64(v, &n)) return write_i64(out, n);
      break;
    case PQ_TYPE_DOUBLE:
      if (pq_value_double(v, &d)) return write_double(out, d);
      break;
    case PQ_TYPE_ARRAY: return write_array(s, out, v, depth);
    case PQ_TYPE_OBJECT: return write_object(s, out, v, depth);
    case PQ_TYPE_DATE:
      if (pq_value_date_ms(v, &n)) return pq_buf_printf(out, "[\"date\",%lld]", (long long)n);
      break;
    case PQ_TYPE_BINARY:
      if (pq_value_any_binary(v, &binary) && binary.subtype == 0) return write_bytes(out, &binary);
      break;
    default: break;
  }
  return pq_json_print(out, v, PQ_JSON_RELAXED);
}

int pq_rpc_write_error(pq_buf *out, const pq_rpc_error *e) {
  PQ_TRY(pq_buf_printf(out, "[\"error\",\"%s\",", e->type));
  PQ_TRY(pq_buf_put_json_str(out, pq_str(e->text)));
  if (e->code[0] != '\0') PQ_TRY(pq_buf_printf(out, ",null,{\"code\":\"%s\"}", e->code));
  return pq_buf_put_byte(out, ']');
}
