/* server/http_metrics.c - see http_metrics.h. */
#include "server/http_metrics.h"

#include <stdio.h>
#include <sys/resource.h>
#include <time.h>

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

static const struct {
  uint64_t us;
  const char *le;
} bounds[PQ_METRICS_BUCKETS] = {
    {100, "0.0001"}, {250, "0.00025"}, {500, "0.0005"},     {1000, "0.001"}, {2500, "0.0025"},
    {5000, "0.005"}, {10000, "0.01"},  {25000, "0.025"},    {100000, "0.1"}, {250000, "0.25"},
    {1000000, "1"},  {10000000, "10"}, {UINT64_MAX, "+Inf"}};

void pq_http_metrics_note(pq_http_metrics *m, pq_slice command, int rc, uint64_t us) {
  size_t at = 0, bucket = 0;
  size_t outcome = rc < 0 ? (size_t)-rc : 0;
  while (at < COMMAND_COUNT - 1 && !pq_slice_is(command, commands[at]))
    at++;
  while (us > bounds[bucket].us)
    bucket++;
  m->outcomes[at][outcome < PQ_METRICS_OUTCOMES ? outcome : PQ_METRICS_OUTCOMES - 1]++;
  m->buckets[at][bucket]++;
  m->sum_us[at] += us;
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
                    "Commands over HTTP, by their outcome."));
  for (size_t i = 0; i < COMMAND_COUNT; i++)
    for (int k = 0; k < PQ_METRICS_OUTCOMES; k++)
      if (m->outcomes[i][k] > 0)
        PQ_TRY(pq_buf_printf(out, "parquedb_commands_total{command=\"%s\",outcome=\"%s\"} %llu\n",
                             commands[i], k == 0 ? "ok" : pq_status_name(-k),
                             (unsigned long long)m->outcomes[i][k]));
  return PQ_OK;
}

static int put_times(const pq_http_metrics *m, pq_buf *out) {
  static const char name[] = "parquedb_command_seconds";
  PQ_TRY(put_family(out, name, "histogram", "Time from a command to the end of its answer."));
  for (size_t i = 0; i < COMMAND_COUNT; i++) {
    uint64_t count = 0;
    for (int k = 0; k < PQ_METRICS_BUCKETS; k++)
      count += m->buckets[i][k];
    if (count == 0) continue;
    count = 0;
    for (int k = 0; k < PQ_METRICS_BUCKETS; k++) {
      count += m->buckets[i][k];
      PQ_TRY(pq_buf_printf(out, "%s_bucket{command=\"%s\",le=\"%s\"} %llu\n", name, commands[i],
                           bounds[k].le, (unsigned long long)count));
    }
    PQ_TRY(pq_buf_printf(out, "%s_sum{command=\"%s\"} %llu.%06u\n%s_count{command=\"%s\"} %llu\n",
                         name, commands[i], (unsigned long long)(m->sum_us[i] / 1000000),
                         (unsigned)(m->sum_us[i] % 1000000), name, commands[i],
                         (unsigned long long)count));
  }
  return PQ_OK;
}

static int put_answers(const pq_http_metrics *m, pq_buf *out) {
  PQ_TRY(put_family(out, "parquedb_http_answers_total", "counter", "Answers, by their status."));
  for (int i = 1; i < 6; i++)
    PQ_TRY(pq_buf_printf(out, "parquedb_http_answers_total{status=\"%dxx\"} %llu\n", i,
                         (unsigned long long)m->answers[i]));
  PQ_TRY(put_one(out, "parquedb_websockets", "gauge", "WebSockets that are open.", m->sockets));
  return put_one(out, "parquedb_feeds", "gauge", "Feeds of changes that are open.", m->feeds);
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
  PQ_TRY(put_answers(m, out));
  PQ_TRY(put_outcomes(m, out));
  PQ_TRY(put_times(m, out));
  return put_engine(stats, out);
}
