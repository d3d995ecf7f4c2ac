/* rel/edge_file.c - writing edge files. See edge.h; doc/formats/edges.md lists the columns. */
#include <string.h>

#include "base/merge_sort.h"
#include "rel/edge_int.h"

enum { ROWS_MAX = 100000, WIDE_PAGE = 256 << 10, KEY_PAGE = 16 << 10 };

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

typedef struct edge_columns {
  pq_arena *arena;
  uint32_t count;
  pq_column cols[PQ_EDGE_LEAVES];
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

static void set_row(edge_columns *g, uint32_t row, pq_slice ns, const pq_edge *e) {
  bool has_data = !pq_value_is_missing(e->data);
  set_text(g, PQ_EDGE_FROM_NS, row, ns);
  set_text(g, PQ_EDGE_FROM_ID, row, e->from_id);
  set_text(g, PQ_EDGE_FROM_NAME, row, e->from_name);
  set_text(g, PQ_EDGE_FROM_TYPE, row, e->from_type);
  set_text(g, PQ_EDGE_PREDICATE, row, e->predicate);
  set_text(g, PQ_EDGE_REVERSE, row, e->reverse);
  set_text(g, PQ_EDGE_TO_NS, row, ns);
  set_text(g, PQ_EDGE_TO_ID, row, e->to_id);
  set_text(g, PQ_EDGE_TO_NAME, row, e->to_name);
  set_text(g, PQ_EDGE_TO_TYPE, row, e->to_type);
  g->cols[PQ_EDGE_CREATED_AT].v.i64[row] = e->created_at;
  set_text(g, PQ_EDGE_CREATED_BY, row, e->created_by);
  g->cols[PQ_EDGE_VERSION].v.i64[row] = (int64_t)e->version;
  set_text(g, PQ_EDGE_MATCH_MODE, row, (pq_slice){0});
  g->cols[PQ_EDGE_CONFIDENCE].nulls[row] = 1;
  set_text(g, PQ_EDGE_DATA_META, row, has_data ? pq_value_meta(e->data) : (pq_slice){0});
  set_text(g, PQ_EDGE_DATA_VALUE, row, has_data ? pq_value_bytes(e->data) : (pq_slice){0});
}

static int write_groups(pq_cx *cx, pq_arena *arena, pq_slice ns, pq_edge *const *sorted,
                        uint32_t count, pq_writer *w) {
  for (uint32_t from = 0; from < count;) {
    edge_columns g = {.arena = arena};
    g.count = count - from < ROWS_MAX ? count - from : ROWS_MAX;
    pq_arena_clear(arena);
    PQ_TRY(columns_new(&g));
    for (uint32_t i = 0; i < g.count; i++)
      set_row(&g, i, ns, sorted[from + i]);
    PQ_TRY(pq_writer_add(w, g.cols, PQ_EDGE_LEAVES));
    from += g.count;
  }
  (void)cx;
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
  PQ_TRY(pq_writer_new(cx, own, PQ_EDGE_SPECS, (pq_writer_options){.created_by = "ParqueDB"}, out));
  return pq_writer_sorting(*out, order, 3);
}

int pq_edge_file_write(pq_cx *cx, pq_slice ns, pq_edge *edges, uint32_t count, bool is_reverse,
                       pq_writer **out) {
  pq_key_value kv = {PQ_SLICE("parquedb.kind"),
                     is_reverse ? PQ_SLICE("edges-reverse 1") : PQ_SLICE("edges 1")};
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
    rc = pq_sort_items(cx, sorted, count, sizeof *sorted, compare_items, is_reverse ? cx : NULL);
  if (rc == PQ_OK) rc = open_writer(cx, is_reverse, out);
  if (rc == PQ_OK) rc = write_groups(cx, &arena, ns, sorted, count, *out);
  if (rc == PQ_OK) rc = pq_writer_finish(*out, &kv, 1);
  pq_arena_release(&arena);
  pq_arena_release(&order);
  if (rc != PQ_OK) {
    pq_writer_free(*out);
    *out = NULL;
  }
  return rc;
}
