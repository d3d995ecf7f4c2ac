/* test/unit/test_filter.c - filters: what matches, what is refused and how it is told. */
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

static pq_value json(bench *t, const char *text) {
  pq_value out = {0};
  if (text != NULL) CHECK(pq_json_value(t->b, pq_str(text), &t->arena, &out) == PQ_OK);
  return out;
}

static bool is_match_in(bench *t, const char *filter, const char *doc, const char *system) {
  pq_filter *f;
  int rc = pq_filter_parse(&t->arena, NULL, json(t, filter), &f);
  if (rc != PQ_OK) fprintf(stderr, "%s: %s\n", filter, t->cx.msg);
  CHECK(rc == PQ_OK);
  return rc == PQ_OK && pq_filter_match(f, NULL, json(t, doc), json(t, system));
}

static bool is_match(const char *filter, const char *doc) {
  bench t;
  bool out;
  bench_open(&t);
  out = is_match_in(&t, filter, doc, NULL);
  bench_close(&t);
  return out;
}

/* Parsing fails with `code` and a message that contains `part`. */
static bool fails(const char *filter, int code, const char *part) {
  bench t;
  pq_filter *f;
  bool out;
  bench_open(&t);
  out = pq_filter_parse(&t.arena, NULL, json(&t, filter), &f) == code && f == NULL &&
        strstr(t.cx.msg, part) != NULL;
  if (!out) fprintf(stderr, "%s: %s\n", filter, t.cx.msg);
  bench_close(&t);
  return out;
}

static void test_filter_compare(void) {
  CHECK(is_match("{}", "{}"));
  CHECK(is_match("{\"v\": 1}", "{\"v\": 1.0}"));
  CHECK(is_match("{\"v\": 1}", "{\"v\": {\"$numberDecimal\": \"1.0\"}}"));
  CHECK(!is_match("{\"v\": 1}", "{\"v\": \"1\"}"));
  CHECK(!is_match("{\"v\": 1}", "{\"v\": true}"));
  CHECK(is_match("{\"v\": {\"$gt\": 1}}", "{\"v\": 5}"));
  CHECK(!is_match("{\"v\": {\"$gt\": 1}}", "{\"v\": \"5\"}"));
  CHECK(is_match("{\"v\": {\"$gt\": 9007199254740992.0}}", "{\"v\": 9007199254740993}"));
  CHECK(is_match("{\"v\": {\"$gte\": \"b\", \"$lt\": \"c\"}}", "{\"v\": \"bz\"}"));
  CHECK(is_match("{\"v\": {\"$lt\": {\"a\": 2}}}", "{\"v\": {\"a\": 1}}"));
  CHECK(is_match("{\"v\": {\"$gte\": false}}", "{\"v\": true}"));
  CHECK(!is_match("{\"v\": {\"$gte\": false}}", "{\"v\": 1}"));
  CHECK(is_match("{\"v\": {\"$lte\": {\"$maxKey\": 1}}}", "{\"v\": null}"));
  CHECK(!is_match("{\"v\": {\"$lte\": {\"$maxKey\": 1}}}", "{}"));
  CHECK(is_match("{\"v\": {\"$numberDouble\": \"NaN\"}}", "{\"v\": {\"$numberDouble\": \"NaN\"}}"));
  CHECK(!is_match("{\"v\": {\"$lt\": 1}}", "{\"v\": {\"$numberDouble\": \"NaN\"}}"));
  CHECK(is_match("{\"v\": {\"a\": 1, \"b\": 2}}", "{\"v\": {\"a\": 1, \"b\": 2}}"));
  CHECK(!is_match("{\"v\": {\"a\": 1, \"b\": 2}}", "{\"v\": {\"b\": 2, \"a\": 1}}"));
  CHECK(
      is_match("{\"v\": {\"$ref\": \"x\", \"$id\": 1}}", "{\"v\": {\"$ref\": \"x\", \"$id\": 1}}"));
}

/* MONGO.md 1, rules 10, 13-17. */
static void test_filter_null(void) {
  CHECK(is_match("{\"a\": null}", "{\"a\": null}"));
  CHECK(is_match("{\"a\": null}", "{}"));
  CHECK(is_match("{\"a\": null}", "{\"a\": [1, null]}"));
  CHECK(!is_match("{\"a\": null}", "{\"a\": []}"));
  CHECK(!is_match("{\"a\": null}", "{\"a\": {}}"));
  CHECK(is_match("{\"a.b\": null}", "{\"a\": 4}"));
  CHECK(is_match("{\"a.b\": null}", "{}"));
  CHECK(is_match("{\"a.b\": null}", "{\"a\": {}}"));
  CHECK(is_match("{\"a.b\": null}", "{\"a\": [{\"b\": 1}, {}]}"));
  CHECK(!is_match("{\"a.b\": null}", "{\"a\": [1, \"x\"]}"));
  CHECK(!is_match("{\"a.b\": null}", "{\"a\": []}"));
  CHECK(!is_match("{\"a.b\": null}", "{\"a\": [[]]}"));
  CHECK(is_match("{\"a.0\": null}", "{\"a\": []}"));
  CHECK(is_match("{\"a.0\": null}", "{\"a\": [{\"x\": 1}]}"));
  CHECK(!is_match("{\"a.0\": null}", "{\"a\": [1]}"));
  CHECK(is_match("{\"a\": {\"$gte\": null}}", "{}"));
  CHECK(!is_match("{\"a\": {\"$gt\": null}}", "{\"a\": 1}"));
  CHECK(is_match("{\"a\": {\"$in\": [null, 3]}}", "{}"));
  CHECK(!is_match("{\"a\": {\"$ne\": null}}", "{}"));
  CHECK(is_match("{\"a\": {\"$nin\": [1]}}", "{}"));
  CHECK(is_match("{\"a\": {\"$exists\": true}}", "{\"a\": null}"));
  CHECK(is_match("{\"a\": {\"$exists\": 0}}", "{}"));
  CHECK(is_match("{\"a\": {\"$elemMatch\": {\"$eq\": null}}}", "{\"a\": [null]}"));
  CHECK(!is_match("{\"a\": {\"$elemMatch\": {\"$eq\": null}}}", "{\"a\": null}"));
  CHECK(is_match("{\"a\": {\"$elemMatch\": {\"b\": null}}}", "{\"a\": [[]]}"));
  CHECK(!is_match("{\"a\": {\"$elemMatch\": {\"b\": null}}}", "{\"a\": [1]}"));
}

/* Rules 11, 19-25. */
static void test_filter_arrays(void) {
  CHECK(is_match("{\"v\": [1, 2]}", "{\"v\": [1, 2]}"));
  CHECK(is_match("{\"v\": [1, 2]}", "{\"v\": [[1, 2]]}"));
  CHECK(!is_match("{\"v\": [1, 2]}", "{\"v\": [1, 2, 3]}"));
  CHECK(is_match("{\"v\": {\"$lt\": [2]}}", "{\"v\": [[1]]}"));
  CHECK(!is_match("{\"v\": {\"$lt\": [2]}}", "{\"v\": 1}"));
  CHECK(is_match("{\"v\": {\"$gt\": 4, \"$lt\": 3}}", "{\"v\": [1, 9]}"));
  CHECK(!is_match("{\"v\": {\"$elemMatch\": {\"$gt\": 4, \"$lt\": 8}}}", "{\"v\": [1, 9]}"));
  CHECK(is_match("{\"v\": {\"$elemMatch\": {\"$gt\": 4, \"$lt\": 8}}}", "{\"v\": [2, 7]}"));
  CHECK(is_match("{\"v.x\": 5}", "{\"v\": [{\"x\": 1}, {\"x\": 5}]}"));
  CHECK(!is_match("{\"v.x\": 5}", "{\"v\": [[{\"x\": 5}]]}"));
  CHECK(is_match("{\"v.1\": 8}", "{\"v\": [7, 8]}"));
  CHECK(is_match("{\"v.1\": 8}", "{\"v\": {\"1\": 8}}"));
  CHECK(is_match("{\"v.1\": 8}", "{\"v\": [{\"1\": 8}]}"));
  CHECK(!is_match("{\"v.1\": 8}", "{\"v\": [[0, 8]]}"));
  CHECK(is_match("{\"v.0.x\": 1}", "{\"v\": [[{\"x\": 1}]]}"));
  CHECK(is_match("{\"v\": {\"$ne\": 1}}", "{\"v\": [2]}"));
  CHECK(!is_match("{\"v\": {\"$ne\": 1}}", "{\"v\": [1, 2]}"));
  CHECK(is_match("{\"v\": {\"$size\": 2}}", "{\"v\": [1, 2]}"));
  CHECK(!is_match("{\"v\": {\"$size\": 2}}", "{\"v\": [[1, 2]]}"));
  CHECK(is_match("{\"v\": {\"$all\": [1, 2]}}", "{\"v\": [1, 2, 3]}"));
  CHECK(!is_match("{\"v\": {\"$all\": []}}", "{\"v\": []}"));
  CHECK(!is_match("{\"v\": {\"$in\": []}}", "{\"v\": []}"));
  CHECK(is_match("{\"v\": {\"$type\": \"int\"}}", "{\"v\": [1]}"));
  CHECK(!is_match("{\"v\": {\"$type\": \"int\"}}", "{\"v\": [[1]]}"));
  CHECK(is_match("{\"v\": {\"$type\": [\"bool\", 4]}}", "{\"v\": []}"));
  CHECK(is_match("{\"v\": {\"$type\": \"number\"}}", "{\"v\": 1.5}"));
  CHECK(is_match("{\"v\": {\"$mod\": [2, 0]}}", "{\"v\": 4.5}"));
  CHECK(!is_match("{\"v\": {\"$mod\": [2, 0]}}", "{\"v\": \"4\"}"));
  CHECK(is_match("{\"v\": {\"$mod\": [-1, 0]}}", "{\"v\": -9223372036854775808}"));
  CHECK(is_match("{\"v\": {\"$mod\": [3, 1]}}", "{\"v\": {\"$numberDecimal\": \"10.9\"}}"));
}

static void test_filter_logic(void) {
  const char *either = "{\"$or\": [{\"a\": 1}, {\"b\": {\"$gt\": 2}}]}";
  CHECK(is_match(either, "{\"a\": 1}"));
  CHECK(is_match(either, "{\"b\": 3}"));
  CHECK(!is_match(either, "{\"a\": 2, \"b\": 2}"));
  CHECK(is_match("{\"$nor\": [{\"a\": 1}, {\"b\": 1}]}", "{\"a\": 2}"));
  CHECK(!is_match("{\"$nor\": [{\"a\": 1}, {\"b\": 1}]}", "{\"b\": 1}"));
  CHECK(is_match("{\"$and\": [{\"a\": 1}, {}], \"$comment\": \"x\"}", "{\"a\": 1}"));
  CHECK(is_match("{\"v\": {\"$not\": {\"$gt\": 3}}}", "{\"v\": \"a\"}"));
  CHECK(!is_match("{\"v\": {\"$not\": {\"$gt\": 3}}}", "{\"v\": [1, 5]}"));
  CHECK(is_match("{\"s\": {\"$startsWith\": \"ab\", \"$endsWith\": \"c\"}}", "{\"s\": \"abc\"}"));
  CHECK(is_match("{\"s\": {\"$contains\": \"aab\"}}", "{\"s\": [1, \"aaab\"]}"));
  CHECK(!is_match("{\"s\": {\"$contains\": \"abx\"}}", "{\"s\": \"ababab\"}"));
}

static void test_filter_system(void) {
  bench t;
  const char *system =
      "{\"$id\": \"posts/1\", \"$type\": \"Post\", \"name\": \"n\", \"version\": 3}";
  pq_filter *f;
  bench_open(&t);
  CHECK(is_match_in(&t, "{\"$id\": \"posts/1\"}", "{}", system));
  CHECK(is_match_in(&t, "{\"version\": {\"$gt\": 2}}", "{}", system));
  CHECK(!is_match_in(&t, "{\"version\": {\"$gt\": 2}}", "{\"version\": 1}", system));
  CHECK(is_match_in(&t, "{\"name\": null}", "{\"name\": null}", system));
  CHECK(!is_match_in(&t, "{\"a\": {\"$elemMatch\": {\"name\": \"n\"}}}", "{\"a\": [{}]}", system));
  CHECK(pq_filter_parse(&t.arena, NULL, json(&t, "{\"name.x\": 1}"), &f) == PQ_OK);
  CHECK(pq_filter_uses_system(f));
  CHECK(pq_filter_parse(&t.arena, NULL, json(&t, "{\"title\": 1}"), &f) == PQ_OK);
  CHECK(!pq_filter_uses_system(f) && !pq_filter_is_empty(f));
  CHECK(pq_filter_parse(&t.arena, NULL, (pq_value){0}, &f) == PQ_OK);
  CHECK(pq_filter_is_empty(f) && pq_filter_match(f, NULL, json(&t, "{}"), (pq_value){0}));
  bench_close(&t);
}

static void test_filter_conjuncts(void) {
  bench t;
  pq_filter *f;
  const pq_conjunct *c;
  uint32_t count;
  bool is_whole;
  bench_open(&t);
  CHECK(pq_filter_parse(&t.arena, NULL,
                        json(&t,
                             "{\"a\": {\"$gt\": 1, \"$exists\": true}, \"$and\": [{\"b\": \"x\"}, "
                             "{\"c\": {\"$in\": [1, null]}}], \"d\": {\"$exists\": false}}"),
                        &f) == PQ_OK);
  c = pq_filter_conjuncts(f, &count, &is_whole);
  CHECK(count == 5 && is_whole);
  CHECK(c[0].op == PQ_OP_GT && pq_slice_is(c[0].path->text, "a"));
  CHECK(pq_conjunct_match(&c[0], json(&t, "2")) && !pq_conjunct_match(&c[0], json(&t, "\"2\"")));
  CHECK(c[1].op == PQ_OP_EXISTS && !pq_conjunct_match(&c[1], (pq_value){0}));
  CHECK(c[2].op == PQ_OP_EQ && pq_conjunct_match(&c[2], json(&t, "\"x\"")));
  CHECK(c[3].op == PQ_OP_IN && pq_conjunct_match(&c[3], (pq_value){0}));
  CHECK(pq_conjunct_match(&c[3], json(&t, "1.0")) && !pq_conjunct_match(&c[3], json(&t, "2")));
  CHECK(c[4].op == PQ_OP_EXISTS && pq_conjunct_match(&c[4], (pq_value){0}));
  CHECK(pq_filter_parse(&t.arena, NULL, json(&t, "{\"a\": 1, \"b\": {\"$ne\": 2}}"), &f) == PQ_OK);
  pq_filter_conjuncts(f, &count, &is_whole);
  CHECK(count == 1 && !is_whole);
  bench_close(&t);
}

static void test_filter_errors(void) {
  char deep[4096] = "";
  CHECK(fails("{\"age\": {\"$gtt\": 1}}", PQ_EFILTER,
              "unknown operator '$gtt' at path 'age': did you mean '$gt"));
  CHECK(fails("{\"title\": {\"$near\": \"x\"}}", PQ_EUNSUPPORTED,
              "operator '$near' at path 'title' is not supported yet"));
  CHECK(fails("{\"$expr\": {}}", PQ_EUNSUPPORTED, "operator '$expr' is not supported yet"));
  CHECK(fails("{\"$orr\": []}", PQ_EFILTER, "did you mean '$or'"));
  CHECK(fails("{\"$or\": []}", PQ_EFILTER, "at least one"));
  CHECK(fails("{\"$and\": [1]}", PQ_EFILTER, "no filter"));
  CHECK(fails("{\"$gt\": 1}", PQ_EFILTER, "needs a path"));
  CHECK(fails("{\"a\": {\"$or\": [{}]}}", PQ_EFILTER, "does not apply to a path"));
  CHECK(fails("{\"a\": {\"$gt\": 1, \"b\": 2}}", PQ_EFILTER, "unknown operator 'b'"));
  CHECK(fails("{\"a\": {\"$in\": 1}}", PQ_EFILTER, "needs an array"));
  CHECK(fails("{\"a\": {\"$in\": [{\"$gt\": 1}]}}", PQ_EFILTER, "cannot hold operators"));
  CHECK(fails("{\"a\": {\"$not\": {}}}", PQ_EFILTER, "$not"));
  CHECK(fails("{\"a\": {\"$not\": 1}}", PQ_EFILTER, "$not"));
  CHECK(fails("{\"a\": {\"$elemMatch\": 1}}", PQ_EFILTER, "needs an object"));
  CHECK(fails("{\"a\": {\"$mod\": [0, 1]}}", PQ_EFILTER, "cannot divide"));
  CHECK(fails("{\"a\": {\"$size\": -1}}", PQ_EFILTER, "whole number"));
  CHECK(fails("{\"a\": {\"$type\": \"strin\"}}", PQ_EFILTER, "unknown type"));
  CHECK(fails("{\"a..b\": 1}", PQ_EFILTER, "no valid path"));
  CHECK(fails("[]", PQ_EFILTER, "must be an object"));
  CHECK(fails("{\"a\": {\"$regularExpression\": {\"pattern\": \"(\", \"options\": \"\"}}}",
              PQ_EFILTER, "malformed at byte 1"));
  CHECK(fails("{\"a\": {\"$regex\": \"a\", \"$options\": \"iq\"}}", PQ_EFILTER, "'iq'"));
  CHECK(fails("{\"a\": {\"$options\": \"i\"}}", PQ_EFILTER, "needs a $regex"));
  CHECK(fails("{\"a\": {\"$regex\": 1}}", PQ_EFILTER, "needs a string"));
  CHECK(fails("{\"a\": {\"$in\": [{\"$regex\": \"a\"}]}}", PQ_EFILTER, "cannot hold operators"));
  for (int i = 0; i < 45; i++)
    strcat(deep, "{\"$and\":[");
  strcat(deep, "{}");
  for (int i = 0; i < 45; i++)
    strcat(deep, "]}");
  CHECK(is_match(deep, "{}"));
}

static void test_filter_limits(void) {
  bench t;
  pq_filter *f;
  bench_open(&t);
  t.cx.limits.filter_nodes_max = 4;
  CHECK(pq_filter_parse(&t.arena, NULL, json(&t, "{\"a\": 1, \"b\": 2, \"c\": 3}"), &f) == PQ_OK);
  CHECK(pq_filter_parse(&t.arena, NULL, json(&t, "{\"a\": 1, \"b\": 2, \"c\": 3, \"d\": 4}"), &f) ==
        PQ_ELIMIT);
  bench_close(&t);
}

static void test_filter_out_of_memory(void) {
  const char *text =
      "{\"a\": {\"$in\": [3, 1, 2]}, \"$or\": [{\"b\": {\"$elemMatch\": {\"c\": 1}}}, {\"d\": 1}]}";
  int rc = PQ_OK;
  for (long n = 1; n > 0; n = unit_oom_next(n, rc)) {
    pq_cx cx;
    pq_arena arena = {0};
    pq_builder *b = NULL;
    pq_value spec;
    pq_filter *f;
    unit_cx_init(&cx);
    unit_fail_at = n;
    pq_arena_init(&arena, &cx, 1 << 20);
    rc = pq_builder_new(&cx, &b);
    if (rc == PQ_OK) rc = pq_json_value(b, pq_str(text), &arena, &spec);
    if (rc == PQ_OK) rc = pq_filter_parse(&arena, NULL, spec, &f);
    pq_builder_free(b);
    pq_arena_release(&arena);
  }
}

int main(void) {
  RUN(test_filter_compare);
  RUN(test_filter_null);
  RUN(test_filter_arrays);
  RUN(test_filter_logic);
  RUN(test_filter_system);
  RUN(test_filter_conjuncts);
  RUN(test_filter_errors);
  RUN(test_filter_limits);
  RUN(test_filter_out_of_memory);
  return unit_end();
}
