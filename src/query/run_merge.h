/* query/run_merge.h - sorted runs of records in temporary files become one, in order.
 *
 *   pass 1   r0 r1 r2 | r3 r4 r5 | r6      as many at a time as the memory allows
 *   pass 2   a        | b        | r6      neighbours only, so that equal records keep their order
 *   reading  a heap of the first records
 */
#ifndef PQ_QUERY_RUN_MERGE_H
#define PQ_QUERY_RUN_MERGE_H

#include "query/blocking.h"

/* How records are compared: given keys ascending, then fields of the last value, a document. */
typedef struct pq_record_order {
  uint32_t key_count;
  const pq_sort *sort; /* borrowed; NULL: none */
  pq_collation collation;
} pq_record_order;

typedef struct pq_record {
  const pq_value *values; /* key_count + 1 */
  pq_value *keys;         /* of the sort's fields */
  bool *empties;
} pq_record;

/* Look up the keys of record->values; the arrays live in `arena`. */
int pq_record_load(const pq_record_order *order, pq_arena *arena, pq_record *record) PQ_MUST_CHECK;
int pq_record_compare(const pq_record_order *order, const pq_record *a, const pq_record *b);

/* Runs in the order of their making. */
typedef struct pq_run_list {
  pq_spill_run **items; /* owned, the runs too */
  uint32_t count, cap;
} pq_run_list;

/* Append a new run. */
int pq_run_list_add(pq_run_list *l, pq_spill *spill, pq_cx *cx) PQ_MUST_CHECK;
void pq_run_list_release(pq_run_list *l, pq_cx *cx);

typedef struct pq_run_merge pq_run_merge;
int pq_run_merge_new(pq_cx *cx, pq_spill *spill, const pq_record_order *order, uint64_t memory_max,
                     pq_run_merge **out) PQ_MUST_CHECK;
/* Takes NULL. */
void pq_run_merge_free(pq_run_merge *m);
/* Merge runs until few are left, and begin to read them; takes the runs out of `runs`. */
int pq_run_merge_prepare(pq_run_merge *m, pq_fetch *f, pq_run_list *runs) PQ_MUST_CHECK;
/* The next record, borrowed until the next call; NULL behind the last. */
int pq_run_merge_next(pq_run_merge *m, pq_fetch *f, const pq_value **out) PQ_MUST_CHECK;

#endif
