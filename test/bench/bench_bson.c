/* test/bench/bench_bson.c - libbson: JSON text to BSON and back. */
#include "bench_peers.h"

#ifdef BENCH_NO_BSON

bool bench_bson_parse(const bench_line *lines, size_t count) {
  return lines == NULL && count == 0;
}
void *bench_bson_keep(const bench_line *lines, size_t count) {
  (void)lines;
  (void)count;
  return NULL;
}
size_t bench_bson_print(void *kept) {
  return kept == NULL ? 0 : 1;
}
void bench_bson_drop(void *kept) {
  (void)kept;
}

#else

#include <bson/bson.h>
#include <stdlib.h>

typedef struct kept_bson {
  size_t count;
  bson_t *docs[];
} kept_bson;

bool bench_bson_parse(const bench_line *lines, size_t count) {
  for (size_t i = 0; i < count; i++) {
    bson_error_t error;
    bson_t doc;
    if (!bson_init_from_json(&doc, lines[i].p, (ssize_t)lines[i].n, &error)) return false;
    bson_destroy(&doc);
  }
  return true;
}

void bench_bson_drop(void *kept) {
  kept_bson *k = kept;
  for (size_t i = 0; i < k->count; i++)
    bson_destroy(k->docs[i]);
  free(k);
}

void *bench_bson_keep(const bench_line *lines, size_t count) {
  kept_bson *k = calloc(1, sizeof *k + count * sizeof *k->docs);
  if (k == NULL) return NULL;
  for (; k->count < count; k->count++) {
    const bench_line *line = &lines[k->count];
    k->docs[k->count] = bson_new_from_json((const uint8_t *)line->p, (ssize_t)line->n, NULL);
    if (k->docs[k->count] != NULL) continue;
    bench_bson_drop(k);
    return NULL;
  }
  return k;
}

size_t bench_bson_print(void *kept) {
  const kept_bson *k = kept;
  size_t all = 0, len;
  for (size_t i = 0; i < k->count; i++) {
    bson_free(bson_as_relaxed_extended_json(k->docs[i], &len));
    all += len;
  }
  return all;
}

#endif
