/* server/mongo_reply.h - what every answer says beside its own fields, put behind them:
 *
 *   {…, ok: 1.0}  ─►  {…, ok: 1.0, errorLabels, writeConcernError, recoveryToken, $clusterTime,
 *                      operationTime}
 *
 * operationTime is the clock's time of the answer (mongo_time.h): no commit that the answer has
 * seen is later, no commit that follows it is earlier. There is one server, so $clusterTime is the
 * same, and its signature is that of a set without keys: zeros.
 */
#ifndef PQ_SERVER_MONGO_REPLY_H
#define PQ_SERVER_MONGO_REPLY_H

#include "server/bson_value.h"

/* Labels of errors: drivers decide by them what they do again. */
enum {
  PQ_LABEL_TRANSIENT = 1,      /* TransientTransactionError */
  PQ_LABEL_UNKNOWN_COMMIT = 2, /* UnknownTransactionCommitResult */
  PQ_LABEL_RETRY = 4,          /* RetryableWriteError */
  PQ_LABEL_LOST_STREAM = 8     /* NonResumableChangeStreamError */
};

typedef struct pq_reply_more {
  uint32_t labels;        /* a set of the above */
  pq_value other_labels;  /* an array of text, instead of these; missing: none */
  pq_value concern_error; /* an object; missing: none */
  int concern_code;       /* or of a code; 0: none */
  const char *concern_text;
  bool has_token; /* what a mongos gives within a transaction: commits on another one name it */
  int64_t now_us;
} pq_reply_more;

/* An answer that is there gets them. On failure it is as it was. */
int pq_reply_seal(pq_buf *answer, const pq_reply_more *more) PQ_MUST_CHECK;

#endif
