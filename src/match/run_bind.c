/* match/run_bind.c - a node that edges lead to from nodes that are bound.
 *
 *   one edge     u ─► [far far far …]                      one row for each
 *   several      u1 ─► 2 5 5 7 9 …   sorted                rows for nodes that are in all lists,
 * for u2 ─►   5 8 9 …     (far, edge)           each choice of edges: 5a 5b 9
 *
 * Several are intersected as worst-case optimal joins do: from the shortest list, by galloping in
 * the others, so a row costs no more than its shortest list. The lists come from flat arrays made
 * once where many rows are expected, else they are gathered and sorted, and kept for the next row
 * with the same node. Where nobody looks at the node it is only counted.
 */
#include <string.h>

#include "base/merge_sort.h"
#include "match/match_int.h"

static const uint32_t *row_of(const pq_oper *o) {
  return o->in->cells + (size_t)o->at * o->in->stride;
}

bool pq_match_is_rival(const pq_match *m, const uint32_t *cells,
                       const pq_pattern_edge *const *rivals, uint32_t count, uint32_t edge) {
  for (uint32_t i = 0; i < count; i++) {
    uint32_t cell = cells[rivals[i]->var];
    if (!rivals[i]->is_long && cell == edge) return true;
    if (!rivals[i]->is_long || cell == PQ_NULL_CELL) continue;
    for (uint32_t k = 0; k < m->lists[cell]; k++)
      if (m->lists[cell + 1 + k] == edge) return true;
  }
  return false;
}

static int weigh(pq_match *m, pq_oper *o, uint64_t count) {
  if (count == 0) return PQ_OK;
  (void)pq_oper_put(o);
  return pq_match_times(m, o->in->weights[o->at], count, &o->out.weights[o->out.count - 1]);
}

/* ---- one edge ---- */

/* Is edge i of the arcs one that the row may take? An undirected edge from a node to itself comes
 * twice. */
static bool is_taken(const pq_match *m, const pq_oper *o, const pq_arcs *arcs, uint32_t i) {
  const pq_bind_edge *b = &o->binds[0];
  uint32_t far = arcs->far[i], near = row_of(o)[b->from];
  if (b->direction == PQ_BOTH && arcs->is_in && far == near) return false;
  if (!pq_match_passes(m, o->group, o->var, far)) return false;
  return b->rival_count == 0 ||
         !pq_match_is_rival(m, row_of(o), b->rivals, b->rival_count, pq_arcs_edge(arcs, i));
}

static int count_one(pq_match *m, pq_oper *o) {
  uint64_t count = 0;
  pq_arcs arcs;
  while (pq_arcs_next(&o->walk, &arcs))
    for (uint32_t i = 0; i < arcs.count; i++)
      count += is_taken(m, o, &arcs, i);
  m->work_left -= (int64_t)count;
  return weigh(m, o, count);
}

static int put_one(pq_match *m, pq_oper *o, bool *is_through) {
  const pq_bind_edge *b = &o->binds[0];
  for (*is_through = false;;) {
    for (; o->buf_at < o->arcs.count; o->buf_at++) {
      uint32_t *cells;
      if (pq_oper_is_full(o)) return PQ_OK;
      if (!is_taken(m, o, &o->arcs, o->buf_at)) continue;
      cells = pq_oper_put(o);
      cells[o->var] = o->arcs.far[o->buf_at];
      cells[b->edge->var] = pq_arcs_edge(&o->arcs, o->buf_at);
    }
    o->buf_at = 0;
    o->arcs.count = 0;
    if (!pq_arcs_next(&o->walk, &o->arcs)) break;
    m->work_left -= o->arcs.count;
  }
  *is_through = true;
  return PQ_OK;
}

static int bind_one(pq_match *m, pq_oper *o) {
  const pq_bind_edge *b = &o->binds[0];
  bool has_row, is_through = true;
  while (!pq_oper_is_full(o)) {
    PQ_TRY(pq_oper_row(m, o, &has_row));
    if (!has_row) return PQ_OK;
    PQ_TRY(pq_match_spend(m, 4));
    if (!o->is_begun) {
      uint32_t near = row_of(o)[b->from];
      if (near < m->node_count) {
        o->walk = pq_arcs_begin(m->graph, near, b->direction, &b->edge->predicates);
        o->arcs.count = o->buf_at = 0;
        o->is_begun = true;
      }
    }
    if (o->is_begun && o->is_counted) PQ_TRY(count_one(m, o));
    if (o->is_begun && !o->is_counted) PQ_TRY(put_one(m, o, &is_through));
    if (!is_through) return PQ_OK;
    o->at++;
    o->is_begun = false;
  }
  return PQ_OK;
}

/* ---- several edges ---- */

typedef struct far_edge {
  uint32_t far, edge;
} far_edge;

static int compare_far(const void *a, const void *b, const void *ud) {
  const far_edge *x = a, *y = b;
  (void)ud;
  if (x->far != y->far) return x->far < y->far ? -1 : 1;
  return x->edge < y->edge ? -1 : x->edge > y->edge;
}

static int room_for(pq_match *m, pq_bind_edge *b, uint64_t count) {
  if (count <= b->cap && b->far_room != NULL) return PQ_OK;
  if (count > UINT32_MAX / 2) return pq_fail(m->cx, PQ_ELIMIT, "match: a node has too many edges");
  b->cap = (uint32_t)count + (uint32_t)count / 2 + 16;
  b->far_room = pq_arena_array(&m->arena, b->cap, sizeof(uint32_t));
  b->edge_room = pq_arena_array(&m->arena, b->cap, sizeof(uint32_t));
  return b->far_room != NULL && b->edge_room != NULL ? PQ_OK : m->cx->code;
}

/* The edges of a node by a walk, sorted by their far ends. */
static int gather_walk(pq_match *m, pq_bind_edge *b, uint32_t node) {
  uint64_t degree = pq_graph_degree(m->graph, node, b->direction, &b->edge->predicates);
  pq_arc_walk w = pq_arcs_begin(m->graph, node, b->direction, &b->edge->predicates);
  far_edge *items;
  uint32_t n = 0;
  pq_arcs arcs;
  PQ_TRY(room_for(m, b, degree));
  pq_arena_clear(&m->scratch);
  items = pq_arena_array(&m->scratch, (size_t)degree, sizeof *items);
  if (items == NULL) return m->cx->code;
  while (pq_arcs_next(&w, &arcs))
    for (uint32_t i = 0; i < arcs.count && n < degree; i++)
      items[n++] = (far_edge){arcs.far[i], pq_arcs_edge(&arcs, i)};
  PQ_TRY(pq_sort_items(m->cx, items, n, sizeof *items, compare_far, NULL));
  for (uint32_t i = 0; i < n; i++) {
    b->far_room[i] = items[i].far;
    b->edge_room[i] = items[i].edge;
  }
  b->far = b->far_room;
  b->edges = b->edge_room;
  b->count = n;
  m->work_left -= (int64_t)n * 4;
  return PQ_OK;
}

static int gather(pq_match *m, pq_bind_edge *b, uint32_t node) {
  if (b->node == node) return PQ_OK;
  b->node = PQ_NULL_CELL;
  b->count = 0;
  if (node >= m->node_count) return PQ_OK;
  if (b->flat != NULL) {
    uint32_t first = b->flat->first[node];
    b->far = b->flat->far + first;
    b->edges = b->flat->edge + first;
    b->count = b->flat->first[node + 1] - first;
  } else {
    PQ_TRY(gather_walk(m, b, node));
  }
  b->node = node;
  return PQ_OK;
}

static bool are_same(const pq_predicates *a, const pq_predicates *b) {
  if (a->is_any || b->is_any) return a->is_any && b->is_any;
  if (a->count != b->count) return false;
  for (uint32_t i = 0; i < a->count; i++)
    if (a->numbers[i] != b->numbers[i]) return false;
  return true;
}

/* Flat arrays, where enough rows will use them. */
static int make_flat(pq_match *m, pq_oper *o, pq_bind_edge *b) {
  const uint32_t most = sizeof m->flats / sizeof *m->flats;
  pq_flat_options want = {
      .direction = b->direction, .predicates = &b->edge->predicates, .wants_edges = true};
  pq_flat *flat;
  if (o->input->estimate < (double)m->node_count / 4) return PQ_OK;
  for (uint32_t i = 0; i < m->flat_count; i++)
    if (m->flat_options[i].direction == want.direction &&
        are_same(m->flat_options[i].predicates, want.predicates)) {
      b->flat = m->flats[i];
      return PQ_OK;
    }
  if (m->flat_count == most) return PQ_OK;
  flat = pq_arena_calloc(&m->arena, 1, sizeof *flat);
  if (flat == NULL) return m->cx->code;
  PQ_TRY(pq_graph_flat(m->graph, &m->arena, &want, flat));
  m->flat_options[m->flat_count] = want;
  m->flats[m->flat_count++] = flat;
  b->flat = flat;
  return PQ_OK;
}

/* The first place from `from` on whose far end is not below `far`. */
static uint32_t gallop(const pq_bind_edge *b, uint32_t from, uint32_t far) {
  uint32_t step = 1, lo = from, hi;
  if (from >= b->count || b->far[from] >= far) return from;
  while (lo + step < b->count && b->far[lo + step] < far) {
    lo += step;
    step *= 2;
  }
  hi = step < b->count - lo ? lo + step : b->count; /* far[lo] < far <= far[hi] */
  while (lo + 1 < hi) {
    uint32_t mid = lo + (hi - lo) / 2;
    if (b->far[mid] < far)
      lo = mid;
    else
      hi = mid;
  }
  return hi;
}

enum { BINDS_MAX = PQ_MATCH_VARS };

typedef struct joining {
  uint32_t at[BINDS_MAX], end[BINDS_MAX], pick[BINDS_MAX];
  uint32_t *cells; /* the row, with edges filled in */
  uint32_t far;
  uint64_t count;
} joining;

/* May pick[i] be taken beside those of the edges before? */
static bool is_allowed(const pq_match *m, const pq_oper *o, const joining *j, uint32_t i) {
  const pq_bind_edge *b = &o->binds[i];
  uint32_t edge = b->edges[j->pick[i]], near = j->cells[b->from];
  if (j->far == near && b->direction == PQ_BOTH)
    for (uint32_t k = j->at[i]; k < j->pick[i]; k++)
      if (b->edges[k] == edge) return false; /* the second time of an edge to itself */
  return b->rival_count == 0 || !pq_match_is_rival(m, j->cells, b->rivals, b->rival_count, edge);
}

static int keep_row(pq_match *m, pq_oper *o, joining *j) {
  uint32_t width = o->bind_count + 1, *row;
  j->count++;
  if (o->is_counted) return PQ_OK;
  PQ_TRY(pq_match_grow(&m->arena, &o->buf, o->buf_count, &o->buf_cap, width * sizeof(uint32_t)));
  row = o->buf + (size_t)o->buf_count++ * width;
  row[0] = j->far;
  for (uint32_t i = 0; i < o->bind_count; i++)
    row[1 + i] = o->binds[i].edges[j->pick[i]];
  return PQ_OK;
}

/* All choices of edges to the far end that is in all lists: an odometer. */
static int choose(pq_match *m, pq_oper *o, joining *j) {
  uint32_t i = 0;
  j->pick[0] = j->at[0];
  for (;;) {
    const pq_bind_edge *b = &o->binds[i];
    if (j->pick[i] == j->end[i]) {
      if (i == 0) return PQ_OK;
      j->pick[--i]++;
      continue;
    }
    if (!is_allowed(m, o, j, i)) {
      j->pick[i]++;
      continue;
    }
    j->cells[b->edge->var] = b->edges[j->pick[i]];
    if (i + 1 < o->bind_count) {
      i++;
      j->pick[i] = j->at[i];
      continue;
    }
    PQ_TRY(keep_row(m, o, j));
    j->pick[i]++;
  }
}

/* Far ends that are in all lists. */
static int intersect(pq_match *m, pq_oper *o, joining *j) {
  uint32_t least = 0;
  for (uint32_t i = 0; i < o->bind_count; i++) {
    j->at[i] = 0;
    if (o->binds[i].count < o->binds[least].count) least = i;
  }
  while (j->at[least] < o->binds[least].count) {
    bool is_in_all = true;
    j->far = o->binds[least].far[j->at[least]];
    for (uint32_t i = 0; i < o->bind_count && is_in_all; i++) {
      const pq_bind_edge *b = &o->binds[i];
      j->at[i] = gallop(b, j->at[i], j->far);
      is_in_all = j->at[i] < b->count && b->far[j->at[i]] == j->far;
      if (j->at[i] == b->count) return PQ_OK;
      if (!is_in_all) j->far = b->far[j->at[i]];
    }
    if (!is_in_all) {
      j->at[least] = gallop(&o->binds[least], j->at[least], j->far);
      continue;
    }
    for (uint32_t i = 0; i < o->bind_count; i++)
      for (j->end[i] = j->at[i];
           j->end[i] < o->binds[i].count && o->binds[i].far[j->end[i]] == j->far;)
        j->end[i]++;
    if (pq_match_passes(m, o->group, o->var, j->far)) PQ_TRY(choose(m, o, j));
    for (uint32_t i = 0; i < o->bind_count; i++)
      j->at[i] = j->end[i];
  }
  return PQ_OK;
}

static int join_row(pq_match *m, pq_oper *o) {
  joining j = {0};
  uint32_t stride = o->out.stride;
  for (uint32_t i = 0; i < o->bind_count; i++)
    PQ_TRY(gather(m, &o->binds[i], row_of(o)[o->binds[i].from]));
  pq_arena_clear(&m->scratch);
  j.cells = pq_arena_array(&m->scratch, stride, sizeof(uint32_t));
  if (j.cells == NULL) return m->cx->code;
  memcpy(j.cells, row_of(o), stride * sizeof(uint32_t));
  o->buf_count = o->buf_at = 0;
  PQ_TRY(intersect(m, o, &j));
  m->work_left -= (int64_t)j.count;
  return o->is_counted ? weigh(m, o, j.count) : PQ_OK;
}

static void put_kept(pq_oper *o) {
  uint32_t width = o->bind_count + 1;
  for (; o->buf_at < o->buf_count && !pq_oper_is_full(o); o->buf_at++) {
    const uint32_t *row = o->buf + (size_t)o->buf_at * width;
    uint32_t *cells = pq_oper_put(o);
    cells[o->var] = row[0];
    for (uint32_t i = 0; i < o->bind_count; i++)
      cells[o->binds[i].edge->var] = row[1 + i];
  }
}

static int bind_several(pq_match *m, pq_oper *o) {
  bool has_row;
  while (!pq_oper_is_full(o)) {
    PQ_TRY(pq_oper_row(m, o, &has_row));
    if (!has_row) return PQ_OK;
    if (!o->is_begun) {
      PQ_TRY(pq_match_spend(m, 16));
      PQ_TRY(join_row(m, o));
      o->is_begun = true;
    }
    put_kept(o);
    if (o->buf_at < o->buf_count) return PQ_OK;
    o->at++;
    o->is_begun = false;
  }
  return PQ_OK;
}

int pq_run_bind(pq_match *m, pq_oper *o) {
  if (o->bind_count == 1) return bind_one(m, o);
  for (uint32_t i = 0; i < o->bind_count && !o->is_listed; i++)
    PQ_TRY(make_flat(m, o, &o->binds[i]));
  o->is_listed = true;
  return bind_several(m, o);
}

/* ---- CHECK: edges between two nodes that are bound ---- */

static int check_row(pq_match *m, pq_oper *o) {
  const pq_bind_edge *b = &o->binds[0];
  const uint32_t *cells = row_of(o);
  uint32_t near = cells[b->from], far = cells[o->var];
  pq_direction direction = b->direction;
  pq_arc_walk w;
  pq_arcs arcs;
  o->buf_count = o->buf_at = 0;
  if (near >= m->node_count || far >= m->node_count) return PQ_OK;
  if (near != far && pq_graph_degree(m->graph, far, PQ_BOTH, &b->edge->predicates) <
                         pq_graph_degree(m->graph, near, PQ_BOTH, &b->edge->predicates)) {
    uint32_t other = near;
    near = far;
    far = other;
    direction = direction == PQ_BOTH ? PQ_BOTH : direction == PQ_OUT ? PQ_IN : PQ_OUT;
  }
  w = pq_arcs_begin(m->graph, near, direction, &b->edge->predicates);
  while (pq_arcs_next(&w, &arcs)) {
    if (near == far && direction == PQ_BOTH && arcs.is_in) continue;
    m->work_left -= arcs.count;
    for (uint32_t i = 0; i < arcs.count; i++) {
      if (arcs.far[i] != far) continue;
      if (pq_match_is_rival(m, cells, b->rivals, b->rival_count, pq_arcs_edge(&arcs, i))) continue;
      PQ_TRY(pq_match_grow(&m->arena, &o->buf, o->buf_count, &o->buf_cap, sizeof(uint32_t)));
      o->buf[o->buf_count++] = pq_arcs_edge(&arcs, i);
    }
  }
  return PQ_OK;
}

int pq_run_check(pq_match *m, pq_oper *o) {
  bool has_row;
  while (!pq_oper_is_full(o)) {
    PQ_TRY(pq_oper_row(m, o, &has_row));
    if (!has_row) return PQ_OK;
    if (!o->is_begun) {
      PQ_TRY(pq_match_spend(m, 8));
      PQ_TRY(check_row(m, o));
      o->is_begun = true;
    }
    if (o->is_counted) {
      PQ_TRY(weigh(m, o, o->buf_count));
    } else {
      for (; o->buf_at < o->buf_count && !pq_oper_is_full(o); o->buf_at++)
        pq_oper_put(o)[o->binds[0].edge->var] = o->buf[o->buf_at];
      if (o->buf_at < o->buf_count) return PQ_OK;
    }
    o->at++;
    o->is_begun = false;
  }
  return PQ_OK;
}
