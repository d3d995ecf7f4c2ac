/* query/accumulator_int.h - rows of the table of accumulators. */
#ifndef PQ_QUERY_ACCUMULATOR_INT_H
#define PQ_QUERY_ACCUMULATOR_INT_H

#include "query/accumulator.h"

typedef enum pq_gather_kind {
  PQ_GATHER_SUM,
  PQ_GATHER_AVG,
  PQ_GATHER_MIN,
  PQ_GATHER_MAX,
  PQ_GATHER_FIRST,
  PQ_GATHER_LAST,
  PQ_GATHER_PUSH,
  PQ_GATHER_SET,    /* $addToSet */
  PQ_GATHER_CONCAT, /* $concatArrays */
  PQ_GATHER_UNION,  /* $setUnion */
  PQ_GATHER_COUNT,
  PQ_GATHER_MERGE, /* $mergeObjects */
  PQ_GATHER_DEVIATION_POP,
  PQ_GATHER_DEVIATION_SAMPLE,
  PQ_GATHER_FIRST_N,
  PQ_GATHER_LAST_N,
  PQ_GATHER_MIN_N,
  PQ_GATHER_MAX_N,
  PQ_GATHER_TOP, /* $top, $topN */
  PQ_GATHER_BOTTOM,
  PQ_GATHER_PERCENTILE, /* $percentile, $median */
  PQ_GATHER_REFUSED
} pq_gather_kind;

/* How the specification looks. */
typedef enum pq_gather_form {
  PQ_FORM_EXPRESSION,
  PQ_FORM_EMPTY,      /* {} */
  PQ_FORM_N,          /* {input, n} */
  PQ_FORM_TOP,        /* {sortBy, output} */
  PQ_FORM_TOP_N,      /* {sortBy, output, n} */
  PQ_FORM_PERCENTILE, /* {input, p, method} */
  PQ_FORM_MEDIAN      /* {input, method} */
} pq_gather_form;

typedef struct pq_accumulator_row {
  const char *name;
  pq_gather_kind kind;
  pq_gather_form form;
} pq_accumulator_row;

static inline bool pq_value_is_nullish(pq_value v) {
  pq_type t = pq_value_type(v);
  return t == PQ_TYPE_NULL || t == PQ_TYPE_MISSING;
}

#endif
