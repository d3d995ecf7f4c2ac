/* port/shared_pool.c - see shared_pool.h. */
#include "port/shared_pool.h"

#include <stdlib.h>

enum { POOLED_LEN_MIN = 4096 }; /* what a pool hands on to the C library is shorter */

#if defined(__SANITIZE_ADDRESS__)
enum { IDLE_LEN_MAX = 0 };
#else
enum { IDLE_LEN_MAX = 64 << 20 };
#endif

bool pq_shared_pool_init(pq_shared_pool *p, uint64_t max) {
  uint64_t idle = IDLE_LEN_MAX, eighth = max / 8;
  if (max > 0 && eighth < idle) idle = eighth;
  pq_pool_init(&p->pool, idle);
  p->max = max == 0 ? 0 : max - idle;
  atomic_init(&p->used, 0);
  atomic_init(&p->was_refused, false);
  return pthread_mutex_init(&p->lock, NULL) == 0;
}

void pq_shared_pool_release(pq_shared_pool *p) {
  pq_pool_trim(&p->pool, 0);
  pthread_mutex_destroy(&p->lock);
}

uint64_t pq_shared_pool_used(void *ud) {
  pq_shared_pool *p = ud;
  return atomic_load_explicit(&p->used, memory_order_relaxed);
}

bool pq_shared_pool_was_refused(void *ud) {
  pq_shared_pool *p = ud;
  return atomic_exchange(&p->was_refused, false);
}

static void *change(pq_shared_pool *p, void *ptr, size_t old_size, size_t new_size) {
  void *out;
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

/* The bytes are counted before they are there, so that threads together keep the limit. */
void *pq_shared_pool_alloc(void *ud, void *ptr, size_t old_size, size_t new_size) {
  pq_shared_pool *p = ud;
  void *out;
  uint64_t old_len = pq_pool_len(old_size), new_len = pq_pool_len(new_size);
  if (new_len > old_len) {
    uint64_t more = new_len - old_len;
    uint64_t used = atomic_fetch_add_explicit(&p->used, more, memory_order_relaxed) + more;
    bool is_refused = p->max > 0 && used > p->max;
    out = is_refused ? NULL : change(p, ptr, old_size, new_size);
    if (is_refused) atomic_store(&p->was_refused, true);
    if (out == NULL) atomic_fetch_sub_explicit(&p->used, more, memory_order_relaxed);
    return out;
  }
  out = change(p, ptr, old_size, new_size);
  if (new_size == 0 || out != NULL)
    atomic_fetch_sub_explicit(&p->used, old_len - new_len, memory_order_relaxed);
  return out;
}
