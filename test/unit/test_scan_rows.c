/* test/unit/test_scan_rows.c - verdicts of rows as ranges: what going row by row gives, for all
 * masks, gaps that are bridged, and lengths around 64.
 *
 *     NO YES YES NO NO MAYBE NO …      gap 1, mask YES:          [1, 3)
 *                                      gap 2, mask YES or MAYBE: [1, 6)
 */
#include "unit.h"

#include "query/scan_int.h"

enum { ROWS_MAX = 331 };

/* A generator of our own, so that a failure can be repeated. */
static uint64_t random_state = 1;

static uint32_t random_below(uint32_t n) {
  random_state = random_state * 6364136223846793005u + 1442695040888963407u;
  return (uint32_t)(random_state >> 33) % n;
}

/* Row by row; `out` has room for ROWS_MAX. */
static uint32_t naive_ranges(const pq_unit *u, unsigned mask, uint32_t gap, pq_row_range *out) {
  uint32_t n = 0;
  for (uint32_t i = 0; i < u->row_count; i++) {
    if ((mask >> u->rows[i] & 1) == 0) continue;
    if (n == 0 || i - out[n - 1].hi > gap) out[n++].lo = i;
    out[n - 1].hi = i + 1;
  }
  return n;
}

/* Runs of equal verdicts, `run` rows at most. */
static void random_rows(uint8_t *rows, uint32_t n, uint32_t run) {
  static const uint8_t verdicts[] = {PQ_NO, PQ_MAYBE, PQ_YES};
  for (uint32_t i = 0; i < n;) {
    uint8_t verdict = verdicts[random_below(3)];
    for (uint32_t end = i + 1 + random_below(run); i < end && i < n; i++)
      rows[i] = verdict;
  }
}

static void check_ranges(pq_arena *arena, const pq_unit *u, unsigned mask, uint32_t gap) {
  pq_row_range expected[ROWS_MAX], *found = NULL;
  uint32_t n = naive_ranges(u, mask, gap, expected), count = 0;
  CHECK(pq_unit_ranges(arena, u, mask, gap, &found, &count) == PQ_OK);
  CHECK(count == n && found != NULL && (n == 0 || memcmp(found, expected, n * sizeof *found) == 0));
}

static void test_ranges(void) {
  static const unsigned masks[] = {PQ_MASK_MAYBE, PQ_MASK_LEFT, 1 << PQ_YES};
  static const uint32_t gaps[] = {0, 1, 8, 32}, runs[] = {1, 3, 70, ROWS_MAX};
  uint8_t rows[ROWS_MAX];
  for (uint32_t n = 0; n <= ROWS_MAX; n += n < 140 ? 1 : 13) {
    pq_cx cx;
    pq_arena arena;
    pq_unit u = {.rows = rows, .row_count = n};
    unit_cx_init(&cx);
    pq_arena_init(&arena, &cx, 1 << 20);
    for (uint32_t i = 0; i < 4 * 4 * 3; i++) {
      random_rows(rows, n, runs[i / 12]);
      check_ranges(&arena, &u, masks[i % 3], gaps[i / 3 % 4]);
    }
    pq_arena_release(&arena);
  }
}

int main(void) {
  RUN(test_ranges);
  return unit_end();
}
