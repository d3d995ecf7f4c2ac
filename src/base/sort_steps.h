/* base/sort_steps.h - the sort of base/merge_sort.h, piece by piece, so that others have a turn.
 *
 *     pq_sort_steps s = {0};
 *     while ((rc = pq_sort_some(&s, cx, items, …)) == PQ_SORT_ON) …
 *     pq_sort_steps_release(&s, cx);
 *
 *   runs of 16 │ merged to 32 │ 64 │ …     a piece is some runs, or one merge
 */
#ifndef PQ_BASE_SORT_STEPS_H
#define PQ_BASE_SORT_STEPS_H

#include "base/merge_sort.h"

enum { PQ_SORT_ON = 1 };

typedef struct pq_sort_steps {
  size_t at, width; /* width 0: runs are made */
  uint8_t *tmp;     /* owned */
  size_t tmp_len;
  bool is_whole; /* set by the caller: in one piece, and nobody is asked */
} pq_sort_steps;

/* Go on, with the same arguments, until all is sorted (PQ_OK), or behind a piece with which the
 * step is over (pq_step_is_over: PQ_SORT_ON). PQ_ENOMEM, what pq_spend says: in some order. */
int pq_sort_some(pq_sort_steps *s, pq_cx *cx, void *items, size_t count, size_t size,
                 pq_compare_fn compare, const void *ud) PQ_MUST_CHECK;
/* Safe on a zeroed one, which it is again afterwards. */
void pq_sort_steps_release(pq_sort_steps *s, pq_cx *cx);

#endif
