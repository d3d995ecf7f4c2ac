/* parquet/writer.h - writing Parquet into memory, one row group of columns at a time.
 *
 *   pq_writer_new(cx, specs, count, options)
 *   pq_writer_add(w, columns)      one row group: encodes, compresses, gathers statistics
 *   pq_writer_join(w, part)        row groups that another writer made beside it, byte for byte
 *   pq_writer_finish(w, …)         blooms, column and offset indexes, footer
 *   pq_writer_bytes(w)             the file
 *
 * What is chosen here: per chunk dictionary against plain against delta against streams, from the
 * data; pages cut by size on row boundaries; zstd; CRC of every page; bounds truncated to 64 bytes
 * (max rounded up on a code point) with exactness flags; page index always; split-block bloom
 * filter sized from the distinct count where the spec asks; column_orders; both LogicalType and
 * ConvertedType. pq_writer_new_nested also writes size statistics and distinct counts; the
 * database's own small files do without.
 */
#ifndef PQ_PARQUET_WRITER_H
#define PQ_PARQUET_WRITER_H

#include "parquet/bloom.h"
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

/* A file with any schema is described node by node, depth first, the root left out. A group has
 * children and its note is NONE, LIST, MAP or VARIANT; a leaf has a type and the note that the
 * reader would give it (format.h). Groups of LIST, MAP and VARIANT are spelled out as the format
 * has them: `tags (LIST) / list (REPEATED) / element`. */
typedef struct pq_node_spec {
  const char *name;
  pq_repetition repetition;
  uint32_t child_count; /* 0: a leaf */
  pq_note note;
  int32_t field_id; /* -1: none */
  /* leaves only */
  pq_phys phys;
  uint32_t type_len; /* PQ_PHYS_FIXED */
  pq_hint hint;
  bool has_encoding; /* use `encoding` and do not choose; PQ_EINVALID if the type lacks it */
  pq_encoding encoding;
  bool has_bloom, has_stats;
  uint32_t page_len; /* as in pq_column_spec, but 0: as the layout has it */
} pq_node_spec;

/* The nodes of a column, and their number: 3 of a VARIANT, else 1. */
uint32_t pq_column_spec_nodes(const pq_column_spec *spec, pq_node_spec out[3]);

/* What a file is made for. It says how long pages and dictionaries become; rows of a row group are
 * the caller's: 100,000 to 250,000 for scans, 20,000 to 50,000 for lookups. */
typedef enum pq_layout {
  PQ_LAYOUT_ANALYTIC = 0, /* scans: pages of 128 KiB, 1 MiB of long values; dictionary 1 MiB */
  PQ_LAYOUT_OPERATIONAL   /* lookups: 32 KiB, 64 KiB of long values; dictionary 64 KiB */
} pq_layout;

typedef struct pq_writer_options {
  pq_codec codec; /* default PQ_CODEC_ZSTD when options is zeroed: see level */
  int level;      /* zstd level; 0: 3 */
  bool is_uncompressed;
  const char *created_by; /* borrowed */
  double bloom_fpp;       /* 0: 0.01 */
  bool is_v2;             /* data page v2 */
  pq_layout layout;
  /* Rows of a page, at most, of a text column whose values are in order or each stand together, so
   * that bounds of pages tell where a value is; 0: as of other columns. One with PQ_HINT_SORTED
   * is asked for single values, each page of which is a request: it has long pages. */
  uint32_t ordered_rows;
  bool is_compact; /* no size statistics and distinct counts: as pq_writer_new always */
} pq_writer_options;

typedef struct pq_writer pq_writer;

/* Sorting column: index of a spec of pq_writer_new, of a leaf after pq_writer_new_nested. */
typedef struct pq_sort_column {
  uint32_t spec;
  bool is_descending, nulls_first;
} pq_sort_column;

/* A new writer. `specs` are copied. PQ_ENOMEM, PQ_ELIMIT. `free` takes NULL. */
int pq_writer_new(pq_cx *cx, const pq_column_spec *specs, uint32_t spec_count,
                  pq_writer_options options, pq_writer **out) PQ_MUST_CHECK;
void pq_writer_free(pq_writer *w);

/* The same for a schema of any shape; pq_writer_new is this for flat ones. Columns of leaves that
 * are not flat are added with their levels (format.h). PQ_EINVALID for a schema that the format
 * does not allow. */
int pq_writer_new_nested(pq_cx *cx, const pq_node_spec *nodes, uint32_t node_count,
                         pq_writer_options options, pq_writer **out) PQ_MUST_CHECK;

/* Sorting columns to state in each row group added from now on. Copied. */
int pq_writer_sorting(pq_writer *w, const pq_sort_column *columns, uint32_t count) PQ_MUST_CHECK;

/* Write one row group; `columns` are leaves in schema order, all with the same row_count (>= 1) and
 * of the leaf's type. PQ_EINVALID: nulls in a required column, values of the wrong length, levels
 * that do not fit together; then the writer is as it was. Borrowed for the call. */
int pq_writer_add(pq_writer *w, const pq_column *columns, uint32_t column_count) PQ_MUST_CHECK;

/* The same in steps: begin, then step until *is_done or a failure. A step encodes about *len_left
 * bytes, at most a page more (the first step of a column besides looks at all its values to choose
 * their encoding), and takes them off it. The columns are borrowed until then, and nothing else may
 * be asked of the writer but its free. */
int pq_writer_begin(pq_writer *w, const pq_column *columns, uint32_t column_count) PQ_MUST_CHECK;
int pq_writer_step(pq_writer *w, uint64_t *len_left, bool *is_done) PQ_MUST_CHECK;

/* Append the row groups of `part`, an unfinished writer of the same columns and options, without
 * size statistics, that gave nothing away. A file does not show which of its row groups were made
 * where. `part` stays as it is; after a failure so does `w`. PQ_ENOMEM, PQ_ELIMIT. */
int pq_writer_join(pq_writer *w, const pq_writer *part) PQ_MUST_CHECK;

/* File bytes so far (about, where they are not made yet), to decide when to start another file. */
uint64_t pq_writer_len(const pq_writer *w);

/* Give away the file bytes that have been made since the last call and forget them, so that a
 * file may be larger than memory: for a caller that appends them to storage. Borrowed until the
 * next call on `w`. After pq_writer_finish it gives the rest. Not to be mixed with
 * pq_writer_bytes. */
pq_slice pq_writer_drain(pq_writer *w);
/* The same for the first `len` of them, of the pq_writer_held(w) that have not been given away yet;
 * none may be given away while a row group is written. */
pq_slice pq_writer_drain_part(pq_writer *w, size_t len);
size_t pq_writer_held(const pq_writer *w);
/* A finished file's bytes that were not given away. Borrowed until free. */
pq_slice pq_writer_rest(const pq_writer *w);

/* Write indexes and footer. `key_values` are copied into it. A file without row groups is valid.
 * After this only bytes, footer_len and free. */
int pq_writer_finish(pq_writer *w, const pq_key_value *key_values, uint32_t count) PQ_MUST_CHECK;
pq_slice pq_writer_bytes(const pq_writer *w); /* borrowed until free */
/* The bloom filters of a leaf in a finished file, by row group, borrowed until free. 0: it has more
 * than `cap` row groups, or one of them has no filter or no bounds. */
uint32_t pq_writer_blooms(const pq_writer *w, uint32_t leaf, pq_bloom_place *out, uint32_t cap);
/* The values of a leaf of texts that has only one in each row group, each once, borrowed until
 * free. 0: a row group has several, or they are more than `cap`. */
uint32_t pq_writer_constants(const pq_writer *w, uint32_t leaf, pq_slice *out, uint32_t cap);
uint64_t pq_writer_footer_len(const pq_writer *w);

#endif
