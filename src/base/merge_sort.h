/* base/merge_sort.h - a stable merge sort whose memory comes from the context.
 *
 * Runs of 16 are sorted by insertion, then merged pairwise; a pair that is in order already is
 * left alone, so sorted input costs one pass.
 */
#ifndef PQ_BASE_MERGE_SORT_H
#define PQ_BASE_MERGE_SORT_H

#include "base/base.h"

typedef int (*pq_compare_fn)(const void *a, const void *b, const void *ud);

/* Sort `count` items of `size` bytes (at most 64). PQ_ENOMEM leaves them in some order. */
int pq_sort_items(pq_cx *cx, void *items, size_t count, size_t size, pq_compare_fn compare,
                  const void *ud) PQ_MUST_CHECK;

#endif
