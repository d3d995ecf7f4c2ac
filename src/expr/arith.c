/* expr/arith.c - the numbers of $inc and $mul (MONGO.md 1, rules 30 and 31).
 *
 *   int with int       -> int, or long when it does not fit
 *   long with int/long -> long, or an overflow
 *   double with those  -> double
 *   decimal with int, long, decimal -> decimal, exact up to 34 digits
 *
 * Decimal results that would have to be rounded, and decimal with double, are not built: the
 * caller says so. Pure functions, any thread.
 */
#include "expr/expr_int.h"

enum { DECIMAL_SCALE_MAX = 38 };

typedef struct wide {
  uint64_t hi, lo;
} wide;

/* 10^34: the first magnitude that decimal128 cannot hold. */
static const wide magnitude_end = {0x1ED09BEAD87C0u, 0x378D8E6400000000u};

static int wide_compare(wide a, wide b) {
  if (a.hi != b.hi) return a.hi < b.hi ? -1 : 1;
  return (a.lo > b.lo) - (a.lo < b.lo);
}

/* 64 x 64 -> 128 bits, by halves. */
static wide wide_product(uint64_t a, uint64_t b) {
  uint64_t a_lo = a & UINT32_MAX, a_hi = a >> 32, b_lo = b & UINT32_MAX, b_hi = b >> 32;
  uint64_t low = a_lo * b_lo, mid_1 = a_hi * b_lo, mid_2 = a_lo * b_hi;
  uint64_t mid = (low >> 32) + (mid_1 & UINT32_MAX) + (mid_2 & UINT32_MAX);
  return (wide){a_hi * b_hi + (mid_1 >> 32) + (mid_2 >> 32) + (mid >> 32),
                mid << 32 | (low & UINT32_MAX)};
}

/* False when the result does not stay below 10^34. Both inputs do. */
static bool wide_multiply(wide a, wide b, wide *out) {
  wide cross;
  *out = wide_product(a.lo, b.lo);
  if (a.hi != 0 && b.hi != 0) return false;
  cross = wide_product(a.hi != 0 ? a.hi : b.hi, a.hi != 0 ? b.lo : a.lo);
  if (cross.hi != 0 || !pq_add_u64(out->hi, cross.lo, &out->hi)) return false;
  return wide_compare(*out, magnitude_end) < 0;
}

static wide wide_sum(wide a, wide b) { /* below 2 * 10^34: no overflow */
  wide out = {a.hi + b.hi, a.lo + b.lo};
  if (out.lo < a.lo) out.hi++;
  return out;
}

static wide wide_difference(wide a, wide b) { /* a >= b */
  return (wide){a.hi - b.hi - (a.lo < b.lo ? 1u : 0u), a.lo - b.lo};
}

static wide magnitude(const pq_decimal *d) {
  return (wide){d->hi, d->lo};
}

static pq_decimal decimal_of(pq_quantity n) {
  if (n.type == PQ_TYPE_DECIMAL) return n.decimal;
  return (pq_decimal){.is_negative = n.integer < 0,
                      .lo = n.integer < 0 ? 0 - (uint64_t)n.integer : (uint64_t)n.integer};
}

static bool scale_up(pq_decimal *d, uint8_t scale) {
  wide w = magnitude(d);
  for (; d->scale < scale; d->scale++)
    if (!wide_multiply(w, (wide){0, 10}, &w)) return false;
  d->hi = w.hi;
  d->lo = w.lo;
  return true;
}

static bool decimal_add(pq_decimal a, pq_decimal b, pq_decimal *out) {
  wide sum;
  *out = (pq_decimal){0};
  if (!scale_up(&a, b.scale) || !scale_up(&b, a.scale)) return false;
  if (a.is_negative == b.is_negative) {
    sum = wide_sum(magnitude(&a), magnitude(&b));
  } else {
    int c = wide_compare(magnitude(&a), magnitude(&b));
    if (c < 0) {
      pq_decimal swap = a;
      a = b;
      b = swap;
    }
    sum = wide_difference(magnitude(&a), magnitude(&b));
    if (c == 0) a.is_negative = false;
  }
  *out = (pq_decimal){a.is_negative, sum.hi, sum.lo, a.scale};
  return wide_compare(sum, magnitude_end) < 0;
}

static bool decimal_multiply(pq_decimal a, pq_decimal b, pq_decimal *out) {
  wide product;
  *out = (pq_decimal){0};
  if (a.scale + b.scale > DECIMAL_SCALE_MAX) return false;
  if (!wide_multiply(magnitude(&a), magnitude(&b), &product)) return false;
  *out = (pq_decimal){a.is_negative != b.is_negative, product.hi, product.lo,
                      (uint8_t)(a.scale + b.scale)};
  return true;
}

bool pq_quantity_of(pq_value v, pq_quantity *out) {
  *out = (pq_quantity){.type = pq_value_type(v)};
  switch (out->type) {
    case PQ_TYPE_INT32:
    case PQ_TYPE_INT64: return pq_value_i64(v, &out->integer);
    case PQ_TYPE_DOUBLE: return pq_value_double(v, &out->real);
    case PQ_TYPE_DECIMAL: out->is_unsupported = !pq_value_decimal(v, &out->decimal); return true;
    default: return false;
  }
}

/* The result's kind: DECIMAL, DOUBLE, INT64 or INT32, whichever of the two is first. */
static pq_type kind_of(pq_quantity a, pq_quantity b) {
  if (a.type == PQ_TYPE_DECIMAL || b.type == PQ_TYPE_DECIMAL) return PQ_TYPE_DECIMAL;
  if (a.type == PQ_TYPE_DOUBLE || b.type == PQ_TYPE_DOUBLE) return PQ_TYPE_DOUBLE;
  return a.type == PQ_TYPE_INT64 || b.type == PQ_TYPE_INT64 ? PQ_TYPE_INT64 : PQ_TYPE_INT32;
}

static double real_of(pq_quantity n) {
  return n.type == PQ_TYPE_DOUBLE ? n.real : (double)n.integer;
}

static pq_arith_result combine(pq_quantity a, pq_quantity b, bool is_sum, pq_quantity *out) {
  bool fits;
  *out = (pq_quantity){.type = kind_of(a, b)};
  if (a.is_unsupported || b.is_unsupported) return PQ_ARITH_UNSUPPORTED;
  if (out->type == PQ_TYPE_DECIMAL) {
    pq_decimal x = decimal_of(a), y = decimal_of(b);
    if (a.type == PQ_TYPE_DOUBLE || b.type == PQ_TYPE_DOUBLE) return PQ_ARITH_UNSUPPORTED;
    if (wide_compare(magnitude(&x), magnitude_end) >= 0) return PQ_ARITH_UNSUPPORTED;
    if (wide_compare(magnitude(&y), magnitude_end) >= 0) return PQ_ARITH_UNSUPPORTED;
    fits = is_sum ? decimal_add(x, y, &out->decimal) : decimal_multiply(x, y, &out->decimal);
    return fits ? PQ_ARITH_OK : PQ_ARITH_UNSUPPORTED;
  }
  if (out->type == PQ_TYPE_DOUBLE) {
    out->real = is_sum ? real_of(a) + real_of(b) : real_of(a) * real_of(b);
    return PQ_ARITH_OK;
  }
  fits = is_sum ? pq_add_i64(a.integer, b.integer, &out->integer)
                : pq_mul_i64(a.integer, b.integer, &out->integer);
  if (!fits) return PQ_ARITH_OVERFLOW;
  if (out->integer < INT32_MIN || out->integer > INT32_MAX) out->type = PQ_TYPE_INT64;
  return PQ_ARITH_OK;
}

pq_arith_result pq_quantity_add(pq_quantity a, pq_quantity b, pq_quantity *out) {
  return combine(a, b, true, out);
}

pq_arith_result pq_quantity_multiply(pq_quantity a, pq_quantity b, pq_quantity *out) {
  return combine(a, b, false, out);
}
