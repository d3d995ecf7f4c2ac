/* io/op.c - see op.h. */
#include "io/op.h"

#include <string.h>

enum { SCRATCH_KEPT = 64 << 10 }; /* of an operation that waits; hundreds may */

int pq_op_init(pq_op *op, pq_cx *cx, void *state, size_t state_len, pq_stage_fn stage) {
  *op = (pq_op){.cx = cx, .state = state, .state_len = state_len, .stage = stage};
  pq_fetch_init(&op->fetch, cx);
  pq_arena_init(&op->arena, cx, cx->limits.op_len_max);
  pq_arena_init(&op->scratch, cx, cx->limits.op_len_max);
  op->snapshot = pq_alloc(cx, NULL, 0, state_len);
  if (op->snapshot == NULL) return pq_fail_nomem(cx);
  return PQ_OK;
}

void pq_op_release(pq_op *op) {
  if (op->cx == NULL) return;
  pq_fetch_release(&op->fetch);
  pq_arena_release(&op->arena);
  pq_arena_release(&op->scratch);
  if (op->snapshot != NULL) pq_alloc(op->cx, op->snapshot, op->state_len, 0);
  *op = (pq_op){0};
}

void pq_op_rest(pq_op *op) {
  pq_arena_clear(&op->scratch);
  pq_arena_trim(&op->scratch, SCRATCH_KEPT);
}

int pq_op_step(pq_op *op, int64_t now_us) {
  op->now_us = now_us;
  while (op->stage != NULL) {
    pq_stage_fn stage = op->stage;
    uint64_t arena_len = op->arena.used_len;
    int rc;
    memcpy(op->snapshot, op->state, op->state_len);
    pq_arena_clear(&op->scratch);
    rc = stage(op);
    if (rc == PQ_NEED_IO) {
      /* The restart rule was kept: nothing but fetch set, scratch and caches changed. */
      pq_assert(memcmp(op->snapshot, op->state, op->state_len) == 0);
      pq_assert(op->stage == stage);
      pq_assert(op->arena.used_len == arena_len);
      op->rounds += op->fetch.unfinished > 0 || !pq_step_is_over(op->cx);
      pq_op_rest(op);
      return PQ_NEED_IO;
    }
    if (rc < 0) return rc;
    pq_fetch_clear(&op->fetch);
    if (rc == PQ_YIELD) return PQ_OK;
    if (pq_step_is_over(op->cx) && op->may_pause != NULL && op->may_pause(op)) return PQ_OK;
  }
  return PQ_OK;
}
