/* Unit tests of log/event_file.c. The file lives in memory; a loop answers its requests. */
#include "base/text.h"
#include "log/event_file.h"
#include "parquet_util.h"
#include "value/builder.h"

#define KEY "ns/events/day=2026-03-01/1-1-ab.parquet"
#define NOON INT64_C(1772366400000000) /* 2026-03-01T12:00:00Z */

typedef struct fixture {
  pq_cx cx;
  pq_arena arena; /* of the events */
  pq_arena stage; /* of the reads */
  pq_fetch fetch;
  pq_event *events;
  uint32_t count;
  pq_writer *writer;
  pq_file file;
  int rounds;
} fixture;

static void setup(fixture *f) {
  pq_cx cx = f->cx;
  *f = (fixture){.cx = cx};
  pq_arena_init(&f->arena, &f->cx, 1u << 30);
  pq_arena_init(&f->stage, &f->cx, 1u << 30);
  pq_fetch_init(&f->fetch, &f->cx);
}

static void teardown(fixture *f) {
  pq_writer_free(f->writer);
  pq_fetch_release(&f->fetch);
  pq_arena_release(&f->arena);
  pq_arena_release(&f->stage);
}

static void answer(fixture *f) {
  f->rounds++;
  serve(&f->fetch, pq_writer_bytes(f->writer));
}

static int write_file(pq_cx *cx, pq_slice ns, const pq_event *events, uint32_t count,
                      pq_writer **out) {
  const pq_event **list = pq_alloc(cx, NULL, 0, (count + 1) * sizeof *list);
  int rc;
  *out = NULL;
  if (list == NULL) return pq_fail_nomem(cx);
  for (uint32_t i = 0; i < count; i++)
    list[i] = &events[i];
  rc = pq_event_file_write(cx, NULL, ns, list, count, out);
  pq_alloc(cx, (void *)list, (count + 1) * sizeof *list, 0);
  return rc;
}

static int open_file(fixture *f) {
  int rc;
  f->file.key = KEY;
  do {
    rc = pq_footer_fetch(&f->fetch, &f->arena, KEY, pq_writer_bytes(f->writer).n,
                         pq_writer_footer_len(f->writer), &f->file.footer);
    if (rc == PQ_NEED_IO) answer(f);
  } while (rc == PQ_NEED_IO);
  pq_fetch_clear(&f->fetch);
  return rc;
}

static int read_group(fixture *f, uint32_t group, const pq_event_want *want, pq_event **out,
                      uint32_t *count) {
  int rc;
  f->rounds = 0;
  pq_fetch_clear(&f->fetch);
  pq_arena_clear(&f->stage);
  do {
    rc = pq_event_file_read(&f->fetch, &f->stage, &f->file, group, want, out, count);
    if (rc == PQ_NEED_IO) answer(f);
  } while (rc == PQ_NEED_IO);
  return rc;
}

/* {"n": n} */
static int make_document(pq_builder *b, pq_arena *arena, int32_t n, pq_value *out) {
  PQ_TRY(pq_builder_begin_object(b));
  PQ_TRY(pq_builder_key_str(b, "n"));
  PQ_TRY(pq_builder_i32(b, n));
  PQ_TRY(pq_builder_end(b));
  return pq_builder_finish(b, arena, out);
}

/* Event i: entities and edges in turn; 100 ids in three collections; times rise every tenth. */
static int make_event(fixture *f, pq_builder *b, uint32_t i, pq_event *e) {
  static const char *const collections[] = {"posts", "users", "tags"};
  char *id = pq_arena_printf(&f->arena, "%s/id-%u", collections[i % 3], (unsigned)(i * 7 % 100));
  *e = (pq_event){.seq = i + 10, .ts = NOON + i / 10 * 1001, .version = i % 4 + 1};
  if (id == NULL) return f->cx.code;
  e->id = pq_str(id);
  e->op = i % 11 == 0 ? PQ_EVENT_UPDATE : PQ_EVENT_CREATE;
  e->actor = i % 13 == 0 ? (pq_slice){0} : PQ_SLICE("users/me");
  e->created_by = PQ_SLICE("users/me");
  e->created_at = e->ts - (i % 11 == 0 ? 77 : 0);
  if (i % 11 == 0) {
    e->prev = i + 9;
    e->where_file = PQ_SLICE("data/posts/1-1-ab.parquet");
    e->where_row = i / 11; /* 0 is a row */
  }
  if (i % 17 == 0) e->txn = e->seq;
  if (i % 2 == 0) {
    e->target = PQ_TARGET_ENTITY;
    e->type = i % 5 == 0 ? (pq_slice){0} : PQ_SLICE("Post");
    PQ_TRY(make_document(b, &f->arena, (int32_t)i, &e->after));
    if (i % 3 == 0) PQ_TRY(make_document(b, &f->arena, (int32_t)i + 1, &e->before));
    if (i % 19 == 0) PQ_TRY(make_document(b, &f->arena, (int32_t)i + 2, &e->metadata));
  } else {
    e->target = PQ_TARGET_REL;
    e->predicate = PQ_SLICE("author");
    e->reverse = PQ_SLICE("posts");
    e->to_id = PQ_SLICE("users/u7");
  }
  if (i % 101 == 100) {
    *e = (pq_event){.seq = e->seq, .ts = e->ts, .created_at = e->ts, .id = PQ_SLICE("tags")};
    e->target = PQ_TARGET_COLLECTION;
    e->op = PQ_EVENT_DELETE;
  }
  return PQ_OK;
}

static int make_events(fixture *f, uint32_t count) {
  pq_builder *b;
  int rc;
  PQ_TRY(pq_builder_new(&f->cx, &b));
  f->events = pq_arena_calloc(&f->arena, count, sizeof *f->events);
  rc = f->events == NULL ? f->cx.code : PQ_OK;
  for (uint32_t i = 0; i < count && rc == PQ_OK; i++)
    rc = make_event(f, b, i, &f->events[i]);
  pq_builder_free(b);
  f->count = count;
  return rc;
}

static int make_file(fixture *f, uint32_t count) {
  PQ_TRY(make_events(f, count));
  PQ_TRY(write_file(&f->cx, PQ_SLICE("default"), f->events, count, &f->writer));
  return open_file(f);
}

static bool value_eq(pq_value a, pq_value b) {
  return pq_slice_eq(pq_value_meta(a), pq_value_meta(b)) &&
         pq_slice_eq(pq_value_bytes(a), pq_value_bytes(b));
}

static bool event_eq(const pq_event *a, const pq_event *b, const pq_event_want *want) {
  pq_value none = {0};
  return a->seq == b->seq && a->ts == b->ts && a->target == b->target && a->op == b->op &&
         pq_slice_eq(a->id, b->id) && pq_slice_eq(a->type, b->type) &&
         pq_slice_eq(a->predicate, b->predicate) && pq_slice_eq(a->reverse, b->reverse) &&
         pq_slice_eq(a->to_id, b->to_id) && a->version == b->version &&
         a->created_at == b->created_at && pq_slice_eq(a->created_by, b->created_by) &&
         pq_slice_eq(a->actor, b->actor) && a->txn == b->txn && a->prev == b->prev &&
         pq_slice_eq(a->where_file, b->where_file) && a->where_row == b->where_row &&
         value_eq(a->after, want->needs_values ? b->after : none) &&
         value_eq(a->before, want->needs_before ? b->before : none) &&
         value_eq(a->metadata, want->needs_before ? b->metadata : none);
}

static bool is_wanted(const pq_event *e, const pq_event_want *w) {
  pq_slice collection, local;
  if (!pq_id_split(e->id, &collection, &local)) collection = e->id;
  return e->seq >= w->seq_lo && e->seq <= w->seq_hi && e->ts <= w->ts_hi &&
         (w->target == 0 || e->target == w->target) &&
         (w->id.n == 0 || pq_slice_eq(e->id, w->id)) &&
         (w->collection.n == 0 || pq_slice_eq(collection, w->collection));
}

/* Read row group 0 and compare with a plain filter over the events. Returns the rounds. */
static int check_want(fixture *f, pq_event_want want) {
  pq_event *got;
  uint32_t count, n = 0;
  int rc = read_group(f, 0, &want, &got, &count);
  CHECK(rc == PQ_OK);
  if (rc != PQ_OK) fprintf(stderr, "%s\n", f->cx.msg);
  for (uint32_t i = 0; i < f->count && rc == PQ_OK; i++) {
    if (!is_wanted(&f->events[i], &want)) continue;
    CHECK(n < count && event_eq(&got[n], &f->events[i], &want));
    n++;
  }
  CHECK(n == count);
  return f->rounds;
}

static const pq_event_want all = {
    .seq_hi = UINT64_MAX, .ts_hi = INT64_MAX, .needs_values = true, .needs_before = true};

static void test_event_file_read(void) {
  fixture f;
  pq_event_want w = all;
  unit_cx_init(&f.cx);
  setup(&f);
  CHECK(make_file(&f, 3000) == PQ_OK);
  CHECK(f.file.footer->row_group_count == 1 && f.file.footer->leaf_count == 27);
  CHECK(check_want(&f, w) == 1);
  w.needs_values = w.needs_before = false;
  CHECK(check_want(&f, w) == 1);
  w = all;
  w.seq_lo = 1000;
  w.seq_hi = 1002;
  CHECK(check_want(&f, w) <= 2);
  w.seq_hi = 1000000;
  CHECK(check_want(&f, w) <= 2);
  w = all;
  w.ts_hi = NOON + 1001 * 7;
  CHECK(check_want(&f, w) <= 2);
  w = all;
  w.target = PQ_TARGET_REL;
  CHECK(check_want(&f, w) <= 2);
  w.collection = PQ_SLICE("tags");
  CHECK(check_want(&f, w) <= 2);
  w.target = PQ_TARGET_COLLECTION;
  CHECK(check_want(&f, w) <= 2);
  w = all;
  w.id = PQ_SLICE("posts/id-63");
  CHECK(check_want(&f, w) <= 2);
  w.needs_before = false;
  w.seq_lo = 500;
  CHECK(check_want(&f, w) <= 2);
  w.id = PQ_SLICE("tags");
  CHECK(check_want(&f, w) <= 2);
  w.id = PQ_SLICE("posts/absent");
  CHECK(check_want(&f, w) == 1);
  w.id = PQ_SLICE("users/id-63");
  w.collection = PQ_SLICE("posts");
  CHECK(check_want(&f, w) == 1);
  teardown(&f);
  CHECK(unit_live_len == 0);
}

/* What the bounds exclude costs nothing. */
static void test_event_file_bounds(void) {
  fixture f;
  pq_event_want w = all;
  unit_cx_init(&f.cx);
  setup(&f);
  CHECK(make_file(&f, 100) == PQ_OK);
  w.seq_lo = 110;
  CHECK(check_want(&f, w) == 0);
  w = all;
  w.seq_hi = 9;
  CHECK(check_want(&f, w) == 0);
  w = all;
  w.ts_hi = NOON - 1;
  CHECK(check_want(&f, w) == 0);
  w = all;
  w.seq_lo = 50;
  w.seq_hi = 40;
  CHECK(check_want(&f, w) == 0);
  w.seq_lo = UINT64_MAX;
  w.seq_hi = UINT64_MAX;
  CHECK(check_want(&f, w) == 0);
  teardown(&f);
  CHECK(unit_live_len == 0);
}

/* Documents that do not compress: {"n": "200 letters"}. */
static int make_large_documents(fixture *f) {
  pq_builder *b;
  uint32_t state = 1;
  int rc = pq_builder_new(&f->cx, &b);
  for (uint32_t i = 0; i < f->count && rc == PQ_OK; i++) {
    char text[201] = "";
    for (int j = 0; j < 200; j++) {
      state = state * 1664525u + 1013904223u;
      text[j] = (char)(' ' + (state >> 26));
    }
    if (f->events[i].target != PQ_TARGET_ENTITY) continue;
    rc = pq_builder_begin_object(b);
    if (rc == PQ_OK) rc = pq_builder_key_str(b, "n");
    if (rc == PQ_OK) rc = pq_builder_str(b, text);
    if (rc == PQ_OK) rc = pq_builder_end(b);
    if (rc == PQ_OK) rc = pq_builder_finish(b, &f->arena, &f->events[i].after);
  }
  pq_builder_free(b);
  return rc;
}

/* Few events of many: only some pages of the values are read. */
static void test_event_file_few(void) {
  fixture f;
  pq_event_want w = all;
  uint64_t start, whole;
  unit_cx_init(&f.cx);
  setup(&f);
  CHECK(make_events(&f, 5000) == PQ_OK);
  CHECK(make_large_documents(&f) == PQ_OK);
  CHECK(write_file(&f.cx, PQ_SLICE("default"), f.events, f.count, &f.writer) == PQ_OK);
  CHECK(open_file(&f) == PQ_OK);
  start = f.fetch.stat_bytes;
  CHECK(check_want(&f, w) == 1);
  whole = f.fetch.stat_bytes - start;
  w.seq_lo = w.seq_hi = 2510;
  start = f.fetch.stat_bytes;
  CHECK(check_want(&f, w) == 2);
  CHECK(f.fetch.stat_bytes - start < whole / 3);
  teardown(&f);
  CHECK(unit_live_len == 0);
}

/* The ids are ULIDs of ts and seq. */
static void test_event_file_ids(void) {
  fixture f;
  pq_column ids;
  int leaf, rc;
  unit_cx_init(&f.cx);
  setup(&f);
  CHECK(make_file(&f, 50) == PQ_OK);
  leaf = pq_footer_leaf(f.file.footer, "id");
  CHECK(leaf == 0);
  while ((rc = pq_chunk_want(&f.fetch, &f.file, 0, 0, NULL, NULL, 0)) == PQ_NEED_IO)
    answer(&f);
  CHECK(rc == PQ_OK);
  CHECK(pq_chunk_decode(&f.fetch, &f.stage, &f.file, 0, 0, NULL, NULL, 0, &ids) == PQ_OK);
  for (uint32_t i = 0; i < ids.row_count; i++) {
    uint8_t rnd[10] = {0};
    char ulid[PQ_ULID_LEN + 1];
    rnd[9] = (uint8_t)f.events[i].seq;
    pq_ulid((uint64_t)f.events[i].ts / 1000, rnd, ulid);
    CHECK(pq_slice_is(ids.v.bytes[i], ulid));
    CHECK(i == 0 || pq_slice_cmp(ids.v.bytes[i - 1], ids.v.bytes[i]) < 0);
  }
  teardown(&f);
}

/* The worked example of doc/formats/events.md. */
static void test_event_file_example(void) {
  static const uint8_t meta[] = {0x11, 0x01, 0x00, 0x05, 0x74, 0x69, 0x74, 0x6c, 0x65};
  static const uint8_t value[] = {0x02, 0x01, 0x00, 0x00, 0x03, 0x09, 0x48, 0x69};
  pq_event events[2] = {{.seq = 17, .ts = NOON + 1000, .target = PQ_TARGET_ENTITY},
                        {.seq = 18, .ts = NOON + 1000, .target = PQ_TARGET_REL}};
  fixture f;
  pq_column ids;
  int rc;
  unit_cx_init(&f.cx);
  setup(&f);
  for (int i = 0; i < 2; i++) {
    events[i].op = PQ_EVENT_CREATE;
    events[i].id = PQ_SLICE("posts/p1");
    events[i].version = 1;
    events[i].created_at = events[i].ts;
    events[i].created_by = events[i].actor = PQ_SLICE("users/u7");
  }
  events[0].type = PQ_SLICE("Post");
  CHECK(pq_value_check(&f.cx, (pq_slice){meta, sizeof meta}, (pq_slice){value, sizeof value},
                       &events[0].after) == PQ_OK);
  events[1].predicate = PQ_SLICE("author");
  events[1].reverse = PQ_SLICE("posts");
  events[1].to_id = PQ_SLICE("users/u7");
  CHECK(write_file(&f.cx, PQ_SLICE("default"), events, 2, &f.writer) == PQ_OK);
  CHECK(open_file(&f) == PQ_OK);
  while ((rc = pq_chunk_want(&f.fetch, &f.file, 0, 0, NULL, NULL, 0)) == PQ_NEED_IO)
    answer(&f);
  CHECK(rc == PQ_OK);
  CHECK(pq_chunk_decode(&f.fetch, &f.stage, &f.file, 0, 0, NULL, NULL, 0, &ids) == PQ_OK);
  CHECK(pq_slice_is(ids.v.bytes[0], "01kjmma2g1000000000000000h"));
  CHECK(pq_slice_is(ids.v.bytes[1], "01kjmma2g1000000000000000j"));
  f.events = events;
  f.count = 2;
  check_want(&f, all);
  teardown(&f);
  CHECK(unit_live_len == 0);
}

static void test_event_file_schema(void) {
  static const char *const columns[] = {
      "id",         "seq",        "ts",         "target",     "op",        "ns",
      "collection", "entity_id",  "type",       "predicate",  "reverse",   "to_id",
      "version",    "created_at", "created_by", "before",     "after",     "actor",
      "metadata",   "txn",        "prev",       "where_file", "where_row", "hash"};
  fixture f;
  unit_cx_init(&f.cx);
  setup(&f);
  CHECK(make_file(&f, 5) == PQ_OK);
  for (int i = 0; i < 24; i++) {
    char path[40];
    int leaf = pq_footer_leaf(f.file.footer, columns[i]);
    sprintf(path, "%s.value", columns[i]);
    if (leaf < 0) leaf = pq_footer_leaf(f.file.footer, path);
    CHECK(leaf >= 0 && f.file.footer->leaves[leaf].field_id == i + 1);
  }
  CHECK(pq_slice_is(pq_footer_key(f.file.footer, "parquedb.events"), "1"));
  teardown(&f);
}

static void test_event_file_refuses(void) {
  fixture f;
  pq_writer *w;
  unit_cx_init(&f.cx);
  setup(&f);
#define REFUSED(change)                                                            \
  do {                                                                             \
    CHECK(make_events(&f, 8) == PQ_OK);                                            \
    change;                                                                        \
    CHECK(write_file(&f.cx, PQ_SLICE("default"), f.events, 8, &w) == PQ_EINVALID); \
    CHECK(w == NULL);                                                              \
  } while (0)
  REFUSED(f.events[3].seq = f.events[2].seq);
  REFUSED(f.events[3].ts = NOON - 1);
  REFUSED(f.events[7].ts = NOON + INT64_C(86400000000));
  REFUSED(f.events[3].id = PQ_SLICE("nowhere"));
  REFUSED(f.events[2].after = (pq_value){0}; f.events[2].op = PQ_EVENT_CREATE);
#undef REFUSED
  CHECK(write_file(&f.cx, PQ_SLICE("\xff"), f.events, 0, &w) == PQ_EINVALID);
  CHECK(write_file(&f.cx, PQ_SLICE("default"), NULL, 0, &f.writer) == PQ_OK);
  CHECK(open_file(&f) == PQ_OK);
  CHECK(f.file.footer->row_group_count == 0);
  teardown(&f);
  CHECK(unit_live_len == 0);
}

/* Changed bytes give an error or events that obey the rules, never harm. */
static void test_event_file_flipped(void) {
  fixture f;
  pq_slice bytes;
  unit_cx_init(&f.cx);
  setup(&f);
  CHECK(make_file(&f, 40) == PQ_OK);
  bytes = pq_writer_bytes(f.writer);
  for (size_t i = 0; i < bytes.n; i++) {
    uint8_t *p = (uint8_t *)(uintptr_t)bytes.p + i; /* the writer's own memory */
    pq_event *events;
    uint32_t count;
    pq_event_want w = all;
    w.target = i % 2 == 0 ? PQ_TARGET_REL : (pq_target)0;
    *p ^= (uint8_t)(1 << i % 8);
    pq_fetch_clear(&f.fetch);
    if (open_file(&f) == PQ_OK && f.file.footer->row_group_count > 0) {
      int rc = read_group(&f, 0, &w, &events, &count);
      CHECK(rc <= 0);
      CHECK(rc == PQ_OK || (events == NULL && count == 0));
    }
    *p ^= (uint8_t)(1 << i % 8);
  }
  teardown(&f);
  CHECK(unit_live_len == 0);
}

static void test_event_file_groups(void) {
  fixture f;
  pq_event_want w = all;
  uint32_t total = 0;
  unit_cx_init(&f.cx);
  setup(&f);
  f.count = 100001;
  f.events = pq_arena_calloc(&f.arena, f.count, sizeof *f.events);
  for (uint32_t i = 0; i < f.count; i++)
    f.events[i] = (pq_event){.seq = i + 1,
                             .ts = NOON,
                             .target = PQ_TARGET_REL,
                             .op = PQ_EVENT_CREATE,
                             .id = PQ_SLICE("a/1"),
                             .predicate = PQ_SLICE("p"),
                             .to_id = PQ_SLICE("b/2"),
                             .version = 1,
                             .created_at = NOON};
  CHECK(write_file(&f.cx, PQ_SLICE("n"), f.events, f.count, &f.writer) == PQ_OK);
  CHECK(open_file(&f) == PQ_OK);
  CHECK(f.file.footer->row_group_count == 2);
  for (uint32_t g = 0; g < 2; g++) {
    pq_event *events;
    uint32_t count;
    CHECK(read_group(&f, g, &w, &events, &count) == PQ_OK);
    CHECK(count > 0 && events[0].seq == total + 1);
    total += count;
  }
  CHECK(total == f.count);
  teardown(&f);
  CHECK(unit_live_len == 0);
}

static void test_event_file_out_of_memory(void) {
  fixture f;
  int rc = PQ_OK;
  for (long n = 1; n > 0; n = unit_oom_next(n, rc)) {
    pq_event *events;
    uint32_t count;
    pq_event_want w = all;
    w.target = PQ_TARGET_ENTITY;
    unit_cx_init(&f.cx);
    unit_fail_at = n;
    setup(&f);
    rc = make_file(&f, 30);
    if (rc == PQ_OK) rc = read_group(&f, 0, &w, &events, &count);
    teardown(&f);
  }
}

int main(void) {
  RUN(test_event_file_read);
  RUN(test_event_file_bounds);
  RUN(test_event_file_few);
  RUN(test_event_file_ids);
  RUN(test_event_file_example);
  RUN(test_event_file_schema);
  RUN(test_event_file_refuses);
  RUN(test_event_file_flipped);
  RUN(test_event_file_groups);
  RUN(test_event_file_out_of_memory);
  return unit_end();
}
