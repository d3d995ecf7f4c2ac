/* expr/total.h - sums as $sum and $avg make them, and their reverse for windows.
 *
 *   ints, longs ─► integer, exact ─overflow─┐
 *   doubles ──────────────────────────────► high + low: the sum and what rounding lost of it
 *   decimals ─► decimal128
 *   NaN, ±Infinity ─► counted, so that they can be taken away again
 *
 * The result is an int, a long, a double or a decimal: the widest type that went in (rules 30, 31);
 * [0.1] * 10 is 1.0. A plain object: zeroed it is the sum of nothing, and it may be copied.
 */
#ifndef PQ_EXPR_TOTAL_H
#define PQ_EXPR_TOTAL_H

#include "expr/expression.h"

typedef struct pq_total {
  uint64_t ints, longs, doubles, decimals; /* how many of each */
  uint64_t nans, rises, falls;             /* of the doubles: NaN, +Infinity, -Infinity */
  int64_t integer;
  double high, low;
  double plain; /* the ordinary sum, for when high overflows */
  bool is_wide; /* integer overflowed into high and low */
  pq_number decimal;
} pq_total;

/* Anything but numbers is passed over. */
void pq_total_add(pq_total *t, pq_value v);
/* The same for values of columns. */
void pq_total_add_integer(pq_total *t, int64_t v, bool is_long);
void pq_total_add_double(pq_total *t, double v);
/* Everything that was added to another total; the halves of a sum that was made in two places. */
void pq_total_merge(pq_total *t, const pq_total *from);
/* Take away what was added before; false for a decimal, as rounding cannot be undone. */
bool pq_total_subtract(pq_total *t, pq_value v);
uint64_t pq_total_count(const pq_total *t);
int pq_total_sum(const pq_total *t, pq_eval *s, pq_value *out) PQ_MUST_CHECK;
/* null without numbers. */
int pq_total_average(const pq_total *t, pq_eval *s, pq_value *out) PQ_MUST_CHECK;
/* The sum as a double. */
double pq_total_real(const pq_total *t);

#endif
