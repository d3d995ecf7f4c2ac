/* server/mongo_stats.c - see mongo_stats.h; and collStats, dbStats, dataSize, validate, compact. */
#include "server/mongo_stats.h"

#include <stdio.h>
#include <string.h>

#include "expr/expression.h"
#include "server/mongo_catalog.h"

enum { SAMPLE = 1000 };

/* ---- figures ---- */

static int64_t number_of(pq_value v, const char *name) {
  int64_t n = 0;
  double d = 0;
  pq_value f = pq_object_get_str(v, name);
  if (!pq_value_i64(f, &n) && pq_value_number(f, &d)) n = (int64_t)d;
  return n;
}

int pq_stats_open(pq_task *t, const char *collection) {
  pq_stats *s = pq_arena_calloc(&t->arena, 1, sizeof *s);
  if (s == NULL) return pq_fail_nomem(t->mongo->cx);
  snprintf(s->only, sizeof s->only, "%s", collection);
  s->scale = 1;
  t->state = s;
  pq_builder_clear(t->mongo->builder);
  t->rc = pq_builder_begin_object(t->mongo->builder);
  pq_task_put_i64(t, "stats", 1);
  return pq_task_submit(t);
}

static int take_collections(pq_task *t, pq_value list) {
  pq_stats *s = t->state;
  uint32_t n = pq_value_count(list);
  s->all = pq_arena_calloc(&t->arena, n + 1, sizeof *s->all);
  if (s->all == NULL) return pq_fail_nomem(t->mongo->cx);
  for (uint32_t i = 0; i < n; i++) {
    pq_value v = pq_array_at(list, i);
    pq_figures *f = &s->all[s->count];
    pq_slice name;
    if (!pq_value_string(pq_object_get_str(v, "name"), &name) || name.n >= sizeof f->name) continue;
    if (s->only[0] != '\0' && !pq_slice_is(name, s->only)) continue;
    memcpy(f->name, name.p, name.n);
    f->rows = number_of(v, "rows");
    f->file_bytes = number_of(v, "bytes");
    s->count++;
  }
  return PQ_OK;
}

/* The place of a collection; a new one: it is recorded, and empty. NULL: no memory. */
static pq_figures *figures_of(pq_stats *s, pq_task *t, pq_slice name) {
  pq_figures *more;
  for (uint32_t i = 0; i < s->count; i++)
    if (pq_slice_is(name, s->all[i].name)) return &s->all[i];
  more = pq_arena_calloc(&t->arena, s->count + 1, sizeof *more);
  if (more == NULL) return NULL;
  if (s->count > 0) memcpy(more, s->all, s->count * sizeof *more);
  s->all = more;
  memcpy(more[s->count].name, name.p, name.n);
  return &more[s->count++];
}

/* {name, indexes}: what is recorded of a collection. */
static int take_record(pq_stats *s, pq_task *t, pq_value item) {
  pq_value list = pq_object_get_str(item, "indexes");
  uint32_t count = pq_value_count(list);
  pq_figures *f;
  pq_slice name;
  if (!pq_value_string(pq_object_get_str(item, "name"), &name) || name.n >= sizeof f->name ||
      (s->only[0] != '\0' && !pq_slice_is(name, s->only)))
    return PQ_OK;
  f = figures_of(s, t, name);
  if (f == NULL) return pq_fail_nomem(t->mongo->cx);
  f->index_count = count < PQ_MONGO_INDEXES_MAX ? count : PQ_MONGO_INDEXES_MAX;
  for (uint32_t i = 0; s->only[0] != '\0' && i < f->index_count; i++)
    PQ_TRY(pq_value_copy(&t->arena, pq_array_at(list, i), &s->indexes[i]));
  return PQ_OK;
}

int pq_stats_item(pq_task *t, pq_value item) {
  pq_stats *s = t->state;
  if (s->phase == PQ_STATS_COUNTS)
    return take_collections(t, pq_object_get_str(item, "collections"));
  if (s->phase == PQ_STATS_RECORDS) return take_record(s, t, item);
  s->all[s->at].sampled = number_of(item, "n");
  s->all[s->at].sampled_bytes = number_of(item, "bytes");
  return PQ_OK;
}

/* [{$limit: 1000}, {$group: {_id: null, n: {$sum: 1}, bytes: {$sum: {$bsonSize: "$$ROOT"}}}}] */
static int put_sample(pq_builder *b) {
  PQ_TRY(pq_builder_key_str(b, "pipeline"));
  PQ_TRY(pq_builder_begin_array(b));
  PQ_TRY(pq_builder_begin_object(b));
  PQ_TRY(pq_builder_key_str(b, "$limit"));
  PQ_TRY(pq_builder_i64(b, SAMPLE));
  PQ_TRY(pq_builder_end(b));
  PQ_TRY(pq_builder_begin_object(b));
  PQ_TRY(pq_builder_key_str(b, "$group"));
  PQ_TRY(pq_builder_begin_object(b));
  PQ_TRY(pq_builder_key_str(b, "_id"));
  PQ_TRY(pq_builder_null(b));
  PQ_TRY(pq_builder_key_str(b, "n"));
  PQ_TRY(pq_builder_begin_object(b));
  PQ_TRY(pq_builder_key_str(b, "$sum"));
  PQ_TRY(pq_builder_i64(b, 1));
  PQ_TRY(pq_builder_end(b));
  PQ_TRY(pq_builder_key_str(b, "bytes"));
  PQ_TRY(pq_builder_begin_object(b));
  PQ_TRY(pq_builder_key_str(b, "$sum"));
  PQ_TRY(pq_builder_begin_object(b));
  PQ_TRY(pq_builder_key_str(b, "$bsonSize"));
  PQ_TRY(pq_builder_str(b, "$$ROOT"));
  for (int i = 0; i < 4; i++)
    PQ_TRY(pq_builder_end(b));
  return pq_builder_end(b);
}

static int submit_sample(pq_task *t, const char *name) {
  pq_task_command(t, "aggregate", name);
  PQ_TRY(t->rc);
  PQ_TRY(put_sample(t->mongo->builder));
  pq_task_put_str(t, "plain", "keyed");
  return pq_task_submit(t);
}

int pq_stats_more(pq_task *t, bool *is_done) {
  pq_stats *s = t->state;
  *is_done = s->phase == PQ_STATS_RECORDS;
  if (*is_done) return PQ_OK;
  if (s->phase == PQ_STATS_COUNTS)
    s->phase = PQ_STATS_SAMPLES;
  else
    s->at++;
  if (s->at < s->count) return submit_sample(t, s->all[s->at].name);
  s->phase = PQ_STATS_RECORDS;
  pq_builder_clear(t->mongo->builder);
  t->rc = pq_builder_begin_object(t->mongo->builder);
  pq_task_put_i64(t, "collections", 1);
  return pq_task_submit(t);
}

int64_t pq_figures_size(const pq_figures *f) {
  if (f->sampled <= 0) return 0;
  if (f->sampled >= f->rows) return f->sampled_bytes;
  return (int64_t)((double)f->sampled_bytes / (double)f->sampled * (double)f->rows);
}

/* The name of an index as a field. */
static void put_index_size(pq_bson_out *o, pq_value spec) {
  char text[PQ_MONGO_NAME_CAP * 2];
  pq_slice name;
  if (!pq_value_string(pq_object_get_str(spec, "name"), &name) || name.n >= sizeof text) return;
  memcpy(text, name.p, name.n);
  text[name.n] = '\0';
  pq_bson_i32(o, text, 0);
}

int pq_stats_put(pq_task *t, pq_bson_out *o, int64_t scale) {
  static const pq_figures nothing;
  const pq_stats *s = t->state;
  const pq_figures *f = s->count == 0 ? &nothing : &s->all[0];
  pq_mongo_put_count(o, "size", pq_figures_size(f) / scale);
  pq_mongo_put_count(o, "count", f->rows);
  if (f->rows > 0) pq_mongo_put_count(o, "avgObjSize", pq_figures_size(f) / f->rows);
  pq_bson_i32(o, "numOrphanDocs", 0);
  pq_mongo_put_count(o, "storageSize", f->file_bytes / scale);
  pq_bson_i32(o, "freeStorageSize", 0);
  pq_bson_bool(o, "capped", false);
  pq_mongo_put_count(o, "nindexes", s->count == 0 ? 0 : 1 + (int64_t)f->index_count);
  pq_bson_begin_array(o, "indexBuilds");
  pq_bson_end(o);
  pq_bson_i32(o, "totalIndexSize", 0);
  pq_mongo_put_count(o, "totalSize", f->file_bytes / scale);
  pq_bson_begin_object(o, "indexSizes");
  if (s->count > 0) pq_bson_i32(o, "_id_", 0);
  for (uint32_t i = 0; i < f->index_count; i++)
    put_index_size(o, s->indexes[i]);
  pq_bson_end(o);
  pq_mongo_put_count(o, "scaleFactor", scale);
  return PQ_OK;
}

/* ---- collStats, dbStats, dataSize ---- */

static int open_scaled(pq_task *t, const char *collection) {
  int64_t scale = 1;
  PQ_TRY(pq_task_number(t, "scale", &scale));
  if (scale < 1) return pq_fail(t->mongo->cx, PQ_EINVALID, "scale has to be >= 1");
  PQ_TRY(pq_stats_open(t, collection));
  if (!t->is_done) ((pq_stats *)t->state)->scale = scale;
  return PQ_OK;
}

int pq_mongo_coll_stats(pq_task *t) {
  PQ_TRY(pq_task_target(t));
  return open_scaled(t, t->collection);
}

int pq_mongo_coll_stats_done(pq_task *t, pq_value summary) {
  const pq_stats *s = t->state;
  bool is_done;
  (void)summary;
  PQ_TRY(pq_stats_more(t, &is_done));
  if (!is_done) return PQ_OK;
  PQ_TRY(pq_mongo_check_view(t));
  pq_task_answer(t);
  pq_bson_str(&t->out, "ns", t->full_name);
  PQ_TRY(pq_stats_put(t, &t->out, s->scale));
  return pq_task_answer_end(t);
}

int pq_mongo_db_stats(pq_task *t) {
  return open_scaled(t, "");
}

/* In whole units, as a double. */
static double scaled(int64_t n, int64_t scale) {
  int64_t units = n / scale;
  return (double)units;
}

int pq_mongo_db_stats_done(pq_task *t, pq_value summary) {
  const pq_stats *s = t->state;
  pq_figures sum = {.sampled = 1};
  pq_bson_out *o = &t->out;
  bool is_done;
  (void)summary;
  PQ_TRY(pq_stats_more(t, &is_done));
  if (!is_done) return PQ_OK;
  for (uint32_t i = 0; i < s->count; i++) {
    sum.rows += s->all[i].rows;
    sum.file_bytes += s->all[i].file_bytes;
    sum.sampled_bytes += pq_figures_size(&s->all[i]);
    sum.index_count += 1 + s->all[i].index_count;
  }
  pq_task_answer(t);
  pq_bson_text(o, "db", t->request->db);
  pq_mongo_put_count(o, "collections", s->count);
  pq_bson_i32(o, "views", 0);
  pq_mongo_put_count(o, "objects", sum.rows);
  pq_bson_double(o, "avgObjSize", sum.rows == 0 ? 0 : (double)sum.sampled_bytes / (double)sum.rows);
  pq_bson_double(o, "dataSize", scaled(sum.sampled_bytes, s->scale));
  pq_bson_double(o, "storageSize", scaled(sum.file_bytes, s->scale));
  pq_mongo_put_count(o, "indexes", sum.index_count);
  pq_bson_double(o, "indexSize", 0);
  pq_bson_double(o, "totalSize", scaled(sum.file_bytes, s->scale));
  pq_mongo_put_count(o, "scaleFactor", s->scale);
  return pq_task_answer_end(t);
}

/* {dataSize: "db.collection"}: the database is that of the name. */
int pq_mongo_data_size(pq_task *t) {
  pq_value v = pq_object_get(t->request->command, t->request->name);
  pq_slice name;
  const uint8_t *dot = NULL;
  static const char *const parts[] = {"keyPattern", "min", "max", NULL};
  for (size_t i = 0; parts[i] != NULL; i++)
    PQ_TRY(pq_task_refuse(t, parts[i]));
  if (pq_value_string(v, &name) && name.n > 0) dot = memchr(name.p, '.', name.n);
  if (dot == NULL)
    return pq_task_refuse_with(t, PQ_MONGO_INVALID_NAMESPACE,
                               "dataSize: a namespace \"db.collection\" is expected");
  PQ_TRY(pq_mongo_namespace(t->mongo->cx, (pq_slice){name.p, (size_t)(dot - name.p)}, t->ns));
  PQ_TRY(pq_mongo_collection(t->mongo->cx, (pq_slice){dot + 1, name.n - (size_t)(dot + 1 - name.p)},
                             t->collection));
  return pq_stats_open(t, t->collection);
}

int pq_mongo_data_size_done(pq_task *t, pq_value summary) {
  const pq_stats *s = t->state;
  bool is_done;
  (void)summary;
  PQ_TRY(pq_stats_more(t, &is_done));
  if (!is_done) return PQ_OK;
  pq_task_answer(t);
  pq_bson_bool(&t->out, "estimate", s->count > 0 && s->all[0].rows > SAMPLE);
  pq_mongo_put_count(&t->out, "size", s->count == 0 ? 0 : pq_figures_size(&s->all[0]));
  pq_mongo_put_count(&t->out, "numObjects", s->count == 0 ? 0 : s->all[0].rows);
  pq_mongo_put_count(&t->out, "millis", (pq_handle_now_us(t->mongo->db) - t->started_us) / 1000);
  return pq_task_answer_end(t);
}

/* ---- validate: our `verify`, which is about the whole database ---- */

enum { VALIDATE_COUNTS, VALIDATE_VERIFIES };

int pq_mongo_validate(pq_task *t) {
  PQ_TRY(pq_task_refuse(t, "repair"));
  PQ_TRY(pq_task_refuse(t, "fixMultikey"));
  PQ_TRY(pq_task_target(t));
  pq_task_command(t, "count", t->collection);
  return pq_task_submit(t);
}

int pq_mongo_validate_item(pq_task *t, pq_value item) {
  if (t->stage == VALIDATE_VERIFIES) pq_bson_value(&t->out, NULL, item);
  return PQ_OK;
}

static int begin_verify(pq_task *t, pq_value summary) {
  PQ_TRY(pq_mongo_check_view(t));
  t->count = (uint64_t)number_of(summary, "count");
  if (t->count == 0)
    return pq_task_refuse_with(t, PQ_MONGO_NAMESPACE_NOT_FOUND,
                               "Collection '%s' does not exist to validate.", t->full_name);
  t->stage = VALIDATE_VERIFIES;
  pq_task_answer(t);
  pq_bson_str(&t->out, "ns", t->full_name);
  pq_mongo_put_count(&t->out, "nrecords", (int64_t)t->count);
  pq_bson_i32(&t->out, "nInvalidDocuments", 0);
  pq_bson_i32(&t->out, "nNonCompliantDocuments", 0);
  pq_bson_i32(&t->out, "nIndexes", 1);
  pq_bson_begin_object(&t->out, "keysPerIndex");
  pq_mongo_put_count(&t->out, "_id_", (int64_t)t->count);
  pq_bson_end(&t->out);
  pq_bson_begin_array(&t->out, "errors");
  pq_builder_clear(t->mongo->builder);
  t->rc = pq_builder_begin_object(t->mongo->builder);
  pq_task_put_i64(t, "verify", 1);
  return pq_task_submit(t);
}

int pq_mongo_validate_done(pq_task *t, pq_value summary) {
  static const char *const empty[] = {"warnings", "extraIndexEntries", "missingIndexEntries",
                                      "corruptRecords"};
  if (t->stage == VALIDATE_COUNTS) return begin_verify(t, summary);
  pq_bson_end(&t->out); /* errors */
  for (size_t i = 0; i < sizeof empty / sizeof *empty; i++) {
    pq_bson_begin_array(&t->out, empty[i]);
    pq_bson_end(&t->out);
  }
  pq_bson_bool(&t->out, "repaired", false);
  pq_bson_bool(&t->out, "valid", number_of(summary, "problems") == 0);
  pq_bson_value(&t->out, "parquedb", summary);
  return pq_task_answer_end(t);
}

/* ---- compact, fsync ---- */

int pq_mongo_compact(pq_task *t) {
  PQ_TRY(pq_task_refuse(t, "dryRun"));
  PQ_TRY(pq_task_target(t));
  pq_task_command(t, "compact", t->collection);
  return pq_task_submit(t);
}

int pq_mongo_compact_done(pq_task *t, pq_value summary) {
  pq_task_answer(t);
  pq_bson_i32(&t->out, "bytesFreed", 0); /* older moments keep the files: vacuum frees them */
  pq_bson_value(&t->out, "parquedb", summary);
  return pq_task_answer_end(t);
}

/* What is acknowledged is synced already; fsync makes files of it, a database after the other. */
static int flush_next(pq_task *t) {
  const uint8_t *from = t->names.p + t->count, *end;
  size_t left = t->names.len - (size_t)t->count;
  end = left == 0 ? NULL : memchr(from, '\n', left);
  if (end == NULL) {
    pq_task_answer(t);
    pq_bson_i32(&t->out, "numFiles", (int32_t)t->stage);
    return pq_task_answer_end(t);
  }
  t->count += (uint64_t)(end + 1 - from);
  if ((size_t)(end - from) >= sizeof t->ns) return flush_next(t);
  memcpy(t->ns, from, (size_t)(end - from));
  t->ns[end - from] = '\0';
  pq_builder_clear(t->mongo->builder);
  t->rc = pq_builder_begin_object(t->mongo->builder);
  pq_task_put_i64(t, "flush", 1);
  return pq_task_submit(t);
}

int pq_mongo_fsync(pq_task *t) {
  PQ_TRY(pq_task_admin_only(t));
  PQ_TRY(pq_task_refuse(t, "lock"));
  if (pq_handle_namespaces(t->mongo->db, &t->names) != PQ_OK)
    return pq_fail(t->mongo->cx, PQ_EIO, "%s", pq_handle_cx(t->mongo->db)->msg);
  return flush_next(t);
}

int pq_mongo_fsync_done(pq_task *t, pq_value summary) {
  t->stage += (uint32_t)number_of(summary, "files");
  return flush_next(t);
}
