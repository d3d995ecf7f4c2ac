/* server/mongo_words.h - failures of the engine in MongoDB's words.
 *
 *   "operator '$inc' at path 's' needs a number there, not string"
 *      ▼ a row of the table: {1} is '$inc', {2} 's', {3} string
 *   14 TypeMismatch: "Cannot apply $inc to a value of non-numeric type. The field 's' is of type
 * string"
 *
 * Programs and libraries look at the number, and some at the text. The engine has fewer codes than
 * MongoDB, so what its message says decides. One that no row knows stays what it is.
 */
#ifndef PQ_SERVER_MONGO_WORDS_H
#define PQ_SERVER_MONGO_WORDS_H

#include "base/base.h"

/* The number of a failure that was to have `code`, and its text; the text is cut at its room. */
int pq_mongo_words(int code, pq_slice message, char out[PQ_MESSAGE_CAP]);

#endif
