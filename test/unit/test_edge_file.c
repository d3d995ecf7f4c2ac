/* Unit tests of rel/: edge files written in both directions, their columns and order, and the edges
 * of nodes read back through a view, with delete positions and an overlay. */
#include "parquet_util.h"
#include "rel/edge.h"
#include "value/compare.h"
#include "value/json.h"

/* Leaves by number (doc/formats/edges.md). */
enum { FROM_NS, FROM_ID, FROM_NAME, FROM_TYPE, PREDICATE, REVERSE, TO_NS, TO_ID, TO_NAME, TO_TYPE };
enum {
  CREATED_AT = 10,
  CREATED_BY,
  VERSION,
  MATCH_MODE,
  CONFIDENCE,
  DATA_META,
  DATA_VALUE,
  LEAVES
};

enum { POSTS = 300, EDGES = POSTS * 2 };

typedef struct fixture {
  pq_cx cx;
  pq_arena arena;
  pq_builder *builder;
  pq_edge *edges; /* posts/p<i> -author-> users/u<i % 7>, -tag-> tags/t<i % 3> */
  uint32_t count;
  pq_writer *writer;
} fixture;

static char *name_of(fixture *f, const char *fmt, uint32_t i) {
  return pq_arena_printf(&f->arena, fmt, i);
}

static int make_edge(fixture *f, uint32_t i, pq_edge *e) {
  uint32_t post = (i / 2 * 7919) % POSTS; /* not in order */
  bool is_author = i % 2 == 0;
  char *from = name_of(f, "posts/p%04u", post);
  char *to = is_author ? name_of(f, "users/u%u", post % 7) : name_of(f, "tags/t%u", post % 3);
  char *json = name_of(f, "{\"weight\": %u}", post);
  if (from == NULL || to == NULL || json == NULL) return f->cx.code;
  *e = (pq_edge){.from_id = pq_str(from),
                 .to_id = pq_str(to),
                 .predicate = is_author ? PQ_SLICE("author") : PQ_SLICE("tag"),
                 .reverse = is_author ? PQ_SLICE("posts") : PQ_SLICE("tagged"),
                 .from_type = PQ_SLICE("Post"),
                 .created_at = 1000 + post,
                 .created_by = PQ_SLICE("me"),
                 .version = post % 4 + 1};
  if (is_author) e->to_name = PQ_SLICE("Ada");
  if (post % 5 != 0) return PQ_OK;
  pq_builder_clear(f->builder);
  return pq_json_value(f->builder, pq_str(json), &f->arena, &e->data);
}

static int setup(fixture *f, uint32_t count, bool is_reverse) {
  pq_arena_init(&f->arena, &f->cx, 1u << 30);
  f->builder = NULL;
  f->writer = NULL;
  f->count = count;
  PQ_TRY(pq_builder_new(&f->cx, &f->builder));
  f->edges = pq_arena_calloc(&f->arena, count, sizeof *f->edges);
  if (f->edges == NULL) return f->cx.code;
  for (uint32_t i = 0; i < count; i++)
    PQ_TRY(make_edge(f, i, &f->edges[i]));
  return pq_edge_file_write(&f->cx, PQ_SLICE("default"), f->edges, count, is_reverse, &f->writer);
}

static void teardown(fixture *f) {
  pq_writer_free(f->writer);
  pq_builder_free(f->builder);
  pq_arena_release(&f->arena);
}

/* ---- the file ---- */

static const pq_edge *edge_of(const fixture *f, const pq_column *cols, uint32_t row) {
  for (uint32_t i = 0; i < f->count; i++) {
    const pq_edge *e = &f->edges[i];
    if (pq_slice_eq(e->from_id, cols[FROM_ID].v.bytes[row]) &&
        pq_slice_eq(e->predicate, cols[PREDICATE].v.bytes[row]) &&
        pq_slice_eq(e->to_id, cols[TO_ID].v.bytes[row]))
      return e;
  }
  return NULL;
}

static bool text_is(const pq_column *c, uint32_t row, pq_slice text) {
  if (text.p == NULL) return pq_column_is_null(c, row);
  return !pq_column_is_null(c, row) && pq_slice_eq(c->v.bytes[row], text);
}

static bool row_is(pq_cx *cx, const pq_column *cols, uint32_t row, const pq_edge *e,
                   bool is_reverse) {
  pq_slice from_name = is_reverse ? (pq_slice){0} : e->from_name;
  pq_slice to_name = is_reverse ? e->to_name : (pq_slice){0};
  pq_value data;
  bool has_data = !pq_value_is_missing(e->data);
  if (pq_column_is_null(&cols[DATA_VALUE], row) == has_data) return false;
  if (has_data && (pq_value_check(cx, cols[DATA_META].v.bytes[row], cols[DATA_VALUE].v.bytes[row],
                                  &data) != PQ_OK ||
                   pq_value_compare(data, e->data) != 0))
    return false;
  return text_is(&cols[FROM_NS], row, PQ_SLICE("default")) &&
         text_is(&cols[TO_NS], row, PQ_SLICE("default")) &&
         text_is(&cols[FROM_NAME], row, from_name) &&
         text_is(&cols[FROM_TYPE], row, e->from_type) && text_is(&cols[REVERSE], row, e->reverse) &&
         text_is(&cols[TO_NAME], row, to_name) && text_is(&cols[TO_TYPE], row, e->to_type) &&
         text_is(&cols[CREATED_BY], row, e->created_by) &&
         cols[CREATED_AT].v.i64[row] == e->created_at &&
         cols[VERSION].v.i64[row] == (int64_t)e->version &&
         pq_column_is_null(&cols[MATCH_MODE], row) && pq_column_is_null(&cols[CONFIDENCE], row);
}

static void check_file(bool is_reverse) {
  static const char *const names[LEAVES] = {
      "from_ns", "from_id",   "from_name",  "from_type",     "predicate", "reverse",
      "to_ns",   "to_id",     "to_name",    "to_type",       "createdAt", "createdBy",
      "version", "matchMode", "confidence", "data.metadata", "data.value"};
  fixture f;
  opened o;
  pq_column cols[LEAVES];
  const pq_edge *before = NULL;
  int wrong = 0;
  unit_cx_init(&f.cx);
  CHECK(setup(&f, EDGES, is_reverse) == PQ_OK);
  CHECK(open_bytes(&o, &f.cx, pq_writer_bytes(f.writer)) == PQ_OK);
  CHECK(o.file.footer->row_count == EDGES && o.file.footer->leaf_count == LEAVES);
  CHECK(pq_slice_is(pq_footer_key(o.file.footer, "parquedb.kind"),
                    is_reverse ? "edges-reverse 1" : "edges 1"));
  for (uint32_t l = 0; l < LEAVES; l++) {
    CHECK(pq_slice_is(o.file.footer->leaves[l].path, names[l]));
    CHECK(o.file.footer->leaves[l].field_id == (int32_t)(l < DATA_VALUE ? l + 1 : l));
    CHECK(read_chunk_of(&o, (read_spec){0, l, true, NULL, 0}, &cols[l]) == PQ_OK);
  }
  for (uint32_t row = 0; row < EDGES; row++) {
    const pq_edge *e = edge_of(&f, cols, row);
    CHECK(e != NULL);
    if (e == NULL) break;
    wrong += !row_is(&f.cx, cols, row, e, is_reverse);
    wrong += before != NULL && pq_edge_compare(before, e, is_reverse) >= 0;
    before = e;
  }
  CHECK(wrong == 0);
  opened_release(&o);
  teardown(&f);
  CHECK(unit_live_len == 0);
}

static void test_edge_file_forward(void) {
  check_file(false);
}

static void test_edge_file_reverse(void) {
  check_file(true);
}

/* A name is stored at the end by which the file is sorted, unless it is the local id. */
static void check_names(bool is_reverse, const char *expected) {
  pq_edge e = {.from_id = PQ_SLICE("posts/p1"),
               .from_name = PQ_SLICE("p1"),
               .predicate = PQ_SLICE("author"),
               .reverse = PQ_SLICE("posts"),
               .to_id = PQ_SLICE("users/u7"),
               .to_name = PQ_SLICE("7"),
               .created_by = PQ_SLICE("me")};
  pq_cx cx;
  pq_writer *w;
  opened o;
  pq_column from, to;
  unit_cx_init(&cx);
  CHECK(pq_edge_file_write(&cx, PQ_SLICE("default"), &e, 1, is_reverse, &w) == PQ_OK);
  CHECK(open_bytes(&o, &cx, pq_writer_bytes(w)) == PQ_OK);
  CHECK(read_chunk_of(&o, (read_spec){0, FROM_NAME, true, NULL, 0}, &from) == PQ_OK);
  CHECK(read_chunk_of(&o, (read_spec){0, TO_NAME, true, NULL, 0}, &to) == PQ_OK);
  CHECK(pq_column_is_null(&from, 0));
  CHECK(text_is(&to, 0, expected == NULL ? (pq_slice){0} : pq_str(expected)));
  opened_release(&o);
  pq_writer_free(w);
  CHECK(unit_live_len == 0);
}

static void test_edge_file_names(void) {
  check_names(false, NULL);
  check_names(true, "7");
}

static void test_edge_compare(void) {
  pq_edge a = {.from_id = PQ_SLICE("a"),
               .predicate = PQ_SLICE("p"),
               .reverse = PQ_SLICE("z"),
               .to_id = PQ_SLICE("x")};
  pq_edge b = a;
  CHECK(pq_edge_compare(&a, &b, false) == 0 && pq_edge_compare(&a, &b, true) == 0);
  b.reverse = PQ_SLICE("y"); /* no part of an edge's identity, but of the reverse order */
  CHECK(pq_edge_compare(&a, &b, false) == 0 && pq_edge_compare(&a, &b, true) > 0);
  b = a;
  b.predicate = PQ_SLICE("q");
  CHECK(pq_edge_compare(&a, &b, false) < 0 && pq_edge_compare(&a, &b, true) < 0);
  b.from_id = PQ_SLICE("A");
  CHECK(pq_edge_compare(&a, &b, false) > 0 && pq_edge_compare(&a, &b, true) > 0);
  b.to_id = PQ_SLICE("y");
  CHECK(pq_edge_compare(&a, &b, false) > 0 && pq_edge_compare(&a, &b, true) < 0);
}

static void test_edge_file_oom(void) {
  int rc = PQ_OK;
  for (long n = 1; n > 0; n = unit_oom_next(n, rc)) {
    fixture f;
    unit_cx_init(&f.cx);
    unit_fail_at = n;
    rc = setup(&f, 20, true);
    teardown(&f);
  }
}

/* ---- the edges of nodes ---- */

typedef struct reader {
  pq_manifest manifest;
  pq_file_cache files;
  pq_overlay overlay;
  pq_cached_file deletes; /* positions only */
  pq_cached_file *delete_list[1];
  pq_view view;
  pq_fetch fetch;
  pq_arena scratch;
  int rounds;
} reader;

/* A namespace of one entry that added the fixture's file. */
static int reader_open(reader *r, fixture *f, bool is_reverse) {
  static const char *const keys[] = {"rels/forward/1-1-ab.parquet", "rels/reverse/1-2-ab.parquet"};
  pq_file_info info = {.kind = is_reverse ? PQ_FILE_REVERSE : PQ_FILE_FORWARD,
                       .name = keys[is_reverse],
                       .len = pq_writer_bytes(f->writer).n,
                       .footer_len = pq_writer_footer_len(f->writer),
                       .row_count = f->count,
                       .id_min = is_reverse ? PQ_SLICE("tags/t0") : PQ_SLICE("posts/p0000"),
                       .id_max = is_reverse ? PQ_SLICE("users/u6") : PQ_SLICE("posts/p9999"),
                       .removed = PQ_ENTRY_NONE};
  pq_log_entry entry = {.entry = 1,
                        .seq_hi = EDGES,
                        .ts_hi = 1,
                        .epoch = 1,
                        .writer = PQ_SLICE("00000000000000a1"),
                        .commit = PQ_SLICE("00000000000000a1"),
                        .add = &info,
                        .add_count = 1};
  *r = (reader){0};
  pq_manifest_init(&r->manifest, &f->cx);
  pq_file_cache_init(&r->files, &f->cx, "default");
  pq_overlay_init(&r->overlay, &f->cx);
  pq_fetch_init(&r->fetch, &f->cx);
  pq_arena_init(&r->scratch, &f->cx, 1u << 30);
  r->view = (pq_view){.cx = &f->cx,
                      .manifest = &r->manifest,
                      .entry = 1,
                      .seq = EDGES,
                      .files = &r->files,
                      .overlay = &r->overlay};
  return pq_manifest_apply(&r->manifest, &entry);
}

static void reader_release(reader *r) {
  pq_fetch_release(&r->fetch);
  pq_arena_release(&r->scratch);
  pq_overlay_release(&r->overlay);
  pq_file_cache_release(&r->files);
  pq_manifest_release(&r->manifest);
}

static int read_edges(reader *r, fixture *f, const pq_edge_query *q, pq_edge **out,
                      uint32_t *count) {
  int rc;
  pq_fetch_clear(&r->fetch);
  r->rounds = 0;
  for (;;) {
    pq_arena_clear(&r->scratch);
    rc = pq_edges_read(&r->view, &r->fetch, &r->scratch, q, out, count);
    if (rc != PQ_NEED_IO || r->rounds == 8) return rc;
    serve(&r->fetch, pq_writer_bytes(f->writer));
    r->rounds++;
  }
}

/* How many of the fixture's edges a query means, by looking at each. */
static uint32_t count_wanted(const fixture *f, const pq_edge_query *q) {
  uint32_t n = 0;
  for (uint32_t i = 0; i < f->count; i++) {
    const pq_edge *e = &f->edges[i];
    bool is_node = false;
    for (uint32_t k = 0; k < q->node_count; k++)
      is_node |= pq_slice_eq(q->nodes[k], q->is_reverse ? e->to_id : e->from_id);
    n += is_node && (q->predicate.n == 0 || pq_slice_eq(q->predicate, e->predicate));
  }
  return n;
}

static void check_query(reader *r, fixture *f, pq_edge_query q, uint32_t expected) {
  pq_edge *edges;
  uint32_t count;
  int wrong = 0;
  CHECK(read_edges(r, f, &q, &edges, &count) == PQ_OK);
  CHECK(count == expected && count == count_wanted(f, &q));
  for (uint32_t i = 1; i < count; i++)
    wrong += pq_edge_compare(&edges[i - 1], &edges[i], q.is_reverse) >= 0;
  for (uint32_t i = 0; i < count; i++) {
    bool has_data = !pq_value_is_missing(edges[i].data);
    wrong += edges[i].info == NULL || edges[i].row >= EDGES;
    wrong += q.needs_data && has_data != ((edges[i].created_at - 1000) % 5 == 0);
    wrong += !q.needs_data && (has_data || edges[i].version != 0);
  }
  CHECK(wrong == 0);
}

static void test_edges_forward(void) {
  pq_slice nodes[] = {PQ_SLICE("aaa"), PQ_SLICE("posts/p0000"), PQ_SLICE("posts/p0005"),
                      PQ_SLICE("posts/p0299"), PQ_SLICE("zzz")};
  fixture f;
  reader r;
  unit_cx_init(&f.cx);
  CHECK(setup(&f, EDGES, false) == PQ_OK);
  CHECK(reader_open(&r, &f, false) == PQ_OK);
  check_query(&r, &f, (pq_edge_query){.nodes = nodes, .node_count = 5, .needs_data = true}, 6);
  CHECK(r.rounds == 5); /* cold: footer, bloom, key pages, page indexes, pages */
  check_query(&r, &f,
              (pq_edge_query){.nodes = nodes, .node_count = 5, .predicate = PQ_SLICE("author")}, 3);
  CHECK(r.rounds == 2); /* warm: page indexes, pages */
  /* A reverse name is no predicate. */
  check_query(&r, &f,
              (pq_edge_query){.nodes = nodes, .node_count = 5, .predicate = PQ_SLICE("posts")}, 0);
  check_query(&r, &f, (pq_edge_query){.nodes = nodes, .node_count = 1}, 0);
  CHECK(r.rounds == 0); /* the log knows that no file has it */
  reader_release(&r);
  teardown(&f);
  CHECK(unit_live_len == 0);
}

static void test_edges_reverse(void) {
  pq_slice nodes[] = {PQ_SLICE("tags/t1"), PQ_SLICE("users/u3")};
  fixture f;
  reader r;
  unit_cx_init(&f.cx);
  CHECK(setup(&f, EDGES, true) == PQ_OK);
  CHECK(reader_open(&r, &f, true) == PQ_OK);
  check_query(
      &r, &f,
      (pq_edge_query){.nodes = nodes, .node_count = 2, .is_reverse = true, .needs_data = true},
      143);
  check_query(
      &r, &f,
      (pq_edge_query){
          .nodes = nodes, .node_count = 2, .is_reverse = true, .predicate = PQ_SLICE("author")},
      43);
  check_query(
      &r, &f,
      (pq_edge_query){
          .nodes = nodes, .node_count = 2, .is_reverse = true, .predicate = PQ_SLICE("posts")},
      0);
  reader_release(&r);
  teardown(&f);
}

static int add_change(reader *r, uint64_t seq, pq_event_op op, const char *to, uint64_t version) {
  pq_event e = {.seq = seq,
                .ts = (int64_t)seq,
                .target = PQ_TARGET_REL,
                .op = op,
                .id = PQ_SLICE("posts/p0005"),
                .predicate = PQ_SLICE("author"),
                .reverse = PQ_SLICE("posts"),
                .to_id = pq_str(to),
                .version = version,
                .created_at = 1};
  return pq_overlay_add(&r->overlay, &e);
}

/* The overlay decides about edges that it knows, as of the view's seq; delete files hide rows. */
static void test_edges_overlay(void) {
  pq_slice node = PQ_SLICE("posts/p0005");
  pq_edge_query q = {.nodes = &node, .node_count = 1, .predicate = PQ_SLICE("author")};
  fixture f;
  reader r;
  pq_edge *edges;
  uint32_t count;
  pq_position gone;
  unit_cx_init(&f.cx);
  CHECK(setup(&f, EDGES, false) == PQ_OK);
  CHECK(reader_open(&r, &f, false) == PQ_OK);
  CHECK(add_change(&r, EDGES + 1, PQ_EVENT_CREATE, "users/u9", 1) == PQ_OK);
  CHECK(add_change(&r, EDGES + 2, PQ_EVENT_DELETE, "users/u5", 3) == PQ_OK);
  CHECK(add_change(&r, EDGES + 3, PQ_EVENT_DELETE, "users/u9", 2) == PQ_OK);
  CHECK(read_edges(&r, &f, &q, &edges, &count) == PQ_OK && count == 1); /* before all of it */
  CHECK(pq_slice_is(edges[0].to_id, "users/u5") && edges[0].info != NULL);
  gone = (pq_position){.file = PQ_SLICE("rels/forward/1-1-ab.parquet"), .row = edges[0].row};
  r.view.seq = EDGES + 1;
  CHECK(read_edges(&r, &f, &q, &edges, &count) == PQ_OK && count == 2);
  CHECK(pq_slice_is(edges[1].to_id, "users/u9") && edges[1].info == NULL);
  CHECK(edges[1].seq == EDGES + 1);
  r.view.seq = EDGES + 2;
  CHECK(read_edges(&r, &f, &q, &edges, &count) == PQ_OK && count == 1);
  CHECK(pq_slice_is(edges[0].to_id, "users/u9"));
  r.view.seq = EDGES + 3;
  CHECK(read_edges(&r, &f, &q, &edges, &count) == PQ_OK && count == 0);
  q.is_files_only = true;
  CHECK(read_edges(&r, &f, &q, &edges, &count) == PQ_OK && count == 1);
  CHECK(pq_cached_file_set_positions(&f.arena, &r.deletes, &gone, 1) == PQ_OK);
  r.delete_list[0] = &r.deletes;
  r.view.deletes = r.delete_list;
  r.view.delete_count = 1;
  CHECK(read_edges(&r, &f, &q, &edges, &count) == PQ_OK && count == 0);
  reader_release(&r);
  teardown(&f);
}

static void test_edges_oom(void) {
  pq_slice node = PQ_SLICE("users/u3");
  pq_edge_query q = {.nodes = &node, .node_count = 1, .is_reverse = true, .needs_data = true};
  int rc = PQ_OK;
  for (long n = 1; n > 0; n = unit_oom_next(n, rc)) {
    fixture f;
    reader r = {0};
    pq_edge *edges;
    uint32_t count;
    unit_cx_init(&f.cx);
    rc = setup(&f, 40, true);
    CHECK(rc == PQ_OK);
    unit_calls = 0;
    unit_fail_at = n;
    rc = reader_open(&r, &f, true);
    if (rc == PQ_OK) rc = read_edges(&r, &f, &q, &edges, &count);
    reader_release(&r);
    teardown(&f);
  }
}

int main(void) {
  RUN(test_edge_file_forward);
  RUN(test_edge_file_reverse);
  RUN(test_edge_file_names);
  RUN(test_edge_compare);
  RUN(test_edge_file_oom);
  RUN(test_edges_forward);
  RUN(test_edges_reverse);
  RUN(test_edges_overlay);
  RUN(test_edges_oom);
  return unit_end();
}
