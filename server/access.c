/* server/access.c - see access.h. */
#include "server/access.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "cmd/command.h"

enum {
  FAILURES_CAP = 256,
  FORGET_MS = 60 * 1000, /* a failure counts so long */
  DELAY_FIRST_MS = 50,
  DELAY_MAX_MS = 2000,
  MANY = 20, /* failures of an address: from then on one is looked at every DELAY_MAX_MS */
  COMMAND_LEN_MAX = 1 << 20,
  PASSWORD_CAP = 2048 /* of user and password in a header */
};
#define TEXT_ARGS(s) (int)((s).n > 60 ? 60 : (s).n), (const char *)(s).p

/* Failed logins of an address, or for a user. */
typedef struct failure {
  uint64_t of; /* a hash: two that share it share their delays */
  uint32_t count;
  int64_t last_ms;
} failure;

struct pq_access {
  pqdb *db;
  pq_cx cx; /* malloc: the users are no part of the engine's memory */
  pq_users *users;
  uint64_t readings;                    /* how often they were read */
  uint8_t secret[PQ_SCRAM_HASH_LEN];    /* of the users, or until there are some our own */
  uint8_t quick_key[PQ_SCRAM_HASH_LEN]; /* of this process */
  bool is_stored;
  atomic_bool is_required;
  failure failures[FAILURES_CAP];
};

/* ---- reading ---- */

int pq_access_run(pqdb *db, pq_builder *b, pq_users *into, int64_t *count) {
  static const char *const counts[] = {"matchedCount", "deletedCount", "insertedCount"};
  pq_cx *cx = pq_handle_cx(db);
  pqdb_replies *r = NULL;
  pq_arena arena;
  pq_value command, v;
  int64_t n, seq = 0;
  int rc;
  *count = 0;
  pq_arena_init(&arena, pq_builder_cx(b), COMMAND_LEN_MAX);
  rc = pq_builder_finish(b, &arena, &command);
  if (rc != PQ_OK) rc = pq_fail(cx, rc, "%s", pq_builder_cx(b)->msg);
  if (rc == PQ_OK) rc = pq_handle_submit(db, "_system", command, &r);
  if (rc == PQ_OK) pq_handle_set_reach(r, PQ_REACH_SYSTEM);
  while (rc == PQ_OK) {
    while (pqdb_is_ready(r) == 0)
      (void)pqdb_poll(db);
    rc = pq_handle_next(r, &v);
    if (rc != PQDB_ROW) break;
    rc = into == NULL ? PQ_OK : pq_users_add(into, v);
    if (rc != PQ_OK) rc = pq_fail(cx, rc, "%s", into->arena.cx->msg);
  }
  if (rc == PQDB_DONE) {
    rc = PQ_OK;
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++)
      if (pq_value_i64(pq_object_get_str(v, counts[i]), &n)) *count += n;
    (void)pq_value_i64(pq_object_get_str(v, "seq"), &seq);
    if (into != NULL) pq_users_end(into, (uint64_t)seq);
  }
  pqdb_replies_close(r);
  pq_arena_release(&arena);
  return rc;
}

void pq_user_new_id(pqdb *db, uint8_t out[PQ_USER_ID_LEN]) {
  pq_handle_random(db, out, PQ_USER_ID_LEN);
  out[6] = (uint8_t)((out[6] & 0x0f) | 0x40); /* version 4 */
  out[8] = (uint8_t)((out[8] & 0x3f) | 0x80);
}

static int read_users(pq_access *a) {
  pq_cx *cx = pq_handle_cx(a->db);
  pq_builder *b = NULL;
  pq_users *users = NULL;
  int64_t count;
  int rc = pq_builder_new(&a->cx, &b);
  if (rc == PQ_OK) rc = pq_users_put_find(b);
  if (rc == PQ_OK) rc = pq_users_new(&a->cx, &users);
  if (rc != PQ_OK) rc = pq_fail(cx, rc, "%s", a->cx.msg);
  if (rc == PQ_OK) rc = pq_access_run(a->db, b, users, &count);
  pq_builder_free(b);
  if (rc == PQ_OK)
    pq_access_replace(a, users);
  else
    pq_users_free(users);
  return rc;
}

int pq_access_open(pqdb *db, bool must_login, pq_access **out) {
  pq_access *a = calloc(1, sizeof *a);
  int rc;
  *out = NULL;
  if (a == NULL) return pq_fail_nomem(pq_handle_cx(db));
  a->db = db;
  pq_cx_init(&a->cx, NULL, NULL);
  pq_handle_random(db, a->secret, sizeof a->secret);
  pq_handle_random(db, a->quick_key, sizeof a->quick_key);
  atomic_init(&a->is_required, must_login);
  rc = read_users(a);
  if (rc == PQ_OK)
    *out = a;
  else
    pq_access_close(a);
  return rc;
}

void pq_access_close(pq_access *a) {
  if (a == NULL) return;
  pq_users_free(a->users);
  sodium_memzero(a, sizeof *a);
  free(a);
}

bool pq_access_is_required(const pq_access *a) {
  return atomic_load(&a->is_required);
}

void pq_access_require(pq_access *a) {
  atomic_store(&a->is_required, true);
}

bool pq_access_has_users(const pq_access *a) {
  return a->users->count > 0;
}

const pq_users *pq_access_users(const pq_access *a) {
  return a->users;
}

const uint8_t *pq_access_secret(const pq_access *a, bool *is_stored) {
  *is_stored = a->is_stored;
  return a->secret;
}

int pq_access_new_users(pq_access *a, pq_users **out) {
  return pq_users_new(&a->cx, out);
}

/* Has he every role that he had? */
static bool has_lost_none(const pq_user *then, const pq_user *now) {
  for (uint32_t i = 0; i < then->role_count; i++) {
    const pq_user_role *role = &then->roles[i];
    uint32_t k = 0;
    while (k < now->role_count &&
           (now->roles[k].kind != role->kind || strcmp(now->roles[k].ns, role->ns) != 0))
      k++;
    if (k == now->role_count) return false;
  }
  return true;
}

void pq_access_replace(pq_access *a, pq_users *fresh) {
  if (a->users != NULL && fresh->seq < a->users->seq) {
    pq_users_free(fresh);
    return;
  }
  a->readings++;
  for (uint32_t i = 0; i < fresh->count; i++) {
    pq_user *now = fresh->users[i], *then;
    then = a->users == NULL ? NULL : pq_users_find(a->users, pq_str(now->name));
    now->since = a->readings;
    if (then == NULL || memcmp(then->id, now->id, sizeof now->id) != 0) continue;
    if (has_lost_none(then, now)) now->since = then->since;
    if (memcmp(&then->keys, &now->keys, sizeof now->keys) != 0) continue;
    memcpy(now->quick, then->quick, sizeof now->quick);
    now->has_quick = then->has_quick;
  }
  if (fresh->has_secret) memcpy(a->secret, fresh->secret, sizeof a->secret);
  a->is_stored = fresh->has_secret;
  pq_users_free(a->users);
  a->users = fresh;
  if (fresh->count > 0) pq_access_require(a);
}

/* ---- may he? ---- */

const pq_user *pq_access_user(const pq_access *a, const pq_client *c) {
  const pq_user *who = c->user[0] == '\0' ? NULL : pq_users_find(a->users, pq_str(c->user));
  if (who == NULL || memcmp(c->user_id, who->id, sizeof who->id) != 0) return NULL;
  return c->until_ms == 0 || pq_handle_now_us(a->db) / 1000 < c->until_ms ? who : NULL;
}

uint64_t pq_access_since(const pq_access *a, const pq_client *c) {
  const pq_user *who = pq_access_user(a, c);
  return who == NULL ? 0 : who->since;
}

bool pq_access_is_first(const pq_access *a, const pq_client *c) {
  return a->users->count == 0 && c->is_local;
}

unsigned pq_access_rights(const pq_access *a, const pq_client *c, const char *ns) {
  const pq_user *who;
  if (!pq_access_is_required(a)) return PQ_RIGHTS_ALL;
  who = pq_access_user(a, c);
  return who == NULL ? 0 : pq_user_rights(who, ns);
}

unsigned pq_access_reach(const pq_access *a, const pq_client *c) {
  const pq_user *who;
  if (!pq_access_is_required(a)) return 0;
  who = pq_access_user(a, c);
  if (who != NULL && (pq_user_rights_any(who) & PQ_RIGHT_READ) != 0) return 0;
  return PQ_REACH_CONFINED;
}

/* "not authorized on shop to execute command { find: "posts", $db: "shop" }" */
static int deny(pq_cx *cx, const pq_access_command *what) {
  char target[80] = "1";
  pq_value first = pq_object_get(what->document, what->verb);
  pq_slice text;
  int64_t number;
  if (pq_value_string(first, &text))
    snprintf(target, sizeof target, "\"%.*s\"", TEXT_ARGS(text));
  else if (pq_value_i64(first, &number))
    snprintf(target, sizeof target, "%lld", (long long)number);
  return pq_fail(cx, PQ_EPERM,
                 "not authorized on %.*s to execute command { %.*s: %s, $db: \"%.*s\" }",
                 TEXT_ARGS(what->db), TEXT_ARGS(what->verb), target, TEXT_ARGS(what->db));
}

int pq_access_check(const pq_access *a, pq_cx *cx, const pq_client *c,
                    const pq_access_command *what) {
  const pq_user *who;
  if (!pq_access_is_required(a) || pq_access_is_open(what)) return PQ_OK;
  who = pq_access_user(a, c);
  if (who != NULL) return pq_access_permits(cx, who, what) ? PQ_OK : deny(cx, what);
  if (!what->is_native && pq_slice_is(what->verb, "createUser") && pq_slice_is(what->db, "admin") &&
      pq_access_is_first(a, c))
    return PQ_OK;
  return pq_fail(cx, PQ_EPERM, "Command %.*s requires authentication", TEXT_ARGS(what->verb));
}

/* ---- who is he? ---- */

void pq_access_keys(const pq_access *a, pq_slice name, pq_scram_keys *out, bool *is_known) {
  const pq_user *who = pq_users_find(a->users, name);
  *is_known = who != NULL && who->has_keys;
  pq_scram_fake(a->secret, name, out);
  if (*is_known) *out = who->keys;
}

int pq_access_enter(pq_access *a, pq_cx *cx, pq_client *c, pq_slice name) {
  const pq_user *who = pq_users_find(a->users, name);
  if (who == NULL) return pq_fail(cx, PQ_EPERM, "Authentication failed.");
  snprintf(c->user, sizeof c->user, "%s", who->name);
  memcpy(c->user_id, who->id, sizeof who->id);
  c->until_ms = 0;
  return PQ_OK;
}

void pq_access_leave(pq_client *c) {
  c->user[0] = '\0';
  memset(c->user_id, 0, sizeof c->user_id);
  c->until_ms = 0;
}

void pq_access_login_free(pq_login *login) {
  if (login == NULL) return;
  sodium_memzero(login, sizeof *login);
  free(login);
}

void pq_bearer_print(const uint8_t random[PQ_BEARER_RANDOM_LEN], char out[PQ_BEARER_CAP]) {
  memcpy(out, "pqt_", 4);
  (void)sodium_bin2base64(out + 4, PQ_BEARER_CAP - 4, random, PQ_BEARER_RANDOM_LEN,
                          sodium_base64_VARIANT_URLSAFE_NO_PADDING);
}

void pq_bearer_hash(pq_slice token, uint8_t out[PQ_SCRAM_HASH_LEN]) {
  (void)crypto_hash_sha256(out, token.p, token.n);
}

static bool is_throttled(const pq_access *a, const pq_client *c);

/* Is it his password? The last right one is known by a hash of this process; another one has to be
 * stretched, and so has one of nobody. *is_late: it was not looked at. */
static bool is_password(pq_access *a, const pq_client *c, pq_user *who, pq_slice password,
                        bool *is_late) {
  uint8_t quick[PQ_SCRAM_HASH_LEN];
  pq_scram_keys nobody;
  (void)crypto_auth_hmacsha256(quick, password.p, password.n, a->quick_key);
  if (who != NULL && who->has_quick && sodium_memcmp(quick, who->quick, sizeof quick) == 0)
    return true;
  *is_late = is_throttled(a, c);
  if (*is_late) return false;
  if (who == NULL || !who->has_keys) {
    pq_scram_fake(a->secret, password, &nobody);
    (void)pq_scram_keys_are_of(&nobody, password); /* it takes as long */
    return false;
  }
  if (!pq_scram_keys_are_of(&who->keys, password)) return false;
  memcpy(who->quick, quick, sizeof quick);
  who->has_quick = true;
  return true;
}

/* "user:password" in base64 (RFC 7617). */
static pq_user *basic(pq_access *a, const pq_client *c, pq_slice text, bool *is_late) {
  char pair[PASSWORD_CAP], name[PQ_USER_NAME_CAP];
  size_t n = 0;
  pq_user *who = NULL;
  const char *colon;
  pq_slice user, password = PQ_SLICE("");
  if (sodium_base642bin((unsigned char *)pair, sizeof pair, (const char *)text.p, text.n, NULL, &n,
                        NULL, sodium_base64_VARIANT_ORIGINAL) != 0)
    n = 0;
  colon = n == 0 ? NULL : memchr(pair, ':', n);
  if (colon != NULL) {
    user = (pq_slice){(const uint8_t *)pair, (size_t)(colon - pair)};
    password = (pq_slice){(const uint8_t *)colon + 1, n - user.n - 1};
    if (pq_user_name(&a->cx, PQ_SLICE("admin"), user, name) == PQ_OK)
      who = pq_users_find(a->users, pq_str(name));
    if (who == NULL) who = pq_users_find(a->users, user);
  }
  if (!is_password(a, c, who, password, is_late)) who = NULL;
  sodium_memzero(pair, sizeof pair);
  return who;
}

static bool has_scheme(pq_slice header, const char *scheme, pq_slice *rest) {
  size_t n = strlen(scheme);
  if (header.n <= n || header.p[n] != ' ') return false;
  for (size_t i = 0; i < n; i++)
    if ((header.p[i] | 0x20) != (uint8_t)scheme[i]) return false;
  while (n < header.n && header.p[n] == ' ')
    n++;
  *rest = (pq_slice){header.p + n, header.n - n};
  return true;
}

int pq_access_http(pq_access *a, pq_cx *cx, pq_client *c, pq_slice header) {
  uint8_t hash[PQ_SCRAM_HASH_LEN];
  const pq_user *who;
  pq_slice rest;
  int64_t until_ms = 0;
  bool is_late = false;
  pq_access_leave(c);
  if (header.n == 0) return PQ_OK;
  if (has_scheme(header, "bearer", &rest)) {
    pq_bearer_hash(rest, hash);
    who = pq_users_find_token(a->users, hash, pq_handle_now_us(a->db) / 1000, &until_ms);
  } else if (has_scheme(header, "basic", &rest)) {
    who = basic(a, c, rest, &is_late);
  } else {
    return pq_fail(cx, PQ_EUNSUPPORTED, "Authorization: give Basic or Bearer");
  }
  if (is_late)
    return pq_fail(cx, PQ_EBUSY, "too many logins from this address have failed: wait a while");
  if (who == NULL) return pq_fail(cx, PQ_EPERM, "Authentication failed.");
  PQ_TRY(pq_access_enter(a, cx, c, pq_str(who->name)));
  c->until_ms = until_ms;
  return PQ_OK;
}

/* ---- failures ---- */

/* FNV-1a, keyed: nobody makes two addresses share a place. */
static uint64_t hash_of(const pq_access *a, pq_slice text) {
  uint8_t out[crypto_generichash_BYTES_MIN];
  (void)crypto_generichash(out, sizeof out, text.p, text.n, a->quick_key, sizeof a->quick_key);
  return pq_rd64(out);
}

/* The place of that hash, or the one whose last failure is longest ago. */
static failure *place_of(pq_access *a, uint64_t of) {
  failure *oldest = &a->failures[0];
  for (size_t i = 0; i < FAILURES_CAP; i++) {
    failure *f = &a->failures[i];
    if (f->of == of) return f;
    if (f->last_ms < oldest->last_ms) oldest = f;
  }
  *oldest = (failure){.of = of};
  return oldest;
}

static uint32_t note(pq_access *a, pq_slice text, int64_t now_ms, bool is_right) {
  failure *f = place_of(a, hash_of(a, text));
  uint32_t delay = DELAY_FIRST_MS;
  if (now_ms - f->last_ms > FORGET_MS || is_right) f->count = 0;
  if (is_right) return 0;
  f->last_ms = now_ms;
  f->count++;
  for (uint32_t i = 1; i < f->count && delay < DELAY_MAX_MS; i++)
    delay *= 2;
  return delay < DELAY_MAX_MS ? delay : DELAY_MAX_MS;
}

/* An address without its port. */
static pq_slice address_of(const pq_client *c) {
  const char *colon = strrchr(c->peer, ':');
  return (pq_slice){(const uint8_t *)c->peer,
                    colon == NULL ? strlen(c->peer) : (size_t)(colon - c->peer)};
}

/* Did many fail, and the last one a moment ago? Then nobody's password is stretched for it. */
static bool is_throttled(const pq_access *a, const pq_client *c) {
  uint64_t of = hash_of(a, address_of(c));
  int64_t now_ms = pq_handle_now_us(a->db) / 1000;
  for (size_t i = 0; i < FAILURES_CAP; i++) {
    const failure *f = &a->failures[i];
    if (f->of == of && f->count > 0) return f->count >= MANY && now_ms - f->last_ms < DELAY_MAX_MS;
  }
  return false;
}

uint32_t pq_access_note(pq_access *a, const pq_client *c, pq_slice name, bool is_right) {
  int64_t now_ms = pq_handle_now_us(a->db) / 1000;
  uint32_t by_address = note(a, address_of(c), now_ms, is_right);
  uint32_t by_name = note(a, name, now_ms, is_right);
  return by_address > by_name ? by_address : by_name;
}
