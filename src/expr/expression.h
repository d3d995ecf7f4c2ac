/* expr/expression.h - MongoDB's aggregation expressions: parse once, evaluate per document.
 *
 *   {"$add": ["$price", {"$ifNull": ["$fee", 0]}]}
 *
 *   $add ─┬─ path price                     a node: constant, path, object, array, operator
 *         └─ $ifNull ─┬─ path fee
 *                     └─ constant 0
 *
 * Supported: the tables at the ends of expression_*.c. An operator that MongoDB knows and we do not
 * is PQ_EUNSUPPORTED, an unknown one PQ_EINVALID with the nearest name. Differences from filters:
 * comparisons are not bracketed, missing is not null, paths map over arrays and never index them
 * (MONGO.md 1, rules 12, 30-35, 50-57). "$$ROOT.$id" reaches the system field $id.
 */
#ifndef PQ_EXPR_EXPRESSION_H
#define PQ_EXPR_EXPRESSION_H

#include "expr/env.h"
#include "value/decimal.h"
#include "value/path.h"

typedef struct pq_expression pq_expression;

/* Parse; everything is copied into or lives in `arena`. PQ_EINVALID, PQ_EUNSUPPORTED, PQ_ELIMIT. */
int pq_expression_parse(pq_arena *arena, const pq_env *env, pq_value spec,
                        pq_expression **out) PQ_MUST_CHECK;

/* The value for s->root; missing is a result too. PQ_EINVALID when an operator does not take what
 * it got, PQ_EUNSUPPORTED, PQ_ELIMIT. */
int pq_expression_eval(const pq_expression *e, pq_eval *s, pq_value *out) PQ_MUST_CHECK;

/* ---- values ---- */
int pq_make_null(pq_eval *s, pq_value *out) PQ_MUST_CHECK;
int pq_make_bool(pq_eval *s, bool v, pq_value *out) PQ_MUST_CHECK;
int pq_make_i32(pq_eval *s, int32_t v, pq_value *out) PQ_MUST_CHECK;
int pq_make_i64(pq_eval *s, int64_t v, pq_value *out) PQ_MUST_CHECK;
int pq_make_double(pq_eval *s, double v, pq_value *out) PQ_MUST_CHECK;
int pq_make_text(pq_eval *s, pq_slice v, pq_value *out) PQ_MUST_CHECK; /* valid UTF-8 */
int pq_make_date(pq_eval *s, int64_t us, pq_value *out) PQ_MUST_CHECK;
int pq_make_date_ms(pq_eval *s, int64_t ms, pq_value *out) PQ_MUST_CHECK; /* of any size */
int pq_make_number(pq_eval *s, pq_number v, pq_value *out) PQ_MUST_CHECK; /* a decimal */
/* Missing items become null. */
int pq_make_array(pq_eval *s, const pq_value *items, uint32_t count, pq_value *out) PQ_MUST_CHECK;
/* Fields whose value is missing are left out. */
int pq_make_object(pq_eval *s, const pq_field *fields, uint32_t count, pq_value *out) PQ_MUST_CHECK;

/* Fields of all objects, a later value in the place of the first of its name; null and missing
 * are passed over. */
int pq_merge_objects(pq_eval *s, const pq_value *objects, uint32_t count,
                     pq_value *out) PQ_MUST_CHECK;

/* The next random number of s->random (splitmix64). */
uint64_t pq_eval_random(pq_eval *s);

/* A deep copy into `arena`. */
int pq_value_copy(pq_arena *arena, pq_value v, pq_value *out) PQ_MUST_CHECK;

#endif
