/* Unit tests of log/delete_file.c. */
#include "log/event_file.h"
#include "parquet_util.h"

#define KEY "ns/deletes/1-1-ab.parquet"

typedef struct fixture {
  pq_cx cx;
  pq_arena arena;
  pq_fetch fetch;
  pq_writer *writer;
  pq_file file;
  pq_position *got;
  uint32_t count;
  int rounds;
} fixture;

static void setup(fixture *f) {
  pq_cx cx = f->cx;
  *f = (fixture){.cx = cx};
  pq_arena_init(&f->arena, &f->cx, 1u << 30);
  pq_fetch_init(&f->fetch, &f->cx);
}

static void teardown(fixture *f) {
  pq_writer_free(f->writer);
  pq_fetch_release(&f->fetch);
  pq_arena_release(&f->arena);
}

static int read_back(fixture *f) {
  pq_slice bytes = pq_writer_bytes(f->writer);
  int rc;
  f->file.key = KEY;
  pq_fetch_clear(&f->fetch);
  pq_arena_clear(&f->arena);
  DRIVE(rc, &f->fetch, bytes,
        pq_footer_fetch(&f->fetch, &f->arena, KEY, bytes.n, pq_writer_footer_len(f->writer),
                        &f->file.footer));
  if (rc != PQ_OK) return rc;
  for (f->rounds = 0; f->rounds < 8; f->rounds++) {
    rc = pq_delete_file_read(&f->fetch, &f->arena, &f->file, &f->got, &f->count);
    if (rc != PQ_NEED_IO) break;
    serve(&f->fetch, bytes);
  }
  return rc;
}

static int write_and_read(fixture *f, pq_position *positions, uint32_t count) {
  PQ_TRY(pq_delete_file_write(&f->cx, positions, count, &f->writer));
  return read_back(f);
}

/* The worked example of doc/formats/deletes.md. */
static void test_delete_file_example(void) {
  pq_position positions[] = {{PQ_SLICE("data/posts/1-1-ab.parquet"), 7},
                             {PQ_SLICE("data/users/1-1-ab.parquet"), 0},
                             {PQ_SLICE("data/posts/1-1-ab.parquet"), 3},
                             {PQ_SLICE("data/posts/1-1-ab.parquet"), 7}};
  fixture f;
  unit_cx_init(&f.cx);
  setup(&f);
  CHECK(write_and_read(&f, positions, 4) == PQ_OK);
  CHECK(f.count == 3 && f.rounds == 1);
  CHECK(pq_slice_is(f.got[0].file, "data/posts/1-1-ab.parquet") && f.got[0].row == 3);
  CHECK(pq_slice_is(f.got[1].file, "data/posts/1-1-ab.parquet") && f.got[1].row == 7);
  CHECK(pq_slice_is(f.got[2].file, "data/users/1-1-ab.parquet") && f.got[2].row == 0);
  CHECK(f.file.footer->leaf_count == 2);
  CHECK(f.file.footer->leaves[0].field_id == 2147483546);
  CHECK(f.file.footer->leaves[1].field_id == 2147483545);
  teardown(&f);
  CHECK(unit_live_len == 0);
}

static void test_delete_file_empty(void) {
  fixture f;
  unit_cx_init(&f.cx);
  setup(&f);
  CHECK(write_and_read(&f, NULL, 0) == PQ_OK);
  CHECK(f.count == 0);
  teardown(&f);
}

/* More than one row group, in disorder. */
static void test_delete_file_many(void) {
  enum { COUNT = 130000 };
  fixture f;
  pq_position *positions = malloc(sizeof *positions * COUNT);
  uint32_t state = 1, wrong = 0;
  unit_cx_init(&f.cx);
  setup(&f);
  for (uint32_t i = 0; i < COUNT; i++) {
    state = state * 1664525u + 1013904223u;
    positions[i].file = state >> 31 ? PQ_SLICE("data/a") : PQ_SLICE("data/b");
    positions[i].row = i / 2;
  }
  CHECK(write_and_read(&f, positions, COUNT) == PQ_OK);
  CHECK(f.file.footer->row_group_count == 1 && f.count < COUNT && f.count > COUNT / 2);
  pq_writer_free(f.writer);
  for (uint32_t i = 0; i < COUNT; i++)
    positions[i] = (pq_position){PQ_SLICE("data/a"), COUNT - i};
  CHECK(write_and_read(&f, positions, COUNT) == PQ_OK);
  CHECK(f.file.footer->row_group_count == 2 && f.count == COUNT && f.rounds == 1);
  for (uint32_t i = 0; i < f.count; i++)
    wrong += f.got[i].row != i + 1;
  CHECK(wrong == 0);
  teardown(&f);
  free(positions);
  CHECK(unit_live_len == 0);
}

static void test_delete_file_refuses(void) {
  static const char *const names[] = {"", "/data/a", "data/../a", "other/a", "data/\xff"};
  fixture f;
  pq_position p = {PQ_SLICE("data/a"), UINT64_MAX};
  unit_cx_init(&f.cx);
  setup(&f);
  CHECK(pq_delete_file_write(&f.cx, &p, 1, &f.writer) == PQ_EINVALID);
  p.row = 1;
  for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
    p.file = pq_str(names[i]);
    CHECK(pq_delete_file_write(&f.cx, &p, 1, &f.writer) == PQ_EINVALID);
    CHECK(f.writer == NULL);
  }
  teardown(&f);
}

/* A file with these two columns as another writer might make it. */
static int write_foreign(fixture *f, const char *name, pq_slice files[2], int64_t rows[2]) {
  const pq_column_spec specs[2] = {
      {.name = "file_path", .phys = PQ_PHYS_BYTES, .logical = PQ_LOGICAL_STRING},
      {.name = name, .phys = PQ_PHYS_INT64}};
  pq_column columns[2] = {{.phys = PQ_PHYS_BYTES, .row_count = 2},
                          {.phys = PQ_PHYS_INT64, .row_count = 2}};
  columns[0].v.bytes = files;
  columns[1].v.i64 = rows;
  PQ_TRY(pq_writer_new(&f->cx, specs, 2, (pq_writer_options){0}, &f->writer));
  PQ_TRY(pq_writer_add(f->writer, columns, 2));
  return pq_writer_finish(f->writer, NULL, 0);
}

static void test_delete_file_foreign(void) {
  static const struct {
    const char *column, *first, *second;
    int64_t rows[2];
    int rc;
  } cases[] = {{"pos", "data/a", "data/a", {1, 2}, PQ_OK},
               {"pos", "data/a", "data/b", {2, 1}, PQ_OK},
               {"pos", "data/a", "data/a", {2, 2}, PQ_ECORRUPT},
               {"pos", "data/a", "data/a", {2, 1}, PQ_ECORRUPT},
               {"pos", "data/b", "data/a", {1, 2}, PQ_ECORRUPT},
               {"pos", "data/a", "data/a", {-1, 1}, PQ_ECORRUPT},
               {"pos", "data/a", "data/../b", {1, 1}, PQ_ECORRUPT},
               {"row", "data/a", "data/a", {1, 2}, PQ_ECORRUPT}};
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    fixture f;
    pq_slice files[2] = {pq_str(cases[i].first), pq_str(cases[i].second)};
    int64_t rows[2] = {cases[i].rows[0], cases[i].rows[1]};
    unit_cx_init(&f.cx);
    setup(&f);
    CHECK(write_foreign(&f, cases[i].column, files, rows) == PQ_OK);
    CHECK(read_back(&f) == cases[i].rc);
    CHECK((f.count == 0) == (cases[i].rc != PQ_OK));
    teardown(&f);
    CHECK(unit_live_len == 0);
  }
}

static void test_delete_file_flipped(void) {
  pq_position positions[] = {{PQ_SLICE("data/a"), 7}, {PQ_SLICE("data/b"), 0}};
  fixture f;
  pq_slice bytes;
  unit_cx_init(&f.cx);
  setup(&f);
  CHECK(write_and_read(&f, positions, 2) == PQ_OK);
  bytes = pq_writer_bytes(f.writer);
  for (size_t i = 0; i < bytes.n * 8; i++) {
    uint8_t *p = (uint8_t *)(uintptr_t)bytes.p + i / 8; /* the writer's own memory */
    *p ^= (uint8_t)(1 << i % 8);
    CHECK(read_back(&f) <= 0);
    *p ^= (uint8_t)(1 << i % 8);
  }
  CHECK(read_back(&f) == PQ_OK && f.count == 2);
  teardown(&f);
  CHECK(unit_live_len == 0);
}

static void test_delete_file_out_of_memory(void) {
  fixture f;
  int rc = PQ_OK;
  for (long n = 1; n > 0; n = unit_oom_next(n, rc)) {
    pq_position positions[] = {{PQ_SLICE("data/b"), 7}, {PQ_SLICE("data/a"), 0}};
    unit_cx_init(&f.cx);
    unit_fail_at = n;
    setup(&f);
    rc = write_and_read(&f, positions, 2);
    teardown(&f);
  }
}

int main(void) {
  RUN(test_delete_file_example);
  RUN(test_delete_file_empty);
  RUN(test_delete_file_many);
  RUN(test_delete_file_refuses);
  RUN(test_delete_file_foreign);
  RUN(test_delete_file_flipped);
  RUN(test_delete_file_out_of_memory);
  return unit_end();
}
