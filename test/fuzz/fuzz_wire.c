/* test/fuzz/fuzz_wire.c - messages of the wire protocol; what is accepted has documents that add
 * up, and an answer to it reads back. */
#include "fuzz.h"

#include "server/wire.h"

static void answer(pq_wire *w, pq_cx *cx, pq_slice body, const pq_wire_message *m) {
  pq_wire_answer a = {.body = body, .response_to = m->request_id};
  pq_wire_message again;
  pq_buf out;
  a.is_compressed = m->is_compressed;
  a.packer = m->packer;
  pq_buf_init(&out, cx, 1u << 26);
  FUZZ_CHECK(pq_wire_reply(w, &a, &out) == PQ_OK);
  FUZZ_CHECK(pq_wire_read(w, pq_buf_slice(&out), &again) == PQ_OK);
  FUZZ_CHECK(pq_slice_eq(again.body, body));
  pq_buf_release(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  pq_cx cx;
  pq_wire w;
  pq_wire_message m;
  pq_slice all = {data, size}, one, body;
  size_t len;
  fuzz_cx_init(&cx);
  pq_wire_init(&w, &cx);
  if (pq_wire_measure(&cx, all, &len) == PQ_OK && len > 0 && len <= size &&
      pq_wire_read(&w, (pq_slice){data, len}, &m) == PQ_OK) {
    FUZZ_CHECK(m.body.n >= 5 && pq_rd32(m.body.p) == m.body.n);
    for (uint32_t i = 0; i < m.sequence_count; i++) {
      pq_slice left = m.sequences[i].documents;
      uint32_t count = 0;
      while (pq_wire_next(&left, &one))
        count++;
      FUZZ_CHECK(count == m.sequences[i].count);
    }
    body = fuzz_copy(m.body);
    answer(&w, &cx, body, &m);
    free((void *)(uintptr_t)body.p);
  }
  pq_wire_release(&w);
  return 0;
}
