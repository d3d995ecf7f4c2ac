/* parquet/bloom.h - split-block bloom filters: the bits, for both sides.
 *
 *   bits:  block 0 | block 1 | … | block z-1          each block 8 words of 32 bits
 *   hash:  upper 32 bits choose the block, lower 32 bits times 8 salts one bit in each word
 *
 * The hash is pq_hash(PLAIN bytes of the value, 0). Any length that is a positive multiple of 32
 * is legal to read. We write powers of two: Arrow, Velox and ClickHouse fail a query that meets
 * another length. Source: parquet-format: BloomFilter.md.
 */
#ifndef PQ_PARQUET_BLOOM_H
#define PQ_PARQUET_BLOOM_H

#include "base/base.h"

enum { PQ_BLOOM_BLOCK_LEN = 32 };

/* Bytes at most in a filter: what other readers accept. */
#define PQ_BLOOM_LEN_MAX ((size_t)128 << 20)

/* Set the bits of a hash. `len` is a positive multiple of 32. */
void pq_bloom_insert(uint8_t *bits, size_t len, uint64_t hash);

/* Set the bits of `n` hashes, with the fastest code that the context allows. */
void pq_bloom_insert_all(const pq_cx *cx, uint8_t *bits, size_t len, const uint64_t *hashes,
                         size_t n);

/* May the hash have been inserted? `len` is a positive multiple of 32. */
bool pq_bloom_contains(const uint8_t *bits, size_t len, uint64_t hash);

/* Bytes of a filter of `distinct` values with false positive probability `fpp` (clamped to
 * 1e-6 … 0.5): a power of two, at least 32, at most PQ_BLOOM_LEN_MAX. A tenth too small is
 * accepted (0.01 becomes 0.014 at worst) rather than doubling. */
size_t pq_bloom_len_for(uint64_t distinct, double fpp);

/* Where the filter of a chunk stands in its file, with its header, and the bounds of the chunk's
 * values: enough to ask it without the footer. */
typedef struct pq_bloom_place {
  uint64_t off;
  uint32_t len, crc;
  pq_slice min, max; /* perhaps shortened: no value is outside */
  pq_slice bytes;    /* the filter itself; empty: it has to be read */
} pq_bloom_place;

/* For the kernels: what a word's bit is made with, and where the block of a hash is. */
enum { PQ_BLOOM_WORD_COUNT = 8 };
extern const uint32_t pq_bloom_salts[PQ_BLOOM_WORD_COUNT];

static inline size_t pq_bloom_block_off(size_t len, uint64_t hash) {
  uint64_t block_count = len / PQ_BLOOM_BLOCK_LEN;
  return (size_t)((hash >> 32) * block_count >> 32) * PQ_BLOOM_BLOCK_LEN;
}

#endif
