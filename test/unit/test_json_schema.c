/* test/unit/test_json_schema.c - $jsonSchema: every keyword says yes and no, and every mistake is
 * told with its keyword and place. */
#include <string.h>

#include "expr/filter.h"
#include "unit.h"
#include "value/json.h"

typedef struct bench {
  pq_cx cx;
  pq_arena arena;
  pq_builder *b;
} bench;

static void bench_open(bench *t) {
  unit_cx_init(&t->cx);
  pq_arena_init(&t->arena, &t->cx, 1 << 24);
  CHECK(pq_builder_new(&t->cx, &t->b) == PQ_OK);
}

static void bench_close(bench *t) {
  pq_builder_free(t->b);
  pq_arena_release(&t->arena);
  CHECK(unit_live_len == 0);
}

static int parse(bench *t, const char *schema, pq_filter **out) {
  char text[1024];
  pq_value v;
  snprintf(text, sizeof text, "{\"$jsonSchema\": %s}", schema);
  CHECK(pq_json_value(t->b, pq_str(text), &t->arena, &v) == PQ_OK);
  return pq_filter_parse(&t->arena, NULL, v, out);
}

/* Does {"v": value} fit {"properties": {"v": schema}}? */
static bool fits(const char *schema, const char *value) {
  char text[1024];
  bench t;
  pq_filter *f;
  pq_value v;
  bool out = false;
  bench_open(&t);
  snprintf(text, sizeof text, "{\"properties\": {\"v\": %s}}", schema);
  CHECK(parse(&t, text, &f) == PQ_OK);
  if (f == NULL) fprintf(stderr, "%s: %s\n", schema, t.cx.msg);
  snprintf(text, sizeof text, "{\"v\": %s}", value);
  CHECK(pq_json_value(t.b, pq_str(text), &t.arena, &v) == PQ_OK);
  if (f != NULL) {
    out = pq_filter_match(f, NULL, v, (pq_value){0});
    CHECK(pq_filter_status(f) == PQ_OK);
  }
  bench_close(&t);
  return out;
}

static bool fails(const char *schema, int code, const char *part) {
  bench t;
  pq_filter *f;
  bool out;
  bench_open(&t);
  out = parse(&t, schema, &f) == code && f == NULL && strstr(t.cx.msg, part) != NULL;
  if (!out) fprintf(stderr, "%s: %s\n", schema, t.cx.msg);
  bench_close(&t);
  return out;
}

/* One schema, values that fit and values that do not. */
typedef struct example {
  const char *schema, *good[4], *bad[4];
} example;

static const example examples[] = {
    {"{}", {"1", "null", "{\"a\": []}"}, {NULL}},
    {"{\"bsonType\": \"int\"}", {"1"}, {"1.0", "\"1\"", "null", "[1]"}},
    {"{\"bsonType\": [\"string\", \"null\"]}", {"\"\"", "null"}, {"1", "{}"}},
    {"{\"bsonType\": \"number\"}", {"1", "1.5"}, {"\"1\""}},
    {"{\"type\": \"number\"}", {"1", "1.5"}, {"true"}},
    {"{\"type\": [\"boolean\", \"array\"]}", {"true", "[]"}, {"0", "{}"}},
    {"{\"enum\": [3, \"a\", {\"x\": 1}, [1]]}",
     {"3.0", "\"a\"", "{\"x\": 1}", "[1]"},
     {"1", "\"b\""}},
    {"{\"minimum\": 2, \"maximum\": 4}", {"2", "4.0", "\"x\"", "3"}, {"1", "4.5"}},
    {"{\"minimum\": 2, \"exclusiveMinimum\": true}", {"3"}, {"2", "2.0"}},
    {"{\"maximum\": 2, \"exclusiveMaximum\": true}", {"1"}, {"2"}},
    {"{\"multipleOf\": 3}", {"9", "-6.0", "0", "\"x\""}, {"10", "2.5"}},
    {"{\"multipleOf\": 0.1}", {"0.3", "-1.7", "2"}, {"0.35", "1e-9"}},
    {"{\"minLength\": 2, \"maxLength\": 3}",
     {"\"\\u00e4\\u00f6\"", "\"abc\"", "1"},
     {"\"a\"", "\"abcd\""}},
    {"{\"pattern\": \"^a.c\"}", {"\"abcd\"", "5"}, {"\"xabc\""}},
    {"{\"required\": [\"a\", \"b\"]}", {"{\"b\": 1, \"a\": null}", "7"}, {"{\"a\": 1}", "{}"}},
    {"{\"properties\": {\"a\": {\"bsonType\": \"int\"}}}",
     {"{\"a\": 1}", "{}", "3"},
     {"{\"a\": \"x\"}"}},
    {"{\"properties\": {\"a\": {}}, \"patternProperties\": {\"^n\": {\"type\": \"number\"}}, "
     "\"additionalProperties\": false}",
     {"{\"a\": 1, \"n1\": 2}", "{}"},
     {"{\"b\": 1}", "{\"n\": \"x\"}"}},
    {"{\"additionalProperties\": {\"type\": \"string\"}}", {"{\"a\": \"x\"}"}, {"{\"a\": 1}"}},
    {"{\"properties\": {\"na\": {\"minimum\": 2}}, \"patternProperties\": {\"^n\": {\"maximum\": "
     "4}}}",
     {"{\"na\": 3}"},
     {"{\"na\": 1}", "{\"na\": 5}"}},
    {"{\"minProperties\": 1, \"maxProperties\": 2}",
     {"{\"a\": 1}", "[]"},
     {"{}", "{\"a\":1,\"b\":2,\"c\":3}"}},
    {"{\"dependencies\": {\"a\": [\"b\"], \"c\": {\"required\": [\"d\"]}}}",
     {"{\"a\": 1, \"b\": 1}", "{\"c\": 1, \"d\": 1}", "{}"},
     {"{\"a\": 1}", "{\"c\": 1}"}},
    {"{\"items\": {\"type\": \"number\"}}", {"[1, 2]", "[]", "\"x\""}, {"[1, \"a\"]"}},
    {"{\"items\": [{\"type\": \"number\"}], \"additionalItems\": false}",
     {"[1]", "[]"},
     {"[1, 2]", "[\"a\"]"}},
    {"{\"items\": [{}], \"additionalItems\": {\"type\": \"string\"}}", {"[1, \"a\"]"}, {"[1, 2]"}},
    {"{\"minItems\": 1, \"maxItems\": 2}", {"[1]", "{}"}, {"[]", "[1, 2, 3]"}},
    {"{\"uniqueItems\": true}", {"[1, 2]", "[]", "[\"a\", \"A\"]"}, {"[1, 2, 1.0]", "[{}, {}]"}},
    {"{\"uniqueItems\": false}", {"[1, 1]"}, {NULL}},
    {"{\"allOf\": [{\"minimum\": 1}, {\"maximum\": 3}]}", {"2"}, {"0", "4"}},
    {"{\"anyOf\": [{\"maximum\": 1}, {\"minimum\": 3}]}", {"0", "4"}, {"2"}},
    {"{\"oneOf\": [{\"maximum\": 3}, {\"minimum\": 1}]}", {"0", "4"}, {"2"}},
    {"{\"not\": {\"type\": \"string\"}}", {"1"}, {"\"a\""}},
    {"{\"title\": \"t\", \"description\": \"d\"}", {"1"}, {NULL}}};

static void test_json_schema_keywords(void) {
  for (size_t i = 0; i < sizeof examples / sizeof *examples; i++) {
    const example *e = &examples[i];
    for (int k = 0; k < 4 && e->good[k] != NULL; k++) {
      CHECK(fits(e->schema, e->good[k]));
      if (!fits(e->schema, e->good[k])) fprintf(stderr, "%s must take %s\n", e->schema, e->good[k]);
    }
    for (int k = 0; k < 4 && e->bad[k] != NULL; k++) {
      CHECK(!fits(e->schema, e->bad[k]));
      if (fits(e->schema, e->bad[k])) fprintf(stderr, "%s takes %s\n", e->schema, e->bad[k]);
    }
  }
}

static void test_json_schema_errors(void) {
  CHECK(fails("1", PQ_EFILTER, "operator '$jsonSchema' needs an object"));
  CHECK(fails("{\"requird\": [\"a\"]}", PQ_EFILTER, "'requird': did you mean 'required'"));
  CHECK(fails("{\"$ref\": \"x\"}", PQ_EUNSUPPORTED, "keyword '$ref' is not supported"));
  CHECK(fails("{\"format\": \"x\"}", PQ_EUNSUPPORTED, "keyword 'format'"));
  CHECK(fails("{\"properties\": {\"a\": {\"properties\": {\"b\": {\"minimum\": \"x\"}}}}}",
              PQ_EFILTER, "at 'a.b': keyword 'minimum' needs a number"));
  CHECK(fails("{\"properties\": {\"a\": 1}}", PQ_EFILTER, "keyword 'properties' needs a schema"));
  CHECK(fails("{\"properties\": []}", PQ_EFILTER, "needs an object of schemas"));
  CHECK(fails("{\"type\": \"integer\"}", PQ_EFILTER, "bsonType"));
  CHECK(fails("{\"type\": \"strin\"}", PQ_EFILTER, "unknown type"));
  CHECK(fails("{\"bsonType\": \"strin\"}", PQ_EFILTER, "unknown type 'strin'"));
  CHECK(fails("{\"bsonType\": 16}", PQ_EFILTER, "needs a string"));
  CHECK(fails("{\"bsonType\": []}", PQ_EFILTER, "at least one type"));
  CHECK(fails("{\"bsonType\": \"int\", \"type\": \"number\"}", PQ_EFILTER, "beside"));
  CHECK(fails("{\"required\": []}", PQ_EFILTER, "at least one name"));
  CHECK(fails("{\"required\": [\"a\", \"a\"]}", PQ_EFILTER, "twice"));
  CHECK(fails("{\"required\": [1]}", PQ_EFILTER, "strings"));
  CHECK(fails("{\"enum\": []}", PQ_EFILTER, "at least one value"));
  CHECK(fails("{\"enum\": [1, 1.0]}", PQ_EFILTER, "twice"));
  CHECK(fails("{\"exclusiveMinimum\": true}", PQ_EFILTER, "needs 'minimum'"));
  CHECK(fails("{\"maximum\": 1, \"exclusiveMaximum\": 1}", PQ_EFILTER, "true or false"));
  CHECK(fails("{\"multipleOf\": 0}", PQ_EFILTER, "above 0"));
  CHECK(fails("{\"minLength\": -1}", PQ_EFILTER, "not negative"));
  CHECK(fails("{\"maxItems\": 1.5}", PQ_EFILTER, "whole number"));
  CHECK(fails("{\"pattern\": \"(\"}", PQ_EFILTER, "malformed"));
  CHECK(fails("{\"patternProperties\": {\"(\": {}}}", PQ_EFILTER, "malformed"));
  CHECK(fails("{\"allOf\": []}", PQ_EFILTER, "at least one schema"));
  CHECK(fails("{\"anyOf\": {}}", PQ_EFILTER, "keyword 'anyOf' needs an array"));
  CHECK(fails("{\"oneOf\": [1]}", PQ_EFILTER, "keyword 'oneOf' needs a schema"));
  CHECK(fails("{\"not\": 1}", PQ_EFILTER, "keyword 'not' needs a schema"));
  CHECK(fails("{\"items\": 1}", PQ_EFILTER, "keyword 'items' needs a schema"));
  CHECK(
      fails("{\"additionalProperties\": 1}", PQ_EFILTER, "'additionalProperties' needs a schema"));
  CHECK(fails("{\"dependencies\": {\"a\": []}}", PQ_EFILTER, "at least one name"));
  CHECK(fails("{\"uniqueItems\": 1}", PQ_EFILTER, "true or false"));
  CHECK(fails("{\"title\": 1}", PQ_EFILTER, "needs a string"));
}

static void test_json_schema_limits(void) {
  bench t;
  pq_filter *f;
  char deep[1024] = "";
  bench_open(&t);
  t.cx.limits.filter_nodes_max = 4;
  CHECK(parse(&t, "{\"allOf\": [{}, {}, {}]}", &f) == PQ_ELIMIT);
  t.cx.limits.filter_nodes_max = 1000;
  t.cx.limits.depth_max = 20;
  for (int i = 0; i < 18; i++)
    strcat(deep, "{\"not\":");
  strcat(deep, "{}");
  for (int i = 0; i < 18; i++)
    strcat(deep, "}");
  CHECK(parse(&t, deep, &f) == PQ_OK);
  t.cx.limits.depth_max = 18;
  CHECK(parse(&t, deep, &f) == PQ_ELIMIT);
  bench_close(&t);
}

/* The memory of uniqueItems may be refused: then it is no answer. */
static void test_json_schema_out_of_memory(void) {
  bench t;
  pq_filter *f;
  pq_value v;
  bench_open(&t);
  CHECK(parse(&t, "{\"properties\": {\"v\": {\"uniqueItems\": true}}}", &f) == PQ_OK);
  CHECK(pq_json_value(t.b, PQ_SLICE("{\"v\": [1, 2]}"), &t.arena, &v) == PQ_OK);
  unit_fail_at = 1;
  CHECK(!pq_filter_match(f, NULL, v, (pq_value){0}));
  unit_fail_at = 0;
  CHECK(pq_filter_status(f) == PQ_ENOMEM);
  bench_close(&t);
}

int main(void) {
  RUN(test_json_schema_keywords);
  RUN(test_json_schema_errors);
  RUN(test_json_schema_limits);
  RUN(test_json_schema_out_of_memory);
  return unit_end();
}
