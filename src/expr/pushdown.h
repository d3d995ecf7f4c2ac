/* expr/pushdown.h - a filter as a scan sees it: which conditions can be judged on values alone.
 *
 *   {"a": {"$gt": 3}, "$or": [{"b": 1}, {"c": {"$size": 2}}]}
 *
 *     AND ─┬─ TERM a > 3
 *          └─ OR ─┬─ TERM b = 1
 *                 └─ OPAQUE            only the document can tell
 *
 * A term is a condition on one path. Where a scalar (or nothing) is known to be all that the path
 * reaches, pq_push_match() of it decides the term exactly, whatever its operator is. The op and
 * its operands are there for bounds and bloom filters.
 *
 * Negations are NOT nodes, so that the reader can keep two answers for each node, "may be true"
 * and "is surely true": NOT swaps them, and nothing else has to know of negation.
 */
#ifndef PQ_EXPR_PUSHDOWN_H
#define PQ_EXPR_PUSHDOWN_H

#include "expr/filter.h"

typedef enum pq_push_kind {
  PQ_PUSH_AND, /* without kids: true */
  PQ_PUSH_OR,  /* without kids: false */
  PQ_PUSH_NOT,
  PQ_PUSH_TERM,
  PQ_PUSH_OPAQUE
} pq_push_kind;

typedef enum pq_push_op {
  PQ_PUSH_EQ,
  PQ_PUSH_GT,
  PQ_PUSH_GTE,
  PQ_PUSH_LT,
  PQ_PUSH_LTE,
  PQ_PUSH_IN,
  PQ_PUSH_EXISTS,
  PQ_PUSH_PREFIX, /* text that begins with `prefix`, and perhaps more conditions: no equality */
  PQ_PUSH_OTHER   /* only pq_push_match() tells */
} pq_push_op;

typedef struct pq_push pq_push;
struct pq_push {
  pq_push_kind kind;
  const pq_push *kids; /* AND, OR, NOT */
  uint32_t kid_count;
  /* TERM */
  const pq_path *path;
  pq_push_op op;
  const pq_value *operands; /* one; IN: any number, sorted */
  uint32_t operand_count;
  pq_slice prefix;
  bool is_folded;        /* text is not compared by its bytes */
  const pq_filter *test; /* the term alone, on a value */
};

/* The tree of a filter; it borrows from the filter and lives in `arena`. PQ_ENOMEM. */
int pq_filter_pushdown(const pq_filter *f, pq_arena *arena, const pq_push **out) PQ_MUST_CHECK;

/* Does a scalar, or missing, that is all that the term's path reaches satisfy it? Look at
 * pq_filter_status() of the filter afterwards. */
bool pq_push_match(const pq_push *term, pq_value v);

#endif
