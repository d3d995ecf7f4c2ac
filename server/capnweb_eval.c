/* server/capnweb_eval.c - expressions that refer to something, and values with hooks in them.
 *
 *     ["import" or "pipeline", id, path?, arguments?]   a thing of ours, a part of it, a call
 *     ["remap", id, path, captures, instructions]       map
 *     ["export", id]  ["promise", id]                   a thing of the client's
 *     ["undefined"]
 *
 * An expression becomes plain data as a whole where it can (capnweb_data.c), so nodes are made only
 * along the way to a hook. "import" is a stub and "pipeline" a promise; as no method of ours takes
 * a stub of ours, both wait until they are settled.
 */
#include <stdio.h>

#include "base/text.h"
#include "server/capnweb_int.h"

/* ---- what is referred to ---- */

static pq_rpc_hook *look_up(pq_rpc_session *s, const pq_rpc_lookup *l, pq_value v) {
  bool is_negative;
  uint64_t id;
  pq_rpc_entry *e;
  if (!pq_rpc_id(v, &is_negative, &id)) return NULL;
  if (l->is_map && is_negative) return id <= l->capture_count ? l->captures[id - 1] : NULL;
  if (l->is_map) return id < l->variable_count ? l->variables[id] : NULL;
  e = pq_rpc_find(is_negative ? &s->exports : &s->calls, id);
  return e == NULL || e->is_auto ? NULL : e->hook;
}

static int find(pq_rpc_session *s, const pq_rpc_lookup *l, pq_value v, pq_rpc_hook **out) {
  int64_t id = 0;
  *out = look_up(s, l, v);
  if (*out != NULL) return PQ_OK;
  (void)pq_value_i64(v, &id);
  return pq_fail(&s->cx, PQ_EINVALID, "no such entry on exports table: %lld", (long long)id);
}

static int check_path(pq_rpc_session *s, pq_value path) {
  if (pq_value_is_missing(path)) return PQ_OK;
  if (pq_value_type(path) != PQ_TYPE_ARRAY || pq_value_count(path) > PQ_RPC_DEPTH_MAX)
    return pq_fail(&s->cx, PQ_EINVALID, "a path is an array of names and numbers");
  for (uint32_t i = 0; i < pq_value_count(path); i++) {
    pq_value part = pq_array_at(path, i);
    pq_slice name;
    int64_t n;
    if (!pq_value_string(part, &name) && !pq_value_i64(part, &n))
      return pq_fail(&s->cx, PQ_EINVALID, "a path is an array of names and numbers");
  }
  return PQ_OK;
}

/* A value that is kept for later. */
static int copy_value(pq_rpc_session *s, pq_rpc_payload *p, pq_value v, pq_value *out) {
  *out = (pq_value){0};
  if (pq_value_is_missing(v)) return PQ_OK;
  pq_builder_clear(s->builder);
  PQ_TRY(pq_builder_value(s->builder, v));
  return pq_builder_finish(s->builder, &p->arena, out);
}

/* The reference to a new pending hook, kept by `payload`. */
static int new_promise(pq_rpc_session *s, pq_rpc_payload *payload, pq_rpc_node *out) {
  pq_rpc_hook *h = pq_rpc_hook_new(s);
  if (h == NULL) return s->cx.code;
  *out = (pq_rpc_node){.kind = PQ_RPC_HOOK, .hook = h};
  return pq_rpc_payload_keep(s, payload, h);
}

static int eval_array(pq_rpc_session *s, const pq_rpc_lookup *l, pq_value elements,
                      pq_rpc_payload *payload, uint32_t depth, pq_rpc_node *out) {
  uint32_t count = pq_value_count(elements);
  *out = (pq_rpc_node){.kind = PQ_RPC_ARRAY};
  out->items = pq_arena_calloc(&payload->arena, count, sizeof *out->items);
  if (out->items == NULL) return s->cx.code;
  out->count = count;
  for (uint32_t i = 0; i < count; i++)
    PQ_TRY(pq_rpc_eval(s, l, pq_array_at(elements, i), payload, depth + 1, &out->items[i]));
  return PQ_OK;
}

/* ["pipeline", id, path, arguments] */
static int eval_call(pq_rpc_session *s, const pq_rpc_lookup *l, pq_value expr, pq_rpc_hook *subject,
                     uint32_t depth, pq_rpc_hook *result) {
  pq_value arguments = pq_array_at(expr, 3);
  pq_rpc_payload *p = pq_rpc_payload_new(s);
  pq_rpc_node node = {0};
  pq_value path = {0};
  pq_rpc_op *op;
  int rc;
  if (p == NULL) return s->cx.code;
  rc = pq_value_type(arguments) == PQ_TYPE_ARRAY
           ? eval_array(s, l, arguments, p, depth, &node)
           : pq_fail(&s->cx, PQ_EINVALID, "the arguments of a call are an array");
  if (rc == PQ_OK) rc = copy_value(s, p, pq_array_at(expr, 2), &path);
  op = rc == PQ_OK ? pq_rpc_op_new(s, PQ_RPC_OP_CALL, subject, p, result) : NULL;
  if (op != NULL) {
    op->path = path;
    op->node = node;
  }
  pq_rpc_payload_drop(s, p);
  return rc != PQ_OK ? rc : op == NULL ? s->cx.code : PQ_OK;
}

static int eval_get(pq_rpc_session *s, pq_value expr, pq_rpc_hook *subject, pq_rpc_hook *result) {
  pq_rpc_payload *p = pq_rpc_payload_new(s);
  pq_value path = {0};
  pq_rpc_op *op = NULL;
  int rc = p == NULL ? s->cx.code : copy_value(s, p, pq_array_at(expr, 2), &path);
  if (rc == PQ_OK) {
    op = pq_rpc_op_new(s, PQ_RPC_OP_GET, subject, p, result);
    if (op == NULL) rc = s->cx.code;
  }
  if (op != NULL) op->path = path;
  pq_rpc_payload_drop(s, p);
  return rc;
}

static int eval_reference(pq_rpc_session *s, const pq_rpc_lookup *l, pq_value expr,
                          pq_rpc_payload *payload, uint32_t depth, pq_rpc_node *out) {
  uint32_t count = pq_value_count(expr);
  pq_rpc_hook *subject;
  if (count < 2 || count > 4)
    return pq_fail(&s->cx, PQ_EINVALID, "a reference is [\"pipeline\", id, path, arguments]");
  PQ_TRY(find(s, l, pq_array_at(expr, 1), &subject));
  PQ_TRY(check_path(s, pq_array_at(expr, 2)));
  if (count == 2) {
    *out = (pq_rpc_node){.kind = PQ_RPC_HOOK, .hook = subject};
    return pq_rpc_payload_keep(s, payload, pq_rpc_hook_hold(subject));
  }
  PQ_TRY(new_promise(s, payload, out));
  if (count == 3) return eval_get(s, expr, subject, out->hook);
  return eval_call(s, l, expr, subject, depth, out->hook);
}

/* ---- what is the client's ---- */

static int eval_export(pq_rpc_session *s, const pq_rpc_lookup *l, pq_value expr, bool is_promise,
                       pq_rpc_payload *payload, pq_rpc_node *out) {
  bool is_negative;
  uint64_t id;
  pq_rpc_entry *e;
  pq_rpc_hook *h;
  if (l->is_map) return pq_fail(&s->cx, PQ_EINVALID, "a map function cannot refer to exports");
  if (pq_value_count(expr) != 2 || !pq_rpc_id(pq_array_at(expr, 1), &is_negative, &id) ||
      !is_negative)
    return pq_fail(&s->cx, PQ_EINVALID, "an export has a negative number");
  e = pq_rpc_find(&s->callbacks, id);
  if (e != NULL && is_promise) return pq_fail(&s->cx, PQ_EINVALID, "a promise needs a new number");
  if (e != NULL) {
    e->count++;
    *out = (pq_rpc_node){.kind = PQ_RPC_HOOK, .hook = e->hook};
    return pq_rpc_payload_keep(s, payload, pq_rpc_hook_hold(e->hook));
  }
  h = pq_rpc_hook_new(s);
  if (h == NULL) return s->cx.code;
  if (!is_promise) h->kind = PQ_RPC_CALLBACK;
  h->id = id;
  *out = (pq_rpc_node){.kind = PQ_RPC_HOOK, .hook = h};
  if (pq_rpc_add(s, &s->callbacks, id, h, &e) != PQ_OK) {
    h->kind = PQ_RPC_PENDING; /* nothing to be released */
    pq_rpc_hook_drop(s, h);
    return s->cx.code;
  }
  if (is_promise) pq_rpc_hook_hold(h); /* the table's, until it resolves */
  if (is_promise) s->promise_count++;
  return pq_rpc_payload_keep(s, payload, h);
}

/* ---- map ---- */

/* The captures are the first hooks of the payload. */
static int eval_captures(pq_rpc_session *s, const pq_rpc_lookup *l, pq_value captures,
                         pq_rpc_payload *p) {
  for (uint32_t i = 0; i < pq_value_count(captures); i++) {
    pq_value capture = pq_array_at(captures, i);
    pq_slice tag = {0};
    pq_rpc_node node;
    pq_rpc_hook *h;
    if (!pq_rpc_special(capture, &tag) || pq_value_count(capture) != 2)
      return pq_fail(&s->cx, PQ_EINVALID, "unknown map capture");
    if (pq_slice_is(tag, "export")) {
      PQ_TRY(eval_export(s, l, capture, false, p, &node));
    } else if (pq_slice_is(tag, "import")) {
      PQ_TRY(find(s, l, pq_array_at(capture, 1), &h));
      PQ_TRY(pq_rpc_payload_keep(s, p, pq_rpc_hook_hold(h)));
    } else {
      return pq_fail(&s->cx, PQ_EINVALID, "unknown map capture");
    }
  }
  return PQ_OK;
}

/* ["remap", id, path, captures, instructions] */
static int begin_map(pq_rpc_session *s, const pq_rpc_lookup *l, pq_value expr, pq_rpc_hook *subject,
                     pq_rpc_payload *p, pq_rpc_hook *result) {
  pq_value path, instructions;
  pq_rpc_op *op;
  PQ_TRY(eval_captures(s, l, pq_array_at(expr, 3), p));
  PQ_TRY(copy_value(s, p, pq_array_at(expr, 2), &path));
  PQ_TRY(copy_value(s, p, pq_array_at(expr, 4), &instructions));
  op = pq_rpc_op_new(s, PQ_RPC_OP_MAP, subject, p, result);
  if (op == NULL) return s->cx.code;
  op->path = path;
  op->instructions = instructions;
  op->capture_count = p->hook_count;
  return PQ_OK;
}

static int eval_map(pq_rpc_session *s, const pq_rpc_lookup *l, pq_value expr,
                    pq_rpc_payload *payload, pq_rpc_node *out) {
  pq_value captures = pq_array_at(expr, 3), instructions = pq_array_at(expr, 4);
  pq_rpc_hook *subject;
  pq_rpc_payload *p;
  int rc;
  if (pq_value_count(expr) != 5 || pq_value_type(captures) != PQ_TYPE_ARRAY ||
      pq_value_type(instructions) != PQ_TYPE_ARRAY || pq_value_count(instructions) == 0)
    return pq_fail(&s->cx, PQ_EINVALID, "[\"remap\", id, path, captures, instructions]");
  PQ_TRY(find(s, l, pq_array_at(expr, 1), &subject));
  PQ_TRY(check_path(s, pq_array_at(expr, 2)));
  PQ_TRY(new_promise(s, payload, out));
  p = pq_rpc_payload_new(s);
  if (p == NULL) return s->cx.code;
  rc = begin_map(s, l, expr, subject, p, out->hook);
  pq_rpc_payload_drop(s, p);
  return rc;
}

/* ---- expressions ---- */

static int eval_special(pq_rpc_session *s, const pq_rpc_lookup *l, pq_value expr, pq_slice tag,
                        pq_rpc_payload *payload, uint32_t depth, pq_rpc_node *out) {
  if (pq_slice_is(tag, "import") || pq_slice_is(tag, "pipeline"))
    return eval_reference(s, l, expr, payload, depth, out);
  if (pq_slice_is(tag, "remap")) return eval_map(s, l, expr, payload, out);
  if (pq_slice_is(tag, "export")) return eval_export(s, l, expr, false, payload, out);
  if (pq_slice_is(tag, "promise")) return eval_export(s, l, expr, true, payload, out);
  if (pq_slice_is(tag, "undefined")) return PQ_OK;
  if (pq_slice_is(tag, "readable") || pq_slice_is(tag, "writable") || pq_slice_is(tag, "blob") ||
      pq_slice_is(tag, "url") || pq_slice_is(tag, "headers") || pq_slice_is(tag, "request") ||
      pq_slice_is(tag, "response"))
    return pq_fail(&s->cx, PQ_EUNSUPPORTED, "a value of type %.*s cannot be sent to the database",
                   (int)tag.n, (const char *)tag.p);
  return pq_fail(&s->cx, PQ_EINVALID, "unknown special value: [\"%.*s\", …]",
                 (int)(tag.n > 40 ? 40 : tag.n), (const char *)tag.p);
}

static int eval_object(pq_rpc_session *s, const pq_rpc_lookup *l, pq_value expr,
                       pq_rpc_payload *payload, uint32_t depth, pq_rpc_node *out) {
  uint32_t count;
  pq_field *fields = pq_object_fields(&s->scratch, expr, &count);
  if (fields == NULL) return s->cx.code;
  *out = (pq_rpc_node){.kind = PQ_RPC_OBJECT};
  out->items = pq_arena_calloc(&payload->arena, count, sizeof *out->items);
  out->names = pq_arena_calloc(&payload->arena, count, sizeof *out->names);
  if (out->items == NULL || out->names == NULL) return s->cx.code;
  out->count = count;
  for (uint32_t i = 0; i < count; i++) {
    PQ_TRY(pq_arena_copy(&payload->arena, fields[i].name, &out->names[i]));
    PQ_TRY(pq_rpc_eval(s, l, fields[i].value, payload, depth + 1, &out->items[i]));
  }
  return PQ_OK;
}

static int eval_plain(pq_rpc_session *s, pq_value expr, pq_rpc_payload *payload, pq_rpc_node *out) {
  *out = (pq_rpc_node){.kind = PQ_RPC_DATA};
  pq_builder_clear(s->builder);
  PQ_TRY(pq_rpc_put_plain(s, s->builder, expr, 0));
  return pq_builder_finish(s->builder, &payload->arena, &out->data);
}

int pq_rpc_eval(pq_rpc_session *s, const pq_rpc_lookup *l, pq_value expr, pq_rpc_payload *payload,
                uint32_t depth, pq_rpc_node *out) {
  pq_slice tag;
  *out = (pq_rpc_node){0};
  if (depth > PQ_RPC_DEPTH_MAX) return pq_fail(&s->cx, PQ_ELIMIT, "nested too deeply");
  if (pq_value_is_missing(expr)) return pq_fail(&s->cx, PQ_EINVALID, "an expression is missing");
  if (pq_rpc_is_plain(s, expr)) return eval_plain(s, expr, payload, out);
  PQ_TRY(pq_rpc_check_visits(s));
  if (pq_value_type(expr) == PQ_TYPE_OBJECT) return eval_object(s, l, expr, payload, depth, out);
  if (pq_rpc_special(expr, &tag)) return eval_special(s, l, expr, tag, payload, depth, out);
  if (pq_value_count(expr) == 1 && pq_value_type(pq_array_at(expr, 0)) == PQ_TYPE_ARRAY)
    return eval_array(s, l, pq_array_at(expr, 0), payload, depth, out);
  return pq_fail(&s->cx, PQ_EINVALID, "an array has to be within an array");
}

int pq_rpc_eval_hook(pq_rpc_session *s, const pq_rpc_lookup *l, pq_value expr, pq_rpc_hook **out) {
  pq_rpc_payload *p = pq_rpc_payload_new(s);
  pq_rpc_node node;
  int rc;
  *out = NULL;
  if (p == NULL) return s->cx.code;
  rc = pq_rpc_eval(s, l, expr, p, 0, &node);
  if (rc == PQ_OK && node.kind == PQ_RPC_HOOK) {
    *out = pq_rpc_hook_hold(node.hook);
  } else if (rc == PQ_OK) {
    *out = pq_rpc_hook_new(s);
    rc = *out == NULL ? s->cx.code : pq_rpc_settle(s, *out, p, node);
  }
  if (rc != PQ_OK) {
    pq_rpc_hook_drop(s, *out);
    *out = NULL;
  }
  pq_rpc_payload_drop(s, p);
  return rc;
}

/* ---- values ---- */

pq_rpc_node pq_rpc_see(pq_rpc_node n) {
  while (n.kind == PQ_RPC_HOOK && n.hook->kind == PQ_RPC_VALUE)
    n = n.hook->node;
  return n;
}

/* The same, with the memory that the value is in. */
static void enter(pq_rpc_place *at) {
  while (at->node.kind == PQ_RPC_HOOK) {
    pq_rpc_hook *h = at->node.hook;
    if (h->kind != PQ_RPC_VALUE) {
      at->hook = h;
      return;
    }
    at->payload = h->payload;
    at->node = h->node;
  }
}

static bool index_of(pq_value part, uint32_t *out) {
  int64_t n;
  pq_slice text;
  if (pq_value_string(part, &text)) {
    n = 0;
    if (text.n == 0 || text.n > 9) return false;
    for (size_t i = 0; i < text.n; i++) {
      if (text.p[i] < '0' || text.p[i] > '9') return false;
      n = n * 10 + (text.p[i] - '0');
    }
  } else if (!pq_value_i64(part, &n)) {
    return false;
  }
  *out = (uint32_t)n;
  return n >= 0 && n < UINT32_MAX;
}

static pq_rpc_node data_part(pq_value v, pq_value part) {
  pq_slice name;
  uint32_t i;
  pq_value inner;
  pq_value found = {0};
  if (pq_value_type(v) == PQ_TYPE_ARRAY && index_of(part, &i)) {
    found = pq_array_at(v, i);
  } else if (pq_value_string(part, &name)) {
    if (pq_literal_open(v, &inner))
      found = pq_object_get(inner, name);
    else if (pq_value_type(v) == PQ_TYPE_OBJECT)
      found = pq_object_get(v, name);
  }
  if (pq_value_is_missing(found)) return (pq_rpc_node){0};
  return (pq_rpc_node){.kind = PQ_RPC_DATA, .data = found};
}

static pq_rpc_node node_part(const pq_rpc_node *n, pq_value part) {
  pq_slice name;
  uint32_t i;
  if (n->kind == PQ_RPC_DATA) return data_part(n->data, part);
  if (n->kind == PQ_RPC_ARRAY && index_of(part, &i) && i < n->count) return n->items[i];
  if (n->kind == PQ_RPC_OBJECT && pq_value_string(part, &name))
    for (i = 0; i < n->count; i++)
      if (pq_slice_eq(n->names[i], name)) return n->items[i];
  return (pq_rpc_node){0};
}

int pq_rpc_follow(pq_rpc_session *s, pq_rpc_hook *from, pq_value path, pq_rpc_place *out) {
  uint32_t count = pq_value_is_missing(path) ? 0 : pq_value_count(path);
  *out = (pq_rpc_place){.node = {.kind = PQ_RPC_HOOK, .hook = from}};
  for (;; out->used++) {
    pq_value part;
    pq_slice name = PQ_SLICE("0");
    enter(out);
    if (out->hook != NULL || out->used == count) return PQ_OK;
    part = pq_array_at(path, out->used);
    (void)pq_value_string(part, &name);
    if (out->node.kind == PQ_RPC_UNDEFINED ||
        (out->node.kind == PQ_RPC_DATA && pq_value_type(out->node.data) == PQ_TYPE_NULL))
      return pq_fail(&s->cx, PQ_EINVALID, "cannot read property '%.*s' of %s: nothing is there",
                     (int)(name.n > 40 ? 40 : name.n), (const char *)name.p,
                     out->node.kind == PQ_RPC_UNDEFINED ? "undefined" : "null");
    out->node = node_part(&out->node, part);
  }
}

static int put_items(pq_rpc_session *s, pq_builder *b, const pq_rpc_node *n, uint32_t depth) {
  bool is_object = n->kind == PQ_RPC_OBJECT;
  PQ_TRY(is_object ? pq_builder_begin_object(b) : pq_builder_begin_array(b));
  for (uint32_t i = 0; i < n->count; i++) {
    pq_rpc_node item = pq_rpc_see(n->items[i]);
    if (is_object && item.kind == PQ_RPC_UNDEFINED) continue;
    if (is_object) PQ_TRY(pq_builder_key(b, n->names[i]));
    PQ_TRY(pq_rpc_put_node(s, b, item, depth + 1));
  }
  return pq_builder_end(b);
}

int pq_rpc_put_node(pq_rpc_session *s, pq_builder *b, pq_rpc_node n, uint32_t depth) {
  if (depth > PQ_RPC_DEPTH_MAX) return pq_fail(&s->cx, PQ_ELIMIT, "nested too deeply");
  n = pq_rpc_see(n);
  switch (n.kind) {
    case PQ_RPC_UNDEFINED: return pq_builder_null(b);
    case PQ_RPC_DATA: return pq_builder_value(b, n.data);
    case PQ_RPC_HOOK:
      return pq_fail(&s->cx, PQ_EINVALID,
                     "a stub or function stands where a value is needed: await or call it first");
    default: return put_items(s, b, &n, depth);
  }
}

static int write_export(pq_rpc_session *s, pq_buf *out, pq_rpc_hook *h) {
  pq_rpc_entry *e = h->id == 0 ? NULL : pq_rpc_find(&s->exports, h->id);
  if (e != NULL) {
    e->count++;
  } else {
    PQ_TRY(pq_rpc_add(s, &s->exports, s->export_last + 1, h, &e));
    h->id = ++s->export_last;
    pq_rpc_hook_hold(h);
  }
  return pq_buf_printf(out, "[\"export\",-%llu]", (unsigned long long)h->id);
}

static int write_hook(pq_rpc_session *s, pq_buf *out, pq_rpc_hook *h) {
  uint64_t pipe;
  if (h->kind == PQ_RPC_TARGET) return write_export(s, out, h);
  if (h->kind == PQ_RPC_CALLBACK)
    return pq_buf_printf(out, "[\"import\",-%llu]", (unsigned long long)h->id);
  PQ_TRY(pq_rpc_stream_open(s, h, &pipe));
  return pq_buf_printf(out, "[\"readable\",%llu]", (unsigned long long)pipe);
}

int pq_rpc_write_node(pq_rpc_session *s, pq_buf *out, pq_rpc_node n, uint32_t depth) {
  if (depth > PQ_RPC_DEPTH_MAX) return pq_fail(&s->cx, PQ_ELIMIT, "nested too deeply");
  n = pq_rpc_see(n);
  if (n.kind == PQ_RPC_UNDEFINED) return pq_buf_put_str(out, "[\"undefined\"]");
  if (n.kind == PQ_RPC_DATA) return pq_rpc_write_data(s, out, n.data, depth);
  if (n.kind == PQ_RPC_HOOK) return write_hook(s, out, n.hook);
  PQ_TRY(pq_buf_put_str(out, n.kind == PQ_RPC_ARRAY ? "[[" : "{"));
  for (uint32_t i = 0; i < n.count; i++) {
    if (i > 0) PQ_TRY(pq_buf_put_byte(out, ','));
    if (n.kind == PQ_RPC_OBJECT) {
      PQ_TRY(pq_buf_put_json_str(out, n.names[i]));
      PQ_TRY(pq_buf_put_byte(out, ':'));
    }
    PQ_TRY(pq_rpc_write_node(s, out, n.items[i], depth + 1));
  }
  return pq_buf_put_str(out, n.kind == PQ_RPC_ARRAY ? "]]" : "}");
}
