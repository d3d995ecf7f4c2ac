/* shred/index_column.h - columns beside $data: which paths deserve one, what a row holds there.
 *
 * Choice, from statistics over the documents of a flush: a path through objects only, present as
 * one scalar type in at least half of the documents and in no other type, at most 16 per
 * collection. INT64 if all are integers; DOUBLE only if every integer is exact in it; text of at
 * most 64 bytes on average, 40 if it is of words and little repeats. Once chosen the type never
 * changes. The fields of a schema have columns of their own names and types besides
 * (schema_column.c).
 */
#ifndef PQ_SHRED_INDEX_COLUMN_H
#define PQ_SHRED_INDEX_COLUMN_H

#include "log/manifest.h"
#include "parquet/format.h"
#include "schema/schema.h"
#include "value/path.h"

enum {
  PQ_INDEX_COLUMNS_MAX = 16, /* chosen ones */
  PQ_INDEX_FIELD_ID_FIRST = 100,
  PQ_SCHEMA_FIELD_ID_FIRST = 1000
};

/* The type of the column that a value goes into; 0: none that statistics choose. */
pq_index_type pq_index_type_of(pq_value v);

/* ---- index_choice.c ---- */

/* Statistics of paths. */
typedef struct pq_index_survey pq_index_survey;

typedef enum pq_index_reason {
  PQ_INDEX_FITS,
  PQ_INDEX_IS_RARE,  /* in fewer than half of the documents */
  PQ_INDEX_IS_MIXED, /* of several types */
  PQ_INDEX_IS_OTHER, /* arrays, nulls, objects, or a type that has no column, among the values */
  PQ_INDEX_IS_LONG,  /* text that is too long on average */
  PQ_INDEX_IS_PROSE  /* text of words, of which little repeats */
} pq_index_reason;

typedef struct pq_index_verdict {
  pq_slice path;
  pq_index_type type; /* of its values, when it is one; DOUBLE with integers among them is one */
  pq_index_reason reason;
  uint32_t documents;     /* that have the path */
  uint32_t nulls, arrays; /* of these */
  double text_len;        /* of its texts, on average */
} pq_index_verdict;

int pq_index_survey_new(pq_arena *arena, pq_index_survey **out) PQ_MUST_CHECK;
/* Count the paths of a document. `scratch` is used only here. */
int pq_index_survey_add(pq_index_survey *s, pq_arena *scratch, pq_value doc) PQ_MUST_CHECK;
uint32_t pq_index_survey_documents(const pq_index_survey *s);
/* Path `i`, in the order in which they came; false behind the last. */
bool pq_index_survey_path(const pq_index_survey *s, uint32_t i, pq_index_verdict *out);

/* Choose columns for documents given the set so far (may be empty), a schema's among it: *out is
 * the old set followed by new ones, in `arena`. */
int pq_index_choose(pq_arena *arena, const pq_value *docs, uint32_t count,
                    const pq_index_column *old, uint32_t old_count, pq_index_column **out,
                    uint32_t *out_count) PQ_MUST_CHECK;

/* Paths of indexes: values of one type are enough, however rare or long they are, and they are not
 * counted with the others. */
typedef struct pq_index_wanted {
  const pq_slice *paths;
  uint32_t count;
} pq_index_wanted;
int pq_index_choose_with(pq_arena *arena, const pq_value *docs, uint32_t count,
                         const pq_index_column *old, uint32_t old_count,
                         const pq_index_wanted *wanted, pq_index_column **out,
                         uint32_t *out_count) PQ_MUST_CHECK;

/* Do filters use columns of the type? */
static inline bool pq_index_is_pushed(pq_index_type type) {
  return type <= PQ_INDEX_PUSHED_LAST;
}

/* One of the types that statistics choose: every value that fits equals its cell. */
static inline bool pq_index_is_plain(pq_index_type type) {
  return type <= PQ_INDEX_CHOSEN_LAST;
}

/* A field that every entity has besides its document's. */
bool pq_index_is_system(pq_slice name);

/* ---- schema_column.c ---- */

/* The type of a field's column, of its items' where it is a list; 0: it has none of one leaf. */
pq_index_type pq_schema_column_type(const pq_schema_field *field);
/* The name of a field's column: its own, or $f_ + it where a system column has that name; perhaps
 * in `arena`. */
int pq_schema_column_name(pq_arena *arena, pq_slice field, pq_slice *out) PQ_MUST_CHECK;
/* The column of a top-level field: false when it is not flat (objects, lists, json …). Its
 * name is the field's, or $f_ + it where a system column has that name; in `arena`. */
int pq_schema_column(pq_arena *arena, const pq_schema_field *field, pq_index_column *out,
                     bool *is_there) PQ_MUST_CHECK;

typedef struct pq_index_set {
  pq_index_column *columns;
  uint32_t count;
} pq_index_set;

/* `known` (the collection's record; may be NULL) with the columns of the schema (may be NULL) that
 * it lacks, at most PQ_COLLECTION_COLUMNS_MAX in all. In `arena`. */
int pq_schema_columns_all(pq_arena *arena, const pq_collection_info *known, const pq_schema *schema,
                          pq_index_set *out) PQ_MUST_CHECK;

/* Those of a set that a new file gets: the schema's, and chosen ones of paths that they lack. */
int pq_schema_columns_written(pq_arena *arena, const pq_index_set *all, const pq_schema *schema,
                              pq_index_set *out) PQ_MUST_CHECK;

/* Does a value fit a column whose type is not plain? */
bool pq_typed_fits(pq_value v, pq_index_type type);
/* Put it into a row of such a column; bytes in `arena`. */
int pq_typed_set(pq_arena *arena, pq_value v, pq_index_type type, pq_column *c,
                 uint32_t row) PQ_MUST_CHECK;

/* ---- typed_cell.c ---- */

/* The forms of a column in a file. */
pq_phys pq_index_phys(pq_index_type type);
pq_logical pq_index_logical(pq_index_type type);
/* The type as which cells of a column are seen: FLOAT as DOUBLE, dates in µs. */
pq_index_type pq_typed_seen(pq_index_type stored);
/* Turn a decoded column, with codes or without, into the type as which it is seen; in `arena`.
 * PQ_ECORRUPT: a date beyond those of µs. */
int pq_typed_widen(pq_arena *arena, pq_index_type stored, pq_column *c) PQ_MUST_CHECK;
/* The same for the PLAIN bytes of a bound, in `room`; empty when there is no such value. */
pq_slice pq_typed_bound(pq_index_type stored, pq_slice plain, uint8_t room[8]);
/* Does a value that fits equal the cell that it gets? Always, if the type is plain. */
bool pq_typed_is_like(pq_value v, pq_index_type type);
/* The cell that a value gets, as a column of one row; false when it does not fit. Not for plain
 * types. `c` borrows from `room` and `arena`. */
typedef union pq_typed_room {
  int64_t word;
  pq_slice bytes;
} pq_typed_room;
int pq_typed_cell(pq_arena *arena, pq_value v, pq_index_type type, pq_typed_room *room,
                  pq_column *c, bool *is_there) PQ_MUST_CHECK;
/* Its PLAIN bytes, as bloom filters take them. */
pq_slice pq_typed_plain(const pq_column *c);

/* What a document holds at a path. */
typedef enum pq_index_found {
  PQ_FOUND_MISSING,
  PQ_FOUND_VALUE, /* fits the column */
  PQ_FOUND_NULL,  /* an explicit null */
  PQ_FOUND_OTHER  /* another type, or an array on the way */
} pq_index_found;
typedef struct pq_index_hit {
  pq_index_found found;
  pq_value value; /* when it fits */
} pq_index_hit;
/* What a value that is there is for a column of the type. */
pq_index_hit pq_index_fit(pq_value v, pq_index_type type);

/* ---- index_walk.c ---- */

/* Finds what documents hold at the paths of columns; in `arena`, `columns` are borrowed. */
typedef struct pq_index_walk pq_index_walk;
int pq_index_walk_new(pq_arena *arena, const pq_index_column *columns, uint32_t count,
                      pq_index_walk **out) PQ_MUST_CHECK;
/* `hits` has one for each column. */
void pq_index_walk_find(pq_index_walk *w, pq_value doc, pq_index_hit *hits);

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

/* Integers come from columns as longs: give one that fits into an int, as documents have them when
 * the file says so (pq_index_is_kept), that type again. `cell` holds the value. */
void pq_index_narrow(pq_cell *cell, pq_index_type type, pq_value *v);

/* Does a value that fits a column come back from it with its own type? */
bool pq_index_is_kept(pq_value v, pq_index_type type);

/* Variant numbers in `cell`. */
pq_value pq_cell_i64(pq_cell *cell, int64_t v);
pq_value pq_cell_double(pq_cell *cell, double v);
/* A date of µs since 1970. */
pq_value pq_cell_date(pq_cell *cell, int64_t us);
/* A decimal of digits * 10^-scale, the digits in 64 bits or in 16 bytes, big-endian (missing when
 * they are not that many). */
pq_value pq_cell_decimal(pq_cell *cell, int64_t digits, uint8_t scale);
pq_value pq_cell_wide_decimal(pq_cell *cell, pq_slice digits, uint8_t scale);
/* A UUID of 16 bytes (missing for others), and binary of subtype 0, which may be in `arena`. */
pq_value pq_cell_uuid(pq_cell *cell, pq_slice bytes);
int pq_cell_binary(pq_arena *arena, pq_slice bytes, pq_cell *cell, pq_value *out) PQ_MUST_CHECK;
/* A Variant string, in `cell` or `arena`. */
int pq_cell_string(pq_arena *arena, pq_slice text, pq_cell *cell, pq_value *out) PQ_MUST_CHECK;

#endif
