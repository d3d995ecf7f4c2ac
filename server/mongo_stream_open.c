/* server/mongo_stream_open.c - what a change stream is asked for: the options of $changeStream and
 * the stages behind it. See mongo_stream.h. */
#include <stdio.h>
#include <string.h>

#include "server/mongo_catalog.h"
#include "server/mongo_stream_int.h"
#include "server/mongo_time.h"

#define TEXT_ARGS(s) (int)((s).n > 60 ? 60 : (s).n), (const char *)(s).p

/* A failure whose answer is there already. */
enum { ANSWERED = 1 };

static int refuse(pq_task *t, int code, const char *text) {
  PQ_TRY(pq_task_refuse_with(t, code, "%s", text));
  return ANSWERED;
}

static pq_value first_stage(pq_value pipeline) {
  return pq_object_get_str(pq_array_at(pipeline, 0), "$changeStream");
}

bool pq_stream_is_wanted(pq_value pipeline) {
  return !pq_value_is_missing(first_stage(pipeline));
}

int pq_stream_refuse_later(pq_task *t) {
  pq_value pipeline = pq_task_field(t, "pipeline");
  for (uint32_t i = 1; i < pq_value_count(pipeline); i++)
    if (!pq_value_is_missing(pq_object_get_str(pq_array_at(pipeline, i), "$changeStream")))
      return pq_task_refuse_with(t, 40602,
                                 "$changeStream is only valid as the first stage in a pipeline");
  return PQ_OK;
}

/* ---- options ---- */

static int check_names(pq_task *t, pq_value spec) {
  static const char *const known[] = {
      "fullDocument",         "fullDocumentBeforeChange", "resumeAfter",        "startAfter",
      "startAtOperationTime", "allChangesForCluster",     "showExpandedEvents", NULL};
  pq_field f;
  if (pq_value_type(spec) != PQ_TYPE_OBJECT)
    return refuse(t, 50808, "the $changeStream stage specification must be an object");
  for (uint32_t i = 0; pq_object_at(spec, i, &f); i++) {
    const char *const *name = known;
    while (*name != NULL && !pq_slice_is(f.name, *name))
      name++;
    if (*name != NULL) continue;
    PQ_TRY(pq_task_refuse_with(t, PQ_MONGO_UNKNOWN_FIELD,
                               "BSON field '$changeStream.%.*s' is an unknown field.",
                               TEXT_ARGS(f.name)));
    return ANSWERED;
  }
  return PQ_OK;
}

/* The place of a text among those that an option may have; `names` begins with the default. */
static int read_choice(pq_task *t, pq_value spec, const char *name, const char *const *names,
                       int *out) {
  pq_value v = pq_object_get_str(spec, name);
  pq_slice text = {0};
  *out = 0;
  if (pq_value_is_missing(v)) return PQ_OK;
  (void)pq_value_string(v, &text);
  while (names[*out] != NULL && !pq_slice_is(text, names[*out]))
    ++*out;
  if (names[*out] != NULL) return PQ_OK;
  PQ_TRY(pq_task_refuse_with(
      t, PQ_MONGO_BAD_VALUE,
      "Enumeration value '%.*s' for field '$changeStream.%s' is not a valid value.",
      TEXT_ARGS(text), name));
  return ANSWERED;
}

static int read_style(pq_task *t, pq_mongo_stream *s, pq_value spec) {
  static const char *const documents[] = {"default", "updateLookup", "whenAvailable", "required",
                                          NULL};
  static const char *const befores[] = {"off", "whenAvailable", "required", NULL};
  int document, before;
  PQ_TRY(read_choice(t, spec, "fullDocument", documents, &document));
  PQ_TRY(read_choice(t, spec, "fullDocumentBeforeChange", befores, &before));
  s->style = (pq_mongo_change_style){.shows_document = document > 0, .shows_before = before > 0};
  s->may_lack = document >= 2;
  s->needs_document = document == 3;
  s->needs_before = before == 2;
  (void)pq_value_bool(pq_object_get_str(spec, "showExpandedEvents"), &s->style.shows_expanded);
  return PQ_OK;
}

/* "admin", all changes; else a database or a collection of it. */
static int read_scope(pq_task *t, pq_mongo_stream *s, pq_value spec) {
  bool is_admin = strcmp(t->ns, "admin") == 0;
  (void)pq_value_bool(pq_object_get_str(spec, "allChangesForCluster"), &s->is_cluster);
  if (s->is_cluster && (!is_admin || t->collection[0] != '\0'))
    return refuse(t, PQ_MONGO_INVALID_OPTIONS,
                  "A $changeStream with 'allChangesForCluster:true' may only be opened on the "
                  "'admin' database, and with no collection name");
  if (!s->is_cluster && (is_admin || strcmp(t->ns, "config") == 0 || strcmp(t->ns, "local") == 0))
    return refuse(t, PQ_MONGO_INVALID_NAMESPACE,
                  "$changeStream may not be opened on the internal databases admin, config and "
                  "local, but for all changes of the cluster");
  memcpy(s->ns, t->ns, sizeof s->ns);
  if (!s->is_cluster) memcpy(s->collection, t->collection, sizeof s->collection);
  return PQ_OK;
}

/* ---- where it begins ---- */

static int read_token(pq_task *t, pq_mongo_stream *s, pq_value token, bool is_after) {
  if (!pq_token_read(token, &s->place))
    return refuse(t, PQ_MONGO_INVALID_RESUME_TOKEN,
                  "the resume token is not one of this server: {_data: text} of an event or a "
                  "postBatchResumeToken");
  if (s->place.kind == PQ_TOKEN_INVALIDATE && !is_after)
    return refuse(t, PQ_MONGO_INVALID_RESUME_TOKEN,
                  "Attempting to resume a change stream using 'resumeAfter' is not allowed from an "
                  "invalidate notification.");
  s->is_resumed = true;
  s->begin_ts = s->place.ts;
  return PQ_OK;
}

static void place_at(pq_mongo_stream *s, int64_t ts) {
  s->place = (pq_mongo_token){.ts = ts, .kind = PQ_TOKEN_PLACE};
  if (s->is_cluster)
    s->place.ns[0] = '~';
  else
    memcpy(s->place.ns, s->ns, sizeof s->place.ns);
  s->begin_ts = ts;
}

static int read_begin(pq_task *t, pq_mongo_stream *s, pq_value spec) {
  static const char *const names[] = {"resumeAfter", "startAfter", "startAtOperationTime"};
  pq_value v = {0};
  pq_mongo_time time;
  int which = -1;
  for (int i = 0; i < 3; i++) {
    pq_value given = pq_object_get_str(spec, names[i]);
    if (pq_value_is_missing(given)) continue;
    if (which >= 0)
      return refuse(t, 40674,
                    "Only one type of resume option is allowed, but multiple were found.");
    which = i;
    v = given;
  }
  place_at(s, pq_handle_now_us(t->mongo->db) - 1);
  if (which < 0) return PQ_OK;
  if (which < 2) return read_token(t, s, v, which == 1);
  if (!pq_mongo_time_read(v, &time))
    return refuse(t, PQ_MONGO_TYPE_MISMATCH,
                  "BSON field '$changeStream.startAtOperationTime' must be a timestamp");
  s->is_resumed = true;
  place_at(s, pq_mongo_time_us(time) - 1);
  return PQ_OK;
}

/* ---- the stages behind it ---- */

static bool is_in(pq_slice name, const char *const *names) {
  while (*names != NULL && !pq_slice_is(name, *names))
    names++;
  return *names != NULL;
}

static int check_stage(pq_task *t, pq_value stage) {
  static const char *const allowed[] = {"$match",       "$project", "$addFields",
                                        "$set",         "$unset",   "$replaceRoot",
                                        "$replaceWith", "$redact",  NULL};
  pq_field f;
  if (!pq_object_at(stage, 0, &f) || pq_value_count(stage) != 1)
    return refuse(t, 40323,
                  "A pipeline stage specification object must contain exactly one field.");
  if (is_in(f.name, allowed)) return PQ_OK;
  if (pq_slice_is(f.name, "$changeStream"))
    return refuse(t, 40602, "$changeStream is only valid as the first stage in a pipeline");
  if (pq_slice_is(f.name, "$changeStreamSplitLargeEvent"))
    return refuse(t, PQ_MONGO_NOT_IMPLEMENTED, "$changeStreamSplitLargeEvent is not supported");
  if (is_in(f.name, pq_pipeline_stages))
    PQ_TRY(pq_task_refuse_with(t, PQ_MONGO_ILLEGAL_OPERATION,
                               "%.*s is not permitted in a $changeStream pipeline",
                               TEXT_ARGS(f.name)));
  else
    PQ_TRY(pq_task_refuse_with(t, 40324, "Unrecognized pipeline stage name: '%.*s'",
                               TEXT_ARGS(f.name)));
  return ANSWERED;
}

static int read_pipeline(pq_task *t, pq_mongo_stream *s, pq_value pipeline) {
  pq_builder *b = t->mongo->builder;
  uint32_t count = pq_value_count(pipeline);
  uint8_t random[8];
  pq_value rest;
  for (uint32_t i = 1; i < count; i++)
    PQ_TRY(check_stage(t, pq_array_at(pipeline, i)));
  if (pq_value_count(pq_task_field(t, "let")) > 0)
    return refuse(t, PQ_MONGO_NOT_IMPLEMENTED, "'let' is not supported with $changeStream");
  PQ_TRY(pq_collation_parse(t->mongo->cx, pq_task_field(t, "collation"), &s->env.collation));
  pq_handle_random(t->mongo->db, random, sizeof random);
  s->flow = (pq_flow){.cx = t->mongo->cx,
                      .eval = {.cx = t->mongo->cx,
                               .builder = b,
                               .random = pq_rd64(random),
                               .collation = s->env.collation}};
  if (count <= 1) return PQ_OK;
  pq_builder_clear(b);
  PQ_TRY(pq_builder_begin_array(b));
  for (uint32_t i = 1; i < count; i++)
    PQ_TRY(pq_builder_value(b, pq_array_at(pipeline, i)));
  PQ_TRY(pq_builder_end(b));
  PQ_TRY(pq_builder_finish(b, &s->kept, &rest));
  return pq_pipeline_parse(&s->kept, &s->env, rest, &s->pipeline);
}

/* ---- all of it ---- */

static int read_all(pq_task *t, pq_mongo_stream *s) {
  pq_value pipeline = pq_task_field(t, "pipeline"), spec = first_stage(pipeline);
  int rc = PQ_OK;
  if (t->mongo->server->options->topology == PQ_TOPOLOGY_STANDALONE)
    rc = refuse(t, 40573, "The $changeStream stage is only supported on replica sets");
  else if (!pq_value_is_missing(pq_task_field(t, "autocommit")))
    rc = refuse(t, PQ_MONGO_NOT_IN_TRANSACTION,
                "Operation not permitted in transaction :: $changeStream cannot be used in a "
                "multi-document transaction");
  if (rc == PQ_OK) rc = check_names(t, spec);
  if (rc == PQ_OK) rc = read_style(t, s, spec);
  if (rc == PQ_OK) rc = read_scope(t, s, spec);
  if (rc == PQ_OK && s->collection[0] != '\0' && pq_mongo_check_view(t) != PQ_OK)
    rc = t->is_done ? ANSWERED : PQ_ENOMEM;
  if (rc == PQ_OK) rc = read_begin(t, s, spec);
  if (rc == PQ_OK) rc = read_pipeline(t, s, pipeline);
  return rc;
}

int pq_stream_open(pq_task *t, pq_mongo_stream **out) {
  pq_mongo_stream *s;
  int rc;
  *out = NULL;
  PQ_TRY(pq_stream_new(t->mongo, &s));
  rc = read_all(t, s);
  if (rc == PQ_OK)
    *out = s;
  else
    pq_stream_free(s);
  return rc == ANSWERED ? PQ_OK : rc;
}
