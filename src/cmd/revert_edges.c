/* cmd/revert_edges.c - the edges of what is reverted become those of then.
 *
 *   edges that leave the nodes   then: a b c   now:   b' d     ─► link a, link b as it was, unlink
 * d edges that enter those that are created again:  then: x y  ─► link x, link y ─► ends that are
 * not there now and do not come back: such an edge is left out and counted
 *
 * A node that was not there then keeps its edges: nobody sees them while it is deleted.
 */
#include "base/slices.h"
#include "cmd/document_diff.h"
#include "cmd/revert_int.h"

enum { BLOCK = 256 };

int pq_revert_open(pq_command *c) {
  struct pq_revert *r = pq_arena_calloc(&c->op.arena, 1, sizeof *r);
  if (r == NULL) return c->op.cx->code;
  r->has_edges = !(c->s.args.given & PQ_OPT_EDGES) || c->s.args.is_edges;
  r->seq = c->s.then.view.seq;
  c->s.revert = r;
  return PQ_OK;
}

/* Append a copy to a growing list. */
static int append(pq_command *c, pq_slice **items, uint32_t *count, uint32_t *cap, pq_slice id) {
  if (*count == *cap) {
    uint32_t more = *cap == 0 ? 16 : *cap * 2;
    pq_slice *grown = pq_arena_calloc(&c->op.arena, more, sizeof *grown);
    if (grown == NULL) return c->op.cx->code;
    for (uint32_t i = 0; i < *count; i++)
      grown[i] = (*items)[i];
    *items = grown;
    *cap = more;
  }
  PQ_TRY(pq_arena_copy(&c->op.arena, id, &(*items)[*count]));
  ++*count;
  return PQ_OK;
}

int pq_revert_add_node(pq_command *c, pq_slice id) {
  struct pq_revert *r = c->s.revert;
  return append(c, &r->nodes, &r->node_count, &r->node_cap, id);
}

int pq_revert_add_back(pq_command *c, pq_slice id) {
  struct pq_revert *r = c->s.revert;
  return append(c, &r->back, &r->back_count, &r->back_cap, id);
}

/* ---- what becomes of an edge ---- */

/* All texts and data copied: the stage's memory is emptied. */
static int add_edge(pq_command *c, const pq_edge *e, bool is_unlink) {
  pq_arena *arena = &c->op.arena;
  pq_edge_arg arg = {.is_unlink = is_unlink, .is_unchecked = true};
  PQ_TRY(pq_arena_copy(arena, e->from_id, &arg.from));
  PQ_TRY(pq_arena_copy(arena, e->predicate, &arg.predicate));
  PQ_TRY(pq_arena_copy(arena, e->to_id, &arg.to));
  PQ_TRY(pq_arena_copy(arena, e->reverse, &arg.reverse));
  if (!is_unlink && !pq_value_is_missing(e->data)) {
    pq_builder_clear(c->db->builder);
    PQ_TRY(pq_builder_value(c->db->builder, e->data));
    PQ_TRY(pq_builder_finish(c->db->builder, arena, &arg.data));
  }
  return pq_edges_add(c, arena, &arg);
}

static bool is_same(const pq_edge *a, const pq_edge *b) {
  return pq_slice_eq(a->reverse, b->reverse) && pq_document_is_same(a->data, b->data);
}

/* Both lists are sorted the same way. */
static int compare_edges(pq_command *c, const pq_edge *then, uint32_t then_count,
                         const pq_edge *now, uint32_t now_count) {
  uint32_t i = 0, k = 0;
  while (i < then_count || k < now_count) {
    int order = i == then_count  ? 1
                : k == now_count ? -1
                                 : pq_edge_compare(&then[i], &now[k], false);
    if (order < 0 || (order == 0 && !is_same(&then[i], &now[k])))
      PQ_TRY(add_edge(c, &then[i], false));
    if (order > 0) PQ_TRY(add_edge(c, &now[k], true));
    i += order <= 0;
    k += order >= 0;
  }
  return PQ_OK;
}

/* ---- ends that are not there ---- */

static bool has(const pq_slice *ids, uint32_t count, pq_slice id) {
  return pq_slices_find(ids, count, id) < count;
}

/* The distinct ends of edges to be linked. */
static int list_ends(pq_command *c, pq_slice **out, uint32_t *count) {
  uint32_t n = 0;
  pq_slice *ends = pq_arena_calloc(&c->op.scratch, (size_t)c->s.edge_count * 2, sizeof *ends);
  if (ends == NULL) return c->op.cx->code;
  for (uint32_t i = 0; i < c->s.edge_count; i++) {
    if (c->s.edges[i].is_unlink) continue;
    ends[n++] = c->s.edges[i].from;
    if (!pq_id_is_foreign(c->s.edges[i].to)) ends[n++] = c->s.edges[i].to;
  }
  *out = ends;
  *count = n;
  return pq_slices_sort(c->op.cx, ends, count);
}

typedef struct found_ends {
  const pq_slice *ids;
  const pq_entity *entities;
  uint32_t count;
} found_ends;

/* An end is there now, or comes back; one in another namespace is looked up when it is read. */
static bool is_there(const struct pq_revert *r, const found_ends *found, pq_slice id) {
  if (pq_id_is_foreign(id) || has(r->back, r->back_count, id)) return true;
  return found->entities[pq_slices_find(found->ids, found->count, id)].id.p != NULL;
}

static int stage_revert_ends(pq_op *op) {
  pq_command *c = pq_command_of(op);
  const pq_view *v = &c->s.snapshot.view;
  struct pq_revert *r = c->s.revert;
  pq_slice *ids = NULL;
  pq_location *at;
  pq_entity *ends;
  uint32_t n = 0, kept = 0;
  PQ_TRY(list_ends(c, &ids, &n));
  at = pq_arena_calloc(&op->scratch, n, sizeof *at);
  ends = pq_arena_calloc(&op->scratch, n, sizeof *ends);
  if (at == NULL || ends == NULL) return op->cx->code;
  PQ_TRY(pq_view_locate(v, &op->fetch, &op->scratch, ids, n, false, at));
  PQ_TRY(pq_view_read(v, &op->fetch, &op->scratch, at, n, PQ_WANT_ID, ends, NULL));
  for (uint32_t i = 0; i < c->s.edge_count; i++) {
    const pq_edge_arg *e = &c->s.edges[i];
    const found_ends found = {ids, ends, n};
    if (e->is_unlink || (is_there(r, &found, e->from) && is_there(r, &found, e->to)))
      c->s.edges[kept++] = *e;
    else
      r->lost++;
  }
  c->s.edge_count = kept;
  op->stage = r->after;
  return PQ_OK;
}

/* ---- reading ---- */

static int read_edges(pq_command *c, const pq_view *v, const pq_edge_query *q, pq_edge **out,
                      uint32_t *count) {
  return pq_edges_read(v, &c->op.fetch, &c->op.scratch, q, out, count);
}

/* Edges that enter what is created again: a hard delete had unlinked them. */
static int stage_revert_entering(pq_op *op) {
  pq_command *c = pq_command_of(op);
  struct pq_revert *r = c->s.revert;
  uint32_t left = r->back_count - r->node, n = left < BLOCK ? left : BLOCK;
  pq_edge_query q = {
      .nodes = r->back + r->node, .node_count = n, .is_reverse = true, .needs_data = true};
  pq_edge *then;
  uint32_t count;
  if (n == 0) {
    op->stage = stage_revert_ends;
    return PQ_OK;
  }
  PQ_TRY(read_edges(c, &c->s.then.view, &q, &then, &count));
  for (uint32_t i = 0; i < count; i++)
    if (!has(r->nodes, r->node_count, then[i].from_id)) PQ_TRY(add_edge(c, &then[i], false));
  r->node += n;
  return PQ_OK;
}

static int stage_revert_leaving(pq_op *op) {
  pq_command *c = pq_command_of(op);
  struct pq_revert *r = c->s.revert;
  uint32_t left = r->node_count - r->node, n = left < BLOCK ? left : BLOCK;
  pq_edge_query q = {.nodes = r->nodes + r->node, .node_count = n, .needs_data = true};
  pq_edge *then, *now;
  uint32_t then_count, now_count;
  int rc, rc_now;
  if (n == 0) {
    r->node = 0;
    op->stage = stage_revert_entering;
    return PQ_OK;
  }
  rc = read_edges(c, &c->s.then.view, &q, &then, &then_count);
  if (rc < 0) return rc;
  rc_now = read_edges(c, &c->s.snapshot.view, &q, &now, &now_count);
  if (rc_now < 0) return rc_now;
  if (rc == PQ_NEED_IO || rc_now == PQ_NEED_IO) return PQ_NEED_IO;
  PQ_TRY(compare_edges(c, then, then_count, now, now_count));
  r->node += n;
  return PQ_OK;
}

int pq_revert_edges_begin(pq_command *c, pq_stage_fn after) {
  c->s.revert->after = after;
  c->op.stage = stage_revert_leaving;
  return PQ_OK;
}
