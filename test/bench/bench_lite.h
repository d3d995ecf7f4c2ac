/* test/bench/bench_lite.h - SQLite as all benchmarks open it: WAL, synced commits, prepared
 * statements; a failure ends the program. */
#ifndef PQ_BENCH_LITE_H
#define PQ_BENCH_LITE_H

#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>

static inline void lite_check(sqlite3 *db, int rc) {
  if (rc == SQLITE_OK || rc == SQLITE_ROW || rc == SQLITE_DONE) return;
  fprintf(stderr, "SQLite: %s\n", sqlite3_errmsg(db));
  exit(1);
}

static inline void lite_run(sqlite3 *db, const char *sql) {
  lite_check(db, sqlite3_exec(db, sql, NULL, NULL, NULL));
}

static inline sqlite3 *lite_open(const char *path) {
  sqlite3 *db = NULL;
  lite_check(db, sqlite3_open(path, &db));
  return db;
}

/* For who writes. */
static inline void lite_tune(sqlite3 *db) {
  lite_run(db, "pragma journal_mode = wal; pragma synchronous = full; pragma cache_size = -262144");
}

static inline void lite_prepare(sqlite3 *db, const char *const *texts, int count,
                                sqlite3_stmt **statements) {
  for (int i = 0; i < count; i++) {
    sqlite3_finalize(statements[i]); /* NULL the first time */
    statements[i] = NULL;
    lite_check(
        db, sqlite3_prepare_v3(db, texts[i], -1, SQLITE_PREPARE_PERSISTENT, &statements[i], NULL));
  }
}

#endif
