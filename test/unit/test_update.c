/* test/unit/test_update.c - updates: the document after, whether it changed, what is refused. */
#include "expr/update.h"
#include "unit.h"
#include "value/json.h"

/* Apply `update` to `doc`; compare the canonical result with that of `want`, or, when `want` is
 * NULL, expect `code` and a message with `part`. */
typedef struct expectation {
  const char *doc, *update, *want;
  int code;
  const char *part;
  bool is_unchanged;
} expectation;

static int run(const expectation *e, pq_arena *arena, pq_builder *b, pq_value *out, bool *changed) {
  pq_value doc, spec;
  pq_update *u;
  PQ_TRY(pq_json_value(b, pq_str(e->doc), arena, &doc));
  PQ_TRY(pq_json_value(b, pq_str(e->update), arena, &spec));
  PQ_TRY(pq_update_parse(arena, NULL, spec, (pq_value){0}, &u));
  return pq_update_apply(u, &(pq_eval){.cx = (arena)->cx, .arena = arena, .builder = b}, arena, doc,
                         (pq_update_at){.position = -1}, out, changed);
}

static bool check(const expectation *e) {
  pq_cx cx;
  pq_arena arena;
  pq_builder *b;
  pq_value out = {0}, want = {0};
  pq_buf text, want_text;
  bool is_changed = false, is_good;
  int rc;
  unit_cx_init(&cx);
  pq_arena_init(&arena, &cx, 1 << 24);
  CHECK(pq_builder_new(&cx, &b) == PQ_OK);
  pq_buf_init(&text, &cx, 1 << 20);
  pq_buf_init(&want_text, &cx, 1 << 20);
  rc = run(e, &arena, b, &out, &is_changed);
  if (e->want == NULL) {
    is_good = rc == e->code && strstr(cx.msg, e->part) != NULL && pq_value_is_missing(out);
  } else {
    CHECK(pq_json_value(b, pq_str(e->want), &arena, &want) == PQ_OK);
    CHECK(pq_json_print(&text, out, PQ_JSON_CANONICAL) == PQ_OK);
    CHECK(pq_json_print(&want_text, want, PQ_JSON_CANONICAL) == PQ_OK);
    is_good = rc == PQ_OK && is_changed == !e->is_unchanged &&
              pq_slice_eq(pq_buf_slice(&text), pq_buf_slice(&want_text));
  }
  if (!is_good)
    fprintf(stderr, "%s on %s: %d %s %.*s\n", e->update, e->doc, rc, rc == PQ_OK ? "" : cx.msg,
            (int)text.len, text.p == NULL ? "" : (const char *)text.p);
  pq_buf_release(&text);
  pq_buf_release(&want_text);
  pq_builder_free(b);
  pq_arena_release(&arena);
  CHECK(unit_live_len == 0);
  return is_good;
}

static bool gives(const char *doc, const char *update, const char *want) {
  return check(&(expectation){.doc = doc, .update = update, .want = want});
}
static bool keeps(const char *doc, const char *update) {
  return check(&(expectation){.doc = doc, .update = update, .want = doc, .is_unchanged = true});
}
static bool fails(const char *doc, const char *update, int code, const char *part) {
  return check(&(expectation){.doc = doc, .update = update, .code = code, .part = part});
}

static void test_update_set(void) {
  CHECK(gives("{\"a\":1}", "{\"$set\":{\"a\":2}}", "{\"a\":2}"));
  CHECK(gives("{\"z\":1}", "{\"$set\":{\"b\":1,\"a\":2,\"10\":3,\"9\":4}}",
              "{\"z\":1,\"9\":4,\"10\":3,\"a\":2,\"b\":1}"));
  CHECK(gives("{\"a\":{\"x\":1},\"c\":2}", "{\"$set\":{\"a.y\":5,\"b\":0},\"$inc\":{\"a.x\":1}}",
              "{\"a\":{\"x\":2,\"y\":5},\"c\":2,\"b\":0}"));
  CHECK(gives("{}", "{\"$set\":{\"a.0\":1}}", "{\"a\":{\"0\":1}}"));
  CHECK(gives("{\"a\":[1]}", "{\"$set\":{\"a.3\":9}}", "{\"a\":[1,null,null,9]}"));
  CHECK(gives("{\"a\":[1,2]}", "{\"$set\":{\"a.2\":3,\"a.10\":5,\"a.0\":0}}",
              "{\"a\":[0,2,3,null,null,null,null,null,null,null,5]}"));
  CHECK(gives("{\"a\":[{\"x\":1}]}", "{\"$set\":{\"a.0.y\":2}}", "{\"a\":[{\"x\":1,\"y\":2}]}"));
  CHECK(gives("{\"a\":1}", "{\"$set\":{\"a\":1.0}}", "{\"a\":1.0}"));
  CHECK(gives("{\"a\":{\"x\":1,\"y\":2}}", "{\"$set\":{\"a\":{\"y\":2,\"x\":1}}}",
              "{\"a\":{\"y\":2,\"x\":1}}"));
  CHECK(gives("{\"a\":{\"x\":1,\"y\":2}}", "{\"$set\":{\"a\":{\"x\":1,\"z\":2}}}",
              "{\"a\":{\"x\":1,\"z\":2}}"));
  CHECK(keeps("{\"a\":{\"x\":[1,{\"y\":null}]}}", "{\"$set\":{\"a\":{\"x\":[1,{\"y\":null}]}}}"));
  CHECK(keeps("{\"a\":1}", "{\"$set\":{}}"));
  CHECK(gives("{}", "{\"$set\":{\"b\":1},\"$setOnInsert\":{\"a\":1}}", "{\"b\":1}"));
}

static void test_update_unset(void) {
  CHECK(gives("{\"a\":1,\"b\":2}", "{\"$unset\":{\"a\":\"\"}}", "{\"b\":2}"));
  CHECK(gives("{\"a\":{\"b\":1}}", "{\"$unset\":{\"a.b\":\"\"}}", "{\"a\":{}}"));
  CHECK(gives("{\"a\":[1,2,3]}", "{\"$unset\":{\"a.1\":\"\"}}", "{\"a\":[1,null,3]}"));
  CHECK(keeps("{\"a\":[1]}", "{\"$unset\":{\"a.5\":\"\",\"b.c\":\"\"}}"));
  CHECK(keeps("{\"a\":5}", "{\"$unset\":{\"a.b\":\"\"}}"));
}

static void test_update_numbers(void) {
  CHECK(gives("{\"v\":2147483647}", "{\"$inc\":{\"v\":1}}", "{\"v\":2147483648}"));
  CHECK(fails("{\"v\":9223372036854775807}", "{\"$inc\":{\"v\":1}}", PQ_EUPDATE, "overflows"));
  CHECK(gives("{\"v\":1}", "{\"$inc\":{\"v\":0.5}}", "{\"v\":1.5}"));
  CHECK(gives("{\"v\":{\"$numberLong\":\"1\"}}", "{\"$inc\":{\"v\":1}}",
              "{\"v\":{\"$numberLong\":\"2\"}}"));
  CHECK(gives("{}", "{\"$inc\":{\"a.b\":2}}", "{\"a\":{\"b\":2}}"));
  CHECK(keeps("{\"v\":1}", "{\"$inc\":{\"v\":0}}"));
  CHECK(fails("{\"v\":null}", "{\"$inc\":{\"v\":1}}", PQ_EUPDATE, "'v' needs a number"));
  CHECK(fails("{}", "{\"$inc\":{\"v\":\"1\"}}", PQ_EUPDATE, "needs a number, not string"));
  CHECK(
      gives("{}", "{\"$mul\":{\"v\":{\"$numberLong\":\"3\"}}}", "{\"v\":{\"$numberLong\":\"0\"}}"));
  CHECK(gives("{\"v\":3}", "{\"$mul\":{\"v\":-2}}", "{\"v\":-6}"));
  CHECK(gives("{\"v\":{\"$numberDecimal\":\"0.1\"}}",
              "{\"$inc\":{\"v\":{\"$numberDecimal\":\"0.2\"}}}",
              "{\"v\":{\"$numberDecimal\":\"0.3\"}}"));
  CHECK(gives("{\"v\":5}", "{\"$inc\":{\"v\":{\"$numberDecimal\":\"-7.25\"}}}",
              "{\"v\":{\"$numberDecimal\":\"-2.25\"}}"));
  CHECK(gives("{\"v\":{\"$numberDecimal\":\"1.5\"}}",
              "{\"$mul\":{\"v\":{\"$numberDecimal\":\"123456789012345678.5\"}}}",
              "{\"v\":{\"$numberDecimal\":\"185185183518518517.75\"}}"));
  CHECK(fails("{\"v\":{\"$numberDecimal\":\"1.5\"}}", "{\"$inc\":{\"v\":0.5}}", PQ_EUNSUPPORTED,
              "decimals"));
  CHECK(gives("{\"v\":5}", "{\"$min\":{\"v\":null}}", "{\"v\":null}"));
  CHECK(keeps("{\"v\":5}", "{\"$max\":{\"v\":4.5}}"));
  CHECK(gives("{}", "{\"$max\":{\"v\":1}}", "{\"v\":1}"));
}

static void test_update_arrays_and_names(void) {
  CHECK(gives("{\"a\":[1]}", "{\"$push\":{\"a\":[2]}}", "{\"a\":[1,[2]]}"));
  CHECK(gives("{}", "{\"$push\":{\"a.b\":{\"$each\":[1,2]}}}", "{\"a\":{\"b\":[1,2]}}"));
  CHECK(fails("{\"a\":1}", "{\"$push\":{\"a\":2}}", PQ_EUPDATE, "needs an array"));
  CHECK(gives("{\"a\":[5,1]}",
              "{\"$push\":{\"a\":{\"$each\":[3,4],\"$position\":1,\"$sort\":1,\"$slice\":-2}}}",
              "{\"a\":[4,5]}"));
  CHECK(gives("{\"a\":[1,2]}", "{\"$push\":{\"a\":{\"$each\":[3],\"$position\":-1}}}",
              "{\"a\":[1,3,2]}"));
  CHECK(gives("{\"a\":[1,2]}", "{\"$push\":{\"a\":{\"$each\":[3],\"$slice\":0}}}", "{\"a\":[]}"));
  CHECK(gives("{\"a\":[{\"x\":2},5,{\"x\":1}]}",
              "{\"$push\":{\"a\":{\"$each\":[],\"$sort\":{\"x\":1}}}}",
              "{\"a\":[5,{\"x\":1},{\"x\":2}]}"));
  CHECK(keeps("{\"a\":[1,2]}", "{\"$push\":{\"a\":{\"$each\":[],\"$sort\":1}}}"));
  CHECK(keeps("{}", "{\"$push\":{\"a\":{\"$each\":[]}}}"));
  CHECK(gives("{\"a\":[1,{\"x\":1}]}",
              "{\"$addToSet\":{\"a\":{\"$each\":[1.0,2,2,{\"x\":1.0},{\"x\":2}]}}}",
              "{\"a\":[1,{\"x\":1},2,{\"x\":2}]}"));
  CHECK(gives("{\"a\":[1,5,[7],\"x\"]}", "{\"$pull\":{\"a\":{\"$gte\":5}}}", "{\"a\":[1,\"x\"]}"));
  CHECK(gives("{\"a\":[{\"x\":1,\"y\":1},{\"x\":2},1]}", "{\"$pull\":{\"a\":{\"x\":1}}}",
              "{\"a\":[{\"x\":2},1]}"));
  CHECK(gives("{\"a\":[1,\"b\",1.0]}", "{\"$pull\":{\"a\":1}}", "{\"a\":[\"b\"]}"));
  CHECK(gives("{\"a\":[1,{\"x\":1},3]}", "{\"$pullAll\":{\"a\":[3,{\"x\":1}]}}", "{\"a\":[1]}"));
  CHECK(keeps("{\"b\":1}", "{\"$pull\":{\"a\":1},\"$pop\":{\"c\":1},\"$pullAll\":{\"d\":[1]}}"));
  CHECK(gives("{\"a\":[1,2,3]}", "{\"$pop\":{\"a\":-1}}", "{\"a\":[2,3]}"));
  CHECK(gives("{\"a\":[1,2,3]}", "{\"$pop\":{\"a\":1}}", "{\"a\":[1,2]}"));
  CHECK(fails("{\"a\":null}", "{\"$pull\":{\"a\":1}}", PQ_EUPDATE, "needs an array, not null"));
  CHECK(fails("{}", "{\"$pop\":{\"a\":2}}", PQ_EUPDATE, "$pop"));
  CHECK(gives("{\"n\":13}", "{\"$bit\":{\"n\":{\"and\":0,\"or\":10}}}", "{\"n\":10}"));
  CHECK(fails("{\"n\":1.5}", "{\"$bit\":{\"n\":{\"and\":1}}}", PQ_EUPDATE, "an integer there"));
  CHECK(gives("{}", "{\"$currentDate\":{\"a\":true}}",
              "{\"a\":{\"$date\":\"1970-01-01T00:00:00Z\"}}"));
  CHECK(gives("{\"a\":1,\"b\":2}", "{\"$rename\":{\"a\":\"c\"}}", "{\"b\":2,\"c\":1}"));
  CHECK(gives("{\"a\":1,\"b\":{}}", "{\"$rename\":{\"a\":\"b.c\"}}", "{\"b\":{\"c\":1}}"));
  CHECK(keeps("{\"b\":2}", "{\"$rename\":{\"a\":\"x.y\"}}"));
  CHECK(fails("{\"a\":[1]}", "{\"$rename\":{\"a.0\":\"b\"}}", PQ_EUPDATE, "$rename"));
  CHECK(fails("{\"a\":[1],\"b\":1}", "{\"$rename\":{\"b\":\"a.0\"}}", PQ_EUPDATE, "$rename"));
  CHECK(fails("{}", "{\"$rename\":{\"a\":\"a\"}}", PQ_EUPDATE, "conflicts"));
}

static void test_update_replacement(void) {
  CHECK(gives("{\"_id\":1,\"a\":1}", "{\"b\":2}", "{\"_id\":1,\"b\":2}"));
  CHECK(gives("{\"_id\":1,\"a\":1}", "{\"b\":2,\"_id\":1.0}", "{\"_id\":1,\"b\":2}"));
  CHECK(keeps("{\"_id\":1,\"a\":1}", "{\"a\":1}"));
  CHECK(gives("{\"a\":1}", "{}", "{}"));
  CHECK(fails("{\"_id\":1}", "{\"_id\":2}", PQ_EUPDATE, "_id"));
  CHECK(keeps("{\"_id\":1,\"a\":1}", "{\"$set\":{\"_id\":1.0}}"));
  CHECK(fails("{\"_id\":1}", "{\"$set\":{\"_id\":2}}", PQ_EUPDATE, "_id"));
  CHECK(fails("{\"_id\":1}", "{\"$unset\":{\"_id\":1}}", PQ_EUPDATE, "_id"));
}

static void test_update_errors(void) {
  CHECK(fails("{\"a\":5}", "{\"$set\":{\"a.b\":1}}", PQ_EUPDATE, "path 'a.b' leads through"));
  CHECK(fails("{\"a\":[5]}", "{\"$set\":{\"a.x\":1}}", PQ_EUPDATE, "'x' of an array"));
  CHECK(fails("{}", "{\"$set\":{\"a\":1},\"$inc\":{\"a.b\":1}}", PQ_EUPDATE,
              "'a.b' conflicts with 'a'"));
  CHECK(fails("{}", "{\"$set\":{\"a\":1},\"$inc\":{\"a\":1}}", PQ_EUPDATE, "conflicts"));
  CHECK(fails("{}", "{\"$sett\":{\"a\":1}}", PQ_EUPDATE,
              "unknown operator '$sett' at path 'a': did you mean '$set'?"));
  CHECK(fails("{}", "{\"$link\":{\"a\":1}}", PQ_EUNSUPPORTED,
              "operator '$link' at path 'a' is not supported yet"));
  CHECK(fails("{\"a\":[1]}", "{\"$unset\":{\"a.x\":\"\"}}", PQ_EUPDATE, "'x' of an array"));
  CHECK(fails("{}", "{\"$set\":{\"a\":1},\"b\":1}", PQ_EUPDATE, "field 'b'"));
  CHECK(fails("{}", "{\"b\":1,\"$set\":{\"a\":1}}", PQ_EUPDATE, "'$set' stands among"));
  CHECK(fails("{}", "{\"$set\":{\"$id\":1}}", PQ_EUPDATE, "system field '$id'"));
  CHECK(fails("{}", "{\"$type\":\"x\"}", PQ_EUPDATE, "system field '$type'"));
  CHECK(fails("{}", "{\"$set\":{\"a.$[].b\":1}}", PQ_EUNSUPPORTED, "positional"));
  CHECK(fails("{}", "{\"$set\":{\"a.$x\":1}}", PQ_EUPDATE, "begins with '$'"));
  CHECK(fails("{}", "{\"$set\":{\"a..b\":1}}", PQ_EUPDATE, "no valid path"));
  CHECK(fails("{}", "{\"$set\":1}", PQ_EUPDATE, "needs an object"));
  CHECK(fails("{}", "[]", PQ_EUNSUPPORTED, "pipeline"));
  CHECK(fails("{}", "5", PQ_EUPDATE, "must be an object"));
  CHECK(fails("{\"a\":[]}", "{\"$set\":{\"a.4000000000\":1}}", PQ_ELIMIT, "pad"));
}

static void test_update_out_of_memory(void) {
  const expectation e = {
      .doc = "{\"a\":{\"x\":1},\"b\":[1,2],\"old\":3}",
      .update = "{\"$set\":{\"a.y\":[1,2],\"b.4\":1},\"$rename\":{\"old\":\"new\"}}"};
  int rc = PQ_OK;
  for (long n = 1; n > 0; n = unit_oom_next(n, rc)) {
    pq_cx cx;
    pq_arena arena = {0};
    pq_builder *b = NULL;
    pq_value out;
    bool is_changed;
    unit_cx_init(&cx);
    unit_fail_at = n;
    pq_arena_init(&arena, &cx, 1 << 20);
    rc = pq_builder_new(&cx, &b);
    if (rc == PQ_OK) rc = run(&e, &arena, b, &out, &is_changed);
    pq_builder_free(b);
    pq_arena_release(&arena);
  }
}

int main(void) {
  RUN(test_update_set);
  RUN(test_update_unset);
  RUN(test_update_numbers);
  RUN(test_update_arrays_and_names);
  RUN(test_update_replacement);
  RUN(test_update_errors);
  RUN(test_update_out_of_memory);
  return unit_end();
}
