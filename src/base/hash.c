/* base/hash.c - see hash.h. Linear probing, at most 3/4 full; entries are never removed. */
#include "base/hash.h"

#include <string.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

enum { CAP_MIN = 16 };

uint64_t pq_hash(pq_slice bytes, uint64_t seed) {
  return XXH64(bytes.n == 0 ? (const uint8_t *)"" : bytes.p, bytes.n, seed);
}

void pq_table_init(pq_table *t, pq_cx *cx) {
  *t = (pq_table){.cx = cx};
}

void pq_table_release(pq_table *t) {
  if (t->slots != NULL) pq_alloc(t->cx, t->slots, t->cap * sizeof *t->slots, 0);
  *t = (pq_table){0};
}

void pq_table_clear(pq_table *t) {
  if (t->slots != NULL) memset(t->slots, 0xff, t->cap * sizeof *t->slots);
  t->count = 0;
}

static void place(pq_table_slot *slots, size_t cap, pq_table_slot s, uint64_t hash) {
  size_t i = (size_t)hash & (cap - 1);
  while (slots[i].index != PQ_TABLE_NONE)
    i = (i + 1) & (cap - 1);
  slots[i] = s;
}

/* The position comes from the lower half of the hash, which a slot does not keep, so the upper
 * half seeds it: position = tag * odd constant. That keeps slots at 8 bytes. */
static uint64_t spread(uint32_t tag) {
  uint64_t h = (uint64_t)tag * 0x9e3779b97f4a7c15u;
  return h >> 24;
}

static int grow(pq_table *t) {
  size_t cap = t->cap == 0 ? CAP_MIN : t->cap * 2, len;
  pq_table_slot *slots;
  if (cap > UINT32_MAX / 2 || !pq_mul_size(cap, sizeof *slots, &len))
    return pq_fail(t->cx, PQ_ELIMIT, "hash table with more than %zu entries", t->count);
  slots = pq_alloc(t->cx, NULL, 0, len);
  if (slots == NULL) return pq_fail_nomem(t->cx);
  memset(slots, 0xff, len);
  for (size_t i = 0; i < t->cap; i++)
    if (t->slots[i].index != PQ_TABLE_NONE) place(slots, cap, t->slots[i], spread(t->slots[i].tag));
  if (t->slots != NULL) pq_alloc(t->cx, t->slots, t->cap * sizeof *slots, 0);
  t->slots = slots;
  t->cap = cap;
  return PQ_OK;
}

int pq_table_add(pq_table *t, uint64_t hash, uint32_t index) {
  pq_table_slot s = {(uint32_t)(hash >> 32), index};
  pq_assert(index != PQ_TABLE_NONE);
  if (t->count >= t->cap / 4 * 3) PQ_TRY(grow(t));
  place(t->slots, t->cap, s, spread(s.tag));
  t->count++;
  return PQ_OK;
}

static uint32_t walk(const pq_table *t, uint64_t hash, size_t *pos) {
  uint32_t tag = (uint32_t)(hash >> 32);
  for (;; *pos = (*pos + 1) & (t->cap - 1)) {
    const pq_table_slot *s = &t->slots[*pos];
    if (s->index == PQ_TABLE_NONE || s->tag == tag) return s->index;
  }
}

uint32_t pq_table_first(const pq_table *t, uint64_t hash, size_t *pos) {
  *pos = 0;
  if (t->cap == 0) return PQ_TABLE_NONE;
  *pos = (size_t)spread((uint32_t)(hash >> 32)) & (t->cap - 1);
  return walk(t, hash, pos);
}

uint32_t pq_table_next(const pq_table *t, uint64_t hash, size_t *pos) {
  *pos = (*pos + 1) & (t->cap - 1);
  return walk(t, hash, pos);
}
