/* cli/path_rows.c - see path_rows.h. */
#include "path_rows.h"

#include <string.h>

#include "text_table.h"

const char *const cli_path_columns[] = {"length", "?weight", "path", NULL};
const char *const cli_graph_columns[] = {"depth", "graph", NULL};

/* Append the id of a node, which is one, or an entity. */
static void put_node(cli_text *out, cli_value node) {
  cli_json_decode(node.kind == CLI_JSON_OBJECT ? cli_json_field(node, "$id") : node, out);
}

/* Append an edge as it is gone from a node: " -road-> ", against its direction " <-road- ". */
static void put_step(cli_text *out, cli_value node, cli_value edge) {
  cli_text id = {0}, from = {0};
  bool is_forward;
  put_node(&id, node);
  cli_json_decode(cli_json_field(edge, "from"), &from);
  is_forward = strcmp(cli_text_c(&id), cli_text_c(&from)) == 0;
  cli_text_str(out, is_forward ? " -" : " <-");
  cli_json_decode(cli_json_field(edge, "predicate"), out);
  cli_text_str(out, is_forward ? "-> " : "- ");
  cli_text_release(&id);
  cli_text_release(&from);
}

static void put_path(cli_text *out, cli_value item) {
  cli_json_walk nodes = cli_json_enter(cli_json_field(item, "nodes"));
  cli_json_walk edges = cli_json_enter(cli_json_field(item, "edges"));
  cli_value key, node, edge;
  bool has_node = cli_json_next(&nodes, &key, &node);
  while (has_node) {
    put_node(out, node);
    if (!cli_json_next(&edges, &key, &edge)) return;
    put_step(out, node, edge);
    has_node = cli_json_next(&nodes, &key, &node);
  }
}

/* "name":value when there is one, then a comma. */
static void put_field(cli_text *row, cli_value item, const char *name) {
  cli_value v = cli_json_field(item, name);
  if (v.kind == CLI_JSON_NONE) return;
  cli_text_json(row, name, strlen(name));
  cli_text_byte(row, ':');
  cli_text_put(row, v.text, v.len);
  cli_text_byte(row, ',');
}

static void add_row(cli_table *table, cli_text *row, const char *name, const cli_text *text) {
  cli_text_json(row, name, strlen(name));
  cli_text_byte(row, ':');
  cli_text_json(row, cli_text_c(text), text->len);
  cli_text_byte(row, '}');
  cli_table_add(table, row->p, row->len);
}

void cli_show_path(void *ud, const cli_screen *screen, const char *json, size_t len) {
  cli_value item = cli_json_value(json, len);
  cli_text row = {0}, path = {0};
  (void)screen;
  put_path(&path, item);
  cli_text_byte(&row, '{');
  if (cli_json_field(item, "length").kind == CLI_JSON_NONE) { /* of traverse */
    uint64_t hops = 0;
    cli_json_walk w = cli_json_enter(cli_json_field(item, "edges"));
    cli_value key, edge;
    while (cli_json_next(&w, &key, &edge))
      hops++;
    cli_text_str(&row, "\"length\":");
    cli_text_u64(&row, hops);
    cli_text_byte(&row, ',');
  }
  put_field(&row, item, "length");
  put_field(&row, item, "weight");
  add_row(ud, &row, "path", &path);
  cli_text_release(&row);
  cli_text_release(&path);
}

void cli_show_graph(void *ud, const cli_screen *screen, const char *json, size_t len) {
  cli_value item = cli_json_value(json, len), edge = cli_json_field(item, "edge");
  cli_text row = {0}, text = {0};
  (void)screen;
  if (edge.kind == CLI_JSON_OBJECT) {
    cli_value data = cli_json_field(edge, "data");
    put_node(&text, cli_json_field(edge, "from"));
    put_step(&text, cli_json_field(edge, "from"), edge);
    put_node(&text, cli_json_field(edge, "to"));
    if (data.kind == CLI_JSON_OBJECT) cli_text_byte(&text, ' ');
    if (data.kind == CLI_JSON_OBJECT) cli_text_put(&text, data.text, data.len);
  } else {
    put_node(&text, cli_json_field(item, "node"));
  }
  cli_text_byte(&row, '{');
  put_field(&row, item, "depth");
  add_row(ud, &row, "graph", &text);
  cli_text_release(&row);
  cli_text_release(&text);
}
