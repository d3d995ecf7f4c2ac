/* server/bson_value.h - BSON to Variant and back, without text between.
 *
 *     PQ_TRY(pq_bson_put(b, document));            bytes from outside become the builder's next
 * value
 *
 *     pq_bson_out o;
 *     pq_bson_begin(&o, &buf);                     { … }
 *     pq_bson_value(&o, "a", v);
 *     pq_bson_begin_array(&o, "list"); pq_bson_i32(&o, NULL, 7); pq_bson_end(&o);
 *     PQ_TRY(pq_bson_finish(&o));
 *
 * Every BSON type comes back as it was (value/variant.h has those without a Variant twin; the
 * payload of a NaN of decimal128 is lost, as MongoDB loses it). Two things that BSON can say are
 * refused, as everywhere in ParqueDB: a name twice in one object, and text that is not UTF-8. A
 * code with scope is kept as {"$code": text, "$scope": object}, and a user's own object of that
 * shape under $literal. Dates go out in milliseconds, rounded down: microseconds do not exist in
 * BSON.
 *
 * libbson reads the elements: it checks every length. Writing is ours, as libbson's writer ends the
 * program when it is out of memory.
 */
#ifndef PQ_SERVER_BSON_VALUE_H
#define PQ_SERVER_BSON_VALUE_H

#include "value/builder.h"

/* ---- reading ---- */

/* One document, as an object. PQ_EINVALID names the field; PQ_ELIMIT, as nesting is limited;
 * PQ_ENOMEM. */
int pq_bson_put(pq_builder *b, pq_slice document) PQ_MUST_CHECK;
/* Its fields, into the object that is open. */
int pq_bson_put_fields(pq_builder *b, pq_slice document) PQ_MUST_CHECK;
/* One document as a value of its own. */
int pq_bson_read(pq_builder *b, pq_slice document, pq_arena *arena, pq_value *out) PQ_MUST_CHECK;

/* ---- writing ---- */

enum { PQ_BSON_DEPTH_MAX = 16 }; /* of begin … end; values nest as deep as they do */

/* Errors are sticky: after a failure nothing more is written, and finish returns it. */
typedef struct pq_bson_out {
  pq_buf *buf; /* borrowed; the document is appended to it */
  pq_arena scratch;
  int rc;
  uint32_t depth;
  struct {
    size_t from;
    uint32_t count;
    bool is_array;
  } frames[PQ_BSON_DEPTH_MAX];
} pq_bson_out;

/* Begin a document. finish must follow, also after failures. */
void pq_bson_begin(pq_bson_out *o, pq_buf *buf);
/* End it. On failure `buf` is as it was before. */
int pq_bson_finish(pq_bson_out *o) PQ_MUST_CHECK;
/* Instead of finish: it is not wanted any more, whatever is open in it. */
void pq_bson_abandon(pq_bson_out *o);

/* A field each. `name` has no zero byte inside; in an array it is ignored and may be NULL. */
void pq_bson_begin_object(pq_bson_out *o, const char *name);
void pq_bson_begin_array(pq_bson_out *o, const char *name);
void pq_bson_end(pq_bson_out *o);
void pq_bson_i32(pq_bson_out *o, const char *name, int32_t v);
void pq_bson_i64(pq_bson_out *o, const char *name, int64_t v);
void pq_bson_double(pq_bson_out *o, const char *name, double v);
void pq_bson_bool(pq_bson_out *o, const char *name, bool v);
void pq_bson_null(pq_bson_out *o, const char *name);
void pq_bson_text(pq_bson_out *o, const char *name, pq_slice v);
void pq_bson_str(pq_bson_out *o, const char *name, const char *v);
void pq_bson_date(pq_bson_out *o, const char *name, int64_t ms);
void pq_bson_timestamp(pq_bson_out *o, const char *name, uint32_t seconds, uint32_t increment);
void pq_bson_object_id(pq_bson_out *o, const char *name, const uint8_t v[12]);
/* Any subtype but 2, which is written otherwise; shorter than a document. */
void pq_bson_binary(pq_bson_out *o, const char *name, uint8_t subtype, pq_slice v);
/* Any value. Missing writes nothing. PQ_EINVALID: a name or pattern holds a zero byte. */
void pq_bson_value(pq_bson_out *o, const char *name, pq_value v);
/* The fields of an object beside those that are there. */
void pq_bson_fields(pq_bson_out *o, pq_value object);
/* As many bytes as have been written so far. */
size_t pq_bson_len(const pq_bson_out *o);

/* ---- decimal128 (IEEE 754-2008, binary integer significand; specifications: bson-decimal128) */

/* Significands above 34 digits are zero, as the standard says. */
pq_number pq_bson_decimal_read(uint64_t low, uint64_t high);
/* Rounded to 34 digits. */
void pq_bson_decimal_write(pq_number n, uint64_t *low, uint64_t *high);

#endif
