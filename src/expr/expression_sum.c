/* expr/expression_sum.c - $sum, $avg, $min, $max over arguments. */
#include "expr/expression_int.h"
#include "expr/total.h"

/* One array argument stands for its elements. */
typedef struct items {
  const pq_value *args;
  pq_value list;
  uint32_t count;
} items;

static items items_of(const pq_expression *e, const pq_value *args) {
  items out = {.args = args, .count = e->arg_count};
  if (e->arg_count == 1 && pq_value_type(args[0]) == PQ_TYPE_ARRAY)
    out = (items){.list = args[0], .count = pq_value_count(args[0])};
  return out;
}

static pq_value item_at(const items *all, uint32_t i) {
  return all->args == NULL ? pq_array_at(all->list, i) : all->args[i];
}

/* variant 1: $avg */
static int eval_sum(const pq_expression *e, pq_eval *s, const pq_value *args, pq_value *out) {
  items all = items_of(e, args);
  pq_total sum = {0};
  for (uint32_t i = 0; i < all.count; i++)
    pq_total_add(&sum, item_at(&all, i));
  return e->op->variant == 0 ? pq_total_sum(&sum, s, out) : pq_total_average(&sum, s, out);
}

static int eval_extreme(const pq_expression *e, pq_eval *s, const pq_value *args, pq_value *out) {
  items all = items_of(e, args);
  pq_value best = {0};
  for (uint32_t i = 0; i < all.count; i++) {
    pq_value v = item_at(&all, i);
    if (pq_is_nullish(v)) continue;
    if (pq_value_is_missing(best) || pq_value_collate(v, best, s->collation) * e->op->variant > 0)
      best = v;
  }
  *out = best;
  return pq_value_is_missing(best) ? pq_make_null(s, out) : PQ_OK;
}

const pq_operator pq_sum_operators[] = {{"$sum", 0, PQ_ARGS_ANY, false, NULL, eval_sum, 0},
                                        {"$avg", 0, PQ_ARGS_ANY, false, NULL, eval_sum, 1},
                                        {"$min", 0, PQ_ARGS_ANY, false, NULL, eval_extreme, -1},
                                        {"$max", 0, PQ_ARGS_ANY, false, NULL, eval_extreme, 1},
                                        {NULL, 0, 0, false, NULL, NULL, 0}};
