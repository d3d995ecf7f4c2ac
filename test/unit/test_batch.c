/* Unit tests of log/event.c and log/batch.c. */
#include "base/text.h"
#include "log/batch.h"
#include "unit.h"
#include "value/builder.h"

enum { KIND_COUNT = 7, HEADER_LEN = 13 };

typedef struct fixture {
  pq_cx cx;
  pq_arena arena;
  pq_compressor compressor;
  pq_batch_writer writer;
  pq_buf body, raw;
} fixture;

static void setup(fixture *f) {
  pq_arena_init(&f->arena, &f->cx, 1 << 24);
  pq_compressor_init(&f->compressor, &f->cx);
  pq_batch_writer_init(&f->writer, &f->cx);
  pq_buf_init(&f->body, &f->cx, 1 << 24);
  pq_buf_init(&f->raw, &f->cx, 1 << 24);
}

static void teardown(fixture *f) {
  pq_batch_writer_release(&f->writer);
  pq_compressor_release(&f->compressor);
  pq_arena_release(&f->arena);
  pq_buf_release(&f->body);
  pq_buf_release(&f->raw);
}

/* {"<name>": n} */
static int make_document(pq_arena *arena, const char *name, int32_t n, pq_value *out) {
  pq_builder *b;
  int rc;
  PQ_TRY(pq_builder_new(arena->cx, &b));
  rc = pq_builder_begin_object(b);
  if (rc == PQ_OK) rc = pq_builder_key_str(b, name);
  if (rc == PQ_OK) rc = pq_builder_i32(b, n);
  if (rc == PQ_OK) rc = pq_builder_end(b);
  if (rc == PQ_OK) rc = pq_builder_finish(b, arena, out);
  pq_builder_free(b);
  return rc;
}

/* Events of all shapes; `doc` and `other` have different dictionaries. */
static pq_event make_event(uint64_t seq, pq_value doc, pq_value other) {
  pq_event e = {.seq = seq, .ts = 1700000000000000 + (int64_t)(seq / 4) * 17, .version = 1};
  e.target = PQ_TARGET_ENTITY;
  e.op = PQ_EVENT_CREATE;
  e.created_at = e.ts;
  e.id = PQ_SLICE("posts/p1");
  e.type = PQ_SLICE("Post");
  e.actor = e.created_by = seq % 9 < 5 ? PQ_SLICE("users/u1") : (pq_slice){0};
  e.after = doc;
  switch (seq % KIND_COUNT) {
    case 0: e.after = other; break;
    case 1:
      e.op = PQ_EVENT_UPDATE;
      e.version = 300;
      e.prev = seq - 1;
      e.created_at = e.ts - 5;
      e.created_by = PQ_SLICE("users/u2");
      e.where_file = PQ_SLICE("data/posts/1-1-ab.parquet");
      e.where_row = 123456;
      break;
    case 2:
      e.op = PQ_EVENT_DELETE;
      e.after = (pq_value){0};
      e.txn = seq;
      e.metadata = other;
      break;
    case 3:
    case 4:
      e.target = PQ_TARGET_REL;
      e.type = (pq_slice){0};
      e.predicate = PQ_SLICE("author");
      e.reverse = seq % 3 == 0 ? PQ_SLICE("posts") : (pq_slice){0};
      e.to_id = PQ_SLICE("users/u7");
      if (seq % 2 == 0) e.after = (pq_value){0};
      break;
    case 5:
      e.target = PQ_TARGET_COLLECTION;
      e.op = PQ_EVENT_DELETE;
      e.id = PQ_SLICE("posts");
      e.type = (pq_slice){0};
      e.after = (pq_value){0};
      break;
    default: e.type = (pq_slice){0};
  }
  return e;
}

static bool value_eq(pq_value a, pq_value b) {
  return pq_slice_eq(pq_value_meta(a), pq_value_meta(b)) &&
         pq_slice_eq(pq_value_bytes(a), pq_value_bytes(b));
}

static bool event_eq(const pq_event *a, const pq_event *b) {
  return a->seq == b->seq && a->ts == b->ts && a->target == b->target && a->op == b->op &&
         pq_slice_eq(a->id, b->id) && pq_slice_eq(a->type, b->type) &&
         pq_slice_eq(a->predicate, b->predicate) && pq_slice_eq(a->reverse, b->reverse) &&
         pq_slice_eq(a->to_id, b->to_id) && a->version == b->version &&
         a->created_at == b->created_at && pq_slice_eq(a->created_by, b->created_by) &&
         pq_slice_eq(a->actor, b->actor) && value_eq(a->after, b->after) &&
         value_eq(a->metadata, b->metadata) && a->txn == b->txn && a->prev == b->prev &&
         pq_slice_eq(a->where_file, b->where_file) &&
         (a->where_file.n == 0 || a->where_row == b->where_row);
}

static int write_events(fixture *f, uint64_t seq_lo, uint32_t count, pq_buf *raw) {
  pq_value doc, other;
  PQ_TRY(make_document(&f->arena, "a", 1, &doc));
  PQ_TRY(make_document(&f->arena, "other", 2, &other));
  for (uint32_t i = 0; i < count; i++) {
    pq_event e = make_event(seq_lo + i, doc, other);
    PQ_TRY(pq_batch_add(&f->writer, &e));
  }
  return pq_batch_finish(&f->writer, &f->compressor, &f->body, raw);
}

/* Decode everything; the number of events, or the failure. */
static int read_events(pq_cx *cx, pq_slice raw, uint64_t seq_lo, uint32_t count) {
  pq_batch_reader r;
  pq_event e;
  bool is_end;
  int n = 0;
  pq_batch_reader_init(&r, cx, raw, seq_lo, count);
  for (;;) {
    PQ_TRY(pq_batch_next(&r, &e, &is_end));
    if (is_end) return n;
    n++;
  }
}

static int read_body(pq_cx *cx, pq_slice body) {
  uint64_t seq_lo;
  uint32_t count;
  pq_buf raw;
  int rc;
  pq_buf_init(&raw, cx, 1 << 24);
  rc = pq_batch_open(cx, body, &raw, &seq_lo, &count);
  if (rc == PQ_OK) rc = read_events(cx, pq_buf_slice(&raw), seq_lo, count);
  pq_buf_release(&raw);
  return rc;
}

static void test_event_names(void) {
  pq_slice collection, local;
  CHECK(strcmp(pq_event_op_name(PQ_EVENT_UPDATE), "UPDATE") == 0);
  CHECK(strcmp(pq_target_name(PQ_TARGET_REL), "rel") == 0);
  CHECK(pq_id_split(PQ_SLICE("a/b/c"), &collection, &local));
  CHECK(pq_slice_is(collection, "a"));
  CHECK(pq_slice_is(local, "b/c"));
  CHECK(!pq_id_split(PQ_SLICE("ab"), &collection, &local));
  CHECK(!pq_id_split((pq_slice){0}, &collection, &local));
}

static void test_batch_round_trip(void) {
  static const uint32_t counts[] = {1, 2, 7, 50, 1000};
  for (size_t k = 0; k < sizeof counts / sizeof counts[0]; k++) {
    fixture f;
    pq_buf raw, again;
    pq_batch_reader r;
    pq_event e;
    pq_value doc, other;
    uint64_t seq_lo;
    uint32_t count, n = 0;
    bool is_end = false;
    unit_cx_init(&f.cx);
    setup(&f);
    pq_buf_init(&again, &f.cx, 1 << 24);
    CHECK(write_events(&f, 100, counts[k], &raw) == PQ_OK);
    CHECK(make_document(&f.arena, "a", 1, &doc) == PQ_OK);
    CHECK(make_document(&f.arena, "other", 2, &other) == PQ_OK);
    CHECK(pq_batch_open(&f.cx, pq_buf_slice(&f.body), &again, &seq_lo, &count) == PQ_OK);
    CHECK(seq_lo == 100);
    CHECK(count == counts[k]);
    CHECK(pq_slice_eq(pq_buf_slice(&raw), pq_buf_slice(&again)));
    pq_batch_reader_init(&r, &f.cx, pq_buf_slice(&again), seq_lo, count);
    while (pq_batch_next(&r, &e, &is_end) == PQ_OK && !is_end) {
      pq_event expected = make_event(100 + n, doc, other);
      CHECK(event_eq(&e, &expected));
      n++;
    }
    CHECK(is_end);
    CHECK(n == count);
    CHECK(count < 50 || ((f.body.p[4] & 1) == 1 && f.body.len < raw.len / 2));
    pq_buf_release(&raw);
    pq_buf_release(&again);
    teardown(&f);
    CHECK(unit_live_len == 0);
  }
}

/* The writer is reused after a batch without its raw bytes. */
static void test_batch_reuse(void) {
  fixture f;
  unit_cx_init(&f.cx);
  setup(&f);
  CHECK(write_events(&f, 5, 10, NULL) == PQ_OK);
  CHECK(read_body(&f.cx, pq_buf_slice(&f.body)) == 10);
  pq_buf_clear(&f.body);
  CHECK(write_events(&f, 900, 20, NULL) == PQ_OK);
  CHECK(read_body(&f.cx, pq_buf_slice(&f.body)) == 20);
  CHECK(pq_batch_finish(&f.writer, &f.compressor, &f.body, NULL) == PQ_EINVALID);
  teardown(&f);
  CHECK(unit_live_len == 0);
}

/* The worked example of doc/formats/batch.md. */
static void test_batch_example(void) {
  static const uint8_t example[] = {
      0x50, 0x51, 0x42, 0x31, 0x04, 0x02, 0x07, 0x46, 0xb3, 0x7f, 0x76, 0xcc, 0x40, 0x7d, 0xa2,
      0x60, 0xfd, 0xc2, 0x8c, 0xca, 0xce, 0x39, 0xf2, 0xe2, 0x97, 0x81, 0x1a, 0x22, 0x4f, 0xf4,
      0xba, 0x2c, 0x0b, 0x31, 0x58, 0x64, 0x45, 0x75, 0x14, 0x3e, 0x38, 0x57, 0xfa, 0xa7, 0xb9,
      0x40, 0xd0, 0x0f, 0x03, 0x61, 0x2f, 0x31, 0x01, 0x70, 0x01, 0x71, 0x03, 0x62, 0x2f, 0x32,
      0x02, 0x6d, 0x65, 0xe6, 0x3e, 0x03, 0x62, 0x2f, 0x32, 0x01, 0x54, 0x05, 0x11, 0x01, 0x00,
      0x01, 0x61, 0x0a, 0x02, 0x01, 0x00, 0x00, 0x05, 0x14, 0x01, 0x00, 0x00, 0x00, 0x02, 0x05,
      0x14, 0x64, 0x61, 0x74, 0x61, 0x2f, 0x62, 0x2f, 0x31, 0x2d, 0x31, 0x2d, 0x30, 0x2e, 0x70,
      0x61, 0x72, 0x71, 0x75, 0x65, 0x74, 0x05, 0xb0, 0x09};
  static const uint8_t without[] = {
      0x50, 0x51, 0x42, 0x31, 0x00, 0x02, 0x07, 0x46, 0xbc, 0x26, 0xcd, 0x43, 0xb9, 0x40,
      0xd0, 0x0f, 0x03, 0x61, 0x2f, 0x31, 0x01, 0x70, 0x01, 0x71, 0x03, 0x62, 0x2f, 0x32,
      0x02, 0x6d, 0x65, 0xe6, 0x3e, 0x03, 0x62, 0x2f, 0x32, 0x01, 0x54, 0x05, 0x11, 0x01,
      0x00, 0x01, 0x61, 0x0a, 0x02, 0x01, 0x00, 0x00, 0x05, 0x14, 0x01, 0x00, 0x00, 0x00,
      0x02, 0x05, 0x14, 0x64, 0x61, 0x74, 0x61, 0x2f, 0x62, 0x2f, 0x31, 0x2d, 0x31, 0x2d,
      0x30, 0x2e, 0x70, 0x61, 0x72, 0x71, 0x75, 0x65, 0x74, 0x05, 0xb0, 0x09};
  static const uint8_t zeros[PQ_DIGEST_LEN];
  uint8_t link[PQ_DIGEST_LEN];
  pq_buf raw;
  fixture f;
  pq_value doc;
  pq_event edge = {.seq = 7, .ts = 1000, .target = PQ_TARGET_REL, .op = PQ_EVENT_CREATE};
  pq_event update = {.seq = 8, .ts = 1000, .target = PQ_TARGET_ENTITY, .op = PQ_EVENT_UPDATE};
  unit_cx_init(&f.cx);
  setup(&f);
  CHECK(make_document(&f.arena, "a", 1, &doc) == PQ_OK);
  edge.id = PQ_SLICE("a/1");
  edge.to_id = PQ_SLICE("b/2");
  edge.predicate = PQ_SLICE("p");
  edge.reverse = PQ_SLICE("q");
  edge.actor = edge.created_by = update.actor = update.created_by = PQ_SLICE("me");
  edge.version = 1;
  edge.created_at = 1000;
  update.id = PQ_SLICE("b/2");
  update.type = PQ_SLICE("T");
  update.after = doc;
  update.version = 2;
  update.prev = 3;
  update.where_file = PQ_SLICE("data/b/1-1-0.parquet");
  update.where_row = 5;
  update.created_at = 400;
  CHECK(pq_batch_add(&f.writer, &edge) == PQ_OK);
  CHECK(pq_batch_add(&f.writer, &update) == PQ_OK);
  CHECK(pq_batch_finish(&f.writer, &f.compressor, &f.body, &raw) == PQ_OK);
  pq_batch_seal(&f.body, &raw, zeros, link);
  if (pq_digest_is_there()) {
    CHECK(f.body.len == sizeof example && memcmp(f.body.p, example, sizeof example) == 0);
    CHECK(memcmp(link, example + 8, sizeof link) == 0);
    CHECK(memcmp(raw.p + raw.len - sizeof link, link, sizeof link) == 0);
  } else {
    CHECK(f.body.len == sizeof without && memcmp(f.body.p, without, sizeof without) == 0);
  }
  CHECK(read_body(&f.cx, pq_buf_slice(&f.body)) == 2);
  CHECK(read_body(&f.cx, (pq_slice){example, sizeof example}) == 2);
  CHECK(read_body(&f.cx, (pq_slice){without, sizeof without}) == 2);
  pq_buf_release(&raw);
  teardown(&f);
}

static void test_batch_refuses(void) {
  fixture f;
  pq_value doc;
  pq_event good, e;
  size_t len;
  unit_cx_init(&f.cx);
  setup(&f);
  CHECK(make_document(&f.arena, "a", 1, &doc) == PQ_OK);
  good = make_event(8, doc, doc);
  CHECK(pq_batch_add(&f.writer, &good) == PQ_OK);
  len = f.writer.raw.len;
#define REFUSED(change)                                    \
  do {                                                     \
    e = make_event(9, doc, doc);                           \
    change;                                                \
    CHECK(pq_batch_add(&f.writer, &e) == PQ_EINVALID);     \
    CHECK(f.writer.raw.len == len && f.writer.count == 1); \
  } while (0)
  REFUSED(e.seq = 10);
  REFUSED(e.seq = 8; e.prev = 0);
  REFUSED(e.ts = good.ts - 1);
  REFUSED(e.id = PQ_SLICE("posts"));
  REFUSED(e.id = PQ_SLICE("/p1"));
  REFUSED(e.id = PQ_SLICE("posts/"));
  REFUSED(e.id = PQ_SLICE("posts/\xff"));
  REFUSED(e.op = (pq_event_op)0);
  REFUSED(e.op = (pq_event_op)4);
  REFUSED(e.target = (pq_target)4);
  REFUSED(e.prev = 9);
  REFUSED(e.version = UINT64_MAX);
  REFUSED(e.actor = PQ_SLICE("\xc0\x80"));
  REFUSED(e.predicate = PQ_SLICE("p"));
  REFUSED(e.after = (pq_value){0}; e.op = PQ_EVENT_CREATE);
  REFUSED(e.where_file = PQ_SLICE("../x"));
  REFUSED(e.where_file = PQ_SLICE("data/../x"); e.where_row = 1);
  REFUSED(e.target = PQ_TARGET_REL);
  REFUSED(e.target = PQ_TARGET_COLLECTION);
#undef REFUSED
  e = make_event(9, doc, doc);
  CHECK(pq_batch_add(&f.writer, &e) == PQ_OK);
  teardown(&f);
}

/* A changed byte of the header is always noticed, one of the zstd frame unless it means nothing;
 * none of the raw bytes does harm. */
static void test_batch_flipped(void) {
  fixture f;
  pq_buf raw;
  unit_cx_init(&f.cx);
  setup(&f);
  CHECK(write_events(&f, 100, 14, &raw) == PQ_OK);
  for (size_t i = 0; i < f.body.len; i++)
    for (int bit = 0; bit < 8; bit++) {
      int rc;
      f.body.p[i] ^= (uint8_t)(1 << bit);
      rc = read_body(&f.cx, pq_buf_slice(&f.body));
      CHECK(rc < 0 || (i >= HEADER_LEN && rc == 14));
      f.body.p[i] ^= (uint8_t)(1 << bit);
    }
  for (size_t i = 0; i < raw.len; i++)
    for (int bit = 0; bit < 8; bit++) {
      int rc;
      raw.p[i] ^= (uint8_t)(1 << bit);
      rc = read_events(&f.cx, pq_buf_slice(&raw), 100, 14);
      CHECK(rc == 14 || rc == PQ_ECORRUPT || rc == PQ_ELIMIT);
      raw.p[i] ^= (uint8_t)(1 << bit);
    }
  pq_buf_release(&raw);
  teardown(&f);
  CHECK(unit_live_len == 0);
}

/* Exact copies, so that the sanitizer sees a read beyond the end. */
static void test_batch_truncated(void) {
  fixture f;
  pq_buf raw;
  unit_cx_init(&f.cx);
  setup(&f);
  CHECK(write_events(&f, 100, 14, &raw) == PQ_OK);
  CHECK(read_events(&f.cx, pq_buf_slice(&raw), 100, 13) == PQ_ECORRUPT);
  for (size_t n = 0; n < raw.len; n++) {
    uint8_t *copy = malloc(n == 0 ? 1 : n);
    memcpy(copy, raw.p, n);
    CHECK(read_events(&f.cx, (pq_slice){copy, n}, 100, 14) ==
          (n == raw.len - PQ_DIGEST_LEN && pq_digest_is_there() ? 14 : PQ_ECORRUPT));
    free(copy);
  }
  for (size_t n = 0; n < f.body.len; n++) {
    uint8_t *copy = malloc(n == 0 ? 1 : n);
    memcpy(copy, f.body.p, n);
    CHECK(read_body(&f.cx, (pq_slice){copy, n}) < 0);
    free(copy);
  }
  pq_buf_release(&raw);
  teardown(&f);
}

static void test_batch_newer(void) {
  fixture f;
  unit_cx_init(&f.cx);
  setup(&f);
  CHECK(write_events(&f, 1, 3, NULL) == PQ_OK);
  f.body.p[3] = '2';
  CHECK(read_body(&f.cx, pq_buf_slice(&f.body)) == PQ_EUNSUPPORTED);
  f.body.p[3] = '1';
  f.body.p[4] |= 0x80;
  CHECK(read_body(&f.cx, pq_buf_slice(&f.body)) == PQ_EUNSUPPORTED);
  f.body.p[4] &= 0x7f;
  CHECK(read_body(&f.cx, pq_buf_slice(&f.body)) == 3);
  teardown(&f);
}

/* Times over the whole range survive the differences. */
static void test_batch_extreme_times(void) {
  static const int64_t times[] = {INT64_MIN, -1, 0, 1, INT64_MAX};
  fixture f;
  pq_value doc;
  pq_batch_reader r;
  pq_event e;
  pq_buf raw;
  bool is_end;
  unit_cx_init(&f.cx);
  setup(&f);
  CHECK(make_document(&f.arena, "a", 1, &doc) == PQ_OK);
  for (uint64_t i = 0; i < 5; i++) {
    e = make_event(21 + 7 * 6 + i, doc, doc);
    e.target = PQ_TARGET_ENTITY;
    e.id = PQ_SLICE("a/b");
    e.predicate = e.reverse = e.to_id = (pq_slice){0};
    e.after = doc;
    e.ts = times[i];
    e.created_at = times[4 - i];
    CHECK(pq_batch_add(&f.writer, &e) == PQ_OK);
  }
  CHECK(pq_batch_finish(&f.writer, &f.compressor, &f.body, &raw) == PQ_OK);
  pq_batch_reader_init(&r, &f.cx, pq_buf_slice(&raw), 63, 5);
  for (int i = 0; i < 5; i++) {
    CHECK(pq_batch_next(&r, &e, &is_end) == PQ_OK && !is_end);
    CHECK(e.ts == times[i] && e.created_at == times[4 - i]);
  }
  pq_buf_release(&raw);
  teardown(&f);
}

/* A sealed batch of entities t/0, t/2, …, its bytes in f->body. */
static int write_entities(fixture *f, uint32_t count, bool has_schema) {
  const uint8_t link[PQ_DIGEST_LEN] = {1};
  uint8_t out[PQ_DIGEST_LEN];
  pq_buf raw = {0};
  pq_value doc;
  int rc;
  PQ_TRY(make_document(&f->arena, "a", 1, &doc));
  pq_buf_clear(&f->body);
  for (uint32_t i = 0; i < count; i++) {
    char id[16];
    pq_event e = {.seq = 1 + i,
                  .ts = 1000,
                  .op = PQ_EVENT_CREATE,
                  .target = PQ_TARGET_ENTITY,
                  .version = 1,
                  .created_at = 1000,
                  .after = doc};
    snprintf(id, sizeof id, has_schema && i == 3 ? "t" : "t/%u", (unsigned)i * 2);
    PQ_TRY(pq_arena_copy(&f->arena, pq_str(id), &e.id));
    if (has_schema && i == 3) e.target = PQ_TARGET_COLLECTION;
    if (has_schema && i == 3) e.op = PQ_EVENT_UPDATE;
    PQ_TRY(pq_batch_add(&f->writer, &e));
  }
  rc = pq_batch_finish(&f->writer, &f->compressor, &f->body, &raw);
  if (rc == PQ_OK) pq_batch_seal(&f->body, &raw, link, out);
  pq_buf_release(&raw);
  return rc;
}

static bool may_hold(fixture *f, uint32_t count, unsigned number) {
  bool may = false;
  char id[16];
  snprintf(id, sizeof id, "t/%u", number);
  CHECK(pq_batch_may_hold(&f->cx, pq_buf_slice(&f->body), 1, count, pq_str(id), &may) == PQ_OK);
  return may;
}

static void test_batch_filter(void) {
  enum { COUNT = 300 };
  fixture f;
  unsigned wrong = 0;
  bool may;
  unit_cx_init(&f.cx);
  setup(&f);
  CHECK(write_entities(&f, COUNT, false) == PQ_OK);
  CHECK(read_body(&f.cx, pq_buf_slice(&f.body)) == COUNT);
  for (unsigned i = 0; i < COUNT; i++) {
    CHECK(may_hold(&f, COUNT, 2 * i));
    wrong += may_hold(&f, COUNT, 2 * i + 1);
  }
  CHECK(wrong < COUNT / 10);
  /* other seqs than those of the hot tier's row */
  CHECK(pq_batch_may_hold(&f.cx, pq_buf_slice(&f.body), 2, COUNT, PQ_SLICE("t/0"), &may) ==
        PQ_ECORRUPT);
  CHECK(pq_batch_may_hold(&f.cx, pq_buf_slice(&f.body), 1, COUNT + 1, PQ_SLICE("t/0"), &may) ==
        PQ_ECORRUPT);
  /* few events need none; where a schema changes everybody must see it */
  CHECK(write_entities(&f, 10, false) == PQ_OK && may_hold(&f, 10, 1));
  CHECK(write_entities(&f, COUNT, true) == PQ_OK && may_hold(&f, COUNT, 1));
  CHECK(write_entities(&f, 64, false) == PQ_OK); /* a writer begins each batch without the last */
  for (unsigned i = 0, n = 0; i < 64; i++) {
    n += may_hold(&f, 64, 200 + 2 * i);
    CHECK(n < 16);
  }
  teardown(&f);
}

/* A bit that is turned in the header is found, or leaves the answer as it was. */
static void test_batch_filter_flipped(void) {
  enum { COUNT = 64 };
  fixture f;
  size_t found = 0;
  unit_cx_init(&f.cx);
  setup(&f);
  CHECK(write_entities(&f, COUNT, false) == PQ_OK);
  for (size_t bit = 0; bit < 8 * 160; bit++) {
    bool may = true;
    int rc;
    f.body.p[bit / 8] ^= (uint8_t)(1u << bit % 8);
    rc = pq_batch_may_hold(&f.cx, pq_buf_slice(&f.body), 1, COUNT, PQ_SLICE("t/0"), &may);
    CHECK(rc != PQ_OK || may);
    found += rc != PQ_OK;
    f.body.p[bit / 8] ^= (uint8_t)(1u << bit % 8);
  }
  CHECK(found > 8 * 64);
  teardown(&f);
}

static void test_batch_out_of_memory(void) {
  fixture f;
  int rc = PQ_OK;
  for (long n = 1; n > 0; n = unit_oom_next(n, rc)) {
    pq_buf raw = {0};
    unit_cx_init(&f.cx);
    unit_fail_at = n;
    setup(&f);
    rc = write_events(&f, 1, 70, &raw); /* so many have a filter */
    if (rc == PQ_OK) {
      rc = read_body(&f.cx, pq_buf_slice(&f.body));
      if (rc == 70) rc = PQ_OK;
    }
    pq_buf_release(&raw);
    teardown(&f);
  }
}

int main(void) {
  RUN(test_event_names);
  RUN(test_batch_round_trip);
  RUN(test_batch_reuse);
  RUN(test_batch_example);
  RUN(test_batch_refuses);
  RUN(test_batch_flipped);
  RUN(test_batch_truncated);
  RUN(test_batch_newer);
  RUN(test_batch_extreme_times);
  RUN(test_batch_filter);
  RUN(test_batch_filter_flipped);
  RUN(test_batch_out_of_memory);
  return unit_end();
}
