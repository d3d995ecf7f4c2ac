/* parquet/kernels.c - the inner loops of decoding in plain C, and the choice of a table.
 *
 *   bit:    0      w     2w     3w          8w
 *           |value0|value1|value2|…  |value7|      8 values of w bits are w bytes, so a group
 * begins window:     [ 64 bits, >> constant ]           on a byte: with w constant, so is every
 * shift
 *
 * One unpacker for each width comes out of a macro. A group is read in windows of 8 bytes; the
 * last values of the input, whose windows would leave it, are put together from single bytes.
 *
 * The loops here are plain so that compilers see through them: at -O3 they make vector code of
 * most, as good as that by hand. What they do not is in kernels_avx2.c and kernels_simd128.c.
 */
#include <string.h>

#include "parquet/bloom.h"
#include "parquet/kernels_int.h"

enum { WINDOW_LEN = 8, NARROW_WIDTH_MAX = 56, SUM_BATCH = 128 };

/* ---- bits ---- */

static uint64_t width_mask(unsigned width) {
  return width == 0 ? 0 : UINT64_MAX >> (64 - width);
}

/* One value whose window may reach beyond the end. */
static uint64_t unpack_one(pq_slice in, uint64_t pos, unsigned width) {
  size_t byte = (size_t)(pos >> 3), left = in.n - byte;
  unsigned shift = (unsigned)(pos & 7);
  uint64_t v;
  if (width == 0) return 0;
  v = left >= 8 ? pq_rd64(in.p + byte) : pq_rdn(in.p + byte, (unsigned)left);
  v >>= shift;
  if (shift + width > 64) v |= (uint64_t)in.p[byte + 8] << (64 - shift);
  return v & width_mask(width);
}

/* Value `j` of the group at `p`: its window begins at its first byte. */
#define VALUE(w, j) (pq_rd64(p + ((j) * (w) >> 3)) >> ((j) * (w)&7))
#define PUT(w, j) out[j] = (uint32_t)(VALUE(w, j) & (((uint64_t)1 << (w)) - 1));
#define UNPACKER(w)                                                                   \
  static void unpack_##w(const uint8_t *p, uint32_t groups, uint32_t *out) {          \
    for (; groups > 0; groups--, p += (w), out += PQ_GROUP) {                         \
      PUT(w, 0) PUT(w, 1) PUT(w, 2) PUT(w, 3) PUT(w, 4) PUT(w, 5) PUT(w, 6) PUT(w, 7) \
    }                                                                                 \
  }
#define UNPACKERS(a, b, c, d) UNPACKER(a) UNPACKER(b) UNPACKER(c) UNPACKER(d)
UNPACKERS(1, 2, 3, 4)
UNPACKERS(5, 6, 7, 8)
UNPACKERS(9, 10, 11, 12)
UNPACKERS(13, 14, 15, 16)
UNPACKERS(17, 18, 19, 20)
UNPACKERS(21, 22, 23, 24)
UNPACKERS(25, 26, 27, 28)
UNPACKERS(29, 30, 31, 32)

static void (*const unpackers[33])(const uint8_t *p, uint32_t groups, uint32_t *out) = {
    NULL,      unpack_1,  unpack_2,  unpack_3,  unpack_4,  unpack_5,  unpack_6,
    unpack_7,  unpack_8,  unpack_9,  unpack_10, unpack_11, unpack_12, unpack_13,
    unpack_14, unpack_15, unpack_16, unpack_17, unpack_18, unpack_19, unpack_20,
    unpack_21, unpack_22, unpack_23, unpack_24, unpack_25, unpack_26, unpack_27,
    unpack_28, unpack_29, unpack_30, unpack_31, unpack_32};

static void unpack32(pq_slice in, uint64_t pos, unsigned width, uint32_t n, uint32_t *out) {
  uint32_t i = 0, groups;
  pq_assert(width <= 32);
  if (width == 0) {
    memset(out, 0, (size_t)n * sizeof *out);
    return;
  }
  for (; i < n && (pos & 7) != 0; i++, pos += width)
    out[i] = (uint32_t)unpack_one(in, pos, width);
  groups = pq_group_count(in, pos, width, n - i, (PQ_GROUP - 1) * width / 8, WINDOW_LEN);
  if (groups > 0) unpackers[width](in.p + (size_t)(pos >> 3), groups, out + i);
  i += groups * PQ_GROUP;
  pos += (uint64_t)groups * PQ_GROUP * width;
  for (; i < n; i++, pos += width)
    out[i] = (uint32_t)unpack_one(in, pos, width);
}

/* Eight values of `w` bits to eight bytes: halves move apart, then quarters, then values. */
static uint64_t spread_group(uint64_t v, unsigned w) {
  uint64_t m4 = width_mask(4 * w), m2 = width_mask(2 * w) * 0x0000000100000001u;
  uint64_t m1 = width_mask(w) * 0x0001000100010001u;
  v = (v & m4) | (v >> 4 * w & m4) << 32;
  v = (v & m2) | (v >> 2 * w & m2) << 16;
  return (v & m1) | (v >> w & m1) << 8;
}

void pq_unpack8(pq_slice in, uint64_t pos, unsigned width, uint32_t n, uint8_t *out) {
  uint32_t i = 0, groups;
  const uint8_t *p;
  pq_assert(width <= 8);
  if (width == 0) {
    memset(out, 0, n);
    return;
  }
  for (; i < n && (pos & 7) != 0; i++, pos += width)
    out[i] = (uint8_t)unpack_one(in, pos, width);
  groups = pq_group_count(in, pos, width, n - i, 0, WINDOW_LEN);
  p = in.p + (size_t)(pos >> 3);
  pos += (uint64_t)groups * PQ_GROUP * width;
  for (; groups > 0; groups--, p += width, i += PQ_GROUP) {
    uint64_t v = spread_group(pq_rd64(p), width);
    memcpy(out + i, &v, sizeof v);
  }
  for (; i < n; i++, pos += width)
    out[i] = (uint8_t)unpack_one(in, pos, width);
}

/* Values of any width, in windows of 64 bits. */
static void unpack_wide(pq_slice in, uint64_t pos, unsigned width, uint32_t n, uint64_t *out) {
  uint64_t mask = width_mask(width), room = (uint64_t)in.n * 8 - pos;
  uint32_t i = 0, fast = 0;
  if (width <= NARROW_WIDTH_MAX && room >= 64 + 8) {
    uint64_t count = (room - 64) / width;
    fast = count < n ? (uint32_t)count : n;
  }
  for (; i < fast; i++, pos += width)
    out[i] = pq_rd64(in.p + (size_t)(pos >> 3)) >> (pos & 7) & mask;
  for (; i < n; i++, pos += width)
    out[i] = unpack_one(in, pos, width);
}

/* Sums of a batch, that of unsigned 32 bits modulo 2^32. The batch is unpacked first: two simple
 * loops are faster than one that waits for the sum before. */
#define SUMS(name, type)                                                                          \
  static void name(pq_slice in, uint64_t pos, unsigned width, uint32_t n, pq_sum *s, type *out) { \
    union {                                                                                       \
      uint32_t narrow[SUM_BATCH];                                                                 \
      uint64_t wide[SUM_BATCH];                                                                   \
    } v;                                                                                          \
    type sum = (type)s->last, min = (type)s->min;                                                 \
    for (uint32_t i, k; n > 0; n -= k, out += k, pos += (uint64_t)k * width) {                    \
      k = n < SUM_BATCH ? n : SUM_BATCH;                                                          \
      if (width == 0) {                                                                           \
        for (i = 0; i < k; i++)                                                                   \
          out[i] = sum + (type)(i + 1) * min;                                                     \
        sum += (type)k * min;                                                                     \
      } else if (width <= 32) {                                                                   \
        unpack32(in, pos, width, k, v.narrow);                                                    \
        for (i = 0; i < k; i++)                                                                   \
          out[i] = sum += min + v.narrow[i];                                                      \
      } else {                                                                                    \
        unpack_wide(in, pos, width, k, v.wide);                                                   \
        for (i = 0; i < k; i++)                                                                   \
          out[i] = sum += min + (type)v.wide[i];                                                  \
      }                                                                                           \
    }                                                                                             \
    s->last = sum;                                                                                \
  }
SUMS(unpack_sums64, uint64_t)
SUMS(unpack_sums32, uint32_t)

/* ---- codes ---- */

static uint32_t max32(const uint32_t *codes, uint32_t n) {
  uint32_t max = 0;
  for (uint32_t i = 0; i < n; i++)
    max = codes[i] > max ? codes[i] : max;
  return max;
}

/* Four a turn: the loop is so short that its own jump would take half of the time. */
#define GATHER(name, type, from_type, to_type)                                \
  void name(from_type from, const uint32_t *codes, uint32_t n, to_type out) { \
    const type *values = from;                                                \
    type *to = out;                                                           \
    for (; n >= 4; n -= 4, codes += 4, to += 4) {                             \
      to[0] = values[codes[0]];                                               \
      to[1] = values[codes[1]];                                               \
      to[2] = values[codes[2]];                                               \
      to[3] = values[codes[3]];                                               \
    }                                                                         \
    for (uint32_t i = 0; i < n; i++)                                          \
      to[i] = values[codes[i]];                                               \
  }
GATHER(pq_gather4, uint32_t, const void *, void *)
GATHER(pq_gather8, uint64_t, const void *, void *)
GATHER(pq_gather_slices, pq_slice, const pq_slice *, pq_slice *)

/* ---- nulls ---- */

/* From the end, so that no value is overwritten before it is moved. No branch: which slots are
 * null is not to be foretold. Where `dense` is 0 all that are left are null. */
#define SPREAD(name, type)                                                          \
  static void name(type *slots, const uint8_t *nulls, uint32_t n, uint32_t dense) { \
    while (n > dense && dense > 0) {                                                \
      n--;                                                                          \
      dense -= nulls[n] == 0;                                                       \
      slots[n] = nulls[n] != 0 ? (type){0} : slots[dense];                          \
    }                                                                               \
    if (dense == 0) memset(slots, 0, n * sizeof *slots);                            \
  }
SPREAD(spread_1, uint8_t)
SPREAD(spread_4, uint32_t)
SPREAD(spread_8, uint64_t)
SPREAD(spread_slices, pq_slice)

static void spread(void *slots, size_t size, const uint8_t *nulls, uint32_t n, uint32_t dense) {
  switch (size) {
    case 1: spread_1(slots, nulls, n, dense); return;
    case 4: spread_4(slots, nulls, n, dense); return;
    case 8: spread_8(slots, nulls, n, dense); return;
    default: pq_assert(size == sizeof(pq_slice)); spread_slices(slots, nulls, n, dense);
  }
}

uint32_t pq_count_ones(const uint8_t *flags, uint32_t n) {
  uint32_t count = 0;
  for (uint32_t i = 0; i < n; i++)
    count += flags[i];
  return count;
}

uint32_t pq_mark_nulls(const uint8_t *def, uint32_t n, uint8_t def_max, uint8_t *nulls) {
  for (uint32_t i = 0; i < n; i++)
    nulls[i] = def[i] != def_max;
  return pq_count_ones(nulls, n);
}

/* ---- the rest ---- */

/* Four streams, or eight, of values of `size` bytes, which begin at out + i * size. */
static inline void merge_4(const uint8_t *in, size_t stride, uint32_t n, size_t size,
                           uint8_t *out) {
  const uint8_t *a = in, *b = a + stride, *c = b + stride, *d = c + stride;
  for (uint32_t i = 0; i < n; i++) {
    uint32_t v = (uint32_t)a[i] | (uint32_t)b[i] << 8 | (uint32_t)c[i] << 16 | (uint32_t)d[i] << 24;
    memcpy(out + i * size, &v, 4);
  }
}

static inline void merge_8(const uint8_t *in, size_t stride, uint32_t n, size_t size,
                           uint8_t *out) {
  for (uint32_t i = 0; i < n; i++) {
    uint64_t v = 0;
    for (size_t b = 0; b < 8; b++)
      v |= (uint64_t)in[b * stride + i] << (8 * b);
    memcpy(out + i * size, &v, 8);
  }
}

static void merge_1(const uint8_t *in, uint32_t n, size_t size, uint8_t *out) {
  for (uint32_t i = 0; i < n; i++)
    out[i * size] = in[i];
}

static void merge_streams(const uint8_t *in, size_t stride, size_t first, uint32_t n, size_t size,
                          uint8_t *out) {
  size_t b = 0;
  in += first;
  if (size == 4) {
    merge_4(in, stride, n, 4, out);
    return;
  }
  if (size == 8) {
    merge_8(in, stride, n, 8, out);
    return;
  }
  for (; b + 8 <= size; b += 8)
    merge_8(in + b * stride, stride, n, size, out + b);
  for (; b + 4 <= size; b += 4)
    merge_4(in + b * stride, stride, n, size, out + b);
  for (; b < size; b++)
    merge_1(in + b * stride, n, size, out + b);
}

void pq_bloom_insert_each(uint8_t *bits, size_t len, const uint64_t *hashes, size_t n) {
  for (size_t i = 0; i < n; i++)
    pq_bloom_insert(bits, len, hashes[i]);
}

const pq_kernels pq_kernels_plain = {
    .unpack32 = unpack32,
    .unpack8 = pq_unpack8,
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

const pq_kernels *pq_kernels_of(const pq_cx *cx) {
  const pq_kernels *k = NULL;
  if ((cx->cpu & PQ_CPU_AVX2) != 0) k = pq_kernels_avx2();
  if ((cx->cpu & PQ_CPU_SIMD128) != 0) k = pq_kernels_simd128();
  return k != NULL ? k : &pq_kernels_plain;
}
