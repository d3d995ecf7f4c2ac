/* JSON in and out: grammar, Extended JSON, round trips, places in messages, no memory. */
#include "base/limits.h"
#include "unit.h"
#include "value/compare.h"
#include "value/json.h"

static pq_cx cx;
static pq_builder *b;
static pq_arena arena;
static pq_buf out;

static void begin(void) {
  unit_cx_init(&cx);
  CHECK(pq_builder_new(&cx, &b) == PQ_OK);
  pq_arena_init(&arena, &cx, 1u << 28);
  pq_buf_init(&out, &cx, 1u << 28);
}

static void end(void) {
  pq_builder_free(b);
  pq_arena_release(&arena);
  pq_buf_release(&out);
  CHECK(unit_live_len == 0);
}

static int parse(const char *text, pq_value *v) {
  return pq_json_value(b, pq_str(text), &arena, v);
}

/* Prints as `want`; the bytes pass the check. */
static bool prints(const char *text, pq_json_form form, const char *want) {
  pq_value v, again;
  bool is_same;
  if (parse(text, &v) != PQ_OK) {
    fprintf(stderr, "%s: %s\n", text, cx.msg);
    return false;
  }
  if (pq_value_check(&cx, pq_value_meta(v), pq_value_bytes(v), &again) != PQ_OK) {
    fprintf(stderr, "%s: %s\n", text, cx.msg);
    return false;
  }
  pq_buf_clear(&out);
  if (pq_json_print(&out, v, form) != PQ_OK) return false;
  is_same = pq_slice_is(pq_buf_slice(&out), want);
  if (!is_same) fprintf(stderr, "%s\n  is   %.*s\n  want %s\n", text, (int)out.len, out.p, want);
  return is_same;
}

static bool relaxed(const char *text, const char *want) {
  return prints(text, PQ_JSON_RELAXED, want);
}
static bool canonical(const char *text, const char *want) {
  return prints(text, PQ_JSON_CANONICAL, want);
}
/* Prints as itself in this form. */
static bool stays(const char *text, pq_json_form form) {
  return prints(text, form, text);
}

static bool refused(const char *text, int code, const char *part) {
  pq_value v;
  int rc = parse(text, &v);
  bool is_right = rc == code && v.p == NULL && strstr(cx.msg, part) != NULL;
  if (!is_right) fprintf(stderr, "%s: %d %s (want %s)\n", text, rc, cx.msg, part);
  return is_right;
}

static void test_json_plain(void) {
  static const char *const same[] = {
      "null",
      "true",
      "false",
      "0",
      "-1",
      "2147483647",
      "2147483648",
      "-9223372036854775808",
      "9223372036854775807",
      "5.0",
      "1.5",
      "-0.25",
      "1e+300",
      "5e-324",
      "\"\"",
      "\"abc\"",
      "[]",
      "{}",
      "[1,[2,[]],{}]",
      "{\"b\":1,\"a\":{\"z\":[],\"y\":null}}",
      "{\"\":{\"\":0}}",
      "\"\\\"\\\\\\n\\t\\u0001 \xc3\xa9 \xf0\x9f\x98\x80\"",
      "{\"x\\\"y\":1,\"x\\\\\":2}",
      "\"0123456789012345678901234567890123456789012345678901234567890123\"",
      "{\"$set\":{\"a\":1}}",
      "{\"$oid\":\"zz\",\"x\":1}",
      "{\"$regex\":\"^a\",\"$options\":\"i\"}",
      "{\"$literal\":1}",
      "{\"x\":1,\"$oid\":2}",
      "{\"$code\":\"f\",\"$scope\":{}}"};
  begin();
  for (size_t i = 0; i < sizeof same / sizeof *same; i++)
    CHECK(stays(same[i], PQ_JSON_RELAXED));
  CHECK(relaxed(" { \"a\" : [ 1 , 2 ] , \"b\" : { } } \n", "{\"a\":[1,2],\"b\":{}}"));
  CHECK(relaxed("1e3", "1000.0"));
  CHECK(relaxed("1E+2", "100.0"));
  CHECK(relaxed("9223372036854775808", "9.223372036854776e+18"));
  CHECK(relaxed("-0", "0"));
  CHECK(relaxed("-0.0", "{\"$numberDouble\":\"-0.0\"}"));
  CHECK(relaxed("\"\\/\\b\\f\\u00e9\\ud83d\\ude00\"", "\"/\\b\\f\xc3\xa9\xf0\x9f\x98\x80\""));
  CHECK(relaxed("{\"\\u0061\":1}", "{\"a\":1}"));
  CHECK(canonical("[5,5000000000,1.5,0.1]",
                  "[{\"$numberInt\":\"5\"},{\"$numberLong\":\"5000000000\"},"
                  "{\"$numberDouble\":\"1.5\"},{\"$numberDouble\":\"0.1\"}]"));
  CHECK(prints("{\"a\":[1,{\"$oid\":\"0123456789abcdef01234567\"}],\"b\":{},\"c\":[]}",
               PQ_JSON_PRETTY,
               "{\n  \"a\": [\n    1,\n    {\"$oid\":\"0123456789abcdef01234567\"}\n  ],\n"
               "  \"b\": {},\n  \"c\": []\n}"));
  end();
}

static void test_json_extended(void) {
  static const char *const both[] = {
      "{\"$numberDouble\":\"NaN\"}",
      "{\"$numberDouble\":\"Infinity\"}",
      "{\"$numberDouble\":\"-Infinity\"}",
      "{\"$numberDouble\":\"-0.0\"}",
      "{\"$numberDecimal\":\"1.50\"}",
      "{\"$numberDecimal\":\"-0.001\"}",
      "{\"$numberDecimal\":\"12345678901234567890123456789012345678\"}",
      "{\"$numberDecimal\":\"NaN\"}",
      "{\"$numberDecimal\":\"-Infinity\"}",
      "{\"$numberDecimal\":\"1.25E+100\"}",
      "{\"$numberDecimal\":\"1E-6176\"}",
      "{\"$numberDecimal\":\"-0\"}",
      "{\"$oid\":\"0123456789abcdef01234567\"}",
      "{\"$binary\":{\"base64\":\"AQID\",\"subType\":\"00\"}}",
      "{\"$binary\":{\"base64\":\"\",\"subType\":\"00\"}}",
      "{\"$binary\":{\"base64\":\"/+8=\",\"subType\":\"80\"}}",
      "{\"$timestamp\":{\"t\":4294967295,\"i\":1}}",
      "{\"$regularExpression\":{\"pattern\":\"^a\\\"\",\"options\":\"i\"}}",
      "{\"$code\":\"function(){}\"}",
      "{\"$symbol\":\"s\"}",
      "{\"$minKey\":1}",
      "{\"$maxKey\":1}",
      "{\"$undefined\":true}",
      "{\"$dbPointer\":{\"$ref\":\"db.c\",\"$id\":{\"$oid\":\"0123456789abcdef01234567\"}}}",
      "{\"$date\":{\"$numberLong\":\"9223372036854775807\"}}",
      "{\"$date\":{\"$numberLong\":\"-62167219200001\"}}",
      "{\"$date\":{\"$numberLong\":\"-62167219200000.001\"}}",
      "{\"$date\":\"1969-12-31T23:59:59.999999Z\"}",
      "[{\"a\":{\"$oid\":\"0123456789abcdef01234567\"}}]"};
  begin();
  for (size_t i = 0; i < sizeof both / sizeof *both; i++) {
    CHECK(stays(both[i], PQ_JSON_RELAXED));
    CHECK(stays(both[i], PQ_JSON_CANONICAL));
  }
  CHECK(relaxed("{\"$numberInt\":\"5\"}", "5"));
  CHECK(relaxed("{\"$numberLong\":\"5\"}", "5"));
  CHECK(stays("{\"$numberLong\":\"5\"}", PQ_JSON_CANONICAL));
  CHECK(relaxed("{ \"$numberDouble\" : \"5\" }", "5.0"));
  CHECK(relaxed("{\"\\u0024oid\":\"0123456789ABCDEF01234567\"}",
                "{\"$oid\":\"0123456789abcdef01234567\"}"));
  CHECK(relaxed("{\"$numberDecimal\":\"10e2\"}", "{\"$numberDecimal\":\"1.0E+3\"}"));
  CHECK(relaxed("{\"$numberDecimal\":\"0E-100\"}", "{\"$numberDecimal\":\"0E-100\"}"));
  CHECK(relaxed("{\"$numberDecimal\":\"0.0000001\"}", "{\"$numberDecimal\":\"1E-7\"}"));
  CHECK(relaxed("{\"$numberDecimal\":\"+1.5e-3\"}", "{\"$numberDecimal\":\"0.0015\"}"));
  CHECK(relaxed("{\"$binary\":{\"subType\":\"5\",\"base64\":\"AQ==\"}}",
                "{\"$binary\":{\"base64\":\"AQ==\",\"subType\":\"05\"}}"));
  CHECK(relaxed("{\"$binary\":{\"subType\":\"\\u0030\",\"base64\":\"\\u002f\\u002b8=\"}}",
                "{\"$binary\":{\"base64\":\"/+8=\",\"subType\":\"00\"}}"));
  CHECK(relaxed("{\"$timestamp\":{\"i\":1,\"t\":2}}", "{\"$timestamp\":{\"t\":2,\"i\":1}}"));
  CHECK(relaxed("{\"$binary\":{\"base64\":\"ABEiM0RVZneImaq7zN3u/w==\",\"subType\":\"04\"}}",
                "{\"$uuid\":\"00112233-4455-6677-8899-aabbccddeeff\"}"));
  CHECK(canonical("{\"$uuid\":\"00112233-4455-6677-8899-AABBCCDDEEFF\"}",
                  "{\"$binary\":{\"base64\":\"ABEiM0RVZneImaq7zN3u/w==\",\"subType\":\"04\"}}"));
  CHECK(stays("{\"$date\":\"2026-03-01T12:00:00.123Z\"}", PQ_JSON_RELAXED));
  CHECK(stays("{\"$date\":\"2026-03-01T12:00:00.123456Z\"}", PQ_JSON_CANONICAL));
  CHECK(canonical("{\"$date\":\"1970-01-01T00:00:01.5Z\"}",
                  "{\"$date\":{\"$numberLong\":\"1500\"}}"));
  CHECK(relaxed("{\"$date\":{\"$numberLong\":\"1500\"}}",
                "{\"$date\":\"1970-01-01T00:00:01.500Z\"}"));
  CHECK(relaxed("{\"$date\":\"9999-12-31T23:59:59.999Z\"}",
                "{\"$date\":\"9999-12-31T23:59:59.999Z\"}"));
  CHECK(relaxed("{\"$date\":\"1969-12-31T23:59:59Z\"}", "{\"$date\":{\"$numberLong\":\"-1000\"}}"));
  end();
}

/* Texts that are no JSON, or no valid Extended JSON. */
static const char *const bad[] = {
    "",
    " ",
    "{",
    "[",
    "[1",
    "[1,",
    "[1,]",
    "{\"a\"",
    "{\"a\":",
    "{\"a\":1",
    "{\"a\":1,",
    "{\"a\":1,}",
    "{a:1}",
    "{,}",
    "[,]",
    "tru",
    "nul",
    "True",
    "NaN",
    "Infinity",
    "-",
    "01",
    "-01",
    "+1",
    ".5",
    "1.",
    "1.e5",
    "1e",
    "1e+",
    "0x10",
    "1 2",
    "\"a",
    "\"\\",
    "\"\\x\"",
    "\"\\u12\"",
    "\"\\u12g4\"",
    "\"\\ud800\"",
    "\"\\udc00\"",
    "\"\\ud800\\u0041\"",
    "\"\n\"",
    "\"\x01\"",
    "\"\xff\"",
    "\"\xc0\x80\"",
    "\"\xed\xa0\x80\"",
    "{\"\xff\":1}",
    "'a'",
    "1e999",
    "// x",
    "{\"a\" 1}",
    "[1 2]",
    "{\"a\":1 \"b\":2}",
    "{1:2}",
    "{\"a\":1,\"a\":2}",
    "{\"a\":1,\"b\":3,\"\\u0061\":2}",
    "{\"$oid\":\"zz\"}",
    "{\"$oid\":5}",
    "{\"$oid\":\"0123456789abcdef0123456g\"}",
    "{\"$numberInt\":5}",
    "{\"$numberInt\":\"2147483648\"}",
    "{\"$numberInt\":\"\"}",
    "{\"$numberLong\":\"9223372036854775808\"}",
    "{\"$numberLong\":\"1.0\"}",
    "{\"$numberDouble\":\"x\"}",
    "{\"$numberDouble\":\"1.\"}",
    "{\"$numberDecimal\":\"\"}",
    "{\"$numberDecimal\":\".\"}",
    "{\"$numberDecimal\":\"1E\"}",
    "{\"$numberDecimal\":\"1E+99999\"}",
    "{\"$numberDecimal\":\"123456789012345678901234567890123456789\"}",
    "{\"$date\":5}",
    "{\"$date\":\"yesterday\"}",
    "{\"$date\":\"12345\"}",
    "{\"$date\":{\"$numberLong\":\"x\"}}",
    "{\"$date\":{\"$numberLong\":\"1.5\"}}",
    "{\"$date\":{\"$numberLong\":\"9223372036854775807.001\"}}",
    "{\"$uuid\":\"x\"}",
    "{\"$binary\":\"AQ==\"}",
    "{\"$binary\":{\"base64\":\"A\",\"subType\":\"00\"}}",
    "{\"$binary\":{\"base64\":\"AR==\",\"subType\":\"00\"}}",
    "{\"$binary\":{\"base64\":\"AQ==\",\"subType\":\"xx\"}}",
    "{\"$timestamp\":{\"t\":1}}",
    "{\"$timestamp\":{\"t\":1,\"i\":4294967296}}",
    "{\"$regularExpression\":{\"pattern\":1,\"options\":\"\"}}",
    "{\"$code\":1}",
    "{\"$symbol\":1}",
    "{\"$minKey\":2}",
    "{\"$undefined\":false}",
    "{\"$dbPointer\":{\"$ref\":\"x\"}}"};

static void test_json_refused(void) {
  pq_value v;
  begin();
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
    CHECK(refused(bad[i], PQ_EINVALID, "line 1, column "));
  CHECK(refused("{\"a\":1,\n \"b\": tru}", PQ_EINVALID, "line 2, column 7: a value is expected"));
  CHECK(refused("[1,\n\n2", PQ_EINVALID, "line 3, column 2: unexpected end of text"));
  CHECK(
      refused("{\"k\":{\"a\":1,\"a\":2}}", PQ_EINVALID, "line 1, column 6: duplicate field \"a\""));
  CHECK(refused("[{\"$oid\":\"zz\"}]", PQ_EINVALID, "line 1, column 2: $oid must be 24"));
  CHECK(parse("{\"a\":1}", &v) == PQ_OK); /* usable after failures */
  end();
}

static char *nested(int depth, const char *inside) {
  size_t n = strlen(inside);
  char *text = malloc((size_t)depth * 2 + n + 1);
  memset(text, '[', (size_t)depth);
  memcpy(text + depth, inside, n);
  memset(text + (size_t)depth + n, ']', (size_t)depth);
  text[(size_t)depth * 2 + n] = '\0';
  return text;
}

static void test_json_depth(void) {
  char *fits = nested(PQ_DEPTH_MAX, "{\"$timestamp\":{\"t\":1,\"i\":2}}");
  char *deep = nested(PQ_DEPTH_MAX + 1, "");
  char *very = nested(1000000, "");
  begin();
  CHECK(stays(fits, PQ_JSON_RELAXED));
  CHECK(refused(deep, PQ_ELIMIT, "column 101: nested deeper than 100"));
  CHECK(refused(very, PQ_ELIMIT, "nested"));
  end();
  free(fits);
  free(deep);
  free(very);
}

static void test_json_stream(void) {
  pq_slice text = pq_str("{\"a\":1}\n{\"a\":2} {\"a\":3}x");
  pq_json_options options = {0};
  size_t used;
  pq_value v;
  begin();
  for (int i = 1; i <= 3; i++) {
    int64_t n;
    CHECK(pq_json_parse(b, text, options, &used) == PQ_OK);
    CHECK(pq_builder_finish(b, &arena, &v) == PQ_OK);
    CHECK(pq_value_i64(pq_object_get_str(v, "a"), &n) && n == i);
    text.p += used;
    text.n -= used;
  }
  options.line_first = 7;
  CHECK(pq_json_parse(b, text, options, &used) == PQ_EINVALID && used == 0);
  CHECK(strstr(cx.msg, "line 7, column 1") != NULL);
  pq_builder_clear(b); /* a value inside a document under construction */
  CHECK(pq_builder_begin_object(b) == PQ_OK && pq_builder_key_str(b, "x") == PQ_OK);
  options.is_exact = true;
  CHECK(pq_json_parse(b, pq_str(" [1] "), options, &used) == PQ_OK && used == 5);
  CHECK(pq_builder_end(b) == PQ_OK && pq_builder_finish(b, &arena, &v) == PQ_OK);
  pq_buf_clear(&out);
  CHECK(pq_json_print(&out, v, PQ_JSON_RELAXED) == PQ_OK);
  CHECK(pq_slice_is(pq_buf_slice(&out), "{\"x\":[1]}"));
  end();
}

/* Documents whose fields come, go and change places between one and the next. */
static void test_json_shapes(void) {
  char text[4096], name[32];
  uint32_t seed = 1;
  begin();
  for (int doc = 0; doc < 300; doc++) {
    size_t n = 0;
    text[n++] = '{';
    for (int i = 0; i < 60; i++) {
      seed = seed * 1664525 + 1013904223;
      if (seed >> 29 < 4) continue;
      snprintf(name, sizeof name, "%s%d", (i * 7 + doc / 50) % 3 == 0 ? "a_long_name_" : "k",
               (i * 37 + doc / 10) % 60);
      n += (size_t)snprintf(text + n, sizeof text - n, "%s\"%s\":{\"x\":%d,\"y\":\"v\"}",
                            n > 1 ? "," : "", name, i);
    }
    text[n++] = '}';
    text[n] = '\0';
    CHECK(stays(text, PQ_JSON_RELAXED));
  }
  end();
}

/* More fields than one batch of the walk and than one byte counts, in and out of name order. */
static void test_json_wide(void) {
  static char text[400000];
  for (int kind = 0; kind < 3; kind++) {
    size_t n = 0;
    int count = kind == 0 ? 300 : 20000;
    begin();
    text[n++] = '{';
    for (int i = 0; i < count; i++) {
      int number = kind == 2 ? count - i : i * 7919 % count;
      n += (size_t)snprintf(text + n, sizeof text - n, "%s\"f%d\":%d", i > 0 ? "," : "", number, i);
    }
    text[n++] = '}';
    text[n] = '\0';
    CHECK(stays(text, PQ_JSON_RELAXED));
    end();
  }
}

static const char *const sample =
    "{\"_id\":{\"$oid\":\"0123456789abcdef01234567\"},\"n\":1,\"l\":{\"$numberLong\":\"7\"},\"d\":"
    "2.5,"
    "\"m\":{\"$numberDecimal\":\"12.34\"},\"when\":{\"$date\":\"2026-03-01T12:00:00.123456Z\"},"
    "\"bin\":{\"$binary\":{\"base64\":\"AQID\",\"subType\":\"00\"}},\"re\":{\"$regularExpression\":"
    "{\"pattern\":\"a\\nb\",\"options\":\"\"}},\"list\":[null,true,false,\"\\u00e9\",[],{}],"
    "\"far\":{\"$date\":{\"$numberLong\":\"9223372036854775807\"}},\"uuid\":{\"$uuid\":"
    "\"00112233-4455-6677-8899-aabbccddeeff\"},\"ts\":{\"$timestamp\":{\"t\":1,\"i\":2}}}";

/* Canonical text gives back the same bytes; so does its own text. */
static void test_json_lossless(void) {
  pq_value v, w;
  pq_slice first;
  begin();
  CHECK(parse(sample, &v) == PQ_OK);
  CHECK(pq_json_print(&out, v, PQ_JSON_CANONICAL) == PQ_OK);
  CHECK(pq_arena_copy(&arena, pq_buf_slice(&out), &first) == PQ_OK);
  CHECK(pq_json_value(b, first, &arena, &w) == PQ_OK);
  CHECK(pq_slice_eq(pq_value_bytes(v), pq_value_bytes(w)));
  CHECK(pq_slice_eq(pq_value_meta(v), pq_value_meta(w)));
  CHECK(pq_value_is_equal(v, w) && pq_value_hash(v) == pq_value_hash(w));
  pq_buf_clear(&out);
  CHECK(pq_json_print(&out, w, PQ_JSON_CANONICAL) == PQ_OK);
  CHECK(pq_slice_eq(pq_buf_slice(&out), first));
  end();
}

/* Every prefix and every changed byte of a text: an error or a value, never a crash. */
static void test_json_hostile(void) {
  size_t len = strlen(sample);
  uint32_t seed = 7;
  pq_value v, again;
  begin();
  for (size_t n = 0; n < len; n++) {
    uint8_t *copy = malloc(n + 1); /* of exact size, so that an overread is seen */
    memcpy(copy, sample, n);
    CHECK(pq_json_value(b, (pq_slice){copy, n}, &arena, &v) == PQ_EINVALID);
    free(copy);
  }
  for (int round = 0; round < 20000; round++) {
    char *copy = malloc(len);
    int rc;
    memcpy(copy, sample, len);
    for (int i = 0; i < 2; i++) {
      seed = seed * 1664525 + 1013904223;
      copy[(seed >> 8) % len] = "\"\\{}[]:,$0e.-\xff\x80 n"[seed >> 28];
    }
    pq_arena_clear(&arena);
    rc = pq_json_value(b, (pq_slice){(uint8_t *)copy, len}, &arena, &v);
    if (rc == PQ_OK) rc = pq_value_check(&cx, pq_value_meta(v), pq_value_bytes(v), &again);
    CHECK(rc == PQ_OK || rc == PQ_EINVALID);
    free(copy);
  }
  end();
}

static int oom_once(void) {
  pq_value v;
  PQ_TRY(pq_builder_new(&cx, &b));
  PQ_TRY(pq_json_value(b, pq_str(sample), &arena, &v));
  PQ_TRY(pq_json_print(&out, v, PQ_JSON_CANONICAL));
  PQ_TRY(pq_builder_value(b, v));
  return pq_builder_finish(b, &arena, &v);
}

static void test_json_oom(void) {
  int rc = PQ_OK;
  for (long n = 1; n > 0; n = unit_oom_next(n, rc)) {
    unit_cx_init(&cx);
    unit_fail_at = n;
    b = NULL;
    pq_arena_init(&arena, &cx, 1u << 20);
    pq_buf_init(&out, &cx, 1u << 20);
    rc = oom_once();
    pq_builder_free(b);
    pq_arena_release(&arena);
    pq_buf_release(&out);
  }
}

static void test_json_limit(void) {
  pq_value v;
  char *text = malloc(3000);
  memset(text, 'a', 3000);
  text[0] = text[2998] = '"';
  text[2999] = '\0';
  unit_cx_init(&cx);
  cx.limits.doc_len_max = 2000;
  CHECK(pq_builder_new(&cx, &b) == PQ_OK);
  pq_arena_init(&arena, &cx, 1u << 20);
  pq_buf_init(&out, &cx, 1u << 20);
  CHECK(parse(text, &v) == PQ_ELIMIT && v.p == NULL);
  CHECK(parse("[1,2]", &v) == PQ_OK);
  end();
  free(text);
}

/* Reads `text` with fields that begin with '$' apart: are these the two parts? */
static bool splits(const char *text, const char *want, const char *want_system) {
  pq_json_options options = {.is_exact = true};
  pq_value v;
  size_t used;
  bool is_same;
  pq_builder_clear(b);
  if (pq_builder_new(&cx, &options.system) != PQ_OK) return false;
  is_same =
      pq_json_parse(b, pq_str(text), options, &used) == PQ_OK && pq_builder_view(b, &v) == PQ_OK;
  pq_buf_clear(&out);
  is_same = is_same && pq_json_print(&out, v, PQ_JSON_RELAXED) == PQ_OK &&
            pq_slice_is(pq_buf_slice(&out), want);
  is_same = is_same && pq_builder_view(options.system, &v) == PQ_OK;
  pq_buf_clear(&out);
  is_same = is_same && pq_json_print(&out, v, PQ_JSON_RELAXED) == PQ_OK &&
            pq_slice_is(pq_buf_slice(&out), want_system);
  pq_builder_free(options.system);
  return is_same;
}

static void test_json_system(void) {
  begin();
  CHECK(splits("{\"a\":1}", "{\"a\":1}", "{}"));
  CHECK(splits("{\"$id\":\"x\",\"a\":1}", "{\"a\":1}", "{\"$id\":\"x\"}"));
  CHECK(splits("{\"a\":1, \"\\u0024id\":{\"$b\":[2]},\"c\":{\"$d\":3}}",
               "{\"a\":1,\"c\":{\"$d\":3}}", "{\"$id\":{\"$b\":[2]}}"));
  CHECK(splits("{\"$id\":1}", "{}", "{\"$id\":1}"));
  CHECK(splits(" [{\"$id\":1}]", "[{\"$id\":1}]", "{}")); /* only those of the root */
  CHECK(!splits("{\"$id\":1,\"$id\":2}", "", ""));
  CHECK(!splits("{\"$id\":1,\"a\":tru}", "", ""));
  CHECK(!splits("{\"$id\":tru,\"a\":1}", "", ""));
  CHECK(!splits("{\"\\u002\":1}", "", ""));
  CHECK(!splits("{\"$id\":1,}", "", ""));
  end();
}

int main(void) {
  RUN(test_json_plain);
  RUN(test_json_system);
  RUN(test_json_extended);
  RUN(test_json_refused);
  RUN(test_json_depth);
  RUN(test_json_stream);
  RUN(test_json_shapes);
  RUN(test_json_wide);
  RUN(test_json_lossless);
  RUN(test_json_hostile);
  RUN(test_json_oom);
  RUN(test_json_limit);
  return unit_end();
}
