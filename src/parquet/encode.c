/* parquet/encode.c - see encode_int.h. */
#include "parquet/encode_int.h"

#include <string.h>

enum {
  GROUP_COUNT = 8, /* values of a bit-packed group */
  VARINT32_LEN_MAX = 5,
  RUN_COST_BITS = 64, /* shorter runs spoil the codec's work more than they save */
  DELTA_BLOCK = 128,
  DELTA_MINI = 32,
  DELTA_MINI_COUNT = DELTA_BLOCK / DELTA_MINI,
  DELTA_BLOCK_LEN_MAX = 10 + DELTA_MINI_COUNT + DELTA_BLOCK * 8
};

_Static_assert(sizeof(float) == 4 && sizeof(double) == 8, "IEEE 754 as Parquet stores it");

/* ---- values ---- */

size_t pq_dense_size(pq_phys phys) {
  switch (phys) {
    case PQ_PHYS_BOOL: return 1;
    case PQ_PHYS_INT32:
    case PQ_PHYS_FLOAT: return 4;
    case PQ_PHYS_INT64:
    case PQ_PHYS_DOUBLE: return 8;
    case PQ_PHYS_INT96:
    case PQ_PHYS_BYTES:
    case PQ_PHYS_FIXED: break;
  }
  return sizeof(pq_slice);
}

pq_dense pq_dense_part(const pq_dense *v, uint32_t lo, uint32_t hi) {
  pq_dense part = *v;
  pq_assert(lo <= hi && hi <= v->count);
  part.count = hi - lo;
  if (lo > 0) part.v.any = v->v.b + lo * pq_dense_size(v->phys);
  return part;
}

static uint32_t bits_of_float(float v) {
  uint32_t bits;
  memcpy(&bits, &v, sizeof bits);
  return bits;
}

static uint64_t bits_of_double(double v) {
  uint64_t bits;
  memcpy(&bits, &v, sizeof bits);
  return bits;
}

pq_slice pq_dense_plain(const pq_dense *v, uint32_t i, uint8_t tmp[8]) {
  switch (v->phys) {
    case PQ_PHYS_BOOL: tmp[0] = v->v.b[i] != 0; return (pq_slice){tmp, 1};
    case PQ_PHYS_INT32: pq_wr32(tmp, (uint32_t)v->v.i32[i]); return (pq_slice){tmp, 4};
    case PQ_PHYS_INT64: pq_wr64(tmp, (uint64_t)v->v.i64[i]); return (pq_slice){tmp, 8};
    case PQ_PHYS_FLOAT: pq_wr32(tmp, bits_of_float(v->v.f32[i])); return (pq_slice){tmp, 4};
    case PQ_PHYS_DOUBLE: pq_wr64(tmp, bits_of_double(v->v.f64[i])); return (pq_slice){tmp, 8};
    case PQ_PHYS_BYTES:
    case PQ_PHYS_FIXED:
    case PQ_PHYS_INT96: break;
  }
  return v->v.bytes[i];
}

uint64_t pq_dense_plain_len(const pq_dense *v) {
  uint64_t len = 0;
  if (v->phys == PQ_PHYS_BOOL) return ((uint64_t)v->count + 7) / 8;
  if (v->phys == PQ_PHYS_FIXED || v->phys == PQ_PHYS_INT96) return (uint64_t)v->count * v->type_len;
  if (v->phys != PQ_PHYS_BYTES) return (uint64_t)v->count * pq_dense_size(v->phys);
  for (uint32_t i = 0; i < v->count; i++)
    len += 4 + (uint64_t)v->v.bytes[i].n;
  return len;
}

/* ---- bits ---- */

static unsigned bit_width64(uint64_t v) {
  unsigned width = 0;
  for (unsigned step = 32; step > 0; step /= 2) {
    if (v >> step == 0) continue;
    v >>= step;
    width += step;
  }
  return width + (v != 0);
}

unsigned pq_bit_width(uint32_t max) {
  return bit_width64(max);
}

/* Bits are put least significant first; whole 64-bit words are stored as they fill. */
typedef struct packer {
  uint8_t *p;
  uint64_t acc;
  unsigned bit_count; /* in acc, < 64 between calls */
} packer;

static inline void pack(packer *k, uint64_t v, unsigned width) {
  unsigned room = 64 - k->bit_count;
  k->acc |= v << k->bit_count;
  k->bit_count += width;
  if (width < room) return;
  pq_wr64(k->p, k->acc);
  k->p += 8;
  k->acc = room < 64 ? v >> room : 0;
  k->bit_count -= 64;
}

static void pack_end(packer *k) {
  for (unsigned bit = 0; bit < k->bit_count; bit += 8)
    *k->p++ = (uint8_t)(k->acc >> bit);
}

/* ---- RLE hybrid ---- */

int pq_encode_rle_run(pq_buf *out, uint32_t v, uint32_t count, unsigned width) {
  pq_assert(count > 0 && count <= INT32_MAX);
  PQ_TRY(pq_buf_put_varint(out, (uint64_t)count << 1));
  for (unsigned bit = 0; bit < width; bit += 8)
    PQ_TRY(pq_buf_put_byte(out, (uint8_t)(v >> bit)));
  return PQ_OK;
}

/* Bit-packed groups; the last is padded with zeros. */
static int encode_literal(pq_buf *out, const uint32_t *v, uint32_t count, unsigned width) {
  size_t group_count = ((size_t)count + GROUP_COUNT - 1) / GROUP_COUNT;
  packer k = {0};
  if (count == 0) return PQ_OK;
  PQ_TRY(pq_buf_put_varint(out, (uint64_t)group_count << 1 | 1));
  PQ_TRY(pq_buf_reserve(out, group_count * width));
  k.p = out->p + out->len;
  for (uint32_t i = 0; i < count; i++)
    pack(&k, v[i], width);
  pack_end(&k);
  if (count % GROUP_COUNT != 0) { /* the bytes that hold only padding */
    size_t used = (size_t)(((uint64_t)count * width + 7) / 8);
    memset(out->p + out->len + used, 0, group_count * width - used);
  }
  out->len += group_count * width;
  return PQ_OK;
}

/* The first run [*run, end) at or behind `i`, where a run begins, that may be long enough to be
 * written as one: at least `run_min` values, or up to the end. A run of that length holds each pair
 * of neighbours that are run_min - 1 behind its begin or a shorter run's before it, so most values
 * need not be looked at. `count`, if there is none. */
static uint32_t next_run(const uint32_t *v, uint32_t i, uint32_t count, uint32_t run_min,
                         uint32_t *end) {
  *end = count;
  while (i < count) {
    uint32_t j = count - i < run_min ? count - 1 : i + run_min - 1;
    if (j > i && v[j] != v[j - 1]) {
      i = j;
      continue;
    }
    *end = j + 1;
    while (j > i && v[j - 1] == v[j])
      j--;
    while (*end < count && v[*end] == v[j])
      (*end)++;
    if (*end - j >= run_min || *end == count) return j;
    i = *end;
  }
  return count;
}

int pq_encode_rle(pq_buf *out, const uint32_t *v, uint32_t count, unsigned width) {
  uint32_t literal = 0, run_min = GROUP_COUNT; /* [literal, i) waits to be bit-packed */
  uint32_t i, end;
  if (width > 0 && RUN_COST_BITS / width > run_min) run_min = RUN_COST_BITS / width;
  for (i = next_run(v, 0, count, run_min, &end); i < count;
       i = next_run(v, end, count, run_min, &end)) {
    uint32_t pad = (literal - i) % GROUP_COUNT; /* fills the last group */
    if (end - i < pad + run_min && !(i == literal && end == count)) continue;
    PQ_TRY(encode_literal(out, v + literal, i + pad - literal, width));
    PQ_TRY(pq_encode_rle_run(out, v[i], end - i - pad, width));
    literal = end;
  }
  return encode_literal(out, v + literal, count - literal, width);
}

static int encode_bool_rle(pq_buf *out, const pq_dense *v, pq_buf *scratch) {
  size_t start = out->len, len;
  uint32_t *numbers;
  pq_buf_clear(scratch);
  if (!pq_mul_size(v->count, sizeof *numbers, &len))
    return pq_fail(out->cx, PQ_ELIMIT, "a page with %u values", v->count);
  PQ_TRY(pq_buf_reserve(scratch, len + 1));
  numbers = (uint32_t *)(void *)scratch->p;
  for (uint32_t i = 0; i < v->count; i++)
    numbers[i] = v->v.b[i] != 0;
  PQ_TRY(pq_buf_put_u32(out, 0));
  PQ_TRY(pq_encode_rle(out, numbers, v->count, 1));
  pq_wr32(out->p + start, (uint32_t)(out->len - start - 4));
  return PQ_OK;
}

/* ---- PLAIN ---- */

static void plain_bool(uint8_t *p, const pq_dense *v) {
  memset(p, 0, ((size_t)v->count + 7) / 8);
  for (uint32_t i = 0; i < v->count; i++)
    p[i / 8] = (uint8_t)(p[i / 8] | (unsigned)(v->v.b[i] != 0) << (i % 8));
}

static void plain_bytes(uint8_t *p, const pq_dense *v) {
  for (uint32_t i = 0; i < v->count; i++) {
    pq_slice s = v->v.bytes[i];
    if (v->phys == PQ_PHYS_BYTES) {
      pq_wr32(p, (uint32_t)s.n);
      p += 4;
    }
    if (s.n > 0) memcpy(p, s.p, s.n);
    p += s.n;
  }
}

int pq_encode_plain(pq_buf *out, const pq_dense *v) {
  size_t len;
  uint8_t *p;
  if (!pq_to_size(pq_dense_plain_len(v), &len))
    return pq_fail(out->cx, PQ_ELIMIT, "a page with %u values", v->count);
  if (len == 0) return PQ_OK;
  PQ_TRY(pq_buf_reserve(out, len));
  p = out->p + out->len;
  out->len += len;
  switch (v->phys) {
    case PQ_PHYS_BOOL: plain_bool(p, v); break;
    case PQ_PHYS_INT32:
      for (uint32_t i = 0; i < v->count; i++)
        pq_wr32(p + 4 * (size_t)i, (uint32_t)v->v.i32[i]);
      break;
    case PQ_PHYS_INT64:
      for (uint32_t i = 0; i < v->count; i++)
        pq_wr64(p + 8 * (size_t)i, (uint64_t)v->v.i64[i]);
      break;
    case PQ_PHYS_FLOAT:
      for (uint32_t i = 0; i < v->count; i++)
        pq_wr32(p + 4 * (size_t)i, bits_of_float(v->v.f32[i]));
      break;
    case PQ_PHYS_DOUBLE:
      for (uint32_t i = 0; i < v->count; i++)
        pq_wr64(p + 8 * (size_t)i, bits_of_double(v->v.f64[i]));
      break;
    case PQ_PHYS_BYTES:
    case PQ_PHYS_FIXED:
    case PQ_PHYS_INT96: plain_bytes(p, v); break;
  }
  return PQ_OK;
}

/* ---- DELTA_BINARY_PACKED ---- */

/* Differences of values [first, first + n) to the value before each, less the smallest. They wrap
 * around at the width of the type, so that widths never exceed it. */
static int64_t delta_block(const pq_dense *v, uint32_t first, uint32_t n, uint64_t *deltas) {
  int64_t min = INT64_MAX;
  for (uint32_t j = 0; j < n; j++) {
    uint32_t i = first + j;
    int64_t d = v->phys == PQ_PHYS_INT32
                    ? (int32_t)((uint32_t)v->v.i32[i] - (uint32_t)v->v.i32[i - 1])
                    : (int64_t)((uint64_t)v->v.i64[i] - (uint64_t)v->v.i64[i - 1]);
    if (d < min) min = d;
    deltas[j] = (uint64_t)d;
  }
  for (uint32_t j = 0; j < n; j++)
    deltas[j] -= (uint64_t)min;
  return min;
}

static uint8_t *pack_mini(uint8_t *p, const uint64_t *deltas, unsigned width) {
  packer k = {.p = p};
  for (uint32_t j = 0; j < DELTA_MINI; j++)
    pack(&k, deltas[j], width);
  pack_end(&k);
  return k.p;
}

static int encode_delta_block(pq_buf *out, const pq_dense *v, uint32_t first, uint32_t n) {
  uint64_t deltas[DELTA_BLOCK];
  int64_t min = delta_block(v, first, n, deltas);
  uint8_t *widths, *p;
  memset(deltas + n, 0, (DELTA_BLOCK - n) * sizeof *deltas);
  PQ_TRY(pq_buf_reserve(out, DELTA_BLOCK_LEN_MAX));
  PQ_TRY(pq_buf_put_zigzag(out, min));
  widths = out->p + out->len;
  p = widths + DELTA_MINI_COUNT;
  for (uint32_t m = 0; m < DELTA_MINI_COUNT; m++) {
    uint64_t all = 0;
    for (uint32_t j = 0; j < DELTA_MINI; j++)
      all |= deltas[m * DELTA_MINI + j];
    widths[m] = (uint8_t)bit_width64(all);
    if (all != 0) p = pack_mini(p, deltas + m * DELTA_MINI, widths[m]);
  }
  out->len = (size_t)(p - out->p);
  return PQ_OK;
}

static int encode_delta(pq_buf *out, const pq_dense *v) {
  int64_t first = 0;
  if (v->count > 0) first = v->phys == PQ_PHYS_INT32 ? v->v.i32[0] : v->v.i64[0];
  PQ_TRY(pq_buf_put_varint(out, DELTA_BLOCK));
  PQ_TRY(pq_buf_put_varint(out, DELTA_MINI_COUNT));
  PQ_TRY(pq_buf_put_varint(out, v->count));
  PQ_TRY(pq_buf_put_zigzag(out, first));
  for (uint32_t i = 1; i < v->count; i += DELTA_BLOCK) {
    uint32_t left = v->count - i;
    PQ_TRY(encode_delta_block(out, v, i, left < DELTA_BLOCK ? left : DELTA_BLOCK));
  }
  return PQ_OK;
}

/* ---- byte arrays ---- */

/* Room for `count` lengths in the scratch buffer. */
static int length_array(pq_buf *scratch, uint32_t count, int32_t **out) {
  size_t len;
  *out = NULL;
  pq_buf_clear(scratch);
  if (!pq_mul_size(count, sizeof **out, &len) || !pq_add_size(len, 1, &len))
    return pq_fail(scratch->cx, PQ_ELIMIT, "a page with %u values", count);
  PQ_TRY(pq_buf_reserve(scratch, len));
  *out = (int32_t *)(void *)scratch->p;
  return PQ_OK;
}

static int put_lengths(pq_buf *out, const int32_t *lengths, uint32_t count) {
  pq_dense v = {.phys = PQ_PHYS_INT32, .count = count};
  v.v.i32 = lengths;
  return encode_delta(out, &v);
}

/* The last lengths[i] bytes of each value. */
static int put_tails(pq_buf *out, const pq_dense *v, const int32_t *lengths) {
  uint8_t *p;
  uint64_t sum = 0;
  size_t len;
  for (uint32_t i = 0; i < v->count; i++)
    sum += (uint32_t)lengths[i];
  if (!pq_to_size(sum, &len)) return pq_fail(out->cx, PQ_ELIMIT, "a page of 4 GiB");
  PQ_TRY(pq_buf_reserve(out, len));
  p = out->p + out->len;
  for (uint32_t i = 0; i < v->count; i++) {
    size_t n = (size_t)lengths[i];
    if (n > 0) memcpy(p, v->v.bytes[i].p + (v->v.bytes[i].n - n), n);
    p += n;
  }
  out->len += len;
  return PQ_OK;
}

static int encode_delta_length(pq_buf *out, const pq_dense *v, pq_buf *scratch) {
  int32_t *lengths;
  PQ_TRY(length_array(scratch, v->count, &lengths));
  for (uint32_t i = 0; i < v->count; i++)
    lengths[i] = (int32_t)v->v.bytes[i].n;
  PQ_TRY(put_lengths(out, lengths, v->count));
  return put_tails(out, v, lengths);
}

static size_t shared_prefix(pq_slice a, pq_slice b) {
  size_t n = a.n < b.n ? a.n : b.n, i = 0;
  while (n - i >= 8 && pq_rd64(a.p + i) == pq_rd64(b.p + i))
    i += 8;
  while (i < n && a.p[i] == b.p[i])
    i++;
  return i;
}

uint32_t pq_dense_prefix(const pq_dense *v) {
  pq_slice common = v->count == 0 ? (pq_slice){0} : v->v.bytes[0];
  for (uint32_t i = 1; i < v->count && common.n > 0; i++)
    common.n = shared_prefix(common, v->v.bytes[i]);
  return (uint32_t)common.n;
}

static int encode_delta_bytes(pq_buf *out, const pq_dense *v, pq_buf *scratch) {
  const pq_slice *s = v->v.bytes;
  int32_t *lengths, max = v->prefix_max == 0 ? INT32_MAX : (int32_t)v->prefix_max;
  PQ_TRY(length_array(scratch, v->count, &lengths));
  for (uint32_t i = 0; i < v->count; i++) {
    lengths[i] = i == 0 ? 0 : (int32_t)shared_prefix(s[i - 1], s[i]);
    if (lengths[i] > max) lengths[i] = max;
  }
  PQ_TRY(put_lengths(out, lengths, v->count));
  for (uint32_t i = 0; i < v->count; i++)
    lengths[i] = (int32_t)s[i].n - lengths[i];
  PQ_TRY(put_lengths(out, lengths, v->count));
  return put_tails(out, v, lengths);
}

/* ---- BYTE_STREAM_SPLIT ---- */

/* `n` values of `size` bytes each, side by side in memory, from value `first` on into streams of
 * `count` bytes. */
static void split4(const uint8_t *in, uint32_t count, uint8_t *out) {
  uint8_t *a = out, *b = a + count, *c = b + count, *d = c + count;
  for (uint32_t i = 0; i < count; i++) {
    a[i] = in[4 * (size_t)i];
    b[i] = in[4 * (size_t)i + 1];
    c[i] = in[4 * (size_t)i + 2];
    d[i] = in[4 * (size_t)i + 3];
  }
}

static void split(const uint8_t *in, size_t size, uint32_t count, uint8_t *out) {
  for (size_t k = 0; k < size; k++)
    for (uint32_t i = 0; i < count; i++)
      out[k * count + i] = in[i * size + k];
}

static int encode_split(pq_buf *out, const pq_dense *v, pq_buf *scratch) {
  size_t size = v->phys == PQ_PHYS_FIXED ? v->type_len : pq_dense_size(v->phys), len;
  if (v->count == 0) return PQ_OK;
  pq_buf_clear(scratch);
  PQ_TRY(pq_encode_plain(scratch, v));
  len = scratch->len;
  PQ_TRY(pq_buf_reserve(out, len));
  if (size == 4)
    split4(scratch->p, v->count, out->p + out->len);
  else
    split(scratch->p, size, v->count, out->p + out->len);
  out->len += len;
  return PQ_OK;
}

/* ---- any ---- */

bool pq_encoding_is_legal(pq_encoding encoding, pq_phys phys) {
  bool is_int = phys == PQ_PHYS_INT32 || phys == PQ_PHYS_INT64;
  switch (encoding) {
    case PQ_ENC_PLAIN: return true;
    case PQ_ENC_RLE: return phys == PQ_PHYS_BOOL;
    case PQ_ENC_RLE_DICTIONARY: return phys != PQ_PHYS_BOOL;
    case PQ_ENC_DELTA_BINARY_PACKED: return is_int;
    case PQ_ENC_DELTA_LENGTH_BYTE_ARRAY: return phys == PQ_PHYS_BYTES;
    case PQ_ENC_DELTA_BYTE_ARRAY: return phys == PQ_PHYS_BYTES || phys == PQ_PHYS_FIXED;
    case PQ_ENC_BYTE_STREAM_SPLIT:
      return is_int || phys == PQ_PHYS_FLOAT || phys == PQ_PHYS_DOUBLE || phys == PQ_PHYS_FIXED;
    case PQ_ENC_PLAIN_DICTIONARY:
    case PQ_ENC_BIT_PACKED: break;
  }
  return false;
}

int pq_encode(pq_buf *out, pq_encoding encoding, const pq_dense *v, pq_buf *scratch) {
  pq_assert(pq_encoding_is_legal(encoding, v->phys));
  switch (encoding) {
    case PQ_ENC_PLAIN: return pq_encode_plain(out, v);
    case PQ_ENC_RLE: return encode_bool_rle(out, v, scratch);
    case PQ_ENC_DELTA_BINARY_PACKED: return encode_delta(out, v);
    case PQ_ENC_DELTA_LENGTH_BYTE_ARRAY: return encode_delta_length(out, v, scratch);
    case PQ_ENC_DELTA_BYTE_ARRAY: return encode_delta_bytes(out, v, scratch);
    case PQ_ENC_BYTE_STREAM_SPLIT: return encode_split(out, v, scratch);
    case PQ_ENC_PLAIN_DICTIONARY:
    case PQ_ENC_BIT_PACKED:
    case PQ_ENC_RLE_DICTIONARY: break;
  }
  pq_unreachable("an encoding that pq_encode does not write");
}
