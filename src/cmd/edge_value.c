/* cmd/edge_value.c - edges as values: what `related` gives with `edges`, and what `edgeFilter`
 * looks at.
 */
#include "base/hash.h"
#include "cmd/graph_search.h"

int pq_edge_value(pq_command *c, pq_arena *arena, const pq_edge *e, pq_value *out) {
  pq_builder_clear(c->db->builder);
  PQ_TRY(pq_edge_put(c->db->builder, e));
  return pq_builder_finish(c->db->builder, arena, out);
}

int pq_edge_match(pq_command *c, const pq_filter *filter, const pq_edge *e, bool *is_match) {
  pq_value edge;
  pq_eval eval;
  *is_match = true;
  if (filter == NULL) return PQ_OK;
  PQ_TRY(pq_edge_value(c, &c->op.scratch, e, &edge));
  pq_env_eval(c, &eval);
  eval.arena = &c->op.scratch;
  eval.random ^= pq_hash(e->from_id, pq_hash(e->to_id, pq_hash(e->predicate, 0)));
  *is_match = pq_filter_match(filter, &eval, edge, (pq_value){0});
  return pq_filter_status(filter);
}

int pq_edge_keep(pq_arena *arena, pq_edge *e) {
  pq_slice *texts[] = {&e->from_id, &e->predicate, &e->reverse, &e->to_id, &e->created_by};
  for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
    PQ_TRY(pq_arena_copy(arena, *texts[i], texts[i]));
  return pq_value_is_missing(e->data) ? PQ_OK : pq_value_copy(arena, e->data, &e->data);
}
