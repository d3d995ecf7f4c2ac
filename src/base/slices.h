/* base/slices.h - lists of slices in the order of their bytes: ids that are looked up together.
 *
 *   c a b a ─ sort ─► a b c          each once
 *                     ▲ lower("a2"): 1, the first that is not less
 *                     └ find("a"): 0, find("a2"): 3, the count: it is not there
 */
#ifndef PQ_BASE_SLICES_H
#define PQ_BASE_SLICES_H

#include "base/base.h"

/* Sort and remove repetitions; *count becomes what is left. PQ_ENOMEM leaves them in some order. */
int pq_slices_sort(pq_cx *cx, pq_slice *items, uint32_t *count) PQ_MUST_CHECK;

/* First index in [lo, hi) whose slice is not less than `key`, or `hi`. */
static inline uint32_t pq_slices_lower(const pq_slice *items, uint32_t lo, uint32_t hi,
                                       pq_slice key) {
  while (lo < hi) {
    uint32_t mid = lo + (hi - lo) / 2;
    if (pq_slice_cmp(items[mid], key) < 0)
      lo = mid + 1;
    else
      hi = mid;
  }
  return lo;
}

/* First index in [lo, hi) whose slice is greater than `key`, or `hi`; equal ones are few. */
static inline uint32_t pq_slices_upper(const pq_slice *items, uint32_t lo, uint32_t hi,
                                       pq_slice key) {
  lo = pq_slices_lower(items, lo, hi, key);
  while (lo < hi && pq_slice_eq(items[lo], key))
    lo++;
  return lo;
}

/* Index of `key`, or `count`: it is not there. */
static inline uint32_t pq_slices_find(const pq_slice *items, uint32_t count, pq_slice key) {
  uint32_t at = pq_slices_lower(items, 0, count, key);
  return at < count && pq_slice_eq(items[at], key) ? at : count;
}

#endif
