/* server/mongo_pipeline.h - a pipeline of the wire as one of ours: names of databases and
 * collections, which ours may have to encode (mongo_name.h), also in pipelines within.
 *
 *   {$lookup: {from: "_users", pipeline: [{$unionWith: "_old"}], …}}
 *   {$lookup: {from: "%5fusers", pipeline: [{$unionWith: "%5fold"}], …}}
 */
#ifndef PQ_SERVER_MONGO_PIPELINE_H
#define PQ_SERVER_MONGO_PIPELINE_H

#include "server/mongo_commands.h"

/* The field `pipeline` of our command that is being made. Refused: names that MongoDB refuses. */
int pq_pipeline_put(pq_task *t, pq_value pipeline) PQ_MUST_CHECK;

#endif
