/* db/flush_store.c - last part of a flush: the commit protocol. See flush.h, doc/formats/log.md.
 *
 *   FENCE ─► PUT log/N+1 (fence) ─► read back if unclear ─► boundary? ─► FILES ─► PUT log/N+2 …
 *   ─► new empty tail ─► TRIM ─► [checkpoint every 100 entries, or when they are long]
 *
 * An unclear or refused put of an entry is read back: mine means stored, absent means send the same
 * bytes again, somebody else's means that I am fenced: stop, delete nothing. An entry counts only
 * when the boundary, read after it, does not stand above it.
 */
#include <string.h>

#include "base/slices.h"
#include "db/flush_int.h"
#include "db/works.h"

enum {
  TRIES_MAX = 8,
  ENTRY_LEN_MAX = 64 << 20,
  /* A checkpoint is due after so many entries, or so many bytes of them: who opens the namespace
   * reads them all. It has some 300 bytes a file; while it is long, more may stand behind it. */
  CHECKPOINT_EVERY = 100,
  CHECKPOINT_LEN = 64 << 10,
  CHECKPOINT_LEN_FILE = 128
};

static int stage_read_back(pq_op *op);

/* From the first put of an entry until the new tail stands, a failure leaves open what the log
 * holds: the next operation must load the namespace again. */
static int guard(pq_op *op, int rc) {
  if (rc < 0) pq_flush_of(op)->space->is_stale = true;
  return rc;
}

/* The chain's newest link that the entry covers. */
static int set_hash(pq_flush *f, pq_op *op) {
  uint8_t link[PQ_DIGEST_LEN];
  char *text = pq_arena_alloc(&op->arena, PQ_LINK_CAP);
  if (text == NULL) return op->cx->code;
  pq_space_link_at(f->space, f->entry.seq_hi, link);
  pq_link_print(link, text);
  f->entry.hash = pq_link_is_set(link) ? pq_str(text) : (pq_slice){0};
  return PQ_OK;
}

/* Fill the fields that every entry has; add the text. */
static int make_entry(pq_flush *f, pq_op *op) {
  const pq_manifest *m = &f->space->manifest;
  char key[PQ_LOG_KEY_CAP];
  pq_log_entry *e = &f->entry;
  pq_db_token(f->space->db, f->commit);
  e->entry = m->entry + 1;
  e->epoch = f->space->epoch;
  e->writer = pq_str(f->space->db->writer);
  e->parent = m->commit;
  e->checkpoint = m->checkpoint;
  PQ_TRY(pq_arena_copy(&op->arena, pq_str(f->commit), &e->commit));
  PQ_TRY(set_hash(f, op));
  pq_log_key(e->entry, key);
  f->log_key = pq_arena_printf(&op->arena, "%s/%s", f->space->ns, key);
  if (f->log_key == NULL) return op->cx->code;
  pq_buf_release(&f->text);
  pq_buf_init(&f->text, op->cx, ENTRY_LEN_MAX);
  f->tries = 0;
  f->is_committing = true;
  return pq_log_entry_print(e, &f->text);
}

/* Where the flush put an entity that an event behind it changes: the hint of that event, which was
 * decided when the entity stood in the tail. */
static void set_where(void *ud, pq_event *e) {
  const pq_flush *f = ud;
  if (e->where_file.n > 0) return;
  for (uint32_t i = 0; i < f->file_count; i++) {
    const pq_flush_file *file = &f->files[i];
    uint32_t row, row_count = (uint32_t)file->info.row_count;
    if (file->ids == NULL) continue;
    row = pq_slices_find(file->ids, row_count, e->id);
    if (row == row_count) continue;
    e->where_file = pq_str(pq_manifest_file(&f->space->manifest, pq_str(file->info.name))->name);
    e->where_row = row;
    return;
  }
}

/* The tail without the flushed events takes its place. Nobody else reads the old one: its bytes
 * move, after which nothing may fail. */
static int next_tail(pq_flush *f, pq_op *op) {
  pq_space *s = f->space;
  bool is_last = f->overlay->reader_count == 1; /* the flush itself */
  pq_overlay *next = pq_alloc(op->cx, NULL, 0, sizeof *next);
  int rc;
  if (next == NULL) return pq_fail_nomem(op->cx);
  pq_overlay_init(next, op->cx);
  next->place = set_where;
  next->place_ud = f;
  rc = pq_overlay_take_after(next, f->overlay, f->seq_hi, is_last);
  next->place = NULL;
  if (rc == PQ_OK && is_last) pq_snapshot_close(&f->snapshot);
  if (rc == PQ_OK) rc = pq_space_replace_overlay(s, next);
  if (rc == PQ_OK) return rc;
  pq_overlay_release(next);
  pq_alloc(op->cx, next, sizeof *next, 0);
  return rc;
}

/* The entry is in the log: the manifest follows. With its files the tail behind it takes the place
 * of the flushed one in the same step, so that no read beside this sees a row in both. */
static int entry_stored(pq_flush *f, pq_op *op) {
  PQ_TRY(pq_manifest_apply(&f->space->manifest, &f->entry));
  pq_works_overtake(f->space->works, f);
  f->space->manifest.delta_len += f->text.len;
  f->is_committing = false;
  f->put_bytes += f->text.len;
  if (f->entry.is_fence) {
    f->base = f->entry.entry;
    f->space->has_fence = true;
  }
  if (!f->entry.is_fence && f->overlay != NULL) {
    PQ_TRY(next_tail(f, op));
    pq_pendings_drop(&f->space->pendings, f->seq_hi);
  }
  if (!f->entry.is_fence && f->compaction != NULL) PQ_TRY(pq_compact_move_hints(f, op));
  op->stage = f->after_entry;
  return PQ_OK;
}

/* The log has my entry; but does it still stand where readers look? A collector that went on while
 * I slept has raised the boundary first, and then made the place of my entry free. */
static int acknowledge(pq_op *op) {
  pq_flush *f = pq_flush_of(op);
  uint64_t boundary;
  PQ_TRY(pq_space_read_boundary(f->space, op, &boundary));
  if (boundary <= f->entry.entry) return entry_stored(f, op);
  f->space->is_fenced = true;
  return pq_fail(op->cx, PQ_EFENCED,
                 "%s: entries below %llu were removed: namespace '%s' was taken over by another "
                 "writer",
                 f->log_key, (unsigned long long)boundary, f->space->ns);
}

static int stage_acknowledge(pq_op *op) {
  return guard(op, acknowledge(op));
}

static int put_entry(pq_op *op) {
  pq_flush *f = pq_flush_of(op);
  int rc = pq_fetch_put_new(&op->fetch, f->log_key, pq_buf_slice(&f->text));
  if (rc == PQ_NEED_IO) return rc;
  if (rc != PQ_OK && rc != PQ_ECONFLICT && rc != PQ_EIO) return rc;
  op->stage = rc == PQ_OK ? stage_acknowledge : stage_read_back;
  return PQ_OK;
}

static int stage_put_entry(pq_op *op) {
  return guard(op, put_entry(op));
}

static int read_back(pq_op *op) {
  pq_flush *f = pq_flush_of(op);
  pq_log_entry other;
  pq_slice text;
  int rc = pq_fetch_get(&op->fetch, f->log_key, ENTRY_LEN_MAX, &text);
  if (rc == PQ_NEED_IO) return rc;
  if (rc == PQ_ENOTFOUND || rc == PQ_EIO) { /* absent or still unclear: the same bytes again */
    if (++f->tries > TRIES_MAX) return pq_fail(op->cx, PQ_EIO, "%s: cannot be stored", f->log_key);
    op->stage = stage_put_entry;
    return PQ_OK;
  }
  PQ_TRY(rc);
  PQ_TRY(pq_log_entry_parse(&op->scratch, f->log_key, text, &other));
  if (pq_slice_eq(other.commit, f->entry.commit)) {
    op->stage = stage_acknowledge;
    return PQ_OK;
  }
  if (f->entry.is_fence && other.epoch < f->space->epoch)
    return pq_fail(op->cx, PQ_EBUSY, "%s: an earlier writer flushed meanwhile: try again",
                   f->log_key);
  if (other.epoch == f->space->epoch && pq_slice_is(other.writer, f->space->db->writer))
    return pq_fail(op->cx, PQ_EBUSY, "%s: another command of this process has stored it: try again",
                   f->log_key);
  f->space->is_fenced = true;
  return pq_fail(op->cx, PQ_EFENCED, "namespace '%s' was taken over by another writer",
                 f->space->ns);
}

static int stage_read_back(pq_op *op) {
  return guard(op, read_back(op));
}

static int stage_entry(pq_op *op);

/* Has another entry come between? What then, or PQ_OK. */
static int check_base(pq_flush *f, pq_op *op) {
  if (f->space->manifest.entry == f->base) return PQ_OK;
  if (f->recheck == NULL)
    return pq_fail(op->cx, PQ_EBUSY, "entry %llu came between: the files are of entry %llu",
                   (unsigned long long)f->space->manifest.entry, (unsigned long long)f->base);
  op->stage = f->recheck;
  return PQ_YIELD;
}

int pq_flush_stage_fence(pq_op *op) {
  pq_flush *f = pq_flush_of(op);
  PQ_TRY(check_base(f, op));
  f->after_entry = f->after_fence != NULL ? f->after_fence : pq_flush_stage_put_files;
  if (f->space->has_fence) {
    op->stage = f->after_entry;
    return PQ_OK;
  }
  f->entry = (pq_log_entry){
      .is_fence = true, .seq_hi = f->space->manifest.seq_hi, .ts_hi = f->space->manifest.ts_hi};
  op->stage = stage_put_entry;
  return make_entry(f, op);
}

/* When the entry before was stored, by the store's clock: collectors count ages from it. */
static int ask_parent_time(const pq_flush *f, pq_op *op, int64_t *out) {
  uint64_t entry = f->space->manifest.entry;
  char name[PQ_LOG_KEY_CAP];
  const char *key;
  pq_stat stat;
  int rc;
  *out = 0;
  if (entry == 0) return PQ_OK;
  pq_log_key(entry, name);
  key = pq_arena_printf(&op->scratch, "%s/%s", f->space->ns, name);
  if (key == NULL) return op->cx->code;
  rc = pq_fetch_stat(&op->fetch, key, &stat);
  if (rc == PQ_OK && stat.modified_us > 0) *out = stat.modified_us;
  return rc == PQ_ENOTFOUND ? PQ_OK : rc;
}

int pq_flush_put_file(pq_flush *f, pq_op *op, const pq_flush_file *file) {
  int rc = pq_fetch_put_new(&op->fetch, file->key, pq_writer_bytes(file->writer));
  (void)f;
  if (rc == PQ_ECONFLICT)
    return pq_fail(op->cx, PQ_EIO, "%s: the object exists already", file->key);
  return rc;
}

int pq_flush_stage_put_files(pq_op *op) {
  pq_flush *f = pq_flush_of(op);
  bool is_missing = false;
  int64_t parent_at;
  int rc;
  for (uint32_t i = 0; i < f->file_count; i++) {
    rc = f->files[i].writer == NULL ? PQ_OK : pq_flush_put_file(f, op, &f->files[i]);
    if (rc < 0) return rc;
    is_missing |= rc == PQ_NEED_IO;
  }
  rc = ask_parent_time(f, op, &parent_at);
  if (rc < 0) return rc;
  if (is_missing || rc == PQ_NEED_IO) return PQ_NEED_IO;
  f->parent_at = parent_at;
  op->stage = stage_entry;
  return PQ_OK;
}

static int checkpoint(pq_op *op) {
  pq_flush *f = pq_flush_of(op);
  int rc = pq_fetch_put_new(&op->fetch, f->log_key, pq_buf_slice(&f->text));
  if (rc == PQ_NEED_IO) return rc;
  if (rc == PQ_OK || rc == PQ_ECONFLICT) {
    f->space->manifest.checkpoint = f->entry_no;
    f->space->manifest.delta_len = 0;
  }
  op->stage = f->done; /* a checkpoint that failed is made another time */
  return PQ_OK;
}

static int stage_checkpoint(pq_op *op) {
  return guard(op, checkpoint(op));
}

static bool is_checkpoint_due(const pq_manifest *m, uint64_t entry) {
  uint64_t len = (uint64_t)m->file_count * CHECKPOINT_LEN_FILE;
  if (len < CHECKPOINT_LEN) len = CHECKPOINT_LEN;
  return entry - m->checkpoint >= CHECKPOINT_EVERY || m->delta_len >= len;
}

/* Everything is stored. */
static int finish(pq_flush *f, pq_op *op) {
  pq_manifest *m = &f->space->manifest;
  char key[PQ_LOG_KEY_CAP];
  pq_snapshot_close(&f->snapshot);
  f->put_bytes += f->byte_count;
  f->entry_no = m->entry;
  if (!is_checkpoint_due(m, m->entry)) {
    op->stage = f->done;
    return PQ_OK;
  }
  pq_ckpt_key(m->entry, key);
  f->log_key = pq_arena_printf(&op->arena, "%s/%s", f->space->ns, key);
  if (f->log_key == NULL) return op->cx->code;
  pq_buf_clear(&f->text);
  PQ_TRY(pq_manifest_print(m, &f->text));
  op->stage = stage_checkpoint;
  return PQ_OK;
}

static int trim(pq_op *op) {
  pq_flush *f = pq_flush_of(op);
  pq_hot_request request = {
      .op = PQ_HOT_TRIM, .epoch = f->space->epoch, .seq_hi = f->seq_hi, .ts_hi = f->ts_hi};
  pq_buf body;
  pq_slice reply;
  int rc;
  pq_buf_init(&body, op->cx, PQ_HOT_CHUNK_LEN_MAX);
  rc = pq_hot_put_request(&body, &request);
  if (rc == PQ_OK) rc = pq_fetch_hot(&op->fetch, f->space->ns, pq_buf_slice(&body), &reply);
  pq_buf_release(&body);
  if (rc == PQ_NEED_IO) return rc;
  if (rc == PQ_EFENCED) f->space->is_fenced = true;
  PQ_TRY(rc);
  return finish(f, op);
}

static int stage_trim(pq_op *op) {
  return guard(op, trim(op));
}

static int stage_finish(pq_op *op) {
  return finish(pq_flush_of(op), op);
}

/* May an edge have an end that is no entity? A replay deletes hard and leaves the edges, and links
 * what is not there. */
static bool leaves_loose_edges(const pq_flush *f) {
  const pq_overlay *o = f->overlay;
  for (uint32_t i = 0; o != NULL && i < o->version_count; i++) {
    const pq_event *e = &o->versions[i].event;
    bool may = e->target == PQ_TARGET_REL
                   ? e->op != PQ_EVENT_DELETE
                   : e->op == PQ_EVENT_DELETE && pq_value_is_missing(e->after);
    if (e->seq > f->seq_hi) break;
    if (may && !pq_value_is_missing(pq_object_get_str(e->metadata, "replay"))) return true;
  }
  return false;
}

static int stage_entry(pq_op *op) {
  pq_flush *f = pq_flush_of(op);
  const pq_manifest *m = &f->space->manifest;
  int rc = check_base(f, op);
  pq_file_info *add;
  if (rc == PQ_OK) rc = pq_flush_adopt(f, op);
  if (rc != PQ_OK) return rc;
  add = pq_arena_calloc(&op->arena, f->file_count, sizeof *add);
  if (add == NULL) return op->cx->code;
  for (uint32_t i = 0; i < f->file_count; i++)
    add[i] = f->files[i].info;
  if (f->forget_count == 0 && is_checkpoint_due(m, m->entry + 1))
    PQ_TRY(pq_manifest_thin(m, &op->arena, m->history.seq, &f->forget, &f->forget_count));
  f->entry = (pq_log_entry){.seq_hi = f->seq_hi,
                            .ts_hi = f->ts_hi,
                            .add = add,
                            .add_count = f->file_count,
                            .remove = f->remove,
                            .remove_count = f->remove_count,
                            .collections = f->collections,
                            .collection_count = f->collection_count,
                            .parent_at = f->parent_at,
                            .forget = f->forget,
                            .forget_count = f->forget_count,
                            .gone = f->gone,
                            .gone_count = f->gone_count,
                            .history = f->history,
                            .is_loose = leaves_loose_edges(f),
                            .has_retention = f->has_retention,
                            .retention = f->retention};
  f->after_entry = f->overlay == NULL ? stage_finish : stage_trim;
  op->stage = stage_put_entry;
  return make_entry(f, op);
}
