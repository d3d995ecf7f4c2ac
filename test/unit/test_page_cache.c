/* Unit tests of table/page_cache.c: pages of the sample file, kept, found again, given back. */
#include "parquet_util.h"
#include "table/page_cache.h"

enum { LEAVES = 6, PAGES_MAX = 8 };

typedef struct fixture {
  opened o;
  pq_page_cache cache;
  pq_chunk_pages chunks[LEAVES];
  pq_cached_page *slots[LEAVES][PAGES_MAX];
} fixture;

static int setup(fixture *t, pq_cx *cx, uint64_t len_max) {
  memset(t, 0, sizeof *t);
  cx->limits.page_cache_len_max = len_max;
  pq_page_cache_init(&t->cache, cx);
  PQ_TRY(open_bytes(&t->o, cx, (pq_slice){sample, sizeof sample}));
  for (uint32_t leaf = 0; leaf < LEAVES; leaf++) {
    int rc;
    DRIVE(rc, &t->o.f, t->o.bytes,
          pq_page_index_fetch(&t->o.f, &t->o.arena, &t->o.file, 0, leaf, &t->chunks[leaf].index));
    PQ_TRY(rc);
    pq_assert(t->chunks[leaf].index.page_count <= PAGES_MAX);
    t->chunks[leaf].cached = t->slots[leaf];
  }
  return PQ_OK;
}

static void teardown(fixture *t) {
  pq_page_cache_release(&t->cache);
  opened_release(&t->o);
}

static pq_page_ref ref_of(fixture *t, uint32_t leaf, uint32_t row) {
  return (pq_page_ref){&t->o.file, 0, leaf, pq_chunk_page_of(&t->chunks[leaf], row),
                       &t->chunks[leaf]};
}

/* The page of a row; what was fetched for it is forgotten at once, as between stages. */
static int get(fixture *t, uint32_t leaf, uint32_t row, pq_cached_page **out) {
  pq_page_ref ref = ref_of(t, leaf, row);
  int rc;
  *out = NULL;
  DRIVE(rc, &t->o.f, t->o.bytes, pq_page_cache_want(&ref, &t->o.f));
  if (rc == PQ_OK) rc = pq_page_cache_get(&t->cache, &ref, &t->o.f, &t->o.arena, out);
  pq_fetch_clear(&t->o.f);
  return rc;
}

static void test_page_cache_rows(void) {
  static const char *const colours[] = {"red", "green", "blue"};
  fixture t;
  pq_cx cx;
  unit_cx_init(&cx);
  CHECK(setup(&t, &cx, 1 << 20) == PQ_OK);
  for (int round = 0; round < 2; round++) {
    t.o.f.stat_bytes = 0;
    for (uint32_t row = 0; row < 25; row++) {
      pq_cached_page *id, *n, *s;
      char text[8];
      uint32_t at;
      snprintf(text, sizeof text, "k%04u", row);
      CHECK(get(&t, 0, row, &id) == PQ_OK && get(&t, 1, row, &n) == PQ_OK &&
            get(&t, 2, row, &s) == PQ_OK);
      if (id == NULL || n == NULL || s == NULL) break;
      at = row - id->first_row;
      CHECK(id->column.nulls == NULL && pq_slice_is(id->column.v.bytes[at], text));
      at = row - n->first_row;
      CHECK(pq_column_is_null(&n->column, at) == (row % 5 == 2));
      if (row % 5 != 2) CHECK(n->column.v.i64[at] == (int64_t)row * 3 - 7);
      at = row - s->first_row;
      CHECK(pq_column_is_null(&s->column, at) == (row >= 10 && row < 20));
      if (row < 10) CHECK(pq_slice_is(s->column.v.bytes[at], colours[row % 3]));
      CHECK(s->checked[at] == round);
      s->checked[at] = 1;
    }
    CHECK((t.o.f.stat_bytes == 0) == (round == 1));
  }
  /* Texts of a dictionary are held once. */
  CHECK(t.slots[2][0] != NULL &&
        t.slots[2][0]->column.v.bytes[0].p == t.slots[2][0]->column.v.bytes[3].p);
  teardown(&t);
  CHECK(unit_live_len == 0);
}

/* The least recently used pages go first; what is left stays what it was. */
static void test_page_cache_trim(void) {
  fixture t;
  pq_cached_page *p;
  pq_cx cx;
  uint64_t held;
  unit_cx_init(&cx);
  CHECK(setup(&t, &cx, 1 << 20) == PQ_OK);
  for (uint32_t leaf = 0; leaf < LEAVES; leaf++)
    for (uint32_t row = 0; row < 25; row += 10)
      CHECK(get(&t, leaf, row, &p) == PQ_OK);
  CHECK(get(&t, 0, 0, &p) == PQ_OK); /* now the newest */
  held = t.cache.held_len;
  pq_page_cache_trim(&t.cache);
  CHECK(t.cache.held_len == held && held > 0);
  t.cache.len_max = held / 2;
  pq_page_cache_trim(&t.cache);
  CHECK(t.cache.held_len <= held / 2);
  CHECK(t.slots[0][0] == p && t.slots[0][1] == NULL);
  t.cache.len_max = 0;
  pq_page_cache_trim(&t.cache);
  CHECK(t.cache.held_len == 0 && t.cache.newest == NULL && t.cache.oldest == NULL);
  CHECK(get(&t, 0, 12, &p) == PQ_OK && pq_slice_is(p->column.v.bytes[2], "k0012"));
  teardown(&t);
  CHECK(unit_live_len == 0);
}

static void test_page_cache_page_of(void) {
  pq_page_info pages[] = {{.first_row = 0}, {.first_row = 4}, {.first_row = 5}};
  pq_chunk_pages c = {.index = {pages, 3}};
  CHECK(pq_chunk_page_of(&c, 0) == 0 && pq_chunk_page_of(&c, 3) == 0);
  CHECK(pq_chunk_page_of(&c, 4) == 1 && pq_chunk_page_of(&c, 5) == 2);
  CHECK(pq_chunk_page_of(&c, 900) == 2);
}

static void test_page_cache_oom(void) {
  int rc = PQ_OK;
  for (long n = 1; n > 0; n = unit_oom_next(n, rc)) {
    fixture t;
    pq_cached_page *p;
    pq_cx cx;
    unit_cx_init(&cx);
    unit_fail_at = n;
    rc = setup(&t, &cx, 1 << 20);
    if (rc == PQ_OK) rc = get(&t, 2, 3, &p);
    teardown(&t);
  }
}

int main(void) {
  RUN(test_page_cache_rows);
  RUN(test_page_cache_trim);
  RUN(test_page_cache_page_of);
  RUN(test_page_cache_oom);
  return unit_end();
}
