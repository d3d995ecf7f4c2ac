/* value/decimal.c - decimal numbers of 38 digits, and the small codecs of text: base64, hex.
 *
 *     value = (-1)^is_negative * (hi * 2^64 + lo) * 10^exponent
 *
 * A $numberDecimal becomes a Variant decimal when its exponent is -38..0; the rest (NaN,
 * infinities, -0, other exponents) stays text and is parsed when it is compared.
 */
#include <string.h>

#include "base/text.h"
#include "value/variant_int.h"

/* Decimal128 has exponents -6176..6111 for 34 digits. */
enum { EXPONENT_MIN = -6176, EXPONENT_MAX = 6144, SCALE_MAX = 38, E9 = 1000000000 };

bool pq_mul_u128(uint64_t *hi, uint64_t *lo, uint32_t factor, uint32_t add) {
  uint32_t limbs[4] = {(uint32_t)*lo, (uint32_t)(*lo >> 32), (uint32_t)*hi, (uint32_t)(*hi >> 32)};
  uint64_t carry = add;
  for (int i = 0; i < 4; i++) {
    carry += (uint64_t)limbs[i] * factor;
    limbs[i] = (uint32_t)carry;
    carry >>= 32;
  }
  if (carry != 0) return false;
  *lo = (uint64_t)limbs[1] << 32 | limbs[0];
  *hi = (uint64_t)limbs[3] << 32 | limbs[2];
  return true;
}

uint32_t pq_div_u128(uint64_t *hi, uint64_t *lo, uint32_t divisor) {
  uint64_t high = *hi, rest;
  uint64_t a, b;
  *hi = high / divisor;
  rest = high % divisor << 32 | *lo >> 32;
  a = rest / divisor;
  rest = rest % divisor << 32 | (*lo & UINT32_MAX);
  b = rest / divisor;
  *lo = a << 32 | b;
  return (uint32_t)(rest % divisor);
}

/* The digits of a magnitude, most significant first; "0" for zero. */
static size_t print_digits(uint64_t hi, uint64_t lo, char out[40]) {
  char text[45];
  size_t at = sizeof text;
  do {
    uint32_t nine = pq_div_u128(&hi, &lo, E9);
    for (int i = 0; i < 9; i++, nine /= 10)
      text[--at] = (char)('0' + nine % 10);
  } while (hi != 0 || lo != 0);
  while (at < sizeof text - 1 && text[at] == '0')
    at++;
  memcpy(out, text + at, sizeof text - at);
  return sizeof text - at;
}

int pq_number_digits(pq_number n) {
  char digits[40];
  uint64_t power = 1;
  int count = 0;
  if (n.hi != 0) return (int)print_digits(n.hi, n.lo, digits);
  for (; count < 20 && n.lo >= power; power *= 10) /* the last product wraps and is not looked at */
    count++;
  return count;
}

typedef struct scan {
  pq_slice text;
  size_t at;
  int digits;     /* significant ones taken */
  bool is_strict; /* more than 38 are an error */
} scan;

static bool scan_is(scan *s, char c) {
  if (s->at == s->text.n || (s->text.p[s->at] | 0x20) != (uint8_t)c) return false;
  s->at++;
  return true;
}

static void mark_inexact(pq_number *n) {
  uint64_t hi = n->hi, lo = n->lo;
  if (pq_div_u128(&hi, &lo, 5) == 0) n->hi += ++n->lo == 0;
}

/* Take a run of digits into *n. Zeros beyond 38 digits move the exponent; others are inexact, and
 * leave a trace in the last digit if it could look like a tie. */
static bool scan_digits(scan *s, bool is_fraction, int64_t *exponent, pq_number *n) {
  for (; s->at < s->text.n; s->at++) {
    uint8_t c = s->text.p[s->at];
    if (c < '0' || c > '9') return true;
    if (s->digits == PQ_DECIMAL_DIGITS_MAX) {
      if (c != '0' && s->is_strict) return false;
      if (c != '0') mark_inexact(n);
      *exponent += !is_fraction;
      continue;
    }
    if (!pq_mul_u128(&n->hi, &n->lo, 10, (uint32_t)(c - '0'))) return false;
    if (n->hi != 0 || n->lo != 0) s->digits++;
    *exponent -= is_fraction;
  }
  return true;
}

static bool scan_exponent(scan *s, int64_t *exponent) {
  int64_t e = 0;
  bool is_negative = s->at < s->text.n && s->text.p[s->at] == '-';
  size_t start;
  if (is_negative || (s->at < s->text.n && s->text.p[s->at] == '+')) s->at++;
  start = s->at;
  for (; s->at < s->text.n && s->text.p[s->at] >= '0' && s->text.p[s->at] <= '9'; s->at++)
    if (e < INT32_MAX) e = e * 10 + (s->text.p[s->at] - '0');
  *exponent += is_negative ? -e : e;
  return s->at > start;
}

static bool is_word(pq_slice s, const char *word) {
  pq_slice w = pq_str(word);
  if (s.n != w.n) return false;
  for (size_t i = 0; i < s.n; i++)
    if ((s.p[i] | 0x20) != w.p[i]) return false;
  return true;
}

static bool parse_number(pq_slice text, bool is_strict, pq_number *out) {
  pq_number n = {0};
  scan s = {.text = text, .is_strict = is_strict};
  int64_t exponent = 0;
  size_t start, point_len = 0;
  *out = (pq_number){0};
  if (text.n > 0 && (text.p[0] == '-' || text.p[0] == '+')) {
    n.is_negative = text.p[0] == '-';
    s.at = 1;
  }
  start = s.at;
  if (start < text.n && (text.p[start] < '0' || text.p[start] > '9') && text.p[start] != '.') {
    pq_slice word = {text.p + start, text.n - start};
    n.kind = is_word(word, "nan") ? PQ_NUMBER_NAN : PQ_NUMBER_INFINITE;
    if (n.kind == PQ_NUMBER_NAN) n.is_negative = false;
    *out = n;
    return n.kind == PQ_NUMBER_NAN || is_word(word, "infinity") || is_word(word, "inf");
  }
  if (!scan_digits(&s, false, &exponent, &n)) return false;
  if (s.at < text.n && text.p[s.at] == '.') {
    s.at++;
    point_len = 1;
    if (!scan_digits(&s, true, &exponent, &n)) return false;
  }
  if (s.at == start + point_len) return false;
  if (scan_is(&s, 'e') && !scan_exponent(&s, &exponent)) return false;
  if (s.at != text.n) return false;
  if (n.hi == 0 && n.lo == 0) { /* any zero is in range */
    if (exponent > PQ_DECIMAL_EXPONENT_MAX) exponent = PQ_DECIMAL_EXPONENT_MAX;
    if (exponent < EXPONENT_MIN) exponent = EXPONENT_MIN;
  }
  if (exponent < EXPONENT_MIN || exponent > EXPONENT_MAX) return false;
  if (exponent + pq_number_digits(n) > EXPONENT_MAX + 1) return false;
  n.exponent = (int32_t)exponent;
  *out = n;
  return true;
}

bool pq_number_parse(pq_slice text, pq_number *out) {
  return parse_number(text, true, out);
}

bool pq_number_read(pq_slice text, pq_number *out) {
  bool is_finite;
  if (!parse_number(text, false, out)) return false;
  is_finite = out->kind == PQ_NUMBER_FINITE;
  if (is_finite)
    *out = pq_number_add(*out,
                         (pq_number){.is_negative = out->is_negative, .exponent = out->exponent});
  return !is_finite || out->kind == PQ_NUMBER_FINITE;
}

bool pq_number_decimal(pq_number n, pq_decimal *out) {
  *out = (pq_decimal){0};
  if (n.kind != PQ_NUMBER_FINITE || (n.is_negative && n.hi == 0 && n.lo == 0)) return false;
  if (n.exponent < -SCALE_MAX || n.exponent > 0) return false;
  *out = (pq_decimal){n.is_negative, n.hi, n.lo, (uint8_t)-n.exponent};
  return true;
}

pq_number pq_decimal_number(pq_decimal d) {
  return (pq_number){.is_negative = d.is_negative, .hi = d.hi, .lo = d.lo, .exponent = -d.scale};
}

static size_t copy_word(char *out, size_t at, const char *word) {
  size_t n = strlen(word);
  memcpy(out + at, word, n);
  return at + n;
}

/* Digits with a point before the last `scale`, written from out + at on. */
static size_t print_plain(const char *digits, size_t n, size_t scale, size_t at, char *out) {
  size_t whole = n > scale ? n - scale : 0;
  memcpy(out + at, whole > 0 ? digits : "0", whole > 0 ? whole : 1);
  at += whole > 0 ? whole : 1;
  if (scale == 0) return at;
  out[at++] = '.';
  for (size_t i = n; i < scale; i++)
    out[at++] = '0';
  memcpy(out + at, digits + whole, n - whole);
  return at + n - whole;
}

size_t pq_number_print(pq_number n, char out[PQ_DECIMAL_CAP]) {
  char digits[40], power[12];
  size_t len, at = 0, power_len = 0;
  int32_t e;
  if (n.kind == PQ_NUMBER_NAN) return copy_word(out, 0, "NaN");
  if (n.is_negative) out[at++] = '-';
  if (n.kind == PQ_NUMBER_INFINITE) return copy_word(out, at, "Infinity");
  len = print_digits(n.hi, n.lo, digits);
  e = n.exponent + (int32_t)len - 1;
  if (n.exponent <= 0 && e >= -6) return print_plain(digits, len, (size_t)-n.exponent, at, out);
  out[at++] = digits[0];
  if (len > 1) {
    out[at++] = '.';
    memcpy(out + at, digits + 1, len - 1);
    at += len - 1;
  }
  out[at++] = 'E';
  out[at++] = e < 0 ? '-' : '+';
  for (e = e < 0 ? -e : e; e > 0; e /= 10)
    power[power_len++] = (char)('0' + e % 10);
  while (power_len > 0)
    out[at++] = power[--power_len];
  return at;
}

double pq_number_double(pq_number n) {
  char text[PQ_DECIMAL_CAP];
  size_t len;
  double v;
  uint64_t infinite = 0x7ff0000000000000u, quiet = 0x7ff8000000000000u;
  if (n.kind == PQ_NUMBER_FINITE) {
    len = pq_number_print(n, text);
    if (pq_double_parse((pq_slice){(const uint8_t *)text, len}, &v)) return v;
  }
  memcpy(&v, n.kind == PQ_NUMBER_NAN ? &quiet : &infinite, sizeof v);
  return n.is_negative ? -v : v;
}

bool pq_i64_parse(pq_slice s, int64_t *out) {
  bool is_negative = s.n > 0 && s.p[0] == '-';
  uint64_t v = 0, max = (uint64_t)INT64_MAX + is_negative;
  *out = 0;
  if (s.n == (size_t)is_negative) return false;
  for (size_t i = is_negative; i < s.n; i++) {
    uint8_t digit = (uint8_t)(s.p[i] - '0');
    if (digit > 9 || v > (max - digit) / 10) return false;
    v = v * 10 + digit;
  }
  *out = (int64_t)(is_negative ? 0 - v : v);
  return true;
}

static int base64_digit(uint8_t c) {
  if (c >= 'A' && c <= 'Z') return c - 'A';
  if (c >= 'a' && c <= 'z') return c - 'a' + 26;
  if (c >= '0' && c <= '9') return c - '0' + 52;
  if (c == '+') return 62;
  return c == '/' ? 63 : -1;
}

bool pq_base64_len(pq_slice s, size_t *len) {
  size_t n = s.n;
  *len = 0;
  if (n % 4 != 0) return false;
  for (int i = 0; i < 2 && n > 0 && s.p[n - 1] == '='; i++)
    n--;
  for (size_t i = 0; i < n; i++)
    if (base64_digit(s.p[i]) < 0) return false;
  if (n % 4 == 1) return false;
  if (n % 4 == 2 && (base64_digit(s.p[n - 1]) & 15) != 0) return false; /* stray bits */
  if (n % 4 == 3 && (base64_digit(s.p[n - 1]) & 3) != 0) return false;
  *len = n / 4 * 3 + (n % 4 == 0 ? 0 : n % 4 - 1);
  return true;
}

uint8_t pq_base64_at(pq_slice s, size_t i) {
  size_t at = i / 3 * 4 + i % 3;
  unsigned shift = (unsigned)(4 - 2 * (i % 3));
  unsigned pair = (unsigned)base64_digit(s.p[at]) << 6 | (unsigned)base64_digit(s.p[at + 1]);
  return (uint8_t)(pair >> shift);
}

size_t pq_base64_encode(pq_slice in, uint8_t *out) {
  static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  size_t at = 0;
  for (size_t i = 0; i < in.n; i += 3) {
    size_t left = in.n - i;
    uint32_t v = (uint32_t)in.p[i] << 16;
    if (left > 1) v |= (uint32_t)in.p[i + 1] << 8;
    if (left > 2) v |= in.p[i + 2];
    out[at++] = (uint8_t)digits[v >> 18];
    out[at++] = (uint8_t)digits[v >> 12 & 63];
    out[at++] = left > 1 ? (uint8_t)digits[v >> 6 & 63] : '=';
    out[at++] = left > 2 ? (uint8_t)digits[v & 63] : '=';
  }
  return at;
}

int pq_hex_digit(uint8_t c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

bool pq_uuid_parse(pq_slice s, uint8_t out[16]) {
  size_t at = 0;
  memset(out, 0, 16);
  if (s.n != 36) return false;
  for (size_t i = 0; i < 16; i++) {
    int high, low;
    if ((i == 4 || i == 6 || i == 8 || i == 10) && s.p[at++] != '-') return false;
    high = pq_hex_digit(s.p[at]);
    low = pq_hex_digit(s.p[at + 1]);
    if (high < 0 || low < 0) return false;
    out[i] = (uint8_t)(high << 4 | low);
    at += 2;
  }
  return true;
}
