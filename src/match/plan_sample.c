/* match/plan_sample.c - estimates, from the graph itself: of a sample of its nodes, how many have
 * the labels of a variable, and how many edges of a pattern they have.
 *
 * What was counted stays with the graph: the next query that asks the same counts nothing.
 *
 * What is counted is what is asked for (labels of both ends, predicates, direction), so
 * correlations between them need no model. Small graphs are counted whole.
 */
#include "match/match_int.h"

enum { NODES_MAX = 20000, ARCS_MAX = 400000 };

typedef struct sampling {
  pq_match *m;
  const pq_group *g;
  uint32_t step, arcs_left;
} sampling;

/* Without a graph: what the log says of labels. */
static double guess_labels(const sampling *s, uint32_t var) {
  double n = (double)s->m->guess_nodes;
  for (uint32_t i = 0; i < s->g->test_count; i++) {
    const pq_label_test *t = &s->g->tests[i];
    double sum = 0;
    for (uint32_t k = 0; k < t->count; k++)
      sum += (double)s->m->labels[t->labels[k]].guess;
    if (t->var == var && sum < n) n = sum;
  }
  return n;
}

/* Edges of a node as many as of any, those to nodes with the labels of `var` as many as these are
 * of all. */
static double guess_edges(const sampling *s, uint32_t var) {
  double nodes = (double)s->m->guess_nodes, edges = (double)s->m->guess_edges;
  return nodes < 1 ? 0 : edges / nodes * (guess_labels(s, var) / nodes);
}

static double count_labels(const sampling *s, uint32_t var) {
  uint64_t n = 0;
  if (s->m->graph == NULL) return guess_labels(s, var);
  for (uint32_t node = 0; node < s->m->node_count; node += s->step)
    n += pq_match_passes(s->m, s->g, var, node);
  return (double)n * s->step;
}

static pq_direction reversed(pq_direction d) {
  return d == PQ_BOTH ? d : d == PQ_OUT ? PQ_IN : PQ_OUT;
}

/* Edges of a node that has `var`'s labels, on average. */
static double count_edges(sampling *s, const pq_pattern_edge *e, bool is_left) {
  uint32_t near = is_left ? e->left : e->right, other = is_left ? e->right : e->left;
  pq_direction direction = is_left ? e->direction : reversed(e->direction);
  uint64_t nodes = 0, edges = 0;
  uint32_t left = ARCS_MAX;
  if (s->m->graph == NULL) return guess_edges(s, other);
  for (uint32_t node = 0; node < s->m->node_count && left > 0; node += s->step) {
    pq_arc_walk w;
    pq_arcs arcs;
    if (!pq_match_passes(s->m, s->g, near, node)) continue;
    nodes++;
    w = pq_arcs_begin(s->m->graph, node, direction, &e->predicates);
    while (left > 0 && pq_arcs_next(&w, &arcs))
      for (uint32_t i = 0; i < arcs.count && left > 0; i++, left--)
        edges += pq_match_passes(s->m, s->g, other, arcs.far[i]);
  }
  return nodes == 0 ? 0 : (double)edges / (double)nodes;
}

/* How much of what it is asked of remains, by the kind of question. */
static double selectivity(const pq_term *t) {
  switch (t->kind) {
    case PQ_TERM_EQ: return 0.05;
    case PQ_TERM_IN: return 0.1;
    case PQ_TERM_STARTS:
    case PQ_TERM_ENDS:
    case PQ_TERM_CONTAINS:
    case PQ_TERM_REGEX: return 0.1;
    case PQ_TERM_NE: return 0.95;
    case PQ_TERM_LT:
    case PQ_TERM_LE:
    case PQ_TERM_GT:
    case PQ_TERM_GE: return 0.35;
    default: return 0.6;
  }
}

/* ---- the same, where it is known from a query before ---- */

static int put_labels(const sampling *s, pq_buf *what, uint32_t var) {
  PQ_TRY(pq_buf_put_byte(what, '('));
  for (uint32_t i = 0; i < s->g->test_count; i++) {
    const pq_label_test *t = &s->g->tests[i];
    for (uint32_t k = 0; t->var == var && k < t->count; k++) {
      PQ_TRY(pq_buf_put_byte(what, k == 0 ? ':' : '|'));
      PQ_TRY(pq_buf_put_slice(what, s->m->labels[t->labels[k]].name));
      PQ_TRY(pq_buf_put_byte(what, 0));
    }
  }
  return pq_buf_put_byte(what, ')');
}

/* Labels and names end with a byte that none of them has. */
static int put_what(const sampling *s, pq_buf *what, const pq_pattern_edge *e, bool is_left,
                    uint32_t var) {
  PQ_TRY(pq_buf_printf(what, "%u", s->step));
  PQ_TRY(put_labels(s, what, var));
  if (e == NULL) return PQ_OK;
  PQ_TRY(pq_buf_printf(what, "%u", is_left ? e->direction : reversed(e->direction)));
  for (uint32_t i = 0; i < e->name_count; i++) {
    PQ_TRY(pq_buf_put_slice(what, e->names[i]));
    PQ_TRY(pq_buf_put_byte(what, 0));
  }
  return put_labels(s, what, is_left ? e->right : e->left);
}

/* Of a variable without, of an edge with one. */
static int find_out(sampling *s, const pq_pattern_edge *e, bool is_left, uint32_t var,
                    double *out) {
  const pq_graph *g = s->m->graph;
  pq_buf what;
  int rc;
  pq_buf_init(&what, s->m->cx, 1u << 20);
  rc = put_what(s, &what, e, is_left, var);
  if (rc == PQ_OK && (g == NULL || !pq_graph_fact(g, pq_buf_slice(&what), out))) {
    *out = e == NULL ? count_labels(s, var) : count_edges(s, e, is_left);
    /* a guess goes by labels that may not be so */
    if (!s->m->is_guess) rc = pq_graph_keep_fact(g, pq_buf_slice(&what), *out);
  }
  pq_buf_release(&what);
  return rc;
}

static int guess_node(sampling *s, const pq_match_part *part, uint32_t var, pq_node_guess *out) {
  uint64_t bit = UINT64_C(1) << var;
  PQ_TRY(find_out(s, NULL, false, var, &out->count));
  out->matches = out->count;
  for (uint32_t i = 0; i < s->g->conjunct_count; i++) {
    const pq_term *t = s->g->conjuncts[i];
    if (pq_term_vars(t) != bit) continue;
    out->matches *= selectivity(t);
    out->reads |= pq_term_documents(part, t) != 0;
  }
  if (out->is_id || (out->matches < 1 && out->count >= 1)) out->matches = 1;
  return PQ_OK;
}

int pq_match_sample(pq_match *m, const pq_match_part *part, pq_group *g, pq_node_guess *guesses) {
  sampling s = {.m = m, .g = g, .step = 1};
  bool has_id = false;
  for (uint32_t i = 0; i < part->var_count; i++)
    has_id |= guesses[i].is_id;
  s.step = m->node_count / (has_id ? NODES_MAX / 20 : NODES_MAX) + 1;
  for (uint64_t left = g->nodes; left != 0; left &= left - 1)
    PQ_TRY(guess_node(&s, part, pq_trailing_zeros(left), &guesses[pq_trailing_zeros(left)]));
  for (uint32_t i = 0; i < g->edge_count; i++) {
    pq_pattern_edge *e = &g->edges[i];
    PQ_TRY(find_out(&s, e, true, e->left, &e->fan));
    PQ_TRY(find_out(&s, e, false, e->right, &e->back));
  }
  return PQ_OK;
}
