/* test/unit/expression_cases.h - tables of a document, an expression and its answer, all as JSON.
 *
 *     {"{\"a\": 2}", "{\"$add\": [\"$a\", 1]}", "{\"$numberInt\": \"3\"}"}
 *
 * Answers are compared as canonical Extended JSON, so types count. "" is missing, and text that
 * begins with '!' is what the message of the failure must hold.
 */
#ifndef PQ_TEST_EXPRESSION_CASES_H
#define PQ_TEST_EXPRESSION_CASES_H

#include "expr/expression.h"
#include "port/zoneinfo.h"
#include "unit.h"
#include "value/json.h"

typedef struct expression_case {
  const char *doc, *expression, *expected;
} expression_case;

static void expression_print(pq_cx *cx, pq_value v, pq_buf *out) {
  pq_buf_init(out, cx, 1 << 24);
  if (!pq_value_is_missing(v)) CHECK(pq_json_print(out, v, PQ_JSON_CANONICAL) == PQ_OK);
}

static int expression_read(pq_arena *arena, pq_builder *b, const char *text, pq_value *out) {
  *out = (pq_value){0};
  if (text[0] == '\0') return PQ_OK;
  pq_builder_clear(b);
  return pq_json_value(b, pq_str(text), arena, out);
}

static int expression_eval(pq_arena *arena, pq_builder *b, pq_env *env, const expression_case *c,
                           pq_value *out) {
  pq_eval s = {.cx = arena->cx, .arena = arena, .builder = b};
  pq_value spec;
  pq_expression *e;
  *out = (pq_value){0};
  PQ_TRY(expression_read(arena, b, c->doc, &s.root));
  PQ_TRY(expression_read(arena, b, c->expression, &spec));
  if (env != NULL) s.collation = env->collation;
  PQ_TRY(pq_expression_parse(arena, env, spec, &e));
  return pq_expression_eval(e, &s, out);
}

static bool expression_is_right(pq_arena *arena, pq_builder *b, pq_env *env,
                                const expression_case *c) {
  pq_value ours, theirs;
  pq_buf x, y;
  bool is_same;
  int rc = expression_eval(arena, b, env, c, &ours);
  if (c->expected[0] == '!') {
    is_same = rc != PQ_OK && strstr(arena->cx->msg, c->expected + 1) != NULL;
    if (!is_same) fprintf(stderr, "  %s: %d %s\n", c->expression, rc, arena->cx->msg);
    return is_same;
  }
  if (rc != PQ_OK || expression_read(arena, b, c->expected, &theirs) != PQ_OK) {
    fprintf(stderr, "  %s: %s\n", c->expression, arena->cx->msg);
    return false;
  }
  expression_print(arena->cx, ours, &x);
  expression_print(arena->cx, theirs, &y);
  is_same = pq_slice_eq(pq_buf_slice(&x), pq_buf_slice(&y));
  if (!is_same)
    fprintf(stderr, "  %s: %.*s, not %s\n", c->expression, (int)x.len, (const char *)x.p,
            c->expected);
  pq_buf_release(&x);
  pq_buf_release(&y);
  return is_same;
}

/* Run all cases; `env` may be NULL. */
static inline void expression_run(pq_env *env, const expression_case *cases, size_t count) {
  pq_cx cx;
  pq_arena arena;
  pq_builder *b;
  unit_cx_init(&cx);
  pq_zone_set(&cx);
  pq_arena_init(&arena, &cx, 1u << 28);
  CHECK(pq_builder_new(&cx, &b) == PQ_OK);
  for (size_t i = 0; i < count; i++) {
    CHECK(expression_is_right(&arena, b, env, &cases[i]));
    pq_arena_clear(&arena);
  }
  pq_builder_free(b);
  pq_arena_release(&arena);
  CHECK(unit_live_len == 0);
}

/* One case again and again, with each allocation failing in turn. */
static inline void expression_run_oom(const expression_case *c) {
  for (long n = 1; n > 0;) {
    pq_cx cx;
    pq_arena arena;
    pq_builder *b;
    pq_value out;
    int rc;
    unit_cx_init(&cx);
    pq_zone_set(&cx);
    unit_fail_at = n;
    pq_arena_init(&arena, &cx, 1u << 28);
    rc = pq_builder_new(&cx, &b);
    if (rc == PQ_OK) rc = expression_eval(&arena, b, NULL, c, &out);
    pq_builder_free(b);
    pq_arena_release(&arena);
    n = unit_oom_next(n, rc);
  }
}

#define EXPRESSIONS(cases) expression_run(NULL, cases, sizeof(cases) / sizeof *(cases))

#endif
