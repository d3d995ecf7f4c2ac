/* test/unit/test_update.c - updates: the document after, whether it changed, what is refused. */
#include "expr/update.h"
#include "unit.h"
#include "value/json.h"

/* Apply `update` to `doc`; compare the canonical result with that of `want`, or, when `want` is
 * NULL, expect `code` and a message with `part`. */
typedef struct expectation {
  const char *filters; /* arrayFilters, or NULL */
  const char *query;   /* of an upsert, or of what "$" stands for; NULL: none */
  const char *doc;     /* NULL: an upsert */
  const char *update, *want;
  int code;
  const char *part;
  bool is_unchanged;
} expectation;

static int parse_json(pq_arena *arena, pq_builder *b, const char *text, pq_value *out) {
  *out = (pq_value){0};
  return text == NULL ? PQ_OK : pq_json_value(b, pq_str(text), arena, out);
}

static pq_env env; /* of the test that runs */

static int run(const expectation *e, pq_arena *arena, pq_builder *b, pq_value *out, bool *changed) {
  pq_eval eval = {.cx = arena->cx, .arena = arena, .builder = b, .now_us = 1700000000123456};
  pq_update_at at = {.position = -1};
  pq_value doc, spec, filters, query;
  pq_filter *filter;
  pq_update *u;
  PQ_TRY(parse_json(arena, b, e->doc, &doc));
  PQ_TRY(parse_json(arena, b, e->update, &spec));
  PQ_TRY(parse_json(arena, b, e->filters, &filters));
  PQ_TRY(parse_json(arena, b, e->query, &query));
  PQ_TRY(pq_update_parse(arena, &env, spec, filters, &u));
  PQ_TRY(pq_filter_parse(arena, &env, query, &filter));
  *changed = true;
  if (e->doc == NULL) return pq_update_upsert(u, filter, &eval, arena, out);
  if (pq_update_is_positional(u))
    at.position = pq_filter_position(filter, &eval, doc, (pq_value){0});
  return pq_update_apply(u, &eval, arena, doc, at, out, changed);
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
    fprintf(stderr, "%s on %s: %d %s %.*s\n", e->update, e->doc == NULL ? e->query : e->doc, rc,
            rc == PQ_OK ? "" : cx.msg, (int)text.len, text.p == NULL ? "" : (const char *)text.p);
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

static bool places(const char *doc, const char *filters, const char *update, const char *want) {
  return check(&(expectation){.doc = doc, .filters = filters, .update = update, .want = want});
}
static bool refuses(const char *doc, const char *filters, const char *update, const char *part) {
  return check(&(expectation){
      .doc = doc, .filters = filters, .update = update, .code = PQ_EUPDATE, .part = part});
}
static bool finds(const char *doc, const char *query, const char *update, const char *want) {
  return check(&(expectation){.doc = doc, .query = query, .update = update, .want = want});
}
static bool inserts(const char *query, const char *update, const char *want) {
  return check(&(expectation){.query = query, .update = update, .want = want});
}
static bool inserts_not(const char *query, const char *update, const char *part) {
  return check(&(expectation){.query = query, .update = update, .code = PQ_EUPDATE, .part = part});
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
  CHECK(gives("{\"v\":{\"$numberDecimal\":\"1.5\"}}", "{\"$inc\":{\"v\":0.5}}",
              "{\"v\":{\"$numberDecimal\":\"2.000000000000000\"}}"));
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
              "{\"a\":{\"$date\":\"2023-11-14T22:13:20.123Z\"}}"));
  CHECK(gives("{}", "{\"$currentDate\":{\"a\":{\"$type\":\"timestamp\"}}}",
              "{\"a\":{\"$timestamp\":{\"t\":1700000000,\"i\":1}}}"));
  CHECK(fails("{}", "{\"$currentDate\":{\"a\":{\"$type\":\"time\"}}}", PQ_EUPDATE,
              "operator '$currentDate' at path 'a' needs"));
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
  CHECK(fails("{}", "{\"$embed\":{\"a\":1}}", PQ_EUNSUPPORTED,
              "operator '$embed' at path 'a' is not supported yet"));
  CHECK(fails("{\"a\":[1]}", "{\"$unset\":{\"a.x\":\"\"}}", PQ_EUPDATE, "'x' of an array"));
  CHECK(fails("{}", "{\"$set\":{\"a\":1},\"b\":1}", PQ_EUPDATE, "field 'b'"));
  CHECK(fails("{}", "{\"b\":1,\"$set\":{\"a\":1}}", PQ_EUPDATE, "'$set' stands among"));
  CHECK(fails("{}", "{\"$set\":{\"$id\":1}}", PQ_EUPDATE, "system field '$id'"));
  CHECK(fails("{}", "{\"$type\":\"x\"}", PQ_EUPDATE, "system field '$type'"));
  CHECK(fails("{}", "{\"$set\":{\"a.$x\":1}}", PQ_EUPDATE, "begins with '$'"));
  CHECK(fails("{}", "{\"$set\":{\"a..b\":1}}", PQ_EUPDATE, "no valid path"));
  CHECK(fails("{}", "{\"$set\":1}", PQ_EUPDATE, "needs an object"));
  CHECK(fails("{}", "5", PQ_EUPDATE, "must be an object or an array"));
  CHECK(fails("{\"a\":[]}", "{\"$set\":{\"a.4000000000\":1}}", PQ_ELIMIT, "pad"));
}

static void test_update_every_element(void) {
  CHECK(gives("{\"a\":[{\"n\":1},{\"n\":2}]}", "{\"$inc\":{\"a.$[].n\":10,\"a.$[].m\":1}}",
              "{\"a\":[{\"n\":11,\"m\":1},{\"n\":12,\"m\":1}]}"));
  CHECK(gives("{\"a\":[[1,2],[3]]}", "{\"$mul\":{\"a.$[].$[]\":2}}", "{\"a\":[[2,4],[6]]}"));
  CHECK(gives("{\"a\":[1,2]}", "{\"$unset\":{\"a.$[]\":1}}", "{\"a\":[null,null]}"));
  CHECK(gives("{\"a\":[[1],[2]]}", "{\"$push\":{\"a.$[]\":{\"$each\":[0],\"$position\":0}}}",
              "{\"a\":[[0,1],[0,2]]}"));
  CHECK(keeps("{\"a\":[]}", "{\"$set\":{\"a.$[].b\":1}}"));
  CHECK(refuses("{}", NULL, "{\"$set\":{\"a.$[].b\":1}}", "not a missing field"));
  CHECK(
      refuses("{\"a\":5}", NULL, "{\"$set\":{\"a.$[]\":1}}", "needs an array for '$[]', not int"));
  CHECK(refuses("{\"a\":[{\"b\":1},5]}", NULL, "{\"$set\":{\"a.$[].b\":1}}",
                "path 'a.1.b' leads through a value of type int"));
  CHECK(refuses("{}", NULL, "{\"$set\":{\"$[].b\":1}}", "begins with '$[]'"));
  CHECK(refuses("{}", NULL, "{\"$set\":{\"a.$[].b\":1,\"a.0\":1}}", "conflicts"));
  CHECK(refuses("{}", NULL, "{\"$set\":{\"a.$[]\":1,\"a.$[].b\":1}}", "conflicts"));
  CHECK(refuses("{}", NULL, "{\"$rename\":{\"a.$[].b\":\"c\"}}", "$rename"));
  CHECK(refuses("{}", NULL, "{\"$rename\":{\"c\":\"a.$[]\"}}", "$rename"));
}

static void test_update_array_filters(void) {
  const char *doc = "{\"a\":[{\"k\":1,\"v\":[1,9]},{\"k\":5,\"v\":[8]},{\"k\":7,\"v\":[]}]}";
  CHECK(places(doc, "[{\"x.k\":{\"$gt\":4}}]", "{\"$set\":{\"a.$[x].k\":0}}",
               "{\"a\":[{\"k\":1,\"v\":[1,9]},{\"k\":0,\"v\":[8]},{\"k\":0,\"v\":[]}]}"));
  CHECK(places(doc, "[{\"x.k\":{\"$lt\":6}},{\"y\":{\"$gt\":7}}]",
               "{\"$inc\":{\"a.$[x].v.$[y]\":1}}",
               "{\"a\":[{\"k\":1,\"v\":[1,10]},{\"k\":5,\"v\":[9]},{\"k\":7,\"v\":[]}]}"));
  CHECK(places(doc, "[{\"$or\":[{\"x.k\":1},{\"x.k\":7}]}]", "{\"$unset\":{\"a.$[x].v\":1}}",
               "{\"a\":[{\"k\":1},{\"k\":5,\"v\":[8]},{\"k\":7}]}"));
  CHECK(places("{\"m\":[[0],[1]]}", "[{\"row\":0}]", "{\"$addToSet\":{\"m.$[row]\":2}}",
               "{\"m\":[[0,2],[1]]}"));
  CHECK(refuses(doc, NULL, "{\"$set\":{\"a.$[x].k\":0}}", "no array filter for the name 'x'"));
  CHECK(refuses(doc, "[{\"x\":1},{\"y\":1}]", "{\"$set\":{\"a.$[x].k\":0}}", "name 'y'"));
  CHECK(refuses(doc, "[{\"x\":1},{\"x\":2}]", "{\"$set\":{\"a.$[x].k\":0}}", "two filters"));
  CHECK(refuses(doc, "[{\"x\":1,\"y\":2}]", "{\"$set\":{\"a.$[x].k\":0}}", "'x' and 'y'"));
  CHECK(refuses(doc, "[{}]", "{\"$set\":{\"a.$[x].k\":0}}", "names no element"));
  CHECK(refuses(doc, "[{\"X\":1}]", "{\"$set\":{\"a.$[X].k\":0}}", "lower-case letter"));
  CHECK(refuses(doc, "[5]", "{\"$set\":{\"a.$[x].k\":0}}", "must be an object"));
  CHECK(refuses(doc, "{\"x\":1}", "{\"$set\":{\"a.$[x].k\":0}}", "must be an array"));
  CHECK(refuses(doc, "[{\"x.k\":1},{\"y.k\":{\"$lt\":6}}]",
                "{\"$set\":{\"a.$[x].k\":0,\"a.$[y].k\":1}}", "'a.0.k' conflicts with 'a.0.k'"));
  CHECK(refuses(doc, "[{\"x\":1}]", "[{\"$set\":{\"a\":0}}]", "pipeline"));
}

static void test_update_matched_element(void) {
  CHECK(finds("{\"a\":[1,5,5]}", "{\"a\":5}", "{\"$set\":{\"a.$\":6}}", "{\"a\":[1,6,5]}"));
  CHECK(finds("{\"a\":[{\"k\":1},{\"k\":2}]}", "{\"a.k\":2}", "{\"$set\":{\"a.$.z\":6}}",
              "{\"a\":[{\"k\":1},{\"k\":2,\"z\":6}]}"));
  CHECK(finds("{\"a\":[{\"k\":1},{\"k\":2,\"v\":[1,2]}]}", "{\"a\":{\"$elemMatch\":{\"k\":2}}}",
              "{\"$inc\":{\"a.$.v.$[]\":1}}", "{\"a\":[{\"k\":1},{\"k\":2,\"v\":[2,3]}]}"));
  CHECK(refuses("{\"a\":[1]}", NULL, "{\"$set\":{\"a.$\":6}}", "'$' in path 'a.$' has no index"));
  CHECK(refuses("{\"a\":[1]}", NULL, "{\"$set\":{\"a.$.b.$\":6}}", "has '$' twice"));
  CHECK(refuses("{\"a\":[1]}", NULL, "{\"$set\":{\"$\":6}}", "begins with '$'"));
}

static void test_update_pipeline(void) {
  CHECK(gives("{\"_id\":1,\"a\":2,\"b\":3}", "[{\"$set\":{\"c\":{\"$add\":[\"$a\",\"$b\"]}}}]",
              "{\"_id\":1,\"a\":2,\"b\":3,\"c\":5}"));
  CHECK(gives("{\"_id\":1,\"a\":[{\"x\":1,\"y\":2}]}", "[{\"$unset\":[\"a.x\",\"b\"]}]",
              "{\"_id\":1,\"a\":[{\"y\":2}]}"));
  CHECK(gives("{\"_id\":1,\"a\":{\"b\":2}}", "[{\"$replaceRoot\":{\"newRoot\":\"$a\"}}]",
              "{\"_id\":1,\"b\":2}"));
  CHECK(gives("{\"a\":1,\"_id\":1}", "[{\"$replaceWith\":{\"b\":\"$a\"}},{\"$project\":{\"b\":1}}]",
              "{\"_id\":1,\"b\":1}"));
  CHECK(keeps("{\"_id\":1,\"a\":2}", "[{\"$unset\":\"_id\"},{\"$addFields\":{\"a\":2}}]"));
  CHECK(keeps("{\"_id\":1,\"a\":2}", "[]"));
  CHECK(refuses("{\"_id\":1}", NULL, "[{\"$set\":{\"_id\":2}}]", "_id"));
  CHECK(refuses("{}", NULL, "[{\"$match\":{}}]", "stage '$match' cannot be part of an update"));
  CHECK(refuses("{}", NULL, "[{\"$sett\":{}}]", "did you mean '$set'?"));
  CHECK(refuses("{}", NULL, "[{\"$set\":{},\"$unset\":\"a\"}]", "one field"));
  CHECK(refuses("{}", NULL, "[{\"$replaceWith\":\"$a\"}]", "needs an object, not a missing value"));
  CHECK(refuses("{}", NULL, "[{\"$replaceWith\":{\"$literal\":{\"$id\":1,\"b\":2}}}]", "'$id'"));
}

static void test_update_collation(void) {
  env.collation.is_folded = true;
  CHECK(gives("{\"a\":[\"x\",\"y\"]}", "{\"$addToSet\":{\"a\":{\"$each\":[\"Y\",\"z\"]}}}",
              "{\"a\":[\"x\",\"y\",\"z\"]}"));
  CHECK(gives("{\"a\":[\"x\",\"y\"]}", "{\"$pull\":{\"a\":\"X\"}}", "{\"a\":[\"y\"]}"));
  CHECK(gives("{\"a\":[\"x\",\"y\"]}", "{\"$pullAll\":{\"a\":[\"X\",\"Y\"]}}", "{\"a\":[]}"));
  CHECK(gives("{\"a\":[\"b\",\"C\"]}", "{\"$push\":{\"a\":{\"$each\":[\"A\"],\"$sort\":1}}}",
              "{\"a\":[\"A\",\"b\",\"C\"]}"));
  CHECK(keeps("{\"a\":\"b\"}", "{\"$max\":{\"a\":\"B\"}}"));
  CHECK(places("{\"a\":[\"x\",\"y\"]}", "[{\"e\":\"X\"}]", "{\"$set\":{\"a.$[e]\":1}}",
               "{\"a\":[1,\"y\"]}"));
  env.collation.is_folded = false;
}

static void test_update_upsert(void) {
  CHECK(inserts("{\"b\":3,\"_id\":1,\"a.x\":{\"$eq\":2},\"c\":{\"$gt\":1}}", "{\"$set\":{\"z\":1}}",
                "{\"_id\":1,\"a\":{\"x\":2},\"b\":3,\"z\":1}"));
  CHECK(inserts("{\"$and\":[{\"a\":1},{\"b\":{\"$in\":[2]}}]}",
                "{\"$inc\":{\"a\":1},\"$setOnInsert\":{\"n.m\":5}}",
                "{\"a\":2,\"b\":2,\"n\":{\"m\":5}}"));
  CHECK(inserts("{\"a\":1,\"_id\":7}", "{\"b\":2}", "{\"_id\":7,\"b\":2}"));
  CHECK(inserts("{\"a\":1}", "[{\"$set\":{\"b\":\"$a\"}}]", "{\"a\":1,\"b\":1}"));
  CHECK(inserts("{\"$id\":\"x/1\",\"a\":1}", "{\"$set\":{\"_id\":2}}", "{\"_id\":2,\"a\":1}"));
  CHECK(inserts_not("{\"_id\":1}", "{\"$set\":{\"_id\":2}}", "_id"));
  CHECK(inserts_not("{\"a\":1,\"a.b\":1}", "{\"$set\":{\"c\":2}}", "path 'a.b' twice"));
  CHECK(inserts_not("{\"_id\":{\"$in\":[[1]]}}", "{\"$set\":{\"c\":2}}", "of type array"));
  CHECK(inserts_not("{}", "{\"$set\":{\"_id\":{\"$b\":2,\"c\":3}}}", "'$b'"));
}

/* "-author *" for $unlink of all, "+author users/u1" for $link. */
static bool links(const char *update, const char *want) {
  char text[200] = "";
  const pq_update_edge *edges;
  uint32_t count;
  pq_cx cx;
  pq_arena arena;
  pq_builder *b;
  pq_value spec;
  pq_update *u;
  unit_cx_init(&cx);
  pq_arena_init(&arena, &cx, 1 << 24);
  CHECK(pq_builder_new(&cx, &b) == PQ_OK);
  CHECK(parse_json(&arena, b, update, &spec) == PQ_OK);
  CHECK(pq_update_parse(&arena, NULL, spec, (pq_value){0}, &u) == PQ_OK);
  CHECK(pq_update_kind_of(u) == PQ_UPDATE_OPERATORS);
  edges = pq_update_edges(u, &count);
  for (uint32_t i = 0; i < count; i++) {
    size_t len = strlen(text);
    pq_slice to = edges[i].to.n == 0 ? PQ_SLICE("*") : edges[i].to;
    snprintf(text + len, sizeof text - len, "%c%.*s %.*s ", edges[i].is_unlink ? '-' : '+',
             (int)edges[i].predicate.n, (const char *)edges[i].predicate.p, (int)to.n,
             (const char *)to.p);
  }
  pq_builder_free(b);
  pq_arena_release(&arena);
  return strcmp(text, want) == 0;
}

static void test_update_edges(void) {
  CHECK(links("{\"$link\":{\"author\":\"users/u1\",\"tags\":[\"t/a\",\"t/b\"]}}",
              "+author users/u1 +tags t/a +tags t/b "));
  CHECK(links("{\"$link\":{\"author\":\"u/2\"},\"$unlink\":{\"author\":\"$all\",\"x\":\"u/1\"}}",
              "-author * -x u/1 +author u/2 "));
  CHECK(links("{\"$set\":{\"a\":1}}", ""));
  CHECK(refuses("{}", NULL, "{\"$link\":{\"a\":\"$all\"}}", "'$all' is no id"));
  CHECK(
      refuses("{}", NULL, "{\"$link\":{\"a\":\"u1\"}}", "operator '$link' of 'a': 'u1' is no id"));
  CHECK(refuses("{}", NULL, "{\"$link\":{\"a\":\"u/1/2/3\"}}", "is no id"));
  CHECK(refuses("{}", NULL, "{\"$unlink\":{\"a\":5}}", "not int"));
  CHECK(refuses("{}", NULL, "{\"$unlink\":\"a\"}", "needs an object of predicates"));
  CHECK(keeps("{\"a\":1}", "{\"$link\":{\"author\":\"users/u1\"}}"));
}

static void survives_out_of_memory(const expectation *e) {
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
    if (rc == PQ_OK) rc = run(e, &arena, b, &out, &is_changed);
    pq_builder_free(b);
    pq_arena_release(&arena);
  }
}

static void test_update_out_of_memory(void) {
  const expectation e = {
      .doc = "{\"a\":{\"x\":1},\"b\":[1,2],\"old\":3}",
      .update = "{\"$set\":{\"a.y\":[1,2],\"b.4\":1},\"$rename\":{\"old\":\"new\"}}"};
  const expectation placed = {.doc = "{\"a\":[{\"k\":1},{\"k\":2}]}",
                              .filters = "[{\"x.k\":2}]",
                              .update = "{\"$set\":{\"a.$[x].v\":1},\"$inc\":{\"n\":1}}"};
  const expectation piped = {.doc = "{\"a\":1,\"b\":2}",
                             .update = "[{\"$set\":{\"c\":\"$a\"}},{\"$unset\":\"b\"}]"};
  const expectation upsert = {.query = "{\"_id\":1,\"a.b\":2}",
                              .update = "{\"$setOnInsert\":{\"c\":3}}"};
  survives_out_of_memory(&e);
  survives_out_of_memory(&placed);
  survives_out_of_memory(&piped);
  survives_out_of_memory(&upsert);
}

int main(void) {
  RUN(test_update_set);
  RUN(test_update_unset);
  RUN(test_update_numbers);
  RUN(test_update_arrays_and_names);
  RUN(test_update_replacement);
  RUN(test_update_errors);
  RUN(test_update_every_element);
  RUN(test_update_array_filters);
  RUN(test_update_matched_element);
  RUN(test_update_pipeline);
  RUN(test_update_collation);
  RUN(test_update_upsert);
  RUN(test_update_edges);
  RUN(test_update_out_of_memory);
  return unit_end();
}
