/* db/works.c - see works.h: life of a work, its failures, what it did. */
#include "db/works.h"

#include <string.h>

enum { SECOND_US = 1000000, PAUSE_SECONDS_MAX = 64, HALVINGS_MAX = 12 };

int pq_works_of(pq_space *s, pq_works **out) {
  *out = s->works;
  if (*out != NULL) return PQ_OK;
  *out = pq_alloc(s->db->cx, NULL, 0, sizeof **out);
  if (*out == NULL) return pq_fail_nomem(s->db->cx);
  memset(*out, 0, sizeof **out); /* padding too: the state of a work is compared byte by byte */
  (*out)->space = s;
  (*out)->looked_entry = s->manifest.entry;
  s->works = *out;
  return PQ_OK;
}

void pq_works_free(pq_works *u) {
  if (u == NULL) return;
  for (int k = 0; k < PQ_WORK_NONE; k++)
    pq_works_drop(u, (pq_work_kind)k);
  if (u->abandoned != NULL) pq_alloc(u->space->db->cx, u->abandoned, strlen(u->abandoned) + 1, 0);
  pq_alloc(u->space->db->cx, u, sizeof *u, 0);
}

void pq_works_drop(pq_works *u, pq_work_kind kind) {
  pq_work *w = &u->items[kind];
  if (!w->is_running) return;
  /* The log knows whether the entry is there, and the namespace must ask it. */
  if (w->flush.is_committing) u->space->is_stale = true;
  pq_fetch_settle(&w->op.fetch); /* what is put is the flush's */
  if (w->flush.put.key != NULL) pq_works_abandon(u, w->flush.put.key);
  pq_flush_release(&w->flush);
  pq_op_release(&w->op);
  memset(w, 0, sizeof *w);
}

void pq_works_void(pq_works *u) {
  for (int k = 0; u != NULL && k < PQ_WORK_NONE; k++)
    u->items[k].is_void = u->items[k].is_running;
}

void pq_works_overtake(pq_works *u, const pq_flush *by) {
  for (int k = 0; u != NULL && k < PQ_WORK_NONE; k++)
    if (k != PQ_WORK_COMPACT && &u->items[k].flush != by)
      u->items[k].is_void = u->items[k].is_running;
}

void pq_works_drop_idle(pq_works *u) {
  if (u == NULL || u->space->write_owner != NULL) return;
  for (int k = 0; k < PQ_WORK_NONE; k++)
    pq_works_drop(u, (pq_work_kind)k);
}

static int begin(pq_works *u, pq_work_kind kind) {
  pq_work *w = &u->items[kind];
  pq_db *db = u->space->db;
  int rc;
  pq_assert(!w->is_running);
  pq_assert(u->space->is_loaded);
  u->last[kind] = (pq_work_result){0};
  rc = pq_op_init(&w->op, db->cx, &w->flush,
                  kind == PQ_WORK_COLLECT ? sizeof w->collect : sizeof w->flush, NULL);
  if (rc != PQ_OK) {
    pq_op_release(&w->op);
    return rc;
  }
  w->op.fetch.decompressor = &db->decompressor;
  w->op.fetch.runner = &db->runner;
  w->is_running = true;
  return PQ_OK;
}

/* A collection that has not put its entry makes way: what it found may be old afterwards. */
static void stop_collecting(pq_works *u) {
  pq_assert(!u->items[PQ_WORK_COLLECT].flush.is_committing);
  pq_works_drop(u, PQ_WORK_COLLECT);
}

bool pq_works_make_room(pq_works *u) {
  const pq_work *w = u == NULL ? NULL : &u->items[PQ_WORK_COMPACT];
  if (w == NULL || !w->is_running || w->flush.is_committing) return false;
  pq_works_drop(u, PQ_WORK_COMPACT);
  return true;
}

int pq_works_flush(pq_works *u, bool is_whole) {
  pq_work *w = &u->items[PQ_WORK_FLUSH];
  const pq_cx *cx = u->space->db->cx;
  /* Caches fill all but a quarter of the memory: less is left only where others hold it. */
  if (cx->meter != NULL && pq_memory_left(cx) < cx->meter->max / 8) (void)pq_works_make_room(u);
  stop_collecting(u);
  PQ_TRY(begin(u, PQ_WORK_FLUSH));
  pq_flush_begin(&w->flush, u->space, &w->op, is_whole);
  if (!is_whole) pq_flush_cut(&w->flush, u->halvings);
  return PQ_OK;
}

int pq_works_compact(pq_works *u, pq_slice collection, bool is_whole) {
  pq_work *w = &u->items[PQ_WORK_COMPACT];
  int rc;
  stop_collecting(u);
  PQ_TRY(begin(u, PQ_WORK_COMPACT));
  rc = pq_compact_begin(&w->flush, u->space, &w->op, collection, is_whole);
  if (rc != PQ_OK) pq_works_drop(u, PQ_WORK_COMPACT);
  return rc;
}

static int stage_collected(pq_op *op) {
  op->stage = NULL;
  return PQ_OK;
}

/* Unknown files are looked for once, and when some had to be left; else all garbage is what the
 * manifest names. */
int pq_works_collect(pq_works *u) {
  pq_work *w = &u->items[PQ_WORK_COLLECT];
  PQ_TRY(begin(u, PQ_WORK_COLLECT));
  u->has_garbage = false;
  w->collect.space = u->space;
  w->collect.min_age_us = PQ_GARBAGE_MIN_AGE_US;
  w->collect.skips_unknown = u->counts.collections > 0 && !u->has_left;
  w->collect.done = stage_collected;
  pq_collect_begin(&w->collect, &w->op);
  return PQ_OK;
}

/* The tail goes before what is kept for later, all of which can be read or made again. */
static void give_up_caches(pq_space *s) {
  (void)pq_page_cache_drop(&s->files.pages);
  (void)pq_graphs_drop(s->graphs);
}

/* Note the failure, and when to try again. */
static int note_failure(pq_works *u, pq_work_kind kind, int64_t now_us, int rc) {
  pq_cx *cx = u->space->db->cx;
  uint32_t doublings = u->failures < 6 ? u->failures : 6;
  int64_t seconds = INT64_C(1) << doublings;
  memcpy(u->message, cx->msg, sizeof u->message);
  u->failures++;
  u->failed_us = now_us;
  u->failed_kind = kind;
  pq_works_drop(u, kind);
  if (kind == PQ_WORK_FLUSH && rc == PQ_ENOMEM) {
    (void)pq_works_make_room(u);
    give_up_caches(u->space);
    if (u->halvings < HALVINGS_MAX) { /* less is tried at once */
      u->halvings++;
      seconds = 0;
    }
  }
  u->retry_us = now_us + (seconds < PAUSE_SECONDS_MAX ? seconds : PAUSE_SECONDS_MAX) * SECOND_US;
  return rc;
}

static void note_collected(pq_works *u) {
  const pq_collect *g = &u->items[PQ_WORK_COLLECT].collect;
  u->last[PQ_WORK_COLLECT] = (pq_work_result){.removed = g->deleted, .bytes = g->deleted_len};
  u->counts.collections++;
  u->has_left = g->has_left;
  u->counts.collected_bytes += g->deleted_len;
  if (u->failed_kind == PQ_WORK_COLLECT) u->failures = 0;
  pq_works_drop(u, PQ_WORK_COLLECT);
}

static void note_success(pq_works *u, pq_work_kind kind, int64_t now_us) {
  pq_work *w = &u->items[kind];
  const pq_flush *f = &w->flush;
  if (kind == PQ_WORK_COLLECT) {
    note_collected(u);
    return;
  }
  u->has_garbage = f->entry_no > 0 && pq_garbage_is_due(u->space, now_us);
  u->last[kind] = (pq_work_result){.entry = f->entry_no,
                                   .events = f->event_count,
                                   .files = f->file_count,
                                   .removed = f->remove_count,
                                   .bytes = f->byte_count};
  u->counts.flushes += kind == PQ_WORK_FLUSH && f->entry_no > 0;
  u->halvings -= kind == PQ_WORK_FLUSH && u->halvings > 0;
  u->counts.compactions += kind == PQ_WORK_COMPACT && f->entry_no > 0;
  *(kind == PQ_WORK_FLUSH ? &u->counts.flushed_bytes : &u->counts.compacted_bytes) += f->put_bytes;
  if (u->failed_kind == kind) u->failures = 0;
  if (kind == PQ_WORK_COMPACT && f->entry_no == 0) u->looked_entry = u->space->manifest.entry;
  pq_works_drop(u, kind);
}

int pq_works_run(pq_works *u, pq_work_kind kind, int64_t now_us) {
  pq_work *w = &u->items[kind];
  int rc;
  pq_assert(w->is_running);
  if (w->is_void) {
    pq_works_drop(u, kind);
    return PQ_OK;
  }
  rc = pq_op_step(&w->op, now_us);
  if (rc == PQ_NEED_IO) return rc;
  if (rc < 0) return note_failure(u, kind, now_us, rc);
  if (w->op.stage == NULL) note_success(u, kind, now_us);
  return PQ_OK;
}

void pq_works_look(pq_works *u) {
  if (u != NULL) u->looked_entry = 0;
}

pq_work_kind pq_works_committing(const pq_works *u) {
  for (int k = 0; u != NULL && k < PQ_WORK_NONE; k++)
    if (u->items[k].is_running && u->items[k].flush.is_committing) return (pq_work_kind)k;
  return PQ_WORK_NONE;
}

bool pq_works_is_away(const pq_works *u) {
  for (int k = 0; u != NULL && k < PQ_WORK_NONE; k++)
    if (u->items[k].is_running && u->items[k].op.fetch.taken > 0) return true;
  return false;
}

pq_fetch *pq_works_fetch(pq_works *u, pq_work_kind kind) {
  return &u->items[kind].op.fetch;
}
