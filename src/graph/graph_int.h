/* graph/graph_int.h - what the files of graph/ share: numbers, segments, bases, tails.
 *
 *   pq_graphs ─┬─ nodes, predicates      names by number (numbers.c)
 *              ├─ segments               of forward files (segment.c)
 *              ├─ deleted rows           of data files (graph_base.c)
 *              ├─ bases                  of entries (graph_base.c)
 *              └─ graphs                 of views, the last ones (graph.c)
 *   overlay ───── tail                   its edges by number (graph_tail.c); freed with it
 *
 * A graph holds its base and its tail, a base its segments; what nobody holds goes when memory is
 * short.
 */
#ifndef PQ_GRAPH_GRAPH_INT_H
#define PQ_GRAPH_GRAPH_INT_H

#include "base/hash.h"
#include "graph/graph.h"

/* ---- numbers.c: names by number, append-only ---- */
typedef struct pq_numbers {
  pq_cx *cx;
  pq_arena arena;
  pq_slice *names; /* owned; [count] */
  uint32_t count, cap;
  uint32_t sorted_count; /* the first ones, which are sorted, and are searched instead of hashed */
  pq_table by_name;
} pq_numbers;
void pq_numbers_init(pq_numbers *n, pq_cx *cx);
void pq_numbers_release(pq_numbers *n);
/* UINT32_MAX: it has none. */
uint32_t pq_numbers_find(const pq_numbers *n, pq_slice name);
/* Its number, a new one if need be; copied. */
int pq_numbers_add(pq_numbers *n, pq_slice name, uint32_t *out) PQ_MUST_CHECK;
/* Numbers of names that are distinct, into `out`. */
int pq_numbers_add_all(pq_numbers *n, const pq_slice *names, uint32_t count,
                       uint32_t *out) PQ_MUST_CHECK;

/* ---- bits ---- */
static inline bool pq_bit_at(const uint64_t *bits, uint32_t n) {
  return (bits[n / 64] >> (n % 64) & 1) != 0;
}
static inline void pq_bit_set(uint64_t *bits, uint32_t n) {
  bits[n / 64] |= UINT64_C(1) << (n % 64);
}
static inline void pq_bit_clear(uint64_t *bits, uint32_t n) {
  bits[n / 64] &= ~(UINT64_C(1) << (n % 64));
}
static inline size_t pq_bits_len(uint32_t count) {
  return ((size_t)count + 63) / 64;
}

/* ---- segment.c ---- */

/* Edges of one node and one predicate, up to the next run. */
typedef struct pq_link_run {
  uint32_t predicate; /* number */
  uint32_t first;     /* among `far` */
} pq_link_run;

/* The edges of a segment in one direction, by node. Few nodes of many: `nodes` has those that are
 * there, to be searched; else `first_run` is by number. */
typedef struct pq_links {
  uint32_t count;            /* of nodes in `nodes`, or numbers from it on have no edges here */
  const uint32_t *nodes;     /* sorted; NULL: by number */
  const uint32_t *first_run; /* [count + 1] */
  const pq_link_run *runs;   /* and one that ends the last */
  const uint32_t *far;       /* numbers */
  const uint32_t *place;     /* rows of the file; NULL: the place is the row */
} pq_links;

/* ---- edge_columns.c ---- */

/* A number of each row of a segment's file. */
typedef struct pq_edge_column {
  pq_arena arena;
  pq_slice path;        /* to it; in `arena` */
  double *values;       /* the same */
  uint32_t group_count; /* row groups that were read, */
  bool is_whole;        /* which are all */
  bool has_negative;    /* there is a number below 0 */
  uint32_t holder_count;
  uint64_t used; /* when it was asked for last, by pq_graphs.clock */
  struct pq_edge_column *next;
} pq_edge_column;

/* What a graph holds for a path: a column of each segment. */
typedef struct pq_column_set {
  pq_slice path;
  pq_edge_column **columns;
  struct pq_column_set *next;
} pq_column_set;

typedef struct pq_segment {
  pq_slice name; /* of the forward file; in `arena` */
  pq_arena arena;
  pq_adjacency adjacency;             /* the same */
  const uint32_t *nodes, *predicates; /* numbers of its nodes and predicates */
  bool is_same;                       /* the nodes' are their places */
  bool has_in;                        /* else `in` is not made yet */
  pq_links out, in;
  const uint32_t *rank;   /* of each row among out.far; NULL: the row */
  const uint32_t *doubts; /* nodes of which the file does not know that they are entities */
  uint32_t doubt_count;
  pq_edge_column *columns; /* owned, a list */
  uint32_t base_count;     /* bases that hold it */
  uint64_t wanted;         /* when it was asked for, by pq_graphs.pass */
} pq_segment;

/* Give up columns that no graph holds: of a segment, of all. */
void pq_segment_drop_columns(pq_segment *g);
void pq_graphs_drop_columns(pq_graphs *s);
/* A graph's columns are not held any more. */
void pq_graph_drop_sets(pq_graph *g);

int pq_segment_new(pq_graphs *s, pq_slice name, pq_segment **out) PQ_MUST_CHECK;
void pq_segment_free(pq_segment *g);
/* From the adjacency, which it has: `out` and doubts. */
int pq_segment_make(pq_graphs *s, pq_segment *g, pq_arena *scratch) PQ_MUST_CHECK;
/* And `in`, unless it is there. */
int pq_segment_make_in(pq_graphs *s, pq_segment *g, pq_arena *scratch) PQ_MUST_CHECK;
/* The runs of a node: [*lo, *hi) of l->runs. */
static inline void pq_links_runs(const pq_links *l, uint32_t node, uint32_t *lo, uint32_t *hi) {
  uint32_t at = node;
  *lo = *hi = 0;
  if (l->nodes != NULL) {
    uint32_t from = 0, to = l->count;
    while (from < to) {
      uint32_t mid = from + (to - from) / 2;
      if (l->nodes[mid] < node)
        from = mid + 1;
      else
        to = mid;
    }
    if (from == l->count || l->nodes[from] != node) return;
    at = from;
  } else if (at >= l->count) {
    return;
  }
  *lo = l->first_run[at];
  *hi = l->first_run[at + 1];
}

/* ---- graph_base.c ---- */

/* The softly deleted rows of a data file. */
typedef struct pq_dead_rows {
  pq_slice name; /* of the file */
  pq_arena arena;
  uint64_t *rows;
  pq_slice *ids;
  uint32_t count;
  uint64_t wanted; /* as a segment's */
} pq_dead_rows;

/* The files as of an entry. */
typedef struct pq_graph_base {
  pq_graphs *s;
  uint64_t entry, pending_to;
  pq_arena arena;
  pq_segment **segments;
  uint64_t **deleted;   /* of each: bits of deleted rows; NULL: none */
  uint32_t *first_edge; /* [segment_count + 1] */
  uint32_t segment_count;
  /* Nodes that are no live entities in the files: found so far, and those that were looked up. */
  uint64_t *dead, *checked;     /* owned; bits up to node_cap */
  uint32_t node_cap, spare_cap; /* of `checked`, and of `dead` */
  uint32_t dead_count;
  uint32_t graph_count; /* graphs that hold it */
  bool has_in;          /* its segments have both directions */
  bool is_checked;      /* ends that may be no entities were looked up; */
  uint32_t checked_to;  /* and all nodes below this */
  struct pq_graph_base *next;
} pq_graph_base;

/* The base of a view's files; s->bases has it until no graph holds it (pq_graphs_drop_bases). A
 * stage's call. */
int pq_base_open(pq_graphs *s, const pq_view *v, pq_fetch *f, pq_arena *scratch,
                 pq_graph_base **out) PQ_MUST_CHECK;
void pq_base_free(pq_graph_base *b);
/* One with an empty segment, for pq_graph_of. */
int pq_base_of(pq_graphs *s, pq_graph_base **out) PQ_MUST_CHECK;
/* Would it ask for nothing? */
bool pq_base_is_warm(const pq_graphs *s, const pq_view *v);
/* What pq_graphs_drop does, but for what the base needs that is being made. */
void pq_graphs_make_room(pq_graphs *s);
/* Give up segments that no base holds, and deleted rows, but for those of the pass. */
void pq_graphs_trim(pq_graphs *s);
/* Look up nodes in the files that were not looked up before. A stage's call. */
int pq_base_check(pq_graph_base *b, const pq_view *v, pq_fetch *f, pq_arena *scratch,
                  const uint32_t *nodes, uint32_t count) PQ_MUST_CHECK;
/* The same of all nodes. */
int pq_base_check_all(pq_graph_base *b, const pq_view *v, pq_fetch *f,
                      pq_arena *scratch) PQ_MUST_CHECK;
static inline bool pq_base_is_dead(const pq_graph_base *b, uint32_t node) {
  return node < b->node_cap && pq_bit_at(b->dead, node);
}

/* ---- graph_tail.c ---- */

typedef struct pq_tail_key {
  uint32_t from, predicate, to; /* from PQ_NO_NODE: no edge */
  uint32_t next_out, next_in;   /* of the same node, PQ_NONE: the last */
} pq_tail_key;

typedef struct pq_tail_change {
  uint32_t version, node;
} pq_tail_change;

/* An overlay by number. */
typedef struct pq_graph_tail {
  pq_derived derived; /* first: of the overlay */
  pq_cx *cx;
  pq_graphs *s;
  const pq_overlay *overlay;                  /* good as long as the overlay holds the tail */
  uint32_t holder_count;                      /* the overlay is one of them */
  pq_tail_key *keys;                          /* by the overlay's numbers of keys */
  uint32_t key_count, key_cap, version_count; /* of the overlay, seen so far */
  uint32_t *heads;                            /* by node, two each: first key out, first key in */
  uint32_t node_cap;
  pq_table by_ends;
  pq_tail_change *changed; /* deletes of entities */
  uint32_t changed_count, changed_cap;
  uint32_t *doubts; /* nodes at the ends of edges that nobody checked */
  uint32_t doubt_count, doubt_cap;
  uint32_t edge_count; /* keys that are edges */
} pq_graph_tail;

/* The overlay's tail, with all that is in the overlay by now, held for the caller. */
int pq_graph_tail_open(pq_graphs *s, pq_overlay *o, pq_graph_tail **out) PQ_MUST_CHECK;
/* The same of an overlay that keeps none. */
int pq_graph_tail_own(pq_graphs *s, const pq_overlay *o, pq_graph_tail **out) PQ_MUST_CHECK;
void pq_graph_tail_close(pq_graph_tail *t); /* takes NULL */
/* Ends of its edges that nobody checked. */
uint64_t pq_graph_tail_doubts(const pq_overlay *o);
/* The key of an edge, PQ_NONE: it has none. */
uint32_t pq_graph_tail_find(const pq_graph_tail *t, uint32_t from, uint32_t predicate, uint32_t to);
static inline uint32_t pq_graph_tail_first(const pq_graph_tail *t, uint32_t node, bool is_in) {
  return t == NULL || node >= t->node_cap ? PQ_NONE : t->heads[2 * (size_t)node + is_in];
}

/* ---- graph.c ---- */

enum { PQ_GRAPHS_KEPT = 4, PQ_FACTS_MAX = 512 };

typedef struct pq_graph_facts {
  pq_arena arena; /* owned: texts */
  pq_slice what[PQ_FACTS_MAX];
  double values[PQ_FACTS_MAX];
  uint32_t count;
} pq_graph_facts;

struct pq_graph {
  pq_graphs *s;
  bool owns_graphs; /* of pq_graph_of */
  bool is_kept;     /* s->graphs has it */
  pq_graph_base *base;
  pq_graph_tail *tail, *own; /* NULL: none */
  const pq_manifest *manifest;
  pq_file_cache *files;
  uint64_t seq, own_seq;
  uint32_t node_count, tail_first, own_first, edge_count;
  uint64_t *dead;             /* owned; bits; NULL: all nodes are live */
  pq_column_set *column_sets; /* as long as somebody holds it; in sets_arena */
  pq_arena sets_arena;
  uint32_t holder_count;
  uint64_t used;         /* when it was asked for last */
  pq_graph_facts *facts; /* owned */
};

struct pq_graphs {
  pq_cx *cx;
  pq_numbers nodes, predicates;
  pq_segment **segments;
  uint32_t segment_count, segment_cap;
  pq_table segment_table; /* by name */
  pq_dead_rows **dead_rows;
  uint32_t dead_rows_count, dead_rows_cap;
  pq_table dead_rows_table;
  pq_graph_base *bases;             /* owned, a list */
  pq_graph *graphs[PQ_GRAPHS_KEPT]; /* owned: kept for the next who asks */
  uint64_t clock;                   /* of graphs: which was asked for last */
  uint64_t pass; /* counts bases that were begun: what one needs stays until it is made */
};

/* The newest event of a layer's key that the graph sees, or NULL. */
static inline const pq_event *pq_graph_event(const pq_graph *g, const pq_graph_tail *t,
                                             uint32_t key) {
  return pq_overlay_at(t->overlay, key, t == g->own ? g->own_seq : g->seq);
}

#endif
