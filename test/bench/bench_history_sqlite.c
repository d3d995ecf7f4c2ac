/* test/bench/bench_history_sqlite.c - SQLite's side of ./bench history: a table of the documents
 * and one of all versions, which triggers could fill; here the same statements do. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench_history.h"
#include "bench_lite.h"

enum { PUT, KEEP, GET, SCAN, GROUP, GET_AT, SCAN_AT, GROUP_AT, VERSIONS, SEQ, STATEMENTS };

#define AS_OF \
  "(select doc from (select id, doc, max(seq) from versions where seq <= ?2 group by id)) "

static const char *const texts[STATEMENTS] = {
    [PUT] = "insert into items values (?1, ?2) on conflict (id) do update set doc = excluded.doc",
    [KEEP] = "insert into versions values (?1, ?2, ?3)",
    [GET] = "select doc from items where id = ?1",
    [SCAN] =
        "select sum(json_extract(doc, '$.rank')) from items where json_extract(doc, "
        "'$.rank') < 1000",
    [GROUP] =
        "select json_extract(doc, '$.lang'), count(*), sum(json_extract(doc, '$.rank')) "
        "from items group by 1",
    [GET_AT] = "select doc from versions where id = ?1 and seq <= ?2 order by seq desc limit 1",
    [SCAN_AT] = "select sum(json_extract(doc, '$.rank')) from " AS_OF
                "where json_extract(doc, '$.rank') < 1000",
    [GROUP_AT] =
        "select json_extract(doc, '$.lang'), count(*), sum(json_extract(doc, '$.rank')) "
        "from " AS_OF "group by 1",
    [VERSIONS] = "select seq, doc from versions where id = ?1 order by seq",
    [SEQ] = "select max(seq) from versions"};

typedef struct lite {
  sqlite3 *db;
  sqlite3_stmt *statements[STATEMENTS];
} lite;

static void check(const lite *l, int rc) {
  lite_check(l->db, rc);
}

static void *open_db(const char *folder, bool is_reader) {
  lite *l = calloc(1, sizeof *l);
  char path[1024];
  if (l == NULL) history_die("SQLite", "out of memory");
  snprintf(path, sizeof path, "%s/history.sqlite", folder);
  l->db = lite_open(path);
  if (!is_reader) {
    lite_tune(l->db);
    lite_run(l->db,
             "create table if not exists items (id text primary key, doc text) without rowid");
    lite_run(l->db,
             "create table if not exists versions (id text, seq integer, doc text, "
             "primary key (id, seq)) without rowid");
  }
  lite_prepare(l->db, texts, STATEMENTS, l->statements);
  return l;
}

static void close_db(void *db) {
  lite *l = db;
  for (int i = 0; i < STATEMENTS; i++)
    sqlite3_finalize(l->statements[i]);
  sqlite3_close(l->db);
  free(l);
}

static void step(lite *l, int which) {
  check(l, sqlite3_step(l->statements[which]));
  check(l, sqlite3_reset(l->statements[which]));
}

static void change(void *db, uint64_t from, uint64_t to, uint64_t items) {
  lite *l = db;
  lite_run(l->db, "begin");
  for (uint64_t n = from; n < to; n++) {
    uint64_t i = n < items ? n : history_pick(n, items);
    char line[HISTORY_LINE_CAP], id[32];
    size_t len = history_item(i, n < items ? 1 : n, line);
    int id_len = snprintf(id, sizeof id, "i%07llu", (unsigned long long)i);
    sqlite3_stmt *put = l->statements[PUT], *keep = l->statements[KEEP];
    check(l, sqlite3_bind_text(put, 1, id, id_len, SQLITE_STATIC));
    check(l, sqlite3_bind_text(put, 2, line, (int)len, SQLITE_STATIC));
    step(l, PUT);
    check(l, sqlite3_bind_text(keep, 1, id, id_len, SQLITE_STATIC));
    check(l, sqlite3_bind_int64(keep, 2, (sqlite3_int64)n + 1));
    check(l, sqlite3_bind_text(keep, 3, line, (int)len, SQLITE_STATIC));
    step(l, KEEP);
  }
  lite_run(l->db, "commit");
}

static void settle(void *db) {
  lite_run(((lite *)db)->db, "pragma wal_checkpoint(truncate)");
}

static void compact(void *db) {
  (void)db;
}

/* All rows; the sum of column `column`, or with -1 their number. */
static uint64_t step_all(lite *l, int which, int column) {
  sqlite3_stmt *s = l->statements[which];
  uint64_t sum = 0;
  size_t touched = 0;
  int rc;
  while ((rc = sqlite3_step(s)) == SQLITE_ROW) {
    if (column < 0 && sqlite3_column_text(s, 0) != NULL)
      touched += (size_t)sqlite3_column_bytes(s, 0);
    sum += column < 0 ? 1 : (uint64_t)sqlite3_column_int64(s, column);
  }
  check(l, rc);
  check(l, sqlite3_reset(s));
  if (touched > SIZE_MAX / 2) history_die("SQLite", "too much text");
  return sum;
}

/* One connection: its callers come one after the other, each with a commit of its own. */
static void callers(void *db, uint64_t count, uint64_t from, uint64_t to, uint64_t items) {
  (void)count;
  for (uint64_t n = from; n < to; n++)
    change(db, n, n + 1, items);
}

static uint64_t seq(void *db) {
  return step_all(db, SEQ, 0);
}

static uint64_t ask(void *db, history_question which, uint64_t number, uint64_t at) {
  static const int columns[HISTORY_QUESTIONS] = {-1, 0, 1};
  lite *l = db;
  int statement = (at > 0 ? GET_AT : GET) + (int)which;
  char id[32];
  int id_len = snprintf(id, sizeof id, "i%07llu", (unsigned long long)number);
  if (which == HISTORY_GET)
    check(l, sqlite3_bind_text(l->statements[statement], 1, id, id_len, SQLITE_TRANSIENT));
  if (at > 0) check(l, sqlite3_bind_int64(l->statements[statement], 2, (sqlite3_int64)at));
  return step_all(l, statement, columns[which]);
}

static uint64_t versions(void *db, uint64_t item) {
  lite *l = db;
  char id[32];
  int id_len = snprintf(id, sizeof id, "i%07llu", (unsigned long long)item);
  check(l, sqlite3_bind_text(l->statements[VERSIONS], 1, id, id_len, SQLITE_TRANSIENT));
  return step_all(l, VERSIONS, -1);
}

const history_side history_sqlite = {"SQLite", open_db, close_db, change,  settle, compact,
                                     seq,      ask,     versions, callers, NULL,   NULL};
