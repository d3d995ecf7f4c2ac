/* shred/index_column.h - $index_ columns: which paths deserve one, and what a row holds there.
 *
 * Choice, from statistics over the documents of a flush: a path through objects only, present as
 * one scalar type in at least half of the documents and in no other type, at most 16 per
 * collection. INT64 if all are integers; DOUBLE only if every integer is exact in it; text of at
 * most 64 bytes on average. Once chosen the type never changes.
 */
#ifndef PQ_SHRED_INDEX_COLUMN_H
#define PQ_SHRED_INDEX_COLUMN_H

#include "log/manifest.h"
#include "parquet/format.h"
#include "value/path.h"

enum { PQ_INDEX_COLUMNS_MAX = 16, PQ_INDEX_FIELD_ID_FIRST = 100 };

/* Choose columns for documents given the set so far (may be empty): *out is the old set followed
 * by new ones, in `arena`. */
int pq_index_choose(pq_arena *arena, const pq_value *docs, uint32_t count,
                    const pq_index_column *old, uint32_t old_count, pq_index_column **out,
                    uint32_t *out_count) PQ_MUST_CHECK;

/* What a document holds at a path. */
typedef enum pq_index_found {
  PQ_FOUND_MISSING,
  PQ_FOUND_VALUE, /* fits the column */
  PQ_FOUND_NULL,  /* an explicit null */
  PQ_FOUND_OTHER  /* another type, or an array on the way */
} pq_index_found;
pq_index_found pq_index_find(pq_value doc, const pq_path *path, pq_index_type type,
                             pq_value *value);

/* A column cell as a Variant scalar inside `cell` (text longer than fits: `arena`). Missing for a
 * null cell. */
enum { PQ_CELL_CAP = 96 };
typedef struct pq_cell {
  uint8_t bytes[PQ_CELL_CAP];
} pq_cell;
int pq_index_value(pq_arena *arena, const pq_column *column, uint32_t row, pq_index_type type,
                   pq_cell *cell, pq_value *out) PQ_MUST_CHECK;
/* The same from the PLAIN bytes of a statistic; missing when they do not fit the type. */
int pq_index_bound(pq_arena *arena, pq_slice plain, pq_index_type type, pq_cell *cell,
                   pq_value *out) PQ_MUST_CHECK;

/* Variant numbers in `cell`. */
pq_value pq_cell_i64(pq_cell *cell, int64_t v);
pq_value pq_cell_double(pq_cell *cell, double v);
/* A Variant string, in `cell` or `arena`. */
int pq_cell_string(pq_arena *arena, pq_slice text, pq_cell *cell, pq_value *out) PQ_MUST_CHECK;

#endif
