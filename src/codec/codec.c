/* codec/codec.c - see codec.h. Chooses the library; memory for them.
 *
 *   | size:8 | pad:8 | bytes for the library … |     pq_alloc wants exact old
 * sizes, they keep none: ^ pq_alloc's block ^ what the library sees       a
 * header of 16 bytes remembers them
 */
#include "codec/codec_int.h"

enum { HEADER_LEN = 16, GZIP_RATIO_MAX = 1032, LZ4_RATIO_MAX = 255 };

void *pq_codec_alloc(void *cx, size_t len) {
  size_t total;
  uint8_t *p;
  if (!pq_add_size(len, HEADER_LEN, &total)) return NULL;
  p = pq_alloc(cx, NULL, 0, total);
  if (p == NULL) return NULL;
  memcpy(p, &total, sizeof total);
  return p + HEADER_LEN;
}

void pq_codec_free(void *cx, void *ptr) {
  uint8_t *p = ptr;
  size_t total;
  if (p == NULL) return;
  p -= HEADER_LEN;
  memcpy(&total, p, sizeof total);
  pq_alloc(cx, p, total, 0);
}

int pq_codec_corrupt(pq_cx *cx, pq_codec codec, const char *what) {
  return pq_fail(cx, PQ_ECORRUPT, "%s data: %s", pq_codec_name(codec), what);
}

void pq_compressor_init(pq_compressor *c, pq_cx *cx) {
  *c = (pq_compressor){.cx = cx};
}

void pq_compressor_release(pq_compressor *c) {
#if PQ_HAVE_ZSTD
  pq_zstd_release(c->zstd, NULL);
#endif
  *c = (pq_compressor){0};
}

void pq_decompressor_init(pq_decompressor *d, pq_cx *cx) {
  *d = (pq_decompressor){.cx = cx};
}

void pq_decompressor_release(pq_decompressor *d) {
#if PQ_HAVE_ZSTD
  pq_zstd_release(NULL, d->zstd);
#endif
  *d = (pq_decompressor){0};
}

static int unsupported(pq_cx *cx, pq_codec codec) {
  return pq_fail(cx, PQ_EUNSUPPORTED, "codec %s (%d) is not built in", pq_codec_name(codec),
                 (int)codec);
}

int pq_compress(pq_compressor *c, pq_codec codec, int level, pq_slice in, pq_buf *out) {
  (void)level; /* used by some of them */
  if (c->cx == NULL) c->cx = out->cx;
  if (codec == PQ_CODEC_NONE) return pq_buf_put_slice(out, in);
  if (in.n > INT32_MAX)
    return pq_fail(c->cx, PQ_ELIMIT, "%zu bytes are too many for %s", in.n, pq_codec_name(codec));
  switch (codec) {
#if PQ_HAVE_ZSTD
    case PQ_CODEC_ZSTD: return pq_zstd_compress(c, level, in, out);
#endif
#if PQ_HAVE_SNAPPY
    case PQ_CODEC_SNAPPY: return pq_snappy_compress(in, out);
#endif
#if PQ_HAVE_LZ4
    case PQ_CODEC_LZ4_RAW: return pq_lz4_compress(in, out);
#endif
#if PQ_HAVE_ZLIB
    case PQ_CODEC_GZIP: return pq_gzip_compress(c->cx, level, in, out);
#endif
    case PQ_CODEC_LZ4:
    case PQ_CODEC_BROTLI:
      return pq_fail(c->cx, PQ_EUNSUPPORTED, "codec %s is only read", pq_codec_name(codec));
    default: return unsupported(c->cx, codec);
  }
}

uint64_t pq_decompressed_len_max(pq_codec codec, pq_slice in) {
  switch (codec) {
#if PQ_HAVE_ZSTD
    case PQ_CODEC_ZSTD: return pq_zstd_len_max(in);
#endif
#if PQ_HAVE_SNAPPY
    case PQ_CODEC_SNAPPY: return pq_snappy_len_max(in);
#endif
    case PQ_CODEC_GZIP: return (uint64_t)in.n * GZIP_RATIO_MAX;
    case PQ_CODEC_LZ4:
    case PQ_CODEC_LZ4_RAW: return (uint64_t)in.n * LZ4_RATIO_MAX;
    case PQ_CODEC_BROTLI: return UINT64_MAX;
    default: return in.n;
  }
}

static int decompress(pq_decompressor *d, pq_codec codec, pq_slice in, pq_room out) {
  (void)in; /* used by some of them */
  (void)out;
  switch (codec) {
#if PQ_HAVE_ZSTD
    case PQ_CODEC_ZSTD: return pq_zstd_decompress(d, in, out);
#endif
#if PQ_HAVE_SNAPPY
    case PQ_CODEC_SNAPPY: return pq_snappy_decompress(d->cx, in, out);
#endif
#if PQ_HAVE_LZ4
    case PQ_CODEC_LZ4: return pq_lz4_any_decompress(d->cx, in, out);
    case PQ_CODEC_LZ4_RAW: return pq_lz4_decompress(d->cx, in, out);
#endif
#if PQ_HAVE_ZLIB
    case PQ_CODEC_GZIP: return pq_gzip_decompress(d->cx, in, out);
#endif
#if PQ_HAVE_BROTLI
    case PQ_CODEC_BROTLI: return pq_brotli_decompress(d->cx, in, out);
#endif
    default: return unsupported(d->cx, codec);
  }
}

int pq_decompress(pq_decompressor *d, pq_codec codec, pq_slice in, uint8_t *out, size_t out_len) {
  if (codec != PQ_CODEC_NONE) {
    if (in.n > INT32_MAX || out_len > INT32_MAX)
      return pq_fail(d->cx, PQ_ELIMIT, "%zu bytes are too many for %s",
                     in.n > out_len ? in.n : out_len, pq_codec_name(codec));
    return decompress(d, codec, in, (pq_room){out, out_len});
  }
  if (in.n != out_len)
    return pq_fail(d->cx, PQ_ECORRUPT, "%zu bytes stored instead of %zu", in.n, out_len);
  if (out_len > 0) memcpy(out, in.p, out_len);
  return PQ_OK;
}

bool pq_codec_is_readable(pq_codec codec) {
  switch (codec) {
    case PQ_CODEC_NONE: return true;
    case PQ_CODEC_ZSTD: return PQ_HAVE_ZSTD != 0;
    case PQ_CODEC_SNAPPY: return PQ_HAVE_SNAPPY != 0;
    case PQ_CODEC_LZ4:
    case PQ_CODEC_LZ4_RAW: return PQ_HAVE_LZ4 != 0;
    case PQ_CODEC_GZIP: return PQ_HAVE_ZLIB != 0;
    case PQ_CODEC_BROTLI: return PQ_HAVE_BROTLI != 0;
    default: return false;
  }
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
