/* test/fuzz/fuzz_pages.c - whole Parquet files: footer, page indexes, bloom filters and the pages
 * of every column, once whole and once a range of rows through the page index; then read as a file
 * of entities, of edges, of events and of deletes. */
#include "fuzz.h"

#include "log/event_file.h"
#include "rel/edge.h"
#include "shred/entity.h"

typedef struct opened {
  pq_fetch fetch;
  pq_arena arena, scratch;
  pq_file file;
  pq_slice bytes;
} opened;

static int read_rows(opened *o, uint32_t group, uint32_t leaf, const pq_page_index *index,
                     pq_row_range range) {
  pq_column column;
  uint32_t range_count = range.hi > range.lo ? 1 : 0;
  int rc;
  FUZZ_DRIVE(rc, &o->fetch, o->bytes,
             pq_chunk_want(&o->fetch, &o->file, group, leaf, index, &range, range_count));
  if (rc != PQ_OK) return rc;
  rc = pq_chunk_decode(&o->fetch, &o->scratch, &o->file, group, leaf, index, &range, range_count,
                       &column);
  if (rc != PQ_OK) return rc;
  if (range_count > 0) FUZZ_CHECK(column.row_count == range.hi - range.lo);
  return PQ_OK;
}

static void read_chunk(opened *o, uint32_t group, uint32_t leaf) {
  uint64_t row_count = o->file.footer->row_groups[group].row_count;
  pq_page_index index = {0};
  bool may;
  int rc;
  pq_arena_clear(&o->scratch);
  FUZZ_DRIVE(rc, &o->fetch, o->bytes,
             pq_bloom_check(&o->fetch, &o->file, group, leaf, 0x1234567890abcdef, &may));
  (void)read_rows(o, group, leaf, NULL, (pq_row_range){0});
  FUZZ_DRIVE(rc, &o->fetch, o->bytes,
             pq_page_index_fetch(&o->fetch, &o->scratch, &o->file, group, leaf, &index));
  if (rc != PQ_OK || row_count < 3 || row_count > UINT32_MAX) return;
  (void)read_rows(o, group, leaf, &index, (pq_row_range){1, (uint32_t)row_count / 2 + 1});
}

/* The readers that know what a file should hold. */
static void read_as_ours(opened *o, uint32_t group) {
  pq_event_want want = {
      .seq_hi = UINT64_MAX, .ts_hi = INT64_MAX, .needs_values = true, .needs_before = true};
  pq_event *events;
  pq_edge *edges;
  pq_entity_rows rows;
  uint32_t count;
  int rc;
  pq_arena_clear(&o->scratch);
  FUZZ_DRIVE(rc, &o->fetch, o->bytes,
             pq_event_file_read(&o->fetch, &o->scratch, &o->file, group, &want, &events, &count));
  pq_arena_clear(&o->scratch);
  FUZZ_DRIVE(rc, &o->fetch, o->bytes,
             pq_edge_rows_read(&o->fetch, &o->scratch, &o->file, group, &edges, &count));
  pq_arena_clear(&o->scratch);
  FUZZ_DRIVE(rc, &o->fetch, o->bytes,
             pq_entity_rows_want(&o->fetch, &o->file, group, PQ_WANT_ALL | PQ_WANT_NAME, NULL, 0,
                                 &o->scratch));
  if (rc != PQ_OK) return;
  rc = pq_entity_rows_read(&o->fetch, &o->scratch, &o->file, group, PQ_WANT_ALL | PQ_WANT_NAME,
                           NULL, 0, &rows);
  if (rc == PQ_OK) FUZZ_CHECK(rows.count == o->file.footer->row_groups[group].row_count);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  opened o = {.file = {.key = "a.parquet"}, .bytes = {data, size}};
  pq_cx cx;
  pq_position *positions;
  uint32_t count;
  int rc;
  fuzz_cx_init(&cx);
  pq_fetch_init(&o.fetch, &cx);
  pq_arena_init(&o.arena, &cx, cx.limits.op_len_max);
  pq_arena_init(&o.scratch, &cx, cx.limits.op_len_max);
  FUZZ_DRIVE(rc, &o.fetch, o.bytes,
             pq_footer_fetch(&o.fetch, &o.arena, o.file.key, size, 0, &o.file.footer));
  if (rc == PQ_OK) {
    for (uint32_t g = 0; g < o.file.footer->row_group_count && g < 4; g++) {
      for (uint32_t i = 0; i < o.file.footer->leaf_count && i < 64; i++)
        read_chunk(&o, g, i);
      read_as_ours(&o, g);
    }
    pq_arena_clear(&o.scratch);
    FUZZ_DRIVE(rc, &o.fetch, o.bytes,
               pq_delete_file_read(&o.fetch, &o.scratch, &o.file, &positions, &count));
  }
  pq_fetch_release(&o.fetch);
  pq_arena_release(&o.arena);
  pq_arena_release(&o.scratch);
  return 0;
}
