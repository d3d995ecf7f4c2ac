/* cmd/read_subgraph.c - subgraph: what is around some nodes, as nodes and edges.
 *
 *   seeds ─► a level's far ends in the order of their ids ─► [filter] ─► kept, while there is room
 *              ▲                                                            │
 *              └──────────────── maxHops, maxNodes ◄────────────────────────┤
 *                                       {node, depth} … ─► {edge} … ◄───────┘ edges between them
 */
#include "cmd/graph_search.h"
#include "graph/spread.h"

enum { HOPS_DEFAULT = 2, NODES_DEFAULT = 1000 };

typedef struct subgraph {
  uint64_t hops_max, nodes_max;
  pq_chooser chooser, ends; /* which edges are used; which nodes are kept */
  pq_spread spread;
  uint32_t *depth_ends; /* [depth]: where its nodes end in spread.nodes */
  uint32_t depth_count, depth_cap;
  uint32_t judged, kept; /* of the last level: the next to be judged; where the next kept goes */
  uint32_t *edges;
  uint64_t edge_count;
  uint32_t depth, at; /* of what is given next */
} subgraph;

static subgraph *search_of(const pq_command *c) {
  return pq_run_of(c)->search;
}

static int stage_subgraph_end(pq_op *op) {
  pq_command *c = pq_command_of(op);
  subgraph *s = search_of(c);
  if (c->s.args.is_explain)
    PQ_TRY(pq_graph_explain(c, "graph, level by level", s->chooser.choice.arcs));
  PQ_TRY(pq_summary_begin(c));
  PQ_TRY(pq_summary_count(c, "nodes", c->s.count));
  PQ_TRY(pq_summary_count(c, "edges", s->edge_count));
  PQ_TRY(pq_builder_key_str(c->db->builder, "hasMore"));
  PQ_TRY(pq_builder_bool(c->db->builder, c->s.has_more));
  return pq_summary_end(c, c->s.snapshot.view.seq);
}

/* ---- items ---- */

static int reply_node(pq_command *c, const pq_entity *e, uint32_t depth) {
  pq_builder *b = c->db->builder;
  pq_value entity, item;
  PQ_TRY(pq_graph_entity_shown(c, e, &entity));
  pq_builder_clear(b);
  PQ_TRY(pq_builder_begin_object(b));
  PQ_TRY(pq_builder_key_str(b, "node"));
  PQ_TRY(pq_builder_value(b, entity));
  PQ_TRY(pq_put_count(b, "depth", depth));
  PQ_TRY(pq_builder_end(b));
  PQ_TRY(pq_builder_finish(b, &c->replies, &item));
  return pq_reply_item(c, item);
}

static int reply_edge(pq_command *c, const pq_edge *e) {
  pq_builder *b = c->db->builder;
  pq_value item;
  pq_builder_clear(b);
  PQ_TRY(pq_builder_begin_object(b));
  PQ_TRY(pq_builder_key_str(b, "edge"));
  PQ_TRY(pq_edge_put(b, e));
  PQ_TRY(pq_builder_end(b));
  PQ_TRY(pq_builder_finish(b, &c->replies, &item));
  return pq_reply_item(c, item);
}

/* Items were queued: on with `next`, once they were taken. */
static int given(pq_command *c, pq_stage_fn next) {
  c->op.stage = next;
  if (!c->s.args.is_explain) return PQ_YIELD;
  pq_read_drop(c);
  return pq_read_again(c);
}

static int stage_give_edges(pq_op *op) {
  pq_command *c = pq_command_of(op);
  subgraph *s = search_of(c);
  uint32_t left = (uint32_t)s->edge_count - s->at;
  uint32_t count = left < PQ_GRAPH_BATCH ? left : PQ_GRAPH_BATCH;
  pq_edge *edges = pq_arena_calloc(&op->scratch, count, sizeof *edges);
  if (edges == NULL) return op->cx->code;
  PQ_TRY(pq_read_in_time(c));
  PQ_TRY(pq_graph_edges_read(c->s.graph, &op->fetch, &op->scratch, s->edges + s->at, count, edges));
  for (uint32_t i = 0; i < count; i++)
    PQ_TRY(reply_edge(c, &edges[i]));
  s->at += count;
  if (s->at == s->edge_count) return pq_read_end(c, stage_subgraph_end);
  return given(c, stage_give_edges);
}

static int stage_edges(pq_op *op) {
  pq_command *c = pq_command_of(op);
  subgraph *s = search_of(c);
  int rc;
  PQ_TRY(pq_read_in_time(c));
  rc = pq_spread_edges(&s->spread, &s->chooser.choice, &s->edges, &s->edge_count);
  if (rc == PQ_ASK) return pq_graph_ask(c, &s->chooser, stage_edges);
  PQ_TRY(rc);
  PQ_TRY(pq_graph_sort_edges(c->s.graph, op->cx, s->edges, (uint32_t)s->edge_count));
  s->at = 0;
  if (s->edge_count == 0) return pq_read_end(c, stage_subgraph_end);
  op->stage = stage_give_edges;
  return PQ_OK;
}

static int stage_give_nodes(pq_op *op) {
  pq_command *c = pq_command_of(op);
  subgraph *s = search_of(c);
  uint32_t left = s->spread.count - s->at;
  uint32_t count = left < PQ_GRAPH_BATCH ? left : PQ_GRAPH_BATCH;
  pq_entity *entities;
  PQ_TRY(pq_read_in_time(c));
  PQ_TRY(pq_graph_entities(c, s->spread.nodes + s->at, count, PQ_WANT_ALL, &entities));
  for (uint32_t i = 0; i < count; i++, s->at++) {
    while (s->depth_ends[s->depth] == s->at)
      s->depth++;
    if (entities[i].id.p == NULL) continue;
    PQ_TRY(reply_node(c, &entities[i], s->depth));
    c->s.count++;
  }
  return given(c, s->at == s->spread.count ? stage_edges : stage_give_nodes);
}

/* The seeds by their ids, as not all of them need have a number. */
static int stage_give_seeds(pq_op *op) {
  pq_command *c = pq_command_of(op);
  subgraph *s = search_of(c);
  uint32_t left = c->s.node_count - s->at;
  uint32_t count = left < PQ_GRAPH_BATCH ? left : PQ_GRAPH_BATCH;
  pq_entity *entities;
  PQ_TRY(pq_read_in_time(c));
  PQ_TRY(pq_nodes_read(c, s->at, count, PQ_WANT_ALL, &entities));
  for (uint32_t i = 0; i < count; i++) {
    if (entities[i].id.p == NULL) continue;
    PQ_TRY(reply_node(c, &entities[i], 0));
    c->s.count++;
  }
  s->at += count;
  if (s->at < c->s.node_count) return given(c, stage_give_seeds);
  s->at = s->depth_ends[0];
  return given(c, s->at == s->spread.count ? stage_edges : stage_give_nodes);
}

/* ---- levels ---- */

static int stage_level(pq_op *op);

/* The level is complete. */
static int end_level(pq_command *c) {
  subgraph *s = search_of(c);
  bool is_over = c->s.has_more || s->kept == s->spread.frontier || s->spread.depth >= s->hops_max;
  pq_spread_cut(&s->spread, s->kept);
  PQ_TRY(pq_room(&c->op.arena, (void **)&s->depth_ends, s->depth_count, &s->depth_cap,
                 sizeof *s->depth_ends));
  s->depth_ends[s->depth_count++] = s->kept;
  pq_run_of(c)->explored = s->spread.count;
  c->op.stage = is_over ? stage_give_seeds : stage_level;
  return pq_read_again(c);
}

/* Keep what matches, in the order of ids, while there is room. */
static int stage_keep(pq_op *op) {
  pq_command *c = pq_command_of(op);
  subgraph *s = search_of(c);
  pq_judged *j = &s->ends.choice.nodes;
  uint32_t numberless = c->s.node_count - s->depth_ends[0];
  uint64_t room = s->nodes_max == 0 ? UINT64_MAX : s->nodes_max - numberless;
  uint64_t asked_max = room - s->kept < PQ_GRAPH_BATCH ? 2 * (room - s->kept) + 16 : PQ_WANTED_MAX;
  for (; s->judged < s->spread.count && !c->s.has_more; s->judged++) {
    uint32_t node = s->spread.nodes[s->judged];
    if (!pq_judged_ask(j, node)) break;
    if (!pq_judged_is_good(j, node)) continue;
    if (s->kept == room)
      c->s.has_more = true;
    else
      s->spread.nodes[s->kept++] = node;
  }
  if (s->judged == s->spread.count || c->s.has_more) return end_level(c);
  for (uint32_t i = s->judged; i < s->spread.count && j->wanted_count < asked_max; i++)
    (void)pq_judged_ask(j, s->spread.nodes[i]);
  return pq_graph_ask(c, &s->ends, stage_keep);
}

static int stage_level(pq_op *op) {
  pq_command *c = pq_command_of(op);
  subgraph *s = search_of(c);
  int rc;
  PQ_TRY(pq_read_in_time(c));
  rc = pq_spread_step(&s->spread, &s->chooser.choice);
  if (rc == PQ_ASK) return pq_graph_ask(c, &s->chooser, stage_level);
  PQ_TRY(rc);
  s->judged = s->kept = s->spread.frontier;
  PQ_TRY(
      pq_graph_sort(s->spread.graph, op->cx, s->spread.nodes + s->kept, s->spread.count - s->kept));
  return stage_keep(op);
}

/* The seeds that are live: they are the first level. */
static int stage_seeds(pq_op *op) {
  pq_command *c = pq_command_of(op);
  subgraph *s = search_of(c);
  uint64_t max = s->nodes_max;
  PQ_TRY(pq_spread_init(&s->spread, &op->arena, c->s.graph));
  PQ_TRY(pq_chooser_open(c, &s->chooser));
  PQ_TRY(pq_chooser_open(c, &s->ends));
  if (max > 0 && c->s.node_count > max) {
    c->s.node_count = (uint32_t)max;
    c->s.has_more = true;
  }
  for (uint32_t i = 0; i < c->s.node_count; i++)
    PQ_TRY(pq_spread_add(&s->spread, pq_graph_node(c->s.graph, c->s.nodes[i])));
  s->kept = s->spread.count;
  return end_level(c);
}

static void plan_subgraph(const pq_command *c, pq_graph_read_plan *p) {
  const subgraph *s = search_of(c);
  pq_chooser_plan(&s->chooser, p);
  pq_chooser_plan(&s->ends, p);
  p->shows_nodes = p->shows_edges = true;
  p->seed_turns = 1 + c->s.node_count / PQ_GRAPH_BATCH;
}

int pq_open_subgraph(pq_command *c, pq_value target) {
  subgraph *s = pq_arena_calloc(&c->arena, 1, sizeof *s);
  if (s == NULL) return c->op.cx->code;
  PQ_TRY(pq_graph_run_new(c, stage_seeds));
  PQ_TRY(pq_graph_seeds(c, target));
  PQ_TRY(pq_read_language(c));
  s->hops_max = HOPS_DEFAULT;
  s->nodes_max = NODES_DEFAULT;
  PQ_TRY(pq_own_count(c, "maxHops", pq_own_option(c, "maxHops"), UINT32_MAX, &s->hops_max));
  PQ_TRY(pq_own_count(c, "maxNodes", pq_own_option(c, "maxNodes"), UINT32_MAX, &s->nodes_max));
  PQ_TRY(pq_chooser_parse(c, PQ_BOTH, &s->chooser));
  s->ends.node_filter = s->chooser.node_filter;
  s->chooser.node_filter = NULL;
  pq_run_of(c)->needs_seeds = true;
  pq_run_of(c)->plan = plan_subgraph;
  pq_run_of(c)->search = s;
  return PQ_OK;
}
