/* test/naive/naive_graph.h - the naive graph: a list of nodes, a list of edges, asked by loops.
 *
 *   nodes   a  b  c                in the order of their ids: the number is the order
 *   edges   a ─p→ b   b ─q→ c      by (from, predicate, to)
 *   query   what a command asks, as a struct (naive_query.c puts it into words)
 *   answer  the items as lines of JSON, the summary's fields as lines
 *
 * It is what is shown at one moment: whoever makes it (the property test, the simulator) leaves out
 * what is deleted then. No cleverness: no index, no visited sets that a path is not, every answer
 * from the definition in doc/graph.md.
 */
#ifndef PQ_TEST_NAIVE_GRAPH_H
#define PQ_TEST_NAIVE_GRAPH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/base.h"

enum {
  NAIVE_STEPS = 3,
  NAIVE_SOURCES = 3,
  NAIVE_PREDICATES = 4,
  NAIVE_FILTERS = 4,
  NAIVE_VARIABLES = 4, /* of a pattern; and its edges */
  NAIVE_EMBEDS = 4,    /* names of populate */
  NAIVE_NAMES = 2,     /* predicates of one of them */
  NAIVE_NONE = -1
};

/* ---- text that grows ---- */

typedef struct naive_text {
  char *p; /* owned, NUL-terminated once something was put */
  size_t len, cap;
} naive_text;

void naive_put(naive_text *t, const char *format, ...) PQ_PRINTF(2, 3);
void naive_text_release(naive_text *t);
/* Bring the lines into order. */
void naive_text_sort(naive_text *t);

/* ---- the graph ---- */

typedef struct naive_node {
  char *id, *text; /* owned; the text as the command shows the entity */
  uint32_t passes; /* bit i: filter i of the query takes it */
  bool has_key;    /* has the number by which entities are sorted */
  double key;
} naive_node;

typedef struct naive_edge {
  uint32_t from, predicate, to; /* predicates by number: the order of their names */
  char *text;                   /* owned; as `related` with `edges` shows it */
  uint32_t passes;
  bool has_weight;
  double weight;
  bool is_fuzzy;
  double confidence; /* of a fuzzy one */
} naive_edge;

typedef struct naive_graph {
  naive_node *nodes; /* owned */
  naive_edge *edges; /* owned */
  uint32_t node_count, node_cap, edge_count, edge_cap;
  const char *const *predicates;  /* borrowed, in the order of their bytes */
  const char *const *reverses;    /* borrowed: what they are called from the other end */
  const char *const *collections; /* borrowed */
} naive_graph;

void naive_graph_release(naive_graph *g);
/* All nodes, then naive_graph_sort, then all edges, then it once more. Texts are taken. */
naive_node *naive_graph_node(naive_graph *g, const char *id, char *text);
naive_edge *naive_graph_edge(naive_graph *g, uint32_t from, uint32_t predicate, uint32_t to,
                             char *text);
void naive_graph_sort(naive_graph *g);
/* The node with an id; NAIVE_NONE. */
int64_t naive_graph_find(const naive_graph *g, const char *id);

/* ---- a question ---- */

typedef enum naive_kind {
  NAIVE_RELATED = 0,
  NAIVE_TRAVERSE,
  NAIVE_SUBGRAPH,
  NAIVE_PATH,
  NAIVE_CONNECTED,
  NAIVE_NEIGHBOURHOOD,
  NAIVE_DEGREE,
  NAIVE_PAGE_RANK,
  NAIVE_COMPONENTS,
  NAIVE_TRIANGLES,
  NAIVE_COMMUNITIES,
  NAIVE_K_CORE,
  NAIVE_MATCH,
  NAIVE_POPULATE, /* get with populate */
  NAIVE_LOOKUP,   /* $graphLookup in aggregate */
  NAIVE_KINDS
} naive_kind;

typedef enum naive_direction {
  NAIVE_DEFAULT = 0,
  NAIVE_FORWARD,
  NAIVE_REVERSE,
  NAIVE_BOTH
} naive_direction;

typedef enum naive_unique { NAIVE_BY_NODE = 0, NAIVE_BY_EDGE, NAIVE_BY_NOTHING } naive_unique;

typedef enum naive_return {
  NAIVE_ENDS = 0,
  NAIVE_NODES,
  NAIVE_EDGES,
  NAIVE_PATHS,
  NAIVE_IDS,
  NAIVE_COUNTED
} naive_return;

/* Which edges, where to. Filters by number; 0: none. */
typedef struct naive_step {
  uint32_t predicates; /* bits; 0: any */
  naive_direction direction;
  uint32_t min, max; /* hops; max 0: no bound */
  uint32_t filter, edge_filter;
} naive_step;

/* match: (v0:Label)-[:p|q]->(v1), … RETURN of the nodes or their number. */
typedef struct naive_pattern_edge {
  uint32_t from, to; /* variables */
  uint32_t predicates;
  naive_direction direction; /* NAIVE_BOTH: either way */
} naive_pattern_edge;

typedef struct naive_pattern {
  uint32_t node_count, edge_count;
  uint32_t labels[NAIVE_VARIABLES]; /* number of the collection, from 1; 0: any */
  naive_pattern_edge edges[NAIVE_VARIABLES];
  uint32_t less; /* variable from 1 whose field "a" is below `less_than` */
  uint32_t less_than;
  uint32_t alone; /* variable from 1 that no edge of `no_edge` leaves; 0: none */
  uint32_t no_edge;
  uint32_t skip, limit; /* 0: all; with it sorted by all columns */
  bool is_count, is_distinct;
} naive_pattern;

/* A name of populate: edges that leave an entity by that predicate, or that are called so from the
 * entity that they enter. */
typedef struct naive_embed {
  uint32_t parent; /* 0: of the entity itself; else 1 + the embed below which it stands */
  const char *names[NAIVE_NAMES], *field; /* borrowed from the world */
  uint32_t name_count;
  bool is_named; /* the field has a name of its own */
  naive_direction direction;
  uint32_t limit; /* 0: all */
  int sort;       /* by the number of entities: 1, -1, 0 by id */
  uint32_t filter, edge_filter;
} naive_embed;

typedef struct naive_query {
  naive_kind kind;
  char *from[NAIVE_SOURCES]; /* owned ids */
  uint32_t from_count;
  char *to;                     /* owned */
  char *filters[NAIVE_FILTERS]; /* owned, as JSON; [0] is none: number i is filters[i] */
  bool is_of_edges[NAIVE_FILTERS];
  uint32_t filter_count;         /* with the first */
  naive_step steps[NAIVE_STEPS]; /* those but traverse have one */
  uint32_t step_count;
  bool is_plain;       /* traverse: all steps are one hop with one predicate, no options */
  bool is_listed;      /* sources as a list, even one */
  uint32_t end_filter; /* traverse, related: of the ends */
  naive_unique unique;
  naive_return returns;
  bool is_deep, is_broad; /* order: depth, breadth; neither: as it is without */
  bool has_depth, wants_cycles, wants_edges;
  uint32_t skip, limit;
  uint32_t nodes_max, hops_max;
  uint32_t k;
  bool wants_all, has_weight, has_heuristic, wants_entities, has_default_weight;
  double default_weight;
  const char *collection; /* whole graph; "": all */
  uint32_t iterations;
  double damping;
  bool by_id; /* sorted by $id */
  naive_pattern pattern;
  int sort;               /* related: by the number of entities, 1, -1, 0 by id */
  uint32_t page;          /* related: asked for so many at a time, with cursors; 0: at once */
  bool has_min, is_exact; /* related: minConfidence; mode */
  bool is_only_fuzzy;
  double confidence_min;
  naive_embed embeds[NAIVE_EMBEDS];
  uint32_t embed_count;
} naive_query;

void naive_query_release(naive_query *q);

/* What chooses: a number below n. */
typedef struct naive_random {
  uint32_t (*below)(void *ud, uint32_t n);
  void *ud;
} naive_random;

/* The fields and filters that a world knows. */
typedef struct naive_world {
  const char *const *predicates; /* in order */
  const char *const *reverses;
  uint32_t predicate_count;
  const char *const *collections, *const *labels; /* what `match` calls them */
  uint32_t collection_count;
  const char *node_number, *edge_number; /* "a", "data.a": of the estimate, the weight */
  const char *node_key;                  /* "a": entities are sorted by it */
  bool has_conditions;                   /* patterns have WHERE, ORDER BY, LIMIT, too */
  bool is_small;                         /* few edges: whatever counts all paths may be asked */
  bool has_fuzzy;                        /* some edges may be fuzzy */
  bool has_estimates; /* the numbers of nodes differ by less than any edge weighs */
  /* An id that may be there, a filter of entities or of edges, as JSON: the caller's to free. */
  char *(*any_id)(void *ud);
  char *(*any_filter)(void *ud, bool is_of_edges);
  void *ud;
} naive_world;

/* A random question of a kind. */
void naive_query_choose(const naive_world *w, naive_random *r, naive_kind kind, naive_query *out);
/* The command, without the closing brace. */
void naive_query_text(const naive_world *w, const naive_query *q, naive_text *out);

/* ---- the answer ---- */

typedef struct naive_answer {
  naive_text items;   /* a line each */
  naive_text summary; /* "name":JSON, a line each */
  bool is_unordered;
  bool is_rounded; /* values may differ by 1e-9, and those that are equal may stand in any
                      order */
  bool is_any;     /* too much for loops: anything goes */
} naive_answer;

void naive_answer_release(naive_answer *a);
void naive_answer_of(const naive_graph *g, const naive_query *q, naive_answer *out);

/* What differs between the answer and the items of a command, as a text of the caller; NULL: they
 * are equal. */
char *naive_answer_compare(naive_answer *want, const char *items);

#endif
