/* parquet/writer.h - writing Parquet into memory, one row group of columns at a time.
 *
 *   pq_writer_new(cx, specs, count, options)
 *   pq_writer_add(w, columns)      one row group: encodes, compresses, gathers statistics
 *   pq_writer_finish(w, …)         blooms, column and offset indexes, footer
 *   pq_writer_bytes(w)             the file
 *
 * What is chosen here: per chunk dictionary against plain against delta, from the data; pages cut
 * by size on row boundaries; zstd; CRC of every page; bounds truncated to 64 bytes (max rounded
 * up on a code point) with exactness flags; page index always; split-block bloom filter sized
 * from the distinct count where the spec asks; column_orders; both LogicalType and ConvertedType.
 */
#ifndef PQ_PARQUET_WRITER_H
#define PQ_PARQUET_WRITER_H

#include "parquet/format.h"

typedef enum pq_hint {
  PQ_HINT_AUTO = 0, /* dictionary if it pays, else delta for integers, plain for the rest */
  PQ_HINT_SORTED,   /* sorted strings (ids): DELTA_BYTE_ARRAY; sorted integers: DELTA */
  PQ_HINT_PLAIN     /* documents: PLAIN (BYTES), no dictionary */
} pq_hint;

/* One column. PQ_LOGICAL_VARIANT makes the group with its two leaves and takes two columns in
 * pq_writer_add (metadata, then value). */
typedef struct pq_column_spec {
  const char *name; /* top-level name, may contain any byte but NUL */
  pq_phys phys;     /* ignored for VARIANT */
  pq_logical logical;
  uint32_t type_len; /* PQ_PHYS_FIXED */
  bool is_optional;
  int32_t field_id; /* -1: none */
  pq_hint hint;
  bool has_bloom;
  bool has_stats;    /* min and max in chunk statistics and column index (null counts always) */
  uint32_t page_len; /* uncompressed bytes a page aims at; 0: 32 KiB; VARIANT 64 KiB */
} pq_column_spec;

typedef struct pq_writer_options {
  pq_codec codec; /* default PQ_CODEC_ZSTD when options is zeroed: see level */
  int level;      /* zstd level; 0: 3 */
  bool is_uncompressed;
  const char *created_by; /* borrowed */
  double bloom_fpp;       /* 0: 0.01 */
} pq_writer_options;

typedef struct pq_writer pq_writer;

/* Sorting column: index of a top-level spec. */
typedef struct pq_sort_column {
  uint32_t spec;
  bool is_descending, nulls_first;
} pq_sort_column;

/* A new writer. `specs` are copied. PQ_ENOMEM, PQ_ELIMIT. `free` takes NULL. */
int pq_writer_new(pq_cx *cx, const pq_column_spec *specs, uint32_t spec_count,
                  pq_writer_options options, pq_writer **out) PQ_MUST_CHECK;
void pq_writer_free(pq_writer *w);

/* Sorting columns to state in each row group added from now on. Copied. */
int pq_writer_sorting(pq_writer *w, const pq_sort_column *columns, uint32_t count) PQ_MUST_CHECK;

/* Write one row group; `columns` are leaves in schema order, all with the same row_count (>= 1).
 * Nulls in a required column are a programmer's error. The columns are borrowed for the call. */
int pq_writer_add(pq_writer *w, const pq_column *columns, uint32_t column_count) PQ_MUST_CHECK;

/* File bytes so far, to decide when to start another file. */
size_t pq_writer_len(const pq_writer *w);

/* Write indexes and footer. `key_values` are copied into it. A file without row groups is valid.
 * After this only bytes, footer_len and free. */
int pq_writer_finish(pq_writer *w, const pq_key_value *key_values, uint32_t count) PQ_MUST_CHECK;
pq_slice pq_writer_bytes(const pq_writer *w); /* borrowed until free */
uint64_t pq_writer_footer_len(const pq_writer *w);

#endif
