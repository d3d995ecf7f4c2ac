/* server/mongo_error.h - failures as MongoDB's clients know them: a number, its name, a text.
 *
 *   our code ─► pq_mongo_code_of ─► {ok: 0.0, errmsg, code, codeName}
 *
 * (MongoDB: src/mongo/base/error_codes.yml.)
 */
#ifndef PQ_SERVER_MONGO_ERROR_H
#define PQ_SERVER_MONGO_ERROR_H

#include "server/bson_value.h"

enum {
  PQ_MONGO_INTERNAL = 1,
  PQ_MONGO_BAD_VALUE = 2,
  PQ_MONGO_VIEW_CYCLE = 5,
  PQ_MONGO_FAILED_TO_PARSE = 9,
  PQ_MONGO_UNAUTHORIZED = 13,
  PQ_MONGO_TYPE_MISMATCH = 14,
  PQ_MONGO_ILLEGAL_OPERATION = 20,
  PQ_MONGO_NAMESPACE_NOT_FOUND = 26,
  PQ_MONGO_INDEX_NOT_FOUND = 27,
  PQ_MONGO_CURSOR_NOT_FOUND = 43,
  PQ_MONGO_NO_MATCHING_DOCUMENT = 47,
  PQ_MONGO_NAMESPACE_EXISTS = 48,
  PQ_MONGO_MAX_TIME = 50,
  PQ_MONGO_COMMAND_NOT_FOUND = 59,
  PQ_MONGO_INVALID_OPTIONS = 72,
  PQ_MONGO_INVALID_NAMESPACE = 73,
  PQ_MONGO_WRITE_CONFLICT = 112,
  PQ_MONGO_INVALID_DOCUMENT = 121, /* DocumentValidationFailure */
  PQ_MONGO_NOT_A_REPLICA_SET = 123,
  PQ_MONGO_MEMORY_LIMIT = 146,
  PQ_MONGO_VIEW_DEPTH = 165,
  PQ_MONGO_NOT_ON_VIEW = 166,
  PQ_MONGO_OPTION_NOT_ON_VIEW = 167,
  PQ_MONGO_INVALID_UUID = 207,
  PQ_MONGO_INCOMPLETE_HISTORY = 217,
  PQ_MONGO_TRANSACTION_TOO_OLD = 225,
  PQ_MONGO_CURSOR_KILLED = 237,
  PQ_MONGO_NOT_IMPLEMENTED = 238,
  PQ_MONGO_SNAPSHOT_UNAVAILABLE = 246,
  PQ_MONGO_NO_SUCH_TRANSACTION = 251,
  PQ_MONGO_TRANSACTION_COMMITTED = 256,
  PQ_MONGO_INVALID_RESUME_TOKEN = 260,
  PQ_MONGO_TOO_MANY_SESSIONS = 261,
  PQ_MONGO_NOT_IN_TRANSACTION = 263,
  PQ_MONGO_CHANGE_STREAM_FATAL = 280,
  PQ_MONGO_CHANGE_STREAM_HISTORY_LOST = 286,
  PQ_MONGO_DUPLICATE_KEY = 11000,
  PQ_MONGO_CURSOR_IN_USE = 12051,
  PQ_MONGO_UNKNOWN_FIELD = 40415,
  PQ_MONGO_MISSING_FIELD = 40414
};

/* For a failure of the engine. */
int pq_mongo_code_of(int rc);
/* For the name of one ("ALREADY_EXISTS"), as it stands in the errors of a bulk write. */
int pq_mongo_code_of_name(pq_slice name);
/* For a failure about a view that has a number of its own; 0: none. */
int pq_mongo_code_of_view(int rc, pq_slice message);
/* Does the message tell of a document that a collection's validator refuses? */
bool pq_mongo_is_invalid(pq_slice message);
/* "BadValue"; "Location40415" for a number without a name. */
void pq_mongo_code_name(int code, char out[40]);

/* Make `answer` {ok: 0.0, errmsg, code, codeName}, whatever was in it. */
int pq_mongo_error_put(pq_buf *answer, int code, const char *message) PQ_MUST_CHECK;

#endif
