/* parquet/chunk_write.c - see chunk_write_int.h.
 *
 * Pages are cut where the estimated encoded bytes pass multiples of chunk / page count, so that
 * they come out even and no small rest remains. A chunk that does not get smaller by compression
 * is written a second time without it: most often constant columns of a few bytes.
 */
#include "parquet/chunk_write_int.h"

enum {
  VALUE_LEN_MAX = 1 << 30,    /* page sizes are 31 bits in the format */
  LEVEL_COST = (1 << 16) / 8, /* a bit of a level per entry, in 1/65536 byte */
  LONG_VALUE_LEN = 128        /* on average: text packs better in one piece */
};

typedef pq_chunk_job job;
typedef pq_page_rows page;
typedef pq_page_end page_end;

/* ---- life ---- */

static size_t len_max_of(uint64_t len) {
  return len < SIZE_MAX / 2 ? (size_t)len : SIZE_MAX / 2;
}

void pq_chunk_writer_init(pq_chunk_writer *w, pq_cx *cx) {
  size_t op_len = len_max_of(cx->limits.op_len_max);
  size_t file_len = len_max_of(cx->limits.file_len_max);
  file_len = len_max_of((uint64_t)file_len * 2);
  *w = (pq_chunk_writer){.cx = cx};
  pq_compressor_init(&w->compressor, cx);
  pq_dict_init(&w->dict, cx);
  pq_arena_init(&w->arena, cx, op_len);
  pq_buf_init(&w->file, cx, file_len);
  pq_buf_init(&w->column_indexes, cx, file_len);
  pq_buf_init(&w->offset_indexes, cx, file_len);
  pq_buf_init(&w->blooms, cx, file_len);
  pq_buf_init(&w->values, cx, op_len);
  pq_buf_init(&w->absent, cx, op_len);
  pq_buf_init(&w->sample, cx, op_len);
  pq_buf_init(&w->numbers, cx, op_len);
  pq_buf_init(&w->seen, cx, op_len);
  pq_buf_init(&w->levels, cx, op_len);
  pq_buf_init(&w->body, cx, op_len);
  pq_buf_init(&w->packed, cx, op_len);
  pq_buf_init(&w->lengths, cx, op_len);
  pq_buf_init(&w->pages, cx, op_len);
}

void pq_chunk_writer_release(pq_chunk_writer *w) {
  pq_compressor_release(&w->compressor);
  pq_dict_release(&w->dict);
  pq_arena_release(&w->arena);
  pq_buf_release(&w->file);
  pq_buf_release(&w->column_indexes);
  pq_buf_release(&w->offset_indexes);
  pq_buf_release(&w->blooms);
  pq_buf_release(&w->values);
  pq_buf_release(&w->absent);
  pq_buf_release(&w->sample);
  pq_buf_release(&w->numbers);
  pq_buf_release(&w->seen);
  pq_buf_release(&w->levels);
  pq_buf_release(&w->body);
  pq_buf_release(&w->packed);
  pq_buf_release(&w->lengths);
  pq_buf_release(&w->pages);
}

int pq_chunk_scratch(pq_buf *b, size_t count, size_t size) {
  size_t len;
  pq_buf_clear(b);
  if (!pq_mul_size(count, size, &len) || !pq_add_size(len, 1, &len))
    return pq_fail(b->cx, PQ_ELIMIT, "%zu values of %zu bytes at once", count, size);
  return pq_buf_reserve(b, len);
}

/* ---- values without nulls ---- */

static uint32_t count_absent(const uint8_t *absent, uint32_t count) {
  uint32_t n = 0;
  for (uint32_t i = 0; absent != NULL && i < count; i++)
    n += absent[i] != 0;
  return n;
}

static int check_lengths(const job *k) {
  const pq_dense *v = &k->values;
  bool is_bytes = v->phys == PQ_PHYS_BYTES;
  if (!is_bytes && v->phys != PQ_PHYS_FIXED && v->phys != PQ_PHYS_INT96) return PQ_OK;
  for (uint32_t i = 0; i < v->count; i++) {
    size_t n = v->v.bytes[i].n;
    if (!is_bytes && n != v->type_len)
      return pq_fail(k->w->cx, PQ_EINVALID, "column %.200s: a value of %zu bytes instead of %u",
                     k->spec->name, n, v->type_len);
    if (n > VALUE_LEN_MAX)
      return pq_fail(k->w->cx, PQ_ELIMIT, "column %.200s: a value of %zu bytes", k->spec->name, n);
    if (is_bytes) k->out->bytes_len += n;
  }
  return PQ_OK;
}

/* Where are values, and how many? */
static int find_absent(job *k) {
  const pq_column *c = k->column;
  uint32_t entry_count = pq_column_entries(c), null_count;
  if (c->def != NULL)
    PQ_TRY(pq_chunk_check_levels(k->w->cx, k->spec, c, &k->w->absent));
  else if (pq_leaf_is_nested(k->spec))
    return pq_fail(k->w->cx, PQ_EINVALID, "column %.200s: no levels", k->spec->name);
  k->absent = c->def != NULL ? k->w->absent.p : c->nulls;
  null_count = count_absent(k->absent, entry_count);
  if (null_count > 0 && k->spec->def_max == 0)
    return pq_fail(k->w->cx, PQ_EINVALID, "column %.200s: a null, though it is required",
                   k->spec->name);
  if (null_count == 0) k->absent = NULL;
  k->out->entry_count = entry_count;
  k->out->null_count = null_count;
  return PQ_OK;
}

static int gather(job *k) {
  const pq_column *c = k->column;
  size_t size = pq_dense_size(c->phys);
  uint32_t entry_count;
  uint8_t *to;
  PQ_TRY(find_absent(k));
  entry_count = (uint32_t)k->out->entry_count;
  k->values = (pq_dense){.phys = c->phys,
                         .type_len = k->spec->type_len,
                         .count = entry_count - (uint32_t)k->out->null_count};
  k->values.v.any = c->v.any;
  if (k->absent != NULL) {
    PQ_TRY(pq_chunk_scratch(&k->w->values, k->values.count, size));
    to = k->w->values.p;
    for (uint32_t i = 0; i < entry_count; i++) {
      if (k->absent[i] != 0) continue;
      memcpy(to, c->v.b + i * size, size);
      to += size;
    }
    k->values.v.any = k->w->values.p;
  }
  return check_lengths(k);
}

/* ---- one page ---- */

/* Both kinds of levels, into w->levels. Their length there is split at *rep_len. */
static int put_levels(job *k, const page *p, size_t *rep_len) {
  const pq_column *c = k->column;
  uint32_t def_max = k->spec->def_max;
  pq_levels l = {.count = p->entry_count, .has_len = !k->w->is_v2};
  pq_buf_clear(&k->w->levels);
  l.max = k->spec->rep_max;
  l.levels = c->rep == NULL ? NULL : c->rep + p->first_entry;
  PQ_TRY(pq_chunk_put_levels(k->w, &l));
  *rep_len = k->w->levels.len;
  l.max = def_max;
  l.same = def_max;
  l.levels = k->absent == NULL || c->def == NULL ? NULL : c->def + p->first_entry;
  l.absent =
      k->absent == NULL || p->value_count == p->entry_count ? NULL : k->absent + p->first_entry;
  return pq_chunk_put_levels(k->w, &l);
}

static int put_values(job *k, const page *p) {
  pq_chunk_writer *w = k->w;
  pq_dense part = pq_dense_part(&k->values, p->first_value, p->first_value + p->value_count);
  unsigned width;
  if (k->choice.encoding != PQ_ENC_RLE_DICTIONARY)
    return pq_encode(&w->body, k->choice.encoding, &part, &w->lengths);
  width = w->dict.count == 0 ? 0 : pq_bit_width(w->dict.count - 1);
  if (width < k->choice.width) width = k->choice.width;
  PQ_TRY(pq_buf_put_byte(&w->body, (uint8_t)width));
  return pq_encode_rle(&w->body, w->dict.ids + p->first_value, p->value_count, width);
}

/* What a page header says of the page in w->packed. */
typedef struct header {
  pq_page_type type;
  const page *page; /* NULL: a dictionary */
  size_t body_len;  /* of the page before compression, levels included */
  size_t rep_len, def_len;
  bool is_compressed;
} header;

/* DataPageHeader, DictionaryPageHeader, DataPageHeaderV2. */
static void put_page_kind(pq_thrift_out *t, const job *k, const header *h) {
  const page *p = h->page;
  if (p == NULL) {
    pq_thrift_out_open(t, 7);
    pq_thrift_out_i32(t, 1, (int32_t)k->w->dict.count);
    pq_thrift_out_i32(t, 2, PQ_ENC_PLAIN);
  } else if (h->type == PQ_PAGE_DATA) {
    pq_thrift_out_open(t, 5);
    pq_thrift_out_i32(t, 1, (int32_t)p->entry_count);
    pq_thrift_out_i32(t, 2, (int32_t)k->choice.encoding);
    pq_thrift_out_i32(t, 3, PQ_ENC_RLE);
    pq_thrift_out_i32(t, 4, PQ_ENC_RLE);
  } else {
    pq_thrift_out_open(t, 8);
    pq_thrift_out_i32(t, 1, (int32_t)p->entry_count);
    pq_thrift_out_i32(t, 2, (int32_t)(p->entry_count - p->value_count));
    pq_thrift_out_i32(t, 3, (int32_t)p->row_count);
    pq_thrift_out_i32(t, 4, (int32_t)k->choice.encoding);
    pq_thrift_out_i32(t, 5, (int32_t)h->def_len);
    pq_thrift_out_i32(t, 6, (int32_t)h->rep_len);
    pq_thrift_out_bool(t, 7, h->is_compressed);
  }
  pq_thrift_out_close(t);
}

/* Append header and page to the file. */
static int put_page(job *k, const header *h) {
  pq_chunk_writer *w = k->w;
  pq_slice stored =
      pq_buf_slice(h->is_compressed || h->type == PQ_PAGE_DATA_V2 ? &w->packed : &w->body);
  size_t start = w->file.len;
  pq_thrift_out t;
  if (h->body_len > INT32_MAX || stored.n > INT32_MAX)
    return pq_fail(w->cx, PQ_ELIMIT, "column %.200s: a page of %zu bytes", k->spec->name,
                   h->body_len);
  pq_thrift_out_begin(&t, &w->file);
  pq_thrift_out_i32(&t, 1, (int32_t)h->type);
  pq_thrift_out_i32(&t, 2, (int32_t)h->body_len);
  pq_thrift_out_i32(&t, 3, (int32_t)stored.n);
  pq_thrift_out_i32(&t, 4, (int32_t)pq_crc32(stored));
  put_page_kind(&t, k, h);
  PQ_TRY(pq_thrift_out_end(&t));
  k->out->uncompressed_len += w->file.len - start + h->body_len;
  return pq_buf_put_slice(&w->file, stored);
}

/* w->body compressed as a whole: version 1 and dictionaries. */
static int put_whole(job *k, header h) {
  pq_chunk_writer *w = k->w;
  h.is_compressed = k->codec != PQ_CODEC_NONE;
  h.body_len = w->body.len;
  if (h.is_compressed) {
    pq_buf_clear(&w->packed);
    PQ_TRY(
        pq_compress(&w->compressor, k->codec, k->choice.level, pq_buf_slice(&w->body), &w->packed));
  }
  return put_page(k, &h);
}

/* Version 2: the levels stay as they are, the values too where compression does not pay. */
static int put_v2(job *k, header h) {
  pq_chunk_writer *w = k->w;
  size_t levels_len = w->levels.len;
  h.is_compressed = k->codec != PQ_CODEC_NONE && w->body.len > 0;
  h.body_len = levels_len + w->body.len;
  h.def_len = levels_len - h.rep_len;
  pq_buf_clear(&w->packed);
  PQ_TRY(pq_buf_put_slice(&w->packed, pq_buf_slice(&w->levels)));
  if (h.is_compressed) {
    PQ_TRY(
        pq_compress(&w->compressor, k->codec, k->choice.level, pq_buf_slice(&w->body), &w->packed));
    h.is_compressed = w->packed.len - levels_len < w->body.len;
  }
  if (!h.is_compressed) {
    w->packed.len = levels_len;
    PQ_TRY(pq_buf_put_slice(&w->packed, pq_buf_slice(&w->body)));
  }
  return put_page(k, &h);
}

static int put_dictionary(job *k) {
  pq_buf_clear(&k->w->body);
  PQ_TRY(pq_dict_put_page(&k->w->dict, &k->values, k->w->dict.count, &k->w->body));
  return put_whole(k, (header){.type = PQ_PAGE_DICTIONARY});
}

static int put_data(job *k, const page *p) {
  pq_chunk_writer *w = k->w;
  header h = {.type = w->is_v2 ? PQ_PAGE_DATA_V2 : PQ_PAGE_DATA, .page = p};
  PQ_TRY(put_levels(k, p, &h.rep_len));
  pq_buf_clear(&w->body);
  if (!w->is_v2) PQ_TRY(pq_buf_put_slice(&w->body, pq_buf_slice(&w->levels)));
  PQ_TRY(put_values(k, p));
  return w->is_v2 ? put_v2(k, h) : put_whole(k, h);
}

/* Byte arrays of a dictionary: compare only the entries that the page uses. `seen` holds the
 * number of the last page that used each entry, then room for the list. */
static pq_bounds entry_bounds(job *k, const page *p, uint32_t page_number) {
  const pq_dict *d = &k->w->dict;
  uint32_t *seen = (uint32_t *)(void *)k->w->seen.p, *entries = seen + d->count, n = 0;
  for (uint32_t i = 0; i < p->value_count; i++) {
    uint32_t id = d->ids[p->first_value + i];
    if (seen[id] == page_number) continue;
    seen[id] = page_number;
    entries[n++] = d->firsts[id];
  }
  return pq_bounds_of_entries(k->spec->order, &k->values, entries, n);
}

static int page_bounds(job *k, const page *p, uint32_t page_number, pq_bounds *out) {
  bool is_array = k->spec->phys == PQ_PHYS_BYTES || k->spec->phys == PQ_PHYS_FIXED;
  pq_dense part;
  *out = (pq_bounds){0};
  if (!k->spec->has_stats || p->value_count == 0) return PQ_OK;
  if (k->choice.encoding == PQ_ENC_RLE_DICTIONARY && is_array) {
    *out = entry_bounds(k, p, page_number);
    return PQ_OK;
  }
  part = pq_dense_part(&k->values, p->first_value, p->first_value + p->value_count);
  return pq_bounds_of(&k->w->arena, k->spec->order, &part, out);
}

/* What size statistics say of a page. */
static int page_sizes(job *k, const page *p, pq_written_page *out) {
  uint32_t range[2] = {p->first_entry, p->first_entry + p->entry_count};
  if (!k->spec->has_sizes) return PQ_OK;
  for (uint32_t i = 0; k->spec->phys == PQ_PHYS_BYTES && i < p->value_count; i++)
    out->bytes_len += k->values.v.bytes[p->first_value + i].n;
  if (k->column->def == NULL || !pq_leaf_is_nested(k->spec)) return PQ_OK;
  return pq_chunk_histogram(&k->w->arena, k->spec, k->column, range, &out->histogram);
}

/* Hashes for the bloom filter, if they do not come from the dictionary's entries: page by page,
 * while the values are in the cache. */
static bool has_own_hashes(const job *k) {
  return k->spec->has_bloom && !k->choice.has_dict;
}

static int hash_page(job *k, const page *p) {
  bool is_sorted = k->spec->hint == PQ_HINT_SORTED;
  pq_dense part = pq_dense_part(&k->values, p->first_value, p->first_value + p->value_count);
  if (!has_own_hashes(k)) return PQ_OK;
  return pq_dict_hash(&k->w->dict, &part, is_sorted ? PQ_DICT_HASH_SORTED : PQ_DICT_HASH_ALL);
}

static int write_page(job *k, const page *p) {
  pq_chunk_writer *w = k->w;
  pq_written_page done = {.off = w->base + w->file.len,
                          .first_row = p->first_row,
                          .row_count = p->row_count,
                          .entry_count = p->entry_count,
                          .null_count = p->entry_count - p->value_count};
  PQ_TRY(put_data(k, p));
  done.len = (uint32_t)(w->base + w->file.len - done.off);
  k->out->data_page_count++;
  PQ_TRY(page_bounds(k, p, k->out->data_page_count, &done.bounds));
  PQ_TRY(page_sizes(k, p, &done));
  PQ_TRY(hash_page(k, p));
  return pq_buf_put(&w->pages, &done, sizeof done);
}

/* ---- cutting ---- */

static bool is_cost_by_len(const job *k) {
  return k->spec->phys == PQ_PHYS_BYTES && k->choice.encoding != PQ_ENC_RLE_DICTIONARY;
}

static uint64_t value_cost(const job *k, uint32_t value) {
  return is_cost_by_len(k) ? k->choice.cost * (4 + k->values.v.bytes[value].n) : k->choice.cost;
}

/* Every entry costs something, so that entries without bytes are cut evenly, too. */
static void set_costs(job *k) {
  uint64_t bits = pq_bit_width(k->spec->rep_max), units = k->values.count;
  if (k->out->null_count > 0) bits += pq_bit_width(k->spec->def_max);
  k->entry_cost = bits == 0 ? 1 : bits * LEVEL_COST;
  if (is_cost_by_len(k)) units = units * 4 + k->out->bytes_len;
  k->cost = k->entry_cost * k->out->entry_count + k->choice.cost * units;
}

/* A page's length where the caller leaves it to us; the second one where values are long. */
static const uint32_t page_lens[2][2] = {
    [PQ_LAYOUT_ANALYTIC] = {128 << 10, 1 << 20}, [PQ_LAYOUT_OPERATIONAL] = {32 << 10, 64 << 10}};

static uint64_t page_len_of(const job *k) {
  if (k->spec->page_len != 0) return k->spec->page_len;
  return page_lens[k->w->layout][k->out->bytes_len / LONG_VALUE_LEN > k->values.count];
}

static uint64_t page_count(const job *k) {
  uint64_t page_len = page_len_of(k);
  uint64_t rows = k->choice.page_rows_max, count, count_min;
  count = (k->cost + (page_len << 15)) / (page_len << 16); /* rounded */
  count_min = (k->column->row_count + rows - 1) / rows;
  return count > count_min ? count : count_min;
}

/* The row that begins at the end of `p`: its entries and values as a page of their own. */
static uint64_t row_at_end(const job *k, const page *p, page *row) {
  const uint8_t *rep = k->column->rep;
  uint32_t i = p->first_entry + p->entry_count, value = p->first_value + p->value_count;
  uint64_t cost = 0;
  *row = (page){.first_entry = i, .row_count = 1, .first_value = value};
  do {
    cost += k->entry_cost;
    if (k->absent == NULL || k->absent[i] == 0) cost += value_cost(k, value++);
    i++;
  } while (rep != NULL && i < k->out->entry_count && rep[i] != 0);
  row->entry_count = i - row->first_entry;
  row->value_count = value - row->first_value;
  return cost;
}

/* Rows are values, all of the same cost. */
static void cut_even(const job *k, page *p, const page_end *end, uint64_t *cost) {
  uint64_t one = k->entry_cost + k->choice.cost, rows = (end->limit - *cost + one - 1) / one;
  if (rows > end->rows_max) rows = end->rows_max;
  if (one >= end->page_cost) rows = 1;
  *cost += rows * one;
  p->row_count = p->entry_count = p->value_count = (uint32_t)rows;
}

/* Extend `p` from its first row and value to where the cost of the chunk so far, which is below
 * the limit, passes it. A row that fills a page alone does not share it with smaller ones before
 * it. */
static void cut(const job *k, page *p, const page_end *end, uint64_t *cost) {
  p->row_count = p->entry_count = p->value_count = 0;
  if (k->absent == NULL && k->column->rep == NULL && !is_cost_by_len(k)) {
    cut_even(k, p, end, cost);
    return;
  }
  while (p->row_count < end->rows_max) {
    page row;
    uint64_t more = row_at_end(k, p, &row);
    if (p->row_count > 0 && (*cost >= end->limit || more >= end->page_cost)) break;
    *cost += more;
    p->row_count++;
    p->entry_count += row.entry_count;
    p->value_count += row.value_count;
  }
}

/* Pages until the chunk ends or `len_left` bytes of them have been encoded. */
static int write_pages(job *k, uint64_t *len_left) {
  uint32_t row_count = k->column->row_count;
  uint32_t rows_max = k->choice.page_rows_max + k->choice.page_rows_max / 4;
  page_end *end = &k->end;
  page *p = &k->page;
  while (p->first_row<row_count && * len_left> 0) {
    uint64_t before = k->out->uncompressed_len, len;
    uint32_t left = row_count - p->first_row;
    while (end->limit <= k->spent)
      end->limit += end->page_cost;
    end->rows_max = left < rows_max ? left : rows_max;
    cut(k, p, end, &k->spent);
    PQ_TRY(write_page(k, p));
    p->first_row += p->row_count;
    p->first_entry += p->entry_count;
    p->first_value += p->value_count;
    len = k->out->uncompressed_len - before;
    *len_left -= len < *len_left ? len : *len_left;
  }
  return PQ_OK;
}

/* ---- the chunk ---- */

static int prepare_seen(job *k) {
  size_t count = (size_t)k->w->dict.count * 2;
  if (k->choice.encoding != PQ_ENC_RLE_DICTIONARY) return PQ_OK;
  PQ_TRY(pq_chunk_scratch(&k->w->seen, count, sizeof(uint32_t)));
  memset(k->w->seen.p, 0, count * sizeof(uint32_t));
  return PQ_OK;
}

/* Begin the pages. */
static int start_with(job *k, pq_codec codec) {
  pq_chunk_writer *w = k->w;
  k->codec = codec;
  k->out->codec = codec;
  k->out->off = w->base + w->file.len;
  k->out->uncompressed_len = 0;
  k->out->data_page_count = 0;
  k->page = (page){0};
  k->spent = 0;
  k->end = (page_end){.page_cost = k->cost / page_count(k) + 1};
  pq_buf_clear(&w->pages);
  if (has_own_hashes(k)) pq_dict_hash_start(&w->dict);
  PQ_TRY(prepare_seen(k));
  if (k->choice.encoding == PQ_ENC_RLE_DICTIONARY) PQ_TRY(put_dictionary(k));
  k->out->data_page_off = w->base + w->file.len;
  return PQ_OK;
}

static int copy_bound(pq_arena *keep, pq_slice *bound) {
  return pq_arena_copy(keep, *bound, bound);
}

/* Bounds of the chunk in their stored form; none where there is a NaN, because DuckDB takes them
 * for those of all values. The column index has bounds all the same. */
static int chunk_bounds(job *k, pq_arena *keep) {
  const pq_written_page *pages = (const pq_written_page *)(const void *)k->w->pages.p;
  pq_written_chunk *out = k->out;
  pq_bounds all = {0};
  bool ok;
  out->bounds = (pq_bounds){0};
  for (uint32_t i = 0; i < out->data_page_count; i++)
    pq_bounds_merge(k->spec->order, &all, &pages[i].bounds);
  if (all.has_nan) return PQ_OK;
  out->bounds = all;
  PQ_TRY(pq_bounds_store(&k->w->arena, k->spec->order, k->spec->is_text, &out->bounds, &ok));
  if (!out->bounds.has) return PQ_OK;
  out->min_is_exact = out->bounds.min.n == all.min.n;
  out->max_is_exact = out->bounds.max.p == all.max.p;
  PQ_TRY(copy_bound(keep, &out->bounds.min));
  return copy_bound(keep, &out->bounds.max);
}

static int chunk_sizes(job *k, pq_arena *keep) {
  uint32_t range[2] = {0, (uint32_t)k->out->entry_count};
  bool is_float = k->spec->phys == PQ_PHYS_FLOAT || k->spec->phys == PQ_PHYS_DOUBLE;
  if (k->choice.has_dict && !is_float) k->out->distinct_count = k->w->dict.count;
  if (!k->spec->has_sizes || k->column->def == NULL || !pq_leaf_is_nested(k->spec)) return PQ_OK;
  return pq_chunk_histogram(keep, k->spec, k->column, range, &k->out->histogram);
}

static int put_bloom(job *k) {
  if (!k->spec->has_bloom || k->values.count == 0) return PQ_OK;
  if (!has_own_hashes(k)) PQ_TRY(pq_dict_hash(&k->w->dict, &k->values, PQ_DICT_HASH_ENTRIES));
  PQ_TRY(pq_dict_hash_more(&k->w->dict, k->column->more_hashes, k->column->more_hash_count));
  return pq_chunk_put_bloom(k->w, k->out);
}

int pq_chunk_begin(pq_chunk_job *k, pq_chunk_writer *w, const pq_leaf_spec *spec,
                   const pq_column *column, pq_written_chunk *out) {
  *k = (job){.w = w, .spec = spec, .column = column, .out = out, .start = w->file.len};
  *out = (pq_written_chunk){0};
  pq_arena_clear(&w->arena);
  PQ_TRY(gather(k));
  PQ_TRY(pq_chunk_choose(w, spec, &k->values, &k->choice));
  k->values.prefix_max = k->choice.prefix_max;
  out->encoding = k->choice.encoding;
  set_costs(k);
  return start_with(k, w->codec);
}

int pq_chunk_step(pq_chunk_job *k, pq_arena *keep, uint64_t *len_left, bool *is_done) {
  pq_chunk_writer *w = k->w;
  *is_done = false;
  PQ_TRY(write_pages(k, len_left));
  if (k->page.first_row < k->column->row_count) return PQ_OK;
  k->out->len = w->base + w->file.len - k->out->off;
  if (k->codec != PQ_CODEC_NONE && k->out->len >= k->out->uncompressed_len) {
    w->file.len = k->start;
    pq_arena_clear(&w->arena);
    return start_with(k, PQ_CODEC_NONE);
  }
  *is_done = true;
  PQ_TRY(chunk_bounds(k, keep));
  PQ_TRY(chunk_sizes(k, keep));
  PQ_TRY(pq_chunk_put_indexes(w, k->spec, keep, k->out));
  return put_bloom(k);
}
