/* test/bench/bench_peers.h - what the benchmark of JSON asks of the libraries beside ours.
 *
 * A peer that is not there (BENCH_NO_BSON, bench_no_simdjson.c) keeps NULL and is shown as "-".
 */
#ifndef PQ_BENCH_PEERS_H
#define PQ_BENCH_PEERS_H

#include <stdbool.h>
#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

/* One line of NDJSON; simdjson may read BENCH_PADDING bytes behind the last. */
enum { BENCH_PADDING = 64 };
typedef struct bench_line {
  const char *p;
  size_t n;
} bench_line;

/* Read every line. False: some line failed. */
bool bench_bson_parse(const bench_line *lines, size_t count);
bool bench_simdjson_parse(const bench_line *lines, size_t count);

/* Read every line into memory that stays; then print all of it, as often as asked. */
void *bench_bson_keep(const bench_line *lines, size_t count);
size_t bench_bson_print(void *kept); /* bytes printed */
void bench_bson_drop(void *kept);
void *bench_simdjson_keep(const bench_line *lines, size_t count);
size_t bench_simdjson_print(void *kept);
void bench_simdjson_drop(void *kept);

#ifdef __cplusplus
}
#endif

#endif
