/* test/fuzz/fuzz_batch.c - batches of the hot tier.
 *
 *   input: u8 how | bytes     how even: a whole body, as stored
 *                             how odd: raw bytes behind the checksum, how / 2 events
 *
 * Events that were accepted can be written into a batch again.
 */
#include "fuzz.h"

#include "log/batch.h"

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

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  pq_slice in = {data, size};
  pq_cx cx;
  pq_buf raw;
  uint64_t seq_lo;
  uint32_t count;
  uint8_t how = fuzz_byte(&in);
  fuzz_cx_init(&cx);
  cx.limits.tail_len_max = 1u << 20;
  if (how % 2 == 1) {
    read_events(&cx, in, 1, how / 2u);
    return 0;
  }
  pq_buf_init(&raw, &cx, 1u << 20);
  if (pq_batch_open(&cx, in, &raw, &seq_lo, &count) == PQ_OK) {
    read_events(&cx, pq_buf_slice(&raw), seq_lo, count);
  }
  pq_buf_release(&raw);
  return 0;
}
