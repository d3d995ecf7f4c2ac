/* parquet/cursor_int.h - one column chunk as a stream: skip rows, read rows, a batch at a time.
 *
 *   chunk:    | dictionary | page 0 | page 1 | page 2 | …
 *   window:   └─ resident bytes ───────┘                    asked for through the cursor's own
 *   cursor:                     ^ next row                  fetch set, a window at a time
 *
 *   clear ─► (skip | read)* ─► batch ─► clear ─► …
 *
 * `skip` only counts; pages that hold nothing wanted are passed over by their headers, and with a
 * page index are not even asked for. `read` appends rows to the batch. When bytes are missing it
 * asks for the next window and returns PQ_NEED_IO; what it has appended by then stays, and the
 * same call, made again after the driver ran the requests, goes on where it stopped (DESIGN.md 4:
 * an operator keeps its batch and its fetch set across PQ_NEED_IO).
 *
 * Memory: the window, the pages that the batch refers to, the dictionary, the batch. All of it is
 * counted in a budget that the cursors of a scan share; beyond it PQ_ELIMIT. Buffers are reused,
 * so a scan of a large file allocates only at its start.
 *
 * Hostile input: everything is checked as it is met; a failed cursor is only good for release.
 */
#ifndef PQ_PARQUET_CURSOR_INT_H
#define PQ_PARQUET_CURSOR_INT_H

#include "parquet/chunk_int.h"

/* Bytes that the cursors of one scan hold together. */
typedef struct pq_budget {
  uint64_t used, max;
} pq_budget;

typedef struct pq_cursor_options {
  bool has_codes;                /* give dictionary-encoded pages as codes (pq_column.dictionary) */
  uint32_t window_len;           /* bytes to ask for at once; 0: 1 MiB. One page is always whole */
  pq_budget *budget;             /* borrowed; NULL: one of its own, of limits.op_len_max */
  pq_decompressor *decompressor; /* borrowed, for cursors that share one; NULL: one of its own */
} pq_cursor_options;

typedef struct pq_cursor pq_cursor;

/* A cursor before the first row of a chunk. `index` (NULL: none) is borrowed. No I/O. PQ_ENOMEM,
 * PQ_ECORRUPT, PQ_EUNSUPPORTED. */
int pq_cursor_new(pq_cx *cx, const pq_file *file, uint32_t row_group, uint32_t leaf,
                  const pq_page_index *index, pq_cursor_options options,
                  pq_cursor **out) PQ_MUST_CHECK;
/* No request may be in flight. NULL is allowed. */
void pq_cursor_free(pq_cursor *c);
/* Go on with another chunk of the same leaf, keeping buffers; begins an empty batch. No request
 * may be in flight. As pq_cursor_new. */
int pq_cursor_reopen(pq_cursor *c, uint32_t row_group, const pq_page_index *index) PQ_MUST_CHECK;

/* Begin an empty batch. Slices of the batch before become invalid. */
void pq_cursor_clear(pq_cursor *c);

/* Pass over `n` rows, which the chunk has. No I/O, no decoding now. */
void pq_cursor_skip(pq_cursor *c, uint32_t n);

/* Append rows to the batch until `n` more than at the first call are there: call again with the
 * same `n` after PQ_NEED_IO. PQ_ECORRUPT, PQ_EUNSUPPORTED, PQ_ELIMIT, PQ_ENOMEM, PQ_EIO. */
int pq_cursor_read(pq_cursor *c, uint32_t n) PQ_MUST_CHECK;

/* Ask for the bytes that the rows [first, first + n) need, without reading them; PQ_OK when they
 * are resident. Lets a scan ask for all columns of a batch in one round. A hint: `read` asks by
 * itself. */
int pq_cursor_want(pq_cursor *c, uint32_t n) PQ_MUST_CHECK;

/* The same for some rows of the chunk, none of them before the next one: with a page index asks in
 * one round for exactly the pages that hold them. Ranges count from the chunk's row `first`, are
 * sorted and do not overlap. */
int pq_cursor_want_ranges(pq_cursor *c, uint32_t first, const pq_row_range *ranges,
                          uint32_t count) PQ_MUST_CHECK;

/* The batch. A column has codes when all its rows so far came from dictionary pages of one
 * dictionary and codes were asked for; else values. Borrowed until the next clear or free. */
void pq_cursor_batch(const pq_cursor *c, pq_column *out);

/* The set whose requests the driver has to run: one of two, so ask for it each time. */
pq_fetch *pq_cursor_fetch(pq_cursor *c);

#endif
