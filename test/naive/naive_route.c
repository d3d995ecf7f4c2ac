/* test/naive/naive_route.c - paths: their order, and as text. */
#include <stdlib.h>

#include "naive_int.h"

void naive_routes_add(naive_routes *r, const naive_route *route) {
  if (r->count == r->cap) {
    r->cap = r->cap * 2 + 16;
    r->items = naive_grow(r->items, r->cap * sizeof *r->items);
  }
  r->items[r->count++] = *route;
}

static const naive_graph *sorted; /* qsort has no argument for it */
static naive_order sorted_by;

/* Which of two nodes or predicates is the smaller one. */
static int differ(uint32_t a, uint32_t b) {
  return a == b ? 0 : a < b ? -1 : 1;
}

static int compare_routes(const void *x, const void *y) {
  const naive_route *a = x, *b = y;
  uint32_t n = a->len < b->len ? a->len : b->len;
  int d = 0;
  if (sorted_by == NAIVE_LIGHTEST && a->weight != b->weight) return a->weight < b->weight ? -1 : 1;
  if (sorted_by == NAIVE_SHORTEST && a->len != b->len) return differ(a->len, b->len);
  for (uint32_t i = 0; i <= n && d == 0; i++)
    d = differ(a->nodes[i], b->nodes[i]);
  if (d == 0) d = differ(a->len, b->len);
  for (uint32_t i = 0; i < n && d == 0; i++)
    d = differ(sorted->edges[a->edges[i]].predicate, sorted->edges[b->edges[i]].predicate);
  for (uint32_t i = 0; i < n && d == 0; i++) /* the one that leaves the node nearer to the start */
    d = differ(sorted->edges[a->edges[i]].from != a->nodes[i],
               sorted->edges[b->edges[i]].from != b->nodes[i]);
  return d;
}

void naive_routes_sort(naive_routes *r, const naive_graph *g, naive_order order) {
  sorted = g;
  sorted_by = order;
  if (r->count > 0) qsort(r->items, r->count, sizeof *r->items, compare_routes);
}

void naive_put_route(naive_text *out, const naive_graph *g, const naive_route *r,
                     bool wants_entities) {
  naive_put(out, "\"nodes\":[");
  for (uint32_t i = 0; i <= r->len; i++) {
    const naive_node *node = &g->nodes[r->nodes[i]];
    naive_put(out, wants_entities ? "%s%s" : "%s\"%s\"", i > 0 ? "," : "",
              wants_entities ? node->text : node->id);
  }
  naive_put(out, "],\"edges\":[");
  for (uint32_t i = 0; i < r->len; i++)
    naive_put(out, "%s%s", i > 0 ? "," : "", g->edges[r->edges[i]].text);
  naive_put(out, "]");
}
