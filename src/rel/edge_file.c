/* rel/edge_file.c - writing edge files. See edge.h; doc/formats/edges.md lists the columns. */
#include <string.h>

#include "base/key_sort.h"
#include "rel/edge_int.h"

/* Filters are powers of two long: a full row group fills one of 64 KiB, seven bits an edge. */
enum { ROWS_MAX = 75000, WIDE_PAGE = 256 << 10, KEY_PAGE = 16 << 10 };
#define BLOOM_FPP 0.04

#define TEXT(column, id, ...)                                                            \
  {                                                                                      \
    .name = column, .phys = PQ_PHYS_BYTES, .logical = PQ_LOGICAL_STRING, .field_id = id, \
    __VA_ARGS__                                                                          \
  }

static const pq_column_spec specs[PQ_EDGE_SPECS] = {
    TEXT("from_ns", 1, .page_len = WIDE_PAGE),
    TEXT("from_id", 2, .page_len = KEY_PAGE, .has_stats = true),
    TEXT("from_name", 3, .is_optional = true),
    TEXT("from_type", 4, .is_optional = true, .page_len = WIDE_PAGE),
    TEXT("predicate", 5, .has_stats = true),
    TEXT("reverse", 6),
    TEXT("to_ns", 7, .page_len = WIDE_PAGE),
    TEXT("to_id", 8, .page_len = KEY_PAGE, .has_stats = true),
    TEXT("to_name", 9, .is_optional = true),
    TEXT("to_type", 10, .is_optional = true, .page_len = WIDE_PAGE),
    {.name = "createdAt",
     .phys = PQ_PHYS_INT64,
     .logical = PQ_LOGICAL_TIMESTAMP_US,
     .field_id = 11,
     .page_len = WIDE_PAGE},
    TEXT("createdBy", 12, .page_len = WIDE_PAGE),
    {.name = "version", .phys = PQ_PHYS_INT64, .field_id = 13, .page_len = WIDE_PAGE},
    TEXT("matchMode", 14, .is_optional = true, .page_len = WIDE_PAGE),
    {.name = "confidence",
     .phys = PQ_PHYS_DOUBLE,
     .is_optional = true,
     .field_id = 15,
     .page_len = WIDE_PAGE},
    {.name = "data", .logical = PQ_LOGICAL_VARIANT, .is_optional = true, .field_id = 16},
};

pq_slice pq_edge_mode(const pq_edge *e) {
  pq_slice mode;
  pq_value v = pq_object_get_str(e->data, PQ_EDGE_MODE_NAME);
  return pq_value_string(v, &mode) ? mode : (pq_slice){0};
}

bool pq_edge_confidence(const pq_edge *e, double *out) {
  *out = 0;
  return pq_value_double(pq_object_get_str(e->data, PQ_EDGE_CONFIDENCE_NAME), out);
}

int pq_edge_compare(const pq_edge *a, const pq_edge *b, bool is_reverse) {
  int c = is_reverse ? pq_slice_cmp(a->to_id, b->to_id) : pq_slice_cmp(a->from_id, b->from_id);
  if (c != 0) return c;
  c = is_reverse ? pq_slice_cmp(a->reverse, b->reverse) : pq_slice_cmp(a->predicate, b->predicate);
  if (c != 0) return c;
  c = is_reverse ? pq_slice_cmp(a->from_id, b->from_id) : pq_slice_cmp(a->to_id, b->to_id);
  return c != 0 || !is_reverse ? c : pq_slice_cmp(a->predicate, b->predicate);
}

static int compare_items(const void *a, const void *b, const void *ud) {
  return pq_edge_compare(*(const pq_edge *const *)a, *(const pq_edge *const *)b, ud != NULL);
}

static pq_slice key_of(const void *item, const void *ud) {
  const pq_edge *e = *(const pq_edge *const *)item;
  return ud != NULL ? e->to_id : e->from_id;
}

/* ---- the filter of edges (doc/decisions/0041) ---- */

int pq_edge_hash(pq_buf *b, const pq_edge *e, uint64_t *out) {
  pq_buf_clear(b);
  PQ_TRY(pq_buf_put_slice(b, e->from_id));
  PQ_TRY(pq_buf_put_byte(b, 0));
  PQ_TRY(pq_buf_put_slice(b, e->predicate));
  PQ_TRY(pq_buf_put_byte(b, 0));
  PQ_TRY(pq_buf_put_slice(b, e->to_id));
  *out = pq_hash(pq_buf_slice(b), 0);
  return PQ_OK;
}

typedef struct edge_columns {
  pq_arena *arena;
  uint32_t count;
  pq_column cols[PQ_EDGE_LEAVES];
  bool is_reverse;
} edge_columns;

static int columns_new(edge_columns *g) {
  for (int l = 0; l < PQ_EDGE_LEAVES; l++) {
    int s = l < PQ_EDGE_DATA_META ? l : PQ_EDGE_DATA_META;
    pq_column *c = &g->cols[l];
    size_t width = sizeof(pq_slice);
    c->phys = s == PQ_EDGE_DATA_META ? PQ_PHYS_BYTES : specs[s].phys;
    c->row_count = g->count;
    if (c->phys != PQ_PHYS_BYTES) width = 8;
    c->v.any = pq_arena_calloc(g->arena, g->count, width);
    if (specs[s].is_optional) c->nulls = pq_arena_calloc(g->arena, g->count, 1);
    if (c->v.any == NULL || (specs[s].is_optional && c->nulls == NULL)) return g->arena->cx->code;
  }
  return PQ_OK;
}

static void set_text(edge_columns *g, int leaf, uint32_t row, pq_slice text) {
  pq_column *c = &g->cols[leaf];
  c->v.bytes[row] = text;
  if (c->nulls != NULL) c->nulls[row] = text.p == NULL;
}

/* A name that is the local id says nothing. */
static pq_slice hint(pq_slice name, pq_slice id) {
  bool is_local = name.n < id.n && id.p[id.n - name.n - 1] == '/' &&
                  (name.n == 0 || memcmp(id.p + id.n - name.n, name.p, name.n) == 0);
  return is_local ? (pq_slice){0} : name;
}

/* Where the edge leads: its id says it. */
static pq_slice to_ns_of(const pq_edge *e, pq_slice own) {
  pq_slice ns, there;
  return pq_id_split_foreign(e->to_id, &ns, &there) ? ns : own;
}

/* Of the two names that of the end by which the file is sorted: there it costs next to nothing, and
 * the edge stands in the other direction with the other one. */
static void set_row(edge_columns *g, uint32_t row, pq_slice ns, const pq_edge *e) {
  bool has_data = !pq_value_is_missing(e->data);
  set_text(g, PQ_EDGE_FROM_NS, row, ns);
  set_text(g, PQ_EDGE_FROM_ID, row, e->from_id);
  set_text(g, PQ_EDGE_FROM_NAME, row,
           g->is_reverse ? (pq_slice){0} : hint(e->from_name, e->from_id));
  set_text(g, PQ_EDGE_FROM_TYPE, row, e->from_type);
  set_text(g, PQ_EDGE_PREDICATE, row, e->predicate);
  set_text(g, PQ_EDGE_REVERSE, row, e->reverse);
  set_text(g, PQ_EDGE_TO_NS, row, to_ns_of(e, ns));
  set_text(g, PQ_EDGE_TO_ID, row, e->to_id);
  set_text(g, PQ_EDGE_TO_NAME, row, g->is_reverse ? hint(e->to_name, e->to_id) : (pq_slice){0});
  set_text(g, PQ_EDGE_TO_TYPE, row, e->to_type);
  g->cols[PQ_EDGE_CREATED_AT].v.i64[row] = e->created_at;
  set_text(g, PQ_EDGE_CREATED_BY, row, e->created_by);
  g->cols[PQ_EDGE_VERSION].v.i64[row] = (int64_t)e->version;
  set_text(g, PQ_EDGE_MATCH_MODE, row, pq_edge_mode(e));
  g->cols[PQ_EDGE_CONFIDENCE].nulls[row] =
      !pq_edge_confidence(e, &g->cols[PQ_EDGE_CONFIDENCE].v.f64[row]);
  set_text(g, PQ_EDGE_DATA_META, row, has_data ? pq_value_meta(e->data) : (pq_slice){0});
  set_text(g, PQ_EDGE_DATA_VALUE, row, has_data ? pq_value_bytes(e->data) : (pq_slice){0});
}

/* The hashes of all rows go into the filter of `predicate`, next to those of its values. */
static int set_hashes(edge_columns *g) {
  pq_cx *cx = g->arena->cx;
  uint64_t *hashes = pq_arena_calloc(g->arena, g->count, sizeof *hashes);
  pq_column *cols = g->cols;
  pq_buf b;
  int rc = PQ_OK;
  if (hashes == NULL) return cx->code;
  pq_buf_init(&b, cx, SIZE_MAX / 4);
  for (uint32_t i = 0; i < g->count && rc == PQ_OK; i++) {
    pq_edge e = {.from_id = cols[PQ_EDGE_FROM_ID].v.bytes[i],
                 .predicate = cols[PQ_EDGE_PREDICATE].v.bytes[i],
                 .to_id = cols[PQ_EDGE_TO_ID].v.bytes[i]};
    rc = pq_edge_hash(&b, &e, &hashes[i]);
  }
  pq_buf_release(&b);
  cols[PQ_EDGE_PREDICATE].more_hashes = hashes;
  cols[PQ_EDGE_PREDICATE].more_hash_count = g->count;
  return rc;
}

static int write_groups(pq_arena *arena, pq_slice ns, pq_edge *const *sorted, uint32_t count,
                        bool is_reverse, pq_writer *w) {
  for (uint32_t from = 0; from < count;) {
    edge_columns g = {.arena = arena, .is_reverse = is_reverse};
    g.count = count - from < ROWS_MAX ? count - from : ROWS_MAX;
    pq_arena_clear(arena);
    PQ_TRY(columns_new(&g));
    for (uint32_t i = 0; i < g.count; i++)
      set_row(&g, i, ns, sorted[from + i]);
    if (!is_reverse) PQ_TRY(set_hashes(&g));
    PQ_TRY(pq_writer_add(w, g.cols, PQ_EDGE_LEAVES));
    from += g.count;
  }
  return PQ_OK;
}

static int open_writer(pq_cx *cx, bool is_reverse, pq_writer **out) {
  pq_column_spec own[PQ_EDGE_SPECS];
  pq_sort_column order[3] = {
      {.spec = PQ_EDGE_FROM_ID}, {.spec = PQ_EDGE_PREDICATE}, {.spec = PQ_EDGE_TO_ID}};
  if (is_reverse) {
    order[0].spec = PQ_EDGE_TO_ID;
    order[1].spec = PQ_EDGE_REVERSE;
    order[2].spec = PQ_EDGE_FROM_ID;
  }
  memcpy(own, specs, sizeof own);
  own[order[0].spec].hint = PQ_HINT_SORTED;
  own[order[0].spec].has_bloom = true;
  own[PQ_EDGE_PREDICATE].has_bloom = !is_reverse;
  PQ_TRY(pq_writer_new(cx, own, PQ_EDGE_SPECS,
                       (pq_writer_options){.created_by = "ParqueDB", .bloom_fpp = BLOOM_FPP}, out));
  return pq_writer_sorting(*out, order, 3);
}

static int finish(pq_writer *w, bool is_reverse) {
  const pq_key_value kv[] = {
      {PQ_SLICE("parquedb.kind"), is_reverse ? PQ_SLICE("edges-reverse 1") : PQ_SLICE("edges 1")},
      {PQ_SLICE(PQ_EDGE_FILTER_KEY), PQ_SLICE(PQ_EDGE_FILTER_COLUMN)}};
  return pq_writer_finish(w, kv, is_reverse ? 1 : 2);
}

int pq_edge_file_write(pq_cx *cx, pq_slice ns, pq_edge *edges, uint32_t count, bool is_reverse,
                       pq_writer **out) {
  pq_arena arena, order;
  pq_edge **sorted;
  int rc = PQ_OK;
  *out = NULL;
  pq_arena_init(&arena, cx, cx->limits.op_len_max);
  pq_arena_init(&order, cx, cx->limits.op_len_max);
  sorted = pq_arena_calloc(&order, count, sizeof *sorted);
  if (sorted == NULL) rc = cx->code;
  for (uint32_t i = 0; rc == PQ_OK && i < count; i++)
    sorted[i] = &edges[i];
  if (rc == PQ_OK)
    rc = pq_sort_by_key(cx, sorted, count, sizeof *sorted, key_of, compare_items,
                        is_reverse ? cx : NULL);
  if (rc == PQ_OK) rc = open_writer(cx, is_reverse, out);
  if (rc == PQ_OK) rc = write_groups(&arena, ns, sorted, count, is_reverse, *out);
  if (rc == PQ_OK) rc = finish(*out, is_reverse);
  pq_arena_release(&arena);
  pq_arena_release(&order);
  if (rc != PQ_OK) {
    pq_writer_free(*out);
    *out = NULL;
  }
  return rc;
}

/* ---- in steps ---- */

struct pq_edge_stream {
  pq_cx *cx;
  pq_slice ns; /* borrowed */
  bool is_reverse;
  pq_writer *writer;    /* owned */
  pq_arena rows_arena;  /* what the rows of the row group borrow from */
  pq_arena group_arena; /* its columns */
  pq_edge *rows;        /* owned */
  uint32_t count, cap;
  uint64_t len; /* bytes of them */
  bool is_full, is_writing, has_foreign;
  edge_columns group;
  uint64_t row_count; /* of the file */
  pq_buf id_min, id_max;
};

int pq_edge_stream_new(pq_cx *cx, pq_slice ns, bool is_reverse, pq_edge_stream **out) {
  pq_edge_stream *s = pq_alloc(cx, NULL, 0, sizeof *s);
  int rc;
  *out = NULL;
  if (s == NULL) return pq_fail_nomem(cx);
  *s = (pq_edge_stream){.cx = cx, .ns = ns, .is_reverse = is_reverse};
  pq_arena_init(&s->rows_arena, cx, cx->limits.op_len_max);
  pq_arena_init(&s->group_arena, cx, cx->limits.op_len_max);
  pq_buf_init(&s->id_min, cx, SIZE_MAX / 4);
  pq_buf_init(&s->id_max, cx, SIZE_MAX / 4);
  rc = open_writer(cx, is_reverse, &s->writer);
  if (rc == PQ_OK)
    *out = s;
  else
    pq_edge_stream_free(s);
  return rc;
}

void pq_edge_stream_free(pq_edge_stream *s) {
  if (s == NULL) return;
  pq_writer_free(s->writer);
  pq_arena_release(&s->rows_arena);
  pq_arena_release(&s->group_arena);
  pq_buf_release(&s->id_min);
  pq_buf_release(&s->id_max);
  if (s->rows != NULL) pq_alloc(s->cx, s->rows, s->cap * sizeof *s->rows, 0);
  pq_alloc(s->cx, s, sizeof *s, 0);
}

static int reserve_row(pq_edge_stream *s) {
  uint32_t cap = s->cap == 0 ? 1024 : s->cap * 2;
  pq_edge *rows;
  if (s->count < s->cap) return PQ_OK;
  rows = pq_alloc(s->cx, s->rows, s->cap * sizeof *rows, cap * sizeof *rows);
  if (rows == NULL) return pq_fail_nomem(s->cx);
  s->rows = rows;
  s->cap = cap;
  return PQ_OK;
}

/* Most texts are those of the row before. A text may be absent, which is not the empty one. */
static int keep_text(pq_edge_stream *s, pq_slice before, pq_slice *text) {
  if (text->n == 0) return PQ_OK;
  if (pq_slice_eq(*text, before)) {
    *text = before;
    return PQ_OK;
  }
  s->len += text->n;
  return pq_arena_copy(&s->rows_arena, *text, text);
}

static int keep_texts(pq_edge_stream *s, pq_edge *e) {
  static const pq_edge none;
  const pq_edge *b = s->count > 0 ? &s->rows[s->count - 1] : &none;
  PQ_TRY(keep_text(s, b->from_id, &e->from_id));
  PQ_TRY(keep_text(s, b->predicate, &e->predicate));
  PQ_TRY(keep_text(s, b->reverse, &e->reverse));
  PQ_TRY(keep_text(s, b->to_id, &e->to_id));
  PQ_TRY(keep_text(s, b->from_name, &e->from_name));
  PQ_TRY(keep_text(s, b->from_type, &e->from_type));
  PQ_TRY(keep_text(s, b->to_name, &e->to_name));
  PQ_TRY(keep_text(s, b->to_type, &e->to_type));
  return keep_text(s, b->created_by, &e->created_by);
}

static int keep_row(pq_edge_stream *s, pq_edge *e) {
  pq_slice meta, bytes;
  s->len += sizeof *e;
  PQ_TRY(keep_texts(s, e));
  if (pq_value_is_missing(e->data)) return PQ_OK;
  PQ_TRY(pq_arena_copy(&s->rows_arena, pq_value_meta(e->data), &meta));
  PQ_TRY(pq_arena_copy(&s->rows_arena, pq_value_bytes(e->data), &bytes));
  e->data.meta = meta.p;
  e->data.p = bytes.p;
  s->len += meta.n + bytes.n;
  return PQ_OK;
}

int pq_edge_stream_put(pq_edge_stream *s, const pq_edge *e) {
  pq_slice id = s->is_reverse ? e->to_id : e->from_id;
  pq_edge row = *e;
  pq_assert(!s->is_full);
  PQ_TRY(reserve_row(s));
  PQ_TRY(keep_row(s, &row));
  if (s->row_count == 0) PQ_TRY(pq_buf_put_slice(&s->id_min, id));
  pq_buf_clear(&s->id_max);
  PQ_TRY(pq_buf_put_slice(&s->id_max, id));
  s->has_foreign |= pq_id_is_foreign(e->to_id);
  s->rows[s->count++] = row;
  s->row_count++;
  s->is_full = s->count >= ROWS_MAX || s->len >= s->cx->limits.row_group_len_max;
  return PQ_OK;
}

void pq_edge_stream_end(pq_edge_stream *s) {
  s->is_full = s->count > 0;
}

bool pq_edge_stream_is_full(const pq_edge_stream *s) {
  return s->is_full;
}

static int begin_group(pq_edge_stream *s) {
  pq_arena_clear(&s->group_arena);
  s->group =
      (edge_columns){.arena = &s->group_arena, .count = s->count, .is_reverse = s->is_reverse};
  PQ_TRY(columns_new(&s->group));
  for (uint32_t i = 0; i < s->count; i++)
    set_row(&s->group, i, s->ns, &s->rows[i]);
  if (!s->is_reverse) PQ_TRY(set_hashes(&s->group));
  return pq_writer_begin(s->writer, s->group.cols, PQ_EDGE_LEAVES);
}

int pq_edge_stream_step(pq_edge_stream *s, uint64_t *len_left) {
  bool is_done = false;
  pq_assert(s->is_full);
  if (!s->is_writing) PQ_TRY(begin_group(s));
  s->is_writing = true;
  PQ_TRY(pq_writer_step(s->writer, len_left, &is_done));
  if (!is_done) return PQ_OK;
  s->is_full = s->is_writing = false;
  s->count = 0;
  s->len = 0;
  pq_arena_clear(&s->rows_arena);
  return PQ_OK;
}

uint64_t pq_edge_stream_len(const pq_edge_stream *s) {
  return pq_writer_len(s->writer);
}

uint32_t pq_edge_id_leaf(bool is_reverse) {
  return is_reverse ? PQ_EDGE_TO_ID : PQ_EDGE_FROM_ID;
}

pq_writer *pq_edge_stream_writer(pq_edge_stream *s) {
  return s->writer;
}

bool pq_edge_stream_has_foreign(const pq_edge_stream *s) {
  return s->has_foreign;
}

uint64_t pq_edge_stream_rows(const pq_edge_stream *s, pq_slice *id_min, pq_slice *id_max) {
  *id_min = pq_buf_slice(&s->id_min);
  *id_max = pq_buf_slice(&s->id_max);
  return s->row_count;
}

int pq_edge_stream_finish(pq_edge_stream *s, pq_writer **out) {
  *out = NULL;
  pq_assert(!s->is_full && s->count == 0);
  PQ_TRY(finish(s->writer, s->is_reverse));
  *out = s->writer;
  s->writer = NULL;
  return PQ_OK;
}
