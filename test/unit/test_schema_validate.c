/* test/unit/test_schema_validate.c - documents against schemas: what each type takes and how it is
 * stored, modes, defaults, paths of problems. */
#include "schema_util.h"

/* One field `f`: values that fit, as given and as stored; values that do not, and why. */
static const struct {
  const char *field, *value, *stored; /* NULL: as given */
  const char *problem;                /* NULL: fits */
} cases[] = {
    {"\"string\"", "\"x\"", NULL, NULL},
    {"\"string\"", "null", NULL, NULL},
    {"\"string\"", "5", NULL, "expects string, got int 5"},
    {"\"string\"", "[\"x\"]", NULL, "expects string, got array"},
    {"\"string!\"", "null", NULL, "is required, got null"},
    {"\"string[]\"", "[\"x\",null]", NULL, NULL},
    {"\"string[]\"", "[]", NULL, NULL},
    {"\"string[]\"", "\"x\"", NULL, "expects a list, got string 'x'"},
    {"\"string![]\"", "[\"x\",null]", NULL, "no item of this list may be null"},
    {"\"string[]!\"", "null", NULL, "is required"},
    {"\"string[]\"", "[\"x\",5]", NULL, "field 'f.1': expects string, got int 5"},
    {"\"int\"", "5", NULL, NULL},
    {"\"int\"", "5000000000", NULL, NULL},
    {"\"int\"", "5.0", NULL, "expects int, got double 5.0"},
    {"\"int\"", "{\"$numberDecimal\":\"5\"}", NULL, "expects int, got decimal"},
    {"\"number\"", "5", NULL, NULL},
    {"\"number\"", "5.5", NULL, NULL},
    {"\"number\"", "{\"$numberDecimal\":\"5\"}", NULL, NULL},
    {"\"number\"", "\"5\"", NULL, "expects number, got string '5'"},
    {"\"number\"", "true", NULL, "expects number, got bool true"},
    {"\"float\"", "0.5", NULL, NULL},
    {"\"float\"", "0.1", "0.10000000149011612", NULL},
    {"\"float\"", "1e39", NULL, "expects a number of 32 bits"},
    {"\"boolean\"", "false", NULL, NULL},
    {"\"boolean\"", "0", NULL, "expects boolean, got int 0"},
    {"\"date\"", "\"2024-02-29\"", "{\"$date\":\"2024-02-29T00:00:00Z\"}", NULL},
    {"\"date\"", "{\"$date\":\"2024-02-29T00:00:00Z\"}", NULL, NULL},
    {"\"date\"", "\"2024-02-30\"", NULL, "expects a date, as '2024-02-29', got string"},
    {"\"date\"", "\"2024-02-29T12:00:00Z\"", NULL, "expects a date, as"},
    {"\"date\"", "{\"$date\":\"2024-02-29T00:00:01Z\"}", NULL, "expects a date at midnight UTC"},
    {"\"datetime\"", "\"2024-02-29T12:00:00+01:00\"", "{\"$date\":\"2024-02-29T11:00:00Z\"}", NULL},
    {"\"datetime\"", "\"2024-02-29\"", "{\"$date\":\"2024-02-29T00:00:00Z\"}", NULL},
    {"\"datetime\"", "\"1709164800000\"", NULL, "expects a date"},
    {"\"datetime\"", "1709164800000", NULL, "expects a date, as '2024-02-29T12:00:00Z', got long"},
    {"\"datetime[]\"", "[\"2024-02-29\"]", "[{\"$date\":\"2024-02-29T00:00:00Z\"}]", NULL},
    {"\"uuid\"", "\"550E8400-e29b-41d4-a716-446655440000\"",
     "{\"$uuid\":\"550e8400-e29b-41d4-a716-446655440000\"}", NULL},
    {"\"uuid\"", "{\"$uuid\":\"550e8400-e29b-41d4-a716-446655440000\"}", NULL, NULL},
    {"\"uuid\"", "\"550e8400-e29b-41d4-a716-44665544000\"", NULL, "expects a uuid"},
    {"\"uuid\"", "\"550e8400-e29b-41d4-a716-44665544000g\"", NULL, "expects a uuid"},
    {"\"uuid\"", "{\"$binary\":{\"base64\":\"AAAA\",\"subType\":\"00\"}}", NULL, "expects a uuid"},
    {"\"decimal(5,2)\"", "19.99", "{\"$numberDecimal\":\"19.99\"}", NULL},
    {"\"decimal(5,2)\"", "5", "{\"$numberDecimal\":\"5.00\"}", NULL},
    {"\"decimal(5,2)\"", "-0.0", "{\"$numberDecimal\":\"0.00\"}", NULL},
    {"\"decimal(5,2)\"", "{\"$numberDecimal\":\"1.500\"}", "{\"$numberDecimal\":\"1.50\"}", NULL},
    {"\"decimal(5,2)\"", "{\"$numberDecimal\":\"1E+2\"}", "{\"$numberDecimal\":\"100.00\"}", NULL},
    {"\"decimal(5,2)\"", "999.99", "{\"$numberDecimal\":\"999.99\"}", NULL},
    {"\"decimal(5,2)\"", "1000", NULL, "a number of 5 digits, 2 of them behind the point, got int"},
    {"\"decimal(5,2)\"", "1.005", NULL, "a number of 5 digits"},
    {"\"decimal(38,0)\"", "{\"$numberDecimal\":\"1E+6000\"}", NULL, "a number of 38 digits"},
    {"\"decimal(38,38)\"", "{\"$numberDecimal\":\"1E-6000\"}", NULL, "a number of 38 digits"},
    {"\"decimal(5,2)\"", "\"1\"", NULL, "expects a decimal number, got string '1'"},
    {"\"decimal(5,2)\"", "{\"$numberDecimal\":\"NaN\"}", NULL, "expects a decimal number"},
    {"\"varchar(3)\"", "\"\\u00e4\\u00f6\\u00fc\"", NULL, NULL},
    {"\"varchar(3)\"", "\"abcd\"", NULL, "expects at most 3 characters, got 4"},
    {"\"char(2)\"", "\"d\"", NULL, "expects at least 2 characters, got 1"},
    {"\"enum(en,de)\"", "\"de\"", NULL, NULL},
    {"\"enum(en,de)\"", "\"fr\"", NULL, "expects one of 'en', 'de', got string 'fr'"},
    {"\"enum(a,b,c,d,e,f,g,h,i)\"", "\"x\"", NULL, "'g', 'h', …, got string 'x'"},
    {"\"enum(en,de)\"", "5", NULL, "expects one of 'en', 'de', got int 5"},
    {"{\"type\":\"int\",\"enum\":[1,5]}", "5", NULL, NULL},
    {"{\"type\":\"int\",\"enum\":[1,5]}", "2", NULL, "expects one of 1, 5, got int 2"},
    {"\"email\"", "\"a.b+c@x-y.example\"", NULL, NULL},
    {"\"email\"", "\"a@b\"", NULL, "expects an email address, got string 'a@b'"},
    {"\"email\"", "\"a b@c.de\"", NULL, "expects an email address"},
    {"\"email\"", "\"@c.de\"", NULL, "expects an email address"},
    {"\"email\"", "\"a@c..de\"", NULL, "expects an email address"},
    {"\"email\"", "\"a@-c.de\"", NULL, "expects an email address"},
    {"\"email\"", "\"\"", NULL, "expects an email address"},
    {"\"url\"", "\"https://example.org/a?b#c\"", NULL, NULL},
    {"\"url\"", "\"file:///tmp/x\"", NULL, NULL},
    {"\"url\"", "\"https:///x\"", NULL, "expects a url"},
    {"\"url\"", "\"example.org\"", NULL, "expects a url, got string 'example.org'"},
    {"\"url\"", "\"http://a b\"", NULL, "expects a url"},
    {"\"json\"", "{\"$oid\":\"0123456789abcdef01234567\"}", NULL, NULL},
    {"\"json\"", "[[1],{\"a\":2}]", NULL, NULL},
    {"\"json!\"", "null", NULL, "is required"},
    {"\"binary\"", "{\"$binary\":{\"base64\":\"AAAA\",\"subType\":\"05\"}}", NULL, NULL},
    {"\"binary\"", "\"AAAA\"", NULL, "expects binary data"},
    {"\"vector(2)\"", "[0.5,1]", NULL, NULL},
    {"\"vector(2)\"", "[0.1,1]", "[0.10000000149011612,1]", NULL},
    {"\"vector(2)\"", "[1]", NULL, "expects a vector of 2 numbers, got 1"},
    {"\"vector(2)\"", "[1,\"x\"]", NULL, "expects a vector of numbers, got string 'x'"},
    {"\"vector(2)\"", "1", NULL, "expects a vector of numbers, got int 1"},
    {"\"-> User\"", "\"users/1\"", NULL, "expects no value: it is a relationship"},
    {"{\"type\":\"int\",\"min\":1,\"max\":5}", "0", NULL, "expects at least 1, got int 0"},
    {"{\"type\":\"int\",\"min\":1,\"max\":5}", "6", NULL, "expects at most 5, got int 6"},
    {"{\"type\":\"int[]\",\"max\":5}", "[1,6]", NULL, "field 'f.1': expects at most 5"},
    {"{\"type\":\"date\",\"min\":\"2024-01-01\"}", "\"2023-12-31\"", NULL, "expects at least"},
    {"{\"type\":\"string\",\"minLength\":2}", "\"a\"", NULL, "expects at least 2 characters"},
    {"{\"type\":\"string[]\",\"minLength\":2}", "[\"a\"]", NULL, "expects at least 2 items, got 1"},
    {"{\"type\":\"string[]\",\"maxLength\":1}", "[\"a\",\"b\"]", NULL, "expects at most 1 items"},
    {"{\"type\":\"string\",\"pattern\":\"^[a-z]+$\"}", "\"abc\"", NULL, NULL},
    {"{\"type\":\"string\",\"pattern\":\"^[a-z]+$\"}", "\"aB\"", NULL,
     "expects a match of '^[a-z]+$', got string 'aB'"},
    {"{\"a\":\"int!\",\"b\":\"string = x\"}", "{\"a\":1}", "{\"a\":1,\"b\":\"x\"}", NULL},
    {"{\"a\":\"int!\"}", "{}", NULL, "field 'f.a': is required"},
    {"{\"a\":\"int!\"}", "5", NULL, "expects an object, got int 5"},
    {"[{\"a\":{\"b\":\"int\"}}]", "[{},{\"a\":{\"b\":\"x\"}}]", NULL,
     "field 'f.1.a.b': expects int, got string 'x'"},
    {"[{\"a\":\"date\"}]", "[{\"a\":\"2024-02-29\"},null]",
     "[{\"a\":{\"$date\":\"2024-02-29T00:00:00Z\"}},null]", NULL},
};

static void test_validate_values(void) {
  char spec[300], doc[300], wanted[300];
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    bench t;
    pq_schema *s;
    pq_value out = {0};
    int rc;
    bench_open(&t);
    snprintf(spec, sizeof spec, "{\"f\": %s}", cases[i].field);
    snprintf(doc, sizeof doc, "{\"f\":%s}", cases[i].value);
    snprintf(wanted, sizeof wanted, "{\"f\":%s}",
             cases[i].stored == NULL ? cases[i].value : cases[i].stored);
    s = bench_schema(&t, spec, NULL);
    CHECK(s != NULL);
    if (s == NULL) fprintf(stderr, "%s\n", t.cx.msg);
    rc = s == NULL ? PQ_EINVALID : bench_validate(&t, s, PQ_VALIDATE_STRICT, doc, &out);
    CHECK(rc == (cases[i].problem == NULL ? PQ_OK : PQ_EINVALID));
    if (rc != PQ_OK && cases[i].problem == NULL) fprintf(stderr, "%s: %s\n", doc, t.cx.msg);
    if (cases[i].problem == NULL && rc == PQ_OK) {
      pq_value again;
      if (cases[i].stored != NULL) CHECK(unit_same(bench_text(&t, out), wanted));
      CHECK(cases[i].stored != NULL || pq_value_is_equal(out, bench_json(&t, doc)));
      /* What is stored stays as it is. */
      CHECK(pq_schema_validate(s, PQ_VALIDATE_STRICT, &t.eval, &t.arena, out, &again, &t.problems,
                               &t.problem_count) == PQ_OK);
      CHECK(again.p == out.p);
    } else if (cases[i].problem != NULL) {
      CHECK(strstr(t.cx.msg, cases[i].problem) != NULL);
      CHECK(strstr(t.cx.msg, "field 'f") != NULL);
      if (strstr(t.cx.msg, cases[i].problem) == NULL)
        fprintf(stderr, "%s\n  got:    %s\n  wanted: %s\n", doc, t.cx.msg, cases[i].problem);
    }
    bench_close(&t);
  }
}

static void test_validate_modes(void) {
  const char *doc = "{\"_id\": 1, \"$type\": \"T\", \"titel\": \"x\", \"n\": \"y\"}";
  bench t;
  pq_value out;
  pq_schema *s;
  bench_open(&t);
  s = bench_schema(&t, "{\"title\": \"string!\", \"n\": \"int\", \"d\": \"int = 3\"}", NULL);
  CHECK(bench_validate(&t, s, PQ_VALIDATE_STRICT, doc, &out) == PQ_EINVALID);
  CHECK(unit_same(t.cx.msg, "field 'titel': the schema has no such field, did you mean 'title'?"));
  CHECK(bench_validate(&t, s, PQ_VALIDATE_PERMISSIVE, doc, &out) == PQ_EINVALID);
  CHECK(unit_same(t.cx.msg, "field 'n': expects int, got string 'y'"));
  CHECK(bench_validate(&t, s, PQ_VALIDATE_WARN, doc, &out) == PQ_OK);
  CHECK(t.problem_count == 3);
  CHECK(pq_slice_is(t.problems[0].path, "titel") && pq_slice_is(t.problems[1].path, "n"));
  CHECK(pq_slice_is(t.problems[2].path, "title"));
  CHECK(unit_same(t.problems[2].text, "is required"));
  CHECK(unit_same(bench_text(&t, out),
                  "{\"_id\":1,\"$type\":\"T\",\"titel\":\"x\",\"n\":\"y\",\"d\":3}"));
  CHECK(bench_validate(&t, s, PQ_VALIDATE_OFF, doc, &out) == PQ_OK);
  CHECK(t.problem_count == 0 && pq_value_count(out) == 4);
  CHECK(bench_validate(&t, s, PQ_VALIDATE_PERMISSIVE, "{\"title\": \"x\", \"more\": [1]}", &out) ==
        PQ_OK);
  CHECK(bench_validate(&t, s, PQ_VALIDATE_STRICT, "[]", &out) == PQ_EINVALID);
  bench_close(&t);
}

static void test_validate_defaults(void) {
  bench t;
  pq_value out, id, other;
  pq_binary binary;
  pq_schema *s;
  bench_open(&t);
  t.eval.now_us = 1709208000123456; /* 2024-02-29T12:00:00.123456Z */
  s = bench_schema(&t,
                   "{\"at\": \"datetime = now()\", \"day\": \"date = now()\", \"id\": \"uuid ="
                   " uuid()\", \"s\": \"string! = 'x'\", \"l\": \"string[] = [\\\"a\\\"]\"}",
                   NULL);
  if (s == NULL) fprintf(stderr, "%s\n", t.cx.msg);
  CHECK(bench_validate(&t, s, PQ_VALIDATE_STRICT, "{}", &out) == PQ_OK);
  id = pq_object_get_str(out, "id");
  CHECK(pq_value_any_binary(id, &binary) && binary.subtype == 4);
  CHECK((binary.bytes.p[6] & 0xf0) == 0x40 && (binary.bytes.p[8] & 0xc0) == 0x80);
  CHECK(unit_same(bench_text(&t, pq_object_get_str(out, "at")),
                  "{\"$date\":\"2024-02-29T12:00:00.123Z\"}"));
  CHECK(unit_same(bench_text(&t, pq_object_get_str(out, "day")),
                  "{\"$date\":\"2024-02-29T00:00:00Z\"}"));
  CHECK(unit_same(bench_text(&t, pq_object_get_str(out, "l")), "[\"a\"]"));
  CHECK(bench_validate(&t, s, PQ_VALIDATE_STRICT, "{\"s\": \"y\", \"day\": null}", &other) ==
        PQ_OK);
  CHECK(!pq_value_is_equal(id, pq_object_get_str(other, "id")));
  CHECK(unit_same(bench_text(&t, pq_object_get_str(other, "day")), "null"));
  CHECK(unit_same(bench_text(&t, pq_object_get_str(other, "s")), "\"y\""));
  bench_close(&t);
}

/* A pattern that cannot be finished fails one document, not those after it. */
static void test_validate_hanging_pattern(void) {
  char doc[400];
  bench t;
  pq_value out;
  pq_schema *s;
  bench_open(&t);
  s = bench_schema(&t, "{\"f\": {\"type\": \"string\", \"pattern\": \"^(a+)+$\"}}", NULL);
  memset(doc, 'a', sizeof doc);
  memcpy(doc, "{\"f\": \"", 7);
  memcpy(doc + sizeof doc - 5, "b\"}", 4);
  CHECK(bench_validate(&t, s, PQ_VALIDATE_STRICT, doc, &out) == PQ_EINVALID);
  CHECK(strstr(t.cx.msg, "given up, it takes too long") != NULL);
  CHECK(bench_validate(&t, s, PQ_VALIDATE_STRICT, "{\"f\": \"aaa\"}", &out) == PQ_OK);
  bench_close(&t);
}

static void test_validate_many_problems(void) {
  pq_buf text;
  bench t;
  pq_value out;
  pq_schema *s;
  bench_open(&t);
  s = bench_schema(&t, "{\"f\": \"string[]\"}", NULL);
  pq_buf_init(&text, &t.cx, 1 << 20);
  for (int i = 0; i < 500; i++)
    CHECK(pq_buf_put_str(&text, i == 0 ? "{\"f\": [1" : ",1") == PQ_OK);
  CHECK(pq_buf_put(&text, "]}", 3) == PQ_OK);
  CHECK(bench_validate(&t, s, PQ_VALIDATE_WARN, (const char *)text.p, &out) == PQ_OK);
  CHECK(t.problem_count == PQ_SCHEMA_PROBLEMS_MAX);
  CHECK(pq_slice_is(t.problems[99].path, "f.99"));
  pq_buf_release(&text);
  bench_close(&t);
}

static const char big_spec[] =
    "{\"s\": {\"type\": \"string\", \"pattern\": \"x\"}, \"d\": \"datetime\", \"u\": \"uuid\","
    " \"n\": \"decimal(10,2)[]\", \"v\": \"vector(2)\", \"o\": [{\"a\": \"int = 5\"}],"
    " \"t\": \"uuid = uuid()\"}";
static const char big_doc[] =
    "{\"s\": \"axb\", \"d\": \"2024-02-29\", \"u\": \"550e8400-e29b-41d4-a716-446655440000\","
    " \"n\": [1.5, \"bad\"], \"v\": [0.1, 0.2], \"o\": [{}, {\"b\": 1}]}";

static int validate_all(bench *t, uint32_t *count) {
  pq_value spec, doc, out;
  pq_schema *s;
  PQ_TRY(pq_builder_new(&t->cx, &t->b));
  t->eval = (pq_eval){.cx = &t->cx, .arena = &t->arena, .builder = t->b};
  PQ_TRY(pq_json_value(t->b, pq_str(big_spec), &t->arena, &spec));
  PQ_TRY(pq_json_value(t->b, pq_str(big_doc), &t->arena, &doc));
  PQ_TRY(pq_schema_parse(&t->arena, spec, NULL, &s));
  return pq_schema_validate(s, PQ_VALIDATE_WARN, &t->eval, &t->arena, doc, &out, &t->problems,
                            count);
}

static void test_validate_out_of_memory(void) {
  int rc = PQ_OK;
  for (long n = 1; n > 0; n = unit_oom_next(n, rc)) {
    bench t;
    uint32_t count = 0;
    CHECK(bench_try_open(&t) == PQ_OK);
    unit_fail_at = n;
    rc = validate_all(&t, &count);
    CHECK(rc != PQ_OK || count == 2);
    pq_builder_free(t.b);
    pq_arena_release(&t.arena);
  }
}

int main(void) {
  RUN(test_validate_values);
  RUN(test_validate_modes);
  RUN(test_validate_defaults);
  RUN(test_validate_hanging_pattern);
  RUN(test_validate_many_problems);
  RUN(test_validate_out_of_memory);
  return unit_end();
}
