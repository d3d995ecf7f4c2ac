/* test/bench/bench_parquet_wasm.c - the same scan as a program of the machine and as WebAssembly.
 *
 *     bench_parquet_wasm FILE ROUNDS      prints "SECONDS ROWS" of the fastest round
 *
 *   FILE ──► memory ──► footer ──► scan of all columns, every value decoded
 *                        ▲           ▲
 *                        └───────────┴── requests are answered by copying from memory
 *
 * It runs the engine without a driver of port/, so that both builds are the same C and nothing of
 * a system is in the times. The first round, in which Node still compiles, counts like the others
 * and is not the fastest.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "parquet/file_scan.h"
#include "port/cpu.h"

static pq_cx cx;
static pq_slice bytes;

static void must(int rc) {
  if (rc >= 0) return;
  fprintf(stderr, "bench_parquet_wasm: %s\n", cx.msg);
  exit(1);
}

static void load(const char *path) {
  FILE *f = fopen(path, "rb");
  if (f == NULL || fseek(f, 0, SEEK_END) != 0) must(pq_fail(&cx, PQ_EIO, "%s: no file", path));
  size_t n = (size_t)ftell(f);
  uint8_t *p = malloc(n);
  rewind(f);
  if (p == NULL || fread(p, 1, n, f) != n) must(pq_fail(&cx, PQ_EIO, "%s: not readable", path));
  fclose(f);
  bytes = (pq_slice){p, n};
}

static void answer(const pq_io_req *r) {
  if (r->kind != PQ_IO_READ || r->off > bytes.n || r->len > bytes.n - r->off)
    must(pq_fail(&cx, PQ_EIO, "a range outside of the file"));
  memcpy(r->buf, bytes.p + (size_t)r->off, r->len);
}

static pq_footer *footer_of(pq_fetch *f, pq_arena *arena) {
  pq_footer *footer;
  pq_io_req r;
  int rc;
  while ((rc = pq_footer_fetch(f, arena, "file", bytes.n, 0, &footer)) == PQ_NEED_IO)
    while (pq_fetch_take(f, &r)) {
      answer(&r);
      pq_fetch_done(f, r.id, PQ_OK, (pq_slice){0}, NULL);
    }
  must(rc);
  return footer;
}

static uint64_t scan(const pq_file *file) {
  pq_file_scan *s;
  pq_row_batch batch;
  pq_io_req r;
  uint64_t rows = 0;
  uint32_t set;
  uint32_t count = file->footer->leaf_count, *leaves = malloc(count * sizeof *leaves);
  if (leaves == NULL) must(pq_fail_nomem(&cx));
  for (uint32_t i = 0; i < count; i++)
    leaves[i] = i;
  pq_file_scan_options options = {.leaves = leaves, .leaf_count = count};
  must(pq_file_scan_new(&cx, file, options, &s));
  for (int rc = PQ_OK; rc == PQ_OK || rc == PQ_NEED_IO;) {
    rc = pq_file_scan_next(s, &batch);
    must(rc);
    if (rc == PQ_OK && batch.row_count == 0) break;
    if (rc == PQ_OK) rows += batch.row_count;
    while (rc == PQ_NEED_IO && pq_file_scan_take(s, &r, &set)) {
      answer(&r);
      pq_file_scan_done(s, set, r.id, PQ_OK, NULL);
    }
  }
  pq_file_scan_free(s);
  free(leaves);
  return rows;
}

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

int main(int argc, char **argv) {
  double best = 1e9;
  uint64_t rows = 0;
  pq_cx_init(&cx, NULL, NULL);
  cx.cpu = pq_cpu_features();
  if (argc != 3) must(pq_fail(&cx, PQ_EINVALID, "usage: bench_parquet_wasm FILE ROUNDS"));
  load(argv[1]);
  for (long round = strtol(argv[2], NULL, 10); round > 0; round--) {
    double start = now();
    pq_fetch fetch;
    pq_arena arena;
    pq_fetch_init(&fetch, &cx);
    pq_arena_init(&arena, &cx, (uint64_t)64 << 20);
    pq_file file = {.key = "file", .footer = footer_of(&fetch, &arena)};
    rows = scan(&file);
    pq_fetch_release(&fetch);
    pq_arena_release(&arena);
    double seconds = now() - start;
    if (seconds < best) best = seconds;
  }
  printf("%.6f %llu\n", best, (unsigned long long)rows);
  return 0;
}
