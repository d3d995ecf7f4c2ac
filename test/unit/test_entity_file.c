/* Unit tests of shred/: entity.c, entity_file.c, entity_read.c. Files are written to memory and
 * read back, whole and by ranges of rows. */
#include "parquet_util.h"
#include "shred/entity.h"
#include "value/compare.h"
#include "value/json.h"

#define NOON INT64_C(1772366400000000) /* 2026-03-01T12:00:00Z */

static const pq_index_column columns[] = {
    {.path = PQ_SLICE("n"), .type = PQ_INDEX_INT64, .field_id = 100},
    {.path = PQ_SLICE("a.s"), .type = PQ_INDEX_STRING, .field_id = 101},
    {.path = PQ_SLICE("none"), .type = PQ_INDEX_BOOL, .field_id = 102}};
enum { COLUMN_COUNT = sizeof columns / sizeof *columns };

typedef struct fixture {
  pq_cx cx;
  pq_arena arena;
  pq_builder *builder;
  pq_entity *entities;
  uint32_t count;
  pq_writer *writer;
} fixture;

/* Row i: n is i, null in every 10th, text in every 15th; a.s is there in two of three, in an array
 * in every 21st. */
static int make_document(fixture *f, uint32_t i, pq_value *out) {
  char *n = pq_arena_printf(&f->arena, i % 10 == 9 ? "null" : i % 15 == 7 ? "\"t%u\"" : "%u", i);
  char *s, *json;
  if (n == NULL) return f->cx.code;
  s = i % 21 == 20 ? pq_arena_printf(&f->arena, ", \"a\": [{\"s\": \"x%u\"}]", i)
      : i % 3 == 0 ? pq_arena_str(&f->arena, (pq_slice){0})
                   : pq_arena_printf(&f->arena, ", \"a\": {\"s\": \"x%u\"}", i);
  if (s == NULL) return f->cx.code;
  json = pq_arena_printf(&f->arena, "{\"z\": %u, \"n\": %s%s, \"title\": \"T%u\"}", i, n, s, i);
  if (json == NULL) return f->cx.code;
  pq_builder_clear(f->builder);
  return pq_json_value(f->builder, pq_str(json), &f->arena, out);
}

static int make_entities(fixture *f, uint32_t count) {
  f->count = count;
  f->entities = pq_arena_calloc(&f->arena, count, sizeof *f->entities);
  if (f->entities == NULL) return f->cx.code;
  for (uint32_t i = 0; i < count; i++) {
    pq_entity *e = &f->entities[i];
    char *id = pq_arena_printf(&f->arena, "posts/p%06u", i);
    if (id == NULL) return f->cx.code;
    *e = (pq_entity){.id = pq_str(id),
                     .type = PQ_SLICE("Post"),
                     .created_at = NOON + i,
                     .updated_at = NOON + 2 * (int64_t)i,
                     .created_by = PQ_SLICE("users/me"),
                     .updated_by = i % 2 == 0 ? PQ_SLICE("users/me") : PQ_SLICE("users/you"),
                     .version = i % 5 + 1,
                     .is_deleted = i % 7 == 6};
    PQ_TRY(make_document(f, i, &e->data));
  }
  return PQ_OK;
}

static int setup(fixture *f, uint32_t count) {
  pq_arena_init(&f->arena, &f->cx, 1u << 30);
  f->builder = NULL;
  f->writer = NULL;
  PQ_TRY(pq_builder_new(&f->cx, &f->builder));
  PQ_TRY(make_entities(f, count));
  const pq_entity_table table = {
      .collection = PQ_SLICE("posts"), .columns = columns, .column_count = COLUMN_COUNT};
  return pq_entity_file_write(&f->cx, NULL, &table, f->entities, count, &f->writer);
}

static void teardown(fixture *f) {
  pq_writer_free(f->writer);
  pq_builder_free(f->builder);
  pq_arena_release(&f->arena);
}

typedef struct wanted {
  uint32_t row_group;
  unsigned set;
  const pq_row_range *ranges;
  uint32_t range_count;
} wanted;

static int read_rows(opened *o, wanted w, pq_entity_rows *out) {
  int rc;
  *out = (pq_entity_rows){0};
  DRIVE(
      rc, &o->f, o->bytes,
      pq_entity_rows_want(&o->f, &o->file, w.row_group, w.set, w.ranges, w.range_count, &o->arena));
  if (rc != PQ_OK) return rc;
  return pq_entity_rows_read(&o->f, &o->arena, &o->file, w.row_group, w.set, w.ranges,
                             w.range_count, out);
}

static bool is_same(const pq_entity *a, const pq_entity *b) {
  return pq_slice_eq(a->id, b->id) && pq_slice_eq(a->type, b->type) &&
         a->created_at == b->created_at && a->updated_at == b->updated_at &&
         pq_slice_eq(a->created_by, b->created_by) && pq_slice_eq(a->updated_by, b->updated_by) &&
         a->version == b->version && a->is_deleted == b->is_deleted &&
         pq_value_compare(a->data, b->data) == 0;
}

/* ---- reading back ---- */

static void test_entity_file_all(void) {
  fixture f;
  opened o;
  pq_entity_rows rows;
  int wrong = 0;
  unit_cx_init(&f.cx);
  CHECK(setup(&f, 1000) == PQ_OK);
  CHECK(open_bytes(&o, &f.cx, pq_writer_bytes(f.writer)) == PQ_OK);
  CHECK(o.file.footer->row_count == 1000 && o.file.footer->row_group_count == 1);
  CHECK(read_rows(&o, (wanted){0, PQ_WANT_ALL | PQ_WANT_NAME, NULL, 0}, &rows) == PQ_OK);
  CHECK(rows.count == 1000);
  for (uint32_t i = 0; i < rows.count; i++) {
    wrong += !is_same(&rows.rows[i], &f.entities[i]);
    wrong += !pq_slice_eq(rows.names[i],
                          pq_entity_name(f.entities[i].id, f.entities[i].data, (pq_slice){0}));
  }
  CHECK(wrong == 0);
  opened_release(&o);
  teardown(&f);
  CHECK(unit_live_len == 0);
}

static void test_entity_file_ranges(void) {
  static const pq_row_range ranges[] = {{0, 1}, {10, 13}, {999, 1000}};
  static const uint32_t expected[] = {0, 10, 11, 12, 999};
  fixture f;
  opened o;
  pq_entity_rows rows;
  unit_cx_init(&f.cx);
  CHECK(setup(&f, 1000) == PQ_OK);
  CHECK(open_bytes(&o, &f.cx, pq_writer_bytes(f.writer)) == PQ_OK);
  CHECK(read_rows(&o, (wanted){0, PQ_WANT_ALL, ranges, 3}, &rows) == PQ_OK);
  CHECK(rows.count == 5 && rows.names == NULL);
  for (uint32_t i = 0; i < 5 && i < rows.count; i++)
    CHECK(is_same(&rows.rows[i], &f.entities[expected[i]]));
  /* Only what is wanted is filled in, and only that is asked for. */
  pq_fetch_clear(&o.f);
  o.f.stat_bytes = 0;
  CHECK(read_rows(&o, (wanted){0, PQ_WANT_ID | PQ_WANT_DELETED, ranges, 3}, &rows) == PQ_OK);
  CHECK(pq_slice_eq(rows.rows[1].id, f.entities[10].id));
  CHECK(rows.rows[1].version == 0 && pq_value_is_missing(rows.rows[1].data));
  CHECK(rows.rows[1].is_deleted == f.entities[10].is_deleted);
  CHECK(o.f.stat_bytes < pq_writer_bytes(f.writer).n / 2);
  opened_release(&o);
  teardown(&f);
}

static void test_entity_file_groups(void) {
  fixture f;
  opened o;
  pq_entity_rows rows;
  int wrong = 0;
  uint32_t at = 0;
  unit_cx_init(&f.cx);
  CHECK(setup(&f, 50003) == PQ_OK);
  CHECK(open_bytes(&o, &f.cx, pq_writer_bytes(f.writer)) == PQ_OK);
  CHECK(o.file.footer->row_group_count == 2);
  CHECK(o.file.footer->row_groups[1].first_row == 50000);
  for (uint32_t g = 0; g < 2; g++) {
    CHECK(read_rows(&o, (wanted){g, PQ_WANT_ID, NULL, 0}, &rows) == PQ_OK);
    for (uint32_t i = 0; i < rows.count; i++)
      wrong += !pq_slice_eq(rows.rows[i].id, f.entities[at++].id);
  }
  CHECK(wrong == 0 && at == 50003);
  opened_release(&o);
  teardown(&f);
}

/* ---- what the file says of itself (doc/formats/data.md) ---- */

static bool key_is(const opened *o, const char *key, const char *value) {
  return pq_slice_is(pq_footer_key(o->file.footer, key), value);
}

static void run_backwards(void *ud, void (*task)(void *ctx, uint32_t i), void *ctx,
                          uint32_t count) {
  uint32_t *runs = ud;
  ++*runs;
  while (count-- > 0)
    task(ctx, count);
}

/* Whoever makes which row group when: the bytes are the same. */
static void test_entity_file_tasks(void) {
  const pq_entity_table table = {
      .collection = PQ_SLICE("posts"), .columns = columns, .column_count = COLUMN_COUNT};
  fixture f;
  opened o;
  pq_writer *other;
  uint32_t runs = 0;
  pq_task_runner backwards = {&runs, run_backwards};
  unit_cx_init(&f.cx);
  f.cx.limits.row_group_rows_max = 37;
  CHECK(setup(&f, 1000) == PQ_OK);
  CHECK(open_bytes(&o, &f.cx, pq_writer_bytes(f.writer)) == PQ_OK);
  CHECK(o.file.footer->row_count == 1000 && o.file.footer->row_group_count == 28);
  CHECK(pq_entity_file_write(&f.cx, &backwards, &table, f.entities, 1000, &other) == PQ_OK);
  CHECK(runs == 2 && pq_slice_eq(pq_writer_bytes(f.writer), pq_writer_bytes(other)));
  pq_writer_free(other);
  opened_release(&o);
  teardown(&f);
  CHECK(unit_live_len == 0);
}

static void test_entity_file_metadata(void) {
  static const char *const names[] = {"$id",       "$type",     "name",    "createdAt", "createdBy",
                                      "updatedAt", "updatedBy", "version", "deleted"};
  fixture f;
  opened o;
  const pq_leaf *leaves;
  char text[32];
  uint32_t other_n = 0, null_n = 0, other_s = 0;
  unit_cx_init(&f.cx);
  CHECK(setup(&f, 1000) == PQ_OK);
  CHECK(open_bytes(&o, &f.cx, pq_writer_bytes(f.writer)) == PQ_OK);
  leaves = o.file.footer->leaves;
  CHECK(o.file.footer->leaf_count == 9 + 2 + COLUMN_COUNT);
  for (int i = 0; i < 9; i++) {
    CHECK(pq_slice_is(leaves[i].path, names[i]));
    CHECK(leaves[i].field_id == i + 1 && leaves[i].def_max == 0);
  }
  CHECK(pq_slice_is(leaves[9].path, "$data.metadata") && leaves[9].field_id == 10);
  CHECK(pq_slice_is(leaves[10].path, "$data.value") && leaves[10].field_id == 10);
  CHECK(pq_slice_is(leaves[11].path, "$index_n") && leaves[11].field_id == 100);
  CHECK(pq_slice_is(leaves[12].path, "$index_a.s") && leaves[12].def_max == 1);
  CHECK(leaves[12].logical == PQ_LOGICAL_STRING && leaves[13].phys == PQ_PHYS_BOOL);
  for (uint32_t i = 0; i < 1000; i++) {
    null_n += i % 10 == 9;
    other_n += i % 10 != 9 && i % 15 == 7;
    other_s += i % 21 == 20;
  }
  CHECK(key_is(&o, "parquedb.kind", "data 1") && key_is(&o, "parquedb.collection", "posts"));
  snprintf(text, sizeof text, "%u %u 0", other_n, null_n);
  CHECK(key_is(&o, "parquedb.index.n", text));
  snprintf(text, sizeof text, "%u 0 0", other_s);
  CHECK(key_is(&o, "parquedb.index.a.s", text));
  CHECK(key_is(&o, "parquedb.index.none", "0 0 0"));
  CHECK(key_is(&o, "parquedb.index.name", "0 0"));
  opened_release(&o);
  teardown(&f);
}

/* An index column holds the value where it fits, null elsewhere. */
static void test_entity_file_index_cells(void) {
  fixture f;
  opened o;
  pq_column n, s, none;
  int wrong = 0;
  unit_cx_init(&f.cx);
  CHECK(setup(&f, 1000) == PQ_OK);
  CHECK(open_bytes(&o, &f.cx, pq_writer_bytes(f.writer)) == PQ_OK);
  CHECK(read_chunk_of(&o, (read_spec){0, 11, true, NULL, 0}, &n) == PQ_OK);
  CHECK(read_chunk_of(&o, (read_spec){0, 12, true, NULL, 0}, &s) == PQ_OK);
  CHECK(read_chunk_of(&o, (read_spec){0, 13, true, NULL, 0}, &none) == PQ_OK);
  for (uint32_t i = 0; i < 1000; i++) {
    bool has_n = i % 10 != 9 && i % 15 != 7, has_s = i % 21 != 20 && i % 3 != 0;
    char text[16];
    snprintf(text, sizeof text, "x%u", i);
    wrong += pq_column_is_null(&n, i) == has_n || (has_n && n.v.i64[i] != (int64_t)i);
    wrong += pq_column_is_null(&s, i) == has_s || (has_s && !pq_slice_is(s.v.bytes[i], text));
    wrong += !pq_column_is_null(&none, i);
  }
  CHECK(wrong == 0);
  opened_release(&o);
  teardown(&f);
}

static void test_entity_file_bloom(void) {
  fixture f;
  opened o;
  bool may;
  int rc, present = 0, absent = 0;
  unit_cx_init(&f.cx);
  CHECK(setup(&f, 1000) == PQ_OK);
  CHECK(open_bytes(&o, &f.cx, pq_writer_bytes(f.writer)) == PQ_OK);
  for (uint32_t i = 0; i < 1000; i++) {
    char id[32];
    snprintf(id, sizeof id, "posts/q%06u", i);
    DRIVE(rc, &o.f, o.bytes,
          pq_bloom_check(&o.f, &o.file, 0, 0, pq_hash(f.entities[i].id, 0), &may));
    present += rc == PQ_OK && may;
    DRIVE(rc, &o.f, o.bytes, pq_bloom_check(&o.f, &o.file, 0, 0, pq_hash(pq_str(id), 0), &may));
    absent += rc == PQ_OK && !may;
  }
  CHECK(present == 1000 && absent > 950);
  opened_release(&o);
  teardown(&f);
}

static void test_entity_file_empty(void) {
  fixture f;
  opened o;
  unit_cx_init(&f.cx);
  CHECK(setup(&f, 0) == PQ_OK);
  CHECK(open_bytes(&o, &f.cx, pq_writer_bytes(f.writer)) == PQ_OK);
  CHECK(o.file.footer->row_count == 0 && o.file.footer->row_group_count == 0);
  opened_release(&o);
  teardown(&f);
}

/* Every byte of the file damaged in turn: an answer or a failure, nothing worse. */
static void test_entity_file_damage(void) {
  fixture f;
  pq_slice good;
  uint8_t *bytes;
  int refused = 0;
  unit_cx_init(&f.cx);
  CHECK(setup(&f, 3) == PQ_OK);
  good = pq_writer_bytes(f.writer);
  bytes = malloc(good.n);
  for (size_t i = 0; bytes != NULL && i < good.n; i++) {
    opened o;
    pq_entity_rows rows;
    memcpy(bytes, good.p, good.n);
    bytes[i] ^= (uint8_t)(1 + i % 255);
    if (open_bytes(&o, &f.cx, (pq_slice){bytes, good.n}) == PQ_OK &&
        o.file.footer->row_group_count == 1 && o.file.footer->row_groups[0].row_count == 3)
      refused += read_rows(&o, (wanted){0, PQ_WANT_ALL | PQ_WANT_NAME, NULL, 0}, &rows) != PQ_OK;
    opened_release(&o);
  }
  CHECK(refused > 0);
  free(bytes);
  teardown(&f);
  CHECK(unit_live_len == 0);
}

static void test_entity_file_oom(void) {
  int rc = PQ_OK;
  for (long n = 1; n > 0; n = unit_oom_next(n, rc)) {
    fixture f;
    opened o = {0};
    pq_entity_rows rows;
    unit_cx_init(&f.cx);
    unit_fail_at = n;
    rc = setup(&f, 20);
    if (rc == PQ_OK) rc = open_bytes(&o, &f.cx, pq_writer_bytes(f.writer));
    if (rc == PQ_OK) rc = read_rows(&o, (wanted){0, PQ_WANT_ALL, NULL, 0}, &rows);
    if (o.f.cx != NULL) opened_release(&o);
    teardown(&f);
  }
}

/* ---- merged entities ---- */

static void check_merged(const char *document, bool is_deleted, const char *expected) {
  fixture f;
  pq_entity e = {.id = PQ_SLICE("posts/p1"),
                 .type = PQ_SLICE("Post"),
                 .created_at = NOON,
                 .updated_at = NOON + 1000,
                 .created_by = PQ_SLICE("a"),
                 .updated_by = PQ_SLICE("b"),
                 .version = 2,
                 .is_deleted = is_deleted};
  pq_value merged;
  pq_buf text;
  unit_cx_init(&f.cx);
  CHECK(setup(&f, 0) == PQ_OK);
  pq_buf_init(&text, &f.cx, 10000);
  CHECK(pq_json_value(f.builder, pq_str(document), &f.arena, &e.data) == PQ_OK);
  pq_builder_clear(f.builder);
  CHECK(pq_entity_merge(f.builder, &f.arena, &e) == PQ_OK);
  CHECK(pq_builder_finish(f.builder, &f.arena, &merged) == PQ_OK);
  CHECK(pq_json_print(&text, merged, PQ_JSON_RELAXED) == PQ_OK);
  CHECK(pq_slice_is(pq_buf_slice(&text), expected));
  pq_buf_release(&text);
  teardown(&f);
  CHECK(unit_live_len == 0);
}

#define TIMES(deleted)                                                      \
  "\"createdAt\":{\"$date\":\"2026-03-01T12:00:00Z\"},\"createdBy\":\"a\"," \
  "\"updatedAt\":{\"$date\":\"2026-03-01T12:00:00.001Z\"},\"updatedBy\":\"b\"," deleted

static void test_entity_merge(void) {
  check_merged("{\"title\":\"T\"}", false,
               "{\"$id\":\"posts/p1\",\"$type\":\"Post\",\"name\":\"T\"," TIMES(
                   "\"version\":2,") "\"title\":\"T\"}");
  check_merged("{}", false,
               "{\"$id\":\"posts/p1\",\"$type\":\"Post\",\"name\":\"p1\"," TIMES("\"version\":2}"));
  /* A field of the document wins, and stands where the document has it. */
  check_merged("{\"x\":1,\"version\":\"v9\",\"name\":7}", false,
               "{\"$id\":\"posts/p1\",\"$type\":\"Post\"," TIMES(
                   "\"x\":1,") "\"version\":\"v9\",\"name\":7}");
  check_merged("{\"label\":\"L\"}", true,
               "{\"$id\":\"posts/p1\",\"$type\":\"Post\",\"name\":\"L\"," TIMES("\"version\":2,")
               "\"deletedAt\":{\"$date\":\"2026-03-01T12:00:00.001Z\"},\"deletedBy\":\"b\","
               "\"label\":\"L\"}");
}

/* A page of which only the bounds are known. */
static pq_page_info page_of(const void *min, const void *max, size_t len) {
  return (pq_page_info){.row_count = 3,
                        .has_bounds = true,
                        .min = {(const uint8_t *)min, len},
                        .max = {(const uint8_t *)max, len}};
}

/* Equal bounds are what every row holds; other ones, or of a wrong length, tell nothing. */
static void test_entity_told(void) {
  enum { ID = 0, NAME = 2, CREATED_AT = 3, VERSION = 7, DELETED = 8 };
  int64_t five = 5, six = 6;
  uint8_t yes = 1;
  pq_entity e = {0};
  pq_slice name = {0};
  pq_page_info page = page_of("posts/p1", "posts/p1", 8);
  CHECK(pq_entity_set_told(&e, NULL, ID, &page) && pq_slice_eq(e.id, PQ_SLICE("posts/p1")));
  CHECK(pq_entity_set_told(&e, &name, NAME, &page) && pq_slice_eq(name, PQ_SLICE("posts/p1")));
  CHECK(!pq_entity_set_told(&e, NULL, PQ_ENTITY_META, &page));
  CHECK(!pq_entity_set_told(&e, NULL, PQ_ENTITY_VALUE, &page));
  page.has_bounds = false;
  CHECK(!pq_entity_set_told(&e, NULL, ID, &page));
  page = page_of("posts/p1", "posts/p2", 8);
  CHECK(!pq_entity_set_told(&e, NULL, ID, &page));

  page = page_of(&five, &five, sizeof five);
  CHECK(pq_entity_set_told(&e, NULL, CREATED_AT, &page) && e.created_at == 5);
  CHECK(pq_entity_set_told(&e, NULL, VERSION, &page) && e.version == 5);
  CHECK(!pq_entity_set_told(&e, NULL, DELETED, &page));
  page = page_of(&five, &six, sizeof five);
  CHECK(!pq_entity_set_told(&e, NULL, VERSION, &page));
  page = page_of(&six, &six, 4);
  CHECK(!pq_entity_set_told(&e, NULL, VERSION, &page) && e.version == 5);

  page = page_of(&yes, &yes, sizeof yes);
  CHECK(pq_entity_set_told(&e, NULL, DELETED, &page) && e.is_deleted);
}

int main(void) {
  RUN(test_entity_file_all);
  RUN(test_entity_file_ranges);
  RUN(test_entity_file_groups);
  RUN(test_entity_file_tasks);
  RUN(test_entity_file_metadata);
  RUN(test_entity_file_index_cells);
  RUN(test_entity_file_bloom);
  RUN(test_entity_file_empty);
  RUN(test_entity_file_damage);
  RUN(test_entity_file_oom);
  RUN(test_entity_merge);
  RUN(test_entity_told);
  return unit_end();
}
