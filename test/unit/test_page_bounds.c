/* Minima and maxima: gathering, order, and the stored form that is never too narrow. */
#include "unit.h"

#include "base/text.h"
#include "parquet/page_bounds_int.h"

static pq_cx cx;
static pq_arena arena;

static void begin(void) {
  unit_cx_init(&cx);
  pq_arena_init(&arena, &cx, (uint64_t)1 << 20);
}

static void end(void) {
  pq_arena_release(&arena);
  CHECK(unit_live_len == 0);
}

static pq_bounds bounds_of(pq_bounds_order order, const void *values, uint32_t count) {
  pq_dense v = {.phys = order == PQ_BOUNDS_DOUBLE ? PQ_PHYS_DOUBLE : PQ_PHYS_FLOAT, .count = count};
  pq_bounds b;
  v.v.any = values;
  CHECK(pq_bounds_of(&arena, order, &v, &b) == PQ_OK);
  return b;
}

static void test_page_bounds_numbers(void) {
  static const int32_t i32[] = {3, -7, 5};
  static const int64_t i64[] = {INT64_MAX, INT64_MIN};
  static const uint8_t b[] = {0, 0, 5};
  pq_bounds r;
  begin();
  r = bounds_of(PQ_BOUNDS_INT32, i32, 3);
  CHECK(r.has && r.min.n == 4 && (int32_t)pq_rd32(r.min.p) == -7 && pq_rd32(r.max.p) == 5);
  r = bounds_of(PQ_BOUNDS_INT64, i64, 2);
  CHECK(r.has && r.max.n == 8 && (int64_t)pq_rd64(r.min.p) == INT64_MIN);
  CHECK(pq_bounds_cmp(PQ_BOUNDS_INT64, r.min, r.max) < 0);
  r = bounds_of(PQ_BOUNDS_BOOL, b, 3);
  CHECK(r.has && r.min.n == 1 && r.min.p[0] == 0 && r.max.p[0] == 1);
  r = bounds_of(PQ_BOUNDS_INT32, i32, 0);
  CHECK(!r.has);
  end();
}

static void test_page_bounds_floats(void) {
  double zero = 0, nan = zero / zero;
  double some[] = {nan, 1.5, -2, nan}, nans[] = {nan, nan}, zeros[] = {0.0, 0.0};
  float small[] = {-0.0f, (float)nan};
  pq_bounds r;
  begin();
  r = bounds_of(PQ_BOUNDS_DOUBLE, some, 4);
  CHECK(r.has && pq_rd64(r.min.p) == 0xc000000000000000u && pq_rd64(r.max.p) >> 48 == 0x3ff8);
  CHECK(r.has_nan);
  r = bounds_of(PQ_BOUNDS_DOUBLE, nans, 2);
  CHECK(!r.has && r.has_nan);
  pq_bounds_merge(PQ_BOUNDS_DOUBLE, &r, &(pq_bounds){r.min, r.max, false, false});
  CHECK(!r.has && r.has_nan);
  r = bounds_of(PQ_BOUNDS_DOUBLE, zeros, 2);
  CHECK(r.has && pq_rd64(r.min.p) == (uint64_t)1 << 63 && pq_rd64(r.max.p) == 0);
  CHECK(pq_bounds_cmp(PQ_BOUNDS_DOUBLE, r.min, r.max) == 0);
  r = bounds_of(PQ_BOUNDS_FLOAT, small, 2);
  CHECK(r.has && r.min.n == 4 && pq_rd32(r.min.p) == 0x80000000u && pq_rd32(r.max.p) == 0);
  end();
}

static void test_page_bounds_bytes(void) {
  pq_slice s[] = {PQ_SLICE("b"), PQ_SLICE("a\xff"), PQ_SLICE("\xc3\xa9"), PQ_SLICE("a")};
  static const uint32_t entries[] = {1, 0};
  pq_dense v = {.phys = PQ_PHYS_BYTES, .count = 4};
  pq_bounds r, all = {0};
  begin();
  r = bounds_of(PQ_BOUNDS_BYTES, s, 4);
  CHECK(pq_slice_is(r.min, "a") && pq_slice_is(r.max, "\xc3\xa9"));
  v.v.bytes = s;
  r = pq_bounds_of_entries(PQ_BOUNDS_BYTES, &v, entries, 2);
  CHECK(pq_slice_is(r.min, "a\xff") && pq_slice_is(r.max, "b"));
  pq_bounds_merge(PQ_BOUNDS_BYTES, &all, &(pq_bounds){0});
  CHECK(!all.has);
  pq_bounds_merge(PQ_BOUNDS_BYTES, &all, &r);
  pq_bounds_merge(PQ_BOUNDS_BYTES, &all, &(pq_bounds){PQ_SLICE(""), PQ_SLICE("aa"), true, false});
  CHECK(all.has && all.min.n == 0 && pq_slice_is(all.max, "b") && !all.has_nan);
  end();
}

/* The stored maximum of a value that repeats `unit` and ends in "tail". */
static bool stored_max(const char *unit, unsigned count, bool is_text, pq_slice *out) {
  static char value[512];
  pq_bounds b;
  bool ok;
  value[0] = 0;
  for (unsigned i = 0; i < count; i++)
    strcat(value, unit);
  strcat(value, "tail");
  b = (pq_bounds){pq_str(value), pq_str(value), true, false};
  CHECK(pq_bounds_store(&arena, PQ_BOUNDS_BYTES, is_text, &b, &ok) == PQ_OK);
  CHECK(ok == b.has);
  *out = b.max;
  if (!ok) return false;
  CHECK(b.min.n <= PQ_BOUND_LEN_MAX && b.max.n <= PQ_BOUND_LEN_MAX);
  CHECK(pq_slice_cmp(b.min, pq_str(value)) <= 0 && pq_slice_cmp(b.max, pq_str(value)) >= 0);
  CHECK(!is_text || (pq_utf8_is_valid(b.min) && pq_utf8_is_valid(b.max)));
  return true;
}

static void test_page_bounds_store(void) {
  pq_slice max;
  begin();
  CHECK(stored_max("a", 60, true, &max) && max.n == 64 && pq_slice_cmp(max, max) == 0);
  CHECK(max.p[63] == 'l'); /* exactly 64 bytes: as it is */
  CHECK(stored_max("a", 61, true, &max) && max.n == 64 && max.p[63] == 'j');
  CHECK(stored_max("a", 200, true, &max) && max.p[62] == 'a' && max.p[63] == 'b');
  CHECK(stored_max("\xc3\xa9", 100, true, &max) && max.n == 64 && max.p[63] == 0xaa);
  CHECK(stored_max("\xe2\x82\xac", 50, true, &max) && max.n == 63 && max.p[62] == 0xad);
  /* U+07FF needs a longer successor, which would not fit at the end */
  CHECK(stored_max("\xdf\xbf", 100, true, &max) && max.n == 63);
  /* U+007F likewise */
  CHECK(stored_max("\x7f", 100, true, &max) && max.n == 64 && max.p[62] == 0xc2);
  /* U+D7FF is followed by U+E000, U+FFFF by U+10000 */
  CHECK(stored_max("\xed\x9f\xbf", 50, true, &max) && max.n == 63 && max.p[60] == 0xee);
  CHECK(stored_max("\xef\xbf\xbf", 50, true, &max) && max.n == 64 && max.p[60] == 0xf0);
  /* the last character of all has no successor */
  CHECK(!stored_max("\xf4\x8f\xbf\xbf", 50, true, &max) && max.n == 0);
  CHECK(!stored_max("\xff", 100, false, &max));
  CHECK(stored_max("a\xff", 100, false, &max) && max.n == 63 && max.p[62] == 'b');
  /* text that is none is treated as bytes */
  CHECK(!stored_max("\xff", 100, false, &max));
  end();
}

static void test_page_bounds_bad_text(void) {
  static char value[101];
  pq_bounds b;
  bool ok;
  begin();
  memset(value, 0xfe, 100);
  b = (pq_bounds){pq_str(value), pq_str(value), true, false};
  CHECK(pq_bounds_store(&arena, PQ_BOUNDS_BYTES, true, &b, &ok) == PQ_OK);
  CHECK(ok && b.max.n == 64 && b.max.p[63] == 0xff);
  memset(value, 0x80, 100); /* no character starts at all */
  b = (pq_bounds){pq_str(value), pq_str(value), true, false};
  CHECK(pq_bounds_store(&arena, PQ_BOUNDS_BYTES, true, &b, &ok) == PQ_OK);
  CHECK(!ok && !b.has);
  b = (pq_bounds){pq_str(value), pq_str(value), true, false}; /* FIXED is never cut */
  CHECK(pq_bounds_store(&arena, PQ_BOUNDS_FIXED, false, &b, &ok) == PQ_OK && b.max.n == 100);
  end();
}

static void test_page_bounds_unsigned(void) {
  static const int32_t i32[] = {3, -7, 5};
  static const int64_t i64[] = {-1, 2};
  pq_bounds r;
  begin();
  r = bounds_of(PQ_BOUNDS_UINT32, i32, 3);
  CHECK(r.has && r.min.n == 4 && pq_rd32(r.min.p) == 3 && (int32_t)pq_rd32(r.max.p) == -7);
  CHECK(pq_bounds_cmp(PQ_BOUNDS_UINT32, r.min, r.max) < 0);
  CHECK(pq_bounds_cmp(PQ_BOUNDS_INT32, r.min, r.max) > 0);
  r = bounds_of(PQ_BOUNDS_UINT64, i64, 2);
  CHECK(r.has && pq_rd64(r.min.p) == 2 && pq_rd64(r.max.p) == UINT64_MAX);
  CHECK(pq_bounds_cmp(PQ_BOUNDS_UINT64, r.min, r.max) < 0);
  CHECK(!bounds_of(PQ_BOUNDS_NONE, i64, 2).has);
  end();
}

/* Two's complement, big-endian, of different lengths: -129, -1, 0, 127, 128. */
static void test_page_bounds_decimals(void) {
  static const pq_slice s[] = {PQ_SLICE("\xff\x7f"), PQ_SLICE("\xff\xff\xff"), PQ_SLICE(""),
                               PQ_SLICE("\x7f"), PQ_SLICE("\x00\x80")};
  pq_bounds r, b;
  uint8_t many[100] = {1};
  bool ok;
  begin();
  for (int i = 0; i < 5; i++)
    for (int j = 0; j < 5; j++)
      CHECK(pq_bounds_cmp(PQ_BOUNDS_DECIMAL, s[i], s[j]) == (i < j ? -1 : i > j));
  CHECK(pq_bounds_cmp(PQ_BOUNDS_DECIMAL, PQ_SLICE("\xff"), s[1]) == 0);
  r = bounds_of(PQ_BOUNDS_DECIMAL, s, 5);
  CHECK(r.has && r.min.p == s[0].p && r.max.p == s[4].p);
  b = (pq_bounds){{many, 100}, {many, 100}, true, false};
  CHECK(pq_bounds_store(&arena, PQ_BOUNDS_DECIMAL, false, &b, &ok) == PQ_OK && b.max.n == 100);
  end();
}

static void test_page_bounds_halves(void) {
  static const pq_slice s[] = {PQ_SLICE("\x00\x3c"), PQ_SLICE("\x00\xfe"), PQ_SLICE("\x00\xbc")};
  static const pq_slice zeros[] = {PQ_SLICE("\x00\x00"), PQ_SLICE("\x00\x7e")};
  pq_bounds r;
  begin();
  r = bounds_of(PQ_BOUNDS_FLOAT16, s, 3); /* 1, NaN, -1 */
  CHECK(r.has && r.has_nan && r.min.p == s[2].p && r.max.p == s[0].p);
  r = bounds_of(PQ_BOUNDS_FLOAT16, zeros, 2);
  CHECK(r.has && pq_rd16(r.min.p) == 0x8000 && pq_rd16(r.max.p) == 0);
  r = bounds_of(PQ_BOUNDS_FLOAT16, zeros + 1, 1);
  CHECK(!r.has);
  end();
}

int main(void) {
  RUN(test_page_bounds_unsigned);
  RUN(test_page_bounds_decimals);
  RUN(test_page_bounds_halves);
  RUN(test_page_bounds_numbers);
  RUN(test_page_bounds_floats);
  RUN(test_page_bounds_bytes);
  RUN(test_page_bounds_store);
  RUN(test_page_bounds_bad_text);
  return unit_end();
}
