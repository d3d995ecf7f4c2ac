/* expr/update_number.c - $inc, $mul and $bit at one place. See update.h.
 *
 *   5 (int) + $inc 0.5          ->  5.5 (double)           MONGO.md 1, rules 30, 31, 36
 *   13 + $bit {and: 0, or: 10}  ->  10                     each on the result of the one before
 *
 * Nothing is kept between calls.
 */
#include <string.h>

#include "expr/update_int.h"

static int put_quantity(pq_applier *s, pq_quantity n) {
  switch (n.type) {
    case PQ_TYPE_INT32: return pq_builder_i32(s->b, (int32_t)n.integer);
    case PQ_TYPE_INT64: return pq_builder_i64(s->b, n.integer);
    case PQ_TYPE_DOUBLE: return pq_builder_double(s->b, n.real);
    default: return pq_builder_number(s->b, n.number);
  }
}

static bool is_same_quantity(pq_quantity a, pq_quantity b) {
  if (a.type != b.type) return false;
  if (a.type == PQ_TYPE_DOUBLE) return memcmp(&a.real, &b.real, sizeof a.real) == 0;
  if (a.type != PQ_TYPE_DECIMAL) return a.integer == b.integer;
  return a.number.kind == b.number.kind && a.number.is_negative == b.number.is_negative &&
         a.number.hi == b.number.hi && a.number.lo == b.number.lo &&
         a.number.exponent == b.number.exponent;
}

int pq_applier_put_arith(pq_applier *s, const pq_term *term, pq_value old) {
  const char *name = term->op == PQ_UPDATE_INC ? "$inc" : "$mul";
  pq_quantity a, b, result;
  bool is_known = pq_quantity_of(term->operand, &b), is_set, fits;
  pq_assert(is_known);
  if (pq_value_is_missing(old)) {
    s->is_changed = true;
    if (term->op == PQ_UPDATE_INC) return pq_builder_value(s->b, term->operand);
    return put_quantity(s, (pq_quantity){.type = b.type}); /* zero of the operand's type */
  }
  if (pq_value_bool(old, &is_set) && term->op == PQ_UPDATE_INC)
    a = (pq_quantity){.type = PQ_TYPE_INT32, .integer = is_set};
  else if (!pq_quantity_of(old, &a))
    return pq_fail(s->cx, PQ_EUPDATE, "operator '%s' at path '%.*s' needs a number there, not %s",
                   name, PQ_SHOW(term->path.text), pq_type_name(pq_value_type(old)));
  fits = term->op == PQ_UPDATE_INC ? pq_quantity_add(a, b, &result)
                                   : pq_quantity_multiply(a, b, &result);
  if (!fits)
    return pq_fail(s->cx, PQ_EUPDATE, "operator '%s' at path '%.*s' overflows int64", name,
                   PQ_SHOW(term->path.text));
  if (pq_value_type(old) == PQ_TYPE_BOOL || !is_same_quantity(a, result)) s->is_changed = true;
  return put_quantity(s, result);
}

/* {"and": 5, "or": 1}: each on the result of the one before. */
int pq_applier_put_bit(pq_applier *s, const pq_term *term, pq_value old) {
  pq_type type = pq_value_is_missing(old) ? PQ_TYPE_INT32 : pq_value_type(old);
  int64_t n = 0, mask = 0;
  uint32_t count;
  pq_field *fields = pq_object_fields(s->arena, term->operand, &count);
  if (fields == NULL) return s->cx->code;
  if (type != PQ_TYPE_INT32 && type != PQ_TYPE_INT64)
    return pq_fail(s->cx, PQ_EUPDATE,
                   "operator '$bit' at path '%.*s' needs an integer there, not %s",
                   PQ_SHOW(term->path.text), pq_type_name(type));
  (void)pq_value_i64(old, &n);
  for (uint32_t i = 0; i < count; i++) {
    (void)pq_value_i64(fields[i].value, &mask);
    n = pq_slice_is(fields[i].name, "and")  ? n & mask
        : pq_slice_is(fields[i].name, "or") ? n | mask
                                            : n ^ mask;
    if (pq_value_type(fields[i].value) == PQ_TYPE_INT64) type = PQ_TYPE_INT64;
  }
  if (pq_value_is_missing(old) || type != pq_value_type(old)) s->is_changed = true;
  mask = n;
  (void)pq_value_i64(old, &mask);
  if (mask != n) s->is_changed = true;
  return put_quantity(s, (pq_quantity){.type = type, .integer = n});
}
