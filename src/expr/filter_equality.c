/* expr/filter_equality.c - the equalities that a filter asks for, which an upsert starts from and
 * which may name the one document that is meant. See filter.h.
 *
 *   {"a": 1, "$and": [{"b": {"$in": [2]}}], "$or": [{"c": 3}], "d": {"$gt": 4}}   a: 1, b: 2, c: 3
 */
#include "expr/expr_int.h"

/* Count, or put into `out` when it is not NULL. Bounded by the nesting of the filter. */
static void add_equalities(const pq_filter_node *n, pq_equality *out, uint32_t *count) {
  for (; n != NULL; n = n->next) {
    pq_value v = {0};
    bool is_single = n->kind == PQ_NODE_OR && n->kids != NULL && n->kids->next == NULL;
    if (is_single || n->kind == PQ_NODE_AND) add_equalities(n->kids, out, count);
    if (n->kind != PQ_NODE_LEAF || n->is_negated) continue;
    if (n->op == PQ_LEAF_EQ) v = n->operand;
    if (n->op == PQ_LEAF_IN && n->list_count == 1 && n->regexes == NULL) v = n->list[0];
    if (pq_value_is_missing(v)) continue;
    if (out != NULL) out[*count] = (pq_equality){n->path, v};
    ++*count;
  }
}

int pq_filter_equalities(const pq_filter *f, pq_arena *arena, const pq_equality **out,
                         uint32_t *count) {
  pq_equality *list;
  *out = NULL;
  *count = 0;
  add_equalities(f->root->kids, NULL, count);
  list = pq_arena_calloc(arena, *count, sizeof *list);
  *count = 0;
  if (list == NULL) return arena->cx->code;
  add_equalities(f->root->kids, list, count);
  *out = list;
  return PQ_OK;
}
