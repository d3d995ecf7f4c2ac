/* server/mongo_bulk.c - bulkWrite of MongoDB 8.0: writes to several collections in one command.
 *
 *   ops      insert 0 │ insert 0 │ update 1 │ delete 0        numbers point into nsInfo
 *              └─ our bulkWrite ─┘   one       one            neighbours of a collection are a
 * group
 *
 * A group is one command of ours, so operations are done in their order; each group is a commit of
 * its own, as each operation is one in MongoDB. With errorsOnly: false a group is one operation, as
 * the client wants to know what each of them did. Results become a cursor (mongo_virtual.c).
 */
#include <stdio.h>
#include <string.h>

#include "server/mongo_commands.h"

enum { OPS_MAX = 100000, RESULTS_LEN_MAX = 64 << 20 };

typedef struct bulk {
  pq_value ops, namespaces;
  uint32_t count, at, group; /* operations; of the group: the first, how many */
  bool is_ordered, is_errors_only;
  uint32_t result_count;
  int64_t errors, inserted, matched, modified, upserted, deleted;
} bulk;

typedef enum kind { INSERT, UPDATE, DELETE } kind;

static int64_t number_of(pq_value v, const char *name) {
  int64_t n = 0;
  double d = 0;
  pq_value f = pq_object_get_str(v, name);
  if (!pq_value_i64(f, &n) && pq_value_number(f, &d)) n = (int64_t)d;
  return n;
}

static bool flag_of(pq_value v, const char *name) {
  bool flag = false;
  pq_value f = pq_object_get_str(v, name);
  return pq_value_bool(f, &flag) ? flag : number_of(v, name) != 0;
}

/* ---- looking at all operations before the first is done ---- */

static const char *const names_of_kinds[] = {"insert", "update", "delete"};

static kind kind_of(pq_value op) {
  if (!pq_value_is_missing(pq_object_get_str(op, "insert"))) return INSERT;
  return pq_value_is_missing(pq_object_get_str(op, "delete")) ? UPDATE : DELETE;
}

static uint32_t namespace_of(pq_value op) {
  int64_t n = number_of(op, names_of_kinds[kind_of(op)]);
  return n < 0 || n > UINT32_MAX ? UINT32_MAX : (uint32_t)n;
}

static bool is_known(kind k, pq_slice name) {
  static const char *const known[][12] = {
      {"insert", "document"},
      {"update", "filter", "updateMods", "multi", "upsert", "arrayFilters", "hint", "collation",
       "constants", "sort"},
      {"delete", "filter", "multi", "hint", "collation"}};
  for (size_t i = 0; known[k][i] != NULL; i++)
    if (pq_slice_is(name, known[k][i])) return true;
  return false;
}

/* A replacement, of many? */
static bool replaces_many(pq_value op) {
  pq_value u = pq_object_get_str(op, "updateMods");
  pq_field first;
  if (kind_of(op) != UPDATE || !flag_of(op, "multi") || pq_value_type(u) == PQ_TYPE_ARRAY)
    return false;
  return !pq_object_at(u, 0, &first) || first.name.n == 0 || first.name.p[0] != '$';
}

static int check_op(pq_task *t, uint32_t i) {
  const bulk *b = t->state;
  pq_value op = pq_array_at(b->ops, i), document = pq_object_get_str(op, "document");
  pq_field field;
  kind k = kind_of(op);
  if (pq_value_type(op) != PQ_TYPE_OBJECT)
    return pq_fail(t->mongo->cx, PQ_EINVALID, "bulkWrite.ops.%u must be an object", (unsigned)i);
  for (uint32_t n = 0; pq_object_at(op, n, &field); n++)
    if (!is_known(k, field.name))
      return pq_task_refuse_with(
          t, PQ_MONGO_UNKNOWN_FIELD, "BSON field 'bulkWrite.ops.%.*s' is an unknown field.",
          (int)(field.name.n > 60 ? 60 : field.name.n), (const char *)field.name.p);
  if (namespace_of(op) >= pq_value_count(b->namespaces))
    return pq_fail(t->mongo->cx, PQ_EINVALID, "BulkWrite ops entry %u has an invalid nsInfo index.",
                   (unsigned)i);
  if (k == INSERT && pq_value_type(document) != PQ_TYPE_OBJECT)
    return pq_fail(t->mongo->cx, PQ_EINVALID, "bulkWrite.ops.%u.document must be an object",
                   (unsigned)i);
  if (replaces_many(op))
    return pq_task_refuse_with(t, PQ_MONGO_FAILED_TO_PARSE,
                               "multi update is not supported for replacement-style update");
  return PQ_OK;
}

/* "db.collection" of the i-th namespace: into ns, collection and full_name of the task. */
static int choose_namespace(pq_task *t, uint32_t i) {
  const bulk *b = t->state;
  pq_value v = pq_object_get_str(pq_array_at(b->namespaces, i), "ns");
  pq_slice name = {0};
  const uint8_t *dot;
  size_t db_len;
  (void)pq_value_string(v, &name);
  dot = name.n == 0 ? NULL : memchr(name.p, '.', name.n);
  db_len = dot == NULL ? 0 : (size_t)(dot - name.p);
  if (dot == NULL || name.n >= sizeof t->full_name)
    return pq_fail(t->mongo->cx, PQ_EPATH, "Invalid namespace specified: bulkWrite.nsInfo.%u",
                   (unsigned)i);
  PQ_TRY(pq_mongo_namespace(t->mongo->cx, (pq_slice){name.p, db_len}, t->ns));
  PQ_TRY(
      pq_mongo_collection(t->mongo->cx, (pq_slice){dot + 1, name.n - db_len - 1}, t->collection));
  snprintf(t->full_name, sizeof t->full_name, "%.*s", (int)name.n, (const char *)name.p);
  return PQ_OK;
}

/* What is wrong with nsInfo is told when the command opens. */
int pq_bulk_choose_database(pq_task *t) {
  static const char *const others[] = {"admin", "config", "local", NULL};
  pq_value list = pq_task_field(t, "nsInfo");
  char ns[PQ_MONGO_NAME_CAP];
  pq_slice name, db;
  const uint8_t *dot;
  for (uint32_t i = 0; i < pq_value_count(list); i++) {
    if (!pq_value_string(pq_object_get_str(pq_array_at(list, i), "ns"), &name)) return PQ_OK;
    dot = name.n == 0 ? NULL : memchr(name.p, '.', name.n);
    if (dot == NULL) return PQ_OK;
    db = (pq_slice){name.p, (size_t)(dot - name.p)};
    for (size_t k = 0; t->use.is_in_txn && others[k] != NULL; k++)
      if (pq_slice_is(db, others[k]))
        return pq_task_refuse_with(t, PQ_MONGO_NOT_IN_TRANSACTION,
                                   "Cannot run command against the '%s' database in a transaction.",
                                   others[k]);
    PQ_TRY(pq_mongo_namespace(t->mongo->cx, db, ns));
    if (t->use.is_in_txn && i > 0 && strcmp(ns, t->ns) != 0)
      return pq_task_refuse_with(t, PQ_MONGO_NOT_IN_TRANSACTION,
                                 "a transaction is about one database: bulkWrite.nsInfo names '%s' "
                                 "and '%s'",
                                 t->ns, ns);
    if (i == 0) memcpy(t->ns, ns, sizeof ns);
  }
  return PQ_OK;
}

static int check_all(pq_task *t) {
  bulk *b = t->state;
  b->count = pq_value_count(b->ops);
  if (pq_value_type(b->ops) != PQ_TYPE_ARRAY || pq_value_type(b->namespaces) != PQ_TYPE_ARRAY)
    return pq_fail(t->mongo->cx, PQ_EINVALID, "bulkWrite: 'ops' and 'nsInfo' must be arrays");
  if (b->count < 1 || b->count > OPS_MAX)
    return pq_fail(t->mongo->cx, PQ_EINVALID,
                   "Write batch sizes must be between 1 and %d. Got %u operations.", OPS_MAX,
                   (unsigned)b->count);
  for (uint32_t i = 0; i < pq_value_count(b->namespaces); i++)
    PQ_TRY(choose_namespace(t, i));
  for (uint32_t i = 0; i < b->count && !t->is_done; i++)
    PQ_TRY(check_op(t, i));
  return PQ_OK;
}

/* ---- groups ---- */

static int put_op(pq_task *t, pq_arena *scratch, pq_value op) {
  pq_statement s = {.q = pq_object_get_str(op, "filter"),
                    .u = pq_object_get_str(op, "updateMods"),
                    .array_filters = pq_object_get_str(op, "arrayFilters"),
                    .collation = pq_object_get_str(op, "collation"),
                    .hint = pq_object_get_str(op, "hint"),
                    .sort = pq_object_get_str(op, "sort"),
                    .constants = pq_object_get_str(op, "constants"),
                    .is_many = flag_of(op, "multi"),
                    .is_upsert = flag_of(op, "upsert")};
  switch (kind_of(op)) {
    case INSERT: return pq_write_put_insert(t, scratch, pq_object_get_str(op, "document"));
    case UPDATE: return pq_write_put_update(t, &s);
    case DELETE: return pq_write_put_delete(t, &s);
  }
  pq_unreachable("there are three kinds");
}

static int put_group(pq_task *t) {
  bulk *b = t->state;
  pq_arena scratch;
  int rc = PQ_OK;
  PQ_TRY(t->rc);
  PQ_TRY(pq_builder_key_str(t->mongo->builder, "operations"));
  PQ_TRY(pq_builder_begin_array(t->mongo->builder));
  pq_arena_init(&scratch, t->mongo->cx, t->mongo->cx->limits.op_len_max);
  for (uint32_t i = 0; rc == PQ_OK && i < b->group; i++) {
    rc = put_op(t, &scratch, pq_array_at(b->ops, b->at + i));
    pq_arena_clear(&scratch);
  }
  pq_arena_release(&scratch);
  PQ_TRY(rc);
  return pq_builder_end(t->mongo->builder);
}

/* The neighbours from b->at on. */
static int submit_group(pq_task *t) {
  bulk *b = t->state;
  uint32_t ns = namespace_of(pq_array_at(b->ops, b->at));
  b->group = 1;
  while (b->is_errors_only && b->at + b->group < b->count &&
         namespace_of(pq_array_at(b->ops, b->at + b->group)) == ns)
    b->group++;
  PQ_TRY(choose_namespace(t, ns));
  pq_task_command(t, "bulkWrite", t->collection);
  pq_task_put_bool(t, "ordered", b->is_ordered);
  pq_task_put_bool(t, "objectIds", true);
  pq_task_put(t, "let", pq_task_field(t, "let"));
  PQ_TRY(put_group(t));
  return pq_task_submit(t);
}

int pq_mongo_bulk_write(pq_task *t) {
  bulk *b = pq_arena_calloc(&t->arena, 1, sizeof *b);
  if (b == NULL) return pq_fail_nomem(t->mongo->cx);
  t->state = b;
  PQ_TRY(pq_task_admin_only(t));
  b->ops = pq_task_field(t, "ops");
  b->namespaces = pq_task_field(t, "nsInfo");
  b->is_errors_only = pq_task_flag(t, "errorsOnly");
  b->is_ordered = pq_value_is_missing(pq_task_field(t, "ordered")) || pq_task_flag(t, "ordered");
  PQ_TRY(check_all(t));
  if (t->is_done) return PQ_OK;
  pq_buf_release(&t->names);
  pq_buf_init(&t->names, t->mongo->cx, RESULTS_LEN_MAX);
  pq_virtual_begin(t, &t->out);
  t->is_writing = true;
  return submit_group(t);
}

/* ---- results ---- */

static int put_failures(pq_task *t, pq_value errors) {
  bulk *b = t->state;
  for (uint32_t i = 0; i < pq_value_count(errors); i++) {
    pq_value error = pq_array_at(errors, i);
    uint32_t index = b->at + (uint32_t)number_of(error, "index");
    pq_value op = pq_array_at(b->ops, index);
    pq_bson_begin_object(&t->out, NULL);
    pq_bson_double(&t->out, "ok", 0);
    PQ_TRY(pq_write_put_failure(t, error, (int32_t)index,
                                pq_object_get_str(pq_object_get_str(op, "document"), "_id")));
    pq_bson_i32(&t->out, "n", 0);
    if (kind_of(op) == UPDATE) pq_bson_i32(&t->out, "nModified", 0);
    pq_bson_end(&t->out);
    b->errors++;
    b->result_count++;
  }
  return PQ_OK;
}

/* Of the one operation of the group. */
static void put_success(pq_task *t, pq_value summary) {
  bulk *b = t->state;
  kind k = kind_of(pq_array_at(b->ops, b->at));
  pq_slice id;
  int64_t upserted = number_of(summary, "upsertedCount");
  int64_t n = k == INSERT   ? number_of(summary, "insertedCount")
              : k == DELETE ? number_of(summary, "deletedCount")
                            : number_of(summary, "matchedCount") + upserted;
  pq_bson_begin_object(&t->out, NULL);
  pq_bson_double(&t->out, "ok", 1);
  pq_bson_i32(&t->out, "idx", (int32_t)b->at);
  pq_mongo_put_count(&t->out, "n", n);
  if (k == UPDATE) pq_mongo_put_count(&t->out, "nModified", number_of(summary, "modifiedCount"));
  if (upserted > 0 &&
      pq_value_string(pq_object_get_str(pq_object_get_str(summary, "upsertedIds"), "0"), &id)) {
    pq_bson_begin_object(&t->out, "upserted");
    pq_mongo_put_id(&t->out, "_id", id);
    pq_bson_end(&t->out);
  }
  pq_bson_end(&t->out);
  b->result_count++;
}

static void put_totals(pq_task *t) {
  const bulk *b = t->state;
  pq_mongo_put_count(&t->out, "nErrors", b->errors);
  pq_mongo_put_count(&t->out, "nInserted", b->inserted);
  pq_mongo_put_count(&t->out, "nMatched", b->matched);
  pq_mongo_put_count(&t->out, "nModified", b->modified);
  pq_mongo_put_count(&t->out, "nUpserted", b->upserted);
  pq_mongo_put_count(&t->out, "nDeleted", b->deleted);
}

/* {nErrors …, cursor: {firstBatch: [ … */
static int answer(pq_task *t) {
  const bulk *b = t->state;
  int64_t batch = 0;
  bool has_batch;
  t->is_writing = false;
  PQ_TRY(pq_virtual_end(&t->out));
  snprintf(t->full_name, sizeof t->full_name, "admin.$cmd.bulkWrite");
  if (!t->use.is_in_txn) PQ_TRY(pq_mongo_namespace(t->mongo->cx, t->request->db, t->ns));
  batch = number_of(pq_task_field(t, "cursor"), "batchSize");
  has_batch = batch > 0 && batch < UINT32_MAX;
  t->batch_max = has_batch ? (uint32_t)batch : UINT32_MAX;
  pq_task_answer(t);
  put_totals(t);
  pq_bson_begin_object(&t->out, "cursor");
  pq_bson_begin_array(&t->out, "firstBatch");
  t->command = pq_mongo_command_find(PQ_SLICE("aggregate"));
  if (b->result_count == 0) return t->command->done(t, (pq_value){0});
  return pq_virtual_submit(t, (pq_value){0}, 0, (pq_value){0});
}

int pq_mongo_bulk_write_done(pq_task *t, pq_value summary) {
  bulk *b = t->state;
  pq_value errors = pq_object_get_str(summary, "errors");
  b->inserted += number_of(summary, "insertedCount");
  b->matched += number_of(summary, "matchedCount");
  b->modified += number_of(summary, "modifiedCount");
  b->upserted += number_of(summary, "upsertedCount");
  b->deleted += number_of(summary, "deletedCount");
  PQ_TRY(pq_write_end_txn(t, errors));
  if (t->is_done) return PQ_OK;
  PQ_TRY(put_failures(t, errors));
  if (!b->is_errors_only && pq_value_count(errors) == 0) put_success(t, summary);
  b->at += b->group;
  if (b->at < b->count && !(b->errors > 0 && (b->is_ordered || t->use.is_in_txn)))
    return submit_group(t);
  return answer(t);
}
