/* expr/json_schema.c - parsing $jsonSchema: a table of keywords, each with a function. See
 * json_schema.h.
 *
 * Messages say where in the schema they are: "$jsonSchema at 'a.b': keyword 'minimum' needs …".
 * Every schema counts as a node of the filter; nesting is checked against limits.depth_max.
 */
#include "expr/json_schema.h"

#include <string.h>

#include "base/merge_sort.h"

/* One schema while it is parsed. */
typedef struct work {
  pq_filter_parser *s;
  pq_slice at; /* the properties that lead here, with dots */
  pq_value spec;
  const char *keyword;
  pq_json_schema *schema;
} work;

static int fail(const work *w, const char *what) {
  return pq_fail(w->s->cx, PQ_EFILTER, "operator '$jsonSchema'%s%.*s%s: keyword '%s' %s",
                 w->at.n == 0 ? "" : " at '", PQ_SHOW(w->at), w->at.n == 0 ? "" : "'", w->keyword,
                 what);
}

static int parse(work *parent, pq_slice name, pq_value spec, const pq_json_schema **out);

/* ---- values ---- */

static int read_number(work *w, pq_value v, pq_value *out) {
  double number;
  if (!pq_value_number(v, &number)) return fail(w, "needs a number");
  *out = v;
  return PQ_OK;
}
static int parse_minimum(work *w, pq_value v) {
  return read_number(w, v, &w->schema->minimum);
}
static int parse_maximum(work *w, pq_value v) {
  return read_number(w, v, &w->schema->maximum);
}
static int parse_divisor(work *w, pq_value v) {
  double number;
  PQ_TRY(read_number(w, v, &w->schema->divisor));
  if (pq_value_number(v, &number) && number > 0 && number * 0 == 0) return PQ_OK;
  return fail(w, "needs a number above 0");
}

static int read_bool(work *w, pq_value v, bool *out) {
  return pq_value_bool(v, out) ? PQ_OK : fail(w, "needs true or false");
}
static int parse_above(work *w, pq_value v) {
  if (pq_value_is_missing(pq_object_get_str(w->spec, "minimum"))) return fail(w, "needs 'minimum'");
  return read_bool(w, v, &w->schema->is_above_minimum);
}
static int parse_below(work *w, pq_value v) {
  if (pq_value_is_missing(pq_object_get_str(w->spec, "maximum"))) return fail(w, "needs 'maximum'");
  return read_bool(w, v, &w->schema->is_below_maximum);
}
static int parse_unique(work *w, pq_value v) {
  return read_bool(w, v, &w->schema->is_unique);
}

static int read_count(work *w, pq_value v, uint64_t *out) {
  double number;
  int64_t count;
  if (!pq_value_number(v, &number) || !pq_value_truncate(v, &count) || count < 0 ||
      (double)count != number)
    return fail(w, "needs a whole number that is not negative");
  *out = (uint64_t)count;
  return PQ_OK;
}
static int parse_min_length(work *w, pq_value v) {
  return read_count(w, v, &w->schema->length.min);
}
static int parse_max_length(work *w, pq_value v) {
  return read_count(w, v, &w->schema->length.max);
}
static int parse_min_items(work *w, pq_value v) {
  return read_count(w, v, &w->schema->items_range.min);
}
static int parse_max_items(work *w, pq_value v) {
  return read_count(w, v, &w->schema->items_range.max);
}
static int parse_min_properties(work *w, pq_value v) {
  return read_count(w, v, &w->schema->properties_range.min);
}
static int parse_max_properties(work *w, pq_value v) {
  return read_count(w, v, &w->schema->properties_range.max);
}

static int parse_pattern(work *w, pq_value v) {
  pq_slice text;
  if (!pq_value_string(v, &text)) return fail(w, "needs a string");
  return pq_filter_compile(w->s, text, (pq_slice){0}, &w->schema->pattern);
}

static int parse_remark(work *w, pq_value v) {
  return pq_value_type(v) == PQ_TYPE_STRING ? PQ_OK : fail(w, "needs a string");
}

static int parse_enum(work *w, pq_value v) {
  const pq_path at = {.text = w->at};
  uint32_t count = pq_value_count(v);
  if (pq_value_type(v) != PQ_TYPE_ARRAY || count == 0)
    return fail(w, "needs an array of at least one value");
  PQ_TRY(pq_filter_sort_list(w->s, v, "$jsonSchema", &at, &w->schema->sorted_values));
  for (uint32_t i = 1; i < count; i++)
    if (pq_value_is_equal(w->schema->sorted_values[i - 1], w->schema->sorted_values[i]))
      return fail(w, "has a value twice");
  w->schema->has_enum = true;
  w->schema->values = v;
  return PQ_OK;
}

/* ---- types ---- */

/* JSON's own names; "integer" is not one of MongoDB's. */
static int add_json_type(work *w, pq_slice name) {
  static const struct {
    const char *name;
    uint32_t types;
  } names[] = {{"object", 1u << PQ_TYPE_OBJECT},
               {"array", 1u << PQ_TYPE_ARRAY},
               {"number", 1u << PQ_TYPE_INT32 | 1u << PQ_TYPE_INT64 | 1u << PQ_TYPE_DOUBLE |
                              1u << PQ_TYPE_DECIMAL},
               {"boolean", 1u << PQ_TYPE_BOOL},
               {"string", 1u << PQ_TYPE_STRING},
               {"null", 1u << PQ_TYPE_NULL}};
  for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
    if (!pq_slice_is(name, names[i].name)) continue;
    w->schema->types.types |= names[i].types;
    return PQ_OK;
  }
  if (pq_slice_is(name, "integer"))
    return fail(w, "knows no 'integer': take bsonType 'int' or 'long'");
  return fail(w, "names an unknown type: object, array, number, boolean, string and null exist");
}

static int add_type(work *w, pq_value v) {
  const pq_path at = {.text = w->at};
  pq_slice name;
  if (!pq_value_string(v, &name)) return fail(w, "needs a string or an array of strings");
  if (w->keyword[0] == 't') return add_json_type(w, name);
  return pq_filter_add_type(w->s, "$jsonSchema", &at, v, &w->schema->types);
}

static int parse_types(work *w, pq_value v) {
  uint32_t count = pq_value_count(v);
  const char *other = w->keyword[0] == 't' ? "bsonType" : "type";
  if (!pq_value_is_missing(pq_object_get_str(w->spec, other)))
    return fail(w, "cannot stand beside 'type' or 'bsonType'");
  w->schema->has_types = true;
  if (pq_value_type(v) != PQ_TYPE_ARRAY) return add_type(w, v);
  if (count == 0) return fail(w, "needs at least one type");
  for (uint32_t i = 0; i < count; i++)
    PQ_TRY(add_type(w, pq_array_at(v, i)));
  return PQ_OK;
}

/* ---- schemas inside ---- */

static int read_list(work *w, pq_value v, pq_schema_list *out) {
  uint32_t count = pq_value_count(v);
  if (pq_value_type(v) != PQ_TYPE_ARRAY || count == 0)
    return fail(w, "needs an array of at least one schema");
  out->at = pq_arena_calloc(w->s->arena, count, sizeof *out->at);
  if (out->at == NULL) return w->s->cx->code;
  for (uint32_t i = 0; i < count; i++)
    PQ_TRY(parse(w, (pq_slice){0}, pq_array_at(v, i), &out->at[i]));
  out->count = count;
  return PQ_OK;
}
static int parse_all(work *w, pq_value v) {
  return read_list(w, v, &w->schema->all);
}
static int parse_any(work *w, pq_value v) {
  return read_list(w, v, &w->schema->any);
}
static int parse_one(work *w, pq_value v) {
  return read_list(w, v, &w->schema->one);
}
static int parse_not(work *w, pq_value v) {
  return parse(w, (pq_slice){0}, v, &w->schema->negated);
}

static int parse_items(work *w, pq_value v) {
  if (pq_value_type(v) != PQ_TYPE_ARRAY) return parse(w, (pq_slice){0}, v, &w->schema->items);
  if (pq_value_count(v) == 0) return PQ_OK;
  return read_list(w, v, &w->schema->item_list);
}

/* true, false or a schema */
static int read_more(work *w, pq_value v, bool *is_forbidden, const pq_json_schema **out) {
  bool is_allowed;
  if (!pq_value_bool(v, &is_allowed)) return parse(w, (pq_slice){0}, v, out);
  *is_forbidden = !is_allowed;
  return PQ_OK;
}
static int parse_more_properties(work *w, pq_value v) {
  return read_more(w, v, &w->schema->forbids_properties, &w->schema->more_properties);
}
static int parse_more_items(work *w, pq_value v) {
  return read_more(w, v, &w->schema->forbids_items, &w->schema->more_items);
}

/* ---- names ---- */

static int compare_names(const void *a, const void *b, const void *ud) {
  (void)ud;
  return pq_slice_cmp(*(const pq_slice *)a, *(const pq_slice *)b);
}

static int read_names(work *w, pq_value v, const pq_slice **out, uint32_t *count) {
  uint32_t n = pq_value_count(v);
  pq_slice *names;
  if (pq_value_type(v) != PQ_TYPE_ARRAY || n == 0)
    return fail(w, "needs an array of at least one name");
  names = pq_arena_calloc(w->s->arena, n, sizeof *names);
  if (names == NULL) return w->s->cx->code;
  for (uint32_t i = 0; i < n; i++)
    if (!pq_value_string(pq_array_at(v, i), &names[i])) return fail(w, "needs names: strings");
  PQ_TRY(pq_sort_items(w->s->cx, names, n, sizeof *names, compare_names, NULL));
  for (uint32_t i = 1; i < n; i++)
    if (pq_slice_eq(names[i - 1], names[i])) return fail(w, "has a name twice");
  *out = names;
  *count = n;
  return PQ_OK;
}
static int parse_required(work *w, pq_value v) {
  return read_names(w, v, &w->schema->required, &w->schema->required_count);
}

/* {"name": schema}; the fields come sorted by name. */
static int read_entries(work *w, pq_value v, pq_schema_entries *out) {
  uint32_t count = pq_value_count(v);
  pq_field field;
  if (pq_value_type(v) != PQ_TYPE_OBJECT) return fail(w, "needs an object of schemas");
  out->at = pq_arena_calloc(w->s->arena, count, sizeof *out->at);
  if (out->at == NULL) return w->s->cx->code;
  out->count = count;
  for (uint32_t i = 0; i < count && pq_object_at(v, i, &field); i++) {
    pq_schema_entry *e = &out->at[i];
    e->name = field.name;
    if (w->keyword[0] == 'd' && pq_value_type(field.value) == PQ_TYPE_ARRAY) {
      PQ_TRY(pq_filter_count_node(w->s));
      PQ_TRY(read_names(w, field.value, &e->names, &e->name_count));
      continue;
    }
    if (out == &w->schema->patterns)
      PQ_TRY(pq_filter_compile(w->s, field.name, (pq_slice){0}, &e->pattern));
    PQ_TRY(parse(w, field.name, field.value, &e->schema));
  }
  return PQ_OK;
}
static int parse_properties(work *w, pq_value v) {
  return read_entries(w, v, &w->schema->properties);
}
static int parse_patterns(work *w, pq_value v) {
  return read_entries(w, v, &w->schema->patterns);
}
static int parse_dependencies(work *w, pq_value v) {
  return read_entries(w, v, &w->schema->dependencies);
}

/* ---- keywords ---- */

typedef struct keyword {
  const char *name;
  int (*parse)(work *w, pq_value v); /* NULL: MongoDB refuses it too */
} keyword;

static const keyword keywords[] = {{"type", parse_types},
                                   {"bsonType", parse_types},
                                   {"enum", parse_enum},
                                   {"allOf", parse_all},
                                   {"anyOf", parse_any},
                                   {"oneOf", parse_one},
                                   {"not", parse_not},
                                   {"minimum", parse_minimum},
                                   {"maximum", parse_maximum},
                                   {"exclusiveMinimum", parse_above},
                                   {"exclusiveMaximum", parse_below},
                                   {"multipleOf", parse_divisor},
                                   {"minLength", parse_min_length},
                                   {"maxLength", parse_max_length},
                                   {"pattern", parse_pattern},
                                   {"required", parse_required},
                                   {"properties", parse_properties},
                                   {"patternProperties", parse_patterns},
                                   {"additionalProperties", parse_more_properties},
                                   {"minProperties", parse_min_properties},
                                   {"maxProperties", parse_max_properties},
                                   {"dependencies", parse_dependencies},
                                   {"items", parse_items},
                                   {"additionalItems", parse_more_items},
                                   {"minItems", parse_min_items},
                                   {"maxItems", parse_max_items},
                                   {"uniqueItems", parse_unique},
                                   {"title", parse_remark},
                                   {"description", parse_remark}};

/* Of JSON Schema, but not of MongoDB's. */
static const char *const foreign[] = {"$ref",   "$schema", "default", "definitions",
                                      "format", "id",      NULL};

static int parse_keyword(work *w, const pq_field *field) {
  const char *names[sizeof keywords / sizeof *keywords + 1] = {NULL}, *nearest;
  for (size_t i = 0; i < sizeof keywords / sizeof *keywords; i++) {
    names[i] = keywords[i].name;
    if (!pq_slice_is(field->name, names[i])) continue;
    w->keyword = names[i];
    return keywords[i].parse(w, field->value);
  }
  if (pq_name_in(field->name, foreign))
    return pq_fail(w->s->cx, PQ_EUNSUPPORTED,
                   "operator '$jsonSchema': keyword '%.*s' is not supported", PQ_SHOW(field->name));
  nearest = pq_nearest(field->name, names);
  return pq_fail(w->s->cx, PQ_EFILTER, "operator '$jsonSchema': unknown keyword '%.*s'%s%s%s",
                 PQ_SHOW(field->name), nearest == NULL ? "" : ": did you mean '",
                 nearest == NULL ? "" : nearest, nearest == NULL ? "" : "'?");
}

/* Where the property `name` of `at` is; both may be empty. */
static int extend(pq_filter_parser *s, pq_slice at, pq_slice name, pq_slice *out) {
  char *text;
  *out = at;
  if (name.n == 0) return PQ_OK;
  text = pq_arena_printf(s->arena, "%.*s%s%.*s", PQ_SHOW(at), at.n == 0 ? "" : ".", PQ_SHOW(name));
  if (text == NULL) return s->cx->code;
  *out = pq_str(text);
  return PQ_OK;
}

static int parse_fields(work *w) {
  pq_field *fields;
  uint32_t count;
  PQ_TRY(pq_filter_enter(w->s));
  PQ_TRY(pq_filter_count_node(w->s));
  PQ_TRY(pq_filter_read_fields(w->s, w->spec, &fields, &count));
  for (uint32_t i = 0; i < count; i++)
    PQ_TRY(parse_keyword(w, &fields[i]));
  w->s->depth--;
  return PQ_OK;
}

static int parse(work *parent, pq_slice name, pq_value spec, const pq_json_schema **out) {
  const pq_schema_range any = {0, UINT64_MAX};
  work w = {.s = parent->s, .spec = spec, .keyword = parent->keyword};
  *out = NULL;
  if (pq_value_type(spec) != PQ_TYPE_OBJECT) return fail(parent, "needs a schema: an object");
  PQ_TRY(extend(w.s, parent->at, name, &w.at));
  w.schema = pq_arena_calloc(w.s->arena, 1, sizeof *w.schema);
  if (w.schema == NULL) return w.s->cx->code;
  w.schema->length = w.schema->properties_range = w.schema->items_range = any;
  *out = w.schema;
  return parse_fields(&w);
}

int pq_json_schema_parse(pq_filter_parser *s, pq_value spec, const pq_json_schema **out) {
  work top = {.s = s};
  *out = NULL;
  if (pq_value_type(spec) != PQ_TYPE_OBJECT)
    return pq_fail(s->cx, PQ_EFILTER, "operator '$jsonSchema' needs an object, not %s",
                   pq_type_name(pq_value_type(spec)));
  return parse(&top, (pq_slice){0}, spec, out);
}
