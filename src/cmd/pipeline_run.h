/* cmd/pipeline_run.h - a pipeline that runs for a command, shared by
 * aggregate_command.c, pipeline_write.c and pipeline_match.c.
 */
#ifndef PQ_CMD_PIPELINE_RUN_H
#define PQ_CMD_PIPELINE_RUN_H

#include "cmd/command_int.h"
#include "query/flow.h"

/* A document that $out or $merge writes. */
typedef struct pq_pipe_doc {
  pq_slice id;
  pq_value data;
  /* $merge with `on` */
  uint64_t hash;   /* of the value there */
  bool is_matched; /* `id` is that of an entity with the value */
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
  uint32_t *order; /* documents by the hash of `on` */
  pq_stage_fn matched;
};

/* ---- aggregate_command.c ---- */
/* Run c->s.pipeline over c->s.collection. As the end of the stage that opened the snapshot. */
int pq_pipeline_begin(pq_command *c) PQ_MUST_CHECK;

/* ---- pipeline_write.c ---- */
/* Take a document that came out of the pipeline. */
int pq_pipe_write_add(pq_command *c, pq_value doc) PQ_MUST_CHECK;
/* All came: the stage that writes them; `finish` makes the summary. */
int pq_pipe_write_begin(pq_command *c, pq_stage_fn finish) PQ_MUST_CHECK;

/* ---- pipeline_match.c: $merge with `on`; without it nothing happens ---- */
/* Is the field unique in the target? PQ_EINDEX. */
int pq_pipe_match_check(pq_command *c) PQ_MUST_CHECK;
/* Has a document that came out a value there? */
int pq_pipe_match_take(pq_command *c, pq_pipe_doc *d) PQ_MUST_CHECK;
/* The value. */
pq_value pq_pipe_match_key(const pq_command *c, const pq_pipe_doc *d);
/* All came: the stage that finds out whose they are; `then` goes on. c->s.collection is the target.
 */
int pq_pipe_match_begin(pq_command *c, pq_stage_fn then) PQ_MUST_CHECK;

#endif
