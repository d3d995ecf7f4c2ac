/* cmd/explain_plan.h - what a read will cost: told by `explain`, kept within a `budget`.
 *
 *   load ─► planning ─► forecast ─┬─ "plan": one item that tells it; no data page was read
 *                                 ├─ budget: LIMIT_EXCEEDED, or
 *                                 └─ the command, from its first stage on
 *
 * Planning runs the command's first stage for its snapshot and scan, then plans that scan
 * (query/scan_cost.h) or that look-up (table/view.h). With a cold cache it does so on a file cache
 * of its own, so that it pays for all that a new process would, and the command's own costs stay
 * what they are.
 */
#ifndef PQ_CMD_EXPLAIN_PLAN_H
#define PQ_CMD_EXPLAIN_PLAN_H

#include "query/scan_cost.h"

typedef struct pq_cost {
  uint64_t requests, bytes, rounds;
  /* of these: LIST; what goes to the hot tier, which is no bucket */
  uint64_t listings, hot, hot_bytes;
} pq_cost;

/* Dollars: a million reads, a million writes or listings, 10^9 bytes out of the store. */
typedef struct pq_price {
  const char *name; /* NULL: none is asked for */
  double read, write, egress;
} pq_price;

/* The options `explain`, `price`, `budget`. */
typedef struct pq_explain_args {
  bool is_plan; /* tell, do not run */
  bool is_warm; /* with what is in the caches */
  pq_price price;
  bool has_budget;
  uint64_t requests_max, bytes_max;
} pq_explain_args;

typedef struct pq_forecast {
  bool is_planning, is_there, is_upper;
  const char *why; /* it is upper */
  pq_cost load, planning, execution;
  pq_cost again; /* of planning, what the command will ask for once more */
  pq_scan_cost plan;
} pq_forecast;

#endif
