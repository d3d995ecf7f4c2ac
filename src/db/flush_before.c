/* db/flush_before.c - where the rows are that the tail replaces, and what they said. See flush.h.
 *
 *   ids              |─ part ─|─ part ─|─ …    pages of $id that may have them ─► places
 *   places, in order |─── part ───|─── …       pages of their documents        ─► `before`
 *
 * The ids of a tail are spread over all files: at once, their pages would be most of what the
 * namespace is. A part is so much that about a quarter of a row group is unpacked for it.
 */
#include <string.h>

#include "base/merge_sort.h"
#include "db/flush_int.h"
#include "shred/entity.h"

enum {
  ID_LEN = 64,        /* of an id: stored, unpacked, and its slice */
  PAGE_LEN = 64 << 10 /* no page of ours is much longer */
};

static uint64_t part_len(const pq_op *op) {
  return op->cx->limits.row_group_len_max / 4;
}

/* ---- where ---- */

/* Rows of the files that may have ids of the tail. */
static int count_rows(pq_flush *f, uint64_t *rows) {
  const pq_view *v = &f->snapshot.view;
  const pq_live_list *live;
  *rows = 0;
  PQ_TRY(pq_live_files_of(&v->files->live, v->manifest, v->entry, &live));
  for (uint32_t i = 0; i < live->data_count; i++) {
    const pq_file_info *info = &v->manifest->files[live->data[i]];
    if (pq_slice_cmp(info->id_max, f->ids[0]) >= 0 &&
        pq_slice_cmp(info->id_min, f->ids[f->id_count - 1]) <= 0)
      *rows += info->row_count;
  }
  return PQ_OK;
}

/* How many ids, as if they were spread evenly over the rows. */
static int count_ids(pq_flush *f, const pq_op *op, uint32_t *count) {
  uint32_t left = f->id_count - f->located;
  uint64_t rows, rows_max = part_len(op) / ID_LEN;
  *count = left;
  if (left == 0) return PQ_OK;
  PQ_TRY(count_rows(f, &rows));
  if (rows <= rows_max) return PQ_OK;
  *count = (uint32_t)(f->id_count * rows_max / rows);
  if (*count == 0) *count = 1;
  if (*count > left) *count = left;
  return PQ_OK;
}

static int by_place(const void *a, const void *b, const void *ud) {
  const pq_flush *f = ud;
  const pq_flush_row *x = &f->rows[*(const uint32_t *)a], *y = &f->rows[*(const uint32_t *)b];
  if (x->file_number != y->file_number) return x->file_number < y->file_number ? -1 : 1;
  if (x->at.row_group != y->at.row_group) return x->at.row_group < y->at.row_group ? -1 : 1;
  return x->at.row < y->at.row ? -1 : x->at.row > y->at.row;
}

static int sort_places(pq_flush *f, pq_op *op) {
  f->places = pq_arena_calloc(&op->arena, f->id_count, sizeof *f->places);
  if (f->places == NULL) return op->cx->code;
  for (uint32_t i = 0; i < f->id_count; i++)
    if (f->rows[i].at.info != NULL) f->places[f->place_count++] = i;
  return pq_sort_items(op->cx, f->places, f->place_count, sizeof *f->places, by_place, f);
}

static int stage_read(pq_op *op);

/* A part of the ids. */
static int stage_locate(pq_op *op) {
  pq_flush *f = pq_flush_of(op);
  const pq_view *v = &f->snapshot.view;
  pq_location *at;
  uint32_t count;
  PQ_TRY(count_ids(f, op, &count));
  at = pq_arena_calloc(&op->scratch, count, sizeof *at);
  if (at == NULL) return op->cx->code;
  PQ_TRY(pq_view_locate(v, &op->fetch, &op->scratch, f->ids + f->located, count, true, at));
  for (uint32_t i = 0; i < count; i++) {
    pq_flush_row *row = &f->rows[f->located + i];
    *row = (pq_flush_row){.at = at[i]};
    if (at[i].info == NULL) continue;
    row->file_number = (uint32_t)(at[i].info - v->manifest->files);
    PQ_TRY(pq_flush_delete(f, op, at[i].file->name, pq_location_row(&at[i])));
  }
  f->located += count;
  if (f->located < f->id_count) return PQ_OK;
  PQ_TRY(sort_places(f, op));
  op->stage = stage_read;
  return PQ_OK;
}

/* ---- what ---- */

/* Of a row group: what its documents take, unpacked, and what a page of each column does; that is
 * all of it where there is no page index. */
typedef struct group_len {
  uint64_t all, page, rows;
  bool is_unpaged;
} group_len;

static group_len measure(const pq_location *at) {
  const pq_footer *footer = at->file->file.footer;
  const pq_row_group *g = &footer->row_groups[at->row_group];
  group_len out = {.rows = g->row_count};
  for (uint32_t leaf = 0; leaf < footer->leaf_count; leaf++) {
    if (!pq_entity_reads_leaf(footer, leaf, PQ_WANT_DATA)) continue;
    out.all += g->chunks[leaf].uncompressed_len;
    out.page += PAGE_LEN;
    out.is_unpaged |= g->chunks[leaf].offset_index_len == 0;
  }
  if (out.is_unpaged) out.page = out.all;
  return out;
}

/* How many places, so that their pages are no longer than a part; one at least. */
static uint32_t count_places(const pq_flush *f, const pq_op *op) {
  const pq_flush_row *before = NULL;
  group_len g = {0};
  uint64_t len = 0;
  uint32_t n = 0;
  for (; f->read + n < f->place_count; n++) {
    const pq_flush_row *row = &f->rows[f->places[f->read + n]];
    bool is_new = before == NULL || before->file_number != row->file_number ||
                  before->at.row_group != row->at.row_group;
    uint64_t more = 0;
    if (is_new) g = measure(&row->at);
    if (is_new)
      more = g.page;
    else if (!g.is_unpaged)
      more = g.all / g.rows * (row->at.row - before->at.row);
    len += more < g.page ? more : g.page;
    if (n > 0 && len > part_len(op)) break;
    before = row;
  }
  return n;
}

/* The documents of a part of the places. The manifest may have grown since they were found. */
static int stage_read(pq_op *op) {
  pq_flush *f = pq_flush_of(op);
  const pq_view *v = &f->snapshot.view;
  uint32_t count = count_places(f, op);
  pq_location *at = pq_arena_calloc(&op->scratch, count, sizeof *at);
  pq_entity *entities = pq_arena_calloc(&op->scratch, count, sizeof *entities);
  if (at == NULL || entities == NULL) return op->cx->code;
  for (uint32_t i = 0; i < count; i++) {
    const pq_flush_row *row = &f->rows[f->places[f->read + i]];
    at[i] = row->at;
    at[i].info = &v->manifest->files[row->file_number];
  }
  PQ_TRY(pq_view_read(v, &op->fetch, &op->scratch, at, count, PQ_WANT_DATA, entities, NULL));
  for (uint32_t i = 0; i < count; i++) {
    pq_flush_row *row = &f->rows[f->places[f->read + i]];
    row->before = entities[i].data;
    PQ_TRY(pq_flush_keep(op, &row->before));
  }
  f->read += count;
  if (f->read == f->place_count) op->stage = pq_flush_stage_edges;
  return PQ_OK;
}

int pq_flush_stage_before(pq_op *op) {
  pq_flush *f = pq_flush_of(op);
  f->rows = pq_arena_calloc(&op->arena, f->id_count, sizeof *f->rows);
  if (f->rows == NULL) return op->cx->code;
  op->stage = stage_locate;
  return PQ_OK;
}
