/* query/scan.c - see scan.h. */
#include "query/scan.h"

#include <string.h>

#include "query/prune_int.h"

/* The work on one row group, all of it in stage memory. */
typedef struct group_work {
  pq_scan *s;
  pq_fetch *f;
  pq_arena *scratch;
  pq_builder *builder;
  const pq_file_info *info;
  pq_cached_file *file;
  uint32_t row_group, row_count;
  uint64_t first_row;
  pq_prune prune;
  uint8_t *dropped; /* one byte per row of the row group: 1 = not a result */
  pq_scan_stats stats;
} group_work;

void pq_scan_init(pq_scan *s, const pq_view *view, pq_slice collection, const pq_filter *filter) {
  *s = (pq_scan){.view = view, .collection = collection, .filter = filter};
  s->info = pq_manifest_collection(view->manifest, collection);
  s->stats.is_metadata_only = true;
}

static bool is_of_scan(const pq_scan *s, const pq_file_info *info) {
  return info->kind == PQ_FILE_DATA && pq_file_is_live(info, s->view->entry) &&
         pq_slice_eq(info->collection, s->collection);
}

/* ---- excluding row groups and pages ---- */

/* May the row group match, by statistics and bloom filters of the terms? */
static int ask_row_group(group_work *w, bool *may) {
  const pq_footer *footer = w->file->file.footer;
  *may = true;
  for (uint32_t i = 0; i < w->prune.term_count && *may; i++) {
    const pq_column_term *t = &w->prune.terms[i];
    const pq_stats *stats = &footer->row_groups[w->row_group].chunks[t->leaf].stats;
    if (stats->has_min && stats->has_max)
      PQ_TRY(pq_prune_bounds(w->scratch, t, stats->min, stats->max, may));
  }
  if (!*may) {
    w->stats.row_groups_by_stats++;
    return PQ_OK;
  }
  for (uint32_t i = 0; i < w->prune.term_count && *may; i++)
    PQ_TRY(pq_prune_bloom(w->f, &w->file->file, w->row_group, &w->prune.terms[i], may));
  if (!*may) w->stats.row_groups_by_bloom++;
  return PQ_OK;
}

/* Drop the rows of pages that a term excludes. */
static int drop_pages(group_work *w, const pq_column_term *t) {
  pq_page_index index;
  PQ_TRY(pq_page_index_fetch(w->f, w->scratch, &w->file->file, w->row_group, t->leaf, &index));
  for (uint32_t p = 0; p < index.page_count; p++) {
    const pq_page_info *page = &index.pages[p];
    bool may = true;
    w->stats.pages++;
    if (page->has_bounds) PQ_TRY(pq_prune_bounds(w->scratch, t, page->min, page->max, &may));
    if (may) continue;
    w->stats.pages_skipped++;
    memset(w->dropped + page->first_row, 1, page->row_count);
  }
  return PQ_OK;
}

static int drop_all_pages(group_work *w) {
  bool is_missing = false;
  for (uint32_t i = 0; i < w->prune.term_count; i++) {
    int rc = w->prune.terms[i].is_exact ? drop_pages(w, &w->prune.terms[i]) : PQ_OK;
    if (rc < 0) return rc;
    is_missing |= rc == PQ_NEED_IO;
  }
  return is_missing ? PQ_NEED_IO : PQ_OK;
}

/* The rows not dropped, as ranges; gaps up to `gap` rows are bridged. Count 0: none left. */
static int kept_ranges(group_work *w, uint32_t gap, pq_row_range **out, uint32_t *count) {
  uint32_t n = 0, cap = 0;
  *count = 0;
  for (uint32_t i = 0; i < w->row_count; i++)
    cap += !w->dropped[i] && (i == 0 || w->dropped[i - 1]);
  *out = pq_arena_calloc(w->scratch, cap, sizeof **out);
  if (*out == NULL) return w->scratch->cx->code;
  for (uint32_t i = 0; i < w->row_count; i++) {
    if (w->dropped[i]) continue;
    if (n > 0 && i - (*out)[n - 1].hi <= gap)
      (*out)[n - 1].hi = i + 1;
    else
      (*out)[n++] = (pq_row_range){i, i + 1};
  }
  *count = n;
  return PQ_OK;
}

/* ---- judging rows by columns ---- */

typedef struct column_read {
  const pq_column_term *term; /* NULL: $id for the overlay check, or `deleted` */
  uint32_t leaf;
} column_read;

static int want_column(group_work *w, uint32_t leaf, const pq_row_range *ranges, uint32_t n) {
  pq_page_index index;
  PQ_TRY(pq_page_index_fetch(w->f, w->scratch, &w->file->file, w->row_group, leaf, &index));
  return pq_chunk_want(w->f, &w->file->file, w->row_group, leaf, &index, ranges, n);
}

static int decode_column(group_work *w, uint32_t leaf, const pq_row_range *ranges, uint32_t n,
                         pq_column *out) {
  pq_page_index index;
  PQ_TRY(pq_page_index_fetch(w->f, w->scratch, &w->file->file, w->row_group, leaf, &index));
  return pq_chunk_decode(w->f, w->scratch, &w->file->file, w->row_group, leaf, &index, ranges, n,
                         out);
}

/* Does the overlay know this id (then its row here is not a result)? */
static bool is_overlaid(const group_work *w, const pq_column *ids, uint32_t at) {
  return !pq_column_is_null(ids, at) &&
         pq_overlay_entity(w->s->view->overlay, ids->v.bytes[at], w->s->view->seq) != NULL;
}

static int judge(group_work *w, const column_read *c, const pq_row_range *ranges, uint32_t n,
                 bool is_deleted_column) {
  pq_column column;
  uint32_t at = 0;
  PQ_TRY(decode_column(w, c->leaf, ranges, n, &column));
  for (uint32_t r = 0; r < n; r++) {
    for (uint32_t row = ranges[r].lo; row < ranges[r].hi; row++, at++) {
      bool may = true;
      if (w->dropped[row]) continue;
      if (is_deleted_column)
        may = pq_column_is_null(&column, at) || column.v.b[at] == 0;
      else if (c->term == NULL)
        may = !is_overlaid(w, &column, at);
      else
        PQ_TRY(pq_prune_row(w->scratch, c->term, &column, at, &may));
      if (may) continue;
      w->dropped[row] = 1;
      w->stats.rows_by_column += c->term != NULL;
    }
  }
  return PQ_OK;
}

/* Do the statistics prove that no row of the group is soft-deleted? */
static bool has_deleted_rows(const group_work *w, int leaf) {
  const pq_stats *s = &w->file->file.footer->row_groups[w->row_group].chunks[leaf].stats;
  return !(s->has_max && s->max.n == 1 && s->max.p[0] == 0);
}

enum { COLUMN_READS_MAX = 64 };

/* Read the columns that can refuse rows: terms, $id where the overlay must be asked, deleted. */
static int judge_columns(group_work *w) {
  column_read reads[COLUMN_READS_MAX + 2];
  pq_row_range *ranges;
  uint32_t n, count = 0;
  int deleted = pq_footer_leaf(w->file->file.footer, "deleted");
  bool is_missing = false, has_deleted;
  if (deleted < 0 || w->file->file.footer->leaves[deleted].phys != PQ_PHYS_BOOL)
    return pq_fail(w->scratch->cx, PQ_ECORRUPT, "%s: no column deleted", w->file->file.key);
  has_deleted = !w->s->includes_deleted && has_deleted_rows(w, deleted);
  for (uint32_t i = 0; i < w->prune.term_count && count < COLUMN_READS_MAX; i++)
    reads[count++] = (column_read){&w->prune.terms[i], w->prune.terms[i].leaf};
  if (w->prune.term_count > COLUMN_READS_MAX) w->prune.is_decisive = false;
  if (pq_view_has_unresolved(w->s->view, w->s->collection)) reads[count++] = (column_read){0};
  if (has_deleted) reads[count++] = (column_read){.leaf = (uint32_t)deleted};
  PQ_TRY(kept_ranges(w, 0, &ranges, &n));
  if (n == 0) return PQ_OK;
  if (count > 0) w->stats.is_metadata_only = false;
  for (uint32_t i = 0; i < count; i++) {
    int rc = want_column(w, reads[i].leaf, ranges, n);
    if (rc < 0) return rc;
    is_missing |= rc == PQ_NEED_IO;
  }
  if (is_missing) return PQ_NEED_IO;
  for (uint32_t i = 0; i < count; i++)
    PQ_TRY(judge(w, &reads[i], ranges, n, has_deleted && i == count - 1));
  return PQ_OK;
}

/* ---- documents ---- */

static int match(const pq_scan *s, pq_builder *builder, pq_arena *scratch, const pq_entity *e,
                 bool *is_match) {
  pq_value system = {0};
  if (pq_filter_uses_system(s->filter)) PQ_TRY(pq_entity_system(builder, scratch, e, &system));
  *is_match = pq_filter_match(s->filter, NULL, e->data, system);
  return pq_filter_status(s->filter);
}

static int count_rows(group_work *w, pq_scan_sink sink, void *ud) {
  uint64_t n = 0;
  for (uint32_t i = 0; i < w->row_count; i++)
    n += !w->dropped[i];
  w->stats.rows_matched += n;
  return n == 0 ? PQ_OK : sink(ud, NULL, n);
}

enum { BRIDGE_ROWS = 8 };

static int emit_rows(group_work *w, pq_scan_sink sink, void *ud) {
  pq_entity_rows rows;
  pq_row_range *ranges;
  uint32_t n, at = 0;
  PQ_TRY(kept_ranges(w, BRIDGE_ROWS, &ranges, &n));
  if (n == 0) return PQ_OK;
  w->stats.is_metadata_only = false;
  PQ_TRY(
      pq_entity_rows_want(w->f, &w->file->file, w->row_group, PQ_WANT_ALL, ranges, n, w->scratch));
  PQ_TRY(pq_entity_rows_read(w->f, w->scratch, &w->file->file, w->row_group, PQ_WANT_ALL, ranges, n,
                             &rows));
  for (uint32_t r = 0; r < n; r++) {
    for (uint32_t row = ranges[r].lo; row < ranges[r].hi; row++, at++) {
      bool is_match = true;
      int rc;
      if (w->dropped[row]) continue;
      w->stats.rows_read++;
      if (!w->prune.is_decisive)
        PQ_TRY(match(w->s, w->builder, w->scratch, &rows.rows[at], &is_match));
      if (!is_match) continue;
      w->stats.rows_matched++;
      rc = sink(ud, &rows.rows[at], 1);
      if (rc != PQ_OK) return rc;
    }
  }
  return PQ_OK;
}

static int scan_row_group(group_work *w, pq_scan_sink sink, void *ud) {
  bool may;
  w->stats.row_groups++;
  PQ_TRY(pq_prune_plan(w->scratch, w->s, &w->file->file, &w->prune));
  PQ_TRY(ask_row_group(w, &may));
  if (!may) return PQ_OK;
  w->dropped = pq_arena_calloc(w->scratch, w->row_count, 1);
  if (w->dropped == NULL) return w->scratch->cx->code;
  pq_view_mark_deleted(w->s->view, w->file->name, w->first_row, w->row_count, w->dropped);
  pq_view_mark_overlay(w->s->view, w->s->collection, w->file->name, w->first_row, w->row_count,
                       w->dropped);
  PQ_TRY(drop_all_pages(w));
  PQ_TRY(judge_columns(w));
  if (w->s->is_count && w->prune.is_decisive) return count_rows(w, sink, ud);
  return emit_rows(w, sink, ud);
}

static int scan_overlay(pq_scan *s, pq_arena *scratch, pq_builder *builder, pq_scan_sink sink,
                        void *ud) {
  const pq_overlay *o = s->view->overlay;
  uint32_t k = o == NULL ? PQ_NONE : pq_chain_first(&o->collections, s->collection);
  for (; k != PQ_NONE; k = o->keys[k].next) {
    const pq_event *event = pq_overlay_at(o, k, s->view->seq);
    pq_entity e;
    bool is_match;
    int rc;
    if (event == NULL || !pq_event_entity(event, &e)) continue;
    if (e.is_deleted && !s->includes_deleted) continue;
    s->stats.overlay_rows++;
    PQ_TRY(match(s, builder, scratch, &e, &is_match));
    if (!is_match) continue;
    s->stats.rows_matched++;
    rc = sink(ud, &e, 1);
    if (rc != PQ_OK) return rc;
  }
  return PQ_OK;
}

static void add_stats(pq_scan_stats *sum, const pq_scan_stats *s, uint32_t terms) {
  sum->row_groups += s->row_groups;
  sum->row_groups_by_stats += s->row_groups_by_stats;
  sum->row_groups_by_bloom += s->row_groups_by_bloom;
  sum->pages += s->pages;
  sum->pages_skipped += s->pages_skipped;
  sum->rows_by_column += s->rows_by_column;
  sum->rows_read += s->rows_read;
  sum->rows_matched += s->rows_matched;
  sum->is_metadata_only &= s->is_metadata_only;
  if (terms > sum->columns_used) sum->columns_used = terms;
}

/* The overlay is last; an enough from the sink ends everything. */
static int finish(pq_scan *s, pq_arena *scratch, pq_builder *builder, pq_scan_sink sink, void *ud) {
  int rc = scan_overlay(s, scratch, builder, sink, ud);
  if (rc < 0) return rc;
  s->is_enough = rc == PQ_YIELD;
  s->is_done = true;
  return PQ_OK;
}

int pq_scan_next(pq_scan *s, pq_fetch *f, pq_arena *scratch, pq_builder *builder, pq_scan_sink sink,
                 void *ud) {
  const pq_manifest *m = s->view->manifest;
  group_work w = {.s = s, .f = f, .scratch = scratch, .builder = builder};
  uint32_t file = s->file;
  int rc;
  pq_assert(!s->is_done);
  while (file < m->file_count && !is_of_scan(s, &m->files[file]))
    file++;
  if (file == m->file_count) return finish(s, scratch, builder, sink, ud);
  w.info = &m->files[file];
  PQ_TRY(pq_file_cache_open(s->view->files, f, w.info, &w.file));
  w.row_group = file == s->file ? s->row_group : 0;
  w.stats.is_metadata_only = true;
  rc = PQ_OK;
  if (w.row_group < w.file->file.footer->row_group_count) {
    const pq_row_group *group = &w.file->file.footer->row_groups[w.row_group];
    w.first_row = group->first_row;
    w.row_count = (uint32_t)group->row_count;
    rc = scan_row_group(&w, sink, ud);
    if (rc == PQ_NEED_IO || rc < 0) return rc;
  }
  if (w.row_group == 0) s->stats.files++;
  if (w.row_group == 0 || !w.stats.is_metadata_only) s->stats.files_read += w.row_group == 0;
  add_stats(&s->stats, &w.stats, w.prune.term_count);
  s->is_enough = rc == PQ_YIELD;
  s->is_done = s->is_enough;
  s->file = file;
  s->row_group = w.row_group + 1;
  if (s->row_group >= w.file->file.footer->row_group_count) {
    s->file = file + 1;
    s->row_group = 0;
  }
  return PQ_OK;
}
