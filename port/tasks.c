/* port/tasks.c - see tasks.h: workers take the next number until none is left. */
#include "port/tasks.h"

#include <pthread.h>
#include <stdatomic.h>
#include <unistd.h>

enum { THREADS_MAX = 16 };

typedef struct work {
  void (*task)(void *ctx, uint32_t i);
  void *ctx;
  uint32_t count;
  atomic_uint next;
} work;

static void *worker(void *ud) {
  work *w = ud;
  for (;;) {
    uint32_t i = atomic_fetch_add(&w->next, 1);
    if (i >= w->count) return NULL;
    w->task(w->ctx, i);
  }
}

static void run(void *ud, void (*task)(void *ctx, uint32_t i), void *ctx, uint32_t count) {
  work w = {.task = task, .ctx = ctx, .count = count};
  long processors = sysconf(_SC_NPROCESSORS_ONLN);
  uint32_t wanted = processors < 1             ? 1
                    : processors > THREADS_MAX ? THREADS_MAX
                                               : (uint32_t)processors;
  pthread_t threads[THREADS_MAX];
  uint32_t started = 0;
  (void)ud;
  if (wanted > count) wanted = count;
  while (started + 1 < wanted && pthread_create(&threads[started], NULL, worker, &w) == 0)
    started++;
  worker(&w);
  for (uint32_t i = 0; i < started; i++)
    pthread_join(threads[i], NULL);
}

pq_task_runner pq_threads_runner(void) {
  return (pq_task_runner){NULL, run};
}
