/* graph/graph.h - the graph of a view: nodes and predicates by number, edges as slices of arrays.
 *
 *   namespace   node numbers     a=0 b=1 c=2 …            append-only, for all segments and events
 *   segment     of a forward file: out and in, by number  kept by the file's name (rel/adjacency.h)
 *   base        the segments live at an entry, minus delete files; who is deleted softly there
 *   tail        of an overlay: its edges by number
 *   pq_graph    base + tail up to a seq = a view           a walk merges them on the fly:
 *
 *     node ─► segment 0 [far far far]   ─ minus hidden edges, minus dead ends ─► slices of far ends
 *          ─► segment 1 [far]                                                    with their edges
 *          ─► tail      [far]
 *
 * A graph shows what every other read shows: an edge whose two ends are live entities, as of the
 * view. Numbers mean the same as long as the namespace is open (pq_graphs), in every graph of it.
 * A graph does not change; it is held (pq_graph_close) by whoever works with it.
 */
#ifndef PQ_GRAPH_GRAPH_H
#define PQ_GRAPH_GRAPH_H

#include "rel/adjacency.h"
#include "table/view.h"

#define PQ_NO_NODE UINT32_MAX
#define PQ_NO_PREDICATE UINT32_MAX

/* What a namespace keeps between commands: numbers, segments, graphs. Owned by it. */
typedef struct pq_graphs pq_graphs;
typedef struct pq_graph pq_graph;

int pq_graphs_new(pq_cx *cx, pq_graphs **out) PQ_MUST_CHECK;
/* No graph may be held. Takes NULL. */
void pq_graphs_free(pq_graphs *s);
/* Give up what no held graph needs: for memory. Numbers stay. Was there anything? */
bool pq_graphs_drop(pq_graphs *s);

typedef enum pq_direction { PQ_OUT = 1, PQ_IN = 2, PQ_BOTH = PQ_OUT | PQ_IN } pq_direction;

/* The graph of a view, held for the caller, who will walk in these directions only (PQ_OUT is
 * cheaper to load than the others). A stage's call: PQ_NEED_IO. PQ_ELIMIT: memory has no room for
 * it, whoever can goes by pq_edges_read. The view outlives it. */
int pq_graph_open(pq_graphs *s, const pq_view *v, pq_direction directions, pq_fetch *f,
                  pq_arena *scratch, pq_graph **out) PQ_MUST_CHECK;
/* Would opening ask the store for nothing? */
bool pq_graph_is_warm(const pq_graphs *s, const pq_view *v);
/* The graph of a view if it is kept, whole, held for the caller: nothing is loaded. Else NULL. */
pq_graph *pq_graph_kept(pq_graphs *s, const pq_view *v);
/* Takes NULL. */
void pq_graph_close(pq_graph *g);

/* What a plan (io/fetch.h) is told of opening it with nothing at hand: the requests for metadata
 * are made, those for the rest are noted. *edges: in files; *doubts: ends of them that are looked
 * up besides, at most. A stage's call. */
int pq_graph_cost(const pq_view *v, pq_fetch *f, pq_arena *scratch, uint64_t *edges,
                  uint64_t *doubts) PQ_MUST_CHECK;

/* A graph of edges in memory, in any order, all ends live: for tests. Freed by pq_graph_close. */
int pq_graph_of(pq_cx *cx, const pq_edge *edges, uint32_t count, pq_graph **out) PQ_MUST_CHECK;

/* ---- nodes and predicates ---- */

/* Numbers are below this: a size for arrays. Nodes without an edge may be among them. */
uint32_t pq_graph_node_count(const pq_graph *g);
/* The node with an id; PQ_NO_NODE: no edge ever touched it. */
uint32_t pq_graph_node(const pq_graph *g, pq_slice id);
pq_slice pq_graph_id(const pq_graph *g, uint32_t node);
/* The node with an id that need not have an edge: it gets a number, perhaps not below
 * pq_graph_node_count, but below pq_graph_number_count. No walk comes to it. */
int pq_graph_number(const pq_graph *g, pq_slice id, uint32_t *out) PQ_MUST_CHECK;
uint32_t pq_graph_number_count(const pq_graph *g);
/* Is it an entity that is not deleted? Of nodes with an edge; of others it may say true. */
bool pq_graph_is_live(const pq_graph *g, uint32_t node);
uint32_t pq_graph_predicate_count(const pq_graph *g);
uint32_t pq_graph_predicate(const pq_graph *g, pq_slice name); /* PQ_NO_PREDICATE: unknown */
pq_slice pq_graph_predicate_name(const pq_graph *g, uint32_t predicate);

/* ---- what was found out ---- */

/* A number about the graph that took a while to find out, by a text that says what it is; kept with
 * the graph, the first some hundred of them. */
bool pq_graph_fact(const pq_graph *g, pq_slice what, double *out);
int pq_graph_keep_fact(const pq_graph *g, pq_slice what, double value) PQ_MUST_CHECK;

/* ---- edges ---- */

/* Which predicates: some, or any. A name that the graph does not know is PQ_NO_PREDICATE and
 * matches nothing. */
typedef struct pq_predicates {
  const uint32_t *numbers;
  uint32_t count;
  bool is_any;
} pq_predicates;

static inline bool pq_predicates_has(const pq_predicates *p, uint32_t predicate) {
  bool has = p->is_any;
  for (uint32_t i = 0; i < p->count && !has; i++)
    has = p->numbers[i] == predicate;
  return has;
}

/* Edges of one node and one predicate, in one direction. */
typedef struct pq_arcs {
  const uint32_t *far; /* [count]: the nodes at their other ends, in no particular order */
  const uint32_t *place;
  uint32_t first_edge, count;
  uint32_t predicate;
  bool is_in; /* they enter the node */
} pq_arcs;

/* The number of edge i of them: one number for both directions, unique in the graph, below
 * pq_graph_edge_count. */
static inline uint32_t pq_arcs_edge(const pq_arcs *a, uint32_t i) {
  return a->first_edge + (a->place != NULL ? a->place[i] : i);
}

/* The edges of a node:
 *     pq_arc_walk w = pq_arcs_begin(g, node, PQ_OUT, &predicates);
 *     while (pq_arcs_next(&w, &arcs)) for (i < arcs.count) … arcs.far[i] …
 * First those that leave, then those that enter: an edge from a node to itself comes twice with
 * PQ_BOTH. No memory, no failure, no request. */
typedef struct pq_arc_walk {
  const pq_graph *g;
  const pq_predicates *predicates; /* borrowed */
  uint32_t node;
  unsigned left;         /* directions that were not begun */
  uint32_t segment;      /* of the direction; behind the last: the tail */
  uint32_t run, run_end; /* of the segment: the next one */
  uint32_t at, end;      /* edges of the run */
  uint32_t key;          /* of the tail */
  bool is_in, is_checked, is_touched, is_begun, is_over;
} pq_arc_walk;

pq_arc_walk pq_arcs_begin(const pq_graph *g, uint32_t node, pq_direction direction,
                          const pq_predicates *predicates);
bool pq_arcs_next(pq_arc_walk *w, pq_arcs *out);

/* How many edges the walk would give. */
uint64_t pq_graph_degree(const pq_graph *g, uint32_t node, pq_direction direction,
                         const pq_predicates *predicates);

uint32_t pq_graph_edge_count(const pq_graph *g); /* numbers are below this; not all are edges */
/* The ends of an edge that a walk gave. */
typedef struct pq_edge_ends {
  uint32_t from, predicate, to;
} pq_edge_ends;
pq_edge_ends pq_graph_ends(const pq_graph *g, uint32_t edge);

/* Rows between two edges that are read along. */
enum { PQ_GRAPH_EDGES_GAP = 256 };

/* Edges by number with their documents, as pq_edges_read gives them; in `scratch`, the fetch set
 * and the view. A stage's call. */
int pq_graph_edges_read(const pq_graph *g, pq_fetch *f, pq_arena *scratch, const uint32_t *edges,
                        uint32_t count, pq_edge *out) PQ_MUST_CHECK;

/* ---- one flat array, for algorithms that go over everything ---- */

/* All edges of some predicates in one direction: the neighbours of node n are far[first[n]] to
 * far[first[n + 1]], rising; with PQ_BOTH each edge stands at both of its ends. */
typedef struct pq_flat {
  uint32_t node_count;
  uint64_t edge_count;
  const uint32_t *first; /* [node_count + 1] */
  const uint32_t *far;   /* [edge_count] */
  const uint32_t *edge;  /* [edge_count]: their numbers; NULL: not wanted */
} pq_flat;

typedef struct pq_flat_options {
  pq_direction direction;
  const pq_predicates *predicates;
  bool is_simple;   /* each neighbour once, and no node its own: several edges count as one */
  bool wants_edges; /* not with is_simple */
} pq_flat_options;

/* In `arena`. PQ_ELIMIT: 2^32 edges, or the arena's limit. */
int pq_graph_flat(const pq_graph *g, pq_arena *arena, const pq_flat_options *o,
                  pq_flat *out) PQ_MUST_CHECK;

#endif
