/* db/verify_segment.c - segments against the forward files that they are of. See verify.h.
 *
 *   rows of the file ─► adjacency ─┐
 *                                  ├─► equal, or a graph would have other edges than its files
 *   segment ─────────► adjacency ──┘
 */
#include <string.h>

#include "db/verify_int.h"
#include "rel/adjacency.h"

/* The forward file of the same base name; file_count: none. */
static uint32_t find_forward(const pq_verify *v, const pq_file_info *segment) {
  const char *base = strrchr(segment->name, '/');
  for (uint32_t i = 0; i < v->file_count; i++) {
    const pq_file_info *f = &v->files[i];
    if (f->kind == PQ_FILE_FORWARD && strcmp(strrchr(f->name, '/'), base) == 0 &&
        f->added == segment->added && f->removed == segment->removed)
      return i;
  }
  return v->file_count;
}

static int compare(pq_op *op, const pq_file_info *segment, const pq_file *mine,
                   const pq_file *forward, pq_arena *arena) {
  pq_adjacency said, is;
  int rc = pq_adjacency_build(&op->fetch, &op->scratch, forward, arena, &is), rc2;
  if (rc < 0) return rc;
  rc2 = pq_adjacency_read(&op->fetch, &op->scratch, mine, forward->footer->row_count, arena, &said);
  if (rc2 < 0 || rc == PQ_OK) PQ_TRY(rc2);
  PQ_TRY(rc);
  if (pq_adjacency_equal(&said, &is)) return PQ_OK;
  return pq_fail(op->cx, PQ_ECORRUPT,
                 "%s: does not say what the rows of %s say: a graph would have "
                 "other edges",
                 segment->name, forward->key);
}

int pq_verify_segment(pq_verify *v, pq_op *op, const pq_file_info *segment) {
  uint32_t at = find_forward(v, segment);
  pq_cached_file *mine, *forward;
  pq_arena arena;
  int rc, rc2;
  if (at == v->file_count)
    return pq_fail(op->cx, PQ_ECORRUPT, "%s: there is no edge file that it is of", segment->name);
  if (v->is_bad[at]) return PQ_OK; /* told already */
  rc = pq_file_cache_open(&v->space->files, &op->fetch, &v->files[at], &forward);
  rc2 = pq_file_cache_open(&v->space->files, &op->fetch, segment, &mine);
  if (rc < 0 || rc2 == PQ_OK) PQ_TRY(rc);
  PQ_TRY(rc2);
  pq_arena_init(&arena, op->cx, op->cx->limits.op_len_max);
  rc = compare(op, segment, &mine->file, &forward->file, &arena);
  pq_arena_release(&arena);
  return rc;
}
