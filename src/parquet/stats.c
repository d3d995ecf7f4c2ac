/* parquet/stats.c - see stats_int.h.
 *
 * Bounds of a file are used to leave out pages, so a wrong one silently loses rows. Whatever
 * cannot be compared with certainty counts as absent.
 */
#include <string.h>

#include "parquet/stats_int.h"

bool pq_leaf_has_plain_order(const pq_leaf *leaf) {
  if (leaf->phys == PQ_PHYS_INT96) return false;
  return leaf->logical != PQ_LOGICAL_OTHER && leaf->logical != PQ_LOGICAL_VARIANT;
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

bool pq_bounds_are_ordered(const pq_leaf *leaf, pq_slice min, pq_slice max) {
  switch (leaf->phys) {
    case PQ_PHYS_INT32: return (int32_t)pq_rd32(min.p) <= (int32_t)pq_rd32(max.p);
    case PQ_PHYS_INT64: return (int64_t)pq_rd64(min.p) <= (int64_t)pq_rd64(max.p);
    case PQ_PHYS_FLOAT: return as_float(min) <= as_float(max);
    case PQ_PHYS_DOUBLE: return as_double(min) <= as_double(max);
    default: return pq_slice_cmp(min, max) <= 0;
  }
}
