/* server/mongo_read.c - find, aggregate, count, distinct. See mongo_commands.h. */
#include <stdio.h>

#include "server/mongo_pipeline.h"
#include "server/mongo_stream.h"

/* ---- find ---- */

/* {$natural: 1} is the order without a sort; backwards there is none. */
static int put_sort(pq_task *t) {
  pq_value sort = pq_task_field(t, "sort"), natural = pq_object_get_str(sort, "$natural");
  double way;
  if (pq_value_is_missing(natural)) {
    if (pq_value_count(sort) > 0) pq_task_put(t, "sort", sort);
    return PQ_OK;
  }
  if (pq_value_number(natural, &way) && way > 0 && pq_value_count(sort) == 1) return PQ_OK;
  return pq_fail(t->mongo->cx, PQ_EUNSUPPORTED, "sort: only {$natural: 1} alone is supported");
}

/* A negative limit asks for one batch. */
static int put_window(pq_task *t) {
  int64_t skip = 0, limit = 0;
  PQ_TRY(pq_task_number(t, "skip", &skip));
  PQ_TRY(pq_task_number(t, "limit", &limit));
  if (skip < 0)
    return pq_task_refuse_with(
        t, 51024, "BSON field 'skip' value must be >= 0, actual value '%lld'", (long long)skip);
  if (limit < 0 && limit > INT64_MIN) {
    t->is_single = true;
    limit = -limit;
  }
  t->left = (uint64_t)limit;
  if (skip > 0) pq_task_put_i64(t, "skip", skip);
  if (limit > 0) pq_task_put_i64(t, "limit", limit);
  return PQ_OK;
}

static int refuse_all(pq_task *t, const char *const *names) {
  for (; *names != NULL; names++)
    PQ_TRY(pq_task_refuse(t, *names));
  return PQ_OK;
}

int pq_mongo_find(pq_task *t) {
  static const char *const others[] = {"returnKey", "showRecordId", "tailable", "awaitData",
                                       "min",       "max",          NULL};
  pq_value projection = pq_task_field(t, "projection");
  PQ_TRY(refuse_all(t, others));
  PQ_TRY(pq_task_target(t));
  PQ_TRY(pq_cursor_begin(t));
  t->is_single = pq_task_flag(t, "singleBatch");
  t->is_patient = pq_task_flag(t, "noCursorTimeout");
  pq_task_command(t, "find", t->collection);
  pq_task_put(t, "filter", pq_task_field(t, "filter"));
  PQ_TRY(put_sort(t));
  PQ_TRY(put_window(t));
  if (t->is_done) return PQ_OK;
  if (pq_value_count(projection) > 0) pq_task_put(t, "project", projection);
  PQ_TRY(pq_task_put_common(t));
  pq_task_put_str(t, "plain", "keyed");
  return pq_cursor_submit(t);
}

/* ---- aggregate ---- */

/* {aggregate: 1} is about no collection. */
static int aggregate_target(pq_task *t) {
  double number;
  if (!pq_value_number(pq_object_get(t->request->command, t->request->name), &number))
    return pq_task_target(t);
  snprintf(t->full_name, sizeof t->full_name, "%.*s.$cmd.aggregate", (int)t->request->db.n,
           (const char *)t->request->db.p);
  return PQ_OK;
}

static void command_without_collection(pq_task *t) {
  pq_builder *b = t->mongo->builder;
  pq_builder_clear(b);
  t->rc = pq_builder_begin_object(b);
  pq_task_put_i64(t, "aggregate", 1);
}

int pq_mongo_aggregate(pq_task *t) {
  pq_value disk = pq_task_field(t, "allowDiskUse");
  bool flag;
  if (t->explaining == PQ_EXPLAIN_NONE && pq_task_flag(t, "explain")) return pq_mongo_explain(t);
  PQ_TRY(aggregate_target(t));
  if (t->explaining == PQ_EXPLAIN_NONE &&
      pq_value_type(pq_task_field(t, "cursor")) != PQ_TYPE_OBJECT)
    return pq_task_refuse_with(t, PQ_MONGO_FAILED_TO_PARSE,
                               "The 'cursor' option is required, except for aggregate with the "
                               "explain argument");
  if (pq_stream_is_wanted(pq_task_field(t, "pipeline"))) {
    if (t->explaining != PQ_EXPLAIN_NONE)
      return pq_fail(t->mongo->cx, PQ_EUNSUPPORTED, "explain: $changeStream is not supported");
    t->job.deadline_us = 0; /* it is for the first batch alone, which waits for nothing */
    PQ_TRY(pq_stream_open(t, &t->stream));
    return t->is_done ? PQ_OK : pq_cursor_begin(t);
  }
  PQ_TRY(pq_stream_refuse_later(t));
  if (t->is_done) return PQ_OK;
  PQ_TRY(pq_cursor_begin(t));
  if (pq_virtual_is(t)) return pq_virtual_open(t);
  if (t->collection[0] == '\0')
    command_without_collection(t);
  else
    pq_task_command(t, "aggregate", t->collection);
  PQ_TRY(pq_pipeline_put(t, pq_task_field(t, "pipeline")));
  if (t->request->client->user[0] != '\0' &&
      pq_access_pipeline_writes(pq_task_field(t, "pipeline")))
    pq_task_put_str(t, "actor", t->request->client->user);
  if (pq_value_bool(disk, &flag)) pq_task_put_bool(t, "allowDiskUse", flag);
  PQ_TRY(pq_task_put_common(t));
  pq_task_put_str(t, "plain", "keyed");
  return pq_cursor_submit(t);
}

/* ---- count, distinct ---- */

int pq_mongo_count(pq_task *t) {
  PQ_TRY(pq_task_target(t));
  pq_task_command(t, "count", t->collection);
  pq_task_put(t, "filter", pq_task_field(t, "query"));
  PQ_TRY(put_window(t));
  if (t->is_done) return PQ_OK;
  PQ_TRY(pq_task_put_common(t));
  pq_task_put_str(t, "plain", "keyed");
  return pq_task_submit(t);
}

void pq_mongo_put_count(pq_bson_out *o, const char *name, int64_t n) {
  if (n >= INT32_MIN && n <= INT32_MAX)
    pq_bson_i32(o, name, (int32_t)n);
  else
    pq_bson_i64(o, name, n);
}

int pq_mongo_count_done(pq_task *t, pq_value summary) {
  int64_t n = 0;
  (void)pq_value_i64(pq_object_get_str(summary, "count"), &n);
  pq_task_answer(t);
  pq_mongo_put_count(&t->out, "n", n);
  return pq_task_answer_end(t);
}

int pq_mongo_distinct(pq_task *t) {
  PQ_TRY(pq_task_target(t));
  pq_task_command(t, "distinct", t->collection);
  pq_task_put(t, "key", pq_task_field(t, "key"));
  if (pq_value_type(pq_task_field(t, "query")) == PQ_TYPE_OBJECT)
    pq_task_put(t, "filter", pq_task_field(t, "query"));
  PQ_TRY(pq_task_put_common(t));
  pq_task_put_str(t, "plain", "keyed");
  return pq_task_submit(t);
}

int pq_mongo_distinct_done(pq_task *t, pq_value summary) {
  pq_task_answer(t);
  pq_bson_value(&t->out, "values", pq_object_get_str(summary, "values"));
  if (t->use.is_snapshot) pq_mongo_time_write(&t->out, "atClusterTime", t->use.at);
  return pq_task_answer_end(t);
}
