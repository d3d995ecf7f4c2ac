/* test/naive/naive_traverse.c - traverse: all paths that fit, of which the answer is made.
 *
 *   uniqueness edge, none   every way to go, in however many ways it fits: sorted, each once
 *   uniqueness node         the tree: in a step each node is entered once, at its least depth in
 *                           the step, from the path that is least; where a step began is entered
 *                           only when an edge leads there, or when its min is 0
 */
#include <stdlib.h>
#include <string.h>

#include "naive_int.h"

enum { WORK_MAX = 20000, PATHS_MAX = 10000 };

typedef struct traversal {
  const naive_graph *g;
  const naive_query *q;
  naive_routes paths; /* to the ends */
  naive_route now;
  uint32_t work;
  uint32_t reached[NAIVE_STEPS]; /* by node: distinct ends of each step */
  bool is_cut;
} traversal;

static naive_direction direction_of(const naive_step *s) {
  return s->direction == NAIVE_DEFAULT ? NAIVE_FORWARD : s->direction;
}

/* The node that edge i leads to from another one in a step; NAIVE_NONE. */
static int64_t far_of(const traversal *t, const naive_step *s, uint32_t node, uint32_t i) {
  const naive_edge *e = &t->g->edges[i];
  uint32_t far[2];
  if (!naive_takes(e, s) || naive_far(e, node, direction_of(s), far) == 0) return NAIVE_NONE;
  return (t->g->nodes[far[0]].passes >> s->filter & 1) != 0 ? (int64_t)far[0] : NAIVE_NONE;
}

static void push(naive_route *r, uint32_t edge, uint32_t node) {
  r->edges[r->len++] = edge;
  r->nodes[r->len] = node;
}

/* ---- all ways ---- */

static bool is_used(const naive_route *r, uint32_t edge) {
  for (uint32_t i = 0; i < r->len; i++)
    if (r->edges[i] == edge) return true;
  return false;
}

/* The path has come so many hops of a step: it may end the step, and it may go on. */
static void go_on(traversal *t, uint32_t step, uint32_t hops) {
  const naive_step *s = &t->q->steps[step];
  if (t->is_cut) return;
  t->is_cut = ++t->work > WORK_MAX || t->paths.count > PATHS_MAX || t->now.len == NAIVE_LEN_MAX;
  if (hops >= s->min && step + 1 < t->q->step_count) go_on(t, step + 1, 0);
  if (hops >= s->min && step + 1 == t->q->step_count) naive_routes_add(&t->paths, &t->now);
  if (s->max != 0 && hops == s->max) return;
  for (uint32_t i = 0; i < t->g->edge_count; i++) {
    int64_t far = far_of(t, s, t->now.nodes[t->now.len], i);
    if (far < 0 || t->is_cut || (t->q->unique == NAIVE_BY_EDGE && is_used(&t->now, i))) continue;
    push(&t->now, i, (uint32_t)far);
    go_on(t, step, hops + 1);
    t->now.len--;
  }
}

/* Sorted: what fits in several ways is there several times. */
static void make_distinct(naive_routes *r) {
  uint32_t n = 0;
  for (uint32_t i = 0; i < r->count; i++) {
    const naive_route *a = &r->items[i], *b = n > 0 ? &r->items[n - 1] : NULL;
    if (b != NULL && a->len == b->len && a->nodes[0] == b->nodes[0] &&
        memcmp(a->edges, b->edges, a->len * sizeof *a->edges) == 0 &&
        memcmp(a->nodes, b->nodes, (a->len + 1) * sizeof *a->nodes) == 0)
      continue;
    r->items[n++] = *a;
  }
  r->count = n;
}

static void go_all_ways(traversal *t) {
  for (uint32_t i = 0; i < t->g->node_count; i++) {
    bool is_start = false;
    for (uint32_t j = 0; j < t->q->from_count; j++)
      is_start |= strcmp(t->q->from[j], t->g->nodes[i].id) == 0;
    t->now = (naive_route){.nodes = {i}};
    if (is_start) go_on(t, 0, 0);
  }
  naive_routes_sort(&t->paths, t->g, t->q->is_deep ? NAIVE_DEEP : NAIVE_SHORTEST);
  make_distinct(&t->paths);
}

/* ---- the tree ---- */

/* Enter what is one hop from the paths of a level, the least path first. */
static void enter_level(traversal *t, const naive_step *s, const naive_routes *level, bool *entered,
                        naive_routes *next) {
  for (uint32_t i = 0; i < level->count; i++) {
    naive_routes found = {0};
    for (uint32_t j = 0; j < t->g->edge_count; j++) {
      naive_route r = level->items[i];
      int64_t far = far_of(t, s, r.nodes[r.len], j);
      t->is_cut |= r.len == NAIVE_LEN_MAX;
      if (far < 0 || r.len == NAIVE_LEN_MAX) continue;
      push(&r, j, (uint32_t)far);
      naive_routes_add(&found, &r);
    }
    naive_routes_sort(&found, t->g, NAIVE_SHORTEST);
    for (uint32_t j = 0; j < found.count; j++) {
      uint32_t far = found.items[j].nodes[found.items[j].len];
      if (entered[far]) continue;
      entered[far] = true;
      naive_routes_add(next, &found.items[j]);
    }
    free(found.items);
  }
}

static void add_all(naive_routes *to, const naive_routes *from) {
  for (uint32_t i = 0; i < from->count; i++)
    naive_routes_add(to, &from->items[i]);
}

/* The paths to the ends of a step become those to the ends of the next one. */
static void take_step(traversal *t, const naive_step *s) {
  naive_routes ends = {0}, level = {0};
  bool *entered = naive_grow(NULL, t->g->node_count + 1);
  memset(entered, 0, t->g->node_count + 1);
  naive_routes_sort(&t->paths, t->g, NAIVE_SHORTEST);
  add_all(&level, &t->paths);
  for (uint32_t i = 0; i < level.count && s->min == 0; i++)
    entered[level.items[i].nodes[level.items[i].len]] = true;
  if (s->min == 0) add_all(&ends, &level);
  for (uint32_t h = 1; (s->max == 0 || h <= s->max) && level.count > 0; h++) {
    naive_routes next = {0};
    enter_level(t, s, &level, entered, &next);
    if (h >= s->min) add_all(&ends, &next);
    free(level.items);
    level = next;
  }
  free(level.items);
  free(t->paths.items);
  t->paths = ends;
  free(entered);
}

static void grow_tree(traversal *t) {
  for (uint32_t i = 0; i < t->g->node_count; i++) {
    naive_route r = {.nodes = {i}};
    bool is_start = false;
    for (uint32_t j = 0; j < t->q->from_count; j++)
      is_start |= strcmp(t->q->from[j], t->g->nodes[i].id) == 0;
    if (is_start) naive_routes_add(&t->paths, &r);
  }
  for (uint32_t i = 0; i < t->q->step_count; i++) {
    take_step(t, &t->q->steps[i]);
    t->reached[i] = t->paths.count;
  }
  naive_routes_sort(&t->paths, t->g, t->q->is_deep ? NAIVE_DEEP : NAIVE_SHORTEST);
}

/* ---- the answer ---- */

static bool has_cycle(const naive_route *r) {
  for (uint32_t i = 0; i <= r->len; i++)
    for (uint32_t j = 0; j < i; j++)
      if (r->nodes[i] == r->nodes[j]) return true;
  return false;
}

/* Only paths whose end passes, and that come back to where they were if such are wanted. */
static void choose_paths(traversal *t) {
  uint32_t n = 0;
  for (uint32_t i = 0; i < t->paths.count; i++) {
    const naive_route *r = &t->paths.items[i];
    bool passes = (t->g->nodes[r->nodes[r->len]].passes >> t->q->end_filter & 1) != 0;
    if (passes && (!t->q->wants_cycles || has_cycle(r))) t->paths.items[n++] = *r;
  }
  t->paths.count = n;
}

/* The place of each node on the paths, or of each end; UINT32_MAX: it is not there. */
static uint32_t *depths_of(const traversal *t, bool is_of_ends) {
  uint32_t *depth = naive_grow(NULL, (t->g->node_count + 1) * sizeof *depth);
  for (uint32_t i = 0; i < t->g->node_count; i++)
    depth[i] = UINT32_MAX;
  for (uint32_t i = 0; i < t->paths.count; i++) {
    const naive_route *r = &t->paths.items[i];
    for (uint32_t j = is_of_ends ? r->len : 0; j <= r->len; j++)
      if (j < depth[r->nodes[j]]) depth[r->nodes[j]] = j;
  }
  return depth;
}

static void put_node(const traversal *t, uint32_t node, uint32_t depth, naive_answer *out) {
  const naive_node *n = &t->g->nodes[node];
  if (t->q->returns == NAIVE_IDS)
    naive_put(&out->items, "{\"$id\":\"%s\",\"depth\":%u}\n", n->id, depth);
  else if (t->q->has_depth)
    naive_put(&out->items, "%.*s,\"$depth\":%u}\n", (int)strlen(n->text) - 1, n->text, depth);
  else
    naive_put(&out->items, "%s\n", n->text);
}

/* Is it on the page? Counts. */
static bool is_on_page(const naive_query *q, uint32_t *n, uint32_t *given) {
  if ((*n)++ < q->skip || (q->limit > 0 && *given == q->limit)) return false;
  ++*given;
  return true;
}

/* The next node in the order of the answer that is not given yet; UINT32_MAX: there is none. */
static uint32_t next_node(const traversal *t, const uint32_t *depth, const bool *is_done) {
  uint32_t best = UINT32_MAX;
  for (uint32_t i = 0; i < t->paths.count && t->q->is_deep; i++) { /* as the paths come by it */
    const naive_route *r = &t->paths.items[i];
    for (uint32_t j = t->q->returns == NAIVE_NODES ? 0 : r->len; j <= r->len; j++)
      if (!is_done[r->nodes[j]]) return r->nodes[j];
  }
  for (uint32_t i = 0; i < t->g->node_count; i++) {
    if (depth[i] == UINT32_MAX || is_done[i]) continue;
    if (best == UINT32_MAX || (t->q->is_broad && depth[i] < depth[best])) best = i;
  }
  return best;
}

static uint32_t put_nodes(const traversal *t, uint32_t *n, naive_answer *out) {
  uint32_t *depth = depths_of(t, t->q->returns != NAIVE_NODES), given = 0, node;
  bool *is_done = naive_grow(NULL, t->g->node_count + 1);
  memset(is_done, 0, t->g->node_count + 1);
  while ((node = next_node(t, depth, is_done)) != UINT32_MAX) {
    is_done[node] = true;
    if (is_on_page(t->q, n, &given)) put_node(t, node, depth[node], out);
  }
  free(depth);
  free(is_done);
  return given;
}

static uint32_t put_edges(const traversal *t, uint32_t *n, naive_answer *out) {
  uint32_t given = 0;
  for (uint32_t i = 0; i < t->g->edge_count; i++) {
    bool is_there = false;
    for (uint32_t j = 0; j < t->paths.count && !is_there; j++)
      is_there = is_used(&t->paths.items[j], i);
    if (is_there && is_on_page(t->q, n, &given))
      naive_put(&out->items, "%s\n", t->g->edges[i].text);
  }
  return given;
}

static uint32_t put_paths(const traversal *t, uint32_t *n, naive_answer *out) {
  uint32_t given = 0;
  for (uint32_t i = 0; i < t->paths.count; i++) {
    if (!is_on_page(t->q, n, &given)) continue;
    naive_put(&out->items, "{");
    naive_put_route(&out->items, t->g, &t->paths.items[i], false);
    naive_put(&out->items, "}\n");
  }
  return given;
}

static void put_hops(const traversal *t, naive_answer *out) {
  naive_put(&out->summary, "\"hops\":[");
  for (uint32_t i = 0; i < t->q->step_count; i++)
    naive_put(&out->summary, "%s%u", i > 0 ? "," : "", t->reached[i]);
  naive_put(&out->summary, "]\n");
}

void naive_traverse(const naive_graph *g, const naive_query *q, naive_answer *out) {
  traversal *t = naive_grow(NULL, sizeof *t);
  uint32_t n = 0, given;
  *t = (traversal){.g = g, .q = q};
  if (q->unique == NAIVE_BY_NODE)
    grow_tree(t);
  else
    go_all_ways(t);
  choose_paths(t);
  switch (q->returns) {
    case NAIVE_EDGES: given = put_edges(t, &n, out); break;
    case NAIVE_PATHS: given = put_paths(t, &n, out); break;
    case NAIVE_COUNTED: given = t->paths.count; break;
    default: given = put_nodes(t, &n, out);
  }
  out->is_any = t->is_cut;
  naive_put(&out->summary, "\"n\":%u\n", given);
  if (q->returns != NAIVE_COUNTED)
    naive_put(&out->summary, "\"hasMore\":%s\n", n > q->skip + given ? "true" : "false");
  if (q->unique == NAIVE_BY_NODE) put_hops(t, out);
  free(t->paths.items);
  free(t);
}
