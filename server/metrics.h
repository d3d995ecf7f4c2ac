/* server/metrics.h - what is counted: commands and requests with their times, and how the engine
 * is. /metrics (http_metrics.h) and serverStatus (mongo_server.c) tell it.
 *
 *   network thread   pq_metrics_mongo, pq_metrics_route: a command or request is answered
 *   engine thread    metrics->engine.…: once in each pass
 *
 * Each number is written by one thread and read by any. Commands and routes come from fixed lists,
 * so nobody can fill the memory with names.
 */
#ifndef PQ_SERVER_METRICS_H
#define PQ_SERVER_METRICS_H

#include <stdatomic.h>

#include "base/base.h"

enum {
  PQ_METRICS_BUCKETS = 13,
  PQ_METRICS_MONGO_MAX = 128, /* MongoDB's commands, the last row for names that are none */
  PQ_METRICS_ROUTES_MAX = 32  /* rows of the table of routes, the last for what has none */
};

/* Of times, in microseconds; the last is without an end. As Prometheus wants them: "0.001". */
extern const uint64_t pq_metrics_bounds[PQ_METRICS_BUCKETS];
extern const char *const pq_metrics_bound_names[PQ_METRICS_BUCKETS];

typedef struct pq_metrics_row {
  _Atomic uint64_t total, failed;                       /* a status of 500 and above has failed */
  _Atomic uint64_t sum_us, buckets[PQ_METRICS_BUCKETS]; /* without those that waited for changes */
} pq_metrics_row;

typedef struct pq_metrics {
  pq_metrics_row mongo[PQ_METRICS_MONGO_MAX];   /* by pq_metrics_mongo_name */
  pq_metrics_row routes[PQ_METRICS_ROUTES_MAX]; /* by pq_http_route_at */
  _Atomic uint64_t answers[6];                  /* of HTTP, by the first digit of their status */
  _Atomic uint64_t rpc_calls;                   /* commands of RPC */
  struct pq_metrics_engine {
    _Atomic uint64_t passes, jobs, jobs_waiting;
    _Atomic uint64_t memory, memory_max, commands_starved;
    _Atomic uint64_t cursors, cursors_timed_out;
    _Atomic uint64_t sessions, txns_open, txns_started, txns_committed;
  } engine;
} pq_metrics;

/* NULL: out of memory. */
pq_metrics *pq_metrics_new(void);
void pq_metrics_free(pq_metrics *m); /* NULL is allowed */

/* The name of the i-th row of commands; NULL: there are no more. The last one is "other". */
const char *pq_metrics_mongo_name(uint32_t i);
/* A command of MongoDB's protocol is answered. us UINT64_MAX: it waited for changes. */
void pq_metrics_mongo(pq_metrics *m, pq_slice command, bool has_failed, uint64_t us);
/* A request of HTTP is answered. `route`: its row; any other number: it has none. */
void pq_metrics_route(pq_metrics *m, uint32_t route, int status, uint64_t us);
/* Into a row: how long it took. */
void pq_metrics_time(pq_metrics_row *row, uint64_t us);

#endif
