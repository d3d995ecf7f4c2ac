/* query/stage_redact.c - $redact: what of a document may be seen, level by level.
 *
 *   expression(level) ──► "keep"     the level stays as it is
 *                     ──► "prune"    it is gone
 *                     ──► "descend"  it stays, and each object in it is asked, in arrays too
 *
 * $$KEEP, $$PRUNE and $$DESCEND are these texts (env.h: has_redact). "$a" is a field of the level:
 * the level is a variable CURRENT, $$ROOT remains the whole document.
 */
#include <string.h>

#include "query/flow_int.h"

enum { DESCEND, PRUNE, KEEP, ANSWERS };
static const char *const answers[ANSWERS] = {"descend", "prune", "keep"};

typedef struct redact {
  pq_expression *expression;
  uint32_t level; /* the place of CURRENT */
} redact;

int pq_parse_redact(pq_pipe_parser *s, pq_pipe_stage *g, pq_value spec) {
  pq_env *env = pq_arena_calloc(s->arena, 1, sizeof *env);
  redact *r;
  void *data;
  if (env == NULL) return s->cx->code;
  if (s->env != NULL) *env = *s->env;
  if (env->variable_count == PQ_VARIABLES_MAX)
    return pq_fail(s->cx, PQ_ELIMIT, "stage '$redact': more than %d variables", PQ_VARIABLES_MAX);
  PQ_TRY(pq_stage_data(s, g, sizeof *r, &data));
  r = data;
  r->level = env->variable_count;
  env->variables[env->variable_count++] = PQ_SLICE("CURRENT");
  env->has_redact = true;
  return pq_expression_parse(s->arena, env, spec, &r->expression);
}

static int ask(pq_flow *f, const redact *r, pq_value level, int *out) {
  pq_value v;
  pq_slice text = {0};
  f->eval.variables[r->level] = level;
  PQ_TRY(pq_expression_eval(r->expression, &f->eval, &v));
  (void)pq_value_string(v, &text);
  for (*out = 0; *out < ANSWERS; ++*out)
    if (pq_slice_is(text, answers[*out])) return PQ_OK;
  return pq_fail(f->cx, PQ_EINVALID,
                 "stage '$redact': the expression must give $$KEEP, $$PRUNE or $$DESCEND");
}

static int redact_value(pq_flow *f, const redact *r, pq_value v, uint32_t depth, pq_value *out);

static int redact_fields(pq_flow *f, const redact *r, pq_value v, uint32_t depth, pq_value *out) {
  uint32_t count;
  pq_field *fields = pq_object_fields(f->eval.arena, v, &count);
  if (fields == NULL && pq_value_count(v) > 0) return f->cx->code;
  for (uint32_t i = 0; i < count; i++)
    PQ_TRY(redact_value(f, r, fields[i].value, depth + 1, &fields[i].value));
  return pq_make_object(&f->eval, fields, count, out);
}

static int redact_elements(pq_flow *f, const redact *r, pq_value v, uint32_t depth, pq_value *out) {
  uint32_t count = pq_value_count(v), kept = 0;
  pq_value *items = pq_arena_calloc(f->eval.arena, (size_t)count + 1, sizeof *items);
  if (items == NULL) return f->cx->code;
  for (uint32_t i = 0; i < count; i++) {
    PQ_TRY(redact_value(f, r, pq_array_at(v, i), depth + 1, &items[kept]));
    kept += !pq_value_is_missing(items[kept]);
  }
  return pq_make_array(&f->eval, items, kept, out);
}

/* Missing: it is gone. Recursion by the nesting of the document. */
static int redact_value(pq_flow *f, const redact *r, pq_value v, uint32_t depth, pq_value *out) {
  pq_type type = pq_value_type(v);
  int answer;
  *out = v;
  if (depth > f->cx->limits.depth_max)
    return pq_fail(f->cx, PQ_ELIMIT, "stage '$redact': a document nested more than %u deep",
                   (unsigned)f->cx->limits.depth_max);
  if (type == PQ_TYPE_ARRAY) return redact_elements(f, r, v, depth, out);
  if (type != PQ_TYPE_OBJECT) return PQ_OK;
  PQ_TRY(ask(f, r, v, &answer));
  if (answer == KEEP) return PQ_OK;
  *out = (pq_value){0};
  return answer == PRUNE ? PQ_OK : redact_fields(f, r, v, depth, out);
}

static int redact_row(pq_operator *o, pq_flow *f, pq_value doc) {
  PQ_TRY(redact_value(f, o->stage->data, doc, 0, &doc));
  return pq_value_is_missing(doc) ? PQ_OK : pq_doc_batch_add(o, f, doc);
}

static int redact_next(pq_operator *o, pq_flow *f, pq_doc_batch *out) {
  return pq_rows_next(o, f, out, redact_row);
}

int pq_open_redact(pq_flow *f, const pq_pipe_stage *g, pq_operator *input, pq_operator **out) {
  (void)g;
  PQ_TRY(pq_operator_new(f, sizeof(pq_operator), input, out));
  (*out)->next = redact_next;
  return PQ_OK;
}
