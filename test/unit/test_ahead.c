/* test_ahead.c - pages unpacked ahead and bodies kept (parquet/ahead.c, parquet/body_cache.c):
 * whoever unpacks them when, and whether again, the values are the same. */
#include "parquet/body_cache.h"
#include "parquet/writer.h"
#include "parquet_util.h"
#include "port/tasks.h"

enum { ROWS = 8000, TEXT_LEN = 150, RANGES = 40 };

static const pq_column_spec spec = {
    "text", PQ_PHYS_BYTES, PQ_LOGICAL_STRING, 0, false, 1, PQ_HINT_PLAIN, false, true, 16 << 10};

typedef struct fixture {
  pq_cx cx;
  pq_arena arena;
  pq_writer *writer;
  pq_slice *texts;
  pq_row_range ranges[RANGES];
} fixture;

/* Allocators of tests count and are no thread's but their own. */
static void *thread_alloc(void *ud, void *ptr, size_t old_size, size_t new_size) {
  (void)ud;
  (void)old_size;
  if (new_size > 0) return realloc(ptr, new_size);
  free(ptr);
  return NULL;
}

static void run_backwards(void *ud, void (*task)(void *ctx, uint32_t i), void *ctx,
                          uint32_t count) {
  *(uint32_t *)ud += count;
  while (count-- > 0)
    task(ctx, count);
}

static int setup(fixture *t) {
  pq_writer_options options = {0};
  pq_column column = {.phys = PQ_PHYS_BYTES, .row_count = ROWS};
  pq_arena_init(&t->arena, &t->cx, 64 << 20);
  t->texts = pq_arena_calloc(&t->arena, ROWS, sizeof *t->texts);
  for (uint32_t i = 0; i < ROWS; i++) {
    uint64_t x = (i + 1) * 0x9e3779b97f4a7c15u;
    char *text = pq_arena_alloc(&t->arena, TEXT_LEN);
    for (uint32_t k = 0; k < TEXT_LEN; k++) {
      text[k] = (char)('a' + (x >> 59));
      x = x * 6364136223846793005u + 1;
    }
    t->texts[i] = (pq_slice){(const uint8_t *)text, TEXT_LEN - i % 7};
  }
  for (uint32_t i = 0; i < RANGES; i++)
    t->ranges[i] = (pq_row_range){i * (ROWS / RANGES) + i, i * (ROWS / RANGES) + i + i % 5};
  column.v.bytes = t->texts;
  PQ_TRY(pq_writer_new(&t->cx, &spec, 1, options, &t->writer));
  PQ_TRY(pq_writer_add(t->writer, &column, 1));
  return pq_writer_finish(t->writer, NULL, 0);
}

static void teardown(fixture *t) {
  pq_writer_free(t->writer);
  pq_arena_release(&t->arena);
}

static bool is_same(const fixture *t, const pq_column *c, bool is_ranges) {
  uint32_t at = 0;
  for (uint32_t i = 0; !is_ranges && i < ROWS; i++)
    if (c->row_count != ROWS || !pq_slice_eq(c->v.bytes[i], t->texts[i])) return false;
  for (uint32_t r = 0; is_ranges && r < RANGES; r++)
    for (uint32_t i = t->ranges[r].lo; i < t->ranges[r].hi; i++, at++)
      if (at >= c->row_count || !pq_slice_eq(c->v.bytes[at], t->texts[i])) return false;
  return !is_ranges || at == c->row_count;
}

/* Read all rows, or those of the ranges; the text of a failure goes into `msg`. */
static int read_rows(fixture *t, pq_slice bytes, const pq_task_runner *runner,
                     pq_body_cache *bodies, bool is_ranges, char *msg) {
  read_spec s = {0, 0, is_ranges, is_ranges ? t->ranges : NULL, is_ranges ? RANGES : 0};
  pq_column c;
  opened o;
  int rc;
  t->cx.msg[0] = '\0';
  rc = open_bytes(&o, &t->cx, bytes);
  o.f.runner = runner;
  o.f.bodies = bodies;
  if (rc == PQ_OK) rc = read_chunk_of(&o, s, &c);
  if (rc == PQ_OK) CHECK(is_same(t, &c, is_ranges));
  if (msg != NULL) memcpy(msg, t->cx.msg, PQ_MESSAGE_CAP);
  opened_release(&o);
  return rc;
}

static void test_ahead_values(void) {
  fixture t = {0};
  uint32_t runs = 0;
  pq_task_runner backwards = {&runs, run_backwards}, one_by_one = {0};
  unit_cx_init(&t.cx);
  CHECK(setup(&t) == PQ_OK);
  for (int is_ranges = 0; is_ranges < 2; is_ranges++) {
    pq_slice bytes = pq_writer_bytes(t.writer);
    CHECK(read_rows(&t, bytes, NULL, NULL, is_ranges, NULL) == PQ_OK);
    CHECK(read_rows(&t, bytes, &one_by_one, NULL, is_ranges, NULL) == PQ_OK && runs == 0);
    CHECK(read_rows(&t, bytes, &backwards, NULL, is_ranges, NULL) == PQ_OK && runs > 1);
    runs = 0;
  }
  teardown(&t);
  CHECK(unit_live_len == 0);
}

static void test_ahead_threads(void) {
  fixture t = {0};
  pq_task_runner threads = pq_threads_runner();
  pq_body_cache bodies;
  pq_cx_init(&t.cx, thread_alloc, NULL);
  CHECK(setup(&t) == PQ_OK);
  pq_body_cache_init(&bodies, &t.cx, 4 << 20);
  for (int i = 0; i < 20; i++) {
    pq_slice bytes = pq_writer_bytes(t.writer);
    CHECK(read_rows(&t, bytes, &threads, i % 2 == 0 ? NULL : &bodies, i % 3 == 0, NULL) == PQ_OK);
    if (i % 4 == 3) pq_body_cache_trim(&bodies, (uint64_t)(i % 8) << 18);
  }
  pq_body_cache_release(&bodies);
  teardown(&t);
}

/* A page that cannot be unpacked fails as it does for a reader without threads. */
static void test_ahead_failure(void) {
  fixture t = {0};
  uint32_t runs = 0;
  pq_task_runner backwards = {&runs, run_backwards};
  pq_slice bytes;
  uint8_t *copy;
  unit_cx_init(&t.cx);
  CHECK(setup(&t) == PQ_OK);
  bytes = pq_writer_bytes(t.writer);
  copy = malloc(bytes.n);
  t.cx.is_forgiving = true; /* CRCs would tell first */
  for (uint32_t i = 1; i < 40; i++) {
    char alone[PQ_MESSAGE_CAP], ahead[PQ_MESSAGE_CAP];
    pq_slice broken = {copy, bytes.n};
    int rc;
    memcpy(copy, bytes.p, bytes.n);
    memset(copy + bytes.n / 2 + i * 97, 0x5a, 3 * i);
    rc = read_rows(&t, broken, NULL, NULL, true, alone);
    CHECK(read_rows(&t, broken, &backwards, NULL, true, ahead) == rc);
    CHECK(rc == PQ_OK || strcmp(alone, ahead) == 0);
    if (rc == PQ_OK) break;
  }
  free(copy);
  teardown(&t);
  CHECK(unit_live_len == 0);
}

static void test_ahead_memory(void) {
  int rc = PQ_OK;
  for (long n = 1; n > 0; n = unit_oom_next(n, rc)) {
    fixture t = {0};
    pq_body_cache bodies = {0};
    unit_cx_init(&t.cx);
    rc = setup(&t);
    pq_body_cache_init(&bodies, &t.cx, 4 << 20);
    unit_calls = 0;
    unit_fail_at = n;
    if (rc == PQ_OK) rc = read_rows(&t, pq_writer_bytes(t.writer), NULL, &bodies, true, NULL);
    pq_body_cache_release(&bodies);
    teardown(&t);
  }
}

/* ---- the cache alone ---- */

static void test_body_cache_find(void) {
  pq_body_cache c = {0};
  pq_body *b = NULL;
  pq_cx cx;
  unit_cx_init(&cx);
  CHECK(pq_body_cache_find(&c, "a", 4, 8) == NULL);
  CHECK(pq_body_cache_add(&c, "a", 4, 8, &b) == PQ_OK && b == NULL); /* zeroed: keeps nothing */
  pq_body_cache_init(&c, &cx, 10000);
  CHECK(pq_body_cache_add(&c, "a", 4, 8, &b) == PQ_OK && b != NULL);
  if (b == NULL) return;
  CHECK(pq_body_cache_find(&c, "a", 4, 8) == NULL); /* nobody has filled it */
  memcpy(b->bytes, "12345678", 8);
  b->is_ready = true;
  CHECK(pq_body_cache_find(&c, "a", 4, 8) == b);
  CHECK(pq_body_cache_find(&c, "b", 4, 8) == NULL && pq_body_cache_find(&c, "a", 5, 8) == NULL &&
        pq_body_cache_find(&c, "a", 4, 9) == NULL);
  CHECK(pq_body_cache_add(&c, "a", 9, 2000, &b) == PQ_OK && b == NULL); /* more than its share */
  pq_body_cache_release(&c);
  CHECK(unit_live_len == 0);
}

/* Never more than the limit; what was used last stays. */
static void test_body_cache_trim(void) {
  pq_body_cache c = {0};
  pq_body *b, *first = NULL;
  uint64_t off = 0;
  pq_cx cx;
  unit_cx_init(&cx);
  pq_body_cache_init(&c, &cx, 20000);
  for (; !c.is_short; off++) {
    CHECK(pq_body_cache_add(&c, "a", off, 900, &b) == PQ_OK && c.held_len <= 20000);
    if (b != NULL) b->is_ready = true;
    if (off == 0) first = b;
  }
  CHECK(off > 15 && pq_body_cache_find(&c, "a", 0, 900) == first);
  pq_body_cache_trim(&c, 20000);
  CHECK(c.held_len <= 15000 && c.held_len > 13000);
  CHECK(pq_body_cache_find(&c, "a", 0, 900) == first && first != NULL);
  CHECK(pq_body_cache_find(&c, "a", 1, 900) == NULL);
  pq_body_cache_trim(&c, 20000); /* there was room enough since */
  CHECK(c.held_len > 13000);
  pq_body_cache_trim(&c, 0);
  CHECK(c.held_len == 0 && c.newest == NULL && c.oldest == NULL);
  pq_body_cache_release(&c);
  CHECK(unit_live_len == 0);
}

int main(void) {
  RUN(test_ahead_values);
  RUN(test_ahead_threads);
  RUN(test_ahead_failure);
  RUN(test_ahead_memory);
  RUN(test_body_cache_find);
  RUN(test_body_cache_trim);
  return unit_end();
}
