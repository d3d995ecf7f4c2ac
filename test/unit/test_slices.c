/* Lists of slices: sorted, each once, found. */
#include "base/slices.h"
#include "unit.h"

static void test_slices_sort(void) {
  pq_slice items[] = {PQ_SLICE("c"), PQ_SLICE("a"), PQ_SLICE(""),  PQ_SLICE("b"),
                      PQ_SLICE("a"), PQ_SLICE("c"), PQ_SLICE("ab")};
  static const char *const sorted[] = {"", "a", "ab", "b", "c"};
  uint32_t count = sizeof items / sizeof *items, none = 0;
  pq_cx cx;
  unit_cx_init(&cx);
  CHECK(pq_slices_sort(&cx, items, &count) == PQ_OK);
  CHECK(count == 5);
  for (uint32_t i = 0; i < count; i++)
    CHECK(pq_slice_is(items[i], sorted[i]));
  CHECK(pq_slices_sort(&cx, items, &none) == PQ_OK && none == 0);
  CHECK(pq_slices_sort(&cx, NULL, &none) == PQ_OK && none == 0);
  CHECK(unit_live_len == 0);
}

static void test_slices_find(void) {
  static const pq_slice items[] = {PQ_SLICE("a"), PQ_SLICE("c"), PQ_SLICE("e"), PQ_SLICE("g")};
  static const char keys[] = "`abcdefgh";
  for (uint32_t k = 0; k + 1 < sizeof keys; k++) {
    pq_slice key = {(const uint8_t *)&keys[k], 1};
    uint32_t lower = k / 2;
    CHECK(pq_slices_lower(items, 0, 4, key) == lower);
    CHECK(pq_slices_upper(items, 0, 4, key) == lower + k % 2);
    CHECK(pq_slices_find(items, 4, key) == (k % 2 == 1 ? lower : 4));
    CHECK(pq_slices_find(items, 0, key) == 0);
  }
  CHECK(pq_slices_lower(items, 2, 4, items[0]) == 2);
  CHECK(pq_slices_upper(items, 1, 2, items[1]) == 2);
}

/* A list may hold a slice more than once: pages of a column do. */
static void test_slices_repeated(void) {
  static const pq_slice items[] = {PQ_SLICE("a"), PQ_SLICE("b"), PQ_SLICE("b"), PQ_SLICE("c")};
  CHECK(pq_slices_lower(items, 0, 4, items[1]) == 1);
  CHECK(pq_slices_upper(items, 0, 4, items[1]) == 3);
}

static int sort_many(pq_cx *cx) {
  static uint8_t bytes[400];
  pq_slice items[400];
  uint32_t count = 400;
  int rc;
  for (uint32_t i = 0; i < count; i++) {
    bytes[i] = (uint8_t)(i * 37);
    items[i] = (pq_slice){&bytes[i], 1};
  }
  rc = pq_slices_sort(cx, items, &count);
  if (rc != PQ_OK) return rc;
  CHECK(count == 256);
  for (uint32_t i = 0; i < count; i++)
    CHECK(items[i].p[0] == i);
  return PQ_OK;
}

static void test_slices_oom(void) {
  pq_cx cx;
  int rc = PQ_OK;
  for (long n = 1; n > 0; n = unit_oom_next(n, rc)) {
    unit_cx_init(&cx);
    unit_fail_at = n;
    rc = sort_many(&cx);
  }
}

int main(void) {
  RUN(test_slices_sort);
  RUN(test_slices_find);
  RUN(test_slices_repeated);
  RUN(test_slices_oom);
  return unit_end();
}
