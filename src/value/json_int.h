/* value/json_int.h - the JSON reader's cursor, shared by json_parse.c and json_extended.c, and the
 * scan of strings eight bytes at a time, shared with json_print.c.
 */
#ifndef PQ_VALUE_JSON_INT_H
#define PQ_VALUE_JSON_INT_H

#include "value/builder_int.h"
#include "value/json.h"

#define PQ_JSON_ONES 0x0101010101010101u
#define PQ_JSON_HIGHS 0x8080808080808080u

/* Marks (0x80) the bytes of `x` that end a plain run: quote, backslash, control. The lowest mark
 * is exact. */
static inline uint64_t pq_json_stops(uint64_t x) {
  const uint64_t ones = PQ_JSON_ONES;
  uint64_t quote = x ^ ones * '"', slash = x ^ ones * '\\';
  return (((quote - ones) & ~quote) | ((slash - ones) & ~slash) | ((x - ones * 0x20) & ~x)) &
         PQ_JSON_HIGHS;
}

/* Index of the lowest marked byte. */
static inline unsigned pq_json_first_mark(uint64_t marks) {
  return (unsigned)((((marks & (0 - marks)) - 1) & PQ_JSON_ONES) * PQ_JSON_ONES >> 56) - 1;
}

typedef struct pq_json_reader {
  pq_builder *b;
  const uint8_t *p, *end; /* the rest of the text */
  const uint8_t *start;
  uint64_t line_first;
  bool is_placed;     /* the failure names its line and column */
  pq_builder *system; /* of the options, until the root object has begun */
} pq_json_reader;

/* Fail with "line L, column C: what" at a place in the text. Sticky in the builder. */
int pq_json_fail(pq_json_reader *r, const uint8_t *at, int code, const char *what);

static inline void pq_json_space(pq_json_reader *r) {
  while (r->p < r->end && (*r->p == ' ' || *r->p == '\n' || *r->p == '\r' || *r->p == '\t'))
    r->p++;
}

/* Skip white space, then take the byte `c` if it is next. */
static inline bool pq_json_take(pq_json_reader *r, char c) {
  pq_json_space(r);
  if (r->p == r->end || *r->p != (uint8_t)c) return false;
  r->p++;
  return true;
}

/* The string at r->p (an opening quote): borrowed from the text, or from the builder's scratch
 * buffer `which` when it has escapes. Valid UTF-8. */
int pq_json_string(pq_json_reader *r, int which, pq_slice *out) PQ_MUST_CHECK;

/* The text of the number at r->p, checked; *is_whole when it has no point and no exponent. */
int pq_json_number(pq_json_reader *r, pq_slice *out, bool *is_whole) PQ_MUST_CHECK;

/* Read {key: …} as its type, r->p standing behind the key. When the text has another shape
 * *why says so and r->p is anywhere; *why NULL means that the value was built. */
int pq_json_extended(pq_json_reader *r, pq_extended key, const char **why) PQ_MUST_CHECK;

#endif
