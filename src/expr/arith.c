/* expr/arith.c - the numbers of $inc, $mul, $add and $multiply (MONGO.md 1, rules 30 and 31).
 *
 *   int with int       -> int, or long when it does not fit
 *   long with int/long -> long, or an overflow
 *   double with those  -> double
 *   decimal with any   -> decimal; a double counts with 15 digits
 *
 * Pure functions, any thread.
 */
#include "expr/expression_int.h"

bool pq_quantity_of(pq_value v, pq_quantity *out) {
  *out = (pq_quantity){.type = pq_value_type(v)};
  switch (out->type) {
    case PQ_TYPE_INT32:
    case PQ_TYPE_INT64: return pq_value_i64(v, &out->integer);
    case PQ_TYPE_DOUBLE: return pq_value_double(v, &out->real);
    case PQ_TYPE_DECIMAL: return pq_value_decimal_number(v, &out->number);
    default: return false;
  }
}

pq_type pq_quantity_kind(pq_quantity a, pq_quantity b) {
  if (a.type == PQ_TYPE_DECIMAL || b.type == PQ_TYPE_DECIMAL) return PQ_TYPE_DECIMAL;
  if (a.type == PQ_TYPE_DOUBLE || b.type == PQ_TYPE_DOUBLE) return PQ_TYPE_DOUBLE;
  return a.type == PQ_TYPE_INT64 || b.type == PQ_TYPE_INT64 ? PQ_TYPE_INT64 : PQ_TYPE_INT32;
}

double pq_quantity_real(pq_quantity n) {
  if (n.type == PQ_TYPE_DECIMAL) return pq_number_double(n.number);
  return n.type == PQ_TYPE_DOUBLE ? n.real : (double)n.integer;
}

pq_number pq_quantity_number(pq_quantity n) {
  if (n.type == PQ_TYPE_DECIMAL) return n.number;
  return n.type == PQ_TYPE_DOUBLE ? pq_number_of_double(n.real, PQ_DOUBLE_DIGITS)
                                  : pq_number_of_i64(n.integer);
}

static bool combine(pq_quantity a, pq_quantity b, bool is_sum, pq_quantity *out) {
  bool fits;
  *out = (pq_quantity){.type = pq_quantity_kind(a, b)};
  if (out->type == PQ_TYPE_DECIMAL) {
    pq_number x = pq_quantity_number(a), y = pq_quantity_number(b);
    out->number = is_sum ? pq_number_add(x, y) : pq_number_multiply(x, y);
    return true;
  }
  if (out->type == PQ_TYPE_DOUBLE) {
    double x = pq_quantity_real(a), y = pq_quantity_real(b);
    out->real = is_sum ? x + y : x * y;
    return true;
  }
  fits = is_sum ? pq_add_i64(a.integer, b.integer, &out->integer)
                : pq_mul_i64(a.integer, b.integer, &out->integer);
  if (out->integer < INT32_MIN || out->integer > INT32_MAX) out->type = PQ_TYPE_INT64;
  return fits;
}

bool pq_quantity_add(pq_quantity a, pq_quantity b, pq_quantity *out) {
  return combine(a, b, true, out);
}

bool pq_quantity_multiply(pq_quantity a, pq_quantity b, pq_quantity *out) {
  return combine(a, b, false, out);
}
