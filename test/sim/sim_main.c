/* test/sim/sim_main.c - the simulator's program.
 *
 *     sim                        the kept seeds (test/sim/seeds.txt), then seeds 1 … 40
 *     sim seeds FIRST COUNT      these seeds
 *     sim trace SEED [TICKS [OFF]]   one seed, everything that happens
 *     sim shrink SEED            the fewest ticks and faults with which it still fails: OFF
 *     sim time SECONDS SEED      seeds from SEED on, for so long
 *     sim crashes COUNT SEED     seeds from SEED on, until so many crashes
 *     sim hunt FIRST COUNT       the same until one fails; each seed is printed before it runs
 *     sim kept [FILE]            the kept seeds
 *
 * The last line is `N passed, N failed`; a seed is a test.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "sim_world.h"

static const char kept_path[] = "test/sim/seeds.txt";

typedef struct sim_total {
  uint64_t passed, failed, crashes, commands, events, unclear, bulks, trace;
} sim_total;

static void run_seed(uint64_t seed, const sim_options *options, sim_total *total) {
  sim_result r;
  sim_run(seed, options, &r);
  *(r.is_right ? &total->passed : &total->failed) += 1;
  total->crashes += r.crashes;
  total->commands += r.commands;
  total->events += r.events;
  total->unclear += r.unclear;
  total->bulks += r.bulks;
  total->trace = total->trace * 31 + r.trace;
}

static void run_seeds(uint64_t first, uint64_t count, sim_total *total) {
  for (uint64_t i = 0; i < count; i++)
    run_seed(first + i, &(sim_options){0}, total);
}

/* A planted bug may end the program: the seed is told before. */
static void hunt(uint64_t first, uint64_t count, sim_total *total) {
  for (uint64_t i = 0; i < count && total->failed == 0; i++) {
    printf("seed %" PRIu64 "\n", first + i);
    fflush(stdout);
    run_seed(first + i, &(sim_options){0}, total);
  }
}

/* Lines of a seed and, after #, why it is kept. */
static void run_kept(const char *path, sim_total *total) {
  char line[256];
  FILE *f = fopen(path, "r");
  if (f == NULL) sim_die("%s: cannot be read", path);
  while (fgets(line, sizeof line, f) != NULL) {
    char *end;
    uint64_t seed = strtoull(line, &end, 10);
    if (end != line) run_seed(seed, &(sim_options){0}, total);
  }
  fclose(f);
}

static double seconds_since(time_t start) {
  return difftime(time(NULL), start);
}

static void report(const char *what, const sim_total *t, time_t start) {
  printf("%s: %" PRIu64 " seeds, %" PRIu64 " crashes, %" PRIu64 " commands, %" PRIu64
         " events, %" PRIu64 " bulk writes, %" PRIu64 " unclear ends, %" PRIu64 " failed, %.0f s\n",
         what, t->passed + t->failed, t->crashes, t->commands, t->events, t->bulks, t->unclear,
         t->failed, seconds_since(start));
  fflush(stdout);
}

static void run_time(uint64_t seconds, uint64_t seed, sim_total *total) {
  time_t start = time(NULL);
  printf("seeds from %" PRIu64 " on, %" PRIu64 " s\n", seed, seconds);
  while (seconds_since(start) < (double)seconds && total->failed < 10)
    run_seed(seed++, &(sim_options){0}, total);
  report("done", total, start);
}

static void run_crashes(uint64_t count, uint64_t seed, sim_total *total) {
  time_t start = time(NULL);
  uint64_t told = 0;
  while (total->crashes < count && total->failed < 10) {
    run_seed(seed++, &(sim_options){0}, total);
    if (total->crashes - told < 10000) continue;
    told = total->crashes;
    report("so far", total, start);
  }
  report("done", total, start);
}

static uint64_t number(int argc, char **argv, int i, uint64_t otherwise) {
  char *end;
  uint64_t n;
  if (i >= argc) return otherwise;
  n = strtoull(argv[i], &end, 10);
  if (*end != '\0' || end == argv[i]) sim_die("sim: %s is no number", argv[i]);
  return n;
}

int main(int argc, char **argv) {
  const char *what = argc > 1 ? argv[1] : "";
  sim_total total = {0};
  if (strcmp(what, "") == 0) {
    run_kept(kept_path, &total);
    run_seeds(1, 40, &total);
  } else if (strcmp(what, "kept") == 0) {
    run_kept(argc > 2 ? argv[2] : kept_path, &total);
  } else if (strcmp(what, "seeds") == 0) {
    run_seeds(number(argc, argv, 2, 1), number(argc, argv, 3, 1), &total);
  } else if (strcmp(what, "hunt") == 0) {
    hunt(number(argc, argv, 2, 1), number(argc, argv, 3, 1000), &total);
  } else if (strcmp(what, "time") == 0) {
    run_time(number(argc, argv, 2, 60), number(argc, argv, 3, 1), &total);
  } else if (strcmp(what, "crashes") == 0) {
    run_crashes(number(argc, argv, 2, 1000000), number(argc, argv, 3, 1), &total);
  } else if (strcmp(what, "trace") == 0) {
    sim_options options = {.ticks = (uint32_t)number(argc, argv, 3, 0),
                           .off = (uint32_t)number(argc, argv, 4, 0),
                           .is_verbose = true};
    run_seed(number(argc, argv, 2, 1), &options, &total);
  } else if (strcmp(what, "shrink") == 0) {
    if (!sim_shrink(number(argc, argv, 2, 1))) printf("it does not fail\n");
    total.passed = 1;
  } else {
    sim_die("sim: '%s' is not known; the head of test/sim/sim_main.c lists what is", what);
  }
  printf("trace %016" PRIx64 "\n", total.trace);
  printf("%" PRIu64 " passed, %" PRIu64 " failed\n", total.passed, total.failed);
  return total.failed > 0;
}
