/* parquet/footer_write_schema.c - SchemaElements of the nodes, with both kinds of annotation.
 *
 *   note ──► LogicalType         what the values are, in full
 *       └──► ConvertedType       the same for readers from before it, where it can be said: not
 *                                nanoseconds, UUID, FLOAT16, VARIANT, geometry
 *
 * A timestamp in local time gets the legacy annotation of one in UTC, as the format wants it.
 *
 * Source: parquet-format: parquet.thrift, LogicalTypes.md. Field numbers are those of the structs
 * named above each function.
 */
#include "parquet/footer_write_int.h"

enum { VARIANT_SPEC_VERSION = 1 };

/* ConvertedType. */
enum {
  CONVERTED_NONE = -1,
  UTF8 = 0,
  MAP = 1,
  LIST = 3,
  ENUM = 4,
  DECIMAL = 5,
  DATE = 6,
  TIME_MILLIS = 7,
  TIME_MICROS = 8,
  TIMESTAMP_MILLIS = 9,
  TIMESTAMP_MICROS = 10,
  UINT_8 = 11,
  INT_8 = 15,
  JSON = 19,
  BSON = 20,
  INTERVAL = 21
};

/* TimeType, TimestampType. */
static void put_time(pq_thrift_out *t, const pq_note *note) {
  pq_thrift_out_bool(t, 1, note->is_utc);
  pq_thrift_out_open(t, 2); /* TimeUnit: MILLIS, MICROS, NANOS */
  pq_thrift_out_open(t, note->digits / 3u);
  pq_thrift_out_close(t);
  pq_thrift_out_close(t);
}

/* LogicalType, a union. */
static void put_logical(pq_thrift_out *t, const pq_note *note) {
  uint8_t member = pq_note_member(note);
  if (member == 0) return;
  pq_thrift_out_open(t, 10);
  pq_thrift_out_open(t, member);
  switch (note->kind) {
    case PQ_NOTE_TIME:
    case PQ_NOTE_TIMESTAMP: put_time(t, note); break;
    case PQ_NOTE_DECIMAL:
      pq_thrift_out_i32(t, 1, note->scale);
      pq_thrift_out_i32(t, 2, note->precision);
      break;
    case PQ_NOTE_INTEGER:
      pq_thrift_out_i8(t, 1, (int8_t)note->bits);
      pq_thrift_out_bool(t, 2, !note->is_unsigned);
      break;
    case PQ_NOTE_VARIANT: pq_thrift_out_i8(t, 1, VARIANT_SPEC_VERSION); break;
    default: break;
  }
  pq_thrift_out_close(t);
  pq_thrift_out_close(t);
}

static int32_t converted_of_integer(const pq_note *note) {
  int32_t converted = note->is_unsigned ? UINT_8 : INT_8;
  for (unsigned bits = note->bits; bits > 8; bits /= 2)
    converted++;
  return converted;
}

static int32_t converted_of(const pq_note *note) {
  uint8_t member = pq_note_member(note);
  switch (note->kind) {
    case PQ_NOTE_TEXT: return member == PQ_MEMBER_ENUM ? ENUM : UTF8;
    case PQ_NOTE_JSON: return JSON;
    case PQ_NOTE_DATE: return DATE;
    case PQ_NOTE_TIME:
      return note->digits == 3 ? TIME_MILLIS : note->digits == 6 ? TIME_MICROS : CONVERTED_NONE;
    case PQ_NOTE_TIMESTAMP:
      if (note->digits == 9) return CONVERTED_NONE;
      return note->digits == 3 ? TIMESTAMP_MILLIS : TIMESTAMP_MICROS;
    case PQ_NOTE_INTEGER: return converted_of_integer(note);
    case PQ_NOTE_DECIMAL: return DECIMAL;
    case PQ_NOTE_INTERVAL: return INTERVAL;
    case PQ_NOTE_BYTES: return member == PQ_MEMBER_BSON ? BSON : CONVERTED_NONE;
    case PQ_NOTE_LIST: return LIST;
    case PQ_NOTE_MAP: return MAP;
    case PQ_NOTE_NONE:
    case PQ_NOTE_UUID:
    case PQ_NOTE_FLOAT16:
    case PQ_NOTE_VARIANT:
    case PQ_NOTE_OTHER: break;
  }
  return CONVERTED_NONE;
}

/* SchemaElement. */
static void put_node(pq_thrift_out *t, const pq_node_spec *n) {
  bool is_group = n->child_count > 0;
  int32_t converted = converted_of(&n->note);
  pq_thrift_out_item_open(t);
  if (!is_group) pq_thrift_out_i32(t, 1, (int32_t)n->phys);
  if (!is_group && n->phys == PQ_PHYS_FIXED) pq_thrift_out_i32(t, 2, (int32_t)n->type_len);
  pq_thrift_out_i32(t, 3, (int32_t)n->repetition);
  pq_thrift_out_binary(t, 4, pq_str(n->name));
  if (is_group) pq_thrift_out_i32(t, 5, (int32_t)n->child_count);
  if (converted != CONVERTED_NONE) pq_thrift_out_i32(t, 6, converted);
  if (n->note.kind == PQ_NOTE_DECIMAL) {
    pq_thrift_out_i32(t, 7, n->note.scale);
    pq_thrift_out_i32(t, 8, n->note.precision);
  }
  if (n->field_id >= 0) pq_thrift_out_i32(t, 9, n->field_id);
  put_logical(t, &n->note);
  pq_thrift_out_close(t);
}

void pq_footer_put_schema(pq_thrift_out *t, const pq_writer *w) {
  pq_thrift_out_list(t, 2, PQ_THRIFT_STRUCT, (size_t)w->node_count + 1);
  pq_thrift_out_item_open(t);
  pq_thrift_out_binary(t, 4, PQ_SLICE("schema"));
  pq_thrift_out_i32(t, 5, (int32_t)w->root_count);
  pq_thrift_out_close(t);
  for (uint32_t i = 0; i < w->node_count; i++)
    put_node(t, &w->nodes[i]);
}
