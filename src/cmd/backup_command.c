/* cmd/backup_command.c - backup: the objects and batches of a copy (db/copy_parts.h) as items.
 *
 *   {"object": "default/data/posts/1-1-ab.parquet", "length": 812, "crc": 3735928559}   copy it
 *   {"object": "default/ckpt/00000000000000000007", "body": …}                          put it
 *   {"batch": 1001, "last": 1200, "body": …}                    into the hot tier, behind the rest
 *
 *   pin the newest entry ─► load: still the newest? ─► items, the pin renewed ─► unpin ─► summary
 *
 * The driver of a store knows how to copy (port/backup.c); the engine only says what, and keeps a
 * collector away from it meanwhile. A command that is given up leaves its pin to its end of life.
 */
#include <string.h>

#include "cmd/command_int.h"
#include "db/copy_parts.h"
#include "db/garbage.h"

enum { FILES_PER_STEP = 256, PIN_SECONDS = 600, PINS_MAX = 5 };

static int put_body(pq_builder *b, pq_slice body) {
  PQ_TRY(pq_builder_key_str(b, "body"));
  return pq_builder_binary(b, body);
}

static int reply_part(pq_command *c, const pq_backup_item *part) {
  pq_builder *b = c->db->builder;
  pq_value item;
  pq_builder_clear(b);
  PQ_TRY(pq_builder_begin_object(b));
  if (part->part == PQ_BACKUP_BATCH) {
    PQ_TRY(pq_put_count(b, "batch", part->seq_lo));
    PQ_TRY(pq_put_count(b, "last", part->seq_hi));
  } else {
    PQ_TRY(pq_put_text(b, "object", pq_str(part->key)));
  }
  if (part->part == PQ_BACKUP_FILE) {
    PQ_TRY(pq_put_count(b, "length", part->len));
    if (part->has_crc) PQ_TRY(pq_put_count(b, "crc", part->crc));
  } else {
    PQ_TRY(put_body(b, part->body));
  }
  PQ_TRY(pq_builder_end(b));
  PQ_TRY(pq_builder_finish(b, &c->replies, &item));
  return pq_reply_item(c, item);
}

static int backup_end(pq_command *c) {
  const pq_backup *b = &c->s.backup;
  PQ_TRY(pq_summary_begin(c));
  PQ_TRY(pq_summary_count(c, "entry", b->mark.entry));
  PQ_TRY(pq_summary_count(c, "epoch", b->epoch));
  PQ_TRY(pq_summary_count(c, "flushedSeq", b->mark.seq_hi));
  PQ_TRY(pq_builder_key_str(c->db->builder, "flushedTs"));
  PQ_TRY(pq_builder_i64(c->db->builder, b->mark.ts_hi));
  return pq_summary_end(c, b->seq_to);
}

static int backup_end_stage(pq_op *op) {
  return backup_end(pq_command_of(op));
}

/* ---- the pin ---- */

static int stage_backup_next(pq_op *op);

/* A reader that may not write, or a store that fails, makes no pin: then a file that goes meanwhile
 * fails the command with PQ_ENOTFOUND, and who drives it begins again. */
static int no_pin(int rc) {
  return rc == PQ_ENOMEM || rc == PQ_NEED_IO ? rc : PQ_OK;
}

static int stage_unpin(pq_op *op) {
  pq_command *c = pq_command_of(op);
  int rc = pq_space_unpin(c->s.space, op, c->s.pin.reader);
  PQ_TRY(no_pin(rc));
  return backup_end(c);
}

/* A pin is never put twice under one name: the next one's first digit is another. */
static void rename_pin(char *reader) {
  static const char digits[] = "0123456789abcdef0";
  reader[0] = strchr(digits, reader[0])[1];
}

/* The next pin stands before the last one is over. */
static int stage_pin_again(pq_op *op) {
  pq_command *c = pq_command_of(op);
  char next[PQ_TOKEN_LEN + 1];
  int rc;
  memcpy(next, c->s.pin.reader, sizeof next);
  rename_pin(next);
  rc = pq_space_pin(c->s.space, op, next, c->s.pin.entry, PIN_SECONDS);
  PQ_TRY(no_pin(rc));
  rc = pq_space_unpin(c->s.space, op, c->s.pin.reader);
  PQ_TRY(no_pin(rc));
  memcpy(c->s.pin.reader, next, sizeof next);
  c->s.pin.count++;
  c->s.pin.since_us = op->now_us;
  op->stage = stage_backup_next;
  return PQ_OK;
}

static bool is_pin_old(const pq_command *c) {
  int64_t now = c->op.now_us, since = c->s.pin.since_us;
  return c->s.pin.is_held && (now < since || now - since > PIN_SECONDS * INT64_C(500000));
}

static int stage_backup_next(pq_op *op) {
  pq_command *c = pq_command_of(op);
  pq_backup_item part;
  bool is_end;
  PQ_TRY(pq_backup_step(&c->s.backup, op, &part, &is_end));
  if (is_end) {
    op->stage = c->s.pin.is_held ? stage_unpin : backup_end_stage;
    return PQ_OK;
  }
  if (is_pin_old(c)) op->stage = stage_pin_again;
  if (part.part == 0) return PQ_OK;
  PQ_TRY(reply_part(c, &part));
  return part.part == PQ_BACKUP_FILE && c->item_count < FILES_PER_STEP ? PQ_OK : PQ_YIELD;
}

static int stage_pin(pq_op *op);

static void pin_newest(pq_command *c) {
  c->s.pin.entry = c->s.space->manifest.entry;
  c->op.stage = stage_pin;
}

static void begin(pq_command *c) {
  pq_backup_init(&c->s.backup, c->s.space, c->s.args.as_of);
  c->op.stage = stage_backup_next;
}

/* The pin was on an entry that was not the newest any more: it may have come too late. */
static int stage_unpin_late(pq_op *op) {
  pq_command *c = pq_command_of(op);
  int rc = pq_space_unpin(c->s.space, op, c->s.pin.reader);
  PQ_TRY(no_pin(rc));
  c->s.pin.is_held = false;
  rename_pin(c->s.pin.reader);
  if (++c->s.pin.count < PINS_MAX)
    pin_newest(c);
  else
    begin(c);
  return PQ_OK;
}

/* It holds if the newest entry is still the one that it is on. */
static int stage_pinned(pq_op *op) {
  pq_command *c = pq_command_of(op);
  PQ_TRY(pq_command_load(c));
  if (!c->s.space->is_loaded) return PQ_OK;
  if (c->s.pin.is_held && c->s.space->manifest.entry != c->s.pin.entry)
    op->stage = stage_unpin_late;
  else
    begin(c);
  return PQ_OK;
}

static int stage_pin(pq_op *op) {
  pq_command *c = pq_command_of(op);
  int rc = pq_space_pin(c->s.space, op, c->s.pin.reader, c->s.pin.entry, PIN_SECONDS);
  PQ_TRY(no_pin(rc));
  c->s.pin.is_held = rc == PQ_OK;
  c->s.pin.since_us = op->now_us;
  op->stage = stage_pinned;
  return PQ_OK;
}

static int stage_backup(pq_op *op) {
  pq_command *c = pq_command_of(op);
  if (c->s.space->manifest.entry == 0) {
    begin(c);
    return PQ_OK;
  }
  pq_db_token(c->db, c->s.pin.reader);
  pin_newest(c);
  return PQ_OK;
}

int pq_open_backup(pq_command *c, pq_value target) {
  (void)target;
  c->s.start = stage_backup;
  return PQ_OK;
}
