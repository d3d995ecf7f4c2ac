/* test/fuzz/fuzz_hot.c - requests to the hot tier and its states. The encoding is canonical: what
 * was accepted is written as the same bytes again.
 *
 *   input: u8 how | bytes     how even: a request, odd: a state
 */
#include "fuzz.h"

#include "io/hot.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  pq_slice in = {data, size};
  pq_cx cx;
  pq_arena arena;
  pq_buf out;
  pq_hot_request request;
  pq_hot_state state;
  bool is_state = fuzz_byte(&in) % 2 == 1;
  fuzz_cx_init(&cx);
  pq_arena_init(&arena, &cx, cx.limits.op_len_max);
  pq_buf_init(&out, &cx, 64u << 20);
  if (is_state) {
    if (pq_hot_parse_state(&arena, in, &state) == PQ_OK) {
      FUZZ_CHECK(pq_hot_put_state(&out, &state) == PQ_OK);
      FUZZ_CHECK(pq_slice_eq(pq_buf_slice(&out), in));
    }
  } else if (pq_hot_parse_request(&arena, in, &request) == PQ_OK) {
    FUZZ_CHECK(pq_hot_put_request(&out, &request) == PQ_OK);
    FUZZ_CHECK(pq_slice_eq(pq_buf_slice(&out), in));
  }
  pq_buf_release(&out);
  pq_arena_release(&arena);
  return 0;
}
