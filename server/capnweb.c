/* server/capnweb.c - messages and tables of a session: capnweb.h.
 *
 *     calls       1, 2, …    the client's pushes; a hook each, until it says "release"
 *     exports    -1, -2, …   our targets that it was told of
 *     callbacks  -1, -2, …   its objects and promises that we were told of, until we say "release"
 *     questions   1, 2, …    our pushes to it
 *
 * A message that is no sense ends the session; an expression that is none fails its push alone.
 * (capnweb: reference/protocol.)
 */
#include "server/capnweb.h"

#include <stdio.h>

#include "base/text.h"
#include "server/capnweb_int.h"
#include "value/json.h"

enum {
  KEPT_LEN = 256 << 10, /* of buffers, between messages */
  MEMORY_MAX = 256 << 20,
  MESSAGE_MAX = 32 << 20,
  ANSWER_MAX = (32 << 20) - (64 << 10), /* capnweb: limits.maxMessageSize */
  CALL_MAX = 200000,                    /* about a kilobyte each, with a small answer */
  TABLE_MAX = 10000,
  PENDING_MAX = 10000,
  MAP_MAX = 10000
};

/* ---- memory ---- */

static void *count_alloc(void *ud, void *ptr, size_t old_size, size_t new_size) {
  pq_rpc_session *s = ud;
  pq_cx *cx = s->options.cx;
  void *p;
  if (new_size > old_size && new_size - old_size > s->options.memory_max - s->used_len) return NULL;
  p = pq_alloc(cx, ptr, old_size, new_size);
  if (p == NULL && new_size > 0) return NULL;
  s->used_len = s->used_len - old_size + new_size;
  return p;
}

/* ---- tables ---- */

/* The place of the first entry that is not before `id`. */
static uint32_t place_of(const pq_rpc_table *t, uint64_t id) {
  uint32_t from = 0, to = t->count;
  while (from < to) {
    uint32_t middle = from + (to - from) / 2;
    if (t->p[middle].id < id)
      from = middle + 1;
    else
      to = middle;
  }
  return from;
}

pq_rpc_entry *pq_rpc_find(const pq_rpc_table *t, uint64_t id) {
  uint32_t at = place_of(t, id);
  return at < t->count && t->p[at].id == id && !t->p[at].is_gone ? &t->p[at] : NULL;
}

int pq_rpc_add(pq_rpc_session *s, pq_rpc_table *t, uint64_t id, pq_rpc_hook *hook,
               pq_rpc_entry **out) {
  uint32_t at = place_of(t, id);
  uint32_t max = t == &s->calls ? s->options.call_max : s->options.table_max;
  *out = NULL;
  if (t->count - t->gone_count >= max)
    return pq_fail(&s->cx, PQ_ELIMIT,
                   "more than %u calls or stubs are held: await them, dispose of them", max);
  if (at < t->count && t->p[at].id == id) { /* it was there, and is gone */
    pq_assert(t->p[at].is_gone);
    t->gone_count--;
    t->p[at] = (pq_rpc_entry){.id = id, .count = 1, .hook = hook};
    *out = &t->p[at];
    return PQ_OK;
  }
  if (t->count == t->cap) {
    uint32_t cap = t->cap == 0 ? 16 : t->cap * 2;
    pq_rpc_entry *p = pq_alloc(&s->cx, t->p, t->cap * sizeof *p, cap * sizeof *p);
    if (p == NULL) return pq_fail_nomem(&s->cx);
    t->p = p;
    t->cap = cap;
  }
  memmove(&t->p[at + 1], &t->p[at], (t->count - at) * sizeof *t->p);
  t->count++;
  t->p[at] = (pq_rpc_entry){.id = id, .count = 1, .hook = hook};
  *out = &t->p[at];
  return PQ_OK;
}

void pq_rpc_remove(pq_rpc_table *t, uint64_t id) {
  uint32_t at = place_of(t, id);
  uint32_t kept = 0;
  if (at == t->count || t->p[at].id != id || t->p[at].is_gone) return;
  t->p[at] = (pq_rpc_entry){.id = id, .is_gone = true};
  if (++t->gone_count <= t->count / 2) return;
  for (uint32_t i = 0; i < t->count; i++)
    if (!t->p[i].is_gone) t->p[kept++] = t->p[i];
  t->count = kept;
  t->gone_count = 0;
}

/* ---- sending ---- */

static int end_session(pq_rpc_session *s, int rc, bool tell) {
  pq_rpc_error e = {.type = "Error"};
  pq_buf text;
  if (s->has_ended) return rc;
  s->has_ended = true;
  snprintf(s->why, sizeof s->why, "%s", s->cx.msg[0] != '\0' ? s->cx.msg : pq_status_name(rc));
  if (!tell) return rc;
  snprintf(e.text, sizeof e.text, "%s", pq_utf8_is_valid(pq_str(s->why)) ? s->why : "bad message");
  snprintf(e.code, sizeof e.code, "%s", pq_status_name(rc));
  pq_buf_init(&text, s->options.cx, 1 << 16);
  if (pq_buf_put_str(&text, "[\"abort\",") == PQ_OK && pq_rpc_write_error(&text, &e) == PQ_OK &&
      pq_buf_put_byte(&text, ']') == PQ_OK)
    (void)s->options.host.send(s->options.host.ud, pq_buf_slice(&text));
  pq_buf_release(&text);
  return rc;
}

static int send_text(pq_rpc_session *s, pq_slice text) {
  int rc = s->has_ended ? PQ_OK : s->options.host.send(s->options.host.ud, text);
  if (rc == PQ_OK) return PQ_OK;
  (void)pq_fail(&s->cx, rc, "the transport takes no more");
  return end_session(s, rc, false);
}

int pq_rpc_send(pq_rpc_session *s) {
  return send_text(s, pq_buf_slice(&s->out));
}

void pq_rpc_send_if(pq_rpc_session *s) {
  int rc = pq_rpc_send(s);
  if (rc != PQ_OK) s->has_ended = true;
}

static int write_outcome(pq_rpc_session *s, uint64_t id, const pq_rpc_hook *h) {
  static const pq_rpc_error no_memory = {"Error", "OUT_OF_MEMORY", "out of memory"};
  pq_buf_clear(&s->out);
  PQ_TRY(pq_buf_printf(&s->out, "[\"%s\",%llu,", h->kind == PQ_RPC_ERROR ? "reject" : "resolve",
                       (unsigned long long)id));
  if (h->kind == PQ_RPC_ERROR)
    PQ_TRY(pq_rpc_write_error(&s->out, h->error == NULL ? &no_memory : h->error));
  else
    PQ_TRY(pq_rpc_write_node(s, &s->out, h->node, 0));
  return pq_buf_put_byte(&s->out, ']');
}

/* An answer that is too large is a failure of its call alone; what was exported on its way stays so
 * until the end. */
int pq_rpc_send_outcome(pq_rpc_session *s, uint64_t id, pq_rpc_hook *h) {
  pq_rpc_hook failure = {.kind = PQ_RPC_ERROR};
  pq_rpc_error e = {.type = "Error"};
  int rc;
  if (h->kind == PQ_RPC_TARGET || h->kind == PQ_RPC_CALLBACK || h->kind == PQ_RPC_STREAM) {
    pq_rpc_hook whole = {.kind = PQ_RPC_VALUE, .node = {.kind = PQ_RPC_HOOK, .hook = h}};
    rc = write_outcome(s, id, &whole);
  } else {
    rc = write_outcome(s, id, h);
  }
  if (rc == PQ_ELIMIT) {
    snprintf(e.code, sizeof e.code, "%s", pq_status_name(rc));
    snprintf(e.text, sizeof e.text,
             "the answer is larger than %u bytes: ask for less with limit and cursor, or use "
             "stream()",
             s->options.answer_max);
    failure.error = &e;
    rc = write_outcome(s, id, &failure);
  }
  return rc == PQ_OK ? pq_rpc_send(s) : rc;
}

/* ---- our questions ---- */

int pq_rpc_ask(pq_rpc_session *s, pq_rpc_feed *feed, bool is_stream, const char *method,
               pq_value argument) {
  uint64_t id = s->question_last + 1;
  pq_rpc_entry *e;
  pq_buf_clear(&s->out);
  PQ_TRY(pq_buf_printf(&s->out, "[\"%s\",[\"pipeline\",%s%llu,[", is_stream ? "stream" : "push",
                       is_stream ? "" : "-",
                       (unsigned long long)(is_stream ? feed->pipe : feed->callback->id)));
  if (method != NULL) PQ_TRY(pq_buf_printf(&s->out, "\"%s\"", method));
  PQ_TRY(pq_buf_put_str(&s->out, "],["));
  if (!pq_value_is_missing(argument)) PQ_TRY(pq_rpc_write_data(s, &s->out, argument, 0));
  PQ_TRY(pq_buf_put_str(&s->out, "]]]"));
  PQ_TRY(pq_rpc_add(s, &s->questions, id, NULL, &e));
  s->question_last = id;
  e->feed = feed;
  e->len = (uint32_t)s->out.len;
  e->is_auto = is_stream;
  feed->unacknowledged++;
  feed->unacknowledged_len += s->out.len;
  PQ_TRY(pq_rpc_send(s));
  if (is_stream) return PQ_OK;
  pq_buf_clear(&s->out);
  PQ_TRY(pq_buf_printf(&s->out, "[\"pull\",%llu]", (unsigned long long)id));
  return pq_rpc_send(s);
}

static int send_release(pq_rpc_session *s, uint64_t id, bool is_negative) {
  pq_buf_clear(&s->out);
  PQ_TRY(pq_buf_printf(&s->out, "[\"release\",%s%llu,1]", is_negative ? "-" : "",
                       (unsigned long long)id));
  return pq_rpc_send(s);
}

/* What the client resolved holds stubs of its own: give them back. */
static int discard(pq_rpc_session *s, pq_value expr) {
  pq_rpc_lookup l = {0};
  pq_rpc_payload *p = pq_rpc_payload_new(s);
  pq_rpc_node node;
  int rc;
  if (p == NULL) return s->cx.code;
  rc = pq_rpc_eval(s, &l, expr, p, 0, &node);
  pq_rpc_payload_drop(s, p);
  return rc == PQ_ENOMEM ? rc : PQ_OK;
}

static int answered(pq_rpc_session *s, uint64_t id, bool is_refused, pq_value expr) {
  pq_rpc_entry *e = pq_rpc_find(&s->questions, id), was;
  PQ_TRY(discard(s, expr));
  if (e == NULL) return PQ_OK;
  was = *e;
  pq_rpc_remove(&s->questions, id);
  if (!was.is_auto) PQ_TRY(send_release(s, id, false));
  return was.feed == NULL ? PQ_OK : pq_rpc_feed_acknowledged(s, was.feed, was.len, is_refused);
}

static void text_of_error(pq_value expr, pq_rpc_error *e) {
  pq_slice text;
  snprintf(e->type, sizeof e->type, "Error");
  if (pq_value_string(pq_array_at(expr, 2), &text))
    snprintf(e->text, sizeof e->text, "%.*s", (int)(text.n > 400 ? 400 : text.n),
             (const char *)text.p);
}

/* The client's promise, an argument of a call, has become something. */
static int fulfilled(pq_rpc_session *s, uint64_t id, bool is_refused, pq_value expr) {
  pq_rpc_entry *e = pq_rpc_find(&s->callbacks, id);
  pq_rpc_lookup l = {0};
  pq_rpc_error error = {{0}, {0}, {0}};
  pq_rpc_payload *p;
  pq_rpc_hook *h;
  pq_rpc_node node;
  int rc;
  if (e == NULL) return discard(s, expr);
  h = e->hook;
  if (h->kind != PQ_RPC_PENDING)
    return pq_fail(&s->cx, PQ_EINVALID, "-%llu is no promise", (unsigned long long)id);
  pq_rpc_remove(&s->callbacks, id); /* its reference is ours now */
  s->promise_count--;
  p = pq_rpc_payload_new(s);
  rc = p == NULL ? s->cx.code : PQ_OK;
  if (rc == PQ_OK && is_refused) {
    text_of_error(expr, &error);
    pq_rpc_reject_with(s, h, &error);
  } else if (rc == PQ_OK) {
    rc = pq_rpc_eval(s, &l, expr, p, 0, &node);
    if (rc == PQ_OK) rc = pq_rpc_settle(s, h, p, node);
  }
  if (rc != PQ_OK && h->kind == PQ_RPC_PENDING) {
    pq_rpc_reject(s, h, rc, "Error", s->cx.msg);
    rc = PQ_OK;
  }
  pq_rpc_payload_drop(s, p);
  pq_rpc_hook_drop(s, h);
  PQ_TRY(rc);
  return send_release(s, id, true);
}

/* ---- the client's messages ---- */

static int bad_message(pq_rpc_session *s, const char *what) {
  return pq_fail(&s->cx, PQ_EINVALID, "bad RPC message: %s", what);
}

/* Wait for a call and tell what became of it. */
static int pull(pq_rpc_session *s, pq_rpc_entry *e) {
  pq_rpc_op *op;
  if (e->is_pulled) return PQ_OK;
  op = pq_rpc_op_new(s, PQ_RPC_OP_PULL, e->hook, NULL, NULL);
  if (op == NULL) return s->cx.code;
  op->id = e->id;
  op->is_stream = e->is_auto;
  e->is_pulled = true;
  s->pull_count++;
  return PQ_OK;
}

/* A new call that has failed already. */
static int failed_hook(pq_rpc_session *s, int rc, pq_rpc_hook **out) {
  if (rc == PQ_ENOMEM) return rc;
  *out = pq_rpc_hook_new(s);
  if (*out == NULL) return s->cx.code;
  pq_rpc_reject(s, *out, rc, "Error", s->cx.msg);
  return PQ_OK;
}

static int add_call(pq_rpc_session *s, pq_rpc_hook *h, bool is_stream) {
  pq_rpc_entry *e;
  int rc = pq_rpc_add(s, &s->calls, s->call_last + 1, h, &e);
  if (rc != PQ_OK) {
    pq_rpc_hook_drop(s, h);
    return rc;
  }
  s->call_last++;
  h->is_wanted = true;
  e->is_auto = is_stream;
  return is_stream ? pull(s, e) : PQ_OK;
}

static int take_push(pq_rpc_session *s, pq_value message, bool is_stream) {
  pq_rpc_lookup l = {0};
  pq_rpc_hook *h;
  int rc;
  if (pq_value_count(message) < 2) return bad_message(s, "push");
  rc = pq_rpc_eval_hook(s, &l, pq_array_at(message, 1), &h);
  if (rc != PQ_OK) PQ_TRY(failed_hook(s, rc, &h));
  return add_call(s, h, is_stream);
}

/* The writable end of a stream of the client's: we read none. */
static int take_pipe(pq_rpc_session *s) {
  pq_rpc_hook *h;
  (void)pq_fail(&s->cx, PQ_EUNSUPPORTED, "streams cannot be sent to the database");
  PQ_TRY(failed_hook(s, PQ_EUNSUPPORTED, &h));
  return add_call(s, h, false);
}

static int take_pull(pq_rpc_session *s, pq_value message) {
  bool is_negative;
  uint64_t id;
  pq_rpc_entry *e;
  if (!pq_rpc_id(pq_array_at(message, 1), &is_negative, &id)) return bad_message(s, "pull");
  e = is_negative ? NULL : pq_rpc_find(&s->calls, id);
  if (e == NULL) return bad_message(s, "pull: no such export");
  if (id == 0) return bad_message(s, "pull: the main object is no promise");
  return pull(s, e);
}

static int take_release(pq_rpc_session *s, pq_value message) {
  bool is_negative, is_less;
  uint64_t id, count;
  pq_rpc_table *t;
  pq_rpc_entry *e;
  pq_rpc_hook *h;
  if (!pq_rpc_id(pq_array_at(message, 1), &is_negative, &id) ||
      !pq_rpc_id(pq_array_at(message, 2), &is_less, &count) || is_less)
    return bad_message(s, "release");
  t = is_negative ? &s->exports : &s->calls;
  e = pq_rpc_find(t, id);
  if (e == NULL) return bad_message(s, "release: no such export");
  if (e->count < count) return bad_message(s, "release: more often than it was given");
  e->count -= count;
  if (e->count > 0) return PQ_OK;
  h = e->hook;
  pq_rpc_remove(t, id);
  if (is_negative)
    h->id = 0;
  else
    pq_rpc_unwant(s, h);
  pq_rpc_hook_drop(s, h);
  return PQ_OK;
}

static int take_outcome(pq_rpc_session *s, pq_value message, bool is_refused) {
  bool is_negative;
  uint64_t id;
  pq_value expr = pq_array_at(message, 2);
  if (pq_value_count(message) < 3 || !pq_rpc_id(pq_array_at(message, 1), &is_negative, &id))
    return bad_message(s, is_refused ? "reject" : "resolve");
  return is_negative ? fulfilled(s, id, is_refused, expr) : answered(s, id, is_refused, expr);
}

static int take_abort(pq_rpc_session *s, pq_value message) {
  pq_rpc_error e = {{0}, {0}, {0}};
  text_of_error(pq_array_at(message, 1), &e);
  (void)pq_fail(&s->cx, PQ_EINVALID, "the client ended the session: %.200s", e.text);
  return end_session(s, PQ_EINVALID, false);
}

static int take_message(pq_rpc_session *s, pq_value message) {
  pq_slice tag;
  if (!pq_rpc_special(message, &tag))
    return bad_message(s, "an array whose first element names it");
  if (pq_slice_is(tag, "push")) return take_push(s, message, false);
  if (pq_slice_is(tag, "stream")) return take_push(s, message, true);
  if (pq_slice_is(tag, "pipe")) return take_pipe(s);
  if (pq_slice_is(tag, "pull")) return take_pull(s, message);
  if (pq_slice_is(tag, "release")) return take_release(s, message);
  if (pq_slice_is(tag, "resolve")) return take_outcome(s, message, false);
  if (pq_slice_is(tag, "reject")) return take_outcome(s, message, true);
  if (pq_slice_is(tag, "abort")) return take_abort(s, message);
  return bad_message(s, "unknown name");
}

static bool begins_with(pq_slice text, const char *with) {
  size_t n = strlen(with);
  return text.n >= n && memcmp(text.p, with, n) == 0;
}

/* What cannot be read is a failed call if it would have been a call: its number counts. */
static int take_unreadable(pq_rpc_session *s, int rc, pq_slice text) {
  bool is_stream = begins_with(text, "[\"stream\",");
  pq_rpc_hook *h;
  if (!is_stream && !begins_with(text, "[\"push\",")) return rc;
  PQ_TRY(failed_hook(s, rc, &h));
  return add_call(s, h, is_stream);
}

static int take_text(pq_rpc_session *s, pq_slice text) {
  pq_value message;
  int rc;
  if (text.n > s->options.message_max)
    return pq_fail(&s->cx, PQ_ELIMIT, "a message of %zu bytes: at most %u", text.n,
                   s->options.message_max);
  s->was_large = s->was_large || text.n > KEPT_LEN;
  pq_builder_clear(s->builder);
  rc = pq_json_value(s->builder, text, &s->scratch, &message);
  if (rc == PQ_OK) return take_message(s, message);
  return rc == PQ_ENOMEM ? rc : take_unreadable(s, rc, text);
}

/* All that can go on goes on. */
static int go_on(pq_rpc_session *s) {
  while (!s->has_ended) {
    uint32_t running;
    PQ_TRY(pq_rpc_run_ready(s));
    running = s->running_count;
    PQ_TRY(pq_rpc_run_jobs(s));
    PQ_TRY(pq_rpc_run_feeds(s));
    if (s->ready == NULL && s->running_count == running) break;
  }
  return PQ_OK;
}

/* What a large message or answer needed is not kept: a session may live long. */
static int shrink(pq_rpc_session *s) {
  pq_arena_clear(&s->scratch);
  if (s->scratch.used_len > KEPT_LEN) {
    pq_arena_release(&s->scratch);
    pq_arena_init(&s->scratch, &s->cx, s->options.memory_max);
  }
  if (s->out.cap > KEPT_LEN) {
    pq_buf_release(&s->out);
    pq_buf_init(&s->out, &s->cx, s->options.answer_max);
  }
  if (!s->was_large) return PQ_OK;
  s->was_large = false;
  pq_builder_free(s->builder);
  s->builder = NULL;
  return pq_builder_new(&s->cx, &s->builder);
}

/* After a message or an answer, whose result is rc. */
static int finish(pq_rpc_session *s, int rc) {
  if (rc == PQ_OK) rc = go_on(s);
  if (rc == PQ_OK) rc = shrink(s);
  if (rc == PQ_OK) return s->has_ended ? PQ_EINVALID : PQ_OK;
  return end_session(s, rc, true);
}

int pq_rpc_receive(pq_rpc_session *s, pq_slice message) {
  if (s->has_ended) return PQ_EINVALID;
  s->cx.msg[0] = '\0';
  s->order = s->call_last + 1;
  s->visits = 0;
  return finish(s, take_text(s, message));
}

/* ---- its life ---- */

static void set_defaults(pq_rpc_options *o) {
  if (o->memory_max == 0) o->memory_max = MEMORY_MAX;
  if (o->message_max == 0) o->message_max = MESSAGE_MAX;
  if (o->answer_max == 0) o->answer_max = ANSWER_MAX;
  if (o->call_max == 0) o->call_max = CALL_MAX;
  if (o->table_max == 0) o->table_max = TABLE_MAX;
  if (o->pending_max == 0) o->pending_max = PENDING_MAX;
  if (o->map_max == 0) o->map_max = MAP_MAX;
}

/* The root is what every client knows: number 0. */
static int add_root(pq_rpc_session *s) {
  pq_rpc_scope *scope = pq_rpc_scope_new(s, s->ns);
  pq_rpc_hook *h = scope == NULL ? NULL : pq_rpc_hook_new(s);
  pq_rpc_target *t = h == NULL ? NULL : pq_rpc_target_new(s, PQ_RPC_ROOT, scope, "");
  pq_rpc_entry *e;
  pq_rpc_scope_drop(s, scope);
  if (t == NULL) {
    pq_rpc_hook_drop(s, h);
    return pq_fail_nomem(&s->cx);
  }
  h->kind = PQ_RPC_TARGET;
  h->target = t;
  if (pq_rpc_add(s, &s->calls, 0, h, &e) == PQ_OK) return PQ_OK;
  pq_rpc_hook_drop(s, h);
  return s->cx.code;
}

int pq_rpc_open(const pq_rpc_options *options, pq_rpc_session **out) {
  pq_cx *cx = options->cx;
  pq_rpc_session *s = pq_alloc(cx, NULL, 0, sizeof *s);
  int rc;
  *out = NULL;
  if (s == NULL) return pq_fail_nomem(cx);
  memset(s, 0, sizeof *s);
  s->options = *options;
  set_defaults(&s->options);
  pq_cx_init(&s->cx, count_alloc, s);
  s->cx.limits.depth_max = PQ_RPC_DEPTH_MAX;
  s->cx.limits.doc_len_max = s->options.message_max * 2;
  snprintf(s->ns, sizeof s->ns, "%s", options->ns == NULL ? "default" : options->ns);
  snprintf(s->actor, sizeof s->actor, "%s", options->actor == NULL ? "" : options->actor);
  s->options.ns = s->options.actor = NULL;
  pq_arena_init(&s->scratch, &s->cx, s->options.memory_max);
  pq_buf_init(&s->out, &s->cx, s->options.answer_max);
  rc = pq_builder_new(&s->cx, &s->builder);
  if (rc == PQ_OK) rc = add_root(s);
  if (rc == PQ_OK) {
    *out = s;
    return PQ_OK;
  }
  pq_rpc_close(s);
  return pq_fail(cx, rc, "a session cannot be opened: out of memory");
}

static void free_table(pq_rpc_session *s, pq_rpc_table *t, bool is_owned) {
  while (t->count > 0) {
    pq_rpc_hook *h = t->p[--t->count].hook;
    if (is_owned) pq_rpc_hook_drop(s, h); /* NULL: it is gone */
  }
  pq_alloc(&s->cx, t->p, t->cap * sizeof *t->p, 0);
  *t = (pq_rpc_table){0};
}

/* Promises of the client's belong to the table; its objects to those that use them. */
static void drop_promises(pq_rpc_session *s) {
  for (uint32_t i = 0; i < s->callbacks.count; i++) {
    pq_rpc_entry *e = &s->callbacks.p[i];
    pq_rpc_hook *h = e->hook;
    if (e->is_gone || h->kind == PQ_RPC_CALLBACK) continue;
    *e = (pq_rpc_entry){.id = e->id, .is_gone = true};
    s->callbacks.gone_count++;
    pq_rpc_hook_drop(s, h);
  }
}

void pq_rpc_close(pq_rpc_session *s) {
  if (s == NULL) return;
  s->has_ended = true;
  pq_rpc_free_ops(s);
  drop_promises(s);
  pq_rpc_free_jobs(s);
  pq_rpc_free_feeds(s);
  free_table(s, &s->calls, true);
  free_table(s, &s->exports, true);
  free_table(s, &s->callbacks, false);
  free_table(s, &s->questions, false);
  pq_rpc_free_jobs(s); /* those that end transactions */
  pq_builder_free(s->builder);
  pq_buf_release(&s->out);
  pq_arena_release(&s->scratch);
  pq_assert(s->used_len == 0);
  pq_alloc(s->options.cx, s, sizeof *s, 0);
}

int pq_rpc_go_on(pq_rpc_session *s) {
  if (s->has_ended) return PQ_EINVALID;
  s->cx.msg[0] = '\0';
  s->visits = 0;
  pq_rpc_wake_pulls(s);
  return finish(s, PQ_OK);
}

int pq_rpc_answer(pq_rpc_session *s, uint64_t number, pq_rpc_result *result) {
  int rc;
  if (s->has_ended) {
    pq_buf_release(&result->bytes);
    return PQ_EINVALID;
  }
  s->cx.msg[0] = '\0';
  s->visits = 0;
  rc = pq_rpc_take_answer(s, number, result);
  pq_buf_release(&result->bytes); /* if it was not taken */
  return finish(s, rc);
}

bool pq_rpc_is_idle(const pq_rpc_session *s) {
  return s->has_ended || (s->pull_count == 0 && s->op_count == 0 && s->job_count == 0);
}

const char *pq_rpc_message(const pq_rpc_session *s) {
  return s->why;
}

static uint32_t count_of(const pq_rpc_table *t) {
  return t->count - t->gone_count;
}

pq_rpc_counts pq_rpc_count(const pq_rpc_session *s) {
  return (pq_rpc_counts){.calls = count_of(&s->calls),
                         .exports = count_of(&s->exports),
                         .imports = count_of(&s->questions),
                         .callbacks = count_of(&s->callbacks),
                         .operations = s->op_count,
                         .commands = s->job_count};
}
