/* test/fuzz/fuzz_json.c - JSON text in; what is accepted prints canonically and reads back as the
 * same bytes. */
#include "fuzz.h"

#include "value/json.h"

static void round_trip(pq_cx *cx, pq_builder *b, pq_arena *arena, pq_value v) {
  pq_buf text;
  pq_value again;
  pq_buf_init(&text, cx, 64u << 20);
  for (int form = PQ_JSON_RELAXED; form <= PQ_JSON_PRETTY; form++) {
    pq_buf_clear(&text);
    FUZZ_CHECK(pq_json_print(&text, v, (pq_json_form)form) == PQ_OK);
    pq_builder_clear(b);
    FUZZ_CHECK(pq_json_value(b, pq_buf_slice(&text), arena, &again) == PQ_OK);
    if (form != PQ_JSON_CANONICAL) continue;
    FUZZ_CHECK(pq_slice_eq(pq_value_bytes(v), pq_value_bytes(again)));
    FUZZ_CHECK(pq_slice_eq(pq_value_meta(v), pq_value_meta(again)));
  }
  pq_buf_release(&text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  pq_cx cx;
  pq_arena arena;
  pq_builder *b;
  pq_value v, checked;
  fuzz_cx_init(&cx);
  pq_arena_init(&arena, &cx, cx.limits.op_len_max);
  FUZZ_CHECK(pq_builder_new(&cx, &b) == PQ_OK);
  if (pq_json_value(b, (pq_slice){data, size}, &arena, &v) == PQ_OK) {
    FUZZ_CHECK(pq_value_check(&cx, pq_value_meta(v), pq_value_bytes(v), &checked) == PQ_OK);
    round_trip(&cx, b, &arena, v);
  }
  pq_builder_free(b);
  pq_arena_release(&arena);
  return 0;
}
