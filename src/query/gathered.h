/* query/gathered.h - the state of an accumulator, shared by accumulator.c and accumulator_result.c.
 */
#ifndef PQ_QUERY_GATHERED_H
#define PQ_QUERY_GATHERED_H

#include "expr/statistics.h"
#include "expr/total.h"
#include "query/accumulator.h"

/* A value with memory of its own. */
typedef struct pq_slot {
  pq_value value;
  uint8_t *bytes;
  size_t cap;
} pq_slot;

/* Of a hash table with linear probing. */
typedef struct pq_bucket {
  uint32_t tag;   /* upper half of the hash */
  uint32_t index; /* slot + 1; 0: empty */
} pq_bucket;

/* What is written as bytes. */
typedef struct pq_gathered_fixed {
  uint64_t count;
  pq_total total;
  pq_deviation deviation;
  uint32_t n;
  uint32_t slot_count, row_count, number_count;
} pq_gathered_fixed;

struct pq_gathered {
  pq_arena *arena; /* borrowed */
  pq_gathered_fixed fixed;
  pq_slot *slots;
  uint32_t slot_cap;
  uint32_t *order; /* rows of slots, sorted */
  uint32_t order_cap;
  double *numbers;
  uint32_t number_cap;
  pq_bucket *buckets;
  uint32_t bucket_count; /* a power of two, or 0 */
};

#endif
