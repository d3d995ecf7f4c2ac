/* parquet/kernels_int.h - the inner loops of decoding, each in plain C and in SIMD.
 *
 *   pq_kernels      a table of functions: plain C, AVX2 (x86-64), SIMD128 (WebAssembly)
 *   pq_cx.cpu       what the driver found out about the machine; chooses the table
 *
 *   kernels.c           plain C, and the choice    a SIMD table takes from the plain one what
 *   kernels_avx2.c      intrinsics                 compilers do as well by themselves
 *   kernels_simd128.c   intrinsics
 *
 * The core may not ask the processor what it can do, so the driver does (port/cpu.h) and tells the
 * context. Zero means plain C, which is right everywhere. All tables give the same bytes; the
 * unit test compares them on every width and length. Little-endian machines only.
 */
#ifndef PQ_PARQUET_KERNELS_INT_H
#define PQ_PARQUET_KERNELS_INT_H

#include "parquet/format.h"

/* Where a running sum stands. */
typedef struct pq_sum {
  uint64_t min; /* added to every difference */
  uint64_t last;
} pq_sum;

/* Bit-packed input: values of `width` bits from bit `pos` of `in`, LSB first. The bytes hold them,
 * pos + n * width <= in.n * 8, and nothing outside of `in` is read: give more of it than the
 * values take, if there is more, so that they can be read in blocks. */
typedef struct pq_kernels {
  void (*unpack32)(pq_slice in, uint64_t pos, unsigned width, uint32_t n,
                   uint32_t *out); /* width <= 32 */
  void (*unpack8)(pq_slice in, uint64_t pos, unsigned width, uint32_t n,
                  uint8_t *out); /* width <= 8 */
  /* out[i] = s->last += s->min + value, for widths up to 64, modulo 2^64 or 2^32 (of `last` the
   * lower half counts then, and the upper one becomes 0). */
  void (*unpack_sums64)(pq_slice in, uint64_t pos, unsigned width, uint32_t n, pq_sum *s,
                        uint64_t *out);
  void (*unpack_sums32)(pq_slice in, uint64_t pos, unsigned width, uint32_t n, pq_sum *s,
                        uint32_t *out);
  /* The highest of `n` codes; 0 if there are none. */
  uint32_t (*max32)(const uint32_t *codes, uint32_t n);
  /* out[i] = from[codes[i]]; the codes are checked. `out` may not overlap. */
  void (*gather4)(const void *from, const uint32_t *codes, uint32_t n, void *out);
  void (*gather8)(const void *from, const uint32_t *codes, uint32_t n, void *out);
  void (*gather_slices)(const pq_slice *from, const uint32_t *codes, uint32_t n, pq_slice *out);
  /* Move `dense` values at the start of `n` slots of 1, 4, 8 or sizeof(pq_slice) bytes to those
   * whose nulls[i] is 0, in order; the others become zero. `nulls` has n - dense ones. */
  void (*spread)(void *slots, size_t size, const uint8_t *nulls, uint32_t n, uint32_t dense);
  uint32_t (*count_ones)(const uint8_t *flags, uint32_t n); /* bytes of 0 or 1 */
  /* nulls[i] = def[i] != def_max; returns how many. `nulls` may be `def`. */
  uint32_t (*mark_nulls)(const uint8_t *def, uint32_t n, uint8_t def_max, uint8_t *nulls);
  /* BYTE_STREAM_SPLIT: `n` values of `size` bytes from `size` streams of `stride` bytes each,
   * starting at value `first`. */
  void (*merge_streams)(const uint8_t *in, size_t stride, size_t first, uint32_t n, size_t size,
                        uint8_t *out);
  /* Set the bits of `n` hashes in a split-block filter; see bloom.h. */
  void (*bloom_insert)(uint8_t *bits, size_t len, const uint64_t *hashes, size_t n);
  uint32_t (*crc32)(pq_slice bytes); /* pq_crc32 */
} pq_kernels;

/* The table for pq_cx.cpu. Constant. */
const pq_kernels *pq_kernels_of(const pq_cx *cx);

/* ---- for the SIMD tables ---- */

extern const pq_kernels pq_kernels_plain;
/* Its functions that SIMD tables take over as they are. */
void pq_unpack8(pq_slice in, uint64_t pos, unsigned width, uint32_t n, uint8_t *out);
void pq_gather4(const void *from, const uint32_t *codes, uint32_t n, void *out);
void pq_gather8(const void *from, const uint32_t *codes, uint32_t n, void *out);
void pq_gather_slices(const pq_slice *from, const uint32_t *codes, uint32_t n, pq_slice *out);
uint32_t pq_count_ones(const uint8_t *flags, uint32_t n);
uint32_t pq_mark_nulls(const uint8_t *def, uint32_t n, uint8_t def_max, uint8_t *nulls);
void pq_bloom_insert_each(uint8_t *bits, size_t len, const uint64_t *hashes, size_t n);
/* NULL where the compiler or the machine has no such thing. */
const pq_kernels *pq_kernels_avx2(void);
const pq_kernels *pq_kernels_simd128(void);

/* A group of 8 values of w bits as two loads of 16 bytes, for four values each: the first bit of
 * value j in its load, and from that its byte and shift. The second load begins w / 2 bytes into
 * the group. */
#define PQ_BIT(w, j) ((j) < 4 ? (j) * (w) : ((j)-4) * (w) + 4 * (w) % 8)
#define PQ_BYTE(w, j) (PQ_BIT(w, j) / 8)
#define PQ_SHIFT(w, j) (PQ_BIT(w, j) % 8)
#define PQ_BYTES4(w, j) PQ_BYTE(w, j), PQ_BYTE(w, j) + 1, PQ_BYTE(w, j) + 2, PQ_BYTE(w, j) + 3
#define PQ_EACH(f, w) f(w, 0), f(w, 1), f(w, 2), f(w, 3), f(w, 4), f(w, 5), f(w, 6), f(w, 7)
enum { PQ_GROUP = 8, PQ_LOAD_LEN = 16 };

/* How many values stand before one that begins on a byte; `n` if none does. */
static inline uint32_t pq_lead_count(uint64_t pos, unsigned width, uint32_t n) {
  uint32_t i = 0;
  while (i < n && i < PQ_GROUP && ((pos + (uint64_t)i * width) & 7) != 0)
    i++;
  return i < PQ_GROUP ? i : n;
}

/* How many groups of 8 values can be read in blocks of `block_len` bytes, the last of which begins
 * `block_off` bytes into its group. `pos` is the bit of a byte boundary. */
static inline uint32_t pq_group_count(pq_slice in, uint64_t pos, unsigned width, uint32_t n,
                                      size_t block_off, size_t block_len) {
  size_t left = in.n - (size_t)(pos >> 3), need = block_off + block_len;
  uint64_t groups = n / 8;
  if (left < need || width == 0) return 0;
  if (groups == 0 || left - need >= (groups - 1) * width) return n / 8; /* no division */
  return (uint32_t)((left - need) / width + 1);
}

#endif
