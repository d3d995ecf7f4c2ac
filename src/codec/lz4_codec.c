/* codec/lz4_codec.c - LZ4 blocks, and the three layouts that files call LZ4
 * (codec 5).
 *
 *     Hadoop:  | length:4 BE | stored:4 BE | block | stored | block … |  again,
 * until the end raw:     | block |                                 what Parquet
 * now calls LZ4_RAW frame:   | 04 22 4d 18 | flags | block size | [length:8]
 * [id:4] | check:1 | | stored:4 LE, top bit: not compressed | block | [check:4]
 * | …  | 0:4 | [check:4] |
 *
 * They are tried in this order, as parquet-format: Compression.md and Arrow
 * have it; each must give exactly the stated length. The checks of frames
 * (xxHash) are left alone: pages have a CRC. liblz4's block functions need no
 * heap: their state (16 KB) stands on the stack.
 */
#include "codec/codec_int.h"

#if PQ_HAVE_LZ4

#include <lz4.h>

int pq_lz4_compress(pq_slice in, pq_buf *out) {
  int bound = LZ4_compressBound((int)in.n), len;
  const char *from = in.n == 0 ? "" : (const char *)in.p;
  if (bound <= 0) return pq_fail(out->cx, PQ_ELIMIT, "%zu bytes are too many for LZ4", in.n);
  PQ_TRY(pq_buf_reserve(out, (size_t)bound));
  len = LZ4_compress_default(from, (char *)out->p + out->len, (int)in.n, bound);
  if (len <= 0) return pq_fail(out->cx, PQ_ELIMIT, "LZ4 cannot compress %zu bytes", in.n);
  out->len += (size_t)len;
  return PQ_OK;
}

/* Decompress a block to out.p[at...], which may refer to what stands before. -1
 * if malformed. */
static int block(pq_slice in, pq_room out, size_t at) {
  char none[1];
  char *to = out.n == 0 ? none : (char *)out.p + at;
  int dict_len = (int)(at < 1 << 16 ? at : 1 << 16);
  return LZ4_decompress_safe_usingDict((const char *)in.p, to, (int)in.n, (int)(out.n - at),
                                       to - dict_len, dict_len);
}

static bool is_raw(pq_slice in, pq_room out) {
  return in.n > 0 && block(in, out, 0) == (int)out.n;
}

static uint32_t rd32_be(const uint8_t *p) {
  return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

/* One run of blocks of Hadoop's framing: those behind one length. */
static bool hadoop_run(pq_reader *r, pq_room out, size_t *at) {
  pq_slice head, body;
  size_t left;
  if (!pq_read_bytes(r, 4, &head)) return false;
  left = rd32_be(head.p);
  if (left > out.n - *at) return false;
  while (left > 0) {
    int len;
    if (!pq_read_bytes(r, 4, &head) || !pq_read_bytes(r, rd32_be(head.p), &body)) return false;
    len = body.n == 0 ? -1 : block(body, (pq_room){out.p + *at, left}, 0);
    if (len <= 0) return false;
    *at += (size_t)len;
    left -= (size_t)len;
  }
  return true;
}

static bool is_hadoop(pq_slice in, pq_room out) {
  pq_reader r = pq_reader_of(in);
  size_t at = 0;
  while (pq_reader_left(&r) > 0)
    if (!hadoop_run(&r, out, &at)) return false;
  return at == out.n && in.n > 0;
}

/* LZ4 frame format: "General Structure of LZ4 Frame format". */
enum { FRAME_MAGIC = 0x184d2204, HAS_ID = 1, HAS_CHECK = 4, HAS_LENGTH = 8, HAS_BLOCK_CHECK = 16 };

/* The blocks of a frame up to its end mark. */
static bool frame_blocks(pq_reader *r, unsigned flags, pq_room out, size_t *at) {
  const uint32_t top = UINT32_C(1) << 31;
  pq_slice body, check;
  uint32_t head;
  for (;;) {
    int len;
    if (!pq_read_u32(r, &head)) return false;
    if (head == 0) return true;
    if (!pq_read_bytes(r, head & ~top, &body)) return false;
    if ((flags & HAS_BLOCK_CHECK) != 0 && !pq_read_bytes(r, 4, &check)) return false;
    if ((head & top) != 0) {
      if (body.n > out.n - *at) return false;
      if (body.n > 0) memcpy(out.p + *at, body.p, body.n);
      *at += body.n;
      continue;
    }
    len = block(body, out, *at);
    if (len < 0) return false;
    *at += (size_t)len;
  }
}

static bool is_frame(pq_slice in, pq_room out) {
  pq_reader r = pq_reader_of(in);
  size_t at = 0;
  while (pq_reader_left(&r) > 0) {
    uint32_t magic;
    uint8_t flags;
    pq_slice skipped;
    if (!pq_read_u32(&r, &magic) || magic != FRAME_MAGIC || !pq_read_u8(&r, &flags)) return false;
    if (flags >> 6 != 1 || (flags & HAS_ID) != 0) return false;
    if (!pq_read_bytes(&r, (flags & HAS_LENGTH) != 0 ? 10 : 2, &skipped)) return false;
    if (!frame_blocks(&r, flags, out, &at)) return false;
    if ((flags & HAS_CHECK) != 0 && !pq_read_bytes(&r, 4, &skipped)) return false;
  }
  return at == out.n && in.n > 0;
}

int pq_lz4_decompress(pq_cx *cx, pq_slice in, pq_room out) {
  if (is_raw(in, out)) return PQ_OK;
  return pq_codec_corrupt(cx, PQ_CODEC_LZ4_RAW, "malformed, or another length than stated");
}

int pq_lz4_any_decompress(pq_cx *cx, pq_slice in, pq_room out) {
  if (is_hadoop(in, out) || is_raw(in, out) || is_frame(in, out)) return PQ_OK;
  return pq_codec_corrupt(cx, PQ_CODEC_LZ4, "no framing fits, or another length than stated");
}

#endif
