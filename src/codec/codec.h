/* codec/codec.h - compression behind one function, and CRC-32.
 *
 * The numbers are Parquet's CompressionCodec (parquet-format: Compression.md).
 * A codec that is not built in is PQ_EUNSUPPORTED and named; so are LZO, and
 * writing LZ4 (5) and BROTLI.
 */
#ifndef PQ_CODEC_CODEC_H
#define PQ_CODEC_CODEC_H

#include "base/buf.h"

typedef enum pq_codec {
  PQ_CODEC_NONE = 0,
  PQ_CODEC_SNAPPY = 1,
  PQ_CODEC_GZIP = 2,
  PQ_CODEC_LZO = 3,
  PQ_CODEC_BROTLI = 4,
  PQ_CODEC_LZ4 = 5, /* three layouts in the wild; write PQ_CODEC_LZ4_RAW */
  PQ_CODEC_ZSTD = 6,
  PQ_CODEC_LZ4_RAW = 7
} pq_codec;

/* Reusable state of a compressor (zstd contexts are expensive to make). Zeroed
 * is valid. */
typedef struct pq_compressor {
  pq_cx *cx;
  void *zstd; /* owned ZSTD_CCtx, made on first use through pq_alloc */
} pq_compressor;
void pq_compressor_init(pq_compressor *c, pq_cx *cx);
void pq_compressor_release(pq_compressor *c);

/* Append the compressed form of `in` to `out`. `level` is zstd's; gzip takes 1
 * to 9 of it, 0 and above 9 being its default; ignored elsewhere. */
int pq_compress(pq_compressor *c, pq_codec codec, int level, pq_slice in,
                pq_buf *out) PQ_MUST_CHECK;

/* The same for reading: a zstd context costs as much to make as a page to
 * unpack. */
typedef struct pq_decompressor {
  pq_cx *cx;
  void *zstd; /* owned ZSTD_DCtx, made on first use through pq_alloc */
} pq_decompressor;
void pq_decompressor_init(pq_decompressor *d, pq_cx *cx);
void pq_decompressor_release(pq_decompressor *d);

/* Decompress `in` into exactly `out_len` bytes at `out`. Anything else than
 * exactly that many bytes is PQ_ECORRUPT. */
int pq_decompress(pq_decompressor *d, pq_codec codec, pq_slice in, uint8_t *out,
                  size_t out_len) PQ_MUST_CHECK;

/* Is the codec built in for reading? */
bool pq_codec_is_readable(pq_codec codec);

/* The most bytes that `in` can decompress to, by its own headers or by what its
 * format can pack, so that a caller need not believe a stored length before
 * allocating. 0 when the headers are malformed. BROTLI has no such limit:
 * UINT64_MAX. */
uint64_t pq_decompressed_len_max(pq_codec codec, pq_slice in);

/* CRC-32 (polynomial 0x04C11DB7, as gzip and Parquet pages use it). */
uint32_t pq_crc32(pq_slice bytes);
/* The CRC-32 of a message whose first part has the CRC-32 `crc` and whose rest are `bytes`. */
uint32_t pq_crc32_more(uint32_t crc, pq_slice bytes);

const char *pq_codec_name(pq_codec codec);

#endif
