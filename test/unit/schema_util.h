/* test/unit/schema_util.h - a bench for tests of schemas: JSON in, JSON out. */
#ifndef PQ_TEST_SCHEMA_UTIL_H
#define PQ_TEST_SCHEMA_UTIL_H

#include <string.h>

#include "base/text.h"
#include "schema/schema.h"
#include "unit.h"
#include "value/json.h"

typedef struct bench {
  pq_cx cx;
  pq_arena arena;
  pq_builder *b;
  pq_eval eval;
  const pq_problem *problems;
  uint32_t problem_count;
} bench;

static inline int bench_try_open(bench *t) {
  memset(t, 0, sizeof *t);
  unit_cx_init(&t->cx);
  pq_arena_init(&t->arena, &t->cx, 1 << 28);
  return PQ_OK;
}

static inline void bench_open(bench *t) {
  CHECK(bench_try_open(t) == PQ_OK);
  CHECK(pq_builder_new(&t->cx, &t->b) == PQ_OK);
  t->eval = (pq_eval){.cx = &t->cx, .arena = &t->arena, .builder = t->b, .random = 1};
}

static inline void bench_close(bench *t) {
  pq_builder_free(t->b);
  pq_arena_release(&t->arena);
  CHECK(unit_live_len == 0);
}

static inline pq_value bench_json(bench *t, const char *text) {
  pq_value v = {0};
  int rc;
  pq_builder_clear(t->b);
  rc = pq_json_value(t->b, pq_str(text), &t->arena, &v);
  if (rc != PQ_OK) fprintf(stderr, "%s\n%s\n", text, t->cx.msg);
  CHECK(rc == PQ_OK);
  return v;
}

/* NULL when the schema is refused; the message is in t->cx.msg. */
static inline pq_schema *bench_schema(bench *t, const char *text, const pq_schema *old) {
  pq_schema *s = NULL;
  int rc = pq_schema_parse(&t->arena, bench_json(t, text), old, &s);
  CHECK((rc == PQ_OK) == (s != NULL));
  return s;
}

static inline const char *bench_text(bench *t, pq_value v) {
  char *text;
  pq_buf buf;
  pq_buf_init(&buf, &t->cx, 1 << 24);
  CHECK(pq_json_print(&buf, v, PQ_JSON_RELAXED) == PQ_OK);
  text = pq_arena_str(&t->arena, pq_buf_slice(&buf));
  pq_buf_release(&buf);
  return text;
}

/* The schema as it is stored. */
static inline const char *bench_print(bench *t, const pq_schema *s) {
  pq_value v = {0};
  CHECK(pq_schema_print(s, t->b, &t->arena, &v) == PQ_OK);
  return bench_text(t, v);
}

static inline int bench_validate(bench *t, const pq_schema *s, pq_schema_mode mode, const char *doc,
                                 pq_value *out) {
  return pq_schema_validate(s, mode, &t->eval, &t->arena, bench_json(t, doc), out, &t->problems,
                            &t->problem_count);
}

static inline bool unit_same(const char *got, const char *wanted) {
  if (strcmp(got, wanted) == 0) return true;
  fprintf(stderr, "got:    %s\nwanted: %s\n", got, wanted);
  return false;
}

#endif
