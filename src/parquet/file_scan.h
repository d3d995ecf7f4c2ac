/* parquet/file_scan.h - a whole file as batches of rows: which columns, which rows, in bounded
 * memory.
 *
 *   row groups ─statistics, bloom─► row groups left
 *              ─page index────────► row ranges left
 *              ─filter columns────► rows that match   (dictionary codes are tested, not values)
 *              ─the other columns─► a batch of those rows              (late materialisation)
 *
 *   while ((rc = pq_file_scan_next(s, &batch)) …)
 *     PQ_OK       batch.row_count rows; 0: the end
 *     PQ_NEED_IO  run the requests of pq_file_scan_take, report each to pq_file_scan_done, then
 *                 call again
 *
 * A scan is an operator of DESIGN.md 4: it keeps its state across PQ_NEED_IO and asks in one round
 * for all that the next batch needs. Several scans of one file, each with its own row groups and
 * its own context, may run at the same time: the footer is not changed by them.
 */
#ifndef PQ_PARQUET_FILE_SCAN_H
#define PQ_PARQUET_FILE_SCAN_H

#include "parquet/reader.h"
#include "parquet/side_cache.h"

typedef enum pq_test {
  PQ_TEST_EQ,
  PQ_TEST_NE, /* a null is not NE */
  PQ_TEST_LT,
  PQ_TEST_LE,
  PQ_TEST_GT,
  PQ_TEST_GE,
  PQ_TEST_IN,
  PQ_TEST_IS_NULL,
  PQ_TEST_NOT_NULL
} pq_test;

/* A condition on a flat leaf, in the leaf's own order (unsigned for UINT and byte arrays, numeric
 * for decimals; a NaN equals a NaN and is above all other floats). Values are PLAIN bytes without
 * length prefix, of the leaf's physical type. */
typedef struct pq_predicate {
  uint32_t leaf;
  pq_test test;
  const pq_slice *values; /* borrowed: one; IN: any number */
  uint32_t value_count;
} pq_predicate;

typedef struct pq_file_scan_options {
  const uint32_t *leaves; /* to give, in this order; borrowed until pq_file_scan_new returns */
  uint32_t leaf_count;
  const pq_predicate *predicates; /* all must hold; copied, their values borrowed */
  uint32_t predicate_count;
  uint32_t row_group_lo, row_group_hi; /* hi 0: all */
  uint32_t batch_rows;                 /* at most; 0: 8192 */
  uint64_t memory_max;                 /* of the scan beyond the batch; 0: 64 MiB, or 4 MiB for
                                          each column read if that is more */
  bool has_codes;                      /* give dictionary columns as codes where possible */
  bool is_unpruned;                    /* do not believe statistics, blooms and indexes */
  pq_side_cache *cache;                /* borrowed, outlives the scan; NULL: none */
} pq_file_scan_options;

/* Predicates may leave a batch with few rows, but never with none. */
typedef struct pq_row_batch {
  uint32_t row_count;
  uint32_t row_group;
  uint64_t first_row;       /* number in the file of the first row */
  const uint64_t *rows;     /* of each row; NULL: they follow each other. Borrowed as `columns` */
  const pq_column *columns; /* by position in options.leaves; borrowed until the next call */
  uint32_t column_count;
} pq_row_batch;

/* What a scan did so far. */
typedef struct pq_file_scan_stats {
  uint64_t requests, bytes, rounds;
  uint64_t row_groups, row_groups_kept;
  uint64_t pages, pages_kept; /* of filter columns with a page index */
  uint64_t rows, rows_tested, rows_kept;
} pq_file_scan_stats;

typedef struct pq_file_scan pq_file_scan;

/* A scan before its first batch; no I/O. PQ_EINVALID for a column or predicate that the file cannot
 * have, PQ_ENOMEM. */
int pq_file_scan_new(pq_cx *cx, const pq_file *file, pq_file_scan_options options,
                     pq_file_scan **out) PQ_MUST_CHECK;
void pq_file_scan_free(pq_file_scan *s); /* NULL is allowed; no request may be in flight */
/* Go on with other row groups, [lo, hi) of the file, keeping buffers and what was counted. Only
 * before the first batch or after the end. */
void pq_file_scan_move(pq_file_scan *s, uint32_t row_group_lo, uint32_t row_group_hi);
/* The next batch. After a failure only free. PQ_NEED_IO, PQ_ECORRUPT, PQ_EUNSUPPORTED, PQ_ELIMIT,
 * PQ_ENOMEM, PQ_EIO. */
int pq_file_scan_next(pq_file_scan *s, pq_row_batch *out) PQ_MUST_CHECK;

/* ---- driver side, as pq_fetch_take and pq_fetch_done ---- */
bool pq_file_scan_take(pq_file_scan *s, pq_io_req *out, uint32_t *set);
void pq_file_scan_done(pq_file_scan *s, uint32_t set, uint32_t id, int rc, const char *detail);

pq_file_scan_stats pq_file_scan_so_far(const pq_file_scan *s);

#endif
