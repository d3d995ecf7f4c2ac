/* test/fuzz/fuzz_bson.c - BSON in; what is accepted is a sound value, is written, and reads back as
 * the same value. */
#include "fuzz.h"

#include "server/bson_value.h"

static void round_trip(pq_cx *cx, pq_builder *b, pq_arena *arena, pq_value v) {
  pq_bson_out o;
  pq_value again;
  pq_buf out;
  pq_buf_init(&out, cx, 64u << 20);
  pq_bson_begin(&o, &out);
  pq_bson_fields(&o, v);
  FUZZ_CHECK(pq_bson_finish(&o) == PQ_OK);
  FUZZ_CHECK(pq_bson_read(b, pq_buf_slice(&out), arena, &again) == PQ_OK);
  FUZZ_CHECK(pq_slice_eq(pq_value_bytes(v), pq_value_bytes(again)));
  FUZZ_CHECK(pq_slice_eq(pq_value_meta(v), pq_value_meta(again)));
  pq_buf_release(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  pq_cx cx;
  pq_arena arena;
  pq_builder *b;
  pq_value v, checked;
  fuzz_cx_init(&cx);
  pq_arena_init(&arena, &cx, cx.limits.op_len_max);
  FUZZ_CHECK(pq_builder_new(&cx, &b) == PQ_OK);
  if (pq_bson_read(b, (pq_slice){data, size}, &arena, &v) == PQ_OK) {
    FUZZ_CHECK(pq_value_check(&cx, pq_value_meta(v), pq_value_bytes(v), &checked) == PQ_OK);
    round_trip(&cx, b, &arena, v);
  }
  pq_builder_free(b);
  pq_arena_release(&arena);
  return 0;
}
