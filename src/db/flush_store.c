/* db/flush_store.c - last part of a flush: the commit protocol. See flush.h, doc/formats/log.md.
 *
 *   FENCE ─► PUT log/N+1 (fence) ─► read back if unclear ─► FILES ─► PUT log/N+2 ─► read back …
 *   ─► new empty tail ─► TRIM ─► [checkpoint every 100 entries]
 *
 * An unclear or refused put of an entry is read back: mine means stored, absent means send the same
 * bytes again, somebody else's means that I am fenced: stop, delete nothing.
 */
#include <string.h>

#include "db/flush_int.h"

enum { TRIES_MAX = 8, ENTRY_LEN_MAX = 64 << 20, CHECKPOINT_EVERY = 100 };

static int stage_put_files(pq_op *op);
static int stage_read_back(pq_op *op);

/* From the first put of an entry until the new tail stands, a failure leaves open what the log
 * holds: the next operation must load the namespace again. */
static int guard(pq_op *op, int rc) {
  if (rc < 0) pq_flush_of(op)->space->is_stale = true;
  return rc;
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
  pq_log_key(e->entry, key);
  f->log_key = pq_arena_printf(&op->arena, "%s/%s", f->space->ns, key);
  if (f->log_key == NULL) return op->cx->code;
  pq_buf_release(&f->text);
  pq_buf_init(&f->text, op->cx, ENTRY_LEN_MAX);
  f->tries = 0;
  return pq_log_entry_print(e, &f->text);
}

/* The entry is in the log: the manifest follows. With its files an empty tail takes the place of
 * the flushed one in the same step, so that no read beside this sees a row in both. */
static int entry_stored(pq_flush *f, pq_op *op) {
  pq_overlay *empty = NULL;
  int rc;
  if (!f->entry.is_fence) {
    empty = pq_alloc(op->cx, NULL, 0, sizeof *empty);
    if (empty == NULL) return pq_fail_nomem(op->cx);
    pq_overlay_init(empty, op->cx);
  }
  rc = pq_manifest_apply(&f->space->manifest, &f->entry);
  if (rc == PQ_OK && empty != NULL) rc = pq_space_replace_overlay(f->space, empty);
  if (rc != PQ_OK) {
    if (empty != NULL) pq_alloc(op->cx, empty, sizeof *empty, 0);
    return rc;
  }
  op->stage = f->after_entry;
  return PQ_OK;
}

static int put_entry(pq_op *op) {
  pq_flush *f = pq_flush_of(op);
  int rc = pq_fetch_put_new(&op->fetch, f->log_key, pq_buf_slice(&f->text));
  if (rc == PQ_NEED_IO) return rc;
  if (rc == PQ_OK) return entry_stored(f, op);
  if (rc != PQ_ECONFLICT && rc != PQ_EIO) return rc;
  op->stage = stage_read_back;
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
  if (pq_slice_eq(other.commit, f->entry.commit)) return entry_stored(f, op);
  if (f->entry.is_fence && other.epoch < f->space->epoch)
    return pq_fail(op->cx, PQ_EBUSY, "%s: an earlier writer flushed meanwhile: try again",
                   f->log_key);
  f->space->is_fenced = true;
  return pq_fail(op->cx, PQ_EFENCED, "namespace '%s' was taken over by another writer",
                 f->space->ns);
}

static int stage_read_back(pq_op *op) {
  return guard(op, read_back(op));
}

static int stage_entry(pq_op *op);

int pq_flush_stage_fence(pq_op *op) {
  pq_flush *f = pq_flush_of(op);
  if (f->space->has_fence) {
    op->stage = stage_put_files;
    return PQ_OK;
  }
  f->entry = (pq_log_entry){
      .is_fence = true, .seq_hi = f->space->manifest.seq_hi, .ts_hi = f->space->manifest.ts_hi};
  f->after_entry = stage_put_files;
  op->stage = stage_put_entry;
  return make_entry(f, op);
}

static int stage_put_files(pq_op *op) {
  pq_flush *f = pq_flush_of(op);
  bool is_missing = false;
  for (uint32_t i = 0; i < f->file_count; i++) {
    int rc = pq_fetch_put_new(&op->fetch, f->files[i].key, pq_writer_bytes(f->files[i].writer));
    if (rc == PQ_ECONFLICT)
      return pq_fail(op->cx, PQ_EIO, "%s: the object exists already", f->files[i].key);
    if (rc < 0) return rc;
    is_missing |= rc == PQ_NEED_IO;
  }
  if (is_missing) return PQ_NEED_IO;
  f->space->has_fence = true;
  op->stage = stage_entry;
  return PQ_OK;
}

static int checkpoint(pq_op *op) {
  pq_flush *f = pq_flush_of(op);
  int rc = pq_fetch_put_new(&op->fetch, f->log_key, pq_buf_slice(&f->text));
  if (rc == PQ_NEED_IO) return rc;
  if (rc == PQ_OK || rc == PQ_ECONFLICT) f->space->manifest.checkpoint = f->entry_no;
  op->stage = f->done; /* a checkpoint that failed is made another time */
  return PQ_OK;
}

static int stage_checkpoint(pq_op *op) {
  return guard(op, checkpoint(op));
}

/* Everything is stored. */
static int finish(pq_flush *f, pq_op *op) {
  pq_manifest *m = &f->space->manifest;
  char key[PQ_LOG_KEY_CAP];
  pq_snapshot_close(&f->snapshot);
  f->entry_no = m->entry;
  if (m->entry - m->checkpoint < CHECKPOINT_EVERY) {
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

static int stage_entry(pq_op *op) {
  pq_flush *f = pq_flush_of(op);
  pq_file_info *add = pq_arena_calloc(&op->arena, f->file_count, sizeof *add);
  if (add == NULL) return op->cx->code;
  for (uint32_t i = 0; i < f->file_count; i++)
    add[i] = f->files[i].info;
  f->entry = (pq_log_entry){.seq_hi = f->seq_hi,
                            .ts_hi = f->ts_hi,
                            .add = add,
                            .add_count = f->file_count,
                            .remove = f->remove,
                            .remove_count = f->remove_count,
                            .collections = f->collections,
                            .collection_count = f->collection_count};
  f->after_entry = stage_trim;
  op->stage = stage_put_entry;
  return make_entry(f, op);
}
