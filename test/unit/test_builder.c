/* Building Variant: layout, order, names, look-alikes, copies, limits, no memory. */
#include "unit.h"
#include "value/builder.h"
#include "value/compare.h"
#include "value/json.h"

static pq_cx cx;
static pq_builder *b;
static pq_arena arena;

static void begin(void) {
  unit_cx_init(&cx);
  CHECK(pq_builder_new(&cx, &b) == PQ_OK);
  pq_arena_init(&arena, &cx, 1u << 28);
}

static void end(void) {
  pq_builder_free(b);
  pq_builder_free(NULL);
  pq_arena_release(&arena);
  CHECK(unit_live_len == 0);
}

/* Finish, check and compare with relaxed JSON. */
static pq_value finished(const char *want) {
  pq_value v = {0}, again = {0};
  pq_buf out;
  CHECK(pq_builder_finish(b, &arena, &v) == PQ_OK);
  if (v.p == NULL) {
    fprintf(stderr, "%s: %s\n", want, cx.msg);
    return v;
  }
  CHECK(pq_value_check(&cx, pq_value_meta(v), pq_value_bytes(v), &again) == PQ_OK);
  pq_buf_init(&out, &cx, 1u << 24);
  CHECK(pq_json_print(&out, v, PQ_JSON_RELAXED) == PQ_OK);
  if (!pq_slice_is(pq_buf_slice(&out), want))
    fprintf(stderr, "is   %.*s\nwant %s\n", (int)out.len, (char *)out.p, want);
  CHECK(pq_slice_is(pq_buf_slice(&out), want));
  pq_buf_release(&out);
  return v;
}

static int put_scalars(void) {
  static const uint8_t uuid[16] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
  PQ_TRY(pq_builder_begin_array(b));
  PQ_TRY(pq_builder_null(b));
  PQ_TRY(pq_builder_bool(b, true));
  PQ_TRY(pq_builder_bool(b, false));
  PQ_TRY(pq_builder_i32(b, -5));
  PQ_TRY(pq_builder_i64(b, 5));
  PQ_TRY(pq_builder_double(b, 0.1));
  PQ_TRY(pq_builder_decimal(b, (pq_decimal){.is_negative = true, .lo = 150, .scale = 2}));
  PQ_TRY(pq_builder_str(b, "text"));
  PQ_TRY(pq_builder_binary(b, PQ_SLICE("\x01")));
  PQ_TRY(pq_builder_uuid(b, uuid));
  PQ_TRY(pq_builder_date_us(b, 1500000));
  PQ_TRY(pq_builder_extended(b, "$oid", PQ_SLICE("0123456789ABCDEF01234567")));
  PQ_TRY(pq_builder_extended(b, "$numberDecimal", PQ_SLICE("2.50")));
  PQ_TRY(pq_builder_extended(b, "$code", PQ_SLICE("f()")));
  return pq_builder_end(b);
}

static void test_builder_scalars(void) {
  static const pq_type types[] = {
      PQ_TYPE_NULL,   PQ_TYPE_BOOL,      PQ_TYPE_BOOL,    PQ_TYPE_INT32,  PQ_TYPE_INT64,
      PQ_TYPE_DOUBLE, PQ_TYPE_DECIMAL,   PQ_TYPE_STRING,  PQ_TYPE_BINARY, PQ_TYPE_BINARY,
      PQ_TYPE_DATE,   PQ_TYPE_OBJECT_ID, PQ_TYPE_DECIMAL, PQ_TYPE_CODE};
  pq_value v = {0};
  begin();
  CHECK(put_scalars() == PQ_OK);
  v = finished(
      "[null,true,false,-5,5,0.1,{\"$numberDecimal\":\"-1.50\"},\"text\",{\"$binary\":{\"base64\":"
      "\"AQ==\",\"subType\":\"00\"}},{\"$uuid\":\"00010203-0405-0607-0809-0a0b0c0d0e0f\"},{\"$"
      "date\":"
      "\"1970-01-01T00:00:01.500Z\"},{\"$oid\":\"0123456789abcdef01234567\"},{\"$numberDecimal\":"
      "\"2.50\"},{\"$code\":\"f()\"}]");
  CHECK(pq_value_count(v) == sizeof types / sizeof *types);
  for (uint32_t i = 0; i < pq_value_count(v); i++)
    CHECK(pq_value_type(pq_array_at(v, i)) == types[i]);
  end();
}

/* The bytes as VariantEncoding.md demands them. */
static void test_builder_layout(void) {
  static const uint8_t meta[] = {1, 2, 0, 1, 2, 'b', 'a'};
  static const uint8_t bytes[] = {2, 2, 1, 0, 2, 0, 7, 1 << 2 | 1, 'x', 5 << 2, 7, 0, 0, 0};
  static const uint8_t sorted_meta[] = {0x11, 1, 0, 1, 'a'};
  static const uint8_t empty_meta[] = {1, 0, 0};
  pq_value v = {0};
  begin();
  CHECK(pq_builder_begin_object(b) == PQ_OK);
  CHECK(pq_builder_key_str(b, "b") == PQ_OK && pq_builder_str(b, "x") == PQ_OK);
  CHECK(pq_builder_key_str(b, "a") == PQ_OK && pq_builder_i32(b, 7) == PQ_OK);
  CHECK(pq_builder_end(b) == PQ_OK && pq_builder_view(b, &v) == PQ_OK);
  CHECK(pq_slice_eq(pq_value_meta(v), (pq_slice){meta, sizeof meta}));
  CHECK(pq_slice_eq(pq_value_bytes(v), (pq_slice){bytes, sizeof bytes}));
  finished("{\"b\":\"x\",\"a\":7}");
  CHECK(pq_builder_begin_object(b) == PQ_OK && pq_builder_key_str(b, "a") == PQ_OK);
  CHECK(pq_builder_null(b) == PQ_OK && pq_builder_end(b) == PQ_OK);
  v = finished("{\"a\":null}"); /* the names of the document before are gone */
  CHECK(pq_slice_eq(pq_value_meta(v), (pq_slice){sorted_meta, sizeof sorted_meta}));
  CHECK(pq_builder_null(b) == PQ_OK);
  v = finished("null");
  CHECK(pq_slice_eq(pq_value_meta(v), (pq_slice){empty_meta, sizeof empty_meta}));
  end();
}

static void test_builder_decimal_width(void) {
  static const struct {
    uint64_t hi, lo;
    uint8_t scale, len;
  } cases[] = {{0, 999999999, 9, 6},
               {0, 1000000000, 0, 10},
               {0, 1, 10, 10},
               {0, 999999999999999999, 18, 10},
               {0, 1000000000000000000, 0, 18},
               {0, 0, 38, 18},
               {0x4b3b4ca85a86c47a, 0x098a223fffffffff, 0, 18}}; /* 10^38 - 1 */
  begin();
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    pq_decimal d = {cases[i].lo > 0, cases[i].hi, cases[i].lo, cases[i].scale}, back;
    pq_value v = {0};
    CHECK(pq_builder_decimal(b, d) == PQ_OK && pq_builder_finish(b, &arena, &v) == PQ_OK);
    CHECK(v.len == cases[i].len && pq_value_decimal(v, &back));
    CHECK(back.is_negative == d.is_negative && back.hi == d.hi && back.lo == d.lo &&
          back.scale == d.scale);
  }
  CHECK(pq_builder_decimal(b, (pq_decimal){.lo = 1, .scale = 39}) == PQ_EINVALID);
  pq_builder_clear(b);
  CHECK(pq_builder_decimal(b, (pq_decimal){.hi = UINT64_MAX, .lo = 1}) == PQ_EINVALID);
  end();
}

static void test_builder_look_alike(void) {
  pq_value v, copy;
  begin();
  CHECK(pq_builder_begin_object(b) == PQ_OK && pq_builder_key_str(b, "x") == PQ_OK);
  CHECK(pq_builder_begin_object(b) == PQ_OK && pq_builder_key_str(b, "$oid") == PQ_OK);
  CHECK(pq_builder_str(b, "0123456789abcdef01234567") == PQ_OK);
  CHECK(pq_builder_end(b) == PQ_OK && pq_builder_end(b) == PQ_OK);
  v = finished("{\"x\":{\"$oid\":\"0123456789abcdef01234567\"}}");
  CHECK(pq_value_type(pq_object_get_str(v, "x")) == PQ_TYPE_OBJECT);
  CHECK(pq_value_type(pq_object_get_str(pq_object_get_str(v, "x"), "$literal")) ==
        PQ_TYPE_OBJECT_ID);
  CHECK(pq_builder_value(b, v) == PQ_OK); /* a copy is not hidden twice */
  copy = finished("{\"x\":{\"$oid\":\"0123456789abcdef01234567\"}}");
  CHECK(pq_value_compare(v, copy) == 0 && v.len == copy.len);
  for (int i = 0; i < 3; i++)
    CHECK(pq_builder_begin_object(b) == PQ_OK && pq_builder_key_str(b, "$date") == PQ_OK);
  CHECK(pq_builder_i32(b, 1) == PQ_OK);
  for (int i = 0; i < 3; i++)
    CHECK(pq_builder_end(b) == PQ_OK);
  v = finished("{\"$date\":{\"$date\":{\"$date\":1}}}");
  CHECK(pq_value_type(v) == PQ_TYPE_OBJECT);
  end();
}

static void test_builder_misuse(void) {
  pq_value v = {0};
  begin();
  CHECK(pq_builder_finish(b, &arena, &v) == PQ_EINVALID && v.p == NULL);
  pq_builder_clear(b);
  CHECK(pq_builder_null(b) == PQ_OK && pq_builder_null(b) == PQ_EINVALID);
  CHECK(pq_builder_i32(b, 1) == PQ_EINVALID); /* sticky */
  CHECK(pq_builder_view(b, &v) == PQ_EINVALID);
  pq_builder_clear(b);
  CHECK(pq_builder_string(b, PQ_SLICE("\xff")) == PQ_EINVALID);
  pq_builder_clear(b);
  CHECK(pq_builder_begin_object(b) == PQ_OK);
  CHECK(pq_builder_key(b, PQ_SLICE("\xff")) == PQ_EINVALID);
  pq_builder_clear(b);
  CHECK(pq_builder_begin_array(b) == PQ_OK);
  CHECK(pq_builder_finish(b, &arena, &v) == PQ_EINVALID);
  pq_builder_clear(b);
  CHECK(pq_builder_value(b, (pq_value){0}) == PQ_EINVALID);
  pq_builder_clear(b);
  CHECK(pq_builder_extended(b, "$oid", PQ_SLICE("12")) == PQ_EINVALID);
  pq_builder_clear(b);
  CHECK(pq_builder_begin_object(b) == PQ_OK);
  for (int i = 0; i < 2; i++)
    CHECK(pq_builder_key_str(b, "same") == PQ_OK && pq_builder_null(b) == PQ_OK);
  CHECK(pq_builder_end(b) == PQ_EINVALID && strstr(cx.msg, "\"same\"") != NULL);
  pq_builder_clear(b);
  CHECK(pq_builder_null(b) == PQ_OK);
  finished("null");
  end();
}

static void test_builder_limits(void) {
  static uint8_t big[1 << 16];
  pq_value v = {0};
  int rc = PQ_OK;
  unit_cx_init(&cx);
  cx.limits.doc_len_max = 1 << 12;
  cx.limits.depth_max = 5;
  cx.limits.field_count_max = 10;
  CHECK(pq_builder_new(&cx, &b) == PQ_OK);
  pq_arena_init(&arena, &cx, 1u << 20);
  CHECK(pq_builder_binary(b, (pq_slice){big, sizeof big}) == PQ_ELIMIT);
  pq_builder_clear(b);
  CHECK(pq_builder_begin_array(b) == PQ_OK);
  for (int i = 0; i < 2000 && rc == PQ_OK; i++)
    rc = pq_builder_i64(b, i);
  CHECK(rc == PQ_ELIMIT);
  pq_builder_clear(b);
  for (int i = 0; i < 5; i++)
    CHECK(pq_builder_begin_array(b) == PQ_OK);
  CHECK(pq_builder_begin_array(b) == PQ_ELIMIT);
  pq_builder_clear(b);
  CHECK(pq_builder_begin_object(b) == PQ_OK);
  rc = PQ_OK;
  for (int i = 0; i < 11 && rc == PQ_OK; i++) {
    char name[16];
    snprintf(name, sizeof name, "n%d", i);
    rc = pq_builder_key_str(b, name);
    if (rc == PQ_OK) rc = pq_builder_null(b);
  }
  CHECK(rc == PQ_ELIMIT);
  CHECK(pq_builder_view(b, &v) == PQ_ELIMIT && v.p == NULL);
  end();
}

/* Every width of ids and offsets, and names kept across documents until they are too many. */
static void test_builder_wide(void) {
  static const int counts[] = {255, 256, 257, 70000, 3};
  char name[16];
  begin();
  for (size_t k = 0; k < sizeof counts / sizeof *counts; k++) {
    pq_value v = {0}, again = {0};
    int64_t n;
    uint32_t field_count;
    pq_field *fields;
    int rc = pq_builder_begin_object(b);
    for (int i = 0; i < counts[k] && rc == PQ_OK; i++) {
      snprintf(name, sizeof name, "f%d", i);
      rc = pq_builder_key_str(b, name);
      if (rc == PQ_OK) rc = pq_builder_i32(b, i);
    }
    CHECK(rc == PQ_OK && pq_builder_end(b) == PQ_OK && pq_builder_finish(b, &arena, &v) == PQ_OK);
    CHECK(pq_value_check(&cx, pq_value_meta(v), pq_value_bytes(v), &again) == PQ_OK);
    fields = pq_object_fields(&arena, v, &field_count);
    CHECK(field_count == (uint32_t)counts[k] && pq_slice_is(fields[counts[k] - 1].name, name));
    CHECK(pq_value_i64(pq_object_get_str(v, name), &n) && n == counts[k] - 1);
    CHECK(pq_builder_value(b, v) == PQ_OK && pq_builder_finish(b, &arena, &again) == PQ_OK);
    CHECK(pq_slice_eq(pq_value_bytes(v), pq_value_bytes(again)));
    CHECK(pq_slice_eq(pq_value_meta(v), pq_value_meta(again)));
    CHECK(pq_value_compare(v, again) == 0);
  }
  end();
}

/* The walk without memory (compare) sees the same order as the one with. */
static void test_builder_walks(void) {
  char name[16];
  pq_value v[2];
  begin();
  for (int k = 0; k < 2; k++) {
    int rc = pq_builder_begin_object(b);
    for (int i = 0; i < 1000 && rc == PQ_OK; i++) {
      snprintf(name, sizeof name, "f%d", i * 389 % 1000);
      rc = pq_builder_key_str(b, name);
      if (rc == PQ_OK) rc = k == 0 || i % 2 == 0 ? pq_builder_i32(b, i) : pq_builder_double(b, i);
    }
    CHECK(rc == PQ_OK && pq_builder_end(b) == PQ_OK &&
          pq_builder_finish(b, &arena, &v[k]) == PQ_OK);
  }
  CHECK(!pq_slice_eq(pq_value_bytes(v[0]), pq_value_bytes(v[1])));
  CHECK(pq_value_compare(v[0], v[1]) == 0);
  CHECK(pq_value_hash(v[0]) == pq_value_hash(v[1]));
  end();
}

static int oom_once(void) {
  pq_value v = {0};
  PQ_TRY(pq_builder_new(&cx, &b));
  PQ_TRY(put_scalars());
  PQ_TRY(pq_builder_finish(b, &arena, &v));
  PQ_TRY(pq_builder_begin_object(b));
  for (int i = 0; i < 100; i++) {
    char name[16];
    snprintf(name, sizeof name, "name%d", i * 7 % 100);
    PQ_TRY(pq_builder_key_str(b, name));
    PQ_TRY(pq_builder_value(b, v));
  }
  PQ_TRY(pq_builder_end(b));
  PQ_TRY(pq_builder_finish(b, &arena, &v));
  PQ_TRY(pq_builder_value(b, v));
  return pq_builder_view(b, &v);
}

static void test_builder_oom(void) {
  int rc = PQ_OK;
  for (long n = 1; n > 0; n = unit_oom_next(n, rc)) {
    unit_cx_init(&cx);
    unit_fail_at = n;
    b = NULL;
    pq_arena_init(&arena, &cx, 1u << 24);
    rc = oom_once();
    pq_builder_free(b);
    pq_arena_release(&arena);
  }
}

int main(void) {
  RUN(test_builder_scalars);
  RUN(test_builder_layout);
  RUN(test_builder_decimal_width);
  RUN(test_builder_look_alike);
  RUN(test_builder_misuse);
  RUN(test_builder_limits);
  RUN(test_builder_wide);
  RUN(test_builder_walks);
  RUN(test_builder_oom);
  return unit_end();
}
