/* server/mongo_virtual.c - stages whose documents the server makes: $currentOp, $collStats … at the
 * beginning of a pipeline.
 *
 *   [{$collStats: {count: {}}}, {$match: …}]
 *      │ documents are gathered, as BSON in t->names
 *      ▼
 *   [{$documents: {$literal: [ … ]}}, {$match: …}]        the engine's, as every other pipeline
 */
#include <stdio.h>
#include <string.h>

#include "server/mongo_stats.h"

static int stats_done(pq_task *t, pq_value summary);

/* What an aggregate is while its documents are gathered. */
static const pq_mongo_command gathering = {"aggregate", "", NULL, NULL, pq_stats_item, stats_done};

static pq_value first_stage(const pq_task *t) {
  return pq_array_at(pq_task_field(t, "pipeline"), 0);
}

static pq_value stage_of(const pq_task *t, const char *name) {
  return pq_object_get_str(first_stage(t), name);
}

static bool is_stage(const pq_task *t, const char *name) {
  return !pq_value_is_missing(stage_of(t, name));
}

bool pq_virtual_is(const pq_task *t) {
  static const char *const names[] = {
      "$currentOp",         "$listLocalSessions", "$listSessions", "$collStats",   "$indexStats",
      "$listSearchIndexes", "$searchMeta",        "$search",       "$vectorSearch"};
  for (size_t i = 0; i < sizeof names / sizeof *names; i++)
    if (is_stage(t, names[i])) return true;
  return pq_graph_is_stage(first_stage(t));
}

/* ---- the pipeline, once its documents are there ---- */

static int put_documents(pq_builder *b, pq_slice bson) {
  PQ_TRY(pq_builder_begin_object(b));
  PQ_TRY(pq_builder_key_str(b, "$documents"));
  PQ_TRY(pq_bson_put(b, bson));
  return pq_builder_end(b);
}

/* t->names: {"$literal": [ … ]} as BSON. */
int pq_virtual_submit(pq_task *t, pq_value pipeline, uint32_t from, pq_value match) {
  pq_builder *b = t->mongo->builder;
  pq_builder_clear(b);
  t->rc = pq_builder_begin_object(b);
  pq_task_put_i64(t, "aggregate", 1);
  PQ_TRY(t->rc);
  PQ_TRY(pq_builder_key_str(b, "pipeline"));
  PQ_TRY(pq_builder_begin_array(b));
  PQ_TRY(put_documents(b, pq_buf_slice(&t->names)));
  for (uint32_t i = from; i < pq_value_count(pipeline); i++)
    PQ_TRY(pq_builder_value(b, pq_array_at(pipeline, i)));
  if (!pq_value_is_missing(match)) PQ_TRY(pq_builder_value(b, match));
  PQ_TRY(pq_builder_end(b));
  PQ_TRY(pq_task_put_common(t));
  pq_task_put_str(t, "plain", "keyed");
  return pq_task_submit(t);
}

void pq_virtual_begin(pq_task *t, pq_bson_out *o) {
  pq_buf_clear(&t->names);
  pq_bson_begin(o, &t->names);
  pq_bson_begin_array(o, "$literal");
}

int pq_virtual_end(pq_bson_out *o) {
  pq_bson_end(o);
  return pq_bson_finish(o);
}

static int run(pq_task *t) {
  t->command = pq_mongo_command_find(PQ_SLICE("aggregate"));
  return pq_virtual_submit(t, pq_task_field(t, "pipeline"), 1, (pq_value){0});
}

/* ---- the stages ---- */

static int current_op(pq_task *t) {
  pq_bson_out o;
  if (t->collection[0] != '\0' || !pq_slice_is(t->request->db, "admin"))
    return pq_task_refuse_with(
        t, PQ_MONGO_INVALID_NAMESPACE,
        "$currentOp must be run against the 'admin' database with {aggregate: 1}");
  pq_virtual_begin(t, &o);
  pq_ops_put_all(&o, t->mongo);
  PQ_TRY(pq_virtual_end(&o));
  return run(t);
}

static int no_documents(pq_task *t) {
  pq_bson_out o;
  pq_virtual_begin(t, &o);
  PQ_TRY(pq_virtual_end(&o));
  return run(t);
}

/* The session of the command itself: what the others of its user have is theirs. */
static int local_sessions(pq_task *t) {
  pq_value lsid = pq_task_field(t, "lsid");
  pq_bson_out o;
  pq_virtual_begin(t, &o);
  if (pq_value_type(lsid) == PQ_TYPE_OBJECT) {
    pq_bson_begin_object(&o, NULL);
    pq_bson_value(&o, "_id", lsid);
    pq_bson_date(&o, "lastUse", t->started_us / 1000);
    pq_bson_end(&o);
  }
  PQ_TRY(pq_virtual_end(&o));
  return run(t);
}

/* What nobody counts is refused. */
static int check_coll_stats(pq_task *t) {
  pq_value stage = stage_of(t, "$collStats");
  pq_field field;
  for (uint32_t i = 0; pq_object_at(stage, i, &field); i++) {
    if (pq_slice_is(field.name, "storageStats") || pq_slice_is(field.name, "count")) continue;
    if (pq_slice_is(field.name, "latencyStats") || pq_slice_is(field.name, "queryExecStats"))
      return pq_fail(t->mongo->cx, PQ_EUNSUPPORTED, "$collStats: '%.*s' is not counted",
                     (int)field.name.n, (const char *)field.name.p);
    PQ_TRY(pq_task_refuse_with(
        t, PQ_MONGO_UNKNOWN_FIELD, "BSON field '$collStats.%.*s' is an unknown field.",
        (int)(field.name.n > 60 ? 60 : field.name.n), (const char *)field.name.p));
    return PQ_EINVALID;
  }
  return PQ_OK;
}

static int check_index_stats(pq_task *t) {
  if (pq_value_type(stage_of(t, "$indexStats")) == PQ_TYPE_OBJECT &&
      pq_value_count(stage_of(t, "$indexStats")) == 0)
    return PQ_OK;
  PQ_TRY(
      pq_task_refuse_with(t, 28803, "The $indexStats stage specification must be an empty object"));
  return PQ_EINVALID;
}

static int of_collection(pq_task *t, const char *name) {
  if (t->collection[0] == '\0')
    return pq_task_refuse_with(t, PQ_MONGO_INVALID_NAMESPACE,
                               "{aggregate: 1} is not valid for '%s'; a collection is required.",
                               name);
  if (is_stage(t, "$collStats")) PQ_TRY(check_coll_stats(t));
  if (is_stage(t, "$indexStats")) PQ_TRY(check_index_stats(t));
  t->command = &gathering;
  return pq_stats_open(t, t->collection);
}

static int put_coll_stats(pq_task *t, pq_bson_out *o, const pq_figures *f) {
  pq_value stage = stage_of(t, "$collStats"), storage = pq_object_get_str(stage, "storageStats");
  int64_t scale = 1;
  if (!pq_value_i64(pq_object_get_str(storage, "scale"), &scale) || scale < 1) scale = 1;
  pq_bson_begin_object(o, NULL);
  pq_bson_str(o, "ns", t->full_name);
  pq_bson_date(o, "localTime", pq_handle_now_us(t->mongo->db) / 1000);
  if (!pq_value_is_missing(pq_object_get_str(stage, "count")))
    pq_mongo_put_count(o, "count", f->rows);
  if (!pq_value_is_missing(storage)) {
    pq_bson_begin_object(o, "storageStats");
    PQ_TRY(pq_stats_put(t, o, scale));
    pq_bson_end(o);
  }
  pq_bson_end(o);
  return PQ_OK;
}

/* {name, key, host, accesses, spec} */
static int put_one_index(pq_task *t, pq_bson_out *o, const pq_value *spec) {
  pq_bson_begin_object(o, NULL);
  if (spec == NULL) {
    pq_bson_str(o, "name", "_id_");
    pq_bson_begin_object(o, "key");
    pq_bson_i32(o, "_id", 1);
    pq_bson_end(o);
  } else {
    pq_bson_value(o, "name", pq_object_get_str(*spec, "name"));
    pq_bson_value(o, "key", pq_object_get_str(*spec, "key"));
  }
  pq_bson_str(o, "host", t->request->client->host);
  pq_bson_begin_object(o, "accesses"); /* they are not counted */
  pq_bson_i64(o, "ops", 0);
  pq_bson_date(o, "since", t->mongo->started_us / 1000);
  pq_bson_end(o);
  pq_bson_begin_object(o, "spec");
  if (spec == NULL)
    pq_catalog_put_id_index(o);
  else
    PQ_TRY(pq_catalog_put_index(t, o, *spec));
  pq_bson_end(o);
  pq_bson_end(o);
  return PQ_OK;
}

static int put_index_stats(pq_task *t, pq_bson_out *o) {
  const pq_stats *s = t->state;
  PQ_TRY(put_one_index(t, o, NULL));
  for (uint32_t i = 0; i < s->all[0].index_count; i++)
    PQ_TRY(put_one_index(t, o, &s->indexes[i]));
  return PQ_OK;
}

static int stats_done(pq_task *t, pq_value summary) {
  const pq_stats *s = t->state;
  pq_bson_out o;
  bool is_done;
  int rc = PQ_OK;
  (void)summary;
  PQ_TRY(pq_stats_more(t, &is_done));
  if (!is_done) return PQ_OK;
  if (s->count == 0 && is_stage(t, "$collStats"))
    return pq_task_refuse_with(t, PQ_MONGO_NAMESPACE_NOT_FOUND, "Collection [%s] not found.",
                               t->full_name);
  pq_virtual_begin(t, &o);
  if (s->count > 0 && is_stage(t, "$collStats"))
    rc = put_coll_stats(t, &o, &s->all[0]);
  else if (s->count > 0)
    rc = put_index_stats(t, &o);
  if (rc != PQ_OK) pq_bson_abandon(&o);
  PQ_TRY(rc);
  PQ_TRY(pq_virtual_end(&o));
  return run(t);
}

int pq_virtual_open(pq_task *t) {
  if (is_stage(t, "$currentOp")) return current_op(t);
  if (is_stage(t, "$collStats")) return of_collection(t, "$collStats");
  if (is_stage(t, "$indexStats")) return of_collection(t, "$indexStats");
  if (is_stage(t, "$listLocalSessions")) return local_sessions(t);
  if (is_stage(t, "$listSessions")) return no_documents(t);
  if (pq_graph_is_stage(first_stage(t))) return pq_graph_stage(t, first_stage(t));
  return pq_mongo_search_index(t);
}
