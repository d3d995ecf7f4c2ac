/* value/decimal.h - decimal numbers: text, arithmetic, elementary functions.
 *
 *     value = (-1)^is_negative * (hi * 2^64 + lo) * 10^exponent,   NaN, Infinity
 *
 * Results are those of IEEE 754 decimal128, as MongoDB has them: 34 digits, rounded half-even,
 * exponents -6176..6111, more is Infinity, less is zero. The exponent is kept: 1.50 is not 1.5.
 * Arguments may have the 38 digits of a Variant decimal. Nothing here allocates or fails but by
 * being NaN. Pure functions, any thread. doc/decisions/0013-decimal-arithmetic.md says why this is
 * our own.
 */
#ifndef PQ_VALUE_DECIMAL_H
#define PQ_VALUE_DECIMAL_H

#include "value/variant.h"

typedef enum pq_number_kind { PQ_NUMBER_FINITE, PQ_NUMBER_INFINITE, PQ_NUMBER_NAN } pq_number_kind;

typedef struct pq_number {
  pq_number_kind kind;
  bool is_negative;
  uint64_t hi, lo;
  int32_t exponent; /* of ten */
} pq_number;

enum {
  PQ_DECIMAL_DIGITS_MAX = 38, /* of Variant */
  PQ_DECIMAL128_DIGITS = 34,
  PQ_DECIMAL_EXPONENT_MIN = -6176,
  PQ_DECIMAL_EXPONENT_MAX = 6111,
  PQ_DECIMAL_CAP = 64
};

/* ---- text and storage ---- */

/* The text of a $numberDecimal. False when malformed, inexact in 38 digits or out of range. */
bool pq_number_parse(pq_slice text, pq_number *out);
/* Text as $toDecimal reads it: any number of digits, rounded to 34. */
bool pq_number_read(pq_slice text, pq_number *out);
/* False when it is not finite, is -0, or needs a scale outside 0..38: such a one is stored as text.
 */
bool pq_number_decimal(pq_number n, pq_decimal *out);
pq_number pq_decimal_number(pq_decimal d);
/* A DECIMAL value of either storage form. */
bool pq_value_decimal_number(pq_value v, pq_number *out);
/* "-12.50", "1.25E+100", "NaN", "-Infinity", as decimal128 prints them: at most PQ_DECIMAL_CAP
 * bytes, no NUL. Returns the length. */
size_t pq_number_print(pq_number n, char out[PQ_DECIMAL_CAP]);
/* Decimal digits of the magnitude; 0 for zero. */
int pq_number_digits(pq_number n);
/* *hi:*lo = *hi:*lo * factor + add; false on overflow. */
bool pq_mul_u128(uint64_t *hi, uint64_t *lo, uint32_t factor, uint32_t add);
/* *hi:*lo /= divisor, returns the remainder. */
uint32_t pq_div_u128(uint64_t *hi, uint64_t *lo, uint32_t divisor);
/* A whole number of 64 bits from text: '-' and digits only. */
bool pq_i64_parse(pq_slice text, int64_t *out);

static inline bool pq_number_is_zero(pq_number n) {
  return n.kind == PQ_NUMBER_FINITE && n.hi == 0 && n.lo == 0;
}

/* ---- conversions ---- */
pq_number pq_number_of_i64(int64_t v);
/* Rounded to `digits` significant digits, trailing zeros kept; MongoDB takes 15. */
pq_number pq_number_of_double(double v, int digits);
double pq_number_double(pq_number n);

typedef enum pq_rounding {
  PQ_ROUND_EVEN,
  PQ_ROUND_TRUNC,
  PQ_ROUND_FLOOR,
  PQ_ROUND_CEIL
} pq_rounding;

/* False for what is not finite or does not fit. */
bool pq_number_i64(pq_number n, pq_rounding how, int64_t *out);

/* ---- arithmetic (decimal_arith.c) ---- */
pq_number pq_number_add(pq_number a, pq_number b);
pq_number pq_number_subtract(pq_number a, pq_number b);
pq_number pq_number_multiply(pq_number a, pq_number b);
pq_number pq_number_divide(pq_number a, pq_number b);
/* a - b * truncate(a / b), exact. */
pq_number pq_number_remainder(pq_number a, pq_number b);
pq_number pq_number_sqrt(pq_number a);
/* The multiple of 10^exponent next to `n`; NaN when that needs more than 34 digits. */
pq_number pq_number_quantize(pq_number n, int32_t exponent, pq_rounding how);
/* <0, 0, >0; NaN is the smallest and equal to itself. */
int pq_number_order(pq_number a, pq_number b);

/* ---- functions, correct to 34 digits but for the rarest ties (decimal_math.c) ---- */
typedef enum pq_function {
  PQ_FN_EXP,
  PQ_FN_LN,
  PQ_FN_LOG10,
  PQ_FN_SIN,
  PQ_FN_COS,
  PQ_FN_TAN,
  PQ_FN_ASIN,
  PQ_FN_ACOS,
  PQ_FN_ATAN,
  PQ_FN_SINH,
  PQ_FN_COSH,
  PQ_FN_TANH,
  PQ_FN_ASINH,
  PQ_FN_ACOSH,
  PQ_FN_ATANH
} pq_function;

/* NaN outside of the function's domain. False for an angle above 10^34, which would need more
 * digits of pi than we have. */
bool pq_number_function(pq_function f, pq_number x, pq_number *out);
pq_number pq_number_atan2(pq_number y, pq_number x);
pq_number pq_number_power(pq_number x, pq_number y);
pq_number pq_number_log(pq_number x, pq_number base);

#endif
