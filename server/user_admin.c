/* server/user_admin.c - see user_admin.h. */
#include "server/user_admin.h"

#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "server/access.h"
#include "server/mongo_name.h"

_Static_assert((int)PQ_USER_ADMIN_TOKEN_CAP == (int)PQ_BEARER_CAP, "tokens fit");

/* What each of these needs: memory of its own, a builder, all users as they are. */
typedef struct admin {
  pqdb *db;
  pq_cx *cx; /* the handle's: failures */
  pq_builder *b;
  pq_access *access;
  pq_arena arena;
  pq_user_change change;
  const pq_user *user; /* NULL: there is none yet */
} admin;

static void end(admin *a) {
  pq_builder_free(a->b);
  pq_access_close(a->access);
  pq_arena_release(&a->arena);
}

/* Without the users that there are. `who` NULL: nobody in particular. */
static int begin_alone(admin *a, pqdb *db, const pq_user_admin_who *who) {
  char name[PQ_USER_NAME_CAP];
  *a = (admin){.db = db, .cx = pq_handle_cx(db)};
  pq_arena_init(&a->arena, a->cx, 1 << 20);
  PQ_TRY(pq_builder_new(a->cx, &a->b));
  if (who == NULL) return PQ_OK;
  a->change = (pq_user_change){.db = pq_str(who->db), .user = pq_str(who->user)};
  return pq_user_name(a->cx, a->change.db, a->change.user, name);
}

static int begin(admin *a, pqdb *db, const pq_user_admin_who *who) {
  char name[PQ_USER_NAME_CAP];
  PQ_TRY(begin_alone(a, db, who));
  PQ_TRY(pq_access_open(db, false, &a->access));
  if (who == NULL) return PQ_OK;
  PQ_TRY(pq_user_name(a->cx, a->change.db, a->change.user, name));
  a->user = pq_users_find(pq_access_users(a->access), pq_str(name));
  return PQ_OK;
}

static int need_user(const admin *a) {
  if (a->user != NULL) return PQ_OK;
  return pq_fail(a->cx, PQ_ENOENTITY, "there is no user '%.100s' of database '%.60s'",
                 (const char *)a->change.user.p, (const char *)a->change.db.p);
}

/* Run what the builder has. */
static int run(admin *a, int rc) {
  int64_t count;
  PQ_TRY(rc);
  return pq_access_run(a->db, a->b, NULL, &count);
}

/* "readWrite@shop", "read", "root" */
static int read_role(admin *a, const char *text, pq_role_name *out) {
  const char *at = strrchr(text, '@');
  const pq_role_kind *kind;
  out->role = (pq_slice){(const uint8_t *)text, at == NULL ? strlen(text) : (size_t)(at - text)};
  if (pq_slice_is(out->role, "admin")) out->role = PQ_SLICE("dbOwner");
  kind = pq_role_kind_of(out->role);
  out->db = at != NULL                     ? pq_str(at + 1)
            : kind != NULL && kind->is_any ? PQ_SLICE("admin")
                                           : a->change.db;
  return pq_role_check(a->cx, out);
}

static int read_roles(admin *a, const char *const *texts, unsigned count) {
  pq_role_name *roles = pq_arena_array(&a->arena, count, sizeof *roles);
  if (roles == NULL) return a->cx->code;
  if (count > PQ_USER_ROLES_MAX)
    return pq_fail(a->cx, PQ_ELIMIT, "a user has at most %d roles", PQ_USER_ROLES_MAX);
  for (unsigned i = 0; i < count; i++)
    PQ_TRY(read_role(a, texts[i], &roles[i]));
  a->change.roles = roles;
  a->change.role_count = count;
  a->change.has_roles = true;
  return PQ_OK;
}

static int make_keys(admin *a, const char *password, pq_scram_keys *keys) {
  uint8_t salt[PQ_SCRAM_SALT_LEN];
  pq_handle_random(a->db, salt, sizeof salt);
  a->change.keys = keys;
  return pq_scram_keys_make(a->cx, pq_str(password), salt, keys);
}

static int add(admin *a, const char *password, const char *const *roles, unsigned count) {
  uint8_t id[PQ_USER_ID_LEN];
  pq_scram_keys keys;
  bool is_stored;
  const uint8_t *secret = pq_access_secret(a->access, &is_stored);
  if (a->user != NULL)
    return pq_fail(a->cx, PQ_EEXISTS, "there is a user '%.100s' of database '%.60s' already",
                   (const char *)a->change.user.p, (const char *)a->change.db.p);
  PQ_TRY(read_roles(a, roles, count));
  PQ_TRY(make_keys(a, password, &keys));
  if (!is_stored) PQ_TRY(run(a, pq_users_put_secret(a->b, secret)));
  pq_user_new_id(a->db, id);
  return run(a, pq_user_put_insert(a->b, &a->change, id));
}

int pq_user_admin_add(pqdb *db, const pq_user_admin_who *who, const char *password,
                      const char *const *roles, unsigned role_count) {
  admin a;
  int rc = begin(&a, db, who);
  if (rc == PQ_OK) rc = add(&a, password, roles, role_count);
  end(&a);
  return rc;
}

/* Without reading the others: so it also removes one that cannot be read. */
int pq_user_admin_remove(pqdb *db, const pq_user_admin_who *who) {
  admin a;
  int64_t count = 0;
  int rc = begin_alone(&a, db, who);
  if (rc == PQ_OK) rc = pq_user_put_delete(a.b, &a.change);
  if (rc == PQ_OK) rc = pq_access_run(db, a.b, NULL, &count);
  if (rc == PQ_OK && count == 0) rc = need_user(&a);
  end(&a);
  return rc;
}

int pq_user_admin_password(pqdb *db, const pq_user_admin_who *who, const char *password) {
  pq_scram_keys keys;
  admin a;
  int rc = begin(&a, db, who);
  if (rc == PQ_OK) rc = need_user(&a);
  if (rc == PQ_OK) rc = make_keys(&a, password, &keys);
  if (rc == PQ_OK) rc = run(&a, pq_user_put_update(a.b, &a.change));
  end(&a);
  return rc;
}

int pq_user_admin_grant(pqdb *db, const pq_user_admin_who *who, const char *const *roles,
                        unsigned role_count, int is_revoke) {
  admin a;
  int rc = begin(&a, db, who);
  if (rc == PQ_OK) rc = need_user(&a);
  if (rc == PQ_OK) rc = read_roles(&a, roles, role_count);
  if (rc == PQ_OK) rc = run(&a, pq_user_put_grant(a.b, &a.change, is_revoke != 0));
  end(&a);
  return rc;
}

static int make_token(admin *a, const char *label, unsigned days, char out[PQ_BEARER_CAP]) {
  uint8_t random[PQ_BEARER_RANDOM_LEN];
  pq_user_token token = {.label = pq_str(label), .created_ms = pq_handle_now_us(a->db) / 1000};
  PQ_TRY(need_user(a));
  if (a->user->token_count >= PQ_USER_TOKENS_MAX)
    return pq_fail(a->cx, PQ_ELIMIT, "a user has at most %d tokens: drop them and make new ones",
                   PQ_USER_TOKENS_MAX);
  if (days > 0) token.expires_ms = token.created_ms + (int64_t)days * 86400000;
  pq_handle_random(a->db, random, sizeof random);
  pq_bearer_print(random, out);
  pq_bearer_hash(pq_str(out), token.hash);
  return run(a, pq_user_put_token(a->b, &a->change, &token));
}

int pq_user_admin_token(pqdb *db, const pq_user_admin_who *who, const char *label, unsigned days,
                        char out[PQ_USER_ADMIN_TOKEN_CAP]) {
  admin a;
  int rc = begin(&a, db, who);
  out[0] = '\0';
  if (rc == PQ_OK) rc = make_token(&a, label, days, out);
  if (rc != PQ_OK) out[0] = '\0';
  end(&a);
  return rc;
}

int pq_user_admin_drop_tokens(pqdb *db, const pq_user_admin_who *who) {
  admin a;
  int rc = begin(&a, db, who);
  if (rc == PQ_OK) rc = need_user(&a);
  if (rc == PQ_OK) rc = run(&a, pq_user_put_token(a.b, &a.change, NULL));
  end(&a);
  return rc;
}

static int put_line(pq_buf *b, const pq_user *who) {
  PQ_TRY(pq_buf_put_str(b, "{\"db\":"));
  PQ_TRY(pq_buf_put_json_str(b, who->db));
  PQ_TRY(pq_buf_put_str(b, ",\"user\":"));
  PQ_TRY(pq_buf_put_json_str(b, who->user));
  PQ_TRY(pq_buf_put_str(b, ",\"roles\":["));
  for (uint32_t i = 0; i < who->role_count; i++)
    PQ_TRY(pq_buf_printf(b, "%s\"%s@%.*s\"", i == 0 ? "" : ",", who->roles[i].kind->name,
                         (int)who->roles[i].db.n, (const char *)who->roles[i].db.p));
  return pq_buf_printf(b, "],\"tokens\":%u}", (unsigned)who->token_count);
}

int pq_user_admin_list(pqdb *db, void (*show)(void *ud, const char *json, size_t len), void *ud) {
  admin a;
  pq_buf line;
  int rc = begin(&a, db, NULL);
  const pq_users *users = rc == PQ_OK ? pq_access_users(a.access) : NULL;
  pq_buf_init(&line, a.cx, 1 << 20);
  for (uint32_t i = 0; rc == PQ_OK && i < users->count; i++) {
    pq_buf_clear(&line);
    rc = put_line(&line, users->users[i]);
    if (rc == PQ_OK) show(ud, (const char *)line.p, line.len);
  }
  pq_buf_release(&line);
  end(&a);
  return rc;
}
