/* parquet/file_scan_int.h - the two halves of a scan: which rows it has to look at (scan_plan.c),
 * and one column of it (scan_column.c).
 *
 *   row groups of the file ──statistics──► window of a few ──bloom filters──► ──page index──►
 * ranges no I/O                          one round         one round
 *
 * Planning goes a window at a time, so that many row groups share a round and their indexes still
 * fit into little memory. A window ends at 64 row groups or when the filters and indexes to read
 * for it reach side_len_max.
 */
#ifndef PQ_PARQUET_FILE_SCAN_INT_H
#define PQ_PARQUET_FILE_SCAN_INT_H

#include "parquet/cursor_int.h"
#include "parquet/predicate_int.h"

/* A row group with rows left to look at. */
typedef struct pq_scan_group {
  uint32_t row_group;
  uint32_t row_count;
  const pq_row_range *ranges;
  uint32_t range_count;
  const pq_page_index **indexes; /* by slot; NULL: none */
} pq_scan_group;

/* What the planning is about; all borrowed for the life of the plan. A slot is a leaf that is
 * read: those with predicates come first. */
typedef struct pq_scan_target {
  pq_cx *cx;
  const pq_file *file;
  pq_side_cache *cache; /* NULL: none */
  const pq_condition *conditions;
  uint32_t condition_count;
  const uint32_t *leaves; /* by slot */
  uint32_t slot_count, filter_count;
  bool is_unpruned;
  uint32_t row_group_lo, row_group_hi;
  uint64_t memory_max;
} pq_scan_target;

typedef enum pq_plan_stage {
  PQ_PLAN_IDLE, /* the window is planned, or there is none yet */
  PQ_PLAN_BLOOM,
  PQ_PLAN_FILTER_INDEX, /* of the columns with predicates */
  PQ_PLAN_INDEX         /* of the others, where only parts of a row group are wanted */
} pq_plan_stage;

typedef struct pq_scan_plan {
  pq_scan_target t;
  pq_fetch fetch;
  pq_arena arena;        /* of the window */
  uint64_t side_len_max; /* of a window */
  uint32_t *by_leaf;     /* owned: slots, those with predicates and then the others, each by leaf */
  bool is_point;         /* some predicate asks for single values */
  pq_plan_stage stage;
  uint32_t next;         /* row group behind the window */
  pq_scan_group *groups; /* the window */
  uint32_t group_count, group_pos;
  uint64_t row_groups, row_groups_kept, pages, pages_kept;
} pq_scan_plan;

/* PQ_ENOMEM. Release is safe on a zeroed plan. */
int pq_scan_plan_init(pq_scan_plan *p, pq_scan_target target) PQ_MUST_CHECK;
void pq_scan_plan_release(pq_scan_plan *p);

/* Plan other row groups, after the end or before the beginning. */
void pq_scan_plan_move(pq_scan_plan *p, uint32_t row_group_lo, uint32_t row_group_hi);

/* The next row group with rows left, NULL at the end. It is valid until the next call, and a call
 * that returns PQ_NEED_IO is made again. */
int pq_scan_plan_next(pq_scan_plan *p, const pq_scan_group **out) PQ_MUST_CHECK;

/* ---- one column of a scan ---- */

/* What the dictionary of a row group says to a condition. */
typedef struct pq_dictionary_test {
  const pq_condition *condition; /* borrowed */
  uint8_t *matches;              /* owned, `cap` long: by code */
  size_t cap;
  bool is_known; /* for the row group that the cursor stands in */
} pq_dictionary_test;

/* The slots of a batch that are not simply those of the cursor: owned, reused. */
typedef struct pq_slots {
  void *values;
  size_t values_cap;
  void *nulls;
  size_t nulls_cap;
} pq_slots;

typedef struct pq_scan_column {
  pq_cx *cx;
  uint32_t leaf;
  bool is_flat, is_output;
  pq_cursor_options options;
  pq_cursor *cursor;         /* owned; NULL until the first row group that is read */
  uint32_t row_group;        /* where the cursor stands */
  bool is_open;              /* in that row group */
  bool has_batch;            /* of the current slice */
  uint32_t pos;              /* next row of the row group */
  uint32_t run;              /* of the slice: the next to read */
  pq_dictionary_test *tests; /* owned */
  uint32_t test_count;
  pq_slots slots;
} pq_scan_column;

/* A part of a row group that is read at once, as runs of rows counted from `first`. */
typedef struct pq_scan_slice {
  uint32_t first;
  const pq_row_range *runs;
  uint32_t run_count;
} pq_scan_slice;

void pq_scan_column_release(pq_scan_column *c);

/* Stand at the beginning of a row group. */
int pq_scan_column_open(pq_scan_column *c, const pq_file *file, uint32_t row_group,
                        const pq_page_index *index) PQ_MUST_CHECK;
/* Forget the batch and the runs read. */
void pq_scan_column_clear(pq_scan_column *c);
/* Ask for the bytes of the slice, with a page index for the pages of all its runs. */
int pq_scan_column_want(pq_scan_column *c, const pq_scan_slice *s) PQ_MUST_CHECK;
/* Read the slice; called again after PQ_NEED_IO. */
int pq_scan_column_read(pq_scan_column *c, const pq_scan_slice *s) PQ_MUST_CHECK;

/* Clear keep[i] of the rows read that do not match the column's conditions. `rows` are tested in
 * this row group: where a dictionary has more values it is not worth testing all of them. */
int pq_scan_column_test(pq_scan_column *c, uint32_t rows, uint8_t *scratch,
                        uint8_t *keep) PQ_MUST_CHECK;

/* The rows `chosen` of those read (NULL: all, which is the cursor's batch itself where it need
 * not change form), with codes or not. Borrowed until clear. */
int pq_scan_column_give(pq_scan_column *c, const uint32_t *chosen, uint32_t count, bool has_codes,
                        pq_column *out) PQ_MUST_CHECK;

#endif
