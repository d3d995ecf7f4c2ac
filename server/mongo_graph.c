/* server/mongo_graph.c - what MongoDB has no word for: the graph and the history, as commands and
 * as first stages of a pipeline; and reads as of a moment.
 *
 *   {related: {$ref: "users", $id: ObjectId(…)}, predicate: "knows", cursor: {batchSize: 10}}
 *       ▼ the same command of ours, in the namespace of the database     (doc/commands.md)
 *   {related: "users/~o…", predicate: "knows", plain: true}              items ─► a cursor
 *
 *   db.aggregate([{$related: {target: …, predicate: "knows"}}, {$match: …}])
 *
 * The engine checks the options, so each of its own is one here. A DBRef may stand wherever an id
 * may: in a target and in an edge.
 */
#include <stdio.h>
#include <string.h>

#include "server/mongo_commands.h"
#include "shred/key_id.h"

typedef struct graph_verb {
  const char *name, *stage; /* of the stage; NULL: there is none */
  bool has_items, takes_plain, is_write;
} graph_verb;

static const graph_verb verbs[] = {
    {"related", "$related", true, true, false},   {"traverse", "$traverse", true, true, false},
    {"subgraph", "$subgraph", true, true, false}, {"path", "$path", true, true, false},
    {"match", "$cypher", true, false, false},     {"history", "$history", true, false, false},
    {"link", NULL, false, false, true},           {"unlink", NULL, false, false, true},
    {"connected", NULL, false, false, false},     {"neighbourhood", NULL, false, false, false}};
enum { VERB_COUNT = sizeof verbs / sizeof *verbs, GATHERED_LEN_MAX = 64 << 20 };

static const graph_verb *find_verb(pq_slice name) {
  for (size_t i = 0; i < VERB_COUNT; i++)
    if (pq_slice_is(name, verbs[i].name)) return &verbs[i];
  return NULL;
}

/* ---- ids ---- */

/* {$ref: collection, $id: value} is the id of an entity. */
static int put_reference(pq_task *t, pq_value v, pq_slice collection) {
  char ours[PQ_MONGO_NAME_CAP];
  pq_slice id;
  PQ_TRY(pq_mongo_collection(t->mongo->cx, collection, ours));
  PQ_TRY(pq_id_of_key(&t->arena, pq_str(ours), pq_object_get_str(v, "$id"), &id));
  if (id.n == 0)
    return pq_fail(t->mongo->cx, PQ_EUNSUPPORTED,
                   "a DBRef's $id is text, a number or an ObjectId here");
  return pq_builder_string(t->mongo->builder, id);
}

/* A target: an id, an edge {from, predicate, to, …}, or an array of those. */
static int put_target(pq_task *t, pq_value v, int depth) {
  pq_builder *b = t->mongo->builder;
  pq_field *fields;
  pq_slice collection;
  uint32_t count;
  bool is_array = pq_value_type(v) == PQ_TYPE_ARRAY;
  if (pq_value_string(pq_object_get_str(v, "$ref"), &collection))
    return put_reference(t, v, collection);
  if (depth > 2 || (!is_array && pq_value_type(v) != PQ_TYPE_OBJECT)) return pq_builder_value(b, v);
  PQ_TRY(is_array ? pq_builder_begin_array(b) : pq_builder_begin_object(b));
  for (uint32_t i = 0; is_array && i < pq_value_count(v); i++)
    PQ_TRY(put_target(t, pq_array_at(v, i), depth + 1));
  if (is_array) return pq_builder_end(b);
  fields = pq_object_fields(&t->arena, v, &count);
  if (fields == NULL && pq_value_count(v) > 0) return t->mongo->cx->code;
  for (uint32_t i = 0; i < count; i++) {
    bool is_end = pq_slice_is(fields[i].name, "from") || pq_slice_is(fields[i].name, "to");
    PQ_TRY(pq_builder_key(b, fields[i].name));
    PQ_TRY(is_end ? put_target(t, fields[i].value, depth + 1)
                  : pq_builder_value(b, fields[i].value));
  }
  return pq_builder_end(b);
}

/* ---- our command ---- */

int pq_task_put_moment(pq_task *t, pq_value v) {
  pq_builder *b = t->mongo->builder;
  int64_t ms;
  if (pq_value_is_missing(v)) return PQ_OK;
  PQ_TRY(t->rc);
  PQ_TRY(pq_builder_key_str(b, "asOf"));
  return pq_value_date_ms(v, &ms) ? pq_builder_i64(b, ms) : pq_builder_value(b, v);
}

/* The fields of `options` but for those of the wire. */
static int put_options(pq_task *t, const graph_verb *verb, pq_value options, uint32_t from) {
  pq_builder *b = t->mongo->builder;
  bool says_plain = false, has_user = verb->is_write && t->request->client->user[0] != '\0';
  uint32_t count;
  pq_field *fields = pq_object_fields(&t->arena, options, &count);
  if (fields == NULL && pq_value_count(options) > 0) return t->mongo->cx->code;
  for (uint32_t i = from; i < count; i++) {
    pq_slice name = fields[i].name;
    if (pq_task_is_common(name) || pq_slice_is(name, "target") || pq_slice_is(name, verb->name) ||
        pq_slice_is(name, "batchSize") || (has_user && pq_slice_is(name, "actor")) ||
        (pq_slice_is(name, "cursor") && pq_value_type(fields[i].value) == PQ_TYPE_OBJECT))
      continue;
    if (pq_slice_is(name, "txn"))
      return pq_fail(t->mongo->cx, PQ_EINVALID, "%s: a transaction is that of a session: lsid",
                     verb->name);
    if (pq_slice_is(name, "asOf")) {
      PQ_TRY(pq_task_put_moment(t, fields[i].value));
      continue;
    }
    says_plain = says_plain || pq_slice_is(name, "plain");
    PQ_TRY(pq_builder_key(b, name));
    PQ_TRY(pq_builder_value(b, fields[i].value));
  }
  if (has_user) pq_task_put_str(t, "actor", t->request->client->user);
  if (verb->takes_plain && !says_plain) pq_task_put_str(t, "plain", "keyed");
  return t->rc;
}

static int build(pq_task *t, const graph_verb *verb, pq_value target, pq_value options,
                 uint32_t from) {
  pq_builder_clear(t->mongo->builder);
  t->rc = pq_builder_begin_object(t->mongo->builder);
  PQ_TRY(t->rc);
  PQ_TRY(pq_builder_key_str(t->mongo->builder, verb->name));
  PQ_TRY(put_target(t, target, 0));
  return put_options(t, verb, options, from);
}

int pq_mongo_graph(pq_task *t) {
  const graph_verb *verb = find_verb(t->request->name);
  pq_value target = pq_object_get(t->request->command, t->request->name);
  pq_assert(verb != NULL);
  snprintf(t->full_name, sizeof t->full_name, "%.*s.$cmd.%s", (int)t->request->db.n,
           (const char *)t->request->db.p, verb->name);
  if (verb->has_items) PQ_TRY(pq_cursor_begin(t));
  PQ_TRY(build(t, verb, target, t->request->command, 0));
  return verb->has_items ? pq_cursor_submit(t) : pq_task_submit(t);
}

/* Of those without items: the summary is the answer. */
int pq_mongo_graph_done(pq_task *t, pq_value summary) {
  uint32_t count;
  pq_field *fields = pq_object_fields(&t->arena, summary, &count);
  if (fields == NULL) return pq_fail_nomem(t->mongo->cx);
  pq_task_answer(t);
  for (uint32_t i = 0; i < count; i++) {
    char *name = pq_arena_str(&t->arena, fields[i].name);
    if (name == NULL) return t->mongo->cx->code;
    if (strcmp(name, "ok") != 0) pq_bson_value(&t->out, name, fields[i].value);
  }
  return pq_task_answer_end(t);
}

/* Commands that only read: asOf needs no more than their rights (access_needs.c). */
static bool is_read(pq_slice name) {
  static const char *const others[] = {"find", "aggregate", "count", "distinct"};
  const graph_verb *v = find_verb(name);
  for (size_t i = 0; i < sizeof others / sizeof *others; i++)
    if (pq_slice_is(name, others[i])) return true;
  return v != NULL && !v->is_write;
}

/* {asOf: moment, find: …} becomes {find: …, asOf: moment}. */
int pq_mongo_as_of(pq_task *t) {
  pq_request *r = t->request;
  pq_builder *b = t->mongo->builder;
  uint32_t count;
  pq_field *fields = pq_object_fields(&r->arena, r->command, &count);
  if (fields == NULL) return pq_fail_nomem(t->mongo->cx);
  if (count < 2 || !is_read(fields[1].name))
    return pq_fail(t->mongo->cx, PQ_EINVALID,
                   "asOf: a moment, then a command that reads: {asOf: ISODate(…), find: …}");
  pq_builder_clear(b);
  PQ_TRY(pq_builder_begin_object(b));
  for (uint32_t i = 1; i <= count; i++) {
    PQ_TRY(pq_builder_key(b, fields[i % count].name));
    PQ_TRY(pq_builder_value(b, fields[i % count].value));
  }
  PQ_TRY(pq_builder_end(b));
  PQ_TRY(pq_builder_finish(b, &r->arena, &r->command));
  r->name = fields[1].name;
  t->command = pq_mongo_command_find(r->name);
  PQ_TRY(pq_task_check_fields(t, t->command));
  return t->is_done ? PQ_OK : t->command->open(t);
}

/* ---- stages ---- */

static const graph_verb *verb_of_stage(pq_value stage) {
  for (size_t i = 0; i < VERB_COUNT; i++)
    if (verbs[i].stage != NULL && !pq_value_is_missing(pq_object_get_str(stage, verbs[i].stage)))
      return &verbs[i];
  return NULL;
}

static int gathered_item(pq_task *t, pq_value item) {
  pq_bson_value(&t->out, NULL, item);
  return t->out.rc;
}

/* The items are there: they are what the rest of the pipeline begins with. */
static int gathered(pq_task *t, pq_value summary) {
  (void)summary;
  t->is_writing = false;
  PQ_TRY(pq_virtual_end(&t->out));
  t->command = pq_mongo_command_find(PQ_SLICE("aggregate"));
  PQ_TRY(pq_cursor_begin(t));
  return pq_virtual_submit(t, pq_task_field(t, "pipeline"), 1, (pq_value){0});
}

static const pq_mongo_command gathering = {"aggregate", "", NULL, NULL, gathered_item, gathered};

bool pq_graph_is_stage(pq_value stage) {
  return verb_of_stage(stage) != NULL;
}

int pq_graph_stage(pq_task *t, pq_value stage) {
  const graph_verb *verb = verb_of_stage(stage);
  pq_value options = pq_object_get_str(stage, verb->stage);
  pq_value target = pq_object_get_str(options, "target");
  if (pq_value_is_missing(target))
    return pq_fail(t->mongo->cx, PQ_EINVALID,
                   "the stage '%s' needs a 'target', what the command %s has as its value",
                   verb->stage, verb->name);
  if (t->explaining != PQ_EXPLAIN_NONE)
    return pq_fail(t->mongo->cx, PQ_EUNSUPPORTED, "explain: '%s' is not supported", verb->stage);
  if (t->is_writing) pq_bson_abandon(&t->out);
  pq_buf_release(&t->names);
  pq_buf_init(&t->names, t->mongo->cx, GATHERED_LEN_MAX);
  pq_virtual_begin(t, &t->out);
  t->is_writing = true;
  t->command = &gathering;
  PQ_TRY(build(t, verb, target, options, 0));
  return pq_task_submit(t);
}
