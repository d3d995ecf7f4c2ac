/* test/fuzz/replay.c - runs a fuzz target over files, without a fuzzer:
 *
 *     build-asan/fuzz/fuzz_json test/fuzz/corpus/json [FILE | FOLDER …]
 *
 * Each file runs whole, cut short at some places, and with single bytes changed at some places,
 * the same ones every time. One test a file; the name of the one that breaks is the last printed.
 */
#include "fuzz.h"

#include <dirent.h>

enum { FILE_LEN_MAX = 1 << 20, PATH_CAP = 4096, CUT_COUNT = 24, CHANGE_COUNT = 48 };

static unsigned file_count;
static uint32_t random_state = 1;

static size_t random_below(size_t n) {
  random_state = random_state * 1664525u + 1013904223u;
  return (size_t)(random_state >> 8) % n;
}

/* Run a copy that ends where its memory ends. */
static void run_bytes(const uint8_t *p, size_t n) {
  pq_slice copy = fuzz_copy((pq_slice){p, n});
  (void)LLVMFuzzerTestOneInput(copy.p, copy.n);
  free((void *)(uintptr_t)copy.p);
}

static void run_damaged(uint8_t *p, size_t n) {
  if (n == 0) return;
  for (int i = 0; i < CUT_COUNT; i++)
    run_bytes(p, random_below(n));
  for (int i = 0; i < CHANGE_COUNT; i++) {
    size_t at = random_below(n);
    uint8_t old = p[at];
    p[at] = (uint8_t)(i % 2 == 0 ? random_below(256) : old ^ ((size_t)1 << random_below(8)));
    run_bytes(p, n);
    p[at] = old;
  }
}

static bool run_file(const char *path) {
  uint8_t *bytes = malloc(FILE_LEN_MAX);
  FILE *file = fopen(path, "rb");
  size_t n;
  if (file == NULL || bytes == NULL) {
    fprintf(stderr, "cannot read %s\n", path);
    return false;
  }
  n = fread(bytes, 1, FILE_LEN_MAX, file);
  (void)fclose(file);
  printf("%s\n", path);
  (void)fflush(stdout);
  run_bytes(bytes, n);
  run_damaged(bytes, n);
  free(bytes);
  file_count++;
  return true;
}

static bool run_folder(const char *path) {
  struct dirent **names;
  char name[PATH_CAP];
  bool is_good = true;
  int count = scandir(path, &names, NULL, alphasort);
  if (count < 0) return run_file(path);
  for (int i = 0; i < count; i++) {
    (void)snprintf(name, sizeof name, "%s/%s", path, names[i]->d_name);
    if (names[i]->d_name[0] != '.' && !run_file(name)) is_good = false;
    free(names[i]);
  }
  free(names);
  return is_good;
}

int main(int argc, char **argv) {
  bool is_good = argc > 1;
  for (int i = 1; i < argc; i++)
    if (!run_folder(argv[i])) is_good = false;
  printf("%u passed, %d failed\n", file_count, is_good ? 0 : 1);
  return is_good ? 0 : 1;
}
