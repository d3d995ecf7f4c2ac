/* test/fuzz/fuzz.h - what the fuzz targets share.
 *
 * Each fuzz_<what>.c is one LLVMFuzzerTestOneInput. `make fuzz` builds them with clang's libFuzzer
 * and looks for new inputs; in the normal tests replay.c runs corpus/<what>/ through them, whole
 * and damaged. A target checks more than "no crash": what was accepted must survive a round trip.
 */
#ifndef PQ_TEST_FUZZ_H
#define PQ_TEST_FUZZ_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/base.h"
#include "io/fetch.h"

/* The entry point that libFuzzer and replay.c call. Returns 0. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A broken promise ends the program, which is how a fuzzer learns of it. */
#define FUZZ_CHECK(cond)                                                 \
  do {                                                                   \
    if (!(cond)) {                                                       \
      fprintf(stderr, "%s:%d: broken: %s\n", __FILE__, __LINE__, #cond); \
      abort();                                                           \
    }                                                                    \
  } while (0)

/* A context with limits that keep one run small. */
static inline void fuzz_cx_init(pq_cx *cx) {
  pq_cx_init(cx, NULL, NULL);
  cx->limits.doc_len_max = 1u << 20;
  cx->limits.op_len_max = 64u << 20;
  cx->limits.fetch_len_max = 16u << 20;
}

/* Cut the first `n` bytes (or all there are) off the front of *in. */
static inline pq_slice fuzz_cut(pq_slice *in, size_t n) {
  pq_slice head = {in->p, n < in->n ? n : in->n};
  if (head.n > 0) in->p += head.n;
  in->n -= head.n;
  return head;
}

/* The next byte, 0 at the end. */
static inline uint8_t fuzz_byte(pq_slice *in) {
  pq_slice head = fuzz_cut(in, 1);
  return head.n == 0 ? 0 : head.p[0];
}

/* Everything up to the next `mark`, which is dropped, or all. */
static inline pq_slice fuzz_until(pq_slice *in, uint8_t mark) {
  size_t n = 0;
  pq_slice head;
  while (n < in->n && in->p[n] != mark)
    n++;
  head = fuzz_cut(in, n);
  (void)fuzz_cut(in, 1);
  return head;
}

/* A copy in a block of its own, so that reading one byte too many is seen. Free with free(). */
static inline pq_slice fuzz_copy(pq_slice in) {
  uint8_t *p = malloc(in.n > 0 ? in.n : 1);
  FUZZ_CHECK(p != NULL);
  if (in.n > 0) memcpy(p, in.p, in.n);
  return (pq_slice){p, in.n};
}

/* Answer the reads of a fetch set from one file. */
static inline void fuzz_serve(pq_fetch *f, pq_slice file) {
  pq_io_req r;
  while (pq_fetch_take(f, &r)) {
    bool is_inside = r.kind == PQ_IO_READ && r.off <= file.n && r.len <= file.n - r.off;
    if (is_inside && r.len > 0) memcpy(r.buf, file.p + (size_t)r.off, r.len);
    pq_fetch_done(f, r.id, is_inside ? PQ_OK : PQ_ECORRUPT, (pq_slice){0}, NULL);
  }
}

/* Run an expression until it needs no more I/O. */
#define FUZZ_DRIVE(rc, fetch, file, expr)                       \
  do {                                                          \
    int drive_rounds = 0;                                       \
    while (((rc) = (expr)) == PQ_NEED_IO && drive_rounds++ < 8) \
      fuzz_serve(fetch, file);                                  \
  } while (0)

#endif
