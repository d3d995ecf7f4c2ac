/* db/verify_history.c - the events of a namespace from the first to the last. See verify.h.
 *
 *   event files by seq, a window of events a step ─► the tail ─► rows (verify_state.c)
 *   those of bulk writes come in turns with the tail (db/pending.h)
 *        each event: seq without a gap, its link, its state into the table
 *
 * The chain is checked in the first pass only.
 */
#include <string.h>

#include "base/merge_sort.h"
#include "db/verify_int.h"
#include "log/event_index.h"

enum { WINDOW_EVENTS = 20000, EXPANSION = 6 };

static int part_events(pq_verify *v, pq_op *op);

static int compare_seq(const void *a, const void *b, const void *ud) {
  const pq_verify *v = ud;
  uint64_t x = v->files[*(const uint32_t *)a].seq_lo, y = v->files[*(const uint32_t *)b].seq_lo;
  return x < y ? -1 : x > y;
}

bool pq_verify_has_events(const pq_verify *v, const pq_file_info *info) {
  return info->kind == PQ_FILE_EVENTS && pq_view_has_file(&v->snapshot.view, info);
}

static int list_files(pq_verify *v) {
  const pq_overlay *tail = v->snapshot.view.overlay;
  for (uint32_t i = 0; i < v->file_count; i++)
    if (pq_verify_has_events(v, &v->files[i])) v->event_files[v->event_file_count++] = i;
  PQ_TRY(pq_sort_items(v->cx, v->event_files, v->event_file_count, sizeof *v->event_files,
                       compare_seq, v));
  if (v->event_file_count > 0) {
    v->first_seq = v->files[v->event_files[0]].seq_lo;
    v->first_ts = v->files[v->event_files[0]].ts_lo;
  }
  if (tail != NULL && tail->version_count > 0 &&
      (v->first_seq == 0 || tail->versions[0].event.seq < v->first_seq)) {
    v->first_seq = tail->versions[0].event.seq;
    v->first_ts = tail->versions[0].event.ts;
  }
  if (v->first_seq == 0 && v->space->manifest.history.seq > 0) { /* all of them were dropped */
    v->first_seq = v->space->manifest.history.seq + 1;
    v->first_ts = v->space->manifest.history.ts;
  }
  return PQ_OK;
}

int pq_verify_begin_pass(pq_verify *v, pq_op *op) {
  const pq_history_start *h = &v->space->manifest.history;
  uint8_t link[PQ_DIGEST_LEN];
  (void)op;
  if (v->pass == 0) {
    bool has_link;
    PQ_TRY(list_files(v));
    /* What is before the oldest file was dropped; the log has kept the link at its end. */
    has_link = h->seq > 0 && h->seq + 1 == v->first_seq && pq_link_parse(h->hash, link);
    pq_chain_check_init(&v->chain, v->first_seq > 0 ? v->first_seq - 1 : 0, has_link ? link : NULL);
  }
  v->event_file = 0;
  v->is_entry_checked = false;
  v->seq = 0;
  v->part = part_events;
  return PQ_OK;
}

static int tell(pq_verify *v, pq_op *op, const char *name, const pq_event *e, const char *what) {
  const char *text =
      pq_arena_printf(&op->scratch, "event %llu: %s", (unsigned long long)e->seq, what);
  return text == NULL ? op->cx->code : pq_verify_problem(v, op, name, text);
}

/* An event of an intact file; `file` NULL: of the tail, which has no rows yet. */
static int take_event(pq_verify *v, pq_op *op, const char *file, const pq_event *e) {
  const char *wrong = NULL, *name = file == NULL ? "hot.sqlite" : file;
  if (v->pass == 0) {
    wrong = pq_chain_check_event(&v->chain, e);
    if (wrong != NULL && v->chain.seq != e->seq) { /* a gap: told, and over it */
      if (!v->is_incomplete) PQ_TRY(tell(v, op, name, e, wrong));
      v->is_incomplete = true;
      wrong = pq_chain_check_event(&v->chain, e);
    }
    v->counts.events++;
    v->counts.links += e->hash.n > 0;
  }
  v->seq = e->seq;
  if (wrong != NULL) PQ_TRY(tell(v, op, name, e, wrong));
  return file == NULL ? PQ_OK : pq_verify_note_event(v, e);
}

static const char *range_defect(const pq_file_info *info, const pq_event *e) {
  if (e->seq < info->seq_lo || e->seq > info->seq_hi)
    return "outside of the seqs that the log says";
  return e->ts < info->ts_lo || e->ts > info->ts_hi ? "outside of the times that the log says"
                                                    : NULL;
}

/* Read the events of a window; those of all row groups that it touches. */
static int read_window(pq_verify *v, pq_op *op, const pq_file_info *info, const pq_event_want *want,
                       pq_event ***out, uint32_t *count) {
  pq_cached_file *file;
  bool is_missing = false;
  uint32_t n = 0;
  PQ_TRY(pq_file_cache_open(&v->space->files, &op->fetch, info, &file));
  *out = pq_arena_calloc(&op->scratch, WINDOW_EVENTS, sizeof **out);
  if (*out == NULL) return op->cx->code;
  for (uint32_t g = 0; g < file->file.footer->row_group_count; g++) {
    pq_event *events;
    uint32_t k;
    int rc = pq_event_file_read(&op->fetch, &op->scratch, &file->file, g, want, &events, &k);
    is_missing |= rc == PQ_NEED_IO;
    if (rc == PQ_NEED_IO) continue;
    PQ_TRY(rc);
    for (uint32_t i = 0; i < k && n < WINDOW_EVENTS; i++)
      (*out)[n++] = &events[i];
  }
  *count = n;
  return is_missing ? PQ_NEED_IO : PQ_OK;
}

static uint64_t window_of(const pq_op *op, const pq_file_info *info) {
  uint64_t each = info->len / (info->row_count + 1) * EXPANSION + 1;
  uint64_t n = op->cx->limits.scan_len_max / each + 1;
  return n < WINDOW_EVENTS ? n : WINDOW_EVENTS;
}

/* The events of the tail up to `last` that have not been taken. */
static int take_tail(pq_verify *v, pq_op *op, uint64_t last) {
  const pq_overlay *o = v->snapshot.view.overlay;
  for (uint32_t i = o == NULL ? 0 : pq_overlay_count(o, v->seq);
       o != NULL && i < o->version_count && o->versions[i].event.seq <= last; i++)
    PQ_TRY(take_event(v, op, NULL, &o->versions[i].event));
  return PQ_OK;
}

/* Are there such? */
static bool has_tail(const pq_verify *v, uint64_t last) {
  const pq_overlay *o = v->snapshot.view.overlay;
  return o != NULL && pq_overlay_count(o, last) > pq_overlay_count(o, v->seq);
}

static int part_tail(pq_verify *v, pq_op *op) {
  const char *wrong = NULL;
  PQ_TRY(take_tail(v, op, UINT64_MAX));
  if (v->pass == 0 && !v->is_incomplete) wrong = pq_chain_check_end(&v->chain);
  if (wrong != NULL) PQ_TRY(pq_verify_problem(v, op, "hot.sqlite", wrong));
  return pq_verify_begin_rows(v, op);
}

/* Events that cannot be read: the chain goes on behind them. */
static void skip_file(pq_verify *v, const pq_file_info *info) {
  v->is_incomplete = true;
  if (v->pass == 0) {
    uint64_t from = v->chain.from_seq;
    pq_chain_check_init(&v->chain, info->seq_hi, NULL);
    v->chain.from_seq = from;
  }
  v->seq = info->seq_hi;
  v->event_file++;
  pq_verify_file_done(v, info);
}

/* The newest entry repeats the link at its seq_hi: looked at once, behind its event files. */
static int check_entry_hash(pq_verify *v, pq_op *op) {
  uint8_t link[PQ_DIGEST_LEN];
  char key[PQ_LOG_KEY_CAP];
  bool is_first = !v->is_entry_checked;
  v->is_entry_checked = true;
  if (!is_first || v->event_file == 0) return PQ_OK;
  if (v->pass > 0 || v->is_incomplete || v->space->manifest.entry != v->snapshot.view.entry)
    return PQ_OK;
  (void)pq_link_parse(v->space->manifest.hash, link);
  if (memcmp(link, v->chain.link, sizeof link) == 0) return PQ_OK;
  pq_log_key(v->snapshot.view.entry, key);
  return pq_verify_problem(v, op, key, "its hash is not the chain's");
}

/* All events of a file were read: in the first pass its index must say the same. */
static void end_file(pq_verify *v, const pq_file_info *info) {
  v->event_file++;
  pq_verify_file_done(v, info);
  if (v->pass == 0) pq_verify_begin_index(v, info, part_events);
}

static int part_events(pq_verify *v, pq_op *op) {
  const pq_file_info *info;
  pq_event_want want = {
      .ts_hi = INT64_MAX, .needs_values = true, .needs_before = true, .needs_hash = true};
  pq_event **events = NULL;
  uint32_t count = 0;
  int rc;
  if (v->event_file == v->event_file_count) {
    v->part = part_tail;
    return check_entry_hash(v, op);
  }
  info = &v->files[v->event_files[v->event_file]];
  if (info->seq_lo > v->seq_hi && !v->is_entry_checked) return check_entry_hash(v, op);
  if (has_tail(v, info->seq_lo - 1)) return take_tail(v, op, info->seq_lo - 1);
  if (v->is_bad[v->event_files[v->event_file]]) {
    skip_file(v, info);
    return PQ_OK;
  }
  want.seq_lo = v->seq < info->seq_lo ? info->seq_lo : v->seq + 1;
  if (want.seq_lo == info->seq_lo) v->events_sum = 0;
  want.seq_hi = want.seq_lo + window_of(op, info) - 1;
  rc = read_window(v, op, info, &want, &events, &count);
  if (rc == PQ_NEED_IO) return rc;
  if (rc != PQ_OK) {
    if (!pq_verify_is_finding(rc)) return rc;
    PQ_TRY(pq_verify_problem(v, op, info->name, op->cx->msg));
    skip_file(v, info);
    return PQ_OK;
  }
  for (uint32_t i = 0; i < count; i++) {
    const char *wrong = range_defect(info, events[i]);
    if (wrong != NULL) PQ_TRY(tell(v, op, info->name, events[i], wrong));
    PQ_TRY(take_event(v, op, info->name, events[i]));
    v->events_sum += pq_event_index_sum(events[i]);
  }
  v->file_len = info->len / (info->seq_hi - info->seq_lo + 1) * (want.seq_hi - info->seq_lo);
  if (want.seq_hi >= info->seq_hi) end_file(v, info);
  v->seq = want.seq_hi < info->seq_hi ? want.seq_hi : info->seq_hi;
  return PQ_OK;
}
