/* rel/edges_read.c - the edges of a set of nodes. See edge.h.
 *
 *   nodes ─► files by id range ─► row groups by statistics (and bloom for few nodes) ─► pages of
 *   the sorted column ─► [a part of them: edges_part.c] ─► all needed columns of those rows in one
 *   round ─► exact filter
 */
#include <string.h>

#include "base/key_sort.h"
#include "base/slices.h"
#include "rel/edges_read_int.h"
#include "table/file_bloom.h"
#include "table/tail.h"

static uint32_t key_leaf(const pq_edge_reader *r) {
  return pq_edge_id_leaf(r->q->is_reverse);
}

bool pq_event_edge(const pq_event *e, pq_edge *out) {
  *out = (pq_edge){.from_id = e->id,
                   .predicate = e->predicate,
                   .reverse = e->reverse,
                   .to_id = e->to_id,
                   .created_at = e->created_at,
                   .created_by = e->created_by,
                   .version = e->version,
                   .data = e->after,
                   .seq = e->seq};
  return e->op != PQ_EVENT_DELETE;
}

/* ---- which rows ---- */

static int ask_bloom(pq_edge_reader *r, const pq_edge_task *t, bool *may) {
  *may = t->hi - t->lo > PQ_BLOOM_IDS_MAX;
  for (uint32_t i = t->lo; i < t->hi && !*may; i++)
    PQ_TRY(pq_file_cache_bloom(r->v->files, r->f, &t->file->file, t->row_group, key_leaf(r),
                               pq_hash(r->q->nodes[i], 0), may));
  return PQ_OK;
}

static int choose_pages(pq_edge_reader *r, pq_edge_task *t, const pq_page_index *pages) {
  uint32_t row_count = (uint32_t)t->file->file.footer->row_groups[t->row_group].row_count;
  uint32_t cap = pages->page_count > 0 ? pages->page_count : 1;
  t->ranges = pq_arena_calloc(r->scratch, cap, sizeof *t->ranges);
  if (t->ranges == NULL) return r->v->cx->code;
  if (pages->page_count == 0) t->ranges[t->range_count++] = (pq_row_range){0, row_count};
  for (uint32_t p = 0; p < pages->page_count; p++) {
    const pq_page_info *page = &pages->pages[p];
    uint32_t n = t->lo;
    if (page->has_bounds) n = pq_slices_lower(r->q->nodes, t->lo, t->hi, page->min);
    if (n == t->hi || (page->has_bounds && pq_slice_cmp(r->q->nodes[n], page->max) > 0)) continue;
    t->ranges[t->range_count++] =
        (pq_row_range){page->first_row, page->first_row + page->row_count};
  }
  return PQ_OK;
}

static const struct {
  int leaf;
  bool is_data;
} wanted[] = {{PQ_EDGE_FROM_ID, false}, {PQ_EDGE_PREDICATE, false}, {PQ_EDGE_REVERSE, false},
              {PQ_EDGE_TO_ID, false},   {PQ_EDGE_CREATED_AT, true}, {PQ_EDGE_CREATED_BY, true},
              {PQ_EDGE_VERSION, true},  {PQ_EDGE_DATA_META, true},  {PQ_EDGE_DATA_VALUE, true}};

enum { WANTED_COUNT = sizeof wanted / sizeof wanted[0] };

/* Is a column read? */
static bool is_read(const pq_edge_reader *r, const pq_edge_task *t, int i) {
  if (wanted[i].is_data) return r->needs_data;
  return !t->is_near || wanted[i].leaf != (int)key_leaf(r);
}

/* The page indexes that choosing a part needs are kept. */
static int index_of(pq_edge_reader *r, const pq_edge_task *t, int i, pq_page_index *out) {
  uint32_t leaf = (uint32_t)wanted[i].leaf;
  pq_chunk_pages *pages;
  *out = (pq_page_index){0};
  if (!r->is_part || wanted[i].is_data)
    return pq_page_index_fetch(r->f, r->scratch, &t->file->file, t->row_group, leaf, out);
  PQ_TRY(pq_file_cache_chunk(r->v->files, r->f, t->file, t->row_group, leaf, &pages));
  *out = pages->index;
  return PQ_OK;
}

static int want_columns(pq_edge_reader *r, const pq_edge_task *t) {
  bool is_missing = false;
  for (int i = 0; i < WANTED_COUNT; i++) {
    pq_page_index index;
    int rc;
    if (!is_read(r, t, i)) continue;
    rc = index_of(r, t, i, &index);
    if (rc == PQ_OK)
      rc = pq_chunk_want(r->f, &t->file->file, t->row_group, (uint32_t)wanted[i].leaf, &index,
                         t->ranges, t->range_count);
    if (rc < 0) return rc;
    is_missing |= rc == PQ_NEED_IO;
  }
  return is_missing ? PQ_NEED_IO : PQ_OK;
}

static int plan_row_group(pq_edge_reader *r, pq_edge_task proto) {
  const pq_row_group *group = &proto.file->file.footer->row_groups[proto.row_group];
  const pq_stats *s = &group->chunks[key_leaf(r)].stats;
  pq_chunk_pages *pages;
  pq_edge_task *t;
  bool may;
  int rc;
  if (s->has_min) proto.lo = pq_slices_lower(r->q->nodes, proto.lo, proto.hi, s->min);
  if (s->has_max) proto.hi = pq_slices_upper(r->q->nodes, proto.lo, proto.hi, s->max);
  if (proto.lo >= proto.hi) return PQ_OK;
  rc = pq_edges_has_filter(r, &proto) ? pq_edges_ask_filter(r, &proto, &may)
                                      : ask_bloom(r, &proto, &may);
  if (rc != PQ_OK) return pq_edges_note(r, rc);
  if (!may) return PQ_OK;
  if (r->is_part) PQ_TRY(pq_edges_part_indexes(r, &proto));
  rc = pq_file_cache_chunk(r->v->files, r->f, proto.file, proto.row_group, key_leaf(r), &pages);
  if (rc != PQ_OK) return pq_edges_note(r, rc);
  t = pq_arena_alloc(r->scratch, sizeof *t);
  if (t == NULL) return r->v->cx->code;
  *t = proto;
  PQ_TRY(choose_pages(r, t, &pages->index));
  if (t->range_count == 0) return PQ_OK;
  t->next = r->tasks;
  r->tasks = t;
  if (!r->is_part) return pq_edges_note(r, want_columns(r, t));
  t->is_near = pq_edges_are_near(r, t, &pages->index);
  return PQ_OK;
}

/* The file must have the columns where this reader looks for them. */
static int check_columns(pq_edge_reader *r, const pq_cached_file *file) {
  static const char *const paths[WANTED_COUNT] = {"from_id", "predicate",     "reverse",
                                                  "to_id",   "createdAt",     "createdBy",
                                                  "version", "data.metadata", "data.value"};
  for (int i = 0; i < WANTED_COUNT; i++) {
    pq_phys phys = wanted[i].leaf == PQ_EDGE_CREATED_AT || wanted[i].leaf == PQ_EDGE_VERSION
                       ? PQ_PHYS_INT64
                       : PQ_PHYS_BYTES;
    int leaf = pq_footer_leaf(file->file.footer, paths[i]);
    if (leaf != wanted[i].leaf || file->file.footer->leaves[leaf].phys != phys)
      return pq_fail(r->v->cx, PQ_ECORRUPT, "%s: column %s is not where it belongs", file->file.key,
                     paths[i]);
  }
  return PQ_OK;
}

static int plan_file(pq_edge_reader *r, const pq_file_info *info) {
  pq_edge_task proto = {.info = info};
  bool may;
  int rc;
  proto.lo = pq_slices_lower(r->q->nodes, 0, r->q->node_count, info->id_min);
  proto.hi = pq_slices_upper(r->q->nodes, proto.lo, r->q->node_count, info->id_max);
  if (proto.lo >= proto.hi) return PQ_OK;
  rc = pq_file_may_hold(r->v->files, r->f, info, r->q->nodes + proto.lo, proto.hi - proto.lo, &may);
  if (rc != PQ_OK) return pq_edges_note(r, rc);
  if (!may) return PQ_OK;
  rc = pq_file_cache_open(r->v->files, r->f, info, &proto.file);
  if (rc != PQ_OK) return pq_edges_note(r, rc);
  PQ_TRY(check_columns(r, proto.file));
  for (uint32_t g = 0; g < proto.file->file.footer->row_group_count; g++) {
    proto.row_group = g;
    PQ_TRY(plan_row_group(r, proto));
  }
  return PQ_OK;
}

/* ---- the rows ---- */

static int append(pq_edge_reader *r, const pq_edge *e) {
  if (r->count == r->cap) {
    uint32_t cap = r->cap == 0 ? 64 : r->cap * 2;
    pq_edge *edges = pq_arena_calloc(r->scratch, cap, sizeof *edges);
    if (edges == NULL) return r->v->cx->code;
    if (r->count > 0) memcpy(edges, r->edges, r->count * sizeof *edges);
    r->edges = edges;
    r->cap = cap;
  }
  r->edges[r->count++] = *e;
  return PQ_OK;
}

static bool is_among(const pq_edge_query *q, pq_slice predicate) {
  uint32_t i = 0;
  while (i < q->predicate_count && !pq_slice_eq(q->predicates[i], predicate))
    i++;
  return q->predicate_count == 0 || i < q->predicate_count;
}

/* Of a part: is the far end within it? */
static bool is_in_part(const pq_edge_reader *r, const pq_edge *e) {
  pq_slice far = r->q->is_reverse ? e->from_id : e->to_id;
  if (!r->is_part) return true;
  if (r->q->far_min.n > 0 && pq_slice_cmp(far, r->q->far_min) < 0) return false;
  if (r->q->far_max.n > 0 && pq_slice_cmp(far, r->q->far_max) > 0) return false;
  return r->far_end.p == NULL || pq_slice_cmp(far, r->far_end) < 0;
}

static bool is_wanted(const pq_edge_query *q, uint32_t lo, uint32_t hi, const pq_edge *e) {
  pq_slice node = q->is_reverse ? e->to_id : e->from_id;
  uint32_t n;
  if (q->predicate.n > 0 && !pq_slice_eq(e->predicate, q->predicate)) return false;
  if (!is_among(q, e->predicate)) return false;
  if (q->reverse.n > 0 && !pq_slice_eq(e->reverse, q->reverse)) return false;
  n = pq_slices_lower(q->nodes, lo, hi, node);
  if (n == hi || !pq_slice_eq(q->nodes[n], node)) return false;
  return q->takes == NULL || q->takes(q->ud, e);
}

/* Text of a required column; an unexpected null is the empty text. */
static pq_slice text_at(const pq_column *c, uint32_t row) {
  if (c->v.any == NULL) return (pq_slice){0}; /* not read */
  return pq_column_is_null(c, row) ? (pq_slice){0} : c->v.bytes[row];
}

static int set_data(pq_edge_reader *r, const pq_edge_task *t, const pq_column *cols, uint32_t at,
                    pq_edge *e) {
  if (!r->needs_data) return PQ_OK;
  e->created_at = cols[4].v.i64[at];
  e->created_by = text_at(&cols[5], at);
  e->version = (uint64_t)cols[6].v.i64[at];
  if (pq_column_is_null(&cols[7], at) || pq_column_is_null(&cols[8], at)) return PQ_OK;
  if (pq_value_check(r->v->cx, cols[7].v.bytes[at], cols[8].v.bytes[at], &e->data) == PQ_OK)
    return PQ_OK;
  return pq_fail(r->v->cx, PQ_ECORRUPT, "%s: data: %s", t->file->file.key, r->v->cx->msg);
}

/* Out of the columns, which go with the task. */
static int keep_edge(pq_edge_reader *r, pq_edge *e) {
  PQ_TRY(pq_arena_copy(r->scratch, e->from_id, &e->from_id));
  PQ_TRY(pq_arena_copy(r->scratch, e->predicate, &e->predicate));
  PQ_TRY(pq_arena_copy(r->scratch, e->reverse, &e->reverse));
  return pq_arena_copy(r->scratch, e->to_id, &e->to_id);
}

static int take_row(pq_edge_reader *r, const pq_edge_task *t, const pq_column *cols, uint32_t at,
                    uint64_t row) {
  pq_slice *near;
  pq_edge e = {.from_id = text_at(&cols[0], at),
               .predicate = text_at(&cols[1], at),
               .reverse = text_at(&cols[2], at),
               .to_id = text_at(&cols[3], at),
               .info = t->info,
               .row = row};
  near = r->q->is_reverse ? &e.to_id : &e.from_id;
  if (t->is_near) *near = r->q->nodes[t->lo];
  if (!is_wanted(r->q, t->lo, t->hi, &e) || !is_in_part(r, &e)) return PQ_OK;
  if (pq_view_is_deleted(r->v, t->file->name, row)) return PQ_OK;
  if (!r->q->is_files_only && pq_tail_edge(r->v, e.from_id, e.predicate, e.to_id) != NULL)
    return PQ_OK; /* the tail decides */
  PQ_TRY(set_data(r, t, cols, at, &e));
  if (r->columns != r->scratch) PQ_TRY(keep_edge(r, &e));
  return append(r, &e);
}

static int read_task(pq_edge_reader *r, const pq_edge_task *t) {
  uint64_t first = t->file->file.footer->row_groups[t->row_group].first_row;
  pq_column cols[WANTED_COUNT] = {{0}};
  uint32_t at = 0;
  for (int i = 0; i < WANTED_COUNT; i++) {
    pq_page_index index;
    if (!is_read(r, t, i)) continue;
    PQ_TRY(index_of(r, t, i, &index));
    PQ_TRY(pq_chunk_decode(r->f, r->columns, &t->file->file, t->row_group, (uint32_t)wanted[i].leaf,
                           &index, t->ranges, t->range_count, &cols[i]));
  }
  for (uint32_t i = 0; i < t->range_count; i++)
    for (uint32_t row = t->ranges[i].lo; row < t->ranges[i].hi; row++, at++)
      PQ_TRY(take_row(r, t, cols, at, first + row));
  return PQ_OK;
}

static int read_tail(pq_edge_reader *r) {
  pq_tail_kind kind = r->q->is_reverse ? PQ_TAIL_TO : PQ_TAIL_FROM;
  for (uint32_t n = 0; n < r->q->node_count; n++) {
    pq_tail_walk w = pq_tail_begin(r->v, kind, r->q->nodes[n]);
    const pq_event *event;
    while ((event = pq_tail_next(&w)) != NULL) {
      pq_edge e;
      if (pq_event_edge(event, &e) && is_wanted(r->q, n, n + 1, &e) && is_in_part(r, &e))
        PQ_TRY(append(r, &e));
    }
  }
  return PQ_OK;
}

static int compare_edges(const void *a, const void *b, const void *ud) {
  const pq_edge *x = *(const pq_edge *const *)a, *y = *(const pq_edge *const *)b;
  const pq_edge_query *q = ud;
  return pq_edge_compare(x, y, q->is_reverse);
}

static pq_slice key_of(const void *item, const void *ud) {
  const pq_edge *e = *(const pq_edge *const *)item;
  return ((const pq_edge_query *)ud)->is_reverse ? e->to_id : e->from_id;
}

static int sort_edges(pq_edge_reader *r, pq_edge **out) {
  pq_edge **order = pq_arena_calloc(r->scratch, r->count, sizeof *order);
  pq_edge *sorted = pq_arena_calloc(r->scratch, r->count, sizeof *sorted);
  if (order == NULL || sorted == NULL) return r->v->cx->code;
  for (uint32_t i = 0; i < r->count; i++)
    order[i] = &r->edges[i];
  PQ_TRY(pq_sort_by_key(r->v->cx, order, r->count, sizeof *order, key_of, compare_edges, r->q));
  for (uint32_t i = 0; i < r->count; i++)
    sorted[i] = *order[i];
  *out = sorted;
  return PQ_OK;
}

/* Find the rows that may hold edges and ask for them. */
static int plan_files(pq_edge_reader *r) {
  const pq_view *v = r->v;
  pq_file_kind kind = r->q->is_reverse ? PQ_FILE_REVERSE : PQ_FILE_FORWARD;
  for (uint32_t i = 0; i < v->manifest->file_count; i++) {
    const pq_file_info *info = &v->manifest->files[i];
    if (info->kind == kind && pq_view_has_file(v, info)) PQ_TRY(plan_file(r, info));
  }
  return r->is_missing ? PQ_NEED_IO : PQ_OK;
}

/* What the tasks have and the tail. */
static int read_tasks(pq_edge_reader *r) {
  for (const pq_edge_task *t = r->tasks; t != NULL; t = t->next) {
    if (t->range_count > 0) PQ_TRY(read_task(r, t));
    if (r->columns != r->scratch) pq_arena_clear(r->columns);
  }
  return PQ_OK;
}

/* Few edges of many rows: a task at a time is in memory. */
static int read_tasks_apart(pq_edge_reader *r) {
  pq_arena columns;
  int rc;
  pq_arena_init(&columns, r->v->cx, r->v->cx->limits.op_len_max);
  r->columns = &columns;
  rc = read_tasks(r);
  r->columns = r->scratch;
  pq_arena_release(&columns);
  return rc;
}

static int read_all(pq_edge_reader *r, pq_edge **out, uint32_t *count) {
  bool is_apart = r->q->takes != NULL && !r->needs_data;
  PQ_TRY(is_apart ? read_tasks_apart(r) : read_tasks(r));
  if (!r->q->is_files_only) PQ_TRY(read_tail(r));
  PQ_TRY(sort_edges(r, out));
  *count = r->count;
  return PQ_OK;
}

static pq_edge_reader reader_of(const pq_view *v, pq_fetch *f, pq_arena *scratch,
                                const pq_edge_query *q) {
  return (pq_edge_reader){
      .v = v, .f = f, .scratch = scratch, .columns = scratch, .q = q, .needs_data = q->needs_data};
}

int pq_edges_read(const pq_view *v, pq_fetch *f, pq_arena *scratch, const pq_edge_query *q,
                  pq_edge **out, uint32_t *count) {
  pq_edge_reader r = reader_of(v, f, scratch, q);
  *out = NULL;
  *count = 0;
  PQ_TRY(plan_files(&r));
  return read_all(&r, out, count);
}

/* ---- a part ---- */

/* Choose its rows and ask for them. */
static int plan_part(pq_edge_reader *r, bool *is_whole) {
  *is_whole = false;
  r->is_part = true;
  if (r->q->is_one) PQ_TRY(pq_edges_set_hash(r));
  PQ_TRY(plan_files(r));
  PQ_TRY(pq_edges_part_choose(r, is_whole));
  r->needs_data = r->q->needs_data && (*is_whole || !r->q->is_data_late);
  for (pq_edge_task *t = r->tasks; t != NULL; t = t->next)
    if (t->range_count > 0) PQ_TRY(pq_edges_note(r, want_columns(r, t)));
  return r->is_missing ? PQ_NEED_IO : PQ_OK;
}

int pq_edges_read_part(const pq_view *v, pq_fetch *f, pq_arena *scratch, const pq_edge_query *q,
                       pq_edge_part *out) {
  pq_edge_reader r = reader_of(v, f, scratch, q);
  bool is_whole;
  pq_assert(q->node_count == 1);
  *out = (pq_edge_part){0};
  PQ_TRY(plan_part(&r, &is_whole));
  PQ_TRY(read_all(&r, &out->edges, &out->count));
  out->has_data = r.needs_data;
  out->far_end = r.far_end;
  return PQ_OK;
}

/* ---- what it costs ---- */

static int end_cost(pq_edge_reader *r, int rc, uint64_t *rows_max) {
  *rows_max = 0;
  r->f->is_plan = false;
  pq_fetch_note_round(r->f, rc == PQ_NEED_IO);
  PQ_TRY(rc);
  for (const pq_edge_task *t = r->tasks; t != NULL && !r->is_part; t = t->next)
    for (uint32_t i = 0; i < t->range_count; i++)
      *rows_max += t->ranges[i].hi - t->ranges[i].lo;
  *rows_max += r->part_rows;
  if (!r->q->is_files_only) PQ_TRY(read_tail(r));
  *rows_max += r->count;
  return PQ_OK;
}

int pq_edges_cost(const pq_view *v, pq_fetch *f, pq_arena *scratch, const pq_edge_query *q,
                  uint64_t *rows_max) {
  pq_edge_reader r = reader_of(v, f, scratch, q);
  f->is_plan = true;
  return end_cost(&r, plan_files(&r), rows_max);
}

int pq_edges_part_cost(const pq_view *v, pq_fetch *f, pq_arena *scratch, const pq_edge_query *q,
                       uint64_t *rows_max, bool *is_whole) {
  pq_edge_reader r = reader_of(v, f, scratch, q);
  f->is_plan = true;
  return end_cost(&r, plan_part(&r, is_whole), rows_max);
}
