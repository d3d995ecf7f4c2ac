/* test/fuzz/fuzz_adjacency.c - a hostile segment (rel/adjacency_read.c).
 *
 *   input:  a segment, without checksums so that changed bytes reach the codes
 *
 * What is accepted keeps all promises of pq_adjacency, and survives being written and read again.
 */
#include "fuzz.h"

#include "rel/adjacency.h"

enum { ROUNDS_MAX = 64, EDGES_MAX = 1 << 20 };

static void serve(pq_fetch *f, pq_slice bytes) {
  pq_io_req r;
  while (pq_fetch_take(f, &r)) {
    bool is_inside = r.kind == PQ_IO_READ && r.off <= bytes.n && r.len <= bytes.n - r.off;
    if (is_inside && r.len > 0) memcpy(r.buf, bytes.p + (size_t)r.off, r.len);
    pq_fetch_done(f, r.id, is_inside ? PQ_OK : PQ_ECORRUPT, (pq_slice){0}, NULL);
  }
}

static int open_file(pq_fetch *f, pq_arena *arena, pq_slice bytes, pq_file *file) {
  int rc, rounds = 0;
  do {
    rc = pq_footer_fetch(f, arena, file->key, bytes.n, 0, &file->footer);
    if (rc == PQ_NEED_IO) serve(f, bytes);
  } while (rc == PQ_NEED_IO && ++rounds < ROUNDS_MAX);
  return rc;
}

static int read_file(pq_fetch *f, pq_arena *arena, pq_slice bytes, const pq_file *file,
                     uint64_t edge_count, pq_adjacency *out) {
  int rc, rounds = 0;
  do {
    rc = pq_adjacency_read(f, arena, file, edge_count, arena, out);
    if (rc == PQ_NEED_IO) serve(f, bytes);
    FUZZ_CHECK(++rounds < ROUNDS_MAX);
  } while (rc == PQ_NEED_IO);
  return rc;
}

/* What the log would say: the number of edges that the file says. */
static uint64_t edges_of(const pq_file *file) {
  pq_slice note = pq_footer_key(file->footer, "parquedb.adjacency");
  char text[64] = {0};
  const char *at;
  memcpy(text, note.p == NULL ? (const uint8_t *)"" : note.p, note.n < 63 ? note.n : 63);
  at = strstr(text, "\"edges\":");
  return at == NULL ? 0 : strtoull(at + 8, NULL, 10) % EDGES_MAX;
}

static void check(const pq_adjacency *a, uint64_t edge_count) {
  FUZZ_CHECK(a->edge_count == edge_count);
  FUZZ_CHECK(a->first_run[0] == 0 && a->first_run[a->node_count] == a->run_count);
  FUZZ_CHECK(a->runs[a->run_count].first_edge == a->edge_count);
  FUZZ_CHECK(a->run_count == 0 || a->runs[0].first_edge == 0);
  for (uint32_t n = 0; n < a->node_count; n++) {
    FUZZ_CHECK(n == 0 || pq_slice_cmp(a->ids[n - 1], a->ids[n]) < 0);
    FUZZ_CHECK(a->first_run[n] <= a->first_run[n + 1]);
    for (uint32_t r = a->first_run[n]; r < a->first_run[n + 1]; r++) {
      FUZZ_CHECK(a->runs[r].predicate < a->predicate_count);
      FUZZ_CHECK(r == a->first_run[n] || a->runs[r - 1].predicate < a->runs[r].predicate);
      FUZZ_CHECK(a->runs[r].first_edge < a->runs[r + 1].first_edge);
      for (uint32_t e = a->runs[r].first_edge; e < a->runs[r + 1].first_edge; e++) {
        FUZZ_CHECK(a->to[e] < a->node_count);
        FUZZ_CHECK(e == a->runs[r].first_edge || a->to[e - 1] < a->to[e]);
      }
    }
  }
}

static void check_again(pq_cx *cx, const pq_adjacency *a) {
  pq_file file = {.key = "again"};
  pq_adjacency b;
  pq_writer *w;
  pq_fetch f;
  pq_arena arena;
  if (!pq_adjacency_is_storable(a)) return;
  pq_fetch_init(&f, cx);
  pq_arena_init(&arena, cx, cx->limits.op_len_max);
  FUZZ_CHECK(pq_adjacency_write(cx, a, &w) == PQ_OK);
  FUZZ_CHECK(open_file(&f, &arena, pq_writer_bytes(w), &file) == PQ_OK);
  FUZZ_CHECK(read_file(&f, &arena, pq_writer_bytes(w), &file, a->edge_count, &b) == PQ_OK);
  FUZZ_CHECK(pq_adjacency_equal(a, &b));
  pq_writer_free(w);
  pq_fetch_release(&f);
  pq_arena_release(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  pq_slice bytes = {data, size};
  pq_file file = {.key = "segment"};
  pq_adjacency a;
  pq_fetch f;
  pq_arena arena;
  pq_cx cx;
  fuzz_cx_init(&cx);
  cx.is_forgiving = true;
  pq_fetch_init(&f, &cx);
  pq_arena_init(&arena, &cx, cx.limits.op_len_max);
  if (open_file(&f, &arena, bytes, &file) == PQ_OK) {
    uint64_t edge_count = edges_of(&file);
    if (read_file(&f, &arena, bytes, &file, edge_count, &a) == PQ_OK) {
      check(&a, edge_count);
      check_again(&cx, &a);
    }
  }
  pq_fetch_release(&f);
  pq_arena_release(&arena);
  return 0;
}
