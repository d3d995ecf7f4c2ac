/* server/serve.c - a server from its start to its end. See serve.h. */
#include "server/serve.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "server/access.h"
#include "server/mongo_protocol.h"
#include "server/net_loop.h"

typedef struct serving {
  pq_server server;
  pq_net *net;
  pq_engine *engine;
  uv_signal_t term, interrupt;
  bool is_stopping;
} serving;

static void close_if_open(uv_signal_t *h) {
  if (!uv_is_closing((uv_handle_t *)h)) uv_close((uv_handle_t *)h, NULL);
}

static void on_signal(uv_signal_t *h, int number) {
  serving *s = h->data;
  const pq_serve_options *o = s->server.options;
  bool is_first = !s->is_stopping;
  char line[80];
  (void)snprintf(line, sizeof line, "signal %d: %s", number,
                 is_first ? "stopping" : "dropping what is under way");
  if (o->log != NULL) o->log(o->ud, line);
  s->is_stopping = true;
  pq_net_stop(s->net, !is_first);
}

/* Between them a second signal may come; the handles keep no loop alive. */
static void watch_signal(serving *s, uv_signal_t *h, int number) {
  (void)uv_signal_init(pq_net_loop(s->net), h);
  h->data = s;
  uv_unref((uv_handle_t *)h);
  (void)uv_signal_start(h, on_signal, number);
}

static int run(serving *s, pqdb *db) {
  pq_cx *cx = pq_handle_cx(db);
  const pq_serve_options *o = s->server.options;
  char address[PQ_ADDRESS_CAP];
  (void)snprintf(address, sizeof address, strchr(o->host, ':') != NULL ? "[%s]:%u" : "%s:%u",
                 o->host, o->port);
  PQ_TRY(pq_net_listen(s->net, cx, address, &pq_mongo_protocol));
  PQ_TRY(pq_engine_start(&s->server, db, pq_net_wake, s->net, &s->engine));
  watch_signal(s, &s->term, SIGTERM);
  watch_signal(s, &s->interrupt, SIGINT);
  pq_net_run(s->net, s->engine);
  close_if_open(&s->term);
  close_if_open(&s->interrupt);
  pq_engine_stop(s->engine);
  return PQ_OK;
}

int pq_serve(pqdb *db, const pq_serve_options *options) {
  serving s = {.server = {.options = options, .started_ms = (int64_t)time(NULL) * 1000}};
  int rc;
  (void)signal(SIGPIPE, SIG_IGN); /* a client that goes away is an error of a write */
  PQ_TRY(pq_net_new(&s.server, pq_handle_cx(db), &s.net));
  rc = pq_access_open(db, options->must_login, &s.server.access);
  if (rc == PQ_OK) rc = run(&s, db);
  pq_access_close(s.server.access);
  pq_net_free(s.net);
  return rc;
}
