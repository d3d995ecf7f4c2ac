/* server/users.h - users as they are stored, and the commands that change them.
 *
 *   namespace _system, collection users, written by the program alone
 *
 *   {_id: "admin.alice", user: "alice", db: "admin", userId: UUID,
 *    credentials: {"SCRAM-SHA-256": {iterationCount, salt, storedKey, serverKey}},
 *    roles: [{role: "readWrite", db: "shop"}], customData: {…},
 *    tokens: [{label: "laptop", hash: SHA-256, createdAt, expiresAt}]}
 *   {_id: "secret", value: 32 random bytes}          of salts for users who do not exist
 *
 * A password is never stored, nor a token: keys and a hash are. Every change is an ordinary command
 * of ours, made here and run by whoever wants it; after it all users are read anew, so that what
 * counts is what is stored.
 *
 *     PQ_TRY(pq_users_new(cx, &u));
 *     {find: "users", filter: {}, plain: true} ─► pq_users_add(u, item) … ─► pq_users_end(u, seq)
 *     const pq_user *who = pq_users_find(u, PQ_SLICE("admin.alice"));
 */
#ifndef PQ_SERVER_USERS_H
#define PQ_SERVER_USERS_H

#include "server/scram.h"
#include "value/builder.h"

#define PQ_USERS_COLLECTION "users"

enum {
  PQ_USER_NAME_CAP = 256, /* "db.user" with its NUL */
  PQ_USER_DB_CAP = 64,
  PQ_USER_ID_LEN = 16,
  PQ_USER_ROLES_MAX = 256,
  PQ_USER_TOKENS_MAX = 256,
  PQ_USERS_MAX = 100000 /* all are in memory */
};

/* What somebody may do: with a database, or with the server. */
enum {
  PQ_RIGHT_READ = 1,
  PQ_RIGHT_WRITE = 2, /* and collections and indexes, as MongoDB's readWrite */
  PQ_RIGHT_ADMIN = 4, /* schemas, files, dropping the database */
  PQ_RIGHT_USERS = 8,
  PQ_RIGHTS_DB = 15,
  PQ_RIGHT_LIST = 16,    /* the names of all databases */
  PQ_RIGHT_MONITOR = 32, /* what the server does */
  PQ_RIGHT_SERVER = 64,  /* change that */
  PQ_RIGHTS_ALL = 127
};

/* A role that is built in; there are no others. */
typedef struct pq_role_kind {
  const char *name;
  unsigned rights;
  bool is_any; /* of all databases: it belongs to "admin" */
} pq_role_kind;
/* The i-th; NULL: there are no more. */
const pq_role_kind *pq_role_kind_at(size_t i);
const pq_role_kind *pq_role_kind_of(pq_slice name);

typedef struct pq_user_role {
  const pq_role_kind *kind;
  pq_slice db;
  const char *ns; /* ours, of db */
} pq_user_role;

typedef struct pq_user_token {
  uint8_t hash[PQ_SCRAM_HASH_LEN];
  pq_slice label;
  int64_t created_ms, expires_ms; /* 0: never */
} pq_user_token;

typedef struct pq_user {
  const char *name; /* "db.user" */
  pq_slice db, user;
  uint8_t id[PQ_USER_ID_LEN]; /* of another user of that name it is another */
  pq_scram_keys keys;
  bool has_keys;
  pq_user_role *roles;
  uint32_t role_count;
  pq_user_token *tokens;
  uint32_t token_count;
  pq_value custom; /* missing: none */
  uint64_t since;  /* access.c: since which reading he has had all the roles that he has had */
  /* What the last right password hashes to, so that HTTP need not stretch it again (access.c). */
  uint8_t quick[PQ_SCRAM_HASH_LEN];
  bool has_quick;
} pq_user;

/* All users, as they were at an instant. */
typedef struct pq_users {
  pq_arena arena;
  pq_user **users; /* sorted by name once all are there */
  uint32_t count, cap;
  uint64_t seq;
  uint8_t secret[PQ_SCRAM_HASH_LEN];
  bool has_secret;
} pq_users;

int pq_users_new(pq_cx *cx, pq_users **out) PQ_MUST_CHECK;
/* NULL is allowed. */
void pq_users_free(pq_users *u);
/* A document of the collection. PQ_ECORRUPT names a user that is damaged; PQ_ELIMIT. A role that
 * this program does not know gives no right. */
int pq_users_add(pq_users *u, pq_value document) PQ_MUST_CHECK;
void pq_users_end(pq_users *u, uint64_t seq);
/* NULL: there is none. */
pq_user *pq_users_find(const pq_users *u, pq_slice name);
/* *until_ms: when it ends, 0: never. */
pq_user *pq_users_find_token(const pq_users *u, const uint8_t hash[PQ_SCRAM_HASH_LEN],
                             int64_t now_ms, int64_t *until_ms);
/* What the user may do with a namespace of ours, and with the server. The program's own namespace
 * is for `root` alone. */
unsigned pq_user_rights(const pq_user *who, const char *ns);
/* With every database. */
unsigned pq_user_rights_any(const pq_user *who);

/* ---- names ---- */

/* "db.user". PQ_EINVALID: empty, with a zero byte, too long; `db` is no name of a database. */
int pq_user_name(pq_cx *cx, pq_slice db, pq_slice user, char out[PQ_USER_NAME_CAP]) PQ_MUST_CHECK;

/* A role as somebody wrote it. */
typedef struct pq_role_name {
  pq_slice role, db;
} pq_role_name;
/* PQ_EINVALID: "Could not find role: x@db", as MongoDB says. */
int pq_role_check(pq_cx *cx, const pq_role_name *role) PQ_MUST_CHECK;

/* ---- commands, for namespace _system: they make `b` one value ---- */

typedef struct pq_user_change {
  pq_slice db, user;
  const pq_scram_keys *keys; /* NULL: as they are */
  const pq_role_name *roles; /* with has_roles */
  uint32_t role_count;
  bool has_roles;
  pq_value custom; /* missing: as it is */
  pq_slice actor;  /* who changes it; empty: the handle's */
} pq_user_change;

/* {find: "users", …}: all of them */
int pq_users_put_find(pq_builder *b) PQ_MUST_CHECK;
/* A new one; PQ_EEXISTS when it runs and there is one. */
int pq_user_put_insert(pq_builder *b, const pq_user_change *c,
                       const uint8_t id[PQ_USER_ID_LEN]) PQ_MUST_CHECK;
/* `matchedCount` of the summary is 0 when there is none; so it is of the three that follow. */
int pq_user_put_update(pq_builder *b, const pq_user_change *c) PQ_MUST_CHECK;
int pq_user_put_grant(pq_builder *b, const pq_user_change *c, bool is_revoke) PQ_MUST_CHECK;
/* One token more; NULL: none at all any more. */
int pq_user_put_token(pq_builder *b, const pq_user_change *c,
                      const pq_user_token *token) PQ_MUST_CHECK;
/* `deletedCount`; an empty user: all of the database. */
int pq_user_put_delete(pq_builder *b, const pq_user_change *c) PQ_MUST_CHECK;
int pq_users_put_secret(pq_builder *b, const uint8_t secret[PQ_SCRAM_HASH_LEN]) PQ_MUST_CHECK;

#endif
