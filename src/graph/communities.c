/* graph/communities.c - communities by label propagation. See whole.h.
 *
 * Each node begins with itself as its label. In a round all take the label that most of their
 * neighbours had before it, of several the least. It ends when a round changes nothing.
 */
#include "graph/whole_int.h"

typedef struct community_state {
  uint32_t *labels, *before;
  uint32_t *counts; /* by label; 0 between nodes */
  bool is_changed;
} community_state;

/* The label that most of v's neighbours have. */
static uint32_t most(const pq_flat *g, uint32_t v, const uint32_t *labels, uint32_t *counts) {
  const uint32_t *far = g->far + g->first[v];
  uint32_t count = pq_flat_degree(g, v), best = labels[v], best_count = 0;
  for (uint32_t i = 0; i < count; i++) {
    uint32_t label = labels[far[i]], n = ++counts[label];
    if (n > best_count || (n == best_count && label < best)) best = label;
    if (n > best_count) best_count = n;
  }
  for (uint32_t i = 0; i < count; i++)
    counts[labels[far[i]]] = 0;
  return best;
}

/* How many labels there are: each is counted once. */
static int tally(pq_whole *w, uint64_t *work) {
  community_state *s = w->state;
  uint32_t v = w->at, n = w->node_count;
  for (; v<n && * work> 0; v++) {
    w->total += s->counts[s->labels[v]] == 0;
    s->counts[s->labels[v]] = 1;
    pq_whole_spend(work, 0);
  }
  if (v == n) w->labels = s->labels;
  return pq_whole_go(w, v, n, NULL);
}

static int take_labels(pq_whole *w, uint64_t *work) {
  community_state *s = w->state;
  uint32_t v = w->at, n = w->node_count, *labels;
  for (; v<n && * work> 0; v++) {
    s->before[v] = most(&w->simple, v, s->labels, s->counts);
    s->is_changed |= s->before[v] != s->labels[v];
    pq_whole_spend(work, (uint64_t)2 * pq_flat_degree(&w->simple, v));
  }
  if (v < n) return pq_whole_go(w, v, n, NULL);
  labels = s->before;
  s->before = s->labels;
  s->labels = labels;
  w->rounds++;
  w->is_settled = !s->is_changed;
  s->is_changed = false;
  return pq_whole_next(w,
                       w->is_settled || w->rounds == w->options.iterations ? tally : take_labels);
}

static int begin(pq_whole *w, uint64_t *work) {
  community_state *s = pq_arena_calloc(w->scratch, 1, sizeof *s);
  (void)work;
  if (s == NULL) return w->arena->cx->code;
  s->labels = pq_whole_u32(w->arena, w->node_count);
  s->before = pq_whole_u32(w->arena, w->node_count);
  s->counts = pq_whole_zeros(w->scratch, w->node_count);
  if (s->labels == NULL || s->before == NULL || s->counts == NULL) return w->arena->cx->code;
  for (uint32_t v = 0; v < w->node_count; v++)
    s->labels[v] = v;
  w->state = s;
  return pq_whole_next(w, w->options.iterations == 0 ? tally : take_labels);
}

int pq_whole_communities(pq_whole *w, uint64_t *work) {
  (void)work;
  return pq_whole_need_simple(w, begin);
}
