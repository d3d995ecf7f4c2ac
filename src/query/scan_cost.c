/* query/scan_cost.c - see scan_cost.h.
 *
 *   rows of a unit   NO  MAYBE  YES        after page indexes
 *     columns judge       ├─ all terms answer for sure ─► YES at most
 *                         └─ a cell may say nothing    ─► MAYBE at most: the document is read
 *     nothing judges      MAYBE stays, for certain: its document is read
 */
#include "query/scan_cost.h"

#include <string.h>

#include "query/scan_group.h"
#include "query/scan_int.h"

int pq_scan_cost_init(pq_scan_cost *p, const pq_scan *s, uint64_t enough, pq_arena *arena) {
  const pq_manifest *m = s->view->manifest;
  uint32_t file = pq_scan_next_file(s, 0), count = 0;
  for (; file < m->file_count; file = pq_scan_next_file(s, file + 1))
    count++;
  *p = (pq_scan_cost){.enough = enough, .times = 1, .file_cap = count};
  p->files = pq_arena_calloc(arena, count, sizeof *p->files);
  p->columns = pq_arena_calloc(arena, PQ_PLAN_COLUMNS_MAX, sizeof *p->columns);
  p->point.files = pq_arena_calloc(arena, count, sizeof *p->point.files);
  if (p->files == NULL || p->columns == NULL || p->point.files == NULL) return arena->cx->code;
  return PQ_OK;
}

/* ---- which rows are left, at most ---- */

static bool has_row(const pq_unit *u, uint8_t verdict) {
  return memchr(u->rows, verdict, u->row_count) != NULL;
}

static uint64_t count_rows(const pq_unit *u, uint8_t verdict) {
  uint64_t n = 0;
  for (uint32_t i = 0; i < u->row_count; i++)
    n += u->rows[i] == verdict;
  return n;
}

/* May a cell of a term's column leave it open, one that only hints or a null? */
static bool is_open_term(const pq_unit *u, const pq_plan_term *t) {
  const pq_stats *s = &u->file->file.footer->row_groups[u->row_group].chunks[t->column.leaf].stats;
  bool has_nulls = !(s->has_null_count && s->null_count == 0);
  return t->test.is_hint || (t->test.of_missing == PQ_MAYBE && has_nulls);
}

/* May a row be MAYBE when all columns have been asked? Nested as deep as the filter. */
static bool may_stay(const pq_unit *u, const pq_plan_node *n) {
  if (n->kind == PQ_PUSH_OPAQUE) return true;
  if (n->kind == PQ_PUSH_TERM) return is_open_term(u, &u->prune->terms[n->term]);
  for (uint32_t i = 0; i < n->kid_count; i++)
    if (may_stay(u, &n->kids[i])) return true;
  return false;
}

/* Values decide: say why, once. */
static void doubt(pq_unit *u, const char *reason, const char **why) {
  u->is_uncertain = true;
  if (*why == NULL) *why = reason;
}

/* Rows of a window. */
static uint64_t window_rows(const pq_window *w) {
  uint64_t rows = 0;
  for (uint32_t i = 0; i < w->unit_count; i++)
    rows += w->units[i].row_count;
  return rows;
}

/* How many different values a column has in a unit, at most: a dictionary has four bytes of each.
 */
static uint64_t distinct_max(const pq_unit *u, uint32_t leaf) {
  const pq_chunk *c = &u->file->file.footer->row_groups[u->row_group].chunks[leaf];
  uint64_t of_dictionary = c->uncompressed_len / 4 + 1;
  if (u->file->file.footer->leaves[leaf].phys == PQ_PHYS_BOOL) return 3;
  return c->dictionary_page_off != 0 && of_dictionary < u->row_count ? of_dictionary : u->row_count;
}

/* May the groups of all units up to this one be more than a scan makes? */
static bool may_be_full(pq_window *w, const pq_unit *u) {
  enum { GROUP_LEN = 512, TEXT_FACTOR = 16 }; /* of a group and path; of what a page packs */
  const pq_grouping *fold = w->s->fold;
  uint64_t groups = 1, paths = fold->key_count + fold->item_count;
  if (fold->group_max == UINT32_MAX && fold->len_max == 0) return false;
  for (uint32_t k = 0; k < fold->key_count && groups < u->row_count; k++)
    groups *= distinct_max(u, u->prune->fold[k].leaf);
  if (groups > u->row_count) groups = u->row_count;
  w->groups += groups;
  w->groups_len += groups * GROUP_LEN * (paths + 1);
  for (uint32_t i = 0; i < u->prune->fold_count; i++)
    if (u->fold[i].is_wanted)
      w->groups_len +=
          TEXT_FACTOR *
          u->file->file.footer->row_groups[u->row_group].chunks[u->fold[i].leaf].uncompressed_len;
  /* The scan counts every row of a window as a group before it knows them. */
  return (fold->key_count > 0 && w->groups + window_rows(w) > fold->group_max) ||
         (fold->len_max > 0 && w->groups_len > fold->len_max);
}

/* A unit whose rows are all decided is grouped by its columns, which are asked for in any case;
 * else its documents are read. */
static void guess_fold(pq_window *w, pq_unit *u, bool is_judged, const char **why) {
  bool is_full = u->can_fold && may_be_full(w, u);
  if (!u->can_fold || (!has_row(u, PQ_MAYBE) && !is_full)) return;
  u->can_fold = false;
  if (is_full) doubt(u, "the groups may be more than columns can make", why);
  if (is_judged) doubt(u, "columns of the filter may decide every row", why);
}

static bool may_be_ordered(pq_window *w, const pq_unit *u, bool may_be_decided, bool *has_bound) {
  if (!u->order.is_wanted || !may_be_decided) return false;
  /* Only a unit with that many rows makes a bound. */
  *has_bound |= count_rows(u, PQ_MAYBE) + count_rows(u, PQ_YES) >= w->order.keep;
  return *has_bound;
}

/* What reading values could do to a unit; its rows become what they are at most. */
static void guess_rows(pq_window *w, pq_unit *u, bool *has_bound, const char **why) {
  bool has_maybe = has_row(u, PQ_MAYBE);
  bool is_judged = has_maybe && u->prune->term_count > 0;
  bool stays = has_maybe && (!is_judged || may_stay(u, &u->prune->root));
  u->is_uncertain = false;
  if (is_judged) doubt(u, "columns of the filter choose the rows", why);
  if (u->deleted.is_wanted) doubt(u, "rows may be soft-deleted", why);
  if (u->id.is_wanted) doubt(u, "changes that are not flushed may hide rows", why);
  if (may_be_ordered(w, u, is_judged || !has_maybe, has_bound))
    doubt(u, "the sort needs only the first rows", why);
  if (pq_order_is_by_id(w) && !has_maybe) {
    if (!u->is_uncertain) pq_order_ids(w, u);
  } else if (pq_order_is_by_id(w) && is_judged) {
    doubt(u, "the sort needs only the first rows", why);
  }
  for (uint32_t i = 0; is_judged && !stays && i < u->row_count; i++)
    if (u->rows[i] == PQ_MAYBE) u->rows[i] = PQ_YES;
  guess_fold(w, u, is_judged, why);
  u->is_out = !has_row(u, PQ_MAYBE) && !has_row(u, PQ_YES);
}

/* ---- columns by name ---- */

static void add_column(pq_scan_cost *p, pq_slice name) {
  for (uint32_t i = 0; i < p->column_count; i++)
    if (pq_slice_eq(p->columns[i], name)) return;
  if (p->column_count < PQ_PLAN_COLUMNS_MAX) p->columns[p->column_count++] = name;
}

static void add_columns(pq_scan_cost *p, const pq_window *w, const pq_unit *u) {
  const pq_footer *footer = u->file->file.footer;
  const pq_unit_column *own[] = {&u->deleted, &u->id, &u->order};
  for (uint32_t i = 0; u->maybe_count > 0 && i < u->prune->leaf_count; i++)
    if (u->filter[i].is_wanted) add_column(p, footer->leaves[u->filter[i].leaf].path);
  for (size_t i = 0; i < sizeof own / sizeof *own; i++)
    if (own[i]->is_wanted) add_column(p, footer->leaves[own[i]->leaf].path);
  for (uint32_t i = 0; u->fold != NULL && i < u->prune->fold_count; i++)
    if (u->fold[i].is_wanted) add_column(p, footer->leaves[u->fold[i].leaf].path);
  for (uint32_t i = 0; u->has_documents && i < footer->leaf_count; i++)
    if (pq_entity_reads_leaf(footer, i, pq_window_wanted(w, u)))
      add_column(p, footer->leaves[i].path);
}

/* ---- a window ---- */

static int plan_window(pq_window *w, bool *has_bound, const char **why) {
  int rc;
  PQ_TRY(pq_window_fill(w));
  rc = pq_window_columns(w);
  pq_fetch_note_round(w->f, rc == PQ_NEED_IO);
  PQ_TRY(rc);
  for (uint32_t i = 0; i < w->unit_count; i++)
    if (!w->units[i].is_out) guess_rows(w, &w->units[i], has_bound, why);
  rc = pq_window_documents(w);
  pq_fetch_note_round(w->f, rc == PQ_NEED_IO);
  return rc;
}

static pq_plan_file *file_of(pq_scan_cost *p, const pq_unit *u) {
  uint32_t file = u->file_number;
  pq_plan_file *last = p->file_count == 0 ? NULL : &p->files[p->file_count - 1];
  if (last != NULL && last->file == file) return last;
  pq_assert(p->file_count < p->file_cap);
  p->files[p->file_count] = (pq_plan_file){.file = file};
  return &p->files[p->file_count++];
}

/* Files that the window passed over because of their types. */
static void add_skipped(pq_scan_cost *p, const pq_window *w) {
  uint32_t file = pq_scan_next_file(w->s, w->s->file);
  for (; file < w->next_file; file = pq_scan_next_file(w->s, file + 1))
    if (pq_window_skips(w, file))
      p->files[p->file_count++] = (pq_plan_file){.file = file, .is_of_other_types = true};
}

static void add_unit(pq_scan_cost *p, const pq_window *w, const pq_unit *u) {
  pq_plan_file *file = file_of(p, u);
  uint64_t maybe, yes;
  pq_scan_stats_add(&file->stats, u);
  file->unpushed = u->prune->unpushed;
  pq_scan_stats_add(&w->s->stats, u);
  if (u->is_out && u->left == NULL) return; /* metadata left it out */
  add_columns(p, w, u);
  if (u->is_out) return;
  maybe = count_rows(u, PQ_MAYBE);
  yes = count_rows(u, PQ_YES);
  file->rows_left += maybe + yes;
  p->rows_max += maybe + yes;
  if (!u->is_uncertain) p->rows_min += yes;
  p->is_upper |= u->is_uncertain && u->has_documents;
}

/* A window of too many documents ends early and what was read for the rest is read again: each time
 * that this may happen counts as another scan. */
static void count_repeats(pq_scan_cost *p, const pq_window *w) {
  if (!w->is_uncertain) return;
  p->document_len += w->document_len;
  p->times = 1 + p->document_len / w->scratch->cx->limits.scan_len_max;
}

/* ---- look-ups ---- */

/* Columns of the first file that is read. */
static int add_point_columns(pq_scan_cost *p, const pq_scan *s, pq_fetch *f, unsigned want) {
  for (uint32_t i = 0; i < p->point.file_count; i++) {
    const pq_footer *footer;
    pq_cached_file *file;
    if (p->point.files[i].level != PQ_LEVEL_READ) continue;
    PQ_TRY(pq_file_cache_open(s->view->files, f, &s->view->manifest->files[p->point.files[i].file],
                              &file));
    footer = file->file.footer;
    for (uint32_t leaf = 0; leaf < footer->leaf_count; leaf++)
      if (leaf == 0 || pq_entity_reads_leaf(footer, leaf, want))
        add_column(p, footer->leaves[leaf].path);
    return PQ_OK;
  }
  return PQ_OK;
}

/* The ids of the filter, if it fixes them and the files can say where they are. */
static int plan_points(pq_scan_cost *p, pq_scan *s, pq_fetch *f, pq_arena *scratch) {
  pq_point_file *files = p->point.files;
  pq_point_plan plan;
  pq_points points;
  unsigned want;
  int rc;
  PQ_TRY(pq_points_open(s, f, scratch, &points));
  if (!points.is_found) return PQ_OK;
  want = pq_points_wanted(s, &points);
  f->is_plan = true;
  rc = pq_view_point_cost(s->view, f, scratch, points.ids, points.count, want, &plan);
  f->is_plan = false;
  PQ_TRY(rc);
  pq_assert(plan.file_count <= p->file_cap);
  if (plan.file_count > 0) memcpy(files, plan.files, plan.file_count * sizeof *files);
  p->point = plan;
  p->point.files = files;
  PQ_TRY(add_point_columns(p, s, f, want));
  p->is_point = true;
  p->is_upper = plan.is_upper;
  p->why = "only pages of $id tell where the entities are, and whether";
  p->rows_max = plan.is_upper ? points.count : 0;
  p->windows = 1;
  s->is_done = true;
  return PQ_OK;
}

int pq_scan_cost_next(pq_scan_cost *p, pq_scan *s, pq_fetch *f, pq_arena *scratch) {
  pq_window w = {.s = s,
                 .f = f,
                 .scratch = scratch,
                 .order = s->order,
                 .is_plan = true,
                 .is_uncertain = p->is_upper,
                 .groups = p->groups,
                 .groups_len = p->groups_len};
  bool has_bound = p->may_have_bound, may_end = p->enough > 0 && p->rows_max >= p->enough;
  const char *why = p->why;
  int rc;
  s->is_done = pq_scan_next_file(s, s->file) == s->view->manifest->file_count;
  if (s->is_done) return PQ_OK;
  if (s->file == 0 && s->row_group == 0) PQ_TRY(plan_points(p, s, f, scratch));
  if (s->is_done) return PQ_OK;
  if (may_end && why == NULL) why = "the limit may be reached before";
  f->is_plan = true;
  rc = plan_window(&w, &has_bound, &why);
  f->is_plan = f->may_be_fewer = false;
  PQ_TRY(rc);
  add_skipped(p, &w);
  for (uint32_t i = 0; i < w.unit_count; i++)
    add_unit(p, &w, &w.units[i]);
  count_repeats(p, &w);
  p->is_upper |= may_end;
  p->may_have_bound = has_bound;
  p->groups = w.groups;
  p->groups_len = w.groups_len;
  p->windows++;
  p->why = why;
  s->file = w.next_file;
  s->row_group = w.next_row_group;
  s->is_done = p->enough > 0 && p->rows_min >= p->enough;
  if (s->window < PQ_SCAN_WINDOW_MAX) s->window *= 2;
  return PQ_OK;
}
