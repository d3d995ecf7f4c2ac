/* rel/edges_part.c - which rows of a node with very many edges are read first. See pq_edge_part.
 *
 *   rows of the node ∩ pages of its predicates ∩ pages of the far end = pieces, each with the least
 *   far end that it may hold
 *
 *   pieces by that  ─► as many as are enough ─► what the next one begins with is where the part
 * ends
 *
 * Nothing is assumed about the order of rows: in a run of one node and one predicate far ends rise,
 * several predicates, names and files give several runs, and bounds alone tell where each begins.
 */
#include "base/merge_sort.h"
#include "rel/edges_read_int.h"
#include "table/file_bloom.h"

typedef struct piece {
  pq_edge_task *task;
  pq_row_range rows;
  pq_slice min; /* empty: not known */
  bool is_chosen;
} piece;

typedef struct pieces {
  piece *items;
  uint32_t count, cap;
  uint64_t rows;
} pieces;

/* ---- the one edge ---- */

int pq_edges_set_hash(pq_edge_reader *r) {
  pq_edge e = {.from_id = r->q->nodes[0], .predicate = r->q->predicate, .to_id = r->q->far_min};
  pq_buf b;
  int rc;
  pq_buf_init(&b, r->v->cx, SIZE_MAX / 4);
  rc = pq_edge_hash(&b, &e, &r->edge_hash);
  pq_buf_release(&b);
  return rc;
}

bool pq_edges_has_filter(const pq_edge_reader *r, const pq_edge_task *t) {
  pq_slice column = pq_footer_key(t->file->file.footer, PQ_EDGE_FILTER_KEY);
  return r->q->is_one && pq_slice_is(column, PQ_EDGE_FILTER_COLUMN);
}

int pq_edges_ask_filter(pq_edge_reader *r, const pq_edge_task *t, bool *may) {
  return pq_file_cache_bloom(r->v->files, r->f, &t->file->file, t->row_group, PQ_EDGE_PREDICATE,
                             r->edge_hash, may);
}

/* ---- page indexes ---- */

static int get_index(pq_edge_reader *r, const pq_edge_task *t, uint32_t leaf,
                     const pq_page_index **out) {
  pq_chunk_pages *pages;
  PQ_TRY(pq_file_cache_chunk(r->v->files, r->f, t->file, t->row_group, leaf, &pages));
  *out = &pages->index;
  return PQ_OK;
}

int pq_edges_part_indexes(pq_edge_reader *r, const pq_edge_task *t) {
  static const uint32_t all[] = {PQ_EDGE_FROM_ID, PQ_EDGE_PREDICATE, PQ_EDGE_REVERSE,
                                 PQ_EDGE_TO_ID};
  const pq_footer *footer = t->file->file.footer;
  const pq_chunk_pages *known =
      &t->file->chunks[(size_t)t->row_group * footer->leaf_count + PQ_EDGE_PREDICATE];
  const pq_page_index *index;
  if (known->cached == NULL) /* all of them in one request */
    PQ_TRY(pq_edges_note(r, pq_page_index_want(r->f, &t->file->file, t->row_group, PQ_EDGE_FROM_ID,
                                               PQ_EDGE_TO_ID - PQ_EDGE_FROM_ID + 1)));
  for (size_t i = 0; i < sizeof all / sizeof *all; i++)
    PQ_TRY(pq_edges_note(r, get_index(r, t, all[i], &index)));
  return PQ_OK;
}

bool pq_edges_are_near(const pq_edge_reader *r, const pq_edge_task *t, const pq_page_index *near) {
  pq_slice node = r->q->nodes[t->lo];
  uint32_t i = 0;
  for (uint32_t p = 0; p < near->page_count && i < t->range_count; p++) {
    const pq_page_info *page = &near->pages[p];
    if (page->first_row + page->row_count <= t->ranges[i].lo) continue;
    if (!page->has_bounds || !pq_slice_eq(page->min, node) || !pq_slice_eq(page->max, node))
      return false;
    if (page->first_row + page->row_count >= t->ranges[i].hi) i++;
  }
  return near->page_count > 0;
}

/* ---- pieces ---- */

static bool may_have_predicate(const pq_edge_query *q, const pq_page_info *page) {
  bool may = q->predicate.n == 0 && q->predicate_count == 0;
  if (!page->has_bounds) return true;
  if (q->predicate.n > 0)
    may = pq_slice_cmp(page->min, q->predicate) <= 0 && pq_slice_cmp(page->max, q->predicate) >= 0;
  for (uint32_t i = 0; i < q->predicate_count && !may; i++)
    may = pq_slice_cmp(page->min, q->predicates[i]) <= 0 &&
          pq_slice_cmp(page->max, q->predicates[i]) >= 0;
  return may;
}

static bool may_have_far(const pq_edge_query *q, const pq_page_info *page) {
  if (!page->has_bounds) return true;
  if (q->far_min.n > 0 && pq_slice_cmp(page->max, q->far_min) < 0) return false;
  return q->far_max.n == 0 || pq_slice_cmp(page->min, q->far_max) <= 0;
}

static int put_range(pq_arena *arena, pq_row_range **ranges, uint32_t *count, uint32_t *cap,
                     pq_row_range range) {
  if (*count > 0 && (*ranges)[*count - 1].hi == range.lo) {
    (*ranges)[*count - 1].hi = range.hi;
    return PQ_OK;
  }
  if (*count == *cap) {
    uint32_t more = *cap == 0 ? 16 : *cap * 2;
    pq_row_range *grown = pq_arena_calloc(arena, more, sizeof *grown);
    if (grown == NULL) return arena->cx->code;
    for (uint32_t i = 0; i < *count; i++)
      grown[i] = (*ranges)[i];
    *ranges = grown;
    *cap = more;
  }
  (*ranges)[(*count)++] = range;
  return PQ_OK;
}

/* The rows of the task that are in pages with one of the predicates. */
static int cut_by_predicate(pq_edge_reader *r, pq_edge_task *t) {
  const pq_page_index *index;
  pq_row_range *kept = NULL;
  uint32_t count = 0, cap = 0, i = 0;
  PQ_TRY(get_index(r, t, PQ_EDGE_PREDICATE, &index));
  for (uint32_t p = 0; p < index->page_count && i < t->range_count; p++) {
    const pq_page_info *page = &index->pages[p];
    uint32_t end = page->first_row + page->row_count;
    while (i < t->range_count && t->ranges[i].lo < end) {
      uint32_t lo = t->ranges[i].lo > page->first_row ? t->ranges[i].lo : page->first_row;
      uint32_t hi = t->ranges[i].hi < end ? t->ranges[i].hi : end;
      if (may_have_predicate(r->q, page))
        PQ_TRY(put_range(r->scratch, &kept, &count, &cap, (pq_row_range){lo, hi}));
      if (t->ranges[i].hi > end) break;
      i++;
    }
  }
  if (index->page_count == 0) return PQ_OK;
  t->ranges = kept;
  t->range_count = count;
  return PQ_OK;
}

static int add_piece(pq_edge_reader *r, pieces *s, piece item) {
  if (s->count == s->cap) {
    uint32_t cap = s->cap == 0 ? 64 : s->cap * 2;
    piece *items = pq_arena_calloc(r->scratch, cap, sizeof *items);
    if (items == NULL) return r->v->cx->code;
    for (uint32_t i = 0; i < s->count; i++)
      items[i] = s->items[i];
    s->items = items;
    s->cap = cap;
  }
  s->items[s->count++] = item;
  s->rows += item.rows.hi - item.rows.lo;
  return PQ_OK;
}

/* The rows of the task, cut where pages of the far end begin. */
static int add_pieces(pq_edge_reader *r, pieces *s, pq_edge_task *t) {
  const pq_page_index *index;
  uint32_t i = 0;
  PQ_TRY(get_index(r, t, pq_edges_far_leaf(r->q), &index));
  for (uint32_t p = 0; p < index->page_count && i < t->range_count; p++) {
    const pq_page_info *page = &index->pages[p];
    uint32_t end = page->first_row + page->row_count;
    while (i < t->range_count && t->ranges[i].lo < end) {
      piece item = {.task = t, .rows = t->ranges[i]};
      if (item.rows.lo < page->first_row) item.rows.lo = page->first_row;
      if (item.rows.hi > end) item.rows.hi = end;
      if (page->has_bounds) item.min = page->min;
      if (may_have_far(r->q, page)) PQ_TRY(add_piece(r, s, item));
      if (t->ranges[i].hi > end) break;
      i++;
    }
  }
  for (; index->page_count == 0 && i < t->range_count; i++)
    PQ_TRY(add_piece(r, s, (piece){.task = t, .rows = t->ranges[i]}));
  return PQ_OK;
}

/* ---- the choice ---- */

static int compare_pieces(const void *a, const void *b, const void *ud) {
  const piece *x = *(piece *const *)a, *y = *(piece *const *)b;
  int c = pq_slice_cmp(x->min, y->min);
  (void)ud;
  return c != 0 ? c : (x > y) - (x < y);
}

/* Mark enough of them, and all that begin at or before the part; r->far_end is the next one's. */
static int mark(pq_edge_reader *r, pieces *s, bool is_whole) {
  piece **order = pq_arena_calloc(r->scratch, s->count, sizeof *order);
  uint64_t rows = 0;
  if (order == NULL) return r->v->cx->code;
  for (uint32_t i = 0; i < s->count; i++)
    order[i] = &s->items[i];
  PQ_TRY(pq_sort_items(r->v->cx, order, s->count, sizeof *order, compare_pieces, NULL));
  for (uint32_t i = 0; i < s->count; i++) {
    piece *p = order[i];
    bool is_behind = p->min.n > 0 && pq_slice_cmp(p->min, r->q->far_min) > 0;
    if (!is_whole && is_behind && rows >= r->q->enough) {
      r->far_end = p->min;
      return PQ_OK;
    }
    p->is_chosen = true;
    if (is_behind) rows += p->rows.hi - p->rows.lo; /* others were in the part before, perhaps */
  }
  return PQ_OK;
}

int pq_edges_part_choose(pq_edge_reader *r, bool *is_whole) {
  pieces s = {0};
  uint32_t i = 0;
  for (pq_edge_task *t = r->tasks; t != NULL; t = t->next) {
    PQ_TRY(cut_by_predicate(r, t));
    PQ_TRY(add_pieces(r, &s, t));
  }
  r->part_rows = s.rows;
  *is_whole = r->q->enough == 0 || s.rows <= PQ_EDGES_WHOLE;
  PQ_TRY(mark(r, &s, *is_whole));
  for (pq_edge_task *t = r->tasks; t != NULL; t = t->next) {
    uint32_t cap = 0;
    t->ranges = NULL;
    t->range_count = 0;
    for (; i < s.count && s.items[i].task == t; i++)
      if (s.items[i].is_chosen)
        PQ_TRY(put_range(r->scratch, &t->ranges, &t->range_count, &cap, s.items[i].rows));
  }
  return PQ_OK;
}
