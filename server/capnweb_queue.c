/* server/capnweb_queue.c - the commands of a session in their order, and what their answers become.
 *
 *     jobs:  [running find] [running get] [update] [find] [commit]
 *                                          │ waits for the reads; what is behind it waits for it
 *
 * Sorted by the number of the message that they come from. A command begins when no call or map of
 * an earlier message waits, as that may yet become a command: so a call that has to wait for an
 * argument still goes before those that were made after it. What it waits for was called earlier
 * still, so this always ends; only a promise of the client's may wait for anything, and while there
 * is one nobody waits for calls that wait.
 */
#include <stdio.h>

#include "server/capnweb_int.h"

/* ---- the queue ---- */

pq_rpc_job *pq_rpc_job_new(pq_rpc_session *s, pq_rpc_scope *scope, pq_rpc_hook *result) {
  pq_rpc_job *job;
  if (s->job_count >= s->options.pending_max) {
    (void)pq_fail(&s->cx, PQ_ELIMIT, "more than %u commands wait", s->options.pending_max);
    return NULL;
  }
  job = pq_alloc(&s->cx, NULL, 0, sizeof *job);
  if (job == NULL) {
    (void)pq_fail_nomem(&s->cx);
    return NULL;
  }
  memset(job, 0, sizeof *job);
  job->order = s->order;
  job->scope = scope;
  scope->refs++;
  if (result != NULL) job->result = pq_rpc_hook_hold(result);
  return job;
}

void pq_rpc_job_free(pq_rpc_session *s, pq_rpc_job *job) {
  pq_rpc_scope_drop(s, job->scope);
  pq_rpc_hook_drop(s, job->result);
  pq_alloc(&s->cx, job->bytes, job->len, 0);
  pq_alloc(&s->cx, job, sizeof *job, 0);
}

static void enqueue(pq_rpc_session *s, pq_rpc_job *job) {
  pq_rpc_job **at = &s->jobs;
  if (s->jobs_last != NULL && job->turn != PQ_RPC_ASIDE && s->jobs_last->order <= job->order)
    at = &s->jobs_last->next;
  else if (job->turn != PQ_RPC_ASIDE)
    while (*at != NULL && ((*at)->is_running || (*at)->order <= job->order))
      at = &(*at)->next;
  job->next = *at;
  *at = job;
  if (job->next == NULL) s->jobs_last = job;
  s->job_count++;
}

static void unlink_job(pq_rpc_session *s, pq_rpc_job *job) {
  pq_rpc_job **at = &s->jobs, *before = NULL;
  while (*at != job) {
    before = *at;
    at = &(*at)->next;
  }
  *at = job->next;
  if (s->jobs_last == job) s->jobs_last = before;
  s->job_count--;
  if (job->is_running) s->running_count--;
}

static int take_command(pq_rpc_session *s, pq_rpc_job *job) {
  pq_value v;
  PQ_TRY(pq_builder_view(s->builder, &v));
  job->len = (size_t)v.meta_len + v.len;
  job->bytes = pq_alloc(&s->cx, NULL, 0, job->len);
  if (job->bytes == NULL) {
    job->len = 0;
    return pq_fail_nomem(&s->cx);
  }
  memcpy(job->bytes, v.meta, v.meta_len);
  memcpy(job->bytes + v.meta_len, v.p, v.len);
  job->command = (pq_value){job->bytes, job->bytes + v.meta_len, v.meta_len, v.len};
  return PQ_OK;
}

int pq_rpc_job_submit(pq_rpc_session *s, pq_rpc_job *job) {
  int rc = take_command(s, job);
  if (rc != PQ_OK) {
    pq_rpc_job_free(s, job);
    return rc;
  }
  job->number = ++s->job_last;
  enqueue(s, job);
  return PQ_OK;
}

static void fail_job(pq_rpc_session *s, pq_rpc_job *job, int rc, const char *text) {
  if (job->feed != NULL) job->feed->job = 0;
  if (job->result != NULL && job->result->kind == PQ_RPC_PENDING)
    pq_rpc_reject(s, job->result, rc, "Error", text);
  if (job->feed != NULL) pq_rpc_feed_end(s, job->feed);
}

static void start(pq_rpc_session *s, pq_rpc_job *job) {
  pq_rpc_command command = {.number = job->number,
                            .ns = job->scope->ns,
                            .command = job->command,
                            .part_len = job->part_len,
                            .is_read = job->turn == PQ_RPC_READ,
                            .is_waiting = job->is_waiting};
  int rc = s->options.host.start(s->options.host.ud, &command);
  job->is_running = true;
  s->running_count++;
  if (rc == PQ_OK) return;
  unlink_job(s, job);
  fail_job(s, job, rc, s->options.cx->msg);
  pq_rpc_job_free(s, job);
}

static bool has_turn(const pq_rpc_job *job, uint64_t oldest, uint32_t running, pq_rpc_turn turn) {
  if (oldest < job->order) return false;
  if (running == 0) return true;
  return running < PQ_RPC_RUNNING_MAX && job->turn == turn && turn != PQ_RPC_ALONE;
}

int pq_rpc_run_jobs(pq_rpc_session *s) {
  uint64_t oldest = s->promise_count > 0 ? UINT64_MAX : pq_rpc_oldest_op(s);
  uint32_t running = 0;
  pq_rpc_turn turn = PQ_RPC_ASIDE;
  if (pq_rpc_is_full(s)) return PQ_OK;
  for (pq_rpc_job *job = s->jobs, *next; job != NULL; job = next) {
    next = job->next;
    if (job->turn == PQ_RPC_ASIDE) {
      if (!job->is_running) start(s, job);
      continue;
    }
    if (!job->is_running && !has_turn(job, oldest, running, turn)) break;
    turn = job->turn;
    running++;
    if (!job->is_running) start(s, job);
  }
  return PQ_OK;
}

static pq_rpc_job *find_job(pq_rpc_session *s, uint64_t number) {
  pq_rpc_job *job = s->jobs;
  while (job != NULL && job->number != number)
    job = job->next;
  return job;
}

void pq_rpc_cancel_job(pq_rpc_session *s, uint64_t number) {
  pq_rpc_job *job = find_job(s, number);
  if (job == NULL) return;
  if (job->is_running) s->options.host.cancel(s->options.host.ud, number);
  unlink_job(s, job);
  pq_rpc_job_free(s, job);
}

void pq_rpc_unwant(pq_rpc_session *s, pq_rpc_hook *result) {
  pq_rpc_job *job;
  if (result->kind != PQ_RPC_PENDING || result->refs > 2 || result->waiters != NULL) return;
  for (job = s->jobs; job != NULL && job->result != result;)
    job = job->next;
  if (job == NULL || job->turn != PQ_RPC_READ) return;
  pq_rpc_reject(s, result, PQ_EINVALID, "Error", "nobody waits for it any more");
  pq_rpc_cancel_job(s, job->number);
}

/* At the end of the session a transaction that was not committed is aborted: without what stood
 * before it a commit that waits would store half of it. */
void pq_rpc_free_jobs(pq_rpc_session *s) {
  while (s->jobs != NULL) {
    pq_rpc_job *job = s->jobs;
    if (job->is_running)
      s->options.host.cancel(s->options.host.ud, job->number);
    else if (job->is_abort)
      start(s, job);
    else if (job->is_last_of_txn)
      job->scope->is_ended = false;
    if (s->jobs != job) continue; /* it could not begin, and is gone */
    unlink_job(s, job);
    pq_rpc_job_free(s, job);
  }
}

void pq_rpc_abort_txn(pq_rpc_session *s, pq_rpc_scope *scope) {
  pq_builder *b = s->builder;
  pq_rpc_job *job = pq_rpc_job_new(s, scope, NULL);
  int rc;
  scope->is_ended = true;
  if (job == NULL) return; /* its age will end it */
  job->turn = PQ_RPC_ALONE;
  job->shape = PQ_RPC_END;
  job->is_last_of_txn = job->is_abort = true;
  pq_builder_clear(b);
  rc = pq_builder_begin_object(b);
  if (rc == PQ_OK) rc = pq_builder_key_str(b, "abort");
  if (rc == PQ_OK) rc = pq_builder_i64(b, scope->txn);
  if (rc == PQ_OK) rc = pq_builder_end(b);
  if (rc == PQ_OK)
    rc = pq_rpc_job_submit(s, job);
  else
    pq_rpc_job_free(s, job);
  (void)rc; /* as above */
}

/* ---- answers ---- */

/* {items: […], summary: {…}}, as capnweb_run.h makes it: the lengths of both parts, then they. */
static int open_answer(pq_rpc_session *s, pq_rpc_result *result, pq_rpc_payload *payload,
                       pq_value *out) {
  pq_slice bytes, meta;
  if (s->used_len + s->held_len + result->bytes.cap > s->options.memory_max)
    return pq_fail(&s->cx, PQ_ELIMIT,
                   "the session holds more than %llu MB of answers: dispose of those that are read",
                   (unsigned long long)(s->options.memory_max >> 20));
  payload->bytes = result->bytes;
  s->held_len += payload->bytes.cap;
  result->bytes = (pq_buf){0};
  bytes = pq_buf_slice(&payload->bytes);
  if (bytes.n < 4 || pq_rd32(bytes.p) > bytes.n - 4)
    return pq_fail(&s->cx, PQ_ECORRUPT, "the answer of a command is cut off");
  meta = (pq_slice){bytes.p + 4, pq_rd32(bytes.p)};
  return pq_value_check(&s->cx, meta, (pq_slice){meta.p + meta.n, bytes.n - 4 - meta.n}, out);
}

static pq_rpc_node data_node(pq_value v) {
  return pq_value_is_missing(v) ? (pq_rpc_node){0} : (pq_rpc_node){.kind = PQ_RPC_DATA, .data = v};
}

/* The fields of the summary but "ok", behind `items` if there are any. */
static int shape_fields(pq_rpc_session *s, pq_rpc_payload *p, pq_value items, pq_value summary,
                        pq_rpc_node *out) {
  uint32_t count, n = 0;
  pq_field *fields = pq_object_fields(&p->arena, summary, &count);
  if (fields == NULL) return s->cx.code;
  *out = (pq_rpc_node){.kind = PQ_RPC_OBJECT};
  out->items = pq_arena_calloc(&p->arena, (size_t)count + 1, sizeof *out->items);
  out->names = pq_arena_calloc(&p->arena, (size_t)count + 1, sizeof *out->names);
  if (out->items == NULL || out->names == NULL) return s->cx.code;
  if (!pq_value_is_missing(items)) {
    out->names[n] = PQ_SLICE("items");
    out->items[n++] = data_node(items);
  }
  for (uint32_t i = 0; i < count; i++) {
    if (pq_slice_is(fields[i].name, "ok")) continue;
    out->names[n] = fields[i].name;
    out->items[n++] = data_node(fields[i].value);
  }
  out->count = n;
  return PQ_OK;
}

/* null, also where there is nothing. */
static int null_node(pq_rpc_session *s, pq_rpc_payload *p, pq_rpc_node *out) {
  out->kind = PQ_RPC_DATA;
  pq_builder_clear(s->builder);
  PQ_TRY(pq_builder_null(s->builder));
  return pq_builder_finish(s->builder, &p->arena, &out->data);
}

static int shape_answer(pq_rpc_session *s, const pq_rpc_job *job, pq_rpc_payload *p,
                        pq_value answer, pq_rpc_node *out) {
  pq_value items = pq_object_get_str(answer, "items");
  pq_value summary = pq_object_get_str(answer, "summary");
  *out = (pq_rpc_node){0};
  switch (job->shape) {
    case PQ_RPC_ITEMS: *out = data_node(items); return PQ_OK;
    case PQ_RPC_ITEM:
      *out = data_node(pq_array_at(items, 0));
      return out->kind == PQ_RPC_UNDEFINED ? null_node(s, p, out) : PQ_OK;
    case PQ_RPC_FIELD: *out = data_node(pq_object_get_str(summary, job->field)); return PQ_OK;
    case PQ_RPC_BOTH: *out = data_node(answer); return PQ_OK;
    case PQ_RPC_PAGE: return shape_fields(s, p, items, summary, out);
    default: return shape_fields(s, p, (pq_value){0}, summary, out);
  }
}

/* The stub of a transaction that has begun. */
static int begin_txn(pq_rpc_session *s, pq_rpc_job *job, pq_value answer) {
  pq_rpc_scope *scope = pq_rpc_scope_new(s, job->scope->ns);
  pq_rpc_target *t;
  if (scope == NULL) return s->cx.code;
  if (!pq_value_i64(pq_object_get_str(pq_object_get_str(answer, "summary"), "txn"), &scope->txn))
    scope->is_ended = true;
  t = pq_rpc_target_new(s, PQ_RPC_TRANSACTION, scope, "");
  pq_rpc_scope_drop(s, scope);
  return t == NULL ? s->cx.code : pq_rpc_resolve_target(s, job->result, t);
}

static int succeed(pq_rpc_session *s, pq_rpc_job *job, pq_rpc_payload *p, pq_value answer) {
  pq_rpc_node node;
  if (job->shape == PQ_RPC_BEGIN) return begin_txn(s, job, answer);
  if (job->result == NULL) return PQ_OK;
  PQ_TRY(shape_answer(s, job, p, answer, &node));
  if (job->result->kind == PQ_RPC_PENDING) pq_rpc_resolve(s, job->result, p, node);
  return PQ_OK;
}

static int take_whole(pq_rpc_session *s, pq_rpc_job *job, pq_rpc_result *result,
                      pq_rpc_payload *p) {
  pq_value answer = {0};
  int rc = result->rc;
  if (rc == PQ_OK) rc = open_answer(s, result, p, &answer);
  if (result->rc == PQ_OK && rc != PQ_OK) result->message = s->cx.msg;
  if (job->feed != NULL) {
    result->rc = rc;
    return pq_rpc_feed_answer(s, job, result, p, pq_object_get_str(answer, "items"));
  }
  if (rc == PQ_OK) {
    rc = succeed(s, job, p, answer);
    result->message = s->cx.msg;
  }
  if (rc == PQ_OK) return PQ_OK;
  if (job->result != NULL && job->result->kind == PQ_RPC_PENDING)
    pq_rpc_reject(s, job->result, rc, "Error", result->message == NULL ? "" : result->message);
  return PQ_OK;
}

int pq_rpc_take_answer(pq_rpc_session *s, uint64_t number, pq_rpc_result *result) {
  pq_rpc_job *job = find_job(s, number);
  bool is_last = !result->has_more || result->rc != PQ_OK;
  pq_rpc_payload *p;
  int rc;
  if (job == NULL || !job->is_running) return PQ_OK;
  p = pq_rpc_payload_new(s);
  if (p == NULL) return s->cx.code;
  s->order = job->order;
  if (is_last) unlink_job(s, job);
  rc = take_whole(s, job, result, p);
  pq_rpc_payload_drop(s, p);
  if (is_last) pq_rpc_job_free(s, job);
  return rc;
}
