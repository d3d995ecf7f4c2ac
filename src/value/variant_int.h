/* value/variant_int.h - what the files of this module share: the walk in document order, the keys
 * of Extended JSON, numbers of any type, base64.
 */
#ifndef PQ_VALUE_VARIANT_INT_H
#define PQ_VALUE_VARIANT_INT_H

#include "value/variant_raw.h"

/* Stored objects may nest this much deeper than limits.depth_max: an extended type takes up to
 * three levels ({"$dbPointer": {"$id": {"$oid": …}}}), $literal one. */
enum { PQ_DEPTH_SLACK = 4 };

/* ---- the fields of an object in document order ----
 * Up to PQ_WALK_BATCH fields are sorted in the walk itself. Larger objects use the memory of
 * pq_walk_reserve(); without it (compare never allocates) each batch is picked by one more pass
 * over the offsets, which is quadratic: n * n / PQ_WALK_BATCH steps at worst. */
enum { PQ_WALK_BATCH = 64 };

typedef struct pq_walk {
  pq_container c;
  pq_names names;
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
/* The same as bytes, with the name's id; the name is pq_names_at(&w->names, id). */
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
