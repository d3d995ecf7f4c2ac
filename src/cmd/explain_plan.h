/* cmd/explain_plan.h - what a read will cost: told by `explain`, kept within a `budget`.
 *
 *   load ─► planning: steps ─► forecast ─┬─ "plan": one item that tells it; no data page was read
 *                                        ├─ budget: LIMIT_EXCEEDED, or
 *                                        └─ the command, from its first stage on
 *
 *   find, $total, populate    scan │ scan that counts │ edges, entities
 *   aggregate                 scan │ what its stages read (query/flow_reads.h)
 *   get, related, traverse    look-up of an id │ edges │ entities …
 *
 * Planning runs the command's first stage for its snapshot, then goes through the steps that the
 * command will take (explain_steps.c). A scan is planned by its own code (query/scan_cost.h), the
 * look-up of an id (table/view.h) and the edges of a known entity (rel/edge.h) too; where documents
 * or edges decide what is read next, footers give a bound (table/read_bound.h). With a cold cache
 * it does so on a file cache of its own, so that it pays for all that a new process would, and the
 * command's own costs stay what they are.
 */
#ifndef PQ_CMD_EXPLAIN_PLAN_H
#define PQ_CMD_EXPLAIN_PLAN_H

#include "query/scan_cost.h"
#include "rel/edge.h"

typedef struct pq_cost {
  uint64_t requests, bytes, rounds; /* UINT64_MAX: no bound */
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

typedef enum pq_step_kind {
  PQ_STEP_SCAN,
  PQ_STEP_FOOTERS,    /* of a collection's files, all at once */
  PQ_STEP_GET,        /* one id */
  PQ_STEP_EDGES,      /* of one entity */
  PQ_STEP_SOME_EDGES, /* of entities that nobody knows yet */
  PQ_STEP_SOME_IDS,
  PQ_STEP_GRAPH, /* loading it */
  PQ_STEP_JOIN   /* look-ups by values of documents: scans, or ids */
} pq_step_kind;

/* A step that the command will take, or may take. */
typedef struct pq_plan_step {
  pq_step_kind kind;
  const char *stage;   /* of a pipeline; NULL: none */
  pq_slice collection; /* empty: any */
  bool is_certain;     /* it is taken, and to its end */
  const char *why;     /* it is not */
  uint64_t times;      /* at most; UINT64_MAX: nobody knows */
  uint64_t times_full; /* the same if the collection's documents may not fit into memory */
  pq_scan scan;
  uint64_t enough; /* rows of which it has enough; 0: never */
  pq_slice id;
  unsigned want; /* PQ_WANT_… */
  pq_edge_query edges;
  bool is_part;     /* only the first of their parts, */
  bool is_whole;    /* and there is no other */
  uint64_t ids;     /* at most, over all times; UINT64_MAX: nobody knows */
  uint64_t page;    /* ids of a turn, where as many that are live are enough; 0: all are read */
  bool is_in_order; /* ids rise from turn to turn */
  bool is_by_id, is_by_key;
  /* what planning it told */
  bool is_upper, is_unbounded;
  pq_scan_cost plan;
  pq_point_plan point;
  uint64_t rows_min, rows_max; /* entities or edges that it gives, of files */
  pq_cost planning, execution, kept;
} pq_plan_step;

typedef struct pq_forecast {
  bool is_planning, is_cold, is_there, is_upper, is_unbounded;
  const char *why; /* it is upper, or unbounded */
  pq_cost load, planning, execution;
  pq_cost again;                       /* of planning, what the command will ask for once more */
  pq_plan_step *steps;                 /* in the operation's arena */
  uint32_t step_count, step_cap, step; /* `step`: the one that is planned */
  uint32_t phase;                      /* of the command's list of steps */
  uint32_t level_steps;                /* populate: edge steps of the level that is planned */
  pq_cost begun, noted, kept;          /* where `step` began */
} pq_forecast;

#endif
