/* test/fuzz/fuzz_update.c - an update, array filters, a document and a projection, all as JSON,
 * each on a line of its own; the last three may be missing. The document after an update is a valid
 * one; unchanged means the same document. */
#include "fuzz.h"

#include "expr/project.h"
#include "expr/update.h"
#include "value/compare.h"
#include "value/json.h"

typedef struct bench {
  pq_cx *cx;
  pq_builder *b;
  pq_arena *arena;
} bench;

static pq_eval eval_of(bench *t, pq_value root) {
  return (pq_eval){.cx = t->cx, .arena = t->arena, .builder = t->b, .root = root};
}

/* Empty lines are missing values. */
static bool read_json(bench *t, pq_slice text, pq_value *out) {
  *out = (pq_value){0};
  pq_builder_clear(t->b);
  return text.n == 0 || pq_json_value(t->b, text, t->arena, out) == PQ_OK;
}

static void check_document(bench *t, pq_value v) {
  pq_value checked;
  FUZZ_CHECK(pq_value_check(t->cx, pq_value_meta(v), pq_value_bytes(v), &checked) == PQ_OK);
  FUZZ_CHECK(pq_value_type(v) == PQ_TYPE_OBJECT);
  FUZZ_CHECK(v.len <= t->cx->limits.doc_len_max);
}

static void run_update(bench *t, const pq_update *update, pq_value doc, int64_t position) {
  pq_eval eval = eval_of(t, doc);
  pq_update_at at = {.position = position};
  pq_value after;
  bool is_changed;
  if (pq_update_apply(update, &eval, t->arena, doc, at, &after, &is_changed) != PQ_OK) return;
  check_document(t, after);
  if (!is_changed) FUZZ_CHECK(pq_value_compare(doc, after) == 0);
}

/* The document as the filter of an upsert. */
static void run_upsert(bench *t, const pq_update *update, pq_value doc) {
  pq_eval eval = eval_of(t, doc);
  pq_filter *filter;
  pq_value out;
  if (pq_filter_parse(t->arena, NULL, doc, &filter) != PQ_OK) return;
  if (pq_update_upsert(update, filter, &eval, t->arena, &out) == PQ_OK) check_document(t, out);
}

static void run_projection(bench *t, pq_value spec, pq_value doc, int64_t position) {
  pq_eval eval = eval_of(t, doc);
  pq_projection *p;
  pq_value out;
  if (pq_projection_parse(t->arena, NULL, spec, &p) != PQ_OK || p == NULL) return;
  if (pq_projection_apply(p, &eval, t->arena, position, &out) == PQ_OK) check_document(t, out);
}

static void run(bench *t, pq_slice in) {
  pq_slice spec_text = fuzz_until(&in, '\n'), doc_text = fuzz_until(&in, '\n');
  pq_slice filters_text = fuzz_until(&in, '\n');
  pq_value spec, filters, doc, projection;
  pq_update *update;
  if (!read_json(t, doc_text, &doc) || pq_value_type(doc) != PQ_TYPE_OBJECT) return;
  if (read_json(t, in, &projection))
    for (int64_t position = -1; position < 2; position++)
      run_projection(t, projection, doc, position);
  if (!read_json(t, spec_text, &spec) || !read_json(t, filters_text, &filters)) return;
  if (pq_update_parse(t->arena, NULL, spec, filters, &update) != PQ_OK) return;
  run_update(t, update, doc, -1);
  if (pq_update_is_positional(update)) run_update(t, update, doc, 1);
  run_upsert(t, update, doc);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  pq_cx cx;
  pq_arena arena;
  pq_builder *b;
  fuzz_cx_init(&cx);
  pq_arena_init(&arena, &cx, cx.limits.op_len_max);
  FUZZ_CHECK(pq_builder_new(&cx, &b) == PQ_OK);
  run(&(bench){&cx, b, &arena}, (pq_slice){data, size});
  pq_builder_free(b);
  pq_arena_release(&arena);
  return 0;
}
