/* cmd/backup_command.c - backup: the objects and batches of a copy (db/copy_parts.h) as items.
 *
 *   {"object": "default/data/posts/1-1-ab.parquet", "length": 812, "crc": 3735928559}   copy it
 *   {"object": "default/ckpt/00000000000000000007", "body": …}                          put it
 *   {"batch": 1001, "last": 1200, "body": …}                    into the hot tier, behind the rest
 *
 * The driver of a store knows how to copy (port/backup.c); the engine only says what.
 */
#include "cmd/command_int.h"
#include "db/copy_parts.h"

enum { FILES_PER_STEP = 256 };

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

static int stage_backup_next(pq_op *op) {
  pq_command *c = pq_command_of(op);
  pq_backup_item part;
  bool is_end;
  PQ_TRY(pq_backup_step(&c->s.backup, op, &part, &is_end));
  if (is_end) return backup_end(c);
  if (part.part == 0) return PQ_OK;
  PQ_TRY(reply_part(c, &part));
  return part.part == PQ_BACKUP_FILE && c->item_count < FILES_PER_STEP ? PQ_OK : PQ_YIELD;
}

static int stage_backup(pq_op *op) {
  pq_command *c = pq_command_of(op);
  pq_backup_init(&c->s.backup, c->s.space, c->s.args.as_of);
  op->stage = stage_backup_next;
  return PQ_OK;
}

int pq_open_backup(pq_command *c, pq_value target) {
  (void)target;
  c->s.start = stage_backup;
  return PQ_OK;
}
