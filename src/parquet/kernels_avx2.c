/* parquet/kernels_avx2.c - the inner loops of decoding with AVX2, for x86-64.
 *
 *   group:    8 values of w bits in w bytes: two loads of 16 bytes, one for four values each
 *   bytes:    | b0 b1 b2 … b15 || b(w/2) …      |     the second begins at bit 4w, byte 4w / 8
 *   shuffle:  | b0..b3 | b0..b3 | b1..b4 | … |        the 4 bytes where each value begins
 *   shift:    | >> 0   | >> 5   | >> 2   | … |        by a number of its own
 *   mask:     | value0 | value1 | value2 | … |
 *
 * Bytes and shifts follow from the width: a table of constants. Above 25 bits a value may end in a
 * fifth byte, which a second shuffle brings. Sums over a group are a tree of shifted additions, and
 * only one addition waits for the group before.
 *
 * Functions carry a target attribute, so the file needs no flags, and nothing here runs unless the
 * driver said that the processor can. Machines of other kinds get an empty answer.
 */
#include "parquet/kernels_int.h"

#if defined(__x86_64__) && defined(__GNUC__)

#include <immintrin.h>
#include <string.h>

#include "parquet/bloom.h"

#define AVX2 __attribute__((target("avx2")))
#define CLMUL __attribute__((target("avx2,pclmul")))

enum { SIMPLE_WIDTH_MAX = 25, NARROW_WIDTH_MAX = 32, AHEAD = 8 };

/* ---- unpacking ---- */

typedef struct plan {
  uint8_t bytes[32]; /* of each value, in its half of the group */
  uint8_t fifth[32]; /* and the byte behind them; 0x80: not needed */
  uint32_t shifts[8];
  uint32_t fifth_shifts[8];
} plan;

#define FIFTH(w, j) (PQ_SHIFT(w, j) + (w) > 32 ? PQ_BYTE(w, j) + 4 : 0x80)
#define FIFTH4(w, j) FIFTH(w, j), 0x80, 0x80, 0x80
#define REST(w, j) 32 - PQ_SHIFT(w, j)
#define PLAN(w)                                                              \
  {                                                                          \
    {PQ_EACH(PQ_BYTES4, w)}, {PQ_EACH(FIFTH4, w)}, {PQ_EACH(PQ_SHIFT, w)}, { \
      PQ_EACH(REST, w)                                                       \
    }                                                                        \
  }

static const plan plans[NARROW_WIDTH_MAX + 1] = {{{0}, {0}, {0}, {0}},
                                                 PLAN(1),
                                                 PLAN(2),
                                                 PLAN(3),
                                                 PLAN(4),
                                                 PLAN(5),
                                                 PLAN(6),
                                                 PLAN(7),
                                                 PLAN(8),
                                                 PLAN(9),
                                                 PLAN(10),
                                                 PLAN(11),
                                                 PLAN(12),
                                                 PLAN(13),
                                                 PLAN(14),
                                                 PLAN(15),
                                                 PLAN(16),
                                                 PLAN(17),
                                                 PLAN(18),
                                                 PLAN(19),
                                                 PLAN(20),
                                                 PLAN(21),
                                                 PLAN(22),
                                                 PLAN(23),
                                                 PLAN(24),
                                                 PLAN(25),
                                                 PLAN(26),
                                                 PLAN(27),
                                                 PLAN(28),
                                                 PLAN(29),
                                                 PLAN(30),
                                                 PLAN(31),
                                                 PLAN(32)};

/* A plan in registers. */
typedef struct unpacker {
  __m256i bytes, fifth, shifts, fifth_shifts, mask;
  size_t half; /* where the second load begins */
  bool is_simple;
} unpacker;

AVX2 static inline __m256i load(const void *p) {
  return _mm256_loadu_si256((const __m256i *)p);
}

AVX2 static inline void store(void *p, __m256i v) {
  _mm256_storeu_si256((__m256i *)p, v);
}

AVX2 static inline unpacker unpacker_of(unsigned width) {
  const plan *p = &plans[width];
  return (unpacker){.bytes = load(p->bytes),
                    .fifth = load(p->fifth),
                    .shifts = load(p->shifts),
                    .fifth_shifts = load(p->fifth_shifts),
                    .mask = _mm256_set1_epi32((int)(UINT32_MAX >> (32 - width))),
                    .half = width / 2,
                    .is_simple = width <= SIMPLE_WIDTH_MAX};
}

AVX2 static inline __m256i unpack_group(const unpacker *u, const uint8_t *p) {
  __m256i in = _mm256_inserti128_si256(
      _mm256_castsi128_si256(_mm_loadu_si128((const __m128i *)(const void *)p)),
      _mm_loadu_si128((const __m128i *)(const void *)(p + u->half)), 1);
  __m256i v = _mm256_srlv_epi32(_mm256_shuffle_epi8(in, u->bytes), u->shifts);
  if (!u->is_simple)
    v = _mm256_or_si256(v, _mm256_sllv_epi32(_mm256_shuffle_epi8(in, u->fifth), u->fifth_shifts));
  return _mm256_and_si256(v, u->mask);
}

AVX2 static void unpack32(pq_slice in, uint64_t pos, unsigned width, uint32_t n, uint32_t *out) {
  uint32_t lead = pq_lead_count(pos, width, n), groups;
  if (width == 0) {
    memset(out, 0, (size_t)n * sizeof *out);
    return;
  }
  if (lead > 0) pq_kernels_plain.unpack32(in, pos, width, lead, out);
  pos += (uint64_t)lead * width;
  out += lead;
  n -= lead;
  groups = pq_group_count(in, pos, width, n, width / 2, PQ_LOAD_LEN);
  if (groups > 0) {
    const uint8_t *p = in.p + (size_t)(pos >> 3);
    unpacker u = unpacker_of(width);
    for (uint32_t i = 0; i < groups; i++, p += width)
      store(out + (size_t)i * PQ_GROUP, unpack_group(&u, p));
    pos += (uint64_t)groups * PQ_GROUP * width;
    out += groups * PQ_GROUP;
    n -= groups * PQ_GROUP;
  }
  if (n > 0) pq_kernels_plain.unpack32(in, pos, width, n, out);
}

/* Four groups a turn, their values packed from four bytes to one. Packing works on halves, so words
 * come out in the order 0 2 4 6 1 3 5 7. */
AVX2 static void unpack8(pq_slice in, uint64_t pos, unsigned width, uint32_t n, uint8_t *out) {
  const __m256i order = _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7);
  uint32_t lead = pq_lead_count(pos, width, n), groups = 0;
  if (width == 0) lead = n;
  if (lead > 0) pq_unpack8(in, pos, width, lead, out);
  pos += (uint64_t)lead * width;
  if (lead < n) groups = pq_group_count(in, pos, width, n - lead, width / 2, PQ_LOAD_LEN) & ~3u;
  if (groups > 0) {
    const uint8_t *p = in.p + (size_t)(pos >> 3);
    unpacker u = unpacker_of(width);
    for (uint32_t i = 0; i < groups; i += 4, p += 4 * width) {
      __m256i a = _mm256_packus_epi32(unpack_group(&u, p), unpack_group(&u, p + width));
      __m256i b =
          _mm256_packus_epi32(unpack_group(&u, p + 2 * width), unpack_group(&u, p + 3 * width));
      a = _mm256_permutevar8x32_epi32(_mm256_packus_epi16(a, b), order);
      store(out + lead + (size_t)i * PQ_GROUP, a);
    }
  }
  lead += groups * PQ_GROUP;
  pos += (uint64_t)groups * PQ_GROUP * width;
  if (lead < n) pq_unpack8(in, pos, width, n - lead, out + lead);
}

/* ---- sums ---- */

AVX2 static inline __m256i sums_of_8x32(__m256i v, __m256i *carry) {
  __m256i third = _mm256_set1_epi32(3), top = _mm256_set1_epi32(7), low, out;
  v = _mm256_add_epi32(v, _mm256_slli_si256(v, 4));
  v = _mm256_add_epi32(v, _mm256_slli_si256(v, 8));
  low = _mm256_permutevar8x32_epi32(v, third); /* the sum of the lower half, for the upper one */
  v = _mm256_add_epi32(v, _mm256_blend_epi32(_mm256_setzero_si256(), low, 0xf0));
  out = _mm256_add_epi32(v, *carry);
  *carry = _mm256_add_epi32(*carry, _mm256_permutevar8x32_epi32(v, top));
  return out;
}

AVX2 static inline __m256i sums_of_4x64(__m256i v, __m256i *carry) {
  __m256i low, out;
  v = _mm256_add_epi64(v, _mm256_slli_si256(v, 8));
  low = _mm256_permute4x64_epi64(v, 0x50);
  v = _mm256_add_epi64(v, _mm256_blend_epi32(_mm256_setzero_si256(), low, 0xf0));
  out = _mm256_add_epi64(v, *carry);
  *carry = _mm256_add_epi64(*carry, _mm256_permute4x64_epi64(v, 0xff));
  return out;
}

/* `groups` groups from a byte boundary on. */
AVX2 static void group_sums32(const uint8_t *p, unsigned width, uint32_t groups, pq_sum *s,
                              uint32_t *out) {
  unpacker u = unpacker_of(width);
  __m256i min = _mm256_set1_epi32((int)(uint32_t)s->min);
  __m256i carry = _mm256_set1_epi32((int)(uint32_t)s->last);
  for (uint32_t i = 0; i < groups; i++, p += width, out += PQ_GROUP)
    store(out, sums_of_8x32(_mm256_add_epi32(unpack_group(&u, p), min), &carry));
  s->last = (uint32_t)_mm256_extract_epi32(carry, 0);
}

AVX2 static void group_sums64(const uint8_t *p, unsigned width, uint32_t groups, pq_sum *s,
                              uint64_t *out) {
  unpacker u = unpacker_of(width);
  __m256i min = _mm256_set1_epi64x((long long)s->min);
  __m256i carry = _mm256_set1_epi64x((long long)s->last);
  for (uint32_t i = 0; i < groups; i++, p += width, out += PQ_GROUP) {
    __m256i v = unpack_group(&u, p);
    __m256i low = _mm256_cvtepu32_epi64(_mm256_castsi256_si128(v));
    __m256i high = _mm256_cvtepu32_epi64(_mm256_extracti128_si256(v, 1));
    store(out, sums_of_4x64(_mm256_add_epi64(low, min), &carry));
    store(out + PQ_GROUP / 2, sums_of_4x64(_mm256_add_epi64(high, min), &carry));
  }
  s->last = (uint64_t)_mm256_extract_epi64(carry, 0);
}

/* Plain C does what stands before and after whole groups, widths of 0 and those above 32. */
#define SUMS(name, type, group_sums)                                                         \
  AVX2 static void name(pq_slice in, uint64_t pos, unsigned width, uint32_t n, pq_sum *s,    \
                        type *out) {                                                         \
    uint32_t lead = pq_lead_count(pos, width, n), groups = 0;                                \
    if (width > NARROW_WIDTH_MAX || width == 0) lead = n;                                    \
    if (lead > 0) pq_kernels_plain.name(in, pos, width, lead, s, out);                       \
    pos += (uint64_t)lead * width;                                                           \
    if (lead < n) groups = pq_group_count(in, pos, width, n - lead, width / 2, PQ_LOAD_LEN); \
    if (groups > 0) group_sums(in.p + (size_t)(pos >> 3), width, groups, s, out + lead);     \
    lead += groups * PQ_GROUP;                                                               \
    pos += (uint64_t)groups * PQ_GROUP * width;                                              \
    if (lead < n) pq_kernels_plain.name(in, pos, width, n - lead, s, out + lead);            \
  }
SUMS(unpack_sums32, uint32_t, group_sums32)
SUMS(unpack_sums64, uint64_t, group_sums64)

/* ---- codes ---- */

AVX2 static uint32_t max32(const uint32_t *codes, uint32_t n) {
  __m256i a = _mm256_setzero_si256(), b = a;
  uint32_t i = 0, lanes[PQ_GROUP], max;
  for (; i + 2 * PQ_GROUP <= n; i += 2 * PQ_GROUP) {
    a = _mm256_max_epu32(a, load(codes + i));
    b = _mm256_max_epu32(b, load(codes + i + PQ_GROUP));
  }
  store(lanes, _mm256_max_epu32(a, b));
  max = pq_kernels_plain.max32(codes + i, n - i);
  for (i = 0; i < PQ_GROUP; i++)
    max = lanes[i] > max ? lanes[i] : max;
  return max;
}

/* ---- nulls ---- */

/* Of eight null bytes, or four in the lower half: where in the dense values each comes from. The
 * product adds to each byte all that are below it. */
#define ONES 0x0101010101010101u

AVX2 static void spread_4(uint32_t *slots, const uint8_t *nulls, uint32_t n, uint32_t dense) {
  for (; n >= PQ_GROUP && dense < n; n -= PQ_GROUP) {
    uint64_t is_null, present, count;
    __m256i from, keep;
    memcpy(&is_null, nulls + n - PQ_GROUP, sizeof is_null);
    present = is_null ^ ONES;
    count = present * ONES >> 56;
    if (count > dense) break; /* broken promise: plain C bears it */
    dense -= (uint32_t)count;
    from = _mm256_cvtepu8_epi32(_mm_cvtsi64_si128((long long)((present * ONES) << 8)));
    keep = _mm256_cvtepi8_epi32(_mm_cvtsi64_si128((long long)(present * 0xff)));
    store(slots + n - PQ_GROUP,
          _mm256_and_si256(_mm256_permutevar8x32_epi32(load(slots + dense), from), keep));
  }
  pq_kernels_plain.spread(slots, sizeof *slots, nulls, n, dense);
}

AVX2 static void spread_8(uint64_t *slots, const uint8_t *nulls, uint32_t n, uint32_t dense) {
  enum { STEP = 4 };
  const __m256i odd = _mm256_set1_epi64x((long long)((uint64_t)1 << 32));
  for (; n >= STEP && dense < n; n -= STEP) {
    uint32_t is_null, present, count;
    __m256i from, keep, v;
    memcpy(&is_null, nulls + n - STEP, sizeof is_null);
    present = is_null ^ (uint32_t)ONES;
    count = present * (uint32_t)ONES >> 24;
    if (count > dense) break;
    dense -= count;
    from = _mm256_cvtepu8_epi64(_mm_cvtsi32_si128((int)((present * (uint32_t)ONES) << 8)));
    from = _mm256_or_si256(_mm256_slli_epi64(from, 1), _mm256_slli_epi64(from, 33));
    from = _mm256_or_si256(from, odd);
    keep = _mm256_cvtepi8_epi64(_mm_cvtsi32_si128((int)(present * 0xff)));
    v = _mm256_permutevar8x32_epi32(load(slots + dense), from);
    store(slots + n - STEP, _mm256_and_si256(v, keep));
  }
  pq_kernels_plain.spread(slots, sizeof *slots, nulls, n, dense);
}

static void spread(void *slots, size_t size, const uint8_t *nulls, uint32_t n, uint32_t dense) {
  switch (size) {
    case 4: spread_4(slots, nulls, n, dense); return;
    case 8: spread_8(slots, nulls, n, dense); return;
    default: pq_kernels_plain.spread(slots, size, nulls, n, dense);
  }
}

/* ---- BYTE_STREAM_SPLIT ---- */

AVX2 static inline __m128i load16(const uint8_t *p) {
  return _mm_loadu_si128((const __m128i *)(const void *)p);
}

AVX2 static inline void store16(uint8_t *p, __m128i v) {
  _mm_storeu_si128((__m128i *)(void *)p, v);
}

/* Sixteen values at a time: streams in pairs, pairs of pairs, and so on. */
AVX2 static uint32_t merge_4(const uint8_t *in, size_t stride, uint32_t n, uint8_t *out) {
  uint32_t i = 0;
  for (; i + PQ_LOAD_LEN <= n; i += PQ_LOAD_LEN, in += PQ_LOAD_LEN, out += PQ_LOAD_LEN * 4) {
    __m128i a = load16(in), b = load16(in + stride);
    __m128i c = load16(in + 2 * stride), d = load16(in + 3 * stride);
    __m128i ab = _mm_unpacklo_epi8(a, b), cd = _mm_unpacklo_epi8(c, d);
    __m128i ab2 = _mm_unpackhi_epi8(a, b), cd2 = _mm_unpackhi_epi8(c, d);
    store16(out, _mm_unpacklo_epi16(ab, cd));
    store16(out + 16, _mm_unpackhi_epi16(ab, cd));
    store16(out + 32, _mm_unpacklo_epi16(ab2, cd2));
    store16(out + 48, _mm_unpackhi_epi16(ab2, cd2));
  }
  return i;
}

AVX2 static uint32_t merge_8(const uint8_t *in, size_t stride, uint32_t n, uint8_t *out) {
  uint32_t i = 0;
  for (; i + PQ_LOAD_LEN <= n; i += PQ_LOAD_LEN, in += PQ_LOAD_LEN, out += PQ_LOAD_LEN * 8) {
    __m128i pairs[8], fours[8];
    for (size_t k = 0; k < 4; k++) { /* pairs[2k], [2k + 1]: streams 2k, 2k + 1; low, high half */
      __m128i a = load16(in + 2 * k * stride), b = load16(in + (2 * k + 1) * stride);
      pairs[2 * k] = _mm_unpacklo_epi8(a, b);
      pairs[2 * k + 1] = _mm_unpackhi_epi8(a, b);
    }
    for (size_t k = 0; k < 2; k++) { /* fours[4k + q]: streams 4k … 4k + 3 of values 4q … 4q + 3 */
      for (size_t half = 0; half < 2; half++) {
        __m128i a = pairs[4 * k + half], b = pairs[4 * k + 2 + half];
        fours[4 * k + 2 * half] = _mm_unpacklo_epi16(a, b);
        fours[4 * k + 2 * half + 1] = _mm_unpackhi_epi16(a, b);
      }
    }
    for (size_t q = 0; q < 4; q++) {
      store16(out + 32 * q, _mm_unpacklo_epi32(fours[q], fours[4 + q]));
      store16(out + 32 * q + 16, _mm_unpackhi_epi32(fours[q], fours[4 + q]));
    }
  }
  return i;
}

static void merge_streams(const uint8_t *in, size_t stride, size_t first, uint32_t n, size_t size,
                          uint8_t *out) {
  uint32_t done = 0;
  if (size == 4) done = merge_4(in + first, stride, n, out);
  if (size == 8) done = merge_8(in + first, stride, n, out);
  pq_kernels_plain.merge_streams(in, stride, first + done, n - done, size, out + done * size);
}

/* ---- bloom filters ---- */

AVX2 static void bloom_insert(uint8_t *bits, size_t len, const uint64_t *hashes, size_t n) {
  const __m256i salts = load(pq_bloom_salts), one = _mm256_set1_epi32(1);
  for (size_t i = 0; i < n; i++) {
    __m256i v = _mm256_mullo_epi32(_mm256_set1_epi32((int)(uint32_t)hashes[i]), salts);
    uint8_t *block = bits + pq_bloom_block_off(len, hashes[i]);
    if (i + AHEAD < n) /* blocks lie anywhere: ask for them in time */
      _mm_prefetch((const char *)(bits + pq_bloom_block_off(len, hashes[i + AHEAD])), _MM_HINT_T0);
    v = _mm256_sllv_epi32(one, _mm256_srli_epi32(v, 27));
    store(block, _mm256_or_si256(load(block), v));
  }
}

/* ---- CRC-32 ---- */

/* Bits are a polynomial over GF(2), reflected. Four pieces of 16 bytes go along the bytes, each
 * multiplied by x^512 modulo the CRC's polynomial where it meets the next 64 bytes; then they are
 * folded into one, that into 32 bits (Barrett). The way and the constants are those of a
 * white paper of Intel, "Fast CRC Computation for Generic Polynomials Using PCLMULQDQ
 * Instruction". */
CLMUL static inline __m128i fold(__m128i v, __m128i by, __m128i next) {
  __m128i low = _mm_clmulepi64_si128(v, by, 0x00), high = _mm_clmulepi64_si128(v, by, 0x11);
  return _mm_xor_si128(_mm_xor_si128(low, high), next);
}

/* The state after `n` bytes, a multiple of 16 and at least 64. */
CLMUL static uint32_t crc32_blocks(uint32_t state, const uint8_t *p, size_t n) {
  const __m128i by64 = _mm_set_epi64x(0x01c6e41596, 0x0154442bd4);
  const __m128i by16 = _mm_set_epi64x(0x00ccaa009e, 0x01751997d0);
  const __m128i by4 = _mm_set_epi64x(0, 0x0163cd6124);
  const __m128i barrett = _mm_set_epi64x(0x01f7011641, 0x01db710641);
  const __m128i lows = _mm_setr_epi32(-1, 0, -1, 0);
  __m128i a = _mm_xor_si128(load16(p), _mm_cvtsi32_si128((int)state)), t;
  __m128i b = load16(p + 16), c = load16(p + 32), d = load16(p + 48);
  for (p += 64, n -= 64; n >= 64; p += 64, n -= 64) {
    a = fold(a, by64, load16(p));
    b = fold(b, by64, load16(p + 16));
    c = fold(c, by64, load16(p + 32));
    d = fold(d, by64, load16(p + 48));
  }
  a = fold(fold(fold(a, by16, b), by16, c), by16, d);
  for (; n >= 16; p += 16, n -= 16)
    a = fold(a, by16, load16(p));
  a = _mm_xor_si128(_mm_srli_si128(a, 8), _mm_clmulepi64_si128(a, by16, 0x10));
  t = _mm_srli_si128(a, 4);
  a = _mm_xor_si128(_mm_clmulepi64_si128(_mm_and_si128(a, lows), by4, 0x00), t);
  t = _mm_clmulepi64_si128(_mm_and_si128(a, lows), barrett, 0x10);
  t = _mm_clmulepi64_si128(_mm_and_si128(t, lows), barrett, 0x00);
  return (uint32_t)_mm_extract_epi32(_mm_xor_si128(a, t), 1);
}

CLMUL static uint32_t crc32_of(pq_slice bytes) {
  static const uint32_t nibbles[16] = {0x00000000, 0x1db71064, 0x3b6e20c8, 0x26d930ac,
                                       0x76dc4190, 0x6b6b51f4, 0x4db26158, 0x5005713c,
                                       0xedb88320, 0xf00f9344, 0xd6d6a3e8, 0xcb61b38c,
                                       0x9b64c2b0, 0x86d3d2d4, 0xa00ae278, 0xbdbdf21c};
  size_t blocks = bytes.n & ~(size_t)15;
  uint32_t state = UINT32_MAX;
  if (blocks < 64) return pq_crc32(bytes);
  state = crc32_blocks(state, bytes.p, blocks);
  for (size_t i = blocks; i < bytes.n; i++) {
    state ^= bytes.p[i];
    state = state >> 4 ^ nibbles[state & 15];
    state = state >> 4 ^ nibbles[state & 15];
  }
  return ~state;
}

static const pq_kernels kernels = {
    .unpack32 = unpack32,
    .unpack8 = unpack8,
    .unpack_sums64 = unpack_sums64,
    .unpack_sums32 = unpack_sums32,
    .max32 = max32,
    .gather4 = pq_gather4,
    .gather8 = pq_gather8,
    .gather_slices = pq_gather_slices,
    .spread = spread,
    .count_ones = pq_count_ones,
    .mark_nulls = pq_mark_nulls,
    .merge_streams = merge_streams,
    .bloom_insert = bloom_insert,
    .crc32 = crc32_of,
};

const pq_kernels *pq_kernels_avx2(void) {
  return &kernels;
}

#else

const pq_kernels *pq_kernels_avx2(void) {
  return NULL;
}

#endif
