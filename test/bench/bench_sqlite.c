/* test/bench/bench_sqlite.c - SQLite with its JSON functions: documents as text, edges as rows that
 * are indexed both ways, WAL, synced commits.
 */
#include "bench_wordnet.h"

#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { GET, FORWARD, BACKWARD, FIRST_QUERY, STATEMENTS = FIRST_QUERY + QUERY_COUNT };

static const char *const texts[STATEMENTS] = {
    "select doc from docs where id = ?1",
    "select doc from docs where id in (select distinct b.target from edges a join edges b on "
    "b.source = a.target and b.predicate = 'hypernym' where a.source = ?1 and "
    "a.predicate = 'hypernym')",
    "select doc from docs where id in (select distinct b.source from edges a join edges b on "
    "b.target = a.source and b.predicate = 'hypernym' where a.target = ?1 and "
    "a.predicate = 'hypernym')",
    "select doc from docs where json_extract(doc, '$.name') = 'dog'",
    "select doc from docs where json_extract(doc, '$.lexname') = 'noun.food' and "
    "json_extract(doc, '$.name') >= 'p' order by json_extract(doc, '$.name') limit 20",
    "select count(*) from docs where json_extract(doc, '$.pos') = 'v'"};

typedef struct lite {
  sqlite3 *db;
  sqlite3_stmt *statements[STATEMENTS], *put_document, *put_edge;
} lite;

static void check(lite *l, int rc) {
  if (rc != SQLITE_OK && rc != SQLITE_ROW && rc != SQLITE_DONE)
    bench_die("SQLite", sqlite3_errmsg(l->db));
}

static void run(lite *l, const char *sql) {
  check(l, sqlite3_exec(l->db, sql, NULL, NULL, NULL));
}

static sqlite3_stmt *prepare(lite *l, const char *sql) {
  sqlite3_stmt *s = NULL;
  check(l, sqlite3_prepare_v3(l->db, sql, -1, SQLITE_PREPARE_PERSISTENT, &s, NULL));
  return s;
}

static void prepare_all(lite *l) {
  for (int i = 0; i < STATEMENTS; i++) {
    sqlite3_finalize(l->statements[i]);
    l->statements[i] = prepare(l, texts[i]);
  }
}

static void *lite_open(const char *path) {
  lite *l = calloc(1, sizeof *l);
  if (l == NULL) bench_die("SQLite", "out of memory");
  check(l, sqlite3_open(path, &l->db));
  run(l, "pragma journal_mode = wal; pragma synchronous = full; pragma cache_size = -262144");
  run(l, "create table if not exists docs (id text primary key, doc text) without rowid");
  run(l,
      "create table if not exists edges (source text, predicate text, target text, data text, "
      "primary key (source, predicate, target)) without rowid");
  run(l, "create index if not exists backward on edges (target, predicate, source)");
  l->put_document =
      prepare(l, "insert into docs values ('synsets/' || json_extract(?1, '$.\"$id\"'), ?1)");
  l->put_edge = prepare(l,
                        "insert into edges values (json_extract(?1, '$.from'), "
                        "json_extract(?1, '$.predicate'), json_extract(?1, '$.to'), "
                        "json_extract(?1, '$.data'))");
  prepare_all(l);
  return l;
}

static void lite_close(void *db) {
  lite *l = db;
  for (int i = 0; i < STATEMENTS; i++)
    sqlite3_finalize(l->statements[i]);
  sqlite3_finalize(l->put_document);
  sqlite3_finalize(l->put_edge);
  sqlite3_close(l->db);
  free(l);
}

static void put_lines(lite *l, sqlite3_stmt *s, const char *lines, size_t len) {
  run(l, "begin");
  for (size_t from = 0; from < len;) {
    const char *end = memchr(lines + from, '\n', len - from);
    size_t n = end == NULL ? len - from : (size_t)(end - lines) - from;
    check(l, sqlite3_bind_text(s, 1, lines + from, (int)n, SQLITE_STATIC));
    check(l, sqlite3_step(s));
    check(l, sqlite3_reset(s));
    from += n + 1;
  }
  run(l, "commit");
}

static void lite_put_documents(void *db, const char *lines, size_t len) {
  put_lines(db, ((lite *)db)->put_document, lines, len);
}

static void lite_put_edges(void *db, const char *lines, size_t len) {
  put_lines(db, ((lite *)db)->put_edge, lines, len);
}

static void lite_finish(void *db) {
  run(db, "pragma wal_checkpoint(truncate)");
}

void bench_sqlite_index(void *db) {
  run(db, "create index by_name on docs (json_extract(doc, '$.name'))");
  run(db, "create index by_lexname on docs (json_extract(doc, '$.lexname'))");
  run(db, "create index by_pos on docs (json_extract(doc, '$.pos'))");
  prepare_all(db);
}

/* Step through; every text is touched. A count is its number. */
static size_t rows(lite *l, int which, const char *id) {
  sqlite3_stmt *s = l->statements[which];
  size_t count = 0, len = 0;
  int rc;
  if (id != NULL) check(l, sqlite3_bind_text(s, 1, id, -1, SQLITE_STATIC));
  while ((rc = sqlite3_step(s)) == SQLITE_ROW) {
    if (which == FIRST_QUERY + QUERY_VERBS)
      count += (size_t)sqlite3_column_int64(s, 0);
    else
      count += sqlite3_column_text(s, 0) != NULL;
    len += (size_t)sqlite3_column_bytes(s, 0);
  }
  check(l, rc);
  check(l, sqlite3_reset(s));
  return len == 0 ? 0 : count;
}

static size_t lite_get(void *db, const char *id) {
  return rows(db, GET, id);
}

static size_t lite_query(void *db, bench_query which) {
  return rows(db, FIRST_QUERY + (int)which, NULL);
}

static size_t lite_traverse(void *db, const char *id, bool is_reverse) {
  return rows(db, is_reverse ? BACKWARD : FORWARD, id);
}

const bench_db bench_sqlite = {"SQLite",           lite_open,      lite_close,
                               lite_put_documents, lite_put_edges, lite_finish,
                               lite_get,           lite_query,     lite_traverse};
