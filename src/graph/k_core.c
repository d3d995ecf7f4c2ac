/* graph/k_core.c - core numbers. See whole.h.
 *
 * Nodes are taken away in the order of how many neighbours they have left; what one has when it is
 * its turn is its core number (Batagelj and Zaversnik, An O(m) Algorithm for Cores Decomposition of
 * Networks, 2003).
 *
 *   queue   [ 1 1 1 | 2 2 | 5 … ]     nodes by neighbours left; begin[k]: where those with k begin
 *               ▲ taken so far        one that loses a neighbour changes places with the first of
 *                                     its part, which then begins behind it
 */
#include "graph/whole_int.h"

typedef struct core_state {
  uint32_t *left;  /* neighbours that are not taken */
  uint32_t *queue; /* nodes */
  uint32_t *place; /* in the queue */
  uint32_t *begin; /* by neighbours left */
  uint64_t *cores;
} core_state;

static void lose_one(core_state *s, uint32_t v) {
  uint32_t at = s->place[v], first = s->begin[s->left[v]], other = s->queue[first];
  s->queue[at] = other;
  s->place[other] = at;
  s->queue[first] = v;
  s->place[v] = first;
  s->begin[s->left[v]]++;
  s->left[v]--;
}

static int take_away(pq_whole *w, uint64_t *work) {
  core_state *s = w->state;
  const pq_flat *g = &w->simple;
  uint32_t i = w->at, n = w->node_count;
  for (; i<n && * work> 0; i++) {
    uint32_t v = s->queue[i], k = s->left[v];
    s->cores[v] = k;
    if (k > w->total) w->total = k;
    for (uint32_t e = g->first[v]; e < g->first[v + 1]; e++)
      if (s->left[g->far[e]] > k) lose_one(s, g->far[e]);
    pq_whole_spend(work, (uint64_t)4 * pq_flat_degree(g, v));
  }
  if (i == n) w->numbers = s->cores;
  return pq_whole_go(w, i, n, NULL);
}

/* By degree, as whole_turn.c turns edges. */
static void fill_queue(const pq_whole *w, core_state *s) {
  uint32_t n = w->node_count;
  for (uint32_t v = 0; v < n; v++) {
    s->left[v] = pq_flat_degree(&w->simple, v);
    s->begin[s->left[v] + 1]++;
  }
  for (uint32_t k = 0; k < n; k++)
    s->begin[k + 1] += s->begin[k];
  for (uint32_t v = 0; v < n; v++) {
    s->place[v] = s->begin[s->left[v]]++;
    s->queue[s->place[v]] = v;
  }
  for (uint32_t k = n; k > 0; k--)
    s->begin[k] = s->begin[k - 1];
  s->begin[0] = 0;
}

static int begin(pq_whole *w, uint64_t *work) {
  core_state *s = pq_arena_calloc(w->scratch, 1, sizeof *s);
  uint32_t n = w->node_count;
  if (s == NULL) return w->arena->cx->code;
  s->left = pq_whole_u32(w->scratch, n);
  s->queue = pq_whole_u32(w->scratch, n);
  s->place = pq_whole_u32(w->scratch, n);
  s->begin = pq_whole_zeros(w->scratch, (uint64_t)n + 1);
  s->cores = pq_arena_array(w->arena, n, sizeof *s->cores);
  if (s->left == NULL || s->queue == NULL || s->place == NULL || s->begin == NULL ||
      s->cores == NULL)
    return w->arena->cx->code;
  fill_queue(w, s);
  pq_whole_spend(work, (uint64_t)n * 4);
  w->state = s;
  return pq_whole_next(w, take_away);
}

int pq_whole_cores(pq_whole *w, uint64_t *work) {
  (void)work;
  return pq_whole_need_simple(w, begin);
}
