/* shred/entity_fields.c - see entity_fields.h. */
#include "shred/entity_fields.h"

#include <string.h>

enum { KEY_FIELD_ID = 11 };

/* ---- which columns ---- */

/* Has a field a nested column beside $data? */
static bool is_list_of_scalars(const pq_schema_field *f) {
  return f->is_list && pq_schema_column_type(f) != 0;
}

/* The flat column of a field in the set, or the count. */
static uint32_t flat_column(const pq_entity_table *table, pq_slice name, pq_index_type type) {
  uint32_t i = 0;
  while (i < table->column_count &&
         (table->columns[i].type != type || !pq_slice_eq(table->columns[i].name, name)))
    i++;
  return i;
}

static void add_slot(pq_entity_fields *f, bool is_tree, uint32_t idx) {
  f->slots[f->slot_count++] = (pq_entity_slot){is_tree, idx};
}

static void add_tree(pq_entity_fields *f, pq_field_tree *tree) {
  if (tree == NULL) return; /* an edge */
  add_slot(f, true, f->tree_count);
  f->trees[f->tree_count++] = tree;
  f->tree_leaves += tree->leaf_count;
  f->tree_nodes += tree->node_count;
}

/* The columns that are the document: $_id, the fields of the schema in its order. */
static int add_document(pq_arena *arena, const pq_entity_table *table, pq_entity_fields *f) {
  const pq_schema *schema = table->schema;
  bool *is_used = pq_arena_calloc(arena, table->column_count, sizeof *is_used);
  pq_field_tree *tree;
  if (is_used == NULL) return arena->cx->code;
  PQ_TRY(pq_field_tree_variant(arena, "$_id", KEY_FIELD_ID, &tree));
  add_tree(f, tree);
  for (uint32_t i = 0; i < schema->field_count; i++) {
    const pq_schema_field *field = &schema->fields[i];
    pq_slice name;
    uint32_t flat;
    PQ_TRY(pq_schema_column_name(arena, field->name, &name));
    flat = flat_column(table, name, field->is_list ? 0 : pq_schema_column_type(field));
    if (flat < table->column_count) {
      is_used[flat] = true;
      add_slot(f, false, flat);
      continue;
    }
    PQ_TRY(pq_field_tree_new(arena, field, name, &tree));
    add_tree(f, tree);
  }
  for (uint32_t i = 0; i < table->column_count; i++)
    if (!is_used[i]) add_slot(f, false, i);
  return PQ_OK;
}

static int add_lists(pq_arena *arena, const pq_schema *schema, pq_entity_fields *f) {
  for (uint32_t i = 0; schema != NULL && i < schema->field_count; i++) {
    pq_field_tree *tree;
    pq_slice name;
    if (!is_list_of_scalars(&schema->fields[i])) continue;
    PQ_TRY(pq_schema_column_name(arena, schema->fields[i].name, &name));
    PQ_TRY(pq_field_tree_new(arena, &schema->fields[i], name, &tree));
    add_tree(f, tree);
  }
  return PQ_OK;
}

int pq_entity_is_normal(pq_arena *scratch, const pq_schema *schema, const pq_entity *e, bool *out) {
  return pq_schema_is_normal(schema, scratch, e->data, out);
}

/* Do the columns tell every document? */
static int are_normal(pq_cx *cx, const pq_schema *schema, const pq_entity *entities, uint32_t count,
                      bool *out) {
  pq_arena scratch;
  int rc = PQ_OK;
  pq_arena_init(&scratch, cx, cx->limits.op_len_max);
  *out = true;
  for (uint32_t i = 0; i < count && *out && rc == PQ_OK; i++) {
    pq_arena_clear(&scratch);
    rc = pq_schema_is_normal(schema, &scratch, entities[i].data, out);
  }
  pq_arena_release(&scratch);
  return rc;
}

int pq_entity_fields_choose(pq_arena *arena, const pq_entity_table *table,
                            const pq_entity *entities, uint32_t count, bool keeps_data,
                            pq_entity_fields *out) {
  const pq_schema *schema = table->schema;
  uint32_t field_count = schema == NULL ? 0 : schema->field_count;
  bool is_normal = schema != NULL && !schema->has_data && !keeps_data;
  *out = (pq_entity_fields){0};
  PQ_TRY(pq_entity_storage_of(arena->cx, schema, &out->storage));
  if (is_normal) PQ_TRY(are_normal(arena->cx, schema, entities, count, &is_normal));
  out->has_data = !is_normal;
  out->trees = pq_arena_calloc(arena, (size_t)field_count + 1, sizeof(pq_field_tree *));
  out->slots =
      pq_arena_calloc(arena, (size_t)field_count + table->column_count + 1, sizeof *out->slots);
  if (out->trees == NULL || out->slots == NULL) return arena->cx->code;
  if (is_normal) return add_document(arena, table, out);
  for (uint32_t i = 0; i < table->column_count; i++)
    add_slot(out, false, i);
  return add_lists(arena, schema, out);
}

/* ---- $options ---- */

static const struct codec_word {
  const char *name;
  pq_codec codec;
} codec_words[] = {{"zstd", PQ_CODEC_ZSTD},   {"snappy", PQ_CODEC_SNAPPY}, {"gzip", PQ_CODEC_GZIP},
                   {"lz4", PQ_CODEC_LZ4_RAW}, {"brotli", PQ_CODEC_BROTLI}, {"none", PQ_CODEC_NONE}};

int pq_entity_storage_of(pq_cx *cx, const pq_schema *schema, pq_entity_storage *out) {
  pq_value options = {0};
  pq_slice word;
  int64_t rows;
  double rate;
  *out = (pq_entity_storage){.codec = PQ_CODEC_ZSTD, .rows = cx->limits.row_group_rows_max};
  if (schema != NULL) options = pq_object_get_str(schema->options, "$options");
  if (pq_value_count(pq_object_get_str(options, "sortBy")) > 0)
    return pq_fail(cx, PQ_EUNSUPPORTED, "schema: $options.sortBy: files are sorted by $id");
  if (pq_value_i64(pq_object_get_str(options, "rowGroupSize"), &rows) && rows > 0 &&
      rows <= INT32_MAX)
    out->rows = (uint32_t)rows;
  if (pq_value_number(pq_object_get_str(options, "bloomRate"), &rate)) out->bloom_rate = rate;
  if (!pq_value_string(pq_object_get_str(options, "compression"), &word)) return PQ_OK;
  for (size_t i = 0; i < sizeof codec_words / sizeof *codec_words; i++)
    if (pq_slice_is(word, codec_words[i].name)) out->codec = codec_words[i].codec;
  out->is_uncompressed = out->codec == PQ_CODEC_NONE;
  if (out->is_uncompressed || pq_codec_is_readable(out->codec)) return PQ_OK;
  return pq_fail(cx, PQ_EUNSUPPORTED, "schema: $options.compression: '%.*s' is not built in",
                 (int)word.n, (const char *)word.p);
}

/* ---- entries ---- */

static int start(pq_entity_leaf_set *s, const pq_entity_fields *fields, pq_cx *cx) {
  uint32_t at = 0;
  if (fields->tree_leaves == 0 || s->columns != NULL) return PQ_OK;
  s->columns = pq_alloc(cx, NULL, 0, fields->tree_leaves * sizeof *s->columns);
  if (s->columns == NULL) return pq_fail_nomem(cx);
  memset(s->columns, 0, fields->tree_leaves * sizeof *s->columns);
  s->count = fields->tree_leaves;
  for (uint32_t i = 0; i < fields->tree_count; i++) {
    pq_field_tree_columns(fields->trees[i], s->columns + at);
    at += fields->trees[i]->leaf_count;
  }
  return PQ_OK;
}

int pq_entity_leaf_set_begin(pq_entity_leaf_set *s, const pq_entity_fields *fields, pq_cx *cx) {
  PQ_TRY(start(s, fields, cx));
  for (uint32_t i = 0; i < s->count; i++)
    s->columns[i].count = 0;
  return PQ_OK;
}

int pq_entity_leaf_set_add(pq_entity_leaf_set *s, const pq_entity_fields *fields, pq_arena *arena,
                           const pq_entity *rows, uint32_t count) {
  uint32_t at = 0;
  for (uint32_t t = 0; t < fields->tree_count; t++) {
    const pq_field_tree *tree = fields->trees[t];
    bool is_key = !fields->has_data && t == 0;
    pq_slice path = is_key ? PQ_SLICE("_id") : tree->column.path;
    for (uint32_t i = 0; i < count; i++) {
      pq_value v = pq_object_get(rows[i].data, path);
      PQ_TRY(pq_field_tree_put(tree, arena, v, s->columns + at));
    }
    at += tree->leaf_count;
  }
  return PQ_OK;
}

void pq_entity_leaf_set_release(pq_entity_leaf_set *s, pq_cx *cx) {
  for (uint32_t i = 0; i < s->count; i++)
    pq_leaf_column_release(&s->columns[i], cx);
  if (s->columns != NULL) pq_alloc(cx, s->columns, s->count * sizeof *s->columns, 0);
  *s = (pq_entity_leaf_set){0};
}
