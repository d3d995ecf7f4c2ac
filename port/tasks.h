/* port/tasks.h - the task runner of a machine with threads. */
#ifndef PQ_PORT_TASKS_H
#define PQ_PORT_TASKS_H

#include "base/task_runner.h"

/* A runner that uses up to one thread per processor (at most 16), started for each call; where a
 * thread cannot be started the caller does the work. */
pq_task_runner pq_threads_runner(void);

#endif
