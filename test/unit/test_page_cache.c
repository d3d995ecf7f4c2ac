/* Unit tests of table/page_cache.c: pages of the sample file, kept, found again, given back. */
#include "parquet_util.h"
#include "table/page_cache.h"

enum { LEAVES = 6, PAGES_MAX = 8 };

typedef struct fixture {
  opened o;
  pq_page_cache cache;
  pq_chunk_pages chunks[LEAVES];
  pq_cached_page *slots[LEAVES][PAGES_MAX], *parts[LEAVES][PAGES_MAX];
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
    t->chunks[leaf].parts = t->parts[leaf];
  }
  return PQ_OK;
}

static void teardown(fixture *t) {
  pq_page_cache_release(&t->cache);
  opened_release(&t->o);
}

static pq_page_ref ref_of(fixture *t, uint32_t leaf, uint32_t row) {
  return (pq_page_ref){.file = &t->o.file,
                       .leaf = leaf,
                       .page = pq_chunk_page_of(&t->chunks[leaf], row),
                       .pages = &t->chunks[leaf]};
}

/* What is wanted of a page; what was fetched for it is forgotten at once, as between stages. */
static int get_ref(fixture *t, const pq_page_ref *ref, pq_cached_page **out) {
  int rc;
  *out = NULL;
  DRIVE(rc, &t->o.f, t->o.bytes, pq_page_cache_want(ref, &t->o.f));
  if (rc == PQ_OK) rc = pq_page_cache_get(&t->cache, ref, &t->o.f, out);
  pq_fetch_clear(&t->o.f);
  return rc;
}

/* The page of a row. */
static int get(fixture *t, uint32_t leaf, uint32_t row, pq_cached_page **out) {
  pq_page_ref ref = ref_of(t, leaf, row);
  return get_ref(t, &ref, out);
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

/* Who comes first gets the rows that are wanted, who comes second for others the whole page. */
static void test_page_cache_parts(void) {
  fixture t;
  pq_cx cx;
  unit_cx_init(&cx);
  CHECK(setup(&t, &cx, 1 << 20) == PQ_OK);
  for (uint32_t leaf = 0; leaf < 3; leaf++) {
    pq_page_ref ref = ref_of(&t, leaf, 3);
    pq_cached_page *part = NULL, *again, *whole;
    ref.rows = (pq_row_range){3, 5};
    CHECK(pq_page_cache_find(&ref) == NULL && get_ref(&t, &ref, &part) == PQ_OK);
    CHECK(part->first_row == 3 && part->column.row_count == 2);
    CHECK(t.slots[leaf][0] == NULL && t.parts[leaf][0] == part);
    t.o.f.stat_bytes = 0;
    ref.rows.lo = 4;
    CHECK(get_ref(&t, &ref, &again) == PQ_OK && again == part && t.o.f.stat_bytes == 0);
    CHECK(get(&t, leaf, 3, &whole) == PQ_OK && whole != part && t.slots[leaf][0] == whole);
    CHECK(whole->first_row == 0 && whole->column.row_count > 5);
    CHECK(pq_column_is_null(&part->column, 1) == pq_column_is_null(&whole->column, 4));
    CHECK(leaf == 1 ? part->column.v.i64[1] == whole->column.v.i64[4]
                    : pq_slice_eq(part->column.v.bytes[1], whole->column.v.bytes[4]));
    CHECK(pq_page_cache_find(&ref) == whole);
  }
  teardown(&t);
  CHECK(unit_live_len == 0);
}

/* Of a wide page nobody gets more than he wants; what was borrowed lives until the trim. */
static void test_page_cache_rare(void) {
  fixture t;
  pq_cached_page *first, *second, *third;
  pq_page_ref ref;
  pq_cx cx;
  unit_cx_init(&cx);
  CHECK(setup(&t, &cx, 1 << 20) == PQ_OK);
  ref = ref_of(&t, 0, 1);
  ref.is_rare = true;
  ref.rows = (pq_row_range){1, 2};
  CHECK(get_ref(&t, &ref, &first) == PQ_OK && first->column.row_count == 1);
  ref.rows = (pq_row_range){5, 6};
  CHECK(get_ref(&t, &ref, &second) == PQ_OK && second->first_row == 5 && t.slots[0][0] == NULL);
  CHECK(pq_slice_is(first->column.v.bytes[0], "k0001") && first->slot == NULL);
  CHECK(pq_slice_is(second->column.v.bytes[0], "k0005") && t.parts[0][0] == second);
  ref.is_rare = false;
  ref.rows = (pq_row_range){0, 2};
  CHECK(get_ref(&t, &ref, &third) == PQ_OK && third->column.row_count > 5);
  t.cache.len_max = 0;
  pq_page_cache_trim(&t.cache);
  CHECK(t.cache.held_len == 0 && t.parts[0][0] == NULL && t.slots[0][0] == NULL);
  teardown(&t);
  CHECK(unit_live_len == 0);
}

static void test_page_cache_key(void) {
  fixture t;
  pq_cached_page *part, *again;
  pq_page_ref ref;
  pq_cx cx;
  unit_cx_init(&cx);
  CHECK(setup(&t, &cx, 1 << 20) == PQ_OK);
  ref = ref_of(&t, 0, 0);
  ref.key = PQ_SLICE("k0004");
  CHECK(get_ref(&t, &ref, &part) == PQ_OK);
  CHECK(part->first_row == 4 && part->column.row_count == 1 && t.slots[0][0] == NULL);
  CHECK(pq_slice_is(part->column.v.bytes[0], "k0004"));
  CHECK(get_ref(&t, &ref, &again) == PQ_OK && again == part);
  ref = ref_of(&t, 0, 12);
  ref.key = PQ_SLICE("k0012x"); /* not there: the page says so */
  CHECK(get_ref(&t, &ref, &part) == PQ_OK && part->column.row_count > 1);
  CHECK(pq_page_cache_find(&ref) == part);
  ref = ref_of(&t, 0, 0);
  ref.key = PQ_SLICE("k0005");
  CHECK(get_ref(&t, &ref, &part) == PQ_OK && part->first_row == 0 && t.slots[0][0] == part);
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
    pq_page_ref ref;
    pq_cx cx;
    unit_cx_init(&cx);
    unit_fail_at = n;
    rc = setup(&t, &cx, 1 << 20);
    if (rc == PQ_OK) rc = get(&t, 2, 3, &p);
    if (rc == PQ_OK) {
      ref = ref_of(&t, 0, 3);
      ref.rows = (pq_row_range){3, 4};
      rc = get_ref(&t, &ref, &p);
      if (rc == PQ_OK) rc = get(&t, 0, 5, &p);
    }
    teardown(&t);
  }
}

int main(void) {
  RUN(test_page_cache_rows);
  RUN(test_page_cache_parts);
  RUN(test_page_cache_rare);
  RUN(test_page_cache_key);
  RUN(test_page_cache_trim);
  RUN(test_page_cache_page_of);
  RUN(test_page_cache_oom);
  return unit_end();
}
