/* parquet/decode_bits.c - bit-packed integers and the RLE / bit-packed hybrid.
 *
 *   bit:    0      w     2w     3w                    a value is cut from a window of 64 bits
 *           |value0|value1|value2|…                   that starts at its byte
 *   window:     [ 64 bits, shifted by pos % 8 ]
 *
 * A window reads 8 bytes (9 for widths above 56); the last values of a stream, whose window would
 * leave the bytes, take a slow path that assembles it byte by byte.
 */
#include <string.h>

#include "parquet/decode_int.h"

enum { WINDOW_LEN = 9, NARROW_WIDTH_MAX = 56, RUN_COUNT_MAX = INT32_MAX };

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
  v = pq_rdn(in.p + byte, left < 8 ? (unsigned)left : 8) >> shift;
  if (shift + width > 64) v |= (uint64_t)in.p[byte + 8] << (64 - shift);
  return v & width_mask(width);
}

/* How many of `n` values have their whole window inside `in`. */
static uint32_t fast_count(pq_slice in, uint64_t pos, unsigned width, uint32_t n) {
  uint64_t last_bit, count;
  if (in.n < WINDOW_LEN || width == 0) return 0;
  last_bit = (uint64_t)(in.n - WINDOW_LEN) * 8 + 7;
  if (pos > last_bit) return 0;
  count = (last_bit - pos) / width + 1;
  return count < n ? (uint32_t)count : n;
}

/* Widths up to 8 on a byte boundary: one window holds eight values. */
static uint32_t unpack_octets(const uint8_t *p, unsigned width, uint32_t n, uint32_t *out) {
  uint64_t mask = width_mask(width);
  uint32_t i = 0;
  for (; i + 8 <= n; i += 8, p += width) {
    uint64_t v = pq_rd64(p);
    for (unsigned j = 0; j < 8; j++)
      out[i + j] = (uint32_t)(v >> (j * width) & mask);
  }
  return i;
}

void pq_unpack32(pq_slice in, uint64_t pos, unsigned width, uint32_t n, uint32_t *out) {
  uint64_t mask = width_mask(width);
  uint32_t fast = fast_count(in, pos, width, n), i = 0;
  pq_assert(width <= 32);
  if (width == 0) {
    memset(out, 0, (size_t)n * sizeof *out);
    return;
  }
  if (width <= 8 && (pos & 7) == 0) {
    i = unpack_octets(in.p + (size_t)(pos >> 3), width, fast, out);
    pos += (uint64_t)i * width;
  }
  for (; i < fast; i++, pos += width)
    out[i] = (uint32_t)(pq_rd64(in.p + (size_t)(pos >> 3)) >> (pos & 7) & mask);
  for (; i < n; i++, pos += width)
    out[i] = (uint32_t)unpack_one(in, pos, width);
}

void pq_unpack_sums(pq_slice in, uint64_t pos, unsigned width, uint32_t n, uint64_t min,
                    int64_t *last, int64_t *out) {
  uint64_t mask = width_mask(width), sum = (uint64_t)*last;
  uint32_t fast = width <= NARROW_WIDTH_MAX ? fast_count(in, pos, width, n) : 0, i = 0;
  if (width == 0) {
    for (; i < n; i++)
      out[i] = (int64_t)(sum += min);
  }
  for (; i < fast; i++, pos += width) {
    sum += min + (pq_rd64(in.p + (size_t)(pos >> 3)) >> (pos & 7) & mask);
    out[i] = (int64_t)sum;
  }
  for (; i < n; i++, pos += width) {
    sum += min + unpack_one(in, pos, width);
    out[i] = (int64_t)sum;
  }
  *last = (int64_t)sum;
}

/* ---- hybrid ---- */

void pq_hybrid_init(pq_hybrid *h, pq_slice in, unsigned width) {
  pq_assert(width <= 32);
  *h = (pq_hybrid){.in = pq_reader_of(in), .width = width};
}

/* A run of bit-packed groups. The last one of a stream may lack the padding of its last group. */
static int packed_run(pq_hybrid *h, uint64_t groups) {
  uint64_t len = groups * h->width, left = pq_reader_left(&h->in);
  h->is_packed = true;
  h->pos = 0;
  h->left = groups * 8;
  if (len > left) {
    len = left;
    h->left = len * 8 / h->width;
  }
  h->packed = (pq_slice){h->in.p, (size_t)left}; /* windows may look beyond its own bytes */
  h->in.p += (size_t)len;
  return PQ_OK;
}

int pq_hybrid_run(pq_hybrid *h, const pq_place *at) {
  while (h->left == 0) {
    uint64_t head, count;
    unsigned len = (h->width + 7) / 8;
    if (!pq_read_varint(&h->in, &head)) return pq_place_corrupt(at, "run header missing");
    count = head >> 1;
    if (count > RUN_COUNT_MAX) return pq_place_corrupt(at, "run too long");
    if ((head & 1) != 0) {
      PQ_TRY(packed_run(h, count));
      continue;
    }
    if (len > pq_reader_left(&h->in)) return pq_place_corrupt(at, "run ends too early");
    h->is_packed = false;
    h->repeated = len == 0 ? 0 : (uint32_t)pq_rdn(h->in.p, len);
    h->in.p += len;
    h->left = count;
    if (h->width < 32 && h->repeated >> h->width != 0)
      return pq_place_corrupt(at, "run value wider than its bit width");
  }
  return PQ_OK;
}

int pq_hybrid_read(pq_hybrid *h, const pq_place *at, uint32_t n, uint32_t *out) {
  while (n > 0) {
    uint32_t k;
    PQ_TRY(pq_hybrid_run(h, at));
    k = h->left < n ? (uint32_t)h->left : n;
    if (h->is_packed) {
      pq_unpack32(h->packed, h->pos, h->width, k, out);
      h->pos += (uint64_t)k * h->width;
    } else {
      for (uint32_t i = 0; i < k; i++)
        out[i] = h->repeated;
    }
    h->left -= k;
    out += k;
    n -= k;
  }
  return PQ_OK;
}

int pq_hybrid_skip(pq_hybrid *h, const pq_place *at, uint32_t n) {
  while (n > 0) {
    uint32_t k;
    PQ_TRY(pq_hybrid_run(h, at));
    k = h->left < n ? (uint32_t)h->left : n;
    if (h->is_packed) h->pos += (uint64_t)k * h->width;
    h->left -= k;
    n -= k;
  }
  return PQ_OK;
}

/* ---- levels ---- */

/* Eight bits of a byte to eight bytes of 0 or 1, lowest bit first. */
static uint64_t spread_bits(uint8_t bits) {
  uint64_t v = bits * 0x0101010101010101u & 0x8040201008040201u;
  return (v + 0x7f7f7f7f7f7f7f7fu) >> 7 & 0x0101010101010101u;
}

/* `n` levels of a bit-packed run of width 1, inverted, to bytes. Returns how many are null. */
static uint32_t unpack_levels(const pq_hybrid *h, uint32_t n, uint8_t *nulls) {
  uint32_t i = 0, count = 0;
  if ((h->pos & 7) == 0) {
    const uint8_t *p = h->packed.p + (size_t)(h->pos >> 3);
    for (; i + 8 <= n; i += 8)
      pq_wr64(nulls + i, spread_bits((uint8_t) ~*p++));
  }
  for (; i < n; i++) {
    uint64_t pos = h->pos + i;
    nulls[i] = (uint8_t)(~(unsigned)h->packed.p[(size_t)(pos >> 3)] >> (pos & 7) & 1);
  }
  for (i = 0; i < n; i++)
    count += nulls[i];
  return count;
}

int pq_levels_decode(pq_slice in, const pq_place *at, uint32_t n, uint8_t *nulls,
                     uint32_t *null_count) {
  pq_hybrid h;
  uint32_t done = 0, count = 0;
  *null_count = 0;
  pq_hybrid_init(&h, in, 1);
  while (done < n) {
    uint32_t k;
    PQ_TRY(pq_hybrid_run(&h, at));
    k = h.left < n - done ? (uint32_t)h.left : n - done;
    if (h.is_packed) {
      count += unpack_levels(&h, k, nulls + done);
      h.pos += k;
    } else {
      if (k == n && h.repeated == 1) return PQ_OK;
      memset(nulls + done, h.repeated == 0, k);
      if (h.repeated == 0) count += k;
    }
    h.left -= k;
    done += k;
  }
  *null_count = count;
  return PQ_OK;
}
