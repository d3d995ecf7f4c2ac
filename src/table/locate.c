/* table/locate.c - from ids to rows, and rows to entities. See view.h.
 *
 *   ids ─► files by [id_min, id_max] ─► row groups by statistics ─► bloom (few ids) ─► pages of
 *   $id by page index ─► one fetch round ─► binary search in the decoded pages
 *
 * Straight-line: a first pass gathers what must be read and asks for all of it; only when
 * everything is resident does the second pass decode.
 */
#include <string.h>

#include "base/merge_sort.h"
#include "table/view.h"

enum {
  BLOOM_IDS_MAX = 64, /* more ids than that: reading the pages is cheaper than the filters */
  ID_LEAF = 0         /* $id is the first column of an entity file */
};

typedef struct locate_task {
  const pq_file_info *info;
  pq_cached_file *file;
  uint32_t row_group;
  uint32_t id_lo, id_hi; /* ids that may be in it */
  pq_page_index pages;
  pq_row_range *ranges;
  uint32_t range_count;
  struct locate_task *next;
} locate_task;

typedef struct locator {
  const pq_view *v;
  pq_fetch *f;
  pq_arena *scratch;
  const pq_slice *ids;
  uint32_t id_count;
  locate_task *tasks;
  bool is_missing;
} locator;

uint64_t pq_location_row(const pq_location *l) {
  return l->file->file.footer->row_groups[l->row_group].first_row + l->row;
}

/* First index in [lo, hi) whose id is >= key. */
static uint32_t id_lower(const pq_slice *ids, uint32_t lo, uint32_t hi, pq_slice key) {
  while (lo < hi) {
    uint32_t mid = lo + (hi - lo) / 2;
    if (pq_slice_cmp(ids[mid], key) < 0)
      lo = mid + 1;
    else
      hi = mid;
  }
  return lo;
}

/* First index in [lo, hi) whose id is > key. */
static uint32_t id_upper(const pq_slice *ids, uint32_t lo, uint32_t hi, pq_slice key) {
  lo = id_lower(ids, lo, hi, key);
  while (lo < hi && pq_slice_eq(ids[lo], key))
    lo++;
  return lo;
}

/* Note PQ_NEED_IO and go on; pass failures up. */
static int note(locator *l, int rc) {
  if (rc != PQ_NEED_IO) return rc;
  l->is_missing = true;
  return PQ_OK;
}

/* May any of ids [lo, hi) be in the row group, by its bloom filter? */
static int ask_bloom(locator *l, const locate_task *t, bool *may) {
  *may = false;
  if (t->id_hi - t->id_lo > BLOOM_IDS_MAX) {
    *may = true;
    return PQ_OK;
  }
  for (uint32_t i = t->id_lo; i < t->id_hi && !*may; i++)
    PQ_TRY(pq_bloom_check(l->f, &t->file->file, t->row_group, ID_LEAF, pq_hash(l->ids[i], 0), may));
  return PQ_OK;
}

/* The row ranges of the pages that may hold ids of the task. */
static int choose_pages(locator *l, locate_task *t) {
  uint32_t row_count = (uint32_t)t->file->file.footer->row_groups[t->row_group].row_count;
  if (t->pages.page_count == 0) { /* no index: the whole chunk */
    t->ranges = pq_arena_calloc(l->scratch, 1, sizeof *t->ranges);
    if (t->ranges == NULL) return l->v->cx->code;
    t->ranges[t->range_count++] = (pq_row_range){0, row_count};
    return PQ_OK;
  }
  t->ranges = pq_arena_calloc(l->scratch, t->pages.page_count, sizeof *t->ranges);
  if (t->ranges == NULL) return l->v->cx->code;
  for (uint32_t p = 0; p < t->pages.page_count; p++) {
    const pq_page_info *page = &t->pages.pages[p];
    uint32_t lo = t->id_lo;
    if (page->is_null_page) continue;
    if (page->has_bounds) lo = id_lower(l->ids, t->id_lo, t->id_hi, page->min);
    if (lo == t->id_hi || (page->has_bounds && pq_slice_cmp(l->ids[lo], page->max) > 0)) continue;
    t->ranges[t->range_count++] =
        (pq_row_range){page->first_row, page->first_row + page->row_count};
  }
  return PQ_OK;
}

static int plan_row_group(locator *l, locate_task proto) {
  const pq_stats *s = &proto.file->file.footer->row_groups[proto.row_group].chunks[ID_LEAF].stats;
  locate_task *t;
  bool may = false;
  int rc;
  if (s->has_min) proto.id_lo = id_lower(l->ids, proto.id_lo, proto.id_hi, s->min);
  if (s->has_max) proto.id_hi = id_upper(l->ids, proto.id_lo, proto.id_hi, s->max);
  if (proto.id_lo >= proto.id_hi) return PQ_OK;
  rc = ask_bloom(l, &proto, &may);
  if (rc != PQ_OK) return note(l, rc);
  if (!may) return PQ_OK;
  rc = pq_file_cache_key_pages(l->v->files, l->f, proto.file, proto.row_group, ID_LEAF,
                               &proto.pages);
  if (rc != PQ_OK) return note(l, rc);
  t = pq_arena_alloc(l->scratch, sizeof *t);
  if (t == NULL) return l->v->cx->code;
  *t = proto;
  PQ_TRY(choose_pages(l, t));
  if (t->range_count == 0) return PQ_OK;
  t->next = l->tasks;
  l->tasks = t;
  return note(l, pq_chunk_want(l->f, &t->file->file, t->row_group, ID_LEAF, &t->pages, t->ranges,
                               t->range_count));
}

static int plan_file(locator *l, const pq_file_info *info) {
  locate_task proto = {.info = info};
  int rc;
  proto.id_lo = id_lower(l->ids, 0, l->id_count, info->id_min);
  proto.id_hi = id_upper(l->ids, proto.id_lo, l->id_count, info->id_max);
  if (proto.id_lo >= proto.id_hi) return PQ_OK;
  rc = pq_file_cache_open(l->v->files, l->f, info, &proto.file);
  if (rc != PQ_OK) return note(l, rc);
  if (pq_footer_leaf(proto.file->file.footer, "$id") != ID_LEAF)
    return pq_fail(l->v->cx, PQ_ECORRUPT, "%s: $id is not the first column", proto.file->file.key);
  for (uint32_t g = 0; g < proto.file->file.footer->row_group_count; g++) {
    proto.row_group = g;
    PQ_TRY(plan_row_group(l, proto));
  }
  return PQ_OK;
}

/* Note a row that holds a wanted id, unless it is deleted or the overlay has decided. */
static void found(const locator *l, const locate_task *t, uint32_t row, pq_location *out) {
  pq_location at = {.info = t->info, .file = t->file, .row_group = t->row_group, .row = row};
  if (out->event != NULL) return;
  if (!pq_view_is_deleted(l->v, t->file->name, pq_location_row(&at))) *out = at;
}

/* Walk the decoded ids of a task and the wanted ones side by side; both are sorted. */
static int search(locator *l, const locate_task *t, pq_location *out) {
  pq_column c;
  uint32_t at = 0, i = t->id_lo;
  PQ_TRY(pq_chunk_decode(l->f, l->scratch, &t->file->file, t->row_group, ID_LEAF, &t->pages,
                         t->ranges, t->range_count, &c));
  for (uint32_t r = 0; r < t->range_count; r++) {
    for (uint32_t row = t->ranges[r].lo; row < t->ranges[r].hi; row++, at++) {
      int order = 1;
      if (pq_column_is_null(&c, at))
        return pq_fail(l->v->cx, PQ_ECORRUPT, "%s: null $id", t->file->file.key);
      while (i < t->id_hi && (order = pq_slice_cmp(l->ids[i], c.v.bytes[at])) < 0)
        i++;
      if (i < t->id_hi && order == 0) found(l, t, row, &out[i]);
    }
  }
  return PQ_OK;
}

int pq_view_locate(const pq_view *v, pq_fetch *f, pq_arena *scratch, const pq_slice *ids,
                   uint32_t count, bool is_files_only, pq_location *out) {
  locator l = {.v = v, .f = f, .scratch = scratch, .ids = ids, .id_count = count};
  bool is_done = true;
  memset(out, 0, count * sizeof *out);
  for (uint32_t i = 0; i < count; i++) {
    pq_assert(i == 0 || pq_slice_cmp(ids[i - 1], ids[i]) < 0);
    if (!is_files_only && v->overlay != NULL)
      out[i].event = pq_overlay_entity(v->overlay, ids[i], v->seq);
    is_done &= out[i].event != NULL;
  }
  if (is_done) return PQ_OK;
  for (uint32_t i = 0; i < v->manifest->file_count; i++) {
    const pq_file_info *info = &v->manifest->files[i];
    if (info->kind == PQ_FILE_DATA && pq_file_is_live(info, v->entry)) PQ_TRY(plan_file(&l, info));
  }
  if (l.is_missing) return PQ_NEED_IO;
  for (const locate_task *t = l.tasks; t != NULL; t = t->next)
    PQ_TRY(search(&l, t, out));
  return PQ_OK;
}

/* ---- reading ---- */

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

/* Length of the run of locations in one row group. */
static uint32_t group_len(const pq_location *const *sorted, uint32_t left) {
  uint32_t n = 1;
  while (n < left && sorted[n]->info == sorted[0]->info &&
         sorted[n]->row_group == sorted[0]->row_group)
    n++;
  return n;
}

int pq_view_read(const pq_view *v, pq_fetch *f, pq_arena *scratch, const pq_location *locations,
                 uint32_t count, unsigned want, pq_entity *out, pq_slice *names) {
  const pq_location **sorted = pq_arena_calloc(scratch, count, sizeof *sorted);
  read_out target = {locations, out, names};
  uint32_t n = 0, len;
  bool is_missing = false;
  if (sorted == NULL) return v->cx->code;
  memset(out, 0, count * sizeof *out);
  for (uint32_t i = 0; i < count; i++) {
    const pq_event *e = locations[i].event;
    if (e != NULL && pq_event_entity(e, &out[i])) {
      if (names != NULL) names[i] = pq_entity_name(out[i].id, out[i].data);
    } else if (e != NULL) {
      out[i] = (pq_entity){0};
    } else if (locations[i].info != NULL) {
      sorted[n++] = &locations[i];
    }
  }
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
  return PQ_OK;
}
