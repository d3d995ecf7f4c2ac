/* Unit tests of graph/'s searches on random graphs, against code that tries every path: sets and
 * trees of journeys, trails, shortest and lightest paths, the k best; and all of it with failing
 * allocations. */
#include <math.h>

#include "graph/routes.h"
#include "graph/spread.h"
#include "graph/tree.h"
#include "graph/walks.h"
#include "unit.h"

enum { NODES_MAX = 9, EDGES_MAX = 24, FOUND_MAX = 4096, LEN_MAX = 8 };

static uint64_t state;

static uint32_t below(uint32_t n) {
  state = state * 6364136223846793005u + 1442695040888963407u;
  return (uint32_t)(state >> 33) % n;
}

/* ---- a graph twice: as pq_graph, and as a list ---- */

typedef struct naive_edge {
  uint32_t from, to, weight;
  char predicate;
} naive_edge;

typedef struct world {
  pq_cx cx;
  pq_arena arena;
  pq_graph *graph;
  naive_edge edges[EDGES_MAX];
  uint32_t edge_count, node_count;
  double *weights; /* by number of edge */
} world;

static const char *const ids[NODES_MAX] = {"t/h", "t/b", "t/z", "t/a", "t/m",
                                           "t/c", "t/y", "t/k", "t/d"};
static const char *const predicates[2] = {"p", "q"};

static bool has(const world *w, naive_edge e) {
  for (uint32_t i = 0; i < w->edge_count; i++)
    if (w->edges[i].from == e.from && w->edges[i].to == e.to &&
        w->edges[i].predicate == e.predicate)
      return true;
  return false;
}

static void draw(world *w) {
  uint32_t wanted = 1 + below(EDGES_MAX);
  w->node_count = 2 + below(NODES_MAX - 1);
  w->edge_count = 0;
  for (uint32_t i = 0; i < wanted; i++) {
    naive_edge e = {below(w->node_count), below(w->node_count), below(4), (char)below(2)};
    if (!has(w, e)) w->edges[w->edge_count++] = e;
  }
}

/* The list's edge with a number of the graph's. */
static const naive_edge *edge_of(const world *w, uint32_t edge) {
  pq_edge_ends e = pq_graph_ends(w->graph, edge);
  for (uint32_t i = 0; i < w->edge_count; i++)
    if (pq_slice_is(pq_graph_id(w->graph, e.from), ids[w->edges[i].from]) &&
        pq_slice_is(pq_graph_id(w->graph, e.to), ids[w->edges[i].to]) &&
        pq_slice_is(pq_graph_predicate_name(w->graph, e.predicate),
                    predicates[(int)w->edges[i].predicate]))
      return &w->edges[i];
  return NULL;
}

static int build(world *w) {
  pq_edge edges[EDGES_MAX];
  uint32_t count;
  memset(edges, 0, sizeof edges);
  w->graph = NULL;
  pq_arena_init(&w->arena, &w->cx, 1u << 28);
  for (uint32_t i = 0; i < w->edge_count; i++) {
    edges[i].from_id = pq_str(ids[w->edges[i].from]);
    edges[i].to_id = pq_str(ids[w->edges[i].to]);
    edges[i].predicate = pq_str(predicates[(int)w->edges[i].predicate]);
    edges[i].from_type = edges[i].to_type = PQ_SLICE("T");
  }
  PQ_TRY(pq_graph_of(&w->cx, edges, w->edge_count, &w->graph));
  count = pq_graph_edge_count(w->graph);
  w->weights = pq_arena_calloc(&w->arena, (size_t)count + 1, sizeof *w->weights);
  if (w->weights == NULL) return w->cx.code;
  for (uint32_t i = 0; i < count; i++)
    w->weights[i] = edge_of(w, i)->weight;
  return PQ_OK;
}

static void tear_down(world *w) {
  pq_graph_close(w->graph);
  pq_arena_release(&w->arena);
}

/* ---- all walks, by trying ---- */

typedef struct naive_path {
  uint32_t count, nodes[LEN_MAX + 1], edges[LEN_MAX]; /* edges: of the list; weight their sum */
  uint8_t is_in[LEN_MAX];
  uint32_t weight;
} naive_path;

typedef struct naive_paths {
  const world *w;
  naive_path items[FOUND_MAX];
  uint32_t count, len_max;
  bool are_simple, may_repeat; /* no node twice; an edge twice */
  pq_direction direction;
  uint32_t to; /* NODES_MAX: anywhere */
} naive_paths;

static bool may_go(const naive_paths *p, const naive_path *at, uint32_t edge, uint32_t far) {
  for (uint32_t i = 0; i < at->count && !p->may_repeat; i++)
    if (at->edges[i] == edge) return false;
  for (uint32_t i = 0; i <= at->count && p->are_simple; i++)
    if (at->nodes[i] == far) return false;
  return true;
}

static void try_all(naive_paths *p, naive_path at) {
  uint32_t node = at.nodes[at.count];
  if ((p->to == NODES_MAX || node == p->to) && p->count < FOUND_MAX) p->items[p->count++] = at;
  if (at.count == p->len_max) return;
  for (uint32_t i = 0; i < p->w->edge_count; i++) {
    const naive_edge *e = &p->w->edges[i];
    for (unsigned in = 0; in < 2; in++) {
      uint32_t near = in ? e->to : e->from, far = in ? e->from : e->to;
      naive_path next = at;
      if (near != node || !(p->direction & (in ? PQ_IN : PQ_OUT))) continue;
      if (in && e->from == e->to && (p->direction & PQ_OUT)) continue; /* came already */
      if (!may_go(p, &at, i, far)) continue;
      next.is_in[next.count] = (uint8_t)in;
      next.edges[next.count++] = i;
      next.nodes[next.count] = far;
      next.weight += e->weight;
      try_all(p, next);
    }
  }
}

static const world *compared;

/* Node ids, a path before those that it begins; predicates; directions. */
static int compare_texts(const naive_path *a, const naive_path *b) {
  uint32_t count = a->count < b->count ? a->count : b->count;
  for (uint32_t i = 0; i <= count; i++)
    if (a->nodes[i] != b->nodes[i]) return strcmp(ids[a->nodes[i]], ids[b->nodes[i]]);
  if (a->count != b->count) return a->count < b->count ? -1 : 1;
  for (uint32_t i = 0; i < count; i++) {
    int d = compared->edges[a->edges[i]].predicate - compared->edges[b->edges[i]].predicate;
    if (d != 0) return d;
  }
  for (uint32_t i = 0; i < count; i++)
    if (a->is_in[i] != b->is_in[i]) return (int)a->is_in[i] - (int)b->is_in[i];
  return 0;
}

static int compare_deep(const void *a, const void *b) {
  return compare_texts(a, b);
}

static int compare_short(const void *a, const void *b) {
  const naive_path *x = a, *y = b;
  if (x->count != y->count) return x->count < y->count ? -1 : 1;
  return compare_texts(x, y);
}

static int compare_light(const void *a, const void *b) {
  const naive_path *x = a, *y = b;
  if (x->weight != y->weight) return x->weight < y->weight ? -1 : 1;
  return compare_texts(x, y);
}

static void all_paths(naive_paths *p, const world *w, uint32_t from,
                      int (*compare)(const void *, const void *)) {
  naive_path start = {.nodes = {from}};
  p->w = w;
  p->count = 0;
  try_all(p, start);
  compared = w;
  qsort(p->items, p->count, sizeof *p->items, compare);
}

static bool is_same(const world *w, const naive_path *p, uint32_t count, const uint32_t *nodes,
                    const uint32_t *edges) {
  if (p->count != count) return false;
  for (uint32_t i = 0; i <= count; i++)
    if (!pq_slice_is(pq_graph_id(w->graph, nodes[i]), ids[p->nodes[i]])) return false;
  for (uint32_t i = 0; i < count; i++)
    if (edge_of(w, edges[i]) != &w->edges[p->edges[i]]) return false;
  return true;
}

/* ---- trails ---- */

static naive_paths naive; /* large */

/* The same paths counted, as a journey of one leg and of two: they end at the same nodes. */
static int check_walks(world *w, const pq_leg *leg, uint32_t start, const naive_paths *p) {
  pq_leg legs[2] = {{leg->min / 2, leg->max / 2, leg->choice},
                    {leg->min - leg->min / 2, leg->max - leg->max / 2, leg->choice}};
  for (uint32_t k = 1; k <= 2; k++) {
    uint64_t sum = 0, count = 0;
    pq_walks c;
    PQ_TRY(pq_walks_init(&c, &w->arena, w->graph, k == 1 ? leg : legs, k, &start, 1));
    while (!c.is_over)
      PQ_TRY(pq_walks_step(&c));
    for (uint32_t i = 0; i < c.end_count; i++) {
      pq_slice id = pq_graph_id(w->graph, c.ends[i].node);
      uint64_t here = 0;
      uint32_t depth = UINT32_MAX;
      for (uint32_t n = 0; n < p->count; n++) {
        const naive_path *path = &p->items[n];
        if (path->count < leg->min || !pq_slice_is(id, ids[path->nodes[path->count]])) continue;
        if (path->count < depth) depth = path->count;
        here++;
      }
      CHECK(c.ends[i].count == here && c.ends[i].depth == depth);
      sum += here;
    }
    for (uint32_t n = 0; n < p->count; n++)
      count += p->items[n].count >= leg->min;
    CHECK(sum == count);
  }
  return PQ_OK;
}

static int check_trails(world *w, uint32_t from, pq_direction direction, unsigned options,
                        uint32_t min, uint32_t max) {
  pq_choice choice = {.graph = w->graph, .direction = direction, .predicates = {.is_any = true}};
  pq_leg leg = {min, max, &choice};
  uint32_t start = pq_graph_node(w->graph, pq_str(ids[from])), at = 0;
  bool is_deep = (options & PQ_TRAILS_DEEP) != 0;
  pq_trails t;
  if (start == PQ_NO_NODE) return PQ_OK;
  naive = (naive_paths){.len_max = max,
                        .may_repeat = (options & PQ_TRAILS_AGAIN) != 0,
                        .direction = direction,
                        .to = NODES_MAX};
  all_paths(&naive, w, from, is_deep ? compare_deep : compare_short);
  if (naive.count == FOUND_MAX) return PQ_OK;
  PQ_TRY(pq_trails_init(&t, &w->arena, w->graph, &leg, 1, options, &start, 1));
  for (;;) {
    uint32_t nodes[LEN_MAX + 1], edges[LEN_MAX];
    bool is_end;
    PQ_TRY(pq_trails_next(&t, &is_end));
    while (at < naive.count && naive.items[at].count < min)
      at++;
    if (is_end) break;
    for (uint32_t i = 0; i <= t.depth; i++)
      nodes[i] = t.nodes[i].node;
    pq_trails_edges(&t, edges);
    CHECK(at < naive.count && is_same(w, &naive.items[at], t.depth, nodes, edges));
    at++;
  }
  CHECK(at == naive.count);
  return naive.may_repeat ? check_walks(w, &leg, start, &naive) : PQ_OK;
}

/* ---- routes ---- */

static int check_routes(world *w, uint32_t from, uint32_t to, pq_direction direction, bool is_light,
                        bool is_all) {
  uint32_t hops_max = below(3) == 0 ? 1 + below(5) : PQ_NO_LENGTH;
  pq_choice choice = {.graph = w->graph, .direction = direction, .predicates = {.is_any = true}};
  uint32_t start = pq_graph_node(w->graph, pq_str(ids[from]));
  uint32_t end = pq_graph_node(w->graph, pq_str(ids[to])), at = 0, count;
  pq_weights weights = {.values = is_light ? w->weights : NULL, .normal = NAN};
  const pq_route *route;
  pq_routes r;
  if (start == PQ_NO_NODE || end == PQ_NO_NODE || from == to) return PQ_OK;
  naive = (naive_paths){
      .len_max = w->node_count - 1, .are_simple = true, .direction = direction, .to = to};
  if (naive.len_max > LEN_MAX) naive.len_max = LEN_MAX;
  if (naive.len_max > hops_max) naive.len_max = hops_max;
  all_paths(&naive, w, from, is_light ? compare_light : compare_short);
  for (count = 0; count < naive.count; count++)
    if (is_all && (is_light ? naive.items[count].weight != naive.items[0].weight
                            : naive.items[count].count != naive.items[0].count))
      break;
  if (naive.count == FOUND_MAX) return PQ_OK; /* not all of them */
  PQ_TRY(pq_routes_init(&r, &w->arena, &choice, &weights, NULL));
  r.is_eager = below(2) == 0;
  pq_routes_begin(&r, start, end, hops_max, is_all);
  for (;; at++) {
    PQ_TRY(pq_routes_next(&r, &route));
    if (route == NULL || at == 40) break;
    CHECK(at < count && is_same(w, &naive.items[at], route->count, route->nodes, route->edges));
    CHECK(!is_light || route->weight == naive.items[at].weight);
  }
  CHECK(at == count || at == 40);
  return PQ_OK;
}

/* ---- sets and trees ---- */

/* Least depths by going round until nothing changes. */
static uint32_t naive_depths(const world *w, uint32_t from, pq_direction direction,
                             uint32_t depths[NODES_MAX], uint32_t max) {
  uint32_t count = 0;
  for (uint32_t n = 0; n < NODES_MAX; n++)
    depths[n] = UINT32_MAX;
  for (uint32_t d = 1; d <= max; d++)
    for (uint32_t i = 0; i < w->edge_count; i++)
      for (unsigned in = 0; in < 2; in++) {
        uint32_t near = in ? w->edges[i].to : w->edges[i].from;
        uint32_t far = in ? w->edges[i].from : w->edges[i].to;
        bool is_next = d == 1 ? near == from : depths[near] == d - 1;
        if (!(direction & (in ? PQ_IN : PQ_OUT)) || !is_next || depths[far] != UINT32_MAX) continue;
        depths[far] = d;
        count++;
      }
  return count;
}

static uint32_t node_number(const world *w, uint32_t node) {
  for (uint32_t i = 0; i < NODES_MAX; i++)
    if (pq_slice_is(pq_graph_id(w->graph, node), ids[i])) return i;
  return NODES_MAX;
}

static int check_sets(world *w, uint32_t from, pq_direction direction, uint32_t min, uint32_t max) {
  pq_choice choice = {.graph = w->graph, .direction = direction, .predicates = {.is_any = true}};
  pq_leg leg = {min, max, &choice};
  uint32_t start = pq_graph_node(w->graph, pq_str(ids[from])), depths[NODES_MAX], count = 0;
  pq_reach r;
  pq_tree t;
  if (start == PQ_NO_NODE) return PQ_OK;
  (void)naive_depths(w, from, direction, depths, max);
  for (uint32_t n = 0; n < NODES_MAX; n++)
    count += depths[n] >= min && depths[n] != UINT32_MAX;
  PQ_TRY(pq_reach_init(&r, &w->arena, w->graph, &leg, 1, true));
  PQ_TRY(pq_reach_start(&r, &start, 1));
  PQ_TRY(pq_reach_go(&r));
  CHECK(r.count == count && r.reached[0] == count);
  for (uint32_t i = 0; i < r.count; i++)
    CHECK(depths[node_number(w, r.nodes[i])] == r.depths[i]);
  PQ_TRY(pq_tree_init(&t, &w->arena, w->graph, &leg, 1, &start, 1));
  PQ_TRY(pq_tree_go(&t));
  CHECK(t.end_count == count);
  naive =
      (naive_paths){.len_max = max, .may_repeat = true, .direction = direction, .to = NODES_MAX};
  all_paths(&naive, w, from, compare_short);
  for (uint32_t i = 0, at; i < t.end_count && naive.count < FOUND_MAX; i++) {
    const pq_visit *v = &t.visits[t.ends[i]];
    uint32_t nodes[LEN_MAX + 1], edges[LEN_MAX], node = node_number(w, v->node), visit = t.ends[i];
    CHECK(depths[node] == v->depth);
    for (uint32_t d = v->depth; d > 0; d--, visit = t.visits[visit].parent) {
      nodes[d] = t.visits[visit].node;
      edges[d - 1] = t.visits[visit].edge;
    }
    nodes[0] = start;
    /* the first path of all that ends there */
    for (at = 1; at < naive.count && naive.items[at].nodes[naive.items[at].count] != node;)
      at++;
    CHECK(at < naive.count && is_same(w, &naive.items[at], v->depth, nodes, edges));
  }
  return PQ_OK;
}

/* ---- everything ---- */

static int check_one(world *w) {
  uint32_t from = below(w->node_count), to = below(w->node_count), max = 1 + below(4);
  pq_direction direction = (pq_direction)(1 + below(3));
  uint32_t min = below(max + 1), len = 1 + below(3);
  PQ_TRY(build(w));
  PQ_TRY(check_sets(w, from, direction, min == 0 ? 1 : min, max));
  PQ_TRY(check_trails(w, from, direction, below(4), below(len + 1), len));
  PQ_TRY(check_routes(w, from, to, direction, false, below(2) == 0));
  return check_routes(w, from, to, direction, true, below(2) == 0);
}

static void test_random_graphs(void) {
  for (uint32_t seed = 1; seed <= 3000; seed++) {
    int failed = unit_failed;
    world w = {0};
    unit_cx_init(&w.cx);
    state = seed;
    draw(&w);
    CHECK(check_one(&w) == PQ_OK);
    tear_down(&w);
    CHECK(unit_live_len == 0);
    if (unit_failed > failed) {
      fprintf(stderr, "  seed %u\n", seed);
      return;
    }
  }
}

static void test_failing_allocations(void) {
  for (uint32_t seed = 1; seed <= 6; seed++) {
    int rc = PQ_OK;
    for (long n = 1; n > 0; n = unit_oom_next(n, rc)) {
      world w = {0};
      unit_cx_init(&w.cx);
      state = seed;
      draw(&w);
      unit_fail_at = n;
      rc = check_one(&w);
      tear_down(&w);
    }
  }
}

/* Verdicts: what is asked for once is known, and PQ_ASK has changed nothing. */
static void test_asking(void) {
  world w = {.node_count = 3, .edge_count = 3, .edges = {{0, 1, 1, 0}, {1, 2, 1, 0}, {0, 2, 1, 1}}};
  pq_choice choice = {.direction = PQ_OUT, .predicates = {.is_any = true}};
  uint32_t refused, start;
  pq_spread s;
  unit_cx_init(&w.cx);
  CHECK(build(&w) == PQ_OK);
  choice.graph = w.graph;
  start = pq_graph_node(w.graph, pq_str(ids[0]));
  refused = pq_graph_node(w.graph, pq_str(ids[1]));
  CHECK(pq_judged_init(&choice.nodes, &w.arena, pq_graph_node_count(w.graph)) == PQ_OK);
  CHECK(pq_spread_init(&s, &w.arena, w.graph) == PQ_OK);
  CHECK(pq_spread_add(&s, start) == PQ_OK);
  CHECK(pq_spread_step(&s, &choice) == PQ_ASK);
  CHECK(choice.nodes.wanted_count == 2 && s.count == 1 && s.depth == 0);
  for (uint32_t i = 0; i < 2; i++)
    pq_judged_set(&choice.nodes, choice.nodes.wanted[i], choice.nodes.wanted[i] != refused);
  choice.nodes.wanted_count = 0;
  CHECK(pq_spread_step(&s, &choice) == PQ_OK);
  CHECK(s.count == 2 && s.depth == 1 && s.nodes[1] != refused);
  tear_down(&w);
  CHECK(unit_live_len == 0);
}

int main(void) {
  RUN(test_random_graphs);
  RUN(test_failing_allocations);
  RUN(test_asking);
  return unit_end();
}
