/* parquet/page_bounds_int.h - smallest and largest value of pages and chunks, and their stored
 * form.
 *
 *   values of a page ──► pq_bounds ──merge──► of the chunk      exact, PLAIN bytes
 *                            │
 *                            └──► stored: at most 64 bytes for BYTES
 *                                 min: a prefix        "Zürich, …" → "Zür"
 *                                 max: a prefix, last character one up: "Zür" → "Züs"
 *
 * Order: numbers by value, byte arrays by unsigned bytes. NaN is ignored; a zero minimum is stored
 * as -0.0 and a zero maximum as +0.0 (parquet.thrift: ColumnOrder.TYPE_ORDER).
 */
#ifndef PQ_PARQUET_PAGE_BOUNDS_INT_H
#define PQ_PARQUET_PAGE_BOUNDS_INT_H

#include "base/arena.h"
#include "parquet/encode_int.h"

enum { PQ_BOUND_LEN_MAX = 64 };

typedef struct pq_bounds {
  pq_slice min, max; /* borrowed from the values or an arena */
  bool has;          /* false: no values, or only NaN */
} pq_bounds;

/* Of all values. Numbers are put into the arena, byte arrays are borrowed. */
int pq_bounds_of(pq_arena *arena, const pq_dense *v, pq_bounds *out) PQ_MUST_CHECK;

/* Of the byte arrays at `entries` (>= 1 indexes) of `v`: what a page uses of a dictionary. */
pq_bounds pq_bounds_of_entries(const pq_dense *v, const uint32_t *entries, uint32_t count);

/* Order of two PLAIN values of the type: <0, 0, >0. */
int pq_bounds_cmp(pq_phys phys, pq_slice a, pq_slice b);

/* Widen `all` to hold `b` too. */
void pq_bounds_merge(pq_phys phys, pq_bounds *all, const pq_bounds *b);

/* Shorten to what is stored. *ok is false when the maximum has no short form: drop both. */
int pq_bounds_store(pq_arena *arena, pq_phys phys, bool is_text, pq_bounds *b,
                    bool *ok) PQ_MUST_CHECK;

#endif
