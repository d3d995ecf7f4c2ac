/* cli/graph_items.c - see graph_items.h. */
#include "graph_items.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static _Noreturn void out_of_memory(void) {
  fputs("parquedb: OUT_OF_MEMORY: the command line program is out of memory\n", stderr);
  exit(1);
}

void *cli_graph_alloc(size_t count, size_t size) {
  void *p = calloc(count == 0 ? 1 : count, size);
  if (p == NULL) out_of_memory();
  return p;
}

/* Room for one item more. */
static void *grow(void *items, size_t count, size_t *cap, size_t size) {
  size_t more = *cap == 0 ? 16 : *cap * 2;
  void *p;
  if (count < *cap) return items;
  if (more > SIZE_MAX / 2 / size) out_of_memory();
  p = realloc(items, more * size);
  if (p == NULL) out_of_memory();
  *cap = more;
  return p;
}

static bool is_text(const cli_text *t, const char *p, size_t len) {
  return t->len == len && memcmp(cli_text_c(t), p, len) == 0;
}

static size_t name_place(cli_names *n, const char *p, size_t len) {
  for (size_t i = 0; i < n->count; i++)
    if (is_text(&n->items[i], p, len)) return i;
  n->items = grow(n->items, n->count, &n->cap, sizeof *n->items);
  n->items[n->count] = (cli_text){0};
  cli_text_put(&n->items[n->count], p, len);
  return n->count++;
}

/* ---- nodes by id ---- */

static size_t hash(const cli_text *id) {
  size_t h = 1469598103u;
  for (size_t i = 0; i < id->len; i++)
    h = (h ^ (unsigned char)id->p[i]) * 16777619u;
  return h;
}

/* The place in the table where the id stands or would stand. */
static size_t table_place(const cli_graph *g, const cli_text *id) {
  size_t at = hash(id) & (g->table_cap - 1);
  while (g->table[at] != 0 && !is_text(&g->nodes[g->table[at] - 1].id, cli_text_c(id), id->len))
    at = (at + 1) & (g->table_cap - 1);
  return at;
}

static void table_grow(cli_graph *g) {
  if (g->node_count * 2 < g->table_cap) return;
  free(g->table);
  g->table_cap = g->table_cap == 0 ? 64 : g->table_cap * 2;
  g->table = cli_graph_alloc(g->table_cap, sizeof *g->table);
  for (size_t i = 0; i < g->node_count; i++)
    g->table[table_place(g, &g->nodes[i].id)] = i + 1;
}

/* ---- items ---- */

static void add_node(cli_graph *g, cli_value entity, uint64_t depth) {
  cli_graph_node n = {.depth = depth};
  const char *slash;
  size_t coll_len, at;
  cli_json_decode(cli_json_field(entity, "$id"), &n.id);
  cli_json_decode(cli_json_field(entity, "name"), &n.label);
  table_grow(g);
  at = table_place(g, &n.id);
  if (g->table[at] != 0) { /* no node comes twice, whatever was sent */
    cli_text_release(&n.id);
    cli_text_release(&n.label);
    return;
  }
  slash = n.id.len == 0 ? NULL : memchr(n.id.p, '/', n.id.len);
  coll_len = slash == NULL ? 0 : (size_t)(slash - n.id.p);
  n.collection = name_place(&g->collections, cli_text_c(&n.id), coll_len);
  if (slash != NULL) coll_len++;
  if (n.label.len == 0) cli_text_put(&n.label, cli_text_c(&n.id) + coll_len, n.id.len - coll_len);
  cli_text_put(&n.json, entity.text, entity.len);
  g->nodes = grow(g->nodes, g->node_count, &g->node_cap, sizeof *g->nodes);
  g->nodes[g->node_count++] = n;
  g->table[at] = g->node_count;
}

/* The node that an end of an edge names, or SIZE_MAX. */
static size_t end_of(const cli_graph *g, cli_value edge, const char *name) {
  cli_text id = {0};
  size_t found = 0;
  cli_json_decode(cli_json_field(edge, name), &id);
  if (g->table_cap > 0) found = g->table[table_place(g, &id)];
  cli_text_release(&id);
  return found == 0 ? SIZE_MAX : found - 1;
}

static void add_edge(cli_graph *g, cli_value edge) {
  cli_graph_edge e = {.from = end_of(g, edge, "from"), .to = end_of(g, edge, "to")};
  cli_text predicate = {0};
  if (e.from == SIZE_MAX || e.to == SIZE_MAX) return;
  cli_json_decode(cli_json_field(edge, "predicate"), &predicate);
  e.predicate = name_place(&g->predicates, cli_text_c(&predicate), predicate.len);
  cli_text_release(&predicate);
  cli_text_put(&e.json, edge.text, edge.len);
  g->edges = grow(g->edges, g->edge_count, &g->edge_cap, sizeof *g->edges);
  g->edges[g->edge_count++] = e;
}

void cli_graph_add(cli_graph *g, const char *json, size_t len) {
  cli_value item = cli_json_value(json, len);
  cli_value node = cli_json_field(item, "node"), edge = cli_json_field(item, "edge");
  if (node.kind == CLI_JSON_OBJECT) add_node(g, node, cli_json_u64(cli_json_field(item, "depth")));
  if (edge.kind == CLI_JSON_OBJECT) add_edge(g, edge);
}

static void names_release(cli_names *n) {
  for (size_t i = 0; i < n->count; i++)
    cli_text_release(&n->items[i]);
  free(n->items);
}

void cli_graph_release(cli_graph *g) {
  for (size_t i = 0; i < g->node_count; i++) {
    cli_text_release(&g->nodes[i].id);
    cli_text_release(&g->nodes[i].label);
    cli_text_release(&g->nodes[i].json);
  }
  for (size_t i = 0; i < g->edge_count; i++)
    cli_text_release(&g->edges[i].json);
  free(g->nodes);
  free(g->edges);
  free(g->table);
  names_release(&g->collections);
  names_release(&g->predicates);
  *g = (cli_graph){0};
}
