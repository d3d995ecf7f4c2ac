/* cmd/traverse_int.h - a traverse: its options, how it goes, what it has found.
 *
 *   path ─► legs ─┬─ node, sets ───► graph/reach.h ─┐
 *                 ├─ node, paths ──► graph/tree.h ──┼─► nodes, edges: found, sorted, given
 *                 ├─ none, ends ───► graph/walks.h ─┤   paths: counted,
 *                 ├─ edge, none ───► graph/trails.h ┘          or given a batch at a time
 *                 └─ a hop from a node, nothing at hand: edges by page index (graph_commands.c)
 */
#ifndef PQ_CMD_TRAVERSE_INT_H
#define PQ_CMD_TRAVERSE_INT_H

#include "cmd/graph_search.h"
#include "graph/trails.h"
#include "graph/tree.h"
#include "graph/walks.h"

typedef enum pq_traverse_return {
  PQ_RETURN_ENDS,
  PQ_RETURN_NODES,
  PQ_RETURN_EDGES,
  PQ_RETURN_PATHS,
  PQ_RETURN_IDS,
  PQ_RETURN_COUNT
} pq_traverse_return;

typedef enum pq_uniqueness { PQ_UNIQUE_NODE, PQ_UNIQUE_EDGE, PQ_UNIQUE_NONE } pq_uniqueness;
typedef enum pq_traverse_order { PQ_ORDER_ID, PQ_ORDER_BREADTH, PQ_ORDER_DEPTH } pq_traverse_order;

/* Nodes or edges, each once, in the order in which they were found. */
typedef struct pq_found {
  uint64_t *seen;
  uint32_t *items, *depths, *places; /* places: of a node among the items */
  uint32_t count, cap;
} pq_found;

/* A path of a batch: where its edges begin; it has one node more than edges. */
typedef struct pq_found_path {
  uint32_t edge, node, count;
} pq_found_path;

typedef struct pq_traverse {
  pq_traverse_return returns;
  pq_uniqueness uniqueness;
  pq_traverse_order order;
  bool has_order, wants_depth, is_cycles, is_fixed;
  uint32_t fixed_depth; /* is_fixed: of all ends */
  uint64_t paths_max, paths;
  pq_chooser *steps; /* [leg_count] */
  pq_chooser ends;   /* the option `filter` */
  pq_leg *legs;
  uint32_t leg_count;
  uint32_t *starts; /* in the order of their ids */
  uint32_t start_count;
  pq_reach reach;
  pq_tree tree;
  pq_trails trails;
  pq_walks walks; /* its graph is set: paths are counted, of each of `nodes` */
  pq_found nodes, edges;
  uint32_t at, kept; /* of what is judged or given: the next one */
  uint64_t skipped;
  bool is_over; /* paths: the last one was taken */
  /* a batch of paths */
  pq_found_path *batch;
  uint32_t batch_count, batch_cap;
  uint32_t *batch_nodes, *batch_edges;
  uint32_t batch_node_count, batch_node_cap, batch_edge_count, batch_edge_cap;
} pq_traverse;

static inline pq_traverse *pq_traverse_of(const pq_command *c) {
  return pq_run_of(c)->search;
}

/* traverse_search.c: the graph is there. Goes on with the stages of traverse_give.c. */
int pq_stage_traverse_search(pq_op *op);
/* traverse_give.c */
int pq_stage_traverse_nodes(pq_op *op); /* t->nodes, by the command's order */
int pq_stage_traverse_edges(pq_op *op);
/* Paths of the batch become items; then `next`. */
int pq_traverse_give_paths(pq_command *c, pq_stage_fn next) PQ_MUST_CHECK;
int pq_stage_traverse_end(pq_op *op);
/* Is one more result on the page? */
bool pq_traverse_take(pq_command *c);

int pq_found_init(pq_found *f, pq_arena *arena, uint32_t count) PQ_MUST_CHECK;
int pq_found_add(pq_found *f, pq_arena *arena, uint32_t item, uint32_t depth) PQ_MUST_CHECK;

#endif
