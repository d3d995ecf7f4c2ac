/* server/mongo_login.c - saslStart, saslContinue, the login inside hello, logout, connectionStatus.
 *
 *   saslStart     SCRAM's first message  ─► the challenge                    (scram.h)
 *   saslContinue  its last one           ─► done, or first one empty message more
 *   hello         {speculativeAuthenticate: saslStart's fields, db}: the same, a message earlier
 *
 * SCRAM-SHA-256 is the only mechanism. Whatever is wrong with a login, the answer is the same (18),
 * and it comes the later the more of them have failed; whoever runs the server reads why.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "server/access.h"
#include "server/mongo_commands.h"

enum { PROTOCOL_ERROR = 17, AUTHENTICATION_FAILED = 18, MECHANISM_UNAVAILABLE = 334 };
static const char mechanism[] = "SCRAM-SHA-256";

/* ---- messages ---- */

/* Binary data of at most PQ_SCRAM_MESSAGE_MAX bytes; a longer message is one of no use. */
static bool read_payload(pq_value command, uint8_t out[PQ_SCRAM_MESSAGE_MAX], pq_slice *payload) {
  pq_binary bytes;
  if (!pq_value_any_binary(pq_object_get_str(command, "payload"), &bytes)) return false;
  if (bytes.len > PQ_SCRAM_MESSAGE_MAX) return false;
  for (size_t i = 0; i < bytes.len; i++)
    out[i] = pq_binary_at(&bytes, i);
  *payload = (pq_slice){out, bytes.len};
  return true;
}

static void put_answer(pq_bson_out *o, const pq_login *login, bool is_done, pq_slice payload) {
  pq_bson_i32(o, "conversationId", login->conversation);
  pq_bson_bool(o, "done", is_done);
  pq_bson_binary(o, "payload", 0, payload);
}

/* For whoever runs the server. */
static void tell(pq_task *t, const char *name, const char *why) {
  const pq_client *c = t->request->client;
  snprintf(t->request->notice, sizeof t->request->notice, "login of '%.80s' from %s failed: %s",
           name, c->peer, why);
}

/* It fails, later than it could. */
static int fail_login(pq_task *t, const char *name, const char *why) {
  pq_request *r = t->request;
  if (r->client->login != NULL) r->client->login->is_open = false;
  tell(t, name, why);
  r->hold_ms = pq_access_note(t->mongo->access, r->client, pq_str(name), false);
  return pq_task_refuse_with(t, AUTHENTICATION_FAILED, "Authentication failed.");
}

/* ---- saslStart ---- */

static int login_of(pq_task *t, pq_login **out) {
  pq_client *c = t->request->client;
  if (c->login == NULL) {
    c->login = calloc(1, sizeof *c->login);
    if (c->login == NULL) return pq_fail_nomem(t->mongo->cx);
    c->login_free = pq_access_login_free;
  }
  *out = c->login;
  return PQ_OK;
}

/* The fields of a saslStart, whose answer is login->scram.answer. PQ_EINVALID, PQ_EUNSUPPORTED: of
 * the message. */
static int begin_exchange(pq_task *t, pq_value command, pq_slice db, pq_slice *answer,
                          char name[PQ_USER_NAME_CAP]) {
  pq_access *a = t->mongo->access;
  uint8_t bytes[PQ_SCRAM_MESSAGE_MAX], random[PQ_SCRAM_NONCE_LEN];
  char nonce[PQ_SCRAM_NONCE_CAP];
  pq_scram_keys keys;
  pq_slice payload;
  pq_login *login = NULL;
  bool is_known, flag;
  snprintf(name, PQ_USER_NAME_CAP, "?");
  PQ_TRY(login_of(t, &login));
  login->is_open = login->is_proved = login->skips_empty = false;
  if (!read_payload(command, bytes, &payload))
    return pq_fail(t->mongo->cx, PQ_EINVALID, "the payload is no binary data of a login");
  PQ_TRY(pq_scram_first(&login->scram, t->mongo->cx, payload));
  PQ_TRY(pq_user_name(t->mongo->cx, db, pq_str(login->scram.user), name));
  if (pq_value_bool(pq_object_get_str(pq_object_get_str(command, "options"), "skipEmptyExchange"),
                    &flag))
    login->skips_empty = flag;
  pq_handle_random(t->mongo->db, random, sizeof random);
  pq_scram_nonce(random, nonce);
  pq_access_keys(a, pq_str(name), &keys, &is_known);
  pq_scram_challenge(&login->scram, &keys, is_known, nonce, answer);
  snprintf(login->db, sizeof login->db, "%.*s", (int)db.n, (const char *)db.p);
  login->conversation++;
  login->is_open = true;
  return PQ_OK;
}

/* Is it ours? An answer, if not. */
static int check_mechanism(pq_task *t, pq_value command) {
  pq_slice name = {0};
  (void)pq_value_string(pq_object_get_str(command, "mechanism"), &name);
  if (pq_slice_is(name, mechanism)) return PQ_OK;
  return pq_task_refuse_with(t, MECHANISM_UNAVAILABLE,
                             "Received authentication for mechanism %.*s which is not enabled",
                             (int)(name.n > 40 ? 40 : name.n), (const char *)name.p);
}

int pq_mongo_sasl_start(pq_task *t) {
  char name[PQ_USER_NAME_CAP];
  pq_slice answer;
  int rc;
  PQ_TRY(check_mechanism(t, t->request->command));
  if (t->is_done) return PQ_OK;
  rc = begin_exchange(t, t->request->command, t->request->db, &answer, name);
  if (rc == PQ_ENOMEM) return rc;
  if (rc != PQ_OK) return fail_login(t, name, t->mongo->cx->msg);
  pq_task_answer(t);
  put_answer(&t->out, t->request->client->login, false, answer);
  return pq_task_answer_end(t);
}

/* ---- saslContinue ---- */

static int finish_exchange(pq_task *t, pq_login *login, pq_slice payload) {
  pq_access *a = t->mongo->access;
  char name[PQ_USER_NAME_CAP];
  pq_slice answer = {0};
  int rc = pq_user_name(t->mongo->cx, pq_str(login->db), pq_str(login->scram.user), name);
  if (rc == PQ_OK && !login->is_proved) {
    rc = pq_scram_final(&login->scram, t->mongo->cx, payload, &answer);
    if (rc == PQ_EPERM)
      return fail_login(t, name, login->scram.is_known ? "wrong password" : "no such user");
  } else if (rc == PQ_OK && payload.n > 0) {
    rc = pq_fail(t->mongo->cx, PQ_EINVALID, "a message behind the last one");
  }
  if (rc != PQ_OK) return fail_login(t, name, t->mongo->cx->msg);
  login->is_open = !login->is_proved && !login->skips_empty;
  login->is_proved = true;
  if (!login->is_open) {
    rc = pq_access_enter(a, t->mongo->cx, t->request->client, pq_str(name));
    if (rc != PQ_OK) return fail_login(t, name, "no such user");
    (void)pq_access_note(a, t->request->client, pq_str(name), true);
  }
  pq_task_answer(t);
  put_answer(&t->out, login, !login->is_open, answer);
  return pq_task_answer_end(t);
}

int pq_mongo_sasl_continue(pq_task *t) {
  pq_login *login = t->request->client->login;
  uint8_t bytes[PQ_SCRAM_MESSAGE_MAX];
  pq_slice payload;
  int64_t conversation = 0;
  PQ_TRY(pq_task_number(t, "conversationId", &conversation));
  if (login == NULL || !login->is_open)
    return pq_task_refuse_with(t, PROTOCOL_ERROR, "No SASL session state found");
  if (conversation != login->conversation)
    return pq_task_refuse_with(t, PROTOCOL_ERROR, "sasl: Mismatched conversation id");
  if (!read_payload(t->request->command, bytes, &payload))
    return fail_login(t, login->scram.user, "the payload is no binary data of a login");
  return finish_exchange(t, login, payload);
}

/* What came before SASL, and certificates. */
int pq_mongo_authenticate(pq_task *t) {
  PQ_TRY(check_mechanism(t, t->request->command));
  if (t->is_done) return PQ_OK;
  return pq_task_refuse_with(t, MECHANISM_UNAVAILABLE, "%s logs in with saslStart", mechanism);
}

int pq_mongo_logout(pq_task *t) {
  pq_access_leave(t->request->client);
  pq_task_answer(t);
  return pq_task_answer_end(t);
}

/* ---- hello ---- */

/* The mechanisms are the same for everybody, so that nobody learns who is there. */
void pq_mongo_hello_more(void *task, pq_bson_out *o) {
  pq_task *t = task;
  pq_value login = pq_task_field(t, "speculativeAuthenticate");
  char name[PQ_USER_NAME_CAP];
  pq_slice text, db, answer;
  if (!pq_value_is_missing(pq_task_field(t, "saslSupportedMechs"))) {
    pq_bson_begin_array(o, "saslSupportedMechs");
    pq_bson_str(o, NULL, mechanism);
    pq_bson_end(o);
  }
  if (!pq_value_string(pq_object_get_str(login, "mechanism"), &text) ||
      !pq_slice_is(text, mechanism) || !pq_value_string(pq_object_get_str(login, "db"), &db) ||
      begin_exchange(t, login, db, &answer, name) != PQ_OK)
    return; /* then it is no answer to that: the client tells by saslStart what it wants */
  pq_bson_begin_object(o, "speculativeAuthenticate");
  put_answer(o, t->request->client->login, false, answer);
  pq_bson_end(o);
}

/* ---- connectionStatus ---- */

static void put_role(pq_bson_out *o, const pq_user_role *role) {
  pq_bson_begin_object(o, NULL);
  pq_bson_str(o, "role", role->kind->name);
  pq_bson_text(o, "db", role->db);
  pq_bson_end(o);
}

void pq_mongo_put_roles(pq_bson_out *o, const char *field, const pq_user *who) {
  pq_bson_begin_array(o, field);
  for (uint32_t i = 0; who != NULL && i < who->role_count; i++)
    put_role(o, &who->roles[i]);
  pq_bson_end(o);
}

/* MongoDB's names of actions, of those that there are here. */
static void put_actions(pq_bson_out *o, unsigned rights) {
  static const struct {
    unsigned right;
    const char *actions[16];
  } rows[] = {
      {PQ_RIGHT_READ,
       {"find", "killCursors", "listCollections", "listIndexes", "collStats", "dbStats", "dbHash",
        "changeStream", NULL}},
      {PQ_RIGHT_WRITE,
       {"insert", "update", "remove", "createCollection", "dropCollection", "createIndex",
        "dropIndex", "renameCollectionSameDB", NULL}},
      {PQ_RIGHT_ADMIN,
       {"collMod", "compact", "dropDatabase", "validate", "bypassDocumentValidation", NULL}},
      {PQ_RIGHT_USERS,
       {"createUser", "dropUser", "grantRole", "revokeRole", "viewRole", "viewUser",
        "changePassword", "changeCustomData", NULL}},
      {PQ_RIGHT_LIST, {"listDatabases", NULL}},
      {PQ_RIGHT_MONITOR,
       {"serverStatus", "hostInfo", "inprog", "getLog", "getCmdLineOpts", "getParameter", NULL}},
      {PQ_RIGHT_SERVER, {"killop", "setParameter", "fsync", "shutdown", NULL}}};
  pq_bson_begin_array(o, "actions");
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
    for (size_t k = 0; (rights & rows[i].right) != 0 && rows[i].actions[k] != NULL; k++)
      pq_bson_str(o, NULL, rows[i].actions[k]);
  pq_bson_end(o);
}

static void put_privilege(pq_bson_out *o, pq_slice db, bool is_cluster, unsigned rights) {
  pq_bson_begin_object(o, NULL);
  pq_bson_begin_object(o, "resource");
  if (is_cluster) {
    pq_bson_bool(o, "cluster", true);
  } else {
    pq_bson_text(o, "db", db);
    pq_bson_str(o, "collection", "");
  }
  pq_bson_end(o);
  put_actions(o, rights);
  pq_bson_end(o);
}

void pq_mongo_put_privileges(pq_bson_out *o, const char *field, const pq_user *who) {
  unsigned of_server = 0;
  pq_bson_begin_array(o, field);
  for (uint32_t i = 0; who != NULL && i < who->role_count; i++) {
    const pq_user_role *role = &who->roles[i];
    unsigned rights = role->kind->rights & PQ_RIGHTS_DB;
    of_server |= role->kind->rights & ~(unsigned)PQ_RIGHTS_DB;
    if (rights != 0) put_privilege(o, role->kind->is_any ? PQ_SLICE("") : role->db, false, rights);
  }
  if (of_server != 0) put_privilege(o, PQ_SLICE(""), true, of_server);
  pq_bson_end(o);
}

int pq_mongo_connection_status(pq_task *t) {
  const pq_user *who = pq_access_user(t->mongo->access, t->request->client);
  pq_task_answer(t);
  pq_bson_begin_object(&t->out, "authInfo");
  pq_bson_begin_array(&t->out, "authenticatedUsers");
  if (who != NULL) {
    pq_bson_begin_object(&t->out, NULL);
    pq_bson_text(&t->out, "user", who->user);
    pq_bson_text(&t->out, "db", who->db);
    pq_bson_end(&t->out);
  }
  pq_bson_end(&t->out);
  pq_mongo_put_roles(&t->out, "authenticatedUserRoles", who);
  if (pq_task_flag(t, "showPrivileges"))
    pq_mongo_put_privileges(&t->out, "authenticatedUserPrivileges", who);
  pq_bson_end(&t->out);
  return pq_task_answer_end(t);
}
