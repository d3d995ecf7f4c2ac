/* server/mongo_commands.c - the table of commands; the life of a task. See mongo_commands.h. */
#include "server/handshake.h"
#include "server/metrics.h"
#include "server/mongo_catalog.h"
#include "server/mongo_duplicate.h"
#include "server/mongo_stats.h"
#include "server/mongo_stream.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* What every command may have. Those of sessions are names that need nothing of us. */
static const char *const fields_of_all[] = {"$db",
                                            "lsid",
                                            "$clusterTime",
                                            "$readPreference",
                                            "readConcern",
                                            "writeConcern",
                                            "comment",
                                            "maxTimeMS",
                                            "apiVersion",
                                            "apiStrict",
                                            "apiDeprecationErrors",
                                            "txnNumber",
                                            "stmtId",
                                            "stmtIds",
                                            "autocommit",
                                            "startTransaction",
                                            NULL};
#define LANGUAGE "collation", "hint", "let"
static const char *const find_fields[] = {"filter",
                                          "sort",
                                          "projection",
                                          "skip",
                                          "limit",
                                          "batchSize",
                                          "singleBatch",
                                          "allowDiskUse",
                                          "returnKey",
                                          "showRecordId",
                                          "tailable",
                                          "awaitData",
                                          "noCursorTimeout",
                                          "min",
                                          "max",
                                          "oplogReplay",
                                          "allowPartialResults",
                                          "asOf",
                                          LANGUAGE,
                                          NULL};
static const char *const aggregate_fields[] = {
    "pipeline", "cursor", "allowDiskUse", "bypassDocumentValidation",
    "explain",  "asOf",   LANGUAGE,       NULL};
static const char *const count_fields[] = {"query", "skip",   "limit", "fields",
                                           "asOf",  LANGUAGE, NULL};
static const char *const distinct_fields[] = {"key", "query", "asOf", LANGUAGE, NULL};
static const char *const get_more_fields[] = {"collection", "batchSize", NULL};
static const char *const kill_fields[] = {"cursors", NULL};
static const char *const insert_fields[] = {"documents", "ordered", "bypassDocumentValidation",
                                            NULL};
static const char *const update_fields[] = {"updates", "ordered", "bypassDocumentValidation", "let",
                                            NULL};
static const char *const delete_fields[] = {"deletes", "ordered", "let", NULL};
static const char *const modify_fields[] = {
    "query",        "sort",   "remove", "update",
    "new",          "fields", "upsert", "bypassDocumentValidation",
    "arrayFilters", LANGUAGE, NULL};
static const char *const list_fields[] = {
    "filter", "nameOnly", "authorizedDatabases", "authorizedCollections", "cursor", NULL};
static const char *const bulk_write_fields[] = {
    "ops", "nsInfo", "ordered", "errorsOnly", "cursor", "bypassDocumentValidation", "let", NULL};
static const char *const create_fields[] = {"capped",
                                            "size",
                                            "max",
                                            "autoIndexId",
                                            "idIndex",
                                            "validator",
                                            "validationLevel",
                                            "validationAction",
                                            "viewOn",
                                            "pipeline",
                                            "collation",
                                            "timeseries",
                                            "expireAfterSeconds",
                                            "clusteredIndex",
                                            "changeStreamPreAndPostImages",
                                            "storageEngine",
                                            "indexOptionDefaults",
                                            "encryptedFields",
                                            "flags",
                                            NULL};
static const char *const coll_mod_fields[] = {"index",
                                              "validator",
                                              "validationLevel",
                                              "validationAction",
                                              "viewOn",
                                              "pipeline",
                                              "changeStreamPreAndPostImages",
                                              NULL};
static const char *const create_indexes_fields[] = {"indexes", "commitQuorum", NULL};
static const char *const drop_indexes_fields[] = {"index", NULL};
static const char *const rename_fields[] = {"to", "dropTarget", NULL};
static const char *const explain_fields[] = {"verbosity", NULL};
static const char *const stats_fields[] = {"scale", "freeStorage", NULL};
static const char *const data_size_fields[] = {"keyPattern", "min", "max", "estimate", NULL};
static const char *const validate_fields[] = {
    "full",       "repair",      "metadata", "checkBSONConformance",
    "background", "fixMultikey", "scandata", NULL};
static const char *const compact_fields[] = {"force", "freeSpaceTargetMB", "dryRun", NULL};
static const char *const fsync_fields[] = {"lock", "async", "fsyncLockAcquisitionTimeoutMillis",
                                           NULL};
static const char *const set_fields[] = {"initialSync", "commitmentStatus", NULL};
static const char *const concern_fields[] = {"inMemory", NULL};
static const char *const profile_fields[] = {"slowms", "sampleRate", "filter", NULL};
static const char *const kill_op_fields[] = {"op", NULL};
static const char *const end_fields[] = {"recoveryToken", NULL};
static const char *const none[] = {NULL};
static const char *const sasl_fields[] = {"mechanism",     "payload", "conversationId", "options",
                                          "autoAuthorize", "db",      "user",           NULL};
static const char *const status_fields[] = {"showPrivileges", NULL};
static const char *const user_fields[] = {
    "pwd", "roles", "customData", "mechanisms", "digestPassword", "authenticationRestrictions",
    NULL};
static const char *const grant_fields[] = {"roles", NULL};
static const char *const users_info_fields[] = {"showCredentials", "showPrivileges",
                                                "showCustomData",  "showAuthenticationRestrictions",
                                                "filter",          NULL};
static const char *const roles_info_fields[] = {"showBuiltinRoles", "showPrivileges",
                                                "showAuthenticationRestrictions", NULL};

static const pq_mongo_command commands[] = {
    {"saslStart", "begin to log in", sasl_fields, pq_mongo_sasl_start, NULL, NULL},
    {"saslContinue", "go on logging in", sasl_fields, pq_mongo_sasl_continue, NULL, NULL},
    {"authenticate", "refused: saslStart logs in", NULL, pq_mongo_authenticate, NULL, NULL},
    {"logout", "log out", none, pq_mongo_logout, NULL, NULL},
    {"connectionStatus", "who is logged in", status_fields, pq_mongo_connection_status, NULL, NULL},
    {"createUser", "a user", user_fields, pq_mongo_create_user, pq_mongo_user_item,
     pq_mongo_user_done},
    {"updateUser", "other roles or another password", user_fields, pq_mongo_update_user,
     pq_mongo_user_item, pq_mongo_user_done},
    {"dropUser", "remove a user", none, pq_mongo_drop_user, pq_mongo_user_item, pq_mongo_user_done},
    {"dropAllUsersFromDatabase", "remove all users of a database", none, pq_mongo_drop_user,
     pq_mongo_user_item, pq_mongo_user_done},
    {"grantRolesToUser", "more roles", grant_fields, pq_mongo_grant_roles, pq_mongo_user_item,
     pq_mongo_user_done},
    {"revokeRolesFromUser", "fewer roles", grant_fields, pq_mongo_grant_roles, pq_mongo_user_item,
     pq_mongo_user_done},
    {"usersInfo", "users", users_info_fields, pq_mongo_users_info, NULL, NULL},
    {"rolesInfo", "roles", roles_info_fields, pq_mongo_roles_info, NULL, NULL},
    {"find", "documents that match", find_fields, pq_mongo_find, pq_cursor_item, pq_cursor_done},
    {"getMore", "the next batch of a cursor", get_more_fields, pq_open_get_more, pq_cursor_item,
     pq_cursor_done},
    {"killCursors", "end cursors", kill_fields, pq_open_kill_cursors, NULL, NULL},
    {"insert", "add documents", insert_fields, pq_mongo_insert, NULL, pq_mongo_write_done},
    {"update", "change documents", update_fields, pq_mongo_update, NULL, pq_mongo_write_done},
    {"delete", "remove documents", delete_fields, pq_mongo_delete, NULL, pq_mongo_write_done},
    {"findAndModify", "change a document and return it", modify_fields, pq_mongo_find_and_modify,
     pq_mongo_find_and_modify_item, pq_mongo_find_and_modify_done},
    {"aggregate", "documents through a pipeline", aggregate_fields, pq_mongo_aggregate,
     pq_cursor_item, pq_cursor_done},
    {"count", "how many match", count_fields, pq_mongo_count, NULL, pq_mongo_count_done},
    {"distinct", "the values of a field", distinct_fields, pq_mongo_distinct, NULL,
     pq_mongo_distinct_done},
    {"listDatabases", "databases", list_fields, pq_mongo_list_databases,
     pq_mongo_list_databases_item, pq_mongo_list_databases_done},
    {"listCollections", "collections of a database", list_fields, pq_mongo_list_collections,
     pq_mongo_list_collections_item, pq_mongo_list_collections_done},
    {"listIndexes", "indexes of a collection", list_fields, pq_mongo_list_indexes, pq_catalog_item,
     pq_mongo_list_indexes_done},
    {"startSession", "a new session", none, pq_mongo_start_session, NULL, NULL},
    {"endSessions", "forget sessions", none, pq_mongo_end_sessions, NULL, NULL},
    {"refreshSessions", "keep sessions", none, pq_mongo_refresh_sessions, NULL, NULL},
    {"killSessions", "end sessions of the user", none, pq_mongo_kill_sessions, NULL, NULL},
    {"killAllSessions", "end all sessions", none, pq_mongo_kill_all_sessions, NULL, NULL},
    {"killAllSessionsByPattern", "end all sessions", none, pq_mongo_kill_all_sessions, NULL, NULL},
    {"commitTransaction", "store what a transaction did", end_fields, pq_mongo_commit, NULL,
     pq_mongo_commit_done},
    {"abortTransaction", "forget it", end_fields, pq_mongo_abort, NULL, NULL},
    {"createIndexes", "record indexes of a collection", create_indexes_fields,
     pq_mongo_create_indexes, pq_catalog_item, pq_mongo_create_indexes_done},
    {"dropIndexes", "forget indexes", drop_indexes_fields, pq_mongo_drop_indexes, pq_catalog_item,
     pq_mongo_drop_indexes_done},
    {"create", "a collection", create_fields, pq_mongo_create, pq_catalog_item,
     pq_mongo_create_done},
    {"collMod", "change a collection's options, an index's time", coll_mod_fields,
     pq_mongo_coll_mod, pq_catalog_item, pq_mongo_coll_mod_done},
    {"renameCollection", "within its database", rename_fields, pq_mongo_rename, NULL,
     pq_mongo_rename_done},
    {"drop", "remove a collection", none, pq_mongo_drop, NULL, pq_mongo_drop_done},
    {"dropDatabase", "remove all collections", none, pq_mongo_drop_database,
     pq_mongo_drop_database_item, pq_mongo_drop_database_done},
    {"bulkWrite", "writes to several collections", bulk_write_fields, pq_mongo_bulk_write, NULL,
     pq_mongo_bulk_write_done},
    {"asOf", "a read as of a moment: {asOf: date, find: …}", NULL, pq_mongo_as_of, NULL, NULL},
    {"related", "entities at the other ends of edges", NULL, pq_mongo_graph, pq_cursor_item,
     pq_cursor_done},
    {"traverse", "along a path of predicates", NULL, pq_mongo_graph, pq_cursor_item,
     pq_cursor_done},
    {"subgraph", "what is near, and its edges", NULL, pq_mongo_graph, pq_cursor_item,
     pq_cursor_done},
    {"path", "shortest or lightest paths", NULL, pq_mongo_graph, pq_cursor_item, pq_cursor_done},
    {"match", "a query in openCypher", NULL, pq_mongo_graph, pq_cursor_item, pq_cursor_done},
    {"history", "events of an entity", NULL, pq_mongo_graph, pq_cursor_item, pq_cursor_done},
    {"link", "make edges", NULL, pq_mongo_graph, NULL, pq_mongo_graph_done},
    {"unlink", "remove edges", NULL, pq_mongo_graph, NULL, pq_mongo_graph_done},
    {"connected", "is there a path?", NULL, pq_mongo_graph, NULL, pq_mongo_graph_done},
    {"neighbourhood", "how many are near", NULL, pq_mongo_graph, NULL, pq_mongo_graph_done},
    {"explain", "how another command is done", explain_fields, pq_mongo_explain,
     pq_mongo_explain_item, pq_mongo_explain_done},
    {"currentOp", "the commands that run", NULL, pq_mongo_current_op, pq_mongo_current_op_item,
     pq_mongo_current_op_done},
    {"killOp", "end a command that runs", kill_op_fields, pq_mongo_kill_op, NULL, NULL},
    {"collStats", "figures of a collection", stats_fields, pq_mongo_coll_stats, pq_stats_item,
     pq_mongo_coll_stats_done},
    {"dbStats", "figures of a database", stats_fields, pq_mongo_db_stats, pq_stats_item,
     pq_mongo_db_stats_done},
    {"dataSize", "what a collection's documents come to", data_size_fields, pq_mongo_data_size,
     pq_stats_item, pq_mongo_data_size_done},
    {"validate", "check all files of the database", validate_fields, pq_mongo_validate,
     pq_mongo_validate_item, pq_mongo_validate_done},
    {"compact", "sorted files of small ones", compact_fields, pq_mongo_compact, NULL,
     pq_mongo_compact_done},
    {"fsync", "make files of what is only in the log", fsync_fields, pq_mongo_fsync, NULL,
     pq_mongo_fsync_done},
    {"reIndex", "refused, as by every member of a replica set", none, pq_mongo_reindex, NULL, NULL},
    {"serverStatus", "figures of the server", NULL, pq_mongo_server_status, NULL, NULL},
    {"hostInfo", "the machine", none, pq_mongo_host_info, NULL, NULL},
    {"getParameter", "parameters of the server", NULL, pq_mongo_get_parameter, NULL, NULL},
    {"setParameter", "parameters are as they are", NULL, pq_mongo_set_parameter, NULL, NULL},
    {"getDefaultRWConcern", "the concerns of who names none", concern_fields,
     pq_mongo_default_concern, NULL, NULL},
    {"replSetGetStatus", "the one member", set_fields, pq_mongo_set_status, NULL, NULL},
    {"replSetGetConfig", "and its configuration", set_fields, pq_mongo_set_config, NULL, NULL},
    {"profile", "there is no profiler", profile_fields, pq_mongo_profile, NULL, NULL},
    {"createSearchIndexes", "refused: there are none", NULL, pq_mongo_search_index, NULL, NULL},
    {"updateSearchIndex", "refused", NULL, pq_mongo_search_index, NULL, NULL},
    {"dropSearchIndex", "refused", NULL, pq_mongo_search_index, NULL, NULL}};
enum { COMMAND_COUNT = sizeof commands / sizeof *commands };

enum { COMMAND_LEN_MAX = 64 << 20, ITEMS_AT_ONCE = 1000 };

const char *pq_mongo_command_at(uint32_t i, const char **help) {
  *help = i < COMMAND_COUNT ? commands[i].help : NULL;
  return i < COMMAND_COUNT ? commands[i].name : NULL;
}

/* As MongoDB, those that had other names before. */
const pq_mongo_command *pq_mongo_command_find(pq_slice name) {
  static const char *const others[][2] = {{"findandmodify", "findAndModify"},
                                          {"collstats", "collStats"},
                                          {"dbstats", "dbStats"},
                                          {"datasize", "dataSize"},
                                          {"dropdatabase", "dropDatabase"},
                                          {"deleteIndexes", "dropIndexes"},
                                          {"getparameter", "getParameter"}};
  for (size_t i = 0; i < sizeof others / sizeof *others; i++)
    if (pq_slice_is(name, others[i][0])) name = pq_str(others[i][1]);
  for (size_t i = 0; i < COMMAND_COUNT; i++)
    if (pq_slice_is(name, commands[i].name)) return &commands[i];
  return NULL;
}

/* ---- the life of a task ---- */

/* The answer is an error. */
static void fail_with(pq_task *t, int code, const char *message) {
  if (t->is_writing) pq_bson_abandon(&t->out);
  t->is_writing = false;
  t->is_done = true;
  t->use.code = code;
  if (pq_mongo_error_put(&t->request->answer, code, message) != PQ_OK)
    pq_buf_clear(&t->request->answer); /* no memory even for that: the connection is closed */
}

int pq_task_refuse_with(pq_task *t, int code, const char *fmt, ...) {
  char text[PQ_MESSAGE_CAP];
  va_list args;
  va_start(args, fmt);
  (void)vsnprintf(text, sizeof text, fmt, args);
  va_end(args);
  fail_with(t, code, text);
  return PQ_OK;
}

/* Failures of the engine have their text in its context, the others in ours. */
static void fail(pq_task *t, int rc, const pq_cx *cx) {
  int code = pq_mongo_code_of(rc);
  bool is_invalid = pq_mongo_is_invalid(pq_str(cx->msg)), is_answered = false;
  if (t->is_done) return;
  if (pq_mongo_code_of_view(rc, pq_str(cx->msg)) != 0)
    code = pq_mongo_code_of_view(rc, pq_str(cx->msg));
  if (is_invalid) {
    code = PQ_MONGO_INVALID_DOCUMENT;
    is_answered = pq_write_answer_invalid(t) == PQ_OK;
  } else if (rc == PQ_EEXISTS && t->command != NULL && t->command->open == pq_mongo_create) {
    code = PQ_MONGO_NAMESPACE_EXISTS; /* another client's create was quicker */
  } else if (code == PQ_MONGO_DUPLICATE_KEY) {
    is_answered = pq_duplicate_answer(t, cx->msg) == PQ_OK;
  }
  if (!is_answered) fail_with(t, code, cx->msg);
  pq_cursor_drop(t);
}

int pq_fail_point_answer(pq_task *t) {
  return pq_task_refuse_with(t, t->request->fail.code,
                             "Failing command via 'failCommand' failpoint");
}

int pq_task_admin_only(pq_task *t) {
  if (pq_slice_is(t->request->db, "admin")) return PQ_OK;
  PQ_TRY(pq_task_refuse_with(t, PQ_MONGO_UNAUTHORIZED,
                             "%s may only be run against the admin database.", t->command->name));
  return PQ_EPERM;
}

static bool is_in(const char *const *names, pq_slice name) {
  for (; *names != NULL; names++)
    if (pq_slice_is(name, *names)) return true;
  return false;
}

bool pq_task_is_common(pq_slice field) {
  return is_in(fields_of_all, field);
}

/* The first one names it. */
int pq_task_check_fields(pq_task *t, const pq_mongo_command *command) {
  uint32_t count;
  pq_field *fields = pq_object_fields(&t->request->arena, t->request->command, &count);
  if (fields == NULL) return pq_fail_nomem(t->mongo->cx);
  for (uint32_t i = 1; command->fields != NULL && i < count; i++) {
    if (is_in(fields_of_all, fields[i].name) || is_in(command->fields, fields[i].name)) continue;
    return pq_task_refuse_with(
        t, PQ_MONGO_UNKNOWN_FIELD, "BSON field '%s.%.*s' is an unknown field.", command->name,
        (int)(fields[i].name.n > 60 ? 60 : fields[i].name.n), (const char *)fields[i].name.p);
  }
  return PQ_OK;
}

/* Reads and writes alike end when it has passed, between two steps. A getMore's is of its waiting.
 */
static int put_deadline(pq_task *t) {
  int64_t ms = 0;
  PQ_TRY(pq_task_number(t, "maxTimeMS", &ms));
  if (ms == 0) ms = t->mongo->server->options->max_time_ms;
  if (ms < 0 || ms > INT32_MAX)
    return pq_fail(t->mongo->cx, PQ_EINVALID,
                   "%lld value for maxTimeMS is out of range [0, 2147483647]", (long long)ms);
  if (ms > 0 && !pq_slice_is(t->request->name, "getMore"))
    t->job.deadline_us = t->started_us + ms * 1000;
  return PQ_OK;
}

/* May the client do this? An answer, if not. */
static int check_access(pq_task *t) {
  const pq_request *r = t->request;
  pq_access_command what = {.verb = r->name, .document = r->command, .ns = t->ns, .db = r->db};
  return pq_access_check(t->mongo->access, t->mongo->cx, r->client, &what);
}

/* What the network thread answers if everybody may ask for it. */
static int open_handshake(pq_task *t) {
  const pq_client *c = t->request->client;
  pq_handshake h = {.server = t->mongo->server,
                    .client = c,
                    .connection = (int32_t)c->number,
                    .now_ms = pq_handle_now_us(t->mongo->db) / 1000,
                    .more = pq_mongo_hello_more,
                    .more_ud = t};
  PQ_TRY(check_access(t));
  return pq_handshake_answer(&h, t->request, &t->is_done);
}

static bool logs_in(const pq_task *t) {
  return t->command->open == pq_mongo_sasl_start || t->command->open == pq_mongo_authenticate;
}

static int open_task(pq_task *t) {
  pq_request *r = t->request;
  if (pq_handshake_has(r->name)) return open_handshake(t);
  t->command = pq_mongo_command_find(r->name);
  if (t->command == NULL)
    return pq_task_refuse_with(t, PQ_MONGO_COMMAND_NOT_FOUND, "no such command: '%.*s'",
                               (int)(r->name.n > 60 ? 60 : r->name.n), (const char *)r->name.p);
  if (r->db.n == 0)
    return pq_task_refuse_with(t, PQ_MONGO_MISSING_FIELD,
                               "BSON field '$db' is missing but a required field");
  if (!pq_slice_is(r->db, "$external") || !logs_in(t)) /* the database of other means than ours */
    PQ_TRY(pq_mongo_namespace(t->mongo->cx, r->db, t->ns));
  PQ_TRY(check_access(t));
  PQ_TRY(pq_task_check_fields(t, t->command));
  if (t->is_done) return PQ_OK;
  PQ_TRY(put_deadline(t));
  PQ_TRY(pq_session_enter(t));
  return t->is_done || t->use.phase != PQ_SESSION_READY ? PQ_OK : t->command->open(t);
}

static pq_job *begin(void *shared, pq_request *r) {
  pq_mongo *m = shared;
  pq_task *t = pq_alloc(m->cx, NULL, 0, sizeof *t);
  int rc;
  if (t == NULL) return NULL;
  memset(t, 0, sizeof *t);
  t->mongo = m;
  t->request = r;
  pq_arena_init(&t->arena, m->cx, COMMAND_LEN_MAX * 2);
  pq_buf_init(&r->answer, m->cx, PQ_WIRE_LEN_MAX - PQ_WIRE_HEADER_LEN * 2);
  pq_buf_init(&t->names, m->cx, 1 << 24);
  m->cx->msg[0] = '\0';
  pq_ops_enter(t);
  rc = open_task(t);
  if (rc != PQ_OK) fail(t, rc, m->cx);
  if (t->is_done) pq_session_seal(t);
  t->job.is_done = t->is_done;
  return &t->job;
}

static pqdb_replies *replies_of(const pq_task *t) {
  return t->cursor != NULL ? t->cursor->replies : t->replies;
}

/* One item or the summary. */
static int take(pq_task *t) {
  pq_value v;
  int rc = pq_handle_next(replies_of(t), &v);
  if (rc < 0) {
    fail(t, rc, pq_handle_cx(t->mongo->db));
    return PQ_OK;
  }
  if (rc == PQDB_ROW) return t->command->item == NULL ? PQ_OK : t->command->item(t, v);
  t->use.was_done = true;
  return t->command->done(t, v);
}

static struct pq_mongo_stream *stream_of(const pq_task *t) {
  return t->cursor != NULL ? t->cursor->stream : t->stream;
}

/* A getMore that waits for changes. */
static bool is_awake(pq_job *j) {
  pq_task *t = (pq_task *)j;
  return t->is_killed || t->cursor->is_killed || pq_stream_has_news(t->cursor->stream);
}

static bool must_end(const pq_job *j) {
  return pq_ops_must_end((const pq_task *)j);
}

static void foresee(void *shared, const pq_request *r) {
  pq_ops_foresee(shared, r);
}

static void advance_stream(pq_task *t) {
  int rc = pq_ops_is_over(t) ? PQ_OK : pq_cursor_changes(t);
  if (rc != PQ_OK) fail(t, rc, t->mongo->cx);
  if (t->is_done) pq_session_seal(t);
  t->job.is_done = t->is_done;
}

static void advance(pq_job *j) {
  pq_task *t = (pq_task *)j;
  if (!t->is_done && t->use.phase != PQ_SESSION_READY && !pq_ops_is_over(t)) {
    int rc = pq_session_go_on(t);
    if (rc != PQ_OK) fail(t, rc, t->mongo->cx);
  }
  if (!t->is_done && t->use.phase == PQ_SESSION_READY && stream_of(t) != NULL) {
    advance_stream(t);
    return;
  }
  pq_assert(t->is_done || t->use.phase != PQ_SESSION_READY || replies_of(t) != NULL);
  for (int taken = 0; !t->is_done && t->use.phase == PQ_SESSION_READY && !pq_ops_is_over(t) &&
                      pqdb_is_ready(replies_of(t)) == 1;
       taken++) {
    int rc;
    if (taken == ITEMS_AT_ONCE) {
      j->is_busy = true;
      return;
    }
    rc = take(t);
    if (rc != PQ_OK) fail(t, rc, t->mongo->cx);
  }
  if (t->is_done) pq_session_seal(t);
  j->is_done = t->is_done;
}

static void end(pq_job *j) {
  pq_task *t = (pq_task *)j;
  pq_cx *cx = t->mongo->cx;
  pq_ops_leave(t);
  t->request->documents = t->batch_count;
  t->request->error_code = t->use.code;
  pq_session_leave(t);
  if (t->is_writing) pq_bson_abandon(&t->out);
  pq_cursor_leave(t);
  pqdb_replies_close(t->replies);
  pq_stream_free(t->stream);
  pq_arena_release(&t->arena);
  pq_buf_release(&t->names);
  pq_users_free(t->users);
  pq_alloc(cx, t, sizeof *t, 0);
}

/* ---- what the tasks share ---- */

static int start(const pq_job_host *host, void **shared) {
  pq_mongo *m = pq_alloc(host->cx, NULL, 0, sizeof *m);
  *shared = m;
  if (m == NULL) return pq_fail_nomem(host->cx);
  *m = (pq_mongo){.cx = host->cx,
                  .db = host->db,
                  .server = host->server,
                  .access = host->server->access,
                  .started_us = pq_handle_now_us(host->db)};
  return pq_builder_new(m->cx, &m->builder);
}

static void stop(void *shared) {
  pq_mongo *m = shared;
  if (m == NULL) return;
  pq_sessions_release(m);
  pq_mongo_release(m);
  pq_alloc(m->cx, m, sizeof *m, 0);
}

/* What /metrics tells. */
static void publish(const pq_mongo *m) {
  struct pq_metrics_engine *e;
  if (m->server->metrics == NULL) return;
  e = &m->server->metrics->engine;
  e->cursors = m->cursor_count;
  e->cursors_timed_out = m->counts.cursors_timed_out;
  e->sessions = m->sessions.count;
  e->txns_open = m->sessions.txns_open;
  e->txns_started = m->counts.txns_started;
  e->txns_committed = m->counts.txns_committed;
}

static void idle(void *shared) {
  pq_mongo_expire(shared);
  pq_sessions_expire(shared);
  publish(shared);
}

const pq_job_class pq_mongo_job = {.name = "mongodb",
                                   .start = start,
                                   .stop = stop,
                                   .idle = idle,
                                   .begin = begin,
                                   .advance = advance,
                                   .is_awake = is_awake,
                                   .must_end = must_end,
                                   .foresee = foresee,
                                   .end = end};

/* ---- our command ---- */

static void keep(pq_task *t, int rc) {
  if (t->rc == PQ_OK) t->rc = rc;
}

void pq_task_command(pq_task *t, const char *verb, const char *target) {
  pq_builder_clear(t->mongo->builder);
  t->rc = pq_builder_begin_object(t->mongo->builder);
  pq_task_put_str(t, verb, target);
  if (t->request->client->user[0] != '\0' && pq_access_is_write(pq_str(verb)))
    pq_task_put_str(t, "actor", t->request->client->user);
}

void pq_task_put(pq_task *t, const char *name, pq_value v) {
  if (pq_value_is_missing(v) || t->rc != PQ_OK) return;
  keep(t, pq_builder_key_str(t->mongo->builder, name));
  if (t->rc == PQ_OK) keep(t, pq_builder_value(t->mongo->builder, v));
}

void pq_task_put_bool(pq_task *t, const char *name, bool v) {
  if (t->rc == PQ_OK) keep(t, pq_builder_key_str(t->mongo->builder, name));
  if (t->rc == PQ_OK) keep(t, pq_builder_bool(t->mongo->builder, v));
}

void pq_task_put_i64(pq_task *t, const char *name, int64_t v) {
  if (t->rc == PQ_OK) keep(t, pq_builder_key_str(t->mongo->builder, name));
  if (t->rc == PQ_OK) keep(t, pq_builder_i64(t->mongo->builder, v));
}

void pq_task_put_str(pq_task *t, const char *name, const char *v) {
  if (t->rc == PQ_OK) keep(t, pq_builder_key_str(t->mongo->builder, name));
  if (t->rc == PQ_OK) keep(t, pq_builder_str(t->mongo->builder, v));
}

int pq_task_submit(pq_task *t) {
  pq_value command;
  int rc;
  if (t->explaining == PQ_EXPLAIN_PLAN) pq_task_put_str(t, "explain", "plan");
  if (t->explaining == PQ_EXPLAIN_RUN) pq_task_put_bool(t, "explain", true);
  PQ_TRY(t->rc);
  PQ_TRY(pq_session_put(t));
  PQ_TRY(t->rc);
  PQ_TRY(pq_builder_end(t->mongo->builder));
  PQ_TRY(pq_builder_finish(t->mongo->builder, &t->arena, &command));
  pqdb_replies_close(t->replies);
  t->replies = NULL;
  rc = pq_handle_submit(t->mongo->db, t->ns, command, &t->replies);
  if (rc != PQ_OK)
    fail(t, rc, pq_handle_cx(t->mongo->db));
  else
    pq_handle_set_reach(t->replies, pq_access_reach(t->mongo->access, t->request->client));
  if (rc == PQ_OK) pq_handle_set_job(t->replies, &t->job);
  return PQ_OK;
}

/* ---- the client's command ---- */

pq_value pq_task_field(const pq_task *t, const char *name) {
  return pq_object_get_str(t->request->command, name);
}

int pq_task_number(pq_task *t, const char *name, int64_t *out) {
  pq_value v = pq_task_field(t, name);
  double d;
  if (pq_value_is_missing(v) || pq_value_type(v) == PQ_TYPE_NULL) return PQ_OK;
  if (pq_value_i64(v, out)) return PQ_OK;
  if (pq_value_double(v, &d) && d > -9e15 && d < 9e15 && d == (double)(int64_t)d) {
    *out = (int64_t)d;
    return PQ_OK;
  }
  return pq_fail(t->mongo->cx, PQ_EINVALID, "Field '%s' must be a whole number", name);
}

bool pq_task_flag(const pq_task *t, const char *name) {
  pq_value v = pq_task_field(t, name);
  bool flag;
  double d;
  if (pq_value_bool(v, &flag)) return flag;
  if (pq_value_number(v, &d)) return d != 0;
  return !pq_value_is_missing(v) && pq_value_type(v) != PQ_TYPE_NULL;
}

int pq_task_refuse(pq_task *t, const char *name) {
  if (!pq_task_flag(t, name)) return PQ_OK;
  return pq_fail(t->mongo->cx, PQ_EUNSUPPORTED, "%s: the field '%s' is not supported yet",
                 t->command->name, name);
}

int pq_task_put_hint(pq_task *t, pq_value hint) {
  pq_slice text;
  bool is_id = pq_value_string(hint, &text) && pq_slice_is(text, "_id_");
  if (pq_value_is_missing(hint)) return PQ_OK;
  if (pq_value_type(hint) == PQ_TYPE_OBJECT) {
    if (pq_value_count(hint) == 0) return PQ_OK;
    is_id = pq_value_count(hint) == 1 && !pq_value_is_missing(pq_object_get_str(hint, "_id"));
  }
  if (is_id)
    pq_task_put_str(t, "hint", "_id");
  else
    pq_task_put(t, "hint", hint);
  return PQ_OK;
}

/* The time of a command is looked at here (mongo_ops.c), not by the engine. */
int pq_task_put_common(pq_task *t) {
  pq_task_put(t, "collation", pq_task_field(t, "collation"));
  pq_task_put(t, "let", pq_task_field(t, "let"));
  PQ_TRY(pq_task_put_moment(t, pq_task_field(t, "asOf")));
  return pq_task_put_hint(t, pq_task_field(t, "hint"));
}

int pq_task_target(pq_task *t) {
  pq_slice name;
  pq_value v = pq_object_get(t->request->command, t->request->name);
  if (!pq_value_string(v, &name)) {
    PQ_TRY(
        pq_task_refuse_with(t, PQ_MONGO_INVALID_NAMESPACE, "collection name has invalid type %s",
                            pq_value_is_missing(v) ? "missing" : pq_type_name(pq_value_type(v))));
    return PQ_EINVALID;
  }
  PQ_TRY(pq_mongo_collection(t->mongo->cx, name, t->collection));
  snprintf(t->full_name, sizeof t->full_name, "%.*s.%.*s", (int)t->request->db.n,
           (const char *)t->request->db.p, (int)name.n, (const char *)name.p);
  return PQ_OK;
}

/* ---- the answer ---- */

void pq_task_answer(pq_task *t) {
  pq_buf_clear(&t->request->answer);
  pq_bson_begin(&t->out, &t->request->answer);
  t->is_writing = true;
}

int pq_task_answer_end(pq_task *t) {
  pq_bson_double(&t->out, "ok", 1);
  t->is_writing = false;
  PQ_TRY(pq_bson_finish(&t->out));
  t->is_done = true;
  return PQ_OK;
}
