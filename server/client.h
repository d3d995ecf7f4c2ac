/* server/client.h - who is at the other end of a connection.
 *
 * Owned by the connection, lent to each of its requests as request->client. It stays until the last
 * of them has come back, also when the connection closes meanwhile.
 *
 * The network thread fills it before the first request and changes nothing later but is_leaving.
 * `user` and what follows it are written by the engine's thread while it has a request of this
 * client; a protocol that has several requests out at a time sets them before the first one alone.
 */
#ifndef PQ_SERVER_CLIENT_H
#define PQ_SERVER_CLIENT_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

enum {
  PQ_ACCESS_NAME_CAP = 256, /* "db.name" and its end */
  PQ_ACCESS_ID_LEN = 16,    /* a UUID */
  PQ_ADDRESS_CAP = 120      /* "[::1]:27017", "/run/parquedb/mongodb-27017.sock" */
};

struct pq_login;

typedef struct pq_client {
  uint64_t number;           /* of the connection, from 1 */
  char host[PQ_ADDRESS_CAP]; /* where it connected to, */
  char peer[PQ_ADDRESS_CAP]; /* and from */
  char app[129];             /* what it calls itself */
  bool is_tls, is_local;     /* local: over loopback or a socket of the file system */
  /* It has gone, or the server stops: what waits for its sake ends now. Any thread reads it. */
  atomic_bool is_leaving;
  atomic_bool has_gone; /* it will send nothing any more, and hardly reads */

  char user[PQ_ACCESS_NAME_CAP];              /* "db.name"; empty: nobody has logged in */
  uint8_t user_id[PQ_ACCESS_ID_LEN];          /* his: another user of that name has another */
  int64_t until_ms;                           /* when his token ends, since 1970; 0: never */
  struct pq_login *login;                     /* a conversation that is under way; owned, */
  void (*login_free)(struct pq_login *login); /* and freed by this */
} pq_client;

#endif
