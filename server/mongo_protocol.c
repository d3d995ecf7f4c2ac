/* server/mongo_protocol.c - messages in, answers out. See mongo_protocol.h. */
#include "server/mongo_protocol.h"

#include <stdlib.h>
#include <time.h>

#include "server/access.h"
#include "server/handshake.h"
#include "server/log.h"
#include "server/metrics.h"
#include "server/mongo_error.h"

enum {
  COMMAND_LEN_MAX = 96 << 20,
  HANDSHAKE_LEN_MAX = 4 << 20,
  STRANGER_LEN_MAX = 64 << 10 /* of who has yet to log in: he has nothing long to say */
};

/* What a connection waits for, if it does. */
typedef enum waiting {
  WAITS_NOT,
  WAITS_HELLO,   /* `kept` is answered at the alarm, as nothing has changed */
  WAITS_WRITTEN, /* `kept` is asked again when its last answer has been written */
  WAITS_HELD     /* the answer to `kept` goes out at the alarm */
} waiting;

/* Of a connection. */
typedef struct state {
  waiting waits;
  pq_request *kept;  /* owned; NULL: it waits for nothing */
  uint32_t await_ms; /* of a hello */
} state;

/* Of all connections. */
typedef struct shared {
  pq_cx cx; /* its limits are those of commands */
  pq_wire wire;
  pq_builder *builder;
  pq_fail_point *fail_point; /* owned; NULL: none */
  uint32_t last_answer;
} shared;

static int start(pq_net *net, void **out) {
  shared *s = calloc(1, sizeof *s);
  int rc;
  *out = NULL;
  if (s == NULL) return pq_fail_nomem(pq_net_cx(net));
  pq_cx_init(&s->cx, NULL, NULL);
  s->cx.limits.doc_len_max = COMMAND_LEN_MAX;
  pq_wire_init(&s->wire, &s->cx);
  rc = pq_builder_new(&s->cx, &s->builder);
  if (rc == PQ_OK && pq_net_server(net)->options->has_test_commands) {
    s->fail_point = pq_fail_point_new(&s->cx);
    if (s->fail_point == NULL) rc = PQ_ENOMEM;
  }
  if (rc != PQ_OK) {
    pq_builder_free(s->builder);
    free(s);
    return pq_fail_nomem(pq_net_cx(net));
  }
  *out = s;
  return PQ_OK;
}

static void stop(void *ud) {
  shared *s = ud;
  pq_fail_point_free(s->fail_point);
  pq_builder_free(s->builder);
  pq_wire_release(&s->wire);
  free(s);
}

/* A failure of ours as one of the connection. */
static int fail_as(pq_connection *c, const shared *s, int rc) {
  return pq_fail(pq_net_cx(c->net), rc, "%s", s->cx.msg);
}

/* ---- answers ---- */

/* Send an answer; it stays the request's. One without bytes: there was no memory for it. */
static int send_answer(pq_connection *c, const pq_request *r, bool is_followed) {
  shared *s = c->shared;
  struct pq_metrics *metrics = pq_net_server(c->net)->metrics;
  pq_wire_answer a = {.body = pq_buf_slice(&r->answer),
                      .request_id = (int32_t)++s->last_answer,
                      .response_to = r->request_id,
                      .is_reply = r->is_reply,
                      .is_followed = is_followed,
                      .has_checksum = r->has_checksum,
                      .is_compressed = r->is_compressed && !pq_handshake_is_plain(r->name),
                      .packer = r->packer};
  pq_buf out;
  int rc = PQ_OK;
  if (metrics != NULL)
    pq_metrics_mongo(metrics, r->name, r->error_code != 0,
                     r->has_waited ? UINT64_MAX : (pq_net_clock_ns() - r->since_ns) / 1000);
  pq_buf_init(&out, &s->cx, (size_t)PQ_WIRE_LEN_MAX * 2); /* packed bytes may be more */
  if (r->fail.was_repeated) pq_fail_point_give_back(s->fail_point);
  if (a.body.n == 0 || r->fail.must_close)
    rc = r->fail.must_close ? pq_fail(&s->cx, PQ_EINVALID, "a fail point of a test")
                            : pq_fail(&s->cx, PQ_ENOMEM, "out of memory");
  if (rc == PQ_OK && !r->is_silent) rc = pq_wire_reply(&s->wire, &a, &out);
  if (rc == PQ_OK) pq_net_write(c, &out);
  pq_buf_release(&out);
  return rc == PQ_OK ? PQ_OK : fail_as(c, s, rc);
}

/* Answer and free the request. */
static int answer(pq_connection *c, pq_request *r) {
  int rc = send_answer(c, r, false);
  pq_request_free(r);
  return rc;
}

static int64_t now_us(void) {
  struct timespec now;
  (void)clock_gettime(CLOCK_REALTIME, &now);
  return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

/* *is_done false: it is the engine's. */
static int shake_hands(pq_connection *c, pq_request *r, bool *is_done) {
  shared *s = c->shared;
  int64_t now = now_us();
  pq_handshake h = {.server = pq_net_server(c->net),
                    .client = &c->client,
                    .connection = (int32_t)c->client.number,
                    .must_login = pq_access_is_required(pq_net_server(c->net)->access),
                    .now_ms = now / 1000,
                    .now_us = now,
                    .fail_point = s->fail_point};
  pq_buf_release(&r->answer);
  pq_buf_init(&r->answer, &s->cx, HANDSHAKE_LEN_MAX);
  return pq_handshake_answer(&h, r, is_done);
}

/* ---- answers that follow each other: exhaust (specifications: message/OP_MSG) ---- */

static void keep(pq_connection *c, pq_request *r, waiting waits) {
  state *own = c->state;
  own->kept = r;
  own->waits = waits;
  c->is_busy = true;
}

static pq_request *take_kept(pq_connection *c) {
  state *own = c->state;
  pq_request *r = own->kept;
  own->kept = NULL;
  own->waits = WAITS_NOT;
  c->is_busy = false;
  return r;
}

/* Send an answer that another one follows, which answers this one. PQ_OK: the request is taken. */
static int send_followed(pq_connection *c, pq_request *r, waiting waits) {
  const shared *s = c->shared;
  int rc = send_answer(c, r, true);
  if (rc != PQ_OK || c->is_closing) {
    pq_request_free(r);
    return rc;
  }
  r->request_id = (int32_t)s->last_answer;
  keep(c, r, waits);
  return PQ_OK;
}

/* A batch that has been written is followed by the next one. */
static int written(pq_connection *c) {
  const state *own = c->state;
  pq_request *r;
  if (own->waits != WAITS_WRITTEN) return PQ_OK;
  r = take_kept(c);
  pq_buf_release(&r->answer);
  r->has_next = false;
  c->is_busy = true;
  pq_net_submit(c, r);
  return PQ_OK;
}

static int answered(pq_connection *c, pq_request *r) {
  bool is_followed =
      r->allows_exhaust && r->has_next && !r->is_silent && pq_slice_is(r->name, "getMore");
  c->is_busy = false;
  if (r->notice[0] != '\0') pq_log_say(pq_net_server(c->net)->log, PQ_LOG_WARN, "%s", r->notice);
  if (pq_net_is_stopping(c->net)) return answer(c, r);
  if (is_followed) return send_followed(c, r, WAITS_WRITTEN);
  if (r->hold_ms == 0) return answer(c, r);
  keep(c, r, WAITS_HELD);
  pq_net_alarm(c, r->hold_ms);
  return PQ_OK;
}

/* A hello that waits for what never happens has waited long enough: it is answered, and asked
 * again if its answers may follow each other. */
static int answer_hello(pq_connection *c, bool may_follow) {
  const state *own = c->state;
  pq_request *r = take_kept(c);
  bool is_done;
  int rc = shake_hands(c, r, &is_done);
  if (rc == PQ_OK && !is_done)
    rc = pq_fail(r->answer.cx, PQ_EINVALID, "a hello that waits cannot log in");
  if (rc != PQ_OK) {
    pq_request_free(r);
    return fail_as(c, c->shared, rc);
  }
  if (!may_follow || !r->allows_exhaust || r->is_silent) return answer(c, r);
  pq_net_alarm(c, own->await_ms);
  return send_followed(c, r, WAITS_HELLO);
}

static int alarm_rang(pq_connection *c) {
  const state *own = c->state;
  if (own->waits == WAITS_HELLO) return answer_hello(c, true);
  return own->waits == WAITS_HELD ? answer(c, take_kept(c)) : PQ_OK;
}

static int await_hello(pq_connection *c, pq_request *r, uint32_t await_ms, bool is_news) {
  state *own = c->state;
  r->has_waited = true;
  own->await_ms = await_ms;
  keep(c, r, WAITS_HELLO);
  if (is_news) return answer_hello(c, true);
  pq_net_alarm(c, await_ms);
  return PQ_OK;
}

/* The server stops: what waits is answered now. */
static void leave(pq_connection *c) {
  const state *own = c->state;
  int rc = PQ_OK;
  if (own->waits == WAITS_HELLO) rc = answer_hello(c, false);
  if (own->waits == WAITS_HELD) rc = answer(c, take_kept(c));
  if (rc != PQ_OK) pq_net_close(c, "it is not answered any more");
}

static void end(pq_connection *c) {
  pq_request_free(take_kept(c));
}

/* ---- requests ---- */

/* The request is taken: answered, or on its way to the engine. */
static int dispatch(pq_connection *c, pq_request *r) {
  shared *s = c->shared;
  bool is_done = false;
  int rc = shake_hands(c, r, &is_done);
  if (rc != PQ_OK) {
    pq_request_free(r);
    return fail_as(c, s, rc);
  }
  if (is_done) return answer(c, r);
  pq_buf_release(&r->answer);
  r->kind = PQ_JOB_MONGO;
  c->is_busy = true;
  pq_net_submit(c, r);
  return PQ_OK;
}

/* A command that cannot be read is answered: where the next message begins is known. */
static int take_message(pq_connection *c, const pq_wire_message *m) {
  shared *s = c->shared;
  pq_request *r = pq_request_new(&s->cx);
  uint32_t await_ms = 0;
  bool is_news = true;
  int rc;
  if (r == NULL) return fail_as(c, s, pq_fail_nomem(&s->cx));
  r->since_ns = pq_net_clock_ns();
  pq_buf_init(&r->answer, &s->cx, HANDSHAKE_LEN_MAX);
  rc = pq_request_read(r, s->builder, m);
  if (rc == PQ_OK) rc = pq_handshake_await(pq_net_server(c->net), &s->cx, r, &await_ms, &is_news);
  if (rc == PQ_OK) return await_ms > 0 ? await_hello(c, r, await_ms, is_news) : dispatch(c, r);
  if (pq_mongo_error_put(&r->answer, pq_mongo_code_of(rc), s->cx.msg) != PQ_OK)
    pq_buf_clear(&r->answer);
  return answer(c, r);
}

/* The limit of whoever started the server, below that of the protocol. */
static int check_len(pq_connection *c, size_t len) {
  uint32_t max = pq_net_server(c->net)->options->request_len_max;
  if (max == 0 || len <= max) return PQ_OK;
  return pq_fail(pq_net_cx(c->net), PQ_ELIMIT, "a message of %zu bytes: at most %u are allowed",
                 len, (unsigned)max);
}

/* That of who has yet to log in, of a message and of what it unpacks to. */
static int check_stranger(pq_connection *c, size_t len) {
  const pq_server *server = pq_net_server(c->net);
  if (len <= STRANGER_LEN_MAX || c->client.user[0] != '\0') return PQ_OK;
  if (!pq_access_is_required(server->access)) return PQ_OK;
  return pq_fail(pq_net_cx(c->net), PQ_ELIMIT,
                 "a message of %zu bytes before logging in: at most %d are allowed", len,
                 (int)STRANGER_LEN_MAX);
}

static int received(pq_connection *c, pq_slice bytes, size_t *used) {
  shared *s = c->shared;
  pq_wire_message m;
  size_t len;
  int rc = pq_wire_measure(&s->cx, bytes, &len);
  *used = 0;
  if (rc != PQ_OK) return fail_as(c, s, rc);
  PQ_TRY(check_len(c, len));
  PQ_TRY(check_stranger(c, len));
  if (len == 0 || len > bytes.n) return PQ_OK;
  rc = pq_wire_read(&s->wire, (pq_slice){bytes.p, len}, &m);
  if (rc != PQ_OK) return fail_as(c, s, rc);
  *used = len;
  len = m.body.n;
  for (uint32_t i = 0; i < m.sequence_count; i++)
    len += m.sequences[i].documents.n;
  PQ_TRY(check_stranger(c, len));
  return take_message(c, &m);
}

const pq_protocol pq_mongo_protocol = {.name = "mongodb",
                                       .state_size = sizeof(state),
                                       .in_len_max = PQ_WIRE_LEN_MAX,
                                       .start = start,
                                       .stop = stop,
                                       .received = received,
                                       .answered = answered,
                                       .written = written,
                                       .alarm = alarm_rang,
                                       .leave = leave,
                                       .end = end};
