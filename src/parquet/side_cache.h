/* parquet/side_cache.h - page indexes and bloom filters of one open file, kept for later scans.
 *
 *   (row group, leaf, kind) ─hash─► bucket ─► entry ─► entry       all in one arena
 *
 * A looked-up row costs the bytes of its pages only when the ways to it are known already. What
 * was put in is never changed and stays until release, so a pointer may be used without a lock;
 * when the maximum is reached nothing more is put in. Scans in several threads may share a cache
 * if the owner gives it a lock; the core itself has none.
 */
#ifndef PQ_PARQUET_SIDE_CACHE_H
#define PQ_PARQUET_SIDE_CACHE_H

#include "base/arena.h"
#include "parquet/format.h"

typedef struct pq_side_cache {
  pq_arena arena; /* its context is the cache's own: no scan's */
  struct pq_side_entry **buckets;
  void (*lock)(void *ud); /* NULL: used by one thread */
  void (*unlock)(void *ud);
  void *lock_ud;
} pq_side_cache;

/* An empty cache of at most `len_max` bytes. `cx` is borrowed until release and serves nothing
 * else while the lock is not held. Set lock and unlock afterwards. */
void pq_side_cache_init(pq_side_cache *c, pq_cx *cx, uint64_t len_max);
void pq_side_cache_release(pq_side_cache *c);

/* What is there, or NULL. Borrowed until release. */
const pq_page_index *pq_side_cache_index(pq_side_cache *c, uint32_t row_group, uint32_t leaf);
/* The bits of a bloom filter; empty: not there. */
pq_slice pq_side_cache_bloom(pq_side_cache *c, uint32_t row_group, uint32_t leaf);

/* Put in a copy, if it is not there already and there is room. */
void pq_side_cache_put_index(pq_side_cache *c, uint32_t row_group, uint32_t leaf,
                             const pq_page_index *index);
void pq_side_cache_put_bloom(pq_side_cache *c, uint32_t row_group, uint32_t leaf, pq_slice bits);

#endif
