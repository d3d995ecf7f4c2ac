/* server/net.c - connections and their bytes. See net.h.
 *
 *   reading ─ received ─► busy? ─ answered, written ─► reading … ─► closing ─► closed ─► freed
 *                                                                              (the last request
 *                                                                               has come back)
 */
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

#include "server/net_int.h"
#include "server/slow.h"

enum {
  TICK_MS = 1000,
  MESSAGE_MS = 30000,   /* for the rest of a message that has begun, */
  MESSAGE_PER_MS = 64,  /* and more for a long one: so many bytes in a millisecond */
  WRITE_MS = 60000,     /* for a client that does not read */
  HANDSHAKE_MS = 10000, /* for TLS to be agreed upon */
  FIRST_MS = 60000,     /* for the first byte of a connection */
  LINGER_MS = 3000,     /* for a client that is refused while it is sending */
  CONNECTIONS_MAX = 1000
};

/* A write that is under way, with its bytes. */
typedef struct writing {
  uv_write_t write;
  pq_peer *peer;
  pq_buf bytes;
} writing;

static void process(pq_peer *p);

pq_cx *pq_net_cx(pq_net *net) {
  return &net->cx;
}

const pq_server *pq_net_server(const pq_net *net) {
  return net->server;
}

uint64_t pq_net_clock_ns(void) {
  return uv_hrtime();
}

uint64_t pq_net_now_ms(const pq_net *net) {
  return uv_now(&net->loop);
}

bool pq_net_is_stopping(const pq_net *net) {
  return net->is_stopping;
}

/* ---- closing ---- */

static void log_end(const pq_peer *p) {
  pq_log_line line;
  pq_log_begin(&line, p->c.net->server->log, PQ_LOG_DEBUG, "connection ended");
  pq_log_u64(&line, "connection", p->c.client.number);
  pq_log_str(&line, "peer", p->c.client.peer);
  pq_log_u64(&line, "connections", p->c.net->count - 1);
  pq_log_end(&line);
}

static void peer_free(pq_peer *p) {
  pq_net *n = p->c.net;
  if (p->c.client.login_free != NULL) p->c.client.login_free(p->c.client.login);
  log_end(p);
  pq_buf_release(&p->in);
  pq_tls_link_free(p->link);
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

static void free_if_done(pq_peer *p) {
  pq_net *n = p->c.net;
  if (p->handles > 0 || p->c.requests > 0) return;
  peer_free(p);
  end_if_done(n);
}

static void on_closed(uv_handle_t *h) {
  pq_peer *p = h->data;
  p->handles--;
  free_if_done(p);
}

/* The last bytes of TLS, if they can be written without waiting. */
static void say_end(pq_peer *p) {
  pq_buf out;
  uv_buf_t buf;
  if (p->link == NULL || p->writes > 0) return;
  pq_buf_init(&out, &p->c.net->cx, NET_READ_CAP);
  pq_tls_end(p->link, &out);
  buf = uv_buf_init((char *)out.p, (unsigned)out.len);
  if (out.len > 0) (void)uv_try_write(&p->u.stream, &buf, 1);
  pq_buf_release(&out);
}

void pq_peer_close(pq_peer *p) {
  pq_connection *c = &p->c;
  if (c->is_closing) return;
  c->is_closing = true;
  c->client.is_leaving = c->client.has_gone = true;
  say_end(p);
  if (c->requests > 0) pq_engine_poke(c->net->engine);
  if (p->has_begun && !p->has_ended && c->protocol->end != NULL) c->protocol->end(c);
  p->has_ended = true;
  uv_close(&p->u.handle, on_closed);
  uv_close((uv_handle_t *)&p->timer, on_closed);
}

void pq_net_close(pq_connection *c, const char *why) {
  if (why != NULL && !c->is_closing)
    pq_log_say(c->net->server->log, PQ_LOG_WARN, "connection %llu from %s is closed: %s",
               (unsigned long long)c->client.number, c->client.peer, why);
  pq_peer_close((pq_peer *)c);
}

/* What a protocol's function has returned. False: the connection is closing. */
bool pq_peer_is_fine(pq_peer *p, int rc) {
  if (rc != PQ_OK) pq_net_close(&p->c, p->c.net->cx.msg);
  return !p->c.is_closing;
}

static void say_last(pq_peer *p);

static bool is_idle(const pq_peer *p) {
  return p->c.requests == 0 && p->writes == 0;
}

void pq_net_leave(pq_connection *c) {
  c->client.is_leaving = true;
  if (c->requests > 0) pq_engine_poke(c->net->engine);
}

void pq_net_finish(pq_connection *c) {
  pq_peer *p = (pq_peer *)c;
  p->is_finishing = true;
  if (is_idle(p) && !p->is_processing) say_last(p);
}

void pq_net_linger(pq_connection *c) {
  ((pq_peer *)c)->lingers = true;
  pq_net_finish(c);
}

static void on_patience_end(uv_timer_t *h) {
  pq_peer_close(h->data);
}

/* Nothing is queued any more. What still comes is dropped until the client has read its answer and
 * ends, or it takes too long. */
static void say_last(pq_peer *p) {
  if (!p->lingers || p->has_left || p->c.net->is_stopping) {
    pq_peer_close(p);
    return;
  }
  if (p->is_lingering) return;
  p->is_lingering = true;
  say_end(p);
  if (uv_shutdown(&p->shutdown, &p->u.stream, NULL) != 0 ||
      uv_timer_start(&p->timer, on_patience_end, LINGER_MS, 0) != 0)
    pq_peer_close(p);
  else
    pq_peer_read(p);
}

/* ---- writing ---- */

static void writing_free(writing *w) {
  pq_buf_release(&w->bytes);
  free(w);
}

static void on_written(uv_write_t *h, int status) {
  writing *w = h->data;
  pq_peer *p = w->peer;
  pq_connection *c = &p->c;
  c->queued -= w->bytes.len;
  p->writes--;
  p->since_ms = uv_now(&c->net->loop);
  writing_free(w);
  if (status != 0) pq_peer_close(p);
  if (c->is_closing) return;
  if (p->writes == 0 && c->protocol->written != NULL &&
      !pq_peer_is_fine(p, c->protocol->written(c)))
    return;
  process(p);
}

/* Without memory, and with the same limit. */
static void empty(pq_buf *b) {
  pq_cx *cx = b->cx;
  size_t len_max = b->len_max;
  pq_buf_release(b);
  pq_buf_init(b, cx, len_max);
}

/* Hand bytes to the system; they are taken. */
static void write_raw(pq_peer *p, pq_buf *bytes) {
  pq_net *n = p->c.net;
  writing *w = p->c.is_closing ? NULL : calloc(1, sizeof *w);
  uv_buf_t buf;
  if (w == NULL) {
    empty(bytes);
    pq_net_close(&p->c, "out of memory");
    return;
  }
  w->bytes = *bytes;
  pq_buf_init(bytes, w->bytes.cx, w->bytes.len_max);
  w->peer = p;
  w->write.data = w;
  buf = uv_buf_init((char *)w->bytes.p, (unsigned)w->bytes.len);
  if (uv_write(&w->write, &p->u.stream, &buf, 1, on_written) != 0) {
    writing_free(w);
    pq_peer_close(p);
    return;
  }
  if (p->writes++ == 0) p->moved_ms = uv_now(&n->loop);
  p->c.queued += w->bytes.len;
  p->given += w->bytes.len;
  n->server->counters.bytes_out += w->bytes.len;
}

void pq_net_write(pq_connection *c, pq_buf *bytes) {
  pq_peer *p = (pq_peer *)c;
  pq_buf sealed;
  int rc;
  if (p->link == NULL || c->is_closing) {
    if (bytes->len > 0) write_raw(p, bytes);
    return;
  }
  pq_buf_init(&sealed, &c->net->cx, SIZE_MAX);
  rc = pq_tls_send(p->link, pq_buf_slice(bytes), &sealed);
  empty(bytes);
  if (rc == PQ_OK && sealed.len > 0) write_raw(p, &sealed);
  pq_buf_release(&sealed);
  if (rc != PQ_OK) pq_net_close(c, c->net->cx.msg);
}

/* ---- requests ---- */

void pq_net_submit(pq_connection *c, pq_request *r) {
  r->owner = c;
  r->client = &c->client;
  r->since_ns = uv_hrtime();
  r->has_waited = false;
  c->requests++;
  c->net->server->counters.requests++;
  c->net->server->counters.requests_out++;
  pq_engine_submit(c->net->engine, r);
}

/* In the log, if it took long by itself. */
static void note_slow(const pq_net *n, const pq_request *r) {
  int32_t slow_ms = n->server->options->slow_ms;
  if (r->native != NULL) return; /* HTTP does, with all parts of an answer */
  uint64_t ms = (uv_hrtime() - r->since_ns) / 1000000;
  if (slow_ms >= 0 && !r->has_waited && ms >= (uint64_t)slow_ms)
    pq_slow_note(n->server->log, r, ms);
}

/* Of a connection that has closed. */
static void drop_request(pq_peer *p, pq_request *r) {
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
    pq_peer *p = r->owner;
    p->c.requests--;
    n->server->counters.requests_out--;
    note_slow(n, r);
    if (p->c.is_closing)
      drop_request(p, r);
    else if (pq_peer_is_fine(p, p->c.protocol->answered(&p->c, r)))
      process(p);
  }
}

void pq_net_wake(void *ud) {
  pq_net *n = ud;
  (void)uv_async_send(&n->wake);
}

/* ---- reading ---- */

/* Forget what was taken. A connection that waits for more holds no buffer. */
static void forget_taken(pq_peer *p) {
  pq_buf *b = &p->in;
  if (p->taken == 0) return;
  memmove(b->p, b->p + p->taken, b->len - p->taken);
  b->len -= p->taken;
  p->taken = 0;
  p->since_ms = uv_now(&p->c.net->loop);
  if (b->len == 0) empty(b);
}

static void on_alloc(uv_handle_t *h, size_t suggested, uv_buf_t *buf) {
  pq_peer *p = h->data;
  (void)suggested;
  *buf = uv_buf_init(p->c.net->read, sizeof p->c.net->read);
}

/* It has sent all that it wants to send, or has gone: answer what is there. */
static void end_of_input(pq_peer *p) {
  p->c.client.is_leaving = p->c.client.has_gone = true;
  if (p->c.requests > 0) pq_engine_poke(p->c.net->engine);
  (void)uv_read_stop(&p->u.stream);
  p->is_reading = false;
  p->has_left = true;
  process(p);
}

static void take_bytes(pq_peer *p, const char *bytes, size_t len) {
  if (p->in.len == 0) p->since_ms = uv_now(&p->c.net->loop);
  if (pq_peer_is_fine(p, pq_buf_put(&p->in, bytes, len))) process(p);
}

/* Both ends have agreed: now the protocol's connection begins. */
static bool begin_sealed(pq_peer *p) {
  if (p->has_begun || !pq_tls_is_open(p->link)) return true;
  p->c.client.is_tls = true;
  return pq_peer_begin(p);
}

static void take_sealed(pq_peer *p, const char *bytes, size_t len) {
  pq_slice in = {(const uint8_t *)bytes, len};
  bool is_first = p->in.len == 0, is_end;
  pq_buf out;
  int rc;
  pq_buf_init(&out, &p->c.net->cx, SIZE_MAX);
  rc = pq_tls_receive(p->link, in, &p->in, &out, &is_end);
  if (out.len > 0) write_raw(p, &out);
  pq_buf_release(&out);
  if (!pq_peer_is_fine(p, rc) || !begin_sealed(p)) return;
  if (is_first && p->in.len > 0) p->since_ms = uv_now(&p->c.net->loop);
  if (is_end)
    end_of_input(p);
  else
    process(p);
}

static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf) {
  pq_peer *p = stream->data;
  if (n == 0) return;
  if (n == UV_EOF) {
    end_of_input(p);
  } else if (n < 0) {
    pq_peer_close(p);
  } else {
    p->c.net->server->counters.bytes_in += (uint64_t)n;
    p->has_spoken = true;
    if (p->link != NULL)
      take_sealed(p, buf->base, (size_t)n);
    else
      take_bytes(p, buf->base, (size_t)n);
  }
}

static void set_reading(pq_peer *p, bool is_reading) {
  if (p->c.is_closing || p->has_left || p->is_reading == is_reading) return;
  p->is_reading = is_reading;
  if (!is_reading)
    (void)uv_read_stop(&p->u.stream);
  else if (uv_read_start(&p->u.stream, on_alloc, on_read) != 0)
    pq_peer_close(p);
}

bool pq_peer_begin(pq_peer *p) {
  const pq_protocol *protocol = p->c.protocol;
  p->has_begun = true;
  return protocol->begin == NULL || pq_peer_is_fine(p, protocol->begin(&p->c));
}

void pq_peer_read(pq_peer *p) {
  set_reading(p, true);
}

static bool may_receive(const pq_peer *p) {
  return p->has_begun && !p->c.is_busy && !p->c.is_closing && !p->is_finishing &&
         !p->c.net->is_stopping && p->c.queued <= PQ_NET_QUEUED_MAX && p->in.len > p->taken;
}

/* Give the protocol what it takes; close what has come to its end. */
static void process(pq_peer *p) {
  pq_connection *c = &p->c;
  size_t used = 1;
  if (p->is_processing || c->is_closing) return;
  p->is_processing = true;
  while (used > 0 && may_receive(p)) {
    pq_slice bytes = {p->in.p + p->taken, p->in.len - p->taken};
    used = 0;
    if (!pq_peer_is_fine(p, c->protocol->received(c, bytes, &used))) break;
    pq_assert(used <= bytes.n);
    p->taken += used;
  }
  p->is_processing = false;
  if (c->is_closing) return;
  forget_taken(p);
  if (p->is_lingering) empty(&p->in);
  if (is_idle(p) && (p->is_finishing || p->has_left || c->net->is_stopping))
    say_last(p);
  else
    set_reading(p, c->queued <= PQ_NET_QUEUED_MAX && (!c->is_busy || p->in.len < PQ_NET_AHEAD));
}

void pq_net_resume(pq_connection *c) {
  process((pq_peer *)c);
}

/* ---- alarms ---- */

static void on_alarm(uv_timer_t *h) {
  pq_peer *p = h->data;
  if (p->c.is_closing || p->c.protocol->alarm == NULL) return;
  if (pq_peer_is_fine(p, p->c.protocol->alarm(&p->c))) process(p);
}

void pq_net_alarm(pq_connection *c, uint64_t after_ms) {
  pq_peer *p = (pq_peer *)c;
  if (c->is_closing) return;
  if (after_ms == 0)
    (void)uv_timer_stop(&p->timer);
  else
    (void)uv_timer_start(&p->timer, on_alarm, after_ms, 0);
}

/* Bytes that the client's machine has not got yet: ours, and where the system tells, its own, which
 * may be megabytes. */
static uint64_t unread_len(const pq_peer *p) {
  uint64_t len = uv_stream_get_write_queue_size(&p->u.stream);
#ifdef TIOCOUTQ
  uv_os_fd_t fd;
  int more = 0;
  if (uv_fileno(&p->u.handle, &fd) == 0 && ioctl(fd, TIOCOUTQ, &more) == 0 && more > 0)
    len += (uint64_t)more;
#endif
  return len;
}

/* Has the client read nothing for long? A large answer may take its time, as long as some of it
 * goes out; and a client that only listens, to changes, may not forget to. */
static bool is_unread(pq_peer *p, uint64_t now) {
  uint64_t taken;
  if (p->writes == 0) return false;
  taken = p->given - unread_len(p);
  if (taken != p->taken_out) p->moved_ms = now;
  p->taken_out = taken;
  return now - p->moved_ms > WRITE_MS;
}

/* Clients that begin a message and do not end it, or do not read their answer. */
static void check_patience(pq_peer *p, uint64_t now) {
  uint64_t age = now - p->since_ms;
  if (p->c.is_closing) return;
  if (is_unread(p, now)) {
    pq_net_close(&p->c, "its answer is not read");
    return;
  }
  if (p->c.requests > 0) return;
  if (p->link != NULL && !p->has_begun && age > HANDSHAKE_MS)
    pq_net_close(&p->c, "TLS was not agreed upon in time");
  else if (!p->has_spoken && age > FIRST_MS)
    pq_net_close(&p->c, "nothing has come from it");
  else if (p->writes == 0 && !p->c.is_busy && p->in.len > 0 &&
           age > MESSAGE_MS + p->in.len / MESSAGE_PER_MS)
    pq_net_close(&p->c, "a message has begun that does not end");
}

static void on_tick(uv_timer_t *h) {
  pq_net *n = h->data;
  for (pq_peer *p = n->first, *next; p != NULL; p = next) {
    next = p->next;
    check_patience(p, uv_now(&n->loop));
  }
}

/* ---- the loop ---- */

int pq_net_new(pq_server *server, pq_cx *cx, pq_net **out) {
  pq_net *n = calloc(1, sizeof *n);
  *out = NULL;
  if (n == NULL) return pq_fail_nomem(cx);
  n->server = server;
  n->count_max = server->connections_max;
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

void pq_net_set_tls(pq_net *n, pq_tls *tls) {
  pq_tls_free(n->tls);
  n->tls = tls;
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
    close_if_open(&n->listeners[i].u.handle);
  for (pq_peer *p = n->first, *next; p != NULL; p = next) {
    next = p->next;
    p->c.client.is_leaving = true;
    if (!p->c.is_closing && p->has_begun && p->c.protocol->leave != NULL)
      p->c.protocol->leave(&p->c);
    if (is_at_once || is_idle(p)) pq_peer_close(p);
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
  pq_tls_free(n->tls);
  free(n);
}
