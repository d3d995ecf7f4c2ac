/* db/verify_gap.c - where is a damage that nothing but the CRC of the whole file shows? See
 * verify.h.
 *
 *   magic │ pages of chunks │ bloom filters │ page indexes │ … │ footer │ length, magic
 *           their own CRCs    their own       their own          its own
 *           └──────────── what lies between them has none ────────────┘
 *
 * Bytes of a page's header that say nothing are in no CRC either.
 */
#include "db/verify_int.h"

enum { MAGIC_LEN = 4 };

static void pass(uint64_t off, uint64_t len, uint64_t *at, bool *has_moved) {
  if (len == 0 || off > *at || *at - off >= len) return;
  *at = off + len; /* validated to lie in the file */
  *has_moved = true;
}

static void before(uint64_t off, uint64_t len, uint64_t at, uint64_t *next) {
  if (len > 0 && off > at && off < *next) *next = off;
}

int pq_verify_gap(pq_cx *cx, const pq_file *file) {
  const pq_footer *f = file->footer;
  uint64_t at = MAGIC_LEN, end = f->file_len - f->footer_len - PQ_FOOTER_TAIL_LEN, next = end;
  uint64_t count = (uint64_t)f->row_group_count * f->leaf_count;
  bool has_moved = true;
  while (has_moved && at < end) { /* each round passes a range at least */
    has_moved = false;
    for (uint64_t i = 0; i < count; i++) {
      const pq_chunk *c = &f->row_groups[i / f->leaf_count].chunks[i % f->leaf_count];
      pass(c->off, c->len, &at, &has_moved);
      pass(c->bloom_off, c->bloom_len, &at, &has_moved);
      pass(c->column_index_off, c->column_index_len, &at, &has_moved);
      pass(c->offset_index_off, c->offset_index_len, &at, &has_moved);
    }
  }
  for (uint64_t i = 0; i < count; i++) {
    const pq_chunk *c = &f->row_groups[i / f->leaf_count].chunks[i % f->leaf_count];
    before(c->off, c->len, at, &next);
    before(c->bloom_off, c->bloom_len, at, &next);
    before(c->column_index_off, c->column_index_len, at, &next);
    before(c->offset_index_off, c->offset_index_len, at, &next);
  }
  if (at < end)
    return pq_fail(cx, PQ_ECORRUPT,
                   "%s: the CRC of the file differs from the log's; pages, indexes and footer are "
                   "right: the first bytes that nothing covers are %llu to %llu",
                   file->key, (unsigned long long)at, (unsigned long long)next - 1);
  return pq_fail(cx, PQ_ECORRUPT,
                 "%s: the CRC of the file differs from the log's; pages, indexes and footer are "
                 "right: it is in the header of a page, bytes 0 to 3, or the last %d",
                 file->key, PQ_FOOTER_TAIL_LEN);
}
