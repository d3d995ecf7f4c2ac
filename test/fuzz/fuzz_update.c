/* test/fuzz/fuzz_update.c - update operators and a document, both as JSON, each on a line of its
 * own. The document after an update is a valid one; unchanged means the same document. */
#include "fuzz.h"

#include "expr/update.h"
#include "value/compare.h"
#include "value/json.h"

static void run(pq_cx *cx, pq_builder *b, pq_arena *arena, pq_slice spec_text, pq_slice doc_text) {
  pq_value spec, doc, after, checked;
  pq_update *update;
  bool is_changed;
  if (pq_json_value(b, spec_text, arena, &spec) != PQ_OK) return;
  if (pq_update_parse(arena, NULL, spec, (pq_value){0}, &update) != PQ_OK) return;
  pq_builder_clear(b);
  if (pq_json_value(b, doc_text, arena, &doc) != PQ_OK) return;
  if (pq_value_type(doc) != PQ_TYPE_OBJECT) return;
  pq_builder_clear(b);
  if (pq_update_apply(update, &(pq_eval){.cx = (arena)->cx, .arena = arena, .builder = b}, arena,
                      doc, (pq_update_at){.position = -1}, &after, &is_changed) != PQ_OK)
    return;
  FUZZ_CHECK(pq_value_check(cx, pq_value_meta(after), pq_value_bytes(after), &checked) == PQ_OK);
  FUZZ_CHECK(pq_value_type(after) == PQ_TYPE_OBJECT);
  if (!is_changed) FUZZ_CHECK(pq_value_compare(doc, after) == 0);
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
  run(&cx, b, &arena, spec_text, in);
  pq_builder_free(b);
  pq_arena_release(&arena);
  return 0;
}
