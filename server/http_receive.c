/* server/http_receive.c - the body of a request, as it comes.
 *
 *   head ─┬─ refused: what comes is dropped, then it is answered; or at once, where much would come
 *         ├─ much, of who has to log in ─► the engine looks whether he may ─┐
 *         └─────────────────────────────────────────────────────────────────┴─► 100 Continue
 *     ─► data ─► unpacked ─► content ─┬─ whole: pq_http_act_on_whole
 *                                     └─ 4 MB of lines: pq_http_act_on_piece, then more data
 */
#include <stdio.h>

#include "server/access.h"
#include "server/http_int.h"

enum {
  LINES_LEN_MAX = 40 << 20,   /* of a line, and of what one piece holds */
  DROPPED_LEN_MAX = 1 << 20,  /* of a body whose request is refused */
  UNASKED_LEN_MAX = 64 << 10, /* a body that is longer is read when its sender may send it */
  PROGRESS_MS = 30000,        /* in which a body has to grow by */
  PROGRESS_LEN = 1024
};

static int fail_as(pq_connection *c, int rc) {
  http_shared *s = c->shared;
  return rc == PQ_OK ? PQ_OK : pq_fail(pq_net_cx(c->net), rc, "%s", s->cx.msg);
}

void pq_http_body_await(pq_connection *c) {
  http_connection *h = c->state;
  h->body_noted = h->body.len;
  pq_net_alarm(c, PROGRESS_MS);
}

/* A refused request whose body would be long is answered at once, and the connection ends. */
static int refuse_now(pq_connection *c) {
  http_connection *h = c->state;
  h->answer.keeps_alive = false;
  h->is_sending = true;
  pq_http_tell_end(c, h->why);
  return pq_http_reply_refusal(c);
}

int pq_http_body_alarm(pq_connection *c) {
  const http_connection *h = c->state;
  if (h->body.len - h->body_noted < PROGRESS_LEN) {
    pq_http_refuse(c, 408, "QUERY_TIMEOUT", "the body of a request does not come");
    return refuse_now(c);
  }
  pq_http_body_await(c);
  return PQ_OK;
}

/* ---- may he send it? ---- */

/* Of the command that the body will be. Empty: of commands of any kind. */
static pq_slice verb_of(const http_connection *h) {
  switch (h->call.route->shape) {
    case PQ_HTTP_INSERTED: return PQ_SLICE("insert");
    case PQ_HTTP_WRITTEN: return PQ_SLICE("update");
    case PQ_HTTP_DELETED: return PQ_SLICE("delete");
    default: return (pq_slice){NULL, 0};
  }
}

static bool has_to_ask(const pq_connection *c) {
  const http_connection *h = c->state;
  const pq_http_head *head = &h->head;
  return h->refusal == 0 && h->call.route != NULL && pq_http_needs_login(pq_net_server(c->net)) &&
         (head->is_chunked || head->expects_continue || head->content_len > UNASKED_LEN_MAX ||
          h->coding != PQ_HTTP_IDENTITY); /* a few bytes may be packed megabytes */
}

static int prepare_question(const http_connection *h, pq_request *r) {
  pq_native *n = r->native;
  pq_slice authorization;
  n->is_question = true;
  r->name = verb_of(h);
  (void)snprintf(n->ns, sizeof n->ns, "%.*s", (int)h->call.ns.n, (const char *)h->call.ns.p);
  PQ_TRY(pq_arena_copy(&r->arena, h->call.ns, &r->db));
  if (!pq_http_field_get(&h->head, "authorization", &authorization)) return PQ_OK;
  return pq_arena_copy(&r->arena, authorization, &n->authorization);
}

static int ask(pq_connection *c) {
  http_connection *h = c->state;
  http_shared *s = c->shared;
  pq_request *r = pq_native_new(&s->cx);
  int rc;
  if (r == NULL) return fail_as(c, pq_fail_nomem(&s->cx));
  rc = prepare_question(h, r);
  if (rc != PQ_OK) {
    pq_request_free(r);
    return fail_as(c, rc);
  }
  h->state = HTTP_ASKS;
  c->is_busy = true;
  pq_net_alarm(c, 0);
  pq_net_submit(c, r);
  return PQ_OK;
}

/* ---- it begins ---- */

static int say_continue(pq_connection *c) {
  http_shared *s = c->shared;
  pq_buf out;
  int rc;
  pq_buf_init(&out, &s->cx, 64);
  rc = pq_buf_put_str(&out, "HTTP/1.1 100 Continue\r\n\r\n");
  if (rc == PQ_OK) pq_net_write(c, &out);
  pq_buf_release(&out);
  return fail_as(c, rc);
}

static uint64_t len_max_of(pq_connection *c) {
  const http_connection *h = c->state;
  const http_shared *s = c->shared;
  return pq_http_takes_pieces(h) ? UINT64_MAX / 2 : s->limits.body_len_max;
}

/* The body is read, or dropped. */
static int begin(pq_connection *c) {
  http_connection *h = c->state;
  http_shared *s = c->shared;
  if (h->refusal != 0 && (h->head.expects_continue || h->head.content_len > DROPPED_LEN_MAX))
    return refuse_now(c);
  pq_http_body_begin(&h->body, &h->head, h->refusal != 0 ? DROPPED_LEN_MAX : len_max_of(c));
  if (h->refusal == 0 && h->coding != PQ_HTTP_IDENTITY) {
    PQ_TRY(fail_as(c, pq_http_unpacker_new(&s->cx, h->coding, &h->unpacker)));
    h->body.run_max = PQ_HTTP_UNPACK_LEN;
  }
  h->state = HTTP_BODY;
  pq_http_body_await(c);
  return h->head.expects_continue ? say_continue(c) : PQ_OK;
}

int pq_http_body_take(pq_connection *c) {
  http_connection *h = c->state;
  h->coding = PQ_HTTP_IDENTITY;
  if (h->refusal == 0 && !pq_http_coding_of(&h->head, &h->coding)) {
    h->is_packed_strangely = true;
    pq_http_refuse(c, 415, "NOT_SUPPORTED", "Content-Encoding is gzip, zstd or not there");
  }
  if (h->refusal == 0 && h->head.content_len > len_max_of(c))
    pq_http_refuse(c, 413, "LIMIT_EXCEEDED",
                   "the body is too long: many documents are taken as lines, of any number "
                   "(application/x-ndjson)");
  return has_to_ask(c) ? ask(c) : begin(c);
}

int pq_http_asked(pq_connection *c, pq_request *r) {
  const pq_native *n = r->native;
  if (n->rc != PQ_OK)
    pq_http_refuse(c, n->is_forbidden ? n->is_nobody ? 401 : 403 : pq_http_status_of(n->rc),
                   pq_status_name(n->rc), n->message);
  pq_request_free(r);
  c->is_busy = false;
  return begin(c);
}

/* ---- it comes ---- */

/* Lines enough for a piece? */
static bool has_piece(const http_connection *h) {
  return !h->drops_body && !h->body.is_done && h->content.len >= PQ_HTTP_PIECE_LEN &&
         h->lines_len > 0;
}

/* To the content. PQ_EINVALID: it is packed wrongly; PQ_ELIMIT: it is too much. */
static int keep(pq_connection *c, pq_slice data) {
  http_connection *h = c->state;
  http_shared *s = c->shared;
  pq_buf *b = &h->content;
  size_t before = b->len;
  bool has_pieces = pq_http_takes_pieces(h);
  PQ_TRY(h->unpacker == NULL ? pq_buf_put_slice(b, data) : pq_http_unpack(h->unpacker, data, b));
  if (!has_pieces && b->len > s->limits.body_len_max)
    return pq_fail(&s->cx, PQ_ELIMIT, "the body is too long");
  for (size_t i = b->len; has_pieces && i > before; i--)
    if (b->p[i - 1] == '\n') {
      h->lines_len = i;
      break;
    }
  if (has_pieces && b->len - h->lines_len > LINES_LEN_MAX)
    return pq_fail(&s->cx, PQ_ELIMIT, "a line of the body is too long");
  return PQ_OK;
}

/* As far as it has come. */
static int keep_all(pq_connection *c, pq_slice *rest, int *status) {
  http_connection *h = c->state;
  http_shared *s = c->shared;
  pq_slice data = {NULL, 1};
  while (data.n > 0 && !has_piece(h)) {
    PQ_TRY(pq_http_body_next(&s->cx, &h->body, rest, &data, status));
    if (data.n > 0 && !h->drops_body) {
      int rc = keep(c, data);
      if (rc == PQ_ELIMIT) *status = 413;
      PQ_TRY(rc);
    }
  }
  if (!h->body.is_done || h->unpacker == NULL || pq_http_unpack_is_whole(h->unpacker)) return PQ_OK;
  return pq_fail(&s->cx, PQ_EINVALID, "the body is no whole %s", pq_http_coding_name(h->coding));
}

int pq_http_body_received(pq_connection *c, pq_slice bytes, size_t *used) {
  http_connection *h = c->state;
  http_shared *s = c->shared;
  pq_slice rest = bytes;
  int status = 400, rc = keep_all(c, &rest, &status);
  *used = bytes.n - rest.n;
  if (rc == PQ_ENOMEM) return fail_as(c, rc);
  if (rc != PQ_OK) {
    *used = bytes.n;
    if (h->refusal == 0) pq_http_refuse(c, status, pq_status_name(s->cx.code), s->cx.msg);
    return refuse_now(c);
  }
  if (h->body.is_done) return pq_http_act_on_whole(c);
  return has_piece(h) ? pq_http_act_on_piece(c) : PQ_OK;
}
