/* test/unit/test_schema_diff.c - what changes between two schemas are called. */
#include "schema_util.h"

/* Fields f of both schemas, what the change is called, and the reason when it narrows. */
static const struct {
  const char *before, *after, *kind, *reason;
} cases[] = {
    {"\"int\"", "\"int\"", "", NULL},
    {"\"int\"", "\"number\"", "widen", NULL},
    {"\"int\"", "\"double\"", "widen", NULL},
    {"\"int\"", "\"float\"", "narrow", "another type"},
    {"\"int\"", "\"decimal(20,0)\"", "widen", NULL},
    {"\"int\"", "\"decimal(10,0)\"", "narrow", "another type"},
    {"\"number\"", "\"int\"", "narrow", "existing values are of another type"},
    {"\"float\"", "\"number\"", "widen", NULL},
    {"\"decimal(5,2)\"", "\"decimal(7,3)\"", "widen", NULL},
    {"\"decimal(5,2)\"", "\"decimal(5,3)\"", "narrow", "another type"},
    {"\"decimal(5,2)\"", "\"number\"", "widen", NULL},
    {"\"date\"", "\"datetime\"", "widen", NULL},
    {"\"datetime\"", "\"date\"", "narrow", "another type"},
    {"\"email\"", "\"string\"", "widen", NULL},
    {"\"string\"", "\"email\"", "narrow", "another type"},
    {"\"string\"", "\"text\"", "other", NULL},
    {"\"enum(a,b)\"", "\"string\"", "widen", NULL},
    {"\"enum(a,b)\"", "\"enum(a,b,c)\"", "widen", NULL},
    {"\"enum(a,b)\"", "\"enum(a)\"", "narrow", "existing values may be others"},
    {"\"enum(a,b)\"", "\"enum(b,a)\"", "", NULL},
    {"\"string\"", "\"enum(a)\"", "narrow", "another type"},
    {"\"varchar(5)\"", "\"varchar(9)\"", "widen", NULL},
    {"\"varchar(5)\"", "\"string\"", "widen", NULL},
    {"\"string\"", "\"varchar(5)\"", "narrow", "may be longer"},
    {"\"char(5)\"", "\"varchar(5)\"", "widen", NULL},
    {"\"varchar(5)\"", "\"char(5)\"", "narrow", "may be shorter"},
    {"\"string[]\"", "\"json\"", "widen", NULL},
    {"\"string[]\"", "\"string\"", "narrow", "existing values are lists"},
    {"\"string\"", "\"string[]\"", "narrow", "existing values are no lists"},
    {"\"string!\"", "\"string\"", "widen", NULL},
    {"\"string\"", "\"string!\"", "narrow", "existing documents may lack it"},
    {"\"string[]\"", "\"string![]\"", "narrow", "may hold nulls"},
    {"\"string##\"", "\"string\"", "widen", NULL},
    {"\"string\"", "\"string##\"", "narrow", "may share a value"},
    {"\"string\"", "\"string#\"", "other", NULL},
    {"\"string\"", "\"string = x\"", "other", NULL},
    {"\"vector(2)\"", "\"vector(3)\"", "narrow", "another length"},
    {"\"-> User\"", "\"-> User.posts\"", "narrow", "a relationship cannot become"},
    {"\"-> User\"", "\"-> User[]\"", "widen", NULL},
    {"\"-> User\"", "\"string\"", "narrow", "a relationship cannot become"},
    {"\"int\"", "{\"type\": \"int\", \"min\": 0}", "narrow", "below min"},
    {"{\"type\": \"int\", \"min\": 0}", "{\"type\": \"int\", \"min\": -1}", "widen", NULL},
    {"{\"type\": \"int\", \"max\": 9}", "{\"type\": \"int\", \"max\": 8}", "narrow", "above max"},
    {"{\"type\": \"int\", \"max\": 9}", "\"int\"", "widen", NULL},
    {"{\"type\": \"string\", \"pattern\": \"a\"}", "\"string\"", "widen", NULL},
    {"\"string\"", "{\"type\": \"string\", \"pattern\": \"a\"}", "narrow", "match the pattern"},
    {"\"int\"", "{\"type\": \"int\", \"enum\": [1]}", "narrow", "may be others"},
    {"\"string[]\"", "{\"type\": \"string[]\", \"maxLength\": 2}", "narrow", "may be longer"},
    {"\"string\"", "{\"type\": \"string\", \"description\": \"d\"}", "other", NULL},
    {"{\"a\": \"int\"}", "\"json\"", "widen", NULL},
};

static void test_diff_fields(void) {
  char before[200], after[200];
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    bench t;
    pq_schema *a, *b;
    const pq_schema_change *c;
    uint32_t count;
    const char *kind;
    bench_open(&t);
    snprintf(before, sizeof before, "{\"f\": %s}", cases[i].before);
    snprintf(after, sizeof after, "{\"f\": %s}", cases[i].after);
    a = bench_schema(&t, before, NULL);
    b = bench_schema(&t, after, a);
    CHECK(a != NULL && b != NULL);
    CHECK(pq_schema_diff(&t.arena, a, b, &c, &count) == PQ_OK);
    kind = count == 0 ? "" : pq_change_kind_name(c[0].kind);
    CHECK(count <= 1);
    if (strcmp(kind, cases[i].kind) != 0) fprintf(stderr, "%s -> %s: ", before, after);
    CHECK(unit_same(kind, cases[i].kind));
    CHECK((count == 1 && c[0].reason != NULL) == (cases[i].reason != NULL));
    if (count == 1 && c[0].reason != NULL && cases[i].reason != NULL)
      CHECK(strstr(c[0].reason, cases[i].reason) != NULL);
    bench_close(&t);
  }
}

/* "kind path before>after reason; …" */
static const char *describe(bench *t, const pq_schema_change *c, uint32_t count) {
  const char *text = "";
  for (uint32_t i = 0; i < count; i++) {
    text =
        pq_arena_printf(&t->arena, "%s%s %.*s %.*s>%.*s; ", text, pq_change_kind_name(c[i].kind),
                        (int)c[i].path.n, (const char *)c[i].path.p, (int)c[i].before.n,
                        (const char *)c[i].before.p, (int)c[i].after.n, (const char *)c[i].after.p);
    CHECK(text != NULL);
  }
  return text;
}

static void test_diff_schemas(void) {
  bench t;
  pq_schema *a, *b;
  const pq_schema_change *c;
  uint32_t count;
  bench_open(&t);
  a = bench_schema(&t,
                   "{\"$id\": \"a\", \"a\": \"string\", \"b\": \"int\", \"c\": \"int\","
                   " \"o\": {\"x\": \"int\", \"y\": \"string\"}}",
                   NULL);
  b = bench_schema(&t,
                   "{\"$mode\": \"strict\", \"$options\": {\"includeDataVariant\": false},"
                   " \"a\": \"string\", \"bb\": \"number\", \"n\": \"int!\", \"m\": \"int! = 1\","
                   " \"o\": {\"x\": \"int!\", \"z\": {\"type\": \"int\", \"min\": 1}},"
                   " \"$rename\": {\"b\": \"bb\"}}",
                   a);
  CHECK(a != NULL && b != NULL);
  CHECK(pq_schema_diff(&t.arena, a, b, &c, &count) == PQ_OK);
  CHECK(unit_same(describe(&t, c, count),
                  "rename bb b>bb; widen bb int>number; narrow n >int!; add m >int! = 1; "
                  "narrow o.x int>int!; add o.z >{\"type\":\"int\",\"min\":1}; drop o.y string>; "
                  "drop c int>; other $id a>; narrow $mode permissive>strict; "
                  "narrow $options.includeDataVariant true>false; "));
  CHECK(pq_schema_diff(&t.arena, b, b, &c, &count) == PQ_OK);
  CHECK(count == 0);
  CHECK(pq_schema_diff(&t.arena, NULL, a, &c, &count) == PQ_OK);
  CHECK(unit_same(describe(&t, c, count),
                  "add a >string; add b >int; add c >int; "
                  "add o >{\"x\":\"int\",\"y\":\"string\"}; "));
  bench_close(&t);
}

static int diff_all(bench *t) {
  pq_value spec;
  pq_schema *a, *b;
  const pq_schema_change *c;
  uint32_t count;
  PQ_TRY(pq_builder_new(&t->cx, &t->b));
  PQ_TRY(
      pq_json_value(t->b, PQ_SLICE("{\"a\": \"int\", \"o\": {\"x\": \"int\"}}"), &t->arena, &spec));
  PQ_TRY(pq_schema_parse(&t->arena, spec, NULL, &a));
  PQ_TRY(pq_json_value(t->b, PQ_SLICE("{\"b\": \"int\", \"o\": {\"x\": \"int!\"}}"), &t->arena,
                       &spec));
  PQ_TRY(pq_schema_parse(&t->arena, spec, a, &b));
  return pq_schema_diff(&t->arena, a, b, &c, &count);
}

static void test_diff_out_of_memory(void) {
  int rc = PQ_OK;
  for (long n = 1; n > 0; n = unit_oom_next(n, rc)) {
    bench t;
    CHECK(bench_try_open(&t) == PQ_OK);
    unit_fail_at = n;
    rc = diff_all(&t);
    pq_builder_free(t.b);
    pq_arena_release(&t.arena);
  }
}

int main(void) {
  RUN(test_diff_fields);
  RUN(test_diff_schemas);
  RUN(test_diff_out_of_memory);
  return unit_end();
}
