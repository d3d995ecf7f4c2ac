/* parquet/check_bounds.c - see check_bounds_int.h. A NaN is beyond all bounds and breaks none,
 * unless the file says that there is none (parquet.thrift: ColumnOrder, nan_count).
 */
#include "parquet/check_bounds_int.h"

#include <string.h>

static int condition(pq_bounds_check *c, pq_arena *arena, pq_test test, const pq_slice *value,
                     bool *has, pq_condition *out) {
  pq_predicate p = {.leaf = 0, .test = test, .values = value, .value_count = 1};
  int rc = *has ? pq_condition_init(out, arena, &c->footer, &p) : PQ_OK;
  if (rc == PQ_EINVALID) *has = false; /* the type has no order, or the bound is none of it */
  return rc == PQ_EINVALID ? PQ_OK : rc;
}

int pq_bounds_check_init(pq_bounds_check *c, pq_arena *arena, const pq_leaf *leaf,
                         const pq_bounds *bounds) {
  *c = (pq_bounds_check){.leaf = *leaf,
                         .min = bounds->min,
                         .max = bounds->max,
                         .has_min = bounds->has_min,
                         .has_max = bounds->has_max,
                         .is_nan_free = bounds->is_nan_free};
  c->leaf.def_max = c->leaf.def_max > 0;
  c->leaf.rep_max = 0;
  c->footer = (pq_footer){.leaves = &c->leaf, .leaf_count = 1};
  PQ_TRY(condition(c, arena, PQ_TEST_GE, &c->min, &c->has_min, &c->low));
  PQ_TRY(condition(c, arena, PQ_TEST_EQ, &c->min, &c->has_min, &c->is_min));
  PQ_TRY(condition(c, arena, PQ_TEST_LE, &c->max, &c->has_max, &c->high));
  return condition(c, arena, PQ_TEST_EQ, &c->max, &c->has_max, &c->is_max);
}

static bool is_nan(const pq_condition *k, const void *values, uint32_t i) {
  const double *doubles = values;
  const float *floats = values;
  const pq_slice *halves = values;
  if (k->order != PQ_ORDER_KEYS || k->key_kind != PQ_KEY_FLOAT) return false;
  if (k->phys == PQ_PHYS_DOUBLE) return doubles[i] != doubles[i];
  if (k->phys == PQ_PHYS_FLOAT) return floats[i] != floats[i];
  return (pq_rd16(halves[i].p) & 0x7fff) > 0x7c00;
}

static bool all_hold(const pq_bounds_check *c, const pq_condition *k, const void *values,
                     uint32_t n, uint8_t *scratch) {
  pq_condition_test_values(k, values, n, scratch);
  for (uint32_t i = 0; i < n; i++)
    if (!scratch[i] && (c->is_nan_free || !is_nan(k, values, i))) return false;
  return true;
}

static bool any_holds(const pq_condition *k, const void *values, uint32_t n, uint8_t *scratch) {
  pq_condition_test_values(k, values, n, scratch);
  return memchr(scratch, 1, n) != NULL;
}

void pq_bounds_check_values(pq_bounds_check *c, const void *values, uint32_t n, uint8_t *scratch) {
  if (n == 0 || c->is_broken) return;
  if (c->has_min) {
    c->is_broken = !all_hold(c, &c->low, values, n, scratch);
    c->has_seen_min = c->has_seen_min || any_holds(&c->is_min, values, n, scratch);
  }
  if (c->has_max && !c->is_broken) {
    c->is_broken = !all_hold(c, &c->high, values, n, scratch);
    c->has_seen_max = c->has_seen_max || any_holds(&c->is_max, values, n, scratch);
  }
}
