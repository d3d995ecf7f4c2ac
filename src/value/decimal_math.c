/* value/decimal_math.c - elementary functions of decimals, in PQ_LONG_DIGITS digits. See decimal.h.
 *
 *   exp    x = k ln 10 + r,  e^x = 10^k (e^(r / 256))^256      Taylor
 *   ln     x = m 10^k;  near 1: 2 atanh((m - 1) / (m + 1)),  else Halley's y += 2 (m - e^y) / (m +
 * e^y) sin    x = q pi/2 + r                                      Taylor atan   x = tan(a)  ->
 * tan(a / 2), three times             Taylor
 *
 * The others are made of these, in forms that lose no digits near 0 and 1. The last of the 72
 * digits are wrong; 34 are asked for.
 */
#include <math.h>

#include "value/decimal_int.h"

enum { TERMS_MAX = 100, FAR = 20000 /* above any exponent of a result */ };

static const pq_long half_pi = {
    .exponent = -116,
    .count = 13,
    .limb = {325664115, 399107404, 267105853, 931401741, 314310449, 615390820, 48747229, 968755291,
             209858469, 163975144, 923132169, 679489661, 157079632}};
static const pq_long ln_10 = {.exponent = -89,
                              .count = 10,
                              .limb = {23599721, 967735248, 96757260, 603332790, 862877297,
                                       760110148, 468436420, 401799145, 299404568, 230258509}};

static const pq_number nan_number = {.kind = PQ_NUMBER_NAN};

/* ---- arithmetic of so many digits ---- */

static pq_long rounded(pq_long a) {
  pq_long_round(&a, PQ_LONG_DIGITS);
  return a;
}
static pq_long add(pq_long a, pq_long b) {
  return rounded(pq_long_add(&a, &b));
}
static pq_long subtract(pq_long a, pq_long b) {
  return rounded(pq_long_subtract(&a, &b));
}
static pq_long multiply(pq_long a, pq_long b) {
  return rounded(pq_long_multiply(&a, &b));
}
static pq_long divide(pq_long a, pq_long b) {
  bool is_exact;
  return rounded(pq_long_divide(&a, &b, PQ_LONG_DIGITS, &is_exact));
}
static pq_long half(pq_long a) {
  a = multiply(a, pq_long_of_u32(5));
  a.exponent--;
  return a;
}
static pq_long one(void) {
  return pq_long_of_u32(1);
}
static pq_long negative(pq_long a) {
  a.is_negative = !a.is_negative;
  return a;
}

/* The power of ten above the first digit; far below for zero. */
static int32_t height(const pq_long *a) {
  return a->count == 0 ? -2 * FAR : a->exponent + pq_long_digits(a);
}

/* Is |a| below 10^-tens? */
static bool is_below(const pq_long *a, int32_t tens) {
  return height(a) <= -tens;
}

/* Is what a series adds next too small to matter? */
static bool is_done(const pq_long *term, const pq_long *sum) {
  return height(term) < height(sum) - PQ_LONG_DIGITS - 2;
}

static pq_long whole_of(pq_long a) {
  pq_long_shift_down(&a, -a.exponent, PQ_ROUND_EVEN);
  pq_long_shift_up(&a, a.exponent);
  return a;
}

/* sum + factor * x^2k / (from + 1) (from + 2) … : the series of sin, cos, sinh, cosh. */
static pq_long factorial_series(pq_long first, pq_long square, uint32_t from) {
  pq_long sum = first, term = first;
  for (uint32_t i = from; i < TERMS_MAX && !is_done(&term, &sum); i += 2) {
    term = divide(multiply(term, square), pq_long_of_u32((i + 1) * (i + 2)));
    sum = add(sum, term);
  }
  return sum;
}

/* x + f x^3 / 3 + f^2 x^5 / 5 …, f of 1 or -1: atanh, atan. */
static pq_long odd_series(pq_long x, bool is_alternating) {
  pq_long square = multiply(x, x), sum = x, power = x, term = x;
  if (is_alternating) square = negative(square);
  for (uint32_t i = 3; i < 2 * TERMS_MAX && !is_done(&term, &sum); i += 2) {
    power = multiply(power, square);
    term = divide(power, pq_long_of_u32(i));
    sum = add(sum, term);
  }
  return sum;
}

/* ---- roots, exponentials, logarithms ---- */

static double real_of(const pq_long *a) {
  return pq_number_double(pq_long_number(*a));
}
static pq_long long_of_real(double v) {
  return pq_long_of(pq_number_of_double(v, PQ_DECIMAL128_DIGITS));
}

static pq_long square_root(pq_long x) {
  pq_long m = x, y;
  int32_t power;
  if (x.count == 0) return x;
  power = height(&x) - 1;
  power -= power % 2; /* even */
  m.exponent -= power;
  y = long_of_real(sqrt(real_of(&m)));
  for (int i = 0; i < 4; i++)
    y = half(add(y, divide(m, y)));
  y.exponent += power / 2;
  return y;
}

static pq_long exponential(pq_long x) {
  const pq_long part = {.exponent = -8, .count = 1, .limb = {390625}}; /* 1 / 256 */
  pq_long k, r, sum = one(), term = one();
  if (height(&x) > 5) {
    sum.exponent = x.is_negative ? -FAR : FAR;
    return sum;
  }
  k = whole_of(divide(x, ln_10));
  r = multiply(subtract(x, pq_long_multiply(&k, &ln_10)), part);
  for (uint32_t i = 1; i < TERMS_MAX && !is_done(&term, &sum); i++) {
    term = divide(multiply(term, r), pq_long_of_u32(i));
    sum = add(sum, term);
  }
  for (int i = 0; i < 8; i++)
    sum = multiply(sum, sum);
  if (k.count > 0) sum.exponent += k.is_negative ? -(int32_t)k.limb[0] : (int32_t)k.limb[0];
  return sum;
}

static pq_long logarithm(pq_long x) {
  int32_t power = height(&x) - 1;
  pq_long m = x, near, y, scale;
  m.exponent -= power;
  if (real_of(&m) > 3.2) {
    m.exponent--;
    power++;
  }
  scale = pq_long_of(pq_number_of_i64(power));
  scale = multiply(scale, ln_10);
  near = subtract(m, one());
  if (is_below(&near, 1)) {
    y = odd_series(divide(near, add(m, one())), false);
    return add(scale, add(y, y));
  }
  y = long_of_real(log(real_of(&m)));
  for (int i = 0; i < 2; i++) {
    pq_long e = exponential(y), step = divide(subtract(m, e), add(m, e));
    y = add(y, add(step, step));
  }
  return add(scale, y);
}

/* atanh; |z| < 1 */
static pq_long area_tangent(pq_long z) {
  if (is_below(&z, 1)) return odd_series(z, false);
  return half(logarithm(divide(add(one(), z), subtract(one(), z))));
}

/* ---- angles ---- */

static void turn(pq_long x, pq_long *sine, pq_long *cosine) {
  bool is_negative = x.is_negative;
  pq_long q, r, square, s, c;
  uint32_t quarter;
  x.is_negative = false;
  q = whole_of(divide(x, rounded(half_pi)));
  r = q.count == 0 ? x : subtract(x, pq_long_multiply(&q, &half_pi));
  quarter = q.count == 0 ? 0 : q.limb[0] % 4;
  square = negative(multiply(r, r));
  s = factorial_series(r, square, 1);
  c = factorial_series(one(), square, 0);
  *sine = quarter % 2 == 0 ? s : c;
  *cosine = quarter % 2 == 0 ? c : s;
  if (quarter >= 2) *sine = negative(*sine);
  if (quarter == 1 || quarter == 2) *cosine = negative(*cosine);
  if (is_negative) *sine = negative(*sine);
}

static pq_long arc_tangent(pq_long x) {
  bool is_negative = x.is_negative, is_turned;
  pq_long unit = one(), y;
  x.is_negative = false;
  is_turned = pq_long_compare(&x, &unit) > 0;
  if (is_turned) x = divide(unit, x);
  for (int i = 0; i < 3; i++)
    x = divide(x, add(unit, square_root(add(unit, multiply(x, x)))));
  y = multiply(odd_series(x, true), pq_long_of_u32(8));
  if (is_turned) y = subtract(half_pi, y);
  y.is_negative = is_negative;
  return y;
}

/* (1 - x) / (1 + x) */
static pq_long ratio(pq_long x) {
  return divide(subtract(one(), x), add(one(), x));
}

static pq_long hyperbolic(pq_function f, pq_long x) {
  pq_long e, sine, cosine;
  if (is_below(&x, 0)) {
    pq_long square = multiply(x, x);
    sine = factorial_series(x, square, 1);
    cosine = factorial_series(one(), square, 0);
  } else {
    e = exponential(x);
    cosine = half(add(e, divide(one(), e)));
    sine = half(subtract(e, divide(one(), e)));
  }
  return f == PQ_FN_SINH ? sine : f == PQ_FN_COSH ? cosine : divide(sine, cosine);
}

/* ---- the functions ---- */

/* Not exact, so to all 34 digits: as MongoDB shows them. */
static pq_number inexact(pq_long a) {
  pq_long_round(&a, PQ_DECIMAL128_DIGITS);
  pq_long_shift_up(&a, PQ_DECIMAL128_DIGITS - pq_long_digits(&a));
  return pq_long_number(a);
}

/* What is left when x is infinite. */
static pq_number at_infinity(pq_function f, pq_number x) {
  pq_number end = pq_number_of_i64(x.is_negative ? -1 : 1);
  pq_long angle = half_pi;
  switch (f) {
    case PQ_FN_EXP: return x.is_negative ? pq_number_of_i64(0) : x;
    case PQ_FN_LN:
    case PQ_FN_LOG10:
    case PQ_FN_ACOSH: return x.is_negative ? nan_number : x;
    case PQ_FN_ATAN: angle.is_negative = x.is_negative; return inexact(angle);
    case PQ_FN_COSH: x.is_negative = false; return x;
    case PQ_FN_SINH:
    case PQ_FN_ASINH: return x;
    case PQ_FN_TANH: return end;
    default: return nan_number;
  }
}

static pq_number at_zero(pq_function f, pq_number x) {
  switch (f) {
    case PQ_FN_EXP:
    case PQ_FN_COS:
    case PQ_FN_COSH: return pq_number_of_i64(1);
    case PQ_FN_LN:
    case PQ_FN_LOG10: return (pq_number){.kind = PQ_NUMBER_INFINITE, .is_negative = true};
    case PQ_FN_ACOS: return inexact(half_pi);
    case PQ_FN_ACOSH: return nan_number;
    default: return x;
  }
}

/* 10^n exactly? */
static bool is_power_of_ten(pq_long a, int32_t *n) {
  pq_long_strip(&a, INT32_MAX);
  *n = a.exponent;
  return a.count == 1 && a.limb[0] == 1;
}

/* Of functions defined on a part of the line only; false outside of it. */
static bool partial(pq_function f, pq_long x, pq_number *out) {
  pq_long unit = one();
  int c = pq_long_compare(&x, &unit);
  int32_t n;
  *out = nan_number;
  switch (f) {
    case PQ_FN_LN:
    case PQ_FN_LOG10:
      if (x.is_negative) return false;
      if (f == PQ_FN_LOG10 && is_power_of_ten(x, &n) && n >= 0)
        *out = pq_number_of_i64(n);
      else if (c == 0)
        *out = pq_number_of_i64(0);
      else
        *out = inexact(f == PQ_FN_LN ? logarithm(x) : divide(logarithm(x), ln_10));
      return true;
    case PQ_FN_ACOSH:
      if (x.is_negative || c < 0) return false;
      if (real_of(&x) > 2) {
        x = logarithm(add(x, square_root(subtract(multiply(x, x), unit))));
      } else {
        x = area_tangent(square_root(negative(ratio(x))));
        x = add(x, x);
      }
      *out = inexact(x);
      return true;
    default: break;
  }
  if (c > 0) return false;
  if (f == PQ_FN_ATANH)
    *out = c == 0 ? (pq_number){.kind = PQ_NUMBER_INFINITE, .is_negative = x.is_negative}
                  : inexact(area_tangent(x));
  else if (c == 0)
    *out = f == PQ_FN_ASIN  ? inexact(x.is_negative ? negative(half_pi) : half_pi)
           : !x.is_negative ? pq_number_of_i64(0)
                            : inexact(add(half_pi, half_pi));
  else if (f == PQ_FN_ASIN)
    *out = inexact(arc_tangent(divide(x, square_root(multiply(subtract(unit, x), add(unit, x))))));
  else {
    x = arc_tangent(square_root(ratio(x)));
    *out = inexact(add(x, x));
  }
  return true;
}

bool pq_number_function(pq_function f, pq_number number, pq_number *out) {
  pq_long x = pq_long_of(number), sine, cosine;
  *out = number;
  if (number.kind == PQ_NUMBER_NAN) return true;
  *out = at_infinity(f, number);
  if (number.kind == PQ_NUMBER_INFINITE) return true;
  *out = at_zero(f, number);
  if (x.count == 0) return true;
  switch (f) {
    case PQ_FN_EXP: *out = inexact(exponential(x)); return true;
    case PQ_FN_SINH:
    case PQ_FN_COSH:
    case PQ_FN_TANH: *out = inexact(hyperbolic(f, x)); return true;
    case PQ_FN_ATAN: *out = inexact(arc_tangent(x)); return true;
    case PQ_FN_ASINH: /* 2 atanh(x / (1 + sqrt(1 + x^2))), as a logarithm where that nears 1 */
      cosine = square_root(add(one(), multiply(x, x)));
      sine = divide(x, add(one(), cosine));
      if (is_below(&x, 0)) {
        x = area_tangent(sine);
        x = add(x, x);
      } else {
        sine = x;
        sine.is_negative = false;
        sine = logarithm(add(sine, cosine));
        sine.is_negative = x.is_negative;
        x = sine;
      }
      *out = inexact(x);
      return true;
    case PQ_FN_SIN:
    case PQ_FN_COS:
    case PQ_FN_TAN: break;
    default: (void)partial(f, x, out); return true;
  }
  if (height(&x) > PQ_DECIMAL128_DIGITS) return false;
  turn(x, &sine, &cosine);
  *out = inexact(f == PQ_FN_SIN ? sine : f == PQ_FN_COS ? cosine : divide(sine, cosine));
  return true;
}

pq_number pq_number_atan2(pq_number y, pq_number x) {
  pq_long angle = half_pi, a = pq_long_of(y), b = pq_long_of(x);
  bool is_left = x.is_negative;
  if (y.kind == PQ_NUMBER_NAN || x.kind == PQ_NUMBER_NAN) return nan_number;
  a.is_negative = b.is_negative = false;
  if (y.kind == PQ_NUMBER_INFINITE && x.kind == PQ_NUMBER_INFINITE) {
    angle = half(half_pi);
  } else if (x.kind == PQ_NUMBER_INFINITE || (a.count == 0 && y.kind == PQ_NUMBER_FINITE)) {
    if (!is_left) return pq_number_is_zero(y) ? y : (pq_number){.is_negative = y.is_negative};
    angle = (pq_long){0};
  } else if (y.kind == PQ_NUMBER_FINITE && b.count > 0) {
    angle = arc_tangent(divide(a, b));
  } else {
    is_left = false;
  }
  if (is_left) angle = subtract(add(half_pi, half_pi), angle);
  angle.is_negative = y.is_negative;
  return inexact(angle);
}

/* A whole number? *is_odd its last digit. */
static bool is_whole(pq_number n, bool *is_odd) {
  pq_long a = pq_long_of(n), b;
  pq_long_strip(&a, 0);
  b = a;
  pq_long_round(&b, 1);
  *is_odd = a.exponent == 0 && a.count > 0 && a.limb[0] % 2 != 0;
  return a.exponent >= 0;
}

pq_number pq_number_power(pq_number x, pq_number y) {
  pq_long base = pq_long_of(x), power = pq_long_of(y), unit = one();
  bool is_odd = false, is_negative;
  int c;
  if (pq_number_is_zero(y)) return pq_number_of_i64(1);
  c = x.kind != PQ_NUMBER_FINITE ? 1 : pq_long_compare(&base, &unit);
  if (c == 0 && x.kind == PQ_NUMBER_FINITE && !x.is_negative) return inexact(unit);
  if (x.kind == PQ_NUMBER_NAN || y.kind == PQ_NUMBER_NAN) return nan_number;
  if (y.kind == PQ_NUMBER_INFINITE) {
    if (c == 0) return pq_number_of_i64(1);
    return (c > 0) == !y.is_negative ? (pq_number){.kind = PQ_NUMBER_INFINITE} : (pq_number){0};
  }
  if (!is_whole(y, &is_odd) && x.is_negative && c != 0 && !pq_number_is_zero(x))
    if (x.kind == PQ_NUMBER_FINITE) return nan_number;
  is_negative = x.is_negative && is_odd;
  if (x.kind == PQ_NUMBER_INFINITE || base.count == 0)
    return (x.kind == PQ_NUMBER_INFINITE) == !y.is_negative
               ? (pq_number){.kind = PQ_NUMBER_INFINITE, .is_negative = is_negative}
               : (pq_number){.is_negative = is_negative};
  base.is_negative = false;
  base = exponential(multiply(power, logarithm(base)));
  base.is_negative = is_negative;
  return inexact(base);
}

pq_number pq_number_log(pq_number x, pq_number base) {
  pq_number ten = pq_number_of_i64(10), out, below;
  (void)pq_number_function(PQ_FN_LN, x, &out);
  if (pq_number_order(base, ten) == 0) {
    (void)pq_number_function(PQ_FN_LOG10, x, &out);
    return out;
  }
  (void)pq_number_function(PQ_FN_LN, base, &below);
  if (out.kind != PQ_NUMBER_FINITE || below.kind != PQ_NUMBER_FINITE || pq_number_is_zero(out) ||
      pq_number_is_zero(below))
    return pq_number_divide(out, below);
  return inexact(divide(logarithm(pq_long_of(x)), logarithm(pq_long_of(base))));
}

pq_number pq_number_sqrt(pq_number n) {
  pq_long x = pq_long_of(n), y, back;
  int32_t ideal = n.exponent / 2 - (n.exponent % 2 < 0);
  if (n.kind == PQ_NUMBER_NAN) return n;
  if (n.is_negative && !pq_number_is_zero(n)) return nan_number;
  if (n.kind == PQ_NUMBER_INFINITE) return n;
  if (x.count == 0) {
    n.exponent = ideal;
    return n;
  }
  y = square_root(x);
  back = y;
  pq_long_round(&back, PQ_DECIMAL128_DIGITS);
  y = pq_long_multiply(&back, &back);
  if (pq_long_compare(&y, &x) != 0) return inexact(square_root(x));
  pq_long_strip(&back, ideal);
  if (back.exponent > ideal && pq_long_digits(&back) + back.exponent - ideal <= 34)
    pq_long_shift_up(&back, back.exponent - ideal);
  return pq_long_number(back);
}
