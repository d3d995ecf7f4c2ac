/* test/fuzz/read_scan.h - an opened Parquet file (read_all.h) by scans with random conditions, and
 * as records.
 *
 *   a value of some column ─► condition ─► scan ─┬─ with statistics, blooms, indexes
 *                                                └─ without: the same rows, if the file is sound
 *
 *   all columns of a row group ─► records ─► documents (lists, maps, shredded VARIANT put together)
 */
#ifndef PQ_TEST_READ_SCAN_H
#define PQ_TEST_READ_SCAN_H

#include "parquet/file_scan.h"
#include "parquet/record.h"
#include "read_all.h"
#include "shred/record_document.h"

enum { SCAN_COUNT = 4, SCAN_BATCHES_MAX = 100, SCAN_PREDICATES = 2, RECORD_ROWS_MAX = 300 };

/* Bytes of PLAIN values, copied: batches do not live long. */
typedef struct scan_value {
  uint8_t bytes[256];
  pq_slice slice;
} scan_value;

static inline void scan_serve(read_all *r, pq_file_scan *s) {
  pq_io_req q;
  uint32_t set;
  while (pq_file_scan_take(s, &q, &set)) {
    bool is_inside = q.off <= r->bytes.n && q.len <= r->bytes.n - q.off;
    if (is_inside && q.len > 0) memcpy(q.buf, r->bytes.p + (size_t)q.off, q.len);
    pq_file_scan_done(s, set, q.id, is_inside ? PQ_OK : PQ_ECORRUPT, NULL);
  }
}

static inline int scan_next(read_all *r, pq_file_scan *s, pq_row_batch *batch) {
  int rc;
  while ((rc = pq_file_scan_next(s, batch)) == PQ_NEED_IO)
    scan_serve(r, s);
  return rc;
}

/* A digest of the rows of a scan, with their numbers and values. */
typedef struct scan_sum {
  int rc;
  bool is_cut; /* stopped before the end */
  uint64_t rows, sum;
} scan_sum;

static inline uint64_t scan_batch_sum(const pq_row_batch *b) {
  uint64_t sum = 0;
  for (uint32_t i = 0; i < b->row_count; i++)
    sum += (b->rows != NULL ? b->rows[i] : b->first_row + i) * 0x9e3779b97f4a7c15u;
  for (uint32_t k = 0; k < b->column_count; k++) {
    const pq_column *c = &b->columns[k];
    FUZZ_CHECK(c->row_count == b->row_count);
    if (pq_column_entries(c) == c->row_count && c->rep == NULL) /* batches may be cut otherwise */
      for (uint32_t i = 0; i < c->row_count; i++)
        sum += pq_column_is_null(c, i) ? k + 1 : read_slot_sum(c, i) * (k + 3);
    else
      (void)read_touch(c);
  }
  return sum;
}

static inline scan_sum scan_all(read_all *r, pq_file_scan_options options) {
  scan_sum out = {0};
  pq_file_scan *s = NULL;
  pq_row_batch batch;
  out.rc = pq_file_scan_new(r->cx, &r->file, options, &s);
  for (unsigned i = 0; out.rc == PQ_OK; i++) {
    if (i == SCAN_BATCHES_MAX) {
      out.is_cut = true;
      break;
    }
    out.rc = scan_next(r, s, &batch);
    if (out.rc != PQ_OK || batch.row_count == 0) break;
    out.rows += batch.row_count;
    out.sum += scan_batch_sum(&batch);
  }
  pq_file_scan_free(s);
  return out;
}

/* PLAIN bytes of a value of the leaf, or made-up ones. */
static inline void scan_pick(read_all *r, uint32_t leaf, scan_value *out) {
  const pq_leaf *l = &r->file.footer->leaves[leaf];
  uint32_t group = read_random(r, r->file.footer->row_group_count), i;
  pq_column c;
  size_t n = pq_phys_len(l->phys, l->type_len);
  if (l->phys == PQ_PHYS_BOOL) n = 1;
  if (n > sizeof out->bytes) n = sizeof out->bytes;
  memset(out->bytes, (int)read_random(r, 2), sizeof out->bytes);
  out->slice = (pq_slice){out->bytes, n};
  pq_arena_clear(&r->scratch);
  if (read_rows(r, group, leaf, NULL, NULL, 0, &c) != PQ_OK || c.row_count == 0) return;
  i = read_random(r, c.row_count);
  if (pq_column_is_null(&c, i)) return;
  if (pq_phys_is_slice(l->phys)) {
    pq_slice v = c.v.bytes[i];
    out->slice.n = v.n < sizeof out->bytes ? v.n : sizeof out->bytes;
    if (out->slice.n > 0) memcpy(out->bytes, v.p, out->slice.n);
  } else {
    memcpy(out->bytes, read_slot(&c, i), n);
  }
}

/* A flat leaf, or none. */
static inline bool scan_leaf(read_all *r, uint32_t *out) {
  const pq_footer *f = r->file.footer;
  if (f->leaf_count == 0 || f->row_group_count == 0) return false;
  for (unsigned tries = 0; tries < 8; tries++) {
    *out = read_random(r, f->leaf_count);
    if (f->leaves[*out].def_max <= 1 && f->leaves[*out].rep_max == 0) return true;
  }
  return false;
}

/* A scan of some columns under random conditions. `is_sound`: nothing was damaged, so leaving out
 * by statistics must not change the answer. */
static inline void read_scan(read_all *r, bool is_sound) {
  const pq_footer *f = r->file.footer;
  uint32_t leaves[3], leaf_count = 1 + read_random(r, 3),
                      count = read_random(r, SCAN_PREDICATES + 1);
  pq_predicate predicates[SCAN_PREDICATES];
  pq_slice values[SCAN_PREDICATES][2];
  scan_value picked[SCAN_PREDICATES][2];
  pq_file_scan_options options = {.leaves = leaves,
                                  .leaf_count = leaf_count,
                                  .predicates = predicates,
                                  .batch_rows = 1 + read_random(r, 1u << read_random(r, 13)),
                                  .memory_max = 16u << 20,
                                  .has_codes = read_random(r, 2) == 0};
  scan_sum pruned, unpruned;
  if (f->leaf_count == 0) return;
  for (uint32_t i = 0; i < leaf_count; i++)
    leaves[i] = read_random(r, f->leaf_count);
  for (uint32_t i = 0; i < count; i++) {
    pq_predicate *p = &predicates[i];
    *p = (pq_predicate){.test = (pq_test)read_random(r, PQ_TEST_NOT_NULL + 1), .values = values[i]};
    if (!scan_leaf(r, &p->leaf)) return;
    p->value_count = p->test == PQ_TEST_IN ? 2 : p->test < PQ_TEST_IN ? 1 : 0;
    for (uint32_t k = 0; k < p->value_count; k++) {
      scan_pick(r, p->leaf, &picked[i][k]);
      values[i][k] = picked[i][k].slice;
    }
  }
  options.predicate_count = count;
  pruned = scan_all(r, options);
  options.is_unpruned = true;
  options.has_codes = !options.has_codes;
  unpruned = scan_all(r, options);
  if (!is_sound || pruned.rc != PQ_OK || unpruned.rc != PQ_OK) return;
  if (pruned.is_cut || unpruned.is_cut) return;
  FUZZ_CHECK(pruned.rows == unpruned.rows && pruned.sum == unpruned.sum);
}

/* ---- records ---- */

static inline int put_records(read_all *r, pq_record *record, const pq_tree *tree,
                              uint64_t row_count) {
  pq_documents d = {0};
  pq_builder *b;
  int rc = pq_builder_new(r->cx, &b);
  if (rc == PQ_OK) rc = pq_documents_init(&d, &r->scratch, r->file.key, r->file.footer);
  if (rc == PQ_OK) rc = pq_documents_check(&d, tree);
  for (uint64_t i = 0; rc == PQ_OK && i < row_count && i < RECORD_ROWS_MAX; i++) {
    pq_arena one;
    pq_value v;
    pq_arena_init(&one, r->cx, r->cx->limits.op_len_max);
    pq_builder_clear(b);
    rc = pq_documents_put(&d, record, tree, b);
    if (rc == PQ_OK) rc = pq_builder_finish(b, &one, &v);
    if (rc == PQ_OK)
      FUZZ_CHECK(pq_value_check(r->cx, pq_value_meta(v), pq_value_bytes(v), &v) == PQ_OK);
    pq_arena_release(&one);
  }
  pq_documents_release(&d);
  pq_builder_free(b);
  return rc;
}

/* The first row group as documents. */
static inline int read_records(read_all *r) {
  const pq_footer *f = r->file.footer;
  const pq_column **columns;
  pq_column *data;
  pq_record record;
  pq_tree *tree;
  pq_arena_clear(&r->scratch);
  pq_fetch_clear(&r->fetch);
  if (f->row_group_count == 0 || f->leaf_count > READ_LEAVES_MAX) return PQ_OK;
  PQ_TRY(pq_tree_of(&r->scratch, f, &tree));
  columns = pq_arena_calloc(&r->scratch, f->leaf_count + 1u, sizeof(pq_column *));
  data = pq_arena_calloc(&r->scratch, f->leaf_count + 1u, sizeof *data);
  if (columns == NULL || data == NULL) return r->cx->code;
  for (uint32_t i = 0; i < f->leaf_count; i++) {
    PQ_TRY(read_rows(r, 0, i, NULL, NULL, 0, &data[i]));
    columns[i] = &data[i];
  }
  PQ_TRY(pq_record_init(&record, &r->scratch, f, tree, columns));
  return put_records(r, &record, tree, f->row_groups[0].row_count);
}

/* Every way of reading. */
static inline void read_everything(read_all *r, bool is_sound) {
  read_chunks(r);
  for (unsigned i = 0; i < SCAN_COUNT; i++)
    read_scan(r, is_sound);
  if (read_records(r) == PQ_OK) r->record_count++;
}

#endif
