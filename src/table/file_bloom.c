/* table/file_bloom.c - see file_bloom.h. */
#include "table/file_bloom.h"

#include <string.h>

/* A filter in its file. */
typedef struct filter_at {
  const char *key;
  uint64_t off;
  uint32_t len, crc;
  bool has_crc;
} filter_at;

/* The filter's bytes: those kept, or read and checked now. They are kept when `is_kept`. */
static int get_filter(pq_file_cache *c, pq_fetch *f, const filter_at *at, bool is_kept,
                      pq_slice *out) {
  pq_body_cache *bodies = &c->pages.bodies;
  const pq_body *kept = pq_body_cache_find(bodies, at->key, at->off, at->len);
  pq_body *body;
  int rc;
  *out = (pq_slice){0};
  if (kept != NULL) {
    *out = (pq_slice){kept->bytes, kept->len};
    return PQ_OK;
  }
  rc = pq_bloom_read(f, at->key, at->off, at->len, at->has_crc ? &at->crc : NULL, out);
  if (rc == PQ_ENOTFOUND) return pq_fail(c->cx, PQ_ECORRUPT, "%s: the file is missing", at->key);
  if (rc != PQ_OK || !is_kept) return rc;
  PQ_TRY(pq_body_cache_add(bodies, at->key, at->off, at->len, &body));
  if (body == NULL) return PQ_OK;
  memcpy(body->bytes, out->p, out->n);
  body->is_ready = true;
  return PQ_OK;
}

static int ask(pq_file_cache *c, const filter_at *at, pq_slice bytes, uint64_t hash, bool *may) {
  pq_slice bits;
  PQ_TRY(pq_bloom_open(c->cx, at->key, at->off, bytes, &bits));
  *may = pq_bloom_contains(bits.p, bits.n, hash);
  return PQ_OK;
}

int pq_file_cache_bloom(pq_file_cache *c, pq_fetch *f, const pq_file *file, uint32_t row_group,
                        uint32_t leaf, uint64_t hash, bool *may) {
  const pq_chunk *chunk = &file->footer->row_groups[row_group].chunks[leaf];
  filter_at at = {.key = file->key,
                  .off = chunk->bloom_off,
                  .len = (uint32_t)chunk->bloom_len,
                  .crc = chunk->bloom_crc,
                  .has_crc = chunk->has_crc};
  pq_slice bytes;
  *may = true;
  if (chunk->bloom_off == 0 || chunk->bloom_len == 0 || chunk->bloom_len > PQ_BLOOM_PLACE_LEN_MAX)
    return pq_bloom_check(f, file, row_group, leaf, hash, may);
  PQ_TRY(get_filter(c, f, &at, true, &bytes));
  return ask(c, &at, bytes, hash, may);
}

/* ---- without the footer ---- */

/* May the id be in one of the file's row groups? A history asks the filters of many indexes, most
 * of them once: their bytes are kept when they are asked for a second id. */
static int may_hold_id(pq_file_cache *c, pq_fetch *f, const pq_file_info *info,
                       pq_cached_file *file, pq_slice id, bool *may) {
  uint64_t hash = pq_hash(id, 0);
  bool is_kept = file->is_asked || info->kind != PQ_FILE_EVENT_INDEX;
  bool is_missing = false, is_told = true; /* by the hash alone */
  *may = file->may_hold;
  if (file->is_asked && file->asked_hash == hash) return PQ_OK;
  *may = false;
  for (uint32_t g = 0; g < info->bloom_count && !*may; g++) {
    const pq_bloom_place *b = &info->blooms[g];
    filter_at at = {
        .key = file->file.key, .off = b->off, .len = b->len, .crc = b->crc, .has_crc = true};
    pq_slice bytes = b->bytes;
    int rc = PQ_OK;
    if (pq_slice_cmp(id, b->min) < 0 || pq_slice_cmp(id, b->max) > 0) {
      is_told = false;
      continue;
    }
    if (bytes.n == 0) rc = get_filter(c, f, &at, is_kept, &bytes);
    if (rc < 0) return rc;
    is_missing |= rc == PQ_NEED_IO;
    if (rc == PQ_OK) PQ_TRY(ask(c, &at, bytes, hash, may));
  }
  if (is_missing && !*may) return PQ_NEED_IO;
  if (!is_told && !*may) return PQ_OK;
  file->is_asked = true;
  file->asked_hash = hash;
  file->may_hold = *may;
  return PQ_OK;
}

/* Is there a filter to ask, at a cost that is worth it? *file gets the file's record then. */
static int is_asked(pq_file_cache *c, const pq_file_info *info, uint32_t count,
                    pq_cached_file **file, bool *is) {
  *is = false;
  if (info->bloom_count == 0) return PQ_OK;
  PQ_TRY(pq_file_cache_record(c, info, file));
  *is = info->blooms[0].bytes.n > 0 || ((*file)->file.footer == NULL && count <= PQ_BLOOM_IDS_MAX);
  return PQ_OK;
}

int pq_file_sift(pq_file_cache *c, pq_fetch *f, const pq_file_info *info, const pq_slice *ids,
                 uint32_t count, uint32_t *kept, uint32_t *kept_count) {
  bool is_missing = false, is_filtered;
  pq_cached_file *file = NULL;
  uint32_t n = 0;
  *kept_count = 0;
  PQ_TRY(is_asked(c, info, count, &file, &is_filtered));
  for (uint32_t i = 0; i < count; i++) {
    bool may = true;
    int rc = is_filtered ? may_hold_id(c, f, info, file, ids[i], &may) : PQ_OK;
    if (rc < 0) return rc;
    is_missing |= rc == PQ_NEED_IO;
    if (may) kept[n++] = i;
  }
  if (is_missing) return PQ_NEED_IO;
  *kept_count = n;
  return PQ_OK;
}

int pq_file_may_hold(pq_file_cache *c, pq_fetch *f, const pq_file_info *info, const pq_slice *ids,
                     uint32_t count, bool *may) {
  bool is_missing = false, is_filtered;
  pq_cached_file *file = NULL;
  *may = true;
  PQ_TRY(is_asked(c, info, count, &file, &is_filtered));
  if (!is_filtered) return PQ_OK;
  *may = false;
  for (uint32_t i = 0; i < count && !*may; i++) {
    int rc = may_hold_id(c, f, info, file, ids[i], may);
    if (rc < 0) return rc;
    is_missing |= rc == PQ_NEED_IO;
  }
  return is_missing && !*may ? PQ_NEED_IO : PQ_OK;
}

bool pq_file_may_have_type(const pq_file_info *info, const pq_slice *types, uint32_t count) {
  for (uint32_t i = 0; i < info->type_count; i++)
    for (uint32_t k = 0; k < count; k++)
      if (pq_slice_eq(info->types[i], types[k])) return true;
  return info->type_count == 0;
}
