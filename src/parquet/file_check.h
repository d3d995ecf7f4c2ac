/* parquet/file_check.h - a file read from end to end: what it is made of, and everything in it that
 * is wrong.
 *
 *   row group ─► chunk ─► page ─► header, CRC, unpacked, levels, values
 *                  │        └──── each value against: bounds of the page, bounds of the chunk,
 * bloom └───────────── counts and sizes of the pages against: page index, footer row group ─►
 * levels of neighbouring columns against each other
 *
 *   while chunks are left: pq_file_check_next(c, &facts)
 *     PQ_OK       the facts of the next chunk, row groups and columns in order
 *     PQ_NEED_IO  run the requests of pq_file_check_fetch(c), call again
 *
 * What is wrong is given to a function as a text; the check goes on behind it, so that all of it is
 * found. Memory: a page, a dictionary, the levels of two nested columns of one row group.
 * With `only_headers` nothing but the headers of pages is read: facts are had, nothing is checked.
 */
#ifndef PQ_PARQUET_FILE_CHECK_H
#define PQ_PARQUET_FILE_CHECK_H

#include "parquet/reader.h"

/* Pages of one kind. Bytes with their headers. */
typedef struct pq_page_sums {
  uint64_t pages, values, stored_len, unpacked_len;
} pq_page_sums;

enum { PQ_ENCODING_COUNT = 10 };

typedef struct pq_chunk_facts {
  uint32_t row_group, leaf;
  uint32_t data_page_count, v2_page_count; /* the latter among the former */
  uint32_t dictionary_page_count, other_page_count;
  uint32_t crc_page_count;
  uint32_t encodings; /* set of 1 << pq_encoding, of the values in data pages */
  uint64_t entry_count;
  uint64_t stored_len, unpacked_len;           /* of pages, headers included */
  pq_page_sums by_encoding[PQ_ENCODING_COUNT]; /* data pages of the encodings that there are */
  pq_page_sums dictionaries;
  /* not with only_headers */
  uint64_t row_count, null_count; /* null_count: entries without a value */
} pq_chunk_facts;

typedef struct pq_file_check_options {
  bool only_headers;
  void (*found)(void *ud, const char *problem); /* the text is borrowed */
  void *ud;
} pq_file_check_options;

typedef struct pq_file_check pq_file_check;

int pq_file_check_new(pq_cx *cx, const pq_file *file, pq_file_check_options options,
                      pq_file_check **out) PQ_MUST_CHECK;
void pq_file_check_free(pq_file_check *c); /* NULL is allowed; no request may be in flight */

/* What the footer says, against itself. Calls `found`. */
int pq_file_check_footer(pq_file_check *c) PQ_MUST_CHECK;

/* The next chunk. There must be one left. Only failures that are not the file's come back: PQ_EIO,
 * PQ_ENOMEM. */
int pq_file_check_next(pq_file_check *c, pq_chunk_facts *out) PQ_MUST_CHECK;

pq_fetch *pq_file_check_fetch(pq_file_check *c);

/* "PLAIN", "RLE_DICTIONARY" … NULL for a number that is none. */
const char *pq_encoding_name(unsigned encoding);

#endif
