/* shred/variant_split.h - Variant values to the typed columns of a shape.
 *
 *   value {a: 7, b: "x", c: true}, shape {a: int64, b: string}
 *     ─► metadata: as it is   value: {c: true}   a.typed_value: 7   b.typed_value: "x"
 *
 * What a typed column cannot hold exactly stays in the `value` beside it. Every value has one
 * entry in each leaf, lists one for each element (Dremel's levels, parquet/format.h), so that the
 * columns of several splitters and others can be written together as one row group. Joining gives
 * an equal value back, but the order of an object's fields is lost: columns whose field order is
 * data (a document's) are not to be shredded.
 */
#ifndef PQ_SHRED_VARIANT_SPLIT_H
#define PQ_SHRED_VARIANT_SPLIT_H

#include "shred/variant_shape.h"

typedef struct pq_split pq_split;

/* `shape` is borrowed. PQ_ENOMEM. `free` takes NULL. */
int pq_split_new(pq_cx *cx, const pq_variant_shape *shape, pq_split **out) PQ_MUST_CHECK;
void pq_split_free(pq_split *p);
/* Begin the next row group; keeps memory. */
void pq_split_clear(pq_split *p);

/* Add a value, which was checked (pq_value_check) and is borrowed until clear; `rep` 0 begins a
 * row. After a failure the splitter is only good for clear. PQ_ENOMEM, PQ_ELIMIT. */
int pq_split_put(pq_split *p, pq_value v, uint32_t rep) PQ_MUST_CHECK;
/* Add an entry where there is no value: something at or above the column is null or empty, at
 * level `def` below the column's own. */
int pq_split_skip(pq_split *p, uint32_t def, uint32_t rep) PQ_MUST_CHECK;

/* The columns, shape->leaf_count of them, borrowed until the next call. */
const pq_column *pq_split_columns(pq_split *p);

#endif
