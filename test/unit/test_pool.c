/* test_pool.c - an allocator that keeps large blocks: contents survive, blocks come back, no more
 * than the maximum stays.
 */
#include "port/pool.h"

#include "unit.h"

enum { KIB = 1024, MIB = KIB * KIB };

/* Blocks of all sizes around the classes' borders hold what they were asked for. */
static void test_pool_sizes(void) {
  pq_pool pool;
  pq_pool_init(&pool, (uint64_t)64 * MIB);
  for (size_t size = 1; size <= 8 * MIB; size = size * 5 / 4 + 1) {
    for (size_t n = size > 1 ? size - 1 : 1; n <= size + 1; n++) {
      uint8_t *p = pq_pool_alloc(&pool, NULL, 0, n);
      CHECK(p != NULL);
      memset(p, 0x5a, n);
      pq_pool_alloc(&pool, p, n, 0);
    }
  }
  CHECK(pool.idle_len > 0 && pool.idle_len <= pool.idle_len_max);
  pq_pool_trim(&pool, 0);
  CHECK(pool.idle_len == 0);
}

static void test_pool_reuse(void) {
  pq_pool pool;
  pq_pool_init(&pool, (uint64_t)16 * MIB);
  uint8_t *p = pq_pool_alloc(&pool, NULL, 0, 3 * MIB);
  pq_pool_alloc(&pool, p, 3 * MIB, 0);
  CHECK(pool.idle_len == 3 * MIB);
  CHECK(pq_pool_alloc(&pool, NULL, 0, 3 * MIB - 7) == p);
  CHECK(pool.idle_len == 0);
  pq_pool_alloc(&pool, p, 3 * MIB - 7, 0);
  p = pq_pool_alloc(&pool, NULL, 0, 40 * MIB); /* more than it may keep */
  CHECK(p != NULL);
  pq_pool_alloc(&pool, p, 40 * MIB, 0);
  CHECK(pool.idle_len == 3 * MIB);
  pq_pool_trim(&pool, 0);
}

/* Growing and shrinking through small blocks, classes and back. */
static void test_pool_resize(void) {
  static const size_t sizes[] = {10, 5000, 5100, 3 * MIB, 70000, 4096, 4095, 12};
  pq_pool pool;
  uint8_t *p = NULL;
  size_t old = 0;
  pq_pool_init(&pool, (uint64_t)4 * MIB);
  for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
    p = pq_pool_alloc(&pool, p, old, sizes[i]);
    CHECK(p != NULL);
    if (i == 0) memset(p, 7, sizes[i]);
    CHECK(p[0] == 7 && p[9] == 7);
    old = sizes[i];
  }
  pq_pool_alloc(&pool, p, old, 0);
  CHECK(pq_pool_alloc(&pool, NULL, 0, 0) == NULL);
  pq_pool_trim(&pool, 0);
}

int main(void) {
  RUN(test_pool_sizes);
  RUN(test_pool_reuse);
  RUN(test_pool_resize);
  return unit_end();
}
