/* parquet/bloom.c - see bloom.h.
 *
 * The size follows from the exact false positive rate: a block holds k values with Poisson
 * probability of mean m = values / blocks, and then answers true with (1 - (31/32)^k)^8. The mean
 * of each size is tried with plain arithmetic, so every machine chooses the same size.
 */
#include "parquet/bloom.h"

#include "parquet/kernels_int.h"

enum { WORD_LEN = 4, TERM_COUNT = 400 };

#define FPP_MIN 1e-6
#define FPP_MAX 0.5
#define MEAN_MAX 128.0 /* above the mean of FPP_MAX */
#define SLACK 1.1

const uint32_t pq_bloom_salts[PQ_BLOOM_WORD_COUNT] = {0x47b6137bu, 0x44974d91u, 0x8824ad5bu,
                                                      0xa2b7289du, 0x705495c7u, 0x2df1424bu,
                                                      0x9efc4947u, 0x5c6bfb31u};

static void check_len(size_t len) {
  pq_assert(len > 0 && len % PQ_BLOOM_BLOCK_LEN == 0);
  pq_assert((uint64_t)len / PQ_BLOOM_BLOCK_LEN <= UINT32_MAX);
}

static uint32_t word_bit(uint64_t hash, unsigned i) {
  return (uint32_t)1 << ((uint32_t)((uint32_t)hash * pq_bloom_salts[i]) >> 27);
}

void pq_bloom_insert(uint8_t *bits, size_t len, uint64_t hash) {
  uint8_t *block = bits + pq_bloom_block_off(len, hash);
  check_len(len);
  for (unsigned i = 0; i < PQ_BLOOM_WORD_COUNT; i++) {
    uint8_t *word = block + i * WORD_LEN;
    pq_wr32(word, pq_rd32(word) | word_bit(hash, i));
  }
}

void pq_bloom_insert_all(const pq_cx *cx, uint8_t *bits, size_t len, const uint64_t *hashes,
                         size_t n) {
  check_len(len);
  pq_kernels_of(cx)->bloom_insert(bits, len, hashes, n);
}

bool pq_bloom_contains(const uint8_t *bits, size_t len, uint64_t hash) {
  const uint8_t *block = bits + pq_bloom_block_off(len, hash);
  check_len(len);
  for (unsigned i = 0; i < PQ_BLOOM_WORD_COUNT; i++)
    if ((pq_rd32(block + i * WORD_LEN) & word_bit(hash, i)) == 0) return false;
  return true;
}

static double fpp_of_mean(double mean) {
  double weight = 1, weights = 0, hits = 0, clear = 1; /* clear: (31/32)^k */
  for (unsigned k = 0; k < TERM_COUNT; k++) {
    double set = 1 - clear;
    double set4 = set * set * (set * set);
    weights += weight;
    hits += weight * set4 * set4;
    weight *= mean / (k + 1);
    clear *= 31.0 / 32;
  }
  return hits / weights;
}

/* Would so many values be more to a block of `len` bytes than the false positives allow? */
static bool is_too_small(size_t len, uint64_t distinct, double fpp) {
  double mean = (double)distinct * PQ_BLOOM_BLOCK_LEN / ((double)len * SLACK);
  return mean > MEAN_MAX || fpp_of_mean(mean) > fpp;
}

size_t pq_bloom_len_for(uint64_t distinct, double fpp) {
  size_t len = PQ_BLOOM_BLOCK_LEN;
  if (!(fpp >= FPP_MIN)) fpp = FPP_MIN;
  if (fpp > FPP_MAX) fpp = FPP_MAX;
  while (len < PQ_BLOOM_LEN_MAX && is_too_small(len, distinct, fpp))
    len *= 2;
  return len;
}
