/* cmd/graph_search.c - the graph of a snapshot for commands, and documents that decide. See
 * graph_search.h.
 */
#include "cmd/graph_search.h"

#include <math.h>

#include "base/hash.h"
#include "base/merge_sort.h"
#include "base/slices.h"
#include "graph/edge_columns.h"

/* Edges that are wanted lie anywhere in their files: reading many of them at once unpacks most
 * pages of a file, which has to fit into memory. */
enum { SEEDS_MAX = 1 << 20, EDGES_AT_ONCE = 1 << 12 };

/* ---- opening ---- */

/* Does an edge tell that the node is live? */
static bool has_edge(const pq_graph *g, pq_slice id, pq_direction directions) {
  static const pq_predicates any = {.is_any = true};
  uint32_t node = pq_graph_node(g, id);
  pq_arc_walk w;
  pq_arcs arcs;
  if (node == PQ_NO_NODE) return false;
  w = pq_arcs_begin(g, node, directions, &any);
  while (pq_arcs_next(&w, &arcs))
    if (arcs.count > 0) return true;
  return false;
}

/* Keep the seeds that are live. */
static int stage_seeds_live(pq_op *op) {
  pq_command *c = pq_command_of(op);
  PQ_TRY(pq_read_in_time(c));
  PQ_TRY(pq_nodes_keep_live(c));
  op->stage = pq_run_of(c)->begin;
  return pq_read_again(c);
}

static int stage_graph(pq_op *op) {
  pq_command *c = pq_command_of(op);
  pq_graph_run *run = pq_run_of(c);
  bool is_known = true;
  int rc;
  PQ_TRY(pq_read_in_time(c));
  rc = pq_read_graph(c, run->directions);
  if (rc == PQ_ELIMIT && run->without != NULL) {
    op->stage = run->without;
    return pq_read_again(c);
  }
  PQ_TRY(rc);
  for (uint32_t i = 0; i < c->s.node_count && run->needs_seeds && is_known; i++)
    is_known = has_edge(c->s.graph, c->s.nodes[i], run->directions);
  op->stage = is_known ? run->begin : stage_seeds_live;
  return pq_read_again(c);
}

static int stage_snapshot(pq_op *op) {
  pq_command *c = pq_command_of(op);
  pq_graph_run *run = pq_run_of(c);
  pq_stage_fn other = NULL;
  PQ_TRY(pq_read_snapshot(c));
  if (run->choose != NULL) other = run->choose(c);
  op->stage = other != NULL ? other : stage_graph;
  return PQ_OK;
}

int pq_graph_run_new(pq_command *c, pq_stage_fn begin) {
  pq_graph_run *run = pq_arena_calloc(&c->arena, 1, sizeof *run);
  if (run == NULL) return c->op.cx->code;
  run->begin = begin;
  run->directions = PQ_BOTH;
  c->s.search = run;
  c->s.start = stage_snapshot;
  return PQ_OK;
}

void pq_graph_read_plan_of(const pq_command *c, pq_graph_read_plan *p) {
  *p = (pq_graph_read_plan){.looks_at_seeds = pq_run_of(c)->needs_seeds};
  pq_run_of(c)->plan(c, p);
}

void pq_chooser_plan(const pq_chooser *k, pq_graph_read_plan *p) {
  p->judged_nodes += k->node_filter != NULL || k->has_estimate;
  p->judged_edges += k->edge_filter != NULL || k->has_weight;
}

/* ---- where it begins ---- */

int pq_graph_seeds(pq_command *c, pq_value target) {
  bool is_array = pq_value_type(target) == PQ_TYPE_ARRAY;
  uint32_t count = is_array ? pq_value_count(target) : 1;
  if (count == 0 || count > SEEDS_MAX)
    return pq_fail(c->op.cx, count == 0 ? PQ_EINVALID : PQ_ELIMIT,
                   "%s: expects an id, or an array of 1 to %d ids", c->s.spec->name, SEEDS_MAX);
  c->s.nodes = pq_arena_calloc(&c->arena, count, sizeof *c->s.nodes);
  if (c->s.nodes == NULL) return c->op.cx->code;
  for (uint32_t i = 0; i < count; i++) {
    PQ_TRY(pq_target_id(c, is_array ? pq_array_at(target, i) : target));
    c->s.nodes[i] = c->s.id;
  }
  PQ_TRY(pq_slices_sort(c->op.cx, c->s.nodes, &count));
  c->s.node_count = count;
  return PQ_OK;
}

/* ---- what is chosen ---- */

int pq_chooser_parse(pq_command *c, pq_direction direction, pq_chooser *out) {
  *out = (pq_chooser){.direction = direction};
  PQ_TRY(pq_own_predicates(c, "predicates", pq_own_option(c, "predicates"), &out->names));
  PQ_TRY(pq_own_direction(c, "direction", pq_own_option(c, "direction"), &out->direction));
  PQ_TRY(pq_own_filter(c, "filter", pq_own_option(c, "filter"), &out->node_filter));
  return pq_own_filter(c, "edgeFilter", pq_own_option(c, "edgeFilter"), &out->edge_filter);
}

int pq_chooser_open(pq_command *c, pq_chooser *k) {
  const pq_graph *g = c->s.graph;
  pq_arena *arena = &c->op.arena;
  uint32_t *numbers = pq_arena_array(arena, (size_t)k->names.count + 1, sizeof *numbers);
  if (numbers == NULL) return c->op.cx->code;
  for (uint32_t i = 0; i < k->names.count; i++)
    numbers[i] = pq_graph_predicate(g, k->names.items[i]);
  k->choice = (pq_choice){.graph = g,
                          .direction = k->direction,
                          .predicates = {numbers, k->names.count, k->names.is_any}};
  if (k->node_filter != NULL || k->has_estimate)
    PQ_TRY(pq_judged_init(&k->choice.nodes, arena, pq_graph_number_count(g)));
  if (k->edge_filter != NULL)
    PQ_TRY(pq_judged_init(&k->choice.edges, arena, pq_graph_edge_count(g)));
  if (!k->has_estimate) return PQ_OK;
  k->estimates = pq_arena_array(arena, (size_t)pq_graph_number_count(g) + 1, sizeof *k->estimates);
  return k->estimates == NULL ? c->op.cx->code : PQ_OK;
}

/* ---- judging ---- */

int pq_graph_matches(pq_command *c, const pq_filter *filter, const pq_entity *e, bool *is_match) {
  pq_value doc = e->data, system = {0};
  pq_eval eval;
  pq_env_eval(c, &eval);
  eval.arena = &c->op.scratch;
  eval.random ^= pq_hash(e->id, 0); /* each its own, and the same when the stage runs again */
  if (!c->s.args.is_plain && pq_filter_uses_system(filter))
    PQ_TRY(pq_entity_system(c->db->builder, &c->op.scratch, e, &system));
  if (c->s.args.shows_key)
    PQ_TRY(pq_shown_subject(filter, c->db->builder, &c->op.scratch, e, &doc, &system));
  *is_match = pq_filter_match(filter, &eval, doc, system);
  return pq_filter_status(filter);
}

int pq_edge_put(pq_builder *b, const pq_edge *e) {
  PQ_TRY(pq_builder_begin_object(b));
  PQ_TRY(pq_put_text(b, "from", e->from_id));
  PQ_TRY(pq_put_text(b, "predicate", e->predicate));
  PQ_TRY(pq_put_text(b, "to", e->to_id));
  PQ_TRY(pq_put_text(b, "reverse", e->reverse));
  PQ_TRY(pq_builder_key_str(b, "createdAt"));
  PQ_TRY(pq_builder_date_us(b, e->created_at));
  PQ_TRY(pq_put_text(b, "createdBy", e->created_by));
  PQ_TRY(pq_put_count(b, "version", e->version));
  PQ_TRY(pq_put_edge_data(b, e));
  return pq_builder_end(b);
}

/* The verdict on an edge that was read. */
static int judge_edge(pq_command *c, pq_chooser *k, const pq_edge *e, uint32_t edge) {
  bool is_good;
  pq_value shown;
  pq_eval eval;
  pq_builder_clear(c->db->builder);
  PQ_TRY(pq_edge_put(c->db->builder, e));
  PQ_TRY(pq_builder_finish(c->db->builder, &c->op.scratch, &shown));
  pq_env_eval(c, &eval);
  eval.arena = &c->op.scratch;
  eval.random ^= pq_hash(e->from_id, pq_hash(e->to_id, pq_hash(e->predicate, 0)));
  is_good = pq_filter_match(k->edge_filter, &eval, shown, (pq_value){0});
  PQ_TRY(pq_filter_status(k->edge_filter));
  pq_judged_set(&k->choice.edges, edge, is_good);
  return PQ_OK;
}

static uint32_t batch(uint32_t at, uint32_t count, uint32_t most) {
  return count - at < most ? count - at : most;
}

static int judge_node(pq_command *c, pq_chooser *k, const pq_entity *e, uint32_t node) {
  bool is_good = e->id.p != NULL;
  double h = 0;
  if (is_good && k->node_filter != NULL) PQ_TRY(pq_graph_matches(c, k->node_filter, e, &is_good));
  if (k->has_estimate) {
    if (e->id.p == NULL || !pq_own_number(pq_path_get(e->data, &k->estimate), &h)) h = 0;
    k->estimates[node] = h;
  }
  pq_judged_set(&k->choice.nodes, node, is_good);
  return PQ_OK;
}

static int stage_judge_nodes(pq_op *op) {
  pq_command *c = pq_command_of(op);
  pq_graph_run *run = pq_run_of(c);
  pq_chooser *k = run->asked;
  pq_judged *j = &k->choice.nodes;
  uint32_t count = batch(run->asked_at, j->wanted_count, PQ_GRAPH_BATCH);
  const uint32_t *nodes = j->wanted + run->asked_at;
  pq_entity *entities;
  PQ_TRY(pq_read_in_time(c));
  PQ_TRY(pq_graph_entities(c, nodes, count, PQ_WANT_ALL, &entities));
  for (uint32_t i = 0; i < count; i++)
    PQ_TRY(judge_node(c, k, &entities[i], nodes[i]));
  run->asked_at += count;
  if (run->asked_at == j->wanted_count) {
    j->wanted_count = 0;
    op->stage = run->again;
  }
  return pq_read_again(c);
}

static int after_edges(pq_command *c) {
  pq_graph_run *run = pq_run_of(c);
  bool has_nodes = run->asked->choice.nodes.wanted_count > 0;
  run->asked_at = 0;
  c->op.stage = has_nodes ? stage_judge_nodes : run->again;
  return pq_read_again(c);
}

static int stage_judge_edges(pq_op *op) {
  pq_command *c = pq_command_of(op);
  pq_graph_run *run = pq_run_of(c);
  pq_chooser *k = run->asked;
  pq_judged *j = &k->choice.edges;
  uint32_t count = batch(run->asked_at, j->wanted_count, EDGES_AT_ONCE);
  const uint32_t *edges = j->wanted + run->asked_at;
  pq_edge *read = pq_arena_calloc(&op->scratch, count, sizeof *read);
  if (read == NULL) return op->cx->code;
  PQ_TRY(pq_read_in_time(c));
  PQ_TRY(pq_graph_edges_read(c->s.graph, &op->fetch, &op->scratch, edges, count, read));
  for (uint32_t i = 0; i < count; i++)
    PQ_TRY(judge_edge(c, k, &read[i], edges[i]));
  run->asked_at += count;
  if (run->asked_at < j->wanted_count) return pq_read_again(c);
  j->wanted_count = 0;
  return after_edges(c);
}

static int compare_numbers(const void *a, const void *b, const void *ud) {
  uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
  (void)ud;
  return x < y ? -1 : x > y;
}

/* In the order of their numbers, which is about that of rows: a page is unpacked for one batch. */
static int sort_wanted(pq_command *c, pq_judged *j) {
  return pq_sort_items(c->op.cx, j->wanted, j->wanted_count, sizeof *j->wanted, compare_numbers,
                       NULL);
}

int pq_graph_ask(pq_command *c, pq_chooser *k, pq_stage_fn again) {
  pq_graph_run *run = pq_run_of(c);
  PQ_TRY(sort_wanted(c, &k->choice.edges));
  PQ_TRY(sort_wanted(c, &k->choice.nodes));
  run->asked = k;
  run->asked_at = 0;
  run->again = again;
  if (k->choice.edges.wanted_count == 0) return after_edges(c);
  c->op.stage = stage_judge_edges;
  return PQ_OK;
}

/* ---- weights ---- */

static int stage_weights(pq_op *op) {
  pq_command *c = pq_command_of(op);
  pq_graph_run *run = pq_run_of(c);
  pq_chooser *k = run->asked;
  bool is_done;
  PQ_TRY(pq_read_in_time(c));
  PQ_TRY(pq_graph_numbers_read(c->s.graph, &op->fetch, &op->scratch, &k->weight, &is_done));
  if (!is_done) return pq_read_again(c);
  k->weights = (pq_weights){.normal = k->has_default_weight ? k->default_weight : NAN,
                            .name = k->weight.text};
  PQ_TRY(pq_graph_numbers(c->s.graph, &op->arena, &k->weight, &k->weights.values,
                          &k->weights.has_negative));
  op->stage = run->again;
  return pq_read_again(c);
}

int pq_graph_weigh(pq_command *c, pq_chooser *k, pq_stage_fn next) {
  pq_run_of(c)->asked = k;
  pq_run_of(c)->again = next;
  c->op.stage = stage_weights;
  return pq_read_again(c);
}

/* ---- entities ---- */

typedef struct numbered {
  pq_slice id;
  uint32_t place;
} numbered;

static int compare_ids(const void *a, const void *b, const void *ud) {
  (void)ud;
  return pq_slice_cmp(((const numbered *)a)->id, ((const numbered *)b)->id);
}

int pq_graph_entities(pq_command *c, const uint32_t *nodes, uint32_t count, unsigned want,
                      pq_entity **out) {
  const pq_view *v = &c->s.snapshot.view;
  pq_op *op = &c->op;
  uint32_t n = 0;
  numbered *order = pq_arena_array(&op->scratch, count, sizeof *order);
  pq_slice *ids = pq_arena_array(&op->scratch, count, sizeof *ids);
  pq_location *at = pq_arena_calloc(&op->scratch, count, sizeof *at);
  pq_entity *sorted = pq_arena_calloc(&op->scratch, count, sizeof *sorted);
  *out = pq_arena_calloc(&op->scratch, count, sizeof **out);
  if (order == NULL || ids == NULL || at == NULL || sorted == NULL || *out == NULL)
    return op->cx->code;
  for (uint32_t i = 0; i < count; i++)
    order[i] = (numbered){pq_graph_id(c->s.graph, nodes[i]), i};
  PQ_TRY(pq_sort_items(op->cx, order, count, sizeof *order, compare_ids, NULL));
  for (uint32_t i = 0; i < count; i++)
    if (n == 0 || !pq_slice_eq(ids[n - 1], order[i].id)) ids[n++] = order[i].id;
  PQ_TRY(pq_view_locate(v, &op->fetch, &op->scratch, ids, n, false, at));
  PQ_TRY(pq_view_read(v, &op->fetch, &op->scratch, at, n, want, sorted, NULL));
  n = 0;
  for (uint32_t i = 0; i < count; i++) {
    n += i > 0 && !pq_slice_eq(ids[n], order[i].id);
    if (!sorted[n].is_deleted) (*out)[order[i].place] = sorted[n];
  }
  return PQ_OK;
}

int pq_graph_entity_shown(pq_command *c, const pq_entity *e, pq_value *out) {
  pq_arena *arena = c->s.projection == NULL ? &c->replies : &c->op.scratch;
  if (c->s.args.is_plain)
    PQ_TRY(pq_plain_document(c, arena, e, out));
  else
    PQ_TRY(pq_merger_entity(c->db->merger, arena, e, out));
  return c->s.projection == NULL ? PQ_OK : pq_reply_project(c, NULL, out);
}

/* ---- explain ---- */

int pq_graph_explain(pq_command *c, const char *plan, uint64_t arcs) {
  pq_builder *b = c->db->builder;
  PQ_TRY(pq_explain_begin(c, plan));
  PQ_TRY(pq_put_count(b, "rows", c->s.count));
  PQ_TRY(pq_put_count(b, "nodes", pq_run_of(c)->explored));
  PQ_TRY(pq_put_count(b, "edges", arcs));
  return pq_explain_end(c);
}
