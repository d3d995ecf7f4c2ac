/* value/decimal_arith.c - decimal128 arithmetic: each result is that of exact arithmetic, rounded
 * once. See decimal.h.
 *
 *     pq_number ──► pq_long ──► exact sum, product, … ──► pq_long_number(): 34 digits ──► pq_number
 */
#include <math.h>
#include <string.h>

#include "value/decimal_int.h"

static const pq_number nan_number = {.kind = PQ_NUMBER_NAN};

static pq_number infinite(bool is_negative) {
  return (pq_number){.kind = PQ_NUMBER_INFINITE, .is_negative = is_negative};
}

static bool is_nan(pq_number a, pq_number b) {
  return a.kind == PQ_NUMBER_NAN || b.kind == PQ_NUMBER_NAN;
}

/* ---- conversions ---- */

pq_number pq_number_of_i64(int64_t v) {
  return (pq_number){.is_negative = v < 0, .lo = v < 0 ? 0 - (uint64_t)v : (uint64_t)v};
}

/* base^power to PQ_LONG_DIGITS digits, by squaring. */
static pq_long small_power(uint32_t base, uint32_t power) {
  pq_long out = pq_long_of_u32(1), square = pq_long_of_u32(base);
  for (; power > 0; power >>= 1) {
    if (power & 1) out = pq_long_multiply(&out, &square);
    pq_long_round(&out, PQ_LONG_DIGITS);
    square = pq_long_multiply(&square, &square);
    pq_long_round(&square, PQ_LONG_DIGITS);
  }
  return out;
}

pq_number pq_number_of_double(double v, int digits) {
  pq_number n = {.is_negative = signbit(v) != 0};
  pq_long a, factor;
  int two;
  if (v != v) return nan_number;
  if (isinf(v)) return infinite(v < 0);
  if (v == 0) return n;
  n.lo = (uint64_t)ldexp(frexp(fabs(v), &two), 53);
  two -= 53;
  a = pq_long_of(n);
  if (two >= 0) {
    factor = small_power(2, (uint32_t)two);
  } else { /* m / 2^k = m * 5^k / 10^k */
    factor = small_power(5, (uint32_t)-two);
    a.exponent = two;
  }
  a = pq_long_multiply(&a, &factor);
  pq_long_round(&a, PQ_DECIMAL128_DIGITS);
  pq_long_strip(&a, 0);
  if (digits >= PQ_DECIMAL128_DIGITS) return pq_long_number(a);
  pq_long_round(&a, digits);
  pq_long_shift_up(&a, digits - pq_long_digits(&a));
  return pq_long_number(a);
}

bool pq_number_i64(pq_number n, pq_rounding how, int64_t *out) {
  pq_long a = pq_long_of(n);
  uint64_t max = (uint64_t)INT64_MAX + n.is_negative;
  *out = 0;
  if (n.kind != PQ_NUMBER_FINITE) return false;
  if (a.count == 0) return true;
  if (a.exponent > 0 && pq_long_digits(&a) + a.exponent > 19) return false;
  pq_long_shift_up(&a, a.exponent);
  pq_long_shift_down(&a, -a.exponent, how);
  n.hi = n.lo = 0;
  for (uint32_t i = a.count; i > 0; i--)
    if (!pq_mul_u128(&n.hi, &n.lo, 1000000000, a.limb[i - 1])) return false;
  if (n.hi != 0 || n.lo > max) return false;
  *out = (int64_t)(n.is_negative ? 0 - n.lo : n.lo);
  return true;
}

/* ---- arithmetic ---- */

/* Both as they are, at one exponent: what sums of money are. */
static bool add_near(pq_number a, pq_number b, pq_number *out) {
  const uint64_t hi_end = 0x1ED09BEAD87C0u; /* 10^34 begins with it: below is fine */
  *out = a;
  if (a.exponent != b.exponent || a.is_negative != b.is_negative) return false;
  if (a.exponent > PQ_DECIMAL_EXPONENT_MAX) return false;
  if (a.hi >= hi_end || b.hi >= hi_end) return false;
  out->lo = a.lo + b.lo;
  out->hi = a.hi + b.hi + (out->lo < a.lo);
  return out->hi < hi_end;
}

pq_number pq_number_add(pq_number a, pq_number b) {
  pq_number near;
  pq_long x, y;
  if (is_nan(a, b)) return nan_number;
  if (a.kind == PQ_NUMBER_INFINITE)
    return b.kind == PQ_NUMBER_INFINITE && a.is_negative != b.is_negative ? nan_number : a;
  if (b.kind == PQ_NUMBER_INFINITE) return b;
  if (add_near(a, b, &near)) return near;
  x = pq_long_of(a);
  y = pq_long_of(b);
  return pq_long_number(pq_long_add(&x, &y));
}

pq_number pq_number_subtract(pq_number a, pq_number b) {
  b.is_negative = !b.is_negative;
  return pq_number_add(a, b);
}

pq_number pq_number_multiply(pq_number a, pq_number b) {
  pq_long x, y;
  if (is_nan(a, b)) return nan_number;
  if (a.kind == PQ_NUMBER_INFINITE || b.kind == PQ_NUMBER_INFINITE)
    return pq_number_is_zero(a) || pq_number_is_zero(b) ? nan_number
                                                        : infinite(a.is_negative != b.is_negative);
  x = pq_long_of(a);
  y = pq_long_of(b);
  return pq_long_number(pq_long_multiply(&x, &y));
}

pq_number pq_number_divide(pq_number a, pq_number b) {
  bool is_negative = a.is_negative != b.is_negative, is_exact;
  pq_long x, y, q;
  if (is_nan(a, b)) return nan_number;
  if (a.kind == PQ_NUMBER_INFINITE)
    return b.kind == PQ_NUMBER_INFINITE ? nan_number : infinite(is_negative);
  x = pq_long_of(a);
  y = pq_long_of(b);
  if (b.kind == PQ_NUMBER_INFINITE)
    return (pq_number){.is_negative = is_negative, .exponent = PQ_DECIMAL_EXPONENT_MIN};
  if (y.count == 0) return x.count == 0 ? nan_number : infinite(is_negative);
  if (x.count == 0) {
    x = (pq_long){.is_negative = is_negative, .exponent = a.exponent - b.exponent};
    return pq_long_number(x);
  }
  q = pq_long_divide(&x, &y, PQ_LONG_DIGITS, &is_exact);
  if (is_exact) {
    pq_long_strip(&q, a.exponent - b.exponent);
  } else { /* a trace, so that nothing looks like a tie */
    pq_long_shift_up(&q, 1);
    q.limb[0] |= 1;
  }
  return pq_long_number(q);
}

pq_number pq_number_remainder(pq_number a, pq_number b) {
  int32_t up;
  pq_long x, y;
  if (is_nan(a, b) || a.kind == PQ_NUMBER_INFINITE || pq_number_is_zero(b)) return nan_number;
  if (b.kind == PQ_NUMBER_INFINITE) return a;
  x = pq_long_of(a);
  y = pq_long_of(b);
  if (pq_long_compare(&x, &y) < 0) {
    int32_t more = a.exponent - b.exponent, room = PQ_DECIMAL128_DIGITS - pq_long_digits(&x);
    pq_long_shift_up(&x, more < room || x.count == 0 ? more : room);
    return pq_long_number(x);
  }
  if (y.exponent > x.exponent) pq_long_shift_up(&y, y.exponent - x.exponent);
  for (; x.exponent > y.exponent; pq_long_modulo(&x, &y)) {
    up = x.exponent - y.exponent;
    pq_long_shift_up(&x, up < 60 ? up : 60);
  }
  pq_long_modulo(&x, &y);
  x.exponent = y.exponent;
  return pq_long_number(x);
}

pq_number pq_number_quantize(pq_number n, int32_t exponent, pq_rounding how) {
  pq_long a = pq_long_of(n);
  if (n.kind != PQ_NUMBER_FINITE) return n;
  if (a.count == 0) {
    n.exponent = exponent;
    return n;
  }
  if (exponent < a.exponent) {
    if (a.exponent - exponent > PQ_DECIMAL128_DIGITS - pq_long_digits(&a)) return nan_number;
    pq_long_shift_up(&a, a.exponent - exponent);
  }
  pq_long_shift_down(&a, exponent - a.exponent, how);
  a.exponent = exponent;
  return pq_long_number(a);
}

int pq_number_order(pq_number a, pq_number b) {
  int sign = a.is_negative ? -1 : 1;
  pq_long x = pq_long_of(a), y = pq_long_of(b);
  if (is_nan(a, b)) return (b.kind == PQ_NUMBER_NAN) - (a.kind == PQ_NUMBER_NAN);
  if (pq_number_is_zero(a) && pq_number_is_zero(b)) return 0;
  if (pq_number_is_zero(a)) return b.is_negative ? 1 : -1;
  if (pq_number_is_zero(b) || a.is_negative != b.is_negative) return sign;
  if (a.kind == PQ_NUMBER_INFINITE || b.kind == PQ_NUMBER_INFINITE)
    return sign * ((a.kind == PQ_NUMBER_INFINITE) - (b.kind == PQ_NUMBER_INFINITE));
  return sign * pq_long_compare(&x, &y);
}
