/* value/variant_int.h - what the files of this module share: containers taken apart, the walk in
 * document order, the keys of Extended JSON, numbers of any type, base64.
 */
#ifndef PQ_VALUE_VARIANT_INT_H
#define PQ_VALUE_VARIANT_INT_H

#include "value/variant.h"

/* Stored objects may nest this much deeper than limits.depth_max: an extended type takes up to
 * three levels ({"$dbPointer": {"$id": {"$oid": …}}}), $literal one. */
enum { PQ_DEPTH_SLACK = 4 };

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
typedef struct pq_dictionary {
  const uint8_t *offs;
  const uint8_t *names;
  uint32_t count;
  unsigned off_len;
} pq_dictionary;

pq_dictionary pq_dictionary_of(pq_value v);
static inline pq_slice pq_dictionary_name(const pq_dictionary *d, uint32_t id) {
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

/* ---- the fields of an object in document order ----
 * Up to PQ_WALK_BATCH fields are sorted in the walk itself. Larger objects use the memory of
 * pq_walk_reserve(); without it (compare never allocates) each batch is picked by one more pass
 * over the offsets, which is quadratic: n * n / PQ_WALK_BATCH steps at worst. */
enum { PQ_WALK_BATCH = 64 };

typedef struct pq_walk {
  pq_container c;
  pq_dictionary names;
  uint64_t batch[PQ_WALK_BATCH]; /* offset << 32 | storage index, ascending */
  uint64_t *order;               /* batch, or memory of pq_walk_reserve (owned) */
  uint32_t count, at;            /* of the batch */
  uint32_t done_count;
  uint64_t floor; /* entries below are done */
} pq_walk;

/* Fails only by being empty, when `v` is no raw object. Without reserve nothing to release. */
void pq_walk_init(pq_walk *w, pq_value v);
int pq_walk_reserve(pq_walk *w, pq_cx *cx) PQ_MUST_CHECK;
void pq_walk_release(pq_walk *w, pq_cx *cx);
bool pq_walk_next(pq_walk *w, pq_field *out);
/* The same as bytes, with the name's id; the name is pq_dictionary_name(&w->names, id). */
bool pq_walk_bytes(pq_walk *w, uint32_t *id, pq_slice *value);

/* Heap sort by a "comes before" function; no memory, O(n log n). */
typedef bool (*pq_before_fn)(const void *ud, uint64_t a, uint64_t b);
void pq_sort_u64(uint64_t *a, size_t n, pq_before_fn before, const void *ud);

/* ---- keys of Extended JSON ---- */
typedef enum pq_extended {
  PQ_EXTENDED_NONE = 0,
  PQ_EXTENDED_OID,
  PQ_EXTENDED_NUMBER_INT,
  PQ_EXTENDED_NUMBER_LONG,
  PQ_EXTENDED_NUMBER_DOUBLE,
  PQ_EXTENDED_NUMBER_DECIMAL,
  PQ_EXTENDED_DATE,
  PQ_EXTENDED_UUID,
  PQ_EXTENDED_BINARY,
  PQ_EXTENDED_TIMESTAMP,
  PQ_EXTENDED_REGEX,
  PQ_EXTENDED_CODE,
  PQ_EXTENDED_SYMBOL,
  PQ_EXTENDED_MIN_KEY,
  PQ_EXTENDED_MAX_KEY,
  PQ_EXTENDED_UNDEFINED,
  PQ_EXTENDED_DB_POINTER
} pq_extended;

pq_extended pq_extended_key(pq_slice name);
/* The key of a raw object with one field, and the value of that field. */
pq_extended pq_extended_open(pq_value v, pq_value *inner);
/* {"$literal": {extended key: …}}: *inner is the object the user wrote. */
bool pq_literal_open(pq_value v, pq_value *inner);

/* ---- numbers: sign, 128-bit magnitude, power of ten ---- */
typedef enum pq_number_kind { PQ_NUMBER_FINITE, PQ_NUMBER_INFINITE, PQ_NUMBER_NAN } pq_number_kind;

typedef struct pq_number {
  pq_number_kind kind;
  bool is_negative;
  uint64_t hi, lo;
  int32_t exponent; /* of ten */
} pq_number;

enum { PQ_DECIMAL_DIGITS_MAX = 38, PQ_DECIMAL_CAP = 64 };

/* The text of a $numberDecimal. False when malformed, inexact in 38 digits or out of range. */
bool pq_number_parse(pq_slice text, pq_number *out);
/* False when it is not finite, is -0, or needs a scale outside 0..38 with at most 38 digits. */
bool pq_number_decimal(pq_number n, pq_decimal *out);
pq_number pq_decimal_number(pq_decimal d);
/* Both write at most PQ_DECIMAL_CAP bytes, no NUL, and return the length. The first is plain
 * ("-12.50"), the second scientific ("1.25E+100", "NaN", "-Infinity"). */
size_t pq_decimal_print(pq_decimal d, char out[PQ_DECIMAL_CAP]);
size_t pq_number_print(pq_number n, char out[PQ_DECIMAL_CAP]);
/* A DECIMAL value of either storage form. */
bool pq_value_decimal_number(pq_value v, pq_number *out);
double pq_number_double(pq_number n);
/* Decimal digits of the magnitude; 0 for zero. */
int pq_number_digits(pq_number n);
/* *hi:*lo = *hi:*lo * factor + add; false on overflow. */
bool pq_mul_u128(uint64_t *hi, uint64_t *lo, uint32_t factor, uint32_t add);
/* *hi:*lo /= divisor, returns the remainder. */
uint32_t pq_div_u128(uint64_t *hi, uint64_t *lo, uint32_t divisor);
/* A whole number of 64 bits from text: '-' and digits only. */
bool pq_i64_parse(pq_slice text, int64_t *out);

/* Milliseconds since 1970 rounded down, and the microseconds (0..999) after them. DATE only. */
bool pq_value_date_parts(pq_value v, int64_t *ms, int *us);

/* Binary data of any storage form. */
typedef struct pq_binary {
  pq_slice bytes;  /* of Variant binary and uuid */
  pq_slice base64; /* else the text */
  size_t len;
  uint8_t subtype;
} pq_binary;
bool pq_value_any_binary(pq_value v, pq_binary *out);
uint8_t pq_binary_at(const pq_binary *b, size_t i);

/* ---- base64 with padding, RFC 4648 section 4 ---- */
bool pq_base64_len(pq_slice text, size_t *len);     /* validates, bytes when decoded */
uint8_t pq_base64_at(pq_slice text, size_t i);      /* i-th decoded byte of a valid text */
size_t pq_base64_encode(pq_slice in, uint8_t *out); /* writes (n + 2) / 3 * 4 bytes */

/* Value of a hexadecimal digit, -1 when it is none. */
int pq_hex_digit(uint8_t c);
/* "8-4-4-4-12" hexadecimal digits. */
bool pq_uuid_parse(pq_slice text, uint8_t out[16]);

#endif
