/* db/snapshot.c - opening a view of the present, of the files alone, or of an instant. See db.h.
 *
 *      marks (entry, seq_hi, ts_hi):   …  k ──────────── k+1 …  newest ········ tail
 *                                          └─ events ─► S              └─ events ─► S
 *   past S:    files of entry k + the interval's overlay (past.h), seen at S; for single entities
 *              their own events alone, from by-entity indexes (table/event_probe.h)
 *   present S: files of the newest entry + the tail's overlay, seen at S
 */
#include <string.h>

#include "base/text.h"
#include "db/space_int.h"
#include "table/event_probe.h"

enum {
  EVENTS_AHEAD_MAX = 262144, /* more than an instant needs, to serve others of its interval */
  OPEN_FLUSHED = 1,          /* of open_at(): without the tail */
  OPEN_POINT = 2,            /* for reading single entities */
  OPEN_EVENTS = 4            /* for reading events: no rows, so no delete files */
};

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
  pq_slice *texts[] = {&e->id,    &e->type,       &e->predicate,  &e->reverse, &e->to_id,
                       &e->actor, &e->created_by, &e->where_file, &e->hash};
  for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
    if (texts[i]->n > 0) PQ_TRY(pq_arena_copy(arena, *texts[i], texts[i]));
  PQ_TRY(keep_value(arena, &e->after));
  PQ_TRY(keep_value(arena, &e->before));
  return keep_value(arena, &e->metadata);
}

/* ---- flushed events ---- */

/* The events of one row group. */
typedef struct event_list {
  pq_event *events;
  uint32_t count;
} event_list;

/* Open the event files; *row_groups gets the sum of theirs. */
static int open_event_files(pq_file_cache *files, pq_op *op, const pq_event_source *sources,
                            uint32_t count, uint32_t *row_groups) {
  bool is_missing = false;
  *row_groups = 0;
  for (uint32_t i = 0; i < count; i++) {
    pq_cached_file *file;
    int rc = pq_file_cache_open(files, &op->fetch, sources[i].events, &file);
    if (rc < 0) return rc;
    is_missing |= rc == PQ_NEED_IO;
    if (rc == PQ_OK) *row_groups += file->file.footer->row_group_count;
  }
  return is_missing ? PQ_NEED_IO : PQ_OK;
}

/* One list per row group, in seq order because the sources are. */
static int read_events(pq_file_cache *files, pq_op *op, const pq_event_want *want,
                       const pq_event_source *sources, uint32_t count, event_list *lists) {
  bool is_missing = false;
  uint32_t n = 0;
  for (uint32_t i = 0; i < count; i++) {
    pq_cached_file *file;
    PQ_TRY(pq_file_cache_open(files, &op->fetch, sources[i].events, &file));
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
  pq_event_source *sources;
  event_list *lists;
  uint32_t source_count, list_count, n = 0;
  *out = NULL;
  *count = 0;
  PQ_TRY(pq_live_files_events(&files->live, &s->manifest, &op->scratch, want, &sources,
                              &source_count));
  PQ_TRY(open_event_files(files, op, sources, source_count, &list_count));
  lists = pq_arena_calloc(&op->scratch, list_count, sizeof *lists);
  if (lists == NULL) return op->cx->code;
  PQ_TRY(read_events(files, op, want, sources, source_count, lists));
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

/* Those of one entity: from the by-entity indexes. */
static int probe_events(pq_space *s, pq_op *op, const pq_event_want *want, pq_event **out,
                        uint32_t *count) {
  const pq_event_probe p = {.manifest = &s->manifest,
                            .files = &s->files,
                            .id = want->id,
                            .seq_lo = want->seq_lo,
                            .seq_hi = want->seq_hi,
                            .version = want->version,
                            .is_newest = want->is_newest,
                            .needs_values = want->needs_values,
                            .needs_before = want->needs_before};
  uint32_t n = 0;
  PQ_TRY(pq_event_probe_run(&p, &op->fetch, &op->scratch, out, count));
  for (uint32_t i = 0; i < *count; i++)
    if ((*out)[i].ts <= want->ts_hi) (*out)[n++] = (*out)[i];
  *count = n;
  return PQ_OK;
}

int pq_space_events(pq_space *s, pq_op *op, const pq_event_want *want, pq_event **out,
                    uint32_t *count) {
  if (want->id.n > 0 && want->target == PQ_TARGET_ENTITY)
    return probe_events(s, op, want, out, count);
  return gather_events(s, &s->files, op, want, out, count);
}

/* ---- instants ---- */

/* The last event that reads may see. */
static uint64_t last_seen(const pq_space *s) {
  return s->seq - s->unread;
}

/* The newest seq of the tail at or before an instant, or that of the newest entry. */
static uint64_t seq_at(const pq_space *s, int64_t ts) {
  const pq_overlay *o = s->overlay;
  uint64_t floor = s->manifest.seq_hi, bulk = pq_space_bulk_seq_at(s, ts);
  uint32_t lo = 0, hi = pq_overlay_count(o, last_seen(s));
  if (bulk > floor) floor = bulk;
  while (lo < hi) {
    uint32_t mid = lo + (hi - lo) / 2;
    if (o->versions[mid].event.ts <= ts)
      lo = mid + 1;
    else
      hi = mid;
  }
  return lo == 0 || o->versions[lo - 1].event.seq < floor ? floor : o->versions[lo - 1].event.seq;
}

/* Is the instant older than what the newest entry's files show? */
static bool is_past(const pq_space *space, pq_as_of as_of) {
  if (!as_of.is_set) return false;
  if (as_of.is_seq) return as_of.seq < space->manifest.seq_hi;
  return as_of.ts < space->manifest.ts_hi;
}

/* The newest entry at or before an instant. */
static pq_entry_mark past_mark(const pq_space *space, pq_as_of as_of) {
  return as_of.is_seq ? pq_manifest_mark(&space->manifest, as_of.seq)
                      : pq_manifest_mark_at(&space->manifest, as_of.ts);
}

/* The seq that an instant of the interval after a mark stands for. */
static int past_seq(pq_space *space, pq_file_cache *files, pq_op *op, pq_as_of as_of,
                    pq_entry_mark mark, uint64_t *out) {
  *out = as_of.seq;
  if (as_of.is_seq) return PQ_OK;
  return pq_event_seq_at(&space->manifest, files, &op->fetch, &op->scratch, as_of.ts, mark.seq_hi,
                         out);
}

/* How far an overlay that serves `seq` is to reach: to the end of the interval, unless a flush of
 * an older program made that long. */
static uint64_t past_end(const pq_manifest *m, uint64_t seq) {
  uint32_t lo = 0, hi = m->mark_count;
  while (lo < hi) {
    uint32_t mid = lo + (hi - lo) / 2;
    if (m->marks[mid].seq_hi < seq)
      lo = mid + 1;
    else
      hi = mid;
  }
  if (lo == m->mark_count || m->marks[lo].seq_hi - seq > EVENTS_AHEAD_MAX) return seq;
  return m->marks[lo].seq_hi;
}

/* ---- events that are to be there ---- */

int pq_space_check_happened(const pq_space *s, pq_as_of as_of) {
  if (!as_of.is_set || !as_of.is_seq || as_of.seq <= last_seen(s)) return PQ_OK;
  return pq_fail(s->db->cx, PQ_EINVALID,
                 "%s: event %llu is not there yet: the last one of namespace '%s' is %llu%s",
                 as_of.name, (unsigned long long)as_of.seq, s->ns, (unsigned long long)last_seen(s),
                 s->is_tail_missing ? " without the unflushed tail, which cannot be opened" : "");
}

/* The last event at or before an instant, wherever it is. */
static int last_at(pq_space *s, pq_file_cache *files, pq_op *op, int64_t ts, uint64_t *out) {
  const pq_as_of at = {.is_set = true, .ts = ts};
  *out = seq_at(s, ts);
  return is_past(s, at) ? past_seq(s, files, op, at, past_mark(s, at), out) : PQ_OK;
}

/* An id is a time to the millisecond and a seq, and times never fall: the event has it when it is
 * not after that millisecond, and not before it. Times before 1970 are all 0 in an id. */
int pq_space_check_id(pq_space *s, pq_file_cache *files, pq_op *op, pq_as_of as_of) {
  const pq_event e = {.seq = as_of.seq, .ts = as_of.ts};
  uint64_t before = 0, within = 0;
  char id[PQ_ULID_LEN + 1];
  int rc, rc2 = PQ_OK;
  if (!as_of.is_set || !as_of.is_id || as_of.seq < s->manifest.history.seq) return PQ_OK;
  PQ_TRY(pq_space_check_happened(s, as_of));
  rc = last_at(s, files, op, as_of.ts + 999, &within);
  if (rc < 0) return rc;
  if (as_of.ts > 0) rc2 = last_at(s, files, op, as_of.ts - 1, &before);
  if (rc2 < 0) return rc2;
  if (rc == PQ_NEED_IO || rc2 == PQ_NEED_IO) return PQ_NEED_IO;
  if (before < as_of.seq && as_of.seq <= within) return PQ_OK;
  pq_event_ulid(&e, id);
  return pq_fail(op->cx, PQ_EINVALID,
                 "%s: namespace '%s' has no event %s: its event %llu has another time, so the id "
                 "is of somewhere else",
                 as_of.name, s->ns, id, (unsigned long long)as_of.seq);
}

/* ---- overlays of the past ---- */

/* All events behind the newest entry up to `seq_hi`: those of bulk writes are in files, too. */
static int gather_tail(pq_space *s, pq_file_cache *files, pq_op *op, uint64_t seq_hi,
                       pq_event **out, uint32_t *count) {
  uint64_t seq = s->manifest.seq_hi + 1, last;
  *count = 0;
  *out = pq_arena_calloc(&op->scratch, (size_t)(seq_hi - seq + 1), sizeof **out);
  if (*out == NULL) return op->cx->code;
  for (; seq <= seq_hi; seq = last + 1) {
    bool is_filed = pq_space_is_filed(s, seq, &last);
    pq_event_want want = {.seq_lo = seq, .ts_hi = INT64_MAX, .needs_values = true};
    uint32_t from = pq_overlay_count(s->overlay, seq - 1), n;
    pq_event *events;
    if (last > seq_hi) last = seq_hi;
    want.seq_hi = last;
    n = pq_overlay_count(s->overlay, last) - from;
    for (uint32_t i = 0; i < n; i++)
      (*out)[(*count)++] = s->overlay->versions[from + i].event;
    if (!is_filed) continue;
    PQ_TRY(gather_events(s, files, op, &want, &events, &n));
    if (n > 0) memcpy(*out + *count, events, n * sizeof *events);
    *count += n;
  }
  return PQ_OK;
}

/* The interval's overlay, kept from an earlier read or made now. Nothing has changed before all its
 * events are there. */
static int open_past(pq_snapshot *s, pq_space *space, pq_op *op, pq_entry_mark mark) {
  bool is_shared = s->view.files == &space->files && !space->overlay->is_partial;
  pq_past_shelf *shelf = is_shared ? &space->pasts : NULL;
  pq_event_want want = {.seq_lo = mark.seq_hi + 1, .ts_hi = INT64_MAX, .needs_values = true};
  pq_event *events;
  uint32_t count;
  want.seq_hi = past_end(&space->manifest, s->view.seq);
  s->past = is_shared ? pq_past_find(shelf, mark.entry, s->view.seq) : NULL;
  if (s->past == NULL) {
    PQ_TRY(mark.seq_hi == space->manifest.seq_hi
               ? gather_tail(space, s->view.files, op, want.seq_hi, &events, &count)
               : gather_events(space, s->view.files, op, &want, &events, &count));
    PQ_TRY(pq_past_new(shelf, op->cx, mark.entry, want.seq_hi, events, count, &s->past));
  }
  s->view.overlay = &s->past->overlay;
  return PQ_OK;
}

/* Is it in the midst of a bulk write that is pending, whose files show more? */
static bool is_within(const pq_space *space, pq_as_of as_of, unsigned how) {
  return as_of.is_set && as_of.is_seq && (how & OPEN_FLUSHED) == 0 &&
         pq_space_is_within_bulk(space, as_of.seq);
}

/* An instant before the newest entry's: the files of the mark before it, and the events between.
 * With `is_point` those are left to be asked for one by one, unless they are at hand. */
static int open_before(pq_snapshot *s, pq_space *space, pq_op *op, pq_as_of as_of, unsigned how) {
  bool is_point = (how & OPEN_POINT) != 0;
  pq_view *v = &s->view;
  pq_entry_mark mark = past_mark(space, as_of);
  v->entry = mark.entry;
  /* Have the delete files of that entry (compaction may have removed them since) loaded before
   * anything is made, so that nothing is made twice. */
  if ((how & OPEN_EVENTS) == 0) PQ_TRY(pq_view_load(v, &op->fetch, &op->scratch, &op->scratch));
  PQ_TRY(past_seq(space, v->files, op, as_of, mark, &v->seq));
  if (v->seq == mark.seq_hi) return PQ_OK;
  if (is_point && v->files == &space->files)
    s->past = pq_past_find(&space->pasts, mark.entry, v->seq);
  if (s->past != NULL) v->overlay = &s->past->overlay;
  if (s->past != NULL) return PQ_OK;
  if (!is_point || mark.seq_hi == space->manifest.seq_hi) return open_past(s, space, op, mark);
  v->probe_lo = mark.seq_hi + 1;
  return PQ_OK;
}

static int open_at(pq_snapshot *s, pq_space *space, pq_file_cache *files, pq_op *op, pq_as_of as_of,
                   unsigned how) {
  pq_snapshot fresh = {.space = space};
  pq_view *v = &fresh.view;
  int rc = PQ_OK;
  *v = (pq_view){.cx = op->cx,
                 .manifest = &space->manifest,
                 .entry = space->manifest.entry,
                 .seq = space->manifest.seq_hi,
                 .files = files};
  pq_assert(s->space == NULL);
  PQ_TRY(pq_space_check_instant(space, as_of));
  PQ_TRY(pq_space_check_happened(space, as_of));
  PQ_TRY(pq_space_check_id(space, files, op, as_of));
  if (is_past(space, as_of) || is_within(space, as_of, how)) {
    PQ_TRY(open_before(&fresh, space, op, as_of, how));
  } else if ((how & OPEN_FLUSHED) == 0) {
    v->overlay = space->overlay;
    v->seq = last_seen(space);
    if (as_of.is_set && as_of.is_seq && as_of.seq < v->seq) v->seq = as_of.seq;
    if (as_of.is_set && !as_of.is_seq) v->seq = seq_at(space, as_of.ts);
    v->pending_to = v->seq;
  }
  if ((how & OPEN_EVENTS) == 0) rc = pq_view_load(v, &op->fetch, &op->arena, &op->scratch);
  if (rc != PQ_OK) {
    pq_assert(fresh.past == NULL || rc != PQ_NEED_IO);
    if (fresh.past != NULL) pq_past_leave(&space->pasts, fresh.past);
    return rc;
  }
  *s = fresh;
  s->tail = space->overlay;
  s->tail->reader_count++;
  space->reader_count++;
  return PQ_OK;
}

int pq_snapshot_open_on(pq_snapshot *s, pq_space *space, pq_file_cache *files, pq_op *op,
                        pq_as_of as_of, bool is_flushed) {
  return open_at(s, space, files, op, as_of, is_flushed ? OPEN_FLUSHED : 0);
}

int pq_snapshot_open(pq_snapshot *s, pq_space *space, pq_op *op, pq_as_of as_of, bool is_flushed) {
  return pq_snapshot_open_on(s, space, &space->files, op, as_of, is_flushed);
}

int pq_snapshot_open_point(pq_snapshot *s, pq_space *space, pq_file_cache *files, pq_op *op,
                           pq_as_of as_of, bool is_flushed) {
  return open_at(s, space, files, op, as_of, OPEN_POINT | (is_flushed ? OPEN_FLUSHED : 0));
}

int pq_snapshot_open_events(pq_snapshot *s, pq_space *space, pq_op *op, pq_as_of as_of,
                            bool is_flushed) {
  return open_at(s, space, &space->files, op, as_of,
                 OPEN_POINT | OPEN_EVENTS | (is_flushed ? OPEN_FLUSHED : 0));
}

/* The tail of a snapshot that was the last to hold it goes, unless it is that of the present. */
void pq_snapshot_let_tail_go(pq_snapshot *s) {
  pq_space *space = s->space;
  pq_overlay *tail = s->tail;
  uint32_t i = 0;
  s->tail = NULL;
  if (tail == NULL) return;
  pq_assert(tail->reader_count > 0);
  if (--tail->reader_count > 0 || tail == space->overlay) return;
  while (space->retired[i] != tail)
    i++;
  space->retired[i] = space->retired[--space->retired_count];
  pq_overlay_release(tail);
  pq_alloc(space->db->cx, tail, sizeof *tail, 0);
}

void pq_snapshot_close(pq_snapshot *s) {
  pq_space *space = s->space;
  if (space == NULL) return;
  if (s->past != NULL) pq_past_leave(&space->pasts, s->past);
  pq_snapshot_let_tail_go(s);
  pq_assert(space->reader_count > 0);
  space->reader_count--;
  *s = (pq_snapshot){0};
}
