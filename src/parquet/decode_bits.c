/* parquet/decode_bits.c - the RLE / bit-packed hybrid.
 *
 *   run:      varint(count << 1) value             `value` count times
 *   packed:   varint(groups << 1 | 1) bits         8 values a group, unpacked by a kernel
 *
 * Kernels read blocks that go beyond the values asked for, so a packed run is handed to them with
 * all that follows it.
 */
#include <string.h>

#include "parquet/decode_int.h"

enum { RUN_COUNT_MAX = INT32_MAX };

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

/* Nearly all headers are of one byte. */
static bool read_header(pq_reader *r, uint64_t *out) {
  if (r->p == r->end || *r->p >= 128) return pq_read_varint(r, out);
  *out = *r->p++;
  return true;
}

int pq_hybrid_run(pq_hybrid *h, const pq_place *at) {
  while (h->left == 0) {
    uint64_t head, count;
    unsigned len = (h->width + 7) / 8;
    if (!read_header(&h->in, &head)) return pq_place_corrupt(at, "run header missing");
    count = head >> 1;
    if (count > RUN_COUNT_MAX) return pq_place_corrupt(at, "run too long");
    if ((head & 1) != 0) {
      PQ_TRY(packed_run(h, count));
      continue;
    }
    if (len > pq_reader_left(&h->in)) return pq_place_corrupt(at, "run ends too early");
    h->is_packed = false;
    h->repeated = 0;
    for (unsigned i = 0; i < len; i++)
      h->repeated |= (uint32_t)h->in.p[i] << (8 * i);
    h->in.p += len;
    h->left = count;
    if (h->width < 32 && h->repeated >> h->width != 0)
      return pq_place_corrupt(at, "run value wider than its bit width");
  }
  return PQ_OK;
}

int pq_hybrid_read(pq_hybrid *h, const pq_place *at, uint32_t n, uint32_t *out) {
  const pq_kernels *kernels = pq_kernels_of(at->cx);
  while (n > 0) {
    uint32_t k;
    PQ_TRY(pq_hybrid_run(h, at));
    k = h->left < n ? (uint32_t)h->left : n;
    if (h->is_packed) {
      kernels->unpack32(h->packed, h->pos, h->width, k, out);
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

int pq_hybrid_read8(pq_hybrid *h, const pq_place *at, uint32_t n, uint8_t *out) {
  const pq_kernels *kernels = pq_kernels_of(at->cx);
  while (n > 0) {
    uint32_t k;
    PQ_TRY(pq_hybrid_run(h, at));
    k = h->left < n ? (uint32_t)h->left : n;
    if (h->is_packed) {
      kernels->unpack8(h->packed, h->pos, h->width, k, out);
      h->pos += (uint64_t)k * h->width;
    } else {
      memset(out, (int)h->repeated, k);
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
