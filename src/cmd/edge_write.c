/* cmd/edge_write.c - edges become CREATE, UPDATE or DELETE events of a commit: what link, unlink,
 * $link and $unlink have in common.
 *
 *   c->s.edges ─► rules of the schemas ─► both ends of the new ones must be live, and of the type
 *              ─► which are there already, which others stand where one may? ─► events
 */
#include <string.h>

#include "base/hash.h"
#include "base/merge_sort.h"
#include "base/slices.h"
#include "cmd/edge_rules.h"
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

/* The fields beside the label, in the order of the document. */
static int put_own_data(pq_builder *b, pq_arena *arena, pq_value data) {
  uint32_t count;
  pq_field *fields = pq_object_fields(arena, data, &count);
  bool has_own = false;
  if (fields == NULL && pq_value_count(data) > 0) return arena->cx->code;
  for (const pq_field *f = fields; f < fields + count; f++) {
    if (pq_slice_is(f->name, PQ_EDGE_MODE_NAME) || pq_slice_is(f->name, PQ_EDGE_CONFIDENCE_NAME))
      continue;
    if (!has_own) PQ_TRY(pq_builder_key_str(b, "data"));
    if (!has_own) PQ_TRY(pq_builder_begin_object(b));
    has_own = true;
    PQ_TRY(pq_builder_key(b, f->name));
    PQ_TRY(pq_builder_value(b, f->value));
  }
  return has_own ? pq_builder_end(b) : PQ_OK;
}

int pq_put_edge_data(pq_builder *b, const pq_edge *e) {
  pq_slice mode = pq_edge_mode(e);
  double confidence;
  pq_arena arena;
  int rc;
  if (pq_value_is_missing(e->data)) return PQ_OK;
  if (mode.n > 0) PQ_TRY(pq_put_text(b, "matchMode", mode));
  if (pq_edge_confidence(e, &confidence)) {
    PQ_TRY(pq_builder_key_str(b, "confidence"));
    PQ_TRY(pq_builder_double(b, confidence));
  }
  if (mode.n == 0) { /* {} is shown where nothing else is there */
    PQ_TRY(pq_builder_key_str(b, "data"));
    return pq_builder_value(b, e->data);
  }
  pq_arena_init(&arena, pq_builder_cx(b), pq_builder_cx(b)->limits.op_len_max);
  rc = put_own_data(b, &arena, e->data);
  pq_arena_release(&arena);
  return rc;
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
    if (pq_id_is_foreign(e->to)) continue; /* looked up when it is read */
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

/* The nodes that edges of which one end has one at most lead to. */
static int list_taken(pq_command *c, pq_slice **out, uint32_t *count) {
  uint32_t n = 0;
  pq_slice *nodes = pq_arena_calloc(&c->op.scratch, c->s.edge_count, sizeof *nodes);
  if (nodes == NULL) return c->op.cx->code;
  for (uint32_t i = 0; i < c->s.edge_count; i++)
    if (c->s.edges[i].rule != NULL && c->s.edges[i].rule->is_one_source)
      nodes[n++] = c->s.edges[i].to;
  *out = nodes;
  *count = n;
  return pq_slices_sort(c->op.cx, nodes, count);
}

/* What the command has decided or found so far about edges, by (from, predicate, to), and if it
 * matters what else there is, by (from, predicate) and (predicate, to). */
typedef struct known_edges {
  pq_command *c;
  pq_edge *items; /* found in the store, then changed by this command */
  bool *given;    /* the command says that it is to be there */
  uint32_t count;
  bool has_groups;
  pq_table by_key, by_from, by_to;
} known_edges;

static uint64_t edge_hash(pq_slice from, pq_slice predicate, pq_slice to) {
  return pq_hash(to, pq_hash(predicate, pq_hash(from, 1)));
}

static uint64_t from_hash(pq_slice from, pq_slice predicate) {
  return pq_hash(predicate, pq_hash(from, 2));
}

static uint64_t to_hash(pq_slice predicate, pq_slice to) {
  return pq_hash(to, pq_hash(predicate, 3));
}

static pq_edge *find_edge(known_edges *k, pq_slice from, pq_slice predicate, pq_slice to) {
  uint64_t hash = edge_hash(from, predicate, to);
  size_t pos;
  uint32_t i = pq_table_first(&k->by_key, hash, &pos);
  for (; i != PQ_TABLE_NONE; i = pq_table_next(&k->by_key, hash, &pos)) {
    pq_edge *have = &k->items[i];
    if (pq_slice_eq(have->from_id, from) && pq_slice_eq(have->predicate, predicate) &&
        pq_slice_eq(have->to_id, to))
      return have;
  }
  return NULL;
}

static pq_edge *find_known(known_edges *k, const pq_edge_arg *e) {
  return find_edge(k, e->from, e->predicate, e->to);
}

static int add_known(known_edges *k, const pq_edge *e) {
  uint32_t i = k->count;
  PQ_TRY(pq_table_add(&k->by_key, edge_hash(e->from_id, e->predicate, e->to_id), i));
  if (k->has_groups) {
    PQ_TRY(pq_table_add(&k->by_from, from_hash(e->from_id, e->predicate), i));
    PQ_TRY(pq_table_add(&k->by_to, to_hash(e->predicate, e->to_id), i));
  }
  k->items[k->count++] = *e;
  return PQ_OK;
}

/* The next live edge of the predicate that leaves `from`, or enters `to` when is_source. `i` is
 * what was returned before; PQ_TABLE_NONE: the first one, and the end. */
static uint32_t next_of(known_edges *k, const pq_edge_arg *e, bool is_source, uint32_t i,
                        size_t *pos) {
  const pq_table *t = is_source ? &k->by_to : &k->by_from;
  uint64_t hash = is_source ? to_hash(e->predicate, e->to) : from_hash(e->from, e->predicate);
  i = i == PQ_TABLE_NONE ? pq_table_first(t, hash, pos) : pq_table_next(t, hash, pos);
  for (; i != PQ_TABLE_NONE; i = pq_table_next(t, hash, pos)) {
    const pq_edge *have = &k->items[i];
    pq_slice end = is_source ? have->to_id : have->from_id;
    if (have->version > 0 && pq_slice_eq(have->predicate, e->predicate) &&
        pq_slice_eq(end, is_source ? e->to : e->from))
      return i;
  }
  return PQ_TABLE_NONE;
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
static int fill_event(pq_command *c, const pq_edge_arg *arg, const pq_edge *old, pq_event *e) {
  bool is_told = arg != NULL && arg->actor.n > 0; /* the argument says who, and why */
  e->target = PQ_TARGET_REL;
  e->actor = is_told ? arg->actor : pq_actor_of(c);
  e->metadata = is_told ? arg->metadata : c->s.args.metadata;
  e->version = 1;
  e->created_by = e->actor;
  if (old == NULL || old->version == 0) return PQ_OK;
  e->version = old->version + 1;
  e->prev = old->seq;
  e->created_at = old->created_at;
  return pq_arena_copy(&c->op.arena, old->created_by, &e->created_by);
}

static int add_event(pq_command *c, const pq_edge_arg *arg, const pq_edge *old, pq_event *e) {
  PQ_TRY(fill_event(c, arg, old, e));
  return pq_commit_add(&c->s.commit, &c->op.arena, e);
}

static int unlink_event(pq_command *c, const pq_edge_arg *arg, const pq_edge *have, pq_event *e) {
  *e = (pq_event){.op = PQ_EVENT_DELETE};
  PQ_TRY(pq_arena_copy(&c->op.arena, have->from_id, &e->id));
  PQ_TRY(pq_arena_copy(&c->op.arena, have->predicate, &e->predicate));
  PQ_TRY(pq_arena_copy(&c->op.arena, have->reverse, &e->reverse));
  PQ_TRY(pq_arena_copy(&c->op.arena, have->to_id, &e->to_id));
  return fill_event(c, arg, have, e);
}

int pq_edge_unlink_event(pq_command *c, const pq_edge *e, pq_event *out) {
  return unlink_event(c, NULL, e, out);
}

static int unlink_known(pq_command *c, const pq_edge_arg *arg, pq_edge *have) {
  pq_event e;
  PQ_TRY(unlink_event(c, arg, have, &e));
  PQ_TRY(pq_commit_add(&c->s.commit, &c->op.arena, &e));
  have->version = 0; /* gone */
  c->s.unlinked++;
  return PQ_OK;
}

/* ---- where one edge may be ---- */

static uint8_t limits_of(const pq_edge_rule *rule) {
  if (rule == NULL) return 0;
  return (uint8_t)((rule->is_one ? PQ_ONE_TARGET : 0) | (rule->is_one_source ? PQ_ONE_SOURCE : 0));
}

/* `have` stands where `arg` wants to be. */
static int refuse_second(pq_command *c, const pq_edge_arg *arg, const pq_edge *have, bool is_source,
                         bool is_given) {
  const pq_edge_rule *rule = arg->rule;
  pq_slice other = is_source ? have->from_id : have->to_id;
  const char *help = is_given    ? "the command gives both"
                     : is_source ? "unlink that first, or link with \"replace\": true"
                                 : "unlink it first, or link with \"replace\": true";
  if (is_source)
    return pq_edge_refuse(
        c, rule->to->mode, arg,
        pq_arena_printf(&c->op.scratch,
                        "leads to %.*s, which has one '%.*s' at most, and that is %.*s: %s",
                        TEXT_ARGS(arg->to), TEXT_ARGS(rule->back->name), TEXT_ARGS(other), help));
  return pq_edge_refuse(
      c, rule->from->mode, arg,
      pq_arena_printf(&c->op.scratch, "leads to one %.*s, and that is %.*s, not %.*s: %s",
                      TEXT_ARGS(rule->field->target), TEXT_ARGS(other), TEXT_ARGS(arg->to), help));
}

/* An edge of an entity that the update is not about stays: $link takes nothing away from it. */
static int make_way_at(known_edges *k, const pq_edge_arg *arg, bool is_source) {
  bool replaces = k->c->s.replaces || (arg->is_of_update && !is_source);
  size_t pos = 0;
  for (uint32_t i = next_of(k, arg, is_source, PQ_TABLE_NONE, &pos); i != PQ_TABLE_NONE;
       i = next_of(k, arg, is_source, i, &pos)) {
    if (replaces && !k->given[i])
      PQ_TRY(unlink_known(k->c, arg, &k->items[i]));
    else
      PQ_TRY(refuse_second(k->c, arg, &k->items[i], is_source, k->given[i]));
  }
  return PQ_OK;
}

static int make_way(known_edges *k, const pq_edge_arg *arg) {
  if (arg->rule->is_one) PQ_TRY(make_way_at(k, arg, false));
  return arg->rule->is_one_source ? make_way_at(k, arg, true) : PQ_OK;
}

static bool is_fuzzy(const pq_edge *e) {
  return pq_slice_is(pq_edge_mode(e), "fuzzy");
}

static int link_one(known_edges *k, const pq_edge_arg *arg) {
  pq_command *c = k->c;
  pq_edge *have = find_known(k, arg);
  const pq_event *gone;
  size_t pos = 0;
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
                .after = arg->data,
                .edge_limits = limits_of(arg->rule)};
  bool is_there = have != NULL && have->version > 0;
  if (is_there && (arg->is_of_update || (arg->is_found && !is_fuzzy(have)) ||
                   (is_same(have->data, arg->data) && pq_slice_eq(have->reverse, arg->reverse)))) {
    c->s.unchanged++;
    k->given[have - k->items] = true;
    return PQ_OK;
  }
  if (!is_there && arg->is_of_text && arg->rule->is_one &&
      next_of(k, arg, false, PQ_TABLE_NONE, &pos) != PQ_TABLE_NONE)
    return PQ_OK; /* what somebody linked counts more than a text */
  if (!is_there && arg->rule != NULL) PQ_TRY(make_way(k, arg));
  c->s.changed++;
  if (have != NULL) { /* there, or unlinked by this command */
    if (is_there) e.op = PQ_EVENT_UPDATE;
    PQ_TRY(add_event(c, arg, have, &e));
    have->data = arg->data;
    have->reverse = arg->reverse;
    have->version = e.version;
    have->seq = 0;
    k->given[have - k->items] = true;
    return PQ_OK;
  }
  gone = unlinked(c, arg);
  if (gone != NULL) e.prev = gone->seq;
  PQ_TRY(add_event(c, arg, NULL, &e));
  now.created_by = e.created_by;
  k->given[k->count] = true;
  return add_known(k, &now);
}

/* One edge, or all of the predicate. */
static int unlink_some(known_edges *k, const pq_edge_arg *arg) {
  size_t pos = 0;
  if (arg->to.n > 0) {
    pq_edge *have = find_known(k, arg);
    return have == NULL || have->version == 0 ? PQ_OK : unlink_known(k->c, arg, have);
  }
  for (uint32_t i = next_of(k, arg, false, PQ_TABLE_NONE, &pos); i != PQ_TABLE_NONE;
       i = next_of(k, arg, false, i, &pos))
    if (!arg->is_fuzzy_only || is_fuzzy(&k->items[i]))
      PQ_TRY(unlink_known(k->c, arg, &k->items[i]));
  return PQ_OK;
}

/* What is linked is all that there is to be of its predicate. */
static int unlink_others(known_edges *k) {
  const pq_command *c = k->c;
  size_t pos = 0;
  for (uint32_t i = 0; i < c->s.edge_count; i++) {
    const pq_edge *have = find_known(k, &c->s.edges[i]);
    if (have != NULL) k->given[have - k->items] = true;
  }
  for (uint32_t i = 0; i < c->s.edge_count; i++) {
    const pq_edge_arg *arg = &c->s.edges[i];
    for (uint32_t j = next_of(k, arg, false, PQ_TABLE_NONE, &pos); j != PQ_TABLE_NONE;
         j = next_of(k, arg, false, j, &pos))
      if (!k->given[j]) PQ_TRY(unlink_known(k->c, arg, &k->items[j]));
  }
  return PQ_OK;
}

/* ---- all of them ---- */

/* Does it matter what other edges there are? */
static bool needs_groups(const pq_command *c) {
  for (uint32_t i = 0; i < c->s.edge_count; i++) {
    const pq_edge_arg *e = &c->s.edges[i];
    if (e->to.n == 0 || (e->rule != NULL && (e->rule->is_one || e->rule->is_one_source)))
      return true;
  }
  return c->s.replaces;
}

static int keep_found(known_edges *k, const pq_edge *edges, uint32_t count) {
  for (uint32_t i = 0; i < count; i++)
    if (find_edge(k, edges[i].from_id, edges[i].predicate, edges[i].to_id) == NULL)
      PQ_TRY(add_known(k, &edges[i]));
  return PQ_OK;
}

/* ---- links of many: only the edges that the command names are looked for ---- */

typedef struct named_edges {
  const pq_command *c;
  pq_table by_key; /* of c->s.edges */
} named_edges;

static bool is_named(const void *ud, const pq_edge *e) {
  const named_edges *named = ud;
  uint64_t hash = edge_hash(e->from_id, e->predicate, e->to_id);
  size_t pos;
  uint32_t i = pq_table_first(&named->by_key, hash, &pos);
  for (; i != PQ_TABLE_NONE; i = pq_table_next(&named->by_key, hash, &pos)) {
    const pq_edge_arg *arg = &named->c->s.edges[i];
    if (pq_slice_eq(arg->from, e->from_id) && pq_slice_eq(arg->predicate, e->predicate) &&
        pq_slice_eq(arg->to, e->to_id))
      return true;
  }
  return false;
}

static int find_named(pq_command *c, named_edges *named, pq_edge **out, uint32_t *count) {
  pq_op *op = &c->op;
  const pq_view *v = &c->s.snapshot.view;
  pq_edge_query q = {.takes = is_named, .ud = named};
  pq_slice *nodes = NULL;
  for (uint32_t i = 0; i < c->s.edge_count; i++) {
    const pq_edge_arg *e = &c->s.edges[i];
    PQ_TRY(pq_table_add(&named->by_key, edge_hash(e->from, e->predicate, e->to), i));
  }
  PQ_TRY(list_nodes(c, &nodes, &q.node_count));
  q.nodes = nodes;
  PQ_TRY(pq_edges_read(v, &op->fetch, &op->scratch, &q, out, count));
  return pq_edges_fill(v, &op->fetch, &op->scratch, *out, *count);
}

/* Where nothing is asked of a node's other edges. They may be very many, and a load by commits of
 * thousands meets most nodes in each. */
static int read_named(known_edges *k) {
  pq_command *c = k->c;
  named_edges named = {.c = c};
  pq_edge *edges = NULL;
  uint32_t count = 0;
  size_t cap;
  int rc;
  pq_table_init(&named.by_key, c->op.cx);
  rc = find_named(c, &named, &edges, &count);
  pq_table_release(&named.by_key);
  PQ_TRY(rc);
  cap = (size_t)count + c->s.edge_count; /* both below 2^21 */
  k->items = pq_arena_calloc(&c->op.scratch, cap, sizeof *k->items);
  k->given = pq_arena_calloc(&c->op.scratch, cap, sizeof *k->given);
  if (k->items == NULL || k->given == NULL) return c->op.cx->code;
  return keep_found(k, edges, count);
}

static int read_known(known_edges *k) {
  pq_command *c = k->c;
  pq_op *op = &c->op;
  pq_edge_query leaving = {.needs_data = true}, entering = {.needs_data = true, .is_reverse = true};
  pq_slice *nodes = NULL, *taken = NULL;
  pq_edge *edges, *others = NULL;
  uint32_t count, other_count = 0;
  size_t cap;
  int rc, rc_others = PQ_OK;
  k->has_groups = needs_groups(c);
  if (!k->has_groups) return read_named(k);
  PQ_TRY(list_nodes(c, &nodes, &leaving.node_count));
  PQ_TRY(list_taken(c, &taken, &entering.node_count));
  leaving.nodes = nodes;
  entering.nodes = taken;
  rc = pq_edges_read(&c->s.snapshot.view, &op->fetch, &op->scratch, &leaving, &edges, &count);
  if (rc < 0) return rc;
  if (entering.node_count > 0)
    rc_others = pq_edges_read(&c->s.snapshot.view, &op->fetch, &op->scratch, &entering, &others,
                              &other_count);
  if (rc_others < 0) return rc_others;
  if (rc == PQ_NEED_IO || rc_others == PQ_NEED_IO) return PQ_NEED_IO;
  if (!pq_add_size(count, other_count, &cap) || !pq_add_size(cap, c->s.edge_count, &cap) ||
      cap >= UINT32_MAX)
    return pq_fail(op->cx, PQ_ELIMIT, "too many edges for one command");
  k->items = pq_arena_calloc(&op->scratch, cap, sizeof *k->items);
  k->given = pq_arena_calloc(&op->scratch, cap, sizeof *k->given);
  if (k->items == NULL || k->given == NULL) return op->cx->code;
  PQ_TRY(keep_found(k, edges, count));
  return keep_found(k, others, other_count);
}

/* Decide about each edge in the order given. An entity whose edges alone were changed counts as
 * modified, once: its edges stand together. */
static int decide(known_edges *k) {
  pq_command *c = k->c;
  pq_slice counted = {0};
  PQ_TRY(read_known(k));
  if (c->s.replaces) PQ_TRY(unlink_others(k));
  for (uint32_t i = 0; i < c->s.edge_count; i++) {
    const pq_edge_arg *e = &c->s.edges[i];
    uint64_t before = c->s.changed + c->s.unlinked;
    PQ_TRY(e->is_unlink ? unlink_some(k, e) : link_one(k, e));
    if (!e->is_only_change || c->s.changed + c->s.unlinked == before ||
        pq_slice_eq(counted, e->from))
      continue;
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
  pq_table_init(&k.by_from, op->cx);
  pq_table_init(&k.by_to, op->cx);
  rc = decide(&k);
  pq_table_release(&k.by_key);
  pq_table_release(&k.by_from);
  pq_table_release(&k.by_to);
  return pq_turn_result(c, rc);
}

/* The types of the to ends, where it matters. */
static int check_types(pq_command *c, const pq_slice *ids, const pq_entity *ends, uint32_t n) {
  for (uint32_t i = 0; i < c->s.edge_count; i++) {
    const pq_edge_arg *e = &c->s.edges[i];
    uint32_t at;
    if (e->rule == NULL || e->rule->is_fitting) continue;
    at = pq_slices_find(ids, n, e->to);
    PQ_TRY(pq_edge_check_type(c, e, at < n ? ends[at].type : (pq_slice){0}));
  }
  return PQ_OK;
}

static bool needs_types(const pq_command *c) {
  for (uint32_t i = 0; i < c->s.edge_count; i++)
    if (c->s.edges[i].rule != NULL && !c->s.edges[i].rule->is_fitting) return true;
  return false;
}

/* "line 7: " of the first edge of the payload that has this end, else nothing. */
static const char *place_of(pq_command *c, pq_slice end) {
  const char *text;
  for (uint32_t i = 0; i < c->s.edge_count; i++) {
    const pq_edge_arg *e = &c->s.edges[i];
    if (e->line == 0 || (!pq_slice_eq(e->from, end) && !pq_slice_eq(e->to, end))) continue;
    text = pq_arena_printf(&c->op.scratch, "line %llu: ", (unsigned long long)e->line);
    return text == NULL ? "" : text;
  }
  return "";
}

/* Both ends of every new edge must be live, but for one in another namespace. */
static int check_ends(pq_command *c) {
  pq_op *op = &c->op;
  uint32_t n;
  pq_slice *ids = NULL;
  unsigned want = PQ_WANT_ID | PQ_WANT_DELETED | (needs_types(c) ? PQ_WANT_SYSTEM : 0);
  pq_location *at;
  pq_entity *ends;
  PQ_TRY(list_ends(c, &ids, &n));
  at = pq_arena_calloc(&op->scratch, n, sizeof *at);
  ends = pq_arena_calloc(&op->scratch, n, sizeof *ends);
  if (at == NULL || ends == NULL) return op->cx->code;
  PQ_TRY(pq_view_locate(&c->s.snapshot.view, &op->fetch, &op->scratch, ids, n, false, at));
  PQ_TRY(pq_view_read(&c->s.snapshot.view, &op->fetch, &op->scratch, at, n, want, ends, NULL));
  for (uint32_t i = 0; i < n; i++) {
    if (ends[i].id.p == NULL)
      return pq_fail(op->cx, PQ_ENOENTITY, "%sthere is no entity %.*s", place_of(c, ids[i]),
                     TEXT_ARGS(ids[i]));
    if (ends[i].is_deleted)
      return pq_fail(op->cx, PQ_ETARGET, "%sentity %.*s is deleted", place_of(c, ids[i]),
                     TEXT_ARGS(ids[i]));
  }
  PQ_TRY(check_types(c, ids, ends, n));
  op->stage = stage_edges_decide;
  return PQ_OK;
}

static int stage_edges_ends(pq_op *op) {
  pq_command *c = pq_command_of(op);
  return pq_turn_result(c, check_ends(c));
}

static int stage_edges_rules(pq_op *op) {
  pq_command *c = pq_command_of(op);
  int rc = pq_edges_rule(c);
  if (rc == PQ_OK) op->stage = stage_edges_ends;
  return pq_turn_result(c, rc);
}

static int stage_edges_match(pq_op *op) {
  pq_command *c = pq_command_of(op);
  return pq_turn_result(c, pq_edges_match(c, stage_edges_rules));
}

void pq_edges_write(pq_command *c, pq_stage_fn after) {
  c->s.after_edges = after;
  c->op.stage = stage_edges_match;
}
