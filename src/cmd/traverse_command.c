/* cmd/traverse_command.c - traverse: its options, and which way it goes. See traverse_int.h.
 *
 *   {"traverse": ID or [ID…], "path": [STEP…]}
 *   STEP = "knows" | {"predicate", "direction", "min", "max", "filter", "edgeFilter"}
 *
 * A hop from a few nodes, when the graph is not at hand, is answered by page index, as are simple
 * steps where memory has no room for the graph:
 *
 *   sources must be live ─► edges of the frontier ─► distinct far ends ─► those that are live
 *                               └──────────── once per hop ────────────┘
 */
#include "cmd/traverse_int.h"

enum { LEGS_MAX = 64, FEW_SOURCES = 16 };

/* ---- by page index ---- */

static int stage_hops_end(pq_op *op) {
  pq_command *c = pq_command_of(op);
  pq_builder *b = c->db->builder;
  if (c->s.args.is_explain) PQ_TRY(pq_explain_other(c, PQ_GRAPH_PLAN));
  PQ_TRY(pq_summary_begin(c));
  PQ_TRY(pq_summary_count(c, "n", c->s.count));
  PQ_TRY(pq_builder_key_str(b, "hasMore"));
  PQ_TRY(pq_builder_bool(b, c->s.has_more));
  PQ_TRY(pq_builder_key_str(b, "hops"));
  PQ_TRY(pq_builder_begin_array(b));
  for (uint32_t i = 0; i < c->s.hop_count; i++)
    PQ_TRY(pq_own_put_number(b, c->s.hops[i].reached));
  PQ_TRY(pq_builder_end(b));
  return pq_summary_end(c, c->s.snapshot.view.seq);
}

static int stage_hop(pq_op *op);

static int stage_hops_replies(pq_op *op) {
  pq_command *c = pq_command_of(op);
  pq_entity *ends;
  PQ_TRY(pq_read_in_time(c));
  PQ_TRY(pq_nodes_read(c, 0, c->s.node_count, PQ_WANT_ALL, &ends));
  for (uint32_t i = 0; i < c->s.node_count; i++)
    if (ends[i].id.p != NULL && pq_traverse_take(c)) PQ_TRY(pq_reply_entity(c, &ends[i]));
  return pq_read_end(c, stage_hops_end);
}

/* Keep the live ones of the frontier; go on with the next hop or reply. */
static int stage_live(pq_op *op) {
  pq_command *c = pq_command_of(op);
  PQ_TRY(pq_read_in_time(c));
  PQ_TRY(pq_nodes_keep_live(c));
  c->s.hops[c->s.hop].reached = c->s.node_count;
  c->s.hop++;
  op->stage = c->s.hop == c->s.hop_count ? stage_hops_replies : stage_hop;
  return pq_read_again(c);
}

static int stage_hop(pq_op *op) {
  pq_command *c = pq_command_of(op);
  const pq_hop *hop = &c->s.hops[c->s.hop];
  pq_edge_query q = {.nodes = c->s.nodes,
                     .node_count = c->s.node_count,
                     .predicate = hop->predicate,
                     .is_reverse = hop->is_reverse};
  pq_edge *edges;
  uint32_t count;
  PQ_TRY(pq_read_in_time(c));
  PQ_TRY(pq_edges_read(&c->s.snapshot.view, &op->fetch, &op->scratch, &q, &edges, &count));
  PQ_TRY(pq_nodes_set(c, edges, count, hop->is_reverse));
  op->stage = stage_live;
  return pq_read_again(c);
}

static int stage_hops_source(pq_op *op) {
  pq_command *c = pq_command_of(op);
  PQ_TRY(pq_read_in_time(c));
  PQ_TRY(pq_nodes_keep_live(c));
  if (c->s.node_count == 0) return pq_read_end(c, stage_hops_end);
  op->stage = stage_hop;
  return pq_read_again(c);
}

/* ---- which way ---- */

bool pq_traverse_is_by_index(const pq_command *c) {
  return c->s.hop_count == 1 && c->s.node_count <= FEW_SOURCES;
}

/* The snapshot is open. */
static pq_stage_fn choose(pq_command *c) {
  bool is_cold = !pq_graph_is_warm(c->s.space->graphs, &c->s.snapshot.view);
  return is_cold && pq_traverse_is_by_index(c) ? stage_hops_source : NULL;
}

/* ---- options ---- */

static bool is_known_field(pq_slice name) {
  static const char *const names[] = {"predicate", "direction",  "min", "max",
                                      "filter",    "edgeFilter", NULL};
  for (uint32_t i = 0; names[i] != NULL; i++)
    if (pq_slice_is(name, names[i])) return true;
  return false;
}

static int bad_step(pq_command *c, const char *why) {
  return pq_fail(c->op.cx, PQ_EINVALID,
                 "traverse: a step is a predicate, or an object with some of 'predicate', "
                 "'direction', 'min', 'max', 'filter', 'edgeFilter': %s",
                 why);
}

static int take_bounds(pq_command *c, pq_value v, pq_leg *leg) {
  pq_value vmin = pq_object_get_str(v, "min"), vmax = pq_object_get_str(v, "max");
  uint64_t min = 1, max;
  PQ_TRY(pq_own_count(c, "min", vmin, INT32_MAX, &min));
  max = min;
  PQ_TRY(pq_own_count(c, "max", vmax, INT32_MAX, &max));
  if (!pq_value_is_missing(vmax) && max == 0) max = PQ_NO_MAX;
  if (pq_value_is_missing(vmax) && max == 0) return bad_step(c, "'min' 0 needs a 'max'");
  if (max < min) return bad_step(c, "'max' is less than 'min'");
  leg->min = (uint32_t)min;
  leg->max = (uint32_t)max;
  return PQ_OK;
}

static int take_step(pq_command *c, pq_value v, pq_direction direction, pq_chooser *k,
                     pq_leg *leg) {
  pq_field *fields;
  uint32_t count;
  *k = (pq_chooser){.direction = direction, .names = {.is_any = true}};
  *leg = (pq_leg){1, 1, &k->choice};
  if (pq_value_type(v) == PQ_TYPE_STRING) return pq_own_predicates(c, "path", v, &k->names);
  if (pq_value_type(v) != PQ_TYPE_OBJECT) return bad_step(c, "this is neither");
  fields = pq_object_fields(&c->arena, v, &count);
  if (fields == NULL) return c->op.cx->code;
  for (uint32_t i = 0; i < count; i++)
    if (!is_known_field(fields[i].name)) return bad_step(c, "this one has another field");
  PQ_TRY(pq_own_predicates(c, "predicate", pq_object_get_str(v, "predicate"), &k->names));
  PQ_TRY(pq_own_direction(c, "direction", pq_object_get_str(v, "direction"), &k->direction));
  PQ_TRY(pq_own_filter(c, "filter", pq_object_get_str(v, "filter"), &k->node_filter));
  PQ_TRY(pq_own_filter(c, "edgeFilter", pq_object_get_str(v, "edgeFilter"), &k->edge_filter));
  return take_bounds(c, v, leg);
}

static int take_steps(pq_command *c, pq_traverse *t) {
  pq_direction direction = PQ_OUT;
  uint32_t n = pq_value_count(c->s.args.path);
  if (n == 0)
    return pq_fail(c->op.cx, PQ_EINVALID, "traverse: option 'path' needs at least one step");
  if (n > LEGS_MAX) return pq_fail(c->op.cx, PQ_ELIMIT, "traverse: more than %d steps", LEGS_MAX);
  PQ_TRY(pq_own_direction(c, "direction", pq_own_option(c, "direction"), &direction));
  t->steps = pq_arena_calloc(&c->arena, n, sizeof *t->steps);
  t->legs = pq_arena_calloc(&c->arena, n, sizeof *t->legs);
  if (t->steps == NULL || t->legs == NULL) return c->op.cx->code;
  t->leg_count = n;
  t->is_fixed = true;
  for (uint32_t i = 0; i < n; i++) {
    PQ_TRY(take_step(c, pq_array_at(c->s.args.path, i), direction, &t->steps[i], &t->legs[i]));
    t->is_fixed &= t->legs[i].min == t->legs[i].max;
    t->fixed_depth += t->legs[i].min;
  }
  return PQ_OK;
}

static int take_options(pq_command *c, pq_traverse *t) {
  static const char *const uniqueness[] = {"node", "edge", "none", NULL};
  static const char *const orders[] = {"breadth", "depth", NULL};
  static const char *const returns[] = {"ends", "nodes", "edges", "paths", "ids", "count", NULL};
  uint32_t u = 0, o = 0, r = 0;
  pq_value order = pq_own_option(c, "order");
  PQ_TRY(pq_own_word(c, "uniqueness", pq_own_option(c, "uniqueness"), uniqueness, &u));
  PQ_TRY(pq_own_word(c, "order", order, orders, &o));
  PQ_TRY(pq_own_word(c, "return", pq_own_option(c, "return"), returns, &r));
  PQ_TRY(pq_own_flag(c, "depth", pq_own_option(c, "depth"), &t->wants_depth));
  PQ_TRY(pq_own_flag(c, "cycles", pq_own_option(c, "cycles"), &t->is_cycles));
  t->paths_max = 1000000;
  PQ_TRY(pq_own_count(c, "maxPaths", pq_own_option(c, "maxPaths"), UINT32_MAX, &t->paths_max));
  PQ_TRY(pq_own_filter(c, "filter", pq_own_option(c, "filter"), &t->ends.node_filter));
  t->uniqueness = (pq_uniqueness)u;
  t->has_order = !pq_value_is_missing(order);
  t->order = o == 1 ? PQ_ORDER_DEPTH : PQ_ORDER_BREADTH;
  t->returns = (pq_traverse_return)r;
  t->ends.direction = PQ_OUT;
  return PQ_OK;
}

static int check_options(pq_command *c, const pq_traverse *t) {
  bool shows_entities = t->returns == PQ_RETURN_ENDS || t->returns == PQ_RETURN_NODES;
  bool is_of_paths = t->returns == PQ_RETURN_PATHS || t->returns == PQ_RETURN_COUNT;
  if (!shows_entities && (t->wants_depth || !pq_value_is_missing(c->s.args.project)))
    return pq_fail(c->op.cx, PQ_EINVALID,
                   "traverse: 'project' and 'depth' are for entities: \"return\": \"ends\" or "
                   "\"nodes\"");
  if (t->is_cycles && !is_of_paths)
    return pq_fail(c->op.cx, PQ_EINVALID,
                   "traverse: 'cycles' is for \"return\": \"paths\" or \"count\"");
  for (uint32_t i = 0; i < t->leg_count; i++)
    if (t->legs[i].max == PQ_NO_MAX && t->uniqueness == PQ_UNIQUE_NONE)
      return pq_fail(c->op.cx, PQ_EINVALID,
                     "traverse: a step without a bound (\"max\": 0) needs the uniqueness \"node\" "
                     "or \"edge\"");
  return PQ_OK;
}

/* Steps that need no graph, as hops; none: hop_count stays 0. */
static int take_hops(pq_command *c, const pq_traverse *t) {
  bool is_simple = t->returns == PQ_RETURN_ENDS && t->uniqueness == PQ_UNIQUE_NODE &&
                   !t->has_order && !t->wants_depth && t->ends.node_filter == NULL;
  for (uint32_t i = 0; i < t->leg_count; i++) {
    const pq_chooser *k = &t->steps[i];
    is_simple &= t->legs[i].min == 1 && t->legs[i].max == 1 && k->direction != PQ_BOTH &&
                 k->node_filter == NULL && k->edge_filter == NULL &&
                 (k->names.is_any || k->names.count == 1);
  }
  if (!is_simple) return PQ_OK;
  c->s.hops = pq_arena_calloc(&c->arena, t->leg_count, sizeof *c->s.hops);
  if (c->s.hops == NULL) return c->op.cx->code;
  c->s.hop_count = t->leg_count;
  for (uint32_t i = 0; i < t->leg_count; i++) {
    c->s.hops[i].is_reverse = t->steps[i].direction == PQ_IN;
    if (!t->steps[i].names.is_any) c->s.hops[i].predicate = t->steps[i].names.items[0];
  }
  return PQ_OK;
}

static void plan_traverse(const pq_command *c, pq_graph_read_plan *p) {
  const pq_traverse *t = pq_traverse_of(c);
  for (uint32_t i = 0; i < t->leg_count; i++)
    pq_chooser_plan(&t->steps[i], p);
  if (t->returns != PQ_RETURN_ENDS) pq_chooser_plan(&t->ends, p);
  p->shows_nodes = t->returns == PQ_RETURN_ENDS || t->returns == PQ_RETURN_NODES;
  p->shows_edges = t->returns == PQ_RETURN_EDGES;
  p->path_turns = p->paths_max = t->returns == PQ_RETURN_PATHS ? UINT64_MAX : 0;
}

int pq_open_traverse(pq_command *c, pq_value target) {
  pq_traverse *t = pq_arena_calloc(&c->arena, 1, sizeof *t);
  pq_graph_run *run;
  if (t == NULL) return c->op.cx->code;
  PQ_TRY(pq_graph_run_new(c, pq_stage_traverse_search));
  PQ_TRY(pq_graph_seeds(c, target));
  PQ_TRY(pq_read_language(c));
  PQ_TRY(take_steps(c, t));
  PQ_TRY(take_options(c, t));
  PQ_TRY(check_options(c, t));
  PQ_TRY(take_hops(c, t));
  run = pq_run_of(c);
  run->search = t;
  run->needs_seeds = t->legs[0].min == 0; /* the sources are its ends */
  run->directions = PQ_OUT;
  for (uint32_t i = 0; i < t->leg_count; i++)
    run->directions = (pq_direction)(run->directions | t->steps[i].direction);
  run->choose = choose;
  run->plan = plan_traverse;
  run->without = c->s.hop_count > 0 ? stage_hops_source : NULL;
  return PQ_OK;
}
