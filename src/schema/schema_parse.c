/* schema/schema_parse.c - a schema object becomes a pq_schema.
 *
 *   {"title": "string!",                            a notation              notation.c
 *    "price": {"type": "decimal(10,2)", "min": 0},  the object form         options, below
 *    "address": {"street": "string!"},              nested fields           parse_fields() again
 *    "lines": [{"item": "string!"}],                a list of those
 *    "$id": "title"}                                directives              schema_directive.c
 *
 * An object with a field "type" is the object form; what it does not know is an error. So nested
 * fields one of which is called "type" are written {"type": {"type": "string", …}}.
 */
#include "schema/notation_int.h"

#include <string.h>

/* One option of an object form at work. */
typedef struct option {
  pq_schema_parser *s;
  const char *path, *name;
  pq_schema_field *f;
  pq_value value;
} option;

static int parse_fields(pq_schema_parser *s, const char *path, pq_value spec,
                        const pq_schema_field **out, uint32_t *count);

const char *pq_schema_name_mistake(pq_slice name) {
  if (name.n == 0) return "the name of a field is empty";
  if (name.p[0] == '$') return "the name of a nested field begins with '$'";
  if (memchr(name.p, '.', name.n) != NULL) return "the name of a field has a '.'";
  if (memchr(name.p, 0, name.n) != NULL) return "the name of a field has a NUL";
  return NULL;
}

int pq_schema_fail_unknown(pq_cx *cx, const char *where, pq_slice word, const char *const *known) {
  const char *near = pq_nearest(word, known);
  return pq_fail(cx, PQ_EINVALID, "%s '%.*s'%s%s%s", where, PQ_QUOTED(word),
                 near == NULL ? "" : ", did you mean '", near == NULL ? "" : near,
                 near == NULL ? "" : "'?");
}

int pq_schema_count_values(pq_schema_parser *s, const char *path, uint32_t count) {
  if (count > PQ_SCHEMA_VALUES_MAX)
    return pq_fail(s->cx, PQ_ELIMIT, "field '%s': an enum of more than %d values", path,
                   PQ_SCHEMA_VALUES_MAX);
  s->value_count += count;
  if (s->value_count <= PQ_SCHEMA_ALL_VALUES_MAX) return PQ_OK;
  return pq_fail(s->cx, PQ_ELIMIT, "field '%s': the enums have more than %d values", path,
                 PQ_SCHEMA_ALL_VALUES_MAX);
}

pq_schema_field *pq_schema_field_of(const pq_schema_field *fields, uint32_t count, pq_slice name) {
  for (uint32_t i = 0; i < count; i++)
    if (pq_slice_eq(fields[i].name, name)) return (pq_schema_field *)(uintptr_t)&fields[i];
  return NULL;
}

/* ---- options of the object form ---- */

static int fail(const option *o, const char *what) {
  return pq_fail(o->s->cx, PQ_EINVALID, "field '%s': option '%s' %s", o->path, o->name, what);
}

static int read_bool(const option *o, bool *out) {
  return pq_value_bool(o->value, out) ? PQ_OK : fail(o, "needs true or false");
}

static int read_count(const option *o, uint32_t min, uint32_t *out) {
  int64_t v;
  if (!pq_value_i64(o->value, &v) || v < min || v > INT32_MAX)
    return fail(o, min == 0 ? "needs a whole number" : "needs a whole number above 0");
  *out = (uint32_t)v;
  return PQ_OK;
}

static int parse_list(option *o) {
  bool is_list;
  PQ_TRY(read_bool(o, &is_list));
  if (!is_list && o->f->is_list) return fail(o, "contradicts '[]' of the type");
  o->f->is_list = is_list;
  return PQ_OK;
}

static int parse_required(option *o) {
  return read_bool(o, &o->f->is_required);
}

static int parse_index(option *o) {
  static const char *const kinds[] = {"fts", "vec", "hash"};
  pq_schema_field *f = o->f;
  pq_slice word;
  bool is_indexed;
  if (pq_value_bool(o->value, &is_indexed)) {
    f->is_indexed = f->is_indexed || is_indexed;
    return PQ_OK;
  }
  if (!pq_value_string(o->value, &word)) word = (pq_slice){0};
  if (pq_slice_is(word, "vector")) word = PQ_SLICE("vec");
  if (pq_slice_is(word, "unique")) {
    f->is_indexed = f->is_unique = true;
    return PQ_OK;
  }
  for (int i = 0; i < 3; i++) {
    if (!pq_slice_is(word, kinds[i])) continue;
    if (f->index_kind.n > 0 && !pq_slice_eq(f->index_kind, word))
      return fail(o, "contradicts the index of the type");
    f->index_kind = word;
    return PQ_OK;
  }
  return fail(o, "needs true, false, 'unique', 'fts', 'vec' or 'hash'");
}

static int parse_default(option *o) {
  pq_schema_field *f = o->f;
  pq_slice text;
  if (!pq_value_is_missing(f->default_value) || f->default_call != NULL)
    return fail(o, "stands beside '=' of the type");
  if (pq_value_type(o->value) == PQ_TYPE_NULL) return fail(o, "is null, which is no default");
  f->default_value = o->value;
  if (!pq_value_string(o->value, &text)) return PQ_OK;
  if (pq_slice_is(text, "now()") && (f->type == PQ_FIELD_DATE || f->type == PQ_FIELD_TIMESTAMP))
    f->default_call = "now";
  if (pq_slice_is(text, "uuid()") && f->type == PQ_FIELD_UUID) f->default_call = "uuid";
  if (f->default_call != NULL) f->default_value = (pq_value){0};
  return PQ_OK;
}

static int parse_pattern(option *o) {
  pq_schema_field *f = o->f;
  char *mistake;
  int rc;
  if (f->type != PQ_FIELD_STRING) return fail(o, "is for texts");
  if (!pq_value_string(o->value, &f->pattern)) return fail(o, "needs a text");
  if (f->pattern.n == 0) return fail(o, "is empty");
  if (o->s->regexes == NULL) PQ_TRY(pq_regex_set_new(o->s->arena, &o->s->regexes));
  rc = pq_regex_compile(o->s->regexes, f->pattern, (pq_slice){0}, &f->regex);
  if (rc != PQ_EFILTER) return rc;
  mistake = pq_arena_printf(o->s->arena, "is no regular expression: %s", o->s->cx->msg);
  return mistake == NULL ? o->s->cx->code : fail(o, mistake);
}

/* A value that the field itself would accept, in its stored form. */
static int read_value(option *o, pq_value v, pq_value *out) {
  pq_checker c = {.eval = &o->s->eval, .arena = o->s->arena, .regexes = o->s->regexes};
  pq_schema_field bare = *o->f;
  bare.min = bare.max = (pq_value){0};
  bare.value_count = 0;
  PQ_TRY(pq_check_scalar(&c, &bare, v, out));
  return c.problem == NULL ? PQ_OK : fail(o, c.problem);
}

static int parse_bound(option *o) {
  switch (o->f->type) {
    case PQ_FIELD_INT:
    case PQ_FIELD_FLOAT:
    case PQ_FIELD_DOUBLE:
    case PQ_FIELD_DECIMAL:
    case PQ_FIELD_DATE:
    case PQ_FIELD_TIMESTAMP: break;
    default: return fail(o, "is for numbers and dates; lengths have minLength and maxLength");
  }
  return read_value(o, o->value, o->name[1] == 'i' ? &o->f->min : &o->f->max);
}

static int parse_length(option *o) {
  pq_schema_field *f = o->f;
  bool is_min = o->name[1] == 'i';
  if (f->is_list) return read_count(o, !is_min, is_min ? &f->count_min : &f->count_max);
  if (f->type != PQ_FIELD_STRING) return fail(o, "is for texts and lists");
  return read_count(o, !is_min, is_min ? &f->length_min : &f->length_max);
}

static int parse_enum(option *o) {
  pq_schema_field *f = o->f;
  uint32_t count = pq_value_count(o->value);
  pq_value *values;
  if (f->type == PQ_FIELD_OBJECT || f->type == PQ_FIELD_VECTOR || f->value_count > 0)
    return fail(o,
                f->value_count > 0 ? "stands beside values of the type" : "is for single values");
  if (pq_value_type(o->value) != PQ_TYPE_ARRAY || count == 0)
    return fail(o, "needs a list of values");
  PQ_TRY(pq_schema_count_values(o->s, o->path, count));
  values = pq_arena_calloc(o->s->arena, count, sizeof *values);
  if (values == NULL) return o->s->cx->code;
  if (f->type == PQ_FIELD_ENUM) f->type = PQ_FIELD_STRING;
  for (uint32_t i = 0; i < count; i++) {
    PQ_TRY(read_value(o, pq_array_at(o->value, i), &values[i]));
    for (uint32_t k = 0; k < i; k++)
      if (pq_value_compare(values[k], values[i]) == 0) return fail(o, "has a value twice");
  }
  f->values = values;
  f->value_count = count;
  if (f->type == PQ_FIELD_STRING && f->format == NULL && f->pattern.n == 0 && f->length_max == 0 &&
      f->length_min == 0)
    f->type = PQ_FIELD_ENUM;
  return PQ_OK;
}

static int parse_dimensions(option *o) {
  uint32_t n = 0;
  if (o->f->type != PQ_FIELD_VECTOR) return fail(o, "is for vectors");
  PQ_TRY(read_count(o, 1, &n));
  if (o->f->length_max > 0 && o->f->length_max != n)
    return fail(o, "contradicts the dimensions of the type");
  if (n > PQ_SCHEMA_VECTOR_MAX) return fail(o, "is above 65536");
  o->f->length_min = o->f->length_max = n;
  return PQ_OK;
}

static int parse_metric(option *o) {
  static const char *const names[] = {"cosine", "euclidean", "dotProduct", NULL};
  pq_slice word = {0};
  if (o->f->type != PQ_FIELD_VECTOR) return fail(o, "is for vectors");
  (void)pq_value_string(o->value, &word);
  for (int i = 0; names[i] != NULL; i++)
    if (pq_slice_is(word, names[i])) return PQ_OK;
  return fail(o, "needs 'cosine', 'euclidean' or 'dotProduct'");
}

static int parse_threshold(option *o) {
  double v;
  if (!o->f->is_fuzzy) return fail(o, "is for relationships with '~'");
  if (pq_value_number(o->value, &v) && v >= 0 && v <= 1) return PQ_OK;
  return fail(o, "needs a number from 0 to 1");
}

pq_on_delete pq_on_delete_of(pq_slice word) {
  if (pq_slice_is(word, "unlink")) return PQ_ON_DELETE_UNLINK;
  if (pq_slice_is(word, "restrict")) return PQ_ON_DELETE_RESTRICT;
  return pq_slice_is(word, "cascade") ? PQ_ON_DELETE_CASCADE : PQ_ON_DELETE_NONE;
}

static int parse_on_delete(option *o) {
  pq_slice word = {0};
  if (o->f->type != PQ_FIELD_EDGE || o->f->is_backward)
    return fail(o, "is for relationships with '->' or '~>'");
  (void)pq_value_string(o->value, &word);
  o->f->on_delete = pq_on_delete_of(word);
  return o->f->on_delete != PQ_ON_DELETE_NONE ? PQ_OK
                                              : fail(o, "needs 'unlink', 'restrict' or 'cascade'");
}

static int parse_description(option *o) {
  pq_slice text;
  return pq_value_string(o->value, &text) ? PQ_OK : fail(o, "needs a text");
}

/* In the order in which they are looked at: limits need to know of lists, the rest of limits. */
static const struct {
  const char *name;
  int (*parse)(option *o); /* NULL: "type" */
  bool is_kept;            /* as it is, in f->options */
} options[] = {
    {"type", NULL, false},
    {"list", parse_list, false},
    {"required", parse_required, false},
    {"index", parse_index, false},
    {"pattern", parse_pattern, false},
    {"minLength", parse_length, false},
    {"maxLength", parse_length, false},
    {"enum", parse_enum, false},
    {"min", parse_bound, false},
    {"max", parse_bound, false},
    {"dimensions", parse_dimensions, false},
    {"default", parse_default, false},
    {"metric", parse_metric, true},
    {"threshold", parse_threshold, true},
    {"onDelete", parse_on_delete, true},
    {"description", parse_description, true},
};
enum { OPTION_COUNT = sizeof options / sizeof options[0] };

static int check_options(pq_schema_parser *s, const char *path, pq_value spec) {
  const char *names[OPTION_COUNT + 1] = {0}, *where;
  pq_field field;
  for (uint32_t i = 0; i < OPTION_COUNT; i++)
    names[i] = options[i].name;
  for (uint32_t i = 0; pq_object_at(spec, i, &field); i++) {
    bool is_known = false;
    for (uint32_t k = 0; k < OPTION_COUNT; k++)
      is_known = is_known || pq_slice_is(field.name, names[k]);
    if (is_known) continue;
    where = pq_arena_printf(s->arena, "field '%s': beside 'type' there is no option", path);
    return where == NULL ? s->cx->code : pq_schema_fail_unknown(s->cx, where, field.name, names);
  }
  return PQ_OK;
}

static int parse_options(pq_schema_parser *s, const char *path, pq_value spec, pq_schema_field *f) {
  pq_field kept[OPTION_COUNT];
  uint32_t kept_count = 0;
  for (uint32_t i = 1; i < OPTION_COUNT; i++) {
    option o = {.s = s, .path = path, .name = options[i].name, .f = f};
    o.value = pq_object_get_str(spec, o.name);
    if (pq_value_is_missing(o.value)) continue;
    if (f->type == PQ_FIELD_EDGE && strcmp(o.name, "threshold") != 0 &&
        strcmp(o.name, "onDelete") != 0 && strcmp(o.name, "description") != 0)
      return fail(&o, "is not for relationships");
    PQ_TRY(options[i].parse(&o));
    if (options[i].is_kept) kept[kept_count++] = (pq_field){pq_str(o.name), o.value};
  }
  return kept_count == 0 ? PQ_OK : pq_make_object(&s->eval, kept, kept_count, &f->options);
}

/* ---- what only the whole field tells ---- */

static int wrong(pq_schema_parser *s, const char *path, const char *what) {
  return pq_fail(s->cx, PQ_EINVALID, "field '%s': %s", path, what);
}

static int check_index(pq_schema_parser *s, const char *path, const pq_schema_field *f) {
  bool is_text = f->type == PQ_FIELD_STRING, is_vector = f->type == PQ_FIELD_VECTOR;
  bool is_deep = f->type == PQ_FIELD_OBJECT || f->type == PQ_FIELD_JSON;
  if (pq_slice_is(f->index_kind, "fts") && !is_text) return wrong(s, path, "'#fts' is for texts");
  if (pq_slice_is(f->index_kind, "vec") && (!is_vector || f->is_list))
    return wrong(s, path, "'#vec' is for vectors");
  if (pq_slice_is(f->index_kind, "hash") && (is_deep || is_vector || f->is_list))
    return wrong(s, path, "'#hash' is for single values");
  if (f->is_indexed && (is_deep || is_vector))
    return wrong(s, path, "'#' is for values of a simple type");
  if (f->is_unique && (f->is_list || s->list_depth > 0))
    return wrong(s, path, "'##' is for single values, not for what stands in lists");
  return PQ_OK;
}

static int check_default(pq_schema_parser *s, const char *path, pq_schema_field *f) {
  pq_checker c = {.eval = &s->eval, .arena = s->arena, .regexes = s->regexes};
  const char *call = f->default_call;
  pq_value stored;
  if (call != NULL) {
    bool is_date = f->type == PQ_FIELD_DATE || f->type == PQ_FIELD_TIMESTAMP;
    bool fits = strcmp(call, "now") == 0 ? is_date : f->type == PQ_FIELD_UUID;
    if (fits && !f->is_list && f->value_count == 0) return PQ_OK;
    return wrong(s, path, "as a default now() is for dates, uuid() for uuids");
  }
  if (pq_value_is_missing(f->default_value)) return PQ_OK;
  PQ_TRY(pq_check_field(&c, f, f->default_value, &stored));
  f->default_value = stored;
  if (c.problem == NULL) return PQ_OK;
  return pq_fail(s->cx, PQ_EINVALID, "field '%s': the default %s", path, c.problem);
}

static int finish_field(pq_schema_parser *s, const char *path, pq_schema_field *f) {
  if (f->type == PQ_FIELD_VECTOR && f->length_max == 0)
    return wrong(s, path, "a vector needs its dimensions, as 'vector(3)'");
  if (f->type == PQ_FIELD_ENUM && f->value_count == 0)
    return wrong(s, path, "an enum needs its values, as 'enum(a,b)'");
  if (f->length_max > 0 && f->length_min > f->length_max)
    return wrong(s, path, "minLength is above the longest text");
  if (f->count_max > 0 && f->count_min > f->count_max)
    return wrong(s, path, "minLength is above maxLength");
  if (!pq_value_is_missing(f->min) && !pq_value_is_missing(f->max) &&
      pq_value_compare(f->min, f->max) > 0)
    return wrong(s, path, "min is above max");
  PQ_TRY(check_index(s, path, f));
  return check_default(s, path, f);
}

/* ---- fields ---- */

static int parse_nested(pq_schema_parser *s, const char *path, pq_value spec, bool is_list,
                        pq_schema_field *f) {
  int rc;
  if (s->depth == PQ_SCHEMA_DEPTH_MAX)
    return pq_fail(s->cx, PQ_ELIMIT, "field '%s': objects nest deeper than %d", path,
                   PQ_SCHEMA_DEPTH_MAX);
  f->type = PQ_FIELD_OBJECT;
  f->is_list = is_list;
  s->depth++;
  s->list_depth += is_list;
  rc = parse_fields(s, path, spec, &f->fields, &f->field_count);
  s->list_depth -= is_list;
  s->depth--;
  if (rc == PQ_OK && f->field_count == 0)
    return wrong(s, path, "an object needs fields; what may be anything is json");
  return rc;
}

static int parse_object_form(pq_schema_parser *s, const char *path, pq_value spec,
                             pq_schema_field *f) {
  pq_value type = pq_object_get_str(spec, "type");
  pq_slice text;
  bool is_list = false;
  PQ_TRY(check_options(s, path, spec));
  if (pq_value_string(type, &text)) {
    PQ_TRY(pq_notation_parse(s, path, text, f));
  } else if (pq_value_type(type) == PQ_TYPE_OBJECT) {
    (void)pq_value_bool(pq_object_get_str(spec, "list"), &is_list);
    PQ_TRY(parse_nested(s, path, type, is_list, f));
  } else {
    return wrong(s, path, "option 'type' needs a notation or an object of fields");
  }
  return parse_options(s, path, spec, f);
}

static int parse_field(pq_schema_parser *s, const char *path, pq_value spec, pq_schema_field *f) {
  bool is_list = pq_value_type(spec) == PQ_TYPE_ARRAY && pq_value_count(spec) == 1;
  pq_slice text;
  if (pq_value_string(spec, &text)) {
    PQ_TRY(pq_notation_parse(s, path, text, f));
    return finish_field(s, path, f);
  }
  if (is_list) spec = pq_array_at(spec, 0);
  if (pq_value_type(spec) != PQ_TYPE_OBJECT)
    return wrong(s, path,
                 "expects a notation as 'string!', an object, or a list of one object; a list of "
                 "texts is 'string[]'");
  if (is_list || pq_value_is_missing(pq_object_get_str(spec, "type"))) {
    PQ_TRY(parse_nested(s, path, spec, is_list, f));
    return finish_field(s, path, f);
  }
  PQ_TRY(parse_object_form(s, path, spec, f));
  return finish_field(s, path, f);
}

static int parse_fields(pq_schema_parser *s, const char *path, pq_value spec,
                        const pq_schema_field **out, uint32_t *count) {
  uint32_t given_count, n = 0;
  pq_field *given = pq_object_fields(s->arena, spec, &given_count);
  pq_schema_field *fields = pq_arena_calloc(s->arena, given_count, sizeof *fields);
  *out = fields;
  *count = 0;
  if (fields == NULL || (given == NULL && pq_value_count(spec) > 0)) return s->cx->code;
  for (uint32_t i = 0; i < given_count; i++) {
    pq_slice name = given[i].name;
    char *here;
    const char *mistake = pq_schema_name_mistake(name);
    if (s->depth == 0 && name.n > 0 && name.p[0] == '$') continue; /* a directive */
    here = pq_arena_printf(s->arena, "%s%s%.*s", path, *path == 0 ? "" : ".", PQ_QUOTED(name));
    if (here == NULL) return s->cx->code;
    if (mistake != NULL) return wrong(s, here, mistake);
    if (name.n > s->cx->limits.name_len_max)
      return pq_fail(s->cx, PQ_ELIMIT, "field '%s': a name of more than %u bytes", here,
                     s->cx->limits.name_len_max);
    if (++s->field_count > PQ_SCHEMA_FIELDS_MAX)
      return pq_fail(s->cx, PQ_ELIMIT, "a schema of more than %d fields", PQ_SCHEMA_FIELDS_MAX);
    fields[n].name = name;
    PQ_TRY(parse_field(s, here, given[i].value, &fields[n++]));
  }
  *count = n;
  return PQ_OK;
}

static int parse(pq_schema_parser *s, pq_value spec, const pq_schema *old, pq_schema *out) {
  const pq_schema_field *fields;
  if (pq_value_type(spec) != PQ_TYPE_OBJECT)
    return pq_fail(s->cx, PQ_EINVALID, "a schema is an object of fields, got %s",
                   pq_type_name(pq_value_type(spec)));
  PQ_TRY(pq_value_copy(s->arena, spec, &spec)); /* names and texts borrow from it */
  PQ_TRY(parse_fields(s, "", spec, &fields, &out->field_count));
  out->fields = (pq_schema_field *)(uintptr_t)fields;
  out->regexes = s->regexes;
  PQ_TRY(pq_schema_read_directives(s, spec, out));
  return pq_schema_give_ids(s, spec, old, out);
}

int pq_schema_parse(pq_arena *arena, pq_value spec, const pq_schema *old, pq_schema **out) {
  pq_schema_parser s = {.cx = arena->cx, .arena = arena};
  pq_schema *schema = pq_arena_calloc(arena, 1, sizeof *schema);
  int rc;
  *out = NULL;
  if (schema == NULL) return arena->cx->code;
  PQ_TRY(pq_builder_new(arena->cx, &s.builder));
  s.eval = (pq_eval){.cx = arena->cx, .arena = arena, .builder = s.builder};
  rc = parse(&s, spec, old, schema);
  pq_builder_free(s.builder);
  if (rc == PQ_OK) *out = schema;
  return rc;
}
