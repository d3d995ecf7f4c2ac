/* parquet/dict_build.c - see dict_build_int.h.
 *
 * A block of values is first turned into keys of 64 bits, then looked up: both loops stay small,
 * and the lookup knows nothing of types.
 *
 *   number:               its bits
 *   bytes, n <= 7:        n << 56 | the bytes        the key is the value
 *   longer:               1 << 63 | a hash           equal keys are compared
 */
#include "parquet/dict_build_int.h"

#include <string.h>

#include "parquet/decode_int.h"

enum {
  BLOCK_COUNT = 512,
  WINDOW_COUNT = 4096, /* values between two looks at whether it pays */
  SLOT_BITS_MIN = 10,
  SLOT_BITS_MAX = 31,
  EXACT_LEN_MAX = 7,
  SHORT_LEN_MAX = 16
};

#define HASHED ((uint64_t)1 << 63)
#define PRIME_1 0x9e3779b97f4a7c15u
#define PRIME_2 0xc2b2ae3d27d4eb4fu

void pq_dict_init(pq_dict *d, pq_cx *cx) {
  size_t len_max = cx->limits.op_len_max < SIZE_MAX ? (size_t)cx->limits.op_len_max : SIZE_MAX;
  *d = (pq_dict){.cx = cx};
  pq_buf_init(&d->slots_buf, cx, len_max);
  pq_buf_init(&d->ids_buf, cx, len_max);
  pq_buf_init(&d->firsts_buf, cx, len_max);
  pq_buf_init(&d->keys_buf, cx, len_max);
}

void pq_dict_release(pq_dict *d) {
  pq_buf_release(&d->slots_buf);
  pq_buf_release(&d->ids_buf);
  pq_buf_release(&d->firsts_buf);
  pq_buf_release(&d->keys_buf);
  *d = (pq_dict){0};
}

/* ---- memory ---- */

static int reserve_ids(pq_dict *d, uint32_t count) {
  size_t n = (size_t)count + 1;
  if (n > SIZE_MAX / sizeof *d->ids)
    return pq_fail(d->cx, PQ_ELIMIT, "a chunk with %u values", count);
  pq_buf_clear(&d->ids_buf);
  PQ_TRY(pq_buf_reserve(&d->ids_buf, n * sizeof *d->ids));
  d->ids = (uint32_t *)(void *)d->ids_buf.p;
  return PQ_OK;
}

/* Room for a block of further entries. */
static int reserve_entries(pq_dict *d) {
  size_t n = (size_t)d->count + BLOCK_COUNT;
  d->firsts_buf.len = d->count * sizeof *d->firsts;
  d->keys_buf.len = d->count * sizeof *d->keys;
  if (n > SIZE_MAX / sizeof *d->keys)
    return pq_fail(d->cx, PQ_ELIMIT, "a dictionary of %u values", d->count);
  PQ_TRY(pq_buf_reserve(&d->firsts_buf, BLOCK_COUNT * sizeof *d->firsts));
  PQ_TRY(pq_buf_reserve(&d->keys_buf, BLOCK_COUNT * sizeof *d->keys));
  d->firsts = (uint32_t *)(void *)d->firsts_buf.p;
  d->keys = (uint64_t *)(void *)d->keys_buf.p;
  return PQ_OK;
}

static size_t slot_of(const pq_dict *d, uint64_t key) {
  key ^= key >> 32;
  return (size_t)(key * PRIME_1 >> (64 - d->slot_bits));
}

static size_t next_slot(const pq_dict *d, size_t slot) {
  return (slot + 1) & (((size_t)1 << d->slot_bits) - 1);
}

/* Empty slots, at most half of which will be filled by the entries there are and a block more. */
static int reserve_slots(pq_dict *d) {
  unsigned bits = d->slot_bits;
  while (bits < SLOT_BITS_MIN || (uint64_t)1 << (bits - 1) < (uint64_t)d->count + BLOCK_COUNT)
    bits++;
  if (bits == d->slot_bits) return PQ_OK;
  if (bits > SLOT_BITS_MAX) return pq_fail(d->cx, PQ_ELIMIT, "a dictionary of %u values", d->count);
  pq_buf_clear(&d->slots_buf);
  PQ_TRY(pq_buf_reserve(&d->slots_buf, sizeof *d->slots << bits));
  d->slots = (uint32_t *)(void *)d->slots_buf.p;
  d->slot_bits = bits;
  memset(d->slots, 0, sizeof *d->slots << bits);
  for (uint32_t id = 0; id < d->count; id++) {
    size_t slot = slot_of(d, d->keys[id]);
    while (d->slots[slot] != 0)
      slot = next_slot(d, slot);
    d->slots[slot] = id + 1;
  }
  return PQ_OK;
}

static void start(pq_dict *d) {
  d->count = 0;
  d->plain_len = 0;
  d->slot_bits = 0; /* the slots are made anew */
}

/* ---- keys ---- */

static uint64_t exact_key(pq_slice s) {
  uint64_t n = s.n, key = n << 56;
  if (n >= 4) return key | pq_rd32(s.p) | (uint64_t)pq_rd32(s.p + n - 4) << (8 * (n - 4));
  if (n == 0) return key;
  return key | s.p[0] | (uint64_t)s.p[n / 2] << (8 * (n / 2)) |
         (uint64_t)s.p[n - 1] << (8 * (n - 1));
}

static uint64_t bytes_key(pq_slice s) {
  uint64_t h;
  if (s.n <= EXACT_LEN_MAX) return exact_key(s);
  if (s.n > SHORT_LEN_MAX) return pq_hash(s, 0) | HASHED;
  h = (pq_rd64(s.p) ^ s.n) * PRIME_1;
  h = ((h ^ h >> 29) + pq_rd64(s.p + s.n - 8)) * PRIME_2;
  return (h ^ h >> 32) | HASHED;
}

/* Keys of values [first, first + n). Floats by bits, so that -0.0 and NaN survive. */
static void make_keys(const pq_dense *v, uint32_t first, uint32_t n, uint64_t *keys) {
  switch (v->phys) {
    case PQ_PHYS_BOOL:
      for (uint32_t i = 0; i < n; i++)
        keys[i] = v->v.b[first + i] != 0;
      return;
    case PQ_PHYS_INT32:
    case PQ_PHYS_FLOAT:
      for (uint32_t i = 0; i < n; i++) {
        uint32_t bits;
        memcpy(&bits, v->v.b + 4 * ((size_t)first + i), sizeof bits);
        keys[i] = bits;
      }
      return;
    case PQ_PHYS_INT64:
    case PQ_PHYS_DOUBLE: memcpy(keys, v->v.b + 8 * (size_t)first, 8 * (size_t)n); return;
    case PQ_PHYS_INT96:
    case PQ_PHYS_BYTES:
    case PQ_PHYS_FIXED: break;
  }
  for (uint32_t i = 0; i < n; i++)
    keys[i] = bytes_key(v->v.bytes[first + i]);
}

/* ---- building ---- */

/* Values i and j have the same key. Are they the same? `is_bytes`: of any length. */
static bool is_same(const pq_dense *v, bool is_bytes, uint64_t key, uint32_t i, uint32_t j) {
  return !is_bytes || (key & HASHED) == 0 || pq_slice_eq(v->v.bytes[i], v->v.bytes[j]);
}

/* The id of value i, making a new entry if it has none. There is room. */
static uint32_t id_of(pq_dict *d, const pq_dense *v, bool is_bytes, uint64_t key, uint32_t i) {
  size_t slot = slot_of(d, key);
  for (; d->slots[slot] != 0; slot = next_slot(d, slot)) {
    uint32_t id = d->slots[slot] - 1;
    if (d->keys[id] == key && is_same(v, is_bytes, key, d->firsts[id], i)) return id;
  }
  d->keys[d->count] = key;
  d->firsts[d->count] = i;
  d->slots[slot] = d->count + 1;
  if (is_bytes) d->plain_len += v->v.bytes[i].n;
  return d->count++;
}

/* Ids of values [first, first + n), n <= BLOCK_COUNT. */
static int add_block(pq_dict *d, const pq_dense *v, uint32_t first, uint32_t n) {
  uint64_t keys[BLOCK_COUNT], last = 0;
  size_t size = pq_dense_size(v->phys);
  bool is_bytes = pq_phys_is_slice(v->phys);
  uint32_t count = d->count, id = 0;
  PQ_TRY(reserve_entries(d));
  PQ_TRY(reserve_slots(d));
  make_keys(v, first, n, keys);
  for (uint32_t i = 0; i < n; i++) {
    bool is_run = i > 0 && keys[i] == last;
    if (!is_run || !is_same(v, is_bytes, last, first + i - 1, first + i))
      id = id_of(d, v, is_bytes, keys[i], first + i);
    d->ids[first + i] = id;
    last = keys[i];
  }
  size = v->phys == PQ_PHYS_BYTES ? 4 : is_bytes ? 0 : size; /* beside the bytes */
  d->plain_len += (uint64_t)(d->count - count) * size;
  return PQ_OK;
}

/* Are there more different values than a third of all? Of n drawn from m, about n * n / 2m are not
 * new; n values have been seen. */
static bool is_diverse(const pq_dict *d, const pq_dense *v, uint32_t n) {
  uint64_t again = n - d->count;
  return (uint64_t)n * n / 2 > again * (v->count / 3);
}

int pq_dict_build(pq_dict *d, const pq_dense *v, uint64_t len_max, bool *pays) {
  uint32_t window_first = 0; /* entries before the current window */
  *pays = false;
  start(d);
  PQ_TRY(reserve_ids(d, v->count));
  for (uint32_t i = 0; i < v->count; i += BLOCK_COUNT) {
    uint32_t n = v->count - i < BLOCK_COUNT ? v->count - i : BLOCK_COUNT;
    if (i % WINDOW_COUNT == 0) {
      bool is_new = d->count - window_first > WINDOW_COUNT / 4 * 3;
      if (len_max > 0 && is_new && is_diverse(d, v, i)) return PQ_OK;
      window_first = d->count;
    }
    PQ_TRY(add_block(d, v, i, n));
    if (d->plain_len > INT32_MAX)
      return pq_fail(d->cx, PQ_ELIMIT, "a dictionary of more than 2 GiB");
    if (len_max > 0 && d->plain_len > len_max) return PQ_OK;
  }
  *pays = len_max == 0 || d->count <= v->count / 3 * 2 + 1;
  return PQ_OK;
}

int pq_dict_put_page(const pq_dict *d, const pq_dense *v, uint32_t count, pq_buf *out) {
  pq_assert(count <= d->count);
  for (uint32_t k = 0; k < count; k++) {
    pq_dense one = pq_dense_part(v, d->firsts[k], d->firsts[k] + 1);
    PQ_TRY(pq_encode_plain(out, &one));
  }
  return PQ_OK;
}

/* ---- hashes for a bloom filter ---- */

static int hash_entries(pq_dict *d, const pq_dense *v) {
  uint8_t tmp[8];
  for (uint32_t k = 0; k < d->count; k++)
    d->keys[k] = pq_hash(pq_dense_plain(v, d->firsts[k], tmp), 0);
  return PQ_OK;
}

/* Keep the hash unless it is known. There is room. */
static void keep_hash(pq_dict *d, uint64_t hash, bool is_sorted) {
  size_t slot;
  if (d->count > 0 && d->keys[d->count - 1] == hash) return;
  if (!is_sorted) {
    for (slot = slot_of(d, hash); d->slots[slot] != 0; slot = next_slot(d, slot))
      if (d->keys[d->slots[slot] - 1] == hash) return;
    d->slots[slot] = d->count + 1;
  }
  d->keys[d->count++] = hash;
}

void pq_dict_hash_start(pq_dict *d) {
  start(d);
}

int pq_dict_hash(pq_dict *d, const pq_dense *v, pq_dict_hash_kind kind) {
  uint8_t tmp[8];
  if (kind == PQ_DICT_HASH_ENTRIES) return hash_entries(d, v);
  for (uint32_t i = 0; i < v->count; i++) {
    if (i % BLOCK_COUNT == 0) PQ_TRY(reserve_entries(d));
    if (i % BLOCK_COUNT == 0 && kind == PQ_DICT_HASH_ALL) PQ_TRY(reserve_slots(d));
    keep_hash(d, pq_hash(pq_dense_plain(v, i, tmp), 0), kind == PQ_DICT_HASH_SORTED);
  }
  return PQ_OK;
}

int pq_dict_hash_more(pq_dict *d, const uint64_t *hashes, uint32_t count) {
  for (uint32_t i = 0; i < count; i++) {
    if (i % BLOCK_COUNT == 0) PQ_TRY(reserve_entries(d));
    d->keys[d->count++] = hashes[i];
  }
  return PQ_OK;
}
