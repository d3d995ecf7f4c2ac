/* test/unit/test_filter.c - filters: what matches, what is refused and how it is told. */
#include <string.h>

#include "expr/needle.h"
#include "expr/project.h"
#include "expr/pushdown.h"
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

static bool match(bench *t, const pq_filter *f, pq_value doc, pq_value system) {
  pq_eval eval = {.cx = &t->cx, .arena = &t->arena, .builder = t->b, .random = 7};
  bool out = pq_filter_match(f, &eval, doc, system);
  pq_needle needle = pq_needle_of(f);
  CHECK(pq_filter_status(f) == PQ_OK);
  CHECK(!out || pq_needle_is_in(&needle, (pq_slice){doc.p, doc.len})); /* whatever the filter */
  return out;
}

static bool is_match_in(bench *t, const char *filter, const char *doc, const char *system) {
  pq_filter *f;
  int rc = pq_filter_parse(&t->arena, NULL, json(t, filter), &f);
  if (rc != PQ_OK) fprintf(stderr, "%s: %s\n", filter, t->cx.msg);
  CHECK(rc == PQ_OK);
  return rc == PQ_OK && match(t, f, json(t, doc), json(t, system));
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

/* {"kind": …} of a term in short: path, operator, how many operands. */
static bool is_term(const pq_push *p, const char *path, pq_push_op op, uint32_t operands) {
  return p->kind == PQ_PUSH_TERM && pq_slice_is(p->path->text, path) && p->op == op &&
         p->operand_count == operands;
}

/* Logic of an $expr is logic of the filter, for scans too. */
static void test_filter_expr_pushdown(void) {
  bench t;
  pq_filter *f;
  const pq_push *root, *p;
  bench_open(&t);
  CHECK(pq_filter_parse(
            &t.arena, NULL,
            json(&t,
                 "{\"$expr\": {\"$and\": [{\"$eq\": [\"$a.b\", 1]}, {\"$lt\": [3, \"$$ROOT.c\"]}, "
                 "{\"$ne\": [\"$d\", \"x\"]}, {\"$or\": [{\"$eq\": [\"$e\", 2]}, {\"$eq\": [1, "
                 "\"$e\"]}]}, "
                 "{\"$gt\": [\"$f\", \"$g\"]}]}}"),
            &f) == PQ_OK);
  CHECK(pq_filter_pushdown(f, &t.arena, &root) == PQ_OK);
  CHECK(root->kind == PQ_PUSH_AND && root->kid_count == 5);
  p = root->kids;
  CHECK(is_term(&p[0], "a.b", PQ_PUSH_EQ, 1) && is_term(&p[1], "c", PQ_PUSH_OTHER, 0));
  CHECK(p[2].kind == PQ_PUSH_NOT && is_term(p[2].kids, "d", PQ_PUSH_EQ, 1));
  CHECK(is_term(&p[3], "e", PQ_PUSH_IN, 2) && p[4].kind == PQ_PUSH_OPAQUE);
  CHECK(pq_push_match(&p[0], json(&t, "1.0")) && !pq_push_match(&p[0], (pq_value){0}));
  CHECK(pq_push_match(&p[1], json(&t, "4")) && pq_push_match(&p[1], json(&t, "\"text\"")));
  CHECK(!pq_push_match(&p[1], json(&t, "3")) && !pq_push_match(&p[1], (pq_value){0}));
  CHECK(pq_push_match(&p[3], json(&t, "2")) && !pq_push_match(&p[3], json(&t, "3")));
  bench_close(&t);
}

static void test_filter_errors(void) {
  char deep[4096] = "";
  CHECK(fails("{\"age\": {\"$gtt\": 1}}", PQ_EFILTER,
              "unknown operator '$gtt' at path 'age': did you mean '$gt"));
  CHECK(fails("{\"title\": {\"$near\": \"x\"}}", PQ_EUNSUPPORTED,
              "operator '$near' at path 'title' is not supported: there are no geo"));
  CHECK(fails("{\"$where\": \"1\"}", PQ_EUNSUPPORTED, "JavaScript is not run"));
  CHECK(fails("{\"$text\": {\"$search\": \"a\"}}", PQ_EUNSUPPORTED, "there are no text indexes"));
  CHECK(fails("{\"a\": {\"$rand\": {}}}", PQ_EUNSUPPORTED, "it is an expression"));
  CHECK(fails("{\"a\": {\"$expr\": 1}}", PQ_EFILTER, "'$expr' stands at the top"));
  CHECK(fails("{\"a\": {\"$elemMatch\": {\"b\": 1, \"$expr\": true}}}", PQ_EFILTER, "inside"));
  CHECK(fails("{\"$expr\": {\"$addd\": 1}}", PQ_EINVALID, "$addd"));
  CHECK(fails("{\"$expr\": \"$$nosuch\"}", PQ_EINVALID, "nosuch"));
  CHECK(fails("{\"$sampleRate\": 2}", PQ_EFILTER, "from 0 to 1"));
  CHECK(fails("{\"$alwaysTrue\": 2}", PQ_EFILTER, "the number 1"));
  CHECK(
      fails("{\"a\": {\"$gt\": {\"$regularExpression\": {\"pattern\": \"a\", \"options\": \"\"}}}}",
            PQ_EFILTER, "operator '$gt' at path 'a' cannot take a regular expression"));
  CHECK(fails("{\"a\": {\"$bitsAllSet\": -1}}", PQ_EFILTER, "negative mask"));
  CHECK(fails("{\"a\": {\"$bitsAnySet\": 1.5}}", PQ_EFILTER, "operator '$bitsAnySet' at path 'a'"));
  CHECK(fails("{\"a\": {\"$bitsAllClear\": [-1]}}", PQ_EFILTER, "positions of bits"));
  CHECK(fails("{\"a\": {\"$bitsAnyClear\": [\"1\"]}}", PQ_EFILTER, "positions of bits"));
  CHECK(fails("{\"$orr\": []}", PQ_EFILTER, "did you mean '$or'"));
  CHECK(fails("{\"$or\": []}", PQ_EFILTER, "at least one"));
  CHECK(fails("{\"$and\": [1]}", PQ_EFILTER, "no filter"));
  CHECK(fails("{\"$gt\": 1}", PQ_EFILTER, "needs a path"));
  CHECK(fails("{\"a\": {\"$or\": [{}]}}", PQ_EFILTER, "stands at the top of a filter, not at 'a'"));
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

static void test_filter_bits(void) {
  CHECK(is_match("{\"v\": {\"$bitsAllSet\": [0, 2]}}", "{\"v\": 5}"));
  CHECK(is_match("{\"v\": {\"$bitsAllSet\": 5}}", "{\"v\": 7.0}"));
  CHECK(is_match("{\"v\": {\"$bitsAllSet\": 5}}", "{\"v\": {\"$numberDecimal\": \"5.0\"}}"));
  CHECK(!is_match("{\"v\": {\"$bitsAllSet\": 5}}", "{\"v\": 5.5}"));
  CHECK(!is_match("{\"v\": {\"$bitsAllClear\": 5}}", "{\"v\": \"x\"}"));
  CHECK(is_match("{\"v\": {\"$bitsAnySet\": 6}}", "{\"v\": [1, 2]}"));
  CHECK(!is_match("{\"v\": {\"$bitsAnySet\": 6}}", "{\"v\": 9}"));
  CHECK(is_match("{\"v\": {\"$bitsAllClear\": 6}}", "{\"v\": 9}"));
  CHECK(is_match("{\"v\": {\"$bitsAnyClear\": 6}}", "{\"v\": 2}"));
  CHECK(!is_match("{\"v\": {\"$bitsAnyClear\": 6}}", "{\"v\": 7}"));
  /* two's complement goes on for ever */
  CHECK(is_match("{\"v\": {\"$bitsAllSet\": [0, 63, 200, 2147483647]}}", "{\"v\": -1}"));
  CHECK(is_match("{\"v\": {\"$bitsAllClear\": [63, 200]}}", "{\"v\": 1}"));
  CHECK(is_match("{\"v\": {\"$bitsAllSet\": []}}", "{\"v\": 1}"));
  CHECK(!is_match("{\"v\": {\"$bitsAnySet\": []}}", "{\"v\": 1}"));
  /* binary data: the lowest bit of the first byte is bit 0 */
  CHECK(is_match(
      "{\"v\": {\"$bitsAllSet\": {\"$binary\": {\"base64\": \"AAE=\", \"subType\": \"00\"}}}}",
      "{\"v\": 256}"));
  CHECK(is_match("{\"v\": {\"$bitsAllSet\": [8]}}",
                 "{\"v\": {\"$binary\": {\"base64\": \"AAE=\", \"subType\": \"05\"}}}"));
  CHECK(is_match("{\"v\": {\"$bitsAllClear\": [9, 99]}}",
                 "{\"v\": {\"$binary\": {\"base64\": \"AAE=\", \"subType\": \"00\"}}}"));
}

static void test_filter_types(void) {
  CHECK(is_match("{\"v\": {\"$type\": \"number\"}}", "{\"v\": [1.5]}"));
  CHECK(is_match("{\"v\": {\"$type\": [\"string\", 16]}}", "{\"v\": 1}"));
  CHECK(!is_match("{\"v\": {\"$type\": [\"string\", 18]}}", "{\"v\": 1}"));
  CHECK(is_match("{\"v\": {\"$type\": -1}}", "{\"v\": {\"$minKey\": 1}}"));
  CHECK(is_match("{\"v\": {\"$type\": \"undefined\"}}", "{\"v\": {\"$undefined\": true}}"));
  CHECK(!is_match("{\"v\": {\"$type\": \"null\"}}", "{\"v\": {\"$undefined\": true}}"));
  CHECK(is_match("{\"v\": {\"$type\": \"symbol\"}}", "{\"v\": {\"$symbol\": \"a\"}}"));
  CHECK(is_match("{\"v\": {\"$type\": \"javascript\"}}", "{\"v\": {\"$code\": \"a\"}}"));
  CHECK(!is_match("{\"v\": {\"$type\": \"object\"}}",
                  "{\"v\": {\"$oid\": \"0123456789abcdef01234567\"}}"));
  CHECK(fails("{\"v\": {\"$type\": 42}}", PQ_EFILTER, "unknown type 42"));
  CHECK(fails("{\"v\": {\"$type\": []}}", PQ_EFILTER, "at least one type"));
  CHECK(fails("{\"v\": {\"$type\": true}}", PQ_EFILTER, "names or numbers"));
}

static void test_filter_expr(void) {
  const char *prisma =
      "{\"$expr\": {\"$and\": [{\"$eq\": [\"$a\", 1]}, {\"$or\": [{\"$eq\": [\"$b\", \"x\"]}, "
      "{\"$eq\": [\"$b\", \"y\"]}]}, {\"$not\": [{\"$lte\": [\"$c\", 5]}]}]}}";
  CHECK(is_match(prisma, "{\"a\": 1, \"b\": \"y\", \"c\": 6}"));
  CHECK(is_match(prisma, "{\"a\": 1, \"b\": \"y\", \"c\": \"text\"}"));
  CHECK(!is_match(prisma, "{\"a\": 1, \"b\": \"y\"}"));
  CHECK(!is_match(prisma, "{\"a\": 1, \"b\": \"z\", \"c\": 6}"));
  CHECK(!is_match(prisma, "{\"a\": [1], \"b\": \"y\", \"c\": 6}"));
  CHECK(is_match("{\"$expr\": {\"$gt\": [\"$v\", 1]}}", "{\"v\": \"5\"}"));
  CHECK(!is_match("{\"$expr\": {\"$eq\": [\"$zz\", null]}}", "{}"));
  CHECK(is_match("{\"$expr\": {\"$lt\": [\"$a.b\", \"$c\"]}}", "{\"a\": {\"b\": 1}, \"c\": 2}"));
  CHECK(!is_match("{\"$expr\": {\"$or\": []}}", "{}"));
  CHECK(is_match("{\"$expr\": {\"$and\": []}}", "{}"));
  CHECK(is_match("{\"$expr\": \"$a\"}", "{\"a\": 3}"));
  CHECK(!is_match("{\"$expr\": \"$a\"}", "{\"a\": 0}"));
  CHECK(is_match("{\"$or\": [{\"a\": 1}, {\"$expr\": {\"$eq\": [\"$a\", \"$b\"]}}]}",
                 "{\"a\": 2, \"b\": 2}"));
}

/* System fields stand under those of the document. */
static void test_filter_expr_system(void) {
  const char *system = "{\"$id\": \"posts/1\", \"name\": \"system\", \"version\": 3}";
  bench t;
  bench_open(&t);
  CHECK(is_match_in(&t, "{\"$expr\": {\"$eq\": [\"$name\", \"system\"]}}", "{\"a\": 1}", system));
  CHECK(is_match_in(&t, "{\"$expr\": {\"$eq\": [\"$name\", \"x\"]}}", "{\"name\": \"x\"}", system));
  CHECK(is_match_in(&t, "{\"$expr\": {\"$gt\": [\"$version\", \"$a\"]}}", "{\"a\": 1}", system));
  CHECK(is_match_in(&t, "{\"$expr\": {\"$eq\": [\"$$ROOT.$id\", \"posts/1\"]}}", "{}", system));
  bench_close(&t);
}

static void test_filter_expr_failure(void) {
  bench t;
  pq_filter *f;
  pq_eval eval;
  bench_open(&t);
  eval = (pq_eval){.cx = &t.cx, .arena = &t.arena, .builder = t.b};
  CHECK(pq_filter_parse(&t.arena, NULL, json(&t, "{\"$expr\": {\"$divide\": [1, \"$a\"]}}"), &f) ==
        PQ_OK);
  CHECK(pq_filter_needs_eval(f) && !pq_filter_uses_system(f));
  CHECK(pq_filter_match(f, &eval, json(&t, "{\"a\": 2}"), (pq_value){0}));
  CHECK(pq_filter_status(f) == PQ_OK);
  CHECK(!pq_filter_match(f, &eval, json(&t, "{\"a\": 0}"), (pq_value){0}));
  CHECK(pq_filter_status(f) == PQ_EINVALID && strstr(t.cx.msg, "$divide") != NULL);
  CHECK(!pq_filter_match(f, &eval, json(&t, "{\"a\": 2}"), (pq_value){0}));
  CHECK(pq_filter_status(f) == PQ_EINVALID);
  bench_close(&t);
}

static void test_filter_variables(void) {
  bench t;
  pq_filter *f;
  pq_env env = {.variables = {PQ_SLICE("limit")}, .variable_count = 1};
  pq_eval eval;
  bench_open(&t);
  eval = (pq_eval){.cx = &t.cx, .arena = &t.arena, .builder = t.b};
  CHECK(pq_filter_parse(&t.arena, &env, json(&t, "{\"$expr\": {\"$gt\": [\"$a\", \"$$limit\"]}}"),
                        &f) == PQ_OK);
  eval.variables[0] = json(&t, "5");
  CHECK(pq_filter_match(f, &eval, json(&t, "{\"a\": 6}"), (pq_value){0}));
  CHECK(!pq_filter_match(f, &eval, json(&t, "{\"a\": 5}"), (pq_value){0}));
  bench_close(&t);
}

static void test_filter_sample(void) {
  bench t;
  pq_filter *f;
  pq_eval eval;
  int hits = 0;
  bench_open(&t);
  eval = (pq_eval){.cx = &t.cx, .arena = &t.arena, .builder = t.b, .random = 42};
  CHECK(pq_filter_parse(&t.arena, NULL, json(&t, "{\"$sampleRate\": 0.25}"), &f) == PQ_OK);
  for (int i = 0; i < 4000; i++)
    hits += pq_filter_match(f, &eval, json(&t, "{}"), (pq_value){0});
  CHECK(hits > 900 && hits < 1100);
  bench_close(&t);
  CHECK(!is_match("{\"$sampleRate\": 0}", "{}") && is_match("{\"$sampleRate\": 1}", "{}"));
  CHECK(!is_match("{\"$alwaysFalse\": 1}", "{}") && is_match("{\"$alwaysTrue\": 1}", "{}"));
}

static int64_t position(const char *filter, const char *doc) {
  bench t;
  pq_filter *f;
  int64_t out = -2;
  bench_open(&t);
  CHECK(pq_filter_parse(&t.arena, NULL, json(&t, filter), &f) == PQ_OK);
  if (f != NULL) out = pq_filter_position(f, NULL, json(&t, doc), (pq_value){0});
  bench_close(&t);
  return out;
}

static void test_filter_position(void) {
  CHECK(position("{\"a\": 5}", "{\"a\": [1, 5, 5]}") == 1);
  CHECK(position("{\"a\": 5}", "{\"a\": 5}") == -1);
  CHECK(position("{\"a.b\": 5}", "{\"a\": [{\"b\": 1}, {\"b\": [7, 5]}]}") == 1);
  CHECK(position("{\"a.1.b\": 5}", "{\"a\": [0, {\"b\": [5]}]}") == 1);
  CHECK(position("{\"a\": {\"$elemMatch\": {\"x\": [1], \"y\": 2}}}",
                 "{\"a\": [{\"x\": [1]}, {\"x\": [0, [1]], \"y\": 2}]}") == 1);
  CHECK(position("{\"x\": 1, \"a\": {\"$elemMatch\": {\"$gt\": 3}}}",
                 "{\"x\": 1, \"a\": [1, 9]}") == 1);
  CHECK(position("{\"a\": [1, 2]}", "{\"a\": [1, 2]}") == -1);
  CHECK(position("{\"a\": {\"$ne\": 5}}", "{\"a\": [1, 2]}") == -1);
  CHECK(position("{\"a\": {\"$not\": {\"$gt\": 5}}}", "{\"a\": [1, 2]}") == -1);
  CHECK(position("{\"$or\": [{\"a\": 1, \"b\": 9}, {\"b\": 3}]}",
                 "{\"a\": [0, 0, 1], \"b\": [2, 3]}") == -1);
  CHECK(position("{\"a\": 1, \"$or\": [{\"b\": 3}, {\"c\": 1}]}",
                 "{\"a\": [0, 0, 1], \"b\": [2, 3]}") == 2);
  CHECK(position("{\"$or\": [{\"b\": 3}]}", "{\"b\": [2, 3]}") == 1);
  CHECK(position("{\"$or\": [{\"b\": 3}, {\"b\": {\"$in\": [2, 7]}}]}", "{\"b\": [1, 2, 3]}") == 1);
  CHECK(position("{\"$or\": [{\"b\": 3}, {\"b\": {\"$gt\": 1}}]}", "{\"b\": [1, 2, 3]}") == -1);
  CHECK(position("{\"a\": {\"$all\": [6, 5]}}", "{\"a\": [4, 5, 6]}") == 2);
  CHECK(position("{\"a\": 5}", "{\"a\": [1]}") == -1);
}

static void test_filter_equalities(void) {
  bench t;
  pq_filter *f;
  const pq_equality *e;
  uint32_t count;
  bench_open(&t);
  CHECK(
      pq_filter_parse(&t.arena, NULL,
                      json(&t,
                           "{\"a\": 1, \"b.c\": {\"$eq\": 2}, \"$and\": [{\"d\": {\"$in\": [3]}}, "
                           "{\"e\": {\"$all\": [4]}}], \"$or\": [{\"f\": 5}], \"g\": {\"$gt\": 6}, "
                           "\"h\": {\"$ne\": 7}, \"$nor\": [{\"i\": 8}], \"j\": {\"$in\": [1, 2]}, "
                           "\"k\": {\"$not\": {\"$eq\": 1}}, \"$expr\": {\"$eq\": [\"$l\", 1]}}"),
                      &f) == PQ_OK);
  CHECK(pq_filter_equalities(f, &t.arena, &e, &count) == PQ_OK);
  CHECK(count == 5);
  for (uint32_t i = 0; i < count && i < 5; i++) {
    static const char *const paths[] = {"a", "b.c", "d", "e", "f"};
    int64_t v;
    CHECK(pq_slice_is(e[i].path->text, paths[i]));
    CHECK(pq_value_i64(e[i].value, &v) && v == i + 1);
  }
  bench_close(&t);
}

static bool is_match_folded(const char *filter, const char *doc) {
  bench t;
  pq_filter *f;
  pq_env env = {.collation = {.is_folded = true}};
  bool out;
  bench_open(&t);
  CHECK(pq_filter_parse(&t.arena, &env, json(&t, filter), &f) == PQ_OK);
  out = match(&t, f, json(&t, doc), (pq_value){0});
  bench_close(&t);
  return out;
}

static void test_filter_collation(void) {
  CHECK(is_match_folded("{\"v\": \"abc\"}", "{\"v\": \"aBC\"}"));
  CHECK(is_match_folded("{\"v\": \"\u00e4\"}", "{\"v\": [\"\u00c4\"]}"));
  CHECK(!is_match_folded("{\"v\": \"\u00e4\"}", "{\"v\": \"a\"}"));
  CHECK(!is_match_folded("{\"v\": {\"$ne\": \"A\"}}", "{\"v\": \"a\"}"));
  CHECK(is_match_folded("{\"v\": {\"$in\": [\"B\", \"a\", 1]}}", "{\"v\": \"A\"}"));
  CHECK(!is_match_folded("{\"v\": {\"$nin\": [\"B\", \"a\", 1]}}", "{\"v\": \"b\"}"));
  CHECK(is_match_folded("{\"v\": {\"$gt\": \"B\"}}", "{\"v\": \"c\"}"));
  CHECK(!is_match_folded("{\"v\": {\"$gt\": \"b\"}}", "{\"v\": \"B\"}"));
  CHECK(is_match_folded("{\"v\": {\"$gte\": \"b\"}}", "{\"v\": \"B\"}"));
  CHECK(is_match_folded("{\"v\": {\"x\": [\"A\"]}}", "{\"v\": {\"x\": [\"a\"]}}"));
  CHECK(!is_match_folded("{\"v\": {\"x\": 1}}", "{\"v\": {\"X\": 1}}"));
  CHECK(is_match_folded("{\"v\": {\"$elemMatch\": {\"$eq\": \"A\"}}}", "{\"v\": [\"a\"]}"));
  CHECK(is_match_folded("{\"v\": {\"$all\": [\"A\", \"B\"]}}", "{\"v\": [\"a\", \"b\"]}"));
  CHECK(!is_match_folded("{\"v\": {\"$regex\": \"A\"}}", "{\"v\": \"a\"}"));
}

/* A sort takes the collation of the environment too. */
static void test_filter_sort_collation(void) {
  static const char *const docs[] = {"{\"v\": \"b\"}", "{\"v\": [\"C\", \"A\"]}", "{\"v\": \"B\"}"};
  pq_env env = {.collation = {.is_folded = true}};
  pq_sort sort;
  pq_value keys[3];
  bool empty[3];
  bench t;
  bench_open(&t);
  CHECK(pq_sort_parse(&t.arena, &env, json(&t, "{\"v\": 1}"), &sort) == PQ_OK);
  for (int i = 0; i < 3; i++)
    keys[i] = pq_sort_key(&sort, 0, json(&t, docs[i]), (pq_value){0}, &empty[i]);
  CHECK(pq_sort_compare(&sort, &keys[0], &empty[0], &keys[2], &empty[2]) == 0);
  CHECK(pq_sort_compare(&sort, &keys[1], &empty[1], &keys[0], &empty[0]) < 0);
  CHECK(pq_sort_parse(&t.arena, NULL, json(&t, "{\"v\": 1}"), &sort) == PQ_OK);
  CHECK(pq_sort_compare(&sort, &keys[0], &empty[0], &keys[2], &empty[2]) > 0);
  bench_close(&t);
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
      "{\"$expr\": {\"$or\": [{\"$eq\": [\"$x\", 1]}, {\"$eq\": [\"$x\", 2]}]}, "
      "\"$jsonSchema\": {\"properties\": {\"a\": {\"enum\": [2, 1]}}, \"required\": [\"b\", "
      "\"a\"]}, "
      "\"a\": {\"$in\": [3, 1, 2]}, \"c\": {\"$bitsAllSet\": 3}, \"$or\": [{\"b\": "
      "{\"$elemMatch\": {\"c\": 1}}}, {\"d\": 1}]}";
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
  RUN(test_filter_expr_pushdown);
  RUN(test_filter_errors);
  RUN(test_filter_bits);
  RUN(test_filter_types);
  RUN(test_filter_expr);
  RUN(test_filter_expr_system);
  RUN(test_filter_expr_failure);
  RUN(test_filter_variables);
  RUN(test_filter_sample);
  RUN(test_filter_position);
  RUN(test_filter_equalities);
  RUN(test_filter_collation);
  RUN(test_filter_sort_collation);
  RUN(test_filter_limits);
  RUN(test_filter_out_of_memory);
  return unit_end();
}
