/* query/column_test.h - one term of a filter on the values of one column, many at a time.
 *
 *   operand 2.5, int64 column   a > 2.5   ─►   3 <= a <= 2^63 - 1     one compare a value
 *   dictionary                  a /^x/    ─►   each distinct value once, then by code
 *   everything else             the value becomes a Variant on the stack and is tested as such
 *
 * Intervals of numbers are found by bisection with the comparison that filters use, so int64
 * against double and decimal is exact without any rule written twice.
 *
 * Answers are verdicts, a byte each: bit 0 "may be true", bit 1 "is surely true". AND and OR of
 * verdicts are & and |.
 */
#ifndef PQ_QUERY_COLUMN_TEST_H
#define PQ_QUERY_COLUMN_TEST_H

#include "expr/pushdown.h"
#include "shred/index_column.h"

enum { PQ_NO = 0, PQ_MAYBE = 1, PQ_YES = 3 };

/* Of a set of possible outcomes. */
static inline uint8_t pq_verdict(bool can_be_true, bool can_be_false) {
  return (uint8_t)(!can_be_true ? PQ_NO : can_be_false ? PQ_MAYBE : PQ_YES);
}

typedef enum pq_column_test_kind {
  PQ_COLUMN_TEST_VALUES, /* one by one, as Variants */
  PQ_COLUMN_TEST_NONE,   /* no value passes */
  PQ_COLUMN_TEST_ALL,    /* every value passes */
  PQ_COLUMN_TEST_I64,
  PQ_COLUMN_TEST_F64,
  PQ_COLUMN_TEST_BOOL,
  PQ_COLUMN_TEST_TEXT, /* a comparison of bytes */
  PQ_COLUMN_TEST_TEXT_IN,
  PQ_COLUMN_TEST_PREFIX /* the prefix first, then as VALUES */
} pq_column_test_kind;

typedef struct pq_column_test {
  const pq_push *term;
  pq_index_type type;
  pq_column_test_kind kind;
  uint8_t of_missing; /* verdict for null cells */
  uint8_t of_bool[2];
  bool of_nan;
  int64_t lo, hi; /* I64, IN has operands instead */
  double real_lo, real_hi;
  int64_t *integers; /* IN: ascending */
  double *reals;     /* IN: ascending */
  pq_slice *texts;   /* TEXT: one; TEXT_IN: ascending */
  uint32_t count;
} pq_column_test;

/* Prepare; arrays live in `arena`. `is_exact`: a null cell means that the path is missing. */
int pq_column_test_init(pq_column_test *t, pq_arena *arena, const pq_push *term, pq_index_type type,
                        bool is_exact) PQ_MUST_CHECK;

/* A verdict for each row of a column, decoded with codes or without. */
int pq_column_test_rows(const pq_column_test *t, pq_arena *scratch, const pq_column *column,
                        uint8_t *out) PQ_MUST_CHECK;

/* The bracket of a column's values. */
pq_type pq_index_bracket(pq_index_type type);

#endif
