/* match/run_long.c - relationships of variable length: every path of so many steps, no edge twice.
 *
 *   level 0   1   2            a stack of walks: the deepest one goes on; where it ends, the one
 *         u ─► x ─► y ─►       above does. A level that is new gives a row, if it is deep enough.
 *
 * Where fields are asked of the edges, the documents of a node's edges are read when it is reached.
 */
#include <string.h>

#include "match/match_int.h"

enum { LEVELS_MAX = 1 << 20 };

static const uint32_t *row_of(const pq_oper *o) {
  return o->in->cells + (size_t)o->at * o->in->stride;
}

static int push(pq_match *m, pq_oper *o, uint32_t node, uint32_t edge) {
  const pq_bind_edge *b = &o->binds[0];
  pq_long_level *l;
  if (o->depth == LEVELS_MAX)
    return pq_fail(m->cx, PQ_ELIMIT, "match: a path has more than %d edges", LEVELS_MAX);
  PQ_TRY(pq_match_grow(&m->arena, &o->levels, o->depth, &o->level_cap, sizeof *o->levels));
  l = &o->levels[o->depth++];
  *l = (pq_long_level){.node = node, .edge = edge, .is_new = true};
  if (node < m->node_count)
    l->walk = pq_arcs_begin(m->graph, node, b->direction, &b->edge->predicates);
  return PQ_OK;
}

static bool is_on_path(const pq_oper *o, uint32_t edge) {
  for (uint32_t i = 1; i < o->depth; i++)
    if (o->levels[i].edge == edge) return true;
  return false;
}

/* Has the edge the fields that the pattern wants? Its document is there. */
static bool has_fields(const pq_match *m, const pq_pattern_edge *e, uint32_t edge) {
  bool is_known;
  pq_value v = pq_match_edge_value(m, edge, &is_known);
  for (uint32_t i = 0; i < e->prop_count; i++) {
    pq_value have = pq_object_get(pq_object_get_str(v, "data"), e->props[i]);
    if (pq_value_is_missing(have)) have = pq_object_get(v, e->props[i]);
    if (pq_match_equal(have, e->prop_values[i]->value) != 1) return false;
  }
  return true;
}

/* The documents of all edges that a level will look at. */
static int ask_fields(pq_match *m, pq_oper *o, const pq_long_level *l) {
  const pq_bind_edge *b = &o->binds[0];
  pq_arc_walk walk = pq_arcs_begin(m->graph, l->node, b->direction, &b->edge->predicates);
  uint32_t *edges = NULL, count = 0, cap = 0;
  pq_arcs arcs;
  pq_arena_clear(&m->scratch);
  while (pq_arcs_next(&walk, &arcs))
    for (uint32_t i = 0; i < arcs.count; i++) {
      bool is_known;
      (void)pq_match_edge_value(m, pq_arcs_edge(&arcs, i), &is_known);
      if (is_known) continue;
      PQ_TRY(pq_match_grow(&m->scratch, &edges, count, &cap, sizeof *edges));
      edges[count++] = pq_arcs_edge(&arcs, i);
    }
  return count == 0 ? PQ_OK : pq_match_ask_edges(m, edges, count);
}

/* One step down from the deepest level, or up. */
static int step(pq_match *m, pq_oper *o) {
  const pq_bind_edge *b = &o->binds[0];
  pq_long_level *l = &o->levels[o->depth - 1];
  const pq_pattern_edge *e = b->edge;
  if (o->depth - 1 >= e->max || l->node >= m->node_count) {
    o->depth--;
    return PQ_OK;
  }
  if (e->prop_count > 0 && !l->has_asked) PQ_TRY(ask_fields(m, o, l));
  l->has_asked = true;
  for (;;) {
    while (l->at < l->arcs.count) {
      uint32_t i = l->at++, edge = pq_arcs_edge(&l->arcs, i), far = l->arcs.far[i];
      if (b->direction == PQ_BOTH && l->arcs.is_in && far == l->node) continue;
      if (is_on_path(o, edge)) continue;
      if (pq_match_is_rival(m, row_of(o), b->rivals, b->rival_count, edge)) continue;
      if (e->prop_count > 0 && !has_fields(m, e, edge)) continue;
      return push(m, o, far, edge);
    }
    l->at = l->arcs.count = 0;
    if (!pq_arcs_next(&l->walk, &l->arcs)) break;
    m->work_left -= l->arcs.count;
  }
  o->depth--;
  return PQ_OK;
}

/* The edges of the path as a list, from the left end of the pattern on. */
static int keep_list(pq_match *m, const pq_oper *o, uint32_t *cell) {
  uint32_t n = o->depth - 1, need = n + 1;
  bool is_back = o->binds[0].from != o->binds[0].edge->left;
  if (need > m->list_cap - m->list_len) {
    uint64_t cap = (uint64_t)m->list_cap * 2 + need + 1024;
    uint32_t *room;
    if (cap > UINT32_MAX - 1) return pq_fail(m->cx, PQ_ELIMIT, "match: too many paths");
    room = pq_arena_array(&m->arena, (size_t)cap, sizeof *room);
    if (room == NULL) return m->cx->code;
    if (m->list_len > 0) memcpy(room, m->lists, m->list_len * sizeof *room);
    m->lists = room;
    m->list_cap = (uint32_t)cap;
  }
  *cell = m->list_len;
  m->lists[m->list_len++] = n;
  for (uint32_t i = 1; i <= n; i++)
    m->lists[m->list_len++] = o->levels[is_back ? n + 1 - i : i].edge;
  return PQ_OK;
}

/* The deepest level, seen for the first time: is it a result? */
static int give(pq_match *m, pq_oper *o) {
  const pq_pattern_edge *e = o->binds[0].edge;
  pq_long_level *l = &o->levels[o->depth - 1];
  uint32_t *cells, cell = 0;
  l->is_new = false;
  if (o->depth - 1 < e->min) return PQ_OK;
  if (o->is_closed ? row_of(o)[o->var] != l->node : !pq_match_passes(m, o->group, o->var, l->node))
    return PQ_OK;
  if (e->needs_list) PQ_TRY(keep_list(m, o, &cell));
  cells = pq_oper_put(o);
  cells[o->var] = l->node;
  cells[e->var] = e->needs_list ? cell : PQ_NULL_CELL;
  return PQ_OK;
}

int pq_run_long(pq_match *m, pq_oper *o) {
  bool has_row;
  while (!pq_oper_is_full(o)) {
    PQ_TRY(pq_oper_row(m, o, &has_row));
    if (!has_row) return PQ_OK;
    if (!o->is_begun) {
      uint32_t node = row_of(o)[o->binds[0].from];
      o->depth = 0;
      if (node != PQ_NULL_CELL) PQ_TRY(push(m, o, node, PQ_NULL_CELL));
      o->is_begun = true;
    }
    while (o->depth > 0 && !pq_oper_is_full(o)) {
      PQ_TRY(pq_match_spend(m, 4));
      if (o->levels[o->depth - 1].is_new)
        PQ_TRY(give(m, o));
      else
        PQ_TRY(step(m, o));
    }
    if (o->depth > 0) return PQ_OK;
    o->at++;
    o->is_begun = false;
  }
  return PQ_OK;
}
