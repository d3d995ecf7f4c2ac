/* value/variant_int.h - what the files of this module share: the walk in document order, the keys
 * of Extended JSON, numbers of any type, base64.
 */
#ifndef PQ_VALUE_VARIANT_INT_H
#define PQ_VALUE_VARIANT_INT_H

#include "value/decimal.h"
#include "value/variant_raw.h"

/* Stored objects may nest this much deeper than limits.depth_max: an extended type takes up to
 * three levels ({"$dbPointer": {"$id": {"$oid": …}}}), $literal one. */
enum { PQ_DEPTH_SLACK = 4 };

/* ---- the fields of an object in document order ----
 * Up to PQ_WALK_BATCH fields are sorted in the walk itself, and objects whose storage order is that
 * of the document need no sorting. The others use the memory of pq_walk_reserve(); without it
 * (compare never allocates) each batch is picked by one more pass over the offsets: n * n / cap
 * steps at worst, so that large ones want a larger batch, lent by pq_walk_lend(). */
enum { PQ_WALK_BATCH = 64 };

typedef struct pq_walk {
  pq_container c;
  pq_names names;
  uint64_t batch[PQ_WALK_BATCH]; /* offset << 32 | storage index, ascending */
  uint64_t *order;               /* batch, memory of pq_walk_reserve (owned), or lent */
  uint32_t cap, count, at;       /* of the order */
  uint32_t done_count;
  bool is_large;  /* more fields than a batch holds, in another order than they are stored in */
  uint64_t floor; /* entries below are done */
} pq_walk;

/* Fails only by being empty, when `v` is no raw object. Without reserve nothing to release. */
void pq_walk_init(pq_walk *w, pq_value v);
int pq_walk_reserve(pq_walk *w, pq_cx *cx) PQ_MUST_CHECK;
void pq_walk_release(pq_walk *w, pq_cx *cx);
/* Use `order` for the batches from the next field on, if the object is large; borrowed until the
 * walk ends or the next call. Its contents may be lost before each call. */
void pq_walk_lend(pq_walk *w, uint64_t *order, uint32_t cap);
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

/* ---- base64 with padding, RFC 4648 section 4 ---- */
bool pq_base64_len(pq_slice text, size_t *len);     /* validates, bytes when decoded */
uint8_t pq_base64_at(pq_slice text, size_t i);      /* i-th decoded byte of a valid text */
size_t pq_base64_encode(pq_slice in, uint8_t *out); /* writes (n + 2) / 3 * 4 bytes */

/* Value of a hexadecimal digit, -1 when it is none. */
int pq_hex_digit(uint8_t c);
/* "8-4-4-4-12" hexadecimal digits. */
bool pq_uuid_parse(pq_slice text, uint8_t out[16]);

#endif
