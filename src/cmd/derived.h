/* cmd/derived.h - views: collections that are what a pipeline makes of another one.
 *
 *   {"create": "v", "options": {"viewOn": "a", "pipeline": [P]}}    nothing is stored but this
 *
 *   {"find": "v", "filter": F, "sort": S}      ─► {"aggregate": "a", [P, $match F, $sort S]}
 *   {"aggregate": "v", "pipeline": [Q]}        ─► {"aggregate": "a", [P, Q]}
 *   {"$unionWith": "v"} in a pipeline          ─► {"$unionWith": {"coll": "a", "pipeline": [P]}}
 *   {"$lookup": {"from": "v", equality, …}}    ─► {"$lookup": {"from": {"collection": "a",
 *                                                                       "pipeline": [P]}, …}}
 *
 * What a view shows is looked up when the snapshot is open, so that the past is read by the views
 * of its time. Stages P may name views themselves, and "a" may be one: that ends after
 * PQ_VIEW_DEPTH_MAX of them, and no view may lead to itself. (doc/decisions/0054)
 *
 * The word is used for them by commands alone; in the code a pq_view is an instant of a namespace,
 * so they are called derived.
 */
#ifndef PQ_CMD_DERIVED_H
#define PQ_CMD_DERIVED_H

#include "cmd/catalog.h"

/* What is to come of the documents of a view, for a command that is no aggregate. */
typedef struct pq_derived_run {
  int (*give)(pq_command *c, pq_value doc); /* NULL: an item each */
  int (*end)(pq_command *c);                /* the summary; NULL: an aggregate's */
  uint64_t limit;                           /* of a find: one more tells whether there are more */
  bool has_more;
} pq_derived_run;

/* Is the command's collection a view? The snapshot is open. */
bool pq_derived_is(const pq_command *c);
/* PQ_EVIEW if it is one, at the newest seq: for what changes documents or indexes. */
int pq_derived_refuse(pq_command *c, pq_slice collection) PQ_MUST_CHECK;

/* Can the collection be a view of this record? Cycles, depth, stages. The snapshot is open.
 * PQ_EINVALID, PQ_ELIMIT, PQ_EUNSUPPORTED. */
int pq_derived_check(pq_command *c, pq_slice collection,
                     const pq_collection_record *record) PQ_MUST_CHECK;

/* A reading command over a view: it becomes a pipeline over the collection below, which begins. In
 * the stage that opened the snapshot, as its end. PQ_EVIEW: an option that needs entities. */
int pq_derived_begin(pq_command *c) PQ_MUST_CHECK;
/* An aggregate: its pipeline over what its views show, if it names any. The same stage. */
int pq_derived_pipeline(pq_command *c) PQ_MUST_CHECK;

/* ---- derived_read.c ---- */
/* Options that need entities. PQ_EVIEW. */
int pq_derived_options(pq_command *c) PQ_MUST_CHECK;
/* The stages that the command stands for, into the array that is being built; what is to come of
 * their documents. */
int pq_derived_put_command(pq_command *c) PQ_MUST_CHECK;

#endif
