/* expr/expression_math.c - roots, powers, logarithms and angles.
 *
 *   int, long, double -> libm's double        decimal -> 34 digits (value/decimal_math.c)
 *
 * null and missing make null; NaN passes through; arguments outside of a function's domain are
 * errors. $pow of whole numbers stays whole as long as it fits.
 */
#include <math.h>

#include "expr/expression_int.h"

static int fail_range(const pq_expression *e, pq_eval *s, const char *range) {
  return pq_fail(s->cx, PQ_EINVALID, "operator '%s' needs a number %s", e->op->name, range);
}

static bool is_nan(pq_quantity n) {
  if (n.type == PQ_TYPE_DECIMAL) return n.number.kind == PQ_NUMBER_NAN;
  return n.type == PQ_TYPE_DOUBLE && n.real != n.real;
}

/* <0, 0, >0 against a small whole number; n is not NaN. */
static int compare_whole(pq_quantity n, int64_t whole) {
  double real;
  if (n.type == PQ_TYPE_DECIMAL) return pq_number_order(n.number, pq_number_of_i64(whole));
  real = pq_quantity_real(n);
  return (real > (double)whole) - (real < (double)whole);
}

/* ---- functions of one number ---- */

typedef enum domain { ALL, FINITE, POSITIVE, NOT_NEGATIVE, UNIT, FROM_ONE } domain;

static const struct {
  domain domain;
  double (*real)(double);
} functions[] = {
    [PQ_FN_EXP] = {ALL, exp},          [PQ_FN_LN] = {POSITIVE, log},
    [PQ_FN_LOG10] = {POSITIVE, log10}, [PQ_FN_SIN] = {FINITE, sin},
    [PQ_FN_COS] = {FINITE, cos},       [PQ_FN_TAN] = {FINITE, tan},
    [PQ_FN_ASIN] = {UNIT, asin},       [PQ_FN_ACOS] = {UNIT, acos},
    [PQ_FN_ATAN] = {ALL, atan},        [PQ_FN_SINH] = {ALL, sinh},
    [PQ_FN_COSH] = {ALL, cosh},        [PQ_FN_TANH] = {ALL, tanh},
    [PQ_FN_ASINH] = {ALL, asinh},      [PQ_FN_ACOSH] = {FROM_ONE, acosh},
    [PQ_FN_ATANH] = {UNIT, atanh},
};

static int check_domain(const pq_expression *e, pq_eval *s, pq_quantity n, domain d) {
  bool is_infinite = n.type == PQ_TYPE_DECIMAL ? n.number.kind == PQ_NUMBER_INFINITE
                                               : n.type == PQ_TYPE_DOUBLE && isinf(n.real);
  if (is_nan(n)) return PQ_OK;
  switch (d) {
    case ALL: return PQ_OK;
    case FINITE: return is_infinite ? fail_range(e, s, "that is not infinite") : PQ_OK;
    case POSITIVE: return compare_whole(n, 0) <= 0 ? fail_range(e, s, "above 0") : PQ_OK;
    case NOT_NEGATIVE: return compare_whole(n, 0) < 0 ? fail_range(e, s, "0 or more") : PQ_OK;
    case FROM_ONE: return compare_whole(n, 1) < 0 ? fail_range(e, s, "1 or more") : PQ_OK;
    case UNIT: break;
  }
  return compare_whole(n, -1) < 0 || compare_whole(n, 1) > 0 ? fail_range(e, s, "from -1 to 1")
                                                             : PQ_OK;
}

static int eval_function(const pq_expression *e, pq_eval *s, const pq_value *args, pq_value *out) {
  pq_function f = (pq_function)e->op->variant;
  pq_quantity n;
  if (pq_is_nullish(args[0])) return pq_make_null(s, out);
  if (!pq_quantity_of(args[0], &n)) return pq_fail_argument(e, s, args[0], "a number");
  PQ_TRY(check_domain(e, s, n, functions[f].domain));
  if (n.type != PQ_TYPE_DECIMAL)
    return pq_make_double(s, functions[f].real(pq_quantity_real(n)), out);
  if (f == PQ_FN_LOG10 && is_nan(n)) return pq_make_double(s, NAN, out); /* as recorded */
  if (!pq_number_function(f, n.number, &n.number))
    return pq_fail(s->cx, PQ_EUNSUPPORTED,
                   "operator '%s' of a decimal with more than 34 digits before the point is not "
                   "supported",
                   e->op->name);
  return pq_make_number(s, n.number, out);
}

static int eval_sqrt(const pq_expression *e, pq_eval *s, const pq_value *args, pq_value *out) {
  pq_quantity n;
  if (pq_is_nullish(args[0])) return pq_make_null(s, out);
  if (!pq_quantity_of(args[0], &n)) return pq_fail_argument(e, s, args[0], "a number");
  PQ_TRY(check_domain(e, s, n, NOT_NEGATIVE));
  if (n.type == PQ_TYPE_DECIMAL) return pq_make_number(s, pq_number_sqrt(n.number), out);
  return pq_make_double(s, sqrt(pq_quantity_real(n)), out);
}

/* 1 / (1 + e^-x) */
static int eval_sigmoid(const pq_expression *e, pq_eval *s, const pq_value *args, pq_value *out) {
  pq_number one = pq_number_of_i64(1);
  pq_quantity n;
  if (pq_is_nullish(args[0])) return pq_make_null(s, out);
  if (!pq_quantity_of(args[0], &n)) return pq_fail_argument(e, s, args[0], "a number");
  if (n.type != PQ_TYPE_DECIMAL) return pq_make_double(s, 1 / (1 + exp(-pq_quantity_real(n))), out);
  n.number.is_negative = !n.number.is_negative;
  (void)pq_number_function(PQ_FN_EXP, n.number, &n.number);
  return pq_make_number(s, pq_number_divide(one, pq_number_add(one, n.number)), out);
}

/* variant 1: radians to degrees. A decimal pi has the 15 digits of a double's (as recorded). */
static int eval_angle(const pq_expression *e, pq_eval *s, const pq_value *args, pq_value *out) {
  const double pi = 3.14159265358979323846;
  pq_number half_turn = pq_number_of_i64(180), decimal_pi;
  pq_quantity n;
  if (pq_is_nullish(args[0])) return pq_make_null(s, out);
  if (!pq_quantity_of(args[0], &n)) return pq_fail_argument(e, s, args[0], "a number");
  if (n.type != PQ_TYPE_DECIMAL)
    return pq_make_double(s, pq_quantity_real(n) * (e->op->variant == 0 ? pi / 180 : 180 / pi),
                          out);
  decimal_pi = pq_number_of_double(pi, PQ_DOUBLE_DIGITS);
  n.number = e->op->variant == 0
                 ? pq_number_divide(pq_number_multiply(n.number, decimal_pi), half_turn)
                 : pq_number_divide(pq_number_multiply(n.number, half_turn), decimal_pi);
  return pq_make_number(s, n.number, out);
}

/* ---- functions of two ---- */

static int read_two(const pq_expression *e, pq_eval *s, const pq_value *args, pq_quantity n[2],
                    bool *is_null) {
  *is_null = pq_is_nullish(args[0]) || pq_is_nullish(args[1]);
  for (int i = 0; i < 2 && !*is_null; i++)
    if (!pq_quantity_of(args[i], &n[i])) return pq_fail_argument(e, s, args[i], "numbers");
  return PQ_OK;
}

static int eval_atan2(const pq_expression *e, pq_eval *s, const pq_value *args, pq_value *out) {
  pq_quantity n[2];
  bool is_null;
  PQ_TRY(read_two(e, s, args, n, &is_null));
  if (is_null) return pq_make_null(s, out);
  if (pq_quantity_kind(n[0], n[1]) == PQ_TYPE_DECIMAL)
    return pq_make_number(s, pq_number_atan2(pq_quantity_number(n[0]), pq_quantity_number(n[1])),
                          out);
  return pq_make_double(s, atan2(pq_quantity_real(n[0]), pq_quantity_real(n[1])), out);
}

/* [number, base] */
static int eval_log(const pq_expression *e, pq_eval *s, const pq_value *args, pq_value *out) {
  pq_quantity n[2];
  bool is_null;
  PQ_TRY(read_two(e, s, args, n, &is_null));
  if (is_null) return pq_make_null(s, out);
  PQ_TRY(check_domain(e, s, n[0], POSITIVE));
  PQ_TRY(check_domain(e, s, n[1], POSITIVE));
  if (is_nan(n[0]) || is_nan(n[1])) return pq_make_double(s, NAN, out);
  if (compare_whole(n[1], 1) == 0) return fail_range(e, s, "that is not 1 as base");
  if (pq_quantity_kind(n[0], n[1]) == PQ_TYPE_DECIMAL)
    return pq_make_number(s, pq_number_log(pq_quantity_number(n[0]), pq_quantity_number(n[1])),
                          out);
  return pq_make_double(s, log(pq_quantity_real(n[0])) / log(pq_quantity_real(n[1])), out);
}

/* base^power as a whole number; false when it is none or does not fit. */
static bool power_whole(int64_t base, int64_t power, int64_t *out) {
  *out = 1;
  if (base == 1 || (base == -1 && power % 2 == 0)) return true;
  if (base == -1) *out = -1;
  if (base == -1) return true;
  if (power < 0) return false;
  for (; power > 0 && base != 0; power--)
    if (!pq_mul_i64(*out, base, out)) return false;
  if (power > 0) *out = 0;
  return true;
}

static int eval_pow(const pq_expression *e, pq_eval *s, const pq_value *args, pq_value *out) {
  pq_quantity n[2], result = {0};
  bool is_null;
  PQ_TRY(read_two(e, s, args, n, &is_null));
  if (is_null) return pq_make_null(s, out);
  if (!is_nan(n[0]) && !is_nan(n[1]) && compare_whole(n[0], 0) == 0 && compare_whole(n[1], 0) < 0)
    return pq_fail(s->cx, PQ_EINVALID, "operator '$pow' cannot take 0 to a negative power");
  result.type = pq_quantity_kind(n[0], n[1]);
  if (result.type == PQ_TYPE_DECIMAL) {
    result.number = pq_number_power(pq_quantity_number(n[0]), pq_quantity_number(n[1]));
    return pq_make_quantity(s, result, out);
  }
  if (result.type == PQ_TYPE_DOUBLE || !power_whole(n[0].integer, n[1].integer, &result.integer))
    return pq_make_double(s, pow(pq_quantity_real(n[0]), pq_quantity_real(n[1])), out);
  if (result.integer < INT32_MIN || result.integer > INT32_MAX) result.type = PQ_TYPE_INT64;
  return pq_make_quantity(s, result, out);
}

const pq_operator pq_math_operators[] = {{"$exp", 1, 1, false, NULL, eval_function, PQ_FN_EXP},
                                         {"$ln", 1, 1, false, NULL, eval_function, PQ_FN_LN},
                                         {"$log10", 1, 1, false, NULL, eval_function, PQ_FN_LOG10},
                                         {"$sin", 1, 1, false, NULL, eval_function, PQ_FN_SIN},
                                         {"$cos", 1, 1, false, NULL, eval_function, PQ_FN_COS},
                                         {"$tan", 1, 1, false, NULL, eval_function, PQ_FN_TAN},
                                         {"$asin", 1, 1, false, NULL, eval_function, PQ_FN_ASIN},
                                         {"$acos", 1, 1, false, NULL, eval_function, PQ_FN_ACOS},
                                         {"$atan", 1, 1, false, NULL, eval_function, PQ_FN_ATAN},
                                         {"$sinh", 1, 1, false, NULL, eval_function, PQ_FN_SINH},
                                         {"$cosh", 1, 1, false, NULL, eval_function, PQ_FN_COSH},
                                         {"$tanh", 1, 1, false, NULL, eval_function, PQ_FN_TANH},
                                         {"$asinh", 1, 1, false, NULL, eval_function, PQ_FN_ASINH},
                                         {"$acosh", 1, 1, false, NULL, eval_function, PQ_FN_ACOSH},
                                         {"$atanh", 1, 1, false, NULL, eval_function, PQ_FN_ATANH},
                                         {"$atan2", 2, 2, false, NULL, eval_atan2, 0},
                                         {"$degreesToRadians", 1, 1, false, NULL, eval_angle, 0},
                                         {"$radiansToDegrees", 1, 1, false, NULL, eval_angle, 1},
                                         {"$sqrt", 1, 1, false, NULL, eval_sqrt, 0},
                                         {"$log", 2, 2, false, NULL, eval_log, 0},
                                         {"$pow", 2, 2, false, NULL, eval_pow, 0},
                                         {"$sigmoid", 1, 1, false, NULL, eval_sigmoid, 0},
                                         {NULL, 0, 0, false, NULL, NULL, 0}};
