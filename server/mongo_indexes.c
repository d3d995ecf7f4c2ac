/* server/mongo_indexes.c - createIndexes, dropIndexes, listIndexes. See mongo_catalog.h.
 *
 * What MongoDB refuses with numbers of its own is refused here, with its words; the engine has the
 * last word on the rest.
 */
#include <string.h>

#include "expr/expression.h"
#include "server/mongo_catalog.h"
#include "server/mongo_duplicate.h"
#include "value/compare.h"

#define TEXT_ARGS(s) (int)((s).n > 60 ? 60 : (s).n), (s).n == 0 ? "" : (const char *)(s).p

enum {
  CANNOT_CREATE_INDEX = 67,
  INDEX_OPTIONS_CONFLICT = 85,
  INDEX_KEY_SPECS_CONFLICT = 86,
  INVALID_INDEX_OPTION = 197
};

static pq_slice name_of(pq_value spec) {
  pq_slice name = {0};
  (void)pq_value_string(pq_object_get_str(spec, "name"), &name);
  return name;
}

static bool flag_of(pq_value v, const char *name) {
  bool flag = false;
  double d = 0;
  pq_value f = pq_object_get_str(v, name);
  if (!pq_value_bool(f, &flag) && pq_value_number(f, &d)) flag = d != 0;
  return flag;
}

static bool is_id_key(pq_value key) {
  pq_field f;
  return pq_value_count(key) == 1 && pq_object_at(key, 0, &f) && pq_slice_is(f.name, "_id");
}

/* ---- listIndexes ---- */

void pq_catalog_put_id_index(pq_bson_out *o) {
  pq_bson_i32(o, "v", 2);
  pq_bson_begin_object(o, "key");
  pq_bson_i32(o, "_id", 1);
  pq_bson_end(o);
  pq_bson_str(o, "name", "_id_");
}

int pq_catalog_put_index(pq_task *t, pq_bson_out *o, pq_value spec) {
  uint32_t count;
  pq_field *fields;
  PQ_TRY(pq_task_fields(t, spec, &fields, &count));
  pq_bson_i32(o, "v", 2);
  pq_bson_value(o, "key", pq_object_get_str(spec, "key"));
  pq_bson_value(o, "name", pq_object_get_str(spec, "name"));
  for (uint32_t i = 0; i < count; i++) {
    char name[64];
    if (pq_slice_is(fields[i].name, "key") || pq_slice_is(fields[i].name, "name")) continue;
    if (fields[i].name.n >= sizeof name) continue;
    memcpy(name, fields[i].name.p, fields[i].name.n);
    name[fields[i].name.n] = '\0';
    pq_bson_value(o, name, fields[i].value);
  }
  return PQ_OK;
}

int pq_mongo_list_indexes(pq_task *t) {
  PQ_TRY(pq_task_target(t));
  return pq_catalog_ask(t);
}

int pq_mongo_list_indexes_done(pq_task *t, pq_value summary) {
  const pq_mongo_catalog *c = pq_catalog_of(t);
  char text[PQ_MONGO_NAME_CAP];
  pq_value clustered;
  PQ_TRY(pq_catalog_take(t, summary));
  if (!c->is_there)
    return pq_task_refuse_with(t, PQ_MONGO_NAMESPACE_NOT_FOUND, "ns does not exist: %s",
                               t->full_name);
  if (pq_mongo_is_view(c->options)) return pq_mongo_refuse_view(t);
  clustered = pq_object_get_str(c->options, "clusteredIndex");
  pq_mongo_name_back(pq_str(t->collection), text);
  pq_cursor_list_begin(t, text);
  pq_bson_begin_object(&t->out, NULL);
  if (pq_value_is_missing(clustered)) {
    pq_catalog_put_id_index(&t->out);
  } else {
    PQ_TRY(pq_catalog_put_index(t, &t->out, clustered));
    pq_bson_bool(&t->out, "clustered", true);
  }
  pq_bson_end(&t->out);
  for (uint32_t i = 0; i < c->index_count; i++) {
    pq_bson_begin_object(&t->out, NULL);
    PQ_TRY(pq_catalog_put_index(t, &t->out, c->indexes[i]));
    pq_bson_end(&t->out);
  }
  return pq_cursor_list_end(t);
}

/* ---- createIndexes ---- */

/* An error whose text shows indexes. */
static int refuse_specs(pq_task *t, int code, const char *what, pq_value asked, pq_value there) {
  pq_buf text;
  int rc;
  pq_buf_init(&text, t->mongo->cx, 1 << 24);
  rc = pq_buf_put_str(&text, what);
  if (rc == PQ_OK) rc = pq_buf_put_str(&text, " Requested index: ");
  if (rc == PQ_OK) rc = pq_mongo_shell_print(&text, asked);
  if (rc == PQ_OK) rc = pq_buf_put_str(&text, ", existing index: ");
  if (rc == PQ_OK) rc = pq_mongo_shell_print(&text, there);
  if (rc == PQ_OK) rc = pq_task_refuse_with(t, code, "%.*s", (int)text.len, (const char *)text.p);
  pq_buf_release(&text);
  PQ_TRY(rc);
  return PQ_EINVALID;
}

static int refuse(pq_task *t, int code, const char *what, pq_slice name) {
  PQ_TRY(pq_task_refuse_with(t, code, "%s: %.*s", what, TEXT_ARGS(name)));
  return PQ_EINVALID;
}

static int check_key(pq_task *t, pq_value key) {
  static const char *const kinds[] = {"text",        "2d",          "2dsphere", "hashed",
                                      "geoHaystack", "columnstore", NULL};
  uint32_t count;
  pq_field *fields;
  pq_slice kind;
  double d;
  if (pq_value_type(key) != PQ_TYPE_OBJECT)
    return refuse(t, 14, "The field 'key' must be an object", (pq_slice){0});
  PQ_TRY(pq_task_fields(t, key, &fields, &count));
  if (count == 0)
    return refuse(t, CANNOT_CREATE_INDEX, "Index keys cannot be an empty object", (pq_slice){0});
  for (uint32_t i = 0; i < count; i++) {
    if (fields[i].name.n == 0)
      return refuse(t, CANNOT_CREATE_INDEX, "Index keys cannot be an empty field", fields[i].name);
    if (memchr(fields[i].name.p, '$', fields[i].name.n) != NULL)
      return refuse(t, CANNOT_CREATE_INDEX, "wildcard indexes are not supported", fields[i].name);
    if (pq_value_string(fields[i].value, &kind)) {
      for (int k = 0; kinds[k] != NULL; k++)
        if (pq_slice_is(kind, kinds[k]))
          return refuse(t, CANNOT_CREATE_INDEX, "indexes of this kind are not supported", kind);
      return refuse(t, CANNOT_CREATE_INDEX, "Unknown index plugin", kind);
    }
    if (!pq_value_number(fields[i].value, &d) || !(d < 0 || d > 0))
      return refuse(t, CANNOT_CREATE_INDEX,
                    "Values in v:2 index key pattern must be numbers other than 0", fields[i].name);
  }
  return PQ_OK;
}

/* How a field of a spec is kept: not at all, always, or when it is true. */
typedef enum keeping { KEEP_NOT, KEEP, KEEP_TRUE, KEEP_SIMPLE } keeping;

static const struct {
  const char *name;
  keeping keeping;
} spec_fields[] = {{"key", KEEP},
                   {"name", KEEP},
                   {"unique", KEEP_TRUE},
                   {"sparse", KEEP_TRUE},
                   {"hidden", KEEP_TRUE},
                   {"expireAfterSeconds", KEEP},
                   {"partialFilterExpression", KEEP},
                   {"collation", KEEP_SIMPLE},
                   {"v", KEEP_NOT},
                   {"background", KEEP_NOT},
                   {"ns", KEEP_NOT},
                   {"dropDups", KEEP_NOT},
                   {"storageEngine", KEEP_NOT}};
enum { SPEC_FIELD_COUNT = sizeof spec_fields / sizeof *spec_fields };

static int keep_field(pq_task *t, pq_value spec, const pq_field *f, bool *is_kept) {
  size_t i = 0;
  pq_slice locale;
  *is_kept = false;
  while (i < SPEC_FIELD_COUNT && !pq_slice_is(f->name, spec_fields[i].name))
    i++;
  if (i == SPEC_FIELD_COUNT)
    return refuse(t, INVALID_INDEX_OPTION, "The field is not valid for an index specification",
                  f->name);
  *is_kept = spec_fields[i].keeping == KEEP ||
             (spec_fields[i].keeping == KEEP_TRUE && flag_of(spec, spec_fields[i].name));
  if (spec_fields[i].keeping != KEEP_SIMPLE) return PQ_OK;
  if (pq_value_string(pq_object_get_str(f->value, "locale"), &locale) &&
      pq_slice_is(locale, "simple"))
    return PQ_OK;
  return refuse(t, CANNOT_CREATE_INDEX, "a collation of an index is not supported", locale);
}

static int check_options(pq_task *t, pq_value spec) {
  double seconds = 0;
  pq_value expiry = pq_object_get_str(spec, "expireAfterSeconds");
  if (pq_value_is_missing(expiry)) return PQ_OK;
  if (!pq_value_number(expiry, &seconds) || !(seconds >= 0 && seconds <= INT32_MAX))
    return refuse(t, CANNOT_CREATE_INDEX,
                  "TTL index 'expireAfterSeconds' option must be within an acceptable range",
                  name_of(spec));
  if (pq_value_count(pq_object_get_str(spec, "key")) > 1)
    return refuse(t, CANNOT_CREATE_INDEX,
                  "TTL indexes are single-field indexes, compound indexes do not support TTL",
                  name_of(spec));
  return PQ_OK;
}

/* The spec as we keep it. */
static int clean_spec(pq_task *t, pq_value spec, pq_value *out) {
  pq_builder *b = t->mongo->builder;
  uint32_t count;
  pq_field *fields;
  if (pq_value_type(spec) != PQ_TYPE_OBJECT)
    return refuse(t, 14, "an index must be an object", (pq_slice){0});
  if (pq_value_is_missing(pq_object_get_str(spec, "key")))
    return refuse(t, PQ_MONGO_FAILED_TO_PARSE,
                  "The 'key' field is a required property of an index specification",
                  name_of(spec));
  if (name_of(spec).n == 0)
    return refuse(t, PQ_MONGO_FAILED_TO_PARSE,
                  "The 'name' field is a required property of an index specification",
                  (pq_slice){0});
  PQ_TRY(check_key(t, pq_object_get_str(spec, "key")));
  PQ_TRY(check_options(t, spec));
  PQ_TRY(pq_task_fields(t, spec, &fields, &count));
  pq_builder_clear(b);
  PQ_TRY(pq_builder_begin_object(b));
  for (uint32_t i = 0; i < count; i++) {
    bool is_kept;
    PQ_TRY(keep_field(t, spec, &fields[i], &is_kept));
    if (!is_kept) continue;
    PQ_TRY(pq_builder_key(b, fields[i].name));
    PQ_TRY(pq_builder_value(b, fields[i].value));
  }
  PQ_TRY(pq_builder_end(b));
  return pq_builder_finish(b, &t->arena, out);
}

static bool is_same(pq_value a, pq_value b, const char *name) {
  pq_value x = pq_object_get_str(a, name), y = pq_object_get_str(b, name);
  if (pq_value_is_missing(x) || pq_value_is_missing(y))
    return pq_value_is_missing(x) == pq_value_is_missing(y);
  return pq_value_is_equal(x, y);
}

/* Of one signature two may not be there: key, filter, unique and sparse. */
static bool is_same_signature(pq_value a, pq_value b) {
  return is_same(a, b, "key") && is_same(a, b, "partialFilterExpression") &&
         flag_of(a, "unique") == flag_of(b, "unique") &&
         flag_of(a, "sparse") == flag_of(b, "sparse");
}

/* Is it there already? *is_new, or an error. */
static int check_conflict(pq_task *t, pq_value spec, bool *is_new) {
  const pq_mongo_catalog *c = pq_catalog_of(t);
  pq_slice name = name_of(spec);
  *is_new = false;
  if (is_id_key(pq_object_get_str(spec, "key"))) return PQ_OK;
  if (pq_slice_is(name, "_id_"))
    return refuse(t, CANNOT_CREATE_INDEX, "The index name '_id_' is reserved for the _id index",
                  name);
  for (uint32_t i = 0; i < c->index_count; i++) {
    pq_value old = c->indexes[i];
    bool is_equivalent = is_same_signature(spec, old);
    if (pq_slice_eq(name_of(old), name)) {
      if (is_equivalent && is_same(spec, old, "expireAfterSeconds")) return PQ_OK;
      if (is_equivalent)
        return refuse_specs(t, INDEX_OPTIONS_CONFLICT,
                            "An equivalent index already exists with the same name but different "
                            "options.",
                            spec, old);
      return refuse_specs(t, INDEX_KEY_SPECS_CONFLICT,
                          "An existing index has the same name as the requested index. When index "
                          "names are not specified, they are auto generated and can cause "
                          "conflicts. Please refer to our documentation.",
                          spec, old);
    }
    if (!is_equivalent) continue;
    if (is_same(spec, old, "expireAfterSeconds"))
      return refuse(t, INDEX_OPTIONS_CONFLICT, "Index already exists with a different name",
                    name_of(old));
    return refuse_specs(t, INDEX_OPTIONS_CONFLICT,
                        "An equivalent index already exists with a different name and options.",
                        spec, old);
  }
  *is_new = true;
  return PQ_OK;
}

int pq_mongo_create_indexes(pq_task *t) {
  pq_value list = pq_task_field(t, "indexes");
  PQ_TRY(pq_task_target(t));
  if (pq_value_type(list) != PQ_TYPE_ARRAY || pq_value_count(list) == 0)
    return pq_task_refuse_with(t, PQ_MONGO_BAD_VALUE, "Must specify at least one index to create");
  return pq_catalog_ask(t);
}

static int submit_indexes(pq_task *t) {
  const pq_mongo_catalog *c = pq_catalog_of(t);
  pq_builder *b = t->mongo->builder;
  pq_task_command(t, "createIndexes", t->collection);
  PQ_TRY(t->rc);
  PQ_TRY(pq_builder_key_str(b, "indexes"));
  PQ_TRY(pq_builder_begin_array(b));
  for (uint32_t i = 0; i < c->fresh_count; i++)
    PQ_TRY(pq_builder_value(b, c->fresh[i]));
  PQ_TRY(pq_builder_end(b));
  return pq_task_submit(t);
}

/* The new ones of those that are asked for: what the engine is told. */
static int choose_new(pq_task *t) {
  pq_mongo_catalog *c = pq_catalog_of(t);
  pq_value list = pq_task_field(t, "indexes");
  c->before = c->index_count + 1;
  for (uint32_t i = 0; i < pq_value_count(list); i++) {
    bool is_new;
    pq_value spec;
    PQ_TRY(clean_spec(t, pq_array_at(list, i), &spec));
    PQ_TRY(check_conflict(t, spec, &is_new));
    if (!is_new) continue;
    if (c->index_count == PQ_MONGO_INDEXES_MAX - 1)
      return refuse(t, CANNOT_CREATE_INDEX, "add index fails, too many indexes", name_of(spec));
    c->indexes[c->index_count++] = spec;
    c->fresh[c->fresh_count++] = spec;
  }
  return PQ_OK;
}

static int answer_created(pq_task *t, bool is_created) {
  const pq_mongo_catalog *c = pq_catalog_of(t);
  pq_task_answer(t);
  pq_bson_i32(&t->out, "numIndexesBefore", (int32_t)c->before);
  pq_bson_i32(&t->out, "numIndexesAfter", (int32_t)c->index_count + 1);
  if (!is_created && c->before == c->index_count + 1)
    pq_bson_str(&t->out, "note", "all indexes already exist");
  pq_bson_bool(&t->out, "createdCollectionAutomatically", is_created);
  return pq_task_answer_end(t);
}

/* In a transaction: on a collection that it made, and that is empty.
 * (MongoDB: core/transactions-operations, "Create Collections and Indexes in a Transaction") */
enum { STAGE_ASKED, STAGE_OUTSIDE, STAGE_EMPTY, STAGE_MADE };

static int ask_outside(pq_task *t) {
  t->stage = STAGE_OUTSIDE;
  t->use.is_passed = true;
  PQ_TRY(pq_catalog_ask_again(t));
  t->use.is_passed = false;
  return PQ_OK;
}

static int ask_empty(pq_task *t) {
  t->stage = STAGE_EMPTY;
  pq_task_command(t, "exists", t->collection);
  t->use.is_asking = true;
  PQ_TRY(pq_task_submit(t));
  t->use.is_asking = false;
  return PQ_OK;
}

static int refuse_in_txn(pq_task *t, const char *what) {
  return pq_task_refuse_with(t, PQ_MONGO_NOT_IN_TRANSACTION,
                             "Cannot create new indexes on %s collection %s in a multi-document "
                             "transaction.",
                             what, t->full_name);
}

static int make(pq_task *t) {
  t->stage = STAGE_MADE;
  if (pq_catalog_of(t)->fresh_count > 0) return submit_indexes(t);
  if (pq_catalog_of(t)->is_there) return answer_created(t, false);
  pq_task_command(t, "create", t->collection);
  return pq_task_submit(t);
}

static int asked(pq_task *t, pq_value summary) {
  int rc;
  PQ_TRY(pq_catalog_take(t, summary));
  if (pq_mongo_is_view(pq_catalog_of(t)->options)) return pq_mongo_refuse_view(t);
  rc = choose_new(t);
  if (t->is_done) return PQ_OK; /* it is refused */
  PQ_TRY(rc);
  if (t->use.is_in_txn && pq_catalog_of(t)->is_there && pq_catalog_of(t)->fresh_count > 0)
    return ask_outside(t);
  return make(t);
}

int pq_mongo_create_indexes_done(pq_task *t, pq_value summary) {
  bool flag = false;
  switch (t->stage) {
    case STAGE_ASKED: return asked(t, summary);
    case STAGE_OUTSIDE:
      (void)pq_value_bool(pq_object_get_str(summary, "exists"), &flag);
      return flag ? refuse_in_txn(t, "existing") : ask_empty(t);
    case STAGE_EMPTY:
      (void)pq_value_bool(pq_object_get_str(summary, "exists"), &flag);
      return flag ? refuse_in_txn(t, "non-empty") : make(t);
    default:
      (void)pq_value_bool(pq_object_get_str(summary, "created"), &flag);
      return answer_created(t, flag);
  }
}

/* ---- dropIndexes ---- */

int pq_mongo_drop_indexes(pq_task *t) {
  PQ_TRY(pq_task_target(t));
  if (pq_value_is_missing(pq_task_field(t, "index")))
    return pq_task_refuse_with(t, PQ_MONGO_MISSING_FIELD,
                               "BSON field 'dropIndexes.index' is missing but a required field");
  return pq_catalog_ask(t);
}

static int check_name(pq_task *t, pq_slice name) {
  const pq_mongo_catalog *c = pq_catalog_of(t);
  if (pq_slice_is(name, "_id_"))
    return refuse(t, PQ_MONGO_INVALID_OPTIONS, "cannot drop _id index", name);
  for (uint32_t i = 0; i < c->index_count; i++)
    if (pq_slice_eq(name_of(c->indexes[i]), name)) return PQ_OK;
  PQ_TRY(pq_task_refuse_with(t, PQ_MONGO_INDEX_NOT_FOUND, "index not found with name [%.*s]",
                             TEXT_ARGS(name)));
  return PQ_EINDEX;
}

static int check_dropped(pq_task *t, pq_value what) {
  const pq_mongo_catalog *c = pq_catalog_of(t);
  pq_slice name;
  if (pq_value_string(what, &name)) return pq_slice_is(name, "*") ? PQ_OK : check_name(t, name);
  if (pq_value_type(what) == PQ_TYPE_ARRAY) {
    for (uint32_t i = 0; i < pq_value_count(what); i++) {
      if (!pq_value_string(pq_array_at(what, i), &name))
        return refuse(t, 14, "names of indexes must be texts", (pq_slice){0});
      PQ_TRY(check_name(t, name));
    }
    return PQ_OK;
  }
  if (pq_value_type(what) != PQ_TYPE_OBJECT)
    return refuse(t, 14, "'index' must be a text, a list of texts or a key", (pq_slice){0});
  if (is_id_key(what))
    return refuse(t, PQ_MONGO_INVALID_OPTIONS, "cannot drop _id index", (pq_slice){0});
  for (uint32_t i = 0; i < c->index_count; i++)
    if (pq_value_is_equal(pq_object_get_str(c->indexes[i], "key"), what)) return PQ_OK;
  PQ_TRY(pq_task_refuse_with(t, PQ_MONGO_INDEX_NOT_FOUND, "can't find index with that key"));
  return PQ_EINDEX;
}

int pq_mongo_drop_indexes_done(pq_task *t, pq_value summary) {
  pq_mongo_catalog *c = pq_catalog_of(t);
  pq_value what = pq_task_field(t, "index");
  pq_slice name = {0};
  int rc;
  if (c->is_asked) {
    pq_task_answer(t);
    pq_bson_i32(&t->out, "nIndexesWas", (int32_t)c->index_count + 1);
    if (pq_value_string(what, &name) && pq_slice_is(name, "*"))
      pq_bson_str(&t->out, "msg", "non-_id indexes dropped for collection");
    return pq_task_answer_end(t);
  }
  PQ_TRY(pq_catalog_take(t, summary));
  if (!c->is_there)
    return pq_task_refuse_with(t, PQ_MONGO_NAMESPACE_NOT_FOUND, "ns not found %s", t->full_name);
  if (pq_mongo_is_view(c->options)) return pq_mongo_refuse_view(t);
  rc = check_dropped(t, what);
  if (t->is_done) return PQ_OK;
  PQ_TRY(rc);
  pq_task_command(t, "dropIndexes", t->collection);
  pq_task_put(t, "index", what);
  return pq_task_submit(t);
}
