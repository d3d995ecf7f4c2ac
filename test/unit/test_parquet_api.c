/* test/unit/test_parquet_api.c - include/parquedb/parquet.h as its users have it: files on a disk,
 * sources and sinks, nested columns, wrong arguments, threads. Only the public header is used. */
#include "parquedb/parquet.h"

#include <fcntl.h>
#include <pthread.h>

#include "drive_dir.h"
#include "unit.h"

enum { ROWS = 5000, GROUPS = 4, ALL = ROWS * GROUPS };

static char folder[DRIVE_DIR_CAP];

static const char *in_folder(const char *name) {
  static char paths[4][256];
  static int pos;
  pos = (pos + 1) % 4;
  snprintf(paths[pos], sizeof paths[pos], "%s/%s", folder, name);
  return paths[pos];
}

static bool exists(const char *path) {
  return access(path, F_OK) == 0;
}

static uint32_t count_files(void) {
  DIR *dir = opendir(folder);
  struct dirent *e;
  uint32_t count = 0;
  while (dir != NULL && (e = readdir(dir)) != NULL)
    count += e->d_name[0] != '.';
  if (dir != NULL) closedir(dir);
  return count;
}

static pqdb_bytes text(const char *s) {
  return (pqdb_bytes){(const uint8_t *)s, strlen(s)};
}

/* ---- a file: n, name, price?, tags (list of text) ---- */

static const pqdb_parquet_node schema[] = {
    {.name = "n", .type = PQDB_INT64, .has_bloom = true, .has_field_id = true, .field_id = 7},
    {.name = "name",
     .type = PQDB_BYTE_ARRAY,
     .logical = PQDB_LOGICAL_STRING,
     .has_encoding = true,
     .encoding = PQDB_ENCODING_RLE_DICTIONARY},
    {.name = "price",
     .repetition = PQDB_OPTIONAL,
     .type = PQDB_INT32,
     .logical = PQDB_LOGICAL_DECIMAL,
     .precision = 9,
     .scale = 2},
    {.name = "tags", .repetition = PQDB_OPTIONAL, .child_count = 1, .logical = PQDB_LOGICAL_LIST},
    {.name = "list", .repetition = PQDB_REPEATED, .child_count = 1},
    {.name = "element",
     .repetition = PQDB_OPTIONAL,
     .type = PQDB_BYTE_ARRAY,
     .logical = PQDB_LOGICAL_STRING},
};
enum { NODES = sizeof schema / sizeof schema[0], LEAVES = 4 };

typedef struct data {
  int64_t n[ROWS];
  uint32_t name_codes[ROWS];
  int32_t price[ROWS];
  uint8_t price_nulls[ROWS];
  pqdb_bytes tags[ROWS * 2];
  uint8_t def[ROWS * 2], rep[ROWS * 2];
  pqdb_parquet_column columns[LEAVES];
} data;

static const char *const names[] = {"ada", "alan", "grace"};

/* Row i: n = i, name by i % 3, price i * 10 but null where i % 4 is 0, and by i % 4 the tags null,
 * [], ["a"], ["a", null]. */
static void fill(data *d, int64_t first) {
  static pqdb_bytes dictionary[3];
  uint32_t entries = 0;
  for (int i = 0; i < 3; i++)
    dictionary[i] = text(names[i]);
  for (uint32_t i = 0; i < ROWS; i++) {
    uint32_t kind = (uint32_t)((first + i) % 4);
    d->n[i] = first + i;
    d->name_codes[i] = (uint32_t)((first + i) % 3);
    d->price[i] = (int32_t)(first + i) * 10;
    d->price_nulls[i] = kind == 0;
    d->rep[entries] = 0;
    d->def[entries] = (uint8_t)(kind == 3 ? 3 : kind == 2 ? 3 : kind);
    d->tags[entries++] = kind >= 2 ? text("a") : (pqdb_bytes){0};
    if (kind != 3) continue;
    d->rep[entries] = 1;
    d->def[entries] = 2;
    d->tags[entries++] = (pqdb_bytes){0};
  }
  d->columns[0] = (pqdb_parquet_column){.type = PQDB_INT64, .row_count = ROWS, .values.i64 = d->n};
  d->columns[1] = (pqdb_parquet_column){.type = PQDB_BYTE_ARRAY,
                                        .row_count = ROWS,
                                        .dictionary = dictionary,
                                        .dictionary_count = 3,
                                        .values.codes = d->name_codes};
  d->columns[2] = (pqdb_parquet_column){
      .type = PQDB_INT32, .row_count = ROWS, .nulls = d->price_nulls, .values.i32 = d->price};
  d->columns[3] = (pqdb_parquet_column){.type = PQDB_BYTE_ARRAY,
                                        .row_count = ROWS,
                                        .entry_count = entries,
                                        .def = d->def,
                                        .rep = d->rep,
                                        .values.bytes = d->tags};
}

static int write_all(pqdb_parquet_writer *w) {
  static data d;
  pqdb_parquet_sorting sorted = {.leaf = 0};
  int rc = pqdb_parquet_sorting_columns(w, &sorted, 1);
  for (uint32_t g = 0; g < GROUPS && rc == PQDB_OK; g++) {
    fill(&d, (int64_t)g * ROWS);
    rc = pqdb_parquet_write(w, d.columns, LEAVES);
  }
  if (rc == PQDB_OK) rc = pqdb_parquet_put_key_value(w, text("k"), text("value"));
  return rc == PQDB_OK ? pqdb_parquet_finish(w) : rc;
}

static void write_file(const char *path, const pqdb_parquet_writer_options *options) {
  pqdb_parquet_writer *w;
  CHECK(pqdb_parquet_create(path, schema, NODES, options, &w) == PQDB_OK);
  CHECK(!exists(path));
  CHECK(write_all(w) == PQDB_OK);
  CHECK(exists(path));
  pqdb_parquet_writer_close(w);
}

/* ---- reading it back ---- */

static uint32_t wrong_rows(const pqdb_parquet_batch *b) {
  const pqdb_parquet_column *n = &b->columns[0], *name = &b->columns[1], *price = &b->columns[2],
                            *tags = &b->columns[3];
  uint32_t wrong = 0, e = 0;
  for (uint32_t i = 0; i < b->row_count; i++) {
    int64_t row = n->values.i64[i];
    uint32_t kind = (uint32_t)(row % 4);
    const char *expected = names[row % 3];
    pqdb_bytes got = name->values.bytes[i];
    bool is_null = price->nulls != NULL && price->nulls[i] != 0;
    wrong += (uint64_t)row != (b->rows != NULL ? b->rows[i] : b->first_row + i);
    wrong += got.n != strlen(expected) || memcmp(got.p, expected, got.n) != 0;
    wrong += is_null != (kind == 0) || (!is_null && price->values.i32[i] != row * 10);
    wrong += tags->rep[e] != 0 || tags->def[e] != (kind >= 2 ? 3 : kind);
    wrong += kind >= 2 && (tags->values.bytes[e].n != 1 || tags->values.bytes[e].p[0] != 'a');
    e++;
    if (kind == 3) wrong += tags->rep[e] != 1 || tags->def[e++] != 2;
  }
  return wrong + (e != tags->entry_count);
}

static uint64_t read_file(pqdb_parquet *f, const pqdb_parquet_scan_options *options) {
  pqdb_parquet_scan *s;
  pqdb_parquet_batch b;
  uint64_t rows = 0;
  uint32_t wrong = 0;
  int rc;
  CHECK(pqdb_parquet_scan_open(f, options, &s) == PQDB_OK);
  while ((rc = pqdb_parquet_next(s, &b)) == PQDB_ROW) {
    rows += b.row_count;
    wrong += wrong_rows(&b);
  }
  CHECK(rc == PQDB_DONE && wrong == 0);
  CHECK(pqdb_parquet_next(s, &b) == PQDB_DONE);
  CHECK(pqdb_parquet_scan_so_far(s).rows_kept == rows);
  pqdb_parquet_scan_close(s);
  return rows;
}

static void check_schema(const pqdb_parquet *f) {
  uint32_t count;
  const pqdb_parquet_node *n = pqdb_parquet_schema(f, &count);
  CHECK(count == NODES + 1 && n[0].parent == -1 && n[0].leaf == -1 && n[0].child_count == 4);
  CHECK(strcmp(n[1].name, "n") == 0 && n[1].has_field_id && n[1].field_id == 7);
  CHECK(n[2].logical == PQDB_LOGICAL_STRING && n[2].leaf == 1 && !n[2].has_field_id);
  CHECK(n[3].logical == PQDB_LOGICAL_DECIMAL && n[3].scale == 2 && n[3].precision == 9);
  CHECK(n[4].logical == PQDB_LOGICAL_LIST && n[4].leaf == -1);
  CHECK(n[6].leaf == 3 && n[6].def == 3 && n[6].rep == 1 && n[6].parent == 5);
  CHECK(strcmp(n[6].path, "tags.list.element") == 0);
  CHECK(pqdb_parquet_leaf(f, "tags.list.element") == 3 && pqdb_parquet_leaf(f, "no") == -1);
  CHECK(pqdb_parquet_leaf_count(f) == LEAVES);
}

static void check_footer(const pqdb_parquet *f) {
  pqdb_parquet_chunk c;
  pqdb_bytes key, value;
  bool is_found = false;
  CHECK(pqdb_parquet_row_count(f) == ALL && pqdb_parquet_row_group_count(f) == GROUPS);
  CHECK(pqdb_parquet_row_group_rows(f, 1) == ROWS && pqdb_parquet_row_group_rows(f, 99) == 0);
  CHECK(strncmp(pqdb_parquet_created_by(f), "parquedb", 8) == 0);
  for (uint32_t i = 0; pqdb_parquet_key_value(f, i, &key, &value); i++)
    is_found = is_found || (key.n == 1 && value.n == 5 && memcmp(value.p, "value", 5) == 0);
  CHECK(is_found);
  CHECK(pqdb_parquet_chunk_of(f, 1, 0, &c) == PQDB_OK);
  CHECK(c.value_count == ROWS && c.has_bloom && c.has_column_index && c.has_offset_index);
  CHECK(c.has_min && c.min.n == 8 && c.min.p[0] == (ROWS & 255) && c.min_is_exact);
  CHECK(c.codec == PQDB_CODEC_ZSTD || c.codec == PQDB_CODEC_NONE);
  CHECK(pqdb_parquet_chunk_of(f, GROUPS, 0, &c) == PQDB_VALIDATION_FAILED);
}

static void test_api_round_trip(void) {
  const char *path = in_folder("a.parquet");
  pqdb_parquet_options plain = {.size = sizeof plain, .has_plain_kernels = true};
  pqdb_parquet_scan_options small = {.size = sizeof small, .batch_rows = 33};
  pqdb_parquet_writer_options v2 = {.size = sizeof v2,
                                    .codec = PQDB_CODEC_SNAPPY,
                                    .has_v2_pages = true,
                                    .created_by = "parquedb test"},
                              lookup = {.size = sizeof lookup, .layout = PQDB_LAYOUT_OPERATIONAL};
  pqdb_parquet_writer *w;
  pqdb_parquet *f;
  write_file(path, NULL);
  CHECK(pqdb_parquet_open(path, NULL, &f) == PQDB_OK);
  check_schema(f);
  check_footer(f);
  CHECK(read_file(f, NULL) == ALL);
  CHECK(read_file(f, &small) == ALL);
  pqdb_parquet_close(f);
  CHECK(pqdb_parquet_open(path, &plain, &f) == PQDB_OK);
  CHECK(read_file(f, NULL) == ALL);
  pqdb_parquet_close(f);
  write_file(in_folder("lookup.parquet"), &lookup);
  CHECK(pqdb_parquet_open(in_folder("lookup.parquet"), NULL, &f) == PQDB_OK);
  check_footer(f);
  CHECK(read_file(f, NULL) == ALL);
  pqdb_parquet_close(f);
  lookup.layout = (pqdb_parquet_layout)2;
  CHECK(pqdb_parquet_create(in_folder("b"), schema, NODES, &lookup, &w) == PQDB_VALIDATION_FAILED);
  pqdb_parquet_writer_close(w);
  write_file(in_folder("v2.parquet"), &v2);
  CHECK(pqdb_parquet_open(in_folder("v2.parquet"), NULL, &f) == PQDB_OK);
  CHECK(strcmp(pqdb_parquet_created_by(f), "parquedb test") == 0);
  CHECK(read_file(f, NULL) == ALL);
  pqdb_parquet_close(f);
}

static void test_api_predicates(void) {
  int64_t low = 9990, high = 10009;
  int32_t price = 100000;
  pqdb_bytes ada = text("ada"), lo = {(uint8_t *)&low, 8}, hi = {(uint8_t *)&high, 8},
             p4 = {(uint8_t *)&price, 4};
  pqdb_parquet_predicate range[] = {{0, PQDB_TEST_GE, &lo, 1}, {0, PQDB_TEST_LE, &hi, 1}};
  pqdb_parquet_predicate named = {1, PQDB_TEST_EQ, &ada, 1}, priced = {2, PQDB_TEST_LT, &p4, 1};
  pqdb_parquet_scan_options o = {.size = sizeof o, .predicates = range, .predicate_count = 2};
  pqdb_parquet_scan_stats st;
  pqdb_parquet_scan *s;
  pqdb_parquet_batch b;
  pqdb_parquet *f;
  CHECK(pqdb_parquet_open(in_folder("a.parquet"), NULL, &f) == PQDB_OK);
  CHECK(read_file(f, &o) == 20);
  o = (pqdb_parquet_scan_options){.size = sizeof o, .predicates = &named, .predicate_count = 1};
  CHECK(read_file(f, &o) == (ALL + 2) / 3);
  o.predicates = &priced;
  CHECK(read_file(f, &o) == 7500);
  range[1].values = &lo; /* one row, whose pages alone are read */
  o.predicates = range;
  o.predicate_count = 2;
  CHECK(pqdb_parquet_scan_open(f, &o, &s) == PQDB_OK);
  CHECK(pqdb_parquet_next(s, &b) == PQDB_ROW && b.row_count == 1 && b.first_row == 9990);
  CHECK(pqdb_parquet_next(s, &b) == PQDB_DONE);
  st = pqdb_parquet_scan_so_far(s);
  CHECK(st.row_groups == GROUPS && st.row_groups_kept == 1 && st.rows_kept == 1);
  pqdb_parquet_scan_close(s);
  pqdb_parquet_close(f);
}

static void test_api_codes(void) {
  uint32_t leaf = 1, wrong = 0;
  pqdb_parquet_scan_options o = {
      .size = sizeof o, .leaves = &leaf, .leaf_count = 1, .has_codes = true};
  pqdb_parquet_scan *s;
  pqdb_parquet_batch b;
  pqdb_parquet *f;
  CHECK(pqdb_parquet_open(in_folder("a.parquet"), NULL, &f) == PQDB_OK);
  CHECK(pqdb_parquet_scan_open(f, &o, &s) == PQDB_OK);
  while (pqdb_parquet_next(s, &b) == PQDB_ROW) {
    const pqdb_parquet_column *c = &b.columns[0];
    const pqdb_bytes *words = c->dictionary;
    CHECK(c->dictionary != NULL && c->dictionary_count == 3);
    for (uint32_t i = 0; i < b.row_count && words != NULL; i++)
      wrong += memcmp(words[c->values.codes[i]].p, names[(b.first_row + i) % 3], 3) != 0;
  }
  CHECK(wrong == 0);
  pqdb_parquet_scan_close(s);
  pqdb_parquet_close(f);
}

/* ---- sources and sinks ---- */

typedef struct memory {
  uint8_t *p;
  size_t n, cap;
  size_t fail_at; /* appends beyond it fail; 0: none */
  int reads_left; /* then they fail; negative: any number */
} memory;

static int append_memory(void *ud, const uint8_t *bytes, size_t len) {
  memory *m = ud;
  if (m->fail_at > 0 && m->n + len > m->fail_at) return PQDB_STORAGE_ERROR;
  while (m->n + len > m->cap) {
    m->cap = m->cap == 0 ? 1 << 16 : m->cap * 2;
    m->p = realloc(m->p, m->cap);
    if (m->p == NULL) abort();
  }
  memcpy(m->p + m->n, bytes, len);
  m->n += len;
  return PQDB_OK;
}

static int read_memory(void *ud, uint64_t off, size_t len, uint8_t *to) {
  memory *m = ud;
  if (m->reads_left == 0) return PQDB_STORAGE_ERROR;
  if (m->reads_left > 0) m->reads_left--;
  memcpy(to, m->p + off, len);
  return PQDB_OK;
}

static void test_api_source_and_sink(void) {
  memory m = {.reads_left = -1};
  pqdb_parquet_sink sink = {&m, append_memory};
  pqdb_parquet_source source = {&m, 0, read_memory};
  pqdb_parquet_writer *w;
  pqdb_parquet_scan *s;
  pqdb_parquet_batch b;
  pqdb_parquet *f;
  CHECK(pqdb_parquet_create_sink(&sink, schema, NODES, NULL, &w) == PQDB_OK);
  CHECK(write_all(w) == PQDB_OK);
  CHECK(pqdb_parquet_finish(w) == PQDB_VALIDATION_FAILED);
  pqdb_parquet_writer_close(w);
  source.len = m.n;
  CHECK(pqdb_parquet_open_source("memory", &source, NULL, &f) == PQDB_OK);
  CHECK(read_file(f, NULL) == ALL);
  m.reads_left = 2;
  CHECK(pqdb_parquet_scan_open(f, NULL, &s) == PQDB_OK);
  CHECK(pqdb_parquet_next(s, &b) == PQDB_STORAGE_ERROR && b.row_count == 0);
  CHECK(pqdb_parquet_next(s, &b) == PQDB_STORAGE_ERROR);
  CHECK(strncmp(pqdb_parquet_scan_message(s), "memory: read of ", 16) == 0);
  pqdb_parquet_scan_close(s);
  pqdb_parquet_close(f);
  m.reads_left = 0;
  CHECK(pqdb_parquet_open_source("memory", &source, NULL, &f) == PQDB_STORAGE_ERROR);
  CHECK(pqdb_parquet_row_count(f) == 0 && pqdb_parquet_leaf(f, "n") == -1);
  CHECK(pqdb_parquet_scan_open(f, NULL, &s) == PQDB_VALIDATION_FAILED);
  pqdb_parquet_scan_close(s);
  pqdb_parquet_close(f);
  m = (memory){.p = m.p, .cap = m.cap, .fail_at = 3000};
  CHECK(pqdb_parquet_create_sink(&sink, schema, NODES, NULL, &w) == PQDB_OK);
  CHECK(write_all(w) == PQDB_STORAGE_ERROR);
  CHECK(pqdb_parquet_finish(w) == PQDB_STORAGE_ERROR);
  CHECK(strcmp(pqdb_parquet_writer_message(w), "the sink answers -2") == 0);
  pqdb_parquet_writer_close(w);
  free(m.p);
}

/* ---- wrong arguments ---- */

static void test_api_no_file(void) {
  pqdb_parquet *f;
  int fd = open(in_folder("junk"), O_WRONLY | O_CREAT, 0666);
  CHECK(write(fd, "PAR1 not at all", 15) == 15);
  close(fd);
  CHECK(pqdb_parquet_open(in_folder("absent"), NULL, &f) == PQDB_STORAGE_ERROR);
  CHECK(strstr(pqdb_parquet_message(f), "absent: open: No such file") != NULL);
  pqdb_parquet_close(f);
  CHECK(pqdb_parquet_open(folder, NULL, &f) == PQDB_VALIDATION_FAILED);
  pqdb_parquet_close(f);
  CHECK(pqdb_parquet_open(in_folder("junk"), NULL, &f) == PQDB_CORRUPT);
  CHECK(strstr(pqdb_parquet_message(f), "junk: ") != NULL);
  pqdb_parquet_close(f);
  pqdb_parquet_close(NULL);
  pqdb_parquet_scan_close(NULL);
  pqdb_parquet_writer_close(NULL);
  unlink(in_folder("junk"));
}

static void test_api_bad_options(void) {
  uint32_t leaf = LEAVES;
  pqdb_parquet_options wrong = {.size = 1};
  pqdb_parquet_scan_options o = {.size = sizeof o, .leaves = &leaf, .leaf_count = 1};
  pqdb_parquet_predicate nested = {3, PQDB_TEST_IS_NULL, NULL, 0};
  pqdb_parquet_scan *s;
  pqdb_parquet *f;
  CHECK(pqdb_parquet_open(in_folder("a.parquet"), &wrong, &f) == PQDB_VALIDATION_FAILED);
  pqdb_parquet_close(f);
  CHECK(pqdb_parquet_open(in_folder("a.parquet"), NULL, &f) == PQDB_OK);
  CHECK(pqdb_parquet_scan_open(f, &o, &s) == PQDB_VALIDATION_FAILED);
  CHECK(strstr(pqdb_parquet_scan_message(s), "column 4 is asked for") != NULL);
  pqdb_parquet_scan_close(s);
  o = (pqdb_parquet_scan_options){.size = sizeof o, .predicates = &nested, .predicate_count = 1};
  CHECK(pqdb_parquet_scan_open(f, &o, &s) == PQDB_VALIDATION_FAILED);
  pqdb_parquet_scan_close(s);
  o = (pqdb_parquet_scan_options){.size = 3};
  CHECK(pqdb_parquet_scan_open(f, &o, &s) == PQDB_VALIDATION_FAILED);
  pqdb_parquet_scan_close(s);
  o = (pqdb_parquet_scan_options){.size = sizeof o, .memory_max = 1000};
  CHECK(pqdb_parquet_scan_open(f, &o, &s) == PQDB_OK);
  CHECK(pqdb_parquet_next(s, &(pqdb_parquet_batch){0}) == PQDB_LIMIT_EXCEEDED);
  pqdb_parquet_scan_close(s);
  pqdb_parquet_close(f);
}

/* One thing wrong at a time; the writer goes on after each. */
static void test_api_bad_columns(void) {
  static data d;
  static const pqdb_parquet_node fixed = {
      .name = "f", .type = PQDB_FIXED_LEN_BYTE_ARRAY, .type_len = 3};
  pqdb_bytes two = {(const uint8_t *)"xx", 2};
  pqdb_parquet_column c = {.type = PQDB_FIXED_LEN_BYTE_ARRAY, .row_count = 1, .values.bytes = &two};
  memory m = {0};
  pqdb_parquet_sink sink = {&m, append_memory};
  pqdb_parquet_writer *w;
  CHECK(pqdb_parquet_create_sink(&sink, schema, NODES, NULL, &w) == PQDB_OK);
  CHECK(pqdb_parquet_write(w, d.columns, LEAVES - 1) == PQDB_VALIDATION_FAILED);
  for (int i = 0; i < 9; i++) {
    fill(&d, 0);
    switch (i) {
      case 0: d.columns[0].type = PQDB_INT32; break;
      case 1: d.columns[1].row_count--; break;
      case 2: d.name_codes[17] = 3; break;
      case 3: d.columns[0].nulls = d.price_nulls; break;
      case 4: d.columns[3].def = NULL; break;
      case 5: d.columns[3].rep = NULL; break;
      case 6: d.def[3] = 4; break;
      case 7: d.rep[0] = 1; break;
      default: d.columns[2].values.any = NULL; break;
    }
    CHECK(pqdb_parquet_write(w, d.columns, LEAVES) == PQDB_VALIDATION_FAILED);
    CHECK(strncmp(pqdb_parquet_writer_message(w), "column ", 7) == 0);
  }
  fill(&d, 0);
  CHECK(pqdb_parquet_write(w, d.columns, LEAVES) == PQDB_OK);
  CHECK(pqdb_parquet_sorting_columns(w, &(pqdb_parquet_sorting){.leaf = 9}, 1) ==
        PQDB_VALIDATION_FAILED);
  CHECK(pqdb_parquet_finish(w) == PQDB_OK);
  pqdb_parquet_writer_close(w);
  CHECK(pqdb_parquet_create_sink(&sink, &fixed, 1, NULL, &w) == PQDB_OK);
  CHECK(pqdb_parquet_write(w, &c, 1) == PQDB_VALIDATION_FAILED);
  pqdb_parquet_writer_close(w);
  CHECK(pqdb_parquet_create_sink(&sink, schema, 0, NULL, &w) == PQDB_VALIDATION_FAILED);
  pqdb_parquet_writer_close(w);
  CHECK(pqdb_parquet_create_sink(&sink, schema, 4, NULL, &w) == PQDB_VALIDATION_FAILED);
  pqdb_parquet_writer_close(w);
  free(m.p);
}

/* A name appears with a finished file, and never replaces another. */
static void test_api_names(void) {
  const char *path = in_folder("b.parquet");
  uint32_t before = count_files();
  pqdb_parquet_writer *w, *second;
  CHECK(pqdb_parquet_create(in_folder("a.parquet"), schema, NODES, NULL, &w) ==
        PQDB_ALREADY_EXISTS);
  pqdb_parquet_writer_close(w);
  CHECK(pqdb_parquet_create(in_folder("no/such"), schema, NODES, NULL, &w) == PQDB_STORAGE_ERROR);
  pqdb_parquet_writer_close(w);
  CHECK(count_files() == before);
  CHECK(pqdb_parquet_create(path, schema, NODES, NULL, &w) == PQDB_OK);
  CHECK(!exists(path) && count_files() == before + 1);
  CHECK(pqdb_parquet_create(path, schema, NODES, NULL, &second) == PQDB_OK);
  CHECK(write_all(second) == PQDB_OK);
  CHECK(write_all(w) == PQDB_ALREADY_EXISTS);
  CHECK(pqdb_parquet_finish(w) == PQDB_ALREADY_EXISTS);
  pqdb_parquet_writer_close(w);
  pqdb_parquet_writer_close(second);
  CHECK(count_files() == before + 1 && exists(path));
  unlink(path);
}

/* ---- threads ---- */

typedef struct tally {
  uint64_t rows[GROUPS], sum[GROUPS]; /* by row group: no lock needed */
  uint64_t stop_at;                   /* a row; 0: none */
} tally;

static int take(void *ud, const pqdb_parquet_batch *b) {
  tally *t = ud;
  t->rows[b->row_group] += b->row_count;
  for (uint32_t i = 0; i < b->row_count; i++) {
    t->sum[b->row_group] += (uint64_t)b->columns[0].values.i64[i];
    if (t->stop_at != 0 && (uint64_t)b->columns[0].values.i64[i] == t->stop_at) return 42;
  }
  return 0;
}

static void test_api_parallel(void) {
  pqdb_parquet_scan_options o = {.size = sizeof o, .row_group_lo = 1, .row_group_hi = 3};
  pqdb_parquet_scan_stats st;
  tally t = {0};
  uint64_t rows = 0, sum = 0;
  pqdb_parquet *f;
  CHECK(pqdb_parquet_open(in_folder("a.parquet"), NULL, &f) == PQDB_OK);
  CHECK(pqdb_parquet_scan_parallel(f, NULL, take, &t, &st) == PQDB_OK);
  for (uint32_t g = 0; g < GROUPS; g++) {
    CHECK(t.rows[g] == ROWS);
    rows += t.rows[g];
    sum += t.sum[g];
  }
  CHECK(rows == ALL && sum == (uint64_t)ALL * (ALL - 1) / 2 && st.rows_kept == ALL);
  t = (tally){0};
  CHECK(pqdb_parquet_scan_parallel(f, &o, take, &t, NULL) == PQDB_OK);
  CHECK(t.rows[0] == 0 && t.rows[1] == ROWS && t.rows[2] == ROWS && t.rows[3] == 0);
  t = (tally){.stop_at = 6000};
  CHECK(pqdb_parquet_scan_parallel(f, NULL, take, &t, NULL) == 42);
  o.row_group_hi = GROUPS + 1;
  CHECK(pqdb_parquet_scan_parallel(f, &o, take, &t, NULL) == PQDB_VALIDATION_FAILED);
  o = (pqdb_parquet_scan_options){.size = sizeof o, .memory_max = 1000};
  CHECK(pqdb_parquet_scan_parallel(f, &o, take, &t, NULL) == PQDB_LIMIT_EXCEEDED);
  CHECK(strstr(pqdb_parquet_message(f), "bytes of memory") != NULL);
  pqdb_parquet_close(f);
}

/* Look up a few rows again and again; indexes and blooms are shared with the other thread. */
static void *look_up(void *ud) {
  pqdb_parquet *f = ud;
  size_t wrong = 0;
  for (int64_t n = 0; n < ALL; n += 997) {
    pqdb_bytes v = {(uint8_t *)&n, 8};
    pqdb_parquet_predicate p = {0, PQDB_TEST_EQ, &v, 1};
    pqdb_parquet_scan_options o = {.size = sizeof o, .predicates = &p, .predicate_count = 1};
    pqdb_parquet_scan *s;
    pqdb_parquet_batch b;
    if (pqdb_parquet_scan_open(f, &o, &s) != PQDB_OK) wrong++;
    wrong += pqdb_parquet_next(s, &b) != PQDB_ROW || b.row_count != 1 || wrong_rows(&b) > 0;
    wrong += pqdb_parquet_next(s, &b) != PQDB_DONE;
    pqdb_parquet_scan_close(s);
  }
  return (void *)(uintptr_t)wrong;
}

static void test_api_threads(void) {
  pthread_t threads[3];
  pqdb_parquet *f;
  CHECK(pqdb_parquet_open(in_folder("a.parquet"), NULL, &f) == PQDB_OK);
  for (int i = 0; i < 3; i++)
    CHECK(pthread_create(&threads[i], NULL, look_up, f) == 0);
  for (int i = 0; i < 3; i++) {
    void *wrong = NULL;
    CHECK(pthread_join(threads[i], &wrong) == 0 && wrong == NULL);
  }
  pqdb_parquet_close(f);
}

int main(void) {
  drive_make_dir(folder);
  RUN(test_api_round_trip);
  RUN(test_api_predicates);
  RUN(test_api_codes);
  RUN(test_api_source_and_sink);
  RUN(test_api_no_file);
  RUN(test_api_bad_options);
  RUN(test_api_bad_columns);
  RUN(test_api_names);
  RUN(test_api_parallel);
  RUN(test_api_threads);
  drive_remove_dir(folder, 0);
  return unit_end();
}
