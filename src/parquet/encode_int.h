/* parquet/encode_int.h - values into the bytes of Parquet's encodings.
 *
 *   pq_dense   dense values without nulls, borrowed: one physical type, one array
 *      │ PLAIN                      the bytes, BYTES with a length before each
 *      │ RLE hybrid                 runs and bit-packed groups of 8 of small numbers
 *      │ DELTA_BINARY_PACKED        blocks of 128 differences, 4 miniblocks each
 *      │ DELTA_LENGTH_BYTE_ARRAY    lengths as deltas, then all bytes
 *      │ DELTA_BYTE_ARRAY           shared prefixes as deltas, then suffixes as the former
 *      ▼ BYTE_STREAM_SPLIT          first bytes of all values, then second bytes …
 *   pq_buf      appended
 *
 * Source: parquet-format: Encodings.md. Not thread-safe; no state but the scratch buffer given.
 */
#ifndef PQ_PARQUET_ENCODE_INT_H
#define PQ_PARQUET_ENCODE_INT_H

#include "parquet/format.h"

typedef struct pq_dense {
  pq_phys phys;
  uint32_t type_len;   /* FIXED; 12 for INT96 */
  uint32_t prefix_max; /* DELTA_BYTE_ARRAY: bytes taken from the value before at most; 0: any */
  uint32_t count;
  union {
    const uint8_t *b; /* BOOL */
    const int32_t *i32;
    const int64_t *i64;
    const float *f32;
    const double *f64;
    const pq_slice *bytes; /* BYTES, FIXED, INT96 */
    const void *any;
  } v;
} pq_dense;

/* Bytes of one element of the array in memory. */
size_t pq_dense_size(pq_phys phys);

/* Bytes that all values begin with. BYTES, FIXED. */
uint32_t pq_dense_prefix(const pq_dense *v);

/* Values [lo, hi). */
pq_dense pq_dense_part(const pq_dense *v, uint32_t lo, uint32_t hi);

/* The PLAIN bytes of one value without length prefix: what statistics and bloom hashes use.
 * Borrows from the values or from `tmp`. */
pq_slice pq_dense_plain(const pq_dense *v, uint32_t i, uint8_t tmp[8]);

/* Bytes of the values as PLAIN. */
uint64_t pq_dense_plain_len(const pq_dense *v);

/* Bits that hold numbers up to `max`. */
unsigned pq_bit_width(uint32_t max);

/* The hybrid of runs and bit-packed groups, without length prefix. All `v` < 2^width. */
int pq_encode_rle(pq_buf *out, const uint32_t *v, uint32_t count, unsigned width) PQ_MUST_CHECK;

/* `count` times `v` as one run. */
int pq_encode_rle_run(pq_buf *out, uint32_t v, uint32_t count, unsigned width) PQ_MUST_CHECK;

int pq_encode_plain(pq_buf *out, const pq_dense *v) PQ_MUST_CHECK;

/* Does the format have the encoding for the type? Only those that we write: RLE_DICTIONARY, not
 * PLAIN_DICTIONARY. */
bool pq_encoding_is_legal(pq_encoding encoding, pq_phys phys);

/* Any legal encoding that is no dictionary. RLE has its length prefix. `scratch` is clobbered. */
int pq_encode(pq_buf *out, pq_encoding encoding, const pq_dense *v, pq_buf *scratch) PQ_MUST_CHECK;

#endif
