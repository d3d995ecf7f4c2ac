/* test/fuzz/fuzz_page_index.c - offset index and column index of a chunk. What is accepted
 * describes the chunk: pages in order, inside of it, all its rows; bounds in order.
 *
 *   input: as in fuzz_leaf.h | u16 length of the offset index | offset index | column index
 */
#include "fuzz_leaf.h"
#include "parquet/stats_int.h"

enum { CHUNK_LEN = 1 << 16 };

static void check_pages(const leaf_file *f, const pq_page_index *index) {
  uint64_t at = f->chunk.off, row = 0;
  for (uint32_t i = 0; i < index->page_count; i++) {
    const pq_page_info *p = &index->pages[i];
    FUZZ_CHECK(p->off >= at && p->len <= f->chunk.off + f->chunk.len - p->off);
    FUZZ_CHECK(p->first_row == row && p->row_count > 0);
    at = p->off + p->len;
    row += p->row_count;
    if (!p->has_bounds) continue;
    FUZZ_CHECK(!p->is_null_page);
    FUZZ_CHECK(pq_bound_is_valid(&f->leaf, p->min) && pq_bound_is_valid(&f->leaf, p->max));
    FUZZ_CHECK(pq_bounds_are_ordered(&f->leaf, p->min, p->max));
  }
  FUZZ_CHECK(index->page_count == 0 || row == f->group.row_count);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  pq_slice in = {data, size}, bytes;
  pq_page_index index = {0};
  leaf_file f;
  read_all r;
  pq_cx cx;
  size_t len;
  int rc;
  leaf_file_init(&f, &in);
  len = fuzz_u16(&in);
  if (len > in.n) len = in.n;
  bytes = leaf_file_bytes(&f, (pq_slice){0}, CHUNK_LEN, in);
  f.chunk.offset_index_off = LEAF_HEAD_LEN + CHUNK_LEN;
  f.chunk.offset_index_len = len;
  f.chunk.column_index_off = in.n > len ? f.chunk.offset_index_off + len : 0;
  f.chunk.column_index_len = in.n - len;
  fuzz_cx_init(&cx);
  leaf_file_open(&r, &cx, &f, bytes);
  FUZZ_DRIVE(rc, &r.fetch, r.bytes,
             pq_page_index_fetch(&r.fetch, &r.scratch, &r.file, 0, 0, &index));
  FUZZ_CHECK(rc != PQ_NEED_IO);
  if (rc == PQ_OK) check_pages(&f, &index);
  read_all_release(&r);
  free((void *)(uintptr_t)bytes.p);
  return 0;
}
