/* Unit tests of segments (rel/adjacency_file.c, adjacency_read.c): what is written is read back;
 * the codes; files that lie about counts, order and layout; turned bits; no memory. */
#include "adjacency_util.h"
#include "rel/adjacency_bits.h"

static int read_segment(pq_cx *cx, pq_slice bytes, uint64_t edge_count, pq_arena *arena,
                        pq_adjacency *out) {
  opened o;
  int rc = open_bytes(&o, cx, bytes);
  *out = (pq_adjacency){0};
  if (rc == PQ_OK)
    DRIVE(rc, &o.f, o.bytes, pq_adjacency_read(&o.f, &o.arena, &o.file, edge_count, arena, out));
  opened_release(&o);
  return rc;
}

static int round_trip(pq_cx *cx, const pq_adjacency *a, pq_arena *arena, pq_adjacency *out) {
  pq_writer *w;
  int rc;
  PQ_TRY(pq_adjacency_write(cx, a, &w));
  rc = read_segment(cx, pq_writer_bytes(w), a->edge_count, arena, out);
  pq_writer_free(w);
  return rc;
}

static void test_segment_round_trip(void) {
  static const uint32_t counts[] = {0, 1, 2, 10, 1000};
  for (uint64_t seed = 0; seed < 15; seed++) {
    fixture f;
    pq_adjacency a, b;
    unit_cx_init(&f.cx);
    CHECK(setup(&f, counts[seed % 5], seed, (typed_ends)(seed % 3)) == PQ_OK);
    CHECK(pq_adjacency_of(&f.arena, f.edges, f.count, &a) == PQ_OK);
    CHECK(round_trip(&f.cx, &a, &f.arena, &b) == PQ_OK && is_same(&a, &b));
    teardown(&f);
    CHECK(unit_live_len == 0);
  }
}

/* ---- arrays made by hand: gaps of all sizes ---- */

enum { NODES = 200000, RUNS = 9 };

typedef struct by_hand {
  pq_slice ids[NODES];
  uint32_t first_run[NODES + 1];
  pq_adjacency_run runs[RUNS + 1];
  uint32_t to[NODES * 2];
  char text[NODES * 7];
  pq_adjacency a;
} by_hand;

static void begin_run(by_hand *h, uint32_t predicate) {
  h->runs[h->a.run_count++] = (pq_adjacency_run){predicate, h->a.edge_count};
}

static by_hand *make_by_hand(void) {
  static const pq_slice predicates[] = {PQ_SLICE("a"), PQ_SLICE("b"), PQ_SLICE("c")};
  by_hand *h = calloc(1, sizeof *h);
  uint64_t state = 7;
  h->a = (pq_adjacency){.predicate_count = 3, .predicates = predicates, .node_count = NODES};
  for (uint32_t n = 0; n < NODES; n++) {
    sprintf(h->text + (size_t)n * 7, "%06u", n);
    h->ids[n] = (pq_slice){(const uint8_t *)h->text + (size_t)n * 7, 6};
    h->first_run[n] = h->a.run_count;
    if (n % (NODES / 3) != 5) continue; /* three nodes have three runs each */
    begin_run(h, 0);                    /* all nodes near the end, and the first: one large gap */
    h->to[h->a.edge_count++] = 0;
    for (uint32_t t = NODES - 40000; t < NODES; t += 1 + (n < 10 ? 0 : random_below(&state, 2)))
      h->to[h->a.edge_count++] = t;
    begin_run(h, 1); /* one */
    h->to[h->a.edge_count++] = random_below(&state, NODES);
    begin_run(h, 2); /* all */
    for (uint32_t t = 0; t < 20000; t++)
      h->to[h->a.edge_count++] = t * 3;
  }
  h->first_run[NODES] = h->a.run_count;
  h->runs[h->a.run_count] = (pq_adjacency_run){0, h->a.edge_count};
  h->a.ids = h->ids;
  h->a.first_run = h->first_run;
  h->a.runs = h->runs;
  h->a.to = h->to;
  return h;
}

/* More than one row group; runs of tens of thousands with a gap that escapes. */
static void test_segment_by_hand(void) {
  by_hand *h = make_by_hand();
  pq_adjacency b;
  pq_arena arena;
  pq_cx cx;
  unit_cx_init(&cx);
  pq_arena_init(&arena, &cx, 1u << 28);
  CHECK(round_trip(&cx, &h->a, &arena, &b) == PQ_OK);
  h->a.len = b.len;
  CHECK(is_same(&h->a, &b));
  pq_arena_release(&arena);
  CHECK(unit_live_len == 0);
  free(h);
}

static void test_segment_not_storable(void) {
  static pq_slice predicates[10001];
  static char text[10001][8];
  pq_adjacency_run runs[2] = {{0, 0}, {0, 1u << 30}};
  pq_adjacency a = {.predicates = predicates, .predicate_count = 10000};
  pq_cx cx;
  pq_writer *w;
  unit_cx_init(&cx);
  for (uint32_t i = 0; i < 10001; i++)
    predicates[i] = (pq_slice){(const uint8_t *)text[i], (size_t)sprintf(text[i], "%05u", i)};
  CHECK(pq_adjacency_is_storable(&a));
  a.predicate_count++;
  CHECK(!pq_adjacency_is_storable(&a) && pq_adjacency_write(&cx, &a, &w) == PQ_ELIMIT);
  predicates[0] = PQ_SLICE("\xff");
  a.predicate_count = 1;
  CHECK(!pq_adjacency_is_storable(&a));
  a = (pq_adjacency){.runs = runs, .run_count = 1};
  CHECK(!pq_adjacency_is_storable(&a));
  CHECK(unit_live_len == 0);
}

/* ---- codes ---- */

static void test_bits(void) {
  static const uint32_t numbers[] = {0, 1, 2, 3, 7, 8, 100, 65535, 65536, 1u << 28, UINT32_MAX};
  enum { COUNT = sizeof numbers / sizeof *numbers };
  for (unsigned k = 0; k <= PQ_RICE_K_MAX; k++) {
    uint8_t room[COUNT * 32] = {0};
    pq_bit_writer w = {.p = room};
    pq_bit_reader r = {.p = room};
    int wrong = 0;
    for (uint32_t i = 0; i < COUNT; i++) {
      pq_rice_write(&w, numbers[i], k);
      pq_gamma_write(&w, numbers[i] % PQ_GAMMA_MAX + 1);
      pq_bits_write(&w, numbers[i] & 31, 5);
    }
    pq_bits_end(&w);
    r.len = (size_t)(w.p - room);
    for (uint32_t i = 0; i < COUNT; i++) {
      wrong += pq_bits_are_read(&r);
      wrong += pq_rice_read(&r, k) != numbers[i];
      wrong += pq_gamma_read(&r) != numbers[i] % PQ_GAMMA_MAX + 1;
      wrong += pq_bits_read(&r, 5) != (numbers[i] & 31);
    }
    CHECK(wrong == 0 && pq_bits_are_read(&r));
    CHECK(pq_gamma_read(&r) == 0 && r.is_bad && !pq_bits_are_read(&r));
    r.is_bad = false;
    (void)pq_rice_read(&r, k);
    CHECK(r.is_bad);
  }
}

/* Behind the end there is nothing, wherever it is. */
static void test_bits_end(void) {
  for (size_t len = 0; len < 20; len++) {
    uint8_t *bytes = malloc(len + 1); /* a sanitizer sees a byte read behind it */
    pq_bit_reader r = {.p = bytes, .len = len};
    memset(bytes, 0, len + 1);
    for (r.pos = 0; r.pos < 300; r.pos++)
      CHECK(pq_bits_window(&r) == 0);
    memset(bytes, 0xff, len);
    for (r.pos = 0; r.pos < len * 8; r.pos++)
      CHECK(pq_trailing_zeros(~pq_bits_window(&r) | (uint64_t)1 << 63) >=
            (len * 8 - r.pos < 57 ? len * 8 - r.pos : 57));
    free(bytes);
  }
}

/* ---- hostile files ---- */

typedef struct forged {
  const char *kind, *note;
  const char *names[3];
  const char *ids[3];
  pq_slice edges[3];
} forged;

/* a -> b, a -> c: one run (1), 2 edges (gamma: 0 1 0), k as guessed (1): 1 010 1, then far ends 1
 * and 2, k 0: 01 1. From the least bit on: 1 0 1 0 1 0 1 1 */
#define EDGES_A PQ_SLICE("\xd5")
#define NOTE "{\"edges\":2,\"runs\":1,\"hasData\":false,\"predicates\":[\"p\"]}"
#define FORGED                                                        \
  {                                                                   \
    "adjacency 1", NOTE, {"id", "edges", "doubt"}, {"a", "b", "c"}, { \
      EDGES_A                                                         \
    }                                                                 \
  }

static int read_forged(const forged *g, uint64_t edge_count, pq_adjacency *out, pq_arena *arena) {
  pq_column_spec specs[3] = {
      {.name = g->names[0], .phys = PQ_PHYS_BYTES, .field_id = -1},
      {.name = g->names[1], .phys = PQ_PHYS_BYTES, .field_id = -1},
      {.name = g->names[2], .phys = PQ_PHYS_BOOL, .field_id = -1},
  };
  pq_slice ids[3] = {pq_str(g->ids[0]), pq_str(g->ids[1]), pq_str(g->ids[2])};
  pq_slice edges[3] = {g->edges[0], g->edges[1], g->edges[2]};
  uint8_t doubts[3] = {0, 1, 0};
  pq_column cols[3] = {{.phys = PQ_PHYS_BYTES, .row_count = 3, .v.bytes = ids},
                       {.phys = PQ_PHYS_BYTES, .row_count = 3, .v.bytes = edges},
                       {.phys = PQ_PHYS_BOOL, .row_count = 3, .v.b = doubts}};
  pq_key_value kv[2] = {{PQ_SLICE("parquedb.kind"), pq_str(g->kind)},
                        {PQ_SLICE("parquedb.adjacency"), pq_str(g->note)}};
  pq_writer *w = NULL;
  int rc = pq_writer_new(arena->cx, specs, 3, (pq_writer_options){0}, &w);
  if (rc == PQ_OK) rc = pq_writer_add(w, cols, 3);
  if (rc == PQ_OK) rc = pq_writer_finish(w, kv, 2);
  if (rc == PQ_OK) rc = read_segment(arena->cx, pq_writer_bytes(w), edge_count, arena, out);
  pq_writer_free(w);
  return rc;
}

static void test_segment_forged(void) {
  static const forged good = FORGED;
  forged bad[] = {FORGED, FORGED, FORGED, FORGED, FORGED, FORGED, FORGED, FORGED, FORGED,
                  FORGED, FORGED, FORGED, FORGED, FORGED, FORGED, FORGED, FORGED, FORGED};
  uint32_t n = 0;
  pq_adjacency a;
  pq_arena arena;
  pq_cx cx;
  unit_cx_init(&cx);
  pq_arena_init(&arena, &cx, 1u << 24);
  CHECK(read_forged(&good, 2, &a, &arena) == PQ_OK);
  CHECK(a.node_count == 3 && a.run_count == 1 && a.edge_count == 2 && a.to[0] == 1 && a.to[1] == 2);
  CHECK(!pq_adjacency_doubts(&a, 0) && pq_adjacency_doubts(&a, 1) && !a.has_data);
  CHECK(read_forged(&good, 3, &a, &arena) == PQ_ECORRUPT && a.node_count == 0);
  bad[n++].kind = "edges 1";
  bad[n++].note = "";
  bad[n++].note = "{\"edges\":2,\"runs\":1,\"hasData\":0,\"predicates\":[\"p\"]}";
  bad[n++].note = "{\"edges\":-2,\"runs\":1,\"hasData\":false,\"predicates\":[\"p\"]}";
  bad[n++].note = "{\"edges\":2,\"runs\":3,\"hasData\":false,\"predicates\":[\"p\"]}";
  bad[n++].note = "{\"edges\":2,\"runs\":2,\"hasData\":false,\"predicates\":[\"p\"]}";
  bad[n++].note = "{\"edges\":2,\"runs\":1,\"hasData\":false,\"predicates\":[\"p\",\"a\"]}";
  bad[n++].note = "{\"edges\":2,\"runs\":1,\"hasData\":false,\"predicates\":[3]}";
  bad[n++].note = "{\"edges\":2,\"runs\":1,\"hasData\":false,\"predicates\":[]}";
  bad[n++].names[1] = "edge";
  bad[n++].ids[1] = "a";
  bad[n++].ids[2] = "aa";
  bad[n++].edges[0] = PQ_SLICE("\xd5\x00");     /* more bits than edges */
  bad[n++].edges[0] = PQ_SLICE("\x55");         /* the last one is cut off */
  bad[n++].edges[0] = PQ_SLICE("\x95\x01");     /* to node 3 */
  bad[n++].edges[1] = EDGES_A;                  /* more edges than there are */
  bad[n++].edges[0] = (pq_slice){0};            /* fewer */
  bad[n++].edges[0] = PQ_SLICE("\x00\x00\x00"); /* no number */
  for (uint32_t i = 0; i < n; i++) {
    int rc = read_forged(&bad[i], 2, &a, &arena);
    if (rc != PQ_ECORRUPT) fprintf(stderr, "forged %u: %d\n", i, rc);
    CHECK(rc == PQ_ECORRUPT && a.node_count == 0);
  }
  bad[0].kind = "adjacency 2";
  CHECK(read_forged(&bad[0], 2, &a, &arena) == PQ_EUNSUPPORTED);
  pq_arena_release(&arena);
  CHECK(unit_live_len == 0);
}

/* Each turned bit is found: by a checksum, or because it says nothing else. */
static void test_segment_turned_bits(void) {
  fixture f;
  pq_adjacency a, b;
  pq_writer *w;
  uint8_t *bytes;
  int wrong = 0;
  unit_cx_init(&f.cx);
  CHECK(setup(&f, 60, 3, TYPES_SOME) == PQ_OK);
  CHECK(pq_adjacency_of(&f.arena, f.edges, f.count, &a) == PQ_OK);
  CHECK(pq_adjacency_write(&f.cx, &a, &w) == PQ_OK);
  bytes = malloc(pq_writer_bytes(w).n);
  for (size_t i = 0; i < pq_writer_bytes(w).n * 8; i += 3) {
    pq_slice turned = {bytes, pq_writer_bytes(w).n};
    pq_arena arena;
    int rc;
    pq_arena_init(&arena, &f.cx, 1u << 24);
    memcpy(bytes, pq_writer_bytes(w).p, turned.n);
    bytes[i / 8] ^= (uint8_t)(1u << i % 8);
    rc = read_segment(&f.cx, turned, f.count, &arena, &b);
    /* The footer has its checksum in the log. */
    wrong += rc == PQ_OK && i / 8 < turned.n - pq_writer_footer_len(w) - 8 && !is_same(&a, &b);
    pq_arena_release(&arena);
  }
  CHECK(wrong == 0);
  free(bytes);
  pq_writer_free(w);
  teardown(&f);
  CHECK(unit_live_len == 0);
}

static void test_segment_oom(void) {
  int rc = PQ_OK;
  for (long n = 1; n > 0; n = unit_oom_next(n, rc)) {
    fixture f;
    pq_adjacency a, b;
    unit_cx_init(&f.cx);
    CHECK(setup(&f, 300, 3, TYPES_SOME) == PQ_OK);
    CHECK(pq_adjacency_of(&f.arena, f.edges, f.count, &a) == PQ_OK);
    unit_calls = 0;
    unit_fail_at = n;
    rc = round_trip(&f.cx, &a, &f.arena, &b);
    teardown(&f);
  }
}

int main(void) {
  RUN(test_segment_round_trip);
  RUN(test_segment_by_hand);
  RUN(test_segment_not_storable);
  RUN(test_bits);
  RUN(test_bits_end);
  RUN(test_segment_forged);
  RUN(test_segment_turned_bits);
  RUN(test_segment_oom);
  return unit_end();
}
