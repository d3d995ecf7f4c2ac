/* test/fuzz/fuzz_coding.c - packed bodies: the same comes of them whatever pieces they come in, and
 * never more than is allowed; what we pack is unpacked. The first byte chooses the coding. */
#include "fuzz.h"

#include "server/http_coding.h"

enum { OUT_MAX = 1 << 20 };

static int unpack(pq_cx *cx, pq_http_coding coding, pq_slice in, size_t step, pq_buf *out,
                  bool *is_whole) {
  pq_http_unpacker *u;
  int rc = PQ_OK;
  FUZZ_CHECK(pq_http_unpacker_new(cx, coding, &u) == PQ_OK);
  while (rc == PQ_OK && in.n > 0) {
    pq_slice part = fuzz_copy(fuzz_cut(&in, step));
    rc = pq_http_unpack(u, part, out);
    free((void *)part.p);
  }
  *is_whole = rc == PQ_OK && pq_http_unpack_is_whole(u);
  pq_http_unpacker_free(u);
  return rc;
}

static void check_pieces(pq_cx *cx, pq_http_coding coding, pq_slice in, size_t step) {
  pq_buf one, many;
  bool is_one, is_many;
  int rc_one, rc_many;
  pq_buf_init(&one, cx, OUT_MAX);
  pq_buf_init(&many, cx, OUT_MAX);
  rc_one = unpack(cx, coding, in, PQ_HTTP_UNPACK_LEN, &one, &is_one);
  rc_many = unpack(cx, coding, in, step, &many, &is_many);
  FUZZ_CHECK(one.len <= OUT_MAX && many.len <= OUT_MAX);
  /* What is damaged and cut off may be seen sooner or later: refused it is, either way. */
  FUZZ_CHECK(rc_one == PQ_OK || !is_one);
  FUZZ_CHECK(rc_many == PQ_OK || !is_many);
  FUZZ_CHECK(is_one == is_many);
  if (is_one) FUZZ_CHECK(pq_slice_eq(pq_buf_slice(&one), pq_buf_slice(&many)));
  pq_buf_release(&one);
  pq_buf_release(&many);
}

static void check_packing(pq_cx *cx, pq_http_coding coding, pq_slice plain, size_t step) {
  pq_slice rest = plain;
  pq_http_packer *p;
  pq_buf packed, out;
  bool is_whole;
  pq_buf_init(&packed, cx, 1 << 24);
  pq_buf_init(&out, cx, OUT_MAX);
  FUZZ_CHECK(pq_http_packer_new(cx, coding, &p) == PQ_OK);
  for (int i = 0; i < 8 && rest.n > 0; i++)
    FUZZ_CHECK(pq_http_pack(p, fuzz_cut(&rest, step), false, &packed) == PQ_OK);
  FUZZ_CHECK(pq_http_pack(p, rest, true, &packed) == PQ_OK);
  pq_http_packer_free(p);
  FUZZ_CHECK(unpack(cx, coding, pq_buf_slice(&packed), PQ_HTTP_UNPACK_LEN, &out, &is_whole) ==
             PQ_OK);
  FUZZ_CHECK(is_whole && pq_slice_eq(pq_buf_slice(&out), plain));
  pq_buf_release(&packed);
  pq_buf_release(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  pq_slice in = {data, size};
  uint8_t choice = fuzz_byte(&in);
  pq_http_coding coding = choice % 2 == 0 ? PQ_HTTP_GZIP : PQ_HTTP_ZSTD;
  pq_cx cx;
  fuzz_cx_init(&cx);
  check_pieces(&cx, coding, in, 1 + choice / 2);
  check_packing(&cx, coding, in, 1 + choice);
  return 0;
}
