/* server/metrics.c - see metrics.h. */
#include "server/metrics.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "server/handshake.h"
#include "server/mongo_commands.h"

const uint64_t pq_metrics_bounds[PQ_METRICS_BUCKETS] = {
    100, 250, 500, 1000, 2500, 5000, 10000, 25000, 100000, 250000, 1000000, 10000000, UINT64_MAX};
const char *const pq_metrics_bound_names[PQ_METRICS_BUCKETS] = {
    "0.0001", "0.00025", "0.0005", "0.001", "0.0025", "0.005", "0.01",
    "0.025",  "0.1",     "0.25",   "1",     "10",     "+Inf"};

pq_metrics *pq_metrics_new(void) {
  return calloc(1, sizeof(pq_metrics));
}

void pq_metrics_free(pq_metrics *m) {
  free(m);
}

/* Those of the table, then those that need no engine, then the rest. */
static const char *name_at(uint32_t i, bool *is_last) {
  const char *help, *name = pq_mongo_command_at(i, &help);
  uint32_t count = 0;
  *is_last = false;
  if (name != NULL) return name;
  while (pq_mongo_command_at(count, &help) != NULL)
    count++;
  name = pq_handshake_name_at(i - count, &help);
  *is_last = name == NULL || i == PQ_METRICS_MONGO_MAX - 1;
  return *is_last ? "other" : name;
}

const char *pq_metrics_mongo_name(uint32_t i) {
  bool is_last = false;
  if (i > 0 && i < PQ_METRICS_MONGO_MAX) (void)name_at(i - 1, &is_last);
  return is_last || i >= PQ_METRICS_MONGO_MAX ? NULL : name_at(i, &is_last);
}

void pq_metrics_time(pq_metrics_row *row, uint64_t us) {
  uint32_t bucket = 0;
  while (us > pq_metrics_bounds[bucket])
    bucket++;
  row->buckets[bucket]++;
  row->sum_us += us;
}

static void note(pq_metrics_row *row, bool has_failed, uint64_t us) {
  row->total++;
  if (has_failed) row->failed++;
  if (us != UINT64_MAX) pq_metrics_time(row, us);
}

/* Clients write isMaster, ismaster, buildinfo. */
static bool is_named(pq_slice command, const char *name) {
  return strlen(name) == command.n && strncasecmp(name, (const char *)command.p, command.n) == 0;
}

void pq_metrics_mongo(pq_metrics *m, pq_slice command, bool has_failed, uint64_t us) {
  bool is_last = false;
  uint32_t i = 0;
  while (!is_named(command, name_at(i, &is_last)) && !is_last)
    i++;
  note(&m->mongo[i], has_failed, us);
}

void pq_metrics_route(pq_metrics *m, uint32_t route, int status, uint64_t us) {
  uint32_t last = PQ_METRICS_ROUTES_MAX - 1;
  int class = status / 100;
  if (class >= 1 && class <= 5) m->answers[class]++;
  note(&m->routes[route < last ? route : last], status >= 500, us);
}
