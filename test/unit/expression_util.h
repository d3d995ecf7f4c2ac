/* test/unit/expression_util.h - expressions and documents as JSON, for the tests of operators. */
#ifndef PQ_TEST_EXPRESSION_UTIL_H
#define PQ_TEST_EXPRESSION_UTIL_H

#include <stdlib.h>

#include "expr/expression.h"
#include "unit.h"
#include "value/json.h"

typedef struct fixture {
  pq_cx cx;
  pq_arena arena;
  pq_builder *b;
  pq_env env;
  pq_eval eval;
  char text[4096]; /* of the last result */
} fixture;

static inline void begin(fixture *f) {
  memset(f, 0, sizeof *f);
  unit_cx_init(&f->cx);
  pq_arena_init(&f->arena, &f->cx, 1 << 26);
  CHECK(pq_builder_new(&f->cx, &f->b) == PQ_OK);
  f->eval = (pq_eval){.cx = &f->cx, .arena = &f->arena, .builder = f->b};
}

static inline void end(fixture *f) {
  pq_builder_free(f->b);
  pq_arena_release(&f->arena);
  CHECK(unit_live_len == 0);
}

static inline pq_value value_of(fixture *f, const char *json) {
  pq_value v = {0};
  pq_builder_clear(f->b);
  CHECK(pq_json_value(f->b, pq_str(json), &f->arena, &v) == PQ_OK);
  pq_builder_clear(f->b);
  return v;
}

/* The result for a document as canonical JSON ("missing"), or the code as text. */
static inline const char *result(fixture *f, const char *doc, const char *expression) {
  pq_expression *e;
  pq_value v;
  pq_buf buf;
  int rc;
  f->eval.root = value_of(f, doc);
  rc = pq_expression_parse(&f->arena, &f->env, value_of(f, expression), &e);
  if (rc == PQ_OK) rc = pq_expression_eval(e, &f->eval, &v);
  if (rc != PQ_OK) {
    snprintf(f->text, sizeof f->text, "%d: %s", rc, f->cx.msg);
    return f->text;
  }
  if (pq_value_is_missing(v)) return "missing";
  pq_buf_init(&buf, &f->cx, sizeof f->text - 1);
  CHECK(pq_json_print(&buf, v, PQ_JSON_CANONICAL) == PQ_OK);
  snprintf(f->text, sizeof f->text, "%.*s", (int)buf.len, (const char *)buf.p);
  pq_buf_release(&buf);
  return f->text;
}

/* Says what was there instead. */
static inline bool is(const char *got, const char *want) {
  bool is_same = strcmp(got, want) == 0;
  if (!is_same) fprintf(stderr, "  got  %s\n  want %s\n", got, want);
  return is_same;
}

static inline bool gives(fixture *f, const char *expression, const char *want) {
  return is(result(f, "{}", expression), want);
}

static inline bool fails(fixture *f, const char *expression, int code, const char *part) {
  const char *got = result(f, "{}", expression);
  bool is_good = atoi(got) == code && strstr(got, part) != NULL;
  if (!is_good) fprintf(stderr, "  got  %s\n  want %d: …%s…\n", got, code, part);
  return is_good;
}

#define INT(x) "{\"$numberInt\":\"" x "\"}"
#define LONG(x) "{\"$numberLong\":\"" x "\"}"
#define DBL(x) "{\"$numberDouble\":\"" x "\"}"
#define DEC(x) "{\"$numberDecimal\":\"" x "\"}"
#define DATE(x) "{\"$date\":{\"$numberLong\":\"" x "\"}}"

#endif
