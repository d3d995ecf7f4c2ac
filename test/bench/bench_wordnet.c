/* test/bench/bench_wordnet.c - WordNet in ParqueDB beside SQLite with JSON, in one run.
 *
 *     bench_wordnet FOLDER       loads into FOLDER, which must be empty, and prints a table of
 * rates
 *
 * Both get the same lines of JSON in the same batches, each batch synced before the next. SQLite is
 * asked twice: as it is, and with an index for every field that is asked for.
 */
#define _XOPEN_SOURCE 700
#include "bench_wordnet.h"

#include <ftw.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "parquedb/parquedb.h"
#include "wndb.h"
#include "wnjson.h"

enum { BATCH_LINES = 5000, IDS = 5000, HOPS = 2000, BATCHES_MAX = 256, ID_CAP = 32 };

void bench_die(const char *what, const char *why) {
  fprintf(stderr, "bench_wordnet: %s: %s\n", what, why);
  exit(1);
}

/* ---- ParqueDB ---- */

static void *ours_open(const char *path) {
  pqdb *db;
  if (pqdb_open(path, NULL, &db) != PQDB_OK) bench_die("ParqueDB", pqdb_message(db));
  return db;
}

static void ours_close(void *db) {
  pqdb_close(db);
}

/* Read all replies; the items, or with `number` the number of that name in the summary. */
static size_t replies(pqdb *db, int rc, pqdb_replies *r, const char *number) {
  const char *json = "", *at;
  size_t len, count = 0;
  if (rc == PQDB_OK)
    while ((rc = pqdb_next(r, &json, &len)) == PQDB_ROW)
      count += len > 0;
  if (rc != PQDB_DONE) bench_die("ParqueDB", pqdb_message(db));
  at = number == NULL ? NULL : strstr(json, number);
  if (at != NULL) count = (size_t)strtoull(at + strlen(number), NULL, 10);
  pqdb_replies_close(r);
  return count;
}

static size_t command(pqdb *db, const char *text, const char *lines, size_t len,
                      const char *number) {
  pqdb_replies *r = NULL;
  int rc = pqdb_run(db, NULL, text, strlen(text), lines, len, &r);
  return replies(db, rc, r, number);
}

static void ours_put_documents(void *db, const char *lines, size_t len) {
  command(db, "{\"insert\": \"synsets\"}", lines, len, NULL);
}

static void ours_put_edges(void *db, const char *lines, size_t len) {
  command(db, "{\"link\": []}", lines, len, NULL);
}

static void ours_finish(void *db) {
  if (pqdb_flush(db) != PQDB_OK) bench_die("ParqueDB", pqdb_message(db));
}

static size_t ours_get(void *db, const char *id) {
  pqdb_replies *r = NULL;
  int rc = pqdb_get(db, id, NULL, &r);
  return replies(db, rc, r, NULL);
}

static size_t ours_query(void *db, bench_query which) {
  static const char *const texts[QUERY_COUNT] = {
      "{\"find\": \"synsets\", \"filter\": {\"name\": \"dog\"}}",
      "{\"find\": \"synsets\", \"filter\": {\"lexname\": \"noun.food\", \"name\": {\"$gte\": "
      "\"p\"}}, "
      "\"sort\": {\"name\": 1}, \"limit\": 20}",
      "{\"count\": \"synsets\", \"filter\": {\"pos\": \"v\"}}"};
  return command(db, texts[which], NULL, 0, which == QUERY_VERBS ? "\"count\":" : NULL);
}

static size_t ours_traverse(void *db, const char *id, bool is_reverse) {
  char text[256];
  snprintf(text, sizeof text,
           "{\"traverse\": \"%s\", \"path\": [\"hypernym\", \"hypernym\"], \"direction\": \"%s\"}",
           id, is_reverse ? "reverse" : "forward");
  return command(db, text, NULL, 0, NULL);
}

const bench_db bench_parquedb = {"ParqueDB",         ours_open,      ours_close,
                                 ours_put_documents, ours_put_edges, ours_finish,
                                 ours_get,           ours_query,     ours_traverse};

/* ---- the data ---- */

typedef struct batches {
  wn_lines lines[BATCHES_MAX];
  size_t count, line_count;
} batches;

static batches documents, edges;
static char ids[IDS][ID_CAP], noun_ids[HOPS][ID_CAP];

static wn_lines *batch_of(batches *b) {
  if (b->count == 0 || b->lines[b->count - 1].line_count >= BATCH_LINES) b->count++;
  if (b->count > BATCHES_MAX) bench_die("WordNet", "more synsets than expected");
  return &b->lines[b->count - 1];
}

/* Keep ids spread over the whole, in no order. */
static void keep_id(const char *id, size_t nth) {
  snprintf(ids[nth * 2654435761u % IDS], ID_CAP, "synsets/%s", id);
  if (id[0] == 'n') snprintf(noun_ids[nth * 2654435761u % HOPS], ID_CAP, "synsets/%s", id);
}

static void read_wordnet(void) {
  static wn_dict dict;
  static wn_synset synset;
  int rc;
  if (!wn_open(&dict, "/usr/share/wordnet")) bench_die("WordNet", dict.message);
  while ((rc = wn_next(&dict, &synset)) > 0) {
    wn_sort_pointers(&synset);
    wn_put_synset(batch_of(&documents), &dict, &synset, false);
    edges.line_count += wn_put_edges(batch_of(&edges), &dict, &synset);
    keep_id(synset.id, documents.line_count++);
  }
  if (rc < 0) bench_die("WordNet", dict.message);
}

/* ---- measuring ---- */

enum {
  LOAD,
  SIZE,
  READ_ONE,
  FIND_NAME,
  FIND_RANGE,
  COUNT_VERBS,
  HOPS_FORWARD,
  HOPS_BACKWARD,
  COLD_GET,
  COLD_FIND,
  ROWS
};
static const char *const row_names[ROWS] = {"load, events/s",
                                            "on disk, MB",
                                            "get by id, 1/s",
                                            "find name = dog, 1/s",
                                            "find lexname, name >= p, sort, 1/s",
                                            "count pos = v, 1/s",
                                            "two hops forward, 1/s",
                                            "two hops backward, 1/s",
                                            "open and get, ms",
                                            "open and find name, ms"};
enum { QUERY_TIMES = 20 };

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static double disk_len; /* nftw() gives its callback no argument of ours */

static int add_file(const char *path, const struct stat *info, int kind, struct FTW *place) {
  (void)path;
  (void)place;
  if (kind == FTW_F) disk_len += (double)info->st_size;
  return 0;
}

static void load(const bench_db *d, void *db, const char *path, double out[ROWS]) {
  double start = now();
  for (size_t i = 0; i < documents.count; i++)
    d->put_documents(db, documents.lines[i].p, documents.lines[i].len);
  for (size_t i = 0; i < edges.count; i++)
    d->put_edges(db, edges.lines[i].p, edges.lines[i].len);
  d->finish(db);
  out[LOAD] = (double)(documents.line_count + edges.line_count) / (now() - start);
  disk_len = 0;
  nftw(path, add_file, 16, FTW_PHYS);
  out[SIZE] = disk_len / 1e6;
}

/* Returns a sum of what was seen, which both databases must agree on. */
static size_t ask(const bench_db *d, void *db, double out[ROWS]) {
  size_t seen = 0;
  double start = now();
  for (int i = 0; i < IDS; i++)
    seen += d->get(db, ids[i]);
  out[READ_ONE] = IDS / (now() - start);
  for (int q = 0; q < QUERY_COUNT; q++) {
    start = now();
    for (int i = 0; i < QUERY_TIMES; i++)
      seen += d->query(db, (bench_query)q);
    out[FIND_NAME + q] = QUERY_TIMES / (now() - start);
  }
  for (int reverse = 0; reverse < 2; reverse++) {
    start = now();
    for (int i = 0; i < HOPS; i++)
      seen += d->traverse(db, noun_ids[i], reverse != 0);
    out[HOPS_FORWARD + reverse] = HOPS / (now() - start);
  }
  return seen;
}

static void cold(const bench_db *d, const char *path, double out[ROWS]) {
  for (int row = COLD_GET; row <= COLD_FIND; row++) {
    double best = 0, took;
    for (int i = 0; i < 5; i++) {
      double start = now();
      void *db = d->open(path);
      if (row == COLD_GET)
        d->get(db, ids[i]);
      else
        d->query(db, QUERY_NAME);
      took = (now() - start) * 1e3;
      d->close(db);
      if (i == 0 || took < best) best = took;
    }
    out[row] = best;
  }
}

int main(int argc, char **argv) {
  char ours_path[1024], lite_path[1024];
  double table[3][ROWS] = {{0}};
  size_t seen[3];
  void *db;
  if (argc != 2) bench_die("usage", "bench_wordnet FOLDER");
  snprintf(ours_path, sizeof ours_path, "%s/warehouse", argv[1]);
  snprintf(lite_path, sizeof lite_path, "%s/wordnet.sqlite", argv[1]);
  read_wordnet();
  db = ours_open(ours_path);
  load(&bench_parquedb, db, ours_path, table[0]);
  seen[0] = ask(&bench_parquedb, db, table[0]);
  ours_close(db);
  cold(&bench_parquedb, ours_path, table[0]);
  db = bench_sqlite.open(lite_path);
  load(&bench_sqlite, db, lite_path, table[1]);
  seen[1] = ask(&bench_sqlite, db, table[1]);
  bench_sqlite.close(db);
  cold(&bench_sqlite, lite_path, table[1]);
  db = bench_sqlite.open(lite_path);
  bench_sqlite_index(db);
  bench_sqlite.finish(db);
  disk_len = 0;
  nftw(lite_path, add_file, 16, FTW_PHYS);
  table[2][SIZE] = disk_len / 1e6;
  seen[2] = ask(&bench_sqlite, db, table[2]);
  bench_sqlite.close(db);
  cold(&bench_sqlite, lite_path, table[2]);
  if (seen[0] != seen[1] || seen[1] != seen[2])
    bench_die("the answers differ", "ParqueDB and SQLite saw another number of documents");
  printf("WordNet: %zu documents, %zu edges; answers agree (%zu documents seen)\n\n",
         documents.line_count, edges.line_count, seen[0]);
  printf("%-36s %12s %12s %16s\n", "", "ParqueDB", "SQLite", "SQLite, indexes");
  for (int row = 0; row < ROWS; row++) {
    printf("%-36s %12.1f %12.1f ", row_names[row], table[0][row], table[1][row]);
    if (table[2][row] == 0)
      printf("%16s\n", "-");
    else
      printf("%16.1f\n", table[2][row]);
  }
  return 0;
}
