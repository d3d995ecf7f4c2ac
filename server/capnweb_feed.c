/* server/capnweb_feed.c - subscriptions and streams: the items of one command, part by part.
 *
 *     subscription   callback(event)             for each event; what it resolves to is the
 * acknowledgement stream         ["pipe"], then ["stream", write(item)] …, close()
 *
 *     part arrives ─► items go out while the window has room ─► none left: go_on ─► next part …
 *
 * So neither the engine nor the session is ever ahead of a slow client by more than a part and a
 * window.
 */
#include <stdio.h>

#include "server/capnweb_int.h"

static void fail_feed(pq_rpc_feed *f, const char *code, const char *text) {
  if (f->error.text[0] != '\0') return;
  snprintf(f->error.type, sizeof f->error.type, "Error");
  snprintf(f->error.code, sizeof f->error.code, "%s", code);
  snprintf(f->error.text, sizeof f->error.text, "%s", text);
}

/* ---- the beginning ---- */

static pq_rpc_feed *feed_new(pq_rpc_session *s, pq_rpc_hook *callback) {
  pq_rpc_feed *f;
  if (s->feed_count >= PQ_RPC_FEEDS_MAX) {
    (void)pq_fail(&s->cx, PQ_ELIMIT, "more than %d subscriptions and streams: dispose of some",
                  PQ_RPC_FEEDS_MAX);
    return NULL;
  }
  f = pq_alloc(&s->cx, NULL, 0, sizeof *f);
  if (f == NULL) {
    (void)pq_fail_nomem(&s->cx);
    return NULL;
  }
  memset(f, 0, sizeof *f);
  f->closed = pq_rpc_hook_new(s);
  if (f->closed == NULL) {
    pq_alloc(&s->cx, f, sizeof *f, 0);
    return NULL;
  }
  f->is_stream = callback == NULL;
  f->callback = callback == NULL ? NULL : pq_rpc_hook_hold(callback);
  f->next = s->feeds;
  s->feeds = f;
  s->feed_count++;
  return f;
}

int pq_rpc_feed_open(pq_rpc_session *s, pq_rpc_scope *scope, pq_rpc_hook *callback,
                     pq_rpc_hook *result) {
  pq_rpc_feed *f = feed_new(s, callback);
  pq_rpc_job *job = f == NULL ? NULL : pq_rpc_job_new(s, scope, result);
  int rc;
  if (f == NULL) return s->cx.code;
  rc = job == NULL ? s->cx.code : PQ_OK;
  if (rc == PQ_OK) {
    job->shape = PQ_RPC_FEED;
    job->feed = f;
    job->turn = f->is_stream ? PQ_RPC_READ : PQ_RPC_ASIDE;
    job->part_len = PQ_RPC_PART_LEN;
    job->is_waiting = !f->is_stream;
    f->job = s->job_last + 1;
    rc = pq_rpc_job_submit(s, job);
  }
  if (rc == PQ_OK) return PQ_OK;
  f->job = 0;
  pq_rpc_feed_end(s, f);
  return rc;
}

/* The command has begun to answer: there is a subscription or a stream. */
static int resolve(pq_rpc_session *s, pq_rpc_job *job, pq_rpc_feed *f) {
  pq_rpc_hook *result = job->result, *stream;
  pq_rpc_target *t;
  int rc = PQ_OK;
  job->result = NULL;
  job->turn = PQ_RPC_ASIDE; /* what was called after it need not wait for the last item */
  if (f->is_stream) {
    stream = pq_rpc_hook_new(s);
    if (stream == NULL) rc = s->cx.code;
    if (stream != NULL) {
      stream->kind = PQ_RPC_STREAM;
      stream->feed = f;
      f->stream = stream;
      pq_rpc_resolve_as(s, result, stream);
      pq_rpc_hook_drop(s, stream);
    }
  } else {
    t = pq_rpc_target_new(s, PQ_RPC_SUBSCRIPTION, job->scope, "");
    if (t == NULL) rc = s->cx.code;
    if (t != NULL) {
      t->feed = f;
      f->target = t;
      rc = pq_rpc_resolve_target(s, result, t);
    }
  }
  pq_rpc_hook_drop(s, result);
  return rc;
}

int pq_rpc_feed_answer(pq_rpc_session *s, pq_rpc_job *job, const pq_rpc_result *result,
                       pq_rpc_payload *payload, pq_value items) {
  pq_rpc_feed *f = job->feed;
  if (result->rc != PQ_OK || !result->has_more) f->job = 0;
  if (result->rc != PQ_OK) {
    const char *text = result->message == NULL ? "" : result->message;
    fail_feed(f, pq_status_name(result->rc), text);
    if (job->result != NULL && job->result->kind == PQ_RPC_PENDING)
      pq_rpc_reject(s, job->result, result->rc, "Error", text);
    if (!f->is_stream || !f->is_open)
      pq_rpc_feed_end(s, f); /* a stream tells what was read first */
    return PQ_OK;
  }
  f->has_more = result->has_more;
  if (f->part == NULL) {
    f->part = payload;
    payload->refs++;
    f->items = items;
    f->item_at = 0;
  }
  return job->result == NULL ? PQ_OK : resolve(s, job, f);
}

int pq_rpc_stream_open(pq_rpc_session *s, pq_rpc_hook *h, uint64_t *pipe) {
  pq_rpc_feed *f = h->feed;
  *pipe = 0;
  if (h->kind != PQ_RPC_STREAM || f == NULL || s->options.is_batch)
    return pq_fail(&s->cx, PQ_EINVALID, "a stream can be read once");
  PQ_TRY(s->options.host.send(s->options.host.ud, PQ_SLICE("[\"pipe\"]")));
  h->feed = NULL;
  f->stream = NULL;
  f->is_open = true;
  *pipe = f->pipe = ++s->question_last;
  return PQ_OK;
}

/* ---- the end ---- */

static void send_release(pq_rpc_session *s, uint64_t id) {
  pq_buf_clear(&s->out);
  if (pq_buf_printf(&s->out, "[\"release\",%llu,1]", (unsigned long long)id) == PQ_OK)
    pq_rpc_send_if(s);
}

void pq_rpc_feed_end(pq_rpc_session *s, pq_rpc_feed *f) {
  uint64_t job = f->job;
  pq_rpc_hook *callback = f->callback;
  if (f->is_ended) return;
  f->is_ended = true;
  f->callback = NULL;
  f->job = 0;
  if (f->target != NULL) f->target->feed = NULL;
  f->target = NULL;
  if (f->stream != NULL) f->stream->feed = NULL;
  f->stream = NULL;
  if (job != 0) pq_rpc_cancel_job(s, job);
  if (f->is_open && !s->has_ended) send_release(s, f->pipe);
  if (f->error.text[0] != '\0')
    pq_rpc_reject_with(s, f->closed, &f->error);
  else
    pq_rpc_resolve_nothing(s, f->closed);
  pq_rpc_hook_drop(s, callback);
}

static void feed_free(pq_rpc_session *s, pq_rpc_feed *f) {
  for (uint32_t i = 0; i < s->questions.count; i++)
    if (s->questions.p[i].feed == f) s->questions.p[i].feed = NULL;
  pq_rpc_payload_drop(s, f->part);
  pq_rpc_hook_drop(s, f->closed);
  s->feed_count--;
  pq_alloc(&s->cx, f, sizeof *f, 0);
}

void pq_rpc_free_feeds(pq_rpc_session *s) {
  while (s->feeds != NULL) {
    pq_rpc_feed *f = s->feeds;
    pq_rpc_feed_end(s, f);
    s->feeds = f->next;
    feed_free(s, f);
  }
}

int pq_rpc_feed_acknowledged(pq_rpc_session *s, pq_rpc_feed *f, uint32_t len, bool is_refused) {
  f->unacknowledged--;
  f->unacknowledged_len -= len;
  if (is_refused && !f->is_closing) {
    fail_feed(f, "", f->is_stream ? "the reader has cancelled" : "the callback has failed");
    pq_rpc_feed_end(s, f);
  } else if (f->is_closing && f->unacknowledged == 0) {
    pq_rpc_feed_end(s, f);
  }
  return PQ_OK;
}

/* ---- sending ---- */

static bool has_room(const pq_rpc_feed *f) {
  return f->unacknowledged < PQ_RPC_WINDOW && f->unacknowledged_len < PQ_RPC_WINDOW_LEN;
}

/* An error of a command whose first items the client has. */
static int send_abort(pq_rpc_session *s, pq_rpc_feed *f) {
  uint64_t id = s->question_last + 1;
  pq_rpc_entry *e;
  pq_buf_clear(&s->out);
  PQ_TRY(pq_buf_printf(&s->out, "[\"stream\",[\"pipeline\",%llu,[\"abort\"],[",
                       (unsigned long long)f->pipe));
  PQ_TRY(pq_rpc_write_error(&s->out, &f->error));
  PQ_TRY(pq_buf_put_str(&s->out, "]]]"));
  PQ_TRY(pq_rpc_add(s, &s->questions, id, NULL, &e));
  s->question_last = id;
  e->feed = f;
  e->is_auto = true;
  f->unacknowledged++;
  return pq_rpc_send(s);
}

static int close_stream(pq_rpc_session *s, pq_rpc_feed *f) {
  f->is_closing = true;
  if (f->error.text[0] != '\0') return send_abort(s, f);
  return pq_rpc_ask(s, f, true, "close", (pq_value){0});
}

static int send_items(pq_rpc_session *s, pq_rpc_feed *f) {
  uint32_t count = f->part == NULL ? 0 : pq_value_count(f->items);
  while (f->item_at < count && has_room(f) && !s->has_ended) {
    pq_value item = pq_array_at(f->items, f->item_at);
    f->item_at++;
    PQ_TRY(pq_rpc_ask(s, f, f->is_stream, f->is_stream ? "write" : NULL, item));
  }
  if (f->item_at < count) return PQ_OK;
  pq_rpc_payload_drop(s, f->part);
  f->part = NULL;
  f->items = (pq_value){0};
  if (f->has_more) {
    f->has_more = false;
    s->options.host.go_on(s->options.host.ud, f->job);
  } else if (f->job == 0 && f->is_stream && !f->is_closing) {
    return close_stream(s, f);
  } else if (f->job == 0 && !f->is_stream) {
    pq_rpc_feed_end(s, f);
  }
  return PQ_OK;
}

int pq_rpc_run_feeds(pq_rpc_session *s) {
  for (pq_rpc_feed **at = &s->feeds; *at != NULL;) {
    pq_rpc_feed *f = *at;
    bool must_wait = f->is_stream ? !f->is_open : f->target == NULL;
    if (!f->is_ended && !must_wait) PQ_TRY(send_items(s, f));
    if (f->is_ended) {
      *at = f->next;
      feed_free(s, f);
    } else {
      at = &f->next;
    }
  }
  return PQ_OK;
}
