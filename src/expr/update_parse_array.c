/* expr/update_parse_array.c - the operators on arrays as they are written. See update.h.
 *
 *   {"$push": {"a": {"$each": [1, 2], "$slice": -5}}}     a PUSH_EACH [1, 2] ──► change: slice -5
 *   {"$pull": {"a": {"x": {"$gt": 3}}}}                   a PULL ──► change: a filter on objects
 *
 * What the operand of a term does not say stands in its change.
 */
#include "expr/update_int.h"

/* A new entry of u->changes, and the term that names it. */
static int add_change(pq_update_parser *s, const pq_field *field, pq_update_op op,
                      pq_array_change **out) {
  pq_term *term;
  *out = NULL;
  PQ_TRY(pq_update_add_term(s, field->name, op, field->value, &term));
  term->source = s->u->change_count;
  *out = &s->u->changes[s->u->change_count++];
  return PQ_OK;
}

static int fail_modifier(pq_update_parser *s, const char *name, pq_slice path, const char *what) {
  return pq_fail(s->cx, PQ_EUPDATE, "operator '%s' at path '%.*s' needs %s", name, PQ_SHOW(path),
                 what);
}

/* A whole number of any type. */
static bool read_integer(pq_value v, int64_t *out) {
  double real;
  return pq_value_number(v, &real) && pq_value_truncate(v, out) && (double)*out == real;
}

/* 1, -1 or {"a.b": 1, "c": -1} */
static int parse_push_sort(pq_update_parser *s, pq_slice path, pq_value v,
                           pq_array_change *change) {
  int64_t direction;
  if (pq_value_type(v) == PQ_TYPE_OBJECT && pq_value_count(v) > 0) {
    int rc = pq_sort_parse(s->arena, s->env, v, &change->sort);
    if (rc == PQ_EINVALID) return fail_modifier(s, "$sort", path, "directions of 1 or -1");
    return rc;
  }
  if (!read_integer(v, &direction) || (direction != 1 && direction != -1))
    return fail_modifier(s, "$sort", path, "1, -1, or an object of those");
  change->whole_sort = (int)direction;
  return PQ_OK;
}

static int parse_modifier(pq_update_parser *s, pq_slice path, const pq_field *m,
                          pq_array_change *change) {
  if (pq_slice_is(m->name, "$each")) return PQ_OK;
  if (pq_slice_is(m->name, "$sort")) return parse_push_sort(s, path, m->value, change);
  if (pq_slice_is(m->name, "$slice")) {
    change->has_slice = true;
    if (read_integer(m->value, &change->slice)) return PQ_OK;
    return fail_modifier(s, "$slice", path, "a whole number");
  }
  if (pq_slice_is(m->name, "$position")) {
    change->has_position = true;
    if (read_integer(m->value, &change->position)) return PQ_OK;
    return fail_modifier(s, "$position", path, "a whole number");
  }
  return pq_fail(s->cx, PQ_EUPDATE, "unknown operator '%.*s' of '$push' at path '%.*s'",
                 PQ_SHOW(m->name), PQ_SHOW(path));
}

/* The array behind $each; missing when the value has no modifiers. */
static int read_each(pq_update_parser *s, const pq_field *field, pq_value *each) {
  *each = (pq_value){0};
  if (pq_value_type(field->value) != PQ_TYPE_OBJECT) return PQ_OK;
  *each = pq_object_get_str(field->value, "$each");
  if (pq_value_is_missing(*each) || pq_value_type(*each) == PQ_TYPE_ARRAY) return PQ_OK;
  return fail_modifier(s, "$each", field->name, "an array");
}

/* {"$push": {"a": 1}} or {"$push": {"a": {"$each": [1, 2], "$slice": -5}}} */
int pq_update_parse_push(pq_update_parser *s, const pq_field *field) {
  pq_array_change *change;
  pq_value each;
  pq_field *fields;
  uint32_t count;
  PQ_TRY(read_each(s, field, &each));
  if (pq_value_is_missing(each)) return add_change(s, field, PQ_UPDATE_PUSH, &change);
  PQ_TRY(add_change(s, &(pq_field){field->name, each}, PQ_UPDATE_PUSH_EACH, &change));
  PQ_TRY(pq_update_read_fields(s, field->value, &fields, &count));
  for (uint32_t i = 0; i < count; i++)
    PQ_TRY(parse_modifier(s, field->name, &fields[i], change));
  return PQ_OK;
}

int pq_update_parse_add_to_set(pq_update_parser *s, const pq_field *field) {
  pq_array_change *change;
  pq_value each;
  PQ_TRY(read_each(s, field, &each));
  if (pq_value_is_missing(each)) return add_change(s, field, PQ_UPDATE_ADD_TO_SET, &change);
  if (pq_value_count(field->value) > 1)
    return fail_modifier(s, "$addToSet", field->name, "nothing beside '$each'");
  return add_change(s, &(pq_field){field->name, each}, PQ_UPDATE_ADD_EACH, &change);
}

/* A value, {"$gt": 3} on elements, or {"x": 1} on elements that are objects (rule 29). */
int pq_update_parse_pull(pq_update_parser *s, const pq_field *field) {
  pq_array_change *change;
  pq_type t = pq_value_type(field->value);
  PQ_TRY(add_change(s, field, PQ_UPDATE_PULL, &change));
  if (t != PQ_TYPE_OBJECT && t != PQ_TYPE_REGEX) return PQ_OK;
  PQ_TRY(pq_filter_parse_element(s->arena, s->env, field->value, &change->filter,
                                 &change->needs_object));
  if (!pq_filter_needs_eval(change->filter)) return PQ_OK;
  return pq_fail(s->cx, PQ_EUPDATE, "operator '$pull' at path '%.*s' cannot hold '$expr'",
                 PQ_SHOW(field->name));
}

int pq_update_parse_pull_all(pq_update_parser *s, const pq_field *field) {
  pq_array_change *change;
  if (pq_value_type(field->value) != PQ_TYPE_ARRAY)
    return fail_modifier(s, "$pullAll", field->name, "an array");
  return add_change(s, field, PQ_UPDATE_PULL_ALL, &change);
}

int pq_update_parse_pop(pq_update_parser *s, const pq_field *field) {
  pq_array_change *change;
  int64_t end;
  if (!read_integer(field->value, &end) || (end != 1 && end != -1))
    return fail_modifier(s, "$pop", field->name, "1 (the last element) or -1 (the first)");
  PQ_TRY(add_change(s, field, PQ_UPDATE_POP, &change));
  change->is_from_front = end < 0;
  return PQ_OK;
}
