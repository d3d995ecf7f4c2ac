/* expr/shape.h - new documents out of old ones: $project with computed fields, $addFields.
 *
 *   {"a": 1, "b.c": {"$add": ["$x", 1]}}      a tree of names:   a keep
 *                                                                b ── c computed
 *
 * All expressions are evaluated on the document first; then one pass writes the new one: fields
 * that stay in their order, computed ones that are new behind them in the order of the
 * specification, inside of every element of an array on the way (MONGO.md 1, rules 47, 48, 55).
 */
#ifndef PQ_EXPR_SHAPE_H
#define PQ_EXPR_SHAPE_H

#include "expr/expression.h"
#include "expr/project.h"

typedef struct pq_shape pq_shape;

/* $project: inclusion, exclusion, computed fields; "$id" and "_id" are kept unless excluded. Paths
 * of which one begins like another are refused, and inclusion beside exclusion.
 * `is_add`: $addFields, all values are expressions and other fields stay. PQ_EINVALID,
 * PQ_EUNSUPPORTED. `name` of the stage is for messages. */
int pq_shape_parse(pq_arena *arena, const pq_env *env, const char *name, pq_value spec, bool is_add,
                   pq_shape **out) PQ_MUST_CHECK;

/* The stage $unset: a name or an array of names, which are excluded. */
int pq_shape_parse_unset(pq_arena *arena, const char *name, pq_value spec,
                         pq_shape **out) PQ_MUST_CHECK;

/* The new document for s->root, in s->arena. */
int pq_shape_apply(const pq_shape *p, pq_eval *s, pq_value *out) PQ_MUST_CHECK;

#endif
