/* shred/leaf_column.c - see leaf_column.h. */
#include "shred/leaf_column.h"

void pq_leaf_column_init(pq_leaf_column *c, pq_phys phys, uint32_t def_max, uint32_t rep_max) {
  *c = (pq_leaf_column){.phys = phys, .def_max = (uint8_t)def_max, .value_len = pq_phys_size(phys)};
  c->has_rep = rep_max > 0;
  c->has_levels = def_max > 1 || rep_max > 0;
}

/* New arrays for all, then the old ones go: a failure leaves the column as it was. */
int pq_leaf_column_grow(pq_leaf_column *c, pq_cx *cx) {
  uint32_t cap = c->cap == 0 ? 1024 : c->cap * 2;
  uint8_t **arrays[4] = {&c->nulls, &c->values, &c->def, &c->rep};
  size_t lens[4] = {1, c->value_len, c->has_levels ? 1u : 0u, c->has_rep ? 1u : 0u};
  uint8_t *grown[4] = {0};
  bool is_grown = true;
  size_t bytes;
  if (c->cap > UINT32_MAX / 2 || !pq_mul_size(cap, c->value_len, &bytes))
    return pq_fail(cx, PQ_ELIMIT, "column of %u entries", c->cap);
  for (int i = 0; i < 4; i++) {
    if (lens[i] > 0) grown[i] = pq_alloc(cx, NULL, 0, cap * lens[i]);
    is_grown = is_grown && (lens[i] == 0 || grown[i] != NULL);
  }
  for (int i = 0; i < 4; i++) {
    uint8_t *gone = is_grown ? *arrays[i] : grown[i];
    if (is_grown && c->count > 0 && lens[i] > 0) memcpy(grown[i], gone, c->count * lens[i]);
    if (gone != NULL) pq_alloc(cx, gone, (is_grown ? c->cap : cap) * lens[i], 0);
    if (is_grown) *arrays[i] = grown[i];
  }
  if (!is_grown) return pq_fail_nomem(cx);
  c->cap = cap;
  return PQ_OK;
}

void pq_leaf_column_release(pq_leaf_column *c, pq_cx *cx) {
  if (c->nulls != NULL) pq_alloc(cx, c->nulls, c->cap, 0);
  if (c->values != NULL) pq_alloc(cx, c->values, c->cap * c->value_len, 0);
  if (c->def != NULL) pq_alloc(cx, c->def, c->cap, 0);
  if (c->rep != NULL) pq_alloc(cx, c->rep, c->cap, 0);
  c->nulls = c->values = c->def = c->rep = NULL;
  c->count = c->cap = 0;
}

pq_column pq_leaf_column_view(const pq_leaf_column *c, uint32_t row_count) {
  return (pq_column){.phys = c->phys,
                     .row_count = row_count,
                     .entry_count = c->count,
                     .nulls = c->def_max > 0 ? c->nulls : NULL,
                     .def = c->def,
                     .rep = c->rep,
                     .v.any = c->values};
}
