/* test/fuzz/fuzz_pages.c - whole Parquet files by every way of reading (read_scan.h), with plain or
 * with SIMD kernels; then as a file of entities, of edges, of events and of deletes. */
#include "log/event_file.h"
#include "port/cpu.h"
#include "read_scan.h"
#include "rel/edge.h"
#include "shred/entity.h"

/* The readers that know what a file should hold. */
static void read_as_ours(read_all *o, uint32_t group) {
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
  read_all r;
  pq_cx cx;
  pq_position *positions;
  uint32_t count;
  int rc;
  fuzz_cx_init(&cx);
  if (size % 2 == 0) cx.cpu = pq_cpu_features();
  if (read_all_open(&r, &cx, (pq_slice){data, size}, (uint32_t)size) == PQ_OK) {
    read_everything(&r, false);
    for (uint32_t g = 0; g < r.file.footer->row_group_count && g < READ_GROUPS_MAX; g++)
      read_as_ours(&r, g);
    pq_arena_clear(&r.scratch);
    FUZZ_DRIVE(rc, &r.fetch, r.bytes,
               pq_delete_file_read(&r.fetch, &r.scratch, &r.file, &positions, &count));
  }
  read_all_release(&r);
  return 0;
}
