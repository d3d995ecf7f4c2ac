/* test/spec/graph_run.h - what the two halves of the graph's property test share. */
#ifndef PQ_TEST_GRAPH_RUN_H
#define PQ_TEST_GRAPH_RUN_H

#include "naive/naive_graph.h"
#include "property.h"

typedef struct graph_run {
  property p;
  uint32_t edges_at_once, hub;  /* hub: per cent of edges at one node */
  bool is_small, has_estimates; /* has_estimates: no edge weighs less than 1 */
  uint64_t txn;                 /* 0: none is open */
  uint64_t txn_seq;             /* what it began above */
  int64_t commit_ts;            /* of the commit before it */
  uint64_t asked, refused;
} graph_run;

/* One random question, compared. */
void graph_ask(graph_run *g);

#endif
