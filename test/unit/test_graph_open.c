/* Unit tests of graph/: the graph of a namespace that is written to, flushed, compacted and asked
 * as of earlier moments, against the edges that pq_edges_read gives and the entities that are
 * there; and graphs of edges in memory: walks, ends, flat arrays. */
#include "base/slices.h"
#include "graph/edge_columns.h"
#include "handle_util.h"

enum { NODES = 30, PREDICATES = 3, STEPS = 120, MOMENTS = 64 };

static const char *const predicates[PREDICATES] = {"knows", "likes", "owns"};

static uint32_t random_below(uint64_t *state, uint32_t below) {
  *state = *state * 6364136223846793005u + 1442695040888963407u;
  return (uint32_t)(*state >> 33) % below;
}

/* ---- a graph and the edges that it must have ---- */

typedef struct truth {
  pq_edge *edges; /* sorted, both ends live */
  uint32_t count;
} truth;

static int compare_edges(const void *a, const void *b) {
  return pq_edge_compare(a, b, false);
}

static bool truth_has(const truth *t, pq_slice from, pq_slice predicate, pq_slice to) {
  pq_edge e = {.from_id = from, .predicate = predicate, .to_id = to};
  return t->count > 0 && bsearch(&e, t->edges, t->count, sizeof *t->edges, compare_edges) != NULL;
}

/* Every edge that a walk gives is there, its number says its ends, and none is missing. */
static void check_walks(const pq_graph *g, const truth *t, pq_direction direction) {
  pq_predicates any = {.is_any = true};
  uint32_t found = 0;
  for (uint32_t n = 0; n < pq_graph_node_count(g); n++) {
    pq_arc_walk w = pq_arcs_begin(g, n, direction, &any);
    uint64_t degree = pq_graph_degree(g, n, direction, &any), seen = 0;
    pq_arcs a;
    while (pq_arcs_next(&w, &a)) {
      pq_slice name = pq_graph_predicate_name(g, a.predicate);
      CHECK(a.count > 0);
      seen += a.count;
      for (uint32_t i = 0; i < a.count; i++) {
        uint32_t from = a.is_in ? a.far[i] : n, to = a.is_in ? n : a.far[i];
        pq_edge_ends e = pq_graph_ends(g, pq_arcs_edge(&a, i));
        CHECK(truth_has(t, pq_graph_id(g, from), name, pq_graph_id(g, to)));
        CHECK(e.from == from && e.to == to && e.predicate == a.predicate);
        found++;
      }
    }
    CHECK(seen == degree);
  }
  CHECK(found == t->count * (direction == PQ_BOTH ? 2 : 1));
}

static void check_flat(const pq_graph *g, const truth *t, pq_cx *cx) {
  uint32_t one = pq_graph_predicate(g, pq_str(predicates[0]));
  pq_predicates p = {.numbers = &one, .count = 1};
  pq_flat_options o = {.direction = PQ_OUT, .predicates = &p, .wants_edges = true};
  pq_arena arena;
  pq_flat flat;
  uint32_t expected = 0;
  for (uint32_t i = 0; i < t->count; i++)
    expected += pq_slice_is(t->edges[i].predicate, predicates[0]);
  pq_arena_init(&arena, cx, 1 << 24);
  CHECK(pq_graph_flat(g, &arena, &o, &flat) == PQ_OK);
  CHECK(flat.edge_count == expected);
  for (uint32_t n = 0; n < flat.node_count; n++)
    for (uint32_t i = flat.first[n]; i < flat.first[n + 1]; i++) {
      pq_edge_ends e = pq_graph_ends(g, flat.edge[i]);
      CHECK(e.from == n && e.to == flat.far[i] && e.predicate == one);
      CHECK(i == flat.first[n] || flat.far[i - 1] < flat.far[i]);
    }
  o.direction = PQ_BOTH;
  o.wants_edges = false;
  o.is_simple = true;
  p.is_any = true;
  CHECK(pq_graph_flat(g, &arena, &o, &flat) == PQ_OK);
  for (uint32_t n = 0; n < flat.node_count; n++)
    for (uint32_t i = flat.first[n]; i < flat.first[n + 1]; i++) {
      CHECK(flat.far[i] != n);
      CHECK(i == flat.first[n] || flat.far[i - 1] < flat.far[i]);
    }
  pq_arena_release(&arena);
}

static void check_graph(const pq_graph *g, const truth *t, pq_cx *cx) {
  check_walks(g, t, PQ_OUT);
  check_walks(g, t, PQ_IN);
  check_walks(g, t, PQ_BOTH);
  check_flat(g, t, cx);
}

/* ---- in memory ---- */

static int memory_edges(pq_arena *arena, uint32_t count, uint64_t seed, pq_edge *edges) {
  for (uint32_t i = 0; i < count; i++) {
    char *from = pq_arena_printf(arena, "n/%u", random_below(&seed, NODES));
    char *to = pq_arena_printf(arena, "n/%u", random_below(&seed, NODES));
    if (from == NULL || to == NULL) return arena->cx->code;
    edges[i] = (pq_edge){.from_id = pq_str(from),
                         .predicate = pq_str(predicates[random_below(&seed, PREDICATES)]),
                         .to_id = pq_str(to)};
  }
  return PQ_OK;
}

static void test_graph_of(void) {
  for (uint32_t count = 0; count < 400; count += 37) {
    pq_edge edges[400];
    truth t = {.edges = edges};
    pq_arena arena;
    pq_graph *g;
    pq_cx cx;
    unit_cx_init(&cx);
    pq_arena_init(&arena, &cx, 1 << 24);
    CHECK(memory_edges(&arena, count, count + 1, edges) == PQ_OK);
    CHECK(pq_graph_of(&cx, edges, count, &g) == PQ_OK);
    qsort(edges, count, sizeof *edges, compare_edges);
    for (uint32_t i = 0; i < count; i++)
      if (t.count == 0 || compare_edges(&edges[t.count - 1], &edges[i]) != 0)
        edges[t.count++] = edges[i];
    check_graph(g, &t, &cx);
    CHECK(pq_graph_node(g, PQ_SLICE("n/none")) == PQ_NO_NODE);
    pq_graph_close(g);
    pq_arena_release(&arena);
    CHECK(unit_live_len == 0);
  }
}

static void test_graph_of_oom(void) {
  int rc = PQ_OK;
  for (long n = 1; n > 0; n = unit_oom_next(n, rc)) {
    pq_edge edges[100];
    pq_arena arena;
    pq_graph *g;
    pq_cx cx;
    unit_cx_init(&cx);
    pq_arena_init(&arena, &cx, 1 << 24);
    CHECK(memory_edges(&arena, 100, 5, edges) == PQ_OK);
    unit_calls = 0;
    unit_fail_at = n;
    rc = pq_graph_of(&cx, edges, 100, &g);
    pq_graph_close(g);
    pq_arena_release(&arena);
  }
}

/* ---- of a namespace ---- */

typedef struct asker {
  pq_op op; /* first */
  pq_space *space;
  pq_as_of as_of;
  bool is_flushed;
  pq_snapshot snapshot;
  pq_graph *graph;
  pq_slice *ids;
  uint32_t id_count;
  truth truth;
  const double *numbers[3]; /* by edge: data.w, versions, what no edge has */
  uint32_t read;            /* of them */
} asker;

static asker *asker_of(pq_op *op) {
  return (asker *)(void *)op;
}

/* data.w, 1 or more; 0: none. */
static uint64_t weight_of(const pq_edge *e) {
  int64_t w;
  return pq_value_i64(pq_object_get_str(e->data, "w"), &w) ? (uint64_t)w : 0;
}

static int stage_truth(pq_op *op) {
  asker *a = asker_of(op);
  const pq_view *v = &a->snapshot.view;
  pq_edge_query q = {.nodes = a->ids, .node_count = a->id_count, .needs_data = true};
  pq_location *at = pq_arena_calloc(&op->scratch, a->id_count, sizeof *at);
  pq_entity *rows = pq_arena_calloc(&op->scratch, a->id_count, sizeof *rows);
  pq_edge *edges;
  uint32_t count;
  PQ_TRY(pq_edges_read(v, &op->fetch, &op->scratch, &q, &edges, &count));
  PQ_TRY(pq_view_locate(v, &op->fetch, &op->scratch, a->ids, a->id_count, false, at));
  PQ_TRY(pq_view_read(v, &op->fetch, &op->scratch, at, a->id_count, PQ_WANT_ID | PQ_WANT_DELETED,
                      rows, NULL));
  a->truth.edges = pq_arena_calloc(&op->arena, count, sizeof *edges);
  for (uint32_t i = 0; i < count; i++) {
    uint32_t from = pq_slices_find(a->ids, a->id_count, edges[i].from_id);
    uint32_t to = pq_slices_find(a->ids, a->id_count, edges[i].to_id);
    pq_edge *e = &a->truth.edges[a->truth.count];
    CHECK(from < a->id_count && to < a->id_count);
    if (rows[from].id.p == NULL || rows[from].is_deleted) continue;
    if (rows[to].id.p == NULL || rows[to].is_deleted) continue;
    *e = edges[i];
    PQ_TRY(pq_arena_copy(&op->arena, edges[i].from_id, &e->from_id));
    PQ_TRY(pq_arena_copy(&op->arena, edges[i].predicate, &e->predicate));
    PQ_TRY(pq_arena_copy(&op->arena, edges[i].to_id, &e->to_id));
    e->row = weight_of(&edges[i]);
    a->truth.count++;
  }
  qsort(a->truth.edges, a->truth.count, sizeof *edges, compare_edges);
  op->stage = NULL;
  return PQ_OK;
}

/* One path after the other; of those that no edge has so many that columns must go. */
static int stage_numbers(pq_op *op) {
  static uint32_t turn;
  asker *a = asker_of(op);
  const char *texts[3] = {"data.w", "version",
                          pq_arena_printf(&op->scratch, "data.none%u", turn / 8 % 8)};
  bool is_done, has_negative;
  pq_path path;
  PQ_TRY(pq_path_parse(&op->scratch, pq_str(texts[a->read]), &path));
  PQ_TRY(pq_graph_numbers_read(a->graph, &op->fetch, &op->scratch, &path, &is_done));
  if (!is_done) return PQ_OK;
  turn++;
  PQ_TRY(pq_graph_numbers(a->graph, &op->arena, &path, &a->numbers[a->read], &has_negative));
  CHECK(!has_negative);
  if (++a->read == 3) op->stage = stage_truth;
  return PQ_OK;
}

/* Each edge has the numbers that its row or event has. */
static void check_numbers(const asker *a) {
  pq_predicates any = {.is_any = true};
  for (uint32_t n = 0; n < pq_graph_node_count(a->graph); n++) {
    pq_arc_walk w = pq_arcs_begin(a->graph, n, PQ_OUT, &any);
    pq_arcs arcs;
    while (pq_arcs_next(&w, &arcs))
      for (uint32_t i = 0; i < arcs.count; i++) {
        uint32_t edge = pq_arcs_edge(&arcs, i);
        double weight = a->numbers[0][edge], none = a->numbers[2][edge];
        pq_edge key = {.from_id = pq_graph_id(a->graph, n),
                       .predicate = pq_graph_predicate_name(a->graph, arcs.predicate),
                       .to_id = pq_graph_id(a->graph, arcs.far[i])};
        const pq_edge *e = bsearch(&key, a->truth.edges, a->truth.count, sizeof key, compare_edges);
        CHECK(e != NULL && a->numbers[1][edge] == (double)e->version && none != none);
        CHECK(e != NULL && (e->row > 0 ? weight == (double)e->row : weight != weight));
      }
  }
}

static int stage_graph(pq_op *op) {
  asker *a = asker_of(op);
  PQ_TRY(pq_graph_open(a->space->graphs, &a->snapshot.view, PQ_BOTH, &op->fetch, &op->scratch,
                       &a->graph));
  op->stage = stage_numbers;
  return PQ_OK;
}

static int stage_snapshot(pq_op *op) {
  asker *a = asker_of(op);
  PQ_TRY(pq_snapshot_open(&a->snapshot, a->space, op, a->as_of, a->is_flushed));
  op->stage = stage_graph;
  return PQ_OK;
}

static int stage_begin(pq_op *op) {
  PQ_TRY(pq_space_load(asker_of(op)->space, op));
  op->stage = stage_snapshot;
  return PQ_OK;
}

/* The graph as of a moment is what its edges and entities say. */
static void ask_graph(handle *h, pq_as_of as_of, bool is_flushed) {
  static pq_slice ids[NODES];
  static char texts[NODES][16];
  asker a = {.as_of = as_of, .is_flushed = is_flushed, .ids = ids, .id_count = NODES};
  int rc;
  for (uint32_t i = 0; i < NODES; i++) {
    snprintf(texts[i], sizeof texts[i], "n/%02u", i);
    ids[i] = pq_str(texts[i]);
  }
  CHECK(pq_db_space(&h->db, PQ_SLICE("n"), &a.space) == PQ_OK);
  CHECK(pq_op_init(&a.op, &h->cx, &a.space, sizeof a - offsetof(asker, space), stage_begin) ==
        PQ_OK);
  while ((rc = pq_op_step(&a.op, 1)) == PQ_NEED_IO)
    pq_driver_run(h->driver, &a.op.fetch);
  CHECK(rc == PQ_OK && a.op.stage == NULL);
  if (rc != PQ_OK) fprintf(stderr, "%s\n", h->cx.msg);
  if (rc == PQ_OK) check_graph(a.graph, &a.truth, &h->cx);
  if (rc == PQ_OK) check_numbers(&a);
  pq_graph_close(a.graph);
  pq_snapshot_close(&a.snapshot);
  pq_op_release(&a.op);
}

/* A random change; most of them are links. */
static void change(handle *h, uint64_t *seed) {
  uint32_t dice = random_below(seed, 100), a = random_below(seed, NODES),
           b = random_below(seed, NODES);
  const char *p = predicates[random_below(seed, PREDICATES)];
  char text[400];
  if (dice < 25)
    snprintf(
        text, sizeof text,
        "{\"link\": {\"from\": \"n/%02u\", \"predicate\": \"%s\", \"to\": \"n/%02u\", \"data\": "
        "{\"w\": %u}}}",
        a, p, b, 1 + dice);
  else if (dice < 55)
    snprintf(text, sizeof text,
             "{\"link\": {\"from\": \"n/%02u\", \"predicate\": \"%s\", \"to\": \"n/%02u\"}}", a, p,
             b);
  else if (dice < 70)
    snprintf(text, sizeof text,
             "{\"unlink\": {\"from\": \"n/%02u\", \"predicate\": \"%s\", \"to\": \"n/%02u\"}}", a,
             p, b);
  else if (dice < 76)
    snprintf(text, sizeof text, "{\"delete\": \"n/%02u\"}", a);
  else if (dice < 79)
    snprintf(text, sizeof text, "{\"delete\": \"n/%02u\", \"hard\": true}", a);
  else if (dice < 84)
    snprintf(text, sizeof text, "{\"restore\": \"n/%02u\"}", a);
  else if (dice < 90)
    snprintf(text, sizeof text, "{\"insert\": \"n\", \"documents\": [{\"$id\": \"%02u\"}]}", a);
  else if (dice < 93)
    snprintf(text, sizeof text, "{\"update\": \"n/%02u\", \"ops\": {\"$inc\": {\"x\": 1}}}", a);
  else if (dice < 98)
    snprintf(text, sizeof text, "{\"flush\": 1}");
  else
    snprintf(text, sizeof text, "{\"compact\": \"\"}");
  (void)run(h, text, NULL, 0); /* some find nobody there */
}

static uint64_t seq_of(handle *h) {
  pq_space *s;
  CHECK(pq_db_space(&h->db, PQ_SLICE("n"), &s) == PQ_OK);
  return s->seq;
}

static void test_graph_open(void) {
  for (uint64_t seed = 1; seed <= 6; seed++) {
    uint64_t state = seed;
    pq_memory_store *store = pq_memory_store_new();
    handle h;
    CHECK(store != NULL);
    open_handle(&h, store, true);
    for (uint32_t i = 0; i < NODES; i += 2) {
      char text[100];
      snprintf(text, sizeof text, "{\"insert\": \"n\", \"documents\": [{\"$id\": \"%02u\"}]}", i);
      CHECK(run(&h, text, NULL, 0) == PQ_OK);
    }
    for (uint32_t i = 0; i < STEPS; i++) {
      change(&h, &state);
      if (i % 3 != 0) continue;
      ask_graph(&h, (pq_as_of){0}, false);
      ask_graph(&h, (pq_as_of){0}, true);
      ask_graph(&h,
                (pq_as_of){.is_set = true,
                           .is_seq = true,
                           .seq = random_below(&state, (uint32_t)seq_of(&h) + 1),
                           .name = "asOf"},
                false);
      if (random_below(&state, 8) > 0) continue;
      close_handle(&h);
      open_handle(&h, store, true);
    }
    close_handle(&h);
    pq_memory_store_free(store);
  }
}

static void replay(handle *h, const char *lines) {
  pq_command *c;
  CHECK(pq_command_open(&h->db, PQ_SLICE("n"), PQ_SLICE("{\"replay\": 1}"), pq_str(lines), now_us,
                        &c) == PQ_OK);
  CHECK(step(h, c, NULL, 0) == PQ_OK);
  pq_command_close(c);
}

static void ask_both(handle *h) {
  ask_graph(h, (pq_as_of){0}, false);
  CHECK(run(h, "{\"flush\": 1}", NULL, 0) == PQ_OK);
  ask_graph(h, (pq_as_of){0}, false);
}

/* Edges whose ends nobody looked at show when there is somebody. */
static void test_graph_doubts(void) {
  pq_memory_store *store = pq_memory_store_new();
  handle h;
  open_handle(&h, store, true);
  CHECK(run(&h, "{\"insert\": \"n\", \"documents\": [{\"$id\": \"01\"}]}", NULL, 0) == PQ_OK);
  replay(&h,
         "{\"id\": \"01kdvdnaz80000000000000003\", \"op\": \"CREATE\", \"target\": \"rel\", "
         "\"entityId\": \"n/01\", \"predicate\": \"knows\", \"to\": \"n/02\"}\n");
  ask_both(&h);
  ask_graph(&h, (pq_as_of){.is_set = true, .is_seq = true, .seq = 2, .name = "asOf"}, false);
  CHECK(run(&h, "{\"insert\": \"n\", \"documents\": [{\"$id\": \"02\"}]}", NULL, 0) == PQ_OK);
  ask_both(&h);
  ask_graph(&h, (pq_as_of){.is_set = true, .is_seq = true, .seq = 2, .name = "asOf"}, false);
  CHECK(has(&h, "{\"related\": \"n/01\", \"predicate\": \"knows\"}", "n/02"));
  replay(&h,
         "{\"id\": \"01kdvdnaz80000000000000004\", \"op\": \"DELETE\", \"target\": \"entity\", "
         "\"entityId\": \"n/02\"}\n");
  ask_both(&h);
  CHECK(run(&h, "{\"insert\": \"n\", \"documents\": [{\"$id\": \"02\"}]}", NULL, 0) == PQ_OK);
  ask_both(&h); /* the edge was left, and shows again */
  CHECK(has(&h, "{\"related\": \"n/01\", \"predicate\": \"knows\"}", "n/02"));
  close_handle(&h);
  pq_memory_store_free(store);
}

int main(void) {
  RUN(test_graph_of);
  RUN(test_graph_of_oom);
  RUN(test_graph_open);
  RUN(test_graph_doubts);
  return unit_end();
}
