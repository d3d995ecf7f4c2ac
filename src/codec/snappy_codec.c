/* codec/snappy_codec.c - snappy through libsnappy's C interface.
 *
 * Decompressing needs no memory. Compressing takes at most 200 KB from C++'s
 * own allocator, which libsnappy gives no way to replace.
 */
#include "codec/codec_int.h"

#if PQ_HAVE_SNAPPY

#include <snappy-c.h>

/* No tag yields more: a copy of 64 bytes takes three (snappy:
 * format_description.txt). */
enum { RATIO_MAX = 22 };

int pq_snappy_compress(pq_slice in, pq_buf *out) {
  size_t len = snappy_max_compressed_length(in.n);
  const char *from = in.n == 0 ? "" : (const char *)in.p;
  PQ_TRY(pq_buf_reserve(out, len));
  if (snappy_compress(from, in.n, (char *)out->p + out->len, &len) != SNAPPY_OK)
    return pq_fail(out->cx, PQ_ELIMIT, "snappy cannot compress %zu bytes", in.n);
  out->len += len;
  return PQ_OK;
}

uint64_t pq_snappy_len_max(pq_slice in) {
  size_t len;
  if (in.n == 0 || snappy_uncompressed_length((const char *)in.p, in.n, &len) != SNAPPY_OK)
    return 0;
  return len <= (uint64_t)in.n * RATIO_MAX ? len : 0;
}

int pq_snappy_decompress(pq_cx *cx, pq_slice in, pq_room out) {
  char none[1];
  size_t len = 0;
  if (in.n == 0 || snappy_uncompressed_length((const char *)in.p, in.n, &len) != SNAPPY_OK)
    return pq_codec_corrupt(cx, PQ_CODEC_SNAPPY, "no length");
  if (len != out.n) return pq_codec_corrupt(cx, PQ_CODEC_SNAPPY, "another length than stated");
  if (snappy_uncompress((const char *)in.p, in.n, out.n == 0 ? none : (char *)out.p, &len) !=
          SNAPPY_OK ||
      len != out.n)
    return pq_codec_corrupt(cx, PQ_CODEC_SNAPPY, "malformed");
  return PQ_OK;
}

#endif
