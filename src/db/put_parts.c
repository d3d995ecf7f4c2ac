/* db/put_parts.c - a large file is stored while it is made, part by part. See flush_int.h.
 *
 *   writer's bytes   ████████████████████████░░░░          row groups as they are finished
 *   parts            └ 8 MB ─┘└ 8 MB ─┘└ held ─►           PUT_PART … PUT_END: the object appears
 *
 * So a file may be larger than memory. Nobody sees anything of it before its end, which is
 * create-only like every put. A part that failed is sent again: it says where it belongs. An end
 * that failed is read back first, as its object may be there: names are used once, so an object of
 * this name and length is mine.
 */
#include <string.h>

#include "db/flush_int.h"
#include "db/works.h"

enum { TRIES_MAX = 4 };

static int stage_part(pq_op *op);

/* The next part of what the writer holds, or what follows when there is none. */
static int stage_next(pq_op *op) {
  pq_flush *f = pq_flush_of(op);
  pq_put_parts *p = &f->put;
  size_t held = pq_writer_held(p->writer), len;
  bool is_whole = pq_to_size(op->cx->limits.part_len, &len) && held >= len;
  if (!p->is_finished && !is_whole) {
    op->stage = p->after;
    return PQ_YIELD;
  }
  p->is_end = p->is_finished && held <= len;
  p->part = pq_writer_drain_part(p->writer, held < len ? held : len);
  p->tries = 0;
  op->stage = stage_part;
  return PQ_OK;
}

static int stored(pq_flush *f, pq_op *op) {
  pq_put_parts *p = &f->put;
  p->off += p->part.n;
  p->crc = pq_crc32_more(p->crc, p->part);
  op->stage = stage_next;
  if (!p->is_end) return PQ_OK;
  op->stage = p->after;
  *p = (pq_put_parts){0};
  return PQ_OK;
}

/* Did the end arrive? */
static int stage_read_back(pq_op *op) {
  pq_flush *f = pq_flush_of(op);
  const pq_put_parts *p = &f->put;
  pq_stat stat;
  int rc = pq_fetch_stat(&op->fetch, p->key, &stat);
  op->stage = rc == PQ_ENOTFOUND ? stage_part : op->stage;
  if (rc != PQ_OK) return rc == PQ_ENOTFOUND ? PQ_OK : rc;
  if (stat.len == p->off + p->part.n) return stored(f, op);
  return pq_fail(op->cx, PQ_EIO, "%s: the object exists already, with %llu bytes", p->key,
                 (unsigned long long)stat.len);
}

static int stage_part(pq_op *op) {
  pq_flush *f = pq_flush_of(op);
  pq_put_parts *p = &f->put;
  int rc = pq_fetch_put_part(&op->fetch, p->key, p->off, p->part, p->is_end);
  if (rc == PQ_OK) return stored(f, op);
  if (rc != PQ_EIO && rc != PQ_ECONFLICT) return rc;
  if (++p->tries == TRIES_MAX)
    return rc == PQ_EIO ? rc : pq_fail(op->cx, PQ_EIO, "%s: cannot be stored", p->key);
  op->stage = p->is_end ? stage_read_back : stage_part;
  return PQ_OK;
}

int pq_flush_put_parts(pq_flush *f, pq_op *op, const char *folder, pq_writer *writer,
                       pq_stage_fn after) {
  pq_put_parts *p = &f->put;
  op->stage = after;
  if (pq_writer_held(writer) < op->cx->limits.part_len) return PQ_OK;
  if (p->key == NULL) PQ_TRY(pq_flush_name(f, op, folder, &p->key));
  p->writer = writer;
  p->after = after;
  op->stage = stage_next;
  return PQ_OK;
}

void pq_flush_put_rest(pq_flush *f, pq_op *op, pq_stage_fn after) {
  pq_assert(f->put.key != NULL);
  f->put.is_finished = true;
  f->put.after = after;
  op->stage = stage_next;
}

/* ---- what was begun and not ended ---- */

void pq_works_abandon(pq_works *u, const char *key) {
  pq_cx *cx = u->space->db->cx;
  size_t n = strlen(key) + 1;
  char *copy;
  if (u->abandoned != NULL) pq_alloc(cx, u->abandoned, strlen(u->abandoned) + 1, 0);
  u->abandoned = NULL;
  copy = pq_alloc(cx, NULL, 0, n);
  if (copy == NULL) return; /* then it stays until the driver forgets it or is closed */
  memcpy(copy, key, n);
  u->abandoned = copy;
}

int pq_works_forget_parts(pq_works *u, pq_op *op) {
  if (u == NULL || u->abandoned == NULL) return PQ_OK;
  PQ_TRY(pq_fetch_delete(&op->fetch, u->abandoned));
  pq_alloc(op->cx, u->abandoned, strlen(u->abandoned) + 1, 0);
  u->abandoned = NULL;
  return PQ_OK;
}
