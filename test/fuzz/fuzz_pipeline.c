/* test/fuzz/fuzz_pipeline.c - a pipeline and an array of documents, both as JSON, each on a line
 * of its own. Every document that comes out is a valid object. */
#include "fuzz.h"

#include "query/aggregate.h"
#include "value/json.h"

static int check_document(void *ud, pq_value doc) {
  pq_cx *cx = ud;
  pq_value checked;
  FUZZ_CHECK(pq_value_type(doc) == PQ_TYPE_OBJECT);
  FUZZ_CHECK(pq_value_check(cx, pq_value_meta(doc), pq_value_bytes(doc), &checked) == PQ_OK);
  return PQ_OK;
}

static void run(pq_cx *cx, pq_builder *b, pq_arena arenas[2], pq_slice stages_text,
                pq_slice docs_text) {
  pq_value stages, docs;
  pq_pipeline *p;
  int rc = PQ_OK;
  if (pq_json_value(b, stages_text, &arenas[0], &stages) != PQ_OK) return;
  if (pq_pipeline_parse(&arenas[0], NULL, stages, &p) != PQ_OK) return;
  pq_builder_clear(b);
  if (pq_json_value(b, docs_text, &arenas[0], &docs) != PQ_OK) return;
  pq_builder_clear(b);
  pq_pipeline_begin(p, (pq_eval){.cx = cx, .arena = &arenas[1], .builder = b}, &arenas[0],
                    check_document, cx);
  for (uint32_t i = 0; rc == PQ_OK && i < pq_value_count(docs); i++)
    if (pq_value_type(pq_array_at(docs, i)) == PQ_TYPE_OBJECT)
      rc = pq_pipeline_push(p, pq_array_at(docs, i));
  if (rc >= 0) rc = pq_pipeline_finish(p);
  FUZZ_CHECK(rc <= 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  pq_slice in = {data, size}, stages_text;
  pq_arena arenas[2];
  pq_builder *b;
  pq_cx cx;
  fuzz_cx_init(&cx);
  for (int i = 0; i < 2; i++)
    pq_arena_init(&arenas[i], &cx, cx.limits.op_len_max);
  FUZZ_CHECK(pq_builder_new(&cx, &b) == PQ_OK);
  stages_text = fuzz_until(&in, '\n');
  run(&cx, b, arenas, stages_text, in);
  pq_builder_free(b);
  for (int i = 0; i < 2; i++)
    pq_arena_release(&arenas[i]);
  return 0;
}
