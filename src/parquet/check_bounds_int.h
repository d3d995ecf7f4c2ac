/* parquet/check_bounds_int.h - do bounds hold for values, and do they occur among them?
 *
 *   min ─► GE ─┐                    one condition (predicate_int.h) each, so that the order of the
 *   max ─► LE ─┴─► every value      type is known in one place
 */
#ifndef PQ_PARQUET_CHECK_BOUNDS_INT_H
#define PQ_PARQUET_CHECK_BOUNDS_INT_H

#include "parquet/format.h"
#include "parquet/predicate_int.h"

typedef struct pq_bounds_check {
  pq_leaf leaf; /* as a flat one: values alone are compared */
  pq_footer footer;
  pq_slice min, max;
  bool has_min, has_max, is_nan_free;
  pq_condition low, high, is_min, is_max;
  bool is_broken; /* one of them was exceeded */
  bool has_seen_min, has_seen_max;
} pq_bounds_check;

/* Prepare to compare; bounds are borrowed, the rest lives in `arena`. Bounds that the type has no
 * order for are left out. May not be moved. PQ_ENOMEM. */
int pq_bounds_check_init(pq_bounds_check *c, pq_arena *arena, const pq_leaf *leaf,
                         const pq_bounds *bounds) PQ_MUST_CHECK;
/* Compare `n` values in slots; `scratch` has n bytes. */
void pq_bounds_check_values(pq_bounds_check *c, const void *values, uint32_t n, uint8_t *scratch);

#endif
