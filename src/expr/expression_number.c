/* expr/expression_number.c - arithmetic, conversions and sums of expressions.
 *
 *   int with int -> int, or long        long that overflows -> double
 *   with double  -> double              with decimal -> decimal, if exact (arith.c)
 *
 * null and missing make null; $divide is always a double; $round is half-even (MONGO.md 1, rules
 * 30-34).
 */
#include <math.h>
#include <string.h>

#include "expr/expression_int.h"

int pq_make_quantity(pq_eval *s, pq_quantity n, pq_value *out) {
  switch (n.type) {
    case PQ_TYPE_INT32: return pq_make_i32(s, (int32_t)n.integer, out);
    case PQ_TYPE_INT64: return pq_make_i64(s, n.integer, out);
    case PQ_TYPE_DOUBLE: return pq_make_double(s, n.real, out);
    default: break;
  }
  pq_builder_clear(s->builder);
  PQ_TRY(pq_builder_decimal(s->builder, n.decimal));
  return pq_builder_finish(s->builder, s->arena, out);
}

static double real_of(pq_quantity n) {
  return n.type == PQ_TYPE_DOUBLE ? n.real : (double)n.integer;
}

static int fail_decimal(pq_eval *s) {
  return pq_fail(s->cx, PQ_EUNSUPPORTED, "calculating with these decimals is not supported yet");
}

/* The rest of adding or multiplying once combine() has spoken. */
static int settle(pq_eval *s, pq_arith_result rc, double real, pq_quantity *out) {
  if (rc == PQ_ARITH_UNSUPPORTED) return fail_decimal(s);
  if (rc == PQ_ARITH_OVERFLOW) *out = (pq_quantity){.type = PQ_TYPE_DOUBLE, .real = real};
  return PQ_OK;
}

int pq_eval_add(pq_eval *s, pq_quantity a, pq_quantity b, pq_quantity *out) {
  return settle(s, pq_quantity_add(a, b, out), real_of(a) + real_of(b), out);
}

static int multiply(pq_eval *s, pq_quantity a, pq_quantity b, pq_quantity *out) {
  return settle(s, pq_quantity_multiply(a, b, out), real_of(a) * real_of(b), out);
}

bool pq_value_whole(pq_value v, int64_t *out) {
  double real;
  return pq_value_number(v, &real) && pq_value_truncate(v, out) && (double)*out == real;
}

/* Milliseconds as a date, from a number that is added to one. */
static int add_to_date(pq_eval *s, int64_t us, pq_quantity n, pq_value *out) {
  int64_t ms = n.integer, more;
  if (n.type == PQ_TYPE_DECIMAL) return fail_decimal(s);
  if (n.type == PQ_TYPE_DOUBLE) {
    if (!(fabs(n.real) < 9e15)) return pq_fail(s->cx, PQ_EINVALID, "a date out of range");
    ms = (int64_t)nearbyint(n.real);
  }
  if (!pq_mul_i64(ms, 1000, &more) || !pq_add_i64(us, more, &us))
    return pq_fail(s->cx, PQ_EINVALID, "a date out of range");
  return pq_make_date(s, us, out);
}

static int eval_add(const pq_expression *e, pq_eval *s, const pq_value *args, pq_value *out) {
  pq_quantity sum = {.type = PQ_TYPE_INT32}, n;
  int64_t us = 0, found;
  bool has_date = false, has_null = false;
  for (uint32_t i = 0; i < e->arg_count; i++) {
    if (pq_is_nullish(args[i])) {
      has_null = true;
    } else if (pq_value_date_us(args[i], &found)) {
      if (has_date) return pq_fail(s->cx, PQ_EINVALID, "operator '$add' takes only one date");
      has_date = true;
      us = found;
    } else if (!pq_quantity_of(args[i], &n)) {
      return pq_fail_argument(e, s, args[i], "numbers and dates");
    } else {
      PQ_TRY(pq_eval_add(s, sum, n, &sum));
    }
  }
  if (has_null) return pq_make_null(s, out);
  return has_date ? add_to_date(s, us, sum, out) : pq_make_quantity(s, sum, out);
}

static bool negate(pq_quantity *n) {
  n->real = -n->real;
  n->decimal.is_negative = !n->decimal.is_negative && (n->decimal.hi | n->decimal.lo) != 0;
  if (n->type != PQ_TYPE_INT32 && n->type != PQ_TYPE_INT64) return true;
  if (n->integer == INT64_MIN) return false;
  n->integer = -n->integer;
  return true;
}

static int eval_subtract(const pq_expression *e, pq_eval *s, const pq_value *args, pq_value *out) {
  pq_quantity a, b;
  int64_t from, to;
  if (pq_is_nullish(args[0]) || pq_is_nullish(args[1])) return pq_make_null(s, out);
  if (pq_value_date_us(args[0], &from)) {
    if (pq_value_date_us(args[1], &to)) return pq_make_i64(s, from / 1000 - to / 1000, out);
    if (!pq_quantity_of(args[1], &b) || !negate(&b))
      return pq_fail_argument(e, s, args[1], "a number or a date");
    return add_to_date(s, from, b, out);
  }
  if (!pq_quantity_of(args[0], &a)) return pq_fail_argument(e, s, args[0], "numbers");
  if (!pq_quantity_of(args[1], &b)) return pq_fail_argument(e, s, args[1], "numbers");
  if (!negate(&b)) b = (pq_quantity){.type = PQ_TYPE_DOUBLE, .real = 0x1p63};
  PQ_TRY(pq_eval_add(s, a, b, &a));
  return pq_make_quantity(s, a, out);
}

static int eval_multiply(const pq_expression *e, pq_eval *s, const pq_value *args, pq_value *out) {
  pq_quantity product = {.type = PQ_TYPE_INT32, .integer = 1}, n;
  bool has_null = false;
  for (uint32_t i = 0; i < e->arg_count; i++) {
    if (pq_is_nullish(args[i])) {
      has_null = true;
    } else if (!pq_quantity_of(args[i], &n)) {
      return pq_fail_argument(e, s, args[i], "numbers");
    } else {
      PQ_TRY(multiply(s, product, n, &product));
    }
  }
  return has_null ? pq_make_null(s, out) : pq_make_quantity(s, product, out);
}

static int read_two(const pq_expression *e, pq_eval *s, const pq_value *args, pq_quantity *a,
                    pq_quantity *b) {
  if (!pq_quantity_of(args[0], a)) return pq_fail_argument(e, s, args[0], "numbers");
  if (!pq_quantity_of(args[1], b)) return pq_fail_argument(e, s, args[1], "numbers");
  return a->type == PQ_TYPE_DECIMAL || b->type == PQ_TYPE_DECIMAL ? fail_decimal(s) : PQ_OK;
}

static int eval_divide(const pq_expression *e, pq_eval *s, const pq_value *args, pq_value *out) {
  pq_quantity a, b;
  if (pq_is_nullish(args[0]) || pq_is_nullish(args[1])) return pq_make_null(s, out);
  PQ_TRY(read_two(e, s, args, &a, &b));
  if (real_of(b) == 0) return pq_fail(s->cx, PQ_EINVALID, "operator '$divide' cannot divide by 0");
  return pq_make_double(s, real_of(a) / real_of(b), out);
}

static int eval_mod(const pq_expression *e, pq_eval *s, const pq_value *args, pq_value *out) {
  pq_quantity a, b, rest = {.type = PQ_TYPE_INT32};
  if (pq_is_nullish(args[0]) || pq_is_nullish(args[1])) return pq_make_null(s, out);
  PQ_TRY(read_two(e, s, args, &a, &b));
  if (real_of(b) == 0) return pq_fail(s->cx, PQ_EINVALID, "operator '$mod' cannot divide by 0");
  /* A double that is a whole number of 32 bits counts as one behind an int or a long. */
  if (a.type != PQ_TYPE_DOUBLE && b.type == PQ_TYPE_DOUBLE && fabs(b.real) <= INT32_MAX &&
      b.real == trunc(b.real))
    b = (pq_quantity){.type = PQ_TYPE_INT32, .integer = (int64_t)b.real};
  if (a.type == PQ_TYPE_DOUBLE || b.type == PQ_TYPE_DOUBLE)
    return pq_make_double(s, fmod(real_of(a), real_of(b)), out);
  if (a.type == PQ_TYPE_INT64 || b.type == PQ_TYPE_INT64) rest.type = PQ_TYPE_INT64;
  rest.integer = b.integer == -1 ? 0 : a.integer % b.integer;
  return pq_make_quantity(s, rest, out);
}

static int eval_abs(const pq_expression *e, pq_eval *s, const pq_value *args, pq_value *out) {
  pq_quantity n;
  if (pq_is_nullish(args[0])) return pq_make_null(s, out);
  if (!pq_quantity_of(args[0], &n)) return pq_fail_argument(e, s, args[0], "a number");
  if (n.is_unsupported) return fail_decimal(s);
  n.real = fabs(n.real);
  n.decimal.is_negative = false;
  if (n.integer < 0 && !negate(&n))
    return pq_fail(s->cx, PQ_EINVALID, "operator '$abs' cannot take the smallest long");
  if (n.integer > INT32_MAX) n.type = PQ_TYPE_INT64;
  return pq_make_quantity(s, n, out);
}

enum { ROUND, TRUNC, FLOOR, CEIL };

static double round_real(int how, double v) {
  switch (how) {
    case TRUNC: return trunc(v);
    case FLOOR: return floor(v);
    case CEIL: return ceil(v);
    default: break;
  }
  if (fabs(v) >= 0x1p52) return v;
  {
    double low = floor(v), rest = v - low;
    double up = rest > 0.5 || (rest == 0.5 && fmod(low, 2) != 0) ? low + 1 : low;
    return up == 0 && (v < 0 || (1 / v) < 0) ? -0.0 : up;
  }
}

/* A whole number rounded at a power of ten, half-even. */
static int round_whole(pq_eval *s, int how, int64_t v, int64_t place, pq_quantity *n) {
  int64_t unit = 1, rest, half;
  for (; place < 0 && unit <= INT64_MAX / 10; place++)
    unit *= 10;
  if (place < 0) {
    n->integer = 0;
    return PQ_OK;
  }
  rest = v % unit;
  n->integer = v - rest;
  half = unit / 2;
  if (how == TRUNC || unit == 1) return PQ_OK;
  if ((rest < 0 ? -rest : rest) > half ||
      ((rest == half || rest == -half) && n->integer / unit % 2 != 0)) {
    if (!pq_add_i64(n->integer, rest < 0 ? -unit : unit, &n->integer))
      return pq_fail(s->cx, PQ_EINVALID, "operator '$round' overflows a long");
  }
  return PQ_OK;
}

static int eval_round(const pq_expression *e, pq_eval *s, const pq_value *args, pq_value *out) {
  int64_t place = 0;
  pq_quantity n;
  if (pq_is_nullish(args[0])) return pq_make_null(s, out);
  if (e->arg_count > 1 && pq_is_nullish(args[1])) return pq_make_null(s, out);
  if (!pq_quantity_of(args[0], &n)) return pq_fail_argument(e, s, args[0], "a number");
  if (e->arg_count > 1 && (!pq_value_whole(args[1], &place) || place < -20 || place > 100))
    return pq_fail_argument(e, s, args[1], "a whole number from -20 to 100 as place");
  if (n.type == PQ_TYPE_DECIMAL) return fail_decimal(s);
  if (n.type == PQ_TYPE_DOUBLE) {
    if (place != 0 && n.real == n.real && fabs(n.real) < 0x1p52)
      return pq_fail(s->cx, PQ_EUNSUPPORTED,
                     "operator '%s' of a double with a place is not supported yet", e->op->name);
    return pq_make_double(s, place == 0 ? round_real(e->op->variant, n.real) : n.real, out);
  }
  if (place < 0) PQ_TRY(round_whole(s, e->op->variant, n.integer, place, &n));
  if (n.integer > INT32_MAX || n.integer < INT32_MIN) n.type = PQ_TYPE_INT64;
  return pq_make_quantity(s, n, out);
}

/* ---- $sum, $avg, $min, $max over arguments; one array argument stands for its elements ---- */

typedef struct items {
  const pq_value *args;
  pq_value list;
  uint32_t count;
} items;

static items items_of(const pq_expression *e, const pq_value *args) {
  items out = {.args = args, .count = e->arg_count};
  if (e->arg_count == 1 && pq_value_type(args[0]) == PQ_TYPE_ARRAY)
    out = (items){.list = args[0], .count = pq_value_count(args[0])};
  return out;
}

static pq_value item_at(const items *all, uint32_t i) {
  return all->args == NULL ? pq_array_at(all->list, i) : all->args[i];
}

int pq_sum_add(pq_eval *s, pq_sum *sum, pq_value v) {
  pq_quantity n, total = {.type = sum->count == 0 ? PQ_TYPE_INT32 : sum->type,
                          .integer = sum->integer,
                          .real = sum->real,
                          .decimal = sum->decimal};
  if (!pq_quantity_of(v, &n)) return PQ_OK;
  PQ_TRY(pq_eval_add(s, total, n, &total));
  *sum = (pq_sum){total.type, total.integer, total.real, total.decimal, sum->count + 1};
  return PQ_OK;
}

int pq_sum_total(pq_eval *s, const pq_sum *sum, pq_value *out) {
  if (sum->count == 0) return pq_make_i32(s, 0, out);
  return pq_make_quantity(
      s,
      (pq_quantity){
          .type = sum->type, .integer = sum->integer, .real = sum->real, .decimal = sum->decimal},
      out);
}

int pq_sum_average(pq_eval *s, const pq_sum *sum, pq_value *out) {
  if (sum->count == 0) return pq_make_null(s, out);
  if (sum->type == PQ_TYPE_DECIMAL) return fail_decimal(s);
  return pq_make_double(
      s, (sum->type == PQ_TYPE_DOUBLE ? sum->real : (double)sum->integer) / (double)sum->count,
      out);
}

/* variant 1: $avg */
static int eval_sum(const pq_expression *e, pq_eval *s, const pq_value *args, pq_value *out) {
  items all = items_of(e, args);
  pq_sum sum = {0};
  for (uint32_t i = 0; i < all.count; i++)
    PQ_TRY(pq_sum_add(s, &sum, item_at(&all, i)));
  return e->op->variant == 0 ? pq_sum_total(s, &sum, out) : pq_sum_average(s, &sum, out);
}

static int eval_extreme(const pq_expression *e, pq_eval *s, const pq_value *args, pq_value *out) {
  items all = items_of(e, args);
  pq_value best = {0};
  for (uint32_t i = 0; i < all.count; i++) {
    pq_value v = item_at(&all, i);
    if (pq_is_nullish(v)) continue;
    if (pq_value_is_missing(best) || pq_value_compare(v, best) * e->op->variant > 0) best = v;
  }
  *out = best;
  return pq_value_is_missing(best) ? pq_make_null(s, out) : PQ_OK;
}

/* ---- conversions ---- */

static int fail_convert(const pq_expression *e, pq_eval *s, pq_value v) {
  return pq_fail(s->cx, PQ_EINVALID, "operator '%s' cannot convert this %s", e->op->name,
                 pq_type_name(pq_value_type(v)));
}

/* An optional sign and digits, nothing else. */
static bool parse_integer(pq_slice text, int64_t *out) {
  size_t i = text.n > 0 && (text.p[0] == '-' || text.p[0] == '+');
  bool is_negative = text.n > 0 && text.p[0] == '-';
  *out = 0;
  if (i == text.n) return false;
  for (; i < text.n; i++) {
    int64_t digit = text.p[i] - '0';
    if (digit < 0 || digit > 9 || !pq_mul_i64(*out, 10, out)) return false;
    if (!pq_add_i64(*out, is_negative ? -digit : digit, out)) return false;
  }
  return true;
}

static int eval_to_integer(const pq_expression *e, pq_eval *s, const pq_value *args,
                           pq_value *out) {
  bool is_int = e->op->variant == PQ_TYPE_INT32, flag;
  int64_t n, us;
  pq_slice text;
  if (pq_is_nullish(args[0])) return pq_make_null(s, out);
  if (pq_value_bool(args[0], &flag))
    n = flag;
  else if (pq_value_string(args[0], &text)) {
    if (!parse_integer(text, &n)) return fail_convert(e, s, args[0]);
  } else if (!is_int && pq_value_date_us(args[0], &us))
    n = us / 1000 - (us % 1000 < 0);
  else if (!pq_value_truncate(args[0], &n))
    return fail_convert(e, s, args[0]);
  if (is_int && (n < INT32_MIN || n > INT32_MAX)) return fail_convert(e, s, args[0]);
  return is_int ? pq_make_i32(s, (int32_t)n, out) : pq_make_i64(s, n, out);
}

static int eval_to_double(const pq_expression *e, pq_eval *s, const pq_value *args, pq_value *out) {
  double real;
  int64_t us;
  bool flag;
  pq_slice text;
  if (pq_is_nullish(args[0])) return pq_make_null(s, out);
  if (pq_value_bool(args[0], &flag)) return pq_make_double(s, flag, out);
  if (pq_value_date_us(args[0], &us)) {
    us /= 1000; /* milliseconds */
    return pq_make_double(s, (double)us, out);
  }
  if (pq_value_string(args[0], &text)) {
    if (!pq_double_parse(text, &real))
      return pq_fail(s->cx, PQ_EINVALID, "operator '$toDouble' cannot read '%.*s'", PQ_SHOW(text));
    return pq_make_double(s, real, out);
  }
  if (!pq_value_number(args[0], &real)) return fail_convert(e, s, args[0]);
  return pq_make_double(s, real, out);
}

static int eval_to_bool(const pq_expression *e, pq_eval *s, const pq_value *args, pq_value *out) {
  (void)e;
  if (pq_is_nullish(args[0])) return pq_make_null(s, out);
  return pq_make_bool(s, pq_value_is_true(args[0]), out);
}

const pq_operator pq_number_operators[] = {
    {"$add", 0, PQ_ARGS_ANY, false, NULL, eval_add, 0},
    {"$subtract", 2, 2, false, NULL, eval_subtract, 0},
    {"$multiply", 0, PQ_ARGS_ANY, false, NULL, eval_multiply, 0},
    {"$divide", 2, 2, false, NULL, eval_divide, 0},
    {"$mod", 2, 2, false, NULL, eval_mod, 0},
    {"$abs", 1, 1, false, NULL, eval_abs, 0},
    {"$floor", 1, 1, false, NULL, eval_round, FLOOR},
    {"$ceil", 1, 1, false, NULL, eval_round, CEIL},
    {"$round", 1, 2, false, NULL, eval_round, ROUND},
    {"$trunc", 1, 2, false, NULL, eval_round, TRUNC},
    {"$sum", 0, PQ_ARGS_ANY, false, NULL, eval_sum, 0},
    {"$avg", 0, PQ_ARGS_ANY, false, NULL, eval_sum, 1},
    {"$min", 0, PQ_ARGS_ANY, false, NULL, eval_extreme, -1},
    {"$max", 0, PQ_ARGS_ANY, false, NULL, eval_extreme, 1},
    {"$toInt", 1, 1, false, NULL, eval_to_integer, PQ_TYPE_INT32},
    {"$toLong", 1, 1, false, NULL, eval_to_integer, PQ_TYPE_INT64},
    {"$toDouble", 1, 1, false, NULL, eval_to_double, 0},
    {"$toBool", 1, 1, false, NULL, eval_to_bool, 0},
    {NULL, 0, 0, false, NULL, NULL, 0}};
