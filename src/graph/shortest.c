/* graph/shortest.c - shortest paths from both ends. See shortest.h. */
#include "graph/shortest.h"

#include <string.h>

static int side_init(pq_side *s, pq_arena *arena, uint32_t count) {
  s->seen = pq_bits_new(arena, count);
  s->depths = pq_arena_array(arena, (size_t)count + 1, sizeof *s->depths);
  return s->seen == NULL || s->depths == NULL ? arena->cx->code : PQ_OK;
}

int pq_shortest_init(pq_shortest *s, pq_arena *arena, pq_choice *choice) {
  uint32_t count = pq_graph_number_count(choice->graph);
  *s = (pq_shortest){.choice = choice, .arena = arena, .length = PQ_NO_LENGTH};
  PQ_TRY(side_init(&s->sides[0], arena, count));
  PQ_TRY(side_init(&s->sides[1], arena, count));
  s->good = pq_bits_new(arena, count);
  return s->good == NULL ? arena->cx->code : PQ_OK;
}

static int grow(pq_shortest *s, pq_side *me, uint32_t more) {
  uint64_t cap = (uint64_t)me->cap * 2;
  uint32_t *nodes;
  if (more <= me->cap - me->count) return PQ_OK;
  if (cap < (uint64_t)me->count + more) cap = (uint64_t)me->count + more + 64;
  if (cap > UINT32_MAX) return pq_fail(s->arena->cx, PQ_ELIMIT, "more than 2^32 nodes");
  nodes = pq_arena_array(s->arena, (size_t)cap, sizeof *nodes);
  if (nodes == NULL) return s->arena->cx->code;
  if (me->count > 0) memcpy(nodes, me->nodes, me->count * sizeof *nodes);
  me->nodes = nodes;
  me->cap = (uint32_t)cap;
  return PQ_OK;
}

static void enter(pq_side *me, uint32_t node, uint32_t depth) {
  pq_bit_set(me->seen, node);
  me->depths[node] = depth;
  me->nodes[me->count++] = node;
}

/* Forget the search before. */
static void clear(pq_shortest *s) {
  for (int i = 0; i < 2; i++) {
    pq_side *me = &s->sides[i];
    for (uint32_t n = 0; n < me->count; n++)
      pq_bit_clear(me->seen, me->nodes[n]);
    me->count = me->first = me->depth = 0;
  }
  for (uint32_t n = 0; n < s->good_count; n++)
    pq_bit_clear(s->good, s->good_nodes[n]);
  s->good_count = 0;
}

int pq_shortest_begin(pq_shortest *s, uint32_t from, uint32_t to, uint32_t hops_max,
                      pq_barred barred) {
  clear(s);
  s->from = from;
  s->to = to;
  s->hops_max = hops_max;
  s->barred = barred;
  s->is_met = false;
  s->length = PQ_NO_LENGTH;
  for (int i = 0; i < 2; i++) {
    pq_side *me = &s->sides[i];
    PQ_TRY(grow(s, me, barred.node_count + 1));
    for (uint32_t n = 0; n < barred.node_count; n++)
      enter(me, barred.nodes[n], PQ_NO_LENGTH);
    me->first = me->count;
    enter(me, i == 0 ? from : to, 0);
  }
  return PQ_OK;
}

/* Verdicts on the ends do not count. */
static bool is_good_node(const pq_shortest *s, uint32_t node) {
  return pq_judged_is_good(&s->choice->nodes, node) || node == s->from || node == s->to;
}

static bool is_good_edge(const pq_shortest *s, uint32_t edge) {
  return pq_judged_is_good(&s->choice->edges, edge) &&
         (s->barred.edge_count == 0 || !pq_is_barred(&s->barred, edge));
}

/* Is the node, which is new to a side, known to the other one? */
static bool is_meeting(const pq_side *other, uint32_t node) {
  return pq_bit(other->seen, node) && other->depths[node] != PQ_NO_LENGTH;
}

static void enter_slice(pq_shortest *s, pq_side *me, const pq_side *other, const pq_arcs *arcs) {
  bool is_plain = !pq_choice_judges(s->choice) && s->barred.edge_count == 0;
  for (uint32_t i = 0; i < arcs->count; i++) {
    uint32_t far = arcs->far[i];
    if (pq_bit(me->seen, far)) continue;
    if (!is_plain && (!is_good_edge(s, pq_arcs_edge(arcs, i)) || !is_good_node(s, far))) continue;
    enter(me, far, me->depth + 1);
    s->is_met |= is_meeting(other, far);
  }
}

/* One side enters its next level. */
static int expand(pq_shortest *s, uint32_t side) {
  pq_choice *c = s->choice;
  pq_side *me = &s->sides[side];
  pq_direction direction = side == 0 ? c->direction : pq_direction_turned(c->direction);
  uint32_t first = me->first, end = me->count;
  PQ_TRY(pq_choice_ask(c, direction, me->nodes + first, end - first, me->seen));
  for (uint32_t n = first; n < end; n++) {
    pq_arc_walk w = pq_arcs_begin(c->graph, me->nodes[n], direction, &c->predicates);
    pq_arcs arcs;
    while (pq_arcs_next(&w, &arcs)) {
      c->arcs += arcs.count;
      if (arcs.count >= me->cap - me->count) PQ_TRY(grow(s, me, arcs.count + 1));
      enter_slice(s, me, &s->sides[1 - side], &arcs);
    }
    if (s->is_met && s->is_distance_only) break;
  }
  s->explored += me->count - end;
  me->first = end;
  me->depth++;
  return PQ_OK;
}

/* ---- which nodes of side 0 lead to where the sides meet ---- */

static int mark(pq_shortest *s, uint32_t node) {
  if (pq_bit(s->good, node)) return PQ_OK;
  PQ_TRY(pq_room(s->arena, (void **)&s->good_nodes, s->good_count, &s->good_cap,
                 sizeof *s->good_nodes));
  pq_bit_set(s->good, node);
  s->good_nodes[s->good_count++] = node;
  return PQ_OK;
}

static int mark_before(pq_shortest *s, uint32_t node) {
  const pq_side *me = &s->sides[0];
  const pq_choice *c = s->choice;
  uint32_t depth = me->depths[node];
  pq_arc_walk w = pq_arcs_begin(c->graph, node, pq_direction_turned(c->direction), &c->predicates);
  pq_arcs arcs;
  while (pq_arcs_next(&w, &arcs))
    for (uint32_t i = 0; i < arcs.count; i++) {
      uint32_t far = arcs.far[i];
      if (pq_bit(me->seen, far) && me->depths[far] == depth - 1 &&
          is_good_edge(s, pq_arcs_edge(&arcs, i)))
        PQ_TRY(mark(s, far));
    }
  return PQ_OK;
}

static int mark_all(pq_shortest *s) {
  const pq_side *a = &s->sides[0], *b = &s->sides[1];
  const pq_side *small = a->count - a->first < b->count - b->first ? a : b;
  const pq_side *other = small == a ? b : a;
  for (uint32_t n = small->first; n < small->count; n++) {
    uint32_t node = small->nodes[n];
    if (is_meeting(other, node) && other->depths[node] == other->depth) PQ_TRY(mark(s, node));
  }
  for (uint32_t n = 0; n < s->good_count; n++)
    if (a->depths[s->good_nodes[n]] > 0) PQ_TRY(mark_before(s, s->good_nodes[n]));
  return PQ_OK;
}

int pq_shortest_go(pq_shortest *s) {
  pq_side *a = &s->sides[0], *b = &s->sides[1];
  while (!s->is_met) {
    uint32_t left = a->count - a->first, right = b->count - b->first;
    if (left == 0 || right == 0 || a->depth + b->depth >= s->hops_max) return PQ_OK;
    PQ_TRY(expand(s, left <= right ? 0 : 1));
  }
  if (!s->is_distance_only) PQ_TRY(mark_all(s));
  s->length = a->depth + b->depth;
  return PQ_OK;
}

bool pq_shortest_allows(const pq_trails *t, uint32_t edge, uint32_t far) {
  const pq_shortest *s = t->ud;
  const pq_side *a = &s->sides[0], *b = &s->sides[1];
  if (t->depth >= s->length || !is_good_edge(s, edge)) return false;
  if (t->depth < a->depth) return pq_bit(s->good, far) && a->depths[far] == t->depth + 1;
  return pq_bit(b->seen, far) && b->depths[far] == s->length - t->depth - 1;
}
