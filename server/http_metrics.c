/* server/http_metrics.c - see http_metrics.h. */
#include "server/http_metrics.h"

#include <stdio.h>
#include <sys/resource.h>
#include <time.h>

#include "server/http_route.h"

/* The last one stands for all others. */
static const char *const commands[] = {"abort",
                                       "aggregate",
                                       "appendEvent",
                                       "backup",
                                       "begin",
                                       "bulkWrite",
                                       "checkpoint",
                                       "collections",
                                       "commit",
                                       "communities",
                                       "compact",
                                       "components",
                                       "connected",
                                       "count",
                                       "degree",
                                       "delete",
                                       "deleteMany",
                                       "deleteOne",
                                       "diff",
                                       "distinct",
                                       "estimatedCount",
                                       "events",
                                       "exists",
                                       "files",
                                       "find",
                                       "findOne",
                                       "findOneAndDelete",
                                       "findOneAndReplace",
                                       "findOneAndUpdate",
                                       "flush",
                                       "get",
                                       "getAtVersion",
                                       "history",
                                       "insert",
                                       "kCore",
                                       "link",
                                       "maintain",
                                       "match",
                                       "neighbourhood",
                                       "pageRank",
                                       "path",
                                       "reconstruct",
                                       "refs",
                                       "related",
                                       "replace",
                                       "replaceOne",
                                       "replay",
                                       "restore",
                                       "retention",
                                       "revert",
                                       "schema",
                                       "stats",
                                       "subgraph",
                                       "traverse",
                                       "triangles",
                                       "unlink",
                                       "update",
                                       "updateMany",
                                       "updateOne",
                                       "upsert",
                                       "upsertMany",
                                       "vacuum",
                                       "verify",
                                       "other"};
enum { COMMAND_COUNT = sizeof commands / sizeof *commands };
_Static_assert((int)COMMAND_COUNT <= (int)PQ_METRICS_COMMANDS, "a row each");

void pq_http_metrics_note(pq_http_metrics *m, pq_slice command, int rc, uint64_t us) {
  size_t at = 0;
  size_t outcome = rc < 0 ? (size_t)-rc : 0;
  while (at < COMMAND_COUNT - 1 && !pq_slice_is(command, commands[at]))
    at++;
  m->outcomes[at][outcome < PQ_METRICS_OUTCOMES ? outcome : PQ_METRICS_OUTCOMES - 1]++;
  m->times[at].total++;
  if (us != UINT64_MAX) pq_metrics_time(&m->times[at], us);
}

/* ---- text ---- */

static int put_family(pq_buf *out, const char *name, const char *type, const char *help) {
  return pq_buf_printf(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

static int put_one(pq_buf *out, const char *name, const char *type, const char *help, uint64_t v) {
  PQ_TRY(put_family(out, name, type, help));
  return pq_buf_printf(out, "%s %llu\n", name, (unsigned long long)v);
}

static int put_outcomes(const pq_http_metrics *m, pq_buf *out) {
  PQ_TRY(put_family(out, "parquedb_commands_total", "counter",
                    "Commands of ours over HTTP and RPC, by their outcome."));
  for (size_t i = 0; i < COMMAND_COUNT; i++)
    for (int k = 0; k < PQ_METRICS_OUTCOMES; k++)
      if (m->outcomes[i][k] > 0)
        PQ_TRY(pq_buf_printf(out, "parquedb_commands_total{command=\"%s\",outcome=\"%s\"} %llu\n",
                             commands[i], k == 0 ? "ok" : pq_status_name(-k),
                             (unsigned long long)m->outcomes[i][k]));
  return PQ_OK;
}

/* The histogram of a row: its lines, once it has a time. */
static int put_histogram(pq_buf *out, const char *name, const char *label, const char *value,
                         const pq_metrics_row *row) {
  uint64_t count = 0, sum = row->sum_us;
  for (int k = 0; k < PQ_METRICS_BUCKETS; k++)
    count += row->buckets[k];
  if (count == 0) return PQ_OK;
  count = 0;
  for (int k = 0; k < PQ_METRICS_BUCKETS; k++) {
    count += row->buckets[k];
    PQ_TRY(pq_buf_printf(out, "%s_bucket{%s=\"%s\",le=\"%s\"} %llu\n", name, label, value,
                         pq_metrics_bound_names[k], (unsigned long long)count));
  }
  return pq_buf_printf(out, "%s_sum{%s=\"%s\"} %llu.%06u\n%s_count{%s=\"%s\"} %llu\n", name, label,
                       value, (unsigned long long)(sum / 1000000), (unsigned)(sum % 1000000), name,
                       label, value, (unsigned long long)count);
}

static int put_times(const pq_http_metrics *m, pq_buf *out) {
  static const char name[] = "parquedb_command_seconds";
  PQ_TRY(put_family(out, name, "histogram", "Time from a command to the end of its answer."));
  for (size_t i = 0; i < COMMAND_COUNT; i++)
    PQ_TRY(put_histogram(out, name, "command", commands[i], &m->times[i]));
  return PQ_OK;
}

/* ---- MongoDB's commands, routes ---- */

static const char *route_name(uint32_t i) {
  const pq_http_route *r = pq_http_route_at(i);
  return r != NULL ? r->name : i == PQ_METRICS_ROUTES_MAX - 1 ? "none" : NULL;
}

/* Totals and histograms of rows, each with a label. */
static int put_rows(pq_buf *out, const char *what, const char *label, const char *help,
                    const pq_metrics_row *rows, uint32_t count, const char *(*name_of)(uint32_t)) {
  char name[80];
  (void)snprintf(name, sizeof name, "parquedb_%ss_total", what);
  PQ_TRY(put_family(out, name, "counter", help));
  for (uint32_t i = 0; i < count; i++) {
    unsigned long long total = rows[i].total, failed = rows[i].failed;
    if (name_of(i) == NULL || total == 0) continue;
    PQ_TRY(pq_buf_printf(out, "%s{%s=\"%s\",outcome=\"ok\"} %llu\n", name, label, name_of(i),
                         total > failed ? total - failed : 0));
    PQ_TRY(pq_buf_printf(out, "%s{%s=\"%s\",outcome=\"failed\"} %llu\n", name, label, name_of(i),
                         failed));
  }
  (void)snprintf(name, sizeof name, "parquedb_%s_seconds", what);
  PQ_TRY(put_family(out, name, "histogram", "How long they took, less those that waited."));
  for (uint32_t i = 0; i < count; i++)
    if (name_of(i) != NULL) PQ_TRY(put_histogram(out, name, label, name_of(i), &rows[i]));
  return PQ_OK;
}

static int put_answers(const pq_http_metrics *m, const pq_metrics *all, pq_buf *out) {
  PQ_TRY(put_family(out, "parquedb_http_answers_total", "counter", "Answers, by their status."));
  for (int i = 1; i < 6; i++)
    PQ_TRY(pq_buf_printf(out, "parquedb_http_answers_total{status=\"%dxx\"} %llu\n", i,
                         (unsigned long long)all->answers[i]));
  PQ_TRY(put_rows(out, "http_request", "route", "Requests of HTTP; 500 and above has failed.",
                  all->routes, PQ_METRICS_ROUTES_MAX, route_name));
  PQ_TRY(put_rows(out, "mongodb_command", "command", "Commands of MongoDB's protocol.", all->mongo,
                  PQ_METRICS_MONGO_MAX, pq_metrics_mongo_name));
  PQ_TRY(put_one(out, "parquedb_websockets", "gauge", "WebSockets that are open.", m->sockets));
  return put_one(out, "parquedb_feeds", "gauge", "Feeds of changes that are open.", m->feeds);
}

static int put_pass(const struct pq_metrics_engine *e, pq_buf *out) {
  uint64_t started = e->txns_started, ended = e->txns_committed, open = e->txns_open;
  PQ_TRY(put_one(out, "parquedb_engine_passes_total", "counter",
                 "Passes of the engine's thread, in each a step of every command.", e->passes));
  PQ_TRY(put_one(out, "parquedb_engine_jobs", "gauge", "Commands that the engine has.", e->jobs));
  PQ_TRY(put_one(out, "parquedb_engine_jobs_waiting", "gauge",
                 "Of these, those that wait for changes or the time.", e->jobs_waiting));
  PQ_TRY(put_one(out, "parquedb_engine_starved", "gauge",
                 "1: a command waits for memory that others have.", e->commands_starved));
  PQ_TRY(
      put_one(out, "parquedb_memory_bytes", "gauge", "Memory that the engine holds.", e->memory));
  PQ_TRY(put_one(out, "parquedb_memory_limit_bytes", "gauge", "And may hold (--memory).",
                 e->memory_max));
  PQ_TRY(put_one(out, "parquedb_cursors", "gauge", "Cursors of MongoDB's clients that are open.",
                 e->cursors));
  PQ_TRY(put_one(out, "parquedb_cursors_timed_out_total", "counter",
                 "Cursors that nobody asked for too long.", e->cursors_timed_out));
  PQ_TRY(put_one(out, "parquedb_sessions", "gauge", "Sessions with a transaction or a write.",
                 e->sessions));
  PQ_TRY(put_one(out, "parquedb_transactions_open", "gauge", "Transactions that are open.", open));
  PQ_TRY(put_family(out, "parquedb_transactions_total", "counter", "Transactions of sessions."));
  return pq_buf_printf(out,
                       "parquedb_transactions_total{state=\"started\"} %llu\n"
                       "parquedb_transactions_total{state=\"committed\"} %llu\n"
                       "parquedb_transactions_total{state=\"aborted\"} %llu\n",
                       (unsigned long long)started, (unsigned long long)ended,
                       (unsigned long long)(started > ended + open ? started - ended - open : 0));
}

static int put_server(const pq_server *s, pq_buf *out) {
  struct rusage usage;
  PQ_TRY(put_one(out, "parquedb_connections", "gauge", "Connections that are open.",
                 s->counters.connections));
  PQ_TRY(put_one(out, "parquedb_connections_total", "counter", "Connections that were made.",
                 s->counters.connections_made));
  PQ_TRY(put_one(out, "parquedb_connections_refused_total", "counter",
                 "Connections that were refused.", s->counters.connections_refused));
  PQ_TRY(
      put_one(out, "parquedb_bytes_in_total", "counter", "Bytes received.", s->counters.bytes_in));
  PQ_TRY(put_one(out, "parquedb_bytes_out_total", "counter", "Bytes sent.", s->counters.bytes_out));
  PQ_TRY(put_one(out, "parquedb_requests_total", "counter",
                 "Requests of all protocols for the engine.", s->counters.requests));
  PQ_TRY(put_one(out, "parquedb_requests_waiting", "gauge", "Of these, not answered yet.",
                 s->counters.requests_out));
  PQ_TRY(put_one(out, "parquedb_start_time_seconds", "gauge", "When the server started.",
                 (uint64_t)s->started_ms / 1000));
  if (getrusage(RUSAGE_SELF, &usage) != 0) return PQ_OK;
  return put_one(out, "parquedb_memory_max_bytes", "gauge",
                 "The most memory that the process has had.", (uint64_t)usage.ru_maxrss * 1024);
}

/* A number of `stats`, if it is there. */
static int put_stat(pq_value v, const char *field, const char *name, const char *type,
                    const char *help, pq_buf *out) {
  int64_t number;
  if (!pq_value_i64(pq_object_get_str(v, field), &number) || number < 0) return PQ_OK;
  return put_one(out, name, type, help, (uint64_t)number);
}

static int put_engine(pq_value stats, pq_buf *out) {
  pq_value tail = pq_object_get_str(stats, "tail"), rows = pq_object_get_str(stats, "rows");
  pq_value bytes = pq_object_get_str(stats, "bytes"), work = pq_object_get_str(stats, "work");
  PQ_TRY(put_stat(stats, "seq", "parquedb_seq", "counter", "The last event of namespace default.",
                  out));
  PQ_TRY(put_stat(stats, "flushedSeq", "parquedb_flushed_seq", "counter",
                  "The last event that is in files.", out));
  PQ_TRY(
      put_stat(tail, "events", "parquedb_tail_events", "gauge", "Events not in files yet.", out));
  PQ_TRY(put_stat(tail, "bytes", "parquedb_tail_bytes", "gauge", "Their bytes in memory.", out));
  PQ_TRY(put_stat(tail, "ageSeconds", "parquedb_tail_age_seconds", "gauge",
                  "The age of the oldest.", out));
  PQ_TRY(put_stat(rows, "live", "parquedb_rows_live", "gauge", "Live rows of files.", out));
  PQ_TRY(put_stat(rows, "dead", "parquedb_rows_dead", "gauge", "Dead rows of files.", out));
  PQ_TRY(put_stat(bytes, "data", "parquedb_data_bytes", "gauge", "Bytes of entity files.", out));
  PQ_TRY(put_stat(work, "flushes", "parquedb_flushes_total", "counter", "Flushes.", out));
  PQ_TRY(
      put_stat(work, "compactions", "parquedb_compactions_total", "counter", "Compactions.", out));
  return put_stat(work, "failures", "parquedb_work_failures_total", "counter",
                  "Works on files that failed.", out);
}

int pq_http_metrics_put(const pq_http_metrics *m, const pq_server *server, pq_value stats,
                        pq_buf *out) {
  PQ_TRY(put_server(server, out));
  if (server->metrics != NULL) {
    PQ_TRY(put_pass(&server->metrics->engine, out));
    PQ_TRY(put_answers(m, server->metrics, out));
  }
  PQ_TRY(put_outcomes(m, out));
  PQ_TRY(put_times(m, out));
  return put_engine(stats, out);
}
