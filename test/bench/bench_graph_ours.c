/* test/bench/bench_graph_ours.c - ParqueDB's side of ./bench graph: commands as a user would send
 * them. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench_graph.h"
#include "parquedb/parquedb.h"

enum { BATCH = 50000, LINE_CAP = 160 }; /* as many lines as `parquedb import` sends at a time */

static void *open_db(const char *folder, bool is_reader) {
  pqdb_options options = {.size = sizeof options};
  char path[1024];
  pqdb *db;
  options.mode = is_reader ? PQDB_READ : PQDB_CREATE;
  options.memory = UINT64_C(1) << 30; /* the others take as much as they like */
  snprintf(path, sizeof path, "%s/warehouse", folder);
  if (pqdb_open(path, &options, &db) != PQDB_OK) graph_die("ParqueDB", pqdb_message(db));
  return db;
}

static void close_db(void *db) {
  pqdb_close(db);
}

/* The number behind `name` in the summary, summed with those in items; 0 when it is NULL. */
static uint64_t run(pqdb *db, const char *text, size_t len, const char *payload, size_t payload_len,
                    const char *name) {
  pqdb_replies *r = NULL;
  const char *json = "", *at;
  uint64_t sum = 0;
  size_t n;
  int rc = pqdb_run(db, NULL, text, len, payload, payload_len, &r);
  if (rc == PQDB_OK)
    while ((rc = pqdb_next(r, &json, &n)) == PQDB_ROW)
      if (name != NULL && (at = strstr(json, name)) != NULL)
        sum += strtoull(at + strlen(name), NULL, 10);
  if (rc != PQDB_DONE) graph_die(text, pqdb_message(db));
  if (name != NULL && (at = strstr(json, name)) != NULL)
    sum += strtoull(at + strlen(name), NULL, 10);
  pqdb_replies_close(r);
  return sum;
}

static size_t person_line(uint32_t node, char *out) {
  graph_person p = graph_person_of(node);
  return (size_t)snprintf(out, LINE_CAP,
                          "{\"$id\": \"%u\", \"name\": \"%s\", \"city\": \"%s\", \"age\": %u}\n",
                          node, p.name, p.city, p.age);
}

static size_t edge_line(graph_edge e, char *out) {
  return (size_t)snprintf(
      out, LINE_CAP, "{\"from\": \"people/%u\", \"predicate\": \"knows\", \"to\": \"people/%u\"}\n",
      e.from, e.to);
}

static double load(void *db, const graph_data *d) {
  static const char *const commands[2] = {"{\"insert\": \"people\"}", "{\"link\": []}"};
  const uint32_t counts[2] = {d->node_count, d->edge_count};
  char *lines = malloc((size_t)BATCH * LINE_CAP);
  double took = 0, start;
  if (lines == NULL) graph_die("lines", "out of memory");
  for (int what = 0; what < 2; what++)
    for (uint32_t i = 0; i < counts[what];) {
      size_t len = 0;
      for (uint32_t k = 0; k < BATCH && i < counts[what]; k++, i++)
        len += what == 0 ? person_line(i + 1, lines + len) : edge_line(d->edges[i], lines + len);
      start = graph_now();
      (void)run(db, commands[what], strlen(commands[what]), lines, len, NULL);
      took += graph_now() - start;
    }
  free(lines);
  start = graph_now();
  if (pqdb_flush(db) != PQDB_OK || pqdb_maintain(db, 0) != PQDB_OK)
    graph_die("flush", pqdb_message(db));
  (void)run(db, "{\"compact\": \"\"}", 15, NULL, 0, NULL);
  return took + (graph_now() - start);
}

static uint64_t hops(void *db, uint32_t from, unsigned count, uint64_t seq) {
  static const char *const steps[4] = {"", "\"knows\"", "\"knows\", \"knows\"",
                                       "\"knows\", \"knows\", \"knows\""};
  char text[256], as_of[64] = "";
  int len;
  if (seq > 0) snprintf(as_of, sizeof as_of, ", \"asOf\": \"seq:%llu\"", (unsigned long long)seq);
  len = snprintf(text, sizeof text,
                 "{\"traverse\": \"people/%u\", \"path\": [%s], \"return\": \"count\"%s}", from,
                 steps[count], as_of);
  return run(db, text, (size_t)len, NULL, 0, "\"n\":");
}

/* The number behind `name` in the summary alone, or 0. */
static uint64_t summary_of(pqdb *db, const char *text, size_t len, const char *name) {
  pqdb_replies *r = NULL;
  const char *json = "", *at;
  uint64_t found = 0;
  int rc;
  if (pqdb_run(db, NULL, text, len, NULL, 0, &r) != PQDB_OK) graph_die(text, pqdb_message(db));
  while ((rc = pqdb_next(r, &json, NULL)) == PQDB_ROW) {
  }
  if (rc != PQDB_DONE) graph_die(text, pqdb_message(db));
  if ((at = strstr(json, name)) != NULL) found = strtoull(at + strlen(name), NULL, 10);
  pqdb_replies_close(r);
  return found;
}

static uint64_t path(void *db, uint32_t from, uint32_t to) {
  char text[160];
  int len = snprintf(text, sizeof text,
                     "{\"path\": {\"from\": \"people/%u\", \"to\": \"people/%u\"}}", from, to);
  return summary_of(db, text, (size_t)len, "\"length\":");
}

static uint64_t triangles(void *db) {
  static const char text[] = "{\"triangles\": \"people\", \"limit\": 1}";
  return summary_of(db, text, sizeof text - 1, "\"triangles\":");
}

static uint64_t page_rank(void *db) {
  static const char text[] =
      "{\"pageRank\": \"people\", \"iterations\": 20, \"tolerance\": 0, \"limit\": 1}";
  return run(db, text, sizeof text - 1, NULL, 0, "\"people/");
}

/* A thousand edges as an array of a command. */
static void change_edges(pqdb *db, const char *command, const graph_data *d, uint32_t first) {
  enum { COUNT = 1000 };
  static char text[COUNT * LINE_CAP + 64];
  size_t len = (size_t)snprintf(text, sizeof text, "{\"%s\": [", command);
  for (uint32_t i = first; i < first + COUNT; i++) {
    graph_edge e = command[0] == 'l' ? d->edges[d->edge_count + i] : graph_old(d, i);
    len += edge_line(e, text + len);
    text[len - 1] = i + 1 < first + COUNT ? ',' : ' ';
  }
  len += (size_t)snprintf(text + len, sizeof text - len, "]}");
  if (run(db, text, len, NULL, 0, command[0] == 'l' ? "\"linkedCount\":" : "\"unlinkedCount\":") !=
      COUNT)
    graph_die(command, "some edges were not changed");
}

static void change(void *db, const graph_data *d) {
  for (uint32_t k = 0; k < GRAPH_CHANGES; k += 1000) {
    change_edges(db, "link", d, k);
    change_edges(db, "unlink", d, k);
  }
}

static uint64_t seq(void *db) {
  return summary_of(db, "{\"stats\": 1}", 12, "\"seq\":");
}

static uint64_t bytes_of(pqdb *db, const char *kind) {
  char text[96];
  int len = snprintf(text, sizeof text, "{\"files\": \"%s\", \"kind\": \"%s\"}",
                     strcmp(kind, "data") == 0 ? "people" : "", kind);
  return run(db, text, (size_t)len, NULL, 0, "\"bytes\":");
}

static uint64_t bytes(void *db, graph_part part) {
  if (part == GRAPH_HISTORY) return bytes_of(db, "events");
  if (part == GRAPH_INDEX) return bytes_of(db, "adjacency");
  return bytes_of(db, "data") + bytes_of(db, "edges") + bytes_of(db, "edges-reverse");
}

const graph_side graph_ours = {open_db,   close_db,  load,   hops, path,
                               triangles, page_rank, change, seq,  bytes};
