/* test/naive/naive_int.h - what the naive graph's files share. */
#ifndef PQ_TEST_NAIVE_INT_H
#define PQ_TEST_NAIVE_INT_H

#include "naive_graph.h"

enum { NAIVE_LEN_MAX = 64 };

/* A path. */
typedef struct naive_route {
  uint32_t len;
  double weight;
  uint32_t nodes[NAIVE_LEN_MAX + 1], edges[NAIVE_LEN_MAX];
} naive_route;

typedef struct naive_routes {
  naive_route *items; /* owned */
  uint32_t count, cap;
} naive_routes;

void naive_routes_add(naive_routes *r, const naive_route *route);

/* How paths are compared: by weight, or by length, or not by either; then by the ids of their nodes
 * from the start on, one before those that it begins; then by predicates, then forward before
 * reverse. */
typedef enum naive_order { NAIVE_SHORTEST, NAIVE_LIGHTEST, NAIVE_DEEP } naive_order;
void naive_routes_sort(naive_routes *r, const naive_graph *g, naive_order order);

/* "nodes":[…],"edges":[…] */
void naive_put_route(naive_text *out, const naive_graph *g, const naive_route *r,
                     bool wants_entities);

/* realloc that does not fail. */
void *naive_grow(void *p, size_t size);
char *naive_copy(const char *text);

/* Is it an id of the collection? "": of any. */
bool naive_is_of(const char *collection, const char *id);
/* Is the edge one of the step's? */
bool naive_takes(const naive_edge *e, const naive_step *s);
/* The nodes that an edge leads to from a node: none, one, or with a loop and both ways two. */
int naive_far(const naive_edge *e, uint32_t node, naive_direction d, uint32_t far[2]);

/* Bring nodes into an order: by their number ascending (1), descending (-1), by id (0). */
void naive_sort_nodes(const naive_graph *g, int sort, uint32_t *nodes, uint32_t count);

void naive_populate(const naive_graph *g, const naive_query *q, naive_answer *out);
void naive_lookup(const naive_graph *g, const naive_query *q, naive_answer *out);
void naive_related(const naive_graph *g, const naive_query *q, naive_answer *out);
void naive_traverse(const naive_graph *g, const naive_query *q, naive_answer *out);
void naive_subgraph(const naive_graph *g, const naive_query *q, naive_answer *out);
void naive_neighbourhood(const naive_graph *g, const naive_query *q, naive_answer *out);
void naive_path(const naive_graph *g, const naive_query *q, naive_answer *out);
void naive_connected(const naive_graph *g, const naive_query *q, naive_answer *out);
void naive_whole(const naive_graph *g, const naive_query *q, naive_answer *out);
void naive_match(const naive_graph *g, const naive_query *q, naive_answer *out);

#endif
