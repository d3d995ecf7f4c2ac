/* server/server.h - what all parts of a running server share, in both threads.
 *
 * `options` does not change. The counters are for whoever tells how the server is: each is written
 * by one thread and may be read by any.
 */
#ifndef PQ_SERVER_SERVER_H
#define PQ_SERVER_SERVER_H

#include <stdatomic.h>
#include <stdint.h>

#include "server/serve.h"

typedef struct pq_server_counters {
  _Atomic uint64_t connections, connections_made, connections_refused;
  _Atomic uint64_t bytes_in, bytes_out;
  _Atomic uint64_t requests, requests_out; /* submitted; of them not answered yet */
} pq_server_counters;

/* How often what clients are told of us has changed: never, while a process runs. */
enum { PQ_TOPOLOGY_COUNTER = 0 };

typedef struct pq_server {
  const pq_serve_options *options; /* borrowed */
  struct pq_access *access;        /* who may do what; the engine's thread's (access.h) */
  struct pq_log *log;              /* borrowed: log.h; any thread */
  struct pq_metrics *metrics;      /* borrowed: metrics.h; NULL: nothing is counted */
  uint8_t process_id[12];          /* random: of this start of the server */
  unsigned connections_max;        /* at a time */
  bool allows_remote;              /* everybody has to log in: other machines may connect */
  int64_t started_ms;              /* since 1970 */
  pq_server_counters counters;
} pq_server;

#endif
