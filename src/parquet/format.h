/* parquet/format.h - the numbers of parquet.thrift, the parsed footer, decoded columns.
 *
 *   PAR1 | row group 0: chunk 0 pages, chunk 1 pages … | row group 1 … |
 *        | bloom filters | column indexes | offset indexes | footer (Thrift) | len:u32 | PAR1
 *
 *   schema:   root ── a ── (leaf 0)              nodes, depth first; leaves are the columns
 *              └───── tags ── list ── element (leaf 1)
 *
 * A leaf has a maximum definition level (how many optional or repeated nodes are on its path) and
 * a maximum repetition level (how many repeated ones). A leaf is flat when the first is at most
 * 1 and the second 0: one slot a row, and `nulls` says all. Any other leaf decodes to ENTRIES,
 * one slot each, with the levels of each entry beside them (Dremel's record shredding).
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

/* All that the schema says of a column's values, for whoever turns them into another form: from
 * LogicalType, else from ConvertedType. Not checked against the physical type. */
typedef enum pq_note_kind {
  PQ_NOTE_NONE = 0,
  PQ_NOTE_TEXT, /* STRING, ENUM */
  PQ_NOTE_JSON,
  PQ_NOTE_UUID,
  PQ_NOTE_DATE,
  PQ_NOTE_TIME,
  PQ_NOTE_TIMESTAMP,
  PQ_NOTE_INTEGER,
  PQ_NOTE_DECIMAL,
  PQ_NOTE_FLOAT16,
  PQ_NOTE_INTERVAL,
  PQ_NOTE_BYTES, /* BSON, GEOMETRY, GEOGRAPHY: bytes with a meaning of their own */
  PQ_NOTE_LIST,  /* of groups: LIST, MAP (and MAP_KEY_VALUE), VARIANT */
  PQ_NOTE_MAP,
  PQ_NOTE_VARIANT,
  PQ_NOTE_OTHER /* UNKNOWN (only nulls), and what we do not know */
} pq_note_kind;

typedef struct pq_note {
  pq_note_kind kind;
  bool is_unsigned; /* INTEGER */
  uint8_t bits;     /* INTEGER: 8, 16, 32 or 64 */
  bool is_utc;      /* TIME, TIMESTAMP: isAdjustedToUTC */
  uint8_t digits;   /* TIME, TIMESTAMP: of the second, 3, 6 or 9; 0: an unknown unit */
  int32_t scale;    /* DECIMAL */
  int32_t precision;
  uint8_t id; /* the LogicalType union member (1 STRING … 10 INTEGER … 18 GEOGRAPHY), also where
                 only a ConvertedType says the same; 0: there is none, as for MAP_KEY_VALUE. Tells
                 ENUM from STRING, BSON from GEOMETRY */
} pq_note;

/* ---- the parsed footer: immutable, all memory in one arena ---- */

/* Levels fit a byte; nobody nests deeper. */
enum { PQ_LEVEL_MAX = 255 };

typedef enum pq_repetition { PQ_REQUIRED = 0, PQ_OPTIONAL = 1, PQ_REPEATED = 2 } pq_repetition;

#define PQ_NO_NODE UINT32_MAX

/* One element of the schema. The root is node 0; children follow their parent, depth first. */
typedef struct pq_node {
  pq_slice name;
  uint32_t parent, next; /* next sibling; PQ_NO_NODE: none */
  uint32_t child_count;
  uint32_t leaf;       /* column index; PQ_NO_NODE: a group */
  uint32_t first_leaf; /* groups: columns [first_leaf, first_leaf + leaf_count) are below it */
  uint32_t leaf_count;
  pq_repetition repetition;
  uint32_t def, rep; /* levels at this node, itself included */
  int32_t field_id;  /* -1: none */
  pq_note note;
} pq_node;

/* How the values of a leaf compare, bounds included. */
typedef enum pq_leaf_sort {
  PQ_SORT_NONE = 0, /* not at all: INT96, INTERVAL, GEOMETRY, what we do not know */
  PQ_SORT_SIGNED,   /* BOOL, INT32, INT64, decimals and times in them */
  PQ_SORT_UNSIGNED, /* INT32, INT64 that hold UINT_8 … UINT_64 */
  PQ_SORT_FLOAT,    /* FLOAT, DOUBLE: -0 equals 0; bounds are never NaN */
  PQ_SORT_FLOAT16,  /* the same in FIXED(2) */
  PQ_SORT_BYTES,    /* BYTES, FIXED as unsigned bytes, a prefix first */
  PQ_SORT_DECIMAL   /* BYTES, FIXED as big-endian two's complement of any length */
} pq_leaf_sort;

typedef struct pq_leaf {
  uint32_t node;
  pq_slice path;  /* dotted path in the schema, as "$data.value" */
  uint32_t depth; /* groups above it, the root left out: 0 in a flat schema */
  pq_note note;
  pq_phys phys;
  pq_logical logical;
  uint32_t type_len; /* PQ_PHYS_FIXED */
  uint32_t def_max;  /* at most PQ_LEVEL_MAX */
  uint32_t rep_max;
  int32_t field_id;     /* -1: none. For VARIANT leaves the group's id */
  pq_leaf_sort sort;    /* of values; bounds that a file gives in another one count as absent */
  bool has_known_order; /* min_value, max_value and the column index are in that order */
  bool is_ordered;      /* so they are, and it is the one of `phys` */
} pq_leaf;

typedef struct pq_stats {
  pq_slice min, max; /* PLAIN bytes without length prefix; empty and !has_… when absent */
  bool has_min, has_max, min_is_exact, max_is_exact;
  bool has_null_count;
  bool is_nan_free; /* said to hold no NaN; min and max leave NaNs out */
  bool is_legacy;   /* min and max are of the kind that only signed types had */
  uint64_t null_count;
} pq_stats;

/* Key-value entry with the CRC-32 of what no page's CRC covers: for each row group and leaf 8 hex
 * digits for its indexes (offset index xor column index) and, where it has one, 8 for its bloom
 * filter. Files of other writers have none. */
#define PQ_CRC_KEY "parquedb.crc32"
enum { PQ_CRC_DIGITS = 8, PQ_FOOTER_TAIL_LEN = 8 /* length and magic behind the footer */ };

typedef struct pq_chunk {
  pq_codec codec;
  uint64_t value_count;
  uint64_t off, len; /* of all its pages, dictionary first; validated to lie in the file */
  uint64_t uncompressed_len;
  uint64_t data_page_off;
  uint64_t dictionary_page_off;                /* 0: none */
  uint64_t bloom_off, bloom_len;               /* 0: none */
  uint64_t column_index_off, column_index_len; /* 0: none */
  uint64_t offset_index_off, offset_index_len; /* 0: none */
  bool has_crc;                                /* of indexes and bloom filter */
  uint32_t index_crc, bloom_crc;
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
  pq_node *nodes; /* the root first */
  uint32_t node_count;
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

/* ---- decoded columns: one slot per entry, nulls included ---- */

typedef struct pq_dictionary {
  uint32_t count;
  void *values; /* as pq_column.v */
} pq_dictionary;

/* A flat leaf has an entry a row. Others have `entry_count` of them with their levels: an entry
 * begins a row where rep is 0, and holds a value where def is the leaf's def_max. */
typedef struct pq_column {
  pq_phys phys;
  uint32_t row_count;
  uint32_t entry_count; /* only if has levels, see pq_column_entries() */
  uint8_t *nulls;       /* one byte per entry, 1 = no value; NULL: no nulls */
  uint8_t *def;         /* one byte per entry; NULL: the leaf is flat */
  uint8_t *rep;         /* one byte per entry; NULL: all 0 */
  /* When writing: hashes that the chunk's bloom filter holds besides those of its values. */
  const uint64_t *more_hashes;
  uint32_t more_hash_count;
  /* not NULL: the slots are `v.codes` into it. Only where the caller asked for codes */
  const pq_dictionary *dictionary;
  union {
    uint8_t *b;      /* BOOL: one byte per entry */
    int32_t *i32;    /* INT32 */
    int64_t *i64;    /* INT64 */
    float *f32;      /* FLOAT */
    double *f64;     /* DOUBLE */
    pq_slice *bytes; /* BYTES, FIXED, INT96 (12 bytes) */
    uint32_t *codes; /* with a dictionary; 0 where null */
    void *any;
  } v;
} pq_column;

/* Bytes of one slot of a pq_column of this type. */
size_t pq_phys_size(pq_phys phys);
/* Are the slots slices? Their size does not tell: on 32 bits it is that of a number. */
bool pq_phys_is_slice(pq_phys phys);

static inline uint32_t pq_column_entries(const pq_column *c) {
  return c->def != NULL ? c->entry_count : c->row_count;
}

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
  bool is_nan_free;  /* as in pq_stats */
  pq_slice min, max; /* bounds, perhaps truncated: min <= every value <= max */
} pq_page_info;

typedef struct pq_page_index {
  pq_page_info *pages;
  uint32_t page_count;
} pq_page_index;

#endif
