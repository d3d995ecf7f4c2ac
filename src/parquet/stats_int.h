/* parquet/stats_int.h - may a minimum and maximum from a file be trusted? */
#ifndef PQ_PARQUET_STATS_INT_H
#define PQ_PARQUET_STATS_INT_H

#include "parquet/format.h"

/* Is the order of the type's values that of its physical type: signed integers, floats, unsigned
 * bytes? Unsigned integers, decimals in bytes, FLOAT16, INT96, unknown annotations are not. */
bool pq_leaf_has_plain_order(const pq_leaf *leaf);

/* Can these bytes be a bound of the leaf: it has an order, the type's length, no NaN? */
bool pq_bound_is_valid(const pq_leaf *leaf, pq_slice bound);

/* Do two valid bounds stand in order? */
bool pq_bounds_are_ordered(const pq_leaf *leaf, pq_slice min, pq_slice max);

/* May values of the type be NaN? */
bool pq_leaf_has_nan(const pq_leaf *leaf);

#endif
