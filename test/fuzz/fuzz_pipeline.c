/* test/fuzz/fuzz_pipeline.c - a pipeline and an array of documents, both as
 * JSON, each on a line of its own. The documents are the input and every
 * collection. Every document that comes out is a valid object.
 */
#include "fuzz.h"

#include "../unit/pipeline.h"
#include "value/json.h"

enum { RESULTS_MAX = 100000 };

typedef struct results {
  pq_cx *cx;
  uint32_t count;
} results;

static int check_document(void *ud, pq_value doc) {
  results *r = ud;
  pq_value checked;
  FUZZ_CHECK(pq_value_type(doc) == PQ_TYPE_OBJECT);
  FUZZ_CHECK(pq_value_check(r->cx, pq_value_meta(doc), pq_value_bytes(doc), &checked) == PQ_OK);
  return ++r->count == RESULTS_MAX ? PQ_YIELD : PQ_OK;
}

/* {"c": docs, "d": docs} */
static int make_collections(pq_builder *b, pq_arena *arena, pq_value docs, pq_value *out) {
  pq_builder_clear(b);
  PQ_TRY(pq_builder_begin_object(b));
  PQ_TRY(pq_builder_key_str(b, "c"));
  PQ_TRY(pq_builder_value(b, docs));
  PQ_TRY(pq_builder_key_str(b, "d"));
  PQ_TRY(pq_builder_value(b, docs));
  PQ_TRY(pq_builder_end(b));
  return pq_builder_finish(b, arena, out);
}

static void run(pq_cx *cx, pq_builder *b, pq_arena *arena, pq_slice stages_text,
                pq_slice docs_text) {
  pipeline_bench t = {.cx = cx, .arena = arena, .b = b, .memory_max = 1u << 18};
  results r = {.cx = cx};
  pq_value stages;
  if (pq_json_value(b, stages_text, arena, &stages) != PQ_OK) return;
  pq_builder_clear(b);
  if (pq_json_value(b, docs_text, arena, &t.docs) != PQ_OK) return;
  if (make_collections(b, arena, t.docs, &t.collections) != PQ_OK) return;
  pq_builder_clear(b);
  FUZZ_CHECK(pipeline_run(&t, stages, check_document, &r) <= 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  pq_slice in = {data, size}, stages_text;
  pq_arena arena;
  pq_builder *b;
  pq_cx cx;
  fuzz_cx_init(&cx);
  pq_arena_init(&arena, &cx, cx.limits.op_len_max);
  FUZZ_CHECK(pq_builder_new(&cx, &b) == PQ_OK);
  stages_text = fuzz_until(&in, '\n');
  run(&cx, b, &arena, stages_text, in);
  pq_builder_free(b);
  pq_arena_release(&arena);
  return 0;
}
