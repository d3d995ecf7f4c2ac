/* base/task_runner.h - work that can be done side by side, where the driver has threads.
 *
 *     task(ctx, 0)  task(ctx, 1)  task(ctx, 2) …      in any order, on any thread
 *        └──────────────┴─────────────┴──► pq_tasks_run returns when all have ended
 *
 * The engine itself starts no threads. A task has a context of its own (pq_task_cx), so that
 * messages do not mix, and only reads what it shares with others. What it makes must not depend on
 * who was first. Tasks may run tasks.
 */
#ifndef PQ_BASE_TASK_RUNNER_H
#define PQ_BASE_TASK_RUNNER_H

#include "base/base.h"

/* The driver's. `run` NULL: one after the other. */
typedef struct pq_task_runner {
  void *ud;
  void (*run)(void *ud, void (*task)(void *ctx, uint32_t i), void *ctx, uint32_t count);
} pq_task_runner;

/* Run task(ctx, 0 .. count-1). `r` NULL: one after the other. */
static inline void pq_tasks_run(const pq_task_runner *r, void (*task)(void *ctx, uint32_t i),
                                void *ctx, uint32_t count) {
  if (r != NULL && r->run != NULL && count > 1) {
    r->run(r->ud, task, ctx, count);
    return;
  }
  for (uint32_t i = 0; i < count; i++)
    task(ctx, i);
}

/* A context for a task of somebody who has `cx`, whose allocator tasks may call. */
static inline void pq_task_cx(pq_cx *out, const pq_cx *cx) {
  pq_cx_init(out, cx->alloc, cx->alloc_ud);
  out->limits = cx->limits;
  out->cpu = cx->cpu;
  out->meter = cx->meter;
}

#endif
