/* port/shared_pool.c - see shared_pool.h. */
#include "port/shared_pool.h"

#include <stdlib.h>

enum { POOLED_LEN_MIN = 4096 }; /* what a pool hands on to the C library is shorter */

#if defined(__SANITIZE_ADDRESS__)
enum { IDLE_LEN_MAX = 0 };
#else
enum { IDLE_LEN_MAX = 64 << 20 };
#endif

bool pq_shared_pool_init(pq_shared_pool *p) {
  pq_pool_init(&p->pool, IDLE_LEN_MAX);
  return pthread_mutex_init(&p->lock, NULL) == 0;
}

void pq_shared_pool_release(pq_shared_pool *p) {
  pq_pool_trim(&p->pool, 0);
  pthread_mutex_destroy(&p->lock);
}

void *pq_shared_pool_alloc(void *ud, void *ptr, size_t old_size, size_t new_size) {
  pq_shared_pool *p = ud;
  void *out = NULL;
  if (old_size < POOLED_LEN_MIN && new_size < POOLED_LEN_MIN) {
    if (new_size > 0) return realloc(ptr, new_size);
    free(ptr);
    return NULL;
  }
  pthread_mutex_lock(&p->lock);
  out = pq_pool_alloc(&p->pool, ptr, old_size, new_size);
  pthread_mutex_unlock(&p->lock);
  return out;
}
