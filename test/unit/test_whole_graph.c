/* Unit tests of graph/whole.h: each algorithm against plain code on random graphs, with edges
 * between the same nodes twice, from nodes to themselves, nodes without edges; other numbers of the
 * same nodes; small pieces of work; failing allocations. */
#include "graph/whole.h"
#include "unit.h"

enum { NODE_MAX = 40, EDGE_MAX = 400, BIG_NODES = 10000 };

static uint64_t random_state;

static uint32_t random_below(uint32_t n) {
  random_state = random_state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
  return (uint32_t)((random_state >> 33) % n);
}

/* A graph as a test says it: nodes by number, as the graph under test is to number them. */
typedef struct world {
  uint32_t node_count, edge_count;
  uint32_t from[EDGE_MAX], to[EDGE_MAX];
  char texts[NODE_MAX][8];
  pq_slice ids[NODE_MAX];
  uint32_t first[NODE_MAX + 1], far[EDGE_MAX];
  pq_flat flat;
  /* of nodes with an edge, in the order of ids: */
  uint32_t n, nodes[NODE_MAX];
  uint32_t edges[NODE_MAX][NODE_MAX]; /* how many */
  bool is_near[NODE_MAX][NODE_MAX];
} world;

static void make_flat(world *w) {
  uint32_t at = 0;
  for (uint32_t v = 0; v < w->node_count; v++) {
    w->first[v] = at;
    for (uint32_t other = 0; other < w->node_count; other++)
      for (uint32_t e = 0; e < w->edge_count; e++)
        if (w->from[e] == v && w->to[e] == other) w->far[at++] = other;
  }
  w->first[w->node_count] = at;
  w->flat =
      (pq_flat){.node_count = w->node_count, .edge_count = at, .first = w->first, .far = w->far};
}

static void make_model(world *w) {
  bool is_node[NODE_MAX] = {0};
  uint32_t names[NODE_MAX];
  memset(w->edges, 0, sizeof w->edges);
  memset(w->is_near, 0, sizeof w->is_near);
  for (uint32_t e = 0; e < w->edge_count; e++)
    is_node[w->from[e]] = is_node[w->to[e]] = true;
  w->n = 0;
  for (uint32_t v = 0; v < w->node_count; v++) {
    uint32_t at = w->n;
    if (!is_node[v]) continue;
    for (; at > 0 && pq_slice_cmp(w->ids[w->nodes[at - 1]], w->ids[v]) > 0; at--)
      w->nodes[at] = w->nodes[at - 1];
    w->nodes[at] = v;
    w->n++;
  }
  for (uint32_t i = 0; i < w->n; i++)
    names[w->nodes[i]] = i;
  for (uint32_t e = 0; e < w->edge_count; e++) {
    uint32_t a = names[w->from[e]], b = names[w->to[e]];
    w->edges[a][b]++;
    if (a != b) w->is_near[a][b] = w->is_near[b][a] = true;
  }
}

static void make_world(world *w, uint64_t seed) {
  uint32_t numbers[NODE_MAX];
  bool is_rising;
  random_state = seed;
  w->node_count = 1 + random_below(NODE_MAX);
  is_rising = random_below(2) == 0;
  for (uint32_t v = 0; v < w->node_count; v++)
    numbers[v] = v;
  for (uint32_t v = 0; !is_rising && v < w->node_count; v++) {
    uint32_t other = random_below(w->node_count), number = numbers[v];
    numbers[v] = numbers[other];
    numbers[other] = number;
  }
  for (uint32_t v = 0; v < w->node_count; v++) {
    (void)snprintf(w->texts[v], sizeof w->texts[v], "%c/%02u", numbers[v] % 2 ? 'a' : 'b',
                   numbers[v]);
    w->ids[v] = pq_str(w->texts[v]);
  }
  w->edge_count = random_below(3) == 0 ? random_below(EDGE_MAX) : random_below(w->node_count * 2);
  for (uint32_t e = 0; e < w->edge_count; e++) {
    w->from[e] = random_below(1 + random_below(w->node_count));
    w->to[e] = random_below(5) == 0 ? w->from[e] : random_below(w->node_count);
  }
  make_flat(w);
  make_model(w);
}

/* The same graph with other numbers. */
static void shuffle(world *w) {
  uint32_t place[NODE_MAX];
  char texts[NODE_MAX][8];
  memcpy(texts, w->texts, sizeof texts);
  for (uint32_t v = 0; v < w->node_count; v++)
    place[v] = w->node_count - 1 - v;
  for (uint32_t v = 0; v < w->node_count; v++)
    memcpy(w->texts[place[v]], texts[v], sizeof texts[v]);
  for (uint32_t e = 0; e < w->edge_count; e++) {
    w->from[e] = place[w->from[e]];
    w->to[e] = place[w->to[e]];
  }
  make_flat(w);
  make_model(w);
}

/* ---- run ---- */

typedef struct run {
  pq_cx cx;
  pq_arena arena, scratch;
  pq_whole whole;
} run;

static int finish(pq_whole *w, uint64_t work) {
  int rc;
  while ((rc = pq_whole_step(w, work)) == PQ_YIELD) {
  }
  return rc;
}

static int run_flat(run *r, const pq_flat *flat, const pq_slice *ids, const pq_whole_options *o,
                    uint64_t work) {
  pq_arena_init(&r->arena, &r->cx, UINT64_C(1) << 30);
  pq_arena_init(&r->scratch, &r->cx, UINT64_C(1) << 30);
  PQ_TRY(pq_whole_begin(&r->whole, &r->arena, &r->scratch, flat, ids, o));
  return finish(&r->whole, work);
}

static int run_world(run *r, const world *w, const pq_whole_options *o) {
  uint64_t work = w->edge_count % 3 == 0 ? 1 : w->edge_count % 3 == 1 ? 17 : PQ_WHOLE_WORK;
  return run_flat(r, &w->flat, w->ids, o, work);
}

static void end_run(run *r) {
  pq_arena_release(&r->scratch);
  pq_arena_release(&r->arena);
}

static bool has_nodes(const run *r, const world *w) {
  if (r->whole.node_count != w->n || r->whole.edge_count != w->edge_count) return false;
  for (uint32_t i = 0; i < w->n; i++)
    if (r->whole.nodes[i] != w->nodes[i]) return false;
  return true;
}

/* ---- plain answers ---- */

static void plain_degree(const world *w, pq_direction direction, uint64_t *out) {
  for (uint32_t a = 0; a < w->n; a++) {
    out[a] = 0;
    for (uint32_t b = 0; b < w->n; b++) {
      if (direction & PQ_OUT) out[a] += w->edges[a][b];
      if (direction & PQ_IN) out[a] += w->edges[b][a];
    }
  }
}

static uint32_t plain_rank(const world *w, const pq_whole_options *o, double *scores) {
  double next[NODE_MAX];
  uint64_t degrees[NODE_MAX];
  plain_degree(w, o->direction, degrees);
  for (uint32_t v = 0; v < w->n; v++)
    scores[v] = 1.0 / w->n;
  for (uint32_t round = 0; round < o->iterations; round++) {
    double change = 0;
    for (uint32_t v = 0; v < w->n; v++) {
      next[v] = (1 - o->damping) / w->n;
      for (uint32_t u = 0; u < w->n; u++) {
        uint32_t count = (o->direction & PQ_OUT ? w->edges[u][v] : 0) +
                         (o->direction & PQ_IN ? w->edges[v][u] : 0);
        next[v] += o->damping *
                   (degrees[u] == 0 ? scores[u] / w->n : scores[u] * count / (double)degrees[u]);
      }
    }
    for (uint32_t v = 0; v < w->n; v++) {
      change += next[v] > scores[v] ? next[v] - scores[v] : scores[v] - next[v];
      scores[v] = next[v];
    }
    if (change < o->tolerance) return round + 1;
  }
  return o->iterations;
}

static void plain_components(const world *w, uint32_t *labels) {
  for (uint32_t v = 0; v < w->n; v++)
    labels[v] = v;
  for (uint32_t round = 0; round < w->n; round++)
    for (uint32_t a = 0; a < w->n; a++)
      for (uint32_t b = 0; b < w->n; b++)
        if (w->is_near[a][b] && labels[b] < labels[a]) labels[a] = labels[b];
}

static uint64_t plain_triangles(const world *w, uint64_t *out) {
  uint64_t total = 0;
  memset(out, 0, NODE_MAX * sizeof *out);
  for (uint32_t a = 0; a < w->n; a++)
    for (uint32_t b = a + 1; b < w->n; b++)
      for (uint32_t c = b + 1; c < w->n; c++)
        if (w->is_near[a][b] && w->is_near[b][c] && w->is_near[a][c]) {
          out[a]++;
          out[b]++;
          out[c]++;
          total++;
        }
  return total;
}

static void plain_communities(const world *w, uint32_t iterations, uint32_t *labels) {
  uint32_t next[NODE_MAX];
  for (uint32_t v = 0; v < w->n; v++)
    labels[v] = v;
  for (uint32_t round = 0; round < iterations; round++) {
    for (uint32_t v = 0; v < w->n; v++) {
      uint32_t counts[NODE_MAX] = {0}, best = labels[v], best_count = 0;
      for (uint32_t u = 0; u < w->n; u++)
        counts[labels[u]] += w->is_near[v][u];
      for (uint32_t l = 0; l < w->n; l++)
        if (counts[l] > best_count) {
          best = l;
          best_count = counts[l];
        }
      next[v] = best;
    }
    memcpy(labels, next, sizeof next);
  }
}

static void plain_cores(const world *w, uint64_t *out) {
  bool is_there[NODE_MAX];
  memset(out, 0, NODE_MAX * sizeof *out);
  for (uint32_t k = 1; k < NODE_MAX; k++) {
    bool is_changed = true;
    for (uint32_t v = 0; v < w->n; v++)
      is_there[v] = true;
    while (is_changed) {
      is_changed = false;
      for (uint32_t v = 0; v < w->n; v++) {
        uint32_t count = 0;
        for (uint32_t u = 0; u < w->n; u++)
          count += is_there[u] && w->is_near[v][u];
        if (!is_there[v] || count >= k) continue;
        is_there[v] = false;
        is_changed = true;
      }
    }
    for (uint32_t v = 0; v < w->n; v++)
      if (is_there[v]) out[v] = k;
  }
}

/* ---- tests ---- */

static bool same_numbers(const uint64_t *a, const uint64_t *b, uint32_t n) {
  for (uint32_t i = 0; i < n; i++)
    if (a[i] != b[i]) return false;
  return true;
}

static bool same_labels(const uint32_t *a, const uint32_t *b, uint32_t n) {
  for (uint32_t i = 0; i < n; i++)
    if (a[i] != b[i]) return false;
  return true;
}

static uint64_t labels_count(const uint32_t *labels, uint32_t n) {
  bool is_there[NODE_MAX] = {0};
  uint64_t count = 0;
  for (uint32_t i = 0; i < n; i++) {
    count += !is_there[labels[i]];
    is_there[labels[i]] = true;
  }
  return count;
}

static uint64_t largest(const uint64_t *numbers, uint32_t n) {
  uint64_t most = 0;
  for (uint32_t i = 0; i < n; i++)
    most = numbers[i] > most ? numbers[i] : most;
  return most;
}

static void check_answer(const run *r, const world *w, const pq_whole_options *o) {
  const pq_whole *a = &r->whole;
  uint64_t numbers[NODE_MAX];
  uint32_t labels[NODE_MAX], rounds;
  double scores[NODE_MAX];
  CHECK(has_nodes(r, w));
  CHECK(pq_whole_is_done(a));
  switch (o->kind) {
    case PQ_WHOLE_DEGREE:
      plain_degree(w, o->direction, numbers);
      CHECK(same_numbers(a->numbers, numbers, w->n));
      CHECK(a->total == largest(numbers, w->n));
      return;
    case PQ_WHOLE_PAGE_RANK:
      rounds = plain_rank(w, o, scores);
      CHECK(w->n == 0 || a->rounds == rounds);
      for (uint32_t v = 0; v < w->n; v++) {
        double gap = a->scores[v] - scores[v];
        CHECK(gap < 1e-12 && gap > -1e-12);
      }
      return;
    case PQ_WHOLE_COMPONENTS:
      plain_components(w, labels);
      CHECK(same_labels(a->labels, labels, w->n));
      CHECK(a->total == labels_count(labels, w->n));
      return;
    case PQ_WHOLE_TRIANGLES:
      CHECK(a->total == plain_triangles(w, numbers));
      CHECK(same_numbers(a->numbers, numbers, w->n));
      return;
    case PQ_WHOLE_COMMUNITIES:
      plain_communities(w, o->iterations, labels);
      CHECK(same_labels(a->labels, labels, w->n));
      CHECK(a->total == labels_count(labels, w->n));
      return;
    case PQ_WHOLE_CORES:
      plain_cores(w, numbers);
      CHECK(same_numbers(a->numbers, numbers, w->n));
      CHECK(a->total == largest(numbers, w->n));
      return;
  }
}

static pq_whole_options random_options(pq_whole_kind kind) {
  static const uint32_t iterations[] = {0, 1, 2, 20, 100};
  return (pq_whole_options){.kind = kind,
                            .direction = (pq_direction)(1 + random_below(3)),
                            .iterations = iterations[random_below(5)],
                            .damping = random_below(4) == 0 ? 1 : 0.85,
                            .tolerance = random_below(2) == 0 ? 0 : 1e-3};
}

static void test_random(void) {
  static world w;
  run r = {0};
  for (uint64_t seed = 0; seed < 300; seed++)
    for (int kind = PQ_WHOLE_DEGREE; kind <= PQ_WHOLE_CORES; kind++) {
      pq_whole_options o;
      make_world(&w, seed * 6 + (uint64_t)kind);
      o = random_options((pq_whole_kind)kind);
      unit_cx_init(&r.cx);
      CHECK(run_world(&r, &w, &o) == PQ_OK);
      check_answer(&r, &w, &o);
      end_run(&r);
      CHECK(unit_live_len == 0);
    }
}

/* Scores are the same to the last bit, whatever the graph calls its nodes. */
static void test_other_numbers(void) {
  static world w;
  run r = {0};
  double scores[NODE_MAX];
  for (uint64_t seed = 0; seed < 100; seed++) {
    pq_whole_options o;
    make_world(&w, seed);
    o = random_options(PQ_WHOLE_PAGE_RANK);
    unit_cx_init(&r.cx);
    CHECK(run_world(&r, &w, &o) == PQ_OK);
    memcpy(scores, r.whole.scores, w.n * sizeof *scores);
    end_run(&r);
    shuffle(&w);
    CHECK(run_world(&r, &w, &o) == PQ_OK);
    CHECK(memcmp(scores, r.whole.scores, w.n * sizeof *scores) == 0);
    end_run(&r);
  }
}

/* Is `b` rightly behind `a`? */
static bool is_behind(const pq_whole *w, const pq_whole_order *o, uint32_t a, uint32_t b) {
  double x = 0, y = 0;
  if (!o->is_by_id) {
    x = w->numbers ? (double)w->numbers[a] : w->labels ? w->labels[a] : w->scores[a];
    y = w->numbers ? (double)w->numbers[b] : w->labels ? w->labels[b] : w->scores[b];
  }
  if (x != y) return (x < y) == o->is_rising;
  return (a < b) != o->is_id_falling;
}

static void test_list(void) {
  static world w;
  run r = {0};
  for (uint64_t seed = 0; seed < 300; seed++) {
    pq_whole_options o;
    pq_whole_order order = {0};
    uint32_t listed;
    make_world(&w, seed);
    o = random_options((pq_whole_kind)random_below(6));
    order.first = random_below(w.n + 1);
    order.count = random_below(w.n - order.first + 1);
    order.is_by_id = random_below(3) == 0;
    order.is_rising = random_below(2) == 0;
    order.is_id_falling = random_below(2) == 0;
    unit_cx_init(&r.cx);
    CHECK(run_world(&r, &w, &o) == PQ_OK);
    CHECK(pq_whole_list(&r.whole, &order) == PQ_OK);
    CHECK(finish(&r.whole, 5) == PQ_OK);
    listed = r.whole.listed_count;
    CHECK(listed == order.count);
    for (uint32_t i = 0; i < listed; i++) {
      uint32_t v = r.whole.listed[i];
      CHECK(v >= order.first && v - order.first < order.count);
      CHECK(i == 0 || is_behind(&r.whole, &order, r.whole.listed[i - 1], v));
    }
    end_run(&r);
  }
}

/* A ring of nodes whose ids have nothing to do with their numbers: sorted in parts. */
static void test_many_nodes(void) {
  static uint32_t first[BIG_NODES + 1], far[BIG_NODES];
  static char texts[BIG_NODES][8];
  static pq_slice ids[BIG_NODES];
  pq_flat flat = {.node_count = BIG_NODES, .edge_count = BIG_NODES, .first = first, .far = far};
  pq_whole_options o = {.kind = PQ_WHOLE_COMPONENTS};
  run r = {0};
  bool is_sorted = true;
  for (uint32_t v = 0; v < BIG_NODES; v++) {
    (void)snprintf(texts[v], sizeof texts[v], "n/%05u", v * 7919 % BIG_NODES);
    ids[v] = pq_str(texts[v]);
    first[v + 1] = v + 1;
    far[v] = (v + 1) % BIG_NODES;
  }
  unit_cx_init(&r.cx);
  CHECK(run_flat(&r, &flat, ids, &o, 1000) == PQ_OK);
  CHECK(r.whole.node_count == BIG_NODES && r.whole.total == 1);
  for (uint32_t i = 1; i < BIG_NODES; i++)
    is_sorted &= pq_slice_cmp(ids[r.whole.nodes[i - 1]], ids[r.whole.nodes[i]]) < 0;
  CHECK(is_sorted);
  for (uint32_t i = 0; i < BIG_NODES; i++)
    if (r.whole.labels[i] != 0) is_sorted = false;
  CHECK(is_sorted);
  end_run(&r);
}

static void test_too_large(void) {
  run r = {0};
  uint32_t first[2] = {0};
  pq_flat flat = {.node_count = 1, .edge_count = UINT32_MAX, .first = first, .far = first};
  pq_slice id = PQ_SLICE("a/1");
  pq_whole_options o = {.kind = PQ_WHOLE_CORES};
  unit_cx_init(&r.cx);
  pq_arena_init(&r.arena, &r.cx, 1000);
  pq_arena_init(&r.scratch, &r.cx, 1000);
  CHECK(pq_whole_begin(&r.whole, &r.arena, &r.scratch, &flat, &id, &o) == PQ_ELIMIT);
  end_run(&r);
}

static int run_and_list(run *r, const world *w, const pq_whole_options *o) {
  pq_whole_order order = {0};
  PQ_TRY(run_world(r, w, o));
  order.count = r->whole.node_count;
  PQ_TRY(pq_whole_list(&r->whole, &order));
  return finish(&r->whole, PQ_WHOLE_WORK);
}

static void test_no_memory(void) {
  static world w;
  run r = {0};
  for (int kind = PQ_WHOLE_DEGREE; kind <= PQ_WHOLE_CORES; kind++) {
    pq_whole_options o;
    int rc = PQ_OK;
    make_world(&w, 5);
    o = random_options((pq_whole_kind)kind);
    for (long n = 1; n > 0; n = unit_oom_next(n, rc)) {
      unit_cx_init(&r.cx);
      unit_fail_at = n;
      rc = run_and_list(&r, &w, &o);
      end_run(&r);
    }
  }
}

int main(void) {
  RUN(test_random);
  RUN(test_other_numbers);
  RUN(test_list);
  RUN(test_many_nodes);
  RUN(test_too_large);
  RUN(test_no_memory);
  return unit_end();
}
