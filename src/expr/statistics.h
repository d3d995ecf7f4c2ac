/* expr/statistics.h - deviation and percentiles, for accumulators, windows and expressions alike.
 *
 * The deviation is Welford's: mean and squared distance in one pass, values can be taken out again.
 * Numbers are doubles; what is no number is for the caller to pass over.
 */
#ifndef PQ_EXPR_STATISTICS_H
#define PQ_EXPR_STATISTICS_H

#include "expr/expression.h"

/* Zeroed: no values. */
typedef struct pq_deviation {
  uint64_t count;         /* finite ones */
  uint64_t strange_count; /* NaN, infinities: any of them makes the result NaN */
  double mean, squares;
} pq_deviation;

void pq_deviation_add(pq_deviation *d, double v);
/* $stdDevPop, or $stdDevSamp; false: null, there are too few values. */
bool pq_deviation_get(const pq_deviation *d, bool is_sample, double *out);

/* Sort for pq_percentile(); NaN must have been left out. PQ_ENOMEM. */
int pq_sort_doubles(pq_cx *cx, double *values, size_t count) PQ_MUST_CHECK;
/* The smallest of the sorted values that at least p x count are not above. count > 0, 0 <= p <= 1.
 */
double pq_percentile(const double *sorted, size_t count, double p);

/* The argument "p" of $percentile: numbers from 0 to 1, not none, copied into `arena`.
 * "method": "approximate". PQ_EINVALID. `name` of the operator is for messages. */
int pq_percentile_parse(pq_arena *arena, const char *name, pq_value p, pq_value method,
                        double **out, uint32_t *count) PQ_MUST_CHECK;

#endif
