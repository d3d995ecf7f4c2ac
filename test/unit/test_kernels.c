/* test/unit/test_kernels.c - every kernel of every table this machine has, against a slow one. */
#include "parquet/bloom.h"
#include "parquet/kernels_int.h"
#include "port/cpu.h"
#include "unit.h"

static uint64_t seed = 42;

static uint64_t next_random(void) {
  seed ^= seed << 13;
  seed ^= seed >> 7;
  seed ^= seed << 17;
  return seed;
}

/* Memory of exact length, so that ASan sees an access beyond it. */
static void *exact(size_t len) {
  uint8_t *p = malloc(len > 0 ? len : 1);
  if (p == NULL) abort();
  for (size_t i = 0; i < len; i++)
    p[i] = (uint8_t)next_random();
  return p;
}

static uint64_t slow_bits(pq_slice in, uint64_t pos, unsigned width) {
  uint64_t v = 0;
  for (unsigned i = 0; i < width; i++, pos++)
    v |= (uint64_t)(in.p[pos >> 3] >> (pos & 7) & 1) << i;
  return v;
}

static bool unpacks(const pq_kernels *k, pq_slice in, uint64_t pos, unsigned width, uint32_t n) {
  uint32_t *out32 = exact(n * sizeof *out32), *sums32 = exact(n * sizeof *sums32);
  uint64_t *sums64 = exact(n * sizeof *sums64), last64 = next_random(), min = next_random();
  uint8_t *out8 = exact(n);
  pq_sum s32 = {min, last64}, s64 = {min, last64};
  uint32_t last32 = (uint32_t)last64;
  bool is_same = true;
  if (width <= 8) k->unpack8(in, pos, width, n, out8);
  if (width <= 32) k->unpack32(in, pos, width, n, out32);
  k->unpack_sums32(in, pos, width, n, &s32, sums32);
  k->unpack_sums64(in, pos, width, n, &s64, sums64);
  for (uint32_t i = 0; i < n; i++) {
    uint64_t bits = slow_bits(in, pos + (uint64_t)i * width, width);
    last64 += min + bits;
    last32 += (uint32_t)(min + bits);
    is_same = is_same && (width > 8 || out8[i] == bits) && (width > 32 || out32[i] == bits);
    is_same = is_same && sums64[i] == last64 && sums32[i] == last32;
  }
  if (n > 0) is_same = is_same && s64.last == last64 && s32.last == last32;
  is_same = is_same && s64.min == min && s32.min == min;
  free(out32);
  free(out8);
  free(sums32);
  free(sums64);
  return is_same;
}

static void test_unpack(const pq_kernels *k) {
  static const uint32_t counts[] = {0, 1, 7, 8, 9, 31, 32, 33, 75, 128, 300};
  for (unsigned width = 0; width <= 64; width++) {
    bool is_same = true;
    for (size_t c = 0; c < sizeof counts / sizeof *counts; c++) {
      uint32_t n = counts[c];
      for (unsigned start = 0; start < 16; start++) {
        for (size_t more = 0; more <= 40; more += 8) { /* bytes behind */
          size_t len = (start + (size_t)n * width + 7) / 8 + more;
          uint8_t *bytes = exact(len);
          is_same = is_same && unpacks(k, (pq_slice){bytes, len}, start, width, n);
          free(bytes);
        }
      }
    }
    CHECK(is_same);
  }
}

static void test_unpack_random(const pq_kernels *k) {
  bool is_same = true;
  for (int round = 0; round < 3000; round++) {
    unsigned width = (unsigned)(next_random() % 65);
    uint32_t n = (uint32_t)(next_random() % 500);
    uint64_t pos = next_random() % 500;
    size_t len = (size_t)((pos + (uint64_t)n * width + 7) / 8 + next_random() % 40);
    uint8_t *bytes = exact(len);
    is_same = is_same && unpacks(k, (pq_slice){bytes, len}, pos, width, n);
    free(bytes);
  }
  CHECK(is_same);
}

static void test_codes(const pq_kernels *k) {
  bool is_same = true;
  for (uint32_t n = 0; n < 200; n++) {
    uint32_t count = (uint32_t)(next_random() % (n % 3 == 0 ? 12 : 1000)) + 1, max = 0;
    uint32_t *codes = exact(n * sizeof *codes), *from4 = exact(count * sizeof *from4);
    uint64_t *from8 = exact(count * sizeof *from8), *out8 = exact(n * sizeof *out8);
    pq_slice *slices = exact(count * sizeof *slices), *out_slices = exact(n * sizeof *out_slices);
    uint32_t *out4 = exact(n * sizeof *out4);
    if (n % 2 == 1) codes[n / 2] = UINT32_MAX;
    for (uint32_t i = 0; i < n; i++)
      max = codes[i] > max ? codes[i] : max;
    is_same = is_same && k->max32(codes, n) == max;
    for (uint32_t i = 0; i < n; i++)
      codes[i] %= count;
    k->gather4(from4, codes, n, out4);
    k->gather8(from8, codes, n, out8);
    k->gather_slices(slices, codes, n, out_slices);
    for (uint32_t i = 0; i < n; i++) {
      is_same = is_same && out4[i] == from4[codes[i]] && out8[i] == from8[codes[i]];
      is_same = is_same && out_slices[i].p == slices[codes[i]].p;
      is_same = is_same && out_slices[i].n == slices[codes[i]].n;
    }
    free(codes);
    free(from4);
    free(from8);
    free(out4);
    free(out8);
    free(slices);
    free(out_slices);
  }
  CHECK(is_same);
}

/* One of `odds` is null. */
static bool spreads(const pq_kernels *k, size_t size, uint32_t n, uint32_t odds) {
  uint8_t *nulls = exact(n), *slots = exact(n * size), *before = exact(n * size);
  static const uint8_t zeros[16];
  uint32_t dense = 0;
  bool is_same = true;
  for (uint32_t i = 0; i < n; i++) {
    nulls[i] = odds != 0 && next_random() % odds == 0;
    dense += nulls[i] == 0;
  }
  if (n > 0) memcpy(before, slots, n * size);
  is_same = k->count_ones(nulls, n) == n - dense;
  k->spread(slots, size, nulls, n, dense);
  for (uint32_t i = 0, j = 0; i < n; i++) {
    const uint8_t *want = nulls[i] != 0 ? zeros : before + size * j++;
    is_same = is_same && memcmp(slots + i * size, want, size) == 0;
  }
  free(nulls);
  free(slots);
  free(before);
  return is_same;
}

static void test_nulls(const pq_kernels *k) {
  static const size_t sizes[] = {1, 4, 8, sizeof(pq_slice)};
  bool is_same = true;
  for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++)
    for (uint32_t n = 0; n < 300; n++)
      for (uint32_t odds = 0; odds < 5; odds++)
        is_same = is_same && spreads(k, sizes[s], n, odds * odds);
  CHECK(is_same);
  for (uint32_t n = 0; n < 300; n++) {
    uint8_t *def = exact(n), *nulls = exact(n);
    uint32_t want = 0;
    for (uint32_t i = 0; i < n; i++) {
      def[i] &= 3;
      want += def[i] != 3;
    }
    is_same = is_same && k->mark_nulls(def, n, 3, nulls) == want;
    for (uint32_t i = 0; i < n; i++)
      is_same = is_same && nulls[i] == (def[i] != 3);
    free(def);
    free(nulls);
  }
  CHECK(is_same);
}

/* Many flags: a counter that is too narrow would overflow. */
static void test_count_many(const pq_kernels *k) {
  enum { N = 100000 };
  uint8_t *flags = exact(N);
  memset(flags, 1, N);
  CHECK(k->count_ones(flags, N) == N);
  CHECK(k->count_ones(flags + 3, N - 3) == N - 3);
  CHECK(k->mark_nulls(flags, N, 0, flags) == N);
  free(flags);
}

static void test_merge_streams(const pq_kernels *k) {
  for (size_t size = 1; size <= 20; size++) {
    bool is_same = true;
    for (uint32_t count = 0; count < 150; count += 1 + (uint32_t)size / 3) {
      size_t first = count == 0 ? 0 : (size_t)(next_random() % count);
      uint32_t n = count - (uint32_t)first;
      uint8_t *in = exact(count * size), *out = exact(n * size);
      k->merge_streams(in, count, first, n, size, out);
      for (uint32_t i = 0; i < n; i++)
        for (size_t b = 0; b < size; b++)
          is_same = is_same && out[i * size + b] == in[b * count + first + i];
      free(in);
      free(out);
    }
    CHECK(is_same);
  }
}

static void test_bloom(const pq_kernels *k) {
  for (size_t len = PQ_BLOOM_BLOCK_LEN; len <= 7 * PQ_BLOOM_BLOCK_LEN; len += PQ_BLOOM_BLOCK_LEN) {
    uint8_t *bits = exact(len), *want = exact(len);
    uint64_t *hashes = exact(21 * sizeof *hashes);
    memset(bits, 0, len);
    memset(want, 0, len);
    k->bloom_insert(bits, len, hashes, 21);
    for (size_t i = 0; i < 21; i++)
      pq_bloom_insert(want, len, hashes[i]);
    CHECK(memcmp(bits, want, len) == 0);
    free(bits);
    free(want);
    free(hashes);
  }
}

static void test_crc32(const pq_kernels *k) {
  bool is_same = true;
  for (size_t n = 0; n < 400; n++) {
    uint8_t *bytes = exact(n);
    is_same = is_same && k->crc32((pq_slice){bytes, n}) == pq_crc32((pq_slice){bytes, n});
    free(bytes);
  }
  CHECK(is_same);
  CHECK(k->crc32(PQ_SLICE("123456789")) == 0xcbf43926u);
}

static void run(const pq_kernels *k) {
  test_unpack(k);
  test_unpack_random(k);
  test_codes(k);
  test_nulls(k);
  test_count_many(k);
  test_merge_streams(k);
  test_bloom(k);
  test_crc32(k);
}

/* A context gets the table of the machine, and plain C if it asks for it. */
static void test_choice(void) {
  pq_cx cx;
  unit_cx_init(&cx);
  CHECK(pq_kernels_of(&cx) == &pq_kernels_plain);
  cx.cpu = pq_cpu_features();
  CHECK((pq_kernels_of(&cx) == &pq_kernels_plain) == (cx.cpu == 0));
}

int main(void) {
  pq_cx cx;
  unit_cx_init(&cx);
  RUN(test_choice);
  run(&pq_kernels_plain);
  cx.cpu = pq_cpu_features();
  if (cx.cpu != 0) run(pq_kernels_of(&cx));
  return unit_end();
}
