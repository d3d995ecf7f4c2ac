/* test/naive/naive_graph.c - nodes, edges, text. See naive_graph.h. */
#include "naive_graph.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "naive_int.h"

void *naive_grow(void *p, size_t size) {
  p = realloc(p, size);
  if (p == NULL) {
    fputs("out of memory\n", stderr);
    exit(2);
  }
  return p;
}

/* ---- text ---- */

void naive_put(naive_text *t, const char *format, ...) {
  va_list args, again;
  int n;
  va_start(args, format);
  va_copy(again, args);
  n = vsnprintf(NULL, 0, format, args);
  va_end(args);
  if (t->len + (size_t)n + 1 > t->cap) {
    t->cap = (t->len + (size_t)n + 1) * 2;
    t->p = naive_grow(t->p, t->cap);
  }
  vsnprintf(t->p + t->len, (size_t)n + 1, format, again);
  va_end(again);
  t->len += (size_t)n;
}

void naive_text_release(naive_text *t) {
  free(t->p);
  *t = (naive_text){0};
}

static int compare_lines(const void *a, const void *b) {
  return strcmp(*(char *const *)a, *(char *const *)b);
}

void naive_text_sort(naive_text *t) {
  naive_text sorted = {0};
  uint32_t n = 0;
  char **lines, *line;
  for (size_t i = 0; i < t->len; i++)
    n += t->p[i] == '\n';
  if (n == 0) return;
  lines = naive_grow(NULL, n * sizeof *lines);
  line = t->p;
  for (uint32_t i = 0; i < n; i++) {
    char *end = strchr(line, '\n');
    *end = '\0';
    lines[i] = line;
    line = end + 1;
  }
  qsort(lines, n, sizeof *lines, compare_lines);
  for (uint32_t i = 0; i < n; i++)
    naive_put(&sorted, "%s\n", lines[i]);
  free(lines);
  naive_text_release(t);
  *t = sorted;
}

/* ---- the graph ---- */

void naive_graph_release(naive_graph *g) {
  for (uint32_t i = 0; i < g->node_count; i++) {
    free(g->nodes[i].id);
    free(g->nodes[i].text);
  }
  for (uint32_t i = 0; i < g->edge_count; i++)
    free(g->edges[i].text);
  free(g->nodes);
  free(g->edges);
  *g = (naive_graph){0};
}

char *naive_copy(const char *text) {
  size_t n = strlen(text) + 1;
  return memcpy(naive_grow(NULL, n), text, n);
}

naive_node *naive_graph_node(naive_graph *g, const char *id, char *text) {
  if (g->node_count == g->node_cap) {
    g->node_cap = g->node_cap * 2 + 64;
    g->nodes = naive_grow(g->nodes, g->node_cap * sizeof *g->nodes);
  }
  g->nodes[g->node_count] = (naive_node){.id = naive_copy(id), .text = text, .passes = 1};
  return &g->nodes[g->node_count++];
}

naive_edge *naive_graph_edge(naive_graph *g, uint32_t from, uint32_t predicate, uint32_t to,
                             char *text) {
  if (g->edge_count == g->edge_cap) {
    g->edge_cap = g->edge_cap * 2 + 64;
    g->edges = naive_grow(g->edges, g->edge_cap * sizeof *g->edges);
  }
  g->edges[g->edge_count] = (naive_edge){from, predicate, to, text, .passes = 1};
  return &g->edges[g->edge_count++];
}

static int compare_nodes(const void *a, const void *b) {
  return strcmp(((const naive_node *)a)->id, ((const naive_node *)b)->id);
}

static int compare_edges(const void *a, const void *b) {
  const naive_edge *x = a, *y = b;
  if (x->from != y->from) return x->from < y->from ? -1 : 1;
  if (x->predicate != y->predicate) return x->predicate < y->predicate ? -1 : 1;
  return x->to == y->to ? 0 : x->to < y->to ? -1 : 1;
}

void naive_graph_sort(naive_graph *g) {
  if (g->edge_count == 0 && g->node_count > 0)
    qsort(g->nodes, g->node_count, sizeof *g->nodes, compare_nodes);
  if (g->edge_count > 0) qsort(g->edges, g->edge_count, sizeof *g->edges, compare_edges);
}

int64_t naive_graph_find(const naive_graph *g, const char *id) {
  for (uint32_t i = 0; i < g->node_count; i++)
    if (strcmp(g->nodes[i].id, id) == 0) return i;
  return NAIVE_NONE;
}

/* ---- steps ---- */

bool naive_is_of(const char *collection, const char *id) {
  size_t n = strlen(collection);
  return n == 0 || (strncmp(id, collection, n) == 0 && id[n] == '/');
}

bool naive_takes(const naive_edge *e, const naive_step *s) {
  return (s->predicates == 0 || (s->predicates >> e->predicate & 1) != 0) &&
         (e->passes >> s->edge_filter & 1) != 0;
}

int naive_far(const naive_edge *e, uint32_t node, naive_direction d, uint32_t far[2]) {
  int n = 0;
  if ((d & NAIVE_FORWARD) != 0 && e->from == node) far[n++] = e->to;
  if ((d & NAIVE_REVERSE) != 0 && e->to == node) far[n++] = e->from;
  return n;
}

/* ---- answers ---- */

void naive_answer_release(naive_answer *a) {
  naive_text_release(&a->items);
  naive_text_release(&a->summary);
  *a = (naive_answer){0};
}

void naive_query_release(naive_query *q) {
  for (int i = 0; i < NAIVE_SOURCES; i++)
    free(q->from[i]);
  for (int i = 0; i < NAIVE_FILTERS; i++)
    free(q->filters[i]);
  free(q->to);
  *q = (naive_query){0};
}

void naive_answer_of(const naive_graph *g, const naive_query *q, naive_answer *out) {
  *out = (naive_answer){0};
  naive_put(&out->items, "%s", "");
  naive_put(&out->summary, "%s", "");
  switch (q->kind) {
    case NAIVE_RELATED: naive_related(g, q, out); break;
    case NAIVE_TRAVERSE: naive_traverse(g, q, out); break;
    case NAIVE_SUBGRAPH: naive_subgraph(g, q, out); break;
    case NAIVE_NEIGHBOURHOOD: naive_neighbourhood(g, q, out); break;
    case NAIVE_PATH: naive_path(g, q, out); break;
    case NAIVE_CONNECTED: naive_connected(g, q, out); break;
    case NAIVE_MATCH: naive_match(g, q, out); break;
    case NAIVE_POPULATE: naive_populate(g, q, out); break;
    case NAIVE_LOOKUP: naive_lookup(g, q, out); break;
    default: naive_whole(g, q, out); break;
  }
}

/* ---- comparing ---- */

/* The next line of both; false when either has none. */
static bool next_line(const char **at, const char **line, size_t *n) {
  const char *end = strchr(*at, '\n');
  if (end == NULL) return false;
  *line = *at;
  *n = (size_t)(end - *at);
  *at = end + 1;
  return true;
}

/* Are two lines equal, but for their "value"? */
static bool is_same(const naive_answer *want, const char *a, size_t a_len, const char *b,
                    size_t b_len) {
  static const char name[] = "\"value\":";
  const char *x = strstr(a, name), *y = strstr(b, name);
  double d;
  if (!want->is_rounded || x == NULL || y == NULL || x >= a + a_len || y >= b + b_len)
    return a_len == b_len && memcmp(a, b, a_len) == 0;
  if (x - a != y - b || memcmp(a, b, (size_t)(x - a)) != 0) return false;
  d = strtod(x + sizeof name - 1, NULL) - strtod(y + sizeof name - 1, NULL);
  return d < 1e-9 && d > -1e-9;
}

char *naive_answer_compare(naive_answer *want, const char *items) {
  naive_text got = {0}, out = {0};
  const char *a, *b, *x, *y;
  size_t a_len, b_len;
  uint32_t n = 0;
  bool has_a, has_b;
  if (want->is_any) return NULL;
  naive_put(&got, "%s", items);
  if (want->is_unordered || want->is_rounded) {
    naive_text_sort(&got);
    naive_text_sort(&want->items);
  }
  x = want->items.p;
  y = got.p;
  for (;; n++) {
    has_a = next_line(&x, &a, &a_len);
    has_b = next_line(&y, &b, &b_len);
    if (!has_a || !has_b || !is_same(want, a, a_len, b, b_len)) break;
  }
  if (has_a || has_b)
    naive_put(&out, "item %u\n  expected %.*s\n  got      %.*s\nall that is expected:\n%s", n,
              has_a ? (int)a_len : 7, has_a ? a : "nothing", has_b ? (int)b_len : 7,
              has_b ? b : "nothing", want->items.p);
  naive_text_release(&got);
  return out.p;
}
