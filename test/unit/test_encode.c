/* Encodings against bytes from the specification and against small decoders written here, which
 * share nothing with the reader. */
#include "unit.h"

#include "parquet/dict_build_int.h"
#include "parquet/encode_int.h"

enum { COUNT_MAX = 5000 };

static uint64_t random_state = 88172645463325252u;

static uint64_t next_random(void) {
  random_state ^= random_state << 13;
  random_state ^= random_state >> 7;
  random_state ^= random_state << 17;
  return random_state;
}

static void bufs_init(pq_cx *cx, pq_buf *out, pq_buf *scratch) {
  unit_cx_init(cx);
  pq_buf_init(out, cx, (size_t)1 << 30);
  pq_buf_init(scratch, cx, (size_t)1 << 30);
}

static void bufs_release(pq_buf *out, pq_buf *scratch) {
  pq_buf_release(out);
  pq_buf_release(scratch);
  CHECK(unit_live_len == 0);
}

static bool is_bytes(const pq_buf *b, const uint8_t *want, size_t n) {
  return b->len == n && (n == 0 || memcmp(b->p, want, n) == 0);
}

#define CHECK_BYTES(b, ...)                       \
  do {                                            \
    static const uint8_t want_[] = {__VA_ARGS__}; \
    CHECK(is_bytes((b), want_, sizeof want_));    \
  } while (0)

/* ---- reference decoders ---- */

static uint64_t bits_at(const uint8_t *p, uint64_t pos, unsigned width) {
  uint64_t v = 0;
  for (unsigned i = 0; i < width; i++, pos++)
    v |= (uint64_t)(p[pos / 8] >> (pos % 8) & 1) << i;
  return v;
}

static bool decode_rle(pq_reader *r, unsigned width, uint32_t count, uint32_t *out) {
  uint32_t n = 0;
  while (n < count) {
    uint64_t head;
    pq_slice run;
    if (!pq_read_varint(r, &head)) return false;
    if ((head & 1) == 0) {
      if (!pq_read_bytes(r, (width + 7) / 8, &run) || head == 0) return false;
      for (uint64_t i = 0; i < head / 2; i++) {
        if (n == count) return false;
        out[n++] = run.n == 0 ? 0 : (uint32_t)pq_rdn(run.p, (unsigned)run.n);
      }
      continue;
    }
    if (!pq_read_bytes(r, (size_t)(head / 2) * width, &run)) return false;
    for (uint64_t i = 0; i < head / 2 * 8; i++) {
      uint32_t v = (uint32_t)bits_at(run.p, i * width, width);
      if (n < count)
        out[n++] = v;
      else if (v != 0)
        return false; /* padding must be zero, and less than a group */
    }
  }
  return pq_reader_left(r) == 0;
}

static bool decode_delta(pq_reader *r, bool is_32, int64_t *out, uint64_t *count) {
  uint64_t block, minis, n = 0;
  int64_t last, min;
  if (!pq_read_varint(r, &block) || !pq_read_varint(r, &minis) || !pq_read_varint(r, count) ||
      !pq_read_zigzag(r, &last) || block != 128 || minis != 4)
    return false;
  if (*count > 0) out[n++] = last;
  while (n < *count) {
    pq_slice widths, mini;
    if (!pq_read_zigzag(r, &min) || !pq_read_bytes(r, 4, &widths)) return false;
    for (unsigned m = 0; m < 4 && n < *count; m++) {
      if (widths.p[m] > (is_32 ? 32 : 64)) return false;
      if (!pq_read_bytes(r, (size_t)widths.p[m] * 4, &mini)) return false;
      for (unsigned i = 0; i < 32 && n < *count; i++) {
        uint64_t d = bits_at(mini.p, i * widths.p[m], widths.p[m]) + (uint64_t)min;
        last = (int64_t)((uint64_t)last + d);
        if (is_32) last = (int32_t)(uint32_t)(uint64_t)last;
        out[n++] = last;
      }
    }
  }
  return true;
}

/* ---- cases ---- */

static void test_encode_rle_golden(void) {
  static const uint32_t up[8] = {0, 1, 2, 3, 4, 5, 6, 7};
  uint32_t same[200];
  pq_cx cx;
  pq_buf out, scratch;
  bufs_init(&cx, &out, &scratch);
  CHECK(pq_encode_rle(&out, up, 8, 3) == PQ_OK); /* Encodings.md */
  CHECK_BYTES(&out, 0x03, 0x88, 0xc6, 0xfa);
  pq_buf_clear(&out);
  for (int i = 0; i < 200; i++)
    same[i] = 300;
  CHECK(pq_encode_rle(&out, same, 200, 9) == PQ_OK);
  CHECK_BYTES(&out, 0x90, 0x03, 0x2c, 0x01);
  pq_buf_clear(&out);
  memset(same, 0, sizeof same);
  CHECK(pq_encode_rle(&out, same, 200, 0) == PQ_OK); /* width 0: a run without a value */
  CHECK_BYTES(&out, 0x90, 0x03);
  pq_buf_clear(&out);
  CHECK(pq_encode_rle(&out, same, 0, 5) == PQ_OK);
  CHECK(out.len == 0);
  CHECK(pq_bit_width(0) == 0 && pq_bit_width(1) == 1 && pq_bit_width(255) == 8);
  CHECK(pq_bit_width(256) == 9 && pq_bit_width(UINT32_MAX) == 32);
  bufs_release(&out, &scratch);
}

/* Values in runs of random length, so that literals and runs meet at every offset. */
static void test_encode_rle_random(void) {
  static uint32_t v[COUNT_MAX], back[COUNT_MAX];
  pq_cx cx;
  pq_buf out, scratch;
  bufs_init(&cx, &out, &scratch);
  for (unsigned width = 1; width <= 32; width++) {
    for (uint32_t run_max = 1; run_max < 300; run_max = run_max * 3 + 1) {
      uint32_t count = (uint32_t)(next_random() % 700), i = 0;
      while (i < count) {
        uint32_t value = (uint32_t)next_random() >> (32 - width);
        for (uint64_t n = next_random() % run_max + 1; n > 0 && i < count; n--)
          v[i++] = value;
      }
      pq_buf_clear(&out);
      CHECK(pq_encode_rle(&out, v, count, width) == PQ_OK);
      pq_reader r = pq_reader_of(pq_buf_slice(&out));
      CHECK(decode_rle(&r, width, count, back));
      CHECK(count == 0 || memcmp(v, back, count * sizeof *v) == 0);
    }
  }
  bufs_release(&out, &scratch);
}

static void check_delta(const pq_dense *v) {
  static int64_t back[COUNT_MAX];
  bool is_32 = v->phys == PQ_PHYS_INT32;
  uint64_t count = 0, wrong = 0;
  pq_cx cx;
  pq_buf out, scratch;
  bufs_init(&cx, &out, &scratch);
  CHECK(pq_encode(&out, PQ_ENC_DELTA_BINARY_PACKED, v, &scratch) == PQ_OK);
  pq_reader r = pq_reader_of(pq_buf_slice(&out));
  CHECK(decode_delta(&r, is_32, back, &count));
  CHECK(count == v->count && pq_reader_left(&r) == 0);
  for (uint32_t i = 0; i < v->count; i++)
    wrong += back[i] != (is_32 ? v->v.i32[i] : v->v.i64[i]);
  CHECK(wrong == 0);
  bufs_release(&out, &scratch);
}

static void test_encode_delta(void) {
  static int64_t v64[COUNT_MAX];
  static int32_t v32[COUNT_MAX];
  static const uint32_t counts[] = {0, 1, 2, 33, 128, 129, 130, 257, 1000};
  static const int32_t example[] = {7, 5, 3, 1, 2, 3, 4, 5};
  pq_dense v = {.phys = PQ_PHYS_INT32, .count = 8};
  pq_cx cx;
  pq_buf out, scratch;
  bufs_init(&cx, &out, &scratch);
  v.v.i32 = example; /* Encodings.md, with our block of 128 and 4 miniblocks */
  CHECK(pq_encode(&out, PQ_ENC_DELTA_BINARY_PACKED, &v, &scratch) == PQ_OK);
  CHECK_BYTES(&out, 0x80, 0x01, 4, 8, 14, 3, 2, 0, 0, 0, 0xc0, 0x3f, 0, 0, 0, 0, 0, 0);
  bufs_release(&out, &scratch);
  for (unsigned shift = 0; shift < 64; shift++) {
    for (int i = 0; i < COUNT_MAX; i++) {
      v64[i] = (int64_t)(next_random() >> shift);
      v32[i] = (int32_t)(next_random() >> shift);
      if (i % 50 == 7) v64[i] = next_random() % 2 ? INT64_MIN : INT64_MAX;
      if (i % 50 == 7) v32[i] = next_random() % 2 ? INT32_MIN : INT32_MAX;
    }
    for (size_t k = 0; k < sizeof counts / sizeof *counts; k++) {
      v = (pq_dense){.phys = PQ_PHYS_INT32, .count = counts[k]};
      v.v.i32 = v32;
      check_delta(&v);
      v.phys = PQ_PHYS_INT64;
      v.v.i64 = v64;
      check_delta(&v);
    }
  }
}

static void test_encode_plain(void) {
  static const int32_t i32[] = {1, -2};
  static const int64_t i64[] = {INT64_MIN};
  static const float f32[] = {1.0f};
  static const double f64[] = {-2.0};
  static const uint8_t b[] = {1, 0, 0, 7, 0, 0, 0, 0, 1};
  pq_slice s[] = {PQ_SLICE("ab"), {NULL, 0}, PQ_SLICE("c")};
  pq_dense v = {.phys = PQ_PHYS_INT32, .count = 2};
  pq_cx cx;
  pq_buf out, scratch;
  bufs_init(&cx, &out, &scratch);
  v.v.i32 = i32;
  CHECK(pq_encode_plain(&out, &v) == PQ_OK);
  CHECK_BYTES(&out, 1, 0, 0, 0, 0xfe, 0xff, 0xff, 0xff);
  pq_buf_clear(&out);
  v = (pq_dense){.phys = PQ_PHYS_INT64, .count = 1};
  v.v.i64 = i64;
  CHECK(pq_encode_plain(&out, &v) == PQ_OK);
  CHECK_BYTES(&out, 0, 0, 0, 0, 0, 0, 0, 0x80);
  pq_buf_clear(&out);
  v = (pq_dense){.phys = PQ_PHYS_FLOAT, .count = 1};
  v.v.f32 = f32;
  CHECK(pq_encode_plain(&out, &v) == PQ_OK);
  CHECK_BYTES(&out, 0, 0, 0x80, 0x3f);
  pq_buf_clear(&out);
  v = (pq_dense){.phys = PQ_PHYS_DOUBLE, .count = 1};
  v.v.f64 = f64;
  CHECK(pq_encode_plain(&out, &v) == PQ_OK);
  CHECK_BYTES(&out, 0, 0, 0, 0, 0, 0, 0, 0xc0);
  pq_buf_clear(&out);
  v = (pq_dense){.phys = PQ_PHYS_BOOL, .count = 9};
  v.v.b = b;
  CHECK(pq_encode_plain(&out, &v) == PQ_OK);
  CHECK_BYTES(&out, 0x09, 0x01);
  pq_buf_clear(&out);
  CHECK(pq_encode(&out, PQ_ENC_RLE, &v, &scratch) == PQ_OK);
  CHECK_BYTES(&out, 3, 0, 0, 0, 0x05, 0x09, 0x01);
  pq_buf_clear(&out);
  v = (pq_dense){.phys = PQ_PHYS_BYTES, .count = 3};
  v.v.bytes = s;
  CHECK(pq_dense_plain_len(&v) == 15);
  CHECK(pq_encode_plain(&out, &v) == PQ_OK);
  CHECK_BYTES(&out, 2, 0, 0, 0, 'a', 'b', 0, 0, 0, 0, 1, 0, 0, 0, 'c');
  bufs_release(&out, &scratch);
}

/* Prefix lengths, suffix lengths, suffixes; with empty strings and repeats. */
static void test_encode_delta_bytes(void) {
  pq_slice s[] = {PQ_SLICE("axis"), PQ_SLICE("axle"),       PQ_SLICE("babble"),
                  {NULL, 0},        PQ_SLICE("babyhood"),   PQ_SLICE("babyhood"),
                  PQ_SLICE("baby"), PQ_SLICE("babyhood...")};
  int64_t prefixes[8], suffixes[8];
  uint64_t count;
  pq_slice rest;
  char text[64] = "";
  pq_dense v = {.phys = PQ_PHYS_BYTES, .count = 8};
  pq_cx cx;
  pq_buf out, scratch;
  bufs_init(&cx, &out, &scratch);
  v.v.bytes = s;
  CHECK(pq_encode(&out, PQ_ENC_DELTA_BYTE_ARRAY, &v, &scratch) == PQ_OK);
  pq_reader r = pq_reader_of(pq_buf_slice(&out));
  CHECK(decode_delta(&r, true, prefixes, &count) && count == 8);
  CHECK(decode_delta(&r, true, suffixes, &count) && count == 8);
  for (size_t i = 0, len = 0; i < 8; i++) {
    CHECK(pq_read_bytes(&r, (size_t)suffixes[i], &rest));
    CHECK((size_t)prefixes[i] <= len);
    len = (size_t)prefixes[i];
    if (rest.n > 0) memcpy(text + len, rest.p, rest.n);
    len += rest.n;
    CHECK(pq_slice_eq((pq_slice){(const uint8_t *)text, len}, s[i]));
  }
  CHECK(pq_reader_left(&r) == 0 && prefixes[1] == 2 && prefixes[5] == 8 && prefixes[6] == 4);
  pq_buf_clear(&out);
  CHECK(pq_encode(&out, PQ_ENC_DELTA_LENGTH_BYTE_ARRAY, &v, &scratch) == PQ_OK);
  r = pq_reader_of(pq_buf_slice(&out));
  CHECK(decode_delta(&r, true, suffixes, &count) && count == 8 && suffixes[7] == 11);
  CHECK(pq_reader_left(&r) == 4 + 4 + 6 + 8 + 8 + 4 + 11);
  bufs_release(&out, &scratch);
}

static void test_encode_dict(void) {
  static int64_t v64[20000];
  pq_slice s[] = {PQ_SLICE("b"), PQ_SLICE("a"), PQ_SLICE("a"), {NULL, 0}, PQ_SLICE("b")};
  static const double f64[] = {0.0, -0.0, 0.0};
  pq_dense v = {.phys = PQ_PHYS_BYTES, .count = 5};
  pq_dict d;
  bool pays;
  pq_cx cx;
  pq_buf out, scratch;
  bufs_init(&cx, &out, &scratch);
  pq_dict_init(&d, &cx);
  v.v.bytes = s;
  CHECK(pq_dict_build(&d, &v, PQ_DICT_LEN_MAX, &pays) == PQ_OK && pays && d.count == 3 &&
        d.plain_len == 14);
  CHECK(d.ids[0] == 0 && d.ids[1] == 1 && d.ids[2] == 1 && d.ids[3] == 2 && d.ids[4] == 0);
  CHECK(d.firsts[0] == 0 && d.firsts[1] == 1 && d.firsts[2] == 3);
  CHECK(pq_dict_put_page(&d, &v, 3, &out) == PQ_OK);
  CHECK_BYTES(&out, 1, 0, 0, 0, 'b', 1, 0, 0, 0, 'a', 0, 0, 0, 0);
  v = (pq_dense){.phys = PQ_PHYS_DOUBLE, .count = 3};
  v.v.f64 = f64; /* zeros of both signs are two entries */
  CHECK(pq_dict_build(&d, &v, PQ_DICT_LEN_MAX, &pays) == PQ_OK && pays && d.count == 2);
  CHECK(pq_dict_hash(&d, &v, PQ_DICT_HASH_ENTRIES) == PQ_OK && d.count == 2);
  CHECK(d.keys[0] == pq_hash((pq_slice){(const uint8_t *)f64, 8}, 0));
  v = (pq_dense){.phys = PQ_PHYS_INT64, .count = 20000};
  v.v.i64 = v64;
  for (int i = 0; i < 20000; i++)
    v64[i] = i;
  CHECK(pq_dict_build(&d, &v, PQ_DICT_LEN_MAX, &pays) == PQ_OK && !pays &&
        d.count < 5000); /* gave up early */
  CHECK(pq_dict_build(&d, &v, 0, &pays) == PQ_OK && pays && d.count == 20000);
  for (int i = 0; i < 20000; i++)
    v64[i] = (int64_t)(next_random() % 3000);
  CHECK(pq_dict_build(&d, &v, PQ_DICT_LEN_MAX, &pays) == PQ_OK && pays && d.count > 2900);
  pq_dict_hash_start(&d);
  for (uint32_t i = 0; i < 20; i++) {
    pq_dense part = pq_dense_part(&v, i * 1000, i * 1000 + 1000);
    CHECK(pq_dict_hash(&d, &part, PQ_DICT_HASH_ALL) == PQ_OK);
  }
  CHECK(d.count > 2900 && d.count <= 3000);
  for (int i = 0; i < 20000; i++)
    v64[i] = (int64_t)(next_random() % 6000); /* half of the first window is new, and more */
  CHECK(pq_dict_build(&d, &v, PQ_DICT_LEN_MAX, &pays) == PQ_OK && pays && d.count > 5000);
  CHECK(pq_dict_build(&d, &v, 4096, &pays) == PQ_OK && !pays); /* too long a dictionary */
  for (int i = 0; i < 20000; i++)
    v64[i] = (int64_t)(next_random() % 15000);
  CHECK(pq_dict_build(&d, &v, PQ_DICT_LEN_MAX, &pays) == PQ_OK && !pays && d.count < 5000);
  for (int i = 0; i < 20000; i++)
    v64[i] = i / 4;
  pq_dict_hash_start(&d);
  CHECK(pq_dict_hash(&d, &v, PQ_DICT_HASH_SORTED) == PQ_OK && d.count == 5000);
  pq_dict_release(&d);
  bufs_release(&out, &scratch);
}

/* Values of all lengths around those at which the keys are made differently. */
static void test_encode_dict_lengths(void) {
  static char room[600][20];
  static pq_slice s[1200];
  pq_dense v = {.phys = PQ_PHYS_BYTES, .count = 1200};
  bool pays, is_right = true;
  pq_dict d;
  pq_cx cx;
  unit_cx_init(&cx);
  pq_dict_init(&d, &cx);
  for (uint32_t i = 0; i < 600; i++) {
    room[i][i % 20] = (char)(1 + i / 20); /* differs in one byte, at any place */
    s[i] = s[i + 600] = (pq_slice){(const uint8_t *)room[i], 1 + i % 20};
  }
  v.v.bytes = s;
  CHECK(pq_dict_build(&d, &v, PQ_DICT_LEN_MAX, &pays) == PQ_OK && pays && d.count == 600);
  for (uint32_t i = 0; i < 1200; i++)
    is_right = is_right && d.ids[i] == i % 600;
  CHECK(is_right);
  for (uint32_t i = 0; i < 1200; i++) /* zeros, told apart by their length only */
    s[i] = (pq_slice){(const uint8_t *)"\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", i % 20};
  CHECK(pq_dict_build(&d, &v, PQ_DICT_LEN_MAX, &pays) == PQ_OK && pays && d.count == 20);
  pq_dict_release(&d);
  CHECK(unit_live_len == 0);
}

static void test_encode_split(void) {
  static const int32_t i32[] = {0x04030201, 0x14131211};
  static const int64_t i64[] = {0x0807060504030201, 0x1817161514131211};
  pq_slice fixed[] = {PQ_SLICE("abc"), PQ_SLICE("def")};
  pq_dense v = {.phys = PQ_PHYS_INT32, .count = 2};
  pq_cx cx;
  pq_buf out, scratch;
  bufs_init(&cx, &out, &scratch);
  v.v.i32 = i32;
  CHECK(pq_encode(&out, PQ_ENC_BYTE_STREAM_SPLIT, &v, &scratch) == PQ_OK);
  CHECK_BYTES(&out, 1, 0x11, 2, 0x12, 3, 0x13, 4, 0x14);
  pq_buf_clear(&out);
  v = (pq_dense){.phys = PQ_PHYS_INT64, .count = 2};
  v.v.i64 = i64;
  CHECK(pq_encode(&out, PQ_ENC_BYTE_STREAM_SPLIT, &v, &scratch) == PQ_OK);
  CHECK_BYTES(&out, 1, 0x11, 2, 0x12, 3, 0x13, 4, 0x14, 5, 0x15, 6, 0x16, 7, 0x17, 8, 0x18);
  pq_buf_clear(&out);
  v = (pq_dense){.phys = PQ_PHYS_FIXED, .type_len = 3, .count = 2};
  v.v.bytes = fixed;
  CHECK(pq_encode(&out, PQ_ENC_BYTE_STREAM_SPLIT, &v, &scratch) == PQ_OK);
  CHECK_BYTES(&out, 'a', 'd', 'b', 'e', 'c', 'f');
  pq_buf_clear(&out);
  v.count = 0;
  CHECK(pq_encode(&out, PQ_ENC_BYTE_STREAM_SPLIT, &v, &scratch) == PQ_OK && out.len == 0);
  CHECK(!pq_encoding_is_legal(PQ_ENC_BYTE_STREAM_SPLIT, PQ_PHYS_BYTES));
  CHECK(!pq_encoding_is_legal(PQ_ENC_RLE_DICTIONARY, PQ_PHYS_BOOL));
  CHECK(pq_encoding_is_legal(PQ_ENC_RLE_DICTIONARY, PQ_PHYS_INT96));
  bufs_release(&out, &scratch);
}

int main(void) {
  RUN(test_encode_dict_lengths);
  RUN(test_encode_split);
  RUN(test_encode_rle_golden);
  RUN(test_encode_rle_random);
  RUN(test_encode_delta);
  RUN(test_encode_plain);
  RUN(test_encode_delta_bytes);
  RUN(test_encode_dict);
  return unit_end();
}
