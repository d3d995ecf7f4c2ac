/* query/sorter.h - records in order, in memory or through temporary files.
 *
 *   record:  [ given keys … | document ]      order: given keys ascending, then the sort's fields
 *
 *   add add add ─► memory ─full─► run 0, run 1, … ─► merged, FAN_MAX at a time ─► next next next
 *
 * Stable: runs are merged in the order of their making, and a tie is won by the earlier run. With
 * a limit that is small against the memory, only the best records are held and nothing is spilled.
 * Values given to add are copied.
 */
#ifndef PQ_QUERY_SORTER_H
#define PQ_QUERY_SORTER_H

#include "query/blocking.h"

enum { PQ_SORTER_KEYS_MAX = 4 };

typedef struct pq_sorter pq_sorter;

typedef struct pq_sorter_spec {
  uint32_t key_count;     /* given keys, at most PQ_SORTER_KEYS_MAX */
  const pq_sort *sort;    /* borrowed; fields of the document; NULL: none */
  pq_collation collation; /* of the given keys */
  uint64_t limit;         /* 0: all */
  const char *name;       /* of the stage, for messages */
} pq_sorter_spec;

int pq_sorter_new(const pq_blocking_cx *x, const pq_sorter_spec *spec,
                  pq_sorter **out) PQ_MUST_CHECK;
/* Takes NULL. */
void pq_sorter_free(pq_sorter *s);
/* May a full memory be written first? After this returned PQ_OK one add does not wait. */
int pq_sorter_ready(pq_sorter *s, pq_fetch *f) PQ_MUST_CHECK;
/* A record of key_count + 1 values. */
int pq_sorter_add(pq_sorter *s, pq_fetch *f, const pq_value *record) PQ_MUST_CHECK;
int pq_sorter_end(pq_sorter *s, pq_fetch *f) PQ_MUST_CHECK;
/* The next record, borrowed until the next call; NULL behind the last. */
int pq_sorter_next(pq_sorter *s, pq_fetch *f, const pq_value **out) PQ_MUST_CHECK;
/* Records that came in. */
uint64_t pq_sorter_count(const pq_sorter *s);

#endif
