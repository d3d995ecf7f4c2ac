/* server/mongo_server.c - what a client may ask of the server itself: serverStatus, hostInfo,
 * parameters, the replica set of one. See mongo_commands.h.
 *
 * What is not counted is not shown: a figure here was measured.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "parquedb/parquedb.h"
#include "server/metrics.h"
#include "server/mongo_commands.h"

enum { NO_SUCH_PARAMETER = PQ_MONGO_INVALID_OPTIONS, SEARCH_NOT_ENABLED = 31082 };

static int64_t now_ms(const pq_task *t) {
  return pq_handle_now_us(t->mongo->db) / 1000;
}

/* ---- serverStatus ---- */

/* A section that the client does not want: {serverStatus: 1, repl: 0}. */
static bool is_wanted(const pq_task *t, const char *section) {
  return pq_value_is_missing(pq_task_field(t, section)) || pq_task_flag(t, section);
}

static void put_i64s(pq_bson_out *o, const char *name, const char *const *names,
                     const uint64_t *values, size_t n) {
  pq_bson_begin_object(o, name);
  for (size_t i = 0; i < n; i++)
    pq_bson_i64(o, names[i], (int64_t)values[i]);
  pq_bson_end(o);
}

/* Linux tells pages in /proc/self/statm; elsewhere nothing is said. */
static void put_memory(pq_bson_out *o) {
  FILE *f = fopen("/proc/self/statm", "re");
  char line[100], *end = line;
  unsigned long total = 0, resident = 0;
  int64_t page = sysconf(_SC_PAGESIZE);
  bool is_known = f != NULL && fgets(line, sizeof line, f) != NULL;
  if (is_known) total = strtoul(line, &end, 10);
  if (is_known) resident = strtoul(end, NULL, 10);
  if (f != NULL) (void)fclose(f);
  pq_bson_begin_object(o, "mem");
  pq_bson_i32(o, "bits", 64);
  if (is_known) {
    pq_mongo_put_count(o, "resident", (int64_t)resident * page >> 20);
    pq_mongo_put_count(o, "virtual", (int64_t)total * page >> 20);
  }
  pq_bson_bool(o, "supported", is_known);
  pq_bson_end(o);
}

/* {find: {failed: 1, total: 17}, …} of those that came. */
static void put_commands(pq_bson_out *o, const pq_metrics *all) {
  const char *name;
  pq_bson_begin_object(o, "commands");
  for (uint32_t i = 0; (name = pq_metrics_mongo_name(i)) != NULL; i++)
    if (all->mongo[i].total > 0)
      put_i64s(o, name, (const char *const[]){"failed", "total"},
               (const uint64_t[]){all->mongo[i].failed, all->mongo[i].total}, 2);
  pq_bson_end(o);
}

static void put_metrics(pq_task *t) {
  const pq_mongo *m = t->mongo;
  pq_bson_out *o = &t->out;
  uint64_t patient = 0;
  for (uint32_t i = 0; i < m->cursor_count; i++)
    patient += m->cursors[i]->is_patient;
  pq_bson_begin_object(o, "metrics");
  if (m->server->metrics != NULL) put_commands(o, m->server->metrics);
  pq_bson_begin_object(o, "cursor");
  pq_bson_i64(o, "timedOut", (int64_t)m->counts.cursors_timed_out);
  put_i64s(o, "open", (const char *const[]){"noTimeout", "total"},
           (const uint64_t[]){patient, m->cursor_count}, 2);
  pq_bson_end(o);
  pq_bson_end(o);
}

static void put_transactions(pq_task *t) {
  static const char *const names[] = {"currentActive", "currentInactive", "currentOpen",
                                      "totalAborted",  "totalCommitted",  "totalStarted"};
  const pq_mongo_counts *n = &t->mongo->counts;
  uint32_t active, open = pq_sessions_txns(t->mongo, &active);
  uint64_t ended = n->txns_committed + open;
  const uint64_t values[] = {active,
                             open - active,
                             open,
                             n->txns_started > ended ? n->txns_started - ended : 0,
                             n->txns_committed,
                             n->txns_started};
  put_i64s(&t->out, "transactions", names, values, sizeof values / sizeof *values);
}

static bool is_one_of(const char *name, const char *const *names) {
  for (; *names != NULL; names++)
    if (strcmp(name, *names) == 0) return true;
  return false;
}

/* Times of commands that did not wait for changes, in microseconds. */
static void put_latencies(pq_task *t) {
  static const char *const reads[] = {"find", "aggregate", "count", "distinct", "getMore", NULL};
  static const char *const writes[] = {"insert",        "update",    "delete",
                                       "findAndModify", "bulkWrite", NULL};
  const pq_metrics *all = t->mongo->server->metrics;
  uint64_t us[3] = {0}, ops[3] = {0};
  const char *name;
  if (all == NULL) return;
  for (uint32_t i = 0; (name = pq_metrics_mongo_name(i)) != NULL; i++) {
    int kind = is_one_of(name, reads) ? 0 : is_one_of(name, writes) ? 1 : 2;
    us[kind] += all->mongo[i].sum_us;
    ops[kind] += all->mongo[i].total;
  }
  pq_bson_begin_object(&t->out, "opLatencies");
  for (int i = 0; i < 3; i++)
    put_i64s(&t->out, (const char *const[]){"reads", "writes", "commands"}[i],
             (const char *const[]){"latency", "ops"}, (const uint64_t[]){us[i], ops[i]}, 2);
  pq_bson_end(&t->out);
}

static void put_host(pq_bson_out *o, const char *name) {
  char host[256] = "";
  if (gethostname(host, sizeof host - 1) != 0) host[0] = '\0';
  pq_bson_str(o, name, host);
}

static void put_operations(pq_task *t) {
  static const char *const names[] = {"insert", "query", "update", "delete", "getmore", "command"};
  const pq_mongo_counts *n = &t->mongo->counts;
  const uint64_t values[] = {n->inserts, n->queries,   n->updates,
                             n->deletes, n->get_mores, n->commands};
  put_i64s(&t->out, "opcounters", names, values, sizeof values / sizeof *values);
}

static void put_connections(pq_task *t) {
  const pq_server_counters *n = &t->mongo->server->counters;
  uint64_t open = n->connections, most = t->mongo->server->connections_max;
  pq_bson_begin_object(&t->out, "connections");
  pq_mongo_put_count(&t->out, "current", (int64_t)open);
  if (most > open) pq_mongo_put_count(&t->out, "available", (int64_t)(most - open));
  pq_mongo_put_count(&t->out, "totalCreated", (int64_t)n->connections_made);
  pq_mongo_put_count(&t->out, "rejected", (int64_t)n->connections_refused);
  pq_bson_end(&t->out);
}

static void put_network(pq_task *t) {
  const pq_server_counters *n = &t->mongo->server->counters;
  const uint64_t values[] = {n->bytes_in, n->bytes_out, n->requests};
  put_i64s(&t->out, "network", (const char *const[]){"bytesIn", "bytesOut", "numRequests"}, values,
           3);
}

int pq_mongo_server_status(pq_task *t) {
  pq_bson_out *o = &t->out;
  int64_t up_ms = (pq_handle_now_us(t->mongo->db) - t->mongo->started_us) / 1000;
  int64_t up_s = up_ms / 1000;
  pq_task_answer(t);
  put_host(o, "host");
  pq_bson_str(o, "version", PQ_MONGO_VERSION);
  pq_bson_str(o, "process", "parquedb");
  pq_bson_i64(o, "pid", getpid());
  pq_bson_double(o, "uptime", (double)up_s);
  pq_bson_i64(o, "uptimeMillis", up_ms);
  pq_bson_i64(o, "uptimeEstimate", up_ms / 1000);
  pq_bson_date(o, "localTime", now_ms(t));
  if (is_wanted(t, "connections")) put_connections(t);
  if (is_wanted(t, "network")) put_network(t);
  if (is_wanted(t, "opcounters")) put_operations(t);
  if (is_wanted(t, "mem")) put_memory(o);
  if (is_wanted(t, "metrics")) put_metrics(t);
  if (is_wanted(t, "transactions")) put_transactions(t);
  if (is_wanted(t, "opLatencies")) put_latencies(t);
  if (is_wanted(t, "logicalSessionRecordCache"))
    put_i64s(o, "logicalSessionRecordCache", (const char *const[]){"activeSessionsCount"},
             (const uint64_t[]){t->mongo->sessions.count}, 1);
  if (is_wanted(t, "repl")) {
    pq_bson_begin_object(o, "repl");
    pq_bson_str(o, "setName", "rs0");
    pq_bson_i32(o, "setVersion", 1);
    pq_bson_bool(o, "isWritablePrimary", true);
    pq_bson_bool(o, "secondary", false);
    pq_bson_end(o);
  }
  if (is_wanted(t, "storageEngine")) {
    pq_bson_begin_object(o, "storageEngine");
    pq_bson_str(o, "name", "parquet");
    pq_bson_bool(o, "supportsCommittedReads", true);
    pq_bson_bool(o, "persistent", true);
    pq_bson_bool(o, "readOnly", false);
    pq_bson_end(o);
  }
  pq_bson_str(o, "parquedb", PQDB_VERSION);
  return pq_task_answer_end(t);
}

/* ---- hostInfo, getCmdLineOpts ---- */

int pq_mongo_host_info(pq_task *t) {
  pq_bson_out *o = &t->out;
  struct utsname u;
  int64_t page = sysconf(_SC_PAGESIZE), pages = sysconf(_SC_PHYS_PAGES);
  bool is_known = uname(&u) >= 0;
  pq_task_answer(t);
  pq_bson_begin_object(o, "system");
  pq_bson_date(o, "currentTime", now_ms(t));
  put_host(o, "hostname");
  pq_bson_i32(o, "cpuAddrSize", 64);
  pq_bson_i64(o, "memSizeMB", page * pages >> 20);
  pq_bson_i64(o, "memLimitMB", page * pages >> 20);
  pq_mongo_put_count(o, "numCores", sysconf(_SC_NPROCESSORS_ONLN));
  if (is_known) pq_bson_str(o, "cpuArch", u.machine);
  pq_bson_bool(o, "numaEnabled", false);
  pq_bson_end(o);
  pq_bson_begin_object(o, "os");
  if (is_known) {
    pq_bson_str(o, "type", u.sysname);
    pq_bson_str(o, "name", u.sysname);
    pq_bson_str(o, "version", u.release);
  }
  pq_bson_end(o);
  pq_bson_begin_object(o, "extra");
  pq_bson_i64(o, "pageSize", page);
  pq_bson_end(o);
  return pq_task_answer_end(t);
}

/* ---- parameters: few, and none can be changed to what it is not ---- */

typedef struct parameter {
  const char *name;
  enum { VERSION, BOOL, NUMBER } type;
  int64_t value;
} parameter;

static const parameter parameters[] = {{"featureCompatibilityVersion", VERSION, 0},
                                       {"cursorTimeoutMillis", NUMBER, 600000},
                                       {"logLevel", NUMBER, 0},
                                       {"notablescan", BOOL, 0},
                                       {"quiet", BOOL, 0},
                                       {"requireApiVersion", BOOL, 0},
                                       {"transactionLifetimeLimitSeconds", NUMBER, 60},
                                       {"ttlMonitorEnabled", BOOL, 1}};
enum { PARAMETER_COUNT = sizeof parameters / sizeof *parameters };

static const parameter *find_parameter(pq_slice name) {
  for (size_t i = 0; i < PARAMETER_COUNT; i++)
    if (pq_slice_is(name, parameters[i].name)) return &parameters[i];
  return NULL;
}

static void put_value(pq_bson_out *o, const char *name, const parameter *p) {
  if (p->type == VERSION) {
    pq_bson_begin_object(o, name);
    pq_bson_str(o, "version", PQ_MONGO_FEATURES);
    pq_bson_end(o);
  } else if (p->type == BOOL) {
    pq_bson_bool(o, name, p->value != 0);
  } else {
    pq_mongo_put_count(o, name, p->value);
  }
}

static void put_parameter(pq_bson_out *o, const parameter *p, bool with_details) {
  if (!with_details) {
    put_value(o, p->name, p);
    return;
  }
  pq_bson_begin_object(o, p->name);
  put_value(o, "value", p);
  pq_bson_bool(o, "settableAtRuntime", false);
  pq_bson_bool(o, "settableAtStartup", false);
  pq_bson_end(o);
}

/* {getParameter: 1, name: 1, …}, {getParameter: "*"}, {getParameter: {showDetails, allParameters}}
 */
int pq_mongo_get_parameter(pq_task *t) {
  pq_value what = pq_object_get(t->request->command, t->request->name);
  pq_slice text;
  bool is_all = pq_value_string(what, &text) && pq_slice_is(text, "*"), with_details = false;
  uint32_t found = 0;
  PQ_TRY(pq_task_admin_only(t));
  (void)pq_value_bool(pq_object_get_str(what, "showDetails"), &with_details);
  if (!is_all) (void)pq_value_bool(pq_object_get_str(what, "allParameters"), &is_all);
  pq_task_answer(t);
  for (size_t i = 0; i < PARAMETER_COUNT; i++) {
    if (!is_all && pq_value_is_missing(pq_task_field(t, parameters[i].name))) continue;
    put_parameter(&t->out, &parameters[i], with_details);
    found++;
  }
  if (found == 0) return pq_task_refuse_with(t, NO_SUCH_PARAMETER, "no option found to get");
  return pq_task_answer_end(t);
}

static bool has_value(const parameter *p, pq_value v) {
  double d = 0;
  bool flag = false;
  if (p->type == BOOL && pq_value_bool(v, &flag)) return flag == (p->value != 0);
  return p->type != VERSION && pq_value_number(v, &d) && d == (double)p->value;
}

/* How often TTL indexes are looked at. */
static int set_ttl(pq_task *t, pq_value v) {
  double seconds = 0;
  if (!pq_value_number(v, &seconds) || !(seconds >= 1 && seconds <= INT32_MAX))
    return pq_fail(t->mongo->cx, PQ_EINVALID,
                   "ttlMonitorSleepSecs must be a number from 1 to 2147483647");
  pq_handle_expire_every(t->mongo->db, (int64_t)seconds);
  pq_task_answer(t);
  return pq_task_answer_end(t);
}

/* What is asked for must be what is so already. */
int pq_mongo_set_parameter(pq_task *t) {
  uint32_t count;
  pq_field *fields = pq_object_fields(&t->request->arena, t->request->command, &count);
  const parameter *set = NULL;
  PQ_TRY(pq_task_admin_only(t));
  if (fields == NULL) return pq_fail_nomem(t->mongo->cx);
  for (uint32_t i = 1; i < count; i++) {
    const parameter *p = find_parameter(fields[i].name);
    if (fields[i].name.p[0] == '$' || pq_task_is_common(fields[i].name)) continue;
    if (pq_slice_is(fields[i].name, "ttlMonitorSleepSecs")) return set_ttl(t, fields[i].value);
    if (p == NULL)
      return pq_task_refuse_with(
          t, NO_SUCH_PARAMETER,
          "attempted to set unrecognized parameter [%.*s], use help:true to see options ",
          (int)(fields[i].name.n > 60 ? 60 : fields[i].name.n), (const char *)fields[i].name.p);
    if (!has_value(p, fields[i].value))
      return pq_fail(t->mongo->cx, PQ_EUNSUPPORTED, "setParameter: '%s' cannot be changed here",
                     p->name);
    set = p;
  }
  if (set == NULL) return pq_task_refuse_with(t, NO_SUCH_PARAMETER, "no option found to set");
  pq_task_answer(t);
  put_value(&t->out, "was", set);
  return pq_task_answer_end(t);
}

/* ---- the replica set, which has one member ---- */

/* Every majority is this server. */
int pq_mongo_default_concern(pq_task *t) {
  pq_bson_out *o = &t->out;
  PQ_TRY(pq_task_admin_only(t));
  pq_task_answer(t);
  pq_bson_begin_object(o, "defaultReadConcern");
  pq_bson_str(o, "level", "local");
  pq_bson_end(o);
  pq_bson_begin_object(o, "defaultWriteConcern");
  pq_bson_str(o, "w", "majority");
  pq_bson_i32(o, "wtimeout", 0);
  pq_bson_end(o);
  pq_bson_str(o, "defaultReadConcernSource", "implicit");
  pq_bson_str(o, "defaultWriteConcernSource", "implicit");
  pq_bson_date(o, "localUpdateWallClockTime", now_ms(t));
  return pq_task_answer_end(t);
}

static void put_instant(pq_bson_out *o, const char *name, int64_t ms) {
  pq_bson_begin_object(o, name);
  pq_bson_date(o, "ts", ms);
  pq_bson_i64(o, "t", 1);
  pq_bson_end(o);
}

static void put_member(pq_task *t, int64_t up_ms) {
  pq_bson_out *o = &t->out;
  pq_bson_begin_object(o, NULL);
  pq_bson_i32(o, "_id", 0);
  pq_bson_str(o, "name", t->request->client->host);
  pq_bson_double(o, "health", 1);
  pq_bson_i32(o, "state", 1);
  pq_bson_str(o, "stateStr", "PRIMARY");
  pq_mongo_put_count(o, "uptime", up_ms / 1000);
  put_instant(o, "optime", now_ms(t));
  pq_bson_date(o, "optimeDate", now_ms(t));
  pq_bson_str(o, "syncSourceHost", "");
  pq_bson_i32(o, "syncSourceId", -1);
  pq_bson_str(o, "infoMessage", "");
  pq_bson_date(o, "electionDate", t->mongo->started_us / 1000);
  pq_bson_i32(o, "configVersion", 1);
  pq_bson_i32(o, "configTerm", 1);
  pq_bson_bool(o, "self", true);
  pq_bson_str(o, "lastHeartbeatMessage", "");
  pq_bson_end(o);
}

int pq_mongo_set_status(pq_task *t) {
  static const char *const ones[] = {"majorityVoteCount", "writeMajorityCount",
                                     "votingMembersCount", "writableVotingMembersCount"};
  pq_bson_out *o = &t->out;
  PQ_TRY(pq_task_admin_only(t));
  pq_task_answer(t);
  pq_bson_str(o, "set", "rs0");
  pq_bson_date(o, "date", now_ms(t));
  pq_bson_i32(o, "myState", 1);
  pq_bson_i64(o, "term", 1);
  pq_bson_str(o, "syncSourceHost", "");
  pq_bson_i32(o, "syncSourceId", -1);
  pq_bson_i64(o, "heartbeatIntervalMillis", 2000);
  for (size_t i = 0; i < sizeof ones / sizeof *ones; i++)
    pq_bson_i32(o, ones[i], 1);
  pq_bson_begin_object(o, "optimes");
  put_instant(o, "lastCommittedOpTime", now_ms(t));
  put_instant(o, "appliedOpTime", now_ms(t));
  put_instant(o, "durableOpTime", now_ms(t));
  pq_bson_end(o);
  pq_bson_begin_array(o, "members");
  put_member(t, now_ms(t) - t->mongo->started_us / 1000);
  pq_bson_end(o);
  return pq_task_answer_end(t);
}

int pq_mongo_set_config(pq_task *t) {
  pq_bson_out *o = &t->out;
  PQ_TRY(pq_task_admin_only(t));
  pq_task_answer(t);
  pq_bson_begin_object(o, "config");
  pq_bson_str(o, "_id", "rs0");
  pq_bson_i32(o, "version", 1);
  pq_bson_i32(o, "term", 1);
  pq_bson_begin_array(o, "members");
  pq_bson_begin_object(o, NULL);
  pq_bson_i32(o, "_id", 0);
  pq_bson_str(o, "host", t->request->client->host);
  pq_bson_bool(o, "arbiterOnly", false);
  pq_bson_bool(o, "buildIndexes", true);
  pq_bson_bool(o, "hidden", false);
  pq_bson_i32(o, "priority", 1);
  pq_bson_begin_object(o, "tags");
  pq_bson_end(o);
  pq_bson_i64(o, "secondaryDelaySecs", 0);
  pq_bson_i32(o, "votes", 1);
  pq_bson_end(o);
  pq_bson_end(o);
  pq_bson_i64(o, "protocolVersion", 1);
  pq_bson_bool(o, "writeConcernMajorityJournalDefault", true);
  pq_bson_begin_object(o, "settings");
  pq_bson_end(o);
  pq_bson_end(o);
  return pq_task_answer_end(t);
}

/* ---- profile, search ---- */

/* Level 0, and -1 asks. */
int pq_mongo_profile(pq_task *t) {
  int64_t level = -1;
  PQ_TRY(pq_task_number(t, "profile", &level));
  if (level < -1 || level > 2)
    return pq_fail(t->mongo->cx, PQ_EINVALID, "profile: the level is 0, 1, 2, or -1 to ask");
  if (level > 0)
    return pq_fail(t->mongo->cx, PQ_EUNSUPPORTED,
                   "profile: there is no profiler, its level is 0; the log has slow commands");
  pq_task_answer(t);
  pq_bson_i32(&t->out, "was", 0);
  pq_bson_i32(&t->out, "slowms", 100);
  pq_bson_double(&t->out, "sampleRate", 1);
  return pq_task_answer_end(t);
}

int pq_mongo_search_index(pq_task *t) {
  return pq_task_refuse_with(
      t, SEARCH_NOT_ENABLED,
      "Using Atlas Search Database Commands and the $listSearchIndexes aggregation stage requires "
      "additional configuration, which ParqueDB does not have. Please connect to Atlas or an "
      "AtlasCLI local deployment to enable.");
}

/* A member of a replica set may not. */
int pq_mongo_reindex(pq_task *t) {
  return pq_task_refuse_with(t, 20, "reIndex is only allowed on a standalone mongod instance.");
}
