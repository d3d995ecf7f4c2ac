/* server/mongo_admin.c - listDatabases, listCollections. See mongo_commands.h.
 *
 * Each database or collection becomes a document, the filter is held against that, and what is left
 * of it with nameOnly is shown.
 */
#include <string.h>

#include "base/hash.h"
#include "expr/filter.h"
#include "server/mongo_catalog.h"

typedef struct listing {
  pq_filter *filter;
  int64_t bytes, total; /* of the database at hand, of all */
  bool is_sized;        /* its bytes were asked for */
  bool is_shown;        /* it has collections */
} listing;

static int listing_new(pq_task *t) {
  pq_value filter = pq_task_field(t, "filter");
  listing *l = pq_arena_calloc(&t->arena, 1, sizeof *l);
  if (l == NULL) return t->mongo->cx->code;
  t->state = l;
  if (!pq_value_is_missing(filter) && pq_value_type(filter) != PQ_TYPE_OBJECT)
    return pq_fail(t->mongo->cx, PQ_EINVALID, "%s: 'filter' must be an object", t->command->name);
  PQ_TRY(pq_filter_parse(&t->arena, NULL, filter, &l->filter));
  if (!pq_filter_needs_eval(l->filter)) return PQ_OK;
  return pq_fail(t->mongo->cx, PQ_EUNSUPPORTED, "%s: $expr in a filter is not supported",
                 t->command->name);
}

/* The document that was built: shown if it matches, with nameOnly the names of `first` fields. */
static int show(pq_task *t, uint32_t first, bool *is_match) {
  listing *l = t->state;
  uint32_t count;
  pq_field *fields;
  pq_value doc;
  PQ_TRY(pq_builder_end(t->mongo->builder));
  PQ_TRY(pq_builder_finish(t->mongo->builder, &t->arena, &doc));
  *is_match = pq_filter_match(l->filter, NULL, doc, (pq_value){0});
  PQ_TRY(pq_filter_status(l->filter));
  if (!*is_match) return PQ_OK;
  PQ_TRY(pq_task_fields(t, doc, &fields, &count));
  pq_bson_begin_object(&t->out, NULL);
  for (uint32_t i = 0; i < count && (i < first || !pq_task_flag(t, "nameOnly")); i++) {
    char name[32];
    pq_assert(fields[i].name.n < sizeof name);
    memcpy(name, fields[i].name.p, fields[i].name.n);
    name[fields[i].name.n] = '\0';
    pq_bson_value(&t->out, name, fields[i].value);
  }
  pq_bson_end(&t->out);
  return PQ_OK;
}

static int put_str(pq_builder *b, const char *name, const char *v) {
  PQ_TRY(pq_builder_key_str(b, name));
  return pq_builder_str(b, v);
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

static int submit_one(pq_task *t, const char *verb) {
  pq_builder_clear(t->mongo->builder);
  t->rc = pq_builder_begin_object(t->mongo->builder);
  pq_task_put_i64(t, verb, 1);
  return pq_task_submit(t);
}

/* Ask the next namespace whether it has any; the names left are in t->names from t->count on. */
static int ask_next(pq_task *t) {
  listing *l = t->state;
  bool is_seen = false;
  while (!is_seen && t->count < t->names.len) {
    pq_slice left = {t->names.p + t->count, t->names.len - (size_t)t->count};
    const uint8_t *end = memchr(left.p, '\n', left.n);
    size_t len = end == NULL ? left.n : (size_t)(end - left.p);
    t->count += len + 1;
    is_seen = may_see(t, (pq_slice){left.p, len});
  }
  if (!is_seen) {
    pq_bson_end(&t->out);
    if (!pq_task_flag(t, "nameOnly")) {
      pq_bson_i64(&t->out, "totalSize", l->total);
      pq_bson_i64(&t->out, "totalSizeMb", l->total >> 20);
    }
    return pq_task_answer_end(t);
  }
  l->is_sized = l->is_shown = false;
  l->bytes = 0;
  return submit_one(t, "collections");
}

int pq_mongo_list_databases(pq_task *t) {
  PQ_TRY(listing_new(t));
  if (pq_handle_namespaces(t->mongo->db, &t->names) != PQ_OK)
    return pq_fail(t->mongo->cx, PQ_EIO, "%s", pq_handle_cx(t->mongo->db)->msg);
  pq_task_answer(t);
  pq_bson_begin_array(&t->out, "databases");
  return ask_next(t);
}

/* The sizes of its collections are in the item of `stats`. */
int pq_mongo_list_databases_item(pq_task *t, pq_value item) {
  listing *l = t->state;
  pq_value list = pq_object_get_str(item, "collections");
  if (!l->is_sized) return PQ_OK;
  for (uint32_t i = 0; i < pq_value_count(list); i++) {
    int64_t n = 0;
    (void)pq_value_i64(pq_object_get_str(pq_array_at(list, i), "bytes"), &n);
    l->bytes += n;
  }
  return PQ_OK;
}

static int show_database(pq_task *t) {
  pq_builder *b = t->mongo->builder;
  listing *l = t->state;
  char name[PQ_MONGO_NAME_CAP];
  bool is_match;
  pq_mongo_name_back(pq_str(t->ns), name);
  pq_builder_clear(b);
  PQ_TRY(pq_builder_begin_object(b));
  PQ_TRY(put_str(b, "name", name));
  PQ_TRY(pq_builder_key_str(b, "sizeOnDisk"));
  PQ_TRY(pq_builder_i64(b, l->bytes));
  PQ_TRY(pq_builder_key_str(b, "empty"));
  PQ_TRY(pq_builder_bool(b, false));
  PQ_TRY(show(t, 1, &is_match));
  if (is_match) l->total += l->bytes;
  return ask_next(t);
}

int pq_mongo_list_databases_done(pq_task *t, pq_value summary) {
  listing *l = t->state;
  int64_t n = 0;
  if (l->is_sized) return show_database(t);
  (void)pq_value_i64(pq_object_get_str(summary, "n"), &n);
  if (n == 0) return ask_next(t);
  if (pq_task_flag(t, "nameOnly")) return show_database(t);
  l->is_sized = true;
  return submit_one(t, "stats");
}

/* ---- listCollections ---- */

int pq_mongo_list_collections(pq_task *t) {
  PQ_TRY(listing_new(t));
  pq_cursor_list_begin(t, "$cmd.listCollections");
  return submit_one(t, "collections");
}

static int hex_digit(uint8_t c) {
  return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : 0;
}

/* The record's; of a collection without one it comes from its name. */
static void make_uuid(const pq_task *t, pq_value item, pq_slice name, uint8_t out[16]) {
  pq_slice hex;
  uint64_t seed = pq_hash(pq_str(t->ns), 1), half;
  if (pq_value_string(pq_object_get_str(item, "uuid"), &hex) && hex.n == 32) {
    for (int i = 0; i < 16; i++)
      out[i] = (uint8_t)(hex_digit(hex.p[2 * i]) << 4 | hex_digit(hex.p[2 * i + 1]));
  } else {
    for (int k = 0; k < 2; k++) {
      half = pq_hash(name, seed + (uint64_t)k);
      for (int i = 0; i < 8; i++)
        out[8 * k + i] = (uint8_t)(half >> (8 * i));
    }
  }
  out[6] = (out[6] & 0x0f) | 0x40; /* version 4 */
  out[8] = (out[8] & 0x3f) | 0x80;
}

static int put_info(pq_task *t, pq_value item, pq_slice name, bool is_view) {
  pq_builder *b = t->mongo->builder;
  uint8_t uuid[16];
  make_uuid(t, item, name, uuid);
  PQ_TRY(pq_builder_key_str(b, "info"));
  PQ_TRY(pq_builder_begin_object(b));
  PQ_TRY(pq_builder_key_str(b, "readOnly"));
  PQ_TRY(pq_builder_bool(b, is_view));
  if (is_view) return pq_builder_end(b);
  PQ_TRY(pq_builder_key_str(b, "uuid"));
  PQ_TRY(pq_builder_uuid(b, uuid));
  return pq_builder_end(b);
}

static int put_id_index(pq_builder *b) {
  PQ_TRY(pq_builder_key_str(b, "idIndex"));
  PQ_TRY(pq_builder_begin_object(b));
  PQ_TRY(pq_builder_key_str(b, "v"));
  PQ_TRY(pq_builder_i32(b, 2));
  PQ_TRY(pq_builder_key_str(b, "key"));
  PQ_TRY(pq_builder_begin_object(b));
  PQ_TRY(pq_builder_key_str(b, "_id"));
  PQ_TRY(pq_builder_i32(b, 1));
  PQ_TRY(pq_builder_end(b));
  PQ_TRY(put_str(b, "name", "_id_"));
  return pq_builder_end(b);
}

int pq_mongo_list_collections_item(pq_task *t, pq_value item) {
  pq_builder *b = t->mongo->builder;
  pq_value options = pq_object_get_str(item, "options");
  char name[PQ_MONGO_NAME_CAP];
  pq_slice ours;
  bool is_match, is_view = pq_mongo_is_view(options);
  if (!pq_value_string(pq_object_get_str(item, "name"), &ours)) return PQ_OK;
  pq_mongo_name_back(ours, name);
  pq_builder_clear(b);
  PQ_TRY(pq_builder_begin_object(b));
  PQ_TRY(put_str(b, "name", name));
  PQ_TRY(put_str(b, "type", is_view ? "view" : "collection"));
  PQ_TRY(pq_builder_key_str(b, "options"));
  PQ_TRY(pq_mongo_put_options(t, options));
  PQ_TRY(put_info(t, item, ours, is_view));
  if (!is_view && pq_value_is_missing(pq_object_get_str(options, "clusteredIndex")))
    PQ_TRY(put_id_index(b));
  return show(t, 2, &is_match);
}

int pq_mongo_list_collections_done(pq_task *t, pq_value summary) {
  (void)summary;
  return pq_cursor_list_end(t);
}
