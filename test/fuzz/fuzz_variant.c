/* test/fuzz/fuzz_variant.c - Variant bytes from outside: what pq_value_check accepts can be walked,
 * compared, copied and printed without leaving its bytes.
 *
 *   input: u16 length of the metadata | metadata | value
 */
#include "fuzz.h"

#include "value/compare.h"
#include "value/json.h"

static void scalars(pq_value v) {
  bool is_true;
  int64_t i;
  double d;
  pq_slice text;
  pq_decimal decimal;
  (void)pq_value_bool(v, &is_true);
  (void)pq_value_i64(v, &i);
  (void)pq_value_number(v, &d);
  (void)pq_value_string(v, &text);
  (void)pq_value_binary(v, &text);
  (void)pq_value_date_us(v, &i);
  (void)pq_value_object_id(v, &text);
  (void)pq_value_decimal(v, &decimal);
}

/* Depth is bounded: the value was checked. */
static void walk(pq_arena *arena, pq_value v) {
  uint32_t count = pq_value_count(v);
  pq_field *fields;
  FUZZ_CHECK(pq_value_type(v) != PQ_TYPE_MISSING);
  scalars(v);
  if (!pq_value_is_raw_object(v)) {
    for (uint32_t i = 0; i < count; i++)
      walk(arena, pq_array_at(v, i));
    return;
  }
  fields = pq_object_fields(arena, v, &count);
  FUZZ_CHECK(fields != NULL);
  for (uint32_t i = 0; i < count; i++) {
    pq_value found = pq_object_get(v, fields[i].name);
    FUZZ_CHECK(found.p == fields[i].value.p && found.len == fields[i].value.len);
    walk(arena, fields[i].value);
  }
}

static void use(pq_cx *cx, pq_arena *arena, pq_value v) {
  pq_builder *b;
  pq_buf text;
  pq_value copy;
  walk(arena, v);
  FUZZ_CHECK(pq_value_compare(v, v) == 0);
  pq_buf_init(&text, cx, 64u << 20);
  FUZZ_CHECK(pq_json_print(&text, v, PQ_JSON_CANONICAL) == PQ_OK);
  pq_buf_release(&text);
  FUZZ_CHECK(pq_builder_new(cx, &b) == PQ_OK);
  if (pq_builder_value(b, v) == PQ_OK) {
    FUZZ_CHECK(pq_builder_finish(b, arena, &copy) == PQ_OK);
    FUZZ_CHECK(pq_value_compare(v, copy) == 0);
  }
  pq_builder_free(b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  pq_slice in = {data, size}, meta, bytes;
  pq_cx cx;
  pq_arena arena;
  pq_value v;
  size_t meta_len = fuzz_byte(&in);
  meta_len |= (size_t)fuzz_byte(&in) << 8;
  meta = fuzz_copy(fuzz_cut(&in, meta_len));
  bytes = fuzz_copy(in);
  fuzz_cx_init(&cx);
  pq_arena_init(&arena, &cx, cx.limits.op_len_max);
  if (pq_value_check(&cx, meta, bytes, &v) == PQ_OK) use(&cx, &arena, v);
  pq_arena_release(&arena);
  free((void *)(uintptr_t)meta.p);
  free((void *)(uintptr_t)bytes.p);
  return 0;
}
