/* test/unit/test_parquet_variant.c - VARIANT columns through the public functions: shredded into a
 * file in memory, scanned, joined; a field from its own leaf, counting the bytes that are read.
 */
#include "parquedb/parquet.h"
#include "value/json.h"
#include "variant_util.h"

enum { ROWS = 3000, FILE_CAP = 1 << 22 };

typedef struct memory {
  uint8_t *bytes;
  size_t len;
  uint64_t read_len;
  uint32_t reads;
} memory;

static int memory_append(void *ud, const uint8_t *bytes, size_t len) {
  memory *m = ud;
  if (len > FILE_CAP - m->len) return PQDB_LIMIT_EXCEEDED;
  memcpy(m->bytes + m->len, bytes, len);
  m->len += len;
  return PQDB_OK;
}

static int memory_read(void *ud, uint64_t off, size_t len, uint8_t *to) {
  memory *m = ud;
  memcpy(to, m->bytes + off, len);
  m->read_len += len;
  m->reads++;
  return PQDB_OK;
}

/* Every fifth is null. */
static void make_docs(pq_cx *cx, pq_arena *arena, pqdb_variant *docs) {
  pq_builder *b;
  char text[200];
  CHECK(pq_builder_new(cx, &b) == PQ_OK);
  for (uint32_t i = 0; i < ROWS; i++) {
    pq_value v;
    snprintf(text, sizeof text,
             "{\"n\":%u,\"s\":\"text %u\",\"more\":{\"x\":[%u,null]},\"r%u\":1.5}", i, i % 100, i,
             i % 30);
    docs[i] = (pqdb_variant){.value = {NULL, 0}};
    if (i % 5 == 4) continue;
    CHECK(pq_json_value(b, pq_str(text), arena, &v) == PQ_OK);
    docs[i] = (pqdb_variant){{v.meta, v.meta_len}, {v.p, v.len}};
  }
  pq_builder_free(b);
}

static void write_docs(const pqdb_variant *docs, memory *m) {
  pqdb_parquet_shredder *s;
  pqdb_parquet_writer *w;
  pqdb_parquet_writer_options options = {.size = sizeof options};
  pqdb_parquet_sink sink = {.ud = m, .append = memory_append};
  const pqdb_parquet_node *nodes;
  const pqdb_parquet_column *columns;
  uint32_t count;
  CHECK(pqdb_parquet_shredder_guess(docs, ROWS, true, &s) == PQDB_OK);
  CHECK(strcmp(pqdb_parquet_shredder_shape(s), "{more: {x: [int32]}, n: int32, s: string}") == 0);
  nodes = pqdb_parquet_shredder_nodes(s, "doc", &count);
  CHECK(nodes != NULL && count > 10);
  CHECK(pqdb_parquet_create_sink(&sink, nodes, count, &options, &w) == PQDB_OK);
  for (uint32_t i = 0; i < ROWS; i++) {
    CHECK(pqdb_parquet_shredder_add(s, docs[i]) == PQDB_OK);
    if (i + 1 != ROWS / 2 && i + 1 != ROWS) continue;
    columns = pqdb_parquet_shredder_columns(s, &count);
    CHECK(pqdb_parquet_write(w, columns, count) == PQDB_OK);
    pqdb_parquet_shredder_clear(s);
  }
  CHECK(pqdb_parquet_finish(w) == PQDB_OK);
  pqdb_parquet_writer_close(w);
  pqdb_parquet_shredder_close(s);
}

static pq_value value_of(pqdb_variant v) {
  return (pq_value){v.metadata.p, v.value.p, (uint32_t)v.metadata.n, (uint32_t)v.value.n};
}

static void check_values(pqdb_parquet *file, const pqdb_variant *docs) {
  pqdb_parquet_variant *v;
  pqdb_parquet_scan *scan;
  pqdb_parquet_batch batch;
  pqdb_parquet_scan_options options = {.size = sizeof options, .batch_rows = 700};
  uint64_t row = 0;
  CHECK(pqdb_parquet_variant_open(file, "doc", &v) == PQDB_OK);
  CHECK(strcmp(pqdb_parquet_variant_shape(v), "{more: {x: [int32]}, n: int32, s: string}") == 0);
  options.leaves = pqdb_parquet_variant_leaves(v, &options.leaf_count);
  CHECK(pqdb_parquet_scan_open(file, &options, &scan) == PQDB_OK);
  while (pqdb_parquet_next(scan, &batch) == PQDB_ROW) {
    const pqdb_variant *values;
    uint32_t count;
    CHECK(pqdb_parquet_variant_values(v, &batch, 0, &values, &count) == PQDB_OK);
    CHECK(count == batch.row_count);
    for (uint32_t i = 0; i < count; i++)
      CHECK(variant_equal(value_of(values[i]), value_of(docs[row++])));
    CHECK(pqdb_parquet_variant_values(v, &batch, 1, &values, &count) == PQDB_VALIDATION_FAILED);
  }
  CHECK(row == ROWS);
  pqdb_parquet_scan_close(scan);
  pqdb_parquet_variant_close(v);
}

static void check_field(pqdb_parquet *file, memory *m) {
  pqdb_parquet_variant *v;
  pqdb_parquet_field field;
  pqdb_parquet_scan *scan;
  pqdb_parquet_batch batch;
  pqdb_parquet_chunk chunk;
  pqdb_parquet_scan_options options = {.size = sizeof options, .leaf_count = 1};
  uint32_t leaf, rows = 0;
  uint64_t chunks_len = 0;
  int64_t sum = 0, expected = 0;
  CHECK(pqdb_parquet_variant_open(file, "doc", &v) == PQDB_OK);
  CHECK(pqdb_parquet_variant_field(v, "n", 0, &field) == PQDB_OK);
  CHECK(field.is_alone && !field.is_whole && field.rest_count == 0);
  CHECK(strcmp(field.type, "int32") == 0);
  leaf = (uint32_t)field.typed_leaf;
  for (uint32_t g = 0; g < 2; g++) {
    CHECK(pqdb_parquet_chunk_of(file, g, leaf, &chunk) == PQDB_OK);
    chunks_len += chunk.len;
  }
  m->read_len = 0;
  options.leaves = &leaf;
  CHECK(pqdb_parquet_scan_open(file, &options, &scan) == PQDB_OK);
  while (pqdb_parquet_next(scan, &batch) == PQDB_ROW) {
    const pqdb_parquet_column *c = &batch.columns[0];
    for (uint32_t i = 0; i < c->entry_count; i++)
      if (c->nulls == NULL || c->nulls[i] == 0) sum += c->values.i32[i];
    rows += c->entry_count;
  }
  for (uint32_t i = 0; i < ROWS; i++)
    if (i % 5 != 4) expected += i;
  CHECK(rows == ROWS && sum == expected);
  CHECK(m->read_len <= chunks_len); /* that leaf's pages and nothing else */
  CHECK(pqdb_parquet_variant_field(v, "more.x[]", 0, &field) == PQDB_OK && !field.is_alone);
  CHECK(pqdb_parquet_variant_field(v, "r1", 0, &field) == PQDB_OK && field.typed_leaf == -1);
  CHECK(field.rest_count == 1 && field.value_leaf >= 0);
  CHECK(pqdb_parquet_variant_field(v, "more", 0, &field) == PQDB_OK && field.is_whole);
  CHECK(pqdb_parquet_variant_field(v, "n", 9, &field) == PQDB_VALIDATION_FAILED);
  pqdb_parquet_scan_close(scan);
  pqdb_parquet_variant_close(v);
}

static void test_parquet_variant_file(void) {
  static pqdb_variant docs[ROWS];
  static uint8_t bytes[FILE_CAP];
  memory m = {.bytes = bytes};
  pqdb_parquet_source source = {.ud = &m, .read = memory_read};
  pqdb_parquet *file;
  pqdb_parquet_variant *v;
  pq_cx cx;
  pq_arena arena;
  unit_cx_init(&cx);
  pq_arena_init(&arena, &cx, 1 << 28);
  make_docs(&cx, &arena, docs);
  write_docs(docs, &m);
  source.len = m.len;
  CHECK(pqdb_parquet_open_source("memory", &source, NULL, &file) == PQDB_OK);
  check_values(file, docs);
  check_field(file, &m);
  CHECK(pqdb_parquet_variant_open(file, "dox", &v) == PQDB_VALIDATION_FAILED);
  CHECK(strstr(pqdb_parquet_variant_message(v), "no VARIANT column dox") != NULL);
  pqdb_parquet_variant_close(v);
  pqdb_parquet_close(file);
  pq_arena_release(&arena);
}

static void test_parquet_variant_misuse(void) {
  pqdb_parquet_shredder *s;
  uint32_t count;
  CHECK(pqdb_parquet_shredder_open("{a: int99}", false, &s) == PQDB_VALIDATION_FAILED);
  CHECK(strstr(pqdb_parquet_shredder_message(s), "no type of that name") != NULL);
  CHECK(pqdb_parquet_shredder_nodes(s, "x", &count) == NULL && count == 0);
  CHECK(pqdb_parquet_shredder_columns(s, &count) == NULL);
  pqdb_parquet_shredder_close(s);
  CHECK(pqdb_parquet_shredder_open("{a: int64}", false, &s) == PQDB_OK);
  CHECK(pqdb_parquet_shredder_add(s, (pqdb_variant){.value = {NULL, 0}}) == PQDB_VALIDATION_FAILED);
  CHECK(pqdb_parquet_shredder_add(s, (pqdb_variant){{(const uint8_t *)"\1\0", 3},
                                                    {(const uint8_t *)"\xff", 1}}) == PQDB_CORRUPT);
  pqdb_parquet_shredder_close(s);
}

int main(void) {
  RUN(test_parquet_variant_file);
  RUN(test_parquet_variant_misuse);
  return unit_end();
}
