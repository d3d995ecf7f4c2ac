/* cmd/populate.c - fetching what `populate` embeds, a level at a time for all items at once.
 *
 *   sources of a level ─► edges, both directions ─► [which ends are live, if a limit cuts] ─► their
 *   documents ─► sorted, cut ─► the ends that are left are the sources of the next level
 *
 * Each arrow is as many rounds as for one item: edges and entities are read for all nodes of the
 * level together. What was read lives in c->embedded until the next batch of items.
 */
#include "cmd/populate.h"

#include "base/merge_sort.h"
#include "base/slices.h"
#include "expr/expression.h"

/* ---- edges ---- */

void pq_populate_query(const pq_populate_node *n, uint32_t i, bool is_reverse, pq_edge_query *out) {
  *out = (pq_edge_query){.is_reverse = is_reverse, .needs_data = n->edge_filter != NULL};
  if (is_reverse)
    out->reverse = n->predicates[i];
  else
    out->predicate = n->predicates[i];
}

/* A link while targets have no numbers yet. */
typedef struct loose_link {
  pq_slice far;
  uint32_t source;
  bool is_inbound;
} loose_link;

typedef struct found_edges {
  pq_edge *forward, *reverse;
  uint32_t forward_count, reverse_count;
} found_edges;

/* Append those that match to a list that has room. */
static int keep_matching(pq_command *c, const pq_populate_node *n, const pq_edge *edges,
                         uint32_t count, pq_edge *list, uint32_t *list_count) {
  for (uint32_t i = 0; i < count; i++) {
    bool is_match;
    PQ_TRY(pq_edge_match(c, n->edge_filter, &edges[i], &is_match));
    if (is_match) list[(*list_count)++] = edges[i];
  }
  return PQ_OK;
}

/* The edges of all names of a node, in one direction. */
static int read_edges(pq_command *c, const pq_populate_node *n, bool is_reverse, pq_edge **edges,
                      uint32_t *count) {
  pq_edge **found = pq_arena_calloc(&c->op.scratch, n->predicate_count, sizeof *found);
  uint32_t *counts = pq_arena_calloc(&c->op.scratch, n->predicate_count, sizeof *counts), all = 0;
  bool is_missing = false;
  *count = 0;
  if (found == NULL || counts == NULL) return c->op.cx->code;
  for (uint32_t i = 0; i < n->predicate_count; i++) {
    pq_edge_query q;
    int rc;
    pq_populate_query(n, i, is_reverse, &q);
    q.nodes = n->sources;
    q.node_count = n->source_count;
    rc =
        pq_edges_read(&c->s.snapshot.view, &c->op.fetch, &c->op.scratch, &q, &found[i], &counts[i]);
    if (rc < 0) return rc;
    is_missing |= rc == PQ_NEED_IO;
    all += counts[i];
  }
  if (is_missing) return PQ_NEED_IO;
  *edges = pq_arena_calloc(&c->op.scratch, all, sizeof **edges);
  if (*edges == NULL) return c->op.cx->code;
  for (uint32_t i = 0; i < n->predicate_count; i++)
    PQ_TRY(keep_matching(c, n, found[i], counts[i], *edges, count));
  return PQ_OK;
}

static int read_node_edges(pq_command *c, const pq_populate_node *n, found_edges *out,
                           bool *is_missing) {
  int rc = PQ_OK;
  if (n->source_count == 0) return PQ_OK;
  if (!n->is_reverse_only) rc = read_edges(c, n, false, &out->forward, &out->forward_count);
  if (rc < 0) return rc;
  *is_missing |= rc == PQ_NEED_IO;
  rc = PQ_OK;
  if (!n->is_forward_only) rc = read_edges(c, n, true, &out->reverse, &out->reverse_count);
  if (rc < 0) return rc;
  *is_missing |= rc == PQ_NEED_IO;
  return PQ_OK;
}

static int compare_loose(const void *a, const void *b, const void *ud) {
  (void)ud;
  return pq_slice_cmp(((const loose_link *)a)->far, ((const loose_link *)b)->far);
}

static int compare_links(const void *a, const void *b, const void *ud) {
  const pq_populate_link *x = a, *y = b;
  (void)ud;
  if (x->source != y->source) return x->source < y->source ? -1 : 1;
  if (x->target != y->target) return x->target < y->target ? -1 : 1;
  return (int)x->is_inbound - (int)y->is_inbound;
}

/* Number the far ends; loose links are sorted by them. */
static int number_targets(pq_command *c, pq_populate_node *n, const loose_link *loose,
                          uint32_t count) {
  pq_arena *arena = &c->embedded;
  uint32_t links = 0;
  n->links = pq_arena_calloc(arena, count, sizeof *n->links);
  n->targets = pq_arena_calloc(arena, count, sizeof *n->targets);
  n->counts = pq_arena_calloc(arena, n->source_count, sizeof *n->counts);
  if (n->links == NULL || n->targets == NULL || n->counts == NULL) return c->op.cx->code;
  for (uint32_t i = 0; i < count; i++) {
    if (i == 0 || !pq_slice_eq(loose[i - 1].far, loose[i].far))
      PQ_TRY(pq_arena_copy(arena, loose[i].far, &n->targets[n->target_count++]));
    n->links[i] = (pq_populate_link){loose[i].source, n->target_count - 1, loose[i].is_inbound};
  }
  PQ_TRY(pq_sort_items(c->op.cx, n->links, count, sizeof *n->links, compare_links, NULL));
  for (uint32_t i = 0; i < count; i++) /* the same end in both directions stands once */
    if (links == 0 || n->links[links - 1].source != n->links[i].source ||
        n->links[links - 1].target != n->links[i].target)
      n->links[links++] = n->links[i];
  n->link_count = links;
  return PQ_OK;
}

static int make_links(pq_command *c, pq_populate_node *n, const found_edges *found) {
  uint32_t count = found->forward_count + found->reverse_count, k = 0;
  loose_link *loose = pq_arena_calloc(&c->op.scratch, count, sizeof *loose);
  if (loose == NULL) return c->op.cx->code;
  for (uint32_t i = 0; i < found->forward_count; i++)
    loose[k++] =
        (loose_link){found->forward[i].to_id,
                     pq_slices_find(n->sources, n->source_count, found->forward[i].from_id), false};
  for (uint32_t i = 0; i < found->reverse_count; i++)
    loose[k++] =
        (loose_link){found->reverse[i].from_id,
                     pq_slices_find(n->sources, n->source_count, found->reverse[i].to_id), true};
  PQ_TRY(pq_sort_items(c->op.cx, loose, count, sizeof *loose, compare_loose, NULL));
  return number_targets(c, n, loose, count);
}

/* ---- what is shown ---- */

/* More than so many of one source are cut; 0: none is. */
static uint64_t limit_of(const pq_command *c, const pq_populate_node *n) {
  return n->has_limit ? n->limit : c->s.args.max_inbound;
}

static bool may_be_cut(const pq_command *c, const pq_populate_node *n) {
  uint64_t limit = limit_of(c, n);
  uint32_t in_group = 0;
  for (uint32_t i = 0; i < n->link_count; i++) {
    in_group = i > 0 && n->links[i - 1].source == n->links[i].source ? in_group + 1 : 1;
    if (limit > 0 && in_group > limit) return true;
  }
  return false;
}

/* Keys of targets, for the links of a source. */
typedef struct link_order {
  const pq_sort *sort;
  const pq_place *places; /* by target */
} link_order;

static int compare_by_sort(const void *a, const void *b, const void *ud) {
  const pq_populate_link *x = a, *y = b;
  const link_order *o = ud;
  const pq_place *p = &o->places[x->target], *q = &o->places[y->target];
  int order;
  if (x->source != y->source) return x->source < y->source ? -1 : 1;
  order = pq_sort_compare(o->sort, p->keys, p->empties, q->keys, q->empties);
  return order != 0 ? order : (x->target < y->target ? -1 : x->target > y->target);
}

static int sort_links(pq_command *c, pq_populate_node *n) {
  pq_arena *scratch = &c->op.scratch;
  uint32_t width = n->sort.count;
  pq_place *places = pq_arena_calloc(scratch, n->target_count, sizeof *places);
  link_order order = {&n->sort, places};
  if (places == NULL) return c->op.cx->code;
  for (uint32_t i = 0; i < n->target_count; i++) {
    places[i].keys = pq_arena_calloc(scratch, width, sizeof *places[i].keys);
    places[i].empties = pq_arena_calloc(scratch, width, sizeof *places[i].empties);
    if (places[i].keys == NULL || places[i].empties == NULL) return c->op.cx->code;
    for (uint32_t k = 0; k < width; k++)
      places[i].keys[k] =
          pq_sort_key(&n->sort, k, n->docs[i], (pq_value){0}, &places[i].empties[k]);
  }
  return pq_sort_items(c->op.cx, n->links, n->link_count, sizeof *n->links, compare_by_sort,
                       &order);
}

/* Keep the links to targets that may be seen, as many as the limit lets; those that are left number
 * their targets anew. Once: `counts` is of all that may be seen. */
static int cut_links(pq_command *c, pq_populate_node *n, const bool *is_seen) {
  uint64_t limit = limit_of(c, n), kept = 0;
  uint32_t *number = pq_arena_calloc(&c->op.scratch, n->target_count, sizeof *number);
  uint32_t source = UINT32_MAX, links = 0, targets = 0;
  if (number == NULL) return c->op.cx->code;
  for (uint32_t i = 0; i < n->link_count; i++) {
    pq_populate_link l = n->links[i];
    if (l.source != source) kept = 0;
    source = l.source;
    if (!is_seen[l.target]) continue;
    n->counts[source]++;
    if (limit > 0 && kept == limit && (n->has_limit || l.is_inbound)) continue;
    kept += n->has_limit || l.is_inbound;
    number[l.target] = 1;
    n->links[links++] = l;
  }
  n->link_count = links;
  for (uint32_t i = 0; i < n->target_count; i++) {
    if (number[i] == 0) continue;
    n->targets[targets] = n->targets[i];
    if (n->docs != NULL) n->docs[targets] = n->docs[i];
    number[i] = targets++;
  }
  n->target_count = targets;
  for (uint32_t i = 0; i < links; i++)
    n->links[i].target = number[n->links[i].target];
  n->is_cut = true;
  return PQ_OK;
}

/* ---- entities ---- */

/* The nodes of the level that is being read: [*from, *end). */
static void nodes_of_level(const pq_populate *p, uint32_t *from, uint32_t *end) {
  *from = 0;
  while (*from < p->node_count && p->nodes[*from].level < p->level)
    ++*from;
  *end = *from;
  while (*end < p->node_count && p->nodes[*end].level == p->level)
    ++*end;
}

/* All targets of the level's nodes, and the entities there. */
typedef struct level_rows {
  pq_slice *ids;
  pq_entity *rows;
  uint32_t count;
} level_rows;

static int read_level(pq_command *c, unsigned want, level_rows *out) {
  const pq_populate *p = c->s.populate;
  const pq_view *v = &c->s.snapshot.view;
  pq_arena *scratch = &c->op.scratch;
  uint32_t from, end, count = 0;
  pq_location *at;
  nodes_of_level(p, &from, &end);
  for (uint32_t i = from; i < end; i++)
    count += p->nodes[i].target_count;
  out->ids = pq_arena_calloc(scratch, count, sizeof *out->ids);
  if (out->ids == NULL) return c->op.cx->code;
  for (uint32_t i = from; i < end; i++)
    for (uint32_t t = 0; t < p->nodes[i].target_count; t++)
      out->ids[out->count++] = p->nodes[i].targets[t];
  PQ_TRY(pq_slices_sort(c->op.cx, out->ids, &out->count));
  at = pq_arena_calloc(scratch, out->count, sizeof *at);
  out->rows = pq_arena_calloc(scratch, out->count, sizeof *out->rows);
  if (at == NULL || out->rows == NULL) return c->op.cx->code;
  PQ_TRY(pq_view_locate(v, &c->op.fetch, scratch, out->ids, out->count, false, at));
  return pq_view_read(v, &c->op.fetch, scratch, at, out->count, want, out->rows, NULL);
}

static const pq_entity *row_of(const pq_command *c, const level_rows *rows, pq_slice id) {
  uint32_t i = pq_slices_find(rows->ids, rows->count, id);
  const pq_entity *e = i == rows->count ? NULL : &rows->rows[i];
  if (e == NULL || e->id.p == NULL) return NULL;
  return e->is_deleted && !c->s.args.includes_deleted ? NULL : e;
}

static int match(pq_command *c, const pq_populate_node *n, uint32_t target, bool *is_match) {
  pq_eval eval;
  if (n->filter == NULL || !*is_match) return PQ_OK;
  pq_env_eval(c, &eval);
  eval.arena = &c->op.scratch;
  *is_match = pq_filter_match(n->filter, &eval, n->docs[target], (pq_value){0});
  return pq_filter_status(n->filter);
}

/* Cut the links of a node by who is there, and matches. */
static int choose(pq_command *c, pq_populate_node *n, const level_rows *rows) {
  bool *is_seen = pq_arena_calloc(&c->op.scratch, n->target_count, sizeof *is_seen);
  if (is_seen == NULL) return c->op.cx->code;
  for (uint32_t t = 0; t < n->target_count; t++) {
    is_seen[t] = row_of(c, rows, n->targets[t]) != NULL;
    PQ_TRY(match(c, n, t, &is_seen[t]));
  }
  return cut_links(c, n, is_seen);
}

/* Can nobody say who is shown before documents are read? */
static bool needs_documents(const pq_populate_node *n) {
  return n->sort.count > 0 || n->filter != NULL;
}

static int make_docs(pq_command *c, pq_populate_node *n, const level_rows *rows) {
  n->docs = pq_arena_calloc(&c->embedded, n->target_count, sizeof *n->docs);
  if (n->docs == NULL) return c->op.cx->code;
  for (uint32_t t = 0; t < n->target_count; t++) {
    const pq_entity *e = row_of(c, rows, n->targets[t]);
    if (e == NULL) continue;
    if (c->s.args.is_plain)
      PQ_TRY(pq_plain_document(c, &c->embedded, e, &n->docs[t]));
    else
      PQ_TRY(pq_merger_entity(c->db->merger, &c->embedded, e, &n->docs[t]));
  }
  return PQ_OK;
}

static int project_docs(pq_command *c, pq_populate_node *n) {
  pq_eval eval;
  pq_env_eval(c, &eval);
  for (uint32_t t = 0; n->projection != NULL && t < n->target_count; t++) {
    eval.root = n->docs[t];
    PQ_TRY(pq_projection_apply(n->projection, &eval, &c->embedded, -1, &n->docs[t]));
  }
  return PQ_OK;
}

/* ---- stages ---- */

static int stage_edges(pq_op *op);

/* The sources of the level are known when the one above was read. */
static int begin_level(pq_command *c) {
  pq_populate *p = c->s.populate;
  uint32_t from, end, sources = 0;
  nodes_of_level(p, &from, &end);
  for (uint32_t i = from; i < end; i++) {
    pq_populate_node *n = &p->nodes[i];
    if (n->parent != PQ_POPULATE_ROOT) {
      n->sources = p->nodes[n->parent].targets;
      n->source_count = p->nodes[n->parent].target_count;
    }
    sources += n->source_count;
  }
  c->op.stage = sources == 0 ? p->after : stage_edges;
  return pq_read_again(c);
}

static int stage_documents(pq_op *op) {
  pq_command *c = pq_command_of(op);
  pq_populate *p = c->s.populate;
  level_rows rows = {0};
  uint32_t from, end;
  PQ_TRY(pq_read_in_time(c));
  PQ_TRY(read_level(c, PQ_WANT_ALL, &rows));
  nodes_of_level(p, &from, &end);
  for (uint32_t i = from; i < end; i++) {
    pq_populate_node *n = &p->nodes[i];
    PQ_TRY(make_docs(c, n, &rows));
    if (n->sort.count > 0) PQ_TRY(sort_links(c, n));
    if (!n->is_cut) PQ_TRY(choose(c, n, &rows));
    PQ_TRY(project_docs(c, n));
  }
  p->level++;
  if (p->level < p->level_count) return begin_level(c);
  op->stage = p->after;
  return pq_read_again(c);
}

/* Documents that a limit leaves out need not be read, unless they are sorted by what they hold. */
static int stage_live(pq_op *op) {
  pq_command *c = pq_command_of(op);
  pq_populate *p = c->s.populate;
  level_rows rows = {0};
  uint32_t from, end;
  PQ_TRY(pq_read_in_time(c));
  PQ_TRY(read_level(c, PQ_WANT_ID | PQ_WANT_DELETED, &rows));
  nodes_of_level(p, &from, &end);
  for (uint32_t i = from; i < end; i++)
    if (!needs_documents(&p->nodes[i])) PQ_TRY(choose(c, &p->nodes[i], &rows));
  op->stage = stage_documents;
  return pq_read_again(c);
}

static int stage_edges(pq_op *op) {
  pq_command *c = pq_command_of(op);
  pq_populate *p = c->s.populate;
  found_edges *found;
  uint32_t from, end;
  bool is_missing = false;
  PQ_TRY(pq_read_in_time(c));
  nodes_of_level(p, &from, &end);
  found = pq_arena_calloc(&op->scratch, end - from, sizeof *found);
  if (found == NULL) return op->cx->code;
  for (uint32_t i = from; i < end; i++)
    PQ_TRY(read_node_edges(c, &p->nodes[i], &found[i - from], &is_missing));
  if (is_missing) return PQ_NEED_IO;
  op->stage = stage_documents;
  for (uint32_t i = from; i < end; i++) {
    pq_populate_node *n = &p->nodes[i];
    PQ_TRY(make_links(c, n, &found[i - from]));
    if (!needs_documents(n) && may_be_cut(c, n)) op->stage = stage_live;
  }
  return pq_read_again(c);
}

int pq_populate_begin(pq_command *c, pq_stage_fn after) {
  pq_populate *p = c->s.populate;
  const pq_collector *k = &c->s.collector;
  uint32_t count = k->count;
  pq_slice *ids;
  pq_arena_clear(&c->embedded);
  ids = pq_arena_calloc(&c->embedded, count, sizeof *ids);
  if (ids == NULL) return c->op.cx->code;
  for (uint32_t i = 0; i < count; i++)
    ids[i] = k->items[i].place.id;
  PQ_TRY(pq_slices_sort(c->op.cx, ids, &count));
  for (uint32_t i = 0; i < p->node_count; i++) {
    pq_populate_node *n = &p->nodes[i];
    bool is_root = n->parent == PQ_POPULATE_ROOT;
    n->sources = is_root ? ids : NULL;
    n->source_count = is_root ? count : 0;
    n->links = NULL;
    n->targets = NULL;
    n->docs = NULL;
    n->counts = NULL;
    n->link_count = n->target_count = 0;
    n->is_cut = false;
  }
  p->level = 0;
  p->after = after;
  return begin_level(c);
}
