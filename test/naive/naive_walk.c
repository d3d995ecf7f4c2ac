/* test/naive/naive_walk.c - related, traverse, subgraph, neighbourhood by loops over all edges. */
#include <stdlib.h>
#include <string.h>

#include "naive_int.h"

enum { PATHS_MAX = 20000, LEN_MAX = 64 };

/* ---- related ---- */

static void put_entity(naive_answer *out, const naive_graph *g, uint32_t node) {
  naive_put(&out->items, "%s\n", g->nodes[node].text);
}

void naive_related(const naive_graph *g, const naive_query *q, naive_answer *out) {
  const naive_step *s = &q->steps[0];
  naive_direction d = s->direction == NAIVE_DEFAULT ? NAIVE_FORWARD : s->direction;
  int64_t from = naive_graph_find(g, q->from[0]);
  uint32_t n = 0;
  for (uint32_t far = 0; far < g->node_count && from >= 0; far++) {
    bool is_end = false;
    for (uint32_t i = 0; i < g->edge_count; i++) {
      const naive_edge *e = &g->edges[i];
      bool leaves = (d & NAIVE_FORWARD) != 0 && e->from == from && e->to == far;
      bool enters = (d & NAIVE_REVERSE) != 0 && e->to == from && e->from == far;
      if ((!leaves && !enters) || !naive_takes(e, s)) continue;
      if ((g->nodes[far].passes >> q->end_filter & 1) == 0) continue;
      is_end = true;
      if (q->wants_edges) {
        naive_put(&out->items, "%s\n", e->text);
        n++;
      }
    }
    if (is_end && !q->wants_edges) {
      put_entity(out, g, far);
      n++;
    }
  }
  out->is_unordered = q->wants_edges;
  naive_put(&out->summary, "\"n\":%u\n", n);
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

/* ---- traverse ---- */

/* Each node that a step enters, once, at its least number of hops; what comes back to where the
 * step began enters it, too. */
typedef struct front {
  bool *is_in;     /* ends of the step before */
  uint32_t *depth; /* of all hops */
} front;

static front front_new(const naive_graph *g) {
  front f = {naive_grow(NULL, g->node_count + 1),
             naive_grow(NULL, (g->node_count + 1) * sizeof *f.depth)};
  memset(f.is_in, 0, g->node_count + 1);
  for (uint32_t i = 0; i <= g->node_count; i++)
    f.depth[i] = UINT32_MAX;
  return f;
}

static void front_free(front *f) {
  free(f->is_in);
  free(f->depth);
}

/* One hop from all of `from`: those not entered yet are `to`. */
static void hop(const naive_graph *g, const naive_step *s, naive_direction d, const front *from,
                const bool *entered, front *to) {
  for (uint32_t i = 0; i < g->edge_count; i++) {
    const naive_edge *e = &g->edges[i];
    if (!naive_takes(e, s)) continue;
    for (int end = 0; end < 2; end++) {
      uint32_t near = end == 0 ? e->from : e->to, far[2];
      int n = from->is_in[near] ? naive_far(e, near, d, far) : 0;
      while (n-- > 0) {
        if (entered[far[n]] || (g->nodes[far[n]].passes >> s->filter & 1) == 0) continue;
        to->is_in[far[n]] = true;
        if (from->depth[near] + 1 < to->depth[far[n]]) to->depth[far[n]] = from->depth[near] + 1;
      }
    }
  }
}

static void take_step(const naive_graph *g, const naive_step *s, front *f) {
  naive_direction d = s->direction == NAIVE_DEFAULT ? NAIVE_FORWARD : s->direction;
  front ends = front_new(g);
  bool *entered = naive_grow(NULL, g->node_count + 1);
  memset(entered, 0, g->node_count + 1);
  for (uint32_t h = 0; h <= (s->max == 0 ? g->node_count : s->max); h++) {
    front next = front_new(g);
    for (uint32_t i = 0; i < g->node_count; i++) {
      if (h < s->min || !f->is_in[i]) continue;
      ends.is_in[i] = true;
      if (f->depth[i] < ends.depth[i]) ends.depth[i] = f->depth[i];
    }
    hop(g, s, d, f, entered, &next);
    for (uint32_t i = 0; i < g->node_count; i++)
      entered[i] |= next.is_in[i];
    front_free(f);
    *f = next;
  }
  front_free(f);
  *f = ends;
  free(entered);
}

/* What is shown of the ends, as they are wanted. */
static void put_end(const naive_graph *g, const naive_query *q, uint32_t node, uint32_t depth,
                    naive_answer *out) {
  const naive_node *n = &g->nodes[node];
  if (q->returns == NAIVE_COUNTED) return;
  if (q->returns == NAIVE_IDS)
    naive_put(&out->items, "{\"$id\":\"%s\",\"depth\":%u}\n", n->id, depth);
  else if (q->has_depth)
    naive_put(&out->items, "%.*s,\"$depth\":%u}\n", (int)strlen(n->text) - 1, n->text, depth);
  else
    naive_put(&out->items, "%s\n", n->text);
}

void naive_traverse(const naive_graph *g, const naive_query *q, naive_answer *out) {
  front f = front_new(g);
  naive_text hops = {0};
  uint32_t n = 0, taken = 0;
  for (uint32_t i = 0; i < q->from_count; i++) {
    int64_t node = naive_graph_find(g, q->from[i]);
    if (node >= 0) f.is_in[node] = true;
    if (node >= 0) f.depth[node] = 0;
  }
  for (uint32_t i = 0; i < q->step_count; i++) {
    uint32_t reached = 0;
    take_step(g, &q->steps[i], &f);
    for (uint32_t j = 0; j < g->node_count; j++)
      reached += f.is_in[j];
    naive_put(&hops, "%s%u", i > 0 ? "," : "", reached);
  }
  for (uint32_t i = 0; i < g->node_count; i++) {
    if (!f.is_in[i] || (g->nodes[i].passes >> q->end_filter & 1) == 0) continue;
    if (n++ < q->skip || (q->limit > 0 && taken == q->limit)) continue;
    taken++;
    put_end(g, q, i, f.depth[i], out);
  }
  if (q->limit == 0 && q->skip == 0) naive_put(&out->summary, "\"hops\":[%s]\n", hops.p);
  naive_put(&out->summary, "\"n\":%u\n", q->returns == NAIVE_COUNTED ? n : taken);
  front_free(&f);
  naive_text_release(&hops);
}
