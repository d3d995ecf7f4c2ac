/* test/unit/test_hostile_files.c - every file of the corpora, whole, cut short and with bits
 * turned, read by every way that there is (test/fuzz/read_scan.h).
 *
 *   never a crash (ASan, UBSan), a leak, a hang, or memory beyond the limits of the context
 *
 * The folder is $PARQUEDB_CORPORA/parquet, else ../shared/corpora/parquet; without it the test is
 * skipped. The damage depends on the name of a file and the seed alone:
 *
 *     build-asan/unit/test_hostile_files [SEED [VARIANTS [FILE [KEPT]]]]
 *
 * FILE: a part of the path. KEPT: a file that gets the bytes before each reading, so that after a
 * failure the last are there.
 */
#include <dirent.h>
#include <stdio.h>
#include <unistd.h>

#include "port/cpu.h"
#include "test/fuzz/read_scan.h"
#include "unit.h"

enum {
  FOLDER_DEPTH_MAX = 6,
  PATH_CAP = 2048,
  WHOLE_LEN_MAX = 4 << 20,
  DAMAGED_LEN_MAX = 300 << 10, /* longer files are read, but not in variants: they take long */
  HANG_SECONDS = 60,
  VARIANTS = 24,
  FOOTER_PART = 2 /* one in two bits is turned in the footer */
};

/* A hang ends the program by a signal. WebAssembly has none; there it is for 32 bits that the files
 * are read. */
static void watch(unsigned seconds) {
#ifndef __wasi__
  (void)alarm(seconds);
#else
  (void)seconds;
#endif
}

/* What the context of one reading allows, and what may be taken beside arenas and fetch sets. */
#define OP_LEN_MAX (96ull << 20)
#define FETCH_LEN_MAX (32ull << 20)
#define SLACK_LEN (16ull << 20)

static struct {
  uint32_t seed;
  unsigned variants;
  const char *only, *kept;
  unsigned file_count, run_count, chunk_count, good_count, record_count;
  size_t live_len, peak_len;
} run = {.seed = 1, .variants = VARIANTS};

/* The allocator counts: arenas (two), the fetch set, what a scan holds. */
static void *counting_alloc(void *ud, void *ptr, size_t old_size, size_t new_size) {
  void *p;
  (void)ud;
  if (new_size == 0) {
    free(ptr);
    run.live_len -= old_size;
    return NULL;
  }
  p = realloc(ptr, new_size);
  FUZZ_CHECK(p != NULL);
  run.live_len += new_size - old_size;
  if (run.live_len > run.peak_len) run.peak_len = run.live_len;
  return p;
}

static void keep(const uint8_t *p, size_t n) {
  FILE *file = fopen(run.kept, "wb");
  FUZZ_CHECK(file != NULL && fwrite(p, 1, n, file) == n);
  (void)fclose(file);
}

static void read_bytes(const uint8_t *p, size_t n, uint32_t seed, bool is_sound) {
  pq_slice copy = fuzz_copy((pq_slice){p, n});
  read_all r;
  pq_cx cx;
  if (run.kept != NULL) keep(p, n);
  pq_cx_init(&cx, counting_alloc, NULL);
  cx.limits.op_len_max = OP_LEN_MAX;
  cx.limits.fetch_len_max = FETCH_LEN_MAX;
  cx.cpu = pq_cpu_features();
  if (read_all_open(&r, &cx, copy, seed) == PQ_OK) read_everything(&r, is_sound);
  run.chunk_count += r.chunk_count;
  run.good_count += r.good_count;
  run.record_count += r.record_count;
  run.run_count++;
  read_all_release(&r);
  FUZZ_CHECK(run.live_len == 0);
  FUZZ_CHECK(run.peak_len <= 2 * OP_LEN_MAX + FETCH_LEN_MAX + SLACK_LEN);
  free((void *)(uintptr_t)copy.p);
}

static uint32_t below(uint32_t *state, size_t n) {
  *state = *state * 1664525u + 1013904223u;
  return n == 0 ? 0 : (uint32_t)((uint64_t)(*state >> 8) * n >> 24);
}

/* Where the Thrift footer begins; 0 if that cannot be said. */
static size_t footer_start(const uint8_t *p, size_t n) {
  size_t len = n < 12 ? 0 : pq_rd32(p + n - 8);
  return n < 12 || len > n - 12 ? 0 : n - 8 - len;
}

static void turn_bits(uint8_t *p, size_t n, uint32_t *state) {
  size_t start = footer_start(p, n);
  unsigned count = 1 + below(state, 4);
  for (unsigned i = 0; i < count; i++) {
    size_t from = below(state, FOOTER_PART) == 0 ? start : 0;
    p[from + below(state, n - from)] ^= (uint8_t)(1u << below(state, 8));
  }
}

/* The end of a file that was cut, joined to its footer again: pages are missing, not the footer. */
static size_t cut_inside(uint8_t *p, size_t n, uint32_t *state) {
  size_t start = footer_start(p, n), cut;
  if (start < 8) return below(state, n);
  cut = 4 + below(state, start - 4);
  memmove(p + cut, p + start, n - start);
  return n - (start - cut);
}

static void read_variants(uint8_t *bytes, size_t n, uint32_t seed) {
  uint8_t *copy = malloc(n + 1);
  uint32_t state = seed;
  FUZZ_CHECK(copy != NULL);
  for (unsigned i = 0; i < run.variants && n > 0; i++) {
    size_t len = n;
    memcpy(copy, bytes, n);
    if (i % 4 == 2)
      len = below(&state, n);
    else if (i % 4 == 3)
      len = cut_inside(copy, n, &state);
    else
      turn_bits(copy, n, &state);
    watch(HANG_SECONDS);
    read_bytes(copy, len, state, false);
  }
  free(copy);
}

static void read_file(const char *path, const char *name) {
  uint8_t *bytes = malloc(WHOLE_LEN_MAX);
  FILE *file = fopen(path, "rb");
  size_t n;
  if (file == NULL || bytes == NULL) {
    fprintf(stderr, "cannot read %s\n", path);
    unit_failed++;
    return;
  }
  n = fread(bytes, 1, WHOLE_LEN_MAX, file);
  (void)fclose(file);
  printf("%s\n", name);
  (void)fflush(stdout);
  run.file_count++;
  watch(HANG_SECONDS);
  read_bytes(bytes, n, run.seed, true);
  if (n <= DAMAGED_LEN_MAX) read_variants(bytes, n, run.seed ^ (uint32_t)pq_hash(pq_str(name), 0));
  watch(0);
  free(bytes);
}

/* Files that are no data: READMEs, lists, and what random_files.py has beside its files. */
static bool is_text(const char *name) {
  const char *ext = strrchr(name, '.');
  return ext != NULL && (strcmp(ext, ".md") == 0 || strcmp(ext, ".json") == 0 ||
                         strcmp(ext, ".jsonl") == 0 || strcmp(ext, ".meta") == 0);
}

static void read_folder(const char *path, size_t root_len, unsigned depth) {
  struct dirent **names;
  int count = depth == 0 ? -1 : scandir(path, &names, NULL, alphasort);
  for (int i = 0; i < count; i++) {
    const char *name = names[i]->d_name;
    char inner[PATH_CAP];
    DIR *dir;
    if (name[0] == '.' || strcmp(name, "golden") == 0 ||
        snprintf(inner, sizeof inner, "%s/%s", path, name) >= (int)sizeof inner) {
      free(names[i]);
      continue;
    }
    dir = opendir(inner);
    if (dir != NULL) {
      (void)closedir(dir);
      read_folder(inner, root_len, depth - 1);
    } else if (!is_text(name) && (run.only == NULL || strstr(inner, run.only) != NULL)) {
      read_file(inner, inner + root_len);
    }
    free(names[i]);
  }
  if (count >= 0) free(names);
}

int main(int argc, char **argv) {
  const char *root = getenv("PARQUEDB_CORPORA");
  char path[PATH_CAP];
  if (argc > 1) run.seed = (uint32_t)strtoul(argv[1], NULL, 10);
  if (argc > 2) run.variants = (unsigned)strtoul(argv[2], NULL, 10);
  if (argc > 3) run.only = argv[3];
  if (argc > 4) run.kept = argv[4];
  (void)snprintf(path, sizeof path, "%s/parquet", root != NULL ? root : "../shared/corpora");
  read_folder(path, strlen(path) + 1, FOLDER_DEPTH_MAX);
  if (run.file_count == 0) {
    printf("skipped: no Parquet files in %s\n0 passed, 0 failed, 1 skipped\n", path);
    return 0;
  }
  printf(
      "%u files, %u times read, %u of %u chunks without a failure, %u times as documents, at most "
      "%zu MiB\n",
      run.file_count, run.run_count, run.good_count, run.chunk_count, run.record_count,
      run.peak_len >> 20);
  CHECK(run.chunk_count > run.file_count);
  unit_passed += (int)run.file_count;
  return unit_end();
}
