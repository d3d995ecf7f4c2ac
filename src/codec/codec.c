/* codec/codec.c - see codec.h. zstd and zlib's CRC-32 behind our allocator.
 *
 *   | size:8 | pad:8 | bytes for zstd … |     pq_alloc wants exact old sizes, zstd keeps none:
 *   ^ pq_alloc's block ^ what zstd sees       a header of 16 bytes remembers them
 *
 * zstd's customMem interface is declared only with ZSTD_STATIC_LINKING_ONLY, yet exported by the
 * shared library since 1.4. A compressor keeps its context; decompression makes one per call.
 */
#define ZSTD_STATIC_LINKING_ONLY
#include "codec/codec.h"

#include <zlib.h>
#include <zstd.h>
#include <zstd_errors.h>

enum { HEADER_LEN = 16 };

static void *zstd_alloc(void *cx, size_t len) {
  size_t total;
  uint8_t *p;
  if (!pq_add_size(len, HEADER_LEN, &total)) return NULL;
  p = pq_alloc(cx, NULL, 0, total);
  if (p == NULL) return NULL;
  memcpy(p, &total, sizeof total);
  return p + HEADER_LEN;
}

static void zstd_free(void *cx, void *ptr) {
  uint8_t *p = ptr;
  size_t total;
  if (p == NULL) return;
  p -= HEADER_LEN;
  memcpy(&total, p, sizeof total);
  pq_alloc(cx, p, total, 0);
}

static ZSTD_customMem zstd_mem(pq_cx *cx) {
  return (ZSTD_customMem){zstd_alloc, zstd_free, cx};
}

static int unsupported(pq_cx *cx, pq_codec codec) {
  return pq_fail(cx, PQ_EUNSUPPORTED, "codec %s (%d) is not built in", pq_codec_name(codec),
                 (int)codec);
}

void pq_compressor_init(pq_compressor *c, pq_cx *cx) {
  *c = (pq_compressor){.cx = cx};
}

void pq_compressor_release(pq_compressor *c) {
  if (c->zstd != NULL) ZSTD_freeCCtx(c->zstd);
  *c = (pq_compressor){0};
}

static int zstd_compress(pq_compressor *c, int level, pq_slice in, pq_buf *out) {
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

int pq_compress(pq_compressor *c, pq_codec codec, int level, pq_slice in, pq_buf *out) {
  if (c->cx == NULL) c->cx = out->cx;
  if (codec == PQ_CODEC_NONE) return pq_buf_put_slice(out, in);
  if (codec == PQ_CODEC_ZSTD) return zstd_compress(c, level, in, out);
  return unsupported(c->cx, codec);
}

uint64_t pq_decompressed_len_max(pq_codec codec, pq_slice in) {
  unsigned long long bound;
  if (codec != PQ_CODEC_ZSTD) return in.n;
  bound = ZSTD_decompressBound(in.p, in.n);
  return bound == ZSTD_CONTENTSIZE_ERROR ? 0 : bound;
}

static int zstd_decompress(pq_cx *cx, pq_slice in, uint8_t *out, size_t out_len) {
  ZSTD_DCtx *d = ZSTD_createDCtx_advanced(zstd_mem(cx));
  size_t len;
  if (d == NULL) return pq_fail_nomem(cx);
  len = ZSTD_decompressDCtx(d, out, out_len, in.p, in.n);
  ZSTD_freeDCtx(d);
  if (!ZSTD_isError(len)) {
    if (len == out_len) return PQ_OK;
    return pq_fail(cx, PQ_ECORRUPT, "zstd data holds %zu bytes instead of %zu", len, out_len);
  }
  if (ZSTD_getErrorCode(len) == ZSTD_error_memory_allocation) return pq_fail_nomem(cx);
  return pq_fail(cx, PQ_ECORRUPT, "zstd: %s", ZSTD_getErrorName(len));
}

int pq_decompress(pq_cx *cx, pq_codec codec, pq_slice in, uint8_t *out, size_t out_len) {
  if (codec == PQ_CODEC_ZSTD) return zstd_decompress(cx, in, out, out_len);
  if (codec != PQ_CODEC_NONE) return unsupported(cx, codec);
  if (in.n != out_len)
    return pq_fail(cx, PQ_ECORRUPT, "%zu bytes stored instead of %zu", in.n, out_len);
  if (out_len > 0) memcpy(out, in.p, out_len);
  return PQ_OK;
}

uint32_t pq_crc32(pq_slice bytes) {
  if (bytes.n == 0) return 0;
  return (uint32_t)crc32_z(0, bytes.p, bytes.n);
}

const char *pq_codec_name(pq_codec codec) {
  switch (codec) {
    case PQ_CODEC_NONE: return "UNCOMPRESSED";
    case PQ_CODEC_SNAPPY: return "SNAPPY";
    case PQ_CODEC_GZIP: return "GZIP";
    case PQ_CODEC_LZO: return "LZO";
    case PQ_CODEC_BROTLI: return "BROTLI";
    case PQ_CODEC_LZ4: return "LZ4";
    case PQ_CODEC_ZSTD: return "ZSTD";
    case PQ_CODEC_LZ4_RAW: return "LZ4_RAW";
  }
  return "unknown";
}
