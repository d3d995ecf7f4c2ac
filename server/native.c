/* server/native.c - see native.h. */
#include "server/native.h"

#include <stdio.h>
#include <string.h>

#include "base/hash.h"
#include "server/access.h"
#include "server/feed.h"

enum {
  PAYLOAD_LEN_MAX = 64 << 20,
  ANSWER_LEN_MAX = 96 << 20, /* a part and its last item, canonical */
  SUMMARY_LEN_MAX = 64 << 20,
  LATE_MS = 500, /* of a login that was not looked at */
  /* Who sends no more may still wait for the answer; but not for long. */
  GONE_US = 2000000
};

typedef struct native_shared {
  pq_cx *cx; /* borrowed */
  const pq_server *server;
  pqdb *db;          /* borrowed */
  pq_access *access; /* borrowed */
  pq_builder *builder;
} native_shared;

typedef struct native_job {
  pq_job job;
  native_shared *shared; /* borrowed */
  pqdb_replies *replies; /* owned */
  pq_arena arena;        /* of the command */
  pq_buf text;           /* of a command with a payload */
  pq_feed feed;          /* of is_feed; zeroed: none */
  bool changes;          /* the command does: it goes on without its client */
  int64_t begun_us;
  int64_t left_us;        /* of its time when it has given a part, whose way does not count */
  int64_t quiet_since_us; /* of a feed: nothing has been said since, */
  bool is_waiting;        /* and it has no news */
} native_job;

/* ---- requests ---- */

pq_request *pq_native_new(pq_cx *cx) {
  pq_request *r = pq_request_new(cx);
  pq_native *n;
  if (r == NULL) return NULL;
  n = pq_alloc(cx, NULL, 0, sizeof *n);
  if (n == NULL) {
    pq_request_free(r);
    return NULL;
  }
  memset(n, 0, sizeof *n);
  n->part_len = PQ_NATIVE_PART_LEN;
  pq_buf_init(&n->payload, cx, PAYLOAD_LEN_MAX);
  pq_buf_init(&n->summary, cx, SUMMARY_LEN_MAX);
  pq_arena_init(&n->arena, cx, SUMMARY_LEN_MAX);
  r->kind = PQ_JOB_NATIVE;
  r->native = n;
  return r;
}

void pq_native_free(pq_native *n) {
  pq_cx *cx;
  if (n == NULL) return;
  cx = n->payload.cx;
  pq_buf_release(&n->payload);
  pq_buf_release(&n->summary);
  pq_arena_release(&n->arena);
  pq_alloc(cx, n, sizeof *n, 0);
}

/* ---- the kind ---- */

static void native_stop(void *shared) {
  native_shared *s = shared;
  if (s == NULL) return;
  pq_builder_free(s->builder);
  pq_alloc(s->cx, s, sizeof *s, 0);
}

static int native_start(const pq_job_host *host, void **shared) {
  native_shared *s = pq_alloc(host->cx, NULL, 0, sizeof *s);
  *shared = NULL;
  if (s == NULL) return pq_fail_nomem(host->cx);
  *s = (native_shared){
      .cx = host->cx, .server = host->server, .db = host->db, .access = host->server->access};
  *shared = s;
  return pq_builder_new(host->cx, &s->builder);
}

/* ---- beginning ---- */

/* The end, by failure. Items that stand in the answer already go out before it. */
static void fail(native_job *j, int rc, const char *message) {
  pq_native *n = j->job.request->native;
  n->rc = rc;
  n->is_end = true;
  j->job.is_done = true;
  j->job.has_more = false;
  snprintf(n->message, sizeof n->message, "%s", message);
}

/* Before the command is there: has he logged in? */
static int check_login(const native_job *j) {
  const pq_access *a = j->shared->access;
  if (!pq_access_is_required(a) || pq_access_user(a, j->job.request->client) != NULL) return PQ_OK;
  return pq_fail(j->shared->cx, PQ_EPERM, "this needs a login: Authorization: Basic or Bearer");
}

/* Who is it, and may he? */
static int check_access(native_job *j) {
  pq_request *r = j->job.request;
  pq_native *n = r->native;
  pq_cx *cx = j->shared->cx;
  pq_access_command what = {
      .verb = r->name, .document = r->command, .ns = n->ns, .db = pq_str(n->ns), .is_native = true};
  int rc = pq_access_http(j->shared->access, cx, r->client, n->authorization);
  if (rc == PQ_EBUSY) r->hold_ms = LATE_MS;
  if (rc == PQ_EPERM)
    r->hold_ms = pq_access_note(j->shared->access, r->client, PQ_SLICE("http"), false);
  if (rc == PQ_EPERM)
    snprintf(r->notice, sizeof r->notice, "login by HTTP from %s failed", r->client->peer);
  if (rc == PQ_OK && !n->is_ours) {
    if (n->is_feed) what.verb = PQ_SLICE("events");
    rc = what.verb.n == 0 ? check_login(j)
                          : pq_access_check(j->shared->access, cx, r->client, &what);
  }
  n->is_forbidden = rc == PQ_EPERM;
  n->is_nobody = r->client->user[0] == '\0';
  return rc;
}

static bool takes_actor(pq_slice verb, pq_value command) {
  if (pq_access_is_write(verb)) return true;
  if (pq_slice_is(verb, "schema")) return !pq_value_is_missing(pq_object_get_str(command, "set"));
  if (pq_slice_is(verb, "aggregate"))
    return pq_access_pipeline_writes(pq_object_get_str(command, "pipeline"));
  return !pq_value_is_missing(pq_object_get_str(command, "writeAs"));
}

/* Transactions are the user's who began them, whatever their numbers. Never 0: the server's own. */
static uint64_t owner_of(const pq_client *c) {
  return pq_hash(pq_str(c->user), 1) | 1;
}

/* The command with its writer's name. */
static int put_actor(native_job *j, pq_value *command) {
  pq_request *r = j->job.request;
  pq_builder *b = j->shared->builder;
  uint32_t count;
  pq_field *fields = pq_object_fields(&j->arena, *command, &count);
  if (fields == NULL) return pq_fail_nomem(j->shared->cx);
  if (count == 0 || r->client == NULL || r->client->user[0] == '\0' ||
      !takes_actor(fields[0].name, *command))
    return PQ_OK;
  pq_builder_clear(b);
  PQ_TRY(pq_builder_begin_object(b));
  for (uint32_t i = 0; i < count; i++) {
    if (pq_slice_is(fields[i].name, "actor")) continue;
    PQ_TRY(pq_builder_key(b, fields[i].name));
    PQ_TRY(pq_builder_value(b, fields[i].value));
  }
  PQ_TRY(pq_builder_key_str(b, "actor"));
  PQ_TRY(pq_builder_str(b, r->client->user));
  PQ_TRY(pq_builder_end(b));
  return pq_builder_finish(b, &j->arena, command);
}

/* PQ_OK: it runs. *cx is whose message tells what failed. */
static int submit(native_job *j, const pq_cx **cx) {
  pq_native *n = j->job.request->native;
  pq_value command = j->job.request->command;
  int rc;
  *cx = j->shared->cx;
  PQ_TRY(put_actor(j, &command));
  if (n->payload.len > 0) PQ_TRY(pq_json_print(&j->text, command, PQ_JSON_CANONICAL));
  *cx = pq_handle_cx(j->shared->db);
  pq_handle_set_owner(j->shared->db, owner_of(j->job.request->client));
  rc = n->payload.len == 0 ? pq_handle_submit(j->shared->db, n->ns, command, &j->replies)
                           : pqdb_submit(j->shared->db, n->ns, (const char *)j->text.p, j->text.len,
                                         (const char *)n->payload.p, n->payload.len, &j->replies);
  pq_handle_set_owner(j->shared->db, 0);
  PQ_TRY(rc);
  pq_handle_set_reach(j->replies, pq_access_reach(j->shared->access, j->job.request->client));
  pq_handle_set_job(j->replies, &j->job);
  j->changes = takes_actor(j->job.request->name, command);
  j->begun_us = pq_handle_now_us(j->shared->db);
  pq_job_set_deadline(&j->job, j->shared->server, command, j->begun_us);
  return PQ_OK;
}

static int open_feed(native_job *j, const pq_cx **cx) {
  pq_request *r = j->job.request;
  pq_feed_want want = {.ns = r->native->ns};
  pq_builder *b = j->shared->builder;
  uint32_t count;
  pq_field *fields = pq_object_fields(&j->arena, r->command, &count);
  pq_slice text;
  *cx = j->shared->cx;
  if (fields == NULL) return pq_fail_nomem(j->shared->cx);
  pq_builder_clear(b);
  PQ_TRY(pq_builder_begin_object(b));
  for (uint32_t i = 0; i < count; i++) {
    bool is_text = pq_value_string(fields[i].value, &text);
    if (is_text && pq_slice_is(fields[i].name, "collection")) {
      want.collection = pq_arena_str(&j->arena, text);
      if (want.collection == NULL) return j->shared->cx->code;
    } else if (is_text && pq_slice_is(fields[i].name, "after")) {
      want.start = PQ_FEED_AFTER;
      want.after = text;
    } else {
      PQ_TRY(pq_builder_key(b, fields[i].name));
      PQ_TRY(pq_builder_value(b, fields[i].value));
    }
  }
  PQ_TRY(pq_builder_end(b));
  PQ_TRY(pq_builder_finish(b, &j->arena, &want.options));
  j->quiet_since_us = pq_handle_now_us(j->shared->db);
  return pq_feed_open(&j->feed, j->shared->db, j->shared->cx, b, &want);
}

static pq_job *native_begin(void *shared, pq_request *r) {
  native_shared *s = shared;
  native_job *j = pq_alloc(s->cx, NULL, 0, sizeof *j);
  const pq_cx *cx = s->cx;
  int rc;
  if (j == NULL) return NULL;
  memset(j, 0, sizeof *j);
  j->shared = s;
  j->job.request = r;
  pq_arena_init(&j->arena, s->cx, s->cx->limits.op_len_max);
  pq_buf_init(&j->text, s->cx, PAYLOAD_LEN_MAX);
  pq_buf_init(&r->answer, s->cx, ANSWER_LEN_MAX);
  s->cx->msg[0] = '\0';
  rc = check_access(j);
  if (rc == PQ_OK && r->native->is_question)
    r->native->is_end = j->job.is_done = true;
  else if (rc == PQ_OK)
    rc = r->native->is_feed ? open_feed(j, &cx) : submit(j, &cx);
  if (rc != PQ_OK) fail(j, rc, cx->msg);
  return &j->job;
}

/* ---- going on ---- */

/* This part is whole, others follow. */
static void give_part(native_job *j) {
  j->job.is_done = true;
  j->job.has_more = true;
}

static int put_item(native_job *j, pq_value item) {
  pq_request *r = j->job.request;
  pq_value version = pq_object_get_str(item, "version");
  r->native->version = 0;
  (void)pq_value_i64(version, &r->native->version);
  r->native->item_count++;
  PQ_TRY(pq_json_print(&r->answer, item, r->native->form));
  return pq_buf_put_byte(&r->answer, '\n');
}

/* An event as one of Server-Sent Events. */
static int put_event(native_job *j, pq_value event) {
  pq_buf *out = &j->job.request->answer;
  pq_slice id;
  if (pq_value_string(pq_object_get_str(event, "id"), &id)) {
    PQ_TRY(pq_buf_put_str(out, "id: "));
    PQ_TRY(pq_buf_put_slice(out, id));
    PQ_TRY(pq_buf_put_byte(out, '\n'));
  }
  PQ_TRY(pq_buf_put_str(out, "data: "));
  PQ_TRY(pq_json_print(out, event, j->job.request->native->form));
  return pq_buf_put_str(out, "\n\n");
}

static int put_summary(native_job *j, pq_value summary) {
  pq_native *n = j->job.request->native;
  pq_builder_clear(j->shared->builder);
  PQ_TRY(pq_builder_value(j->shared->builder, summary));
  PQ_TRY(pq_builder_finish(j->shared->builder, &n->arena, &n->values));
  PQ_TRY(pq_json_print(&n->summary, summary, n->form));
  n->is_end = true;
  j->job.is_done = true;
  /* Not before the answer is taken: soon is not soon enough for commands that wait for it. */
  pqdb_replies_close(j->replies);
  j->replies = NULL;
  return PQ_OK;
}

static bool has_no_client(const native_job *j) {
  const pq_request *r = j->job.request;
  return !j->changes && r->client != NULL && r->client->has_gone && !r->native->is_ours &&
         pq_handle_now_us(j->shared->db) - j->begun_us > GONE_US;
}

static bool native_must_end(const pq_job *job) {
  return has_no_client((const native_job *)job);
}

/* The rest of its time is kept while a part is on its way. */
static void keep_time(native_job *j) {
  int64_t now = pq_handle_now_us(j->shared->db);
  if (j->job.deadline_us == 0) return;
  j->left_us = j->job.deadline_us > now ? j->job.deadline_us - now : 1;
  j->job.deadline_us = 0;
}

static void end_early(native_job *j) {
  if (j->job.is_done || j->replies == NULL || pqdb_is_ready(j->replies) == 1) return;
  if (has_no_client(j))
    fail(j, PQ_ETIMEOUT, "the client has gone");
  else if (pq_job_is_late(&j->job, pq_handle_now_us(j->shared->db)))
    fail(j, PQ_ETIMEOUT, "the command has taken longer than it may (maxTimeMs, --max-time-ms)");
}

static void advance_command(native_job *j) {
  pq_request *r = j->job.request;
  if (j->left_us != 0) j->job.deadline_us = pq_handle_now_us(j->shared->db) + j->left_us;
  j->left_us = 0;
  while (!j->job.is_done && pqdb_is_ready(j->replies) == 1) {
    pq_value v;
    int rc = pq_handle_next(j->replies, &v), put;
    if (rc < 0) {
      fail(j, rc, pq_handle_cx(j->shared->db)->msg);
      return;
    }
    put = rc == PQDB_ROW ? put_item(j, v) : put_summary(j, v);
    if (put != PQ_OK)
      fail(j, put, j->shared->cx->msg);
    else if (!j->job.is_done && r->answer.len >= r->native->part_len)
      give_part(j);
  }
  end_early(j);
  if (j->job.has_more) keep_time(j);
}

static void advance_feed(native_job *j) {
  pq_request *r = j->job.request;
  pq_feed_state state = PQ_FEED_EVENT;
  int64_t now = pq_handle_now_us(j->shared->db), until;
  j->is_waiting = false;
  while (!j->job.is_done && state == PQ_FEED_EVENT) {
    pq_value event;
    int rc = pq_feed_next(&j->feed, &state, &event);
    if (rc != PQ_OK) {
      fail(j, rc, pq_handle_cx(j->shared->db)->msg);
      return;
    }
    if (state != PQ_FEED_EVENT) break;
    rc = put_event(j, event);
    if (rc != PQ_OK)
      fail(j, rc, j->shared->cx->msg);
    else if (r->answer.len >= r->native->part_len)
      give_part(j);
  }
  if (j->job.is_done || state != PQ_FEED_WAITS) return;
  until = j->quiet_since_us / 1000 + r->native->heartbeat_ms;
  if (r->client->is_leaving) {
    r->native->is_end = j->job.is_done = true;
  } else if (r->answer.len > 0 || now / 1000 >= until) {
    give_part(j);
  } else {
    j->job.wait_until_ms = until;
    j->is_waiting = true;
  }
}

static bool native_is_awake(pq_job *job) {
  native_job *j = (native_job *)job;
  return !j->is_waiting || pq_feed_has_news(&j->feed);
}

/* A feed has no end of its own, and rights may have: it is asked each time that there is something
 * to give. */
static bool may_go_on(native_job *j) {
  int rc = check_access(j);
  if (rc != PQ_OK) fail(j, rc, j->shared->cx->msg);
  return rc == PQ_OK;
}

static void native_advance(pq_job *job) {
  native_job *j = (native_job *)job;
  pq_native *n = job->request->native;
  if (job->request->answer.len == 0) n->item_count = 0;
  if (n->is_feed && may_go_on(j))
    advance_feed(j);
  else if (!n->is_feed)
    advance_command(j);
  if (job->is_done) j->quiet_since_us = pq_handle_now_us(j->shared->db);
}

static void native_end(pq_job *job) {
  native_job *j = (native_job *)job;
  pq_cx *cx = j->shared->cx;
  pqdb_replies_close(j->replies);
  pq_feed_close(&j->feed);
  pq_buf_release(&j->text);
  pq_arena_release(&j->arena);
  pq_alloc(cx, j, sizeof *j, 0);
}

const pq_job_class pq_native_job = {.name = "native",
                                    .start = native_start,
                                    .stop = native_stop,
                                    .begin = native_begin,
                                    .advance = native_advance,
                                    .is_awake = native_is_awake,
                                    .must_end = native_must_end,
                                    .end = native_end};
