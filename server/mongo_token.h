/* server/mongo_token.h - resume tokens: a place in what happens, as the text that clients keep.
 *
 *     {_data: "01" ts ns "00" seq kind}          all as hexadecimal digits, 8 + n + 1 + 8 + 1 bytes
 *             version, time of the event (µs), its namespace, its number, what the token is of
 *
 * Text order is the order of the changes: by time, then by namespace, then by number. The number
 * alone says where to go on in its own namespace; in others it is the time, so that one token
 * resumes a stream over all of them. Tokens are good after a restart, and for any stream of the
 * same warehouse.
 */
#ifndef PQ_SERVER_MONGO_TOKEN_H
#define PQ_SERVER_MONGO_TOKEN_H

#include "server/mongo_name.h"

typedef enum pq_token_kind {
  PQ_TOKEN_CHANGE = 1,
  PQ_TOKEN_DATABASE = 2,   /* the second of two that came of one event: dropDatabase */
  PQ_TOKEN_INVALIDATE = 3, /* resumeAfter refuses it */
  PQ_TOKEN_PLACE = 9       /* behind this number, or this time: postBatchResumeToken */
} pq_token_kind;

typedef struct pq_mongo_token {
  int64_t ts;
  uint64_t seq; /* 0: the time alone */
  pq_token_kind kind;
  char ns[PQ_MONGO_NAME_CAP]; /* ours; "~": behind all namespaces of this time */
} pq_mongo_token;

enum { PQ_TOKEN_CAP = 2 * (PQ_MONGO_NAME_CAP + 20) };

void pq_token_text(const pq_mongo_token *t, char out[PQ_TOKEN_CAP]);
/* Of {_data: text}. False: it is none of ours. */
bool pq_token_read(pq_value v, pq_mongo_token *out);

#endif
