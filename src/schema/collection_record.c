/* schema/collection_record.c - see collection_record.h. */
#include "schema/collection_record.h"

#include <string.h>

#include "base/text.h"

#define TEXT_ARGS(s) (int)((s).n > 60 ? 60 : (s).n), (s).n == 0 ? "" : (const char *)(s).p

enum { NAME_LEN_MAX = 127, EXPIRE_MAX = INT32_MAX };

/* ---- indexes ---- */

typedef struct index_reader {
  pq_cx *cx;
  pq_arena *arena;
  pq_value value;
  pq_index_record *out;
} index_reader;

static int wrong(const index_reader *r, const char *what) {
  return pq_fail(r->cx, PQ_EINVALID, "index '%.*s': %s", TEXT_ARGS(r->out->key.name), what);
}

static int read_flag(const index_reader *r, const char *what, bool *out) {
  double d;
  if (pq_value_bool(r->value, out)) return PQ_OK;
  if (!pq_value_number(r->value, &d)) return wrong(r, what);
  *out = d != 0;
  return PQ_OK;
}

static int read_unique(index_reader *r) {
  return read_flag(r, "'unique' must be true or false", &r->out->is_unique);
}

static int read_sparse(index_reader *r) {
  return read_flag(r, "'sparse' must be true or false", &r->out->key.is_sparse);
}

static int read_hidden(index_reader *r) {
  bool is_hidden;
  return read_flag(r, "'hidden' must be true or false", &is_hidden);
}

static int read_partial(index_reader *r) {
  pq_filter *filter;
  if (pq_value_type(r->value) != PQ_TYPE_OBJECT)
    return wrong(r, "'partialFilterExpression' must be an object");
  r->out->key.partial_spec = r->value;
  PQ_TRY(pq_filter_parse(r->arena, NULL, r->value, &filter));
  if (pq_filter_needs_eval(filter))
    return wrong(r, "'partialFilterExpression' may not have $expr or $sampleRate");
  r->out->key.partial = filter;
  return PQ_OK;
}

static int read_expiry(index_reader *r) {
  if (!pq_value_number(r->value, &r->out->expire_after) || !(r->out->expire_after >= 0) ||
      r->out->expire_after > EXPIRE_MAX)
    return wrong(r, "'expireAfterSeconds' must be a number from 0 to 2147483647");
  if (r->out->key.path_count != 1)
    return wrong(r, "an index with 'expireAfterSeconds' has one field");
  r->out->has_expiry = true;
  return PQ_OK;
}

static int read_anything(index_reader *r) {
  (void)r;
  return PQ_OK;
}

static int read_collation(index_reader *r) {
  pq_slice locale;
  if (pq_value_count(r->value) == 0 ||
      (pq_value_string(pq_object_get_str(r->value, "locale"), &locale) &&
       pq_slice_is(locale, "simple")))
    return PQ_OK;
  return pq_fail(r->cx, PQ_EUNSUPPORTED, "index '%.*s': a collation of an index is not supported",
                 TEXT_ARGS(r->out->key.name));
}

static const struct {
  const char *name;
  int (*read)(index_reader *r);
} index_options[] = {{"name", read_anything},
                     {"key", read_anything},
                     {"v", read_anything},
                     {"background", read_anything},
                     {"comment", read_anything},
                     {"unique", read_unique},
                     {"sparse", read_sparse},
                     {"hidden", read_hidden},
                     {"collation", read_collation},
                     {"partialFilterExpression", read_partial},
                     {"expireAfterSeconds", read_expiry}};
enum { INDEX_OPTION_COUNT = sizeof index_options / sizeof *index_options };

static int read_option(index_reader *r, pq_slice name) {
  const char *names[INDEX_OPTION_COUNT + 1] = {0};
  const char *near;
  for (uint32_t i = 0; i < INDEX_OPTION_COUNT; i++) {
    names[i] = index_options[i].name;
    if (pq_slice_is(name, names[i])) return index_options[i].read(r);
  }
  near = pq_nearest(name, names);
  return pq_fail(r->cx, PQ_EINVALID, "index '%.*s': unknown option '%.*s'%s%s%s",
                 TEXT_ARGS(r->out->key.name), TEXT_ARGS(name), near ? ": did you mean '" : "",
                 near ? near : "", near ? "'?" : "");
}

/* Directions are numbers; texts are kinds that are not there. */
static int check_pattern(const index_reader *r) {
  pq_field field;
  pq_slice kind;
  double direction;
  for (uint32_t i = 0; pq_object_at(r->out->key.pattern, i, &field); i++) {
    if (field.name.n > 0 && memchr(field.name.p, '$', field.name.n) != NULL)
      return pq_fail(r->cx, PQ_EUNSUPPORTED,
                     "index '%.*s': field '%.*s': wildcard indexes are not supported",
                     TEXT_ARGS(r->out->key.name), TEXT_ARGS(field.name));
    if (pq_value_string(field.value, &kind))
      return pq_fail(r->cx, PQ_EUNSUPPORTED,
                     "index '%.*s': indexes of the kind '%.*s' are not "
                     "supported",
                     TEXT_ARGS(r->out->key.name), TEXT_ARGS(kind));
    if (!pq_value_number(field.value, &direction) || !(direction < 0 || direction > 0))
      return wrong(r, "the value of a field must be 1 or -1");
  }
  return PQ_OK;
}

int pq_index_record_parse(pq_arena *arena, pq_value spec, pq_index_record *out) {
  index_reader r = {.cx = arena->cx, .arena = arena, .out = out};
  pq_field field;
  *out = (pq_index_record){.spec = spec, .key.is_index = true};
  if (pq_value_type(spec) != PQ_TYPE_OBJECT)
    return pq_fail(arena->cx, PQ_EINVALID, "an index is an object {name, key, …}");
  if (!pq_value_string(pq_object_get_str(spec, "name"), &out->key.name) || out->key.name.n == 0 ||
      out->key.name.n > NAME_LEN_MAX)
    return pq_fail(arena->cx, PQ_EINVALID, "an index has a 'name' of 1 to %d bytes", NAME_LEN_MAX);
  out->key.pattern = pq_object_get_str(spec, "key");
  PQ_TRY(pq_unique_paths(arena, out->key.pattern, &out->key.paths, &out->key.path_count));
  PQ_TRY(check_pattern(&r));
  for (uint32_t i = 0; pq_object_at(spec, i, &field); i++) {
    r.value = field.value;
    PQ_TRY(read_option(&r, field.name));
  }
  if (out->key.is_sparse && out->key.partial != NULL)
    return wrong(&r, "'sparse' and 'partialFilterExpression' exclude each other");
  return PQ_OK;
}

/* ---- options ---- */

static int fail_option(pq_cx *cx, const char *what) {
  return pq_fail(cx, PQ_EINVALID, "options: %s", what);
}

static int read_level(pq_cx *cx, pq_value v, pq_collection_record *out) {
  static const char *const names[] = {"strict", "moderate", "off"};
  pq_slice text = {0};
  (void)pq_value_string(v, &text);
  for (int i = 0; i < 3; i++)
    if (pq_slice_is(text, names[i])) {
      out->level = (pq_validation_level)i;
      return PQ_OK;
    }
  return fail_option(cx, "'validationLevel' must be \"strict\", \"moderate\" or \"off\"");
}

static int read_action(pq_cx *cx, pq_value v, pq_collection_record *out) {
  pq_slice text = {0};
  (void)pq_value_string(v, &text);
  out->only_warns = pq_slice_is(text, "warn");
  if (out->only_warns || pq_slice_is(text, "error")) return PQ_OK;
  return fail_option(cx, "'validationAction' must be \"error\" or \"warn\"");
}

static int read_validator(pq_arena *arena, pq_value v, pq_collection_record *out) {
  if (pq_value_type(v) != PQ_TYPE_OBJECT)
    return fail_option(arena->cx, "'validator' must be an object");
  return pq_value_count(v) == 0 ? PQ_OK : pq_filter_parse(arena, NULL, v, &out->validator);
}

static int read_view_on(pq_cx *cx, pq_value v, pq_collection_record *out) {
  if (pq_value_string(v, &out->view_on) && out->view_on.n > 0) return PQ_OK;
  return fail_option(cx, "'viewOn' must be the name of a collection");
}

static int read_pipeline(pq_cx *cx, pq_value v, pq_collection_record *out) {
  out->view_pipeline = v;
  if (pq_value_type(v) == PQ_TYPE_ARRAY) return PQ_OK;
  return fail_option(cx, "'pipeline' must be a list of stages");
}

static int read_view_collation(pq_cx *cx, pq_value v, pq_collection_record *out) {
  out->view_collation = v;
  if (pq_value_type(v) == PQ_TYPE_OBJECT) return PQ_OK;
  return fail_option(cx, "'collation' must be an object");
}

static int read_collection_option(pq_arena *arena, const pq_field *f, pq_collection_record *out) {
  static const char *const kept[] = {"comment", "changeStreamPreAndPostImages", "clusteredIndex",
                                     NULL};
  static const char *const all[] = {
      "validator", "validationLevel", "validationAction", "comment",
      "viewOn",    "pipeline",        "collation",        "changeStreamPreAndPostImages",
      NULL};
  const char *near;
  if (pq_slice_is(f->name, "viewOn")) return read_view_on(arena->cx, f->value, out);
  if (pq_slice_is(f->name, "pipeline")) return read_pipeline(arena->cx, f->value, out);
  if (pq_slice_is(f->name, "collation")) return read_view_collation(arena->cx, f->value, out);
  if (pq_slice_is(f->name, "validator")) return read_validator(arena, f->value, out);
  if (pq_slice_is(f->name, "validationLevel")) return read_level(arena->cx, f->value, out);
  if (pq_slice_is(f->name, "validationAction")) return read_action(arena->cx, f->value, out);
  for (int i = 0; kept[i] != NULL; i++)
    if (pq_slice_is(f->name, kept[i])) return PQ_OK;
  near = pq_nearest(f->name, all);
  return pq_fail(arena->cx, PQ_EINVALID, "options: unknown option '%.*s'%s%s%s", TEXT_ARGS(f->name),
                 near ? ": did you mean '" : "", near ? near : "", near ? "'?" : "");
}

/* What a view has, a collection has not, and the other way round. */
static int check_view(pq_cx *cx, pq_value options, const pq_collection_record *out) {
  static const char *const stored[] = {"validator",        "validationLevel",
                                       "validationAction", "changeStreamPreAndPostImages",
                                       "clusteredIndex",   NULL};
  if (out->view_on.n == 0) {
    if (!pq_value_is_missing(out->view_pipeline))
      return fail_option(cx, "'pipeline' is of a view: 'viewOn' is missing");
    if (pq_value_is_missing(out->view_collation)) return PQ_OK;
    return pq_fail(cx, PQ_EUNSUPPORTED,
                   "options: a default collation of a collection is not supported ('collation')");
  }
  for (int i = 0; stored[i] != NULL; i++)
    if (!pq_value_is_missing(pq_object_get_str(options, stored[i])))
      return pq_fail(cx, PQ_EINVALID, "options: a view has no '%s'", stored[i]);
  return PQ_OK;
}

int pq_collection_options_parse(pq_arena *arena, pq_value options, pq_collection_record *out) {
  pq_field field;
  out->options = options;
  if (pq_value_is_missing(options)) return PQ_OK;
  if (pq_value_type(options) != PQ_TYPE_OBJECT) return fail_option(arena->cx, "an object");
  for (uint32_t i = 0; pq_object_at(options, i, &field); i++)
    PQ_TRY(read_collection_option(arena, &field, out));
  return check_view(arena->cx, options, out);
}

/* ---- the record ---- */

int pq_collection_record_of(pq_arena *arena, pq_value document, pq_collection_record *out) {
  pq_value record = pq_object_get_str(document, PQ_COLLECTION_DIRECTIVE), list;
  *out = (pq_collection_record){0};
  if (pq_value_is_missing(record)) return PQ_OK;
  if (pq_value_type(record) != PQ_TYPE_OBJECT)
    return pq_fail(arena->cx, PQ_EINVALID, "directive '%s' is no object", PQ_COLLECTION_DIRECTIVE);
  out->is_there = true;
  (void)pq_value_string(pq_object_get_str(record, "uuid"), &out->uuid);
  PQ_TRY(pq_collection_options_parse(arena, pq_object_get_str(record, "options"), out));
  list = pq_object_get_str(record, "indexes");
  out->index_count = pq_value_count(list);
  if (out->index_count > PQ_INDEXES_MAX)
    return pq_fail(arena->cx, PQ_ELIMIT, "more than %d indexes", PQ_INDEXES_MAX + 1);
  out->indexes = pq_arena_calloc(arena, out->index_count, sizeof *out->indexes);
  if (out->indexes == NULL) return arena->cx->code;
  for (uint32_t i = 0; i < out->index_count; i++)
    PQ_TRY(pq_index_record_parse(arena, pq_array_at(list, i), &out->indexes[i]));
  return PQ_OK;
}

bool pq_schema_says_something(pq_value document) {
  static const char *const silent[] = {PQ_COLLECTION_DIRECTIVE, "$ids", "$nextId", NULL};
  pq_field field;
  for (uint32_t i = 0; pq_object_at(document, i, &field); i++) {
    bool is_silent = false;
    for (int k = 0; silent[k] != NULL; k++)
      is_silent = is_silent || pq_slice_is(field.name, silent[k]);
    if (!is_silent) return true;
  }
  return false;
}

/* ---- fields of indexes ---- */

static pq_value index_list(const pq_schema *s) {
  pq_value record = {0};
  if (s != NULL) record = pq_object_get_str(s->options, PQ_COLLECTION_DIRECTIVE);
  return pq_object_get_str(record, "indexes");
}

int pq_schema_index_paths(pq_arena *arena, const pq_schema *s, pq_slice **out, uint32_t *count) {
  pq_value list = index_list(s);
  uint32_t n = pq_value_count(list);
  *count = 0;
  *out = pq_arena_calloc(arena, (size_t)n * PQ_INDEX_FIELDS_MAX, sizeof **out);
  if (*out == NULL) return arena->cx->code;
  for (uint32_t i = 0; i < n; i++) {
    pq_value key = pq_object_get_str(pq_array_at(list, i), "key");
    pq_field field;
    for (uint32_t k = 0; k < PQ_INDEX_FIELDS_MAX && pq_object_at(key, k, &field); k++) {
      uint32_t at = 0;
      while (at < *count && !pq_slice_eq((*out)[at], field.name))
        at++;
      if (at == *count) PQ_TRY(pq_arena_copy(arena, field.name, &(*out)[(*count)++]));
    }
  }
  return PQ_OK;
}

bool pq_schema_has_index_on(const pq_schema *s, pq_slice path) {
  pq_value list = index_list(s);
  for (uint32_t i = 0; i < pq_value_count(list); i++) {
    pq_value key = pq_object_get_str(pq_array_at(list, i), "key");
    pq_field field;
    for (uint32_t k = 0; pq_object_at(key, k, &field); k++)
      if (pq_slice_eq(field.name, path)) return true;
  }
  return false;
}
