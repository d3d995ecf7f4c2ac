/* Reading Variant bytes: every primitive, containers, the check against hostile bytes, and the
 * reference files of parquet-testing. */
#include "base/arena.h"
#include "unit.h"
#include "value/compare.h"
#include "value/json.h"
#include "value/variant.h"

static pq_cx cx;
static pq_arena arena;
static const uint8_t no_names[] = {1, 0, 0};
static const uint8_t two_names[] = {0x11, 2, 0, 1, 3, 'a', 'b', 'c'}; /* "a", "bc" */

#define BYTES(...) \
  ((pq_slice){(const uint8_t[]){__VA_ARGS__}, sizeof((const uint8_t[]){__VA_ARGS__})})
#define NO_NAMES ((pq_slice){no_names, sizeof no_names})
#define TWO_NAMES ((pq_slice){two_names, sizeof two_names})

static pq_value checked(pq_slice bytes) {
  pq_value v;
  int rc = pq_value_check(&cx, TWO_NAMES, bytes, &v);
  if (rc != PQ_OK) fprintf(stderr, "%s\n", cx.msg);
  CHECK(rc == PQ_OK);
  return v;
}

static bool is_i64(pq_slice bytes, pq_type type, int64_t want) {
  int64_t v;
  pq_value value = checked(bytes);
  return pq_value_type(value) == type && pq_value_i64(value, &v) && v == want;
}

static bool is_date(pq_slice bytes, int64_t want) {
  int64_t v;
  pq_value value = checked(bytes);
  return pq_value_type(value) == PQ_TYPE_DATE && pq_value_date_us(value, &v) && v == want;
}

static void test_variant_scalars(void) {
  pq_slice text;
  bool is_true;
  double d;
  unit_cx_init(&cx);
  CHECK(pq_value_type(checked(BYTES(0))) == PQ_TYPE_NULL);
  CHECK(pq_value_bool(checked(BYTES(1 << 2)), &is_true) && is_true);
  CHECK(pq_value_bool(checked(BYTES(2 << 2)), &is_true) && !is_true);
  CHECK(is_i64(BYTES(3 << 2, 0xfe), PQ_TYPE_INT32, -2));
  CHECK(is_i64(BYTES(4 << 2, 0xfe, 0xff), PQ_TYPE_INT32, -2));
  CHECK(is_i64(BYTES(5 << 2, 0xfe, 0xff, 0xff, 0xff), PQ_TYPE_INT32, -2));
  CHECK(is_i64(BYTES(6 << 2, 1, 0, 0, 0, 1, 0, 0, 0), PQ_TYPE_INT64, 4294967297));
  CHECK(is_i64(BYTES(17 << 2, 5, 0, 0, 0, 0, 0, 0, 0), PQ_TYPE_INT64, 5));
  CHECK(pq_value_double(checked(BYTES(7 << 2, 0, 0, 0, 0, 0, 0, 0xf8, 0x3f)), &d) && d == 1.5);
  CHECK(pq_value_double(checked(BYTES(14 << 2, 0, 0, 0xc0, 0x3f)), &d) && d == 1.5);
  CHECK(is_date(BYTES(11 << 2, 1, 0, 0, 0), 86400000000));
  CHECK(is_date(BYTES(12 << 2, 9, 0, 0, 0, 0, 0, 0, 0), 9));
  CHECK(is_date(BYTES(13 << 2, 9, 0, 0, 0, 0, 0, 0, 0), 9));
  CHECK(is_date(BYTES(18 << 2, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff), -1));
  CHECK(is_date(BYTES(19 << 2, 0xdc, 5, 0, 0, 0, 0, 0, 0), 1));
  CHECK(pq_value_binary(checked(BYTES(15 << 2, 2, 0, 0, 0, 7, 8)), &text) && text.n == 2);
  CHECK(
      pq_value_binary(
          checked(BYTES(20 << 2, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16)), &text) &&
      text.n == 16 && text.p[15] == 16);
  CHECK(pq_value_string(checked(BYTES(16 << 2, 2, 0, 0, 0, 'h', 'i')), &text) &&
        pq_slice_is(text, "hi"));
  CHECK(pq_value_string(checked(BYTES(2 << 2 | 1, 'h', 'i')), &text) && pq_slice_is(text, "hi"));
  CHECK(pq_value_type((pq_value){0}) == PQ_TYPE_MISSING);
  CHECK(!pq_value_string((pq_value){0}, &text) && text.p == NULL);
  CHECK(strcmp(pq_type_name(PQ_TYPE_MAX_KEY), "maxKey") == 0);
  CHECK(strcmp(pq_type_name(PQ_TYPE_OBJECT_ID), "objectId") == 0);
  CHECK(pq_type_bracket(PQ_TYPE_DECIMAL) == PQ_TYPE_INT32);
  CHECK(pq_type_bracket(PQ_TYPE_STRING) == PQ_TYPE_STRING);
}

static void test_variant_decimal(void) {
  static const uint8_t min16[18] = {10 << 2, 38, [17] = 0x80}; /* -2^127 */
  pq_decimal d;
  double v;
  unit_cx_init(&cx);
  CHECK(pq_value_decimal(checked(BYTES(8 << 2, 2, 0x85, 0xff, 0xff, 0xff)), &d) && d.is_negative &&
        d.lo == 123 && d.hi == 0 && d.scale == 2);
  CHECK(pq_value_number(checked(BYTES(8 << 2, 2, 0x85, 0xff, 0xff, 0xff)), &v) && v == -1.23);
  CHECK(pq_value_decimal(checked(BYTES(9 << 2, 0, 1, 0, 0, 0, 1, 0, 0, 0)), &d) && !d.is_negative &&
        d.lo == 4294967297);
  CHECK(pq_value_decimal(checked((pq_slice){min16, sizeof min16}), &d) && d.is_negative &&
        d.lo == 0 && d.hi == (uint64_t)1 << 63);
}

/* {"bc": 1, "a": "x", }: ids by name, offsets not ascending, a gap of one byte between values. */
static void test_variant_object(void) {
  pq_slice bytes = BYTES(2, 2, 0, 1, 3, 0, 5, 3 << 2, 1, 0xee, 5, 'x');
  pq_value v, x;
  pq_field *fields;
  uint32_t n;
  int64_t i;
  unit_cx_init(&cx);
  pq_arena_init(&arena, &cx, 1u << 20);
  CHECK(pq_value_check(&cx, TWO_NAMES, bytes, &v) == PQ_OK);
  CHECK(pq_value_type(v) == PQ_TYPE_OBJECT && pq_value_count(v) == 2 && pq_value_is_raw_object(v));
  CHECK(pq_value_i64(pq_object_get_str(v, "bc"), &i) && i == 1);
  CHECK(pq_value_type(pq_object_get_str(v, "a")) == PQ_TYPE_STRING);
  x = pq_object_get_str(v, "b");
  CHECK(pq_value_is_missing(x));
  CHECK(pq_value_is_missing(pq_object_get_str(x, "b")));
  fields = pq_object_fields(&arena, v, &n);
  CHECK(fields != NULL && n == 2 && pq_slice_is(fields[0].name, "bc") &&
        pq_slice_is(fields[1].name, "a"));
  fields = pq_object_fields(&arena, x, &n);
  CHECK(fields != NULL && n == 0);
  v = checked(BYTES(3, 2, 0, 1, 3, 0, 3 << 2, 7)); /* array [null, 7] */
  CHECK(pq_value_type(v) == PQ_TYPE_ARRAY && pq_value_count(v) == 2);
  CHECK(pq_value_i64(pq_array_at(v, 1), &i) && i == 7);
  CHECK(pq_value_is_missing(pq_array_at(v, 2)));
  CHECK(pq_value_is_missing(pq_array_at(checked(BYTES(0)), 0)));
  pq_arena_release(&arena);
}

static bool corrupt(pq_slice meta, pq_slice bytes) {
  pq_value v;
  return pq_value_check(&cx, meta, bytes, &v) == PQ_ECORRUPT && v.p == NULL;
}

static void test_variant_corrupt(void) {
  pq_slice null = BYTES(0);
  pq_value v;
  unit_cx_init(&cx);
  CHECK(corrupt((pq_slice){0}, null));
  CHECK(corrupt(BYTES(1, 0), null));
  CHECK(corrupt(BYTES(2, 0, 0), null));                      /* version */
  CHECK(corrupt(BYTES(1, 0, 0, 0), null));                   /* spare byte */
  CHECK(corrupt(BYTES(1, 1, 0, 2, 'a'), null));              /* beyond the end */
  CHECK(corrupt(BYTES(1, 2, 0, 1, 0, 'a'), null));           /* descending */
  CHECK(corrupt(BYTES(1, 1, 0, 1, 0xff), null));             /* UTF-8 */
  CHECK(corrupt(BYTES(0xc1, 0xff, 0xff, 0xff, 0xff), null)); /* four billion names */
  CHECK(corrupt(NO_NAMES, (pq_slice){0}));
  CHECK(corrupt(NO_NAMES, BYTES(0, 0)));
  CHECK(corrupt(NO_NAMES, BYTES(21 << 2)));
  CHECK(corrupt(NO_NAMES, BYTES(5 << 2, 1, 2, 3)));
  CHECK(corrupt(NO_NAMES, BYTES(16 << 2, 0xff, 0xff, 0xff, 0xff)));
  CHECK(corrupt(NO_NAMES, BYTES(1 << 2 | 1, 0xff)));
  CHECK(corrupt(NO_NAMES, BYTES(8 << 2, 39, 0, 0, 0, 0)));
  CHECK(corrupt(NO_NAMES, BYTES(2, 1, 0, 0, 1, 0)));           /* id without a name */
  CHECK(corrupt(TWO_NAMES, BYTES(2, 2, 1, 0, 0, 1, 2, 0, 0))); /* not sorted */
  CHECK(corrupt(TWO_NAMES, BYTES(2, 2, 0, 0, 0, 1, 2, 0, 0))); /* repeated */
  CHECK(corrupt(BYTES(1, 2, 0, 1, 2, 'a', 'a'), BYTES(2, 2, 0, 1, 0, 1, 2, 0, 0)));
  CHECK(corrupt(NO_NAMES, BYTES(3, 2, 0, 0, 1, 0)));                /* overlap */
  CHECK(corrupt(NO_NAMES, BYTES(3, 1, 2, 1, 0)));                   /* offset beyond the end */
  CHECK(corrupt(NO_NAMES, BYTES(0x1f, 0xff, 0xff, 0xff, 0xff, 0))); /* many elements */
  CHECK(pq_value_check(&cx, NO_NAMES, BYTES(3, 1, 0, 1, 0), &v) == PQ_OK);
}

/* An array in an array … deeper than the limit. */
static void test_variant_deep(void) {
  enum { DEPTH = 200, STEP = 5 };
  uint8_t bytes[DEPTH * STEP + 1];
  size_t start = sizeof bytes - 1;
  pq_value v;
  unit_cx_init(&cx);
  bytes[start] = 0;
  for (int i = 0; i < DEPTH; i++) {
    size_t len = sizeof bytes - start;
    uint8_t header[6] = {3 | 1 << 2, 1, 0, 0, (uint8_t)len, (uint8_t)(len >> 8)};
    if (len + 6 > sizeof bytes) break;
    start -= 6;
    memcpy(bytes + start, header, 6);
  }
  CHECK(pq_value_check(&cx, NO_NAMES, (pq_slice){bytes + start, sizeof bytes - start}, &v) ==
        PQ_ELIMIT);
}

/* Use everything on a value that passed the check. */
static void exercise(pq_value v) {
  pq_buf out;
  uint32_t n;
  pq_buf_init(&out, &cx, 1u << 24);
  CHECK(pq_json_print(&out, v, PQ_JSON_RELAXED) == PQ_OK);
  CHECK(pq_json_print(&out, v, PQ_JSON_CANONICAL) == PQ_OK);
  CHECK(pq_value_compare(v, v) == 0);
  pq_value_hash(v);
  pq_object_fields(&arena, v, &n);
  pq_object_get_str(v, "name");
  pq_array_at(v, 1);
  pq_arena_clear(&arena);
  pq_buf_release(&out);
}

/* Check bytes in blocks of exactly their size, so that an overread is seen. */
static int try_bytes(pq_slice meta, pq_slice bytes) {
  uint8_t *m = malloc(meta.n + 1), *p = malloc(bytes.n + 1);
  pq_value v;
  int rc;
  m = realloc(m, meta.n > 0 ? meta.n : 1);
  p = realloc(p, bytes.n > 0 ? bytes.n : 1);
  if (meta.n > 0) memcpy(m, meta.p, meta.n);
  if (bytes.n > 0) memcpy(p, bytes.p, bytes.n);
  rc = pq_value_check(&cx, (pq_slice){m, meta.n}, (pq_slice){p, bytes.n}, &v);
  if (rc == PQ_OK) exercise(v);
  CHECK(rc == PQ_OK || rc == PQ_ECORRUPT || rc == PQ_ELIMIT);
  free(m);
  free(p);
  return rc;
}

static const char *const sample =
    "{\"_id\":{\"$oid\":\"0123456789abcdef01234567\"},\"name\":\"x\",\"a\":[1,2.5,{\"$"
    "numberDecimal\":"
    "\"1.5\"},{\"$numberDecimal\":\"1E+99\"}],\"d\":{\"$date\":\"2026-03-01T12:00:00Z\"},\"b\":{\"$"
    "binary\":"
    "{\"base64\":\"AQ==\",\"subType\":\"80\"}},\"t\":{\"$timestamp\":{\"t\":1,\"i\":2}},\"z\":{}}";

static void test_variant_flips(void) {
  pq_builder *b;
  pq_value v;
  uint8_t all[1024];
  size_t len;
  unit_cx_init(&cx);
  pq_arena_init(&arena, &cx, 1u << 20);
  CHECK(pq_builder_new(&cx, &b) == PQ_OK);
  CHECK(pq_json_parse(b, pq_str(sample), (pq_json_options){0}, &len) == PQ_OK);
  CHECK(pq_builder_view(b, &v) == PQ_OK);
  len = (size_t)v.meta_len + v.len;
  CHECK(len <= sizeof all);
  memcpy(all, v.meta, v.meta_len);
  memcpy(all + v.meta_len, v.p, v.len);
  for (size_t i = 0; i < len; i++) {
    static const uint8_t flips[] = {1, 2, 4, 8, 16, 32, 64, 128, 255};
    for (size_t k = 0; k < sizeof flips; k++) {
      all[i] ^= flips[k];
      try_bytes((pq_slice){all, v.meta_len}, (pq_slice){all + v.meta_len, v.len});
      all[i] ^= flips[k];
    }
  }
  for (size_t n = 0; n < v.len; n++)
    CHECK(try_bytes((pq_slice){all, v.meta_len}, (pq_slice){all + v.meta_len, n}) == PQ_ECORRUPT);
  for (size_t n = 0; n < v.meta_len; n++)
    CHECK(try_bytes((pq_slice){all, n}, (pq_slice){all + v.meta_len, v.len}) == PQ_ECORRUPT);
  pq_builder_free(b);
  pq_arena_release(&arena);
  CHECK(unit_live_len == 0);
}

static void test_variant_random(void) {
  uint64_t state = 88172645463325252u;
  uint8_t bytes[64];
  int good_count = 0;
  unit_cx_init(&cx);
  pq_arena_init(&arena, &cx, 1u << 20);
  for (int round = 0; round < 30000; round++) {
    size_t n = (size_t)round % sizeof bytes + 1;
    for (size_t i = 0; i < n; i++) {
      state ^= state << 13;
      state ^= state >> 7;
      state ^= state << 17;
      bytes[i] = (uint8_t)(state >> 32 & (round % 2 == 0 ? 0xff : 0x0f));
    }
    if (round % 3 == 0) bytes[0] = 2;
    if (round % 3 == 1) bytes[0] = 3;
    good_count += try_bytes(TWO_NAMES, (pq_slice){bytes, n}) == PQ_OK;
    if (round % 4 == 0) try_bytes((pq_slice){bytes, n}, BYTES(0));
  }
  CHECK(good_count > 0);
  pq_arena_release(&arena);
  CHECK(unit_live_len == 0);
}

/* ---- parquet-testing/variant ---- */

static bool read_all(const char *dir, const char *name, const char *ext, uint8_t *buf,
                     pq_slice *out) {
  char path[1024];
  FILE *f;
  snprintf(path, sizeof path, "%s/parquet/parquet-testing/variant/%s.%s", dir, name, ext);
  f = fopen(path, "rb");
  if (f == NULL) return false;
  *out = (pq_slice){buf, fread(buf, 1, 4096, f)};
  fclose(f);
  return true;
}

static void test_variant_corpus(void) {
  static const char *const cases[][2] = {
      {"array_empty", "[]"},
      {"array_nested", NULL},
      {"array_primitive", "[2,1,5,9]"},
      {"long_string", NULL},
      {"object_empty", "{}"},
      {"object_nested", NULL},
      {"object_primitive", NULL},
      {"primitive_binary", "{\"$binary\":{\"base64\":\"AxM33q2+78r+\",\"subType\":\"00\"}}"},
      {"primitive_boolean_false", "false"},
      {"primitive_boolean_true", "true"},
      {"primitive_date", "{\"$date\":\"2025-04-16T00:00:00Z\"}"},
      {"primitive_decimal16", "{\"$numberDecimal\":\"12345678912345678.90\"}"},
      {"primitive_decimal4", "{\"$numberDecimal\":\"12.34\"}"},
      {"primitive_decimal8", "{\"$numberDecimal\":\"12345678.90\"}"},
      {"primitive_double", "1234567890.1234"},
      {"primitive_float", NULL},
      {"primitive_int16", "1234"},
      {"primitive_int32", "123456"},
      {"primitive_int64", "1234567890123456789"},
      {"primitive_int8", "42"},
      {"primitive_null", "null"},
      {"primitive_string", NULL},
      {"primitive_time", "45234123456"},
      {"primitive_timestamp", "{\"$date\":\"2025-04-16T16:34:56.780Z\"}"},
      {"primitive_timestamp_nanos", NULL},
      {"primitive_timestampntz", "{\"$date\":\"2025-04-16T12:34:56.780Z\"}"},
      {"primitive_timestampntz_nanos", NULL},
      {"primitive_uuid", "{\"$uuid\":\"f24f9b64-81fa-49d1-b74e-8c09a6e31c56\"}"},
      {"short_string", NULL}};
  const char *dir = getenv("PARQUEDB_CORPORA");
  static uint8_t meta_buf[4096], bytes_buf[4096];
  if (dir == NULL) dir = "../shared/corpora";
  unit_cx_init(&cx);
  pq_arena_init(&arena, &cx, 1u << 20);
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    pq_slice meta, bytes;
    pq_value v;
    pq_buf out;
    if (!read_all(dir, cases[i][0], "metadata", meta_buf, &meta) ||
        !read_all(dir, cases[i][0], "value", bytes_buf, &bytes)) {
      if (i == 0) {
        printf("skipped: corpora not found\n");
        break;
      }
      CHECK(0);
      continue;
    }
    CHECK(pq_value_check(&cx, meta, bytes, &v) == PQ_OK);
    if (v.p == NULL) fprintf(stderr, "%s: %s\n", cases[i][0], cx.msg);
    pq_buf_init(&out, &cx, 1u << 20);
    CHECK(pq_json_print(&out, v, PQ_JSON_RELAXED) == PQ_OK);
    if (cases[i][1] != NULL && !pq_slice_is(pq_buf_slice(&out), cases[i][1])) {
      fprintf(stderr, "%s: %.*s\n", cases[i][0], (int)out.len, (char *)out.p);
      CHECK(0);
    }
    pq_buf_release(&out);
    exercise(v);
  }
  pq_arena_release(&arena);
}

int main(void) {
  RUN(test_variant_scalars);
  RUN(test_variant_decimal);
  RUN(test_variant_object);
  RUN(test_variant_corrupt);
  RUN(test_variant_deep);
  RUN(test_variant_flips);
  RUN(test_variant_random);
  RUN(test_variant_corpus);
  return unit_end();
}
