/* Unit tests of log/event_index.c: what an index says of events, row by row. */
#include "log/event_index.h"

#include "parquet_util.h"

#define KEY "ns/indexes/events/1-1-ab.parquet"

typedef struct fixture {
  pq_cx cx;
  pq_arena arena;
  pq_fetch fetch;
  pq_event_index index;
  pq_file file;
} fixture;

static void setup(fixture *f) {
  pq_cx cx = f->cx;
  *f = (fixture){.cx = cx};
  pq_arena_init(&f->arena, &f->cx, 1u << 30);
  pq_fetch_init(&f->fetch, &f->cx);
}

static void teardown(fixture *f) {
  pq_writer_free(f->index.writer);
  pq_fetch_release(&f->fetch);
  pq_arena_release(&f->arena);
}

static void open_index(fixture *f) {
  pq_slice bytes = pq_writer_bytes(f->index.writer);
  int rc;
  f->file.key = KEY;
  DRIVE(rc, &f->fetch, bytes,
        pq_footer_fetch(&f->fetch, &f->arena, KEY, bytes.n, pq_writer_footer_len(f->index.writer),
                        &f->file.footer));
  CHECK(rc == PQ_OK);
}

static pq_column column(fixture *f, uint32_t group, pq_index_leaf leaf) {
  pq_column c = {0};
  int rc;
  DRIVE(rc, &f->fetch, pq_writer_bytes(f->index.writer),
        pq_chunk_want(&f->fetch, &f->file, group, leaf, NULL, NULL, 0));
  CHECK(rc == PQ_OK);
  CHECK(pq_chunk_decode(&f->fetch, &f->arena, &f->file, group, leaf, NULL, NULL, 0, &c) == PQ_OK);
  return c;
}

static pq_event entity(uint64_t seq, const char *id, pq_event_op op, uint64_t version) {
  return (pq_event){.seq = seq,
                    .ts = 1000 + (int64_t)seq,
                    .target = PQ_TARGET_ENTITY,
                    .op = op,
                    .id = pq_str(id),
                    .type = PQ_SLICE("Post"),
                    .version = version,
                    .created_at = 1001,
                    .created_by = PQ_SLICE("users/me"),
                    .actor = PQ_SLICE("users/me"),
                    .txn = seq == 4 ? 2 : 0};
}

static void check_rows(fixture *f) {
  pq_event all[] = {entity(2, "posts/p2", PQ_EVENT_CREATE, 1),
                    entity(3, "posts/p1", PQ_EVENT_CREATE, 1),
                    entity(4, "posts/p2", PQ_EVENT_UPDATE, 2),
                    {.seq = 5,
                     .ts = 1005,
                     .target = PQ_TARGET_REL,
                     .op = PQ_EVENT_CREATE,
                     .id = PQ_SLICE("posts/p1"),
                     .predicate = PQ_SLICE("author"),
                     .reverse = PQ_SLICE("posts"),
                     .to_id = PQ_SLICE("users/u7"),
                     .version = 1,
                     .created_at = 1005},
                    {.seq = 6,
                     .ts = 1006,
                     .target = PQ_TARGET_COLLECTION,
                     .op = PQ_EVENT_UPDATE,
                     .id = PQ_SLICE("posts"),
                     .version = 1,
                     .created_at = 1006}};
  const pq_event *events[] = {&all[0], &all[1], &all[2], &all[3], &all[4]};
  static const char *const keys[] = {"posts/p1", "posts/p2", "posts/p2"};
  static const int64_t seqs[] = {3, 2, 4};
  pq_column c;
  CHECK(pq_event_index_write(&f->cx, events, 5, &f->index) == PQ_OK);
  CHECK(f->index.rows == 6);
  CHECK(pq_slice_is(f->index.key_min, "posts"));
  CHECK(pq_slice_is(f->index.key_max, "users/u7"));
  open_index(f);
  CHECK(pq_event_index_check(&f->cx, &f->file) == PQ_OK);
  CHECK(f->file.footer->row_group_count == 4); /* one a role */
  for (uint32_t g = 0; g < 4; g++) {
    c = column(f, g, PQ_INDEX_LEAF_ROLE);
    for (uint32_t i = 0; i < c.row_count; i++)
      CHECK(pq_slice_is(c.v.bytes[i], pq_event_role_name((pq_event_role)(g + 1))));
  }
  c = column(f, 0, PQ_INDEX_LEAF_KEY);
  CHECK(c.row_count == 3);
  for (uint32_t i = 0; i < 3; i++)
    CHECK(pq_slice_is(c.v.bytes[i], keys[i]));
  c = column(f, 0, PQ_INDEX_LEAF_SEQ);
  for (uint32_t i = 0; i < 3; i++)
    CHECK(c.v.i64[i] == seqs[i]);
  c = column(f, 0, PQ_INDEX_LEAF_TXN);
  CHECK(c.v.i64[2] == 2 && c.v.i64[0] == 0);
  CHECK(pq_slice_is(column(f, 1, PQ_INDEX_LEAF_KEY).v.bytes[0], "posts/p1"));
  CHECK(pq_slice_is(column(f, 2, PQ_INDEX_LEAF_KEY).v.bytes[0], "users/u7"));
  CHECK(pq_slice_is(column(f, 3, PQ_INDEX_LEAF_KEY).v.bytes[0], "posts"));
}

static void test_event_index_rows(void) {
  fixture f;
  unit_cx_init(&f.cx);
  setup(&f);
  check_rows(&f);
  teardown(&f);
  CHECK(unit_live_len == 0);
}

static void test_event_index_gap(void) {
  fixture f;
  pq_event a = entity(2, "posts/p2", PQ_EVENT_CREATE, 1),
           b = entity(4, "posts/p1", PQ_EVENT_CREATE, 1);
  const pq_event *events[] = {&a, &b};
  unit_cx_init(&f.cx);
  setup(&f);
  CHECK(pq_event_index_write(&f.cx, events, 2, &f.index) == PQ_EINVALID);
  CHECK(f.index.writer == NULL);
  teardown(&f);
  CHECK(unit_live_len == 0);
}

static void test_event_index_out_of_memory(void) {
  fixture f;
  int rc = PQ_OK;
  for (long n = 1; n > 0; n = unit_oom_next(n, rc)) {
    pq_event a = entity(2, "posts/p2", PQ_EVENT_CREATE, 1);
    const pq_event *events[] = {&a};
    unit_cx_init(&f.cx);
    unit_fail_at = n;
    setup(&f);
    rc = pq_event_index_write(&f.cx, events, 1, &f.index);
    teardown(&f);
  }
}

int main(void) {
  RUN(test_event_index_rows);
  RUN(test_event_index_gap);
  RUN(test_event_index_out_of_memory);
  return unit_end();
}
