/* parquet/footer_write.c - FileMetaData: see footer_write_int.h.
 *
 * Source: parquet-format: parquet.thrift, LogicalTypes.md. Field numbers are those of the structs
 * named above each function.
 */
#include "parquet/footer_write_int.h"

enum { VERSION = 1 };

/* ---- row groups ---- */

/* Statistics. */
static void put_stats(pq_thrift_out *t, const pq_leaf_spec *leaf, const pq_written_chunk *c) {
  pq_thrift_out_open(t, 12);
  pq_thrift_out_i64(t, 3, (int64_t)c->null_count);
  if (leaf->has_sizes && c->distinct_count > 0) pq_thrift_out_i64(t, 4, (int64_t)c->distinct_count);
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
  bool has_levels = leaf->def_max > 0 && c->encoding != PQ_ENC_RLE;
  pq_thrift_out_list(t, 2, PQ_THRIFT_I32, 1u + is_dict + has_levels);
  if (is_dict) pq_thrift_out_item_int(t, PQ_ENC_PLAIN);
  if (has_levels) pq_thrift_out_item_int(t, PQ_ENC_RLE);
  pq_thrift_out_item_int(t, c->encoding);
}

static void put_counts(pq_thrift_out *t, uint32_t id, const uint64_t *counts, uint32_t count) {
  pq_thrift_out_list(t, id, PQ_THRIFT_I64, count);
  for (uint32_t i = 0; i < count; i++)
    pq_thrift_out_item_int(t, (int64_t)counts[i]);
}

/* SizeStatistics: what a reader may want to plan its memory. */
static void put_sizes(pq_thrift_out *t, const pq_leaf_spec *leaf, const pq_written_chunk *c) {
  bool is_bytes = leaf->phys == PQ_PHYS_BYTES;
  if (!leaf->has_sizes || (!is_bytes && c->histogram == NULL)) return;
  pq_thrift_out_open(t, 16);
  if (is_bytes) pq_thrift_out_i64(t, 1, (int64_t)c->bytes_len);
  if (c->histogram != NULL) {
    put_counts(t, 2, c->histogram + leaf->def_max + 1, leaf->rep_max + 1);
    put_counts(t, 3, c->histogram, leaf->def_max + 1);
  }
  pq_thrift_out_close(t);
}

/* ColumnMetaData. */
static void put_chunk_metadata(pq_thrift_out *t, const pq_writer *w, const pq_leaf_spec *leaf,
                               const pq_written_chunk *c, const pq_side_places *places) {
  bool is_dict = c->encoding == PQ_ENC_RLE_DICTIONARY;
  pq_thrift_out_open(t, 3);
  pq_thrift_out_i32(t, 1, (int32_t)leaf->phys);
  put_encodings(t, leaf, c);
  pq_thrift_out_list(t, 3, PQ_THRIFT_BINARY, leaf->path_count);
  for (uint32_t i = 0; i < leaf->path_count; i++)
    pq_thrift_out_item_binary(t, leaf->path[i]);
  pq_thrift_out_i32(t, 4, (int32_t)c->codec);
  pq_thrift_out_i64(t, 5, (int64_t)c->entry_count);
  pq_thrift_out_i64(t, 6, (int64_t)c->uncompressed_len);
  pq_thrift_out_i64(t, 7, (int64_t)c->len);
  pq_thrift_out_i64(t, 9, (int64_t)c->data_page_off);
  if (is_dict) pq_thrift_out_i64(t, 11, (int64_t)c->off);
  put_stats(t, leaf, c);
  pq_thrift_out_list(t, 13, PQ_THRIFT_STRUCT, 1u + is_dict);
  if (is_dict) put_page_count(t, PQ_PAGE_DICTIONARY, PQ_ENC_PLAIN, 1);
  put_page_count(t, w->chunk.is_v2 ? PQ_PAGE_DATA_V2 : PQ_PAGE_DATA, c->encoding,
                 c->data_page_count);
  if (c->bloom.len > 0) {
    pq_thrift_out_i64(t, 14, (int64_t)(places->bloom_off + c->bloom.off));
    pq_thrift_out_i32(t, 15, (int32_t)c->bloom.len);
  }
  put_sizes(t, leaf, c);
  pq_thrift_out_close(t);
}

/* ColumnChunk. */
static void put_chunk(pq_thrift_out *t, const pq_writer *w, const pq_leaf_spec *leaf,
                      const pq_written_chunk *c, const pq_side_places *places) {
  pq_thrift_out_item_open(t);
  pq_thrift_out_i64(t, 2, 0);
  put_chunk_metadata(t, w, leaf, c, places);
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
    put_chunk(t, w, &w->leaves[i], &g->chunks[i], places);
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
    pq_thrift_out_open(t, 1);
    pq_thrift_out_close(t);
    pq_thrift_out_close(t);
  }
}

int pq_footer_put(pq_writer *w, const pq_side_places *places, const pq_key_value *key_values,
                  uint32_t key_value_count) {
  uint32_t ordinal = 0;
  pq_thrift_out t;
  pq_thrift_out_begin(&t, &w->chunk.file);
  pq_thrift_out_i32(&t, 1, VERSION);
  pq_footer_put_schema(&t, w);
  pq_thrift_out_i64(&t, 3, (int64_t)w->row_count);
  pq_thrift_out_list(&t, 4, PQ_THRIFT_STRUCT, w->group_count);
  for (const pq_written_group *g = w->first; g != NULL; g = g->next)
    put_group(&t, w, g, ordinal++, places);
  put_key_values(&t, key_values, key_value_count);
  pq_thrift_out_binary(&t, 6, pq_str(w->created_by));
  put_column_orders(&t, w->leaf_count);
  return pq_thrift_out_end(&t);
}
