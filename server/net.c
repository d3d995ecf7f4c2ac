/* server/net.c - connections and their bytes. See net.h.
 *
 *   reading ─ received ─► busy? ─ answered, written ─► reading … ─► closing ─► closed ─► freed
 *                                                                              (the last request
 *                                                                               has come back)
 */
#include "server/net.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "server/net_loop.h"

enum {
  READ_CAP = 64 << 10,
  CONNECTIONS_MAX = 1000,
  LISTENERS_MAX = 8,
  PROTOCOLS_MAX = 4,
  BACKLOG = 512,
  TICK_MS = 1000,
  MESSAGE_MS = 30000, /* for the rest of a message that has begun */
  WRITE_MS = 60000,   /* for a client that does not read */
  KEPT_LEN = 1 << 20  /* larger buffers are given back */
};

typedef struct peer {
  pq_connection c; /* first: what its protocol has is this */
  union {
    uv_handle_t handle;
    uv_stream_t stream;
    uv_tcp_t tcp;
  } u;
  uv_timer_t timer;
  struct peer *next, *before;
  pq_buf in;
  size_t taken;      /* bytes of `in` that the protocol has taken */
  uint64_t since_ms; /* when `in` began to have bytes, or the oldest write began */
  uint32_t writes;   /* under way */
  uint32_t handles;  /* of libuv, open */
  bool is_reading, has_begun, has_ended, is_processing;
  bool is_finishing; /* what is queued is the last */
  bool has_left;     /* it has sent the last */
} peer;

typedef struct listener {
  uv_tcp_t tcp;
  pq_net *net;
  const pq_protocol *protocol;
  void *shared;
} listener;

/* A write that is under way, with its bytes. */
typedef struct writing {
  uv_write_t write;
  peer *peer;
  pq_buf bytes;
} writing;

struct pq_net {
  uv_loop_t loop;
  uv_async_t wake;
  uv_timer_t tick;
  listener listeners[LISTENERS_MAX];
  uint32_t listener_count;
  struct {
    const pq_protocol *protocol;
    void *shared;
  } protocols[PROTOCOLS_MAX];
  uint32_t protocol_count;
  pq_server *server;
  pq_cx cx; /* of this thread: malloc */
  pq_engine *engine;
  peer *first;
  unsigned count, count_max;
  uint64_t last_number;
  bool is_stopping;
  char read[READ_CAP];
};

static void process(peer *p);

static void say(pq_net *n, const char *fmt, ...) PQ_PRINTF(2, 3);

static void say(pq_net *n, const char *fmt, ...) {
  char line[PQ_MESSAGE_CAP + 200];
  va_list args;
  if (n->server->options->log == NULL) return;
  va_start(args, fmt);
  (void)vsnprintf(line, sizeof line, fmt, args);
  va_end(args);
  n->server->options->log(n->server->options->ud, line);
}

pq_cx *pq_net_cx(pq_net *net) {
  return &net->cx;
}

const pq_server *pq_net_server(const pq_net *net) {
  return net->server;
}

uint64_t pq_net_now_ms(const pq_net *net) {
  return uv_now(&net->loop);
}

bool pq_net_is_stopping(const pq_net *net) {
  return net->is_stopping;
}

/* ---- closing ---- */

static void peer_free(peer *p) {
  pq_net *n = p->c.net;
  if (p->c.client.login_free != NULL) p->c.client.login_free(p->c.client.login);
  pq_buf_release(&p->in);
  free(p->c.state);
  *(p->before == NULL ? &n->first : &p->before->next) = p->next;
  if (p->next != NULL) p->next->before = p->before;
  n->count--;
  n->server->counters.connections = n->count;
  free(p);
}

static void close_if_open(uv_handle_t *h) {
  if (!uv_is_closing(h)) uv_close(h, NULL);
}

/* The loop ends when nothing is left that could happen. */
static void end_if_done(pq_net *n) {
  if (!n->is_stopping || n->first != NULL) return;
  close_if_open((uv_handle_t *)&n->wake);
  close_if_open((uv_handle_t *)&n->tick);
}

static void free_if_done(peer *p) {
  pq_net *n = p->c.net;
  if (p->handles > 0 || p->c.requests > 0) return;
  peer_free(p);
  end_if_done(n);
}

static void on_closed(uv_handle_t *h) {
  peer *p = h->data;
  p->handles--;
  free_if_done(p);
}

static void peer_close(peer *p) {
  pq_connection *c = &p->c;
  if (c->is_closing) return;
  c->is_closing = true;
  c->client.is_leaving = true;
  if (c->requests > 0) pq_engine_poke(c->net->engine);
  if (p->has_begun && !p->has_ended && c->protocol->end != NULL) c->protocol->end(c);
  p->has_ended = true;
  uv_close(&p->u.handle, on_closed);
  uv_close((uv_handle_t *)&p->timer, on_closed);
}

void pq_net_close(pq_connection *c, const char *why) {
  if (why != NULL && !c->is_closing)
    say(c->net, "connection %llu from %s is closed: %s", (unsigned long long)c->client.number,
        c->client.peer, why);
  peer_close((peer *)c);
}

/* What a protocol's function has returned. False: the connection is closing. */
static bool is_fine(peer *p, int rc) {
  if (rc != PQ_OK) pq_net_close(&p->c, p->c.net->cx.msg);
  return !p->c.is_closing;
}

static bool is_idle(const peer *p) {
  return p->c.requests == 0 && p->writes == 0;
}

void pq_net_finish(pq_connection *c) {
  peer *p = (peer *)c;
  p->is_finishing = true;
  if (is_idle(p) && !p->is_processing) peer_close(p);
}

/* ---- writing ---- */

static void writing_free(writing *w) {
  pq_buf_release(&w->bytes);
  free(w);
}

static void on_written(uv_write_t *h, int status) {
  writing *w = h->data;
  peer *p = w->peer;
  pq_connection *c = &p->c;
  c->queued -= w->bytes.len;
  p->writes--;
  p->since_ms = uv_now(&c->net->loop);
  writing_free(w);
  if (status != 0) peer_close(p);
  if (c->is_closing) return;
  if (p->writes == 0 && c->protocol->written != NULL && !is_fine(p, c->protocol->written(c)))
    return;
  process(p);
}

/* Hand bytes to the system; they are taken. */
static void write_raw(peer *p, pq_buf *bytes) {
  pq_net *n = p->c.net;
  writing *w = p->c.is_closing ? NULL : calloc(1, sizeof *w);
  pq_buf empty;
  uv_buf_t buf;
  pq_buf_init(&empty, bytes->cx, bytes->len_max);
  if (w == NULL) {
    pq_buf_release(bytes);
    *bytes = empty;
    pq_net_close(&p->c, "out of memory");
    return;
  }
  w->bytes = *bytes;
  *bytes = empty;
  w->peer = p;
  w->write.data = w;
  buf = uv_buf_init((char *)w->bytes.p, (unsigned)w->bytes.len);
  if (uv_write(&w->write, &p->u.stream, &buf, 1, on_written) != 0) {
    writing_free(w);
    peer_close(p);
    return;
  }
  if (p->writes++ == 0) p->since_ms = uv_now(&n->loop);
  p->c.queued += w->bytes.len;
  n->server->counters.bytes_out += w->bytes.len;
}

void pq_net_write(pq_connection *c, pq_buf *bytes) {
  if (bytes->len > 0) write_raw((peer *)c, bytes);
}

/* ---- requests ---- */

void pq_net_submit(pq_connection *c, pq_request *r) {
  r->owner = c;
  r->client = &c->client;
  c->requests++;
  c->net->server->counters.requests++;
  c->net->server->counters.requests_out++;
  pq_engine_submit(c->net->engine, r);
}

/* Of a connection that has closed. */
static void drop_request(peer *p, pq_request *r) {
  if (r->job != NULL) {
    r->is_cancelled = true;
    pq_net_submit(&p->c, r);
    return;
  }
  pq_request_free(r);
  free_if_done(p);
}

/* The engine has finished some. */
static void on_wake(uv_async_t *h) {
  pq_net *n = h->data;
  pq_request *r;
  while ((r = pq_engine_take(n->engine)) != NULL) {
    peer *p = r->owner;
    p->c.requests--;
    n->server->counters.requests_out--;
    if (p->c.is_closing)
      drop_request(p, r);
    else if (is_fine(p, p->c.protocol->answered(&p->c, r)))
      process(p);
  }
}

void pq_net_wake(void *ud) {
  pq_net *n = ud;
  (void)uv_async_send(&n->wake);
}

/* ---- reading ---- */

/* Forget what was taken. A buffer that has grown large is given back. */
static void forget_taken(peer *p) {
  pq_buf *b = &p->in;
  if (p->taken == 0) return;
  memmove(b->p, b->p + p->taken, b->len - p->taken);
  b->len -= p->taken;
  p->taken = 0;
  p->since_ms = uv_now(&p->c.net->loop);
  if (b->len > 0 || b->cap <= KEPT_LEN) return;
  pq_buf_release(b);
  pq_buf_init(b, &p->c.net->cx, p->c.protocol->in_len_max + READ_CAP);
}

static void on_alloc(uv_handle_t *h, size_t suggested, uv_buf_t *buf) {
  peer *p = h->data;
  (void)suggested;
  *buf = uv_buf_init(p->c.net->read, sizeof p->c.net->read);
}

/* It has sent all that it wants to send, or has gone: answer what is there. */
static void end_of_input(peer *p) {
  p->c.client.is_leaving = true;
  if (p->c.requests > 0) pq_engine_poke(p->c.net->engine);
  (void)uv_read_stop(&p->u.stream);
  p->is_reading = false;
  p->has_left = true;
  process(p);
}

static void take_bytes(peer *p, const char *bytes, size_t len) {
  if (p->in.len == 0) p->since_ms = uv_now(&p->c.net->loop);
  if (pq_buf_put(&p->in, bytes, len) != PQ_OK)
    pq_net_close(&p->c, p->c.net->cx.msg);
  else
    process(p);
}

static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf) {
  peer *p = stream->data;
  if (n == 0) return;
  if (n == UV_EOF) {
    end_of_input(p);
  } else if (n < 0) {
    peer_close(p);
  } else {
    p->c.net->server->counters.bytes_in += (uint64_t)n;
    take_bytes(p, buf->base, (size_t)n);
  }
}

static void set_reading(peer *p, bool is_reading) {
  if (p->c.is_closing || p->has_left || p->is_reading == is_reading) return;
  p->is_reading = is_reading;
  if (!is_reading)
    (void)uv_read_stop(&p->u.stream);
  else if (uv_read_start(&p->u.stream, on_alloc, on_read) != 0)
    peer_close(p);
}

static bool may_receive(const peer *p) {
  return !p->c.is_busy && !p->c.is_closing && !p->is_finishing && !p->c.net->is_stopping &&
         p->c.queued <= PQ_NET_QUEUED_MAX && p->in.len > p->taken;
}

/* Give the protocol what it takes; close what has come to its end. */
static void process(peer *p) {
  pq_connection *c = &p->c;
  size_t used = 1;
  if (p->is_processing || c->is_closing) return;
  p->is_processing = true;
  while (used > 0 && may_receive(p)) {
    pq_slice bytes = {p->in.p + p->taken, p->in.len - p->taken};
    used = 0;
    if (!is_fine(p, c->protocol->received(c, bytes, &used))) break;
    pq_assert(used <= bytes.n);
    p->taken += used;
  }
  p->is_processing = false;
  if (c->is_closing) return;
  forget_taken(p);
  if (is_idle(p) && (p->is_finishing || p->has_left || c->net->is_stopping))
    peer_close(p);
  else
    set_reading(p, (!c->is_busy && c->queued <= PQ_NET_QUEUED_MAX) || p->in.len < PQ_NET_AHEAD);
}

void pq_net_resume(pq_connection *c) {
  process((peer *)c);
}

/* ---- alarms ---- */

static void on_alarm(uv_timer_t *h) {
  peer *p = h->data;
  if (p->c.is_closing || p->c.protocol->alarm == NULL) return;
  if (is_fine(p, p->c.protocol->alarm(&p->c))) process(p);
}

void pq_net_alarm(pq_connection *c, uint64_t after_ms) {
  peer *p = (peer *)c;
  if (c->is_closing) return;
  if (after_ms == 0)
    (void)uv_timer_stop(&p->timer);
  else
    (void)uv_timer_start(&p->timer, on_alarm, after_ms, 0);
}

/* Clients that begin a message and do not end it, or do not read their answer. */
static void on_tick(uv_timer_t *h) {
  pq_net *n = h->data;
  uint64_t now = uv_now(&n->loop);
  for (peer *p = n->first, *next; p != NULL; p = next) {
    uint64_t age = now - p->since_ms;
    next = p->next;
    if (p->c.is_closing || p->c.requests > 0) continue;
    if (p->writes > 0 && age > WRITE_MS) pq_net_close(&p->c, "its answer is not read");
    if (p->writes == 0 && !p->c.is_busy && p->in.len > 0 && age > MESSAGE_MS)
      pq_net_close(&p->c, "a message has begun that does not end");
  }
}

/* ---- connections ---- */

static bool address_text(const struct sockaddr_storage *a, char out[PQ_ADDRESS_CAP]) {
  char ip[64] = "";
  const struct sockaddr_in6 *six = (const struct sockaddr_in6 *)(const void *)a;
  const struct sockaddr_in *four = (const struct sockaddr_in *)(const void *)a;
  if (a->ss_family == AF_INET6) {
    (void)uv_ip6_name(six, ip, sizeof ip);
    (void)snprintf(out, PQ_ADDRESS_CAP, "[%s]:%u", ip, (unsigned)ntohs(six->sin6_port));
    return IN6_IS_ADDR_LOOPBACK(&six->sin6_addr);
  }
  (void)uv_ip4_name(four, ip, sizeof ip);
  (void)snprintf(out, PQ_ADDRESS_CAP, "%s:%u", ip, (unsigned)ntohs(four->sin_port));
  return ntohl(four->sin_addr.s_addr) >> 24 == 127;
}

/* Where a socket is, and from; is the peer on this machine? */
static bool name_ends(const uv_tcp_t *tcp, char here[PQ_ADDRESS_CAP], char from[PQ_ADDRESS_CAP]) {
  struct sockaddr_storage a = {0};
  int len = sizeof a;
  (void)uv_tcp_getsockname(tcp, (struct sockaddr *)&a, &len);
  (void)address_text(&a, here);
  len = sizeof a;
  if (from == NULL) return true;
  (void)uv_tcp_getpeername(tcp, (struct sockaddr *)&a, &len);
  return address_text(&a, from);
}

static peer *peer_new(const listener *l) {
  pq_net *n = l->net;
  const pq_protocol *protocol = l->protocol;
  peer *p = calloc(1, sizeof *p);
  if (p == NULL) return NULL;
  p->c.state = calloc(1, protocol->state_size == 0 ? 1 : protocol->state_size);
  if (p->c.state == NULL) {
    free(p);
    return NULL;
  }
  p->c.net = n;
  p->c.protocol = protocol;
  p->c.shared = l->shared;
  p->c.client.number = ++n->last_number;
  p->next = n->first;
  if (n->first != NULL) n->first->before = p;
  n->first = p;
  n->count++;
  n->server->counters.connections = n->count;
  n->server->counters.connections_made++;
  pq_buf_init(&p->in, &n->cx, protocol->in_len_max + READ_CAP);
  (void)uv_tcp_init(&n->loop, &p->u.tcp);
  (void)uv_timer_init(&n->loop, &p->timer);
  p->u.handle.data = p->timer.data = p;
  p->handles = 2;
  return p;
}

static void on_connection(uv_stream_t *stream, int status) {
  const listener *l = stream->data;
  pq_net *n = l->net;
  peer *p;
  if (status != 0 || (p = peer_new(l)) == NULL) return;
  if (uv_accept(stream, &p->u.stream) != 0) {
    peer_close(p);
    return;
  }
  (void)uv_tcp_nodelay(&p->u.tcp, 1);
  p->c.client.is_local = name_ends(&p->u.tcp, p->c.client.host, p->c.client.peer);
  if (n->is_stopping) {
    peer_close(p);
  } else if (n->count > n->count_max) {
    n->server->counters.connections_refused++;
    pq_net_close(&p->c, "too many connections");
  } else {
    p->has_begun = true;
    if (l->protocol->begin == NULL || is_fine(p, l->protocol->begin(&p->c))) set_reading(p, true);
  }
}

/* ---- listening ---- */

/* "127.0.0.1:27017", "[::1]:27017", "localhost:0" */
static int resolve(pq_cx *cx, const char *address, struct sockaddr_storage *out) {
  struct sockaddr_in *four = (struct sockaddr_in *)(void *)out;
  struct sockaddr_in6 *six = (struct sockaddr_in6 *)(void *)out;
  const char *colon = strrchr(address, ':');
  char host[64] = "", *end;
  size_t len = colon == NULL ? 0 : (size_t)(colon - address);
  unsigned long port = colon == NULL ? 65536 : strtoul(colon + 1, &end, 10);
  if (port > 65535 || colon[1] < '0' || colon[1] > '9' || *end != '\0')
    return pq_fail(cx, PQ_EINVALID, "'%.60s' is no address: its port is missing or wrong", address);
  if (len >= 2 && address[0] == '[' && address[len - 1] == ']') {
    address++;
    len -= 2;
  }
  if (len < sizeof host) (void)snprintf(host, sizeof host, "%.*s", (int)len, address);
  if (strcmp(host, "localhost") == 0) (void)snprintf(host, sizeof host, "127.0.0.1");
  if (uv_ip4_addr(host, (int)port, four) == 0) {
    if (ntohl(four->sin_addr.s_addr) >> 24 == 127) return PQ_OK;
  } else if (uv_ip6_addr(host, (int)port, six) != 0) {
    return pq_fail(cx, PQ_EINVALID, "'%.*s' is no address: give one, such as 127.0.0.1",
                   (int)(len > 60 ? 60 : len), address);
  } else if (IN6_IS_ADDR_LOOPBACK(&six->sin6_addr)) {
    return PQ_OK;
  }
  return pq_fail(cx, PQ_EUNSUPPORTED,
                 "listening on %.60s is not supported: nobody has to log in yet, so only loopback "
                 "addresses are allowed (127.0.0.1, ::1)",
                 host);
}

/* What the connections of a protocol share; made with its first listener. */
static int protocol_start(pq_net *n, pq_cx *cx, const pq_protocol *protocol, void **shared) {
  uint32_t i = n->protocol_count;
  int rc;
  for (uint32_t k = 0; k < n->protocol_count; k++) {
    if (n->protocols[k].protocol != protocol) continue;
    *shared = n->protocols[k].shared;
    return PQ_OK;
  }
  pq_assert(i < PROTOCOLS_MAX);
  rc = protocol->start(n, &n->protocols[i].shared);
  if (rc != PQ_OK) return pq_fail(cx, rc, "%s", n->cx.msg);
  n->protocols[i].protocol = protocol;
  n->protocol_count++;
  *shared = n->protocols[i].shared;
  return PQ_OK;
}

int pq_net_listen(pq_net *n, pq_cx *cx, const char *address, const pq_protocol *protocol) {
  struct sockaddr_storage where = {0};
  char here[PQ_ADDRESS_CAP], url[PQ_ADDRESS_CAP + 40];
  listener *l = &n->listeners[n->listener_count];
  const pq_serve_options *o = n->server->options;
  int rc;
  if (n->listener_count == LISTENERS_MAX)
    return pq_fail(cx, PQ_ELIMIT, "more than %d addresses to listen on", LISTENERS_MAX);
  PQ_TRY(resolve(cx, address, &where));
  PQ_TRY(protocol_start(n, cx, protocol, &l->shared));
  (void)uv_tcp_init(&n->loop, &l->tcp);
  l->tcp.data = l;
  l->net = n;
  l->protocol = protocol;
  n->listener_count++;
  rc = uv_tcp_bind(&l->tcp, (const struct sockaddr *)&where, 0);
  if (rc == 0) rc = uv_listen((uv_stream_t *)&l->tcp, BACKLOG, on_connection);
  if (rc != 0)
    return pq_fail(cx, PQ_EINVALID, "cannot listen on %.80s: %s", address, uv_strerror(rc));
  (void)name_ends(&l->tcp, here, NULL);
  (void)snprintf(url, sizeof url, "%s://%s/", protocol->name, here);
  if (o->ready != NULL) o->ready(o->ud, url);
  return PQ_OK;
}

/* ---- the loop ---- */

int pq_net_new(pq_server *server, pq_cx *cx, pq_net **out) {
  pq_net *n = calloc(1, sizeof *n);
  unsigned connections = server->options->connections;
  *out = NULL;
  if (n == NULL) return pq_fail_nomem(cx);
  n->server = server;
  n->count_max = connections == 0 ? CONNECTIONS_MAX : connections;
  pq_cx_init(&n->cx, NULL, NULL);
  if (uv_loop_init(&n->loop) != 0) {
    free(n);
    return pq_fail_nomem(cx);
  }
  if (uv_async_init(&n->loop, &n->wake, on_wake) != 0) {
    (void)uv_loop_close(&n->loop);
    free(n);
    return pq_fail(cx, PQ_ELIMIT, "the system gives no descriptors for the server");
  }
  (void)uv_timer_init(&n->loop, &n->tick);
  n->wake.data = n->tick.data = n;
  *out = n;
  return PQ_OK;
}

uv_loop_t *pq_net_loop(pq_net *n) {
  return &n->loop;
}

void pq_net_run(pq_net *n, pq_engine *engine) {
  n->engine = engine;
  (void)uv_timer_start(&n->tick, on_tick, TICK_MS, TICK_MS);
  (void)uv_run(&n->loop, UV_RUN_DEFAULT);
  n->engine = NULL;
}

void pq_net_stop(pq_net *n, bool is_at_once) {
  n->is_stopping = true;
  for (uint32_t i = 0; i < n->listener_count; i++)
    close_if_open((uv_handle_t *)&n->listeners[i].tcp);
  for (peer *p = n->first, *next; p != NULL; p = next) {
    next = p->next;
    p->c.client.is_leaving = true;
    if (!p->c.is_closing && p->has_begun && p->c.protocol->leave != NULL)
      p->c.protocol->leave(&p->c);
    if (is_at_once || is_idle(p)) peer_close(p);
  }
  if (n->engine != NULL) pq_engine_poke(n->engine);
  end_if_done(n);
}

void pq_net_free(pq_net *n) {
  if (n == NULL) return;
  pq_net_stop(n, true);
  (void)uv_run(&n->loop, UV_RUN_DEFAULT);
  (void)uv_loop_close(&n->loop);
  for (uint32_t i = 0; i < n->protocol_count; i++)
    n->protocols[i].protocol->stop(n->protocols[i].shared);
  free(n);
}
