/* test/unit/test_variant_field.c - one field of a shredded column: which bytes are read for it, and
 * that the answer is what the whole values say. Through files: writer, reader, joiner.
 */
#include "shred/variant_field.h"

#include "parquet/writer.h"
#include "parquet_util.h"
#include "shred/variant_join.h"
#include "shred/variant_split.h"
#include "value/json.h"
#include "value/path.h"
#include "variant_util.h"

enum { ROWS = 4000 };

typedef struct file {
  pq_cx cx;
  pq_arena arena;
  pq_value *docs;
  pq_writer *writer;
  opened o;
  pq_tree *root;
  pq_variant_shape *shape;
} file;

typedef void (*doc_fn)(uint32_t i, char *out, size_t cap);

static int write_file(file *t, const char *shape_text, doc_fn doc) {
  pq_variant_shape *shape;
  pq_node_spec *nodes;
  pq_builder *builder;
  pq_split *split;
  uint32_t count;
  char text[400];
  PQ_TRY(pq_builder_new(&t->cx, &builder));
  t->docs = pq_arena_calloc(&t->arena, ROWS, sizeof *t->docs);
  for (uint32_t i = 0; i < ROWS; i++) {
    doc(i, text, sizeof text);
    CHECK(pq_json_value(builder, pq_str(text), &t->arena, &t->docs[i]) == PQ_OK);
  }
  pq_builder_free(builder);
  if (shape_text != NULL)
    PQ_TRY(
        pq_variant_shape_parse(&t->arena, pq_str(shape_text), (pq_variant_levels){0, 0}, &shape));
  else
    PQ_TRY(pq_variant_shape_infer(&t->arena, t->docs, ROWS, (pq_variant_rule){0},
                                  (pq_variant_levels){0, 0}, &shape));
  PQ_TRY(pq_variant_shape_nodes(&t->arena, shape, "doc", false, &nodes, &count));
  PQ_TRY(pq_writer_new_nested(&t->cx, nodes, count, (pq_writer_options){0}, &t->writer));
  PQ_TRY(pq_split_new(&t->cx, shape, &split));
  for (uint32_t group = 0; group < 2; group++) {
    pq_split_clear(split);
    for (uint32_t i = group * ROWS / 2; i < (group + 1) * ROWS / 2; i++)
      PQ_TRY(pq_split_put(split, t->docs[i], 0));
    PQ_TRY(pq_writer_add(t->writer, pq_split_columns(split), shape->leaf_count));
  }
  pq_split_free(split);
  return pq_writer_finish(t->writer, NULL, 0);
}

static void file_open(file *t, const char *shape, doc_fn doc) {
  *t = (file){.docs = NULL};
  unit_cx_init(&t->cx);
  pq_arena_init(&t->arena, &t->cx, (uint64_t)1 << 30);
  CHECK(write_file(t, shape, doc) == PQ_OK);
  CHECK(open_bytes(&t->o, &t->cx, pq_writer_bytes(t->writer)) == PQ_OK);
  CHECK(pq_tree_of(&t->arena, t->o.file.footer, &t->root) == PQ_OK);
  CHECK(t->root->children[0].kind == PQ_TREE_VARIANT);
  CHECK(pq_variant_shape_of_tree(&t->arena, t->o.file.footer, &t->root->children[0], &t->shape) ==
        PQ_OK);
}

static void file_close(file *t) {
  opened_release(&t->o);
  pq_writer_free(t->writer);
  pq_arena_release(&t->arena);
  CHECK(unit_live_len == 0);
}

static int read_field(file *t, const char *path, uint32_t group, pq_variant_field_column *out) {
  pq_variant_field f;
  pq_variant_field_rows rows = {.file = &t->o.file, .row_group = group};
  int rc;
  PQ_TRY(pq_variant_field_find(&t->arena, t->shape, pq_str(path), &f));
  DRIVE(rc, &t->o.f, t->o.bytes, pq_variant_field_want(&t->o.f, &t->arena, &f, rows));
  return rc != PQ_OK ? rc : pq_variant_field_read(&t->o.f, &t->arena, &f, rows, out);
}

/* ---- whole values through a file ---- */

static void check_whole(file *t) {
  const pq_footer *footer = t->o.file.footer;
  pq_column *columns = pq_arena_calloc(&t->arena, footer->leaf_count, sizeof *columns);
  const pq_column **by_leaf = pq_arena_calloc(&t->arena, footer->leaf_count, sizeof *by_leaf);
  uint32_t row = 0;
  for (uint32_t g = 0; g < footer->row_group_count; g++) {
    pq_record record;
    pq_join *join;
    pq_value v;
    for (uint32_t i = 0; i < footer->leaf_count; i++) {
      CHECK(read_chunk_of(&t->o, (read_spec){.row_group = g, .leaf = i}, &columns[i]) == PQ_OK);
      by_leaf[i] = &columns[i];
    }
    CHECK(pq_record_init(&record, &t->arena, footer, t->root, by_leaf) == PQ_OK);
    CHECK(pq_join_new(&t->cx, "t", t->shape, true, &join) == PQ_OK);
    for (uint32_t i = 0; i < footer->row_groups[g].row_count; i++) {
      CHECK(pq_join_next(join, &record, &t->arena, &v) == PQ_OK);
      CHECK(variant_equal(v, t->docs[row++]));
    }
    pq_join_free(join);
  }
  CHECK(row == ROWS);
}

/* ---- regular documents: the typed leaf alone ---- */

static void regular_doc(uint32_t i, char *out, size_t cap) {
  if (i % 3 == 0)
    snprintf(out, cap, "{\"name\":\"n%u\",\"n\":%u,\"geo\":{\"lat\":%u.5}}", i, i, i % 90);
  else
    snprintf(out, cap, "{\"name\":\"n%u\",\"n\":%u,\"tags\":[\"a\",\"b%u\"],\"rare%u\":true}", i, i,
             i % 5, i % 50);
}

static void test_field_alone(void) {
  file t;
  pq_slice text, min, max;
  pq_variant_field f;
  int64_t sum = 0;
  uint64_t bytes = 0;
  file_open(&t, NULL, regular_doc);
  CHECK(pq_variant_shape_print(&t.arena, &t.shape->root, &text) == PQ_OK);
  CHECK(pq_slice_is(text, "{geo: {lat: double}, n: int32, name: string, tags: [string]}"));
  check_whole(&t);
  CHECK(pq_variant_field_find(&t.arena, t.shape, pq_str("n"), &f) == PQ_OK);
  pq_fetch_clear(&t.o.f);
  t.o.f.stat_bytes = 0;
  for (uint32_t g = 0; g < 2; g++) {
    pq_variant_field_column c;
    CHECK(pq_variant_field_is_alone(t.o.file.footer, &f, g));
    CHECK(pq_variant_field_bounds(t.o.file.footer, &f, g, &min, &max));
    CHECK(pq_rd32(min.p) == g * ROWS / 2 && pq_rd32(max.p) == (g + 1) * ROWS / 2 - 1);
    CHECK(read_field(&t, "n", g, &c) == PQ_OK);
    CHECK(c.entry_count == ROWS / 2 && c.has_typed && c.others == NULL);
    for (uint32_t i = 0; i < c.entry_count; i++)
      if (!pq_column_is_null(&c.typed, i)) sum += c.typed.v.i32[i];
    bytes += t.o.file.footer->row_groups[g].chunks[f.typed_leaf].len;
  }
  CHECK(sum == (int64_t)ROWS * (ROWS - 1) / 2);
  CHECK(t.o.f.stat_bytes == bytes); /* that leaf's pages and nothing else */
  file_close(&t);
}

/* ---- irregular documents: other types, other places ---- */

static void irregular_doc(uint32_t i, char *out, size_t cap) {
  switch (i % 7) {
    case 0: snprintf(out, cap, "{\"a\":{\"b\":%u},\"l\":[%u,\"x\",null]}", i, i); break;
    case 1: snprintf(out, cap, "{\"a\":{\"b\":\"s%u\"},\"l\":[]}", i); break;
    case 2: snprintf(out, cap, "{\"a\":{\"b\":null,\"c\":{\"d\":%u}}}", i); break;
    case 3: snprintf(out, cap, "{\"a\":[%u],\"l\":[{\"e\":%u}]}", i, i); break;
    case 4: snprintf(out, cap, "{\"a\":{\"c\":7},\"z\":{\"y\":%u}}", i); break;
    case 5: snprintf(out, cap, "[%u]", i); break;
    default: snprintf(out, cap, "{\"a\":{\"b\":%u.25}}", i);
  }
}

/* The field of each document by the column, and by the documents. */
static void check_field(file *t, const char *path) {
  pq_path parts;
  CHECK(pq_path_parse(&t->arena, pq_str(path), &parts) == PQ_OK);
  for (uint32_t g = 0; g < 2; g++) {
    pq_variant_field_column c;
    pq_variant_field f;
    pq_join *join;
    CHECK(pq_variant_field_find(&t->arena, t->shape, pq_str(path), &f) == PQ_OK);
    CHECK(read_field(t, path, g, &c) == PQ_OK);
    CHECK(c.entry_count == ROWS / 2);
    CHECK(pq_join_new(&t->cx, "t", t->shape, true, &join) == PQ_OK);
    for (uint32_t i = 0; i < c.entry_count; i++) {
      pq_value is = {0}, should = t->docs[g * ROWS / 2 + i];
      for (uint32_t p = 0; p < parts.count; p++)
        should = pq_object_get(should, parts.parts[p].name);
      if (c.has_typed && !pq_column_is_null(&c.typed, i))
        CHECK(pq_join_primitive(join, f.part, &c.typed, i, &t->arena, &is) == PQ_OK);
      else if (c.others != NULL)
        is = c.others[i];
      CHECK(variant_equal(is, should));
    }
    pq_join_free(join);
  }
}

static void test_field_mixed(void) {
  static const char *const paths[] = {"a.b", "a", "a.c.d", "a.b.x", "z.y", "l", "none"};
  static const char *const shapes[] = {
      "{a: {b: int32}, l: [int32]}", "variant", "{a: {b: string, c: variant}}", "int32",
      "{a: {b: double, c: {d: int32}}, l: [{e: int32}], z: variant}"};
  for (size_t s = 0; s < sizeof shapes / sizeof *shapes; s++) {
    file t;
    file_open(&t, shapes[s], irregular_doc);
    check_whole(&t);
    for (size_t p = 0; p < sizeof paths / sizeof *paths; p++)
      check_field(&t, paths[p]);
    file_close(&t);
  }
}

static void test_field_elements(void) {
  pq_variant_field_column c;
  pq_variant_field f;
  uint32_t typed = 0, others = 0, elements = 0;
  file t;
  file_open(&t, "{a: {b: int32}, l: [int32]}", irregular_doc);
  CHECK(read_field(&t, "l[]", 0, &c) == PQ_OK);
  for (uint32_t i = 0; i < c.entry_count; i++) {
    typed += !pq_column_is_null(&c.typed, i);
    others += c.others[i].p != NULL;
  }
  for (uint32_t i = 0; i < ROWS / 2; i++)
    elements += pq_value_count(pq_object_get_str(t.docs[i], "l"));
  CHECK(typed > 0 && others > 0 && typed + others == elements);
  CHECK(read_field(&t, "l[].e", 0, &c) == PQ_OK);
  for (uint32_t i = 0, found = 0; i < c.entry_count; i++) {
    found += c.others[i].p != NULL;
    if (i + 1 == c.entry_count) CHECK(found == (ROWS / 2 - 3 + 6) / 7);
  }
  CHECK(pq_variant_field_find(&t.arena, t.shape, pq_str("a[]"), &f) == PQ_EUNSUPPORTED);
  CHECK(pq_variant_field_find(&t.arena, t.shape, pq_str("a..b"), &f) == PQ_EINVALID);
  CHECK(pq_variant_field_find(&t.arena, t.shape, pq_str("\"a"), &f) == PQ_EINVALID);
  CHECK(pq_variant_field_find(&t.arena, t.shape, pq_str("\"a\".b"), &f) == PQ_OK &&
        f.typed_leaf != PQ_NO_NODE);
  file_close(&t);
}

int main(void) {
  RUN(test_field_alone);
  RUN(test_field_mixed);
  RUN(test_field_elements);
  return unit_end();
}
