/* server/capnweb_link.c - sessions of Cap'n Web on HTTP: the side of http_rpc.h that speaks.
 *
 *     open ─► who is it? ─► engine ─► session ─► what it said meanwhile ─► what it says
 *
 * Commands go to the engine as requests, several at a time; parts of a stream come back and wait
 * here until the session wants more.
 */
#include "server/capnweb_link.h"

#include <stdio.h>

#include "base/text.h"
#include "server/access.h"
#include "server/capnweb_job.h"

enum { EARLY_LEN_MAX = 34 << 20, STRANGER_MEMORY = 1 << 20 };

/* A command that runs, or has answered in part. */
typedef struct running {
  struct running *next;
  uint64_t number;
  pq_request *request; /* the engine's while it is out, else owned */
  bool is_out, is_unwanted;
} running;

typedef struct link_session {
  pq_rpc_link *link;       /* borrowed */
  pq_cx *cx;               /* borrowed: the network thread's */
  pq_rpc_session *session; /* NULL: it is not known yet who it is */
  pq_buf early;            /* messages until then, each behind its length */
  running *commands;
  bool has_all;     /* of a batch: every message is read, */
  bool is_draining; /* and all is said; what runs comes back before the answer goes out */
  bool has_ended;
} link_session;

/* ---- commands ---- */

static running **find(link_session *l, uint64_t number) {
  running **at = &l->commands;
  while (*at != NULL && (*at)->number != number)
    at = &(*at)->next;
  return at;
}

static void forget(link_session *l, running **at) {
  running *c = *at;
  *at = c->next;
  pq_alloc(l->cx, c, sizeof *c, 0);
}

static int link_send(void *ud, pq_slice message) {
  link_session *l = ud;
  l->link->send(l->link, message);
  return PQ_OK;
}

static int link_start(void *ud, const pq_rpc_command *command) {
  link_session *l = ud;
  running *c = pq_alloc(l->cx, NULL, 0, sizeof *c);
  int rc;
  if (c == NULL) return pq_fail_nomem(l->cx);
  *c = (running){.next = l->commands, .number = command->number, .is_out = true};
  rc = pq_rpc_request_new(l->cx, command, &c->request);
  if (rc != PQ_OK) {
    pq_alloc(l->cx, c, sizeof *c, 0);
    return rc;
  }
  l->commands = c;
  c->request->rpc->ends_with_client = command->is_read && !l->link->is_batch;
  pq_net_submit(l->link->connection, c->request);
  return PQ_OK;
}

static void link_go_on(void *ud, uint64_t number) {
  link_session *l = ud;
  running *c = *find(l, number);
  if (c == NULL || c->is_out) return;
  c->is_out = true;
  pq_net_submit(l->link->connection, c->request);
}

/* The engine is told; the request comes back for its end. */
static void link_cancel(void *ud, uint64_t number) {
  link_session *l = ud;
  running *c = *find(l, number);
  if (c == NULL) return;
  c->is_unwanted = true;
  c->request->rpc->is_cancelled = true;
  if (c->is_out) return;
  c->is_out = true;
  c->request->is_cancelled = true;
  pq_net_submit(l->link->connection, c->request);
}

static bool link_is_full(void *ud) {
  const link_session *l = ud;
  return !l->link->is_batch && l->link->queued(l->link) > PQ_NET_QUEUED_MAX;
}

/* ---- the transport's calls ---- */

static void end_link(link_session *l, const char *why) {
  if (l->has_ended) return;
  l->has_ended = true;
  l->link->end(l->link, why);
}

/* The connection may have another batch next: nothing of this one comes back to that. */
static void end_batch(link_session *l) {
  pq_rpc_session *s = l->session;
  l->is_draining = true;
  pq_rpc_close(s); /* may begin commands: transactions that were left open are aborted */
  l->session = NULL;
  if (l->commands == NULL) end_link(l, NULL);
}

/* After anything: has the session ended, is a batch answered? */
static void look(link_session *l, int rc) {
  char why[121];
  if (l->link->is_batch) {
    if (rc != PQ_OK || (l->has_all && pq_rpc_is_idle(l->session))) end_batch(l);
  } else if (rc != PQ_OK) {
    snprintf(why, sizeof why, "%.120s", pq_rpc_message(l->session));
    end_link(l, why);
  }
}

static void free_session(link_session *l) {
  pq_buf_release(&l->early);
  pq_alloc(l->cx, l, sizeof *l, 0);
}

static int link_open(pq_rpc_link *link, void **session) {
  pq_cx *cx = pq_net_cx(link->connection->net);
  link_session *l = pq_alloc(cx, NULL, 0, sizeof *l);
  pq_request *login;
  int rc;
  *session = NULL;
  if (l == NULL) return pq_fail_nomem(cx);
  *l = (link_session){.link = link, .cx = cx};
  pq_buf_init(&l->early, cx, EARLY_LEN_MAX);
  rc = pq_rpc_login_new(cx, link->authorization, &login);
  if (rc != PQ_OK) {
    free_session(l);
    return rc;
  }
  pq_net_submit(link->connection, login);
  *session = l;
  return PQ_OK;
}

static int open_session(link_session *l) {
  pq_rpc_options options = {.cx = l->cx, .is_batch = l->link->is_batch};
  options.actor = l->link->connection->client.user;
  if (options.actor[0] == '\0' &&
      pq_access_is_required(pq_net_server(l->link->connection->net)->access))
    options.memory_max = STRANGER_MEMORY; /* every command is refused */
  options.host = (pq_rpc_host){link_send, link_start, link_go_on, link_cancel, link_is_full, l};
  return pq_rpc_open(&options, &l->session);
}

/* Nobody that we know: as a session says that it ends. */
static void refuse(link_session *l, const char *why) {
  pq_buf out;
  int rc;
  pq_buf_init(&out, l->cx, 4096);
  rc = pq_buf_put_str(&out, "[\"abort\",[\"error\",\"Error\",");
  if (rc == PQ_OK) rc = pq_buf_put_json_str(&out, pq_str(why));
  if (rc == PQ_OK) rc = pq_buf_put_str(&out, ",null,{\"code\":\"PERMISSION_DENIED\"}]]");
  if (rc == PQ_OK) l->link->send(l->link, pq_buf_slice(&out));
  pq_buf_release(&out);
  end_link(l, l->link->is_batch ? NULL : why);
}

/* The lines of a batch are messages. */
static int take_lines(link_session *l, pq_slice text) {
  while (text.n > 0) {
    const uint8_t *end = memchr(text.p, '\n', text.n);
    size_t n = end == NULL ? text.n : (size_t)(end - text.p);
    if (n > 0) PQ_TRY(pq_rpc_receive(l->session, (pq_slice){text.p, n}));
    n += end != NULL;
    text = (pq_slice){text.p + n, text.n - n};
  }
  return PQ_OK;
}

static void take_text(link_session *l, pq_slice text) {
  int rc;
  if (l->has_ended || l->session == NULL) return;
  rc = l->link->is_batch ? take_lines(l, text) : pq_rpc_receive(l->session, text);
  l->has_all = l->link->is_batch;
  look(l, rc);
}

static int link_message(void *session, pq_slice text) {
  link_session *l = session;
  if (l->session != NULL) {
    take_text(l, text);
    return PQ_OK;
  }
  if (l->has_ended || l->is_draining) return PQ_OK;
  if (text.n > EARLY_LEN_MAX) return pq_fail(l->cx, PQ_ELIMIT, "a message is too large");
  PQ_TRY(pq_buf_put_u32(&l->early, (uint32_t)text.n));
  return pq_buf_put_slice(&l->early, text);
}

/* The client of a WebSocket has gone, and its connection only waits for what is out. */
static void abandon_if_left(link_session *l) {
  pq_rpc_session *s = l->session;
  if (l->link->is_batch || l->has_ended || !l->link->connection->client.is_leaving) return;
  l->has_ended = true;
  pq_rpc_close(s);
  l->session = NULL;
}

static int logged_in(link_session *l, pq_request *r) {
  pq_reader early;
  uint32_t n;
  pq_slice text;
  int rc = r->rpc->rc;
  if (rc != PQ_OK) {
    refuse(l, r->rpc->message);
    pq_request_free(r);
    return PQ_OK;
  }
  pq_request_free(r);
  abandon_if_left(l);
  if (l->has_ended) return PQ_OK;
  PQ_TRY(open_session(l));
  early = pq_reader_of(pq_buf_slice(&l->early));
  while (pq_read_u32(&early, &n) && pq_read_bytes(&early, n, &text))
    take_text(l, text);
  pq_buf_release(&l->early);
  return PQ_OK;
}

/* A part, or the whole. */
static void take_answer(link_session *l, running *c, pq_request *r) {
  pq_rpc_request *q = r->rpc;
  uint64_t number = c->number;
  pq_rpc_result result = {.rc = q->rc, .message = q->message, .bytes = r->answer};
  char message[PQ_MESSAGE_CAP];
  result.has_more = q->has_more;
  r->answer = (pq_buf){0};
  snprintf(message, sizeof message, "%s", q->message);
  result.message = message;
  c->is_out = false;
  if (!q->has_more) {
    forget(l, find(l, number));
    pq_request_free(r);
  }
  look(l, pq_rpc_answer(l->session, number, &result));
}

static int link_answered(void *session, pq_request *r) {
  link_session *l = session;
  running **at, *c;
  if (r->rpc->is_login) return logged_in(l, r);
  abandon_if_left(l);
  at = find(l, r->rpc->number);
  c = *at;
  if (c != NULL && !c->is_unwanted && !l->has_ended && l->session != NULL) {
    take_answer(l, c, r);
    return PQ_OK;
  }
  if (r->job != NULL) { /* cancelled while it was out: once more, for its end */
    r->is_cancelled = true;
    pq_net_submit(l->link->connection, r);
    return PQ_OK;
  }
  if (c != NULL) forget(l, at);
  pq_request_free(r);
  if (l->is_draining && l->commands == NULL) end_link(l, NULL);
  return PQ_OK;
}

static int link_written(void *session) {
  link_session *l = session;
  if (l->session != NULL && !l->has_ended) look(l, pq_rpc_go_on(l->session));
  return PQ_OK;
}

static void link_close(void *session) {
  link_session *l = session;
  l->has_ended = true;
  pq_rpc_close(l->session); /* cancels what is out or waits */
  while (l->commands != NULL)
    forget(l, &l->commands);
  free_session(l);
}

const pq_rpc_side pq_capnweb_side = {.open = link_open,
                                     .message = link_message,
                                     .answered = link_answered,
                                     .written = link_written,
                                     .close = link_close};
