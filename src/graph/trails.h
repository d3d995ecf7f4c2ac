/* graph/trails.h - all paths that fit a journey, one after the other.
 *
 *   legs   knows{1,2} likes{0,1}      places   0.0 0.1 0.2 │ 1.0 1.1      how far a path has come:
 *                                                                       bits, as it may fit in
 *   path   a ─knows─ b ─knows─ c         {0.0} {0.1 1.0} {0.2 1.0}      several ways
 *
 * A path is told by its edges: it is given once, in however many ways it fits. Without
 * PQ_TRAILS_AGAIN no edge is in it twice. They come in the order of the ids of their nodes from the
 * start on, then of their predicates, then forward before reverse: PQ_TRAILS_DEEP, a path before
 * those that it begins; else the shortest first, which is done by going down once for each length.
 *
 * To go down in that order, the walk is over nodes; paths that differ only in which of several
 * edges they take between the same nodes are a bundle of threads.
 */
#ifndef PQ_GRAPH_TRAILS_H
#define PQ_GRAPH_TRAILS_H

#include "graph/reach.h"
#include "io/op.h"

enum { PQ_TRAIL_LEGS_MAX = 64, PQ_TRAIL_PLACES_MAX = 512, PQ_TRAIL_WORDS = 8 };
enum { PQ_TRAILS_AGAIN = 1, PQ_TRAILS_DEEP = 2 };

typedef struct pq_trail_step {
  uint32_t far, edge, predicate;
  bool is_in;
  uint64_t legs; /* bits: it may be taken in these */
} pq_trail_step;

/* A way to the last node of the walk. */
typedef struct pq_thread {
  uint32_t before, edge, predicate; /* `before`: the thread that it goes on from */
  uint32_t rank, rank_is_in;        /* among the bundle by predicates; by directions */
  bool is_in;
  uint64_t places[PQ_TRAIL_WORDS];
} pq_thread;

/* A node of the walk. */
typedef struct pq_trail_node {
  uint32_t node;
  uint32_t thread_first, thread_count, given; /* its bundle; the next one to be given */
  uint32_t step, step_count, step_first;      /* that lead on: the next one */
  bool is_expanded;
} pq_trail_node;

/* May a walk whose last node is nodes[depth] go on over an edge? */
struct pq_trails;
typedef bool (*pq_trails_allows)(const struct pq_trails *t, uint32_t edge, uint32_t far);

typedef struct pq_trails {
  const pq_graph *graph; /* borrowed, as are the legs */
  pq_arena *arena;
  const pq_leg *legs;
  uint32_t leg_count;
  unsigned options;
  pq_trails_allows allows;                 /* decides instead of verdicts; NULL: they do */
  const void *ud;                          /* of allows */
  uint32_t offsets[PQ_TRAIL_LEGS_MAX + 1]; /* of a leg's places */
  const uint32_t *starts;
  uint32_t start_count, start;
  pq_trail_node *nodes;     /* the walk: nodes[0..depth] */
  uint32_t depth, cap, len; /* `len`: of the paths that are given now, not PQ_TRAILS_DEEP */
  uint32_t thread;          /* the path that is given */
  pq_thread *threads;
  uint32_t thread_count, thread_cap;
  bool is_down, is_deeper; /* the start is on the path; there are paths of `len` edges */
  pq_trail_step *steps;
  uint32_t step_count, step_cap;
  pq_choice *asked; /* PQ_ASK: whose */
  uint64_t work;    /* left until PQ_YIELD */
} pq_trails;

/* PQ_ELIMIT: more places than there may be. `starts` in the order of their ids. */
int pq_trails_init(pq_trails *t, pq_arena *arena, const pq_graph *g, const pq_leg *legs,
                   uint32_t leg_count, unsigned options, const uint32_t *starts,
                   uint32_t count) PQ_MUST_CHECK;
/* The next path: nodes[0] to nodes[depth], and its edges; *is_end: there is none. PQ_ASK of
 * `asked`; PQ_YIELD: it has worked for a while. */
int pq_trails_next(pq_trails *t, bool *is_end) PQ_MUST_CHECK;
/* Is a node on the walk? */
static inline bool pq_trails_has(const pq_trails *t, uint32_t node) {
  for (uint32_t i = 0; i <= t->depth; i++)
    if (t->nodes[i].node == node) return true;
  return false;
}
/* The edges of the path that was given: [depth]. */
void pq_trails_edges(const pq_trails *t, uint32_t *edges);

#endif
