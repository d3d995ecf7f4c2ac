/* query/stage_row.c - stages that look at one document at a time: $match, $project and its kin,
 * $replaceRoot, $skip, $limit, $count.
 *
 *   batch in ──► row(doc) row(doc) … ──► batch out      documents that pass are not copied
 */
#include <string.h>

#include "query/flow_int.h"

static bool is_dollar(pq_slice name) {
  return name.n > 0 && name.p[0] == '$';
}

/* An operator of no state but the base, with the stage's next(). */
static int open_rows(pq_flow *f, pq_operator *input,
                     int (*next)(pq_operator *o, pq_flow *f, pq_doc_batch *out),
                     pq_operator **out) {
  PQ_TRY(pq_operator_new(f, sizeof(pq_operator), input, out));
  (*out)->next = next;
  return PQ_OK;
}

/* ---- $match ---- */

int pq_parse_match(pq_pipe_parser *s, pq_pipe_stage *g, pq_value spec) {
  pq_filter *filter;
  if (pq_value_type(spec) != PQ_TYPE_OBJECT) return pq_stage_fail(s, g, "needs a filter");
  PQ_TRY(pq_filter_parse(s->arena, s->env, spec, &filter));
  g->data = filter;
  if (!pq_filter_needs_eval(filter)) return PQ_OK;
  /* Can a scan judge it, which knows nothing but the document? */
  g->number =
      pq_raw_is_random(s->arena, spec) || pq_raw_uses_variable(s->arena, spec, PQ_SLICE("NOW"));
  for (uint32_t i = 0; s->env != NULL && i < s->env->variable_count; i++)
    g->number |= pq_raw_uses_variable(s->arena, spec, s->env->variables[i]);
  return PQ_OK;
}

static int match_row(pq_operator *o, pq_flow *f, pq_value doc) {
  const pq_filter *filter = o->stage->data;
  bool is_match = pq_filter_match(filter, &f->eval, doc, (pq_value){0});
  PQ_TRY(pq_filter_status(filter));
  return is_match ? pq_doc_batch_add(o, f, doc) : PQ_OK;
}

static int match_next(pq_operator *o, pq_flow *f, pq_doc_batch *out) {
  return pq_rows_next(o, f, out, match_row);
}

int pq_open_match(pq_flow *f, const pq_pipe_stage *g, pq_operator *input, pq_operator **out) {
  (void)g;
  return open_rows(f, input, match_next, out);
}

/* ---- $project, $addFields, $set, $unset ---- */

static int parse_shape(pq_pipe_parser *s, pq_pipe_stage *g, pq_value spec, bool is_add) {
  pq_shape *shape;
  PQ_TRY(pq_shape_parse(s->arena, s->env, g->kind->name, spec, is_add, &shape));
  g->data = shape;
  return PQ_OK;
}

int pq_parse_project(pq_pipe_parser *s, pq_pipe_stage *g, pq_value spec) {
  return parse_shape(s, g, spec, false);
}

int pq_parse_add_fields(pq_pipe_parser *s, pq_pipe_stage *g, pq_value spec) {
  return parse_shape(s, g, spec, true);
}

int pq_parse_unset(pq_pipe_parser *s, pq_pipe_stage *g, pq_value spec) {
  pq_shape *shape;
  PQ_TRY(pq_shape_parse_unset(s->arena, g->kind->name, spec, &shape));
  g->data = shape;
  return PQ_OK;
}

static int shape_row(pq_operator *o, pq_flow *f, pq_value doc) {
  PQ_TRY(pq_shape_apply(o->stage->data, &f->eval, &doc));
  return pq_doc_batch_add(o, f, doc);
}

static int shape_next(pq_operator *o, pq_flow *f, pq_doc_batch *out) {
  return pq_rows_next(o, f, out, shape_row);
}

int pq_open_shape(pq_flow *f, const pq_pipe_stage *g, pq_operator *input, pq_operator **out) {
  (void)g;
  return open_rows(f, input, shape_next, out);
}

/* ---- $replaceRoot, $replaceWith ---- */

int pq_parse_replace_with(pq_pipe_parser *s, pq_pipe_stage *g, pq_value spec) {
  pq_expression *e;
  PQ_TRY(pq_expression_parse(s->arena, s->env, spec, &e));
  g->data = e;
  return PQ_OK;
}

int pq_parse_replace_root(pq_pipe_parser *s, pq_pipe_stage *g, pq_value spec) {
  pq_value root = pq_object_get_str(spec, "newRoot");
  if (pq_value_type(spec) != PQ_TYPE_OBJECT || pq_value_is_missing(root) ||
      pq_value_count(spec) != 1)
    return pq_stage_fail(s, g, "needs an object of one field, newRoot");
  return pq_parse_replace_with(s, g, root);
}

static int replace_row(pq_operator *o, pq_flow *f, pq_value doc) {
  PQ_TRY(pq_expression_eval(o->stage->data, &f->eval, &doc));
  if (pq_value_type(doc) != PQ_TYPE_OBJECT)
    return pq_fail(f->cx, PQ_EINVALID, "stage '%s' needs an object, not %s", o->stage->kind->name,
                   pq_value_is_missing(doc) ? "missing" : pq_type_name(pq_value_type(doc)));
  return pq_doc_batch_add(o, f, doc);
}

static int replace_next(pq_operator *o, pq_flow *f, pq_doc_batch *out) {
  return pq_rows_next(o, f, out, replace_row);
}

int pq_open_replace(pq_flow *f, const pq_pipe_stage *g, pq_operator *input, pq_operator **out) {
  (void)g;
  return open_rows(f, input, replace_next, out);
}

/* ---- $skip, $limit ---- */

int pq_parse_number(pq_pipe_parser *s, pq_pipe_stage *g, pq_value spec) {
  bool is_limit = g->kind->open == pq_open_limit;
  if (!pq_stage_number(spec, &g->number) || (is_limit && g->number == 0))
    return pq_stage_fail(
        s, g, is_limit ? "needs a whole number above 0" : "needs a whole number, 0 or more");
  return PQ_OK;
}

static int skip_next(pq_operator *o, pq_flow *f, pq_doc_batch *out) {
  do {
    PQ_TRY(pq_operator_next(o->input, f, out));
    if (out->count == 0 || o->seen == o->stage->number) return PQ_OK;
    if (out->count > o->stage->number - o->seen) {
      out->docs += o->stage->number - o->seen;
      out->count -= o->stage->number - o->seen;
      o->seen = o->stage->number;
      return PQ_OK;
    }
    o->seen += out->count;
  } while (true);
}

int pq_open_skip(pq_flow *f, const pq_pipe_stage *g, pq_operator *input, pq_operator **out) {
  (void)g;
  return open_rows(f, input, skip_next, out);
}

static int limit_next(pq_operator *o, pq_flow *f, pq_doc_batch *out) {
  uint64_t left = o->stage->number - o->seen;
  if (left == 0) return PQ_OK; /* the end, and the input is asked no more */
  PQ_TRY(pq_operator_next(o->input, f, out));
  if (out->count > left) out->count = left;
  o->seen += out->count;
  return PQ_OK;
}

int pq_open_limit(pq_flow *f, const pq_pipe_stage *g, pq_operator *input, pq_operator **out) {
  (void)g;
  return open_rows(f, input, limit_next, out);
}

/* ---- $count ---- */

int pq_parse_count(pq_pipe_parser *s, pq_pipe_stage *g, pq_value spec) {
  pq_slice name;
  void *data;
  if (!pq_value_string(spec, &name) || name.n == 0 || is_dollar(name) ||
      memchr(name.p, '.', name.n) != NULL || memchr(name.p, 0, name.n) != NULL)
    return pq_stage_fail(s, g, "needs a name without '$' and '.'");
  PQ_TRY(pq_stage_data(s, g, sizeof name, &data));
  memcpy(data, &name, sizeof name);
  return PQ_OK;
}

/* Nothing in, nothing out (MongoDB's manual). */
static int count_next(pq_operator *o, pq_flow *f, pq_doc_batch *out) {
  pq_field field = {0};
  pq_value doc;
  pq_doc_batch in;
  if (o->is_over) return PQ_OK;
  for (;;) {
    PQ_TRY(pq_operator_next(o->input, f, &in));
    if (in.count == 0) break;
    o->seen += in.count;
  }
  pq_doc_batch_clear(o);
  f->eval.arena = &o->arena;
  memcpy(&field.name, o->stage->data, sizeof field.name);
  if (o->seen > 0) {
    PQ_TRY(o->seen > INT32_MAX ? pq_make_i64(&f->eval, (int64_t)o->seen, &field.value)
                               : pq_make_i32(&f->eval, (int32_t)o->seen, &field.value));
    PQ_TRY(pq_make_object(&f->eval, &field, 1, &doc));
    PQ_TRY(pq_doc_batch_add(o, f, doc));
  }
  o->is_over = true;
  *out = pq_doc_batch_of(o);
  return PQ_OK;
}

int pq_open_count_stage(pq_flow *f, const pq_pipe_stage *g, pq_operator *input, pq_operator **out) {
  (void)g;
  return open_rows(f, input, count_next, out);
}
