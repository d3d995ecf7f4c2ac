/* server/http_exchange.c - a request that has arrived becomes commands, their parts an answer.
 *
 *   act ─► submit ─► engine ─► deliver ─┬─ a part: held until the client has read it ─► go on
 *                      ▲                ├─ of several commands the next ─► submit
 *                      │                ├─ a piece of a long body: read on ─► act on the next piece
 *                      └────────────────┴─ the last: done
 */
#include <stdio.h>

#include "base/text.h"
#include "server/http_int.h"
#include "server/http_openapi.h"
#include "server/log.h"
#include "server/slow.h"

enum { HEARTBEAT_MS = 15000, DROPPED_LEN_MAX = 64 << 20, MESSAGE_LEN = 400 };

static int deliver(pq_connection *c, pq_request *r);

/* A failure of our memory as one of the connection. */
static int fail_as(pq_connection *c, int rc) {
  http_shared *s = c->shared;
  return rc == PQ_OK ? PQ_OK : pq_fail(pq_net_cx(c->net), rc, "%s", s->cx.msg);
}

/* ---- to the engine ---- */

static bool has_payload(const http_connection *h) {
  return h->call.has_lines && !h->call.is_sequence;
}

bool pq_http_takes_pieces(const http_connection *h) {
  return h->refusal == 0 && h->call.route != NULL && has_payload(h);
}

static int set_namespace(http_connection *h, pq_native *n) {
  pq_slice ns = h->call.ns;
  if (ns.n >= sizeof n->ns)
    return pq_fail(h->call.cx, PQ_EPATH, "the name of the namespace is too long");
  memcpy(n->ns, ns.p, ns.n);
  n->ns[ns.n] = '\0';
  return PQ_OK;
}

/* The command of a request that has none of its own. */
static int make_stats(http_connection *h, pq_value *command) {
  pq_builder *b = h->call.builder;
  pq_builder_clear(b);
  PQ_TRY(pq_builder_begin_object(b));
  PQ_TRY(pq_builder_key_str(b, "stats"));
  PQ_TRY(pq_builder_i32(b, 1));
  PQ_TRY(pq_builder_end(b));
  return pq_builder_finish(b, h->call.command_arena, command);
}

static int prepare(pq_connection *c, pq_request *r, pq_slice body) {
  http_connection *h = c->state;
  pq_native *n = r->native;
  pq_http_shape shape = h->call.route->shape;
  pq_slice authorization;
  pq_field first;
  uint32_t count;
  pq_field *fields;
  h->call.command_arena = &r->arena;
  if (h->call.route->content != PQ_HTTP_COMMANDS || has_payload(h) || h->call.at == 0)
    h->call.body = body;
  PQ_TRY(set_namespace(h, n));
  PQ_TRY(h->call.route->make == NULL ? make_stats(h, &r->command)
                                     : pq_http_call_command(&h->call, &r->command));
  fields = pq_object_fields(&r->arena, r->command, &count);
  first = count > 0 ? fields[0] : (pq_field){.name = PQ_SLICE("other")};
  r->name = first.name;
  snprintf(h->verb, sizeof h->verb, "%.*s", (int)pq_utf8_prefix(first.name, 31),
           (const char *)first.name.p);
  PQ_TRY(pq_arena_copy(&r->arena, h->call.ns, &r->db));
  if (has_payload(h)) PQ_TRY(pq_buf_put_slice(&n->payload, body));
  n->form = h->call.form;
  n->is_ours = shape == PQ_HTTP_READY;
  n->is_feed = shape == PQ_HTTP_FEED;
  if (shape != PQ_HTTP_LIST && shape != PQ_HTTP_RUN && shape != PQ_HTTP_FEED)
    n->part_len = SIZE_MAX;
  if (pq_http_field_get(&h->head, "authorization", &authorization))
    PQ_TRY(pq_arena_copy(&r->arena, authorization, &n->authorization));
  return PQ_OK;
}

/* The command of `body`, or the next one of several. */
static int submit(pq_connection *c, pq_slice body) {
  http_connection *h = c->state;
  http_shared *s = c->shared;
  pq_request *r = pq_native_new(&s->cx);
  int rc;
  if (r == NULL) return fail_as(c, pq_fail_nomem(&s->cx));
  rc = prepare(c, r, body);
  c->is_busy = true;
  h->state = HTTP_ENGINE;
  if (rc == PQ_OK) {
    pq_net_submit(c, r);
    return PQ_OK;
  }
  r->native->is_end = true;
  r->native->rc = rc;
  snprintf(r->native->message, sizeof r->native->message, "%s", s->cx.msg);
  return deliver(c, r);
}

/* ---- pieces of long bodies ---- */

int pq_http_act_on_piece(pq_connection *c) {
  http_connection *h = c->state;
  size_t len = h->lines_len;
  uint64_t lines = 0;
  int rc;
  for (size_t i = 0; i < len; i++)
    lines += h->content.p[i] == '\n';
  h->is_piece = true;
  pq_net_alarm(c, 0);
  rc = submit(c, (pq_slice){h->content.p, len});
  if (h->refusal != 0) return rc; /* it became no command: nothing of the body is kept */
  h->call.line += lines;
  memmove(h->content.p, h->content.p + len, h->content.len - len);
  h->content.len -= len;
  h->lines_len = 0;
  return rc;
}

/* Its numbers that are counts, to those of the pieces before. */
static int add_sums(pq_connection *c, const pq_native *n) {
  http_connection *h = c->state;
  http_sums *sums = &h->sums;
  uint32_t count;
  pq_field *fields = pq_object_fields(&h->arena, n->values, &count);
  if (fields == NULL && pq_value_count(n->values) > 0) return fail_as(c, h->call.cx->code);
  sums->batches++;
  for (uint32_t i = 0; i < count; i++) {
    pq_slice name = fields[i].name;
    int64_t v;
    uint32_t k = 0;
    if (name.n < 6 || name.n >= 32 || memcmp(name.p + name.n - 5, "Count", 5) != 0 ||
        !pq_value_i64(fields[i].value, &v))
      continue;
    while (k < sums->count && !pq_slice_is(name, sums->counts[k].name))
      k++;
    if (k == 8) continue;
    if (k == sums->count) {
      memcpy(sums->counts[k].name, name.p, name.n);
      sums->count++;
    }
    sums->counts[k].sum += v;
  }
  return PQ_OK;
}

static int put_sums(const http_connection *h, const pq_native *n, pq_buf *out) {
  int64_t seq = 0;
  PQ_TRY(pq_buf_printf(out, "{\"ok\":1,"));
  for (uint32_t i = 0; i < h->sums.count; i++)
    PQ_TRY(pq_buf_printf(out, "\"%s\":%lld,", h->sums.counts[i].name,
                         (long long)h->sums.counts[i].sum));
  (void)pq_value_i64(pq_object_get_str(n->values, "seq"), &seq);
  return pq_buf_printf(out, "\"batches\":%u,\"seq\":%lld}", h->sums.batches, (long long)seq);
}

/* A piece has failed: what was before it is stored. */
static void refuse_rest(pq_connection *c, const pq_native *n) {
  http_connection *h = c->state;
  char why[PQ_MESSAGE_CAP];
  if (h->sums.batches > 0 && h->sums.count > 0)
    snprintf(why, sizeof why, "%.*s (stored before: %s %lld)", MESSAGE_LEN, n->message,
             h->sums.counts[0].name, (long long)h->sums.counts[0].sum);
  else
    snprintf(why, sizeof why, "%s", n->message);
  pq_http_refuse(c, n->is_forbidden ? n->is_nobody ? 401 : 403 : pq_http_status_of(n->rc),
                 pq_status_name(n->rc), why);
  h->body.len_max = h->body.len + DROPPED_LEN_MAX;
  pq_buf_clear(&h->content);
  h->lines_len = 0;
}

/* More of the body is to come. */
static int deliver_piece(pq_connection *c, pq_request *r) {
  http_connection *h = c->state;
  int rc = PQ_OK;
  h->is_piece = false;
  if (r->native->rc == PQ_OK)
    rc = add_sums(c, r->native);
  else
    refuse_rest(c, r->native);
  pq_request_free(r);
  h->state = HTTP_BODY;
  c->is_busy = false;
  pq_http_body_await(c);
  return rc;
}

/* The last of several pieces: the sums are the answer. */
static int deliver_sums(pq_connection *c, pq_request *r) {
  http_connection *h = c->state;
  http_shared *s = c->shared;
  bool is_run = h->call.route->shape == PQ_HTTP_RUN;
  pq_buf body;
  int rc = add_sums(c, r->native);
  if (rc != PQ_OK) {
    pq_request_free(r);
    return rc;
  }
  pq_buf_init(&body, &s->cx, 1 << 16);
  rc = pq_buf_put_str(&body, !is_run               ? ""
                             : h->call.gives_lines ? "{\"summary\":"
                                                   : "{\"items\":[],\"summary\":");
  if (rc == PQ_OK) rc = put_sums(h, r->native, &body);
  if (rc == PQ_OK) rc = pq_buf_put_str(&body, is_run ? "}\n" : "\n");
  pq_request_free(r);
  if (rc == PQ_OK)
    rc = pq_http_reply(c, is_run ? 200 : 201,
                       is_run && h->call.gives_lines ? "application/x-ndjson" : "application/json",
                       pq_buf_slice(&body), NULL);
  else
    rc = fail_as(c, rc);
  pq_buf_release(&body);
  return rc;
}

/* ---- what has shapes of its own ---- */

static int deliver_ready(pq_connection *c, pq_request *r) {
  pq_native *n = r->native;
  char text[80];
  int64_t seq = 0;
  int rc;
  if (n->rc != PQ_OK) {
    rc = pq_http_reply_problem(c, 503, pq_status_name(n->rc), n->message, NULL);
  } else {
    (void)pq_value_i64(pq_object_get_str(n->values, "seq"), &seq);
    snprintf(text, sizeof text, "{\"status\":\"ready\",\"seq\":%lld}\n", (long long)seq);
    rc = pq_http_reply(c, 200, "application/json", pq_str(text), NULL);
  }
  pq_request_free(r);
  return rc;
}

static int deliver_metrics(pq_connection *c, pq_request *r) {
  http_connection *h = c->state;
  http_shared *s = c->shared;
  pq_value stats = {0};
  pq_buf text;
  int rc = PQ_OK;
  if (r->native->rc != PQ_OK) {
    rc = pq_http_answer_part(&h->answer, r, true, (pq_buf_init(&text, &s->cx, 1 << 16), &text));
    if (rc == PQ_OK) pq_net_write(c, &text);
    pq_buf_release(&text);
    pq_request_free(r);
    return rc == PQ_OK ? pq_http_done(c) : fail_as(c, rc);
  }
  pq_buf_init(&text, &s->cx, 1 << 22);
  if (r->answer.len > 0)
    rc = pq_json_value(s->builder, pq_buf_slice(&r->answer), &h->arena, &stats);
  if (rc == PQ_OK) rc = pq_http_metrics_put(&s->metrics, pq_net_server(c->net), stats, &text);
  pq_request_free(r);
  if (rc == PQ_OK)
    rc = pq_http_reply(c, 200, "text/plain; version=0.0.4; charset=utf-8", pq_buf_slice(&text),
                       NULL);
  else
    rc = fail_as(c, rc);
  pq_buf_release(&text);
  return rc;
}

static int put_feed(http_connection *h, const pq_request *r, pq_buf *out) {
  const pq_native *n = r->native;
  pq_buf text;
  int rc = PQ_OK;
  if (!h->answer.was_begun)
    PQ_TRY(pq_http_answer_stream(&h->answer, "text/event-stream", true, out));
  pq_buf_init(&text, h->call.cx, PQ_HTTP_ANSWER_MAX);
  rc = pq_buf_put_slice(&text, pq_buf_slice(&r->answer));
  if (rc == PQ_OK && text.len == 0 && !n->is_end) rc = pq_buf_put_str(&text, ":\n\n");
  if (rc == PQ_OK && n->rc != PQ_OK) {
    rc = pq_buf_put_str(&text, "event: error\ndata: ");
    if (rc == PQ_OK)
      rc = pq_http_put_problem(&text, pq_http_status_of(n->rc), pq_status_name(n->rc), n->message);
    if (rc == PQ_OK) rc = pq_buf_put_str(&text, "\n\n");
  }
  if (rc == PQ_OK) rc = pq_http_answer_chunk(&h->answer, pq_buf_slice(&text), n->is_end, out);
  pq_buf_release(&text);
  return rc;
}

/* ---- answers ---- */

/* Keep it until its part has been written. */
static void hold(pq_connection *c, pq_request *r) {
  http_connection *h = c->state;
  if (h->answer.is_head) { /* the head was all */
    r->is_cancelled = true;
    pq_net_submit(c, r);
    return;
  }
  r->native->heartbeat_ms = HEARTBEAT_MS;
  h->held = r;
  if (c->queued == 0) pq_http_go_on(c);
}

void pq_http_go_on(pq_connection *c) {
  http_connection *h = c->state;
  pq_request *r = h->held;
  if (r == NULL) return;
  h->held = NULL;
  pq_buf_clear(&r->answer);
  pq_net_submit(c, r);
}

static void count_feed(pq_connection *c, bool is_open) {
  http_connection *h = c->state;
  http_shared *s = c->shared;
  if (h->is_feed == is_open) return;
  h->is_feed = is_open;
  s->metrics.feeds += is_open ? 1 : (uint64_t)-1;
}

/* A part of what has items or one entity. The request is taken. */
static int deliver_part(pq_connection *c, pq_request *r) {
  http_connection *h = c->state;
  http_shared *s = c->shared;
  pq_native *n = r->native;
  bool is_feed = h->call.route->shape == PQ_HTTP_FEED && (n->rc == PQ_OK || h->answer.was_begun);
  bool is_last = n->rc != PQ_OK || !pq_http_call_has_next(&h->call), is_end = n->is_end;
  pq_buf out;
  int rc;
  pq_buf_init(&out, &s->cx, PQ_HTTP_ANSWER_MAX);
  rc = is_feed ? put_feed(h, r, &out) : pq_http_answer_part(&h->answer, r, is_last, &out);
  if (rc == PQ_OK) pq_net_write(c, &out);
  pq_buf_release(&out);
  if (rc != PQ_OK || c->is_closing) {
    if (is_end || c->is_closing)
      pq_request_free(r);
    else
      h->held = r; /* the end of the connection ends its job */
    return c->is_closing ? PQ_OK : fail_as(c, rc);
  }
  count_feed(c, is_feed && !is_end);
  if (!is_end) {
    hold(c, r);
    return PQ_OK;
  }
  pq_request_free(r);
  return is_last ? pq_http_done(c) : submit(c, h->call.body);
}

static int deliver(pq_connection *c, pq_request *r) {
  http_connection *h = c->state;
  http_shared *s = c->shared;
  pq_native *n = r->native;
  if (h->state == HTTP_ASKS) return pq_http_asked(c, r);
  if (n->is_end) {
    uint64_t us = pq_http_now_us() - h->begun_us;
    const pq_server *server = pq_net_server(c->net);
    int32_t slow_ms = server->options->slow_ms;
    pq_http_metrics_note(&s->metrics, pq_str(h->verb), n->rc, us);
    if (!n->is_feed && slow_ms >= 0 && us / 1000 >= (uint64_t)slow_ms && r->client != NULL)
      pq_slow_note(server->log, r, us / 1000);
    h->begun_us = pq_http_now_us();
  }
  switch (h->call.route->shape) {
    case PQ_HTTP_READY: return deliver_ready(c, r);
    case PQ_HTTP_METRICS: return deliver_metrics(c, r);
    default: break;
  }
  if (h->is_piece) return deliver_piece(c, r);
  if (h->sums.batches == 0) return deliver_part(c, r);
  if (n->rc == PQ_OK) return deliver_sums(c, r);
  refuse_rest(c, n);
  pq_request_free(r);
  return pq_http_reply_problem(c, h->refusal, h->code, h->why, NULL);
}

int pq_http_answered(pq_connection *c, pq_request *r) {
  http_connection *h = c->state;
  if (r->is_cancelled) {
    pq_request_free(r);
    return pq_http_done(c);
  }
  if (r->job == NULL && !r->native->is_end) { /* there was no memory for a job */
    r->native->is_end = true;
    r->native->rc = PQ_ENOMEM;
    snprintf(r->native->message, sizeof r->native->message, "out of memory");
  }
  if (r->notice[0] != '\0') pq_log_say(pq_net_server(c->net)->log, PQ_LOG_WARN, "%s", r->notice);
  if (r->hold_ms == 0 || pq_net_is_stopping(c->net)) return deliver(c, r);
  h->delayed = r;
  pq_net_alarm(c, r->hold_ms);
  return PQ_OK;
}

int pq_http_deliver_delayed(pq_connection *c) {
  http_connection *h = c->state;
  pq_request *r = h->delayed;
  h->delayed = NULL;
  return deliver(c, r);
}

/* ---- what a request asks for ---- */

static int reply_openapi(pq_connection *c) {
  http_shared *s = c->shared;
  pq_buf text;
  int rc;
  pq_buf_init(&text, &s->cx, 1 << 22);
  rc = pq_http_openapi_put(&text);
  rc = rc == PQ_OK ? pq_http_reply(c, 200, "application/json", pq_buf_slice(&text), NULL)
                   : fail_as(c, rc);
  pq_buf_release(&text);
  return rc;
}

int pq_http_act(pq_connection *c) {
  http_connection *h = c->state;
  switch (h->call.route->shape) {
    case PQ_HTTP_HEALTH:
      return pq_http_reply(c, 200, "application/json", PQ_SLICE("{\"status\":\"alive\"}\n"), NULL);
    case PQ_HTTP_OPENAPI: return reply_openapi(c);
    case PQ_HTTP_RPC:
      return pq_slice_is(h->head.method, "GET") ? pq_http_upgrade(c) : pq_http_batch(c);
    default: return submit(c, pq_buf_slice(&h->content));
  }
}
