/* test/server/test_bson_value.c - BSON to Variant and back, against libbson's canonical Extended
 * JSON and our reader of it; what is malformed. */
#include <math.h>

#include <bson/bson.h>

#include "server/bson_value.h"
#include "unit.h"
#include "value/json.h"

static pq_cx cx;
static pq_arena arena;
static pq_builder *builder;

static void begin(void) {
  unit_cx_init(&cx);
  pq_arena_init(&arena, &cx, 64u << 20);
  CHECK(pq_builder_new(&cx, &builder) == PQ_OK);
}

static void end(void) {
  pq_builder_free(builder);
  pq_arena_release(&arena);
  CHECK(unit_live_len == 0);
}

static int write_value(pq_value v, pq_buf *out) {
  pq_bson_out o;
  pq_bson_begin(&o, out);
  pq_bson_fields(&o, v);
  return pq_bson_finish(&o);
}

/* The document is read, equal to what our reader makes of libbson's text, and comes back. */
static bool comes_back(const bson_t *doc) {
  pq_slice in = {bson_get_data(doc), doc->len};
  size_t text_len;
  char *text = bson_as_canonical_extended_json(doc, &text_len);
  pq_value v, same;
  pq_buf out;
  bool is_right = pq_bson_read(builder, in, &arena, &v) == PQ_OK;
  pq_buf_init(&out, &cx, 64u << 20);
  pq_builder_clear(builder);
  is_right = is_right && text != NULL &&
             pq_json_value(builder, (pq_slice){(uint8_t *)text, text_len}, &arena, &same) == PQ_OK;
  is_right = is_right && pq_slice_eq(pq_value_bytes(v), pq_value_bytes(same)) &&
             pq_slice_eq(pq_value_meta(v), pq_value_meta(same));
  is_right = is_right && write_value(v, &out) == PQ_OK && pq_slice_eq(pq_buf_slice(&out), in);
  if (!is_right) fprintf(stderr, "%s\n  %s\n", text, cx.msg);
  pq_buf_release(&out);
  bson_free(text);
  return is_right;
}

/* ---- each type ---- */

static void append_rare(bson_t *doc, int kind) {
  static const uint8_t bytes[] = {0, 1, 2, 0xff, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16};
  bson_t scope = BSON_INITIALIZER;
  bson_oid_t oid;
  bson_oid_init_from_string(&oid, "0123456789abcdefABCDEF00");
  switch (kind) {
    case 0: bson_append_binary(doc, "a", 1, BSON_SUBTYPE_BINARY, bytes, sizeof bytes); break;
    case 1: bson_append_binary(doc, "a", 1, BSON_SUBTYPE_UUID, bytes, 16); break;
    case 2: bson_append_binary(doc, "a", 1, BSON_SUBTYPE_UUID, bytes, 3); break;
    case 3: bson_append_binary(doc, "a", 1, BSON_SUBTYPE_USER, bytes, 1); break;
    case 4: bson_append_binary(doc, "a", 1, BSON_SUBTYPE_BINARY_DEPRECATED, bytes, 5); break;
    case 5: bson_append_binary(doc, "a", 1, BSON_SUBTYPE_MD5, bytes, 0); break;
    case 6: bson_append_undefined(doc, "a", 1); break;
    case 7: bson_append_oid(doc, "a", 1, &oid); break;
    case 8: bson_append_regex(doc, "a", 1, "^x\\.é$", "imx"); break;
    case 9: bson_append_regex(doc, "a", 1, "", ""); break;
    case 10: bson_append_dbpointer(doc, "a", 1, "db.coll", &oid); break;
    case 11: bson_append_code(doc, "a", 1, "function() {}"); break;
    case 12: bson_append_symbol(doc, "a", 1, "sym", 3); break;
    case 13:
      bson_append_int32(&scope, "x", 1, 5);
      bson_append_code_with_scope(doc, "a", 1, "x", &scope);
      break;
    case 14: bson_append_timestamp(doc, "a", 1, UINT32_MAX, 7); break;
    case 15: bson_append_minkey(doc, "a", 1); break;
    case 16: bson_append_maxkey(doc, "a", 1); break;
    default: bson_append_null(doc, "a", 1); break;
  }
  bson_destroy(&scope);
}

static void test_rare_types(void) {
  begin();
  for (int kind = 0; kind <= 17; kind++) {
    bson_t doc = BSON_INITIALIZER;
    append_rare(&doc, kind);
    CHECK(comes_back(&doc));
    bson_destroy(&doc);
  }
  end();
}

static void test_numbers(void) {
  static const double doubles[] = {0.0, -0.0, 1.0, 0.1, 5e-324, 1.7976931348623157e308, -1e21};
  static const int64_t longs[] = {0, 1, -1, INT32_MAX, INT64_MIN, INT64_MAX, 1000};
  static const int64_t dates[] = {
      0,         -1,           1, 253402300799999, 253402300800000, -62135596800001, INT64_MIN,
      INT64_MAX, 1700000000123};
  bson_t doc = BSON_INITIALIZER;
  begin();
  for (size_t i = 0; i < sizeof doubles / sizeof *doubles; i++)
    bson_append_double(&doc, (char[]){'d', (char)('a' + i)}, 2, doubles[i]);
  bson_append_double(&doc, "inf", 3, (double)INFINITY);
  for (size_t i = 0; i < sizeof longs / sizeof *longs; i++)
    bson_append_int64(&doc, (char[]){'l', (char)('a' + i)}, 2, longs[i]);
  for (size_t i = 0; i < sizeof dates / sizeof *dates; i++)
    bson_append_date_time(&doc, (char[]){'t', (char)('a' + i)}, 2, dates[i]);
  bson_append_int32(&doc, "i", 1, INT32_MIN);
  bson_append_bool(&doc, "y", 1, true);
  bson_append_bool(&doc, "n", 1, false);
  CHECK(comes_back(&doc));
  bson_destroy(&doc);
  end();
}

static void test_decimals(void) {
  static const char *const texts[] = {"0",
                                      "-0",
                                      "0E-6176",
                                      "-0E+6111",
                                      "1",
                                      "1.50",
                                      "-12.345",
                                      "1E+3",
                                      "1E-39",
                                      "1E-6176",
                                      "9999999999999999999999999999999999",
                                      "9.999999999999999999999999999999999E+6144",
                                      "-1E-6176",
                                      "Infinity",
                                      "-Infinity",
                                      "NaN",
                                      "1234567890123456789012345678901234E-20"};
  begin();
  for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
    bson_t doc = BSON_INITIALIZER;
    bson_decimal128_t d;
    CHECK(bson_decimal128_from_string(texts[i], &d));
    bson_append_decimal128(&doc, "a", 1, &d);
    CHECK(comes_back(&doc));
    bson_destroy(&doc);
  }
  /* A significand above 34 digits is zero; of 38 digits 34 stay. */
  CHECK(pq_bson_decimal_read(0x378d8e6400000000u, 0x3041ed09bead87c0u).lo == 0);
  CHECK(pq_bson_decimal_read(0, 0x6c10000000000000u).lo == 0);
  {
    pq_number n;
    uint64_t low, high;
    CHECK(pq_number_parse(PQ_SLICE("12345678901234567890123456789012345678"), &n));
    pq_bson_decimal_write(n, &low, &high);
    n = pq_bson_decimal_read(low, high);
    CHECK(pq_number_digits(n) == 34 && n.exponent == 4);
  }
  end();
}

/* ---- random documents ---- */

static uint64_t seed = 1;

static uint32_t below(uint32_t n) {
  seed = seed * 6364136223846793005u + 1442695040888963407u;
  return (uint32_t)((seed >> 33) % n);
}

static void append_random(bson_t *doc, int depth, bool is_array) {
  static const char *const names[] = {"_id", "a", "b", "$x", "", "é", "long name of a field", "0"};
  uint32_t count = below(8), start = below(8);
  for (uint32_t i = 0; i < count; i++) {
    char index[12];
    const char *name = names[(start + i) % 8];
    bson_t inner;
    bson_decimal128_t d = {((uint64_t)below(1u << 30) << 30) | below(1u << 30),
                           0x3040000000000000u - ((uint64_t)below(60) << 49)};
    bson_oid_t oid;
    snprintf(index, sizeof index, "%u", (unsigned)i);
    if (is_array) name = index;
    bson_oid_init_from_data(&oid, (const uint8_t *)"abcdefghijkl");
    switch (below(depth > 0 ? 11 : 9)) {
      case 0: bson_append_int32(doc, name, -1, (int32_t)below(1u << 30) - (1 << 29)); break;
      case 1: bson_append_int64(doc, name, -1, (int64_t)below(1u << 30) << below(33)); break;
      case 2: bson_append_double(doc, name, -1, (double)below(1u << 30) / 7); break;
      case 3: bson_append_utf8(doc, name, -1, "text é \xf0\x9f\x98\x80", (int)below(2) * 4); break;
      case 4: bson_append_bool(doc, name, -1, below(2) == 1); break;
      case 5: bson_append_null(doc, name, -1); break;
      case 6: bson_append_decimal128(doc, name, -1, &d); break;
      case 7: bson_append_oid(doc, name, -1, &oid); break;
      case 8: bson_append_date_time(doc, name, -1, (int64_t)below(1u << 30) << 10); break;
      case 9:
        bson_append_document_begin(doc, name, -1, &inner);
        append_random(&inner, depth - 1, false);
        bson_append_document_end(doc, &inner);
        break;
      default:
        bson_append_array_begin(doc, name, -1, &inner);
        append_random(&inner, depth - 1, true);
        bson_append_array_end(doc, &inner);
    }
  }
}

static void test_random(void) {
  for (int i = 0; i < 2000; i++) {
    bson_t doc = BSON_INITIALIZER;
    seed = (uint64_t)i;
    append_random(&doc, 4, false);
    begin();
    if (!comes_back(&doc)) CHECK(seed == UINT64_MAX); /* told once for each that does not */
    end();
    bson_destroy(&doc);
  }
}

/* ---- what a user's object may look like ---- */

static void test_look_alike(void) {
  bson_t doc = BSON_INITIALIZER, inner;
  pq_slice in;
  pq_value v;
  pq_buf out;
  bson_append_document_begin(&doc, "a", 1, &inner);
  bson_append_int32(&inner, "$oid", 4, 5);
  bson_append_document_end(&doc, &inner);
  in = (pq_slice){bson_get_data(&doc), doc.len};
  begin();
  pq_buf_init(&out, &cx, 1 << 20);
  CHECK(pq_bson_read(builder, in, &arena, &v) == PQ_OK);
  CHECK(pq_value_type(pq_object_get_str(v, "a")) == PQ_TYPE_OBJECT);
  CHECK(write_value(v, &out) == PQ_OK && pq_slice_eq(pq_buf_slice(&out), in));
  pq_buf_release(&out);
  end();
  bson_destroy(&doc);
}

/* ---- refused ---- */

static int read_doc(const bson_t *doc) {
  pq_value v;
  return pq_bson_read(builder, (pq_slice){bson_get_data(doc), doc->len}, &arena, &v);
}

/* `depth` documents named $literal, then {$code, $scope}. */
static void append_like_code(bson_t *doc, const char *name, int depth) {
  bson_t inner, scope;
  bson_append_document_begin(doc, name, -1, &inner);
  if (depth > 0) {
    append_like_code(&inner, "$literal", depth - 1);
  } else {
    bson_append_utf8(&inner, "$code", -1, "f", -1);
    bson_append_document_begin(&inner, "$scope", -1, &scope);
    bson_append_document_end(&inner, &scope);
  }
  bson_append_document_end(doc, &inner);
}

/* {$code: text, $scope: {}} of a user is no code with scope; nor is it under $literal, however
 * deep.
 */
static void test_like_code(void) {
  for (int depth = 0; depth < 4; depth++) {
    bson_t *doc;
    pq_slice in;
    pq_value v;
    pq_buf out;
    doc = bson_new();
    append_like_code(doc, "a", depth);
    in = (pq_slice){bson_get_data(doc), doc->len};
    begin();
    pq_buf_init(&out, &cx, 1 << 20);
    CHECK(pq_bson_read(builder, in, &arena, &v) == PQ_OK);
    CHECK(write_value(v, &out) == PQ_OK && pq_slice_eq(pq_buf_slice(&out), in));
    pq_buf_release(&out);
    end();
    bson_destroy(doc);
  }
}

static void test_refused(void) {
  bson_t doc = BSON_INITIALIZER, deep, inner;
  begin();
  bson_append_int32(&doc, "a", 1, 1);
  bson_append_int32(&doc, "a", 1, 2);
  CHECK(read_doc(&doc) == PQ_EINVALID && strstr(cx.msg, "\"a\"") != NULL);
  bson_reinit(&doc);
  bson_append_document_begin(&doc, "o", 1, &inner);
  bson_append_utf8(&inner, "bad", 3, "\xff\xfe", 2);
  bson_append_document_end(&doc, &inner);
  CHECK(read_doc(&doc) == PQ_EINVALID && strstr(cx.msg, "'bad'") != NULL);
  bson_reinit(&doc);
  bson_append_int32(&doc, "\xff", 1, 1);
  CHECK(read_doc(&doc) == PQ_EINVALID);
  for (int i = 0; i < 150; i++) {
    bson_init(&deep);
    bson_append_document(&deep, "a", 1, &doc);
    bson_destroy(&doc);
    bson_steal(&doc, &deep);
    if (i == 0) bson_reinit(&doc);
  }
  CHECK(read_doc(&doc) == PQ_ELIMIT);
  bson_destroy(&doc);
  end();
}

/* Every bit of a document that has every type turned: read or refused, and what is read can be
 * written. */
static void test_bits(void) {
  bson_t doc = BSON_INITIALIZER, inner;
  uint8_t *copy;
  begin();
  for (int kind = 0; kind <= 17; kind++) {
    char name[2] = {(char)('a' + kind), 0};
    bson_append_document_begin(&doc, name, 1, &inner);
    append_rare(&inner, kind);
    bson_append_document_end(&doc, &inner);
  }
  copy = malloc(doc.len);
  if (copy == NULL) abort();
  for (size_t i = 0; i < doc.len * 8; i++) {
    pq_value v;
    pq_buf out;
    pq_arena_clear(&arena);
    pq_buf_init(&out, &cx, 1 << 20);
    memcpy(copy, bson_get_data(&doc), doc.len);
    copy[i / 8] ^= (uint8_t)(1 << i % 8);
    if (pq_bson_read(builder, (pq_slice){copy, doc.len}, &arena, &v) == PQ_OK)
      CHECK(write_value(v, &out) == PQ_OK);
    pq_buf_release(&out);
  }
  for (size_t n = 0; n < doc.len; n++) {
    pq_value v;
    uint8_t *part = malloc(n + 1);
    if (part == NULL) abort();
    memcpy(part + 1, bson_get_data(&doc), n);
    CHECK(pq_bson_read(builder, (pq_slice){part + 1, n}, &arena, &v) == PQ_EINVALID);
    if (n >= 4) {
      pq_wr32(part + 1, (uint32_t)n);
      CHECK(pq_bson_read(builder, (pq_slice){part + 1, n}, &arena, &v) <= PQ_OK);
    }
    free(part);
  }
  free(copy);
  bson_destroy(&doc);
  end();
}

/* ---- documents field by field ---- */

static void write_answer(pq_bson_out *o, pq_value v) {
  static const uint8_t oid[12] = {1, 2, 3};
  pq_bson_begin_object(o, "cursor");
  pq_bson_begin_array(o, "firstBatch");
  pq_bson_value(o, NULL, v);
  pq_bson_str(o, NULL, "text");
  pq_bson_i64(o, NULL, 7);
  pq_bson_end(o);
  pq_bson_i64(o, "id", 0);
  pq_bson_end(o);
  pq_bson_value(o, "missing", (pq_value){0});
  pq_bson_object_id(o, "oid", oid);
  pq_bson_date(o, "date", 5);
  pq_bson_bool(o, "yes", true);
  pq_bson_null(o, "null");
  pq_bson_i32(o, "n", 1);
  pq_bson_double(o, "ok", 1);
}

static void test_fields(void) {
  static const char *const want =
      "{ \"cursor\" : { \"firstBatch\" : [ { \"x\" : 1 }, \"text\", 7 ], \"id\" : 0 }, \"oid\" : { "
      "\"$oid\" : \"010203000000000000000000\" }, \"date\" : { \"$date\" : "
      "\"1970-01-01T00:00:00.005Z\" }, \"yes\" : true, \"null\" : null, \"n\" : 1, \"ok\" : 1.0 }";
  for (long n = 1, rc; n > 0; n = unit_oom_next(n, (int)rc)) {
    pq_bson_out o;
    pq_value v;
    pq_buf out;
    unit_cx_init(&cx);
    unit_fail_at = n;
    pq_arena_init(&arena, &cx, 1 << 20);
    pq_buf_init(&out, &cx, 1 << 20);
    rc = pq_builder_new(&cx, &builder);
    if (rc == PQ_OK) rc = pq_json_value(builder, PQ_SLICE("{\"x\":1}"), &arena, &v);
    if (rc == PQ_OK) {
      pq_bson_begin(&o, &out);
      write_answer(&o, v);
      rc = pq_bson_finish(&o);
    }
    if (rc == PQ_OK) {
      bson_t doc;
      char *text;
      CHECK(bson_init_static(&doc, out.p, out.len));
      CHECK(bson_validate(&doc, BSON_VALIDATE_UTF8, NULL));
      text = bson_as_relaxed_extended_json(&doc, NULL);
      CHECK(text != NULL && strcmp(text, want) == 0);
      bson_free(text);
    }
    pq_buf_release(&out);
    pq_builder_free(builder);
    pq_arena_release(&arena);
  }
}

/* A zero byte in a name has no BSON; what was written goes. */
static void test_zero_name(void) {
  pq_value v;
  pq_buf out;
  begin();
  pq_buf_init(&out, &cx, 1 << 20);
  CHECK(pq_buf_put_str(&out, "ab") == PQ_OK);
  CHECK(pq_json_value(builder, PQ_SLICE("{\"x\":1,\"a\\u0000b\":1}"), &arena, &v) == PQ_OK);
  CHECK(write_value(v, &out) == PQ_EINVALID && out.len == 2);
  pq_buf_release(&out);
  end();
}

int main(void) {
  RUN(test_rare_types);
  RUN(test_numbers);
  RUN(test_decimals);
  RUN(test_random);
  RUN(test_look_alike);
  RUN(test_like_code);
  RUN(test_refused);
  RUN(test_bits);
  RUN(test_fields);
  RUN(test_zero_name);
  return unit_end();
}
