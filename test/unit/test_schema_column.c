/* Unit tests of shred/schema_column.c: which fields have columns, which of them a file gets, and
 * what fits those that only other programs read. */
#include "shred/index_column.h"
#include "unit.h"
#include "value/json.h"

typedef struct fixture {
  pq_cx cx;
  pq_arena arena;
  pq_builder *builder;
} fixture;

static int setup(fixture *f) {
  pq_arena_init(&f->arena, &f->cx, 1u << 30);
  return pq_builder_new(&f->cx, &f->builder);
}

static void teardown(fixture *f) {
  pq_builder_free(f->builder);
  pq_arena_release(&f->arena);
}

static int value_of(fixture *f, const char *json, pq_value *out) {
  pq_builder_clear(f->builder);
  return pq_json_value(f->builder, pq_str(json), &f->arena, out);
}

static int schema_of(fixture *f, const char *json, const pq_schema *old, pq_schema **out) {
  pq_value spec;
  PQ_TRY(value_of(f, json, &spec));
  return pq_schema_parse(&f->arena, spec, old, out);
}

/* The place of a column, or -1. */
static int find(const pq_index_set *set, const char *name, const char *path) {
  for (uint32_t i = 0; i < set->count; i++)
    if (pq_slice_is(set->columns[i].name, name) && pq_slice_is(set->columns[i].path, path))
      return (int)i;
  return -1;
}

static void test_schema_columns(void) {
  pq_index_column chosen[] = {{.path = PQ_SLICE("n"), .type = PQ_INDEX_INT64, .field_id = 100},
                              {.path = PQ_SLICE("x.y"), .type = PQ_INDEX_BOOL, .field_id = 101}};
  pq_collection_info info = {.index_columns = chosen, .index_count = 2};
  pq_index_set all, written;
  pq_schema *first, *second;
  fixture f;
  unit_cx_init(&f.cx);
  CHECK(setup(&f) == PQ_OK);
  CHECK(
      schema_of(&f,
                "{\"n\": \"int#\", \"VERSION\": \"string\", \"at\": \"datetime\", \"l\": \"int[]\","
                " \"j\": \"json\", \"o\": {\"a\": \"int#\", \"b\": \"int\"}}",
                NULL, &first) == PQ_OK);
  CHECK(pq_schema_columns_all(&f.arena, &info, first, &all) == PQ_OK);
  CHECK(all.count == 6);
  CHECK(find(&all, "n", "n") >= 0 && find(&all, "$f_VERSION", "VERSION") >= 0);
  CHECK(find(&all, "at", "at") >= 0 && find(&all, "l", "l") < 0 && find(&all, "j", "j") < 0);
  CHECK(find(&all, "", "o.a") >= 0 && find(&all, "", "o.b") < 0);
  CHECK(all.columns[find(&all, "", "o.a")].field_id == 102);
  CHECK(all.columns[find(&all, "n", "n")].field_id > PQ_SCHEMA_FIELD_ID_FIRST);
  CHECK(pq_schema_columns_written(&f.arena, &all, first, &written) == PQ_OK);
  CHECK(find(&written, "", "n") < 0 && find(&written, "", "x.y") >= 0);
  CHECK(find(&written, "n", "n") >= 0 && written.columns[find(&written, "n", "n")].has_bloom);
  CHECK(!written.columns[find(&written, "at", "at")].has_bloom);
  CHECK(written.columns[find(&written, "", "o.a")].has_bloom);
  /* A later schema: another type of n, no VERSION. */
  info = (pq_collection_info){.index_columns = all.columns, .index_count = all.count};
  CHECK(schema_of(&f, "{\"n\": \"number\", \"at\": \"datetime\"}", first, &second) == PQ_OK);
  CHECK(pq_schema_columns_all(&f.arena, &info, second, &all) == PQ_OK);
  CHECK(all.count == 7);
  CHECK(pq_schema_columns_written(&f.arena, &all, second, &written) == PQ_OK);
  CHECK(find(&written, "$f_VERSION", "VERSION") < 0 && find(&written, "at", "at") >= 0);
  CHECK(find(&written, "n", "n") >= 0);
  CHECK(written.columns[find(&written, "n", "n")].type == PQ_INDEX_DOUBLE);
  /* No schema: the chosen ones alone. */
  CHECK(pq_schema_columns_written(&f.arena, &all, NULL, &written) == PQ_OK);
  CHECK(written.count == 3);
  teardown(&f);
  CHECK(unit_live_len == 0);
}

static const struct cell {
  pq_index_type type;
  const char *json;
  bool fits;
  int64_t i; /* what the cell is: of dates and times; of the others the first byte */
} cells[] = {
    {PQ_INDEX_FLOAT, "0.5", true, 0},
    {PQ_INDEX_FLOAT, "\"x\"", false, 0},
    {PQ_INDEX_DATE, "{\"$date\": \"1970-01-03T00:00:00Z\"}", true, 2},
    {PQ_INDEX_DATE, "{\"$date\": \"1969-12-31T00:00:00Z\"}", true, -1},
    {PQ_INDEX_DATE, "{\"$date\": \"1970-01-03T00:00:01Z\"}", false, 0},
    {PQ_INDEX_DATE, "\"1970-01-02\"", true, 1},
    {PQ_INDEX_DATE, "\"1970-01-02T00:00:00Z\"", false, 0},
    {PQ_INDEX_DATE, "\"1970-01-0x\"", false, 0},
    {PQ_INDEX_TIMESTAMP_MS, "{\"$date\": \"1970-01-01T00:00:00.007Z\"}", true, 7},
    {PQ_INDEX_TIMESTAMP_MS, "{\"$date\": \"1970-01-01T00:00:00.000007Z\"}", false, 0},
    {PQ_INDEX_TIMESTAMP_MS, "\"1970-01-01T00:00:01Z\"", true, 1000},
    {PQ_INDEX_TIMESTAMP_MS, "5", false, 0},
    {PQ_INDEX_UUID, "\"71234567-89AB-cdef-0123-456789abcdef\"", true, 0x71},
    {PQ_INDEX_UUID, "\"71234567-89ab-cdef-0123-456789abcde\"", false, 0},
    {PQ_INDEX_UUID, "\"71234567x89ab-cdef-0123-456789abcdef\"", false, 0},
    {PQ_INDEX_UUID, "\"71234567-89ab-cdef-0123-456789abcdeg\"", false, 0},
    {PQ_INDEX_UUID, "{\"$uuid\": \"71234567-89ab-cdef-0123-456789abcdef\"}", true, 0x71},
    {PQ_INDEX_UUID, "{\"$binary\": {\"base64\": \"AQID\", \"subType\": \"00\"}}", false, 0},
    {PQ_INDEX_BINARY, "{\"$binary\": {\"base64\": \"AQID\", \"subType\": \"00\"}}", true, 1},
    {PQ_INDEX_BINARY, "{\"$binary\": {\"base64\": \"BQID\", \"subType\": \"80\"}}", true, 5},
    {PQ_INDEX_BINARY, "\"AQID\"", false, 0},
};

static void test_schema_cells(void) {
  fixture f;
  unit_cx_init(&f.cx);
  CHECK(setup(&f) == PQ_OK);
  for (size_t i = 0; i < sizeof cells / sizeof *cells; i++) {
    const struct cell *c = &cells[i];
    int64_t i64 = 0;
    int32_t i32 = 0;
    float f32 = 0;
    pq_slice bytes = {0};
    pq_column column = {.row_count = 1};
    pq_value v;
    CHECK(value_of(&f, c->json, &v) == PQ_OK);
    CHECK(pq_typed_fits(v, c->type) == c->fits);
    if (!c->fits) continue;
    if (c->type == PQ_INDEX_FLOAT) column.v.f32 = &f32;
    if (c->type == PQ_INDEX_DATE) column.v.i32 = &i32;
    if (c->type == PQ_INDEX_TIMESTAMP_MS) column.v.i64 = &i64;
    if (c->type == PQ_INDEX_UUID || c->type == PQ_INDEX_BINARY) column.v.bytes = &bytes;
    CHECK(pq_typed_set(&f.arena, v, c->type, &column, 0) == PQ_OK);
    CHECK(c->type != PQ_INDEX_FLOAT || f32 > 0.4f);
    CHECK(c->type != PQ_INDEX_DATE || i32 == c->i);
    CHECK(c->type != PQ_INDEX_TIMESTAMP_MS || i64 == c->i);
    CHECK(column.v.bytes != &bytes || bytes.p[0] == c->i);
  }
  teardown(&f);
  CHECK(unit_live_len == 0);
}

/* A set that is full takes no more columns, and that is no error. */
static void test_schema_columns_full(void) {
  pq_collection_info info = {.index_count = PQ_COLLECTION_COLUMNS_MAX - 1};
  pq_index_set all, written;
  pq_index_column *chosen;
  uint32_t chosen_count;
  pq_schema *schema;
  pq_value doc;
  fixture f;
  unit_cx_init(&f.cx);
  CHECK(setup(&f) == PQ_OK);
  info.index_columns = pq_arena_calloc(&f.arena, info.index_count, sizeof *info.index_columns);
  for (uint32_t i = 0; i < info.index_count; i++) {
    char *name = pq_arena_printf(&f.arena, "old%u", i);
    info.index_columns[i] = (pq_index_column){
        .path = pq_str(name), .name = pq_str(name), .type = PQ_INDEX_INT64, .field_id = 1001};
  }
  CHECK(schema_of(&f, "{\"a\": \"int\", \"b\": \"int\", \"o\": {\"c\": \"int#\"}}", NULL,
                  &schema) == PQ_OK);
  CHECK(pq_schema_columns_all(&f.arena, &info, schema, &all) == PQ_OK);
  CHECK(all.count == PQ_COLLECTION_COLUMNS_MAX);
  CHECK(find(&all, "a", "a") >= 0 && find(&all, "b", "b") < 0 && find(&all, "", "o.c") < 0);
  CHECK(pq_schema_columns_written(&f.arena, &all, schema, &written) == PQ_OK);
  CHECK(written.count == 1);
  CHECK(value_of(&f, "{\"n\": 1}", &doc) == PQ_OK);
  CHECK(pq_index_choose(&f.arena, &doc, 1, all.columns, all.count, &chosen, &chosen_count) ==
        PQ_OK);
  CHECK(chosen_count == PQ_COLLECTION_COLUMNS_MAX);
  teardown(&f);
  CHECK(unit_live_len == 0);
}

int main(void) {
  RUN(test_schema_columns_full);
  RUN(test_schema_columns);
  RUN(test_schema_cells);
  return unit_end();
}
