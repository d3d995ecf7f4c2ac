/* test/unit/unit.h - the smallest test harness that does the job.
 *
 *     static void test_path_empty(void) { CHECK(pq_path_parse(...) == PQ_EINVALID); }
 *     int main(void) { RUN(test_path_empty); return unit_end(); }
 *
 */
#ifndef PQ_TEST_UNIT_H
#define PQ_TEST_UNIT_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/base.h"

static int unit_passed, unit_failed;

#define CHECK(cond)                                                   \
  do {                                                                \
    if (cond) {                                                       \
      unit_passed++;                                                  \
    } else {                                                          \
      unit_failed++;                                                  \
      fprintf(stderr, "%s:%d: FAIL %s\n", __FILE__, __LINE__, #cond); \
    }                                                                 \
  } while (0)

#define RUN(fn) fn()

static long unit_live_len, unit_calls, unit_fail_at; /* unit_fail_at 0: never fail */

static inline void *unit_alloc(void *ud, void *ptr, size_t old_size, size_t new_size) {
  void *p;
  (void)ud;
  if (new_size == 0) {
    unit_live_len -= (long)old_size;
    free(ptr);
    return NULL;
  }
  if (unit_fail_at > 0 && ++unit_calls >= unit_fail_at) return NULL;
  p = realloc(ptr, new_size);
  if (p != NULL) unit_live_len += (long)new_size - (long)old_size;
  return p;
}

/* A context with the counting allocator. Call at the start of a test. */
static inline void unit_cx_init(pq_cx *cx) {
  unit_live_len = 0;
  unit_calls = 0;
  unit_fail_at = 0;
  pq_cx_init(cx, unit_alloc, NULL);
}

/* Run the block with the 1st, 2nd, … allocation and all after it failing, until none failed:
 *
 *     for (long n = 1; n > 0; n = unit_oom_next(n, rc)) {
 *       unit_cx_init(&cx); unit_fail_at = n; rc = ...; release everything; }
 *
 * unit_oom_next checks: no leak, and rc == PQ_ENOMEM if an allocation failed, else PQ_OK. */
static inline long unit_oom_next(long n, int rc) {
  int was_hit = unit_calls >= n;
  unit_fail_at = 0;
  CHECK(unit_live_len == 0);
  CHECK(was_hit ? rc == PQ_ENOMEM : rc == PQ_OK);
  return was_hit && n < 100000 ? n + 1 : 0;
}

static inline int unit_end(void) {
  printf("%d passed, %d failed\n", unit_passed, unit_failed);
  return unit_failed != 0;
}

#endif
