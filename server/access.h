/* server/access.h - who may do what: the users in memory, and the question before each command.
 *
 *   start    pq_access_open ─► all users of _system (users.h) in memory
 *   login    client->user, client->login are set                    (mongo_login.c, pq_access_http)
 *   command  pq_access_check(a, cx, client, what) ─► PQ_OK, or code 13 with MongoDB's text
 *   change   createUser … ─► users are read anew ─► pq_access_replace: it counts from the next
 *            command on, in every connection
 *
 * Nobody has to log in as long as there is no user, as with MongoDB without --auth: then the server
 * listens on loopback alone. With the first user, with --auth, or on another address everybody has
 * to, and that stays so until the server ends, also when the last user goes. While there is none,
 * a client of this machine may make the first one (createUser in "admin"), and do nothing else.
 *
 * Belongs to the engine's thread, but for pq_access_is_required.
 */
#ifndef PQ_SERVER_ACCESS_H
#define PQ_SERVER_ACCESS_H

#include "port/handle.h"
#include "server/client.h"
#include "server/users.h"

typedef struct pq_access pq_access;

/* A login of the wire, as far as it is; client->login. */
typedef struct pq_login {
  pq_scram scram;
  char db[PQ_USER_DB_CAP];
  int32_t conversation;
  bool is_open;     /* an exchange is under way, */
  bool is_proved;   /* and only an empty message is missing; */
  bool skips_empty; /* or the client does without it */
} pq_login;

/* Read all users; it waits for the store. The handle stays the caller's and outlives it; so does
 * its context, which has the failure. */
int pq_access_open(pqdb *db, bool must_login, pq_access **out) PQ_MUST_CHECK;
void pq_access_close(pq_access *a); /* NULL is allowed */

/* Has everybody to log in? Any thread. */
bool pq_access_is_required(const pq_access *a);
/* Make it so: the server listens where others may come from. Before it serves. */
void pq_access_require(pq_access *a);
bool pq_access_has_users(const pq_access *a);

/* ---- may he? ---- */

typedef struct pq_access_command {
  pq_slice verb;     /* as it was sent */
  pq_value document; /* the whole command */
  const char *ns;    /* our namespace that it is about */
  pq_slice db;       /* as the client calls it, for messages */
  bool is_native;    /* a command of ours; else MongoDB's */
} pq_access_command;

/* PQ_OK, or PQ_EPERM with the text in `cx`: "Command find requires authentication", "not authorized
 * on shop to execute command { find: "posts", $db: "shop" }". A command that nobody has said of
 * what it needs (access_needs.c) is for `root`. */
int pq_access_check(const pq_access *a, pq_cx *cx, const pq_client *c,
                    const pq_access_command *what) PQ_MUST_CHECK;
/* What the client may do with a namespace: PQ_RIGHT_ bits; all where nobody has to log in. */
unsigned pq_access_rights(const pq_access *a, const pq_client *c, const char *ns);
/* How far his commands reach beyond their namespace: for pq_handle_set_reach. */
unsigned pq_access_reach(const pq_access *a, const pq_client *c);
/* Who he is; NULL: nobody, a user who is no more, or one whose token has ended. Until the users are
 * replaced. */
const pq_user *pq_access_user(const pq_access *a, const pq_client *c);
/* Another number than before once he has lost a role: what was opened before is not his any more.
 */
uint64_t pq_access_since(const pq_access *a, const pq_client *c);
/* May nobody log in yet, and he make the first user? */
bool pq_access_is_first(const pq_access *a, const pq_client *c);

/* access_needs.c. Needs it neither login nor rights (hello, saslStart)? Does it only need a login?
 */
bool pq_access_is_open(const pq_access_command *what);
bool pq_access_permits(pq_cx *cx, const pq_user *who, const pq_access_command *what);
/* Is it a command of ours that only writes, so that it takes an actor? */
bool pq_access_is_write(pq_slice verb);
/* Does it end with $out or $merge? Then aggregate takes one, too. */
bool pq_access_pipeline_writes(pq_value pipeline);
/* Does a command of MongoDB's hold what nobody else may read: a password, a login? */
bool pq_access_is_secret(pq_slice verb);
/* Has the table a row for it? For the test that asks it of all. */
bool pq_access_is_known(pq_slice verb, bool is_native);

/* ---- who is he? ---- */

/* The keys of a user, or, *is_known false, those of nobody: the same ones every time. */
void pq_access_keys(const pq_access *a, pq_slice name, pq_scram_keys *out, bool *is_known);
/* He is: from now on it counts. PQ_EPERM: the user has gone meanwhile. */
int pq_access_enter(pq_access *a, pq_cx *cx, pq_client *c, pq_slice name) PQ_MUST_CHECK;
void pq_access_leave(pq_client *c); /* logout */
void pq_access_login_free(pq_login *login);

/* The header Authorization: "Basic …", "Bearer …"; empty: none, nobody. Sets client->user.
 * PQ_EPERM: it is not right. PQ_EUNSUPPORTED: of another kind. A user of Basic is one of "admin",
 * or written as "db.user". Checking a password the first time takes some milliseconds; PQ_EBUSY: it
 * is not looked at, as too many from that address were wrong. */
int pq_access_http(pq_access *a, pq_cx *cx, pq_client *c, pq_slice header) PQ_MUST_CHECK;

/* A login failed, or was right. How long, in milliseconds, the answer to this one should be held
 * back: longer from one failure of that address or for that user to the next, 2 seconds at most. */
uint32_t pq_access_note(pq_access *a, const pq_client *c, pq_slice name, bool is_right);

/* ---- changes ---- */

const pq_users *pq_access_users(const pq_access *a);
/* For reading them anew; of memory that lives as long as they will. */
int pq_access_new_users(pq_access *a, pq_users **out) PQ_MUST_CHECK;
/* What was read anew is what counts; `fresh` is taken. Older than what there is: dropped. */
void pq_access_replace(pq_access *a, pq_users *fresh);
/* The secret of salts for nobody, and whether it is stored. */
const uint8_t *pq_access_secret(const pq_access *a, bool *is_stored);

enum { PQ_BEARER_RANDOM_LEN = 32, PQ_BEARER_CAP = 64 };
/* "pqt_" and 43 characters of random bytes; what is stored of it. */
void pq_bearer_print(const uint8_t random[PQ_BEARER_RANDOM_LEN], char out[PQ_BEARER_CAP]);
void pq_bearer_hash(pq_slice token, uint8_t out[PQ_SCRAM_HASH_LEN]);

/* A UUID for a new user. */
void pq_user_new_id(pqdb *db, uint8_t out[PQ_USER_ID_LEN]);

/* Run one of the commands of users.h in _system, waiting for the store: outside of a server, or
 * before it serves. `into` NULL: its items are of no interest. *count: matchedCount, deletedCount
 * or insertedCount. Failures are in the handle's context. */
int pq_access_run(pqdb *db, pq_builder *b, pq_users *into, int64_t *count) PQ_MUST_CHECK;

#endif
