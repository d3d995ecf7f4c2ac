/* test/unit/test_aggregate.c - expressions and pipelines on documents in
 * memory. The oracle has the breadth (test_oracle.c); here stand the edges, the
 * refusals and the failing allocations.
 */
#include "pipeline.h"
#include "unit.h"
#include "value/json.h"

typedef struct bench {
  pq_cx cx;
  pq_arena arena;
  pq_builder *b;
  pipeline_bench p;
  const char *collections; /* {"name": [documents]} */
  pq_buf text;             /* the results, one after the other */
} bench;

static int print_document(void *ud, pq_value doc) {
  bench *t = ud;
  if (t->text.len > 0) PQ_TRY(pq_buf_put_str(&t->text, " "));
  return pq_json_print(&t->text, doc, PQ_JSON_CANONICAL);
}

/* Run `stages` on the array `docs`; the bench is made here and closed by the
 * caller. */
static int run(bench *t, const char *docs, const char *stages) {
  pq_value spec;
  PQ_TRY(pq_builder_new(&t->cx, &t->b));
  t->p.b = t->b;
  PQ_TRY(pq_json_value(t->b, pq_str(docs), &t->arena, &t->p.docs));
  if (t->collections != NULL)
    PQ_TRY(pq_json_value(t->b, pq_str(t->collections), &t->arena, &t->p.collections));
  PQ_TRY(pq_json_value(t->b, pq_str(stages), &t->arena, &spec));
  return pipeline_run(&t->p, spec, print_document, t);
}

static void bench_open(bench *t) {
  *t = (bench){0};
  unit_cx_init(&t->cx);
  pq_arena_init(&t->arena, &t->cx, 1u << 26);
  t->p.cx = &t->cx;
  t->p.arena = &t->arena;
  pq_buf_init(&t->text, &t->cx, 1u << 20);
}

static void bench_close(bench *t) {
  pq_builder_free(t->b);
  pq_arena_release(&t->arena);
  pq_buf_release(&t->text);
}

static bool gives(const char *docs, const char *stages, const char *want) {
  bench t, w;
  bool out;
  int rc;
  bench_open(&w);
  CHECK(run(&w, want, "[]") == PQ_OK);
  bench_open(&t);
  rc = run(&t, docs, stages);
  out = rc == PQ_OK && pq_slice_eq(pq_buf_slice(&t.text), pq_buf_slice(&w.text));
  if (!out)
    fprintf(stderr, "%s: %d %s\n  ours %.*s\n  want %.*s\n", stages, rc, t.cx.msg, (int)t.text.len,
            (const char *)t.text.p, (int)w.text.len, (const char *)w.text.p);
  bench_close(&w);
  bench_close(&t);
  return out;
}

static bool fails(const char *stages, int code, const char *part) {
  bench t;
  int rc;
  bool out;
  bench_open(&t);
  rc = run(&t, "[{\"a\": 1}]", stages);
  out = rc == code && strstr(t.cx.msg, part) != NULL;
  if (!out) fprintf(stderr, "%s: %d %s\n", stages, rc, t.cx.msg);
  bench_close(&t);
  return out;
}

/* The value of one expression on a document. */
static bool is_value(const char *doc, const char *expression, const char *want) {
  char docs[512], stages[1024], result[512];
  snprintf(docs, sizeof docs, "[%s]", doc);
  snprintf(stages, sizeof stages, "[{\"$replaceWith\": {\"r\": %s}}]", expression);
  snprintf(result, sizeof result, "[{\"r\": %s}]", want);
  return gives(docs, stages, want == NULL ? "[{}]" : result);
}

static void test_aggregate_paths(void) {
  const char *doc =
      "{\"a\": [{\"b\": 1}, 5, {\"c\": 2}, {\"b\": [3, {\"b\": "
      "9}]}, [{\"b\": 7}]]}";
  CHECK(is_value(doc, "\"$a.b\"", "[1, [3, {\"b\": 9}]]"));
  CHECK(is_value(doc, "\"$a.0\"", "[]"));
  CHECK(is_value(doc, "{\"x\": \"$none\", \"y\": [\"$none\"]}", "{\"y\": [null]}"));
  CHECK(is_value("{\"a\": 1}", "{\"$ifNull\": [\"$$REMOVE\", \"$$ROOT.a\"]}", "1"));
  CHECK(is_value("{\"$id\": \"t/x\"}", "\"$$ROOT.$id\"", "\"t/x\""));
  CHECK(is_value("{\"a\": [{\"b\": 2}]}",
                 "{\"$map\": {\"input\": \"$a\", \"as\": \"x\", \"in\": "
                 "{\"$let\": {\"vars\": "
                 "{\"y\": \"$$x.b\"}, \"in\": {\"$add\": [\"$$y\", 1]}}}}}",
                 "[3]"));
}

static void test_aggregate_numbers(void) {
  CHECK(is_value("{}", "{\"$add\": [9223372036854775807, 1]}", "9223372036854775808.0"));
  CHECK(is_value("{}", "{\"$subtract\": [-2147483648, 1]}", "{\"$numberLong\": \"-2147483649\"}"));
  CHECK(is_value("{}", "{\"$mod\": [{\"$numberLong\": \"-9223372036854775808\"}, -1]}",
                 "{\"$numberLong\": \"0\"}"));
  CHECK(is_value("{}", "{\"$abs\": -2147483648}", "{\"$numberLong\": \"2147483648\"}"));
  CHECK(is_value("{}", "[{\"$round\": 0.5}, {\"$round\": 1.5}, {\"$round\": -0.5}]",
                 "[0.0, 2.0, -0.0]"));
  CHECK(is_value("{}",
                 "[{\"$round\": [25, -1]}, {\"$round\": [-35, -1]}, "
                 "{\"$trunc\": [99, -1]}]",
                 "[20, -40, 90]"));
  CHECK(is_value("{}", "{\"$sum\": [1, \"x\", 2.5, null]}", "3.5"));
  CHECK(is_value("{}", "{\"$avg\": [[]]}", "null"));
  CHECK(fails("[{\"$set\": {\"x\": {\"$divide\": [1, 0]}}}]", PQ_EINVALID, "divide by 0"));
  CHECK(fails("[{\"$set\": {\"x\": {\"$toInt\": \"1.5\"}}}]", PQ_EINVALID, "$toInt"));
  CHECK(fails("[{\"$set\": {\"x\": {\"$toInt\": 3e9}}}]", PQ_EINVALID, "$toInt"));
}

static void test_aggregate_order(void) {
  CHECK(is_value("{}", "{\"$lt\": [\"$none\", null]}", "true"));
  CHECK(is_value("{}", "{\"$gt\": [\"5\", 1]}", "true"));
  CHECK(is_value("{}", "{\"$eq\": [1, 1.0]}", "true"));
  CHECK(
      is_value("{}", "[{\"$and\": [\"\", []]}, {\"$or\": [0, null, \"$none\"]}]", "[true, false]"));
}

static void test_aggregate_stages(void) {
  CHECK(gives("[{\"a\": 1}, {\"a\": 2}, {\"a\": 3}, {\"a\": 4}]",
              "[{\"$skip\": 1}, {\"$limit\": 2}, {\"$match\": {\"a\": {\"$gt\": 2}}}]",
              "[{\"a\": 3}]"));
  CHECK(gives("[{\"a\": 1}, {\"a\": 3}, {\"a\": 2}]",
              "[{\"$sort\": {\"a\": -1}}, {\"$skip\": 1}, {\"$limit\": 1}]", "[{\"a\": 2}]"));
  CHECK(gives("[{\"a\": {\"b\": [1, 2]}, \"c\": 1}]", "[{\"$unwind\": \"$a.b\"}]",
              "[{\"a\": {\"b\": 1}, \"c\": 1}, {\"a\": {\"b\": 2}, \"c\": 1}]"));
  CHECK(gives("[{\"a\": []}, {\"a\": null}, {}, {\"a\": 5}]", "[{\"$unwind\": \"$a\"}]",
              "[{\"a\": 5}]"));
  CHECK(gives("[{\"a\": []}, {\"a\": null}, {}, {\"a\": 5}]",
              "[{\"$unwind\": {\"path\": \"$a\", \"preserveNullAndEmptyArrays\": true, "
              "\"includeArrayIndex\": \"i\"}}]",
              "[{\"i\": null}, {\"a\": null, \"i\": null}, {\"i\": null}, {\"a\": 5, "
              "\"i\": null}]"));
  CHECK(gives("[{\"k\": 1}, {\"k\": {\"$numberLong\": \"1\"}}, {\"k\": null}, {}]",
              "[{\"$group\": {\"_id\": \"$k\", \"n\": {\"$count\": {}}}}]",
              "[{\"_id\": null, \"n\": 2}, {\"_id\": 1, \"n\": 2}]"));
  CHECK(gives("[{}, {\"k\": null}]", "[{\"$group\": {\"_id\": {\"a\": \"$k\"}}}]",
              "[{\"_id\": {\"a\": null}}]"));
  CHECK(gives("[{\"k\": 1}]", "[{\"$match\": {\"k\": 2}}, {\"$count\": \"n\"}]", "[]"));
  CHECK(gives("[{\"a\": {\"b\": 1}, \"x\": 1}]", "[{\"$project\": {\"a.c\": \"$x\", \"a.b\": 1}}]",
              "[{\"a\": {\"b\": 1, \"c\": 1}}]"));
  CHECK(gives("[{\"a\": 5}]", "[{\"$set\": {\"a.b\": 1}}]", "[{\"a\": {\"b\": 1}}]"));
}

static void test_aggregate_refusals(void) {
  CHECK(fails("[{\"$facet\": {}}]", PQ_EINVALID, "$facet"));
  CHECK(fails("[{\"$matsh\": {}}]", PQ_EINVALID, "did you mean '$match'"));
  CHECK(fails("[{\"$match\": {}, \"$limit\": 1}]", PQ_EINVALID, "one field"));
  CHECK(fails("[{\"$limit\": 0}]", PQ_EINVALID, "above 0"));
  CHECK(fails("[{\"$skip\": -1}]", PQ_EINVALID, "$skip"));
  CHECK(fails("[{\"$group\": {\"a\": {\"$sum\": 1}}}]", PQ_EINVALID, "_id"));
  CHECK(fails("[{\"$group\": {\"_id\": 1, \"a\": {\"$summ\": 1}}}]", PQ_EINVALID, "$sum"));
  CHECK(fails("[{\"$project\": {\"a\": 1, \"b\": 0}}]", PQ_EINVALID, "b"));
  CHECK(fails("[{\"$project\": {\"a\": \"$x\", \"a.b\": 1}}]", PQ_EINVALID, "conflicts"));
  CHECK(fails("[{\"$set\": {\"x\": {\"$add\": [1], \"y\": 2}}}]", PQ_EINVALID, "only field"));
  CHECK(fails("[{\"$set\": {\"x\": \"$a..b\"}}]", PQ_EINVALID, "empty part"));
  CHECK(fails("[{\"$set\": {\"x\": \"$$a\"}}]", PQ_EINVALID, "'$$a' is not defined"));
  CHECK(fails("[{\"$replaceWith\": \"$a\"}]", PQ_EINVALID, "an object, not int"));
}

static void test_aggregate_out_of_memory(void) {
  const char *docs = "[{\"a\": [1, 2], \"s\": \"x\"}, {\"a\": [2, 3], \"s\": \"y\"}]";
  const char *stages =
      "[{\"$match\": {\"s\": {\"$regex\": \"^[xy]\"}}}, "
      "{\"$unwind\": \"$a\"}, {\"$set\": "
      "{\"b.c\": "
      "{\"$concat\": [\"$s\", \"!\"]}}}, {\"$group\": "
      "{\"_id\": \"$a\", \"all\": {\"$push\": "
      "\"$b.c\"}, \"set\": {\"$addToSet\": \"$s\"}, \"max\": "
      "{\"$max\": \"$b\"}}}, {\"$sort\": "
      "{\"_id\": -1}}, {\"$limit\": 2}]";
  int rc = PQ_OK;
  for (long n = 1; n > 0; n = unit_oom_next(n, rc)) {
    bench t;
    bench_open(&t);
    unit_fail_at = n;
    rc = run(&t, docs, stages);
    bench_close(&t);
  }
}

int main(void) {
  RUN(test_aggregate_paths);
  RUN(test_aggregate_numbers);
  RUN(test_aggregate_order);
  RUN(test_aggregate_stages);
  RUN(test_aggregate_refusals);
  RUN(test_aggregate_out_of_memory);
  return unit_end();
}
