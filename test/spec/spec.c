/* test/spec/spec.c - the program `spec`: text cases, random commands, single faults.
 *
 *     spec [DIRECTORY]             everything; the cases are DIRECTORY/<name>.test
 *     spec DIRECTORY cases WORD    only cases whose name contains WORD
 *     spec DIRECTORY property SEED [COUNT]
 *     spec DIRECTORY faults WORD   only commands that contain WORD
 *     spec DIRECTORY direct WORD
 *     spec DIRECTORY forecast SEED [COUNT]
 *     spec --bulk N …              so many new documents in a command are a bulk write
 *     spec --memory MB …           the engine may use as much, 64 by default; 0: no limit
 *     spec --share K N …           of the single faults only those of each N-th command, from the
 *                                  K-th on: N processes share them
 *     spec DIRECTORY travel SEED [COUNT]
 *     spec DIRECTORY graph SEED [COUNT]
 *
 * Prints failures, and at the end `N passed, N failed`.
 */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "spec_case.h"
#include "spec_suites.h"

enum {
  FILES_MAX = 256,
  PROPERTY_SEEDS = 12,
  FORECAST_SEEDS = 12,
  TRAVEL_SEEDS = 12,
  GRAPH_SEEDS = 18
};

static int compare_names(const void *a, const void *b) {
  return strcmp(*(char *const *)a, *(char *const *)b);
}

static void run_cases(const char *dir, const char *only, uint64_t *passed, uint64_t *failed) {
  char *names[FILES_MAX];
  size_t n = 0;
  DIR *d = opendir(dir);
  struct dirent *e;
  if (d == NULL) spec_die("%s: no such directory", dir);
  while ((e = readdir(d)) != NULL && n < FILES_MAX) {
    size_t len = strlen(e->d_name);
    if (len > 5 && strcmp(e->d_name + len - 5, ".test") == 0)
      names[n++] = spec_format("%s/%s", dir, e->d_name);
  }
  closedir(d);
  if (n == 0) spec_die("%s: no *.test files there", dir);
  qsort(names, n, sizeof *names, compare_names);
  for (size_t i = 0; i < n; i++) {
    spec_file f;
    spec_file_read(names[i], &f);
    spec_file_run(&f, only, passed, failed);
    spec_file_release(&f);
    free(names[i]);
  }
}

static int run(int argc, char **argv) {
  const char *dir = argc > 1 ? argv[1] : "test/spec";
  const char *part = argc > 2 ? argv[2] : "", *word = argc > 3 ? argv[3] : NULL;
  uint64_t passed = 0, failed = 0;
  bool is_all = part[0] == '\0';
  if (is_all || strcmp(part, "cases") == 0) run_cases(dir, word, &passed, &failed);
  if (is_all || strcmp(part, "direct") == 0) spec_direct_run(word, &passed, &failed);
  if (is_all || strcmp(part, "steps") == 0) spec_steps_run(word, &passed, &failed);
  if (is_all || strcmp(part, "faults") == 0) spec_faults_run(word, &passed, &failed);
  if (is_all || strcmp(part, "property") == 0)
    spec_property_run(word == NULL ? 1 : strtoull(word, NULL, 10),
                      argc > 4       ? strtoull(argv[4], NULL, 10)
                      : word != NULL ? 1
                                     : PROPERTY_SEEDS,
                      &passed, &failed);
  if (is_all || strcmp(part, "forecast") == 0)
    spec_forecast_run(word == NULL ? 1 : strtoull(word, NULL, 10),
                      argc > 4       ? strtoull(argv[4], NULL, 10)
                      : word != NULL ? 1
                                     : FORECAST_SEEDS,
                      &passed, &failed);
  if (is_all || strcmp(part, "travel") == 0)
    spec_travel_run(word == NULL ? 1 : strtoull(word, NULL, 10),
                    argc > 4       ? strtoull(argv[4], NULL, 10)
                    : word != NULL ? 1
                                   : TRAVEL_SEEDS,
                    &passed, &failed);
  if (is_all || strcmp(part, "graph") == 0)
    spec_graph_run(word == NULL ? 1 : strtoull(word, NULL, 10),
                   argc > 4       ? strtoull(argv[4], NULL, 10)
                   : word != NULL ? 1
                                  : GRAPH_SEEDS,
                   &passed, &failed);
  printf("%llu passed, %llu failed\n", (unsigned long long)passed, (unsigned long long)failed);
  return failed != 0;
}

int main(int argc, char **argv) {
  if (argc > 2 && strcmp(argv[1], "--bulk") == 0) {
    spec_bulk = (uint32_t)strtoul(argv[2], NULL, 10);
    argc -= 2;
    argv += 2;
  }
  if (argc > 2 && strcmp(argv[1], "--memory") == 0) {
    spec_memory_max = strtoull(argv[2], NULL, 10) << 20;
    argc -= 2;
    argv += 2;
  }
  if (argc > 3 && strcmp(argv[1], "--share") == 0) {
    spec_share = (uint32_t)strtoul(argv[2], NULL, 10);
    spec_shares = (uint32_t)strtoul(argv[3], NULL, 10);
    if (spec_share < 1 || spec_share > spec_shares) spec_die("--share %s %s", argv[2], argv[3]);
    argc -= 3;
    argv += 3;
  }
  return run(argc, argv);
}
