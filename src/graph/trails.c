/* graph/trails.c - all paths that fit a journey. See trails.h. */
#include "graph/trails.h"

#include <string.h>

#include "base/merge_sort.h"
#include "graph/trails_int.h"

enum { WORK = 1 << 18 };

/* ---- places ---- */

/* The last place of a leg stands for "and any number more" where it has no bound. */
static uint32_t place_max(const pq_leg *leg) {
  return leg->max == PQ_NO_MAX ? leg->min : leg->max;
}

static bool has_place(const uint64_t *places, uint32_t i) {
  return (places[i / 64] >> (i % 64) & 1) != 0;
}

/* A leg that has come far enough may end, and the next one begin. */
static void close_places(const pq_trails *t, uint64_t *places) {
  for (uint32_t l = 0; l + 1 < t->leg_count; l++) {
    const pq_leg *leg = &t->legs[l];
    for (uint32_t h = leg->min; h <= place_max(leg); h++)
      if (has_place(places, t->offsets[l] + h)) pq_bit_set(places, t->offsets[l + 1]);
  }
}

void pq_places_begin(const pq_trails *t, uint64_t *places) {
  memset(places, 0, PQ_TRAIL_WORDS * sizeof *places);
  pq_bit_set(places, 0);
  close_places(t, places);
}

bool pq_places_are_whole(const pq_trails *t, const uint64_t *places) {
  const pq_leg *leg = &t->legs[t->leg_count - 1];
  for (uint32_t h = leg->min; h <= place_max(leg); h++)
    if (has_place(places, t->offsets[t->leg_count - 1] + h)) return true;
  return false;
}

uint64_t pq_places_legs(const pq_trails *t, const uint64_t *places) {
  uint64_t legs = 0;
  for (uint32_t l = 0; l < t->leg_count; l++) {
    const pq_leg *leg = &t->legs[l];
    uint32_t end = leg->max == PQ_NO_MAX ? leg->min + 1 : leg->max;
    for (uint32_t h = 0; h < end; h++)
      if (has_place(places, t->offsets[l] + h)) legs |= UINT64_C(1) << l;
  }
  return legs;
}

void pq_places_move(const pq_trails *t, const uint64_t *from, uint64_t legs, uint64_t *to) {
  memset(to, 0, PQ_TRAIL_WORDS * sizeof *to);
  for (uint32_t l = 0; l < t->leg_count; l++) {
    const pq_leg *leg = &t->legs[l];
    uint32_t max = place_max(leg);
    if (!(legs >> l & 1)) continue;
    for (uint32_t h = 0; h <= max; h++) {
      if (!has_place(from, t->offsets[l] + h)) continue;
      if (h < max) pq_bit_set(to, t->offsets[l] + h + 1);
      if (h == max && leg->max == PQ_NO_MAX) pq_bit_set(to, t->offsets[l] + h);
    }
  }
  close_places(t, to);
}

/* ---- the beginning ---- */

int pq_trails_init(pq_trails *t, pq_arena *arena, const pq_graph *g, const pq_leg *legs,
                   uint32_t leg_count, unsigned options, const uint32_t *starts, uint32_t count) {
  uint64_t places = 0;
  *t = (pq_trails){.graph = g,
                   .arena = arena,
                   .legs = legs,
                   .leg_count = leg_count,
                   .options = options,
                   .starts = starts,
                   .start_count = count,
                   .work = WORK};
  for (uint32_t l = 0; l < leg_count; l++) {
    t->offsets[l] = (uint32_t)places;
    places += (uint64_t)place_max(&legs[l]) + 1;
    if (leg_count > PQ_TRAIL_LEGS_MAX || places > PQ_TRAIL_PLACES_MAX)
      return pq_fail(arena->cx, PQ_ELIMIT,
                     "paths: the bounds of all steps together are more than %d, each plus one",
                     PQ_TRAIL_PLACES_MAX);
  }
  return PQ_OK;
}

/* ---- steps that lead on ---- */

static int compare_steps(const void *a, const void *b, const void *ud) {
  const pq_trail_step *x = a, *y = b;
  const pq_graph *g = ud;
  int d = x->far == y->far ? 0 : pq_slice_cmp(pq_graph_id(g, x->far), pq_graph_id(g, y->far));
  if (d == 0 && x->predicate != y->predicate)
    d = pq_slice_cmp(pq_graph_predicate_name(g, x->predicate),
                     pq_graph_predicate_name(g, y->predicate));
  return d != 0 ? d : (int)x->is_in - (int)y->is_in;
}

static bool is_used(const pq_trails *t, uint32_t thread, uint32_t edge) {
  for (uint32_t d = t->depth; d > 0; d--, thread = t->threads[thread].before)
    if (t->threads[thread].edge == edge) return true;
  return false;
}

/* As documents say. */
static bool is_allowed(pq_trails *t, pq_choice *c, uint32_t edge, uint32_t far, bool *is_known) {
  bool has_edge = pq_judged_ask(&c->edges, edge), is_good, has_node = true;
  is_good = has_edge && pq_judged_is_good(&c->edges, edge);
  if (is_good) has_node = pq_judged_ask(&c->nodes, far);
  if (!has_edge || !has_node) {
    *is_known = false;
    t->asked = c;
  }
  return is_good && has_node && pq_judged_is_good(&c->nodes, far);
}

/* Of one leg; *is_known: nothing had to be asked. */
static int add_steps(pq_trails *t, uint32_t l, bool *is_known) {
  pq_choice *c = t->legs[l].choice;
  pq_arc_walk w = pq_arcs_begin(t->graph, t->nodes[t->depth].node, c->direction, &c->predicates);
  pq_arcs arcs;
  while (pq_arcs_next(&w, &arcs)) {
    c->arcs += arcs.count;
    t->work -= arcs.count < t->work ? arcs.count : t->work;
    for (uint32_t i = 0; i < arcs.count; i++) {
      uint32_t edge = pq_arcs_edge(&arcs, i), far = arcs.far[i];
      if (t->allows != NULL ? !t->allows(t, edge, far) : !is_allowed(t, c, edge, far, is_known))
        continue;
      PQ_TRY(pq_room(t->arena, (void **)&t->steps, t->step_count, &t->step_cap, sizeof *t->steps));
      t->steps[t->step_count++] =
          (pq_trail_step){far, edge, arcs.predicate, arcs.is_in, UINT64_C(1) << l};
    }
  }
  return PQ_OK;
}

/* The same edge in several legs, or from a node to itself, is one step. */
static void join_steps(pq_trails *t, uint32_t first) {
  uint32_t n = first;
  for (uint32_t i = first; i < t->step_count; i++) {
    uint32_t k = n;
    while (k > first && t->steps[k - 1].far == t->steps[i].far &&
           t->steps[k - 1].predicate == t->steps[i].predicate &&
           t->steps[k - 1].edge != t->steps[i].edge)
      k--;
    if (k > first && t->steps[k - 1].edge == t->steps[i].edge)
      t->steps[k - 1].legs |= t->steps[i].legs;
    else
      t->steps[n++] = t->steps[i];
  }
  t->step_count = n;
}

static int expand(pq_trails *t) {
  pq_trail_node *n = &t->nodes[t->depth];
  uint64_t legs = 0;
  uint32_t first = t->step_count;
  bool is_known = true;
  int rc = PQ_OK;
  for (uint32_t i = 0; i < n->thread_count; i++)
    legs |= pq_places_legs(t, t->threads[n->thread_first + i].places);
  for (uint32_t l = 0; l < t->leg_count && is_known && rc == PQ_OK; l++)
    if (legs >> l & 1) rc = add_steps(t, l, &is_known);
  if (rc != PQ_OK || !is_known) {
    t->step_count = first;
    return rc != PQ_OK ? rc : PQ_ASK;
  }
  PQ_TRY(pq_sort_items(t->arena->cx, t->steps + first, t->step_count - first, sizeof *t->steps,
                       compare_steps, t->graph));
  join_steps(t, first);
  n->step_first = n->step = first;
  n->step_count = t->step_count - first;
  n->is_expanded = true;
  return PQ_OK;
}

/* ---- threads ---- */

static int add_thread(pq_trails *t, pq_thread thread) {
  PQ_TRY(
      pq_room(t->arena, (void **)&t->threads, t->thread_count, &t->thread_cap, sizeof *t->threads));
  t->threads[t->thread_count++] = thread;
  return PQ_OK;
}

static int compare_threads(const void *a, const void *b, const void *ud) {
  const pq_thread *x = *(pq_thread *const *)a, *y = *(pq_thread *const *)b;
  const pq_trails *t = ud;
  const pq_thread *p = &t->threads[x->before], *q = &t->threads[y->before];
  if (p->rank != q->rank) return p->rank < q->rank ? -1 : 1;
  if (x->predicate != y->predicate)
    return pq_slice_cmp(pq_graph_predicate_name(t->graph, x->predicate),
                        pq_graph_predicate_name(t->graph, y->predicate));
  if (p->rank_is_in != q->rank_is_in) return p->rank_is_in < q->rank_is_in ? -1 : 1;
  return (int)x->is_in - (int)y->is_in;
}

static bool are_predicates_same(const pq_trails *t, const pq_thread *a, const pq_thread *b) {
  return a->predicate == b->predicate && t->threads[a->before].rank == t->threads[b->before].rank;
}

/* Sort the bundle that begins at `first`. */
static int sort_threads(pq_trails *t, uint32_t first) {
  uint32_t count = t->thread_count - first;
  pq_thread **order, *sorted;
  if (count < 2) return PQ_OK;
  order = pq_arena_array(t->arena, count, sizeof *order);
  sorted = pq_arena_array(t->arena, count, sizeof *sorted);
  if (order == NULL || sorted == NULL) return t->arena->cx->code;
  for (uint32_t i = 0; i < count; i++)
    order[i] = &t->threads[first + i];
  PQ_TRY(pq_sort_items(t->arena->cx, order, count, sizeof *order, compare_threads, t));
  for (uint32_t i = 0; i < count; i++) {
    sorted[i] = *order[i];
    sorted[i].rank_is_in = i;
    sorted[i].rank = i;
    if (i > 0 && are_predicates_same(t, order[i - 1], order[i]))
      sorted[i].rank = sorted[i - 1].rank;
  }
  memcpy(t->threads + first, sorted, count * sizeof *sorted);
  return PQ_OK;
}

/* The threads that lead from the last node over the steps [step, end), which all go to one node. */
static int spin(pq_trails *t, uint32_t step, uint32_t end) {
  const pq_trail_node n = t->nodes[t->depth];
  uint32_t first = t->thread_count;
  for (uint32_t i = 0; i < n.thread_count; i++) {
    uint32_t before = n.thread_first + i;
    uint64_t legs = pq_places_legs(t, t->threads[before].places);
    for (uint32_t k = step; k < end; k++) {
      const pq_trail_step *s = &t->steps[k];
      pq_thread thread = {
          .before = before, .edge = s->edge, .predicate = s->predicate, .is_in = s->is_in};
      if (!(s->legs & legs)) continue;
      if (!(t->options & PQ_TRAILS_AGAIN) && is_used(t, before, s->edge)) continue;
      pq_places_move(t, t->threads[before].places, s->legs, thread.places);
      PQ_TRY(add_thread(t, thread));
    }
  }
  return sort_threads(t, first);
}

/* ---- down and up ---- */

static int push_node(pq_trails *t, uint32_t depth, pq_trail_node n) {
  PQ_TRY(pq_room(t->arena, (void **)&t->nodes, depth, &t->cap, sizeof *t->nodes));
  n.given = n.thread_first;
  t->nodes[depth] = n;
  t->depth = depth;
  return PQ_OK;
}

static int begin_start(pq_trails *t) {
  pq_thread thread = {0};
  pq_places_begin(t, thread.places);
  t->step_count = t->thread_count = 0;
  PQ_TRY(add_thread(t, thread));
  PQ_TRY(push_node(t, 0, (pq_trail_node){.node = t->starts[t->start], .thread_count = 1}));
  t->is_down = true;
  return PQ_OK;
}

/* Away from the last node of the walk. */
static void go_up(pq_trails *t) {
  pq_trail_node *n = &t->nodes[t->depth];
  if (n->is_expanded) t->step_count = n->step_first;
  t->thread_count = n->thread_first;
  if (t->depth == 0) {
    t->is_down = false;
    t->start++;
  } else {
    t->depth--;
  }
}

/* One step: down, or up. */
static int go(pq_trails *t) {
  pq_trail_node *n = &t->nodes[t->depth];
  bool is_deep = (t->options & PQ_TRAILS_DEEP) != 0;
  uint32_t first = t->thread_count, step = n->step, end, far;
  if (!is_deep && t->depth == t->len) {
    t->is_deeper = true; /* there may be longer ones */
    go_up(t);
    return PQ_OK;
  }
  if (!n->is_expanded) return expand(t);
  if (step == n->step_first + n->step_count) {
    go_up(t);
    return PQ_OK;
  }
  far = t->steps[step].far;
  for (end = step + 1; end < n->step_first + n->step_count && t->steps[end].far == far;)
    end++;
  PQ_TRY(spin(t, step, end));
  n->step = end;
  if (t->thread_count == first) return PQ_OK;
  return push_node(
      t, t->depth + 1,
      (pq_trail_node){.node = far, .thread_first = first, .thread_count = t->thread_count - first});
}

/* All starts were gone through. */
static bool is_over(pq_trails *t) {
  if ((t->options & PQ_TRAILS_DEEP) || !t->is_deeper) return true;
  t->is_deeper = false;
  t->len++;
  t->start = 0;
  return t->start_count == 0;
}

int pq_trails_next(pq_trails *t, bool *is_end) {
  bool is_deep = (t->options & PQ_TRAILS_DEEP) != 0;
  *is_end = false;
  for (;;) {
    if (t->work == 0) {
      t->work = WORK;
      return PQ_YIELD;
    }
    t->work--;
    if (!t->is_down) {
      if (t->start == t->start_count && is_over(t)) {
        *is_end = true;
        return PQ_OK;
      }
      PQ_TRY(begin_start(t));
    }
    if (is_deep || t->depth == t->len) {
      pq_trail_node *n = &t->nodes[t->depth];
      while (n->given < n->thread_first + n->thread_count) {
        t->thread = n->given++;
        if (pq_places_are_whole(t, t->threads[t->thread].places)) return PQ_OK;
      }
    }
    PQ_TRY(go(t));
  }
}

void pq_trails_edges(const pq_trails *t, uint32_t *edges) {
  uint32_t thread = t->thread;
  for (uint32_t d = t->depth; d > 0; d--, thread = t->threads[thread].before)
    edges[d - 1] = t->threads[thread].edge;
}
