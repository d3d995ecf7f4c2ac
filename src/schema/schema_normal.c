/* schema/schema_normal.c - the form in which columns alone give a document back.
 *
 *   {b: 2, _id: 1, a: null, n: 7}   schema {n: number, a: string, b: int}
 *        └─► {_id: 1, n: 7.0, b: 2}
 *
 * A column knows a value and its own type, and no more. So fields stand in the order of the
 * schema, after `_id`; null is a missing field; an int is of 32 bits where it fits; numbers of
 * float and number are doubles; a datetime has milliseconds; text is no symbol. What cannot be
 * brought into that form (a decimal in a number, binary of another subtype, a field that the schema
 * lacks) stays as it is, and the document is not normal: its file keeps $data.
 *
 * One walk makes the form and tells whether it is there already. Recursion follows the schema,
 * whose depth is limited.
 */
#include <float.h>
#include <string.h>

#include "schema/notation_int.h"

#define DAY_US INT64_C(86400000000)

typedef struct normal {
  pq_eval *eval; /* NULL: nothing is made, the walk only tells */
  pq_arena *arena;
  bool is_normal; /* so far */
} normal;

/* Doubles that a float holds as they are, NaNs bit by bit. */
static bool is_float(double d) {
  double back;
  if (d - d == 0 && (d > FLT_MAX || d < -FLT_MAX)) return false;
  back = (double)(float)d;
  return memcmp(&back, &d, sizeof d) == 0;
}

static int walk_real(normal *n, bool is_narrow, pq_value v, pq_value *out) {
  const int64_t exact = is_narrow ? INT64_C(1) << 24 : INT64_C(1) << 53;
  int64_t whole;
  double d;
  if (pq_value_type(v) == PQ_TYPE_DOUBLE && pq_value_number(v, &d) && (!is_narrow || is_float(d)))
    return PQ_OK;
  n->is_normal = false;
  if (n->eval == NULL || !pq_value_i64(v, &whole) || whole > exact || whole < -exact) return PQ_OK;
  return pq_make_double(n->eval, (double)whole, out);
}

static int walk_int(normal *n, pq_value v, pq_value *out) {
  int64_t whole;
  bool is_whole = pq_value_i64(v, &whole), is_small;
  is_small = is_whole && whole >= INT32_MIN && whole <= INT32_MAX;
  if (is_whole && is_small == (pq_value_type(v) == PQ_TYPE_INT32)) return PQ_OK;
  n->is_normal = false;
  if (n->eval == NULL || !is_small) return PQ_OK;
  return pq_make_i32(n->eval, (int32_t)whole, out);
}

static int walk_text(normal *n, pq_value v, pq_value *out) {
  pq_slice text;
  if (pq_value_string(v, &text) && !pq_value_is_raw_object(v)) return PQ_OK;
  n->is_normal = false;
  if (n->eval == NULL || !pq_value_string(v, &text)) return PQ_OK;
  return pq_make_text(n->eval, text, out);
}

static int walk_date(normal *n, int64_t unit, pq_value v, pq_value *out) {
  int64_t us, rest;
  bool is_date = pq_value_date_us(v, &us);
  rest = is_date ? us % unit : 0;
  if (is_date && rest == 0) return PQ_OK;
  n->is_normal = false;
  if (n->eval == NULL || !is_date || unit == DAY_US) return PQ_OK;
  rest = rest < 0 ? rest + unit : rest;
  return us < INT64_MIN + rest ? PQ_OK : pq_make_date(n->eval, us - rest, out);
}

static bool is_decimal(const pq_schema_field *f, pq_value v) {
  pq_number x;
  if (pq_value_type(v) != PQ_TYPE_DECIMAL || pq_value_is_raw_object(v)) return false;
  if (!pq_value_decimal_number(v, &x) || x.kind != PQ_NUMBER_FINITE) return false;
  if (x.is_negative && pq_number_is_zero(x)) return false;
  return x.exponent == -(int32_t)f->scale && pq_number_digits(x) <= (int)f->precision;
}

static bool is_binary(pq_value v, bool is_uuid) {
  pq_binary binary;
  if (pq_value_is_raw_object(v) || !pq_value_any_binary(v, &binary)) return false;
  return is_uuid ? binary.subtype == 4 && binary.len == 16 : binary.subtype == 0;
}

static int walk_object(normal *n, const pq_schema_field *f, bool is_root, pq_value v,
                       pq_value *out);
static int walk_list(normal *n, const pq_schema_field *f, bool is_vector, pq_value v,
                     pq_value *out);

/* One value that is no list and not null. */
static int walk_item(normal *n, const pq_schema_field *f, pq_value v, pq_value *out) {
  bool is_fine = false;
  *out = v;
  switch (f->type) {
    case PQ_FIELD_STRING:
    case PQ_FIELD_ENUM: return walk_text(n, v, out);
    case PQ_FIELD_INT: return walk_int(n, v, out);
    case PQ_FIELD_FLOAT: return walk_real(n, true, v, out);
    case PQ_FIELD_VECTOR: return walk_list(n, f, true, v, out);
    case PQ_FIELD_DOUBLE: return walk_real(n, false, v, out);
    case PQ_FIELD_DATE: return walk_date(n, DAY_US, v, out);
    case PQ_FIELD_TIMESTAMP: return walk_date(n, 1000, v, out);
    case PQ_FIELD_OBJECT:
      if (f->field_count > 0 && pq_value_type(v) == PQ_TYPE_OBJECT)
        return walk_object(n, f, false, v, out);
      is_fine = f->field_count == 0; /* as json */
      break;
    case PQ_FIELD_JSON: is_fine = true; break;
    case PQ_FIELD_BOOL: is_fine = pq_value_type(v) == PQ_TYPE_BOOL; break;
    case PQ_FIELD_UUID: is_fine = is_binary(v, true); break;
    case PQ_FIELD_BINARY: is_fine = is_binary(v, false); break;
    case PQ_FIELD_DECIMAL: is_fine = is_decimal(f, v); break;
    case PQ_FIELD_EDGE: break;
  }
  n->is_normal = n->is_normal && is_fine;
  return PQ_OK;
}

static int walk_list(normal *n, const pq_schema_field *f, bool is_vector, pq_value v,
                     pq_value *out) {
  uint32_t count = pq_value_count(v);
  bool is_same = true;
  pq_value *items;
  *out = v;
  if (pq_value_type(v) != PQ_TYPE_ARRAY) {
    n->is_normal = false;
    return PQ_OK;
  }
  items = pq_arena_calloc(n->arena, count, sizeof *items);
  if (items == NULL) return n->arena->cx->code;
  for (uint32_t i = 0; i < count; i++) {
    pq_value item = pq_array_at(v, i);
    items[i] = item;
    if (is_vector)
      PQ_TRY(walk_real(n, true, item, &items[i]));
    else if (pq_value_type(item) != PQ_TYPE_NULL)
      PQ_TRY(walk_item(n, f, item, &items[i]));
    else
      n->is_normal = n->is_normal && !pq_value_is_raw_object(item);
    is_same = is_same && items[i].p == item.p;
  }
  return is_same ? PQ_OK : pq_make_array(n->eval, items, count, out);
}

static int walk_field(normal *n, const pq_schema_field *f, pq_value v, pq_value *out) {
  return f->is_list && f->type != PQ_FIELD_EDGE ? walk_list(n, f, false, v, out)
                                                : walk_item(n, f, v, out);
}

static bool is_own(const pq_schema_field *f, pq_slice name, bool is_root) {
  if (is_root && pq_slice_is(name, "_id")) return true;
  for (uint32_t i = 0; i < f->field_count; i++)
    if (pq_slice_eq(f->fields[i].name, name)) return true;
  return false;
}

/* Fields of the schema in its order, then what it lacks. */
static int walk_object(normal *n, const pq_schema_field *f, bool is_root, pq_value v,
                       pq_value *out) {
  uint32_t count, k = 0;
  pq_field *given = pq_object_fields(n->arena, v, &count), *list;
  bool is_same;
  *out = v;
  if (given == NULL && pq_value_count(v) > 0) return n->arena->cx->code;
  list = pq_arena_calloc(n->arena, (size_t)count + 1, sizeof *list);
  if (list == NULL) return n->arena->cx->code;
  if (is_root && !pq_value_is_missing(list[k].value = pq_object_get_str(v, "_id"))) {
    n->is_normal = n->is_normal && pq_value_type(list[k].value) != PQ_TYPE_NULL;
    list[k++].name = PQ_SLICE("_id");
  }
  for (uint32_t i = 0; i < f->field_count; i++) {
    const pq_schema_field *field = &f->fields[i];
    pq_value value = pq_object_get(v, field->name);
    if (is_root && pq_slice_is(field->name, "_id")) continue;
    if (pq_value_is_missing(value) || pq_value_type(value) == PQ_TYPE_NULL) continue;
    list[k].name = field->name;
    PQ_TRY(walk_field(n, field, value, &list[k++].value));
  }
  for (uint32_t i = 0; i < count; i++) {
    if (is_own(f, given[i].name, is_root)) continue;
    n->is_normal = false;
    list[k++] = given[i];
  }
  is_same = k == count;
  for (uint32_t i = 0; i < count && is_same; i++)
    is_same = list[i].value.p == given[i].value.p && pq_slice_eq(list[i].name, given[i].name);
  if (is_same) return PQ_OK;
  n->is_normal = false;
  return n->eval == NULL ? PQ_OK : pq_make_object(n->eval, list, k, out);
}

int pq_schema_normalise(const pq_schema *s, pq_eval *eval, pq_arena *arena, pq_value doc,
                        pq_value *out) {
  const pq_schema_field root = {.fields = s->fields, .field_count = s->field_count};
  normal n = {.eval = eval, .arena = arena, .is_normal = true};
  return walk_object(&n, &root, true, doc, out);
}

int pq_schema_is_normal(const pq_schema *s, pq_arena *scratch, pq_value doc, bool *out) {
  const pq_schema_field root = {.fields = s->fields, .field_count = s->field_count};
  normal n = {.arena = scratch, .is_normal = true};
  pq_value same;
  int rc = walk_object(&n, &root, true, doc, &same);
  *out = rc == PQ_OK && n.is_normal;
  return rc;
}
