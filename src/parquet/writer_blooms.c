/* parquet/writer_blooms.c - where the bloom filters of a column stand in the file that was written.
 *
 *   file   row groups … │ filter of group 0 │ filter of group 1 │ … │ indexes │ footer
 *                       bloom_off           each: header, bits
 *
 * Whoever keeps these places asks a filter with one request and without the footer.
 */
#include "codec/codec.h"
#include "parquet/footer_write_int.h"

uint32_t pq_writer_blooms(const pq_writer *w, uint32_t leaf, pq_bloom_place *out, uint32_t cap) {
  uint32_t n = 0;
  pq_assert(w->is_finished);
  pq_assert(leaf < w->leaf_count);
  if (w->group_count > cap) return 0;
  for (const pq_written_group *g = w->first; g != NULL; g = g->next) {
    const pq_written_chunk *c = &g->chunks[leaf];
    pq_slice bytes;
    if (c->bloom.len == 0 || c->bloom.len > UINT32_MAX || !c->bounds.has) return 0;
    bytes = (pq_slice){w->chunk.blooms.p + c->bloom.off, c->bloom.len};
    out[n++] = (pq_bloom_place){.off = w->bloom_off + c->bloom.off,
                                .len = (uint32_t)c->bloom.len,
                                .crc = pq_crc32(bytes),
                                .min = c->bounds.min,
                                .max = c->bounds.max,
                                .bytes = bytes};
  }
  return n;
}

static bool is_among(const pq_slice *values, uint32_t count, pq_slice value) {
  for (uint32_t i = 0; i < count; i++)
    if (pq_slice_eq(values[i], value)) return true;
  return false;
}

uint32_t pq_writer_constants(const pq_writer *w, uint32_t leaf, pq_slice *out, uint32_t cap) {
  uint32_t n = 0;
  pq_assert(leaf < w->leaf_count);
  for (const pq_written_group *g = w->first; g != NULL; g = g->next) {
    const pq_written_chunk *c = &g->chunks[leaf];
    bool is_constant = c->bounds.has && c->min_is_exact && c->max_is_exact && c->null_count == 0 &&
                       pq_slice_eq(c->bounds.min, c->bounds.max);
    if (!is_constant) return 0;
    if (is_among(out, n, c->bounds.min)) continue;
    if (n == cap) return 0;
    out[n++] = c->bounds.min;
  }
  return n;
}
