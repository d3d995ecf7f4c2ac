/* match/run_tree.c - WEIGHT: how often a pattern that nobody looks at hangs on a node.
 *
 *   weight(p) = Σ over p-[:likes]->(x:Post) of Π over what hangs on x of its weight
 *
 * What hangs on a node does not depend on the row, so it is counted once a node: a chain of
 * patterns costs as much as it has edges, however many rows there would be.
 */
#include "match/match_int.h"

enum { MISSES_BEFORE_MEMO = 64 };

static int tree_weight(pq_match *m, const pq_group *g, pq_match_tree *t, uint32_t node,
                       uint64_t *out);

/* What hangs on a far end. */
static int kids_weight(pq_match *m, const pq_group *g, pq_match_tree *t, uint32_t node,
                       uint64_t *out) {
  *out = 1;
  for (pq_match_tree *kid = t->kids; kid != NULL && *out > 0; kid = kid->next) {
    uint64_t w;
    PQ_TRY(tree_weight(m, g, kid, node, &w));
    PQ_TRY(pq_match_times(m, *out, w, out));
  }
  return PQ_OK;
}

/* What was noted stays, so a tree that is begun anew goes on where it was, about: it stops only
 * when there is something that it need not do again. */
static int yield(pq_match *m, const pq_match_tree *t) {
  if (m->work_left >= 0 || t->kids == NULL || m->memo_done == 0) return PQ_OK;
  m->work_left = m->work_at_once;
  m->memo_done = 0;
  return PQ_YIELD;
}

/* Trees are at most as deep as a part has variables. */
static int tree_weight(pq_match *m, const pq_group *g, pq_match_tree *t, uint32_t node,
                       uint64_t *out) {
  pq_arc_walk walk;
  pq_arcs arcs;
  *out = 0;
  if (t->memo != NULL && t->memo[node] > 0) {
    *out = t->memo[node] - 1;
    return PQ_OK;
  }
  walk = pq_arcs_begin(m->graph, node, t->direction, &t->edge->predicates);
  while (pq_arcs_next(&walk, &arcs)) {
    m->work_left -= arcs.count;
    for (uint32_t i = 0; i < arcs.count; i++) {
      uint64_t w;
      if (t->direction == PQ_BOTH && arcs.is_in && arcs.far[i] == node) continue;
      if (!pq_match_passes(m, g, t->var, arcs.far[i])) continue;
      PQ_TRY(yield(m, t));
      PQ_TRY(kids_weight(m, g, t, arcs.far[i], &w));
      if (!pq_add_u64(*out, w, out)) return pq_match_overflow(m);
    }
  }
  if (*out == UINT64_MAX) return pq_match_overflow(m);
  if (t->memo == NULL && ++t->misses > MISSES_BEFORE_MEMO)
    t->memo = pq_arena_calloc(&m->arena, m->node_count, sizeof *t->memo);
  if (t->memo == NULL && t->misses > MISSES_BEFORE_MEMO) return m->cx->code;
  if (t->memo == NULL) return PQ_OK;
  t->memo[node] = *out + 1;
  m->memo_done++;
  return PQ_OK;
}

int pq_run_weight(pq_match *m, pq_oper *o) {
  bool has_row;
  while (!pq_oper_is_full(o)) {
    uint64_t all = 1;
    uint32_t node;
    PQ_TRY(pq_oper_row(m, o, &has_row));
    if (!has_row) return PQ_OK;
    PQ_TRY(pq_match_spend(m, 8));
    node = o->in->cells[(size_t)o->at * o->in->stride + o->var];
    if (node >= m->node_count) all = 0;
    for (pq_match_tree *t = o->tree; t != NULL && all > 0; t = t->next) {
      uint64_t w;
      PQ_TRY(tree_weight(m, o->group, t, node, &w));
      PQ_TRY(pq_match_times(m, all, w, &all));
    }
    if (all > 0) {
      uint64_t before = o->in->weights[o->at];
      (void)pq_oper_put(o);
      PQ_TRY(pq_match_times(m, before, all, &o->out.weights[o->out.count - 1]));
    }
    o->at++;
    o->is_begun = false;
  }
  return PQ_OK;
}
