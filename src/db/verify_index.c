/* db/verify_index.c - by-entity indexes against the event files that they are of. See verify.h.
 *
 *   events of a file, as they pass ──► sum ──┐
 *                                            ├─► equal, or a look-up would miss an event
 *   rows of its index, a row group a step ───┘
 */
#include "db/verify_int.h"
#include "log/event_index.h"

/* The live index with these seqs that is whole; file_count: none. */
static uint32_t find_index(const pq_verify *v, const pq_file_info *events) {
  for (uint32_t i = 0; i < v->file_count; i++) {
    const pq_file_info *f = &v->files[i];
    if (f->kind == PQ_FILE_EVENT_INDEX && f->seq_lo == events->seq_lo &&
        f->seq_hi == events->seq_hi && f->removed == events->removed && !v->is_bad[i])
      return i;
  }
  return v->file_count;
}

static int end_index(pq_verify *v, pq_op *op) {
  const char *events = v->files[v->event_files[v->event_file - 1]].name, *text;
  v->part = v->after_index;
  if (v->index_sum == v->events_sum) return PQ_OK;
  text = pq_arena_printf(&op->scratch,
                         "its rows are not those of the events of %s: what is asked by entity may "
                         "miss or change some",
                         events);
  return text == NULL ? op->cx->code : pq_verify_problem(v, op, v->files[v->index_file].name, text);
}

/* A row group. */
static int part_index(pq_verify *v, pq_op *op) {
  pq_cached_file *file;
  uint64_t sum = 0;
  int rc = pq_file_cache_open(&v->space->files, &op->fetch, &v->files[v->index_file], &file);
  if (rc == PQ_OK && v->index_group == file->file.footer->row_group_count) return end_index(v, op);
  if (rc == PQ_OK)
    rc = pq_event_index_read_sum(&op->fetch, &op->scratch, &file->file, v->index_group, &sum);
  if (rc == PQ_NEED_IO) return rc;
  if (rc != PQ_OK) {
    if (!pq_verify_is_finding(rc)) return rc;
    v->part = v->after_index;
    return pq_verify_problem(v, op, v->files[v->index_file].name, op->cx->msg);
  }
  v->index_sum += sum;
  v->index_group++;
  return PQ_OK;
}

void pq_verify_begin_index(pq_verify *v, const pq_file_info *events, pq_verify_part after) {
  v->index_file = find_index(v, events);
  v->index_group = 0;
  v->index_sum = 0;
  v->after_index = after;
  if (v->index_file < v->file_count) v->part = part_index;
}
