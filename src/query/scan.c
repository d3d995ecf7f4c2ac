/* query/scan.c - see scan.h: the walk over files in windows, documents, the overlay. */
#include "query/scan.h"

#include <string.h>

#include "base/limits.h"
#include "query/scan_group.h"
#include "query/scan_int.h"
#include "shred/key_id.h"
#include "table/tail.h"

enum {
  FILES_AHEAD = 64, /* footers asked for in one round */
  UNITS_MAX = 1024, /* row groups of a window, those that statistics leave out included */
  BRIDGE_ROWS = 8
};

void pq_scan_init(pq_scan *s, const pq_view *view, pq_slice collection, const pq_filter *filter) {
  *s = (pq_scan){.view = view, .collection = collection, .filter = filter, .window = 1};
  s->info = pq_manifest_collection(view->manifest, collection);
  s->stats.is_metadata_only = true;
}

/* ---- the window ---- */

static bool is_of_scan(const pq_scan *s, const pq_file_info *info) {
  return info->kind == PQ_FILE_DATA && pq_view_has_file(s->view, info) &&
         pq_slice_eq(info->collection, s->collection);
}

uint32_t pq_scan_next_file(const pq_scan *s, uint32_t file) {
  const pq_manifest *m = s->view->manifest;
  while (file < m->file_count && !is_of_scan(s, &m->files[file]))
    file++;
  return file;
}

/* How many row groups may be read in vain. */
static uint32_t window_of(const pq_scan *s) {
  bool is_wide = s->is_count || s->fold != NULL || s->order.keep > 0;
  return is_wide && !s->is_paced ? PQ_SCAN_WINDOW_MAX : s->window;
}

/* Ask for the footers of the files to come; *end is the file behind them. */
static int open_files(pq_window *w, uint32_t *end) {
  const pq_manifest *m = w->s->view->manifest;
  uint32_t max = window_of(w->s) < FILES_AHEAD ? window_of(w->s) : FILES_AHEAD;
  uint32_t file = pq_window_next_file(w, w->s->file);
  bool is_missing = false;
  for (uint32_t n = 0; file < m->file_count && n < max; n++) {
    pq_cached_file *opened;
    PQ_TRY(pq_note_missing(pq_file_cache_open(w->s->view->files, w->f, &m->files[file], &opened),
                           &is_missing));
    file = pq_window_next_file(w, file + 1);
  }
  *end = file;
  return is_missing ? PQ_NEED_IO : PQ_OK;
}

/* Which columns of an entity does the sink look at? */
unsigned pq_scan_wanted(const pq_scan *s) {
  unsigned want = 0;
  if (s->needs == NULL) return PQ_WANT_ALL;
  for (uint32_t i = 0; i < s->need_count; i++) {
    pq_slice name = s->needs[i];
    if (pq_slice_is(name, "$id")) /* no document has names that begin with a dollar */
      want |= PQ_WANT_ID;
    else if (pq_slice_is(name, "$type"))
      want |= PQ_WANT_SYSTEM;
    else
      want |= pq_is_system_field(name) ? PQ_WANT_ALL : PQ_WANT_DATA;
  }
  return want;
}

static int plan_file(pq_window *w, const pq_file_info *info, const pq_cached_file *file,
                     const pq_prune **out) {
  pq_prune *p = pq_arena_calloc(w->scratch, 1, sizeof *p);
  bool is_found = false;
  *out = p;
  if (p == NULL) return w->scratch->cx->code;
  p->file = &file->file;
  p->files = w->s->view->files;
  PQ_TRY(pq_view_file_form(w->s->view, w->scratch, info, &p->form));
  p->has_other_names = pq_view_has_other_names(w->s->view, info);
  PQ_TRY(pq_prune_plan(w->scratch, w->s, w->filter, p));
  if (w->s->order.keep > 0)
    PQ_TRY(pq_path_column_find(w->scratch, w->s, p, w->s->order.path, &p->order, &is_found));
  p->order.is_exact &= is_found;
  /* A text among dates has another place; a rounded number has the same. */
  if (p->order.is_hint && p->order.stored != PQ_INDEX_FLOAT) p->order.is_exact = false;
  return w->s->fold == NULL ? PQ_OK : pq_fold_columns(w, p);
}

/* Bytes that a row group adds to the window. */
static uint64_t weight_of(const pq_window *w, const pq_unit *u) {
  const pq_chunk *chunks = u->file->file.footer->row_groups[u->row_group].chunks;
  uint32_t leaves = u->file->file.footer->leaf_count;
  uint64_t len = 0;
  for (uint32_t i = 0; i < u->prune->leaf_count; i++)
    len += chunks[u->prune->leaves[i]].uncompressed_len;
  /* Those of a count are read only where columns cannot decide, those of a sort hardly at all. */
  if (w->s->is_count || w->s->fold != NULL || w->order.keep > 0) return len;
  for (uint32_t i = 0; i < leaves; i++)
    if (pq_entity_reads_leaf(u->file->file.footer, i, PQ_WANT_ALL | PQ_WANT_NAME))
      len += chunks[i].uncompressed_len;
  return len;
}

/* What a window has so far that statistics do not leave out. */
typedef struct filled {
  uint32_t units;
  uint64_t rows, len, stored;
} filled;

static int add_unit(pq_window *w, pq_unit proto, filled *sum) {
  const pq_row_group *group = &proto.file->file.footer->row_groups[proto.row_group];
  pq_unit *u = &w->units[w->unit_count++];
  *u = proto;
  u->row_count = (uint32_t)group->row_count;
  u->slice = (pq_row_range){0, u->row_count};
  u->first_row = group->first_row;
  u->order_column = u->prune->order;
  u->stats.row_groups = 1;
  u->stats.is_metadata_only = true;
  u->is_first = u->row_group == 0;
  PQ_TRY(pq_prune_row_group(w->scratch, u->prune, u->row_group, NULL, &u->verdict));
  u->stats.row_groups_decided = u->verdict == PQ_YES;
  u->is_out = u->verdict == PQ_NO || pq_order_excludes(w, u);
  u->stats.row_groups_by_stats = u->is_out;
  if (u->is_out) return PQ_OK;
  sum->units++;
  sum->rows += u->row_count;
  sum->len += weight_of(w, u);
  sum->stored += pq_unit_row_stored(u) * u->row_count;
  return PQ_OK;
}

/* Every row may be a group of its own until it is read: a window that has no more of them than half
 * of the groups leaves room for those of the windows before it. */
static bool is_filled(const pq_window *w, const filled *sum) {
  const pq_grouping *fold = w->s->fold;
  bool is_short;
  if (sum->units >= window_of(w->s) || w->unit_count == UNITS_MAX) return true;
  if (sum->len >= w->scratch->cx->limits.scan_len_max) return true;
  if (sum->stored >= pq_scan_window_len(w->s, &is_short)) return true;
  return fold != NULL && fold->key_count > 0 && sum->units > 0 && sum->rows >= fold->group_max / 2;
}

/* Room for the row groups of the files in front of `end`. */
static int make_units(pq_window *w, uint32_t end) {
  const pq_manifest *m = w->s->view->manifest;
  uint64_t count = 0;
  for (uint32_t i = pq_window_next_file(w, w->s->file); i < end && i < m->file_count;
       i = pq_window_next_file(w, i + 1)) {
    pq_cached_file *file;
    PQ_TRY(pq_file_cache_open(w->s->view->files, w->f, &m->files[i], &file));
    count += file->file.footer->row_group_count;
  }
  w->units =
      pq_arena_calloc(w->scratch, count < UNITS_MAX ? (size_t)count : UNITS_MAX, sizeof *w->units);
  return w->units == NULL ? w->scratch->cx->code : PQ_OK;
}

/* Gather row groups from where the scan stands. */
static int fill_window(pq_window *w) {
  const pq_manifest *m = w->s->view->manifest;
  filled sum = {0};
  uint32_t end;
  PQ_TRY(open_files(w, &end));
  PQ_TRY(make_units(w, end));
  w->next_file = pq_window_next_file(w, w->s->file);
  w->next_row_group = w->next_file == w->s->file ? w->s->row_group : 0;
  while (w->next_file < end && w->next_file < m->file_count) {
    pq_unit proto = {.info = &m->files[w->next_file], .file_number = w->next_file};
    uint32_t count;
    PQ_TRY(pq_file_cache_open(w->s->view->files, w->f, proto.info, &proto.file));
    PQ_TRY(plan_file(w, proto.info, proto.file, &proto.prune));
    count = proto.file->file.footer->row_group_count;
    for (; w->next_row_group < count; w->next_row_group++) {
      if (is_filled(w, &sum)) return PQ_OK;
      proto.row_group = w->next_row_group;
      PQ_TRY(add_unit(w, proto, &sum));
    }
    w->next_file = pq_window_next_file(w, w->next_file + 1);
    w->next_row_group = 0;
  }
  return PQ_OK;
}

/* ---- documents ---- */

/* Does the sink look at `_id`, where the id may have to stand for it? */
static bool gives_keys(const pq_scan *s, const pq_unit *u) {
  if (!s->shows_key || s->needs == NULL || !pq_file_lacks_keys(u->file->file.footer)) return false;
  for (uint32_t i = 0; i < s->need_count; i++)
    if (pq_slice_is(s->needs[i], "_id")) return true;
  return false;
}

bool pq_unit_judges_keys(const pq_window *w, const pq_unit *u) {
  return w->s->shows_key && pq_filter_key_use(w->s->filter) != PQ_KEY_UNUSED &&
         pq_file_lacks_keys(u->file->file.footer);
}

/* What the sink wants, and what the filter looks at where columns could not judge. */
unsigned pq_window_wanted(const pq_window *w, const pq_unit *u) {
  const pq_filter *filter = w->s->filter;
  unsigned want = pq_scan_wanted(w->s) | (gives_keys(w->s, u) ? PQ_WANT_ID : 0u);
  if (memchr(u->rows, PQ_MAYBE, u->row_count) == NULL) return want;
  if (pq_filter_uses_system(filter)) return PQ_WANT_ALL;
  if (pq_filter_needs_eval(filter) || pq_unit_judges_keys(w, u)) want |= PQ_WANT_ID;
  return want | PQ_WANT_DATA;
}

/* Bytes of all documents of a unit. */
static uint64_t documents_len(const pq_unit *u, bool is_stored) {
  const pq_footer *footer = u->file->file.footer;
  const pq_chunk *chunks = footer->row_groups[u->row_group].chunks;
  uint64_t len = 0;
  for (uint32_t i = 0; i < footer->leaf_count; i++)
    if (pq_entity_reads_leaf(footer, i, PQ_WANT_ALL | PQ_WANT_NAME))
      len += is_stored ? chunks[i].len : chunks[i].uncompressed_len;
  return len;
}

uint64_t pq_unit_row_len(const pq_unit *u) {
  return documents_len(u, false) / (u->row_count == 0 ? 1 : u->row_count);
}

uint64_t pq_unit_row_stored(const pq_unit *u) {
  uint64_t len = documents_len(u, true) / (u->row_count == 0 ? 1 : u->row_count);
  return len == 0 ? 1 : len;
}

int pq_window_document_ranges(const pq_window *w, pq_unit *u) {
  pq_row_range *ranges;
  uint32_t count, first = 0;
  PQ_TRY(pq_unit_ranges(w->scratch, u, pq_window_document_mask(w), BRIDGE_ROWS, &ranges, &count));
  while (first < count && ranges[first].hi <= u->slice.lo)
    first++;
  while (count > first && ranges[count - 1].lo >= u->slice.hi)
    count--;
  u->documents = ranges + first;
  u->document_count = count - first;
  if (u->document_count == 0) return PQ_OK;
  if (ranges[first].lo < u->slice.lo) ranges[first].lo = u->slice.lo;
  if (ranges[count - 1].hi > u->slice.hi) ranges[count - 1].hi = u->slice.hi;
  return PQ_OK;
}

static uint64_t document_rows(const pq_unit *u) {
  uint64_t rows = 0;
  for (uint32_t i = 0; i < u->document_count; i++)
    rows += u->documents[i].hi - u->documents[i].lo;
  return rows;
}

/* The window ends in front of row `row` of unit `i`. */
static void cut_window(pq_window *w, uint32_t i, uint32_t row) {
  pq_unit *u = &w->units[i];
  w->unit_count = row == 0 ? i : i + 1;
  w->next_file = u->file_number;
  w->next_row_group = u->row_group;
  w->next_row = row;
  if (row > 0) u->slice.hi = row;
}

/* The window ends within unit `i` if that has more than `len` stored bytes of documents. */
static int cut_unit(pq_window *w, uint32_t i, uint64_t len) {
  pq_unit *u = &w->units[i];
  uint64_t rows = len / pq_unit_row_stored(u);
  if (rows == 0) rows = 1;
  for (uint32_t k = 0; k < u->document_count; k++) {
    const pq_row_range *r = &u->documents[k];
    if (rows < r->hi - r->lo) {
      cut_window(w, i, r->lo + (uint32_t)rows);
      return pq_window_document_ranges(w, u);
    }
    rows -= r->hi - r->lo;
    if (rows == 0) rows = 1;
  }
  return PQ_OK;
}

/* One round: the documents of all units. A window that turns out to have too many ends earlier. */
int pq_window_documents(pq_window *w) {
  bool is_missing = false, is_short, may_cut = !w->is_uncertain && !w->is_settled;
  uint64_t len = 0, len_max = w->scratch->cx->limits.scan_len_max;
  uint64_t stored = 0, stored_max = pq_scan_window_len(w->s, &is_short);
  for (uint32_t i = 0; i < w->unit_count; i++) {
    pq_unit *u = &w->units[i];
    u->has_documents = false;
    if (u->is_out || u->can_fold) continue;
    PQ_TRY(pq_window_document_ranges(w, u));
    if (u->document_count == 0) continue;
    if ((len > len_max || stored >= stored_max) && may_cut) {
      cut_window(w, i, 0);
      break;
    }
    if (is_short && may_cut) PQ_TRY(cut_unit(w, i, stored_max - stored));
    u->has_documents = true;
    w->is_uncertain |= u->is_uncertain;
    may_cut &= !u->is_uncertain;
    w->f->may_be_fewer = u->is_uncertain;
    len += pq_unit_row_len(u) * document_rows(u);
    stored += pq_unit_row_stored(u) * document_rows(u);
    u->stats.is_metadata_only = false;
    PQ_TRY(pq_note_missing(
        pq_entity_rows_want(w->f, &u->file->file, u->row_group, pq_window_wanted(w, u),
                            u->documents, u->document_count, w->scratch),
        &is_missing));
  }
  w->document_len = len;
  return is_missing ? PQ_NEED_IO : PQ_OK;
}

/* ---- the stage ---- */

void pq_scan_stats_add(pq_scan_stats *sum, const pq_unit *u) {
  const pq_scan_stats *x = &u->stats;
  sum->files += u->is_first;
  sum->files_read += u->is_first;
  sum->row_groups += x->row_groups;
  sum->row_groups_by_stats += x->row_groups_by_stats;
  sum->row_groups_by_bloom += x->row_groups_by_bloom;
  sum->row_groups_by_index += x->row_groups_by_index;
  sum->row_groups_by_deletes += x->row_groups_by_deletes;
  sum->row_groups_decided += x->row_groups_decided;
  sum->pages += x->pages;
  sum->pages_skipped += x->pages_skipped;
  sum->columns_read += x->columns_read;
  sum->rows_by_column += x->rows_by_column;
  sum->rows_by_order += x->rows_by_order;
  sum->rows_grouped += x->rows_grouped;
  sum->rows_read += x->rows_read;
  sum->rows_matched += x->rows_matched;
  sum->is_metadata_only &= x->is_metadata_only;
  if (u->prune->term_count > sum->columns_used) sum->columns_used = u->prune->term_count;
}

/* One of the overlay's entities to the sink, if it matches. */
static int scan_event(pq_scan *s, const pq_view_form *form, pq_arena *scratch, pq_builder *builder,
                      const pq_event *event, pq_scan_sink sink, void *ud) {
  pq_entity e;
  bool is_match;
  PQ_TRY(pq_view_entity_of(s->view, form, scratch, event, &e, &is_match));
  if (!is_match || (e.is_deleted && !s->includes_deleted)) return PQ_OK;
  s->stats.overlay_rows++;
  PQ_TRY(pq_scan_match(s, builder, scratch, &e, &is_match));
  if (!is_match) return PQ_OK;
  s->stats.rows_matched++;
  return sink(ud, &e, 1);
}

/* The entities of a collection in the overlay, or those of the ids that the filter fixes. */
static int scan_overlay(pq_scan *s, pq_arena *scratch, pq_builder *builder, pq_scan_sink sink,
                        void *ud) {
  pq_tail_walk tail = pq_tail_begin(s->view, PQ_TAIL_ENTITIES, s->collection);
  const pq_event *event = pq_tail_next(&tail);
  pq_points p = {0};
  pq_view_form form;
  int rc = PQ_OK;
  s->at = (pq_location){0};
  pq_view_form_of(s->view, s->collection, &form);
  if (event != NULL) PQ_TRY(pq_points_find(s, scratch, &p));
  if (p.is_found && (!p.is_key || pq_tail_is_keyed(s->view, s->collection))) {
    for (uint32_t i = 0; i < p.count && rc == PQ_OK; i++) {
      event = pq_tail_entity(s->view, p.ids[i]);
      if (event != NULL) rc = scan_event(s, &form, scratch, builder, event, sink, ud);
    }
    return rc;
  }
  for (; event != NULL && rc == PQ_OK; event = pq_tail_next(&tail))
    rc = scan_event(s, &form, scratch, builder, event, sink, ud);
  return rc;
}

/* The overlay is last; an enough from the sink ends everything. */
static int finish(pq_scan *s, pq_arena *scratch, pq_builder *builder, pq_scan_sink sink, void *ud) {
  int rc = s->is_of_files ? PQ_OK : scan_overlay(s, scratch, builder, sink, ud);
  if (rc < 0) return rc;
  s->is_enough = rc == PQ_YIELD;
  s->is_done = true;
  return PQ_OK;
}

int pq_window_fill(pq_window *w) {
  uint64_t requests = w->f->stat_requests, bytes = w->f->stat_bytes;
  int rc;
  PQ_TRY(pq_filter_pushdown(w->s->filter, w->scratch, &w->filter));
  PQ_TRY(pq_window_types(w));
  rc = fill_window(w);
  w->f->kept_requests += w->f->stat_requests - requests; /* footers */
  w->f->kept_bytes += w->f->stat_bytes - bytes;
  PQ_TRY(rc);
  PQ_TRY(pq_window_blooms(w));
  return pq_window_pages(w);
}

/* A window whose columns have judged its rows, kept while its documents are on their way: the stage
 * is re-run, the columns need not be decoded again. */
typedef struct judged {
  const pq_scan *scan;
  uint32_t file, row_group, row; /* where the scan stands */
  pq_window window;              /* of its units only what the documents need */
} judged;

/* What is told of a plan when its units are done. */
static int keep_prune(const pq_window *w, const pq_prune *p, pq_prune **out) {
  *out = pq_arena_alloc(&w->f->kept, sizeof **out);
  if (*out == NULL) return w->f->cx->code;
  **out = (pq_prune){.term_count = p->term_count};
  return PQ_OK;
}

int pq_window_remember(const pq_window *w) {
  pq_prune *prune = NULL;
  judged *j = pq_arena_calloc(&w->f->kept, 1, sizeof *j);
  pq_unit *units = pq_arena_calloc(&w->f->kept, w->unit_count, sizeof *units);
  if (j == NULL || units == NULL) return w->f->cx->code;
  *j = (judged){w->s, w->s->file, w->s->row_group, w->s->row, *w};
  j->window.units = units;
  j->window.is_settled = true;
  j->window.filter = NULL; /* it was of the run that ends now */
  for (uint32_t i = 0; i < w->unit_count; i++) {
    const pq_unit *u = &w->units[i];
    if (i == 0 || u->prune != u[-1].prune) PQ_TRY(keep_prune(w, u->prune, &prune));
    units[i] = (pq_unit){.prune = prune,
                         .info = u->info,
                         .file_number = u->file_number,
                         .file = u->file,
                         .slice = u->slice,
                         .row_group = u->row_group,
                         .row_count = u->row_count,
                         .first_row = u->first_row,
                         .is_out = u->is_out,
                         .is_first = u->is_first,
                         .stats = u->stats};
    if (u->is_out) continue;
    units[i].rows = pq_arena_alloc(&w->f->kept, u->row_count);
    if (units[i].rows == NULL) return w->f->cx->code;
    memcpy(units[i].rows, u->rows, u->row_count);
  }
  w->f->found = j;
  return PQ_OK;
}

void pq_window_find_files(pq_window *w) {
  for (uint32_t i = 0; i < w->unit_count; i++)
    w->units[i].info = &w->s->view->manifest->files[w->units[i].file_number];
}

bool pq_window_recall(pq_window *w) {
  const judged *j = w->f->found;
  pq_window now = *w;
  if (j == NULL || j->scan != w->s || j->file != w->s->file || j->row_group != w->s->row_group ||
      j->row != w->s->row)
    return false;
  *w = j->window;
  w->f = now.f;
  w->scratch = now.scratch;
  w->builder = now.builder;
  pq_window_find_files(w);
  return true;
}

/* Everything that may have to wait. */
static int read_window(pq_window *w) {
  int rc;
  if (!pq_window_recall(w)) {
    PQ_TRY(pq_window_fill(w));
    PQ_TRY(pq_window_columns(w));
    rc = pq_window_documents(w);
    if (rc == PQ_NEED_IO && w->s->fold == NULL) PQ_TRY(pq_window_remember(w));
    return rc;
  }
  return pq_window_documents(w);
}

void pq_window_cut(pq_window *w, uint32_t count) {
  const pq_unit *next = &w->units[count];
  if (count == w->unit_count) return;
  w->next_file = next->file_number;
  w->next_row_group = next->row_group;
  w->next_row = 0;
  w->unit_count = count;
  w->is_paced = true;
}

void pq_window_tell(pq_scan *s, const pq_unit *u) {
  if (u->file_number < s->told_file ||
      (u->file_number == s->told_file && u->row_group < s->told_row_group)) {
    s->stats.rows_read += u->stats.rows_read;
    s->stats.rows_matched += u->stats.rows_matched;
    return;
  }
  pq_scan_stats_add(&s->stats, u);
  s->told_file = u->file_number;
  s->told_row_group = u->row_group + 1;
}

void pq_window_end(const pq_window *w, int rc) {
  pq_scan *s = w->s;
  s->is_enough = rc == PQ_YIELD;
  s->is_done = s->is_enough;
  s->file = w->next_file;
  s->row_group = w->next_row_group;
  s->row = w->next_row;
  s->order = w->order;
  s->is_paced |= w->is_paced;
  if (w->is_paced)
    s->window = w->unit_count;
  else if (s->window < PQ_SCAN_WINDOW_MAX)
    s->window *= 2;
}

/* Is much before it, so that it should wait for its turn instead of beginning at once? */
static bool is_large(const pq_scan *s, uint64_t rows_max) {
  const pq_manifest *m = s->view->manifest;
  uint64_t rows = 0;
  for (uint32_t i = pq_scan_next_file(s, s->file); i < m->file_count && rows < rows_max;
       i = pq_scan_next_file(s, i + 1))
    rows += m->files[i].row_count;
  return rows >= rows_max;
}

int pq_scan_next(pq_scan *s, pq_fetch *f, pq_arena *scratch, pq_builder *builder, pq_scan_sink sink,
                 void *ud) {
  pq_window w = {.s = s, .f = f, .scratch = scratch, .builder = builder, .order = s->order};
  uint64_t documents = 0;
  uint64_t documents_min = scratch->cx->limits.scan_rows_step / PQ_SCAN_ROWS_PER_DOCUMENT;
  bool is_point = false;
  int rc = PQ_OK;
  pq_assert(!s->is_done);
  if (s->held != NULL) return pq_slice_next(s, scratch, builder, sink, ud);
  if (pq_scan_next_file(s, s->file) == s->view->manifest->file_count)
    return finish(s, scratch, builder, sink, ud);
  if (s->file == 0 && s->row_group == 0 && s->row == 0)
    PQ_TRY(pq_scan_points(s, f, scratch, builder, sink, ud, &is_point));
  if (is_point) return PQ_OK;
  if (scratch->cx->pace.is_short && is_large(s, scratch->cx->limits.scan_rows_short) &&
      pq_must_queue(scratch->cx))
    return PQ_NEED_IO;
  PQ_TRY(read_window(&w));
  if (pq_window_is_sliced(&w)) {
    PQ_TRY(pq_window_hold(&w));
    return pq_slice_next(s, scratch, builder, sink, ud);
  }
  for (uint32_t i = 0; i < w.unit_count; i++) {
    pq_unit *u = &w.units[i];
    if (!u->is_out && rc == PQ_OK) rc = pq_unit_emit(&w, u, sink, ud);
    if (rc < 0) return rc;
    documents += u->stats.rows_read;
    pq_window_tell(s, u);
    if (rc == PQ_OK && pq_step_is_over(scratch->cx) && documents >= documents_min)
      pq_window_cut(&w, i + 1);
  }
  f->found = NULL;
  pq_window_end(&w, rc);
  return PQ_OK;
}
