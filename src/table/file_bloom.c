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

/* The filter's bytes: those kept, or read, checked and kept now. */
static int get_filter(pq_file_cache *c, pq_fetch *f, const filter_at *at, pq_slice *out) {
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
  if (rc != PQ_OK) return rc;
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
  PQ_TRY(get_filter(c, f, &at, &bytes));
  return ask(c, &at, bytes, hash, may);
}

/* ---- without the footer ---- */

/* May the id be in one of the file's row groups? */
static int may_hold_id(pq_file_cache *c, pq_fetch *f, const pq_file_info *info, const char *key,
                       pq_slice id, bool *may) {
  bool is_missing = false;
  *may = false;
  for (uint32_t g = 0; g < info->bloom_count && !*may; g++) {
    const pq_bloom_place *b = &info->blooms[g];
    filter_at at = {.key = key, .off = b->off, .len = b->len, .crc = b->crc, .has_crc = true};
    pq_slice bytes = b->bytes;
    int rc = PQ_OK;
    if (pq_slice_cmp(id, b->min) < 0 || pq_slice_cmp(id, b->max) > 0) continue;
    if (bytes.n == 0) rc = get_filter(c, f, &at, &bytes);
    if (rc < 0) return rc;
    is_missing |= rc == PQ_NEED_IO;
    if (rc == PQ_OK) PQ_TRY(ask(c, &at, bytes, pq_hash(id, 0), may));
  }
  return is_missing && !*may ? PQ_NEED_IO : PQ_OK;
}

/* Is there a filter to ask, at a cost that is worth it? *key gets the name for it. */
static int is_asked(pq_file_cache *c, const pq_file_info *info, uint32_t count, const char **key,
                    bool *is) {
  pq_cached_file *file;
  *is = false;
  if (info->bloom_count == 0) return PQ_OK;
  PQ_TRY(pq_file_cache_record(c, info, &file));
  *key = file->file.key;
  *is = info->blooms[0].bytes.n > 0 || (file->file.footer == NULL && count <= PQ_BLOOM_IDS_MAX);
  return PQ_OK;
}

int pq_file_sift(pq_file_cache *c, pq_fetch *f, const pq_file_info *info, const pq_slice *ids,
                 uint32_t count, uint32_t *kept, uint32_t *kept_count) {
  bool is_missing = false, is_filtered;
  const char *key;
  uint32_t n = 0;
  *kept_count = 0;
  PQ_TRY(is_asked(c, info, count, &key, &is_filtered));
  for (uint32_t i = 0; i < count; i++) {
    bool may = true;
    int rc = is_filtered ? may_hold_id(c, f, info, key, ids[i], &may) : PQ_OK;
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
  const char *key;
  *may = true;
  PQ_TRY(is_asked(c, info, count, &key, &is_filtered));
  if (!is_filtered) return PQ_OK;
  *may = false;
  for (uint32_t i = 0; i < count && !*may; i++) {
    int rc = may_hold_id(c, f, info, key, ids[i], may);
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
