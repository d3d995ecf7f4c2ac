/* query/group_fold.h - which $group columns can answer, and how it takes their groups over.
 *
 *   {_id: "$a", n: {$sum: 1}, s: {$avg: "$b"}}     keys: a     items: COUNT, SUM b
 *       └ null, a constant, a path, an object of paths   └ $sum of a path or an integer, $count,
 *                                                          $avg, $min, $max of a path
 */
#ifndef PQ_QUERY_GROUP_FOLD_H
#define PQ_QUERY_GROUP_FOLD_H

#include "query/accumulator.h"
#include "query/scan_group.h"

typedef struct pq_group_fold {
  pq_slice *keys;  /* paths */
  pq_slice *names; /* of the fields, when _id is an object; NULL: it is not */
  uint32_t key_count;
  pq_fold_item *items; /* one for each accumulator */
  int64_t *factors;    /* $sum of an integer: it */
  uint32_t item_count;
} pq_group_fold;

/* The paths of a $group: its _id and its accumulators as written, in order. *out is NULL when it
 * is of another shape. */
int pq_group_fold_find(pq_arena *arena, pq_value id, const pq_field *accumulators, uint32_t count,
                       pq_group_fold **out) PQ_MUST_CHECK;

/* The same of {_id: `id`, count: {$count: {}}}. */
int pq_group_fold_count(pq_arena *arena, pq_value id, pq_group_fold **out) PQ_MUST_CHECK;

/* The key of a folded group, as the documents of its rows would give it, in s->arena. `constant`:
 * the key without paths. */
int pq_group_fold_key(const pq_group_fold *g, const pq_grouping *fold, uint32_t group, pq_eval *s,
                      pq_value constant, pq_value *out) PQ_MUST_CHECK;

/* What the rows of a folded group gave to accumulator `i`, added to its state. */
int pq_group_fold_add(const pq_group_fold *g, const pq_grouping *fold, uint32_t group, uint32_t i,
                      const pq_accumulator *a, pq_eval *s, pq_gathered *state) PQ_MUST_CHECK;

#endif
