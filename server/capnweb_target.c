/* server/capnweb_target.c - objects of ours and their methods: doc/rpc.md.
 *
 *     method      row of the table            command
 *     posts.find({n: 1}, {limit: 2})     ►    {find: "posts", filter: {n: 1}, limit: 2}
 *     entity.related("author")           ►    {related: "posts/p1", predicate: "author"}
 *
 * Most methods are rows: whose they are, the command, the names of their arguments, what the answer
 * becomes. The last argument of all is an object of further options, which the command checks; the
 * others are functions of their own.
 */
#include <stdio.h>

#include "server/access.h"
#include "server/capnweb_int.h"

enum { ROOTS = PQ_RPC_ROOT | PQ_RPC_TRANSACTION, SCOPE_LEN_MAX = 1 << 16, PARAMS = 3 };

/* ---- scopes, targets ---- */

pq_rpc_scope *pq_rpc_scope_new(pq_rpc_session *s, const char *ns) {
  pq_rpc_scope *c = pq_alloc(&s->cx, NULL, 0, sizeof *c);
  if (c == NULL) {
    (void)pq_fail_nomem(&s->cx);
    return NULL;
  }
  memset(c, 0, sizeof *c);
  c->refs = 1;
  pq_arena_init(&c->arena, &s->cx, SCOPE_LEN_MAX);
  snprintf(c->ns, sizeof c->ns, "%s", ns);
  return c;
}

void pq_rpc_scope_drop(pq_rpc_session *s, pq_rpc_scope *c) {
  if (c == NULL || --c->refs > 0) return;
  if (c->txn != 0 && !c->is_ended) {
    c->refs++;
    pq_rpc_abort_txn(s, c); /* its job has a reference, too */
    pq_rpc_scope_drop(s, c);
    return;
  }
  pq_arena_release(&c->arena);
  pq_alloc(&s->cx, c, sizeof *c, 0);
}

pq_rpc_target *pq_rpc_target_new(pq_rpc_session *s, pq_rpc_target_kind kind, pq_rpc_scope *scope,
                                 const char *name) {
  pq_rpc_target *t = pq_alloc(&s->cx, NULL, 0, sizeof *t);
  if (t == NULL) {
    (void)pq_fail_nomem(&s->cx);
    return NULL;
  }
  memset(t, 0, sizeof *t);
  t->kind = kind;
  t->scope = scope;
  scope->refs++;
  snprintf(t->name, sizeof t->name, "%s", name);
  return t;
}

void pq_rpc_target_free(pq_rpc_session *s, pq_rpc_target *t) {
  if (t == NULL) return;
  if (t->feed != NULL) {
    t->feed->target = NULL;
    pq_rpc_feed_end(s, t->feed);
  }
  if (t->kind == PQ_RPC_TRANSACTION && !t->scope->is_ended) pq_rpc_abort_txn(s, t->scope);
  pq_rpc_scope_drop(s, t->scope);
  pq_alloc(&s->cx, t, sizeof *t, 0);
}

int pq_rpc_resolve_target(pq_rpc_session *s, pq_rpc_hook *h, pq_rpc_target *t) {
  pq_rpc_hook *stub = pq_rpc_hook_new(s);
  if (stub == NULL) {
    pq_rpc_target_free(s, t);
    return s->cx.code;
  }
  stub->kind = PQ_RPC_TARGET;
  stub->target = t;
  pq_rpc_resolve_as(s, h, stub);
  pq_rpc_hook_drop(s, stub);
  return PQ_OK;
}

/* ---- arguments ---- */

typedef struct pq_rpc_method pq_rpc_method;

/* One call of a method. */
typedef struct call {
  pq_rpc_session *s;
  pq_rpc_op *op;
  pq_rpc_target *t;
  const pq_rpc_method *method;
} call;

struct pq_rpc_method {
  const char *name;
  uint8_t on; /* kinds of targets */
  const char *verb;
  const char *params[PARAMS]; /* "" : the command's target, by an id of the collection */
  pq_rpc_shape shape;
  const char *field;
  pq_rpc_turn turn;
  int (*run)(call *c); /* instead of all that */
};

static pq_rpc_node argument(const call *c, uint32_t i) {
  const pq_rpc_node *n = &c->op->node;
  pq_rpc_node found = {0};
  if (n->kind == PQ_RPC_ARRAY && i < n->count) found = pq_rpc_see(n->items[i]);
  return found;
}

static bool is_absent(pq_rpc_node n) {
  return n.kind == PQ_RPC_UNDEFINED ||
         (n.kind == PQ_RPC_DATA && pq_value_type(n.data) == PQ_TYPE_NULL);
}

static int text_argument(const call *c, uint32_t i, const char *what, pq_slice *out) {
  pq_rpc_node n = argument(c, i);
  if (n.kind == PQ_RPC_DATA && pq_value_string(n.data, out) && out->n > 0) return PQ_OK;
  return pq_fail(&c->s->cx, PQ_EINVALID, "%s: argument %u, %s, must be a text", c->method->name,
                 i + 1, what);
}

/* Lengths were checked. */
static void put_bytes(char *out, size_t at, pq_slice text) {
  memcpy(out + at, text.p, text.n);
  out[at + text.n] = '\0';
}

/* An id of the target's collection, whole or its local part. */
static int id_argument(const call *c, uint32_t i, char out[PQ_RPC_NAME_CAP]) {
  pq_slice id;
  bool is_whole;
  size_t n = 0;
  PQ_TRY(text_argument(c, i, "an id", &id));
  is_whole = memchr(id.p, '/', id.n) != NULL || c->t->kind != PQ_RPC_COLLECTION;
  if (strlen(c->t->name) + id.n + 2 > PQ_RPC_NAME_CAP || memchr(id.p, 0, id.n) != NULL)
    return pq_fail(&c->s->cx, PQ_EINVALID, "%s: an id of %zu bytes", c->method->name, id.n);
  if (!is_whole) n = (size_t)snprintf(out, PQ_RPC_NAME_CAP, "%s/", c->t->name);
  put_bytes(out, n, id);
  return PQ_OK;
}

/* ---- commands ---- */

static int put_text(pq_builder *b, const char *name, const char *text) {
  PQ_TRY(pq_builder_key_str(b, name));
  return pq_builder_str(b, text);
}

/* One field of the options. `txn` would reach into transactions of others. */
static int put_option(const call *c, pq_builder *b, pq_slice name, pq_rpc_node value) {
  value = pq_rpc_see(value);
  if (value.kind == PQ_RPC_UNDEFINED) return PQ_OK;
  if (pq_slice_is(name, "txn"))
    return pq_fail(&c->s->cx, PQ_EINVALID,
                   "txn: a transaction is what begin() gives; call its methods");
  if (pq_slice_is(name, "asOf") && !pq_value_is_missing(c->t->scope->as_of))
    return pq_fail(&c->s->cx, PQ_EINVALID, "asOf: this object is of an instant already");
  if (pq_slice_is(name, "actor") && c->s->actor[0] != '\0')
    return pq_fail(&c->s->cx, PQ_EPERM, "actor: it is who has logged in, '%.100s'", c->s->actor);
  PQ_TRY(pq_builder_key(b, name));
  return pq_rpc_put_node(c->s, b, value, 0);
}

/* Call `put` for each field of an object argument, in order. */
static int each_option(const call *c, pq_rpc_node n,
                       int (*put)(const call *c, pq_builder *b, pq_slice name, pq_rpc_node value)) {
  pq_builder *b = c->s->builder;
  uint32_t count;
  pq_field *fields;
  if (is_absent(n)) return PQ_OK;
  for (uint32_t i = 0; n.kind == PQ_RPC_OBJECT && i < n.count; i++)
    PQ_TRY(put(c, b, n.names[i], n.items[i]));
  if (n.kind == PQ_RPC_OBJECT) return PQ_OK;
  if (n.kind != PQ_RPC_DATA || pq_value_type(n.data) != PQ_TYPE_OBJECT)
    return pq_fail(&c->s->cx, PQ_EINVALID, "%s: the last argument, options, must be an object",
                   c->method->name);
  fields = pq_object_fields(&c->s->scratch, n.data, &count);
  if (fields == NULL) return c->s->cx.code;
  for (uint32_t i = 0; i < count; i++)
    PQ_TRY(put(c, b, fields[i].name, (pq_rpc_node){.kind = PQ_RPC_DATA, .data = fields[i].value}));
  return PQ_OK;
}

static int put_options(const call *c, uint32_t i) {
  if (c->op->node.count > i + 1)
    return pq_fail(&c->s->cx, PQ_EINVALID, "%s takes at most %u arguments", c->method->name, i + 1);
  return each_option(c, argument(c, i), put_option);
}

/* Who does it, and when it is, as the scope says. */
static int put_scope(const call *c, bool is_write) {
  const pq_rpc_scope *scope = c->t->scope;
  pq_builder *b = c->s->builder;
  if (is_write && !pq_value_is_missing(scope->as_of))
    return pq_fail(&c->s->cx, PQ_EUNSUPPORTED, "%s: what was cannot be written, only what is",
                   c->method->name);
  if (is_write && c->s->actor[0] != '\0') PQ_TRY(put_text(b, "actor", c->s->actor));
  if (!pq_value_is_missing(scope->as_of)) {
    PQ_TRY(pq_builder_key_str(b, "asOf"));
    PQ_TRY(pq_builder_value(b, scope->as_of));
  }
  if (scope->txn == 0) return PQ_OK;
  if (scope->is_ended && c->op->order >= scope->end_order)
    return pq_fail(&c->s->cx, PQ_EINVALID, "%s: the transaction has ended", c->method->name);
  PQ_TRY(pq_builder_key_str(b, "txn"));
  return pq_builder_i64(b, scope->txn);
}

/* The object is complete: queue it. */
static int submit(const call *c, pq_rpc_turn turn) {
  pq_rpc_job *job;
  PQ_TRY(pq_builder_end(c->s->builder));
  job = pq_rpc_job_new(c->s, c->t->scope, c->op->result);
  if (job == NULL) return c->s->cx.code;
  job->shape = c->method->shape;
  job->field = c->method->field;
  job->turn = c->t->scope->txn != 0 && turn == PQ_RPC_INSERT ? PQ_RPC_ALONE : turn;
  job->is_last_of_txn = job->shape == PQ_RPC_END;
  return pq_rpc_job_submit(c->s, job);
}

/* What the command is about: the target itself, or the first argument. */
static int put_subject(const call *c, uint32_t *used) {
  pq_builder *b = c->s->builder;
  char id[PQ_RPC_NAME_CAP];
  const char *first = c->method->params[0];
  PQ_TRY(pq_builder_key_str(b, c->method->verb));
  *used = 0;
  if (first == NULL || first[0] != '\0')
    return pq_builder_str(b, c->t->name); /* "" of a root: all */
  *used = 1;
  if (argument(c, 0).kind == PQ_RPC_DATA && pq_value_type(argument(c, 0).data) != PQ_TYPE_STRING)
    return pq_rpc_put_node(c->s, b, argument(c, 0), 0); /* several ids */
  PQ_TRY(id_argument(c, 0, id));
  return pq_builder_str(b, id);
}

static int run_row(call *c) {
  pq_builder *b = c->s->builder;
  uint32_t used;
  PQ_TRY(put_subject(c, &used));
  for (; used < PARAMS && c->method->params[used] != NULL; used++) {
    pq_rpc_node n = argument(c, used);
    if (is_absent(n)) continue;
    PQ_TRY(pq_builder_key_str(b, c->method->params[used]));
    PQ_TRY(pq_rpc_put_node(c->s, b, n, 0));
  }
  PQ_TRY(put_options(c, used));
  PQ_TRY(put_scope(c, c->method->turn != PQ_RPC_READ));
  return submit(c, c->method->turn);
}

/* ---- methods that give other targets ---- */

static int give_target(const call *c, pq_rpc_target_kind kind, pq_rpc_scope *scope,
                       const char *name) {
  pq_rpc_target *t = pq_rpc_target_new(c->s, kind, scope, name);
  return t == NULL ? c->s->cx.code : pq_rpc_resolve_target(c->s, c->op->result, t);
}

static int run_collection(call *c) {
  pq_slice name;
  char text[PQ_RPC_NAME_CAP];
  PQ_TRY(text_argument(c, 0, "a collection's name", &name));
  if (name.n >= 256 || memchr(name.p, 0, name.n) != NULL || memchr(name.p, '/', name.n) != NULL)
    return pq_fail(&c->s->cx, PQ_EPATH, "a collection's name has no '/' and at most 128 bytes");
  put_bytes(text, 0, name);
  return give_target(c, PQ_RPC_COLLECTION, c->t->scope, text);
}

static int run_entity(call *c) {
  char id[PQ_RPC_NAME_CAP];
  PQ_TRY(id_argument(c, 0, id));
  if (strchr(id, '/') == NULL)
    return pq_fail(&c->s->cx, PQ_EINVALID, "entity: an id is collection/local-id");
  return give_target(c, PQ_RPC_ENTITY, c->t->scope, id);
}

static int run_ns(call *c) {
  pq_rpc_scope *scope;
  pq_slice name;
  char text[PQ_RPC_NS_CAP];
  int rc;
  PQ_TRY(text_argument(c, 0, "a namespace", &name));
  if (c->t->scope->txn != 0 || !pq_value_is_missing(c->t->scope->as_of))
    return pq_fail(&c->s->cx, PQ_EUNSUPPORTED,
                   "ns: a transaction or an instant is of one namespace: call ns first");
  if (name.n >= sizeof text || memchr(name.p, 0, name.n) != NULL)
    return pq_fail(&c->s->cx, PQ_EPATH, "ns: a namespace has at most 128 bytes");
  put_bytes(text, 0, name);
  scope = pq_rpc_scope_new(c->s, text);
  if (scope == NULL) return c->s->cx.code;
  rc = give_target(c, PQ_RPC_ROOT, scope, "");
  pq_rpc_scope_drop(c->s, scope);
  return rc;
}

static int copy_moment(const call *c, pq_rpc_scope *scope) {
  pq_builder *b = c->s->builder;
  pq_builder_clear(b);
  PQ_TRY(pq_rpc_put_node(c->s, b, argument(c, 0), 0));
  return pq_builder_finish(b, &scope->arena, &scope->as_of);
}

static int run_as_of(call *c) {
  pq_rpc_scope *scope;
  int rc;
  if (c->t->scope->txn != 0 || !pq_value_is_missing(c->t->scope->as_of))
    return pq_fail(&c->s->cx, PQ_EUNSUPPORTED, "asOf: of a root that is of now");
  if (is_absent(argument(c, 0)))
    return pq_fail(&c->s->cx, PQ_EINVALID, "asOf: argument 1, a moment, is missing");
  scope = pq_rpc_scope_new(c->s, c->t->scope->ns);
  if (scope == NULL) return c->s->cx.code;
  rc = copy_moment(c, scope);
  if (rc == PQ_OK) rc = give_target(c, c->t->kind, scope, c->t->name);
  pq_rpc_scope_drop(c->s, scope);
  return rc;
}

/* ---- transactions ---- */

static int run_begin(call *c) {
  if (c->t->scope->txn != 0 || !pq_value_is_missing(c->t->scope->as_of))
    return pq_fail(&c->s->cx, PQ_EUNSUPPORTED, "begin: not within a transaction or an instant");
  PQ_TRY(pq_builder_key_str(c->s->builder, "begin"));
  PQ_TRY(pq_builder_i32(c->s->builder, 1));
  return submit(c, PQ_RPC_ALONE);
}

static int run_end(call *c) {
  pq_rpc_scope *scope = c->t->scope;
  int rc;
  if (scope->is_ended)
    return pq_fail(&c->s->cx, PQ_EINVALID, "%s: the transaction has ended", c->method->name);
  PQ_TRY(pq_builder_key_str(c->s->builder, c->method->verb));
  PQ_TRY(pq_builder_i64(c->s->builder, scope->txn));
  rc = submit(c, PQ_RPC_ALONE);
  if (rc == PQ_OK) scope->is_ended = true;
  scope->end_order = c->op->order;
  return rc;
}

/* ---- commands as they are ---- */

static bool is_in(pq_slice name, const char *const *names) {
  for (; *names != NULL; names++)
    if (pq_slice_is(name, *names)) return true;
  return false;
}

/* What a command document does. */
static int judge(const call *c, pq_slice verb, pq_rpc_node n, bool *is_write, bool *has_actor) {
  static const char *const reads[] = {
      "get",      "find",       "findOne",     "count",         "estimatedCount",
      "exists",   "distinct",   "aggregate",   "related",       "traverse",
      "subgraph", "path",       "connected",   "neighbourhood", "match",
      "history",  "events",     "reconstruct", "getAtVersion",  "diff",
      "files",    "stats",      "collections", "schema",        "degree",
      "pageRank", "components", "triangles",   "communities",   "kCore",
      NULL};
  static const char *const ends[] = {"begin", "commit", "abort", NULL};
  pq_value pipeline = {0}, last;
  bool is_set = false;
  if (is_in(verb, ends))
    return pq_fail(&c->s->cx, PQ_EUNSUPPORTED, "run: a transaction is what begin() gives");
  for (uint32_t i = 0; n.kind == PQ_RPC_OBJECT && i < n.count; i++)
    is_set = is_set || pq_slice_is(n.names[i], "set") || pq_slice_is(n.names[i], "writeAs");
  if (n.kind == PQ_RPC_DATA) {
    is_set = !pq_value_is_missing(pq_object_get_str(n.data, "set")) ||
             !pq_value_is_missing(pq_object_get_str(n.data, "writeAs"));
    pipeline = pq_object_get_str(n.data, "pipeline");
  }
  last = pq_value_count(pipeline) == 0 ? (pq_value){0}
                                       : pq_array_at(pipeline, pq_value_count(pipeline) - 1);
  is_set = is_set || !pq_value_is_missing(pq_object_get_str(last, "$out")) ||
           !pq_value_is_missing(pq_object_get_str(last, "$merge"));
  *is_write = is_set || !is_in(verb, reads);
  *has_actor = is_set || pq_access_is_write(verb);
  return PQ_OK;
}

static bool first_field(const call *c, pq_rpc_node n, pq_slice *name) {
  uint32_t count;
  pq_field *fields;
  *name = (pq_slice){0};
  if (n.kind == PQ_RPC_OBJECT && n.count > 0) *name = n.names[0];
  if (n.kind != PQ_RPC_DATA || pq_value_type(n.data) != PQ_TYPE_OBJECT) return name->n > 0;
  fields = pq_object_fields(&c->s->scratch, n.data, &count);
  if (fields != NULL && count > 0) *name = fields[0].name;
  return name->n > 0;
}

static int run_command(call *c) {
  pq_rpc_node n = argument(c, 0);
  bool is_write = false, has_actor = false;
  pq_slice verb;
  if (!first_field(c, n, &verb))
    return pq_fail(&c->s->cx, PQ_EINVALID,
                   "run: a command is an object whose first field names it");
  if (c->op->node.count > 1) return pq_fail(&c->s->cx, PQ_EINVALID, "run takes one argument");
  PQ_TRY(judge(c, verb, n, &is_write, &has_actor));
  PQ_TRY(each_option(c, n, put_option));
  if (is_write && !has_actor && !pq_value_is_missing(c->t->scope->as_of))
    return pq_fail(&c->s->cx, PQ_EUNSUPPORTED, "run: what was cannot be written, only what is");
  PQ_TRY(put_scope(c, has_actor));
  return submit(c, is_write ? PQ_RPC_ALONE : PQ_RPC_READ);
}

/* aggregate is a write where its pipeline ends with one. */
static int run_aggregate(call *c) {
  pq_rpc_node n = argument(c, 0);
  pq_value last = {0};
  bool is_write;
  if (n.kind == PQ_RPC_DATA && pq_value_count(n.data) > 0)
    last = pq_array_at(n.data, pq_value_count(n.data) - 1);
  is_write = !pq_value_is_missing(pq_object_get_str(last, "$out")) ||
             !pq_value_is_missing(pq_object_get_str(last, "$merge"));
  PQ_TRY(put_text(c->s->builder, "aggregate", c->t->name));
  if (!is_absent(n)) {
    PQ_TRY(pq_builder_key_str(c->s->builder, "pipeline"));
    PQ_TRY(pq_rpc_put_node(c->s, c->s->builder, n, 0));
  }
  PQ_TRY(put_options(c, 1));
  PQ_TRY(put_scope(c, is_write));
  return submit(c, is_write ? PQ_RPC_ALONE : PQ_RPC_READ);
}

static int run_collections(call *c) {
  PQ_TRY(pq_builder_key_str(c->s->builder, "collections"));
  PQ_TRY(pq_builder_i32(c->s->builder, 1));
  PQ_TRY(put_options(c, 0));
  PQ_TRY(put_scope(c, false));
  return submit(c, PQ_RPC_READ);
}

/* insert(document or documents, options) */
static int run_insert(call *c) {
  pq_builder *b = c->s->builder;
  pq_rpc_node n = argument(c, 0);
  bool is_array =
      n.kind == PQ_RPC_ARRAY || (n.kind == PQ_RPC_DATA && pq_value_type(n.data) == PQ_TYPE_ARRAY);
  PQ_TRY(put_text(b, "insert", c->t->name));
  PQ_TRY(pq_builder_key_str(b, "documents"));
  if (!is_array) PQ_TRY(pq_builder_begin_array(b));
  PQ_TRY(pq_rpc_put_node(c->s, b, n, 0));
  if (!is_array) PQ_TRY(pq_builder_end(b));
  PQ_TRY(put_options(c, 1));
  PQ_TRY(put_scope(c, true));
  return submit(c, PQ_RPC_INSERT);
}

/* exists(id or filter, options) of a collection; exists(options) of an entity */
static int run_exists(call *c) {
  pq_builder *b = c->s->builder;
  pq_rpc_node n = argument(c, 0);
  char id[PQ_RPC_NAME_CAP];
  pq_slice text;
  uint32_t used = c->t->kind != PQ_RPC_ENTITY;
  if (used > 0 && n.kind == PQ_RPC_DATA && pq_value_string(n.data, &text)) {
    PQ_TRY(id_argument(c, 0, id));
    PQ_TRY(put_text(b, "exists", id));
  } else {
    PQ_TRY(put_text(b, "exists", c->t->name));
    if (used > 0 && !is_absent(n)) {
      PQ_TRY(pq_builder_key_str(b, "filter"));
      PQ_TRY(pq_rpc_put_node(c->s, b, n, 0));
    }
  }
  PQ_TRY(put_options(c, used));
  PQ_TRY(put_scope(c, false));
  return submit(c, PQ_RPC_READ);
}

/* ---- edges ---- */

static bool is_of_edge(pq_slice name) {
  static const char *const names[] = {"reverse",   "data", "match",      "in",
                                      "threshold", "mode", "confidence", NULL};
  return is_in(name, names);
}

static int put_of_edge(const call *c, pq_builder *b, pq_slice name, pq_rpc_node value) {
  return is_of_edge(name) ? put_option(c, b, name, value) : PQ_OK;
}

static int put_beside_edge(const call *c, pq_builder *b, pq_slice name, pq_rpc_node value) {
  return is_of_edge(name) ? PQ_OK : put_option(c, b, name, value);
}

/* entity.link(predicate, to, options), entity.unlink(predicate, to, options) */
static int run_entity_link(call *c) {
  pq_builder *b = c->s->builder;
  pq_slice predicate;
  PQ_TRY(text_argument(c, 0, "a predicate", &predicate));
  PQ_TRY(pq_builder_key_str(b, c->method->verb));
  PQ_TRY(pq_builder_begin_object(b));
  PQ_TRY(put_text(b, "from", c->t->name));
  PQ_TRY(pq_builder_key_str(b, "predicate"));
  PQ_TRY(pq_builder_string(b, predicate));
  if (!is_absent(argument(c, 1))) {
    PQ_TRY(pq_builder_key_str(b, "to"));
    PQ_TRY(pq_rpc_put_node(c->s, b, argument(c, 1), 0));
  }
  if (c->op->node.count > 3)
    return pq_fail(&c->s->cx, PQ_EINVALID, "%s takes 3 arguments", c->method->name);
  PQ_TRY(each_option(c, argument(c, 2), put_of_edge));
  PQ_TRY(pq_builder_end(b));
  PQ_TRY(each_option(c, argument(c, 2), put_beside_edge));
  PQ_TRY(put_scope(c, true));
  return submit(c, PQ_RPC_ALONE);
}

/* link(edge or edges, options): the first argument is what the command is about. */
static int run_first(call *c) {
  pq_builder *b = c->s->builder;
  PQ_TRY(pq_builder_key_str(b, c->method->verb));
  PQ_TRY(pq_rpc_put_node(c->s, b, argument(c, 0), 0));
  PQ_TRY(put_options(c, 1));
  PQ_TRY(put_scope(c, c->method->turn != PQ_RPC_READ));
  return submit(c, c->method->turn);
}

/* match(text, params, options) */
static int run_match(call *c) {
  pq_builder *b = c->s->builder;
  PQ_TRY(pq_builder_key_str(b, "match"));
  PQ_TRY(pq_rpc_put_node(c->s, b, argument(c, 0), 0));
  if (!is_absent(argument(c, 1))) {
    PQ_TRY(pq_builder_key_str(b, "params"));
    PQ_TRY(pq_rpc_put_node(c->s, b, argument(c, 1), 0));
  }
  PQ_TRY(put_options(c, 2));
  PQ_TRY(put_scope(c, false));
  return submit(c, PQ_RPC_READ);
}

/* path(from, to, options), connected(from, to, options) */
static int run_path(call *c) {
  pq_builder *b = c->s->builder;
  PQ_TRY(pq_builder_key_str(b, c->method->verb));
  PQ_TRY(pq_builder_begin_object(b));
  PQ_TRY(pq_builder_key_str(b, "from"));
  PQ_TRY(pq_rpc_put_node(c->s, b, argument(c, 0), 0));
  PQ_TRY(pq_builder_key_str(b, "to"));
  PQ_TRY(pq_rpc_put_node(c->s, b, argument(c, 1), 0));
  PQ_TRY(pq_builder_end(b));
  PQ_TRY(put_options(c, 2));
  PQ_TRY(put_scope(c, false));
  return submit(c, PQ_RPC_READ);
}

/* ---- feeds ---- */

static int run_stream(call *c) {
  pq_builder *b = c->s->builder;
  if (c->s->options.is_batch)
    return pq_fail(&c->s->cx, PQ_EUNSUPPORTED, "stream: a batch has no way back: use a WebSocket");
  if (c->t->scope->txn != 0)
    return pq_fail(&c->s->cx, PQ_EUNSUPPORTED, "stream: not within a transaction");
  PQ_TRY(put_text(b, "find", c->t->name));
  if (!is_absent(argument(c, 0))) {
    PQ_TRY(pq_builder_key_str(b, "filter"));
    PQ_TRY(pq_rpc_put_node(c->s, b, argument(c, 0), 0));
  }
  PQ_TRY(put_options(c, 1));
  PQ_TRY(put_scope(c, false));
  PQ_TRY(pq_builder_end(b));
  return pq_rpc_feed_open(c->s, c->t->scope, NULL, c->op->result);
}

/* subscribe(options, callback), or the callback alone */
static int run_subscribe(call *c) {
  pq_builder *b = c->s->builder;
  uint32_t count = c->op->node.count;
  pq_rpc_node callback = argument(c, count == 0 ? 0 : count - 1);
  if (count > 2 || callback.kind != PQ_RPC_HOOK || callback.hook->kind != PQ_RPC_CALLBACK)
    return pq_fail(&c->s->cx, PQ_EINVALID, "subscribe: the last of two arguments is a function");
  if (c->s->options.is_batch)
    return pq_fail(&c->s->cx, PQ_EUNSUPPORTED,
                   "subscribe: a batch has no way back: use a WebSocket");
  if (c->t->scope->txn != 0 || !pq_value_is_missing(c->t->scope->as_of))
    return pq_fail(&c->s->cx, PQ_EUNSUPPORTED, "subscribe: what happens is not of an instant");
  PQ_TRY(put_text(b, "events", c->t->kind == PQ_RPC_COLLECTION ? c->t->name : ""));
  if (c->t->kind == PQ_RPC_ENTITY) PQ_TRY(put_text(b, "entity", c->t->name));
  if (count == 2) PQ_TRY(each_option(c, argument(c, 0), put_option));
  PQ_TRY(pq_builder_end(b));
  return pq_rpc_feed_open(c->s, c->t->scope, callback.hook, c->op->result);
}

static int run_cancel(call *c) {
  pq_rpc_feed *f = c->t->feed;
  if (f != NULL) {
    c->t->feed = NULL;
    f->target = NULL;
    pq_rpc_feed_end(c->s, f);
  }
  pq_rpc_resolve_nothing(c->s, c->op->result);
  return PQ_OK;
}

static int run_closed(call *c) {
  pq_rpc_payload *p;
  pq_rpc_hook *closed;
  int rc;
  if (c->t->feed == NULL) {
    pq_rpc_resolve_nothing(c->s, c->op->result);
    return PQ_OK;
  }
  closed = c->t->feed->closed;
  p = pq_rpc_payload_new(c->s);
  if (p == NULL) return c->s->cx.code;
  rc = pq_rpc_payload_keep(c->s, p, pq_rpc_hook_hold(closed));
  if (rc == PQ_OK)
    rc = pq_rpc_settle(c->s, c->op->result, p, (pq_rpc_node){.kind = PQ_RPC_HOOK, .hook = closed});
  pq_rpc_payload_drop(c->s, p);
  return rc;
}

/* ---- the table ---- */

static int run_user(call *c) {
  pq_rpc_payload *p = pq_rpc_payload_new(c->s);
  pq_rpc_node n = {.kind = PQ_RPC_DATA};
  int rc;
  if (p == NULL) return c->s->cx.code;
  pq_builder_clear(c->s->builder);
  rc = c->s->actor[0] == '\0' ? pq_builder_null(c->s->builder)
                              : pq_builder_str(c->s->builder, c->s->actor);
  if (rc == PQ_OK) rc = pq_builder_finish(c->s->builder, &p->arena, &n.data);
  if (rc == PQ_OK) pq_rpc_resolve(c->s, c->op->result, p, n);
  pq_rpc_payload_drop(c->s, p);
  return rc;
}

#define PAGE .shape = PQ_RPC_PAGE, .turn = PQ_RPC_READ
#define READ_ITEM .shape = PQ_RPC_ITEM, .turn = PQ_RPC_READ
#define READ_FIELD(name) .shape = PQ_RPC_FIELD, .field = name, .turn = PQ_RPC_READ
#define READ_SUMMARY .shape = PQ_RPC_SUMMARY, .turn = PQ_RPC_READ
#define WRITE .shape = PQ_RPC_SUMMARY, .turn = PQ_RPC_ALONE
#define WRITE_ITEM .shape = PQ_RPC_ITEM, .turn = PQ_RPC_ALONE

enum { R = ROOTS, C = PQ_RPC_COLLECTION, E = PQ_RPC_ENTITY, T = PQ_RPC_TRANSACTION };

static const pq_rpc_method methods[] = {
    {"ns", R, .run = run_ns},
    {"collection", R, .run = run_collection},
    {"entity", R | C, .run = run_entity},
    {"asOf", R | C | E, .run = run_as_of},
    {"begin", R, .shape = PQ_RPC_BEGIN, .run = run_begin},
    {"commit", T, "commit", .shape = PQ_RPC_END, .run = run_end},
    {"abort", T, "abort", .shape = PQ_RPC_END, .run = run_end},
    {"run", R, .shape = PQ_RPC_BOTH, .run = run_command},
    {"user", R, .run = run_user},
    {"subscribe", R | C | E, .run = run_subscribe},
    {"stream", C, .run = run_stream},
    {"cancel", PQ_RPC_SUBSCRIPTION, .run = run_cancel},
    {"closed", PQ_RPC_SUBSCRIPTION, .run = run_closed},
    /* reading */
    {"get", R | C, "get", {""}, READ_ITEM},
    {"get", E, "get", READ_ITEM},
    {"find", C, "find", {"filter"}, PAGE},
    {"findOne", C, "findOne", {"filter"}, READ_ITEM},
    {"count", C, "count", {"filter"}, READ_FIELD("count")},
    {"estimatedCount", C, "estimatedCount", READ_FIELD("count")},
    {"exists", R | C | E, .shape = PQ_RPC_FIELD, .field = "exists", .run = run_exists},
    {"distinct", C, "distinct", {"key", "filter"}, READ_FIELD("values")},
    {"aggregate", C, .shape = PQ_RPC_ITEMS, .run = run_aggregate},
    {"collections", R, .shape = PQ_RPC_ITEMS, .run = run_collections},
    {"getAtVersion", R | C, "getAtVersion", {"", "version"}, READ_ITEM},
    {"getAtVersion", E, "getAtVersion", {"version"}, READ_ITEM},
    {"history", R, "history", {""}, PAGE},
    {"history", C | E, "history", PAGE},
    {"events", R | C, "events", PAGE},
    {"diff", R, "diff", {"", "from"}, PAGE},
    {"diff", C | E, "diff", {"from"}, PAGE},
    /* writing */
    {"insert", C, .shape = PQ_RPC_SUMMARY, .run = run_insert},
    {"update", R | C, "update", {"", "ops"}, WRITE_ITEM},
    {"update", E, "update", {"ops"}, WRITE_ITEM},
    {"updateOne", C, "updateOne", {"filter", "update"}, WRITE},
    {"updateMany", C, "updateMany", {"filter", "update"}, WRITE},
    {"replace", R | C, "replace", {"", "document"}, WRITE_ITEM},
    {"replace", E, "replace", {"document"}, WRITE_ITEM},
    {"replaceOne", C, "replaceOne", {"filter", "replacement"}, WRITE},
    {"delete", R | C, "delete", {""}, WRITE},
    {"delete", E, "delete", WRITE},
    {"deleteOne", C, "deleteOne", {"filter"}, WRITE},
    {"deleteMany", C, "deleteMany", {"filter"}, WRITE},
    {"findOneAndUpdate", C, "findOneAndUpdate", {"filter", "update"}, WRITE_ITEM},
    {"findOneAndReplace", C, "findOneAndReplace", {"filter", "replacement"}, WRITE_ITEM},
    {"findOneAndDelete", C, "findOneAndDelete", {"filter"}, WRITE_ITEM},
    {"upsert", C, "upsert", {"filter", "update"}, WRITE_ITEM},
    {"upsertMany", C, "upsertMany", {"operations"}, WRITE},
    {"bulkWrite", C, "bulkWrite", {"operations"}, WRITE},
    {"restore", R | C, "restore", {""}, WRITE},
    {"restore", E, "restore", WRITE},
    {"revert", R, "revert", {"", "to"}, WRITE},
    {"revert", C | E, "revert", {"to"}, WRITE},
    /* edges */
    {"link", R, "link", .shape = PQ_RPC_SUMMARY, .turn = PQ_RPC_ALONE, .run = run_first},
    {"unlink", R, "unlink", .shape = PQ_RPC_SUMMARY, .turn = PQ_RPC_ALONE, .run = run_first},
    {"link", E, "link", .shape = PQ_RPC_SUMMARY, .run = run_entity_link},
    {"unlink", E, "unlink", .shape = PQ_RPC_SUMMARY, .run = run_entity_link},
    {"related", R | C, "related", {"", "predicate"}, PAGE},
    {"related", E, "related", {"predicate"}, PAGE},
    {"traverse", R | C, "traverse", {"", "path"}, PAGE},
    {"traverse", E, "traverse", {"path"}, PAGE},
    {"subgraph", R | C, "subgraph", {""}, PAGE},
    {"subgraph", E, "subgraph", PAGE},
    {"neighbourhood", R | C, "neighbourhood", {""}, READ_SUMMARY},
    {"neighbourhood", E, "neighbourhood", READ_SUMMARY},
    {"path", R, "path", .shape = PQ_RPC_ITEMS, .run = run_path},
    {"connected", R, "connected", .shape = PQ_RPC_SUMMARY, .run = run_path},
    {"match", R, .shape = PQ_RPC_PAGE, .run = run_match},
};

static const char *name_of(pq_rpc_target_kind kind) {
  switch (kind) {
    case PQ_RPC_COLLECTION: return "a collection";
    case PQ_RPC_ENTITY: return "an entity";
    case PQ_RPC_TRANSACTION: return "a transaction";
    case PQ_RPC_SUBSCRIPTION: return "a subscription";
    default: return "the root";
  }
}

static const pq_rpc_method *find_method(pq_rpc_target_kind kind, pq_slice name) {
  for (size_t i = 0; i < sizeof methods / sizeof *methods; i++)
    if ((methods[i].on & (unsigned)kind) != 0 && pq_slice_is(name, methods[i].name))
      return &methods[i];
  return NULL;
}

int pq_rpc_call_target(pq_rpc_session *s, pq_rpc_op *op, pq_rpc_hook *target, uint32_t used) {
  call c = {.s = s, .op = op, .t = target->target};
  pq_slice name = {0};
  uint32_t left = pq_value_is_missing(op->path) ? 0 : pq_value_count(op->path) - used;
  if (left > 0) (void)pq_value_string(pq_array_at(op->path, used), &name);
  if (left == 1) c.method = find_method(c.t->kind, name);
  if (c.method == NULL) {
    char text[160];
    snprintf(text, sizeof text, "%s has no method '%.*s'%s", name_of(c.t->kind),
             (int)(name.n > 40 ? 40 : name.n), (const char *)name.p,
             left > 1 ? " with parts: a collection is collection(name)" : "");
    pq_rpc_reject(s, op->result, PQ_EINVALID, "TypeError", text);
    return PQ_OK;
  }
  pq_builder_clear(s->builder);
  PQ_TRY(pq_builder_begin_object(s->builder));
  return c.method->run == NULL ? run_row(&c) : c.method->run(&c);
}
