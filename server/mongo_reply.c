/* server/mongo_reply.c - see mongo_reply.h. */
#include "server/mongo_reply.h"

#include <string.h>

#include "server/mongo_error.h"
#include "server/mongo_time.h"

/* ---- errors ---- */

static void put_labels(pq_bson_out *o, const pq_reply_more *more) {
  static const char *const names[] = {"TransientTransactionError", "UnknownTransactionCommitResult",
                                      "RetryableWriteError", "NonResumableChangeStreamError"};
  if (!pq_value_is_missing(more->other_labels)) {
    if (pq_value_count(more->other_labels) > 0) pq_bson_value(o, "errorLabels", more->other_labels);
    return;
  }
  if (more->labels == 0) return;
  pq_bson_begin_array(o, "errorLabels");
  for (uint32_t i = 0; i < sizeof names / sizeof *names; i++)
    if ((more->labels & (1U << i)) != 0) pq_bson_str(o, NULL, names[i]);
  pq_bson_end(o);
}

static void put_concern_error(pq_bson_out *o, const pq_reply_more *more) {
  char name[40];
  if (!pq_value_is_missing(more->concern_error)) {
    pq_bson_value(o, "writeConcernError", more->concern_error);
    return;
  }
  if (more->concern_code == 0) return;
  pq_mongo_code_name(more->concern_code, name);
  pq_bson_begin_object(o, "writeConcernError");
  pq_bson_i32(o, "code", more->concern_code);
  pq_bson_str(o, "codeName", name);
  pq_bson_str(o, "errmsg", more->concern_text);
  pq_bson_end(o);
}

/* All servers know all transactions, so one is as good as another. */
static void put_token(pq_bson_out *o, const pq_reply_more *more) {
  if (!more->has_token) return;
  pq_bson_begin_object(o, "recoveryToken");
  pq_bson_str(o, "recoveredShardId", "rs0");
  pq_bson_end(o);
}

/* ---- times ---- */

enum { HASH_LEN = 20 };

/* {clusterTime, signature: {hash: 20 zero bytes, keyId: 0}} */
static void put_cluster_time(pq_bson_out *o, pq_mongo_time time) {
  static const uint8_t zeros[HASH_LEN] = {0};
  pq_bson_begin_object(o, "$clusterTime");
  pq_mongo_time_write(o, "clusterTime", time);
  pq_bson_begin_object(o, "signature");
  pq_bson_binary(o, "hash", 0, (pq_slice){zeros, HASH_LEN});
  pq_bson_i64(o, "keyId", 0);
  pq_bson_end(o);
  pq_bson_end(o);
}

int pq_reply_seal(pq_buf *answer, const pq_reply_more *more) {
  enum { LEN = 4 };
  pq_mongo_time time = pq_mongo_time_of(more->now_us);
  size_t len = answer->len, end;
  pq_bson_out o;
  /* The fields are a document of their own first; then its head is cut out. */
  pq_bson_begin(&o, answer);
  put_labels(&o, more);
  put_concern_error(&o, more);
  put_token(&o, more);
  put_cluster_time(&o, time);
  pq_mongo_time_write(&o, "operationTime", time);
  PQ_TRY(pq_bson_finish(&o));
  pq_assert(len > LEN);
  end = answer->len - len - LEN;
  memmove(answer->p + len - 1, answer->p + len + LEN, end);
  answer->len = len - 1 + end;
  pq_wr32(answer->p, (uint32_t)answer->len);
  return PQ_OK;
}
