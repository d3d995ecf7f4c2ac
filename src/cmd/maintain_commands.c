/* cmd/maintain_commands.c - checkpoint. */
#include <string.h>

#include "cmd/command_int.h"

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
  if (c->s.text.p == NULL) {
    pq_buf_init(&c->s.text, op->cx, SIZE_MAX / 2);
    PQ_TRY(pq_manifest_print(m, &c->s.text));
    return PQ_OK; /* the text is state: the put is a stage run of its own */
  }
  pq_ckpt_key(m->entry, name);
  key = pq_arena_printf(&op->scratch, "%s/%s", c->s.space->ns, name);
  if (key == NULL) return op->cx->code;
  rc = pq_fetch_put_new(&op->fetch, key, pq_buf_slice(&c->s.text));
  if (rc != PQ_OK && rc != PQ_ECONFLICT) return rc; /* there already: the same text */
  m->checkpoint = m->entry;
  op->stage = stage_checkpoint_end;
  return PQ_OK;
}

static int stage_checkpoint(pq_op *op) {
  pq_command_flush(pq_command_of(op), stage_checkpoint_put);
  return PQ_OK;
}

int pq_open_checkpoint(pq_command *c, pq_value target) {
  (void)target;
  c->s.start = stage_checkpoint;
  return PQ_OK;
}
