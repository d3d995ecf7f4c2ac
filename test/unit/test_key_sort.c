/* Sorting by a text first: against a plain sort, stable, with every allocation failing. */
#include "base/key_sort.h"
#include "unit.h"

enum { COUNT = 3000, TEXT_LEN = 24 };

typedef struct item {
  uint8_t text[TEXT_LEN];
  size_t len;
  uint32_t place; /* where it stood: compared by nobody */
} item;

static item items[COUNT], plain[COUNT];

static pq_slice text_of(const void *p, const void *ud) {
  const item *i = p;
  (void)ud;
  return (pq_slice){i->text, i->len};
}

static int compare(const void *a, const void *b, const void *ud) {
  return pq_slice_cmp(text_of(a, ud), text_of(b, ud));
}

static uint64_t next(uint64_t *seed) {
  *seed = *seed * 6364136223846793005u + 1442695040888963407u;
  return *seed >> 33;
}

/* Texts of a prefix that all share and bytes of a small alphabet, zero among them. */
static void make(uint64_t seed, size_t prefix, uint32_t letters) {
  for (uint32_t i = 0; i < COUNT; i++) {
    item *t = &items[i];
    *t = (item){.place = i};
    t->len = prefix + next(&seed) % (TEXT_LEN - prefix + 1);
    for (size_t k = 0; k < t->len; k++)
      t->text[k] = (uint8_t)(k < prefix ? 97 + k : next(&seed) % letters * 51);
    plain[i] = *t;
  }
}

static int sort_both(pq_cx *cx, size_t count) {
  int rc = pq_sort_by_key(cx, items, count, sizeof *items, text_of, compare, NULL);
  return rc == PQ_OK ? pq_sort_items(cx, plain, count, sizeof *plain, compare, NULL) : rc;
}

static void test_key_sort(void) {
  static const size_t counts[] = {0, 1, 2, 63, 64, 65, 1000, COUNT};
  pq_cx cx;
  unit_cx_init(&cx);
  for (uint64_t seed = 0; seed < 60; seed++) {
    size_t count = counts[seed % 8];
    bool is_same = true;
    make(seed, seed % 19, 1 + (uint32_t)(seed % 5));
    CHECK(sort_both(&cx, count) == PQ_OK);
    CHECK(sort_both(&cx, count) == PQ_OK); /* what is sorted stays */
    for (size_t i = 0; i < count; i++)
      is_same = is_same && items[i].place == plain[i].place;
    CHECK(is_same);
  }
  CHECK(unit_live_len == 0);
}

/* Without memory for its places it compares; without that too it fails. */
static int sort_some(pq_cx *cx) {
  make(7, 4, 5);
  PQ_TRY(pq_sort_by_key(cx, items, COUNT, sizeof *items, text_of, compare, NULL));
  for (uint32_t i = 1; i < COUNT; i++)
    CHECK(compare(&items[i - 1], &items[i], NULL) <= 0);
  return PQ_OK;
}

static void test_key_sort_oom(void) {
  pq_cx cx;
  int rc = PQ_OK;
  for (long n = 1; n > 0; n = unit_oom_next(n, rc)) {
    unit_cx_init(&cx);
    unit_fail_at = n;
    rc = sort_some(&cx);
  }
}

int main(void) {
  RUN(test_key_sort);
  RUN(test_key_sort_oom);
  return unit_end();
}
