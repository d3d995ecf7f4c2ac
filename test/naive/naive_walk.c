/* test/naive/naive_walk.c - related, subgraph, neighbourhood by loops over all edges. */
#include <stdlib.h>

#include "naive_int.h"

/* ---- related ---- */

/* Is the edge sure enough, and of the kind asked for? */
static bool is_sure(const naive_edge *e, const naive_query *q) {
  if (q->is_exact || q->is_only_fuzzy) return e->is_fuzzy == q->is_only_fuzzy;
  return !q->has_min || !e->is_fuzzy || e->confidence >= q->confidence_min;
}

/* The item number i of `of`, if it is on the page. */
static bool is_on_page(const naive_query *q, uint32_t i) {
  return i >= q->skip && (q->limit == 0 || i - q->skip < q->limit);
}

/* The edges between the nodes, those that leave first. */
static uint32_t put_edges(const naive_graph *g, const naive_query *q, uint32_t from, uint32_t far,
                          uint32_t n, naive_answer *out) {
  const naive_step *s = &q->steps[0];
  naive_direction d = s->direction == NAIVE_DEFAULT ? NAIVE_FORWARD : s->direction;
  for (uint32_t i = 0; i < 2 * g->edge_count; i++) {
    const naive_edge *e = &g->edges[i % g->edge_count];
    bool is_in = i >= g->edge_count;
    bool leaves = (d & NAIVE_FORWARD) != 0 && e->from == from && e->to == far;
    bool enters = (d & NAIVE_REVERSE) != 0 && e->to == from && e->from == far;
    if ((is_in ? leaves || !enters : !leaves) || !naive_takes(e, s) || !is_sure(e, q)) continue;
    if (out != NULL && is_on_page(q, n)) naive_put(&out->items, "%s\n", e->text);
    n++;
  }
  return n;
}

void naive_related(const naive_graph *g, const naive_query *q, naive_answer *out) {
  int64_t from = naive_graph_find(g, q->from[0]);
  uint32_t *ends = naive_grow(NULL, (g->node_count + 1) * sizeof *ends), count = 0, n = 0;
  for (uint32_t far = 0; far < g->node_count && from >= 0; far++)
    if ((g->nodes[far].passes >> q->end_filter & 1) != 0 &&
        put_edges(g, q, (uint32_t)from, far, 0, NULL) > 0)
      ends[count++] = far;
  naive_sort_nodes(g, q->sort, ends, count);
  for (uint32_t i = 0; i < count; i++) {
    if (q->wants_edges) {
      n = put_edges(g, q, (uint32_t)from, ends[i], n, out);
      continue;
    }
    if (is_on_page(q, n)) naive_put(&out->items, "%s\n", g->nodes[ends[i]].text);
    n++;
  }
  free(ends);
  count = n < q->skip ? 0 : n - q->skip;
  if (q->limit > 0 && count > q->limit) count = q->limit;
  naive_put(&out->summary, "\"n\":%u\n", count);
  naive_put(&out->summary, "\"hasMore\":%s\n",
            n > q->skip && q->skip + count < n ? "true" : "false");
}

/* ---- breadth first ---- */

/* The least number of hops of each node from the sources: UINT32_MAX where there is no way. Nodes
 * on the way must pass. */
static uint32_t *depths_of(const naive_graph *g, const naive_query *q, naive_direction d,
                           uint32_t hops_max) {
  uint32_t *depth = naive_grow(NULL, (g->node_count + 1) * sizeof *depth);
  const naive_step *s = &q->steps[0];
  for (uint32_t i = 0; i < g->node_count; i++)
    depth[i] = UINT32_MAX;
  for (uint32_t i = 0; i < q->from_count; i++) {
    int64_t node = naive_graph_find(g, q->from[i]);
    if (node >= 0) depth[node] = 0;
  }
  for (uint32_t hop = 0; hop < hops_max && hop <= g->node_count; hop++) {
    for (uint32_t i = 0; i < g->edge_count; i++) {
      const naive_edge *e = &g->edges[i];
      uint32_t far[2];
      if (!naive_takes(e, s)) continue;
      for (int end = 0; end < 2; end++) {
        uint32_t near = end == 0 ? e->from : e->to;
        int n = depth[near] == hop ? naive_far(e, near, d, far) : 0;
        while (n-- > 0)
          if (depth[far[n]] == UINT32_MAX && (g->nodes[far[n]].passes >> s->filter & 1) != 0)
            depth[far[n]] = hop + 1;
      }
    }
  }
  return depth;
}

static naive_direction direction_of(const naive_query *q, naive_direction otherwise) {
  naive_direction d = q->steps[0].direction;
  return d == NAIVE_DEFAULT ? otherwise : d;
}

void naive_subgraph(const naive_graph *g, const naive_query *q, naive_answer *out) {
  uint32_t *depth = depths_of(g, q, direction_of(q, NAIVE_BOTH), q->hops_max);
  uint32_t nodes = 0, edges = 0;
  bool has_more = false;
  for (uint32_t d = 0; d <= q->hops_max; d++) {
    for (uint32_t i = 0; i < g->node_count; i++) {
      if (depth[i] != d) continue;
      if (nodes == q->nodes_max) {
        has_more = true;
        depth[i] = UINT32_MAX;
        continue;
      }
      nodes++;
      naive_put(&out->items, "{\"node\":%s,\"depth\":%u}\n", g->nodes[i].text, d);
    }
  }
  for (uint32_t i = 0; i < g->edge_count; i++) {
    const naive_edge *e = &g->edges[i];
    if (depth[e->from] == UINT32_MAX || depth[e->to] == UINT32_MAX) continue;
    if (!naive_takes(e, &q->steps[0])) continue;
    edges++;
    naive_put(&out->items, "{\"edge\":%s}\n", e->text);
  }
  naive_put(&out->summary, "\"nodes\":%u\n\"edges\":%u\n\"hasMore\":%s\n", nodes, edges,
            has_more ? "true" : "false");
  free(depth);
}

void naive_neighbourhood(const naive_graph *g, const naive_query *q, naive_answer *out) {
  uint32_t *depth = depths_of(g, q, direction_of(q, NAIVE_BOTH), q->hops_max);
  uint32_t nodes = 0, edges = 0;
  naive_put(&out->summary, "\"counts\":[");
  for (uint32_t d = 0; d <= q->hops_max; d++) {
    uint32_t n = 0;
    for (uint32_t i = 0; i < g->node_count; i++)
      n += depth[i] == d;
    if (n == 0) break;
    naive_put(&out->summary, d > 0 ? ",%u" : "%u", n);
    nodes += n;
  }
  for (uint32_t i = 0; i < g->edge_count; i++) {
    const naive_edge *e = &g->edges[i];
    edges +=
        depth[e->from] != UINT32_MAX && depth[e->to] != UINT32_MAX && naive_takes(e, &q->steps[0]);
  }
  naive_put(&out->summary, "]\n\"edges\":%u\n\"n\":%u\n", edges, nodes);
  free(depth);
}
