/* test/bench/bench_no_simdjson.c - stands in for simdjson where it is not installed. */
#include "bench_peers.h"

bool bench_simdjson_parse(const bench_line *lines, size_t count) {
  return lines == NULL && count == 0;
}

void *bench_simdjson_keep(const bench_line *lines, size_t count) {
  (void)lines;
  (void)count;
  return NULL;
}

size_t bench_simdjson_print(void *kept) {
  return kept == NULL ? 0 : 1;
}

void bench_simdjson_drop(void *kept) {
  (void)kept;
}
