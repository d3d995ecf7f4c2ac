/* rel/edges_fill.c - what edges that were read by their ends alone say besides.
 *
 *   edges ─► by file and row ─► the rows' pages of five columns in one round ─► each its own
 */
#include "base/merge_sort.h"
#include "rel/edge_int.h"

static const uint32_t leaves[] = {PQ_EDGE_CREATED_AT, PQ_EDGE_CREATED_BY, PQ_EDGE_VERSION,
                                  PQ_EDGE_DATA_META, PQ_EDGE_DATA_VALUE};
enum { LEAF_COUNT = sizeof leaves / sizeof *leaves };

/* Edges of one row group. */
typedef struct fill_task {
  pq_cached_file *file;
  uint32_t row_group;
  pq_edge **edges; /* by row */
  uint32_t count;
  pq_row_range *ranges;
} fill_task;

typedef struct filler {
  const pq_view *v;
  pq_fetch *f;
  pq_arena *scratch;
} filler;

static int compare_places(const void *a, const void *b, const void *ud) {
  const pq_edge *x = *(pq_edge *const *)a, *y = *(pq_edge *const *)b;
  int c = pq_slice_cmp(pq_str(x->info->name), pq_str(y->info->name));
  (void)ud;
  return c != 0 ? c : (x->row > y->row) - (x->row < y->row);
}

/* The first edges of the list that are of one row group. */
static int next_task(filler *s, pq_edge **edges, uint32_t count, fill_task *out) {
  const pq_footer *footer;
  const pq_row_group *group;
  *out = (fill_task){.edges = edges};
  PQ_TRY(pq_file_cache_open(s->v->files, s->f, edges[0]->info, &out->file));
  footer = out->file->file.footer;
  while (out->row_group + 1 < footer->row_group_count &&
         footer->row_groups[out->row_group + 1].first_row <= edges[0]->row)
    out->row_group++;
  group = &footer->row_groups[out->row_group];
  while (out->count < count && edges[out->count]->info == edges[0]->info &&
         edges[out->count]->row - group->first_row < group->row_count)
    out->count++;
  pq_assert(out->count > 0);
  out->ranges = pq_arena_calloc(s->scratch, out->count, sizeof *out->ranges);
  if (out->ranges == NULL) return s->v->cx->code;
  for (uint32_t i = 0; i < out->count; i++) {
    uint32_t row = (uint32_t)(edges[i]->row - group->first_row);
    out->ranges[i] = (pq_row_range){row, row + 1};
  }
  return PQ_OK;
}

static int want(filler *s, const fill_task *t) {
  bool is_missing = false;
  for (int i = 0; i < LEAF_COUNT; i++) {
    pq_page_index index;
    int rc = pq_page_index_fetch(s->f, s->scratch, &t->file->file, t->row_group, leaves[i], &index);
    if (rc == PQ_OK)
      rc =
          pq_chunk_want(s->f, &t->file->file, t->row_group, leaves[i], &index, t->ranges, t->count);
    if (rc < 0) return rc;
    is_missing |= rc == PQ_NEED_IO;
  }
  return is_missing ? PQ_NEED_IO : PQ_OK;
}

static pq_slice text_at(const pq_column *c, uint32_t row) {
  return pq_column_is_null(c, row) ? (pq_slice){0} : c->v.bytes[row];
}

static int fill(filler *s, const fill_task *t) {
  pq_column cols[LEAF_COUNT];
  for (int i = 0; i < LEAF_COUNT; i++) {
    pq_page_index index;
    PQ_TRY(pq_page_index_fetch(s->f, s->scratch, &t->file->file, t->row_group, leaves[i], &index));
    PQ_TRY(pq_chunk_decode(s->f, s->scratch, &t->file->file, t->row_group, leaves[i], &index,
                           t->ranges, t->count, &cols[i]));
  }
  for (uint32_t i = 0; i < t->count; i++) {
    pq_edge *e = t->edges[i];
    e->created_at = cols[0].v.i64[i];
    e->created_by = text_at(&cols[1], i);
    e->version = (uint64_t)cols[2].v.i64[i];
    if (pq_column_is_null(&cols[3], i) || pq_column_is_null(&cols[4], i)) continue;
    if (pq_value_check(s->v->cx, cols[3].v.bytes[i], cols[4].v.bytes[i], &e->data) != PQ_OK)
      return pq_fail(s->v->cx, PQ_ECORRUPT, "%s: data: %s", t->file->file.key, s->v->cx->msg);
  }
  return PQ_OK;
}

/* Ask for what they need, or take it. */
static int each(filler *s, pq_edge **order, uint32_t count, bool is_asking) {
  bool is_missing = false;
  for (uint32_t i = 0; i < count;) {
    fill_task t;
    int rc = next_task(s, order + i, count - i, &t);
    if (rc == PQ_OK) rc = is_asking ? want(s, &t) : fill(s, &t);
    if (rc < 0) return rc;
    is_missing |= rc == PQ_NEED_IO;
    i += t.count > 0 ? t.count : 1; /* its file is not open yet */
  }
  return is_missing ? PQ_NEED_IO : PQ_OK;
}

int pq_edges_fill(const pq_view *v, pq_fetch *f, pq_arena *scratch, pq_edge *edges,
                  uint32_t count) {
  filler s = {v, f, scratch};
  pq_edge **order = pq_arena_calloc(scratch, count, sizeof *order);
  uint32_t n = 0;
  if (order == NULL) return v->cx->code;
  for (uint32_t i = 0; i < count; i++)
    if (edges[i].info != NULL) order[n++] = &edges[i];
  PQ_TRY(pq_sort_items(v->cx, order, n, sizeof *order, compare_places, NULL));
  PQ_TRY(each(&s, order, n, true));
  return each(&s, order, n, false);
}
