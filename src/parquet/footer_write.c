/* parquet/footer_write.c - FileMetaData: see footer_write_int.h.
 *
 * Source: parquet-format: parquet.thrift, LogicalTypes.md. Field numbers are those of the structs
 * named above each function.
 */
#include "parquet/footer_write_int.h"

enum { VERSION = 1, REQUIRED = 0, OPTIONAL = 1, VARIANT_SPEC_VERSION = 1 };

/* LogicalType's members. */
enum {
  MEMBER_STRING = 1,
  MEMBER_DATE = 6,
  MEMBER_TIMESTAMP = 8,
  MEMBER_UUID = 14,
  MEMBER_VARIANT = 16
};

/* ConvertedType. */
enum { CONVERTED_NONE = -1, UTF8 = 0, DATE = 6, TIMESTAMP_MILLIS = 9, TIMESTAMP_MICROS = 10 };

/* ---- schema ---- */

static void put_empty(pq_thrift_out *t, uint32_t id) {
  pq_thrift_out_open(t, id);
  pq_thrift_out_close(t);
}

/* TimestampType, always adjusted to UTC. */
static void put_timestamp(pq_thrift_out *t, bool is_micros) {
  pq_thrift_out_open(t, MEMBER_TIMESTAMP);
  pq_thrift_out_bool(t, 1, true);
  pq_thrift_out_open(t, 2);
  put_empty(t, is_micros ? 2 : 1);
  pq_thrift_out_close(t);
  pq_thrift_out_close(t);
}

static void put_logical(pq_thrift_out *t, pq_logical logical) {
  if (logical == PQ_LOGICAL_NONE || logical == PQ_LOGICAL_OTHER) return;
  pq_thrift_out_open(t, 10);
  switch (logical) {
    case PQ_LOGICAL_STRING: put_empty(t, MEMBER_STRING); break;
    case PQ_LOGICAL_DATE: put_empty(t, MEMBER_DATE); break;
    case PQ_LOGICAL_UUID: put_empty(t, MEMBER_UUID); break;
    case PQ_LOGICAL_TIMESTAMP_MS: put_timestamp(t, false); break;
    case PQ_LOGICAL_TIMESTAMP_US: put_timestamp(t, true); break;
    case PQ_LOGICAL_VARIANT:
      pq_thrift_out_open(t, MEMBER_VARIANT);
      pq_thrift_out_i8(t, 1, VARIANT_SPEC_VERSION);
      pq_thrift_out_close(t);
      break;
    case PQ_LOGICAL_NONE:
    case PQ_LOGICAL_OTHER: break;
  }
  pq_thrift_out_close(t);
}

static int32_t converted_of(pq_logical logical) {
  switch (logical) {
    case PQ_LOGICAL_STRING: return UTF8;
    case PQ_LOGICAL_DATE: return DATE;
    case PQ_LOGICAL_TIMESTAMP_MS: return TIMESTAMP_MILLIS;
    case PQ_LOGICAL_TIMESTAMP_US: return TIMESTAMP_MICROS;
    case PQ_LOGICAL_NONE:
    case PQ_LOGICAL_UUID:
    case PQ_LOGICAL_VARIANT:
    case PQ_LOGICAL_OTHER: break;
  }
  return CONVERTED_NONE;
}

/* SchemaElement of a required binary below a VARIANT group. */
static void put_variant_child(pq_thrift_out *t, const char *name) {
  pq_thrift_out_item_open(t);
  pq_thrift_out_i32(t, 1, PQ_PHYS_BYTES);
  pq_thrift_out_i32(t, 3, REQUIRED);
  pq_thrift_out_binary(t, 4, pq_str(name));
  pq_thrift_out_close(t);
}

/* SchemaElement of a column, and of the children of a VARIANT. */
static void put_column(pq_thrift_out *t, const pq_column_spec *spec) {
  bool is_group = spec->logical == PQ_LOGICAL_VARIANT;
  int32_t converted = converted_of(spec->logical);
  pq_thrift_out_item_open(t);
  if (!is_group) pq_thrift_out_i32(t, 1, (int32_t)spec->phys);
  if (!is_group && spec->phys == PQ_PHYS_FIXED) pq_thrift_out_i32(t, 2, (int32_t)spec->type_len);
  pq_thrift_out_i32(t, 3, spec->is_optional ? OPTIONAL : REQUIRED);
  pq_thrift_out_binary(t, 4, pq_str(spec->name));
  if (is_group) pq_thrift_out_i32(t, 5, 2);
  if (converted != CONVERTED_NONE) pq_thrift_out_i32(t, 6, converted);
  if (spec->field_id >= 0) pq_thrift_out_i32(t, 9, spec->field_id);
  put_logical(t, spec->logical);
  pq_thrift_out_close(t);
  if (!is_group) return;
  put_variant_child(t, "metadata");
  put_variant_child(t, "value");
}

static void put_schema(pq_thrift_out *t, const pq_writer *w) {
  uint32_t element_count = 1;
  for (uint32_t i = 0; i < w->spec_count; i++)
    element_count += w->specs[i].logical == PQ_LOGICAL_VARIANT ? 3 : 1;
  pq_thrift_out_list(t, 2, PQ_THRIFT_STRUCT, element_count);
  pq_thrift_out_item_open(t);
  pq_thrift_out_binary(t, 4, PQ_SLICE("schema"));
  pq_thrift_out_i32(t, 5, (int32_t)w->spec_count);
  pq_thrift_out_close(t);
  for (uint32_t i = 0; i < w->spec_count; i++)
    put_column(t, &w->specs[i]);
}

/* ---- row groups ---- */

/* Statistics. */
static void put_stats(pq_thrift_out *t, const pq_written_chunk *c) {
  pq_thrift_out_open(t, 12);
  pq_thrift_out_i64(t, 3, (int64_t)c->null_count);
  if (c->bounds.has) {
    pq_thrift_out_binary(t, 5, c->bounds.max);
    pq_thrift_out_binary(t, 6, c->bounds.min);
    pq_thrift_out_bool(t, 7, c->max_is_exact);
    pq_thrift_out_bool(t, 8, c->min_is_exact);
  }
  pq_thrift_out_close(t);
}

/* PageEncodingStats. */
static void put_page_count(pq_thrift_out *t, pq_page_type type, pq_encoding encoding,
                           uint32_t count) {
  pq_thrift_out_item_open(t);
  pq_thrift_out_i32(t, 1, (int32_t)type);
  pq_thrift_out_i32(t, 2, (int32_t)encoding);
  pq_thrift_out_i32(t, 3, (int32_t)count);
  pq_thrift_out_close(t);
}

static void put_encodings(pq_thrift_out *t, const pq_leaf_spec *leaf, const pq_written_chunk *c) {
  bool is_dict = c->encoding == PQ_ENC_RLE_DICTIONARY;
  bool has_levels = leaf->is_optional && c->encoding != PQ_ENC_RLE;
  pq_thrift_out_list(t, 2, PQ_THRIFT_I32, 1u + is_dict + has_levels);
  if (is_dict) pq_thrift_out_item_int(t, PQ_ENC_PLAIN);
  if (has_levels) pq_thrift_out_item_int(t, PQ_ENC_RLE);
  pq_thrift_out_item_int(t, c->encoding);
}

/* ColumnMetaData. */
static void put_chunk_metadata(pq_thrift_out *t, const pq_leaf_spec *leaf,
                               const pq_written_chunk *c, const pq_side_places *places) {
  bool is_dict = c->encoding == PQ_ENC_RLE_DICTIONARY;
  pq_thrift_out_open(t, 3);
  pq_thrift_out_i32(t, 1, (int32_t)leaf->phys);
  put_encodings(t, leaf, c);
  pq_thrift_out_list(t, 3, PQ_THRIFT_BINARY, leaf->child == NULL ? 1 : 2);
  pq_thrift_out_item_binary(t, pq_str(leaf->top->name));
  if (leaf->child != NULL) pq_thrift_out_item_binary(t, pq_str(leaf->child));
  pq_thrift_out_i32(t, 4, (int32_t)c->codec);
  pq_thrift_out_i64(t, 5, (int64_t)c->row_count);
  pq_thrift_out_i64(t, 6, (int64_t)c->uncompressed_len);
  pq_thrift_out_i64(t, 7, (int64_t)c->len);
  pq_thrift_out_i64(t, 9, (int64_t)c->data_page_off);
  if (is_dict) pq_thrift_out_i64(t, 11, (int64_t)c->off);
  put_stats(t, c);
  pq_thrift_out_list(t, 13, PQ_THRIFT_STRUCT, 1u + is_dict);
  if (is_dict) put_page_count(t, PQ_PAGE_DICTIONARY, PQ_ENC_PLAIN, 1);
  put_page_count(t, PQ_PAGE_DATA, c->encoding, c->data_page_count);
  if (c->bloom.len > 0) {
    pq_thrift_out_i64(t, 14, (int64_t)(places->bloom_off + c->bloom.off));
    pq_thrift_out_i32(t, 15, (int32_t)c->bloom.len);
  }
  pq_thrift_out_close(t);
}

/* ColumnChunk. */
static void put_chunk(pq_thrift_out *t, const pq_leaf_spec *leaf, const pq_written_chunk *c,
                      const pq_side_places *places) {
  pq_thrift_out_item_open(t);
  pq_thrift_out_i64(t, 2, 0);
  put_chunk_metadata(t, leaf, c, places);
  pq_thrift_out_i64(t, 4, (int64_t)(places->offset_index_off + c->offset_index.off));
  pq_thrift_out_i32(t, 5, (int32_t)c->offset_index.len);
  if (c->column_index.len > 0) {
    pq_thrift_out_i64(t, 6, (int64_t)(places->column_index_off + c->column_index.off));
    pq_thrift_out_i32(t, 7, (int32_t)c->column_index.len);
  }
  pq_thrift_out_close(t);
}

/* SortingColumn. */
static void put_sorting(pq_thrift_out *t, const pq_written_group *g) {
  if (g->sorting_count == 0) return;
  pq_thrift_out_list(t, 4, PQ_THRIFT_STRUCT, g->sorting_count);
  for (uint32_t i = 0; i < g->sorting_count; i++) {
    pq_thrift_out_item_open(t);
    pq_thrift_out_i32(t, 1, (int32_t)g->sorting[i].spec);
    pq_thrift_out_bool(t, 2, g->sorting[i].is_descending);
    pq_thrift_out_bool(t, 3, g->sorting[i].nulls_first);
    pq_thrift_out_close(t);
  }
}

/* RowGroup. Its file_offset is left out: readers then take the first chunk's. */
static void put_group(pq_thrift_out *t, const pq_writer *w, const pq_written_group *g,
                      uint32_t ordinal, const pq_side_places *places) {
  uint64_t len = 0, uncompressed_len = 0;
  pq_thrift_out_item_open(t);
  pq_thrift_out_list(t, 1, PQ_THRIFT_STRUCT, w->leaf_count);
  for (uint32_t i = 0; i < w->leaf_count; i++) {
    len += g->chunks[i].len;
    uncompressed_len += g->chunks[i].uncompressed_len;
    put_chunk(t, &w->leaves[i], &g->chunks[i], places);
  }
  pq_thrift_out_i64(t, 2, (int64_t)uncompressed_len);
  pq_thrift_out_i64(t, 3, g->row_count);
  put_sorting(t, g);
  pq_thrift_out_i64(t, 6, (int64_t)len);
  if (ordinal <= INT16_MAX) pq_thrift_out_i16(t, 7, (int16_t)ordinal);
  pq_thrift_out_close(t);
}

/* ---- the rest ---- */

/* KeyValue. */
static void put_key_values(pq_thrift_out *t, const pq_key_value *key_values, uint32_t count) {
  if (count == 0) return;
  pq_thrift_out_list(t, 5, PQ_THRIFT_STRUCT, count);
  for (uint32_t i = 0; i < count; i++) {
    pq_thrift_out_item_open(t);
    pq_thrift_out_binary(t, 1, key_values[i].key);
    pq_thrift_out_binary(t, 2, key_values[i].value);
    pq_thrift_out_close(t);
  }
}

/* ColumnOrder: TYPE_ORDER for each leaf. */
static void put_column_orders(pq_thrift_out *t, uint32_t leaf_count) {
  pq_thrift_out_list(t, 7, PQ_THRIFT_STRUCT, leaf_count);
  for (uint32_t i = 0; i < leaf_count; i++) {
    pq_thrift_out_item_open(t);
    put_empty(t, 1);
    pq_thrift_out_close(t);
  }
}

int pq_footer_put(pq_writer *w, const pq_side_places *places, const pq_key_value *key_values,
                  uint32_t key_value_count) {
  uint32_t ordinal = 0;
  pq_thrift_out t;
  pq_thrift_out_begin(&t, &w->chunk.file);
  pq_thrift_out_i32(&t, 1, VERSION);
  put_schema(&t, w);
  pq_thrift_out_i64(&t, 3, (int64_t)w->row_count);
  pq_thrift_out_list(&t, 4, PQ_THRIFT_STRUCT, w->group_count);
  for (const pq_written_group *g = w->first; g != NULL; g = g->next)
    put_group(&t, w, g, ordinal++, places);
  put_key_values(&t, key_values, key_value_count);
  pq_thrift_out_binary(&t, 6, pq_str(w->created_by));
  put_column_orders(&t, w->leaf_count);
  return pq_thrift_out_end(&t);
}
