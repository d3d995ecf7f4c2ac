/* shred/variant_join.h - shredded VARIANT columns back to Variant bytes.
 *
 *   metadata  a b c ────────────────────────────► metadata, as it is
 *   value     {c: true} ──────────┐
 *   typed_value.a  7 ─────────────┼─ merged by ─► value  {a: 7, b: "x", c: true}
 *   typed_value.b  "x" ───────────┘   name
 *
 * A joiner is made for a column once and walks its records (parquet/record.h). Types are kept
 * exactly: an INT(8) leaf gives an int8, a DECIMAL one its scale. A row that is not shredded costs
 * nothing: its slice is passed on.
 *
 * Refused as PQ_ECORRUPT, since a reader of single columns and one of whole values would differ
 * (VariantShredding.md): value and typed_value together, unless both are objects; a residual object
 * that repeats a shredded field; an object or array in `value` beside a null typed_value for such;
 * a field name that the metadata lacks; field groups that are not required. Accepted: a missing
 * array element or top-level value, which is a Variant null.
 */
#ifndef PQ_SHRED_VARIANT_JOIN_H
#define PQ_SHRED_VARIANT_JOIN_H

#include "shred/variant_shape.h"

typedef struct pq_join pq_join;

/* A joiner of a column; `key` (of the file, for messages) and `shape` are borrowed. `is_checked`:
 * bytes of the file are validated, so that the results are too (pq_value_check); else only as far
 * as joining needs, and the caller has to do it. PQ_ENOMEM. `free` takes NULL. */
int pq_join_new(pq_cx *cx, const char *key, const pq_variant_shape *shape, bool is_checked,
                pq_join **out) PQ_MUST_CHECK;
void pq_join_free(pq_join *j);

/* The value at the record's position, and on to the next. Missing (p == NULL): the group is null.
 * It borrows from the columns and from `arena`. All leaves of the column must have been read.
 * PQ_ECORRUPT, PQ_ENOMEM, PQ_ELIMIT. */
int pq_join_next(pq_join *j, pq_record *r, pq_arena *arena, pq_value *out) PQ_MUST_CHECK;

/* The same for a part of the column, given the row's metadata: missing is missing. No list may
 * stand above the part, or the record must stand inside of it. */
int pq_join_part(pq_join *j, pq_record *r, const pq_pair *part, pq_slice meta, pq_arena *arena,
                 pq_value *out) PQ_MUST_CHECK;

/* The value in an entry of a PRIMITIVE's leaf, not null. Lives in `arena`. PQ_ECORRUPT. */
int pq_join_primitive(pq_join *j, const pq_pair *s, const pq_column *c, uint32_t entry,
                      pq_arena *arena, pq_value *out) PQ_MUST_CHECK;

#endif
