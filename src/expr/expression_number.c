/* expr/expression_number.c - arithmetic of expressions.
 *
 *   int with int -> int, or long        long that overflows -> double
 *   with double  -> double              with decimal -> decimal (arith.c)
 *
 * null and missing make null; $divide is a double at least (MONGO.md 1, rules 30-33). Dates are
 * milliseconds.
 */
#include <math.h>

#include "expr/expression_int.h"

int pq_make_quantity(pq_eval *s, pq_quantity n, pq_value *out) {
  switch (n.type) {
    case PQ_TYPE_INT32: return pq_make_i32(s, (int32_t)n.integer, out);
    case PQ_TYPE_INT64: return pq_make_i64(s, n.integer, out);
    case PQ_TYPE_DOUBLE: return pq_make_double(s, n.real, out);
    default: return pq_make_number(s, n.number, out);
  }
}

pq_quantity pq_eval_add(pq_quantity a, pq_quantity b) {
  pq_quantity out;
  if (pq_quantity_add(a, b, &out)) return out;
  return (pq_quantity){.type = PQ_TYPE_DOUBLE, .real = (double)a.integer + (double)b.integer};
}

static pq_quantity multiply(pq_quantity a, pq_quantity b) {
  pq_quantity out;
  if (pq_quantity_multiply(a, b, &out)) return out;
  return (pq_quantity){.type = PQ_TYPE_DOUBLE, .real = (double)a.integer * (double)b.integer};
}

bool pq_value_whole(pq_value v, int64_t *out) {
  double real;
  return pq_value_number(v, &real) && pq_value_truncate(v, out) && (double)*out == real;
}

static int fail_two(const pq_expression *e, pq_eval *s, const pq_value *args, const char *what) {
  return pq_fail(s->cx, PQ_EINVALID, "operator '%s' needs %s, not %s and %s", e->op->name, what,
                 pq_show_type(args[0]), pq_show_type(args[1]));
}

/* Two numbers; *is_null when one is null or missing. */
static int read_two(const pq_expression *e, pq_eval *s, const pq_value *args, pq_quantity n[2],
                    bool *is_null) {
  *is_null = pq_is_nullish(args[0]) || pq_is_nullish(args[1]);
  if (*is_null) return PQ_OK;
  if (pq_quantity_of(args[0], &n[0]) && pq_quantity_of(args[1], &n[1])) return PQ_OK;
  return fail_two(e, s, args, "numbers");
}

/* ---- dates ---- */

static int fail_date(const pq_expression *e, pq_eval *s) {
  return pq_fail(s->cx, PQ_EINVALID, "operator '%s' makes a date that is out of range",
                 e->op->name);
}

/* A number of milliseconds, rounded. Decimals beyond 64 bits are the largest number. */
static bool read_ms(pq_quantity n, int64_t *out) {
  *out = n.integer;
  if (n.type == PQ_TYPE_DECIMAL) {
    if (!pq_number_i64(n.number, PQ_ROUND_EVEN, out)) *out = INT64_MAX;
    return true;
  }
  if (n.type != PQ_TYPE_DOUBLE) return true;
  if (!(fabs(n.real) < 0x1p63)) return false;
  *out = (int64_t)round(n.real);
  return true;
}

/* ---- $add, $multiply ---- */

static int add_to_date(const pq_expression *e, pq_eval *s, int64_t ms, pq_quantity n,
                       pq_value *out) {
  int64_t more;
  if (!read_ms(n, &more) || !pq_add_i64(ms, more, &ms)) return fail_date(e, s);
  return pq_make_date_ms(s, ms, out);
}

/* The common case: nothing but whole numbers whose sum fits. */
static bool add_whole(const pq_value *args, uint32_t count, pq_quantity *sum) {
  *sum = (pq_quantity){.type = PQ_TYPE_INT32};
  for (uint32_t i = 0; i < count; i++) {
    int64_t n;
    if (!pq_value_i64(args[i], &n) || !pq_add_i64(sum->integer, n, &sum->integer)) return false;
    if (pq_value_type(args[i]) == PQ_TYPE_INT64) sum->type = PQ_TYPE_INT64;
  }
  if (sum->integer < INT32_MIN || sum->integer > INT32_MAX) sum->type = PQ_TYPE_INT64;
  return true;
}

static int eval_add(const pq_expression *e, pq_eval *s, const pq_value *args, pq_value *out) {
  pq_quantity sum, n;
  int64_t ms = 0, found;
  bool has_date = false, has_null = false;
  if (add_whole(args, e->arg_count, &sum)) return pq_make_quantity(s, sum, out);
  sum = (pq_quantity){.type = PQ_TYPE_INT32};
  for (uint32_t i = 0; i < e->arg_count; i++) {
    if (pq_quantity_of(args[i], &n)) {
      sum = i == 0 ? n : pq_eval_add(sum, n);
    } else if (pq_is_nullish(args[i])) {
      has_null = true;
    } else if (pq_value_date_ms(args[i], &found)) {
      if (has_date) return pq_fail(s->cx, PQ_EINVALID, "operator '$add' takes only one date");
      has_date = true;
      ms = found;
    } else {
      return pq_fail_argument(e, s, args[i], "numbers and dates");
    }
  }
  if (has_null) return pq_make_null(s, out);
  return has_date ? add_to_date(e, s, ms, sum, out) : pq_make_quantity(s, sum, out);
}

static int eval_multiply(const pq_expression *e, pq_eval *s, const pq_value *args, pq_value *out) {
  pq_quantity product = {.type = PQ_TYPE_INT32, .integer = 1}, n;
  bool has_null = false;
  for (uint32_t i = 0; i < e->arg_count; i++) {
    if (pq_quantity_of(args[i], &n))
      product = i == 0 ? n : multiply(product, n);
    else if (pq_is_nullish(args[i]))
      has_null = true;
    else
      return pq_fail_argument(e, s, args[i], "numbers");
  }
  return has_null ? pq_make_null(s, out) : pq_make_quantity(s, product, out);
}

/* ---- $subtract, $divide, $mod, $abs ---- */

static pq_quantity difference(pq_quantity a, pq_quantity b) {
  pq_type type = pq_quantity_kind(a, b);
  int64_t n;
  if (type == PQ_TYPE_DECIMAL)
    return (pq_quantity){
        .type = type, .number = pq_number_subtract(pq_quantity_number(a), pq_quantity_number(b))};
  if (type == PQ_TYPE_DOUBLE || !pq_sub_i64(a.integer, b.integer, &n))
    return (pq_quantity){.type = PQ_TYPE_DOUBLE, .real = pq_quantity_real(a) - pq_quantity_real(b)};
  if (n < INT32_MIN || n > INT32_MAX) type = PQ_TYPE_INT64;
  return (pq_quantity){.type = type, .integer = n};
}

static int eval_subtract(const pq_expression *e, pq_eval *s, const pq_value *args, pq_value *out) {
  pq_quantity n[2];
  int64_t from, to;
  bool is_null;
  if (pq_value_date_ms(args[0], &from) && !pq_is_nullish(args[1])) {
    if (pq_value_date_ms(args[1], &to)) {
      if (!pq_sub_i64(from, to, &from))
        return pq_fail(s->cx, PQ_EINVALID, "operator '$subtract' overflows a long");
      return pq_make_i64(s, from, out);
    }
    if (!pq_quantity_of(args[1], &n[1])) return fail_two(e, s, args, "a number after a date");
    if (!read_ms(n[1], &to) || !pq_sub_i64(from, to, &from)) return fail_date(e, s);
    return pq_make_date_ms(s, from, out);
  }
  PQ_TRY(read_two(e, s, args, n, &is_null));
  return is_null ? pq_make_null(s, out) : pq_make_quantity(s, difference(n[0], n[1]), out);
}

static bool is_zero(pq_quantity n) {
  if (n.type == PQ_TYPE_DECIMAL) return pq_number_is_zero(n.number);
  return n.type == PQ_TYPE_DOUBLE ? n.real == 0 : n.integer == 0;
}

static int eval_divide(const pq_expression *e, pq_eval *s, const pq_value *args, pq_value *out) {
  pq_quantity n[2];
  bool is_null;
  PQ_TRY(read_two(e, s, args, n, &is_null));
  if (is_null) return pq_make_null(s, out);
  if (is_zero(n[1])) return pq_fail(s->cx, PQ_EINVALID, "operator '$divide' cannot divide by 0");
  if (pq_quantity_kind(n[0], n[1]) == PQ_TYPE_DECIMAL)
    return pq_make_number(s, pq_number_divide(pq_quantity_number(n[0]), pq_quantity_number(n[1])),
                          out);
  return pq_make_double(s, pq_quantity_real(n[0]) / pq_quantity_real(n[1]), out);
}

/* A double divisor that is an int counts as one. */
static void settle_divisor(const pq_quantity *a, pq_quantity *b) {
  if (a->type == PQ_TYPE_DOUBLE || b->type != PQ_TYPE_DOUBLE) return;
  if (!(b->real >= INT32_MIN && b->real <= INT32_MAX) || b->real != trunc(b->real)) return;
  *b = (pq_quantity){.type = PQ_TYPE_INT32, .integer = (int64_t)b->real};
}

static int eval_mod(const pq_expression *e, pq_eval *s, const pq_value *args, pq_value *out) {
  pq_quantity n[2], rest = {0};
  bool is_null;
  PQ_TRY(read_two(e, s, args, n, &is_null));
  if (is_null) return pq_make_null(s, out);
  if (is_zero(n[1])) return pq_fail(s->cx, PQ_EINVALID, "operator '$mod' cannot divide by 0");
  settle_divisor(&n[0], &n[1]);
  rest.type = pq_quantity_kind(n[0], n[1]);
  if (rest.type == PQ_TYPE_DECIMAL)
    rest.number = pq_number_remainder(pq_quantity_number(n[0]), pq_quantity_number(n[1]));
  else if (rest.type == PQ_TYPE_DOUBLE)
    rest.real = fmod(pq_quantity_real(n[0]), pq_quantity_real(n[1]));
  else
    rest.integer = n[1].integer == -1 ? 0 : n[0].integer % n[1].integer;
  return pq_make_quantity(s, rest, out);
}

static int eval_abs(const pq_expression *e, pq_eval *s, const pq_value *args, pq_value *out) {
  pq_quantity n;
  if (pq_is_nullish(args[0])) return pq_make_null(s, out);
  if (!pq_quantity_of(args[0], &n)) return pq_fail_argument(e, s, args[0], "a number");
  n.real = fabs(n.real);
  n.number.is_negative = false;
  if (n.integer == INT64_MIN)
    return pq_fail(s->cx, PQ_EINVALID, "operator '$abs' cannot take the smallest long");
  if (n.integer < 0) n.integer = -n.integer;
  if (n.type == PQ_TYPE_INT32 && n.integer > INT32_MAX) n.type = PQ_TYPE_INT64;
  return pq_make_quantity(s, n, out);
}

/* ---- rounding; variants are those of pq_rounding ---- */

static double round_real(pq_rounding how, double v) {
  switch (how) {
    case PQ_ROUND_TRUNC: return trunc(v);
    case PQ_ROUND_FLOOR: return floor(v);
    case PQ_ROUND_CEIL: return ceil(v);
    default: break;
  }
  if (fabs(v) >= 0x1p52) return v;
  {
    double low = floor(v), rest = v - low;
    double up = rest > 0.5 || (rest == 0.5 && fmod(low, 2) != 0) ? low + 1 : low;
    return up == 0 && (v < 0 || (1 / v) < 0) ? -0.0 : up;
  }
}

/* To the multiple of 10^-place; places beyond the 34 digits leave the value, with zeros. */
static pq_number round_number(pq_rounding how, pq_number n, int64_t place) {
  int32_t exponent = (int32_t)-place, least;
  if (n.kind != PQ_NUMBER_FINITE) return n;
  least = n.exponent - (PQ_DECIMAL128_DIGITS - pq_number_digits(n));
  if (exponent < least && !pq_number_is_zero(n)) exponent = least;
  return pq_number_quantize(n, exponent, how);
}

/* A whole number rounded at a power of ten, half-even. */
static int round_whole(pq_eval *s, pq_rounding how, int64_t place, pq_quantity *n) {
  int64_t unit = 1, rest, half, v = n->integer;
  for (; place < 0 && unit <= INT64_MAX / 10; place++)
    unit *= 10;
  if (place < 0) {
    n->integer = 0;
    return PQ_OK;
  }
  rest = v % unit;
  n->integer = v - rest;
  half = unit / 2;
  if (how == PQ_ROUND_TRUNC || unit == 1) return PQ_OK;
  if ((rest < 0 ? -rest : rest) > half ||
      ((rest == half || rest == -half) && n->integer / unit % 2 != 0)) {
    if (!pq_add_i64(n->integer, rest < 0 ? -unit : unit, &n->integer))
      return pq_fail(s->cx, PQ_EINVALID, "operator '$round' overflows a long");
  }
  return PQ_OK;
}

static int eval_round(const pq_expression *e, pq_eval *s, const pq_value *args, pq_value *out) {
  pq_rounding how = (pq_rounding)e->op->variant;
  int64_t place = 0;
  pq_quantity n;
  if (pq_is_nullish(args[0])) return pq_make_null(s, out);
  if (e->arg_count > 1 && pq_is_nullish(args[1])) return pq_make_null(s, out);
  if (!pq_quantity_of(args[0], &n)) return pq_fail_argument(e, s, args[0], "a number");
  if (e->arg_count > 1 && (!pq_value_whole(args[1], &place) || place < -20 || place > 100))
    return pq_fail_argument(e, s, args[1], "a whole number from -20 to 100 as place");
  if (n.type == PQ_TYPE_DECIMAL) return pq_make_number(s, round_number(how, n.number, place), out);
  if (n.type == PQ_TYPE_DOUBLE) {
    if (place == 0) return pq_make_double(s, round_real(how, n.real), out);
    n.number = pq_number_of_double(n.real, PQ_DECIMAL128_DIGITS);
    if (n.number.kind != PQ_NUMBER_FINITE || n.number.exponent >= -place)
      return pq_make_double(s, n.real, out);
    return pq_make_double(s, pq_number_double(round_number(how, n.number, place)), out);
  }
  if (place < 0) PQ_TRY(round_whole(s, how, place, &n));
  if (n.integer > INT32_MAX || n.integer < INT32_MIN) n.type = PQ_TYPE_INT64;
  return pq_make_quantity(s, n, out);
}

const pq_operator pq_number_operators[] = {
    {"$add", 0, PQ_ARGS_ANY, false, NULL, eval_add, 0},
    {"$subtract", 2, 2, false, NULL, eval_subtract, 0},
    {"$multiply", 0, PQ_ARGS_ANY, false, NULL, eval_multiply, 0},
    {"$divide", 2, 2, false, NULL, eval_divide, 0},
    {"$mod", 2, 2, false, NULL, eval_mod, 0},
    {"$abs", 1, 1, false, NULL, eval_abs, 0},
    {"$floor", 1, 1, false, NULL, eval_round, PQ_ROUND_FLOOR},
    {"$ceil", 1, 1, false, NULL, eval_round, PQ_ROUND_CEIL},
    {"$round", 1, 2, false, NULL, eval_round, PQ_ROUND_EVEN},
    {"$trunc", 1, 2, false, NULL, eval_round, PQ_ROUND_TRUNC},
    {NULL, 0, 0, false, NULL, NULL, 0}};
