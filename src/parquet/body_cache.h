/* parquet/body_cache.h - unpacked pages, kept from one operation to the next.
 *
 *   scan      page 0   page 1   page 2   …      stored bytes, read each time
 *                │ zstd │        │
 *   cache     (file, off) ─► unpacked bytes     the next scan's values are slices of these
 *
 * Decompression and the check of CRCs are most of what a warm scan costs. A page whose values are
 * slices needs its unpacked bytes as long as these anyway; here they stay, keyed by their place in
 * their file: files never change, so they are never wrong. Reads are asked for as ever.
 *
 * What is held never exceeds `len_max`. When there was no room for some page, the next trim makes
 * some: a quarter, those used the longest ago. Bodies are borrowed until the step of the operation
 * ends: only pq_body_cache_trim, which is called between steps, frees any. One thread.
 */
#ifndef PQ_PARQUET_BODY_CACHE_H
#define PQ_PARQUET_BODY_CACHE_H

#include "base/base.h"

typedef struct pq_body {
  struct pq_body *next;          /* of its bucket */
  struct pq_body *newer, *older; /* by use */
  const char *key;               /* owned, behind it */
  uint64_t off;                  /* of the page's stored bytes in the file */
  uint32_t bucket;
  size_t len;      /* of the unpacked bytes */
  size_t held_len; /* of the allocation that holds all of it */
  bool is_ready;   /* whoever added it has filled it */
  uint8_t *bytes;
} pq_body;

typedef struct pq_body_cache {
  pq_cx *cx;
  pq_body **buckets; /* owned; NULL: nothing was added yet */
  pq_body *newest, *oldest;
  uint64_t held_len, len_max;
  bool is_short;  /* there was no room for some page */
  bool is_closed; /* nothing is added: whoever reads keeps what it needs in another form */
} pq_body_cache;

/* Allocates nothing. A zeroed cache is one that keeps nothing. */
void pq_body_cache_init(pq_body_cache *c, pq_cx *cx, uint64_t len_max);
void pq_body_cache_release(pq_body_cache *c);

/* The page's unpacked bytes, `len` of them; NULL: they are not there. */
const pq_body *pq_body_cache_find(pq_body_cache *c, const char *key, uint64_t off, size_t len);

/* Room for a page's unpacked bytes: fill it, then set is_ready; else nobody finds it. *out NULL:
 * there is no room. PQ_ENOMEM. */
int pq_body_cache_add(pq_body_cache *c, const char *key, uint64_t off, size_t len,
                      pq_body **out) PQ_MUST_CHECK;

/* Keep at most `len_max` bytes from now on. Between steps only. */
void pq_body_cache_trim(pq_body_cache *c, uint64_t len_max);

#endif
