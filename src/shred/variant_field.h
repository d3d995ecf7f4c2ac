/* shred/variant_field.h - one field of a shredded VARIANT column, without reading the rest.
 *
 *   path "geo.lat"      event.typed_value.geo.typed_value.lat ( value   typed_value )
 *                                                                 │          │
 *      all of `value` null, says its statistics ──────────────────┘          └─ the answer: this
 *      else those few are looked at one by one (they need the metadata)         leaf's pages alone
 *
 * Only the last pair of the path matters: where a typed_value on the way is null, the `value`
 * beside it is no object (or array), so it has no such field; and a residual object never repeats
 * a shredded field (VariantShredding.md, "Objects"; a file that breaks this is refused when whole
 * values are joined). Where the path leaves the shape, the rest of it is looked up in `value`.
 *
 * Path:  name { "." name | "[]" }, a name with other than letters, digits, "_" in double quotes.
 * "[]" means every element: then the column has an entry for each.
 */
#ifndef PQ_SHRED_VARIANT_FIELD_H
#define PQ_SHRED_VARIANT_FIELD_H

#include "parquet/reader.h"
#include "shred/variant_shape.h"

typedef struct pq_variant_field {
  const pq_variant_shape *shape; /* borrowed */
  const pq_pair *part;           /* the last pair that the path reaches */
  const pq_slice *rest;          /* names to look up in the part's `value` */
  uint32_t rest_count;
  uint32_t typed_leaf; /* PQ_NO_NODE: no leaf has the field as such */
} pq_variant_field;

/* Find a field. PQ_EINVALID for a malformed path; PQ_EUNSUPPORTED for "[]" of an array that is not
 * shredded, and for elements that are shredded arrays or objects themselves. */
int pq_variant_field_find(pq_arena *arena, const pq_variant_shape *shape, pq_slice path,
                          pq_variant_field *out) PQ_MUST_CHECK;

/* Is the field a shredded object or array, so that all leaves of that part make its value? */
bool pq_variant_field_is_whole(const pq_variant_field *field);
/* Do the typed leaf's values answer for the row group by themselves? */
bool pq_variant_field_is_alone(const pq_footer *footer, const pq_variant_field *field,
                               uint32_t row_group);

/* The leaves to be read, at most shape->leaf_count of them into `leaves`; their number. */
uint32_t pq_variant_field_leaves(const pq_footer *footer, const pq_variant_field *field,
                                 uint32_t row_group, uint32_t *leaves);

/* Bounds of the field in a row group (PLAIN bytes). False when there are none that may be used:
 * not alone, no statistics, no known order. They only say something of values of the leaf's own
 * type (field->part->primitive). */
bool pq_variant_field_bounds(const pq_footer *footer, const pq_variant_field *field,
                             uint32_t row_group, pq_slice *min, pq_slice *max);

typedef struct pq_variant_field_column {
  uint32_t entry_count; /* one a row unless the path has "[]" */
  bool has_typed;
  pq_column typed;  /* the field where it has the leaf's type, else null */
  pq_value *others; /* by entry: where it has another; missing: it is typed, or not there. NULL:
                       none is. A null that stands in a value is a Variant null. */
} pq_variant_field_column;

/* Rows of a row group, all when `range_count` is 0. One stage: `want` of all fields and columns
 * first, then each `read` (parquet/reader.h). */
typedef struct pq_variant_field_rows {
  const pq_file *file;
  uint32_t row_group;
  const pq_row_range *ranges;
  uint32_t range_count;
} pq_variant_field_rows;

int pq_variant_field_want(pq_fetch *f, pq_arena *arena, const pq_variant_field *field,
                          pq_variant_field_rows rows) PQ_MUST_CHECK;
int pq_variant_field_read(pq_fetch *f, pq_arena *arena, const pq_variant_field *field,
                          pq_variant_field_rows rows, pq_variant_field_column *out) PQ_MUST_CHECK;

#endif
