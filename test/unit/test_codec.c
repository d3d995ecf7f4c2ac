/* test/unit/test_codec.c - round trips, damage, codecs not built in, out of memory, CRC-32. */
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

static void round_trip(pq_codec codec, int level, size_t len) {
  pq_cx cx;
  pq_compressor c;
  pq_buf out;
  pq_slice packed;
  unit_cx_init(&cx);
  pq_compressor_init(&c, &cx);
  pq_buf_init(&out, &cx, 1 << 20);
  CHECK(pq_buf_put_str(&out, "ab") == PQ_OK); /* appends */
  CHECK(pq_compress(&c, codec, level, (pq_slice){text, len}, &out) == PQ_OK);
  CHECK(memcmp(out.p, "ab", 2) == 0);
  packed = (pq_slice){out.p + 2, out.len - 2};
  CHECK(pq_decompressed_len_max(codec, packed) >= len);
  memset(back, 0xee, sizeof back);
  CHECK(pq_decompress(&cx, codec, packed, back, len) == PQ_OK);
  CHECK(memcmp(back, text, len) == 0 && back[len] == 0xee);
  CHECK(pq_decompress(&cx, codec, packed, back, len + 1) == PQ_ECORRUPT);
  if (len > 0) CHECK(pq_decompress(&cx, codec, packed, back, len - 1) == PQ_ECORRUPT);
  pq_buf_release(&out);
  pq_compressor_release(&c);
  CHECK(unit_live_len == 0);
}

static void test_codec_round_trip(void) {
  round_trip(PQ_CODEC_NONE, 0, TEXT_LEN);
  round_trip(PQ_CODEC_NONE, 0, 0);
  round_trip(PQ_CODEC_ZSTD, 1, TEXT_LEN);
  round_trip(PQ_CODEC_ZSTD, 3, TEXT_LEN);
  round_trip(PQ_CODEC_ZSTD, 19, TEXT_LEN);
  round_trip(PQ_CODEC_ZSTD, 3, 1);
  round_trip(PQ_CODEC_ZSTD, 3, 0);
}

static void test_codec_damage(void) {
  pq_cx cx;
  pq_compressor c = {0};
  pq_buf out;
  int failed = 0;
  unit_cx_init(&cx);
  pq_buf_init(&out, &cx, 1 << 20);
  CHECK(pq_compress(&c, PQ_CODEC_ZSTD, 3, (pq_slice){text, 600}, &out) == PQ_OK);
  for (size_t n = 0; n < out.len; n++)
    CHECK(pq_decompress(&cx, PQ_CODEC_ZSTD, (pq_slice){out.p, n}, back, 600) == PQ_ECORRUPT);
  for (size_t i = 0; i < out.len; i++) {
    int rc;
    out.p[i] ^= 0x41;
    rc = pq_decompress(&cx, PQ_CODEC_ZSTD, (pq_slice){out.p, out.len}, back, 600);
    CHECK(rc == PQ_OK || rc == PQ_ECORRUPT);
    failed += rc == PQ_ECORRUPT;
    out.p[i] ^= 0x41;
  }
  CHECK(failed > 5);
  CHECK(pq_decompressed_len_max(PQ_CODEC_ZSTD, PQ_SLICE("no zstd at all")) == 0);
  pq_buf_release(&out);
  pq_compressor_release(&c);
  CHECK(unit_live_len == 0);
}

static void test_codec_unsupported(void) {
  pq_cx cx;
  pq_compressor c = {0};
  pq_buf out;
  unit_cx_init(&cx);
  pq_buf_init(&out, &cx, 100);
  CHECK(pq_compress(&c, PQ_CODEC_SNAPPY, 0, PQ_SLICE("x"), &out) == PQ_EUNSUPPORTED);
  CHECK(strstr(cx.msg, "SNAPPY") != NULL);
  CHECK(pq_decompress(&cx, PQ_CODEC_BROTLI, PQ_SLICE("x"), back, 1) == PQ_EUNSUPPORTED);
  CHECK(strstr(cx.msg, "BROTLI") != NULL);
  CHECK(strcmp(pq_codec_name((pq_codec)99), "unknown") == 0);
  pq_compressor_release(&c);
  CHECK(unit_live_len == 0);
}

static int both_ways(pq_cx *cx) {
  pq_compressor c;
  pq_buf out;
  int rc;
  pq_compressor_init(&c, cx);
  pq_buf_init(&out, cx, 1 << 20);
  rc = pq_compress(&c, PQ_CODEC_ZSTD, 3, (pq_slice){text, 5000}, &out);
  if (rc == PQ_OK) rc = pq_decompress(cx, PQ_CODEC_ZSTD, pq_buf_slice(&out), back, 5000);
  pq_buf_release(&out);
  pq_compressor_release(&c);
  return rc;
}

static void test_codec_oom(void) {
  pq_cx cx;
  int rc = PQ_OK;
  for (long n = 1; n > 0; n = unit_oom_next(n, rc)) {
    unit_cx_init(&cx);
    unit_fail_at = n;
    rc = both_ways(&cx);
  }
}

static void test_codec_crc(void) {
  CHECK(pq_crc32(PQ_SLICE("123456789")) == 0xcbf43926u);
  CHECK(pq_crc32((pq_slice){0}) == 0);
}

int main(void) {
  fill_text();
  RUN(test_codec_round_trip);
  RUN(test_codec_damage);
  RUN(test_codec_unsupported);
  RUN(test_codec_oom);
  RUN(test_codec_crc);
  return unit_end();
}
