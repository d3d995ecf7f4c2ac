/* codec/brotli_codec.c - Brotli, reading only. */
#include "codec/codec_int.h"

#if PQ_HAVE_BROTLI

#include <brotli/decode.h>

int pq_brotli_decompress(pq_cx *cx, pq_slice in, pq_room out) {
  BrotliDecoderState *b = BrotliDecoderCreateInstance(pq_codec_alloc, pq_codec_free, cx);
  size_t in_left = in.n, out_left = out.n;
  const uint8_t *from = in.p;
  uint8_t *to = out.p;
  BrotliDecoderResult result;
  BrotliDecoderErrorCode error;
  if (b == NULL) return pq_fail_nomem(cx);
  result = BrotliDecoderDecompressStream(b, &in_left, &from, &out_left, &to, NULL);
  error = BrotliDecoderGetErrorCode(b);
  BrotliDecoderDestroyInstance(b);
  if (error <= BROTLI_DECODER_ERROR_ALLOC_CONTEXT_MODES &&
      error >= BROTLI_DECODER_ERROR_ALLOC_BLOCK_TYPE_TREES)
    return pq_fail_nomem(cx);
  if (result == BROTLI_DECODER_RESULT_SUCCESS && in_left == 0 && out_left == 0) return PQ_OK;
  return pq_codec_corrupt(
      cx, PQ_CODEC_BROTLI,
      error < 0 ? BrotliDecoderErrorString(error) : "another length than stated");
}

#endif
