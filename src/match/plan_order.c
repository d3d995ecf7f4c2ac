/* match/plan_order.c - in which order the nodes of a pattern are bound.
 *
 *   bound so far ──► next node: by the edges to those bound (the smallest fan, each further one
 *                    thins it out), else anywhere
 *   cost = rows looked at + rows that come out, over all steps
 *
 * Up to ORDER_EXACT nodes all sets of nodes are gone through, smaller ones first; beyond that the
 * cheapest next step is taken.
 */
#include "match/match_int.h"

enum { ORDER_EXACT = 12, LONG_STEPS = 8 };

typedef struct ordering {
  const pq_group *g;
  const pq_node_guess *guesses;
  uint64_t edges; /* those of the group that count */
} ordering;

/* Ends that a relationship of variable length reaches. */
static double long_fan(const pq_pattern_edge *e, double fan, double most) {
  double sum = e->min == 0 ? 1 : 0, power = 1;
  for (uint32_t i = 1; i <= e->max && i <= LONG_STEPS; i++) {
    power *= fan;
    if (i >= e->min) sum += power;
  }
  return sum < most * 4 ? sum : most * 4;
}

/* Rows for one row, when `var` is bound next; *looked: rows that are looked at for it. */
static double fan_of(const ordering *o, uint64_t bound, uint32_t var, double *looked) {
  const pq_node_guess *n = &o->guesses[var];
  double fan = n->is_id ? 1 : n->count, least = -1, keep = n->count > 0 ? n->matches / n->count : 1;
  bool is_first = true;
  for (uint32_t i = 0; i < o->g->edge_count; i++) {
    const pq_pattern_edge *e = &o->g->edges[i];
    bool is_left = e->left == var && (bound >> e->right & 1) != 0;
    bool is_right = e->right == var && (bound >> e->left & 1) != 0;
    double f;
    if ((o->edges >> i & 1) == 0 || is_left == is_right) continue;
    f = is_left ? e->back : e->fan;
    if (e->is_long) f = long_fan(e, f, n->count + 1);
    if (least < 0 || f < least) least = f;
    fan = is_first ? f : fan * f / (n->count > 1 ? n->count : 1);
    is_first = false;
  }
  *looked = is_first ? (n->is_id ? 1 : n->is_pushed ? n->matches + n->count / 8 : n->count) : least;
  if (n->reads && !n->is_id && !(is_first && n->is_pushed)) *looked += fan * 20;
  if (is_first && n->is_id) return 1;
  return fan * keep;
}

static int order_exact(pq_match *m, const ordering *o, uint64_t bound, const uint32_t *vars,
                       uint32_t n, uint32_t *order) {
  uint32_t sets = 1u << n;
  double *cost = pq_arena_array(&m->asks, sets, sizeof *cost);
  double *rows = pq_arena_array(&m->asks, sets, sizeof *rows);
  uint8_t *last = pq_arena_calloc(&m->asks, sets, 1);
  if (cost == NULL || rows == NULL || last == NULL) return m->cx->code;
  cost[0] = 0;
  rows[0] = 1;
  for (uint32_t s = 1; s < sets; s++) {
    cost[s] = -1;
    for (uint32_t i = 0; i < n; i++) {
      uint32_t before = s & ~(1u << i);
      uint64_t have = bound;
      double looked, fan, c;
      if (before == s) continue;
      for (uint32_t k = 0; k < n; k++)
        if ((before >> k & 1) != 0) have |= UINT64_C(1) << vars[k];
      fan = fan_of(o, have, vars[i], &looked);
      c = cost[before] + rows[before] * (1 + looked) + rows[before] * fan;
      if (cost[s] >= 0 && c >= cost[s]) continue;
      cost[s] = c;
      rows[s] = rows[before] * fan;
      last[s] = (uint8_t)i;
    }
  }
  for (uint32_t s = sets - 1, at = n; at > 0; s &= ~(1u << last[s]))
    order[--at] = vars[last[s]];
  return PQ_OK;
}

static void order_greedy(const ordering *o, uint64_t bound, uint32_t *vars, uint32_t n,
                         uint32_t *order) {
  for (uint32_t at = 0; at < n; at++) {
    uint32_t best = at;
    double best_cost = -1, looked;
    for (uint32_t i = at; i < n; i++) {
      double fan = fan_of(o, bound, vars[i], &looked), c = fan + looked;
      if (best_cost >= 0 && c >= best_cost) continue;
      best_cost = c;
      best = i;
    }
    order[at] = vars[best];
    vars[best] = vars[at];
    vars[at] = order[at];
    bound |= UINT64_C(1) << order[at];
  }
}

int pq_match_order_of(pq_match *m, const pq_group *g, const pq_node_guess *guesses, uint64_t bound,
                      uint64_t todo, uint64_t edges, uint32_t *order, double *rows) {
  ordering o = {.g = g, .guesses = guesses, .edges = edges};
  uint32_t vars[PQ_MATCH_VARS], n = 0;
  double all = 1, looked;
  pq_arena_clear(&m->asks);
  for (uint64_t left = todo; left != 0; left &= left - 1)
    vars[n++] = pq_trailing_zeros(left);
  if (n <= ORDER_EXACT)
    PQ_TRY(order_exact(m, &o, bound, vars, n, order));
  else
    order_greedy(&o, bound, vars, n, order);
  for (uint32_t i = 0; i < n; i++) {
    all *= fan_of(&o, bound, order[i], &looked);
    rows[i] = all;
    bound |= UINT64_C(1) << order[i];
  }
  return PQ_OK;
}
