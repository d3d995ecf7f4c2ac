/* test/bench/bench_documents.h - what ./bench documents asks of a database.
 *
 *     bench_documents SIDE FOLDER      SIDE: ours, sqlite; a process that stays
 *       <-- JOB ARGUMENT…                a line of standard input
 *       --> ok SECONDS ANSWER            the answer must be the same on all sides
 *       --> times MICROSECONDS…          of a job `each`: one number per call, ascending
 *       --> error TEXT
 *
 * The posts: bench_documents_data.c. Ids go from p0000000 up; what a job adds gets ids beyond.
 */
#ifndef BENCH_DOCUMENTS_H
#define BENCH_DOCUMENTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bench_seeded.h"

enum { BENCH_LINE_CAP = 4096, BENCH_AUTHORS = 20000 };

/* Post `i` as a line of JSON without the line break; its length. */
size_t bench_post(uint64_t i, char out[BENCH_LINE_CAP]);

typedef enum bench_question {
  ASK_AUTHOR,    /* author.id = one of BENCH_AUTHORS */
  ASK_RANGE,     /* likes in a range of about 0.1 % */
  ASK_PAGE,      /* the 20 with most likes of a language */
  ASK_HOT,       /* count and sum of likes by lang */
  ASK_COLD,      /* count and sum of likes by campaign.name, which few posts have */
  ASK_COUNT,     /* how many of one language */
  ASK_COUNT_ALL, /* how many */
  ASK_EXTREMES,  /* smallest and largest likes */
  ASK_ABSENT,    /* author.id = nobody */
  ASK_SCAN,      /* text that holds two words side by side: no column has it */
  ASK_QUESTIONS
} bench_question;

typedef struct bench_side {
  void *(*open)(const char *folder);
  void (*close)(void *db);
  /* Lines, synced when it returns. */
  void (*put)(void *db, const char *lines, size_t len);
  void (*finish)(void *db);
  void (*index)(void *db); /* what the other side has without asking */
  size_t (*get)(void *db, const char *id);
  size_t (*ask)(void *db, bench_question which, unsigned number);
  void (*create)(void *db, const char *line, size_t len);
  void (*update)(void *db, const char *id, unsigned likes);
  void (*remove)(void *db, const char *id);
  void (*link)(void *db, const char *lines, size_t len);
  size_t (*traverse)(void *db, const char *id);
} bench_side;

extern const bench_side bench_side_ours, bench_side_sqlite;

_Noreturn void bench_die(const char *what, const char *why);

#endif
