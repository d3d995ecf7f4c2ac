/* graph/choice.h - which nodes and edges an algorithm may use, where documents decide.
 *
 *   algorithm ─ expands a level: node 7? edge 12? ─► unknown: noted as wanted ─► PQ_ASK
 *       ▲                                                                           │
 *       └── runs the level again ◄─ verdicts ◄─ reads documents in batches ◄── its caller
 *
 * An algorithm that gets PQ_ASK from a part of its work has changed nothing: it returns PQ_ASK to
 * its caller, who judges what is wanted and calls again. Without a filter nothing is ever asked,
 * and nothing is allocated.
 */
#ifndef PQ_GRAPH_CHOICE_H
#define PQ_GRAPH_CHOICE_H

#include "graph/graph.h"

/* Verdicts are wanted (pq_judged.wanted); do as the picture says. */
enum { PQ_ASK = 4 };

typedef enum pq_verdict {
  PQ_VERDICT_UNKNOWN,
  PQ_VERDICT_WANTED,
  PQ_VERDICT_NO,
  PQ_VERDICT_YES
} pq_verdict;

/* Verdicts by number, two bits each. Zeroed: all are good. */
typedef struct pq_judged {
  uint8_t *verdicts;
  uint32_t *wanted; /* [PQ_WANTED_MAX] */
  uint32_t wanted_count;
} pq_judged;

enum { PQ_WANTED_MAX = 1 << 18 };

/* Judge numbers below `count`; in `arena`. */
int pq_judged_init(pq_judged *j, pq_arena *arena, uint32_t count) PQ_MUST_CHECK;

static inline pq_verdict pq_judged_get(const pq_judged *j, uint32_t i) {
  if (j->verdicts == NULL) return PQ_VERDICT_YES;
  return (pq_verdict)(j->verdicts[i / 4] >> (i % 4 * 2) & 3);
}

static inline bool pq_judged_is_good(const pq_judged *j, uint32_t i) {
  return pq_judged_get(j, i) == PQ_VERDICT_YES;
}

/* Is it known? If not it becomes wanted, if there is room. */
bool pq_judged_ask(pq_judged *j, uint32_t i);
void pq_judged_set(pq_judged *j, uint32_t i, bool is_good);

/* What a search may use. */
typedef struct pq_choice {
  const pq_graph *graph; /* borrowed */
  pq_direction direction;
  pq_predicates predicates;
  pq_judged nodes, edges;
  uint64_t arcs; /* edges looked at */
} pq_choice;

static inline bool pq_choice_judges(const pq_choice *c) {
  return c->nodes.verdicts != NULL || c->edges.verdicts != NULL;
}

/* A set of nodes as bits. */
static inline bool pq_bit(const uint64_t *bits, uint32_t i) {
  return (bits[i / 64] >> (i % 64) & 1) != 0;
}
static inline void pq_bit_set(uint64_t *bits, uint32_t i) {
  bits[i / 64] |= UINT64_C(1) << (i % 64);
}
static inline void pq_bit_clear(uint64_t *bits, uint32_t i) {
  bits[i / 64] &= ~(UINT64_C(1) << (i % 64));
}
/* For numbers below `count`, all zero; NULL as pq_arena_alloc. */
uint64_t *pq_bits_new(pq_arena *arena, uint32_t count);

/* Ask for all that stands between some nodes and the far ends of their edges which are not in
 * `seen`: the edges, then the nodes behind those that are good. PQ_OK: all is known. PQ_ASK. */
int pq_choice_ask(pq_choice *c, pq_direction direction, const uint32_t *nodes, uint32_t count,
                  const uint64_t *seen) PQ_MUST_CHECK;

/* Sort nodes by their ids. */
int pq_graph_sort(const pq_graph *g, pq_cx *cx, uint32_t *nodes, uint32_t count) PQ_MUST_CHECK;

/* Sort edges by (from, predicate, to). */
int pq_graph_sort_edges(const pq_graph *g, pq_cx *cx, uint32_t *edges,
                        uint32_t count) PQ_MUST_CHECK;

/* Room for one more of an array in an arena; it may move. */
int pq_room(pq_arena *arena, void **items, uint32_t count, uint32_t *cap,
            size_t size) PQ_MUST_CHECK;

#endif
