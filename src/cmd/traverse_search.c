/* cmd/traverse_search.c - traverse: the search itself, stopping for documents. See traverse_int.h.
 */
#include <string.h>

#include "cmd/traverse_int.h"

enum { BATCH_PATHS = 256, BATCH_EDGES = 4096 };

/* ---- found ---- */

int pq_found_init(pq_found *f, pq_arena *arena, uint32_t count) {
  *f = (pq_found){.seen = pq_bits_new(arena, count)};
  f->places = pq_arena_array(arena, (size_t)count + 1, sizeof *f->places);
  return f->seen == NULL || f->places == NULL ? arena->cx->code : PQ_OK;
}

int pq_found_add(pq_found *f, pq_arena *arena, uint32_t item, uint32_t depth) {
  uint32_t cap = f->cap;
  if (pq_bit(f->seen, item)) {
    uint32_t place = f->places[item];
    if (depth < f->depths[place]) f->depths[place] = depth;
    return PQ_OK;
  }
  PQ_TRY(pq_room(arena, (void **)&f->items, f->count, &cap, sizeof *f->items));
  PQ_TRY(pq_room(arena, (void **)&f->depths, f->count, &f->cap, sizeof *f->depths));
  pq_bit_set(f->seen, item);
  f->places[item] = f->count;
  f->items[f->count] = item;
  f->depths[f->count++] = depth;
  return PQ_OK;
}

bool pq_traverse_take(pq_command *c) {
  pq_traverse *t = pq_traverse_of(c);
  if (t->skipped < c->s.args.skip) {
    t->skipped++;
    return false;
  }
  if (c->s.args.limit > 0 && c->s.count == c->s.args.limit) {
    c->s.has_more = true;
    return false;
  }
  c->s.count++;
  return true;
}

/* All is found: on with what the answer is made of. */
static int found_all(pq_command *c) {
  pq_traverse *t = pq_traverse_of(c);
  t->at = 0;
  switch (t->returns) {
    case PQ_RETURN_PATHS:
    case PQ_RETURN_COUNT: return pq_read_end(c, pq_stage_traverse_end);
    case PQ_RETURN_EDGES: c->op.stage = pq_stage_traverse_edges; return pq_read_again(c);
    default: c->op.stage = pq_stage_traverse_nodes; return pq_read_again(c);
  }
}

/* ---- sets: reach ---- */

/* Is the filter of the ends asked before they are given? */
static bool is_judged_first(const pq_traverse *t) {
  return t->ends.node_filter != NULL && t->returns != PQ_RETURN_ENDS;
}

/* Keep what matches of t->nodes. */
static int stage_keep_nodes(pq_op *op) {
  pq_command *c = pq_command_of(op);
  pq_traverse *t = pq_traverse_of(c);
  pq_judged *j = &t->ends.choice.nodes;
  pq_found *f = &t->nodes;
  for (; t->at < f->count && pq_judged_ask(j, f->items[t->at]); t->at++) {
    if (!pq_judged_is_good(j, f->items[t->at])) continue;
    f->items[t->kept] = f->items[t->at];
    f->depths[t->kept++] = f->depths[t->at];
  }
  if (t->at < f->count) {
    for (uint32_t i = t->at; i < f->count && j->wanted_count < PQ_WANTED_MAX; i++)
      (void)pq_judged_ask(j, f->items[i]);
    return pq_graph_ask(c, &t->ends, stage_keep_nodes);
  }
  f->count = t->kept;
  t->at = 0;
  op->stage = pq_stage_traverse_nodes;
  return pq_read_again(c);
}

static int end_reach(pq_command *c) {
  pq_traverse *t = pq_traverse_of(c);
  pq_reach *r = &t->reach;
  t->nodes.items = r->nodes;
  t->nodes.depths = r->depths;
  t->nodes.count = r->count;
  pq_run_of(c)->explored = r->entered + t->start_count;
  if (!r->wants_depths) {
    t->nodes.depths = pq_arena_array(&c->op.arena, (size_t)r->count + 1, sizeof(uint32_t));
    if (t->nodes.depths == NULL) return c->op.cx->code;
    for (uint32_t i = 0; i < r->count; i++)
      t->nodes.depths[i] = t->fixed_depth;
  }
  t->at = t->kept = 0;
  c->op.stage = is_judged_first(t) ? stage_keep_nodes : pq_stage_traverse_nodes;
  return pq_read_again(c);
}

static int stage_reach(pq_op *op) {
  pq_command *c = pq_command_of(op);
  pq_traverse *t = pq_traverse_of(c);
  int rc;
  PQ_TRY(pq_read_in_time(c));
  rc = pq_reach_go(&t->reach);
  if (rc == PQ_ASK) return pq_graph_ask(c, &t->steps[t->reach.leg], stage_reach);
  PQ_TRY(rc);
  return end_reach(c);
}

/* ---- paths ---- */

static bool has_repetition(const uint32_t *nodes, uint32_t count) {
  for (uint32_t i = 1; i < count; i++)
    for (uint32_t k = 0; k < i; k++)
      if (nodes[i] == nodes[k]) return true;
  return false;
}

/* Append a path to the batch: its nodes and edges are to be filled in. */
static int batch_path(pq_command *c, uint32_t count, uint32_t **nodes, uint32_t **edges) {
  pq_traverse *t = pq_traverse_of(c);
  pq_arena *arena = &c->op.arena;
  PQ_TRY(pq_room(arena, (void **)&t->batch, t->batch_count, &t->batch_cap, sizeof *t->batch));
  while (t->batch_node_cap - t->batch_node_count <= count)
    PQ_TRY(pq_room(arena, (void **)&t->batch_nodes, t->batch_node_cap, &t->batch_node_cap,
                   sizeof(uint32_t)));
  while (t->batch_edge_cap - t->batch_edge_count <= count)
    PQ_TRY(pq_room(arena, (void **)&t->batch_edges, t->batch_edge_cap, &t->batch_edge_cap,
                   sizeof(uint32_t)));
  t->batch[t->batch_count++] = (pq_found_path){t->batch_edge_count, t->batch_node_count, count};
  *nodes = t->batch_nodes + t->batch_node_count;
  *edges = t->batch_edges + t->batch_edge_count;
  t->batch_node_count += count + 1;
  t->batch_edge_count += count;
  return PQ_OK;
}

/* The last path of the batch is not wanted in it. */
static void drop_path(pq_traverse *t) {
  const pq_found_path *p = &t->batch[--t->batch_count];
  t->batch_node_count = p->node;
  t->batch_edge_count = p->edge;
}

/* The path of the batch that was added last: what of it goes into the answer? */
static int take_path(pq_command *c) {
  pq_traverse *t = pq_traverse_of(c);
  pq_found_path p = t->batch[t->batch_count - 1];
  const uint32_t *nodes = t->batch_nodes + p.node, *edges = t->batch_edges + p.edge;
  pq_arena *arena = &c->op.arena;
  if (t->is_cycles && !has_repetition(nodes, p.count + 1)) {
    drop_path(t);
    return PQ_OK;
  }
  switch (t->returns) {
    case PQ_RETURN_PATHS:
    case PQ_RETURN_COUNT:
      if (!pq_traverse_take(c) || t->returns == PQ_RETURN_COUNT) drop_path(t);
      t->is_over = c->s.has_more;
      return PQ_OK;
    case PQ_RETURN_NODES:
      for (uint32_t i = 0; i <= p.count; i++)
        PQ_TRY(pq_found_add(&t->nodes, arena, nodes[i], i));
      break;
    case PQ_RETURN_EDGES:
      for (uint32_t i = 0; i < p.count; i++)
        PQ_TRY(pq_found_add(&t->edges, arena, edges[i], i));
      break;
    default: PQ_TRY(pq_found_add(&t->nodes, arena, nodes[p.count], p.count)); break;
  }
  drop_path(t);
  return PQ_OK;
}

static bool is_batch_full(const pq_traverse *t) {
  return t->batch_count >= BATCH_PATHS || t->batch_edge_count >= BATCH_EDGES;
}

/* The batch is to go out, or all is there. */
static int end_batch(pq_command *c, pq_stage_fn next) {
  pq_traverse *t = pq_traverse_of(c);
  if (t->batch_count > 0) return pq_traverse_give_paths(c, next);
  return t->is_over ? found_all(c) : pq_read_again(c);
}

/* ---- paths: the tree ---- */

static int add_tree_path(pq_command *c, uint32_t visit) {
  pq_traverse *t = pq_traverse_of(c);
  uint32_t count = t->tree.visits[visit].depth, *nodes, *edges;
  PQ_TRY(batch_path(c, count, &nodes, &edges));
  for (uint32_t i = count;; i--) {
    const pq_visit *v = &t->tree.visits[visit];
    nodes[i] = v->node;
    if (i == 0) break;
    edges[i - 1] = v->edge;
    visit = v->parent;
  }
  return take_path(c);
}

static int stage_tree_paths(pq_op *op) {
  pq_command *c = pq_command_of(op);
  pq_traverse *t = pq_traverse_of(c);
  pq_tree *tree = &t->tree;
  pq_judged *j = &t->ends.choice.nodes;
  PQ_TRY(pq_read_in_time(c));
  while (t->at < tree->end_count && !t->is_over && !is_batch_full(t)) {
    uint32_t end = tree->ends[t->at];
    if (!pq_judged_ask(j, tree->visits[end].node)) {
      for (uint32_t i = t->at; i < tree->end_count && j->wanted_count < PQ_GRAPH_BATCH; i++)
        (void)pq_judged_ask(j, tree->visits[tree->ends[i]].node);
      return pq_graph_ask(c, &t->ends, stage_tree_paths);
    }
    if (pq_judged_is_good(j, tree->visits[end].node)) PQ_TRY(add_tree_path(c, end));
    t->at++;
  }
  t->is_over |= t->at == tree->end_count;
  return end_batch(c, stage_tree_paths);
}

static int stage_tree(pq_op *op) {
  pq_command *c = pq_command_of(op);
  pq_traverse *t = pq_traverse_of(c);
  int rc;
  PQ_TRY(pq_read_in_time(c));
  rc = pq_tree_go(&t->tree);
  if (rc == PQ_ASK) return pq_graph_ask(c, &t->steps[t->tree.leg], stage_tree);
  PQ_TRY(rc);
  if (t->order == PQ_ORDER_DEPTH)
    PQ_TRY(pq_tree_sort_deep(&t->tree, op->cx, t->tree.ends, t->tree.end_count));
  pq_run_of(c)->explored = t->tree.count;
  t->at = 0;
  op->stage = stage_tree_paths;
  return pq_read_again(c);
}

/* ---- paths: trails ---- */

static pq_chooser *chooser_of(pq_traverse *t, const pq_choice *choice) {
  for (uint32_t i = 0; i < t->leg_count; i++)
    if (&t->steps[i].choice == choice) return &t->steps[i];
  pq_unreachable("a choice of the legs");
}

/* The path that was found. */
static int add_trail(pq_command *c) {
  pq_traverse *t = pq_traverse_of(c);
  uint32_t *nodes, *edges;
  if (++t->paths > t->paths_max)
    return pq_fail(
        c->op.cx, PQ_ELIMIT,
        "traverse: more than %llu paths: raise 'maxPaths', give a 'limit', or narrow the "
        "steps",
        (unsigned long long)t->paths_max);
  PQ_TRY(batch_path(c, t->trails.depth, &nodes, &edges));
  for (uint32_t i = 0; i <= t->trails.depth; i++)
    nodes[i] = t->trails.nodes[i].node;
  pq_trails_edges(&t->trails, edges);
  return take_path(c);
}

/* Its end is not judged yet: ask for the others that may come next, too. */
static int ask_end(pq_command *c, pq_stage_fn again) {
  pq_traverse *t = pq_traverse_of(c);
  const pq_trails *r = &t->trails;
  uint32_t first = r->depth == 0 ? 0 : r->nodes[r->depth - 1].step;
  uint32_t end =
      r->depth == 0 ? 0 : r->nodes[r->depth - 1].step_first + r->nodes[r->depth - 1].step_count;
  for (uint32_t i = first; i < end && t->ends.choice.nodes.wanted_count < PQ_GRAPH_BATCH; i++)
    (void)pq_judged_ask(&t->ends.choice.nodes, r->steps[i].far);
  return pq_graph_ask(c, &t->ends, again);
}

static int stage_trail_ends(pq_op *op);

static int stage_trails(pq_op *op) {
  pq_command *c = pq_command_of(op);
  pq_traverse *t = pq_traverse_of(c);
  pq_judged *j = &t->ends.choice.nodes;
  PQ_TRY(pq_read_in_time(c));
  while (!t->is_over && !is_batch_full(t)) {
    int rc = pq_trails_next(&t->trails, &t->is_over);
    if (rc == PQ_ASK) return pq_graph_ask(c, chooser_of(t, t->trails.asked), stage_trails);
    if (rc == PQ_YIELD) return PQ_YIELD;
    PQ_TRY(rc);
    if (t->is_over) break;
    if (!pq_judged_ask(j, t->trails.nodes[t->trails.depth].node))
      return ask_end(c, stage_trail_ends);
    if (pq_judged_is_good(j, t->trails.nodes[t->trails.depth].node)) PQ_TRY(add_trail(c));
  }
  return end_batch(c, stage_trails);
}

/* The end of the path that was found is judged by now. */
static int stage_trail_ends(pq_op *op) {
  pq_command *c = pq_command_of(op);
  pq_traverse *t = pq_traverse_of(c);
  uint32_t node = t->trails.nodes[t->trails.depth].node;
  if (pq_judged_is_good(&t->ends.choice.nodes, node)) PQ_TRY(add_trail(c));
  op->stage = stage_trails;
  return pq_read_again(c);
}

/* ---- paths that are counted: walks ---- */

static int end_walks(pq_command *c) {
  pq_traverse *t = pq_traverse_of(c);
  const pq_walks *w = &t->walks;
  size_t cap = (size_t)w->end_count + 1;
  t->nodes.items = pq_arena_array(&c->op.arena, cap, sizeof *t->nodes.items);
  t->nodes.depths = pq_arena_array(&c->op.arena, cap, sizeof *t->nodes.depths);
  if (t->nodes.items == NULL || t->nodes.depths == NULL) return c->op.cx->code;
  for (uint32_t i = 0; i < w->end_count; i++) {
    t->nodes.items[i] = w->ends[i].node;
    t->nodes.depths[i] = w->ends[i].depth;
  }
  t->nodes.count = w->end_count;
  pq_run_of(c)->explored = w->explored;
  t->at = t->kept = 0;
  c->op.stage = is_judged_first(t) ? stage_keep_nodes : pq_stage_traverse_nodes;
  return pq_read_again(c);
}

static int stage_walks(pq_op *op) {
  pq_command *c = pq_command_of(op);
  pq_traverse *t = pq_traverse_of(c);
  int rc;
  PQ_TRY(pq_read_in_time(c));
  if (t->walks.is_over) return end_walks(c);
  rc = pq_walks_step(&t->walks);
  if (rc == PQ_ASK) return pq_graph_ask(c, chooser_of(t, t->walks.asked), stage_walks);
  PQ_TRY(rc);
  return pq_read_again(c);
}

/* ---- the beginning ---- */

static int begin_search(pq_command *c) {
  pq_traverse *t = pq_traverse_of(c);
  pq_arena *arena = &c->op.arena;
  const pq_graph *g = c->s.graph;
  bool is_set =
      t->returns == PQ_RETURN_ENDS || t->returns == PQ_RETURN_IDS || t->returns == PQ_RETURN_COUNT;
  unsigned options = (t->uniqueness == PQ_UNIQUE_NONE ? PQ_TRAILS_AGAIN : 0u) |
                     (t->order == PQ_ORDER_DEPTH ? PQ_TRAILS_DEEP : 0u);
  bool wants_depths =
      (t->returns == PQ_RETURN_IDS || t->wants_depth || t->has_order) && !t->is_fixed;
  if (t->uniqueness == PQ_UNIQUE_NODE && is_set && t->order != PQ_ORDER_DEPTH && !t->is_cycles) {
    PQ_TRY(pq_reach_init(&t->reach, arena, g, t->legs, t->leg_count, wants_depths));
    PQ_TRY(pq_reach_start(&t->reach, t->starts, t->start_count));
    c->op.stage = stage_reach;
    return stage_reach(&c->op);
  }
  if (t->uniqueness == PQ_UNIQUE_NONE && is_set && t->order != PQ_ORDER_DEPTH && !t->is_cycles) {
    PQ_TRY(pq_walks_init(&t->walks, arena, g, t->legs, t->leg_count, t->starts, t->start_count));
    c->op.stage = stage_walks;
    return pq_read_again(c);
  }
  PQ_TRY(pq_found_init(&t->nodes, arena, pq_graph_number_count(g)));
  if (t->returns == PQ_RETURN_EDGES)
    PQ_TRY(pq_found_init(&t->edges, arena, pq_graph_edge_count(g)));
  if (t->uniqueness == PQ_UNIQUE_NODE) {
    PQ_TRY(pq_tree_init(&t->tree, arena, g, t->legs, t->leg_count, t->starts, t->start_count));
    c->op.stage = stage_tree;
  } else {
    PQ_TRY(pq_trails_init(&t->trails, arena, g, t->legs, t->leg_count, options, t->starts,
                          t->start_count));
    c->op.stage = stage_trails;
  }
  return pq_read_again(c);
}

int pq_stage_traverse_search(pq_op *op) {
  pq_command *c = pq_command_of(op);
  pq_traverse *t = pq_traverse_of(c);
  const pq_graph *g = c->s.graph;
  t->starts = pq_arena_array(&op->arena, (size_t)c->s.node_count + 1, sizeof *t->starts);
  if (t->starts == NULL) return op->cx->code;
  t->start_count = 0;
  for (uint32_t i = 0; i < c->s.node_count; i++) {
    uint32_t node = pq_graph_node(g, c->s.nodes[i]);
    if (node == PQ_NO_NODE && pq_run_of(c)->needs_seeds) /* it is there, and an end */
      PQ_TRY(pq_graph_number(g, c->s.nodes[i], &node));
    if (node != PQ_NO_NODE) t->starts[t->start_count++] = node;
  }
  for (uint32_t i = 0; i < t->leg_count; i++)
    PQ_TRY(pq_chooser_open(c, &t->steps[i]));
  PQ_TRY(pq_chooser_open(c, &t->ends));
  return begin_search(c);
}
