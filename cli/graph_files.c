/* cli/graph_files.c - a graph as GraphML, DOT and JSON Graph. See graph_items.h.
 *
 *   GraphML     every field that some node or edge has is a key; its type is what all of them are:
 *               boolean, long, double, else string; arrays and objects are JSON text
 *               label ($label if they have one), $collection and $depth come with them
 *   DOT         label and collection; fields are left out
 *   JSON Graph  label and the whole entity or edge as metadata
 */
#include <stdlib.h>
#include <string.h>

#include "graph_items.h"

static void put_text(cli_text *out, const cli_text *t) {
  cli_text_put(out, cli_text_c(t), t->len);
}

/* ---- XML ---- */

/* The length of what XML 1.0 does not allow at p: control characters, U+FFFE and U+FFFF. */
static size_t forbidden(const unsigned char *p, size_t left) {
  if (p[0] < 0x20) return p[0] == '\t' || p[0] == '\n' || p[0] == '\r' ? 0 : 1;
  return left >= 3 && p[0] == 0xef && p[1] == 0xbf && p[2] >= 0xbe ? 3 : 0;
}

void cli_xml(cli_text *out, const char *text, size_t len) {
  for (size_t i = 0; i < len; i++) {
    size_t bad = forbidden((const unsigned char *)text + i, len - i);
    char c = text[i];
    if (bad > 0) {
      cli_text_str(out, "\xef\xbf\xbd");
      i += bad - 1;
    } else if (c == '&') {
      cli_text_str(out, "&amp;");
    } else if (c == '<') {
      cli_text_str(out, "&lt;");
    } else if (c == '>') {
      cli_text_str(out, "&gt;");
    } else if (c == '"') {
      cli_text_str(out, "&quot;");
    } else if (c == '\t' || c == '\n' || c == '\r') { /* else attributes would lose them */
      cli_text_str(out, c == '\t' ? "&#9;" : c == '\n' ? "&#10;" : "&#13;");
    } else {
      cli_text_byte(out, c);
    }
  }
}

/* ---- GraphML ---- */

typedef enum field_form { FORM_NONE, FORM_BOOL, FORM_LONG, FORM_DOUBLE, FORM_STRING } field_form;

typedef struct field {
  cli_text name; /* as JSON text, with quotes */
  field_form form;
} field;

typedef struct fields {
  field *items;
  size_t count;
} fields;

enum { FIELDS_MAX = 1000 }; /* of nodes, of edges; what is beyond is in no file */

static field_form form_of(cli_value v) {
  if (v.kind == CLI_JSON_BOOL) return FORM_BOOL;
  if (v.kind == CLI_JSON_NULL) return FORM_NONE;
  if (v.kind != CLI_JSON_NUMBER) return FORM_STRING;
  return memchr(v.text, '.', v.len) == NULL && memchr(v.text, 'e', v.len) == NULL &&
                 memchr(v.text, 'E', v.len) == NULL && v.len < 19
             ? FORM_LONG
             : FORM_DOUBLE;
}

/* What holds values of both forms. */
static field_form form_join(field_form a, field_form b) {
  if (a == FORM_NONE || a == b) return b;
  if (b == FORM_NONE) return a;
  return (a == FORM_LONG || a == FORM_DOUBLE) && (b == FORM_LONG || b == FORM_DOUBLE) ? FORM_DOUBLE
                                                                                      : FORM_STRING;
}

static size_t field_place(const fields *f, cli_value key) {
  for (size_t i = 0; i < f->count; i++)
    if (f->items[i].name.len == key.len && memcmp(f->items[i].name.p, key.text, key.len) == 0)
      return i;
  return f->count;
}

static void note_fields(fields *f, const cli_text *json) {
  cli_json_walk w = cli_json_enter(cli_json_value(cli_text_c(json), json->len));
  cli_value key, value;
  while (cli_json_next(&w, &key, &value)) {
    size_t i = field_place(f, key);
    if (i == FIELDS_MAX) continue;
    if (i == f->count) {
      f->items[i] = (field){0};
      cli_text_put(&f->items[i].name, key.text, key.len);
      f->count++;
    }
    f->items[i].form = form_join(f->items[i].form, form_of(cli_json_inner(value)));
  }
}

static void put_key(cli_text *out, char letter, size_t i, const char *form) {
  cli_text_str(out, "  <key id=\"");
  cli_text_byte(out, letter);
  cli_text_u64(out, i);
  cli_text_str(out,
               letter == 'n' ? "\" for=\"node\" attr.type=\"" : "\" for=\"edge\" attr.type=\"");
  cli_text_str(out, form);
  cli_text_str(out, "\" attr.name=\"");
}

static void put_keys(cli_text *out, const fields *f, char letter) {
  static const char *const forms[] = {"string", "boolean", "long", "double", "string"};
  for (size_t i = 0; i < f->count; i++) {
    cli_text name = {0};
    cli_json_decode(cli_json_value(cli_text_c(&f->items[i].name), f->items[i].name.len), &name);
    put_key(out, letter, i, forms[f->items[i].form]);
    cli_xml(out, cli_text_c(&name), name.len);
    cli_text_str(out, "\"/>\n");
    cli_text_release(&name);
  }
}

static void put_data(cli_text *out, char letter, size_t i, const char *text, size_t len) {
  cli_text_str(out, "      <data key=\"");
  cli_text_byte(out, letter);
  cli_text_u64(out, i);
  cli_text_str(out, "\">");
  cli_xml(out, text, len);
  cli_text_str(out, "</data>\n");
}

static void put_fields(cli_text *out, const fields *f, char letter, const cli_text *json) {
  cli_json_walk w = cli_json_enter(cli_json_value(cli_text_c(json), json->len));
  cli_value key, value;
  while (cli_json_next(&w, &key, &value)) {
    cli_value inner = cli_json_inner(value);
    cli_text text = {0};
    size_t i = field_place(f, key);
    if (i == f->count || inner.kind == CLI_JSON_NULL) continue;
    if (inner.kind == CLI_JSON_STRING) cli_json_decode(inner, &text);
    if (inner.kind != CLI_JSON_STRING) cli_text_put(&text, inner.text, inner.len);
    put_data(out, letter, i, cli_text_c(&text), text.len);
    cli_text_release(&text);
  }
}

static void fields_release(fields *f) {
  for (size_t i = 0; i < f->count; i++)
    cli_text_release(&f->items[i].name);
  free(f->items);
}

/* Have the entities a field that is called as other programs call what they show? */
static bool has_label(const fields *f) {
  static const char name[] = "\"label\"";
  return field_place(f, (cli_value){CLI_JSON_STRING, name, sizeof name - 1}) < f->count;
}

static void put_xml_text(cli_text *out, const cli_text *t) {
  cli_xml(out, cli_text_c(t), t->len);
}

static void put_graphml_node(cli_text *out, const cli_graph_node *n, const cli_graph *g,
                             const fields *f) {
  cli_text depth = {0};
  const cli_text *collection = &g->collections.items[n->collection];
  cli_text_u64(&depth, n->depth);
  cli_text_str(out, "    <node id=\"");
  put_xml_text(out, &n->id);
  cli_text_str(out, "\">\n");
  put_fields(out, f, 'n', &n->json);
  put_data(out, 'n', f->count, cli_text_c(&n->label), n->label.len);
  put_data(out, 'n', f->count + 1, cli_text_c(collection), collection->len);
  put_data(out, 'n', f->count + 2, cli_text_c(&depth), depth.len);
  cli_text_str(out, "    </node>\n");
  cli_text_release(&depth);
}

static void put_graphml_edge(cli_text *out, size_t i, const cli_graph *g, const fields *f) {
  const cli_graph_edge *e = &g->edges[i];
  cli_text_str(out, "    <edge id=\"e");
  cli_text_u64(out, i);
  cli_text_str(out, "\" source=\"");
  put_xml_text(out, &g->nodes[e->from].id);
  cli_text_str(out, "\" target=\"");
  put_xml_text(out, &g->nodes[e->to].id);
  cli_text_str(out, "\">\n");
  put_fields(out, f, 'e', &e->json);
  cli_text_str(out, "    </edge>\n");
}

void cli_graphml(const cli_graph *g, cli_text *out) {
  fields of_nodes = {cli_graph_alloc(FIELDS_MAX, sizeof(field)), 0};
  fields of_edges = {cli_graph_alloc(FIELDS_MAX, sizeof(field)), 0};
  for (size_t i = 0; i < g->node_count; i++)
    note_fields(&of_nodes, &g->nodes[i].json);
  for (size_t i = 0; i < g->edge_count; i++)
    note_fields(&of_edges, &g->edges[i].json);
  cli_text_str(out,
               "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
               "<graphml xmlns=\"http://graphml.graphdrawing.org/xmlns\">\n");
  put_keys(out, &of_nodes, 'n');
  put_key(out, 'n', of_nodes.count, "string");
  cli_text_str(out, has_label(&of_nodes) ? "$label\"/>\n" : "label\"/>\n");
  put_key(out, 'n', of_nodes.count + 1, "string");
  cli_text_str(out, "$collection\"/>\n");
  put_key(out, 'n', of_nodes.count + 2, "long");
  cli_text_str(out, "$depth\"/>\n");
  put_keys(out, &of_edges, 'e');
  cli_text_str(out, "  <graph id=\"g\" edgedefault=\"directed\">\n");
  for (size_t i = 0; i < g->node_count; i++)
    put_graphml_node(out, &g->nodes[i], g, &of_nodes);
  for (size_t i = 0; i < g->edge_count; i++)
    put_graphml_edge(out, i, g, &of_edges);
  cli_text_str(out, "  </graph>\n</graphml>\n");
  fields_release(&of_nodes);
  fields_release(&of_edges);
}

/* ---- DOT (graphviz.org/doc/info/lang.html) ---- */

/* A quoted id: only the quote has an escape. A backslash at its end would escape the quote behind
 * it, so backslashes are doubled; each id is written in one way only. */
static void put_dot(cli_text *out, const cli_text *t, bool is_label) {
  cli_text_byte(out, '"');
  for (size_t i = 0; i < t->len; i++) {
    char c = t->p[i];
    if (c == '"' || c == '\\') cli_text_byte(out, '\\');
    if (c == '&' && is_label)
      cli_text_str(out, "&amp;"); /* labels know the entities of HTML */
    else if ((unsigned char)c < 0x20 && is_label)
      cli_text_byte(out, ' ');
    else
      cli_text_byte(out, c);
  }
  cli_text_byte(out, '"');
}

void cli_graph_dot(const cli_graph *g, cli_text *out) {
  cli_text_str(out, "digraph parquedb {\n  node [shape=box, style=rounded];\n");
  for (size_t i = 0; i < g->node_count; i++) {
    const cli_graph_node *n = &g->nodes[i];
    cli_text_str(out, "  ");
    put_dot(out, &n->id, false);
    cli_text_str(out, " [label=");
    put_dot(out, &n->label, true);
    cli_text_str(out, ", collection=");
    put_dot(out, &g->collections.items[n->collection], false);
    cli_text_str(out, ", tooltip=");
    put_dot(out, &n->id, true);
    cli_text_str(out, n->depth == 0 ? ", penwidth=2];\n" : "];\n");
  }
  for (size_t i = 0; i < g->edge_count; i++) {
    const cli_graph_edge *e = &g->edges[i];
    cli_text_str(out, "  ");
    put_dot(out, &g->nodes[e->from].id, false);
    cli_text_str(out, " -> ");
    put_dot(out, &g->nodes[e->to].id, false);
    cli_text_str(out, " [label=");
    put_dot(out, &g->predicates.items[e->predicate], true);
    cli_text_str(out, "];\n");
  }
  cli_text_str(out, "}\n");
}

/* ---- JSON Graph ---- */

static void put_json(cli_text *out, const cli_text *t) {
  cli_text_json(out, cli_text_c(t), t->len);
}

void cli_graph_json(const cli_graph *g, cli_text *out) {
  cli_text_str(out, "{\"graph\":{\"directed\":true,\"nodes\":{");
  for (size_t i = 0; i < g->node_count; i++) {
    const cli_graph_node *n = &g->nodes[i];
    cli_text_str(out, i == 0 ? "\n" : ",\n");
    put_json(out, &n->id);
    cli_text_str(out, ":{\"label\":");
    put_json(out, &n->label);
    cli_text_str(out, ",\"metadata\":{\"collection\":");
    put_json(out, &g->collections.items[n->collection]);
    cli_text_str(out, ",\"depth\":");
    cli_text_u64(out, n->depth);
    cli_text_str(out, ",\"entity\":");
    put_text(out, &n->json);
    cli_text_str(out, "}}");
  }
  cli_text_str(out, "\n},\"edges\":[");
  for (size_t i = 0; i < g->edge_count; i++) {
    const cli_graph_edge *e = &g->edges[i];
    cli_text_str(out, i == 0 ? "\n{\"source\":" : ",\n{\"source\":");
    put_json(out, &g->nodes[e->from].id);
    cli_text_str(out, ",\"relation\":");
    put_json(out, &g->predicates.items[e->predicate]);
    cli_text_str(out, ",\"target\":");
    put_json(out, &g->nodes[e->to].id);
    cli_text_str(out, ",\"metadata\":");
    put_text(out, &e->json);
    cli_text_byte(out, '}');
  }
  cli_text_str(out, "\n]}}\n");
}
