/* shred/leaf_cell.c - one value into one slot of a column of any of our types. See field_tree.h.
 *
 * A decimal is its digits as a whole number: 19.99 of decimal(10,2) is 1999. Up to 9 digits are an
 * INT32, up to 18 an INT64, more 16 bytes, big-endian two's complement (parquet-format:
 * LogicalTypes.md, "DECIMAL").
 */
#include "shred/field_tree.h"
#include "value/decimal.h"

enum { UUID_LEN = 16, DECIMAL_LEN = 16, INT32_DIGITS = 9, INT64_DIGITS = 18 };

static pq_phys phys_of(const pq_index_column *c) {
  if (c->type != PQ_INDEX_DECIMAL) return pq_index_phys(c->type);
  if (c->precision <= INT32_DIGITS) return PQ_PHYS_INT32;
  return c->precision <= INT64_DIGITS ? PQ_PHYS_INT64 : PQ_PHYS_FIXED;
}

static pq_note note_of(const pq_index_column *c) {
  switch (c->type) {
    case PQ_INDEX_STRING:
    case PQ_INDEX_OBJECT_ID: return (pq_note){.kind = PQ_NOTE_TEXT};
    case PQ_INDEX_DATE: return (pq_note){.kind = PQ_NOTE_DATE};
    case PQ_INDEX_UUID: return (pq_note){.kind = PQ_NOTE_UUID};
    case PQ_INDEX_TIMESTAMP_MS:
      return (pq_note){.kind = PQ_NOTE_TIMESTAMP, .digits = 3, .is_utc = true};
    case PQ_INDEX_TIMESTAMP:
      return (pq_note){.kind = PQ_NOTE_TIMESTAMP, .digits = 6, .is_utc = true};
    case PQ_INDEX_DECIMAL:
      return (pq_note){.kind = PQ_NOTE_DECIMAL, .precision = c->precision, .scale = c->scale};
    default: return (pq_note){.kind = PQ_NOTE_NONE};
  }
}

pq_node_spec pq_leaf_node(const pq_index_column *c) {
  pq_phys phys = phys_of(c);
  return (pq_node_spec){.repetition = PQ_OPTIONAL,
                        .note = note_of(c),
                        .field_id = c->field_id,
                        .phys = phys,
                        .type_len = phys == PQ_PHYS_FIXED ? UUID_LEN : 0,
                        .has_bloom = c->has_bloom,
                        .has_stats = true};
}

/* ---- decimals ---- */

/* The digits of an integer or decimal at the column's scale; false where they do not fit. Doubles
 * never do: none of them is 19.99. */
static bool digits_of(pq_value v, const pq_index_column *c, pq_number *out) {
  int32_t exponent = -(int32_t)c->scale;
  int64_t whole;
  if (pq_value_i64(v, &whole))
    *out = pq_number_of_i64(whole);
  else if (pq_value_type(v) != PQ_TYPE_DECIMAL || !pq_value_decimal_number(v, out))
    return false;
  if (out->kind != PQ_NUMBER_FINITE) return false;
  if (pq_number_is_zero(*out)) out->exponent = exponent;
  for (; out->exponent > exponent; out->exponent--)
    if (!pq_mul_u128(&out->hi, &out->lo, 10, 0)) return false;
  for (; out->exponent < exponent; out->exponent++)
    if (pq_div_u128(&out->hi, &out->lo, 10) != 0) return false;
  return pq_number_digits(*out) <= c->precision;
}

static int set_decimal(pq_arena *arena, pq_value v, const pq_index_column *c, pq_column *column,
                       uint32_t slot) {
  pq_number n = {0};
  uint8_t *bytes;
  bool is_there = digits_of(v, c, &n);
  pq_assert(is_there);
  if (n.is_negative) {
    n.lo = ~n.lo + 1;
    n.hi = ~n.hi + (n.lo == 0);
  }
  switch (phys_of(c)) {
    case PQ_PHYS_INT32: column->v.i32[slot] = (int32_t)(int64_t)n.lo; return PQ_OK;
    case PQ_PHYS_INT64: column->v.i64[slot] = (int64_t)n.lo; return PQ_OK;
    default: break;
  }
  bytes = pq_arena_alloc(arena, DECIMAL_LEN);
  if (bytes == NULL) return arena->cx->code;
  for (unsigned i = 0; i < 8; i++) {
    bytes[i] = (uint8_t)(n.hi >> (56 - 8 * i));
    bytes[8 + i] = (uint8_t)(n.lo >> (56 - 8 * i));
  }
  column->v.bytes[slot] = (pq_slice){bytes, DECIMAL_LEN};
  return PQ_OK;
}

/* ---- all types ---- */

bool pq_leaf_fits(pq_value v, const pq_index_column *c) {
  pq_number n;
  if (c->type == PQ_INDEX_DECIMAL) return digits_of(v, c, &n);
  return pq_index_fit(v, c->type).found == PQ_FOUND_VALUE;
}

int pq_leaf_set(pq_arena *arena, pq_value v, const pq_index_column *c, pq_column *column,
                uint32_t slot) {
  bool flag = false;
  switch (c->type) {
    case PQ_INDEX_INT64: (void)pq_value_i64(v, &column->v.i64[slot]); return PQ_OK;
    case PQ_INDEX_DOUBLE: (void)pq_value_number(v, &column->v.f64[slot]); return PQ_OK;
    case PQ_INDEX_TIMESTAMP: (void)pq_value_date_us(v, &column->v.i64[slot]); return PQ_OK;
    case PQ_INDEX_STRING: (void)pq_value_string(v, &column->v.bytes[slot]); return PQ_OK;
    case PQ_INDEX_OBJECT_ID: (void)pq_value_object_id(v, &column->v.bytes[slot]); return PQ_OK;
    case PQ_INDEX_BOOL:
      (void)pq_value_bool(v, &flag);
      column->v.b[slot] = flag;
      return PQ_OK;
    case PQ_INDEX_DECIMAL: return set_decimal(arena, v, c, column, slot);
    default: return pq_typed_set(arena, v, c->type, column, slot);
  }
}
