/* graph/reach.c - sets of nodes, leg by leg. See reach.h. */
#include "graph/reach.h"

#include <string.h>

int pq_reach_init(pq_reach *r, pq_arena *arena, const pq_graph *g, const pq_leg *legs,
                  uint32_t leg_count, bool wants_depths) {
  uint32_t count = pq_graph_number_count(g);
  *r = (pq_reach){.graph = g,
                  .arena = arena,
                  .legs = legs,
                  .leg_count = leg_count,
                  .wants_depths = wants_depths};
  r->reached = pq_arena_calloc(arena, (size_t)leg_count + 1, sizeof *r->reached);
  r->seen = pq_bits_new(arena, count);
  if (r->reached == NULL || r->seen == NULL) return arena->cx->code;
  if (!wants_depths) return PQ_OK;
  r->places = pq_arena_array(arena, (size_t)count + 1, sizeof *r->places);
  return r->places == NULL ? arena->cx->code : PQ_OK;
}

/* Room for `more` nodes. */
static int grow(pq_reach *r, uint32_t more) {
  uint64_t cap = (uint64_t)r->cap * 2;
  uint32_t *nodes, *depths;
  if (more <= r->cap - r->count) return PQ_OK;
  if (cap < (uint64_t)r->count + more) cap = (uint64_t)r->count + more + 64;
  if (cap > UINT32_MAX) return pq_fail(r->arena->cx, PQ_ELIMIT, "more than 2^32 nodes");
  nodes = pq_arena_array(r->arena, (size_t)cap, sizeof *nodes);
  if (nodes == NULL) return r->arena->cx->code;
  if (r->count > 0) memcpy(nodes, r->nodes, r->count * sizeof *nodes);
  if (r->wants_depths) {
    depths = pq_arena_array(r->arena, (size_t)cap, sizeof *depths);
    if (depths == NULL) return r->arena->cx->code;
    if (r->count > 0) memcpy(depths, r->depths, r->count * sizeof *depths);
    r->depths = depths;
  }
  r->nodes = nodes;
  r->cap = (uint32_t)cap;
  return PQ_OK;
}

int pq_reach_start(pq_reach *r, const uint32_t *nodes, uint32_t count) {
  PQ_TRY(grow(r, count));
  if (count > 0) memcpy(r->nodes, nodes, count * sizeof *nodes);
  if (r->wants_depths && count > 0) memset(r->depths, 0, count * sizeof *r->depths);
  r->count = count;
  return PQ_OK;
}

/* The starts of the leg are there. */
static void begin_leg(pq_reach *r) {
  const pq_leg *leg = &r->legs[r->leg];
  r->is_begun = true;
  r->first = 0;
  r->level = 0;
  r->start_count = r->count;
  r->end_first = leg->min == 0 ? 0 : r->count;
  if (leg->min > 0) return;
  for (uint32_t i = 0; i < r->count; i++) {
    pq_bit_set(r->seen, r->nodes[i]);
    if (r->wants_depths) r->places[r->nodes[i]] = i;
  }
}

/* Its ends are the starts of the next one. */
static void end_leg(pq_reach *r) {
  uint32_t entered = r->legs[r->leg].min == 0 ? 0 : r->start_count, n = r->count - r->end_first;
  for (uint32_t i = entered; i < r->count; i++)
    pq_bit_clear(r->seen, r->nodes[i]);
  r->entered += r->count - entered;
  if (n > 0) memmove(r->nodes, r->nodes + r->end_first, n * sizeof *r->nodes);
  if (r->wants_depths && n > 0) memmove(r->depths, r->depths + r->end_first, n * sizeof *r->depths);
  r->count = n;
  r->reached[r->leg++] = n;
  r->is_begun = false;
}

/* Without a branch on whether the nodes are new. */
static void enter_all(pq_reach *r, const pq_arcs *arcs) {
  uint32_t count = r->count, *nodes = r->nodes;
  uint64_t *seen = r->seen;
  for (uint32_t i = 0; i < arcs->count; i++) {
    uint32_t far = arcs->far[i];
    uint64_t bit = UINT64_C(1) << (far % 64), word = seen[far / 64];
    seen[far / 64] = word | bit;
    nodes[count] = far;
    count += (word & bit) == 0;
  }
  r->count = count;
}

static void enter(pq_reach *r, uint32_t far, uint32_t depth, uint32_t level_first) {
  if (!pq_bit(r->seen, far)) {
    pq_bit_set(r->seen, far);
    if (r->wants_depths) {
      r->places[far] = r->count;
      r->depths[r->count] = depth;
    }
    r->nodes[r->count++] = far;
  } else if (r->wants_depths) { /* entered by this level: another start may be nearer */
    uint32_t place = r->places[far];
    if (place >= level_first && r->depths[place] > depth) r->depths[place] = depth;
  }
}

static void enter_good(pq_reach *r, const pq_choice *c, const pq_arcs *arcs, uint32_t from,
                       uint32_t level_first) {
  uint32_t depth = r->wants_depths ? r->depths[from] + 1 : 0;
  for (uint32_t i = 0; i < arcs->count; i++)
    if (pq_judged_is_good(&c->edges, pq_arcs_edge(arcs, i)) &&
        pq_judged_is_good(&c->nodes, arcs->far[i]))
      enter(r, arcs->far[i], depth, level_first);
}

/* Enter the next level. */
static int go_level(pq_reach *r, const pq_leg *leg) {
  pq_choice *c = leg->choice;
  uint32_t first = r->first, end = r->count;
  bool is_plain = !pq_choice_judges(c) && !r->wants_depths;
  PQ_TRY(pq_choice_ask(c, c->direction, r->nodes + first, end - first, r->seen));
  for (uint32_t n = first; n < end; n++) {
    pq_arc_walk w = pq_arcs_begin(r->graph, r->nodes[n], c->direction, &c->predicates);
    pq_arcs arcs;
    while (pq_arcs_next(&w, &arcs)) {
      if (arcs.count >= r->cap - r->count) PQ_TRY(grow(r, arcs.count + 1));
      c->arcs += arcs.count;
      if (is_plain)
        enter_all(r, &arcs);
      else
        enter_good(r, c, &arcs, n, end);
    }
  }
  r->first = end;
  r->level++;
  if (r->level == leg->min) r->end_first = end;
  return PQ_OK;
}

int pq_reach_go(pq_reach *r) {
  while (r->leg < r->leg_count) {
    const pq_leg *leg = &r->legs[r->leg];
    if (!r->is_begun) begin_leg(r);
    while (r->level < leg->max && r->first < r->count)
      PQ_TRY(go_level(r, leg));
    if (r->level < leg->min) r->end_first = r->count; /* it did not come so far */
    end_leg(r);
  }
  return PQ_OK;
}
