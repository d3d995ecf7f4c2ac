/* graph/routes.c - the best paths, one after the other. See routes.h. */
#include "graph/routes.h"

#include <string.h>

int pq_routes_init(pq_routes *r, pq_arena *arena, pq_choice *choice, const pq_weights *weights,
                   const double *estimates) {
  *r = (pq_routes){.arena = arena, .choice = choice, .weights = *weights, .estimates = estimates};
  r->leg = (pq_leg){0, PQ_NO_MAX, choice};
  return PQ_OK;
}

void pq_routes_begin(pq_routes *r, uint32_t from, uint32_t to, uint32_t hops_max, bool is_all) {
  bool is_bounded = hops_max < pq_graph_number_count(r->choice->graph);
  r->from = from;
  r->to = to;
  r->hops_max = hops_max;
  r->is_all = is_all;
  if (r->weights.values != NULL) r->kind = is_bounded ? PQ_ROUTE_BOUNDED : PQ_ROUTE_LIGHTEST;
}

uint64_t pq_routes_explored(const pq_routes *r) {
  return r->shortest.explored + r->weighted.explored + r->bounded.explored;
}

/* ---- one search ---- */

static int init_search(pq_routes *r) {
  switch (r->kind) {
    case PQ_ROUTE_SHORTEST: return pq_shortest_init(&r->shortest, r->arena, r->choice);
    case PQ_ROUTE_LIGHTEST:
      return pq_weighted_init(&r->weighted, r->arena, r->choice, &r->weights, r->estimates);
    case PQ_ROUTE_BOUNDED:
      PQ_TRY(pq_bounded_init(&r->bounded, r->arena, r->choice, &r->weights));
      r->bounded.is_eager = r->is_eager;
      return PQ_OK;
  }
  pq_unreachable("a kind of route");
}

/* Begin to look from a node, `hops` edges and some weight behind the start. */
static int begin_search(pq_routes *r, uint32_t from, uint32_t hops, double weight,
                        pq_barred barred) {
  r->is_searched = false;
  switch (r->kind) {
    case PQ_ROUTE_SHORTEST:
      return pq_shortest_begin(&r->shortest, from, r->to, r->hops_max - hops, barred);
    case PQ_ROUTE_LIGHTEST: return pq_weighted_begin(&r->weighted, from, r->to, weight, barred);
    case PQ_ROUTE_BOUNDED:
      return pq_bounded_begin(&r->bounded, from, r->to, r->hops_max - hops, weight, barred);
  }
  pq_unreachable("a kind of route");
}

static int go(pq_routes *r) {
  switch (r->kind) {
    case PQ_ROUTE_SHORTEST: return pq_shortest_go(&r->shortest);
    case PQ_ROUTE_LIGHTEST: return pq_weighted_go(&r->weighted);
    case PQ_ROUTE_BOUNDED: return pq_bounded_go(&r->bounded);
  }
  pq_unreachable("a kind of route");
}

/* Walk over what was found, with the memory that the walk before had. */
static int begin_walk(pq_routes *r) {
  static const pq_trails_allows allows[] = {pq_shortest_allows, pq_weighted_allows,
                                            pq_bounded_allows};
  const void *const searches[] = {&r->shortest, &r->weighted, &r->bounded};
  const uint32_t *const starts[] = {&r->shortest.from, &r->weighted.from, &r->bounded.from};
  pq_trails was = r->trails;
  PQ_TRY(pq_trails_init(&r->trails, r->arena, r->choice->graph, &r->leg, 1,
                        PQ_TRAILS_AGAIN | PQ_TRAILS_DEEP, starts[r->kind], 1));
  r->trails.nodes = was.nodes;
  r->trails.cap = was.cap;
  r->trails.threads = was.threads;
  r->trails.thread_cap = was.thread_cap;
  r->trails.steps = was.steps;
  r->trails.step_cap = was.step_cap;
  r->trails.allows = allows[r->kind];
  r->trails.ud = searches[r->kind];
  return PQ_OK;
}

static int search(pq_routes *r, bool *is_found) {
  if (!r->is_searched) {
    PQ_TRY(go(r));
    PQ_TRY(begin_walk(r));
    r->is_searched = true;
  }
  *is_found = r->kind == PQ_ROUTE_SHORTEST   ? r->shortest.length != PQ_NO_LENGTH
              : r->kind == PQ_ROUTE_LIGHTEST ? r->weighted.is_found
                                             : r->bounded.is_found;
  return PQ_OK;
}

/* The next walk that comes to the end. */
static int walk(pq_routes *r, bool *is_end) {
  do {
    PQ_TRY(pq_trails_next(&r->trails, is_end));
  } while (!*is_end && r->trails.nodes[r->trails.depth].node != r->to);
  return PQ_OK;
}

/* ---- routes ---- */

/* The first `root` edges of a route (NULL: none), then the walk. */
static int make_route(pq_routes *r, const pq_route *of, uint32_t root, pq_route *out) {
  const pq_trails *t = &r->trails;
  uint32_t count = root + t->depth, thread = t->thread;
  *out = (pq_route){.count = count, .deviation = root};
  out->nodes = pq_arena_array(r->arena, (size_t)count + 1, sizeof *out->nodes);
  out->edges = pq_arena_array(r->arena, (size_t)count + 1, sizeof *out->edges);
  out->predicates = pq_arena_array(r->arena, (size_t)count + 1, sizeof *out->predicates);
  out->are_in = pq_arena_array(r->arena, (size_t)count + 1, sizeof *out->are_in);
  if (out->nodes == NULL || out->edges == NULL || out->predicates == NULL || out->are_in == NULL)
    return r->arena->cx->code;
  for (uint32_t i = 0; i < root; i++) {
    out->nodes[i] = of->nodes[i];
    out->edges[i] = of->edges[i];
    out->predicates[i] = of->predicates[i];
    out->are_in[i] = of->are_in[i];
  }
  for (uint32_t d = 0; d <= t->depth; d++)
    out->nodes[root + d] = t->nodes[d].node;
  for (uint32_t d = t->depth; d > 0; d--, thread = t->threads[thread].before) {
    out->edges[root + d - 1] = t->threads[thread].edge;
    out->predicates[root + d - 1] = t->threads[thread].predicate;
    out->are_in[root + d - 1] = t->threads[thread].is_in;
  }
  for (uint32_t i = 0; i < count && r->weights.values != NULL; i++)
    out->weight += pq_weight_of(&r->weights, out->edges[i]);
  return PQ_OK;
}

static int compare_routes(const pq_graph *g, const pq_route *a, const pq_route *b) {
  uint32_t count = a->count < b->count ? a->count : b->count;
  int d = 0;
  for (uint32_t i = 0; i <= count && d == 0; i++)
    if (a->nodes[i] != b->nodes[i])
      d = pq_slice_cmp(pq_graph_id(g, a->nodes[i]), pq_graph_id(g, b->nodes[i]));
  if (d == 0 && a->count != b->count) return a->count < b->count ? -1 : 1;
  for (uint32_t i = 0; i < count && d == 0; i++)
    if (a->predicates[i] != b->predicates[i])
      d = pq_slice_cmp(pq_graph_predicate_name(g, a->predicates[i]),
                       pq_graph_predicate_name(g, b->predicates[i]));
  for (uint32_t i = 0; i < count && d == 0; i++)
    d = (int)a->are_in[i] - (int)b->are_in[i];
  return d;
}

static bool is_better(const pq_routes *r, const pq_route *a, const pq_route *b) {
  if (r->weights.values != NULL && a->weight != b->weight) return a->weight < b->weight;
  if (r->weights.values == NULL && a->count != b->count) return a->count < b->count;
  return compare_routes(r->choice->graph, a, b) < 0;
}

/* ---- Yen ---- */

static int add(pq_routes *r, pq_route **list, uint32_t *count, uint32_t *cap, pq_route route) {
  PQ_TRY(pq_room(r->arena, (void **)list, *count, cap, sizeof **list));
  (*list)[(*count)++] = route;
  return PQ_OK;
}

/* Begin to look for the best path that leaves the last one at r->spur. */
static int begin_spur(pq_routes *r) {
  const pq_route *last = &r->found[r->found_count - 1];
  pq_barred barred = {.nodes = last->nodes, .node_count = r->spur};
  double weight = 0;
  for (uint32_t i = 0; i < r->spur && r->weights.values != NULL; i++)
    weight += pq_weight_of(&r->weights, last->edges[i]);
  while (r->barred_cap < r->found_count)
    PQ_TRY(
        pq_room(r->arena, (void **)&r->barred, r->barred_cap, &r->barred_cap, sizeof *r->barred));
  for (uint32_t i = 0; i < r->found_count; i++) {
    const pq_route *p = &r->found[i];
    bool is_same = p->count > r->spur;
    for (uint32_t k = 0; k < r->spur && is_same; k++)
      is_same = p->edges[k] == last->edges[k];
    if (is_same) r->barred[barred.edge_count++] = p->edges[r->spur];
  }
  barred.edges = r->barred;
  r->is_spurring = true;
  return begin_search(r, last->nodes[r->spur], r->spur, weight, barred);
}

/* The candidates that leave the last route. */
static int find_candidates(pq_routes *r) {
  for (;; r->spur++) {
    const pq_route *last = &r->found[r->found_count - 1];
    bool is_found, is_end = true;
    pq_route route;
    if (r->spur >= last->count || r->spur >= r->hops_max) return PQ_OK;
    if (!r->is_spurring) PQ_TRY(begin_spur(r));
    PQ_TRY(search(r, &is_found));
    if (is_found) PQ_TRY(walk(r, &is_end));
    r->is_spurring = false;
    if (is_end) continue;
    PQ_TRY(make_route(r, last, r->spur, &route));
    PQ_TRY(add(r, &r->candidates, &r->candidate_count, &r->candidate_cap, route));
  }
}

static int next_candidate(pq_routes *r, const pq_route **out) {
  uint32_t best = 0;
  PQ_TRY(find_candidates(r));
  if (r->candidate_count == 0) {
    r->is_over = true;
    return PQ_OK;
  }
  for (uint32_t i = 1; i < r->candidate_count; i++)
    if (is_better(r, &r->candidates[i], &r->candidates[best])) best = i;
  PQ_TRY(add(r, &r->found, &r->found_count, &r->found_cap, r->candidates[best]));
  r->candidates[best] = r->candidates[--r->candidate_count];
  *out = &r->found[r->found_count - 1];
  r->spur = (*out)->deviation;
  return PQ_OK;
}

/* ---- one after the other ---- */

int pq_routes_next(pq_routes *r, const pq_route **out) {
  bool is_found, is_end = false;
  pq_route route;
  *out = NULL;
  if (r->is_over) return PQ_OK;
  if (!r->is_all && r->found_count > 0) return next_candidate(r, out);
  if (!r->is_begun) {
    PQ_TRY(init_search(r));
    PQ_TRY(begin_search(r, r->from, 0, 0, (pq_barred){0}));
  }
  r->is_begun = true;
  PQ_TRY(search(r, &is_found));
  if (is_found) PQ_TRY(walk(r, &is_end));
  if (!is_found || is_end) {
    r->is_over = true;
    return PQ_OK;
  }
  PQ_TRY(make_route(r, NULL, 0, &route));
  if (r->is_all) r->found_count = 0;
  PQ_TRY(add(r, &r->found, &r->found_count, &r->found_cap, route));
  *out = &r->found[r->found_count - 1];
  return PQ_OK;
}
