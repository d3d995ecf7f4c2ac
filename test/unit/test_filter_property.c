/* test/unit/test_filter_property.c - random filters on random documents, by what must always hold:
 *
 *   F  and  {$nor: [F]}            never agree              a $ne v  and  a $eq v       neither
 *   F  and  its terms for scans    agree where a plain field decides        a $nin and a $in
 * neither
 *   {$expr: {$op: ["$a", v]}}      agrees with comparing the values
 *
 * The same pairs every time, with and without a collation.
 */
#include <stdio.h>
#include <string.h>

#include "expr/pushdown.h"
#include "unit.h"
#include "value/json.h"

enum { ROUNDS = 20000, TEXT_CAP = 4096, DEPTH_MAX = 3 };

typedef struct bench {
  pq_cx cx;
  pq_arena arena;
  pq_builder *b;
  pq_env env;
  uint32_t state;
  char text[TEXT_CAP];
  size_t n;
} bench;

static uint32_t below(bench *t, uint32_t n) {
  t->state = t->state * 1664525u + 1013904223u;
  return (t->state >> 8) % n;
}

static void put(bench *t, const char *text) {
  size_t n = strlen(text);
  CHECK(t->n + n < TEXT_CAP);
  if (t->n + n >= TEXT_CAP) return;
  memcpy(t->text + t->n, text, n + 1);
  t->n += n;
}

static void put_one_of(bench *t, const char *const *words, uint32_t count) {
  put(t, words[below(t, count)]);
}
#define PUT_ONE_OF(t, words) put_one_of(t, words, sizeof words / sizeof *words)

static void put_scalar(bench *t) {
  static const char *const scalars[] = {"0",
                                        "1",
                                        "1.0",
                                        "2",
                                        "-1.5",
                                        "3",
                                        "null",
                                        "true",
                                        "false",
                                        "\"\"",
                                        "\"a\"",
                                        "\"A\"",
                                        "\"b\"",
                                        "\"ab\"",
                                        "\"\\u00e4\"",
                                        "\"\\u00c4\"",
                                        "{\"$numberDecimal\": \"1\"}",
                                        "{\"$numberDouble\": \"NaN\"}",
                                        "{\"$date\": \"2026-01-01T00:00:00Z\"}",
                                        "{\"$minKey\": 1}"};
  PUT_ONE_OF(t, scalars);
}

static void put_value(bench *t, int depth) {
  static const char *const names[] = {"{\"a\": ", "{\"b\": ", "{\"0\": "};
  uint32_t kind = below(t, 8);
  if (depth >= DEPTH_MAX || kind < 5) {
    put_scalar(t);
  } else if (kind < 7) {
    put(t, "[");
    for (uint32_t i = 0, count = below(t, 4); i < count; i++) {
      if (i > 0) put(t, ", ");
      put_value(t, depth + 1);
    }
    put(t, "]");
  } else {
    PUT_ONE_OF(t, names);
    put_value(t, depth + 1);
    put(t, "}");
  }
}

static const char *const paths[] = {"a", "b", "c", "a.b", "a.0", "b.a", "a.0.b", "c.a.b"};

static void put_predicate(bench *t) {
  static const char *const comparisons[] = {
      "\"$eq\": ", "\"$ne\": ", "\"$gt\": ", "\"$gte\": ", "\"$lt\": ", "\"$lte\": "};
  static const char *const others[] = {"\"$exists\": true",
                                       "\"$exists\": false",
                                       "\"$type\": \"number\"",
                                       "\"$type\": [\"string\", \"array\"]",
                                       "\"$size\": 2",
                                       "\"$mod\": [2, 1]",
                                       "\"$regex\": \"^a\"",
                                       "\"$startsWith\": \"a\"",
                                       "\"$contains\": \"b\"",
                                       "\"$bitsAllSet\": 1",
                                       "\"$bitsAnyClear\": [0, 1]",
                                       "\"$elemMatch\": {\"$gt\": 0, \"$lt\": 3}",
                                       "\"$elemMatch\": {\"b\": 1}",
                                       "\"$not\": {\"$gt\": 1}",
                                       "\"$all\": [1, 2]"};
  uint32_t kind = below(t, 4);
  if (kind < 2) {
    PUT_ONE_OF(t, comparisons);
    put_value(t, 1);
  } else if (kind == 2) {
    put(t, below(t, 2) == 0 ? "\"$in\": [" : "\"$nin\": [");
    put_scalar(t);
    put(t, ", ");
    put_value(t, 1);
    put(t, "]");
  } else {
    PUT_ONE_OF(t, others);
  }
}

static void put_filter(bench *t, int depth) {
  static const char *const groups[] = {"{\"$and\": [", "{\"$or\": [", "{\"$nor\": ["};
  static const char *const operators[] = {"$eq", "$ne", "$gt", "$gte", "$lt", "$lte"};
  uint32_t kind = depth >= DEPTH_MAX ? 0 : below(t, 6);
  if (kind < 3) {
    put(t, "{\"");
    PUT_ONE_OF(t, paths);
    put(t, "\": {");
    put_predicate(t);
    put(t, "}}");
  } else if (kind < 5) {
    PUT_ONE_OF(t, groups);
    put_filter(t, depth + 1);
    put(t, ", ");
    put_filter(t, depth + 1);
    put(t, "]}");
  } else {
    put(t, "{\"$expr\": {\"");
    PUT_ONE_OF(t, operators);
    put(t, "\": [\"$");
    PUT_ONE_OF(t, paths);
    put(t, "\", ");
    put_scalar(t);
    put(t, "]}}");
  }
}

static void put_doc(bench *t) {
  static const char *const names[] = {"\"a\": ", "\"b\": ", "\"c\": "};
  bool is_first = true;
  put(t, "{");
  for (int i = 0; i < 3; i++) {
    if (below(t, 4) == 0) continue;
    if (!is_first) put(t, ", ");
    is_first = false;
    put(t, names[i]);
    put_value(t, 0);
  }
  put(t, "}");
}

/* What was put, as a value; the text starts anew. */
static pq_value take(bench *t) {
  pq_value out = {0};
  pq_builder_clear(t->b);
  CHECK(pq_json_value(t->b, pq_str(t->text), &t->arena, &out) == PQ_OK);
  t->n = 0;
  return out;
}

static bool match(bench *t, pq_value spec, pq_value doc) {
  pq_eval eval = {.cx = &t->cx, .arena = &t->arena, .builder = t->b, .collation = t->env.collation};
  pq_filter *f;
  bool out;
  CHECK(pq_filter_parse(&t->arena, &t->env, spec, &f) == PQ_OK);
  if (f == NULL) return false;
  out = pq_filter_match(f, &eval, doc, (pq_value){0});
  CHECK(pq_filter_status(f) == PQ_OK);
  return out;
}

/* A failure shows the pair. */
static void check(bench *t, bool is_right, const char *what, pq_value spec, pq_value doc) {
  pq_buf text;
  unit_passed += is_right;
  if (is_right) return;
  CHECK(is_right);
  pq_buf_init(&text, &t->cx, 1 << 20);
  if (pq_json_print(&text, spec, PQ_JSON_CANONICAL) == PQ_OK &&
      pq_buf_put(&text, "  ", 2) == PQ_OK && pq_json_print(&text, doc, PQ_JSON_CANONICAL) == PQ_OK)
    fprintf(stderr, "%s: %.*s\n", what, (int)text.len, (const char *)text.p);
  pq_buf_release(&text);
}

/* ---- the properties ---- */

static pq_value wrap(bench *t, const char *head, pq_value v, const char *tail) {
  pq_buf text;
  pq_value out = {0};
  pq_buf_init(&text, &t->cx, 1 << 20);
  pq_builder_clear(t->b);
  CHECK(pq_buf_put(&text, head, strlen(head)) == PQ_OK);
  CHECK(pq_json_print(&text, v, PQ_JSON_CANONICAL) == PQ_OK);
  CHECK(pq_buf_put(&text, tail, strlen(tail)) == PQ_OK);
  CHECK(pq_json_value(t->b, pq_buf_slice(&text), &t->arena, &out) == PQ_OK);
  pq_buf_release(&text);
  return out;
}

static void test_nor(bench *t, pq_value spec, pq_value doc) {
  pq_value negated = wrap(t, "{\"$nor\": [", spec, "]}");
  check(t, match(t, spec, doc) != match(t, negated, doc), "F and $nor F", spec, doc);
}

static void test_negations(bench *t, pq_value v, pq_value doc) {
  static const char *const heads[][2] = {{"{\"a.b\": {\"$eq\": ", "{\"a.b\": {\"$ne\": "},
                                         {"{\"a\": {\"$eq\": ", "{\"a\": {\"$ne\": "},
                                         {"{\"a\": {\"$in\": [1, ", "{\"a\": {\"$nin\": [1, "}};
  for (size_t i = 0; i < sizeof heads / sizeof *heads; i++) {
    const char *tail = i == 2 ? "]}}" : "}}";
    pq_value spec = wrap(t, heads[i][0], v, tail), negated = wrap(t, heads[i][1], v, tail);
    check(t, match(t, spec, doc) != match(t, negated, doc), "negation", spec, doc);
  }
}

/* 1 or 0 for what plain fields decide, -1 for what only the document can tell. */
static int judge(const pq_push *p, pq_value doc) {
  int sum = p->kind == PQ_PUSH_AND;
  pq_value v;
  if (p->kind == PQ_PUSH_OPAQUE) return -1;
  if (p->kind == PQ_PUSH_TERM) {
    v = pq_object_get(doc, p->path->text);
    if (p->path->count != 1 || pq_value_type(v) == PQ_TYPE_ARRAY) return -1;
    return pq_push_match(p, v);
  }
  for (uint32_t i = 0; i < p->kid_count; i++) {
    int kid = judge(&p->kids[i], doc);
    if (p->kind == PQ_PUSH_NOT) return kid < 0 ? -1 : !kid;
    if (kid == (p->kind == PQ_PUSH_OR)) return kid;
    if (kid < 0) sum = -1;
  }
  return sum;
}

static void test_terms(bench *t, pq_value spec, pq_value doc) {
  const pq_push *root;
  pq_filter *f;
  int judged;
  CHECK(pq_filter_parse(&t->arena, &t->env, spec, &f) == PQ_OK);
  CHECK(pq_filter_pushdown(f, &t->arena, &root) == PQ_OK);
  judged = judge(root, doc);
  check(t, judged < 0 || judged == match(t, spec, doc), "terms", spec, doc);
}

static void run(bench *t) {
  unit_cx_init(&t->cx);
  pq_arena_init(&t->arena, &t->cx, 1 << 24);
  CHECK(pq_builder_new(&t->cx, &t->b) == PQ_OK);
  t->state = 11;
  for (int i = 0; i < ROUNDS; i++) {
    pq_value spec, doc, v;
    put_filter(t, 0);
    spec = take(t);
    put_doc(t);
    doc = take(t);
    put_value(t, 1);
    v = take(t);
    test_nor(t, spec, doc);
    test_terms(t, spec, doc);
    if (i % 4 == 0) test_negations(t, v, doc);
    pq_arena_clear(&t->arena);
  }
  pq_builder_free(t->b);
  pq_arena_release(&t->arena);
  CHECK(unit_live_len == 0);
}

static void test_filter_property_bytes(void) {
  static bench t;
  run(&t);
}

static void test_filter_property_folded(void) {
  static bench t = {.env = {.collation = {.is_folded = true}}};
  run(&t);
}

int main(void) {
  RUN(test_filter_property_bytes);
  RUN(test_filter_property_folded);
  return unit_end();
}
