/* db/compact_events.c - event files of one day become fewer ones. See compact_int.h.
 *
 *   seq      1 ──── 10k ──── 20k ── 21k 22k        neighbours, because a file's seqs are dense
 *   files    a        b        c     d   e         a file of 64,000 events and more stays
 *            └── one file, one index ────┘
 *
 * Files are sorted by seq, so that merging is writing one after the other; an event is rewritten
 * once a tier (below 1,000 events, 8,000, 64,000). So the history of one entity asks a number of
 * indexes that grows with the events, not with the flushes. The past reads events from the newest
 * manifest, whatever instant it is about: nothing of it depends on the old files.
 */
#include <string.h>

#include "base/text.h"
#include "db/compact_int.h"
#include "log/event_index.h"
#include "table/event_probe.h"

enum {
  TIERS = 3, /* and those that stay */
  EVENTS_MAX = 100000,
  LEN_PARTS = 64,  /* of the memory of an operation: a merged file's share; unpacked it is larger */
  EVENT_LEN = 2048 /* that an event takes while it is merged, without its documents */
};
#define DAY_US 86400000000

static uint32_t tier_of(const pq_file_info *info) {
  uint32_t tier = 0;
  for (uint64_t max = 1000; tier < TIERS && info->row_count >= max; max *= 8)
    tier++;
  return tier;
}

static int64_t day_of(int64_t ts) {
  return ts / DAY_US - (ts % DAY_US < 0);
}

/* Does `b` go on where `a` ends? */
static bool follows(const pq_file_info *a, const pq_file_info *b) {
  return b->seq_lo == a->seq_hi + 1 && day_of(a->ts_lo) == day_of(b->ts_lo) &&
         a->seq_hi - a->seq_lo == a->row_count - 1 && b->seq_hi - b->seq_lo == b->row_count - 1;
}

/* How many files from `from` on become one: neighbours, those asked for of any tier that does not
 * stay, else of one. */
static uint32_t run_len(const pq_event_source *s, uint32_t count, const pq_cx *cx, bool is_whole) {
  uint64_t rows = 0, len = 0, len_max = cx->limits.op_len_max / LEN_PARTS;
  uint64_t rows_max = cx->limits.op_len_max / EVENT_LEN;
  uint32_t n = 0, tier = tier_of(s[0].events);
  for (; n < count; n++) {
    const pq_file_info *info = s[n].events;
    uint32_t mine = tier_of(info);
    if (mine == TIERS || (!is_whole && mine != tier)) break;
    if (n > 0 && !follows(s[n - 1].events, info)) break;
    rows += info->row_count;
    len += info->len;
    if (n > 0 && (rows > rows_max || rows > EVENTS_MAX || len > len_max)) break;
  }
  return n;
}

static int add_input(pq_op *op, pq_compact_job *job, const pq_file_info *info) {
  pq_compact_input *in = &job->inputs[job->input_count++];
  in->info = *info;
  in->is_end = true; /* it is read as a whole */
  pq_arena_init(&in->arena, op->cx, op->cx->limits.op_len_max);
  return PQ_OK;
}

static int add_job(pq_flush *f, pq_op *op, const pq_event_source *s, uint32_t count) {
  pq_compact_job *job = &f->compaction->jobs[f->compaction->job_count];
  *job = (pq_compact_job){.kind = PQ_FILE_EVENTS};
  job->inputs = pq_arena_calloc(&op->arena, count, 2 * sizeof *job->inputs);
  if (job->inputs == NULL) return op->cx->code;
  for (uint32_t i = 0; i < count; i++) {
    PQ_TRY(add_input(op, job, s[i].events));
    if (s[i].index != NULL) PQ_TRY(add_input(op, job, s[i].index));
  }
  f->compaction->job_count++;
  return PQ_OK;
}

int pq_compact_plan_events(pq_flush *f, pq_op *op) {
  /* Later ones are of bulk writes that no entry has adopted. */
  const pq_event_want all = {.seq_hi = f->space->manifest.seq_hi, .ts_hi = INT64_MAX};
  uint32_t due = f->is_whole ? 2 : f->space->db->thresholds.files, count, n;
  pq_event_source *sources;
  if (due < 2) return PQ_OK;
  PQ_TRY(pq_live_files_events(&f->space->files.live, &f->space->manifest, &op->scratch, &all,
                              &sources, &count));
  for (uint32_t i = 0; i < count; i += n == 0 ? 1 : n) {
    n = run_len(sources + i, count - i, op->cx, f->is_whole);
    if (n < due) continue;
    PQ_TRY(add_job(f, op, sources + i, n));
    if (!f->is_whole) return PQ_OK;
  }
  return PQ_OK;
}

/* ---- the job ---- */

/* The events of one input, in seq order. */
static int read_input(pq_flush *f, pq_op *op, const pq_compact_input *in, pq_event **out,
                      uint32_t *count) {
  const pq_event_want want = {.seq_hi = UINT64_MAX,
                              .ts_hi = INT64_MAX,
                              .needs_values = true,
                              .needs_before = true,
                              .needs_hash = true};
  uint64_t rows = in->info.row_count;
  bool is_missing = false;
  pq_cached_file *file;
  *count = 0;
  *out = pq_arena_array(&op->scratch, (size_t)rows, sizeof **out);
  if (*out == NULL) return op->cx->code;
  PQ_TRY(pq_file_cache_open(&f->space->files, &op->fetch, &in->info, &file));
  for (uint32_t g = 0; g < file->file.footer->row_group_count; g++) {
    pq_event *events;
    uint32_t n;
    int rc = pq_event_file_read(&op->fetch, &op->scratch, &file->file, g, &want, &events, &n);
    if (rc < 0) return rc;
    is_missing |= rc == PQ_NEED_IO;
    if (n > rows - *count)
      return pq_fail(op->cx, PQ_ECORRUPT, "%s: more events than the log says", file->file.key);
    if (n > 0) memcpy(*out + *count, events, n * sizeof *events);
    *count += n;
  }
  return is_missing ? PQ_NEED_IO : PQ_OK;
}

/* They are encoded in steps, while nobody holds what was read. */
static int keep(pq_op *op, pq_compact_job *job, const pq_event *events, uint32_t count) {
  pq_arena *arena = &job->inputs[0].arena;
  pq_event *kept = pq_arena_array(arena, count, sizeof *kept);
  if (kept == NULL) return op->cx->code;
  for (uint32_t i = 0; i < count; i++) {
    kept[i] = events[i];
    PQ_TRY(pq_event_keep(arena, &kept[i]));
    job->events[job->event_count++] = &kept[i];
  }
  return PQ_OK;
}

static pq_file_info info_of(const pq_compact_job *job, pq_file_kind kind) {
  const pq_event *first = job->events[0], *last = job->events[job->event_count - 1];
  return (pq_file_info){.kind = kind,
                        .row_count = job->event_count,
                        .seq_lo = first->seq,
                        .seq_hi = last->seq,
                        .ts_lo = first->ts,
                        .ts_hi = last->ts};
}

static int add_events(pq_flush *f, pq_op *op, pq_compact_job *job) {
  pq_file_info info = info_of(job, PQ_FILE_EVENTS);
  char day[PQ_DAY_CAP];
  const char *folder;
  pq_writer *writer;
  pq_day_print(day_of(info.ts_lo), day);
  folder = pq_arena_printf(&op->arena, "events/day=%s", day);
  if (folder == NULL) return op->cx->code;
  PQ_TRY(pq_event_stream_finish(job->event_stream, &writer));
  return pq_flush_add_file(f, op, folder, info, writer);
}

static int add_index(pq_flush *f, pq_op *op, pq_compact_job *job) {
  pq_file_info info = info_of(job, PQ_FILE_EVENT_INDEX);
  pq_event_index index;
  PQ_TRY(pq_event_index_stream_finish(job->index_stream, &index));
  info.row_count = index.rows;
  if (pq_arena_copy(&op->arena, index.key_min, &info.id_min) != PQ_OK ||
      pq_arena_copy(&op->arena, index.key_max, &info.id_max) != PQ_OK) {
    pq_writer_free(index.writer);
    return op->cx->code;
  }
  return pq_flush_add_file(f, op, "indexes/events", info, index.writer);
}

/* Both files are stored, and their bytes are not needed any more. */
static int stage_put(pq_op *op) {
  pq_flush *f = pq_flush_of(op);
  bool is_missing = false;
  for (uint32_t i = f->file_count - 2; i < f->file_count; i++) {
    int rc = pq_flush_put_file(f, op, &f->files[i]);
    if (rc < 0) return rc;
    is_missing |= rc == PQ_NEED_IO;
  }
  if (is_missing) return PQ_NEED_IO;
  for (uint32_t i = f->file_count - 2; i < f->file_count; i++) {
    pq_writer_free(f->files[i].writer);
    f->files[i].writer = NULL;
  }
  op->stage = pq_compact_stage_next_job;
  return PQ_YIELD;
}

/* A step of the index. */
static int stage_index(pq_op *op) {
  pq_flush *f = pq_flush_of(op);
  pq_compact_job *job = &f->compaction->jobs[f->compaction->job];
  uint64_t left = PQ_STEP_LEN;
  bool is_done;
  PQ_TRY(pq_event_index_stream_step(job->index_stream, &left, &is_done));
  f->encoded = PQ_STEP_LEN - left;
  if (!is_done) return PQ_YIELD;
  PQ_TRY(add_index(f, op, job));
  pq_event_index_stream_free(job->index_stream);
  job->index_stream = NULL;
  op->stage = stage_put;
  return PQ_YIELD;
}

/* A step of the events. */
static int stage_encode(pq_op *op) {
  pq_flush *f = pq_flush_of(op);
  pq_compact_job *job = &f->compaction->jobs[f->compaction->job];
  uint64_t left = PQ_STEP_LEN;
  bool is_done;
  PQ_TRY(pq_event_stream_step(job->event_stream, &left, &is_done));
  f->encoded = PQ_STEP_LEN - left;
  if (!is_done) return PQ_YIELD;
  PQ_TRY(add_events(f, op, job));
  pq_event_stream_free(job->event_stream);
  job->event_stream = NULL;
  PQ_TRY(pq_event_index_stream_new(op->cx, job->events, job->event_count, &job->index_stream));
  op->stage = stage_index;
  return PQ_YIELD;
}

/* File by file, so that only one is in memory twice. */
static int stage_read(pq_op *op) {
  pq_flush *f = pq_flush_of(op);
  pq_compact_job *job = &f->compaction->jobs[f->compaction->job];
  pq_compact_input *in = &job->inputs[job->input];
  if (in->info.kind == PQ_FILE_EVENTS) {
    pq_event *events;
    uint32_t count;
    PQ_TRY(read_input(f, op, in, &events, &count));
    PQ_TRY(keep(op, job, events, count));
  }
  if (++job->input < job->input_count) return PQ_OK;
  if (job->event_count == 0)
    return pq_fail(op->cx, PQ_ECORRUPT, "%s/%s: no events", f->space->ns, in->info.name);
  PQ_TRY(pq_event_stream_new(op->cx, pq_str(f->space->ns), job->events, job->event_count,
                             &job->event_stream));
  op->stage = stage_encode;
  return PQ_YIELD;
}

int pq_compact_stage_events(pq_op *op) {
  pq_compaction *p = pq_flush_of(op)->compaction;
  pq_compact_job *job = &p->jobs[p->job];
  uint64_t rows = 0;
  for (uint32_t i = 0; i < job->input_count; i++)
    if (job->inputs[i].info.kind == PQ_FILE_EVENTS) rows += job->inputs[i].info.row_count;
  job->events = pq_arena_array(&job->inputs[0].arena, (size_t)rows, sizeof *job->events);
  if (job->events == NULL) return op->cx->code;
  op->stage = stage_read;
  return PQ_OK;
}
