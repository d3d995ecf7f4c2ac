/* Unit tests of log/bulk_record.c: the worked example of doc/formats/batch.md, and what is refused.
 */
#include <stdio.h>
#include <string.h>

#include "codec/codec.h"
#include "log/batch.h"
#include "log/bulk_record.h"
#include "unit.h"

static const char example[] =
    "parquedb-bulk 2 CRC\n"
    "{\"ts\":1000,\"add\":[{\"kind\":\"events\",\"name\":\"events/day=1970-01-01/1-1-ab.parquet\","
    "\"len\":900,\"footerLen\":300,\"rows\":5,\"seqLo\":18,\"seqHi\":22,\"tsLo\":1000,\"tsHi\":"
    "1000},"
    "{\"kind\":\"data\",\"name\":\"data/posts/"
    "1-2-ab.parquet\",\"collection\":\"posts\",\"formSeq\":0,"
    "\"len\":1000,\"footerLen\":300,\"rows\":5,\"idMin\":\"posts/p1\",\"idMax\":\"posts/p5\"}]}\n";

/* The example with `from` replaced by `to`, and its CRC. */
static const char *changed(const char *from, const char *to) {
  static char text[2000], body[1500];
  const char *json = strchr(example, '\n') + 1, *at = strstr(json, from);
  size_t n = (size_t)(at - json);
  pq_slice line;
  CHECK(at != NULL);
  snprintf(body, sizeof body, "%.*s%s%s", (int)n, json, to, at + strlen(from));
  line = (pq_slice){(const uint8_t *)body, strlen(body) - 1};
  snprintf(text, sizeof text, "parquedb-bulk 2 %08x\n%s", (unsigned)pq_crc32(line), body);
  return text;
}

static int parse(const char *text, uint64_t seq_lo, uint64_t seq_hi) {
  pq_cx cx;
  pq_arena arena;
  pq_bulk_record r;
  int rc;
  pq_cx_init(&cx, NULL, NULL);
  pq_arena_init(&arena, &cx, 1 << 20);
  rc = pq_bulk_record_parse(&arena, pq_str(text), seq_lo, seq_hi, &r);
  if (rc != PQ_OK) CHECK(r.file_count == 0 && r.files == NULL);
  pq_arena_release(&arena);
  return rc;
}

static void test_example(void) {
  pq_cx cx;
  pq_arena arena;
  pq_bulk_record r;
  pq_buf out;
  const char *text = changed("1000", "1000");
  pq_cx_init(&cx, NULL, NULL);
  pq_arena_init(&arena, &cx, 1 << 20);
  pq_buf_init(&out, &cx, 1 << 20);
  CHECK(pq_bulk_record_parse(&arena, pq_str(text), 18, 22, &r) == PQ_OK);
  CHECK(r.ts == 1000 && r.file_count == 2 && r.collection_count == 0);
  CHECK(r.files[0].kind == PQ_FILE_EVENTS && r.files[0].seq_hi == 22);
  CHECK(r.files[1].row_count == 5);
  CHECK(pq_bulk_record_print(&r, &out) == PQ_OK);
  CHECK(pq_slice_is(pq_buf_slice(&out), text));
  r.files[1].row_count = 4;
  CHECK(pq_bulk_record_print(&r, &out) == PQ_EINVALID);
  CHECK(pq_slice_is(pq_buf_slice(&out), text)); /* as it was */
  pq_buf_release(&out);
  pq_arena_release(&arena);
}

static void test_refused(void) {
  CHECK(parse(changed("1000", "1000"), 18, 22) == PQ_OK);
  CHECK(parse(changed("1000", "1000"), 18, 23) == PQ_ECORRUPT);
  CHECK(parse(changed("1000", "1000"), 17, 22) == PQ_ECORRUPT);
  CHECK(parse(changed("1000", "1000"), 0, 22) == PQ_ECORRUPT);
  CHECK(parse(changed("\"ts\":1000", "\"ts\":1001"), 18, 22) == PQ_ECORRUPT);
  CHECK(parse(changed("\"rows\":5,\"idMin\"", "\"rows\":6,\"idMin\""), 18, 22) == PQ_ECORRUPT);
  CHECK(parse(changed("\"rows\":5,\"idMin\"", "\"rows\":4,\"idMin\""), 18, 22) == PQ_ECORRUPT);
  CHECK(parse(changed("\"seqHi\":22", "\"seqHi\":21"), 18, 22) == PQ_ECORRUPT);
  CHECK(parse(changed("data/posts/1-2-ab", "data/../1-2-ab"), 18, 22) == PQ_ECORRUPT);
  CHECK(parse(example, 18, 22) == PQ_ECORRUPT);
  CHECK(parse("parquedb-bulk 3 00000000\n{}\n", 18, 22) == PQ_EUNSUPPORTED);
}

/* As the body of a batch: of thousands of events in a few bytes. */
static void test_body(void) {
  const char *text = changed("1000", "1000");
  uint8_t link[PQ_DIGEST_LEN] = {7};
  pq_compressor compressor;
  pq_cx cx;
  pq_buf body, raw;
  uint64_t seq_lo;
  uint32_t count;
  size_t tail = pq_digest_is_there() ? PQ_DIGEST_LEN : 0;
  pq_cx_init(&cx, NULL, NULL);
  pq_compressor_init(&compressor, &cx);
  pq_buf_init(&body, &cx, 1 << 20);
  pq_buf_init(&raw, &cx, 1 << 20);
  CHECK(pq_batch_put_files(&compressor, pq_str(text), 18, 100000, link, &body) == PQ_OK);
  CHECK(pq_batch_has_files(pq_buf_slice(&body)));
  CHECK(pq_batch_has_link(pq_buf_slice(&body)) == (tail > 0));
  CHECK(pq_batch_open(&cx, pq_buf_slice(&body), &raw, &seq_lo, &count) == PQ_OK);
  CHECK(seq_lo == 18 && count == 100000 && raw.len == strlen(text) + tail);
  CHECK(memcmp(raw.p, text, strlen(text)) == 0);
  if (tail > 0) CHECK(memcmp(raw.p + raw.len - tail, link, tail) == 0);
  for (size_t i = 0; i < body.len; i++) { /* a turned bit anywhere */
    pq_buf_clear(&raw);
    body.p[i] ^= 4;
    if (pq_batch_open(&cx, pq_buf_slice(&body), &raw, &seq_lo, &count) == PQ_OK) /* zstd's spare */
      CHECK(seq_lo == 18 && count == 100000 && memcmp(raw.p, text, strlen(text)) == 0);
    body.p[i] ^= 4;
  }
  pq_buf_release(&raw);
  pq_buf_release(&body);
  pq_compressor_release(&compressor);
}

int main(void) {
  RUN(test_example);
  RUN(test_refused);
  RUN(test_body);
  return unit_end();
}
