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
#include "cmd/command_int.h"
#include "cmd/graph_search.h"
#include "match/match.h"
#include "table/tail.h"

enum { ITEMS_AT_ONCE = 256 };

struct pq_match_run {
  pq_match *query; /* owned */
  const pq_match_ask *ask;
  pq_filter *filter;   /* of the running scan */
  pq_arena filters;    /* owned: theirs */
  uint32_t collection; /* the next one to look at */
  uint64_t given;
  bool is_enough;
  const pq_slice *fields; /* that are looked at; NULL: all */
  uint32_t field_count;
};

void pq_match_run_free(pq_command *c) {
  struct pq_match_run *r = c->s.match;
  if (r == NULL) return;
  pq_match_free(r->query);
  pq_arena_release(&r->filters);
  pq_alloc(c->db->cx, r, sizeof *r, 0);
  c->s.match = NULL;
}

static int explain(pq_command *c) {
  PQ_TRY(pq_explain_begin(c, "patterns over the graph of the view, one operator after the other"));
  PQ_TRY(pq_put_count(c->db->builder, "rows", c->s.match->given));
  PQ_TRY(pq_builder_key_str(c->db->builder, "operators"));
  PQ_TRY(pq_match_explain(c->s.match->query, c->db->builder));
  return pq_explain_end(c);
}

/* The i-th collection: of the manifest, of the tail, of the transaction. False: no more. */
static bool collection_at(const pq_command *c, uint32_t i, pq_slice *out) {
  const pq_view *v = &c->s.snapshot.view;
  const pq_overlay *layers[] = {v->overlay, v->own};
  if (i < v->manifest->collection_count) {
    *out = v->manifest->collections[i].name;
    return true;
  }
  i -= v->manifest->collection_count;
  for (size_t l = 0; l < sizeof layers / sizeof *layers; l++) {
    if (layers[l] == NULL) continue;
    if (i < layers[l]->collections.count) {
      *out = layers[l]->collections.items[i].name;
      return true;
    }
    i -= layers[l]->collections.count;
  }
  return false;
}

/* The next one, each once. */
static bool next_collection(const pq_command *c, uint32_t *at, pq_slice *out) {
  pq_slice before;
  while (collection_at(c, (*at)++, out)) {
    bool is_new = true;
    for (uint32_t i = 0; i + 1 < *at && is_new; i++)
      is_new = collection_at(c, i, &before) && !pq_slice_eq(before, *out);
    if (is_new) return true;
  }
  return false;
}

/* ---- labels ---- */

typedef enum pq_typed { PQ_TYPED_NONE, PQ_TYPED_SOME, PQ_TYPED_ALL } pq_typed;

static void meet(pq_typed *all, bool *is_first, pq_typed one) {
  *all = *is_first || *all == one ? one : PQ_TYPED_SOME;
  *is_first = false;
}

/* Which entities of a collection have the type, as far as the log and the tail say? */
static pq_typed typed(const pq_command *c, pq_slice collection, pq_slice type) {
  const pq_view *v = &c->s.snapshot.view;
  pq_tail_walk w = pq_tail_begin(v, PQ_TAIL_ENTITIES, collection);
  pq_typed all = PQ_TYPED_NONE;
  bool is_first = true;
  const pq_event *e;
  for (uint32_t i = 0; i < v->manifest->file_count && all != PQ_TYPED_SOME; i++) {
    const pq_file_info *f = &v->manifest->files[i];
    bool has = false;
    if (f->kind != PQ_FILE_DATA || !pq_slice_eq(f->collection, collection)) continue;
    if (!pq_view_has_file(v, f)) continue;
    for (uint32_t t = 0; t < f->type_count; t++)
      has |= pq_slice_eq(f->types[t], type);
    meet(&all, &is_first,
         f->type_count == 0 || (has && f->type_count > 1) ? PQ_TYPED_SOME
         : has                                            ? PQ_TYPED_ALL
                                                          : PQ_TYPED_NONE);
  }
  while (all != PQ_TYPED_SOME && (e = pq_tail_next(&w)) != NULL)
    meet(&all, &is_first, pq_slice_eq(e->type, type) ? PQ_TYPED_ALL : PQ_TYPED_NONE);
  return all;
}

/* ---- scans ---- */

static int stage_match_run(pq_op *op);
static int stage_match_collection(pq_op *op);

static int put_types(pq_builder *b, const pq_match_labels *l) {
  PQ_TRY(pq_builder_begin_object(b));
  PQ_TRY(pq_builder_key_str(b, "$type"));
  PQ_TRY(pq_builder_begin_object(b));
  PQ_TRY(pq_builder_key_str(b, "$in"));
  PQ_TRY(pq_builder_begin_array(b));
  for (uint32_t i = 0; i < l->count; i++)
    PQ_TRY(pq_builder_string(b, l->names[i]));
  PQ_TRY(pq_builder_end(b));
  PQ_TRY(pq_builder_end(b));
  return pq_builder_end(b);
}

static bool has_name(const pq_match_labels *l, pq_slice collection) {
  bool has = false;
  for (uint32_t i = 0; i < l->count && !has; i++)
    has = pq_slice_eq(l->names[i], collection);
  return has;
}

/* The filter of the question and the labels, for one collection: all of those that its name is not
 * must be types. *is_none: nothing can match. */
static int scan_filter(pq_command *c, pq_slice collection, bool *is_none) {
  struct pq_match_run *r = c->s.match;
  const pq_match_ask *ask = r->ask;
  pq_match_labels one = {&ask->label, 1};
  const pq_match_labels *labels = ask->kind == PQ_MATCH_LABEL ? &one : ask->labels;
  uint32_t count = ask->kind == PQ_MATCH_LABEL ? 1 : ask->label_count;
  pq_builder *b = c->db->builder;
  pq_value spec;
  *is_none = false;
  pq_builder_clear(b);
  PQ_TRY(pq_builder_begin_object(b));
  PQ_TRY(pq_builder_key_str(b, "$and"));
  PQ_TRY(pq_builder_begin_array(b));
  PQ_TRY(pq_builder_begin_object(b));
  PQ_TRY(pq_builder_end(b));
  if (!pq_value_is_missing(ask->filter)) PQ_TRY(pq_builder_value(b, ask->filter));
  for (uint32_t i = 0; i < count; i++) {
    bool can = has_name(&labels[i], collection);
    for (uint32_t k = 0; k < labels[i].count && !can; k++)
      can = typed(c, collection, labels[i].names[k]) != PQ_TYPED_NONE;
    *is_none |= !can;
    if (!has_name(&labels[i], collection)) PQ_TRY(put_types(b, &labels[i]));
  }
  PQ_TRY(pq_builder_end(b));
  PQ_TRY(pq_builder_end(b));
  pq_arena_clear(&r->filters);
  PQ_TRY(pq_builder_finish(b, &r->filters, &spec));
  return pq_filter_parse(&r->filters, NULL, spec, &r->filter);
}

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
  bool is_none;
  if (!next_collection(c, &r->collection, &collection)) {
    op->stage = stage_match_run;
    return PQ_OK;
  }
  if (r->ask->kind == PQ_MATCH_LABEL && (pq_slice_eq(collection, r->ask->label) ||
                                         typed(c, collection, r->ask->label) == PQ_TYPED_ALL))
    return pq_match_label_all(r->query, collection);
  PQ_TRY(scan_filter(c, collection, &is_none));
  if (is_none) return PQ_OK;
  pq_scan_init(&c->s.scan, &c->s.snapshot.view, collection, r->filter);
  c->s.scan.needs = r->fields;
  c->s.scan.need_count = r->field_count;
  c->s.scan.window = PQ_SCAN_WINDOW_MAX;
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
  bool is_all;
  PQ_TRY(pq_read_in_time(c));
  for (;;) {
    PQ_TRY(pq_match_step(r->query, &r->ask));
    switch (r->ask->kind) {
      case PQ_MATCH_TIME: return PQ_YIELD;
      case PQ_MATCH_LABEL:
      case PQ_MATCH_SCAN:
        r->collection = 0;
        r->fields = pq_match_fields(r->query, &r->field_count, &is_all);
        if (is_all) r->fields = NULL;
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
