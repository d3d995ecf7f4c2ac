/* shred/index_column.c - see index_column.h. */
#include "shred/index_column.h"

#include <string.h>

pq_index_type pq_index_type_of(pq_value v) {
  switch (pq_value_type(v)) {
    case PQ_TYPE_INT32:
    case PQ_TYPE_INT64: return PQ_INDEX_INT64;
    case PQ_TYPE_DOUBLE: return PQ_INDEX_DOUBLE;
    case PQ_TYPE_STRING: return PQ_INDEX_STRING;
    case PQ_TYPE_BOOL: return PQ_INDEX_BOOL;
    case PQ_TYPE_DATE: return PQ_INDEX_TIMESTAMP;
    case PQ_TYPE_OBJECT_ID: return PQ_INDEX_OBJECT_ID;
    default: return 0;
  }
}

bool pq_index_is_system(pq_slice name) {
  static const char *const system[] = {"name",      "version",   "createdAt", "createdBy",
                                       "updatedAt", "updatedBy", "deletedAt", "deletedBy"};
  for (size_t i = 0; i < sizeof system / sizeof *system; i++)
    if (pq_slice_is(name, system[i])) return true;
  return false;
}

/* An integer that a double holds exactly. */
static bool is_exact_double(int64_t v) {
  return v >= -((int64_t)1 << 53) && v <= ((int64_t)1 << 53);
}

pq_index_hit pq_index_fit(pq_value v, pq_index_type type) {
  pq_index_type has;
  int64_t i;
  if (pq_value_type(v) == PQ_TYPE_NULL) return (pq_index_hit){.found = PQ_FOUND_NULL};
  if (!pq_index_is_plain(type) && pq_typed_fits(v, type)) return (pq_index_hit){PQ_FOUND_VALUE, v};
  has = pq_index_type_of(v);
  if (has == PQ_INDEX_INT64 && type == PQ_INDEX_DOUBLE && pq_value_i64(v, &i) && is_exact_double(i))
    has = PQ_INDEX_DOUBLE;
  if (has != type) return (pq_index_hit){.found = PQ_FOUND_OTHER};
  return (pq_index_hit){PQ_FOUND_VALUE, v};
}

/* ---- cells: Variant scalars made on the spot (parquet-format: VariantEncoding.md) ---- */

static const uint8_t meta_empty[] = {0x01, 0x00, 0x00};
static const uint8_t meta_oid[] = {0x11, 0x01, 0x00, 0x04, '$', 'o', 'i', 'd'};

enum {
  HEAD_TRUE = 1 << 2,
  HEAD_FALSE = 2 << 2,
  HEAD_INT32 = 5 << 2,
  HEAD_INT64 = 6 << 2,
  HEAD_DOUBLE = 7 << 2,
  HEAD_TIMESTAMP = 12 << 2,
  HEAD_BINARY = 15 << 2,
  HEAD_STRING = 16 << 2,
  HEAD_UUID = 20 << 2,
  SHORT_LEN_MAX = 63,
  OID_LEN = 24
};

static pq_value scalar(const uint8_t *p, size_t len) {
  return (pq_value){
      .meta = meta_empty, .meta_len = sizeof meta_empty, .p = p, .len = (uint32_t)len};
}

static pq_value cell_word(pq_cell *cell, uint8_t head, uint64_t word) {
  cell->bytes[0] = head;
  pq_wr64(cell->bytes + 1, word);
  return scalar(cell->bytes, 9);
}

static pq_value cell_bool(pq_cell *cell, bool v) {
  cell->bytes[0] = v ? HEAD_TRUE : HEAD_FALSE;
  return scalar(cell->bytes, 1);
}

pq_value pq_cell_i64(pq_cell *cell, int64_t v) {
  return cell_word(cell, HEAD_INT64, (uint64_t)v);
}

pq_value pq_cell_double(pq_cell *cell, double v) {
  uint64_t bits;
  memcpy(&bits, &v, sizeof bits);
  return cell_word(cell, HEAD_DOUBLE, bits);
}

pq_value pq_cell_date(pq_cell *cell, int64_t us) {
  return cell_word(cell, HEAD_TIMESTAMP, (uint64_t)us);
}

int pq_cell_string(pq_arena *arena, pq_slice text, pq_cell *cell, pq_value *out) {
  uint8_t *p = cell->bytes;
  *out = (pq_value){0};
  if (text.n <= SHORT_LEN_MAX) {
    p[0] = (uint8_t)(text.n << 2 | 1);
    if (text.n > 0) memcpy(p + 1, text.p, text.n);
    *out = scalar(p, text.n + 1);
    return PQ_OK;
  }
  if (text.n > UINT32_MAX - 5) return pq_fail(arena->cx, PQ_ELIMIT, "text of %zu bytes", text.n);
  if (text.n + 5 > PQ_CELL_CAP) p = pq_arena_alloc(arena, text.n + 5);
  if (p == NULL) return arena->cx->code;
  p[0] = HEAD_STRING;
  pq_wr32(p + 1, (uint32_t)text.n);
  memcpy(p + 5, text.p, text.n);
  *out = scalar(p, text.n + 5);
  return PQ_OK;
}

static pq_value cell_oid(pq_cell *cell, pq_slice hex) {
  static const uint8_t head[] = {0x02, 0x01, 0x00, 0x00, OID_LEN + 1, OID_LEN << 2 | 1};
  if (hex.n != OID_LEN) return (pq_value){0};
  memcpy(cell->bytes, head, sizeof head);
  memcpy(cell->bytes + sizeof head, hex.p, OID_LEN);
  return (pq_value){.meta = meta_oid,
                    .meta_len = sizeof meta_oid,
                    .p = cell->bytes,
                    .len = sizeof head + OID_LEN};
}

int pq_index_value(pq_arena *arena, const pq_column *column, uint32_t row, pq_index_type type,
                   pq_cell *cell, pq_value *out) {
  *out = (pq_value){0};
  if (pq_column_is_null(column, row)) return PQ_OK;
  switch (type) {
    case PQ_INDEX_INT64: *out = pq_cell_i64(cell, column->v.i64[row]); break;
    case PQ_INDEX_DOUBLE: *out = pq_cell_double(cell, column->v.f64[row]); break;
    case PQ_INDEX_BOOL: *out = cell_bool(cell, column->v.b[row] != 0); break;
    case PQ_INDEX_TIMESTAMP:
      *out = cell_word(cell, HEAD_TIMESTAMP, (uint64_t)column->v.i64[row]);
      break;
    case PQ_INDEX_STRING: return pq_cell_string(arena, column->v.bytes[row], cell, out);
    case PQ_INDEX_OBJECT_ID: *out = cell_oid(cell, column->v.bytes[row]); break;
    case PQ_INDEX_UUID: *out = pq_cell_uuid(cell, column->v.bytes[row]); break;
    case PQ_INDEX_BINARY: return pq_cell_binary(arena, column->v.bytes[row], cell, out);
    default: pq_unreachable("index type");
  }
  return PQ_OK;
}

int pq_index_bound(pq_arena *arena, pq_slice plain, pq_index_type type, pq_cell *cell,
                   pq_value *out) {
  *out = (pq_value){0};
  switch (type) {
    case PQ_INDEX_STRING: return pq_cell_string(arena, plain, cell, out);
    case PQ_INDEX_OBJECT_ID: *out = cell_oid(cell, plain); break;
    case PQ_INDEX_UUID: *out = pq_cell_uuid(cell, plain); break;
    case PQ_INDEX_BINARY: return pq_cell_binary(arena, plain, cell, out);
    case PQ_INDEX_BOOL:
      if (plain.n == 1) *out = cell_bool(cell, plain.p[0] != 0);
      break;
    case PQ_INDEX_INT64:
      if (plain.n == 8) *out = cell_word(cell, HEAD_INT64, pq_rd64(plain.p));
      break;
    case PQ_INDEX_DOUBLE:
      if (plain.n == 8) *out = cell_word(cell, HEAD_DOUBLE, pq_rd64(plain.p));
      break;
    case PQ_INDEX_TIMESTAMP:
      if (plain.n == 8) *out = cell_word(cell, HEAD_TIMESTAMP, pq_rd64(plain.p));
      break;
    default: pq_unreachable("index type");
  }
  return PQ_OK;
}

void pq_index_narrow(pq_cell *cell, pq_index_type type, pq_value *v) {
  int64_t i;
  if (type != PQ_INDEX_INT64 || !pq_value_i64(*v, &i) || i != (int32_t)i) return;
  cell->bytes[0] = HEAD_INT32;
  pq_wr32(cell->bytes + 1, (uint32_t)(int32_t)i);
  *v = scalar(cell->bytes, 5);
}

bool pq_index_is_kept(pq_value v, pq_index_type type) {
  pq_type t = pq_value_type(v);
  int64_t i;
  switch (type) {
    case PQ_INDEX_INT64:
      if (t == PQ_TYPE_INT32) return true;
      return v.p[0] == HEAD_INT64 && pq_value_i64(v, &i) && i != (int32_t)i;
    case PQ_INDEX_FLOAT:
    case PQ_INDEX_DOUBLE: return v.p[0] == HEAD_DOUBLE;
    case PQ_INDEX_DATE:
    case PQ_INDEX_TIMESTAMP_MS:
    case PQ_INDEX_TIMESTAMP: return v.p[0] == HEAD_TIMESTAMP;
    case PQ_INDEX_UUID: return v.p[0] == HEAD_UUID;
    case PQ_INDEX_DECIMAL: return false; /* 1 and 1.00 have one cell */
    case PQ_INDEX_BINARY: return v.p[0] == HEAD_BINARY;
    case PQ_INDEX_STRING: return !pq_value_is_raw_object(v);
    default: return true;
  }
}
