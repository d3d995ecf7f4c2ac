/* query/aggregate.h - pipelines: documents flow through stages.
 *
 *   scan ──► row group ──► $match ──► $addFields ──► $group ▐ collects
 *            (a batch)     a document goes as far as it can  ▐
 *   end of the scan ───────────────────────────────────────► ▐ ──► $sort ▐ ──► … ──► output
 *
 * Streaming stages ($match $project $addFields $set $unset $unwind $replaceRoot $replaceWith $skip
 * $limit) hand each document on at once. Blocking ones ($group $sort $count $sortByCount) collect;
 * at the end each of them in turn gives out what it has. A $limit that is full stops everything
 * before it, the scan included. Documents on their way live in the scratch arena of the batch; what
 * is kept is copied into the operation's arena, whose maximum bounds the memory.
 *
 * The first $match is taken out for the scan (pq_pipeline_filter). Other stages that MongoDB knows
 * are PQ_EUNSUPPORTED, unknown ones PQ_EINVALID with the nearest name. Rules: MONGO.md 1, 50-57.
 */
#ifndef PQ_QUERY_AGGREGATE_H
#define PQ_QUERY_AGGREGATE_H

#include "expr/expression.h"
#include "expr/filter.h"
#include "io/op.h"

typedef struct pq_pipeline pq_pipeline;

/* Parse an array of stages into `arena`; results are kept in it too. PQ_EINVALID, PQ_EFILTER,
 * PQ_EUNSUPPORTED, PQ_ELIMIT. */
int pq_pipeline_parse(pq_arena *arena, const pq_env *env, pq_value stages,
                      pq_pipeline **out) PQ_MUST_CHECK;

/* The filter of a leading $match, which the pipeline then leaves to its caller; NULL: none. */
pq_filter *pq_pipeline_take_filter(pq_pipeline *p);

/* Before the first document: where results go, and what evaluation needs. `keep` holds what
 * blocking stages collect, `scratch` documents on their way. All borrowed. */
typedef int (*pq_pipeline_sink)(void *ud, pq_value doc);
void pq_pipeline_begin(pq_pipeline *p, pq_eval eval, pq_arena *keep, pq_pipeline_sink sink,
                       void *ud);

/* One document. PQ_YIELD: enough, no more are wanted. */
int pq_pipeline_push(pq_pipeline *p, pq_value doc) PQ_MUST_CHECK;

/* No more documents: blocking stages give out theirs. Clears the scratch arena as it goes. */
int pq_pipeline_finish(pq_pipeline *p) PQ_MUST_CHECK;

/* Does the pipeline want only the number of documents? Then that may be pushed instead of them. */
bool pq_pipeline_is_count(const pq_pipeline *p);
void pq_pipeline_push_count(pq_pipeline *p, uint64_t count);

/* How many stages the caller took. */
uint32_t pq_pipeline_taken(const pq_pipeline *p);

/* For explain: names of the stages in order; NULL behind the last. */
const char *pq_pipeline_stage_name(const pq_pipeline *p, uint32_t i);

extern const char *const pq_pipeline_stages[];

#endif
