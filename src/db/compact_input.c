/* db/compact_input.c - the files that a compaction reads, a window of rows at a time. See
 * compact_int.h. Rows that were deleted when it began are left out. */
#include <string.h>

#include "db/compact_int.h"

enum { ROW_LEN = 512 }; /* that a row takes at least, however well it is packed */

/* How many rows of a row group fit into a window. */
static uint32_t window_rows(const pq_compact_job *job, const pq_footer *footer, uint32_t group) {
  const pq_row_group *g = &footer->row_groups[group];
  uint64_t len = job->windows_len / job->input_count, total = 0, rows;
  if (len > PQ_WINDOW_LEN_MAX) len = PQ_WINDOW_LEN_MAX;
  for (uint32_t l = 0; l < footer->leaf_count; l++)
    total += g->chunks[l].uncompressed_len;
  rows = len / ROW_LEN;
  if (total > len && (double)rows > (double)len / (double)total * (double)g->row_count)
    rows = (uint64_t)((double)len / (double)total * (double)g->row_count);
  if (rows < PQ_WINDOW_ROWS_MIN) rows = PQ_WINDOW_ROWS_MIN;
  return rows < g->row_count ? (uint32_t)rows : (uint32_t)g->row_count;
}

static bool is_wanting(const pq_compact_input *in) {
  return in->at == in->count && !in->is_end;
}

/* The rows of the next window. */
static pq_row_range window_of(const pq_compact_job *job, const pq_compact_input *in) {
  const pq_footer *footer = in->file->file.footer;
  uint64_t count = footer->row_groups[in->row_group].row_count;
  uint32_t n = window_rows(job, footer, in->row_group);
  return (pq_row_range){in->row, count - in->row < n ? (uint32_t)count : in->row + n};
}

/* Ask for it, or read it into the stage's arena. */
static int read_window(pq_op *op, const pq_compact_job *job, const pq_compact_input *in,
                       bool is_asking, pq_entity **entities, pq_edge **edges) {
  pq_row_range r = window_of(job, in);
  const pq_file *file = &in->read;
  pq_entity_rows rows;
  *entities = NULL;
  *edges = NULL;
  if (pq_compact_is_edges(job))
    return pq_edge_rows_read_part(&op->fetch, &op->scratch, file, in->row_group, r.lo, r.hi - r.lo,
                                  edges);
  PQ_TRY(pq_entity_rows_want(&op->fetch, file, in->row_group, PQ_WANT_ALL, &r, 1, &op->scratch));
  if (is_asking) return PQ_OK;
  PQ_TRY(pq_entity_rows_read(&op->fetch, &op->scratch, file, in->row_group, PQ_WANT_ALL, &r, 1,
                             &rows));
  *entities = rows.rows;
  return PQ_OK;
}

static int keep_text(pq_arena *arena, pq_slice *text) {
  return text->n == 0 ? PQ_OK : pq_arena_copy(arena, *text, text);
}

static int keep_value(pq_arena *arena, pq_value *v) {
  pq_event e = {.after = *v};
  PQ_TRY(pq_event_keep(arena, &e));
  *v = e.after;
  return PQ_OK;
}

static int keep_entity(pq_compact_input *in, pq_entity e) {
  PQ_TRY(keep_text(&in->arena, &e.id));
  PQ_TRY(keep_text(&in->arena, &e.type));
  PQ_TRY(keep_text(&in->arena, &e.created_by));
  PQ_TRY(keep_text(&in->arena, &e.updated_by));
  PQ_TRY(keep_value(&in->arena, &e.data));
  in->entities[in->count] = e;
  return PQ_OK;
}

static int keep_edge(pq_compact_input *in, pq_edge e) {
  pq_slice *texts[] = {&e.from_id,   &e.predicate, &e.reverse, &e.to_id,     &e.from_name,
                       &e.from_type, &e.to_name,   &e.to_type, &e.created_by};
  for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
    PQ_TRY(keep_text(&in->arena, texts[i]));
  PQ_TRY(keep_value(&in->arena, &e.data));
  in->edges[in->count] = e;
  return PQ_OK;
}

/* The live rows of the window, into the input's memory. */
static int take_rows(pq_flush *f, pq_op *op, const pq_compact_job *job, pq_compact_input *in,
                     const pq_entity *entities, const pq_edge *edges) {
  const pq_view *v = &f->snapshot.view;
  pq_row_range r = window_of(job, in);
  uint32_t n = r.hi - r.lo;
  uint64_t first = in->file->file.footer->row_groups[in->row_group].first_row + r.lo;
  uint8_t *hidden = pq_arena_calloc(&op->scratch, n, 1);
  const pq_upgrade *form = NULL;
  pq_arena_clear(&in->arena);
  in->count = in->at = 0;
  in->is_named = false;
  in->rows = pq_arena_calloc(&in->arena, n, sizeof *in->rows);
  in->entities = pq_arena_calloc(&in->arena, entities == NULL ? 0 : n, sizeof *in->entities);
  in->edges = pq_arena_calloc(&in->arena, edges == NULL ? 0 : n, sizeof *in->edges);
  if (hidden == NULL || in->rows == NULL || in->entities == NULL || in->edges == NULL)
    return op->cx->code;
  pq_view_mark_deleted(v, in->file->name, first, n, hidden);
  if (entities != NULL) PQ_TRY(pq_view_file_form(v, &op->scratch, &in->info, &form));
  for (uint32_t i = 0; i < n; i++) {
    pq_entity e = {0};
    if (hidden[i]) continue;
    if (entities != NULL) {
      e = entities[i];
      PQ_TRY(pq_view_bring(v, &op->scratch, form, &e.data));
      e.name_field = job->name_field;
    }
    PQ_TRY(entities != NULL ? keep_entity(in, e) : keep_edge(in, edges[i]));
    in->rows[in->count++] = first + i;
  }
  return PQ_OK;
}

/* The window has been read: go behind it. */
static void advance(pq_cx *cx, const pq_compact_job *job, pq_compact_input *in) {
  const pq_footer *footer = in->file->file.footer;
  in->row = window_of(job, in).hi;
  if (in->row < footer->row_groups[in->row_group].row_count) return;
  in->row = 0;
  in->row_group++;
  pq_side_cache_release(&in->indexes);
  pq_side_cache_init(&in->indexes, cx, PQ_INDEXES_LEN_MAX);
  in->is_end = in->row_group == footer->row_group_count;
}

/* Windows of which all rows are dead lead to the next round. */
int pq_compact_fill(pq_flush *f, pq_op *op, pq_compact_job *job) {
  bool is_missing = false;
  pq_entity *entities;
  pq_edge *edges;
  for (uint32_t i = 0; i < job->input_count; i++) {
    int rc = PQ_OK;
    if (is_wanting(&job->inputs[i]))
      rc = read_window(op, job, &job->inputs[i], true, &entities, &edges);
    if (rc < 0) return rc;
    is_missing |= rc == PQ_NEED_IO;
  }
  if (is_missing) return PQ_NEED_IO;
  for (uint32_t i = 0; i < job->input_count; i++) {
    pq_compact_input *in = &job->inputs[i];
    if (!is_wanting(in)) continue;
    PQ_TRY(read_window(op, job, in, false, &entities, &edges));
    PQ_TRY(take_rows(f, op, job, in, entities, edges));
    advance(op->cx, job, in);
  }
  return PQ_OK;
}
