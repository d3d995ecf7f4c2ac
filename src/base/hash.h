/* base/hash.h - hashes, and a hash table of 32-bit indexes into the caller's array.
 *
 * The table stores (hash, index) pairs, never keys: the caller keeps the records and compares.
 *
 *     for (i = pq_table_first(&t, h, &pos); i != PQ_TABLE_NONE; i = pq_table_next(&t, h, &pos))
 *       if (records[i] is the one) ...
 */
#ifndef PQ_BASE_HASH_H
#define PQ_BASE_HASH_H

#include "base/base.h"

/* XXH64 of the bytes, as Parquet's bloom filters need it with seed 0. */
uint64_t pq_hash(pq_slice bytes, uint64_t seed);

#define PQ_TABLE_NONE UINT32_MAX

typedef struct pq_table_slot {
  uint32_t tag;   /* upper half of the hash */
  uint32_t index; /* PQ_TABLE_NONE: empty */
} pq_table_slot;

typedef struct pq_table {
  pq_cx *cx;            /* borrowed */
  pq_table_slot *slots; /* owned */
  size_t cap;           /* power of two, or 0 */
  size_t count;
} pq_table;

void pq_table_init(pq_table *t, pq_cx *cx);
void pq_table_release(pq_table *t);
void pq_table_clear(pq_table *t);

/* Add an index under a hash; equal hashes may stand side by side. PQ_ENOMEM or PQ_ELIMIT. */
int pq_table_add(pq_table *t, uint64_t hash, uint32_t index) PQ_MUST_CHECK;

/* Walk the indexes that stand under `hash` (and a few false ones: compare). `pos` is the walk's
 * state. Both return PQ_TABLE_NONE at the end. */
uint32_t pq_table_first(const pq_table *t, uint64_t hash, size_t *pos);
uint32_t pq_table_next(const pq_table *t, uint64_t hash, size_t *pos);

#endif
