/* test/spec/random_text.h - random documents, filters and updates as JSON text.
 *
 * Most fields have a home type, so that index columns appear; `noise` per cent of the values are of
 * any type. Values come from small domains, so that filters hit and edges of types are met often.
 */
#ifndef PQ_TEST_RANDOM_TEXT_H
#define PQ_TEST_RANDOM_TEXT_H

#include "base/buf.h"

typedef struct random_text {
  uint64_t state;
  unsigned noise;     /* per cent of values of any type */
  unsigned ids;       /* local ids are k00 … */
  bool has_large_ids; /* and m00000 … of the payloads */
  unsigned large_count;
} random_text;

/* 0 … n - 1. */
uint32_t random_below(random_text *r, uint32_t n);
bool random_chance(random_text *r, unsigned per_cent);

/* Append formatted text. */
void random_put(pq_buf *out, const char *format, ...) PQ_PRINTF(2, 3);

void random_value(random_text *r, pq_buf *out);
/* The fields of a document, without braces; may be empty. */
void random_fields(random_text *r, pq_buf *out);
void random_filter(random_text *r, pq_buf *out, unsigned depth);
void random_update(random_text *r, pq_buf *out);
void random_sort(random_text *r, pq_buf *out);
/* A local id that may exist. */
void random_local(random_text *r, pq_buf *out);
/* One of the collections. */
const char *random_collection(random_text *r);

#endif
