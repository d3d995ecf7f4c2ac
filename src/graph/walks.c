/* graph/walks.c - paths that are counted. See walks.h. */
#include "graph/walks.h"

#include <string.h>

#include "base/merge_sort.h"
#include "graph/trails_int.h"

enum { TABLE_MIN = 256 };

static uint64_t add_counts(uint64_t a, uint64_t b) {
  return a > UINT64_MAX - b ? UINT64_MAX : a + b;
}

/* ---- sets of places ---- */

static int find_set(pq_walks *w, const uint64_t *places, uint32_t *out) {
  pq_walk_set *set;
  for (*out = 0; *out < w->set_count; ++*out)
    if (memcmp(w->sets[*out].places, places, sizeof w->sets->places) == 0) return PQ_OK;
  PQ_TRY(pq_room(w->trails.arena, (void **)&w->sets, w->set_count, &w->set_cap, sizeof *w->sets));
  set = &w->sets[w->set_count++];
  memcpy(set->places, places, sizeof set->places);
  set->legs = pq_places_legs(&w->trails, places);
  set->is_whole = pq_places_are_whole(&w->trails, places);
  return PQ_OK;
}

/* The set behind a step of some legs. */
static int move_set(pq_walks *w, uint32_t from, uint64_t legs, uint32_t *out) {
  uint64_t places[PQ_TRAIL_WORDS];
  for (uint32_t i = 0; i < w->move_count; i++) {
    uint32_t at = (w->move_last + i) % w->move_count; /* mostly as before */
    if (w->moves[at].from != from || w->moves[at].legs != legs) continue;
    w->move_last = at;
    *out = w->moves[at].to;
    return PQ_OK;
  }
  pq_places_move(&w->trails, w->sets[from].places, legs, places);
  PQ_TRY(find_set(w, places, out));
  PQ_TRY(
      pq_room(w->trails.arena, (void **)&w->moves, w->move_count, &w->move_cap, sizeof *w->moves));
  w->move_last = w->move_count;
  w->moves[w->move_count++] = (pq_walk_move){from, *out, legs};
  return PQ_OK;
}

/* ---- states ---- */

static uint32_t place_of(const pq_walk_level *l, uint32_t node, uint32_t places) {
  uint32_t mask = l->table_cap - 1;
  uint64_t key = (uint64_t)places << 32 | node;
  uint32_t at = (uint32_t)((key * UINT64_C(0x9E3779B97F4A7C15)) >> 32) & mask;
  for (; l->table[at] != 0; at = (at + 1) & mask) {
    const pq_walk_state *s = &l->items[l->table[at] - 1];
    if (s->node == node && s->places == places) break;
  }
  return at;
}

static int grow_table(pq_walks *w, pq_walk_level *l) {
  uint32_t cap = l->table_cap == 0 ? TABLE_MIN : l->table_cap * 2;
  if (l->table_cap > UINT32_MAX / 4)
    return pq_fail(w->trails.arena->cx, PQ_ELIMIT, "paths: too many ways to come to a node");
  l->table = pq_arena_calloc(w->trails.arena, cap, sizeof *l->table);
  if (l->table == NULL) return w->trails.arena->cx->code;
  l->table_cap = cap;
  for (uint32_t i = 0; i < l->count; i++)
    l->table[place_of(l, l->items[i].node, l->items[i].places)] = i + 1;
  return PQ_OK;
}

/* So many more paths are there. */
static int add_state(pq_walks *w, pq_walk_level *l, uint32_t node, uint32_t places,
                     uint64_t count) {
  uint32_t at;
  if (l->count >= l->table_cap / 2) PQ_TRY(grow_table(w, l));
  at = place_of(l, node, places);
  if (l->table[at] != 0) {
    pq_walk_state *s = &l->items[l->table[at] - 1];
    s->count = add_counts(s->count, count);
    return PQ_OK;
  }
  PQ_TRY(pq_room(w->trails.arena, (void **)&l->items, l->count, &l->cap, sizeof *l->items));
  l->items[l->count++] = (pq_walk_state){node, places, count};
  l->table[at] = l->count;
  return PQ_OK;
}

static void clear_level(pq_walk_level *l) {
  l->count = 0;
  if (l->table_cap > 0) memset(l->table, 0, l->table_cap * sizeof *l->table);
}

static int add_end(pq_walks *w, const pq_walk_state *s) {
  uint32_t *at = &w->end_of[s->node];
  if (*at == 0) {
    PQ_TRY(pq_room(w->trails.arena, (void **)&w->ends, w->end_count, &w->end_cap, sizeof *w->ends));
    w->ends[w->end_count++] = (pq_walk_end){s->node, w->depth, 0};
    *at = w->end_count;
  }
  w->ends[*at - 1].count = add_counts(w->ends[*at - 1].count, s->count);
  return PQ_OK;
}

/* Paths of the level that are whole. */
static int add_ends(pq_walks *w, const pq_walk_level *l) {
  for (uint32_t i = 0; i < l->count; i++)
    if (w->sets[l->items[i].places].is_whole) PQ_TRY(add_end(w, &l->items[i]));
  w->explored += l->count;
  return PQ_OK;
}

int pq_walks_init(pq_walks *w, pq_arena *arena, const pq_graph *g, const pq_leg *legs,
                  uint32_t leg_count, const uint32_t *starts, uint32_t count) {
  uint64_t places[PQ_TRAIL_WORDS];
  uint32_t set;
  *w = (pq_walks){0};
  PQ_TRY(pq_trails_init(&w->trails, arena, g, legs, leg_count, PQ_TRAILS_AGAIN, starts, count));
  w->none = pq_bits_new(arena, pq_graph_number_count(g));
  w->end_of = pq_arena_calloc(arena, (size_t)pq_graph_number_count(g) + 1, sizeof *w->end_of);
  if (w->none == NULL || w->end_of == NULL) return arena->cx->code;
  pq_places_begin(&w->trails, places);
  PQ_TRY(find_set(w, places, &set));
  for (uint32_t i = 0; i < count; i++)
    PQ_TRY(add_state(w, &w->levels[0], starts[i], set, 1));
  return add_ends(w, &w->levels[0]);
}

/* ---- a level ---- */

/* All that stands between the level and the next one, leg by leg. */
static int ask(pq_walks *w, const pq_walk_level *l) {
  const pq_trails *t = &w->trails;
  for (uint32_t leg = 0; leg < t->leg_count; leg++) {
    pq_choice *c = t->legs[leg].choice;
    uint32_t n = 0;
    if (!pq_choice_judges(c)) continue;
    while (w->node_cap < l->count)
      PQ_TRY(pq_room(t->arena, (void **)&w->nodes, w->node_cap, &w->node_cap, sizeof *w->nodes));
    for (uint32_t i = 0; i < l->count; i++)
      if (w->sets[l->items[i].places].legs >> leg & 1) w->nodes[n++] = l->items[i].node;
    w->asked = c;
    PQ_TRY(pq_choice_ask(c, c->direction, w->nodes, n, w->none));
  }
  return PQ_OK;
}

static int add_steps(pq_walks *w, uint32_t node, uint32_t leg) {
  pq_choice *c = w->trails.legs[leg].choice;
  pq_arc_walk walk = pq_arcs_begin(w->trails.graph, node, c->direction, &c->predicates);
  pq_arcs arcs;
  while (pq_arcs_next(&walk, &arcs)) {
    c->arcs += arcs.count;
    for (uint32_t i = 0; i < arcs.count; i++) {
      uint32_t edge = pq_arcs_edge(&arcs, i), far = arcs.far[i];
      bool is_twice = far == node && arcs.is_in && c->direction == PQ_BOTH;
      if (is_twice || !pq_judged_is_good(&c->edges, edge) || !pq_judged_is_good(&c->nodes, far))
        continue;
      PQ_TRY(pq_room(w->trails.arena, (void **)&w->steps, w->step_count, &w->step_cap,
                     sizeof *w->steps));
      w->steps[w->step_count++] =
          (pq_trail_step){.far = far, .edge = edge, .legs = UINT64_C(1) << leg};
    }
  }
  return PQ_OK;
}

static int compare_steps(const void *a, const void *b, const void *ud) {
  const pq_trail_step *x = a, *y = b;
  (void)ud;
  return x->edge == y->edge ? 0 : x->edge < y->edge ? -1 : 1;
}

/* An edge that is of several legs is one step. */
static int join_steps(pq_walks *w) {
  uint32_t n = 0;
  PQ_TRY(pq_sort_items(w->trails.arena->cx, w->steps, w->step_count, sizeof *w->steps,
                       compare_steps, NULL));
  for (uint32_t i = 0; i < w->step_count; i++)
    if (n > 0 && w->steps[n - 1].edge == w->steps[i].edge)
      w->steps[n - 1].legs |= w->steps[i].legs;
    else
      w->steps[n++] = w->steps[i];
  w->step_count = n;
  return PQ_OK;
}

static int expand(pq_walks *w, pq_walk_state s, pq_walk_level *next) {
  uint64_t legs = w->sets[s.places].legs;
  w->step_count = 0;
  for (uint32_t leg = 0; leg < w->trails.leg_count; leg++)
    if (legs >> leg & 1) PQ_TRY(add_steps(w, s.node, leg));
  if ((legs & (legs - 1)) != 0) PQ_TRY(join_steps(w));
  for (uint32_t i = 0; i < w->step_count; i++) {
    uint32_t places;
    PQ_TRY(move_set(w, s.places, w->steps[i].legs, &places));
    PQ_TRY(add_state(w, next, w->steps[i].far, places, s.count));
  }
  return PQ_OK;
}

int pq_walks_step(pq_walks *w) {
  pq_walk_level *level = &w->levels[w->depth % 2], *next = &w->levels[(w->depth + 1) % 2];
  PQ_TRY(ask(w, level));
  clear_level(next);
  for (uint32_t i = 0; i < level->count; i++)
    PQ_TRY(expand(w, level->items[i], next));
  w->depth++;
  w->is_over = next->count == 0;
  return add_ends(w, next);
}
