/* server/bson_read.c - BSON documents become Variant values; see bson_value.h.
 *
 * libbson's iterator keeps inside of the bytes that it was given and stops at what is malformed;
 * nesting is bounded by the builder.
 */
#include <bson/bson.h>

#include "server/bson_value.h"

enum { LITERALS_MAX = 256 }; /* more than documents may nest */

static int put_elements(pq_builder *b, bson_iter_t *it, bool is_array);

static int fail_at(pq_builder *b, const bson_iter_t *it, const char *what) {
  const char *key = it->raw == NULL || it->key == 0 ? "" : bson_iter_key(it);
  return pq_fail(pq_builder_cx(b), PQ_EINVALID, "BSON, field '%.40s': %s", key, what);
}

/* A message of the builder's says what, not where. */
static int name_field(pq_builder *b, const char *key, int rc) {
  pq_cx *cx = pq_builder_cx(b);
  if (rc != PQ_EINVALID || strncmp(cx->msg, "BSON, field", 11) == 0) return rc;
  return pq_fail(cx, rc, "BSON, field '%.40s': %s", key, cx->msg);
}

static pq_slice slice_of(const void *p, size_t n) {
  return (pq_slice){p, n};
}

static bool is_document(const bson_iter_t *it, const char *key, bson_iter_t *inner) {
  const uint8_t *data = NULL;
  uint32_t len = 0;
  if (strcmp(bson_iter_key(it), key) != 0 || !BSON_ITER_HOLDS_DOCUMENT(it)) return false;
  bson_iter_document(it, &len, &data);
  return data != NULL && bson_iter_init_from_data(inner, data, len);
}

/* Is a user's document {$code: text, $scope: document}, or that inside of $literal, however often?
 * Then it gets one more $literal, as {$code, $scope} is how a code with scope is kept. */
static bool is_like_code(bson_iter_t it) {
  bson_iter_t at = it, inner;
  for (int i = 0; i < LITERALS_MAX && bson_iter_next(&at) && is_document(&at, "$literal", &inner) &&
                  !bson_iter_next(&at);
       i++)
    at = it = inner;
  if (!bson_iter_next(&it) || strcmp(bson_iter_key(&it), "$code") != 0) return false;
  if (!BSON_ITER_HOLDS_UTF8(&it) || !bson_iter_next(&it)) return false;
  return is_document(&it, "$scope", &inner) && !bson_iter_next(&it);
}

/* A document or array inside. */
static int put_container(pq_builder *b, const bson_iter_t *it, bool is_array) {
  const uint8_t *data = NULL;
  bson_iter_t inner;
  uint32_t len = 0;
  bool is_hidden;
  if (is_array)
    bson_iter_array(it, &len, &data);
  else
    bson_iter_document(it, &len, &data);
  if (data == NULL || !bson_iter_init_from_data(&inner, data, len))
    return fail_at(b, it, "its length is wrong");
  is_hidden = !is_array && is_like_code(inner);
  if (is_hidden) {
    PQ_TRY(pq_builder_begin_object(b));
    PQ_TRY(pq_builder_key_str(b, "$literal"));
  }
  PQ_TRY(is_array ? pq_builder_begin_array(b) : pq_builder_begin_object(b));
  PQ_TRY(put_elements(b, &inner, is_array));
  PQ_TRY(pq_builder_end(b));
  return is_hidden ? pq_builder_end(b) : PQ_OK;
}

static int put_decimal(pq_builder *b, const bson_iter_t *it) {
  bson_decimal128_t d;
  if (!bson_iter_decimal128(it, &d)) return fail_at(b, it, "no decimal128");
  return pq_builder_number(b, pq_bson_decimal_read(d.low, d.high));
}

static int put_object_id(pq_builder *b, const bson_iter_t *it) {
  char hex[25];
  bson_oid_to_string(bson_iter_oid(it), hex);
  return pq_builder_extended(b, "$oid", slice_of(hex, 24));
}

static int put_db_pointer(pq_builder *b, const bson_iter_t *it) {
  const bson_oid_t *oid = NULL;
  const char *ref = NULL;
  char hex[25];
  uint32_t len = 0;
  bson_iter_dbpointer(it, &len, &ref, &oid);
  if (oid == NULL) return fail_at(b, it, "no DBPointer");
  bson_oid_to_string(oid, hex);
  return pq_builder_db_pointer(b, slice_of(ref, len), slice_of(hex, 24));
}

static int put_code_with_scope(pq_builder *b, const bson_iter_t *it) {
  const uint8_t *scope = NULL;
  const char *code;
  uint32_t len = 0, scope_len = 0;
  code = bson_iter_codewscope(it, &len, &scope_len, &scope);
  if (code == NULL || scope == NULL) return fail_at(b, it, "no code with scope");
  PQ_TRY(pq_builder_begin_object(b));
  PQ_TRY(pq_builder_key_str(b, "$code"));
  PQ_TRY(pq_builder_string(b, slice_of(code, len)));
  PQ_TRY(pq_builder_key_str(b, "$scope"));
  PQ_TRY(pq_bson_put(b, slice_of(scope, scope_len)));
  return pq_builder_end(b);
}

static int put_binary(pq_builder *b, const bson_iter_t *it) {
  const uint8_t *data = NULL;
  bson_subtype_t subtype = BSON_SUBTYPE_BINARY;
  uint32_t len = 0;
  bson_iter_binary(it, &subtype, &len, &data);
  if (data == NULL && len > 0) return fail_at(b, it, "no binary data");
  return pq_builder_any_binary(b, slice_of(data, len), (uint8_t)subtype);
}

static int put_regex(pq_builder *b, const bson_iter_t *it) {
  const char *options = "", *pattern = bson_iter_regex(it, &options);
  return pq_builder_regex(b, pq_str(pattern), pq_str(options));
}

static int put_timestamp(pq_builder *b, const bson_iter_t *it) {
  uint32_t seconds = 0, increment = 0;
  bson_iter_timestamp(it, &seconds, &increment);
  return pq_builder_timestamp(b, seconds, increment);
}

static int put_text(pq_builder *b, const bson_iter_t *it) {
  uint32_t len = 0;
  const char *text = bson_iter_utf8(it, &len);
  return pq_builder_string(b, slice_of(text, len));
}

/* $symbol and $code. */
static int put_named_text(pq_builder *b, const bson_iter_t *it, const char *key) {
  uint32_t len = 0;
  const char *text =
      bson_iter_type(it) == BSON_TYPE_CODE ? bson_iter_code(it, &len) : bson_iter_symbol(it, &len);
  return pq_builder_extended(b, key, slice_of(text, len));
}

static int put_element(pq_builder *b, const bson_iter_t *it) {
  switch (bson_iter_type(it)) {
    case BSON_TYPE_DOUBLE: return pq_builder_double(b, bson_iter_double(it));
    case BSON_TYPE_UTF8: return put_text(b, it);
    case BSON_TYPE_DOCUMENT: return put_container(b, it, false);
    case BSON_TYPE_ARRAY: return put_container(b, it, true);
    case BSON_TYPE_BINARY: return put_binary(b, it);
    case BSON_TYPE_UNDEFINED: return pq_builder_undefined(b);
    case BSON_TYPE_OID: return put_object_id(b, it);
    case BSON_TYPE_BOOL: return pq_builder_bool(b, bson_iter_bool(it));
    case BSON_TYPE_DATE_TIME: return pq_builder_date_ms(b, bson_iter_date_time(it));
    case BSON_TYPE_NULL: return pq_builder_null(b);
    case BSON_TYPE_REGEX: return put_regex(b, it);
    case BSON_TYPE_DBPOINTER: return put_db_pointer(b, it);
    case BSON_TYPE_CODE: return put_named_text(b, it, "$code");
    case BSON_TYPE_SYMBOL: return put_named_text(b, it, "$symbol");
    case BSON_TYPE_CODEWSCOPE: return put_code_with_scope(b, it);
    case BSON_TYPE_INT32: return pq_builder_i32(b, bson_iter_int32(it));
    case BSON_TYPE_TIMESTAMP: return put_timestamp(b, it);
    case BSON_TYPE_INT64: return pq_builder_i64(b, bson_iter_int64(it));
    case BSON_TYPE_DECIMAL128: return put_decimal(b, it);
    case BSON_TYPE_MAXKEY: return pq_builder_max_key(b);
    case BSON_TYPE_MINKEY: return pq_builder_min_key(b);
    default: return fail_at(b, it, "of an unknown type");
  }
}

static int put_elements(pq_builder *b, bson_iter_t *it, bool is_array) {
  while (bson_iter_next(it)) {
    const char *key = bson_iter_key(it);
    int rc = is_array ? PQ_OK : pq_builder_key_str(b, key);
    if (rc == PQ_OK) rc = put_element(b, it);
    if (rc != PQ_OK) return name_field(b, key, rc);
  }
  if (it->err_off == 0) return PQ_OK;
  return pq_fail(pq_builder_cx(b), PQ_EINVALID, "BSON is malformed at byte %u of a document of %u",
                 (unsigned)it->err_off, (unsigned)it->len);
}

int pq_bson_put_fields(pq_builder *b, pq_slice document) {
  bson_iter_t it;
  if (!bson_iter_init_from_data(&it, document.p, document.n))
    return pq_fail(pq_builder_cx(b), PQ_EINVALID, "BSON: the length of a document is wrong");
  return put_elements(b, &it, false);
}

int pq_bson_put(pq_builder *b, pq_slice document) {
  PQ_TRY(pq_builder_begin_object(b));
  PQ_TRY(pq_bson_put_fields(b, document));
  return pq_builder_end(b);
}

int pq_bson_read(pq_builder *b, pq_slice document, pq_arena *arena, pq_value *out) {
  *out = (pq_value){0};
  pq_builder_clear(b);
  PQ_TRY(pq_bson_put(b, document));
  return pq_builder_finish(b, arena, out);
}

/* ---- decimal128 ---- */

enum { BIAS = 6176 };
static const uint64_t ten34_hi = 0x0001ed09bead87c0u, ten34_lo = 0x378d8e6400000000u;

/* |sign|5 bits: 30 Infinity, 31 NaN|…; else |sign|exponent 14|significand 113|, or, behind two
 * ones, |exponent 14|significand| that is too large to be one. */
pq_number pq_bson_decimal_read(uint64_t low, uint64_t high) {
  pq_number n = {.kind = PQ_NUMBER_FINITE, .is_negative = high >> 63 != 0};
  unsigned combination = (unsigned)(high >> 58) & 31;
  if (combination == 31) return (pq_number){.kind = PQ_NUMBER_NAN};
  if (combination == 30) n.kind = PQ_NUMBER_INFINITE;
  if (combination == 30) return n;
  if (combination >> 3 == 3) {
    n.exponent = (int32_t)(high >> 47 & 0x3fff) - BIAS;
    return n;
  }
  n.exponent = (int32_t)(high >> 49 & 0x3fff) - BIAS;
  n.hi = high & 0x1ffffffffffffu;
  n.lo = low;
  if (n.hi > ten34_hi || (n.hi == ten34_hi && n.lo >= ten34_lo)) n.hi = n.lo = 0;
  return n;
}

void pq_bson_decimal_write(pq_number n, uint64_t *low, uint64_t *high) {
  char text[PQ_DECIMAL_CAP];
  uint64_t sign = n.is_negative ? 1ull << 63 : 0;
  *low = 0;
  if (n.kind == PQ_NUMBER_FINITE && pq_number_digits(n) > PQ_DECIMAL128_DIGITS) {
    size_t len = pq_number_print(n, text);
    if (!pq_number_read((pq_slice){(const uint8_t *)text, len}, &n)) n.kind = PQ_NUMBER_NAN;
  }
  if (n.kind == PQ_NUMBER_NAN) {
    *high = 0x7c00000000000000u;
  } else if (n.kind == PQ_NUMBER_INFINITE) {
    *high = sign | 0x7800000000000000u;
  } else {
    *high = sign | (uint64_t)(n.exponent + BIAS) << 49 | n.hi;
    *low = n.lo;
  }
}
