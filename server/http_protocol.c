/* server/http_protocol.c - requests out of bytes, one after the other. See http_protocol.h. */
#include "server/http_protocol.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "server/http_int.h"
#include "server/log.h"

enum {
  HEAD_LEN_MAX = 32 << 10,
  TARGET_LEN_MAX = 16 << 10,
  BODY_LEN_MAX = 48 << 20, /* of a document or a command; bodies of lines have no end */
  DOCUMENT_LEN_MAX = 96 << 20,
  IN_LEN_MAX = 128 << 10,
  KEPT_LEN = 1 << 20,
  IDLE_MS = 75000 /* between two requests */
};

uint64_t pq_http_now_us(void) {
  struct timespec now;
  (void)clock_gettime(CLOCK_MONOTONIC, &now);
  return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

static int start(pq_net *net, void **out) {
  http_shared *s = calloc(1, sizeof *s);
  uint32_t body_max = pq_net_server(net)->options->request_len_max;
  *out = NULL;
  if (s == NULL) return pq_fail_nomem(pq_net_cx(net));
  pq_cx_init(&s->cx, NULL, NULL);
  s->cx.limits.doc_len_max = DOCUMENT_LEN_MAX;
  s->limits = (pq_http_limits){
      .head_len_max = HEAD_LEN_MAX, .target_len_max = TARGET_LEN_MAX, .body_len_max = BODY_LEN_MAX};
  if (body_max > 0 && body_max < BODY_LEN_MAX) s->limits.body_len_max = body_max;
  if (pq_builder_new(&s->cx, &s->builder) != PQ_OK) {
    free(s);
    return pq_fail_nomem(pq_net_cx(net));
  }
  *out = s;
  return PQ_OK;
}

static void stop(void *ud) {
  http_shared *s = ud;
  pq_builder_free(s->builder);
  free(s);
}

static int begin(pq_connection *c) {
  http_connection *h = c->state;
  http_shared *s = c->shared;
  pq_buf_init(&h->head_bytes, &s->cx, HEAD_LEN_MAX * 2);
  pq_buf_init(&h->content, &s->cx, (size_t)BODY_LEN_MAX + PQ_HTTP_PIECE_LEN);
  pq_buf_init(&h->lines, &s->cx, (size_t)BODY_LEN_MAX * 2);
  pq_arena_init(&h->arena, &s->cx, s->cx.limits.op_len_max);
  pq_net_alarm(c, IDLE_MS);
  return PQ_OK;
}

static void release_packing(http_connection *h);

static void end(pq_connection *c) {
  http_connection *h = c->state;
  http_shared *s = c->shared;
  pq_request *held = h->held;
  h->held = NULL;
  pq_request_free(h->delayed);
  h->delayed = NULL;
  pq_http_rpc_close(h);
  if (h->is_feed) s->metrics.feeds--;
  if (h->socket != NULL) s->metrics.sockets--;
  pq_websocket_free(h->socket);
  release_packing(h);
  pq_buf_release(&h->head_bytes);
  pq_buf_release(&h->content);
  pq_buf_release(&h->lines);
  pq_arena_release(&h->arena);
  if (held == NULL) return;
  held->is_cancelled = true; /* the engine has something of it */
  pq_net_submit(c, held);
}

/* ---- answers ---- */

static void empty(pq_buf *b) {
  pq_cx *cx = b->cx;
  size_t len_max = b->len_max;
  if (b->cap > KEPT_LEN) {
    pq_buf_release(b);
    pq_buf_init(b, cx, len_max);
  }
  pq_buf_clear(b);
}

static void release_packing(http_connection *h) {
  pq_http_answer_release(&h->answer);
  pq_http_unpacker_free(h->unpacker);
  h->unpacker = NULL;
}

void pq_http_send(pq_connection *c, pq_buf *out) {
  pq_net_write(c, out);
  pq_buf_release(out);
}

void pq_http_count(pq_connection *c, int status) {
  const http_connection *h = c->state;
  struct pq_metrics *m = pq_net_server(c->net)->metrics;
  uint32_t i = 0;
  if (m == NULL) return;
  while (pq_http_route_at(i) != NULL && pq_http_route_at(i) != h->call.route)
    i++;
  if (pq_http_route_at(i) == NULL) i = UINT32_MAX;
  pq_metrics_route(m, i, status,
                   h->call.route != NULL && h->call.route->shape == PQ_HTTP_FEED
                       ? UINT64_MAX
                       : pq_http_now_us() - h->asked_us);
}

int pq_http_done(pq_connection *c) {
  http_connection *h = c->state;
  pq_http_count(c, h->answer.status);
  release_packing(h);
  if (!h->answer.keeps_alive) {
    h->state = HTTP_OVER;
    c->is_busy = true; /* whatever else it sends */
    if (h->is_sending)
      pq_net_linger(c);
    else
      pq_net_finish(c);
    return PQ_OK;
  }
  h->state = HTTP_HEAD;
  h->refusal = 0;
  h->drops_body = h->is_sending = h->is_packed_strangely = false;
  h->lines_len = 0;
  empty(&h->head_bytes);
  empty(&h->content);
  empty(&h->lines);
  pq_arena_clear(&h->arena);
  c->is_busy = false;
  pq_net_alarm(c, IDLE_MS);
  return PQ_OK;
}

/* A failure of our memory as one of the connection. */
static int fail_as(pq_connection *c, int rc) {
  http_shared *s = c->shared;
  return rc == PQ_OK ? PQ_OK : pq_fail(pq_net_cx(c->net), rc, "%s", s->cx.msg);
}

int pq_http_reply(pq_connection *c, int status, const char *type, pq_slice body,
                  const char *fields) {
  http_connection *h = c->state;
  http_shared *s = c->shared;
  pq_buf out;
  int rc;
  pq_buf_init(&out, &s->cx, PQ_HTTP_ANSWER_MAX);
  rc = pq_http_answer_whole(&h->answer, status, type, body, fields, &out);
  if (rc == PQ_OK) pq_net_write(c, &out);
  pq_buf_release(&out);
  return rc == PQ_OK ? pq_http_done(c) : fail_as(c, rc);
}

int pq_http_reply_problem(pq_connection *c, int status, const char *code, const char *detail,
                          const char *fields) {
  http_connection *h = c->state;
  http_shared *s = c->shared;
  pq_buf out;
  int rc;
  pq_buf_init(&out, &s->cx, PQ_HTTP_ANSWER_MAX);
  rc = pq_http_answer_problem(&h->answer, status, code, detail, fields, &out);
  if (rc == PQ_OK) pq_net_write(c, &out);
  pq_buf_release(&out);
  return rc == PQ_OK ? pq_http_done(c) : fail_as(c, rc);
}

void pq_http_refuse(pq_connection *c, int status, const char *code, const char *why) {
  http_connection *h = c->state;
  if (h->refusal != 0) return;
  h->refusal = status;
  h->drops_body = true;
  (void)snprintf(h->code, sizeof h->code, "%s", code);
  (void)snprintf(h->why, sizeof h->why, "%s", why);
}

int pq_http_reply_refusal(pq_connection *c) {
  http_connection *h = c->state;
  char fields[200], allow[64];
  int status = h->refusal;
  fields[0] = '\0';
  if (status == 401) (void)snprintf(fields, sizeof fields, "%s", PQ_HTTP_CHALLENGE);
  if (status == 415 && h->is_packed_strangely)
    (void)snprintf(fields, sizeof fields, "Accept-Encoding: gzip, zstd\r\n");
  if (status == 405 && pq_http_route_find(&h->call, allow) != PQ_OK)
    (void)snprintf(fields, sizeof fields, "Allow: %s\r\n", allow);
  if (status == 426)
    (void)snprintf(fields, sizeof fields, "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n");
  return pq_http_reply_problem(c, status, h->code, h->why, fields);
}

void pq_http_tell_end(const pq_connection *c, const char *why) {
  pq_log_say(pq_net_server(c->net)->log, PQ_LOG_WARN, "connection %llu from %s is closed: %s",
             (unsigned long long)c->client.number, c->client.peer, why);
}

/* Nobody knows where the next request would begin. */
static int reply_malformed(pq_connection *c, int status) {
  http_connection *h = c->state;
  http_shared *s = c->shared;
  h->answer = (pq_http_answer){.cx = &s->cx, .minor = 1, .now_s = (int64_t)time(NULL)};
  h->call.route = NULL;
  h->asked_us = pq_http_now_us();
  h->is_sending = true;
  pq_http_tell_end(c, s->cx.msg);
  return pq_http_reply_problem(c, status, pq_status_name(s->cx.code), s->cx.msg, NULL);
}

/* ---- requests ---- */

static void begin_exchange(pq_connection *c) {
  http_connection *h = c->state;
  http_shared *s = c->shared;
  h->call =
      (pq_http_call){.cx = &s->cx, .builder = s->builder, .arena = &h->arena, .head = &h->head};
  h->answer = (pq_http_answer){.cx = &s->cx,
                               .call = &h->call,
                               .minor = h->head.minor,
                               .is_head = pq_slice_is(h->head.method, "HEAD"),
                               .keeps_alive = h->head.keeps_alive && !pq_net_is_stopping(c->net),
                               .coding = pq_http_coding_wanted(&h->head),
                               .now_s = (int64_t)time(NULL)};
  h->sums = (http_sums){.count = 0};
  h->begun_us = h->asked_us = pq_http_now_us();
  h->verb[0] = '\0';
  h->body_noted = 0;
  h->is_piece = false;
}

/* What is asked for, and may it be? */
static void understand(pq_connection *c) {
  http_connection *h = c->state;
  http_shared *s = c->shared;
  char allow[64];
  pq_http_guard(c);
  if (h->refusal != 0) return;
  if (pq_http_route_find(&h->call, allow) != PQ_OK) {
    /* "OPTIONS *" and those of paths that are there are answered by act. */
    if (!pq_slice_is(h->head.method, "OPTIONS") ||
        (allow[0] == '\0' && !pq_slice_is(h->head.path, "*")))
      pq_http_refuse(c, h->call.status, h->call.status == 404 ? "NOT_FOUND" : "NOT_SUPPORTED",
                     s->cx.msg);
    return;
  }
  if (pq_http_call_read(&h->call) != PQ_OK)
    pq_http_refuse(c, h->call.status, pq_status_name(s->cx.code), s->cx.msg);
}

static bool has_body(const pq_http_head *h) {
  return h->is_chunked || h->content_len > 0;
}

/* The request is whole. */
int pq_http_act_on_whole(pq_connection *c) {
  http_connection *h = c->state;
  pq_net_alarm(c, 0);
  if (h->refusal != 0) return pq_http_reply_refusal(c);
  if (h->call.route == NULL) {
    char allow[64], fields[400];
    if (pq_http_route_find(&h->call, allow) == PQ_OK) return PQ_OK;
    (void)snprintf(fields, sizeof fields, "Allow: %s, OPTIONS\r\n%s", allow,
                   pq_http_is_preflight(&h->head)
                       ? "Access-Control-Allow-Methods: GET, HEAD, POST, PUT, PATCH, DELETE\r\n"
                         "Access-Control-Allow-Headers: Authorization, Content-Type, If-Match, "
                         "If-None-Match, Last-Event-ID\r\nAccess-Control-Max-Age: 600\r\n"
                       : "");
    return pq_http_reply(c, 204, NULL, (pq_slice){NULL, 0}, fields);
  }
  return pq_http_act(c);
}

static int take_head(pq_connection *c, pq_slice bytes, size_t *used) {
  http_connection *h = c->state;
  http_shared *s = c->shared;
  size_t len;
  int status = 400;
  int rc = pq_http_measure(&s->cx, bytes, &s->limits, &len, &status);
  if (rc == PQ_OK && len == 0) return PQ_OK;
  *used = rc == PQ_OK ? len : bytes.n;
  if (rc == PQ_OK) rc = pq_buf_put(&h->head_bytes, bytes.p, len);
  if (rc == PQ_ENOMEM) return fail_as(c, rc);
  if (rc == PQ_OK)
    rc = pq_http_read(&s->cx, pq_buf_slice(&h->head_bytes), &s->limits, &h->head, &status);
  if (rc != PQ_OK) return reply_malformed(c, status);
  begin_exchange(c);
  understand(c);
  if (has_body(&h->head)) return pq_http_body_take(c);
  pq_http_body_begin(&h->body, &h->head, 0);
  return pq_http_act_on_whole(c);
}

static int received(pq_connection *c, pq_slice bytes, size_t *used) {
  http_connection *h = c->state;
  *used = 0;
  switch (h->state) {
    case HTTP_HEAD: return take_head(c, bytes, used);
    case HTTP_BODY: return pq_http_body_received(c, bytes, used);
    case HTTP_SOCKET: *used = bytes.n; return pq_http_socket_received(c, bytes);
    case HTTP_OVER: *used = bytes.n; return PQ_OK;
    default: return PQ_OK;
  }
}

static int answered(pq_connection *c, pq_request *r) {
  http_connection *h = c->state;
  if (h->side != NULL) return pq_http_rpc_answered(c, r);
  if (r->rpc != NULL) return pq_http_rpc_drop(c, r);
  return pq_http_answered(c, r);
}

static int written(pq_connection *c) {
  http_connection *h = c->state;
  if (h->side != NULL) return pq_http_rpc_written(c);
  pq_http_go_on(c);
  return PQ_OK;
}

static int alarm_rang(pq_connection *c) {
  http_connection *h = c->state;
  if (h->state == HTTP_SOCKET) return pq_http_socket_alarm(c);
  if (h->delayed != NULL) return pq_http_deliver_delayed(c);
  if (h->state == HTTP_HEAD) {
    pq_net_close(c, NULL);
    return PQ_OK;
  }
  return h->state == HTTP_BODY && !c->is_busy ? pq_http_body_alarm(c) : PQ_OK;
}

static void leave(pq_connection *c) {
  http_connection *h = c->state;
  h->answer.keeps_alive = false;
  if (h->side != NULL) pq_http_rpc_leave(c);
}

const pq_protocol pq_http_protocol = {.name = "http",
                                      .state_size = sizeof(http_connection),
                                      .in_len_max = IN_LEN_MAX,
                                      .start = start,
                                      .stop = stop,
                                      .begin = begin,
                                      .received = received,
                                      .answered = answered,
                                      .written = written,
                                      .alarm = alarm_rang,
                                      .leave = leave,
                                      .end = end};
