/* value/compare.h - MongoDB's order across all types (MONGO.md 1, rules 1-8), equality and hash.
 */
#ifndef PQ_VALUE_COMPARE_H
#define PQ_VALUE_COMPARE_H

#include "value/collation.h"

/* <0, 0, >0. Missing sorts as null. Numbers by exact value across int32, int64, double and
 * decimal; NaN smallest and equal to itself; -0 = 0. Strings by bytes. Objects pairwise in
 * document order: type, name, value, then length. Arrays element-wise, then length. Binary:
 * length, subtype, bytes. Never allocates; depth is bounded by what pq_value_check accepted. */
int pq_value_compare(pq_value a, pq_value b);

/* The same with text compared by `collation`; names of fields are compared by bytes always. */
int pq_value_collate(pq_value a, pq_value b, pq_collation collation);

/* compare() == 0. */
bool pq_value_is_equal(pq_value a, pq_value b);

/* Equal values have equal hashes, 1 and 1.0 included. */
uint64_t pq_value_hash(pq_value v);
/* The same for values that are equal by `collation`. */
uint64_t pq_value_hash_collated(pq_value v, pq_collation collation);

/* compare() of two numbers of any number type. */
int pq_number_compare(pq_value a, pq_value b);

#endif
