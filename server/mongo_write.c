/* server/mongo_write.c - insert, update, delete, findAndModify. See mongo_commands.h.
 *
 * insert is our insert, the other two our bulkWrite: operations are told about one by one, and
 * those that fail stand in `writeErrors`. Documents without `_id` get an ObjectId in front, as a
 * driver would have given them. Deletes are hard: the wire knows no other.
 */
#include <stdio.h>
#include <string.h>

#include "server/mongo_duplicate.h"
#include "server/mongo_words.h"

enum { BATCH_MAX = 100000 };

static int begin_array(pq_task *t, const char *name) {
  PQ_TRY(t->rc);
  PQ_TRY(pq_builder_key_str(t->mongo->builder, name));
  return pq_builder_begin_array(t->mongo->builder);
}

/* The array of the statements. */
static int statements(pq_task *t, const char *name, pq_value *out) {
  *out = pq_task_field(t, name);
  if (pq_value_type(*out) != PQ_TYPE_ARRAY)
    return pq_fail(t->mongo->cx, PQ_EINVALID, "BSON field '%s.%s' must be an array",
                   t->command->name, name);
  if (pq_value_count(*out) >= 1 && pq_value_count(*out) <= BATCH_MAX) return PQ_OK;
  return pq_fail(t->mongo->cx, PQ_EINVALID,
                 "Write batch sizes must be between 1 and %d. Got %u operations.", BATCH_MAX,
                 (unsigned)pq_value_count(*out));
}

static bool is_ordered(const pq_task *t) {
  return pq_value_is_missing(pq_task_field(t, "ordered")) || pq_task_flag(t, "ordered");
}

/* Schema and validator are passed over. */
static void put_bypass(pq_task *t) {
  if (pq_task_flag(t, "bypassDocumentValidation")) pq_task_put_str(t, "validate", "off");
}

/* ---- insert ---- */

/* Seconds, eight random bytes. */
static int put_new_id(pq_task *t) {
  static const char digits[] = "0123456789abcdef";
  uint8_t bytes[12];
  char hex[24];
  int64_t seconds = pq_handle_now_us(t->mongo->db) / 1000000;
  pq_handle_random(t->mongo->db, bytes, sizeof bytes);
  for (size_t i = 0; i < sizeof bytes; i++) {
    unsigned byte = i < 4 ? (unsigned)(seconds >> (24 - 8 * i)) & 255 : bytes[i];
    hex[2 * i] = digits[byte >> 4];
    hex[2 * i + 1] = digits[byte & 15];
  }
  return pq_builder_extended(t->mongo->builder, "$oid",
                             (pq_slice){(const uint8_t *)hex, sizeof hex});
}

/* The document with its `_id` in front. */
static int put_document(pq_task *t, pq_arena *scratch, pq_value doc) {
  pq_builder *b = t->mongo->builder;
  pq_value id = pq_object_get_str(doc, "_id");
  uint32_t count;
  pq_field *fields = pq_object_fields(scratch, doc, &count);
  if (pq_value_type(doc) != PQ_TYPE_OBJECT)
    return pq_fail(t->mongo->cx, PQ_EINVALID, "a document must be an object");
  if (fields == NULL && pq_value_count(doc) > 0) return scratch->cx->code;
  PQ_TRY(pq_builder_begin_object(b));
  PQ_TRY(pq_builder_key_str(b, "_id"));
  PQ_TRY(pq_value_is_missing(id) ? put_new_id(t) : pq_builder_value(b, id));
  for (uint32_t i = 0; i < count; i++) {
    if (pq_slice_is(fields[i].name, "_id")) continue;
    PQ_TRY(pq_builder_key(b, fields[i].name));
    PQ_TRY(pq_builder_value(b, fields[i].value));
  }
  return pq_builder_end(b);
}

int pq_mongo_insert(pq_task *t) {
  pq_value list;
  pq_arena scratch;
  int rc;
  PQ_TRY(pq_task_target(t));
  PQ_TRY(statements(t, "documents", &list));
  pq_task_command(t, "insert", t->collection);
  pq_task_put_bool(t, "ordered", is_ordered(t));
  pq_task_put_bool(t, "plain", true);
  put_bypass(t);
  PQ_TRY(begin_array(t, "documents"));
  pq_arena_init(&scratch, t->mongo->cx, t->mongo->cx->limits.op_len_max);
  rc = PQ_OK;
  for (uint32_t i = 0; rc == PQ_OK && i < pq_value_count(list); i++) {
    rc = put_document(t, &scratch, pq_array_at(list, i));
    pq_arena_clear(&scratch);
  }
  pq_arena_release(&scratch);
  PQ_TRY(rc);
  PQ_TRY(pq_builder_end(t->mongo->builder));
  t->count = pq_value_count(list);
  return pq_task_submit(t);
}

/* ---- update, delete ---- */

/* Are the fields of a statement known? */
static int check_statement(pq_task *t, pq_value v, const char *what, const char *const *known) {
  pq_field field;
  if (pq_value_type(v) != PQ_TYPE_OBJECT)
    return pq_fail(t->mongo->cx, PQ_EINVALID, "a statement of '%s' must be an object", what);
  for (uint32_t i = 0; pq_object_at(v, i, &field); i++) {
    const char *const *name = known;
    while (*name != NULL && !pq_slice_is(field.name, *name))
      name++;
    if (*name != NULL) continue;
    PQ_TRY(pq_task_refuse_with(
        t, PQ_MONGO_UNKNOWN_FIELD, "BSON field '%s.%.*s' is an unknown field.", what,
        (int)(field.name.n > 60 ? 60 : field.name.n), (const char *)field.name.p));
    return PQ_EINVALID;
  }
  return PQ_OK;
}

static bool flag_of(pq_value v, const char *name) {
  bool flag = false;
  double d = 0;
  pq_value f = pq_object_get_str(v, name);
  if (!pq_value_bool(f, &flag) && pq_value_number(f, &d)) flag = d != 0;
  return flag;
}

/* Operators or a pipeline, not a document? */
static bool is_operators(pq_value update) {
  pq_field first;
  if (pq_value_type(update) == PQ_TYPE_ARRAY) return true;
  return pq_object_at(update, 0, &first) && first.name.n > 0 && first.name.p[0] == '$';
}

/* Missing: all. */
static int put_filter(pq_task *t, pq_value q) {
  pq_builder *b = t->mongo->builder;
  pq_task_put(t, "filter", q);
  if (!pq_value_is_missing(q)) return t->rc;
  PQ_TRY(t->rc);
  PQ_TRY(pq_builder_key_str(b, "filter"));
  PQ_TRY(pq_builder_begin_object(b));
  return pq_builder_end(b);
}

static int begin_operation(pq_task *t, const char *name) {
  PQ_TRY(pq_builder_begin_object(t->mongo->builder));
  PQ_TRY(pq_builder_key_str(t->mongo->builder, name));
  return pq_builder_begin_object(t->mongo->builder);
}

static int end_operation(pq_task *t) {
  PQ_TRY(t->rc);
  PQ_TRY(pq_builder_end(t->mongo->builder));
  return pq_builder_end(t->mongo->builder);
}

int pq_write_put_update(pq_task *t, const pq_statement *s) {
  bool is_update = is_operators(s->u);
  if (!is_update && s->is_many) {
    PQ_TRY(pq_task_refuse_with(t, PQ_MONGO_FAILED_TO_PARSE,
                               "multi update is not supported for replacement-style update"));
    return PQ_EINVALID;
  }
  if (!pq_value_is_missing(s->constants))
    return pq_fail(t->mongo->cx, PQ_EUNSUPPORTED, "update: constants ('c') are not supported");
  PQ_TRY(begin_operation(t, !is_update ? "replaceOne" : s->is_many ? "updateMany" : "updateOne"));
  PQ_TRY(put_filter(t, s->q));
  pq_task_put(t, is_update ? "update" : "replacement", s->u);
  if (s->is_upsert) pq_task_put_bool(t, "upsert", true);
  pq_task_put(t, "arrayFilters", s->array_filters);
  pq_task_put(t, "collation", s->collation);
  pq_task_put(t, "sort", s->sort);
  PQ_TRY(pq_task_put_hint(t, s->hint));
  pq_task_put_str(t, "plain", "keyed");
  return end_operation(t);
}

int pq_write_put_delete(pq_task *t, const pq_statement *s) {
  PQ_TRY(begin_operation(t, s->is_many ? "deleteMany" : "deleteOne"));
  PQ_TRY(put_filter(t, s->q));
  pq_task_put(t, "collation", s->collation);
  PQ_TRY(pq_task_put_hint(t, s->hint));
  pq_task_put_bool(t, "hard", true);
  pq_task_put_str(t, "plain", "keyed");
  return end_operation(t);
}

int pq_write_put_insert(pq_task *t, pq_arena *scratch, pq_value doc) {
  PQ_TRY(begin_operation(t, "insertOne"));
  PQ_TRY(pq_builder_key_str(t->mongo->builder, "document"));
  PQ_TRY(put_document(t, scratch, doc));
  pq_task_put_bool(t, "plain", true);
  return end_operation(t);
}

static int put_update(pq_task *t, pq_value v) {
  static const char *const known[] = {"q",         "u",    "multi", "upsert", "arrayFilters",
                                      "collation", "hint", "sort",  "c",      NULL};
  pq_statement s = {.q = pq_object_get_str(v, "q"),
                    .u = pq_object_get_str(v, "u"),
                    .array_filters = pq_object_get_str(v, "arrayFilters"),
                    .collation = pq_object_get_str(v, "collation"),
                    .hint = pq_object_get_str(v, "hint"),
                    .sort = pq_object_get_str(v, "sort"),
                    .constants = pq_object_get_str(v, "c"),
                    .is_many = flag_of(v, "multi"),
                    .is_upsert = flag_of(v, "upsert")};
  PQ_TRY(check_statement(t, v, "update.updates", known));
  return pq_write_put_update(t, &s);
}

static int put_delete(pq_task *t, pq_value v) {
  static const char *const known[] = {"q", "limit", "collation", "hint", NULL};
  pq_statement s = {.q = pq_object_get_str(v, "q"),
                    .collation = pq_object_get_str(v, "collation"),
                    .hint = pq_object_get_str(v, "hint")};
  double limit;
  PQ_TRY(check_statement(t, v, "delete.deletes", known));
  if (!pq_value_number(pq_object_get_str(v, "limit"),
                       &limit)) { /* never all for want of a number */
    PQ_TRY(
        pq_task_refuse_with(t, PQ_MONGO_MISSING_FIELD,
                            "BSON field 'delete.deletes.limit' is missing but a required field"));
    return PQ_EINVALID;
  }
  if (limit != 0 && limit != 1) {
    PQ_TRY(pq_task_refuse_with(t, PQ_MONGO_FAILED_TO_PARSE,
                               "The limit field in delete objects must be 0 or 1."));
    return PQ_EINVALID;
  }
  s.is_many = limit == 0;
  return pq_write_put_delete(t, &s);
}

static int bulk(pq_task *t, const char *name, int (*put)(pq_task *t, pq_value v)) {
  pq_value list;
  PQ_TRY(pq_task_target(t));
  PQ_TRY(statements(t, name, &list));
  pq_task_command(t, "bulkWrite", t->collection);
  pq_task_put_bool(t, "ordered", is_ordered(t));
  pq_task_put_bool(t, "objectIds", true);
  put_bypass(t);
  pq_task_put(t, "let", pq_task_field(t, "let"));
  PQ_TRY(begin_array(t, "operations"));
  for (uint32_t i = 0; i < pq_value_count(list); i++)
    PQ_TRY(put(t, pq_array_at(list, i)));
  PQ_TRY(pq_builder_end(t->mongo->builder));
  return pq_task_submit(t);
}

int pq_mongo_update(pq_task *t) {
  return bulk(t, "updates", put_update);
}

int pq_mongo_delete(pq_task *t) {
  return bulk(t, "deletes", put_delete);
}

/* ---- the answer of the three ---- */

static int64_t number_of(pq_value v, const char *name) {
  int64_t n = 0;
  (void)pq_value_i64(pq_object_get_str(v, name), &n);
  return n;
}

/* What the collection's validator refuses. */
static void put_invalid(pq_task *t, pq_value id) {
  pq_bson_str(&t->out, "errmsg", "Document failed validation");
  pq_bson_begin_object(&t->out, "errInfo");
  pq_bson_value(&t->out, "failingDocumentId", id);
  pq_bson_begin_object(&t->out, "details");
  pq_bson_str(&t->out, "reason", "the validator of the collection does not match the document");
  pq_bson_end(&t->out);
  pq_bson_end(&t->out);
}

int pq_write_answer_invalid(pq_task *t) {
  pq_value query = pq_task_field(t, "query");
  char name[40];
  pq_mongo_code_name(PQ_MONGO_INVALID_DOCUMENT, name);
  if (t->is_writing) pq_bson_abandon(&t->out);
  pq_task_answer(t);
  pq_bson_double(&t->out, "ok", 0);
  put_invalid(t, pq_object_get_str(query, "_id"));
  pq_bson_i32(&t->out, "code", PQ_MONGO_INVALID_DOCUMENT);
  pq_bson_str(&t->out, "codeName", name);
  t->is_writing = false;
  PQ_TRY(pq_bson_finish(&t->out));
  t->is_done = true;
  return PQ_OK;
}

int pq_write_put_failure(pq_task *t, pq_value error, int32_t index, pq_value id) {
  pq_slice name = {0}, message = {0};
  char text[PQ_MESSAGE_CAP];
  bool is_invalid;
  int code;
  (void)pq_value_string(pq_object_get_str(error, "code"), &name);
  (void)pq_value_string(pq_object_get_str(error, "message"), &message);
  code = pq_mongo_words(pq_mongo_code_of_name(name), message, text);
  is_invalid = pq_mongo_is_invalid(message);
  if (is_invalid) code = PQ_MONGO_INVALID_DOCUMENT;
  pq_bson_i32(&t->out, t->command->done == pq_mongo_write_done ? "index" : "idx", index);
  pq_bson_i32(&t->out, "code", code);
  if (pq_slice_is(name, pq_status_name(PQ_EUNIQUE)))
    PQ_TRY(pq_duplicate_put(t, &t->out, message));
  else if (code == PQ_MONGO_DUPLICATE_KEY && !pq_value_is_missing(id))
    PQ_TRY(pq_duplicate_put_id(t, &t->out, id));
  else if (is_invalid)
    put_invalid(t, id);
  else
    pq_bson_str(&t->out, "errmsg", text);
  return PQ_OK;
}

static int put_error(pq_task *t, pq_value error) {
  int64_t index = number_of(error, "index");
  pq_value doc = pq_array_at(pq_task_field(t, "documents"), (uint32_t)index);
  pq_bson_begin_object(&t->out, NULL);
  PQ_TRY(pq_write_put_failure(t, error, (int32_t)index, pq_object_get_str(doc, "_id")));
  pq_bson_end(&t->out);
  return PQ_OK;
}

/* {"0": "posts/~o…"} becomes [{index: 0, _id: ObjectId(…)}]. */
static int put_upserted(pq_task *t, pq_value ids) {
  uint32_t count;
  pq_field *fields = pq_object_fields(&t->arena, ids, &count);
  pq_slice id;
  if (count == 0) return PQ_OK;
  if (fields == NULL) return t->mongo->cx->code;
  pq_bson_begin_array(&t->out, "upserted");
  for (uint32_t i = 0; i < count; i++) {
    int32_t index = 0;
    for (size_t k = 0; k < fields[i].name.n; k++)
      index = index * 10 + (fields[i].name.p[k] - '0');
    pq_bson_begin_object(&t->out, NULL);
    pq_bson_i32(&t->out, "index", index);
    if (pq_value_string(fields[i].value, &id)) pq_mongo_put_id(&t->out, "_id", id);
    pq_bson_end(&t->out);
  }
  pq_bson_end(&t->out);
  return PQ_OK;
}

static bool is_conflict(pq_value error) {
  pq_slice name = {0};
  (void)pq_value_string(pq_object_get_str(error, "code"), &name);
  return pq_mongo_code_of_name(name) == PQ_MONGO_WRITE_CONFLICT;
}

int pq_write_end_txn(pq_task *t, pq_value errors) {
  if (!t->use.is_in_txn || pq_value_count(errors) == 0) return PQ_OK;
  t->use.must_abort = true;
  if (!is_conflict(pq_array_at(errors, 0))) return PQ_OK;
  return pq_task_refuse_with(t, PQ_MONGO_WRITE_CONFLICT,
                             "Caused by :: Write conflict: another operation changed what the "
                             "transaction writes. Please retry it.");
}

int pq_mongo_write_done(pq_task *t, pq_value summary) {
  static const char *const counts[] = {"insertedCount", "matchedCount", "deletedCount",
                                       "upsertedCount"};
  pq_value errors = pq_object_get_str(summary, "errors");
  int64_t n = 0;
  PQ_TRY(pq_write_end_txn(t, errors));
  if (t->is_done) return PQ_OK;
  if (pq_slice_is(pq_str(t->command->name), "insert"))
    n = number_of(summary, counts[0]);
  else
    for (size_t i = 1; i < sizeof counts / sizeof *counts; i++)
      n += number_of(summary, counts[i]);
  pq_task_answer(t);
  pq_bson_i32(&t->out, "n", (int32_t)n);
  if (pq_slice_is(pq_str(t->command->name), "update"))
    pq_bson_i32(&t->out, "nModified", (int32_t)number_of(summary, "modifiedCount"));
  PQ_TRY(put_upserted(t, pq_object_get_str(summary, "upsertedIds")));
  if (pq_value_count(errors) > 0) {
    pq_bson_begin_array(&t->out, "writeErrors");
    for (uint32_t i = 0; i < pq_value_count(errors); i++)
      PQ_TRY(put_error(t, pq_array_at(errors, i)));
    pq_bson_end(&t->out);
  }
  return pq_task_answer_end(t);
}

/* ---- findAndModify ---- */

int pq_mongo_find_and_modify(pq_task *t) {
  pq_value update = pq_task_field(t, "update"), fields = pq_task_field(t, "fields");
  pq_value sort = pq_task_field(t, "sort");
  bool is_remove = pq_task_flag(t, "remove"), is_update = is_operators(update);
  if (is_remove == !pq_value_is_missing(update))
    return pq_task_refuse_with(t, PQ_MONGO_FAILED_TO_PARSE,
                               "Either an update or remove=true must be specified");
  if (is_remove && (pq_task_flag(t, "new") || pq_task_flag(t, "upsert")))
    return pq_task_refuse_with(t, PQ_MONGO_FAILED_TO_PARSE,
                               "Cannot specify both remove=true and new or upsert");
  PQ_TRY(pq_task_target(t));
  pq_task_command(t,
                  is_remove   ? "findOneAndDelete"
                  : is_update ? "findOneAndUpdate"
                              : "findOneAndReplace",
                  t->collection);
  PQ_TRY(put_filter(t, pq_task_field(t, "query")));
  if (pq_value_count(sort) > 0) pq_task_put(t, "sort", sort);
  if (pq_value_count(fields) > 0) pq_task_put(t, "project", fields);
  if (is_remove) {
    pq_task_put_bool(t, "hard", true);
  } else {
    pq_task_put(t, is_update ? "update" : "replacement", update);
    pq_task_put(t, "arrayFilters", pq_task_field(t, "arrayFilters"));
    if (pq_task_flag(t, "upsert")) pq_task_put_bool(t, "upsert", true);
    pq_task_put_str(t, "returnDocument", pq_task_flag(t, "new") ? "after" : "before");
    pq_task_put_bool(t, "objectIds", true);
    put_bypass(t);
  }
  pq_task_put(t, "collation", pq_task_field(t, "collation"));
  pq_task_put(t, "let", pq_task_field(t, "let"));
  PQ_TRY(pq_task_put_hint(t, pq_task_field(t, "hint")));
  pq_task_put_str(t, "plain", "keyed");
  pq_task_answer(t);
  return pq_task_submit(t);
}

int pq_mongo_find_and_modify_item(pq_task *t, pq_value item) {
  pq_bson_value(&t->out, "value", item);
  t->count++;
  return PQ_OK;
}

int pq_mongo_find_and_modify_done(pq_task *t, pq_value summary) {
  int64_t upserted = number_of(summary, "upsertedCount");
  int64_t matched = number_of(summary, "matchedCount") + number_of(summary, "deletedCount");
  bool is_remove = pq_task_flag(t, "remove");
  pq_slice id;
  if (t->count == 0) pq_bson_null(&t->out, "value");
  pq_bson_begin_object(&t->out, "lastErrorObject");
  pq_bson_i32(&t->out, "n", (int32_t)(matched + upserted));
  if (!is_remove) pq_bson_bool(&t->out, "updatedExisting", matched > 0);
  if (upserted > 0 && pq_value_string(pq_object_get_str(summary, "upsertedId"), &id))
    pq_mongo_put_id(&t->out, "upserted", id);
  pq_bson_end(&t->out);
  return pq_task_answer_end(t);
}
