/* cmd/whole_graph.c - degree, pageRank, components, triangles, communities, kCore: a number or a
 * label for each node of the graph, as items or written into their entities.
 *
 *   open ─► snapshot ─► graph ─► flat arrays ─► algorithm, a piece at a time ─► the page in order
 *                                              (graph/whole.h)                    │
 *                            summary ◄─ items, some at a time ◄───────────────────┤
 *                            summary ◄─ writeAs: commits of updates (whole_write.c) ◄┘
 *
 * The edges are all those of the predicates between live entities of the namespace; a collection as
 * the target chooses which nodes are listed.
 */
#include "cmd/whole_run.h"

enum { ITEMS_AT_ONCE = 1000, ITERATIONS_MAX = 1000 };

typedef struct pq_whole_row {
  const char *name;
  pq_whole_kind kind;
  const char *total; /* what the summary calls it */
  uint32_t iterations;
  bool is_told; /* how many there were */
} pq_whole_row;

static const pq_whole_row rows[] = {
    {"degree", PQ_WHOLE_DEGREE, "maxDegree", 0, false},
    {"pageRank", PQ_WHOLE_PAGE_RANK, NULL, 20, true},
    {"components", PQ_WHOLE_COMPONENTS, "components", 0, false},
    {"triangles", PQ_WHOLE_TRIANGLES, "triangles", 0, false},
    {"communities", PQ_WHOLE_COMMUNITIES, "communities", 10, true},
    {"kCore", PQ_WHOLE_CORES, "maxCore", 0, false},
};

void pq_whole_free(pq_command *c) {
  pq_whole_run *run = c->s.whole;
  if (run == NULL) return;
  pq_graph_close(run->graph);
  pq_arena_release(&run->scratch);
  pq_arena_release(&run->arena);
  pq_alloc(c->db->cx, run, sizeof *run, 0);
  c->s.whole = NULL;
}

pq_slice pq_whole_id(const pq_whole_run *run, uint32_t node) {
  return run->ids[run->whole.nodes[node]];
}

/* ---- items and summary ---- */

int pq_whole_put_value(const pq_whole_run *run, pq_builder *b, uint32_t node) {
  const pq_whole *w = &run->whole;
  if (w->scores != NULL) return pq_builder_double(b, w->scores[node]);
  if (w->labels != NULL) return pq_builder_string(b, pq_whole_id(run, w->labels[node]));
  if (w->numbers[node] <= INT32_MAX) return pq_builder_i32(b, (int32_t)w->numbers[node]);
  return pq_builder_i64(b, (int64_t)w->numbers[node]);
}

int pq_whole_summary(pq_command *c, uint64_t n) {
  const pq_whole_run *run = c->s.whole;
  const pq_whole *w = &run->whole;
  pq_builder *b = c->db->builder;
  PQ_TRY(pq_summary_begin(c));
  PQ_TRY(pq_summary_count(c, "n", n));
  PQ_TRY(pq_builder_key_str(b, "hasMore"));
  PQ_TRY(pq_builder_bool(b, run->end < w->listed_count));
  PQ_TRY(pq_summary_count(c, "nodes", w->node_count));
  PQ_TRY(pq_summary_count(c, "edges", w->edge_count));
  if (run->row->total != NULL) PQ_TRY(pq_summary_count(c, run->row->total, w->total));
  if (!run->row->is_told) return PQ_OK;
  PQ_TRY(pq_summary_count(c, "iterations", w->rounds));
  PQ_TRY(pq_builder_key_str(b, "converged"));
  return pq_builder_bool(b, w->is_settled);
}

static int explain(pq_command *c) {
  const pq_whole *w = &c->s.whole->whole;
  PQ_TRY(pq_explain_begin(c, PQ_WHOLE_PLAN));
  PQ_TRY(pq_put_count(c->db->builder, "rows", c->s.count));
  PQ_TRY(pq_put_count(c->db->builder, "nodes", w->node_count));
  PQ_TRY(pq_put_count(c->db->builder, "edges", w->edge_count));
  return pq_explain_end(c);
}

static int stage_whole_end(pq_op *op) {
  pq_command *c = pq_command_of(op);
  if (c->s.args.is_explain) PQ_TRY(explain(c));
  PQ_TRY(pq_whole_summary(c, c->s.count));
  return pq_summary_end(c, c->s.whole->seq);
}

static int give(pq_command *c, uint32_t node) {
  const pq_whole_run *run = c->s.whole;
  pq_builder *b = c->db->builder;
  pq_value item;
  pq_builder_clear(b);
  PQ_TRY(pq_builder_begin_object(b));
  PQ_TRY(pq_put_text(b, "$id", pq_whole_id(run, node)));
  PQ_TRY(pq_builder_key_str(b, "value"));
  PQ_TRY(pq_whole_put_value(run, b, node));
  PQ_TRY(pq_builder_end(b));
  PQ_TRY(pq_builder_finish(b, &c->replies, &item));
  return pq_reply_item(c, item);
}

static int stage_whole_give(pq_op *op) {
  pq_command *c = pq_command_of(op);
  pq_whole_run *run = c->s.whole;
  uint32_t end = run->end - run->at > ITEMS_AT_ONCE ? run->at + ITEMS_AT_ONCE : run->end;
  PQ_TRY(pq_read_in_time(c));
  for (; run->at < end; run->at++)
    PQ_TRY(give(c, run->whole.listed[run->at]));
  c->s.count = run->at - run->first;
  if (run->at == run->end) return pq_read_end(c, stage_whole_end);
  if (c->s.args.is_explain) pq_read_drop(c);
  return PQ_YIELD;
}

/* ---- the algorithm ---- */

static int stage_whole_list(pq_op *op) {
  pq_command *c = pq_command_of(op);
  pq_whole_run *run = c->s.whole;
  uint64_t skip = c->s.args.skip, limit = c->s.args.limit;
  uint32_t n;
  PQ_TRY(pq_read_in_time(c));
  PQ_TRY(pq_whole_step(&run->whole, PQ_WHOLE_WORK));
  n = run->whole.listed_count;
  run->first = run->at = skip < n ? (uint32_t)skip : n;
  run->end = limit > 0 && limit < n - run->first ? run->first + (uint32_t)limit : n;
  if (pq_whole_is_written(c)) return pq_whole_write(c);
  op->stage = stage_whole_give;
  return PQ_OK;
}

/* The first node here whose id is not before `collection` + `mark`. */
static uint32_t find_node(const pq_whole_run *run, pq_slice collection, uint8_t mark) {
  uint32_t from = 0, to = run->whole.node_count;
  while (from < to) {
    uint32_t middle = from + (to - from) / 2;
    pq_slice id = pq_whole_id(run, middle), head = id;
    int order;
    if (head.n > collection.n) head.n = collection.n;
    order = pq_slice_cmp(head, collection);
    if (order == 0) order = id.n > collection.n && id.p[collection.n] >= mark ? 1 : -1;
    if (order < 0)
      from = middle + 1;
    else
      to = middle;
  }
  return from;
}

static int stage_whole_step(pq_op *op) {
  pq_command *c = pq_command_of(op);
  pq_whole_run *run = c->s.whole;
  PQ_TRY(pq_read_in_time(c));
  PQ_TRY(pq_whole_step(&run->whole, PQ_WHOLE_WORK));
  run->order.count = run->whole.node_count;
  if (c->s.collection.n > 0) { /* ids of a collection lie together, before '0', which follows '/' */
    run->order.first = find_node(run, c->s.collection, '/');
    run->order.count = find_node(run, c->s.collection, '/' + 1) - run->order.first;
  }
  PQ_TRY(pq_whole_list(&run->whole, &run->order));
  op->stage = stage_whole_list;
  return PQ_YIELD;
}

/* ---- the graph ---- */

/* The graph's predicates of those names. */
static int find_predicates(pq_command *c, pq_predicates *out) {
  const pq_whole_run *run = c->s.whole;
  const pq_names *names = &run->predicates;
  uint32_t *numbers = pq_arena_array(&c->op.scratch, (size_t)names->count + 1, sizeof *numbers);
  if (numbers == NULL) return c->op.cx->code;
  for (uint32_t i = 0; i < names->count; i++)
    numbers[i] = pq_graph_predicate(run->graph, names->items[i]);
  *out = (pq_predicates){numbers, names->count, names->is_any};
  return PQ_OK;
}

static int stage_whole_flat(pq_op *op) {
  pq_command *c = pq_command_of(op);
  pq_whole_run *run = c->s.whole;
  pq_predicates predicates;
  pq_flat_options o = {.direction = PQ_OUT, .predicates = &predicates};
  pq_flat flat;
  PQ_TRY(pq_read_in_time(c));
  PQ_TRY(find_predicates(c, &predicates));
  PQ_TRY(pq_graph_flat(run->graph, &run->scratch, &o, &flat));
  run->ids = pq_arena_array(&run->scratch, flat.node_count, sizeof *run->ids);
  if (run->ids == NULL) return op->cx->code;
  for (uint32_t i = 0; i < flat.node_count; i++)
    run->ids[i] = pq_graph_id(run->graph, i);
  PQ_TRY(pq_whole_begin(&run->whole, &run->arena, &run->scratch, &flat, run->ids, &run->options));
  op->stage = stage_whole_step;
  return PQ_YIELD;
}

static int stage_whole_graph(pq_op *op) {
  pq_command *c = pq_command_of(op);
  PQ_TRY(pq_read_in_time(c));
  PQ_TRY(pq_graph_open(c->s.space->graphs, &c->s.snapshot.view, PQ_OUT, &op->fetch, &op->scratch,
                       &c->s.whole->graph));
  c->s.whole->seq = c->s.snapshot.view.seq;
  op->stage = stage_whole_flat;
  return PQ_YIELD;
}

static int stage_whole(pq_op *op) {
  pq_command *c = pq_command_of(op);
  if (pq_whole_is_written(c)) PQ_TRY(pq_space_may_write(c->s.space));
  PQ_TRY(pq_read_snapshot(c));
  op->stage = stage_whole_graph;
  return PQ_OK;
}

/* ---- open ---- */

static bool has_own(const pq_command *c, const char *name) {
  for (const char *const *own = c->s.spec->own; *own != NULL; own++)
    if (pq_slice_is(pq_str(name), *own)) return true;
  return false;
}

/* One of the spec's own options, if it has it; missing: it has not, or it is not given. */
static pq_value own(const pq_command *c, const char *name) {
  return has_own(c, name) ? pq_own_option(c, name) : (pq_value){0};
}

static int parse_number(pq_command *c, const char *name, double max, double *out) {
  pq_value v = own(c, name);
  double d;
  if (pq_value_is_missing(v)) return PQ_OK;
  if (!pq_value_number(v, &d) || !(d >= 0 && d <= max))
    return pq_fail(c->op.cx, PQ_EINVALID, "%s: option '%s' must be a number from 0 to %g",
                   c->s.spec->name, name, max);
  *out = d;
  return PQ_OK;
}

/* {"value": -1, "$id": 1}, or one of them. */
static int parse_sort(pq_command *c, pq_whole_order *order) {
  uint32_t count;
  pq_field *fields = pq_object_fields(&c->arena, c->s.args.sort, &count);
  if (fields == NULL && pq_value_count(c->s.args.sort) > 0) return c->op.cx->code;
  for (uint32_t i = 0; i < count; i++) {
    bool is_id = pq_slice_is(fields[i].name, "$id");
    double way;
    if ((!is_id && !pq_slice_is(fields[i].name, "value")) ||
        !pq_value_number(fields[i].value, &way) || (way != 1 && way != -1))
      return pq_fail(c->op.cx, PQ_EINVALID,
                     "%s: option 'sort' is by \"value\" and \"$id\", each 1 or -1",
                     c->s.spec->name);
    if (is_id)
      order->is_id_falling = way < 0;
    else
      order->is_rising = way > 0;
    order->is_by_id |= is_id && i == 0;
  }
  return PQ_OK;
}

static int parse(pq_command *c, pq_whole_run *run) {
  pq_whole_options *o = &run->options;
  uint64_t iterations = run->row->iterations;
  *o = (pq_whole_options){
      .kind = run->row->kind, .direction = PQ_OUT, .damping = 0.85, .tolerance = 1e-6};
  PQ_TRY(pq_own_predicates(c, "predicates", own(c, "predicates"), &run->predicates));
  PQ_TRY(pq_own_direction(c, "direction", own(c, "direction"), &o->direction));
  PQ_TRY(pq_own_count(c, "iterations", own(c, "iterations"), ITERATIONS_MAX, &iterations));
  PQ_TRY(parse_number(c, "damping", 1, &o->damping));
  PQ_TRY(parse_number(c, "tolerance", 2, &o->tolerance));
  o->iterations = (uint32_t)iterations;
  PQ_TRY(parse_sort(c, &run->order));
  return pq_whole_field(c);
}

int pq_open_whole(pq_command *c, pq_value target) {
  pq_whole_run *run = pq_alloc(c->op.cx, NULL, 0, sizeof *run);
  const pq_whole_row *row = rows;
  if (run == NULL) return pq_fail_nomem(c->op.cx);
  while (!pq_slice_is(pq_str(c->s.spec->name), row->name))
    row++;
  *run = (pq_whole_run){.row = row};
  pq_arena_init(&run->arena, c->op.cx, c->op.cx->limits.op_len_max);
  pq_arena_init(&run->scratch, c->op.cx, c->op.cx->limits.op_len_max);
  c->s.whole = run;
  c->s.start = stage_whole;
  if (!pq_value_string(target, &c->s.collection))
    return pq_fail(c->op.cx, PQ_EINVALID, "%s: expects a collection, or \"\" for all",
                   c->s.spec->name);
  if (c->s.collection.n > 0) PQ_TRY(pq_check_collection(c->op.cx, c->s.collection));
  PQ_TRY(parse(c, run));
  if (c->s.explain.has_budget && pq_whole_is_written(c))
    return pq_fail(c->op.cx, PQ_EUNSUPPORTED,
                   "%s: option 'budget' with 'writeAs': what its commits take is not told",
                   c->s.spec->name);
  return PQ_OK;
}
