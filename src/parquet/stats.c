/* parquet/stats.c - see stats_int.h.
 *
 * Bounds of a file are used to leave out pages, so a wrong one silently loses rows. Whatever
 * cannot be compared with certainty counts as absent.
 *
 *   FLOAT16    sign:1 exponent:5 fraction:10     as numbers: flip all bits of negative ones, the
 *                                                sign of the others, and compare unsigned
 *   decimals   00 00 12 34  =  12 34             as numbers: the shorter one extended by its sign
 */
#include <string.h>

#include "parquet/stats_int.h"

enum { HALF_LEN = 2, HALF_SIGN = 0x8000, HALF_INFINITY = 0x7c00, HALF_MAGNITUDE = 0x7fff };

bool pq_leaf_has_plain_order(const pq_leaf *leaf) {
  return leaf->sort == PQ_SORT_SIGNED || leaf->sort == PQ_SORT_FLOAT || leaf->sort == PQ_SORT_BYTES;
}

bool pq_leaf_has_nan(const pq_leaf *leaf) {
  return leaf->phys == PQ_PHYS_FLOAT || leaf->phys == PQ_PHYS_DOUBLE ||
         leaf->sort == PQ_SORT_FLOAT16;
}

static float as_float(pq_slice s) {
  uint32_t bits = pq_rd32(s.p);
  float v;
  memcpy(&v, &bits, sizeof v);
  return v;
}

static double as_double(pq_slice s) {
  uint64_t bits = pq_rd64(s.p);
  double v;
  memcpy(&v, &bits, sizeof v);
  return v;
}

bool pq_bound_is_valid(const pq_leaf *leaf, pq_slice bound) {
  if (leaf->sort == PQ_SORT_NONE) return false;
  if (leaf->sort == PQ_SORT_FLOAT16)
    return bound.n == HALF_LEN && (pq_rd16(bound.p) & HALF_MAGNITUDE) <= HALF_INFINITY;
  if (leaf->sort == PQ_SORT_DECIMAL) /* cut short it would be another number */
    return leaf->phys == PQ_PHYS_FIXED ? bound.n == leaf->type_len : bound.n > 0;
  switch (leaf->phys) {
    case PQ_PHYS_BOOL: return bound.n == 1 && bound.p[0] <= 1;
    case PQ_PHYS_INT32: return bound.n == 4;
    case PQ_PHYS_INT64: return bound.n == 8;
    case PQ_PHYS_FLOAT: return bound.n == 4 && as_float(bound) == as_float(bound);
    case PQ_PHYS_DOUBLE: return bound.n == 8 && as_double(bound) == as_double(bound);
    case PQ_PHYS_BYTES: return true;
    case PQ_PHYS_FIXED: return bound.n <= leaf->type_len; /* may be truncated */
    case PQ_PHYS_INT96: return false;
  }
  return false;
}

/* A key that sorts as the number does; both zeros have one. */
static unsigned half_key(pq_slice s) {
  unsigned bits = pq_rd16(s.p);
  if ((bits & HALF_MAGNITUDE) == 0) bits = 0;
  return (bits & HALF_SIGN) != 0 ? HALF_MAGNITUDE - (bits & HALF_MAGNITUDE) : bits | HALF_SIGN;
}

/* Byte `i` from the end of a number, beyond its length its sign. */
static uint8_t decimal_byte(pq_slice s, size_t i) {
  if (i < s.n) return s.p[s.n - 1 - i];
  return s.n > 0 && s.p[0] >= 0x80 ? 0xff : 0;
}

static int decimal_cmp(pq_slice a, pq_slice b) {
  size_t n = a.n > b.n ? a.n : b.n;
  for (size_t i = n; i-- > 0;) {
    int flip = i == n - 1 ? 0x80 : 0; /* the sign */
    int x = decimal_byte(a, i) ^ flip, y = decimal_byte(b, i) ^ flip;
    if (x != y) return x - y;
  }
  return 0;
}

bool pq_bounds_are_ordered(const pq_leaf *leaf, pq_slice min, pq_slice max) {
  if (leaf->sort == PQ_SORT_FLOAT16) return half_key(min) <= half_key(max);
  if (leaf->sort == PQ_SORT_DECIMAL) return decimal_cmp(min, max) <= 0;
  if (leaf->sort == PQ_SORT_UNSIGNED && leaf->phys == PQ_PHYS_INT32)
    return pq_rd32(min.p) <= pq_rd32(max.p);
  if (leaf->sort == PQ_SORT_UNSIGNED) return pq_rd64(min.p) <= pq_rd64(max.p);
  switch (leaf->phys) {
    case PQ_PHYS_INT32: return (int32_t)pq_rd32(min.p) <= (int32_t)pq_rd32(max.p);
    case PQ_PHYS_INT64: return (int64_t)pq_rd64(min.p) <= (int64_t)pq_rd64(max.p);
    case PQ_PHYS_FLOAT: return as_float(min) <= as_float(max);
    case PQ_PHYS_DOUBLE: return as_double(min) <= as_double(max);
    default: return pq_slice_cmp(min, max) <= 0;
  }
}
