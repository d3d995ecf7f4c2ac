/* test/naive/naive_embed.c - populate and $graphLookup by loops over all edges. */
#include <stdlib.h>
#include <string.h>

#include "naive_int.h"

/* ---- the order of a sort ---- */

/* What has no number comes first; equal ones in the order of their ids. */
static bool is_before(const naive_graph *g, int sort, uint32_t a, uint32_t b) {
  const naive_node *x = &g->nodes[a], *y = &g->nodes[b];
  bool is_less = x->has_key ? y->has_key && x->key < y->key : y->has_key;
  bool is_more = y->has_key ? x->has_key && y->key < x->key : x->has_key;
  if (sort == 0 || (!is_less && !is_more)) return a < b;
  return sort > 0 ? is_less : is_more;
}

void naive_sort_nodes(const naive_graph *g, int sort, uint32_t *nodes, uint32_t count) {
  for (uint32_t i = 1; i < count; i++) {
    uint32_t node = nodes[i], j = i;
    for (; j > 0 && is_before(g, sort, node, nodes[j - 1]); j--)
      nodes[j] = nodes[j - 1];
    nodes[j] = node;
  }
}

/* ---- populate ---- */

static bool has_name(const naive_embed *e, const char *name) {
  for (uint32_t i = 0; i < e->name_count; i++)
    if (strcmp(e->names[i], name) == 0) return true;
  return false;
}

/* Does the edge lead from `node` to the entities that are embedded? Where to: *far. `way` 0: it
 * leaves, by its predicate; 1: it enters, by what it is called from there. */
static bool leads(const naive_graph *g, const naive_embed *e, const naive_edge *edge, uint32_t node,
                  int way, uint32_t *far) {
  if ((edge->passes >> e->edge_filter & 1) == 0) return false;
  *far = way == 0 ? edge->to : edge->from;
  if ((g->nodes[*far].passes >> e->filter & 1) == 0) return false;
  if (way == 0)
    return edge->from == node && e->direction != NAIVE_REVERSE &&
           has_name(e, g->predicates[edge->predicate]);
  return edge->to == node && e->direction != NAIVE_FORWARD &&
         has_name(e, g->reverses[edge->predicate]);
}

static void put_embedding(const naive_graph *g, const naive_query *q, uint32_t node,
                          uint32_t parent, uint32_t level, naive_text *out);

/* The array of a field. The number of all that there are. */
static uint32_t put_array(const naive_graph *g, const naive_query *q, uint32_t embed, uint32_t node,
                          uint32_t level, naive_text *out) {
  const naive_embed *e = &q->embeds[embed];
  uint32_t *ends = naive_grow(NULL, (g->node_count + 1) * sizeof *ends), n = 0, far;
  for (uint32_t i = 0; i < g->edge_count; i++)
    for (int way = 0; way < 2; way++) {
      uint32_t j = 0;
      if (!leads(g, e, &g->edges[i], node, way, &far)) continue;
      while (j < n && ends[j] != far)
        j++;
      if (j == n) ends[n++] = far;
    }
  naive_sort_nodes(g, e->sort, ends, n);
  naive_put(out, ",\"%s\":[", e->field);
  for (uint32_t i = 0; i < n && (e->limit == 0 || i < e->limit); i++) {
    if (i > 0) naive_put(out, ",");
    put_embedding(g, q, ends[i], embed + 1, level + 1, out);
  }
  naive_put(out, "]");
  free(ends);
  return n;
}

/* An entity with what is embedded in it: the embeds whose parent is `parent` (number + 1; 0: those
 * of the entity that was asked for). */
static void put_embedding(const naive_graph *g, const naive_query *q, uint32_t node,
                          uint32_t parent, uint32_t level, naive_text *out) {
  naive_text counts = {0};
  naive_put(&counts, "%s", "");
  naive_put(out, "{\"$id\":\"%s\"", g->nodes[node].id);
  for (uint32_t i = 0; i < q->embed_count; i++) {
    if (q->embeds[i].parent != parent) continue;
    naive_put(&counts, "%s\"%s\":", counts.len > 0 ? "," : "", q->embeds[i].field);
    naive_put(&counts, "%u", put_array(g, q, i, node, level, out));
  }
  if (counts.len > 0) naive_put(out, ",\"$counts\":{%s}", counts.p);
  naive_put(out, "}");
  naive_text_release(&counts);
}

void naive_populate(const naive_graph *g, const naive_query *q, naive_answer *out) {
  int64_t from = naive_graph_find(g, q->from[0]);
  if (from >= 0) {
    put_embedding(g, q, (uint32_t)from, 0, 0, &out->items);
    naive_put(&out->items, "\n");
  }
  naive_put(&out->summary, "\"n\":%d\n", from >= 0);
}

/* ---- $graphLookup ---- */

/* What is found at depth 0 is the entity itself, if it is in the collection; the search goes on
 * from what is there and passes. */
void naive_lookup(const naive_graph *g, const naive_query *q, naive_answer *out) {
  const naive_step *s = &q->steps[0];
  int64_t from = naive_graph_find(g, q->from[0]);
  uint32_t *depth = naive_grow(NULL, (g->node_count + 1) * sizeof *depth), n = 0;
  for (uint32_t i = 0; i < g->node_count; i++)
    depth[i] = i == from ? 0 : UINT32_MAX;
  for (uint32_t d = 0; d <= g->node_count && d < q->hops_max; d++)
    for (uint32_t i = 0; i < g->edge_count; i++)
      for (int end = 0; end < 2; end++) {
        const naive_edge *e = &g->edges[i];
        uint32_t near = end == 0 ? e->from : e->to, far[2];
        bool goes = depth[near] == d && naive_takes(e, s) &&
                    naive_is_of(q->collection, g->nodes[near].id) &&
                    (g->nodes[near].passes >> s->filter & 1) != 0;
        int count = goes ? naive_far(e, near, s->direction, far) : 0;
        while (count-- > 0)
          if (depth[far[count]] == UINT32_MAX) depth[far[count]] = d + 1;
      }
  if (from >= 0) {
    naive_put(&out->items, "{\"r\":[");
    for (uint32_t i = 0; i < g->node_count; i++) {
      if (depth[i] == UINT32_MAX || !naive_is_of(q->collection, g->nodes[i].id)) continue;
      if ((g->nodes[i].passes >> s->filter & 1) == 0) continue;
      naive_put(&out->items, "%s[\"%s\",%u]", n++ > 0 ? "," : "", g->nodes[i].id, depth[i]);
    }
    naive_put(&out->items, "]}\n");
  }
  free(depth);
}
