/* test/fuzz/fuzz_filter.c - a filter and a document, both as JSON, each on a line of its own. A
 * document that matches must satisfy each of the filter's positive terms, as pruning relies on. */
#include "fuzz.h"

#include "expr/filter.h"
#include "value/json.h"

static void run(pq_builder *b, pq_arena *arena, pq_slice spec_text, pq_slice doc_text) {
  pq_value spec, doc;
  pq_filter *filter;
  const pq_conjunct *terms;
  uint32_t count;
  bool is_whole, is_match, all_match = true;
  if (pq_json_value(b, spec_text, arena, &spec) != PQ_OK) return;
  if (pq_filter_parse(arena, NULL, spec, &filter) != PQ_OK) return;
  terms = pq_filter_conjuncts(filter, &count, &is_whole);
  pq_builder_clear(b);
  if (pq_json_value(b, doc_text, arena, &doc) != PQ_OK) return;
  if (pq_value_type(doc) != PQ_TYPE_OBJECT) return;
  is_match = pq_filter_match(filter, NULL, doc, (pq_value){0});
  if (pq_filter_is_empty(filter)) FUZZ_CHECK(is_match);
  for (uint32_t i = 0; i < count; i++) {
    pq_value v = pq_object_get(doc, terms[i].path->text);
    pq_type type = pq_value_type(v);
    /* Only a plain field says it all: no dots, no array. */
    if (terms[i].path->count != 1 || type == PQ_TYPE_ARRAY) return;
    if (!pq_conjunct_match(&terms[i], v)) all_match = false;
  }
  if (is_match) FUZZ_CHECK(all_match);
  if (is_whole) FUZZ_CHECK(is_match == all_match);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  pq_slice in = {data, size}, spec_text;
  pq_cx cx;
  pq_arena arena;
  pq_builder *b;
  fuzz_cx_init(&cx);
  pq_arena_init(&arena, &cx, cx.limits.op_len_max);
  FUZZ_CHECK(pq_builder_new(&cx, &b) == PQ_OK);
  spec_text = fuzz_until(&in, '\n');
  run(b, &arena, spec_text, in);
  pq_builder_free(b);
  pq_arena_release(&arena);
  return 0;
}
