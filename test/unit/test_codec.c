/* test/unit/test_codec.c - round trips, the layouts that share a name, damage,
 * codecs not built in, out of memory, CRC-32. */
#include "codec/codec.h"
#include "unit.h"

enum { TEXT_LEN = 20000 };
static uint8_t text[TEXT_LEN], back[TEXT_LEN + 1];

static void fill_text(void) {
  uint32_t seed = 7;
  for (size_t i = 0; i < TEXT_LEN; i++) {
    seed = seed * 1664525u + 1013904223u;
    text[i] = (uint8_t)('a' + (seed >> 24) % 7);
  }
}

/* One call with a decompressor of its own. */
static int unpack(pq_cx *cx, pq_codec codec, pq_slice in, uint8_t *out, size_t out_len) {
  pq_decompressor d;
  int rc;
  pq_decompressor_init(&d, cx);
  rc = pq_decompress(&d, codec, in, out, out_len);
  pq_decompressor_release(&d);
  return rc;
}

/* Decompress bytes that stand in an allocation of exactly their size, to one of
 * exactly `len`. */
static int unpack_exact(pq_cx *cx, pq_codec codec, pq_slice in, size_t len) {
  uint8_t *from = malloc(in.n + 1), *to = malloc(len + 1);
  int rc;
  if (from == NULL || to == NULL) abort();
  if (in.n > 0) memcpy(from + 1, in.p, in.n);
  rc = unpack(cx, codec, (pq_slice){from + 1, in.n}, to + 1, len);
  if (rc == PQ_OK && len > 0) memcpy(back, to + 1, len);
  free(from);
  free(to);
  return rc;
}

static void round_trip(pq_codec codec, int level, size_t len) {
  pq_cx cx;
  pq_compressor c;
  pq_buf out;
  pq_slice packed;
  if (!pq_codec_is_readable(codec)) return;
  unit_cx_init(&cx);
  pq_compressor_init(&c, &cx);
  pq_buf_init(&out, &cx, 1 << 20);
  CHECK(pq_buf_put_str(&out, "ab") == PQ_OK); /* appends */
  CHECK(pq_compress(&c, codec, level, (pq_slice){text, len}, &out) == PQ_OK);
  CHECK(memcmp(out.p, "ab", 2) == 0);
  packed = (pq_slice){out.p + 2, out.len - 2};
  CHECK(pq_decompressed_len_max(codec, packed) >= len);
  memset(back, 0xee, sizeof back);
  CHECK(unpack(&cx, codec, packed, back, len) == PQ_OK);
  CHECK(memcmp(back, text, len) == 0 && back[len] == 0xee);
  CHECK(unpack(&cx, codec, packed, back, len + 1) == PQ_ECORRUPT);
  if (len > 0) CHECK(unpack(&cx, codec, packed, back, len - 1) == PQ_ECORRUPT);
  pq_buf_release(&out);
  pq_compressor_release(&c);
  CHECK(unit_live_len == 0);
}

static void test_codec_round_trip(void) {
  static const pq_codec codecs[] = {PQ_CODEC_NONE, PQ_CODEC_ZSTD, PQ_CODEC_SNAPPY, PQ_CODEC_LZ4_RAW,
                                    PQ_CODEC_GZIP};
  for (size_t i = 0; i < sizeof codecs / sizeof *codecs; i++) {
    round_trip(codecs[i], 3, TEXT_LEN);
    round_trip(codecs[i], 3, 700);
    round_trip(codecs[i], 3, 1);
    round_trip(codecs[i], 3, 0);
  }
  round_trip(PQ_CODEC_ZSTD, 1, TEXT_LEN);
  round_trip(PQ_CODEC_ZSTD, 19, TEXT_LEN);
  round_trip(PQ_CODEC_GZIP, 0, TEXT_LEN);
  round_trip(PQ_CODEC_GZIP, 19, TEXT_LEN);
}

/* A context serves many pages, also after a failure. */
static void test_codec_reuse(void) {
  pq_cx cx;
  pq_compressor c = {0};
  pq_decompressor d;
  pq_buf out;
  long live_len = 0;
  unit_cx_init(&cx);
  pq_decompressor_init(&d, &cx);
  pq_buf_init(&out, &cx, 1 << 20);
  CHECK(pq_compress(&c, PQ_CODEC_ZSTD, 3, (pq_slice){text, 5000}, &out) == PQ_OK);
  for (int i = 0; i < 5; i++) {
    CHECK(pq_decompress(&d, PQ_CODEC_ZSTD, pq_buf_slice(&out), back, 5000) == PQ_OK);
    CHECK(memcmp(back, text, 5000) == 0);
    CHECK(pq_decompress(&d, PQ_CODEC_ZSTD, PQ_SLICE("nothing"), back, 5000) == PQ_ECORRUPT);
    if (i == 0) live_len = unit_live_len;
    CHECK(unit_live_len == live_len);
  }
  pq_decompressor_release(&d);
  pq_decompressor_release(&d);
  pq_buf_release(&out);
  pq_compressor_release(&c);
  CHECK(unit_live_len == 0);
}

/* ---- layouts ---- */

static void put_be32(pq_buf *b, size_t v) {
  for (int shift = 24; shift >= 0; shift -= 8)
    CHECK(pq_buf_put_byte(b, (uint8_t)(v >> shift)) == PQ_OK);
}

static pq_slice packed_part(pq_cx *cx, pq_codec codec, size_t from, size_t len, pq_buf *out) {
  pq_compressor c = {0};
  pq_buf_init(out, cx, 1 << 20);
  CHECK(pq_compress(&c, codec, 0, (pq_slice){text + from, len}, out) == PQ_OK);
  pq_compressor_release(&c);
  return pq_buf_slice(out);
}

static bool is_text(pq_cx *cx, pq_codec codec, pq_slice in, size_t len) {
  memset(back, 0xee, sizeof back);
  return unpack_exact(cx, codec, in, len) == PQ_OK && memcmp(back, text, len) == 0 &&
         unpack_exact(cx, codec, in, len + 1) == PQ_ECORRUPT &&
         unpack_exact(cx, codec, in, len - 1) == PQ_ECORRUPT &&
         pq_decompressed_len_max(codec, in) >= len;
}

static void test_codec_gzip_members(void) {
  static const uint8_t zlib_text[] = {120, 156, 75, 42, 202, 47, 201, 201, 84,
                                      72,  34,  72, 1,  0,   77, 254, 15,  233};
  pq_cx cx;
  pq_buf all, part;
  unit_cx_init(&cx);
  pq_buf_init(&all, &cx, 1 << 20);
  for (size_t at = 0; at < 3000; at += 1000) {
    CHECK(pq_buf_put_slice(&all, packed_part(&cx, PQ_CODEC_GZIP, at, 1000, &part)) == PQ_OK);
    pq_buf_release(&part);
  }
  CHECK(pq_buf_put_slice(&all, packed_part(&cx, PQ_CODEC_GZIP, 0, 0, &part)) == PQ_OK);
  pq_buf_release(&part);
  CHECK(is_text(&cx, PQ_CODEC_GZIP, pq_buf_slice(&all), 3000));
  CHECK(pq_buf_put_str(&all, "more") == PQ_OK);
  CHECK(unpack_exact(&cx, PQ_CODEC_GZIP, pq_buf_slice(&all), 3000) == PQ_ECORRUPT);
  pq_buf_release(&all);
  CHECK(unpack_exact(&cx, PQ_CODEC_GZIP, (pq_slice){zlib_text, sizeof zlib_text}, 41) == PQ_OK);
  CHECK(memcmp(back, "brotli brotli", 13) == 0);
  CHECK(unit_live_len == 0);
}

/* Hadoop: two runs, the first of two blocks. */
static void test_codec_lz4_hadoop(void) {
  pq_cx cx;
  pq_buf all, part[3];
  pq_slice s;
  unit_cx_init(&cx);
  pq_buf_init(&all, &cx, 1 << 20);
  for (size_t i = 0; i < 3; i++) {
    s = packed_part(&cx, PQ_CODEC_LZ4_RAW, i * 1000, 1000, &part[i]);
    if (i != 1) put_be32(&all, i == 0 ? 2000 : 1000);
    put_be32(&all, s.n);
    CHECK(pq_buf_put_slice(&all, s) == PQ_OK);
  }
  CHECK(is_text(&cx, PQ_CODEC_LZ4, pq_buf_slice(&all), 3000));
  CHECK(unpack_exact(&cx, PQ_CODEC_LZ4_RAW, pq_buf_slice(&all), 3000) == PQ_ECORRUPT);
  /* a raw block under the old name */
  CHECK(is_text(&cx, PQ_CODEC_LZ4, pq_buf_slice(&part[0]), 1000));
  for (size_t i = 0; i < 3; i++)
    pq_buf_release(&part[i]);
  pq_buf_release(&all);
  CHECK(unit_live_len == 0);
}

/* A frame with the content's length, checks, a block as it is and a packed one.
 */
static void test_codec_lz4_frame(void) {
  static const uint8_t head[] = {4, 0x22, 0x4d, 0x18, 0x5c, 0x40, 0xd0, 7, 0, 0, 0, 0, 0, 0, 0};
  pq_cx cx;
  pq_buf all, part;
  pq_slice s;
  unit_cx_init(&cx);
  pq_buf_init(&all, &cx, 1 << 20);
  CHECK(pq_buf_put(&all, head, sizeof head) == PQ_OK);
  CHECK(pq_buf_put_u32(&all, UINT32_C(1) << 31 | 1000) == PQ_OK);
  CHECK(pq_buf_put(&all, text, 1000) == PQ_OK && pq_buf_put_u32(&all, 0) == PQ_OK);
  s = packed_part(&cx, PQ_CODEC_LZ4_RAW, 1000, 1000, &part);
  CHECK(pq_buf_put_u32(&all, (uint32_t)s.n) == PQ_OK && pq_buf_put_slice(&all, s) == PQ_OK);
  CHECK(pq_buf_put_u32(&all, 0) == PQ_OK); /* the block's check, which is not looked at */
  CHECK(pq_buf_put_u32(&all, 0) == PQ_OK && pq_buf_put_u32(&all, 0) == PQ_OK);
  CHECK(is_text(&cx, PQ_CODEC_LZ4, pq_buf_slice(&all), 2000));
  for (size_t n = 0; n < all.len; n += 3)
    CHECK(unpack_exact(&cx, PQ_CODEC_LZ4, (pq_slice){all.p, n}, 2000) == PQ_ECORRUPT);
  pq_buf_release(&part);
  pq_buf_release(&all);
  CHECK(unit_live_len == 0);
}

static const uint8_t brotli_text[] = {27,  40,  0,   0,  4,   28, 135, 215, 187, 251,
                                      238, 139, 136, 20, 245, 68, 146, 90,  31,  3};

static void test_codec_brotli(void) {
  pq_slice in = {brotli_text, sizeof brotli_text};
  pq_cx cx;
  pq_compressor c = {0};
  pq_buf out;
  unit_cx_init(&cx);
  CHECK(unpack_exact(&cx, PQ_CODEC_BROTLI, in, 41) == PQ_OK);
  CHECK(memcmp(back, "brotli brotli brotli", 20) == 0);
  CHECK(unpack_exact(&cx, PQ_CODEC_BROTLI, in, 40) == PQ_ECORRUPT);
  CHECK(unpack_exact(&cx, PQ_CODEC_BROTLI, in, 42) == PQ_ECORRUPT);
  pq_buf_init(&out, &cx, 100);
  CHECK(pq_compress(&c, PQ_CODEC_BROTLI, 0, PQ_SLICE("x"), &out) == PQ_EUNSUPPORTED);
  CHECK(strstr(cx.msg, "BROTLI is only read") != NULL);
  pq_compressor_release(&c);
  CHECK(unit_live_len == 0);
}

/* ---- damage ---- */

/* Every prefix fails; every flipped byte fails or gives other bytes, and stays
 * inside. */
static void damage(pq_codec codec, pq_slice good, size_t len) {
  uint8_t *copy = malloc(good.n);
  pq_cx cx;
  int failed = 0;
  if (copy == NULL) abort();
  unit_cx_init(&cx);
  memcpy(copy, good.p, good.n);
  CHECK(unpack_exact(&cx, codec, good, len) == PQ_OK);
  for (size_t n = 0; n < good.n; n++)
    CHECK(unpack_exact(&cx, codec, (pq_slice){copy, n}, len) == PQ_ECORRUPT);
  for (size_t i = 0; i < good.n; i++) {
    int rc;
    copy[i] ^= 0x41;
    rc = unpack_exact(&cx, codec, (pq_slice){copy, good.n}, len);
    CHECK(rc == PQ_OK || rc == PQ_ECORRUPT);
    failed += rc == PQ_ECORRUPT;
    copy[i] ^= 0x41;
  }
  CHECK(failed > 2);
  free(copy);
  CHECK(unit_live_len == 0);
}

static void test_codec_damage(void) {
  static const pq_codec codecs[] = {PQ_CODEC_ZSTD, PQ_CODEC_SNAPPY, PQ_CODEC_LZ4_RAW,
                                    PQ_CODEC_GZIP};
  for (size_t i = 0; i < sizeof codecs / sizeof *codecs; i++) {
    pq_cx cx;
    pq_buf out;
    if (!pq_codec_is_readable(codecs[i])) continue;
    unit_cx_init(&cx);
    packed_part(&cx, codecs[i], 0, 600, &out);
    {
      static uint8_t copy[4096];
      pq_slice good = {copy, out.len};
      memcpy(copy, out.p, out.len);
      pq_buf_release(&out);
      damage(codecs[i], good, 600);
      if (codecs[i] == PQ_CODEC_LZ4_RAW) damage(PQ_CODEC_LZ4, good, 600);
    }
  }
  if (pq_codec_is_readable(PQ_CODEC_BROTLI))
    damage(PQ_CODEC_BROTLI, (pq_slice){brotli_text, sizeof brotli_text}, 41);
  if (pq_codec_is_readable(PQ_CODEC_ZSTD))
    CHECK(pq_decompressed_len_max(PQ_CODEC_ZSTD, PQ_SLICE("no zstd at all")) == 0);
}

/* What a short text claims to hold is not believed beyond what its format can
 * pack. */
static void test_codec_len_max(void) {
  static const uint8_t bomb[] = {0xff, 0xff, 0xff, 0xff, 0x0f, 0};
  if (pq_codec_is_readable(PQ_CODEC_SNAPPY))
    CHECK(pq_decompressed_len_max(PQ_CODEC_SNAPPY, (pq_slice){bomb, sizeof bomb}) == 0);
  CHECK(pq_decompressed_len_max(PQ_CODEC_LZ4_RAW, (pq_slice){bomb, sizeof bomb}) < 2000);
  CHECK(pq_decompressed_len_max(PQ_CODEC_GZIP, (pq_slice){bomb, sizeof bomb}) < 10000);
}

static void test_codec_unsupported(void) {
  pq_cx cx;
  pq_compressor c = {0};
  pq_buf out;
  unit_cx_init(&cx);
  pq_buf_init(&out, &cx, 100);
  CHECK(pq_compress(&c, PQ_CODEC_LZO, 0, PQ_SLICE("x"), &out) == PQ_EUNSUPPORTED);
  CHECK(strstr(cx.msg, "LZO") != NULL);
  CHECK(unpack(&cx, PQ_CODEC_LZO, PQ_SLICE("x"), back, 1) == PQ_EUNSUPPORTED);
  CHECK(!pq_codec_is_readable(PQ_CODEC_LZO) && pq_codec_is_readable(PQ_CODEC_NONE));
  CHECK(pq_compress(&c, PQ_CODEC_LZ4, 0, PQ_SLICE("x"), &out) == PQ_EUNSUPPORTED);
  CHECK(strcmp(pq_codec_name((pq_codec)99), "unknown") == 0);
  pq_compressor_release(&c);
  CHECK(unit_live_len == 0);
}

static int both_ways(pq_cx *cx, pq_codec codec) {
  pq_compressor c;
  pq_buf out;
  int rc;
  pq_compressor_init(&c, cx);
  pq_buf_init(&out, cx, 1 << 20);
  rc = pq_compress(&c, codec, 3, (pq_slice){text, 5000}, &out);
  if (rc == PQ_OK) rc = unpack(cx, codec, pq_buf_slice(&out), back, 5000);
  pq_buf_release(&out);
  pq_compressor_release(&c);
  return rc;
}

static void test_codec_oom(void) {
  static const pq_codec codecs[] = {PQ_CODEC_ZSTD, PQ_CODEC_SNAPPY, PQ_CODEC_LZ4_RAW,
                                    PQ_CODEC_GZIP};
  pq_cx cx;
  int rc = PQ_OK;
  for (size_t i = 0; i < sizeof codecs / sizeof *codecs; i++) {
    for (long n = 1; n > 0 && pq_codec_is_readable(codecs[i]); n = unit_oom_next(n, rc)) {
      unit_cx_init(&cx);
      unit_fail_at = n;
      rc = both_ways(&cx, codecs[i]);
    }
  }
  for (long n = 1; n > 0 && pq_codec_is_readable(PQ_CODEC_BROTLI); n = unit_oom_next(n, rc)) {
    unit_cx_init(&cx);
    unit_fail_at = n;
    rc = unpack(&cx, PQ_CODEC_BROTLI, (pq_slice){brotli_text, sizeof brotli_text}, back, 41);
  }
}

/* A bit at a time, as it is defined. */
static uint32_t slow_crc(pq_slice bytes) {
  uint32_t state = UINT32_MAX;
  for (size_t i = 0; i < bytes.n; i++) {
    state ^= bytes.p[i];
    for (int bit = 0; bit < 8; bit++)
      state = state >> 1 ^ ((state & 1) != 0 ? 0xedb88320u : 0);
  }
  return ~state;
}

/* In allocations of exactly their size. */
static void test_codec_crc_lengths(void) {
  for (size_t n = 0; n < TEXT_LEN; n += n < 1000 ? 1 : 61) {
    uint8_t *bytes = malloc(n + 1);
    pq_slice all = {bytes + 1, n};
    bool is_same;
    if (bytes == NULL) abort();
    memcpy(bytes + 1, text + TEXT_LEN - n, n);
    is_same = pq_crc32(all) == slow_crc(all);
    CHECK(is_same);
    free(bytes);
    if (!is_same) return;
  }
}

static void test_codec_crc(void) {
  CHECK(pq_crc32(PQ_SLICE("123456789")) == 0xcbf43926u);
  CHECK(pq_crc32((pq_slice){0}) == 0);
  CHECK(pq_crc32_more(pq_crc32(PQ_SLICE("1234")), PQ_SLICE("56789")) == 0xcbf43926u);
}

int main(void) {
  fill_text();
  RUN(test_codec_round_trip);
  if (pq_codec_is_readable(PQ_CODEC_ZSTD)) RUN(test_codec_reuse);
  if (pq_codec_is_readable(PQ_CODEC_GZIP)) RUN(test_codec_gzip_members);
  if (pq_codec_is_readable(PQ_CODEC_LZ4)) RUN(test_codec_lz4_hadoop);
  if (pq_codec_is_readable(PQ_CODEC_LZ4)) RUN(test_codec_lz4_frame);
  if (pq_codec_is_readable(PQ_CODEC_BROTLI)) RUN(test_codec_brotli);
  RUN(test_codec_damage);
  RUN(test_codec_len_max);
  RUN(test_codec_unsupported);
  RUN(test_codec_oom);
  RUN(test_codec_crc);
  RUN(test_codec_crc_lengths);
  return unit_end();
}
