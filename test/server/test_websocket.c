/* test/server/test_websocket.c - the handshake of RFC 6455, frames whole and in bytes, and those
 * that are refused. */
#include "server/websocket.h"

#include "unit.h"

enum { CAP = 8192 };

static pq_cx cx;
static char taken[CAP];
static size_t taken_len;
static uint32_t taken_count;
static int answer_rc;

static int take(void *ud, pq_slice text) {
  (void)ud;
  CHECK(text.n <= CAP - taken_len);
  memcpy(taken + taken_len, text.p, text.n);
  taken_len += text.n;
  taken_count++;
  return answer_rc;
}

static pq_websocket *open_one(void) {
  pq_websocket_options o = {.cx = &cx, .message_max = 1000, .message = take};
  pq_websocket *w;
  taken_len = taken_count = 0;
  answer_rc = PQ_OK;
  CHECK(pq_websocket_new(&o, &w) == PQ_OK);
  return w;
}

/* A frame of a client: masked, unless `mask` is 0. */
static pq_slice frame(uint8_t *out, uint8_t first, const char *text, size_t n, uint8_t mask) {
  size_t at = 2;
  out[0] = first;
  out[1] = (uint8_t)((mask != 0 ? 128 : 0) | (n < 126 ? n : 126));
  if (n >= 126) {
    out[at++] = (uint8_t)(n >> 8);
    out[at++] = (uint8_t)n;
  }
  for (int i = 0; mask != 0 && i < 4; i++)
    out[at++] = mask;
  for (size_t i = 0; i < n; i++)
    out[at + i] = (uint8_t)text[i] ^ mask;
  return (pq_slice){out, at + n};
}

static int receive(pq_websocket *w, uint8_t first, const char *text, size_t n, uint8_t mask) {
  uint8_t bytes[CAP];
  return pq_websocket_receive(w, frame(bytes, first, text, n, mask));
}

/* The code of the close frame that went out; 0: none did. */
static int close_code(pq_websocket *w) {
  const pq_buf *out = pq_websocket_out(w);
  for (size_t i = 0; i + 4 <= out->len;) {
    if (out->p[i] == 0x88) return out->p[i + 2] << 8 | out->p[i + 3];
    i += 2u + out->p[i + 1];
  }
  return 0;
}

static void test_accept(void) {
  char out[32];
  CHECK(pq_websocket_accept(PQ_SLICE("dGhlIHNhbXBsZSBub25jZQ=="), out));
  CHECK(strcmp(out, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=") == 0); /* RFC 6455, 1.3 */
  CHECK(!pq_websocket_accept(PQ_SLICE(""), out));
  CHECK(!pq_websocket_accept(PQ_SLICE("dGhlIHNhbXBsZSBub25jZQ=x"), out));
  CHECK(!pq_websocket_accept(PQ_SLICE("!!hlIHNhbXBsZSBub25jZQ=="), out));
}

static void test_messages(void) {
  pq_websocket *w;
  uint8_t bytes[CAP];
  pq_slice s;
  unit_cx_init(&cx);
  w = open_one();
  CHECK(receive(w, 0x81, "hello", 5, 7) == PQ_OK && taken_count == 1 && taken_len == 5);
  CHECK(receive(w, 0x01, "one ", 4, 9) == PQ_OK && receive(w, 0x89, "?", 1, 9) == PQ_OK);
  CHECK(receive(w, 0x80, "two", 3, 9) == PQ_OK && taken_count == 2);
  CHECK(memcmp(taken, "helloone two", 12) == 0);
  CHECK(pq_websocket_out(w)->len == 3 && pq_websocket_out(w)->p[0] == 0x8a); /* pong */
  s = frame(bytes, 0x81, "in single bytes", 15, 200);
  for (size_t i = 0; i < s.n; i++)
    CHECK(pq_websocket_receive(w, (pq_slice){s.p + i, 1}) == PQ_OK);
  CHECK(taken_count == 3 && taken_len == 27);
  pq_buf_clear(pq_websocket_out(w));
  CHECK(pq_websocket_send(w, PQ_SLICE("ok")) == PQ_OK);
  CHECK(pq_slice_is(pq_buf_slice(pq_websocket_out(w)), "\x81\x02ok"));
  CHECK(receive(w, 0x88, "\x03\xe8", 2, 5) == PQ_OK && close_code(w) == 1000);
  CHECK(pq_websocket_is_over(w));
  pq_buf_clear(pq_websocket_out(w));
  CHECK(pq_websocket_send(w, PQ_SLICE("late")) == PQ_OK && pq_websocket_out(w)->len == 0);
  pq_websocket_free(w);
  CHECK(unit_live_len == 0);
}

static void check_refused(uint8_t first, const char *text, size_t n, uint8_t mask, int code) {
  pq_websocket *w = open_one();
  CHECK(receive(w, first, text, n, mask) == PQ_OK);
  CHECK(close_code(w) == code && pq_websocket_is_over(w) && taken_count == 0);
  pq_websocket_free(w);
}

static void test_refused(void) {
  char large[1100];
  pq_websocket *w;
  unit_cx_init(&cx);
  memset(large, 'x', sizeof large);
  check_refused(0x81, "bare", 4, 0, 1002);           /* not masked */
  check_refused(0xc1, "bits", 4, 7, 1002);           /* a reserved bit */
  check_refused(0x83, "kind", 4, 7, 1002);           /* an unknown kind */
  check_refused(0x80, "alone", 5, 7, 1002);          /* nothing to continue */
  check_refused(0x09, "cut", 3, 7, 0);               /* a ping in fragments: no code is told */
  check_refused(0x81, "\xff\xfe", 2, 7, 1007);       /* no UTF-8 */
  check_refused(0x81, large, sizeof large, 7, 1009); /* too long */
  check_refused(0x82, "bytes", 5, 7, 1003);          /* binary */
  w = open_one();
  CHECK(receive(w, 0x01, large, 900, 7) == PQ_OK && receive(w, 0x80, large, 200, 7) == PQ_OK);
  CHECK(close_code(w) == 1009 && taken_count == 0);
  pq_websocket_free(w);
  w = open_one();
  answer_rc = PQ_EINVALID;
  CHECK(receive(w, 0x81, "no", 2, 7) == PQ_EINVALID);
  CHECK(pq_websocket_close(w, PQ_WEBSOCKET_ERROR, "it is bad") == PQ_OK && close_code(w) == 1011);
  pq_websocket_free(w);
  CHECK(unit_live_len == 0);
}

int main(void) {
  RUN(test_accept);
  RUN(test_messages);
  RUN(test_refused);
  return unit_end();
}
