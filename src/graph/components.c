/* graph/components.c - weakly connected components: which nodes hang together, whatever the
 * directions. See whole.h.
 *
 * A forest in which each node points to one that is not greater; an edge joins the trees of its
 * ends under the lesser root. So a root is the least node of its component.
 */
#include "graph/whole_int.h"

/* The root, on the way to which every other node is made to point further up. */
static uint32_t find(uint32_t *up, uint32_t v) {
  while (up[v] != v) {
    uint32_t next = up[up[v]];
    up[v] = next;
    v = next;
  }
  return v;
}

static int label(pq_whole *w, uint64_t *work) {
  uint32_t *up = w->state;
  uint32_t v = w->at, n = w->node_count;
  for (; v<n && * work> 0; v++) {
    w->total += up[v] == v;
    up[v] = up[up[v]]; /* which is less than v and has its own by now */
    pq_whole_spend(work, 0);
  }
  if (v == n) w->labels = up;
  return pq_whole_go(w, v, n, NULL);
}

static int join(pq_whole *w, uint64_t *work) {
  uint32_t *up = w->state;
  uint32_t v = w->at, n = w->node_count;
  for (; v<n && * work> 0; v++) {
    uint32_t root = find(up, v);
    for (uint32_t i = w->out.first[v]; i < w->out.first[v + 1]; i++) {
      uint32_t other = find(up, w->out.far[i]);
      uint32_t least = other < root ? other : root;
      up[root] = least;
      up[other] = least;
      root = least;
    }
    pq_whole_spend(work, pq_flat_degree(&w->out, v));
  }
  return pq_whole_go(w, v, n, label);
}

int pq_whole_components(pq_whole *w, uint64_t *work) {
  uint32_t *up = pq_whole_u32(w->arena, w->node_count);
  (void)work;
  if (up == NULL) return w->arena->cx->code;
  for (uint32_t v = 0; v < w->node_count; v++)
    up[v] = v;
  w->state = up;
  return pq_whole_next(w, join);
}
