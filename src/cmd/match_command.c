/* cmd/match_command.c - match: a query in a subset of openCypher (match/match.h, doc/match.md).
 *
 *   {"match": "MATCH (a:Person)-[:knows]->(b) RETURN b.name", "params": {…}}
 *   snapshot ─► graph ─► step ─► item ──────────────────────────────────► reply
 *                         ▲  ├─► label, scan ─► one collection at a time ─┐
 *                         │  ├─► nodes, edges ─► their documents ─────────┤
 *                         └──┴─► time ────────────────────────────────────┘
 *
 * A label is the name of a collection or the $type of an entity. Where the log and the tail say
 * that all of a collection have the type, none of it is read.
 */
#include "cmd/graph_search.h"
#include "cmd/match_run.h"

enum { ITEMS_AT_ONCE = 256 };

void pq_match_run_free(pq_command *c) {
  struct pq_match_run *r = c->s.match;
  if (r == NULL) return;
  pq_match_free(r->query);
  pq_arena_release(&r->filters);
  pq_alloc(c->db->cx, r, sizeof *r, 0);
  c->s.match = NULL;
}

static int explain(pq_command *c) {
  PQ_TRY(pq_explain_begin(c, PQ_MATCH_PLAN));
  PQ_TRY(pq_put_count(c->db->builder, "rows", c->s.match->given));
  PQ_TRY(pq_builder_key_str(c->db->builder, "operators"));
  PQ_TRY(pq_match_explain(c->s.match->query, c->db->builder));
  return pq_explain_end(c);
}

/* ---- scans ---- */

static int stage_match_run(pq_op *op);
static int stage_match_collection(pq_op *op);

/* A pq_scan_sink. */
static int match_sink(void *ud, const pq_entity *e, uint64_t count) {
  pq_command *c = ud;
  pq_value entity = {0};
  (void)count;
  if (c->s.match->ask->kind == PQ_MATCH_LABEL)
    return pq_match_label_entity(c->s.match->query, e->id);
  PQ_TRY(pq_merger_entity(c->db->merger, &c->op.scratch, e, &entity));
  return pq_match_scanned(c->s.match->query, e->id, entity);
}

static int stage_match_scan(pq_op *op) {
  pq_command *c = pq_command_of(op);
  PQ_TRY(pq_read_in_time(c));
  PQ_TRY(pq_scan_next(&c->s.scan, &op->fetch, &op->scratch, c->db->builder, match_sink, c));
  if (c->s.scan.is_done) op->stage = stage_match_collection;
  return pq_read_again(c);
}

static int stage_match_collection(pq_op *op) {
  pq_command *c = pq_command_of(op);
  struct pq_match_run *r = c->s.match;
  pq_slice collection;
  pq_filter *filter;
  if (!pq_match_next_collection(c, &r->collection, &collection)) {
    op->stage = stage_match_run;
    return PQ_OK;
  }
  if (r->ask->kind == PQ_MATCH_LABEL && pq_match_is_all(c, collection, r->ask->label))
    return pq_match_label_all(r->query, collection);
  pq_arena_clear(&r->filters);
  PQ_TRY(pq_match_scan_filter(c, &r->filters, r->ask, collection, &filter));
  if (filter == NULL) return PQ_OK;
  PQ_TRY(pq_match_scan(c, collection, filter));
  op->stage = stage_match_scan;
  return PQ_OK;
}

/* ---- documents ---- */

static int stage_match_nodes(pq_op *op) {
  pq_command *c = pq_command_of(op);
  struct pq_match_run *r = c->s.match;
  const pq_view *v = &c->s.snapshot.view;
  uint32_t count = r->ask->count;
  pq_location *at = pq_arena_calloc(&op->scratch, count, sizeof *at);
  pq_entity *rows = pq_arena_calloc(&op->scratch, count, sizeof *rows);
  if (at == NULL || rows == NULL) return op->cx->code;
  PQ_TRY(pq_read_in_time(c));
  PQ_TRY(pq_view_locate(v, &op->fetch, &op->scratch, r->ask->ids, count, false, at));
  PQ_TRY(pq_view_read(v, &op->fetch, &op->scratch, at, count, PQ_WANT_ALL, rows, NULL));
  for (uint32_t i = 0; i < count; i++) {
    pq_value entity;
    if (rows[i].id.p == NULL || rows[i].is_deleted) continue;
    PQ_TRY(pq_merger_entity(c->db->merger, &op->scratch, &rows[i], &entity));
    PQ_TRY(pq_match_entity(r->query, i, entity));
  }
  op->stage = stage_match_run;
  return pq_read_again(c);
}

/* As `related` with `edges` shows it. */
static int edge_value(pq_command *c, const pq_edge *e, pq_value *out) {
  pq_builder_clear(c->db->builder);
  PQ_TRY(pq_edge_put(c->db->builder, e));
  return pq_builder_finish(c->db->builder, &c->op.scratch, out);
}

static int stage_match_edges(pq_op *op) {
  pq_command *c = pq_command_of(op);
  struct pq_match_run *r = c->s.match;
  uint32_t count = r->ask->count;
  pq_edge *edges = pq_arena_calloc(&op->scratch, count, sizeof *edges);
  if (edges == NULL) return op->cx->code;
  PQ_TRY(pq_read_in_time(c));
  PQ_TRY(pq_graph_edges_read(c->s.graph, &op->fetch, &op->scratch, r->ask->numbers, count, edges));
  for (uint32_t i = 0; i < count; i++) {
    pq_value edge;
    PQ_TRY(edge_value(c, &edges[i], &edge));
    PQ_TRY(pq_match_edge(r->query, i, edge));
  }
  op->stage = stage_match_run;
  return pq_read_again(c);
}

/* ---- the run ---- */

static int stage_match_end(pq_op *op) {
  pq_command *c = pq_command_of(op);
  struct pq_match_run *r = c->s.match;
  if (c->s.args.is_explain) PQ_TRY(explain(c));
  PQ_TRY(pq_summary_begin(c));
  PQ_TRY(pq_summary_count(c, "n", r->given));
  PQ_TRY(pq_builder_key_str(c->db->builder, "hasMore"));
  PQ_TRY(pq_builder_bool(c->db->builder, c->s.has_more));
  return pq_summary_end(c, c->s.snapshot.view.seq);
}

static int give_item(pq_command *c) {
  struct pq_match_run *r = c->s.match;
  pq_value item;
  if (c->s.args.limit > 0 && r->given == c->s.args.limit) {
    c->s.has_more = true;
    return PQ_OK;
  }
  r->given++;
  if (c->s.args.is_explain) return PQ_OK;
  PQ_TRY(pq_value_copy(&c->replies, r->ask->item, &item));
  return pq_reply_item(c, item);
}

static int stage_match_run(pq_op *op) {
  pq_command *c = pq_command_of(op);
  struct pq_match_run *r = c->s.match;
  PQ_TRY(pq_read_in_time(c));
  for (;;) {
    PQ_TRY(pq_match_step(r->query, &r->ask));
    switch (r->ask->kind) {
      case PQ_MATCH_TIME: return PQ_YIELD;
      case PQ_MATCH_LABEL:
      case PQ_MATCH_SCAN:
        r->collection = 0;
        op->stage = stage_match_collection;
        return PQ_OK;
      case PQ_MATCH_NODES: op->stage = stage_match_nodes; return PQ_OK;
      case PQ_MATCH_EDGES: op->stage = stage_match_edges; return PQ_OK;
      case PQ_MATCH_ITEM:
        PQ_TRY(give_item(c));
        if (c->s.has_more) return pq_read_end(c, stage_match_end);
        if (c->item_count - c->item_next >= ITEMS_AT_ONCE) return PQ_YIELD;
        break;
      default: return pq_read_end(c, stage_match_end);
    }
  }
}

static int stage_match_graph(pq_op *op) {
  pq_command *c = pq_command_of(op);
  PQ_TRY(pq_read_in_time(c));
  PQ_TRY(pq_read_graph(c, PQ_BOTH));
  PQ_TRY(pq_match_begin(c->s.match->query, c->s.graph));
  op->stage = stage_match_run;
  return pq_read_again(c);
}

static int stage_match(pq_op *op) {
  PQ_TRY(pq_read_snapshot(pq_command_of(op)));
  op->stage = stage_match_graph;
  return PQ_OK;
}

static int rows_max(pq_command *c, uint64_t *out) {
  pq_value v = pq_own_option(c, "maxRows");
  int64_t n;
  *out = 0;
  if (pq_value_is_missing(v)) return PQ_OK;
  if (!pq_value_i64(v, &n) || n <= 0)
    return pq_fail(c->op.cx, PQ_EINVALID,
                   "match: option 'maxRows' must be a whole number of at least 1");
  *out = (uint64_t)n;
  return PQ_OK;
}

int pq_open_match_text(pq_command *c, pq_value target) {
  pq_match_options options = {.params = pq_own_option(c, "params")};
  struct pq_match_run *r;
  pq_slice text;
  if (!pq_value_string(target, &text))
    return pq_fail(c->op.cx, PQ_EINVALID, "match: the query must be text");
  if (!pq_value_is_missing(options.params) && pq_value_type(options.params) != PQ_TYPE_OBJECT)
    return pq_fail(c->op.cx, PQ_EINVALID, "match: option 'params' must be an object");
  PQ_TRY(rows_max(c, &options.rows_max));
  r = pq_alloc(c->op.cx, NULL, 0, sizeof *r);
  if (r == NULL) return pq_fail_nomem(c->op.cx);
  *r = (struct pq_match_run){0};
  pq_arena_init(&r->filters, c->op.cx, c->op.cx->limits.op_len_max);
  c->s.match = r;
  c->s.start = stage_match;
  return pq_match_new(c->op.cx, text, &options, &r->query);
}
