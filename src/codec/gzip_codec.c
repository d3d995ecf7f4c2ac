/* codec/gzip_codec.c - gzip through zlib: members one after the other, and
 * zlib's own header, which some writers use.
 *
 *     | 1f 8b … | deflate | crc, length | 1f 8b … | deflate | crc, length | all
 * one page
 */
#define ZLIB_CONST
#include "codec/codec_int.h"

#if PQ_HAVE_ZLIB

#include <zlib.h>

enum { WINDOW_BITS = 15, GZIP = 16, GZIP_OR_ZLIB = 32, MEMORY_LEVEL = 8, LEVEL_MAX = 9 };

static void *gzip_alloc(void *cx, unsigned count, unsigned size) {
  size_t len;
  return pq_mul_size(count, size, &len) ? pq_codec_alloc(cx, len) : NULL;
}

static z_stream stream_of(pq_cx *cx, pq_slice in, pq_room out) {
  static const uint8_t none[1] = {0};
  return (z_stream){.zalloc = gzip_alloc,
                    .zfree = pq_codec_free,
                    .opaque = cx,
                    .next_in = in.n == 0 ? none : in.p,
                    .avail_in = (uInt)in.n,
                    .next_out = out.p,
                    .avail_out = (uInt)out.n};
}

int pq_gzip_compress(pq_cx *cx, int level, pq_slice in, pq_buf *out) {
  z_stream z = stream_of(cx, in, (pq_room){0});
  int rc;
  if (level < 1 || level > LEVEL_MAX) level = Z_DEFAULT_COMPRESSION;
  rc = deflateInit2(&z, level, Z_DEFLATED, WINDOW_BITS + GZIP, MEMORY_LEVEL, Z_DEFAULT_STRATEGY);
  if (rc != Z_OK) return pq_fail_nomem(out->cx); /* the arguments are right */
  rc = pq_buf_reserve(out, deflateBound(&z, (uLong)in.n));
  if (rc == PQ_OK) {
    size_t room = out->cap - out->len;
    z.next_out = out->p + out->len;
    z.avail_out = room > UINT32_MAX ? UINT32_MAX : (uInt)room;
    if (deflate(&z, Z_FINISH) == Z_STREAM_END)
      out->len += (size_t)z.total_out;
    else
      rc = pq_fail(out->cx, PQ_ELIMIT, "gzip cannot compress %zu bytes", in.n);
  }
  deflateEnd(&z);
  return rc;
}

static int inflate_all(pq_cx *cx, z_stream *z) {
  for (;;) {
    const char *what = "cut off, or longer than stated";
    int rc = inflate(z, Z_FINISH);
    if (rc == Z_MEM_ERROR) return pq_fail_nomem(cx);
    if (rc != Z_STREAM_END)
      return pq_codec_corrupt(cx, PQ_CODEC_GZIP, z->msg != NULL ? z->msg : what);
    if (z->avail_in == 0) break;
    if (inflateReset(z) != Z_OK) return pq_codec_corrupt(cx, PQ_CODEC_GZIP, "malformed");
  }
  return z->avail_out == 0 ? PQ_OK : pq_codec_corrupt(cx, PQ_CODEC_GZIP, "shorter than stated");
}

int pq_gzip_decompress(pq_cx *cx, pq_slice in, pq_room out) {
  uint8_t none[1];
  z_stream z = stream_of(cx, in, (pq_room){out.n == 0 ? none : out.p, out.n});
  int rc;
  if (inflateInit2(&z, WINDOW_BITS + GZIP_OR_ZLIB) != Z_OK) return pq_fail_nomem(cx);
  rc = inflate_all(cx, &z);
  inflateEnd(&z);
  return rc;
}

#endif
