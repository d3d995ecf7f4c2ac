/* value/variant.h - documents as Parquet Variant bytes: reading.
 *
 * A value is two borrowed runs of bytes (parquet-format: VariantEncoding.md):
 *
 *   meta:  header | dictionary_size | offsets[n+1] | field name bytes
 *   value: header | ...            an object holds field ids, offsets and the field values
 *
 *        object header | n | ids sorted by NAME | offsets n+1 | values in DOCUMENT ORDER
 *
 * Field order is data (MongoDB needs it): we lay the values out in document order, so document
 * order is the order of the value offsets, while ids stay sorted by name as the format demands.
 * Lookup is a binary search by name; iteration goes by offset. That is the whole trick.
 *
 * Types without a Variant twin (ObjectId, regex, ...) are one-field objects named by their
 * Extended JSON key, as {"$oid": "…24 hex…"}; pq_value_type() sees through them. A user's own
 * one-field object with such a name is stored as {"$literal": <it>}; relaxed JSON shows only <it>.
 *
 * TRUST: bytes from outside (a file, the network, a batch) go through pq_value_check() once,
 * before anything else here sees them. After that no function here can go out of bounds.
 * pq_slice and pq_value are always borrowed. Thread rule: pure functions, any thread.
 */
#ifndef PQ_VALUE_VARIANT_H
#define PQ_VALUE_VARIANT_H

#include "base/arena.h"
#include "base/base.h"

/* A value inside a metadata dictionary. {0} (p == NULL) means "missing", which is not null. */
typedef struct pq_value {
  const uint8_t *meta;
  const uint8_t *p;
  uint32_t meta_len;
  uint32_t len;
} pq_value;

/* The type as MongoDB sees it, in MongoDB's order across types (MONGO.md 1, rule 1), so that
 * comparing two of them compares brackets; the four number types form one bracket. */
typedef enum pq_type {
  PQ_TYPE_MISSING = 0,
  PQ_TYPE_MIN_KEY,
  PQ_TYPE_NULL,   /* {"$undefined": true} too */
  PQ_TYPE_INT32,  /* Variant int8, int16 and int32 */
  PQ_TYPE_INT64,  /* Variant time too, as microseconds of the day */
  PQ_TYPE_DOUBLE, /* Variant float too */
  PQ_TYPE_DECIMAL,
  PQ_TYPE_STRING, /* {"$symbol": …} too */
  PQ_TYPE_OBJECT,
  PQ_TYPE_ARRAY,
  PQ_TYPE_BINARY, /* Variant binary and uuid; {"$binary": …} */
  PQ_TYPE_OBJECT_ID,
  PQ_TYPE_BOOL,
  PQ_TYPE_DATE,      /* Variant timestamp (µs or ns, UTC), timestampntz, date; {"$date": …} */
  PQ_TYPE_TIMESTAMP, /* {"$timestamp": {"t":, "i":}} */
  PQ_TYPE_REGEX,     /* {"$regularExpression": {"pattern":, "options":}} */
  PQ_TYPE_CODE,      /* {"$code": …} and other rare BSON types, compared by their bytes */
  PQ_TYPE_MAX_KEY
} pq_type;

/* The bracket: all number types give PQ_TYPE_INT32, every other type itself. */
pq_type pq_type_bracket(pq_type t);
/* "int", "long", "double", "string" … as MongoDB's $type names them. */
const char *pq_type_name(pq_type t);

static inline bool pq_value_is_missing(pq_value v) {
  return v.p == NULL;
}

/* Validate untrusted bytes completely: header, every offset and length, UTF-8 of strings and
 * names, depth (limits.depth_max), no duplicate keys, ids sorted by name. PQ_OK sets *out,
 * borrowing both slices. PQ_ECORRUPT or PQ_ELIMIT. `meta` and `bytes` may have no spare bytes
 * before their value ends; trailing bytes are PQ_ECORRUPT. */
int pq_value_check(pq_cx *cx, pq_slice meta, pq_slice bytes, pq_value *out) PQ_MUST_CHECK;

pq_type pq_value_type(pq_value v);

/* The bytes of the value and of its dictionary. */
static inline pq_slice pq_value_bytes(pq_value v) {
  return (pq_slice){v.p, v.len};
}
static inline pq_slice pq_value_meta(pq_value v) {
  return (pq_slice){v.meta, v.meta_len};
}

/* ---- scalars: each asserts nothing and returns false when the type differs ---- */
bool pq_value_bool(pq_value v, bool *out);
/* INT32 and INT64 only. */
bool pq_value_i64(pq_value v, int64_t *out);
/* Any number type, converted to double (nearest). */
bool pq_value_number(pq_value v, double *out);
/* DOUBLE only. */
bool pq_value_double(pq_value v, double *out);
bool pq_value_string(pq_value v, pq_slice *out);
bool pq_value_binary(pq_value v, pq_slice *out); /* Variant binary and uuid only */
/* Binary data of any storage form; base64 is decoded byte by byte. */
typedef struct pq_binary {
  pq_slice bytes;  /* of Variant binary and uuid */
  pq_slice base64; /* else the text */
  size_t len;
  uint8_t subtype;
} pq_binary;
bool pq_value_any_binary(pq_value v, pq_binary *out);
uint8_t pq_binary_at(const pq_binary *b, size_t i);
/* DATE of any kind in µs since 1970 UTC (days and ns are converted, ns rounded down). */
bool pq_value_date_us(pq_value v, int64_t *out);
/* Any DATE: milliseconds since 1970 rounded down, and the microseconds (0..999) after them. */
bool pq_value_date_parts(pq_value v, int64_t *ms, int *us);
/* The same in milliseconds, rounded down; never fails for a DATE. */
bool pq_value_date_ms(pq_value v, int64_t *out);
/* OBJECT_ID: the 24 hex characters. */
bool pq_value_object_id(pq_value v, pq_slice *hex);

/* A decimal as sign, 128-bit unsigned magnitude (hi, lo) and scale 0..38. */
typedef struct pq_decimal {
  bool is_negative;
  uint64_t hi, lo;
  uint8_t scale;
} pq_decimal;
bool pq_value_decimal(pq_value v, pq_decimal *out);

/* ---- containers. "raw" functions see the stored object, not the type behind it ---- */

/* Fields of a raw object or elements of an array; 0 for anything else. */
uint32_t pq_value_count(pq_value v);
bool pq_value_is_raw_object(pq_value v); /* an object in storage: OBJECT, OBJECT_ID, … */
/* {"$literal": {extended key: …}}: *inner is the object the user wrote. */
bool pq_literal_open(pq_value v, pq_value *inner);

/* The field named `name`, by binary search; missing if absent or not an object. */
pq_value pq_object_get(pq_value v, pq_slice name);
pq_value pq_object_get_str(pq_value v, const char *name);

typedef struct pq_field {
  pq_slice name;
  pq_value value;
} pq_field;

/* Field `i` of a raw object in the order of the names; false when out of range. */
bool pq_object_at(pq_value v, uint32_t i, pq_field *out);

/* The fields of a raw object in document order, count in *count. The array lives in `arena`.
 * NULL (count 0) with the arena's failure recorded when out of memory. */
pq_field *pq_object_fields(pq_arena *arena, pq_value v, uint32_t *count);

/* Element `i` of an array; missing when out of range or no array. */
pq_value pq_array_at(pq_value v, uint32_t i);

#endif
