/* test/fuzz/fuzz_http.c - requests of HTTP/1.1; what is accepted says the same when its bytes come
 * one by one. */
#include "fuzz.h"

#include "server/http_message.h"

static const pq_http_limits limits = {
    .head_len_max = 4096, .target_len_max = 1024, .body_len_max = 1 << 16};

/* The whole body, `step` bytes at a time. Returns how many bytes of `bytes` it took; *sum is made
 * of its data. */
static size_t read_body(pq_cx *cx, const pq_http_head *h, pq_slice bytes, size_t step,
                        uint64_t *sum, int *rc) {
  pq_http_body b;
  pq_slice data;
  size_t used = 0, seen = 0;
  int status = 0;
  pq_http_body_begin(&b, h, limits.body_len_max);
  *sum = 0;
  *rc = PQ_OK;
  while (*rc == PQ_OK && !b.is_done && seen < bytes.n) {
    pq_slice part;
    seen = bytes.n - seen > step ? seen + step : bytes.n;
    part = (pq_slice){bytes.p + used, seen - used};
    do {
      *rc = pq_http_body_next(cx, &b, &part, &data, &status);
      for (size_t i = 0; i < data.n; i++)
        *sum = *sum * 31 + data.p[i];
    } while (*rc == PQ_OK && data.n > 0);
    used = (size_t)(part.p - bytes.p);
  }
  FUZZ_CHECK(*rc == PQ_OK || status >= 400);
  FUZZ_CHECK(b.len <= limits.body_len_max);
  return used;
}

static void check_target(const pq_http_head *h) {
  pq_slice query = h->query, name, value;
  uint8_t *out = malloc(4096);
  size_t len;
  while (pq_http_next_pair(&query, &name, &value)) {
    if (pq_http_unescape(name, true, out, &len)) FUZZ_CHECK(len <= name.n);
    if (pq_http_unescape(value, true, out, &len)) FUZZ_CHECK(len <= value.n);
  }
  if (pq_http_unescape(h->path, false, out, &len)) {
    pq_buf again;
    size_t twice;
    pq_cx cx;
    uint8_t *copy = malloc(4096);
    fuzz_cx_init(&cx);
    pq_buf_init(&again, &cx, 1 << 20);
    FUZZ_CHECK(pq_http_escape(&again, (pq_slice){out, len}) == PQ_OK);
    if (again.len <= 4096) {
      FUZZ_CHECK(pq_http_unescape(pq_buf_slice(&again), false, copy, &twice));
      FUZZ_CHECK(twice == len && memcmp(copy, out, len) == 0);
    }
    pq_buf_release(&again);
    free(copy);
  }
  free(out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  pq_cx cx;
  pq_http_head h;
  pq_slice all = {data, size}, rest;
  size_t len;
  uint64_t one, many;
  int status = 0, rc_one, rc_many;
  fuzz_cx_init(&cx);
  for (int count = 0; count < 20; count++) {
    if (pq_http_measure(&cx, all, &limits, &len, &status) != PQ_OK || len == 0) break;
    if (pq_http_read(&cx, (pq_slice){all.p, len}, &limits, &h, &status) != PQ_OK) break;
    FUZZ_CHECK(h.method.n > 0 && h.path.n > 0);
    check_target(&h);
    rest = (pq_slice){all.p + len, all.n - len};
    len = read_body(&cx, &h, rest, rest.n, &many, &rc_many);
    (void)read_body(&cx, &h, rest, 1, &one, &rc_one);
    FUZZ_CHECK(rc_many == rc_one && (rc_one != PQ_OK || one == many));
    if (rc_many != PQ_OK) break;
    all = (pq_slice){rest.p + len, rest.n - len};
  }
  return 0;
}
