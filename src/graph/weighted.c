/* graph/weighted.c - lightest paths. See weighted.h. */
#include "graph/weighted.h"

#include <math.h>

enum { AHEAD_MIN = 64, AHEAD_MAX = 1 << 16 };

static int side_init(pq_weight_side *s, pq_arena *arena, uint32_t count, pq_direction direction) {
  *s = (pq_weight_side){.direction = direction, .ahead = AHEAD_MIN};
  s->seen = pq_bits_new(arena, count);
  s->settled = pq_bits_new(arena, count);
  s->so_far = pq_arena_array(arena, (size_t)count + 1, sizeof *s->so_far);
  return s->seen == NULL || s->settled == NULL || s->so_far == NULL ? arena->cx->code : PQ_OK;
}

/* Weights below 0 fail where they are met, which is the same for all only from one side. */
static bool is_two_sided(const pq_weighted *w) {
  return w->estimates == NULL && !w->weights.has_negative;
}

int pq_weighted_init(pq_weighted *w, pq_arena *arena, pq_choice *choice, const pq_weights *weights,
                     const double *estimates) {
  uint32_t count = pq_graph_number_count(choice->graph);
  *w = (pq_weighted){.choice = choice, .weights = *weights, .estimates = estimates, .arena = arena};
  PQ_TRY(side_init(&w->sides[0], arena, count, choice->direction));
  w->good = pq_bits_new(arena, count);
  w->none = pq_bits_new(arena, count);
  return w->good == NULL || w->none == NULL ? arena->cx->code : PQ_OK;
}

int pq_weight_bad(pq_cx *cx, const pq_weights *w, double weight) {
  return pq_fail(cx, PQ_EINVALID,
                 "path: an edge of '%.*s' has the weight %g: weights are 0 or more", (int)w->name.n,
                 (const char *)w->name.p, weight);
}

/* ---- the heap ---- */

static int push(pq_weighted *w, pq_weight_side *s, double key, uint32_t node) {
  uint32_t i = s->heap_count;
  PQ_TRY(pq_room(w->arena, (void **)&s->heap, s->heap_count, &s->heap_cap, sizeof *s->heap));
  s->heap_count++;
  for (; i > 0 && s->heap[(i - 1) / 2].key > key; i = (i - 1) / 2)
    s->heap[i] = s->heap[(i - 1) / 2];
  s->heap[i] = (pq_heap_item){key, node};
  return PQ_OK;
}

static void pop(pq_weight_side *s) {
  pq_heap_item last = s->heap[--s->heap_count];
  uint32_t i = 0, kid;
  while ((kid = 2 * i + 1) < s->heap_count) {
    if (kid + 1 < s->heap_count && s->heap[kid + 1].key < s->heap[kid].key) kid++;
    if (s->heap[kid].key >= last.key) break;
    s->heap[i] = s->heap[kid];
    i = kid;
  }
  s->heap[i] = last;
}

/* Is there a node that is not settled? It is at the top. */
static bool has_next(pq_weight_side *s) {
  while (s->heap_count > 0 && pq_bit(s->settled, s->heap[0].node))
    pop(s);
  return s->heap_count > 0;
}

static double left_of(const pq_weighted *w, uint32_t node) {
  return w->estimates == NULL ? 0 : fabs(w->estimates[node] - w->estimates[w->to]);
}

/* ---- nodes ---- */

static int enter(pq_weighted *w, pq_weight_side *s, uint32_t node, double so_far) {
  PQ_TRY(pq_room(w->arena, (void **)&s->nodes, s->count, &s->cap, sizeof *s->nodes));
  pq_bit_set(s->seen, node);
  s->nodes[s->count++] = node;
  s->so_far[node] = so_far;
  return PQ_OK;
}

static int see(pq_weighted *w, pq_weight_side *s, uint32_t node, double so_far) {
  if (!pq_bit(s->seen, node)) {
    PQ_TRY(enter(w, s, node, so_far));
    w->explored++;
  }
  pq_bit_clear(s->settled, node);
  s->so_far[node] = so_far;
  return push(w, s, so_far + left_of(w, node), node);
}

/* Forget the search before. Barred nodes are settled from the start, at no weight that could be
 * tight. */
static int side_begin(pq_weighted *w, pq_weight_side *s, uint32_t node, double start) {
  for (uint32_t i = 0; i < s->count; i++) {
    pq_bit_clear(s->seen, s->nodes[i]);
    pq_bit_clear(s->settled, s->nodes[i]);
  }
  s->count = s->heap_count = 0;
  for (uint32_t i = 0; i < w->barred.node_count; i++) {
    PQ_TRY(enter(w, s, w->barred.nodes[i], -1));
    pq_bit_set(s->settled, w->barred.nodes[i]);
  }
  if (w->estimates == NULL) return see(w, s, node, start);
  PQ_TRY(enter(w, s, node, start)); /* its key needs an estimate, which is not known yet */
  return push(w, s, start, node);
}

int pq_weighted_begin(pq_weighted *w, uint32_t from, uint32_t to, double start, pq_barred barred) {
  for (uint32_t i = 0; i < w->good_count; i++)
    pq_bit_clear(w->good, w->good_nodes[i]);
  w->good_count = 0;
  w->from = from;
  w->to = to;
  w->barred = barred;
  w->is_found = w->is_met = w->has_zero = false;
  w->is_narrow = !is_two_sided(w);
  w->best = INFINITY;
  PQ_TRY(side_begin(w, &w->sides[0], from, start));
  if (w->is_narrow) return PQ_OK;
  if (w->sides[1].seen == NULL)
    PQ_TRY(side_init(&w->sides[1], w->arena, pq_graph_number_count(w->choice->graph),
                     pq_direction_turned(w->choice->direction)));
  return side_begin(w, &w->sides[1], to, 0);
}

static bool is_good_node(const pq_weighted *w, uint32_t node) {
  return pq_judged_is_good(&w->choice->nodes, node) || node == w->from || node == w->to;
}

static bool is_good_edge(const pq_weighted *w, uint32_t edge) {
  return pq_judged_is_good(&w->choice->edges, edge) &&
         (w->barred.edge_count == 0 || !pq_is_barred(&w->barred, edge));
}

/* Ask for what the next node to be settled needs; and as it will be asked again soon, for some that
 * may follow it, more of them each time. */
static int ask(pq_weighted *w, pq_weight_side *s) {
  pq_choice *c = w->choice;
  uint32_t node = s->heap[0].node, count = s->heap_count < s->ahead ? s->heap_count : s->ahead;
  bool is_known = pq_judged_ask(&c->nodes, w->to);
  if (pq_choice_ask(c, s->direction, &node, 1, w->none) == PQ_OK && is_known) return PQ_OK;
  for (uint32_t i = 1; i < count; i++) {
    int rc = pq_choice_ask(c, s->direction, &s->heap[i].node, 1, w->none);
    if (rc < 0) return rc;
  }
  if (s->ahead < AHEAD_MAX) s->ahead *= 4;
  return PQ_ASK;
}

/* ---- both sides ---- */

/* Does side 0 alone have a reason to go there? */
static bool is_wanted(const pq_weighted *w, uint32_t node, double so_far) {
  const pq_weight_side *other = &w->sides[1];
  if (!w->is_narrow || w->best == INFINITY) return true;
  return pq_bit(other->settled, node) && so_far + other->so_far[node] <= pq_weight_bound(w->best);
}

static int reach(pq_weighted *w, pq_weight_side *s, uint32_t far, double so_far) {
  const pq_weight_side *other = &w->sides[s == &w->sides[0]];
  if (pq_bit(s->seen, far) && so_far >= s->so_far[far]) return PQ_OK;
  if (!w->is_narrow && pq_bit(other->seen, far) && other->so_far[far] >= 0) {
    w->is_met = true;
    if (so_far + other->so_far[far] < w->best) w->best = so_far + other->so_far[far];
  }
  return is_wanted(w, far, so_far) ? see(w, s, far, so_far) : PQ_OK;
}

static int settle(pq_weighted *w, pq_weight_side *s, uint32_t node) {
  pq_choice *c = w->choice;
  pq_arc_walk walk = pq_arcs_begin(c->graph, node, s->direction, &c->predicates);
  pq_arcs arcs;
  while (pq_arcs_next(&walk, &arcs)) {
    c->arcs += arcs.count;
    for (uint32_t i = 0; i < arcs.count; i++) {
      uint32_t edge = pq_arcs_edge(&arcs, i), far = arcs.far[i];
      double weight = pq_weight_of(&w->weights, edge);
      if (weight != weight || !is_good_edge(w, edge)) continue;
      if (weight < 0) return pq_weight_bad(w->arena->cx, &w->weights, weight);
      if (!is_good_node(w, far)) continue;
      w->has_zero |= s->so_far[node] + weight == s->so_far[node];
      PQ_TRY(reach(w, s, far, s->so_far[node] + weight));
    }
  }
  pq_bit_set(s->settled, node);
  return PQ_OK;
}

/* The next node of a side. */
static int advance(pq_weighted *w, pq_weight_side *s) {
  uint32_t node = s->heap[0].node;
  PQ_TRY(ask(w, s));
  pop(s);
  return settle(w, s, node);
}

static int go_from_both(pq_weighted *w) {
  pq_weight_side *a = &w->sides[0], *b = &w->sides[1];
  while (!w->is_narrow) {
    bool has_both = has_next(a) && has_next(b);
    if (!has_both || a->heap[0].key + b->heap[0].key > pq_weight_bound(w->best))
      w->is_narrow = true;
    else
      PQ_TRY(advance(w, a->heap_count <= b->heap_count ? a : b));
  }
  return PQ_OK;
}

int pq_weighted_all(pq_weighted *w, uint32_t from) {
  pq_weight_side *s = &w->sides[0];
  w->from = w->to = from;
  w->barred = (pq_barred){0};
  w->is_narrow = true;
  w->best = INFINITY;
  PQ_TRY(side_begin(w, s, from, 0));
  while (has_next(s))
    PQ_TRY(advance(w, s));
  return PQ_OK;
}

/* ---- the lightest ones ---- */

static int mark(pq_weighted *w, uint32_t node) {
  if (pq_bit(w->good, node)) return PQ_OK;
  PQ_TRY(pq_room(w->arena, (void **)&w->good_nodes, w->good_count, &w->good_cap,
                 sizeof *w->good_nodes));
  pq_bit_set(w->good, node);
  w->good_nodes[w->good_count++] = node;
  return PQ_OK;
}

static bool is_tight(const pq_weighted *w, uint32_t from, uint32_t edge, uint32_t to) {
  const pq_weight_side *s = &w->sides[0];
  return pq_bit(s->settled, from) && pq_bit(s->settled, to) && s->so_far[from] >= 0 &&
         is_good_edge(w, edge) &&
         s->so_far[from] + pq_weight_of(&w->weights, edge) == s->so_far[to];
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

/* Is all that is left heavier than the best? */
static bool is_beyond(const pq_weighted *w, double key) {
  const pq_weight_side *s = &w->sides[0];
  double best;
  if (!pq_bit(s->settled, w->to) || !pq_bit(s->seen, w->to)) return false;
  best = s->so_far[w->to];
  return key > (w->estimates == NULL ? best : pq_weight_bound(best));
}

int pq_weighted_go(pq_weighted *w) {
  pq_weight_side *s = &w->sides[0];
  PQ_TRY(go_from_both(w));
  if (is_two_sided(w) && !w->is_met) return PQ_OK;
  while (has_next(s) && !is_beyond(w, s->heap[0].key)) {
    if (is_wanted(w, s->heap[0].node, s->so_far[s->heap[0].node]))
      PQ_TRY(advance(w, s));
    else
      pop(s);
  }
  w->is_found = pq_bit(s->seen, w->to);
  return w->is_found ? mark_all(w) : PQ_OK;
}

bool pq_weighted_allows(const pq_trails *t, uint32_t edge, uint32_t far) {
  const pq_weighted *w = t->ud;
  uint32_t node = t->nodes[t->depth].node;
  if (node == w->to || !pq_bit(w->good, far) || !is_tight(w, node, edge, far)) return false;
  return !w->has_zero || !pq_trails_has(t, far);
}
