/* value/builder.h - building Variant bytes in one pass, in document order.
 *
 *     pq_builder_begin_object(b);
 *       pq_builder_key(b, name); pq_builder_i64(b, 7);
 *       pq_builder_key(b, tags); pq_builder_begin_array(b); … pq_builder_end(b);
 *     pq_builder_end(b);
 *     pq_builder_finish(b, &arena, &value);
 *
 * The idea: values are appended to one buffer as they come; when a container ends, its header is
 * put in front of its values (one memmove of the container's bytes) with ids sorted by name and
 * offsets in document order. Names go into one dictionary per document, in order of appearance.
 *
 * A builder is reused: clear() keeps its memory, and a document of the shape of the one before
 * finds its names without hashing twice. Errors are sticky: after a failure every call returns
 * the same code until clear().
 */
#ifndef PQ_VALUE_BUILDER_H
#define PQ_VALUE_BUILDER_H

#include "base/buf.h"
#include "base/hash.h"
#include "value/decimal.h"
#include "value/variant.h"

typedef struct pq_builder pq_builder;

/* A new empty builder; limits come from `cx`. PQ_ENOMEM. `free` takes NULL. */
int pq_builder_new(pq_cx *cx, pq_builder **out) PQ_MUST_CHECK;
void pq_builder_free(pq_builder *b);
void pq_builder_clear(pq_builder *b);
/* The context that failures are recorded in. */
pq_cx *pq_builder_cx(const pq_builder *b);

/* Containers. Nesting beyond limits.depth_max is PQ_ELIMIT. */
int pq_builder_begin_object(pq_builder *b) PQ_MUST_CHECK;
int pq_builder_begin_array(pq_builder *b) PQ_MUST_CHECK;
/* End the innermost container. A duplicate key is PQ_EINVALID and names it. An object of one field
 * named like an Extended JSON key ("$oid") is stored under $literal (variant.h). */
int pq_builder_end(pq_builder *b) PQ_MUST_CHECK;
/* The name of the next value; inside an object only. `name` is copied; must be valid UTF-8. */
int pq_builder_key(pq_builder *b, pq_slice name) PQ_MUST_CHECK;
int pq_builder_key_str(pq_builder *b, const char *name) PQ_MUST_CHECK;

/* Scalars. Integers: i32 is stored as int32, i64 as int64; never narrowed. */
int pq_builder_null(pq_builder *b) PQ_MUST_CHECK;
int pq_builder_bool(pq_builder *b, bool v) PQ_MUST_CHECK;
int pq_builder_i32(pq_builder *b, int32_t v) PQ_MUST_CHECK;
int pq_builder_i64(pq_builder *b, int64_t v) PQ_MUST_CHECK;
int pq_builder_double(pq_builder *b, double v) PQ_MUST_CHECK;
int pq_builder_decimal(pq_builder *b, pq_decimal v) PQ_MUST_CHECK;
/* The same for any decimal: as itself if it can be, else as the text of a $numberDecimal. */
int pq_builder_number(pq_builder *b, pq_number v) PQ_MUST_CHECK;
int pq_builder_string(pq_builder *b, pq_slice v) PQ_MUST_CHECK; /* valid UTF-8 */
int pq_builder_str(pq_builder *b, const char *v) PQ_MUST_CHECK;
int pq_builder_binary(pq_builder *b, pq_slice v) PQ_MUST_CHECK; /* subtype 0 */
/* Of any subtype; 0 and a 4 of 16 bytes as they are, others as {"$binary": …}. */
int pq_builder_any_binary(pq_builder *b, pq_slice v, uint8_t subtype) PQ_MUST_CHECK;
int pq_builder_uuid(pq_builder *b, const uint8_t v[16]) PQ_MUST_CHECK;
int pq_builder_date_us(pq_builder *b, int64_t us) PQ_MUST_CHECK; /* Variant timestamp µs UTC */
/* The same in milliseconds; {"$date": {"$numberLong": …}} beyond what microseconds reach. */
int pq_builder_date_ms(pq_builder *b, int64_t ms) PQ_MUST_CHECK;
/* {"$timestamp": {"t":, "i":}} */
int pq_builder_timestamp(pq_builder *b, uint32_t seconds, uint32_t increment) PQ_MUST_CHECK;
/* One-field object {key: "text"}, as {"$oid": hex}: for types without a Variant twin. The text of
 * $oid and $numberDecimal is checked (PQ_EINVALID); a $numberDecimal that fits is stored as a
 * Variant decimal. `key` must be a key of Extended JSON. */
int pq_builder_extended(pq_builder *b, const char *key, pq_slice text) PQ_MUST_CHECK;

/* {"$regularExpression": …}: both valid UTF-8. */
int pq_builder_regex(pq_builder *b, pq_slice pattern, pq_slice options) PQ_MUST_CHECK;
/* {"$dbPointer": {"$ref": text, "$id": {"$oid": hex}}} */
int pq_builder_db_pointer(pq_builder *b, pq_slice ref, pq_slice hex) PQ_MUST_CHECK;
/* {"$minKey": 1}, {"$maxKey": 1}, {"$undefined": true} */
int pq_builder_min_key(pq_builder *b) PQ_MUST_CHECK;
int pq_builder_max_key(pq_builder *b) PQ_MUST_CHECK;
int pq_builder_undefined(pq_builder *b) PQ_MUST_CHECK;

/* A deep copy of `v`, its names looked up in this builder's dictionary. Missing is PQ_EINVALID. */
int pq_builder_value(pq_builder *b, pq_value v) PQ_MUST_CHECK;

/* Take the finished document: one root value, all containers ended. The bytes are copied into
 * `arena`, metadata and value side by side. Larger than limits.doc_len_max is PQ_ELIMIT.
 * The builder is cleared. */
int pq_builder_finish(pq_builder *b, pq_arena *arena, pq_value *out) PQ_MUST_CHECK;
/* The same without a copy: *out borrows from the builder until its next call. */
int pq_builder_view(pq_builder *b, pq_value *out) PQ_MUST_CHECK;

#endif
