/* graph/whole.h - what is computed of a whole graph: degrees, page ranks, components, triangles,
 * communities, cores.
 *
 *   pq_flat (PQ_OUT) ─► nodes with an edge, numbered in the order of their ids
 *                         out: far ends, rising ─► components
 *                         in:  the same, turned ─► degree, page rank
 *                         simple: both, each neighbour once and no node its own
 *                                               ─► triangles, communities, cores
 *                                               ─► listed: by value or id, some of them
 *
 * The numbers that a graph gives to its nodes come from its history. Here they are by id, so that
 * ties and the order of sums depend on nothing but nodes and edges: the same graph has the same
 * answer, to the last bit, on every machine.
 *
 * The work is done in pieces, so that the caller can look at the time between them:
 *
 *     pq_whole_begin(&w, …); while ((rc = pq_whole_step(&w, PQ_WHOLE_WORK)) == PQ_YIELD) …
 *     pq_whole_list(&w, …);  while ((rc = pq_whole_step(&w, PQ_WHOLE_WORK)) == PQ_YIELD) …
 *
 * A piece is longer than asked for by the edges of one node at most, with triangles by those of its
 * neighbours too.
 */
#ifndef PQ_GRAPH_WHOLE_H
#define PQ_GRAPH_WHOLE_H

#include "graph/graph.h"
#include "io/op.h"

typedef enum pq_whole_kind {
  PQ_WHOLE_DEGREE,      /* edges at a node: that leave, enter, or both */
  PQ_WHOLE_PAGE_RANK,   /* scores that add up to 1 */
  PQ_WHOLE_COMPONENTS,  /* label: the least node that is connected with it, in any direction */
  PQ_WHOLE_TRIANGLES,   /* of the simple graph, at each node */
  PQ_WHOLE_COMMUNITIES, /* label propagation in the simple graph */
  PQ_WHOLE_CORES        /* the largest k such that it is in a part of the simple graph where all
                           have k neighbours */
} pq_whole_kind;

typedef struct pq_whole_options {
  pq_whole_kind kind;
  pq_direction direction; /* degree; page rank: the way that rank flows */
  uint32_t iterations;    /* page rank, communities: at most */
  double damping;         /* page rank: the part that follows edges */
  double tolerance;       /* page rank: it ends when scores change by less in all */
} pq_whole_options;

/* Edges and nodes looked at: a few milliseconds. */
#define PQ_WHOLE_WORK (UINT64_C(1) << 20)

typedef struct pq_whole pq_whole;
typedef int (*pq_whole_phase)(pq_whole *w, uint64_t *work);

struct pq_whole {
  pq_whole_options options;
  pq_arena *arena;   /* borrowed: holds the answer */
  pq_arena *scratch; /* borrowed: holds the rest; not needed when it is done */
  /* ---- the answer: of node i in the order of ids ---- */
  uint32_t node_count;   /* nodes that have an edge */
  const uint32_t *nodes; /* their numbers in the graph */
  uint64_t edge_count;
  /* One of the three: */
  const uint64_t *numbers; /* degree, triangles, cores */
  const double *scores;    /* page rank */
  const uint32_t *labels;  /* components, communities: a node here */
  uint64_t total;          /* triangles, components, communities; the largest degree or core */
  uint32_t rounds;         /* page rank, communities: iterations done */
  bool is_settled;         /* and another would not have changed it */
  /* ---- after pq_whole_list ---- */
  const uint32_t *listed; /* nodes here */
  uint32_t listed_count;
  /* ---- inside ---- */
  const pq_slice *ids;        /* of the graph's nodes */
  pq_flat given, out, in;     /* in: made when it is needed */
  pq_flat simple;             /* the same */
  pq_whole_phase phase, then; /* NULL: done; `then`: behind a sequence that several have */
  uint32_t at;                /* of the phase */
  void *state;                /* of the algorithm, in scratch */
  void *part;                 /* of a sequence that several have */
};

/* `flat`: PQ_OUT of the graph, not simple. `ids`: [flat->node_count], of those with an edge. Both
 * are borrowed; ids until the list is made, the rest until it is done. PQ_ELIMIT. */
int pq_whole_begin(pq_whole *w, pq_arena *arena, pq_arena *scratch, const pq_flat *flat,
                   const pq_slice *ids, const pq_whole_options *o) PQ_MUST_CHECK;

/* Do about `work`. PQ_YIELD: there is more. PQ_ENOMEM, PQ_ELIMIT: it cannot go on. */
int pq_whole_step(pq_whole *w, uint64_t work) PQ_MUST_CHECK;

typedef struct pq_whole_order {
  uint32_t first, count; /* of these nodes, */
  bool is_by_id;         /* not by value, */
  bool is_rising;        /* of the value, */
  bool is_id_falling;    /* and of ids where values are the same */
} pq_whole_order;

/* Begin to put nodes in order, when the answer is there. */
int pq_whole_list(pq_whole *w, const pq_whole_order *order) PQ_MUST_CHECK;

static inline bool pq_whole_is_done(const pq_whole *w) {
  return w->phase == NULL;
}

#endif
