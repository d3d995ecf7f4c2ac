/* Unit tests of table/file_bloom.c, log/bloom_text.c and parquet/writer_blooms.c: a file of two row
 * groups, asked by its record alone; records as text, whole and damaged. */
#include "codec/codec.h"
#include "parquet/writer.h"
#include "parquet_util.h"
#include "table/file_bloom.h"

enum { ROWS = 500, GROUPS = 2, KEPT_MAX = 64 };

typedef struct fixture {
  pq_writer *writer;
  pq_file_cache cache;
  pq_fetch fetch;
  pq_bloom_place blooms[GROUPS];
  pq_file_info info;
  uint8_t *bytes; /* of the file, a copy that a test may damage */
  char ids[GROUPS * ROWS][16];
} fixture;

/* Ids k00000, k00002 … in two row groups. */
static int write_file(fixture *t, pq_cx *cx) {
  pq_column_spec spec = {.name = "$id",
                         .phys = PQ_PHYS_BYTES,
                         .logical = PQ_LOGICAL_STRING,
                         .field_id = 1,
                         .hint = PQ_HINT_SORTED,
                         .has_bloom = true,
                         .has_stats = true};
  PQ_TRY(pq_writer_new(cx, &spec, 1, (pq_writer_options){0}, &t->writer));
  for (int g = 0; g < GROUPS; g++) {
    pq_slice ids[ROWS];
    pq_column c = {.phys = PQ_PHYS_BYTES, .row_count = ROWS, .v.bytes = ids};
    for (int i = 0; i < ROWS; i++) {
      char *id = t->ids[g * ROWS + i];
      snprintf(id, sizeof t->ids[0], "k%05d", 2 * (g * ROWS + i));
      ids[i] = pq_str(id);
    }
    PQ_TRY(pq_writer_add(t->writer, &c, 1));
  }
  return pq_writer_finish(t->writer, NULL, 0);
}

/* With the filters in the record, or only their places. */
static int setup(fixture *t, pq_cx *cx, bool has_bytes) {
  pq_slice bytes;
  memset(t, 0, sizeof *t);
  pq_file_cache_init(&t->cache, cx, "n");
  pq_fetch_init(&t->fetch, cx);
  PQ_TRY(write_file(t, cx));
  bytes = pq_writer_bytes(t->writer);
  t->bytes = malloc(bytes.n);
  memcpy(t->bytes, bytes.p, bytes.n);
  t->info = (pq_file_info){.kind = PQ_FILE_DATA,
                           .name = "data/c/1-1-ab.parquet",
                           .collection = PQ_SLICE("c"),
                           .len = bytes.n,
                           .footer_len = pq_writer_footer_len(t->writer),
                           .row_count = (uint64_t)GROUPS * ROWS,
                           .id_min = pq_str(t->ids[0]),
                           .id_max = pq_str(t->ids[GROUPS * ROWS - 1]),
                           .blooms = t->blooms,
                           .bloom_count = pq_writer_blooms(t->writer, 0, t->blooms, GROUPS),
                           .removed = PQ_ENTRY_NONE};
  for (int g = 0; g < GROUPS && !has_bytes; g++)
    t->blooms[g].bytes = (pq_slice){0};
  return PQ_OK;
}

static void teardown(fixture *t) {
  pq_fetch_release(&t->fetch);
  pq_file_cache_release(&t->cache);
  pq_writer_free(t->writer);
  free(t->bytes);
}

static int sift(fixture *t, const pq_slice *ids, uint32_t count, uint32_t *kept, uint32_t *n) {
  pq_slice bytes = {t->bytes, (size_t)t->info.len};
  int rc;
  DRIVE(rc, &t->fetch, bytes, pq_file_sift(&t->cache, &t->fetch, &t->info, ids, count, kept, n));
  return rc;
}

/* No id that is there is ever lost; of the others one in fifty is kept at most. */
static void ask_all(fixture *t) {
  uint32_t kept[KEPT_MAX], n, wrong = 0;
  for (int i = 0; i < GROUPS * ROWS - 1; i++) {
    pq_slice id = pq_str(t->ids[i]);
    char other[sizeof t->ids[0]];
    CHECK(sift(t, &id, 1, kept, &n) == PQ_OK && n == 1 && kept[0] == 0);
    snprintf(other, sizeof other, "k%05d", 2 * i + 1);
    id = pq_str(other);
    CHECK(sift(t, &id, 1, kept, &n) == PQ_OK);
    wrong += n;
  }
  CHECK(wrong < GROUPS * ROWS / 50);
}

static void test_file_bloom_record(void) {
  fixture t;
  pq_cx cx;
  unit_cx_init(&cx);
  CHECK(setup(&t, &cx, true) == PQ_OK && t.info.bloom_count == GROUPS);
  ask_all(&t);
  CHECK(t.fetch.stat_requests == 0);
  teardown(&t);
  CHECK(unit_live_len == 0);
}

/* A request for each filter, once: it stays when the fetch set is cleared. */
static void test_file_bloom_places(void) {
  fixture t;
  pq_cx cx;
  uint32_t kept[KEPT_MAX], n;
  pq_slice ids[] = {PQ_SLICE("k00001"), PQ_SLICE("k00002"), PQ_SLICE("k00998")};
  unit_cx_init(&cx);
  CHECK(setup(&t, &cx, false) == PQ_OK);
  CHECK(sift(&t, ids, 3, kept, &n) == PQ_OK && n >= 2 && kept[n - 1] == 2 && kept[n - 2] == 1);
  CHECK(t.fetch.stat_requests == 1);
  pq_fetch_clear(&t.fetch);
  ask_all(&t);
  CHECK(t.fetch.stat_requests == GROUPS);
  t.info.bloom_count = 0; /* nothing is known: all are kept */
  CHECK(sift(&t, ids, 3, kept, &n) == PQ_OK && n == 3);
  teardown(&t);
  CHECK(unit_live_len == 0);
}

/* Any byte of a filter that is not what the record says is an error, never an answer. */
static void test_file_bloom_damage(void) {
  fixture t;
  pq_cx cx;
  pq_slice id;
  uint32_t kept[KEPT_MAX], n;
  unit_cx_init(&cx);
  CHECK(setup(&t, &cx, false) == PQ_OK);
  id = pq_str(t.ids[3]);
  for (uint32_t i = 0; i < t.blooms[0].len; i += 7) {
    t.bytes[t.blooms[0].off + i] ^= 16;
    CHECK(sift(&t, &id, 1, kept, &n) == PQ_ECORRUPT);
    CHECK(strstr(cx.msg, "n/data/c/1-1-ab.parquet: bloom filter") != NULL);
    pq_fetch_clear(&t.fetch);
    t.bytes[t.blooms[0].off + i] ^= 16;
  }
  CHECK(sift(&t, &id, 1, kept, &n) == PQ_OK && n == 1);
  teardown(&t);
  CHECK(unit_live_len == 0);
}

/* A filter that cannot be read is a failure; a missing file is damage, as elsewhere. */
static void test_file_bloom_requests(void) {
  static const struct { int answer, rc; } cases[] = {{PQ_EIO, PQ_EIO}, {PQ_ENOTFOUND, PQ_ECORRUPT}};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    fixture t;
    pq_cx cx;
    pq_io_req r;
    uint32_t kept[KEPT_MAX], n;
    pq_slice ids[] = {PQ_SLICE("k00001"), PQ_SLICE("k01501")};
    unit_cx_init(&cx);
    CHECK(setup(&t, &cx, false) == PQ_OK);
    CHECK(sift(&t, &ids[0], 0, kept, &n) == PQ_OK && n == 0);
    CHECK(pq_file_sift(&t.cache, &t.fetch, &t.info, ids, 2, kept, &n) == PQ_NEED_IO);
    CHECK(t.fetch.stat_requests == GROUPS); /* one round asks for both */
    while (pq_fetch_take(&t.fetch, &r))
      pq_fetch_done(&t.fetch, r.id, cases[i].answer, (pq_slice){0}, NULL);
    CHECK(pq_file_sift(&t.cache, &t.fetch, &t.info, ids, 2, kept, &n) == cases[i].rc);
    pq_fetch_clear(&t.fetch);
    CHECK(sift(&t, ids, 2, kept, &n) == PQ_OK);
    teardown(&t);
    CHECK(unit_live_len == 0);
  }
}

static void test_file_bloom_oom(void) {
  int rc = PQ_OK;
  for (long n = 1; n > 0; n = unit_oom_next(n, rc)) {
    fixture t;
    pq_cx cx;
    uint32_t kept[KEPT_MAX], count;
    pq_slice id = PQ_SLICE("k00002");
    unit_cx_init(&cx);
    unit_fail_at = n;
    rc = setup(&t, &cx, false);
    if (rc == PQ_OK) rc = sift(&t, &id, 1, kept, &count);
    teardown(&t);
  }
}

/* ---- the record ---- */

/* A record on its way through the text of a log entry. */
typedef struct text_case {
  pq_cx cx;
  pq_arena arena;
  pq_buf out;
  fixture t;
  pq_log_entry e; /* what was read back */
} text_case;

static void text_begin(text_case *c, bool has_bytes) {
  *c = (text_case){0};
  unit_cx_init(&c->cx);
  pq_arena_init(&c->arena, &c->cx, SIZE_MAX / 2);
  pq_buf_init(&c->out, &c->cx, SIZE_MAX / 2);
  CHECK(setup(&c->t, &c->cx, has_bytes) == PQ_OK);
}

static void text_end(text_case *c) {
  teardown(&c->t);
  pq_buf_release(&c->out);
  pq_arena_release(&c->arena);
  CHECK(unit_live_len == 0);
}

static int round_trip(text_case *c) {
  pq_log_entry e = {.entry = 1,
                    .epoch = 1,
                    .writer = PQ_SLICE("00000000000000a1"),
                    .commit = PQ_SLICE("00000000000000a1"),
                    .add = &c->t.info,
                    .add_count = 1};
  pq_buf_clear(&c->out);
  PQ_TRY(pq_log_entry_print(&e, &c->out));
  return pq_log_entry_parse(&c->arena, "n/log/1", pq_buf_slice(&c->out), &c->e);
}

static void test_bloom_text_round(void) {
  static const pq_slice types[] = {PQ_SLICE("A"), PQ_SLICE("\xc3\xa9")};
  text_case c;
  fixture *t = &c.t;
  text_begin(&c, true);
  t->info.types = types;
  t->info.type_count = 2;
  CHECK(round_trip(&c) == PQ_OK);
  CHECK(c.e.add != NULL && c.e.add->bloom_count == GROUPS && c.e.add->type_count == 2);
  for (int g = 0; g < GROUPS && c.e.add != NULL; g++) {
    const pq_bloom_place *a = &t->blooms[g], *b = &c.e.add->blooms[g];
    CHECK(a->off == b->off && a->len == b->len && a->crc == b->crc);
    CHECK(pq_slice_eq(a->min, b->min) && pq_slice_eq(a->max, b->max));
    CHECK(pq_slice_eq(a->bytes, b->bytes));
  }
  CHECK(c.e.add != NULL && pq_slice_eq(c.e.add->types[1], types[1]));
  CHECK(pq_file_may_have_type(c.e.add, types, 1));
  CHECK(!pq_file_may_have_type(c.e.add, (const pq_slice[]){PQ_SLICE("B")}, 1));
  t->info.bloom_count = 1; /* bounds of the only row group are those of the file */
  t->blooms[0].bytes = (pq_slice){0};
  t->blooms[0].min = t->info.id_min;
  t->blooms[0].max = t->info.id_max;
  CHECK(round_trip(&c) == PQ_OK && c.e.add->blooms[0].bytes.n == 0);
  CHECK(pq_slice_eq(c.e.add->blooms[0].max, t->info.id_max));
  text_end(&c);
}

/* Lengths 1 to 9: every kind of padding. */
static void test_bloom_text_base64(void) {
  uint8_t bytes[9] = {0, 255, 62, 63, 128, 1, 17, 254, 7};
  text_case c;
  pq_bloom_place *bloom = &c.t.blooms[0];
  text_begin(&c, false);
  c.t.info.bloom_count = 1;
  for (uint32_t n = 1; n <= sizeof bytes; n++) {
    bloom->bytes = (pq_slice){bytes, n};
    bloom->len = n;
    bloom->crc = pq_crc32(bloom->bytes);
    CHECK(round_trip(&c) == PQ_OK);
    CHECK(c.e.add != NULL && pq_slice_eq(c.e.add->blooms[0].bytes, bloom->bytes));
  }
  bloom->crc++;
  CHECK(round_trip(&c) == PQ_EINVALID);
  bloom->crc--;
  bloom->off = c.t.info.len;
  CHECK(round_trip(&c) == PQ_EINVALID);
  text_end(&c);
}

/* Lines of an entry that must be refused, each naming what is wrong. */
static void test_bloom_text_hostile(void) {
  static const struct {
    const char *blooms, *message;
  } cases[] = {
      {"\"blooms\":[{\"off\":4,\"len\":3,\"crc\":1}]", NULL},
      {"\"blooms\":{}", "is no array"},
      {"\"blooms\":[1]", "no object"},
      {"\"blooms\":[{\"len\":3,\"crc\":1}]", "'off' is missing"},
      {"\"blooms\":[{\"off\":4,\"len\":0,\"crc\":1}]", "a bad length"},
      {"\"blooms\":[{\"off\":4,\"len\":997,\"crc\":1}]", "outside its file"},
      {"\"blooms\":[{\"off\":9223372036854775807,\"len\":9,\"crc\":1}]", "outside its file"},
      {"\"blooms\":[{\"off\":4,\"len\":4294967296,\"crc\":1}]", "'len' is too large"},
      {"\"blooms\":[{\"off\":4,\"len\":3,\"crc\":4294967296}]", "more than 32 bits"},
      {"\"blooms\":[{\"off\":4,\"len\":3,\"crc\":1,\"bytes\":\"AAAA\"}]", "not those of its file"},
      {"\"blooms\":[{\"off\":4,\"len\":3,\"crc\":1,\"bytes\":\"AAA=\"}]", "no base64"},
      {"\"blooms\":[{\"off\":4,\"len\":3,\"crc\":1,\"bytes\":\"AA!A\"}]", "no base64"},
      {"\"blooms\":[{\"off\":4,\"len\":2,\"crc\":1,\"bytes\":\"AAAA\"}]", "no base64"},
      {"\"blooms\":[{\"off\":4,\"len\":3,\"crc\":1,\"bytes\":\"AAAAAAAAAAAAAAAA\"}]",
       "longer than"},
      {"\"blooms\":[{\"off\":4,\"len\":3,\"crc\":1},{\"off\":4,\"len\":3,\"crc\":1}]",
       "'min' is missing"},
      {"\"blooms\":[{\"off\":4,\"len\":3,\"crc\":1,\"min\":\"b\",\"max\":\"a\"},"
       "{\"off\":4,\"len\":3,\"crc\":1,\"min\":\"a\",\"max\":\"b\"}]",
       "not in order"},
      {"\"types\":[\"\"]", "a type is empty"},
      {"\"types\":[1]", "no string"},
      {"\"types\":[\"1\",\"2\",\"3\",\"4\",\"5\",\"6\",\"7\",\"8\",\"9\"]", "'types' is too long"},
  };
  pq_cx cx;
  unit_cx_init(&cx);
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    char line[1024], text[1100];
    pq_arena arena;
    pq_log_entry e;
    int n, rc;
    pq_arena_init(&arena, &cx, SIZE_MAX / 2);
    snprintf(line, sizeof line,
             "{\"entry\":1,\"seqHi\":0,\"tsHi\":0,\"epoch\":1,\"writer\":\"00000000000000a1\","
             "\"commit\":\"00000000000000a1\",\"checkpoint\":0,\"add\":[{\"kind\":\"data\","
             "\"name\":\"data/c/1.parquet\",\"collection\":\"c\",\"len\":1000,\"footerLen\":9,"
             "\"rows\":5,\"idMin\":\"a\",\"idMax\":\"b\",%s}]}",
             cases[i].blooms);
    n = snprintf(text, sizeof text, "parquedb-log 2 %08x\n%s\n", (unsigned)pq_crc32(pq_str(line)),
                 line);
    rc = pq_log_entry_parse(&arena, "n/log/1", (pq_slice){(uint8_t *)text, (size_t)n}, &e);
    CHECK(rc == (cases[i].message == NULL ? PQ_OK : PQ_ECORRUPT));
    CHECK(cases[i].message == NULL || strstr(cx.msg, cases[i].message) != NULL);
    pq_arena_release(&arena);
  }
  CHECK(unit_live_len == 0);
}

int main(void) {
  RUN(test_file_bloom_record);
  RUN(test_file_bloom_places);
  RUN(test_file_bloom_damage);
  RUN(test_file_bloom_requests);
  RUN(test_file_bloom_oom);
  RUN(test_bloom_text_round);
  RUN(test_bloom_text_base64);
  RUN(test_bloom_text_hostile);
  return unit_end();
}
