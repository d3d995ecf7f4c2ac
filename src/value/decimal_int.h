/* value/decimal_int.h - long decimal numbers, in which decimals are calculated.
 *
 *     value = (-1)^is_negative * (limb[0] + limb[1] * 10^9 + …) * 10^exponent
 *
 * A product of two numbers of PQ_LONG_DIGITS fits; so do pi for the largest angle and its product
 * with it. Zero has no limbs. No limb beyond `count` is read.
 */
#ifndef PQ_VALUE_DECIMAL_INT_H
#define PQ_VALUE_DECIMAL_INT_H

#include "value/decimal.h"

enum { PQ_LONG_LIMBS = 20, PQ_LONG_DIGITS = 72 /* that functions work with */ };

typedef struct pq_long {
  bool is_negative;
  int32_t exponent;
  uint32_t count;
  uint32_t limb[PQ_LONG_LIMBS];
} pq_long;

pq_long pq_long_of(pq_number n); /* of a finite one */
pq_long pq_long_of_u32(uint32_t v);
int pq_long_digits(const pq_long *a);
/* Drop the last `drop` digits, rounding. */
void pq_long_shift_down(pq_long *a, int32_t drop, pq_rounding how);
/* Append `more` zeros; the value stays. The digits must fit. */
void pq_long_shift_up(pq_long *a, int32_t more);
/* At most `digits` digits, half-even. */
void pq_long_round(pq_long *a, int digits);
void pq_long_strip(pq_long *a, int32_t exponent_max); /* trailing zeros, up to this exponent */
/* To 34 digits and the range of exponents. */
pq_number pq_long_number(pq_long a);

/* Exact if the result has at most 140 digits, else with more than PQ_LONG_DIGITS correct. */
pq_long pq_long_add(const pq_long *a, const pq_long *b);
pq_long pq_long_subtract(const pq_long *a, const pq_long *b);
/* Exact; both together have at most 20 limbs. */
pq_long pq_long_multiply(const pq_long *a, const pq_long *b);
/* Truncated to at least `digits` digits, *is_exact when nothing is left; b is not 0. */
pq_long pq_long_divide(const pq_long *a, const pq_long *b, int digits, bool *is_exact);
/* The rest of dividing the digits of a by those of b, exponents aside. */
void pq_long_modulo(pq_long *a, const pq_long *b);
/* |a| against |b|. */
int pq_long_compare(const pq_long *a, const pq_long *b);

static inline bool pq_long_is_zero(const pq_long *a) {
  return a->count == 0;
}

#endif
