/* test/server/test_http_coding.c - what a client accepts; bodies packed and unpacked in pieces of
 * every size, damaged, too long; with each allocation failing. */
#include "server/http_coding.h"

#include "unit.h"

static const pq_http_limits limits = {
    .head_len_max = 4000, .target_len_max = 2000, .body_len_max = 10000};
static const pq_http_coding codings[] = {PQ_HTTP_GZIP, PQ_HTTP_ZSTD};

static pq_cx cx;

static void read_head(const char *fields, pq_http_head *h) {
  static char text[1000];
  int status;
  snprintf(text, sizeof text, "GET / HTTP/1.1\r\nHost: a\r\n%s\r\n", fields);
  CHECK(pq_http_read(&cx, pq_str(text), &limits, h, &status) == PQ_OK);
}

static void test_names(void) {
  static const struct {
    const char *fields;
    pq_http_coding wanted;
  } cases[] = {{"", PQ_HTTP_IDENTITY},
               {"Accept-Encoding: gzip\r\n", PQ_HTTP_GZIP},
               {"Accept-Encoding: gzip, deflate, br, zstd\r\n", PQ_HTTP_ZSTD},
               {"Accept-Encoding: gzip;q=0.9, zstd;q=0.8\r\n", PQ_HTTP_GZIP},
               {"Accept-Encoding: gzip;q=0, zstd; q=0.001\r\n", PQ_HTTP_ZSTD},
               {"Accept-Encoding: gzip;q=0\r\n", PQ_HTTP_IDENTITY},
               {"Accept-Encoding: gzip;q=0.5, identity\r\n", PQ_HTTP_IDENTITY},
               {"Accept-Encoding: br\r\nAccept-Encoding: GZIP\r\n", PQ_HTTP_GZIP},
               {"Accept-Encoding: gzip;q=x\r\n", PQ_HTTP_IDENTITY},
               {"Accept-Encoding: *\r\n", PQ_HTTP_IDENTITY}};
  pq_http_head h;
  pq_http_coding coding;
  unit_cx_init(&cx);
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    read_head(cases[i].fields, &h);
    CHECK(pq_http_coding_wanted(&h) == cases[i].wanted);
  }
  read_head("A: b;q=0.5, c;x=1;Q=0.25 , d;q=1.000,e;q=0.1234, f;q=, g;q=2\r\n", &h);
  CHECK(pq_http_quality(&h, "a", "b") == 500 && pq_http_quality(&h, "a", "c") == 250);
  CHECK(pq_http_quality(&h, "a", "d") == 1000 && pq_http_quality(&h, "a", "e") == 123);
  CHECK(pq_http_quality(&h, "a", "g") == 0 && pq_http_quality(&h, "a", "z") == -1);
  CHECK(pq_http_coding_of(&h, &coding) && coding == PQ_HTTP_IDENTITY);
  read_head("Content-Encoding: X-GZip\r\n", &h);
  CHECK(pq_http_coding_of(&h, &coding) && coding == PQ_HTTP_GZIP);
  read_head("Content-Encoding: zstd\r\n", &h);
  CHECK(pq_http_coding_of(&h, &coding) && coding == PQ_HTTP_ZSTD);
  read_head("Content-Encoding: gzip\r\nContent-Encoding: gzip\r\n", &h);
  CHECK(!pq_http_coding_of(&h, &coding));
  read_head("Content-Encoding: gzip, zstd\r\n", &h);
  CHECK(!pq_http_coding_of(&h, &coding));
}

/* `count` parts of a text that is partly random. */
static int pack(pq_http_coding coding, int count, pq_buf *plain, pq_buf *packed) {
  pq_http_packer *p;
  uint32_t random = 1;
  int rc = pq_http_packer_new(&cx, coding, &p);
  for (int i = 0; rc == PQ_OK && i < count; i++) {
    size_t from = plain->len;
    for (int k = 0; rc == PQ_OK && k < 1000; k++) {
      random = random * 1664525 + 1013904223;
      rc = pq_buf_put_byte(plain, k % 3 == 0 ? (uint8_t)(random >> 24) : 'x');
    }
    if (rc == PQ_OK)
      rc = pq_http_pack(p, (pq_slice){plain->p + from, plain->len - from}, i == count - 1, packed);
  }
  pq_http_packer_free(p);
  return rc;
}

static int unpack(pq_http_coding coding, pq_slice packed, size_t step, pq_buf *out,
                  bool *is_whole) {
  pq_http_unpacker *u;
  int rc = pq_http_unpacker_new(&cx, coding, &u);
  for (size_t i = 0; rc == PQ_OK && i < packed.n; i += step)
    rc =
        pq_http_unpack(u, (pq_slice){packed.p + i, packed.n - i < step ? packed.n - i : step}, out);
  *is_whole = rc == PQ_OK && pq_http_unpack_is_whole(u);
  pq_http_unpacker_free(u);
  return rc;
}

static void test_pieces(void) {
  static const size_t steps[] = {1, 7, 512, 100000};
  for (size_t k = 0; k < 2; k++) {
    pq_buf plain, packed, out;
    bool is_whole;
    size_t once;
    unit_cx_init(&cx);
    pq_buf_init(&plain, &cx, 1 << 24);
    pq_buf_init(&packed, &cx, 1 << 24);
    pq_buf_init(&out, &cx, 1 << 24);
    CHECK(pack(codings[k], 100, &plain, &packed) == PQ_OK && packed.len < plain.len);
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
      pq_buf_clear(&out);
      CHECK(unpack(codings[k], pq_buf_slice(&packed), steps[i], &out, &is_whole) == PQ_OK);
      CHECK(is_whole && pq_slice_eq(pq_buf_slice(&out), pq_buf_slice(&plain)));
    }
    for (size_t cut = 0; cut < packed.len; cut += 997) { /* it ends too early */
      pq_buf_clear(&out);
      CHECK(unpack(codings[k], (pq_slice){packed.p, cut}, 512, &out, &is_whole) == PQ_OK);
      CHECK(!is_whole && memcmp(out.p, plain.p, out.len) == 0);
    }
    once = packed.len; /* twice is twice as long */
    CHECK(pq_buf_reserve(&packed, once) == PQ_OK);
    CHECK(pq_buf_put(&packed, packed.p, once) == PQ_OK);
    pq_buf_clear(&out);
    CHECK(unpack(codings[k], pq_buf_slice(&packed), 512, &out, &is_whole) == PQ_OK && is_whole);
    CHECK(out.len == plain.len * 2);
    packed.p[0] ^= 1;
    CHECK(unpack(codings[k], pq_buf_slice(&packed), 512, &out, &is_whole) == PQ_EINVALID);
    pq_buf_release(&plain);
    pq_buf_release(&packed);
    pq_buf_release(&out);
    CHECK(unit_live_len == 0);
  }
}

/* 50 MB of nothing into a buffer of a megabyte. */
static void test_limit(void) {
  for (size_t k = 0; k < 2; k++) {
    static uint8_t nothing[1 << 20];
    pq_http_packer *p;
    pq_buf packed, out;
    bool is_whole;
    unit_cx_init(&cx);
    pq_buf_init(&packed, &cx, 1 << 24);
    pq_buf_init(&out, &cx, 1 << 20);
    CHECK(pq_http_packer_new(&cx, codings[k], &p) == PQ_OK);
    for (int i = 0; i < 50; i++)
      CHECK(pq_http_pack(p, (pq_slice){nothing, sizeof nothing}, i == 49, &packed) == PQ_OK);
    pq_http_packer_free(p);
    CHECK(unpack(codings[k], pq_buf_slice(&packed), 512, &out, &is_whole) == PQ_ELIMIT);
    CHECK(out.len <= 1 << 20);
    pq_buf_release(&packed);
    pq_buf_release(&out);
  }
}

static void test_memory(void) {
  for (size_t k = 0; k < 2; k++)
    for (long n = 1, rc; n > 0; n = unit_oom_next(n, (int)rc)) {
      pq_buf plain, packed, out;
      bool is_whole;
      unit_cx_init(&cx);
      unit_fail_at = n;
      pq_buf_init(&plain, &cx, 1 << 20);
      pq_buf_init(&packed, &cx, 1 << 20);
      pq_buf_init(&out, &cx, 1 << 20);
      rc = pack(codings[k], 3, &plain, &packed);
      if (rc == PQ_OK) rc = unpack(codings[k], pq_buf_slice(&packed), 100, &out, &is_whole);
      pq_buf_release(&plain);
      pq_buf_release(&packed);
      pq_buf_release(&out);
    }
}

int main(void) {
  RUN(test_names);
  RUN(test_pieces);
  RUN(test_limit);
  RUN(test_memory);
  return unit_end();
}
