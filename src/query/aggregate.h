/* query/aggregate.h - pipelines as they are parsed: an array of stages, put in a better order.
 *
 *   [{"$set": {"b": 1}}, {"$match": {"a": 3}}, {"$sort": {"a": 1}}, {"$limit": 5}]
 *      │ optimised
 *      ▼
 *   $match a = 3 ─► $sort (the best 5) ─► $limit 5 ─► $set      a list; what a stage was given
 *      │ taken for the scan                                     stands in its `data`
 *
 * The optimiser works on the stages as they were written, before each is parsed: a $match moves in
 * front of stages that leave its paths alone, neighbouring ones become one, $skip and $limit move
 * in front of stages that give one document for one, a $limit tells a $sort how much to keep.
 *
 * How a pipeline runs: query/flow.h. Rules: MONGO.md 1, 50-57.
 */
#ifndef PQ_QUERY_AGGREGATE_H
#define PQ_QUERY_AGGREGATE_H

#include "expr/expression.h"
#include "expr/filter.h"

/* MongoDB: 1,000 stages, those of sub-pipelines counted too (each is a few
 * calls deep when it runs), and sub-pipelines nested at most 20 deep. */
enum { PQ_PIPELINE_STAGES_MAX = 1000, PQ_PIPELINE_DEPTH_MAX = 20 };

typedef struct pq_pipeline pq_pipeline;

/* Parse an array of stages into `arena`. PQ_EINVALID, PQ_EFILTER,
 * PQ_EUNSUPPORTED, PQ_ELIMIT. A stage that MongoDB knows and we do not is
 * PQ_EUNSUPPORTED with the reason, an unknown one PQ_EINVALID with the nearest
 * name. */
int pq_pipeline_parse(pq_arena *arena, const pq_env *env, pq_value stages,
                      pq_pipeline **out) PQ_MUST_CHECK;

/* The filter of a leading $match, which the pipeline then leaves to its caller;
 * NULL: none. A filter that needs more of an evaluation than a scan knows
 * (variables, $$NOW, $rand) stays. */
pq_filter *pq_pipeline_take_filter(pq_pipeline *p);

/* Does it begin with $documents, so that it reads no collection? */
bool pq_pipeline_has_documents(const pq_pipeline *p);

/* Which directions of edges its stages follow (pq_direction): the flow needs a graph of them
 * (graph/graph.h). 0: none. */
unsigned pq_pipeline_directions(const pq_pipeline *p);

/* How many stages the caller took. */
uint32_t pq_pipeline_taken(const pq_pipeline *p);

/* For explain: names of the stages in order, as optimised; NULL behind the
 * last. */
const char *pq_pipeline_stage_name(const pq_pipeline *p, uint32_t i);

/* The names of the top-level fields of its input that the stages which are left can read, in
 * `arena`. False: all of them, names are NULL then. System fields stand in the
 * list as any other. */
bool pq_pipeline_needs(const pq_pipeline *p, pq_arena *arena, const pq_slice **names,
                       uint32_t *count);

/* Does any text or name in the stages that are left speak of the top-level
 * field `name`? Not the one that writes. `arena` is for the way; true when it
 * is full. */
bool pq_pipeline_mentions(const pq_pipeline *p, pq_arena *arena, pq_slice name);

/* ---- the end of a pipeline that writes ---- */

typedef enum pq_pipe_write_kind { PQ_PIPE_NONE, PQ_PIPE_OUT, PQ_PIPE_MERGE } pq_pipe_write_kind;
typedef enum pq_when_matched {
  PQ_MATCHED_MERGE, /* the default */
  PQ_MATCHED_REPLACE,
  PQ_MATCHED_KEEP,
  PQ_MATCHED_FAIL,
  PQ_MATCHED_PIPELINE
} pq_when_matched;
typedef enum pq_when_not_matched {
  PQ_NOT_MATCHED_INSERT, /* the default */
  PQ_NOT_MATCHED_DISCARD,
  PQ_NOT_MATCHED_FAIL
} pq_when_not_matched;

/* $out or $merge. The stage itself runs nothing: whoever pulls the pipeline
 * writes. */
typedef struct pq_pipe_write {
  pq_pipe_write_kind kind;
  pq_slice into; /* the collection */
  pq_slice db;   /* of `into`, when it was named: must be the namespace; empty: it was not */
  pq_slice on;   /* $merge: the field that tells which entity is meant; empty: `_id` */
  pq_when_matched matched;
  pq_when_not_matched not_matched;
  pq_pipeline *pipeline; /* PQ_MATCHED_PIPELINE: its documents are the stored
                            ones; $$new and `let` are variables */
  pq_expression **lets;  /* values of the variables from let_first on, for $$ROOT
                            = the new one */
  uint32_t let_first, let_count;
} pq_pipe_write;
const pq_pipe_write *pq_pipeline_write(const pq_pipeline *p);

extern const char *const pq_pipeline_stages[];

#endif
