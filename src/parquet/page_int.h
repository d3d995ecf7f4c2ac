/* parquet/page_int.h - one page: from its stored bytes to entries that can be read or skipped.
 *
 *   measure ──► how much memory                the caller has its own ways to keep memory
 *   open    ──► CRC, unpack, levels, values    ready to be read
 *   span, skip, read ──► a sink                rows to entries; entries to slots
 *
 *   entries   | 0 | 1 | 2 | 3 | 4 | 5 |         one slot each
 *   rep         0   1   0   0   1   1           rows begin at 0, 2 and 3
 *   def         2   2   0   2   1   2           a value where def is the maximum
 *   nulls       0   0   1   0   1   0
 *
 * A flat leaf has neither levels nor more than one entry a row, only nulls, and those only in pages
 * that hold some. Shared by chunk.c (all memory in an arena) and cursor.c (buffers that are
 * reused).
 */
#ifndef PQ_PARQUET_PAGE_INT_H
#define PQ_PARQUET_PAGE_INT_H

#include "parquet/chunk_int.h"
#include "parquet/decode_int.h"

/* A page as it is stored. */
typedef struct pq_page {
  pq_page_header h;
  pq_slice stored; /* the bytes behind the header; borrowed */
  pq_place at;
} pq_page;

/* What opening it takes. */
typedef struct pq_page_needs {
  size_t body_len;   /* bytes to unpack to; 0: the stored ones serve as they are */
  size_t levels_len; /* bytes for nulls and levels */
  bool has_slices;   /* values will be slices of the body, so it has to live as long as they */
} pq_page_needs;

/* Compare the CRC and find out. PQ_ECORRUPT. */
int pq_page_measure(const pq_chunk_ref *r, const pq_page *p, pq_page_needs *out) PQ_MUST_CHECK;

/* The memory given for it, all borrowed. */
typedef struct pq_page_env {
  pq_decompressor *decompressor;
  pq_arena *arena; /* for values that are not slices of the body */
  const pq_dictionary *dictionary;
  uint8_t *body, *levels; /* as many bytes as measured */
  bool is_unpacked;       /* the body holds the page already (ahead_int.h) */
} pq_page_env;

/* A data page being read. It may not be moved while it is open. */
typedef struct pq_page_reader {
  const pq_leaf *leaf; /* borrowed */
  pq_place at;
  uint32_t entry_count, pos;
  uint32_t row_count;        /* rows that begin in it */
  bool is_coded;             /* dictionary-encoded */
  const uint8_t *nulls;      /* NULL: none */
  const uint8_t *def, *rep;  /* NULL: all are the maximum; all are 0 */
  const pq_kernels *kernels; /* constant */
  pq_values values;
} pq_page_reader;

/* Unpack a data page and prepare to read it. PQ_ECORRUPT, PQ_EUNSUPPORTED, PQ_ENOMEM, PQ_ELIMIT. */
int pq_page_open(const pq_chunk_ref *r, const pq_page *p, pq_page_env env,
                 pq_page_reader *out) PQ_MUST_CHECK;

/* Only the first step of it: the packed part of a page into env->body. For threads: of `r` only its
 * place's context may change. */
int pq_page_unpack(const pq_chunk_ref *r, const pq_page *p, const pq_page_env *env) PQ_MUST_CHECK;

/* Decode a dictionary page. Its values live in env.arena and borrow from the body. */
int pq_page_dictionary(const pq_chunk_ref *r, const pq_page *p, pq_page_env env,
                       pq_dictionary *out) PQ_MUST_CHECK;

/* A column that grows. Room for what is read into it is the caller's business. */
typedef struct pq_sink {
  uint32_t count; /* entries so far */
  bool is_coded;  /* slots are codes */
  bool has_nulls; /* some entry is null: `nulls` is filled; else it holds anything */
  void *values;
  uint8_t *nulls;     /* room, if the leaf's def_max is not 0 */
  uint8_t *def, *rep; /* room, if the leaf is not flat, and if its rep_max is not 0 */
} pq_sink;

/* How many entries from here on make up the rest of an open row and `rows` more rows. *begun is
 * how many of those begin. */
uint32_t pq_page_span(const pq_page_reader *p, uint32_t rows, uint32_t *begun);

/* Pass over, or append to the sink, the next `n` entries, which the page has. */
int pq_page_skip(pq_page_reader *p, uint32_t n) PQ_MUST_CHECK;
int pq_page_read(pq_page_reader *p, uint32_t n, pq_sink *to) PQ_MUST_CHECK;

#endif
