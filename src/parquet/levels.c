/* parquet/levels.c - see levels_int.h.
 *
 * Most pages have no nulls, and say so with a single run: they cost nothing. Packed levels come in
 * groups of eight, which the kernel turns into eight bytes each.
 */
#include "parquet/levels_int.h"

#include <string.h>

#include "parquet/kernels_int.h"

unsigned pq_level_width(uint32_t max) {
  unsigned width = 0;
  for (; max > 0; max >>= 1)
    width++;
  return width;
}

int pq_levels_take(const pq_place *at, pq_encoding encoding, uint32_t max, uint32_t n,
                   pq_slice *body, pq_slice *levels) {
  uint64_t len, head = 0;
  *levels = (pq_slice){0};
  if (max == 0) return PQ_OK;
  if (encoding == PQ_ENC_BIT_PACKED) {
    len = ((uint64_t)n * pq_level_width(max) + 7) / 8;
  } else if (encoding == PQ_ENC_RLE) {
    head = 4;
    if (body->n < head) return pq_place_corrupt(at, "levels missing");
    len = pq_rd32(body->p);
  } else {
    return pq_place_fail(at, PQ_EUNSUPPORTED, "levels are neither RLE nor BIT_PACKED");
  }
  if (len > body->n - head) return pq_place_corrupt(at, "levels end too early");
  *levels = (pq_slice){body->p + head, (size_t)len};
  *body = (pq_slice){levels->p + len, body->n - (size_t)(head + len)};
  return PQ_OK;
}

static uint8_t highest(const uint8_t *levels, uint32_t n) {
  uint8_t max = 0;
  for (uint32_t i = 0; i < n; i++)
    max = levels[i] > max ? levels[i] : max;
  return max;
}

/* The old encoding: most significant bit first, without runs. */
static int read_bit_packed(const pq_place *at, unsigned width, pq_slice in, uint32_t n,
                           uint8_t *out) {
  uint64_t bit = 0;
  if (((uint64_t)n * width + 7) / 8 > in.n) return pq_place_corrupt(at, "levels end too early");
  for (uint32_t i = 0; i < n; i++) {
    unsigned v = 0;
    for (unsigned k = 0; k < width; k++, bit++)
      v = v << 1 | (in.p[(size_t)(bit >> 3)] >> (7 - (bit & 7)) & 1);
    out[i] = (uint8_t)v;
  }
  return PQ_OK;
}

int pq_levels_read(const pq_place *at, pq_encoding encoding, uint32_t max, pq_slice levels,
                   uint32_t n, uint8_t *out, bool *is_all_max) {
  const pq_kernels *kernels = pq_kernels_of(at->cx);
  unsigned width = pq_level_width(max);
  bool is_power = (max & (max + 1)) == 0; /* then no level of that width is too high */
  pq_hybrid h;
  pq_assert(max > 0 && max <= PQ_LEVEL_MAX);
  *is_all_max = false;
  if (encoding == PQ_ENC_BIT_PACKED) {
    PQ_TRY(read_bit_packed(at, width, levels, n, out));
  } else {
    pq_hybrid_init(&h, levels, width);
    for (uint32_t done = 0, k; done < n; done += k) {
      PQ_TRY(pq_hybrid_run(&h, at));
      k = h.left < n - done ? (uint32_t)h.left : n - done;
      if (h.is_packed) {
        kernels->unpack8(h.packed, h.pos, width, k, out + done);
        h.pos += (uint64_t)k * width;
      } else {
        if (h.repeated > max) return pq_place_corrupt(at, "level above its maximum");
        *is_all_max = k == n && h.repeated == max;
        if (*is_all_max) return PQ_OK;
        memset(out + done, (int)h.repeated, k);
      }
      h.left -= k;
    }
  }
  if (!is_power && highest(out, n) > max) return pq_place_corrupt(at, "level above its maximum");
  return PQ_OK;
}
