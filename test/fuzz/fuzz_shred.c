/* test/fuzz/fuzz_shred.c - a Variant split into the typed columns of a shape and joined again; then
 * the columns are damaged and joined once more.
 *
 *   input: shape text, 0 | edits: count, then each {leaf, entry, what, byte}
 *          | u16 length of the metadata | metadata | value
 *
 *   value ─ split ─► columns ─┬─ join ─► the same value (but for the order of fields)
 *                             └─ edits, join ─► a failure, or a value that is valid
 */
#include "fuzz.h"
#include "parquet/decode_int.h"
#include "parquet/reader.h"
#include "shred/variant_join.h"
#include "shred/variant_split.h"
#include "value/compare.h"

enum { ROWS = 3, EDIT_LEN = 4, LEAVES_MAX = 200 };

typedef struct shredded {
  pq_cx cx;
  pq_arena arena;
  pq_footer *footer;
  pq_tree *tree;
  const pq_variant_shape *write, *read;
  pq_split *split;
} shredded;

/* Numbers by value: a shape that takes several widths does not keep them. */
static bool same(pq_arena *arena, pq_value a, pq_value b) {
  uint32_t count = pq_value_count(a), other;
  pq_field *fields;
  if (pq_value_type(a) == PQ_TYPE_ARRAY) {
    if (pq_value_type(b) != PQ_TYPE_ARRAY || pq_value_count(b) != count) return false;
    for (uint32_t i = 0; i < count; i++)
      if (!same(arena, pq_array_at(a, i), pq_array_at(b, i))) return false;
    return true;
  }
  if (!pq_value_is_raw_object(a)) return pq_value_compare(a, b) == 0;
  if (!pq_value_is_raw_object(b)) return false;
  fields = pq_object_fields(arena, a, &count);
  FUZZ_CHECK(fields != NULL && pq_object_fields(arena, b, &other) != NULL);
  for (uint32_t i = 0; i < count; i++)
    if (!same(arena, fields[i].value, pq_object_get(b, fields[i].name))) return false;
  return count == other;
}

/* The footer of a file with the shape, without rows; from it the shape as a reader sees it. */
static bool make_footer(shredded *s) {
  pq_node_spec *nodes;
  uint32_t count;
  pq_writer *w = NULL;
  pq_slice file;
  size_t len;
  pq_variant_shape *read;
  bool is_good = pq_variant_shape_nodes(&s->arena, s->write, "v", false, &nodes, &count) == PQ_OK &&
                 pq_writer_new_nested(&s->cx, nodes, count, (pq_writer_options){0}, &w) == PQ_OK &&
                 pq_writer_finish(w, NULL, 0) == PQ_OK;
  if (is_good) {
    file = pq_writer_bytes(w);
    len = (size_t)pq_writer_footer_len(w);
    FUZZ_CHECK(pq_footer_parse(&s->arena, "a.parquet",
                               (pq_slice){file.p + file.n - PQ_FOOTER_TAIL_LEN - len, len}, file.n,
                               &s->footer) == PQ_OK);
    FUZZ_CHECK(pq_tree_of(&s->arena, s->footer, &s->tree) == PQ_OK);
    FUZZ_CHECK(pq_variant_shape_of_tree(&s->arena, s->footer, &s->tree->children[0], &read) ==
               PQ_OK);
    s->read = read;
  }
  pq_writer_free(w);
  return is_good;
}

/* Join all rows; `wanted` (NULL: the columns are damaged) is what each must be. */
static void join(shredded *s, const pq_column *data, const pq_value *wanted) {
  const pq_column *columns[LEAVES_MAX];
  pq_record record;
  pq_join *j;
  pq_arena arena;
  pq_value got, checked;
  int rc;
  for (uint32_t i = 0; i < s->read->leaf_count; i++)
    columns[i] = &data[i];
  pq_arena_init(&arena, &s->cx, s->cx.limits.op_len_max);
  rc = pq_record_init(&record, &arena, s->footer, s->tree, columns);
  FUZZ_CHECK(rc == PQ_OK || wanted == NULL);
  FUZZ_CHECK(pq_join_new(&s->cx, "a.parquet", s->read, true, &j) == PQ_OK);
  for (unsigned i = 0; i < ROWS && rc == PQ_OK; i++) {
    rc = pq_join_next(j, &record, &arena, &got);
    FUZZ_CHECK(rc == PQ_OK || wanted == NULL || rc == PQ_ELIMIT);
    if (rc != PQ_OK || got.p == NULL) break;
    FUZZ_CHECK(pq_value_check(&s->cx, pq_value_meta(got), pq_value_bytes(got), &checked) == PQ_OK);
    if (wanted != NULL) FUZZ_CHECK(same(&arena, *wanted, got));
  }
  pq_join_free(j);
  pq_arena_release(&arena);
}

/* A copy of `n` bytes in the arena; NULL of NULL. */
static void *copy_of(shredded *s, const void *from, size_t n) {
  void *to;
  if (from == NULL) return NULL;
  to = pq_arena_alloc(&s->arena, n);
  FUZZ_CHECK(to != NULL);
  memcpy(to, from, n);
  return to;
}

static pq_column copy_column(shredded *s, const pq_column *c) {
  uint32_t n = pq_column_entries(c);
  pq_column out = *c;
  out.nulls = copy_of(s, c->nulls, n);
  out.def = copy_of(s, c->def, n);
  out.rep = copy_of(s, c->rep, n);
  out.v.any = copy_of(s, c->v.any, n * pq_phys_size(c->phys));
  return out;
}

/* Levels stay what a decoder gives: at most those of the leaf, and nulls where they say so. */
static void edit(const pq_leaf *leaf, pq_column *c, pq_slice e) {
  uint32_t count = pq_column_entries(c), i = count == 0 ? 0 : e.p[1] % count;
  size_t size = pq_phys_size(c->phys);
  bool is_value = !pq_column_is_null(c, i);
  if (count == 0) return;
  if (e.p[2] % 3 == 0 && c->def != NULL && c->nulls != NULL) {
    c->def[i] = (uint8_t)(e.p[3] % (leaf->def_max + 1));
    c->nulls[i] = c->def[i] < leaf->def_max;
    if (!is_value && c->nulls[i] == 0) memset((uint8_t *)c->v.any + i * size, 0, size);
  } else if (e.p[2] % 3 == 1 && c->rep != NULL && i > 0) {
    c->rep[i] = (uint8_t)(e.p[3] % (leaf->rep_max + 1));
  } else if (is_value && c->phys == PQ_PHYS_BYTES) {
    c->v.bytes[i] = (pq_slice){c->v.bytes[i].n > 0 ? c->v.bytes[i].p : e.p,
                               c->v.bytes[i].n > 0 ? e.p[3] % c->v.bytes[i].n : EDIT_LEN};
  } else if (is_value && !pq_phys_is_slice(c->phys)) {
    memset((uint8_t *)c->v.any + i * size, c->phys == PQ_PHYS_BOOL ? e.p[3] & 1 : e.p[3], size);
  }
}

static void split_and_join(shredded *s, pq_slice edits, pq_value v) {
  const pq_column *columns;
  pq_column damaged[LEAVES_MAX];
  if (pq_split_new(&s->cx, s->write, &s->split) != PQ_OK) return;
  for (unsigned i = 0; i < ROWS; i++)
    if (pq_split_put(s->split, v, 0) != PQ_OK) return;
  columns = pq_split_columns(s->split);
  join(s, columns, &v);
  for (uint32_t i = 0; i < s->write->leaf_count; i++)
    damaged[i] = copy_column(s, &columns[i]);
  for (; edits.n >= EDIT_LEN; (void)fuzz_cut(&edits, EDIT_LEN)) {
    uint32_t leaf = edits.p[0] % s->write->leaf_count;
    edit(&s->footer->leaves[leaf], &damaged[leaf], edits);
  }
  join(s, damaged, NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  pq_slice in = {data, size}, text = fuzz_until(&in, 0), edits, meta, bytes;
  size_t edit_count = fuzz_byte(&in), meta_len;
  shredded s = {0};
  pq_variant_shape *shape;
  pq_value v;
  edits = fuzz_cut(&in, edit_count % 16 * EDIT_LEN);
  meta_len = fuzz_byte(&in);
  meta_len |= (size_t)fuzz_byte(&in) << 8;
  meta = fuzz_copy(fuzz_cut(&in, meta_len));
  bytes = fuzz_copy(in);
  fuzz_cx_init(&s.cx);
  pq_arena_init(&s.arena, &s.cx, s.cx.limits.op_len_max);
  if (pq_variant_shape_parse(&s.arena, text, (pq_variant_levels){0}, &shape) == PQ_OK &&
      shape->leaf_count <= LEAVES_MAX && pq_value_check(&s.cx, meta, bytes, &v) == PQ_OK) {
    s.write = shape;
    if (make_footer(&s)) split_and_join(&s, edits, v);
  }
  pq_split_free(s.split);
  pq_arena_release(&s.arena);
  free((void *)(uintptr_t)meta.p);
  free((void *)(uintptr_t)bytes.p);
  return 0;
}
