/* test/unit/test_project.c - projections and sort keys. */
#include "expr/project.h"
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
  CHECK(pq_json_value(t->b, pq_str(text), &t->arena, &out) == PQ_OK);
  return out;
}

static int project(pq_arena *arena, pq_builder *b, const char *spec, const char *doc, int64_t at,
                   pq_value *out) {
  pq_value spec_value, doc_value;
  pq_projection *p;
  PQ_TRY(pq_json_value(b, pq_str(spec), arena, &spec_value));
  PQ_TRY(pq_json_value(b, pq_str(doc), arena, &doc_value));
  PQ_TRY(pq_projection_parse(arena, NULL, spec_value, &p));
  return pq_projection_apply(
      p, &(pq_eval){.cx = arena->cx, .arena = arena, .builder = b, .root = doc_value}, arena, at,
      out);
}

static bool gives_at(const char *spec, const char *doc, int64_t at, const char *want) {
  bench t;
  pq_value out = {0};
  pq_buf text;
  bool is_good;
  bench_open(&t);
  pq_buf_init(&text, &t.cx, 1 << 20);
  CHECK(project(&t.arena, t.b, spec, doc, at, &out) == PQ_OK);
  CHECK(pq_json_print(&text, out, PQ_JSON_RELAXED) == PQ_OK);
  is_good = pq_slice_is(pq_buf_slice(&text), want);
  if (!is_good) fprintf(stderr, "%s: %.*s\n", spec, (int)text.len, (const char *)text.p);
  pq_buf_release(&text);
  bench_close(&t);
  return is_good;
}

static bool gives(const char *spec, const char *doc, const char *want) {
  return gives_at(spec, doc, -1, want);
}

/* The projection is good, but not for this document. */
static bool refuses_at(const char *spec, const char *doc, int64_t at, const char *part) {
  bench t;
  pq_value out = {0};
  bool is_good;
  bench_open(&t);
  is_good = project(&t.arena, t.b, spec, doc, at, &out) == PQ_EINVALID &&
            pq_value_is_missing(out) && strstr(t.cx.msg, part) != NULL;
  if (!is_good) fprintf(stderr, "%s: %s\n", spec, t.cx.msg);
  bench_close(&t);
  return is_good;
}

static bool fails(const char *spec, int code, const char *part) {
  bench t;
  pq_projection *p;
  bool is_good;
  bench_open(&t);
  is_good = pq_projection_parse(&t.arena, NULL, json(&t, spec), &p) == code && p == NULL &&
            strstr(t.cx.msg, part) != NULL;
  if (!is_good) fprintf(stderr, "%s: %s\n", spec, t.cx.msg);
  bench_close(&t);
  return is_good;
}

static void test_project_inclusion(void) {
  const char *doc = "{\"_id\":1,\"b\":1,\"a\":2,\"c\":3}";
  CHECK(gives("{\"a\":1,\"b\":true}", doc, "{\"_id\":1,\"b\":1,\"a\":2}"));
  CHECK(gives("{\"_id\":0,\"a\":1}", doc, "{\"a\":2}"));
  CHECK(gives("{\"_id\":1}", doc, "{\"_id\":1}"));
  CHECK(gives("{\"zz\":1}", doc, "{\"_id\":1}"));
  CHECK(gives("{}", doc, doc));
  CHECK(gives("{\"a.b\":1}", "{\"_id\":1,\"a\":[1,{\"b\":2,\"c\":3},[{\"b\":4}]],\"d\":5}",
              "{\"_id\":1,\"a\":[{\"b\":2},[{\"b\":4}]]}"));
  CHECK(gives("{\"a\":{\"b\":1}}", "{\"a\":{\"b\":1,\"c\":2}}", "{\"a\":{\"b\":1}}"));
  CHECK(gives("{\"a.b\":1}", "{\"a\":5,\"c\":1}", "{}"));
  CHECK(gives("{\"a.b\":1}", "{\"a\":{}}", "{\"a\":{}}"));
  CHECK(gives("{\"a.0\":1}", "{\"a\":[7]}", "{\"a\":[]}"));
  CHECK(gives("{\"$id\":0,\"a\":1}", "{\"$id\":\"x/1\",\"_id\":2,\"a\":3}", "{\"_id\":2,\"a\":3}"));
  CHECK(gives("{\"a\":1}", "{\"$id\":\"x/1\",\"a\":3,\"b\":1}", "{\"$id\":\"x/1\",\"a\":3}"));
}

static void test_project_exclusion(void) {
  CHECK(gives("{\"a.b\":0}", "{\"_id\":1,\"a\":{\"b\":1,\"c\":2},\"d\":3}",
              "{\"_id\":1,\"a\":{\"c\":2},\"d\":3}"));
  CHECK(gives("{\"a.b\":0}", "{\"a\":[1,{\"b\":2,\"c\":3},[{\"b\":4}]]}",
              "{\"a\":[1,{\"c\":3},[{}]]}"));
  CHECK(gives("{\"_id\":0}", "{\"_id\":1,\"a\":2}", "{\"a\":2}"));
  CHECK(gives("{\"_id\":1,\"a\":0}", "{\"_id\":1,\"a\":2,\"b\":3}", "{\"_id\":1,\"b\":3}"));
  CHECK(gives("{\"a.b\":0}", "{\"a\":5}", "{\"a\":5}"));
}

static void test_project_slice(void) {
  const char *doc = "{\"_id\":1,\"a\":[1,2,3,4],\"b\":5}";
  CHECK(gives("{\"a\":{\"$slice\":2}}", doc, "{\"_id\":1,\"a\":[1,2],\"b\":5}"));
  CHECK(gives("{\"a\":{\"$slice\":-1}}", doc, "{\"_id\":1,\"a\":[4],\"b\":5}"));
  CHECK(gives("{\"a\":{\"$slice\":0}}", doc, "{\"_id\":1,\"a\":[],\"b\":5}"));
  CHECK(gives("{\"a\":{\"$slice\":[1,2]}}", doc, "{\"_id\":1,\"a\":[2,3],\"b\":5}"));
  CHECK(gives("{\"a\":{\"$slice\":[-9,2]},\"b\":0}", doc, "{\"_id\":1,\"a\":[1,2]}"));
  CHECK(gives("{\"a\":{\"$slice\":[9,2]},\"_id\":0,\"c\":1}", doc, "{\"a\":[]}"));
  CHECK(gives("{\"a\":{\"$slice\":-9223372036854775807}}", doc, doc));
  CHECK(gives("{\"b\":{\"$slice\":1}}", doc, doc));
  CHECK(gives("{\"a.b\":{\"$slice\":1}}", "{\"a\":[{\"b\":[1,2]},[{\"b\":[1,2]}],3]}",
              "{\"a\":[{\"b\":[1]},[{\"b\":[1,2]}],3]}"));
  CHECK(gives("{\"x\":{\"$slice\":[\"$a\",1]}}", doc, "{\"_id\":1,\"x\":[1]}"));
}

static void test_project_elements(void) {
  const char *doc =
      "{\"_id\":1,\"a\":[{\"k\":1},{\"k\":2,\"v\":1},{\"k\":2}],\"b\":[4,5,6],\"c\":7}";
  CHECK(gives("{\"a\":{\"$elemMatch\":{\"k\":2}}}", doc, "{\"_id\":1,\"a\":[{\"k\":2,\"v\":1}]}"));
  CHECK(
      gives("{\"b\":{\"$elemMatch\":{\"$gt\":4}},\"c\":1}", doc, "{\"_id\":1,\"c\":7,\"b\":[5]}"));
  CHECK(gives("{\"b\":{\"$elemMatch\":{\"$gt\":9}},\"a\":0}", doc, "{\"_id\":1,\"c\":7}"));
  CHECK(gives("{\"c\":{\"$elemMatch\":{\"$gt\":4}}}", doc, "{\"_id\":1}"));
  CHECK(gives_at("{\"a.$\":1}", doc, 1, "{\"_id\":1,\"a\":[{\"k\":2,\"v\":1}]}"));
  CHECK(gives_at("{\"a.k.$\":1,\"c\":1}", doc, 2, "{\"_id\":1,\"a\":[{\"k\":2}],\"c\":7}"));
  CHECK(gives_at("{\"c.$\":1}", doc, -1, "{\"_id\":1,\"c\":7}"));
  CHECK(refuses_at("{\"a.$\":1}", doc, -1, "'$' behind 'a' has no index"));
  CHECK(refuses_at("{\"a.$\":1}", doc, 3, "'a' has 3 elements"));
}

static void test_project_computed(void) {
  const char *doc = "{\"_id\":1,\"a\":2,\"b\":{\"c\":3,\"d\":4}}";
  CHECK(gives("{\"x\":{\"$add\":[\"$a\",1]},\"a\":1}", doc, "{\"_id\":1,\"a\":2,\"x\":3}"));
  CHECK(gives("{\"x\":\"text\",\"y\":\"$b.c\",\"_id\":0}", doc, "{\"x\":\"text\",\"y\":3}"));
  CHECK(gives("{\"b\":{\"c\":1,\"e\":\"$a\"}}", doc, "{\"_id\":1,\"b\":{\"c\":3,\"e\":2}}"));
  CHECK(gives("{\"b.c\":1,\"b.e\":[\"$a\",null]}", doc,
              "{\"_id\":1,\"b\":{\"c\":3,\"e\":[2,null]}}"));
  CHECK(gives("{\"z\":{\"$literal\":1},\"y\":\"$no\"}", doc, "{\"_id\":1,\"z\":1}"));
}

static void test_project_errors(void) {
  CHECK(fails("{\"a\":1,\"b\":0}", PQ_EINVALID, "mixes"));
  CHECK(fails("{\"a\":1,\"a.b\":1}", PQ_EINVALID, "conflicts"));
  CHECK(fails("{\"a\":{\"$meta\":\"textScore\"}}", PQ_EUNSUPPORTED, "'$meta' at path 'a'"));
  CHECK(fails("{\"a\":{\"$slice\":\"x\"}}", PQ_EINVALID, "'$slice' at path 'a'"));
  CHECK(fails("{\"a\":{\"$slice\":[1,0]}}", PQ_EINVALID, "positive number"));
  CHECK(fails("{\"a\":{\"$slice\":1},\"a.b\":1}", PQ_EINVALID, "conflicts"));
  CHECK(fails("{\"a.b\":{\"$elemMatch\":{\"x\":1}}}", PQ_EINVALID, "nested field 'a.b'"));
  CHECK(fails("{\"a\":{\"b\":{\"$elemMatch\":{\"x\":1}}}}", PQ_EINVALID, "nested field 'a.b'"));
  CHECK(fails("{\"a.$\":1,\"b\":{\"$elemMatch\":{\"x\":1}}}", PQ_EINVALID, "'$elemMatch'"));
  CHECK(fails("{\"a.$\":1,\"b.$\":1}", PQ_EINVALID, "second path"));
  CHECK(fails("{\"a.$\":0}", PQ_EINVALID, "nothing but 1"));
  CHECK(fails("{\"a.$\":{\"$slice\":1}}", PQ_EINVALID, "nothing but 1"));
  CHECK(fails("{\"a.$\":1,\"a\":1}", PQ_EINVALID, "conflicts"));
  CHECK(fails("{\"a..$\":1}", PQ_EINVALID, "empty part"));
  CHECK(fails("{\"a\":0,\"b\":\"$c\"}", PQ_EINVALID, "cannot compute 'b'"));
  CHECK(fails("{\"a\":{\"$ad\":[1]}}", PQ_EINVALID, "$ad"));
  CHECK(fails("{\"$x\":1}", PQ_EINVALID, "begins with '$'"));
  CHECK(fails("{\"a\":{}}", PQ_EINVALID, "empty"));
  CHECK(fails("[1]", PQ_EINVALID, "must be an object"));
}

static void test_project_needs(void) {
  bench t;
  pq_projection *p;
  bench_open(&t);
  CHECK(pq_projection_parse(&t.arena, NULL, json(&t, "{\"a.b\":1}"), &p) == PQ_OK);
  CHECK(pq_projection_needs(p, PQ_SLICE("a")) && pq_projection_needs(p, PQ_SLICE("$id")));
  CHECK(!pq_projection_needs(p, PQ_SLICE("c")));
  CHECK(pq_projection_parse(&t.arena, NULL, json(&t, "{\"a.b\":0,\"c\":0,\"$id\":0}"), &p) ==
        PQ_OK);
  CHECK(pq_projection_needs(p, PQ_SLICE("a")) && !pq_projection_needs(p, PQ_SLICE("c")));
  CHECK(!pq_projection_needs(p, PQ_SLICE("$id")) && pq_projection_needs(NULL, PQ_SLICE("c")));
  bench_close(&t);
}

/* Compare two documents by a sort. */
static int order(const char *spec, const char *a, const char *b) {
  bench t;
  pq_sort sort;
  pq_value x[4], y[4];
  bool x_empty[4], y_empty[4];
  int c;
  bench_open(&t);
  CHECK(pq_sort_parse(&t.arena, NULL, json(&t, spec), &sort) == PQ_OK);
  for (uint32_t i = 0; i < sort.count && i < 4; i++) {
    x[i] = pq_sort_key(&sort, i, json(&t, a), json(&t, "{\"version\":7}"), &x_empty[i]);
    y[i] = pq_sort_key(&sort, i, json(&t, b), json(&t, "{\"version\":8}"), &y_empty[i]);
  }
  c = pq_sort_compare(&sort, x, x_empty, y, y_empty);
  bench_close(&t);
  return c;
}

static void test_sort_keys(void) {
  CHECK(order("{\"v\":1}", "{\"v\":1}", "{\"v\":2}") < 0);
  CHECK(order("{\"v\":-1}", "{\"v\":1}", "{\"v\":2}") > 0);
  CHECK(order("{\"v\":1,\"w\":-1}", "{\"v\":1,\"w\":1}", "{\"v\":1.0,\"w\":2}") > 0);
  CHECK(order("{\"v\":1}", "{\"v\":[5,1]}", "{\"v\":2}") < 0);
  CHECK(order("{\"v\":-1}", "{\"v\":[5,1]}", "{\"v\":4}") < 0);
  CHECK(order("{\"v\":1}", "{\"v\":[]}", "{\"v\":null}") < 0);
  CHECK(order("{\"v\":-1}", "{\"v\":[]}", "{}") > 0);
  CHECK(order("{\"v\":1}", "{\"v\":{\"$minKey\":1}}", "{\"v\":[]}") < 0);
  CHECK(order("{\"v\":1}", "{}", "{\"v\":null}") == 0);
  CHECK(order("{\"a.b\":1}", "{\"a\":[{\"b\":3},{\"b\":2}]}", "{\"a\":{\"b\":2}}") == 0);
  CHECK(order("{\"a.b\":1}", "{\"a\":[{\"b\":3},7]}", "{\"a\":{\"b\":null}}") == 0);
  CHECK(order("{\"a.1\":1}", "{\"a\":[9,2]}", "{\"a\":[1,3]}") < 0);
  CHECK(order("{\"version\":1}", "{}", "{}") < 0);
  CHECK(order("{\"version\":1}", "{\"version\":9}", "{}") > 0);
}

static void test_sort_errors(void) {
  bench t;
  pq_sort sort;
  bench_open(&t);
  CHECK(pq_sort_parse(&t.arena, NULL, json(&t, "{\"a\":2}"), &sort) == PQ_EINVALID);
  CHECK(pq_sort_parse(&t.arena, NULL, json(&t, "{\"a\":\"x\"}"), &sort) == PQ_EINVALID);
  CHECK(pq_sort_parse(&t.arena, NULL, json(&t, "{\"$x\":1}"), &sort) == PQ_EINVALID);
  CHECK(pq_sort_parse(&t.arena, NULL, json(&t, "{\"a\":{\"$meta\":1}}"), &sort) == PQ_EUNSUPPORTED);
  CHECK(pq_sort_parse(&t.arena, NULL, json(&t, "[]"), &sort) == PQ_EINVALID);
  CHECK(pq_sort_parse(&t.arena, NULL, (pq_value){0}, &sort) == PQ_OK && sort.count == 0);
  CHECK(pq_sort_parse(&t.arena, NULL, json(&t, "{}"), &sort) == PQ_OK && sort.count == 0);
  bench_close(&t);
}

static void survives_out_of_memory(const char *spec) {
  int rc = PQ_OK;
  for (long n = 1; n > 0; n = unit_oom_next(n, rc)) {
    pq_cx cx;
    pq_arena arena = {0};
    pq_builder *b = NULL;
    pq_value out;
    unit_cx_init(&cx);
    unit_fail_at = n;
    pq_arena_init(&arena, &cx, 1 << 20);
    rc = pq_builder_new(&cx, &b);
    if (rc == PQ_OK) rc = project(&arena, b, spec, "{\"a\":1,\"b\":[{\"c\":1}]}", 0, &out);
    pq_builder_free(b);
    pq_arena_release(&arena);
  }
}

static void test_project_out_of_memory(void) {
  survives_out_of_memory("{\"b\":{\"c\":1},\"a\":1}");
  survives_out_of_memory("{\"b\":{\"$elemMatch\":{\"c\":1}},\"x\":{\"$concat\":[\"p\",\"q\"]}}");
  survives_out_of_memory("{\"b.c.$\":1,\"d\":{\"e\":\"$a\"},\"f\":{\"$slice\":1}}");
}

int main(void) {
  RUN(test_project_inclusion);
  RUN(test_project_exclusion);
  RUN(test_project_slice);
  RUN(test_project_elements);
  RUN(test_project_computed);
  RUN(test_project_errors);
  RUN(test_project_needs);
  RUN(test_sort_keys);
  RUN(test_sort_errors);
  RUN(test_project_out_of_memory);
  return unit_end();
}
