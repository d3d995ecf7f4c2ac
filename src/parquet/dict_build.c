/* parquet/dict_build.c - see dict_build_int.h. */
#include "parquet/dict_build_int.h"

#include <string.h>

enum { WINDOW_COUNT = 4096 }; /* values between two looks at whether it pays */

void pq_dict_init(pq_dict *d, pq_cx *cx) {
  size_t len_max = cx->limits.op_len_max < SIZE_MAX ? (size_t)cx->limits.op_len_max : SIZE_MAX;
  *d = (pq_dict){0};
  pq_table_init(&d->table, cx);
  pq_buf_init(&d->ids_buf, cx, len_max);
  pq_buf_init(&d->firsts_buf, cx, len_max);
  pq_buf_init(&d->hashes_buf, cx, len_max);
}

void pq_dict_release(pq_dict *d) {
  if (d->table.cx != NULL) pq_table_release(&d->table);
  pq_buf_release(&d->ids_buf);
  pq_buf_release(&d->firsts_buf);
  pq_buf_release(&d->hashes_buf);
  *d = (pq_dict){0};
}

static int reserve(pq_dict *d, uint32_t count) {
  size_t n = (size_t)count + 1;
  if (n > SIZE_MAX / 8) return pq_fail(d->table.cx, PQ_ELIMIT, "a chunk with %u values", count);
  pq_buf_clear(&d->ids_buf);
  pq_buf_clear(&d->firsts_buf);
  pq_buf_clear(&d->hashes_buf);
  PQ_TRY(pq_buf_reserve(&d->ids_buf, n * sizeof *d->ids));
  PQ_TRY(pq_buf_reserve(&d->firsts_buf, n * sizeof *d->firsts));
  PQ_TRY(pq_buf_reserve(&d->hashes_buf, n * sizeof *d->hashes));
  d->ids = (uint32_t *)(void *)d->ids_buf.p;
  d->firsts = (uint32_t *)(void *)d->firsts_buf.p;
  d->hashes = (uint64_t *)(void *)d->hashes_buf.p;
  return PQ_OK;
}

/* The same PLAIN bytes? Floats by bits, so that -0.0 and NaN survive. */
static bool is_same(const pq_dense *v, uint32_t i, uint32_t j) {
  switch (v->phys) {
    case PQ_PHYS_BOOL: return (v->v.b[i] != 0) == (v->v.b[j] != 0);
    case PQ_PHYS_INT32:
    case PQ_PHYS_FLOAT: return memcmp(v->v.i32 + i, v->v.i32 + j, 4) == 0;
    case PQ_PHYS_INT64:
    case PQ_PHYS_DOUBLE: return memcmp(v->v.i64 + i, v->v.i64 + j, 8) == 0;
    case PQ_PHYS_INT96:
    case PQ_PHYS_BYTES:
    case PQ_PHYS_FIXED: break;
  }
  return pq_slice_eq(v->v.bytes[i], v->v.bytes[j]);
}

/* The id of value i, making a new entry if it has none. */
static int id_of(pq_dict *d, const pq_dense *v, uint32_t i, uint32_t *id) {
  uint8_t tmp[8];
  pq_slice bytes = pq_dense_plain(v, i, tmp);
  uint64_t hash = pq_hash(bytes, 0);
  size_t pos;
  *id = pq_table_first(&d->table, hash, &pos);
  for (; *id != PQ_TABLE_NONE; *id = pq_table_next(&d->table, hash, &pos))
    if (d->hashes[*id] == hash && is_same(v, d->firsts[*id], i)) return PQ_OK;
  *id = d->count;
  PQ_TRY(pq_table_add(&d->table, hash, *id));
  d->hashes[*id] = hash;
  d->firsts[*id] = i;
  d->plain_len += bytes.n + (v->phys == PQ_PHYS_BYTES ? 4 : 0);
  d->count++;
  return PQ_OK;
}

int pq_dict_build(pq_dict *d, const pq_dense *v, bool *pays) {
  uint32_t window_first = 0; /* entries before the current window */
  *pays = false;
  d->count = 0;
  d->plain_len = 0;
  pq_table_clear(&d->table);
  PQ_TRY(reserve(d, v->count));
  for (uint32_t i = 0; i < v->count; i++) {
    if (i % WINDOW_COUNT == 0) {
      if (d->count - window_first > WINDOW_COUNT / 4 * 3) return PQ_OK;
      window_first = d->count;
    }
    if (i > 0 && is_same(v, i - 1, i)) {
      d->ids[i] = d->ids[i - 1];
      continue;
    }
    if (d->plain_len > PQ_DICT_LEN_MAX) return PQ_OK;
    PQ_TRY(id_of(d, v, i, &d->ids[i]));
  }
  *pays = d->plain_len <= PQ_DICT_LEN_MAX && d->count <= v->count / 3 * 2 + 1;
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

/* Keep the hash unless it is known. */
static int keep_hash(pq_dict *d, uint64_t hash, bool is_sorted) {
  size_t pos;
  if (d->count > 0 && d->hashes[d->count - 1] == hash) return PQ_OK;
  if (!is_sorted) {
    uint32_t k = pq_table_first(&d->table, hash, &pos);
    for (; k != PQ_TABLE_NONE; k = pq_table_next(&d->table, hash, &pos))
      if (d->hashes[k] == hash) return PQ_OK;
    PQ_TRY(pq_table_add(&d->table, hash, d->count));
  }
  d->hashes[d->count++] = hash;
  return PQ_OK;
}

int pq_dict_hash(pq_dict *d, const pq_dense *v, bool is_sorted) {
  uint8_t tmp[8];
  d->count = 0;
  d->plain_len = 0;
  pq_table_clear(&d->table);
  PQ_TRY(reserve(d, v->count));
  for (uint32_t i = 0; i < v->count; i++)
    PQ_TRY(keep_hash(d, pq_hash(pq_dense_plain(v, i, tmp), 0), is_sorted));
  return PQ_OK;
}
