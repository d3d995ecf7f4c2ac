/* test/fuzz/read_all.h - read a Parquet file by every way that there is, as hostile files are read
 * in tests: fuzz_pages.c and test_hostile_files.c.
 *
 *   bytes ─► footer ─► for each chunk: bloom filter, page index, all rows at once,
 *                                      ranges of rows, a cursor in pieces: the same values
 *
 * Everything is bounded: row groups, columns and rows are only read so far, memory as the context
 * says. A wrong answer or a broken promise ends the program.
 */
#ifndef PQ_TEST_READ_ALL_H
#define PQ_TEST_READ_ALL_H

#include "base/arena.h"
#include "fuzz.h"
#include "parquet/cursor_int.h"
#include "parquet/decode_int.h"

enum { READ_GROUPS_MAX = 4, READ_LEAVES_MAX = 64, READ_RANGES = 3, READ_PIECES = 40 };

typedef struct read_all {
  pq_cx *cx; /* borrowed */
  pq_fetch fetch;
  pq_arena arena, scratch;
  pq_file file;
  pq_slice bytes;
  uint32_t random;
  uint32_t chunk_count, good_count; /* chunks read, and of them without a failure */
  uint32_t record_count;            /* files read as documents */
} read_all;

static inline uint32_t read_random(read_all *r, uint32_t below) {
  r->random = r->random * 1664525u + 1013904223u;
  return (uint32_t)((uint64_t)(r->random >> 8) * below >> 24);
}

/* Open the file: PQ_OK or the failure. Release in any case. */
static inline int read_all_open(read_all *r, pq_cx *cx, pq_slice bytes, uint32_t seed) {
  int rc;
  *r = (read_all){.cx = cx, .file = {.key = "a.parquet"}, .bytes = bytes, .random = seed};
  pq_fetch_init(&r->fetch, cx);
  pq_arena_init(&r->arena, cx, cx->limits.op_len_max);
  pq_arena_init(&r->scratch, cx, cx->limits.op_len_max);
  FUZZ_DRIVE(rc, &r->fetch, bytes,
             pq_footer_fetch(&r->fetch, &r->arena, r->file.key, bytes.n, 0, &r->file.footer));
  FUZZ_CHECK(rc != PQ_NEED_IO);
  return rc;
}

static inline void read_all_release(read_all *r) {
  pq_fetch_release(&r->fetch);
  pq_arena_release(&r->arena);
  pq_arena_release(&r->scratch);
}

/* Rows `ranges` of a chunk (none: all). */
static inline int read_rows(read_all *r, uint32_t group, uint32_t leaf, const pq_page_index *index,
                            const pq_row_range *ranges, uint32_t range_count, pq_column *out) {
  int rc;
  *out = (pq_column){0};
  FUZZ_DRIVE(rc, &r->fetch, r->bytes,
             pq_chunk_want(&r->fetch, &r->file, group, leaf, index, ranges, range_count));
  FUZZ_CHECK(rc != PQ_NEED_IO);
  if (rc != PQ_OK) return rc;
  return pq_chunk_decode(&r->fetch, &r->scratch, &r->file, group, leaf, index, ranges, range_count,
                         out);
}

/* Slot `i`, which is not null: a value, of the column or of its dictionary. */
static inline const uint8_t *read_slot(const pq_column *c, uint32_t i) {
  if (c->dictionary == NULL) return (const uint8_t *)c->v.any + i * pq_phys_size(c->phys);
  FUZZ_CHECK(c->v.codes[i] < c->dictionary->count);
  return (const uint8_t *)c->dictionary->values + c->v.codes[i] * pq_phys_size(c->phys);
}

/* A number made of all bytes of slot `i`. */
static inline uint64_t read_slot_sum(const pq_column *c, uint32_t i) {
  uint64_t sum = 1;
  pq_slice s;
  if (!pq_phys_is_slice(c->phys)) return pq_rdn(read_slot(c, i), (unsigned)pq_phys_size(c->phys));
  memcpy(&s, read_slot(c, i), sizeof s);
  for (size_t k = 0; k < s.n; k++)
    sum = sum * 31 + s.p[k];
  return sum;
}

/* Touch every byte of a column, so that a slot that points nowhere is seen. */
static inline uint64_t read_touch(const pq_column *c) {
  uint32_t count = pq_column_entries(c), rows = 0;
  uint64_t sum = 0;
  for (uint32_t i = 0; i < count; i++) {
    rows += c->rep == NULL || c->rep[i] == 0;
    if (c->def != NULL) sum = sum * 31 + c->def[i];
    if (!pq_column_is_null(c, i)) sum = sum * 31 + read_slot_sum(c, i);
  }
  FUZZ_CHECK(rows == c->row_count);
  return sum;
}

static inline bool read_same_slot(pq_phys phys, const uint8_t *a, const uint8_t *b) {
  pq_slice x, y;
  if (!pq_phys_is_slice(phys)) return memcmp(a, b, pq_phys_size(phys)) == 0;
  memcpy(&x, a, sizeof x);
  memcpy(&y, b, sizeof y);
  return pq_slice_eq(x, y);
}

static inline bool read_same_entry(const pq_column *a, uint32_t i, const pq_column *b, uint32_t k) {
  if (a->def != NULL && a->def[i] != b->def[k]) return false;
  if ((a->rep != NULL ? a->rep[i] : 0) != (b->rep != NULL ? b->rep[k] : 0)) return false;
  if (pq_column_is_null(a, i) || pq_column_is_null(b, k))
    return pq_column_is_null(a, i) == pq_column_is_null(b, k);
  return read_same_slot(a->phys, read_slot(a, i), read_slot(b, k));
}

/* The first entry of row `row`, looking from (*at, *at_row) on. */
static inline uint32_t read_entry_of(const pq_column *c, uint32_t *at, uint32_t *at_row,
                                     uint32_t row) {
  if (c->rep == NULL) return row;
  for (; *at_row < row; (*at_row)++)
    do {
      (*at)++;
    } while (*at < c->entry_count && c->rep[*at] != 0);
  return *at;
}

/* `part` is the rows `ranges` of `whole`. */
static inline void read_is_part(const pq_column *whole, const pq_column *part,
                                const pq_row_range *ranges, uint32_t range_count) {
  uint32_t at = 0, at_row = 0, k = 0;
  for (uint32_t i = 0; i < range_count; i++) {
    uint32_t lo = read_entry_of(whole, &at, &at_row, ranges[i].lo);
    uint32_t hi = read_entry_of(whole, &at, &at_row, ranges[i].hi);
    for (uint32_t entry = lo; entry < hi; entry++, k++) {
      FUZZ_CHECK(k < pq_column_entries(part));
      FUZZ_CHECK(read_same_entry(whole, entry, part, k));
    }
  }
  FUZZ_CHECK(k == pq_column_entries(part));
}

/* A few ranges of rows, in order. */
static inline uint32_t read_ranges(read_all *r, uint32_t row_count, pq_row_range *out) {
  uint32_t pos = 0, count = 0;
  for (uint32_t i = 0; i < READ_RANGES && pos < row_count; i++) {
    uint32_t lo = pos + read_random(r, row_count - pos);
    uint32_t hi = lo + 1 + read_random(r, row_count - lo);
    out[count++] = (pq_row_range){lo, hi};
    pos = hi;
  }
  return count;
}

/* The page index of a whole file may lie without any value being wrong: bytes of pages are checked,
 * but nobody can know which page was meant. So parts are compared only where `index` is NULL. */
static inline void read_parts(read_all *r, uint32_t group, uint32_t leaf,
                              const pq_page_index *index, const pq_column *whole) {
  uint64_t row_count = r->file.footer->row_groups[group].row_count;
  pq_row_range ranges[READ_RANGES];
  uint32_t range_count;
  pq_column part;
  if (row_count == 0 || row_count > UINT32_MAX) return;
  range_count = read_ranges(r, (uint32_t)row_count, ranges);
  if (read_rows(r, group, leaf, index, ranges, range_count, &part) != PQ_OK) return;
  (void)read_touch(&part);
  if (whole != NULL && index == NULL) read_is_part(whole, &part, ranges, range_count);
}

/* The chunk by a cursor: pieces are passed over or read, and are what `whole` (NULL: unknown) has
 * there. */
static inline void read_cursor(read_all *r, uint32_t group, uint32_t leaf,
                               const pq_page_index *index, const pq_column *whole) {
  uint32_t left = (uint32_t)r->file.footer->row_groups[group].row_count, row = 0, at = 0;
  pq_cursor_options options = {.has_codes = read_random(r, 2) == 0,
                               .window_len = 1u << read_random(r, 18)};
  pq_cursor *c = NULL;
  int rc = pq_cursor_new(r->cx, &r->file, group, leaf, index, options, &c);
  for (uint32_t i = 0; rc == PQ_OK && i < READ_PIECES && left > 0; i++) {
    uint32_t n = 1 + read_random(r, 1u << read_random(r, 12)), at_row = 0, entry;
    pq_column batch;
    if (n > left) n = left;
    left -= n;
    row += n;
    if (read_random(r, 3) == 0) {
      pq_cursor_skip(c, n);
      continue;
    }
    pq_cursor_clear(c);
    while ((rc = pq_cursor_read(c, n)) == PQ_NEED_IO)
      fuzz_serve(pq_cursor_fetch(c), r->bytes);
    if (rc != PQ_OK) break;
    pq_cursor_batch(c, &batch);
    FUZZ_CHECK(batch.row_count == n);
    (void)read_touch(&batch);
    if (whole == NULL) continue;
    at = 0; /* from the start: simple, and the files are small */
    entry = read_entry_of(whole, &at, &at_row, row - n);
    for (uint32_t k = 0; k < pq_column_entries(&batch); k++)
      FUZZ_CHECK(read_same_entry(whole, entry + k, &batch, k));
  }
  FUZZ_CHECK(whole == NULL || rc == PQ_OK || rc == PQ_ELIMIT);
  pq_cursor_free(c);
}

static inline void read_chunk(read_all *r, uint32_t group, uint32_t leaf) {
  pq_page_index index = {0};
  pq_column whole;
  bool may = true;
  int rc;
  pq_arena_clear(&r->scratch);
  pq_fetch_clear(&r->fetch);
  FUZZ_DRIVE(rc, &r->fetch, r->bytes,
             pq_bloom_check(&r->fetch, &r->file, group, leaf, 0x1234567890abcdef, &may));
  FUZZ_CHECK(rc != PQ_NEED_IO);
  rc = read_rows(r, group, leaf, NULL, NULL, 0, &whole);
  r->chunk_count++;
  if (rc == PQ_OK) {
    r->good_count++;
    FUZZ_CHECK(whole.row_count == r->file.footer->row_groups[group].row_count);
    (void)read_touch(&whole);
  }
  read_parts(r, group, leaf, NULL, rc == PQ_OK ? &whole : NULL);
  read_cursor(r, group, leaf, NULL, rc == PQ_OK ? &whole : NULL);
  FUZZ_DRIVE(rc, &r->fetch, r->bytes,
             pq_page_index_fetch(&r->fetch, &r->scratch, &r->file, group, leaf, &index));
  FUZZ_CHECK(rc != PQ_NEED_IO);
  if (rc != PQ_OK || index.page_count == 0) return;
  read_parts(r, group, leaf, &index, NULL);
  read_cursor(r, group, leaf, &index, NULL);
}

/* All chunks of an opened file. */
static inline void read_chunks(read_all *r) {
  const pq_footer *f = r->file.footer;
  for (uint32_t g = 0; g < f->row_group_count && g < READ_GROUPS_MAX; g++)
    for (uint32_t i = 0; i < f->leaf_count && i < READ_LEAVES_MAX; i++)
      read_chunk(r, g, i);
}

#endif
