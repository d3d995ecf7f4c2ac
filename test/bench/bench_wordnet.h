/* test/bench/bench_wordnet.h - one database under test, as a table of functions.
 *
 *     open ──► load batches ──► finish ──► get, find, count, traverse ──► close ──► open … cold
 *
 * Every answer is the JSON text of the documents, as a program would get it. A failure ends the
 * benchmark. The functions return how many documents they saw.
 */
#ifndef PQ_BENCH_WORDNET_H
#define PQ_BENCH_WORDNET_H

#include <stdbool.h>
#include <stddef.h>

typedef enum bench_query {
  QUERY_NAME,  /* name is "dog" */
  QUERY_RANGE, /* lexname is "noun.food", name from "p" on, the first 20 by name */
  QUERY_VERBS, /* how many have pos "v" */
  QUERY_COUNT
} bench_query;

typedef struct bench_db {
  const char *name;
  void *(*open)(const char *path);
  void (*close)(void *db);
  /* A batch of lines of JSON, durable on return. */
  void (*put_documents)(void *db, const char *lines, size_t len);
  void (*put_edges)(void *db, const char *lines, size_t len);
  void (*finish)(void *db); /* the last part of loading */
  size_t (*get)(void *db, const char *id);
  size_t (*query)(void *db, bench_query which);
  /* Two hops along hypernym, or against it. */
  size_t (*traverse)(void *db, const char *id, bool is_reverse);
} bench_db;

extern const bench_db bench_parquedb, bench_sqlite;
void bench_sqlite_index(void *db); /* indexes of the fields asked for */

_Noreturn void bench_die(const char *what, const char *why);

#endif
