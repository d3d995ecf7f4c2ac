/* query/stage_unwind.c - $unwind: a document per element of an array.
 *
 *   {a: [1, 2], b: 3} ──► {a: 1, b: 3} {a: 2, b: 3}
 *
 * A long array is given out over several batches: `element` is the place in it.
 */
#include "query/flow_int.h"

typedef struct unwind {
  pq_path path, index_path;
  bool has_index, is_preserving;
} unwind;

typedef struct unwinder {
  pq_operator base;
  uint32_t element;
} unwinder;

/* ---- parse ---- */

static int parse_dollar_path(pq_pipe_parser *s, pq_pipe_stage *g, pq_value v, pq_path *out) {
  pq_slice text;
  if (!pq_value_string(v, &text) || text.n < 2 || text.p[0] != '$' || text.p[1] == '$')
    return pq_stage_fail(s, g, "needs a path that begins with '$'");
  return pq_path_parse(s->arena, (pq_slice){text.p + 1, text.n - 1}, out);
}

int pq_parse_unwind(pq_pipe_parser *s, pq_pipe_stage *g, pq_value spec) {
  static const char *const known[] = {"path", "includeArrayIndex", "preserveNullAndEmptyArrays",
                                      NULL};
  pq_field *fields;
  uint32_t count;
  unwind *u;
  void *data;
  PQ_TRY(pq_stage_data(s, g, sizeof *u, &data));
  u = data;
  if (pq_value_type(spec) != PQ_TYPE_OBJECT) return parse_dollar_path(s, g, spec, &u->path);
  PQ_TRY(pq_pipe_fields(s, spec, &fields, &count));
  for (uint32_t i = 0; i < count; i++) {
    if (pq_slice_is(fields[i].name, known[0])) {
      PQ_TRY(parse_dollar_path(s, g, fields[i].value, &u->path));
    } else if (pq_slice_is(fields[i].name, known[1])) {
      u->has_index = true;
      PQ_TRY(pq_stage_path(s, g, fields[i].name, fields[i].value, &u->index_path));
    } else if (pq_slice_is(fields[i].name, known[2])) {
      if (!pq_value_bool(fields[i].value, &u->is_preserving))
        return pq_stage_fail_option(s, g, fields[i].name, "must be true or false");
    } else {
      return pq_stage_fail_unknown(s, g, fields[i].name, known);
    }
  }
  return u->path.count > 0 ? PQ_OK : pq_stage_fail(s, g, "needs a path");
}

/* ---- run ---- */

/* One result; an index below 0 stands for null. */
static int add_result(pq_operator *o, pq_flow *f, pq_value doc, int64_t index) {
  const unwind *u = o->stage->data;
  pq_value v;
  if (u->has_index) {
    PQ_TRY(index < 0 ? pq_make_null(&f->eval, &v) : pq_make_i64(&f->eval, index, &v));
    PQ_TRY(pq_doc_put(f, &u->index_path, doc, v, &doc));
  }
  return pq_doc_batch_add(o, f, doc);
}

static int unwind_row(pq_operator *o, pq_flow *f, pq_value doc) {
  const unwind *u = o->stage->data;
  unwinder *w = (unwinder *)(void *)o;
  pq_value array = pq_doc_get(doc, &u->path), one;
  pq_type type = pq_value_type(array);
  uint32_t count = pq_value_count(array);
  if (type == PQ_TYPE_MISSING || type == PQ_TYPE_NULL)
    return u->is_preserving ? add_result(o, f, doc, -1) : PQ_OK;
  if (type != PQ_TYPE_ARRAY) return add_result(o, f, doc, -1);
  if (count == 0 && u->is_preserving) {
    PQ_TRY(pq_doc_put(f, &u->path, doc, (pq_value){0}, &one));
    return add_result(o, f, one, -1);
  }
  for (; w->element < count && !pq_doc_batch_is_full(o); w->element++) {
    PQ_TRY(pq_doc_put(f, &u->path, doc, pq_array_at(array, w->element), &one));
    PQ_TRY(add_result(o, f, one, w->element));
  }
  /* Not through yet: the same document comes again, in the next batch. */
  o->is_staying = w->element < count;
  if (w->element == count) w->element = 0;
  return PQ_OK;
}

static int unwind_next(pq_operator *o, pq_flow *f, pq_doc_batch *out) {
  return pq_rows_next(o, f, out, unwind_row);
}

int pq_open_unwind(pq_flow *f, const pq_pipe_stage *g, pq_operator *input, pq_operator **out) {
  (void)g;
  PQ_TRY(pq_operator_new(f, sizeof(unwinder), input, out));
  (*out)->next = unwind_next;
  return PQ_OK;
}
