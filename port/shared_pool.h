/* port/shared_pool.h - the memory of a handle: a pool (pool.h) that several threads may call.
 *
 *   command:  fetch buffers, arenas ◄─ idle blocks ─► the next command's
 *
 * A command takes some MB and gives them back, and so does the next one. Left to the C library
 * these go to the system each time, which clears every page of them anew: a third of a warm query.
 *
 * Blocks below a page are the C library's and take no lock. Under AddressSanitizer nothing is kept,
 * so that it sees each free.
 */
#ifndef PQ_PORT_SHARED_POOL_H
#define PQ_PORT_SHARED_POOL_H

#include <pthread.h>
#include <stdatomic.h>

#include "port/pool.h"

typedef struct pq_shared_pool {
  pthread_mutex_t lock;
  uint64_t max; /* bytes that may be in use at once; 0: any */
  atomic_uint_fast64_t used;
  atomic_bool was_refused;
  pq_pool pool;
} pq_shared_pool;

/* False: the system has no lock for it. Beyond `max` bytes (0: no limit), of which an eighth is
 * for idle blocks, a call gets NULL. */
bool pq_shared_pool_init(pq_shared_pool *p, uint64_t max);
/* All blocks must have been freed. */
void pq_shared_pool_release(pq_shared_pool *p);

/* For a pq_meter. */
uint64_t pq_shared_pool_used(void *ud);
bool pq_shared_pool_was_refused(void *ud);

/* A pq_alloc_fn; `ud` is the pool. */
void *pq_shared_pool_alloc(void *ud, void *ptr, size_t old_size, size_t new_size);

#endif
