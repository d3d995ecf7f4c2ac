/* expr/expression_convert_text.c - $convert between text and numbers, text and binary data.
 *
 *   "1.5" -> 1.5     " 1", "0x10", "1 " -> no number
 *   binary: base64, base64url, hex, utf8, and uuid, which goes with subtype 4 alone
 */
#include <string.h>

#include "expr/conversion_int.h"
#include "expr/date_int.h"
#include "value/builder.h"

enum { UUID_SUBTYPE = 4, UUID_LEN = 16, DOUBLE_FIXED_MAX = 16, DOUBLE_FIXED_MIN = -4 };

/* ---- numbers in text ---- */

static pq_slice text_of(const pq_conversion *c) {
  pq_slice text;
  return pq_value_string(c->input, &text) ? text : (pq_slice){0};
}

int pq_convert_whole(pq_conversion *c, int64_t *out) {
  pq_slice text = text_of(c);
  size_t i = text.n > 0 && (text.p[0] == '-' || text.p[0] == '+');
  bool is_negative = text.n > 0 && text.p[0] == '-';
  *out = 0;
  if (i == text.n) return pq_convert_fail(c, "no digits");
  for (; i < text.n; i++) {
    int64_t digit = text.p[i] - '0';
    if (digit < 0 || digit > 9) return pq_convert_fail(c, "not a whole number");
    if (!pq_mul_i64(*out, 10, out) || !pq_add_i64(*out, is_negative ? -digit : digit, out))
      return pq_convert_fail(c, "out of range");
  }
  return PQ_OK;
}

int pq_convert_number(pq_conversion *c, pq_number *out) {
  if (pq_number_read(text_of(c), out)) return PQ_OK;
  return pq_convert_fail(c, "no number, or out of range");
}

/* The nearest double; up to 38 digits of the text count. */
int pq_convert_real(pq_conversion *c, double *out) {
  pq_number n;
  *out = 0;
  PQ_TRY(pq_convert_number(c, &n));
  if (c->why != NULL) return PQ_OK;
  *out = pq_number_double(n);
  if (n.kind == PQ_NUMBER_FINITE &&
      (*out > 1.7976931348623157e308 || *out < -1.7976931348623157e308))
    return pq_convert_fail(c, "out of range");
  return PQ_OK;
}

/* The digits of a number that pq_double_print() wrote, without zeros at the ends, and the power of
 * ten of the first one. */
static size_t split_digits(const char *text, size_t len, char *digits, int *power) {
  int before = 0, exponent = 0;
  bool has_point = false;
  size_t n = 0, i = 0;
  for (; i < len && text[i] != 'e'; i++) {
    if (text[i] == '.') {
      has_point = true;
      continue;
    }
    before += !has_point;
    if (n == 0 && text[i] == '0')
      before--;
    else
      digits[n++] = text[i];
  }
  for (size_t k = i + 2; k < len; k++) /* behind "e+" */
    exponent = exponent * 10 + (text[k] - '0');
  if (i < len && text[i + 1] == '-') exponent = -exponent;
  while (n > 0 && digits[n - 1] == '0')
    n--;
  *power = before - 1 + exponent;
  return n;
}

static size_t put_zeros(char *out, int count) {
  for (int i = 0; i < count; i++)
    out[i] = '0';
  return count > 0 ? (size_t)count : 0;
}

/* "e+16": at least two digits. */
static size_t put_exponent(int power, size_t at, char *out) {
  out[at++] = 'e';
  out[at++] = power < 0 ? '-' : '+';
  if (power < 0) power = -power;
  if (power >= 100) out[at++] = (char)('0' + power / 100);
  out[at++] = (char)('0' + power / 10 % 10);
  out[at++] = (char)('0' + power % 10);
  return at;
}

/* Plain from 1e-4 on and below 1e16, else as "1e+16". */
size_t pq_print_real(double v, char out[PQ_REAL_CAP]) {
  char text[PQ_DOUBLE_CAP], digits[PQ_DOUBLE_CAP];
  size_t len = (size_t)pq_double_print(v, text), at = text[0] == '-', n, whole;
  int power;
  memcpy(out, text, len);
  if (v - v != 0) return len; /* not finite */
  n = split_digits(text + at, len - at, digits, &power);
  if (n == 0) {
    out[at] = '0';
    return at + 1;
  }
  if (power < DOUBLE_FIXED_MIN || power >= DOUBLE_FIXED_MAX) {
    out[at++] = digits[0];
    if (n > 1) out[at++] = '.';
    memcpy(out + at, digits + 1, n - 1);
    return put_exponent(power, at + n - 1, out);
  }
  if (power < 0) {
    out[at++] = '0';
    out[at++] = '.';
    at += put_zeros(out + at, -power - 1);
    memcpy(out + at, digits, n);
    return at + n;
  }
  whole = (size_t)power + 1 < n ? (size_t)power + 1 : n;
  memcpy(out + at, digits, whole);
  at += whole;
  at += put_zeros(out + at, power + 1 - (int)whole);
  if (n == whole) return at;
  out[at++] = '.';
  memcpy(out + at, digits + whole, n - whole);
  return at + n - whole;
}

/* ---- binary data ---- */

int pq_convert_hex_digit(uint8_t c) {
  if (c >= '0' && c <= '9') return c - '0';
  c |= 0x20;
  return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static const char base64_digits[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

static int base64_digit(uint8_t c, bool is_url) {
  const char *at;
  if (is_url && (c == '+' || c == '/')) return -1;
  if (is_url) c = c == '-' ? '+' : c == '_' ? '/' : c;
  at = c == 0 ? NULL : strchr(base64_digits, c);
  return at == NULL ? -1 : (int)(at - base64_digits);
}

/* Bytes of base64; padding may lack in base64url. False when it is none. */
static bool read_base64(pq_slice text, bool is_url, uint8_t *out, size_t *len) {
  uint32_t bits = 0;
  size_t n = text.n;
  *len = 0;
  if (n % 4 != 0 && !is_url) return false;
  for (int i = 0; i < 2 && n > 0 && n + (size_t)i == text.n && text.n % 4 == 0; i++)
    if (text.p[n - 1] == '=') n--;
  if (n % 4 == 1) return false;
  for (size_t i = 0; i < n; i++) {
    int digit = base64_digit(text.p[i], is_url);
    if (digit < 0) return false;
    bits = bits << 6 | (uint32_t)digit;
    if (i % 4 != 0) out[(*len)++] = (uint8_t)(bits >> (6 - 2 * (i % 4)));
  }
  return n % 4 == 0 || (bits & (n % 4 == 2 ? 15u : 3u)) == 0;
}

static bool read_hex(pq_slice text, uint8_t *out, size_t *len) {
  *len = text.n / 2;
  for (size_t i = 0; i < text.n; i++) {
    int digit = pq_convert_hex_digit(text.p[i]);
    if (digit < 0) return false;
    if (i / 2 < *len) out[i / 2] = (uint8_t)((i % 2 == 0 ? 0 : out[i / 2]) << 4 | digit);
  }
  return text.n % 2 == 0;
}

static bool read_uuid(pq_slice text, uint8_t *out) {
  size_t at = 0;
  if (text.n != 36) return false;
  for (size_t i = 0; i < UUID_LEN; i++, at += 2) {
    int high, low;
    if ((i == 4 || i == 6 || i == 8 || i == 10) && text.p[at++] != '-') return false;
    high = pq_convert_hex_digit(text.p[at]);
    low = pq_convert_hex_digit(text.p[at + 1]);
    if (high < 0 || low < 0) return false;
    out[i] = (uint8_t)(high << 4 | low);
  }
  return true;
}

static int make_binary(pq_conversion *c, pq_slice bytes, pq_value *out) {
  pq_builder_clear(c->s->builder);
  PQ_TRY(pq_builder_any_binary(c->s->builder, bytes, c->subtype));
  return pq_builder_finish(c->s->builder, c->s->arena, out);
}

/* The bytes of binary data in one piece. */
static int bytes_of(pq_conversion *c, pq_binary b, pq_slice *out) {
  uint8_t *p;
  *out = b.bytes;
  if (b.base64.p == NULL) return PQ_OK;
  p = pq_arena_alloc(c->s->arena, b.len);
  if (p == NULL) return c->s->cx->code;
  for (size_t i = 0; i < b.len; i++)
    p[i] = pq_binary_at(&b, i);
  *out = (pq_slice){p, b.len};
  return PQ_OK;
}

int pq_convert_to_binary(pq_conversion *c, pq_value *out) {
  pq_slice text = text_of(c), bytes;
  size_t len = 0;
  uint8_t *p;
  pq_binary b;
  bool is_good = true;
  if (pq_value_any_binary(c->input, &b)) {
    if (c->is_short) return pq_convert_fail(c, PQ_CONVERT_NEVER);
    PQ_TRY(bytes_of(c, b, &bytes));
    return make_binary(c, bytes, out);
  }
  if (c->format == PQ_FORMAT_NONE || c->format == PQ_FORMAT_AUTO)
    return pq_convert_fail(c, "text needs a 'format': base64, base64url, hex, utf8 or uuid");
  if ((c->format == PQ_FORMAT_UUID) != (c->subtype == UUID_SUBTYPE))
    return pq_convert_fail(c, "subtype 4 and the format uuid go together");
  p = pq_arena_alloc(c->s->arena, text.n + UUID_LEN);
  if (p == NULL) return c->s->cx->code;
  switch (c->format) {
    case PQ_FORMAT_BASE64:
    case PQ_FORMAT_BASE64URL:
      is_good = read_base64(text, c->format == PQ_FORMAT_BASE64URL, p, &len);
      break;
    case PQ_FORMAT_HEX: is_good = read_hex(text, p, &len); break;
    case PQ_FORMAT_UUID:
      is_good = read_uuid(text, p);
      len = UUID_LEN;
      break;
    default: return make_binary(c, text, out);
  }
  if (!is_good) return pq_convert_fail(c, "not in this format");
  return make_binary(c, (pq_slice){p, len}, out);
}

static size_t print_base64(pq_slice in, bool is_url, uint8_t *out) {
  size_t at = 0;
  for (size_t i = 0; i < in.n; i += 3) {
    size_t left = in.n - i;
    uint32_t v = (uint32_t)in.p[i] << 16;
    if (left > 1) v |= (uint32_t)in.p[i + 1] << 8;
    if (left > 2) v |= in.p[i + 2];
    for (size_t k = 0; k < 4; k++) {
      char digit = base64_digits[v >> (18 - 6 * k) & 63];
      if (k > left && is_url) break;
      if (is_url) digit = digit == '+' ? '-' : digit == '/' ? '_' : digit;
      out[at++] = (uint8_t)(k > left ? '=' : digit);
    }
  }
  return at;
}

static size_t print_hex(pq_slice in, const char *digits, bool has_dashes, uint8_t *out) {
  size_t at = 0;
  for (size_t i = 0; i < in.n; i++) {
    if (has_dashes && (i == 4 || i == 6 || i == 8 || i == 10)) out[at++] = '-';
    out[at++] = (uint8_t)digits[in.p[i] >> 4];
    out[at++] = (uint8_t)digits[in.p[i] & 15];
  }
  return at;
}

static int binary_text(pq_conversion *c, pq_binary b, pq_value *out) {
  pq_slice in;
  pq_format format = c->format;
  size_t len = 0;
  uint8_t *p;
  PQ_TRY(bytes_of(c, b, &in));
  if (format == PQ_FORMAT_NONE && !c->is_short)
    return pq_convert_fail(c, "binary data needs a 'format'");
  if (format == PQ_FORMAT_NONE || format == PQ_FORMAT_AUTO)
    format = b.subtype == UUID_SUBTYPE ? PQ_FORMAT_UUID : PQ_FORMAT_BASE64;
  if (format == PQ_FORMAT_UUID && (b.subtype != UUID_SUBTYPE || in.n != UUID_LEN))
    return pq_convert_fail(c, "not a UUID: subtype 4 of 16 bytes");
  if (format == PQ_FORMAT_UTF8) {
    if (!pq_utf8_is_valid(in)) return pq_convert_fail(c, "not UTF-8");
    return pq_make_text(c->s, in, out);
  }
  if (in.n > c->s->cx->limits.doc_len_max)
    return pq_fail(c->s->cx, PQ_ELIMIT, "a text of %zu bytes is longer than a document", in.n);
  p = pq_arena_alloc(c->s->arena, in.n * 2 + 8);
  if (p == NULL) return c->s->cx->code;
  if (format == PQ_FORMAT_UUID)
    len = print_hex(in, "0123456789abcdef", true, p);
  else if (format == PQ_FORMAT_HEX)
    len = print_hex(in, "0123456789ABCDEF", false, p);
  else
    len = print_base64(in, format == PQ_FORMAT_BASE64URL, p);
  return pq_make_text(c->s, (pq_slice){p, len}, out);
}

int pq_convert_to_text(pq_conversion *c, pq_value *out) {
  char text[PQ_DECIMAL_CAP];
  pq_slice s = {(const uint8_t *)text, 0};
  pq_binary b;
  pq_quantity n;
  int64_t ms;
  bool flag;
  if (pq_value_string(c->input, &s)) {
    *out = c->input;
    return PQ_OK;
  }
  if (pq_value_any_binary(c->input, &b)) return binary_text(c, b, out);
  if (pq_value_object_id(c->input, &s)) return pq_make_text(c->s, s, out);
  if (pq_value_bool(c->input, &flag))
    return pq_make_text(c->s, flag ? PQ_SLICE("true") : PQ_SLICE("false"), out);
  if (pq_value_date_ms(c->input, &ms)) {
    PQ_TRY(pq_date_text(c->s, ms, &s));
    return pq_make_text(c->s, s, out);
  }
  s = (pq_slice){(const uint8_t *)text, 0};
  if (!pq_quantity_of(c->input, &n)) return pq_convert_fail(c, PQ_CONVERT_NEVER);
  if (n.type == PQ_TYPE_DECIMAL) {
    s.n = pq_number_print(n.number, text);
  } else if (n.type == PQ_TYPE_DOUBLE) {
    s.n = pq_print_real(n.real, text);
  } else {
    text[0] = '-';
    s.n = n.integer < 0;
    s.n += pq_u64_print(n.integer < 0 ? 0 - (uint64_t)n.integer : (uint64_t)n.integer, text + s.n);
  }
  return pq_make_text(c->s, s, out);
}
