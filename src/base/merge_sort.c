/* base/merge_sort.c - see merge_sort.h; the work is in sort_steps.c. */
#include "base/sort_steps.h"

int pq_sort_items(pq_cx *cx, void *items, size_t count, size_t size, pq_compare_fn compare,
                  const void *ud) {
  pq_sort_steps s = {.is_whole = true};
  int rc = pq_sort_some(&s, cx, items, count, size, compare, ud);
  pq_sort_steps_release(&s, cx);
  pq_assert(rc <= PQ_OK);
  return rc;
}
