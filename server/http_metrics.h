/* server/http_metrics.h - what /metrics tells, in Prometheus' text format (version 0.0.4).
 *
 *     parquedb_commands_total{command="find",outcome="ok"} 17
 *     parquedb_command_seconds_bucket{command="find",le="0.001"} 12
 *
 * Labels come from fixed lists, so nobody can fill the memory with names.
 */
#ifndef PQ_SERVER_HTTP_METRICS_H
#define PQ_SERVER_HTTP_METRICS_H

#include "base/buf.h"
#include "server/metrics.h"
#include "server/server.h"
#include "value/variant.h"

enum {
  PQ_METRICS_COMMANDS = 64, /* more than there are */
  PQ_METRICS_OUTCOMES = 24  /* statuses */
};

/* Of commands over HTTP and RPC. Zeroed: none yet. It belongs to the network thread. */
typedef struct pq_http_metrics {
  uint64_t outcomes[PQ_METRICS_COMMANDS][PQ_METRICS_OUTCOMES];
  pq_metrics_row times[PQ_METRICS_COMMANDS];
  uint64_t sockets, feeds; /* that are open */
} pq_http_metrics;

/* A command has ended so, after so many microseconds; UINT64_MAX: it waited for changes. */
void pq_http_metrics_note(pq_http_metrics *m, pq_slice command, int rc, uint64_t us);
/* Append all. `stats` is the item of the command `stats` of a namespace, or missing. */
int pq_http_metrics_put(const pq_http_metrics *m, const pq_server *server, pq_value stats,
                        pq_buf *out) PQ_MUST_CHECK;

#endif
