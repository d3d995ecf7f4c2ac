/* cmd/edge_write.c - edges become CREATE, UPDATE or DELETE events of a commit: what link, unlink,
 * $link, $unlink and hard deletes have in common.
 *
 *   c->s.edges ─► both ends of the new ones must be live ─► which are there already? ─► events
 *   c->s.gone  ─► all edges that leave, then all that enter ─► DELETE events
 */
#include <string.h>

#include "base/hash.h"
#include "base/merge_sort.h"
#include "base/slices.h"
#include "cmd/command_int.h"
#include "table/tail.h"

#define TEXT_ARGS(s) (int)((s).n > 60 ? 60 : (s).n), (const char *)(s).p

enum { EDGES_MAX = 1 << 20 };

/* A predicate or the name of a reverse direction. */
int pq_check_predicate(pq_command *c, pq_slice name) {
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

int pq_reverse_default(pq_arena *arena, pq_slice predicate, pq_slice *out) {
  char *name = pq_arena_printf(arena, "%.*s_of", (int)predicate.n, (const char *)predicate.p);
  *out = (pq_slice){0};
  if (name == NULL) return arena->cx->code;
  *out = pq_str(name);
  return PQ_OK;
}

int pq_edges_add(pq_command *c, pq_arena *arena, const pq_edge_arg *e) {
  if (c->s.edge_count == c->s.edge_cap) {
    uint32_t cap = c->s.edge_cap == 0 ? 16 : c->s.edge_cap * 2;
    pq_edge_arg *edges;
    if (c->s.edge_count >= EDGES_MAX)
      return pq_fail(c->op.cx, PQ_ELIMIT, "more than %d edges in one command", EDGES_MAX);
    edges = pq_arena_calloc(arena, cap, sizeof *edges);
    if (edges == NULL) return c->op.cx->code;
    if (c->s.edge_count > 0) memcpy(edges, c->s.edges, c->s.edge_count * sizeof *edges);
    c->s.edges = edges;
    c->s.edge_cap = cap;
  }
  c->s.edges[c->s.edge_count++] = *e;
  return PQ_OK;
}

static int compare_from(const void *a, const void *b, const void *ud) {
  const pq_edge_arg *edges = ud;
  return pq_slice_cmp(edges[*(const uint32_t *)a].from, edges[*(const uint32_t *)b].from);
}

int pq_edges_sort(pq_command *c) {
  uint32_t n = c->s.edge_count;
  uint32_t *order = pq_arena_calloc(&c->op.scratch, n, sizeof *order);
  pq_edge_arg *sorted = pq_arena_calloc(&c->op.arena, n, sizeof *sorted);
  if (order == NULL || sorted == NULL) return c->op.cx->code;
  for (uint32_t i = 0; i < n; i++)
    order[i] = i;
  PQ_TRY(pq_sort_items(c->op.cx, order, n, sizeof *order, compare_from, c->s.edges));
  for (uint32_t i = 0; i < n; i++)
    sorted[i] = c->s.edges[order[i]];
  c->s.edges = sorted;
  c->s.edge_cap = n;
  return PQ_OK;
}

/* ---- ends and edges that are there ---- */

/* The ends that must be looked at. */
static int list_ends(pq_command *c, pq_slice **out, uint32_t *count) {
  uint32_t n = 0;
  pq_slice *ends = pq_arena_calloc(&c->op.scratch, (size_t)c->s.edge_count * 2, sizeof *ends);
  if (ends == NULL) return c->op.cx->code;
  for (uint32_t i = 0; i < c->s.edge_count; i++) {
    const pq_edge_arg *e = &c->s.edges[i];
    if (e->is_unlink || e->is_unchecked) continue;
    if (!e->is_of_update) ends[n++] = e->from;
    if (!e->is_of_update || !pq_slice_eq(e->from, e->to)) ends[n++] = e->to;
  }
  *out = ends;
  *count = n;
  return pq_slices_sort(c->op.cx, ends, count);
}

/* The nodes that the edges leave. */
static int list_nodes(pq_command *c, pq_slice **out, uint32_t *count) {
  pq_slice *nodes = pq_arena_calloc(&c->op.scratch, c->s.edge_count, sizeof *nodes);
  if (nodes == NULL) return c->op.cx->code;
  for (uint32_t i = 0; i < c->s.edge_count; i++)
    nodes[i] = c->s.edges[i].from;
  *out = nodes;
  *count = c->s.edge_count;
  return pq_slices_sort(c->op.cx, nodes, count);
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
  return pq_tail_edge(&c->s.snapshot.view, e->from, e->predicate, e->to);
}

static bool is_same(pq_value a, pq_value b) {
  if (pq_value_is_missing(a) || pq_value_is_missing(b))
    return pq_value_is_missing(a) && pq_value_is_missing(b);
  return pq_value_is_equal(a, b);
}

/* `arg` NULL: an edge that goes with its entity. */
static int add_event(pq_command *c, const pq_edge_arg *arg, const pq_edge *old, pq_event *e) {
  bool is_told = arg != NULL && arg->actor.n > 0; /* the argument says who, and why */
  e->target = PQ_TARGET_REL;
  e->actor = is_told ? arg->actor : pq_actor_of(c);
  e->metadata = is_told ? arg->metadata : c->s.args.metadata;
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
  bool is_there = have != NULL && have->version > 0;
  if (is_there && (arg->is_of_update ||
                   (is_same(have->data, arg->data) && pq_slice_eq(have->reverse, arg->reverse)))) {
    c->s.unchanged++;
    return PQ_OK;
  }
  c->s.changed++;
  if (have != NULL) { /* there, or unlinked by this command */
    if (is_there) e.op = PQ_EVENT_UPDATE;
    PQ_TRY(add_event(c, arg, have, &e));
    have->data = arg->data;
    have->reverse = arg->reverse;
    have->version = e.version;
    have->seq = 0;
    return PQ_OK;
  }
  gone = unlinked(c, arg);
  if (gone != NULL) e.prev = gone->seq;
  PQ_TRY(add_event(c, arg, NULL, &e));
  now.created_by = e.created_by;
  return add_known(k, &now);
}

static int unlink_known(pq_command *c, const pq_edge_arg *arg, pq_edge *have) {
  pq_event e = {.op = PQ_EVENT_DELETE};
  PQ_TRY(pq_arena_copy(&c->op.arena, have->from_id, &e.id));
  PQ_TRY(pq_arena_copy(&c->op.arena, have->predicate, &e.predicate));
  PQ_TRY(pq_arena_copy(&c->op.arena, have->reverse, &e.reverse));
  PQ_TRY(pq_arena_copy(&c->op.arena, have->to_id, &e.to_id));
  PQ_TRY(add_event(c, arg, have, &e));
  have->version = 0; /* gone */
  c->s.changed++;
  return PQ_OK;
}

/* One edge, or all of the predicate. */
static int unlink_some(known_edges *k, const pq_edge_arg *arg) {
  pq_edge *have;
  if (arg->to.n > 0) {
    have = find_known(k, arg);
    return have == NULL || have->version == 0 ? PQ_OK : unlink_known(k->c, arg, have);
  }
  for (uint32_t i = 0; i < k->count; i++) {
    have = &k->items[i];
    if (have->version > 0 && pq_slice_eq(have->from_id, arg->from) &&
        pq_slice_eq(have->predicate, arg->predicate))
      PQ_TRY(unlink_known(k->c, arg, have));
  }
  return PQ_OK;
}

static int read_known(known_edges *k) {
  pq_command *c = k->c;
  pq_op *op = &c->op;
  pq_edge_query q = {.needs_data = true};
  pq_slice *nodes = NULL;
  pq_edge *edges;
  uint32_t count;
  PQ_TRY(list_nodes(c, &nodes, &q.node_count));
  q.nodes = nodes;
  PQ_TRY(pq_edges_read(&c->s.snapshot.view, &op->fetch, &op->scratch, &q, &edges, &count));
  k->items = pq_arena_calloc(&op->scratch, (size_t)count + c->s.edge_count, sizeof *k->items);
  if (k->items == NULL) return op->cx->code;
  for (uint32_t i = 0; i < count; i++)
    PQ_TRY(add_known(k, &edges[i]));
  return PQ_OK;
}

/* Decide about each edge in the order given. An entity whose edges alone were changed counts as
 * modified, once: its edges stand together. */
static int decide(known_edges *k) {
  pq_command *c = k->c;
  pq_slice counted = {0};
  PQ_TRY(read_known(k));
  for (uint32_t i = 0; i < c->s.edge_count; i++) {
    const pq_edge_arg *e = &c->s.edges[i];
    uint64_t before = c->s.changed;
    PQ_TRY(e->is_unlink ? unlink_some(k, e) : link_one(k, e));
    if (!e->is_only_change || c->s.changed == before || pq_slice_eq(counted, e->from)) continue;
    c->s.outcome.modified++;
    counted = e->from;
  }
  c->op.stage = c->s.after_edges;
  return PQ_OK;
}

static int stage_edges_decide(pq_op *op) {
  pq_command *c = pq_command_of(op);
  known_edges k = {.c = c};
  int rc;
  pq_table_init(&k.by_key, op->cx);
  rc = decide(&k);
  pq_table_release(&k.by_key);
  return pq_turn_result(c, rc);
}

/* Both ends of every new edge must be live. */
static int check_ends(pq_command *c) {
  pq_op *op = &c->op;
  uint32_t n;
  pq_slice *ids = NULL;
  pq_location *at;
  pq_entity *ends;
  PQ_TRY(list_ends(c, &ids, &n));
  at = pq_arena_calloc(&op->scratch, n, sizeof *at);
  ends = pq_arena_calloc(&op->scratch, n, sizeof *ends);
  if (at == NULL || ends == NULL) return op->cx->code;
  PQ_TRY(pq_view_locate(&c->s.snapshot.view, &op->fetch, &op->scratch, ids, n, false, at));
  PQ_TRY(pq_view_read(&c->s.snapshot.view, &op->fetch, &op->scratch, at, n,
                      PQ_WANT_ID | PQ_WANT_DELETED, ends, NULL));
  for (uint32_t i = 0; i < n; i++) {
    if (ends[i].id.p == NULL)
      return pq_fail(op->cx, PQ_ENOENTITY, "there is no entity %.*s", TEXT_ARGS(ids[i]));
    if (ends[i].is_deleted)
      return pq_fail(op->cx, PQ_ETARGET, "entity %.*s is deleted", TEXT_ARGS(ids[i]));
  }
  op->stage = stage_edges_decide;
  return PQ_OK;
}

static int stage_edges_ends(pq_op *op) {
  pq_command *c = pq_command_of(op);
  return pq_turn_result(c, check_ends(c));
}

void pq_edges_write(pq_command *c, pq_stage_fn after) {
  c->s.after_edges = after;
  c->op.stage = stage_edges_ends;
}

/* ---- edges of hard-deleted entities ---- */

static bool is_gone(const pq_command *c, pq_slice id) {
  return pq_slices_find(c->s.gone, c->s.gone_count, id) < c->s.gone_count;
}

static int unlink_gone(pq_command *c, bool is_reverse) {
  pq_op *op = &c->op;
  pq_edge_query q = {.nodes = c->s.gone,
                     .node_count = c->s.gone_count,
                     .is_reverse = is_reverse,
                     .needs_data = true};
  pq_edge *edges;
  uint32_t count;
  PQ_TRY(pq_edges_read(&c->s.snapshot.view, &op->fetch, &op->scratch, &q, &edges, &count));
  for (uint32_t i = 0; i < count; i++) {
    if (is_reverse && is_gone(c, edges[i].from_id)) continue; /* it left, and is unlinked */
    PQ_TRY(unlink_known(c, NULL, &edges[i]));
  }
  return PQ_OK;
}

static int stage_gone_reverse(pq_op *op) {
  pq_command *c = pq_command_of(op);
  int rc = unlink_gone(c, true);
  if (rc == PQ_OK) rc = pq_write_commit(c, c->s.after_edges);
  return pq_turn_result(c, rc);
}

static int stage_gone_forward(pq_op *op) {
  pq_command *c = pq_command_of(op);
  int rc = unlink_gone(c, false);
  if (rc == PQ_OK) op->stage = stage_gone_reverse;
  return pq_turn_result(c, rc);
}

int pq_edges_unlink_gone(pq_command *c, pq_stage_fn after) {
  PQ_TRY(pq_slices_sort(c->op.cx, c->s.gone, &c->s.gone_count));
  c->s.after_edges = after;
  c->op.stage = stage_gone_forward;
  return PQ_OK;
}
