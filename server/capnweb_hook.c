/* server/capnweb_hook.c - references, resolving, and the operations that wait: capnweb_int.h.
 *
 * An operation stands in one list at a time: among the waiters of the hook that it needs next, or
 * in the session's ready list. When the hook resolves, its waiters move to the ready list and look
 * for what they need then.
 */
#include <stdio.h>

#include "base/text.h"
#include "server/capnweb_int.h"

enum { PAYLOAD_LEN_MAX = 96 << 20 };

/* ---- payloads ---- */

pq_rpc_payload *pq_rpc_payload_new(pq_rpc_session *s) {
  pq_rpc_payload *p = pq_alloc(&s->cx, NULL, 0, sizeof *p);
  if (p == NULL) {
    (void)pq_fail_nomem(&s->cx);
    return NULL;
  }
  memset(p, 0, sizeof *p);
  p->refs = 1;
  p->nest = 1;
  pq_arena_init(&p->arena, &s->cx, PAYLOAD_LEN_MAX);
  return p;
}

void pq_rpc_payload_drop(pq_rpc_session *s, pq_rpc_payload *p) {
  if (p == NULL || --p->refs > 0) return;
  for (uint32_t i = 0; i < p->hook_count; i++)
    pq_rpc_hook_drop(s, p->hooks[i]);
  pq_alloc(&s->cx, p->hooks, p->hook_cap * sizeof(pq_rpc_hook *), 0);
  pq_arena_release(&p->arena);
  s->held_len -= p->bytes.cap;
  pq_buf_release(&p->bytes);
  pq_alloc(&s->cx, p, sizeof *p, 0);
}

int pq_rpc_payload_keep(pq_rpc_session *s, pq_rpc_payload *p, pq_rpc_hook *h) {
  if (p->hook_count == p->hook_cap) {
    uint32_t cap = p->hook_cap == 0 ? 4 : p->hook_cap * 2;
    pq_rpc_hook **hooks = cap > s->options.pending_max * 4
                              ? NULL
                              : pq_alloc(&s->cx, p->hooks, p->hook_cap * sizeof(pq_rpc_hook *),
                                         cap * sizeof(pq_rpc_hook *));
    if (hooks == NULL) {
      pq_rpc_hook_drop(s, h);
      return pq_fail_nomem(&s->cx);
    }
    p->hooks = hooks;
    p->hook_cap = cap;
  }
  p->hooks[p->hook_count++] = h;
  return PQ_OK;
}

/* ---- hooks ---- */

pq_rpc_hook *pq_rpc_hook_new(pq_rpc_session *s) {
  pq_rpc_hook *h = pq_alloc(&s->cx, NULL, 0, sizeof *h);
  if (h == NULL) {
    (void)pq_fail_nomem(&s->cx);
    return NULL;
  }
  memset(h, 0, sizeof *h);
  h->refs = 1;
  return h;
}

pq_rpc_hook *pq_rpc_hook_hold(pq_rpc_hook *h) {
  h->refs++;
  return h;
}

pq_rpc_hook *pq_rpc_hook_value(pq_rpc_session *s, pq_rpc_payload *payload, pq_rpc_node node) {
  pq_rpc_hook *h = pq_rpc_hook_new(s);
  if (h == NULL) return NULL;
  h->kind = PQ_RPC_VALUE;
  h->payload = payload;
  h->node = node;
  payload->refs++;
  return h;
}

/* The client's object is not needed any more: tell it, as often as it was introduced. */
static void release_callback(pq_rpc_session *s, pq_rpc_hook *h) {
  pq_rpc_entry *e = pq_rpc_find(&s->callbacks, h->id);
  uint64_t count;
  if (e == NULL || e->hook != h) return;
  count = e->count;
  pq_rpc_remove(&s->callbacks, h->id);
  if (s->has_ended) return;
  pq_buf_clear(&s->out);
  if (pq_buf_printf(&s->out, "[\"release\",-%llu,%llu]", (unsigned long long)h->id,
                    (unsigned long long)count) == PQ_OK)
    pq_rpc_send_if(s);
}

void pq_rpc_hook_drop(pq_rpc_session *s, pq_rpc_hook *h) {
  if (h == NULL || --h->refs > 0) return;
  pq_assert(h->waiters == NULL);
  if (h->kind == PQ_RPC_CALLBACK) release_callback(s, h);
  if (h->feed != NULL) pq_rpc_feed_end(s, h->feed);
  pq_rpc_target_free(s, h->target);
  pq_rpc_payload_drop(s, h->payload);
  if (h->error != NULL) pq_alloc(&s->cx, h->error, sizeof *h->error, 0);
  pq_alloc(&s->cx, h, sizeof *h, 0);
}

/* ---- resolving ---- */

static void make_ready(pq_rpc_session *s, pq_rpc_op *op) {
  op->next = NULL;
  *(s->ready == NULL ? &s->ready : &s->ready_last->next) = op;
  s->ready_last = op;
}

static void wake(pq_rpc_session *s, pq_rpc_hook *h) {
  pq_rpc_op *op = h->waiters;
  h->waiters = h->waiters_last = NULL;
  while (op != NULL) {
    pq_rpc_op *next = op->next;
    make_ready(s, op);
    op = next;
  }
}

void pq_rpc_resolve(pq_rpc_session *s, pq_rpc_hook *h, pq_rpc_payload *payload, pq_rpc_node node) {
  pq_assert(h->kind == PQ_RPC_PENDING);
  h->kind = PQ_RPC_VALUE;
  h->payload = payload;
  h->node = node;
  payload->refs++;
  wake(s, h);
}

void pq_rpc_resolve_nothing(pq_rpc_session *s, pq_rpc_hook *h) {
  pq_rpc_payload *p = pq_rpc_payload_new(s);
  if (p == NULL)
    pq_rpc_reject(s, h, PQ_ENOMEM, "Error", "out of memory");
  else
    pq_rpc_resolve(s, h, p, (pq_rpc_node){0});
  pq_rpc_payload_drop(s, p);
}

/* Only text that JSON can carry. */
static void clean(char *text) {
  if (pq_utf8_is_valid(pq_str(text))) return;
  for (; *text != '\0'; text++)
    if ((unsigned char)*text >= 0x80) *text = '?';
}

void pq_rpc_reject_with(pq_rpc_session *s, pq_rpc_hook *h, const pq_rpc_error *e) {
  pq_assert(h->kind == PQ_RPC_PENDING);
  h->kind = PQ_RPC_ERROR;
  h->error = pq_alloc(&s->cx, NULL, 0, sizeof *h->error); /* NULL: out of memory, by itself */
  if (h->error != NULL) {
    *h->error = *e;
    clean(h->error->text);
  }
  wake(s, h);
}

void pq_rpc_reject(pq_rpc_session *s, pq_rpc_hook *h, int rc, const char *type, const char *text) {
  pq_rpc_error e = {0};
  snprintf(e.type, sizeof e.type, "%s", type);
  if (strcmp(type, "Error") == 0) snprintf(e.code, sizeof e.code, "%s", pq_status_name(rc));
  snprintf(e.text, sizeof e.text, "%s", text);
  pq_rpc_reject_with(s, h, &e);
}

void pq_rpc_resolve_as(pq_rpc_session *s, pq_rpc_hook *h, pq_rpc_hook *other) {
  pq_rpc_payload *p;
  if (other->kind == PQ_RPC_VALUE) {
    pq_rpc_resolve(s, h, other->payload, other->node);
    return;
  }
  if (other->kind == PQ_RPC_ERROR) {
    if (other->error != NULL)
      pq_rpc_reject_with(s, h, other->error);
    else
      pq_rpc_reject(s, h, PQ_ENOMEM, "Error", "out of memory");
    return;
  }
  p = pq_rpc_payload_new(s);
  if (p == NULL || pq_rpc_payload_keep(s, p, pq_rpc_hook_hold(other)) != PQ_OK)
    pq_rpc_reject(s, h, PQ_ENOMEM, "Error", "out of memory");
  else
    pq_rpc_resolve(s, h, p, (pq_rpc_node){.kind = PQ_RPC_HOOK, .hook = other});
  pq_rpc_payload_drop(s, p);
}

/* ---- operations ---- */

pq_rpc_op *pq_rpc_op_new(pq_rpc_session *s, pq_rpc_op_kind kind, pq_rpc_hook *subject,
                         pq_rpc_payload *payload, pq_rpc_hook *result) {
  pq_rpc_op *op;
  if (s->op_count >= s->options.pending_max) {
    (void)pq_fail(&s->cx, PQ_ELIMIT, "more than %u operations wait", s->options.pending_max);
    return NULL;
  }
  op = pq_alloc(&s->cx, NULL, 0, sizeof *op);
  if (op == NULL) {
    (void)pq_fail_nomem(&s->cx);
    return NULL;
  }
  memset(op, 0, sizeof *op);
  op->kind = kind;
  op->order = s->order;
  op->subject = subject == NULL ? NULL : pq_rpc_hook_hold(subject);
  op->result = result == NULL ? NULL : pq_rpc_hook_hold(result);
  op->payload = payload;
  if (payload != NULL) payload->refs++;
  op->older = s->newest;
  if (s->newest != NULL) s->newest->newer = op;
  s->newest = op;
  s->op_count++;
  make_ready(s, op);
  return op;
}

static void op_free(pq_rpc_session *s, pq_rpc_op *op) {
  if (op->newer != NULL)
    op->newer->older = op->older;
  else
    s->newest = op->older;
  if (op->older != NULL) op->older->newer = op->newer;
  s->op_count--;
  pq_rpc_hook_drop(s, op->subject);
  pq_rpc_hook_drop(s, op->result);
  pq_rpc_payload_drop(s, op->payload);
  pq_alloc(&s->cx, op, sizeof *op, 0);
}

bool pq_rpc_is_full(const pq_rpc_session *s) {
  const pq_rpc_host *host = &s->options.host;
  return host->is_full != NULL && host->is_full(host->ud);
}

void pq_rpc_wake_pulls(pq_rpc_session *s) {
  if (s->unread == NULL) return;
  *(s->ready == NULL ? &s->ready : &s->ready_last->next) = s->unread;
  s->ready_last = s->unread_last;
  s->unread = s->unread_last = NULL;
}

static void wait_for_reader(pq_rpc_session *s, pq_rpc_op *op) {
  op->next = NULL;
  *(s->unread == NULL ? &s->unread : &s->unread_last->next) = op;
  s->unread_last = op;
}

void pq_rpc_free_ops(pq_rpc_session *s) {
  for (pq_rpc_op *op = s->newest; op != NULL; op = op->older) {
    if (op->subject != NULL) op->subject->waiters = op->subject->waiters_last = NULL;
    for (uint32_t i = 0; op->payload != NULL && i < op->payload->hook_count; i++)
      op->payload->hooks[i]->waiters = op->payload->hooks[i]->waiters_last = NULL;
  }
  s->ready = s->ready_last = s->unread = s->unread_last = NULL;
  while (s->newest != NULL)
    op_free(s, s->newest);
}

uint64_t pq_rpc_oldest_op(const pq_rpc_session *s) {
  uint64_t least = UINT64_MAX;
  for (const pq_rpc_op *op = s->newest; op != NULL; op = op->older)
    if ((op->kind == PQ_RPC_OP_CALL || op->kind == PQ_RPC_OP_MAP) && op->order < least)
      least = op->order;
  return least;
}

static void wait_for(pq_rpc_op *op, pq_rpc_hook *h) {
  op->next = NULL;
  *(h->waiters == NULL ? &h->waiters : &h->waiters_last->next) = op;
  h->waiters_last = op;
}

static uint32_t nest_of(const pq_rpc_hook *h) {
  return h->payload == NULL ? 0 : h->payload->nest;
}

/* Are the hooks of the payload, from `first` on, settled? True also if the operation has failed by
 * one of them: *rejected. */
static bool are_settled(pq_rpc_op *op, uint32_t first, pq_rpc_hook **rejected) {
  pq_rpc_payload *p = op->payload;
  *rejected = NULL;
  if (op->settled < first) op->settled = first;
  for (; p != NULL && op->settled < p->hook_count; op->settled++) {
    pq_rpc_hook *h = p->hooks[op->settled];
    if (h->kind == PQ_RPC_PENDING) {
      wait_for(op, h);
      return false;
    }
    if (h->kind == PQ_RPC_ERROR) {
      *rejected = h;
      return true;
    }
    if (nest_of(h) >= p->nest) p->nest = nest_of(h) + 1;
  }
  return true;
}

static int step_get(pq_rpc_session *s, pq_rpc_op *op) {
  pq_rpc_place place;
  PQ_TRY(pq_rpc_follow(s, op->subject, op->path, &place));
  if (place.hook == NULL) {
    pq_rpc_resolve(s, op->result, place.payload, place.node);
  } else if (place.used == pq_value_count(op->path)) {
    pq_rpc_resolve_as(s, op->result, place.hook);
  } else {
    pq_slice name = {0};
    (void)pq_value_string(pq_array_at(op->path, place.used), &name);
    return pq_fail(&s->cx, PQ_EINVALID,
                   "an object has methods and no properties: '%.*s' has to be called",
                   (int)(name.n > 40 ? 40 : name.n), (const char *)name.p);
  }
  return PQ_OK;
}

static void not_a_function(pq_rpc_session *s, pq_rpc_op *op) {
  char text[200];
  size_t n = 0;
  for (uint32_t i = 0; i < pq_value_count(op->path) && n < 100; i++) {
    pq_slice part;
    if (!pq_value_string(pq_array_at(op->path, i), &part)) part = PQ_SLICE("0");
    n += (size_t)snprintf(text + n, sizeof text - n, "%s%.*s", i > 0 ? "." : "",
                          (int)(part.n > 40 ? 40 : part.n), (const char *)part.p);
  }
  text[n] = '\0';
  snprintf(text + n, sizeof text - n, " is not a function");
  pq_rpc_reject(s, op->result, PQ_EINVALID, "TypeError", text);
}

static int step_call(pq_rpc_session *s, pq_rpc_op *op) {
  pq_rpc_place place;
  PQ_TRY(pq_rpc_follow(s, op->subject, op->path, &place));
  if (place.hook != NULL && place.hook->kind == PQ_RPC_TARGET)
    return pq_rpc_call_target(s, op, place.hook, place.used);
  if (place.hook != NULL)
    return pq_fail(&s->cx, PQ_EUNSUPPORTED, "a client's own functions are not called for it");
  not_a_function(s, op);
  return PQ_OK;
}

/* ---- map ---- */

/* Replay the instructions for one element; the value of the last goes into `into`. */
static int replay(pq_rpc_session *s, pq_rpc_op *op, pq_rpc_hook *element, pq_rpc_payload *into,
                  pq_rpc_node *out) {
  uint32_t count = pq_value_count(op->instructions);
  pq_rpc_lookup l = {.is_map = true, .capture_count = op->capture_count};
  int rc = PQ_OK;
  l.captures = op->payload->hooks;
  l.variables = pq_arena_array(&s->scratch, count, sizeof *l.variables);
  if (l.variables == NULL) return s->cx.code;
  l.variables[l.variable_count++] = element;
  for (uint32_t i = 0; rc == PQ_OK && i + 1 < count; i++) {
    rc = pq_rpc_eval_hook(s, &l, pq_array_at(op->instructions, i), &l.variables[l.variable_count]);
    if (rc == PQ_OK) l.variable_count++;
  }
  if (rc == PQ_OK) rc = pq_rpc_eval(s, &l, pq_array_at(op->instructions, count - 1), into, 0, out);
  for (uint32_t i = 1; i < l.variable_count; i++)
    pq_rpc_hook_drop(s, l.variables[i]);
  return rc;
}

static int map_one(pq_rpc_session *s, pq_rpc_op *op, const pq_rpc_place *place, pq_rpc_node element,
                   pq_rpc_payload *into, pq_rpc_node *out) {
  pq_rpc_hook *h = element.kind == PQ_RPC_HOOK ? pq_rpc_hook_hold(element.hook)
                                               : pq_rpc_hook_value(s, place->payload, element);
  int rc;
  if (h == NULL) return s->cx.code;
  rc = replay(s, op, h, into, out);
  pq_rpc_hook_drop(s, h);
  return rc;
}

static pq_rpc_node element_at(const pq_rpc_node *array, uint32_t i) {
  if (array->kind == PQ_RPC_ARRAY) return array->items[i];
  return (pq_rpc_node){.kind = PQ_RPC_DATA, .data = pq_array_at(array->data, i)};
}

static int map_array(pq_rpc_session *s, pq_rpc_op *op, const pq_rpc_place *place,
                     pq_rpc_payload *into, pq_rpc_node *out) {
  uint32_t count =
      place->node.kind == PQ_RPC_ARRAY ? place->node.count : pq_value_count(place->node.data);
  uint64_t steps = (uint64_t)count * pq_value_count(op->instructions);
  if (steps > s->options.map_max)
    return pq_fail(&s->cx, PQ_ELIMIT, "map: %u elements are more than %u instructions in all",
                   count, s->options.map_max);
  out->kind = PQ_RPC_ARRAY;
  out->items = pq_arena_calloc(&into->arena, count, sizeof *out->items);
  if (out->items == NULL) return s->cx.code;
  for (; out->count < count; out->count++)
    PQ_TRY(
        map_one(s, op, place, element_at(&place->node, out->count), into, &out->items[out->count]));
  return PQ_OK;
}

static bool is_array(pq_rpc_node n) {
  return n.kind == PQ_RPC_ARRAY ||
         (n.kind == PQ_RPC_DATA && pq_value_type(n.data) == PQ_TYPE_ARRAY);
}

static bool is_nothing(pq_rpc_node n) {
  return n.kind == PQ_RPC_UNDEFINED ||
         (n.kind == PQ_RPC_DATA && pq_value_type(n.data) == PQ_TYPE_NULL);
}

static int step_map(pq_rpc_session *s, pq_rpc_op *op) {
  pq_rpc_place place;
  pq_rpc_payload *into;
  pq_rpc_node out = {0};
  int rc;
  PQ_TRY(pq_rpc_follow(s, op->subject, op->path, &place));
  if (place.hook != NULL)
    return pq_fail(&s->cx, PQ_EINVALID, "map is of values, and this is an object with methods");
  if (is_nothing(place.node)) {
    pq_rpc_resolve(s, op->result, place.payload, place.node);
    return PQ_OK;
  }
  into = pq_rpc_payload_new(s);
  if (into == NULL) return s->cx.code;
  if (is_array(place.node))
    rc = map_array(s, op, &place, into, &out);
  else
    rc = map_one(s, op, &place, place.node, into, &out);
  if (rc == PQ_OK) rc = pq_rpc_settle(s, op->result, into, out);
  pq_rpc_payload_drop(s, into);
  return rc;
}

/* ---- settling, pulling ---- */

int pq_rpc_settle(pq_rpc_session *s, pq_rpc_hook *h, pq_rpc_payload *payload, pq_rpc_node node) {
  pq_rpc_op *op;
  if (payload->hook_count == 0) {
    pq_rpc_resolve(s, h, payload, node);
    return PQ_OK;
  }
  op = pq_rpc_op_new(s, PQ_RPC_OP_SETTLE, NULL, payload, h);
  if (op == NULL) return s->cx.code;
  op->node = node;
  return PQ_OK;
}

static int step_settle(pq_rpc_session *s, pq_rpc_op *op) {
  if (op->payload->nest > PQ_RPC_NEST_MAX)
    return pq_fail(&s->cx, PQ_ELIMIT, "values are put into values more than %d times",
                   PQ_RPC_NEST_MAX);
  pq_rpc_resolve(s, op->result, op->payload, op->node);
  return PQ_OK;
}

static int step_pull(pq_rpc_session *s, pq_rpc_op *op) {
  pq_rpc_entry *e = pq_rpc_find(&s->calls, op->id);
  s->pull_count--;
  if (e == NULL || e->hook != op->subject) return PQ_OK; /* released meanwhile */
  PQ_TRY(pq_rpc_send_outcome(s, op->id, op->subject));
  if (!op->is_stream) return PQ_OK;
  pq_rpc_remove(&s->calls, op->id);
  pq_rpc_hook_drop(s, op->subject);
  return PQ_OK;
}

/* Do it, or wait. *is_over: it is done. */
static int step(pq_rpc_session *s, pq_rpc_op *op, bool *is_over) {
  pq_rpc_hook *rejected;
  *is_over = false;
  if (op->subject != NULL && op->subject->kind == PQ_RPC_PENDING) {
    wait_for(op, op->subject);
    return PQ_OK;
  }
  if (op->kind == PQ_RPC_OP_PULL && pq_rpc_is_full(s)) {
    wait_for_reader(s, op);
    return PQ_OK;
  }
  if (op->kind == PQ_RPC_OP_PULL) {
    *is_over = true;
    return step_pull(s, op);
  }
  if (op->kind == PQ_RPC_OP_CALL || op->kind == PQ_RPC_OP_SETTLE) {
    if (!are_settled(op, 0, &rejected)) return PQ_OK;
  } else {
    rejected = NULL;
  }
  *is_over = true;
  if (op->subject != NULL && op->subject->kind == PQ_RPC_ERROR) rejected = op->subject;
  if (rejected != NULL) {
    pq_rpc_resolve_as(s, op->result, rejected);
    return PQ_OK;
  }
  switch (op->kind) {
    case PQ_RPC_OP_GET: return step_get(s, op);
    case PQ_RPC_OP_CALL: return step_call(s, op);
    case PQ_RPC_OP_MAP: return step_map(s, op);
    default: return step_settle(s, op);
  }
}

int pq_rpc_run_ready(pq_rpc_session *s) {
  while (s->ready != NULL && !s->has_ended) {
    pq_rpc_op *op = s->ready;
    bool is_over;
    int rc;
    s->ready = op->next;
    s->order = op->order;
    rc = step(s, op, &is_over);
    if (!is_over) continue;
    if (rc != PQ_OK && op->result != NULL && op->result->kind == PQ_RPC_PENDING) {
      pq_rpc_reject(s, op->result, rc, "Error", s->cx.msg);
      rc = PQ_OK;
    }
    op_free(s, op);
    PQ_TRY(rc); /* of a pull: the session's */
  }
  return PQ_OK;
}
