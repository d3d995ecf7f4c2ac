/* expr/json_schema_match.c - does a value fit a parsed schema? See json_schema.h.
 *
 * Bounded: a schema goes no deeper than it was parsed, and looks at each field or element of a
 * value once (uniqueItems sorts them). No memory but that of the sort.
 */
#include "base/merge_sort.h"
#include "expr/filter_int.h"
#include "expr/json_schema.h"

/* One value under test. */
typedef struct test {
  pq_cx *cx;
  int rc;
} test;

static bool fits(test *t, const pq_json_schema *s, pq_value v);

static bool is_in(const pq_json_schema *s, pq_value v) {
  return pq_filter_list_has(s->sorted_values, pq_value_count(s->values), v, (pq_collation){0});
}

static bool is_in_range(pq_schema_range range, uint64_t n) {
  return n >= range.min && n <= range.max;
}

/* ---- numbers ---- */

/* Doubles are taken for the decimal numbers that they print as, so that 0.3 is a multiple of 0.1:
 * the quotient may be off by what rounding the two comes to. */
static bool is_multiple(pq_value v, pq_value divisor) {
  int64_t i, j;
  double x, y, quotient, nearest;
  if (pq_value_i64(v, &i) && pq_value_i64(divisor, &j)) return j > 0 && i % j == 0;
  if (!pq_value_number(v, &x) || !pq_value_number(divisor, &y) || x - x != 0) return false;
  quotient = x / y < 0 ? -(x / y) : x / y;
  if (quotient >= 0x1p53) return quotient - quotient == 0;
  nearest = (double)(int64_t)(quotient + 0.5);
  return (quotient > nearest ? quotient - nearest : nearest - quotient) <= quotient * 0x1p-51;
}

static bool fits_number(const pq_json_schema *s, pq_value v) {
  double number;
  bool is_nan = pq_value_number(v, &number) && number != number;
  if (!pq_value_is_missing(s->minimum)) {
    int c = pq_number_compare(v, s->minimum);
    if (is_nan || c < 0 || (c == 0 && s->is_above_minimum)) return false;
  }
  if (!pq_value_is_missing(s->maximum)) {
    int c = pq_number_compare(v, s->maximum);
    if (is_nan || c > 0 || (c == 0 && s->is_below_maximum)) return false;
  }
  return pq_value_is_missing(s->divisor) || is_multiple(v, s->divisor);
}

/* ---- strings: lengths are code points ---- */
static bool fits_string(const pq_json_schema *s, pq_value v) {
  pq_slice text;
  uint64_t length = 0;
  if (!pq_value_string(v, &text)) return true;
  for (size_t i = 0; i < text.n; i++)
    length += (text.p[i] & 0xc0) != 0x80;
  return is_in_range(s->length, length) && (s->pattern == NULL || pq_regex_match(s->pattern, text));
}

/* ---- objects ---- */

static bool has_all(const pq_slice *names, uint32_t count, pq_value v) {
  for (uint32_t i = 0; i < count; i++)
    if (pq_value_is_missing(pq_object_get(v, names[i]))) return false;
  return true;
}

static bool has_entry(const pq_schema_entries *entries, pq_slice name) {
  uint32_t low = 0, high = entries->count;
  while (low < high) {
    uint32_t middle = low + (high - low) / 2;
    int c = pq_slice_cmp(name, entries->at[middle].name);
    if (c == 0) return true;
    if (c < 0) {
      high = middle;
    } else {
      low = middle + 1;
    }
  }
  return false;
}

/* A field by the patterns that its name matches, or by what is said of all others. */
static bool fits_field(test *t, const pq_json_schema *s, const pq_field *field) {
  bool is_known = has_entry(&s->properties, field->name);
  for (uint32_t i = 0; i < s->patterns.count; i++) {
    const pq_schema_entry *e = &s->patterns.at[i];
    if (!pq_regex_match(e->pattern, field->name)) continue;
    if (!fits(t, e->schema, field->value)) return false;
    is_known = true;
  }
  if (is_known) return true;
  return !s->forbids_properties &&
         (s->more_properties == NULL || fits(t, s->more_properties, field->value));
}

static bool fits_object(test *t, const pq_json_schema *s, pq_value v) {
  uint32_t count = pq_value_count(v);
  pq_field field;
  if (!is_in_range(s->properties_range, count)) return false;
  if (!has_all(s->required, s->required_count, v)) return false;
  for (uint32_t i = 0; i < s->properties.count; i++) {
    pq_value value = pq_object_get(v, s->properties.at[i].name);
    if (!pq_value_is_missing(value) && !fits(t, s->properties.at[i].schema, value)) return false;
  }
  for (uint32_t i = 0; i < s->dependencies.count; i++) {
    const pq_schema_entry *e = &s->dependencies.at[i];
    if (pq_value_is_missing(pq_object_get(v, e->name))) continue;
    if (e->schema == NULL ? !has_all(e->names, e->name_count, v) : !fits(t, e->schema, v))
      return false;
  }
  if (s->patterns.count == 0 && !s->forbids_properties && s->more_properties == NULL) return true;
  for (uint32_t i = 0; i < count && pq_object_at(v, i, &field); i++)
    if (!fits_field(t, s, &field)) return false;
  return true;
}

/* ---- arrays ---- */

static int compare_values(const void *a, const void *b, const void *ud) {
  (void)ud;
  return pq_value_compare(*(const pq_value *)a, *(const pq_value *)b);
}

static bool is_unique(test *t, pq_value v) {
  uint32_t count = pq_value_count(v);
  size_t len = sizeof(pq_value) * (size_t)count;
  bool out = true;
  pq_value *items = count < 2 ? NULL : pq_alloc(t->cx, NULL, 0, len);
  if (count < 2) return true;
  if (items == NULL) {
    t->rc = pq_fail_nomem(t->cx);
    return false;
  }
  for (uint32_t i = 0; i < count; i++)
    items[i] = pq_array_at(v, i);
  t->rc = pq_sort_items(t->cx, items, count, sizeof *items, compare_values, NULL);
  for (uint32_t i = 1; i < count && t->rc == PQ_OK && out; i++)
    out = !pq_value_is_equal(items[i - 1], items[i]);
  (void)pq_alloc(t->cx, items, len, 0);
  return out;
}

static bool fits_array(test *t, const pq_json_schema *s, pq_value v) {
  uint32_t count = pq_value_count(v);
  if (!is_in_range(s->items_range, count)) return false;
  for (uint32_t i = 0; i < count && s->items != NULL; i++)
    if (!fits(t, s->items, pq_array_at(v, i))) return false;
  for (uint32_t i = 0; i < count && i < s->item_list.count; i++)
    if (!fits(t, s->item_list.at[i], pq_array_at(v, i))) return false;
  /* What stands behind the list: only a list has something behind it. */
  if (s->item_list.count > 0 && count > s->item_list.count) {
    if (s->forbids_items) return false;
    for (uint32_t i = s->item_list.count; i < count && s->more_items != NULL; i++)
      if (!fits(t, s->more_items, pq_array_at(v, i))) return false;
  }
  return !s->is_unique || is_unique(t, v);
}

/* ---- any value ---- */

/* How many of the list fit; counting ends at `enough`. */
static uint32_t count_fits(test *t, const pq_schema_list *list, pq_value v, uint32_t enough) {
  uint32_t count = 0;
  for (uint32_t i = 0; i < list->count && count < enough; i++)
    count += fits(t, list->at[i], v);
  return count;
}

static bool fits_type(test *t, const pq_json_schema *s, pq_value v) {
  switch (pq_type_bracket(pq_value_type(v))) {
    case PQ_TYPE_INT32: return fits_number(s, v);
    case PQ_TYPE_STRING: return fits_string(s, v);
    case PQ_TYPE_OBJECT: return fits_object(t, s, v);
    case PQ_TYPE_ARRAY: return fits_array(t, s, v);
    default: return true;
  }
}

static bool fits(test *t, const pq_json_schema *s, pq_value v) {
  if (t->rc != PQ_OK) return false;
  if (s->has_types && !pq_type_set_has(s->types, v)) return false;
  if (s->has_enum && !is_in(s, v)) return false;
  if (!fits_type(t, s, v)) return false;
  for (uint32_t i = 0; i < s->all.count; i++)
    if (!fits(t, s->all.at[i], v)) return false;
  if (s->any.count > 0 && count_fits(t, &s->any, v, 1) == 0) return false;
  if (s->one.count > 0 && count_fits(t, &s->one, v, 2) != 1) return false;
  return s->negated == NULL || !fits(t, s->negated, v);
}

int pq_json_schema_match(const pq_json_schema *schema, pq_cx *cx, pq_value v, bool *out) {
  test t = {.cx = cx};
  *out = fits(&t, schema, v);
  if (t.rc != PQ_OK) *out = false;
  return t.rc;
}
