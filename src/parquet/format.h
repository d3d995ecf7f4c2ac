/* parquet/format.h - the numbers of parquet.thrift, the parsed footer, decoded columns.
 *
 *   PAR1 | row group 0: chunk 0 pages, chunk 1 pages … | row group 1 … |
 *        | bloom filters | column indexes | offset indexes | footer (Thrift compact) | len:u32 | PAR1
 *
 * Our own files are flat: every leaf has maximum repetition level 0 and maximum definition level
 * 0 or 1. A VARIANT column is an optional or required group of two required binary leaves,
 * "metadata" and "value", hence two leaves here. Files with deeper nesting are PQ_EUNSUPPORTED.
 *
 * Sources: parquet-format: parquet.thrift, Encodings.md, PageIndex.md, BloomFilter.md.
 */
#ifndef PQ_PARQUET_FORMAT_H
#define PQ_PARQUET_FORMAT_H

#include "base/arena.h"
#include "codec/codec.h"

typedef enum pq_phys {
  PQ_PHYS_BOOL = 0,
  PQ_PHYS_INT32 = 1,
  PQ_PHYS_INT64 = 2,
  PQ_PHYS_INT96 = 3,
  PQ_PHYS_FLOAT = 4,
  PQ_PHYS_DOUBLE = 5,
  PQ_PHYS_BYTES = 6,
  PQ_PHYS_FIXED = 7
} pq_phys;

typedef enum pq_encoding {
  PQ_ENC_PLAIN = 0,
  PQ_ENC_PLAIN_DICTIONARY = 2,
  PQ_ENC_RLE = 3,
  PQ_ENC_BIT_PACKED = 4,
  PQ_ENC_DELTA_BINARY_PACKED = 5,
  PQ_ENC_DELTA_LENGTH_BYTE_ARRAY = 6,
  PQ_ENC_DELTA_BYTE_ARRAY = 7,
  PQ_ENC_RLE_DICTIONARY = 8,
  PQ_ENC_BYTE_STREAM_SPLIT = 9
} pq_encoding;

typedef enum pq_page_type {
  PQ_PAGE_DATA = 0,
  PQ_PAGE_INDEX = 1,
  PQ_PAGE_DICTIONARY = 2,
  PQ_PAGE_DATA_V2 = 3
} pq_page_type;

/* Logical types that we write or interpret; everything else is read as its physical type. */
typedef enum pq_logical {
  PQ_LOGICAL_NONE = 0,
  PQ_LOGICAL_STRING,
  PQ_LOGICAL_TIMESTAMP_MS, /* UTC-adjusted */
  PQ_LOGICAL_TIMESTAMP_US, /* UTC-adjusted */
  PQ_LOGICAL_DATE,
  PQ_LOGICAL_UUID,
  PQ_LOGICAL_VARIANT, /* on the group; both leaves carry it here */
  PQ_LOGICAL_OTHER
} pq_logical;

/* ---- the parsed footer: immutable, all memory in one arena ---- */

typedef struct pq_leaf {
  pq_slice path; /* dotted path in the schema, as "$data.value" */
  pq_phys phys;
  pq_logical logical;
  uint32_t type_len; /* PQ_PHYS_FIXED */
  uint32_t def_max;  /* 0 or 1; anything else: not readable by us */
  uint32_t rep_max;  /* 0, same */
  int32_t field_id;  /* -1: none. For VARIANT leaves the group's id */
  bool is_ordered;   /* min and max are comparable as `phys` and the column's order is known */
} pq_leaf;

typedef struct pq_stats {
  pq_slice min, max; /* PLAIN bytes without length prefix; empty and !has_… when absent */
  bool has_min, has_max, min_is_exact, max_is_exact;
  bool has_null_count;
  uint64_t null_count;
} pq_stats;

typedef struct pq_chunk {
  pq_codec codec;
  uint64_t value_count;
  uint64_t off, len; /* of all its pages, dictionary first; validated to lie in the file */
  uint64_t uncompressed_len;
  uint64_t data_page_off;
  uint64_t dictionary_page_off; /* 0: none */
  uint64_t bloom_off, bloom_len;               /* 0: none */
  uint64_t column_index_off, column_index_len; /* 0: none */
  uint64_t offset_index_off, offset_index_len; /* 0: none */
  pq_stats stats;
} pq_chunk;

typedef struct pq_row_group {
  uint64_t row_count;
  uint64_t first_row; /* number of its first row in the file */
  pq_chunk *chunks;   /* one per leaf */
} pq_row_group;

typedef struct pq_key_value {
  pq_slice key, value;
} pq_key_value;

typedef struct pq_footer {
  uint64_t file_len, footer_len;
  uint64_t row_count;
  pq_leaf *leaves;
  uint32_t leaf_count;
  pq_row_group *row_groups;
  uint32_t row_group_count;
  pq_key_value *key_values;
  uint32_t key_value_count;
  pq_slice created_by;
  bool has_column_orders; /* without them min and max are not trusted */
} pq_footer;

/* Index of the leaf at a dotted path, or -1. */
int pq_footer_leaf(const pq_footer *f, const char *path);
/* Value of a key, or the empty slice with p == NULL. */
pq_slice pq_footer_key(const pq_footer *f, const char *key);

/* ---- decoded columns: row-aligned, one slot per row, nulls included ---- */

typedef struct pq_column {
  pq_phys phys;
  uint32_t row_count;
  uint8_t *nulls; /* one byte per row, 1 = null; NULL: no nulls */
  union {
    uint8_t *b;      /* BOOL: one byte per row */
    int32_t *i32;    /* INT32 */
    int64_t *i64;    /* INT64 */
    float *f32;      /* FLOAT */
    double *f64;     /* DOUBLE */
    pq_slice *bytes; /* BYTES, FIXED, INT96 (12 bytes) */
    void *any;
  } v;
} pq_column;

static inline bool pq_column_is_null(const pq_column *c, uint32_t row) {
  return c->nulls != NULL && c->nulls[row] != 0;
}

/* Rows [lo, hi) of one row group. Lists of them are sorted and do not overlap. */
typedef struct pq_row_range {
  uint32_t lo, hi;
} pq_row_range;

/* One data page as the indexes describe it. */
typedef struct pq_page_info {
  uint64_t off, len; /* with header */
  uint32_t first_row, row_count;
  bool is_null_page;
  bool has_bounds;
  pq_slice min, max; /* bounds, perhaps truncated: min <= every value <= max */
} pq_page_info;

typedef struct pq_page_index {
  pq_page_info *pages;
  uint32_t page_count;
} pq_page_index;

#endif
