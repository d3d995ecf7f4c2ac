/* parquet/kernels_int.h - the inner loops of decoding, each in plain C and in SIMD.
 *
 *   pq_kernels      a table of functions: plain C, AVX2 (x86-64), SIMD128 (WebAssembly)
 *   pq_cx.cpu       what the driver found out about the machine; chooses the table
 *
 * The core may not ask the processor what it can do, so the driver does (port/) and tells the
 * context. Zero means plain C, which is right everywhere. All tables give the same bytes; the
 * unit test compares them on every width and length.
 */
#ifndef PQ_PARQUET_KERNELS_INT_H
#define PQ_PARQUET_KERNELS_INT_H

#include "parquet/format.h"

typedef struct pq_kernels {
  /* Unpack `n` values of `width` <= 32 bits from bit `pos` of `in`, LSB first. The bytes hold
   * them: pos + n * width <= in.n * 8. Never reads outside of `in`. */
  void (*unpack32)(pq_slice in, uint64_t pos, unsigned width, uint32_t n, uint32_t *out);
  /* out[i] = *last += min + value, for widths up to 64, modulo 2^64 (or 2^32). */
  void (*unpack_sums64)(pq_slice in, uint64_t pos, unsigned width, uint32_t n, uint64_t min,
                        int64_t *last, int64_t *out);
  void (*unpack_sums32)(pq_slice in, uint64_t pos, unsigned width, uint32_t n, uint64_t min,
                        int64_t *last, int32_t *out);
  /* The highest of `n` codes; 0 if there are none. */
  uint32_t (*max32)(const uint32_t *codes, uint32_t n);
  /* out[i] = from[codes[i]]; the codes are checked. `out` may not overlap. */
  void (*gather4)(const void *from, const uint32_t *codes, uint32_t n, void *out);
  void (*gather8)(const void *from, const uint32_t *codes, uint32_t n, void *out);
  void (*gather_slices)(const pq_slice *from, const uint32_t *codes, uint32_t n, pq_slice *out);
  /* Move `dense` values at the start of `n` slots of 1, 4, 8 or sizeof(pq_slice) bytes to those
   * whose nulls[i] is 0, in order; the others become zero. */
  void (*spread)(void *slots, size_t size, const uint8_t *nulls, uint32_t n, uint32_t dense);
  uint32_t (*count_ones)(const uint8_t *flags, uint32_t n); /* bytes of 0 or 1 */
  /* BYTE_STREAM_SPLIT: `n` values of `size` bytes from `size` streams of `stride` bytes each,
   * starting at value `first`. */
  void (*merge_streams)(const uint8_t *in, size_t stride, size_t first, uint32_t n, size_t size,
                        uint8_t *out);
  bool (*bloom_contains)(const uint8_t *bits, size_t len, uint64_t hash);
} pq_kernels;

/* The table for pq_cx.cpu. Constant. */
const pq_kernels *pq_kernels_of(const pq_cx *cx);

#endif
