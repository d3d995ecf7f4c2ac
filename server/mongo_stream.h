/* server/mongo_stream.h - change streams: {aggregate: …, pipeline: [{$changeStream: {…}}, …]}.
 *
 *   feed of a namespace ─► change ─► its collection? ─► pipeline ─► a document for the batch
 *   feed of another ──────┘ (of a whole cluster: the earliest first)
 *
 * A stream that waits is cheap (feed.h). Of several namespaces the changes come in the order of
 * their times: one is held back as long as a commit with an earlier time may be under way.
 *
 * Stages after the first: $match $project $addFields $set $unset $replaceRoot $replaceWith $redact,
 * by the engine's pipelines over one change at a time; `_id` has to stay as it is (280).
 */
#ifndef PQ_SERVER_MONGO_STREAM_H
#define PQ_SERVER_MONGO_STREAM_H

#include "server/feed.h"
#include "server/mongo_change.h"
#include "server/mongo_commands.h"

typedef struct pq_mongo_stream pq_mongo_stream;

typedef enum pq_stream_state {
  PQ_STREAM_CHANGE, /* a document */
  PQ_STREAM_READS,  /* go on after pqdb_poll */
  PQ_STREAM_WAITS,  /* nothing new: until pq_stream_has_news */
  PQ_STREAM_ENDS    /* invalidated: the document before was the last one */
} pq_stream_state;

/* Is the pipeline one of a change stream? */
bool pq_stream_is_wanted(pq_value pipeline);

/* Of another one: the answer is an error if a later stage is a $changeStream. */
int pq_stream_refuse_later(pq_task *t) PQ_MUST_CHECK;

/* Open the stream of a task's `aggregate`, whose namespace and collection (empty: all) are known.
 * *out NULL: the task has its answer already, an error. */
int pq_stream_open(pq_task *t, pq_mongo_stream **out) PQ_MUST_CHECK;
/* NULL is allowed. */
void pq_stream_free(pq_mongo_stream *s);

/* The next change, valid until the next call. A failure is the end of the stream: *code is
 * MongoDB's number for it, 0: that of the failure, and the text is in the mongo's context. */
int pq_stream_next(pq_mongo_stream *s, pq_stream_state *state, pq_value *change,
                   int *code) PQ_MUST_CHECK;

/* May there be something now? */
bool pq_stream_has_news(pq_mongo_stream *s);

/* The place behind all that was given out or is not wanted, for postBatchResumeToken. */
void pq_stream_place(const pq_mongo_stream *s, char out[PQ_TOKEN_CAP]);
/* Is it known without a read? It is of a stream that begins where the client said. */
bool pq_stream_is_placed(const pq_mongo_stream *s);

#endif
