/* server/capnweb_job.c - see capnweb_job.h. */
#include "server/capnweb_job.h"

#include <stdio.h>

#include "server/access.h"
#include "server/capnweb_run.h"

enum { HEARTBEAT_MS = 60000, ANSWER_LEN_MAX = 128 << 20, LATE_MS = 500 };

typedef struct rpc_shared {
  pq_job_host host;
} rpc_shared;

typedef struct rpc_job {
  pq_job job;
  rpc_shared *shared; /* borrowed */
  pq_rpc_run run;
} rpc_job;

/* ---- requests ---- */

static int copy_command(pq_request *r, pq_value command) {
  pq_slice meta, bytes;
  pq_field *fields;
  uint32_t count;
  PQ_TRY(pq_arena_copy(&r->arena, pq_value_meta(command), &meta));
  PQ_TRY(pq_arena_copy(&r->arena, pq_value_bytes(command), &bytes));
  r->command = (pq_value){meta.p, bytes.p, command.meta_len, command.len};
  fields = pq_object_fields(&r->arena, r->command, &count);
  if (fields == NULL) return r->arena.cx->code;
  if (count > 0) r->name = fields[0].name;
  return PQ_OK;
}

static int request_new(pq_cx *cx, pq_request **out) {
  pq_request *r = pq_request_new(cx);
  *out = r;
  if (r == NULL) return pq_fail_nomem(cx);
  r->rpc = pq_alloc(cx, NULL, 0, sizeof *r->rpc);
  if (r->rpc == NULL) {
    pq_request_free(r);
    *out = NULL;
    return pq_fail_nomem(cx);
  }
  memset(r->rpc, 0, sizeof *r->rpc);
  r->rpc->cx = cx;
  r->kind = PQ_JOB_RPC;
  return PQ_OK;
}

/* Give it up if it could not be made. */
static int finish_new(pq_request **r, int rc) {
  if (rc == PQ_OK) return PQ_OK;
  pq_request_free(*r);
  *r = NULL;
  return rc;
}

int pq_rpc_request_new(pq_cx *cx, const pq_rpc_command *command, pq_request **out) {
  pq_rpc_request *q;
  PQ_TRY(request_new(cx, out));
  q = (*out)->rpc;
  q->number = command->number;
  q->part_len = command->part_len;
  q->is_waiting = command->is_waiting;
  snprintf(q->ns, sizeof q->ns, "%s", command->ns);
  return finish_new(out, copy_command(*out, command->command));
}

int pq_rpc_login_new(pq_cx *cx, pq_slice authorization, pq_request **out) {
  PQ_TRY(request_new(cx, out));
  (*out)->rpc->is_login = true;
  (*out)->name = PQ_SLICE("login");
  return finish_new(out, pq_arena_copy(&(*out)->arena, authorization, &(*out)->rpc->authorization));
}

void pq_rpc_request_free(pq_rpc_request *q) {
  if (q != NULL) pq_alloc(q->cx, q, sizeof *q, 0);
}

/* ---- the kind ---- */

static int rpc_start(const pq_job_host *host, void **shared) {
  rpc_shared *s = pq_alloc(host->cx, NULL, 0, sizeof *s);
  *shared = s;
  if (s == NULL) return pq_fail_nomem(host->cx);
  s->host = *host;
  return PQ_OK;
}

static void rpc_stop(void *shared) {
  rpc_shared *s = shared;
  if (s != NULL) pq_alloc(s->host.cx, s, sizeof *s, 0);
}

/* What the run has gives the request its answer. */
static void give(rpc_job *j, int rc, const char *message) {
  pq_request *r = j->job.request;
  pq_rpc_request *q = r->rpc;
  q->rc = rc;
  q->has_more = rc == PQ_OK && j->run.result.has_more;
  snprintf(q->message, sizeof q->message, "%s", message == NULL ? "" : message);
  pq_buf_release(&r->answer);
  r->answer = j->run.result.bytes;
  j->run.result.bytes = (pq_buf){0};
  if (r->answer.cx == NULL) pq_buf_init(&r->answer, j->shared->host.cx, ANSWER_LEN_MAX);
  j->job.is_done = true;
  j->job.has_more = q->has_more;
}

/* Who is it? A wrong answer comes late. */
static void log_in(rpc_job *j) {
  pq_request *r = j->job.request;
  const pq_job_host *host = &j->shared->host;
  pq_access *access = host->server->access;
  pq_slice field = r->rpc->authorization;
  uint32_t hold_ms = 0;
  int rc = pq_access_http(access, host->cx, r->client, field);
  if (field.n > 0 && (rc == PQ_OK || rc == PQ_EPERM))
    hold_ms = pq_access_note(access, r->client, (pq_slice){0}, rc == PQ_OK);
  if (rc == PQ_EBUSY) hold_ms = LATE_MS;
  give(j, rc, rc == PQ_OK ? "" : host->cx->msg);
  if (hold_ms == 0) return;
  j->job.is_done = false;
  j->job.wait_until_ms = pq_handle_now_us(host->db) / 1000 + hold_ms;
}

/* May the client do it? Asked again for each part, as rights may have changed. */
static int check(rpc_job *j) {
  const pq_request *r = j->job.request;
  const pq_job_host *host = &j->shared->host;
  pq_access_command what = {.verb = r->name,
                            .document = r->command,
                            .ns = r->rpc->ns,
                            .db = pq_str(r->rpc->ns),
                            .is_native = true};
  return pq_access_check(host->server->access, host->cx, r->client, &what);
}

static bool is_unwanted(const pq_request *r) {
  const pq_rpc_request *q = r->rpc;
  return q->is_cancelled || ((q->is_waiting || q->ends_with_client) && r->client->is_leaving);
}

static void begin_command(rpc_job *j) {
  pq_request *r = j->job.request;
  const pq_job_host *host = &j->shared->host;
  pq_rpc_command command = {.number = r->rpc->number,
                            .ns = r->rpc->ns,
                            .command = r->command,
                            .part_len = r->rpc->part_len,
                            .is_waiting = r->rpc->is_waiting};
  int rc = check(j);
  if (rc == PQ_OK) rc = pq_rpc_run_open(&j->run, host->db, host->cx, &command);
  if (rc != PQ_OK) give(j, rc, host->cx->msg);
  if (rc != PQ_OK || j->run.replies == NULL) return;
  pq_handle_set_reach(j->run.replies, pq_access_reach(host->server->access, r->client));
  pq_handle_set_job(j->run.replies, &j->job);
  pq_job_set_deadline(&j->job, host->server, r->command, pq_handle_now_us(host->db));
}

static pq_job *rpc_begin(void *shared, pq_request *r) {
  rpc_shared *s = shared;
  rpc_job *j = pq_alloc(s->host.cx, NULL, 0, sizeof *j);
  if (j == NULL) return NULL;
  memset(j, 0, sizeof *j);
  j->shared = s;
  j->job.request = r;
  if (r->rpc->is_login)
    log_in(j);
  else
    begin_command(j);
  return &j->job;
}

static void advance_command(rpc_job *j) {
  pq_job *job = &j->job;
  const pq_request *r = job->request;
  bool is_next = r->rpc->has_more;
  int rc = is_next ? check(j) : PQ_OK;
  if (is_next) /* a part's way does not count */
    pq_job_set_deadline(job, j->shared->host.server, r->command,
                        pq_handle_now_us(j->shared->host.db));
  job->request->rpc->has_more = false;
  pq_rpc_run_go_on(&j->run);
  if (rc != PQ_OK) {
    give(j, rc, j->shared->host.cx->msg);
  } else if (is_unwanted(r)) {
    give(j, PQ_EINVALID, "nobody waits for it any more");
  } else if (pq_rpc_run_advance(&j->run)) {
    give(j, j->run.result.rc, j->run.result.message);
  } else if (pq_job_is_late(job, pq_handle_now_us(j->shared->host.db))) {
    give(j, PQ_ETIMEOUT, "the command has taken longer than it may (maxTimeMs, --max-time-ms)");
  } else if (pq_rpc_run_sleeps(&j->run)) {
    job->wait_until_ms = pq_handle_now_us(j->shared->host.db) / 1000 + HEARTBEAT_MS;
  }
}

static void rpc_advance(pq_job *job) {
  if (job->request->rpc->is_login)
    job->is_done = true; /* it was held back */
  else
    advance_command((rpc_job *)job);
}

static bool rpc_must_end(const pq_job *job) {
  return !job->request->rpc->is_login && is_unwanted(job->request);
}

static bool rpc_is_awake(pq_job *job) {
  rpc_job *j = (rpc_job *)job;
  if (job->request->rpc->is_login) return false;
  return is_unwanted(job->request) || !pq_rpc_run_sleeps(&j->run);
}

static void rpc_end(pq_job *job) {
  rpc_job *j = (rpc_job *)job;
  pq_rpc_run_close(&j->run);
  pq_alloc(j->shared->host.cx, j, sizeof *j, 0);
}

const pq_job_class pq_rpc_job_class = {.name = "rpc",
                                       .start = rpc_start,
                                       .stop = rpc_stop,
                                       .begin = rpc_begin,
                                       .advance = rpc_advance,
                                       .is_awake = rpc_is_awake,
                                       .must_end = rpc_must_end,
                                       .end = rpc_end};
