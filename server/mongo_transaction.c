/* server/mongo_transaction.c - numbers within a session, transactions, and what follows from them
 * for each command. See mongo_session.h.
 *
 *            startTransaction            commit             ─ sent again: ok once more
 *   none ─────────────────────► open ──────────────► committed
 *    ▲                            │ abort, an error, age, a larger number
 *    └── a larger number          └────────────────► aborted ─ NoSuchTransaction from then on
 *
 * The engine's `begin` runs with the first command, so the snapshot is that of the first command;
 * the namespace is that command's, and another database in the transaction is refused.
 */
#include <string.h>

#include "server/mongo_commands.h"

static bool is_command(const pq_task *t, const char *name) {
  return pq_slice_is(pq_str(t->command->name), name);
}

static bool is_ending(const pq_task *t) {
  return is_command(t, "commitTransaction") || is_command(t, "abortTransaction");
}

static bool is_any(const pq_task *t, const char *const *names) {
  for (; *names != NULL; names++)
    if (is_command(t, *names)) return true;
  return false;
}

static int no_such(pq_task *t, const char *why) {
  return pq_task_refuse_with(t, PQ_MONGO_NO_SUCH_TRANSACTION,
                             "Given transaction number %lld does not match any in-progress "
                             "transactions: %s",
                             (long long)t->use.number, why);
}

/* ---- the fields ---- */

static int bad_option(pq_task *t, const char *text) {
  return pq_task_refuse_with(t, PQ_MONGO_INVALID_OPTIONS, "%s", text);
}

/* lsid, txnNumber, autocommit, startTransaction. */
static int read_fields(pq_task *t) {
  pq_session_use *u = &t->use;
  pq_value lsid = pq_task_field(t, "lsid"), autocommit = pq_task_field(t, "autocommit");
  bool flag = true;
  if (!pq_value_is_missing(lsid)) {
    int rc = pq_session_key_read(t, lsid, &u->key);
    if (rc != PQ_OK) return t->is_done ? PQ_OK : rc;
  }
  u->has_number = !pq_value_is_missing(pq_task_field(t, "txnNumber"));
  PQ_TRY(pq_task_number(t, "txnNumber", &u->number));
  u->is_starting = pq_task_flag(t, "startTransaction");
  if (u->has_number && !u->key.is_set)
    return bad_option(t, "Transaction number requires a session ID to also be specified");
  if (u->has_number && u->number < 0) return bad_option(t, "Transaction number cannot be negative");
  if (!pq_value_is_missing(autocommit)) {
    if (!u->has_number)
      return bad_option(t, "'autocommit' field requires a transaction number to also be specified");
    if (!pq_value_bool(autocommit, &flag) || flag)
      return bad_option(t, "Specifying autocommit=true is not allowed.");
    u->is_in_txn = true;
  }
  if (!pq_value_is_missing(pq_task_field(t, "startTransaction"))) {
    if (!u->is_in_txn)
      return bad_option(t,
                        "'startTransaction' field requires 'autocommit' field to also be "
                        "specified");
    if (!u->is_starting) return bad_option(t, "Specifying startTransaction=false is not allowed.");
  }
  return PQ_OK;
}

/* A pipeline that writes is none for a transaction. */
static bool is_writing_pipeline(const pq_task *t) {
  pq_value pipeline = pq_task_field(t, "pipeline");
  pq_value last = pq_array_at(pipeline, pq_value_count(pipeline) - 1);
  return pq_value_count(pipeline) > 0 && (!pq_value_is_missing(pq_object_get_str(last, "$out")) ||
                                          !pq_value_is_missing(pq_object_get_str(last, "$merge")));
}

/* What is no part of the engine's transaction, and so cannot begin one. */
static bool is_aside(const pq_task *t) {
  static const char *const names[] = {"getMore", "killCursors", "connectionStatus", NULL};
  return is_any(t, names);
}

static int refuse_command(pq_task *t) {
  return pq_task_refuse_with(
      t, PQ_MONGO_NOT_IN_TRANSACTION, "Cannot run '%s' in a multi-document transaction.%s",
      t->command->name,
      is_command(t, "count") ? " Count documents by an aggregate with $count instead." : "");
}

/* A bulkWrite's databases are those of its nsInfo, and a getMore of its results follows it. */
static bool is_of_bulk(const pq_task *t) {
  const char *field = is_command(t, "getMore") ? "collection" : t->command->name;
  pq_slice name = {0};
  (void)pq_value_string(pq_task_field(t, field), &name);
  return is_command(t, "bulkWrite") || pq_slice_is(name, "$cmd.bulkWrite");
}

/* What may stand in a transaction, and where. */
static int check_command(pq_task *t) {
  static const char *const allowed[] = {"find",
                                        "aggregate",
                                        "distinct",
                                        "insert",
                                        "update",
                                        "delete",
                                        "findAndModify",
                                        "bulkWrite",
                                        "create",
                                        "createIndexes",
                                        "getMore",
                                        "killCursors",
                                        "connectionStatus",
                                        "commitTransaction",
                                        "abortTransaction",
                                        NULL};
  static const char *const others[] = {"admin", "config", "local", NULL};
  if (!is_any(t, allowed)) return refuse_command(t);
  if (is_command(t, "aggregate") && is_writing_pipeline(t))
    return pq_task_refuse_with(t, PQ_MONGO_NOT_IN_TRANSACTION,
                               "$out and $merge cannot be used in a transaction");
  if (t->use.is_starting && is_aside(t))
    return pq_task_refuse_with(t, PQ_MONGO_NOT_IN_TRANSACTION,
                               "Cannot run %s as the first command of a transaction",
                               t->command->name);
  for (size_t i = 0; !is_ending(t) && !is_of_bulk(t) && others[i] != NULL; i++)
    if (pq_slice_is(t->request->db, others[i]) && !is_command(t, "connectionStatus"))
      return pq_task_refuse_with(t, PQ_MONGO_NOT_IN_TRANSACTION,
                                 "Cannot run command against the '%s' database in a transaction.",
                                 others[i]);
  if (!t->use.is_starting && !is_ending(t) && !pq_value_is_missing(pq_task_field(t, "readConcern")))
    return bad_option(t, "Only the first command in a transaction may specify a readConcern");
  if (!is_ending(t) && !pq_value_is_missing(pq_task_field(t, "writeConcern")))
    return bad_option(t, "writeConcern is not allowed within a multi-statement transaction");
  return PQ_OK;
}

/* ---- the session's state ---- */

/* A larger number: what was before is over. */
static void set_number(pq_mongo *m, pq_session *s, int64_t number) {
  pq_session_abort(m, s);
  pq_retry_forget(m, s);
  s->number = number;
  s->state = PQ_TXN_IS_NONE;
}

static int start_txn(pq_task *t) {
  pq_session *s = t->use.session;
  if (t->use.number == s->number && s->state == PQ_TXN_IS_OPEN)
    return pq_task_refuse_with(t, 117, "Transaction %lld is already in progress",
                               (long long)s->number);
  if (t->use.number == s->number && (s->state != PQ_TXN_IS_NONE || s->is_written))
    return pq_task_refuse_with(t, 50911,
                               "Cannot start a transaction with the number %lld, which "
                               "has been used",
                               (long long)s->number);
  if (t->use.number != s->number) set_number(t->mongo, s, t->use.number);
  s->state = PQ_TXN_IS_OPEN;
  t->mongo->counts.txns_started++;
  s->begun_us = t->started_us;
  return PQ_OK;
}

/* A command that goes on in one. Ends of transactions see to their own. */
static int join_txn(pq_task *t) {
  pq_session *s = t->use.session;
  if (t->use.number > s->number) return no_such(t, "none was started with that number");
  if (s->state == PQ_TXN_IS_ABORTED) return no_such(t, "it has been aborted");
  if (s->state == PQ_TXN_IS_NONE) return no_such(t, "it is that of a retryable write");
  if (s->state == PQ_TXN_IS_COMMITTED)
    return pq_task_refuse_with(t, PQ_MONGO_TRANSACTION_COMMITTED,
                               "Transaction %lld has been committed.", (long long)s->number);
  if (s->ns != NULL && strcmp(s->ns, t->ns) != 0 && !is_aside(t))
    return pq_task_refuse_with(t, PQ_MONGO_NOT_IN_TRANSACTION,
                               "a transaction is about one database: transaction %lld began in "
                               "another one than '%s'",
                               (long long)s->number, t->ns);
  return PQ_OK;
}

/* The engine's transaction runs from now on. */
static int begin_txn(pq_task *t) {
  pq_session *s = t->use.session;
  size_t len = strlen(t->ns);
  if (is_ending(t) || is_aside(t) || s->txn != 0) return PQ_OK;
  if (s->ns == NULL) {
    s->ns = pq_alloc(t->mongo->cx, NULL, 0, len + 1);
    if (s->ns == NULL) return pq_fail_nomem(t->mongo->cx);
    memcpy(s->ns, t->ns, len + 1);
    s->ns_len = len;
  }
  t->use.phase = PQ_SESSION_BEGINS;
  t->use.is_passed = true; /* this command is no part of it */
  pq_builder_clear(t->mongo->builder);
  t->rc = pq_builder_begin_object(t->mongo->builder);
  pq_task_put_i64(t, "begin", 1);
  PQ_TRY(pq_task_submit(t));
  t->use.is_passed = false;
  return PQ_OK;
}

/* The session is ours. */
static int enter_number(pq_task *t) {
  pq_session_use *u = &t->use;
  pq_session *s = u->session;
  s->holder = t;
  u->is_held = true;
  u->phase = PQ_SESSION_READY;
  if (u->number < s->number)
    return pq_task_refuse_with(
        t, PQ_MONGO_TRANSACTION_TOO_OLD,
        "Cannot start transaction %lld on session: a newer one, %lld, has already started",
        (long long)u->number, (long long)s->number);
  if (!u->is_in_txn) {
    if (u->number > s->number) set_number(t->mongo, s, u->number);
    if (s->state != PQ_TXN_IS_NONE)
      return pq_task_refuse_with(t, PQ_MONGO_NO_SUCH_TRANSACTION,
                                 "Cannot retry transaction %lld as a write of its own",
                                 (long long)u->number);
    return pq_retry_enter(t);
  }
  if (is_command(t, "commitTransaction") && pq_recall_is_due(t)) return pq_recall_begin(t);
  if (is_ending(t)) return PQ_OK;
  PQ_TRY(u->is_starting ? start_txn(t) : PQ_OK);
  if (!t->is_done) PQ_TRY(join_txn(t));
  return t->is_done ? PQ_OK : begin_txn(t);
}

/* ---- the life of a task ---- */

static void leave_queue(pq_task *t) {
  if (t->use.is_queued) t->use.session->queued--;
  t->use.is_queued = false;
}

static int wait_turn(pq_task *t) {
  pq_session *s = t->use.session;
  if (s->holder == NULL) {
    leave_queue(t);
    return enter_number(t);
  }
  if (!t->use.is_queued) s->queued++;
  t->use.is_queued = true;
  t->use.phase = PQ_SESSION_QUEUED;
  return PQ_OK;
}

static int enter(pq_task *t) {
  pq_session *s;
  PQ_TRY(pq_concern_check(t));
  if (t->is_done) return PQ_OK;
  if (!t->use.has_number) {
    s = t->use.key.is_set ? pq_session_find(t->mongo, &t->use.key) : NULL;
    if (s != NULL) s->used_us = t->started_us;
    return PQ_OK;
  }
  if (t->use.is_in_txn)
    PQ_TRY(check_command(t));
  else
    PQ_TRY(pq_retry_check(t));
  if (!t->is_done && is_command(t, "bulkWrite")) PQ_TRY(pq_bulk_choose_database(t));
  if (t->is_done) return PQ_OK;
  PQ_TRY(pq_session_take(t));
  return t->is_done ? PQ_OK : wait_turn(t);
}

int pq_session_enter(pq_task *t) {
  const pq_fail_action *f = &t->request->fail;
  PQ_TRY(read_fields(t));
  if (t->is_done) return PQ_OK;
  if (f->block_ms > 0) {
    t->use.phase = PQ_SESSION_BLOCKED;
    t->use.until_us = t->started_us + (int64_t)f->block_ms * 1000;
    return PQ_OK;
  }
  if (f->code != 0) return pq_fail_point_answer(t);
  return enter(t);
}

static int begun(pq_task *t) {
  pq_value summary;
  int64_t number = 0;
  int rc;
  if (pqdb_is_ready(t->replies) != 1) return PQ_OK;
  rc = pq_handle_next(t->replies, &summary);
  if (rc < 0) return pq_fail(t->mongo->cx, rc, "%s", pq_handle_cx(t->mongo->db)->msg);
  (void)pq_value_i64(pq_object_get_str(summary, "txn"), &number);
  t->use.session->txn = (uint64_t)number;
  t->use.phase = PQ_SESSION_READY;
  pqdb_replies_close(t->replies);
  t->replies = NULL;
  return PQ_OK;
}

int pq_session_go_on(pq_task *t) {
  pq_session_use *u = &t->use;
  switch (u->phase) {
    case PQ_SESSION_BLOCKED:
      if (pq_handle_now_us(t->mongo->db) < u->until_us) return PQ_OK;
      u->phase = PQ_SESSION_READY;
      if (t->request->fail.code != 0) return pq_fail_point_answer(t);
      PQ_TRY(enter(t));
      break;
    case PQ_SESSION_QUEUED: PQ_TRY(wait_turn(t)); break;
    case PQ_SESSION_BEGINS: PQ_TRY(begun(t)); break;
    case PQ_SESSION_RECALLS: PQ_TRY(pq_recall_go_on(t)); break;
    case PQ_SESSION_READY: break;
  }
  return t->is_done || u->phase != PQ_SESSION_READY ? PQ_OK : t->command->open(t);
}

int pq_session_put(pq_task *t) {
  const pq_session_use *u = &t->use;
  if (u->is_passed) return PQ_OK;
  if (u->is_in_txn && !is_ending(t)) pq_task_put_i64(t, "txn", (int64_t)u->session->txn);
  if (u->at.t != 0 && !u->is_in_txn) {
    pq_builder *b = t->mongo->builder;
    PQ_TRY(t->rc);
    PQ_TRY(pq_builder_key_str(b, "asOf"));
    PQ_TRY(pq_builder_date_us(b, pq_mongo_time_us(u->at)));
  }
  return u->session == NULL ? PQ_OK : pq_retry_put(t);
}

/* ---- its end ---- */

/* (MongoDB: isRetriableError, isTransientTransactionError in error_labels.cpp) */
static bool is_retriable(int code) {
  static const int codes[] = {6,    7,     89,    91,    189,   262,   358,
                              9001, 10107, 11600, 11602, 13435, 13436, 0};
  for (size_t i = 0; codes[i] != 0; i++)
    if (codes[i] == code) return true;
  return false;
}

static uint32_t labels_of(const pq_task *t) {
  const pq_session_use *u = &t->use;
  bool is_commit = t->command != NULL && is_command(t, "commitTransaction");
  bool is_end = t->command != NULL && is_ending(t);
  uint32_t labels = u->labels;
  if (u->code == 0) return labels;
  if (u->code == PQ_MONGO_CHANGE_STREAM_FATAL || u->code == PQ_MONGO_CHANGE_STREAM_HISTORY_LOST)
    labels |= PQ_LABEL_LOST_STREAM;
  if (u->has_number && (!u->is_in_txn || is_end) && is_retriable(u->code)) labels |= PQ_LABEL_RETRY;
  if (u->is_in_txn &&
      (u->code == PQ_MONGO_NO_SUCH_TRANSACTION || u->code == PQ_MONGO_WRITE_CONFLICT ||
       u->code == PQ_MONGO_SNAPSHOT_UNAVAILABLE || u->code == 24 || u->code == 267 ||
       (!is_commit && is_retriable(u->code))))
    labels |= PQ_LABEL_TRANSIENT;
  return labels;
}

static bool has_token(const pq_task *t) {
  return t->use.is_in_txn && t->use.code == 0 && t->command != NULL && !is_ending(t) &&
         t->mongo->server->options->topology == PQ_TOPOLOGY_MONGOS;
}

void pq_session_seal(pq_task *t) {
  pq_session_use *u = &t->use;
  const pq_fail_action *f = &t->request->fail;
  pq_reply_more more = {.now_us = pq_handle_now_us(t->mongo->db),
                        .labels = labels_of(t),
                        .other_labels = f->labels,
                        .concern_error = f->concern_error,
                        .concern_code = u->code == 0 ? u->concern_code : 0,
                        .concern_text = u->concern_text,
                        .has_token = has_token(t)};
  if (u->is_sealed) return;
  u->is_sealed = true;
  if (u->is_held && !u->is_in_txn) pq_retry_keep(t);
  if (t->request->answer.len == 0) return;
  if (pq_reply_seal(&t->request->answer, &more) != PQ_OK) pq_buf_clear(&t->request->answer);
}

/* An error in a transaction ends it. */
void pq_session_leave(pq_task *t) {
  pq_session_use *u = &t->use;
  pq_session *s = u->session;
  leave_queue(t);
  if (!u->is_held) return;
  pq_recall_leave(t);
  pqdb_replies_close(t->replies); /* it is no command at work in the transaction any more */
  t->replies = NULL;
  s->holder = NULL;
  if (u->is_in_txn && (u->code != 0 || !t->is_done || u->must_abort) && u->number == s->number &&
      s->state == PQ_TXN_IS_OPEN && !is_ending(t))
    pq_session_abort(t->mongo, s);
}

/* ---- commit, abort ---- */

/* Is there the transaction that the command ends? Else the task is done. */
static int find_txn(pq_task *t) {
  const pq_session *s = t->use.session;
  bool is_there, is_committed;
  if (!t->use.is_in_txn)
    return pq_task_refuse_with(t, 125, "%s must be run within a transaction", t->command->name);
  is_there = t->use.number == s->number;
  is_committed = is_there && s->state == PQ_TXN_IS_COMMITTED;
  if (is_there && s->state == PQ_TXN_IS_OPEN) return PQ_OK;
  if (is_committed && is_command(t, "commitTransaction")) return PQ_OK;
  if (is_committed)
    return pq_task_refuse_with(t, PQ_MONGO_TRANSACTION_COMMITTED,
                               "Transaction %lld has been committed.", (long long)s->number);
  return no_such(
      t, is_there && s->state == PQ_TXN_IS_ABORTED ? "it has been aborted" : "none was started");
}

static int answer_ok(pq_task *t) {
  pq_task_answer(t);
  return pq_task_answer_end(t);
}

static int submit_end(pq_task *t, const char *verb) {
  const pq_session *s = t->use.session;
  memcpy(t->ns, s->ns, s->ns_len + 1);
  pq_builder_clear(t->mongo->builder);
  t->rc = pq_builder_begin_object(t->mongo->builder);
  pq_task_put_i64(t, verb, (int64_t)s->txn);
  return pq_task_submit(t);
}

int pq_mongo_commit(pq_task *t) {
  pq_session *s = t->use.session;
  PQ_TRY(pq_task_admin_only(t));
  PQ_TRY(find_txn(t));
  if (t->is_done) return PQ_OK;
  pq_cursors_close(t->mongo, &s->key, s->number);
  if (s->state == PQ_TXN_IS_OPEN && s->txn != 0) {
    PQ_TRY(submit_end(t, "commit"));
    if (!t->is_done) s->state = PQ_TXN_IS_ABORTED; /* unless it succeeds */
    return PQ_OK;
  }
  t->mongo->counts.txns_committed += s->state == PQ_TXN_IS_OPEN;
  s->state = PQ_TXN_IS_COMMITTED;
  return answer_ok(t);
}

int pq_mongo_commit_done(pq_task *t, pq_value summary) {
  (void)summary;
  t->mongo->counts.txns_committed++;
  t->use.session->state = PQ_TXN_IS_COMMITTED;
  t->use.session->txn = 0;
  return answer_ok(t);
}

int pq_mongo_abort(pq_task *t) {
  PQ_TRY(pq_task_admin_only(t));
  PQ_TRY(find_txn(t));
  if (t->is_done) return PQ_OK;
  pq_session_abort(t->mongo, t->use.session);
  return answer_ok(t);
}
