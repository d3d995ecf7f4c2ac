/* test/unit/test_cursor.c - cursors with tiny windows, random batches and random skips give what
 * decoding the whole chunk gives: on the sample and on every small file of the corpora. */
#include "parquet_util.h"

#include <dirent.h>

#include "parquet/cursor_int.h"
#include "parquet/decode_int.h"

static const pq_slice whole = {sample, sizeof sample};

/* A generator of our own, so that a failure can be repeated. */
static uint64_t random_state = 1;

static uint32_t random_below(uint32_t n) {
  random_state = random_state * 6364136223846793005u + 1442695040888963407u;
  return (uint32_t)(random_state >> 33) % n;
}

/* Run `expr` on a cursor until it needs no more I/O. */
#define DRIVE_CURSOR(rc, c, bytes, expr)                             \
  do {                                                               \
    int cursor_rounds = 0;                                           \
    while (((rc) = (expr)) == PQ_NEED_IO && cursor_rounds++ < 10000) \
      serve(pq_cursor_fetch(c), bytes);                              \
  } while (0)

/* ---- comparing ---- */

static uint32_t entry_of_row(const pq_column *c, uint32_t row) {
  uint32_t begun = 0;
  if (c->rep == NULL) return row;
  for (uint32_t i = 0; i < c->entry_count; i++) {
    if (c->rep[i] != 0) continue;
    if (begun++ == row) return i;
  }
  return c->entry_count;
}

static bool is_same_slot(const pq_column *a, uint32_t i, const pq_column *b, uint32_t k) {
  size_t size = pq_phys_size(a->phys);
  const uint8_t *x = (const uint8_t *)a->v.any + i * size;
  const uint8_t *y = (const uint8_t *)b->v.any + k * size;
  if (pq_column_is_null(a, i) != pq_column_is_null(b, k)) return false;
  if (a->def != NULL && a->def[i] != b->def[k]) return false;
  if (a->rep != NULL && a->rep[i] != b->rep[k]) return false;
  if (pq_column_is_null(a, i)) return b->dictionary == NULL || b->v.codes[k] == 0;
  if (b->dictionary != NULL) {
    if (b->v.codes[k] >= b->dictionary->count) return false;
    y = (const uint8_t *)b->dictionary->values + b->v.codes[k] * size;
  }
  if (!pq_phys_is_slice(a->phys)) return memcmp(x, y, size) == 0;
  return pq_slice_eq(*(const pq_slice *)(const void *)x, *(const pq_slice *)(const void *)y);
}

/* Rows of `whole_column`, beginning where each run says, against the batch. */
typedef struct expected {
  const pq_column *column;
  pq_row_range runs[8];
  uint32_t run_count;
} expected;

static bool is_right(const expected *want, const pq_column *got) {
  uint32_t k = 0, rows = 0;
  for (uint32_t r = 0; r < want->run_count; r++) {
    uint32_t lo = entry_of_row(want->column, want->runs[r].lo);
    uint32_t hi = entry_of_row(want->column, want->runs[r].hi);
    rows += want->runs[r].hi - want->runs[r].lo;
    for (uint32_t i = lo; i < hi; i++, k++)
      if (k >= pq_column_entries(got) || !is_same_slot(want->column, i, got, k)) return false;
  }
  return rows == got->row_count && k == pq_column_entries(got) && got->phys == want->column->phys;
}

/* ---- one chunk ---- */

typedef struct chunk_test {
  opened *o;
  uint32_t row_group, leaf, row_count;
  const pq_page_index *index;
  const pq_column *column; /* NULL: cannot be decoded */
  pq_cursor_options options;
} chunk_test;

/* The runs of a batch, from *row on. */
static void choose_runs(const chunk_test *t, uint32_t step, bool has_skips, uint32_t *row,
                        expected *out) {
  for (uint32_t r = 1 + random_below(8); r > 0 && *row < t->row_count; r--) {
    uint32_t n = random_below(step + 1), skip = has_skips ? random_below(step + 1) : 0;
    if (skip > t->row_count - *row) skip = t->row_count - *row;
    *row += skip;
    if (n > t->row_count - *row) n = t->row_count - *row;
    out->runs[out->run_count++] = (pq_row_range){*row, *row + n};
    *row += n;
  }
}

/* Read them; sometimes ask in advance, for all of them or for each. */
static int read_runs(const chunk_test *t, pq_cursor *c, uint32_t row, const expected *want) {
  int rc = PQ_OK;
  if (random_below(2) == 0)
    DRIVE_CURSOR(rc, c, t->o->bytes, pq_cursor_want_ranges(c, 0, want->runs, want->run_count));
  for (uint32_t r = 0; r < want->run_count && rc == PQ_OK; r++) {
    uint32_t n = want->runs[r].hi - want->runs[r].lo;
    pq_cursor_skip(c, want->runs[r].lo - row);
    if (random_below(2) == 0) DRIVE_CURSOR(rc, c, t->o->bytes, pq_cursor_want(c, n));
    if (rc == PQ_OK) DRIVE_CURSOR(rc, c, t->o->bytes, pq_cursor_read(c, n));
    row = want->runs[r].hi;
  }
  return rc;
}

/* Go over the chunk from `c`'s beginning in random steps. */
static int walk_chunk(const chunk_test *t, pq_cursor *c) {
  uint32_t row = 0, step = 1 + random_below(t->row_count < 400 ? t->row_count + 1 : 400);
  bool has_skips = random_below(2) == 0;
  while (row < t->row_count) {
    expected want = {.column = t->column};
    uint32_t first = row;
    pq_column got;
    int rc;
    pq_cursor_clear(c);
    choose_runs(t, step, has_skips, &row, &want);
    rc = read_runs(t, c, first, &want);
    if (rc != PQ_OK) return rc;
    pq_cursor_batch(c, &got);
    bool is_same = t->column == NULL || is_right(&want, &got);
    if (!is_same) {
      CHECK(is_same);
      return PQ_OK;
    }
  }
  return PQ_OK;
}

static void test_chunk(chunk_test t) {
  static const uint32_t windows[] = {1, 50, 300, 5000, 0};
  for (unsigned i = 0; i < 6; i++) {
    pq_budget budget = {.max = (uint64_t)1 << 28};
    pq_cursor *c;
    int rc;
    t.options = (pq_cursor_options){.has_codes = random_below(2) == 0,
                                    .window_len = windows[random_below(5)],
                                    .budget = random_below(4) == 0 ? NULL : &budget};
    rc = pq_cursor_new(t.o->f.cx, &t.o->file, t.row_group, t.leaf, t.index, t.options, &c);
    if (rc == PQ_OK) rc = walk_chunk(&t, c);
    if (rc == PQ_OK) {
      CHECK(pq_cursor_reopen(c, t.row_group, t.index) == PQ_OK);
      rc = walk_chunk(&t, c);
    }
    if (t.column != NULL) CHECK(rc == PQ_OK);
    CHECK(rc == PQ_OK || rc == PQ_ECORRUPT || rc == PQ_EUNSUPPORTED || rc == PQ_ELIMIT);
    pq_cursor_free(c);
    CHECK(budget.used == 0);
    if (rc != PQ_OK) return;
  }
}

static uint32_t test_file(opened *o, uint32_t chunk_max) {
  const pq_footer *f = o->file.footer;
  uint32_t count = 0;
  for (uint32_t g = 0; g < f->row_group_count; g++) {
    for (uint32_t l = 0; l < f->leaf_count && count < chunk_max; l++, count++) {
      uint64_t rows = f->row_groups[g].row_count;
      chunk_test t = {.o = o, .row_group = g, .leaf = l, .row_count = (uint32_t)rows};
      pq_page_index index = {0};
      pq_column column;
      int rc;
      if (rows > 1 << 20) continue;
      if (read_chunk_of(o, (read_spec){g, l, false, NULL, 0}, &column) == PQ_OK) t.column = &column;
      test_chunk(t);
      DRIVE(rc, &o->f, o->bytes, pq_page_index_fetch(&o->f, &o->arena, &o->file, g, l, &index));
      if (rc == PQ_OK && index.page_count > 0) {
        t.index = &index;
        t.column = NULL;
        if (read_chunk_of(o, (read_spec){g, l, true, NULL, 0}, &column) == PQ_OK)
          t.column = &column;
        test_chunk(t);
      }
    }
    pq_fetch_clear(&o->f);
  }
  return count;
}

static void test_cursor_sample(void) {
  pq_cx cx;
  opened o;
  unit_cx_init(&cx);
  CHECK(open_bytes(&o, &cx, whole) == PQ_OK);
  for (int i = 0; i < 20; i++)
    CHECK(test_file(&o, UINT32_MAX) == 2 * SAMPLE_LEAVES);
  opened_release(&o);
  CHECK(unit_live_len == 0);
}

/* With a page index, one row asks for one page and nothing else. */
static void test_cursor_asks_little(void) {
  pq_cx cx;
  opened o;
  pq_page_index index;
  pq_cursor *c;
  pq_column got;
  int rc;
  unit_cx_init(&cx);
  CHECK(open_bytes(&o, &cx, whole) == PQ_OK);
  DRIVE(rc, &o.f, whole, pq_page_index_fetch(&o.f, &o.arena, &o.file, 0, 0, &index));
  CHECK(rc == PQ_OK && index.page_count == 3);
  CHECK(pq_cursor_new(&cx, &o.file, 0, 0, &index, (pq_cursor_options){0}, &c) == PQ_OK);
  pq_cursor_skip(c, 12);
  CHECK(pq_cursor_want(c, 1) == PQ_NEED_IO);
  serve(pq_cursor_fetch(c), whole);
  CHECK(pq_cursor_want(c, 1) == PQ_OK);
  CHECK(pq_cursor_read(c, 1) == PQ_OK);
  pq_cursor_batch(c, &got);
  CHECK(got.row_count == 1 && pq_slice_is(got.v.bytes[0], "k0012"));
  CHECK(pq_cursor_fetch(c)->stat_requests == 1);
  CHECK(pq_cursor_fetch(c)->stat_bytes == index.pages[1].len);
  pq_cursor_free(c);
  opened_release(&o);
  CHECK(unit_live_len == 0);
}

/* A budget that is too small is a limit, and nothing leaks. */
static void test_cursor_budget(void) {
  pq_cx cx;
  opened o;
  unit_cx_init(&cx);
  CHECK(open_bytes(&o, &cx, whole) == PQ_OK);
  for (uint64_t max = 0; max < 12000; max += 150) {
    for (uint32_t l = 0; l < SAMPLE_LEAVES; l++) {
      pq_budget budget = {.max = max};
      pq_cursor *c;
      int rc;
      CHECK(pq_cursor_new(&cx, &o.file, 0, l, NULL, (pq_cursor_options){.budget = &budget}, &c) ==
            PQ_OK);
      DRIVE_CURSOR(rc, c, whole, pq_cursor_read(c, SAMPLE_GROUP_ROWS));
      CHECK(rc == PQ_ELIMIT || (rc == PQ_OK && max > 300));
      CHECK(budget.used <= max);
      pq_cursor_free(c);
      CHECK(budget.used == 0);
    }
  }
  opened_release(&o);
  CHECK(unit_live_len == 0);
}

static void test_cursor_oom(void) {
  for (uint32_t l = 0; l < SAMPLE_LEAVES; l++) {
    pq_cx cx;
    int rc = PQ_OK;
    for (long n = 1; n > 0; n = unit_oom_next(n, rc)) {
      opened o;
      pq_cursor *c = NULL;
      unit_cx_init(&cx);
      unit_fail_at = n;
      rc = open_bytes(&o, &cx, whole);
      if (rc == PQ_OK)
        rc = pq_cursor_new(&cx, &o.file, 0, l, NULL, (pq_cursor_options){.has_codes = true}, &c);
      if (rc == PQ_OK) DRIVE_CURSOR(rc, c, whole, pq_cursor_read(c, SAMPLE_GROUP_ROWS));
      pq_cursor_free(c);
      opened_release(&o);
    }
  }
}

/* Each byte of the pages changed in turn: an answer or a failure, never a crash. */
static void test_cursor_damaged(void) {
  static uint8_t copy[sizeof sample];
  memcpy(copy, sample, sizeof sample);
  for (size_t i = 4; i < 3400; i += 3) {
    pq_cx cx;
    opened o;
    copy[i] ^= (uint8_t)(1u << random_below(8));
    unit_cx_init(&cx);
    if (open_bytes(&o, &cx, (pq_slice){copy, sizeof copy}) == PQ_OK) test_file(&o, UINT32_MAX);
    opened_release(&o);
    CHECK(unit_live_len == 0);
    copy[i] = sample[i];
  }
}

/* ---- corpora ---- */

enum { CORPUS_FILE_LEN_MAX = 256 << 10, CORPUS_DEPTH_MAX = 12, CORPUS_CHUNK_MAX = 60 };
static unsigned corpus_files, corpus_chunks;

static void corpus_file(const char *path) {
  FILE *in = fopen(path, "rb");
  uint8_t *bytes = malloc(CORPUS_FILE_LEN_MAX + 1);
  int failed = unit_failed;
  pq_cx cx;
  opened o;
  size_t n;
  if (bytes == NULL) abort();
  n = in == NULL ? 0 : fread(bytes, 1, CORPUS_FILE_LEN_MAX + 1, in);
  if (in != NULL) fclose(in);
  if (n >= 12 && n <= CORPUS_FILE_LEN_MAX && memcmp(bytes, "PAR", 3) == 0) {
    unit_cx_init(&cx);
    corpus_files++;
    if (open_bytes(&o, &cx, (pq_slice){bytes, n}) == PQ_OK)
      corpus_chunks += test_file(&o, CORPUS_CHUNK_MAX);
    opened_release(&o);
    CHECK(unit_live_len == 0);
    if (unit_failed > failed) fprintf(stderr, "in %s: %s\n", path, cx.msg);
  }
  free(bytes);
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

static void test_cursor_corpora(void) {
  const char *root = getenv("PARQUEDB_CORPORA");
  char path[1024];
  snprintf(path, sizeof path, "%s/parquet", root != NULL ? root : "../shared/corpora");
  corpus_folder(path, CORPUS_DEPTH_MAX);
  if (corpus_files == 0) {
    printf("skipped: corpora not found\n");
    return;
  }
  printf("corpora: %u files, %u chunks\n", corpus_files, corpus_chunks);
  CHECK(corpus_files > 300 && corpus_chunks > 500);
}

int main(void) {
  RUN(test_cursor_sample);
  RUN(test_cursor_asks_little);
  RUN(test_cursor_budget);
  RUN(test_cursor_oom);
  RUN(test_cursor_damaged);
  RUN(test_cursor_corpora);
  return unit_end();
}
