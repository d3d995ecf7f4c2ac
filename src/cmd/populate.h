/* cmd/populate.h - the tree of what is to be embedded, and what was read for it.
 *
 *   {"author": {}, "comments": {"limit": 2, "populate": ["author"]}}
 *
 *   nodes, by level:   0 author   1 comments │ 2 author (parent 1)
 *   of a node: sources (sorted ids) ─ links (source, target) ─ targets (sorted ids) ─ documents
 *                                                                 └─ are the sources of its kids
 */
#ifndef PQ_CMD_POPULATE_H
#define PQ_CMD_POPULATE_H

#include "cmd/command_int.h"

enum { PQ_POPULATE_DEPTH_MAX = 32, PQ_POPULATE_NODES_MAX = 64, PQ_POPULATE_ROOT = UINT32_MAX };

typedef struct pq_populate_link {
  uint32_t source; /* index into sources */
  uint32_t target; /* index into targets */
  bool is_inbound; /* the edge enters the source */
} pq_populate_link;

typedef struct pq_populate_node {
  /* as parsed */
  pq_slice name; /* of the field */
  /* predicates, or what edges are called from their other end; the name, unless said */
  const pq_slice *predicates;
  uint32_t predicate_count;
  uint32_t parent, level;
  bool has_limit, is_forward_only, is_reverse_only;
  uint64_t limit; /* with has_limit; 0: all */
  pq_sort sort;
  pq_projection *projection;
  pq_filter *filter;      /* of the entities; NULL: none */
  pq_filter *edge_filter; /* NULL: none */
  /* as read, in c->embedded */
  const pq_slice *sources; /* sorted, distinct */
  uint32_t source_count;
  pq_populate_link *links; /* by source, then in the order of the answer */
  uint32_t link_count;
  uint32_t *counts;  /* by source: live entities at that end, before the limit */
  pq_slice *targets; /* sorted, distinct */
  pq_value *docs;    /* by target, projected; missing: not to be seen */
  uint32_t target_count;
  bool is_cut; /* links are those that are shown */
} pq_populate_node;

typedef struct pq_populate {
  pq_populate_node *nodes; /* by level */
  uint32_t node_count, level_count;
  uint32_t level; /* being read */
  pq_stage_fn after;
} pq_populate;

/* How a node asks for the edges of its i-th name, but for whose. */
void pq_populate_query(const pq_populate_node *n, uint32_t i, bool is_reverse, pq_edge_query *out);

#endif
