/* test/naive/naive_path.c - path, connected: all loopless paths, put into order.
 *
 *   length or weight, then the ids of the nodes from the start on, then the predicates, then
 *   forward before reverse
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "naive_int.h"

enum { WORK_MAX = 20000, BOUND_MORE = 12 };

typedef struct search {
  const naive_graph *g;
  const naive_query *q;
  naive_direction direction;
  uint32_t to;
  uint32_t len_max; /* no longer ones */
  uint32_t work;
  bool is_weighted;
  double bound, away[UINT16_MAX];
  naive_route now;
  bool is_on[UINT16_MAX]; /* nodes of the path */
  naive_routes found;
} search;

/* What an edge costs; false: it is no way. */
static bool cost_of(const search *s, const naive_edge *e, double *cost) {
  *cost = 1;
  if (!s->is_weighted) return true;
  *cost = e->has_weight ? e->weight : s->q->default_weight;
  return e->has_weight || s->q->has_default_weight;
}

/* Of an edge that leads from a node to another one; NAIVE_NONE: none, or not where it may go. */
static int64_t far_of(const search *s, uint32_t node, uint32_t i) {
  uint32_t far[2];
  const naive_step *step = &s->q->steps[0];
  if (!naive_takes(&s->g->edges[i], step)) return NAIVE_NONE;
  if (naive_far(&s->g->edges[i], node, s->direction, far) == 0) return NAIVE_NONE;
  if (far[0] != s->to && (s->g->nodes[far[0]].passes >> step->filter & 1) == 0) return NAIVE_NONE;
  return far[0];
}

/* What each node is away from the target, at least; INFINITY: there is no way. */
static void measure(search *s) {
  bool is_changed = true;
  for (uint32_t i = 0; i < s->g->node_count; i++)
    s->away[i] = i == s->to ? 0 : INFINITY;
  while (is_changed) {
    is_changed = false;
    for (uint32_t i = 0; i < 2 * s->g->edge_count; i++) {
      const naive_edge *e = &s->g->edges[i / 2];
      uint32_t near = i % 2 == 0 ? e->from : e->to;
      int64_t far = far_of(s, near, i / 2);
      double cost;
      if (far < 0 || !cost_of(s, e, &cost) || s->away[far] + cost >= s->away[near]) continue;
      s->away[near] = s->away[far] + cost;
      is_changed = true;
    }
  }
}

/* All loopless paths of no more than the bound. */
static void go_on(search *s) {
  uint32_t node = s->now.nodes[s->now.len];
  if (node == s->to) {
    naive_routes_add(&s->found, &s->now);
    return;
  }
  if (s->now.len == s->len_max) return;
  for (uint32_t i = 0; i < s->g->edge_count && s->work < WORK_MAX; i++) {
    int64_t far = far_of(s, node, i);
    double cost, before = s->now.weight;
    if (far < 0 || s->is_on[far] || !cost_of(s, &s->g->edges[i], &cost)) continue;
    if (before + cost + s->away[far] > s->bound || s->away[far] == INFINITY) continue;
    s->work++;
    s->is_on[far] = true;
    s->now.edges[s->now.len++] = i;
    s->now.nodes[s->now.len] = (uint32_t)far;
    s->now.weight += cost;
    go_on(s);
    s->now.weight = before;
    s->now.len--;
    s->is_on[far] = false;
  }
}

/* Raise the bound until there are enough. Weights are halves. */
static void search_all(search *s, uint32_t from) {
  double step = s->is_weighted ? 0.5 : 1, most = s->away[from] + BOUND_MORE;
  s->now.nodes[0] = from;
  s->is_on[from] = true;
  for (s->bound = s->away[from]; s->work < WORK_MAX; s->bound += step) {
    if (s->bound > most) s->bound = INFINITY;
    s->found.count = 0;
    go_on(s);
    if (s->found.count >= (s->q->wants_all ? 1 : s->q->k) || s->bound == INFINITY) return;
  }
}

/* The fewest hops; UINT32_MAX: there is no way. */
static uint32_t distance(search *s, uint32_t from) {
  const naive_graph *g = s->g;
  uint32_t *depth = naive_grow(NULL, (g->node_count + 1) * sizeof *depth), out;
  for (uint32_t i = 0; i < g->node_count; i++)
    depth[i] = i == from ? 0 : UINT32_MAX;
  for (uint32_t hop = 0; hop < g->node_count; hop++) {
    for (uint32_t i = 0; i < 2 * g->edge_count; i++) {
      const naive_edge *e = &g->edges[i / 2];
      uint32_t near = i % 2 == 0 ? e->from : e->to, far[2];
      double cost;
      int n = naive_takes(e, &s->q->steps[0]) ? naive_far(e, near, s->direction, far) : 0;
      if (depth[near] != hop || n == 0 || !cost_of(s, e, &cost)) continue;
      if (near != from && (g->nodes[near].passes >> s->q->steps[0].filter & 1) == 0) continue;
      if (near != s->to && depth[far[0]] == UINT32_MAX) depth[far[0]] = hop + 1;
    }
  }
  out = depth[s->to];
  free(depth);
  if (s->q->hops_max > 0 && out > s->q->hops_max) out = UINT32_MAX;
  return out;
}

static void put_route(naive_answer *out, const search *s, const naive_route *r) {
  naive_put(&out->items, "{\"length\":%u", r->len);
  if (s->is_weighted) naive_put(&out->items, ",\"weight\":%.1f", r->weight); /* halves */
  naive_put(&out->items, ",");
  naive_put_route(&out->items, s->g, r, s->q->wants_entities);
  naive_put(&out->items, "}\n");
}

static search *search_new(const naive_graph *g, const naive_query *q) {
  search *s = naive_grow(NULL, sizeof *s);
  memset(s, 0, sizeof *s);
  s->g = g;
  s->q = q;
  s->direction = q->steps[0].direction == NAIVE_DEFAULT ? NAIVE_FORWARD : q->steps[0].direction;
  s->is_weighted = q->has_weight;
  return s;
}

static void search_free(search *s) {
  free(s->found.items);
  free(s);
}

/* How many of the found ones, in order, are the answer. */
static uint32_t answer_count(const search *s) {
  const naive_query *q = s->q;
  uint32_t n = 0;
  const naive_route *found = s->found.items;
  if (!q->wants_all) return s->found.count < q->k ? s->found.count : q->k;
  while (n < s->found.count && (q->limit == 0 || n < q->limit) &&
         (s->is_weighted ? found[n].weight == found[0].weight : found[n].len == found[0].len))
    n++;
  return n;
}

void naive_path(const naive_graph *g, const naive_query *q, naive_answer *out) {
  search *s = search_new(g, q);
  int64_t from = naive_graph_find(g, q->from[0]), to = naive_graph_find(g, q->to);
  uint32_t n = 0;
  if (from >= 0 && to >= 0) {
    s->to = (uint32_t)to;
    s->len_max = q->hops_max > 0 && q->hops_max < NAIVE_LEN_MAX ? q->hops_max : NAIVE_LEN_MAX;
    measure(s);
    if (s->away[from] < INFINITY) search_all(s, (uint32_t)from);
    naive_routes_sort(&s->found, g, s->is_weighted ? NAIVE_LIGHTEST : NAIVE_SHORTEST);
    n = answer_count(s);
    for (uint32_t i = 0; i < n; i++)
      put_route(out, s, &s->found.items[i]);
  }
  out->is_any = s->work >= WORK_MAX;
  naive_put(&out->summary, "\"n\":%u\n", n);
  if (n > 0)
    naive_put(&out->summary, "\"length\":%u\n", s->found.items[0].len);
  else
    naive_put(&out->summary, "\"length\":null\n");
  search_free(s);
}

void naive_connected(const naive_graph *g, const naive_query *q, naive_answer *out) {
  search *s = search_new(g, q);
  int64_t from = naive_graph_find(g, q->from[0]), to = naive_graph_find(g, q->to);
  uint32_t n = UINT32_MAX;
  if (from >= 0 && to >= 0) {
    s->to = (uint32_t)to;
    n = distance(s, (uint32_t)from);
  }
  if (n == UINT32_MAX)
    naive_put(&out->summary, "\"connected\":false\n\"distance\":null\n");
  else
    naive_put(&out->summary, "\"connected\":true\n\"distance\":%u\n", n);
  search_free(s);
}
