/* test/naive/naive_whole.c - degree, pageRank, components, triangles, communities, kCore: a value
 * for each node that has an edge of the predicates, by loops over all edges.
 */
#include <stdlib.h>
#include <string.h>

#include "naive_int.h"

typedef struct whole {
  const naive_graph *g;
  const naive_query *q;
  naive_direction direction;
  bool *is_in;     /* nodes with an edge */
  bool *joined;    /* [node_count][node_count]: is there an edge between them, either way? */
  double *value;   /* degree, pageRank, triangles, kCore */
  uint32_t *label; /* components, communities: nodes */
  uint32_t nodes, edges;
  uint64_t triangles; /* three times as many */
} whole;

static bool takes(const whole *w, uint32_t edge) {
  return naive_takes(&w->g->edges[edge], &w->q->steps[0]);
}

static bool are_joined(const whole *w, uint32_t a, uint32_t b) {
  return w->joined[(size_t)a * w->g->node_count + b];
}

static void join(whole *w) {
  size_t n = w->g->node_count;
  w->joined = naive_grow(NULL, n * n + 1);
  memset(w->joined, 0, n * n);
  for (uint32_t i = 0; i < w->g->edge_count; i++) {
    const naive_edge *e = &w->g->edges[i];
    if (takes(w, i)) w->joined[e->from * n + e->to] = w->joined[e->to * n + e->from] = true;
  }
}

static void degree(whole *w) {
  for (uint32_t i = 0; i < w->g->edge_count; i++) {
    if (!takes(w, i)) continue;
    w->value[w->g->edges[i].from] += (w->direction & NAIVE_FORWARD) != 0;
    w->value[w->g->edges[i].to] += (w->direction & NAIVE_REVERSE) != 0;
  }
}

/* How many edges lead away from a node. */
static uint32_t ways_from(const whole *w, uint32_t node) {
  uint32_t n = 0;
  for (uint32_t i = 0; i < w->g->edge_count; i++) {
    const naive_edge *e = &w->g->edges[i];
    uint32_t far[2];
    if (takes(w, i)) n += (uint32_t)naive_far(e, node, w->direction, far);
  }
  return n;
}

static void page_rank(whole *w) {
  const naive_graph *g = w->g;
  double d = w->q->damping, change = 1,
         *next = naive_grow(NULL, (g->node_count + 1) * sizeof *next);
  for (uint32_t i = 0; i < g->node_count; i++)
    w->value[i] = 1.0 / (w->nodes > 0 ? w->nodes : 1);
  for (uint32_t round = 0; round < w->q->iterations && change >= 1e-6; round++) {
    double lost = 0;
    for (uint32_t i = 0; i < g->node_count; i++) {
      next[i] = 0;
      if (w->is_in[i] && ways_from(w, i) == 0) lost += w->value[i];
    }
    for (uint32_t near = 0; near < g->node_count; near++) {
      uint32_t ways = w->is_in[near] ? ways_from(w, near) : 0, far[2];
      for (uint32_t i = 0; i < g->edge_count && ways > 0; i++) {
        int n = takes(w, i) ? naive_far(&g->edges[i], near, w->direction, far) : 0;
        while (n-- > 0)
          next[far[n]] += w->value[near] / ways;
      }
    }
    change = 0;
    for (uint32_t i = 0; i < g->node_count; i++) {
      double value = (1 - d) / w->nodes + d * (next[i] + lost / w->nodes);
      if (!w->is_in[i]) continue;
      change += value > w->value[i] ? value - w->value[i] : w->value[i] - value;
      w->value[i] = value;
    }
  }
  free(next);
}

static void components(whole *w) {
  bool is_changed = true;
  while (is_changed) {
    is_changed = false;
    for (uint32_t i = 0; i < w->g->edge_count; i++) {
      uint32_t *a = &w->label[w->g->edges[i].from], *b = &w->label[w->g->edges[i].to];
      if (!takes(w, i) || *a == *b) continue;
      *a = *b = *a < *b ? *a : *b;
      is_changed = true;
    }
  }
}

static void triangles(whole *w) {
  uint32_t n = w->g->node_count;
  for (uint32_t a = 0; a < n; a++)
    for (uint32_t b = 0; b < n; b++)
      for (uint32_t c = b + 1; c < n && a != b && are_joined(w, a, b); c++)
        w->value[a] += a != c && are_joined(w, a, c) && are_joined(w, b, c);
  for (uint32_t a = 0; a < n; a++)
    w->triangles += (uint64_t)w->value[a];
}

/* Each takes the label that most of its neighbours have, all at once. */
static void communities(whole *w) {
  uint32_t n = w->g->node_count;
  uint32_t *next = naive_grow(NULL, (n + 1) * sizeof *next);
  uint32_t *votes = naive_grow(NULL, (n + 1) * sizeof *votes);
  for (uint32_t round = 0; round < w->q->iterations; round++) {
    for (uint32_t node = 0; node < n; node++) {
      uint32_t best = w->label[node], most = 0;
      memset(votes, 0, n * sizeof *votes);
      for (uint32_t b = 0; b < n; b++)
        if (b != node && are_joined(w, node, b)) votes[w->label[b]]++;
      for (uint32_t label = 0; label < n; label++)
        if (votes[label] > most) {
          most = votes[label];
          best = label;
        }
      next[node] = best;
    }
    memcpy(w->label, next, n * sizeof *next);
  }
  free(next);
  free(votes);
}

/* The largest k for which all the others of at least k neighbours stay. */
static void k_core(whole *w) {
  uint32_t n = w->g->node_count, left = n;
  bool *stays = naive_grow(NULL, n + 1);
  for (uint32_t k = 1; left > 0 && k <= n + 1; k++) {
    bool is_changed = true;
    for (uint32_t i = 0; i < n; i++)
      stays[i] = k == 1 || w->value[i] == k - 1;
    while (is_changed) {
      is_changed = false;
      for (uint32_t i = 0; i < n; i++) {
        uint32_t others = 0;
        for (uint32_t j = 0; j < n && stays[i]; j++)
          others += j != i && stays[j] && are_joined(w, i, j);
        if (!stays[i] || others >= k) continue;
        stays[i] = false;
        is_changed = true;
      }
    }
    left = 0;
    for (uint32_t i = 0; i < n; i++) {
      if (stays[i]) w->value[i] = k;
      left += stays[i];
    }
  }
  free(stays);
}

/* ---- items ---- */

static bool has_label(const whole *w) {
  return w->q->kind == NAIVE_COMPONENTS || w->q->kind == NAIVE_COMMUNITIES;
}

static const whole *sorted; /* qsort has no argument for it */

/* By value from above, labels from below?, then by id. */
static int compare_items(const void *x, const void *y) {
  uint32_t a = *(const uint32_t *)x, b = *(const uint32_t *)y;
  if (!sorted->q->by_id && has_label(sorted) && sorted->label[a] != sorted->label[b])
    return sorted->label[a] > sorted->label[b] ? -1 : 1;
  if (!sorted->q->by_id && !has_label(sorted) && sorted->value[a] != sorted->value[b])
    return sorted->value[a] > sorted->value[b] ? -1 : 1;
  return a == b ? 0 : a < b ? -1 : 1;
}

static void put_item(const whole *w, uint32_t node, naive_answer *out) {
  const naive_graph *g = w->g;
  naive_put(&out->items, "{\"$id\":\"%s\",\"value\":", g->nodes[node].id);
  if (has_label(w))
    naive_put(&out->items, "\"%s\"}\n", g->nodes[w->label[node]].id);
  else
    naive_put(&out->items, "%.17g}\n", w->value[node]);
}

static void put_items(const whole *w, naive_answer *out) {
  const naive_query *q = w->q;
  uint32_t *order = naive_grow(NULL, (w->g->node_count + 1) * sizeof *order), count = 0, n = 0;
  for (uint32_t i = 0; i < w->g->node_count; i++)
    if (w->is_in[i] && naive_is_of(q->collection, w->g->nodes[i].id)) order[count++] = i;
  sorted = w;
  if (count > 0) qsort(order, count, sizeof *order, compare_items);
  for (uint32_t i = q->skip; i < count && (q->limit == 0 || n < q->limit); i++, n++)
    put_item(w, order[i], out);
  free(order);
  naive_put(&out->summary, "\"n\":%u\n\"nodes\":%u\n\"edges\":%u\n", n, w->nodes, w->edges);
}

static void put_summary(const whole *w, naive_answer *out) {
  double core = 0;
  uint32_t labels = 0;
  for (uint32_t i = 0; i < w->g->node_count; i++) {
    bool is_used = false;
    for (uint32_t j = 0; j < w->g->node_count; j++)
      is_used |= w->is_in[j] && w->label[j] == i;
    labels += is_used;
  }
  for (uint32_t i = 0; i < w->g->node_count; i++)
    if (w->is_in[i] && w->value[i] > core) core = w->value[i];
  if (w->q->kind == NAIVE_COMPONENTS || w->q->kind == NAIVE_COMMUNITIES)
    naive_put(&out->summary, "\"%s\":%u\n",
              w->q->kind == NAIVE_COMPONENTS ? "components" : "communities", labels);
  if (w->q->kind == NAIVE_TRIANGLES)
    naive_put(&out->summary, "\"triangles\":%llu\n", (unsigned long long)(w->triangles / 3));
  if (w->q->kind == NAIVE_K_CORE) naive_put(&out->summary, "\"maxCore\":%u\n", (unsigned)core);
}

static void prepare(whole *w) {
  const naive_graph *g = w->g;
  w->direction =
      w->q->steps[0].direction == NAIVE_DEFAULT ? NAIVE_FORWARD : w->q->steps[0].direction;
  w->is_in = naive_grow(NULL, g->node_count + 1);
  w->value = naive_grow(NULL, (g->node_count + 1) * sizeof *w->value);
  w->label = naive_grow(NULL, (g->node_count + 1) * sizeof *w->label);
  for (uint32_t i = 0; i < g->node_count; i++) {
    w->is_in[i] = false;
    w->value[i] = 0;
    w->label[i] = i;
  }
  for (uint32_t i = 0; i < g->edge_count; i++) {
    if (!takes(w, i)) continue;
    w->is_in[g->edges[i].from] = w->is_in[g->edges[i].to] = true;
    w->edges++;
  }
  for (uint32_t i = 0; i < g->node_count; i++)
    w->nodes += w->is_in[i];
  join(w);
}

void naive_whole(const naive_graph *g, const naive_query *q, naive_answer *out) {
  whole w = {.g = g, .q = q};
  prepare(&w);
  switch (q->kind) {
    case NAIVE_DEGREE: degree(&w); break;
    case NAIVE_PAGE_RANK: page_rank(&w); break;
    case NAIVE_COMPONENTS: components(&w); break;
    case NAIVE_TRIANGLES: triangles(&w); break;
    case NAIVE_COMMUNITIES: communities(&w); break;
    default: k_core(&w);
  }
  out->is_rounded = q->kind == NAIVE_PAGE_RANK;
  put_items(&w, out);
  put_summary(&w, out);
  free(w.is_in);
  free(w.joined);
  free(w.value);
  free(w.label);
}
