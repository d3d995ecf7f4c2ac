/* graph/bounded.c - lightest paths of few edges. See bounded.h. */
#include "graph/bounded.h"

#include <math.h>
#include <string.h>

enum { AHEAD_MIN = 64, AHEAD_MAX = 1 << 16, TABLE_MIN = 256 };

/* Without knowing what is left to the end it goes so far, and with such bounds. */
enum { BLIND_LABELS = 1 << 14, BLIND_HOPS = 32 };

int pq_bounded_init(pq_bounded *b, pq_arena *arena, pq_choice *choice, const pq_weights *weights) {
  uint32_t count = pq_graph_number_count(choice->graph);
  *b = (pq_bounded){.choice = choice, .weights = *weights, .arena = arena, .ahead = AHEAD_MIN};
  b->seen = pq_bits_new(arena, count);
  b->none = pq_bits_new(arena, count);
  b->newest = pq_arena_array(arena, (size_t)count + 1, sizeof *b->newest);
  b->pending = pq_arena_array(arena, (size_t)count + 1, sizeof *b->pending);
  if (b->seen == NULL || b->none == NULL || b->newest == NULL || b->pending == NULL)
    return arena->cx->code;
  return PQ_OK;
}

/* ---- the heap ---- */

static bool is_before(pq_hop_item x, pq_hop_item y) {
  return x.key != y.key ? x.key < y.key : x.hops < y.hops;
}

static int push(pq_bounded *b, pq_hop_item item) {
  uint32_t i = b->heap_count;
  PQ_TRY(pq_room(b->arena, (void **)&b->heap, b->heap_count, &b->heap_cap, sizeof *b->heap));
  b->heap_count++;
  for (; i > 0 && is_before(item, b->heap[(i - 1) / 2]); i = (i - 1) / 2)
    b->heap[i] = b->heap[(i - 1) / 2];
  b->heap[i] = item;
  return PQ_OK;
}

static void pop(pq_bounded *b) {
  pq_hop_item last = b->heap[--b->heap_count];
  uint32_t i = 0, kid;
  while ((kid = 2 * i + 1) < b->heap_count) {
    if (kid + 1 < b->heap_count && is_before(b->heap[kid + 1], b->heap[kid])) kid++;
    if (!is_before(b->heap[kid], last)) break;
    b->heap[i] = b->heap[kid];
    i = kid;
  }
  b->heap[i] = last;
}

/* ---- what is left to the end ---- */

static int find_hops_left(pq_bounded *b) {
  pq_spread s;
  uint32_t done = 0;
  b->hops_left = pq_arena_array(b->arena, (size_t)pq_graph_number_count(b->unjudged.graph) + 1,
                                sizeof *b->hops_left);
  if (b->hops_left == NULL) return b->arena->cx->code;
  PQ_TRY(pq_spread_init(&s, b->arena, b->unjudged.graph));
  PQ_TRY(pq_spread_add(&s, b->to));
  while (done < s.count) {
    uint32_t depth = s.depth;
    for (; done < s.count; done++)
      b->hops_left[s.nodes[done]] = depth;
    PQ_TRY(pq_spread_step(&s, &b->unjudged));
  }
  return PQ_OK;
}

/* Weights below 0 fail where they are met, which is where a search goes without it. */
static bool may_find_left(const pq_bounded *b) {
  return !b->has_left && !b->weights.has_negative;
}

/* Once for an end: what is barred and what filters leave out only makes it more. */
static int find_left(pq_bounded *b) {
  b->unjudged = (pq_choice){.graph = b->choice->graph,
                            .direction = pq_direction_turned(b->choice->direction),
                            .predicates = b->choice->predicates};
  PQ_TRY(pq_weighted_init(&b->left, b->arena, &b->unjudged, &b->weights, NULL));
  PQ_TRY(pq_weighted_all(&b->left, b->to));
  PQ_TRY(find_hops_left(b));
  b->choice->arcs += b->unjudged.arcs;
  b->has_left = true;
  return PQ_OK;
}

/* May a path go on from there? Then its key is set. */
static bool is_hopeful(const pq_bounded *b, pq_hop_item *item) {
  double left = 0;
  item->key = item->weight;
  if (b->has_left) {
    const pq_weight_side *s = &b->left.sides[0];
    if (!pq_bit(s->seen, item->node) || b->hops_left[item->node] > b->hops_max - item->hops)
      return false;
    left = s->so_far[item->node];
  }
  if (b->is_towards) item->key += left;
  return item->weight + left <= pq_weight_bound(b->limit);
}

/* ---- labels ---- */

static int see(pq_bounded *b, pq_hop_item item) {
  b->pending[item.node] = item;
  if (pq_bit(b->seen, item.node)) return PQ_OK;
  PQ_TRY(pq_room(b->arena, (void **)&b->nodes, b->node_count, &b->node_cap, sizeof *b->nodes));
  pq_bit_set(b->seen, item.node);
  b->newest[item.node] = PQ_NO_LABEL;
  b->nodes[b->node_count++] = item.node;
  return PQ_OK;
}

/* Would a label of a node that is seen say nothing new? */
static bool is_dominated(const pq_bounded *b, pq_hop_item item) {
  uint32_t newest = b->newest[item.node];
  return newest != PQ_NO_LABEL && b->labels[newest].hops <= item.hops;
}

/* May the item be better than those before it? */
static bool is_news(const pq_bounded *b, pq_hop_item item) {
  const pq_hop_item *p = &b->pending[item.node];
  if (!pq_bit(b->seen, item.node)) return true;
  return (p->weight > item.weight || p->hops > item.hops) && !is_dominated(b, item);
}

static int reach(pq_bounded *b, pq_hop_item item) {
  PQ_TRY(see(b, item));
  return push(b, item);
}

static int add_label(pq_bounded *b, pq_hop_item item) {
  PQ_TRY(pq_room(b->arena, (void **)&b->labels, b->label_count, &b->label_cap, sizeof *b->labels));
  b->labelled += b->newest[item.node] == PQ_NO_LABEL;
  b->labels[b->label_count] = (pq_hop_label){item.weight, item.hops, b->newest[item.node]};
  b->newest[item.node] = b->label_count++;
  return PQ_OK;
}

/* What a node weighs with at most so many hops; false: it is not come to. */
static bool weight_at(const pq_bounded *b, uint32_t node, uint32_t hops, double *out) {
  uint32_t at = pq_bit(b->seen, node) ? b->newest[node] : PQ_NO_LABEL, next;
  if (at == PQ_NO_LABEL || b->labels[at].hops > hops) return false;
  while ((next = b->labels[at].next) != PQ_NO_LABEL && b->labels[next].hops <= hops)
    at = next;
  *out = b->labels[at].weight;
  return true;
}

/* ---- the search ---- */

static int begin_pass(pq_bounded *b) {
  pq_hop_item start = {.weight = b->start, .node = b->from};
  for (uint32_t i = 0; i < b->node_count; i++)
    pq_bit_clear(b->seen, b->nodes[i]);
  b->node_count = b->label_count = b->labelled = b->heap_count = 0;
  b->is_found = b->has_zero = false;
  for (uint32_t i = 0; i < b->barred.node_count; i++)
    PQ_TRY(see(b, (pq_hop_item){.weight = -1, .node = b->barred.nodes[i]}));
  return is_hopeful(b, &start) ? reach(b, start) : PQ_OK;
}

int pq_bounded_begin(pq_bounded *b, uint32_t from, uint32_t to, uint32_t hops_max, double start,
                     pq_barred barred) {
  pq_assert(!b->has_left || b->to == to);
  b->from = from;
  b->to = to;
  b->hops_max = hops_max;
  b->start = start;
  b->barred = barred;
  b->limit = INFINITY;
  b->is_towards = false;
  if (may_find_left(b) && (b->is_eager || hops_max > BLIND_HOPS)) PQ_TRY(find_left(b));
  b->is_towards = b->has_left;
  return begin_pass(b);
}

static bool is_good_node(const pq_bounded *b, uint32_t node) {
  return pq_judged_is_good(&b->choice->nodes, node) || node == b->from || node == b->to;
}

static bool is_good_edge(const pq_bounded *b, uint32_t edge) {
  return pq_judged_is_good(&b->choice->edges, edge) &&
         (b->barred.edge_count == 0 || !pq_is_barred(&b->barred, edge));
}

/* As pq_weighted does. */
static int ask(pq_bounded *b, uint32_t node) {
  pq_choice *c = b->choice;
  uint32_t count = b->heap_count < b->ahead ? b->heap_count : b->ahead;
  if (pq_choice_ask(c, c->direction, &node, 1, b->none) == PQ_OK) return PQ_OK;
  for (uint32_t i = 1; i < count; i++) {
    int rc = pq_choice_ask(c, c->direction, &b->heap[i].node, 1, b->none);
    if (rc < 0) return rc;
  }
  if (b->ahead < AHEAD_MAX) b->ahead *= 4;
  return PQ_ASK;
}

static int expand(pq_bounded *b, pq_hop_item item) {
  pq_choice *c = b->choice;
  pq_arc_walk walk = pq_arcs_begin(c->graph, item.node, c->direction, &c->predicates);
  pq_arcs arcs;
  while (pq_arcs_next(&walk, &arcs)) {
    c->arcs += arcs.count;
    for (uint32_t i = 0; i < arcs.count; i++) {
      uint32_t edge = pq_arcs_edge(&arcs, i), far = arcs.far[i];
      double weight = pq_weight_of(&b->weights, edge);
      pq_hop_item next = {.weight = item.weight + weight, .hops = item.hops + 1, .node = far};
      if (weight != weight || !is_good_edge(b, edge)) continue;
      if (weight < 0) return pq_weight_bad(b->arena->cx, &b->weights, weight);
      b->has_zero |= next.weight == item.weight;
      if (is_good_node(b, far) && is_news(b, next) && is_hopeful(b, &next)) PQ_TRY(reach(b, next));
    }
  }
  return PQ_OK;
}

/* The top of the heap. */
static int settle(pq_bounded *b, pq_hop_item item) {
  bool leads_on = item.node != b->to && item.hops < b->hops_max;
  if (leads_on) PQ_TRY(ask(b, item.node));
  pop(b);
  PQ_TRY(add_label(b, item));
  if (item.node == b->to && !b->is_found) {
    b->is_found = true;
    b->best = b->limit = item.weight;
  }
  return leads_on ? expand(b, item) : PQ_OK;
}

/* ---- states that lead to the end ---- */

static uint32_t place_of(const pq_bounded *b, uint64_t state) {
  uint32_t mask = b->table_cap - 1;
  uint32_t at = (uint32_t)((state * UINT64_C(0x9E3779B97F4A7C15)) >> 32) & mask;
  while (b->table[at] != 0 && b->table[at] != state)
    at = (at + 1) & mask;
  return at;
}

static uint64_t state_of(uint32_t node, uint32_t hops) {
  return ((uint64_t)node << 32 | hops) + 1;
}

static int grow_table(pq_bounded *b) {
  uint32_t cap = b->table_cap == 0 ? TABLE_MIN : b->table_cap * 2;
  if (b->table_cap > UINT32_MAX / 4) return pq_fail(b->arena->cx, PQ_ELIMIT, "too many ways");
  b->table = pq_arena_calloc(b->arena, cap, sizeof *b->table);
  if (b->table == NULL) return b->arena->cx->code;
  b->table_cap = cap;
  for (uint32_t i = 0; i < b->state_count; i++)
    b->table[place_of(b, b->states[i])] = b->states[i];
  return PQ_OK;
}

static int add_state(pq_bounded *b, uint32_t node, uint32_t hops) {
  uint64_t state = state_of(node, hops);
  uint32_t at;
  if (b->state_count >= b->table_cap / 2) PQ_TRY(grow_table(b));
  at = place_of(b, state);
  if (b->table[at] == state) return PQ_OK;
  PQ_TRY(pq_room(b->arena, (void **)&b->states, b->state_count, &b->state_cap, sizeof *b->states));
  b->table[at] = b->states[b->state_count++] = state;
  return PQ_OK;
}

/* Does the edge bring the last node what it weighs? */
static bool is_tight(const pq_bounded *b, uint32_t from, uint32_t hops, uint32_t edge,
                     uint32_t to) {
  double before, after;
  return weight_at(b, from, hops, &before) && weight_at(b, to, hops + 1, &after) &&
         is_good_edge(b, edge) && before + pq_weight_of(&b->weights, edge) == after;
}

static int add_before(pq_bounded *b, uint32_t node, uint32_t hops) {
  const pq_choice *c = b->choice;
  pq_arc_walk walk =
      pq_arcs_begin(c->graph, node, pq_direction_turned(c->direction), &c->predicates);
  pq_arcs arcs;
  while (pq_arcs_next(&walk, &arcs))
    for (uint32_t i = 0; i < arcs.count; i++) {
      uint32_t before = arcs.far[i];
      if ((before == b->from) != (hops == 1) || before == b->to) continue;
      if (is_tight(b, before, hops - 1, pq_arcs_edge(&arcs, i), node))
        PQ_TRY(add_state(b, before, hops - 1));
    }
  return PQ_OK;
}

static int find_states(pq_bounded *b) {
  b->state_count = 0;
  if (b->table_cap > 0) memset(b->table, 0, b->table_cap * sizeof *b->table);
  /* a path without a loop is not longer than there are nodes to it */
  for (uint32_t hops = b->labels[b->newest[b->to]].hops; hops <= b->hops_max && hops < b->labelled;
       hops++)
    PQ_TRY(add_state(b, b->to, hops));
  for (uint32_t i = 0; i < b->state_count; i++) {
    uint64_t state = b->states[i] - 1;
    if ((uint32_t)state > 0) PQ_TRY(add_before(b, (uint32_t)(state >> 32), (uint32_t)state));
  }
  return PQ_OK;
}

static bool is_lost(const pq_bounded *b) {
  return may_find_left(b) && b->label_count > BLIND_LABELS;
}

/* To the end of a pass: all that is not heavier than the best is settled; towards the end, no more
 * than a path is wanted. Or until it is lost. */
static int go_pass(pq_bounded *b) {
  while (b->heap_count > 0 && !is_lost(b) &&
         !(b->is_found && (b->is_towards || b->heap[0].weight > b->best))) {
    if (is_dominated(b, b->heap[0]))
      pop(b);
    else
      PQ_TRY(settle(b, b->heap[0]));
  }
  b->explored += b->labelled;
  return PQ_OK;
}

int pq_bounded_go(pq_bounded *b) {
  PQ_TRY(go_pass(b));
  if (is_lost(b)) {
    PQ_TRY(find_left(b));
    b->limit = INFINITY;
    b->is_towards = true;
    PQ_TRY(begin_pass(b));
    PQ_TRY(go_pass(b));
  }
  if (b->is_towards && b->is_found) {
    b->is_towards = false;
    PQ_TRY(begin_pass(b));
    PQ_TRY(go_pass(b));
  }
  return b->is_found ? find_states(b) : PQ_OK;
}

bool pq_bounded_allows(const pq_trails *t, uint32_t edge, uint32_t far) {
  const pq_bounded *b = t->ud;
  uint32_t node = t->nodes[t->depth].node, hops = t->depth;
  if (node == b->to || hops >= b->hops_max) return false;
  if (b->table[place_of(b, state_of(far, hops + 1))] == 0) return false;
  return is_tight(b, node, hops, edge, far) && (!b->has_zero || !pq_trails_has(t, far));
}
