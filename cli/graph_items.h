/* cli/graph_items.h - the items of `subgraph` as a graph in memory, for files and pictures.
 *
 *   {"node": {"$id": "people/1", "name": "Ada"}, "depth": 0}    nodes[0]: id, label, collection
 *   {"edge": {"from": "people/1", "predicate": "knows", …}}     edges[0]: places in nodes
 *
 * Nodes come before edges. Out of memory ends the program, as in text_buf.h. Zeroed is empty.
 */
#ifndef PQ_CLI_GRAPH_ITEMS_H
#define PQ_CLI_GRAPH_ITEMS_H

#include "json_view.h"

typedef struct cli_graph_node {
  cli_text id;    /* COLL/ID */
  cli_text label; /* its name, else ID */
  cli_text json;  /* the entity */
  size_t collection;
  uint64_t depth;
} cli_graph_node;

typedef struct cli_graph_edge {
  cli_text json;
  size_t from, to; /* nodes */
  size_t predicate;
} cli_graph_edge;

/* Collections or predicates, each once, in the order in which they came. */
typedef struct cli_names {
  cli_text *items;
  size_t count, cap;
} cli_names;

typedef struct cli_graph {
  cli_graph_node *nodes;
  cli_graph_edge *edges;
  size_t node_count, node_cap, edge_count, edge_cap;
  cli_names collections, predicates;
  size_t *table; /* nodes by the hash of their id, 1 more than their place; 0: free */
  size_t table_cap;
} cli_graph;

/* Take an item. An edge with an end that is no node is left out. */
void cli_graph_add(cli_graph *g, const char *json, size_t len);
void cli_graph_release(cli_graph *g);

/* `count` zeroed items; never NULL. Freed by the caller. */
void *cli_graph_alloc(size_t count, size_t size);

/* ---- graph_files.c: the graph as a text that other programs read ---- */

void cli_graphml(const cli_graph *g, cli_text *out);
void cli_graph_dot(const cli_graph *g, cli_text *out);
/* JSON Graph Format 2 (jsongraphformat.info). */
void cli_graph_json(const cli_graph *g, cli_text *out);
/* Text for XML: escaped, and what XML does not allow is U+FFFD. */
void cli_xml(cli_text *out, const char *text, size_t len);

/* ---- graph_svg.c: the graph as a picture ---- */

void cli_graph_svg(const cli_graph *g, cli_text *out);

#endif
