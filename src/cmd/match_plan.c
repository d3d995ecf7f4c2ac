/* cmd/match_plan.c - what a match will cost, and how it would go, before it runs.
 *
 *   the graph ─► scans that may be made, of labels and of nodes with a filter or without an edge
 *             ─► documents of nodes and edges that are looked at, each once
 *
 * Which nodes a pattern begins with is decided when the graph is there, so what may be scanned is
 * told of all that may be first. The operators are those of the graph if it is at hand, else those
 * that the numbers of the log suggest.
 */
#include "cmd/match_run.h"
#include "table/read_bound.h"

/* Entities of a collection: rows of its files, of which some may be older versions, and the tail.
 */
static uint64_t rows_of(const pq_command *c, pq_slice collection) {
  const pq_view *v = &c->s.snapshot.view;
  uint64_t rows = 0;
  for (uint32_t i = 0; i < v->manifest->file_count; i++) {
    const pq_file_info *f = &v->manifest->files[i];
    if (f->kind == PQ_FILE_DATA && pq_slice_eq(f->collection, collection) && pq_view_has_file(v, f))
      rows += f->row_count;
  }
  return rows + pq_tail_rows(c, collection);
}

static uint64_t rows_of_all(const pq_command *c) {
  uint64_t rows = 0;
  uint32_t at = 0;
  pq_slice collection;
  while (pq_match_next_collection(c, &at, &collection))
    rows += rows_of(c, collection);
  return rows;
}

/* ---- the steps ---- */

static int add_scans(pq_command *c, const pq_match_ask *ask, bool is_certain) {
  bool is_label = ask->kind == PQ_MATCH_LABEL;
  uint32_t at = 0;
  pq_slice collection;
  while (pq_match_next_collection(c, &at, &collection)) {
    pq_filter *filter;
    pq_plan_step *s;
    if (is_label && pq_match_is_all(c, collection, ask->label)) continue;
    PQ_TRY(pq_match_scan_filter(c, &c->op.arena, ask, collection, &filter));
    if (filter == NULL) continue;
    PQ_TRY(pq_match_scan(c, collection, filter));
    PQ_TRY(pq_plan_add_scan(c, &c->s.scan, 0, &s));
    s->stage = is_label ? "labels" : "patterns";
    s->is_certain = is_certain;
    s->why = "the graph decides which nodes are looked for first";
  }
  return PQ_OK;
}

static int add_documents(pq_command *c, const pq_match_reads *r) {
  uint64_t edges = pq_count_add(c->s.forecast.steps[0].rows_max, pq_tail_edges(c));
  uint64_t ends = pq_count_mul(2, edges), all = rows_of_all(c), nodes;
  nodes = pq_count_add(ends < all ? ends : all, r->id_count);
  if (r->has_nodes) PQ_TRY(pq_plan_add_ids(c, nodes, nodes, PQ_WANT_ALL));
  return r->has_edges && edges > 0 ? pq_plan_add_judged(c, edges) : PQ_OK;
}

int pq_match_plan_steps(pq_command *c, uint32_t phase, bool *has_more) {
  pq_match_reads r;
  pq_plan_step *s;
  *has_more = phase < 2;
  if (phase == 0) return pq_plan_add(c, PQ_STEP_GRAPH, &s);
  if (phase > 1) return PQ_OK;
  PQ_TRY(pq_plan_add_doubts(c));
  PQ_TRY(pq_match_reads_of(c->s.match->query, &r));
  for (uint32_t i = 0; i < r.ask_count; i++)
    PQ_TRY(add_scans(c, &r.asks[i], i < r.sure_count));
  return add_documents(c, &r);
}

/* ---- the operators ---- */

/* Who has a label; where some of a collection have, as if all had. */
static int guess_label(pq_command *c, uint32_t label, const pq_match_ask *ask) {
  uint32_t at = 0;
  pq_slice collection;
  while (pq_match_next_collection(c, &at, &collection)) {
    pq_filter *filter = NULL;
    bool is_all = pq_match_is_all(c, collection, ask->label);
    if (!is_all) PQ_TRY(pq_match_scan_filter(c, &c->op.scratch, ask, collection, &filter));
    if (is_all || filter != NULL)
      PQ_TRY(pq_match_guess_label(c->s.match->query, label, collection, rows_of(c, collection)));
  }
  return PQ_OK;
}

int pq_match_plan_guess(pq_command *c) {
  pq_match *query = c->s.match->query;
  uint64_t edges = pq_count_add(c->s.forecast.steps[0].rows_max, pq_tail_edges(c));
  pq_match_reads r;
  PQ_TRY(pq_match_reads_of(query, &r));
  for (uint32_t i = 0; i < r.ask_count && r.asks[i].kind == PQ_MATCH_LABEL; i++)
    PQ_TRY(guess_label(c, i, &r.asks[i]));
  c->s.graph = pq_graph_kept(c->s.space->graphs, &c->s.snapshot.view);
  if (c->s.graph != NULL) PQ_TRY(pq_match_begin(query, c->s.graph));
  return pq_match_guess(query, rows_of_all(c), edges);
}

int pq_match_plan_shown(pq_command *c) {
  PQ_TRY(pq_builder_key_str(c->db->builder, "operators"));
  return pq_match_explain(c->s.match->query, c->db->builder);
}
