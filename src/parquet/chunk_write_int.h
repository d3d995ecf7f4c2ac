/* parquet/chunk_write_int.h - one column of one row group into pages.
 *
 *   pq_column ──gather──► pq_dense ──choose──► encoding ──cut──► pages ──► file
 *   (entries)            (no nulls)           (by trial)   │
 *                                                          └──► column index, offset index, bloom
 *
 *   page v1:  header | crc'd, compressed: [rep: len:u32, hybrid] [def: len:u32, hybrid] values
 *   page v2:  header | crc'd: [rep: hybrid] [def: hybrid] values, perhaps compressed
 *   chunk:    [dictionary page] data page …
 *
 * chunk_choose.c picks the encoding by encoding and compressing a sample of the chunk each way;
 * chunk_write_levels.c checks and counts the levels; chunk_write.c cuts and writes the pages;
 * page_index_write.c the indexes and the bloom filter; the offset index only at the end of the
 * file, when row groups that were made elsewhere have their place. All buffers are kept between
 * chunks. Not thread-safe.
 */
#ifndef PQ_PARQUET_CHUNK_WRITE_INT_H
#define PQ_PARQUET_CHUNK_WRITE_INT_H

#include "parquet/dict_build_int.h"
#include "parquet/page_bounds_int.h"
#include "parquet/thrift_write_int.h"
#include "parquet/writer.h"

/* What the chunk writer has to know of a leaf. Pointers are borrowed. */
typedef struct pq_leaf_spec {
  const char *name;     /* dotted path, for messages */
  const pq_slice *path; /* for the footer */
  uint32_t path_count;
  pq_phys phys;
  uint32_t type_len;
  uint32_t def_max, rep_max;
  const uint8_t *rep_defs;         /* per repetition level: least definition level of an element */
  uint32_t shared_def, shared_rep; /* levels of what it shares with the leaf before it */
  pq_bounds_order order;           /* of its bounds */
  bool is_text;                    /* bounds are cut between characters */
  bool has_stats, has_bloom;
  bool has_sizes; /* size statistics and distinct counts are written */
  bool has_encoding;
  pq_encoding encoding; /* only if has_encoding */
  pq_hint hint;
  uint32_t page_len; /* 0: chosen */
} pq_leaf_spec;

/* Does it have entries with levels that tell more than null or not? */
static inline bool pq_leaf_is_nested(const pq_leaf_spec *leaf) {
  return leaf->def_max > 1 || leaf->rep_max > 0;
}

/* A data page as the offset index has it. */
typedef struct pq_page_place {
  uint64_t off; /* in the file, as in pq_written_chunk */
  uint32_t len; /* with header */
  uint32_t first_row;
  uint64_t bytes_len; /* as in pq_written_chunk */
} pq_page_place;

/* Bytes in one of the side buffers, which are put behind the row groups. */
typedef struct pq_side {
  size_t off, len; /* len 0: none */
} pq_side;

typedef struct pq_written_chunk {
  pq_codec codec;
  pq_encoding encoding; /* of all data pages; RLE_DICTIONARY: there is a dictionary page */
  uint32_t data_page_count;
  uint32_t distinct_count; /* 0: not counted */
  uint64_t entry_count, null_count;
  uint64_t bytes_len;        /* BYTES: of all values, without lengths */
  const uint64_t *histogram; /* nested: def_max + 1 counts, then rep_max + 1; writer's arena */
  uint64_t off, len, uncompressed_len;
  uint64_t data_page_off;
  pq_bounds bounds; /* as stored; owned by the writer's arena */
  bool min_is_exact, max_is_exact;
  pq_page_place *pages; /* data_page_count; owned by the writer's arena */
  pq_side bloom, column_index, offset_index;
} pq_written_chunk;

typedef struct pq_written_page {
  uint64_t off;
  uint32_t len; /* with header */
  uint32_t first_row, row_count, entry_count, null_count;
  uint64_t bytes_len;        /* as in pq_written_chunk */
  const uint64_t *histogram; /* the same; arena of the chunk writer */
  pq_bounds bounds;          /* exact; borrowed from column or arena */
} pq_written_page;

typedef struct pq_chunk_writer {
  pq_cx *cx; /* borrowed */
  pq_codec codec;
  int level;
  double bloom_fpp;
  bool is_v2;
  pq_layout layout;
  uint32_t ordered_rows; /* of a page of a text column in order, at most; 0: as of others */
  pq_compressor compressor;
  pq_dict dict;
  pq_arena arena; /* bounds of the chunk being written */
  pq_buf file;    /* the file so far, from its byte `base` on */
  uint64_t base;
  pq_buf column_indexes, offset_indexes, blooms;
  /* scratch */
  pq_buf values;  /* dense values of a column with nulls */
  pq_buf absent;  /* per entry of a nested column: 1 = no value */
  pq_buf sample;  /* some of them, for trials */
  pq_buf numbers; /* levels and codes as uint32 */
  pq_buf seen;    /* per dictionary entry: last page that used it; then the entries of a page */
  pq_buf levels;  /* of a page */
  pq_buf body;    /* a page before compression */
  pq_buf packed;  /* and after */
  pq_buf lengths; /* for pq_encode */
  pq_buf pages;   /* of pq_written_page */
} pq_chunk_writer;

/* How to write a chunk. Costs are in 1/65536 byte. */
typedef struct pq_choice {
  pq_encoding encoding;
  uint32_t prefix_max; /* of pq_dense */
  bool has_dict;       /* w->dict is built, chosen or not */
  uint64_t cost;       /* per PLAIN byte for BYTES without dictionary, else per value */
  uint32_t page_rows_max;
  int level;      /* of the codec */
  unsigned width; /* bits of a code at least, which may be more than the dictionary needs */
} pq_choice;

void pq_chunk_writer_init(pq_chunk_writer *w, pq_cx *cx);
void pq_chunk_writer_release(pq_chunk_writer *w);

/* Rows [first_row, first_row + row_count), their entries and their values. */
typedef struct pq_page_rows {
  uint32_t first_row, row_count;
  uint32_t first_entry, entry_count;
  uint32_t first_value, value_count;
} pq_page_rows;

/* Where a page has to end. */
typedef struct pq_page_end {
  uint64_t limit;     /* the cost of the chunk so far that closes a page */
  uint64_t page_cost; /* of a page */
  uint32_t rows_max;
} pq_page_end;

/* A chunk being written. */
typedef struct pq_chunk_job {
  pq_chunk_writer *w;
  const pq_leaf_spec *spec;
  const pq_column *column;
  pq_written_chunk *out;
  size_t start;          /* of the chunk in w->file */
  const uint8_t *absent; /* per entry, 1 = no value; NULL: all have one */
  pq_dense values;       /* all of the chunk */
  pq_choice choice;
  pq_codec codec;
  uint64_t entry_cost; /* of levels; 1/65536 byte, as all costs */
  uint64_t cost;       /* of all entries */
  pq_page_rows page;   /* the next one */
  pq_page_end end;
  uint64_t spent; /* of the cost, by the pages before it */
} pq_chunk_job;

/* Begin a chunk at the end of w->file; the column is borrowed until it is done. */
int pq_chunk_begin(pq_chunk_job *k, pq_chunk_writer *w, const pq_leaf_spec *spec,
                   const pq_column *column, pq_written_chunk *out) PQ_MUST_CHECK;
/* Append pages until about *len_left bytes of them, uncompressed, were written, which are taken off
 * it; at the end the column index and bloom filter follow in the side buffers. After a failure the
 * caller cuts the buffers back. Bounds and the places of pages are copied into `keep`. */
int pq_chunk_step(pq_chunk_job *k, pq_arena *keep, uint64_t *len_left, bool *is_done) PQ_MUST_CHECK;

/* ---- between the files ---- */

/* Check the levels of a nested column; `absent` gets a byte per entry. PQ_EINVALID. */
int pq_chunk_check_levels(pq_cx *cx, const pq_leaf_spec *spec, const pq_column *column,
                          pq_buf *absent) PQ_MUST_CHECK;

/* Two neighbouring leaves must agree on the groups above both. PQ_EINVALID. */
int pq_chunk_check_shared(pq_cx *cx, const pq_leaf_spec *specs,
                          const pq_column *columns) PQ_MUST_CHECK;

/* Levels of a page. */
typedef struct pq_levels {
  const uint8_t *levels; /* NULL: `same` for all, */
  const uint8_t *absent; /* but one less where this is not 0, if it is not NULL */
  uint32_t count, max, same;
  bool has_len; /* the length stands before them */
} pq_levels;

/* Append the hybrid of the levels to w->levels; nothing when max is 0. */
int pq_chunk_put_levels(pq_chunk_writer *w, const pq_levels *levels) PQ_MUST_CHECK;

/* Counts of the levels of entries [lo, hi): see pq_written_chunk. */
int pq_chunk_histogram(pq_arena *arena, const pq_leaf_spec *spec, const pq_column *column,
                       const uint32_t range[2], const uint64_t **out) PQ_MUST_CHECK;

/* Room for `count` elements of `size` in a scratch buffer, whose content is lost. */
int pq_chunk_scratch(pq_buf *b, size_t count, size_t size) PQ_MUST_CHECK;

/* Pick the encoding for all values of the chunk; builds w->dict if that may pay. */
int pq_chunk_choose(pq_chunk_writer *w, const pq_leaf_spec *spec, const pq_dense *v,
                    pq_choice *out) PQ_MUST_CHECK;

/* The column index (unless bounds are missing) of w->pages, and their places into `keep`. */
int pq_chunk_put_indexes(pq_chunk_writer *w, const pq_leaf_spec *spec, pq_arena *keep,
                         pq_written_chunk *chunk) PQ_MUST_CHECK;

/* The offset index of a chunk whose pages have their final places. */
int pq_chunk_put_offsets(pq_chunk_writer *w, const pq_leaf_spec *spec,
                         pq_written_chunk *chunk) PQ_MUST_CHECK;

/* The bloom filter of the hashes in w->dict: its keys. */
int pq_chunk_put_bloom(pq_chunk_writer *w, pq_written_chunk *chunk) PQ_MUST_CHECK;

#endif
