/* codec/codec_int.h - which codecs are built in, and the functions of each, one
 * file per library.
 *
 *     codec.c ──► zstd_codec.c   snappy_codec.c   lz4_codec.c   gzip_codec.c
 * brotli_codec.c
 *
 * CMake sets PQ_HAVE_… to 1 for the libraries it found; a build by hand has
 * zstd and zlib. A codec that is not built in answers PQ_EUNSUPPORTED. Every
 * decompress function writes exactly out.n bytes at out.p or fails; sizes are
 * at most INT32_MAX, checked by the caller.
 */
#ifndef PQ_CODEC_CODEC_INT_H
#define PQ_CODEC_CODEC_INT_H

#include "codec/codec.h"

#ifndef PQ_HAVE_ZSTD
#define PQ_HAVE_ZSTD 1
#endif
#ifndef PQ_HAVE_ZLIB
#define PQ_HAVE_ZLIB 1
#endif
#ifndef PQ_HAVE_SNAPPY
#define PQ_HAVE_SNAPPY 0
#endif
#ifndef PQ_HAVE_LZ4
#define PQ_HAVE_LZ4 0
#endif
#ifndef PQ_HAVE_BROTLI
#define PQ_HAVE_BROTLI 0
#endif

/* Where decompressed bytes go; borrowed. */
typedef struct pq_room {
  uint8_t *p;
  size_t n;
} pq_room;

/* Memory for libraries that do not say how much they give back. `cx` is the
 * pq_cx. */
void *pq_codec_alloc(void *cx, size_t len);
void pq_codec_free(void *cx, void *ptr);

/* "NAME data holds …": the bytes are no such data, or hold another number of
 * bytes. */
int pq_codec_corrupt(pq_cx *cx, pq_codec codec, const char *what);

int pq_zstd_compress(pq_compressor *c, int level, pq_slice in, pq_buf *out) PQ_MUST_CHECK;
int pq_zstd_decompress(pq_decompressor *d, pq_slice in, pq_room out) PQ_MUST_CHECK;
uint64_t pq_zstd_len_max(pq_slice in);
void pq_zstd_release(void *compressor, void *decompressor); /* either may be NULL */

int pq_snappy_compress(pq_slice in, pq_buf *out) PQ_MUST_CHECK;
int pq_snappy_decompress(pq_cx *cx, pq_slice in, pq_room out) PQ_MUST_CHECK;
uint64_t pq_snappy_len_max(pq_slice in);

int pq_lz4_compress(pq_slice in, pq_buf *out) PQ_MUST_CHECK;
int pq_lz4_decompress(pq_cx *cx, pq_slice in, pq_room out) PQ_MUST_CHECK;
/* The codec LZ4 (5): Hadoop's framing, a raw block, or an LZ4 frame. */
int pq_lz4_any_decompress(pq_cx *cx, pq_slice in, pq_room out) PQ_MUST_CHECK;

int pq_gzip_compress(pq_cx *cx, int level, pq_slice in, pq_buf *out) PQ_MUST_CHECK;
int pq_gzip_decompress(pq_cx *cx, pq_slice in, pq_room out) PQ_MUST_CHECK;

int pq_brotli_decompress(pq_cx *cx, pq_slice in, pq_room out) PQ_MUST_CHECK;

#endif
