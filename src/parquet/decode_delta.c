/* parquet/decode_delta.c - DELTA_BINARY_PACKED as a stream.
 *
 *   header:  block_len, miniblocks per block, count (varints), first value (zigzag)
 *   block:   min delta (zigzag) | one width byte per miniblock | miniblock | miniblock | …
 *   value:   previous + min delta + packed value, modulo 2^64 (cut to 32 bits for INT32)
 *
 * Miniblocks after the last value may be absent and their widths hold anything; the last one in
 * use is padded to its full length, though some writers leave that out at the end of a page.
 *
 * Source: parquet-format: Encodings.md#delta-encoding-delta_binary_packed--5.
 */
#include <string.h>

#include "parquet/decode_int.h"

enum { BLOCK_MULTIPLE = 128, MINI_MULTIPLE = 32, BLOCK_LEN_MAX = 1 << 24, WIDTH_MAX = 64 };
enum { SKIP_BATCH = 256 };

int pq_delta_init(pq_delta *d, const pq_place *at, pq_slice in, uint64_t *count) {
  uint64_t block_len, mini_count;
  int64_t first;
  *d = (pq_delta){.in = pq_reader_of(in)};
  *count = 0;
  if (!pq_read_varint(&d->in, &block_len) || !pq_read_varint(&d->in, &mini_count) ||
      !pq_read_varint(&d->in, count) || !pq_read_zigzag(&d->in, &first))
    return pq_place_corrupt(at, "delta header ends too early");
  if (block_len == 0 || block_len % BLOCK_MULTIPLE != 0 || mini_count == 0 ||
      block_len % mini_count != 0 || block_len / mini_count % MINI_MULTIPLE != 0)
    return pq_place_corrupt(at, "malformed delta header");
  if (block_len > BLOCK_LEN_MAX) return pq_place_fail(at, PQ_ELIMIT, "delta block too long");
  if (*count > INT32_MAX) return pq_place_corrupt(at, "delta count too high");
  d->mini_len = (uint32_t)(block_len / mini_count);
  d->mini_count = (uint32_t)mini_count;
  d->mini = d->mini_count; /* the first miniblock needs a block header */
  d->left = *count;
  d->sum.last = (uint64_t)first;
  d->has_first = *count > 0;
  return PQ_OK;
}

static int next_block(pq_delta *d, const pq_place *at) {
  int64_t min;
  pq_slice widths;
  if (!pq_read_zigzag(&d->in, &min) || !pq_read_bytes(&d->in, d->mini_count, &widths))
    return pq_place_corrupt(at, "delta block ends too early");
  d->sum.min = (uint64_t)min;
  d->widths = widths.p;
  d->mini = 0;
  return PQ_OK;
}

/* Called with no value left in the miniblock but at least one in the stream. */
static int next_mini(pq_delta *d, const pq_place *at) {
  uint64_t len, used_len;
  size_t left;
  if (d->mini == d->mini_count) PQ_TRY(next_block(d, at));
  d->width = d->widths[d->mini++];
  if (d->width > WIDTH_MAX) return pq_place_corrupt(at, "delta bit width above 64");
  d->mini_left = d->left < d->mini_len ? (uint32_t)d->left : d->mini_len;
  len = (uint64_t)d->mini_len * d->width / 8;
  used_len = ((uint64_t)d->mini_left * d->width + 7) / 8;
  left = pq_reader_left(&d->in);
  if (used_len > left) return pq_place_corrupt(at, "delta miniblock ends too early");
  if (len > left) len = left;
  d->packed = (pq_slice){d->in.p, left}; /* more than its own: windows may look beyond */
  d->in.p += (size_t)len;
  d->pos = 0;
  return PQ_OK;
}

/* Hand out the first value, if it is still to come. */
static bool take_first(pq_delta *d) {
  if (!d->has_first) return false;
  d->has_first = false;
  d->left--;
  return true;
}

/* `k` values of the miniblock have been read or passed over. */
static void advance(pq_delta *d, uint32_t k) {
  d->pos += (uint64_t)k * d->width;
  d->mini_left -= k;
  d->left -= k;
}

int pq_delta_skip(pq_delta *d, const pq_place *at, uint32_t n) {
  const pq_kernels *kernels = pq_kernels_of(at->cx);
  uint64_t ignored[SKIP_BATCH];
  if (n > d->left) return pq_place_corrupt(at, "delta values missing");
  if (n > 0 && take_first(d)) n--;
  while (n > 0) {
    uint32_t k;
    if (d->mini_left == 0) PQ_TRY(next_mini(d, at));
    k = n < d->mini_left ? n : d->mini_left;
    if (d->width == 0) {
      d->sum.last += k * d->sum.min;
    } else {
      k = k < SKIP_BATCH ? k : SKIP_BATCH;
      kernels->unpack_sums64(d->packed, d->pos, d->width, k, &d->sum, ignored);
    }
    advance(d, k);
    n -= k;
  }
  return PQ_OK;
}

int pq_delta_rest(const pq_delta *d, const pq_place *at, pq_slice *rest) {
  pq_delta walk = *d;
  *rest = (pq_slice){0};
  if (walk.has_first) walk.left--;
  while (walk.left > 0) {
    PQ_TRY(next_mini(&walk, at));
    walk.left -= walk.mini_left;
  }
  *rest = (pq_slice){walk.in.p, pq_reader_left(&walk.in)};
  return PQ_OK;
}

/* One function for each size of a value, so that no value is copied twice. */
#define DELTA_READ(name, type, unpack_sums)                               \
  int name(pq_delta *d, const pq_place *at, uint32_t n, type *out) {      \
    const pq_kernels *kernels = pq_kernels_of(at->cx);                    \
    if (n > d->left) return pq_place_corrupt(at, "delta values missing"); \
    if (n > 0 && take_first(d)) {                                         \
      *out++ = (type)d->sum.last;                                         \
      n--;                                                                \
    }                                                                     \
    while (n > 0) {                                                       \
      uint32_t k;                                                         \
      if (d->mini_left == 0) PQ_TRY(next_mini(d, at));                    \
      k = n < d->mini_left ? n : d->mini_left;                            \
      kernels->unpack_sums(d->packed, d->pos, d->width, k, &d->sum, out); \
      advance(d, k);                                                      \
      out += k;                                                           \
      n -= k;                                                             \
    }                                                                     \
    return PQ_OK;                                                         \
  }
DELTA_READ(pq_delta_read64, uint64_t, unpack_sums64)
DELTA_READ(pq_delta_read32, uint32_t, unpack_sums32)
