/* schema/schema_directive.c - what a schema says about the whole collection: "$id", "$options" ….
 *
 *   {"$id": "slug", "$mode": "strict", "$options": {"sortBy": ["$id"]}, "slug": "string!"}
 *
 * One table: a name, how it is read, whether it is kept as given (pq_schema.options). A name that
 * is not there is an error, because what is ignored is not done. "$ids", "$nextId" and "$rename"
 * are read by schema_ids.c.
 */
#include <string.h>

#include "schema/collection_record.h"
#include "schema/notation_int.h"

typedef struct directive {
  pq_schema_parser *s;
  const char *name;
  pq_value value;
  pq_schema *out;
} directive;

static int fail(const directive *d, const char *what) {
  return pq_fail(d->s->cx, PQ_EINVALID, "directive '%s' %s", d->name, what);
}

static int read_text(const directive *d, pq_slice *out) {
  if (pq_value_string(d->value, out) && out->n > 0) return PQ_OK;
  return fail(d, "needs a text");
}

/* The name of a field whose values can be ids and names: one text. */
static int read_text_field(const directive *d, pq_slice *out) {
  const pq_schema_field *f;
  PQ_TRY(read_text(d, out));
  f = pq_schema_field_of(d->out->fields, d->out->field_count, *out);
  if (f == NULL)
    return pq_fail(d->s->cx, PQ_EINVALID, "directive '%s' names '%.*s', which is no field", d->name,
                   PQ_QUOTED(*out));
  if (pq_schema_is_text(f) && !f->is_list) return PQ_OK;
  return pq_fail(d->s->cx, PQ_EINVALID, "directive '%s' names '%.*s', which is no single text",
                 d->name, PQ_QUOTED(*out));
}

/* ---- modes ---- */

static const char *const mode_names[] = {"strict", "permissive", "warn", "off", NULL};

const char *pq_schema_mode_name(pq_schema_mode mode) {
  pq_assert(mode >= PQ_VALIDATE_STRICT);
  pq_assert(mode <= PQ_VALIDATE_OFF);
  return mode_names[mode - PQ_VALIDATE_STRICT];
}

int pq_schema_mode_parse(pq_cx *cx, const char *where, pq_slice name, pq_schema_mode *out) {
  const char *near = pq_nearest(name, mode_names);
  *out = PQ_VALIDATE_OFF;
  for (int i = 0; mode_names[i] != NULL; i++) {
    if (!pq_slice_is(name, mode_names[i])) continue;
    *out = (pq_schema_mode)(PQ_VALIDATE_STRICT + i);
    return PQ_OK;
  }
  return pq_fail(cx, PQ_EINVALID,
                 "%s needs 'strict', 'permissive', 'warn' or 'off', got '%.*s'%s%s%s", where,
                 PQ_QUOTED(name), near == NULL ? "" : ", did you mean '", near == NULL ? "" : near,
                 near == NULL ? "" : "'?");
}

/* ---- directives of one value ---- */

static int parse_id(directive *d) {
  return read_text_field(d, &d->out->id_field);
}
static int parse_name(directive *d) {
  return read_text_field(d, &d->out->name_field);
}
static int parse_type(directive *d) {
  return read_text(d, &d->out->type_name);
}
static int parse_description(directive *d) {
  return read_text(d, &d->out->description);
}
static int parse_ns(directive *d) {
  pq_slice text;
  return read_text(d, &text);
}

static int parse_mode(directive *d) {
  pq_slice name;
  PQ_TRY(read_text(d, &name));
  return pq_schema_mode_parse(d->s->cx, "directive '$mode'", name, &d->out->mode);
}

/* A list of texts, each "$id" (when `has_id`) or the path of a field. */
static int check_paths(const directive *d, const char *what, pq_value list, bool has_id) {
  pq_slice path = {0};
  uint32_t count = pq_value_count(list);
  bool is_list = pq_value_type(list) == PQ_TYPE_ARRAY;
  if (!is_list || count > PQ_SCHEMA_FIELDS_MAX) return fail(d, what);
  for (uint32_t i = 0; i < count; i++) {
    if (!pq_value_string(pq_array_at(list, i), &path)) return fail(d, what);
    if (has_id && pq_slice_is(path, "$id")) continue;
    if (pq_schema_find(d->out, path) == NULL)
      return pq_fail(d->s->cx, PQ_EINVALID, "directive '%s' names '%.*s', which is no field",
                     d->name, PQ_QUOTED(path));
  }
  return PQ_OK;
}

static int parse_shred(directive *d) {
  return check_paths(d, "needs a list of fields", d->value, false);
}

static int parse_indexes(directive *d) {
  if (pq_value_type(d->value) == PQ_TYPE_ARRAY && pq_value_count(d->value) == 0) return PQ_OK;
  return pq_fail(d->s->cx, PQ_EUNSUPPORTED,
                 "directive '$indexes' is not supported yet: '#' and '##' mark single fields");
}

static int parse_abstract(directive *d) {
  bool is_abstract;
  if (!pq_value_bool(d->value, &is_abstract)) return fail(d, "needs true or false");
  if (!is_abstract) return PQ_OK;
  return pq_fail(d->s->cx, PQ_EUNSUPPORTED,
                 "directive '$abstract' is not supported: a collection has documents");
}

static int parse_extends(directive *d) {
  return pq_fail(d->s->cx, PQ_EUNSUPPORTED,
                 "directive '$extends' is not supported: write all fields of the type");
}

/* Commands have written it (collection_record.h). */
static int parse_collection(directive *d) {
  pq_collection_record record;
  pq_field field = {PQ_SLICE(PQ_COLLECTION_DIRECTIVE), d->value};
  pq_value document;
  PQ_TRY(pq_make_object(&d->s->eval, &field, 1, &document));
  return pq_collection_record_of(d->s->arena, document, &record);
}

static int parse_anything(directive *d) {
  (void)d;
  return PQ_OK;
}

/* ---- $options ---- */

/* Of false positives: below, a filter takes as much as the ids; above, it saves no reading. */
#define BLOOM_RATE_MIN 0.0001
#define BLOOM_RATE_MAX 0.5

static int check_compression(directive *d, pq_value v) {
  static const char *const names[] = {"zstd", "snappy", "gzip", "lz4", "brotli", "none", NULL};
  pq_slice word = {0};
  (void)pq_value_string(v, &word);
  for (int i = 0; names[i] != NULL; i++)
    if (pq_slice_is(word, names[i])) return PQ_OK;
  return fail(d, "compression needs 'zstd', 'snappy', 'gzip', 'lz4', 'brotli' or 'none'");
}

static int parse_storage(directive *d) {
  static const char *const names[] = {"includeDataVariant", "compression", "rowGroupSize", "sortBy",
                                      "bloomRate",          NULL};
  pq_field f;
  int64_t rows;
  double rate;
  if (pq_value_type(d->value) != PQ_TYPE_OBJECT) return fail(d, "needs an object");
  for (uint32_t i = 0; pq_object_at(d->value, i, &f); i++) {
    if (pq_slice_is(f.name, names[0])) {
      if (!pq_value_bool(f.value, &d->out->has_data))
        return fail(d, "includeDataVariant needs true or false");
    } else if (pq_slice_is(f.name, names[1])) {
      PQ_TRY(check_compression(d, f.value));
    } else if (pq_slice_is(f.name, names[2])) {
      if (!pq_value_i64(f.value, &rows) || rows < 1 || rows > 10000000)
        return fail(d, "rowGroupSize needs a whole number from 1 to 10000000");
    } else if (pq_slice_is(f.name, names[3])) {
      PQ_TRY(check_paths(d, "sortBy needs a list of fields", f.value, true));
    } else if (pq_slice_is(f.name, names[4])) {
      if (!pq_value_number(f.value, &rate) || !(rate >= BLOOM_RATE_MIN && rate <= BLOOM_RATE_MAX))
        return fail(d, "bloomRate needs a number from 0.0001 to 0.5");
    } else {
      return pq_schema_fail_unknown(d->s->cx, "directive '$options' has no option", f.name, names);
    }
  }
  return PQ_OK;
}

static const struct {
  const char *name;
  int (*parse)(directive *d);
  bool is_kept;
} directives[] = {{"$id", parse_id, false},
                  {"$name", parse_name, false},
                  {"$ns", parse_ns, true},
                  {"$type", parse_type, false},
                  {"$description", parse_description, false},
                  {"$mode", parse_mode, false},
                  {"$shred", parse_shred, true},
                  {"$abstract", parse_abstract, false},
                  {"$extends", parse_extends, false},
                  {"$indexes", parse_indexes, false},
                  {"$options", parse_storage, true},
                  {"$layout", parse_anything, true},
                  {"$sidebar", parse_anything, true},
                  {"$studio", parse_anything, true},
                  {"$collection", parse_collection, true},
                  {"$ids", parse_anything, false},
                  {"$nextId", parse_anything, false},
                  {"$rename", parse_anything, false}};
enum { DIRECTIVE_COUNT = sizeof directives / sizeof directives[0] };

static int check_names(pq_schema_parser *s, pq_value spec) {
  const char *names[DIRECTIVE_COUNT + 1] = {0};
  pq_field field;
  for (uint32_t i = 0; i < DIRECTIVE_COUNT; i++)
    names[i] = directives[i].name;
  for (uint32_t i = 0; pq_object_at(spec, i, &field); i++) {
    bool is_known = field.name.n == 0 || field.name.p[0] != '$';
    for (uint32_t k = 0; k < DIRECTIVE_COUNT && !is_known; k++)
      is_known = pq_slice_is(field.name, names[k]);
    if (!is_known)
      return pq_schema_fail_unknown(s->cx, "a schema has no directive", field.name, names);
  }
  return PQ_OK;
}

int pq_schema_read_directives(pq_schema_parser *s, pq_value spec, pq_schema *out) {
  pq_field kept[DIRECTIVE_COUNT];
  uint32_t kept_count = 0;
  out->mode = PQ_VALIDATE_PERMISSIVE;
  out->has_data = true;
  PQ_TRY(check_names(s, spec));
  for (uint32_t i = 0; i < DIRECTIVE_COUNT; i++) {
    directive d = {.s = s, .name = directives[i].name, .out = out};
    d.value = pq_object_get_str(spec, d.name);
    if (pq_value_is_missing(d.value)) continue;
    PQ_TRY(directives[i].parse(&d));
    if (directives[i].is_kept) kept[kept_count++] = (pq_field){pq_str(d.name), d.value};
  }
  if (!out->has_data && out->mode != PQ_VALIDATE_STRICT)
    return pq_fail(s->cx, PQ_EINVALID,
                   "directive '$options' with includeDataVariant false needs \"$mode\": "
                   "\"strict\", or other fields would be lost");
  return kept_count == 0 ? PQ_OK : pq_make_object(&s->eval, kept, kept_count, &out->options);
}
