/* base/double_text.c - doubles to decimal text and back, exactly; see text.h.
 *
 * The numbers of documents are seldom longer than 19 digits or outside of 10^±22. For those all
 * fits in 128 bits, with powers of five in 64, so no tables and no big numbers are needed:
 *
 *     text:    m x 10^-k  =  m / 5^k x 2^-k         one division of 128 by 64 bits, then rounded
 *     double:  c x 2^e    =  (c x 5^p) x 2^(e+p)    17 digits before the point; the doubles beside
 *                                                   it are c ± 1/2 away: 5^p / 2 at this scale
 *
 *     … |-- lo ----- v ----- hi --| …               shortest: the number with the most zeros at its
 *              ^ multiple of 10^z                   end between the two half-way points
 *
 * Everything else goes through strtod and printf.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"

/* Every power of ten that a double holds exactly. */
static const double tens[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                              1e8,  1e9,  1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
                              1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
/* Every power of five below 2^64. */
static const uint64_t fives[] = {1u,
                                 5u,
                                 25u,
                                 125u,
                                 625u,
                                 3125u,
                                 15625u,
                                 78125u,
                                 390625u,
                                 1953125u,
                                 9765625u,
                                 48828125u,
                                 244140625u,
                                 1220703125u,
                                 6103515625u,
                                 30517578125u,
                                 152587890625u,
                                 762939453125u,
                                 3814697265625u,
                                 19073486328125u,
                                 95367431640625u,
                                 476837158203125u,
                                 2384185791015625u,
                                 11920928955078125u,
                                 59604644775390625u,
                                 298023223876953125u,
                                 1490116119384765625u,
                                 7450580596923828125u};
enum { TENS_MAX = 22, FIVES_MAX = 27, MANTISSA_BITS = 52, BIAS = 1075 };
static const double double_max = 1.7976931348623157e308;

typedef struct wide {
  uint64_t hi, lo;
} wide;

static wide wide_mul(uint64_t a, uint64_t b) {
  uint64_t a_lo = a & UINT32_MAX, a_hi = a >> 32, b_lo = b & UINT32_MAX, b_hi = b >> 32;
  uint64_t low = a_lo * b_lo, mid = a_hi * b_lo + (low >> 32), mid2 = a_lo * b_hi;
  uint64_t carry = (mid & UINT32_MAX) + mid2;
  return (wide){a_hi * b_hi + (mid >> 32) + (carry >> 32), carry << 32 | (low & UINT32_MAX)};
}

static wide wide_add(wide a, uint64_t b) {
  uint64_t lo = a.lo + b;
  return (wide){a.hi + (lo < b), lo};
}

static wide wide_sub(wide a, uint64_t b) {
  return (wide){a.hi - (a.lo < b), a.lo - b};
}

/* a / 2^shift, which fits; 0 <= shift < 64. */
static uint64_t wide_shift(wide a, unsigned shift) {
  return shift == 0 ? a.lo : a.hi << (64 - shift) | a.lo >> shift;
}

/* One digit of base 2^32 of (rem:next) / d, where d has its top bit; *rem becomes the rest. */
static uint64_t wide_digit(uint64_t *rem, uint64_t next, uint64_t d) {
  uint64_t d_hi = d >> 32, d_lo = d & UINT32_MAX;
  uint64_t q = *rem / d_hi, r = *rem % d_hi;
  while (q > UINT32_MAX || q * d_lo > (r << 32 | next)) {
    q--;
    r += d_hi;
    if (r > UINT32_MAX) break;
  }
  *rem = (*rem << 32 | next) - q * d; /* modulo 2^64: the rest is below d */
  return q;
}

/* hi x 2^64 + lo over d; hi < d, d has its top bit (Knuth 4.3.1, algorithm D). */
static uint64_t wide_div(wide a, uint64_t d, uint64_t *rem) {
  uint64_t q;
  *rem = a.hi;
  q = wide_digit(rem, a.lo >> 32, d) << 32;
  return q | wide_digit(rem, a.lo & UINT32_MAX, d);
}

/* ---- text to double ---- */

/* m / 10^k, m not 0, rounded to the nearest double, ties to even. */
static double divide(uint64_t m, int k) {
  unsigned m_shift = pq_leading_zeros(m), d_shift = pq_leading_zeros(fives[k]), q_shift;
  uint64_t rem, q, half = 1 << 10, bits, out;
  double v;
  int exponent;
  m <<= m_shift;
  q = wide_div((wide){m >> 1, m << 63}, fives[k] << d_shift, &rem);
  q_shift = pq_leading_zeros(q); /* at most 1 */
  q <<= q_shift;
  bits = q >> 11;
  q &= 2 * half - 1;
  if (q > half || (q == half && (rem != 0 || (bits & 1) != 0))) bits++;
  exponent = 11 - (int)q_shift - 63 + (int)d_shift - (int)m_shift - k;
  out = ((uint64_t)(exponent + BIAS) << MANTISSA_BITS) + (bits - (UINT64_C(1) << MANTISSA_BITS));
  memcpy(&v, &out, sizeof v);
  return v;
}

bool pq_double_of(uint64_t m, int64_t exponent, double *out) {
  *out = 0;
  if (m == 0) return true;
  if (m <= UINT64_C(1) << 53 && exponent >= -TENS_MAX && exponent <= TENS_MAX) {
    *out = exponent < 0 ? (double)m / tens[-exponent] : (double)m * tens[exponent];
    return true;
  }
  if (exponent >= 0 || exponent < -FIVES_MAX) return false;
  *out = divide(m, (int)-exponent);
  return true;
}

/* A decimal number taken apart: 0.DIGITS x 10^exponent, significant digits only. A digit lost
 * beyond DIGITS_MAX leaves a '1' behind, which rounds the same: no boundary between two doubles
 * has more than 767 digits. */
enum { DIGITS_MAX = 800, EXPONENT_MAX = 100000000, WORD_DIGITS_MAX = 19 };
typedef struct decimal_text {
  char digits[DIGITS_MAX + 1];
  int n;
  int64_t exponent;
  bool is_negative;
} decimal_text;

static bool accept(pq_slice s, size_t *at, char c) {
  if (*at >= s.n || s.p[*at] != (uint8_t)c) return false;
  (*at)++;
  return true;
}

static void take_digit(decimal_text *d, uint8_t c, bool is_fraction) {
  if (d->n == 0 && c == '0') {
    d->exponent -= is_fraction;
    return;
  }
  d->exponent += !is_fraction;
  if (d->n < DIGITS_MAX)
    d->digits[d->n++] = (char)c;
  else if (c != '0')
    d->digits[DIGITS_MAX - 1] = '1';
}

/* The digits at *at; false when there is none. */
static bool take_digits(pq_slice s, size_t *at, bool is_fraction, decimal_text *d) {
  size_t start = *at;
  while (*at < s.n && s.p[*at] >= '0' && s.p[*at] <= '9')
    take_digit(d, s.p[(*at)++], is_fraction);
  return *at > start;
}

static bool take_exponent(pq_slice s, size_t *at, decimal_text *d) {
  int64_t e = 0;
  size_t start;
  bool is_negative = accept(s, at, '-');
  if (!is_negative) accept(s, at, '+');
  start = *at;
  for (; *at < s.n && s.p[*at] >= '0' && s.p[*at] <= '9'; (*at)++)
    if (e < EXPONENT_MAX) e = e * 10 + (s.p[*at] - '0');
  d->exponent += is_negative ? -e : e;
  return *at > start;
}

static bool take_number(pq_slice s, decimal_text *d) {
  size_t at = 0, start;
  d->n = 0;
  d->exponent = 0;
  d->is_negative = accept(s, &at, '-');
  start = at;
  if (!take_digits(s, &at, false, d)) return false;
  if (s.p[start] == '0' && at - start > 1) return false;
  if (accept(s, &at, '.') && !take_digits(s, &at, true, d)) return false;
  if ((accept(s, &at, 'e') || accept(s, &at, 'E')) && !take_exponent(s, &at, d)) return false;
  return at == s.n;
}

/* The digits as a whole number, when 64 bits hold it. */
static bool whole(const decimal_text *d, uint64_t *m) {
  *m = 0;
  for (int i = 0; i < d->n && i < WORD_DIGITS_MAX; i++)
    *m = *m * 10 + (uint64_t)(d->digits[i] - '0');
  return d->n <= WORD_DIGITS_MAX;
}

bool pq_double_parse(pq_slice s, double *out) {
  decimal_text d;
  char text[DIGITS_MAX + 32];
  uint64_t m;
  double v;
  *out = 0;
  if (!take_number(s, &d)) return false;
  while (d.n > 0 && d.digits[d.n - 1] == '0')
    d.n--;
  if (d.n == 0 || d.exponent < -400) {
    v = 0;
  } else if (d.exponent > 400) {
    return false;
  } else if (!whole(&d, &m) || !pq_double_of(m, d.exponent - d.n, &v)) {
    snprintf(text, sizeof text, "0.%.*se%d", d.n, d.digits, (int)d.exponent);
    v = strtod(text, NULL);
  }
  if (v > double_max) return false;
  *out = d.is_negative ? -v : v;
  return true;
}

/* ---- double to text ---- */

static const char pairs[] =
    "00010203040506070809101112131415161718192021222324"
    "25262728293031323334353637383940414243444546474849"
    "50515253545556575859606162636465666768697071727374"
    "75767778798081828384858687888990919293949596979899";

static unsigned digit_count(uint64_t v) {
  unsigned guess = (64 - pq_leading_zeros(v | 1)) * 1233 >> 12; /* log 2 = 0.30103 */
  return guess + (v >= fives[guess] << guess || v == 0);
}

size_t pq_u64_print(uint64_t v, char out[PQ_U64_CAP]) {
  size_t n = digit_count(v), at = n;
  uint32_t rest;
  for (; v >= 100000000; v /= 100000000) {
    uint32_t low = (uint32_t)(v % 100000000), high = low / 10000;
    low %= 10000;
    at -= 8;
    memcpy(out + at, pairs + 2 * (high / 100), 2);
    memcpy(out + at + 2, pairs + 2 * (high % 100), 2);
    memcpy(out + at + 4, pairs + 2 * (low / 100), 2);
    memcpy(out + at + 6, pairs + 2 * (low % 100), 2);
  }
  for (rest = (uint32_t)v; rest >= 100; rest /= 100) {
    at -= 2;
    memcpy(out + at, pairs + 2 * (rest % 100), 2);
  }
  if (rest < 10)
    out[0] = (char)('0' + rest);
  else
    memcpy(out, pairs + 2 * rest, 2);
  return n;
}

/* `r` / 10^k as plain digits with at least one decimal. */
static int print_fixed(uint64_t r, int k, char *out) {
  int n = (int)digit_count(r), at = 0;
  if (n <= k) {
    out[at++] = '0';
    out[at++] = '.';
    for (; k > n; k--)
      out[at++] = '0';
    return at + (int)pq_u64_print(r, out + at);
  }
  pq_u64_print(r, out + 1);
  for (; at < n - k; at++)
    out[at] = out[at + 1];
  out[at] = '.';
  if (k > 0) return n + 1;
  out[at + 1] = '0';
  return at + 2;
}

/* The shortest decimal of `a`, between 1e-5 and 1e15, no power of two, not whole: *out / 10^result.
 */
static int shortest(double a, uint64_t *out) {
  uint64_t bits, c, v, lo, hi, rest, digit;
  wide mid;
  int e, log, p;
  unsigned shift;
  bool has_more;
  memcpy(&bits, &a, sizeof bits);
  c = (bits & ((UINT64_C(1) << MANTISSA_BITS) - 1)) | UINT64_C(1) << MANTISSA_BITS;
  e = (int)(bits >> MANTISSA_BITS) - BIAS;
  log = (((e + MANTISSA_BITS) * 1233 + (8 << 12)) >> 12) - 8; /* of ten, rounded down, not above */
  p = 16 - log;
  shift = (unsigned)(1 - e - p);
  mid = wide_mul(2 * c, fives[p]);
  v = wide_shift(mid, shift);
  hi = wide_shift(wide_sub(wide_add(mid, fives[p]), c & 1), shift);
  lo = wide_shift(wide_add(wide_sub(mid, fives[p]), (UINT64_C(1) << shift) - 1 + (c & 1)), shift);
  /* what is cut off: its first digit, and whether more follows */
  rest = shift == 0 ? 0 : mid.lo & ((UINT64_C(1) << shift) - 1);
  digit = shift == 0 ? 0 : rest >> (shift - 1) == 0 ? 0 : 5; /* "five": at least one half */
  has_more = shift != 0 && (rest & ((UINT64_C(1) << (shift - 1)) - 1)) != 0;
  while ((lo + 9999) / 10000 <= hi / 10000) {
    lo = (lo + 9999) / 10000;
    hi /= 10000;
    has_more = has_more || digit != 0 || v % 1000 != 0;
    digit = v / 1000 % 10;
    v /= 10000;
    p -= 4;
  }
  while ((lo + 9) / 10 <= hi / 10) {
    lo = (lo + 9) / 10;
    hi /= 10;
    has_more = has_more || digit != 0;
    digit = v % 10;
    v /= 10;
    p--;
  }
  *out = v + (digit > 5 || (digit == 5 && (has_more || (v & 1) != 0)));
  return p;
}

/* A number of at most 15 digits and three decimals, a quotient of two exact numbers: the double
 * nearest to that decimal, and no shorter or other decimal of that length means the same double. */
static bool few_digits(double a, uint64_t *out, int *k) {
  double scale = a < 1e12 ? 1000 : 1;
  int64_t r = (int64_t)(a * scale + 0.5);
  if ((double)r / scale != a) return false;
  for (*k = a < 1e12 ? 3 : 0; *k > 0 && r % 10 == 0; --*k)
    r /= 10;
  *out = (uint64_t)r;
  return true;
}

static int print_any(double v, char out[PQ_DOUBLE_CAP]) {
  double a = v < 0 ? -v : v;
  int n = 0;
  /* 15 digits always survive, so fewer are never printed wrongly; but subnormals have fewer. */
  for (int digits = a < 2.2250738585072014e-308 ? 1 : 15; digits <= 17; digits++) {
    n = snprintf(out, PQ_DOUBLE_CAP, "%.*g", digits, v);
    if (strtod(out, NULL) == v) break;
  }
  if (strpbrk(out, ".e") == NULL) n += snprintf(out + n, (size_t)(PQ_DOUBLE_CAP - n), ".0");
  return n;
}

int pq_double_print(double v, char out[PQ_DOUBLE_CAP]) {
  uint64_t bits, digits;
  double a = v < 0 ? -v : v;
  int n = 0, k = 0;
  memcpy(&bits, &v, sizeof bits);
  if (v != v) return snprintf(out, PQ_DOUBLE_CAP, "NaN");
  if (a > double_max) return snprintf(out, PQ_DOUBLE_CAP, "%sInfinity", v < 0 ? "-" : "");
  if (bits >> 63 != 0) out[n++] = '-';
  if (!(a < 1e15 && (a >= 1e-5 || bits << 1 == 0))) return print_any(v, out);
  if (!few_digits(a, &digits, &k)) {
    if (bits << (64 - MANTISSA_BITS) == 0) return print_any(v, out); /* a power of two */
    k = shortest(a, &digits);
    if (a < 1e-4 && digits >= 1000000000000000) return print_any(v, out); /* as printf has it */
  }
  n += print_fixed(digits, k, out + n);
  out[n] = '\0';
  return n;
}
