/* base/slices.c - see slices.h. */
#include "base/slices.h"

#include "base/key_sort.h"

static int compare_slices(const void *a, const void *b, const void *ud) {
  (void)ud;
  return pq_slice_cmp(*(const pq_slice *)a, *(const pq_slice *)b);
}

static pq_slice itself(const void *item, const void *ud) {
  (void)ud;
  return *(const pq_slice *)item;
}

int pq_slices_sort(pq_cx *cx, pq_slice *items, uint32_t *count) {
  uint32_t n = 0;
  PQ_TRY(pq_sort_by_key(cx, items, *count, sizeof *items, itself, compare_slices, NULL));
  for (uint32_t i = 0; i < *count; i++)
    if (n == 0 || !pq_slice_eq(items[n - 1], items[i])) items[n++] = items[i];
  *count = n;
  return PQ_OK;
}
