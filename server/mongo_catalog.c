/* server/mongo_catalog.c - create, drop, dropDatabase, collMod, renameCollection. See
 * mongo_catalog.h.
 */
#include "server/mongo_catalog.h"

#include <stdio.h>
#include <string.h>

#include "expr/expression.h"
#include "value/compare.h"

#define TEXT_ARGS(s) (int)((s).n > 60 ? 60 : (s).n), (s).n == 0 ? "" : (const char *)(s).p

/* ---- what is there ---- */

int pq_catalog_ask(pq_task *t) {
  pq_mongo_catalog *c = pq_arena_calloc(&t->arena, 1, sizeof *c);
  if (c == NULL) return t->mongo->cx->code;
  t->state = c;
  return pq_catalog_ask_again(t);
}

int pq_catalog_ask_again(pq_task *t) {
  pq_task_command(t, "indexes", t->collection);
  t->use.is_asking = true;
  PQ_TRY(pq_task_submit(t));
  t->use.is_asking = false;
  return PQ_OK;
}

int pq_catalog_item(pq_task *t, pq_value item) {
  pq_mongo_catalog *c = pq_catalog_of(t);
  if (c->is_asked || c->index_count == PQ_MONGO_INDEXES_MAX) return PQ_OK;
  return pq_value_copy(&t->arena, item, &c->indexes[c->index_count++]);
}

int pq_catalog_take(pq_task *t, pq_value summary) {
  pq_mongo_catalog *c = pq_catalog_of(t);
  pq_value options = pq_object_get_str(summary, "options");
  pq_slice uuid;
  c->is_asked = true;
  (void)pq_value_bool(pq_object_get_str(summary, "exists"), &c->is_there);
  if (pq_value_string(pq_object_get_str(summary, "uuid"), &uuid) && uuid.n < sizeof c->uuid)
    memcpy(c->uuid, uuid.p, uuid.n);
  if (pq_value_is_missing(options)) return PQ_OK;
  return pq_value_copy(&t->arena, options, &c->options);
}

int pq_task_fields(pq_task *t, pq_value v, pq_field **out, uint32_t *count) {
  *count = 0;
  *out = NULL;
  if (pq_value_count(v) == 0) return PQ_OK;
  *out = pq_object_fields(&t->arena, v, count);
  return *out == NULL ? t->mongo->cx->code : PQ_OK;
}

/* ---- create ---- */

static int refuse_option(pq_task *t, const char *what) {
  return pq_fail(t->mongo->cx, PQ_EUNSUPPORTED, "create: %s", what);
}

/* Those that are more than an engine of ours can do. */
static int check_create(pq_task *t) {
  static const struct {
    const char *name, *what;
  } no[] = {{"timeseries", "time series collections are not supported ('timeseries')"},
            {"encryptedFields", "encrypted fields are not supported ('encryptedFields')"}};
  pq_value collation = pq_task_field(t, "collation");
  pq_slice locale;
  PQ_TRY(pq_mongo_check_new_view(t));
  if (!pq_value_is_missing(pq_task_field(t, "viewOn"))) return PQ_OK;
  if (pq_task_flag(t, "capped"))
    return refuse_option(t, "capped collections are not supported ('capped')");
  for (size_t i = 0; i < sizeof no / sizeof *no; i++)
    if (!pq_value_is_missing(pq_task_field(t, no[i].name))) return refuse_option(t, no[i].what);
  if (!pq_value_is_missing(pq_task_field(t, "expireAfterSeconds"))) {
    PQ_TRY(pq_task_refuse_with(t, PQ_MONGO_INVALID_OPTIONS,
                               "'expireAfterSeconds' is only supported on time-series collections "
                               "or when the 'clusteredIndex' option is specified"));
    return PQ_EINVALID;
  }
  if (pq_value_count(collation) == 0 ||
      (pq_value_string(pq_object_get_str(collation, "locale"), &locale) &&
       pq_slice_is(locale, "simple")))
    return PQ_OK;
  return refuse_option(t, "a default collation is not supported ('collation')");
}

/* {key: {_id: 1}, unique: true, name} is what every collection of ours is. */
static int put_clustered(pq_task *t, pq_value spec) {
  pq_builder *b = t->mongo->builder;
  pq_value key = pq_object_get_str(spec, "key");
  pq_slice name = PQ_SLICE("_id_");
  double way = 0;
  bool is_unique = false;
  (void)pq_value_string(pq_object_get_str(spec, "name"), &name);
  (void)pq_value_bool(pq_object_get_str(spec, "unique"), &is_unique);
  if (pq_value_count(key) != 1 || !pq_value_number(pq_object_get_str(key, "_id"), &way) ||
      way != 1 || !is_unique) {
    PQ_TRY(pq_task_refuse_with(t, PQ_MONGO_BAD_VALUE,
                               "a clustered index is {key: {_id: 1}, unique: true}"));
    return PQ_EINVALID;
  }
  PQ_TRY(pq_builder_begin_object(b));
  PQ_TRY(pq_builder_key_str(b, "v"));
  PQ_TRY(pq_builder_i32(b, 2));
  PQ_TRY(pq_builder_key_str(b, "key"));
  PQ_TRY(pq_builder_value(b, key));
  PQ_TRY(pq_builder_key_str(b, "name"));
  PQ_TRY(pq_builder_string(b, name));
  PQ_TRY(pq_builder_key_str(b, "unique"));
  PQ_TRY(pq_builder_bool(b, true));
  return pq_builder_end(b);
}

/* The options that are kept, as an object; missing: none. */
static int kept_options(pq_task *t, pq_value *out) {
  static const char *const kept[] = {"validator", "validationLevel", "validationAction",
                                     "changeStreamPreAndPostImages", "clusteredIndex"};
  enum { CLUSTERED = 4 };
  pq_builder *b = t->mongo->builder;
  uint32_t count = 0;
  *out = (pq_value){0};
  if (!pq_value_is_missing(pq_task_field(t, "viewOn"))) return pq_mongo_view_options(t, out);
  pq_builder_clear(b);
  PQ_TRY(pq_builder_begin_object(b));
  for (size_t i = 0; i < sizeof kept / sizeof *kept; i++) {
    pq_value v = pq_task_field(t, kept[i]);
    if (pq_value_is_missing(v) || pq_value_type(v) == PQ_TYPE_NULL) continue;
    PQ_TRY(pq_builder_key_str(b, kept[i]));
    PQ_TRY(i == CLUSTERED ? put_clustered(t, v) : pq_builder_value(b, v));
    count++;
  }
  PQ_TRY(pq_builder_end(b));
  return count == 0 ? PQ_OK : pq_builder_finish(b, &t->arena, out);
}

int pq_mongo_create(pq_task *t) {
  PQ_TRY(check_create(t));
  PQ_TRY(pq_task_target(t));
  return pq_catalog_ask(t);
}

static int submit_create(pq_task *t, pq_value options) {
  pq_task_command(t, "create", t->collection);
  pq_task_put(t, "options", options);
  return pq_task_submit(t);
}

int pq_mongo_create_done(pq_task *t, pq_value summary) {
  pq_mongo_catalog *c = pq_catalog_of(t);
  pq_value options;
  bool is_same;
  if (c->is_asked) {
    pq_task_answer(t);
    return pq_task_answer_end(t);
  }
  PQ_TRY(pq_catalog_take(t, summary));
  PQ_TRY(kept_options(t, &options));
  if (!c->is_there) return submit_create(t, options);
  is_same = pq_value_is_missing(options) == pq_value_is_missing(c->options) &&
            (pq_value_is_missing(options) || pq_value_is_equal(options, c->options));
  if (!is_same || pq_value_is_missing(options))
    return pq_task_refuse_with(t, PQ_MONGO_NAMESPACE_EXISTS, "Collection %s already exists.",
                               t->full_name);
  pq_task_answer(t);
  return pq_task_answer_end(t);
}

/* ---- drop, dropDatabase ---- */

int pq_mongo_drop(pq_task *t) {
  PQ_TRY(pq_task_target(t));
  pq_task_command(t, "drop", t->collection);
  return pq_task_submit(t);
}

int pq_mongo_drop_done(pq_task *t, pq_value summary) {
  bool was_there = false, is_view = false;
  int64_t indexes = 0;
  (void)pq_value_bool(pq_object_get_str(summary, "view"), &is_view);
  (void)pq_value_bool(pq_object_get_str(summary, "dropped"), &was_there);
  (void)pq_value_i64(pq_object_get_str(summary, "indexes"), &indexes);
  pq_task_answer(t);
  if (was_there) {
    if (!is_view) pq_bson_i32(&t->out, "nIndexesWas", (int32_t)indexes + 1);
    pq_bson_str(&t->out, "ns", t->full_name);
  }
  return pq_task_answer_end(t); /* of what is not there too, as 7.0 does */
}

/* Change streams are told what the command was: with this drop the database is gone. */
static int put_note(pq_task *t, const char *what) {
  pq_builder *b = t->mongo->builder;
  PQ_TRY(t->rc);
  PQ_TRY(pq_builder_key_str(b, "metadata"));
  PQ_TRY(pq_builder_begin_object(b));
  PQ_TRY(pq_builder_key_str(b, what));
  PQ_TRY(pq_builder_bool(b, true));
  return pq_builder_end(b);
}

int pq_mongo_drop_database(pq_task *t) {
  pq_builder_clear(t->mongo->builder);
  t->rc = pq_builder_begin_object(t->mongo->builder);
  pq_task_put_i64(t, "collections", 1);
  return pq_task_submit(t);
}

/* The names first: a listing and a delete do not run side by side. */
int pq_mongo_drop_database_item(pq_task *t, pq_value item) {
  pq_slice name;
  if (!pq_value_string(pq_object_get_str(item, "name"), &name)) return PQ_OK;
  PQ_TRY(pq_buf_put_slice(&t->names, name));
  return pq_buf_put_byte(&t->names, '\n');
}

int pq_mongo_drop_database_done(pq_task *t, pq_value summary) {
  pq_slice left = {t->names.p + t->count, t->names.len - (size_t)t->count};
  const uint8_t *end = left.n == 0 ? NULL : memchr(left.p, '\n', left.n);
  size_t len = end == NULL ? 0 : (size_t)(end - left.p);
  (void)summary;
  if (end != NULL && len < sizeof t->collection) {
    memcpy(t->collection, left.p, len);
    t->collection[len] = '\0';
    t->count += len + 1;
    pq_task_command(t, "drop", t->collection);
    if (t->count == t->names.len) PQ_TRY(put_note(t, "dropDatabase")); /* the last */
    return pq_task_submit(t);
  }
  pq_task_answer(t);
  pq_bson_text(&t->out, "dropped", t->request->db);
  return pq_task_answer_end(t);
}

/* ---- collMod ---- */

int pq_mongo_coll_mod(pq_task *t) {
  PQ_TRY(pq_task_target(t));
  return pq_catalog_ask(t);
}

/* The index that the field `index` is about; missing: none is. */
static pq_value mod_index(const pq_task *t) {
  const pq_mongo_catalog *c = pq_catalog_of(t);
  pq_value what = pq_task_field(t, "index"), key = pq_object_get_str(what, "keyPattern");
  pq_slice name = {0}, own;
  (void)pq_value_string(pq_object_get_str(what, "name"), &name);
  for (uint32_t i = 0; i < c->index_count; i++) {
    pq_value own_key = pq_object_get_str(c->indexes[i], "key");
    if (name.n > 0 && pq_value_string(pq_object_get_str(c->indexes[i], "name"), &own) &&
        pq_slice_eq(name, own))
      return c->indexes[i];
    if (name.n == 0 && pq_value_type(key) == PQ_TYPE_OBJECT && pq_value_is_equal(key, own_key))
      return c->indexes[i];
  }
  return (pq_value){0};
}

/* {options: {}}: a collMod that changes nothing is told to those who watch, too. */
static int put_nothing(pq_task *t) {
  pq_builder *b = t->mongo->builder;
  PQ_TRY(pq_builder_key_str(b, "options"));
  PQ_TRY(pq_builder_begin_object(b));
  return pq_builder_end(b);
}

static int coll_mod_submit(pq_task *t) {
  pq_value options;
  PQ_TRY(kept_options(t, &options));
  pq_task_command(t, "alter", t->collection);
  if (!pq_value_is_missing(options))
    pq_task_put(t, "options", options);
  else if (t->rc == PQ_OK)
    t->rc = put_nothing(t);
  pq_task_put(t, "index", pq_task_field(t, "index"));
  PQ_TRY(put_note(t, "collMod"));
  return pq_task_submit(t);
}

int pq_mongo_coll_mod_done(pq_task *t, pq_value summary) {
  pq_mongo_catalog *c = pq_catalog_of(t);
  pq_value what = pq_task_field(t, "index");
  static const char *const told[] = {"expireAfterSeconds", "hidden"};
  if (!c->is_asked) {
    PQ_TRY(pq_catalog_take(t, summary));
    if (!c->is_there)
      return pq_task_refuse_with(t, PQ_MONGO_NAMESPACE_NOT_FOUND, "ns does not exist: %s",
                                 t->full_name);
    PQ_TRY(pq_mongo_check_view_mod(t, c->options));
    if (!pq_value_is_missing(what) && pq_value_is_missing(mod_index(t)))
      return pq_task_refuse_with(t, PQ_MONGO_INDEX_NOT_FOUND, "cannot find index for ns %s",
                                 t->full_name);
    return coll_mod_submit(t);
  }
  pq_task_answer(t);
  for (size_t i = 0; i < sizeof told / sizeof *told; i++) {
    char name[40];
    pq_value fresh = pq_object_get_str(what, told[i]);
    if (pq_value_is_missing(fresh)) continue;
    snprintf(name, sizeof name, "%s_old", told[i]);
    pq_bson_value(&t->out, name, pq_object_get_str(mod_index(t), told[i]));
    snprintf(name, sizeof name, "%s_new", told[i]);
    pq_bson_value(&t->out, name, fresh);
  }
  return pq_task_answer_end(t);
}

/* ---- renameCollection ---- */

/* "db.collection" as ours. */
static int split_name(pq_task *t, const char *field, pq_value v, char ns[PQ_MONGO_NAME_CAP],
                      char collection[PQ_MONGO_NAME_CAP]) {
  pq_slice text;
  const uint8_t *dot;
  if (!pq_value_string(v, &text) || (dot = memchr(text.p, '.', text.n)) == NULL) {
    PQ_TRY(pq_task_refuse_with(t, PQ_MONGO_INVALID_NAMESPACE,
                               "Invalid namespace specified for '%s'", field));
    return PQ_EINVALID;
  }
  PQ_TRY(pq_mongo_namespace(t->mongo->cx, (pq_slice){text.p, (size_t)(dot - text.p)}, ns));
  return pq_mongo_collection(t->mongo->cx, (pq_slice){dot + 1, text.n - (size_t)(dot + 1 - text.p)},
                             collection);
}

/* Our names of both, once more as they are asked for. */
static int rename_names(pq_task *t, char to[PQ_MONGO_NAME_CAP]) {
  char to_ns[PQ_MONGO_NAME_CAP];
  PQ_TRY(split_name(t, "renameCollection", pq_task_field(t, "renameCollection"), t->ns,
                    t->collection));
  PQ_TRY(split_name(t, "to", pq_task_field(t, "to"), to_ns, to));
  if (strcmp(t->ns, to_ns) != 0)
    return pq_fail(t->mongo->cx, PQ_EUNSUPPORTED,
                   "renameCollection: into another database is not supported");
  return PQ_OK;
}

int pq_mongo_rename(pq_task *t) {
  char to[PQ_MONGO_NAME_CAP];
  PQ_TRY(pq_task_admin_only(t));
  PQ_TRY(rename_names(t, to));
  if (strcmp(t->collection, to) == 0)
    return pq_task_refuse_with(t, 20, "Can't rename a collection to itself");
  return pq_catalog_ask(t);
}

/* stage 0: is the source there? 1: and the target? 2: renamed */
int pq_mongo_rename_done(pq_task *t, pq_value summary) {
  pq_mongo_catalog *c = pq_catalog_of(t);
  char to[PQ_MONGO_NAME_CAP];
  if (t->stage == 0 || t->stage == 1) PQ_TRY(pq_catalog_take(t, summary));
  PQ_TRY(rename_names(t, to));
  switch (t->stage++) {
    case 0:
      if (!c->is_there)
        return pq_task_refuse_with(t, PQ_MONGO_NAMESPACE_NOT_FOUND,
                                   "Source collection %s does not exist", t->collection);
      pq_task_command(t, "indexes", to);
      c->is_there = false;
      return pq_task_submit(t);
    case 1:
      if (c->is_there && !pq_task_flag(t, "dropTarget"))
        return pq_task_refuse_with(t, PQ_MONGO_NAMESPACE_EXISTS, "target namespace exists");
      pq_task_command(t, "rename", t->collection);
      pq_task_put_str(t, "to", to);
      pq_task_put_bool(t, "dropTarget", pq_task_flag(t, "dropTarget"));
      return pq_task_submit(t);
    default: pq_task_answer(t); return pq_task_answer_end(t);
  }
}
