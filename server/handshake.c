/* server/handshake.c - see handshake.h. What each client insists on was captured from real ones. */
#include "server/handshake.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "parquedb/parquedb.h"
#include "server/access.h"
#include "server/log.h"
#include "server/mongo_commands.h"
#include "server/mongo_error.h"
#include "server/mongo_reply.h"

enum {
  DOCUMENT_LEN_MAX = 16 << 20,
  BATCH_MAX = 100000,
  WIRE_VERSION = 25 /* MongoDB 8.0 */
};

typedef struct answer {
  const pq_handshake *h;
  const pq_request *r;
  pq_bson_out o;
} answer;

/* ---- hello ---- */

/* Of the packers that the client knows those that we know, in its order. */
static void put_packers(answer *a) {
  pq_value list = pq_object_get_str(a->r->command, "compression");
  pq_slice name;
  if (pq_value_is_missing(list)) return;
  pq_bson_begin_array(&a->o, "compression");
  for (uint32_t i = 0; i < pq_value_count(list); i++)
    if (pq_value_string(pq_array_at(list, i), &name) && pq_wire_packer_of(name) != PQ_WIRE_PLAIN)
      pq_bson_text(&a->o, NULL, name);
  pq_bson_end(&a->o);
}

/* Where clients find us, if they look. */
static const char *address_of(const answer *a) {
  const char *advertised = a->h->server->options->advertise;
  return advertised == NULL ? a->h->client->host : advertised;
}

static void put_topology(answer *a) {
  pq_bson_out *o = &a->o;
  const char *address = address_of(a);
  switch (a->h->server->options->topology) {
    case PQ_TOPOLOGY_STANDALONE: break;
    case PQ_TOPOLOGY_MONGOS: pq_bson_str(o, "msg", "isdbgrid"); break;
    case PQ_TOPOLOGY_RS:
      pq_bson_bool(o, "secondary", false);
      pq_bson_str(o, "setName", "rs0");
      pq_bson_i32(o, "setVersion", 1);
      pq_bson_begin_array(o, "hosts");
      pq_bson_str(o, NULL, address);
      pq_bson_end(o);
      pq_bson_str(o, "primary", address);
      pq_bson_str(o, "me", address);
      break;
  }
  pq_bson_begin_object(o, "topologyVersion");
  pq_bson_object_id(o, "processId", a->h->server->process_id);
  pq_bson_i64(o, "counter", PQ_TOPOLOGY_COUNTER);
  pq_bson_end(o);
}

/* The most that a message may have, here. */
static int32_t message_len_max(const answer *a) {
  uint32_t max = a->h->server->options->request_len_max;
  return max == 0 || max > PQ_WIRE_LEN_MAX ? PQ_WIRE_LEN_MAX : (int32_t)max;
}

static void hello(answer *a) {
  pq_bson_out *o = &a->o;
  bool is_hello = pq_slice_is(a->r->name, "hello");
  pq_bson_bool(o, "helloOk", true);
  pq_bson_bool(o, is_hello ? "isWritablePrimary" : "ismaster", true);
  put_topology(a);
  pq_bson_i32(o, "maxBsonObjectSize", DOCUMENT_LEN_MAX);
  pq_bson_i32(o, "maxMessageSizeBytes", message_len_max(a));
  pq_bson_i32(o, "maxWriteBatchSize", BATCH_MAX);
  pq_bson_date(o, "localTime", a->h->now_ms);
  pq_bson_i32(o, "logicalSessionTimeoutMinutes", PQ_SESSION_MINUTES);
  pq_bson_i32(o, "connectionId", a->h->connection);
  pq_bson_i32(o, "minWireVersion", 0);
  pq_bson_i32(o, "maxWireVersion", WIRE_VERSION);
  pq_bson_bool(o, "readOnly", false);
  put_packers(a);
}

/* ---- the others ---- */

static void nothing(answer *a) {
  (void)a;
}

static void build_info(answer *a) {
  pq_bson_out *o = &a->o;
  pq_bson_str(o, "version", PQ_MONGO_VERSION);
  pq_bson_begin_array(o, "versionArray");
  for (int i = 0; i < 4; i++)
    pq_bson_i32(o, NULL, i == 0 ? 8 : 0);
  pq_bson_end(o);
  pq_bson_str(o, "gitVersion", "parquedb-" PQDB_VERSION);
  pq_bson_str(o, "parquedb", PQDB_VERSION);
  pq_bson_begin_array(o, "modules");
  pq_bson_end(o);
  pq_bson_str(o, "storageEngine", "parquet");
  pq_bson_i32(o, "bits", 64);
  pq_bson_bool(o, "debug", false);
  pq_bson_i32(o, "maxBsonObjectSize", DOCUMENT_LEN_MAX);
}

static void whats_my_uri(answer *a) {
  pq_bson_str(&a->o, "you", a->h->client->peer);
}

static void put_line(void *ud, const char *line) {
  pq_bson_str(ud, NULL, line);
}

/* "*": the names of the logs; "global", "startupWarnings": the lines of one, of which the second
 * has none. */
static void get_log(answer *a) {
  pq_slice name = {0};
  uint64_t count = 0;
  (void)pq_value_string(pq_object_get(a->r->command, a->r->name), &name);
  if (pq_slice_is(name, "*")) {
    pq_bson_begin_array(&a->o, "names");
    pq_bson_str(&a->o, NULL, "global");
    pq_bson_str(&a->o, NULL, "startupWarnings");
    pq_bson_end(&a->o);
    return;
  }
  pq_bson_begin_array(&a->o, "log");
  if (pq_slice_is(name, "global")) count = pq_log_recent(a->h->server->log, put_line, &a->o);
  pq_bson_end(&a->o);
  pq_bson_i32(&a->o, "totalLinesWritten", (int32_t)count);
}

static void command_line(answer *a) {
  pq_bson_begin_array(&a->o, "argv");
  pq_bson_str(&a->o, NULL, "parquedb");
  pq_bson_end(&a->o);
  pq_bson_begin_object(&a->o, "parsed");
  pq_bson_end(&a->o);
}

static void list_commands(answer *a);

static const struct row {
  const char *name;
  void (*put)(answer *a);
  const char *help;
  bool is_plain; /* an answer that is never compressed */
} rows[] = {{"hello", hello, "who the server is", true},
            {"isMaster", hello, "hello, as it was called before", true},
            {"ping", nothing, "nothing", false},
            {"buildInfo", build_info, "versions", false},
            {"whatsmyuri", whats_my_uri, "the client's address", false},
            {"getLog", get_log, "the last lines of the log", false},
            {"getCmdLineOpts", command_line, "how the server was started", false},
            {"listCommands", list_commands, "this list", false}};
enum { ROW_COUNT = sizeof rows / sizeof *rows };

static void put_command(answer *a, const char *name, const char *help) {
  pq_bson_begin_object(&a->o, name);
  pq_bson_str(&a->o, "help", help);
  pq_bson_end(&a->o);
}

static void list_commands(answer *a) {
  const char *name, *help;
  pq_bson_begin_object(&a->o, "commands");
  for (size_t i = 0; i < ROW_COUNT; i++)
    put_command(a, rows[i].name, rows[i].help);
  for (uint32_t i = 0; (name = pq_mongo_command_at(i, &help)) != NULL; i++)
    put_command(a, name, help);
  pq_bson_end(&a->o);
}

/* Clients write isMaster, ismaster, buildinfo. */
static const struct row *find_row(pq_slice name) {
  for (size_t i = 0; i < ROW_COUNT; i++)
    if (strlen(rows[i].name) == name.n &&
        strncasecmp(rows[i].name, (const char *)name.p, name.n) == 0)
      return &rows[i];
  return NULL;
}

bool pq_handshake_is_plain(pq_slice name) {
  const struct row *row = find_row(name);
  return row != NULL && row->is_plain;
}

bool pq_handshake_has(pq_slice name) {
  return find_row(name) != NULL;
}

const char *pq_handshake_name_at(uint32_t i, const char **help) {
  *help = i < ROW_COUNT ? rows[i].help : NULL;
  return i < ROW_COUNT ? rows[i].name : NULL;
}

/* Has the engine to look at it, and at who asks? */
static bool is_for_engine(const answer *a, const struct row *row) {
  pq_access_command what = {.verb = a->r->name};
  if (a->h->more != NULL) return false;
  if (row->put == hello &&
      (!pq_value_is_missing(pq_object_get_str(a->r->command, "saslSupportedMechs")) ||
       !pq_value_is_missing(pq_object_get_str(a->r->command, "speculativeAuthenticate"))))
    return true;
  return a->h->must_login && !pq_access_is_open(&what);
}

/* Both fields or none. A topology of another process, or another one of ours, is news. */
int pq_handshake_await(const pq_server *server, pq_cx *cx, const pq_request *r, uint32_t *await_ms,
                       bool *is_news) {
  const struct row *row = find_row(r->name);
  pq_value version = pq_object_get_str(r->command, "topologyVersion");
  pq_value await = pq_object_get_str(r->command, "maxAwaitTimeMS");
  char ours[2 * sizeof server->process_id + 1];
  pq_slice id;
  int64_t ms, counter;
  *await_ms = 0;
  *is_news = true;
  if (row == NULL || row->put != hello) return PQ_OK;
  if (pq_value_is_missing(version) != pq_value_is_missing(await))
    return pq_fail(cx, PQ_EINVALID, "topologyVersion and maxAwaitTimeMS come together");
  if (pq_value_is_missing(version)) return PQ_OK;
  if (!pq_value_i64(await, &ms) || ms < 0 || ms > INT32_MAX)
    return pq_fail(cx, PQ_EINVALID, "maxAwaitTimeMS must be a whole number, not negative");
  if (!pq_value_object_id(pq_object_get_str(version, "processId"), &id) ||
      !pq_value_i64(pq_object_get_str(version, "counter"), &counter))
    return pq_fail(cx, PQ_EINVALID, "topologyVersion must have processId and counter");
  for (size_t i = 0; i < sizeof server->process_id; i++)
    snprintf(ours + 2 * i, 3, "%02x", server->process_id[i]);
  *is_news = !pq_slice_is(id, ours) || counter != PQ_TOPOLOGY_COUNTER;
  *await_ms = (uint32_t)ms;
  return PQ_OK;
}

static int seal(const pq_handshake *h, pq_request *r) {
  pq_reply_more more = {.now_us = h->now_us};
  if (h->more != NULL) return PQ_OK; /* the engine's thread does it itself */
  return pq_reply_seal(&r->answer, &more);
}

/* What a fail point wants of it, or the order for one. */
static int check_fail_point(const pq_handshake *h, pq_request *r, bool is_ours, bool *is_done) {
  pq_bson_out o;
  int rc;
  *is_done = false;
  if (h->fail_point == NULL) return PQ_OK;
  if (!pq_slice_is(r->name, "configureFailPoint")) {
    PQ_TRY(pq_fail_point_check(h->fail_point, r));
    *is_done = (r->fail.must_close && !r->fail.is_done_first) || (is_ours && r->fail.code != 0);
    if (!*is_done || r->fail.must_close) return PQ_OK;
    PQ_TRY(pq_mongo_error_put(&r->answer, r->fail.code,
                              "Failing command via 'failCommand' failpoint"));
    return seal(h, r);
  }
  *is_done = true;
  pq_bson_begin(&o, &r->answer);
  rc = pq_fail_point_set(h->fail_point, r, &o);
  if (rc == PQ_OK) {
    pq_bson_double(&o, "ok", 1);
    PQ_TRY(pq_bson_finish(&o));
  } else {
    pq_bson_abandon(&o);
    PQ_TRY(pq_mongo_error_put(&r->answer, pq_mongo_code_of(rc), r->arena.cx->msg));
  }
  return seal(h, r);
}

int pq_handshake_answer(const pq_handshake *h, pq_request *r, bool *is_done) {
  const struct row *row = find_row(r->name);
  answer a = {.h = h, .r = r};
  char text[PQ_API_TEXT_CAP];
  int code;
  PQ_TRY(check_fail_point(h, r, row != NULL, is_done));
  if (*is_done) return PQ_OK;
  *is_done = row != NULL || r->is_reply;
  if (row == NULL && r->is_reply)
    return pq_mongo_error_put(&r->answer, PQ_MONGO_NOT_IMPLEMENTED,
                              "OP_QUERY is only for handshakes: use OP_MSG");
  if (row != NULL && is_for_engine(&a, row)) *is_done = false;
  if (!*is_done) return PQ_OK;
  code = pq_api_code(r->command, r->name, text);
  if (code != 0) {
    PQ_TRY(pq_mongo_error_put(&r->answer, code, text));
    return seal(h, r);
  }
  pq_bson_begin(&a.o, &r->answer);
  row->put(&a);
  if (row->put == hello && h->more != NULL) h->more(h->more_ud, &a.o);
  pq_bson_double(&a.o, "ok", 1);
  PQ_TRY(pq_bson_finish(&a.o));
  return seal(h, r);
}
