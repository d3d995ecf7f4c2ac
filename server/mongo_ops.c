/* server/mongo_ops.c - the commands that run: currentOp, killOp, maxTimeMS, and how many there
 * were.
 *
 * A command ends between two steps of it: what is killed or has taken too long answers with an
 * error, and its replies are closed. A write that has begun its append may be done nevertheless.
 */
#include <stdio.h>
#include <string.h>

#include "server/mongo_commands.h"

enum { INTERRUPTED = 11601, CLIENT_DISCONNECT = 279 };

/* ---- counters ---- */

static uint64_t statements(const pq_task *t, const char *name) {
  return pq_value_count(pq_task_field(t, name));
}

static void count(const pq_task *t) {
  pq_mongo_counts *n = &t->mongo->counts;
  pq_slice name = t->request->name;
  if (pq_slice_is(name, "insert"))
    n->inserts += statements(t, "documents");
  else if (pq_slice_is(name, "update"))
    n->updates += statements(t, "updates");
  else if (pq_slice_is(name, "delete"))
    n->deletes += statements(t, "deletes");
  else if (pq_slice_is(name, "find"))
    n->queries++;
  else if (pq_slice_is(name, "getMore"))
    n->get_mores++;
  else
    n->commands++;
}

void pq_ops_enter(pq_task *t) {
  pq_mongo *m = t->mongo;
  t->number = ++m->last_op & INT32_MAX;
  t->started_us = pq_handle_now_us(m->db);
  t->older = m->running;
  if (t->older != NULL) t->older->newer = t;
  m->running = t;
  count(t);
}

void pq_ops_leave(pq_task *t) {
  if (t->older != NULL) t->older->newer = t->newer;
  if (t->newer != NULL)
    t->newer->older = t->older;
  else
    t->mongo->running = t->older;
}

/* Does it change nothing, so that nobody misses it when its client has gone? What a client sends
 * and does not wait for is done all the same. */
static bool is_read(pq_slice name) {
  static const char *const reads[] = {
      "find",     "aggregate", "count", "distinct", "getMore", "explain",   "related",
      "traverse", "subgraph",  "path",  "match",    "history", "connected", "neighbourhood"};
  for (size_t i = 0; i < sizeof reads / sizeof *reads; i++)
    if (pq_slice_is(name, reads[i])) return true;
  return false;
}

typedef enum ending { GOES_ON, IS_KILLED, IS_CURSOR_KILLED, IS_LATE, HAS_NO_CLIENT } ending;

static ending ending_of(const pq_task *t, int64_t now_us) {
  if (t->is_killed) return IS_KILLED;
  if (t->cursor != NULL && t->cursor->is_killed) return IS_CURSOR_KILLED;
  if (pq_job_is_late(&t->job, now_us)) return IS_LATE;
  return t->request->client->has_gone && is_read(t->request->name) ? HAS_NO_CLIENT : GOES_ON;
}

bool pq_ops_must_end(const pq_task *t) {
  return ending_of(t, pq_handle_now_us(t->mongo->db)) != GOES_ON;
}

bool pq_ops_is_over(pq_task *t) {
  int rc = PQ_OK;
  switch (ending_of(t, pq_handle_now_us(t->mongo->db))) {
    case GOES_ON: return false;
    case IS_KILLED: rc = pq_task_refuse_with(t, INTERRUPTED, "operation was interrupted"); break;
    case IS_CURSOR_KILLED:
      rc = pq_task_refuse_with(t, PQ_MONGO_CURSOR_KILLED, "the cursor was killed");
      break;
    case IS_LATE:
      rc = pq_task_refuse_with(t, PQ_MONGO_MAX_TIME, "operation exceeded time limit");
      break;
    case HAS_NO_CLIENT:
      rc = pq_task_refuse_with(t, CLIENT_DISCONNECT, "the client has gone");
      break;
  }
  pq_cursor_drop(t);
  return rc == PQ_OK;
}

/* ---- currentOp ---- */

static const char *kind_of(const pq_task *t) {
  static const char *const kinds[][2] = {{"find", "query"},
                                         {"getMore", "getmore"},
                                         {"insert", "insert"},
                                         {"update", "update"},
                                         {"delete", "remove"}};
  for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
    if (pq_slice_is(t->request->name, kinds[i][0])) return kinds[i][1];
  return "command";
}

/* Documents of a message of megabytes are not shown, nor passwords. */
static void put_command(pq_bson_out *o, const pq_task *t) {
  enum { SHOWN_MAX = 32768 };
  if (pq_value_bytes(t->request->command).n <= SHOWN_MAX &&
      !pq_access_is_secret(t->request->name)) {
    pq_bson_value(o, "command", t->request->command);
    return;
  }
  pq_bson_begin_object(o, "command");
  pq_bson_text(o, "$truncated", t->request->name);
  pq_bson_end(o);
}

static void put_op(pq_bson_out *o, const pq_task *t, int64_t now_us) {
  char ns[PQ_MONGO_NAME_CAP * 2];
  int64_t took_us = now_us > t->started_us ? now_us - t->started_us : 0;
  snprintf(ns, sizeof ns, "%.*s.$cmd", (int)t->request->db.n, (const char *)t->request->db.p);
  pq_bson_begin_object(o, NULL);
  pq_bson_str(o, "type", "op");
  pq_bson_bool(o, "active", true);
  pq_bson_i32(o, "opid", (int32_t)t->number);
  pq_bson_i64(o, "secs_running", took_us / 1000000);
  pq_bson_i64(o, "microsecs_running", took_us);
  pq_bson_str(o, "op", kind_of(t));
  pq_bson_str(o, "ns", t->full_name[0] == '\0' ? ns : t->full_name);
  put_command(o, t);
  if (t->is_killed) pq_bson_bool(o, "killPending", true);
  pq_bson_end(o);
}

void pq_ops_put_all(pq_bson_out *o, const pq_mongo *m) {
  int64_t now_us = pq_handle_now_us(m->db);
  for (const pq_task *at = m->running; at != NULL; at = at->older)
    put_op(o, at, now_us);
}

/* {$match: the fields of the command that are not those of all}: {currentOp: 1, "command.find":
 * "c"}
 */
static int make_match(pq_task *t, pq_value *out) {
  pq_builder *b = t->mongo->builder;
  uint32_t count;
  pq_field *fields = pq_object_fields(&t->request->arena, t->request->command, &count);
  if (fields == NULL) return pq_fail_nomem(t->mongo->cx);
  pq_builder_clear(b);
  PQ_TRY(pq_builder_begin_object(b));
  PQ_TRY(pq_builder_key_str(b, "$match"));
  PQ_TRY(pq_builder_begin_object(b));
  for (uint32_t i = 1; i < count; i++) {
    if (pq_task_is_common(fields[i].name) || pq_slice_is(fields[i].name, "$all") ||
        pq_slice_is(fields[i].name, "$ownOps"))
      continue;
    PQ_TRY(pq_builder_key(b, fields[i].name));
    PQ_TRY(pq_builder_value(b, fields[i].value));
  }
  PQ_TRY(pq_builder_end(b));
  PQ_TRY(pq_builder_end(b));
  return pq_builder_finish(b, &t->arena, out);
}

int pq_mongo_current_op(pq_task *t) {
  pq_bson_out o;
  pq_value match;
  PQ_TRY(pq_task_admin_only(t));
  PQ_TRY(make_match(t, &match));
  pq_virtual_begin(t, &o);
  pq_ops_put_all(&o, t->mongo);
  PQ_TRY(pq_virtual_end(&o));
  pq_task_answer(t);
  pq_bson_begin_array(&t->out, "inprog");
  return pq_virtual_submit(t, (pq_value){0}, 0, match);
}

int pq_mongo_current_op_item(pq_task *t, pq_value item) {
  pq_bson_value(&t->out, NULL, item);
  return t->out.rc;
}

int pq_mongo_current_op_done(pq_task *t, pq_value summary) {
  (void)summary;
  pq_bson_end(&t->out);
  return pq_task_answer_end(t);
}

static void kill_op(pq_mongo *m, int64_t number) {
  for (pq_task *at = m->running; at != NULL; at = at->older)
    if (at->number == (uint64_t)number) at->is_killed = true;
}

void pq_ops_foresee(pq_mongo *m, const pq_request *r) {
  pq_access_command what = {.verb = r->name, .document = r->command, .ns = "admin", .db = r->db};
  double number;
  if (!pq_slice_is(r->name, "killOp") || !pq_slice_is(r->db, "admin") ||
      !pq_value_number(pq_object_get_str(r->command, "op"), &number) || !(number > 0) ||
      number > INT32_MAX || pq_access_check(m->access, m->cx, r->client, &what) != PQ_OK)
    return;
  kill_op(m, (int64_t)number);
}

int pq_mongo_kill_op(pq_task *t) {
  int64_t number = -1;
  PQ_TRY(pq_task_admin_only(t));
  PQ_TRY(pq_task_number(t, "op", &number));
  if (number < 0) return pq_task_refuse_with(t, 4, "Did not provide \"op\" field"); /* NoSuchKey */
  if ((uint64_t)number != t->number) kill_op(t->mongo, number);
  pq_task_answer(t);
  pq_bson_str(&t->out, "info", "attempting to kill op");
  return pq_task_answer_end(t);
}
