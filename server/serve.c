/* server/serve.c - a server from its start to its end. See serve.h. */
#include "server/serve.h"

#include <pthread.h>
#include <signal.h>
#include <sys/resource.h>
#include <time.h>

#include "server/access.h"
#include "server/http_protocol.h"
#include "server/metrics.h"
#include "server/log.h"
#include "server/mongo_protocol.h"
#include "server/net_loop.h"
#include "server/systemd.h"
#include "server/tls.h"

enum { MONGO_PORT = 27017, HTTP_PORT = 8080, FILES_MORE = 256, CONNECTIONS_USUAL = 1000 };

typedef struct serving {
  pq_server server;
  pq_net *net;
  pq_engine *engine;
  pq_cx cx; /* of what is done while the engine has the handle */
  uv_signal_t term, interrupt, hangup;
  bool is_stopping;
} serving;

static int load_tls(pq_cx *cx, const pq_serve_options *o, pq_net *net) {
  pq_tls *tls;
  if (o->tls_cert == NULL && o->tls_key == NULL && o->tls_ca == NULL) return PQ_OK;
  if (o->tls_cert == NULL)
    return pq_fail(cx, PQ_EINVALID, "TLS needs a certificate: name its file");
  PQ_TRY(pq_tls_new(cx, o->tls_cert, o->tls_key, o->tls_ca, &tls));
  pq_net_set_tls(net, tls);
  return PQ_OK;
}

/* ---- signals ---- */

static void close_if_open(uv_signal_t *h) {
  if (h->data != NULL && !uv_is_closing((uv_handle_t *)h)) uv_close((uv_handle_t *)h, NULL);
}

static void on_signal(uv_signal_t *h, int number) {
  serving *s = h->data;
  bool is_first = !s->is_stopping;
  pq_log_say(s->server.log, PQ_LOG_INFO, "signal %d: %s", number,
             is_first ? "stopping" : "dropping what is under way");
  if (is_first) pq_systemd_notify("STOPPING=1");
  s->is_stopping = true;
  pq_net_stop(s->net, !is_first);
}

/* Certificates that are wrong change nothing. */
static void on_hangup(uv_signal_t *h, int number) {
  serving *s = h->data;
  pq_log *log = s->server.log;
  (void)number;
  pq_log_reopen(log);
  if (load_tls(&s->cx, s->server.options, s->net) != PQ_OK)
    pq_log_say(log, PQ_LOG_ERROR, "signal 1: the certificates stay as they are: %s", s->cx.msg);
  else
    pq_log_say(log, PQ_LOG_INFO, "signal 1: certificates and log are read and opened again");
}

/* The handles keep no loop alive. */
static void watch_signal(serving *s, uv_signal_t *h, int number, uv_signal_cb cb) {
  (void)uv_signal_init(pq_net_loop(s->net), h);
  h->data = s;
  uv_unref((uv_handle_t *)h);
  (void)uv_signal_start(h, cb, number);
}

/* What was asked for is done: a signal that comes again (`timeout` sends it to the process and to
 * its group) may not kill who is about to close the warehouse. */
static void leave_signals(serving *s) {
  sigset_t all, before;
  sigemptyset(&all);
  sigaddset(&all, SIGTERM);
  sigaddset(&all, SIGINT);
  sigaddset(&all, SIGHUP);
  (void)pthread_sigmask(SIG_BLOCK, &all, &before);
  close_if_open(&s->term);
  close_if_open(&s->interrupt);
  close_if_open(&s->hangup);
  (void)signal(SIGTERM, SIG_IGN);
  (void)signal(SIGINT, SIG_IGN);
  (void)signal(SIGHUP, SIG_IGN);
  (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
}

/* ---- from start to end ---- */

/* As many descriptors as connections may want, if the system lets us; else fewer connections, so
 * that there are always some for files. */
static unsigned connections_max(const pq_serve_options *o) {
  unsigned most = o->connections == 0 ? CONNECTIONS_USUAL : o->connections;
  rlim_t wanted = most + (rlim_t)FILES_MORE;
  struct rlimit limit;
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= wanted) return most;
  limit.rlim_cur = limit.rlim_max < wanted ? limit.rlim_max : wanted;
  (void)setrlimit(RLIMIT_NOFILE, &limit);
  if (limit.rlim_cur >= wanted) return most;
  return (unsigned)(limit.rlim_cur > 2 * FILES_MORE ? limit.rlim_cur - FILES_MORE
                                                    : limit.rlim_cur / 2);
}

static void tell_connections(const pq_server *s) {
  unsigned wanted = s->options->connections == 0 ? CONNECTIONS_USUAL : s->options->connections;
  if (s->connections_max >= wanted) return;
  pq_log_say(s->log, PQ_LOG_WARN,
             "at most %u connections instead of %u: the system gives no more descriptors",
             s->connections_max, wanted);
}

/* On sockets that systemd has opened; *is_there: one is for MongoDB's clients. */
static int listen_given(serving *s, pq_cx *cx, bool *is_there) {
  unsigned count;
  *is_there = false;
  PQ_TRY(pq_systemd_sockets(cx, &count));
  for (unsigned i = 0; i < count; i++) {
    bool is_http = pq_systemd_is_named(i, "http");
    if (!is_http) *is_there = true;
    PQ_TRY(pq_net_listen_on(s->net, cx, PQ_SYSTEMD_FIRST + (int)i,
                            is_http ? &pq_http_protocol : &pq_mongo_protocol));
  }
  pq_systemd_forget();
  return PQ_OK;
}

static int listen_all(serving *s, pq_cx *cx) {
  const pq_serve_options *o = s->server.options;
  bool is_there;
  PQ_TRY(listen_given(s, cx, &is_there));
  if (!is_there && o->listen[0] == NULL)
    PQ_TRY(pq_net_listen(s->net, cx, "127.0.0.1", MONGO_PORT, &pq_mongo_protocol));
  for (size_t i = 0; i < PQ_LISTEN_MAX && o->listen[i] != NULL; i++)
    PQ_TRY(pq_net_listen(s->net, cx, o->listen[i], MONGO_PORT, &pq_mongo_protocol));
  for (size_t i = 0; i < PQ_LISTEN_MAX && o->http[i] != NULL; i++)
    PQ_TRY(pq_net_listen(s->net, cx, o->http[i], HTTP_PORT, &pq_http_protocol));
  return PQ_OK;
}

/* All is there: listen, and serve. */
static int serve(serving *s, pqdb *db, pq_cx *cx) {
  PQ_TRY(load_tls(cx, s->server.options, s->net));
  PQ_TRY(listen_all(s, cx));
  PQ_TRY(pq_engine_start(&s->server, db, pq_net_wake, s->net, &s->engine));
  pq_systemd_notify("READY=1");
  pq_net_run(s->net, s->engine);
  pq_engine_stop(s->engine);
  return PQ_OK;
}

/* Signals are looked for before anybody is told that we listen, until the engine has flushed. */
static int run(serving *s, pqdb *db) {
  int rc;
  s->server.allows_remote = pq_access_is_required(s->server.access);
  watch_signal(s, &s->term, SIGTERM, on_signal);
  watch_signal(s, &s->interrupt, SIGINT, on_signal);
  watch_signal(s, &s->hangup, SIGHUP, on_hangup);
  rc = serve(s, db, pq_handle_cx(db));
  leave_signals(s);
  return rc;
}

int pq_serve(pqdb *db, const pq_serve_options *options) {
  serving s = {.server = {.options = options, .started_ms = (int64_t)time(NULL) * 1000}};
  pq_cx *cx = pq_handle_cx(db);
  int rc;
  (void)signal(SIGPIPE, SIG_IGN); /* a client that goes away is an error of a write */
  pq_cx_init(&s.cx, NULL, NULL);
  pq_handle_random(db, s.server.process_id, sizeof s.server.process_id);
  s.server.connections_max = connections_max(options);
  PQ_TRY(pq_log_open(options, cx, &s.server.log));
  tell_connections(&s.server);
  s.server.metrics = pq_metrics_new();
  rc = s.server.metrics == NULL ? pq_fail_nomem(cx) : pq_net_new(&s.server, cx, &s.net);
  if (rc == PQ_OK) rc = pq_access_open(db, options->must_login, &s.server.access);
  if (rc == PQ_OK) rc = run(&s, db);
  pq_access_close(s.server.access);
  pq_net_free(s.net);
  pq_metrics_free(s.server.metrics);
  pq_log_close(s.server.log);
  return rc;
}
