/* table/point_cost.c - what reading entities by id will cost, told without reading. See view.h.
 *
 *   id ─► candidates: pages of $id    noted: they are read, all of them
 *           └─ row ?                  known only from those pages, so for each other column the
 *                                     dearest page of those that the candidate's rows stand in
 */
#include "table/view.h"

typedef struct cost {
  uint64_t requests, bytes;
} cost;

static uint64_t larger(uint64_t a, uint64_t b) {
  return a > b ? a : b;
}

/* Of one page by itself: what pq_chunk_want notes in a set of its own. */
static int page_cost(const pq_view *v, const pq_candidate *c, uint32_t leaf,
                     const pq_page_index *index, uint32_t page, cost *out) {
  const pq_page_info *info = &index->pages[page];
  pq_row_range rows = {info->first_row, info->first_row + info->row_count};
  pq_fetch alone;
  int rc;
  pq_fetch_init(&alone, v->cx);
  alone.is_plan = true;
  rc = pq_chunk_want(&alone, &c->file->file, c->row_group, leaf, index, &rows, 1);
  *out = (cost){alone.noted_requests, alone.noted_bytes};
  pq_fetch_release(&alone);
  return rc;
}

static bool is_candidate(const pq_candidate *c, const pq_page_info *page) {
  for (uint32_t i = 0; i < c->range_count; i++)
    if (c->ranges[i].lo < page->first_row + page->row_count && page->first_row < c->ranges[i].hi)
      return true;
  return false;
}

/* The dearest page of a column that may hold the row; none is read where bounds say it all. */
static int column_cost(const pq_view *v, const pq_candidate *c, uint32_t column, uint32_t leaf,
                       const pq_chunk_pages *chunk, cost *out) {
  *out = (cost){0};
  for (uint32_t i = 0; i < chunk->index.page_count; i++) {
    pq_entity told;
    cost one;
    if (chunk->cached[i] != NULL || !is_candidate(c, &chunk->index.pages[i])) continue;
    if (pq_entity_set_told(&told, NULL, column, &chunk->index.pages[i])) continue;
    PQ_TRY(page_cost(v, c, leaf, &chunk->index, i, &one));
    out->requests = larger(out->requests, one.requests);
    out->bytes = larger(out->bytes, one.bytes);
  }
  return PQ_OK;
}

/* What the cost of a row is so far. */
typedef struct tally {
  cost sum;
  bool is_missing, is_unpaged;
} tally;

static int add_column(const pq_view *v, pq_fetch *f, const pq_candidate *c, uint32_t column,
                      uint32_t leaf, tally *t) {
  pq_chunk_pages *chunk;
  cost one;
  int rc = pq_file_cache_chunk(v->files, f, c->file, c->row_group, leaf, &chunk);
  t->is_missing |= rc == PQ_NEED_IO;
  if (rc == PQ_NEED_IO) return PQ_OK;
  PQ_TRY(rc);
  t->is_unpaged |= chunk->index.page_count == 0;
  if (leaf == 0) return PQ_OK; /* $id: found there, so it is decoded by then */
  PQ_TRY(column_cost(v, c, column, leaf, chunk, &one));
  t->sum.requests += one.requests;
  t->sum.bytes += one.bytes;
  return PQ_OK;
}

/* Of the columns of a row; *is_paged is false where they are not read by pages. */
static int candidate_cost(const pq_view *v, pq_fetch *f, const pq_candidate *c, unsigned want,
                          cost *out, bool *is_paged) {
  uint32_t leaves[PQ_ENTITY_LEAVES];
  const pq_footer *footer = c->file->file.footer;
  tally t = {0};
  *out = (cost){0};
  PQ_TRY(pq_entity_leaves(v->cx, &c->file->file, leaves));
  for (uint32_t i = 0; i < PQ_ENTITY_LEAVES; i++)
    if (leaves[i] != PQ_NO_NODE && pq_entity_leaf_is_wanted(i, want))
      PQ_TRY(add_column(v, f, c, i, leaves[i], &t));
  for (uint32_t leaf = PQ_ENTITY_META; leaf < footer->leaf_count; leaf++)
    if (leaves[PQ_ENTITY_META] == PQ_NO_NODE && pq_entity_reads_leaf(footer, leaf, want))
      PQ_TRY(add_column(v, f, c, PQ_ENTITY_META, leaf, &t));
  *out = t.sum;
  *is_paged &= !t.is_unpaged;
  return t.is_missing ? PQ_NEED_IO : PQ_OK;
}

/* An id and where it may be. */
typedef struct asked_id {
  pq_candidate *candidates;
  uint32_t count;
} asked_id;

/* The dearest of its candidates. *most is what was not noted. */
static int id_cost(const pq_view *v, pq_fetch *f, pq_arena *scratch, const asked_id *id,
                   unsigned want, cost *most) {
  bool is_missing = false;
  *most = (cost){0};
  for (uint32_t i = 0; i < id->count; i++) {
    const pq_candidate *c = &id->candidates[i];
    bool is_paged = c->is_paged;
    cost one = {0};
    int rc = PQ_OK;
    if (is_paged) rc = candidate_cost(v, f, c, want, &one, &is_paged);
    f->may_be_fewer = true;
    if (rc == PQ_OK && !is_paged) /* all of the rows, of which one is read */
      rc = pq_entity_rows_want(f, &c->file->file, c->row_group, want, c->ranges, c->range_count,
                               scratch);
    f->may_be_fewer = false;
    if (rc < 0) return rc;
    is_missing |= rc == PQ_NEED_IO;
    most->requests = larger(most->requests, one.requests);
    most->bytes = larger(most->bytes, one.bytes);
  }
  return is_missing ? PQ_NEED_IO : PQ_OK;
}

/* What excluded a file is what excluded it for the id that came furthest. */
static void add_plan(pq_point_plan *sum, const pq_point_plan *one) {
  sum->is_in_tail |= one->is_in_tail;
  sum->is_live |= one->is_live;
  sum->is_upper |= one->is_upper;
  for (uint32_t i = 0; i < sum->file_count && i < one->file_count; i++) {
    pq_point_file *a = &sum->files[i];
    const pq_point_file *b = &one->files[i];
    bool is_further =
        a->level != PQ_LEVEL_READ && (b->level == PQ_LEVEL_READ || b->level > a->level);
    if (is_further) *a = *b;
  }
  if (sum->files != NULL && one->file_count <= sum->file_count) return;
  sum->files = one->files;
  sum->file_count = one->file_count;
}

/* Where all of them may be. */
static int find_candidates(const pq_view *v, pq_fetch *f, pq_arena *scratch, const pq_slice *ids,
                           uint32_t count, asked_id *out, pq_point_plan *plan) {
  bool is_missing = false;
  for (uint32_t i = 0; i < count; i++) {
    pq_point_plan one;
    int rc = pq_view_candidates(v, f, scratch, ids[i], &out[i].candidates, &out[i].count, &one);
    if (rc < 0) return rc;
    is_missing |= rc == PQ_NEED_IO;
    one.is_upper = out[i].count > 0;
    add_plan(plan, &one);
  }
  return is_missing ? PQ_NEED_IO : PQ_OK;
}

int pq_view_point_cost(const pq_view *v, pq_fetch *f, pq_arena *scratch, const pq_slice *ids,
                       uint32_t count, unsigned want, pq_point_plan *plan) {
  asked_id *asked = pq_arena_calloc(scratch, count, sizeof *asked);
  cost sum = {0};
  bool is_missing = false;
  int rc;
  *plan = (pq_point_plan){0};
  if (asked == NULL) return v->cx->code;
  rc = find_candidates(v, f, scratch, ids, count, asked, plan);
  pq_fetch_note_round(f, rc == PQ_NEED_IO);
  PQ_TRY(rc);
  for (uint32_t i = 0; i < count; i++) {
    cost most;
    rc = id_cost(v, f, scratch, &asked[i], want, &most);
    if (rc < 0) return rc;
    is_missing |= rc == PQ_NEED_IO;
    sum.requests += most.requests;
    sum.bytes += most.bytes;
  }
  if (is_missing) return PQ_NEED_IO;
  f->noted_requests += sum.requests;
  f->noted_bytes += sum.bytes;
  pq_fetch_note_round(f, false);
  /* The bloom filters are asked of one id after the other. */
  if (plan->file_count > 0) f->noted_rounds += count - 1;
  return PQ_OK;
}
