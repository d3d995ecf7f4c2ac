/* server/mongo_session.h - sessions of MongoDB's clients: transactions and writes that may be sent
 * twice.
 *
 *   {insert: …, lsid: {id: UUID}, txnNumber: 5}                    a write that may be sent again
 *   {insert: …, lsid, txnNumber: 6, autocommit: false, startTransaction: true}
 *   {find: …,   lsid, txnNumber: 6, autocommit: false}             in the transaction
 *   {commitTransaction: 1, lsid, txnNumber: 6, autocommit: false}
 *
 *   enter ─► blocked by a test? ─► another command of the session runs? ─► the engine's `begin`
 *     └─ an error                                                               │
 *   the command's open … done ◄── ready ◄───────────────────────────────────────┘
 *     └─► seal: labels, times; an error aborts the transaction ─► leave
 *
 * A client's number (txnNumber) only rises within a session; what belongs to a smaller one is over.
 * An id is only remembered here once it has a number: cursors know theirs by themselves. Sessions
 * without a command for 30 minutes are forgotten, and what is open in them is aborted.
 *
 * Our own part of a task is pq_session_use; all of it belongs to the engine's thread.
 */
#ifndef PQ_SERVER_MONGO_SESSION_H
#define PQ_SERVER_MONGO_SESSION_H

#include "server/mongo_time.h"
#include "server/request.h"

enum { PQ_SESSION_MINUTES = 30, PQ_SESSION_ID_LEN = 16 };

typedef struct pq_task pq_task;
typedef struct pq_mongo pq_mongo;
typedef struct pq_session pq_session;

/* Whose: the client's id, and a hash of the user's name. Zeroed `is_set`: no session. */
typedef struct pq_session_key {
  uint8_t id[PQ_SESSION_ID_LEN];
  uint64_t user;
  bool is_set;
} pq_session_key;

typedef enum pq_session_phase {
  PQ_SESSION_READY = 0, /* the command runs, or is done */
  PQ_SESSION_BLOCKED,   /* by a fail point, until until_us */
  PQ_SESSION_QUEUED,    /* another command of the session has it */
  PQ_SESSION_BEGINS,    /* the engine's `begin` runs */
  PQ_SESSION_RECALLS    /* what was done before the server started is looked up */
} pq_session_phase;

/* A task's part. */
typedef struct pq_session_use {
  pq_session_key key;
  pq_session *session; /* borrowed; NULL: a command without a number */
  pq_session_phase phase;
  int64_t number; /* txnNumber */
  int64_t until_us;
  bool has_number, is_in_txn, is_starting, is_held, is_sealed, must_abort;
  bool is_queued; /* counted in session->queued */
  bool is_passed; /* our next command is not the client's */
  bool is_asking; /* our next command only reads, for one that writes */
  bool was_done;  /* a command of ours has come to its end */
  /* What was done before the server started (mongo_recall.c). */
  uint32_t recall_stage, recall_count;
  bool recalls_all;             /* half an hour of events is not there any more: all that are */
  struct pq_recalled *recalled; /* in the task's arena */
  size_t recall_at;             /* of the namespaces in t->names */
  int code;                     /* of the error that the answer is; 0: none */
  uint32_t labels;              /* of it, beside those that follow from the code */
  pq_mongo_time at;             /* read as of then; zeros: as of now */
  bool is_snapshot;             /* and say of when */
  int concern_code;             /* the write is done, but not as wanted; 0: as wanted */
  const char *concern_text;
} pq_session_use;

/* What the tasks of one engine share. */
typedef struct pq_sessions {
  pq_session **buckets; /* owned */
  uint32_t bucket_count, count;
  uint64_t kept_bytes;        /* answers of writes that may be asked for again */
  struct pq_recall *recalled; /* owned: namespaces that were looked at (mongo_retry.c) */
  int64_t checked_us;
  uint32_t txns_open; /* transactions, as of then: about each second */
} pq_sessions;

/* ---- the life of a task (mongo_commands.c) ---- */

/* Its fields are known and right. Afterwards it is done (an error), ready, or on its way. */
int pq_session_enter(pq_task *t) PQ_MUST_CHECK;
/* Of one on its way: go on as far as it can. Ready: open the command. */
int pq_session_go_on(pq_task *t) PQ_MUST_CHECK;
/* It is done: labels and times into the answer. */
void pq_session_seal(pq_task *t);
void pq_session_leave(pq_task *t);
/* Options of our command that follow from it: txn, metadata, asOf. */
int pq_session_put(pq_task *t) PQ_MUST_CHECK;

/* Now and then: what is too old. */
void pq_sessions_expire(pq_mongo *m);
/* How many transactions are open; of them *active: a command of theirs runs. */
uint32_t pq_sessions_txns(const pq_mongo *m, uint32_t *active);
void pq_sessions_release(pq_mongo *m);

/* ---- between the files ---- */

/* NULL: none is known by that key. */
pq_session *pq_session_find(pq_mongo *m, const pq_session_key *key);
/* Read an lsid. PQ_EINVALID: it is none, and the task is done. */
int pq_session_key_read(pq_task *t, pq_value lsid, pq_session_key *out) PQ_MUST_CHECK;
/* The session of the task's key, made if there is none; the task is done where there is no room. */
int pq_session_take(pq_task *t) PQ_MUST_CHECK;
bool pq_session_key_eq(const pq_session_key *a, const pq_session_key *b);
/* Abort what is open and close the cursors of a number, the command's own too. */
void pq_session_abort(pq_mongo *m, pq_session *s);

/* mongo_concern.c: readConcern, writeConcern, apiVersion … Done with an error, or not. */
int pq_concern_check(pq_task *t) PQ_MUST_CHECK;
/* What is wrong with apiVersion, apiStrict … of a command; 0: nothing. */
enum { PQ_API_TEXT_CAP = 160 };
int pq_api_code(pq_value command, pq_slice name, char text[PQ_API_TEXT_CAP]);

/* mongo_retry.c. *is_known: the write has been done, and this is its answer. */
int pq_retry_check(pq_task *t) PQ_MUST_CHECK;
int pq_retry_enter(pq_task *t) PQ_MUST_CHECK;
void pq_retry_keep(pq_task *t);
void pq_retry_forget(pq_mongo *m, pq_session *s);
int pq_retry_put(pq_task *t) PQ_MUST_CHECK;

/* The text of a key in metadata. */
enum { PQ_RECALL_ID_CAP = 2 * PQ_SESSION_ID_LEN + 18 };
void pq_recall_id(const pq_session_key *key, char out[PQ_RECALL_ID_CAP]);

/* mongo_recall.c. Has a task of a session that is new to this process to look? */
bool pq_recall_is_due(const pq_task *t);
int pq_recall_begin(pq_task *t) PQ_MUST_CHECK;
int pq_recall_go_on(pq_task *t) PQ_MUST_CHECK;
/* A task that looks ends before it has seen all. */
void pq_recall_leave(pq_task *t);
void pq_recall_release(pq_mongo *m);

/* Commands. */
int pq_mongo_start_session(pq_task *t);
int pq_mongo_end_sessions(pq_task *t);
int pq_mongo_refresh_sessions(pq_task *t);
int pq_mongo_kill_sessions(pq_task *t);
int pq_mongo_kill_all_sessions(pq_task *t);
int pq_mongo_commit(pq_task *t);
int pq_mongo_commit_done(pq_task *t, pq_value summary);
int pq_mongo_abort(pq_task *t);
int pq_mongo_abort_done(pq_task *t, pq_value summary);

typedef enum pq_session_state {
  PQ_TXN_IS_NONE,
  PQ_TXN_IS_OPEN,
  PQ_TXN_IS_COMMITTED,
  PQ_TXN_IS_ABORTED
} pq_session_state;

struct pq_session {
  pq_session *next; /* of its bucket */
  pq_session_key key;
  int64_t used_us;
  int64_t number;  /* the newest; -1: none */
  pq_task *holder; /* borrowed: a command with a number; NULL: none runs */
  uint32_t queued; /* commands that wait for it to end; they point here */
  /* The transaction of `number`. */
  pq_session_state state;
  uint64_t txn; /* the engine's; 0: nothing was done in it yet */
  int64_t begun_us;
  char *ns; /* owned: the namespace; NULL: none yet */
  size_t ns_len;
  /* The write of `number` that may be sent again. */
  uint8_t *answer; /* owned; NULL: none, or not kept */
  size_t answer_len;
  bool is_written;  /* it was done */
  bool is_recalled; /* what was done in it before the server started is known */
};

#endif
