/* port/pool.h - an allocator for scans that keeps large blocks for the next time.
 *
 * A scan takes and frees the same few sizes over and over: a window of bytes, an unpacked page. The
 * C library gives such blocks back to the system, and taking them anew costs more than reading what
 * is put into them, since the system clears each page at its first touch. A pool keeps them.
 *
 * One pool serves one thread at a time. What a pool gave is only freed through it.
 */
#ifndef PQ_PORT_POOL_H
#define PQ_PORT_POOL_H

#include "base/base.h"

enum { PQ_POOL_CLASS_COUNT = 96 };

typedef struct pq_pool {
  struct pq_pool_block *idle[PQ_POOL_CLASS_COUNT]; /* by size; owned */
  uint64_t idle_len;
  uint64_t idle_len_max;
  struct pq_pool *next; /* for who keeps several */
} pq_pool;

/* An empty pool that keeps at most `idle_len_max` bytes. Allocates nothing. */
void pq_pool_init(pq_pool *p, uint64_t idle_len_max);
/* Give idle blocks back to the system, the largest first, until at most `len` bytes are idle. */
void pq_pool_trim(pq_pool *p, uint64_t len);

/* Bytes that a block of `size` bytes takes: it is as long as its class, and the C library's are
 * about as long as what they stand in. 0: none. */
uint64_t pq_pool_len(size_t size);

/* A pq_alloc_fn; `ud` is the pool. */
void *pq_pool_alloc(void *ud, void *ptr, size_t old_size, size_t new_size);

#endif
