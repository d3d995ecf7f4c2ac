/* test/server/test_wire.c - messages of every kind, whole, split, compressed and hostile. */
#include "server/wire.h"

#include <zlib.h>

#include "wire_util.h"

enum { OP_QUERY = 2004, OP_COMPRESSED = 2012, OP_MSG = 2013 };

static pq_cx cx;
static pq_wire wire;
static wire_bytes bytes;

static void begin(void) {
  unit_cx_init(&cx);
  pq_wire_init(&wire, &cx);
}

static void end(void) {
  pq_wire_release(&wire);
  CHECK(unit_live_len == 0);
}

static int read_bytes(pq_slice message, pq_wire_message *m) {
  return pq_wire_read(&wire, message, m);
}

/* {ping: 1} between two sequences. */
static pq_slice three_sections(uint32_t flags) {
  wire_begin(&bytes, OP_MSG);
  wire_u32(&bytes, flags);
  wire_sequence(&bytes, "documents", 3);
  wire_u8(&bytes, 0);
  wire_document(&bytes, "ping", 1);
  wire_sequence(&bytes, "updates", 0);
  return wire_end(&bytes);
}

static void check_three(const pq_wire_message *m) {
  pq_slice left = m->sequences[0].documents, one;
  uint32_t count = 0;
  CHECK(m->request_id == 77 && m->body.n == 15 && m->sequence_count == 2);
  CHECK(pq_slice_is(m->sequences[0].name, "documents") && m->sequences[0].count == 3);
  CHECK(pq_slice_is(m->sequences[1].name, "updates") && m->sequences[1].count == 0);
  while (pq_wire_next(&left, &one)) {
    CHECK(one.n == 12 && pq_rd32(one.p + 7) == count);
    count++;
  }
  CHECK(count == 3);
}

static void test_msg(void) {
  pq_wire_message m;
  begin();
  CHECK(read_bytes(three_sections(0), &m) == PQ_OK);
  check_three(&m);
  CHECK(!m.is_silent && !m.allows_exhaust && !m.is_compressed && !m.is_query);
  CHECK(read_bytes(three_sections(2 | 1u << 16), &m) == PQ_OK);
  CHECK(m.is_silent && m.allows_exhaust);
  CHECK(read_bytes(three_sections(1u << 20), &m) == PQ_OK); /* an optional flag */
  CHECK(read_bytes(three_sections(4), &m) == PQ_EINVALID);  /* a required one */
  end();
}

/* What is known from the first n bytes, for every n; and no message cut short is one. */
static void test_split(void) {
  pq_wire_message m;
  pq_slice all = three_sections(0);
  size_t len;
  begin();
  for (size_t n = 0; n <= all.n; n++) {
    uint8_t *copy = malloc(n + 1);
    if (copy == NULL) abort();
    memcpy(copy + 1, all.p, n);
    CHECK(pq_wire_measure(&cx, (pq_slice){copy + 1, n}, &len) == PQ_OK);
    CHECK(len == (n < PQ_WIRE_HEADER_LEN ? 0 : all.n));
    CHECK((read_bytes((pq_slice){copy + 1, n}, &m) == PQ_OK) == (n == all.n));
    if (n >= PQ_WIRE_HEADER_LEN && n < all.n) { /* as if the length were that */
      pq_wr32(copy + 1, (uint32_t)n);
      (void)read_bytes((pq_slice){copy + 1, n}, &m);
    }
    free(copy);
  }
  end();
}

static void test_headers(void) {
  static const struct {
    uint32_t len, opcode;
    int rc;
  } cases[] = {{15, OP_MSG, PQ_EINVALID},         {0, OP_MSG, PQ_EINVALID},
               {0x80000000, OP_MSG, PQ_EINVALID}, {48000001, OP_MSG, PQ_ELIMIT},
               {0x7fffffff, OP_MSG, PQ_ELIMIT},   {48000000, OP_MSG, PQ_OK},
               {100, 1, PQ_EUNSUPPORTED},         {100, 2005, PQ_EUNSUPPORTED}};
  size_t len;
  begin();
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    wire_begin(&bytes, cases[i].opcode);
    pq_wr32(bytes.p, cases[i].len);
    CHECK(pq_wire_measure(&cx, (pq_slice){bytes.p, bytes.n}, &len) == cases[i].rc);
    CHECK(len == (cases[i].rc == PQ_OK ? cases[i].len : 0));
  }
  end();
}

static void test_checksum(void) {
  pq_wire_message m;
  pq_slice all;
  begin();
  CHECK(pq_crc32c(0, PQ_SLICE("123456789")) == 0xe3069283u); /* RFC 3720, B.4 */
  (void)three_sections(1);
  pq_wr32(bytes.p, (uint32_t)bytes.n + 4);
  wire_u32(&bytes, pq_crc32c(0, (pq_slice){bytes.p, bytes.n}));
  all = wire_end(&bytes);
  CHECK(read_bytes(all, &m) == PQ_OK);
  check_three(&m);
  bytes.p[all.n - 6] ^= 1;
  CHECK(read_bytes(all, &m) == PQ_EINVALID);
  CHECK(strstr(cx.msg, "checksum") != NULL && m.body.n == 0);
  wire_begin(&bytes, OP_MSG);
  wire_u32(&bytes, 1);
  CHECK(read_bytes(wire_end(&bytes), &m) == PQ_EINVALID);
  end();
}

static void query(const char *ns, size_t extra) {
  wire_begin(&bytes, OP_QUERY);
  wire_u32(&bytes, 4);
  wire_name(&bytes, ns);
  wire_u32(&bytes, 0);
  wire_u32(&bytes, UINT32_MAX);
  wire_document(&bytes, "ismaster", 1);
  for (size_t i = 0; i < extra; i++)
    wire_u8(&bytes, 0);
}

static void test_query(void) {
  pq_wire_message m;
  begin();
  query("admin.$cmd", 0);
  CHECK(read_bytes(wire_end(&bytes), &m) == PQ_OK);
  CHECK(m.is_query && pq_slice_is(m.ns, "admin.$cmd") && m.body.n == 19);
  wire_document(&bytes, "_id", 1);
  CHECK(read_bytes(wire_end(&bytes), &m) == PQ_OK);
  query("admin.$cmd", 3);
  CHECK(read_bytes(wire_end(&bytes), &m) == PQ_EINVALID);
  wire_begin(&bytes, OP_QUERY);
  for (int i = 0; i < 300; i++)
    wire_u8(&bytes, 'x');
  CHECK(read_bytes(wire_end(&bytes), &m) == PQ_EINVALID);
  end();
}

/* Sections that are wrong in one thing each. */
static void test_sections(void) {
  pq_wire_message m;
  begin();
  wire_begin(&bytes, OP_MSG);
  CHECK(read_bytes(wire_end(&bytes), &m) == PQ_EINVALID); /* no flags */
  wire_u32(&bytes, 0);
  CHECK(read_bytes(wire_end(&bytes), &m) == PQ_EINVALID); /* no section */
  wire_u8(&bytes, 2);
  CHECK(read_bytes(wire_end(&bytes), &m) == PQ_EINVALID); /* of kind 2 */
  bytes.n--;
  wire_sequence(&bytes, "documents", 1);
  CHECK(read_bytes(wire_end(&bytes), &m) == PQ_EINVALID); /* none of kind 0 */
  wire_u8(&bytes, 0);
  wire_document(&bytes, "ping", 1);
  CHECK(read_bytes(wire_end(&bytes), &m) == PQ_OK);
  wire_u8(&bytes, 0);
  wire_document(&bytes, "ping", 1);
  CHECK(read_bytes(wire_end(&bytes), &m) == PQ_EINVALID); /* two */
  (void)three_sections(0);
  wire_sequence(&bytes, "documents", 1);
  CHECK(read_bytes(wire_end(&bytes), &m) == PQ_EINVALID); /* a name twice */
  (void)three_sections(0);
  for (int i = 0; i < 3; i++)
    wire_sequence(&bytes, (const char *[]){"a", "b", "c"}[i], 1);
  CHECK(read_bytes(wire_end(&bytes), &m) == PQ_ELIMIT);
  end();
}

/* Every byte of a message with every bit turned: an answer, and never a step outside. */
static void test_bits(void) {
  pq_wire_message m;
  pq_slice all = three_sections(0);
  begin();
  for (size_t i = 0; i < all.n * 8; i++) {
    uint8_t *copy = malloc(all.n);
    if (copy == NULL) abort();
    memcpy(copy, all.p, all.n);
    copy[i / 8] ^= (uint8_t)(1 << i % 8);
    (void)read_bytes((pq_slice){copy, all.n}, &m);
    free(copy);
  }
  CHECK(read_bytes(all, &m) == PQ_OK);
  end();
}

/* ---- compressed ---- */

/* The message in `inner`, packed with pq_wire's own writer's codecs. */
static pq_slice packed(pq_slice inner, pq_wire_packer packer, uint32_t len) {
  static const pq_codec codecs[] = {PQ_CODEC_NONE, PQ_CODEC_SNAPPY, PQ_CODEC_GZIP, PQ_CODEC_ZSTD};
  static wire_bytes out;
  static uint8_t copy[WIRE_CAP];
  pq_slice rest = {copy, inner.n - PQ_WIRE_HEADER_LEN};
  pq_compressor c;
  pq_buf buf;
  uLongf zlib_len = WIRE_CAP;
  memcpy(copy, inner.p + PQ_WIRE_HEADER_LEN, rest.n);
  pq_compressor_init(&c, &cx);
  pq_buf_init(&buf, &cx, WIRE_CAP);
  CHECK(pq_buf_reserve(&buf, WIRE_CAP) == PQ_OK);
  if (packer == PQ_WIRE_ZLIB) {
    CHECK(compress2(buf.p, &zlib_len, rest.p, rest.n, 6) == Z_OK);
    buf.len = zlib_len;
  } else {
    CHECK(packer == PQ_WIRE_PLAIN ? pq_buf_put_slice(&buf, rest) == PQ_OK
                                  : pq_compress(&c, codecs[packer], 3, rest, &buf) == PQ_OK);
  }
  wire_begin(&out, OP_COMPRESSED);
  wire_u32(&out, pq_rd32(inner.p + 12));
  wire_u32(&out, len == 0 ? (uint32_t)rest.n : len);
  wire_u8(&out, (uint8_t)packer);
  wire_put(&out, buf.p, buf.len);
  pq_buf_release(&buf);
  pq_compressor_release(&c);
  return wire_end(&out);
}

static void test_compressed(void) {
  pq_wire_message m;
  pq_slice all, inner;
  begin();
  for (int k = PQ_WIRE_PLAIN; k <= PQ_WIRE_ZSTD; k++) {
    inner = three_sections(0);
    CHECK(read_bytes(packed(inner, (pq_wire_packer)k, 0), &m) == PQ_OK);
    check_three(&m);
    CHECK(m.is_compressed && (int)m.packer == k);
    /* Other lengths than it has. */
    CHECK(read_bytes(packed(inner, (pq_wire_packer)k, (uint32_t)inner.n), &m) == PQ_EINVALID);
    CHECK(read_bytes(packed(inner, (pq_wire_packer)k, 7), &m) == PQ_EINVALID);
    CHECK(read_bytes(packed(inner, (pq_wire_packer)k, 47999000), &m) == PQ_EINVALID);
    CHECK(read_bytes(packed(inner, (pq_wire_packer)k, 48000000), &m) == PQ_ELIMIT);
    /* Damage is an answer too. */
    all = packed(inner, (pq_wire_packer)k, 0);
    for (size_t i = PQ_WIRE_HEADER_LEN; i < all.n; i++) {
      ((uint8_t *)(uintptr_t)all.p)[i] ^= 0x55;
      (void)read_bytes(all, &m);
      ((uint8_t *)(uintptr_t)all.p)[i] ^= 0x55;
    }
  }
  end();
}

static void test_compressed_forms(void) {
  pq_wire_message m;
  pq_slice all;
  begin();
  query("admin.$cmd", 0);
  CHECK(read_bytes(packed(wire_end(&bytes), PQ_WIRE_SNAPPY, 0), &m) == PQ_OK && m.is_query);
  all = packed(three_sections(0), PQ_WIRE_ZLIB, 0);
  ((uint8_t *)(uintptr_t)all.p)[24] = 4; /* the compressor */
  CHECK(read_bytes(all, &m) == PQ_EUNSUPPORTED);
  ((uint8_t *)(uintptr_t)all.p)[24] = 2;
  pq_wr32((uint8_t *)(uintptr_t)all.p + 16, OP_COMPRESSED); /* nested */
  CHECK(read_bytes(all, &m) == PQ_EUNSUPPORTED);
  end();
}

/* ---- answers ---- */

static void check_answer(const pq_wire_answer *a) {
  pq_wire_message m;
  pq_buf out;
  size_t len;
  pq_buf_init(&out, &cx, 1 << 20);
  CHECK(pq_buf_put_str(&out, "ab") == PQ_OK); /* appends */
  CHECK(pq_wire_reply(&wire, a, &out) == PQ_OK);
  CHECK(memcmp(out.p, "ab", 2) == 0 && pq_rd32(out.p + 2) == out.len - 2);
  CHECK(pq_rd32(out.p + 6) == 5 && pq_rd32(out.p + 10) == 77);
  if (a->is_reply) {
    CHECK(pq_rd32(out.p + 14) == 1 && pq_rd32(out.p + 34) == 1);
    CHECK(memcmp(out.p + 38, a->body.p, a->body.n) == 0 && out.len == 38 + a->body.n);
  } else {
    pq_slice all = {out.p + 2, out.len - 2};
    CHECK(pq_wire_measure(&cx, all, &len) == PQ_OK && len == all.n);
    CHECK(pq_wire_read(&wire, all, &m) == PQ_OK);
    CHECK(m.response_to == 77 && m.is_silent == a->is_followed);
    CHECK(pq_slice_eq(m.body, a->body) && m.is_compressed == a->is_compressed);
    CHECK(m.packer == a->packer && m.has_checksum == a->has_checksum);
  }
  pq_buf_release(&out);
}

static void test_answers(void) {
  wire_bytes body = {.n = 0};
  pq_wire_answer a = {.request_id = 5, .response_to = 77};
  wire_document(&body, "ok", 1);
  a.body = (pq_slice){body.p, body.n};
  begin();
  check_answer(&a);
  a.is_followed = true;
  check_answer(&a);
  a.is_compressed = true;
  for (int k = PQ_WIRE_PLAIN; k <= PQ_WIRE_ZSTD; k++) {
    a.packer = (pq_wire_packer)k;
    a.has_checksum = k % 2 == 0;
    check_answer(&a);
    a.has_checksum = !a.has_checksum;
    check_answer(&a);
  }
  a = (pq_wire_answer){.body = a.body, .request_id = 5, .response_to = 77, .is_reply = true};
  check_answer(&a);
  end();
}

/* An answer that does not fit leaves the buffer as it was. */
static void test_answer_limit(void) {
  uint8_t *large = calloc(1, PQ_WIRE_LEN_MAX);
  pq_wire_answer a = {.body = {large, PQ_WIRE_LEN_MAX}, .request_id = 5};
  pq_buf out;
  if (large == NULL) abort();
  begin();
  pq_buf_init(&out, &cx, (size_t)PQ_WIRE_LEN_MAX + 100);
  CHECK(pq_buf_put_str(&out, "ab") == PQ_OK);
  CHECK(pq_wire_reply(&wire, &a, &out) == PQ_ELIMIT && out.len == 2);
  pq_buf_release(&out);
  end();
  free(large);
}

static void test_out_of_memory(void) {
  for (int k = PQ_WIRE_SNAPPY; k <= PQ_WIRE_ZSTD; k++) {
    static uint8_t copy[WIRE_CAP];
    pq_slice all;
    pq_wire_message m;
    unit_cx_init(&cx);
    all = packed(three_sections(0), (pq_wire_packer)k, 0);
    memcpy(copy, all.p, all.n);
    for (long n = 1, rc; n > 0; n = unit_oom_next(n, (int)rc)) {
      pq_wire_answer a = {.response_to = 77, .is_compressed = true};
      pq_buf out;
      begin();
      unit_fail_at = n;
      pq_buf_init(&out, &cx, 1 << 20);
      rc = read_bytes((pq_slice){copy, all.n}, &m);
      a.packer = (pq_wire_packer)k;
      a.body = PQ_SLICE("\5\0\0\0\0");
      if (rc == PQ_OK) rc = pq_wire_reply(&wire, &a, &out);
      pq_buf_release(&out);
      pq_wire_release(&wire);
    }
  }
}

static void test_names(void) {
  CHECK(pq_wire_packer_of(PQ_SLICE("snappy")) == PQ_WIRE_SNAPPY);
  CHECK(pq_wire_packer_of(PQ_SLICE("zlib")) == PQ_WIRE_ZLIB);
  CHECK(pq_wire_packer_of(PQ_SLICE("zstd")) == PQ_WIRE_ZSTD);
  CHECK(pq_wire_packer_of(PQ_SLICE("none")) == PQ_WIRE_PLAIN);
}

int main(void) {
  RUN(test_msg);
  RUN(test_split);
  RUN(test_headers);
  RUN(test_checksum);
  RUN(test_query);
  RUN(test_sections);
  RUN(test_bits);
  RUN(test_compressed);
  RUN(test_compressed_forms);
  RUN(test_answers);
  RUN(test_answer_limit);
  RUN(test_out_of_memory);
  RUN(test_names);
  return unit_end();
}
