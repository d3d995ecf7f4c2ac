/* table/point_cost.c - what reading one entity will cost, told without reading it. See view.h.
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

/* The dearest page of a column that may hold the row. */
static int column_cost(const pq_view *v, const pq_candidate *c, uint32_t leaf,
                       const pq_chunk_pages *chunk, cost *out) {
  *out = (cost){0};
  for (uint32_t i = 0; i < chunk->index.page_count; i++) {
    cost one;
    if (chunk->cached[i] != NULL || !is_candidate(c, &chunk->index.pages[i])) continue;
    PQ_TRY(page_cost(v, c, leaf, &chunk->index, i, &one));
    out->requests = larger(out->requests, one.requests);
    out->bytes = larger(out->bytes, one.bytes);
  }
  return PQ_OK;
}

/* Of the columns of a row; *is_paged is false where they are not read by pages. */
static int candidate_cost(const pq_view *v, pq_fetch *f, const pq_candidate *c, unsigned want,
                          cost *out, bool *is_paged) {
  uint32_t leaves[PQ_ENTITY_LEAVES];
  bool is_missing = false;
  *out = (cost){0};
  PQ_TRY(pq_entity_leaves(v->cx, &c->file->file, leaves));
  for (uint32_t i = 0; i < PQ_ENTITY_LEAVES; i++) {
    pq_chunk_pages *chunk;
    cost one;
    int rc;
    if (!pq_entity_leaf_is_wanted(i, want)) continue;
    rc = pq_file_cache_chunk(v->files, f, c->file, c->row_group, leaves[i], &chunk);
    if (rc < 0) return rc;
    is_missing |= rc == PQ_NEED_IO;
    if (rc == PQ_NEED_IO) continue;
    *is_paged &= chunk->index.page_count > 0;
    if (leaves[i] == 0) continue; /* $id: found there, so it is decoded by then */
    PQ_TRY(column_cost(v, c, leaves[i], chunk, &one));
    out->requests += one.requests;
    out->bytes += one.bytes;
  }
  return is_missing ? PQ_NEED_IO : PQ_OK;
}

int pq_view_point_cost(const pq_view *v, pq_fetch *f, pq_arena *scratch, pq_slice id, unsigned want,
                       bool *is_upper) {
  pq_candidate *c;
  uint32_t count;
  cost most = {0};
  bool is_missing = false;
  int rc = pq_view_candidates(v, f, scratch, id, &c, &count);
  pq_fetch_note_round(f, rc == PQ_NEED_IO);
  PQ_TRY(rc);
  for (uint32_t i = 0; i < count; i++) {
    bool is_paged = c[i].is_paged;
    cost one = {0};
    if (is_paged) rc = candidate_cost(v, f, &c[i], want, &one, &is_paged);
    f->may_be_fewer = true;
    if (rc == PQ_OK && !is_paged) /* all of the rows, of which one is read */
      rc = pq_entity_rows_want(f, &c[i].file->file, c[i].row_group, want, c[i].ranges,
                               c[i].range_count, scratch);
    f->may_be_fewer = false;
    if (rc < 0) return rc;
    is_missing |= rc == PQ_NEED_IO;
    most.requests = larger(most.requests, one.requests);
    most.bytes = larger(most.bytes, one.bytes);
  }
  if (is_missing) return PQ_NEED_IO;
  f->noted_requests += most.requests;
  f->noted_bytes += most.bytes;
  pq_fetch_note_round(f, false);
  *is_upper = count > 0;
  return PQ_OK;
}
