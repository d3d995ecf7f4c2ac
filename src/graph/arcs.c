/* graph/arcs.c - the edges of a node, as slices. See graph.h.
 *
 *   out, then in:   segments one after the other ─► their runs of the predicates ─► slices
 *                   then the tail's chain, then that of the transaction
 *
 * A segment's run is given as it stands where nothing can be hidden in it: no row of the segment is
 * deleted, nobody in the graph is dead, no event of the tail touches the node. Else it is cut where
 * an edge is hidden.
 */
#include "graph/graph_int.h"

static bool is_touched(const pq_graph *g, uint32_t node, bool is_in) {
  return pq_graph_tail_first(g->tail, node, is_in) != PQ_NONE ||
         pq_graph_tail_first(g->own, node, is_in) != PQ_NONE;
}

/* Does an event of the layer decide about the edge? */
static bool is_decided(const pq_graph *g, const pq_graph_tail *t, pq_edge_ends e) {
  uint32_t key = t == NULL ? PQ_NONE : pq_graph_tail_find(t, e.from, e.predicate, e.to);
  return key != PQ_NONE && pq_graph_event(g, t, key) != NULL;
}

static pq_edge_ends ends_of(uint32_t node, uint32_t predicate, uint32_t far, bool is_in) {
  return is_in ? (pq_edge_ends){far, predicate, node} : (pq_edge_ends){node, predicate, far};
}

/* ---- segments ---- */

static const pq_links *links_of(const pq_arc_walk *w) {
  const pq_segment *s = w->g->base->segments[w->segment];
  pq_assert(!w->is_in || s->has_in);
  return w->is_in ? &s->in : &s->out;
}

static bool is_hidden(const pq_arc_walk *w, const pq_links *l, uint32_t at, uint32_t predicate) {
  const pq_graph *g = w->g;
  const uint64_t *deleted = g->base->deleted[w->segment];
  uint32_t row = l->place == NULL ? at : l->place[at];
  pq_edge_ends e = ends_of(w->node, predicate, l->far[at], w->is_in);
  if (deleted != NULL && pq_bit_at(deleted, row)) return true;
  if (g->dead != NULL && pq_bit_at(g->dead, l->far[at])) return true;
  return w->is_touched && (is_decided(g, g->tail, e) || is_decided(g, g->own, e));
}

/* The next slice of the run that the walk is in. */
static bool next_slice(pq_arc_walk *w, pq_arcs *out) {
  const pq_links *l;
  uint32_t from, predicate, first;
  if (w->at == w->end) return false;
  l = links_of(w);
  predicate = l->runs[w->run - 1].predicate;
  from = w->at;
  w->at = w->end;
  if (w->is_checked) {
    while (from < w->end && is_hidden(w, l, from, predicate))
      from++;
    for (w->at = from; w->at < w->end && !is_hidden(w, l, w->at, predicate);)
      w->at++;
    if (from == w->end) return false;
  }
  first = w->g->base->first_edge[w->segment];
  *out = (pq_arcs){.far = l->far + from,
                   .place = l->place == NULL ? NULL : l->place + from,
                   .first_edge = l->place == NULL ? first + from : first,
                   .count = w->at - from,
                   .predicate = predicate,
                   .is_in = w->is_in};
  return true;
}

/* The next run of a wanted predicate. */
static bool next_run(pq_arc_walk *w) {
  const pq_graph_base *b = w->g->base;
  for (; w->segment < b->segment_count; w->segment++, w->is_begun = false) {
    const pq_links *l = links_of(w);
    if (!w->is_begun) {
      pq_links_runs(l, w->node, &w->run, &w->run_end);
      w->is_checked = b->deleted[w->segment] != NULL || w->g->dead != NULL || w->is_touched;
      w->is_begun = true;
    }
    while (w->run < w->run_end) {
      const pq_link_run *run = &l->runs[w->run++];
      if (!pq_predicates_has(w->predicates, run->predicate)) continue;
      w->at = run->first;
      w->end = run[1].first;
      return true;
    }
  }
  return false;
}

/* ---- the tail and the transaction ---- */

/* The edge of a layer's key, if it is one that shows. */
static bool take_key(const pq_arc_walk *w, const pq_graph_tail *t, uint32_t key, pq_arcs *out) {
  const pq_graph *g = w->g;
  const pq_tail_key *k = &t->keys[key];
  const uint32_t *far = w->is_in ? &k->from : &k->to;
  const pq_event *e;
  if (!pq_predicates_has(w->predicates, k->predicate)) return false;
  e = pq_graph_event(g, t, key);
  if (e == NULL || e->op == PQ_EVENT_DELETE || !pq_graph_is_live(g, *far)) return false;
  if (t == g->tail && is_decided(g, g->own, (pq_edge_ends){k->from, k->predicate, k->to}))
    return false;
  *out = (pq_arcs){.far = far,
                   .first_edge = (t == g->tail ? g->tail_first : g->own_first) + key,
                   .count = 1,
                   .predicate = k->predicate,
                   .is_in = w->is_in};
  return true;
}

static bool next_of_layer(pq_arc_walk *w, const pq_graph_tail *t, pq_arcs *out) {
  while (w->key != PQ_NONE) {
    uint32_t key = w->key;
    w->key = w->is_in ? t->keys[key].next_in : t->keys[key].next_out;
    if (take_key(w, t, key, out)) return true;
  }
  return false;
}

/* Layers follow the segments: their places are counted on. */
static bool next_key(pq_arc_walk *w, pq_arcs *out) {
  const pq_graph_tail *const layers[] = {w->g->tail, w->g->own};
  uint32_t first = w->g->base->segment_count;
  for (; w->segment < first + 2; w->segment++, w->is_begun = false) {
    const pq_graph_tail *t = layers[w->segment - first];
    if (t == NULL) continue;
    if (!w->is_begun) w->key = pq_graph_tail_first(t, w->node, w->is_in);
    w->is_begun = true;
    if (next_of_layer(w, t, out)) return true;
  }
  return false;
}

/* ---- the walk ---- */

static bool begin_direction(pq_arc_walk *w) {
  if (w->left == 0) return false;
  w->is_in = (w->left & PQ_OUT) == 0;
  w->left = w->is_in ? 0 : w->left & PQ_IN;
  w->segment = 0;
  w->is_begun = false;
  w->at = w->end = 0;
  w->is_touched = is_touched(w->g, w->node, w->is_in);
  return true;
}

pq_arc_walk pq_arcs_begin(const pq_graph *g, uint32_t node, pq_direction direction,
                          const pq_predicates *predicates) {
  pq_arc_walk w = {.g = g, .predicates = predicates, .node = node};
  w.left = pq_graph_is_live(g, node) ? (unsigned)direction : 0;
  w.is_over = !begin_direction(&w);
  return w;
}

bool pq_arcs_next(pq_arc_walk *w, pq_arcs *out) {
  while (!w->is_over) {
    if (next_slice(w, out)) return true;
    if (next_run(w)) continue;
    if (next_key(w, out)) return true;
    w->is_over = !begin_direction(w);
  }
  *out = (pq_arcs){0};
  return false;
}

uint64_t pq_graph_degree(const pq_graph *g, uint32_t node, pq_direction direction,
                         const pq_predicates *predicates) {
  pq_arc_walk w = pq_arcs_begin(g, node, direction, predicates);
  uint64_t count = 0;
  pq_arcs arcs;
  while (pq_arcs_next(&w, &arcs))
    count += arcs.count;
  return count;
}

uint32_t pq_graph_edge_count(const pq_graph *g) {
  return g->edge_count;
}

/* ---- ends ---- */

/* The node whose runs have place `at`: the last one whose first edge is not behind it. */
static uint32_t node_at(const pq_links *l, uint32_t at, uint32_t *predicate) {
  uint32_t lo = 0, hi = l->count;
  while (hi - lo > 1) { /* the node */
    uint32_t mid = lo + (hi - lo) / 2;
    if (l->runs[l->first_run[mid]].first <= at)
      lo = mid;
    else
      hi = mid;
  }
  for (uint32_t r = l->first_run[lo]; r < l->first_run[lo + 1] && l->runs[r].first <= at; r++)
    *predicate = l->runs[r].predicate;
  return l->nodes == NULL ? lo : l->nodes[lo];
}

static pq_edge_ends ends_in_segment(const pq_segment *s, uint32_t row) {
  pq_edge_ends e = {PQ_NO_NODE, PQ_NO_PREDICATE, PQ_NO_NODE};
  uint32_t at = row;
  if (s->rank != NULL) at = s->rank[row];
  e.from = node_at(&s->out, at, &e.predicate);
  e.to = s->out.far[at];
  return e;
}

pq_edge_ends pq_graph_ends(const pq_graph *g, uint32_t edge) {
  const pq_graph_base *b = g->base;
  const pq_graph_tail *t = edge < g->own_first ? g->tail : g->own;
  uint32_t lo = 0, hi = b->segment_count;
  pq_assert(edge < g->edge_count);
  if (edge >= g->tail_first) {
    const pq_tail_key *k = &t->keys[edge - (t == g->tail ? g->tail_first : g->own_first)];
    return (pq_edge_ends){k->from, k->predicate, k->to};
  }
  while (hi - lo > 1) {
    uint32_t mid = lo + (hi - lo) / 2;
    if (b->first_edge[mid] <= edge)
      lo = mid;
    else
      hi = mid;
  }
  return ends_in_segment(b->segments[lo], edge - b->first_edge[lo]);
}
