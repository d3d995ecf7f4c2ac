/* cmd/maintain_commands.c - compact, checkpoint, verify. */
#include <string.h>

#include "cmd/command_int.h"

/* ---- compact: flush, then rewrite ---- */

static int stage_compact_end(pq_op *op) {
  pq_command *c = pq_command_of(op);
  const pq_flush *f = &c->s.flush;
  PQ_TRY(pq_summary_begin(c));
  PQ_TRY(pq_summary_count(c, "entry", f->entry_no));
  PQ_TRY(pq_summary_count(c, "filesRemoved", f->remove_count));
  PQ_TRY(pq_summary_count(c, "files", f->file_count));
  PQ_TRY(pq_summary_count(c, "bytes", f->byte_count));
  return pq_summary_end(c, c->s.space->seq);
}

static int stage_compact_rewrite(pq_op *op) {
  pq_command *c = pq_command_of(op);
  pq_flush_release(&c->s.flush);
  return pq_compact_begin(&c->s.flush, c->s.space, op, c->s.collection, stage_compact_end);
}

static int stage_compact(pq_op *op) {
  pq_command *c = pq_command_of(op);
  return pq_flush_begin(&c->s.flush, c->s.space, op, stage_compact_rewrite);
}

int pq_open_compact(pq_command *c, pq_value target) {
  pq_slice name;
  c->s.start = stage_compact;
  if (pq_value_string(target, &name) && name.n == 0) return PQ_OK;
  return pq_target_collection(c, target);
}

/* ---- checkpoint: flush, then the whole state as one object ---- */

static int stage_checkpoint_end(pq_op *op) {
  pq_command *c = pq_command_of(op);
  PQ_TRY(pq_summary_begin(c));
  PQ_TRY(pq_summary_count(c, "entry", c->s.space->manifest.checkpoint));
  return pq_summary_end(c, c->s.space->seq);
}

static int stage_checkpoint_put(pq_op *op) {
  pq_command *c = pq_command_of(op);
  pq_manifest *m = &c->s.space->manifest;
  char name[PQ_LOG_KEY_CAP];
  char *key;
  int rc;
  op->stage = stage_checkpoint_end;
  if (m->entry == 0 || m->checkpoint == m->entry) return PQ_OK;
  op->stage = stage_checkpoint_put;
  if (c->s.flush.text.p == NULL) {
    pq_buf_init(&c->s.flush.text, op->cx, SIZE_MAX / 2);
    PQ_TRY(pq_manifest_print(m, &c->s.flush.text));
    return PQ_OK; /* the text is state: the put is a stage run of its own */
  }
  pq_ckpt_key(m->entry, name);
  key = pq_arena_printf(&op->scratch, "%s/%s", c->s.space->ns, name);
  if (key == NULL) return op->cx->code;
  rc = pq_fetch_put_new(&op->fetch, key, pq_buf_slice(&c->s.flush.text));
  if (rc != PQ_OK && rc != PQ_ECONFLICT) return rc; /* there already: the same text */
  m->checkpoint = m->entry;
  op->stage = stage_checkpoint_end;
  return PQ_OK;
}

static int stage_checkpoint_flushed(pq_op *op) {
  pq_command *c = pq_command_of(op);
  pq_flush_release(&c->s.flush);
  op->stage = stage_checkpoint_put;
  return PQ_OK;
}

static int stage_checkpoint(pq_op *op) {
  pq_command *c = pq_command_of(op);
  return pq_flush_begin(&c->s.flush, c->s.space, op, stage_checkpoint_flushed);
}

int pq_open_checkpoint(pq_command *c, pq_value target) {
  (void)target;
  c->s.start = stage_checkpoint;
  return PQ_OK;
}

/* ---- verify: every live file, every page; every log entry ----
 *
 *   entry 1 … newest: there, whole, in order          one stage for some entries
 *   file by file, row group by row group: footer, CRC and decoding of every page; what the log says
 *   about it; positions of delete files; documents     one stage a row group
 *
 * A file that fails is one item, and the next file follows.
 */

enum { ENTRIES_PER_STAGE = 64, ENTRY_LEN_MAX = 8 << 20 };

static int reply_problem(pq_command *c, const char *file, const char *problem) {
  pq_builder *b = c->db->builder;
  pq_value item;
  pq_builder_clear(b);
  PQ_TRY(pq_builder_begin_object(b));
  PQ_TRY(pq_put_text(b, "file", pq_str(file)));
  PQ_TRY(pq_put_text(b, "problem", pq_str(problem)));
  PQ_TRY(pq_builder_end(b));
  PQ_TRY(pq_builder_finish(b, &c->replies, &item));
  c->s.changed++; /* problems */
  return pq_reply_item(c, item);
}

/* Failures that say something about the file, not about us. */
static bool is_finding(int rc) {
  return rc == PQ_ECORRUPT || rc == PQ_ENOTFOUND || rc == PQ_EUNSUPPORTED || rc == PQ_EIO ||
         rc == PQ_ELIMIT;
}

static int verify_end(pq_command *c) {
  PQ_TRY(pq_summary_begin(c));
  PQ_TRY(pq_summary_count(c, "filesChecked", c->s.count));
  PQ_TRY(pq_summary_count(c, "problems", c->s.changed));
  return pq_summary_end(c, c->s.space->seq);
}

/* Decode one row group completely. */
static int check_row_group(pq_command *c, const pq_cached_file *file, uint32_t row_group) {
  pq_op *op = &c->op;
  const pq_footer *footer = file->file.footer;
  bool is_missing = false;
  for (uint32_t l = 0; l < footer->leaf_count; l++) {
    pq_page_index index;
    int rc = pq_page_index_fetch(&op->fetch, &op->scratch, &file->file, row_group, l, &index);
    if (rc >= 0) {
      int rc2 = pq_chunk_want(&op->fetch, &file->file, row_group, l, NULL, NULL, 0);
      rc = rc2 < 0 || rc2 == PQ_NEED_IO ? rc2 : rc;
    }
    if (rc < 0) return rc;
    is_missing |= rc == PQ_NEED_IO;
  }
  if (is_missing) return PQ_NEED_IO;
  for (uint32_t l = 0; l < footer->leaf_count; l++) {
    pq_column column;
    PQ_TRY(pq_chunk_decode(&op->fetch, &op->scratch, &file->file, row_group, l, NULL, NULL, 0,
                           &column));
  }
  return PQ_OK;
}

/* Documents of entity and edge files are validated too. */
static int check_documents(pq_command *c, const pq_cached_file *file, const pq_file_info *info,
                           uint32_t row_group) {
  pq_op *op = &c->op;
  pq_entity_rows rows;
  pq_edge *edges;
  uint32_t count;
  if (info->kind == PQ_FILE_FORWARD || info->kind == PQ_FILE_REVERSE)
    return pq_edge_rows_read(&op->fetch, &op->scratch, &file->file, row_group, &edges, &count);
  if (info->kind != PQ_FILE_DATA) return PQ_OK;
  PQ_TRY(
      pq_entity_rows_want(&op->fetch, &file->file, row_group, PQ_WANT_ALL, NULL, 0, &op->scratch));
  return pq_entity_rows_read(&op->fetch, &op->scratch, &file->file, row_group, PQ_WANT_ALL, NULL, 0,
                             &rows);
}

static int check_positions(pq_command *c, const pq_file_info *info) {
  pq_cached_file *file;
  PQ_TRY(pq_file_cache_positions(&c->s.space->files, &c->op.fetch, &c->op.scratch, info, &file));
  for (uint32_t i = 0; i < file->position_count; i++) {
    const pq_position *p = &file->positions[i];
    const pq_file_info *target = pq_manifest_file(&c->s.space->manifest, p->file);
    if (target == NULL || p->row >= target->row_count)
      return pq_fail(c->op.cx, PQ_ECORRUPT, "%s: position %llu of %.*s does not exist",
                     file->file.key, (unsigned long long)p->row, (int)p->file.n,
                     (const char *)p->file.p);
  }
  return PQ_OK;
}

/* One step of a file: a row group, or its end. *is_end: nothing of it is left. */
static int check_file(pq_command *c, const pq_file_info *info, bool *is_end) {
  pq_cached_file *file;
  uint32_t g = c->s.verify_row_group;
  *is_end = false;
  PQ_TRY(pq_file_cache_open(&c->s.space->files, &c->op.fetch, info, &file));
  if (g < file->file.footer->row_group_count) {
    PQ_TRY(check_row_group(c, file, g));
    return check_documents(c, file, info, g);
  }
  if (info->has_crc) /* finds what no page's CRC covers: headers, indexes, blooms */
    PQ_TRY(pq_crc_check(&c->op.fetch, file->file.key, 0, info->len, info->crc));
  *is_end = true;
  return info->kind == PQ_FILE_DELETES ? check_positions(c, info) : PQ_OK;
}

static int stage_verify_files(pq_op *op) {
  pq_command *c = pq_command_of(op);
  const pq_manifest *m = &c->s.space->manifest;
  const pq_file_info *info;
  bool is_end = false;
  int rc;
  if (c->s.verify_file == m->file_count) return verify_end(c);
  info = &m->files[c->s.verify_file];
  rc = check_file(c, info, &is_end);
  if (rc == PQ_NEED_IO) return rc;
  if (rc < 0 && !is_finding(rc)) return rc;
  if (rc < 0) {
    char *key = pq_arena_printf(&op->scratch, "%s/%s", c->s.space->ns, info->name);
    if (key == NULL) return op->cx->code;
    PQ_TRY(reply_problem(c, key, op->cx->msg));
  }
  c->s.verify_row_group++;
  if (rc < 0 || is_end) {
    c->s.verify_row_group = 0;
    c->s.verify_file++;
    c->s.count++;
  }
  return PQ_OK;
}

static int check_entry(pq_command *c, uint64_t n, const char **key) {
  pq_op *op = &c->op;
  char name[PQ_LOG_KEY_CAP];
  pq_log_entry entry;
  pq_slice text;
  int rc;
  pq_log_key(n, name);
  *key = pq_arena_printf(&op->scratch, "%s/%s", c->s.space->ns, name);
  if (*key == NULL) return op->cx->code;
  rc = pq_fetch_get(&op->fetch, *key, ENTRY_LEN_MAX, &text);
  if (rc == PQ_ENOTFOUND) return pq_fail(op->cx, PQ_ECORRUPT, "%s: the log entry is missing", *key);
  if (rc != PQ_OK) return rc;
  return pq_log_entry_parse(&op->scratch, *key, text, &entry);
}

static int stage_verify_log(pq_op *op) {
  pq_command *c = pq_command_of(op);
  uint64_t last = c->s.space->manifest.entry, from = c->s.verify_entry + 1, to;
  bool is_missing = false;
  const char *key;
  to = last - c->s.verify_entry < ENTRIES_PER_STAGE ? last : c->s.verify_entry + ENTRIES_PER_STAGE;
  for (uint64_t n = from; n <= to; n++)
    is_missing |= check_entry(c, n, &key) == PQ_NEED_IO;
  if (is_missing) return PQ_NEED_IO;
  for (uint64_t n = from; n <= to; n++) {
    int rc = check_entry(c, n, &key);
    if (rc < 0 && !is_finding(rc)) return rc;
    if (rc < 0) PQ_TRY(reply_problem(c, key, op->cx->msg));
    c->s.count++;
  }
  c->s.verify_entry = to;
  if (to == last) op->stage = stage_verify_files;
  return PQ_OK;
}

int pq_open_verify(pq_command *c, pq_value target) {
  (void)target;
  c->s.start = stage_verify_log;
  return PQ_OK;
}
