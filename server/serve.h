/* server/serve.h - a server over one warehouse, until a signal ends it.
 *
 *     pq_serve_options o = {.listen = {"127.0.0.1:27017"}, .ready = tell};
 *     rc = pq_serve(db, &o);          returns after SIGTERM or SIGINT
 *
 * On the signal it takes no more connections, answers the commands that have arrived, and ends; a
 * second signal drops what is under way. The caller closes the handle, which has what was
 * acknowledged; those signals are ignored from then on, as the process is about to end. SIGHUP
 * reads the files of TLS anew and opens the log's file again.
 */
#ifndef PQ_SERVER_SERVE_H
#define PQ_SERVER_SERVE_H

#include <stdbool.h>
#include <stdint.h>

#include "parquedb/parquedb.h"

enum { PQ_LISTEN_MAX = 8 };

/* As what MongoDB's clients see us. */
typedef enum pq_topology {
  PQ_TOPOLOGY_RS,        /* the primary of a replica set of one, "rs0" */
  PQ_TOPOLOGY_MONGOS,    /* a router: clients look for no other address */
  PQ_TOPOLOGY_STANDALONE /* a server of its own: no retryable writes, no transactions */
} pq_topology;

typedef enum pq_log_level {
  PQ_LOG_INFO, /* the default */
  PQ_LOG_DEBUG,
  PQ_LOG_WARN,
  PQ_LOG_ERROR
} pq_log_level;

/* Texts are borrowed until pq_serve returns. NULL, 0: the default. */
typedef struct pq_serve_options {
  /* Where MongoDB's clients connect to, and those of HTTP: "HOST:PORT", port 0: any that is free;
   * "unix:PATH". Other machines may connect only where users have to log in. Without `listen`:
   * 127.0.0.1:27017, or the sockets that systemd has opened; one named "http" is for HTTP. */
  const char *listen[PQ_LISTEN_MAX], *http[PQ_LISTEN_MAX];
  const char *http_origin; /* whose pages may ask: "https://a.example,http://b", "*"; else none */
  const char *advertise; /* HOST:PORT under which clients reach us; else where they connected to */
  pq_topology topology;
  /* PEM files: TLS on all addresses. With `tls_ca` clients have to have a certificate of it. */
  const char *tls_cert, *tls_key, *tls_ca;

  int must_login; /* also while there is no user; else from the first user on (access.h) */

  bool has_test_commands; /* configureFailPoint: whoever connects may order failures */

  unsigned connections;             /* at most so many: 1000 */
  unsigned connections_per_address; /* of them from one address of another machine: all */
  unsigned cursors;                 /* open at a time: 10000 */
  uint32_t request_len_max;         /* bytes of a message: 48000000 */
  uint32_t max_time_ms;             /* of a command that names no maxTimeMS itself: none */

  bool log_json; /* an object a line */
  pq_log_level log_level;
  const char *log_file; /* standard error */
  int32_t slow_ms;      /* commands that take longer are logged: 100; below 0: none is */

  /* It listens now, there: "mongodb://127.0.0.1:27017/". For each listener. */
  void (*ready)(void *ud, const char *address);
  void *ud;
} pq_serve_options;

/* PQDB_OK after a signal. PQDB_NOT_SUPPORTED, PQDB_VALIDATION_FAILED: an address that it may not or
 * cannot listen on, a file that is no certificate; the handle's message says why. The handle is
 * open for writing, and nobody else uses it meanwhile. */
int pq_serve(pqdb *db, const pq_serve_options *options);

#endif
