/* cmd/link_commands.c - link, unlink: edges become CREATE, UPDATE or DELETE events, all or none.
 *
 *   edges ─► both ends must be live ─► which are there already? ─► one commit
 */
#include <string.h>

#include "base/merge_sort.h"
#include "base/hash.h"
#include "cmd/command_int.h"
#include "value/json.h"

#define TEXT_ARGS(s) (int)((s).n > 60 ? 60 : (s).n), (const char *)(s).p

enum { EDGES_MAX = 1 << 20 };

/* ---- the edges given ---- */

static int take_text(pq_command *c, pq_value v, const char *name, pq_slice *out) {
  pq_slice text;
  *out = (pq_slice){0};
  if (!pq_value_string(v, &text) || text.n == 0)
    return pq_fail(c->op.cx, PQ_EINVALID, "%s: an edge needs '%s', text that is not empty",
                   c->s.spec->name, name);
  return pq_arena_copy(&c->arena, text, out);
}

/* A predicate or the name of a reverse direction. */
static int check_predicate(pq_command *c, pq_slice name) {
  if (name.n > c->op.cx->limits.name_len_max)
    return pq_fail(c->op.cx, PQ_ELIMIT, "predicate '%.*s…' has more than %u bytes", TEXT_ARGS(name),
                   c->op.cx->limits.name_len_max);
  for (size_t i = 0; i < name.n; i++)
    if (name.p[i] == '/' || name.p[i] < 0x20 || name.p[0] == '$')
      return pq_fail(c->op.cx, PQ_EINVALID,
                     "predicate '%.*s': '/', a leading '$' and control characters are not allowed",
                     TEXT_ARGS(name));
  return PQ_OK;
}

static int keep_data(pq_command *c, pq_value v, pq_value *out) {
  if (pq_value_type(v) == PQ_TYPE_NULL) return PQ_OK;
  if (pq_value_type(v) != PQ_TYPE_OBJECT)
    return pq_fail(c->op.cx, PQ_EINVALID, "link: 'data' of an edge must be an object");
  pq_builder_clear(c->db->builder);
  PQ_TRY(pq_builder_value(c->db->builder, v));
  return pq_builder_finish(c->db->builder, &c->arena, out);
}

static int take_field(pq_command *c, const pq_field *f, pq_edge_arg *e) {
  bool is_link = pq_slice_is(pq_str(c->s.spec->name), "link");
  if (pq_slice_is(f->name, "from")) return take_text(c, f->value, "from", &e->from);
  if (pq_slice_is(f->name, "predicate")) return take_text(c, f->value, "predicate", &e->predicate);
  if (pq_slice_is(f->name, "to")) return take_text(c, f->value, "to", &e->to);
  if (is_link && pq_slice_is(f->name, "reverse"))
    return take_text(c, f->value, "reverse", &e->reverse);
  if (is_link && pq_slice_is(f->name, "data")) return keep_data(c, f->value, &e->data);
  return pq_fail(c->op.cx, PQ_EINVALID, "%s: unknown field '%.*s' of an edge", c->s.spec->name,
                 TEXT_ARGS(f->name));
}

static int grow(pq_command *c) {
  uint32_t cap = c->s.edge_cap == 0 ? 16 : c->s.edge_cap * 2;
  pq_edge_arg *edges;
  if (c->s.edge_count < c->s.edge_cap) return PQ_OK;
  if (c->s.edge_count >= EDGES_MAX)
    return pq_fail(c->op.cx, PQ_ELIMIT, "more than %d edges in one command", EDGES_MAX);
  edges = pq_arena_calloc(&c->arena, cap, sizeof *edges);
  if (edges == NULL) return c->op.cx->code;
  if (c->s.edge_count > 0) memcpy(edges, c->s.edges, c->s.edge_count * sizeof *edges);
  c->s.edges = edges;
  c->s.edge_cap = cap;
  return PQ_OK;
}

static int take_edge(pq_command *c, pq_arena *scratch, pq_value v) {
  pq_edge_arg e = {0};
  uint32_t count;
  pq_field *fields;
  if (pq_value_type(v) != PQ_TYPE_OBJECT)
    return pq_fail(c->op.cx, PQ_EINVALID, "%s: an edge is an object {from, predicate, to}",
                   c->s.spec->name);
  pq_arena_clear(scratch);
  fields = pq_object_fields(scratch, v, &count);
  if (fields == NULL && pq_value_count(v) > 0) return c->op.cx->code;
  for (uint32_t i = 0; i < count; i++)
    PQ_TRY(take_field(c, &fields[i], &e));
  if (e.from.n == 0 || e.predicate.n == 0 || e.to.n == 0)
    return pq_fail(c->op.cx, PQ_EINVALID, "%s: an edge needs 'from', 'predicate' and 'to'",
                   c->s.spec->name);
  if (e.reverse.n == 0) { /* a name that says which way it goes */
    char *name =
        pq_arena_printf(&c->arena, "%.*s_of", (int)e.predicate.n, (const char *)e.predicate.p);
    if (name == NULL) return c->op.cx->code;
    e.reverse = pq_str(name);
  }
  PQ_TRY(pq_check_id(c->op.cx, e.from));
  PQ_TRY(pq_check_id(c->op.cx, e.to));
  PQ_TRY(check_predicate(c, e.predicate));
  PQ_TRY(check_predicate(c, e.reverse));
  PQ_TRY(grow(c));
  c->s.edges[c->s.edge_count++] = e;
  return PQ_OK;
}

static int take_payload(pq_command *c, pq_arena *scratch, pq_builder *json) {
  pq_slice left = c->payload;
  uint64_t line = c->s.args.line > 0 ? c->s.args.line : 1;
  for (; left.n > 0; line++) {
    const uint8_t *end = memchr(left.p, '\n', left.n);
    pq_slice text = {left.p, end == NULL ? left.n : (size_t)(end - left.p)};
    size_t used = end == NULL ? text.n : text.n + 1, parsed, blank = 0;
    pq_value v;
    int rc;
    left = (pq_slice){left.p + used, left.n - used};
    while (blank < text.n && text.p[blank] <= ' ')
      blank++;
    if (blank == text.n) continue;
    pq_builder_clear(json);
    PQ_TRY(pq_json_parse(json, text, (pq_json_options){.is_exact = true, .line_first = line},
                         &parsed));
    PQ_TRY(pq_builder_view(json, &v));
    rc = take_edge(c, scratch, v);
    if (rc != PQ_OK)
      return pq_fail(c->op.cx, rc, "line %llu: %s", (unsigned long long)line, c->op.cx->msg);
  }
  return PQ_OK;
}

static int take_target(pq_command *c, pq_arena *scratch, pq_value target) {
  uint32_t n = pq_value_count(target);
  if (pq_value_type(target) != PQ_TYPE_ARRAY) return take_edge(c, scratch, target);
  for (uint32_t i = 0; i < n; i++) {
    int rc = take_edge(c, scratch, pq_array_at(target, i));
    if (rc != PQ_OK) return pq_fail(c->op.cx, rc, "edge %u: %s", i, c->op.cx->msg);
  }
  return PQ_OK;
}

static int take_edges(pq_command *c, pq_value target) {
  pq_builder *json = NULL;
  pq_arena scratch;
  int rc;
  pq_arena_init(&scratch, c->op.cx, c->op.cx->limits.op_len_max);
  rc = take_target(c, &scratch, target);
  if (rc == PQ_OK && c->payload.n > 0) rc = pq_builder_new(c->op.cx, &json);
  if (rc == PQ_OK && c->payload.n > 0) rc = take_payload(c, &scratch, json);
  pq_builder_free(json);
  pq_arena_release(&scratch);
  return rc;
}

/* ---- ends and edges that are there ---- */

static int compare_slices(const void *a, const void *b, const void *ud) {
  (void)ud;
  return pq_slice_cmp(*(const pq_slice *)a, *(const pq_slice *)b);
}

/* Distinct from ends, and with `both` to ends too, sorted, into c->s.nodes. */
static int list_nodes(pq_command *c, bool both) {
  uint32_t n = 0, count = 0;
  pq_slice *nodes = pq_arena_calloc(&c->arena, (size_t)c->s.edge_count * 2, sizeof *nodes);
  if (nodes == NULL) return c->op.cx->code;
  for (uint32_t i = 0; i < c->s.edge_count; i++) {
    nodes[n++] = c->s.edges[i].from;
    if (both) nodes[n++] = c->s.edges[i].to;
  }
  PQ_TRY(pq_sort_items(c->op.cx, nodes, n, sizeof *nodes, compare_slices, NULL));
  for (uint32_t i = 0; i < n; i++)
    if (count == 0 || !pq_slice_eq(nodes[count - 1], nodes[i])) nodes[count++] = nodes[i];
  c->s.nodes = nodes;
  c->s.node_count = count;
  return PQ_OK;
}

/* What the command has decided or found so far about edges, by (from, predicate, to). */
typedef struct known_edges {
  pq_command *c;
  pq_edge *items; /* found in the store, then changed by this command */
  uint32_t count;
  pq_table by_key;
} known_edges;

static uint64_t edge_hash(pq_slice from, pq_slice predicate, pq_slice to) {
  return pq_hash(to, pq_hash(predicate, pq_hash(from, 1)));
}

static pq_edge *find_known(known_edges *k, const pq_edge_arg *e) {
  uint64_t hash = edge_hash(e->from, e->predicate, e->to);
  size_t pos;
  uint32_t i = pq_table_first(&k->by_key, hash, &pos);
  for (; i != PQ_TABLE_NONE; i = pq_table_next(&k->by_key, hash, &pos)) {
    pq_edge *have = &k->items[i];
    if (pq_slice_eq(have->from_id, e->from) && pq_slice_eq(have->predicate, e->predicate) &&
        pq_slice_eq(have->to_id, e->to))
      return have;
  }
  return NULL;
}

static int add_known(known_edges *k, const pq_edge *e) {
  PQ_TRY(pq_table_add(&k->by_key, edge_hash(e->from_id, e->predicate, e->to_id), k->count));
  k->items[k->count++] = *e;
  return PQ_OK;
}

/* The event that unlinked the edge, if it is in the tail. */
static const pq_event *unlinked(const pq_command *c, const pq_edge_arg *e) {
  const pq_view *v = &c->s.snapshot.view;
  return pq_overlay_edge(v->overlay, e->from, e->predicate, e->to, v->seq);
}

static bool is_same(pq_value a, pq_value b) {
  if (pq_value_is_missing(a) || pq_value_is_missing(b))
    return pq_value_is_missing(a) && pq_value_is_missing(b);
  return pq_value_is_equal(a, b);
}

static int add_event(pq_command *c, const pq_edge *old, pq_event *e) {
  e->target = PQ_TARGET_REL;
  e->actor = pq_actor_of(c);
  e->metadata = c->s.args.metadata;
  e->version = 1;
  e->created_by = e->actor;
  if (old != NULL && old->version > 0) {
    e->version = old->version + 1;
    e->prev = old->seq;
    e->created_at = old->created_at;
    PQ_TRY(pq_arena_copy(&c->op.arena, old->created_by, &e->created_by));
  }
  return pq_commit_add(&c->s.commit, &c->op.arena, e);
}

static int link_one(known_edges *k, const pq_edge_arg *arg) {
  pq_command *c = k->c;
  pq_edge *have = find_known(k, arg);
  const pq_event *gone;
  pq_edge now = {.from_id = arg->from,
                 .predicate = arg->predicate,
                 .reverse = arg->reverse,
                 .to_id = arg->to,
                 .data = arg->data,
                 .version = 1};
  pq_event e = {.op = PQ_EVENT_CREATE,
                .id = arg->from,
                .predicate = arg->predicate,
                .reverse = arg->reverse,
                .to_id = arg->to,
                .after = arg->data};
  if (have != NULL && is_same(have->data, arg->data) && pq_slice_eq(have->reverse, arg->reverse)) {
    c->s.unchanged++;
    return PQ_OK;
  }
  c->s.changed++;
  if (have != NULL) {
    e.op = PQ_EVENT_UPDATE;
    PQ_TRY(add_event(c, have, &e));
    have->data = arg->data;
    have->reverse = arg->reverse;
    have->version = e.version;
    have->seq = 0;
    return PQ_OK;
  }
  gone = unlinked(c, arg);
  if (gone != NULL) e.prev = gone->seq;
  PQ_TRY(add_event(c, NULL, &e));
  now.created_by = e.created_by;
  return add_known(k, &now);
}

static int unlink_one(known_edges *k, const pq_edge_arg *arg) {
  pq_command *c = k->c;
  pq_edge *have = find_known(k, arg);
  pq_event e = {
      .op = PQ_EVENT_DELETE, .id = arg->from, .predicate = arg->predicate, .to_id = arg->to};
  if (have == NULL || have->version == 0) return PQ_OK;
  PQ_TRY(pq_arena_copy(&c->op.arena, have->reverse, &e.reverse));
  PQ_TRY(add_event(c, have, &e));
  have->version = 0; /* gone */
  c->s.changed++;
  return PQ_OK;
}

static int read_known(known_edges *k) {
  pq_command *c = k->c;
  pq_op *op = &c->op;
  pq_edge_query q = {.nodes = c->s.nodes, .node_count = c->s.node_count, .needs_data = true};
  pq_edge *edges;
  uint32_t count;
  PQ_TRY(pq_edges_read(&c->s.snapshot.view, &op->fetch, &op->scratch, &q, &edges, &count));
  k->items = pq_arena_calloc(&op->scratch, (size_t)count + c->s.edge_count, sizeof *k->items);
  if (k->items == NULL) return op->cx->code;
  for (uint32_t i = 0; i < count; i++)
    PQ_TRY(add_known(k, &edges[i]));
  return PQ_OK;
}

static int stage_link_end(pq_op *op) {
  pq_command *c = pq_command_of(op);
  bool is_link = pq_slice_is(pq_str(c->s.spec->name), "link");
  PQ_TRY(pq_summary_begin(c));
  PQ_TRY(pq_summary_count(c, is_link ? "linkedCount" : "unlinkedCount", c->s.changed));
  if (is_link) PQ_TRY(pq_summary_count(c, "unchangedCount", c->s.unchanged));
  return pq_summary_end(c, c->s.space->seq);
}

/* Decide about each edge in the order given. */
static int decide(pq_op *op, int (*one)(known_edges *, const pq_edge_arg *)) {
  pq_command *c = pq_command_of(op);
  known_edges k = {.c = c};
  int rc;
  pq_table_init(&k.by_key, op->cx);
  rc = read_known(&k);
  for (uint32_t i = 0; i < c->s.edge_count && rc == PQ_OK; i++)
    rc = one(&k, &c->s.edges[i]);
  pq_table_release(&k.by_key);
  PQ_TRY(rc);
  return pq_write_commit(c, stage_link_end);
}

static int stage_link_edges(pq_op *op) {
  return decide(op, link_one);
}

static int stage_unlink_edges(pq_op *op) {
  return decide(op, unlink_one);
}

/* Both ends of every edge must be live. */
static int stage_link_ends(pq_op *op) {
  pq_command *c = pq_command_of(op);
  uint32_t n = c->s.node_count;
  pq_location *at = pq_arena_calloc(&op->scratch, n, sizeof *at);
  pq_entity *ends = pq_arena_calloc(&op->scratch, n, sizeof *ends);
  if (at == NULL || ends == NULL) return op->cx->code;
  PQ_TRY(pq_view_locate(&c->s.snapshot.view, &op->fetch, &op->scratch, c->s.nodes, n, false, at));
  PQ_TRY(pq_view_read(&c->s.snapshot.view, &op->fetch, &op->scratch, at, n,
                      PQ_WANT_ID | PQ_WANT_DELETED, ends, NULL));
  for (uint32_t i = 0; i < n; i++) {
    if (ends[i].id.p == NULL)
      return pq_fail(op->cx, PQ_ENOENTITY, "there is no entity %.*s", TEXT_ARGS(c->s.nodes[i]));
    if (ends[i].is_deleted)
      return pq_fail(op->cx, PQ_ETARGET, "entity %.*s is deleted", TEXT_ARGS(c->s.nodes[i]));
  }
  PQ_TRY(list_nodes(c, false));
  op->stage = stage_link_edges;
  return PQ_OK;
}

static int stage_link(pq_op *op) {
  pq_command *c = pq_command_of(op);
  PQ_TRY(pq_snapshot_open(&c->s.snapshot, c->s.space, op, (pq_as_of){0}, false));
  op->stage = stage_link_ends;
  return PQ_OK;
}

static int stage_unlink(pq_op *op) {
  pq_command *c = pq_command_of(op);
  PQ_TRY(pq_snapshot_open(&c->s.snapshot, c->s.space, op, (pq_as_of){0}, false));
  op->stage = stage_unlink_edges;
  return PQ_OK;
}

int pq_open_link(pq_command *c, pq_value target) {
  PQ_TRY(take_edges(c, target));
  c->s.start = stage_link;
  return list_nodes(c, true);
}

int pq_open_unlink(pq_command *c, pq_value target) {
  PQ_TRY(take_edges(c, target));
  c->s.start = stage_unlink;
  return list_nodes(c, false);
}
