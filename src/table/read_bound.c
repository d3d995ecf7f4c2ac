/* table/read_bound.c - see read_bound.h.
 *
 *   chunk:  bloom filter │ offset index, column index │ [dictionary] page page page …
 *
 * Pages asked for one by one may each bring the dictionary and what lies between once more; ranges
 * of one request never reach beyond their chunk. So a chunk with a dictionary costs at most as many
 * times its length as pages are asked for that way.
 */
#include "table/read_bound.h"

enum {
  POINTS_MAX = 64, /* rows that are read page by page: locate.c, rows_read.c */
  BLOOM_WHOLE_LEN_MAX = 256 << 10,
  BLOOM_PART_LEN = 64,
  BLOOM_ASKED_MAX = 64, /* values that a filter of parts is asked for */
  INDEX_HEAD_LEN = 3,
  INDEX_PAGE_LEN_MIN = 7,
  ROUNDS = 8 /* of one row group, or of one turn: filters, indexes, columns, documents */
};

uint64_t pq_count_add(uint64_t a, uint64_t b) {
  return a > UINT64_MAX - b ? UINT64_MAX : a + b;
}

uint64_t pq_count_mul(uint64_t a, uint64_t b) {
  if (a == 0 || b == 0) return 0;
  return a > UINT64_MAX / b ? UINT64_MAX : a * b;
}

static uint64_t smaller(uint64_t a, uint64_t b) {
  return a < b ? a : b;
}

static pq_bound plus(pq_bound a, pq_bound b) {
  return (pq_bound){pq_count_add(a.requests, b.requests), pq_count_add(a.bytes, b.bytes)};
}

static pq_bound times(pq_bound a, uint64_t n) {
  return (pq_bound){pq_count_mul(a.requests, n), pq_count_mul(a.bytes, n)};
}

/* ---- a chunk ---- */

static bool has_parted_bloom(const pq_chunk *c) {
  return c->bloom_off != 0 && (c->bloom_len == 0 || c->bloom_len > BLOOM_WHOLE_LEN_MAX);
}

static pq_bound bloom_bound(const pq_chunk *c) {
  if (c->bloom_off == 0) return (pq_bound){0};
  if (!has_parted_bloom(c)) return (pq_bound){1, c->bloom_len};
  return (pq_bound){1 + BLOOM_ASKED_MAX, BLOOM_PART_LEN * (1 + BLOOM_ASKED_MAX)};
}

static pq_bound index_bound(const pq_chunk *c) {
  return (pq_bound){(uint64_t)(c->offset_index_len > 0) + (c->column_index_len > 0),
                    pq_count_add(c->offset_index_len, c->column_index_len)};
}

static uint64_t pages_max(const pq_chunk *c) {
  if (c->offset_index_len < INDEX_HEAD_LEN + INDEX_PAGE_LEN_MIN) return 1;
  return (c->offset_index_len - INDEX_HEAD_LEN) / INDEX_PAGE_LEN_MIN;
}

/* Pages of `rows` rows. */
static pq_bound pages_bound(const pq_chunk *c, uint64_t rows, bool is_paged) {
  uint64_t pages = smaller(pages_max(c), rows);
  bool has_dictionary = c->dictionary_page_off != 0;
  pq_bound out = {pages + (has_dictionary ? 1u : 0u), c->len};
  if (rows == 0) return (pq_bound){0};
  if (c->offset_index_len == 0) out.requests = 1;
  if (is_paged && has_dictionary) out.bytes = pq_count_mul(c->len, smaller(pages, POINTS_MAX));
  return out;
}

/* Pages of any rows, those that are `gap` apart each with the dictionary, and a page that was asked
 * for by the one before. */
static pq_bound rows_bound(const pq_chunk *c, uint64_t rows, uint64_t gap) {
  uint64_t reads = rows / gap + 1;
  return (pq_bound){pages_max(c) + 2 * reads, pq_count_mul(c->len, reads)};
}

/* ---- a row group ---- */

/* Is the column read? Those that only answer filters are by scans alone. */
static bool is_read(const pq_footer *footer, const pq_bound_query *q, uint32_t leaf) {
  if (q->kind != PQ_FILE_DATA || q->is_scan || leaf == 0) return true;
  return pq_entity_reads_leaf(footer, leaf, q->want);
}

/* Bytes that the values of a chunk come to in memory. Where a page holds each value by itself they
 * are those of the pages; in a dictionary one may stand for every row. */
static uint64_t decoded_len(const pq_chunk *c, uint64_t rows) {
  return pq_count_mul(c->uncompressed_len, rows);
}

static bool may_have_dead(const pq_footer *footer, const pq_row_group *g) {
  int leaf = pq_footer_leaf(footer, "deleted");
  const pq_stats *s = leaf < 0 ? NULL : &g->chunks[leaf].stats;
  return s == NULL || !(s->has_max && s->max.n == 1 && s->max.p[0] == 0);
}

static void add_row_group(const pq_cached_file *file, uint32_t row_group, const pq_bound_query *q,
                          pq_read_bound *out, pq_bound *dearest) {
  const pq_footer *footer = file->file.footer;
  const pq_row_group *g = &footer->row_groups[row_group];
  bool is_point = q->kind == PQ_FILE_DATA && !q->is_scan, is_parted = false;
  pq_bound read = {0};
  for (uint32_t i = 0; i < footer->leaf_count; i++) {
    const pq_chunk *c = &g->chunks[i];
    pq_bound ways = plus(bloom_bound(c), index_bound(c)), first = pages_bound(c, 1, true), pages;
    if (!is_read(footer, q, i)) continue;
    /* A scan may look at $id and deleted for some rows and later for more. */
    pages = q->gap > 0 ? rows_bound(c, g->row_count, q->gap)
                       : times(pages_bound(c, g->row_count, is_point), q->is_scan ? 2 : 1);
    out->all = plus(out->all, plus(ways, pages));
    out->turn = plus(out->turn, plus(ways, first));
    is_parted |= has_parted_bloom(c);
    read = plus(read, plus(index_bound(c), first));
    if (i == 0) out->one = plus(out->one, plus(ways, first)); /* where the id is looked for */
  }
  if (read.requests > dearest->requests) dearest->requests = read.requests;
  if (read.bytes > dearest->bytes) dearest->bytes = read.bytes;
  for (uint32_t i = 0; q->kind == PQ_FILE_DATA && i < footer->leaf_count; i++)
    if (pq_entity_reads_leaf(footer, i, PQ_WANT_ALL))
      out->decoded = pq_count_add(out->decoded, decoded_len(&g->chunks[i], g->row_count));
  out->rows = pq_count_add(out->rows, g->row_count);
  if (q->kind == PQ_FILE_DATA && may_have_dead(footer, g)) out->dead += g->row_count;
  out->row_groups++;
  out->rounds += is_parted ? ROUNDS + BLOOM_ASKED_MAX : ROUNDS;
}

static bool is_of_query(const pq_view *v, const pq_file_info *info, const pq_bound_query *q) {
  if (info->kind != q->kind || !pq_view_has_file(v, info)) return false;
  return q->kind != PQ_FILE_DATA || q->collection.n == 0 ||
         pq_slice_eq(info->collection, q->collection);
}

static int open_files(const pq_view *v, pq_fetch *f, const pq_bound_query *q) {
  bool is_missing = false;
  for (uint32_t i = 0; i < v->manifest->file_count; i++) {
    pq_cached_file *file;
    int rc;
    if (!is_of_query(v, &v->manifest->files[i], q)) continue;
    rc = pq_file_cache_open(v->files, f, &v->manifest->files[i], &file);
    if (rc < 0) return rc;
    is_missing |= rc == PQ_NEED_IO;
  }
  return is_missing ? PQ_NEED_IO : PQ_OK;
}

int pq_view_read_bound(const pq_view *v, pq_fetch *f, const pq_bound_query *q, pq_read_bound *out) {
  uint64_t requests = f->stat_requests, bytes = f->stat_bytes;
  pq_bound dearest = {0};
  int rc = open_files(v, f, q);
  *out = (pq_read_bound){0};
  f->kept_requests += f->stat_requests - requests; /* footers */
  f->kept_bytes += f->stat_bytes - bytes;
  PQ_TRY(rc);
  for (uint32_t i = 0; i < v->manifest->file_count; i++) {
    pq_cached_file *file;
    if (!is_of_query(v, &v->manifest->files[i], q)) continue;
    PQ_TRY(pq_file_cache_open(v->files, f, &v->manifest->files[i], &file));
    out->file_count++;
    for (uint32_t g = 0; g < file->file.footer->row_group_count; g++)
      add_row_group(file, g, q, out, &dearest);
  }
  out->one = plus(out->one, dearest);
  return PQ_OK;
}

pq_bound pq_bound_of_ids(const pq_read_bound *b, uint64_t ids, uint64_t turns) {
  pq_bound all = times(b->all, turns), each = times(b->one, ids);
  return (pq_bound){smaller(all.requests, each.requests), smaller(all.bytes, each.bytes)};
}

pq_bound pq_bound_of_ids_in_order(const pq_read_bound *b, uint64_t ids, uint64_t turns) {
  pq_bound any = pq_bound_of_ids(b, ids, turns), once = plus(b->all, times(b->turn, turns));
  return (pq_bound){smaller(any.requests, once.requests), smaller(any.bytes, once.bytes)};
}
