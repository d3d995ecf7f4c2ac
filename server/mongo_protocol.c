/* server/mongo_protocol.c - messages in, answers out. See mongo_protocol.h. */
#include "server/mongo_protocol.h"

#include <stdlib.h>
#include <time.h>

#include "server/access.h"
#include "server/handshake.h"
#include "server/mongo_error.h"

enum { COMMAND_LEN_MAX = 96 << 20 };

/* Of all connections. */
typedef struct shared {
  pq_cx cx; /* its limits are those of commands */
  pq_wire wire;
  pq_builder *builder;
  int32_t last_answer;
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
  if (rc != PQ_OK) {
    free(s);
    return pq_fail_nomem(pq_net_cx(net));
  }
  *out = s;
  return PQ_OK;
}

static void stop(void *ud) {
  shared *s = ud;
  pq_builder_free(s->builder);
  pq_wire_release(&s->wire);
  free(s);
}

/* A failure of ours as one of the connection. */
static int fail_as(pq_connection *c, const shared *s, int rc) {
  return pq_fail(pq_net_cx(c->net), rc, "%s", s->cx.msg);
}

/* ---- answers ---- */

/* Answer and free the request. An empty answer: there was no memory for one. */
static int answer(pq_connection *c, pq_request *r) {
  shared *s = c->shared;
  pq_wire_answer a = {.body = pq_buf_slice(&r->answer),
                      .request_id = ++s->last_answer,
                      .response_to = r->request_id,
                      .is_reply = r->is_reply,
                      .is_compressed = r->is_compressed && !pq_handshake_is_plain(r->name),
                      .packer = r->packer};
  pq_buf out;
  int rc = PQ_OK;
  pq_buf_init(&out, &s->cx, (size_t)PQ_WIRE_LEN_MAX * 2); /* packed bytes may be more */
  if (a.body.n == 0) rc = pq_fail(&s->cx, PQ_ENOMEM, "out of memory");
  if (rc == PQ_OK && !r->is_silent) rc = pq_wire_reply(&s->wire, &a, &out);
  pq_request_free(r);
  if (rc == PQ_OK) pq_net_write(c, &out);
  pq_buf_release(&out);
  return rc == PQ_OK ? PQ_OK : fail_as(c, s, rc);
}

/* Of one connection. */
typedef struct state {
  pq_request *held; /* owned: its answer goes out at the alarm; NULL: none */
} state;

static int answered(pq_connection *c, pq_request *r) {
  const pq_serve_options *o = pq_net_server(c->net)->options;
  state *s = c->state;
  if (r->notice[0] != '\0' && o->log != NULL) o->log(o->ud, r->notice);
  if (r->hold_ms > 0 && !pq_net_is_stopping(c->net)) {
    s->held = r;
    pq_net_alarm(c, r->hold_ms);
    return PQ_OK;
  }
  c->is_busy = false;
  return answer(c, r);
}

static int alarm_held(pq_connection *c) {
  state *s = c->state;
  pq_request *r = s->held;
  s->held = NULL;
  if (r == NULL) return PQ_OK;
  c->is_busy = false;
  return answer(c, r);
}

static void end(pq_connection *c) {
  state *s = c->state;
  pq_request_free(s->held);
}

/* ---- requests ---- */

static int64_t now_ms(void) {
  struct timespec now;
  (void)clock_gettime(CLOCK_REALTIME, &now);
  return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* The request is taken: answered, or on its way to the engine. */
static int dispatch(pq_connection *c, pq_request *r) {
  shared *s = c->shared;
  pq_handshake h = {.host = c->client.host,
                    .peer = c->client.peer,
                    .connection = (int32_t)c->client.number,
                    .must_login = pq_access_is_required(pq_net_server(c->net)->access),
                    .now_ms = now_ms()};
  bool is_done = false;
  int rc = pq_handshake_answer(&h, r, &is_done);
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
  int rc;
  if (r == NULL) return fail_as(c, s, pq_fail_nomem(&s->cx));
  pq_buf_init(&r->answer, &s->cx, 1 << 20);
  rc = pq_request_read(r, s->builder, m);
  if (rc == PQ_OK) return dispatch(c, r);
  if (pq_mongo_error_put(&r->answer, pq_mongo_code_of(rc), s->cx.msg) != PQ_OK)
    pq_buf_clear(&r->answer);
  return answer(c, r);
}

static int received(pq_connection *c, pq_slice bytes, size_t *used) {
  shared *s = c->shared;
  pq_wire_message m;
  size_t len;
  int rc = pq_wire_measure(&s->cx, bytes, &len);
  *used = 0;
  if (rc == PQ_OK && (len == 0 || len > bytes.n)) return PQ_OK;
  if (rc == PQ_OK) rc = pq_wire_read(&s->wire, (pq_slice){bytes.p, len}, &m);
  if (rc != PQ_OK) return fail_as(c, s, rc);
  *used = len;
  return take_message(c, &m);
}

const pq_protocol pq_mongo_protocol = {.name = "mongodb",
                                       .state_size = sizeof(state),
                                       .in_len_max = PQ_WIRE_LEN_MAX,
                                       .start = start,
                                       .stop = stop,
                                       .received = received,
                                       .answered = answered,
                                       .alarm = alarm_held,
                                       .end = end};
