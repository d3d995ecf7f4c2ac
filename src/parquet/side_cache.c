/* parquet/side_cache.c - see side_cache.h. An entry that does not fit is dropped without a word:
 * the scan has its own copy.
 */
#include "parquet/side_cache.h"

#include <string.h>

enum { BUCKET_COUNT = 1024 };

typedef struct pq_side_entry {
  struct pq_side_entry *next;
  uint32_t row_group, leaf;
  bool is_bloom;
  pq_page_index index;
  pq_slice bits;
} side_entry;

void pq_side_cache_init(pq_side_cache *c, pq_cx *cx, uint64_t len_max) {
  *c = (pq_side_cache){0};
  pq_arena_init(&c->arena, cx, len_max);
}

void pq_side_cache_release(pq_side_cache *c) {
  pq_arena_release(&c->arena);
  *c = (pq_side_cache){0};
}

static void enter(pq_side_cache *c) {
  if (c->lock != NULL) c->lock(c->lock_ud);
}

static void leave(pq_side_cache *c) {
  if (c->unlock != NULL) c->unlock(c->lock_ud);
}

static side_entry **bucket_of(pq_side_cache *c, uint32_t row_group, uint32_t leaf, bool is_bloom) {
  uint32_t hash = (row_group * 0x9e3779b1u) ^ (leaf * 0x85ebca6bu) ^ (is_bloom ? 1u : 0u);
  return &c->buckets[(hash ^ hash >> 16) % BUCKET_COUNT];
}

/* With the lock held. */
static const side_entry *find(pq_side_cache *c, uint32_t row_group, uint32_t leaf, bool is_bloom) {
  const side_entry *e;
  if (c->buckets == NULL) return NULL;
  for (e = *bucket_of(c, row_group, leaf, is_bloom); e != NULL; e = e->next)
    if (e->row_group == row_group && e->leaf == leaf && e->is_bloom == is_bloom) return e;
  return NULL;
}

const pq_page_index *pq_side_cache_index(pq_side_cache *c, uint32_t row_group, uint32_t leaf) {
  const side_entry *e;
  enter(c);
  e = find(c, row_group, leaf, false);
  leave(c);
  return e == NULL ? NULL : &e->index;
}

pq_slice pq_side_cache_bloom(pq_side_cache *c, uint32_t row_group, uint32_t leaf) {
  const side_entry *e;
  enter(c);
  e = find(c, row_group, leaf, true);
  leave(c);
  return e == NULL ? (pq_slice){0} : e->bits;
}

/* ---- put ---- */

static void copy_slice(uint8_t **to, pq_slice *s) {
  if (s->n > 0) memcpy(*to, s->p, s->n);
  s->p = *to;
  *to += s->n;
}

/* Pages and the bytes of their bounds in one block each. */
static bool copy_index(pq_arena *arena, const pq_page_index *in, pq_page_index *out) {
  size_t len = 0;
  uint8_t *bytes;
  *out = (pq_page_index){.page_count = in->page_count};
  for (uint32_t i = 0; i < in->page_count; i++)
    len += in->pages[i].min.n + in->pages[i].max.n; /* parts of one column index */
  out->pages = pq_arena_calloc(arena, in->page_count, sizeof *out->pages);
  bytes = pq_arena_alloc(arena, len);
  if (out->pages == NULL || bytes == NULL) return false;
  for (uint32_t i = 0; i < in->page_count; i++) {
    out->pages[i] = in->pages[i];
    copy_slice(&bytes, &out->pages[i].min);
    copy_slice(&bytes, &out->pages[i].max);
  }
  return true;
}

/* With the lock held. */
static void put(pq_side_cache *c, side_entry entry) {
  side_entry *e, **bucket;
  if (find(c, entry.row_group, entry.leaf, entry.is_bloom) != NULL) return;
  if (c->buckets == NULL) c->buckets = pq_arena_calloc(&c->arena, BUCKET_COUNT, sizeof *c->buckets);
  if (c->buckets == NULL) return;
  e = pq_arena_alloc(&c->arena, sizeof *e);
  if (e == NULL) return;
  *e = entry;
  if (entry.is_bloom && pq_arena_copy(&c->arena, entry.bits, &e->bits) != PQ_OK) return;
  if (!entry.is_bloom && !copy_index(&c->arena, &entry.index, &e->index)) return;
  bucket = bucket_of(c, e->row_group, e->leaf, e->is_bloom);
  e->next = *bucket;
  *bucket = e;
}

void pq_side_cache_put_index(pq_side_cache *c, uint32_t row_group, uint32_t leaf,
                             const pq_page_index *index) {
  enter(c);
  put(c, (side_entry){.row_group = row_group, .leaf = leaf, .index = *index});
  leave(c);
}

void pq_side_cache_put_bloom(pq_side_cache *c, uint32_t row_group, uint32_t leaf, pq_slice bits) {
  enter(c);
  put(c, (side_entry){.row_group = row_group, .leaf = leaf, .is_bloom = true, .bits = bits});
  leave(c);
}
