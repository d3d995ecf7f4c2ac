/* parquet/page_bounds_int.h - smallest and largest value of pages and chunks, and their stored
 * form.
 *
 *   values of a page ──► pq_bounds ──merge──► of the chunk      exact, PLAIN bytes
 *                            │
 *                            └──► stored: at most 64 bytes for BYTES
 *                                 min: a prefix        "Zürich, …" → "Zür"
 *                                 max: a prefix, last character one up: "Zür" → "Züs"
 *
 * Numbers are ordered by value, byte arrays by unsigned bytes, decimals in them as the signed
 * big-endian numbers that they are. NaN is ignored; a zero minimum is stored as -0.0 and a zero
 * maximum as +0.0 (parquet.thrift: ColumnOrder.TYPE_ORDER). Only BYTES are shortened.
 */
#ifndef PQ_PARQUET_PAGE_BOUNDS_INT_H
#define PQ_PARQUET_PAGE_BOUNDS_INT_H

#include "base/arena.h"
#include "parquet/encode_int.h"

enum { PQ_BOUND_LEN_MAX = 64 };

/* How the values of a column are compared; NONE: not at all. */
typedef enum pq_bounds_order {
  PQ_BOUNDS_NONE = 0,
  PQ_BOUNDS_BOOL,
  PQ_BOUNDS_INT32,
  PQ_BOUNDS_INT64,
  PQ_BOUNDS_UINT32,
  PQ_BOUNDS_UINT64,
  PQ_BOUNDS_FLOAT,
  PQ_BOUNDS_DOUBLE,
  PQ_BOUNDS_BYTES,
  PQ_BOUNDS_FIXED,   /* as BYTES, but never shortened */
  PQ_BOUNDS_DECIMAL, /* of BYTES or FIXED: two's complement, big-endian */
  PQ_BOUNDS_FLOAT16  /* of FIXED */
} pq_bounds_order;

typedef struct pq_bounds {
  pq_slice min, max; /* borrowed from the values or an arena */
  bool has;          /* false: no values, or only NaN */
  bool has_nan;      /* there are NaN that the bounds leave out */
} pq_bounds;

/* Of all values. Numbers are put into the arena, byte arrays are borrowed. */
int pq_bounds_of(pq_arena *arena, pq_bounds_order order, const pq_dense *v,
                 pq_bounds *out) PQ_MUST_CHECK;

/* Of the byte arrays at `entries` (>= 1 indexes) of `v`: what a page uses of a dictionary. */
pq_bounds pq_bounds_of_entries(pq_bounds_order order, const pq_dense *v, const uint32_t *entries,
                               uint32_t count);

/* Order of two PLAIN values that are no NaN: <0, 0, >0. */
int pq_bounds_cmp(pq_bounds_order order, pq_slice a, pq_slice b);

/* Widen `all` to hold `b` too. */
void pq_bounds_merge(pq_bounds_order order, pq_bounds *all, const pq_bounds *b);

/* Shorten to what is stored. *ok is false when the maximum has no short form: drop both. */
int pq_bounds_store(pq_arena *arena, pq_bounds_order order, bool is_text, pq_bounds *b,
                    bool *ok) PQ_MUST_CHECK;

#endif
