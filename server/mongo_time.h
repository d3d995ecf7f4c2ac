/* server/mongo_time.h - MongoDB's Timestamps and our instants: one timeline for operationTime,
 * clusterTime, startAtOperationTime and atClusterTime.
 *
 *   commit at 2026-03-01T00:00:00.000041Z   ◄──►   Timestamp({t: 1772323200, i: 42})
 *                                    µs                       seconds   µs within it, + 1
 *
 * The commits of a namespace have rising times, and the events of one commit the same, so a
 * Timestamp names a commit, "as of" it is what that commit left, and their order is that of the
 * commits. It needs no table and says the same after a restart. (MongoDB: `i` counts the
 * operations within a second, from 1.)
 */
#ifndef PQ_SERVER_MONGO_TIME_H
#define PQ_SERVER_MONGO_TIME_H

#include "server/bson_value.h"

typedef struct pq_mongo_time {
  uint32_t t, i; /* zeros: none */
} pq_mongo_time;

/* Of an instant in µs since 1970; what is before or beyond 32 bits of seconds becomes the first or
 * the last one. */
pq_mongo_time pq_mongo_time_of(int64_t us);
/* The instant that it names; an `i` beyond a second is its last µs, 0 its first. */
int64_t pq_mongo_time_us(pq_mongo_time time);

/* Is it a Timestamp? Else *out is zeros. */
bool pq_mongo_time_read(pq_value v, pq_mongo_time *out);
/* As the builder's next value. */
int pq_mongo_time_put(pq_builder *b, pq_mongo_time time) PQ_MUST_CHECK;
/* As a field of an answer. */
void pq_mongo_time_write(pq_bson_out *o, const char *name, pq_mongo_time time);

#endif
