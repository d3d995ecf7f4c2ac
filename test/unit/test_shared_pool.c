/* test_shared_pool.c - a pool that threads share: what each wrote into its blocks stays its own. */
#include "port/shared_pool.h"

#include "port/tasks.h"
#include "unit.h"

enum { TASKS = 8, TURNS = 200, LEN_MAX = 300000 };

typedef struct work {
  pq_shared_pool pool;
  uint32_t wrong[TASKS];
} work;

static bool holds(const uint8_t *p, size_t n, uint8_t mark) {
  for (size_t i = 0; i < n; i++)
    if (p[i] != mark) return false;
  return true;
}

/* Blocks on both sides of a page, grown and shrunk. */
static void turn(void *ctx, uint32_t task) {
  work *w = ctx;
  uint8_t mark = (uint8_t)(task + 1);
  for (uint32_t i = 0; i < TURNS; i++) {
    size_t len = (i * 7919u + task * 104729u) % LEN_MAX + 1, next = (len * 31) % LEN_MAX + 1;
    uint8_t *p = pq_shared_pool_alloc(&w->pool, NULL, 0, len), *q;
    if (p == NULL) continue;
    memset(p, mark, len);
    q = pq_shared_pool_alloc(&w->pool, p, len, next);
    if (q == NULL) {
      pq_shared_pool_alloc(&w->pool, p, len, 0);
      continue;
    }
    w->wrong[task] += !holds(q, len < next ? len : next, mark);
    pq_shared_pool_alloc(&w->pool, q, next, 0);
  }
}

static void test_shared_pool_threads(void) {
  work w = {0};
  pq_task_runner runner = pq_threads_runner();
  CHECK(pq_shared_pool_init(&w.pool, 0));
  runner.run(runner.ud, turn, &w, TASKS);
  for (int i = 0; i < TASKS; i++)
    CHECK(w.wrong[i] == 0);
  CHECK(w.pool.pool.idle_len <= w.pool.pool.idle_len_max);
  CHECK(pq_shared_pool_alloc(&w.pool, NULL, 0, 0) == NULL);
  pq_shared_pool_release(&w.pool);
}

int main(void) {
  RUN(test_shared_pool_threads);
  return unit_end();
}
