/* test/fuzz/fuzz_chunk.c - the pages of one column chunk: headers, levels, values, of flat and
 * nested leaves and of every codec; whole, in parts and by cursors, with plain and SIMD kernels. */
#include "fuzz_leaf.h"
#include "port/cpu.h"

static void run(leaf_file *f, pq_slice bytes, unsigned cpu) {
  read_all r;
  pq_cx cx;
  fuzz_cx_init(&cx);
  cx.cpu = cpu;
  leaf_file_open(&r, &cx, f, bytes);
  read_chunk(&r, 0, 0);
  read_all_release(&r);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  pq_slice in = {data, size}, bytes;
  leaf_file f;
  leaf_file_init(&f, &in);
  bytes = leaf_file_bytes(&f, in, in.n, (pq_slice){0});
  run(&f, bytes, 0);
  run(&f, bytes, pq_cpu_features());
  free((void *)(uintptr_t)bytes.p);
  return 0;
}
