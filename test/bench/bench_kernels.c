/* test/bench/bench_kernels.c - the inner loops of reading Parquet: plain C beside SIMD.
 *
 *     bench_kernels [WORD…]     ns a value; only the rows whose name contains a WORD
 *
 * First each kernel by itself, then each encoding as a page reader uses it: pages of 20,000 values
 * decoded in batches of 2,048 to memory that stays in the cache. The best of many short rounds,
 * both tables in turn. `ratio` is plain / SIMD.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "parquet/bloom.h"
#include "parquet/decode_int.h"
#include "port/cpu.h"

enum { ROUNDS = 60, COUNT = 20000, BATCH = 2048, BYTES_CAP = COUNT * 64, DICTIONARY = 1000 };

#define NONE UINT32_MAX /* a row without a number */

static pq_cx cx;
static pq_arena arena;
static const pq_place at = {&cx, "bench", {NULL, 0}, 0};
static uint8_t page[BYTES_CAP];
static size_t page_len;
static uint8_t flags[COUNT], bloom[1 << 20];
static uint32_t codes[COUNT];
static uint64_t hashes[COUNT];
static union {
  uint8_t u8[COUNT * 16];
  uint32_t u32[COUNT];
  uint64_t u64[COUNT];
  pq_slice slices[COUNT];
} out, from;

static void die(const char *what) {
  fprintf(stderr, "bench_kernels: %s\n", what);
  exit(1);
}

static uint64_t next_random(void) {
  static uint64_t seed = 88172645463325252u;
  seed ^= seed << 13;
  seed ^= seed >> 7;
  seed ^= seed << 17;
  return seed;
}

static double now_ns(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

/* ---- rows ---- */

/* Something that handles COUNT values with `k`; `arg` is its own. */
typedef void (*job)(const pq_kernels *k, unsigned arg);

static double best_of(job run, const pq_kernels *k, unsigned arg, double best) {
  double start = now_ns(), took;
  run(k, arg);
  took = (now_ns() - start) / COUNT;
  return took < best ? took : best;
}

static int word_count;
static char **words;

static void row(const char *name, unsigned number, job run, unsigned arg) {
  char text[64];
  double plain = 1e9, simd = 1e9;
  bool is_wanted = word_count == 0;
  snprintf(text, sizeof text, number != NONE ? "%s %u" : "%s", name, number);
  for (int i = 0; i < word_count; i++)
    is_wanted = is_wanted || strstr(text, words[i]) != NULL;
  if (!is_wanted) return;
  for (int i = 0; i < ROUNDS; i++) {
    cx.cpu = 0;
    plain = best_of(run, pq_kernels_of(&cx), arg, plain);
    cx.cpu = pq_cpu_features();
    simd = best_of(run, pq_kernels_of(&cx), arg, simd);
  }
  printf("%-34s %8.2f %8.2f %8.2f\n", text, plain, simd, plain / simd);
}

/* ---- kernels ---- */

static pq_slice page_bytes(void) {
  return (pq_slice){page, page_len};
}

static void run_unpack32(const pq_kernels *k, unsigned width) {
  k->unpack32(page_bytes(), 0, width, COUNT, out.u32);
}
static void run_unpack8(const pq_kernels *k, unsigned width) {
  k->unpack8(page_bytes(), 0, width, COUNT, out.u8);
}
static void run_sums32(const pq_kernels *k, unsigned width) { /* miniblocks, as they come */
  pq_sum s = {3, 7};
  for (uint32_t i = 0; i < COUNT; i += 32)
    k->unpack_sums32(page_bytes(), (uint64_t)i * width, width, 32, &s, out.u32 + i);
}
static void run_sums64(const pq_kernels *k, unsigned width) {
  pq_sum s = {3, 7};
  for (uint32_t i = 0; i < COUNT; i += 32)
    k->unpack_sums64(page_bytes(), (uint64_t)i * width, width, 32, &s, out.u64 + i);
}
static void run_max32(const pq_kernels *k, unsigned arg) {
  (void)arg;
  if (k->max32(codes, COUNT) >= DICTIONARY) die("wrong code");
}
static void run_gather(const pq_kernels *k, unsigned size) {
  for (uint32_t i = 0; i < COUNT; i += 2000) {
    if (size == 4) k->gather4(from.u32, codes + i, 2000, out.u32);
    if (size == 8) k->gather8(from.u64, codes + i, 2000, out.u64);
    if (size > 8) k->gather_slices(from.slices, codes + i, 2000, out.slices);
  }
}
static void run_count(const pq_kernels *k, unsigned arg) {
  (void)arg;
  if (k->count_ones(flags, COUNT) == 0) die("no flags");
}
static void run_mark(const pq_kernels *k, unsigned arg) {
  (void)arg;
  k->mark_nulls(flags, COUNT, 1, out.u8);
}
static void run_spread(const pq_kernels *k, unsigned size) {
  for (uint32_t i = 0; i < COUNT; i += 2000)
    k->spread(out.u8, size, flags + i, 2000, 2000 - k->count_ones(flags + i, 2000));
}
static void run_merge(const pq_kernels *k, unsigned size) {
  k->merge_streams(page, COUNT, 0, COUNT, size, out.u8);
}
static void run_bloom(const pq_kernels *k, unsigned len) {
  k->bloom_insert(bloom, len, hashes, COUNT);
}

static void run_crc(const pq_kernels *k, unsigned len) {
  static uint32_t sum;
  for (size_t i = 0; i < COUNT; i += len)
    sum += k->crc32((pq_slice){page + i, len});
  if (sum == 1) die("unlikely");
}

static void kernels(void) {
  static const unsigned widths[] = {1, 2, 3, 5, 7, 8, 10, 12, 15, 16, 17, 20, 24, 27, 31, 32};
  static const unsigned wide[] = {0, 1, 3, 8, 13, 20, 32, 40, 64};
  page_len = sizeof page;
  for (size_t i = 0; i < sizeof page; i++)
    page[i] = (uint8_t)next_random();
  for (uint32_t i = 0; i < COUNT; i++) {
    codes[i] = (uint32_t)(next_random() % DICTIONARY);
    flags[i] = next_random() % 4 == 0;
    hashes[i] = next_random();
  }
  for (size_t i = 0; i < sizeof widths / sizeof *widths; i++)
    row("unpack32 width", widths[i], run_unpack32, widths[i]);
  for (unsigned width = 1; width <= 8; width += 3)
    row("unpack8 width", width, run_unpack8, width);
  for (size_t i = 0; i < sizeof wide / sizeof *wide; i++)
    row("sums32 width", wide[i], run_sums32, wide[i]);
  for (size_t i = 0; i < sizeof wide / sizeof *wide; i++)
    row("sums64 width", wide[i], run_sums64, wide[i]);
  row("max32", NONE, run_max32, 0);
  for (unsigned size = 4; size <= 16; size *= 2)
    row("gather bytes", size, run_gather, size);
  row("count_ones", NONE, run_count, 0);
  row("mark_nulls", NONE, run_mark, 0);
  row("spread bytes", 1, run_spread, 1);
  for (unsigned size = 4; size <= sizeof(pq_slice); size *= 2)
    row("spread bytes", size, run_spread, size);
  for (unsigned size = 2; size <= 16; size *= 2)
    row("merge_streams bytes", size, run_merge, size);
  row("crc32, of bytes", 200, run_crc, 200);
  row("crc32, of bytes", COUNT, run_crc, COUNT);
  row("bloom_insert KiB", 32, run_bloom, 32 << 10);
  row("bloom_insert KiB", 1024, run_bloom, 1 << 20);
}

/* ---- pages ---- */

static void put_byte(unsigned v) {
  if (page_len == sizeof page) die("page too small");
  page[page_len++] = (uint8_t)v;
}

static void put_varint(uint64_t v) {
  for (; v >= 128; v >>= 7)
    put_byte((unsigned)(v & 127) | 128);
  put_byte((unsigned)v);
}

/* `n` random values of `width` bits; n * width is a multiple of 8. */
static void put_bits(uint32_t n, unsigned width) {
  for (uint64_t i = 0; i < (uint64_t)n * width / 8; i++)
    put_byte((unsigned)next_random() & 255);
}

/* A delta stream whose miniblocks are all of `width` bits. */
static void put_delta(unsigned width, unsigned first) {
  put_varint(128);
  put_varint(4);
  put_varint(COUNT);
  put_varint(first * 2);
  for (uint32_t done = 1; done < COUNT; done += 128) {
    put_varint(0);
    for (int i = 0; i < 4; i++)
      put_byte(width);
    put_bits(128, width);
  }
}

/* A delta stream of `first`, then always `other`, as a block that goes from one to the other and
 * blocks of width 0. */
static void put_constant(unsigned first, unsigned other) {
  bool is_less = other < first;
  put_varint(128);
  put_varint(4);
  put_varint(COUNT);
  put_varint(first * 2);
  for (uint32_t done = 1; done < COUNT; done += 128) {
    unsigned difference = done == 1 && is_less ? first - other : 0;
    put_varint(difference == 0 ? 0 : 2 * difference - 1);
    for (int i = 0; i < 4; i++)
      put_byte(done == 1 ? 8 : 0);
    for (int i = 0; i < 128 && done == 1; i++)
      put_byte(i > 0 ? difference : is_less ? 0 : other - first);
  }
}

static pq_dictionary dictionary = {DICTIONARY, &from};
static pq_values_spec spec;

static void run_page(const pq_kernels *k, unsigned arg) {
  pq_values v;
  int rc = pq_values_init(&v, &at, &arena, spec, page_bytes());
  (void)k;
  for (uint32_t i = 0, n; i < COUNT && rc == PQ_OK; i += n) {
    n = COUNT - i < BATCH ? COUNT - i : BATCH;
    if (arg == 'c')
      rc = pq_values_codes(&v, n, out.u32);
    else if (arg == 's')
      rc = pq_values_skip(&v, n);
    else
      rc = pq_values_read(&v, n, &out);
  }
  if (rc != PQ_OK) die(cx.msg);
  pq_arena_clear(&arena);
}

static void page_row(const char *name, unsigned number, pq_phys phys, pq_encoding encoding) {
  spec = (pq_values_spec){.phys = phys,
                          .type_len = 12,
                          .encoding = encoding,
                          .count = COUNT,
                          .dictionary = &dictionary};
  row(name, number, run_page, 0);
}

static void dictionary_pages(void) {
  static const unsigned widths[] = {1, 3, 9, 16};
  for (size_t i = 0; i < sizeof widths / sizeof *widths; i++) {
    dictionary.count = 1u << widths[i];
    if (dictionary.count > COUNT) dictionary.count = COUNT;
    page_len = 0;
    put_byte(widths[i]);
    put_varint(COUNT / 8 << 1 | 1);
    for (uint32_t j = 0; j < COUNT; j += 8) { /* codes below COUNT: the highest bits are 0 */
      size_t group = page_len;
      put_bits(8, widths[i]);
      if (widths[i] == 16)
        for (size_t b = 1; b < 16; b += 2)
          page[group + b] &= 63;
    }
    if (widths[i] == 16) dictionary.count = 16384;
    page_row("dictionary of INT32, width", widths[i], PQ_PHYS_INT32, PQ_ENC_RLE_DICTIONARY);
    page_row("dictionary of INT64, width", widths[i], PQ_PHYS_INT64, PQ_ENC_RLE_DICTIONARY);
    page_row("dictionary of BYTES, width", widths[i], PQ_PHYS_BYTES, PQ_ENC_RLE_DICTIONARY);
    row("codes, width", widths[i], run_page, 'c');
  }
  dictionary.count = 8;
  for (unsigned run = 4; run <= 1000; run = run == 4 ? 50 : run * 20) {
    page_len = 0;
    put_byte(3);
    for (uint32_t i = 0; i < COUNT; i += run) {
      put_varint(run << 1);
      put_byte(i & 7);
    }
    page_row("dictionary of BYTES, runs of", run, PQ_PHYS_BYTES, PQ_ENC_RLE_DICTIONARY);
    row("codes, runs of", run, run_page, 'c');
  }
}

/* Strings of about `len` bytes with their lengths before them. */
static void put_plain_strings(unsigned len, bool is_varied) {
  page_len = 0;
  for (uint32_t i = 0; i < COUNT; i++) {
    unsigned n = is_varied ? (unsigned)(next_random() % (2 * len)) : len;
    put_byte(n);
    put_byte(0);
    put_byte(0);
    put_byte(0);
    put_bits(8, n);
  }
}

static void string_pages(void) {
  put_plain_strings(12, false);
  page_row("PLAIN BYTES, all of", 12, PQ_PHYS_BYTES, PQ_ENC_PLAIN);
  put_plain_strings(12, true);
  page_row("PLAIN BYTES, about", 12, PQ_PHYS_BYTES, PQ_ENC_PLAIN);
  row("skip PLAIN BYTES", NONE, run_page, 's');
  page_len = 0;
  put_delta(0, 12); /* all of 12 bytes */
  put_bits(8, 12 * COUNT);
  page_row("DELTA_LENGTH, all of", 12, PQ_PHYS_BYTES, PQ_ENC_DELTA_LENGTH_BYTE_ARRAY);
  row("skip DELTA_LENGTH", NONE, run_page, 's');
  page_len = 0;
  put_delta(0, 0);
  put_delta(0, 12);
  put_bits(8, 12 * COUNT);
  page_row("DELTA_BYTE_ARRAY, no prefix", NONE, PQ_PHYS_BYTES, PQ_ENC_DELTA_BYTE_ARRAY);
  page_row("DELTA_BYTE_ARRAY of FIXED", 12, PQ_PHYS_FIXED, PQ_ENC_DELTA_BYTE_ARRAY);
  row("skip DELTA_BYTE_ARRAY", NONE, run_page, 's');
  page_len = 0;
  put_constant(0, 20);
  put_constant(26, 6);
  put_bits(8, 6 * COUNT + 20);
  page_row("DELTA_BYTE_ARRAY, 20 of 26 shared", NONE, PQ_PHYS_BYTES, PQ_ENC_DELTA_BYTE_ARRAY);
  row("skip DELTA_BYTE_ARRAY, shared", NONE, run_page, 's');
}

static void number_pages(void) {
  static const unsigned widths[] = {0, 1, 5, 13, 20};
  page_len = sizeof page;
  page_row("PLAIN BOOL", NONE, PQ_PHYS_BOOL, PQ_ENC_PLAIN);
  page_row("PLAIN INT32", NONE, PQ_PHYS_INT32, PQ_ENC_PLAIN);
  page_row("PLAIN DOUBLE", NONE, PQ_PHYS_DOUBLE, PQ_ENC_PLAIN);
  page_row("PLAIN FIXED", 12, PQ_PHYS_FIXED, PQ_ENC_PLAIN);
  page_row("BYTE_STREAM_SPLIT FLOAT", NONE, PQ_PHYS_FLOAT, PQ_ENC_BYTE_STREAM_SPLIT);
  page_row("BYTE_STREAM_SPLIT DOUBLE", NONE, PQ_PHYS_DOUBLE, PQ_ENC_BYTE_STREAM_SPLIT);
  page_row("BYTE_STREAM_SPLIT FIXED", 12, PQ_PHYS_FIXED, PQ_ENC_BYTE_STREAM_SPLIT);
  for (size_t i = 0; i < sizeof widths / sizeof *widths; i++) {
    page_len = 0;
    put_delta(widths[i], 1);
    page_row("DELTA INT32, width", widths[i], PQ_PHYS_INT32, PQ_ENC_DELTA_BINARY_PACKED);
    page_row("DELTA INT64, width", widths[i], PQ_PHYS_INT64, PQ_ENC_DELTA_BINARY_PACKED);
    row("skip DELTA INT64, width", widths[i], run_page, 's');
  }
  page_len = 4;
  put_varint(COUNT / 8 << 1 | 1);
  put_bits(COUNT, 1);
  pq_wr32(page, (uint32_t)page_len - 4);
  page_row("RLE BOOL", NONE, PQ_PHYS_BOOL, PQ_ENC_RLE);
}

int main(int argc, char **argv) {
  words = argv + 1;
  word_count = argc - 1;
  pq_cx_init(&cx, NULL, NULL);
  pq_arena_init(&arena, &cx, 1 << 28);
  printf("%-34s %8s %8s %8s\n", "ns a value", "plain", "SIMD", "ratio");
  kernels();
  number_pages();
  dictionary_pages();
  string_pages();
  pq_arena_release(&arena);
  return 0;
}
