/* server/capnweb_job.c - see capnweb_job.h. */
#include "server/capnweb_job.h"

#include <stdio.h>

#include "server/capnweb_run.h"

enum { HEARTBEAT_MS = 60000, ANSWER_LEN_MAX = 128 << 20 };

typedef struct rpc_shared {
  pq_job_host host;
} rpc_shared;

typedef struct rpc_job {
  pq_job job;
  rpc_shared *shared; /* borrowed */
  pq_rpc_run run;
} rpc_job;

/* ---- requests ---- */

static int copy_command(pq_cx *cx, pq_request *r, pq_value command) {
  pq_slice meta, bytes;
  PQ_TRY(pq_arena_copy(&r->arena, pq_value_meta(command), &meta));
  PQ_TRY(pq_arena_copy(&r->arena, pq_value_bytes(command), &bytes));
  r->command = (pq_value){meta.p, bytes.p, command.meta_len, command.len};
  (void)cx;
  return PQ_OK;
}

int pq_rpc_request_new(pq_cx *cx, const pq_rpc_command *command, pq_request **out) {
  pq_request *r = pq_request_new(cx);
  pq_rpc_request *q = r == NULL ? NULL : pq_alloc(cx, NULL, 0, sizeof *q);
  pq_field verb;
  int rc;
  *out = NULL;
  if (q == NULL) {
    pq_request_free(r);
    return pq_fail_nomem(cx);
  }
  memset(q, 0, sizeof *q);
  q->cx = cx;
  q->number = command->number;
  q->part_len = command->part_len;
  q->is_waiting = command->is_waiting;
  snprintf(q->ns, sizeof q->ns, "%s", command->ns);
  r->rpc = q;
  r->kind = PQ_JOB_RPC;
  rc = copy_command(cx, r, command->command);
  if (rc == PQ_OK && pq_object_at(r->command, 0, &verb)) r->name = verb.name;
  if (rc != PQ_OK) {
    pq_request_free(r);
    return rc;
  }
  *out = r;
  return PQ_OK;
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

static pq_job *rpc_begin(void *shared, pq_request *r) {
  rpc_shared *s = shared;
  rpc_job *j = pq_alloc(s->host.cx, NULL, 0, sizeof *j);
  pq_rpc_command command = {.number = r->rpc->number,
                            .ns = r->rpc->ns,
                            .command = r->command,
                            .part_len = r->rpc->part_len,
                            .is_waiting = r->rpc->is_waiting};
  int rc;
  if (j == NULL) return NULL;
  memset(j, 0, sizeof *j);
  j->shared = s;
  j->job.request = r;
  rc = pq_rpc_run_open(&j->run, s->host.db, s->host.cx, &command);
  if (rc != PQ_OK) give(j, rc, j->run.message);
  return &j->job;
}

static void rpc_advance(pq_job *job) {
  rpc_job *j = (rpc_job *)job;
  pq_request *r = job->request;
  pq_rpc_run_go_on(&j->run);
  if (r->rpc->is_cancelled || (r->rpc->is_waiting && r->client->is_leaving)) {
    give(j, PQ_EINVALID, "nobody waits for it any more");
  } else if (pq_rpc_run_advance(&j->run)) {
    give(j, j->run.result.rc, j->run.result.message);
  } else if (pq_rpc_run_sleeps(&j->run)) {
    job->wait_until_ms = pq_handle_now_us(j->shared->host.db) / 1000 + HEARTBEAT_MS;
  }
}

static bool rpc_is_awake(pq_job *job) {
  rpc_job *j = (rpc_job *)job;
  return job->request->rpc->is_cancelled || !pq_rpc_run_sleeps(&j->run);
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
                                       .end = rpc_end};
