/* test/fuzz/fuzz_footer.c - the Thrift footer of a Parquet file, alone. The chunks of what
 * was accepted lie in the file; where indexes and bloom filters lie, their readers check. */
#include "fuzz.h"

#include "parquet/reader.h"

enum { FILE_LEN = 1 << 20 };

static bool is_inside(uint64_t off, uint64_t len) {
  return off <= FILE_LEN && len <= FILE_LEN - off;
}

static void check_footer(const pq_footer *f) {
  uint64_t row = 0;
  for (uint32_t g = 0; g < f->row_group_count; g++) {
    const pq_row_group *group = &f->row_groups[g];
    FUZZ_CHECK(group->first_row == row);
    row += group->row_count;
    for (uint32_t i = 0; i < f->leaf_count; i++) {
      const pq_chunk *c = &group->chunks[i];
      FUZZ_CHECK(is_inside(c->off, c->len));
    }
  }
  FUZZ_CHECK(row == f->row_count);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  pq_cx cx;
  pq_arena arena;
  pq_footer *footer;
  fuzz_cx_init(&cx);
  pq_arena_init(&arena, &cx, cx.limits.op_len_max);
  if (pq_footer_parse(&arena, "a.parquet", (pq_slice){data, size}, FILE_LEN, &footer) == PQ_OK) {
    check_footer(footer);
    (void)pq_footer_leaf(footer, "$id");
    (void)pq_footer_key(footer, "parquedb");
  }
  pq_arena_release(&arena);
  return 0;
}
