/* test/unit/test_decode.c - the decoders on hand-made bytes, right and wrong ones. */
#include "parquet/decode_int.h"
#include "unit.h"

static pq_cx cx;
static pq_arena arena;
static const pq_place at = {&cx, "t/1.parquet", {(const uint8_t *)"col", 3}, 42};

static void begin(void) {
  unit_cx_init(&cx);
  pq_arena_init(&arena, &cx, 1 << 24);
}

static void end(void) {
  pq_arena_release(&arena);
  CHECK(unit_live_len == 0);
}

/* ---- bits ---- */

static uint64_t slow_bits(pq_slice in, uint64_t pos, unsigned width) {
  uint64_t v = 0;
  for (unsigned i = 0; i < width; i++, pos++)
    v |= (uint64_t)(in.p[pos >> 3] >> (pos & 7) & 1) << i;
  return v;
}

static void test_unpack_all_widths(void) {
  enum { N = 75, CAP = N * 8 + 2 };
  for (unsigned width = 0; width <= 64; width++) {
    for (unsigned start = 0; start < 8; start++) {
      size_t len = (start + N * width + 7) / 8;
      uint8_t *bytes = malloc(len + 1); /* exact, so that ASan sees an overread */
      pq_slice in = {bytes, len};
      uint32_t out32[N];
      int64_t sums[N], last = -5, want = -5;
      bool is_same = true;
      if (bytes == NULL) abort();
      for (size_t i = 0; i < len; i++)
        bytes[i] = (uint8_t)(i * 167 + width * 31 + start);
      if (width <= 32) {
        pq_unpack32(in, start, width, N, out32);
        for (unsigned i = 0; i < N; i++)
          is_same = is_same && out32[i] == slow_bits(in, start + (uint64_t)i * width, width);
      }
      pq_unpack_sums(in, start, width, N, 3, &last, sums);
      for (unsigned i = 0; i < N; i++) {
        uint64_t bits = slow_bits(in, start + (uint64_t)i * width, width);
        want = (int64_t)((uint64_t)want + 3 + bits);
        is_same = is_same && sums[i] == want;
      }
      CHECK(is_same && last == want);
      free(bytes);
    }
  }
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

static void test_levels(void) {
  static const uint8_t all[] = {40, 1};                       /* 20 times 1 */
  static const uint8_t mixed[] = {6, 0, 5, 0xf0, 0x0f, 4, 1}; /* 3 x 0, 16 bits, 2 x 1 */
  uint8_t nulls[21];
  uint32_t count;
  begin();
  CHECK(pq_levels_decode((pq_slice){all, sizeof all}, &at, 20, nulls, &count) == PQ_OK);
  CHECK(count == 0);
  CHECK(pq_levels_decode((pq_slice){mixed, sizeof mixed}, &at, 21, nulls, &count) == PQ_OK);
  CHECK(count == 3 + 8);
  CHECK(nulls[0] == 1 && nulls[2] == 1 && nulls[3] == 1 && nulls[6] == 1 && nulls[7] == 0);
  CHECK(nulls[14] == 0 && nulls[15] == 1 && nulls[18] == 1 && nulls[19] == 0);
  CHECK(pq_levels_decode((pq_slice){all, sizeof all}, &at, 21, nulls, &count) == PQ_ECORRUPT);
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
  spec.count = 7;
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

int main(void) {
  RUN(test_unpack_all_widths);
  RUN(test_hybrid_runs);
  RUN(test_hybrid_broken);
  RUN(test_levels);
  RUN(test_plain);
  RUN(test_delta_integers);
  RUN(test_delta_strings);
  RUN(test_delta_strings_bomb);
  RUN(test_dictionary);
  RUN(test_rle_booleans);
  RUN(test_byte_stream_split);
  RUN(test_encoding_of_other_type);
  return unit_end();
}
