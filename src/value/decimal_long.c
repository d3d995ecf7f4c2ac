/* value/decimal_long.c - long decimal numbers. See decimal_int.h. */
#include <string.h>

#include "value/decimal_int.h"

enum { E9 = 1000000000, LIMB_DIGITS = 9, EXACT_DIGITS = 170 };

static const uint32_t powers[LIMB_DIGITS + 1] = {1,      10,      100,      1000,      10000,
                                                 100000, 1000000, 10000000, 100000000, E9};

static void trim(pq_long *a) {
  while (a->count > 0 && a->limb[a->count - 1] == 0)
    a->count--;
}

pq_long pq_long_of(pq_number n) {
  pq_long a = {.is_negative = n.is_negative, .exponent = n.exponent};
  while (n.hi != 0 || n.lo != 0)
    a.limb[a.count++] = pq_div_u128(&n.hi, &n.lo, E9);
  return a;
}

pq_long pq_long_of_u32(uint32_t v) {
  return pq_long_of((pq_number){.lo = v});
}

int pq_long_digits(const pq_long *a) {
  int n = 0;
  if (a->count == 0) return 0;
  while (n < LIMB_DIGITS && a->limb[a->count - 1] >= powers[n])
    n++;
  return n + (int)(a->count - 1) * LIMB_DIGITS;
}

/* ---- digits dropped and appended ---- */

static uint32_t digit_at(const pq_long *a, int32_t i) {
  uint32_t at = (uint32_t)i / LIMB_DIGITS;
  return at >= a->count ? 0 : a->limb[at] / powers[i % LIMB_DIGITS] % 10;
}

/* Is any of the digits [0, end) not zero? */
static bool has_digits(const pq_long *a, int32_t end) {
  uint32_t whole = (uint32_t)end / LIMB_DIGITS;
  for (uint32_t i = 0; i < a->count && i < whole; i++)
    if (a->limb[i] != 0) return true;
  return whole < a->count && a->limb[whole] % powers[end % LIMB_DIGITS] != 0;
}

/* Does the magnitude grow when the last `drop` digits go? */
static bool rounds_up(const pq_long *a, int32_t drop, pq_rounding how) {
  uint32_t first;
  if (how == PQ_ROUND_TRUNC || !has_digits(a, drop)) return false;
  if (how == PQ_ROUND_FLOOR) return a->is_negative;
  if (how == PQ_ROUND_CEIL) return !a->is_negative;
  first = digit_at(a, drop - 1);
  if (first != 5 || has_digits(a, drop - 1)) return first >= 5;
  return digit_at(a, drop) % 2 != 0;
}

static void add_one(pq_long *a) {
  for (uint32_t i = 0; i < a->count; i++) {
    if (++a->limb[i] < E9) return;
    a->limb[i] = 0;
  }
  pq_assert(a->count < PQ_LONG_LIMBS);
  a->limb[a->count++] = 1;
}

void pq_long_shift_down(pq_long *a, int32_t drop, pq_rounding how) {
  uint32_t whole = (uint32_t)drop / LIMB_DIGITS, part = (uint32_t)drop % LIMB_DIGITS;
  bool is_up;
  if (drop <= 0) return;
  is_up = rounds_up(a, drop, how);
  a->exponent += drop;
  for (uint32_t i = 0; i + whole < a->count; i++) {
    uint32_t next = i + whole + 1 < a->count ? a->limb[i + whole + 1] : 0;
    a->limb[i] = a->limb[i + whole] / powers[part];
    if (part > 0) a->limb[i] += next % powers[part] * powers[LIMB_DIGITS - part];
  }
  a->count = a->count > whole ? a->count - whole : 0;
  trim(a);
  if (is_up) add_one(a);
}

static void multiply_small(pq_long *a, uint32_t factor) {
  uint64_t carry = 0;
  for (uint32_t i = 0; i < a->count; i++) {
    carry += (uint64_t)a->limb[i] * factor;
    a->limb[i] = (uint32_t)(carry % E9);
    carry /= E9;
  }
  if (carry == 0) return;
  pq_assert(a->count < PQ_LONG_LIMBS);
  a->limb[a->count++] = (uint32_t)carry;
}

void pq_long_shift_up(pq_long *a, int32_t more) {
  uint32_t whole = (uint32_t)more / LIMB_DIGITS;
  if (more <= 0) return;
  a->exponent -= more;
  if (a->count == 0) return;
  pq_assert(whole <= PQ_LONG_LIMBS - a->count);
  memmove(a->limb + whole, a->limb, a->count * sizeof *a->limb);
  memset(a->limb, 0, whole * sizeof *a->limb);
  a->count += whole;
  multiply_small(a, powers[(uint32_t)more % LIMB_DIGITS]);
}

void pq_long_round(pq_long *a, int digits) {
  int extra = pq_long_digits(a) - digits;
  if (extra <= 0) return;
  pq_long_shift_down(a, extra, PQ_ROUND_EVEN);
  if (pq_long_digits(a) > digits) pq_long_shift_down(a, 1, PQ_ROUND_TRUNC); /* 99… became 100… */
}

void pq_long_strip(pq_long *a, int32_t exponent_max) {
  int32_t zeros = 0, all = pq_long_digits(a);
  while (zeros < all && a->exponent + zeros < exponent_max && digit_at(a, zeros) == 0)
    zeros++;
  pq_long_shift_down(a, zeros, PQ_ROUND_TRUNC);
}

pq_number pq_long_number(pq_long a) {
  pq_number n = {.is_negative = a.is_negative};
  int32_t drop = pq_long_digits(&a) - PQ_DECIMAL128_DIGITS;
  if (drop < PQ_DECIMAL_EXPONENT_MIN - a.exponent) drop = PQ_DECIMAL_EXPONENT_MIN - a.exponent;
  pq_long_shift_down(&a, drop, PQ_ROUND_EVEN);
  if (pq_long_digits(&a) > PQ_DECIMAL128_DIGITS) pq_long_shift_down(&a, 1, PQ_ROUND_TRUNC);
  if (a.exponent > PQ_DECIMAL_EXPONENT_MAX && a.count > 0) {
    int32_t more = a.exponent - PQ_DECIMAL_EXPONENT_MAX;
    if (more > PQ_DECIMAL128_DIGITS - pq_long_digits(&a)) {
      n.kind = PQ_NUMBER_INFINITE;
      return n;
    }
    pq_long_shift_up(&a, more);
  }
  n.exponent = a.exponent > PQ_DECIMAL_EXPONENT_MAX ? PQ_DECIMAL_EXPONENT_MAX : a.exponent;
  for (uint32_t i = a.count; i > 0; i--) {
    bool fits = pq_mul_u128(&n.hi, &n.lo, E9, a.limb[i - 1]);
    pq_assert(fits);
  }
  return n;
}

/* ---- sums ---- */

/* Magnitudes at one exponent. */
static int compare_limbs(const pq_long *a, const pq_long *b) {
  if (a->count != b->count) return a->count < b->count ? -1 : 1;
  for (uint32_t i = a->count; i > 0; i--)
    if (a->limb[i - 1] != b->limb[i - 1]) return a->limb[i - 1] < b->limb[i - 1] ? -1 : 1;
  return 0;
}

int pq_long_compare(const pq_long *a, const pq_long *b) {
  int32_t x = pq_long_digits(a) + a->exponent, y = pq_long_digits(b) + b->exponent;
  pq_long up;
  if (a->count == 0 || b->count == 0) return (a->count > 0) - (b->count > 0);
  if (x != y) return x < y ? -1 : 1;
  if (a->exponent <= b->exponent) {
    up = *b;
    pq_long_shift_up(&up, b->exponent - a->exponent);
    return compare_limbs(a, &up);
  }
  up = *a;
  pq_long_shift_up(&up, a->exponent - b->exponent);
  return compare_limbs(&up, b);
}

static void add_limbs(pq_long *a, const pq_long *b) {
  uint32_t carry = 0, count = a->count > b->count ? a->count : b->count;
  for (uint32_t i = 0; i < count; i++) {
    uint32_t x = i < a->count ? a->limb[i] : 0, y = i < b->count ? b->limb[i] : 0;
    x += y + carry;
    carry = x >= E9;
    a->limb[i] = carry ? x - E9 : x;
  }
  a->count = count;
  if (carry == 0) return;
  pq_assert(count < PQ_LONG_LIMBS);
  a->limb[a->count++] = 1;
}

/* a -= b, which is no larger. */
static void subtract_limbs(pq_long *a, const pq_long *b) {
  uint32_t borrow = 0;
  for (uint32_t i = 0; i < a->count; i++) {
    uint32_t y = (i < b->count ? b->limb[i] : 0) + borrow;
    borrow = a->limb[i] < y;
    a->limb[i] = a->limb[i] + (borrow ? E9 : 0) - y;
  }
  trim(a);
}

pq_long pq_long_add(const pq_long *a, const pq_long *b) {
  pq_long high = a->exponent >= b->exponent ? *a : *b, low = a->exponent >= b->exponent ? *b : *a;
  int32_t up = high.exponent - low.exponent, room = EXACT_DIGITS - pq_long_digits(&high);
  if (high.count == 0) {
    if (low.count == 0) low.is_negative = a->is_negative && b->is_negative;
    return low;
  }
  if (up > room) { /* too far below to be more than a trace */
    up = room;
    if (low.count > 0) low = (pq_long){.is_negative = low.is_negative, .count = 1, .limb = {1}};
    low.exponent = high.exponent - up;
  }
  pq_long_shift_up(&high, up);
  if (high.is_negative == low.is_negative) {
    add_limbs(&high, &low);
    return high;
  }
  if (compare_limbs(&high, &low) >= 0) {
    subtract_limbs(&high, &low);
    if (high.count == 0) high.is_negative = false;
    return high;
  }
  subtract_limbs(&low, &high);
  return low;
}

pq_long pq_long_subtract(const pq_long *a, const pq_long *b) {
  pq_long turned = *b;
  turned.is_negative = !b->is_negative;
  return pq_long_add(a, &turned);
}

/* ---- products and quotients ---- */

pq_long pq_long_multiply(const pq_long *a, const pq_long *b) {
  pq_long out = {.is_negative = a->is_negative != b->is_negative,
                 .exponent = a->exponent + b->exponent};
  pq_assert(a->count + b->count <= PQ_LONG_LIMBS);
  if (a->count == 0 || b->count == 0) return out;
  out.count = a->count + b->count;
  for (uint32_t i = 0; i < a->count; i++) {
    uint64_t carry = 0;
    for (uint32_t k = 0; k < b->count; k++) {
      carry += (uint64_t)a->limb[i] * b->limb[k] + out.limb[i + k];
      out.limb[i + k] = (uint32_t)(carry % E9);
      carry /= E9;
    }
    out.limb[i + b->count] = (uint32_t)carry;
  }
  trim(&out);
  return out;
}

/* limb[at ..] -= v * q; true when that was too much. */
static bool subtract_product(uint32_t *limb, const pq_long *v, uint64_t q) {
  uint64_t carry = 0;
  for (uint32_t i = 0; i <= v->count; i++) {
    uint64_t take;
    if (i < v->count) carry += q * v->limb[i];
    take = carry % E9;
    carry /= E9;
    if (limb[i] < take) {
      limb[i] += E9;
      carry++;
    }
    limb[i] -= (uint32_t)take;
  }
  return carry != 0;
}

static void add_back(uint32_t *limb, const pq_long *v) {
  uint32_t carry = 0;
  for (uint32_t i = 0; i <= v->count; i++) {
    uint32_t x = limb[i] + (i < v->count ? v->limb[i] : 0) + carry;
    carry = x >= E9;
    limb[i] = carry ? x - E9 : x;
  }
}

/* Knuth, The Art of Computer Programming 2, 4.3.1, algorithm D, in base 10^9: u becomes the rest.
 * u has one limb to spare, v at least one. */
static void divide_limbs(pq_long *u, const pq_long *divisor, pq_long *quotient) {
  pq_long v = *divisor;
  uint32_t scale = (uint32_t)(E9 / ((uint64_t)v.limb[v.count - 1] + 1)), top;
  uint64_t rest = 0;
  quotient->count = 0;
  if (u->count < v.count) return;
  multiply_small(u, scale);
  multiply_small(&v, scale);
  top = v.limb[v.count - 1];
  pq_assert(u->count < PQ_LONG_LIMBS);
  u->limb[u->count] = 0;
  quotient->count = u->count - v.count + 1;
  for (uint32_t at = quotient->count; at > 0; at--) {
    uint32_t *limb = u->limb + at - 1;
    uint64_t two = (uint64_t)limb[v.count] * E9 + limb[v.count - 1];
    uint64_t q = two / top;
    if (q >= E9) q = E9 - 1;
    while (v.count > 1 && two - q * top < E9 &&
           q * v.limb[v.count - 2] > (two - q * top) * E9 + limb[v.count - 2])
      q--;
    if (subtract_product(limb, &v, q)) {
      add_back(limb, &v);
      q--;
    }
    quotient->limb[at - 1] = (uint32_t)q;
  }
  trim(quotient);
  u->count = v.count;
  for (uint32_t i = u->count; i > 0; i--) {
    rest = rest * E9 + u->limb[i - 1];
    u->limb[i - 1] = (uint32_t)(rest / scale);
    rest %= scale;
  }
  trim(u);
}

pq_long pq_long_divide(const pq_long *a, const pq_long *b, int digits, bool *is_exact) {
  pq_long u = *a, q = {.is_negative = a->is_negative != b->is_negative};
  pq_assert(b->count > 0);
  pq_long_shift_up(&u, digits + pq_long_digits(b) - pq_long_digits(a));
  q.exponent = u.exponent - b->exponent;
  divide_limbs(&u, b, &q);
  *is_exact = u.count == 0;
  return q;
}

void pq_long_modulo(pq_long *a, const pq_long *b) {
  pq_long q;
  divide_limbs(a, b, &q);
}
