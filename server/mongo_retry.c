/* server/mongo_retry.c - writes that may be sent twice are done once. See mongo_session.h.
 *
 *   {insert: …, lsid, txnNumber: 5} ─► done ─► its answer is kept with the session
 *   the same again                  ─► that answer
 *
 * The commit names the session and the number in its metadata, which the wire never shows: so it is
 * found again when the server was killed meanwhile (mongo_recall.c).
 *
 * Only the newest number of a session can be asked for again, so it has one answer.
 */
#include <string.h>

#include "server/mongo_commands.h"

enum {
  ANSWER_LEN_MAX = 16 << 20, /* of one answer, */
  KEPT_LEN_MAX = 64 << 20    /* and of all */
};

static bool is_command(const pq_task *t, const char *name) {
  return strcmp(t->command->name, name) == 0;
}

/* ---- is it one? ---- */

static bool is_true(pq_value v) {
  bool flag = false;
  double d = 0;
  if (!pq_value_bool(v, &flag) && pq_value_number(v, &d)) flag = d != 0;
  return flag;
}

/* Writes on many have no end that could be told from their beginning. */
static int check_statements(pq_task *t) {
  pq_value updates = pq_task_field(t, "updates"), deletes = pq_task_field(t, "deletes");
  double limit;
  for (uint32_t i = 0; i < pq_value_count(updates); i++)
    if (is_true(pq_object_get_str(pq_array_at(updates, i), "multi")))
      return pq_task_refuse_with(t, PQ_MONGO_INVALID_OPTIONS,
                                 "Cannot use retryable writes with multi=true");
  for (uint32_t i = 0; i < pq_value_count(deletes); i++)
    if (pq_value_number(pq_object_get_str(pq_array_at(deletes, i), "limit"), &limit) && limit == 0)
      return pq_task_refuse_with(t, PQ_MONGO_INVALID_OPTIONS,
                                 "Cannot use retryable writes with limit=0");
  return PQ_OK;
}

static bool is_write(const pq_task *t) {
  static const char *const writes[] = {"insert",        "update",    "delete",
                                       "findAndModify", "bulkWrite", NULL};
  for (size_t i = 0; writes[i] != NULL; i++)
    if (is_command(t, writes[i])) return true;
  return false;
}

/* In a transaction alone. */
static bool is_catalog_write(const pq_task *t) {
  return t->use.is_in_txn && (is_command(t, "create") || is_command(t, "createIndexes"));
}

int pq_retry_check(pq_task *t) {
  if (is_write(t)) return check_statements(t);
  return pq_task_refuse_with(
      t, 50768,
      "txnNumber may only be provided for multi-document transactions and retryable write "
      "commands. "
      "autocommit:false was not provided, and %s is not a retryable write command.",
      t->command->name);
}

/* ---- answers ---- */

void pq_retry_forget(pq_mongo *m, pq_session *s) {
  s->is_written = false;
  if (s->answer == NULL) return;
  m->sessions.kept_bytes -= s->answer_len;
  pq_alloc(m->cx, s->answer, s->answer_len, 0);
  s->answer = NULL;
  s->answer_len = 0;
}

void pq_retry_keep(pq_task *t) {
  pq_mongo *m = t->mongo;
  pq_session *s = t->use.session;
  const pq_buf *answer = &t->request->answer;
  if (!t->is_done || s->is_written || s->number != t->use.number) return;
  if (t->use.code != 0 && !t->use.was_done) return;
  s->is_written = true;
  if (t->use.code != 0) return; /* done, but its answer failed: it must not be done again */
  if (answer->len > ANSWER_LEN_MAX || m->sessions.kept_bytes > KEPT_LEN_MAX - answer->len) return;
  s->answer = pq_alloc(m->cx, NULL, 0, answer->len);
  if (s->answer == NULL) return;
  memcpy(s->answer, answer->p, answer->len);
  s->answer_len = answer->len;
  m->sessions.kept_bytes += answer->len;
}

/* A fail point of writes is about those that are done. */
static void repeat(pq_task *t) {
  pq_fail_action *f = &t->request->fail;
  if (!f->is_done_first) return;
  f->must_close = false;
  f->was_repeated = true;
}

int pq_retry_enter(pq_task *t) {
  const pq_session *s = t->use.session;
  if (!s->is_written) return pq_recall_is_due(t) ? pq_recall_begin(t) : PQ_OK;
  if (s->answer == NULL)
    return pq_task_refuse_with(t, PQ_MONGO_INCOMPLETE_HISTORY,
                               "the write %lld of this session was done; its answer was too large "
                               "to be kept",
                               (long long)s->number);
  PQ_TRY(pq_buf_put(&t->request->answer, s->answer, s->answer_len));
  repeat(t);
  t->is_done = true;
  return PQ_OK;
}

/* Who did it, into the commit's metadata; only mongo_recall.c reads it. */
int pq_retry_put(pq_task *t) {
  const pq_session_use *u = &t->use;
  pq_builder *b = t->mongo->builder;
  char text[PQ_RECALL_ID_CAP];
  if (!u->has_number || u->is_asking || !(is_write(t) || is_catalog_write(t))) return PQ_OK;
  pq_recall_id(&u->key, text);
  PQ_TRY(t->rc);
  PQ_TRY(pq_builder_key_str(b, "metadata"));
  PQ_TRY(pq_builder_begin_object(b));
  PQ_TRY(pq_builder_key_str(b, "mongo"));
  PQ_TRY(pq_builder_begin_object(b));
  PQ_TRY(pq_builder_key_str(b, "lsid"));
  PQ_TRY(pq_builder_str(b, text));
  PQ_TRY(pq_builder_key_str(b, "txn"));
  PQ_TRY(pq_builder_i64(b, u->number));
  PQ_TRY(pq_builder_end(b));
  return pq_builder_end(b);
}
