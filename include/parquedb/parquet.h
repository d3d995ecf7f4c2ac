/* parquet.h - Apache Parquet files, read and written by column, without the database.
 *
 *     pqdb_parquet *file;
 *     if (pqdb_parquet_open("sales.parquet", NULL, &file) != PQDB_OK) …
 *     uint32_t wanted[] = {0, 3};
 *     pqdb_parquet_scan_options options = {.size = sizeof options, .leaves = wanted,
 *                                          .leaf_count = 2};
 *     pqdb_parquet_scan *scan;
 *     pqdb_parquet_scan_open(file, &options, &scan);
 *     pqdb_parquet_batch batch;
 *     while (pqdb_parquet_next(scan, &batch) == PQDB_ROW)
 *       for (uint32_t i = 0; i < batch.row_count; i++)
 *         use(batch.columns[0].values.i64[i], batch.columns[1].values.bytes[i]);
 *     pqdb_parquet_scan_close(scan);
 *     pqdb_parquet_close(file);
 *
 * Reads every type, encoding, codec and page version of the format but encryption and LZO, which
 * are PQDB_NOT_SUPPORTED; writes the smallest files it can (the encoding of each column is chosen
 * from its data) with page index, bloom filters, checksums. Memory is bounded whatever the file.
 *
 * COLUMNS. A leaf of the schema is a column. One that is flat (no list, map or optional group
 * above it) has a value slot for each row. Any other has an ENTRY for each element, with its
 * definition level (which of the optional and repeated groups on its path are there) and its
 * repetition level (at which list an element goes on; 0 begins a row): Dremel's record shredding,
 * as Parquet stores it. Strings are borrowed from the scan, not copied.
 *
 * I/O. pqdb_parquet_open reads a local file. pqdb_parquet_open_source reads through functions of
 * yours: a range of an object, memory, a network. The engine below asks for bytes and is called
 * again when they are there (src/io/fetch.h); these functions run that loop.
 *
 * Ownership: what a function returns belongs to the handle it came from. Threads: one thread at a
 * time for a handle; scans of one file may run in different threads at the same time, and may be
 * closed in any order, before the file. Errors: a negative PQDB_ status; pqdb_parquet_message()
 * says what and where.
 */
#ifndef PARQUEDB_PARQUET_H
#define PARQUEDB_PARQUET_H

#include <stdbool.h>

#include "parquedb/parquedb.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Physical types. */
typedef enum pqdb_parquet_type {
  PQDB_BOOLEAN = 0,
  PQDB_INT32 = 1,
  PQDB_INT64 = 2,
  PQDB_INT96 = 3,
  PQDB_FLOAT = 4,
  PQDB_DOUBLE = 5,
  PQDB_BYTE_ARRAY = 6,
  PQDB_FIXED_LEN_BYTE_ARRAY = 7
} pqdb_parquet_type;

/* What the values mean. From LogicalType, else from the older ConvertedType. */
typedef enum pqdb_parquet_logical {
  PQDB_LOGICAL_NONE = 0,
  PQDB_LOGICAL_STRING,
  PQDB_LOGICAL_ENUM,
  PQDB_LOGICAL_JSON,
  PQDB_LOGICAL_BSON,
  PQDB_LOGICAL_UUID,
  PQDB_LOGICAL_DATE,
  PQDB_LOGICAL_TIME,
  PQDB_LOGICAL_TIMESTAMP,
  PQDB_LOGICAL_INTEGER,
  PQDB_LOGICAL_DECIMAL,
  PQDB_LOGICAL_FLOAT16,
  PQDB_LOGICAL_INTERVAL,
  PQDB_LOGICAL_GEOMETRY,
  PQDB_LOGICAL_GEOGRAPHY,
  PQDB_LOGICAL_LIST,
  PQDB_LOGICAL_MAP,
  PQDB_LOGICAL_VARIANT,
  PQDB_LOGICAL_NULL, /* a column of nulls without a type */
  PQDB_LOGICAL_UNKNOWN
} pqdb_parquet_logical;

typedef enum pqdb_parquet_repetition {
  PQDB_REQUIRED = 0,
  PQDB_OPTIONAL = 1,
  PQDB_REPEATED = 2
} pqdb_parquet_repetition;

typedef enum pqdb_parquet_codec {
  PQDB_CODEC_NONE = 0,
  PQDB_CODEC_SNAPPY = 1,
  PQDB_CODEC_GZIP = 2,
  PQDB_CODEC_BROTLI = 4, /* reading only */
  PQDB_CODEC_LZ4 = 5,    /* reading only */
  PQDB_CODEC_ZSTD = 6,
  PQDB_CODEC_LZ4_RAW = 7
} pqdb_parquet_codec;

typedef enum pqdb_parquet_encoding {
  PQDB_ENCODING_PLAIN = 0,
  PQDB_ENCODING_PLAIN_DICTIONARY = 2, /* reading only */
  PQDB_ENCODING_RLE = 3,              /* BOOLEAN */
  PQDB_ENCODING_BIT_PACKED = 4,       /* reading only: levels of old files */
  PQDB_ENCODING_DELTA_BINARY_PACKED = 5,
  PQDB_ENCODING_DELTA_LENGTH_BYTE_ARRAY = 6,
  PQDB_ENCODING_DELTA_BYTE_ARRAY = 7,
  PQDB_ENCODING_RLE_DICTIONARY = 8,
  PQDB_ENCODING_BYTE_STREAM_SPLIT = 9
} pqdb_parquet_encoding;

/* One element of a schema, depth first; the root of a file is element 0. To write, fill name,
 * repetition, child_count, type … and leave what says "reading" zero. */
typedef struct pqdb_parquet_node {
  const char *name;
  pqdb_parquet_repetition repetition;
  uint32_t child_count;   /* 0: a leaf */
  pqdb_parquet_type type; /* leaves */
  uint32_t type_len;      /* FIXED_LEN_BYTE_ARRAY: bytes */
  pqdb_parquet_logical logical;
  bool is_unsigned;  /* INTEGER */
  uint8_t bits;      /* INTEGER: 8, 16, 32, 64 */
  uint8_t digits;    /* TIME, TIMESTAMP: of the second: 3, 6 or 9 */
  bool is_utc;       /* TIME, TIMESTAMP: an instant; else local */
  int32_t precision; /* DECIMAL */
  int32_t scale;
  bool has_field_id;
  int32_t field_id;
  /* reading */
  int32_t parent;   /* -1: the root has none */
  int32_t leaf;     /* column number, -1: a group */
  uint8_t def, rep; /* levels at this node */
  const char *path; /* dotted, of a leaf */
  /* writing, leaves */
  bool has_encoding; /* use `encoding`; else it is chosen from the data */
  pqdb_parquet_encoding encoding;
  bool has_bloom;
  bool has_no_stats;
  uint32_t page_len; /* bytes that a page aims at, unpacked; 0: as the layout has it */
} pqdb_parquet_node;

typedef struct pqdb_bytes {
  const uint8_t *p;
  size_t n;
} pqdb_bytes;

/* A column of a batch, or of a row group to write. */
typedef struct pqdb_parquet_column {
  pqdb_parquet_type type;
  uint32_t row_count;
  uint32_t entry_count; /* row_count where the leaf is flat */
  const uint8_t *nulls; /* per entry, 1: no value; NULL: none is null */
  const uint8_t *def;   /* per entry; NULL: the leaf is flat */
  const uint8_t *rep;   /* per entry; NULL: all 0 */
  /* Not NULL: `values.codes` are indexes into `dictionary`, values of the column's type. */
  const void *dictionary;
  uint32_t dictionary_count;
  union {
    const uint8_t *b; /* BOOLEAN: one byte each */
    const int32_t *i32;
    const int64_t *i64;
    const float *f32;
    const double *f64;
    const pqdb_bytes *bytes; /* BYTE_ARRAY, FIXED_LEN_BYTE_ARRAY, INT96 (12 bytes) */
    const uint32_t *codes;
    const void *any;
  } values;
} pqdb_parquet_column;

typedef struct pqdb_parquet pqdb_parquet;
typedef struct pqdb_parquet_scan pqdb_parquet_scan;
typedef struct pqdb_parquet_writer pqdb_parquet_writer;

/* ---- files ---- */

/* Zeroed means the defaults. `size` is sizeof of the struct. */
typedef struct pqdb_parquet_options {
  size_t size;
  bool has_plain_kernels; /* do not use SIMD */
  /* Read a damaged file as far as it goes: pages whose checksum differs are decoded, a row group
   * that states fewer than 0 rows has none. */
  bool is_forgiving;
} pqdb_parquet_options;

/* Where bytes come from. `read` returns PQDB_OK or a negative status, and may be called from every
 * thread that scans the file. What is behind `ud` outlives the file. */
typedef struct pqdb_parquet_source {
  void *ud;
  uint64_t len;                                                 /* of the whole file */
  int (*read)(void *ud, uint64_t off, size_t len, uint8_t *to); /* exactly `len` bytes */
} pqdb_parquet_source;

/* Open a local file: reads its footer. On failure *out only serves pqdb_parquet_message and
 * _close, or is NULL when out of memory. */
PQDB_API int pqdb_parquet_open(const char *path, const pqdb_parquet_options *options,
                               pqdb_parquet **out);
/* The same through functions of the caller; `name` is for messages. */
PQDB_API int pqdb_parquet_open_source(const char *name, const pqdb_parquet_source *source,
                                      const pqdb_parquet_options *options, pqdb_parquet **out);
/* NULL is allowed. Scans must be closed before. */
PQDB_API void pqdb_parquet_close(pqdb_parquet *file);
/* The last failure on the file, "" if none. */
PQDB_API const char *pqdb_parquet_message(const pqdb_parquet *file);

/* Of a file that could not be opened: 0, "" and so on. */
PQDB_API uint64_t pqdb_parquet_row_count(const pqdb_parquet *file);
PQDB_API const char *pqdb_parquet_created_by(const pqdb_parquet *file);
/* The schema, root first. */
PQDB_API const pqdb_parquet_node *pqdb_parquet_schema(const pqdb_parquet *file, uint32_t *count);
/* Column number of the leaf at a dotted path, or -1. */
PQDB_API int32_t pqdb_parquet_leaf(const pqdb_parquet *file, const char *path);
PQDB_API uint32_t pqdb_parquet_leaf_count(const pqdb_parquet *file);
/* Key-value metadata. False when `i` is past the end. Values may hold any byte. */
PQDB_API bool pqdb_parquet_key_value(const pqdb_parquet *file, uint32_t i, pqdb_bytes *key,
                                     pqdb_bytes *value);

/* Row groups are numbered from 0; one that is not there has 0 rows. */
PQDB_API uint32_t pqdb_parquet_row_group_count(const pqdb_parquet *file);
PQDB_API uint64_t pqdb_parquet_row_group_rows(const pqdb_parquet *file, uint32_t row_group);

/* What the footer says of a column chunk. Bounds are PLAIN bytes without length prefix. */
typedef struct pqdb_parquet_chunk {
  pqdb_parquet_codec codec;
  uint64_t value_count; /* entries */
  uint64_t off, len, uncompressed_len;
  bool has_null_count, has_min, has_max, min_is_exact, max_is_exact;
  uint64_t null_count;
  pqdb_bytes min, max;
  bool has_bloom, has_column_index, has_offset_index;
} pqdb_parquet_chunk;

/* PQDB_VALIDATION_FAILED when there is no such chunk. */
PQDB_API int pqdb_parquet_chunk_of(const pqdb_parquet *file, uint32_t row_group, uint32_t leaf,
                                   pqdb_parquet_chunk *out);

/* ---- reading ---- */

typedef enum pqdb_parquet_test {
  PQDB_TEST_EQ,
  PQDB_TEST_NE, /* a null is not NE */
  PQDB_TEST_LT,
  PQDB_TEST_LE,
  PQDB_TEST_GT,
  PQDB_TEST_GE,
  PQDB_TEST_IN,
  PQDB_TEST_IS_NULL,
  PQDB_TEST_NOT_NULL
} pqdb_parquet_test;

/* A condition on a flat leaf. Values are PLAIN bytes of the leaf's type without length prefix
 * (little-endian numbers), compared in the leaf's own order. */
typedef struct pqdb_parquet_predicate {
  uint32_t leaf;
  pqdb_parquet_test test;
  const pqdb_bytes *values; /* one; IN: any number; else none */
  uint32_t value_count;
} pqdb_parquet_predicate;

typedef struct pqdb_parquet_scan_options {
  size_t size;
  const uint32_t *leaves; /* columns to give, in this order; NULL: all */
  uint32_t leaf_count;
  const pqdb_parquet_predicate *predicates; /* all must hold; row groups and pages that cannot
                                               match are not read */
  uint32_t predicate_count;
  uint32_t row_group_lo, row_group_hi; /* hi 0: all */
  uint32_t batch_rows;                 /* at most; 0: 8192 */
  uint64_t memory_max; /* of the scan beyond the batch; 0: 64 MiB, or 4 MiB for each column if
                          that is more. What needs more is PQDB_LIMIT_EXCEEDED */
  bool has_codes;      /* give dictionary columns as codes where possible */
  bool is_unpruned;    /* ignore statistics, bloom filters and page indexes */
} pqdb_parquet_scan_options;

/* A predicate may leave few rows of a batch, but a batch never has none. */
typedef struct pqdb_parquet_batch {
  uint32_t row_count;
  uint32_t row_group;
  uint64_t first_row;   /* number in the file of the first row of the batch */
  const uint64_t *rows; /* of each row; NULL: they follow each other */
  const pqdb_parquet_column *columns;
  uint32_t column_count;
} pqdb_parquet_batch;

typedef struct pqdb_parquet_scan_stats {
  uint64_t requests, bytes, rounds;
  uint64_t row_groups, row_groups_kept;
  uint64_t pages, pages_kept; /* of columns with a predicate and a page index */
  uint64_t rows, rows_tested, rows_kept;
} pqdb_parquet_scan_stats;

/* Begin a scan; nothing is read yet. Options are copied, predicate values borrowed until the scan
 * is closed. On failure *out as in pqdb_parquet_open. */
PQDB_API int pqdb_parquet_scan_open(pqdb_parquet *file, const pqdb_parquet_scan_options *options,
                                    pqdb_parquet_scan **out);
/* NULL is allowed. */
PQDB_API void pqdb_parquet_scan_close(pqdb_parquet_scan *scan);
/* PQDB_ROW with a batch of at least one row, valid until the next call; PQDB_DONE; or a failure. */
PQDB_API int pqdb_parquet_next(pqdb_parquet_scan *scan, pqdb_parquet_batch *out);
PQDB_API const char *pqdb_parquet_scan_message(const pqdb_parquet_scan *scan);
PQDB_API pqdb_parquet_scan_stats pqdb_parquet_scan_so_far(const pqdb_parquet_scan *scan);

/* Takes a batch of a parallel scan. 0: go on; anything else ends the scan and is its result. */
typedef int (*pqdb_parquet_take)(void *ud, const pqdb_parquet_batch *batch);

/* Scan row groups side by side, on one thread for each processor, and return when all is done.
 * `take` is called from these threads at the same time: row groups in any order, the batches of
 * one row group one after the other (so results may be kept by batch->row_group without a lock).
 * Each thread may use memory_max. A failure's message is that of the file. `stats` (NULL: not
 * asked for) is the sum. */
PQDB_API int pqdb_parquet_scan_parallel(pqdb_parquet *file,
                                        const pqdb_parquet_scan_options *options,
                                        pqdb_parquet_take take, void *ud,
                                        pqdb_parquet_scan_stats *stats);

/* ---- writing ---- */

/* What a file is for. Looking up a row costs a page of each column, and the dictionary where there
 * is one; small pages compress a little worse and are slower to scan. Row groups are the caller's:
 * 100,000 to 250,000 rows for scans, 20,000 to 50,000 for lookups. Figures: doc/parquet.md. */
typedef enum pqdb_parquet_layout {
  PQDB_LAYOUT_ANALYTIC = 0, /* pages of 128 KiB, of long values 1 MiB; dictionaries to 1 MiB */
  PQDB_LAYOUT_OPERATIONAL   /* 32 KiB, 64 KiB; dictionaries to 64 KiB */
} pqdb_parquet_layout;

typedef struct pqdb_parquet_writer_options {
  size_t size;
  pqdb_parquet_codec codec; /* with is_uncompressed false and codec NONE: ZSTD */
  bool is_uncompressed;
  int level;         /* zstd, gzip; 0: the codec's default */
  bool has_v2_pages; /* data page v2 */
  double bloom_fpp;  /* 0: 0.01 */
  const char *created_by;
  pqdb_parquet_layout layout;
} pqdb_parquet_writer_options;

/* Where the file goes: bytes are appended in order. */
typedef struct pqdb_parquet_sink {
  void *ud;
  int (*append)(void *ud, const uint8_t *bytes, size_t len);
} pqdb_parquet_sink;

/* Begin a local file, which must not exist; it has its name only once finished. `nodes` are the
 * elements below the root, depth first, copied. On failure *out as in pqdb_parquet_open. */
PQDB_API int pqdb_parquet_create(const char *path, const pqdb_parquet_node *nodes,
                                 uint32_t node_count, const pqdb_parquet_writer_options *options,
                                 pqdb_parquet_writer **out);
PQDB_API int pqdb_parquet_create_sink(const pqdb_parquet_sink *sink, const pqdb_parquet_node *nodes,
                                      uint32_t node_count,
                                      const pqdb_parquet_writer_options *options,
                                      pqdb_parquet_writer **out);
/* State in each further row group that its rows are sorted by these leaves. */
typedef struct pqdb_parquet_sorting {
  uint32_t leaf;
  bool is_descending, nulls_first;
} pqdb_parquet_sorting;
PQDB_API int pqdb_parquet_sorting_columns(pqdb_parquet_writer *w,
                                          const pqdb_parquet_sorting *columns, uint32_t count);
/* Write one row group: a column for each leaf, all with the same rows. */
PQDB_API int pqdb_parquet_write(pqdb_parquet_writer *w, const pqdb_parquet_column *columns,
                                uint32_t column_count);
/* Key-value metadata for the footer. Copied. */
PQDB_API int pqdb_parquet_put_key_value(pqdb_parquet_writer *w, pqdb_bytes key, pqdb_bytes value);
/* Write the footer and close. The handle then only serves _message and _writer_close. */
PQDB_API int pqdb_parquet_finish(pqdb_parquet_writer *w);
/* Without finish before it, an unfinished local file is removed. NULL is allowed. */
PQDB_API void pqdb_parquet_writer_close(pqdb_parquet_writer *w);
PQDB_API const char *pqdb_parquet_writer_message(const pqdb_parquet_writer *w);

/* ---- VARIANT columns ----
 *
 * A VARIANT is a group of columns: `metadata` (names), `value` (bytes) and, where it is shredded,
 * `typed_value` with typed columns of its own. Here it is read and written as whole values, in the
 * Variant binary encoding, and single fields are found in their typed columns. A shape says what is
 * shredded, as text: "{kind: string, geo: {lat: double, lon: double}, tags: [string]}"; types are
 * boolean, int8 … int64, float, double, decimal(P,S), date, time, timestamp, timestamp_ntz,
 * timestamp_ns, timestamp_ntz_ns, binary, string, uuid, and variant for what is not shredded. A *
 * after int16, int32, int64 or double takes narrower numbers too.
 */

/* Without a value (value.p NULL) it is a null, which is not the Variant null. */
typedef struct pqdb_variant {
  pqdb_bytes metadata, value;
} pqdb_variant;

typedef struct pqdb_parquet_variant pqdb_parquet_variant;
typedef struct pqdb_parquet_shredder pqdb_parquet_shredder;

/* Open the VARIANT column at a dotted path of groups, "event". The file is to outlive it. On
 * failure *out as in pqdb_parquet_open. */
PQDB_API int pqdb_parquet_variant_open(const pqdb_parquet *file, const char *path,
                                       pqdb_parquet_variant **out);
PQDB_API void pqdb_parquet_variant_close(pqdb_parquet_variant *v);
PQDB_API const char *pqdb_parquet_variant_message(const pqdb_parquet_variant *v);
/* The shape it is shredded in. */
PQDB_API const char *pqdb_parquet_variant_shape(const pqdb_parquet_variant *v);
/* Its leaves, all of which a scan has to give for whole values. */
PQDB_API const uint32_t *pqdb_parquet_variant_leaves(const pqdb_parquet_variant *v,
                                                     uint32_t *count);
/* The values of a batch of a scan without codes, in which column `first` is the first of those
 * leaves and the others follow in order: one for each row, or if lists stand above the column for
 * each entry of its metadata. They are valid Variants, until the next call or the next batch. */
PQDB_API int pqdb_parquet_variant_values(pqdb_parquet_variant *v, const pqdb_parquet_batch *batch,
                                         uint32_t first, const pqdb_variant **out, uint32_t *count);

typedef struct pqdb_parquet_field {
  int32_t typed_leaf; /* -1: it has no typed column */
  int32_t value_leaf; /* -1: none */
  int32_t metadata_leaf;
  bool is_alone;       /* the typed leaf answers by itself */
  bool is_whole;       /* a shredded object or array: read whole values instead */
  uint32_t rest_count; /* names of the path to look up in `value_leaf` */
  const char *type;    /* of the typed leaf, as in a shape; until the next call */
} pqdb_parquet_field;

/* Where one field is in a row group: "geo.lat"; "tags[]" for each element. If it is alone, nulls of
 * the typed leaf are documents without the field, and its statistics are the field's. Else, where
 * the typed leaf is null, the value leaf may hold the field in another type, or an object with the
 * rest of the path, as a Variant value that goes with the row's metadata. */
PQDB_API int pqdb_parquet_variant_field(pqdb_parquet_variant *v, const char *path,
                                        uint32_t row_group, pqdb_parquet_field *out);

/* A shredder of values into the columns of a shape, for pqdb_parquet_write. */
PQDB_API int pqdb_parquet_shredder_open(const char *shape, bool is_optional,
                                        pqdb_parquet_shredder **out);
/* With a shape guessed from a sample: fields that a tenth of their objects have, nine tenths of
 * them in one type. */
PQDB_API int pqdb_parquet_shredder_guess(const pqdb_variant *sample, uint32_t count,
                                         bool is_optional, pqdb_parquet_shredder **out);
PQDB_API void pqdb_parquet_shredder_close(pqdb_parquet_shredder *s);
PQDB_API const char *pqdb_parquet_shredder_message(const pqdb_parquet_shredder *s);
PQDB_API const char *pqdb_parquet_shredder_shape(const pqdb_parquet_shredder *s);
/* The nodes of the column for pqdb_parquet_create; NULL: out of memory. */
PQDB_API const pqdb_parquet_node *pqdb_parquet_shredder_nodes(pqdb_parquet_shredder *s,
                                                              const char *name, uint32_t *count);
/* Add a row. The bytes are validated, and borrowed until clear. */
PQDB_API int pqdb_parquet_shredder_add(pqdb_parquet_shredder *s, pqdb_variant v);
/* The columns so far, in the order of the nodes' leaves; until the next call. */
PQDB_API const pqdb_parquet_column *pqdb_parquet_shredder_columns(pqdb_parquet_shredder *s,
                                                                  uint32_t *count);
/* Begin the next row group. */
PQDB_API void pqdb_parquet_shredder_clear(pqdb_parquet_shredder *s);

#ifdef __cplusplus
}
#endif

#endif
