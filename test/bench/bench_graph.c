/* test/bench/bench_graph.c - one side of ./bench graph as a process that stays: jobs in, times out.
 * bench_graph.h says what the data are, bench_graph.py which jobs there are.
 *
 *     bench_graph SIDE FOLDER NODES EDGES [read]      the same for bench_graph_peers.py
 *       <-- JOB ARGUMENT…       a line of standard input
 *       --> ok SECONDS ANSWER   the answer must be the same on all sides
 *       --> error TEXT
 *     bench_graph data FOLDER NODES EDGES             write the files that others load
 *
 *   load, change              bench_graph.h; the answer is the number of edges
 *   hops K COUNT SEED SEQ     ends of K hops from COUNT nodes, as of SEQ (0: now): the median of
 *                             the times, the sum of the counts
 *   path COUNT SEED           shortest paths of so many pairs: the same, with their lengths
 *   triangles, pagerank
 *   seq                       the number of the last change
 *   bytes PART                graph_part
 */
#define _XOPEN_SOURCE 700
#include "bench_graph.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { QUESTIONS_MAX = 10000 };

typedef struct bench {
  const graph_side *side;
  graph_data data;
  void *db;
} bench;

_Noreturn void graph_die(const char *what, const char *why) {
  printf("error %s: %s\n", what, why);
  exit(1);
}

double graph_now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static int by_time(const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;
  return x < y ? -1 : x > y;
}

/* The median of the times of `count` questions; their answers are summed. */
static double median(bench *b, unsigned hops, uint64_t count, uint64_t seed, uint64_t seq,
                     uint64_t *sum) {
  static double took[QUESTIONS_MAX];
  if (count == 0 || count > QUESTIONS_MAX) graph_die("questions", "too many, or none");
  for (uint64_t i = 0; i < count; i++) {
    uint32_t from = graph_pick(&b->data, seed, i), to = graph_pick(&b->data, seed + 1, i);
    double start = graph_now();
    *sum += hops > 0 ? b->side->hops(b->db, from, hops, seq) : b->side->path(b->db, from, to);
    took[i] = graph_now() - start;
  }
  qsort(took, (size_t)count, sizeof *took, by_time);
  return took[count / 2];
}

static void run(bench *b, const char *line) {
  unsigned long long a[4] = {0};
  char job[32] = "";
  uint64_t answer = 0;
  double start = graph_now(), took = -1;
  if (sscanf(line, "%31s %llu %llu %llu %llu", job, &a[0], &a[1], &a[2], &a[3]) < 1)
    graph_die(line, "no such line");
  if (strcmp(job, "load") == 0) {
    took = b->side->load(b->db, &b->data);
    answer = b->data.edge_count;
  } else if (strcmp(job, "change") == 0) {
    b->side->change(b->db, &b->data);
    answer = b->data.edge_count;
  } else if (strcmp(job, "hops") == 0 && a[0] >= 1 && a[0] <= 3) {
    took = median(b, (unsigned)a[0], a[1], a[2], a[3], &answer);
  } else if (strcmp(job, "path") == 0) {
    took = median(b, 0, a[0], a[1], 0, &answer);
  } else if (strcmp(job, "triangles") == 0) {
    answer = b->side->triangles(b->db);
  } else if (strcmp(job, "pagerank") == 0) {
    answer = b->side->page_rank(b->db);
  } else if (strcmp(job, "seq") == 0) {
    answer = b->side->seq(b->db);
  } else if (strcmp(job, "bytes") == 0 && a[0] < GRAPH_PARTS) {
    answer = b->side->bytes(b->db, (graph_part)a[0]);
  } else {
    graph_die(job, "no such job");
  }
  if (took < 0) took = graph_now() - start;
  printf("ok %.9f %llu\n", took, (unsigned long long)answer);
}

int main(int argc, char **argv) {
  static char line[1024];
  bench b = {0};
  double start;
  if (argc < 5) graph_die("usage", "bench_graph ours|sqlite|data FOLDER NODES EDGES [read]");
  graph_data_make(&b.data, (uint32_t)strtoul(argv[3], NULL, 10),
                  (uint32_t)strtoul(argv[4], NULL, 10));
  if (strcmp(argv[1], "data") == 0) {
    graph_data_write(&b.data, argv[2]);
    graph_data_release(&b.data);
    return 0;
  }
  b.side = strcmp(argv[1], "sqlite") == 0 ? &graph_sqlite : &graph_ours;
  setvbuf(stdout, NULL, _IOLBF, 0);
  start = graph_now();
  b.db = b.side->open(argv[2], argc > 5);
  printf("ok %.9f 0\n", graph_now() - start); /* opening */
  while (fgets(line, sizeof line, stdin) != NULL)
    run(&b, line);
  b.side->close(b.db);
  graph_data_release(&b.data);
  return 0;
}
