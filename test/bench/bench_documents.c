/* test/bench/bench_documents.c - one side of ./bench documents as a process that stays: jobs in,
 * times out. See bench_documents.h for the lines. */
#define _XOPEN_SOURCE 700
#include "bench_documents.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { BATCH = 5000, TIMES_MAX = 100000, BULK = 100 };

typedef struct bench {
  const bench_side *side;
  void *db;
  uint64_t count; /* posts imported */
  uint64_t next;  /* id of the next post that a job adds */
} bench;

_Noreturn void bench_die(const char *what, const char *why) {
  printf("error %s: %s\n", what, why);
  exit(1);
}

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

/* Lines of posts from..to; the caller frees. */
static char *lines_of(uint64_t from, uint64_t to, size_t *len) {
  char *p = malloc((size_t)(to - from) * 1024 + BENCH_LINE_CAP);
  *len = 0;
  if (p == NULL) bench_die("posts", "out of memory");
  for (uint64_t i = from; i < to; i++) {
    *len += bench_post(i, p + *len);
    p[(*len)++] = '\n';
  }
  return p;
}

/* Making the lines is no part of the time. */
static double import(bench *b, uint64_t count) {
  double took = 0, start;
  for (uint64_t from = 0; from < count; from += BATCH) {
    uint64_t to = from + BATCH < count ? from + BATCH : count;
    size_t len;
    char *lines = lines_of(from, to, &len);
    start = now();
    b->side->put(b->db, lines, len);
    took += now() - start;
    free(lines);
  }
  b->count = b->next = count;
  start = now();
  b->side->finish(b->db);
  return took + now() - start;
}

/* Replies between posts, for traverse. */
static double link_posts(bench *b, uint64_t count) {
  char *lines = malloc((size_t)count * 96 + 1);
  size_t len = 0;
  double start;
  if (lines == NULL) bench_die("edges", "out of memory");
  for (uint64_t i = 0; i < count; i++)
    len += (size_t)sprintf(lines + len,
                           "{\"from\":\"posts/p%07llu\",\"predicate\":\"reply\",\"to\":\"posts/"
                           "p%07llu\"}\n",
                           (unsigned long long)(i / 4), (unsigned long long)(i % b->count));
  start = now();
  b->side->link(b->db, lines, len);
  b->side->finish(b->db);
  free(lines);
  return now() - start;
}

static void id_of(uint64_t i, char out[32]) {
  snprintf(out, 32, "p%07llu", (unsigned long long)i);
}

static unsigned number_for(bench_question which, uint64_t seed, uint64_t i) {
  uint64_t r = bench_mix(seed, i);
  return which == ASK_AUTHOR ? (unsigned)(r % BENCH_AUTHORS) : (unsigned)(1000 + r % 60000);
}

/* One call of a job `each`. */
static size_t call(bench *b, const char *job, uint64_t seed, uint64_t i) {
  char id[32], line[BENCH_LINE_CAP], *lines;
  size_t len;
  id_of(bench_mix(seed, i) % b->count, id);
  if (strcmp(job, "get") == 0) return b->side->get(b->db, id);
  if (strcmp(job, "traverse") == 0) {
    id_of(bench_mix(seed, i) % 1000, id);
    return b->side->traverse(b->db, id);
  }
  if (strcmp(job, "create") == 0) {
    len = bench_post(b->next++, line);
    b->side->create(b->db, line, len);
    return 1;
  }
  if (strcmp(job, "update") == 0) {
    b->side->update(b->db, id, (unsigned)i);
    return 1;
  }
  if (strcmp(job, "delete") == 0) {
    if (b->next == b->count) bench_die("delete", "nothing was created");
    id_of(--b->next, id);
    b->side->remove(b->db, id);
    return 1;
  }
  if (strcmp(job, "bulk") == 0) {
    lines = lines_of(b->next, b->next + BULK, &len);
    b->side->put(b->db, lines, len);
    b->next += BULK;
    free(lines);
    return BULK;
  }
  for (int q = 0; q < ASK_QUESTIONS; q++) {
    static const char *const names[ASK_QUESTIONS] = {
        "author", "range", "page", "hot", "cold", "count", "all", "extremes", "absent", "scan"};
    if (strcmp(job, names[q]) == 0)
      return b->side->ask(b->db, (bench_question)q, number_for((bench_question)q, seed, i));
  }
  bench_die(job, "no such job");
}

static int compare_times(const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;
  return x < y ? -1 : x > y;
}

static void each(bench *b, const char *job, uint64_t times, uint64_t seed) {
  static double took[TIMES_MAX];
  for (uint64_t i = 0; i < times && i < TIMES_MAX; i++) {
    double start = now();
    (void)call(b, job, seed, i);
    took[i] = now() - start;
  }
  qsort(took, times, sizeof *took, compare_times);
  printf("times");
  for (uint64_t i = 0; i < times; i++)
    printf(" %.1f", took[i] * 1e6);
  printf("\n");
}

/* "write COUNT PATH": the posts as NDJSON, for a side that is no C. */
static size_t write_posts(const char *line, uint64_t count) {
  char path[512] = "", post[BENCH_LINE_CAP];
  FILE *f = sscanf(line, "%*s %*s %511s", path) == 1 ? fopen(path, "wb") : NULL;
  if (f == NULL) bench_die("write", path);
  for (uint64_t i = 0; i < count; i++)
    if (fprintf(f, "%.*s\n", (int)bench_post(i, post), post) < 0) bench_die("write", path);
  if (fclose(f) != 0) bench_die("write", path);
  return (size_t)count;
}

static void run(bench *b, char *line) {
  char job[32] = "", word[32] = "";
  unsigned long long a = 0, seed = 0;
  double took;
  size_t answer = 0;
  if (sscanf(line, "each %31s %llu %llu", word, &a, &seed) == 3 && a <= TIMES_MAX) {
    each(b, word, a, seed);
    return;
  }
  if (sscanf(line, "%31s %llu %llu", job, &a, &seed) < 1) bench_die(line, "no such line");
  took = now();
  if (strcmp(job, "import") == 0) {
    took = import(b, a);
    answer = b->count;
  } else if (strcmp(job, "write") == 0) {
    answer = write_posts(line, a);
  } else if (strcmp(job, "link") == 0) {
    took = link_posts(b, a);
    answer = a;
  } else if (strcmp(job, "index") == 0) {
    b->side->index(b->db);
    took = now() - took;
  } else if (strcmp(job, "finish") == 0) {
    b->side->finish(b->db);
    took = now() - took;
  } else {
    for (unsigned long long i = 0; i < a; i++)
      answer += call(b, job, seed, i);
    took = now() - took;
  }
  printf("ok %.9f %zu\n", took, answer);
}

int main(int argc, char **argv) {
  static char line[1024];
  bench b = {0};
  if (argc != 3) bench_die("usage", "bench_documents ours|sqlite FOLDER");
  b.side = strcmp(argv[1], "sqlite") == 0 ? &bench_side_sqlite : &bench_side_ours;
  b.db = b.side->open(argv[2]);
  setvbuf(stdout, NULL, _IOLBF, 0);
  while (fgets(line, sizeof line, stdin) != NULL)
    run(&b, line);
  b.side->close(b.db);
  return 0;
}
