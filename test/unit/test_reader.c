/* test/unit/test_reader.c - pages, indexes and columns of the sample, whole and damaged, and every
 * small file of the corpora. */
#include "parquet_util.h"

#include <dirent.h>

static const pq_slice whole = {sample, sizeof sample};

/* ---- what the sample holds ---- */

static bool is_null_at(uint32_t leaf, uint32_t row) {
  return leaf == 1 ? row % 5 == 2 : leaf == 2 && row >= 10 && row < 20;
}

static bool is_right(const pq_column *c, uint32_t leaf, uint32_t i, uint32_t row) {
  static const char *const colours[] = {"red", "green", "blue"};
  char id[32];
  if (pq_column_is_null(c, i) != is_null_at(leaf, row)) return false;
  if (is_null_at(leaf, row)) return true;
  snprintf(id, sizeof id, "k%04u", row);
  switch (leaf) {
    case 0: return pq_slice_is(c->v.bytes[i], id);
    case 1: return c->v.i64[i] == (int64_t)row * 3 - 7;
    case 2: return pq_slice_is(c->v.bytes[i], colours[row % 3]);
    case 3: return c->v.b[i] == (row % 7 < 3);
    case 4: return c->v.i64[i] == 1767225600000000 + (int64_t)row * 1000000;
    default: return c->v.f64[i] == row / 4.0;
  }
}

/* Read rows of a chunk of the sample and compare them all. */
static bool reads_right(opened *o, read_spec s) {
  uint32_t first = (uint32_t)o->file.footer->row_groups[s.row_group].first_row, i = 0;
  pq_row_range all = {0, (uint32_t)o->file.footer->row_groups[s.row_group].row_count};
  const pq_row_range *ranges = s.range_count > 0 ? s.ranges : &all;
  uint32_t count = s.range_count > 0 ? s.range_count : 1;
  pq_column c;
  if (read_chunk_of(o, s, &c) != PQ_OK) return false;
  for (uint32_t r = 0; r < count; r++)
    for (uint32_t row = ranges[r].lo; row < ranges[r].hi; row++, i++)
      if (i >= c.row_count || !is_right(&c, s.leaf, i, first + row)) return false;
  return i == c.row_count && c.phys == o->file.footer->leaves[s.leaf].phys;
}

static void test_reader_all_rows(void) {
  pq_cx cx;
  opened o;
  unit_cx_init(&cx);
  CHECK(open_bytes(&o, &cx, whole) == PQ_OK);
  for (uint32_t g = 0; g < 2; g++) {
    for (uint32_t l = 0; l < SAMPLE_LEAVES; l++) {
      CHECK(reads_right(&o, (read_spec){g, l, false, NULL, 0}));
      CHECK(reads_right(&o, (read_spec){g, l, true, NULL, 0}));
    }
  }
  opened_release(&o);
  CHECK(unit_live_len == 0);
}

static void test_reader_ranges(void) {
  static const pq_row_range lists[][3] = {
      {{0, 1}, {0, 0}, {0, 0}},     {{24, 25}, {0, 0}, {0, 0}},    {{9, 11}, {0, 0}, {0, 0}},
      {{3, 5}, {7, 8}, {22, 25}},   {{0, 10}, {10, 20}, {20, 25}}, {{12, 13}, {14, 14}, {19, 20}},
      {{11, 11}, {12, 15}, {0, 0}},
  };
  pq_cx cx;
  opened o;
  unit_cx_init(&cx);
  CHECK(open_bytes(&o, &cx, whole) == PQ_OK);
  for (size_t k = 0; k < sizeof lists / sizeof lists[0]; k++) {
    uint32_t count = lists[k][2].hi > 0 ? 3 : lists[k][1].hi > 0 ? 2 : 1;
    for (uint32_t l = 0; l < SAMPLE_LEAVES; l++) {
      CHECK(reads_right(&o, (read_spec){0, l, true, lists[k], count}));
      CHECK(reads_right(&o, (read_spec){0, l, false, lists[k], count}));
    }
  }
  opened_release(&o);
  CHECK(unit_live_len == 0);
}

static void test_reader_page_index(void) {
  pq_cx cx;
  opened o;
  pq_page_index index;
  int rc;
  unit_cx_init(&cx);
  CHECK(open_bytes(&o, &cx, whole) == PQ_OK);
  DRIVE(rc, &o.f, whole, pq_page_index_fetch(&o.f, &o.arena, &o.file, 0, 1, &index));
  CHECK(rc == PQ_OK && index.page_count == 3);
  if (index.page_count == 3) {
    const pq_page_info *p = index.pages;
    CHECK(p[0].first_row == 0 && p[1].first_row == 10 && p[2].first_row == 20);
    CHECK(p[0].row_count == 10 && p[2].row_count == 5);
    CHECK(p[1].has_bounds && (int64_t)pq_rd64(p[1].min.p) == 23);
    CHECK((int64_t)pq_rd64(p[1].max.p) == 50);
  }
  DRIVE(rc, &o.f, whole, pq_page_index_fetch(&o.f, &o.arena, &o.file, 0, 2, &index));
  CHECK(rc == PQ_OK && index.page_count == 3);
  if (index.page_count == 3) {
    CHECK(index.pages[1].is_null_page && !index.pages[1].has_bounds);
    CHECK(!index.pages[0].is_null_page && pq_slice_is(index.pages[0].min, "blue"));
  }
  opened_release(&o);
  CHECK(unit_live_len == 0);
}

/* One row: only the bytes of one page are asked for, in one request. */
static void test_reader_fetches_little(void) {
  static const pq_row_range row = {12, 13};
  pq_cx cx;
  opened o;
  pq_page_index index;
  pq_column c;
  uint64_t requests, len;
  int rc;
  unit_cx_init(&cx);
  CHECK(open_bytes(&o, &cx, whole) == PQ_OK);
  DRIVE(rc, &o.f, whole, pq_page_index_fetch(&o.f, &o.arena, &o.file, 0, 0, &index));
  CHECK(rc == PQ_OK);
  pq_fetch_clear(&o.f);
  requests = o.f.stat_requests;
  len = o.f.stat_bytes;
  CHECK(pq_chunk_want(&o.f, &o.file, 0, 0, &index, &row, 1) == PQ_NEED_IO);
  CHECK(pq_chunk_want(&o.f, &o.file, 0, 0, &index, &row, 1) == PQ_NEED_IO);
  serve(&o.f, whole);
  CHECK(pq_chunk_want(&o.f, &o.file, 0, 0, &index, &row, 1) == PQ_OK);
  CHECK(pq_chunk_decode(&o.f, &o.arena, &o.file, 0, 0, &index, &row, 1, &c) == PQ_OK);
  CHECK(c.row_count == 1 && pq_slice_is(c.v.bytes[0], "k0012"));
  CHECK(o.f.stat_requests == requests + 1);
  CHECK(o.f.stat_bytes == len + index.pages[1].len);
  opened_release(&o);
  CHECK(unit_live_len == 0);
}

static void test_reader_no_bloom(void) {
  pq_cx cx;
  opened o;
  bool may = false;
  unit_cx_init(&cx);
  CHECK(open_bytes(&o, &cx, whole) == PQ_OK);
  CHECK(pq_bloom_check(&o.f, &o.file, 0, 0, 1, &may) == PQ_OK && may);
  opened_release(&o);
}

/* A page index that contradicts the pages is found out before rows come out. */
static void test_reader_wrong_index(void) {
  pq_cx cx;
  opened o;
  pq_page_index index;
  pq_column c;
  int rc;
  unit_cx_init(&cx);
  CHECK(open_bytes(&o, &cx, whole) == PQ_OK);
  DRIVE(rc, &o.f, whole, pq_page_index_fetch(&o.f, &o.arena, &o.file, 0, 0, &index));
  CHECK(rc == PQ_OK && index.page_count == 3);
  index.pages[1].first_row = 9;
  index.pages[0].row_count = 9;
  index.pages[1].row_count = 11;
  DRIVE(rc, &o.f, whole, pq_chunk_decode(&o.f, &o.arena, &o.file, 0, 0, &index, NULL, 0, &c));
  CHECK(rc == PQ_ECORRUPT && c.row_count == 0);
  CHECK(strstr(cx.msg, "t/1.parquet: column id: ") == cx.msg);
  opened_release(&o);
  CHECK(unit_live_len == 0);
}

/* ---- damage ---- */

/* Open and read everything of damaged bytes, held in an allocation of exactly their size. */
static uint32_t read_damaged(const uint8_t *p, size_t n, uint64_t *one_max) {
  memory_watch w = {0};
  uint8_t *exact = malloc(n + 1);
  uint32_t count = 0;
  pq_cx cx;
  opened o;
  int rc;
  if (exact == NULL) abort();
  memcpy(exact + 1, p, n);
  pq_cx_init(&cx, watch_alloc, &w);
  rc = open_bytes(&o, &cx, (pq_slice){exact + 1, n});
  if (rc == PQ_OK) count = read_all(&o, true) + read_all(&o, false);
  CHECK(rc == PQ_OK || rc == PQ_ECORRUPT || rc == PQ_EUNSUPPORTED || rc == PQ_ELIMIT);
  opened_release(&o);
  CHECK(w.live_len == 0);
  if (w.one_max > *one_max) *one_max = w.one_max;
  free(exact);
  return count;
}

static void test_reader_damaged(void) {
  static uint8_t copy[sizeof sample];
  uint32_t lost = 0;
  uint64_t one_max = 0;
  memcpy(copy, sample, sizeof sample);
  CHECK(read_damaged(copy, sizeof copy, &one_max) == 4 * SAMPLE_LEAVES);
  for (size_t i = 0; i < sizeof copy; i++) {
    uint8_t flip = (uint8_t)(i % 3 == 0 ? 0xff : i % 3 == 1 ? 0x01 : 0x40);
    copy[i] ^= flip;
    lost += read_damaged(copy, sizeof copy, &one_max) < 4 * SAMPLE_LEAVES;
    copy[i] ^= flip;
  }
  CHECK(lost > sizeof copy / 3);
  for (size_t n = 0; n < sizeof copy; n += 7)
    read_damaged(copy, n, &one_max);
  /* bytes cut out of the middle: everything after them moves */
  for (size_t n = 4; n + 1 < sizeof copy; n += 13) {
    memcpy(copy, sample, n);
    memcpy(copy + n, sample + n + 1, sizeof copy - n - 1);
    read_damaged(copy, sizeof copy - 1, &one_max);
  }
  CHECK(one_max <= 64 * sizeof copy + (1 << 20));
}

/* Every flipped bit of a stored page body is found by its CRC. */
static void test_reader_crc(void) {
  static uint8_t copy[sizeof sample];
  pq_cx cx;
  opened o;
  pq_page_index index;
  pq_column c;
  uint64_t last;
  int rc;
  unit_cx_init(&cx);
  memcpy(copy, sample, sizeof sample);
  CHECK(open_bytes(&o, &cx, whole) == PQ_OK);
  DRIVE(rc, &o.f, whole, pq_page_index_fetch(&o.f, &o.arena, &o.file, 0, 5, &index));
  CHECK(rc == PQ_OK);
  last = index.pages[0].off + index.pages[0].len - 1;
  pq_fetch_clear(&o.f);
  copy[last] ^= 1;
  DRIVE(rc, &o.f, ((pq_slice){copy, sizeof copy}),
        pq_chunk_decode(&o.f, &o.arena, &o.file, 0, 5, NULL, NULL, 0, &c));
  CHECK(rc == PQ_ECORRUPT && strstr(cx.msg, "column x: page CRC differs") != NULL);
  opened_release(&o);
  CHECK(unit_live_len == 0);
}

static void test_reader_oom(void) {
  pq_cx cx;
  int rc = PQ_OK;
  for (long n = 1; n > 0; n = unit_oom_next(n, rc)) {
    opened o;
    pq_column c;
    unit_cx_init(&cx);
    unit_fail_at = n;
    rc = open_bytes(&o, &cx, whole);
    for (uint32_t l = 0; l < SAMPLE_LEAVES && rc == PQ_OK; l++)
      rc = read_chunk_of(&o, (read_spec){0, l, true, NULL, 0}, &c);
    opened_release(&o);
  }
}

/* ---- corpora ---- */

enum { CORPUS_FILE_LEN_MAX = 64 << 10, CORPUS_DEPTH_MAX = 12 };
static unsigned corpus_files, corpus_chunks;

static void corpus_file(const char *path) {
  static uint8_t bytes[CORPUS_FILE_LEN_MAX + 1];
  FILE *in = fopen(path, "rb");
  uint64_t one_max = 0;
  size_t n;
  if (in == NULL) return;
  n = fread(bytes, 1, sizeof bytes, in);
  fclose(in);
  if (n < 12 || n > CORPUS_FILE_LEN_MAX || memcmp(bytes, "PAR", 3) != 0) return;
  corpus_files++;
  corpus_chunks += read_damaged(bytes, n, &one_max);
}

static void corpus_folder(const char *path, unsigned depth) {
  DIR *dir = depth == 0 ? NULL : opendir(path);
  struct dirent *entry;
  if (dir == NULL) {
    corpus_file(path);
    return;
  }
  while ((entry = readdir(dir)) != NULL) {
    char inner[2048];
    if (entry->d_name[0] == '.') continue;
    if (snprintf(inner, sizeof inner, "%s/%s", path, entry->d_name) < (int)sizeof inner)
      corpus_folder(inner, depth - 1);
  }
  closedir(dir);
}

/* No file makes the reader crash; ASan and the leak check watch. */
static void test_reader_corpora(void) {
  const char *root = getenv("PARQUEDB_CORPORA");
  char path[1024];
  snprintf(path, sizeof path, "%s/parquet", root != NULL ? root : "../shared/corpora");
  corpus_folder(path, CORPUS_DEPTH_MAX);
  if (corpus_files == 0) {
    printf("skipped: corpora not found\n");
    return;
  }
  printf("corpora: %u files, %u chunks read\n", corpus_files, corpus_chunks);
  CHECK(corpus_files > 300 && corpus_chunks > 500);
}

/* ---- codecs, by files whose values are known ---- */

enum { CODEC_FILE_LEN_MAX = 400 << 10 };

/* Column `leaf` of row group 0 of a file of parquet-testing. False: no file, or not built in. */
static bool open_codec_file(const char *name, pq_codec codec, uint8_t *bytes, pq_cx *cx,
                            opened *o) {
  const char *root = getenv("PARQUEDB_CORPORA");
  char path[1024];
  FILE *in;
  size_t n;
  snprintf(path, sizeof path, "%s/parquet/parquet-testing/data/%s",
           root != NULL ? root : "../shared/corpora", name);
  in = pq_codec_is_readable(codec) ? fopen(path, "rb") : NULL;
  if (in == NULL) return false;
  n = fread(bytes, 1, CODEC_FILE_LEN_MAX, in);
  fclose(in);
  unit_cx_init(cx);
  CHECK(open_bytes(o, cx, (pq_slice){bytes, n}) == PQ_OK);
  CHECK(o->file.footer->row_groups[0].chunks[0].codec == codec);
  return true;
}

static uint8_t codec_bytes[2][CODEC_FILE_LEN_MAX];

static void test_reader_gzip_members(void) {
  pq_cx cx;
  opened o;
  pq_column c;
  if (!open_codec_file("concatenated_gzip_members.parquet", PQ_CODEC_GZIP, codec_bytes[0], &cx, &o))
    return;
  CHECK(read_chunk_of(&o, (read_spec){0, 0, false, NULL, 0}, &c) == PQ_OK && c.row_count == 513);
  for (uint32_t i = 0; i < c.row_count; i++)
    CHECK(c.v.i64[i] == (int64_t)i + 1);
  opened_release(&o);
  CHECK(unit_live_len == 0);
}

static void test_reader_snappy(void) {
  pq_cx cx;
  opened o;
  pq_column c;
  if (!open_codec_file("alltypes_plain.snappy.parquet", PQ_CODEC_SNAPPY, codec_bytes[0], &cx, &o))
    return;
  CHECK(read_chunk_of(&o, (read_spec){0, 0, false, NULL, 0}, &c) == PQ_OK && c.row_count == 2);
  CHECK(c.row_count == 2 && c.v.i32[0] == 6 && c.v.i32[1] == 7);
  CHECK(read_chunk_of(&o, (read_spec){0, 8, false, NULL, 0}, &c) == PQ_OK && c.row_count == 2);
  CHECK(c.row_count == 2 && pq_slice_is(c.v.bytes[1], "04/01/09"));
  opened_release(&o);
  CHECK(unit_live_len == 0);
}

/* The same 10,000 texts in Hadoop's framing and as raw blocks. */
static void test_reader_lz4(void) {
  pq_cx cx, cx2;
  opened o, o2;
  pq_column c, c2;
  read_spec all = {0, 0, false, NULL, 0};
  if (!open_codec_file("hadoop_lz4_compressed_larger.parquet", PQ_CODEC_LZ4, codec_bytes[0], &cx,
                       &o))
    return;
  CHECK(open_codec_file("lz4_raw_compressed_larger.parquet", PQ_CODEC_LZ4_RAW, codec_bytes[1], &cx2,
                        &o2));
  CHECK(read_chunk_of(&o, all, &c) == PQ_OK && read_chunk_of(&o2, all, &c2) == PQ_OK);
  CHECK(c.row_count == 10000 && c2.row_count == 10000);
  CHECK(c.row_count > 0 && pq_slice_is(c.v.bytes[0], "c7ce6bef-d5b0-4863-b199-8ea8c7fb117b"));
  for (uint32_t i = 0; i < c.row_count && i < c2.row_count; i++)
    CHECK(pq_slice_eq(c.v.bytes[i], c2.v.bytes[i]));
  opened_release(&o);
  opened_release(&o2);
}

int main(void) {
  RUN(test_reader_all_rows);
  RUN(test_reader_ranges);
  RUN(test_reader_page_index);
  RUN(test_reader_fetches_little);
  RUN(test_reader_no_bloom);
  RUN(test_reader_wrong_index);
  RUN(test_reader_damaged);
  RUN(test_reader_crc);
  RUN(test_reader_oom);
  RUN(test_reader_corpora);
  RUN(test_reader_gzip_members);
  RUN(test_reader_snappy);
  RUN(test_reader_lz4);
  return unit_end();
}
