/* db/garbage_run.c - doing what a survey found. See garbage.h for the order and why.
 *
 * From the entry on every step may be repeated, left out or done late without harm: the next survey
 * finds what was not deleted.
 */
#include <string.h>

#include "db/garbage_int.h"
#include "db/works.h"

enum { DELETES_PER_STAGE = 256 };

/* ---- deleting ---- */

static bool is_file(const pq_garbage *item) {
  return item->kind == PQ_GARBAGE_FILE || item->kind == PQ_GARBAGE_ORPHAN;
}

/* Reads that run in this process may stand on files that have just become free. */
static bool must_wait(const pq_collect *g, const pq_garbage *item) {
  return is_file(item) && (g->space->reader_count > 0 || g->has_new_pins);
}

static int delete_some(pq_collect *g, pq_op *op, uint32_t end) {
  bool is_missing = false;
  for (uint32_t i = g->next; i < end; i++) {
    const char *key = pq_arena_printf(&op->scratch, "%s/%s", g->space->ns, g->items[i].name);
    int rc;
    if (key == NULL) return op->cx->code;
    if (must_wait(g, &g->items[i])) continue;
    rc = pq_fetch_delete(&op->fetch, key);
    if (rc < 0) return rc;
    is_missing |= rc == PQ_NEED_IO;
  }
  return is_missing ? PQ_NEED_IO : PQ_OK;
}

static int stage_delete(pq_op *op) {
  pq_collect *g = pq_collect_of(op);
  uint32_t left = g->count - g->next;
  uint32_t end = g->next + (left < DELETES_PER_STAGE ? left : DELETES_PER_STAGE);
  PQ_TRY(delete_some(g, op, end));
  for (; g->next < end; g->next++) {
    if (must_wait(g, &g->items[g->next])) {
      g->kept_pinned++;
      g->has_left = true;
      continue;
    }
    g->deleted++;
    g->deleted_len += g->items[g->next].len;
  }
  if (g->next == g->count) op->stage = g->done;
  return PQ_OK;
}

/* Is every line of a listing one of the other? */
static bool has_all(pq_slice names, pq_slice lines) {
  while (lines.n > 0) {
    const uint8_t *end = memchr(lines.p, '\n', lines.n);
    size_t n = end == NULL ? lines.n : (size_t)(end - lines.p) + 1, at = 0;
    while (at + n <= names.n &&
           (memcmp(names.p + at, lines.p, n) != 0 || (at > 0 && names.p[at - 1] != '\n')))
      at++;
    if (at + n > names.n) return false;
    lines = (pq_slice){lines.p + n, lines.n - n};
  }
  return true;
}

/* A pin holds when no entry came behind it. One that was made between the survey and the entry
 * holds, though the survey did not see it; one that is made from now on does not. */
static int stage_look_for_pins(pq_op *op) {
  pq_collect *g = pq_collect_of(op);
  char *key = pq_arena_printf(&op->scratch, "%s/pins/", g->space->ns);
  bool is_wanted = false;
  pq_slice names = {0};
  if (key == NULL) return op->cx->code;
  for (uint32_t i = 0; i < g->count; i++)
    is_wanted = is_wanted || is_file(&g->items[i]);
  if (is_wanted) PQ_TRY(pq_fetch_list(&op->fetch, key, &names));
  g->has_new_pins = !has_all(g->pin_names, names);
  op->stage = stage_delete;
  return PQ_OK;
}

/* The collector's own entries, when a checkpoint covers them already. */
static int stage_delete_own(pq_op *op) {
  pq_collect *g = pq_collect_of(op);
  bool is_missing = false;
  for (uint64_t n = g->surveyed + 1; n < g->boundary; n++) {
    char name[PQ_LOG_KEY_CAP];
    char *key;
    int rc;
    pq_log_key(n, name);
    key = pq_arena_printf(&op->scratch, "%s/%s", g->space->ns, name);
    if (key == NULL) return op->cx->code;
    rc = pq_fetch_delete(&op->fetch, key);
    if (rc < 0) return rc;
    is_missing |= rc == PQ_NEED_IO;
  }
  if (is_missing) return PQ_NEED_IO;
  op->stage = stage_look_for_pins;
  return PQ_OK;
}

/* ---- the boundary ---- */

static int stage_boundary(pq_op *op);

/* Another collector has raised it meanwhile, but less: raise it from there. It only rises, so that
 * this ends. */
static int raise_on(pq_collect *g, pq_op *op, uint64_t boundary) {
  pq_buf text;
  int rc;
  pq_buf_init(&text, op->cx, PQ_BOUNDARY_LEN_MAX);
  rc = pq_boundary_print(boundary, &text);
  if (rc == PQ_OK) rc = pq_arena_copy(&op->arena, pq_buf_slice(&text), &g->boundary_text);
  pq_buf_release(&text);
  if (rc != PQ_OK) return rc;
  g->boundary_was = boundary;
  op->stage = stage_boundary;
  return PQ_OK;
}

/* Whoever raised it meanwhile, and whatever became of my request: it must stand where I want it
 * before anything below it is deleted. */
static int stage_boundary_again(pq_op *op) {
  pq_collect *g = pq_collect_of(op);
  uint64_t boundary;
  PQ_TRY(pq_space_read_boundary(g->space, op, &boundary));
  if (boundary < g->boundary && boundary > g->boundary_was) return raise_on(g, op, boundary);
  if (boundary < g->boundary)
    return pq_fail(op->cx, PQ_EIO, "%s/boundary: could not be raised to %llu: try again",
                   g->space->ns, (unsigned long long)g->boundary);
  if (boundary > g->space->manifest.entry + 1) g->space->is_fenced = true;
  if (g->space->is_fenced)
    return pq_fail(op->cx, PQ_EFENCED, "namespace '%s' was taken over by another writer",
                   g->space->ns);
  op->stage = stage_delete_own;
  return PQ_OK;
}

static int stage_boundary(pq_op *op) {
  pq_collect *g = pq_collect_of(op);
  char *key = pq_arena_printf(&op->scratch, "%s/boundary", g->space->ns);
  pq_buf text;
  int rc;
  op->stage = stage_delete_own;
  if (g->boundary <= g->boundary_was) return PQ_OK;
  op->stage = stage_boundary;
  if (key == NULL) return op->cx->code;
  pq_buf_init(&text, op->cx, PQ_BOUNDARY_LEN_MAX);
  rc = pq_boundary_print(g->boundary, &text);
  if (rc == PQ_OK) rc = pq_fetch_put_if(&op->fetch, key, g->boundary_text, pq_buf_slice(&text));
  pq_buf_release(&text);
  if (rc != PQ_OK && rc != PQ_ECONFLICT && rc != PQ_EIO) return rc;
  if (rc == PQ_OK) g->space->boundary = g->boundary;
  op->stage = rc == PQ_OK ? stage_delete_own : stage_boundary_again;
  return PQ_OK;
}

/* ---- the checkpoint ---- */

static int stage_put_checkpoint(pq_op *op) {
  pq_collect *g = pq_collect_of(op);
  pq_manifest *m = &g->space->manifest;
  char name[PQ_LOG_KEY_CAP];
  char *key;
  int rc;
  pq_ckpt_key(m->entry, name);
  key = pq_arena_printf(&op->scratch, "%s/%s", g->space->ns, name);
  if (key == NULL) return op->cx->code;
  rc = pq_fetch_put_new(&op->fetch, key, pq_buf_slice(&g->flush.text));
  if (rc != PQ_OK && rc != PQ_ECONFLICT) return rc; /* there already: the same text */
  m->checkpoint = m->entry;
  m->delta_len = 0;
  g->boundary = m->entry + 1;
  op->stage = stage_boundary;
  return PQ_OK;
}

/* The entry, if one was needed, is in the log. */
static int stage_checkpoint(pq_op *op) {
  pq_collect *g = pq_collect_of(op);
  const pq_manifest *m = &g->space->manifest;
  op->stage = stage_boundary;
  if (!g->needs_checkpoint) return PQ_OK;
  if (m->checkpoint == m->entry) {
    g->boundary = m->entry + 1;
    return PQ_OK;
  }
  pq_buf_release(&g->flush.text);
  pq_buf_init(&g->flush.text, op->cx, SIZE_MAX / 2);
  PQ_TRY(pq_manifest_print(m, &g->flush.text));
  op->stage = stage_put_checkpoint;
  return PQ_OK;
}

/* ---- the entry ---- */

/* The chain's link where history begins, from the last event before it. */
static int stage_link(pq_op *op) {
  pq_collect *g = pq_collect_of(op);
  uint64_t seq = g->flush.history.seq;
  pq_event_want want = {.seq_lo = seq, .seq_hi = seq, .ts_hi = INT64_MAX, .needs_hash = true};
  uint8_t link[PQ_DIGEST_LEN];
  pq_event *events;
  uint32_t count;
  char *text = NULL;
  PQ_TRY(pq_space_events(g->space, op, &want, &events, &count));
  if (count == 1 && events[0].hash.n == PQ_DIGEST_LEN) {
    memcpy(link, events[0].hash.p, PQ_DIGEST_LEN);
    text = pq_arena_alloc(&op->arena, PQ_LINK_CAP);
    if (text == NULL) return op->cx->code;
    pq_link_print(link, text);
    g->flush.history.hash = pq_str(text);
  }
  op->stage = pq_flush_stage_fence;
  return PQ_OK;
}

/* Works that are waiting for their next step begin anew later: what they know of the manifest will
 * be old, and their views hold files. None of them waits in the middle of its commit. */
static void drop_works(pq_collect *g) {
  pq_works *u = g->space->works;
  for (int k = 0; u != NULL && k < PQ_WORK_NONE; k++)
    if (&u->items[k].collect != g) pq_works_drop(u, (pq_work_kind)k);
}

static void begin_entry(pq_collect *g, pq_op *op, pq_stage_fn done) {
  const pq_manifest *m = &g->space->manifest;
  g->flush.space = g->space;
  g->flush.base = m->entry;
  g->flush.seq_hi = m->seq_hi;
  g->flush.ts_hi = m->ts_hi;
  g->flush.done = done;
  op->sub = g;
  op->stage = pq_flush_stage_fence;
}

int pq_collect_stage_run(pq_op *op) {
  pq_collect *g = pq_collect_of(op);
  op->stage = stage_checkpoint;
  drop_works(g);
  if (!g->needs_entry) return PQ_OK;
  begin_entry(g, op, stage_checkpoint);
  if (g->flush.history.seq > 0) op->stage = stage_link;
  return PQ_OK;
}

void pq_collect_commit(pq_collect *g, pq_op *op) {
  drop_works(g);
  begin_entry(g, op, g->done);
}

void pq_collect_begin(pq_collect *g, pq_op *op) {
  op->sub = g;
  op->stage = pq_collect_stage_survey;
}

void pq_collect_release(pq_collect *g) {
  pq_flush_release(&g->flush);
}
