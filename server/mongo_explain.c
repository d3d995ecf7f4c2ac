/* server/mongo_explain.c - explain: our explanation in MongoDB's shape.
 *
 *   {explain: {find: "posts", …}, verbosity}
 *      │ the inner command is opened as if it had come alone; what it submits says `explain` beside
 *      ▼                                   "queryPlanner": our "plan", not run; else true: run
 *   {queryPlanner: {winningPlan: {stage: …}}, executionStats: {…}, parquedb: our explanation}
 *
 * Writes are never done: update, delete and findAndModify are explained as the find that chooses
 * their documents. MongoDB's names of stages say what ours comes nearest to; the truth stands in
 * `parquedb` (doc/explain.md).
 */
#include <string.h>

#include "parquedb/parquedb.h"
#include "server/mongo_commands.h"

typedef struct explanation {
  pq_value command; /* the inner one */
  pq_slice name;
  pq_value item; /* what our command explained; missing: nothing */
  pq_value filter, sort;
  int64_t skip, limit;
  const char *write; /* "UPDATE", "DELETE"; NULL: a read */
} explanation;

/* ---- the inner command ---- */

static int parse_verbosity(pq_task *t, pq_slice *out) {
  static const char *const known[] = {"queryPlanner", "executionStats", "allPlansExecution"};
  pq_value v = pq_task_field(t, "verbosity");
  *out = PQ_SLICE("allPlansExecution");
  if (pq_value_is_missing(v)) return PQ_OK;
  (void)pq_value_string(v, out);
  for (size_t i = 0; i < sizeof known / sizeof *known; i++)
    if (pq_slice_is(*out, known[i])) return PQ_OK;
  return pq_fail(t->mongo->cx, PQ_EINVALID,
                 "verbosity string must be one of {'queryPlanner', 'executionStats', "
                 "'allPlansExecution'}");
}

/* The statement of an update or delete; a findAndModify is one itself. */
static pq_value statement_of(const pq_task *t) {
  const char *list = pq_slice_is(t->request->name, "update") ? "updates" : "deletes";
  if (pq_slice_is(t->request->name, "update") || pq_slice_is(t->request->name, "delete"))
    return pq_array_at(pq_task_field(t, list), 0);
  return t->request->command;
}

static bool is_true(pq_value v) {
  bool flag = false;
  double d = 0;
  if (!pq_value_bool(v, &flag) && pq_value_number(v, &d)) flag = d != 0;
  return flag;
}

/* The find that chooses what a write would change. */
static int open_write(pq_task *t) {
  explanation *x = t->state;
  pq_value s = statement_of(t);
  bool is_update = pq_slice_is(t->request->name, "update");
  bool is_delete = pq_slice_is(t->request->name, "delete");
  bool is_many = is_update && is_true(pq_object_get_str(s, "multi"));
  double limit = 1;
  PQ_TRY(pq_task_target(t));
  if (is_delete) (void)pq_value_number(pq_object_get_str(s, "limit"), &limit);
  x->filter = pq_object_get_str(s, is_update || is_delete ? "q" : "query");
  x->sort = pq_object_get_str(s, "sort");
  x->limit = is_many || limit == 0 ? 0 : 1;
  x->write = is_delete || is_true(pq_object_get_str(s, "remove")) ? "DELETE" : "UPDATE";
  pq_task_command(t, "find", t->collection);
  pq_task_put(t, "filter", x->filter);
  if (pq_value_count(x->sort) > 0) pq_task_put(t, "sort", x->sort);
  if (x->limit > 0) pq_task_put_i64(t, "limit", x->limit);
  pq_task_put(t, "collation", pq_object_get_str(s, "collation"));
  pq_task_put(t, "let", pq_task_field(t, "let"));
  PQ_TRY(pq_task_put_hint(t, pq_object_get_str(s, "hint")));
  pq_task_put_str(t, "plain", "keyed");
  return pq_task_submit(t);
}

static int open_inner(pq_task *t) {
  explanation *x = t->state;
  const pq_mongo_command *inner = pq_mongo_command_find(x->name);
  static const struct {
    const char *name;
    bool is_write;
  } known[] = {{"find", false},  {"aggregate", false}, {"count", false},       {"distinct", false},
               {"update", true}, {"delete", true},     {"findAndModify", true}};
  PQ_TRY(inner == NULL ? PQ_OK : pq_task_check_fields(t, inner));
  if (t->is_done) return PQ_OK;
  for (size_t i = 0; inner != NULL && i < sizeof known / sizeof *known; i++) {
    if (strcmp(inner->name, known[i].name) != 0) continue;
    if (known[i].is_write) return open_write(t);
    x->filter = pq_task_field(t, i == 0 ? "filter" : "query");
    x->sort = pq_task_field(t, "sort");
    PQ_TRY(pq_task_number(t, "skip", &x->skip));
    PQ_TRY(pq_task_number(t, "limit", &x->limit));
    return inner->open(t);
  }
  return pq_task_refuse_with(t, PQ_MONGO_COMMAND_NOT_FOUND,
                             "Explain failed due to unknown command: %.*s",
                             (int)(x->name.n > 60 ? 60 : x->name.n), (const char *)x->name.p);
}

/* A pipeline that writes is planned and not run. */
static bool must_not_run(const pq_task *t) {
  pq_value pipeline = pq_task_field(t, "pipeline");
  uint32_t n = pq_value_count(pipeline);
  pq_value last = n == 0 ? (pq_value){0} : pq_array_at(pipeline, n - 1);
  return !pq_value_is_missing(pq_object_get_str(last, "$out")) ||
         !pq_value_is_missing(pq_object_get_str(last, "$merge"));
}

/* Also {aggregate: …, explain: true}, which is a plan of itself. */
int pq_mongo_explain(pq_task *t) {
  pq_request *r = t->request;
  bool is_own = !pq_slice_is(r->name, "explain");
  pq_value inner = is_own ? r->command : pq_object_get(r->command, r->name);
  pq_slice verbosity = PQ_SLICE("queryPlanner");
  explanation *x = pq_arena_calloc(&t->arena, 1, sizeof *x);
  pq_field *fields;
  uint32_t count;
  if (x == NULL) return pq_fail_nomem(t->mongo->cx);
  if (!is_own) PQ_TRY(parse_verbosity(t, &verbosity));
  fields = pq_object_fields(&r->arena, inner, &count);
  if (count == 0 || fields == NULL || pq_value_type(inner) != PQ_TYPE_OBJECT)
    return pq_fail(t->mongo->cx, PQ_EINVALID, "explain: a command as an object is expected");
  x->command = inner;
  x->name = fields[0].name;
  t->state = x;
  t->command = pq_mongo_command_find(PQ_SLICE("explain"));
  r->command = inner;
  r->name = x->name;
  t->explaining =
      pq_slice_is(verbosity, "queryPlanner") || must_not_run(t) ? PQ_EXPLAIN_PLAN : PQ_EXPLAIN_RUN;
  return open_inner(t);
}

/* ---- the answer ---- */

int pq_mongo_explain_item(pq_task *t, pq_value item) {
  explanation *x = t->state;
  pq_builder *b = t->mongo->builder;
  pq_builder_clear(b);
  PQ_TRY(pq_builder_value(b, item));
  return pq_builder_finish(b, &t->arena, &x->item);
}

/* A scan, or a look-up by _id. */
static const char *leaf_stage(const explanation *x) {
  pq_slice plan = {0};
  if (pq_value_is_missing(x->item)) return "EOF";
  (void)pq_value_string(pq_object_get_str(x->item, "plan"), &plan);
  if (plan.n >= 3 && memcmp(plan.p, "get", 3) == 0) return "IDHACK";
  return "COLLSCAN";
}

static bool has_rows(const explanation *x) {
  return pq_slice_is(x->name, "find") || pq_slice_is(x->name, "aggregate");
}

/* The stages above the leaf, outermost first, as MongoDB names them. */
static uint32_t stages_above(const pq_task *t, const explanation *x, const char *out[8]) {
  uint32_t n = 0;
  if (x->write != NULL) out[n++] = x->write;
  if (pq_slice_is(x->name, "count")) out[n++] = "COUNT";
  if (pq_slice_is(x->name, "find") && pq_value_count(pq_task_field(t, "projection")) > 0)
    out[n++] = "PROJECTION_DEFAULT";
  if (x->write == NULL && x->limit != 0) out[n++] = "LIMIT";
  if (x->skip > 0) out[n++] = "SKIP";
  if (pq_value_count(x->sort) > 0) out[n++] = "SORT";
  return n;
}

static void put_stage_fields(pq_bson_out *o, const explanation *x, const char *stage) {
  pq_bson_str(o, "stage", stage);
  if (strcmp(stage, "LIMIT") == 0)
    pq_mongo_put_count(o, "limitAmount", x->limit < 0 ? -x->limit : x->limit);
  if (strcmp(stage, "SKIP") == 0) pq_mongo_put_count(o, "skipAmount", x->skip);
  if (strcmp(stage, "SORT") == 0) pq_bson_value(o, "sortPattern", x->sort);
  if (strcmp(stage, "COLLSCAN") == 0) {
    if (pq_value_count(x->filter) > 0) pq_bson_value(o, "filter", x->filter);
    pq_bson_str(o, "direction", "forward");
  }
}

static int64_t number_in(pq_value v, const char *first, const char *second) {
  int64_t n = 0;
  double d = 0;
  pq_value f = pq_object_get_str(v, first);
  if (second != NULL) f = pq_object_get_str(f, second);
  if (!pq_value_i64(f, &n) && pq_value_number(f, &d)) n = (int64_t)d;
  return n;
}

/* The tree of stages; with `returned` >= 0 what each gave, as far as we know. */
static void put_tree(const pq_task *t, pq_bson_out *o, const char *name, int64_t returned) {
  const explanation *x = t->state;
  const char *stages[8];
  uint32_t n = stages_above(t, x, stages);
  stages[n] = leaf_stage(x);
  for (uint32_t i = 0; i <= n; i++) {
    pq_bson_begin_object(o, i == 0 ? name : "inputStage");
    put_stage_fields(o, x, stages[i]);
    if (returned < 0) continue;
    pq_mongo_put_count(o, "nReturned",
                       i == n && n > 0 ? number_in(x->item, "rows", "matched") : returned);
    if (strcmp(stages[i], "UPDATE") == 0) {
      pq_mongo_put_count(o, "nMatched", returned);
      pq_mongo_put_count(o, "nWouldModify", returned);
    } else if (strcmp(stages[i], "DELETE") == 0) {
      pq_mongo_put_count(o, "nWouldDelete", returned);
    } else if (strcmp(stages[i], "COUNT") == 0) {
      pq_mongo_put_count(o, "nCounted", number_in(x->item, "rows", "matched"));
    } else if (i == n) {
      pq_mongo_put_count(o, "docsExamined", number_in(x->item, "rows", "documentsRead"));
    }
  }
  for (uint32_t i = 0; i <= n; i++)
    pq_bson_end(o);
}

static void put_planner(const pq_task *t, pq_bson_out *o) {
  const explanation *x = t->state;
  pq_bson_begin_object(o, "queryPlanner");
  pq_bson_str(o, "namespace", t->full_name);
  if (pq_value_is_missing(x->filter)) {
    pq_bson_begin_object(o, "parsedQuery");
    pq_bson_end(o);
  } else {
    pq_bson_value(o, "parsedQuery", x->filter);
  }
  pq_bson_bool(o, "indexFilterSet", false);
  put_tree(t, o, "winningPlan", -1);
  pq_bson_begin_array(o, "rejectedPlans");
  pq_bson_end(o);
  pq_bson_end(o);
}

static void put_statistics(const pq_task *t, pq_bson_out *o, pq_value summary) {
  const explanation *x = t->state;
  int64_t returned = has_rows(x) || x->write != NULL ? number_in(summary, "n", NULL) : 0;
  if (t->explaining != PQ_EXPLAIN_RUN) return;
  pq_bson_begin_object(o, "executionStats");
  pq_bson_bool(o, "executionSuccess", true);
  pq_mongo_put_count(o, "nReturned", x->write != NULL ? 0 : returned);
  pq_mongo_put_count(o, "executionTimeMillis", number_in(x->item, "ms", NULL));
  pq_bson_i32(o, "totalKeysExamined", 0);
  pq_mongo_put_count(o, "totalDocsExamined", number_in(x->item, "rows", "documentsRead"));
  put_tree(t, o, "executionStages", returned);
  pq_bson_end(o);
}

/* A pipeline of more than a match has `stages`: a cursor, then what was asked for. */
static bool has_stages(const pq_task *t) {
  pq_value pipeline = pq_task_field(t, "pipeline");
  uint32_t n = pq_value_count(pipeline);
  return n > 1 ||
         (n == 1 && pq_value_is_missing(pq_object_get_str(pq_array_at(pipeline, 0), "$match")));
}

static void put_stages(pq_task *t, pq_value summary) {
  pq_value pipeline = pq_task_field(t, "pipeline");
  pq_bson_out *o = &t->out;
  uint32_t from =
      pq_value_is_missing(pq_object_get_str(pq_array_at(pipeline, 0), "$match")) ? 0 : 1;
  pq_bson_begin_array(o, "stages");
  pq_bson_begin_object(o, NULL);
  pq_bson_begin_object(o, "$cursor");
  put_planner(t, o);
  put_statistics(t, o, summary);
  pq_bson_end(o);
  pq_bson_end(o);
  for (uint32_t i = from; i < pq_value_count(pipeline); i++)
    pq_bson_value(o, NULL, pq_array_at(pipeline, i));
  pq_bson_end(o);
}

int pq_mongo_explain_done(pq_task *t, pq_value summary) {
  explanation *x = t->state;
  pq_value pipeline = pq_task_field(t, "pipeline");
  if (t->is_writing) pq_bson_abandon(&t->out); /* the inner command began an answer of its own */
  if (pq_slice_is(x->name, "aggregate"))
    x->filter = pq_object_get_str(pq_array_at(pipeline, 0), "$match");
  pq_task_answer(t);
  pq_bson_str(&t->out, "explainVersion", "1");
  if (has_stages(t)) {
    put_stages(t, summary);
  } else {
    put_planner(t, &t->out);
    put_statistics(t, &t->out, summary);
  }
  pq_bson_value(&t->out, "command", x->command);
  pq_bson_begin_object(&t->out, "serverInfo");
  pq_bson_str(&t->out, "host", t->request->client->host);
  pq_bson_str(&t->out, "version", PQ_MONGO_VERSION);
  pq_bson_str(&t->out, "gitVersion", "parquedb-" PQDB_VERSION);
  pq_bson_end(&t->out);
  pq_bson_begin_object(&t->out, "serverParameters");
  pq_bson_end(&t->out);
  pq_bson_value(&t->out, "parquedb", x->item);
  return pq_task_answer_end(t);
}
