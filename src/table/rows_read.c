/* table/rows_read.c - from rows to entities. See view.h.
 *
 *   locations, sorted by file, row group, row ─┬─ few:  a row of each column's decoded page, from
 *                                              │        the cache (page_cache.h); none where the
 *                                              │        page index says what all its rows hold
 *                                              └─ many: the pages that hold them, decoded and
 *                                                       forgotten (shred/entity.h)
 */
#include <string.h>

#include "base/merge_sort.h"
#include "shred/entity_document.h"
#include "table/view.h"

enum { POINT_ROWS_MAX = 64 };

static int by_place(const void *a, const void *b, const void *ud) {
  const pq_location *x = *(const pq_location *const *)a, *y = *(const pq_location *const *)b;
  (void)ud;
  if (x->info != y->info) return x->info < y->info ? -1 : 1;
  if (x->row_group != y->row_group) return x->row_group < y->row_group ? -1 : 1;
  return x->row < y->row ? -1 : x->row > y->row;
}

/* Locations of one row group as row ranges; equal rows share one. */
static uint32_t make_ranges(const pq_location *const *sorted, uint32_t count,
                            pq_row_range *ranges) {
  uint32_t n = 0;
  for (uint32_t i = 0; i < count; i++) {
    uint32_t row = sorted[i]->row;
    if (n > 0 && ranges[n - 1].hi > row) continue;
    if (n > 0 && ranges[n - 1].hi == row)
      ranges[n - 1].hi++;
    else
      ranges[n++] = (pq_row_range){row, row + 1};
  }
  return n;
}

typedef struct read_out {
  const pq_location *locations; /* first of the caller's array */
  pq_entity *entities;
  pq_slice *names; /* may be NULL */
} read_out;

/* Read the rows of one row group and hand them to their places. */
static int read_group(pq_fetch *f, pq_arena *scratch, const pq_location *const *sorted,
                      uint32_t count, unsigned want, const read_out *out) {
  pq_row_range *ranges = pq_arena_calloc(scratch, count, sizeof *ranges);
  pq_entity_rows rows;
  uint32_t n, at = 0;
  if (ranges == NULL) return scratch->cx->code;
  n = make_ranges(sorted, count, ranges);
  PQ_TRY(pq_entity_rows_read(f, scratch, &sorted[0]->file->file, sorted[0]->row_group, want, ranges,
                             n, &rows));
  for (uint32_t i = 0; i < count; i++) {
    if (i > 0 && sorted[i]->row != sorted[i - 1]->row) at++;
    out->entities[sorted[i] - out->locations] = rows.rows[at];
    if (out->names != NULL && rows.names != NULL)
      out->names[sorted[i] - out->locations] = rows.names[at];
  }
  return PQ_OK;
}

static int want_group(pq_fetch *f, pq_arena *scratch, const pq_location *const *sorted,
                      uint32_t count, unsigned want) {
  pq_row_range *ranges = pq_arena_calloc(scratch, count, sizeof *ranges);
  if (ranges == NULL) return scratch->cx->code;
  return pq_entity_rows_want(f, &sorted[0]->file->file, sorted[0]->row_group, want, ranges,
                             make_ranges(sorted, count, ranges), scratch);
}

/* ---- single rows ---- */

static pq_page_ref ref_of(const pq_location *at, uint32_t leaf, pq_chunk_pages *chunk) {
  return (pq_page_ref){.file = &at->file->file,
                       .row_group = at->row_group,
                       .leaf = leaf,
                       .page = pq_chunk_page_of(chunk, at->row),
                       .pages = chunk};
}

/* What asking for pages found out. */
typedef struct asked {
  bool is_missing; /* some have to be fetched */
  bool is_unpaged; /* the file has no page index */
} asked;

/* The page of a column (PQ_ENTITY_META stands for any of a document) unless it is decoded or told
 * by its bounds. */
static int want_page(const pq_view *v, pq_fetch *f, const pq_location *at, uint32_t column,
                     uint32_t leaf, asked *a) {
  pq_chunk_pages *chunk;
  int rc = pq_file_cache_chunk(v->files, f, at->file, at->row_group, leaf, &chunk);
  if (rc == PQ_OK && chunk->index.page_count == 0) {
    a->is_unpaged = true;
    return PQ_OK;
  }
  if (rc == PQ_OK) {
    pq_page_ref ref = ref_of(at, leaf, chunk);
    pq_entity told;
    if (pq_entity_set_told(&told, NULL, column, &chunk->index.pages[ref.page])) return PQ_OK;
    rc = pq_page_cache_want(&ref, f);
  }
  a->is_missing |= rc == PQ_NEED_IO;
  return rc == PQ_NEED_IO ? PQ_OK : rc;
}

/* Has the file no $data, and is the leaf part of its documents? */
static bool is_document_leaf(const pq_location *at, unsigned want, uint32_t leaf) {
  return leaf >= PQ_ENTITY_META && at->file->entity_leaves[PQ_ENTITY_META] == PQ_NO_NODE &&
         pq_entity_reads_leaf(at->file->file.footer, leaf, want);
}

/* Ask for the pages of a row that are not decoded. *is_paged is false when the file has no page
 * index. */
static int want_row(const pq_view *v, pq_fetch *f, const pq_location *at, unsigned want,
                    bool *is_paged) {
  asked a = {0};
  if (at->file->entity_leaves == NULL) {
    uint32_t *leaves = pq_arena_calloc(&v->files->arena, PQ_ENTITY_LEAVES, sizeof *leaves);
    if (leaves == NULL) return v->cx->code;
    PQ_TRY(pq_entity_leaves(v->cx, &at->file->file, leaves));
    at->file->entity_leaves = leaves;
  }
  for (uint32_t i = 0; i < PQ_ENTITY_LEAVES; i++) {
    uint32_t leaf = at->file->entity_leaves[i];
    if (leaf != PQ_NO_NODE && pq_entity_leaf_is_wanted(i, want))
      PQ_TRY(want_page(v, f, at, i, leaf, &a));
  }
  for (uint32_t leaf = PQ_ENTITY_META; leaf < at->file->file.footer->leaf_count; leaf++)
    if (is_document_leaf(at, want, leaf)) PQ_TRY(want_page(v, f, at, PQ_ENTITY_META, leaf, &a));
  if (a.is_unpaged) *is_paged = false;
  return a.is_missing && !a.is_unpaged ? PQ_NEED_IO : PQ_OK;
}

static int fail_row(const pq_view *v, const pq_location *at, uint32_t leaf) {
  return pq_fail(v->cx, PQ_ECORRUPT, "%s: row %llu of column %u is null or not there",
                 at->file->file.key, (unsigned long long)pq_location_row(at), leaf);
}

/* The document of a row in a file without $data: its entries in each leaf's page. */
static int read_document(const pq_view *v, pq_fetch *f, pq_arena *scratch, const pq_location *at,
                         pq_entity *out) {
  const pq_footer *footer = at->file->file.footer;
  pq_column *data = pq_arena_calloc(scratch, footer->leaf_count, sizeof *data);
  const pq_column **columns = pq_arena_calloc(scratch, footer->leaf_count, sizeof(pq_column *));
  if (data == NULL || columns == NULL) return v->cx->code;
  for (uint32_t leaf = PQ_ENTITY_META; leaf < footer->leaf_count; leaf++) {
    pq_cached_page *page;
    pq_chunk_pages *chunk;
    pq_page_ref ref;
    if (!is_document_leaf(at, PQ_WANT_DATA, leaf)) continue;
    PQ_TRY(pq_file_cache_chunk(v->files, f, at->file, at->row_group, leaf, &chunk));
    ref = ref_of(at, leaf, chunk);
    PQ_TRY(pq_page_cache_get(&v->files->pages, &ref, f, &page));
    if (at->row - page->first_row >= page->column.row_count) return fail_row(v, at, leaf);
    data[leaf] = pq_cached_page_row(page, at->row - page->first_row);
    columns[leaf] = &data[leaf];
  }
  return pq_entity_documents(scratch, &at->file->file, columns, out, 1);
}

/* The pages of a column of a row; `f` NULL: if they are known. */
static int row_chunk(const pq_view *v, pq_fetch *f, const pq_location *at, uint32_t leaf,
                     pq_chunk_pages **out) {
  if (f != NULL) return pq_file_cache_chunk(v->files, f, at->file, at->row_group, leaf, out);
  *out = &at->file->chunks[(size_t)at->row_group * at->file->file.footer->leaf_count + leaf];
  return (*out)->cached == NULL || (*out)->index.page_count == 0 ? PQ_NEED_IO : PQ_OK;
}

/* The entity of a row all of whose pages are there or asked for; `f` NULL: PQ_NEED_IO unless all of
 * them are decoded. */
static int read_row(const pq_view *v, pq_fetch *f, pq_arena *scratch, const pq_location *at,
                    unsigned want, pq_entity *out, pq_slice *name) {
  pq_cached_page *page = NULL, *meta = NULL;
  uint32_t row = 0;
  for (uint32_t i = 0; i < PQ_ENTITY_LEAVES; i++) {
    uint32_t leaf = at->file->entity_leaves[i];
    pq_chunk_pages *chunk;
    pq_page_ref ref;
    if (leaf == PQ_NO_NODE || !pq_entity_leaf_is_wanted(i, want)) continue;
    PQ_TRY(row_chunk(v, f, at, leaf, &chunk));
    ref = ref_of(at, leaf, chunk);
    if (pq_entity_set_told(out, name, i, &chunk->index.pages[ref.page])) continue;
    if (f == NULL && chunk->cached[ref.page] == NULL) return PQ_NEED_IO;
    PQ_TRY(pq_page_cache_get(&v->files->pages, &ref, f, &page));
    row = at->row - page->first_row;
    if (row >= page->column.row_count || page->column.nulls != NULL || page->column.def != NULL)
      return fail_row(v, at, leaf);
    if (i == PQ_ENTITY_META) meta = page;
    pq_entity_set(out, name, i, &page->column, row);
  }
  if (!(want & PQ_WANT_DATA)) return PQ_OK;
  if (at->file->entity_leaves[PQ_ENTITY_META] == PQ_NO_NODE)
    return read_document(v, f, scratch, at, out);
  return pq_entity_set_data(v->cx, &at->file->file, &meta->column, at->row - meta->first_row,
                            &page->column, row, &page->checked[row], out);
}

/* One row, the most frequent case, is read at once if all it needs is decoded. */
static bool is_read_at_once(const pq_view *v, pq_arena *scratch, const pq_location *at,
                            unsigned want, const read_out *out, int *rc) {
  size_t i = (size_t)(at - out->locations);
  if (at->file->entity_leaves == NULL || at->file->entity_leaves[PQ_ENTITY_META] == PQ_NO_NODE)
    return false;
  *rc = read_row(v, NULL, scratch, at, want, &out->entities[i],
                 out->names == NULL ? NULL : &out->names[i]);
  if (*rc == PQ_NEED_IO) out->entities[i] = (pq_entity){0};
  return *rc != PQ_NEED_IO;
}

/* *is_done is false when some file has no page index. */
static int read_points(const pq_view *v, pq_fetch *f, pq_arena *scratch,
                       const pq_location *const *sorted, uint32_t count, unsigned want,
                       const read_out *out, bool *is_done) {
  bool is_missing = false, is_paged = true;
  int once = PQ_OK;
  *is_done = count == 1 && is_read_at_once(v, scratch, sorted[0], want, out, &once);
  if (*is_done) return once;
  for (uint32_t i = 0; i < count; i++) {
    int rc = want_row(v, f, sorted[i], want, &is_paged);
    if (rc < 0 || !is_paged) return rc;
    is_missing |= rc == PQ_NEED_IO;
  }
  if (is_missing) return PQ_NEED_IO;
  for (uint32_t i = 0; i < count; i++) {
    size_t at = (size_t)(sorted[i] - out->locations);
    PQ_TRY(read_row(v, f, scratch, sorted[i], want, &out->entities[at],
                    out->names == NULL ? NULL : &out->names[at]));
  }
  *is_done = true;
  return PQ_OK;
}

/* ---- all ---- */

/* Length of the run of locations in one row group. */
static uint32_t group_len(const pq_location *const *sorted, uint32_t left) {
  uint32_t n = 1;
  while (n < left && sorted[n]->info == sorted[0]->info &&
         sorted[n]->row_group == sorted[0]->row_group)
    n++;
  return n;
}

/* What the view's schema makes of rows of files. */
static int bring_rows(const pq_view *v, pq_arena *scratch, const pq_location *const *sorted,
                      uint32_t count, const read_out *out) {
  const pq_file_info *info = NULL;
  const pq_upgrade *form = NULL;
  pq_slice name_field = {0};
  for (uint32_t i = 0; i < count; i++) {
    pq_entity *e = &out->entities[sorted[i] - out->locations];
    if (sorted[i]->info != info) {
      info = sorted[i]->info;
      PQ_TRY(pq_view_file_form(v, scratch, info, &form));
      name_field = pq_view_name_field(v, info->collection);
    }
    e->name_field = name_field;
    PQ_TRY(pq_view_bring(v, scratch, form, &e->data));
  }
  return PQ_OK;
}

static int read_events(const pq_view *v, pq_arena *scratch, uint32_t count, const read_out *out) {
  for (uint32_t i = 0; i < count; i++) {
    bool is_there;
    if (out->locations[i].event == NULL) continue;
    PQ_TRY(pq_view_entity(v, scratch, out->locations[i].event, &out->entities[i], &is_there));
    if (!is_there)
      out->entities[i] = (pq_entity){0};
    else if (out->names != NULL)
      out->names[i] =
          pq_entity_name(out->entities[i].id, out->entities[i].data, out->entities[i].name_field);
  }
  return PQ_OK;
}

int pq_view_read(const pq_view *v, pq_fetch *f, pq_arena *scratch, const pq_location *locations,
                 uint32_t count, unsigned want, pq_entity *out, pq_slice *names) {
  const pq_location **sorted = pq_arena_calloc(scratch, count, sizeof *sorted);
  read_out target = {locations, out, names};
  uint32_t n = 0, len;
  bool is_missing = false, is_done = false;
  if (sorted == NULL) return v->cx->code;
  memset(out, 0, count * sizeof *out);
  PQ_TRY(read_events(v, scratch, count, &target));
  for (uint32_t i = 0; i < count; i++)
    if (locations[i].event == NULL && locations[i].info != NULL) sorted[n++] = &locations[i];
  if (n <= POINT_ROWS_MAX) PQ_TRY(read_points(v, f, scratch, sorted, n, want, &target, &is_done));
  if (is_done) return bring_rows(v, scratch, sorted, n, &target);
  PQ_TRY(pq_sort_items(v->cx, sorted, n, sizeof *sorted, by_place, NULL));
  for (uint32_t i = 0; i < n; i += len) {
    int rc;
    len = group_len(sorted + i, n - i);
    rc = want_group(f, scratch, sorted + i, len, want);
    if (rc < 0) return rc;
    is_missing |= rc == PQ_NEED_IO;
  }
  if (is_missing) return PQ_NEED_IO;
  for (uint32_t i = 0; i < n; i += len) {
    len = group_len(sorted + i, n - i);
    PQ_TRY(read_group(f, scratch, sorted + i, len, want, &target));
  }
  return bring_rows(v, scratch, sorted, n, &target);
}
