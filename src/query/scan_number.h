/* query/scan_number.h - numbers for the values of group keys, and groups for tuples of them. See
 * scan_group.h for the picture. */
#ifndef PQ_QUERY_SCAN_NUMBER_H
#define PQ_QUERY_SCAN_NUMBER_H

#include "query/scan_group.h"
#include "shred/index_column.h"

/* Cells of a key column, or of its dictionary. */
typedef struct pq_fold_cells {
  void *any; /* as pq_column.v; borrowed */
  pq_phys phys;
  pq_index_type type;
} pq_fold_cells;

/* The value of a cell, with the type that the document has; in `cell` or `arena`. */
int pq_fold_value(pq_arena *arena, const pq_fold_cells *c, uint32_t at, pq_cell *cell,
                  pq_value *out) PQ_MUST_CHECK;

/* The number of the value in a cell of key `key`. */
int pq_fold_number(pq_grouping *fold, uint32_t key, const pq_fold_cells *c, uint32_t at,
                   uint32_t *out) PQ_MUST_CHECK;

/* The number of a pair, from 0. */
int pq_fold_pair(pq_arena *keep, pq_number_table *t, uint32_t left, uint32_t right,
                 uint32_t *out) PQ_MUST_CHECK;

/* Room for group `group_count`, zeroed. */
int pq_fold_groups_grow(pq_grouping *fold) PQ_MUST_CHECK;

#endif
