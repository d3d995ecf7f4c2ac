/* cmd/path_command.c - path, connected, neighbourhood: how two nodes hang together, and how many
 * are around one.
 *
 *   from, to live? ─► routes (graph/routes.h), stopping for documents ─► a batch ─► items ─► end
 *                                     ▲                                    │
 *                                     └────────────────────────────────────┘
 */
#include "base/slices.h"
#include "cmd/graph_search.h"
#include "graph/routes.h"
#include "graph/spread.h"

enum { K_MAX = 10000, ALL_DEFAULT = 100, HOPS_DEFAULT = 2, BATCH = 256 };

typedef struct path_search {
  pq_chooser chooser;
  pq_slice from, to;
  uint64_t hops_max, k, limit; /* hops_max 0: none */
  bool is_all, shows_entities, is_over;
  pq_routes routes;
  pq_shortest shortest; /* connected */
  pq_route *batch;
  uint32_t batch_count;
  uint32_t *counts, count_count, count_cap; /* neighbourhood: nodes by depth */
  pq_spread spread;
  uint64_t edges;
  uint32_t length; /* of the first path */
} path_search;

static path_search *search_of(const pq_command *c) {
  return pq_run_of(c)->search;
}

static uint32_t hops_max(const path_search *s) {
  return s->hops_max == 0 ? PQ_NO_LENGTH : (uint32_t)s->hops_max;
}

/* ---- options ---- */

static int take_ends(pq_command *c, pq_value target, path_search *s) {
  pq_value from = pq_object_get_str(target, "from"), to = pq_object_get_str(target, "to");
  uint32_t count = 2;
  if (pq_value_type(target) != PQ_TYPE_OBJECT || pq_value_count(target) != 2 ||
      pq_value_is_missing(from) || pq_value_is_missing(to))
    return pq_fail(c->op.cx, PQ_EINVALID, "%s: expects {\"from\": ID, \"to\": ID}",
                   c->s.spec->name);
  PQ_TRY(pq_target_id(c, from));
  s->from = c->s.id;
  PQ_TRY(pq_target_id(c, to));
  s->to = c->s.id;
  c->s.nodes = pq_arena_calloc(&c->arena, 2, sizeof *c->s.nodes);
  if (c->s.nodes == NULL) return c->op.cx->code;
  c->s.nodes[0] = s->from;
  c->s.nodes[1] = s->to;
  PQ_TRY(pq_slices_sort(c->op.cx, c->s.nodes, &count));
  c->s.node_count = count;
  return PQ_OK;
}

static int take_path(pq_command *c, const char *name, pq_value v, pq_path *out, bool *is_given) {
  pq_slice text = {0};
  PQ_TRY(pq_own_text(c, name, v, &text));
  *is_given = text.n > 0;
  return *is_given ? pq_path_parse(&c->arena, text, out) : PQ_OK;
}

static int take_weights(pq_command *c, path_search *s) {
  pq_chooser *k = &s->chooser;
  pq_value heuristic = pq_own_option(c, "heuristic"), normal = pq_own_option(c, "defaultWeight");
  PQ_TRY(take_path(c, "weight", pq_own_option(c, "weight"), &k->weight, &k->has_weight));
  k->has_default_weight = !pq_value_is_missing(normal);
  if (k->has_default_weight &&
      (!pq_own_number(normal, &k->default_weight) || !(k->default_weight >= 0)))
    return pq_fail(c->op.cx, PQ_EINVALID, "path: 'defaultWeight' must be a number, 0 or more");
  if (!pq_value_is_missing(heuristic)) {
    if (pq_value_type(heuristic) != PQ_TYPE_OBJECT || pq_value_count(heuristic) != 1)
      return pq_fail(c->op.cx, PQ_EINVALID, "path: 'heuristic' must be {\"property\": NAME}");
    PQ_TRY(take_path(c, "heuristic.property", pq_object_get_str(heuristic, "property"),
                     &k->estimate, &k->has_estimate));
    if (!k->has_estimate)
      return pq_fail(c->op.cx, PQ_EINVALID, "path: 'heuristic' must be {\"property\": NAME}");
  }
  if (!k->has_weight && (k->has_default_weight || k->has_estimate))
    return pq_fail(c->op.cx, PQ_EINVALID,
                   "path: 'defaultWeight' and 'heuristic' are for paths with a 'weight'");
  if (s->hops_max > 0) k->has_estimate = false; /* the bound leaves nothing to it */
  return PQ_OK;
}

static int take_choice(pq_command *c, path_search *s, pq_direction direction) {
  PQ_TRY(pq_read_language(c));
  PQ_TRY(pq_own_count(c, "maxHops", pq_own_option(c, "maxHops"), UINT32_MAX - 1, &s->hops_max));
  return pq_chooser_parse(c, direction, &s->chooser);
}

static int new_search(pq_command *c, pq_stage_fn begin, path_search **out) {
  *out = pq_arena_calloc(&c->arena, 1, sizeof **out);
  if (*out == NULL) return c->op.cx->code;
  PQ_TRY(pq_graph_run_new(c, begin));
  pq_run_of(c)->search = *out;
  pq_run_of(c)->needs_seeds = true;
  return PQ_OK;
}

static void plan_path(const pq_command *c, pq_graph_read_plan *p) {
  const path_search *s = search_of(c);
  pq_chooser_plan(&s->chooser, p);
  p->shows_nodes = s->shows_entities;
  if (c->s.spec->open != pq_open_path) return;
  p->paths_max = !s->is_all ? s->k : s->limit > 0 ? s->limit : UINT64_MAX;
  p->path_turns = p->paths_max == UINT64_MAX ? UINT64_MAX : 1 + p->paths_max / BATCH;
}

/* ---- the ends of a search ---- */

static bool is_live(const pq_command *c, pq_slice id) {
  return pq_slices_find(c->s.nodes, c->s.node_count, id) < c->s.node_count;
}

/* The numbers of from and to; false: one of them is not there, or has no edge. */
static bool find_ends(const pq_command *c, uint32_t *from, uint32_t *to) {
  const path_search *s = search_of(c);
  *from = pq_graph_node(c->s.graph, s->from);
  *to = pq_graph_node(c->s.graph, s->to);
  return is_live(c, s->from) && is_live(c, s->to) && *from != PQ_NO_NODE && *to != PQ_NO_NODE;
}

/* ---- path: items ---- */

static int stage_path_end(pq_op *op) {
  pq_command *c = pq_command_of(op);
  pq_builder *b = c->db->builder;
  path_search *s = search_of(c);
  uint64_t explored = pq_routes_explored(&s->routes);
  pq_run_of(c)->explored = explored;
  if (c->s.args.is_explain) {
    const char *plan = !s->chooser.has_weight    ? "graph, from both ends"
                       : s->chooser.has_estimate ? "graph, A*"
                       : s->hops_max > 0         ? "graph, lightest first, by hops"
                                                 : "graph, lightest first";
    PQ_TRY(pq_graph_explain(c, plan, s->chooser.choice.arcs));
  }
  PQ_TRY(pq_summary_begin(c));
  PQ_TRY(pq_summary_count(c, "n", c->s.count));
  PQ_TRY(pq_builder_key_str(b, "length"));
  if (c->s.count == 0)
    PQ_TRY(pq_builder_null(b));
  else
    PQ_TRY(pq_own_put_number(b, s->length));
  PQ_TRY(pq_summary_count(c, "explored", explored));
  if (s->is_all) {
    PQ_TRY(pq_builder_key_str(b, "hasMore"));
    PQ_TRY(pq_builder_bool(b, c->s.has_more));
  }
  return pq_summary_end(c, c->s.snapshot.view.seq);
}

static int put_nodes(pq_command *c, const pq_route *r, const pq_value *entities) {
  pq_builder *b = c->db->builder;
  PQ_TRY(pq_builder_key_str(b, "nodes"));
  PQ_TRY(pq_builder_begin_array(b));
  for (uint32_t i = 0; i <= r->count; i++)
    if (entities != NULL)
      PQ_TRY(pq_builder_value(b, entities[i]));
    else
      PQ_TRY(pq_builder_string(b, pq_graph_id(c->s.graph, r->nodes[i])));
  return pq_builder_end(b);
}

static int reply_route(pq_command *c, const pq_route *r, const pq_value *entities,
                       const pq_edge *edges) {
  pq_builder *b = c->db->builder;
  pq_value item;
  pq_builder_clear(b);
  PQ_TRY(pq_builder_begin_object(b));
  PQ_TRY(pq_put_count(b, "length", r->count));
  if (search_of(c)->chooser.has_weight) {
    PQ_TRY(pq_builder_key_str(b, "weight"));
    PQ_TRY(pq_builder_double(b, r->weight));
  }
  PQ_TRY(put_nodes(c, r, entities));
  PQ_TRY(pq_builder_key_str(b, "edges"));
  PQ_TRY(pq_builder_begin_array(b));
  for (uint32_t i = 0; i < r->count; i++)
    PQ_TRY(pq_edge_put(b, &edges[i]));
  PQ_TRY(pq_builder_end(b));
  PQ_TRY(pq_builder_end(b));
  PQ_TRY(pq_builder_finish(b, &c->replies, &item));
  return pq_reply_item(c, item);
}

static int show_all(pq_command *c, const pq_entity *entities, uint32_t count, pq_value *shown) {
  for (uint32_t i = 0; i < count; i++) {
    pq_assert(entities[i].id.p != NULL); /* an edge shows where its ends are live */
    PQ_TRY(pq_graph_entity_shown(c, &entities[i], &shown[i]));
  }
  return PQ_OK;
}

static int stage_routes(pq_op *op);

/* The paths of the batch, with their edges and perhaps entities. */
static int stage_give(pq_op *op) {
  pq_command *c = pq_command_of(op);
  path_search *s = search_of(c);
  uint32_t edge_count = 0, node_count = 0, at = 0, node_at = 0;
  pq_entity *entities = NULL;
  pq_value *shown = NULL;
  uint32_t *edges, *nodes;
  pq_edge *read;
  PQ_TRY(pq_read_in_time(c));
  for (uint32_t i = 0; i < s->batch_count; i++)
    edge_count += s->batch[i].count;
  node_count = edge_count + s->batch_count;
  edges = pq_arena_array(&op->scratch, (size_t)edge_count + 1, sizeof *edges);
  nodes = pq_arena_array(&op->scratch, (size_t)node_count + 1, sizeof *nodes);
  read = pq_arena_calloc(&op->scratch, (size_t)edge_count + 1, sizeof *read);
  shown = pq_arena_calloc(&op->scratch, (size_t)node_count + 1, sizeof *shown);
  if (edges == NULL || nodes == NULL || read == NULL || shown == NULL) return op->cx->code;
  for (uint32_t i = 0; i < s->batch_count; i++) {
    for (uint32_t k = 0; k < s->batch[i].count; k++)
      edges[at++] = s->batch[i].edges[k];
    for (uint32_t k = 0; k <= s->batch[i].count; k++)
      nodes[node_at++] = s->batch[i].nodes[k];
  }
  PQ_TRY(pq_graph_edges_read(c->s.graph, &op->fetch, &op->scratch, edges, edge_count, read));
  if (s->shows_entities) {
    PQ_TRY(pq_graph_entities(c, nodes, node_count, PQ_WANT_ALL, &entities));
    PQ_TRY(show_all(c, entities, node_count, shown));
  }
  at = node_at = 0;
  for (uint32_t i = 0; i < s->batch_count; i++) {
    PQ_TRY(reply_route(c, &s->batch[i], s->shows_entities ? shown + node_at : NULL, read + at));
    at += s->batch[i].count;
    node_at += s->batch[i].count + 1;
  }
  s->batch_count = 0;
  if (s->is_over) return pq_read_end(c, stage_path_end);
  op->stage = stage_routes;
  if (!c->s.args.is_explain) return PQ_YIELD;
  pq_read_drop(c);
  return pq_read_again(c);
}

/* ---- path: the search ---- */

static int stage_routes(pq_op *op) {
  pq_command *c = pq_command_of(op);
  path_search *s = search_of(c);
  PQ_TRY(pq_read_in_time(c));
  while (!s->is_over && s->batch_count < BATCH) {
    const pq_route *route;
    int rc = pq_routes_next(&s->routes, &route);
    if (rc == PQ_ASK) return pq_graph_ask(c, &s->chooser, stage_routes);
    PQ_TRY(rc);
    if (route != NULL && s->is_all && s->limit > 0 && c->s.count == s->limit) {
      c->s.has_more = s->is_over = true;
      break;
    }
    if (route != NULL) {
      if (c->s.count++ == 0) s->length = route->count;
      s->batch[s->batch_count++] = *route;
    }
    s->is_over = route == NULL || (!s->is_all && c->s.count == s->k);
  }
  if (s->batch_count == 0) return pq_read_end(c, stage_path_end);
  op->stage = stage_give;
  return pq_read_again(c);
}

/* From a node to itself. */
static int give_itself(pq_command *c) {
  path_search *s = search_of(c);
  pq_route *r = &s->batch[0];
  s->is_over = true;
  if (!is_live(c, s->from)) return pq_read_end(c, stage_path_end);
  *r = (pq_route){.nodes = pq_arena_array(&c->op.arena, 1, sizeof *r->nodes)};
  if (r->nodes == NULL) return c->op.cx->code;
  PQ_TRY(pq_graph_number(c->s.graph, s->from, &r->nodes[0]));
  s->batch_count = 1;
  c->s.count = 1;
  c->op.stage = stage_give;
  return pq_read_again(c);
}

static int stage_path(pq_op *op) {
  pq_command *c = pq_command_of(op);
  path_search *s = search_of(c);
  pq_chooser *k = &s->chooser;
  uint32_t from, to;
  s->batch = pq_arena_array(&op->arena, BATCH, sizeof *s->batch);
  if (s->batch == NULL) return op->cx->code;
  if (pq_slice_eq(s->from, s->to)) return give_itself(c);
  if (!find_ends(c, &from, &to)) return pq_read_end(c, stage_path_end);
  if (k->has_weight && k->weights.values == NULL) return pq_graph_weigh(c, k, stage_path);
  PQ_TRY(pq_chooser_open(c, k));
  PQ_TRY(pq_routes_init(&s->routes, &op->arena, &k->choice, &k->weights, k->estimates));
  pq_routes_begin(&s->routes, from, to, hops_max(s), s->is_all);
  op->stage = stage_routes;
  return pq_read_again(c);
}

int pq_open_path(pq_command *c, pq_value target) {
  static const char *const returns[] = {"ids", "entities", NULL};
  path_search *s;
  uint32_t returned = 0;
  bool has_limit = (c->s.args.given & PQ_OPT_LIMIT) != 0;
  PQ_TRY(new_search(c, stage_path, &s));
  PQ_TRY(take_ends(c, target, s));
  PQ_TRY(take_choice(c, s, PQ_OUT));
  PQ_TRY(take_weights(c, s));
  s->k = 1;
  s->limit = has_limit ? c->s.args.limit : ALL_DEFAULT;
  PQ_TRY(pq_own_flag(c, "all", pq_own_option(c, "all"), &s->is_all));
  PQ_TRY(pq_own_count(c, "k", pq_own_option(c, "k"), K_MAX, &s->k));
  PQ_TRY(pq_own_word(c, "return", pq_own_option(c, "return"), returns, &returned));
  s->shows_entities = returned == 1;
  pq_run_of(c)->plan = plan_path;
  if (s->k == 0) return pq_fail(c->op.cx, PQ_EINVALID, "path: 'k' must be 1 or more");
  if (s->is_all && !pq_value_is_missing(pq_own_option(c, "k")))
    return pq_fail(c->op.cx, PQ_EINVALID, "path: 'all' and 'k' are two different questions");
  if (!s->is_all && has_limit)
    return pq_fail(c->op.cx, PQ_EINVALID, "path: 'limit' is for 'all'; how many: 'k'");
  if (!s->shows_entities && !pq_value_is_missing(c->s.args.project))
    return pq_fail(c->op.cx, PQ_EINVALID, "path: 'project' is for \"return\": \"entities\"");
  return PQ_OK;
}

/* ---- connected ---- */

static int connected_end(pq_command *c, uint32_t length) {
  pq_builder *b = c->db->builder;
  path_search *s = search_of(c);
  pq_run_of(c)->explored = s->shortest.explored;
  if (c->s.args.is_explain)
    PQ_TRY(pq_graph_explain(c, "graph, from both ends", s->chooser.choice.arcs));
  PQ_TRY(pq_summary_begin(c));
  PQ_TRY(pq_builder_key_str(b, "connected"));
  PQ_TRY(pq_builder_bool(b, length != PQ_NO_LENGTH));
  PQ_TRY(pq_builder_key_str(b, "distance"));
  if (length == PQ_NO_LENGTH)
    PQ_TRY(pq_builder_null(b));
  else
    PQ_TRY(pq_own_put_number(b, length));
  return pq_summary_end(c, c->s.snapshot.view.seq);
}

static int stage_connected_end(pq_op *op) {
  pq_command *c = pq_command_of(op);
  return connected_end(c, search_of(c)->length);
}

static int stage_distance(pq_op *op) {
  pq_command *c = pq_command_of(op);
  path_search *s = search_of(c);
  int rc;
  PQ_TRY(pq_read_in_time(c));
  rc = pq_shortest_go(&s->shortest);
  if (rc == PQ_ASK) return pq_graph_ask(c, &s->chooser, stage_distance);
  PQ_TRY(rc);
  s->length = s->shortest.length;
  return pq_read_end(c, stage_connected_end);
}

static int stage_connected(pq_op *op) {
  pq_command *c = pq_command_of(op);
  path_search *s = search_of(c);
  uint32_t from, to;
  s->length = PQ_NO_LENGTH;
  if (pq_slice_eq(s->from, s->to)) {
    s->length = is_live(c, s->from) ? 0 : PQ_NO_LENGTH;
    return pq_read_end(c, stage_connected_end);
  }
  if (!find_ends(c, &from, &to)) return pq_read_end(c, stage_connected_end);
  PQ_TRY(pq_chooser_open(c, &s->chooser));
  PQ_TRY(pq_shortest_init(&s->shortest, &op->arena, &s->chooser.choice));
  s->shortest.is_distance_only = true;
  PQ_TRY(pq_shortest_begin(&s->shortest, from, to, hops_max(s), (pq_barred){0}));
  op->stage = stage_distance;
  return pq_read_again(c);
}

int pq_open_connected(pq_command *c, pq_value target) {
  path_search *s;
  PQ_TRY(new_search(c, stage_connected, &s));
  PQ_TRY(take_ends(c, target, s));
  pq_run_of(c)->plan = plan_path;
  return take_choice(c, s, PQ_OUT);
}

/* ---- neighbourhood ---- */

static int stage_neighbourhood_end(pq_op *op) {
  pq_command *c = pq_command_of(op);
  pq_builder *b = c->db->builder;
  path_search *s = search_of(c);
  uint64_t n = 0;
  if (c->s.args.is_explain)
    PQ_TRY(pq_graph_explain(c, "graph, level by level", s->chooser.choice.arcs));
  PQ_TRY(pq_summary_begin(c));
  PQ_TRY(pq_builder_key_str(b, "counts"));
  PQ_TRY(pq_builder_begin_array(b));
  for (uint32_t i = 0; i < s->count_count; i++) {
    PQ_TRY(pq_own_put_number(b, s->counts[i]));
    n += s->counts[i];
  }
  PQ_TRY(pq_builder_end(b));
  PQ_TRY(pq_summary_count(c, "edges", s->edges));
  PQ_TRY(pq_summary_count(c, "n", n));
  return pq_summary_end(c, c->s.snapshot.view.seq);
}

static int stage_around_edges(pq_op *op) {
  pq_command *c = pq_command_of(op);
  path_search *s = search_of(c);
  int rc;
  PQ_TRY(pq_read_in_time(c));
  rc = pq_spread_edges(&s->spread, &s->chooser.choice, NULL, &s->edges);
  if (rc == PQ_ASK) return pq_graph_ask(c, &s->chooser, stage_around_edges);
  PQ_TRY(rc);
  return pq_read_end(c, stage_neighbourhood_end);
}

static int add_count(pq_command *c, uint32_t count) {
  path_search *s = search_of(c);
  PQ_TRY(
      pq_room(&c->op.arena, (void **)&s->counts, s->count_count, &s->count_cap, sizeof *s->counts));
  s->counts[s->count_count++] = count;
  return PQ_OK;
}

static int stage_around(pq_op *op) {
  pq_command *c = pq_command_of(op);
  path_search *s = search_of(c);
  uint32_t before = s->spread.count;
  int rc = PQ_OK;
  PQ_TRY(pq_read_in_time(c));
  if (s->spread.depth < s->hops_max) rc = pq_spread_step(&s->spread, &s->chooser.choice);
  if (rc == PQ_ASK) return pq_graph_ask(c, &s->chooser, stage_around);
  PQ_TRY(rc);
  pq_run_of(c)->explored = s->spread.count;
  if (s->spread.count == before) {
    op->stage = stage_around_edges;
    return PQ_OK;
  }
  PQ_TRY(add_count(c, s->spread.count - before));
  return pq_read_again(c);
}

static int stage_neighbourhood(pq_op *op) {
  pq_command *c = pq_command_of(op);
  path_search *s = search_of(c);
  if (c->s.node_count == 0) return pq_read_end(c, stage_neighbourhood_end);
  PQ_TRY(pq_chooser_open(c, &s->chooser));
  PQ_TRY(pq_spread_init(&s->spread, &op->arena, c->s.graph));
  PQ_TRY(pq_spread_add(&s->spread, pq_graph_node(c->s.graph, c->s.nodes[0])));
  PQ_TRY(add_count(c, 1));
  op->stage = stage_around;
  return pq_read_again(c);
}

int pq_open_neighbourhood(pq_command *c, pq_value target) {
  path_search *s;
  PQ_TRY(new_search(c, stage_neighbourhood, &s));
  PQ_TRY(pq_nodes_open(c, target));
  s->hops_max = HOPS_DEFAULT;
  pq_run_of(c)->plan = plan_path;
  return take_choice(c, s, PQ_BOTH);
}
