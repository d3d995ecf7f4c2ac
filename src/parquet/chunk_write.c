/* parquet/chunk_write.c - see chunk_write_int.h.
 *
 * Pages are cut where the estimated encoded bytes pass multiples of chunk / page count, so that
 * they come out even and no small rest remains. A chunk that does not get smaller by compression
 * is written a second time without it: most often constant columns of a few bytes.
 */
#include "parquet/chunk_write_int.h"

enum {
  VALUE_LEN_MAX = 1 << 30,    /* page sizes are 31 bits in the format */
  LEVEL_COST = (1 << 16) / 8, /* a definition level per row, in 1/65536 byte */
  PAGE_LEN_DEFAULT = 32 << 10
};

/* A chunk being written. */
typedef struct job {
  pq_chunk_writer *w;
  const pq_leaf_spec *spec;
  const pq_column *column;
  pq_written_chunk *out;
  pq_dense values; /* all of the chunk */
  pq_choice choice;
  pq_codec codec;
  uint64_t cost; /* of all rows */
} job;

/* Rows [row, row + row_count) and their values. */
typedef struct page {
  uint32_t first_row, row_count;
  uint32_t first_value, value_count;
} page;

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
  pq_buf_init(&w->sample, cx, op_len);
  pq_buf_init(&w->numbers, cx, op_len);
  pq_buf_init(&w->seen, cx, op_len);
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
  pq_buf_release(&w->sample);
  pq_buf_release(&w->numbers);
  pq_buf_release(&w->seen);
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

static uint32_t count_nulls(const pq_column *c, uint32_t lo, uint32_t hi) {
  uint32_t n = 0;
  if (c->nulls == NULL) return 0;
  for (uint32_t i = lo; i < hi; i++)
    n += c->nulls[i] != 0;
  return n;
}

static int check_lengths(const job *k) {
  const pq_dense *v = &k->values;
  if (v->phys != PQ_PHYS_BYTES && v->phys != PQ_PHYS_FIXED) return PQ_OK;
  for (uint32_t i = 0; i < v->count; i++) {
    size_t n = v->v.bytes[i].n;
    if (v->phys == PQ_PHYS_FIXED && n != v->type_len)
      return pq_fail(k->w->cx, PQ_EINVALID, "column %s: a value of %zu bytes instead of %u",
                     k->spec->top->name, n, v->type_len);
    if (n > VALUE_LEN_MAX)
      return pq_fail(k->w->cx, PQ_ELIMIT, "column %s: a value of %zu bytes", k->spec->top->name, n);
  }
  return PQ_OK;
}

static int gather(job *k) {
  const pq_column *c = k->column;
  size_t size = pq_dense_size(c->phys);
  uint32_t null_count = count_nulls(c, 0, c->row_count);
  pq_assert(null_count == 0 || k->spec->is_optional);
  k->out->row_count = c->row_count;
  k->out->null_count = null_count;
  k->values = (pq_dense){
      .phys = c->phys, .type_len = k->spec->type_len, .count = c->row_count - null_count};
  k->values.v.any = c->v.any;
  if (null_count > 0) {
    PQ_TRY(pq_chunk_scratch(&k->w->values, k->values.count, size));
    for (uint32_t i = 0; i < c->row_count; i++)
      if (c->nulls[i] == 0) PQ_TRY(pq_buf_put(&k->w->values, c->v.b + i * size, size));
    k->values.v.any = k->w->values.p;
  }
  return check_lengths(k);
}

/* ---- one page ---- */

static int put_levels(job *k, const page *p) {
  pq_buf *out = &k->w->body;
  uint32_t *levels;
  size_t start = out->len;
  if (!k->spec->is_optional) return PQ_OK;
  PQ_TRY(pq_buf_put_u32(out, 0));
  if (p->value_count == p->row_count || p->value_count == 0) {
    PQ_TRY(pq_encode_rle_run(out, p->value_count != 0, p->row_count, 1));
  } else {
    PQ_TRY(pq_chunk_scratch(&k->w->numbers, p->row_count, sizeof *levels));
    levels = (uint32_t *)(void *)k->w->numbers.p;
    for (uint32_t i = 0; i < p->row_count; i++)
      levels[i] = k->column->nulls[p->first_row + i] == 0;
    PQ_TRY(pq_encode_rle(out, levels, p->row_count, 1));
  }
  pq_wr32(out->p + start, (uint32_t)(out->len - start - 4));
  return PQ_OK;
}

static int put_values(job *k, const page *p) {
  pq_chunk_writer *w = k->w;
  pq_dense part = pq_dense_part(&k->values, p->first_value, p->first_value + p->value_count);
  unsigned width;
  if (k->choice.encoding != PQ_ENC_RLE_DICTIONARY)
    return pq_encode(&w->body, k->choice.encoding, &part, &w->lengths);
  width = pq_bit_width(w->dict.count - 1);
  PQ_TRY(pq_buf_put_byte(&w->body, (uint8_t)width));
  return pq_encode_rle(&w->body, w->dict.ids + p->first_value, p->value_count, width);
}

/* parquet.thrift: PageHeader with DataPageHeader or DictionaryPageHeader. */
static int put_header(job *k, bool is_dict, uint32_t value_count, pq_slice stored) {
  pq_thrift_out t;
  pq_thrift_out_begin(&t, &k->w->file);
  pq_thrift_out_i32(&t, 1, is_dict ? PQ_PAGE_DICTIONARY : PQ_PAGE_DATA);
  pq_thrift_out_i32(&t, 2, (int32_t)k->w->body.len);
  pq_thrift_out_i32(&t, 3, (int32_t)stored.n);
  pq_thrift_out_i32(&t, 4, (int32_t)pq_crc32(stored));
  pq_thrift_out_open(&t, is_dict ? 7 : 5);
  pq_thrift_out_i32(&t, 1, (int32_t)value_count);
  pq_thrift_out_i32(&t, 2, is_dict ? (int32_t)PQ_ENC_PLAIN : (int32_t)k->choice.encoding);
  if (!is_dict) {
    pq_thrift_out_i32(&t, 3, PQ_ENC_RLE);
    pq_thrift_out_i32(&t, 4, PQ_ENC_RLE);
  }
  pq_thrift_out_close(&t);
  return pq_thrift_out_end(&t);
}

/* Compress w->body and append it with its header. */
static int put_page(job *k, bool is_dict, uint32_t value_count) {
  pq_chunk_writer *w = k->w;
  pq_slice stored = pq_buf_slice(&w->body);
  size_t start = w->file.len;
  if (k->codec != PQ_CODEC_NONE) {
    pq_buf_clear(&w->packed);
    PQ_TRY(pq_compress(&w->compressor, k->codec, w->level, stored, &w->packed));
    stored = pq_buf_slice(&w->packed);
  }
  if (w->body.len > INT32_MAX || stored.n > INT32_MAX)
    return pq_fail(w->cx, PQ_ELIMIT, "column %s: a page of %zu bytes", k->spec->top->name,
                   w->body.len);
  PQ_TRY(put_header(k, is_dict, value_count, stored));
  k->out->uncompressed_len += w->file.len - start + w->body.len;
  return pq_buf_put_slice(&w->file, stored);
}

static int put_dictionary(job *k) {
  pq_buf_clear(&k->w->body);
  PQ_TRY(pq_dict_put_page(&k->w->dict, &k->values, k->w->dict.count, &k->w->body));
  return put_page(k, true, k->w->dict.count);
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
  return pq_bounds_of_entries(&k->values, entries, n);
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
  return pq_bounds_of(&k->w->arena, &part, out);
}

static int write_page(job *k, const page *p) {
  pq_chunk_writer *w = k->w;
  pq_written_page done = {.off = w->file.len,
                          .first_row = p->first_row,
                          .row_count = p->row_count,
                          .null_count = p->row_count - p->value_count};
  pq_buf_clear(&w->body);
  PQ_TRY(put_levels(k, p));
  PQ_TRY(put_values(k, p));
  PQ_TRY(put_page(k, false, p->row_count));
  done.len = (uint32_t)(w->file.len - done.off);
  k->out->data_page_count++;
  PQ_TRY(page_bounds(k, p, k->out->data_page_count, &done.bounds));
  return pq_buf_put(&w->pages, &done, sizeof done);
}

/* ---- cutting ---- */

static uint64_t value_cost(const job *k, uint32_t value) {
  bool by_len = k->spec->phys == PQ_PHYS_BYTES && k->choice.encoding != PQ_ENC_RLE_DICTIONARY;
  return by_len ? k->choice.cost * (4 + k->values.v.bytes[value].n) : k->choice.cost;
}

/* Every row costs something, so that rows without bytes are cut evenly, too. */
static uint64_t row_cost(const job *k) {
  return k->out->null_count > 0 ? LEVEL_COST : 1;
}

static uint64_t chunk_cost(const job *k) {
  uint64_t cost = row_cost(k) * k->column->row_count;
  for (uint32_t i = 0; i < k->values.count; i++)
    cost += value_cost(k, i);
  return cost;
}

static uint64_t page_count(const job *k) {
  uint64_t page_len = k->spec->page_len == 0 ? PAGE_LEN_DEFAULT : k->spec->page_len;
  uint64_t rows = k->choice.page_rows_max, count, count_min;
  count = (k->cost + (page_len << 15)) / (page_len << 16); /* rounded */
  count_min = (k->column->row_count + rows - 1) / rows;
  return count > count_min ? count : count_min;
}

/* Extend `p` from its first row and value to where the cost of the chunk so far passes `limit`.
 * A value that fills a page alone does not share it with smaller ones before it. */
static void cut(const job *k, page *p, uint64_t limit, uint64_t page_cost, uint64_t *cost) {
  const pq_column *c = k->column;
  uint32_t row = p->first_row, value = p->first_value;
  bool has_nulls = k->out->null_count > 0;
  uint32_t rows_max = k->choice.page_rows_max + k->choice.page_rows_max / 4;
  for (; row < c->row_count && row - p->first_row < rows_max; row++) {
    bool is_null = has_nulls && c->nulls[row] != 0;
    uint64_t more = row_cost(k) + (is_null ? 0 : value_cost(k, value));
    if (row > p->first_row && (*cost >= limit || more >= page_cost)) break;
    *cost += more;
    if (!is_null) value++;
  }
  p->row_count = row - p->first_row;
  p->value_count = value - p->first_value;
}

static int write_pages(job *k) {
  uint64_t count = page_count(k), page_cost = k->cost / count + 1, cost = 0, limit = 0;
  page p = {0};
  while (p.first_row < k->column->row_count) {
    while (limit <= cost)
      limit += page_cost;
    cut(k, &p, limit, page_cost, &cost);
    PQ_TRY(write_page(k, &p));
    p.first_row += p.row_count;
    p.first_value += p.value_count;
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

static int write_with(job *k, pq_codec codec) {
  pq_chunk_writer *w = k->w;
  k->codec = codec;
  k->out->codec = codec;
  k->out->off = w->file.len;
  k->out->uncompressed_len = 0;
  k->out->data_page_count = 0;
  pq_buf_clear(&w->pages);
  PQ_TRY(prepare_seen(k));
  if (k->choice.encoding == PQ_ENC_RLE_DICTIONARY) PQ_TRY(put_dictionary(k));
  k->out->data_page_off = w->file.len;
  PQ_TRY(write_pages(k));
  k->out->len = w->file.len - k->out->off;
  return PQ_OK;
}

static int copy_bound(pq_arena *keep, pq_slice *bound) {
  return pq_arena_copy(keep, *bound, bound);
}

/* Bounds of the chunk in their stored form. */
static int chunk_bounds(job *k, pq_arena *keep) {
  const pq_written_page *pages = (const pq_written_page *)(const void *)k->w->pages.p;
  pq_written_chunk *out = k->out;
  pq_bounds all = {0};
  bool ok;
  out->bounds = (pq_bounds){0};
  for (uint32_t i = 0; i < out->data_page_count; i++)
    pq_bounds_merge(k->spec->phys, &all, &pages[i].bounds);
  out->bounds = all;
  PQ_TRY(pq_bounds_store(&k->w->arena, k->spec->phys, k->spec->is_text, &out->bounds, &ok));
  if (!out->bounds.has) return PQ_OK;
  out->min_is_exact = out->bounds.min.n == all.min.n;
  out->max_is_exact = out->bounds.max.p == all.max.p;
  PQ_TRY(copy_bound(keep, &out->bounds.min));
  return copy_bound(keep, &out->bounds.max);
}

static int put_bloom(job *k) {
  if (!k->spec->has_bloom || k->values.count == 0) return PQ_OK;
  if (!k->choice.has_dict)
    PQ_TRY(pq_dict_hash(&k->w->dict, &k->values, k->spec->hint == PQ_HINT_SORTED));
  return pq_chunk_put_bloom(k->w, k->out);
}

int pq_chunk_write(pq_chunk_writer *w, const pq_leaf_spec *spec, const pq_column *column,
                   pq_arena *keep, pq_written_chunk *out) {
  job k = {.w = w, .spec = spec, .column = column, .out = out};
  *out = (pq_written_chunk){0};
  pq_arena_clear(&w->arena);
  PQ_TRY(gather(&k));
  PQ_TRY(pq_chunk_choose(w, spec, &k.values, &k.choice));
  out->encoding = k.choice.encoding;
  k.cost = chunk_cost(&k);
  PQ_TRY(write_with(&k, w->codec));
  if (w->codec != PQ_CODEC_NONE && out->len >= out->uncompressed_len) {
    w->file.len = (size_t)out->off;
    pq_arena_clear(&w->arena);
    PQ_TRY(write_with(&k, PQ_CODEC_NONE));
  }
  PQ_TRY(chunk_bounds(&k, keep));
  PQ_TRY(pq_chunk_put_indexes(w, spec, out));
  return put_bloom(&k);
}
