/* query/granularity.h - series of preferred numbers, to whose members $bucketAuto rounds.
 *
 *   R5:  … 0.63  1.0  1.6  2.5  4.0  6.3  10  16  25 …      the same digits in every decade
 */
#ifndef PQ_QUERY_GRANULARITY_H
#define PQ_QUERY_GRANULARITY_H

#include "base/base.h"

typedef struct pq_granularity {
  uint16_t digits[192]; /* of one decade, ascending, from 100 on */
  uint32_t count;
  bool is_power_of_2;
} pq_granularity;

/* R5 R10 R20 R40 R80, 1-2-5, E6 E12 E24 E48 E96 E192, POWERSOF2. False: no such series. */
bool pq_granularity_find(pq_slice name, pq_granularity *out);
/* The smallest member above `v`, the largest one below it; 0 stays 0. `v` is finite, not below 0.
 */
double pq_granularity_up(const pq_granularity *g, double v);
double pq_granularity_down(const pq_granularity *g, double v);

extern const char *const pq_granularity_names[];

#endif
