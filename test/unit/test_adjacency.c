/* Unit tests of rel/adjacency: edges in memory and rows of a forward file become the same arrays,
 * which say what the edges say; rows out of order, twice, and files without the columns. */
#include "adjacency_util.h"

/* ---- what the arrays must say ---- */

static bool is_doubted(const fixture *f, pq_slice id) {
  for (uint32_t i = 0; i < f->count; i++) {
    const pq_edge *e = &f->edges[i];
    if (e->from_type.p == NULL && pq_slice_eq(e->from_id, id)) return true;
    if (e->to_type.p == NULL && pq_slice_eq(e->to_id, id)) return true;
  }
  return false;
}

static int wrong_nodes(const fixture *f, const pq_adjacency *a) {
  int wrong = 0;
  for (uint32_t n = 0; n < a->node_count; n++) {
    wrong += n > 0 && pq_slice_cmp(a->ids[n - 1], a->ids[n]) >= 0;
    wrong += pq_adjacency_doubts(a, n) != is_doubted(f, a->ids[n]);
    wrong += a->first_run[n] > a->first_run[n + 1];
  }
  for (uint32_t p = 1; p < a->predicate_count; p++)
    wrong += pq_slice_cmp(a->predicates[p - 1], a->predicates[p]) >= 0;
  return wrong + (a->first_run[0] != 0 || a->first_run[a->node_count] != a->run_count);
}

static int wrong_edges(const fixture *f, const pq_adjacency *a) {
  int wrong = 0;
  uint32_t seen = 0;
  for (uint32_t n = 0; n < a->node_count; n++) {
    for (uint32_t r = a->first_run[n]; r < a->first_run[n + 1]; r++) {
      wrong += a->runs[r].first_edge != seen || a->runs[r + 1].first_edge <= seen;
      for (uint32_t e = a->runs[r].first_edge; e < a->runs[r + 1].first_edge; e++, seen++) {
        wrong += !pq_slice_eq(f->edges[e].from_id, a->ids[n]);
        wrong += !pq_slice_eq(f->edges[e].predicate, a->predicates[a->runs[r].predicate]);
        wrong += !pq_slice_eq(f->edges[e].to_id, a->ids[a->to[e]]);
      }
    }
  }
  return wrong + (seen != f->count);
}

static void check(const fixture *f, const pq_adjacency *a) {
  bool has_data = false, has_doubts = false;
  uint32_t ends = 0;
  for (uint32_t i = 0; i < f->count; i++) {
    has_data |= !pq_value_is_missing(f->edges[i].data);
    has_doubts |= f->edges[i].from_type.p == NULL || f->edges[i].to_type.p == NULL;
  }
  CHECK(a->edge_count == f->count && a->has_data == has_data);
  CHECK((a->doubts != NULL) == has_doubts);
  CHECK(wrong_nodes(f, a) == 0);
  CHECK(wrong_edges(f, a) == 0);
  for (uint32_t n = 0; n < a->node_count; n++) {
    bool is_end = false;
    for (uint32_t i = 0; i < f->count && !is_end; i++)
      is_end =
          pq_slice_eq(f->edges[i].from_id, a->ids[n]) || pq_slice_eq(f->edges[i].to_id, a->ids[n]);
    ends += is_end;
  }
  CHECK(ends == a->node_count);
  CHECK(a->len >= sizeof *a + a->edge_count * sizeof *a->to);
}

/* ---- edges in memory ---- */

static void test_adjacency_of(void) {
  static const uint32_t counts[] = {0, 1, 2, 10, 1000};
  for (uint64_t seed = 0; seed < 10; seed++) {
    fixture f;
    pq_adjacency a;
    unit_cx_init(&f.cx);
    CHECK(setup(&f, counts[seed % 5], seed, (typed_ends)(seed % 3)) == PQ_OK);
    CHECK(pq_adjacency_of(&f.arena, f.edges, f.count, &a) == PQ_OK);
    check(&f, &a);
    teardown(&f);
    CHECK(unit_live_len == 0);
  }
}

static void swap(pq_edge *a, pq_edge *b) {
  pq_edge e = *a;
  *a = *b;
  *b = e;
}

/* Not by their from end, predicate or to end, and not each once. */
static void test_adjacency_of_disorder(void) {
  const pq_edge edges[] = {
      {.from_id = PQ_SLICE("a"), .predicate = PQ_SLICE("p"), .to_id = PQ_SLICE("x")},
      {.from_id = PQ_SLICE("a"), .predicate = PQ_SLICE("p"), .to_id = PQ_SLICE("y")},
      {.from_id = PQ_SLICE("a"), .predicate = PQ_SLICE("q"), .to_id = PQ_SLICE("x")},
      {.from_id = PQ_SLICE("b"), .predicate = PQ_SLICE("p"), .to_id = PQ_SLICE("a")}};
  fixture f;
  unit_cx_init(&f.cx);
  pq_arena_init(&f.arena, &f.cx, 1u << 20);
  for (uint32_t i = 0; i < 4; i++) {
    pq_edge some[4];
    pq_adjacency a;
    memcpy(some, edges, sizeof some);
    if (i == 3)
      some[2] = some[1];
    else
      swap(&some[i], &some[i + 1]);
    CHECK(pq_adjacency_of(&f.arena, some, 4, &a) == PQ_EINVALID);
    CHECK(a.node_count == 0);
  }
  pq_arena_release(&f.arena);
  CHECK(unit_live_len == 0);
}

static void test_adjacency_of_oom(void) {
  int rc = PQ_OK;
  for (long n = 1; n > 0; n = unit_oom_next(n, rc)) {
    fixture f;
    pq_adjacency a;
    unit_cx_init(&f.cx);
    rc = setup(&f, 700, 3, TYPES_SOME);
    CHECK(rc == PQ_OK);
    unit_calls = 0;
    unit_fail_at = n;
    rc = pq_adjacency_of(&f.arena, f.edges, f.count, &a);
    teardown(&f);
  }
}

/* ---- files ---- */

/* A file of edges as they stand, in row groups of some rows. */
static int write_file(pq_cx *cx, const pq_edge *edges, uint32_t count, uint32_t group,
                      pq_writer **out) {
  pq_edge_stream *s;
  uint64_t len = UINT64_MAX;
  int rc;
  *out = NULL;
  PQ_TRY(pq_edge_stream_new(cx, PQ_SLICE("default"), false, &s));
  rc = PQ_OK;
  for (uint32_t i = 0; rc == PQ_OK && i < count; i++) {
    rc = pq_edge_stream_put(s, &edges[i]);
    if (i % group == group - 1 || i == count - 1) pq_edge_stream_end(s);
    while (rc == PQ_OK && pq_edge_stream_is_full(s))
      rc = pq_edge_stream_step(s, &len);
  }
  if (rc == PQ_OK) rc = pq_edge_stream_finish(s, out);
  pq_edge_stream_free(s);
  return rc;
}

static int build(opened *o, pq_arena *arena, pq_adjacency *out) {
  int rc;
  DRIVE(rc, &o->f, o->bytes, pq_adjacency_build(&o->f, &o->arena, &o->file, arena, out));
  return rc;
}

static void check_file(uint32_t count, uint32_t group, uint64_t seed, typed_ends types) {
  fixture f;
  opened o;
  pq_writer *w;
  pq_adjacency a, b;
  unit_cx_init(&f.cx);
  CHECK(setup(&f, count, seed, types) == PQ_OK);
  CHECK(write_file(&f.cx, f.edges, f.count, group, &w) == PQ_OK);
  CHECK(open_bytes(&o, &f.cx, pq_writer_bytes(w)) == PQ_OK);
  CHECK(build(&o, &f.arena, &a) == PQ_OK);
  check(&f, &a);
  CHECK(pq_adjacency_of(&f.arena, f.edges, f.count, &b) == PQ_OK && is_same(&a, &b));
  opened_release(&o);
  pq_writer_free(w);
  teardown(&f);
  CHECK(unit_live_len == 0);
}

static void test_adjacency_build(void) {
  check_file(0, 1, 0, TYPES_ALL);
  check_file(1, 1, 0, TYPES_NONE);
  check_file(500, 1000, 1, TYPES_ALL);
  check_file(500, 100, 2, TYPES_NONE);
  check_file(500, 100, 3, TYPES_SOME); /* some row groups are without types, some have them all */
  check_file(300, 7, 4, TYPES_SOME);
  check_file(5000, 5000, 5, TYPES_SOME);
}

/* A plan notes what would be read and reads nothing. */
static void test_adjacency_plan(void) {
  fixture f;
  opened o;
  pq_writer *w;
  pq_adjacency a;
  unit_cx_init(&f.cx);
  CHECK(setup(&f, 500, 3, TYPES_ALL) == PQ_OK);
  CHECK(write_file(&f.cx, f.edges, f.count, 100, &w) == PQ_OK);
  CHECK(open_bytes(&o, &f.cx, pq_writer_bytes(w)) == PQ_OK);
  pq_fetch_clear(&o.f); /* of the tail of the file, which is all of it */
  o.f.is_plan = true;
  CHECK(pq_adjacency_build(&o.f, &o.arena, &o.file, &f.arena, &a) == PQ_OK);
  CHECK(o.f.noted_requests > 0 && a.node_count == 0);
  opened_release(&o);
  pq_writer_free(w);
  teardown(&f);
}

/* Rows that are not in order, or twice, in one row group or on both sides of a border. */
static void test_adjacency_build_disorder(void) {
  fixture f;
  unit_cx_init(&f.cx);
  CHECK(setup(&f, 400, 6, TYPES_ALL) == PQ_OK);
  for (uint32_t at = 0; at + 1 < f.count; at += 13) {
    for (int is_twice = 0; is_twice < 2; is_twice++) {
      pq_edge before = f.edges[at];
      opened o;
      pq_writer *w;
      pq_adjacency a;
      if (is_twice)
        f.edges[at] = f.edges[at + 1];
      else
        swap(&f.edges[at], &f.edges[at + 1]);
      CHECK(write_file(&f.cx, f.edges, f.count, 53, &w) == PQ_OK);
      CHECK(open_bytes(&o, &f.cx, pq_writer_bytes(w)) == PQ_OK);
      CHECK(build(&o, &f.arena, &a) == PQ_ECORRUPT && a.node_count == 0);
      CHECK(strstr(f.cx.msg, "t/1.parquet: edge ") != NULL);
      opened_release(&o);
      pq_writer_free(w);
      if (!is_twice) swap(&f.edges[at], &f.edges[at + 1]);
      f.edges[at] = before;
    }
  }
  teardown(&f);
  CHECK(unit_live_len == 0);
}

static void test_adjacency_build_columns(void) {
  fixture f;
  opened o;
  pq_adjacency a;
  pq_slice text = PQ_SLICE("x");
  pq_column_spec specs[17];
  pq_column cols[17];
  uint8_t none = 1;
  pq_writer *w;
  static const char *const names[17] = {"from_ns", "from_id", "from_name", "from_type", "predicate",
                                        "reverse", "to_ns",   "to_id",     "to_name",   "to_type",
                                        "a",       "b",       "c",         "d",         "e",
                                        "f",       "g"};
  unit_cx_init(&f.cx);
  pq_arena_init(&f.arena, &f.cx, 1u << 24);
  /* variant 0: as it must be. 1: a name. 2: nulls. 3: too few columns */
  for (int variant = 0; variant < 4; variant++) {
    uint32_t n = variant == 3 ? 12 : 17;
    for (uint32_t i = 0; i < 17; i++) {
      bool is_optional = i == 3 || i == 9 || i == 16 || (variant == 2 && i == 7);
      specs[i] = (pq_column_spec){
          .name = names[i], .phys = PQ_PHYS_BYTES, .field_id = -1, .is_optional = is_optional};
      cols[i] = (pq_column){.phys = PQ_PHYS_BYTES,
                            .row_count = 1,
                            .v.bytes = &text,
                            .nulls = is_optional ? &none : NULL};
    }
    if (variant == 1) specs[7].name = "to_idd";
    CHECK(pq_writer_new(&f.cx, specs, n, (pq_writer_options){0}, &w) == PQ_OK);
    CHECK(pq_writer_add(w, cols, n) == PQ_OK);
    CHECK(pq_writer_finish(w, NULL, 0) == PQ_OK);
    CHECK(open_bytes(&o, &f.cx, pq_writer_bytes(w)) == PQ_OK);
    CHECK(build(&o, &f.arena, &a) == (variant == 0 ? PQ_OK : PQ_ECORRUPT));
    CHECK(a.edge_count == (variant == 0 ? 1u : 0u));
    opened_release(&o);
    pq_writer_free(w);
  }
  pq_arena_release(&f.arena);
  CHECK(unit_live_len == 0);
}

static void test_adjacency_build_oom(void) {
  int rc = PQ_OK;
  for (long n = 1; n > 0; n = unit_oom_next(n, rc)) {
    fixture f;
    opened o;
    pq_writer *w;
    pq_adjacency a;
    unit_cx_init(&f.cx);
    CHECK(setup(&f, 400, 3, TYPES_SOME) == PQ_OK);
    CHECK(write_file(&f.cx, f.edges, f.count, 200, &w) == PQ_OK);
    CHECK(open_bytes(&o, &f.cx, pq_writer_bytes(w)) == PQ_OK);
    unit_calls = 0;
    unit_fail_at = n;
    rc = build(&o, &f.arena, &a);
    opened_release(&o);
    pq_writer_free(w);
    teardown(&f);
  }
}

int main(void) {
  RUN(test_adjacency_of);
  RUN(test_adjacency_of_disorder);
  RUN(test_adjacency_of_oom);
  RUN(test_adjacency_build);
  RUN(test_adjacency_plan);
  RUN(test_adjacency_build_disorder);
  RUN(test_adjacency_build_columns);
  RUN(test_adjacency_build_oom);
  return unit_end();
}
