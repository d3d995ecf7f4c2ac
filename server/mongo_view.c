/* server/mongo_view.c - views over the wire: what `create` and `collMod` say of one as options of
 * ours (cmd/derived.h), and back; what is not done to a view.
 *
 *   {create: "v", viewOn: "_a/b", pipeline: […]} ─► {"create": "v", "options": {"viewOn":
 *                                                    "%5fa%2fb", "pipeline": […]}}
 */
#include "server/mongo_catalog.h"
#include "server/mongo_pipeline.h"

bool pq_mongo_is_view(pq_value options) {
  return !pq_value_is_missing(pq_object_get_str(options, "viewOn"));
}

static int refuse(pq_task *t, int code, const char *text) {
  PQ_TRY(pq_task_refuse_with(t, code, "%s", text));
  return PQ_EINVALID;
}

int pq_mongo_refuse_view(pq_task *t) {
  PQ_TRY(pq_task_refuse_with(t, PQ_MONGO_NOT_ON_VIEW, "Namespace %s is a view, not a collection",
                             t->full_name));
  return PQ_EVIEW;
}

int pq_mongo_check_view(pq_task *t) {
  pq_value record = pq_handle_record(t->mongo->db, t->ns, pq_str(t->collection), UINT64_MAX);
  return pq_mongo_is_view(pq_object_get_str(record, "options")) ? pq_mongo_refuse_view(t) : PQ_OK;
}

/* ---- create ---- */

int pq_mongo_check_new_view(pq_task *t) {
  static const char *const stored[] = {"capped",
                                       "size",
                                       "max",
                                       "validator",
                                       "validationLevel",
                                       "validationAction",
                                       "timeseries",
                                       "clusteredIndex",
                                       "expireAfterSeconds",
                                       "encryptedFields",
                                       "changeStreamPreAndPostImages"};
  pq_value on = pq_task_field(t, "viewOn"), pipeline = pq_task_field(t, "pipeline");
  pq_slice name;
  if (pq_value_is_missing(on)) {
    if (pq_value_is_missing(pipeline)) return PQ_OK;
    return refuse(t, PQ_MONGO_INVALID_OPTIONS, "'pipeline' requires 'viewOn' to also be specified");
  }
  if (t->use.is_in_txn)
    return refuse(t, PQ_MONGO_NOT_IN_TRANSACTION,
                  "Cannot create a view in a multi-document transaction.");
  if (!pq_value_string(on, &name))
    return refuse(t, PQ_MONGO_TYPE_MISMATCH, "BSON field 'create.viewOn' is the wrong type");
  if (name.n == 0) return refuse(t, PQ_MONGO_BAD_VALUE, "'viewOn' cannot be empty");
  if (!pq_value_is_missing(pipeline) && pq_value_type(pipeline) != PQ_TYPE_ARRAY)
    return refuse(t, PQ_MONGO_TYPE_MISMATCH, "BSON field 'create.pipeline' is the wrong type");
  for (size_t i = 0; i < sizeof stored / sizeof *stored; i++) {
    if (!pq_task_flag(t, stored[i])) continue;
    PQ_TRY(pq_task_refuse_with(t, PQ_MONGO_INVALID_OPTIONS,
                               "the option '%s' cannot be specified for a view", stored[i]));
    return PQ_EINVALID;
  }
  return PQ_OK;
}

int pq_mongo_view_options(pq_task *t, pq_value *out) {
  pq_builder *b = t->mongo->builder;
  pq_value pipeline = pq_task_field(t, "pipeline"), collation = pq_task_field(t, "collation");
  char ours[PQ_MONGO_NAME_CAP];
  pq_slice name = {0};
  (void)pq_value_string(pq_task_field(t, "viewOn"), &name);
  PQ_TRY(pq_mongo_collection(t->mongo->cx, name, ours));
  pq_builder_clear(b);
  PQ_TRY(pq_builder_begin_object(b));
  PQ_TRY(pq_builder_key_str(b, "viewOn"));
  PQ_TRY(pq_builder_str(b, ours));
  if (pq_value_is_missing(pipeline)) {
    PQ_TRY(pq_builder_key_str(b, "pipeline"));
    PQ_TRY(pq_builder_begin_array(b));
    PQ_TRY(pq_builder_end(b));
  } else {
    PQ_TRY(pq_pipeline_put(t, pipeline));
  }
  if (pq_value_count(collation) > 0) {
    PQ_TRY(pq_builder_key_str(b, "collation"));
    PQ_TRY(pq_builder_value(b, collation));
  }
  PQ_TRY(pq_builder_end(b));
  return pq_builder_finish(b, &t->arena, out);
}

/* ---- collMod ---- */

int pq_mongo_check_view_mod(pq_task *t, pq_value options) {
  static const char *const stored[] = {"index", "validator", "validationLevel", "validationAction",
                                       "changeStreamPreAndPostImages"};
  bool is_view = pq_mongo_is_view(options), has_on, has_pipeline;
  has_on = !pq_value_is_missing(pq_task_field(t, "viewOn"));
  has_pipeline = !pq_value_is_missing(pq_task_field(t, "pipeline"));
  if (!is_view && (has_on || has_pipeline))
    return refuse(t, PQ_MONGO_INVALID_OPTIONS,
                  "'viewOn' and 'pipeline' are options of a view, not of a collection");
  if (!is_view) return PQ_OK;
  if (has_on != has_pipeline)
    return refuse(t, PQ_MONGO_INVALID_OPTIONS,
                  "Must specify both 'viewOn' and 'pipeline' when modifying a view");
  for (size_t i = 0; i < sizeof stored / sizeof *stored; i++) {
    if (pq_value_is_missing(pq_task_field(t, stored[i]))) continue;
    PQ_TRY(pq_task_refuse_with(t, PQ_MONGO_INVALID_OPTIONS, "'%s' is not an option of a view",
                               stored[i]));
    return PQ_EINVALID;
  }
  return PQ_OK;
}

/* ---- listCollections ---- */

int pq_mongo_put_options(pq_task *t, pq_value options) {
  pq_builder *b = t->mongo->builder;
  pq_field *fields;
  uint32_t count;
  PQ_TRY(pq_task_fields(t, options, &fields, &count));
  PQ_TRY(pq_builder_begin_object(b));
  for (uint32_t i = 0; i < count; i++) {
    char name[PQ_MONGO_NAME_CAP];
    pq_slice ours;
    PQ_TRY(pq_builder_key(b, fields[i].name));
    if (pq_slice_is(fields[i].name, "viewOn") && pq_value_string(fields[i].value, &ours)) {
      pq_mongo_name_back(ours, name);
      PQ_TRY(pq_builder_str(b, name));
    } else {
      PQ_TRY(pq_builder_value(b, fields[i].value));
    }
  }
  return pq_builder_end(b);
}
