/* value/builder_extended.c - values without a Variant twin, as Extended JSON keeps them.
 *
 *   ObjectId   {"$oid": "0123…"}           decimal   itself, or {"$numberDecimal": "1E+50"}
 *   binary     itself, a UUID, or {"$binary": {"base64": …, "subType": "05"}}
 *
 * One-field objects begun raw, so that they are not taken for a user's look-alike.
 */
#include "base/text.h"
#include "value/builder_int.h"

static int put_object_id(pq_builder *b, pq_slice text) {
  uint8_t hex[24];
  bool is_valid = text.n == sizeof hex;
  for (size_t i = 0; i < sizeof hex && is_valid; i++) {
    int digit = pq_hex_digit(text.p[i]);
    is_valid = digit >= 0;
    hex[i] = (uint8_t) "0123456789abcdef"[is_valid ? digit : 0];
  }
  if (!is_valid) return b->rc = pq_fail(b->cx, PQ_EINVALID, "$oid must be 24 hexadecimal digits");
  return pq_builder_string_valid(b, (pq_slice){hex, sizeof hex});
}

int pq_builder_number(pq_builder *b, pq_number n) {
  pq_decimal d;
  char out[PQ_DECIMAL_CAP];
  size_t len;
  if (pq_number_decimal(n, &d)) return pq_builder_decimal(b, d);
  len = pq_number_print(n, out);
  PQ_TRY(pq_builder_begin_raw(b));
  PQ_TRY(pq_builder_key_str(b, "$numberDecimal"));
  PQ_TRY(pq_builder_string_valid(b, (pq_slice){(const uint8_t *)out, len}));
  return pq_builder_end(b);
}

static int put_number_decimal(pq_builder *b, pq_slice text) {
  pq_number n;
  if (!pq_number_parse(text, &n))
    return b->rc = pq_fail(b->cx, PQ_EINVALID, "$numberDecimal must be a decimal of 38 digits");
  return pq_builder_number(b, n);
}

int pq_builder_extended(pq_builder *b, const char *key, pq_slice text) {
  pq_extended which = pq_extended_key(pq_str(key));
  pq_assert(which != PQ_EXTENDED_NONE);
  if (b->rc != PQ_OK) return b->rc;
  if (which == PQ_EXTENDED_NUMBER_DECIMAL) return put_number_decimal(b, text);
  PQ_TRY(pq_builder_begin_raw(b));
  PQ_TRY(pq_builder_key_str(b, key));
  if (which == PQ_EXTENDED_OID)
    PQ_TRY(put_object_id(b, text));
  else
    PQ_TRY(pq_builder_string(b, text));
  return pq_builder_end(b);
}

static int put_binary_text(pq_builder *b, pq_slice base64, uint8_t subtype) {
  static const char hex[] = "0123456789abcdef";
  uint8_t digits[2] = {(uint8_t)hex[subtype >> 4], (uint8_t)hex[subtype & 15]};
  PQ_TRY(pq_builder_begin_raw(b));
  PQ_TRY(pq_builder_key_str(b, "$binary"));
  PQ_TRY(pq_builder_begin_raw(b));
  PQ_TRY(pq_builder_key_str(b, "base64"));
  PQ_TRY(pq_builder_string_valid(b, base64));
  PQ_TRY(pq_builder_key_str(b, "subType"));
  PQ_TRY(pq_builder_string_valid(b, (pq_slice){digits, sizeof digits}));
  PQ_TRY(pq_builder_end(b));
  return pq_builder_end(b);
}

int pq_builder_any_binary(pq_builder *b, pq_slice v, uint8_t subtype) {
  uint8_t *text;
  size_t cap;
  int rc;
  if (b->rc != PQ_OK) return b->rc;
  if (subtype == 0) return pq_builder_binary(b, v);
  if (subtype == 4 && v.n == 16) return pq_builder_uuid(b, v.p);
  if (v.n > b->cx->limits.doc_len_max)
    return b->rc = pq_fail(b->cx, PQ_ELIMIT, "binary of %zu bytes", v.n);
  cap = (v.n + 2) / 3 * 4 + 1;
  text = pq_alloc(b->cx, NULL, 0, cap);
  if (text == NULL) return b->rc = pq_fail(b->cx, PQ_ENOMEM, "out of memory");
  rc = put_binary_text(b, (pq_slice){text, pq_base64_encode(v, text)}, subtype);
  pq_alloc(b->cx, text, cap, 0);
  return rc;
}

int pq_builder_date_ms(pq_builder *b, int64_t ms) {
  char text[PQ_U64_CAP + 1];
  size_t n = ms < 0;
  int64_t us;
  if (pq_mul_i64(ms, 1000, &us)) return pq_builder_date_us(b, us);
  text[0] = '-';
  n += pq_u64_print(ms < 0 ? 0 - (uint64_t)ms : (uint64_t)ms, text + n);
  PQ_TRY(pq_builder_begin_raw(b));
  PQ_TRY(pq_builder_key_str(b, "$date"));
  PQ_TRY(pq_builder_begin_raw(b));
  PQ_TRY(pq_builder_key_str(b, "$numberLong"));
  PQ_TRY(pq_builder_string_valid(b, (pq_slice){(const uint8_t *)text, n}));
  PQ_TRY(pq_builder_end(b));
  return pq_builder_end(b);
}

int pq_builder_timestamp(pq_builder *b, uint32_t seconds, uint32_t increment) {
  PQ_TRY(pq_builder_begin_raw(b));
  PQ_TRY(pq_builder_key_str(b, "$timestamp"));
  PQ_TRY(pq_builder_begin_raw(b));
  PQ_TRY(pq_builder_key_str(b, "t"));
  PQ_TRY(pq_builder_i64(b, seconds));
  PQ_TRY(pq_builder_key_str(b, "i"));
  PQ_TRY(pq_builder_i64(b, increment));
  PQ_TRY(pq_builder_end(b));
  return pq_builder_end(b);
}

int pq_builder_regex(pq_builder *b, pq_slice pattern, pq_slice options) {
  PQ_TRY(pq_builder_begin_raw(b));
  PQ_TRY(pq_builder_key_str(b, "$regularExpression"));
  PQ_TRY(pq_builder_begin_raw(b));
  PQ_TRY(pq_builder_key_str(b, "pattern"));
  PQ_TRY(pq_builder_string(b, pattern));
  PQ_TRY(pq_builder_key_str(b, "options"));
  PQ_TRY(pq_builder_string(b, options));
  PQ_TRY(pq_builder_end(b));
  return pq_builder_end(b);
}

int pq_builder_db_pointer(pq_builder *b, pq_slice ref, pq_slice hex) {
  PQ_TRY(pq_builder_begin_raw(b));
  PQ_TRY(pq_builder_key_str(b, "$dbPointer"));
  PQ_TRY(pq_builder_begin_raw(b));
  PQ_TRY(pq_builder_key_str(b, "$ref"));
  PQ_TRY(pq_builder_string(b, ref));
  PQ_TRY(pq_builder_key_str(b, "$id"));
  PQ_TRY(pq_builder_extended(b, "$oid", hex));
  PQ_TRY(pq_builder_end(b));
  return pq_builder_end(b);
}

static int put_one(pq_builder *b, const char *key) {
  PQ_TRY(pq_builder_begin_raw(b));
  PQ_TRY(pq_builder_key_str(b, key));
  PQ_TRY(pq_builder_i32(b, 1));
  return pq_builder_end(b);
}

int pq_builder_min_key(pq_builder *b) {
  return put_one(b, "$minKey");
}

int pq_builder_max_key(pq_builder *b) {
  return put_one(b, "$maxKey");
}

int pq_builder_undefined(pq_builder *b) {
  PQ_TRY(pq_builder_begin_raw(b));
  PQ_TRY(pq_builder_key_str(b, "$undefined"));
  PQ_TRY(pq_builder_bool(b, true));
  return pq_builder_end(b);
}
