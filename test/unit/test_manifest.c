/* Unit tests of log/entry.c, log/log_text.c and log/manifest.c. */
#include "codec/codec.h"
#include "log/manifest.h"
#include "unit.h"

#define HEX_1 "00000000000000a1"
#define HEX_2 "00000000000000a2"
#define HEX_3 "00000000000000a3"

static pq_file_info data_file(const char *name) {
  return (pq_file_info){.kind = PQ_FILE_DATA,
                        .name = name,
                        .collection = PQ_SLICE("posts"),
                        .len = 1000,
                        .footer_len = 300,
                        .row_count = 5,
                        .has_form = true,
                        .form_seq = 3,
                        .id_min = PQ_SLICE("a\"\n\xc3\xa9"),
                        .id_max = PQ_SLICE("z"),
                        .removed = PQ_ENTRY_NONE};
}

static pq_file_info events_file(const char *name) {
  return (pq_file_info){.kind = PQ_FILE_EVENTS,
                        .name = name,
                        .len = UINT64_C(9007199254740993),
                        .footer_len = 10,
                        .has_crc = true,
                        .crc = UINT32_MAX,
                        .footer_crc = 7,
                        .row_count = 7,
                        .seq_lo = 1,
                        .seq_hi = 7,
                        .ts_lo = -5,
                        .ts_hi = 1700000000000001,
                        .removed = PQ_ENTRY_NONE};
}

/* Entries 1 to 3 of a namespace; the arrays are the caller's. */
typedef struct story {
  pq_file_info add[4];
  const char *remove[2];
  pq_index_column columns[2];
  pq_collection_info collection;
  pq_log_entry e[3];
} story;

static void tell(story *s) {
  *s = (story){0};
  s->add[0] = data_file("data/posts/1-1-ab.parquet");
  s->add[1] = events_file("events/day=2026-03-01/1-2-ab.parquet");
  s->add[2] = data_file("data/posts/1-3-ab.parquet");
  s->add[3] = (pq_file_info){.kind = PQ_FILE_DELETES,
                             .name = "deletes/1-4-ab.parquet",
                             .len = 9,
                             .removed = PQ_ENTRY_NONE};
  s->remove[0] = s->add[0].name;
  s->columns[0] =
      (pq_index_column){.path = PQ_SLICE("a.b"), .type = PQ_INDEX_DOUBLE, .field_id = 101};
  s->columns[1] =
      (pq_index_column){.path = PQ_SLICE("c"), .type = PQ_INDEX_OBJECT_ID, .field_id = 102};
  s->collection = (pq_collection_info){
      .name = PQ_SLICE("posts"), .internal_id = 1, .index_columns = s->columns, .index_count = 1};
  s->e[0] = (pq_log_entry){.entry = 1,
                           .epoch = 1,
                           .is_fence = true,
                           .writer = PQ_SLICE(HEX_1),
                           .commit = PQ_SLICE(HEX_1)};
  s->e[1] = (pq_log_entry){.entry = 2,
                           .seq_hi = 7,
                           .ts_hi = 1700000000000001,
                           .epoch = 1,
                           .writer = PQ_SLICE(HEX_1),
                           .commit = PQ_SLICE(HEX_2),
                           .parent = PQ_SLICE(HEX_1),
                           .add = s->add,
                           .add_count = 2,
                           .collections = &s->collection,
                           .collection_count = 1};
  s->e[2] = (pq_log_entry){.entry = 3,
                           .seq_hi = 9,
                           .ts_hi = 1700000000000005,
                           .epoch = 1,
                           .writer = PQ_SLICE(HEX_1),
                           .commit = PQ_SLICE(HEX_3),
                           .parent = PQ_SLICE(HEX_2),
                           .add = s->add + 2,
                           .add_count = 2,
                           .remove = s->remove,
                           .remove_count = 1};
}

static bool file_eq(const pq_file_info *a, const pq_file_info *b) {
  return a->kind == b->kind && strcmp(a->name, b->name) == 0 &&
         pq_slice_eq(a->collection, b->collection) && a->len == b->len &&
         a->footer_len == b->footer_len && a->row_count == b->row_count && a->seq_lo == b->seq_lo &&
         a->seq_hi == b->seq_hi && a->ts_lo == b->ts_lo && a->ts_hi == b->ts_hi &&
         pq_slice_eq(a->id_min, b->id_min) && pq_slice_eq(a->id_max, b->id_max) &&
         a->removed == b->removed && a->has_crc == b->has_crc && a->crc == b->crc &&
         a->footer_crc == b->footer_crc && a->has_form == b->has_form && a->form_seq == b->form_seq;
}

/* A log object around any line. */
static pq_slice with_header(char *out, const char *word, const char *line) {
  unsigned crc = pq_crc32(pq_str(line));
  int n = sprintf(out, "%s 1 %08x\n%s\n", word, crc, line);
  return (pq_slice){(const uint8_t *)out, (size_t)n};
}

static void test_log_key(void) {
  char key[PQ_LOG_KEY_CAP];
  pq_log_key(42, key);
  CHECK(strcmp(key, "log/00000000000000000042") == 0);
  pq_ckpt_key(UINT64_MAX, key);
  CHECK(strcmp(key, "ckpt/18446744073709551615") == 0);
}

/* The worked example of doc/formats/log.md. */
static void test_entry_example(void) {
  static const char text[] =
      "parquedb-log 2 a8add1ba\n"
      "{\"entry\":2,\"seqHi\":7,\"tsHi\":1700000000000001,\"epoch\":1,"
      "\"writer\":\"00000000000000a1\",\"commit\":\"00000000000000a2\","
      "\"parent\":\"00000000000000a1\",\"checkpoint\":0,\"add\":[{\"kind\":\"data\","
      "\"name\":\"data/posts/1-1-ab.parquet\",\"collection\":\"posts\",\"formSeq\":3,\"len\":1000,"
      "\"footerLen\":300,\"rows\":5,\"idMin\":\"posts/p1\",\"idMax\":\"posts/p5\"}],"
      "\"remove\":[\"deletes/1-4-ab.parquet\"],\"collections\":[{\"name\":\"posts\","
      "\"internalId\":1,\"index\":[{\"path\":\"a.b\",\"type\":\"int64\",\"fieldId\":101}]}]}\n";
  pq_cx cx;
  pq_buf out;
  pq_file_info add = data_file("data/posts/1-1-ab.parquet");
  pq_index_column column = {.path = PQ_SLICE("a.b"), .type = PQ_INDEX_INT64, .field_id = 101};
  pq_collection_info collection = {
      .name = PQ_SLICE("posts"), .internal_id = 1, .index_columns = &column, .index_count = 1};
  const char *removed = "deletes/1-4-ab.parquet";
  pq_log_entry e = {.entry = 2,
                    .seq_hi = 7,
                    .ts_hi = 1700000000000001,
                    .epoch = 1,
                    .writer = PQ_SLICE(HEX_1),
                    .commit = PQ_SLICE(HEX_2),
                    .parent = PQ_SLICE(HEX_1),
                    .add = &add,
                    .add_count = 1,
                    .remove = &removed,
                    .remove_count = 1,
                    .collections = &collection,
                    .collection_count = 1};
  unit_cx_init(&cx);
  pq_buf_init(&out, &cx, 1 << 20);
  add.id_min = PQ_SLICE("posts/p1");
  add.id_max = PQ_SLICE("posts/p5");
  CHECK(pq_log_entry_print(&e, &out) == PQ_OK);
  CHECK(pq_slice_is(pq_buf_slice(&out), text));
  pq_buf_release(&out);
}

static void test_entry_round_trip(void) {
  pq_cx cx;
  pq_arena arena;
  pq_buf out;
  pq_log_entry e;
  story s;
  unit_cx_init(&cx);
  pq_arena_init(&arena, &cx, 1 << 20);
  pq_buf_init(&out, &cx, 1 << 20);
  tell(&s);
  for (int i = 0; i < 3; i++) {
    char key[PQ_LOG_KEY_CAP];
    const pq_log_entry *in = &s.e[i];
    pq_log_key(in->entry, key);
    pq_buf_clear(&out);
    CHECK(pq_log_entry_print(in, &out) == PQ_OK);
    CHECK(pq_log_entry_parse(&arena, key, pq_buf_slice(&out), &e) == PQ_OK);
    CHECK(e.entry == in->entry && e.seq_hi == in->seq_hi && e.ts_hi == in->ts_hi);
    CHECK(e.epoch == in->epoch && e.is_fence == in->is_fence && e.checkpoint == in->checkpoint);
    CHECK(pq_slice_eq(e.writer, in->writer) && pq_slice_eq(e.commit, in->commit));
    CHECK(pq_slice_eq(e.parent, in->parent));
    CHECK(e.add_count == in->add_count && e.remove_count == in->remove_count);
    for (uint32_t j = 0; j < e.add_count; j++) {
      CHECK(file_eq(&e.add[j], &in->add[j]));
      CHECK(e.add[j].added == e.entry);
    }
    for (uint32_t j = 0; j < e.remove_count; j++)
      CHECK(strcmp(e.remove[j], in->remove[j]) == 0);
    CHECK(e.collection_count == in->collection_count);
    CHECK(pq_log_entry_parse(&arena, "ns/log/00000000000000000009", pq_buf_slice(&out), &e) ==
          PQ_ECORRUPT);
    CHECK(e.entry == 0);
  }
  pq_buf_release(&out);
  pq_arena_release(&arena);
  CHECK(unit_live_len == 0);
}

static void test_entry_unprintable(void) {
  pq_cx cx;
  pq_buf out;
  story s;
  unit_cx_init(&cx);
  pq_buf_init(&out, &cx, 1 << 20);
#define REFUSED(change)                                      \
  do {                                                       \
    tell(&s);                                                \
    change;                                                  \
    CHECK(pq_log_entry_print(&s.e[1], &out) == PQ_EINVALID); \
    CHECK(out.len == 0);                                     \
  } while (0)
  REFUSED(s.add[0].name = "data/../x");
  REFUSED(s.add[0].name = "/data/x");
  REFUSED(s.add[0].name = "data//x");
  REFUSED(s.add[0].name = "data/");
  REFUSED(s.add[0].name = "data/./x");
  REFUSED(s.add[0].name = "data/a\\b");
  REFUSED(s.add[0].name = "data/a\nb");
  REFUSED(s.add[0].name = "data/\xff");
  REFUSED(s.add[0].name = "log/1");
  REFUSED(s.add[0].name = "rels/forward/1");
  REFUSED(s.add[0].kind = (pq_file_kind)9);
  REFUSED(s.add[0].footer_len = s.add[0].len);
  REFUSED(s.add[0].collection = (pq_slice){0});
  REFUSED(s.add[0].id_min = PQ_SLICE("\xff"));
  REFUSED(s.add[0].id_min = PQ_SLICE("zz"));
  REFUSED(s.add[1].seq_lo = 8);
  REFUSED(s.add[1].ts_lo = INT64_MAX);
  REFUSED(s.add[1].seq_hi = UINT64_MAX);
  REFUSED(s.e[1].seq_hi = UINT64_MAX);
  REFUSED(s.e[1].writer = PQ_SLICE("00000000000000A1"));
  REFUSED(s.e[1].commit = (pq_slice){0});
  REFUSED(s.e[1].parent = (pq_slice){0});
  REFUSED(s.e[1].checkpoint = 2);
  REFUSED(s.e[1].is_fence = true);
  REFUSED(s.collection.internal_id = 0);
  REFUSED(s.collection.name = (pq_slice){0});
  REFUSED(s.columns[0].type = (pq_index_type)7);
  REFUSED(s.columns[0].field_id = -1);
  REFUSED(s.columns[1].field_id = 101; s.collection.index_count = 2);
  REFUSED(s.e[1].remove = s.remove; s.e[1].remove_count = 1; s.remove[0] = "..");
#undef REFUSED
  pq_buf_release(&out);
}

#define HEAD                                                                                     \
  "{\"entry\":2,\"seqHi\":7,\"tsHi\":5,\"epoch\":1,\"writer\":\"" HEX_1 "\",\"commit\":\"" HEX_2 \
  "\",\"parent\":\"" HEX_1 "\",\"checkpoint\":0"

static int parse_line(const char *line) {
  char text[4096];
  pq_cx cx;
  pq_arena arena;
  pq_log_entry e;
  int rc;
  unit_cx_init(&cx);
  pq_arena_init(&arena, &cx, 1 << 20);
  rc = pq_log_entry_parse(&arena, "ns/log/2", with_header(text, "parquedb-log", line), &e);
  CHECK(rc == PQ_OK || strstr(cx.msg, "ns/log/2") != NULL);
  CHECK((rc == PQ_OK) == (e.entry == 2));
  pq_arena_release(&arena);
  CHECK(unit_live_len == 0);
  return rc;
}

static void test_entry_fields(void) {
  CHECK(parse_line(HEAD "}") == PQ_OK);
  CHECK(parse_line(HEAD ",\"later\":{\"x\":[1,2]},\"fence\":false}") == PQ_OK);
  CHECK(parse_line(HEAD ",\"fence\":1}") == PQ_ECORRUPT);
  CHECK(parse_line(HEAD ",\"add\":{}}") == PQ_ECORRUPT);
  CHECK(parse_line(HEAD ",\"add\":[1]}") == PQ_ECORRUPT);
  CHECK(parse_line(HEAD ",\"add\":[{\"kind\":\"x\"}]}") == PQ_ECORRUPT);
  CHECK(parse_line(HEAD ",\"remove\":[\"data/a\",\"../b\"]}") == PQ_ECORRUPT);
  CHECK(parse_line(HEAD ",\"remove\":[\"data/a\\u0000b\"]}") == PQ_ECORRUPT);
  CHECK(parse_line(HEAD ",\"remove\":[\"data/a\",\"deletes/b\"]}") == PQ_OK);
  CHECK(parse_line(HEAD ",\"collections\":[{\"name\":\"c\",\"internalId\":1}]}") == PQ_ECORRUPT);
  CHECK(parse_line(HEAD ",\"collections\":[{\"name\":\"c\",\"internalId\":1,\"index\":[]}]}") ==
        PQ_OK);
  CHECK(parse_line(HEAD ",\"collections\":[{\"name\":\"c\",\"internalId\":1,\"index\":[{\"path\":"
                        "\"a\",\"type\":\"int32\",\"fieldId\":1}]}]}") == PQ_ECORRUPT);
  CHECK(parse_line(HEAD) == PQ_ECORRUPT);
  CHECK(parse_line("[]") == PQ_ECORRUPT);
  CHECK(parse_line("") == PQ_ECORRUPT);
  CHECK(parse_line("{\"entry\":2.0}") == PQ_ECORRUPT);
  CHECK(parse_line("{\"entry\":-2}") == PQ_ECORRUPT);
  CHECK(parse_line("{\"entry\":99999999999999999999}") == PQ_ECORRUPT);
}

/* Each required field is missed. */
static void test_entry_missing(void) {
  static const char *const fields[] = {"entry",  "seqHi",  "tsHi",   "epoch",
                                       "writer", "commit", "parent", "checkpoint"};
  for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++) {
    char line[512], name[32];
    char *at;
    strcpy(line, HEAD "}");
    sprintf(name, "\"%s\"", fields[i]);
    at = strstr(line, name);
    at[1] = 'X';
    CHECK(parse_line(line) == PQ_ECORRUPT);
  }
}

static void test_entry_flipped(void) {
  pq_cx cx;
  pq_arena arena;
  pq_buf out;
  pq_log_entry e;
  story s;
  int failed = 0;
  unit_cx_init(&cx);
  pq_arena_init(&arena, &cx, 1 << 20);
  pq_buf_init(&out, &cx, 1 << 20);
  tell(&s);
  CHECK(pq_log_entry_print(&s.e[1], &out) == PQ_OK);
  for (size_t i = 0; i < out.len; i++)
    for (int bit = 0; bit < 8; bit++) {
      out.p[i] ^= (uint8_t)(1 << bit);
      failed += pq_log_entry_parse(&arena, "k", pq_buf_slice(&out), &e) < 0;
      out.p[i] ^= (uint8_t)(1 << bit);
    }
  CHECK(failed == (int)out.len * 8);
  for (size_t n = 0; n < out.len; n++) {
    char *copy = malloc(n == 0 ? 1 : n);
    memcpy(copy, out.p, n);
    CHECK(pq_log_entry_parse(&arena, "k", (pq_slice){(uint8_t *)copy, n}, &e) == PQ_ECORRUPT);
    free(copy);
  }
  out.p[13] = '3'; /* of entries with segments */
  CHECK(pq_log_entry_parse(&arena, "k", pq_buf_slice(&out), &e) == PQ_ECORRUPT);
  out.p[13] = '4'; /* of entries with edges to other namespaces */
  CHECK(pq_log_entry_parse(&arena, "k", pq_buf_slice(&out), &e) == PQ_ECORRUPT);
  out.p[13] = '5';
  CHECK(pq_log_entry_parse(&arena, "k", pq_buf_slice(&out), &e) == PQ_EUNSUPPORTED);
  pq_buf_release(&out);
  pq_arena_release(&arena);
}

static void check_story(const pq_manifest *m) {
  const pq_file_info *f = pq_manifest_file(m, PQ_SLICE("data/posts/1-1-ab.parquet"));
  const pq_collection_info *c = pq_manifest_collection(m, PQ_SLICE("posts"));
  CHECK(m->entry == 3 && m->seq_hi == 9 && m->epoch == 1 && m->file_count == 4);
  CHECK(pq_slice_is(m->commit, HEX_3));
  CHECK(f != NULL && f->added == 2 && f->removed == 3);
  CHECK(f != NULL && pq_file_is_live(f, 2) && !pq_file_is_live(f, 3) && !pq_file_is_live(f, 1));
  f = pq_manifest_file(m, PQ_SLICE("deletes/1-4-ab.parquet"));
  CHECK(f != NULL && f->added == 3 && f->removed == PQ_ENTRY_NONE && pq_file_is_live(f, 3));
  CHECK(pq_manifest_file(m, PQ_SLICE("data/x")) == NULL);
  CHECK(c != NULL && c->internal_id == 1 && c->index_count == 1);
  CHECK(c != NULL && pq_slice_is(c->index_columns[0].path, "a.b"));
  CHECK(pq_manifest_collection(m, PQ_SLICE("x")) == NULL);
  CHECK(m->next_internal_id == 2 && m->mark_count == 3);
  CHECK(pq_manifest_mark(m, 0).entry == 1);
  CHECK(pq_manifest_mark(m, 6).entry == 1);
  CHECK(pq_manifest_mark(m, 7).entry == 2);
  CHECK(pq_manifest_mark(m, 100).entry == 3);
  CHECK(pq_manifest_mark_at(m, -1).entry == 0);
  CHECK(pq_manifest_mark_at(m, 1700000000000004).entry == 2);
  CHECK(pq_manifest_mark_at(m, INT64_MAX).entry == 3);
}

static void test_manifest_apply(void) {
  pq_cx cx;
  pq_manifest m, again;
  pq_buf out, second;
  story s;
  unit_cx_init(&cx);
  pq_manifest_init(&m, &cx);
  pq_manifest_init(&again, &cx);
  pq_buf_init(&out, &cx, 1 << 20);
  pq_buf_init(&second, &cx, 1 << 20);
  tell(&s);
  CHECK(pq_manifest_mark(&m, 5).entry == 0);
  CHECK(pq_manifest_print(&m, &out) == PQ_EINVALID);
  for (int i = 0; i < 3; i++)
    CHECK(pq_manifest_apply(&m, &s.e[i]) == PQ_OK);
  memset(&s, 0, sizeof s); /* everything was copied */
  check_story(&m);
  CHECK(pq_manifest_print(&m, &out) == PQ_OK);
  CHECK(pq_manifest_parse(&again, "ckpt/00000000000000000003", pq_buf_slice(&out)) == PQ_OK);
  check_story(&again);
  CHECK(again.checkpoint == 3);
  CHECK(pq_manifest_print(&again, &second) == PQ_OK);
  CHECK(pq_slice_eq(pq_buf_slice(&out), pq_buf_slice(&second)));
  pq_buf_release(&out);
  pq_buf_release(&second);
  pq_manifest_release(&m);
  pq_manifest_release(&again);
  CHECK(unit_live_len == 0);
}

/* Nothing of a refused entry stays; the right one is accepted after it. */
static void test_manifest_refuses(void) {
  pq_cx cx;
  pq_manifest m;
  pq_buf before, after;
  story s;
  unit_cx_init(&cx);
  pq_manifest_init(&m, &cx);
  pq_buf_init(&before, &cx, 1 << 20);
  pq_buf_init(&after, &cx, 1 << 20);
  tell(&s);
  CHECK(pq_manifest_apply(&m, &s.e[1]) == PQ_ECORRUPT);
  CHECK(pq_manifest_apply(&m, &s.e[0]) == PQ_OK);
  CHECK(pq_manifest_apply(&m, &s.e[1]) == PQ_OK);
  CHECK(pq_manifest_print(&m, &before) == PQ_OK);
#define REFUSED(change)                                                         \
  do {                                                                          \
    tell(&s);                                                                   \
    change;                                                                     \
    CHECK(pq_manifest_apply(&m, &s.e[2]) == PQ_ECORRUPT);                       \
    CHECK(strstr(cx.msg, "log/") != NULL);                                      \
    pq_buf_clear(&after);                                                       \
    CHECK(pq_manifest_print(&m, &after) == PQ_OK);                              \
    CHECK(pq_slice_eq(pq_buf_slice(&before), pq_buf_slice(&after)));            \
    CHECK(pq_manifest_file(&m, PQ_SLICE("data/posts/1-3-ab.parquet")) == NULL); \
  } while (0)
  REFUSED(s.e[2].entry = 4);
  REFUSED(s.e[2].seq_hi = 6);
  REFUSED(s.e[2].ts_hi = 1);
  REFUSED(s.e[2].epoch = 0);
  REFUSED(s.e[2].parent = PQ_SLICE(HEX_1));
  REFUSED(s.add[3] = s.add[2]);
  REFUSED(s.add[3] = s.add[0]);
  REFUSED(s.add[3].name = "deletes/..");
  REFUSED(s.remove[1] = "data/unknown"; s.e[2].remove_count = 2);
  REFUSED(s.remove[1] = s.remove[0]; s.e[2].remove_count = 2);
  REFUSED(s.remove[0] = s.add[2].name);
#define COLLECTIONS s.e[2].collections = &s.collection, s.e[2].collection_count = 1
  REFUSED(COLLECTIONS; s.collection.index_count = 0);
  REFUSED(COLLECTIONS; s.columns[0].type = PQ_INDEX_BOOL);
  REFUSED(COLLECTIONS; s.columns[0].path = PQ_SLICE("b"));
  REFUSED(COLLECTIONS; s.collection.name = PQ_SLICE("other"));
#undef REFUSED
  tell(&s);
  COLLECTIONS;
  s.collection.index_count = 2;
  CHECK(pq_manifest_apply(&m, &s.e[2]) == PQ_OK);
  CHECK(pq_manifest_collection(&m, PQ_SLICE("posts"))->index_count == 2);
  CHECK(pq_manifest_file(&m, PQ_SLICE("data/posts/1-3-ab.parquet")) != NULL);
  tell(&s); /* re-created under a new internal id */
  COLLECTIONS;
  s.e[2].entry = 4;
  s.e[2].parent = PQ_SLICE(HEX_3);
  s.e[2].add_count = s.e[2].remove_count = 0;
  s.collection.internal_id = 5;
  s.collection.index_count = 0;
  CHECK(pq_manifest_apply(&m, &s.e[2]) == PQ_OK);
  CHECK(m.collection_count == 1 && m.next_internal_id == 6);
  CHECK(pq_manifest_collection(&m, PQ_SLICE("posts"))->index_count == 0);
  pq_buf_release(&before);
  pq_buf_release(&after);
  pq_manifest_release(&m);
  CHECK(unit_live_len == 0);
}

/* Segments make entry and checkpoint of version 3; one is found by the name of its file, as long as
 * it lives whenever the file does. */
static void test_manifest_segment(void) {
  pq_cx cx;
  pq_manifest m, again;
  pq_buf out;
  pq_arena arena;
  pq_log_entry e;
  story s;
  const pq_file_info *forward;
  unit_cx_init(&cx);
  pq_manifest_init(&m, &cx);
  pq_manifest_init(&again, &cx);
  pq_buf_init(&out, &cx, 1 << 20);
  pq_arena_init(&arena, &cx, 1 << 20);
  tell(&s);
  s.add[0].kind = PQ_FILE_FORWARD;
  s.add[0].name = "rels/forward/1-1-ab.parquet";
  s.add[0].collection = (pq_slice){0};
  s.add[0].has_form = false;
  s.add[0].form_seq = 0;
  s.add[0].type_count = 0;
  s.add[1] = (pq_file_info){.kind = PQ_FILE_ADJACENCY,
                            .name = "indexes/adjacency/1-1-ab.parquet",
                            .len = 9,
                            .removed = PQ_ENTRY_NONE};
  CHECK(pq_log_entry_print(&s.e[1], &out) == PQ_OK);
  CHECK(memcmp(out.p, "parquedb-log 3 ", 15) == 0);
  CHECK(pq_log_entry_parse(&arena, "k", pq_buf_slice(&out), &e) == PQ_OK);
  CHECK(e.add[1].kind == PQ_FILE_ADJACENCY && strcmp(e.add[1].name, s.add[1].name) == 0);
  out.p[13] = '2';
  CHECK(pq_log_entry_parse(&arena, "k", pq_buf_slice(&out), &e) == PQ_ECORRUPT);
  s.add[0].has_foreign = true; /* edges to other namespaces */
  pq_buf_clear(&out);
  CHECK(pq_log_entry_print(&s.e[1], &out) == PQ_OK);
  CHECK(memcmp(out.p, "parquedb-log 4 ", 15) == 0);
  CHECK(pq_log_entry_parse(&arena, "k", pq_buf_slice(&out), &e) == PQ_OK);
  CHECK(e.add[0].has_foreign && !e.add[1].has_foreign);
  out.p[13] = '3';
  CHECK(pq_log_entry_parse(&arena, "k", pq_buf_slice(&out), &e) == PQ_ECORRUPT);
  s.add[1].has_foreign = true;
  CHECK(pq_log_entry_print(&s.e[1], &out) == PQ_EINVALID);
  s.add[0].has_foreign = s.add[1].has_foreign = false;
  CHECK(pq_manifest_apply(&m, &s.e[0]) == PQ_OK && pq_manifest_apply(&m, &s.e[1]) == PQ_OK);
  forward = pq_manifest_file(&m, pq_str(s.add[0].name));
  CHECK(pq_manifest_segment(&m, forward) == pq_manifest_file(&m, pq_str(s.add[1].name)));
  CHECK(pq_manifest_segment(&m, &s.add[2]) == NULL);
  pq_buf_clear(&out);
  CHECK(pq_manifest_print(&m, &out) == PQ_OK && memcmp(out.p, "parquedb-ckpt 3 ", 16) == 0);
  CHECK(pq_manifest_parse(&again, "k", pq_buf_slice(&out)) == PQ_OK);
  CHECK(pq_manifest_segment(&again, pq_manifest_file(&again, pq_str(s.add[0].name))) != NULL);
  s.remove[0] = s.add[1].name; /* the segment alone */
  CHECK(pq_manifest_apply(&m, &s.e[2]) == PQ_OK);
  CHECK(pq_manifest_segment(&m, pq_manifest_file(&m, pq_str(s.add[0].name))) == NULL);
  pq_buf_release(&out);
  pq_arena_release(&arena);
  pq_manifest_release(&m);
  pq_manifest_release(&again);
  CHECK(unit_live_len == 0);
}

/* The checkpoint of doc/formats/log.md. */
static void test_checkpoint_example(void) {
  static const char text[] =
      "parquedb-ckpt 2 587a5c27\n"
      "{\"entry\":2,\"seqHi\":7,\"tsHi\":1700000000000001,\"epoch\":1,\"commit\":\"00000000"
      "000000a2\",\"nextInternalId\":2,\"files\":[{\"kind\":\"deletes\",\"name\":\"deletes/"
      "1-4-ab.parquet\",\"len\":900,\"footerLen\":400,\"rows\":3,\"added\":1,\"removed\":2}"
      ",{\"kind\":\"data\",\"name\":\"data/posts/1-1-ab.parquet\",\"collection\":\"posts\","
      "\"len\":1000,\"footerLen\":300,\"rows\":5,\"idMin\":\"posts/p1\",\"idMax\":\"posts/p5\""
      ",\"added\":2}],\"collections\":[{\"name\":\"posts\",\"internalId\":1,\"index\":[{\"path\":\""
      "a.b\",\"type\":\"int64\",\"fieldId\":101}]}],\"marks\":[[1,2,1600000000000000],[2,7,"
      "1700000000000001]]}"
      "\n";
  pq_cx cx;
  pq_manifest m;
  pq_buf out;
  unit_cx_init(&cx);
  pq_manifest_init(&m, &cx);
  pq_buf_init(&out, &cx, 1 << 20);
  CHECK(pq_manifest_parse(&m, "ckpt/00000000000000000002", pq_str(text)) == PQ_OK);
  CHECK(m.file_count == 2 && m.mark_count == 2 && m.collection_count == 1);
  CHECK(pq_manifest_print(&m, &out) == PQ_OK);
  CHECK(pq_slice_is(pq_buf_slice(&out), text));
  pq_buf_release(&out);
  pq_manifest_release(&m);
}

/* Many entries: arrays and the table grow, all files are found, the checkpoint holds them all. */
static void test_manifest_many(void) {
  enum { ENTRIES = 400, PER_ENTRY = 5 };
  pq_cx cx;
  pq_manifest m, again;
  pq_buf out;
  char commit[2][17] = {"0000000000000000", ""};
  int found = 0;
  unit_cx_init(&cx);
  pq_manifest_init(&m, &cx);
  pq_manifest_init(&again, &cx);
  pq_buf_init(&out, &cx, 1 << 24);
  for (uint64_t k = 1; k <= ENTRIES; k++) {
    char names[PER_ENTRY][64], victim[64];
    const char *remove = victim;
    pq_file_info add[PER_ENTRY];
    pq_log_entry e = {.entry = k, .seq_hi = k * 10, .ts_hi = (int64_t)k * 100, .epoch = 1};
    for (int i = 0; i < PER_ENTRY; i++) {
      sprintf(names[i], "data/posts/1-%d-%d.parquet", (int)k, i);
      add[i] = data_file(names[i]);
    }
    sprintf(victim, "data/posts/1-%d-0.parquet", (int)k - 1);
    sprintf(commit[k % 2], "%016llx", (unsigned long long)k);
    e.writer = PQ_SLICE(HEX_1);
    e.commit = pq_str(commit[k % 2]);
    if (k > 1) e.parent = pq_str(commit[(k + 1) % 2]);
    e.add = add;
    e.add_count = PER_ENTRY;
    e.remove = &remove;
    e.remove_count = k > 1;
    CHECK(pq_manifest_apply(&m, &e) == PQ_OK);
  }
  CHECK(pq_manifest_print(&m, &out) == PQ_OK);
  cx.limits.doc_len_max = 4096; /* the limit of documents is none of checkpoints */
  CHECK(pq_manifest_parse(&again, "ckpt", pq_buf_slice(&out)) == PQ_OK);
  for (uint32_t i = 0; i < m.file_count; i++)
    found += pq_manifest_file(&again, pq_str(m.files[i].name)) == &again.files[i] &&
             file_eq(&m.files[i], &again.files[i]) && m.files[i].added == again.files[i].added;
  CHECK(found == ENTRIES * PER_ENTRY);
  CHECK(pq_manifest_mark(&m, 1999).entry == 199);
  CHECK(pq_manifest_mark_at(&again, 20000).entry == 200);
  pq_buf_release(&out);
  pq_manifest_release(&m);
  pq_manifest_release(&again);
  CHECK(unit_live_len == 0);
}

#define CKPT                                                                                      \
  "{\"entry\":3,\"seqHi\":9,\"tsHi\":5,\"epoch\":1,\"commit\":\"" HEX_3                           \
  "\",\"nextInternalId\":2,"                                                                      \
  "\"files\":[{\"kind\":\"deletes\",\"name\":\"deletes/a\",\"len\":9,\"footerLen\":3,\"rows\":1," \
  "\"added\":%s}%s],\"collections\":[{\"name\":\"c\",\"internalId\":%d,\"index\":[]}],"           \
  "\"marks\":[%s[3,9,%d]]}"

static int parse_ckpt(const char *added, const char *more, int id, const char *marks, int ts) {
  char line[2048], text[4096];
  pq_cx cx;
  pq_manifest m;
  int rc;
  unit_cx_init(&cx);
  pq_manifest_init(&m, &cx);
  sprintf(line, CKPT, added, more, id, marks, ts);
  rc = pq_manifest_parse(&m, "ckpt/3", with_header(text, "parquedb-ckpt", line));
  CHECK((rc == PQ_OK) == (m.entry == 3 && m.file_count > 0));
  CHECK(rc == PQ_OK || strstr(cx.msg, "ckpt/3") != NULL);
  pq_manifest_release(&m);
  CHECK(unit_live_len == 0);
  return rc;
}

static void test_checkpoint_fields(void) {
#define TWIN(name, added)                           \
  ",{\"kind\":\"deletes\",\"name\":\"deletes/" name \
  "\",\"len\":9,\"footerLen\":3,\"rows\":1," added "}"
  CHECK(parse_ckpt("3", "", 1, "", 5) == PQ_OK);
  CHECK(parse_ckpt("2,\"removed\":3", "", 1, "[1,2,3],", 5) == PQ_OK);
  CHECK(parse_ckpt("4", "", 1, "", 5) == PQ_ECORRUPT);
  CHECK(parse_ckpt("0", "", 1, "", 5) == PQ_ECORRUPT);
  CHECK(parse_ckpt("3,\"removed\":3", "", 1, "", 5) == PQ_ECORRUPT);
  CHECK(parse_ckpt("2,\"removed\":4", "", 1, "", 5) == PQ_ECORRUPT);
  CHECK(parse_ckpt("2", TWIN("b", "\"added\":3"), 1, "", 5) == PQ_OK);
  CHECK(parse_ckpt("2", TWIN("a", "\"added\":3"), 1, "", 5) == PQ_ECORRUPT);
  CHECK(parse_ckpt("2", TWIN("b", "\"added\":1"), 1, "", 5) == PQ_ECORRUPT);
  CHECK(parse_ckpt("2", TWIN("b", "\"x\":1"), 1, "", 5) == PQ_ECORRUPT);
  CHECK(parse_ckpt("3", "", 2, "", 5) == PQ_ECORRUPT);
  CHECK(parse_ckpt("3", "", 1, "", 6) == PQ_ECORRUPT);
  CHECK(parse_ckpt("3", "", 1, "[3,9,5],", 5) == PQ_ECORRUPT);
  CHECK(parse_ckpt("3", "", 1, "[1,10,5],", 5) == PQ_ECORRUPT);
  CHECK(parse_ckpt("3", "", 1, "[1,2],", 5) == PQ_ECORRUPT);
  CHECK(parse_ckpt("3", "", 1, "7,", 5) == PQ_ECORRUPT);
}

static int whole_story(pq_cx *cx) {
  pq_manifest m, again;
  pq_arena arena;
  pq_buf out;
  pq_log_entry e;
  story s;
  int rc = PQ_OK;
  pq_manifest_init(&m, cx);
  pq_manifest_init(&again, cx);
  pq_arena_init(&arena, cx, 1 << 20);
  pq_buf_init(&out, cx, 1 << 20);
  tell(&s);
  for (int i = 0; i < 3 && rc == PQ_OK; i++) {
    pq_buf_clear(&out);
    rc = pq_log_entry_print(&s.e[i], &out);
    if (rc == PQ_OK) rc = pq_log_entry_parse(&arena, "k", pq_buf_slice(&out), &e);
    if (rc == PQ_OK) {
      uint64_t entry = m.entry;
      uint32_t files = m.file_count;
      rc = pq_manifest_apply(&m, &e);
      if (rc != PQ_OK) CHECK(m.entry == entry && m.file_count == files);
      if (rc != PQ_OK && i == 2) CHECK(m.files[0].removed == PQ_ENTRY_NONE);
    }
  }
  pq_buf_clear(&out);
  if (rc == PQ_OK) rc = pq_manifest_print(&m, &out);
  if (rc == PQ_OK) rc = pq_manifest_parse(&again, "k", pq_buf_slice(&out));
  pq_buf_release(&out);
  pq_arena_release(&arena);
  pq_manifest_release(&again);
  pq_manifest_release(&m);
  return rc;
}

static void test_manifest_out_of_memory(void) {
  pq_cx cx;
  int rc = PQ_OK;
  for (long n = 1; n > 0; n = unit_oom_next(n, rc)) {
    unit_cx_init(&cx);
    unit_fail_at = n;
    rc = whole_story(&cx);
  }
}

/* An apply that ran out of memory can be repeated. */
static void test_manifest_apply_again(void) {
  for (long n = 1; n < 40; n++) {
    pq_cx cx;
    pq_manifest m;
    story s;
    int rc;
    unit_cx_init(&cx);
    pq_manifest_init(&m, &cx);
    tell(&s);
    for (int i = 0; i < 3; i++) {
      unit_calls = 0;
      unit_fail_at = n;
      rc = pq_manifest_apply(&m, &s.e[i]);
      unit_fail_at = 0;
      CHECK(rc == PQ_OK || rc == PQ_ENOMEM);
      if (rc != PQ_OK) CHECK(pq_manifest_apply(&m, &s.e[i]) == PQ_OK);
    }
    check_story(&m);
    pq_manifest_release(&m);
    CHECK(unit_live_len == 0);
  }
}

int main(void) {
  RUN(test_log_key);
  RUN(test_entry_example);
  RUN(test_entry_round_trip);
  RUN(test_entry_unprintable);
  RUN(test_entry_fields);
  RUN(test_entry_missing);
  RUN(test_entry_flipped);
  RUN(test_manifest_apply);
  RUN(test_manifest_refuses);
  RUN(test_manifest_segment);
  RUN(test_checkpoint_example);
  RUN(test_manifest_many);
  RUN(test_checkpoint_fields);
  RUN(test_manifest_out_of_memory);
  RUN(test_manifest_apply_again);
  return unit_end();
}
