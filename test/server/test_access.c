/* test/server/test_access.c - users, what their roles allow, passwords and tokens of HTTP, the
 * delay of failures; every command has its row. */
#include "server/access.h"

#include "server/handshake.h"
#include "server/mongo_commands.h"
#include "server/user_admin.h"
#include "unit.h"

static pqdb *db;
static pq_cx cx;

static void begin(void) {
  pqdb_options o = {.size = sizeof o};
  CHECK(pqdb_open_memory(&o, &db) == PQDB_OK);
  pq_cx_init(&cx, NULL, NULL);
}

static void add(const char *base, const char *user, const char *role) {
  pq_user_admin_who who = {base, user};
  CHECK(pq_user_admin_add(db, &who, "secret", &role, 1) == PQDB_OK);
}

static pq_access *open_access(bool must_login) {
  pq_access *a;
  CHECK(pq_access_open(db, must_login, &a) == PQ_OK);
  return a;
}

static pq_client client_of(const char *user) {
  pq_client c = {.is_local = true, .peer = "127.0.0.1:1000"};
  snprintf(c.user, sizeof c.user, "%s", user);
  return c;
}

/* Of a user that there is: logged in. */
static pq_client client_in(const pq_access *a, const char *user) {
  pq_client c = client_of(user);
  const pq_user *who = pq_users_find(pq_access_users(a), pq_str(user));
  if (who != NULL) memcpy(c.user_id, who->id, sizeof c.user_id);
  return c;
}

/* ---- what a command needs ---- */

/* Every command of the wire has a row, or only root could use it without anybody having said so. */
static void test_rows(void) {
  const char *name, *help;
  for (uint32_t i = 0; (name = pq_mongo_command_at(i, &help)) != NULL; i++) {
    bool is_known = pq_access_is_known(pq_str(name), false);
    if (!is_known) fprintf(stderr, "%s has no row in access_needs.c\n", name);
    CHECK(is_known);
  }
  CHECK(!pq_access_is_known(PQ_SLICE("noSuchThing"), false));
  CHECK(pq_access_is_write(PQ_SLICE("insert")) && pq_access_is_write(PQ_SLICE("findOneAndUpdate")));
  CHECK(pq_access_is_write(PQ_SLICE("drop")) && pq_access_is_write(PQ_SLICE("alter")));
  CHECK(!pq_access_is_write(PQ_SLICE("find")) && !pq_access_is_write(PQ_SLICE("begin")));
  CHECK(!pq_access_is_write(PQ_SLICE("Insert"))); /* ours are written in one way */
  CHECK(pq_access_is_secret(PQ_SLICE("createuser")) && !pq_access_is_secret(PQ_SLICE("find")));
}

/* A command of one text field, or of a value made by `put`. */
static pq_value command(pq_builder *b, pq_arena *arena, const char *verb, const char *field,
                        pq_value more) {
  pq_value v = {0};
  pq_builder_clear(b);
  CHECK(pq_builder_begin_object(b) == PQ_OK && pq_builder_key_str(b, verb) == PQ_OK &&
        pq_builder_str(b, "posts") == PQ_OK);
  if (field != NULL)
    CHECK(pq_builder_key_str(b, field) == PQ_OK && pq_builder_value(b, more) == PQ_OK);
  CHECK(pq_builder_end(b) == PQ_OK && pq_builder_finish(b, arena, &v) == PQ_OK);
  return v;
}

static int ask(const pq_access *a, const char *user, const char *verb, pq_value document,
               const char *ns, bool is_native) {
  pq_client c = client_in(a, user);
  pq_access_command what = {.verb = pq_str(verb),
                            .document = document,
                            .ns = ns,
                            .db = pq_str(ns),
                            .is_native = is_native};
  return pq_access_check(a, &cx, &c, &what);
}

static void test_check(void) {
  static const struct {
    const char *user, *verb, *ns;
    bool is_native;
    int rc;
  } cases[] = {{"admin.reader", "find", "shop", false, PQ_OK},
               {"admin.reader", "find", "shop", true, PQ_OK},
               {"admin.reader", "find", "other", false, PQ_EPERM},
               {"admin.reader", "FIND", "shop", true, PQ_EPERM},
               {"admin.reader", "insert", "shop", true, PQ_EPERM},
               {"admin.reader", "noSuchThing", "shop", false, PQ_EPERM},
               {"admin.root", "noSuchThing", "shop", false, PQ_OK},
               {"admin.root", "find", "_system", true, PQ_OK},
               {"admin.all", "find", "_system", true, PQ_EPERM},
               {"admin.all", "find", "other", true, PQ_OK},
               {"admin.all", "insert", "other", true, PQ_OK},
               {"admin.all", "appendEvent", "other", true, PQ_EPERM},
               {"admin.all", "serverStatus", "admin", false, PQ_EPERM},
               {"admin.all", "killOp", "admin", false, PQ_EPERM},
               {"admin.capital", "find", "%4dy", true, PQ_OK},
               {"admin.capital", "find", "my", true, PQ_EPERM},
               {"admin.ghost", "find", "shop", false, PQ_EPERM},
               {"admin.ghost", "ping", "shop", false, PQ_OK},
               {"", "find", "shop", false, PQ_EPERM},
               {"", "hello", "admin", false, PQ_OK},
               {"", "createUser", "admin", false, PQ_EPERM}};
  pq_builder *b;
  pq_arena arena;
  pq_access *a;
  begin();
  add("admin", "reader", "read@shop");
  add("admin", "root", "root");
  add("admin", "all", "readWriteAnyDatabase");
  add("admin", "capital", "read@My");
  a = open_access(false);
  CHECK(pq_access_is_required(a) && pq_access_has_users(a));
  CHECK(pq_builder_new(&cx, &b) == PQ_OK);
  pq_arena_init(&arena, &cx, 1 << 20);
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    int rc =
        ask(a, cases[i].user, cases[i].verb, command(b, &arena, cases[i].verb, NULL, (pq_value){0}),
            cases[i].ns, cases[i].is_native);
    if (rc != cases[i].rc) fprintf(stderr, "case %zu: %s\n", i, cases[i].verb);
    CHECK(rc == cases[i].rc);
  }
  CHECK(ask(a, "admin.reader", "insert", command(b, &arena, "insert", NULL, (pq_value){0}), "shop",
            false) == PQ_EPERM);
  CHECK(strcmp(cx.msg,
               "not authorized on shop to execute command { insert: \"posts\", $db: "
               "\"shop\" }") == 0);
  pq_arena_release(&arena);
  pq_builder_free(b);
  pq_access_close(a);
  pqdb_close(db);
}

/* Commands whose fields say what they need. */
static void test_fields(void) {
  pq_builder *b;
  pq_arena arena;
  pq_access *a;
  pq_value stage, list = {0}, inner, text;
  begin();
  add("admin", "reader", "read@shop");
  add("admin", "writer", "readWrite@shop");
  a = open_access(false);
  CHECK(pq_builder_new(&cx, &b) == PQ_OK);
  pq_arena_init(&arena, &cx, 1 << 20);
  stage = command(b, &arena, "$out", NULL, (pq_value){0});
  CHECK(pq_builder_begin_array(b) == PQ_OK && pq_builder_value(b, stage) == PQ_OK &&
        pq_builder_end(b) == PQ_OK && pq_builder_finish(b, &arena, &list) == PQ_OK);
  inner = command(b, &arena, "aggregate", "pipeline", list);
  CHECK(ask(a, "admin.reader", "aggregate", inner, "shop", false) == PQ_EPERM);
  CHECK(ask(a, "admin.reader", "aggregate", inner, "shop", true) == PQ_EPERM);
  CHECK(ask(a, "admin.writer", "aggregate", inner, "shop", false) == PQ_OK);
  CHECK(ask(a, "admin.reader", "asOf", inner, "shop", false) == PQ_EPERM);
  CHECK(ask(a, "admin.writer", "asOf", inner, "shop", false) == PQ_OK);
  CHECK(pq_builder_begin_object(b) == PQ_OK && pq_builder_key_str(b, "explain") == PQ_OK &&
        pq_builder_value(b, inner) == PQ_OK && pq_builder_end(b) == PQ_OK &&
        pq_builder_finish(b, &arena, &inner) == PQ_OK);
  CHECK(ask(a, "admin.reader", "explain", inner, "shop", false) == PQ_EPERM);
  CHECK(ask(a, "admin.writer", "explain", inner, "shop", false) == PQ_OK);
  inner = command(b, &arena, "explain", NULL, (pq_value){0});
  CHECK(ask(a, "admin.writer", "explain", inner, "shop", false) == PQ_EPERM);
  text = pq_object_get_str(inner, "explain");
  inner = command(b, &arena, "pageRank", "writeAs", text);
  CHECK(ask(a, "admin.reader", "pageRank", inner, "shop", true) == PQ_EPERM);
  CHECK(ask(a, "admin.writer", "pageRank", inner, "shop", true) == PQ_OK);
  inner = command(b, &arena, "schema", "set", text);
  CHECK(ask(a, "admin.writer", "schema", inner, "shop", true) == PQ_EPERM);
  inner = command(b, &arena, "renameCollection", "to", text);
  CHECK(ask(a, "admin.writer", "renameCollection", inner, "admin", false) == PQ_EPERM);
  pq_arena_release(&arena);
  pq_builder_free(b);
  pq_access_close(a);
  pqdb_close(db);
}

/* ---- the first user ---- */

static void test_first(void) {
  pq_access *a;
  pq_client here = client_of(""), there = client_of("");
  pq_access_command what = {.verb = PQ_SLICE("find"), .ns = "shop", .db = PQ_SLICE("shop")};
  there.is_local = false;
  begin();
  a = open_access(false);
  CHECK(!pq_access_is_required(a) && pq_access_check(a, &cx, &here, &what) == PQ_OK);
  CHECK(pq_access_rights(a, &there, "shop") == PQ_RIGHTS_ALL && pq_access_reach(a, &there) == 0);
  pq_access_close(a);
  a = open_access(true);
  CHECK(pq_access_check(a, &cx, &here, &what) == PQ_EPERM);
  CHECK(strcmp(cx.msg, "Command find requires authentication") == 0);
  what =
      (pq_access_command){.verb = PQ_SLICE("createUser"), .ns = "admin", .db = PQ_SLICE("admin")};
  CHECK(pq_access_check(a, &cx, &here, &what) == PQ_OK);
  CHECK(pq_access_check(a, &cx, &there, &what) == PQ_EPERM);
  what.is_native = true;
  CHECK(pq_access_check(a, &cx, &here, &what) == PQ_EPERM);
  pq_access_close(a);
  pqdb_close(db);
}

/* ---- HTTP ---- */

static int http(pq_access *a, pq_client *c, const char *header) {
  return pq_access_http(a, &cx, c, pq_str(header));
}

static void test_http(void) {
  pq_user_admin_who who = {"admin", "reader"};
  char token[PQ_USER_ADMIN_TOKEN_CAP], header[100];
  pq_client c = client_of("");
  pq_access *a;
  begin();
  add("admin", "reader", "read@shop");
  add("shop", "mole", "read");
  CHECK(pq_user_admin_token(db, &who, "laptop", 1, token) == PQDB_OK);
  a = open_access(false);
  CHECK(http(a, &c, "") == PQ_OK && c.user[0] == '\0');
  for (int i = 0; i < 2; i++) { /* the second time by what the first one left */
    CHECK(http(a, &c, "Basic cmVhZGVyOnNlY3JldA==") == PQ_OK); /* reader:secret */
    CHECK(strcmp(c.user, "admin.reader") == 0);
  }
  CHECK(http(a, &c, "basic   c2hvcC5tb2xlOnNlY3JldA==") == PQ_OK); /* shop.mole:secret */
  CHECK(strcmp(c.user, "shop.mole") == 0);
  CHECK(http(a, &c, "Basic cmVhZGVyOndyb25n") == PQ_EPERM && c.user[0] == '\0'); /* reader:wrong */
  CHECK(http(a, &c, "Basic Z2hvc3Q6c2VjcmV0") == PQ_EPERM);                      /* ghost:secret */
  CHECK(http(a, &c, "Basic cmVhZGVy") == PQ_EPERM);                              /* reader */
  CHECK(http(a, &c, "Basic !!") == PQ_EPERM && http(a, &c, "Basic ") == PQ_EPERM);
  CHECK(http(a, &c, "Digest x") == PQ_EUNSUPPORTED && http(a, &c, "x") == PQ_EUNSUPPORTED);
  snprintf(header, sizeof header, "Bearer %s", token);
  CHECK(http(a, &c, header) == PQ_OK && strcmp(c.user, "admin.reader") == 0);
  header[20] ^= 1;
  CHECK(http(a, &c, header) == PQ_EPERM && http(a, &c, "Bearer ") == PQ_EPERM);
  CHECK(pq_access_reach(a, &c) != 0);
  pq_access_close(a);
  CHECK(pq_user_admin_drop_tokens(db, &who) == PQDB_OK);
  a = open_access(false);
  header[20] ^= 1;
  CHECK(http(a, &c, header) == PQ_EPERM);
  pq_access_close(a);
  pqdb_close(db);
}

static void test_expired(void) {
  static const uint8_t hash[PQ_SCRAM_HASH_LEN] = "h";
  pq_user_token token = {.expires_ms = 1000};
  pq_user who = {.name = "a.b", .tokens = &token, .token_count = 1};
  pq_user *list[] = {&who};
  pq_users users = {.users = list, .count = 1};
  int64_t until_ms;
  memcpy(token.hash, hash, sizeof hash);
  CHECK(pq_users_find_token(&users, hash, 999, &until_ms) == &who && until_ms == 1000);
  CHECK(pq_users_find_token(&users, hash, 1000, &until_ms) == NULL);
  token.expires_ms = 0;
  CHECK(pq_users_find_token(&users, hash, INT64_MAX, &until_ms) == &who && until_ms == 0);
}

/* ---- failures ---- */

static void test_delay(void) {
  pq_client c = client_of(""), other = client_of("");
  pq_access *a;
  uint32_t last = 0;
  snprintf(other.peer, sizeof other.peer, "10.0.0.1:7");
  begin();
  a = open_access(true);
  for (int i = 0; i < 12; i++) {
    uint32_t delay = pq_access_note(a, &c, PQ_SLICE("admin.x"), false);
    CHECK(delay >= last && delay <= 2000 && delay >= 50);
    last = delay;
  }
  CHECK(last == 2000);
  CHECK(pq_access_note(a, &other, PQ_SLICE("admin.x"), false) == 2000); /* the user's */
  snprintf(c.peer, sizeof c.peer, "127.0.0.1:2000");
  CHECK(pq_access_note(a, &c, PQ_SLICE("admin.y"), false) == 2000); /* the address's, any port */
  snprintf(other.peer, sizeof other.peer, "10.0.0.2:7");
  CHECK(pq_access_note(a, &other, PQ_SLICE("admin.z"), false) == 50);
  CHECK(pq_access_note(a, &c, PQ_SLICE("admin.x"), true) == 0);
  CHECK(pq_access_note(a, &c, PQ_SLICE("admin.w"), false) == 50);
  pq_access_close(a);
  pqdb_close(db);
}

/* Passwords of an address from which many were wrong are not stretched, but for known ones. */
static void test_throttled(void) {
  static const char right[] = "Basic cmVhZGVyOnNlY3JldA==", wrong[] = "Basic cmVhZGVyOndyb25n";
  pq_client c = client_of(""), other = client_of("");
  pq_access *a;
  snprintf(other.peer, sizeof other.peer, "10.0.0.1:7");
  begin();
  add("admin", "reader", "read@shop");
  a = open_access(false);
  for (int i = 0; i < 20; i++)
    (void)pq_access_note(a, &c, PQ_SLICE("http"), false);
  CHECK(http(a, &c, right) == PQ_EBUSY && c.user[0] == '\0');
  CHECK(http(a, &c, wrong) == PQ_EBUSY && http(a, &c, "Basic Z2hvc3Q6c2VjcmV0") == PQ_EBUSY);
  CHECK(http(a, &other, wrong) == PQ_EPERM && http(a, &other, right) == PQ_OK);
  CHECK(http(a, &c, right) == PQ_OK && strcmp(c.user, "admin.reader") == 0);
  (void)pq_access_note(a, &c, PQ_SLICE("http"), true);
  CHECK(http(a, &c, wrong) == PQ_EPERM);
  pq_access_close(a);
  pqdb_close(db);
}

/* ---- who was he? ---- */

static void replace_users(pq_access *a) {
  pq_users *users = NULL;
  pq_builder *b = NULL;
  int64_t count;
  CHECK(pq_access_new_users(a, &users) == PQ_OK && pq_builder_new(&cx, &b) == PQ_OK);
  CHECK(pq_users_put_find(b) == PQ_OK && pq_access_run(db, b, users, &count) == PQ_OK);
  pq_access_replace(a, users);
  pq_builder_free(b);
}

/* Another user of the same name is another one; a role that was taken tells of itself. */
static void test_since(void) {
  static const char *const more[] = {"readWrite@shop"}, *const one[] = {"read@shop"};
  pq_user_admin_who who = {"admin", "reader"};
  uint64_t since;
  pq_access *a;
  pq_client c;
  begin();
  add("admin", "reader", "read@shop");
  a = open_access(false);
  c = client_in(a, "admin.reader");
  since = pq_access_since(a, &c);
  CHECK(since != 0 && pq_access_user(a, &c) != NULL);
  CHECK(pq_user_admin_grant(db, &who, more, 1, false) == PQDB_OK);
  replace_users(a);
  CHECK(pq_access_since(a, &c) == since && (pq_access_rights(a, &c, "shop") & PQ_RIGHT_WRITE) != 0);
  CHECK(pq_user_admin_grant(db, &who, one, 1, true) == PQDB_OK);
  replace_users(a);
  CHECK(pq_access_since(a, &c) > since && pq_access_user(a, &c) != NULL);
  c.until_ms = 1; /* a token's end has come */
  CHECK(pq_access_user(a, &c) == NULL && pq_access_rights(a, &c, "shop") == 0);
  c.until_ms = INT64_MAX;
  CHECK(pq_access_user(a, &c) != NULL);
  CHECK(pq_user_admin_remove(db, &who) == PQDB_OK);
  add("admin", "reader", "root");
  replace_users(a);
  CHECK(pq_access_user(a, &c) == NULL && pq_access_since(a, &c) == 0);
  pq_access_close(a);
  pqdb_close(db);
}

/* ---- other namespaces ---- */

/* Run a command of ours; how many items, and a number of the summary. */
static int run(const char *ns, const char *text, unsigned reach, int *items, int64_t *unreachable) {
  pqdb_replies *r;
  pq_value v;
  int rc;
  *items = 0;
  *unreachable = 0;
  CHECK(pqdb_submit(db, ns, text, strlen(text), NULL, 0, &r) == PQDB_OK);
  pq_handle_set_reach(r, reach);
  do {
    while (pqdb_is_ready(r) == 0)
      (void)pqdb_poll(db);
    rc = pq_handle_next(r, &v);
    *items += rc == PQDB_ROW;
  } while (rc == PQDB_ROW);
  if (rc == PQDB_DONE) (void)pq_value_i64(pq_object_get_str(v, "unreachable"), unreachable);
  pqdb_replies_close(r);
  return rc;
}

/* A link leads where its reader may not look. */
static void test_confined(void) {
  static const char related[] = "{\"related\": \"posts/p1\", \"predicate\": \"author\"}";
  pq_client c;
  int items;
  int64_t unreachable;
  pq_access *a;
  begin();
  add("admin", "reader", "read@shop");
  add("admin", "all", "readAnyDatabase");
  CHECK(run("far", "{\"insert\": \"users\", \"documents\": [{\"$id\": \"u1\"}]}", 0, &items,
            &unreachable) == PQDB_DONE);
  CHECK(run("shop", "{\"insert\": \"posts\", \"documents\": [{\"$id\": \"p1\"}]}", 0, &items,
            &unreachable) == PQDB_DONE);
  CHECK(run("shop",
            "{\"link\": {\"from\": \"posts/p1\", \"predicate\": \"author\", \"to\": "
            "\"far/users/u1\"}}",
            0, &items, &unreachable) == PQDB_DONE);
  a = open_access(false);
  c = client_in(a, "admin.reader");
  CHECK(run("shop", related, pq_access_reach(a, &c), &items, &unreachable) == PQDB_DONE);
  CHECK(items == 0 && unreachable == 1);
  c = client_in(a, "admin.all");
  CHECK(run("shop", related, pq_access_reach(a, &c), &items, &unreachable) == PQDB_DONE);
  CHECK(items == 1 && unreachable == 0);
  pq_access_close(a);
  pqdb_close(db);
}

/* ---- documents that are damaged ---- */

static void test_damaged(void) {
  static const char *const damaged[] = {
      "{\"_id\": \"admin.x\"}", "{\"_id\": \"admin.x\", \"db\": \"admin\", \"user\": \"y\"}",
      "{\"_id\": \"admin.x\", \"db\": \"admin\", \"user\": \"x\"}",
      "{\"_id\": \"secret\", \"value\": 1}", "{\"_id\": 5}"};
  for (size_t i = 0; i < sizeof damaged / sizeof *damaged; i++) {
    char text[300];
    pq_builder *b;
    pq_arena arena;
    pq_value v;
    pq_users *users;
    pqdb_replies *r;
    begin();
    snprintf(text, sizeof text, "{\"insert\": \"users\", \"documents\": [%s]}", damaged[i]);
    CHECK(pqdb_submit(db, "_system", text, strlen(text), NULL, 0, &r) == PQDB_OK);
    while (pqdb_is_ready(r) == 0)
      (void)pqdb_poll(db);
    CHECK(pq_handle_next(r, &v) == PQ_EPERM); /* only the program writes there */
    pqdb_replies_close(r);
    CHECK(pqdb_submit(db, "x", text, strlen(text), NULL, 0, &r) == PQDB_OK);
    while (pqdb_is_ready(r) == 0)
      (void)pqdb_poll(db);
    CHECK(pq_handle_next(r, &v) == PQDB_DONE);
    pqdb_replies_close(r);
    CHECK(pq_users_new(&cx, &users) == PQ_OK && pq_builder_new(&cx, &b) == PQ_OK);
    pq_arena_init(&arena, &cx, 1 << 20);
    snprintf(text, sizeof text, "{\"find\": \"users\", \"plain\": true}");
    CHECK(pqdb_submit(db, "x", text, strlen(text), NULL, 0, &r) == PQDB_OK);
    while (pqdb_is_ready(r) == 0)
      (void)pqdb_poll(db);
    CHECK(pq_handle_next(r, &v) == PQDB_ROW && pq_users_add(users, v) == PQ_ECORRUPT);
    pqdb_replies_close(r);
    pq_users_free(users);
    pq_builder_free(b);
    pq_arena_release(&arena);
    pqdb_close(db);
  }
}

/* Reading users with each allocation failing. */
static int read_all(pq_cx *c, pq_value document) {
  pq_users *users;
  int rc = pq_users_new(c, &users);
  if (rc == PQ_OK) rc = pq_users_add(users, document);
  if (rc == PQ_OK) pq_users_end(users, 1);
  if (rc == PQ_OK) CHECK(pq_users_find(users, PQ_SLICE("admin.reader")) != NULL);
  pq_users_free(users);
  return rc;
}

static void test_memory(void) {
  static const char find[] =
      "{\"find\": \"users\", \"filter\": {\"_id\": \"admin.reader\"}, "
      "\"plain\": true}";
  pq_user_admin_who who = {"admin", "reader"};
  char token[PQ_USER_ADMIN_TOKEN_CAP];
  pqdb_replies *r;
  pq_value v = {0};
  pq_cx small;
  int rc = PQ_OK;
  begin();
  add("admin", "reader", "read@shop");
  CHECK(pq_user_admin_token(db, &who, "laptop", 0, token) == PQDB_OK);
  CHECK(pqdb_submit(db, "_system", find, strlen(find), NULL, 0, &r) == PQDB_OK);
  while (pqdb_is_ready(r) == 0)
    (void)pqdb_poll(db);
  CHECK(pq_handle_next(r, &v) == PQDB_ROW);
  for (long n = 1; n > 0; n = unit_oom_next(n, rc)) {
    unit_cx_init(&small);
    unit_fail_at = n;
    rc = read_all(&small, v);
  }
  pqdb_replies_close(r);
  pqdb_close(db);
}

int main(void) {
  RUN(test_rows);
  RUN(test_check);
  RUN(test_fields);
  RUN(test_first);
  RUN(test_http);
  RUN(test_expired);
  RUN(test_delay);
  RUN(test_throttled);
  RUN(test_since);
  RUN(test_confined);
  RUN(test_damaged);
  RUN(test_memory);
  return unit_end();
}
