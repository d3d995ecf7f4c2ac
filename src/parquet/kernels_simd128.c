/* parquet/kernels_simd128.c - the inner loops of decoding with SIMD128, for WebAssembly.
 *
 *   load:      | b0 b1 b2 … b15 |              four values, of up to 25 bits
 *   swizzle:   | b0..b3 | b0..b3 | b1..b4 | …  the 4 bytes where each value begins
 *   multiply:  | << 7   | << 2   | << 5   | …  by 2^(7 - shift), as lanes cannot be shifted apart
 *   >> 7, mask | value0 | value1 | value2 | …
 *
 * The file is built with -msimd128; without it, and on other machines, it is empty. A module that
 * has one such instruction cannot be loaded by an engine without them, so the choice is made when
 * the module is built; pq_cx.cpu says which tables the driver wants.
 */
#include "parquet/kernels_int.h"

#if defined(__wasm_simd128__)

#include <string.h>
#include <wasm_simd128.h>

enum { WIDTH_MAX = 25 };

/* ---- unpacking ---- */

typedef struct plan {
  uint8_t bytes[32]; /* of each value, in its half of the group */
  uint32_t factors[8];
} plan;

#define FACTOR(w, j) (uint32_t)1 << (7 - PQ_SHIFT(w, j))
#define PLAN(w)                \
  {                            \
    {PQ_EACH(PQ_BYTES4, w)}, { \
      PQ_EACH(FACTOR, w)       \
    }                          \
  }

static const plan plans[WIDTH_MAX + 1] = {
    {{0}, {0}}, PLAN(1),  PLAN(2),  PLAN(3),  PLAN(4),  PLAN(5),  PLAN(6),  PLAN(7),  PLAN(8),
    PLAN(9),    PLAN(10), PLAN(11), PLAN(12), PLAN(13), PLAN(14), PLAN(15), PLAN(16), PLAN(17),
    PLAN(18),   PLAN(19), PLAN(20), PLAN(21), PLAN(22), PLAN(23), PLAN(24), PLAN(25)};

static inline v128_t unpack_half(const uint8_t *p, v128_t bytes, v128_t factors, v128_t mask) {
  v128_t v = wasm_i8x16_swizzle(wasm_v128_load(p), bytes);
  return wasm_v128_and(wasm_u32x4_shr(wasm_i32x4_mul(v, factors), 7), mask);
}

/* A plan in variables. */
typedef struct unpacker {
  v128_t low, high, low_factors, high_factors, mask;
  size_t half; /* where the second load begins */
} unpacker;

static inline unpacker unpacker_of(unsigned width) {
  const plan *p = &plans[width];
  return (unpacker){.low = wasm_v128_load(p->bytes),
                    .high = wasm_v128_load(p->bytes + PQ_LOAD_LEN),
                    .low_factors = wasm_v128_load(p->factors),
                    .high_factors = wasm_v128_load(p->factors + 4),
                    .mask = wasm_i32x4_splat((int32_t)(((uint32_t)1 << width) - 1)),
                    .half = width / 2};
}

static inline v128_t unpack_low(const unpacker *u, const uint8_t *p) {
  return unpack_half(p, u->low, u->low_factors, u->mask);
}

static inline v128_t unpack_high(const unpacker *u, const uint8_t *p) {
  return unpack_half(p + u->half, u->high, u->high_factors, u->mask);
}

static void groups32(const uint8_t *p, unsigned width, uint32_t groups, uint32_t *out) {
  unpacker u = unpacker_of(width);
  for (; groups > 0; groups--, p += width, out += PQ_GROUP) {
    wasm_v128_store(out, unpack_low(&u, p));
    wasm_v128_store(out + 4, unpack_high(&u, p));
  }
}

/* Of widths up to 8. */
static void groups8(const uint8_t *p, unsigned width, uint32_t groups, uint8_t *out) {
  unpacker u = unpacker_of(width);
  for (; groups > 0; groups--, p += width, out += PQ_GROUP) {
    v128_t v = wasm_u16x8_narrow_i32x4(unpack_low(&u, p), unpack_high(&u, p));
    wasm_v128_store64_lane(out, wasm_u8x16_narrow_i16x8(v, v), 0);
  }
}

/* Each lane plus those below it; *carry, the sum before in all lanes, goes on. */
static inline v128_t sums_of_4x32(v128_t v, v128_t *carry) {
  const v128_t zero = wasm_i32x4_splat(0);
  v128_t out;
  v = wasm_i32x4_add(v, wasm_i32x4_shuffle(zero, v, 0, 4, 5, 6));
  v = wasm_i32x4_add(v, wasm_i32x4_shuffle(zero, v, 0, 1, 4, 5));
  out = wasm_i32x4_add(v, *carry);
  *carry = wasm_i32x4_add(*carry, wasm_i32x4_shuffle(v, v, 3, 3, 3, 3));
  return out;
}

static inline v128_t sums_of_2x64(v128_t v, v128_t *carry) {
  v128_t out;
  v = wasm_i64x2_add(v, wasm_i64x2_shuffle(wasm_i64x2_splat(0), v, 0, 2));
  out = wasm_i64x2_add(v, *carry);
  *carry = wasm_i64x2_add(*carry, wasm_i64x2_shuffle(v, v, 1, 1));
  return out;
}

static void group_sums32(const uint8_t *p, unsigned width, uint32_t groups, pq_sum *s,
                         uint32_t *out) {
  unpacker u = unpacker_of(width);
  v128_t min = wasm_i32x4_splat((int32_t)(uint32_t)s->min);
  v128_t carry = wasm_i32x4_splat((int32_t)(uint32_t)s->last);
  for (; groups > 0; groups--, p += width, out += PQ_GROUP) {
    wasm_v128_store(out, sums_of_4x32(wasm_i32x4_add(unpack_low(&u, p), min), &carry));
    wasm_v128_store(out + 4, sums_of_4x32(wasm_i32x4_add(unpack_high(&u, p), min), &carry));
  }
  s->last = (uint32_t)wasm_i32x4_extract_lane(carry, 0);
}

static inline void sums_of_half(v128_t v, v128_t min, v128_t *carry, uint64_t *out) {
  v128_t low = wasm_i64x2_add(wasm_u64x2_extend_low_u32x4(v), min);
  v128_t high = wasm_i64x2_add(wasm_u64x2_extend_high_u32x4(v), min);
  wasm_v128_store(out, sums_of_2x64(low, carry));
  wasm_v128_store(out + 2, sums_of_2x64(high, carry));
}

static void group_sums64(const uint8_t *p, unsigned width, uint32_t groups, pq_sum *s,
                         uint64_t *out) {
  unpacker u = unpacker_of(width);
  v128_t min = wasm_i64x2_splat((int64_t)s->min), carry = wasm_i64x2_splat((int64_t)s->last);
  for (; groups > 0; groups--, p += width, out += PQ_GROUP) {
    sums_of_half(unpack_low(&u, p), min, &carry, out);
    sums_of_half(unpack_high(&u, p), min, &carry, out + 4);
  }
  s->last = (uint64_t)wasm_i64x2_extract_lane(carry, 0);
}

/* Plain C does what stands before and after whole groups, and the widths that have no plan. */
#define IN_GROUPS(name, type, PARAMS, ARGUMENTS, groups_of)                                    \
  static void name(pq_slice in, uint64_t pos, unsigned width, uint32_t n, PARAMS type *out) {  \
    uint32_t done = pq_lead_count(pos, width, n), groups = 0;                                  \
    if (width == 0 || width > WIDTH_MAX) done = n;                                             \
    if (done > 0) pq_kernels_plain.name(in, pos, width, done, ARGUMENTS out);                  \
    pos += (uint64_t)done * width;                                                             \
    if (done < n) groups = pq_group_count(in, pos, width, n - done, width / 2, PQ_LOAD_LEN);   \
    if (groups > 0) groups_of(in.p + (size_t)(pos >> 3), width, groups, ARGUMENTS out + done); \
    done += groups * PQ_GROUP;                                                                 \
    pos += (uint64_t)groups * PQ_GROUP * width;                                                \
    if (done < n) pq_kernels_plain.name(in, pos, width, n - done, ARGUMENTS out + done);       \
  }
#define NOTHING
#define SUM_PARAMETER pq_sum *s,
#define SUM_ARGUMENT s,
IN_GROUPS(unpack32, uint32_t, NOTHING, NOTHING, groups32)
IN_GROUPS(unpack8, uint8_t, NOTHING, NOTHING, groups8)
IN_GROUPS(unpack_sums32, uint32_t, SUM_PARAMETER, SUM_ARGUMENT, group_sums32)
IN_GROUPS(unpack_sums64, uint64_t, SUM_PARAMETER, SUM_ARGUMENT, group_sums64)

/* ---- codes ---- */

static uint32_t max32(const uint32_t *codes, uint32_t n) {
  v128_t max = wasm_i32x4_splat(0);
  uint32_t i = 0, lanes[4], top;
  for (; i + 4 <= n; i += 4)
    max = wasm_u32x4_max(max, wasm_v128_load(codes + i));
  wasm_v128_store(lanes, max);
  top = pq_kernels_plain.max32(codes + i, n - i);
  for (i = 0; i < 4; i++)
    top = lanes[i] > top ? lanes[i] : top;
  return top;
}

/* ---- nulls ---- */

/* The dense values of four slots, as bytes 4r … 4r + 3 where r values stand before; bytes beyond 15
 * give 0, which is what a null slot holds. */
static void spread_4(uint32_t *slots, const uint8_t *nulls, uint32_t n, uint32_t dense) {
  const v128_t each = wasm_i8x16_const(0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3);
  const v128_t parts = wasm_i8x16_const(0, 1, 2, 3, 0, 1, 2, 3, 0, 1, 2, 3, 0, 1, 2, 3);
  for (; n >= 4 && dense < n; n -= 4) {
    uint32_t is_null, present, count;
    v128_t from;
    memcpy(&is_null, nulls + n - 4, sizeof is_null);
    present = is_null ^ 0x01010101u;
    count = present * 0x01010101u >> 24;
    if (count > dense) break; /* broken promise: plain C bears it */
    dense -= count;
    /* ranks times 4, and the highest bit where null */
    from = wasm_i32x4_splat((int32_t)((present * 0x01010101u << 8) * 4 | is_null << 7));
    from = wasm_v128_or(wasm_i8x16_swizzle(from, each), parts);
    wasm_v128_store(slots + n - 4, wasm_i8x16_swizzle(wasm_v128_load(slots + dense), from));
  }
  pq_kernels_plain.spread(slots, sizeof *slots, nulls, n, dense);
}

static void spread(void *slots, size_t size, const uint8_t *nulls, uint32_t n, uint32_t dense) {
  if (size == 4)
    spread_4(slots, nulls, n, dense);
  else
    pq_kernels_plain.spread(slots, size, nulls, n, dense);
}

/* ---- BYTE_STREAM_SPLIT ---- */

static inline v128_t low_bytes(v128_t a, v128_t b) {
  return wasm_i8x16_shuffle(a, b, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
}
static inline v128_t high_bytes(v128_t a, v128_t b) {
  return wasm_i8x16_shuffle(a, b, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31);
}
static inline v128_t low_pairs(v128_t a, v128_t b) {
  return wasm_i16x8_shuffle(a, b, 0, 8, 1, 9, 2, 10, 3, 11);
}
static inline v128_t high_pairs(v128_t a, v128_t b) {
  return wasm_i16x8_shuffle(a, b, 4, 12, 5, 13, 6, 14, 7, 15);
}

/* Sixteen values of four streams a turn, as four vectors: v[q] has the values 4q … 4q + 3. */
static inline void merge_16x4(const uint8_t *in, size_t stride, v128_t *v) {
  v128_t a = wasm_v128_load(in), b = wasm_v128_load(in + stride);
  v128_t c = wasm_v128_load(in + 2 * stride), d = wasm_v128_load(in + 3 * stride);
  v128_t ab = low_bytes(a, b), cd = low_bytes(c, d);
  v128_t ab2 = high_bytes(a, b), cd2 = high_bytes(c, d);
  v[0] = low_pairs(ab, cd);
  v[1] = high_pairs(ab, cd);
  v[2] = low_pairs(ab2, cd2);
  v[3] = high_pairs(ab2, cd2);
}

static uint32_t merge_4(const uint8_t *in, size_t stride, uint32_t n, uint8_t *out) {
  uint32_t i = 0;
  for (; i + 16 <= n; i += 16, in += 16, out += 64) {
    v128_t v[4];
    merge_16x4(in, stride, v);
    for (size_t q = 0; q < 4; q++)
      wasm_v128_store(out + 16 * q, v[q]);
  }
  return i;
}

static uint32_t merge_8(const uint8_t *in, size_t stride, uint32_t n, uint8_t *out) {
  uint32_t i = 0;
  for (; i + 16 <= n; i += 16, in += 16, out += 128) {
    v128_t low[4], high[4];
    merge_16x4(in, stride, low);
    merge_16x4(in + 4 * stride, stride, high);
    for (size_t q = 0; q < 4; q++) {
      wasm_v128_store(out + 32 * q, wasm_i32x4_shuffle(low[q], high[q], 0, 4, 1, 5));
      wasm_v128_store(out + 32 * q + 16, wasm_i32x4_shuffle(low[q], high[q], 2, 6, 3, 7));
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

/* ---- the table ---- */

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
    .bloom_insert = pq_bloom_insert_each,
    .crc32 = pq_crc32,
};

const pq_kernels *pq_kernels_simd128(void) {
  return &kernels;
}

#else

const pq_kernels *pq_kernels_simd128(void) {
  return NULL;
}

#endif
