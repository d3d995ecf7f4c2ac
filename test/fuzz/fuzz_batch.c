/* test/fuzz/fuzz_batch.c - batches of the hot tier, and records of bulk writes.
 *
 *   input: u8 how | bytes     how even: a whole body, as stored
 *                             how odd: raw bytes behind the checksum, how / 2 events
 *                             how 255: the text of a bulk write of events 18 to 22
 *
 * Events that were accepted can be written into a batch again.
 */
#include "fuzz.h"

#include "log/batch.h"
#include "log/bulk_record.h"

/* Read events until the end or a failure; each accepted one goes into the writer. */
static void read_events(pq_cx *cx, pq_slice raw, uint64_t seq_lo, uint32_t count) {
  pq_batch_reader r;
  pq_batch_writer w;
  pq_event e;
  bool is_end = false;
  uint32_t read_count = 0;
  pq_batch_reader_init(&r, cx, raw, seq_lo, count);
  pq_batch_writer_init(&w, cx);
  while (pq_batch_next(&r, &e, &is_end) == PQ_OK && !is_end) {
    FUZZ_CHECK(e.seq == seq_lo + read_count);
    FUZZ_CHECK(pq_batch_add(&w, &e) == PQ_OK);
    read_count++;
  }
  FUZZ_CHECK(w.count == read_count && read_count <= count);
  pq_batch_writer_release(&w);
}

/* A record that was accepted can be printed and parsed again. */
static void read_record(pq_cx *cx, pq_slice text, uint64_t seq_lo, uint64_t seq_hi) {
  pq_arena arena;
  pq_bulk_record r, again;
  pq_buf out;
  pq_arena_init(&arena, cx, 1u << 20);
  pq_buf_init(&out, cx, 1u << 20);
  if (pq_bulk_record_parse(&arena, text, seq_lo, seq_hi, &r) == PQ_OK) {
    FUZZ_CHECK(pq_bulk_record_print(&r, &out) == PQ_OK);
    FUZZ_CHECK(pq_bulk_record_parse(&arena, pq_buf_slice(&out), seq_lo, seq_hi, &again) == PQ_OK);
    FUZZ_CHECK(again.file_count == r.file_count && again.ts == r.ts);
  }
  pq_buf_release(&out);
  pq_arena_release(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  pq_slice in = {data, size};
  pq_cx cx;
  pq_buf raw;
  uint64_t seq_lo;
  uint32_t count;
  bool may;
  uint8_t how = fuzz_byte(&in);
  fuzz_cx_init(&cx);
  cx.limits.tail_len_max = 1u << 20;
  if (how == 255) {
    read_record(&cx, in, 18, 22);
    return 0;
  }
  if (how % 2 == 1) {
    read_events(&cx, in, 1, how / 2u);
    return 0;
  }
  if (pq_batch_may_hold(&cx, in, 1, 64, PQ_SLICE("t/1"), &may) != PQ_OK) FUZZ_CHECK(may);
  pq_buf_init(&raw, &cx, 1u << 20);
  if (pq_batch_open(&cx, in, &raw, &seq_lo, &count) == PQ_OK) {
    if (pq_batch_has_files(in))
      read_record(&cx, pq_buf_slice(&raw), seq_lo, seq_lo + count - 1);
    else
      read_events(&cx, pq_buf_slice(&raw), seq_lo, count);
  }
  pq_buf_release(&raw);
  return 0;
}
