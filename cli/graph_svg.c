/* cli/graph_svg.c - a graph as an SVG picture. See graph_items.h.
 *
 *   ╭───────╮  knows   ╭─────╮      a box for each node, coloured by collection, with its label
 *   │ Ada   │ ───────► │ Bob │      inside; a curve for each edge, coloured by predicate, which
 *   ╰───────╯          ╰─────╯      also stands beside it while there are few; a legend
 *
 * Boxes are placed by graph_layout.c. Widths of text are estimated with those of Helvetica, which
 * common fonts without serifs share. Everything that comes from the graph is escaped; light or dark
 * is up to the viewer (prefers-color-scheme).
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "graph_items.h"
#include "graph_layout.h"
#include "print.h"

enum {
  COLOURS = 8,
  LABELLED_MAX = 16, /* edges that have their predicate beside them */
  LABEL_WIDTH = 170, /* of a node's text, pixels */
  PADDING = 26,
  SAMPLES = 24, /* points of a curve that are looked at */
  LINE = 24     /* a row of the legend */
};

typedef struct point {
  double x, y;
} point;

typedef struct curve {
  point from, bend, to; /* a quadratic one; of an edge from a node to itself `bend` is not used */
  bool is_loop;
} curve;

typedef struct svg {
  const cli_graph *g;
  cli_text *out;
  cli_box *boxes;
  cli_text *labels; /* of nodes, cut */
  curve *curves;
  point *names; /* of edges: where their predicate stands */
  bool *has_name;
  double left, top, right, bottom;
  bool is_labelled; /* edges have their predicate beside them */
} svg;

/* ---- text ---- */

/* Thousandths of the size, from the space to '~': Helvetica. */
static const uint16_t widths[95] = {
    278, 278, 355, 556, 556, 889, 667, 191, 333, 333, 389, 584, 278, 333,  278, 278, 556, 556, 556,
    556, 556, 556, 556, 556, 556, 556, 278, 278, 584, 584, 584, 556, 1015, 667, 667, 722, 722, 667,
    611, 778, 722, 278, 500, 667, 556, 833, 722, 778, 667, 778, 722, 667,  611, 722, 667, 944, 667,
    667, 611, 278, 278, 278, 469, 556, 333, 556, 556, 500, 556, 556, 278,  556, 556, 222, 222, 500,
    222, 833, 556, 556, 556, 556, 333, 500, 278, 556, 500, 722, 500, 500,  500, 334, 260, 334, 584};

/* The code point at p and its length. */
static uint32_t code_point(const unsigned char *p, size_t left, size_t *len) {
  uint32_t c = p[0];
  *len = c < 0x80 ? 1 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4;
  if (*len > left) *len = left;
  if (*len > 1) c &= 0x7fu >> *len;
  for (size_t i = 1; i < *len; i++)
    c = c << 6 | (p[i] & 0x3f);
  return c;
}

static double char_width(uint32_t c, double size) {
  double w = c >= 32 && c < 127 ? widths[c - 32] : c < 0x300 ? 580 : c < 0x370 ? 0 : 650;
  if (c >= 0x1100) w = 1000;
  return w * size / 1000;
}

static double text_width(const cli_text *t, double size) {
  double sum = 0;
  size_t len;
  for (size_t i = 0; i < t->len; i += len)
    sum += char_width(code_point((const unsigned char *)t->p + i, t->len - i, &len), size);
  return sum;
}

/* The text, or as much as fits with an ellipsis. */
static void put_cut(cli_text *out, const cli_text *t, double size, double limit) {
  double sum = 0;
  size_t len, end = 0;
  if (text_width(t, size) <= limit) {
    cli_text_put(out, cli_text_c(t), t->len);
    return;
  }
  for (size_t i = 0; i < t->len; i += len) {
    sum += char_width(code_point((const unsigned char *)t->p + i, t->len - i, &len), size);
    if (sum > limit - size) break;
    end = i + len;
  }
  while (end > 0 && t->p[end - 1] == ' ')
    end--;
  cli_text_put(out, cli_text_c(t), end);
  cli_text_str(out, "\xe2\x80\xa6");
}

/* With one digit behind the point, whatever the locale. */
static void put_number(cli_text *out, double x) {
  double tenths = floor(fabs(x) * 10 + 0.5);
  uint64_t n = tenths < 1e15 ? (uint64_t)tenths : 0;
  if (x < 0 && n > 0) cli_text_byte(out, '-');
  cli_text_u64(out, n / 10);
  if (n % 10 == 0) return;
  cli_text_byte(out, '.');
  cli_text_u64(out, n % 10);
}

static void put_attribute(cli_text *out, const char *name, double x) {
  cli_text_byte(out, ' ');
  cli_text_str(out, name);
  cli_text_str(out, "=\"");
  put_number(out, x);
  cli_text_byte(out, '"');
}

static void put_point(cli_text *out, char letter, point p) {
  cli_text_byte(out, letter);
  put_number(out, p.x);
  cli_text_byte(out, ' ');
  put_number(out, p.y);
}

static void put_escaped(cli_text *out, const cli_text *t) {
  cli_xml(out, cli_text_c(t), t->len);
}

/* ---- boxes ---- */

static double label_size(const svg *s, size_t node) {
  return s->boxes[node].is_root ? 16 : 13;
}

static void make_boxes(svg *s) {
  const cli_graph *g = s->g;
  cli_tie *ties = cli_graph_alloc(g->edge_count, sizeof *ties);
  double room_x = s->is_labelled ? 60 : 36, room_y = s->is_labelled ? 34 : 20;
  for (size_t i = 0; i < g->node_count; i++) {
    cli_box *b = &s->boxes[i];
    double size;
    b->is_root = g->nodes[i].depth == 0;
    size = label_size(s, i);
    put_cut(&s->labels[i], &g->nodes[i].label, size, LABEL_WIDTH);
    b->width = text_width(&s->labels[i], size) * (b->is_root ? 1.1 : 1.03) + 22 + room_x;
    b->height = size + 13 + room_y;
  }
  for (size_t i = 0; i < g->edge_count; i++)
    ties[i] = (cli_tie){g->edges[i].from, g->edges[i].to};
  cli_layout(s->boxes, g->node_count, ties, g->edge_count);
  for (size_t i = 0; i < g->node_count; i++) {
    s->boxes[i].width -= room_x;
    s->boxes[i].height -= room_y;
  }
  free(ties);
}

static bool is_inside(const cli_box *b, point p, double room_x, double room_y) {
  return fabs(p.x - b->x) < b->width / 2 + room_x && fabs(p.y - b->y) < b->height / 2 + room_y;
}

/* ---- curves ---- */

static point curve_at(const curve *c, double t) {
  double a = (1 - t) * (1 - t), b = 2 * t * (1 - t), d = t * t;
  return (point){a * c->from.x + b * c->bend.x + d * c->to.x,
                 a * c->from.y + b * c->bend.y + d * c->to.y};
}

/* Where the way from the middle of a box to p leaves it. */
static point leave(const cli_box *b, point p, double gap) {
  double dx = p.x - b->x, dy = p.y - b->y, x = fabs(dx), y = fabs(dy), part = 1;
  if (x * part > b->width / 2 + gap) part = (b->width / 2 + gap) / x;
  if (y * part > b->height / 2 + gap) part = (b->height / 2 + gap) / y;
  return (point){b->x + dx * part, b->y + dy * part};
}

static curve bent(const svg *s, const cli_graph_edge *e, double bow) {
  const cli_box *a = &s->boxes[e->from], *b = &s->boxes[e->to];
  curve c = {
      .bend = {(a->x + b->x) / 2 - (b->y - a->y) * bow, (a->y + b->y) / 2 + (b->x - a->x) * bow}};
  c.from = leave(a, c.bend, 0);
  c.to = leave(b, c.bend, 3);
  return c;
}

/* How bad it is: boxes that are not its own on its way count most, then its bow. */
static double badness(const svg *s, const cli_graph_edge *e, const curve *c, double bow) {
  double bad = fabs(bow);
  for (int i = 1; i < SAMPLES; i++) {
    point p = curve_at(c, (double)i / SAMPLES);
    for (size_t n = 0; n < s->g->node_count; n++)
      if (n != e->from && n != e->to && is_inside(&s->boxes[n], p, 3, 3)) bad += 1;
  }
  return bad;
}

/* How many edges before this one join the same two nodes. */
static size_t siblings(const cli_graph *g, size_t edge) {
  const cli_graph_edge *e = &g->edges[edge];
  size_t n = 0;
  for (size_t i = 0; i < edge; i++) {
    const cli_graph_edge *o = &g->edges[i];
    n += (o->from == e->from && o->to == e->to) || (o->from == e->to && o->to == e->from);
  }
  return n;
}

static curve loop_of(const svg *s, size_t node) {
  const cli_box *b = &s->boxes[node];
  return (curve){.from = {b->x + b->width / 2 - 18, b->y - b->height / 2},
                 .to = {b->x + b->width / 2 + 2, b->y - 3},
                 .is_loop = true};
}

static curve choose_curve(const svg *s, size_t edge) {
  static const double bows[] = {0.07, -0.07, 0.16, -0.16, 0.28, -0.28, 0.42, -0.42};
  const cli_graph_edge *e = &s->g->edges[edge];
  size_t n = siblings(s->g, edge);
  double least = 1e9;
  curve best = {0};
  if (e->from == e->to) return loop_of(s, e->from);
  if (n > 0) return bent(s, e, 0.16 + 0.12 * (double)(n - 1)); /* each on a way of its own */
  for (size_t i = 0; i < sizeof bows / sizeof bows[0]; i++) {
    curve c = bent(s, e, bows[i]);
    double bad = badness(s, e, &c, bows[i]);
    if (bad >= least) continue;
    least = bad;
    best = c;
  }
  return best;
}

/* ---- names of edges ---- */

static bool is_free(const svg *s, const cli_box *name, size_t edge) {
  for (size_t i = 0; i < s->g->node_count; i++) {
    const cli_box *b = &s->boxes[i];
    if (fabs(b->x - name->x) < (b->width + name->width) / 2 + 2 &&
        fabs(b->y - name->y) < (b->height + name->height) / 2 + 1)
      return false;
  }
  for (size_t i = 0; i < edge; i++) {
    double width;
    if (!s->has_name[i]) continue;
    width = text_width(&s->g->predicates.items[s->g->edges[i].predicate], 11);
    if (fabs(s->names[i].x - name->x) < (width + name->width) / 2 + 2 &&
        fabs(s->names[i].y - name->y) < name->height)
      return false;
  }
  return true;
}

/* On the curve, near its middle, where nothing else stands; else the edge has none. */
static void place_name(svg *s, size_t edge) {
  static const double places[] = {0.5, 0.42, 0.58, 0.34, 0.66, 0.26, 0.74};
  const cli_text *name = &s->g->predicates.items[s->g->edges[edge].predicate];
  cli_box b = {.width = text_width(name, 11), .height = 13};
  if (s->curves[edge].is_loop) return;
  for (size_t i = 0; i < sizeof places / sizeof places[0] && !s->has_name[edge]; i++) {
    point p = curve_at(&s->curves[edge], places[i]);
    b.x = p.x;
    b.y = p.y;
    if (!is_free(s, &b, edge)) continue;
    s->names[edge] = p;
    s->has_name[edge] = true;
  }
}

/* ---- the sheet ---- */

static void cover(svg *s, point p, double room_x, double room_y) {
  if (p.x - room_x < s->left) s->left = p.x - room_x;
  if (p.x + room_x > s->right) s->right = p.x + room_x;
  if (p.y - room_y < s->top) s->top = p.y - room_y;
  if (p.y + room_y > s->bottom) s->bottom = p.y + room_y;
}

/* The upper left corner becomes 0 0. */
static void move_to_sheet(svg *s) {
  double x, y;
  s->left = s->top = 1e15;
  s->right = s->bottom = -1e15;
  for (size_t i = 0; i < s->g->node_count; i++) {
    const cli_box *b = &s->boxes[i];
    cover(s, (point){b->x, b->y}, b->width / 2, b->height / 2);
  }
  for (size_t i = 0; i < s->g->edge_count; i++)
    for (int k = 0; k <= SAMPLES && s->g->edges[i].from != s->g->edges[i].to; k++)
      cover(s, curve_at(&s->curves[i], (double)k / SAMPLES), 4, 4);
  for (size_t i = 0; i < s->g->edge_count; i++)
    if (s->curves[i].is_loop) cover(s, s->curves[i].from, 46, 36);
  if (s->g->node_count == 0) s->left = s->top = s->right = s->bottom = 0;
  x = PADDING - floor(s->left);
  y = PADDING - floor(s->top);
  for (size_t i = 0; i < s->g->node_count; i++) {
    s->boxes[i].x += x;
    s->boxes[i].y += y;
  }
  s->right = ceil(s->right + x) + PADDING;
  s->bottom = ceil(s->bottom + y) + PADDING;
}

/* ---- colours ---- */

typedef struct shade {
  const char *fill, *stroke;
} shade;

static const shade light_nodes[COLOURS] = {
    {"#e3effd", "#3b78c9"}, {"#fdf0d5", "#b9770e"}, {"#e0f5e6", "#2e8b57"}, {"#efe7fb", "#7a4fc0"},
    {"#fde5e9", "#c23b5a"}, {"#dcf4f6", "#17828f"}, {"#f0f4d4", "#71810f"}, {"#e8eaee", "#5b6675"}};
static const shade dark_nodes[COLOURS] = {
    {"#14263d", "#6ea8f0"}, {"#33260c", "#e0a84a"}, {"#10301f", "#63c48c"}, {"#271b40", "#b294ee"},
    {"#3a1620", "#ef8aa2"}, {"#0c2e33", "#58c4d0"}, {"#262b0a", "#b9ca52"}, {"#22262c", "#a3afbd"}};
static const char *const light_edges[COLOURS] = {"#7d8897", "#c2603b", "#2e8b57", "#7a4fc0",
                                                 "#b9770e", "#17828f", "#c23b8a", "#3b78c9"};
static const char *const dark_edges[COLOURS] = {"#8f9bab", "#e58a66", "#63c48c", "#b294ee",
                                                "#e0a84a", "#58c4d0", "#ef8ac4", "#6ea8f0"};

static size_t least_of(size_t a, size_t b) {
  return a < b ? a : b;
}

/* ".c0 rect{fill:…;stroke:…}" and so on; of `dark` what differs from light. */
static void put_colours(svg *s, bool is_dark) {
  const shade *nodes = is_dark ? dark_nodes : light_nodes;
  const char *const *edges = is_dark ? dark_edges : light_edges;
  cli_text *o = s->out;
  cli_text_str(o, is_dark ? ".back{fill:#0d1117}.n text,.l{fill:#e6edf3}.p{stroke:#0d1117}.r "
                            "text{fill:#0d1117}\n"
                          : ".back{fill:#ffffff}.n text,.l{fill:#1f2328}.p{stroke:#ffffff}.r "
                            "text{fill:#ffffff}\n");
  for (size_t i = 0; i < least_of(COLOURS, s->g->collections.count); i++) {
    cli_text_str(o, ".c");
    cli_text_u64(o, i);
    cli_text_str(o, " rect{fill:");
    cli_text_str(o, nodes[i].fill);
    cli_text_str(o, ";stroke:");
    cli_text_str(o, nodes[i].stroke);
    cli_text_str(o, "}.r.c");
    cli_text_u64(o, i);
    cli_text_str(o, " rect{fill:");
    cli_text_str(o, nodes[i].stroke);
    cli_text_str(o, "}\n");
  }
  for (size_t i = 0; i < least_of(COLOURS, s->g->predicates.count); i++) {
    cli_text_str(o, ".e");
    cli_text_u64(o, i);
    cli_text_str(o, "{stroke:");
    cli_text_str(o, edges[i]);
    cli_text_str(o, "}.h");
    cli_text_u64(o, i);
    cli_text_str(o, "{fill:");
    cli_text_str(o, edges[i]);
    cli_text_str(o, "}\n");
  }
}

static void put_style(svg *s) {
  cli_text *o = s->out;
  cli_text_str(o,
               "<style>\n"
               "text{font-family:Helvetica,Arial,'Liberation Sans',sans-serif;font-size:13px}\n"
               ".n text{text-anchor:middle}.n rect{stroke-width:1.2}.r "
               "text{font-size:16px;font-weight:bold}\n"
               ".e{fill:none;stroke-width:1.5;stroke-opacity:.85}.l{font-size:12px}"
               ".p{font-size:11px;text-anchor:middle;paint-order:stroke;stroke-width:4;"
               "stroke-linejoin:round}\n");
  put_colours(s, false);
  cli_text_str(o, "@media (prefers-color-scheme:dark){\n");
  put_colours(s, true);
  cli_text_str(o, "}\n</style>\n<defs>\n");
  for (size_t i = 0; i < least_of(COLOURS, s->g->predicates.count); i++) {
    cli_text_str(o, "<marker id=\"a");
    cli_text_u64(o, i);
    cli_text_str(
        o,
        "\" viewBox=\"0 0 10 8\" refX=\"9\" refY=\"4\" markerWidth=\"10\" "
        "markerHeight=\"8\" markerUnits=\"userSpaceOnUse\" orient=\"auto\"><path class=\"h");
    cli_text_u64(o, i);
    cli_text_str(o, "\" d=\"M0 0L10 4L0 8L2.5 4z\"/></marker>\n");
  }
  cli_text_str(o, "</defs>\n");
}

/* ---- what is drawn ---- */

static void put_title(cli_text *o, const cli_text *a, const char *between, const cli_text *b) {
  cli_text_str(o, "<title>");
  put_escaped(o, a);
  cli_text_str(o, between);
  put_escaped(o, b);
  cli_text_str(o, "</title>");
}

static void put_edge_title(cli_text *o, const cli_graph *g, const cli_graph_edge *e) {
  cli_text_str(o, "<title>");
  put_escaped(o, &g->nodes[e->from].label);
  cli_text_str(o, " \xe2\x80\x94 ");
  put_escaped(o, &g->predicates.items[e->predicate]);
  cli_text_str(o, " \xe2\x86\x92 ");
  put_escaped(o, &g->nodes[e->to].label);
  cli_text_str(o, "</title>");
}

static void put_class(cli_text *o, const char *before, size_t i, const char *behind) {
  cli_text_str(o, before);
  cli_text_u64(o, i % COLOURS);
  cli_text_str(o, behind);
}

static void put_curve(svg *s, size_t edge) {
  const cli_graph_edge *e = &s->g->edges[edge];
  const curve *c = &s->curves[edge];
  cli_text *o = s->out;
  put_class(o, "<path class=\"e e", e->predicate, "\"");
  put_class(o, " marker-end=\"url(#a", e->predicate, ")\" d=\"");
  put_point(o, 'M', c->from);
  if (c->is_loop) {
    put_point(o, 'C', (point){c->from.x + 2, c->from.y - 34});
    put_point(o, ' ', (point){c->to.x + 40, c->to.y - 28});
    put_point(o, ' ', c->to);
  } else {
    put_point(o, 'Q', c->bend);
    put_point(o, ' ', c->to);
  }
  cli_text_str(o, "\">");
  put_edge_title(o, s->g, e);
  cli_text_str(o, "</path>\n");
}

static void put_edge_name(svg *s, size_t edge) {
  const cli_graph_edge *e = &s->g->edges[edge];
  cli_text *o = s->out;
  if (!s->has_name[edge]) return;
  put_class(o, "<text class=\"p h", e->predicate, "\"");
  put_attribute(o, "x", s->names[edge].x);
  put_attribute(o, "y", s->names[edge].y + 4);
  cli_text_byte(o, '>');
  put_escaped(o, &s->g->predicates.items[e->predicate]);
  cli_text_str(o, "</text>\n");
}

static void put_rect(cli_text *o, const cli_box *b) {
  cli_text_str(o, "<rect");
  put_attribute(o, "x", b->x - b->width / 2);
  put_attribute(o, "y", b->y - b->height / 2);
  put_attribute(o, "width", b->width);
  put_attribute(o, "height", b->height);
  put_attribute(o, "rx", b->height / 2 - 3);
  cli_text_str(o, "/>");
}

static void put_node(svg *s, size_t node) {
  const cli_graph_node *n = &s->g->nodes[node];
  const cli_box *b = &s->boxes[node];
  cli_text *o = s->out;
  put_class(o, b->is_root ? "<g class=\"n r c" : "<g class=\"n c", n->collection, "\">");
  put_title(o, &n->label, " \xc2\xb7 ", &n->id);
  put_rect(o, b);
  cli_text_str(o, "<text");
  put_attribute(o, "x", b->x);
  put_attribute(o, "y", b->y + label_size(s, node) * 0.35);
  cli_text_byte(o, '>');
  put_escaped(o, &s->labels[node]);
  cli_text_str(o, "</text></g>\n");
}

/* One entry of the legend; x moves on, and to the next row when this one is full. */
static void put_entry(svg *s, const cli_text *name, size_t i, bool is_edge, point *at) {
  cli_text *o = s->out, text = {0};
  double width;
  put_cut(&text, name, 12, LABEL_WIDTH);
  width = 34 + text_width(&text, 12) * 1.05 + 18;
  if (at->x > PADDING && at->x + width > s->right - PADDING / 2.0) {
    at->x = PADDING;
    at->y += LINE;
  }
  if (is_edge) {
    put_class(o, "<path class=\"e e", i, "\"");
    put_class(o, " marker-end=\"url(#a", i, ")\" d=\"");
    put_point(o, 'M', (point){at->x, at->y});
    put_point(o, 'L', (point){at->x + 26, at->y});
    cli_text_str(o, "\"/>");
  } else {
    cli_box b = {.x = at->x + 13, .y = at->y, .width = 26, .height = 14};
    put_class(o, "<g class=\"n c", i, "\">");
    put_rect(o, &b);
    cli_text_str(o, "</g>");
  }
  cli_text_str(o, "<text class=\"l\"");
  put_attribute(o, "x", at->x + 34);
  put_attribute(o, "y", at->y + 4);
  cli_text_byte(o, '>');
  put_escaped(o, &text);
  cli_text_str(o, "</text>\n");
  at->x += width;
  cli_text_release(&text);
}

/* Below the graph: collections if there are several, predicates unless they stand beside all of
 * their edges. */
static void put_legend(svg *s) {
  const cli_graph *g = s->g;
  point at = {PADDING, s->bottom};
  bool has_all = s->is_labelled;
  for (size_t i = 0; i < g->edge_count; i++)
    has_all &= s->has_name[i];
  for (size_t i = 0; i < g->collections.count && g->collections.count > 1; i++)
    put_entry(s, &g->collections.items[i], i, false, &at);
  for (size_t i = 0; i < g->predicates.count && !has_all; i++)
    put_entry(s, &g->predicates.items[i], i, true, &at);
  if (at.x > PADDING) s->bottom = at.y + LINE;
}

static void put_head(svg *s, cli_text *out) {
  cli_text_str(out, "<svg xmlns=\"http://www.w3.org/2000/svg\" role=\"img\"");
  put_attribute(out, "width", s->right);
  put_attribute(out, "height", s->bottom);
  cli_text_str(out, " viewBox=\"0 0 ");
  put_number(out, s->right);
  cli_text_byte(out, ' ');
  put_number(out, s->bottom);
  cli_text_str(out, "\">\n<title>");
  for (size_t i = 0; i < s->g->node_count && s->g->nodes[i].depth == 0; i++) {
    cli_text_str(out, i > 0 ? ", " : "Around ");
    put_escaped(out, &s->g->nodes[i].label);
  }
  cli_text_str(out, "</title>\n");
}

static void lay_out(svg *s) {
  const cli_graph *g = s->g;
  make_boxes(s);
  for (int i = 0; i < 2; i++) { /* curves tell the size of the sheet, on which they move */
    for (size_t k = 0; k < g->edge_count; k++)
      s->curves[k] = choose_curve(s, k);
    if (i == 0) move_to_sheet(s);
  }
  for (size_t k = 0; k < g->edge_count && s->is_labelled; k++)
    place_name(s, k);
}

static void draw(svg *s) {
  const cli_graph *g = s->g;
  put_style(s);
  cli_text_str(s->out, "<rect class=\"back\" width=\"100%\" height=\"100%\" rx=\"10\"/>\n");
  for (size_t i = 0; i < g->edge_count; i++)
    put_curve(s, i);
  for (size_t i = 0; i < g->node_count; i++)
    put_node(s, i);
  for (size_t i = 0; i < g->edge_count; i++)
    put_edge_name(s, i);
  put_legend(s);
}

void cli_graph_svg(const cli_graph *g, cli_text *out) {
  cli_text body = {0};
  svg s = {.g = g, .out = &body, .is_labelled = g->edge_count <= LABELLED_MAX};
  s.boxes = cli_graph_alloc(g->node_count, sizeof *s.boxes);
  s.labels = cli_graph_alloc(g->node_count, sizeof *s.labels);
  s.curves = cli_graph_alloc(g->edge_count, sizeof *s.curves);
  s.names = cli_graph_alloc(g->edge_count, sizeof *s.names);
  s.has_name = cli_graph_alloc(g->edge_count, sizeof *s.has_name);
  lay_out(&s);
  draw(&s);
  put_head(&s, out);
  cli_text_put(out, body.p, body.len);
  cli_text_str(out, "</svg>\n");
  for (size_t i = 0; i < g->node_count; i++)
    cli_text_release(&s.labels[i]);
  free(s.boxes);
  free(s.labels);
  free(s.curves);
  free(s.names);
  free(s.has_name);
  cli_text_release(&body);
}
