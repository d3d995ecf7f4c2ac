/* codec/zstd_codec.c - zstd behind our allocator; contexts live as long as the
 * caller's object.
 *
 * zstd's customMem interface is declared only with ZSTD_STATIC_LINKING_ONLY,
 * yet exported by the shared library since 1.4.
 */
#define ZSTD_STATIC_LINKING_ONLY
#include "codec/codec_int.h"

#if PQ_HAVE_ZSTD

#include <zstd.h>
#include <zstd_errors.h>

static ZSTD_customMem zstd_mem(pq_cx *cx) {
  return (ZSTD_customMem){pq_codec_alloc, pq_codec_free, cx};
}

int pq_zstd_compress(pq_compressor *c, int level, pq_slice in, pq_buf *out) {
  size_t bound = ZSTD_compressBound(in.n), len;
  if (ZSTD_isError(bound))
    return pq_fail(out->cx, PQ_ELIMIT, "%zu bytes are too many for zstd", in.n);
  if (c->zstd == NULL) c->zstd = ZSTD_createCCtx_advanced(zstd_mem(c->cx));
  if (c->zstd == NULL) return pq_fail_nomem(out->cx);
  PQ_TRY(pq_buf_reserve(out, bound));
  len = ZSTD_compressCCtx(c->zstd, out->p + out->len, bound, in.p, in.n, level);
  if (ZSTD_isError(len)) {
    if (ZSTD_getErrorCode(len) == ZSTD_error_memory_allocation) return pq_fail_nomem(out->cx);
    return pq_fail(out->cx, PQ_ELIMIT, "zstd cannot compress %zu bytes: %s", in.n,
                   ZSTD_getErrorName(len));
  }
  out->len += len;
  return PQ_OK;
}

uint64_t pq_zstd_len_max(pq_slice in) {
  unsigned long long bound = ZSTD_decompressBound(in.p, in.n);
  return bound == ZSTD_CONTENTSIZE_ERROR ? 0 : bound;
}

int pq_zstd_decompress(pq_decompressor *d, pq_slice in, pq_room out) {
  size_t len;
  if (d->zstd == NULL) d->zstd = ZSTD_createDCtx_advanced(zstd_mem(d->cx));
  if (d->zstd == NULL) return pq_fail_nomem(d->cx);
  len = ZSTD_decompressDCtx(d->zstd, out.p, out.n, in.p, in.n);
  if (!ZSTD_isError(len)) {
    if (len == out.n) return PQ_OK;
    return pq_fail(d->cx, PQ_ECORRUPT, "ZSTD data holds %zu bytes instead of %zu", len, out.n);
  }
  if (ZSTD_getErrorCode(len) == ZSTD_error_memory_allocation) return pq_fail_nomem(d->cx);
  return pq_codec_corrupt(d->cx, PQ_CODEC_ZSTD, ZSTD_getErrorName(len));
}

void pq_zstd_release(void *compressor, void *decompressor) {
  ZSTD_freeCCtx(compressor); /* both take NULL */
  ZSTD_freeDCtx(decompressor);
}

#endif
