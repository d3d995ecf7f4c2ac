/* server/net_listen.c - listeners, and the connections that they accept. See net.h. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "server/address.h"
#include "server/net_int.h"

enum { BACKLOG = 512 };

/* ---- connections ---- */

/* Where a socket is, and from; is the peer on this machine? */
static void name_ends(pq_peer *p, const pq_listener *l) {
  struct sockaddr_storage here = {0};
  int len = sizeof here, from_len = sizeof p->from;
  pq_client *client = &p->c.client;
  if (l->path[0] != '\0') {
    client->is_local = true;
    (void)snprintf(client->host, sizeof client->host, "%s", l->path);
    (void)snprintf(client->peer, sizeof client->peer, "unix");
    return;
  }
  (void)uv_tcp_nodelay(&p->u.tcp, 1);
  (void)uv_tcp_keepalive(&p->u.tcp, 1, 120);
  (void)uv_tcp_getsockname(&p->u.tcp, (struct sockaddr *)&here, &len);
  (void)uv_tcp_getpeername(&p->u.tcp, (struct sockaddr *)&p->from, &from_len);
  pq_address_print(&here, client->host);
  pq_address_print(&p->from, client->peer);
  client->is_local = pq_address_is_loopback(&p->from);
}

static void socket_init(pq_net *n, pq_socket *u, bool is_path) {
  if (is_path)
    (void)uv_pipe_init(&n->loop, &u->pipe, 0);
  else
    (void)uv_tcp_init(&n->loop, &u->tcp);
}

static pq_peer *peer_new(const pq_listener *l) {
  pq_net *n = l->net;
  const pq_protocol *protocol = l->protocol;
  pq_peer *p = calloc(1, sizeof *p);
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
  p->since_ms = uv_now(&n->loop);
  p->next = n->first;
  if (n->first != NULL) n->first->before = p;
  n->first = p;
  n->count++;
  n->server->counters.connections = n->count;
  n->server->counters.connections_made++;
  pq_buf_init(&p->in, &n->cx, protocol->in_len_max + NET_READ_CAP * 2);
  socket_init(n, &p->u, l->path[0] != '\0');
  (void)uv_timer_init(&n->loop, &p->timer);
  p->u.handle.data = p->timer.data = p;
  p->handles = 2;
  return p;
}

/* Too many of them? */
static bool is_one_too_many(const pq_peer *p) {
  const pq_net *n = p->c.net;
  unsigned max = n->server->options->connections_per_address, count = 0;
  if (n->count > n->count_max) return true;
  if (max == 0 || p->c.client.is_local) return false;
  for (const pq_peer *other = n->first; other != NULL && count <= max; other = other->next)
    count += pq_address_is_same_host(&p->from, &other->from);
  return count > max;
}

static void log_begin(const pq_peer *p) {
  pq_log_line line;
  pq_log_begin(&line, p->c.net->server->log, PQ_LOG_DEBUG, "connection begun");
  pq_log_u64(&line, "connection", p->c.client.number);
  pq_log_str(&line, "peer", p->c.client.peer);
  pq_log_str(&line, "protocol", p->c.protocol->name);
  pq_log_u64(&line, "connections", p->c.net->count);
  pq_log_end(&line);
}

static void on_connection(uv_stream_t *stream, int status) {
  const pq_listener *l = stream->data;
  pq_net *n = l->net;
  pq_peer *p;
  if (status != 0) {
    pq_log_say(n->server->log, PQ_LOG_WARN, "a connection is not accepted: %s",
               uv_strerror(status));
    return;
  }
  p = peer_new(l);
  if (p == NULL) return;
  if (uv_accept(stream, &p->u.stream) != 0) {
    pq_peer_close(p);
    return;
  }
  name_ends(p, l);
  log_begin(p);
  if (n->is_stopping) {
    pq_peer_close(p);
  } else if (is_one_too_many(p)) {
    n->server->counters.connections_refused++;
    pq_net_close(&p->c, "too many connections");
  } else if (n->tls != NULL && l->path[0] == '\0') {
    if (pq_peer_is_fine(p, pq_tls_link_new(n->tls, &n->cx, &p->link))) pq_peer_read(p);
  } else if (pq_peer_begin(p)) {
    pq_peer_read(p);
  }
}

/* ---- listening ---- */

/* What the connections of a protocol share; made with its first listener. */
static int protocol_start(pq_net *n, pq_cx *cx, const pq_protocol *protocol, void **shared) {
  uint32_t i = n->protocol_count;
  int rc;
  for (uint32_t k = 0; k < n->protocol_count; k++) {
    if (n->protocols[k].protocol != protocol) continue;
    *shared = n->protocols[k].shared;
    return PQ_OK;
  }
  pq_assert(i < NET_PROTOCOLS_MAX);
  rc = protocol->start(n, &n->protocols[i].shared);
  if (rc != PQ_OK) return pq_fail(cx, rc, "%s", n->cx.msg);
  n->protocols[i].protocol = protocol;
  n->protocol_count++;
  *shared = n->protocols[i].shared;
  return PQ_OK;
}

/* A socket file that nobody listens on any more is in the way. */
static void remove_stale(const char *path) {
  struct sockaddr_un a = {.sun_family = AF_UNIX};
  struct stat st;
  int fd;
  if (lstat(path, &st) != 0 || !S_ISSOCK(st.st_mode)) return;
  fd = socket(AF_UNIX, SOCK_STREAM, 0);
  if (fd < 0) return;
  (void)snprintf(a.sun_path, sizeof a.sun_path, "%s", path);
  if (connect(fd, (const struct sockaddr *)&a, sizeof a) != 0) (void)unlink(path);
  (void)close(fd);
}

/* For the owner alone, from its first moment. */
static int bind_path(pq_listener *l, const char *path) {
  mode_t before = umask(0177);
  int rc;
  remove_stale(path);
  rc = uv_pipe_bind(&l->u.pipe, path);
  (void)umask(before);
  return rc;
}

static int allow(const pq_net *n, pq_cx *cx, const char *where, bool is_local) {
  if (is_local || n->server->allows_remote) return PQ_OK;
  return pq_fail(cx, PQ_EUNSUPPORTED,
                 "listening on %.80s is not supported: nobody has to log in, so only addresses of "
                 "this machine are allowed (127.0.0.1, ::1, unix:PATH)",
                 where);
}

/* A path in a URL: mongodb://%2Ftmp%2Fmongodb-27017.sock/ */
static void print_path(const char *path, char *out, size_t cap) {
  size_t len = 0;
  for (; *path != '\0' && len + 4 < cap; path++)
    len += (size_t)snprintf(out + len, cap - len, *path == '/' ? "%%2F" : "%c", *path);
}

static void tell_ready(const pq_net *n, const pq_listener *l) {
  const pq_serve_options *o = n->server->options;
  char where[PQ_ADDRESS_CAP * 3] = "", url[sizeof where + 40];
  bool is_path = l->path[0] != '\0', is_tls = n->tls != NULL && !is_path;
  bool is_http = strcmp(l->protocol->name, "http") == 0;
  struct sockaddr_storage a = {0};
  int len = sizeof a;
  if (is_path) {
    print_path(l->path, where, sizeof where);
  } else {
    (void)uv_tcp_getsockname(&l->u.tcp, (struct sockaddr *)&a, &len);
    pq_address_print(&a, where);
  }
  (void)snprintf(url, sizeof url, "%s%s://%s/%s", l->protocol->name, is_tls && is_http ? "s" : "",
                 where, is_tls && !is_http ? "?tls=true" : "");
  pq_log_say(n->server->log, PQ_LOG_DEBUG, "listening on %s", url);
  if (o->ready != NULL) o->ready(o->ud, url);
}

/* The next listener, with its handle. */
static int listener_new(pq_net *n, pq_cx *cx, const pq_protocol *protocol, const char *path,
                        pq_listener **out) {
  pq_listener *l = &n->listeners[n->listener_count];
  *out = NULL;
  if (n->listener_count == NET_LISTENERS_MAX)
    return pq_fail(cx, PQ_ELIMIT, "more than %d addresses to listen on", NET_LISTENERS_MAX);
  PQ_TRY(protocol_start(n, cx, protocol, &l->shared));
  if (path != NULL) (void)snprintf(l->path, sizeof l->path, "%s", path);
  socket_init(n, &l->u, path != NULL);
  l->u.handle.data = l;
  l->net = n;
  l->protocol = protocol;
  n->listener_count++;
  *out = l;
  return PQ_OK;
}

int pq_net_listen(pq_net *n, pq_cx *cx, const char *text, unsigned port,
                  const pq_protocol *protocol) {
  pq_address address;
  pq_listener *l;
  int rc;
  PQ_TRY(pq_address_parse(cx, text, port, &address));
  PQ_TRY(allow(n, cx, text, address.is_local));
  PQ_TRY(listener_new(n, cx, protocol, address.path, &l));
  if (address.path != NULL)
    rc = bind_path(l, address.path);
  else
    rc = uv_tcp_bind(&l->u.tcp, (const struct sockaddr *)&address.ip, 0);
  if (rc == 0) rc = uv_listen(&l->u.stream, BACKLOG, on_connection);
  if (rc != 0) return pq_fail(cx, PQ_EINVALID, "cannot listen on %.80s: %s", text, uv_strerror(rc));
  tell_ready(n, l);
  return PQ_OK;
}

int pq_net_listen_on(pq_net *n, pq_cx *cx, int fd, const pq_protocol *protocol) {
  struct sockaddr_storage a = {0};
  const struct sockaddr_un *un = (const struct sockaddr_un *)(const void *)&a;
  socklen_t len = sizeof a;
  char where[PQ_ADDRESS_CAP];
  pq_listener *l;
  bool is_path;
  int rc;
  if (getsockname(fd, (struct sockaddr *)&a, &len) != 0 ||
      (a.ss_family != AF_INET && a.ss_family != AF_INET6 && a.ss_family != AF_UNIX))
    return pq_fail(cx, PQ_EINVALID, "descriptor %d is no socket that can be listened on", fd);
  is_path = a.ss_family == AF_UNIX;
  if (!is_path)
    pq_address_print(&a, where);
  else /* one in no folder begins with a zero byte */
    (void)snprintf(where, sizeof where, "%.*s", PQ_ADDRESS_CAP - 1,
                   un->sun_path[0] == '\0' ? "@" : un->sun_path);
  PQ_TRY(allow(n, cx, where, is_path || pq_address_is_loopback(&a)));
  PQ_TRY(listener_new(n, cx, protocol, is_path ? where : NULL, &l));
  rc = is_path ? uv_pipe_open(&l->u.pipe, fd) : uv_tcp_open(&l->u.tcp, fd);
  if (rc == 0) rc = uv_listen(&l->u.stream, BACKLOG, on_connection);
  if (rc != 0)
    return pq_fail(cx, PQ_EINVALID, "cannot listen on descriptor %d: %s", fd, uv_strerror(rc));
  tell_ready(n, l);
  return PQ_OK;
}
