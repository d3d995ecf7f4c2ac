/* parquet/body_cache.c - see body_cache.h: a table of chains, and a list by use.
 *
 * One allocation holds a body:   header │ key │ bytes
 */
#include "parquet/body_cache.h"

#include <string.h>

#include "base/hash.h"

/* Chains stay short: 128 MiB are 2,000 pages of 64 KiB. No page takes more than its share. */
enum { BUCKET_COUNT = 4096, SHARE = 8, MEMORY_SHARE = 4 /* is for others */ };

void pq_body_cache_init(pq_body_cache *c, pq_cx *cx, uint64_t len_max) {
  *c = (pq_body_cache){.cx = cx, .len_max = len_max};
}

static uint32_t bucket_of(const char *key, uint64_t off) {
  return (uint32_t)(pq_hash(pq_str(key), off) % BUCKET_COUNT);
}

static void unlink_body(pq_body_cache *c, pq_body *b) {
  if (b->newer != NULL)
    b->newer->older = b->older;
  else
    c->newest = b->older;
  if (b->older != NULL)
    b->older->newer = b->newer;
  else
    c->oldest = b->newer;
  b->newer = b->older = NULL;
}

static void link_newest(pq_body_cache *c, pq_body *b) {
  b->older = c->newest;
  if (c->newest != NULL)
    c->newest->newer = b;
  else
    c->oldest = b;
  c->newest = b;
}

static void free_oldest(pq_body_cache *c) {
  pq_body *b = c->oldest;
  pq_body **at = &c->buckets[b->bucket];
  while (*at != b)
    at = &(*at)->next;
  *at = b->next;
  unlink_body(c, b);
  c->held_len -= b->held_len;
  pq_alloc(c->cx, b, b->held_len, 0);
}

void pq_body_cache_release(pq_body_cache *c) {
  while (c->oldest != NULL)
    free_oldest(c);
  if (c->buckets != NULL) pq_alloc(c->cx, c->buckets, BUCKET_COUNT * sizeof *c->buckets, 0);
  *c = (pq_body_cache){0};
}

void pq_body_cache_trim(pq_body_cache *c, uint64_t len_max) {
  uint64_t keep = c->is_short ? len_max - len_max / 4 : len_max;
  c->len_max = len_max;
  c->is_short = false;
  while (c->held_len > keep)
    free_oldest(c);
}

const pq_body *pq_body_cache_find(pq_body_cache *c, const char *key, uint64_t off, size_t len) {
  pq_body *b = c->buckets == NULL ? NULL : c->buckets[bucket_of(key, off)];
  while (b != NULL && (b->off != off || !b->is_ready || b->len != len || strcmp(b->key, key) != 0))
    b = b->next;
  if (b == NULL || b == c->newest) return b;
  unlink_body(c, b);
  link_newest(c, b);
  return b;
}

int pq_body_cache_add(pq_body_cache *c, const char *key, uint64_t off, size_t len, pq_body **out) {
  size_t key_len = strlen(key) + 1, held_len;
  pq_body *b;
  *out = NULL;
  if (c->is_closed || len > c->len_max / SHARE || !pq_add_size(len, sizeof *b + key_len, &held_len))
    return PQ_OK;
  if (c->held_len > c->len_max || held_len > c->len_max - c->held_len ||
      (c->cx->meter != NULL && pq_memory_left(c->cx) < c->cx->meter->max / MEMORY_SHARE)) {
    c->is_short = true;
    return PQ_OK;
  }
  if (c->buckets == NULL) {
    c->buckets = pq_alloc(c->cx, NULL, 0, BUCKET_COUNT * sizeof *c->buckets);
    if (c->buckets == NULL) return pq_fail_nomem(c->cx);
    memset(c->buckets, 0, BUCKET_COUNT * sizeof *c->buckets);
  }
  b = pq_alloc(c->cx, NULL, 0, held_len);
  if (b == NULL) return pq_fail_nomem(c->cx);
  *b = (pq_body){.off = off, .len = len, .held_len = held_len, .bucket = bucket_of(key, off)};
  b->bytes = (uint8_t *)(b + 1) + key_len;
  b->key = memcpy(b + 1, key, key_len);
  b->next = c->buckets[b->bucket];
  c->buckets[b->bucket] = b;
  link_newest(c, b);
  c->held_len += held_len;
  *out = b;
  return PQ_OK;
}
