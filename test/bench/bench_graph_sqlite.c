/* test/bench/bench_graph_sqlite.c - SQLite's side of ./bench graph: numbers as ids, a table of
 * edges that is its own index, and one the other way round. Of several ways to ask each question
 * the fastest stands here. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "bench_graph.h"
#include "bench_lite.h"

enum { PERSON, EDGE, REMOVE, HOPS_1, HOPS_2, HOPS_3, PATH, STATEMENTS };

static const char *const texts[STATEMENTS] = {
    [PERSON] = "insert into nodes values (?1, ?2, ?3, ?4)",
    [EDGE] = "insert into edges values (?1, ?2)",
    [REMOVE] = "delete from edges where src = ?1 and dst = ?2",
    [HOPS_1] = "select count(*) from edges where src = ?1",
    [HOPS_2] =
        "select count(distinct b.dst) from edges a cross join edges b on b.src = a.dst where a.src "
        "= ?1",
    [HOPS_3] =
        "select count(distinct c.dst) from edges a cross join edges b on b.src = a.dst cross join "
        "edges c on c.src = b.dst where a.src = ?1",
    [PATH] =
        "with recursive bfs (node, depth) as (values (?1, 0) union select e.dst, depth + 1 "
        "from bfs cross join edges e on e.src = node where depth < 64) "
        "select depth from bfs where node = ?2 limit 1"};

typedef struct lite {
  sqlite3 *db;
  sqlite3_stmt *statements[STATEMENTS];
  char path[1024];
} lite;

static void *open_db(const char *folder, bool is_reader) {
  lite *l = calloc(1, sizeof *l);
  if (l == NULL) graph_die("SQLite", "out of memory");
  snprintf(l->path, sizeof l->path, "%s/graph.sqlite", folder);
  l->db = lite_open(l->path);
  lite_run(l->db, "pragma temp_store = memory; pragma mmap_size = 1073741824");
  if (!is_reader) {
    lite_tune(l->db);
    lite_run(l->db,
             "create table if not exists nodes (id integer primary key, name text, city text, age "
             "integer);"
             "create table if not exists edges (src integer, dst integer, primary key (src, dst)) "
             "without rowid");
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

/* Run it to its end; the number in its first column. */
static uint64_t ask(lite *l, int which, uint32_t a, uint32_t b) {
  sqlite3_stmt *s = l->statements[which];
  uint64_t answer = 0;
  int rc;
  lite_check(l->db, sqlite3_bind_int64(s, 1, a));
  if (b > 0) lite_check(l->db, sqlite3_bind_int64(s, 2, b));
  while ((rc = sqlite3_step(s)) == SQLITE_ROW)
    answer = (uint64_t)sqlite3_column_int64(s, 0);
  lite_check(l->db, rc);
  lite_check(l->db, sqlite3_reset(s));
  return answer;
}

static int by_ends(const void *a, const void *b) {
  const graph_edge *x = a, *y = b;
  if (x->from != y->from) return x->from < y->from ? -1 : 1;
  return x->to < y->to ? -1 : x->to > y->to;
}

/* Sorted first, which is several times as fast as in any order. */
static void load_edges(lite *l, const graph_data *d) {
  size_t size = (size_t)d->edge_count * sizeof(graph_edge);
  graph_edge *sorted = malloc(size);
  if (sorted == NULL) graph_die("SQLite", "out of memory");
  memcpy(sorted, d->edges, size);
  qsort(sorted, d->edge_count, sizeof *sorted, by_ends);
  for (uint32_t i = 0; i < d->edge_count; i++)
    (void)ask(l, EDGE, sorted[i].from, sorted[i].to);
  free(sorted);
}

static double load(void *db, const graph_data *d) {
  lite *l = db;
  double start = graph_now();
  lite_run(l->db, "begin");
  for (uint32_t i = 1; i <= d->node_count; i++) {
    graph_person p = graph_person_of(i);
    sqlite3_stmt *s = l->statements[PERSON];
    lite_check(l->db, sqlite3_bind_text(s, 2, p.name, -1, SQLITE_TRANSIENT));
    lite_check(l->db, sqlite3_bind_text(s, 3, p.city, -1, SQLITE_STATIC));
    lite_check(l->db, sqlite3_bind_int64(s, 4, p.age));
    (void)ask(l, PERSON, i, 0);
  }
  load_edges(l, d);
  lite_run(l->db, "commit");
  lite_run(l->db, "create index edges_reverse on edges (dst, src)");
  lite_run(l->db, "analyze; pragma wal_checkpoint(truncate)");
  lite_prepare(l->db, texts, STATEMENTS, l->statements);
  return graph_now() - start;
}

static uint64_t hops(void *db, uint32_t from, unsigned count, uint64_t seq) {
  if (seq != 0) graph_die("SQLite", "there is no past");
  return ask(db, HOPS_1 + (int)count - 1, from, 0);
}

static uint64_t path(void *db, uint32_t from, uint32_t to) {
  return from == to ? 0 : ask(db, PATH, from, to);
}

/* The answer of one text. */
static uint64_t once(lite *l, const char *text) {
  sqlite3_stmt *s = NULL;
  uint64_t answer = 0;
  int rc;
  lite_check(l->db, sqlite3_prepare_v2(l->db, text, -1, &s, NULL));
  while ((rc = sqlite3_step(s)) == SQLITE_ROW)
    answer = (uint64_t)sqlite3_column_int64(s, 0);
  lite_check(l->db, rc);
  sqlite3_finalize(s);
  return answer;
}

/* Each pair from the less to the more linked node, numbered in that order: few ways to go wrong. */
static uint64_t triangles(void *db) {
  lite *l = db;
  lite_run(l->db,
           "drop table if exists temp.place; drop table if exists temp.pair;"
           "create temp table place (node integer primary key, at integer);"
           "insert into place select node, row_number() over (order by sum(n), node) from "
           "(select src node, count(*) n from edges group by src union all "
           "select dst, count(*) from edges group by dst) group by node;"
           "create temp table pair (a integer, b integer, primary key (a, b)) without rowid;"
           "insert or ignore into pair select min(x.at, y.at), max(x.at, y.at) from edges "
           "join place x on x.node = src join place y on y.node = dst order by 1, 2");
  return once(l,
              "select count(*) from pair p cross join pair q on q.a = p.a and q.b > p.b "
              "cross join pair r on r.a = p.b and r.b = q.b");
}

static uint64_t page_rank(void *db) {
  lite *l = db;
  lite_run(l->db,
           "drop table if exists temp.degree; drop table if exists temp.rank;"
           "create temp table degree (node integer primary key, n integer);"
           "insert into degree select src, count(*) from edges group by src;"
           "insert or ignore into degree select distinct dst, 0 from edges;"
           "create temp table rank (node integer primary key, value real, share real);"
           "insert into rank select node, 1.0 / (select count(*) from degree), case n when 0 then "
           "0 else 1.0 / n / (select count(*) from degree) end from degree");
  for (int i = 0; i < 20; i++)
    lite_run(l->db,
             "create temp table next (node integer primary key, value real, share real);"
             "insert into next select node, value, case n when 0 then 0 else value / n end from "
             "(select d.node node, d.n n, c.base + 0.85 * coalesce((select sum(r.share) from "
             "edges e cross join rank r on r.node = e.src where e.dst = d.node), 0) value "
             "from degree d cross join (select (0.15 + 0.85 * (select sum(value) from rank cross "
             "join degree on degree.node = rank.node where n = 0)) / (select count(*) from "
             "degree) base) c);"
             "drop table rank; alter table next rename to rank");
  return once(l, "select node from rank order by value desc, node limit 1");
}

static void change(void *db, const graph_data *d) {
  lite *l = db;
  for (uint32_t k = 0; k < GRAPH_CHANGES; k += 1000) {
    lite_run(l->db, "begin");
    for (uint32_t i = k; i < k + 1000; i++)
      (void)ask(l, EDGE, d->edges[d->edge_count + i].from, d->edges[d->edge_count + i].to);
    lite_run(l->db, "commit; begin");
    for (uint32_t i = k; i < k + 1000; i++)
      (void)ask(l, REMOVE, graph_old(d, i).from, graph_old(d, i).to);
    lite_run(l->db, "commit");
  }
}

static uint64_t seq(void *db) {
  (void)db;
  return 0;
}

static uint64_t bytes(void *db, graph_part part) {
  struct stat s;
  if (part != GRAPH_LIVE) return 0;
  if (stat(((lite *)db)->path, &s) != 0) graph_die("SQLite", "no file");
  return (uint64_t)s.st_size;
}

const graph_side graph_sqlite = {open_db,   close_db,  load,   hops, path,
                                 triangles, page_rank, change, seq,  bytes};
