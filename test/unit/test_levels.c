/* test/unit/test_levels.c - definition and repetition levels of every width, in both encodings,
 * whole, cut off and out of range. */
#include "base/buf.h"
#include "parquet/levels_int.h"
#include "unit.h"

enum { COUNT_MAX = 300 };

static pq_cx cx;
static pq_place at = {.cx = &cx, .key = "k"};
static uint64_t random_state = 7;

static uint32_t random_below(uint32_t n) {
  random_state = random_state * 6364136223846793005u + 1442695040888963407u;
  return (uint32_t)(random_state >> 33) % n;
}

/* A bit-packed run of whole groups, least significant bit first. */
static void put_packed(pq_buf *b, const uint8_t *levels, uint32_t n, unsigned width) {
  uint32_t groups = (n + 7) / 8;
  uint64_t bits = 0;
  unsigned have = 0;
  CHECK(pq_buf_put_varint(b, (uint64_t)groups << 1 | 1) == PQ_OK);
  for (uint32_t i = 0; i < groups * 8; i++) {
    bits |= (uint64_t)(i < n ? levels[i] : 0) << have;
    for (have += width; have >= 8; have -= 8, bits >>= 8)
      CHECK(pq_buf_put_byte(b, (uint8_t)bits) == PQ_OK);
  }
}

/* Levels in runs of both kinds. Packed runs but the last hold a multiple of eight. */
static void put_hybrid(pq_buf *b, const uint8_t *levels, uint32_t n, unsigned width) {
  for (uint32_t i = 0; i < n;) {
    uint32_t same = 1, k;
    while (i + same < n && levels[i + same] == levels[i])
      same++;
    if (same >= 8) {
      CHECK(pq_buf_put_varint(b, (uint64_t)same << 1) == PQ_OK);
      CHECK(pq_buf_put_byte(b, levels[i]) == PQ_OK);
      i += same;
      continue;
    }
    k = 8 * (1 + random_below(3));
    if (k > n - i) k = n - i;
    put_packed(b, levels + i, k, width);
    i += k;
  }
}

static void put_msb_first(pq_buf *b, const uint8_t *levels, uint32_t n, unsigned width) {
  unsigned byte = 0, have = 0;
  for (uint32_t i = 0; i < n; i++) {
    for (unsigned k = width; k-- > 0;) {
      byte = byte << 1 | (levels[i] >> k & 1);
      if (++have < 8) continue;
      CHECK(pq_buf_put_byte(b, (uint8_t)byte) == PQ_OK);
      byte = have = 0;
    }
  }
  if (have > 0) CHECK(pq_buf_put_byte(b, (uint8_t)(byte << (8 - have))) == PQ_OK);
}

/* Read from an allocation of exactly the bytes, so that ASan sees an overread. */
static int read_exact(pq_encoding encoding, uint32_t max, pq_slice in, uint32_t n, uint8_t *out) {
  uint8_t *exact = malloc(in.n + 1);
  bool is_all_max;
  int rc;
  if (exact == NULL) abort();
  memcpy(exact + 1, in.p, in.n);
  rc = pq_levels_read(&at, encoding, max, (pq_slice){exact + 1, in.n}, n, out, &is_all_max);
  if (rc == PQ_OK && is_all_max) memset(out, (int)max, n);
  free(exact);
  return rc;
}

static void fill(uint8_t *levels, uint32_t n, uint32_t max) {
  for (uint32_t i = 0; i < n;) {
    uint32_t k = random_below(3) == 0 ? 1 + random_below(40) : 1;
    uint8_t v = (uint8_t)random_below(max + 1);
    for (; k > 0 && i < n; k--)
      levels[i++] = v;
  }
}

static void test_levels_round(void) {
  for (uint32_t max = 1; max <= PQ_LEVEL_MAX; max = max < 20 ? max + 1 : max + 47) {
    for (uint32_t n = 1; n < COUNT_MAX; n += 1 + random_below(30)) {
      static const pq_encoding encodings[] = {PQ_ENC_RLE, PQ_ENC_BIT_PACKED};
      uint8_t levels[COUNT_MAX], out[COUNT_MAX];
      fill(levels, n, max);
      for (int e = 0; e < 2; e++) {
        pq_buf b;
        pq_slice all;
        pq_buf_init(&b, &cx, 1 << 20);
        if (encodings[e] == PQ_ENC_RLE)
          put_hybrid(&b, levels, n, pq_level_width(max));
        else
          put_msb_first(&b, levels, n, pq_level_width(max));
        all = pq_buf_slice(&b);
        memset(out, 0xee, sizeof out);
        CHECK(read_exact(encodings[e], max, all, n, out) == PQ_OK);
        CHECK(memcmp(out, levels, n) == 0);
        for (size_t len = 0; len < all.n; len++) {
          int rc = read_exact(encodings[e], max, (pq_slice){all.p, len}, n, out);
          /* the padding of the last group may be missing */
          CHECK(rc == PQ_ECORRUPT || (rc == PQ_OK && memcmp(out, levels, n) == 0));
        }
        pq_buf_release(&b);
      }
    }
  }
}

static void test_levels_too_high(void) {
  static const uint8_t run[] = {20 << 1, 3}, packed[] = {3, 0xff, 0xff};
  uint8_t out[COUNT_MAX];
  CHECK(read_exact(PQ_ENC_RLE, 3, (pq_slice){run, sizeof run}, 20, out) == PQ_OK);
  CHECK(read_exact(PQ_ENC_RLE, 2, (pq_slice){run, sizeof run}, 20, out) == PQ_ECORRUPT);
  CHECK(read_exact(PQ_ENC_RLE, 3, (pq_slice){packed, sizeof packed}, 8, out) == PQ_OK);
  CHECK(read_exact(PQ_ENC_RLE, 2, (pq_slice){packed, sizeof packed}, 8, out) == PQ_ECORRUPT);
  CHECK(read_exact(PQ_ENC_BIT_PACKED, 2, (pq_slice){packed + 1, 2}, 8, out) == PQ_ECORRUPT);
}

/* One run of the maximum costs nothing: the levels are not written. */
static void test_levels_all_max(void) {
  static const uint8_t run[] = {0x90, 0x03, 1}; /* 200 times */
  uint8_t out[1] = {0xee};
  bool is_all_max = false;
  CHECK(pq_levels_read(&at, PQ_ENC_RLE, 1, (pq_slice){run, sizeof run}, 200, out, &is_all_max) ==
        PQ_OK);
  CHECK(is_all_max && out[0] == 0xee);
}

static void test_levels_take(void) {
  static const uint8_t bytes[] = {2, 0, 0, 0, 'a', 'b', 'c', 'd'};
  pq_slice body = {bytes, sizeof bytes}, levels;
  CHECK(pq_levels_take(&at, PQ_ENC_RLE, 1, 9, &body, &levels) == PQ_OK);
  CHECK(pq_slice_is(levels, "ab") && pq_slice_is(body, "cd"));
  CHECK(pq_levels_take(&at, PQ_ENC_RLE, 1, 9, &body, &levels) == PQ_ECORRUPT);
  CHECK(pq_levels_take(&at, PQ_ENC_RLE, 0, 9, &body, &levels) == PQ_OK && levels.n == 0);
  CHECK(pq_slice_is(body, "cd"));
  CHECK(pq_levels_take(&at, PQ_ENC_BIT_PACKED, 2, 3, &body, &levels) == PQ_OK); /* 6 bits */
  CHECK(pq_slice_is(levels, "c") && pq_slice_is(body, "d"));
  CHECK(pq_levels_take(&at, PQ_ENC_BIT_PACKED, 2, 5, &body, &levels) == PQ_ECORRUPT);
  CHECK(pq_levels_take(&at, PQ_ENC_PLAIN, 2, 5, &body, &levels) == PQ_EUNSUPPORTED);
  body = (pq_slice){bytes, 3};
  CHECK(pq_levels_take(&at, PQ_ENC_RLE, 1, 9, &body, &levels) == PQ_ECORRUPT);
}

int main(void) {
  unit_cx_init(&cx);
  RUN(test_levels_round);
  RUN(test_levels_too_high);
  RUN(test_levels_all_max);
  RUN(test_levels_take);
  CHECK(unit_live_len == 0);
  return unit_end();
}
