/* value/variant_raw.h - Variant bytes taken apart and put together, byte by byte: for whoever deals
 * with the format itself (shredding), not with documents.
 *
 *     object:  head | n | ids n, by name | offsets n+1 | values
 *     array:   head | n | offsets n+1 | values
 *
 * Here types are the format's (int8 is not int16), and a {"$oid": …} is an object like others.
 * Functions that say so are safe on any bytes; the others want a value that was checked.
 */
#ifndef PQ_VALUE_VARIANT_RAW_H
#define PQ_VALUE_VARIANT_RAW_H

#include "value/variant.h"

/* parquet-format: VariantEncoding.md, "Value Data for Primitive Type". */
enum { PQ_BASIC_PRIMITIVE = 0, PQ_BASIC_SHORT = 1, PQ_BASIC_OBJECT = 2, PQ_BASIC_ARRAY = 3 };
enum {
  PQ_PRIM_NULL = 0,
  PQ_PRIM_TRUE,
  PQ_PRIM_FALSE,
  PQ_PRIM_INT8,
  PQ_PRIM_INT16,
  PQ_PRIM_INT32,
  PQ_PRIM_INT64,
  PQ_PRIM_DOUBLE,
  PQ_PRIM_DECIMAL4,
  PQ_PRIM_DECIMAL8,
  PQ_PRIM_DECIMAL16,
  PQ_PRIM_DATE,
  PQ_PRIM_TIMESTAMP,
  PQ_PRIM_TIMESTAMP_NTZ,
  PQ_PRIM_FLOAT,
  PQ_PRIM_BINARY,
  PQ_PRIM_STRING,
  PQ_PRIM_TIME,
  PQ_PRIM_TIMESTAMP_NS,
  PQ_PRIM_TIMESTAMP_NTZ_NS,
  PQ_PRIM_UUID,
  PQ_PRIM_COUNT
};

/* The primitive id of a value, -1 when it is none. */
static inline int pq_primitive_id(pq_value v) {
  return v.p == NULL || (v.p[0] & 3) != PQ_BASIC_PRIMITIVE ? -1 : v.p[0] >> 2;
}
/* pq_rdn for the usual widths without a loop. */
static inline uint32_t pq_rd_uint(const uint8_t *p, unsigned n) {
  if (n == 1) return p[0];
  if (n == 2) return pq_rd16(p);
  return n == 3 ? (uint32_t)(pq_rd16(p) | (uint32_t)p[2] << 16) : pq_rd32(p);
}

/* Bytes of the value that starts at `p`, from its header alone; false when it needs more than
 * `left` bytes or its type is unknown. Safe on any bytes. */
bool pq_value_size(const uint8_t *p, size_t left, size_t *out);

/* Bytes of a primitive with its header; 0: a u32 length follows. */
extern const uint8_t pq_primitive_len[PQ_PRIM_COUNT];

/* pq_value_size, the common types without a call. */
static inline bool pq_value_size_at(const uint8_t *p, size_t left, size_t *out) {
  unsigned head = left == 0 ? PQ_BASIC_ARRAY : p[0], id = head >> 2;
  *out = 0;
  if ((head & 3) == PQ_BASIC_SHORT)
    *out = 1 + (size_t)id;
  else if ((head & 3) == PQ_BASIC_PRIMITIVE && id < PQ_PRIM_COUNT)
    *out = pq_primitive_len[id];
  return *out != 0 ? *out <= left : pq_value_size(p, left, out);
}

/* ---- dictionary and containers of a checked value ---- */
typedef struct pq_names {
  const uint8_t *offs;
  const uint8_t *names;
  uint32_t count;
  unsigned off_len;
} pq_names;

/* Validate a dictionary. PQ_ECORRUPT. */
int pq_meta_check(pq_cx *cx, pq_slice meta) PQ_MUST_CHECK;
/* pq_value_check for a value whose dictionary, below 4 GB, was checked, and which is to stand
 * inside of `depth` containers. */
int pq_value_check_part(pq_cx *cx, pq_slice meta, pq_slice bytes, uint32_t depth,
                        pq_value *out) PQ_MUST_CHECK;
pq_names pq_names_of(pq_value v);
static inline pq_slice pq_names_at(const pq_names *d, uint32_t id) {
  uint32_t from = pq_rd_uint(d->offs + (size_t)id * d->off_len, d->off_len);
  uint32_t to = pq_rd_uint(d->offs + ((size_t)id + 1) * d->off_len, d->off_len);
  return (pq_slice){d->names + from, to - from};
}

typedef struct pq_container {
  pq_value self;
  const uint8_t *ids; /* NULL in an array */
  const uint8_t *offs;
  const uint8_t *values;
  uint32_t count;
  uint32_t values_len;
  unsigned id_len, off_len;
} pq_container;

/* False when `v` is no container. */
bool pq_container_open(pq_value v, pq_container *out);
static inline uint32_t pq_container_id(const pq_container *c, uint32_t i) {
  return pq_rd_uint(c->ids + (size_t)i * c->id_len, c->id_len);
}
static inline uint32_t pq_container_off(const pq_container *c, uint32_t i) {
  return pq_rd_uint(c->offs + (size_t)i * c->off_len, c->off_len);
}
/* The bytes of the i-th in storage order; empty when it lies outside. (Hot loops pass these 16
 * bytes, which travel in registers, instead of a pq_value.) */
static inline pq_slice pq_container_bytes(const pq_container *c, uint32_t i) {
  uint32_t off = pq_container_off(c, i);
  size_t len;
  if (off > c->values_len || !pq_value_size_at(c->values + off, c->values_len - off, &len))
    return (pq_slice){0};
  return (pq_slice){c->values + off, len};
}
static inline pq_value pq_container_value(const pq_container *c, uint32_t i) {
  pq_slice s = pq_container_bytes(c, i);
  return s.p == NULL ? (pq_value){0}
                     : (pq_value){c->self.meta, s.p, c->self.meta_len, (uint32_t)s.n};
}

/* ---- putting together ---- */

/* A string of at most so many bytes has its length in the header. */
enum { PQ_SHORT_STRING_MAX = 63 };

/* Bytes that hold `v`, 1..4. */
static inline unsigned pq_uint_width(uint32_t v) {
  return v < 1u << 8 ? 1 : v < 1u << 16 ? 2 : v < 1u << 24 ? 3 : 4;
}
/* Write `v` in `len` bytes, little-endian; the byte after them. */
static inline uint8_t *pq_put_uint(uint8_t *p, uint32_t v, unsigned len) {
  p[0] = (uint8_t)v;
  if (len == 1) return p + 1;
  for (unsigned i = 1; i < len; i++)
    p[i] = (uint8_t)(v >> (8 * i));
  return p + len;
}

/* The narrowest header for `count` values of `values_len` bytes; `id_max` counts in objects. */
typedef struct pq_container_form {
  bool is_object, is_large;
  unsigned id_len, off_len;
  size_t header_len; /* everything before the values */
} pq_container_form;

static inline pq_container_form pq_container_form_of(bool is_object, uint32_t count,
                                                     uint32_t id_max, uint32_t values_len) {
  pq_container_form f = {.is_object = is_object, .is_large = count > UINT8_MAX};
  f.id_len = is_object ? pq_uint_width(id_max) : 0;
  f.off_len = pq_uint_width(values_len);
  f.header_len =
      1 + (f.is_large ? 4u : 1u) + (size_t)count * f.id_len + ((size_t)count + 1) * f.off_len;
  return f;
}
/* Write head and count; ids and offsets follow at the returned place. */
static inline uint8_t *pq_container_begin(uint8_t *p, pq_container_form f, uint32_t count) {
  if (f.is_object)
    *p++ = (uint8_t)(PQ_BASIC_OBJECT | (f.off_len - 1) << 2 | (f.id_len - 1) << 4 |
                     (unsigned)f.is_large << 6);
  else
    *p++ = (uint8_t)(PQ_BASIC_ARRAY | (f.off_len - 1) << 2 | (unsigned)f.is_large << 4);
  return pq_put_uint(p, count, f.is_large ? 4 : 1);
}

#endif
