/* db/garbage_int.h - what the collector's files share. */
#ifndef PQ_DB_GARBAGE_INT_H
#define PQ_DB_GARBAGE_INT_H

#include "db/garbage.h"
#include "db/flush_int.h"

static inline pq_collect *pq_collect_of(pq_op *op) {
  return op->sub;
}

/* garbage_survey.c: the first stage; garbage_run follows. */
int pq_collect_stage_survey(pq_op *op);
/* garbage_run.c: does what the survey found. */
int pq_collect_stage_run(pq_op *op);

#endif
