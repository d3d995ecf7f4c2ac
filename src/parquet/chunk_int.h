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
  uint32_t entry_count;
  pq_place at; /* the chunk's first byte */
} pq_chunk_ref;

/* Find a chunk. The numbers must be in range. No check of what it holds. */
pq_chunk_ref pq_chunk_ref_of(pq_cx *cx, const pq_file *file, uint32_t row_group, uint32_t leaf);

/* Can its rows be counted: at most 2^32 - 1 entries, one for each row unless lists are on the
 * path? Fills row_count and entry_count. PQ_ELIMIT, PQ_ECORRUPT. */
int pq_chunk_ref_check(pq_chunk_ref *r) PQ_MUST_CHECK;

/* Can we unpack it? PQ_EUNSUPPORTED, naming the codec. */
int pq_chunk_ref_codec(const pq_chunk_ref *r) PQ_MUST_CHECK;

/* One slot a row, and `nulls` says all (format.h). */
static inline bool pq_leaf_is_flat(const pq_leaf *leaf) {
  return leaf->def_max <= 1 && leaf->rep_max == 0;
}

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
  pq_encoding def_encoding, rep_encoding; /* v1 */
  uint32_t null_count;                    /* v2 */
  uint32_t row_count;                     /* v2 */
  uint32_t def_len, rep_len;              /* v2: bytes of the levels */
  bool is_compressed;                     /* v2 */
} pq_page_header;

/* A page header may have any length, since statistics stand in it, but not more than this. */
enum { PQ_PAGE_HEADER_LEN_MAX = 16 << 20 };

/* Parse the header at the start of `bytes`. *is_cut: they end inside of it, so ask again with more
 * of them. `left` is how many bytes the chunk has from here on, which must hold the whole page.
 * Page types that we do not know come back with their number, to be skipped. PQ_ECORRUPT,
 * PQ_ELIMIT. */
int pq_page_header_parse(const pq_place *at, pq_slice bytes, uint64_t left, pq_page_header *out,
                         bool *is_cut) PQ_MUST_CHECK;

/* The rows that begin in a data page, where its header tells: not of v1 pages with lists, and old
 * writers of v2 give the number of values there instead. */
bool pq_page_rows(const pq_leaf *leaf, const pq_page_header *h, uint32_t *rows);

/* Does the page hold data, or a dictionary? Others are passed over. */
static inline bool pq_page_is_data(const pq_page_header *h) {
  return h->type == PQ_PAGE_DATA || h->type == PQ_PAGE_DATA_V2;
}

#endif
