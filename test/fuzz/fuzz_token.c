/* test/fuzz/fuzz_token.c - resume tokens of change streams: a token that is read is written as the
 * same digits, and its namespace is a text that ends. */
#include "fuzz.h"

#include "server/mongo_token.h"
#include "value/builder.h"

static int make(pq_builder *b, pq_arena *arena, pq_slice text, pq_value *out) {
  PQ_TRY(pq_builder_begin_object(b));
  PQ_TRY(pq_builder_key_str(b, "_data"));
  PQ_TRY(pq_builder_string(b, text));
  PQ_TRY(pq_builder_end(b));
  return pq_builder_finish(b, arena, out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  pq_slice text = {data, size};
  pq_mongo_token token;
  char again[PQ_TOKEN_CAP];
  pq_arena arena;
  pq_builder *b;
  pq_value v;
  pq_cx cx;
  fuzz_cx_init(&cx);
  pq_arena_init(&arena, &cx, cx.limits.op_len_max);
  FUZZ_CHECK(pq_builder_new(&cx, &b) == PQ_OK);
  if (make(b, &arena, text, &v) == PQ_OK && pq_token_read(v, &token)) {
    FUZZ_CHECK(memchr(token.ns, 0, sizeof token.ns) != NULL && token.ns[0] != '\0');
    pq_token_text(&token, again);
    FUZZ_CHECK(strlen(again) == size);
    for (size_t i = 0; i < size; i++) /* small letters are digits, too */
      FUZZ_CHECK(again[i] == (data[i] >= 'a' ? data[i] - 32 : data[i]));
  }
  pq_builder_free(b);
  pq_arena_release(&arena);
  return 0;
}
