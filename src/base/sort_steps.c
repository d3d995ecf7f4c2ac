/* base/sort_steps.c - see sort_steps.h. */
#include "base/sort_steps.h"

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

static int spend(const pq_sort_steps *s, pq_cx *cx, size_t items) {
  return s->is_whole ? PQ_OK : pq_spend(cx, items > UINT32_MAX ? UINT32_MAX : (uint32_t)items);
}

static int begin_merging(pq_sort_steps *s, pq_cx *cx, size_t count, size_t size) {
  s->width = RUN;
  s->at = 0;
  if (count <= RUN) return PQ_OK;
  if (!pq_mul_size(count, size, &s->tmp_len))
    return pq_fail(cx, PQ_ELIMIT, "sort of %zu items", count);
  s->tmp = pq_alloc(cx, NULL, 0, s->tmp_len);
  return s->tmp == NULL ? pq_fail_nomem(cx) : PQ_OK;
}

int pq_sort_some(pq_sort_steps *s, pq_cx *cx, void *items, size_t count, size_t size,
                 pq_compare_fn compare, const void *ud) {
  uint8_t *p = items;
  pq_assert(size > 0 && size <= SIZE_MAX_ITEM);
  for (; s->width == 0 && s->at < count; s->at += RUN) {
    size_t left = count - s->at, n = left < RUN ? left : RUN;
    insertion(p + s->at * size, n, size, compare, ud);
    PQ_TRY(spend(s, cx, n));
  }
  if (s->width == 0) PQ_TRY(begin_merging(s, cx, count, size));
  while (s->width < count) {
    size_t left = count - s->at, both = left / 2 < s->width ? left : 2 * s->width;
    if (both > s->width) {
      merge(p + s->at * size, s->width, both, size, compare, ud, s->tmp);
      PQ_TRY(spend(s, cx, both));
    }
    s->at += both;
    if (s->at == count) {
      s->width *= 2;
      s->at = 0;
    }
    if (!s->is_whole && pq_step_is_over(cx) && s->width < count) return PQ_SORT_ON;
  }
  return PQ_OK;
}

void pq_sort_steps_release(pq_sort_steps *s, pq_cx *cx) {
  if (s->tmp != NULL) pq_alloc(cx, s->tmp, s->tmp_len, 0);
  *s = (pq_sort_steps){0};
}
