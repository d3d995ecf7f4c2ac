/* parquet/chunk_write_int.h - one column of one row group into pages.
 *
 *   pq_column ──gather──► pq_dense ──choose──► encoding ──cut──► pages ──► file
 *    (rows)              (no nulls)           (by trial)   │
 *                                                          └──► column index, offset index, bloom
 *
 *   page:   header | crc'd, compressed: [levels: len:u32, hybrid] values
 *   chunk:  [dictionary page] data page …
 *
 * chunk_choose.c picks the encoding by encoding and compressing a sample of the chunk each way;
 * chunk_write.c cuts and writes the pages; page_index_write.c the indexes and the bloom filter.
 * All buffers are kept between chunks. Not thread-safe.
 */
#ifndef PQ_PARQUET_CHUNK_WRITE_INT_H
#define PQ_PARQUET_CHUNK_WRITE_INT_H

#include "parquet/dict_build_int.h"
#include "parquet/page_bounds_int.h"
#include "parquet/thrift_write_int.h"
#include "parquet/writer.h"

/* What the chunk writer has to know of a leaf. */
typedef struct pq_leaf_spec {
  const pq_column_spec *top; /* borrowed: the column it belongs to */
  const char *child;         /* constant: name below a VARIANT group, or NULL */
  pq_phys phys;
  uint32_t type_len;
  bool is_optional; /* has definition levels */
  bool is_text;     /* bounds are cut between characters */
  bool has_stats, has_bloom;
  pq_hint hint;
  uint32_t page_len;
} pq_leaf_spec;

/* Bytes in one of the side buffers, which are put behind the row groups. */
typedef struct pq_side {
  size_t off, len; /* len 0: none */
} pq_side;

typedef struct pq_written_chunk {
  pq_codec codec;
  pq_encoding encoding; /* of all data pages; RLE_DICTIONARY: there is a dictionary page */
  uint32_t data_page_count;
  uint64_t row_count, null_count;
  uint64_t off, len, uncompressed_len;
  uint64_t data_page_off;
  pq_bounds bounds; /* as stored; owned by the writer's arena */
  bool min_is_exact, max_is_exact;
  pq_side bloom, column_index, offset_index;
} pq_written_chunk;

typedef struct pq_written_page {
  uint64_t off;
  uint32_t len; /* with header */
  uint32_t first_row, row_count, null_count;
  pq_bounds bounds; /* exact; borrowed from column or arena */
} pq_written_page;

typedef struct pq_chunk_writer {
  pq_cx *cx; /* borrowed */
  pq_codec codec;
  int level;
  double bloom_fpp;
  pq_compressor compressor;
  pq_dict dict;
  pq_arena arena; /* bounds of the chunk being written */
  pq_buf file;    /* the file so far */
  pq_buf column_indexes, offset_indexes, blooms;
  /* scratch */
  pq_buf values;  /* dense values of a column with nulls */
  pq_buf sample;  /* some of them, for trials */
  pq_buf numbers; /* levels and codes as uint32 */
  pq_buf seen;    /* per dictionary entry: last page that used it; then the entries of a page */
  pq_buf body;    /* a page before compression */
  pq_buf packed;  /* and after */
  pq_buf lengths; /* for pq_encode */
  pq_buf pages;   /* of pq_written_page */
} pq_chunk_writer;

/* How to write a chunk. Costs are in 1/65536 byte. */
typedef struct pq_choice {
  pq_encoding encoding;
  bool has_dict; /* w->dict is built, chosen or not */
  uint64_t cost; /* per PLAIN byte for BYTES without dictionary, else per value */
  uint32_t page_rows_max;
} pq_choice;

void pq_chunk_writer_init(pq_chunk_writer *w, pq_cx *cx);
void pq_chunk_writer_release(pq_chunk_writer *w);

/* Append a chunk to w->file and its indexes to the side buffers. After a failure the caller cuts
 * the buffers back. Bounds are copied into `keep`. */
int pq_chunk_write(pq_chunk_writer *w, const pq_leaf_spec *spec, const pq_column *column,
                   pq_arena *keep, pq_written_chunk *out) PQ_MUST_CHECK;

/* ---- between the three files ---- */

/* Room for `count` elements of `size` in a scratch buffer, whose content is lost. */
int pq_chunk_scratch(pq_buf *b, size_t count, size_t size) PQ_MUST_CHECK;

/* Pick the encoding for all values of the chunk; builds w->dict if that may pay. */
int pq_chunk_choose(pq_chunk_writer *w, const pq_leaf_spec *spec, const pq_dense *v,
                    pq_choice *out) PQ_MUST_CHECK;

/* Column index (unless bounds are missing) and offset index of w->pages. */
int pq_chunk_put_indexes(pq_chunk_writer *w, const pq_leaf_spec *spec,
                         pq_written_chunk *chunk) PQ_MUST_CHECK;

/* The bloom filter of the hashes in w->dict. */
int pq_chunk_put_bloom(pq_chunk_writer *w, pq_written_chunk *chunk) PQ_MUST_CHECK;

#endif
