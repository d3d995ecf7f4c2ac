/* test/bench/bench_history.c - one side of ./bench history as a process that stays: jobs in, times
 * out. bench_history.h says what the data are, bench_history.py which jobs there are.
 *
 *     bench_history SIDE FOLDER [read] [cpu]      cpu: SECONDS of processor time, all threads
 *       <-- JOB ARGUMENT…       a line of standard input
 *       --> ok SECONDS ANSWER   the answer must be the same on all sides
 *       --> error TEXT
 *
 *   change FROM TO ITEMS      those changes in commits of 1,000, the process's time of making them
 *                             left out
 *   single FROM TO ITEMS      the same in commits of one
 *   callers N FROM TO ITEMS   the same by N callers at a time
 *   kind K COUNT              documents of one kind (history_kind); the bytes of the input
 *   live K                    the bytes of its live files; K after the last kind: of the events
 *   settle, compact           what is done in the background
 *   seq                       the number of the last change
 *   get COUNT SEQ ITEMS SEED  that many of items at random, as of SEQ (0: now)
 *   scan SEQ, group SEQ
 *   history ITEM              all of its versions
 */
#define _XOPEN_SOURCE 700
#include "bench_history.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { BATCH = 1000, SETTLE = 10000 };

typedef struct bench {
  const history_side *side;
  void *db;
} bench;

_Noreturn void history_die(const char *what, const char *why) {
  printf("error %s: %s\n", what, why);
  exit(1);
}

static clockid_t the_clock = CLOCK_MONOTONIC;

double history_now(void) {
  struct timespec t;
  clock_gettime(the_clock, &t);
  return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static uint64_t change(bench *b, uint64_t from, uint64_t to, uint64_t items, uint64_t step) {
  for (uint64_t n = from; n < to; n += step) {
    b->side->change(b->db, n, n + step < to ? n + step : to, items);
    if (step > 1 && (n + step) % SETTLE == 0) b->side->settle(b->db);
    if (step > 1 && (n + step) % (SETTLE * 8) == 0) b->side->compact(b->db);
  }
  return to - from;
}

static uint64_t get(bench *b, uint64_t count, uint64_t seq, uint64_t items, uint64_t seed) {
  uint64_t found = 0;
  for (uint64_t i = 0; i < count; i++)
    found += b->side->ask(b->db, HISTORY_GET, bench_mix(seed, i) % items, seq);
  return found;
}

static void run(bench *b, const char *line) {
  unsigned long long a[4] = {0};
  char job[32] = "";
  double start = history_now();
  uint64_t answer = 0;
  if (sscanf(line, "%31s %llu %llu %llu %llu", job, &a[0], &a[1], &a[2], &a[3]) < 1)
    history_die(line, "no such line");
  if (strcmp(job, "change") == 0)
    answer = change(b, a[0], a[1], a[2], BATCH);
  else if (strcmp(job, "single") == 0)
    answer = change(b, a[0], a[1], a[2], 1);
  else if (strcmp(job, "callers") == 0)
    b->side->callers(b->db, a[0], a[1], a[2], a[3]);
  else if (strcmp(job, "kind") == 0 && b->side->kind != NULL && a[0] < HISTORY_KINDS)
    answer = b->side->kind(b->db, (history_kind)a[0], a[1]);
  else if (strcmp(job, "live") == 0 && b->side->live != NULL && a[0] <= HISTORY_KINDS)
    answer = b->side->live(b->db, (history_kind)a[0]);
  else if (strcmp(job, "compact") == 0)
    b->side->compact(b->db);
  else if (strcmp(job, "settle") == 0)
    b->side->settle(b->db);
  else if (strcmp(job, "seq") == 0)
    answer = b->side->seq(b->db);
  else if (strcmp(job, "get") == 0)
    answer = get(b, a[0], a[1], a[2], a[3]);
  else if (strcmp(job, "scan") == 0)
    answer = b->side->ask(b->db, HISTORY_SCAN, 0, a[0]);
  else if (strcmp(job, "group") == 0)
    answer = b->side->ask(b->db, HISTORY_GROUP, 0, a[0]);
  else if (strcmp(job, "history") == 0)
    answer = b->side->versions(b->db, a[0]);
  else
    history_die(job, "no such job");
  printf("ok %.9f %llu\n", history_now() - start, (unsigned long long)answer);
}

int main(int argc, char **argv) {
  static char line[1024];
  bool is_reader = false;
  bench b = {0};
  double start;
  if (argc < 3) history_die("usage", "bench_history ours|sqlite FOLDER [read] [cpu]");
  for (int i = 3; i < argc; i++) {
    is_reader |= strcmp(argv[i], "read") == 0;
    if (strcmp(argv[i], "cpu") == 0) the_clock = CLOCK_PROCESS_CPUTIME_ID;
  }
  start = history_now();
  b.side = strcmp(argv[1], "sqlite") == 0 ? &history_sqlite : &history_ours;
  b.db = b.side->open(argv[2], is_reader);
  setvbuf(stdout, NULL, _IOLBF, 0);
  printf("ok %.9f 0\n", history_now() - start); /* opening */
  while (fgets(line, sizeof line, stdin) != NULL)
    run(&b, line);
  b.side->close(b.db);
  return 0;
}
