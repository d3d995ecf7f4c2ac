/* graph/tree.c - journeys, and the way to each end. See tree.h. */
#include "graph/tree.h"

#include <string.h>

#include "base/merge_sort.h"

static int compare_nodes(const pq_graph *g, uint32_t a, uint32_t b) {
  return a == b ? 0 : pq_slice_cmp(pq_graph_id(g, a), pq_graph_id(g, b));
}

/* The first node in which two paths differ; the shorter is compared with as much of the longer. */
static int compare_paths(const pq_tree *t, uint32_t a, uint32_t b) {
  const pq_visit *v = t->visits;
  int result = 0;
  while (v[a].depth > v[b].depth)
    a = v[a].parent;
  while (v[b].depth > v[a].depth)
    b = v[b].parent;
  while (a != b) {
    int d = compare_nodes(t->graph, v[a].node, v[b].node);
    if (d != 0) result = d;
    if (v[a].parent == PQ_NO_VISIT) break;
    a = v[a].parent;
    b = v[b].parent;
  }
  return result;
}

static int compare_breadth(const void *a, const void *b, const void *ud) {
  const pq_tree *t = ud;
  uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
  if (t->visits[x].depth != t->visits[y].depth)
    return t->visits[x].depth < t->visits[y].depth ? -1 : 1;
  return compare_paths(t, x, y);
}

static int compare_deep(const void *a, const void *b, const void *ud) {
  const pq_tree *t = ud;
  uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
  int d = compare_paths(t, x, y);
  return d != 0 || t->visits[x].depth == t->visits[y].depth ? d
         : t->visits[x].depth < t->visits[y].depth          ? -1
                                                            : 1;
}

int pq_tree_sort_deep(const pq_tree *t, pq_cx *cx, uint32_t *visits, uint32_t count) {
  return pq_sort_items(cx, visits, count, sizeof *visits, compare_deep, t);
}

static int push(pq_tree *t, uint32_t **list, uint32_t *count, uint32_t *cap, uint32_t visit) {
  PQ_TRY(pq_room(t->arena, (void **)list, *count, cap, sizeof **list));
  (*list)[(*count)++] = visit;
  return PQ_OK;
}

static int add_visit(pq_tree *t, pq_visit v) {
  PQ_TRY(pq_room(t->arena, (void **)&t->visits, t->count, &t->cap, sizeof *t->visits));
  t->visits[t->count++] = v;
  return PQ_OK;
}

int pq_tree_init(pq_tree *t, pq_arena *arena, const pq_graph *g, const pq_leg *legs,
                 uint32_t leg_count, const uint32_t *starts, uint32_t count) {
  *t = (pq_tree){.graph = g, .arena = arena, .legs = legs, .leg_count = leg_count};
  t->seen = pq_bits_new(arena, pq_graph_number_count(g));
  t->reached = pq_arena_calloc(arena, (size_t)leg_count + 1, sizeof *t->reached);
  if (t->seen == NULL || t->reached == NULL) return arena->cx->code;
  for (uint32_t i = 0; i < count; i++) {
    PQ_TRY(push(t, &t->ends, &t->end_count, &t->end_cap, t->count));
    PQ_TRY(add_visit(t, (pq_visit){starts[i], PQ_NO_VISIT, 0, 0}));
  }
  return PQ_OK;
}

/* ---- a level ---- */

typedef struct step {
  uint32_t far, edge, predicate;
  bool is_in;
} step;

typedef struct steps {
  step *items; /* in the arena */
  uint32_t count, cap;
} steps;

static int compare_steps(const void *a, const void *b, const void *ud) {
  const step *x = a, *y = b;
  const pq_graph *g = ud;
  int d = compare_nodes(g, x->far, y->far);
  if (d == 0 && x->predicate != y->predicate)
    d = pq_slice_cmp(pq_graph_predicate_name(g, x->predicate),
                     pq_graph_predicate_name(g, y->predicate));
  return d != 0 ? d : (int)x->is_in - (int)y->is_in;
}

/* The edges that lead from a node to those that are not visited, sorted. */
static int steps_of(pq_tree *t, pq_choice *c, uint32_t node, steps *s) {
  pq_arc_walk w = pq_arcs_begin(t->graph, node, c->direction, &c->predicates);
  pq_arcs arcs;
  s->count = 0;
  while (pq_arcs_next(&w, &arcs)) {
    c->arcs += arcs.count;
    for (uint32_t i = 0; i < arcs.count; i++) {
      uint32_t edge = pq_arcs_edge(&arcs, i), far = arcs.far[i];
      if (pq_bit(t->seen, far) || !pq_judged_is_good(&c->edges, edge) ||
          !pq_judged_is_good(&c->nodes, far))
        continue;
      PQ_TRY(pq_room(t->arena, (void **)&s->items, s->count, &s->cap, sizeof *s->items));
      s->items[s->count++] = (step){far, edge, arcs.predicate, arcs.is_in};
    }
  }
  return pq_sort_items(t->arena->cx, s->items, s->count, sizeof *s->items, compare_steps, t->graph);
}

static int ask(pq_tree *t, pq_choice *c) {
  if (!pq_choice_judges(c)) return PQ_OK;
  t->nodes = pq_arena_array(t->arena, (size_t)t->level_count + 1, sizeof *t->nodes);
  if (t->nodes == NULL) return t->arena->cx->code;
  for (uint32_t i = 0; i < t->level_count; i++)
    t->nodes[i] = t->visits[t->level[i]].node;
  return pq_choice_ask(c, c->direction, t->nodes, t->level_count, t->seen);
}

static int go_level(pq_tree *t, const pq_leg *leg) {
  uint32_t first = t->count;
  steps s = {0};
  PQ_TRY(ask(t, leg->choice));
  for (uint32_t i = 0; i < t->level_count; i++) {
    pq_visit from = t->visits[t->level[i]];
    PQ_TRY(steps_of(t, leg->choice, from.node, &s));
    for (uint32_t k = 0; k < s.count; k++) {
      if (pq_bit(t->seen, s.items[k].far)) continue;
      pq_bit_set(t->seen, s.items[k].far);
      PQ_TRY(
          add_visit(t, (pq_visit){s.items[k].far, t->level[i], s.items[k].edge, from.depth + 1}));
    }
  }
  t->depth++;
  t->level_count = 0;
  for (uint32_t i = first; i < t->count; i++) {
    PQ_TRY(push(t, &t->level, &t->level_count, &t->level_cap, i));
    if (t->depth >= leg->min) PQ_TRY(push(t, &t->ends, &t->end_count, &t->end_cap, i));
  }
  return PQ_OK;
}

/* ---- a leg ---- */

static int begin_leg(pq_tree *t, const pq_leg *leg) {
  PQ_TRY(pq_sort_items(t->arena->cx, t->ends, t->end_count, sizeof *t->ends, compare_breadth, t));
  t->level_count = 0;
  for (uint32_t i = 0; i < t->end_count; i++) {
    PQ_TRY(push(t, &t->level, &t->level_count, &t->level_cap, t->ends[i]));
    if (leg->min == 0) pq_bit_set(t->seen, t->visits[t->ends[i]].node);
  }
  if (leg->min > 0) t->end_count = 0;
  t->first = t->count;
  t->depth = 0;
  t->is_begun = true;
  return PQ_OK;
}

static void end_leg(pq_tree *t, const pq_leg *leg) {
  for (uint32_t i = t->first; i < t->count; i++)
    pq_bit_clear(t->seen, t->visits[i].node);
  for (uint32_t i = 0; i < t->end_count && leg->min == 0; i++)
    pq_bit_clear(t->seen, t->visits[t->ends[i]].node);
  t->reached[t->leg++] = t->end_count;
  t->is_begun = false;
}

int pq_tree_go(pq_tree *t) {
  while (t->leg < t->leg_count) {
    const pq_leg *leg = &t->legs[t->leg];
    if (!t->is_begun) PQ_TRY(begin_leg(t, leg));
    while (t->depth < leg->max && t->level_count > 0)
      PQ_TRY(go_level(t, leg));
    end_leg(t, leg);
  }
  return pq_sort_items(t->arena->cx, t->ends, t->end_count, sizeof *t->ends, compare_breadth, t);
}
