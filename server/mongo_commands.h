/* server/mongo_commands.h - MongoDB's commands as commands of ours: translators, a task each.
 *
 *   {find: "posts", filter: …, batchSize: 2, $db: "test"}
 *      │ open: our command in namespace "test"   {"find": "posts", "filter": …, "plain": true}
 *      │ item: each document into the batch
 *      ▼ done: the summary ends it, or a full batch becomes a cursor
 *   {cursor: {firstBatch: […], id: 0, ns: "test.posts"}, ok: 1.0}
 *
 * A task belongs to the engine's thread. An option that a command does not know is an error (40415,
 * as MongoDB's), and so is one that it knows and cannot honour (238).
 */
#ifndef PQ_SERVER_MONGO_COMMANDS_H
#define PQ_SERVER_MONGO_COMMANDS_H

#include "port/handle.h"
#include "server/access.h"
#include "server/bson_value.h"
#include "server/job.h"
#include "server/mongo_error.h"
#include "server/mongo_name.h"
#include "server/mongo_reply.h"
#include "server/mongo_session.h"

/* What we say that we are, to those who ask MongoDB. */
#define PQ_MONGO_VERSION "8.0.0"
#define PQ_MONGO_FEATURES "8.0"

typedef struct pq_mongo_command pq_mongo_command;
struct pq_mongo_stream; /* mongo_stream.h */

/* A query that has more to give: the replies of our command, and the memory that it borrows. */
typedef struct pq_mongo_cursor {
  int64_t id; /* 0: none */
  pqdb_replies *replies;
  pq_arena arena;
  char ns[PQ_MONGO_NAME_CAP * 2]; /* "db.collection" */
  uint64_t left;                  /* documents that it may still give; 0: any number */
  int64_t used_ms;                /* when it was asked last */
  int64_t time_us;                /* of maxTimeMS that is left; 0: no limit */
  pq_session_key session;         /* only its commands may ask for more, */
  int64_t number;                 /* in the transaction of that number; -1: outside of any */
  bool is_patient;                /* noCursorTimeout */
  bool is_busy;                   /* a getMore is at it */
  bool is_killed;                 /* meanwhile; only who waits for changes looks at it */
  struct pq_mongo_stream *stream; /* owned; a change stream has no replies. NULL: it is none */
  char user[PQ_ACCESS_NAME_CAP];  /* whose it is; empty: nobody had logged in */
  uint64_t since;                 /* pq_access_since, when it was made */
} pq_mongo_cursor;

/* Commands since the start, as MongoDB counts them (serverStatus, opcounters): writes by their
 * documents and statements. */
typedef struct pq_mongo_counts {
  uint64_t inserts, queries, updates, deletes, get_mores, commands, failed, cursors_timed_out;
  uint64_t txns_started, txns_committed; /* of the others that do not run any more: aborted */
} pq_mongo_counts;

/* What the tasks of one engine share. */
struct pq_mongo {
  pq_cx *cx; /* borrowed: not the engine's; answers and commands come from its memory */
  pqdb *db;  /* borrowed */
  const pq_server *server;
  pq_access *access; /* borrowed */
  pq_builder *builder;
  pq_mongo_cursor **cursors; /* owned, and what they point to */
  uint32_t cursor_count, cursor_cap;
  pq_task *running; /* borrowed: all tasks, the newest first */
  uint32_t last_op;
  int64_t started_us;
  pq_mongo_counts counts;
  pq_sessions sessions;
};

typedef enum { PQ_EXPLAIN_NONE, PQ_EXPLAIN_PLAN, PQ_EXPLAIN_RUN } pq_mongo_explaining;

struct pq_task {
  pq_job job;
  pq_mongo *mongo;     /* borrowed */
  pq_request *request; /* borrowed: the engine's */
  const pq_mongo_command *command;
  pqdb_replies *replies; /* owned; NULL: none runs */
  pq_arena arena;        /* of our command, which the replies borrow */
  int rc;                /* of building it, sticky */
  char ns[PQ_MONGO_NAME_CAP], collection[PQ_MONGO_NAME_CAP]; /* ours */
  char full_name[PQ_MONGO_NAME_CAP * 2];                     /* theirs: "db.collection" */
  pq_bson_out out;
  bool is_writing; /* `out` has begun */
  bool is_done;    /* the answer is there */
  /* find, aggregate, getMore */
  pq_mongo_cursor *cursor; /* of a getMore; borrowed */
  uint32_t batch_max, batch_count;
  uint64_t left;
  bool is_single, is_patient, is_named;
  /* a change stream: owned until it has a cursor, then the cursor's */
  struct pq_mongo_stream *stream;
  int64_t patience_ms; /* how long a getMore waits for a change, as an instant */
  const char *place;   /* postBatchResumeToken; NULL: none */
  /* what a command needs between its steps */
  uint32_t stage;
  uint64_t count;
  pq_buf names;
  pq_users *users; /* owned: read anew (mongo_users.c) */
  void *state;     /* of the command's own file, in `arena`; zeroed by nobody */
  pq_mongo_explaining explaining;
  /* currentOp, killOp, maxTimeMS */
  pq_task *older, *newer;
  uint32_t number; /* what killOp calls it */
  bool is_killed;
  int64_t started_us;
  pq_session_use use;
};

struct pq_mongo_command {
  const char *name;
  const char *help;
  const char *const
      *fields; /* beside those of all commands; ended by NULL. NULL: it looks itself */
  /* Submit our command, or answer at once. The failure of it is the answer. */
  int (*open)(pq_task *t);
  int (*item)(pq_task *t, pq_value item);
  /* The summary is there: finish the answer, or submit the next command. */
  int (*done)(pq_task *t, pq_value summary);
};

/* The i-th command and what it does; NULL: there are no more. */
const char *pq_mongo_command_at(uint32_t i, const char **help);
/* NULL: there is none. */
const pq_mongo_command *pq_mongo_command_find(pq_slice name);

/* The life of tasks is that of jobs: pq_mongo_job, in mongo_commands.c. */

/* Closes all cursors. */
void pq_mongo_release(pq_mongo *m);
/* Close cursors that nobody has asked for ten minutes. */
void pq_mongo_expire(pq_mongo *m);

/* ---- between the files of the commands ---- */

/* Our command: begin, fields, submit. Failures are kept until submit. */
void pq_task_command(pq_task *t, const char *verb, const char *target);
void pq_task_put(pq_task *t, const char *name, pq_value v); /* missing: nothing */
void pq_task_put_bool(pq_task *t, const char *name, bool v);
void pq_task_put_i64(pq_task *t, const char *name, int64_t v);
void pq_task_put_str(pq_task *t, const char *name, const char *v);
int pq_task_submit(pq_task *t) PQ_MUST_CHECK;

/* A field of the client's command. */
pq_value pq_task_field(const pq_task *t, const char *name);
/* A whole number, absent: *out as it is. Anything else is PQ_EINVALID. */
int pq_task_number(pq_task *t, const char *name, int64_t *out) PQ_MUST_CHECK;
/* What JavaScript would call true: clients write 1, 1.0, true. */
bool pq_task_flag(const pq_task *t, const char *name);
/* Is each field of the client's command known? If not, the task is done. */
int pq_task_check_fields(pq_task *t, const pq_mongo_command *command) PQ_MUST_CHECK;
/* Is it a field that every command may have? */
bool pq_task_is_common(pq_slice field);
/* A command for the database admin alone. PQ_EPERM: the task is done. */
int pq_task_admin_only(pq_task *t) PQ_MUST_CHECK;
/* The fields `hint`, `collation`, `let` as ours. */
int pq_task_put_common(pq_task *t) PQ_MUST_CHECK;
int pq_task_put_hint(pq_task *t, pq_value hint) PQ_MUST_CHECK;
/* Refuse a field that is there and true: PQ_EUNSUPPORTED. */
int pq_task_refuse(pq_task *t, const char *name) PQ_MUST_CHECK;
/* The collection that the first field names, into t->collection and t->full_name. */
int pq_task_target(pq_task *t) PQ_MUST_CHECK;

/* The answer: begin, fields into t->out, end with {ok: 1.0}. */
void pq_task_answer(pq_task *t);
int pq_task_answer_end(pq_task *t) PQ_MUST_CHECK;
/* An answer that is an error with a number that no failure of ours has. PQ_OK. */
int pq_task_refuse_with(pq_task *t, int code, const char *fmt, ...) PQ_PRINTF(3, 4) PQ_MUST_CHECK;

/* The answer is what a fail point wants. */
int pq_fail_point_answer(pq_task *t) PQ_MUST_CHECK;

/* mongo_cursor.c */
/* Those of a session (NULL: of any) and a number (-1: of any); one that is being read stays. */
void pq_cursors_close(pq_mongo *m, const pq_session_key *session, int64_t number);
int pq_cursor_begin(pq_task *t) PQ_MUST_CHECK; /* the options of batches */
/* Submit our command; with a batch of none the cursor is the answer. */
int pq_cursor_submit(pq_task *t) PQ_MUST_CHECK;
/* A task ends that has a cursor. */
void pq_cursor_leave(pq_task *t);
/* The cursor of a getMore that failed is no more. */
void pq_cursor_drop(pq_task *t);
int pq_cursor_item(pq_task *t, pq_value item);
/* The changes of t->stream, or of its cursor's, until the batch is full or none is left: then a
 * getMore waits for some. */
int pq_cursor_changes(pq_task *t);
int pq_cursor_done(pq_task *t, pq_value summary);
/* An answer of documents that are there: {cursor: {firstBatch: [ … */
void pq_cursor_list_begin(pq_task *t, const char *ns);
int pq_cursor_list_end(pq_task *t) PQ_MUST_CHECK;
int pq_open_get_more(pq_task *t);
int pq_open_kill_cursors(pq_task *t);

/* mongo_login.c */
int pq_mongo_sasl_start(pq_task *t);
int pq_mongo_sasl_continue(pq_task *t);
int pq_mongo_authenticate(pq_task *t);
int pq_mongo_logout(pq_task *t);
int pq_mongo_connection_status(pq_task *t);
/* What hello says of logging in, to who asks: for handshake.h, with the task. */
void pq_mongo_hello_more(void *task, pq_bson_out *o);
/* The roles of a user, and what they allow, as arrays; NULL: none. */
void pq_mongo_put_roles(pq_bson_out *o, const char *field, const pq_user *who);
void pq_mongo_put_privileges(pq_bson_out *o, const char *field, const pq_user *who);

/* mongo_users.c */
int pq_mongo_create_user(pq_task *t);
int pq_mongo_update_user(pq_task *t);
int pq_mongo_drop_user(pq_task *t);   /* and dropAllUsersFromDatabase */
int pq_mongo_grant_roles(pq_task *t); /* and revokeRolesFromUser */
int pq_mongo_user_item(pq_task *t, pq_value item);
int pq_mongo_user_done(pq_task *t, pq_value summary);
int pq_mongo_users_info(pq_task *t);
int pq_mongo_roles_info(pq_task *t);

/* mongo_ops.c: what runs */
void pq_ops_enter(pq_task *t);
void pq_ops_leave(pq_task *t);
/* Was it killed, has it taken too long, or does it read for a client that has gone? */
bool pq_ops_must_end(const pq_task *t);
/* The same; then it is done: an error. */
bool pq_ops_is_over(pq_task *t);
/* A request that has not begun: what a killOp kills is marked at once. */
void pq_ops_foresee(pq_mongo *m, const pq_request *r);
int pq_mongo_current_op(pq_task *t);
int pq_mongo_current_op_done(pq_task *t, pq_value summary);
int pq_mongo_current_op_item(pq_task *t, pq_value item);
/* The commands that run, an element each of the array that is open. */
void pq_ops_put_all(pq_bson_out *o, const pq_mongo *m);
int pq_mongo_kill_op(pq_task *t);

/* mongo_virtual.c: stages whose documents are made here. */
bool pq_virtual_is(const pq_task *t);
int pq_virtual_open(pq_task *t) PQ_MUST_CHECK; /* after pq_cursor_begin */
/* Documents, elements of the array that is open between the two; and what goes on with them: the
 * stages of `pipeline` from there on, and `match` if it is there. */
void pq_virtual_begin(pq_task *t, pq_bson_out *o);
int pq_virtual_end(pq_bson_out *o) PQ_MUST_CHECK;
int pq_virtual_submit(pq_task *t, pq_value pipeline, uint32_t from, pq_value match) PQ_MUST_CHECK;

/* mongo_stats.c */
int pq_mongo_coll_stats(pq_task *t);
int pq_mongo_coll_stats_done(pq_task *t, pq_value summary);
int pq_mongo_db_stats(pq_task *t);
int pq_mongo_db_stats_done(pq_task *t, pq_value summary);
int pq_mongo_data_size(pq_task *t);
int pq_mongo_data_size_done(pq_task *t, pq_value summary);
int pq_mongo_validate(pq_task *t);
int pq_mongo_validate_item(pq_task *t, pq_value item);
int pq_mongo_validate_done(pq_task *t, pq_value summary);
int pq_mongo_compact(pq_task *t);
int pq_mongo_compact_done(pq_task *t, pq_value summary);
int pq_mongo_fsync(pq_task *t);
int pq_mongo_fsync_done(pq_task *t, pq_value summary);

/* mongo_server.c */
int pq_mongo_server_status(pq_task *t);
int pq_mongo_host_info(pq_task *t);
int pq_mongo_get_parameter(pq_task *t);
int pq_mongo_set_parameter(pq_task *t);
int pq_mongo_default_concern(pq_task *t);
int pq_mongo_set_status(pq_task *t);
int pq_mongo_set_config(pq_task *t);
int pq_mongo_profile(pq_task *t);
int pq_mongo_search_index(pq_task *t);
int pq_mongo_reindex(pq_task *t);

/* mongo_explain.c */
int pq_mongo_explain(pq_task *t);
int pq_mongo_explain_item(pq_task *t, pq_value item);
int pq_mongo_explain_done(pq_task *t, pq_value summary);

/* mongo_read.c */
/* A number as small as it can be: clients that compare types expect an int32. */
void pq_mongo_put_count(pq_bson_out *o, const char *name, int64_t n);
int pq_mongo_find(pq_task *t);
int pq_mongo_aggregate(pq_task *t);
int pq_mongo_count(pq_task *t);
int pq_mongo_count_done(pq_task *t, pq_value summary);
int pq_mongo_distinct(pq_task *t);
int pq_mongo_distinct_done(pq_task *t, pq_value summary);

/* mongo_write.c */
int pq_mongo_insert(pq_task *t);
int pq_mongo_update(pq_task *t);
int pq_mongo_delete(pq_task *t);
int pq_mongo_write_done(pq_task *t, pq_value summary);
int pq_mongo_find_and_modify(pq_task *t);
int pq_mongo_find_and_modify_item(pq_task *t, pq_value item);
int pq_mongo_find_and_modify_done(pq_task *t, pq_value summary);

/* For mongo_bulk.c. A statement of an update or delete; what is not there is missing. */
typedef struct pq_statement {
  pq_value q, u, array_filters, collation, hint, sort, constants;
  bool is_many, is_upsert;
} pq_statement;
/* An operation into the array of our bulkWrite that is being built. */
int pq_write_put_update(pq_task *t, const pq_statement *s) PQ_MUST_CHECK;
int pq_write_put_delete(pq_task *t, const pq_statement *s) PQ_MUST_CHECK;
int pq_write_put_insert(pq_task *t, pq_arena *scratch, pq_value doc) PQ_MUST_CHECK;
/* Fields of one of our errors: the index (its name is the command's), code, errmsg … `id`: of the
 * document, if it was an insert. */
int pq_write_put_failure(pq_task *t, pq_value error, int32_t index, pq_value id) PQ_MUST_CHECK;

/* mongo_graph.c */
int pq_mongo_graph(pq_task *t);
int pq_mongo_graph_done(pq_task *t, pq_value summary);
int pq_mongo_as_of(pq_task *t);
/* The option asOf of ours: a date, or as doc/commands.md has it. Missing: nothing. */
int pq_task_put_moment(pq_task *t, pq_value v) PQ_MUST_CHECK;
bool pq_graph_is_stage(pq_value stage);
int pq_graph_stage(pq_task *t, pq_value stage) PQ_MUST_CHECK;

/* In a transaction errors end it. The task is done where the first one is a conflict. */
int pq_write_end_txn(pq_task *t, pq_value errors) PQ_MUST_CHECK;

/* The whole answer of a findAndModify whose document the validator refuses. */
int pq_write_answer_invalid(pq_task *t) PQ_MUST_CHECK;

/* mongo_bulk.c */
int pq_mongo_bulk_write(pq_task *t);
int pq_mongo_bulk_write_done(pq_task *t, pq_value summary);
/* The database that a bulkWrite with a number writes to, into t->ns. In a transaction it has one:
 * else the task is done. */
int pq_bulk_choose_database(pq_task *t) PQ_MUST_CHECK;

/* mongo_admin.c */
int pq_mongo_list_databases(pq_task *t);
int pq_mongo_list_databases_item(pq_task *t, pq_value item);
int pq_mongo_list_databases_done(pq_task *t, pq_value summary);
int pq_mongo_list_collections(pq_task *t);
int pq_mongo_list_collections_item(pq_task *t, pq_value item);
int pq_mongo_list_collections_done(pq_task *t, pq_value summary);

/* mongo_indexes.c */
int pq_mongo_list_indexes(pq_task *t);
int pq_mongo_list_indexes_done(pq_task *t, pq_value summary);
int pq_mongo_create_indexes(pq_task *t);
int pq_mongo_create_indexes_done(pq_task *t, pq_value summary);
int pq_mongo_drop_indexes(pq_task *t);
int pq_mongo_drop_indexes_done(pq_task *t, pq_value summary);

/* mongo_catalog.c */
int pq_mongo_create(pq_task *t);
int pq_mongo_create_done(pq_task *t, pq_value summary);
int pq_mongo_coll_mod(pq_task *t);
int pq_mongo_coll_mod_done(pq_task *t, pq_value summary);
int pq_mongo_rename(pq_task *t);
int pq_mongo_rename_done(pq_task *t, pq_value summary);
int pq_mongo_drop(pq_task *t);
int pq_mongo_drop_done(pq_task *t, pq_value summary);
int pq_mongo_drop_database(pq_task *t);
int pq_mongo_drop_database_item(pq_task *t, pq_value item);
int pq_mongo_drop_database_done(pq_task *t, pq_value summary);

#endif
