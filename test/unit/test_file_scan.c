/* test/unit/test_file_scan.c - scans of a file in memory: the right rows whatever is left out, what
 * they cost, what they do when memory, requests or bytes fail.
 *
 * The file has flat columns with everything that statistics get wrong (nulls, pages of nulls,
 * constants, NaN, both zeros) and a list. A model in C says which rows match.
 */
#include "parquet/file_scan.h"

#include <math.h>

#include "base/buf.h"
#include "parquet/writer.h"
#include "unit.h"

enum { GROUPS = 3, GROUP_ROWS = 700, ROWS = GROUPS * GROUP_ROWS, BLOCK = 40 };
enum { ID, N, X, S, B, U, F16, LEAVES_FLAT, TAGS = LEAVES_FLAT, LEAVES };

typedef struct row {
  char id[16];
  bool n_null, x_null, s_null;
  int64_t n;
  double x;
  const char *s;
  uint8_t b;
  int32_t u;
  uint16_t f16;
  uint32_t tag_count;
} row;

static row rows[ROWS];
static uint64_t seed;

static uint32_t below(uint32_t n) {
  uint64_t z = seed += 0x9e3779b97f4a7c15u;
  z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
  z = (z ^ z >> 27) * 0x94d049bb133111ebu;
  return (uint32_t)((z ^ z >> 31) % n);
}

static const double doubles[] = {-INFINITY, -1e9, -1,  -0.0,     0.0, 1e-300,
                                 1,         2.5,  1e9, INFINITY, NAN};
static const char *const words[] = {"",       "a",      "ab",    "apple",
                                    "banana", "cherry", "z\x7f", "\xc3\xa9t\xc3\xa9"};
static const uint16_t halves[] = {0xfc00, 0xbc00, 0x8000, 0, 0x3c00, 0x7c00, 0x7e00};

/* Rows come in blocks of nulls, of one value, of few values or of many. */
static void make_rows(void) {
  uint32_t kind = 0;
  seed = 42;
  for (uint32_t i = 0; i < ROWS; i++) {
    row *r = &rows[i];
    if (i % BLOCK == 0) kind = below(4);
    snprintf(r->id, sizeof r->id, "id%06u", i * 2);
    r->n_null = kind == 0 || (kind == 3 && below(3) == 0);
    r->x_null = kind == 0 || (kind == 2 && below(2) == 0);
    r->s_null = kind == 0 || below(5) == 0;
    r->n = kind == 1 ? 7 : kind == 2 ? (int64_t)below(4) : (int64_t)below(100000) - 50000;
    r->x = kind == 1 ? -0.0 : kind == 2 ? doubles[below(11)] : (double)below(1000) / 8;
    r->s = words[kind == 1 ? 3 : below(8)];
    r->b = kind == 1 ? 1 : (uint8_t)below(2);
    r->u = (int32_t)(kind == 2 ? 0xfffffff0u + below(8) : below(50));
    r->f16 = halves[kind == 1 ? 3 : below(7)];
    r->tag_count = below(4);
  }
}

/* ---- the file ---- */

typedef struct image {
  uint8_t *p;
  size_t n;
} image;

static const pq_node_spec nodes[] = {
    {.name = "id",
     .has_encoding = true,
     .encoding = PQ_ENC_PLAIN,
     .note = {.kind = PQ_NOTE_TEXT},
     .field_id = -1,
     .phys = PQ_PHYS_BYTES,
     .has_bloom = true,
     .has_stats = true,
     .page_len = 400},
    {.name = "n",
     .repetition = PQ_OPTIONAL,
     .field_id = -1,
     .phys = PQ_PHYS_INT64,
     .has_bloom = true,
     .has_stats = true,
     .page_len = 200},
    {.name = "x",
     .has_encoding = true,
     .encoding = PQ_ENC_PLAIN,
     .repetition = PQ_OPTIONAL,
     .field_id = -1,
     .phys = PQ_PHYS_DOUBLE,
     .has_bloom = true,
     .has_stats = true,
     .page_len = 200},
    {.name = "s",
     .repetition = PQ_OPTIONAL,
     .note = {.kind = PQ_NOTE_TEXT},
     .field_id = -1,
     .phys = PQ_PHYS_BYTES,
     .has_bloom = true,
     .has_stats = true,
     .page_len = 60},
    {.name = "b", .field_id = -1, .phys = PQ_PHYS_BOOL, .has_stats = true, .page_len = 20},
    {.name = "u",
     .note = {.kind = PQ_NOTE_INTEGER, .is_unsigned = true, .bits = 32},
     .field_id = -1,
     .phys = PQ_PHYS_INT32,
     .has_bloom = true,
     .has_stats = true,
     .page_len = 200},
    {.name = "h",
     .note = {.kind = PQ_NOTE_FLOAT16},
     .field_id = -1,
     .phys = PQ_PHYS_FIXED,
     .type_len = 2,
     .has_stats = true,
     .page_len = 100},
    {.name = "tags",
     .repetition = PQ_OPTIONAL,
     .child_count = 1,
     .note = {.kind = PQ_NOTE_LIST},
     .field_id = -1},
    {.name = "list", .repetition = PQ_REPEATED, .child_count = 1, .field_id = -1},
    {.name = "element",
     .note = {.kind = PQ_NOTE_TEXT},
     .field_id = -1,
     .phys = PQ_PHYS_BYTES,
     .has_stats = true,
     .page_len = 300},
};

typedef struct group_columns {
  pq_slice id[GROUP_ROWS], s[GROUP_ROWS], h[GROUP_ROWS], tags[GROUP_ROWS * 4];
  int64_t n[GROUP_ROWS];
  double x[GROUP_ROWS];
  uint8_t b[GROUP_ROWS], n_null[GROUP_ROWS], x_null[GROUP_ROWS], s_null[GROUP_ROWS];
  int32_t u[GROUP_ROWS];
  uint8_t def[GROUP_ROWS * 4], rep[GROUP_ROWS * 4];
  uint32_t entries;
} group_columns;

static void put_tags(group_columns *g, const row *r) {
  uint32_t count = r->tag_count == 0 ? 1 : r->tag_count;
  for (uint32_t k = 0; k < count; k++) {
    g->def[g->entries] = r->tag_count == 0 ? 1 : 2;
    g->rep[g->entries] = k > 0;
    g->tags[g->entries++] = r->tag_count == 0 ? (pq_slice){0} : pq_str(r->id);
  }
}

static void fill(group_columns *g, const row *from) {
  g->entries = 0;
  for (uint32_t i = 0; i < GROUP_ROWS; i++) {
    const row *r = &from[i];
    g->id[i] = pq_str(r->id);
    g->n[i] = r->n_null ? 0 : r->n;
    g->n_null[i] = r->n_null;
    g->x[i] = r->x_null ? 0 : r->x;
    g->x_null[i] = r->x_null;
    g->s[i] = r->s_null ? (pq_slice){0} : pq_str(r->s);
    g->s_null[i] = r->s_null;
    g->b[i] = r->b;
    g->u[i] = r->u;
    g->h[i] = (pq_slice){(const uint8_t *)&r->f16, 2};
    put_tags(g, r);
  }
}

static pq_column flat(pq_phys phys, void *values, uint8_t *nulls) {
  return (pq_column){.phys = phys, .row_count = GROUP_ROWS, .nulls = nulls, .v.any = values};
}

static image write_file(void) {
  static group_columns g;
  pq_cx cx;
  pq_writer *w;
  image out;
  pq_slice bytes;
  pq_cx_init(&cx, NULL, NULL);
  CHECK(pq_writer_new_nested(&cx, nodes, sizeof nodes / sizeof nodes[0], (pq_writer_options){0},
                             &w) == PQ_OK);
  for (uint32_t i = 0; i < GROUPS; i++) {
    pq_column columns[LEAVES];
    fill(&g, rows + i * GROUP_ROWS);
    columns[ID] = flat(PQ_PHYS_BYTES, g.id, NULL);
    columns[N] = flat(PQ_PHYS_INT64, g.n, g.n_null);
    columns[X] = flat(PQ_PHYS_DOUBLE, g.x, g.x_null);
    columns[S] = flat(PQ_PHYS_BYTES, g.s, g.s_null);
    columns[B] = flat(PQ_PHYS_BOOL, g.b, NULL);
    columns[U] = flat(PQ_PHYS_INT32, g.u, NULL);
    columns[F16] = flat(PQ_PHYS_FIXED, g.h, NULL);
    columns[TAGS] = flat(PQ_PHYS_BYTES, g.tags, NULL);
    columns[TAGS].def = g.def;
    columns[TAGS].rep = g.rep;
    columns[TAGS].entry_count = g.entries;
    CHECK(pq_writer_add(w, columns, LEAVES) == PQ_OK);
  }
  CHECK(pq_writer_finish(w, NULL, 0) == PQ_OK);
  bytes = pq_writer_bytes(w);
  out = (image){malloc(bytes.n), bytes.n};
  if (out.p == NULL) abort();
  memcpy(out.p, bytes.p, bytes.n);
  pq_writer_free(w);
  return out;
}

/* ---- an open file ---- */

typedef struct opened {
  image file;
  pq_arena arena;
  pq_fetch fetch;
  pq_file pq;
} opened;

static int read_at(image file, const pq_io_req *r) {
  if (r->off > file.n || r->len > file.n - r->off) return PQ_ECORRUPT;
  memcpy(r->buf, file.p + r->off, r->len);
  return PQ_OK;
}

static int open_image(opened *o, pq_cx *cx, image file) {
  pq_io_req r;
  int rc;
  *o = (opened){.file = file, .pq.key = "m.parquet"};
  pq_arena_init(&o->arena, cx, 64 << 20);
  pq_fetch_init(&o->fetch, cx);
  while ((rc = pq_footer_fetch(&o->fetch, &o->arena, o->pq.key, file.n, 0, &o->pq.footer)) ==
         PQ_NEED_IO)
    while (pq_fetch_take(&o->fetch, &r))
      pq_fetch_done(&o->fetch, r.id, read_at(file, &r), (pq_slice){0}, NULL);
  return rc;
}

static void opened_release(opened *o) {
  pq_fetch_release(&o->fetch);
  pq_arena_release(&o->arena);
}

static long fail_request; /* the how manieth request fails; 0: none */

static int next_batch(pq_file_scan *s, image file, pq_row_batch *out) {
  int rc;
  while ((rc = pq_file_scan_next(s, out)) == PQ_NEED_IO) {
    pq_io_req r;
    uint32_t set;
    while (pq_file_scan_take(s, &r, &set)) {
      int read_rc = read_at(file, &r);
      if (fail_request > 0 && --fail_request == 0) read_rc = PQ_EIO;
      pq_file_scan_done(s, set, r.id, read_rc, read_rc == PQ_EIO ? "unplugged" : NULL);
    }
  }
  return rc;
}

/* ---- the model ---- */

static int cmp_double(double a, double b) {
  if (a != a || b != b) return (a != a) - (b != b);
  return a < b ? -1 : a > b;
}

static double half(uint16_t h) {
  if ((h & 0x7fff) > 0x7c00) return NAN;
  return (h & 0x8000 ? -1 : 1) * ((h & 0x7fff) == 0x7c00   ? (double)INFINITY
                                  : (h & 0x7fff) == 0x3c00 ? 1
                                                           : 0);
}

static bool row_is_null(const row *r, uint32_t leaf) {
  return leaf == N ? r->n_null : leaf == X ? r->x_null : leaf == S && r->s_null;
}

static int row_cmp(const row *r, uint32_t leaf, pq_slice v) {
  int64_t i64;
  int32_t i32;
  double f64;
  switch (leaf) {
    case ID: return pq_slice_cmp(pq_str(r->id), v);
    case N: memcpy(&i64, v.p, 8); return r->n < i64 ? -1 : r->n > i64;
    case X: memcpy(&f64, v.p, 8); return cmp_double(r->x, f64);
    case S: return pq_slice_cmp(pq_str(r->s), v);
    case B: return (int)r->b - (int)v.p[0];
    case U:
      memcpy(&i32, v.p, 4);
      return (uint32_t)r->u < (uint32_t)i32 ? -1 : (uint32_t)r->u > (uint32_t)i32;
    default: return cmp_double(half(r->f16), half(pq_rd16(v.p)));
  }
}

static bool row_matches(const row *r, const pq_predicate *p) {
  bool is_in = false;
  if (p->test == PQ_TEST_IS_NULL || p->test == PQ_TEST_NOT_NULL)
    return row_is_null(r, p->leaf) == (p->test == PQ_TEST_IS_NULL);
  if (row_is_null(r, p->leaf)) return false;
  for (uint32_t i = 0; i < p->value_count && p->test == PQ_TEST_IN; i++)
    is_in = is_in || row_cmp(r, p->leaf, p->values[i]) == 0;
  switch (p->test) {
    case PQ_TEST_EQ: return row_cmp(r, p->leaf, p->values[0]) == 0;
    case PQ_TEST_NE: return row_cmp(r, p->leaf, p->values[0]) != 0;
    case PQ_TEST_LT: return row_cmp(r, p->leaf, p->values[0]) < 0;
    case PQ_TEST_LE: return row_cmp(r, p->leaf, p->values[0]) <= 0;
    case PQ_TEST_GT: return row_cmp(r, p->leaf, p->values[0]) > 0;
    case PQ_TEST_GE: return row_cmp(r, p->leaf, p->values[0]) >= 0;
    default: return is_in;
  }
}

/* ---- does a batch hold these rows? ---- */

static const void *value_at(const pq_column *c, uint32_t i) {
  size_t size = c->phys == PQ_PHYS_BOOL                                 ? 1
                : c->phys == PQ_PHYS_INT32                              ? 4
                : c->phys == PQ_PHYS_INT64 || c->phys == PQ_PHYS_DOUBLE ? 8
                                                                        : sizeof(pq_slice);
  if (c->dictionary != NULL) return (const uint8_t *)c->dictionary->values + size * c->v.codes[i];
  return (const uint8_t *)c->v.any + size * i;
}

static bool flat_is_right(const pq_column *c, uint32_t leaf, uint32_t i, const row *r) {
  pq_slice v;
  if (c->def != NULL || pq_column_is_null(c, i) != row_is_null(r, leaf)) return false;
  if (row_is_null(r, leaf)) return true;
  if (leaf == ID || leaf == S || leaf == F16)
    v = *(const pq_slice *)value_at(c, i);
  else
    v = (pq_slice){value_at(c, i), 8};
  if (leaf == X)
    return memcmp(v.p, &r->x, 8) == 0 || (r->x != r->x && *(const double *)(const void *)v.p !=
                                                              *(const double *)(const void *)v.p);
  return row_cmp(r, leaf, v) == 0;
}

/* The entries of one row from *pos on. */
static bool tags_are_right(const pq_column *c, uint32_t *pos, const row *r) {
  uint32_t count = r->tag_count == 0 ? 1 : r->tag_count;
  for (uint32_t k = 0; k < count; k++, ++*pos) {
    if (*pos >= c->entry_count || c->rep[*pos] != (k > 0)) return false;
    if (c->def[*pos] != (r->tag_count == 0 ? 1 : 2)) return false;
    if (r->tag_count > 0 && !pq_slice_is(*(const pq_slice *)value_at(c, *pos), r->id)) return false;
  }
  return true;
}

static bool column_is_right(const pq_row_batch *b, const pq_column *c, uint32_t leaf) {
  uint32_t pos = 0;
  if (c->row_count != b->row_count) return false;
  for (uint32_t i = 0; i < b->row_count; i++) {
    const row *r = &rows[b->rows != NULL ? b->rows[i] : b->first_row + i];
    if (leaf == TAGS ? !tags_are_right(c, &pos, r) : !flat_is_right(c, leaf, i, r)) return false;
  }
  return leaf != TAGS || pos == c->entry_count;
}

/* Run a scan over all leaves that are asked for and compare rows and values with the model. */
static int run(opened *o, pq_cx *cx, const pq_file_scan_options *options,
               pq_file_scan_stats *stats) {
  pq_file_scan *s;
  pq_row_batch b;
  uint32_t next = 0, wrong = 0;
  int rc = pq_file_scan_new(cx, &o->pq, *options, &s);
  *stats = (pq_file_scan_stats){0};
  if (rc != PQ_OK) return rc;
  while ((rc = next_batch(s, o->file, &b)) == PQ_OK && b.row_count > 0) {
    wrong += b.rows != NULL && b.rows[0] != b.first_row;
    for (uint32_t i = 0; i < b.row_count; i++, next++) {
      bool is_match = false;
      while (next < ROWS && !is_match) {
        is_match = true;
        for (uint32_t k = 0; k < options->predicate_count; k++)
          is_match = is_match && row_matches(&rows[next], &options->predicates[k]);
        if (!is_match) next++;
      }
      wrong += next != (b.rows != NULL ? b.rows[i] : b.first_row + i);
    }
    for (uint32_t i = 0; i < b.column_count; i++)
      wrong += !column_is_right(&b, &b.columns[i], options->leaves[i]);
  }
  for (; rc == PQ_OK && next < ROWS; next++) {
    bool is_match = true;
    for (uint32_t k = 0; k < options->predicate_count; k++)
      is_match = is_match && row_matches(&rows[next], &options->predicates[k]);
    wrong += is_match;
  }
  *stats = pq_file_scan_so_far(s);
  pq_file_scan_free(s);
  if (wrong > 0) CHECK(wrong == 0);
  return rc;
}

/* ---- right rows ---- */

static image file;
static const uint32_t all_leaves[] = {ID, N, X, S, B, U, F16, TAGS};

static void test_scan_all(void) {
  pq_cx cx;
  opened o;
  pq_file_scan_stats st;
  unit_cx_init(&cx);
  CHECK(open_image(&o, &cx, file) == PQ_OK);
  for (uint32_t n = 1; n <= 3; n++) {
    pq_file_scan_options options = {.leaves = all_leaves,
                                    .leaf_count = LEAVES,
                                    .batch_rows = n == 1 ? 0 : n * 37,
                                    .has_codes = n == 2};
    CHECK(run(&o, &cx, &options, &st) == PQ_OK);
    CHECK(st.rows == ROWS && st.rows_kept == ROWS && st.rows_tested == 0 && st.row_groups == 3);
  }
  opened_release(&o);
  CHECK(unit_live_len == 0);
}

/* A value of a leaf: one that is there, or near one. */
static pq_slice random_value(uint32_t leaf, uint64_t *room) {
  const row *r = &rows[below(ROWS)];
  int64_t n = r->n + (int64_t)below(3) - 1;
  double x = below(3) == 0 ? doubles[below(11)] : r->x;
  int32_t u = (int32_t)((uint32_t)r->u + below(3) - 1);
  static char text[64][16];
  static uint32_t text_pos;
  switch (leaf) {
    case ID:
      text_pos = (text_pos + 1) % 64;
      snprintf(text[text_pos], 16, "id%06u", below(ROWS * 2 + 10));
      return pq_str(text[text_pos]);
    case N: memcpy(room, &n, 8); return (pq_slice){(uint8_t *)room, 8};
    case X: memcpy(room, &x, 8); return (pq_slice){(uint8_t *)room, 8};
    case S: return below(8) == 0 ? PQ_SLICE("nobody") : pq_str(words[below(8)]);
    case B: *room = below(2); return (pq_slice){(uint8_t *)room, 1};
    case U: memcpy(room, &u, 4); return (pq_slice){(uint8_t *)room, 4};
    default: return (pq_slice){(const uint8_t *)&halves[below(7)], 2};
  }
}

enum { VALUES_MAX = 6 };

typedef struct random_predicate {
  uint64_t room[VALUES_MAX];
  pq_slice values[VALUES_MAX];
} random_predicate;

static pq_predicate make_predicate(random_predicate *m) {
  pq_test test = (pq_test)below(PQ_TEST_NOT_NULL + 1);
  uint32_t leaf = below(LEAVES_FLAT);
  uint32_t count = test == PQ_TEST_IN ? below(VALUES_MAX + 1) : test < PQ_TEST_IN ? 1 : 0;
  for (uint32_t i = 0; i < count; i++)
    m->values[i] = random_value(leaf, &m->room[i]);
  return (pq_predicate){leaf, test, m->values, count};
}

/* With and without statistics, blooms and indexes: always the rows of the model. */
static void test_scan_random(void) {
  pq_cx cx;
  opened o;
  uint64_t pruned = 0, tested = 0;
  unit_cx_init(&cx);
  CHECK(open_image(&o, &cx, file) == PQ_OK);
  seed = 7;
  for (uint32_t i = 0; i < 600; i++) {
    random_predicate made[3];
    pq_predicate predicates[3];
    pq_file_scan_options options = {.leaves = all_leaves + below(4),
                                    .leaf_count = 1 + below(5),
                                    .predicates = predicates,
                                    .predicate_count = 1 + below(3),
                                    .batch_rows = below(3) == 0 ? 1 + below(200) : 0,
                                    .has_codes = below(2) == 0};
    pq_file_scan_stats st, plain;
    for (uint32_t k = 0; k < options.predicate_count; k++)
      predicates[k] = make_predicate(&made[k]);
    CHECK(run(&o, &cx, &options, &st) == PQ_OK);
    options.is_unpruned = true;
    CHECK(run(&o, &cx, &options, &plain) == PQ_OK);
    CHECK(st.rows_kept == plain.rows_kept && plain.rows_tested == ROWS);
    pruned += plain.rows_tested - st.rows_tested;
    tested += st.rows_tested;
  }
  CHECK(pruned > tested / 8); /* it is about pruning, after all */
  opened_release(&o);
  CHECK(unit_live_len == 0);
}

/* ---- cost: golden numbers ---- */

typedef struct cost {
  uint64_t requests, rounds, row_groups, pages, rows_tested, rows_kept;
} cost;

static bool costs(pq_file_scan_stats st, cost c) {
  bool is_same = st.requests == c.requests && st.rounds == c.rounds &&
                 st.row_groups_kept == c.row_groups && st.pages_kept == c.pages &&
                 st.rows_tested == c.rows_tested && st.rows_kept == c.rows_kept;
  if (!is_same)
    fprintf(stderr, "requests %llu rounds %llu row groups %llu pages %llu tested %llu kept %llu\n",
            (unsigned long long)st.requests, (unsigned long long)st.rounds,
            (unsigned long long)st.row_groups_kept, (unsigned long long)st.pages_kept,
            (unsigned long long)st.rows_tested, (unsigned long long)st.rows_kept);
  return is_same;
}

static int look_up(opened *o, pq_cx *cx, const char *id, pq_side_cache *cache,
                   pq_file_scan_stats *st) {
  static const uint32_t leaves[] = {ID, X};
  pq_slice value = pq_str(id);
  pq_predicate p = {ID, PQ_TEST_EQ, &value, 1};
  pq_file_scan_options options = {
      .leaves = leaves, .leaf_count = 2, .predicates = &p, .predicate_count = 1, .cache = cache};
  return run(o, cx, &options, st);
}

/* Known ways cost nothing: a row that is there costs its pages, one that is not costs nothing. */
static void test_scan_look_up(void) {
  pq_cx cx, cache_cx;
  opened o;
  pq_side_cache cache;
  pq_file_scan_stats st;
  unit_cx_init(&cx);
  pq_cx_init(&cache_cx, unit_alloc, NULL);
  CHECK(open_image(&o, &cx, file) == PQ_OK);
  CHECK(look_up(&o, &cx, "id001500", NULL, &st) == PQ_OK); /* bloom, indexes, page, page */
  CHECK(costs(st, (cost){4, 4, 1, 1, 33, 1}));
  CHECK(look_up(&o, &cx, "id001501", NULL, &st) == PQ_OK); /* not there: the bloom says so */
  CHECK(costs(st, (cost){1, 1, 0, 0, 0, 0}));
  CHECK(look_up(&o, &cx, "id999999", NULL, &st) == PQ_OK); /* above all: statistics say so */
  CHECK(costs(st, (cost){0, 0, 0, 0, 0, 0}));
  pq_side_cache_init(&cache, &cache_cx, 1 << 20);
  CHECK(look_up(&o, &cx, "id001500", &cache, &st) == PQ_OK);
  CHECK(costs(st, (cost){4, 4, 1, 1, 33, 1}));
  CHECK(look_up(&o, &cx, "id001502", &cache, &st) == PQ_OK);
  CHECK(costs(st, (cost){2, 2, 1, 1, 33, 1}));
  CHECK(st.bytes < 1200); /* two pages */
  CHECK(look_up(&o, &cx, "id001501", &cache, &st) == PQ_OK);
  CHECK(costs(st, (cost){0, 0, 0, 0, 0, 0}));
  pq_side_cache_release(&cache);
  pq_side_cache_init(&cache, &cache_cx, 100); /* too small for anything: as without */
  CHECK(look_up(&o, &cx, "id001500", &cache, &st) == PQ_OK);
  CHECK(look_up(&o, &cx, "id001500", &cache, &st) == PQ_OK);
  CHECK(costs(st, (cost){4, 4, 1, 1, 33, 1}));
  pq_side_cache_release(&cache);
  opened_release(&o);
  CHECK(unit_live_len == 0);
}

/* A range of a sorted column reads only its pages, of all columns. */
static void test_scan_range(void) {
  static const uint32_t leaves[] = {ID, N, TAGS};
  pq_slice lo = PQ_SLICE("id001000"), hi = PQ_SLICE("id001100");
  pq_predicate p[] = {{ID, PQ_TEST_GE, &lo, 1}, {ID, PQ_TEST_LT, &hi, 1}};
  pq_file_scan_options options = {
      .leaves = leaves, .leaf_count = 3, .predicates = p, .predicate_count = 2};
  pq_cx cx;
  opened o;
  pq_file_scan_stats st;
  unit_cx_init(&cx);
  CHECK(open_image(&o, &cx, file) == PQ_OK);
  CHECK(run(&o, &cx, &options, &st) == PQ_OK);
  CHECK(costs(st, (cost){5, 4, 1, 3, 100, 50}));
  options.is_unpruned = true;
  CHECK(run(&o, &cx, &options, &st) == PQ_OK);
  CHECK(st.rows_tested == ROWS && st.rows_kept == 50);
  opened_release(&o);
  CHECK(unit_live_len == 0);
}

/* Row groups lo to hi; a bad range or column is refused. */
static void test_scan_options(void) {
  static const uint32_t beyond[] = {LEAVES};
  pq_file_scan_options options = {.row_group_lo = 1, .row_group_hi = 2};
  pq_cx cx;
  opened o;
  pq_file_scan *s;
  pq_row_batch b;
  unit_cx_init(&cx);
  CHECK(open_image(&o, &cx, file) == PQ_OK);
  CHECK(pq_file_scan_new(&cx, &o.pq, options, &s) == PQ_OK);
  CHECK(next_batch(s, file, &b) == PQ_OK && b.row_count == GROUP_ROWS && b.column_count == 0);
  CHECK(b.first_row == GROUP_ROWS && b.row_group == 1);
  CHECK(next_batch(s, file, &b) == PQ_OK && b.row_count == 0);
  CHECK(next_batch(s, file, &b) == PQ_OK && b.row_count == 0);
  pq_file_scan_move(s, 0, 1); /* back, with what was counted */
  CHECK(next_batch(s, file, &b) == PQ_OK && b.row_count == GROUP_ROWS && b.first_row == 0);
  CHECK(next_batch(s, file, &b) == PQ_OK && b.row_count == 0);
  CHECK(pq_file_scan_so_far(s).rows == 2 * GROUP_ROWS);
  pq_file_scan_free(s);
  options.row_group_hi = GROUPS + 1;
  CHECK(pq_file_scan_new(&cx, &o.pq, options, &s) == PQ_EINVALID && s == NULL);
  options = (pq_file_scan_options){.leaves = beyond, .leaf_count = 1};
  CHECK(pq_file_scan_new(&cx, &o.pq, options, &s) == PQ_EINVALID);
  opened_release(&o);
  CHECK(unit_live_len == 0);
}

/* When every row matches, values are not copied: a scan with a filter gives the same kind of
 * column as one without. */
static void test_scan_whole_batches(void) {
  static const uint32_t leaves[] = {N, U};
  int32_t zero = 0;
  pq_slice v = {(const uint8_t *)&zero, 4};
  pq_predicate p = {U, PQ_TEST_GE, &v, 1};
  pq_file_scan_options options = {.leaves = leaves,
                                  .leaf_count = 2,
                                  .predicates = &p,
                                  .predicate_count = 1,
                                  .is_unpruned = true};
  pq_cx cx;
  opened o;
  pq_file_scan *s;
  pq_row_batch b;
  unit_cx_init(&cx);
  CHECK(open_image(&o, &cx, file) == PQ_OK);
  CHECK(pq_file_scan_new(&cx, &o.pq, options, &s) == PQ_OK);
  for (uint32_t i = 0; i < GROUPS; i++) {
    CHECK(next_batch(s, file, &b) == PQ_OK);
    CHECK(b.row_count == GROUP_ROWS && b.rows == NULL && b.first_row == i * GROUP_ROWS);
  }
  pq_file_scan_free(s);
  opened_release(&o);
  CHECK(unit_live_len == 0);
}

/* ---- trouble ---- */

static const uint32_t some_leaves[] = {ID, S, TAGS};

static int run_some(opened *o, pq_cx *cx, pq_side_cache *cache) {
  static const int64_t seven = 7;
  pq_slice v = {(const uint8_t *)&seven, 8};
  pq_predicate p = {N, PQ_TEST_EQ, &v, 1};
  pq_file_scan_stats st;
  pq_file_scan_options options = {.leaves = some_leaves,
                                  .leaf_count = 3,
                                  .predicates = &p,
                                  .predicate_count = 1,
                                  .cache = cache};
  return run(o, cx, &options, &st);
}

static void test_scan_oom(void) {
  pq_cx cx;
  int rc = PQ_OK;
  for (long n = 1; n > 0; n = unit_oom_next(n, rc)) {
    opened o;
    unit_cx_init(&cx);
    unit_fail_at = n;
    rc = open_image(&o, &cx, file);
    if (rc == PQ_OK) rc = run_some(&o, &cx, NULL);
    opened_release(&o);
  }
}

static void test_scan_failing_requests(void) {
  int rc = PQ_EIO;
  for (long n = 1; rc == PQ_EIO; n++) {
    pq_cx cx;
    opened o;
    unit_cx_init(&cx);
    CHECK(open_image(&o, &cx, file) == PQ_OK);
    fail_request = n;
    rc = run_some(&o, &cx, NULL);
    CHECK(rc == PQ_EIO ? strstr(cx.msg, "unplugged") != NULL : rc == PQ_OK && n > 5);
    fail_request = 0;
    opened_release(&o);
    CHECK(unit_live_len == 0);
  }
}

/* Damaged indexes and blooms cost time, not rows; other damage is told. */
static void test_scan_damaged_indexes(void) {
  image copy = {malloc(file.n), file.n};
  pq_cx cx;
  opened o;
  uint64_t low = UINT64_MAX, high;
  if (copy.p == NULL) abort();
  memcpy(copy.p, file.p, file.n);
  unit_cx_init(&cx);
  CHECK(open_image(&o, &cx, copy) == PQ_OK);
  high = file.n - PQ_FOOTER_TAIL_LEN - o.pq.footer->footer_len;
  for (uint32_t g = 0; g < GROUPS; g++)
    for (uint32_t l = 0; l < LEAVES; l++) {
      const pq_chunk *c = &o.pq.footer->row_groups[g].chunks[l];
      if (c->bloom_off != 0 && c->bloom_off < low) low = c->bloom_off;
      if (c->column_index_off != 0 && c->column_index_off < low) low = c->column_index_off;
    }
  CHECK(low < high);
  for (uint64_t i = low; i < high; i += 3) {
    copy.p[i] ^= (uint8_t)(1u << i % 8);
    CHECK(run_some(&o, &cx, NULL) == PQ_OK);
    copy.p[i] ^= (uint8_t)(1u << i % 8);
  }
  opened_release(&o);
  CHECK(unit_live_len == 0);
  free(copy.p);
}

/* ---- memory ---- */

typedef struct watch {
  long live, peak;
} watch;

static void *watch_alloc(void *ud, void *ptr, size_t old_size, size_t new_size) {
  watch *w = ud;
  w->live += (long)new_size - (long)old_size;
  if (w->live > w->peak) w->peak = w->live;
  if (new_size > 0) return realloc(ptr, new_size);
  free(ptr);
  return NULL;
}

/* The least that a scan makes do with, and that it keeps to it. */
static void test_scan_memory(void) {
  enum { STEP = 16 << 10, BATCH_LEN = 600 << 10 };
  uint64_t max = 0;
  int rc = PQ_ELIMIT;
  while (rc == PQ_ELIMIT && max < 8 << 20) {
    pq_file_scan_options options = {.leaves = all_leaves, .leaf_count = LEAVES, .batch_rows = 100};
    pq_file_scan_stats st;
    watch w = {0}, before;
    pq_cx cx;
    opened o;
    max += STEP;
    options.memory_max = max;
    pq_cx_init(&cx, watch_alloc, &w);
    CHECK(open_image(&o, &cx, file) == PQ_OK);
    pq_fetch_clear(&o.fetch);
    before = w;
    w.peak = w.live;
    rc = run(&o, &cx, &options, &st);
    CHECK(rc == PQ_OK || (rc == PQ_ELIMIT && strstr(cx.msg, "bytes of memory") != NULL));
    CHECK((uint64_t)(w.peak - before.live) <= max + BATCH_LEN);
    CHECK(w.live == before.live);
    opened_release(&o);
    CHECK(w.live == 0);
  }
  CHECK(rc == PQ_OK && max < 2 << 20);
}

int main(void) {
  make_rows();
  file = write_file();
  RUN(test_scan_all);
  RUN(test_scan_random);
  RUN(test_scan_look_up);
  RUN(test_scan_range);
  RUN(test_scan_options);
  RUN(test_scan_whole_batches);
  RUN(test_scan_oom);
  RUN(test_scan_failing_requests);
  RUN(test_scan_damaged_indexes);
  RUN(test_scan_memory);
  free(file.p);
  return unit_end();
}
