/* expr/project.h - projections of find, and sort keys.
 *
 * Projection: {"a.b": 1, "c": true} (inclusion) or {"x": 0} (exclusion); "$id" is kept unless
 * {"$id": 0}, which may stand in both kinds, and so may "_id". Inclusion keeps the stored order;
 * computed fields ({"x": {"$add": ["$a", 1]}}) come behind. Through arrays, scalars are dropped
 * (MONGO.md 1, rules 47-49). {"a": {"$slice": 5}}, {"a": {"$elemMatch": {…}}} and {"a.$": 1} choose
 * elements of arrays. It is a shape (shape.h) with the operators that only find has.
 *
 * Sort: {"a": 1, "b.c": -1}; an array's key is its smallest element ascending, its largest
 * descending, [] before null (rule 7).
 */
#ifndef PQ_EXPR_PROJECT_H
#define PQ_EXPR_PROJECT_H

#include "expr/env.h"
#include "value/path.h"

typedef struct pq_shape pq_projection;

/* NULL in *out (PQ_OK) when `spec` is missing or {}. PQ_EINVALID, PQ_EUNSUPPORTED. */
int pq_projection_parse(pq_arena *arena, const pq_env *env, pq_value spec,
                        pq_projection **out) PQ_MUST_CHECK;

/* Does it hold "a.$"? Then pq_projection_apply() needs the position. */
bool pq_projection_is_positional(const pq_projection *p);

/* The projected form of eval->root (a merged object, $id first), in `arena`. `position` is what "$"
 * stands for (pq_filter_position), -1 for none; PQ_EINVALID when an array needs it. Uses
 * eval->builder. */
int pq_projection_apply(const pq_projection *p, pq_eval *eval, pq_arena *arena, int64_t position,
                        pq_value *out) PQ_MUST_CHECK;

/* True when a field with this top-level name can appear in the output, or something is computed. */
bool pq_projection_needs(const pq_projection *p, pq_slice name);

typedef struct pq_sort_field {
  pq_path path;
  bool is_descending;
} pq_sort_field;

typedef struct pq_sort {
  pq_sort_field *fields;
  uint32_t count; /* 0: no sort */
  pq_collation collation;
} pq_sort;

/* Directions are 1, -1 (any number type). At most 32 fields. PQ_EINVALID, PQ_ELIMIT. */
int pq_sort_parse(pq_arena *arena, const pq_env *env, pq_value spec, pq_sort *out) PQ_MUST_CHECK;

/* The key of field `i`: looked up in `doc` first, in `system` if doc lacks the first name; missing
 * sorts as null. Borrows from the subject. An empty array has the key *is_empty_array = true. */
pq_value pq_sort_key(const pq_sort *s, uint32_t i, pq_value doc, pq_value system,
                     bool *is_empty_array);

/* Compare two elements of an array by the fields, for $push with $sort and $sortArray: paths do not
 * look into arrays, what is no object has only missing fields (MONGO.md 1, rule 41). */
int pq_sort_elements(const pq_sort *s, pq_value a, pq_value b);

/* Compare two key rows made by pq_sort_key (`empty` bits likewise), directions applied. */
int pq_sort_compare(const pq_sort *s, const pq_value *a, const bool *a_empty, const pq_value *b,
                    const bool *b_empty);

#endif
