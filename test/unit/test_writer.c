/* The writer: its errors, limits and sizes. What it writes is read back in
 * test_parquet_roundtrip.c. */
#include "parquet_util.h"

#include "parquet/writer.h"

enum { ROWS_MAX = 100000 };

static int64_t numbers[ROWS_MAX];
static pq_slice strings[ROWS_MAX];
static uint8_t nulls[ROWS_MAX];

static pq_column int_column(uint32_t count) {
  pq_column c = {.phys = PQ_PHYS_INT64, .row_count = count};
  c.v.i64 = numbers;
  return c;
}

static pq_column bytes_column(uint32_t count) {
  pq_column c = {.phys = PQ_PHYS_BYTES, .row_count = count};
  c.v.bytes = strings;
  return c;
}

static int new_with(pq_cx *cx, pq_column_spec spec, pq_writer **out) {
  return pq_writer_new(cx, &spec, 1, (pq_writer_options){0}, out);
}

static void test_writer_specs(void) {
  static const pq_column_spec bad[] = {
      {.name = "a", .phys = PQ_PHYS_INT32, .logical = PQ_LOGICAL_STRING},
      {.name = "a", .phys = PQ_PHYS_INT32, .logical = PQ_LOGICAL_TIMESTAMP_US},
      {.name = "a", .phys = PQ_PHYS_INT64, .logical = PQ_LOGICAL_DATE},
      {.name = "a", .phys = PQ_PHYS_FIXED, .type_len = 15, .logical = PQ_LOGICAL_UUID},
      {.name = "a", .phys = PQ_PHYS_FIXED},
      {.name = "a", .phys = PQ_PHYS_BYTES, .logical = PQ_LOGICAL_OTHER},
  };
  pq_cx cx;
  pq_writer *w;
  unit_cx_init(&cx);
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    CHECK(new_with(&cx, bad[i], &w) == PQ_EINVALID);
    CHECK(w == NULL);
  }
  pq_writer_free(NULL);
  CHECK(unit_live_len == 0);
}

/* No row groups, and even no columns. */
static void test_writer_empty(void) {
  static const pq_column_spec spec = {
      .name = "a", .phys = PQ_PHYS_BYTES, .logical = PQ_LOGICAL_STRING, .field_id = 3};
  for (uint32_t count = 0; count < 2; count++) {
    pq_key_value pair = {PQ_SLICE("k"), PQ_SLICE("v")};
    pq_cx cx;
    pq_writer *w;
    opened o;
    unit_cx_init(&cx);
    CHECK(pq_writer_new(&cx, &spec, count, (pq_writer_options){.created_by = "x"}, &w) == PQ_OK);
    CHECK(pq_writer_finish(w, &pair, 1) == PQ_OK);
    pq_slice bytes = pq_writer_bytes(w);
    CHECK(memcmp(bytes.p, "PAR1", 4) == 0 && memcmp(bytes.p + bytes.n - 4, "PAR1", 4) == 0);
    CHECK(pq_rd32(bytes.p + bytes.n - 8) == pq_writer_footer_len(w));
    CHECK(pq_writer_footer_len(w) + 12 == bytes.n);
    CHECK(open_bytes(&o, &cx, bytes) == PQ_OK);
    if (o.file.footer != NULL) {
      const pq_footer *f = o.file.footer;
      CHECK(f->leaf_count == count && f->row_group_count == 0 && f->row_count == 0);
      CHECK(pq_slice_is(f->created_by, "x") && pq_slice_is(pq_footer_key(f, "k"), "v"));
      CHECK(count == 0 || f->leaves[0].field_id == 3);
    }
    opened_release(&o);
    pq_writer_free(w);
    CHECK(unit_live_len == 0);
  }
}

/* Bytes of the only chunk of a file with one column. */
static uint64_t chunk_len(pq_column_spec spec, pq_column column) {
  uint64_t len = UINT64_MAX;
  pq_cx cx;
  pq_writer *w;
  opened o;
  unit_cx_init(&cx);
  spec.name = "a";
  spec.field_id = -1;
  spec.has_stats = true;
  CHECK(pq_writer_new(&cx, &spec, 1, (pq_writer_options){0}, &w) == PQ_OK);
  CHECK(pq_writer_add(w, &column, 1) == PQ_OK);
  CHECK(pq_writer_finish(w, NULL, 0) == PQ_OK);
  CHECK(open_bytes(&o, &cx, pq_writer_bytes(w)) == PQ_OK);
  if (o.file.footer != NULL) len = o.file.footer->row_groups[0].chunks[0].len;
  opened_release(&o);
  pq_writer_free(w);
  CHECK(unit_live_len == 0);
  return len;
}

/* Columns that say almost nothing cost almost nothing. */
static void test_writer_sizes(void) {
  static char texts[64][32];
  pq_column_spec number = {.phys = PQ_PHYS_INT64};
  pq_column_spec text = {.phys = PQ_PHYS_BYTES, .logical = PQ_LOGICAL_STRING};
  pq_column c = int_column(ROWS_MAX);
  uint64_t required;
  for (int i = 0; i < ROWS_MAX; i++)
    numbers[i] = 12345;
  required = chunk_len(number, c);
  CHECK(required <= 70);
  number.is_optional = true;
  CHECK(chunk_len(number, c) <= required + 10);
  memset(nulls, 1, sizeof nulls);
  c.nulls = nulls;
  CHECK(chunk_len(number, c) <= 40);
  memset(nulls, 0, sizeof nulls); /* nullable, nothing null, said the long way */
  CHECK(chunk_len(number, c) <= required + 10);
  nulls[ROWS_MAX / 2] = 1;
  CHECK(chunk_len(number, c) <= required + 30);
  number.is_optional = false;
  number.hint = PQ_HINT_SORTED;
  c.nulls = NULL;
  for (int i = 0; i < ROWS_MAX; i++)
    numbers[i] = 1000 + i;
  CHECK(chunk_len(number, c) <= 500);
  for (int i = 0; i < 64; i++)
    snprintf(texts[i], sizeof texts[i], "a value to repeat %d", i);
  for (int i = 0; i < ROWS_MAX; i++)
    strings[i] = pq_str(texts[i * 7919 % 64]);
  CHECK(chunk_len(text, bytes_column(ROWS_MAX)) <= ROWS_MAX * 6 / 8 + 2000);
  for (int i = 0; i < ROWS_MAX; i++)
    strings[i] = pq_str(texts[0]);
  CHECK(chunk_len(text, bytes_column(ROWS_MAX)) <= 90);
}

/* A failed row group leaves no trace: the file is the same as without the attempt. */
static void test_writer_failures(void) {
  static const pq_column_spec specs[] = {
      {.name = "n", .phys = PQ_PHYS_INT64, .has_bloom = true, .has_stats = true, .field_id = -1},
      {.name = "f", .phys = PQ_PHYS_FIXED, .type_len = 4, .is_optional = true, .field_id = -1},
      {.name = "v", .logical = PQ_LOGICAL_VARIANT, .is_optional = true, .field_id = -1},
  };
  pq_column c[4] = {int_column(10), bytes_column(10), bytes_column(10), bytes_column(10)};
  pq_cx cx;
  pq_writer *w[2];
  unit_cx_init(&cx);
  memset(nulls, 0, sizeof nulls);
  nulls[3] = 1;
  c[1].phys = PQ_PHYS_FIXED;
  for (int i = 0; i < 10; i++)
    numbers[i] = i;
  for (int i = 0; i < 2; i++) {
    for (int j = 0; j < 10; j++)
      strings[j] = PQ_SLICE("abcd");
    CHECK(pq_writer_new(&cx, specs, 3, (pq_writer_options){.level = 1}, &w[i]) == PQ_OK);
    CHECK(pq_writer_add(w[i], c, 4) == PQ_OK);
    if (i == 1) {
      c[3].nulls = nulls;
      CHECK(pq_writer_add(w[i], c, 4) == PQ_EINVALID); /* half a variant */
      c[3].nulls = NULL;
      strings[9].n = 3;
      CHECK(pq_writer_add(w[i], c, 4) == PQ_EINVALID); /* length */
      strings[9].n = 4;
    }
    CHECK(pq_writer_add(w[i], c, 4) == PQ_OK);
    CHECK(pq_writer_finish(w[i], NULL, 0) == PQ_OK);
  }
  CHECK(pq_slice_eq(pq_writer_bytes(w[0]), pq_writer_bytes(w[1])));
  pq_writer_free(w[0]);
  pq_writer_free(w[1]);
  CHECK(unit_live_len == 0);
}

static void test_writer_limit(void) {
  pq_column_spec spec = {.name = "n", .phys = PQ_PHYS_INT64, .hint = PQ_HINT_PLAIN};
  pq_column c = int_column(ROWS_MAX);
  pq_cx cx;
  pq_writer *w;
  unit_cx_init(&cx);
  cx.limits.file_len_max = 100000;
  for (int i = 0; i < ROWS_MAX; i++)
    numbers[i] = (int64_t)((uint64_t)i * 0x9e3779b97f4a7c15u);
  CHECK(new_with(&cx, spec, &w) == PQ_OK);
  CHECK(pq_writer_add(w, &c, 1) == PQ_ELIMIT);
  CHECK(pq_writer_len(w) == 4);
  c.row_count = 1000;
  CHECK(pq_writer_add(w, &c, 1) == PQ_OK);
  CHECK(pq_writer_len(w) > 8000);
  CHECK(pq_writer_finish(w, NULL, 0) == PQ_OK);
  pq_writer_free(w);
  CHECK(pq_writer_new(&cx, &spec, 1, (pq_writer_options){.codec = PQ_CODEC_LZO}, &w) == PQ_OK);
  CHECK(pq_writer_add(w, &c, 1) == PQ_EUNSUPPORTED);
  pq_writer_free(w);
  CHECK(unit_live_len == 0);
}

/* Every kind of column, small. */
static int write_small(pq_cx *cx, pq_writer **out) {
  static const pq_column_spec specs[] = {
      {.name = "id",
       .phys = PQ_PHYS_BYTES,
       .logical = PQ_LOGICAL_STRING,
       .hint = PQ_HINT_SORTED,
       .has_bloom = true,
       .has_stats = true,
       .field_id = 1},
      {.name = "s",
       .phys = PQ_PHYS_BYTES,
       .logical = PQ_LOGICAL_STRING,
       .is_optional = true,
       .has_bloom = true,
       .has_stats = true,
       .field_id = 2},
      {.name = "n", .phys = PQ_PHYS_INT64, .has_bloom = true, .has_stats = true, .field_id = 3},
      {.name = "d", .logical = PQ_LOGICAL_VARIANT, .field_id = 4},
  };
  static const pq_sort_column sorting = {0, false, false};
  enum { ROWS = 400 };
  pq_column c[5] = {bytes_column(ROWS), bytes_column(ROWS), int_column(ROWS), bytes_column(ROWS),
                    bytes_column(ROWS)};
  pq_key_value pair = {PQ_SLICE("k"), PQ_SLICE("v")};
  static char texts[ROWS][100];
  for (int i = 0; i < ROWS; i++) {
    snprintf(texts[i], sizeof texts[i], "%080d", i);
    strings[i] = pq_str(texts[i]);
    numbers[i] = i * i;
    nulls[i] = i % 3 == 0;
  }
  c[1].nulls = nulls;
  PQ_TRY(pq_writer_new(cx, specs, 4, (pq_writer_options){.level = 1}, out));
  PQ_TRY(pq_writer_sorting(*out, &sorting, 1));
  PQ_TRY(pq_writer_add(*out, c, 5));
  PQ_TRY(pq_writer_add(*out, c, 5));
  return pq_writer_finish(*out, &pair, 1);
}

static void test_writer_deterministic(void) {
  pq_cx cx;
  pq_writer *a, *b;
  unit_cx_init(&cx);
  CHECK(write_small(&cx, &a) == PQ_OK);
  CHECK(write_small(&cx, &b) == PQ_OK);
  CHECK(pq_slice_eq(pq_writer_bytes(a), pq_writer_bytes(b)));
  pq_writer_free(a);
  pq_writer_free(b);
  CHECK(unit_live_len == 0);
}

/* Read all page indexes and ask all bloom filters: the first failure. */
static int read_sides(opened *o) {
  const pq_footer *footer = o->file.footer;
  for (uint32_t g = 0; g < footer->row_group_count; g++) {
    for (uint32_t i = 0; i < footer->leaf_count; i++) {
      pq_page_index index;
      bool may;
      int rc;
      DRIVE(rc, &o->f, o->bytes, pq_page_index_fetch(&o->f, &o->arena, &o->file, g, i, &index));
      PQ_TRY(rc);
      DRIVE(rc, &o->f, o->bytes, pq_bloom_check(&o->f, &o->file, g, i, 12345, &may));
      PQ_TRY(rc);
    }
  }
  return PQ_OK;
}

/* No bit of the indexes and bloom filters can turn without being noticed. */
static void test_writer_crcs(void) {
  static uint8_t copy[1 << 16];
  pq_cx cx;
  pq_writer *w;
  pq_slice bytes;
  opened o;
  uint64_t from, to;
  unit_cx_init(&cx);
  CHECK(write_small(&cx, &w) == PQ_OK);
  bytes = pq_writer_bytes(w);
  CHECK(bytes.n < sizeof copy);
  memcpy(copy, bytes.p, bytes.n);
  CHECK(open_bytes(&o, &cx, bytes) == PQ_OK && read_sides(&o) == PQ_OK);
  from = o.file.footer->row_groups[0].chunks[0].bloom_off;
  to = bytes.n - PQ_FOOTER_TAIL_LEN - o.file.footer->footer_len;
  CHECK(from > 4 && from < to);
  opened_release(&o);
  for (uint64_t i = from; i < to; i++) {
    copy[i] ^= (uint8_t)(1 << i % 8);
    CHECK(open_bytes(&o, &cx, (pq_slice){copy, bytes.n}) == PQ_OK);
    CHECK(read_sides(&o) == PQ_ECORRUPT);
    opened_release(&o);
    copy[i] ^= (uint8_t)(1 << i % 8);
  }
  pq_writer_free(w);
  CHECK(unit_live_len == 0);
}

/* Two row groups of 1,000 rows in one writer, or the second one from another. */
static int write_groups(pq_cx *cx, bool is_joined, pq_writer **out) {
  static const pq_column_spec spec = {
      .name = "a", .phys = PQ_PHYS_INT64, .has_stats = true, .has_bloom = true, .page_len = 1024};
  pq_column columns[2] = {int_column(1000), int_column(1000)};
  pq_writer *part = NULL;
  int rc;
  columns[1].v.i64 += 1000;
  rc = new_with(cx, spec, out);
  if (rc == PQ_OK) rc = pq_writer_add(*out, &columns[0], 1);
  if (rc == PQ_OK && is_joined) rc = new_with(cx, spec, &part);
  if (rc == PQ_OK) rc = pq_writer_add(is_joined ? part : *out, &columns[1], 1);
  if (rc == PQ_OK && is_joined) rc = pq_writer_join(*out, part);
  pq_writer_free(part);
  return rc == PQ_OK ? pq_writer_finish(*out, NULL, 0) : rc;
}

static void test_writer_join(void) {
  pq_writer *one = NULL, *other = NULL;
  pq_cx cx;
  int rc = PQ_OK;
  for (uint32_t i = 0; i < 2000; i++)
    numbers[i] = (int64_t)(i * 2654435761u % 100000);
  unit_cx_init(&cx);
  CHECK(write_groups(&cx, false, &one) == PQ_OK);
  CHECK(write_groups(&cx, true, &other) == PQ_OK);
  CHECK(pq_slice_eq(pq_writer_bytes(one), pq_writer_bytes(other)));
  pq_writer_free(one);
  pq_writer_free(other);
  CHECK(unit_live_len == 0);
  for (long n = 1; n > 0; n = unit_oom_next(n, rc)) {
    pq_writer *w = NULL;
    unit_cx_init(&cx);
    unit_fail_at = n;
    rc = write_groups(&cx, true, &w);
    pq_writer_free(w);
  }
}

static void test_writer_oom(void) {
  int rc = PQ_OK;
  for (long n = 1; n > 0; n = unit_oom_next(n, rc)) {
    pq_cx cx;
    pq_writer *w = NULL;
    unit_cx_init(&cx);
    unit_fail_at = n;
    rc = write_small(&cx, &w);
    pq_writer_free(w);
  }
}

int main(void) {
  CHECK(sizeof sample > 0);
  RUN(test_writer_specs);
  RUN(test_writer_empty);
  RUN(test_writer_sizes);
  RUN(test_writer_failures);
  RUN(test_writer_limit);
  RUN(test_writer_deterministic);
  RUN(test_writer_crcs);
  RUN(test_writer_join);
  RUN(test_writer_oom);
  return unit_end();
}
