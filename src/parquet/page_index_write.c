/* parquet/page_index_write.c - column index, offset index and bloom filter of a chunk just written.
 *
 * Column index and bloom filter are serialised at once into side buffers; the writer appends those
 * behind the row groups and only then knows where each stands. The offset index says where pages
 * are, so it is serialised last. Source: parquet-format: PageIndex.md, BloomFilter.md.
 */
#include <string.h>

#include "parquet/bloom.h"
#include "parquet/chunk_write_int.h"

typedef enum boundary_order { UNORDERED = 0, ASCENDING = 1, DESCENDING = 2 } boundary_order;

typedef struct pages_list {
  pq_written_page *p;
  uint32_t count;
} pages_list;

static bool is_null_page(const pq_written_page *p) {
  return p->null_count == p->entry_count;
}

/* Bring the bounds of all pages into their stored form. *ok is false when a page that holds values
 * has no bounds: then the chunk gets no column index. */
static int store_bounds(pq_chunk_writer *w, const pq_leaf_spec *spec, pq_written_page *pages,
                        uint32_t count, bool *ok) {
  *ok = spec->has_stats;
  for (uint32_t i = 0; i < count && *ok; i++) {
    PQ_TRY(pq_bounds_store(&w->arena, spec->order, spec->is_text, &pages[i].bounds, ok));
    *ok = *ok && pages[i].bounds.has != is_null_page(&pages[i]);
  }
  return PQ_OK;
}

/* What is true of minima and maxima of all pages with values; ascending if both are. */
static boundary_order order_of(pq_bounds_order order, const pq_written_page *pages,
                               uint32_t count) {
  const pq_bounds *last = NULL;
  bool is_up = true, is_down = true;
  for (uint32_t i = 0; i < count; i++) {
    const pq_bounds *b = &pages[i].bounds;
    if (is_null_page(&pages[i])) continue;
    if (last != NULL) {
      int min = pq_bounds_cmp(order, last->min, b->min);
      int max = pq_bounds_cmp(order, last->max, b->max);
      is_up = is_up && min <= 0 && max <= 0;
      is_down = is_down && min >= 0 && max >= 0;
    }
    last = b;
  }
  return is_up ? ASCENDING : is_down ? DESCENDING : UNORDERED;
}

/* One list for all pages: a histogram of each, of its counts in `range`. */
static void put_histograms(pq_thrift_out *t, uint32_t id, const pages_list *pages,
                           const uint32_t range[2]) {
  pq_thrift_out_list(t, id, PQ_THRIFT_I64, (size_t)pages->count * (range[1] - range[0]));
  for (uint32_t i = 0; i < pages->count; i++)
    for (uint32_t k = range[0]; k < range[1]; k++)
      pq_thrift_out_item_int(t, (int64_t)pages->p[i].histogram[k]);
}

/* ColumnIndex. */
static int put_column_index(pq_buf *out, const pq_leaf_spec *spec, const pages_list *pages) {
  uint32_t count = pages->count, def_end = spec->def_max + 1;
  const uint32_t defs[2] = {0, def_end}, reps[2] = {def_end, def_end + spec->rep_max + 1};
  pq_thrift_out t;
  pq_thrift_out_begin(&t, out);
  pq_thrift_out_list(&t, 1, PQ_THRIFT_TRUE, count);
  for (uint32_t i = 0; i < count; i++)
    pq_thrift_out_item_bool(&t, is_null_page(&pages->p[i]));
  pq_thrift_out_list(&t, 2, PQ_THRIFT_BINARY, count);
  for (uint32_t i = 0; i < count; i++)
    pq_thrift_out_item_binary(&t, pages->p[i].bounds.min);
  pq_thrift_out_list(&t, 3, PQ_THRIFT_BINARY, count);
  for (uint32_t i = 0; i < count; i++)
    pq_thrift_out_item_binary(&t, pages->p[i].bounds.max);
  pq_thrift_out_i32(&t, 4, (int32_t)order_of(spec->order, pages->p, count));
  pq_thrift_out_list(&t, 5, PQ_THRIFT_I64, count);
  for (uint32_t i = 0; i < count; i++)
    pq_thrift_out_item_int(&t, pages->p[i].null_count);
  if (pages->p[0].histogram != NULL) {
    put_histograms(&t, 6, pages, reps);
    put_histograms(&t, 7, pages, defs);
  }
  return pq_thrift_out_end(&t);
}

/* OffsetIndex. */
int pq_chunk_put_offsets(pq_chunk_writer *w, const pq_leaf_spec *spec, pq_written_chunk *chunk) {
  const pq_page_place *pages = chunk->pages;
  uint32_t count = chunk->data_page_count;
  pq_thrift_out t;
  chunk->offset_index.off = w->offset_indexes.len;
  pq_thrift_out_begin(&t, &w->offset_indexes);
  pq_thrift_out_list(&t, 1, PQ_THRIFT_STRUCT, count);
  for (uint32_t i = 0; i < count; i++) {
    pq_thrift_out_item_open(&t);
    pq_thrift_out_i64(&t, 1, (int64_t)pages[i].off);
    pq_thrift_out_i32(&t, 2, (int32_t)pages[i].len);
    pq_thrift_out_i64(&t, 3, pages[i].first_row);
    pq_thrift_out_close(&t);
  }
  if (spec->has_sizes && spec->phys == PQ_PHYS_BYTES) {
    pq_thrift_out_list(&t, 2, PQ_THRIFT_I64, count);
    for (uint32_t i = 0; i < count; i++)
      pq_thrift_out_item_int(&t, (int64_t)pages[i].bytes_len);
  }
  PQ_TRY(pq_thrift_out_end(&t));
  chunk->offset_index.len = w->offset_indexes.len - chunk->offset_index.off;
  return PQ_OK;
}

static int keep_places(pq_arena *keep, const pages_list *pages, pq_written_chunk *chunk) {
  chunk->pages = pq_arena_array(keep, pages->count, sizeof *chunk->pages);
  if (chunk->pages == NULL) return keep->cx->code;
  for (uint32_t i = 0; i < pages->count; i++) {
    const pq_written_page *p = &pages->p[i];
    chunk->pages[i] = (pq_page_place){p->off, p->len, p->first_row, p->bytes_len};
  }
  return PQ_OK;
}

int pq_chunk_put_indexes(pq_chunk_writer *w, const pq_leaf_spec *spec, pq_arena *keep,
                         pq_written_chunk *chunk) {
  pages_list pages = {(pq_written_page *)(void *)w->pages.p, chunk->data_page_count};
  bool ok;
  PQ_TRY(keep_places(keep, &pages, chunk));
  PQ_TRY(store_bounds(w, spec, pages.p, pages.count, &ok));
  if (!ok) return PQ_OK;
  chunk->column_index.off = w->column_indexes.len;
  PQ_TRY(put_column_index(&w->column_indexes, spec, &pages));
  chunk->column_index.len = w->column_indexes.len - chunk->column_index.off;
  return PQ_OK;
}

int pq_chunk_put_bloom(pq_chunk_writer *w, pq_written_chunk *chunk) {
  size_t len = pq_bloom_len_for(w->dict.count, w->bloom_fpp), start = w->blooms.len;
  uint8_t *bits;
  pq_thrift_out t;
  pq_thrift_out_begin(&t, &w->blooms);
  pq_thrift_out_i32(&t, 1, (int32_t)len);
  for (uint32_t id = 2; id <= 4; id++) { /* unions: BLOCK, XXHASH, UNCOMPRESSED */
    pq_thrift_out_open(&t, id);
    pq_thrift_out_open(&t, 1);
    pq_thrift_out_close(&t);
    pq_thrift_out_close(&t);
  }
  PQ_TRY(pq_thrift_out_end(&t));
  PQ_TRY(pq_buf_reserve(&w->blooms, len));
  bits = w->blooms.p + w->blooms.len;
  memset(bits, 0, len);
  pq_bloom_insert_all(w->cx, bits, len, w->dict.keys, w->dict.count);
  w->blooms.len += len;
  chunk->bloom = (pq_side){start, w->blooms.len - start};
  return PQ_OK;
}
