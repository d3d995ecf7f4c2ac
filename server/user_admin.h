/* server/user_admin.h - users of a warehouse that no server has open: what `parquedb user` does.
 *
 *     pq_user_admin_who alice = {.db = "admin", .user = "alice"};
 *     const char *roles[] = {"readWrite@shop", "root"};
 *     rc = pq_user_admin_add(db, &alice, password, roles, 2);
 *
 * A role is "name@database"; without "@" it belongs to the user's own database, and those of all
 * databases to "admin". "admin" is another word for dbOwner. Whoever may write the warehouse's
 * files may do all this: it asks for no login. Failures are in the handle's message.
 */
#ifndef PQ_SERVER_USER_ADMIN_H
#define PQ_SERVER_USER_ADMIN_H

#include "parquedb/parquedb.h"

typedef struct pq_user_admin_who {
  const char *db, *user;
} pq_user_admin_who;

/* PQDB_ALREADY_EXISTS, PQDB_VALIDATION_FAILED: a role or password that cannot be. */
int pq_user_admin_add(pqdb *db, const pq_user_admin_who *who, const char *password,
                      const char *const *roles, unsigned role_count);
/* Of those that follow: PQDB_ENTITY_NOT_FOUND when there is no such user. */
int pq_user_admin_remove(pqdb *db, const pq_user_admin_who *who);
int pq_user_admin_password(pqdb *db, const pq_user_admin_who *who, const char *password);
int pq_user_admin_grant(pqdb *db, const pq_user_admin_who *who, const char *const *roles,
                        unsigned role_count, int is_revoke);
enum { PQ_USER_ADMIN_TOKEN_CAP = 64 };
/* A new token for HTTP, shown this once; days 0: for ever. */
int pq_user_admin_token(pqdb *db, const pq_user_admin_who *who, const char *label, unsigned days,
                        char out[PQ_USER_ADMIN_TOKEN_CAP]);
int pq_user_admin_drop_tokens(pqdb *db, const pq_user_admin_who *who);
/* A line of JSON for each: {"db", "user", "roles": ["readWrite@shop"], "tokens": 1}. */
int pq_user_admin_list(pqdb *db, void (*show)(void *ud, const char *json, size_t len), void *ud);

#endif
