/* test/unit/test_schema_infer.c - schemas from documents, and properties of the whole module:
 *
 *   random documents ─infer─► schema ─parse, print, parse─► the same schema
 *        │                       └─► takes each of them, strictly
 *        └─ one value changed ──────► refused, and the message names the place
 */
#include "schema_util.h"

#include "expr/expression.h"

/* NULL-terminated documents to the notation of their schema. */
static const char *infer(bench *t, const char *const *docs) {
  pq_inference *inf = NULL;
  pq_value out = {0};
  CHECK(pq_inference_new(&t->cx, &inf) == PQ_OK);
  for (; *docs != NULL; docs++)
    CHECK(pq_inference_add(inf, bench_json(t, *docs)) == PQ_OK);
  CHECK(pq_inference_schema(inf, t->b, &t->arena, &out) == PQ_OK);
  pq_inference_free(inf);
  return bench_text(t, out);
}

static const struct {
  const char *docs[4], *schema;
} cases[] = {
    {{"{}"}, "{}"},
    {{"{\"a\":1}", "{\"a\":2}"}, "{\"a\":\"int!\"}"},
    {{"{\"a\":1}", "{\"b\":true}"}, "{\"a\":\"int\",\"b\":\"boolean\"}"},
    {{"{\"a\":1}", "{\"a\":null}"}, "{\"a\":\"int\"}"},
    {{"{\"a\":1}", "{\"a\":2.5}"}, "{\"a\":\"number!\"}"},
    {{"{\"a\":1}", "{\"a\":\"x\"}"}, "{\"a\":\"json!\"}"},
    {{"{\"a\":null}"}, "{\"a\":\"json\"}"},
    {{"{\"a\":\"2024-02-29\"}"}, "{\"a\":\"string!\"}"},
    {{"{\"a\":{\"$date\":\"2024-02-29T00:00:00Z\"}}"}, "{\"a\":\"datetime!\"}"},
    {{"{\"a\":{\"$oid\":\"0123456789abcdef01234567\"}}"}, "{\"a\":\"json!\"}"},
    {{"{\"a\":{\"$uuid\":\"550e8400-e29b-41d4-a716-446655440000\"}}"}, "{\"a\":\"uuid!\"}"},
    {{"{\"a\":{\"$binary\":{\"base64\":\"AAAA\",\"subType\":\"00\"}}}"}, "{\"a\":\"binary!\"}"},
    {{"{\"a\":{\"$numberDecimal\":\"12.50\"}}", "{\"a\":{\"$numberDecimal\":\"1E+3\"}}"},
     "{\"a\":\"decimal(6,2)!\"}"},
    {{"{\"a\":{\"$numberDecimal\":\"NaN\"}}"}, "{\"a\":\"number!\"}"},
    {{"{\"a\":{\"$numberDecimal\":\"1E+100\"}}"}, "{\"a\":\"number!\"}"},
    {{"{\"a\":{\"$numberDecimal\":\"0\"}}"}, "{\"a\":\"decimal(1,0)!\"}"},
    {{"{\"a\":{\"$numberDecimal\":\"1\"}}", "{\"a\":1}"}, "{\"a\":\"number!\"}"},
    {{"{\"a\":[]}"}, "{\"a\":\"json[]!\"}"},
    {{"{\"a\":[1,null]}", "{\"a\":[]}"}, "{\"a\":\"int[]!\"}"},
    {{"{\"a\":[1,\"x\"]}"}, "{\"a\":\"json[]!\"}"},
    {{"{\"a\":[[1]]}"}, "{\"a\":\"json[]!\"}"},
    {{"{\"a\":[1]}", "{\"a\":1}"}, "{\"a\":\"json!\"}"},
    {{"{\"a\":{\"b\":1}}", "{\"a\":{\"c\":2,\"b\":1}}", "{}"},
     "{\"a\":{\"b\":\"int!\",\"c\":\"int\"}}"},
    {{"{\"a\":{\"b\":1}}"}, "{\"a\":{\"type\":{\"b\":\"int!\"},\"required\":true}}"},
    {{"{\"a\":{\"type\":1}}", "{}"}, "{\"a\":{\"type\":{\"type\":\"int!\"}}}"},
    {{"{\"a\":[{\"type\":1},{}]}", "{}"}, "{\"a\":[{\"type\":\"int\"}]}"},
    {{"{\"a\":[{\"b\":1}]}"},
     "{\"a\":{\"type\":{\"b\":\"int!\"}"
     ",\"list\":true,\"required\":true}}"},
    {{"{\"a\":{}}"}, "{\"a\":\"json!\"}"},
    {{"{\"a\":{\"x.y\":1}}"}, "{\"a\":\"json!\"}"},
    {{"{\"_id\":1,\"$x\":2,\"x.y\":3,\"a\":1}"}, "{\"a\":\"int!\"}"},
};

static void test_infer_cases(void) {
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    bench t;
    pq_schema *s;
    pq_value out;
    const char *text;
    bench_open(&t);
    text = infer(&t, cases[i].docs);
    CHECK(unit_same(text, cases[i].schema));
    s = bench_schema(&t, text, NULL);
    CHECK(s != NULL);
    for (int k = 0; s != NULL && cases[i].docs[k] != NULL; k++) {
      bool is_odd = strstr(cases[i].docs[k], "\"x.y\":3") != NULL;
      CHECK((bench_validate(&t, s, PQ_VALIDATE_STRICT, cases[i].docs[k], &out) == PQ_OK) ==
            !is_odd);
    }
    bench_close(&t);
  }
}

static void test_infer_bounds(void) {
  pq_buf text;
  bench t;
  const char *docs[2] = {NULL, NULL};
  pq_inference *inf = NULL;
  bench_open(&t);
  pq_buf_init(&text, &t.cx, 1 << 20);
  /* A map of ids: too many names for fields. */
  for (int i = 0; i < 300; i++)
    CHECK(pq_buf_printf(&text, "%s\"k%d\":1", i == 0 ? "{\"a\":1,\"m\":{" : ",", i) == PQ_OK);
  CHECK(pq_buf_put(&text, "}}", 3) == PQ_OK);
  docs[0] = (const char *)text.p;
  CHECK(unit_same(infer(&t, docs), "{\"a\":\"int!\",\"m\":\"json!\"}"));
  /* Deeper than a schema can be. */
  pq_buf_clear(&text);
  for (int i = 0; i < 40; i++)
    CHECK(pq_buf_put_str(&text, "{\"a\":") == PQ_OK);
  CHECK(pq_buf_put_str(&text, "1") == PQ_OK);
  for (int i = 0; i < 40; i++)
    CHECK(pq_buf_put_str(&text, "}") == PQ_OK);
  CHECK(pq_buf_put_byte(&text, 0) == PQ_OK);
  docs[0] = (const char *)text.p;
  CHECK(bench_schema(&t, infer(&t, docs), NULL) != NULL);
  /* More names on top than a schema can have. */
  pq_buf_clear(&text);
  for (int i = 0; i < 1001; i++)
    CHECK(pq_buf_printf(&text, "%s\"k%d\":1", i == 0 ? "{" : ",", i) == PQ_OK);
  CHECK(pq_buf_put(&text, "}", 2) == PQ_OK);
  CHECK(pq_inference_new(&t.cx, &inf) == PQ_OK);
  CHECK(pq_inference_add(inf, bench_json(&t, (const char *)text.p)) == PQ_ELIMIT);
  CHECK(pq_inference_add(inf, bench_json(&t, "[1]")) == PQ_EINVALID);
  pq_inference_free(inf);
  pq_buf_release(&text);
  bench_close(&t);
}

/* ---- random documents ---- */

static uint32_t state = 1;

static uint32_t below(uint32_t n) {
  state = state * 1664525u + 1013904223u;
  return (state >> 8) % n;
}

static const char *const scalars[] = {
    "1",        "5000000000",
    "2.5",      "\"x\"",
    "\"\"",     "true",
    "null",     "{\"$date\":\"2024-02-29T12:00:00Z\"}",
    "-7",       "{\"$uuid\":\"550e8400-e29b-41d4-a716-446655440000\"}",
    "[]",       "{\"$oid\":\"0123456789abcdef01234567\"}",
    "\"2024\"", "{\"$numberDecimal\":\"-12.345\"}",
    "{}",       "{\"$binary\":{\"base64\":\"AAAA\",\"subType\":\"00\"}}"};

/* `kind` below 100: mostly the same value for a name; 100 and more: anything. */
static int put_random(pq_buf *out, uint32_t kind, int depth) {
  uint32_t count = below(3);
  bool is_any = below(12) == 0;
  if (is_any) kind = below(19);
  if (kind < 16 || depth == 0) return pq_buf_put_str(out, scalars[kind % 16]);
  if (kind == 16) {
    PQ_TRY(pq_buf_put_str(out, "["));
    for (uint32_t i = 0; i < count; i++) {
      if (i > 0) PQ_TRY(pq_buf_put_str(out, ","));
      PQ_TRY(put_random(out, below(4) == 0 ? below(18) : 3, depth - 1));
    }
    return pq_buf_put_str(out, "]");
  }
  PQ_TRY(pq_buf_put_str(out, kind == 17 ? "[{" : "{"));
  for (uint32_t i = 0; i < 4; i++) {
    static const char *const names[] = {"type", "b", "c d", "\\u00e4"};
    if (below(4) == 0) continue;
    if (out->p[out->len - 1] != '{') PQ_TRY(pq_buf_put_str(out, ","));
    PQ_TRY(pq_buf_printf(out, "\"%s\":", names[i]));
    PQ_TRY(put_random(out, (kind + i * 5) % 19, depth - 1));
  }
  return pq_buf_put_str(out, kind == 17 ? "}]" : "}");
}

enum { DOC_COUNT = 6, FIELD_COUNT = 7 };

static pq_value random_document(bench *t, const uint32_t *kinds) {
  pq_buf text;
  pq_value v;
  pq_buf_init(&text, &t->cx, 1 << 20);
  CHECK(pq_buf_put_str(&text, "{") == PQ_OK);
  for (uint32_t i = 0; i < FIELD_COUNT; i++) {
    if (below(5) == 0) continue;
    CHECK(pq_buf_printf(&text, "%s\"f%u\":", text.len == 1 ? "" : ",", i) == PQ_OK);
    CHECK(put_random(&text, kinds[i], 3) == PQ_OK);
  }
  CHECK(pq_buf_put(&text, "}", 2) == PQ_OK);
  v = bench_json(t, (const char *)text.p);
  pq_buf_release(&text);
  return v;
}

/* The document with one of its fields replaced, or a field added (at == count). */
static pq_value replaced(bench *t, pq_value doc, uint32_t at, pq_value v, const char *name) {
  uint32_t count;
  pq_value out = {0};
  pq_field list[FIELD_COUNT + 1], *fields = pq_object_fields(&t->arena, doc, &count);
  memcpy(list, fields, count * sizeof *list);
  if (at == count) list[count++].name = pq_str(name);
  list[at].value = v;
  CHECK(pq_make_object(&t->eval, list, count, &out) == PQ_OK);
  return out;
}

static int validate(bench *t, const pq_schema *s, pq_value doc) {
  pq_value out;
  return pq_schema_validate(s, PQ_VALIDATE_STRICT, &t->eval, &t->arena, doc, &out, &t->problems,
                            &t->problem_count);
}

/* Every value is replaced by one of a kind that its field does not take. */
static void check_mutations(bench *t, const pq_schema *s, pq_value doc) {
  pq_value wrong_text = bench_json(t, "\"wrong\""), wrong_bool = bench_json(t, "false");
  pq_value missing = {0};
  char place[40];
  uint32_t count;
  pq_field *fields = pq_object_fields(&t->arena, doc, &count);
  for (uint32_t i = 0; i < count; i++) {
    const pq_schema_field *f = pq_schema_find(s, fields[i].name);
    bool is_text = f->type == PQ_FIELD_STRING && !f->is_list;
    snprintf(place, sizeof place, "field '%.*s", (int)f->name.n, (const char *)f->name.p);
    if (f->is_required) {
      CHECK(validate(t, s, replaced(t, doc, i, missing, NULL)) == PQ_EINVALID);
      CHECK(strstr(t->cx.msg, place) != NULL);
    }
    if (f->type == PQ_FIELD_JSON && !f->is_list) continue;
    CHECK(validate(t, s, replaced(t, doc, i, is_text ? wrong_bool : wrong_text, NULL)) ==
          PQ_EINVALID);
    CHECK(strstr(t->cx.msg, place) != NULL);
  }
  CHECK(validate(t, s, replaced(t, doc, count, wrong_bool, "f99")) == PQ_EINVALID);
  CHECK(strstr(t->cx.msg, "field 'f99'") != NULL);
}

static void check_round(uint32_t seed) {
  uint32_t kinds[FIELD_COUNT];
  bench t;
  pq_inference *inf = NULL;
  pq_value docs[DOC_COUNT], spec = {0};
  const char *printed;
  pq_schema *s, *again;
  bench_open(&t);
  state = seed;
  for (int i = 0; i < FIELD_COUNT; i++)
    kinds[i] = below(19);
  CHECK(pq_inference_new(&t.cx, &inf) == PQ_OK);
  for (int i = 0; i < DOC_COUNT; i++) {
    docs[i] = random_document(&t, kinds);
    CHECK(pq_inference_add(inf, docs[i]) == PQ_OK);
  }
  CHECK(pq_inference_schema(inf, t.b, &t.arena, &spec) == PQ_OK);
  pq_inference_free(inf);
  CHECK(pq_schema_parse(&t.arena, spec, NULL, &s) == PQ_OK);
  if (s == NULL) fprintf(stderr, "%s\n%s\n", bench_text(&t, spec), t.cx.msg);
  printed = bench_print(&t, s);
  again = bench_schema(&t, printed, NULL);
  CHECK(again != NULL && unit_same(bench_print(&t, again), printed));
  for (int i = 0; i < DOC_COUNT; i++) {
    int rc = validate(&t, again, docs[i]);
    if (rc != PQ_OK) fprintf(stderr, "%u: %s\n%s\n", seed, printed, bench_text(&t, docs[i]));
    CHECK(rc == PQ_OK);
    check_mutations(&t, again, docs[i]);
  }
  bench_close(&t);
}

static void test_infer_random(void) {
  for (uint32_t seed = 1; seed <= 400; seed++)
    check_round(seed);
}

/* ---- random notations ---- */

static void test_schema_random_notations(void) {
  static const char *const parts[] = {
      "string", "int",  "decimal(10,2)", "enum(a,'b c')", "vector(3)", "!",    "?", "[]",   "#",
      "##",     "#fts", "#vec",          "#hash",         " = ",       "'x'",  "5", "true", "-> U",
      "<- P.a", " ",    "varchar(4)",    "date",          "uuid",      "now()"};
  uint32_t good_count = 0;
  state = 7;
  for (int round = 0; round < 20000; round++) {
    char text[200] = "{\"f\": \"";
    bench t;
    pq_schema *s, *again;
    const char *printed;
    for (uint32_t i = below(5) + 1; i > 0; i--) {
      size_t n = strlen(text);
      snprintf(text + n, sizeof text - n, "%s", parts[below(24)]);
    }
    snprintf(text + strlen(text), sizeof text - strlen(text), "\"}");
    bench_open(&t);
    s = bench_schema(&t, text, NULL);
    if (s == NULL) {
      CHECK(t.cx.code == PQ_EINVALID && strstr(t.cx.msg, "field 'f': ") != NULL);
    } else {
      good_count++;
      printed = bench_print(&t, s);
      again = bench_schema(&t, printed, NULL);
      CHECK(again != NULL && unit_same(bench_print(&t, again), printed));
    }
    bench_close(&t);
  }
  CHECK(good_count > 1000);
}

static int infer_all(bench *t, pq_inference **inf) {
  static const char *const docs[] = {"{\"a\":1,\"o\":{\"x\":[\"y\"]},\"l\":[{\"z\":1.5}]}",
                                     "{\"a\":{\"$numberDecimal\":\"1.5\"},\"b\":true}"};
  pq_value v;
  PQ_TRY(pq_builder_new(&t->cx, &t->b));
  PQ_TRY(pq_inference_new(&t->cx, inf));
  for (int i = 0; i < 2; i++) {
    PQ_TRY(pq_json_value(t->b, pq_str(docs[i]), &t->arena, &v));
    PQ_TRY(pq_inference_add(*inf, v));
  }
  return pq_inference_schema(*inf, t->b, &t->arena, &v);
}

static void test_infer_out_of_memory(void) {
  int rc = PQ_OK;
  for (long n = 1; n > 0; n = unit_oom_next(n, rc)) {
    bench t;
    pq_inference *inf = NULL;
    CHECK(bench_try_open(&t) == PQ_OK);
    unit_fail_at = n;
    rc = infer_all(&t, &inf);
    pq_inference_free(inf);
    pq_builder_free(t.b);
    pq_arena_release(&t.arena);
  }
}

int main(void) {
  RUN(test_infer_cases);
  RUN(test_infer_bounds);
  RUN(test_infer_random);
  RUN(test_schema_random_notations);
  RUN(test_infer_out_of_memory);
  return unit_end();
}
