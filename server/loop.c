/* server/loop.c - the network thread: sockets, messages, answers. See serve.h.
 *
 *   connection:   reading ─ a whole message ─► waiting ─ the engine's answer ─► writing ─► reading
 *                            └─ handshakes are answered at once ──────────────────┘
 *
 * A connection has one command at a time; what a client sends meanwhile stays in its socket, so
 * nobody can fill our memory. A connection that closes while the engine has its command is freed
 * with the answer.
 */
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <uv.h>

#include "server/engine.h"
#include "server/handshake.h"
#include "server/mongo_error.h"
#include "server/serve.h"

enum {
  ADDRESS_CAP = 80,
  READ_CAP = 64 << 10,
  CONNECTIONS_MAX = 1000,
  BACKLOG = 512,
  TICK_MS = 1000,
  MESSAGE_MS = 30000, /* for the rest of a message that has begun */
  WRITE_MS = 60000,   /* for a client that does not read */
  KEPT_LEN = 1 << 20, /* larger buffers are given back */
  COMMAND_LEN_MAX = 96 << 20
};

typedef struct server server;

typedef struct connection {
  uv_tcp_t tcp;
  uv_write_t write;
  server *server;
  struct connection *next, *before;
  int32_t number;
  pq_buf in, out;
  bool is_reading, is_waiting, is_writing, is_closing, is_closed;
  uint64_t since_ms; /* of the message that has begun, or of the write */
  char host[ADDRESS_CAP], peer[ADDRESS_CAP];
} connection;

struct server {
  uv_loop_t loop;
  uv_tcp_t listener;
  uv_async_t wake;
  uv_timer_t tick;
  uv_signal_t term, interrupt;
  const pq_serve_options *options;
  pq_cx cx; /* of this thread: malloc */
  pq_wire wire;
  pq_builder *builder;
  pq_engine *engine;
  connection *first;
  unsigned count, count_max;
  int32_t last_number, last_answer;
  bool is_stopping;
  char read[READ_CAP];
};

static void process(connection *c);

static void say(server *s, const char *fmt, ...) PQ_PRINTF(2, 3);

static void say(server *s, const char *fmt, ...) {
  char line[PQ_MESSAGE_CAP + 200];
  va_list args;
  if (s->options->log == NULL) return;
  va_start(args, fmt);
  (void)vsnprintf(line, sizeof line, fmt, args);
  va_end(args);
  s->options->log(s->options->ud, line);
}

/* ---- closing ---- */

static void connection_free(connection *c) {
  server *s = c->server;
  pq_buf_release(&c->in);
  pq_buf_release(&c->out);
  *(c->before == NULL ? &s->first : &c->before->next) = c->next;
  if (c->next != NULL) c->next->before = c->before;
  s->count--;
  free(c);
}

static void close_if_open(uv_handle_t *h) {
  if (!uv_is_closing(h)) uv_close(h, NULL);
}

/* The loop ends when nothing is left that could happen. */
static void end_if_done(server *s) {
  if (!s->is_stopping || s->first != NULL) return;
  close_if_open((uv_handle_t *)&s->listener);
  close_if_open((uv_handle_t *)&s->wake);
  close_if_open((uv_handle_t *)&s->tick);
  close_if_open((uv_handle_t *)&s->term);
  close_if_open((uv_handle_t *)&s->interrupt);
}

static void on_closed(uv_handle_t *h) {
  connection *c = h->data;
  server *s = c->server;
  c->is_closed = true;
  if (c->is_waiting) return; /* the answer frees it */
  connection_free(c);
  end_if_done(s);
}

static void connection_close(connection *c) {
  if (c->is_closing) return;
  c->is_closing = true;
  uv_close((uv_handle_t *)&c->tcp, on_closed);
}

/* What was received cannot be understood, or nobody wants it. */
static void refuse(connection *c, const char *why) {
  say(c->server, "connection %d from %s is closed: %s", (int)c->number, c->peer, why);
  connection_close(c);
}

/* Empty a buffer; one that has grown large is given back. */
static void empty(pq_buf *b) {
  pq_cx *cx = b->cx;
  size_t len_max = b->len_max;
  if (b->cap > KEPT_LEN) {
    pq_buf_release(b);
    pq_buf_init(b, cx, len_max);
  }
  pq_buf_clear(b);
}

/* ---- answers ---- */

static void on_written(uv_write_t *w, int status) {
  connection *c = w->data;
  c->is_writing = false;
  empty(&c->out);
  if (status != 0 || c->server->is_stopping)
    connection_close(c);
  else
    process(c);
}

static void write_out(connection *c) {
  uv_buf_t buf = uv_buf_init((char *)c->out.p, (unsigned)c->out.len);
  c->write.data = c;
  c->is_writing = true;
  c->since_ms = uv_now(&c->server->loop);
  if (uv_write(&c->write, (uv_stream_t *)&c->tcp, &buf, 1, on_written) == 0) return;
  c->is_writing = false;
  connection_close(c);
}

/* Answer and free the request. An empty answer: there was no memory for one. */
static void answer(connection *c, pq_request *r) {
  server *s = c->server;
  pq_wire_answer a = {.body = pq_buf_slice(&r->answer),
                      .request_id = ++s->last_answer,
                      .response_to = r->request_id,
                      .is_reply = r->is_reply,
                      .is_compressed = r->is_compressed && !pq_handshake_is_plain(r->name),
                      .packer = r->packer};
  bool is_silent = r->is_silent;
  int rc = PQ_OK;
  if (a.body.n == 0) rc = pq_fail(&s->cx, PQ_ENOMEM, "out of memory");
  if (rc == PQ_OK && !is_silent) rc = pq_wire_reply(&s->wire, &a, &c->out);
  pq_request_free(r);
  if (rc != PQ_OK)
    refuse(c, s->cx.msg);
  else if (!is_silent)
    write_out(c);
  else if (s->is_stopping)
    connection_close(c);
}

/* The engine has finished some. */
static void on_wake(uv_async_t *h) {
  server *s = h->data;
  pq_request *r;
  while ((r = pq_engine_take(s->engine)) != NULL) {
    connection *c = r->owner;
    c->is_waiting = false;
    if (!c->is_closing) {
      bool is_silent = r->is_silent;
      answer(c, r);
      if (is_silent) process(c);
      continue;
    }
    pq_request_free(r);
    if (c->is_closed) connection_free(c);
  }
  end_if_done(s);
}

/* From the engine's thread. */
static void wake(void *ud) {
  server *s = ud;
  (void)uv_async_send(&s->wake);
}

/* ---- requests ---- */

static int64_t now_ms(void) {
  uv_timeval64_t now;
  return uv_gettimeofday(&now) == 0 ? now.tv_sec * 1000 + now.tv_usec / 1000 : 0;
}

/* The request is taken: answered, or on its way to the engine. */
static void dispatch(connection *c, pq_request *r) {
  server *s = c->server;
  pq_handshake h = {.host = c->host, .peer = c->peer, .connection = c->number, .now_ms = now_ms()};
  bool is_done = false;
  int rc = pq_handshake_answer(&h, r, &is_done);
  if (rc != PQ_OK) {
    pq_request_free(r);
    refuse(c, s->cx.msg);
  } else if (is_done) {
    answer(c, r);
  } else {
    pq_buf_release(&r->answer);
    r->owner = c;
    c->is_waiting = true;
    pq_engine_submit(s->engine, r);
  }
}

/* A command that cannot be read is answered: where the next message begins is known. */
static void take_message(connection *c, const pq_wire_message *m) {
  server *s = c->server;
  pq_request *r = pq_request_new(&s->cx);
  int rc;
  if (r == NULL) {
    refuse(c, "out of memory");
    return;
  }
  pq_buf_init(&r->answer, &s->cx, 1 << 20);
  rc = pq_request_read(r, s->builder, m);
  if (rc == PQ_OK) {
    dispatch(c, r);
    return;
  }
  if (pq_mongo_error_put(&r->answer, pq_mongo_code_of(rc), s->cx.msg) != PQ_OK)
    pq_buf_clear(&r->answer);
  answer(c, r);
}

/* Forget the first `len` bytes received. */
static void consume(connection *c, size_t len) {
  memmove(c->in.p, c->in.p + len, c->in.len - len);
  c->in.len -= len;
  if (c->in.len == 0) empty(&c->in);
  c->since_ms = uv_now(&c->server->loop);
}

static void on_alloc(uv_handle_t *h, size_t suggested, uv_buf_t *buf) {
  connection *c = h->data;
  (void)suggested;
  *buf = uv_buf_init(c->server->read, sizeof c->server->read);
}

static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf) {
  connection *c = stream->data;
  if (n == 0) return;
  if (n < 0) {
    connection_close(c);
    return;
  }
  if (c->in.len == 0) c->since_ms = uv_now(&c->server->loop);
  if (pq_buf_put(&c->in, buf->base, (size_t)n) != PQ_OK)
    refuse(c, c->server->cx.msg);
  else
    process(c);
}

static void set_reading(connection *c, bool is_reading) {
  if (c->is_closing || c->is_reading == is_reading) return;
  c->is_reading = is_reading;
  if (!is_reading)
    (void)uv_read_stop((uv_stream_t *)&c->tcp);
  else if (uv_read_start((uv_stream_t *)&c->tcp, on_alloc, on_read) != 0)
    connection_close(c);
}

/* Take messages as long as one is whole and the connection is free. */
static void process(connection *c) {
  server *s = c->server;
  while (!c->is_waiting && !c->is_writing && !c->is_closing) {
    pq_slice in = pq_buf_slice(&c->in);
    pq_wire_message m;
    size_t len;
    int rc = pq_wire_measure(&s->cx, in, &len);
    if (rc == PQ_OK && (len == 0 || len > in.n)) break;
    if (rc == PQ_OK) rc = pq_wire_read(&s->wire, (pq_slice){in.p, len}, &m);
    if (rc != PQ_OK) {
      refuse(c, s->cx.msg);
      return;
    }
    take_message(c, &m);
    consume(c, len);
  }
  set_reading(c, !c->is_waiting && !c->is_writing);
}

/* ---- connections ---- */

static void address_text(const struct sockaddr_storage *a, char out[ADDRESS_CAP]) {
  char ip[64] = "";
  const struct sockaddr_in6 *six = (const struct sockaddr_in6 *)(const void *)a;
  const struct sockaddr_in *four = (const struct sockaddr_in *)(const void *)a;
  if (a->ss_family == AF_INET6) {
    (void)uv_ip6_name(six, ip, sizeof ip);
    (void)snprintf(out, ADDRESS_CAP, "[%s]:%u", ip, (unsigned)ntohs(six->sin6_port));
  } else {
    (void)uv_ip4_name(four, ip, sizeof ip);
    (void)snprintf(out, ADDRESS_CAP, "%s:%u", ip, (unsigned)ntohs(four->sin_port));
  }
}

static void name_ends(const uv_tcp_t *tcp, char here[ADDRESS_CAP], char peer[ADDRESS_CAP]) {
  struct sockaddr_storage a = {0};
  int len = sizeof a;
  (void)uv_tcp_getsockname(tcp, (struct sockaddr *)&a, &len);
  address_text(&a, here);
  len = sizeof a;
  if (peer == NULL) return;
  (void)uv_tcp_getpeername(tcp, (struct sockaddr *)&a, &len);
  address_text(&a, peer);
}

static void on_connection(uv_stream_t *listener, int status) {
  server *s = listener->data;
  connection *c;
  if (status != 0 || (c = calloc(1, sizeof *c)) == NULL) return;
  c->server = s;
  c->number = ++s->last_number;
  c->next = s->first;
  if (s->first != NULL) s->first->before = c;
  s->first = c;
  s->count++;
  pq_buf_init(&c->in, &s->cx, (size_t)PQ_WIRE_LEN_MAX + READ_CAP);
  pq_buf_init(&c->out, &s->cx, (size_t)PQ_WIRE_LEN_MAX * 2); /* packed bytes may be more */
  (void)uv_tcp_init(&s->loop, &c->tcp);
  c->tcp.data = c;
  if (uv_accept(listener, (uv_stream_t *)&c->tcp) != 0) {
    connection_close(c);
    return;
  }
  (void)uv_tcp_nodelay(&c->tcp, 1);
  name_ends(&c->tcp, c->host, c->peer);
  if (s->count > s->count_max)
    refuse(c, "too many connections");
  else if (s->is_stopping)
    connection_close(c);
  else
    set_reading(c, true);
}

/* Clients that begin a message and do not end it, or do not read their answer. */
static void on_tick(uv_timer_t *h) {
  server *s = h->data;
  uint64_t now = uv_now(&s->loop);
  for (connection *c = s->first, *next; c != NULL; c = next) {
    uint64_t age = now - c->since_ms;
    next = c->next;
    if (c->is_closing || c->is_waiting) continue;
    if (c->is_writing && age > WRITE_MS) refuse(c, "its answer is not read");
    if (!c->is_writing && c->in.len > 0 && age > MESSAGE_MS)
      refuse(c, "a message has begun that does not end");
  }
}

/* ---- the loop ---- */

static void on_signal(uv_signal_t *h, int number) {
  server *s = h->data;
  bool is_first = !s->is_stopping;
  say(s, "signal %d: %s", number, is_first ? "stopping" : "dropping what is under way");
  s->is_stopping = true;
  close_if_open((uv_handle_t *)&s->listener);
  for (connection *c = s->first, *next; c != NULL; c = next) {
    next = c->next;
    if (!is_first || (!c->is_waiting && !c->is_writing)) connection_close(c);
  }
  end_if_done(s);
}

/* "127.0.0.1", "::1", "localhost". */
static int resolve(pq_cx *cx, const pq_serve_options *o, struct sockaddr_storage *out) {
  struct sockaddr_in *four = (struct sockaddr_in *)(void *)out;
  struct sockaddr_in6 *six = (struct sockaddr_in6 *)(void *)out;
  const char *host = strcmp(o->host, "localhost") == 0 ? "127.0.0.1" : o->host;
  if (o->port > 65535) return pq_fail(cx, PQ_EINVALID, "port %u: there are 65535", o->port);
  if (uv_ip4_addr(host, (int)o->port, four) == 0) {
    if (ntohl(four->sin_addr.s_addr) >> 24 == 127) return PQ_OK;
  } else if (uv_ip6_addr(host, (int)o->port, six) != 0) {
    return pq_fail(cx, PQ_EINVALID, "'%.60s' is no address: give one, such as 127.0.0.1", host);
  } else if (IN6_IS_ADDR_LOOPBACK(&six->sin6_addr)) {
    return PQ_OK;
  }
  return pq_fail(cx, PQ_EUNSUPPORTED,
                 "listening on %.60s is not supported: nobody has to log in yet, so only loopback "
                 "addresses are allowed (127.0.0.1, ::1)",
                 host);
}

static int listen_on(server *s, pq_cx *cx) {
  struct sockaddr_storage address = {0};
  char here[ADDRESS_CAP];
  int rc;
  PQ_TRY(resolve(cx, s->options, &address));
  rc = uv_tcp_bind(&s->listener, (const struct sockaddr *)&address, 0);
  if (rc == 0) rc = uv_listen((uv_stream_t *)&s->listener, BACKLOG, on_connection);
  if (rc != 0)
    return pq_fail(cx, PQ_EINVALID, "cannot listen on %.60s, port %u: %s", s->options->host,
                   s->options->port, uv_strerror(rc));
  name_ends(&s->listener, here, NULL);
  if (s->options->ready != NULL) s->options->ready(s->options->ud, here);
  return PQ_OK;
}

/* Handles that cannot fail, so that all of them are there when they are closed. */
static void init_handles(server *s) {
  (void)uv_tcp_init(&s->loop, &s->listener);
  (void)uv_timer_init(&s->loop, &s->tick);
  (void)uv_signal_init(&s->loop, &s->term);
  (void)uv_signal_init(&s->loop, &s->interrupt);
  s->listener.data = s->wake.data = s->tick.data = s->term.data = s->interrupt.data = s;
}

static int run(server *s, pqdb *db) {
  pq_cx *cx = pq_handle_cx(db);
  int rc = listen_on(s, cx);
  if (rc == PQ_OK) rc = pq_engine_start(db, wake, s, &s->engine);
  if (rc == PQ_OK) {
    (void)uv_timer_start(&s->tick, on_tick, TICK_MS, TICK_MS);
    (void)uv_signal_start(&s->term, on_signal, SIGTERM);
    (void)uv_signal_start(&s->interrupt, on_signal, SIGINT);
  } else {
    s->is_stopping = true;
    end_if_done(s);
  }
  (void)uv_run(&s->loop, UV_RUN_DEFAULT);
  pq_engine_stop(s->engine);
  return rc;
}

int pq_serve(pqdb *db, const pq_serve_options *options) {
  pq_cx *cx = pq_handle_cx(db);
  server *s = calloc(1, sizeof *s);
  int rc;
  if (s == NULL) return pq_fail_nomem(cx);
  s->options = options;
  s->count_max = options->connections == 0 ? CONNECTIONS_MAX : options->connections;
  pq_cx_init(&s->cx, NULL, NULL);
  s->cx.limits.doc_len_max = COMMAND_LEN_MAX;
  pq_wire_init(&s->wire, &s->cx);
  (void)signal(SIGPIPE, SIG_IGN); /* a client that goes away is an error of a write */
  rc = pq_builder_new(&s->cx, &s->builder);
  if (rc == PQ_OK && uv_loop_init(&s->loop) != 0) rc = PQ_ENOMEM;
  if (rc != PQ_OK) {
    rc = pq_fail_nomem(cx);
  } else if (uv_async_init(&s->loop, &s->wake, on_wake) != 0) {
    rc = pq_fail(cx, PQ_ELIMIT, "the system gives no descriptors for the server");
    (void)uv_loop_close(&s->loop);
  } else {
    init_handles(s);
    rc = run(s, db);
    (void)uv_loop_close(&s->loop);
  }
  pq_builder_free(s->builder);
  pq_wire_release(&s->wire);
  free(s);
  return rc;
}
