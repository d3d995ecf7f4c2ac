/* server/mongo_concern.c - what a command asks for beside its work: readConcern, writeConcern, the
 * versioned API. See mongo_session.h.
 *
 * There is one server: what is committed is on its disk, and everybody sees it. So the levels
 * local, available, majority and linearizable are one, afterClusterTime is always behind us, and w:
 * 1 and "majority" are what every write is. "snapshot" reads as of an instant, the client's
 * (atClusterTime) or that of its first read, which it is told.
 */
#include <stdio.h>
#include <string.h>

#include "server/mongo_commands.h"

static bool is_any(const pq_task *t, const char *const *names) {
  for (; *names != NULL; names++)
    if (strcmp(t->command->name, *names) == 0) return true;
  return false;
}

static int bad_option(pq_task *t, const char *text) {
  return pq_task_refuse_with(t, PQ_MONGO_INVALID_OPTIONS, "%s", text);
}

/* ---- readConcern ---- */

/* The newest instant that no commit can come before any more. */
static int64_t settled_us(const pq_mongo *m) {
  int64_t now = pq_handle_now_us(m->db), settled = pq_handle_settled_us(m->db);
  return settled < now ? settled : now;
}

static int read_snapshot(pq_task *t, pq_value at) {
  static const char *const reads[] = {"find", "aggregate", "distinct", NULL};
  int64_t now = settled_us(t->mongo);
  pq_session_use *u = &t->use;
  if (u->is_in_txn) {
    if (pq_value_is_missing(at)) return PQ_OK; /* that is what a transaction is */
    return pq_fail(t->mongo->cx, PQ_EUNSUPPORTED,
                   "readConcern.atClusterTime is not supported in a transaction");
  }
  if (!is_any(t, reads))
    return bad_option(t,
                      "readConcern level 'snapshot' is only for find, aggregate, distinct, and "
                      "transactions");
  if (t->mongo->server->options->topology == PQ_TOPOLOGY_STANDALONE)
    return pq_task_refuse_with(t, PQ_MONGO_NOT_A_REPLICA_SET,
                               "readConcern level 'snapshot' needs a replica set or a mongos");
  u->is_snapshot = true;
  u->at = pq_mongo_time_of(now);
  if (pq_value_is_missing(at)) return PQ_OK;
  if (!pq_mongo_time_read(at, &u->at) || u->at.t == 0)
    return bad_option(t, "readConcern.atClusterTime must be a Timestamp other than zero");
  if (pq_mongo_time_us(u->at) > now)
    return pq_task_refuse_with(t, PQ_MONGO_SNAPSHOT_UNAVAILABLE,
                               "readConcern.atClusterTime lies ahead");
  return PQ_OK;
}

static int check_read_fields(pq_task *t, pq_value concern) {
  static const char *const known[] = {"level", "afterClusterTime", "atClusterTime", "provenance",
                                      NULL};
  pq_field at;
  for (uint32_t i = 0; pq_object_at(concern, i, &at); i++) {
    const char *const *name = known;
    while (*name != NULL && !pq_slice_is(at.name, *name))
      name++;
    if (*name == NULL)
      return pq_task_refuse_with(t, PQ_MONGO_UNKNOWN_FIELD,
                                 "BSON field 'readConcern.%.*s' is an unknown field.",
                                 (int)(at.name.n > 40 ? 40 : at.name.n), (const char *)at.name.p);
  }
  return PQ_OK;
}

static bool is_out(const pq_task *t) {
  pq_value pipeline = pq_task_field(t, "pipeline");
  pq_value last = pq_array_at(pipeline, pq_value_count(pipeline) - 1);
  return !pq_value_is_missing(pq_object_get_str(last, "$out")) ||
         !pq_value_is_missing(pq_object_get_str(last, "$merge"));
}

static int check_level(pq_task *t, pq_slice level, pq_value at) {
  static const char *const levels[] = {"local", "majority", "snapshot", "available",
                                       "linearizable"};
  static const char *const reads[] = {"find",    "aggregate",       "distinct",    "count",
                                      "explain", "listCollections", "listIndexes", NULL};
  static const char *const catalog[] = {"create", "createIndexes", NULL};
  size_t i = 0;
  while (i < 5 && !pq_slice_is(level, levels[i]))
    i++;
  if (i == 5)
    return pq_task_refuse_with(t, PQ_MONGO_BAD_VALUE,
                               "Enumeration value '%.*s' for field 'readConcern.level' is not a "
                               "valid value.",
                               (int)(level.n > 40 ? 40 : level.n), (const char *)level.p);
  if (t->use.is_in_txn && i > 2)
    return bad_option(t,
                      "The readConcern level must be either 'local' (default), 'majority' or "
                      "'snapshot' in order to run in a transaction");
  if (i > 0 && t->use.is_in_txn && is_any(t, catalog))
    return pq_task_refuse_with(t, PQ_MONGO_INVALID_OPTIONS,
                               "Command %s does not support { readConcern: { level: \"%s\" } }",
                               t->command->name, levels[i]);
  if (i == 2) return read_snapshot(t, at);
  if (!pq_value_is_missing(at))
    return bad_option(t, "readConcern.atClusterTime is only for the level 'snapshot'");
  if (i != 0 && !t->use.is_in_txn && !is_any(t, reads))
    return pq_task_refuse_with(t, PQ_MONGO_INVALID_OPTIONS,
                               "Command %s does not support { readConcern: { level: \"%s\" } }",
                               t->command->name, levels[i]);
  if (i == 4 && is_any(t, reads) && is_out(t))
    return bad_option(t, "$out and $merge cannot be used with readConcern level 'linearizable'");
  return PQ_OK;
}

static int check_read(pq_task *t) {
  pq_value concern = pq_task_field(t, "readConcern");
  pq_value after = pq_object_get_str(concern, "afterClusterTime"),
           at = pq_object_get_str(concern, "atClusterTime"),
           level = pq_object_get_str(concern, "level");
  pq_slice text = PQ_SLICE("local");
  pq_mongo_time time;
  if (pq_value_is_missing(concern)) return PQ_OK;
  if (pq_value_type(concern) != PQ_TYPE_OBJECT)
    return pq_task_refuse_with(t, PQ_MONGO_TYPE_MISMATCH, "readConcern must be an object");
  PQ_TRY(check_read_fields(t, concern));
  if (t->is_done) return PQ_OK;
  if (!pq_value_is_missing(after) && !pq_mongo_time_read(after, &time))
    return pq_task_refuse_with(t, PQ_MONGO_TYPE_MISMATCH,
                               "readConcern.afterClusterTime must be a Timestamp");
  if (!pq_value_is_missing(after) && !pq_value_is_missing(at))
    return bad_option(t, "readConcern cannot have both afterClusterTime and atClusterTime");
  if (!pq_value_is_missing(level) && !pq_value_string(level, &text))
    return pq_task_refuse_with(t, PQ_MONGO_TYPE_MISMATCH, "readConcern.level must be text");
  return check_level(t, text, at);
}

/* ---- writeConcern ---- */

enum { MEMBERS_MAX = 50, UNSATISFIABLE = 100, UNKNOWN_CONCERN = 79 };

static int check_w(pq_task *t, pq_value w) {
  pq_slice mode;
  double d;
  if (pq_value_is_missing(w) || pq_value_type(w) == PQ_TYPE_OBJECT) return PQ_OK;
  if (pq_value_string(w, &mode)) {
    if (pq_slice_is(mode, "majority")) return PQ_OK;
    t->use.concern_code = UNKNOWN_CONCERN;
    t->use.concern_text = "No write concern mode of that name found in replica set configuration";
    return PQ_OK;
  }
  if (!pq_value_number(w, &d) || d < 0 || d > MEMBERS_MAX)
    return pq_task_refuse_with(
        t, PQ_MONGO_FAILED_TO_PARSE,
        "w has to be a non-negative number and not greater than 50, or text");
  if (d <= 1) return PQ_OK;
  t->use.concern_code = UNSATISFIABLE;
  t->use.concern_text = "Not enough data-bearing nodes";
  return PQ_OK;
}

static int check_write(pq_task *t) {
  static const char *const reads[] = {"find", "count", "distinct", "getMore", NULL};
  static const char *const flags[] = {"j", "fsync", NULL};
  static const char *const known[] = {"w", "j", "fsync", "wtimeout", "wOpTime", "provenance", NULL};
  pq_value concern = pq_task_field(t, "writeConcern");
  pq_field at;
  if (pq_value_is_missing(concern)) return PQ_OK;
  if (pq_value_type(concern) != PQ_TYPE_OBJECT)
    return pq_task_refuse_with(t, PQ_MONGO_TYPE_MISMATCH, "writeConcern must be an object");
  if (is_any(t, reads))
    return pq_task_refuse_with(t, PQ_MONGO_INVALID_OPTIONS,
                               "Command does not support writeConcern");
  for (uint32_t i = 0; pq_object_at(concern, i, &at); i++) {
    const char *const *name = known;
    while (*name != NULL && !pq_slice_is(at.name, *name))
      name++;
    if (*name == NULL)
      return pq_task_refuse_with(t, PQ_MONGO_FAILED_TO_PARSE,
                                 "unrecognized write concern field: %.*s",
                                 (int)(at.name.n > 40 ? 40 : at.name.n), (const char *)at.name.p);
  }
  for (size_t i = 0; flags[i] != NULL; i++) {
    pq_value v = pq_object_get_str(concern, flags[i]);
    double d;
    bool is_true;
    if (!pq_value_is_missing(v) && !pq_value_bool(v, &is_true) && !pq_value_number(v, &d))
      return pq_task_refuse_with(t, PQ_MONGO_FAILED_TO_PARSE, "%s must be numeric or a boolean",
                                 flags[i]);
  }
  return check_w(t, pq_object_get_str(concern, "w"));
}

/* ---- the versioned API ---- */

enum { API_VERSION_ERROR = 322, API_STRICT_ERROR = 323 };

/* What is in it, of what we have. (MongoDB: reference/stable-api) */
static int strict_code(pq_value command, pq_slice name, char text[PQ_API_TEXT_CAP]) {
  static const char *const commands[] = {"abortTransaction",
                                         "aggregate",
                                         "bulkWrite",
                                         "collMod",
                                         "commitTransaction",
                                         "count",
                                         "create",
                                         "createIndexes",
                                         "delete",
                                         "drop",
                                         "dropDatabase",
                                         "dropIndexes",
                                         "endSessions",
                                         "explain",
                                         "find",
                                         "findAndModify",
                                         "getMore",
                                         "hello",
                                         "insert",
                                         "killCursors",
                                         "listCollections",
                                         "listDatabases",
                                         "listIndexes",
                                         "ping",
                                         "refreshSessions",
                                         "saslStart",
                                         "saslContinue",
                                         "authenticate",
                                         "logout",
                                         "update",
                                         NULL};
  static const char *const options[] = {"awaitData", "max",          "min",      "noCursorTimeout",
                                        "returnKey", "showRecordId", "tailable", NULL};
  static const char *const stages[] = {"$collStats",
                                       "$currentOp",
                                       "$indexStats",
                                       "$listLocalSessions",
                                       "$listSessions",
                                       "$planCacheStats",
                                       "$search",
                                       "$searchMeta",
                                       NULL};
  pq_value pipeline = pq_object_get_str(command, "pipeline");
  size_t i = 0;
  while (commands[i] != NULL && !pq_slice_is(name, commands[i]))
    i++;
  snprintf(text, PQ_API_TEXT_CAP,
           "Provided apiStrict:true, but the command %.*s is not in API Version 1",
           (int)(name.n > 60 ? 60 : name.n), (const char *)name.p);
  if (commands[i] == NULL) return API_STRICT_ERROR;
  snprintf(text, PQ_API_TEXT_CAP,
           "an option of find is not in API Version 1, which apiStrict:true asks for");
  for (i = 0; pq_slice_is(name, "find") && options[i] != NULL; i++) {
    bool is_set = false;
    pq_value v = pq_object_get_str(command, options[i]);
    if (!pq_value_is_missing(v) && (!pq_value_bool(v, &is_set) || is_set)) return API_STRICT_ERROR;
  }
  snprintf(text, PQ_API_TEXT_CAP, "a stage is not allowed with 'apiStrict: true' in API Version 1");
  for (uint32_t k = 0; k < pq_value_count(pipeline); k++)
    for (i = 0; stages[i] != NULL; i++)
      if (!pq_value_is_missing(pq_object_get_str(pq_array_at(pipeline, k), stages[i])))
        return API_STRICT_ERROR;
  return 0;
}

int pq_api_code(pq_value command, pq_slice name, char text[PQ_API_TEXT_CAP]) {
  pq_value version = pq_object_get_str(command, "apiVersion"),
           strict = pq_object_get_str(command, "apiStrict"),
           deprecation = pq_object_get_str(command, "apiDeprecationErrors");
  pq_slice number;
  bool is_strict = false, flag;
  snprintf(text, PQ_API_TEXT_CAP,
           "Provided apiStrict and/or apiDeprecationErrors without passing apiVersion");
  if (pq_value_is_missing(version))
    return pq_value_is_missing(strict) && pq_value_is_missing(deprecation)
               ? 0
               : PQ_MONGO_INVALID_OPTIONS;
  snprintf(text, PQ_API_TEXT_CAP,
           "apiVersion must be text, apiStrict and apiDeprecationErrors booleans");
  if (!pq_value_string(version, &number) ||
      (!pq_value_is_missing(strict) && !pq_value_bool(strict, &is_strict)) ||
      (!pq_value_is_missing(deprecation) && !pq_value_bool(deprecation, &flag)))
    return PQ_MONGO_TYPE_MISMATCH;
  snprintf(text, PQ_API_TEXT_CAP, "API version must be \"1\"");
  if (!pq_slice_is(number, "1")) return API_VERSION_ERROR;
  return is_strict ? strict_code(command, name, text) : 0;
}

static int check_api(pq_task *t) {
  char text[PQ_API_TEXT_CAP];
  int code = pq_api_code(t->request->command, pq_str(t->command->name), text);
  return code == 0 ? PQ_OK : pq_task_refuse_with(t, code, "%s", text);
}

int pq_concern_check(pq_task *t) {
  PQ_TRY(check_api(t));
  if (!t->is_done) PQ_TRY(check_read(t));
  return t->is_done ? PQ_OK : check_write(t);
}
