/* server/access_needs.c - what each command needs: the table, and the commands that name more than
 * one database. See access.h.
 *
 *   any: one of these rights is enough       find: READ          create: WRITE or ADMIN
 *   all: these are needed, too               findAndModify: READ and WRITE
 *
 * A command without a row is for `root`: so a new one is closed until somebody has thought of it.
 */
#include "server/access.h"

#include <string.h>
#include <strings.h>

#include "server/mongo_name.h"

enum {
  R = PQ_RIGHT_READ,
  W = PQ_RIGHT_WRITE,
  A = PQ_RIGHT_ADMIN,
  U = PQ_RIGHT_USERS,
  MONITOR = PQ_RIGHT_MONITOR,
  SERVER = PQ_RIGHT_SERVER,
  LOGIN = 1 << 10, /* whoever is logged in; the command itself looks at what is whose */
  OPEN = 1 << 11,  /* whoever */
  ROOT = PQ_RIGHTS_ALL
};

typedef struct row {
  const char *name;
  unsigned any, all;
} row;

/* MongoDB's, in the order of doc/mongodb.md (manual: Privilege Actions, Built-In Roles). */
static const row mongo_rows[] = {
    {"hello", OPEN, 0},
    {"isMaster", OPEN, 0},
    {"ping", OPEN, 0},
    {"buildInfo", OPEN, 0},
    {"whatsmyuri", OPEN, 0},
    {"listCommands", OPEN, 0},
    {"connectionStatus", OPEN, 0},
    {"saslStart", OPEN, 0},
    {"saslContinue", OPEN, 0},
    {"authenticate", OPEN, 0},
    {"getnonce", OPEN, 0},
    {"logout", OPEN, 0},
    {"find", R, 0},
    {"aggregate", R, 0}, /* and more: needs_of_pipeline */
    {"count", R, 0},
    {"distinct", R, 0},
    {"getMore", R | MONITOR, 0}, /* and a cursor is its user's */
    {"killCursors", LOGIN, 0},
    {"insert", W, 0},
    {"update", W, 0},
    {"delete", W, 0},
    {"findAndModify", R, W},
    {"bulkWrite", W, 0}, /* of each database that it names */
    {"create", W | A, 0},
    {"drop", W | A, 0},
    {"createIndexes", W | A, 0},
    {"dropIndexes", W | A, 0},
    {"reIndex", A, 0},
    {"renameCollection", W | A, 0}, /* both names */
    {"collMod", A, 0},
    {"convertToCapped", W | A, 0},
    {"dropDatabase", A, 0},
    {"validate", A, 0},
    {"compact", A, 0},
    {"profile", A, 0},
    {"listCollections", R | W | A, 0},
    {"listIndexes", R | W | A, 0},
    {"collStats", R | A, 0},
    {"dataSize", R | A, 0},
    {"dbStats", R | A, 0},
    {"dbHash", R | A, 0},
    {"listDatabases", LOGIN, 0}, /* it names those that one may see */
    {"deleteIndexes", W | A, 0},
    {"listSearchIndexes", R | A, 0},
    {"createSearchIndexes", A, 0},
    {"updateSearchIndex", A, 0},
    {"dropSearchIndex", A, 0},
    {"startSession", LOGIN, 0},
    {"refreshSessions", LOGIN, 0},
    {"endSessions", LOGIN, 0},
    {"killSessions", LOGIN, 0},
    {"killAllSessions", SERVER, 0},
    {"killAllSessionsByPattern", SERVER, 0},
    {"commitTransaction", LOGIN, 0},
    {"abortTransaction", LOGIN, 0},
    {"getParameter", LOGIN, 0},
    {"getDefaultRWConcern", LOGIN, 0},
    {"atlasVersion", LOGIN, 0},
    {"getCmdLineOpts", MONITOR, 0},
    {"getLog", MONITOR, 0},
    {"hostInfo", MONITOR, 0},
    {"serverStatus", MONITOR, 0},
    {"top", MONITOR, 0},
    {"connPoolStats", MONITOR, 0},
    {"currentOp", MONITOR, 0},
    {"replSetGetStatus", MONITOR, 0},
    {"replSetGetConfig", MONITOR, 0},
    {"killOp", SERVER, 0},
    {"fsync", SERVER, 0},
    {"fsyncUnlock", SERVER, 0},
    {"setParameter", SERVER, 0},
    {"setDefaultRWConcern", SERVER, 0},
    {"logRotate", SERVER, 0},
    {"shutdown", SERVER, 0},
    {"configureFailPoint", SERVER, 0},
    {"createUser", U, 0},
    {"updateUser", U, 0},
    {"dropUser", U, 0},
    {"dropAllUsersFromDatabase", U, 0},
    {"grantRolesToUser", LOGIN, 0}, /* each role by its own database (mongo_users.c) */
    {"revokeRolesFromUser", LOGIN, 0},
    {"usersInfo", LOGIN, 0}, /* everybody may see himself */
    {"rolesInfo", LOGIN, 0},
    /* Ours, as commands of the wire. */
    {"related", R, 0},
    {"traverse", R, 0},
    {"subgraph", R, 0},
    {"path", R, 0},
    {"match", R, 0},
    {"history", R, 0},
    {"connected", R, 0},
    {"neighbourhood", R, 0},
    {"asOf", R, 0}, /* what follows it needs what it does: permits_inner */
    {"link", W, 0},
    {"unlink", W, 0}};

/* Ours (doc/commands.md). */
static const row native_rows[] = {{"get", R, 0},
                                  {"find", R, 0},
                                  {"findOne", R, 0},
                                  {"count", R, 0},
                                  {"estimatedCount", R, 0},
                                  {"exists", R, 0},
                                  {"distinct", R, 0},
                                  {"aggregate", R, 0},
                                  {"related", R, 0},
                                  {"traverse", R, 0},
                                  {"subgraph", R, 0},
                                  {"path", R, 0},
                                  {"connected", R, 0},
                                  {"neighbourhood", R, 0},
                                  {"match", R, 0},
                                  {"degree", R, 0}, /* with writeAs: a write, as all that follow */
                                  {"pageRank", R, 0},
                                  {"components", R, 0},
                                  {"triangles", R, 0},
                                  {"communities", R, 0},
                                  {"kCore", R, 0},
                                  {"history", R, 0},
                                  {"events", R, 0},
                                  {"getAtVersion", R, 0},
                                  {"reconstruct", R, 0},
                                  {"diff", R, 0},
                                  {"collections", R | W | A, 0},
                                  {"stats", R | A, 0},
                                  {"schema", R | A, 0}, /* with `set`: ADMIN */
                                  {"begin", R | W, 0},
                                  {"commit", R | W, 0},
                                  {"abort", R | W, 0},
                                  {"indexes", R | W | A, 0},
                                  {"create", W | A, 0},
                                  {"createIndexes", W | A, 0},
                                  {"dropIndexes", W | A, 0},
                                  {"drop", W | A, 0},
                                  {"rename", W | A, 0},
                                  {"alter", A, 0},
                                  {"expire", A, W},
                                  {"insert", W, 0},
                                  {"update", W, 0},
                                  {"replace", W, 0},
                                  {"upsert", W, 0},
                                  {"updateOne", W, 0},
                                  {"updateMany", W, 0},
                                  {"replaceOne", W, 0},
                                  {"deleteOne", W, 0},
                                  {"deleteMany", W, 0},
                                  {"findOneAndUpdate", R, W},
                                  {"findOneAndReplace", R, W},
                                  {"findOneAndDelete", R, W},
                                  {"bulkWrite", W, 0},
                                  {"upsertMany", W, 0},
                                  {"delete", W, 0},
                                  {"restore", W, 0},
                                  {"revert", W, 0},
                                  {"link", W, 0},
                                  {"unlink", W, 0},
                                  {"appendEvent", W, A},
                                  {"replay", W, A},
                                  {"flush", A, 0},
                                  {"compact", A, 0},
                                  {"maintain", A, 0},
                                  {"checkpoint", A, 0},
                                  {"vacuum", A, 0},
                                  {"retention", A, 0},
                                  {"refs", A, 0},
                                  {"files", A, 0},
                                  {"verify", A, 0},
                                  {"backup", R, A}};

/* Clients write isMaster, ismaster, findandmodify. */
static bool is_same(const char *name, pq_slice verb, bool is_native) {
  if (strlen(name) != verb.n) return false;
  if (is_native) return memcmp(name, verb.p, verb.n) == 0;
  return strncasecmp(name, (const char *)verb.p, verb.n) == 0;
}

static const row *row_of(pq_slice verb, bool is_native) {
  const row *rows = is_native ? native_rows : mongo_rows;
  size_t count = is_native ? sizeof native_rows / sizeof *rows : sizeof mongo_rows / sizeof *rows;
  for (size_t i = 0; i < count; i++)
    if (is_same(rows[i].name, verb, is_native)) return &rows[i];
  return NULL;
}

bool pq_access_is_known(pq_slice verb, bool is_native) {
  return is_native || !pq_slice_is(verb, "explain") ? row_of(verb, is_native) != NULL : true;
}

bool pq_access_is_secret(pq_slice verb) {
  static const char *const names[] = {"saslStart", "saslContinue", "authenticate", "hello",
                                      "isMaster",  "createUser",   "updateUser"};
  for (size_t i = 0; i < sizeof names / sizeof *names; i++)
    if (is_same(names[i], verb, false)) return true;
  return false;
}

bool pq_access_is_write(pq_slice verb) {
  const row *r = row_of(verb, true);
  if (pq_slice_is(verb, "alter")) return true;
  return r != NULL && (((r->any & W) != 0 && (r->any & R) == 0) || (r->all & W) != 0);
}

bool pq_access_is_open(const pq_access_command *what) {
  const row *r = row_of(what->verb, what->is_native);
  return r != NULL && (r->any & OPEN) != 0;
}

/* ---- several databases ---- */

static bool has(unsigned rights, unsigned any, unsigned all) {
  return (any & LOGIN) != 0 || ((rights & any) != 0 && (rights & all) == all);
}

/* "db.collection" */
static bool may_with(pq_cx *cx, const pq_user *who, pq_value full_name, const row *r) {
  char ns[PQ_MONGO_NAME_CAP];
  pq_slice text, db;
  const uint8_t *dot;
  if (!pq_value_string(full_name, &text)) return false;
  dot = text.n == 0 ? NULL : memchr(text.p, '.', text.n);
  if (dot == NULL) return false;
  db = (pq_slice){text.p, (size_t)(dot - text.p)};
  return pq_mongo_namespace(cx, db, ns) == PQ_OK && has(pq_user_rights(who, ns), r->any, r->all);
}

static bool may_rename(pq_cx *cx, const pq_user *who, const pq_access_command *what, const row *r) {
  return may_with(cx, who, pq_object_get(what->document, what->verb), r) &&
         may_with(cx, who, pq_object_get_str(what->document, "to"), r);
}

static bool may_bulk(pq_cx *cx, const pq_user *who, const pq_access_command *what, const row *r) {
  pq_value list = pq_object_get_str(what->document, "nsInfo");
  uint32_t count = pq_value_count(list);
  for (uint32_t i = 0; i < count; i++)
    if (!may_with(cx, who, pq_object_get_str(pq_array_at(list, i), "ns"), r)) return false;
  return count > 0;
}

/* ---- pipelines ---- */

static pq_slice name_of(pq_value stage, pq_value *spec) {
  pq_field field;
  *spec = (pq_value){0};
  if (!pq_value_is_raw_object(stage) || !pq_object_at(stage, 0, &field)) return (pq_slice){0};
  *spec = field.value;
  return field.name;
}

bool pq_access_pipeline_writes(pq_value pipeline) {
  uint32_t n = pq_value_count(pipeline);
  pq_value spec;
  pq_slice name = {0};
  if (n > 0) name = name_of(pq_array_at(pipeline, n - 1), &spec);
  return pq_slice_is(name, "$out") || pq_slice_is(name, "$merge");
}

/* Does a stage look at nothing but the documents that it gets? */
static bool is_of_documents(pq_slice name) {
  static const char *const names[] = {
      "$match",  "$project",    "$addFields", "$set",    "$unset",   "$replaceRoot", "$replaceWith",
      "$group",  "$sort",       "$limit",     "$skip",   "$count",   "$unwind",      "$sortByCount",
      "$bucket", "$bucketAuto", "$redact",    "$sample", "$densify", "$fill"};
  for (size_t i = 0; i < sizeof names / sizeof *names; i++)
    if (pq_slice_is(name, names[i])) return true;
  return false;
}

/* What a pipeline needs beside READ: WRITE where it writes, and READ of everything where it watches
 * everything; where it begins with what the server does, MONITOR instead, and READ beside that only
 * if a later stage reads collections. */
static unsigned needs_of_pipeline(pq_value document, unsigned *any, bool *is_of_all) {
  pq_value list = pq_object_get_str(document, "pipeline"), spec;
  unsigned needs = 0;
  bool flag;
  *is_of_all = false;
  *any = R;
  for (uint32_t i = 0; i < pq_value_count(list); i++) {
    pq_slice name = name_of(pq_array_at(list, i), &spec);
    if (pq_slice_is(name, "$out") || pq_slice_is(name, "$merge")) needs |= W;
    if (i == 0 && pq_slice_is(name, "$currentOp")) *any = MONITOR;
    if (i > 0 && *any == MONITOR && !is_of_documents(name)) needs |= R;
    if (pq_slice_is(name, "$changeStream") &&
        pq_value_bool(pq_object_get_str(spec, "allChangesForCluster"), &flag) && flag)
      *is_of_all = true;
  }
  return needs;
}

/* ---- the question ---- */

static bool permits(pq_cx *cx, const pq_user *who, const pq_access_command *what) {
  const row *r = row_of(what->verb, what->is_native);
  unsigned rights = pq_user_rights(who, what->ns), all, any;
  bool is_of_all = false;
  if (rights == ROOT) return true;
  if (r == NULL) return false;
  if (pq_slice_is(what->verb, "renameCollection")) return may_rename(cx, who, what, r);
  if (pq_slice_is(what->verb, "bulkWrite") && !what->is_native) return may_bulk(cx, who, what, r);
  all = r->all;
  any = r->any;
  if (pq_slice_is(what->verb, "aggregate"))
    all |= needs_of_pipeline(what->document, &any, &is_of_all);
  if (is_of_all && (pq_user_rights_any(who) & R) == 0) return false;
  if (what->is_native) {
    if (!pq_value_is_missing(pq_object_get_str(what->document, "writeAs"))) all |= W;
    if (pq_slice_is(what->verb, "schema") &&
        !pq_value_is_missing(pq_object_get_str(what->document, "set")))
      all |= A;
  }
  return has(rights, any, all);
}

/* {explain: {find: …}} and {asOf: …, find: …} need what the find does; of several fields that are
 * commands, what each does. */
static bool permits_inner(pq_cx *cx, const pq_user *who, const pq_access_command *what,
                          pq_value inner) {
  pq_field field;
  bool is_one = false;
  for (uint32_t i = 0; pq_object_at(inner, i, &field); i++) {
    const row *r = row_of(field.name, false);
    pq_access_command part = *what;
    if (r == NULL || is_same("asOf", field.name, false)) continue;
    part.verb = field.name;
    part.document = inner;
    is_one = permits(cx, who, &part);
    if (!is_one) return false;
  }
  return is_one;
}

bool pq_access_permits(pq_cx *cx, const pq_user *who, const pq_access_command *what) {
  if (!what->is_native && is_same("explain", what->verb, false))
    return permits_inner(cx, who, what, pq_object_get(what->document, what->verb));
  if (!what->is_native && is_same("asOf", what->verb, false))
    return permits_inner(cx, who, what, what->document);
  return permits(cx, who, what);
}
