/* graph/spread.c - breadth first, level by level. See spread.h. */
#include "graph/spread.h"

#include <string.h>

int pq_spread_init(pq_spread *s, pq_arena *arena, const pq_graph *g) {
  *s = (pq_spread){.graph = g, .arena = arena};
  s->seen = pq_bits_new(arena, pq_graph_number_count(g));
  return s->seen == NULL ? arena->cx->code : PQ_OK;
}

/* Room for `count` more nodes. */
static int grow(pq_spread *s, uint32_t count) {
  uint64_t cap = (uint64_t)s->cap * 2;
  uint32_t *nodes;
  if (count <= s->cap - s->count) return PQ_OK;
  if (cap < (uint64_t)s->count + count) cap = (uint64_t)s->count + count + 64;
  if (cap > UINT32_MAX) return pq_fail(s->arena->cx, PQ_ELIMIT, "more than 2^32 nodes");
  nodes = pq_arena_array(s->arena, (size_t)cap, sizeof *nodes);
  if (nodes == NULL) return s->arena->cx->code;
  if (s->count > 0) memcpy(nodes, s->nodes, s->count * sizeof *nodes);
  s->nodes = nodes;
  s->cap = (uint32_t)cap;
  return PQ_OK;
}

int pq_spread_add(pq_spread *s, uint32_t node) {
  if (node == PQ_NO_NODE || pq_bit(s->seen, node)) return PQ_OK;
  PQ_TRY(grow(s, 1));
  pq_bit_set(s->seen, node);
  s->nodes[s->count++] = node;
  return PQ_OK;
}

/* Enter the far ends of a slice; there is room. Without a branch on whether they are new. */
static void enter_all(pq_spread *s, const pq_arcs *arcs) {
  uint32_t count = s->count;
  for (uint32_t i = 0; i < arcs->count; i++) {
    uint32_t far = arcs->far[i];
    uint64_t bit = UINT64_C(1) << (far % 64), word = s->seen[far / 64];
    s->seen[far / 64] = word | bit;
    s->nodes[count] = far;
    count += (word & bit) == 0;
  }
  s->count = count;
}

static void enter_good(pq_spread *s, const pq_choice *c, const pq_arcs *arcs) {
  for (uint32_t i = 0; i < arcs->count; i++) {
    uint32_t far = arcs->far[i];
    if (pq_bit(s->seen, far) || !pq_judged_is_good(&c->edges, pq_arcs_edge(arcs, i)) ||
        !pq_judged_is_good(&c->nodes, far))
      continue;
    pq_bit_set(s->seen, far);
    s->nodes[s->count++] = far;
  }
}

int pq_spread_step(pq_spread *s, pq_choice *c) {
  uint32_t first = s->frontier, end = s->count;
  bool judges = pq_choice_judges(c);
  PQ_TRY(pq_choice_ask(c, c->direction, s->nodes + first, end - first, s->seen));
  for (uint32_t n = first; n < end; n++) {
    pq_arc_walk w = pq_arcs_begin(s->graph, s->nodes[n], c->direction, &c->predicates);
    pq_arcs arcs;
    while (pq_arcs_next(&w, &arcs)) {
      PQ_TRY(grow(s, arcs.count + 1));
      c->arcs += arcs.count;
      if (judges)
        enter_good(s, c, &arcs);
      else
        enter_all(s, &arcs);
    }
  }
  s->frontier = end;
  s->depth++;
  return PQ_OK;
}

void pq_spread_cut(pq_spread *s, uint32_t count) {
  pq_assert(count >= s->frontier && count <= s->count);
  s->count = count;
}

int pq_spread_edges(pq_spread *s, pq_choice *c, uint32_t **edges, uint64_t *count) {
  uint64_t *chosen = pq_bits_new(s->arena, pq_graph_number_count(s->graph));
  uint32_t *list = NULL, cap = 0, listed = 0;
  bool is_known = true;
  if (chosen == NULL) return s->arena->cx->code;
  *count = 0;
  for (uint32_t n = 0; n < s->count; n++)
    pq_bit_set(chosen, s->nodes[n]);
  for (uint32_t n = 0; n < s->count; n++) {
    pq_arc_walk w = pq_arcs_begin(s->graph, s->nodes[n], PQ_OUT, &c->predicates);
    pq_arcs arcs;
    while (pq_arcs_next(&w, &arcs)) {
      c->arcs += arcs.count;
      for (uint32_t i = 0; i < arcs.count; i++) {
        uint32_t edge = pq_arcs_edge(&arcs, i);
        if (!pq_bit(chosen, arcs.far[i])) continue;
        is_known &= pq_judged_ask(&c->edges, edge);
        if (!pq_judged_is_good(&c->edges, edge)) continue;
        ++*count;
        if (edges == NULL) continue;
        PQ_TRY(pq_room(s->arena, (void **)&list, listed, &cap, sizeof *list));
        list[listed++] = edge;
      }
    }
  }
  if (edges != NULL) *edges = list;
  return is_known ? PQ_OK : PQ_ASK;
}
