/* expr/expression_convert_bytes.c - $convert between numbers and binary data.
 *
 *   byteOrder "little" (default)    int 1  <-> 01 00 00 00      "big"    00 00 00 01
 *
 *   to binary:   int 4 bytes, long 8, double 8 (IEEE 754)
 *   to int:      1, 2 or 4 bytes;  to long: 8 too;  to double: 4 (a float) or 8
 */
#include <string.h>

#include "expr/conversion_int.h"

/* The place of byte `i` of `len`, the least first. */
static size_t place(const pq_conversion *c, size_t i, size_t len) {
  return c->is_big_endian ? len - 1 - i : i;
}

int pq_convert_number_to_bytes(pq_conversion *c, pq_value *out) {
  pq_type type = pq_value_type(c->input);
  uint8_t bytes[sizeof(uint64_t)];
  size_t len = type == PQ_TYPE_INT32 ? sizeof(uint32_t) : sizeof(uint64_t);
  uint64_t bits = 0;
  int64_t whole = 0;
  double real = 0;
  if (c->is_short || c->format != PQ_FORMAT_NONE) /* a format is for text */
    return pq_convert_fail(c, PQ_CONVERT_NEVER);
  if (type == PQ_TYPE_DOUBLE) {
    (void)pq_value_number(c->input, &real);
    memcpy(&bits, &real, sizeof bits);
  } else {
    (void)pq_value_i64(c->input, &whole);
    bits = (uint64_t)whole;
  }
  for (size_t i = 0; i < len; i++)
    bytes[place(c, i, len)] = (uint8_t)(bits >> (8 * i));
  pq_builder_clear(c->s->builder);
  PQ_TRY(pq_builder_any_binary(c->s->builder, (pq_slice){bytes, len}, c->subtype));
  return pq_builder_finish(c->s->builder, c->s->arena, out);
}

static double real_of(uint64_t bits, size_t len) {
  uint32_t half = (uint32_t)bits;
  float single;
  double real;
  if (len == sizeof half) {
    memcpy(&single, &half, sizeof single);
    return (double)single;
  }
  memcpy(&real, &bits, sizeof real);
  return real;
}

/* Two's complement of `len` bytes. */
static int64_t whole_of(uint64_t bits, size_t len) {
  uint64_t sign = (uint64_t)1 << (8 * len - 1);
  int64_t whole;
  bits = (bits ^ sign) - sign;
  memcpy(&whole, &bits, sizeof whole);
  return whole;
}

int pq_convert_bytes_to_number(pq_conversion *c, pq_value *out) {
  pq_binary b;
  uint64_t bits = 0;
  bool fits;
  if (c->is_short || !pq_value_any_binary(c->input, &b))
    return pq_convert_fail(c, PQ_CONVERT_NEVER);
  fits = b.len == 4 || (b.len == 8 && c->to != PQ_TYPE_INT32) ||
         ((b.len == 1 || b.len == 2) && c->to != PQ_TYPE_DOUBLE);
  if (!fits)
    return pq_convert_fail(c, c->to == PQ_TYPE_INT32   ? "it needs 1, 2 or 4 bytes"
                              : c->to == PQ_TYPE_INT64 ? "it needs 1, 2, 4 or 8 bytes"
                                                       : "it needs 4 or 8 bytes");
  for (size_t i = 0; i < b.len; i++)
    bits |= (uint64_t)pq_binary_at(&b, place(c, i, b.len)) << (8 * i);
  if (c->to == PQ_TYPE_DOUBLE) return pq_make_double(c->s, real_of(bits, b.len), out);
  if (c->to == PQ_TYPE_INT64) return pq_make_i64(c->s, whole_of(bits, b.len), out);
  return pq_make_i32(c->s, (int32_t)whole_of(bits, b.len), out);
}
