/* query/scan_rows.c - from row groups to rows: blooms, page bounds, then values. See scan_int.h.
 *
 *   rows of a unit   ? ? ? ? ? ? ? ? ? ? ? ? ?      deleted or hidden by the overlay: NO
 *   page index       NO NO NO ? ? ? ? ? YES YES     a page at a time, by the tree of the filter
 *   filter columns            NO YES NO ? NO        read for the rows that are still MAYBE
 *
 * A short chunk of few pages is read whole. Values are forgotten behind each unit, but for those
 * that a fold takes: verdicts, a byte a row, are what stays.
 */
#include <string.h>

#include "query/scan_int.h"
#include "table/tail.h"

enum {
  SHORT_CHUNK_LEN = 16 << 10,
  SHORT_INDEX_LEN = 64, /* of some six pages */
  GAP_ROWS = 32,
  ROWS_PER_WORK = 4 /* that columns judge in a unit of work */
};

/* Which of eight rows have a verdict in the mask: bit k for row k. A verdict has two bits. */
static uint64_t eight_in(const uint8_t *rows, unsigned mask) {
  const uint64_t ones = UINT64_MAX / 255;
  uint64_t v = pq_rd64(rows), yes = v >> 1 & ones, maybe = v & ones & ~yes, in;
  in = (mask >> PQ_MAYBE & 1 ? maybe : 0) | (mask >> PQ_YES & 1 ? yes : 0);
  return in * 0x0102040810204080 >> 56;
}

/* The same of at most 64 rows. */
static uint64_t rows_in(const uint8_t *rows, uint32_t n, unsigned mask) {
  uint64_t bits = 0;
  uint32_t i = 0;
  for (; n - i >= 8; i += 8)
    bits |= eight_in(rows + i, mask) << i;
  for (; i < n; i++)
    bits |= (uint64_t)(mask >> rows[i] & 1) << i;
  return bits;
}

int pq_unit_ranges(pq_arena *scratch, const pq_unit *u, unsigned mask, uint32_t gap,
                   pq_row_range **out, uint32_t *count) {
  uint32_t n = 0, cap = u->row_count / (gap + 2) + 1; /* a row and a gap that is not bridged */
  pq_row_range *found = pq_arena_calloc(scratch, cap, sizeof *found);
  *out = found;
  *count = 0;
  if (found == NULL) return scratch->cx->code;
  for (uint32_t i = 0; i < u->row_count; i += 64) {
    uint32_t len = u->row_count - i < 64 ? u->row_count - i : 64;
    uint64_t bits = rows_in(u->rows + i, len, mask);
    while (bits != 0) {
      uint64_t from = bits & (~bits + 1), behind = ~bits & ~(from - 1);
      uint32_t lo = i + pq_trailing_zeros(bits);
      uint32_t hi = i + (behind == 0 ? 64 : pq_trailing_zeros(behind));
      bits = behind == 0 ? 0 : bits & ~((behind & (~behind + 1)) - 1);
      if (n > 0 && lo - found[n - 1].hi <= gap)
        found[n - 1].hi = hi;
      else
        found[n++] = (pq_row_range){lo, hi};
    }
  }
  *count = n;
  return PQ_OK;
}

/* ---- bloom filters ---- */

int pq_window_blooms(pq_window *w) {
  bool is_missing = false;
  for (uint32_t i = 0; i < w->unit_count; i++) {
    pq_unit *u = &w->units[i];
    if (u->is_out || u->verdict != PQ_MAYBE) continue;
    u->is_absent = pq_arena_calloc(w->scratch, u->prune->term_count, sizeof *u->is_absent);
    if (u->is_absent == NULL) return w->scratch->cx->code;
    PQ_TRY(pq_note_missing(pq_prune_blooms(w->f, w->scratch, u->prune, u->row_group, u->is_absent),
                           &is_missing));
  }
  if (is_missing) return PQ_NEED_IO;
  for (uint32_t i = 0; i < w->unit_count; i++) {
    pq_unit *u = &w->units[i];
    if (u->is_out || u->verdict != PQ_MAYBE) continue;
    PQ_TRY(pq_prune_row_group(w->scratch, u->prune, u->row_group, u->is_absent, &u->verdict));
    if (u->verdict != PQ_NO) continue;
    u->is_out = true;
    u->stats.row_groups_by_bloom++;
  }
  return PQ_OK;
}

/* ---- pages ---- */

static const pq_chunk *chunk_of(const pq_unit *u, uint32_t leaf) {
  return &u->file->file.footer->row_groups[u->row_group].chunks[leaf];
}

static int fetch_index(pq_window *w, const pq_unit *u, pq_unit_column *c) {
  const pq_chunk *chunk = chunk_of(u, c->leaf);
  pq_chunk_pages *pages;
  bool is_short = chunk->len <= SHORT_CHUNK_LEN && chunk->offset_index_len <= SHORT_INDEX_LEN;
  c->index = (pq_page_index){0};
  if (!c->is_wanted || is_short) return PQ_OK;
  PQ_TRY(pq_file_cache_chunk(w->s->view->files, w->f, u->file, u->row_group, c->leaf, &pages));
  c->index = pages->index;
  return PQ_OK;
}

/* Do the statistics prove that no row of the group is soft-deleted? */
static bool has_deleted_rows(const pq_unit *u, uint32_t leaf) {
  const pq_stats *s = &chunk_of(u, leaf)->stats;
  return !(s->has_max && s->max.n == 1 && s->max.p[0] == 0);
}

/* Do the statistics prove that every row of the group is? */
static bool has_only_deleted(const pq_unit *u, uint32_t leaf) {
  const pq_stats *s = &chunk_of(u, leaf)->stats;
  return s->has_min && s->min.n == 1 && s->min.p[0] != 0 && s->has_null_count && s->null_count == 0;
}

/* Which columns besides those that select? */
static int choose_columns(pq_window *w, pq_unit *u) {
  const pq_footer *footer = u->file->file.footer;
  int deleted = pq_footer_leaf(footer, "deleted");
  if (deleted < 0 || footer->leaves[deleted].phys != PQ_PHYS_BOOL)
    return pq_fail(w->scratch->cx, PQ_ECORRUPT, "%s: no column deleted", u->file->file.key);
  u->deleted = (pq_unit_column){.leaf = (uint32_t)deleted};
  u->deleted.is_wanted = !w->s->includes_deleted && has_deleted_rows(u, u->deleted.leaf);
  u->id = (pq_unit_column){.leaf = 0};
  u->id.is_wanted = pq_view_has_unresolved(w->s->view, w->s->collection);
  u->order = (pq_unit_column){.leaf = u->order_column.leaf, .stored = u->order_column.stored};
  u->order.is_wanted = w->order.keep > 0 && u->order_column.is_exact && !pq_order_is_by_id(w);
  u->filter = pq_arena_calloc(w->scratch, u->prune->leaf_count, sizeof *u->filter);
  if (u->filter == NULL) return w->scratch->cx->code;
  for (uint32_t i = 0; i < u->prune->leaf_count; i++)
    u->filter[i] = (pq_unit_column){.leaf = u->prune->leaves[i],
                                    .stored = u->prune->stored[i],
                                    .is_wanted = u->verdict == PQ_MAYBE};
  return PQ_OK;
}

/* All verdicts NO: with which reason? */
static bool is_empty(const pq_unit *u) {
  return memchr(u->rows, PQ_MAYBE, u->row_count) == NULL &&
         memchr(u->rows, PQ_YES, u->row_count) == NULL;
}

/* Rows that delete files and the overlay hide. */
static int hide_rows(pq_window *w, pq_unit *u) {
  const pq_view *v = w->s->view;
  uint8_t *hidden = pq_arena_calloc(w->scratch, u->row_count, 1);
  uint8_t *rows = pq_arena_alloc(w->scratch, u->row_count), verdict = u->verdict;
  u->rows = rows;
  if (rows == NULL || hidden == NULL) return w->scratch->cx->code;
  pq_view_mark_deleted(v, u->file->name, u->first_row, u->row_count, hidden);
  pq_view_mark_overlay(v, u->file->name, u->first_row, u->row_count, hidden);
  for (uint32_t i = 0, n = u->row_count; i < n; i++)
    rows[i] = verdict & (uint8_t)(hidden[i] - 1); /* PQ_NO is 0 */
  if (u->file_number == w->s->file && u->row_group == w->s->row_group)
    memset(rows, PQ_NO, w->s->row); /* they were handed out before */
  u->is_out = is_empty(u);
  u->stats.row_groups_by_deletes += u->is_out;
  return PQ_OK;
}

/* Is there a page index of any term's column? */
static bool has_indexes(const pq_unit *u) {
  for (uint32_t i = 0; i < u->prune->term_count; i++)
    if (u->filter[u->prune->terms[i].slot].index.page_count > 0) return true;
  return false;
}

static int judge_pages(pq_window *w, pq_unit *u) {
  const pq_prune *p = u->prune;
  uint8_t **terms = pq_arena_calloc(w->scratch, p->term_count, sizeof *terms);
  uint8_t *rows = pq_arena_alloc(w->scratch, u->row_count), *mine = u->rows;
  if (terms == NULL || rows == NULL) return w->scratch->cx->code;
  for (uint32_t i = 0; i < p->term_count; i++) {
    const pq_page_index *index = &u->filter[p->terms[i].slot].index;
    if (index->page_count == 0) continue;
    terms[i] = pq_arena_alloc(w->scratch, u->row_count);
    if (terms[i] == NULL) return w->scratch->cx->code;
    u->stats.pages += index->page_count;
    PQ_TRY(
        pq_prune_pages(w->scratch, p, u->row_group, i, index, terms[i], &u->stats.pages_skipped));
  }
  PQ_TRY(pq_prune_rows(w->scratch, p, terms, u->row_count, rows));
  for (uint32_t i = 0, n = u->row_count; i < n; i++)
    mine[i] = rows[i] & (uint8_t)((mine[i] == PQ_NO) - 1);
  u->is_out = is_empty(u);
  u->stats.row_groups_by_index += u->is_out;
  return PQ_OK;
}

static int fetch_indexes(pq_window *w, pq_unit *u, bool *is_missing) {
  PQ_TRY(pq_note_missing(fetch_index(w, u, &u->deleted), is_missing));
  PQ_TRY(pq_note_missing(fetch_index(w, u, &u->id), is_missing));
  PQ_TRY(pq_note_missing(fetch_index(w, u, &u->order), is_missing));
  for (uint32_t i = 0; u->can_fold && i < u->prune->fold_count; i++)
    PQ_TRY(pq_note_missing(fetch_index(w, u, &u->fold[i]), is_missing));
  for (uint32_t i = 0; i < u->prune->leaf_count; i++)
    PQ_TRY(pq_note_missing(fetch_index(w, u, &u->filter[i]), is_missing));
  return PQ_OK;
}

int pq_window_pages(pq_window *w) {
  bool is_missing = false;
  for (uint32_t i = 0; i < w->unit_count; i++) {
    pq_unit *u = &w->units[i];
    if (u->is_out) continue;
    PQ_TRY(hide_rows(w, u));
    if (u->is_out) continue;
    PQ_TRY(choose_columns(w, u));
    u->is_out = u->deleted.is_wanted && has_only_deleted(u, u->deleted.leaf);
    u->stats.row_groups_by_deletes += u->is_out;
    if (u->is_out) continue;
    PQ_TRY(pq_fold_plan(w, u));
    PQ_TRY(fetch_indexes(w, u, &is_missing));
  }
  if (is_missing) return PQ_NEED_IO;
  for (uint32_t i = 0; i < w->unit_count; i++)
    if (!w->units[i].is_out && w->units[i].verdict == PQ_MAYBE && has_indexes(&w->units[i]))
      PQ_TRY(judge_pages(w, &w->units[i]));
  return PQ_OK;
}

/* ---- values ---- */

static int want_column(pq_window *w, pq_unit *u, pq_unit_column *c, const pq_row_range *ranges,
                       uint32_t count) {
  if (!c->is_wanted) return PQ_OK;
  u->stats.columns_read++;
  u->stats.is_metadata_only = false;
  return pq_chunk_want(w->f, &u->file->file, u->row_group, c->leaf, &c->index, ranges, count);
}

static int want_columns(pq_window *w, pq_unit *u, bool *is_missing) {
  PQ_TRY(pq_unit_ranges(w->scratch, u, PQ_MASK_MAYBE, GAP_ROWS, &u->maybe, &u->maybe_count));
  PQ_TRY(pq_unit_ranges(w->scratch, u, PQ_MASK_LEFT, GAP_ROWS, &u->left, &u->left_count));
  for (uint32_t i = 0; u->maybe_count > 0 && i < u->prune->leaf_count; i++)
    PQ_TRY(pq_note_missing(want_column(w, u, &u->filter[i], u->maybe, u->maybe_count), is_missing));
  PQ_TRY(pq_note_missing(want_column(w, u, &u->deleted, u->left, u->left_count), is_missing));
  PQ_TRY(pq_note_missing(want_column(w, u, &u->id, u->left, u->left_count), is_missing));
  PQ_TRY(pq_note_missing(want_column(w, u, &u->order, u->left, u->left_count), is_missing));
  for (uint32_t i = 0; u->can_fold && i < u->prune->fold_count; i++)
    PQ_TRY(pq_note_missing(want_column(w, u, &u->fold[i], u->left, u->left_count), is_missing));
  return PQ_OK;
}

static int decode_column(pq_window *w, pq_arena *arena, const pq_unit *u, pq_unit_column *c,
                         const pq_row_range *ranges, uint32_t count) {
  if (!c->is_wanted) return PQ_OK;
  PQ_TRY(pq_chunk_decode_codes(w->f, arena, &u->file->file, u->row_group, c->leaf, &c->index,
                               ranges, count, &c->column));
  return pq_typed_widen(arena, c->stored, &c->column);
}

/* What columns say of rows, for those that are MAYBE. */
static void set_verdicts(pq_unit *u, pq_row_range range, const uint8_t *found) {
  uint8_t *mine = u->rows + range.lo;
  uint32_t refused = 0, n = range.hi - range.lo;
  for (uint32_t i = 0; i < n; i++) {
    bool is_maybe = mine[i] == PQ_MAYBE;
    refused += is_maybe & (found[i] == PQ_NO);
    mine[i] = is_maybe ? found[i] : mine[i];
  }
  u->stats.rows_by_column += refused;
}

/* Judge the rows that are MAYBE by the values of the filter's columns. */
static int judge_values(pq_window *w, pq_unit *u) {
  const pq_prune *p = u->prune;
  uint8_t **terms = pq_arena_calloc(w->work, p->term_count, sizeof *terms), *rows;
  uint32_t n = 0;
  if (terms == NULL) return w->work->cx->code;
  if (u->maybe_count == 0 || p->term_count == 0) return PQ_OK;
  for (uint32_t i = 0; i < p->leaf_count; i++)
    PQ_TRY(decode_column(w, w->work, u, &u->filter[i], u->maybe, u->maybe_count));
  n = u->filter[0].column.row_count;
  rows = pq_arena_alloc(w->work, n);
  if (rows == NULL) return w->work->cx->code;
  for (uint32_t i = 0; i < p->term_count; i++) {
    terms[i] = pq_arena_alloc(w->work, n);
    if (terms[i] == NULL) return w->work->cx->code;
    PQ_TRY(pq_column_test_rows(&p->terms[i].test, w->work, &u->filter[p->terms[i].slot].column,
                               terms[i]));
  }
  PQ_TRY(pq_prune_rows(w->work, p, terms, n, rows));
  for (uint32_t r = 0, at = 0; r < u->maybe_count; r++) {
    set_verdicts(u, u->maybe[r], rows + at);
    at += u->maybe[r].hi - u->maybe[r].lo;
  }
  return pq_filter_status(w->s->filter);
}

/* Does the overlay know this id (then its row here is not a result)? */
static bool is_overlaid(const pq_window *w, const pq_column *ids, uint32_t at) {
  pq_slice id = ids->dictionary == NULL
                    ? ids->v.bytes[at]
                    : ((const pq_slice *)ids->dictionary->values)[ids->v.codes[at]];
  return pq_tail_entity(w->s->view, id) != NULL;
}

static bool is_deleted(const pq_column *c, uint32_t at) {
  if (c->dictionary == NULL) return c->v.b[at] != 0;
  return ((const uint8_t *)c->dictionary->values)[c->v.codes[at]] != 0;
}

/* Leave out rows that are soft-deleted or stand in the overlay under no hint. */
static int hide_by_columns(pq_window *w, pq_unit *u) {
  if (!u->deleted.is_wanted && !u->id.is_wanted) return PQ_OK;
  PQ_TRY(decode_column(w, w->work, u, &u->deleted, u->left, u->left_count));
  PQ_TRY(decode_column(w, w->work, u, &u->id, u->left, u->left_count));
  for (uint32_t r = 0, at = 0; r < u->left_count; r++) {
    for (uint32_t i = u->left[r].lo; i < u->left[r].hi; i++, at++) {
      const pq_column *ids = &u->id.column, *deleted = &u->deleted.column;
      if (u->rows[i] == PQ_NO) continue;
      if (u->deleted.is_wanted && !pq_column_is_null(deleted, at) && is_deleted(deleted, at))
        u->rows[i] = PQ_NO;
      if (u->id.is_wanted && !pq_column_is_null(ids, at) && is_overlaid(w, ids, at))
        u->rows[i] = PQ_NO;
    }
  }
  return PQ_OK;
}

static int judge_unit(pq_window *w, pq_unit *u) {
  bool is_decided;
  PQ_TRY(judge_values(w, u));
  if (u->maybe_count > 0) /* the other columns are read only where the filter has left rows */
    PQ_TRY(pq_unit_ranges(w->scratch, u, PQ_MASK_LEFT, GAP_ROWS, &u->left, &u->left_count));
  PQ_TRY(hide_by_columns(w, u));
  is_decided = memchr(u->rows, PQ_MAYBE, u->row_count) == NULL;
  u->can_fold &= is_decided;
  for (uint32_t i = 0; u->can_fold && i < u->prune->fold_count; i++)
    PQ_TRY(decode_column(w, w->scratch, u, &u->fold[i], u->left, u->left_count));
  if (u->order.is_wanted && is_decided) {
    PQ_TRY(decode_column(w, w->work, u, &u->order, u->left, u->left_count));
    PQ_TRY(pq_order_rows(w, u));
  }
  if (is_decided && pq_order_is_by_id(w)) pq_order_ids(w, u);
  u->is_out = is_empty(u);
  return PQ_OK;
}

static uint64_t rows_in_ranges(const pq_row_range *ranges, uint32_t count) {
  uint64_t rows = 0;
  for (uint32_t i = 0; i < count; i++)
    rows += ranges[i].hi - ranges[i].lo;
  return rows;
}

/* When the step has done its share the window ends: what was not judged yet is read again then. */
static int judge_units(pq_window *w) {
  pq_cx *cx = w->scratch->cx;
  uint64_t rows = 0;
  for (uint32_t i = 0; i < w->unit_count; i++) {
    pq_unit *u = &w->units[i];
    if (u->is_out || u->is_statistical) continue;
    PQ_TRY(judge_unit(w, u));
    pq_arena_clear(w->work);
    rows += rows_in_ranges(u->maybe, u->maybe_count);
    PQ_TRY(pq_spend(cx, u->row_count / ROWS_PER_WORK + 1));
    if (pq_step_is_over(cx) && rows >= cx->limits.scan_rows_step && w->s->fold == NULL)
      pq_window_cut(w, i + 1);
  }
  for (uint32_t i = 0; i < w->unit_count; i++) /* the bound is that of all of them now */
    if (pq_order_again(w, &w->units[i])) w->units[i].is_out = is_empty(&w->units[i]);
  return PQ_OK;
}

int pq_window_columns(pq_window *w) {
  bool is_missing = false;
  pq_arena work;
  int rc;
  for (uint32_t i = 0; i < w->unit_count; i++)
    if (!w->units[i].is_out && !w->units[i].is_statistical)
      PQ_TRY(want_columns(w, &w->units[i], &is_missing));
  if (is_missing) return PQ_NEED_IO;
  if (w->is_plan) return PQ_OK; /* there are no values to judge by */
  pq_arena_init(&work, w->scratch->cx, w->scratch->len_max);
  w->work = &work;
  rc = judge_units(w);
  w->work = NULL;
  pq_arena_release(&work);
  return rc;
}
