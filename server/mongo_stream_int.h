/* server/mongo_stream_int.h - a change stream: what its two files share. */
#ifndef PQ_SERVER_MONGO_STREAM_INT_H
#define PQ_SERVER_MONGO_STREAM_INT_H

#include "query/flow.h"
#include "server/mongo_stream.h"

/* Of one database. */
typedef struct pq_stream_part {
  pq_feed feed;
  bool has_head;
  pq_value head; /* the event that comes next; in `arena`, if the stream has several parts */
  int64_t ts;    /* its time */
  pq_arena arena;
} pq_stream_part;

struct pq_mongo_stream {
  pq_mongo *mongo; /* borrowed */
  bool is_cluster; /* all databases, else ns, else its collection */
  char ns[PQ_MONGO_NAME_CAP], collection[PQ_MONGO_NAME_CAP];
  pq_mongo_change_style style;
  bool may_lack; /* fullDocument: not "updateLookup", so that images may be switched off */
  bool needs_document, needs_before; /* "required" */
  pq_arena kept;                     /* of the pipeline */
  pq_pipeline *pipeline;             /* NULL: none */
  pq_env env;
  pq_flow flow;
  pq_operator *root;      /* owned: it holds what the pipeline made of the last change */
  pq_arena arena;         /* of the change */
  pq_value change;        /* in it */
  pq_stream_part **parts; /* owned */
  uint32_t part_count, part_cap;
  pq_mongo_token place; /* all up to it was given out or is not wanted */
  int64_t begin_ts;     /* of a cluster: what a new database has is behind this */
  bool is_resumed;      /* it begins at a place that the client said, else now */
  bool is_begun, is_ending, is_over;
  bool drops_database; /* a dropDatabase follows the drop that was given out */
};

int pq_stream_new(pq_mongo *m, pq_mongo_stream **out) PQ_MUST_CHECK;

#endif
