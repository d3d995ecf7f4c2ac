/* test/unit/test_decode.c - the decoders on hand-made bytes, right and wrong ones; all of it with
 * the kernels of plain C and with those of the machine. */
#include "parquet/decode_int.h"
#include "port/cpu.h"
#include "unit.h"

static pq_cx cx;
static pq_arena arena;
static const pq_place at = {&cx, "t/1.parquet", {(const uint8_t *)"col", 3}, 42};

static unsigned cpu;

static void begin(void) {
  unit_cx_init(&cx);
  cx.cpu = cpu;
  pq_arena_init(&arena, &cx, 1 << 24);
}

static void end(void) {
  pq_arena_release(&arena);
  CHECK(unit_live_len == 0);
}

/* ---- hybrid ---- */

static void test_hybrid_runs(void) {
  /* a run of 5 times 3; 8 packed values of 3 bits 0..7 (Encodings.md); a run of 2 times 1 */
  static const uint8_t in[] = {10, 3, 3, 0x88, 0xc6, 0xfa, 4, 1};
  uint32_t out[15], rest;
  pq_hybrid h;
  begin();
  pq_hybrid_init(&h, (pq_slice){in, sizeof in}, 3);
  CHECK(pq_hybrid_read(&h, &at, 15, out) == PQ_OK);
  CHECK(out[0] == 3 && out[4] == 3 && out[13] == 1 && out[14] == 1);
  for (uint32_t i = 0; i < 8; i++)
    CHECK(out[5 + i] == i);
  CHECK(pq_hybrid_read(&h, &at, 1, &rest) == PQ_ECORRUPT);
  pq_hybrid_init(&h, (pq_slice){in, sizeof in}, 3);
  CHECK(pq_hybrid_skip(&h, &at, 7) == PQ_OK);
  CHECK(pq_hybrid_read(&h, &at, 3, out) == PQ_OK && out[0] == 2 && out[2] == 4);
  CHECK(strstr(cx.msg, "t/1.parquet: column col: ") != NULL && strstr(cx.msg, "42") != NULL);
  end();
}

static void test_hybrid_broken(void) {
  static const uint8_t wide[] = {10, 9};                            /* 9 needs more than 3 bits */
  static const uint8_t cut[] = {10};                                /* the value is missing */
  static const uint8_t long_run[] = {0xfe, 0xff, 0xff, 0xff, 0x7f}; /* more than 2^31 - 1 */
  static const uint8_t no_padding[] = {3, 0x88};                    /* two whole values of eight */
  uint32_t out[8];
  pq_hybrid h;
  begin();
  pq_hybrid_init(&h, (pq_slice){wide, sizeof wide}, 3);
  CHECK(pq_hybrid_read(&h, &at, 1, out) == PQ_ECORRUPT);
  pq_hybrid_init(&h, (pq_slice){cut, sizeof cut}, 3);
  CHECK(pq_hybrid_read(&h, &at, 1, out) == PQ_ECORRUPT);
  pq_hybrid_init(&h, (pq_slice){long_run, sizeof long_run}, 3);
  CHECK(pq_hybrid_read(&h, &at, 1, out) == PQ_ECORRUPT);
  pq_hybrid_init(&h, (pq_slice){no_padding, sizeof no_padding}, 3);
  CHECK(pq_hybrid_read(&h, &at, 2, out) == PQ_OK && out[0] == 0 && out[1] == 1);
  CHECK(pq_hybrid_read(&h, &at, 1, out) == PQ_ECORRUPT);
  end();
}

/* The same as bytes. */
static void test_hybrid_bytes(void) {
  static const uint8_t in[] = {6, 0, 5, 0xf0, 0x0f, 4, 1}; /* 3 x 0, 16 bits, 2 x 1 */
  static const uint8_t want[] = {0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 1, 1};
  uint8_t out[22];
  pq_hybrid h;
  begin();
  pq_hybrid_init(&h, (pq_slice){in, sizeof in}, 1);
  CHECK(pq_hybrid_read8(&h, &at, 5, out) == PQ_OK);
  CHECK(pq_hybrid_read8(&h, &at, 16, out + 5) == PQ_OK);
  CHECK(memcmp(out, want, sizeof want) == 0);
  CHECK(pq_hybrid_read8(&h, &at, 1, out) == PQ_ECORRUPT);
  end();
}

/* ---- values ---- */

static int read_values(pq_values_spec spec, pq_slice in, void *out) {
  pq_values v;
  PQ_TRY(pq_values_init(&v, &at, &arena, spec, in));
  return pq_values_read(&v, spec.count, out);
}

/* Skipping k values, then reading the others, gives the same as reading all. */
static bool skips_well(pq_values_spec spec, pq_slice in, const void *all) {
  size_t size = pq_phys_size(spec.phys);
  bool is_slice = pq_phys_is_slice(spec.phys);
  for (uint32_t k = 0; k <= spec.count; k++) {
    uint8_t *out = pq_arena_calloc(&arena, spec.count + 1, size);
    pq_values v;
    if (pq_values_init(&v, &at, &arena, spec, in) != PQ_OK) return false;
    if (pq_values_skip(&v, k) != PQ_OK) return false;
    if (pq_values_read(&v, spec.count - k, out) != PQ_OK) return false;
    for (uint32_t i = k; i < spec.count; i++) {
      if (is_slice && !pq_slice_eq(((pq_slice *)(void *)out)[i - k], ((const pq_slice *)all)[i]))
        return false;
      if (!is_slice && memcmp(out + (i - k) * size, (const uint8_t *)all + i * size, size) != 0)
        return false;
    }
  }
  return true;
}

static void test_plain(void) {
  static const uint8_t ints[] = {1, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 7};
  static const uint8_t strings[] = {2, 0, 0, 0, 'h', 'i', 0, 0, 0, 0, 1, 0, 0, 0, '!'};
  static const uint8_t bits[] = {0x05, 0x02};
  pq_values_spec spec = {.phys = PQ_PHYS_INT32, .count = 2};
  int32_t i32[3];
  pq_slice s[4];
  uint8_t b[10];
  begin();
  CHECK(read_values(spec, (pq_slice){ints, sizeof ints}, i32) == PQ_OK);
  CHECK(i32[0] == 1 && i32[1] == -1);
  CHECK(skips_well(spec, (pq_slice){ints, sizeof ints}, i32));
  spec.count = 3;
  CHECK(read_values(spec, (pq_slice){ints, sizeof ints}, i32) == PQ_ECORRUPT);
  spec = (pq_values_spec){.phys = PQ_PHYS_BYTES, .count = 3};
  CHECK(read_values(spec, (pq_slice){strings, sizeof strings}, s) == PQ_OK);
  CHECK(pq_slice_is(s[0], "hi") && s[1].n == 0 && pq_slice_is(s[2], "!"));
  CHECK(s[0].p == strings + 4); /* no copy */
  CHECK(skips_well(spec, (pq_slice){strings, sizeof strings}, s));
  for (size_t n = 0; n < sizeof strings; n++)
    CHECK(read_values(spec, (pq_slice){strings, n}, s) == PQ_ECORRUPT);
  spec = (pq_values_spec){.phys = PQ_PHYS_BOOL, .count = 10};
  CHECK(read_values(spec, (pq_slice){bits, sizeof bits}, b) == PQ_OK);
  CHECK(b[0] == 1 && b[1] == 0 && b[2] == 1 && b[8] == 0 && b[9] == 1);
  CHECK(skips_well(spec, (pq_slice){bits, sizeof bits}, b));
  spec = (pq_values_spec){.phys = PQ_PHYS_FIXED, .type_len = 3, .count = 3};
  CHECK(read_values(spec, (pq_slice){ints, sizeof ints}, s) == PQ_OK);
  CHECK(s[2].n == 3 && s[2].p == ints + 6);
  spec.type_len = 0;
  CHECK(read_values(spec, (pq_slice){ints, sizeof ints}, s) == PQ_ECORRUPT);
  end();
}

static void test_delta_integers(void) {
  /* Encodings.md, example 2: 7 5 3 1 2 3 4 5; block 128, 4 miniblocks, min delta -2, width 2:
   * deltas 0 0 0 3 3 3 3 as bits 00 00 00 11 11 11 11. */
  static const uint8_t in[] = {0x80, 1, 4, 8, 14, 3, 2, 99, 99, 99, 0xc0, 0x3f, 0, 0, 0, 0, 0, 0};
  static const int64_t want[] = {7, 5, 3, 1, 2, 3, 4, 5};
  pq_values_spec spec = {.phys = PQ_PHYS_INT64, .encoding = PQ_ENC_DELTA_BINARY_PACKED, .count = 8};
  uint8_t copy[sizeof in];
  int64_t out[8];
  int32_t out32[8];
  begin();
  CHECK(read_values(spec, (pq_slice){in, sizeof in}, out) == PQ_OK);
  CHECK(memcmp(out, want, sizeof out) == 0);
  CHECK(skips_well(spec, (pq_slice){in, sizeof in}, out));
  CHECK(read_values(spec, (pq_slice){in, 12}, out) == PQ_OK); /* padding left out */
  for (size_t n = 0; n < 12; n++)
    CHECK(read_values(spec, (pq_slice){in, n}, out) == PQ_ECORRUPT);
  spec.phys = PQ_PHYS_INT32;
  CHECK(read_values(spec, (pq_slice){in, sizeof in}, out32) == PQ_OK);
  CHECK(out32[3] == 1 && out32[7] == 5);
  spec.count = 7; /* a stream may hold more than the page */
  CHECK(read_values(spec, (pq_slice){in, sizeof in}, out32) == PQ_OK && out32[6] == 4);
  spec.count = 9;
  CHECK(read_values(spec, (pq_slice){in, sizeof in}, out32) == PQ_ECORRUPT);
  spec.count = 8;
  memcpy(copy, in, sizeof in);
  copy[6] = 65; /* bit width */
  CHECK(read_values(spec, (pq_slice){copy, sizeof copy}, out32) == PQ_ECORRUPT);
  copy[6] = 2;
  copy[2] = 3; /* miniblocks that do not divide the block */
  CHECK(read_values(spec, (pq_slice){copy, sizeof copy}, out32) == PQ_ECORRUPT);
  copy[2] = 0;
  CHECK(read_values(spec, (pq_slice){copy, sizeof copy}, out32) == PQ_ECORRUPT);
  end();
}

/* A delta stream of up to 33 small numbers with one miniblock of width 8 and min delta 0, after
 * the numbers given as differences. */
static size_t put_lens(uint8_t *out, uint8_t first, const uint8_t *deltas, uint8_t count) {
  static const uint8_t head[] = {0x80, 1, 4};
  memset(out, 0, 50);
  memcpy(out, head, sizeof head);
  out[3] = count;
  out[4] = (uint8_t)(first * 2);
  if (count < 2) return 5;
  out[6] = 8; /* after min delta 0; the other widths stay 0 */
  memcpy(out + 10, deltas, (size_t)count - 1);
  return 10 + 32;
}

static void test_delta_strings(void) {
  /* lengths 0 2 5: "", "hi", "there" */
  static const uint8_t len_deltas[] = {2, 3}, prefix_deltas[] = {4, 1, 0}, suffix_deltas[] = {0, 0};
  pq_values_spec spec = {
      .phys = PQ_PHYS_BYTES, .encoding = PQ_ENC_DELTA_LENGTH_BYTE_ARRAY, .count = 3};
  uint8_t in[200];
  size_t n = put_lens(in, 0, len_deltas, 3), m;
  pq_slice s[4];
  begin();
  memcpy(in + n, "hithere", 7);
  CHECK(read_values(spec, (pq_slice){in, n + 7}, s) == PQ_OK);
  CHECK(s[0].n == 0 && s[0].p != NULL && pq_slice_is(s[1], "hi") && pq_slice_is(s[2], "there"));
  CHECK(skips_well(spec, (pq_slice){in, n + 7}, s));
  for (size_t cut = 0; cut < n + 7; cut++)
    CHECK(read_values(spec, (pq_slice){in, cut}, s) == PQ_ECORRUPT);

  /* prefixes 0 4 5, suffixes 4 4 4: "axisabcd"-like joining */
  spec.encoding = PQ_ENC_DELTA_BYTE_ARRAY;
  n = put_lens(in, 0, prefix_deltas, 3);
  m = n + put_lens(in + n, 4, suffix_deltas, 3);
  memcpy(in + m, "axisleaf1234", 12);
  CHECK(read_values(spec, (pq_slice){in, m + 12}, s) == PQ_OK);
  CHECK(pq_slice_is(s[0], "axis") && pq_slice_is(s[1], "axisleaf") &&
        pq_slice_is(s[2], "axisl1234"));
  CHECK(skips_well(spec, (pq_slice){in, m + 12}, s));
  for (size_t cut = 0; cut < m + 12; cut++)
    CHECK(read_values(spec, (pq_slice){in, cut}, s) == PQ_ECORRUPT);
  in[10] = 5; /* the second prefix is longer than "axis" */
  CHECK(read_values(spec, (pq_slice){in, m + 12}, s) == PQ_ECORRUPT);
  in[10] = 4;
  spec.phys = PQ_PHYS_FIXED;
  spec.type_len = 4;
  CHECK(read_values(spec, (pq_slice){in, m + 12}, s) == PQ_ECORRUPT);

  /* A suffix of 0 is a part of the string before. */
  spec = (pq_values_spec){PQ_PHYS_BYTES, 0, PQ_ENC_DELTA_BYTE_ARRAY, 1, NULL};
  n = put_lens(in, 0, NULL, 1);
  m = n + put_lens(in + n, 0, NULL, 1);
  CHECK(read_values(spec, (pq_slice){in, m}, s) == PQ_OK && s[0].n == 0 && s[0].p != NULL);
  end();
}

static void test_delta_strings_bomb(void) {
  /* 4,097 strings, each the one before and one byte more: 8 MB, under a limit of 1 MB. */
  enum { N = 4097 };
  static uint8_t in[8000];
  pq_values_spec spec = {.phys = PQ_PHYS_BYTES, .encoding = PQ_ENC_DELTA_BYTE_ARRAY, .count = N};
  static pq_slice out[N];
  uint8_t *p = in;
  unit_cx_init(&cx);
  pq_arena_init(&arena, &cx, 1 << 20);
  for (int stream = 0; stream < 2; stream++) {
    static const uint8_t head[] = {0x80, 1, 4, 0x81, 0x20};
    memcpy(p, head, sizeof head);
    p += sizeof head;
    *p++ = stream == 0 ? 0 : 2; /* first: prefix 0, suffix 1 */
    for (int block = 0; block < 32; block++, p += 4) {
      *p++ = stream == 0 ? 2 : 0; /* min delta 1: prefixes grow; suffixes stay */
      memset(p, 0, 4);
    }
  }
  memset(p, 'x', N);
  CHECK(read_values(spec, (pq_slice){in, (size_t)(p + N - in)}, out) == PQ_ELIMIT);
  end();
}

static void test_dictionary(void) {
  static const uint8_t in[] = {2, 6, 1, 3, 0xe4, 0x1b}; /* width 2: 3 x 1, then 0 1 2 3 3 2 1 0 */
  static const uint8_t width0[] = {0, 8};
  double values[] = {0.5, 1.5, 2.5, 3.5};
  pq_dictionary dict = {4, values};
  pq_values_spec spec = {
      .phys = PQ_PHYS_DOUBLE, .encoding = PQ_ENC_RLE_DICTIONARY, .count = 11, .dictionary = &dict};
  double out[11];
  begin();
  CHECK(read_values(spec, (pq_slice){in, sizeof in}, out) == PQ_OK);
  CHECK(out[0] == 1.5 && out[2] == 1.5 && out[3] == 0.5 && out[6] == 3.5 && out[10] == 0.5);
  CHECK(skips_well(spec, (pq_slice){in, sizeof in}, out));
  dict.count = 3;
  CHECK(read_values(spec, (pq_slice){in, sizeof in}, out) == PQ_ECORRUPT);
  dict.count = 0;
  CHECK(read_values(spec, (pq_slice){in, sizeof in}, out) == PQ_ECORRUPT);
  spec.dictionary = NULL;
  CHECK(read_values(spec, (pq_slice){in, sizeof in}, out) == PQ_ECORRUPT);
  spec.dictionary = &dict;
  spec.count = 0; /* an empty dictionary and nothing but nulls */
  CHECK(read_values(spec, (pq_slice){0}, out) == PQ_OK);
  dict.count = 1;
  spec.count = 4;
  CHECK(read_values(spec, (pq_slice){width0, sizeof width0}, out) == PQ_OK && out[3] == 0.5);
  CHECK(read_values(spec, PQ_SLICE("\x21"), out) == PQ_ECORRUPT);
  CHECK(read_values(spec, (pq_slice){0}, out) == PQ_ECORRUPT);
  end();
}

static void test_rle_booleans(void) {
  static const uint8_t in[] = {4, 0, 0, 0, 10, 1, 3, 0x0a}; /* 5 x 1, then 0 1 0 1 0 0 0 0 */
  pq_values_spec spec = {.phys = PQ_PHYS_BOOL, .encoding = PQ_ENC_RLE, .count = 13};
  uint8_t out[13];
  begin();
  CHECK(read_values(spec, (pq_slice){in, sizeof in}, out) == PQ_OK);
  CHECK(out[0] == 1 && out[4] == 1 && out[5] == 0 && out[6] == 1 && out[8] == 1 && out[12] == 0);
  CHECK(skips_well(spec, (pq_slice){in, sizeof in}, out));
  for (size_t n = 0; n < sizeof in; n++)
    CHECK(read_values(spec, (pq_slice){in, n}, out) == PQ_ECORRUPT);
  end();
}

static void test_byte_stream_split(void) {
  static const uint8_t in[] = {1, 2, 3, 0, 0, 1, 0, 0, 0, 0, 0, 0xff};
  pq_values_spec spec = {.phys = PQ_PHYS_INT32, .encoding = PQ_ENC_BYTE_STREAM_SPLIT, .count = 3};
  int32_t out[3];
  begin();
  CHECK(read_values(spec, (pq_slice){in, sizeof in}, out) == PQ_OK);
  CHECK(out[0] == 1 && out[1] == 2 && out[2] == 0x103 - 0x1000000);
  CHECK(skips_well(spec, (pq_slice){in, sizeof in}, out));
  CHECK(read_values(spec, (pq_slice){in, sizeof in - 1}, out) == PQ_ECORRUPT);
  end();
}

static void test_byte_stream_split_fixed(void) {
  enum { N = 100, LEN = 12 };
  static uint8_t in[N * LEN];
  pq_values_spec spec = {
      .phys = PQ_PHYS_FIXED, .type_len = LEN, .encoding = PQ_ENC_BYTE_STREAM_SPLIT, .count = N};
  pq_slice out[N];
  bool is_same = true;
  begin();
  for (size_t i = 0; i < sizeof in; i++)
    in[i] = (uint8_t)(i * 7 + i / 256);
  CHECK(read_values(spec, (pq_slice){in, sizeof in}, out) == PQ_OK);
  for (size_t i = 0; i < N; i++)
    for (size_t b = 0; b < LEN; b++)
      is_same = is_same && out[i].n == LEN && out[i].p[b] == in[b * N + i];
  CHECK(is_same);
  CHECK(skips_well(spec, (pq_slice){in, sizeof in}, out));
  end();
}

/* ---- long streams ---- */

static uint64_t next_random(void) {
  static uint64_t seed = 7;
  seed ^= seed << 13;
  seed ^= seed >> 7;
  seed ^= seed << 17;
  return seed;
}

/* Bytes as they come, then copied to memory of exact length. */
typedef struct bytes {
  uint8_t p[1 << 16];
  size_t n;
} bytes;

static void put_varint(bytes *b, uint64_t v) {
  for (; v >= 128; v >>= 7)
    b->p[b->n++] = (uint8_t)(v | 128);
  b->p[b->n++] = (uint8_t)v;
}

static void put_bits(bytes *b, const uint64_t *v, size_t n, unsigned width) {
  memset(b->p + b->n, 0, n * width / 8);
  for (size_t i = 0; i < n * width; i++)
    b->p[b->n + i / 8] |= (uint8_t)((v[i / width] >> (i % width) & 1) << (i % 8));
  b->n += n * width / 8;
}

static uint64_t zigzag(uint64_t v) {
  return v << 1 ^ (v >> 63 != 0 ? UINT64_MAX : 0);
}

/* The stream of `n` values, blocks of 128, each miniblock of 32 as wide as it needs. `spoil`: the
 * widths of miniblocks that are not there. */
static void put_delta(bytes *b, const uint64_t *v, size_t n, uint8_t spoil) {
  put_varint(b, 128);
  put_varint(b, 4);
  put_varint(b, n);
  put_varint(b, zigzag(n > 0 ? v[0] : 0));
  for (size_t at_value = 1; at_value < n; at_value += 128) {
    size_t count = n - at_value < 128 ? n - at_value : 128, widths = 0;
    uint64_t d[128] = {0}, min = UINT64_MAX >> 1;
    for (size_t i = 0; i < count; i++) {
      d[i] = v[at_value + i] - v[at_value + i - 1];
      min = (int64_t)d[i] < (int64_t)min ? d[i] : min;
    }
    for (size_t i = 0; i < count; i++)
      d[i] -= min;
    put_varint(b, zigzag(min));
    widths = b->n;
    memset(b->p + b->n, spoil, 4);
    b->n += 4;
    for (size_t mini = 0; mini * 32 < count; mini++) {
      uint64_t all = 0;
      for (size_t i = 0; i < 32; i++)
        all |= d[mini * 32 + i];
      b->p[widths + mini] = 0;
      for (; all != 0; all >>= 1)
        b->p[widths + mini]++;
      put_bits(b, d + mini * 32, 32, b->p[widths + mini]);
    }
  }
}

/* Read in pieces of random size, some of them skipped, from memory of exact length. */
static bool reads_in_pieces(pq_values_spec spec, const bytes *b, const void *want) {
  size_t size = pq_phys_size(spec.phys);
  uint8_t *in = malloc(b->n + 1), *out = malloc(spec.count * size + 1);
  bool is_same = in != NULL && out != NULL;
  pq_values v;
  if (!is_same) abort();
  memcpy(in, b->p, b->n);
  is_same = pq_values_init(&v, &at, &arena, spec, (pq_slice){in, b->n}) == PQ_OK;
  for (uint32_t i = 0, n; i < spec.count && is_same; i += n) {
    n = 1 + (uint32_t)(next_random() % 700);
    if (n > spec.count - i) n = spec.count - i;
    if (next_random() % 4 == 0) {
      is_same = pq_values_skip(&v, n) == PQ_OK;
      continue;
    }
    is_same = pq_values_read(&v, n, out) == PQ_OK;
    for (uint32_t j = 0; j < n && is_same && pq_phys_is_slice(spec.phys); j++)
      is_same = pq_slice_eq(((pq_slice *)(void *)out)[j], ((const pq_slice *)want)[i + j]);
    if (is_same && !pq_phys_is_slice(spec.phys))
      is_same = memcmp(out, (const uint8_t *)want + i * size, n * size) == 0;
  }
  free(in);
  free(out);
  return is_same;
}

static void test_long_deltas(void) {
  enum { N = 2000 };
  static uint64_t v[N];
  static uint32_t narrow[N];
  static bytes b;
  for (unsigned width = 0; width <= 64; width++) {
    pq_values_spec spec = {
        .phys = PQ_PHYS_INT64, .encoding = PQ_ENC_DELTA_BINARY_PACKED, .count = N - width};
    begin();
    for (size_t i = 0; i < N; i++) {
      v[i] = width == 0 ? i * 3 : next_random() >> (64 - width);
      if (i % 500 > 300) v[i] = v[i - 1] + 5; /* miniblocks of width 0 */
      narrow[i] = (uint32_t)v[i];
    }
    b.n = 0;
    put_delta(&b, v, N - width, 255);
    CHECK(reads_in_pieces(spec, &b, v));
    spec.phys = PQ_PHYS_INT32;
    CHECK(reads_in_pieces(spec, &b, narrow));
    end();
  }
}

/* Sorted strings of up to `len` bytes: most begin as the one before. */
static void make_strings(pq_slice *out, size_t n, size_t len, bool is_fixed, bytes *text) {
  text->n = 0;
  for (size_t i = 0; i < n; i++) {
    size_t m = is_fixed ? len : (size_t)(next_random() % (len + 1));
    size_t same = (size_t)(next_random() % (len + 4));
    out[i] = (pq_slice){text->p + text->n, m};
    if (i == 0) same = 0;
    for (size_t k = 0; k < m; k++)
      text->p[text->n++] = k < same && k < out[i - 1].n ? out[i - 1].p[k] : (uint8_t)next_random();
  }
}

static void put_strings(bytes *b, pq_encoding encoding, const pq_slice *s, size_t n) {
  static uint64_t prefixes[1000], suffixes[1000];
  b->n = 0;
  for (size_t i = 0; i < n; i++) {
    prefixes[i] = 0;
    while (encoding == PQ_ENC_DELTA_BYTE_ARRAY && i > 0 && prefixes[i] < s[i].n &&
           prefixes[i] < s[i - 1].n && s[i].p[prefixes[i]] == s[i - 1].p[prefixes[i]])
      prefixes[i]++;
    suffixes[i] = s[i].n - prefixes[i];
  }
  if (encoding == PQ_ENC_DELTA_BYTE_ARRAY) put_delta(b, prefixes, n, 77);
  if (encoding != PQ_ENC_PLAIN) put_delta(b, suffixes, n, 77);
  for (size_t i = 0; i < n; i++) {
    size_t suffix = (size_t)suffixes[i];
    if (encoding == PQ_ENC_PLAIN) pq_wr32(b->p + b->n, (uint32_t)s[i].n);
    if (encoding == PQ_ENC_PLAIN) b->n += 4;
    if (suffix > 0) memcpy(b->p + b->n, s[i].p + (size_t)prefixes[i], suffix);
    b->n += suffix;
  }
}

static void test_long_strings(void) {
  enum { N = 1000 };
  static const pq_encoding encodings[] = {PQ_ENC_PLAIN, PQ_ENC_DELTA_LENGTH_BYTE_ARRAY,
                                          PQ_ENC_DELTA_BYTE_ARRAY};
  static pq_slice s[N], got[N];
  static bytes text, b;
  for (size_t len = 1; len <= 50; len += len < 20 ? 4 : 7) {
    for (int fixed = 0; fixed < 2; fixed++) {
      make_strings(s, N, len, fixed == 1, &text);
      for (size_t e = 0; e < sizeof encodings / sizeof *encodings; e++) {
        pq_values_spec spec = {.phys = PQ_PHYS_BYTES, .encoding = encodings[e], .count = N};
        begin();
        put_strings(&b, encodings[e], s, N);
        CHECK(reads_in_pieces(spec, &b, s));
        spec.phys = PQ_PHYS_FIXED;
        spec.type_len = (uint32_t)len;
        if (encodings[e] == PQ_ENC_DELTA_BYTE_ARRAY && fixed == 1)
          CHECK(reads_in_pieces(spec, &b, s));
        spec.phys = PQ_PHYS_BYTES;
        for (size_t cut = b.n - 40; cut < b.n; cut++)
          if (s[N - 1].n > 40) CHECK(read_values(spec, (pq_slice){b.p, cut}, got) == PQ_ECORRUPT);
        end();
      }
    }
  }
}

/* Runs and packed groups in turn, in every width; numbers, codes, and the same skipped. */
static void test_long_dictionary(void) {
  enum { N = 3000, ENTRIES = 200 };
  static double numbers[ENTRIES], want[N];
  static uint32_t codes[N], got[N];
  static bytes b;
  pq_dictionary dictionary = {ENTRIES, numbers};
  for (size_t i = 0; i < ENTRIES; i++)
    numbers[i] = (double)i / 8;
  for (unsigned width = 8; width <= 32; width++) {
    pq_values_spec spec = {PQ_PHYS_DOUBLE, 0, PQ_ENC_RLE_DICTIONARY, N, &dictionary};
    pq_values v;
    begin();
    b.n = 0;
    b.p[b.n++] = (uint8_t)width;
    for (uint32_t i = 0, n; i < N; i += n) {
      uint64_t group[512];
      n = 8 * (1 + (uint32_t)(next_random() % 64));
      if (n > N - i) n = N - i;
      for (uint32_t j = 0; j < n; j++)
        codes[i + j] = (uint32_t)(group[j] = next_random() % ENTRIES);
      if (next_random() % 2 == 0) {
        put_varint(&b, n / 8 << 1 | 1);
        put_bits(&b, group, n, width);
        continue;
      }
      put_varint(&b, n << 1);
      for (uint32_t j = 0; j < n; j++)
        codes[i + j] = codes[i];
      for (unsigned k = 0; k < width; k += 8)
        b.p[b.n++] = (uint8_t)(codes[i] >> k);
    }
    for (uint32_t i = 0; i < N; i++)
      want[i] = numbers[codes[i]];
    CHECK(reads_in_pieces(spec, &b, want));
    CHECK(pq_values_init(&v, &at, &arena, spec, (pq_slice){b.p, b.n}) == PQ_OK);
    CHECK(pq_values_codes(&v, 1000, got) == PQ_OK && pq_values_codes(&v, 0, got) == PQ_OK);
    CHECK(pq_values_codes(&v, N - 1000, got + 1000) == PQ_OK);
    CHECK(memcmp(got, codes, sizeof got) == 0);
    dictionary.count = ENTRIES / 2;
    CHECK(pq_values_init(&v, &at, &arena, spec, (pq_slice){b.p, b.n}) == PQ_OK);
    CHECK(pq_values_codes(&v, N, got) == PQ_ECORRUPT);
    CHECK(pq_values_init(&v, &at, &arena, spec, (pq_slice){b.p, b.n}) == PQ_OK);
    CHECK(pq_values_read(&v, N, want) == PQ_ECORRUPT);
    dictionary.count = ENTRIES;
    end();
  }
}

static void test_dictionary_of_booleans(void) {
  static const uint8_t in[] = {1, 3, 0x2c};
  static const uint8_t want[] = {0, 0, 1, 1, 0, 1, 0, 0};
  uint8_t values[] = {0, 1}, out[8];
  pq_dictionary dictionary = {2, values};
  pq_values_spec spec = {PQ_PHYS_BOOL, 0, PQ_ENC_RLE_DICTIONARY, 8, &dictionary};
  begin();
  CHECK(read_values(spec, (pq_slice){in, sizeof in}, out) == PQ_OK);
  CHECK(memcmp(out, want, sizeof want) == 0);
  end();
}

static void test_encoding_of_other_type(void) {
  pq_values_spec spec = {.phys = PQ_PHYS_DOUBLE, .encoding = PQ_ENC_DELTA_BINARY_PACKED};
  pq_values v;
  begin();
  CHECK(pq_values_init(&v, &at, &arena, spec, (pq_slice){0}) == PQ_EUNSUPPORTED);
  CHECK(strstr(cx.msg, "encoding 5") != NULL && strstr(cx.msg, "column col") != NULL);
  spec.encoding = (pq_encoding)10;
  CHECK(pq_values_init(&v, &at, &arena, spec, (pq_slice){0}) == PQ_EUNSUPPORTED);
  end();
}

static void run_all(void) {
  RUN(test_hybrid_runs);
  RUN(test_hybrid_broken);
  RUN(test_hybrid_bytes);
  RUN(test_plain);
  RUN(test_delta_integers);
  RUN(test_delta_strings);
  RUN(test_delta_strings_bomb);
  RUN(test_dictionary);
  RUN(test_rle_booleans);
  RUN(test_byte_stream_split);
  RUN(test_byte_stream_split_fixed);
  RUN(test_long_deltas);
  RUN(test_long_strings);
  RUN(test_long_dictionary);
  RUN(test_dictionary_of_booleans);
  RUN(test_encoding_of_other_type);
}

int main(void) {
  run_all();
  cpu = pq_cpu_features();
  if (cpu != 0) run_all();
  return unit_end();
}
