/* rel/adjacency_file.c - writing the segment of a forward file: its adjacency as a Parquet file.
 * See adjacency.h; doc/formats/adjacency.md has the columns and the bits.
 *
 *   row = node     id  a      edges  1 run: author, 1 edge, to 1      doubt  no
 *                      b             (no bits: no edge leaves it)            no
 *
 * Ids are delta strings, which zstd packs further; the bits are as short as they get.
 */
#include <string.h>

#include "base/text.h"
#include "rel/adjacency_bits.h"
#include "rel/adjacency_int.h"

enum {
  ROWS_MAX = 100000,         /* of a row group */
  GROUP_LEN_MAX = 256 << 20, /* bytes of edges in it: a page is less than 2 GiB */
  PAGE_LEN = 256 << 10,      /* all of it is read */
};

static const pq_node_spec nodes[PQ_SEGMENT_LEAVES] = {
    [PQ_SEGMENT_ID] = {.name = "id",
                       .note = {.kind = PQ_NOTE_TEXT},
                       .phys = PQ_PHYS_BYTES,
                       .field_id = 1,
                       .hint = PQ_HINT_SORTED,
                       .page_len = PAGE_LEN},
    [PQ_SEGMENT_EDGES] = {.name = "edges",
                          .phys = PQ_PHYS_BYTES,
                          .field_id = 2,
                          .has_encoding = true,
                          .encoding = PQ_ENC_DELTA_LENGTH_BYTE_ARRAY,
                          .page_len = PAGE_LEN},
    [PQ_SEGMENT_DOUBT] = {.name = "doubt",
                          .phys = PQ_PHYS_BOOL,
                          .field_id = 3,
                          .page_len = PAGE_LEN,
                          .has_stats = true}, /* plans: is there any? */
};

/* ---- writing ---- */

bool pq_adjacency_is_storable(const pq_adjacency *a) {
  for (uint32_t p = 0; p < a->predicate_count; p++)
    if (!pq_utf8_is_valid(a->predicates[p])) return false;
  for (uint32_t r = 0; r < a->run_count; r++)
    if (a->runs[r + 1].first_edge - a->runs[r].first_edge > PQ_GAMMA_MAX) return false;
  return a->predicate_count <= PQ_SEGMENT_PREDICATES_MAX;
}

/* Bits of a run's far ends with this k. */
static uint64_t bits_with(const uint32_t *to, uint32_t count, unsigned k) {
  uint64_t bits = (uint64_t)count * (k + 1);
  uint32_t next = 0;
  for (uint32_t i = 0; i < count; i++) {
    uint32_t q = (to[i] - next) >> k;
    bits += q < PQ_RICE_ESCAPE ? q : PQ_RICE_ESCAPE + 32 - k;
    next = to[i] + 1;
  }
  return bits;
}

/* The best k is near the guess; from there on one goes down, or up, as long as it gets better. */
static unsigned choose_k(const uint32_t *to, uint32_t count, unsigned guess) {
  uint64_t best = bits_with(to, count, guess);
  unsigned k = guess;
  for (int step = -1; step <= 1; step += 2) {
    while ((step < 0 && k > 0) || (step > 0 && k < PQ_RICE_K_MAX)) {
      unsigned next = step < 0 ? k - 1 : k + 1;
      uint64_t bits = bits_with(to, count, next);
      if (bits >= best) break;
      best = bits;
      k = next;
    }
    if (k != guess) break;
  }
  return k;
}

/* 0, -1, 1, -2 … as 1, 2, 3, 4 … */
static uint32_t zigzag_of(unsigned k, unsigned guess) {
  return k < guess ? 2 * (guess - k) : 2 * (k - guess) + 1;
}

static void put_run(pq_bit_writer *w, const pq_adjacency *a, uint32_t run) {
  const uint32_t *to = a->to + a->runs[run].first_edge;
  uint32_t count = a->runs[run + 1].first_edge - a->runs[run].first_edge, next = 0;
  unsigned guess = pq_rice_guess(a->node_count, count), k = choose_k(to, count, guess);
  pq_bits_write(w, a->runs[run].predicate, pq_predicate_width(a->predicate_count));
  pq_gamma_write(w, count);
  pq_gamma_write(w, zigzag_of(k, guess));
  for (uint32_t i = 0; i < count; i++) {
    pq_rice_write(w, to[i] - next, k);
    next = to[i] + 1;
  }
}

/* Room for the bits of a node, whatever they are. */
static int reserve_node(pq_buf *bits, const pq_adjacency *a, uint32_t node) {
  uint64_t runs = a->first_run[node + 1] - a->first_run[node];
  uint64_t edges =
      a->runs[a->first_run[node + 1]].first_edge - a->runs[a->first_run[node]].first_edge;
  uint64_t len = 16 + runs * 24 + edges * 7;
  size_t n;
  if (!pq_to_size(len, &n)) return pq_fail_nomem(bits->cx);
  return pq_buf_reserve(bits, n);
}

static int put_node(pq_buf *bits, const pq_adjacency *a, uint32_t node) {
  uint32_t run = a->first_run[node], end = a->first_run[node + 1];
  pq_bit_writer w = {0};
  if (run == end) return PQ_OK;
  PQ_TRY(reserve_node(bits, a, node));
  w.p = bits->p + bits->len;
  pq_gamma_write(&w, end - run);
  for (; run < end; run++)
    put_run(&w, a, run);
  pq_bits_end(&w);
  bits->len = (size_t)(w.p - bits->p);
  return PQ_OK;
}

typedef struct segment_group {
  pq_column columns[PQ_SEGMENT_LEAVES];
  size_t *ends; /* of the nodes in the bits */
} segment_group;

static int group_new(pq_arena *arena, uint32_t count, segment_group *g) {
  *g = (segment_group){0};
  for (pq_segment_leaf l = 0; l < PQ_SEGMENT_LEAVES; l++) {
    pq_column *c = &g->columns[l];
    *c = (pq_column){.phys = nodes[l].phys, .row_count = count};
    c->v.any = pq_arena_array(arena, count, pq_phys_size(c->phys));
    if (c->v.any == NULL) return arena->cx->code;
  }
  g->ends = pq_arena_array(arena, count, sizeof *g->ends);
  return g->ends == NULL ? arena->cx->code : PQ_OK;
}

/* A row group of nodes from `first` on; *count: how many. */
static int put_group(pq_writer *w, pq_arena *arena, pq_buf *bits, const pq_adjacency *a,
                     uint32_t first, uint32_t *count) {
  uint32_t n = 0, most = a->node_count - first < ROWS_MAX ? a->node_count - first : ROWS_MAX;
  segment_group g;
  PQ_TRY(group_new(arena, most, &g));
  for (; n < most && bits->len < GROUP_LEN_MAX; n++) {
    PQ_TRY(put_node(bits, a, first + n));
    g.ends[n] = bits->len;
    g.columns[PQ_SEGMENT_ID].v.bytes[n] = a->ids[first + n];
    g.columns[PQ_SEGMENT_DOUBT].v.b[n] = pq_adjacency_doubts(a, first + n);
  }
  for (uint32_t i = 0; i < n; i++) {
    size_t start = i == 0 ? 0 : g.ends[i - 1];
    g.columns[PQ_SEGMENT_EDGES].v.bytes[i] = (pq_slice){bits->p + start, g.ends[i] - start};
  }
  for (pq_segment_leaf l = 0; l < PQ_SEGMENT_LEAVES; l++)
    g.columns[l].row_count = n;
  *count = n;
  return pq_writer_add(w, g.columns, PQ_SEGMENT_LEAVES);
}

static int put_groups(pq_cx *cx, pq_writer *w, const pq_adjacency *a) {
  pq_arena arena;
  pq_buf bits;
  uint32_t count;
  int rc = PQ_OK;
  pq_arena_init(&arena, cx, cx->limits.op_len_max);
  pq_buf_init(&bits, cx, SIZE_MAX / 4);
  for (uint32_t first = 0; rc == PQ_OK && first < a->node_count; first += count) {
    pq_arena_clear(&arena);
    pq_buf_clear(&bits);
    rc = put_group(w, &arena, &bits, a, first, &count);
  }
  pq_buf_release(&bits);
  pq_arena_release(&arena);
  return rc;
}

/* What the columns do not say: {"edges":3,"runs":3,"hasData":false,"predicates":["author","likes"]}
 */
static int print_note(pq_buf *out, const pq_adjacency *a) {
  PQ_TRY(pq_buf_printf(out, "{\"edges\":%u,\"runs\":%u,\"hasData\":%s,\"predicates\":[",
                       a->edge_count, a->run_count, a->has_data ? "true" : "false"));
  for (uint32_t p = 0; p < a->predicate_count; p++) {
    if (p > 0) PQ_TRY(pq_buf_put_byte(out, ','));
    PQ_TRY(pq_buf_put_json_str(out, a->predicates[p]));
  }
  return pq_buf_put_str(out, "]}");
}

static int finish(pq_cx *cx, pq_writer *w, const pq_adjacency *a) {
  pq_key_value kv[2] = {{PQ_SLICE("parquedb.kind"), PQ_SLICE(PQ_SEGMENT_KIND)},
                        {PQ_SLICE(PQ_SEGMENT_NOTE), {0}}};
  pq_buf note;
  int rc;
  pq_buf_init(&note, cx, SIZE_MAX / 4);
  rc = print_note(&note, a);
  kv[1].value = pq_buf_slice(&note);
  if (rc == PQ_OK) rc = pq_writer_finish(w, kv, 2);
  pq_buf_release(&note);
  return rc;
}

int pq_adjacency_write(pq_cx *cx, const pq_adjacency *a, pq_writer **out) {
  pq_writer *w;
  int rc;
  *out = NULL;
  if (!pq_adjacency_is_storable(a))
    return pq_fail(cx, PQ_ELIMIT, "adjacency with too many predicates or edges of a node");
  PQ_TRY(pq_writer_new_nested(cx, nodes, PQ_SEGMENT_LEAVES,
                              (pq_writer_options){.created_by = "ParqueDB", .is_compact = true},
                              &w));
  rc = put_groups(cx, w, a);
  if (rc == PQ_OK) rc = finish(cx, w, a);
  if (rc == PQ_OK)
    *out = w;
  else
    pq_writer_free(w);
  return rc;
}
