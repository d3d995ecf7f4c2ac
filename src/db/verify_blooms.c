/* db/verify_blooms.c - does the log know the bloom filters and types of a file as the file has
 * them?
 *
 *   record   blooms: off, len, crc, min, max, bytes          types
 *   footer   row groups: place, CRC, bounds of the id        bounds of $type
 *
 * A record that is wrong would hide rows from whoever trusts it. That the filters hold the ids is
 * checked where the file's pages are read (parquet/file_check.h).
 */
#include <string.h>

#include "db/verify_int.h"
#include "log/event_index.h"
#include "rel/edge.h"

static const char *leaf_name(pq_file_kind kind) {
  switch (kind) {
    case PQ_FILE_DATA: return "$id";
    case PQ_FILE_FORWARD: return "from_id";
    case PQ_FILE_REVERSE: return "to_id";
    default: return "key";
  }
}

static bool is_same_place(const pq_bloom_place *b, const pq_chunk *c) {
  return b->off == c->bloom_off && b->len == c->bloom_len && c->has_crc && b->crc == c->bloom_crc;
}

/* Are all values of the chunk within the bounds of the record? */
static bool are_bounds_wide(const pq_bloom_place *b, const pq_stats *s) {
  return s->has_min && s->has_max && pq_slice_cmp(b->min, s->min) <= 0 &&
         pq_slice_cmp(b->max, s->max) >= 0;
}

/* Is the whole of a text column of the row group one of the types? */
static bool is_of_types(const pq_file_info *info, const pq_stats *s) {
  if (!s->has_min || !s->has_max || !pq_slice_eq(s->min, s->max)) return false;
  for (uint32_t i = 0; i < info->type_count; i++)
    if (pq_slice_eq(info->types[i], s->min)) return true;
  return false;
}

int pq_verify_blooms(pq_cx *cx, const pq_file_info *info, const pq_file *file) {
  const pq_footer *footer = file->footer;
  int id = pq_footer_leaf(footer, leaf_name(info->kind)), type = pq_footer_leaf(footer, "$type");
  if (info->bloom_count > 0 && (id < 0 || info->bloom_count != footer->row_group_count))
    return pq_fail(cx, PQ_ECORRUPT, "%s: the log has %u bloom filters of it, it has %u row groups",
                   file->key, (unsigned)info->bloom_count, (unsigned)footer->row_group_count);
  for (uint32_t g = 0; g < info->bloom_count; g++) {
    const pq_chunk *c = &footer->row_groups[g].chunks[id];
    bool is_same = is_same_place(&info->blooms[g], c);
    if (info->bloom_count > 1) is_same = is_same && are_bounds_wide(&info->blooms[g], &c->stats);
    if (!is_same)
      return pq_fail(cx, PQ_ECORRUPT, "%s: the log has another bloom filter of row group %u",
                     file->key, (unsigned)g);
  }
  for (uint32_t g = 0; info->type_count > 0 && g < footer->row_group_count; g++)
    if (type < 0 || !is_of_types(info, &footer->row_groups[g].chunks[type].stats))
      return pq_fail(cx, PQ_ECORRUPT, "%s: the log has other types of row group %u", file->key,
                     (unsigned)g);
  return PQ_OK;
}
