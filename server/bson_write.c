/* server/bson_write.c - Variant values become BSON; see bson_value.h.
 *
 *   document, array:  | length i32 | element … | 0 |
 *   element:          | type | name \0 | value |          (bsonspec.org, version 1.1)
 *
 * A document's length is filled in when it ends.
 */
#include <stdio.h>
#include <string.h>

#include "server/bson_value.h"

enum {
  T_DOUBLE = 0x01,
  T_TEXT = 0x02,
  T_OBJECT = 0x03,
  T_ARRAY = 0x04,
  T_BINARY = 0x05,
  T_UNDEFINED = 0x06,
  T_OBJECT_ID = 0x07,
  T_BOOL = 0x08,
  T_DATE = 0x09,
  T_NULL = 0x0a,
  T_REGEX = 0x0b,
  T_DB_POINTER = 0x0c,
  T_CODE = 0x0d,
  T_SYMBOL = 0x0e,
  T_CODE_WITH_SCOPE = 0x0f,
  T_INT32 = 0x10,
  T_TIMESTAMP = 0x11,
  T_INT64 = 0x12,
  T_DECIMAL = 0x13,
  T_MIN_KEY = 0xff,
  T_MAX_KEY = 0x7f,
  OLD_BINARY = 2, /* a subtype that has its length twice */
  INDEX_CAP = 12
};

/* ---- bytes ---- */

static int put_text(pq_buf *out, pq_slice s) {
  PQ_TRY(pq_buf_put_u32(out, (uint32_t)s.n + 1)); /* texts are shorter than a document */
  PQ_TRY(pq_buf_put_slice(out, s));
  return pq_buf_put_byte(out, 0);
}

static int put_zero_text(pq_buf *out, pq_slice s) {
  if (s.n > 0 && memchr(s.p, 0, s.n) != NULL)
    return pq_fail(out->cx, PQ_EINVALID, "BSON has no names and patterns with a zero byte inside");
  PQ_TRY(pq_buf_put_slice(out, s));
  return pq_buf_put_byte(out, 0);
}

static int put_head(pq_buf *out, int type, pq_slice name) {
  PQ_TRY(pq_buf_put_byte(out, (uint8_t)type));
  return put_zero_text(out, name);
}

static int begin(pq_buf *out, size_t *from) {
  *from = out->len;
  return pq_buf_put_u32(out, 0);
}

static int end(pq_buf *out, size_t from) {
  PQ_TRY(pq_buf_put_byte(out, 0));
  pq_wr32(out->p + from, (uint32_t)(out->len - from));
  return PQ_OK;
}

static pq_slice index_name(uint32_t i, char text[INDEX_CAP]) {
  int n = snprintf(text, INDEX_CAP, "%u", (unsigned)i);
  return (pq_slice){(const uint8_t *)text, (size_t)n};
}

/* The value of a hexadecimal digit of a checked ObjectId. */
static uint8_t digit(uint8_t c) {
  return (uint8_t)(c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10);
}

static int put_hex(pq_buf *out, pq_slice hex) {
  for (size_t i = 0; i + 1 < hex.n; i += 2)
    PQ_TRY(pq_buf_put_byte(out, (uint8_t)(digit(hex.p[i]) << 4 | digit(hex.p[i + 1]))));
  return PQ_OK;
}

/* ---- values ---- */

static int put_value(pq_bson_out *o, pq_slice name, pq_value v);

static int put_fields(pq_bson_out *o, pq_value v) {
  uint32_t count;
  pq_field *fields = pq_object_fields(&o->scratch, v, &count);
  if (fields == NULL && pq_value_count(v) > 0) return o->buf->cx->code;
  for (uint32_t i = 0; i < count; i++)
    PQ_TRY(put_value(o, fields[i].name, fields[i].value));
  return PQ_OK;
}

static int put_object(pq_bson_out *o, pq_value v) {
  size_t from;
  PQ_TRY(begin(o->buf, &from));
  PQ_TRY(put_fields(o, v));
  return end(o->buf, from);
}

static int put_array(pq_bson_out *o, pq_value v) {
  char text[INDEX_CAP];
  size_t from;
  PQ_TRY(begin(o->buf, &from));
  for (uint32_t i = 0; i < pq_value_count(v); i++)
    PQ_TRY(put_value(o, index_name(i, text), pq_array_at(v, i)));
  return end(o->buf, from);
}

/* Is it how a code with scope is kept? */
static bool code_with_scope(pq_value v, pq_slice *code, pq_value *scope) {
  *scope = pq_object_get_str(v, "$scope");
  return pq_value_count(v) == 2 && pq_value_string(pq_object_get_str(v, "$code"), code) &&
         pq_value_type(*scope) == PQ_TYPE_OBJECT;
}

static int put_code_with_scope(pq_bson_out *o, pq_slice code, pq_value scope) {
  size_t from;
  PQ_TRY(begin(o->buf, &from));
  PQ_TRY(put_text(o->buf, code));
  PQ_TRY(put_object(o, scope));
  pq_wr32(o->buf->p + from, (uint32_t)(o->buf->len - from)); /* without a closing zero */
  return PQ_OK;
}

/* {"$literal": that of a code with scope}, or of such a one: it is a user's document. */
static bool is_like_code(pq_value v, pq_value *inner) {
  pq_value at = v, scope;
  pq_slice code;
  *inner = pq_object_get_str(v, "$literal");
  while (pq_value_count(at) == 1 && !pq_value_is_missing(pq_object_get_str(at, "$literal")))
    at = pq_object_get_str(at, "$literal");
  return at.p != v.p && code_with_scope(at, &code, &scope);
}

static int put_any_object(pq_bson_out *o, pq_slice name, pq_value v) {
  pq_value scope, inner;
  pq_slice code;
  if (code_with_scope(v, &code, &scope)) {
    PQ_TRY(put_head(o->buf, T_CODE_WITH_SCOPE, name));
    return put_code_with_scope(o, code, scope);
  }
  PQ_TRY(put_head(o->buf, T_OBJECT, name));
  return put_object(o, pq_literal_open(v, &inner) || is_like_code(v, &inner) ? inner : v);
}

static int put_binary(pq_buf *out, pq_value v) {
  pq_binary b;
  if (!pq_value_any_binary(v, &b)) pq_unreachable("the type is binary");
  if (b.len > out->len_max) return pq_fail(out->cx, PQ_ELIMIT, "binary data of %zu bytes", b.len);
  PQ_TRY(pq_buf_put_u32(out, (uint32_t)b.len + (b.subtype == OLD_BINARY ? 4 : 0)));
  PQ_TRY(pq_buf_put_byte(out, b.subtype));
  if (b.subtype == OLD_BINARY) PQ_TRY(pq_buf_put_u32(out, (uint32_t)b.len));
  PQ_TRY(pq_buf_reserve(out, b.len));
  for (size_t i = 0; i < b.len; i++)
    out->p[out->len++] = pq_binary_at(&b, i);
  return PQ_OK;
}

static int put_decimal(pq_buf *out, pq_value v) {
  pq_number n;
  uint64_t low, high;
  if (!pq_value_decimal_number(v, &n)) n = (pq_number){.kind = PQ_NUMBER_NAN};
  pq_bson_decimal_write(n, &low, &high);
  PQ_TRY(pq_buf_put_u64(out, low));
  return pq_buf_put_u64(out, high);
}

static int put_timestamp(pq_buf *out, pq_value v) {
  pq_value parts = pq_object_get_str(v, "$timestamp");
  int64_t seconds = 0, increment = 0;
  (void)pq_value_i64(pq_object_get_str(parts, "t"), &seconds);
  (void)pq_value_i64(pq_object_get_str(parts, "i"), &increment);
  PQ_TRY(pq_buf_put_u32(out, (uint32_t)increment));
  return pq_buf_put_u32(out, (uint32_t)seconds);
}

static int put_regex(pq_buf *out, pq_value v) {
  pq_value parts = pq_object_get_str(v, "$regularExpression");
  pq_slice pattern = {0}, options = {0};
  (void)pq_value_string(pq_object_get_str(parts, "pattern"), &pattern);
  (void)pq_value_string(pq_object_get_str(parts, "options"), &options);
  PQ_TRY(put_zero_text(out, pattern));
  return put_zero_text(out, options);
}

/* $code or $dbPointer. */
static int put_code(pq_buf *out, pq_slice name, pq_value v) {
  pq_value pointer = pq_object_get_str(v, "$dbPointer");
  pq_slice text = {0};
  if (pq_value_is_missing(pointer)) {
    (void)pq_value_string(pq_object_get_str(v, "$code"), &text);
    PQ_TRY(put_head(out, T_CODE, name));
    return put_text(out, text);
  }
  (void)pq_value_string(pq_object_get_str(pointer, "$ref"), &text);
  PQ_TRY(put_head(out, T_DB_POINTER, name));
  PQ_TRY(put_text(out, text));
  (void)pq_value_object_id(pq_object_get_str(pointer, "$id"), &text);
  return put_hex(out, text);
}

static int put_string(pq_buf *out, pq_slice name, pq_value v) {
  bool is_symbol = pq_value_is_raw_object(v);
  pq_slice text = {0};
  (void)pq_value_string(is_symbol ? pq_object_get_str(v, "$symbol") : v, &text);
  PQ_TRY(put_head(out, is_symbol ? T_SYMBOL : T_TEXT, name));
  return put_text(out, text);
}

static int put_integer(pq_buf *out, pq_slice name, pq_value v, bool is_wide) {
  int64_t i = 0;
  (void)pq_value_i64(v, &i);
  PQ_TRY(put_head(out, is_wide ? T_INT64 : T_INT32, name));
  return is_wide ? pq_buf_put_u64(out, (uint64_t)i) : pq_buf_put_u32(out, (uint32_t)i);
}

static int put_double(pq_buf *out, pq_slice name, double d) {
  uint64_t bits;
  memcpy(&bits, &d, sizeof bits);
  PQ_TRY(put_head(out, T_DOUBLE, name));
  return pq_buf_put_u64(out, bits);
}

static int put_bool(pq_buf *out, pq_slice name, bool v) {
  PQ_TRY(put_head(out, T_BOOL, name));
  return pq_buf_put_byte(out, v);
}

static int put_date(pq_buf *out, pq_slice name, int64_t ms) {
  PQ_TRY(put_head(out, T_DATE, name));
  return pq_buf_put_u64(out, (uint64_t)ms);
}

static int put_object_id(pq_buf *out, pq_slice name, pq_value v) {
  pq_slice hex = {0};
  (void)pq_value_object_id(v, &hex);
  PQ_TRY(put_head(out, T_OBJECT_ID, name));
  return put_hex(out, hex);
}

static int put_any_array(pq_bson_out *o, pq_slice name, pq_value v) {
  PQ_TRY(put_head(o->buf, T_ARRAY, name));
  return put_array(o, v);
}

static int put_value(pq_bson_out *o, pq_slice name, pq_value v) {
  pq_buf *out = o->buf;
  bool flag = false;
  int64_t ms = 0;
  double d = 0;
  switch (pq_value_type(v)) {
    case PQ_TYPE_MISSING: return PQ_OK;
    case PQ_TYPE_MIN_KEY: return put_head(out, T_MIN_KEY, name);
    case PQ_TYPE_MAX_KEY: return put_head(out, T_MAX_KEY, name);
    case PQ_TYPE_NULL: return put_head(out, pq_value_is_raw_object(v) ? T_UNDEFINED : T_NULL, name);
    case PQ_TYPE_INT32: return put_integer(out, name, v, false);
    case PQ_TYPE_INT64: return put_integer(out, name, v, true);
    case PQ_TYPE_DOUBLE: (void)pq_value_double(v, &d); return put_double(out, name, d);
    case PQ_TYPE_DECIMAL: PQ_TRY(put_head(out, T_DECIMAL, name)); return put_decimal(out, v);
    case PQ_TYPE_STRING: return put_string(out, name, v);
    case PQ_TYPE_OBJECT: return put_any_object(o, name, v);
    case PQ_TYPE_ARRAY: return put_any_array(o, name, v);
    case PQ_TYPE_BINARY: PQ_TRY(put_head(out, T_BINARY, name)); return put_binary(out, v);
    case PQ_TYPE_OBJECT_ID: return put_object_id(out, name, v);
    case PQ_TYPE_BOOL: (void)pq_value_bool(v, &flag); return put_bool(out, name, flag);
    case PQ_TYPE_DATE: (void)pq_value_date_ms(v, &ms); return put_date(out, name, ms);
    case PQ_TYPE_TIMESTAMP: PQ_TRY(put_head(out, T_TIMESTAMP, name)); return put_timestamp(out, v);
    case PQ_TYPE_REGEX: PQ_TRY(put_head(out, T_REGEX, name)); return put_regex(out, v);
    case PQ_TYPE_CODE: return put_code(out, name, v);
  }
  pq_unreachable("all types are listed");
}

/* ---- documents made field by field ---- */

static void keep(pq_bson_out *o, int rc) {
  if (o->rc == PQ_OK) o->rc = rc;
}

void pq_bson_begin(pq_bson_out *o, pq_buf *buf) {
  memset(o, 0, sizeof *o);
  o->buf = buf;
  o->frames[0].from = buf->len; /* where finish goes back to */
  pq_arena_init(&o->scratch, buf->cx, buf->cx->limits.op_len_max);
  keep(o, begin(buf, &o->frames[0].from));
}

int pq_bson_finish(pq_bson_out *o) {
  pq_assert(o->depth == 0);
  if (o->rc == PQ_OK) keep(o, end(o->buf, o->frames[0].from));
  if (o->rc != PQ_OK) o->buf->len = o->frames[0].from;
  pq_arena_release(&o->scratch);
  return o->rc;
}

void pq_bson_abandon(pq_bson_out *o) {
  o->buf->len = o->frames[0].from;
  pq_arena_release(&o->scratch);
}

/* The name of the next field: its index in an array. */
static pq_slice name_of(pq_bson_out *o, const char *name, char text[INDEX_CAP]) {
  if (!o->frames[o->depth].is_array) return pq_str(name);
  return index_name(o->frames[o->depth].count++, text);
}

static void begin_frame(pq_bson_out *o, const char *name, bool is_array) {
  char text[INDEX_CAP];
  pq_slice key = name_of(o, name, text);
  pq_assert(o->depth + 1 < PQ_BSON_DEPTH_MAX);
  o->depth++;
  o->frames[o->depth].count = 0;
  o->frames[o->depth].is_array = is_array;
  if (o->rc == PQ_OK) keep(o, put_head(o->buf, is_array ? T_ARRAY : T_OBJECT, key));
  if (o->rc == PQ_OK) keep(o, begin(o->buf, &o->frames[o->depth].from));
}

void pq_bson_begin_object(pq_bson_out *o, const char *name) {
  begin_frame(o, name, false);
}

void pq_bson_begin_array(pq_bson_out *o, const char *name) {
  begin_frame(o, name, true);
}

void pq_bson_end(pq_bson_out *o) {
  pq_assert(o->depth > 0);
  if (o->rc == PQ_OK) keep(o, end(o->buf, o->frames[o->depth].from));
  o->depth--;
}

void pq_bson_i32(pq_bson_out *o, const char *name, int32_t v) {
  char text[INDEX_CAP];
  if (o->rc == PQ_OK) keep(o, put_head(o->buf, T_INT32, name_of(o, name, text)));
  if (o->rc == PQ_OK) keep(o, pq_buf_put_u32(o->buf, (uint32_t)v));
}

void pq_bson_i64(pq_bson_out *o, const char *name, int64_t v) {
  char text[INDEX_CAP];
  if (o->rc == PQ_OK) keep(o, put_head(o->buf, T_INT64, name_of(o, name, text)));
  if (o->rc == PQ_OK) keep(o, pq_buf_put_u64(o->buf, (uint64_t)v));
}

void pq_bson_double(pq_bson_out *o, const char *name, double v) {
  char text[INDEX_CAP];
  if (o->rc == PQ_OK) keep(o, put_double(o->buf, name_of(o, name, text), v));
}

void pq_bson_bool(pq_bson_out *o, const char *name, bool v) {
  char text[INDEX_CAP];
  if (o->rc == PQ_OK) keep(o, put_bool(o->buf, name_of(o, name, text), v));
}

void pq_bson_null(pq_bson_out *o, const char *name) {
  char text[INDEX_CAP];
  if (o->rc == PQ_OK) keep(o, put_head(o->buf, T_NULL, name_of(o, name, text)));
}

void pq_bson_text(pq_bson_out *o, const char *name, pq_slice v) {
  char text[INDEX_CAP];
  if (o->rc == PQ_OK) keep(o, put_head(o->buf, T_TEXT, name_of(o, name, text)));
  if (o->rc == PQ_OK) keep(o, put_text(o->buf, v));
}

void pq_bson_str(pq_bson_out *o, const char *name, const char *v) {
  pq_bson_text(o, name, pq_str(v));
}

void pq_bson_date(pq_bson_out *o, const char *name, int64_t ms) {
  char text[INDEX_CAP];
  if (o->rc == PQ_OK) keep(o, put_date(o->buf, name_of(o, name, text), ms));
}

void pq_bson_timestamp(pq_bson_out *o, const char *name, uint32_t seconds, uint32_t increment) {
  char text[INDEX_CAP];
  if (o->rc == PQ_OK) keep(o, put_head(o->buf, T_TIMESTAMP, name_of(o, name, text)));
  if (o->rc == PQ_OK) keep(o, pq_buf_put_u32(o->buf, increment));
  if (o->rc == PQ_OK) keep(o, pq_buf_put_u32(o->buf, seconds));
}

void pq_bson_object_id(pq_bson_out *o, const char *name, const uint8_t v[12]) {
  char text[INDEX_CAP];
  if (o->rc == PQ_OK) keep(o, put_head(o->buf, T_OBJECT_ID, name_of(o, name, text)));
  if (o->rc == PQ_OK) keep(o, pq_buf_put(o->buf, v, 12));
}

void pq_bson_binary(pq_bson_out *o, const char *name, uint8_t subtype, pq_slice v) {
  char text[INDEX_CAP];
  if (o->rc == PQ_OK) keep(o, put_head(o->buf, T_BINARY, name_of(o, name, text)));
  if (o->rc == PQ_OK) keep(o, pq_buf_put_u32(o->buf, (uint32_t)v.n));
  if (o->rc == PQ_OK) keep(o, pq_buf_put_byte(o->buf, subtype));
  if (o->rc == PQ_OK) keep(o, pq_buf_put_slice(o->buf, v));
}

void pq_bson_value(pq_bson_out *o, const char *name, pq_value v) {
  char text[INDEX_CAP];
  if (o->rc != PQ_OK || pq_value_is_missing(v)) return;
  keep(o, put_value(o, name_of(o, name, text), v));
  pq_arena_clear(&o->scratch);
}

void pq_bson_fields(pq_bson_out *o, pq_value object) {
  if (o->rc == PQ_OK) keep(o, put_fields(o, object));
  pq_arena_clear(&o->scratch);
}

size_t pq_bson_len(const pq_bson_out *o) {
  return o->buf->len - o->frames[0].from;
}
