/* base/key_sort.h - a stable sort of many items that are ordered by a text first.
 *
 *   people/7 people/12 people/5      what all begin with is left out: 7 12 5
 *   8 bytes each as a number         sorted by its bytes, from the last to the first
 *   those with the same 8 bytes      sorted by comparing, as pq_sort_items does
 *
 * Ids of one collection share most of their bytes, over which comparing goes each time.
 */
#ifndef PQ_BASE_KEY_SORT_H
#define PQ_BASE_KEY_SORT_H

#include "base/merge_sort.h"

/* The text by which `compare` orders first. */
typedef pq_slice (*pq_key_fn)(const void *item, const void *ud);

/* As pq_sort_items. Takes 32 bytes more an item for its time; without them it compares. */
int pq_sort_by_key(pq_cx *cx, void *items, size_t count, size_t size, pq_key_fn key,
                   pq_compare_fn compare, const void *ud) PQ_MUST_CHECK;

#endif
