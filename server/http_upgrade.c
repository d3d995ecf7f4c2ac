/* server/http_upgrade.c - from HTTP to RPC: WebSockets and batches. See http_rpc.h. */
#include <stdio.h>

#include "server/capnweb_job.h"
#include "server/http_int.h"
#include "server/log.h"

enum {
  MESSAGE_LEN_MAX = 32 << 20,
  STRANGER_LEN_MAX = 64 << 10, /* of who has to log in, and has not yet */
  PING_MS = 30000,
  PROGRESS_LEN = 1024 /* so many bytes of a frame are as good as an answer */
};

/* The end of it, for whoever runs the server. */
static void tell_end(pq_connection *c, const char *why, int code) {
  pq_log_say(pq_net_server(c->net)->log, PQ_LOG_WARN,
             "connection %llu from %s is closed: its WebSocket %s (%d)",
             (unsigned long long)c->client.number, c->client.peer, why, code);
}

/* ---- links ---- */

/* What is in the WebSocket's buffer goes out. */
static void write_socket(pq_connection *c) {
  http_connection *h = c->state;
  pq_net_write(c, pq_websocket_out(h->socket));
}

static void lose(pq_connection *c, int rc) {
  if (rc != PQ_OK) pq_net_close(c, "out of memory");
}

static void send_message(pq_rpc_link *l, pq_slice message) {
  pq_connection *c = l->connection;
  http_connection *h = c->state;
  if (c->is_closing || h->is_ending) return;
  if (h->socket != NULL) {
    lose(c, pq_websocket_send(h->socket, message));
    if (!c->is_closing) write_socket(c);
    return;
  }
  if (h->lines.len > 0 && pq_buf_put_byte(&h->lines, '\n') != PQ_OK)
    lose(c, PQ_ENOMEM);
  else
    lose(c, pq_buf_put_slice(&h->lines, message));
}

static void end_link(pq_rpc_link *l, const char *why) {
  pq_connection *c = l->connection;
  http_connection *h = c->state;
  if (c->is_closing || h->is_ending) return;
  h->is_ending = true;
  if (h->socket == NULL) return; /* the batch is answered once the session has returned */
  if (why != NULL) tell_end(c, why, PQ_WEBSOCKET_POLICY);
  lose(c,
       pq_websocket_close(h->socket, why == NULL ? PQ_WEBSOCKET_NORMAL : PQ_WEBSOCKET_POLICY, why));
  if (!c->is_closing) write_socket(c);
  pq_net_linger(c); /* it may be sending, and not yet know why it is refused */
}

static size_t queued(const pq_rpc_link *l) {
  return l->connection->queued;
}

void pq_http_rpc_close(http_connection *h) {
  const pq_rpc_side *side = h->side;
  h->side = NULL;
  if (side != NULL) side->close(h->session);
  h->session = NULL;
}

static int open_session(pq_connection *c, bool is_batch) {
  http_connection *h = c->state;
  const pq_rpc_side *side = pq_http_rpc_side();
  h->link = (pq_rpc_link){.connection = c,
                          .is_batch = is_batch,
                          .send = send_message,
                          .end = end_link,
                          .queued = queued};
  h->is_ending = false;
  (void)pq_http_field_get(&h->head, "authorization", &h->link.authorization);
  PQ_TRY(side->open(&h->link, &h->session));
  h->side = side;
  return PQ_OK;
}

static int no_rpc(pq_connection *c) {
  return pq_http_reply_problem(c, 501, "NOT_SUPPORTED", "this server has no RPC", NULL);
}

/* ---- batches ---- */

/* The session has said all: an HTTP answer of its lines. */
static int end_batch(pq_connection *c) {
  http_connection *h = c->state;
  if (!h->is_ending || c->is_closing) return PQ_OK;
  pq_http_rpc_close(h);
  return pq_http_reply(c, 200, "text/plain; charset=utf-8", pq_buf_slice(&h->lines), NULL);
}

int pq_http_batch(pq_connection *c) {
  http_connection *h = c->state;
  if (pq_http_rpc_side() == NULL) return no_rpc(c);
  h->state = HTTP_BATCH;
  c->is_busy = true;
  pq_buf_clear(&h->lines);
  PQ_TRY(open_session(c, true));
  PQ_TRY(h->side->message(h->session, pq_buf_slice(&h->content)));
  return end_batch(c);
}

/* ---- WebSockets ---- */

static int take_message(void *ud, pq_slice text) {
  pq_connection *c = ud;
  http_connection *h = c->state;
  if (h->side == NULL || h->is_ending) return PQ_OK;
  return h->side->message(h->session, text);
}

static int write_accept(pq_connection *c, const char *accept) {
  http_shared *s = c->shared;
  pq_buf out;
  int rc;
  pq_buf_init(&out, &s->cx, 512);
  rc = pq_buf_printf(&out,
                     "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
                     "Connection: Upgrade\r\nSec-WebSocket-Accept: %s\r\n\r\n",
                     accept);
  if (rc == PQ_OK) pq_net_write(c, &out);
  pq_buf_release(&out);
  return rc == PQ_OK ? PQ_OK : pq_fail(pq_net_cx(c->net), rc, "%s", s->cx.msg);
}

int pq_http_upgrade(pq_connection *c) {
  http_connection *h = c->state;
  http_shared *s = c->shared;
  pq_websocket_options o = {
      .cx = &s->cx, .message_max = MESSAGE_LEN_MAX, .message = take_message, .ud = c};
  if (pq_http_needs_login(pq_net_server(c->net))) o.message_max = STRANGER_LEN_MAX;
  pq_slice key, version;
  char accept[32];
  if (pq_http_rpc_side() == NULL) return no_rpc(c);
  if (!pq_http_has_token(&h->head, "upgrade", "websocket") ||
      !pq_http_has_token(&h->head, "connection", "upgrade") ||
      !pq_http_field_get(&h->head, "sec-websocket-version", &version) ||
      !pq_slice_is(version, "13"))
    return pq_http_reply_problem(
        c, 426, "VALIDATION_FAILED", "GET /rpc begins a WebSocket of version 13",
        "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n");
  if (!pq_http_field_get(&h->head, "sec-websocket-key", &key) || !pq_websocket_accept(key, accept))
    return pq_http_reply_problem(c, 400, "VALIDATION_FAILED",
                                 "Sec-WebSocket-Key is missing or no key", NULL);
  if (pq_websocket_new(&o, &h->socket) != PQ_OK)
    return pq_fail(pq_net_cx(c->net), PQ_ENOMEM, "out of memory");
  s->metrics.sockets++;
  pq_http_count(c, 101);
  PQ_TRY(write_accept(c, accept));
  h->state = HTTP_SOCKET;
  c->is_busy = false;
  h->was_pinged = false;
  h->socket_frames = h->socket_len = 0;
  pq_net_alarm(c, PING_MS);
  PQ_TRY(open_session(c, false));
  c->is_busy = true; /* what it sends waits until it is known who it is */
  return PQ_OK;
}

/* It is known who it is, or that it is nobody. */
static void welcome(pq_connection *c) {
  http_connection *h = c->state;
  c->is_busy = false;
  if (c->client.user[0] != '\0') pq_websocket_set_max(h->socket, MESSAGE_LEN_MAX);
}

int pq_http_socket_received(pq_connection *c, pq_slice bytes) {
  http_connection *h = c->state;
  int rc = pq_websocket_receive(h->socket, bytes);
  h->socket_len += bytes.n;
  if (pq_websocket_frames(h->socket) != h->socket_frames || h->socket_len >= PROGRESS_LEN) {
    h->was_pinged = false;
    h->socket_frames = pq_websocket_frames(h->socket);
    h->socket_len = 0;
  }
  if (c->is_closing) return PQ_OK;
  if (rc != PQ_OK) rc = pq_websocket_close(h->socket, PQ_WEBSOCKET_ERROR, pq_net_cx(c->net)->msg);
  write_socket(c);
  if (rc == PQ_OK && pq_websocket_is_over(h->socket)) {
    int code = pq_websocket_code(h->socket);
    if (code > PQ_WEBSOCKET_AWAY && code != PQ_WEBSOCKET_POLICY && code < 3000)
      tell_end(c, "broke the protocol", code);
    pq_http_rpc_close(h);
    pq_net_leave(c);
    pq_net_linger(c);
  }
  return rc == PQ_OK ? PQ_OK : pq_fail(pq_net_cx(c->net), rc, "out of memory");
}

/* A client that answers no ping has gone. */
int pq_http_socket_alarm(pq_connection *c) {
  http_connection *h = c->state;
  if (h->was_pinged) {
    pq_net_close(c, "its WebSocket answers no ping");
    return PQ_OK;
  }
  h->was_pinged = true;
  lose(c, pq_websocket_ping(h->socket));
  if (!c->is_closing) write_socket(c);
  pq_net_alarm(c, PING_MS);
  return PQ_OK;
}

int pq_http_rpc_answered(pq_connection *c, pq_request *r) {
  http_connection *h = c->state;
  http_shared *s = c->shared;
  if (r->rpc != NULL && !r->rpc->is_login && !r->rpc->has_more)
    pq_http_metrics_note(&s->metrics, r->name, r->rpc->rc,
                         r->has_waited ? UINT64_MAX : (pq_net_clock_ns() - r->since_ns) / 1000);
  if (r->rpc != NULL && r->rpc->is_login && h->socket != NULL) welcome(c);
  PQ_TRY(h->side->answered(h->session, r));
  return h->socket == NULL ? end_batch(c) : PQ_OK;
}

int pq_http_rpc_drop(pq_connection *c, pq_request *r) {
  if (r->job == NULL) {
    pq_request_free(r);
    return PQ_OK;
  }
  r->is_cancelled = true;
  pq_net_submit(c, r);
  return PQ_OK;
}

int pq_http_rpc_written(pq_connection *c) {
  http_connection *h = c->state;
  return h->side->written == NULL ? PQ_OK : h->side->written(h->session);
}

void pq_http_rpc_leave(pq_connection *c) {
  http_connection *h = c->state;
  if (h->socket == NULL) return;
  lose(c, pq_websocket_close(h->socket, PQ_WEBSOCKET_AWAY, "the server stops"));
  if (!c->is_closing) write_socket(c);
}
