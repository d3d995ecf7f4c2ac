/* server/serve.h - a server over one warehouse, until a signal ends it.
 *
 *     pq_serve_options o = {.host = "127.0.0.1", .port = 27017, .ready = tell, .log = tell_also};
 *     rc = pq_serve(db, &o);          returns after SIGTERM or SIGINT
 *
 * On the signal it takes no more connections, answers the commands that have arrived, and ends; a
 * second signal drops what is under way. The caller closes the handle, which has what was
 * acknowledged.
 */
#ifndef PQ_SERVER_SERVE_H
#define PQ_SERVER_SERVE_H

#include "parquedb/parquedb.h"

typedef struct pq_serve_options {
  const char *host;     /* a loopback address, as nobody has to log in yet; others are refused */
  unsigned port;        /* 0: any that is free */
  unsigned connections; /* at most so many; 0: 1000 */
  int must_login;       /* also while there is no user; else from the first user on (access.h) */
  /* It listens now, there: "mongodb://127.0.0.1:27017/". For each listener. */
  void (*ready)(void *ud, const char *address);
  /* Something that whoever runs it may want to know: a line. NULL: nobody does. */
  void (*log)(void *ud, const char *line);
  void *ud;
} pq_serve_options;

/* PQDB_OK after a signal. PQDB_NOT_SUPPORTED, PQDB_VALIDATION_FAILED: an address that it may not or
 * cannot listen on; the handle's message says why. The handle is open for writing, and nobody else
 * uses it meanwhile. */
int pq_serve(pqdb *db, const pq_serve_options *options);

#endif
