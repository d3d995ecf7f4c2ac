/* io/op.h - the step loop: an operation is a short list of stages.
 *
 *        step() ──► stage A ──PQ_NEED_IO──► driver runs op.fetch ──► step() ──► stage A again
 *                      │PQ_OK, op.stage = B
 *                      ▼
 *                   stage B ── … ── op.stage = NULL: finished
 *
 * A stage is straight-line C that obeys the restart rule of io/fetch.h. This loop enforces it:
 * the bytes of the state (the struct that embeds or owns the operation) are compared before and
 * after a stage that returned PQ_NEED_IO; a difference is a bug and stops the program. The stage
 * arena is emptied before each run of a stage and when it has to wait; the operation's arena lives
 * until release.
 */
#ifndef PQ_IO_OP_H
#define PQ_IO_OP_H

#include "base/arena.h"
#include "io/fetch.h"

typedef struct pq_op pq_op;
typedef int (*pq_stage_fn)(pq_op *op);

struct pq_op {
  pq_cx *cx;
  pq_fetch fetch;
  pq_arena arena;   /* operation's memory */
  pq_arena scratch; /* stage's memory, emptied before each run of a stage */
  void *state;      /* compared around a suspended stage; borrowed */
  size_t state_len;
  uint8_t *snapshot; /* owned copy of the state */
  pq_stage_fn stage; /* next stage; NULL: finished */
  void *sub;         /* state of a shared sequence of stages (a flush); part of `state` */
  int64_t now_us;    /* the time, as the driver gave it to this step */
  uint64_t rounds;   /* how often the driver had to run requests */
  /* May others have a turn between the stage that has ended and the next one, when the step has
   * done its share (pq_pace)? NULL: never. */
  bool (*may_pause)(const pq_op *op);
};

/* Prepare an operation whose first stage is `stage`. `state` of `state_len` bytes must not hold
 * the pq_op itself. PQ_ENOMEM. Release is safe after a failure. */
int pq_op_init(pq_op *op, pq_cx *cx, void *state, size_t state_len,
               pq_stage_fn stage) PQ_MUST_CHECK;
/* Requests that are under way are waited for. */
void pq_op_release(pq_op *op);

/* Run stages until requests must be run (PQ_NEED_IO), the operation finished or yielded (PQ_OK:
 * look at op->stage), or a stage failed. A stage yields by returning PQ_YIELD; one whose step is
 * over (pq_step_is_over) may return PQ_NEED_IO without a request: it is run again like any other.
 */
enum { PQ_YIELD = 2 };
int pq_op_step(pq_op *op, int64_t now_us) PQ_MUST_CHECK;

/* Between two steps, when nothing in the stage arena is needed any more: give most of it back. */
void pq_op_rest(pq_op *op);

#endif
