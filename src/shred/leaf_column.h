/* shred/leaf_column.h - a column that grows entry by entry, with the levels of a nested leaf.
 *
 *   values  7  0  9  0      one slot an entry, zeroed where there is no value
 *   nulls   0  1  0  1
 *   def     3  1  3  0      only where the leaf is nested (parquet/format.h)
 *   rep     0  0  1  0      only below a list
 *
 * Memory is the column's own and is kept from row group to row group. Bytes are borrowed.
 */
#ifndef PQ_SHRED_LEAF_COLUMN_H
#define PQ_SHRED_LEAF_COLUMN_H

#include <string.h>

#include "parquet/format.h"

typedef struct pq_leaf_column {
  pq_phys phys;
  uint8_t def_max;
  bool has_levels, has_rep;
  uint32_t count, cap; /* count = 0 begins anew */
  size_t value_len;
  uint8_t *def, *rep, *nulls; /* owned; def and rep only with levels */
  uint8_t *values;            /* owned */
} pq_leaf_column;

void pq_leaf_column_init(pq_leaf_column *c, pq_phys phys, uint32_t def_max, uint32_t rep_max);
void pq_leaf_column_release(pq_leaf_column *c, pq_cx *cx);
/* Room for more. After a failure the column is as it was. PQ_ENOMEM, PQ_ELIMIT. */
int pq_leaf_column_grow(pq_leaf_column *c, pq_cx *cx) PQ_MUST_CHECK;
/* As the writer takes it; borrowed until the column changes. */
pq_column pq_leaf_column_view(const pq_leaf_column *c, uint32_t row_count);

/* One more entry; its value slot, zeroed, at *slot. */
static inline int pq_leaf_column_add(pq_leaf_column *c, pq_cx *cx, uint32_t def, uint32_t rep,
                                     uint8_t **slot) {
  uint32_t i = c->count;
  if (i == c->cap) PQ_TRY(pq_leaf_column_grow(c, cx));
  c->nulls[i] = def < c->def_max;
  if (c->has_levels) c->def[i] = (uint8_t)def;
  if (c->has_rep) c->rep[i] = (uint8_t)rep;
  *slot = c->values + i * c->value_len;
  memset(*slot, 0, c->value_len);
  c->count++;
  return PQ_OK;
}

/* An entry without a value in each of `count` columns. */
static inline int pq_leaf_columns_skip(pq_leaf_column *columns, uint32_t count, pq_cx *cx,
                                       uint32_t def, uint32_t rep) {
  uint8_t *slot;
  for (uint32_t i = 0; i < count; i++)
    PQ_TRY(pq_leaf_column_add(&columns[i], cx, def, rep, &slot));
  return PQ_OK;
}

#endif
