/* test/server/test_http_message.c - requests whole, in bytes, pipelined and smuggled. */
#include "server/http_message.h"

#include "unit.h"

static const pq_http_limits limits = {
    .head_len_max = 2000, .target_len_max = 100, .body_len_max = 1000};

static pq_cx cx;
static pq_http_head head;

/* The status that a head gets; 0: accepted. */
static int status_of(const char *text) {
  pq_slice bytes = pq_str(text);
  size_t len;
  int status = 0, rc = pq_http_measure(&cx, bytes, &limits, &len, &status);
  if (rc == PQ_OK && len == 0) return -1;
  if (rc == PQ_OK) rc = pq_http_read(&cx, (pq_slice){bytes.p, len}, &limits, &head, &status);
  return rc == PQ_OK ? 0 : status;
}

#define REQUEST(line) line " HTTP/1.1\r\nHost: a\r\n\r\n"
#define POST(fields) "POST / HTTP/1.1\r\nHost: a\r\n" fields "\r\n"

static void test_heads(void) {
  pq_slice v;
  unit_cx_init(&cx);
  CHECK(status_of("GET /a%20b?x=1&y HTTP/1.1\r\nHost: here:80\r\nX-One:  two\t\r\n\r\n") == 0);
  CHECK(pq_slice_is(head.method, "GET") && pq_slice_is(head.path, "/a%20b"));
  CHECK(pq_slice_is(head.query, "x=1&y") && pq_slice_is(head.host, "here:80"));
  CHECK(head.keeps_alive && head.minor == 1 && head.content_len == 0 && !head.is_chunked);
  CHECK(pq_http_field_get(&head, "x-one", &v) && pq_slice_is(v, "two"));
  CHECK(!pq_http_field_get(&head, "x-two", &v) && v.n == 0);
  CHECK(status_of("\r\n" REQUEST("GET /")) == 0);
  CHECK(status_of("\r\n\r\n" REQUEST("GET /")) == 0);
  CHECK(status_of("\r\n\r\n\r\n" REQUEST("GET /")) == 400);
  CHECK(status_of("GET / HTTP/1.1\r\nHost: a\r\n") == -1);
  CHECK(status_of("GET / HTTP/1.0\r\n\r\n") == 0 && !head.keeps_alive);
  CHECK(status_of("GET / HTTP/1.0\r\nConnection: x, Keep-Alive\r\n\r\n") == 0 && head.keeps_alive);
  CHECK(status_of("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n") == 0);
  CHECK(!head.keeps_alive);
  CHECK(status_of(REQUEST("GET http://b:1/c?d")) == 0 && pq_slice_is(head.host, "b:1"));
  CHECK(pq_slice_is(head.path, "/c") && pq_slice_is(head.query, "d"));
  CHECK(status_of(REQUEST("GET http://b")) == 0 && pq_slice_is(head.path, "/"));
  CHECK(status_of(REQUEST("OPTIONS *")) == 0);
  CHECK(status_of(POST("Expect: 100-continue\r\nContent-Length: 5\r\n")) == 0);
  CHECK(head.expects_continue && head.content_len == 5);
  CHECK(status_of(POST("Accept: a;q=1, b ; q=0\r\nAccept: c\r\n")) == 0);
  CHECK(pq_http_has_token(&head, "accept", "B") && pq_http_has_token(&head, "accept", "c"));
  CHECK(!pq_http_has_token(&head, "accept", "q") && !pq_http_has_token(&head, "accept", ""));
}

static void test_refused(void) {
  unit_cx_init(&cx);
  CHECK(status_of("GET / HTTP/1.1\nHost: a\n\n") == 400);
  CHECK(status_of("GET /\r\n\r\n") == 400);
  CHECK(status_of("GET  / HTTP/1.1\r\nHost: a\r\n\r\n") == 400);
  CHECK(status_of("GET / HTTP/1.1 \r\nHost: a\r\n\r\n") == 400);
  CHECK(status_of("GET / HTTP/2.0\r\nHost: a\r\n\r\n") == 505);
  CHECK(status_of("GET / HTTP/1.2\r\nHost: a\r\n\r\n") == 505);
  CHECK(status_of("G(T / HTTP/1.1\r\nHost: a\r\n\r\n") == 400);
  CHECK(status_of("GET a HTTP/1.1\r\nHost: a\r\n\r\n") == 400);
  CHECK(status_of("GET /\x80 HTTP/1.1\r\nHost: a\r\n\r\n") == 400);
  CHECK(status_of("GET /#a HTTP/1.1\r\nHost: a\r\n\r\n") == 400);
  CHECK(status_of("GET / HTTP/1.1\r\n\r\n") == 400);
  CHECK(status_of("GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n") == 400);
  CHECK(status_of("GET / HTTP/1.1\r\n Host: a\r\n\r\n") == 400);
  CHECK(status_of("GET / HTTP/1.1\r\nHost: a\r\nX: 1\r\n 2\r\n\r\n") == 400);
  CHECK(status_of("GET / HTTP/1.1\r\nHost : a\r\n\r\n") == 400);
  CHECK(status_of("GET / HTTP/1.1\r\nHost: a\r\nX: \x01\r\n\r\n") == 400);
  CHECK(status_of("GET / HTTP/1.1\r\nHost: a\rX: 1\r\n\r\n") == 400);
  CHECK(status_of("GET / HTTP/1.1\r\nHost: a\r\nX\r\n\r\n") == 400);
  CHECK(status_of("GET / HTTP/1.1\r\nHost: a\r\n: x\r\n\r\n") == 400);
  CHECK(status_of(POST("Expect: miracles\r\n")) == 417);
}

static void test_smuggling(void) {
  unit_cx_init(&cx);
  CHECK(status_of(POST("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n")) == 400);
  CHECK(status_of(POST("Content-Length: 5\r\nContent-Length: 5\r\n")) == 400);
  CHECK(status_of(POST("Content-Length: 5, 5\r\n")) == 400);
  CHECK(status_of(POST("Content-Length: +5\r\n")) == 400);
  CHECK(status_of(POST("Content-Length: 0x5\r\n")) == 400);
  CHECK(status_of(POST("Content-Length: \r\n")) == 400);
  CHECK(status_of(POST("Content-Length: 99999999999999999999\r\n")) == 400);
  CHECK(status_of(POST("Transfer-Encoding: chunked, chunked\r\n")) == 501);
  CHECK(status_of(POST("Transfer-Encoding: gzip, chunked\r\n")) == 501);
  CHECK(status_of(POST("Transfer-Encoding: chunked\r\nTransfer-Encoding: x\r\n")) == 501);
  CHECK(status_of(POST("Transfer-Encoding: xchunked\r\n")) == 501);
  CHECK(status_of(POST("Transfer-Encoding : chunked\r\n")) == 400);
  CHECK(status_of("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n") == 400);
  CHECK(status_of(POST("Transfer-Encoding: Chunked\r\n")) == 0 && head.is_chunked);
}

static void test_limits(void) {
  char text[8000];
  size_t n;
  unit_cx_init(&cx);
  memset(text, 'a', sizeof text);
  memcpy(text, "GET /", 5);
  text[300] = '\0';
  CHECK(status_of(text) == 414); /* before its line has ended */
  memcpy(text + 106, " HTTP/1.1\r\nHost: a\r\n\r\n", 23);
  CHECK(status_of(text) == 414);
  memcpy(text, "GET / HTTP/1.1\r\nHost: ", 22);
  memset(text + 22, 'a', 4000);
  text[4000] = '\0';
  CHECK(status_of(text) == 431);
  n = (size_t)snprintf(text, sizeof text, "GET / HTTP/1.1\r\nHost: a\r\n");
  for (int i = 0; i < PQ_HTTP_FIELDS_MAX; i++)
    n += (size_t)snprintf(text + n, sizeof text - n, "a: b\r\n");
  snprintf(text + n, sizeof text - n, "\r\n");
  CHECK(status_of(text) == 431);
}

/* The data of a chunked body in `out`; the status that it gets, 0: accepted, -1: unfinished. */
static int chunks(const char *text, char *out, size_t step) {
  pq_http_head h = {.is_chunked = true};
  pq_http_body b;
  size_t n = strlen(text), seen = 0, used = 0, len = 0;
  int status = 0;
  pq_http_body_begin(&b, &h, limits.body_len_max);
  while (!b.is_done && seen < n) {
    pq_slice part, data;
    seen = n - seen > step ? seen + step : n;
    part = (pq_slice){(const uint8_t *)text + used, seen - used};
    do {
      if (pq_http_body_next(&cx, &b, &part, &data, &status) != PQ_OK) return status;
      if (data.n > 0) memcpy(out + len, data.p, data.n);
      len += data.n;
    } while (data.n > 0);
    used = (size_t)((const char *)part.p - text);
  }
  out[len] = '\0';
  return b.is_done ? 0 : -1;
}

static void test_chunks(void) {
  char out[2000];
  char large[1200];
  unit_cx_init(&cx);
  for (size_t step = 1; step < 40; step++) {
    CHECK(chunks("5\r\nhello\r\n1;a=b\r\n \r\n00A\r\n0123456789\r\n0\r\nX: y\r\n\r\n", out, step) ==
          0);
    CHECK(strcmp(out, "hello 0123456789") == 0);
    CHECK(chunks("0\r\n\r\n", out, step) == 0 && out[0] == '\0');
    CHECK(chunks("3\r\nabcd\r\n0\r\n\r\n", out, step) == 400);
    CHECK(chunks("3\nabc\r\n0\r\n\r\n", out, step) == 400);
    CHECK(chunks("-3\r\nabc\r\n", out, step) == 400);
    CHECK(chunks("\r\nabc\r\n", out, step) == 400);
    CHECK(chunks("3 \r\nabc\r\n", out, step) == 400);
    CHECK(chunks("ffffffffffffffff\r\nabc", out, step) == 413);
    CHECK(chunks("fffffffffffffff\r\nabc", out, step) == 413);
    CHECK(chunks("3\r\nabc\r\n", out, step) == -1);
  }
  memset(large, 'a', sizeof large);
  large[0] = '1';
  large[1] = ';';
  large[1000] = '\0';
  CHECK(chunks(large, out, 2000) == 400);
  CHECK(chunks("3e9\r\n", out, 9) == -1);
  CHECK(chunks("3e9\r\nabc", out, 9) == 413);
}

static bool unescapes(const char *text, bool is_query, const char *want) {
  uint8_t out[200];
  size_t len;
  bool is_good = pq_http_unescape(pq_str(text), is_query, out, &len);
  return want == NULL ? !is_good : is_good && pq_slice_is((pq_slice){out, len}, want);
}

static void test_targets(void) {
  pq_slice query = PQ_SLICE("a=1&&b&=c&d=e=f"), name, value;
  pq_buf out;
  unit_cx_init(&cx);
  CHECK(unescapes("a%20b+c%2f", true, "a b c/") && unescapes("a+b", false, "a+b"));
  CHECK(unescapes("%C3%a4", false, "\xc3\xa4") && unescapes("", false, ""));
  CHECK(unescapes("%", false, NULL) && unescapes("%2", false, NULL));
  CHECK(unescapes("%zz", false, NULL) && unescapes("%00", false, NULL));
  CHECK(unescapes("%ff", false, NULL) && unescapes("%ed%a0%80", false, NULL));
  CHECK(pq_http_next_pair(&query, &name, &value) && pq_slice_is(name, "a") && value.n == 1);
  CHECK(pq_http_next_pair(&query, &name, &value) && pq_slice_is(name, "b") && value.n == 0);
  CHECK(pq_http_next_pair(&query, &name, &value) && name.n == 0 && pq_slice_is(value, "c"));
  CHECK(pq_http_next_pair(&query, &name, &value) && pq_slice_is(value, "e=f"));
  CHECK(!pq_http_next_pair(&query, &name, &value));
  pq_buf_init(&out, &cx, 1000);
  CHECK(pq_http_escape(&out, PQ_SLICE("a b/~\xc3\xa4%")) == PQ_OK);
  CHECK(pq_slice_is(pq_buf_slice(&out), "a%20b%2F~%C3%A4%25"));
  pq_buf_release(&out);
  CHECK(unit_live_len == 0);
}

static void test_answers(void) {
  char date[32];
  pq_buf out;
  unit_cx_init(&cx);
  pq_buf_init(&out, &cx, 100);
  CHECK(pq_http_put_chunk(&out, PQ_SLICE("")) == PQ_OK && out.len == 0);
  CHECK(pq_http_put_chunk(&out, PQ_SLICE("0123456789abcdefg")) == PQ_OK);
  CHECK(pq_http_put_last_chunk(&out) == PQ_OK);
  CHECK(pq_slice_is(pq_buf_slice(&out), "11\r\n0123456789abcdefg\r\n0\r\n\r\n"));
  pq_buf_release(&out);
  pq_http_date(784111777, date);
  CHECK(strcmp(date, "Sun, 06 Nov 1994 08:49:37 GMT") == 0);
  CHECK(strcmp(pq_http_reason(404), "Not Found") == 0 && pq_http_reason(299)[0] == '\0');
}

int main(void) {
  RUN(test_heads);
  RUN(test_refused);
  RUN(test_smuggling);
  RUN(test_limits);
  RUN(test_chunks);
  RUN(test_targets);
  RUN(test_answers);
  return unit_end();
}
