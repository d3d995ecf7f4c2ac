/* cmd/pipeline_run.h - a pipeline that runs for a command, shared by
 * aggregate_command.c and pipeline_write.c.
 */
#ifndef PQ_CMD_PIPELINE_RUN_H
#define PQ_CMD_PIPELINE_RUN_H

#include "cmd/command_int.h"
#include "query/flow.h"

/* A document that $out or $merge writes. */
typedef struct pq_pipe_doc {
  pq_slice id;
  pq_value data;
} pq_pipe_doc;

/* Not part of the state that the step loop compares: its operators keep the
 * restart rule one by one (query/flow.h). */
struct pq_pipeline_run {
  pq_flow flow;
  pq_store store;
  pq_view_store views;
  pq_spill *spill;    /* owned */
  pq_operator *root;  /* owned */
  pq_doc_batch batch; /* being given out, from `at` on */
  uint64_t at;
  bool is_abandoned; /* only its temporary objects are left */
  /* $out, $merge */
  pq_arena arena;    /* the documents to write, and the ids there are */
  pq_pipe_doc *docs; /* sorted by id when all are there; in `arena` */
  uint32_t doc_count, doc_cap;
  pq_slice *ids; /* what is there and what comes, sorted, distinct */
  uint32_t id_count, id_cap;
};

/* ---- pipeline_write.c ---- */
/* Take a document that came out of the pipeline. */
int pq_pipe_write_add(pq_command *c, pq_value doc) PQ_MUST_CHECK;
/* All came: the stage that writes them; `finish` makes the summary. */
int pq_pipe_write_begin(pq_command *c, pq_stage_fn finish) PQ_MUST_CHECK;

#endif
