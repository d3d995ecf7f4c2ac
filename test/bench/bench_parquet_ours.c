/* test/bench/bench_parquet_ours.c - the jobs of the Parquet benchmark through our public header.
 *
 * What a job times is what a caller of the library would do: open the file, scan, look at the
 * batches, close. Keys and bounds come as text and become PLAIN bytes of the column's type.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench_parquet.h"

/* DuckDB's documents are pages of 50 MB: 64 MiB, the default, are too few for one and its window.
 */
static const uint64_t memory_max = (uint64_t)1 << 30;

static void check(int rc, const char *what, const char *message) {
  if (rc < 0) bench_die(what, message);
}

pqdb_parquet *bench_open(const char *path) {
  pqdb_parquet *file;
  check(pqdb_parquet_open(path, NULL, &file), path, pqdb_parquet_message(file));
  return file;
}

static uint32_t leaf_of(const pqdb_parquet *file, const char *path) {
  int32_t leaf = pqdb_parquet_leaf(file, path);
  if (leaf < 0) bench_die("no such column", path);
  return (uint32_t)leaf;
}

static const pqdb_parquet_node *leaf_node(const pqdb_parquet *file, uint32_t leaf) {
  uint32_t count;
  const pqdb_parquet_node *nodes = pqdb_parquet_schema(file, &count);
  for (uint32_t i = 0; i < count; i++)
    if (nodes[i].leaf == (int32_t)leaf) return &nodes[i];
  bench_die("no such leaf", "");
}

/* "a,b,c" to leaf numbers; "*": none, which is all. */
static uint32_t leaves_of(const pqdb_parquet *file, const char *columns, uint32_t *leaves) {
  uint32_t count = 0;
  char name[256];
  if (strcmp(columns, "*") == 0) return 0;
  for (const char *at = columns; *at != 0 && count < BENCH_COLUMNS_MAX;) {
    size_t n = strcspn(at, ",");
    snprintf(name, sizeof name, "%.*s", (int)n, at);
    leaves[count++] = leaf_of(file, name);
    at += n + (at[n] == ',');
  }
  return count;
}

/* ---- scans ---- */

typedef void (*batch_fn)(void *ud, const pqdb_parquet_batch *batch);

static double each_batch(pqdb_parquet *file, const pqdb_parquet_scan_options *options, batch_fn fn,
                         void *ud) {
  pqdb_parquet_scan *scan;
  pqdb_parquet_batch batch;
  double rows = 0;
  int rc = pqdb_parquet_scan_open(file, options, &scan);
  check(rc, "scan", pqdb_parquet_message(file));
  while ((rc = pqdb_parquet_next(scan, &batch)) == PQDB_ROW) {
    rows += batch.row_count;
    if (fn != NULL) fn(ud, &batch);
  }
  check(rc, "scan", pqdb_parquet_scan_message(scan));
  pqdb_parquet_scan_close(scan);
  return rows;
}

static int take_nothing(void *ud, const pqdb_parquet_batch *batch) {
  (void)ud;
  (void)batch;
  return 0;
}

static double scan_parallel(pqdb_parquet *file, const pqdb_parquet_scan_options *options) {
  pqdb_parquet_scan_stats stats;
  check(pqdb_parquet_scan_parallel(file, options, take_nothing, NULL, &stats), "scan",
        pqdb_parquet_message(file));
  return (double)stats.rows_kept;
}

double bench_scan(const char *path, const char *columns, unsigned threads, bool has_codes) {
  uint32_t leaves[BENCH_COLUMNS_MAX];
  pqdb_parquet *file = bench_open(path);
  uint32_t leaf_count = leaves_of(file, columns, leaves);
  pqdb_parquet_scan_options options = {.size = sizeof options,
                                       .memory_max = memory_max,
                                       .leaves = leaf_count > 0 ? leaves : NULL,
                                       .leaf_count = leaf_count,
                                       .has_codes = has_codes};
  double rows =
      threads > 1 ? scan_parallel(file, &options) : each_batch(file, &options, NULL, NULL);
  pqdb_parquet_close(file);
  return rows;
}

/* Text to the PLAIN bytes of a column. `room` is for numbers. */
static pqdb_bytes plain(const pqdb_parquet_node *node, const char *text, size_t len,
                        uint8_t room[8]) {
  if (node->type == PQDB_BYTE_ARRAY) return (pqdb_bytes){(const uint8_t *)text, len};
  uint64_t v = (uint64_t)strtoll(text, NULL, 10);
  for (unsigned i = 0; i < 8; i++)
    room[i] = (uint8_t)(v >> 8 * i);
  return (pqdb_bytes){room, node->type == PQDB_INT32 ? 4 : 8};
}

double bench_range(const char *path, const char *column, const char *lo, const char *hi) {
  uint8_t room[2][8];
  pqdb_parquet *file = bench_open(path);
  uint32_t leaf = leaf_of(file, column);
  const pqdb_parquet_node *node = leaf_node(file, leaf);
  pqdb_bytes values[2] = {plain(node, lo, strlen(lo), room[0]),
                          plain(node, hi, strlen(hi), room[1])};
  pqdb_parquet_predicate predicates[2] = {{leaf, PQDB_TEST_GE, &values[0], 1},
                                          {leaf, PQDB_TEST_LE, &values[1], 1}};
  pqdb_parquet_scan_options options = {.size = sizeof options,
                                       .memory_max = memory_max,
                                       .predicates = predicates,
                                       .predicate_count = 2};
  double rows = each_batch(file, &options, NULL, NULL);
  pqdb_parquet_close(file);
  return rows;
}

static double get_one(pqdb_parquet *file, const char *column, pqdb_bytes key) {
  uint8_t room[8];
  uint32_t leaf = leaf_of(file, column);
  pqdb_bytes value = plain(leaf_node(file, leaf), (const char *)key.p, key.n, room);
  pqdb_parquet_predicate predicate = {leaf, PQDB_TEST_EQ, &value, 1};
  pqdb_parquet_scan_options options = {.size = sizeof options,
                                       .memory_max = memory_max,
                                       .predicates = &predicate,
                                       .predicate_count = 1};
  return each_batch(file, &options, NULL, NULL);
}

double bench_get(const char *path, pqdb_parquet *file, const char *column, const char *keys) {
  double rows = 0;
  for (const char *at = keys; *at != 0;) {
    size_t n = strcspn(at, ",");
    pqdb_parquet *opened = file != NULL ? file : bench_open(path);
    rows += get_one(opened, column, (pqdb_bytes){(const uint8_t *)at, n});
    if (file == NULL) pqdb_parquet_close(opened);
    at += n + (at[n] == ',');
  }
  return rows;
}

/* ---- sums ---- */

typedef struct summing {
  uint8_t def; /* of an entry that has a value */
  double sum;
} summing;

static double sum_column(const pqdb_parquet_column *c, uint8_t def_max) {
  double sum = 0;
  bool is_text = c->type == PQDB_BYTE_ARRAY || c->type == PQDB_FIXED_LEN_BYTE_ARRAY;
  for (uint32_t i = 0; i < c->entry_count; i++) {
    if (c->def != NULL ? c->def[i] < def_max : c->nulls != NULL && c->nulls[i] != 0) continue;
    if (is_text) sum += (double)c->values.bytes[i].n;
    if (c->type == PQDB_INT32) sum += c->values.i32[i];
    if (c->type == PQDB_INT64) sum += (double)c->values.i64[i];
  }
  return sum;
}

static void add_first(void *ud, const pqdb_parquet_batch *batch) {
  summing *s = ud;
  s->sum += sum_column(&batch->columns[0], s->def);
}

/* A shredded field is whole in its typed_value if the value beside it is null in every row. */
static void check_residual(const pqdb_parquet *file, const char *column) {
  static const char end[] = ".typed_value";
  char name[256];
  size_t n = strlen(column);
  if (n < sizeof end || strcmp(column + n - sizeof end + 1, end) != 0) return;
  snprintf(name, sizeof name, "%.*s.value", (int)(n - sizeof end + 1), column);
  int32_t leaf = pqdb_parquet_leaf(file, name);
  if (leaf < 0) return;
  for (uint32_t g = 0; g < pqdb_parquet_row_group_count(file); g++) {
    pqdb_parquet_chunk chunk;
    check(pqdb_parquet_chunk_of(file, g, (uint32_t)leaf, &chunk), name, "no chunk");
    if (!chunk.has_null_count || chunk.null_count != chunk.value_count)
      bench_die(name, "has values");
  }
}

double bench_sum(const char *path, const char *column) {
  pqdb_parquet *file = bench_open(path);
  uint32_t leaf = leaf_of(file, column);
  check_residual(file, column);
  summing s = {.def = leaf_node(file, leaf)->def};
  pqdb_parquet_scan_options options = {
      .size = sizeof options, .memory_max = memory_max, .leaves = &leaf, .leaf_count = 1};
  each_batch(file, &options, add_first, &s);
  pqdb_parquet_close(file);
  return s.sum;
}

static void add_all(void *ud, const pqdb_parquet_batch *batch) {
  for (uint32_t c = 0; c < batch->column_count; c++)
    ((summing *)ud)->sum += sum_column(&batch->columns[c], 1);
}

double bench_check(const char *path) {
  summing s = {0};
  pqdb_parquet *file = bench_open(path);
  pqdb_parquet_scan_options options = {.size = sizeof options, .memory_max = memory_max};
  each_batch(file, &options, add_all, &s);
  pqdb_parquet_close(file);
  return s.sum;
}

/* ---- writing ---- */

static struct {
  const bench_table *table;
  bench_data *data;
  bench_group *groups;
  uint32_t group_count;
} kept;

void bench_drop(void) {
  for (uint32_t g = 0; g < kept.group_count; g++)
    bench_group_release(&kept.groups[g], kept.table);
  free(kept.groups);
  if (kept.data != NULL) bench_data_free(kept.data);
  memset(&kept, 0, sizeof kept);
}

void bench_load(const char *table, const char *rows, const char *group_rows) {
  uint64_t row_count = strtoull(rows, NULL, 10);
  uint32_t rows_max = (uint32_t)strtoul(group_rows, NULL, 10);
  bench_drop();
  kept.table = bench_table_of(table);
  kept.data = bench_data_new(kept.table, row_count);
  kept.groups = bench_alloc((size_t)(row_count / rows_max) + 2, sizeof(bench_group));
  while (bench_data_next(kept.data, rows_max, &kept.groups[kept.group_count]))
    kept.group_count++;
}

void bench_keys(const char *table, const char *rows, const char *count) {
  uint64_t row_count = strtoull(rows, NULL, 10), wanted = strtoull(count, NULL, 10);
  uint64_t step = row_count / wanted + 1, next = step / 2, first = 0;
  bench_data *data = bench_data_new(bench_table_of(table), row_count);
  bench_group g;
  const char *separator = "keys ";
  for (; bench_data_next(data, BENCH_GROUP_ROWS, &g); first += g.row_count) {
    for (; next < first + g.row_count; next += step, separator = ",") {
      pqdb_bytes key = g.columns[0].values.bytes[next - first];
      printf("%s%.*s", separator, (int)key.n, (const char *)key.p);
    }
    bench_group_release(&g, bench_table_of(table));
  }
  printf("\n");
  bench_data_free(data);
}

static pqdb_parquet_writer *begin(const char *path, const pqdb_parquet_node *nodes, uint32_t count,
                                  const char *codec, pqdb_parquet_layout layout) {
  pqdb_parquet_writer *w;
  pqdb_parquet_writer_options options = {.size = sizeof options, .layout = layout};
  if (strcmp(codec, "none") == 0) options.is_uncompressed = true;
  if (strcmp(codec, "snappy") == 0) options.codec = PQDB_CODEC_SNAPPY;
  remove(path);
  check(pqdb_parquet_create(path, nodes, count, &options, &w), path,
        pqdb_parquet_writer_message(w));
  return w;
}

static void end(pqdb_parquet_writer *w, const char *path) {
  check(pqdb_parquet_finish(w), path, pqdb_parquet_writer_message(w));
  pqdb_parquet_writer_close(w);
}

double bench_write(const char *codec, pqdb_parquet_layout layout, const char *path) {
  double rows = 0;
  if (kept.table == NULL) bench_die("write", "nothing is loaded");
  uint32_t columns = kept.table->column_count;
  pqdb_parquet_writer *w = begin(path, kept.table->nodes, columns, codec, layout);
  pqdb_parquet_sorting sorting = {.leaf = kept.table->sorted_leaf};
  check(pqdb_parquet_sorting_columns(w, &sorting, 1), path, pqdb_parquet_writer_message(w));
  for (uint32_t g = 0; g < kept.group_count; g++) {
    check(pqdb_parquet_write(w, kept.groups[g].columns, columns), path,
          pqdb_parquet_writer_message(w));
    rows += kept.groups[g].row_count;
  }
  end(w, path);
  return rows;
}

double bench_copy(const char *from, const char *codec, const char *path) {
  double rows = 0;
  pqdb_parquet *file = bench_open(from);
  uint32_t count;
  const pqdb_parquet_node *read = pqdb_parquet_schema(file, &count);
  pqdb_parquet_node *nodes = bench_alloc(count, sizeof *nodes);
  memcpy(nodes, read, count * sizeof *nodes);
  pqdb_parquet_writer *w = begin(path, nodes + 1, count - 1, codec, PQDB_LAYOUT_ANALYTIC);
  pqdb_parquet_scan_options options = {
      .size = sizeof options, .batch_rows = BENCH_GROUP_ROWS, .memory_max = memory_max};
  pqdb_parquet_scan *scan;
  pqdb_parquet_batch batch;
  int rc = pqdb_parquet_scan_open(file, &options, &scan);
  check(rc, from, pqdb_parquet_message(file));
  while ((rc = pqdb_parquet_next(scan, &batch)) == PQDB_ROW) {
    check(pqdb_parquet_write(w, batch.columns, batch.column_count), path,
          pqdb_parquet_writer_message(w));
    rows += batch.row_count;
  }
  check(rc, from, pqdb_parquet_scan_message(scan));
  pqdb_parquet_scan_close(scan);
  end(w, path);
  free(nodes);
  pqdb_parquet_close(file);
  return rows;
}

double bench_write_wide(const char *columns, const char *row_groups, const char *path) {
  enum { ROWS = 10, NAME_CAP = 8 };
  uint32_t column_count = (uint32_t)strtoul(columns, NULL, 10);
  uint32_t group_count = (uint32_t)strtoul(row_groups, NULL, 10);
  pqdb_parquet_node *nodes = bench_alloc(column_count, sizeof *nodes);
  pqdb_parquet_column *values = bench_alloc(column_count, sizeof *values);
  char(*names)[NAME_CAP] = bench_alloc(column_count, NAME_CAP);
  static const int64_t numbers[ROWS] = {3, 1, 4, 1, 5, 9, 2, 6, 5, 3};
  for (uint32_t c = 0; c < column_count; c++) {
    snprintf(names[c], NAME_CAP, "c%u", (unsigned)c % 1000000);
    nodes[c] = (pqdb_parquet_node){.name = names[c], .type = PQDB_INT64};
    values[c] = (pqdb_parquet_column){.type = PQDB_INT64, .row_count = ROWS, .entry_count = ROWS};
    values[c].values.i64 = numbers;
  }
  pqdb_parquet_writer *w = begin(path, nodes, column_count, "zstd", PQDB_LAYOUT_ANALYTIC);
  for (uint32_t g = 0; g < group_count; g++)
    check(pqdb_parquet_write(w, values, column_count), path, pqdb_parquet_writer_message(w));
  end(w, path);
  free(names);
  free(values);
  free(nodes);
  return group_count * ROWS;
}
