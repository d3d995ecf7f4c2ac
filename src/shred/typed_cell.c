/* shred/typed_cell.c - the columns of a schema's types as filters see them.
 *
 *   stored   FLOAT   DATE (days)   TIMESTAMP(ms)   DECIMAL in INT32   16 bytes   BYTE_ARRAY
 *   seen     double  µs            µs              in INT64           uuid       binary, subtype 0
 *            └────────────────── widened ───────────────────┘        └───── as they are ──────┘
 *
 * Nothing behind the decoder knows the stored forms: columns and bounds are widened first. A file
 * counts the cells that are unlike their values: a rounded number, a text that stands for a date, a
 * binary of another subtype. Where it counts none, a column of such a type is like any other; else
 * a value and its cell still have this in common, which is what pruning is built on:
 *
 *   v = x  ⇒  cell(v) = cell(x)         v < x, both of the seen bracket  ⇒  cell(v) <= cell(x)
 */
#include <string.h>

#include "shred/index_column.h"
#include "value/compare.h"
#include "value/variant_raw.h"

#define DAY_US 86400000000
#define MS_US 1000

enum { UUID_LEN = 16, WIDE_LEN = 16 };

pq_index_type pq_typed_seen(pq_index_type stored) {
  switch (stored) {
    case PQ_INDEX_FLOAT: return PQ_INDEX_DOUBLE;
    case PQ_INDEX_DATE:
    case PQ_INDEX_TIMESTAMP_MS: return PQ_INDEX_TIMESTAMP;
    default: return stored;
  }
}

pq_phys pq_index_phys(pq_index_type type) {
  switch (type) {
    case PQ_INDEX_INT64:
    case PQ_INDEX_TIMESTAMP_MS:
    case PQ_INDEX_TIMESTAMP: return PQ_PHYS_INT64;
    case PQ_INDEX_DOUBLE: return PQ_PHYS_DOUBLE;
    case PQ_INDEX_FLOAT: return PQ_PHYS_FLOAT;
    case PQ_INDEX_DATE: return PQ_PHYS_INT32;
    case PQ_INDEX_UUID: return PQ_PHYS_FIXED;
    case PQ_INDEX_BOOL: return PQ_PHYS_BOOL;
    default: return PQ_PHYS_BYTES;
  }
}

pq_logical pq_index_logical(pq_index_type type) {
  switch (type) {
    case PQ_INDEX_TIMESTAMP: return PQ_LOGICAL_TIMESTAMP_US;
    case PQ_INDEX_TIMESTAMP_MS: return PQ_LOGICAL_TIMESTAMP_MS;
    case PQ_INDEX_DATE: return PQ_LOGICAL_DATE;
    case PQ_INDEX_UUID: return PQ_LOGICAL_UUID;
    case PQ_INDEX_STRING:
    case PQ_INDEX_OBJECT_ID: return PQ_LOGICAL_STRING;
    default: return PQ_LOGICAL_NONE;
  }
}

/* ---- widening ---- */

/* Does the column have to be widened? */
static bool is_narrow(pq_index_type stored, pq_phys phys) {
  if (stored == PQ_INDEX_DECIMAL) return phys == PQ_PHYS_INT32;
  return pq_typed_seen(stored) != stored;
}

static bool widen_integer(pq_index_type stored, int64_t v, int64_t *out) {
  if (stored == PQ_INDEX_DECIMAL) {
    *out = v;
    return true;
  }
  return pq_mul_i64(v, stored == PQ_INDEX_DATE ? DAY_US : MS_US, out);
}

static int widen_values(pq_arena *arena, pq_index_type stored, const void *from, uint32_t count,
                        void **out) {
  int64_t *times = pq_arena_calloc(arena, count, sizeof *times);
  double *reals = (double *)(void *)times;
  *out = times;
  if (times == NULL) return arena->cx->code;
  for (uint32_t i = 0; stored == PQ_INDEX_FLOAT && i < count; i++)
    reals[i] = (double)((const float *)from)[i];
  for (uint32_t i = 0; stored != PQ_INDEX_FLOAT && i < count; i++) {
    int64_t v =
        stored != PQ_INDEX_TIMESTAMP_MS ? ((const int32_t *)from)[i] : ((const int64_t *)from)[i];
    if (!widen_integer(stored, v, &times[i]))
      return pq_fail(arena->cx, PQ_ECORRUPT, "a date out of range in a column: %lld", (long long)v);
  }
  return PQ_OK;
}

int pq_typed_widen(pq_arena *arena, pq_index_type stored, pq_column *c) {
  void *values;
  if (!is_narrow(stored, c->phys)) return PQ_OK;
  c->phys = stored == PQ_INDEX_FLOAT ? PQ_PHYS_DOUBLE : PQ_PHYS_INT64;
  if (c->dictionary != NULL) {
    pq_dictionary *d = pq_arena_alloc(arena, sizeof *d);
    if (d == NULL) return arena->cx->code;
    d->count = c->dictionary->count;
    PQ_TRY(widen_values(arena, stored, c->dictionary->values, d->count, &d->values));
    c->dictionary = d;
    return PQ_OK;
  }
  PQ_TRY(widen_values(arena, stored, c->v.any, c->row_count, &values));
  c->v.any = values;
  return PQ_OK;
}

pq_slice pq_typed_bound(pq_index_type stored, pq_slice plain, uint8_t room[8]) {
  int64_t us = 0;
  uint32_t bits;
  float narrow;
  double wide;
  if (stored == PQ_INDEX_DECIMAL && plain.n != 4) return plain;
  if (stored != PQ_INDEX_DECIMAL && pq_typed_seen(stored) == stored) return plain;
  if (plain.n != (stored == PQ_INDEX_TIMESTAMP_MS ? 8u : 4u)) return (pq_slice){0};
  if (stored == PQ_INDEX_FLOAT) {
    bits = pq_rd32(plain.p);
    memcpy(&narrow, &bits, sizeof narrow);
    wide = (double)narrow;
    memcpy(&us, &wide, sizeof us);
  } else {
    int64_t v = plain.n == 4 ? (int32_t)pq_rd32(plain.p) : (int64_t)pq_rd64(plain.p);
    if (!widen_integer(stored, v, &us)) return (pq_slice){0};
  }
  pq_wr64(room, (uint64_t)us);
  return (pq_slice){room, sizeof us};
}

/* ---- cells ---- */

bool pq_typed_is_like(pq_value v, pq_index_type type) {
  pq_binary binary;
  pq_cell cell;
  double d;
  switch (type) {
    case PQ_INDEX_FLOAT:
      if (!pq_value_number(v, &d)) return false;
      return pq_value_compare(pq_cell_double(&cell, (double)(float)d), v) == 0;
    case PQ_INDEX_DATE:
    case PQ_INDEX_TIMESTAMP_MS: return pq_value_type(v) == PQ_TYPE_DATE;
    case PQ_INDEX_UUID: return pq_value_type(v) == PQ_TYPE_BINARY;
    case PQ_INDEX_BINARY: return pq_value_any_binary(v, &binary) && binary.subtype == 0;
    default: return true;
  }
}

static const uint8_t meta_empty[] = {0x01, 0x00, 0x00};

pq_value pq_cell_decimal(pq_cell *cell, int64_t digits, uint8_t scale) {
  cell->bytes[0] = PQ_PRIM_DECIMAL8 << 2;
  cell->bytes[1] = scale;
  pq_wr64(cell->bytes + 2, (uint64_t)digits);
  return (pq_value){meta_empty, cell->bytes, sizeof meta_empty, 10};
}

pq_value pq_cell_wide_decimal(pq_cell *cell, pq_slice digits, uint8_t scale) {
  if (digits.n != WIDE_LEN) return (pq_value){0};
  cell->bytes[0] = PQ_PRIM_DECIMAL16 << 2;
  cell->bytes[1] = scale;
  for (size_t i = 0; i < WIDE_LEN; i++)
    cell->bytes[2 + i] = digits.p[WIDE_LEN - 1 - i];
  return (pq_value){meta_empty, cell->bytes, sizeof meta_empty, 2 + WIDE_LEN};
}

pq_value pq_cell_uuid(pq_cell *cell, pq_slice bytes) {
  if (bytes.n != UUID_LEN) return (pq_value){0};
  cell->bytes[0] = PQ_PRIM_UUID << 2;
  memcpy(cell->bytes + 1, bytes.p, UUID_LEN);
  return (pq_value){meta_empty, cell->bytes, sizeof meta_empty, 1 + UUID_LEN};
}

int pq_cell_binary(pq_arena *arena, pq_slice bytes, pq_cell *cell, pq_value *out) {
  uint8_t *p = cell->bytes;
  *out = (pq_value){0};
  if (bytes.n > UINT32_MAX - 5)
    return pq_fail(arena->cx, PQ_ELIMIT, "binary data of %zu bytes", bytes.n);
  if (bytes.n + 5 > PQ_CELL_CAP) p = pq_arena_alloc(arena, bytes.n + 5);
  if (p == NULL) return arena->cx->code;
  p[0] = PQ_PRIM_BINARY << 2;
  pq_wr32(p + 1, (uint32_t)bytes.n);
  if (bytes.n > 0) memcpy(p + 5, bytes.p, bytes.n);
  *out = (pq_value){meta_empty, p, sizeof meta_empty, (uint32_t)bytes.n + 5};
  return PQ_OK;
}

int pq_typed_cell(pq_arena *arena, pq_value v, pq_index_type type, pq_typed_room *room,
                  pq_column *c, bool *is_there) {
  *room = (pq_typed_room){0};
  *c = (pq_column){.phys = pq_index_phys(type), .row_count = 1, .v.any = room};
  *is_there = pq_typed_fits(v, type);
  return *is_there ? pq_typed_set(arena, v, type, c, 0) : PQ_OK;
}

pq_slice pq_typed_plain(const pq_column *c) {
  switch (c->phys) {
    case PQ_PHYS_INT32:
    case PQ_PHYS_FLOAT: return (pq_slice){c->v.any, 4};
    case PQ_PHYS_INT64: return (pq_slice){c->v.any, 8};
    default: return c->v.bytes[0];
  }
}
