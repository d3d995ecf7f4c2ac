/* parquet/chunk_int.h - one column chunk as the reading functions see it. */
#ifndef PQ_PARQUET_CHUNK_INT_H
#define PQ_PARQUET_CHUNK_INT_H

#include "parquet/place_int.h"
#include "parquet/reader.h"

typedef struct pq_chunk_ref {
  const pq_leaf *leaf; /* borrowed from the footer, as are the next two */
  const pq_chunk *chunk;
  const pq_row_group *group;
  uint64_t file_end; /* where the footer begins */
  uint32_t row_count;
  pq_place at; /* the chunk's first byte */
} pq_chunk_ref;

/* Find a chunk. The numbers must be in range. No check of what it holds. */
pq_chunk_ref pq_chunk_ref_of(pq_cx *cx, const pq_file *file, uint32_t row_group, uint32_t leaf);

/* Can its rows be counted and read: a flat column of at most 2^32 - 1 rows, one value for each?
 * PQ_EUNSUPPORTED, PQ_ELIMIT, PQ_ECORRUPT. */
int pq_chunk_ref_check(pq_chunk_ref *r) PQ_MUST_CHECK;

/* A page header. */
typedef struct pq_page_header {
  pq_page_type type;
  uint32_t header_len;       /* bytes of the header itself */
  uint32_t stored_len;       /* bytes that follow it */
  uint32_t uncompressed_len; /* of those, unpacked */
  bool has_crc;
  uint32_t crc;
  uint32_t value_count; /* nulls included */
  pq_encoding encoding;
  pq_encoding def_encoding;  /* v1 */
  uint32_t null_count;       /* v2 */
  uint32_t row_count;        /* v2 */
  uint32_t def_len, rep_len; /* v2: bytes of the levels */
  bool is_compressed;        /* v2 */
} pq_page_header;

/* Parse the header at the start of `bytes`, which hold at least the whole page. Page types that
 * we do not know come back with their number, to be skipped. PQ_ECORRUPT, PQ_ELIMIT. */
int pq_page_header_parse(const pq_place *at, pq_slice bytes, pq_page_header *out) PQ_MUST_CHECK;

#endif
