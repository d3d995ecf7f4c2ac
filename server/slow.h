/* server/slow.h - a line in the log for a command that took long.
 *
 *   slow command command=find db=shop collection=posts ms=412 documents=20 user=admin.ann
 *   peer=127.0.0.1:5012 shape="{filter: {likes: {$gt: ?}}, find: ?, sort: {likes: ?}}"
 *
 * Names of fields stand there, values never: they are people's.
 */
#ifndef PQ_SERVER_SLOW_H
#define PQ_SERVER_SLOW_H

#include "server/log.h"
#include "server/request.h"

/* The command has been answered after so long. */
void pq_slow_note(pq_log *log, const pq_request *r, uint64_t ms);

/* What a value is made of, cut after `cap` bytes with its end. */
void pq_slow_shape(pq_value v, char *out, size_t cap);

#endif
