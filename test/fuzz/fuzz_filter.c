/* test/fuzz/fuzz_filter.c - a filter and a document, both as JSON, each on a line of its own; an
 * optional third line is a collation. What must hold for every pair:
 *
 *   F and {$nor: [F]} never agree;  a plain field decides a term of a scan as the document does;
 *   what has a position matches;  {path: value} of an upsert matches what the filter says of it.
 */
#include "fuzz.h"

#include "expr/pushdown.h"
#include "value/json.h"

typedef struct work {
  pq_builder *b;
  pq_arena *arena;
  pq_env env;
  pq_eval eval;
} work;

/* {"$nor": [spec]} */
static int negate(work *w, pq_value spec, pq_value *out) {
  pq_builder_clear(w->b);
  PQ_TRY(pq_builder_begin_object(w->b));
  PQ_TRY(pq_builder_key_str(w->b, "$nor"));
  PQ_TRY(pq_builder_begin_array(w->b));
  PQ_TRY(pq_builder_value(w->b, spec));
  PQ_TRY(pq_builder_end(w->b));
  PQ_TRY(pq_builder_end(w->b));
  return pq_builder_finish(w->b, w->arena, out);
}

static bool match(work *w, const pq_filter *f, pq_value doc) {
  w->eval.random = 1; /* the same samples each time */
  return pq_filter_match(f, &w->eval, doc, (pq_value){0});
}

/* 1 or 0 for what plain fields decide, -1 for what only the document can tell. */
static int judge(const pq_push *p, pq_value doc) {
  int sum = p->kind == PQ_PUSH_AND, kid;
  pq_value v;
  if (p->kind == PQ_PUSH_OPAQUE) return -1;
  if (p->kind == PQ_PUSH_TERM) {
    if (p->path->count != 1 || pq_is_system_field(p->path->parts[0].name)) return -1;
    v = pq_object_get(doc, p->path->text);
    return pq_value_type(v) == PQ_TYPE_ARRAY ? -1 : pq_push_match(p, v);
  }
  for (uint32_t i = 0; i < p->kid_count; i++) {
    kid = judge(&p->kids[i], doc);
    if (p->kind == PQ_PUSH_NOT) return kid < 0 ? -1 : !kid;
    if (kid == (p->kind == PQ_PUSH_OR)) return kid;
    if (kid < 0) sum = -1;
  }
  return sum;
}

static void check(work *w, const pq_filter *f, pq_value spec, pq_value doc) {
  const pq_push *root;
  const pq_equality *equalities;
  pq_filter *negation;
  pq_value negated;
  uint32_t count;
  bool is_match = match(w, f, doc);
  int judged;
  if (pq_filter_status(f) != PQ_OK) return;
  if (pq_filter_is_empty(f)) FUZZ_CHECK(is_match);
  if (pq_filter_position(f, &w->eval, doc, (pq_value){0}) >= 0) FUZZ_CHECK(is_match);
  FUZZ_CHECK(pq_filter_equalities(f, w->arena, &equalities, &count) == PQ_OK);
  FUZZ_CHECK(pq_filter_pushdown(f, w->arena, &root) == PQ_OK);
  judged = judge(root, doc);
  if (judged >= 0 && pq_filter_status(f) == PQ_OK) FUZZ_CHECK(judged == is_match);
  if (negate(w, spec, &negated) != PQ_OK) return;
  if (pq_filter_parse(w->arena, &w->env, negated, &negation) != PQ_OK) return; /* too deep */
  is_match = match(w, f, doc);
  FUZZ_CHECK(match(w, negation, doc) != is_match);
}

static void run(work *w, pq_slice spec_text, pq_slice doc_text, pq_slice collation_text) {
  pq_value spec, doc, collation;
  pq_filter *f;
  if (collation_text.n > 0) {
    if (pq_json_value(w->b, collation_text, w->arena, &collation) != PQ_OK) return;
    if (pq_collation_parse(w->arena->cx, collation, &w->env.collation) != PQ_OK) return;
  }
  w->eval = (pq_eval){
      .cx = w->arena->cx, .arena = w->arena, .builder = w->b, .collation = w->env.collation};
  pq_builder_clear(w->b);
  if (pq_json_value(w->b, spec_text, w->arena, &spec) != PQ_OK) return;
  if (pq_filter_parse(w->arena, &w->env, spec, &f) != PQ_OK) return;
  pq_builder_clear(w->b);
  if (pq_json_value(w->b, doc_text, w->arena, &doc) != PQ_OK) return;
  pq_builder_clear(w->b);
  if (pq_value_type(doc) != PQ_TYPE_OBJECT) return;
  check(w, f, spec, doc);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  pq_slice in = {data, size}, spec_text, doc_text;
  work w = {0};
  pq_cx cx;
  pq_arena arena;
  fuzz_cx_init(&cx);
  pq_arena_init(&arena, &cx, cx.limits.op_len_max);
  FUZZ_CHECK(pq_builder_new(&cx, &w.b) == PQ_OK);
  w.arena = &arena;
  spec_text = fuzz_until(&in, '\n');
  doc_text = fuzz_until(&in, '\n');
  run(&w, spec_text, doc_text, in);
  pq_builder_free(w.b);
  pq_arena_release(&arena);
  return 0;
}
