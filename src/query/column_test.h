/* query/column_test.h - one term of a filter on the values of one column, many at a time.
 *
 *   operand 2.5, int64 column   a > 2.5   ─►   3 <= a <= 2^63 - 1     one compare a value
 *   dictionary                  a /^x/    ─►   each distinct value once, then by code
 *   everything else             the value becomes a Variant on the stack and is tested as such
 *
 * Intervals of numbers are found by bisection with the comparison that filters use, so int64
 * against double and decimal is exact without any rule written twice.
 *
 * Where cells may be unlike their values, the operands become what they would be as cells, and a
 * comparison takes equality in: 0.1 < a on a column of floats is 0.1f <= a, and passing is MAYBE.
 *
 * Answers are verdicts, a byte each: bit 0 "may be true", bit 1 "is surely true". AND and OR of
 * verdicts are & and |.
 */
#ifndef PQ_QUERY_COLUMN_TEST_H
#define PQ_QUERY_COLUMN_TEST_H

#include "expr/pushdown.h"
#include "shred/index_column.h"

enum { PQ_NO = 0, PQ_MAYBE = 1, PQ_YES = 3 };

/* A column of a file that holds what documents have at a path. */
typedef struct pq_path_column {
  uint32_t leaf;
  pq_index_type type;   /* as which its cells are seen (shred/typed_cell.c) */
  pq_index_type stored; /* its own */
  bool is_exact;        /* null means that the path is missing; else null cells say nothing */
  bool has_values;      /* the cells are the values, types included, not only equal to them */
  uint8_t scale;        /* of decimals */
  bool is_wide;         /* decimals in 16 bytes, else in 64 bits */
  bool is_hint;         /* cells may be unlike their values: they never say YES */
} pq_path_column;

/* Of a set of possible outcomes. */
static inline uint8_t pq_verdict(bool can_be_true, bool can_be_false) {
  return (uint8_t)(!can_be_true ? PQ_NO : can_be_false ? PQ_MAYBE : PQ_YES);
}

typedef enum pq_column_test_kind {
  PQ_COLUMN_TEST_VALUES,  /* one by one, as Variants */
  PQ_COLUMN_TEST_NONE,    /* no value passes */
  PQ_COLUMN_TEST_ALL,     /* every value passes */
  PQ_COLUMN_TEST_UNKNOWN, /* any value may pass: cells do not tell */
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
  bool is_hint;             /* YES is MAYBE */
  pq_push_op op;            /* the term's, of a hint with equality */
  const pq_value *operands; /* the term's, of a hint as cells */
  uint32_t operand_count;
  uint8_t scale;
  bool is_wide;
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

/* Prepare; arrays live in `arena`. */
int pq_column_test_init(pq_column_test *t, pq_arena *arena, const pq_push *term,
                        const pq_path_column *column) PQ_MUST_CHECK;

/* A verdict for each row of a column, decoded with codes or without. */
int pq_column_test_rows(const pq_column_test *t, pq_arena *scratch, const pq_column *column,
                        uint8_t *out) PQ_MUST_CHECK;

/* The value of a bound as statistics have it, widened; missing when it does not fit the type. */
int pq_path_column_bound(pq_arena *scratch, const pq_path_column *c, pq_slice plain, pq_cell *cell,
                         pq_value *out) PQ_MUST_CHECK;

/* The bracket of a column's values. */
pq_type pq_index_bracket(pq_index_type type);

#endif
