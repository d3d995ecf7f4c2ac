/* Split-block bloom filters: the bits of parquet-format, no false negatives, the promised rate. */
#include "unit.h"

#include "base/hash.h"
#include "parquet/bloom.h"
#include "port/cpu.h"

static uint64_t hash_of(uint32_t i) {
  uint8_t key[4];
  pq_wr32(key, i);
  return pq_hash((pq_slice){key, 4}, 0);
}

/* One hash by hand: block and bits as BloomFilter.md computes them. */
static void test_bloom_bits(void) {
  uint8_t bits[4 * PQ_BLOOM_BLOCK_LEN] = {0};
  uint64_t hash = (uint64_t)0xc0000000u << 32 | 1; /* 3/4 of the range: block 3 */
  pq_bloom_insert(bits, sizeof bits, hash);
  for (size_t i = 0; i < 3 * PQ_BLOOM_BLOCK_LEN; i++)
    CHECK(bits[i] == 0);
  CHECK(pq_rd32(bits + 96) == (uint32_t)1 << (0x47b6137bu >> 27));
  CHECK(pq_rd32(bits + 96 + 28) == (uint32_t)1 << (0x5c6bfb31u >> 27));
  CHECK(pq_bloom_contains(bits, sizeof bits, hash));
  CHECK(!pq_bloom_contains(bits, sizeof bits, hash ^ (uint64_t)1 << 63));
  CHECK(!pq_bloom_contains(bits, sizeof bits, hash ^ 0x80000000u));
}

/* In bulk the same bits, with any kernels. */
static void test_bloom_insert_all(void) {
  enum { N = 1000, LEN = 64 * PQ_BLOOM_BLOCK_LEN };
  static uint8_t one_by_one[LEN], all[LEN];
  uint64_t hashes[N];
  pq_cx cx;
  unit_cx_init(&cx);
  for (uint32_t i = 0; i < N; i++) {
    hashes[i] = hash_of(i);
    pq_bloom_insert(one_by_one, LEN, hashes[i]);
  }
  for (int round = 0; round < 2; round++) {
    memset(all, 0, LEN);
    pq_bloom_insert_all(&cx, all, LEN, hashes, N);
    CHECK(memcmp(all, one_by_one, LEN) == 0);
    cx.cpu = pq_cpu_features();
  }
}

static void test_bloom_len(void) {
  CHECK(pq_bloom_len_for(0, 0.01) == 32);
  CHECK(pq_bloom_len_for(1, 0.01) == 32);
  CHECK(pq_bloom_len_for(UINT64_MAX, 0.01) == PQ_BLOOM_LEN_MAX);
  CHECK(pq_bloom_len_for(100000, -1) == pq_bloom_len_for(100000, 1e-6));
  CHECK(pq_bloom_len_for(100000, 5) <= pq_bloom_len_for(100000, 0.1));
  for (uint64_t n = 1; n < (uint64_t)1 << 40; n = n * 3 + 1) {
    size_t len = pq_bloom_len_for(n, 0.01);
    CHECK(len >= 32 && (len & (len - 1)) == 0);
    CHECK(pq_bloom_len_for(n, 0.001) >= len);
  }
  /* 10.5 bits per value at 1 %, 16.9 at 0.1 % (BloomFilter.md); 1.1 is our slack */
  CHECK(pq_bloom_len_for(100000, 0.01) == 131072);
  CHECK(pq_bloom_len_for(100000, 0.001) == 262144);
}

static void test_bloom_rate(void) {
  static const uint32_t counts[] = {1, 10, 100, 1000, 26000, 50000};
  for (size_t k = 0; k < sizeof counts / sizeof *counts; k++) {
    uint32_t hits = 0, lost = 0, probes = 20000;
    size_t len = pq_bloom_len_for(counts[k], 0.01);
    uint8_t *bits = calloc(1, len);
    for (uint32_t i = 0; i < counts[k]; i++)
      pq_bloom_insert(bits, len, hash_of(i));
    for (uint32_t i = 0; i < counts[k]; i++)
      lost += !pq_bloom_contains(bits, len, hash_of(i));
    for (uint32_t i = 0; i < probes; i++)
      hits += pq_bloom_contains(bits, len, hash_of(counts[k] + i));
    CHECK(lost == 0);
    CHECK(hits <= probes * 16 / 1000);
    free(bits);
  }
}

int main(void) {
  RUN(test_bloom_bits);
  RUN(test_bloom_insert_all);
  RUN(test_bloom_len);
  RUN(test_bloom_rate);
  return unit_end();
}
