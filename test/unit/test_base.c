/* Unit tests of base/: arena, buffer and reader, hash table, sort, checked numbers, small texts. */
#include "base/arena.h"
#include "base/buf.h"
#include "base/hash.h"
#include "base/merge_sort.h"
#include "base/text.h"
#include "unit.h"

/* ---- numbers ---- */

static void test_checked_arithmetic(void) {
  uint64_t u;
  int64_t i;
  size_t z;
  CHECK(pq_add_u64(UINT64_MAX - 1, 1, &u) && u == UINT64_MAX);
  CHECK(!pq_add_u64(UINT64_MAX, 1, &u));
  CHECK(pq_mul_size(SIZE_MAX / 2, 2, &z) && z == SIZE_MAX - 1);
  CHECK(!pq_mul_size(SIZE_MAX / 2 + 1, 2, &z) && z == 0);
  CHECK(pq_mul_size(0, SIZE_MAX, &z) && z == 0);
  CHECK(pq_add_i64(INT64_MAX - 1, 1, &i) && i == INT64_MAX);
  CHECK(!pq_add_i64(INT64_MAX, 1, &i));
  CHECK(!pq_add_i64(INT64_MIN, -1, &i));
  CHECK(!pq_mul_i64(INT64_MIN, -1, &i));
  CHECK(!pq_mul_i64(-1, INT64_MIN, &i));
  CHECK(!pq_mul_i64(INT64_MAX / 2 + 1, 2, &i));
  CHECK(pq_mul_i64(INT64_MIN, 1, &i) && i == INT64_MIN);
  CHECK(pq_mul_i64(-3, 7, &i) && i == -21);
}

static void test_slice_order(void) {
  CHECK(pq_slice_cmp(PQ_SLICE("a"), PQ_SLICE("ab")) < 0);
  CHECK(pq_slice_cmp(PQ_SLICE("b"), PQ_SLICE("ab")) > 0);
  CHECK(pq_slice_cmp(PQ_SLICE("\x7f"), PQ_SLICE("\xff")) < 0); /* bytes are unsigned */
  CHECK(pq_slice_cmp((pq_slice){0}, PQ_SLICE("")) == 0);
  CHECK(pq_slice_eq((pq_slice){0}, PQ_SLICE("")));
  CHECK(!pq_slice_eq(PQ_SLICE("a"), PQ_SLICE("b")));
  CHECK(pq_slice_is(PQ_SLICE("ab"), "ab") && !pq_slice_is(PQ_SLICE("ab"), "abc"));
}

static void test_failures(void) {
  pq_cx cx;
  unit_cx_init(&cx);
  CHECK(pq_fail(&cx, PQ_ECORRUPT, "%s: bad magic", "k") == PQ_ECORRUPT);
  CHECK(cx.code == PQ_ECORRUPT && strcmp(cx.msg, "k: bad magic") == 0);
  /* A message may be made from the last one. */
  CHECK(pq_fail(&cx, PQ_EINVALID, "line 3: %s", cx.msg) == PQ_EINVALID);
  CHECK(strcmp(cx.msg, "line 3: k: bad magic") == 0);
  CHECK(pq_fail(&cx, PQ_EINVALID, "%01000d", 7) == PQ_EINVALID);
  CHECK(strlen(cx.msg) < PQ_MESSAGE_CAP);
  CHECK(strcmp(pq_status_name(PQ_EVERSION), "VERSION_CONFLICT") == 0);
  CHECK(strcmp(pq_status_name(-9999), "INTERNAL") == 0);
}

/* ---- arena ---- */

static void test_arena_alloc(void) {
  pq_cx cx;
  pq_arena a;
  uint8_t *p, *q;
  unit_cx_init(&cx);
  pq_arena_init(&a, &cx, 1 << 20);
  CHECK(unit_live_len == 0); /* nothing before the first use */
  p = pq_arena_alloc(&a, 1);
  q = pq_arena_alloc(&a, 0);
  CHECK(p != NULL && q != NULL && p != q);
  CHECK((uintptr_t)p % 16 == 0 && (uintptr_t)q % 16 == 0);
  p = pq_arena_alloc(&a, 100000); /* larger than any chunk so far */
  CHECK(p != NULL);
  memset(p, 1, 100000);
  p = pq_arena_calloc(&a, 100, 7);
  for (int i = 0; i < 700; i++)
    CHECK(p[i] == 0);
  CHECK(strcmp(pq_arena_str(&a, PQ_SLICE("abc")), "abc") == 0);
  CHECK(strcmp(pq_arena_printf(&a, "%d-%s", 7, "x"), "7-x") == 0);
  pq_arena_clear(&a);
  CHECK((uint64_t)unit_live_len == a.used_len); /* memory stays, for reuse */
  unit_fail_at = 1;
  CHECK(pq_arena_alloc(&a, 1000) != NULL);
  unit_fail_at = 0;
  pq_arena_release(&a);
  pq_arena_release(&a);
  CHECK(unit_live_len == 0);
}

static void test_arena_limit(void) {
  pq_cx cx;
  pq_arena a;
  unit_cx_init(&cx);
  pq_arena_init(&a, &cx, 8192);
  CHECK(pq_arena_alloc(&a, 1000) != NULL);
  CHECK(pq_arena_alloc(&a, 8192) == NULL && cx.code == PQ_ELIMIT);
  CHECK(pq_arena_alloc(&a, SIZE_MAX) == NULL && cx.code == PQ_ELIMIT);
  CHECK(pq_arena_calloc(&a, SIZE_MAX / 2, 3) == NULL && cx.code == PQ_ELIMIT);
  CHECK(pq_arena_alloc(&a, 1000) != NULL); /* a refusal harms nothing */
  pq_arena_release(&a);
  CHECK(unit_live_len == 0);
}

static int use_arena(pq_cx *cx, pq_arena *a) {
  pq_slice copy;
  for (int i = 0; i < 20; i++) {
    PQ_TRY(pq_arena_copy(a, PQ_SLICE("some bytes"), &copy));
    if (pq_arena_calloc(a, 500, 4) == NULL || pq_arena_printf(a, "%d", i) == NULL) return cx->code;
  }
  return PQ_OK;
}

/* Where sizes have 32 bits a caller may well ask for this much. */
static void test_alloc_too_large(void) {
  pq_cx cx;
  pq_arena a;
  unit_cx_init(&cx);
  CHECK(pq_alloc(&cx, NULL, 0, (size_t)PTRDIFF_MAX + 1) == NULL);
  pq_arena_init(&a, &cx, UINT64_MAX);
  CHECK(pq_arena_alloc(&a, SIZE_MAX - 100) == NULL && cx.code == PQ_ENOMEM);
  CHECK(pq_arena_calloc(&a, SIZE_MAX / 2, 3) == NULL && cx.code == PQ_ELIMIT);
  pq_arena_release(&a);
  CHECK(unit_live_len == 0);
}

static void test_arena_oom(void) {
  int rc = PQ_OK;
  for (long n = 1; n > 0; n = unit_oom_next(n, rc)) {
    pq_cx cx;
    pq_arena a;
    unit_cx_init(&cx);
    unit_fail_at = n;
    pq_arena_init(&a, &cx, 1 << 20);
    rc = use_arena(&cx, &a);
    pq_arena_release(&a);
  }
}

/* ---- buffer and reader ---- */

static const uint64_t numbers[] = {0, 1, 127, 128, 300, 16383, 16384, UINT32_MAX, UINT64_MAX};
enum { NUMBER_COUNT = sizeof numbers / sizeof *numbers };

static int fill(pq_buf *b) {
  for (int i = 0; i < NUMBER_COUNT; i++) {
    PQ_TRY(pq_buf_put_varint(b, numbers[i]));
    PQ_TRY(pq_buf_put_zigzag(b, (int64_t)numbers[i]));
    PQ_TRY(pq_buf_put_zigzag(b, -(int64_t)(numbers[i] / 2)));
    PQ_TRY(pq_buf_put_u64(b, numbers[i]));
  }
  PQ_TRY(pq_buf_put_u32(b, 0x01020304));
  PQ_TRY(pq_buf_put_byte(b, 9));
  PQ_TRY(pq_buf_put_varint(b, 3));
  PQ_TRY(pq_buf_put_str(b, "abc"));
  return pq_buf_printf(b, "%s-%d", "x", 42);
}

static void test_buf_round_trip(void) {
  pq_cx cx;
  pq_buf b;
  pq_reader r;
  uint64_t u;
  int64_t i;
  uint32_t w;
  uint8_t byte;
  pq_slice s;
  unit_cx_init(&cx);
  pq_buf_init(&b, &cx, 10000);
  CHECK(fill(&b) == PQ_OK);
  r = pq_reader_of(pq_buf_slice(&b));
  for (int n = 0; n < NUMBER_COUNT; n++) {
    CHECK(pq_read_varint(&r, &u) && u == numbers[n]);
    CHECK(pq_read_zigzag(&r, &i) && i == (int64_t)numbers[n]);
    CHECK(pq_read_zigzag(&r, &i) && i == -(int64_t)(numbers[n] / 2));
    CHECK(pq_read_u64(&r, &u) && u == numbers[n]);
  }
  CHECK(pq_read_u32(&r, &w) && w == 0x01020304);
  CHECK(pq_read_u8(&r, &byte) && byte == 9);
  CHECK(pq_read_block(&r, &s) && pq_slice_is(s, "abc"));
  CHECK(pq_reader_left(&r) == 4);
  CHECK(!pq_read_bytes(&r, 5, &s) && pq_reader_left(&r) == 4); /* a refusal takes nothing */
  CHECK(pq_read_bytes(&r, 4, &s) && pq_slice_is(s, "x-42"));
  CHECK(!pq_read_u8(&r, &byte));
  pq_buf_release(&b);
  CHECK(unit_live_len == 0);
}

static void test_reader_malformed(void) {
  static const uint8_t endless[] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1};
  static const uint8_t too_big[] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2};
  static const uint8_t cut[] = {0x80};
  static const uint8_t long_block[] = {5, 'a', 'b'};
  pq_slice s;
  uint64_t u;
  pq_reader r = pq_reader_of((pq_slice){endless, sizeof endless});
  CHECK(!pq_read_varint(&r, &u) && pq_reader_left(&r) == sizeof endless);
  r = pq_reader_of((pq_slice){too_big, sizeof too_big});
  CHECK(!pq_read_varint(&r, &u));
  r = pq_reader_of((pq_slice){cut, sizeof cut});
  CHECK(!pq_read_varint(&r, &u) && pq_reader_left(&r) == 1);
  r = pq_reader_of((pq_slice){long_block, sizeof long_block});
  CHECK(!pq_read_block(&r, &s) && pq_reader_left(&r) == 3);
  r = pq_reader_of((pq_slice){0});
  CHECK(!pq_read_varint(&r, &u) && pq_reader_left(&r) == 0);
}

static void test_buf_limit(void) {
  pq_cx cx;
  pq_buf b;
  unit_cx_init(&cx);
  pq_buf_init(&b, &cx, 100);
  CHECK(pq_buf_printf(&b, "%099d", 1) == PQ_OK);
  CHECK(pq_buf_put_byte(&b, 'x') == PQ_OK);
  CHECK(pq_buf_put_byte(&b, 'x') == PQ_ELIMIT && b.len == 100);
  CHECK(pq_buf_printf(&b, "%d", 1) == PQ_ELIMIT && b.len == 100);
  CHECK(pq_buf_reserve(&b, SIZE_MAX) == PQ_ELIMIT);
  pq_buf_clear(&b);
  CHECK(b.len == 0 && pq_buf_put_str(&b, "again") == PQ_OK);
  pq_buf_release(&b);
  pq_buf_release(&b);
  CHECK(unit_live_len == 0);
}

static void test_buf_oom(void) {
  int rc = PQ_OK;
  for (long n = 1; n > 0; n = unit_oom_next(n, rc)) {
    pq_cx cx;
    pq_buf b;
    unit_cx_init(&cx);
    unit_fail_at = n;
    pq_buf_init(&b, &cx, 10000);
    rc = fill(&b);
    pq_buf_release(&b);
  }
}

/* ---- hash table ---- */

enum { KEYS = 1000 };

/* The number of indexes under key i's hash that are i's own. */
static int count_own(const pq_table *t, uint64_t hash, uint32_t i) {
  size_t pos;
  int n = 0;
  for (uint32_t k = pq_table_first(t, hash, &pos); k != PQ_TABLE_NONE;
       k = pq_table_next(t, hash, &pos))
    n += k == i;
  return n;
}

static uint64_t key_hash(uint32_t i) {
  uint8_t bytes[4];
  pq_wr32(bytes, i / 2 * 2); /* neighbours share a hash */
  return pq_hash((pq_slice){bytes, 4}, 0);
}

static int fill_table(pq_table *t) {
  for (uint32_t i = 0; i < KEYS; i++)
    PQ_TRY(pq_table_add(t, key_hash(i), i));
  return PQ_OK;
}

static void test_table_find(void) {
  pq_cx cx;
  pq_table t;
  size_t pos;
  int wrong = 0;
  unit_cx_init(&cx);
  pq_table_init(&t, &cx);
  CHECK(pq_table_first(&t, 7, &pos) == PQ_TABLE_NONE);
  CHECK(fill_table(&t) == PQ_OK && t.count == KEYS);
  for (uint32_t i = 0; i < KEYS; i++)
    wrong += count_own(&t, key_hash(i), i) != 1;
  CHECK(wrong == 0);
  CHECK(count_own(&t, key_hash(KEYS * 2), KEYS * 2) == 0);
  pq_table_clear(&t);
  CHECK(t.count == 0 && pq_table_first(&t, key_hash(3), &pos) == PQ_TABLE_NONE);
  pq_table_release(&t);
  CHECK(unit_live_len == 0);
}

static void test_table_oom(void) {
  int rc = PQ_OK;
  for (long n = 1; n > 0; n = unit_oom_next(n, rc)) {
    pq_cx cx;
    pq_table t;
    unit_cx_init(&cx);
    unit_fail_at = n;
    pq_table_init(&t, &cx);
    rc = fill_table(&t);
    pq_table_release(&t);
  }
}

static void test_hash_values(void) {
  /* xxHash's own test: XXH64 of nothing with seed 0. Parquet's bloom filters depend on it. */
  CHECK(pq_hash((pq_slice){0}, 0) == 0xef46db3751d8e999u);
  CHECK(pq_hash(PQ_SLICE("abc"), 0) == 0x44bc2cf5ad770999u);
  CHECK(pq_hash(PQ_SLICE("abc"), 1) != pq_hash(PQ_SLICE("abc"), 0));
}

/* ---- sort ---- */

typedef struct item {
  uint32_t key, nth;
  uint8_t padding[40];
} item;

static int compare_items(const void *a, const void *b, const void *ud) {
  const item *x = a, *y = b;
  int sign = *(const int *)ud;
  return x->key == y->key ? 0 : x->key < y->key ? -sign : sign;
}

static int sort_count(pq_cx *cx, uint32_t count, uint32_t spread, int sign, int *wrong) {
  item *items = calloc(count + 1, sizeof *items);
  uint32_t seed = count * 7 + spread;
  int rc;
  *wrong = 0;
  if (items == NULL) return PQ_ENOMEM;
  for (uint32_t i = 0; i < count; i++) {
    seed = seed * 1664525 + 1013904223;
    items[i] = (item){.key = spread == 0 ? i : seed >> 8 & (spread - 1), .nth = i};
    items[i].padding[39] = (uint8_t)i;
  }
  rc = pq_sort_items(cx, items, count, sizeof *items, compare_items, &sign);
  for (uint32_t i = 1; rc == PQ_OK && i < count; i++) {
    int c = compare_items(&items[i - 1], &items[i], &sign);
    *wrong += c > 0 || (c == 0 && items[i - 1].nth > items[i].nth) ||
              items[i].padding[39] != (uint8_t)items[i].nth;
  }
  free(items);
  return rc;
}

static void test_sort_stable(void) {
  static const uint32_t counts[] = {0, 1, 2, 15, 16, 17, 31, 32, 33, 48, 100, 1000, 4097};
  static const uint32_t spreads[] = {0, 1, 8, 1 << 16};
  pq_cx cx;
  int wrong;
  unit_cx_init(&cx);
  for (size_t c = 0; c < sizeof counts / sizeof *counts; c++) {
    for (size_t s = 0; s < sizeof spreads / sizeof *spreads; s++) {
      CHECK(sort_count(&cx, counts[c], spreads[s], 1, &wrong) == PQ_OK && wrong == 0);
      CHECK(sort_count(&cx, counts[c], spreads[s], -1, &wrong) == PQ_OK && wrong == 0);
    }
  }
  CHECK(unit_live_len == 0);
}

static void test_sort_oom(void) {
  int rc = PQ_OK, wrong;
  for (long n = 1; n > 0; n = unit_oom_next(n, rc)) {
    pq_cx cx;
    unit_cx_init(&cx);
    unit_fail_at = n;
    rc = sort_count(&cx, 100, 8, 1, &wrong);
  }
}

/* ---- text ---- */

static void test_utf8(void) {
  CHECK(pq_utf8_is_valid((pq_slice){0}));
  CHECK(pq_utf8_is_valid(PQ_SLICE("plain ascii, longer than a word")));
  CHECK(pq_utf8_is_valid(PQ_SLICE("\xc2\x80\xdf\xbf\xe0\xa0\x80\xef\xbf\xbf\xf0\x90\x80\x80")));
  CHECK(pq_utf8_is_valid(PQ_SLICE("\xf4\x8f\xbf\xbf")));
  CHECK(!pq_utf8_is_valid(PQ_SLICE("\xc0\x80")));         /* overlong */
  CHECK(!pq_utf8_is_valid(PQ_SLICE("\xe0\x9f\xbf")));     /* overlong */
  CHECK(!pq_utf8_is_valid(PQ_SLICE("\xf0\x8f\xbf\xbf"))); /* overlong */
  CHECK(!pq_utf8_is_valid(PQ_SLICE("\xed\xa0\x80")));     /* surrogate */
  CHECK(!pq_utf8_is_valid(PQ_SLICE("\xf4\x90\x80\x80"))); /* above U+10FFFF */
  CHECK(!pq_utf8_is_valid(PQ_SLICE("\x80")));
  CHECK(!pq_utf8_is_valid(PQ_SLICE("12345678\xc3"))); /* cut, behind a whole word */
  CHECK(!pq_utf8_is_valid(PQ_SLICE("\xe2\x82")));
  CHECK(!pq_utf8_is_valid(PQ_SLICE("\xff")));
}

static void test_utf8_prefix(void) {
  pq_slice s = PQ_SLICE(
      "a\xe2\x82\xac"
      "b"); /* a, euro sign, b */
  CHECK(pq_utf8_prefix(s, 0) == 0);
  CHECK(pq_utf8_prefix(s, 1) == 1);
  CHECK(pq_utf8_prefix(s, 2) == 1);
  CHECK(pq_utf8_prefix(s, 3) == 1);
  CHECK(pq_utf8_prefix(s, 4) == 4);
  CHECK(pq_utf8_prefix(s, 5) == 5);
  CHECK(pq_utf8_prefix(s, 99) == 5);
}

static void test_ulid(void) {
  uint8_t rnd[10] = {0}, full[10];
  char a[PQ_ULID_LEN + 1], b[PQ_ULID_LEN + 1];
  pq_ulid(0, rnd, a);
  CHECK(strcmp(a, "00000000000000000000000000") == 0);
  memset(full, 0xff, sizeof full);
  pq_ulid(0xffffffffffffu, full, a);
  CHECK(strcmp(a, "7zzzzzzzzzzzzzzzzzzzzzzzzz") == 0);
  pq_ulid(1469918176385u, rnd, a); /* the time of the ULID specification's example */
  CHECK(strncmp(a, "01aryz6s41", 10) == 0);
  rnd[9] = 0xff;
  pq_ulid(5, rnd, a);
  pq_ulid_next(rnd);
  CHECK(rnd[9] == 0 && rnd[8] == 1);
  pq_ulid(5, rnd, b);
  CHECK(strcmp(a, b) < 0);
  pq_ulid(6, rnd, a);
  CHECK(strcmp(b, a) < 0);
  pq_ulid_next(full);
  for (int i = 0; i < 10; i++)
    CHECK(full[i] == 0);
}

static void check_time(const char *text, int64_t us, const char *printed) {
  char out[PQ_TIME_CAP];
  int64_t got = -1;
  CHECK(pq_time_parse(pq_str(text), &got));
  CHECK(got == us);
  pq_time_print(us, out);
  CHECK(strcmp(out, printed) == 0);
}

static void test_time(void) {
  static const char *const wrong[] = {"",
                                      "-",
                                      "x",
                                      "2026-3-1",
                                      "2026-02-29",
                                      "2026-13-01",
                                      "2026-00-10",
                                      "2026-01-32",
                                      "2026-01-01T",
                                      "2026-01-01T25:00",
                                      "2026-01-01T10:60",
                                      "2026-01-01T10:00:60",
                                      "2026-01-01T10:00:00.",
                                      "2026-01-01T10:00:00.1234567890",
                                      "2026-01-01T10:00:00+1",
                                      "2026-01-01T10:00:00+24:00",
                                      "2026-01-01T10:00:00Zx",
                                      "2026-01-01Z",
                                      "9999999999999999"};
  int64_t us;
  char day[PQ_DAY_CAP], out[PQ_TIME_CAP];
  check_time("1970-01-01", 0, "1970-01-01T00:00:00Z");
  check_time("2026-03-01T12:00:00.123456Z", 1772366400123456, "2026-03-01T12:00:00.123456Z");
  check_time("2026-03-01t12:00:00.120", 1772366400120000, "2026-03-01T12:00:00.120Z");
  check_time("2026-03-01 12:00", 1772366400000000, "2026-03-01T12:00:00Z");
  check_time("2026-03-01T13:30:00+01:30", 1772366400000000, "2026-03-01T12:00:00Z");
  check_time("2026-03-01T11:00:00-0100", 1772366400000000, "2026-03-01T12:00:00Z");
  check_time("2026-03-01T12:00:00.123456789Z", 1772366400123456, "2026-03-01T12:00:00.123456Z");
  check_time("1969-12-31T23:59:59.999999Z", -1, "1969-12-31T23:59:59.999999Z");
  check_time("2000-02-29", 951782400000000, "2000-02-29T00:00:00Z");
  check_time("1772366400123", 1772366400123000, "2026-03-01T12:00:00.123Z");
  check_time("-1", -1000, "1969-12-31T23:59:59.999Z");
  check_time("0000-01-01", -62167219200000000, "0000-01-01T00:00:00Z");
  for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
    CHECK(!pq_time_parse(pq_str(wrong[i]), &us));
  pq_time_print(INT64_MAX, out);
  CHECK(strcmp(out, "9223372036854775807") == 0);
  pq_day_print(20513, day);
  CHECK(strcmp(day, "2026-03-01") == 0);
  pq_day_print(-1, day);
  CHECK(strcmp(day, "1969-12-31") == 0);
}

static void test_nearest(void) {
  static const char *const words[] = {"filter", "limit", "sort", "includeDeleted", "op", NULL};
  CHECK(strcmp(pq_nearest(PQ_SLICE("fliter"), words), "filter") == 0);
  CHECK(strcmp(pq_nearest(PQ_SLICE("includedeleted"), words), "includeDeleted") == 0);
  CHECK(strcmp(pq_nearest(PQ_SLICE("srt"), words), "sort") == 0);
  CHECK(pq_nearest(PQ_SLICE("zzzz"), words) == NULL);
  CHECK(pq_nearest(PQ_SLICE("xy"), words) == NULL); /* all of a short word is another word */
  CHECK(pq_nearest((pq_slice){0}, words) == NULL);
  CHECK(pq_nearest(PQ_SLICE("a name that is much longer than any word could be"), words) == NULL);
}

static void check_json_str(pq_slice in, const char *expected) {
  pq_cx cx;
  pq_buf b;
  unit_cx_init(&cx);
  pq_buf_init(&b, &cx, 1000);
  CHECK(pq_buf_put_json_str(&b, in) == PQ_OK);
  CHECK(pq_slice_is(pq_buf_slice(&b), expected));
  pq_buf_release(&b);
}

static void test_json_str(void) {
  int rc = PQ_OK;
  check_json_str((pq_slice){0}, "\"\"");
  check_json_str(PQ_SLICE("abc"), "\"abc\"");
  check_json_str(PQ_SLICE("a\"b\\c"), "\"a\\\"b\\\\c\"");
  check_json_str(PQ_SLICE("\n\r\t\b\f"), "\"\\n\\r\\t\\b\\f\"");
  check_json_str(PQ_SLICE("\x01z\x1f\x7f"), "\"\\u0001z\\u001f\x7f\"");
  check_json_str(PQ_SLICE("\xe2\x82\xac"), "\"\xe2\x82\xac\"");
  check_json_str((pq_slice){(const uint8_t *)"a\0b", 3}, "\"a\\u0000b\"");
  for (long n = 1; n > 0; n = unit_oom_next(n, rc)) {
    pq_cx cx;
    pq_buf b;
    unit_cx_init(&cx);
    unit_fail_at = n;
    pq_buf_init(&b, &cx, 1000);
    rc = pq_buf_put_json_str(&b, PQ_SLICE("some text\nthat grows the buffer twice: 0123456789"
                                          "0123456789012345678901234567890123456789"));
    pq_buf_release(&b);
  }
}

/* Doubles of all kinds: the text reads back, strtod agrees, and no shorter text would do. */
static void test_double_random(void) {
  uint64_t seed = 88172645463325252u;
  for (int i = 0; i < 30000; i++) {
    char out[PQ_DOUBLE_CAP], shorter[64];
    double v, back;
    int n, digits = 0;
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    v = (double)(seed >> 40) / (i % 3 == 0 ? 1000.0 : 1048573.0);
    if (i % 4 == 1) v = (double)(seed >> (seed % 50)) / 1e9;
    if (i % 4 == 3) memcpy(&v, &seed, sizeof v);
    if (v != v || v - v != 0) continue;
    if (i % 5 == 0) v = -v;
    n = pq_double_print(v, out);
    CHECK(n == (int)strlen(out) && strtod(out, NULL) == v);
    CHECK(pq_double_parse(pq_str(out), &back) && memcmp(&v, &back, sizeof v) == 0);
    for (const char *p = out; *p != 0 && *p != 'e'; p++)
      digits += *p >= '0' && *p <= '9' && (digits > 0 || *p != '0');
    while (out[0] != 0 && n > 0 && digits > 0 && (out[n - 1] == '0' || out[n - 1] == '.')) {
      digits -= out[n - 1] == '0';
      n--;
    }
    if (digits < 2) continue;
    snprintf(shorter, sizeof shorter, "%.*e", digits - 2, v);
    if (strchr(out, 'e') == NULL) CHECK(strtod(shorter, NULL) != v);
  }
}

static void test_u64_print(void) {
  char out[PQ_U64_CAP + 1], want[32];
  for (int i = 0; i < 64; i++) {
    for (int step = -1; step <= 1; step++) {
      uint64_t v = (UINT64_C(1) << i) + (uint64_t)(int64_t)step;
      snprintf(want, sizeof want, "%llu", (unsigned long long)v);
      out[pq_u64_print(v, out)] = 0;
      CHECK(strcmp(out, want) == 0);
    }
  }
  for (uint64_t v = 1; v < UINT64_MAX / 10; v *= 10) {
    snprintf(want, sizeof want, "%llu", (unsigned long long)v - 1);
    out[pq_u64_print(v - 1, out)] = 0;
    CHECK(strcmp(out, want) == 0);
    snprintf(want, sizeof want, "%llu", (unsigned long long)v);
    out[pq_u64_print(v, out)] = 0;
    CHECK(strcmp(out, want) == 0);
  }
  out[pq_u64_print(UINT64_MAX, out)] = 0;
  CHECK(strcmp(out, "18446744073709551615") == 0);
}

static void test_double(void) {
  static const char *const exact[] = {
      "0.1",         "5.0", "-0.0", "1e+300", "4.9406564584124654e-324", "0.30000000000000004",
      "123456789.25"};
  static const char *const wrong[] = {"", "-", ".5", "01", "1.", "1e", "+1", "1e400", "0x1", "1 "};
  char out[PQ_DOUBLE_CAP];
  double v, back;
  for (size_t i = 0; i < sizeof exact / sizeof *exact; i++) {
    CHECK(pq_double_parse(pq_str(exact[i]), &v));
    CHECK(pq_double_print(v, out) == (int)strlen(out));
    CHECK(pq_double_parse(pq_str(out), &back) && memcmp(&v, &back, sizeof v) == 0);
  }
  CHECK(pq_double_print(5, out) == 3 && strcmp(out, "5.0") == 0);
  CHECK(pq_double_print(0.1, out) == 3 && strcmp(out, "0.1") == 0);
  for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
    CHECK(!pq_double_parse(pq_str(wrong[i]), &v));
}

int main(void) {
  RUN(test_checked_arithmetic);
  RUN(test_slice_order);
  RUN(test_failures);
  RUN(test_arena_alloc);
  RUN(test_arena_limit);
  RUN(test_alloc_too_large);
  RUN(test_arena_oom);
  RUN(test_buf_round_trip);
  RUN(test_reader_malformed);
  RUN(test_buf_limit);
  RUN(test_buf_oom);
  RUN(test_table_find);
  RUN(test_table_oom);
  RUN(test_hash_values);
  RUN(test_sort_stable);
  RUN(test_sort_oom);
  RUN(test_utf8);
  RUN(test_utf8_prefix);
  RUN(test_ulid);
  RUN(test_time);
  RUN(test_nearest);
  RUN(test_json_str);
  RUN(test_double);
  RUN(test_double_random);
  RUN(test_u64_print);
  return unit_end();
}
