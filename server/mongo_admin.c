/* server/mongo_admin.c - databases, collections, indexes. See mongo_commands.h.
 *
 * A collection is there as long as it has a document: `create` of one that has none says ok and
 * leaves nothing behind, `drop` deletes the documents. The only index is that of `_id`.
 */
#include <string.h>

#include "server/mongo_commands.h"

/* Our names of namespaces, one after the other. */
static bool next_name(pq_slice *names, pq_slice *out) {
  const uint8_t *end = names->n == 0 ? NULL : memchr(names->p, '\n', names->n);
  if (end == NULL) return false;
  *out = (pq_slice){names->p, (size_t)(end - names->p)};
  *names = (pq_slice){end + 1, names->n - out->n - 1};
  return true;
}

/* A filter of a listing: only {name: text} and {} are honoured. */
static int filter_name(pq_task *t, pq_slice *name, bool *is_any) {
  pq_value filter = pq_task_field(t, "filter");
  *name = (pq_slice){0};
  *is_any = pq_value_count(filter) == 0;
  if (*is_any) return PQ_OK;
  if (pq_value_count(filter) == 1 && pq_value_string(pq_object_get_str(filter, "name"), name))
    return PQ_OK;
  return pq_fail(t->mongo->cx, PQ_EUNSUPPORTED, "%s: only a filter {name: text} is supported yet",
                 t->command->name);
}

/* ---- listDatabases: the collections of each namespace are counted ---- */

/* Takes the name over to t->ns. The program's own namespace is no database. */
static bool may_see(pq_task *t, pq_slice name) {
  unsigned rights;
  if (name.n == 0 || name.n >= sizeof t->ns || name.p[0] == '_') return false;
  memcpy(t->ns, name.p, name.n);
  t->ns[name.n] = '\0';
  rights = pq_access_rights(t->mongo->access, t->request->client, t->ns);
  return (rights & (PQ_RIGHTS_DB | PQ_RIGHT_LIST)) != 0;
}

/* Ask the next namespace whether it has any; the names left are in t->names from t->count on. */
static int ask_next(pq_task *t) {
  pq_slice left = {t->names.p + t->count, t->names.len - (size_t)t->count}, name;
  do {
    if (!next_name(&left, &name)) {
      pq_bson_end(&t->out);
      pq_bson_i64(&t->out, "totalSize", 0);
      return pq_task_answer_end(t);
    }
    t->count += name.n + 1;
  } while (!may_see(t, name));
  pq_builder_clear(t->mongo->builder);
  t->rc = pq_builder_begin_object(t->mongo->builder);
  pq_task_put_i64(t, "collections", 1);
  return pq_task_submit(t);
}

int pq_mongo_list_databases(pq_task *t) {
  pq_slice name;
  bool is_any;
  PQ_TRY(filter_name(t, &name, &is_any));
  if (pq_handle_namespaces(t->mongo->db, &t->names) != PQ_OK)
    return pq_fail(t->mongo->cx, PQ_EIO, "%s", pq_handle_cx(t->mongo->db)->msg);
  pq_task_answer(t);
  pq_bson_begin_array(&t->out, "databases");
  return ask_next(t);
}

int pq_mongo_list_databases_done(pq_task *t, pq_value summary) {
  char name[PQ_MONGO_NAME_CAP];
  pq_slice wanted;
  bool is_any;
  int64_t n = 0;
  PQ_TRY(filter_name(t, &wanted, &is_any));
  (void)pq_value_i64(pq_object_get_str(summary, "n"), &n);
  pq_mongo_name_back(pq_str(t->ns), name);
  if (n > 0 && (is_any || pq_slice_is(wanted, name))) {
    pq_bson_begin_object(&t->out, NULL);
    pq_bson_str(&t->out, "name", name);
    if (!pq_task_flag(t, "nameOnly")) {
      pq_bson_i64(&t->out, "sizeOnDisk", 0);
      pq_bson_bool(&t->out, "empty", false);
    }
    pq_bson_end(&t->out);
  }
  return ask_next(t);
}

/* ---- listCollections, listIndexes ---- */

static int list_of_namespace(pq_task *t) {
  pq_builder_clear(t->mongo->builder);
  t->rc = pq_builder_begin_object(t->mongo->builder);
  pq_task_put_i64(t, "collections", 1);
  return pq_task_submit(t);
}

static void put_id_index(pq_bson_out *o) {
  pq_bson_i32(o, "v", 2);
  pq_bson_begin_object(o, "key");
  pq_bson_i32(o, "_id", 1);
  pq_bson_end(o);
  pq_bson_str(o, "name", "_id_");
}

int pq_mongo_list_collections(pq_task *t) {
  pq_slice name;
  bool is_any;
  PQ_TRY(filter_name(t, &name, &is_any));
  pq_cursor_list_begin(t, "$cmd.listCollections");
  return list_of_namespace(t);
}

int pq_mongo_list_collections_item(pq_task *t, pq_value item) {
  char name[PQ_MONGO_NAME_CAP];
  pq_slice ours, wanted;
  bool is_any;
  PQ_TRY(filter_name(t, &wanted, &is_any));
  if (!pq_value_string(pq_object_get_str(item, "name"), &ours)) return PQ_OK;
  pq_mongo_name_back(ours, name);
  if (!is_any && !pq_slice_is(wanted, name)) return PQ_OK;
  pq_bson_begin_object(&t->out, NULL);
  pq_bson_str(&t->out, "name", name);
  pq_bson_str(&t->out, "type", "collection");
  if (!pq_task_flag(t, "nameOnly")) {
    pq_bson_begin_object(&t->out, "options");
    pq_bson_end(&t->out);
    pq_bson_begin_object(&t->out, "info");
    pq_bson_bool(&t->out, "readOnly", false);
    pq_bson_end(&t->out);
    pq_bson_begin_object(&t->out, "idIndex");
    put_id_index(&t->out);
    pq_bson_end(&t->out);
  }
  pq_bson_end(&t->out);
  return PQ_OK;
}

int pq_mongo_list_collections_done(pq_task *t, pq_value summary) {
  (void)summary;
  return pq_cursor_list_end(t);
}

/* Is the collection there? The answer is `exists`. */
static int ask_exists(pq_task *t) {
  pq_task_command(t, "exists", t->collection);
  return pq_task_submit(t);
}

static bool exists(pq_value summary) {
  bool is_there = false;
  (void)pq_value_bool(pq_object_get_str(summary, "exists"), &is_there);
  return is_there;
}

int pq_mongo_list_indexes(pq_task *t) {
  PQ_TRY(pq_task_target(t));
  return ask_exists(t);
}

int pq_mongo_list_indexes_done(pq_task *t, pq_value summary) {
  pq_slice name = {0};
  char text[PQ_MONGO_NAME_CAP];
  if (!exists(summary))
    return pq_task_refuse_with(t, PQ_MONGO_NAMESPACE_NOT_FOUND, "ns does not exist: %s",
                               t->full_name);
  (void)pq_value_string(pq_object_get(t->request->command, t->request->name), &name);
  pq_mongo_name_back(pq_str(t->collection), text);
  pq_cursor_list_begin(t, text);
  pq_bson_begin_object(&t->out, NULL);
  put_id_index(&t->out);
  pq_bson_end(&t->out);
  return pq_cursor_list_end(t);
}

/* ---- create, drop ---- */

int pq_mongo_create(pq_task *t) {
  PQ_TRY(pq_task_target(t));
  return ask_exists(t);
}

int pq_mongo_create_done(pq_task *t, pq_value summary) {
  if (exists(summary))
    return pq_task_refuse_with(t, PQ_MONGO_NAMESPACE_EXISTS, "Collection %s already exists.",
                               t->full_name);
  pq_task_answer(t);
  return pq_task_answer_end(t);
}

/* All documents of our collection `name`. */
static int delete_all(pq_task *t, const char *name) {
  pq_builder *b = t->mongo->builder;
  pq_task_command(t, "deleteMany", name);
  PQ_TRY(t->rc);
  PQ_TRY(pq_builder_key_str(b, "filter"));
  PQ_TRY(pq_builder_begin_object(b));
  PQ_TRY(pq_builder_end(b));
  pq_task_put_bool(t, "includeDeleted", true);
  pq_task_put_bool(t, "hard", true);
  return pq_task_submit(t);
}

int pq_mongo_drop(pq_task *t) {
  PQ_TRY(pq_task_target(t));
  return delete_all(t, t->collection);
}

int pq_mongo_drop_done(pq_task *t, pq_value summary) {
  int64_t n = 0;
  (void)pq_value_i64(pq_object_get_str(summary, "deletedCount"), &n);
  if (n == 0) return pq_task_refuse_with(t, PQ_MONGO_NAMESPACE_NOT_FOUND, "ns not found");
  pq_task_answer(t);
  pq_bson_i32(&t->out, "nIndexesWas", 1);
  pq_bson_str(&t->out, "ns", t->full_name);
  return pq_task_answer_end(t);
}

int pq_mongo_drop_database(pq_task *t) {
  return list_of_namespace(t);
}

/* The names first: a listing and a delete do not run side by side. */
int pq_mongo_drop_database_item(pq_task *t, pq_value item) {
  pq_slice name;
  if (!pq_value_string(pq_object_get_str(item, "name"), &name)) return PQ_OK;
  PQ_TRY(pq_buf_put_slice(&t->names, name));
  return pq_buf_put_byte(&t->names, '\n');
}

int pq_mongo_drop_database_done(pq_task *t, pq_value summary) {
  pq_slice left = {t->names.p + t->count, t->names.len - (size_t)t->count}, name;
  (void)summary;
  if (next_name(&left, &name) && name.n < sizeof t->collection) {
    memcpy(t->collection, name.p, name.n);
    t->collection[name.n] = '\0';
    t->count += name.n + 1;
    return delete_all(t, t->collection);
  }
  pq_task_answer(t);
  pq_bson_text(&t->out, "dropped", t->request->db);
  return pq_task_answer_end(t);
}
