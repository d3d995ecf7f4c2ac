/* expr/expression_bits.c - bits of integers, random numbers, parts of timestamps.
 *
 *   $bitAnd: [13, 11] -> 9        int, or long when one of them is; null and missing make null
 *
 * Random numbers come from s->random, which the caller seeds: the same seed, the same numbers.
 */
#include "expr/expression_int.h"

enum { AND, OR, XOR };

static int eval_bits(const pq_expression *e, pq_eval *s, const pq_value *args, pq_value *out) {
  pq_type type = PQ_TYPE_INT32;
  int64_t all = e->op->variant == AND ? -1 : 0, n;
  bool has_null = false;
  for (uint32_t i = 0; i < e->arg_count; i++) {
    if (pq_is_nullish(args[i])) {
      has_null = true;
      continue;
    }
    if (!pq_value_i64(args[i], &n)) return pq_fail_argument(e, s, args[i], "ints and longs");
    if (pq_value_type(args[i]) == PQ_TYPE_INT64) type = PQ_TYPE_INT64;
    all = e->op->variant == AND ? all & n : e->op->variant == OR ? all | n : all ^ n;
  }
  if (has_null) return pq_make_null(s, out);
  return pq_make_quantity(s, (pq_quantity){.type = type, .integer = all}, out);
}

static int eval_bit_not(const pq_expression *e, pq_eval *s, const pq_value *args, pq_value *out) {
  int64_t n;
  if (pq_is_nullish(args[0])) return pq_make_null(s, out);
  if (!pq_value_i64(args[0], &n)) return pq_fail_argument(e, s, args[0], "an int or a long");
  return pq_make_quantity(s, (pq_quantity){.type = pq_value_type(args[0]), .integer = ~n}, out);
}

/* ---- random numbers ---- */

uint64_t pq_eval_random(pq_eval *s) {
  uint64_t z = s->random += 0x9e3779b97f4a7c15u;
  z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
  z = (z ^ z >> 27) * 0x94d049bb133111ebu;
  return z ^ z >> 31;
}

/* 0 <= x < 1 */
static double random_real(pq_eval *s) {
  return (double)(pq_eval_random(s) >> 11) * 0x1p-53;
}

static int eval_rand(const pq_expression *e, pq_eval *s, const pq_value *args, pq_value *out) {
  (void)e;
  (void)args;
  return pq_make_double(s, random_real(s), out);
}

static int eval_sample_rate(const pq_expression *e, pq_eval *s, const pq_value *args,
                            pq_value *out) {
  double rate;
  if (!pq_value_number(args[0], &rate) || !(rate >= 0 && rate <= 1))
    return pq_fail_argument(e, s, args[0], "a number from 0 to 1");
  return pq_make_bool(s, random_real(s) < rate, out);
}

/* ---- timestamps: variant is the field ---- */

enum { SECOND, INCREMENT };

static int eval_timestamp(const pq_expression *e, pq_eval *s, const pq_value *args, pq_value *out) {
  int64_t n;
  if (pq_is_nullish(args[0])) return pq_make_null(s, out);
  if (pq_value_type(args[0]) != PQ_TYPE_TIMESTAMP ||
      !pq_value_i64(pq_object_get_str(pq_object_get_str(args[0], "$timestamp"),
                                      e->op->variant == SECOND ? "t" : "i"),
                    &n))
    return pq_fail_argument(e, s, args[0], "a timestamp");
  return pq_make_i64(s, n, out);
}

const pq_operator pq_bit_operators[] = {
    {"$bitAnd", 0, PQ_ARGS_ANY, false, NULL, eval_bits, AND},
    {"$bitOr", 0, PQ_ARGS_ANY, false, NULL, eval_bits, OR},
    {"$bitXor", 0, PQ_ARGS_ANY, false, NULL, eval_bits, XOR},
    {"$bitNot", 1, 1, false, NULL, eval_bit_not, 0},
    {"$rand", 0, 1, false, NULL, eval_rand, 0},
    {"$sampleRate", 1, 1, false, NULL, eval_sample_rate, 0},
    {"$tsSecond", 1, 1, false, NULL, eval_timestamp, SECOND},
    {"$tsIncrement", 1, 1, false, NULL, eval_timestamp, INCREMENT},
    {NULL, 0, 0, false, NULL, NULL, 0}};
