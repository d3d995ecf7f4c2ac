/* rel/adjacency_read.c - reading the segment of a forward file. See adjacency.h; adjacency_file.c
 * writes it, doc/formats/adjacency.md has the columns and the bits.
 *
 *   footer: kind, note ─► all chunks in one round ─► row group by row group: ids copied, bits read
 *
 * One pass over ids and bits, and every number is checked on the way, so that nobody needs to look
 * again: ids and predicates rise, far ends rise in a run and are nodes, counts add up.
 */
#include <string.h>

#include "rel/adjacency_bits.h"
#include "rel/adjacency_int.h"
#include "value/json.h"

static const struct {
  const char *name;
  pq_phys phys;
} leaves[PQ_SEGMENT_LEAVES] = {
    {"id", PQ_PHYS_BYTES}, {"edges", PQ_PHYS_BYTES}, {"doubt", PQ_PHYS_BOOL}};

typedef struct segment_reader {
  pq_cx *cx;
  pq_fetch *f;
  const pq_file *file;
  pq_arena *arena; /* what stays */
  pq_arena own;    /* decoded columns */
  pq_column (*groups)[PQ_SEGMENT_LEAVES];
  pq_adjacency a; /* as the footer says */
  /* being filled */
  pq_slice *ids;
  uint8_t *text, *doubts;
  uint32_t *first_run, *to;
  pq_adjacency_run *runs;
  pq_slice *predicates;
  unsigned predicate_width;
  uint32_t node, run, edge;
} segment_reader;

static int corrupt(const segment_reader *r, const char *what) {
  return pq_fail(r->cx, PQ_ECORRUPT, "%s: %s", r->file->key, what);
}

/* ---- the footer ---- */

static int check_leaves(const segment_reader *r) {
  const pq_footer *footer = r->file->footer;
  pq_slice kind = pq_footer_key(footer, "parquedb.kind");
  if (kind.n > 10 && memcmp(kind.p, PQ_SEGMENT_KIND, 10) == 0 &&
      !pq_slice_is(kind, PQ_SEGMENT_KIND))
    return pq_fail(r->cx, PQ_EUNSUPPORTED, "%s: its layout is newer than this program",
                   r->file->key);
  if (!pq_slice_is(kind, PQ_SEGMENT_KIND)) return corrupt(r, "is no adjacency");
  if (footer->leaf_count != PQ_SEGMENT_LEAVES) return corrupt(r, "has other columns");
  for (pq_segment_leaf l = 0; l < PQ_SEGMENT_LEAVES; l++) {
    const pq_leaf *leaf = &footer->leaves[l];
    if (!pq_slice_is(leaf->path, leaves[l].name) || leaf->phys != leaves[l].phys ||
        leaf->def_max != 0 || leaf->rep_max != 0)
      return pq_fail(r->cx, PQ_ECORRUPT, "%s: column %s is missing or of another type",
                     r->file->key, leaves[l].name);
  }
  return PQ_OK;
}

static int note_count(const segment_reader *r, pq_value note, const char *field, uint32_t *out) {
  int64_t n;
  *out = 0;
  if (!pq_value_i64(pq_object_get_str(note, field), &n) || n < 0 || n > INT32_MAX)
    return pq_fail(r->cx, PQ_ECORRUPT, "%s: " PQ_SEGMENT_NOTE " has no count '%s'", r->file->key,
                   field);
  *out = (uint32_t)n;
  return PQ_OK;
}

static int take_predicates(segment_reader *r, pq_value array) {
  uint32_t n = pq_value_count(array);
  if (pq_value_type(array) != PQ_TYPE_ARRAY || n > PQ_SEGMENT_PREDICATES_MAX)
    return corrupt(r, "its predicates are no list, or too many");
  r->predicates = pq_arena_array(r->arena, n, sizeof *r->predicates);
  if (r->predicates == NULL) return r->cx->code;
  for (uint32_t i = 0; i < n; i++) {
    pq_slice text;
    if (!pq_value_string(pq_array_at(array, i), &text)) return corrupt(r, "a predicate is no text");
    PQ_TRY(pq_arena_copy(r->arena, text, &r->predicates[i]));
    if (i > 0 && pq_slice_cmp(r->predicates[i - 1], r->predicates[i]) >= 0)
      return corrupt(r, "its predicates are out of order");
    r->a.len += text.n + sizeof text;
  }
  r->a.predicates = r->predicates;
  r->a.predicate_count = n;
  r->predicate_width = pq_predicate_width(n);
  return PQ_OK;
}

static int parse_note(segment_reader *r, pq_slice text, pq_value *out) {
  pq_builder *b;
  int rc;
  PQ_TRY(pq_builder_new(r->cx, &b));
  rc = pq_json_value(b, text, &r->own, out);
  pq_builder_free(b);
  if (rc == PQ_ENOMEM) return rc;
  return rc == PQ_OK ? PQ_OK : corrupt(r, PQ_SEGMENT_NOTE " is not JSON");
}

static int take_note(segment_reader *r, uint64_t edge_count) {
  pq_slice text = pq_footer_key(r->file->footer, PQ_SEGMENT_NOTE);
  pq_value note;
  PQ_TRY(parse_note(r, text, &note));
  PQ_TRY(note_count(r, note, "edges", &r->a.edge_count));
  PQ_TRY(note_count(r, note, "runs", &r->a.run_count));
  if (!pq_value_bool(pq_object_get_str(note, "hasData"), &r->a.has_data))
    return corrupt(r, PQ_SEGMENT_NOTE " has no 'hasData'");
  if (r->a.edge_count != edge_count)
    return pq_fail(r->cx, PQ_ECORRUPT, "%s: is of %u edges, its file has %llu", r->file->key,
                   r->a.edge_count, (unsigned long long)edge_count);
  if (r->a.run_count > r->a.edge_count) return corrupt(r, "has more runs than edges");
  return take_predicates(r, pq_object_get_str(note, "predicates"));
}

/* ---- the columns ---- */

static int want_columns(const segment_reader *r) {
  bool is_missing = false;
  for (uint32_t g = 0; g < r->file->footer->row_group_count; g++) {
    for (uint32_t l = 0; l < PQ_SEGMENT_LEAVES; l++) {
      int rc = pq_chunk_want(r->f, r->file, g, l, NULL, NULL, 0);
      if (rc < 0) return rc;
      is_missing |= rc == PQ_NEED_IO;
    }
  }
  return is_missing ? PQ_NEED_IO : PQ_OK;
}

/* All of them; *text_len: bytes of the ids. The bits must be enough for the edges, so that nobody
 * makes us ask for more memory than a file is worth. */
static int decode(segment_reader *r, uint64_t *text_len) {
  const pq_footer *footer = r->file->footer;
  uint64_t nodes = 0, bits = 0;
  *text_len = 0;
  r->groups = pq_arena_calloc(&r->own, footer->row_group_count, sizeof *r->groups);
  if (r->groups == NULL) return r->cx->code;
  for (uint32_t g = 0; g < footer->row_group_count; g++) {
    pq_column *c = r->groups[g];
    for (uint32_t l = 0; l < PQ_SEGMENT_LEAVES; l++) {
      PQ_TRY(pq_chunk_decode(r->f, &r->own, r->file, g, l, NULL, NULL, 0, &c[l]));
      if (c[l].row_count != c[0].row_count) return corrupt(r, "columns differ in length");
    }
    nodes += c[0].row_count;
    for (uint32_t i = 0; i < c[0].row_count; i++) {
      *text_len += c[PQ_SEGMENT_ID].v.bytes[i].n;
      bits += (uint64_t)c[PQ_SEGMENT_EDGES].v.bytes[i].n * 8;
    }
  }
  if (nodes >= UINT32_MAX) return corrupt(r, "has too many nodes");
  if (bits < r->a.edge_count) return corrupt(r, "has more edges than bits");
  r->a.node_count = (uint32_t)nodes;
  return PQ_OK;
}

static int make_room(segment_reader *r, uint64_t text_len) {
  size_t len, nodes = r->a.node_count, runs = r->a.run_count, doubts = nodes / 8 + 1;
  if (!pq_to_size(text_len, &len)) return pq_fail_nomem(r->cx);
  r->ids = pq_arena_array(r->arena, nodes, sizeof *r->ids);
  r->text = pq_arena_alloc(r->arena, len);
  r->first_run = pq_arena_array(r->arena, nodes + 1, sizeof *r->first_run);
  r->runs = pq_arena_array(r->arena, runs + 1, sizeof *r->runs);
  r->to = pq_arena_array(r->arena, r->a.edge_count, sizeof *r->to);
  r->doubts = pq_arena_calloc(&r->own, doubts, 1);
  if (r->ids == NULL || r->text == NULL || r->first_run == NULL || r->runs == NULL ||
      r->to == NULL || r->doubts == NULL)
    return r->cx->code;
  r->a.len += sizeof r->a + len + nodes * sizeof *r->ids + (nodes + 1) * sizeof *r->first_run +
              (runs + 1) * sizeof *r->runs + r->a.edge_count * sizeof *r->to;
  return PQ_OK;
}

/* ---- rows ---- */

static bool take_id(segment_reader *r, pq_slice id) {
  pq_slice *out = &r->ids[r->node];
  *out = (pq_slice){r->text, id.n};
  if (id.n > 0) memcpy(r->text, id.p, id.n);
  r->text += id.n;
  return r->node == 0 || pq_slice_cmp(out[-1], *out) < 0;
}

/* The far ends of a run: they rise, so the last one says whether all are nodes. */
static bool take_far_ends(segment_reader *r, pq_bit_reader *bits, uint32_t count, unsigned k) {
  uint32_t *to = r->to + r->edge, *end = to + count;
  uint64_t next = 0, node_count = r->a.node_count;
  while (to < end) {
    next += pq_rice_read(bits, k);
    if (next >= node_count) return false;
    *to++ = (uint32_t)next++;
  }
  return true;
}

static bool take_run(segment_reader *r, pq_bit_reader *bits, bool is_first) {
  uint32_t predicate = (uint32_t)pq_bits_read(bits, r->predicate_width);
  uint32_t count = pq_gamma_read(bits), zigzag = pq_gamma_read(bits);
  unsigned k = pq_rice_guess(r->a.node_count, count);
  if (bits->is_bad || r->run == r->a.run_count || predicate >= r->a.predicate_count ||
      count > r->a.edge_count - r->edge || zigzag > 2 * PQ_RICE_K_MAX + 1)
    return false;
  if (!is_first && predicate <= r->runs[r->run - 1].predicate) return false;
  k = zigzag % 2 == 0 ? k - zigzag / 2 : k + zigzag / 2;
  if (k > PQ_RICE_K_MAX) return false; /* below 0 too */
  r->runs[r->run++] = (pq_adjacency_run){predicate, r->edge};
  if (!take_far_ends(r, bits, count, k)) return false;
  r->edge += count;
  return true;
}

static bool take_edges(segment_reader *r, pq_slice edges) {
  pq_bit_reader bits = {edges.p, edges.n, 0, false};
  uint32_t runs;
  r->first_run[r->node] = r->run;
  if (edges.n == 0) return true;
  runs = pq_gamma_read(&bits);
  for (uint32_t i = 0; i < runs; i++)
    if (!take_run(r, &bits, i == 0)) return false;
  return runs > 0 && pq_bits_are_read(&bits);
}

static int take_group(segment_reader *r, const pq_column *c) {
  for (uint32_t i = 0; i < c[0].row_count; i++, r->node++) {
    if (!take_id(r, c[PQ_SEGMENT_ID].v.bytes[i]))
      return pq_fail(r->cx, PQ_ECORRUPT, "%s: id of node %u is out of order", r->file->key,
                     r->node);
    if (!take_edges(r, c[PQ_SEGMENT_EDGES].v.bytes[i]))
      return pq_fail(r->cx, PQ_ECORRUPT, "%s: edges of node %u are broken", r->file->key, r->node);
    if (c[PQ_SEGMENT_DOUBT].v.b[i]) r->doubts[r->node / 8] |= (uint8_t)(1u << r->node % 8);
  }
  return PQ_OK;
}

/* Doubts stay only if there are some. */
static int keep_doubts(segment_reader *r) {
  size_t len = r->a.node_count / 8 + 1, i = 0;
  pq_slice kept;
  while (i < len && r->doubts[i] == 0)
    i++;
  if (i == len) return PQ_OK;
  PQ_TRY(pq_arena_copy(r->arena, (pq_slice){r->doubts, len}, &kept));
  r->a.doubts = kept.p;
  r->a.len += len;
  return PQ_OK;
}

static int take_groups(segment_reader *r) {
  for (uint32_t g = 0; g < r->file->footer->row_group_count; g++)
    PQ_TRY(take_group(r, r->groups[g]));
  if (r->run != r->a.run_count || r->edge != r->a.edge_count)
    return corrupt(r, "has fewer edges or runs than it says");
  r->first_run[r->node] = r->run;
  r->runs[r->run] = (pq_adjacency_run){0, r->edge};
  r->a.ids = r->ids;
  r->a.first_run = r->first_run;
  r->a.runs = r->runs;
  r->a.to = r->to;
  return keep_doubts(r);
}

static int read_all(segment_reader *r, uint64_t edge_count) {
  uint64_t text_len;
  PQ_TRY(take_note(r, edge_count));
  PQ_TRY(decode(r, &text_len));
  PQ_TRY(make_room(r, text_len));
  return take_groups(r);
}

int pq_adjacency_read(pq_fetch *f, pq_arena *scratch, const pq_file *segment, uint64_t edge_count,
                      pq_arena *arena, pq_adjacency *out) {
  segment_reader r = {.cx = scratch->cx, .f = f, .file = segment, .arena = arena};
  int rc;
  *out = (pq_adjacency){0};
  PQ_TRY(check_leaves(&r));
  PQ_TRY(want_columns(&r));
  if (f->is_plan) return PQ_OK;
  pq_arena_init(&r.own, r.cx, r.cx->limits.op_len_max);
  rc = read_all(&r, edge_count);
  pq_arena_release(&r.own);
  if (rc == PQ_OK) *out = r.a;
  return rc;
}
