/* graph/weighted.c - lightest paths. See weighted.h. */
#include "graph/weighted.h"

#include <math.h>

enum { AHEAD_MIN = 4, AHEAD_MAX = 1 << 16 };

int pq_weighted_init(pq_weighted *w, pq_arena *arena, pq_choice *choice, const pq_weights *weights,
                     const double *estimates) {
  uint32_t count = pq_graph_number_count(choice->graph);
  *w = (pq_weighted){.choice = choice,
                     .weights = *weights,
                     .estimates = estimates,
                     .arena = arena,
                     .ahead = AHEAD_MIN};
  w->seen = pq_bits_new(arena, count);
  w->settled = pq_bits_new(arena, count);
  w->good = pq_bits_new(arena, count);
  w->none = pq_bits_new(arena, count);
  w->so_far = pq_arena_array(arena, (size_t)count + 1, sizeof *w->so_far);
  if (w->seen == NULL || w->settled == NULL || w->good == NULL || w->none == NULL ||
      w->so_far == NULL)
    return arena->cx->code;
  return PQ_OK;
}

/* ---- the heap ---- */

static int push(pq_weighted *w, double key, uint32_t node) {
  uint32_t i = w->heap_count;
  PQ_TRY(pq_room(w->arena, (void **)&w->heap, w->heap_count, &w->heap_cap, sizeof *w->heap));
  w->heap_count++;
  for (; i > 0 && w->heap[(i - 1) / 2].key > key; i = (i - 1) / 2)
    w->heap[i] = w->heap[(i - 1) / 2];
  w->heap[i] = (pq_heap_item){key, node};
  return PQ_OK;
}

static void pop(pq_weighted *w) {
  pq_heap_item last = w->heap[--w->heap_count];
  uint32_t i = 0, kid;
  while ((kid = 2 * i + 1) < w->heap_count) {
    if (kid + 1 < w->heap_count && w->heap[kid + 1].key < w->heap[kid].key) kid++;
    if (w->heap[kid].key >= last.key) break;
    w->heap[i] = w->heap[kid];
    i = kid;
  }
  w->heap[i] = last;
}

static double left_of(const pq_weighted *w, uint32_t node) {
  return w->estimates == NULL ? 0 : fabs(w->estimates[node] - w->estimates[w->to]);
}

/* ---- the search ---- */

static int see(pq_weighted *w, uint32_t node, double so_far) {
  if (!pq_bit(w->seen, node)) {
    PQ_TRY(pq_room(w->arena, (void **)&w->nodes, w->count, &w->cap, sizeof *w->nodes));
    pq_bit_set(w->seen, node);
    w->nodes[w->count++] = node;
    w->explored++;
  }
  pq_bit_clear(w->settled, node);
  w->so_far[node] = so_far;
  return push(w, so_far + left_of(w, node), node);
}

/* Barred nodes are settled from the start, at no weight that could be tight. */
static int bar(pq_weighted *w, uint32_t node) {
  PQ_TRY(pq_room(w->arena, (void **)&w->nodes, w->count, &w->cap, sizeof *w->nodes));
  pq_bit_set(w->seen, node);
  pq_bit_set(w->settled, node);
  w->nodes[w->count++] = node;
  w->so_far[node] = -1;
  return PQ_OK;
}

int pq_weighted_begin(pq_weighted *w, uint32_t from, uint32_t to, double start, pq_barred barred) {
  for (uint32_t i = 0; i < w->count; i++) {
    pq_bit_clear(w->seen, w->nodes[i]);
    pq_bit_clear(w->settled, w->nodes[i]);
  }
  for (uint32_t i = 0; i < w->good_count; i++)
    pq_bit_clear(w->good, w->good_nodes[i]);
  w->count = w->good_count = w->heap_count = 0;
  w->from = from;
  w->to = to;
  w->barred = barred;
  w->is_found = w->has_zero = false;
  for (uint32_t i = 0; i < barred.node_count; i++)
    PQ_TRY(bar(w, barred.nodes[i]));
  if (w->estimates == NULL) return see(w, from, start);
  /* its key needs an estimate, which is not known yet */
  PQ_TRY(pq_room(w->arena, (void **)&w->nodes, w->count, &w->cap, sizeof *w->nodes));
  pq_bit_set(w->seen, from);
  w->nodes[w->count++] = from;
  w->so_far[from] = start;
  return push(w, start, from);
}

static bool is_good_node(const pq_weighted *w, uint32_t node) {
  return pq_judged_is_good(&w->choice->nodes, node) || node == w->from || node == w->to;
}

static bool is_good_edge(const pq_weighted *w, uint32_t edge) {
  return pq_judged_is_good(&w->choice->edges, edge) && !pq_is_barred(&w->barred, edge);
}

/* Ask for what the next node to be settled needs; and as it will be asked again soon, for some that
 * may follow it, more of them each time. */
static int ask(pq_weighted *w) {
  pq_choice *c = w->choice;
  uint32_t node = w->heap[0].node, count = w->heap_count < w->ahead ? w->heap_count : w->ahead;
  bool is_known = pq_judged_ask(&c->nodes, w->to);
  if (pq_choice_ask(c, c->direction, &node, 1, w->none) == PQ_OK && is_known) return PQ_OK;
  for (uint32_t i = 1; i < count; i++) {
    int rc = pq_choice_ask(c, c->direction, &w->heap[i].node, 1, w->none);
    if (rc < 0) return rc;
  }
  if (w->ahead < AHEAD_MAX) w->ahead *= 2;
  return PQ_ASK;
}

int pq_weight_bad(pq_cx *cx, const pq_weights *w, double weight) {
  return pq_fail(cx, PQ_EINVALID,
                 "path: an edge of '%.*s' has the weight %g: weights are 0 or more", (int)w->name.n,
                 (const char *)w->name.p, weight);
}

static int settle(pq_weighted *w, uint32_t node) {
  pq_choice *c = w->choice;
  pq_arc_walk walk = pq_arcs_begin(c->graph, node, c->direction, &c->predicates);
  pq_arcs arcs;
  while (pq_arcs_next(&walk, &arcs)) {
    c->arcs += arcs.count;
    for (uint32_t i = 0; i < arcs.count; i++) {
      uint32_t edge = pq_arcs_edge(&arcs, i), far = arcs.far[i];
      double weight = pq_weight_of(&w->weights, edge), so_far;
      if (weight != weight || !is_good_edge(w, edge)) continue;
      if (weight < 0) return pq_weight_bad(w->arena->cx, &w->weights, weight);
      if (!is_good_node(w, far)) continue;
      w->has_zero |= weight == 0;
      so_far = w->so_far[node] + weight;
      if (!pq_bit(w->seen, far) || so_far < w->so_far[far]) PQ_TRY(see(w, far, so_far));
    }
  }
  pq_bit_set(w->settled, node);
  return PQ_OK;
}

/* Estimates are sums of rounded numbers: what is a little dearer than the best is looked at, too.
 */
static bool is_beyond(const pq_weighted *w, double key) {
  double best;
  if (!pq_bit(w->settled, w->to) || !pq_bit(w->seen, w->to)) return false;
  best = w->so_far[w->to];
  return key > (w->estimates == NULL ? best : best + best * 1e-9);
}

static int mark(pq_weighted *w, uint32_t node) {
  if (pq_bit(w->good, node)) return PQ_OK;
  PQ_TRY(pq_room(w->arena, (void **)&w->good_nodes, w->good_count, &w->good_cap,
                 sizeof *w->good_nodes));
  pq_bit_set(w->good, node);
  w->good_nodes[w->good_count++] = node;
  return PQ_OK;
}

static bool is_tight(const pq_weighted *w, uint32_t from, uint32_t edge, uint32_t to) {
  return pq_bit(w->settled, from) && pq_bit(w->settled, to) && w->so_far[from] >= 0 &&
         is_good_edge(w, edge) &&
         w->so_far[from] + pq_weight_of(&w->weights, edge) == w->so_far[to];
}

/* Nodes from which tight edges lead to the end. */
static int mark_all(pq_weighted *w) {
  const pq_choice *c = w->choice;
  PQ_TRY(mark(w, w->to));
  for (uint32_t n = 0; n < w->good_count; n++) {
    uint32_t node = w->good_nodes[n];
    pq_arc_walk walk =
        pq_arcs_begin(c->graph, node, pq_direction_turned(c->direction), &c->predicates);
    pq_arcs arcs;
    while (node != w->from && pq_arcs_next(&walk, &arcs))
      for (uint32_t i = 0; i < arcs.count; i++)
        if (is_tight(w, arcs.far[i], pq_arcs_edge(&arcs, i), node)) PQ_TRY(mark(w, arcs.far[i]));
  }
  return PQ_OK;
}

int pq_weighted_go(pq_weighted *w) {
  while (w->heap_count > 0 && !is_beyond(w, w->heap[0].key)) {
    uint32_t node = w->heap[0].node;
    if (pq_bit(w->settled, node)) {
      pop(w);
      continue;
    }
    PQ_TRY(ask(w));
    pop(w);
    PQ_TRY(settle(w, node));
  }
  w->is_found = pq_bit(w->seen, w->to);
  return w->is_found ? mark_all(w) : PQ_OK;
}

static bool is_on_walk(const pq_trails *t, uint32_t node) {
  for (uint32_t i = 0; i <= t->depth; i++)
    if (t->nodes[i].node == node) return true;
  return false;
}

bool pq_weighted_allows(const pq_trails *t, uint32_t edge, uint32_t far) {
  const pq_weighted *w = t->ud;
  uint32_t node = t->nodes[t->depth].node;
  if (node == w->to || !pq_bit(w->good, far) || !is_tight(w, node, edge, far)) return false;
  return !w->has_zero || !is_on_walk(t, far);
}
