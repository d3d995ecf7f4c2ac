/* graph/page_rank.c - page rank by power iteration. See whole.h.
 *
 *   all begin with 1/n; a round:
 *   spread   each node's share for one edge = its score / edges that leave it
 *            scores of nodes that none leaves = lost
 *   gather   score = (1 - damping)/n + damping * (lost/n + shares along the edges that enter)
 *            until the scores change by less than the tolerance in all
 *
 * Several edges between two nodes count each. Shares are added up in the order of ids, and no
 * product and sum stand in one expression, which a compiler may join: the scores are the same
 * everywhere, to the last bit.
 */
#include "graph/whole_int.h"

typedef struct rank_state {
  double *scores, *shares;
  double base;          /* what a node has of itself in this round */
  double lost, changed; /* so far */
} rank_state;

static uint64_t leaving(const pq_whole *w, uint32_t v) {
  uint64_t n = 0;
  if (w->options.direction & PQ_OUT) n += pq_flat_degree(&w->out, v);
  if (w->options.direction & PQ_IN) n += pq_flat_degree(&w->in, v);
  return n;
}

static double add_shares(const pq_flat *g, uint32_t v, const double *shares, double sum) {
  for (uint32_t i = g->first[v]; i < g->first[v + 1]; i++)
    sum += shares[g->far[i]];
  return sum;
}

static int spread(pq_whole *w, uint64_t *work);

static int end_round(pq_whole *w) {
  rank_state *s = w->state;
  w->rounds++;
  w->is_settled = s->changed < w->options.tolerance;
  if (!w->is_settled && w->rounds < w->options.iterations) return pq_whole_next(w, spread);
  w->scores = s->scores;
  return pq_whole_next(w, NULL);
}

static int gather(pq_whole *w, uint64_t *work) {
  rank_state *s = w->state;
  const double damping = w->options.damping, base = s->base;
  uint32_t v = w->at, n = w->node_count;
  double changed = s->changed;
  for (; v<n && * work> 0; v++) {
    double score = 0, old = s->scores[v];
    if (w->options.direction & PQ_OUT) score = add_shares(&w->in, v, s->shares, score);
    if (w->options.direction & PQ_IN) score = add_shares(&w->out, v, s->shares, score);
    score *= damping;
    score += base;
    s->scores[v] = score;
    changed += score > old ? score - old : old - score;
    pq_whole_spend(work, leaving(w, v));
  }
  s->changed = changed;
  w->at = v;
  return v < n ? PQ_OK : end_round(w);
}

static int spread(pq_whole *w, uint64_t *work) {
  rank_state *s = w->state;
  uint32_t v = w->at, n = w->node_count;
  if (v == 0) s->lost = 0;
  for (; v<n && * work> 0; v++) {
    uint64_t count = leaving(w, v);
    if (count == 0) s->lost += s->scores[v];
    s->shares[v] = count == 0 ? 0 : s->scores[v] / (double)count;
    pq_whole_spend(work, 1);
  }
  if (v == n) {
    double own = (1 - w->options.damping) / n, lost = s->lost / n;
    lost *= w->options.damping;
    s->base = own + lost;
    s->changed = 0;
  }
  return pq_whole_go(w, v, n, gather);
}

static int begin(pq_whole *w, uint64_t *work) {
  rank_state *s = w->state;
  uint32_t v = w->at, n = w->node_count;
  for (; v<n && * work> 0; v++) {
    s->scores[v] = 1 / (double)n;
    pq_whole_spend(work, 0);
  }
  if (v == n && w->options.iterations == 0) w->scores = s->scores;
  return pq_whole_go(w, v, n, w->options.iterations == 0 ? NULL : spread);
}

int pq_whole_page_rank(pq_whole *w, uint64_t *work) {
  rank_state *s = pq_arena_calloc(w->scratch, 1, sizeof *s);
  (void)work;
  if (s == NULL) return w->arena->cx->code;
  s->scores = pq_arena_array(w->arena, w->node_count, sizeof *s->scores);
  s->shares = pq_arena_array(w->scratch, w->node_count, sizeof *s->shares);
  if (s->scores == NULL || s->shares == NULL) return w->arena->cx->code;
  w->state = s;
  return pq_whole_need_in(w, begin);
}
