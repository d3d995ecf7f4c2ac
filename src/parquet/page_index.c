/* parquet/page_index.c - offset index, column index and bloom filter of a chunk.
 *
 *   OffsetIndex:  pages[i] = {offset, length with header, first row}
 *   ColumnIndex:  null_pages[i], min_values[i], max_values[i], null_counts[i]
 *   bloom:        BloomFilterHeader | 32-byte blocks
 *
 * Pages chosen by wrong indexes would silently lose rows, so everything that can contradict
 * something else is compared: order and extent of pages, lengths of the lists, pages of nulls
 * against null counts. Bounds that cannot be compared with certainty are absent. An index with a
 * contradiction is refused in a file that carries our checksums; of another writer's file it is
 * ignored, as the pages can be read without it.
 *
 * Sources: parquet-format: PageIndex.md, BloomFilter.md, parquet.thrift.
 */
#include <string.h>

#include "parquet/bloom.h"
#include "parquet/chunk_int.h"
#include "parquet/side_cache.h"
#include "parquet/stats_int.h"
#include "parquet/thrift_read.h"

/* A PageLocation takes at least 7 bytes: three fields of two, and the stop. */
enum { LOCATION_LEN_MIN = 7 };

/* Header of a bloom filter: 4 short fields take about 20 bytes. Filters up to WHOLE_LEN_MAX are
 * read in one request; of a longer one just the header and then one block. */
enum { BLOOM_HEADER_LEN = 64, BLOOM_WHOLE_LEN_MAX = 256 << 10 };

/* Indexes of several leaves are read in one request where they stand as near as this. */
enum { SPAN_LEN_MAX = 64 << 10, SPAN_GAP_LEN_MAX = 16 << 10 };

static int thrift_failure(const pq_chunk_ref *r, const pq_thrift *t, uint64_t off) {
  pq_place at = r->at;
  at.off = off + pq_thrift_pos(t);
  return pq_place_corrupt(&at, t->error);
}

/* Get a structure that the footer points at. */
static int fetch_part(pq_fetch *f, const pq_chunk_ref *r, uint64_t off, uint64_t len,
                      pq_slice *out) {
  *out = (pq_slice){0};
  if (off > r->file_end || len > r->file_end - off)
    return pq_place_corrupt(&r->at, "page index or bloom filter lies outside the file");
  return pq_fetch_read(f, r->at.key, off, len, out);
}

/* ---- offset index ---- */

static void read_location(pq_thrift *t, pq_page_info *page, uint64_t *first_row) {
  pq_thrift_field f = {0};
  while (pq_thrift_next(t, &f)) {
    switch (f.id) {
      case 1: page->off = (uint64_t)pq_thrift_int(t, &f, 64); break;
      case 2: page->len = (uint64_t)pq_thrift_int(t, &f, 32); break;
      case 3: *first_row = (uint64_t)pq_thrift_int(t, &f, 64); break;
      default: pq_thrift_skip(t, &f); break;
    }
  }
}

/* Does page `i` follow the one before, inside the chunk? */
static bool location_fits(const pq_chunk_ref *r, const pq_page_index *out, uint32_t i,
                          uint64_t first_row) {
  const pq_page_info *page = &out->pages[i];
  uint64_t low = r->chunk->off, high = r->chunk->off + r->chunk->len;
  if (i > 0) low = page[-1].off + page[-1].len;
  if (page->off < low || page->off > high || page->len == 0 || page->len > high - page->off)
    return false;
  if (i == 0) return first_row == 0;
  return first_row > page[-1].first_row && first_row < r->row_count;
}

/* Some writers leave the headers out of the lengths: a page reaches to the next one, and the last
 * to the end of the chunk. */
static void reach_next(const pq_chunk_ref *r, pq_page_index *out) {
  for (uint32_t i = 0; i < out->page_count; i++) {
    pq_page_info *page = &out->pages[i];
    uint64_t end = r->chunk->off + r->chunk->len;
    page->len = (i + 1 < out->page_count ? page[1].off : end) - page->off;
  }
}

static int read_locations(pq_thrift *t, const pq_thrift_field *f, pq_arena *arena,
                          const pq_chunk_ref *r, pq_page_index *out) {
  pq_thrift_field item;
  uint32_t count = pq_thrift_list(t, f, PQ_THRIFT_STRUCT, LOCATION_LEN_MIN, &item);
  if (t->error != NULL) return PQ_OK;
  if (out->pages != NULL) return pq_place_corrupt(&r->at, "two lists of pages");
  if ((count == 0) != (r->row_count == 0))
    return pq_place_corrupt(&r->at, "offset index without pages");
  out->pages = pq_arena_calloc(arena, count, sizeof *out->pages);
  if (out->pages == NULL) return arena->cx->code;
  for (uint32_t i = 0; i < count; i++) {
    uint64_t first_row = UINT64_MAX;
    read_location(t, &out->pages[i], &first_row);
    if (t->error != NULL) return PQ_OK;
    if (!location_fits(r, out, i, first_row))
      return pq_place_corrupt(&r->at, "pages of the offset index contradict each other");
    out->pages[i].first_row = (uint32_t)first_row;
    if (i > 0) out->pages[i - 1].row_count = (uint32_t)first_row - out->pages[i - 1].first_row;
  }
  if (count > 0) out->pages[count - 1].row_count = r->row_count - out->pages[count - 1].first_row;
  out->page_count = count;
  if (!r->chunk->has_crc) reach_next(r, out);
  return PQ_OK;
}

static int read_offset_index(pq_arena *arena, const pq_chunk_ref *r, pq_slice bytes,
                             pq_page_index *out) {
  pq_thrift t = pq_thrift_of(bytes);
  pq_thrift_field f = {0};
  while (pq_thrift_next(&t, &f)) {
    if (f.id == 1)
      PQ_TRY(read_locations(&t, &f, arena, r, out));
    else
      pq_thrift_skip(&t, &f);
  }
  if (t.error != NULL) return thrift_failure(r, &t, r->chunk->offset_index_off);
  if (out->pages == NULL) return pq_place_corrupt(&r->at, "offset index without pages");
  return PQ_OK;
}

/* ---- column index ---- */

/* Which of the lists have been read. */
typedef struct column_index {
  bool has_null_pages, has_min, has_max, has_null_counts, has_nan_counts;
  const char *contradiction;
} column_index;

/* Null counts are of entries, of which a page of a nested leaf has at least one a row. */
static void read_null_count(pq_thrift *t, const pq_thrift_field *item, const pq_leaf *leaf,
                            const pq_page_info *page, column_index *ci) {
  int64_t count = pq_thrift_int(t, item, 64), rows = page->row_count;
  bool is_flat = leaf->rep_max == 0;
  if (count < 0 || (is_flat && count > rows) || (count > 0 && leaf->def_max == 0))
    ci->contradiction = "null count of a page is impossible";
  else if (is_flat ? (count == rows) != page->is_null_page : page->is_null_page && count < rows)
    ci->contradiction = "null pages contradict the null counts";
}

static void read_index_list(pq_thrift *t, const pq_thrift_field *f, const pq_leaf *leaf,
                            const pq_page_index *out, column_index *ci) {
  static const pq_thrift_type types[] = {PQ_THRIFT_TRUE, PQ_THRIFT_BINARY, PQ_THRIFT_BINARY,
                                         PQ_THRIFT_STOP, PQ_THRIFT_I64,    PQ_THRIFT_STOP,
                                         PQ_THRIFT_STOP, PQ_THRIFT_I64};
  pq_thrift_field item;
  uint32_t count = pq_thrift_list(t, f, types[f->id - 1], 1, &item);
  if (t->error != NULL) return;
  if (count != out->page_count) {
    ci->contradiction = "column index and offset index differ in length";
    return;
  }
  for (uint32_t i = 0; i < count; i++) {
    pq_page_info *page = &out->pages[i];
    switch (f->id) {
      case 1: page->is_null_page = pq_thrift_bool_item(t); break;
      case 2: page->min = pq_thrift_binary(t, &item); break;
      case 3: page->max = pq_thrift_binary(t, &item); break;
      case 8: page->is_nan_free = pq_thrift_int(t, &item, 64) == 0; break;
      default: read_null_count(t, &item, leaf, page, ci); break;
    }
  }
}

static void read_index_field(pq_thrift *t, const pq_thrift_field *f, const pq_leaf *leaf,
                             const pq_page_index *out, column_index *ci) {
  bool *has = NULL;
  switch (f->id) {
    case 1: has = &ci->has_null_pages; break;
    case 2: has = &ci->has_min; break;
    case 3: has = &ci->has_max; break;
    case 5: has = &ci->has_null_counts; break;
    case 8: has = &ci->has_nan_counts; break;
    default: pq_thrift_skip(t, f); return;
  }
  if (*has) ci->contradiction = "column index has a list twice";
  if (f->id == 5 && !ci->has_null_pages) ci->contradiction = "column index out of order";
  *has = true;
  if (ci->contradiction == NULL)
    read_index_list(t, f, leaf, out, ci);
  else
    pq_thrift_skip(t, f);
}

/* Bounds are kept where they can be trusted. A page that holds values needs some. */
static void check_bounds(const pq_leaf *leaf, pq_page_info *page) {
  page->has_bounds = !page->is_null_page && leaf->has_known_order &&
                     pq_bound_is_valid(leaf, page->min) && pq_bound_is_valid(leaf, page->max) &&
                     pq_bounds_are_ordered(leaf, page->min, page->max);
  if (page->has_bounds) return;
  page->min = (pq_slice){0};
  page->max = (pq_slice){0};
}

/* `bytes` must outlive the index: bounds are slices of them. */
static int read_column_index(const pq_chunk_ref *r, pq_slice bytes, pq_page_index *out) {
  pq_thrift t = pq_thrift_of(bytes);
  pq_thrift_field f = {0};
  column_index ci = {0};
  while (pq_thrift_next(&t, &f))
    read_index_field(&t, &f, r->leaf, out, &ci);
  if (ci.contradiction != NULL) return pq_place_corrupt(&r->at, ci.contradiction);
  if (t.error != NULL) return thrift_failure(r, &t, r->chunk->column_index_off);
  if (!ci.has_null_pages || !ci.has_min || !ci.has_max)
    return pq_place_corrupt(&r->at, "column index lacks a list");
  for (uint32_t i = 0; i < out->page_count; i++) {
    if (out->pages[i].is_null_page && r->leaf->def_max == 0)
      return pq_place_corrupt(&r->at, "page of nulls in a required column");
    check_bounds(r->leaf, &out->pages[i]);
  }
  return PQ_OK;
}

/* The indexes from their bytes, which must outlive them. */
static int read_indexes(pq_arena *arena, const pq_chunk_ref *r, pq_slice offsets, pq_slice bounds,
                        pq_page_index *out) {
  bool is_ours = r->chunk->has_crc;
  int rc = read_offset_index(arena, r, offsets, out);
  if (rc == PQ_ECORRUPT && !is_ours) {
    *out = (pq_page_index){0};
    return PQ_OK;
  }
  PQ_TRY(rc);
  if (bounds.n == 0) return PQ_OK;
  rc = read_column_index(r, bounds, out);
  if (rc != PQ_ECORRUPT || is_ours) return rc;
  for (uint32_t i = 0; i < out->page_count; i++) {
    pq_page_info *page = &out->pages[i];
    *page = (pq_page_info){.off = page->off,
                           .len = page->len,
                           .first_row = page->first_row,
                           .row_count = page->row_count};
  }
  return PQ_OK;
}

/* Does an index that the footer points at lie in the file? */
static bool has_index(const pq_chunk_ref *r, uint64_t off, uint64_t len) {
  if (off == 0 || len == 0) return false;
  return r->chunk->has_crc || (off <= r->file_end && len <= r->file_end - off);
}

int pq_page_index_fetch(pq_fetch *f, pq_arena *arena, const pq_file *file, uint32_t row_group,
                        uint32_t leaf, pq_page_index *out) {
  pq_chunk_ref r = pq_chunk_ref_of(f->cx, file, row_group, leaf);
  const pq_chunk *c = r.chunk;
  pq_page_index index = {0};
  pq_slice offsets, bounds = {0};
  int rc, bounds_rc = PQ_OK;
  const pq_page_index *known = NULL;
  if (file->indexes != NULL) known = pq_side_cache_index(file->indexes, row_group, leaf);
  *out = known != NULL ? *known : (pq_page_index){0};
  if (known != NULL) return PQ_OK;
  PQ_TRY(pq_chunk_ref_check(&r));
  if (!has_index(&r, c->offset_index_off, c->offset_index_len)) return PQ_OK;
  rc = fetch_part(f, &r, c->offset_index_off, c->offset_index_len, &offsets);
  if (has_index(&r, c->column_index_off, c->column_index_len))
    bounds_rc = fetch_part(f, &r, c->column_index_off, c->column_index_len, &bounds);
  if (rc < 0) return rc;
  if (bounds_rc < 0) return bounds_rc;
  if (rc != PQ_OK || bounds_rc != PQ_OK) return PQ_NEED_IO;
  if (c->has_crc && (pq_crc32(offsets) ^ pq_crc32(bounds)) != c->index_crc) {
    r.at.off = c->offset_index_off;
    return pq_place_corrupt(&r.at, "page index with a wrong CRC");
  }
  PQ_TRY(pq_arena_copy(arena, bounds, &bounds));
  PQ_TRY(read_indexes(arena, &r, offsets, bounds, &index));
  if (file->indexes != NULL) pq_side_cache_put_index(file->indexes, row_group, leaf, &index);
  *out = index;
  return PQ_OK;
}

/* Bytes from `lo` to `hi`, of which `len` are wanted. */
typedef struct index_span {
  uint64_t lo, hi, len;
} index_span;

/* Extend the span by what lies in the file; the rest fails when it is asked for by itself. */
static void extend(index_span *s, const pq_chunk_ref *r, uint64_t off, uint64_t len) {
  if (!has_index(r, off, len) || off > r->file_end || len > r->file_end - off) return;
  if (s->len == 0 || off < s->lo) s->lo = off;
  if (off + len > s->hi) s->hi = off + len;
  s->len += len;
}

int pq_page_index_want(pq_fetch *f, const pq_file *file, uint32_t row_group, uint32_t first,
                       uint32_t count) {
  index_span s = {0};
  pq_slice ignored;
  for (uint32_t leaf = first; leaf < first + count; leaf++) {
    pq_chunk_ref r = pq_chunk_ref_of(f->cx, file, row_group, leaf);
    extend(&s, &r, r.chunk->offset_index_off, r.chunk->offset_index_len);
    extend(&s, &r, r.chunk->column_index_off, r.chunk->column_index_len);
  }
  if (s.hi - s.lo > SPAN_LEN_MAX || s.hi - s.lo > s.len + SPAN_GAP_LEN_MAX) return PQ_OK;
  return pq_fetch_read(f, file->key, s.lo, s.hi - s.lo, &ignored);
}

/* ---- bloom filter ---- */

typedef struct bloom_header {
  uint64_t bits_len;
  uint32_t header_len;
} bloom_header;

/* A union whose only member that we know is 1. */
static bool is_member_one(pq_thrift *t, const pq_thrift_field *field) {
  pq_thrift_field f = {0};
  bool is_one = false;
  if (!pq_thrift_struct(t, field)) return false;
  while (pq_thrift_next(t, &f)) {
    is_one = f.id == 1;
    pq_thrift_skip(t, &f);
  }
  return is_one;
}

static int read_bloom_header(const pq_chunk_ref *r, pq_slice bytes, bloom_header *out) {
  pq_thrift t = pq_thrift_of(bytes);
  pq_thrift_field f = {0};
  unsigned known = 0; /* of algorithm, hash, compression */
  int64_t len = 0;
  *out = (bloom_header){0};
  while (pq_thrift_next(&t, &f)) {
    switch (f.id) {
      case 1: len = pq_thrift_int(&t, &f, 32); break;
      case 2:
      case 3:
      case 4: known += is_member_one(&t, &f); break;
      default: pq_thrift_skip(&t, &f); break;
    }
  }
  if (t.error != NULL) return thrift_failure(r, &t, r->chunk->bloom_off);
  if (known != 3) return pq_place_fail(&r->at, PQ_EUNSUPPORTED, "bloom filter of an unknown kind");
  if (len <= 0 || len % PQ_BLOOM_BLOCK_LEN != 0 || (uint64_t)len > PQ_BLOOM_LEN_MAX)
    return pq_place_corrupt(&r->at, "bloom filter of an impossible length");
  *out = (bloom_header){(uint64_t)len, (uint32_t)pq_thrift_pos(&t)};
  return PQ_OK;
}

int pq_bloom_read(pq_fetch *f, const char *key, uint64_t off, uint32_t len, const uint32_t *crc,
                  pq_slice *out) {
  const pq_place at = {.cx = f->cx, .key = key, .off = off};
  PQ_TRY(pq_fetch_read(f, key, off, len, out));
  if (crc == NULL || f->bloom_checked == out->p) return PQ_OK;
  if (pq_crc32(*out) == *crc) {
    f->bloom_checked = out->p;
    return PQ_OK;
  }
  *out = (pq_slice){0};
  return pq_place_corrupt(&at, "bloom filter with a wrong CRC");
}

int pq_bloom_open(pq_cx *cx, const char *key, uint64_t off, pq_slice bytes, pq_slice *bits) {
  const pq_chunk chunk = {.bloom_off = off};
  const pq_chunk_ref r = {.at = {.cx = cx, .key = key, .off = off}, .chunk = &chunk};
  bloom_header h;
  *bits = (pq_slice){0};
  PQ_TRY(read_bloom_header(&r, bytes, &h));
  if (h.header_len + h.bits_len != bytes.n)
    return pq_place_corrupt(&r.at, "bloom filter of another length than its bits");
  *bits = (pq_slice){bytes.p + h.header_len, (size_t)h.bits_len};
  return PQ_OK;
}

/* The whole filter in one request when its length is known and small. */
static uint64_t bloom_first_len(const pq_chunk_ref *r) {
  const pq_chunk *c = r->chunk;
  uint64_t len = BLOOM_HEADER_LEN, left;
  if (c->bloom_len > 0 && c->bloom_len <= BLOOM_WHOLE_LEN_MAX) return c->bloom_len;
  if (c->bloom_len > 0 || c->bloom_off > r->file_end) return len;
  left = r->file_end - c->bloom_off;
  return left < len ? left : len;
}

/* Once while it is resident, as it may be asked for thousands of values in a row. A filter that is
 * not read as a whole is none of ours. */
static int check_bloom_crc(pq_fetch *f, const pq_chunk_ref *r, pq_slice bytes) {
  const pq_chunk *c = r->chunk;
  if (!c->has_crc || f->bloom_checked == bytes.p || bytes.n != c->bloom_len) return PQ_OK;
  if (pq_crc32(bytes) != c->bloom_crc)
    return pq_place_corrupt(&r->at, "bloom filter with a wrong CRC");
  f->bloom_checked = bytes.p;
  return PQ_OK;
}

/* Where in the filter the one block stands that a hash goes to. */
static uint64_t block_off(uint64_t bits_len, uint64_t hash) {
  return ((hash >> 32) * (bits_len / PQ_BLOOM_BLOCK_LEN) >> 32) * PQ_BLOOM_BLOCK_LEN;
}

int pq_bloom_check(pq_fetch *f, const pq_file *file, uint32_t row_group, uint32_t leaf,
                   uint64_t hash, bool *may) {
  pq_chunk_ref r = pq_chunk_ref_of(f->cx, file, row_group, leaf);
  const pq_chunk *c = r.chunk;
  pq_slice bytes, block;
  bloom_header h;
  uint64_t off;
  *may = true;
  if (c->bloom_off == 0) return PQ_OK;
  r.at.off = c->bloom_off;
  PQ_TRY(fetch_part(f, &r, c->bloom_off, bloom_first_len(&r), &bytes));
  PQ_TRY(check_bloom_crc(f, &r, bytes));
  PQ_TRY(read_bloom_header(&r, bytes, &h));
  if (c->bloom_len > 0 && h.header_len + h.bits_len != c->bloom_len)
    return pq_place_corrupt(&r.at, "bloom filter of another length than the footer says");
  off = block_off(h.bits_len, hash) + h.header_len;
  if (off + PQ_BLOOM_BLOCK_LEN <= bytes.n) {
    block = (pq_slice){bytes.p + (size_t)off, PQ_BLOOM_BLOCK_LEN};
  } else {
    PQ_TRY(fetch_part(f, &r, c->bloom_off + off, PQ_BLOOM_BLOCK_LEN, &block));
  }
  *may = pq_bloom_contains(block.p, PQ_BLOOM_BLOCK_LEN, hash);
  return PQ_OK;
}

int pq_bloom_fetch(pq_fetch *f, const pq_file *file, uint32_t row_group, uint32_t leaf,
                   pq_slice *bits) {
  pq_chunk_ref r = pq_chunk_ref_of(f->cx, file, row_group, leaf);
  const pq_chunk *c = r.chunk;
  pq_slice bytes;
  bloom_header h;
  *bits = (pq_slice){0};
  if (c->bloom_off == 0 || c->bloom_len > BLOOM_WHOLE_LEN_MAX) return PQ_OK;
  r.at.off = c->bloom_off;
  PQ_TRY(fetch_part(f, &r, c->bloom_off, bloom_first_len(&r), &bytes));
  PQ_TRY(read_bloom_header(&r, bytes, &h));
  if (h.bits_len > BLOOM_WHOLE_LEN_MAX) return PQ_OK;
  if (c->bloom_len > 0 && h.header_len + h.bits_len != c->bloom_len)
    return pq_place_corrupt(&r.at, "bloom filter of another length than the footer says");
  PQ_TRY(fetch_part(f, &r, c->bloom_off, h.header_len + h.bits_len, &bytes));
  if (c->has_crc && pq_crc32(bytes) != c->bloom_crc)
    return pq_place_corrupt(&r.at, "bloom filter with a wrong CRC");
  *bits = (pq_slice){bytes.p + h.header_len, (size_t)h.bits_len};
  return PQ_OK;
}
