/* test/bench/bench_documents_sqlite.c - SQLite's side of ./bench documents: a table of JSON text,
 * an index on an expression for every path that is asked for and that ParqueDB has a column of. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench_documents.h"
#include "bench_lite.h"

enum { GET = ASK_QUESTIONS, PUT, UPDATE, REMOVE, LINK, TRAVERSE, STATEMENTS };

static const char *const texts[STATEMENTS] = {
    "select doc from docs where json_extract(doc, '$.author.id') = ?1",
    "select doc from docs where json_extract(doc, '$.likes') >= ?1 and json_extract(doc, "
    "'$.likes') < ?2",
    "select doc from docs where json_extract(doc, '$.lang') = 'fr' order by json_extract(doc, "
    "'$.likes') desc limit 20",
    "select json_extract(doc, '$.lang'), count(*), sum(json_extract(doc, '$.likes')) from docs "
    "group by 1",
    "select json_extract(doc, '$.campaign.name'), count(*), sum(json_extract(doc, '$.likes')) from "
    "docs group by 1",
    "select count(*) from docs where json_extract(doc, '$.lang') = 'de'",
    "select count(*) from docs",
    "select min(json_extract(doc, '$.likes')), max(json_extract(doc, '$.likes')) from docs",
    "select doc from docs where json_extract(doc, '$.author.id') = 'nobody'",
    "select doc from docs where instr(json_extract(doc, '$.text'), 'harbour quiet river') > 0",
    "select doc from docs where id = ?1",
    "insert into docs values (json_extract(?1, '$.\"$id\"'), ?1)",
    "update docs set doc = json_set(doc, '$.likes', ?2) where id = ?1",
    "delete from docs where id = ?1",
    "insert into edges values (substr(json_extract(?1, '$.from'), 7), substr(json_extract(?1, "
    "'$.to'), 7))",
    "select doc from docs where id in (select distinct b.target from edges a join edges b on "
    "b.source = a.target where a.source = ?1)"};

typedef struct lite {
  sqlite3 *db;
  sqlite3_stmt *statements[STATEMENTS];
} lite;

static void check(const lite *l, int rc) {
  lite_check(l->db, rc);
}

static void *open_db(const char *folder) {
  lite *l = calloc(1, sizeof *l);
  char path[1024];
  if (l == NULL) bench_die("SQLite", "out of memory");
  snprintf(path, sizeof path, "%s/posts.sqlite", folder);
  l->db = lite_open(path);
  lite_tune(l->db);
  lite_run(l->db, "create table if not exists docs (id text primary key, doc text) without rowid");
  lite_run(l->db,
           "create table if not exists edges (source text, target text, primary key (source, "
           "target)) without rowid");
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

/* Step to the end; rows, every text touched, or with `is_number` the first one's number. */
static size_t step_all(lite *l, int which, bool is_number) {
  sqlite3_stmt *s = l->statements[which];
  size_t count = 0, len = 0;
  int rc;
  while ((rc = sqlite3_step(s)) == SQLITE_ROW) {
    len += sqlite3_column_text(s, 0) == NULL ? 0 : (size_t)sqlite3_column_bytes(s, 0);
    count = is_number ? (size_t)sqlite3_column_int64(s, 0) : count + 1;
  }
  check(l, rc);
  check(l, sqlite3_reset(s));
  if (len > SIZE_MAX / 2) bench_die("SQLite", "too much text");
  return count;
}

static void bind_text(lite *l, int which, int at, const char *text, size_t len) {
  check(l, sqlite3_bind_text(l->statements[which], at, text, (int)len, SQLITE_TRANSIENT));
}

static void put_lines(lite *l, int which, const char *lines, size_t len) {
  lite_run(l->db, "begin");
  for (size_t from = 0; from < len;) {
    const char *end = memchr(lines + from, '\n', len - from);
    size_t n = end == NULL ? len - from : (size_t)(end - lines) - from;
    check(l, sqlite3_bind_text(l->statements[which], 1, lines + from, (int)n, SQLITE_STATIC));
    (void)step_all(l, which, false);
    from += n + 1;
  }
  lite_run(l->db, "commit");
}

static void put(void *db, const char *lines, size_t len) {
  put_lines(db, PUT, lines, len);
}

static void finish(void *db) {
  lite_run(((lite *)db)->db, "pragma wal_checkpoint(truncate)");
}

static void make_index(void *db) {
  lite *l = db;
  lite_run(l->db,
           "create index if not exists by_author on docs (json_extract(doc, '$.author.id'))");
  lite_run(l->db, "create index if not exists by_likes on docs (json_extract(doc, '$.likes'))");
  lite_run(l->db,
           "create index if not exists by_lang on docs (json_extract(doc, '$.lang'), "
           "json_extract(doc, '$.likes'))");
  lite_run(l->db, "analyze");
  lite_prepare(l->db, texts, STATEMENTS, l->statements);
}

static size_t get(void *db, const char *id) {
  bind_text(db, GET, 1, id, strlen(id));
  return step_all(db, GET, false);
}

static size_t ask(void *db, bench_question which, unsigned number) {
  lite *l = db;
  char text[32];
  if (which == ASK_AUTHOR) {
    snprintf(text, sizeof text, "u%u", number);
    bind_text(l, which, 1, text, strlen(text));
  }
  if (which == ASK_RANGE) {
    check(l, sqlite3_bind_int64(l->statements[which], 1, number));
    check(l, sqlite3_bind_int64(l->statements[which], 2, number + number / 50 + 1));
  }
  return step_all(l, which, which == ASK_COUNT || which == ASK_COUNT_ALL);
}

static void create(void *db, const char *line, size_t len) {
  bind_text(db, PUT, 1, line, len);
  (void)step_all(db, PUT, false);
}

static void update(void *db, const char *id, unsigned likes) {
  lite *l = db;
  bind_text(l, UPDATE, 1, id, strlen(id));
  check(l, sqlite3_bind_int64(l->statements[UPDATE], 2, likes));
  (void)step_all(l, UPDATE, false);
}

static void remove_post(void *db, const char *id) {
  bind_text(db, REMOVE, 1, id, strlen(id));
  (void)step_all(db, REMOVE, false);
}

static void link_posts(void *db, const char *lines, size_t len) {
  put_lines(db, LINK, lines, len);
}

static size_t traverse(void *db, const char *id) {
  bind_text(db, TRAVERSE, 1, id, strlen(id));
  return step_all(db, TRAVERSE, false);
}

const bench_side bench_side_sqlite = {open_db, close_db, put,    finish,      make_index, get,
                                      ask,     create,   update, remove_post, link_posts, traverse};
