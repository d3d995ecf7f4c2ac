/* base/merge_sort.c - see sort.h. */
#include "base/merge_sort.h"

#include <string.h>

enum { RUN = 16, SIZE_MAX_ITEM = 64 };

static void insertion(uint8_t *p, size_t count, size_t size, pq_compare_fn compare,
                      const void *ud) {
  uint8_t item[SIZE_MAX_ITEM];
  for (size_t i = 1; i < count; i++) {
    size_t j = i;
    if (compare(p + (i - 1) * size, p + i * size, ud) <= 0) continue;
    memcpy(item, p + i * size, size);
    while (j > 0 && compare(p + (j - 1) * size, item, ud) > 0)
      j--;
    memmove(p + (j + 1) * size, p + j * size, (i - j) * size);
    memcpy(p + j * size, item, size);
  }
}

/* Merge p[0, mid) and p[mid, count); `tmp` has room for mid items. */
static void merge(uint8_t *p, size_t mid, size_t count, size_t size, pq_compare_fn compare,
                  const void *ud, uint8_t *tmp) {
  const uint8_t *left = tmp, *left_end = tmp + mid * size;
  const uint8_t *right = p + mid * size, *right_end = p + count * size;
  if (compare(right - size, right, ud) <= 0) return;
  memcpy(tmp, p, mid * size);
  while (left < left_end) {
    if (right < right_end && compare(left, right, ud) > 0) {
      memcpy(p, right, size);
      right += size;
    } else {
      memcpy(p, left, size);
      left += size;
    }
    p += size;
  }
}

int pq_sort_items(pq_cx *cx, void *items, size_t count, size_t size, pq_compare_fn compare,
                  const void *ud) {
  uint8_t *p = items, *tmp;
  size_t len;
  pq_assert(size > 0 && size <= SIZE_MAX_ITEM);
  for (size_t i = 0; i < count; i += RUN)
    insertion(p + i * size, count - i < RUN ? count - i : RUN, size, compare, ud);
  if (count <= RUN) return PQ_OK;
  if (!pq_mul_size(count, size, &len)) return pq_fail(cx, PQ_ELIMIT, "sort of %zu items", count);
  tmp = pq_alloc(cx, NULL, 0, len);
  if (tmp == NULL) return pq_fail_nomem(cx);
  for (size_t width = RUN; width < count; width *= 2)
    for (size_t i = 0; count - i > width; i += 2 * width) {
      size_t both = count - i < 2 * width ? count - i : 2 * width;
      merge(p + i * size, width, both, size, compare, ud, tmp);
      if (count - i <= 2 * width) break;
    }
  pq_alloc(cx, tmp, len, 0);
  return PQ_OK;
}
