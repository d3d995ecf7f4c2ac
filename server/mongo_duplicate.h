/* server/mongo_duplicate.h - a key that stands twice, as MongoDB tells it.
 *
 *   users/~o…: index 'email_1' {"email":1}: users/~o… has {"email":"x"} already      ours
 *     └► E11000 duplicate key error collection: test.users index: email_1 dup key: { email: "x" }
 *        keyPattern {email: 1}   keyValue {email: "x"}
 *
 * Applications read the text and the two fields, so all come from our message.
 */
#ifndef PQ_SERVER_MONGO_DUPLICATE_H
#define PQ_SERVER_MONGO_DUPLICATE_H

#include "server/mongo_commands.h"

/* A value as the shell prints it: ObjectId('…'), "text", { a: 1 }. */
int pq_mongo_shell_print(pq_buf *out, pq_value v) PQ_MUST_CHECK;

/* keyPattern, keyValue, errmsg, into the object that is open; of `_id` with this value. */
int pq_duplicate_put_id(pq_task *t, pq_bson_out *o, pq_value id) PQ_MUST_CHECK;
/* The same of what our message tells. */
int pq_duplicate_put(pq_task *t, pq_bson_out *o, pq_slice message) PQ_MUST_CHECK;
/* The whole answer {ok: 0, errmsg, code: 11000, codeName, keyPattern, keyValue}. */
int pq_duplicate_answer(pq_task *t, const char *message) PQ_MUST_CHECK;

#endif
