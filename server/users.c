/* server/users.c - see users.h. */
#include "server/users.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "server/mongo_name.h"

enum { USERS_LEN_MAX = 256 << 20 };
#define SECRET_ID "secret" /* no user's: those have a dot */
#define TEXT_ARGS(s) (int)((s).n > 60 ? 60 : (s).n), (const char *)(s).p

/* ---- roles ---- */

/* MongoDB: Built-In Roles. Rights of ours beyond theirs are none. */
static const pq_role_kind kinds[] = {
    {"read", PQ_RIGHT_READ, false},
    {"readWrite", PQ_RIGHT_READ | PQ_RIGHT_WRITE, false},
    {"dbAdmin", PQ_RIGHT_ADMIN, false},
    {"userAdmin", PQ_RIGHT_USERS, false},
    {"dbOwner", PQ_RIGHTS_DB, false},
    {"readAnyDatabase", PQ_RIGHT_READ | PQ_RIGHT_LIST, true},
    {"readWriteAnyDatabase", PQ_RIGHT_READ | PQ_RIGHT_WRITE | PQ_RIGHT_LIST, true},
    {"dbAdminAnyDatabase", PQ_RIGHT_ADMIN | PQ_RIGHT_LIST, true},
    {"userAdminAnyDatabase", PQ_RIGHT_USERS | PQ_RIGHT_LIST, true},
    {"clusterMonitor", PQ_RIGHT_MONITOR | PQ_RIGHT_LIST, true},
    {"clusterAdmin", PQ_RIGHT_MONITOR | PQ_RIGHT_SERVER | PQ_RIGHT_LIST, true},
    {"root", PQ_RIGHTS_ALL, true}};
enum { KIND_COUNT = sizeof kinds / sizeof *kinds, ROOT = KIND_COUNT - 1 };

const pq_role_kind *pq_role_kind_at(size_t i) {
  return i < KIND_COUNT ? &kinds[i] : NULL;
}

const pq_role_kind *pq_role_kind_of(pq_slice name) {
  for (size_t i = 0; i < KIND_COUNT; i++)
    if (pq_slice_is(name, kinds[i].name)) return &kinds[i];
  return NULL;
}

int pq_role_check(pq_cx *cx, const pq_role_name *role) {
  char ns[PQ_MONGO_NAME_CAP];
  const pq_role_kind *kind = pq_role_kind_of(role->role);
  PQ_TRY(pq_mongo_namespace(cx, role->db, ns));
  if (kind != NULL && (!kind->is_any || pq_slice_is(role->db, "admin"))) return PQ_OK;
  return pq_fail(cx, PQ_EINVALID, "Could not find role: %.*s@%.*s", TEXT_ARGS(role->role),
                 TEXT_ARGS(role->db));
}

unsigned pq_user_rights(const pq_user *who, const char *ns) {
  unsigned rights = 0;
  for (uint32_t i = 0; i < who->role_count; i++) {
    const pq_user_role *role = &who->roles[i];
    bool is_here = role->kind->is_any ? ns[0] != '_' : strcmp(role->ns, ns) == 0;
    if (role->kind == &kinds[ROOT] || is_here) rights |= role->kind->rights;
    rights |= role->kind->rights & ~(unsigned)PQ_RIGHTS_DB;
  }
  return rights;
}

unsigned pq_user_rights_any(const pq_user *who) {
  unsigned rights = 0;
  for (uint32_t i = 0; i < who->role_count; i++)
    if (who->roles[i].kind->is_any) rights |= who->roles[i].kind->rights;
  return rights;
}

int pq_user_name(pq_cx *cx, pq_slice db, pq_slice user, char out[PQ_USER_NAME_CAP]) {
  char ns[PQ_MONGO_NAME_CAP];
  out[0] = '\0';
  PQ_TRY(pq_mongo_namespace(cx, db, ns));
  if (user.n == 0 || memchr(user.p, 0, user.n) != NULL)
    return pq_fail(cx, PQ_EINVALID, "User document needs 'user' field to be non-empty");
  if (user.n > PQ_USER_NAME_CAP - PQ_USER_DB_CAP - 1)
    return pq_fail(cx, PQ_EINVALID, "the name of a user has at most %d bytes",
                   PQ_USER_NAME_CAP - PQ_USER_DB_CAP - 1);
  snprintf(out, PQ_USER_NAME_CAP, "%.*s.%.*s", (int)db.n, (const char *)db.p, (int)user.n,
           (const char *)user.p);
  return PQ_OK;
}

/* ---- reading ---- */

int pq_users_new(pq_cx *cx, pq_users **out) {
  pq_users *u = pq_alloc(cx, NULL, 0, sizeof *u);
  *out = u;
  if (u == NULL) return pq_fail_nomem(cx);
  memset(u, 0, sizeof *u);
  pq_arena_init(&u->arena, cx, USERS_LEN_MAX);
  return PQ_OK;
}

void pq_users_free(pq_users *u) {
  pq_cx *cx;
  if (u == NULL) return;
  cx = u->arena.cx;
  for (uint32_t i = 0; i < u->count; i++)
    sodium_memzero(&u->users[i]->keys, sizeof u->users[i]->keys);
  if (u->users != NULL) pq_alloc(cx, u->users, u->cap * sizeof *u->users, 0);
  pq_arena_release(&u->arena);
  sodium_memzero(u, sizeof *u);
  pq_alloc(cx, u, sizeof *u, 0);
}

static bool read_bytes(pq_value v, uint8_t *out, size_t n) {
  pq_binary bytes;
  if (!pq_value_any_binary(v, &bytes) || bytes.len != n) return false;
  for (size_t i = 0; i < n; i++)
    out[i] = pq_binary_at(&bytes, i);
  return true;
}

static bool read_keys(pq_value v, pq_scram_keys *out) {
  pq_binary salt;
  int64_t iterations;
  if (!pq_value_i64(pq_object_get_str(v, "iterationCount"), &iterations) || iterations < 4096 ||
      iterations > 10000000)
    return false;
  if (!pq_value_any_binary(pq_object_get_str(v, "salt"), &salt) || salt.len > sizeof out->salt)
    return false;
  out->iterations = (uint32_t)iterations;
  out->salt_len = (uint32_t)salt.len;
  return read_bytes(pq_object_get_str(v, "salt"), out->salt, salt.len) &&
         read_bytes(pq_object_get_str(v, "storedKey"), out->stored, sizeof out->stored) &&
         read_bytes(pq_object_get_str(v, "serverKey"), out->server, sizeof out->server);
}

static int damaged(pq_users *u, pq_slice id, const char *what) {
  return pq_fail(u->arena.cx, PQ_ECORRUPT,
                 "user '%.*s': %s cannot be read: remove it with `parquedb user remove`",
                 TEXT_ARGS(id), what);
}

static int read_roles(pq_users *u, pq_user *who, pq_value list) {
  uint32_t count = pq_value_count(list);
  char ns[PQ_MONGO_NAME_CAP];
  if (count > PQ_USER_ROLES_MAX) return damaged(u, pq_str(who->name), "their roles");
  who->roles = pq_arena_calloc(&u->arena, count, sizeof *who->roles);
  if (who->roles == NULL) return u->arena.cx->code;
  for (uint32_t i = 0; i < count; i++) {
    pq_value v = pq_array_at(list, i);
    pq_user_role *role = &who->roles[who->role_count];
    pq_slice name, db;
    if (!pq_value_string(pq_object_get_str(v, "role"), &name) ||
        !pq_value_string(pq_object_get_str(v, "db"), &db) ||
        pq_mongo_namespace(u->arena.cx, db, ns) != PQ_OK)
      return damaged(u, pq_str(who->name), "their roles");
    role->kind = pq_role_kind_of(name);
    if (role->kind == NULL || (role->kind->is_any && !pq_slice_is(db, "admin"))) continue;
    PQ_TRY(pq_arena_copy(&u->arena, db, &role->db));
    role->ns = pq_arena_str(&u->arena, pq_str(ns));
    if (role->ns == NULL) return u->arena.cx->code;
    who->role_count++;
  }
  return PQ_OK;
}

static int read_tokens(pq_users *u, pq_user *who, pq_value list) {
  uint32_t count = pq_value_count(list);
  if (count > PQ_USER_TOKENS_MAX) return damaged(u, pq_str(who->name), "their tokens");
  who->tokens = pq_arena_calloc(&u->arena, count, sizeof *who->tokens);
  if (who->tokens == NULL) return u->arena.cx->code;
  for (uint32_t i = 0; i < count; i++) {
    pq_value v = pq_array_at(list, i);
    pq_user_token *token = &who->tokens[i];
    pq_slice label = {0};
    if (!read_bytes(pq_object_get_str(v, "hash"), token->hash, sizeof token->hash))
      return damaged(u, pq_str(who->name), "their tokens");
    (void)pq_value_string(pq_object_get_str(v, "label"), &label);
    PQ_TRY(pq_arena_copy(&u->arena, label, &token->label));
    (void)pq_value_date_ms(pq_object_get_str(v, "createdAt"), &token->created_ms);
    (void)pq_value_date_ms(pq_object_get_str(v, "expiresAt"), &token->expires_ms);
  }
  who->token_count = count;
  return PQ_OK;
}

/* A value with memory of its own. */
static int copy_value(pq_arena *arena, pq_value v, pq_value *out) {
  pq_slice meta, bytes;
  *out = (pq_value){0};
  if (pq_value_is_missing(v)) return PQ_OK;
  PQ_TRY(pq_arena_copy(arena, pq_value_meta(v), &meta));
  PQ_TRY(pq_arena_copy(arena, pq_value_bytes(v), &bytes));
  *out = (pq_value){.meta = meta.p, .p = bytes.p, .meta_len = v.meta_len, .len = v.len};
  return PQ_OK;
}

static int grow(pq_users *u) {
  uint32_t cap = u->cap == 0 ? 16 : u->cap * 2;
  pq_user **p;
  if (u->count < u->cap) return PQ_OK;
  if (u->count >= PQ_USERS_MAX)
    return pq_fail(u->arena.cx, PQ_ELIMIT, "more than %d users", PQ_USERS_MAX);
  p = pq_alloc(u->arena.cx, u->users, u->cap * sizeof *p, cap * sizeof *p);
  if (p == NULL) return pq_fail_nomem(u->arena.cx);
  u->users = p;
  u->cap = cap;
  return PQ_OK;
}

int pq_users_add(pq_users *u, pq_value document) {
  pq_value keys = pq_object_get_str(pq_object_get_str(document, "credentials"), "SCRAM-SHA-256");
  char name[PQ_USER_NAME_CAP];
  pq_slice id = {0}, db, user;
  pq_user *who;
  (void)pq_value_string(pq_object_get_str(document, "_id"), &id);
  if (pq_slice_is(id, SECRET_ID)) {
    u->has_secret = read_bytes(pq_object_get_str(document, "value"), u->secret, sizeof u->secret);
    return u->has_secret ? PQ_OK : damaged(u, id, "the value");
  }
  if (!pq_value_string(pq_object_get_str(document, "db"), &db) ||
      !pq_value_string(pq_object_get_str(document, "user"), &user) ||
      pq_user_name(u->arena.cx, db, user, name) != PQ_OK || !pq_slice_is(id, name))
    return damaged(u, id, "the name");
  PQ_TRY(grow(u));
  who = pq_arena_calloc(&u->arena, 1, sizeof *who);
  if (who == NULL) return u->arena.cx->code;
  who->name = pq_arena_str(&u->arena, id);
  if (who->name == NULL) return u->arena.cx->code;
  who->db = (pq_slice){(const uint8_t *)who->name, db.n};
  who->user = (pq_slice){(const uint8_t *)who->name + db.n + 1, user.n};
  if (!read_bytes(pq_object_get_str(document, "userId"), who->id, sizeof who->id))
    return damaged(u, id, "the userId");
  who->has_keys = !pq_value_is_missing(keys);
  if (who->has_keys && !read_keys(keys, &who->keys)) return damaged(u, id, "the keys");
  PQ_TRY(read_roles(u, who, pq_object_get_str(document, "roles")));
  PQ_TRY(read_tokens(u, who, pq_object_get_str(document, "tokens")));
  PQ_TRY(copy_value(&u->arena, pq_object_get_str(document, "customData"), &who->custom));
  u->users[u->count++] = who;
  return PQ_OK;
}

static int by_name(const void *a, const void *b) {
  const pq_user *const *x = a, *const *y = b;
  return strcmp((*x)->name, (*y)->name);
}

void pq_users_end(pq_users *u, uint64_t seq) {
  u->seq = seq;
  if (u->count > 0) qsort(u->users, u->count, sizeof *u->users, by_name);
}

pq_user *pq_users_find(const pq_users *u, pq_slice name) {
  uint32_t low = 0, high = u->count;
  while (low < high) {
    uint32_t middle = low + (high - low) / 2;
    int order = pq_slice_cmp(pq_str(u->users[middle]->name), name);
    if (order == 0) return u->users[middle];
    if (order < 0)
      low = middle + 1;
    else
      high = middle;
  }
  return NULL;
}

pq_user *pq_users_find_token(const pq_users *u, const uint8_t hash[PQ_SCRAM_HASH_LEN],
                             int64_t now_ms, int64_t *until_ms) {
  *until_ms = 0;
  for (uint32_t i = 0; i < u->count; i++) {
    pq_user *who = u->users[i];
    for (uint32_t k = 0; k < who->token_count; k++) {
      const pq_user_token *token = &who->tokens[k];
      if (sodium_memcmp(token->hash, hash, sizeof token->hash) != 0) continue;
      *until_ms = token->expires_ms;
      return token->expires_ms == 0 || now_ms < token->expires_ms ? who : NULL;
    }
  }
  return NULL;
}

/* ---- commands ---- */

static int put_text(pq_builder *b, const char *name, pq_slice v) {
  PQ_TRY(pq_builder_key_str(b, name));
  return pq_builder_string(b, v);
}

static int put_bytes(pq_builder *b, const char *name, const uint8_t *p, size_t n) {
  PQ_TRY(pq_builder_key_str(b, name));
  return pq_builder_binary(b, (pq_slice){p, n});
}

static int put_date(pq_builder *b, const char *name, int64_t ms) {
  PQ_TRY(pq_builder_key_str(b, name));
  return pq_builder_date_ms(b, ms);
}

static int begin_object(pq_builder *b, const char *name) {
  PQ_TRY(pq_builder_key_str(b, name));
  return pq_builder_begin_object(b);
}

static int put_id(pq_builder *b, const pq_user_change *c) {
  char name[PQ_USER_NAME_CAP];
  PQ_TRY(pq_user_name(pq_builder_cx(b), c->db, c->user, name));
  return put_text(b, "_id", pq_str(name));
}

/* {verb: "users", actor: … */
static int begin_command(pq_builder *b, const char *verb, const pq_user_change *c) {
  pq_builder_clear(b);
  PQ_TRY(pq_builder_begin_object(b));
  PQ_TRY(put_text(b, verb, PQ_SLICE(PQ_USERS_COLLECTION)));
  return c->actor.n > 0 ? put_text(b, "actor", c->actor) : PQ_OK;
}

int pq_users_put_find(pq_builder *b) {
  PQ_TRY(begin_command(b, "find", &(pq_user_change){0}));
  PQ_TRY(pq_builder_key_str(b, "plain"));
  PQ_TRY(pq_builder_bool(b, true));
  return pq_builder_end(b);
}

static int put_keys(pq_builder *b, const pq_scram_keys *k) {
  PQ_TRY(begin_object(b, "credentials"));
  PQ_TRY(begin_object(b, "SCRAM-SHA-256"));
  PQ_TRY(pq_builder_key_str(b, "iterationCount"));
  PQ_TRY(pq_builder_i32(b, (int32_t)k->iterations));
  PQ_TRY(put_bytes(b, "salt", k->salt, k->salt_len));
  PQ_TRY(put_bytes(b, "storedKey", k->stored, sizeof k->stored));
  PQ_TRY(put_bytes(b, "serverKey", k->server, sizeof k->server));
  PQ_TRY(pq_builder_end(b));
  return pq_builder_end(b);
}

static int put_role_list(pq_builder *b, const pq_user_change *c) {
  PQ_TRY(pq_builder_begin_array(b));
  for (uint32_t i = 0; i < c->role_count; i++) {
    PQ_TRY(pq_builder_begin_object(b));
    PQ_TRY(put_text(b, "role", c->roles[i].role));
    PQ_TRY(put_text(b, "db", c->roles[i].db));
    PQ_TRY(pq_builder_end(b));
  }
  return pq_builder_end(b);
}

/* The fields of a user that change. */
static int put_fields(pq_builder *b, const pq_user_change *c) {
  if (c->keys != NULL) PQ_TRY(put_keys(b, c->keys));
  if (c->has_roles) {
    PQ_TRY(pq_builder_key_str(b, "roles"));
    PQ_TRY(put_role_list(b, c));
  }
  if (pq_value_is_missing(c->custom)) return PQ_OK;
  PQ_TRY(pq_builder_key_str(b, "customData"));
  return pq_builder_value(b, c->custom);
}

int pq_user_put_insert(pq_builder *b, const pq_user_change *c, const uint8_t id[PQ_USER_ID_LEN]) {
  PQ_TRY(begin_command(b, "insert", c));
  PQ_TRY(pq_builder_key_str(b, "documents"));
  PQ_TRY(pq_builder_begin_array(b));
  PQ_TRY(pq_builder_begin_object(b));
  PQ_TRY(put_id(b, c));
  PQ_TRY(put_text(b, "user", c->user));
  PQ_TRY(put_text(b, "db", c->db));
  PQ_TRY(pq_builder_key_str(b, "userId"));
  PQ_TRY(pq_builder_uuid(b, id));
  PQ_TRY(put_fields(b, c));
  PQ_TRY(pq_builder_end(b));
  PQ_TRY(pq_builder_end(b));
  return pq_builder_end(b);
}

/* {updateOne: "users", filter: {_id}, update: {OPERATOR: { … */
static int begin_update(pq_builder *b, const pq_user_change *c, const char *operator) {
  PQ_TRY(begin_command(b, "updateOne", c));
  PQ_TRY(begin_object(b, "filter"));
  PQ_TRY(put_id(b, c));
  PQ_TRY(pq_builder_end(b));
  PQ_TRY(begin_object(b, "update"));
  return begin_object(b, operator);
}

static int end_update(pq_builder *b) {
  for (int i = 0; i < 3; i++)
    PQ_TRY(pq_builder_end(b));
  return PQ_OK;
}

int pq_user_put_update(pq_builder *b, const pq_user_change *c) {
  PQ_TRY(begin_update(b, c, "$set"));
  PQ_TRY(put_fields(b, c));
  return end_update(b);
}

int pq_user_put_grant(pq_builder *b, const pq_user_change *c, bool is_revoke) {
  PQ_TRY(begin_update(b, c, is_revoke ? "$pull" : "$addToSet"));
  PQ_TRY(begin_object(b, "roles"));
  PQ_TRY(pq_builder_key_str(b, is_revoke ? "$in" : "$each"));
  PQ_TRY(put_role_list(b, c));
  PQ_TRY(pq_builder_end(b));
  return end_update(b);
}

int pq_user_put_token(pq_builder *b, const pq_user_change *c, const pq_user_token *token) {
  if (token == NULL) {
    PQ_TRY(begin_update(b, c, "$set"));
    PQ_TRY(pq_builder_key_str(b, "tokens"));
    PQ_TRY(pq_builder_begin_array(b));
    PQ_TRY(pq_builder_end(b));
    return end_update(b);
  }
  PQ_TRY(begin_update(b, c, "$push"));
  PQ_TRY(begin_object(b, "tokens"));
  PQ_TRY(put_text(b, "label", token->label));
  PQ_TRY(put_bytes(b, "hash", token->hash, sizeof token->hash));
  PQ_TRY(put_date(b, "createdAt", token->created_ms));
  if (token->expires_ms != 0) PQ_TRY(put_date(b, "expiresAt", token->expires_ms));
  PQ_TRY(pq_builder_end(b));
  return end_update(b);
}

int pq_user_put_delete(pq_builder *b, const pq_user_change *c) {
  PQ_TRY(begin_command(b, "deleteMany", c));
  PQ_TRY(begin_object(b, "filter"));
  if (c->user.n > 0)
    PQ_TRY(put_id(b, c));
  else
    PQ_TRY(put_text(b, "db", c->db));
  PQ_TRY(pq_builder_end(b));
  PQ_TRY(pq_builder_key_str(b, "hard"));
  PQ_TRY(pq_builder_bool(b, true));
  return pq_builder_end(b);
}

int pq_users_put_secret(pq_builder *b, const uint8_t secret[PQ_SCRAM_HASH_LEN]) {
  PQ_TRY(begin_command(b, "insert", &(pq_user_change){0}));
  PQ_TRY(pq_builder_key_str(b, "documents"));
  PQ_TRY(pq_builder_begin_array(b));
  PQ_TRY(pq_builder_begin_object(b));
  PQ_TRY(put_text(b, "_id", PQ_SLICE(SECRET_ID)));
  PQ_TRY(put_bytes(b, "value", secret, PQ_SCRAM_HASH_LEN));
  PQ_TRY(pq_builder_end(b));
  PQ_TRY(pq_builder_end(b));
  return pq_builder_end(b);
}
