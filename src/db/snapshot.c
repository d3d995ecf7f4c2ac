/* db/snapshot.c - opening a view of the present, of the files alone, or of an instant. See db.h.
 *
 *      marks (entry, seq_hi, ts_hi):   …  k ──────────── k+1 …  newest ········ tail
 *                                          └─ events ─► S              └─ events ─► S
 *   past S:    files of entry k + an overlay of the events in (seq_hi of k, S], from event files
 *   present S: files of the newest entry + the tail's overlay, seen at S
 */
#include <string.h>

#include "db/space_int.h"
#include "log/event_file.h"

/* Copy what an event borrows from the stage into the operation's arena. */
static int keep_value(pq_arena *arena, pq_value *v) {
  pq_slice meta, bytes;
  if (pq_value_is_missing(*v)) return PQ_OK;
  PQ_TRY(pq_arena_copy(arena, pq_value_meta(*v), &meta));
  PQ_TRY(pq_arena_copy(arena, pq_value_bytes(*v), &bytes));
  v->meta = meta.p;
  v->p = bytes.p;
  return PQ_OK;
}

int pq_event_keep(pq_arena *arena, pq_event *e) {
  pq_slice *texts[] = {&e->id,    &e->type,  &e->predicate,  &e->reverse,
                       &e->to_id, &e->actor, &e->created_by, &e->where_file};
  for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
    if (texts[i]->n > 0) PQ_TRY(pq_arena_copy(arena, *texts[i], texts[i]));
  PQ_TRY(keep_value(arena, &e->after));
  PQ_TRY(keep_value(arena, &e->before));
  return keep_value(arena, &e->metadata);
}

/* Room for the events of one row group. */
typedef struct event_list {
  pq_event *events;
  uint32_t count;
} event_list;

/* May the file hold wanted events? */
static bool is_wanted(const pq_space *s, const pq_file_info *info, const pq_event_want *want) {
  return info->kind == PQ_FILE_EVENTS && pq_file_is_live(info, s->manifest.entry) &&
         info->seq_hi >= want->seq_lo && info->seq_lo <= want->seq_hi && info->ts_lo <= want->ts_hi;
}

/* Open the wanted event files; *row_groups gets the sum of theirs. */
static int open_event_files(pq_space *s, pq_file_cache *files, pq_op *op, const pq_event_want *want,
                            uint32_t *row_groups) {
  bool is_missing = false;
  *row_groups = 0;
  for (uint32_t i = 0; i < s->manifest.file_count; i++) {
    pq_cached_file *file;
    int rc;
    if (!is_wanted(s, &s->manifest.files[i], want)) continue;
    rc = pq_file_cache_open(files, &op->fetch, &s->manifest.files[i], &file);
    if (rc < 0) return rc;
    is_missing |= rc == PQ_NEED_IO;
    if (rc == PQ_OK) *row_groups += file->file.footer->row_group_count;
  }
  return is_missing ? PQ_NEED_IO : PQ_OK;
}

/* Read the wanted events; one list per row group, in seq order because files are listed in order
 * of entry. */
static int read_events(pq_space *s, pq_file_cache *files, pq_op *op, const pq_event_want *want,
                       event_list *lists) {
  bool is_missing = false;
  uint32_t n = 0;
  for (uint32_t i = 0; i < s->manifest.file_count; i++) {
    pq_cached_file *file;
    if (!is_wanted(s, &s->manifest.files[i], want)) continue;
    PQ_TRY(pq_file_cache_open(files, &op->fetch, &s->manifest.files[i], &file));
    for (uint32_t g = 0; g < file->file.footer->row_group_count; g++, n++) {
      int rc = pq_event_file_read(&op->fetch, &op->scratch, &file->file, g, want, &lists[n].events,
                                  &lists[n].count);
      if (rc < 0) return rc;
      is_missing |= rc == PQ_NEED_IO;
    }
  }
  return is_missing ? PQ_NEED_IO : PQ_OK;
}

static int gather_events(pq_space *s, pq_file_cache *files, pq_op *op, const pq_event_want *want,
                         pq_event **out, uint32_t *count) {
  event_list *lists;
  uint32_t list_count, n = 0;
  *out = NULL;
  *count = 0;
  PQ_TRY(open_event_files(s, files, op, want, &list_count));
  lists = pq_arena_calloc(&op->scratch, list_count, sizeof *lists);
  if (lists == NULL) return op->cx->code;
  PQ_TRY(read_events(s, files, op, want, lists));
  for (uint32_t i = 0; i < list_count; i++)
    n += lists[i].count;
  *out = pq_arena_calloc(&op->scratch, n, sizeof **out);
  if (*out == NULL) return op->cx->code;
  for (uint32_t i = 0; i < list_count; i++) {
    if (lists[i].count > 0) memcpy(*out + *count, lists[i].events, lists[i].count * sizeof **out);
    *count += lists[i].count;
  }
  return PQ_OK;
}

int pq_space_events(pq_space *s, pq_op *op, const pq_event_want *want, pq_event **out,
                    uint32_t *count) {
  return gather_events(s, &s->files, op, want, out, count);
}

/* The newest seq of the overlay at or before an instant, or `floor`. */
static uint64_t seq_at(const pq_overlay *o, int64_t ts, uint64_t floor) {
  uint32_t lo = 0, hi = o->version_count;
  while (lo < hi) {
    uint32_t mid = lo + (hi - lo) / 2;
    if (o->versions[mid].event.ts <= ts)
      lo = mid + 1;
    else
      hi = mid;
  }
  return lo == 0 ? floor : o->versions[lo - 1].event.seq;
}

/* The newest entry at or before an instant. */
static pq_entry_mark past_mark(const pq_space *space, pq_as_of as_of) {
  return as_of.is_seq ? pq_manifest_mark(&space->manifest, as_of.seq)
                      : pq_manifest_mark_at(&space->manifest, as_of.ts);
}

/* An instant before the newest entry's: its manifest, and an overlay of the events up to it. */
static int open_past(pq_snapshot *s, pq_space *space, pq_op *op, pq_as_of as_of,
                     pq_entry_mark mark) {
  pq_event_want want = {.seq_lo = mark.seq_hi + 1,
                        .seq_hi = as_of.is_seq ? as_of.seq : UINT64_MAX,
                        .ts_hi = as_of.is_seq ? INT64_MAX : as_of.ts,
                        .needs_values = true};
  pq_event *events;
  uint32_t count;
  pq_overlay *past;
  int rc = PQ_OK;
  PQ_TRY(gather_events(space, s->view.files, op, &want, &events, &count));
  past = pq_alloc(op->cx, NULL, 0, sizeof *past);
  if (past == NULL) return pq_fail_nomem(op->cx);
  pq_overlay_init(past, op->cx);
  for (uint32_t i = 0; i < count && rc == PQ_OK; i++) {
    rc = pq_event_keep(&op->arena, &events[i]);
    if (rc == PQ_OK) rc = pq_overlay_add(past, &events[i]);
  }
  if (rc != PQ_OK) {
    pq_overlay_release(past);
    pq_alloc(op->cx, past, sizeof *past, 0);
    return rc;
  }
  s->past = past;
  s->view.seq = count > 0 ? events[count - 1].seq : mark.seq_hi;
  s->view.overlay = past;
  return PQ_OK;
}

/* Is the instant older than what the newest entry's files show? */
static bool is_past(const pq_space *space, pq_as_of as_of) {
  if (!as_of.is_set) return false;
  if (as_of.is_seq) return as_of.seq < space->manifest.seq_hi;
  return as_of.ts < space->manifest.ts_hi;
}

int pq_snapshot_open_on(pq_snapshot *s, pq_space *space, pq_file_cache *files, pq_op *op,
                        pq_as_of as_of, bool is_flushed) {
  pq_snapshot fresh = {.space = space};
  pq_view *v = &fresh.view;
  *v = (pq_view){.cx = op->cx,
                 .manifest = &space->manifest,
                 .entry = space->manifest.entry,
                 .seq = space->manifest.seq_hi,
                 .files = files};
  pq_assert(s->space == NULL);
  if (is_past(space, as_of)) {
    pq_entry_mark mark = past_mark(space, as_of);
    /* Have the delete files of that entry (compaction may have removed them since) loaded before
     * the past overlay is made, so that nothing is made twice. */
    v->entry = mark.entry;
    PQ_TRY(pq_view_load(v, &op->fetch, &op->scratch, &op->scratch));
    PQ_TRY(open_past(&fresh, space, op, as_of, mark));
  } else if (!is_flushed) {
    v->overlay = space->overlay;
    v->seq = space->seq;
    if (as_of.is_set && as_of.is_seq && as_of.seq < v->seq) v->seq = as_of.seq;
    if (as_of.is_set && !as_of.is_seq)
      v->seq = seq_at(space->overlay, as_of.ts, space->manifest.seq_hi);
  }
  if (fresh.past == NULL) {
    PQ_TRY(pq_view_load(v, &op->fetch, &op->arena, &op->scratch));
  } else {
    int rc = pq_view_load(v, &op->fetch, &op->arena, &op->scratch);
    pq_assert(rc != PQ_NEED_IO);
    if (rc != PQ_OK) {
      pq_overlay_release(fresh.past);
      pq_alloc(op->cx, fresh.past, sizeof *fresh.past, 0);
      return rc;
    }
  }
  *s = fresh;
  space->reader_count++;
  return PQ_OK;
}

int pq_snapshot_open(pq_snapshot *s, pq_space *space, pq_op *op, pq_as_of as_of, bool is_flushed) {
  return pq_snapshot_open_on(s, space, &space->files, op, as_of, is_flushed);
}

void pq_snapshot_close(pq_snapshot *s) {
  pq_space *space = s->space;
  if (space == NULL) return;
  if (s->past != NULL) {
    pq_overlay_release(s->past);
    pq_alloc(space->db->cx, s->past, sizeof *s->past, 0);
  }
  pq_assert(space->reader_count > 0);
  space->reader_count--;
  for (uint32_t i = 0; space->reader_count == 0 && i < space->retired_count; i++) {
    pq_overlay_release(space->retired[i]);
    pq_alloc(space->db->cx, space->retired[i], sizeof **space->retired, 0);
  }
  if (space->reader_count == 0) space->retired_count = 0;
  *s = (pq_snapshot){0};
}
