/* test/bench/bench_history.h - what ./bench history asks of a database that keeps every version.
 *
 *     items/i0000000 … i0049999      created in order, then changed at random until there are a
 *     version 1 … about 20            million versions; instant k of 10 lies after k tenths of them
 *
 * SQLite's side keeps the documents in one table and every version, with its number in order, in
 * another, as an application would; indexed by (id, seq).
 */
#ifndef BENCH_HISTORY_H
#define BENCH_HISTORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bench_seeded.h"

enum { HISTORY_LINE_CAP = 1024, HISTORY_INSTANTS = 10 };

/* Version `version` of item `i` as a line of JSON without the line break, the first one with its
 * id; its length. */
size_t history_item(uint64_t i, uint64_t version, char out[HISTORY_LINE_CAP]);
/* The item that change number `n` is of. */
uint64_t history_pick(uint64_t n, uint64_t items);

/* A question as of `seq`, 0: now. `answer` must be the same on both sides. */
typedef enum history_question {
  HISTORY_GET,   /* item `number` */
  HISTORY_SCAN,  /* items whose rank is below a hundredth: their sum of ranks */
  HISTORY_GROUP, /* count and sum of ranks by lang: the count of all */
  HISTORY_QUESTIONS
} history_question;

typedef enum history_kind {
  HISTORY_TEXT,
  HISTORY_NUMBERS,
  HISTORY_TIMES,
  HISTORY_IDS,
  HISTORY_EDGES, /* among the documents of HISTORY_TEXT */
  HISTORY_KINDS
} history_kind;

/* Document or edge `i` of a kind as a line, without the line break; its length. */
size_t history_kind_line(history_kind kind, uint64_t i, uint64_t count, char out[HISTORY_LINE_CAP]);

typedef struct history_side {
  const char *name;
  void *(*open)(const char *folder, bool is_reader);
  void (*close)(void *db);
  /* Changes from..to (creations first), one commit, synced. */
  void (*change)(void *db, uint64_t from, uint64_t to, uint64_t items);
  void (*settle)(void *db);  /* what the database does in the background, now */
  void (*compact)(void *db); /* the same, seldom */
  uint64_t (*seq)(void *db);
  uint64_t (*ask)(void *db, history_question which, uint64_t number, uint64_t seq);
  uint64_t (*versions)(void *db, uint64_t item); /* its history: how many */
  /* Changes from..to, each a synced commit of its own, by so many callers at a time. */
  void (*callers)(void *db, uint64_t count, uint64_t from, uint64_t to, uint64_t items);
  /* Documents that are nearly all of one kind, and edges; the bytes of the input. NULL: no such
   * question. */
  uint64_t (*kind)(void *db, history_kind kind, uint64_t count);
  /* The bytes of the live files of a kind; of HISTORY_KINDS: of event files. NULL as above. */
  uint64_t (*live)(void *db, history_kind kind);
} history_side;

extern const history_side history_ours, history_sqlite;

_Noreturn void history_die(const char *what, const char *why);
double history_now(void);

#endif
