/* port/parquet_variant.c - VARIANT columns of the Parquet library: the joiner, the field finder and
 * the splitter of src/shred/ behind public handles.
 *
 *   batch of a scan ─► pq_column, leaf by leaf ─► pq_join_next ─► pqdb_variant
 *   pqdb_variant ─► pq_split_put ─► pq_column ─► pqdb_parquet_column, to be written
 */
#include <stdlib.h>
#include <string.h>

#include "port/parquet_int.h"
#include "shred/variant_field.h"
#include "shred/variant_join.h"
#include "shred/variant_split.h"

/* ---- reading ---- */

struct pqdb_parquet_variant {
  pq_cx cx;
  pq_arena arena; /* shape: for good */
  pq_arena batch; /* values */
  pq_arena field; /* what was said of a field last */
  const pq_footer *footer;
  pq_tree *tree; /* of the VARIANT */
  pq_variant_shape *shape;
  const char *text;
  pq_join *join;
  uint32_t *leaves;
  pq_column *columns;        /* by leaf of the column */
  const pq_column **by_leaf; /* of the file */
};

/* Does the path of a node, without the root, equal the text? */
static bool is_path(const pq_footer *f, uint32_t node, pq_slice text) {
  while (node != 0) {
    pq_slice name = f->nodes[node].name;
    if (text.n < name.n || (name.n > 0 && memcmp(text.p + text.n - name.n, name.p, name.n) != 0))
      return false;
    text.n -= name.n;
    node = f->nodes[node].parent;
    if (node == 0) break;
    if (text.n == 0 || text.p[text.n - 1] != '.') return false;
    text.n--;
  }
  return text.n == 0;
}

/* The VARIANT at a path; NULL: there is none. As deep as the tree, whose depth is limited. */
static pq_tree *find_variant(const pq_footer *f, pq_tree *s, pq_slice path) {
  if (s->kind == PQ_TREE_VARIANT) return is_path(f, s->node, path) ? s : NULL;
  for (uint32_t i = 0; i < s->child_count; i++) {
    pq_tree *found = find_variant(f, &s->children[i], path);
    if (found != NULL) return found;
  }
  return NULL;
}

static int variant_start(pqdb_parquet_variant *v, const pq_file *file, const char *path) {
  pq_slice text;
  pq_tree *root;
  if (file == NULL) return pq_fail(&v->cx, PQ_EINVALID, "the file is not open");
  v->footer = file->footer;
  PQ_TRY(pq_tree_of(&v->arena, file->footer, &root));
  v->tree = find_variant(file->footer, root, pq_str(path));
  if (v->tree == NULL)
    return pq_fail(&v->cx, PQ_EINVALID, "%s: no VARIANT column %.80s", file->key, path);
  PQ_TRY(pq_variant_shape_of_tree(&v->arena, file->footer, v->tree, &v->shape));
  PQ_TRY(pq_variant_shape_print(&v->arena, &v->shape->root, &text));
  v->text = pq_arena_str(&v->arena, text);
  v->leaves = pq_arena_calloc(&v->arena, v->shape->leaf_count, sizeof *v->leaves);
  v->columns = pq_arena_calloc(&v->arena, v->shape->leaf_count, sizeof *v->columns);
  v->by_leaf = pq_arena_calloc(&v->arena, file->footer->leaf_count, sizeof *v->by_leaf);
  if (v->text == NULL || v->leaves == NULL || v->columns == NULL || v->by_leaf == NULL)
    return v->cx.code;
  for (uint32_t i = 0; i < v->shape->leaf_count; i++) {
    v->leaves[i] = v->shape->first_leaf + i;
    v->by_leaf[v->leaves[i]] = &v->columns[i];
  }
  return pq_join_new(&v->cx, file->key, v->shape, true, &v->join);
}

int pqdb_parquet_variant_open(const pqdb_parquet *file, const char *path,
                              pqdb_parquet_variant **out) {
  pqdb_parquet_variant *v = calloc(1, sizeof *v);
  *out = v;
  if (v == NULL) return PQ_ENOMEM;
  pq_cx_init(&v->cx, NULL, NULL);
  pq_arena_init(&v->arena, &v->cx, v->cx.limits.op_len_max);
  pq_arena_init(&v->batch, &v->cx, v->cx.limits.op_len_max);
  pq_arena_init(&v->field, &v->cx, v->cx.limits.op_len_max);
  return variant_start(v, pq_parquet_file(file), path);
}

void pqdb_parquet_variant_close(pqdb_parquet_variant *v) {
  if (v == NULL) return;
  pq_join_free(v->join);
  pq_arena_release(&v->batch);
  pq_arena_release(&v->field);
  pq_arena_release(&v->arena);
  free(v);
}

const char *pqdb_parquet_variant_message(const pqdb_parquet_variant *v) {
  return v == NULL ? "out of memory" : v->cx.msg;
}

const char *pqdb_parquet_variant_shape(const pqdb_parquet_variant *v) {
  return v->text == NULL ? "" : v->text;
}

const uint32_t *pqdb_parquet_variant_leaves(const pqdb_parquet_variant *v, uint32_t *count) {
  *count = v->join == NULL ? 0 : v->shape->leaf_count;
  return v->leaves;
}

/* The caller's columns as the engine's; their contents are not copied. */
static int take_columns(pqdb_parquet_variant *v, const pqdb_parquet_batch *batch, uint32_t first) {
  uint32_t n = v->shape->leaf_count;
  if (first > batch->column_count || batch->column_count - first < n)
    return pq_fail(&v->cx, PQ_EINVALID, "the batch lacks columns of the VARIANT, which has %u", n);
  for (uint32_t i = 0; i < n; i++) {
    const pqdb_parquet_column *in = &batch->columns[first + i];
    if (in->dictionary != NULL)
      return pq_fail(&v->cx, PQ_EINVALID, "columns of a VARIANT must be scanned without codes");
    if ((int)in->type != (int)v->footer->leaves[v->leaves[i]].phys)
      return pq_fail(&v->cx, PQ_EINVALID, "column %u of the batch is of another type", first + i);
    /* the engine gave this memory, and is only going to read it */
    v->columns[i] = (pq_column){.phys = (pq_phys)in->type,
                                .row_count = in->row_count,
                                .entry_count = in->entry_count,
                                .nulls = (uint8_t *)(uintptr_t)in->nulls,
                                .def = (uint8_t *)(uintptr_t)in->def,
                                .rep = (uint8_t *)(uintptr_t)in->rep,
                                .v.any = (void *)(uintptr_t)in->values.any};
  }
  return PQ_OK;
}

static pqdb_variant public_variant(pq_value v) {
  return (pqdb_variant){.metadata = {v.meta, v.meta_len}, .value = {v.p, v.len}};
}

int pqdb_parquet_variant_values(pqdb_parquet_variant *v, const pqdb_parquet_batch *batch,
                                uint32_t first, const pqdb_variant **out, uint32_t *count) {
  pqdb_variant *values;
  pq_record record;
  uint32_t n;
  *out = NULL;
  *count = 0;
  if (v->join == NULL) return v->cx.code;
  PQ_TRY(take_columns(v, batch, first));
  pq_arena_clear(&v->batch);
  n = pq_column_entries(v->by_leaf[v->shape->metadata_leaf]);
  values = pq_arena_calloc(&v->batch, n, sizeof *values);
  if (values == NULL) return v->cx.code;
  PQ_TRY(pq_record_init(&record, &v->batch, v->footer, v->tree, v->by_leaf));
  for (uint32_t i = 0; i < n; i++) {
    pq_value value;
    PQ_TRY(pq_join_next(v->join, &record, &v->batch, &value));
    values[i] = public_variant(value);
  }
  *out = values;
  *count = n;
  return PQ_OK;
}

static int32_t public_leaf(uint32_t leaf) {
  return leaf == PQ_NO_NODE ? -1 : (int32_t)leaf;
}

int pqdb_parquet_variant_field(pqdb_parquet_variant *v, const char *path, uint32_t row_group,
                               pqdb_parquet_field *out) {
  pq_variant_field f;
  pq_slice type;
  *out = (pqdb_parquet_field){.typed_leaf = -1, .value_leaf = -1, .metadata_leaf = -1};
  if (v->join == NULL) return v->cx.code;
  if (row_group >= v->footer->row_group_count)
    return pq_fail(&v->cx, PQ_EINVALID, "there is no row group %u", row_group);
  pq_arena_clear(&v->field);
  PQ_TRY(pq_variant_field_find(&v->field, v->shape, pq_str(path), &f));
  PQ_TRY(pq_variant_shape_print(&v->field, f.part, &type));
  *out = (pqdb_parquet_field){
      .typed_leaf = public_leaf(f.typed_leaf),
      .value_leaf = public_leaf(f.part->value_leaf),
      .metadata_leaf = public_leaf(f.shape->metadata_leaf),
      .is_alone = pq_variant_field_is_alone(v->footer, &f, row_group),
      .is_whole = pq_variant_field_is_whole(&f),
      .rest_count = f.rest_count,
      .type = f.typed_leaf == PQ_NO_NODE ? NULL : pq_arena_str(&v->field, type)};
  return f.typed_leaf != PQ_NO_NODE && out->type == NULL ? v->cx.code : PQ_OK;
}

/* ---- writing ---- */

struct pqdb_parquet_shredder {
  pq_cx cx;
  pq_arena arena;
  bool is_optional;
  pq_variant_shape *shape;
  const char *text;
  pq_split *split;
  pqdb_parquet_column *columns;
  int rc; /* of a failed add: until clear */
};

static int shredder_new(bool is_optional, pqdb_parquet_shredder **out) {
  pqdb_parquet_shredder *s = calloc(1, sizeof *s);
  *out = s;
  if (s == NULL) return PQ_ENOMEM;
  pq_cx_init(&s->cx, NULL, NULL);
  pq_arena_init(&s->arena, &s->cx, s->cx.limits.op_len_max);
  s->is_optional = is_optional;
  return PQ_OK;
}

static int shredder_start(pqdb_parquet_shredder *s) {
  pq_slice text;
  PQ_TRY(pq_variant_shape_print(&s->arena, &s->shape->root, &text));
  s->text = pq_arena_str(&s->arena, text);
  s->columns = pq_arena_calloc(&s->arena, s->shape->leaf_count, sizeof *s->columns);
  if (s->text == NULL || s->columns == NULL) return s->cx.code;
  return pq_split_new(&s->cx, s->shape, &s->split);
}

int pqdb_parquet_shredder_open(const char *shape, bool is_optional, pqdb_parquet_shredder **out) {
  PQ_TRY(shredder_new(is_optional, out));
  PQ_TRY(pq_variant_shape_parse(&(*out)->arena, pq_str(shape), (pq_variant_levels){is_optional, 0},
                                &(*out)->shape));
  return shredder_start(*out);
}

static pq_slice slice_of(pqdb_bytes b) {
  return (pq_slice){b.p, b.n};
}

int pqdb_parquet_shredder_guess(const pqdb_variant *sample, uint32_t count, bool is_optional,
                                pqdb_parquet_shredder **out) {
  pqdb_parquet_shredder *s;
  pq_value *values;
  PQ_TRY(shredder_new(is_optional, out));
  s = *out;
  values = pq_arena_calloc(&s->arena, count, sizeof *values);
  if (values == NULL) return s->cx.code;
  for (uint32_t i = 0; i < count; i++)
    if (sample[i].value.p != NULL)
      PQ_TRY(pq_value_check(&s->cx, slice_of(sample[i].metadata), slice_of(sample[i].value),
                            &values[i]));
  PQ_TRY(pq_variant_shape_infer(&s->arena, values, count, (pq_variant_rule){0},
                                (pq_variant_levels){is_optional, 0}, &s->shape));
  return shredder_start(s);
}

void pqdb_parquet_shredder_close(pqdb_parquet_shredder *s) {
  if (s == NULL) return;
  pq_split_free(s->split);
  pq_arena_release(&s->arena);
  free(s);
}

const char *pqdb_parquet_shredder_message(const pqdb_parquet_shredder *s) {
  return s == NULL ? "out of memory" : s->cx.msg;
}

const char *pqdb_parquet_shredder_shape(const pqdb_parquet_shredder *s) {
  return s->text == NULL ? "" : s->text;
}

static pqdb_parquet_node public_node(const pq_node_spec *n) {
  return (pqdb_parquet_node){.name = n->name,
                             .repetition = (pqdb_parquet_repetition)n->repetition,
                             .child_count = n->child_count,
                             .type = (pqdb_parquet_type)n->phys,
                             .type_len = n->type_len,
                             .logical = pq_logical_of(&n->note),
                             .bits = n->note.bits,
                             .digits = n->note.digits,
                             .is_utc = n->note.is_utc,
                             .precision = n->note.precision,
                             .scale = n->note.scale,
                             .has_no_stats = !n->has_stats};
}

const pqdb_parquet_node *pqdb_parquet_shredder_nodes(pqdb_parquet_shredder *s, const char *name,
                                                     uint32_t *count) {
  const char *kept;
  pq_node_spec *nodes;
  pqdb_parquet_node *out;
  uint32_t n;
  *count = 0;
  if (s->split == NULL) return NULL;
  kept = pq_arena_str(&s->arena, pq_str(name));
  if (kept == NULL ||
      pq_variant_shape_nodes(&s->arena, s->shape, kept, s->is_optional, &nodes, &n) != PQ_OK)
    return NULL;
  out = pq_arena_calloc(&s->arena, n, sizeof *out);
  if (out == NULL) return NULL;
  for (uint32_t i = 0; i < n; i++)
    out[i] = public_node(&nodes[i]);
  *count = n;
  return out;
}

int pqdb_parquet_shredder_add(pqdb_parquet_shredder *s, pqdb_variant v) {
  pq_value value;
  if (s->split == NULL) return s->cx.code;
  if (s->rc != PQ_OK) return s->rc;
  if (v.value.p == NULL && !s->is_optional)
    return pq_fail(&s->cx, PQ_EINVALID, "a null in a VARIANT column that is not optional");
  if (v.value.p == NULL) {
    s->rc = pq_split_skip(s->split, 0, 0);
    return s->rc;
  }
  PQ_TRY(pq_value_check(&s->cx, slice_of(v.metadata), slice_of(v.value), &value));
  s->rc = pq_split_put(s->split, value, 0);
  return s->rc;
}

const pqdb_parquet_column *pqdb_parquet_shredder_columns(pqdb_parquet_shredder *s,
                                                         uint32_t *count) {
  const pq_column *in;
  *count = 0;
  if (s->split == NULL || s->rc != PQ_OK) return NULL;
  in = pq_split_columns(s->split);
  *count = s->shape->leaf_count;
  for (uint32_t i = 0; i < *count; i++)
    s->columns[i] = (pqdb_parquet_column){.type = (pqdb_parquet_type)in[i].phys,
                                          .row_count = in[i].row_count,
                                          .entry_count = pq_column_entries(&in[i]),
                                          .nulls = in[i].nulls,
                                          .def = in[i].def,
                                          .rep = in[i].rep,
                                          .values.any = in[i].v.any};
  return s->columns;
}

void pqdb_parquet_shredder_clear(pqdb_parquet_shredder *s) {
  if (s->split != NULL) pq_split_clear(s->split);
  s->rc = PQ_OK;
}
