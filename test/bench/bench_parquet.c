/* test/bench/bench_parquet.c - ParqueDB's side of ./bench parquet: jobs in, times out.
 *
 *     bench_parquet THREADS
 *       ◄── REPEAT JOB ARGUMENT…            a line of standard input
 *       ──► ok SECONDS CPU-SECONDS ANSWER   of one of the repetitions, on average
 *
 * The peers' programs (bench_parquet_peers.py) speak the same protocol, so that the time of a job
 * never holds the start of a program, and rounds of all readers can be interleaved.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "bench_parquet.h"

enum { LINE_CAP = 1 << 16, ARGUMENTS_MAX = 8 };

_Noreturn void bench_die(const char *what, const char *why) {
  printf("error %s: %s\n", what, why);
  exit(1);
}

void *bench_alloc(size_t count, size_t size) {
  void *p = calloc(count, size);
  if (p == NULL) bench_die("bench_parquet", "out of memory");
  return p;
}

static double seconds(clockid_t clock) {
  struct timespec t;
  clock_gettime(clock, &t);
  return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static pqdb_parquet *kept_open; /* by the job "open", for "get_open" */

static double job_open(char **arg) {
  pqdb_parquet_close(kept_open);
  kept_open = bench_open(arg[0]);
  return 0;
}

static double job_load(char **arg) {
  bench_load(arg[0], arg[1], arg[2]);
  return 0;
}

static double job_keys(char **arg) {
  bench_keys(arg[0], arg[1], arg[2]);
  return 0;
}

static double job_drop(char **arg) {
  (void)arg;
  bench_drop();
  return 0;
}

static unsigned threads;

static double job_scan(char **arg) {
  return bench_scan(arg[0], arg[1], threads, false);
}
static double job_scan_codes(char **arg) {
  return bench_scan(arg[0], arg[1], threads, true);
}
static double job_range(char **arg) {
  return bench_range(arg[0], arg[1], arg[2], arg[3]);
}
static double job_get(char **arg) {
  return bench_get(arg[0], NULL, arg[1], arg[2]);
}
static double job_get_open(char **arg) {
  return bench_get(arg[0], kept_open, arg[1], arg[2]);
}
static double job_sum(char **arg) {
  return bench_sum(arg[0], arg[1]);
}
static double job_check(char **arg) {
  return bench_check(arg[0]);
}
static double job_write(char **arg) {
  return bench_write(arg[0], PQDB_LAYOUT_ANALYTIC, arg[1]);
}
static double job_write_operational(char **arg) {
  return bench_write(arg[0], PQDB_LAYOUT_OPERATIONAL, arg[1]);
}
static double job_copy(char **arg) {
  return bench_copy(arg[0], arg[1], arg[2]);
}
static double job_wide(char **arg) {
  return bench_write_wide(arg[0], arg[1], arg[2]);
}
static double job_floor(char **arg) {
  return bench_floor(arg[0]);
}

static const struct {
  const char *name;
  int argument_count;
  double (*run)(char **arg);
} jobs[] = {
    {"scan", 2, job_scan}, /* FILE COLUMNS */
    {"scan_codes", 2, job_scan_codes},
    {"range", 4, job_range},       /* FILE COLUMN LO HI */
    {"get", 3, job_get},           /* FILE COLUMN KEYS */
    {"open", 1, job_open},         /* FILE */
    {"get_open", 3, job_get_open}, /* FILE COLUMN KEYS: without opening it */
    {"sum", 2, job_sum},           /* FILE COLUMN */
    {"check", 1, job_check},       /* FILE */
    {"load", 3, job_load},         /* TABLE ROWS ROWS-OF-A-GROUP */
    {"write", 2, job_write},       /* CODEC FILE: what was loaded */
    {"write_operational", 2, job_write_operational},
    {"drop", 0, job_drop},
    {"keys", 3, job_keys},   /* TABLE ROWS COUNT: before its answer prints "keys a,b,c" */
    {"copy", 3, job_copy},   /* FILE CODEC FILE */
    {"wide", 3, job_wide},   /* COLUMNS ROW-GROUPS FILE */
    {"floor", 1, job_floor}, /* FILE */
};

static void run_line(char *line) {
  char *word[ARGUMENTS_MAX] = {0};
  int count = 0;
  for (char *at = line + strspn(line, " \n"); *at != 0 && count < ARGUMENTS_MAX;) {
    word[count++] = at;
    at += strcspn(at, " \n");
    if (*at != 0) *at++ = 0;
    at += strspn(at, " \n");
  }
  for (size_t i = 0; i < sizeof jobs / sizeof *jobs; i++) {
    if (count < 2 || strcmp(jobs[i].name, word[1]) != 0) continue;
    if (count != jobs[i].argument_count + 2) bench_die(word[1], "wrong number of arguments");
    double repeat = (double)strtoul(word[0], NULL, 10), answer = 0;
    double start = seconds(CLOCK_MONOTONIC), start_cpu = seconds(CLOCK_PROCESS_CPUTIME_ID);
    for (double n = 0; n < repeat; n++)
      answer = jobs[i].run(word + 2);
    double cpu = seconds(CLOCK_PROCESS_CPUTIME_ID) - start_cpu;
    double real = seconds(CLOCK_MONOTONIC) - start;
    printf("ok %.9f %.9f %.0f\n", real / repeat, cpu / repeat, answer);
    fflush(stdout);
    return;
  }
  bench_die("no such job", count < 2 ? "" : word[1]);
}

int main(int argc, char **argv) {
  static char line[LINE_CAP];
  if (argc != 2) bench_die("usage", "bench_parquet THREADS");
  threads = (unsigned)strtoul(argv[1], NULL, 10);
  while (fgets(line, sizeof line, stdin) != NULL)
    run_line(line);
  return 0;
}
