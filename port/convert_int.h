/* port/convert_int.h - what the files of the converter share: the reader and writer handles.
 *
 *   convert_reader.c    public reading functions, input, blocks      convert_ndjson.c  its lines
 *   convert_csv.c       CSV text into fields, rows                   convert_cell.c    one field
 *   convert_parquet.c   row groups into rows (shred/record_document.h: one value)
 *   convert_fields.c    which top-level fields documents have, and of which types
 *   convert_writer.c    public writing functions, output, CSV        convert_columns.c Parquet
 */
#ifndef PQ_PORT_CONVERT_INT_H
#define PQ_PORT_CONVERT_INT_H

#include "base/arena.h"
#include "base/buf.h"
#include "parquedb/convert.h"
#include "value/json.h"

enum {
  PQ_CONVERT_SAMPLE_ROWS = 10000,
  PQ_CONVERT_SAMPLE_LEN_MAX = 16 << 20, /* bytes of text looked at for types */
  PQ_CONVERT_ROW_LEN_MAX = 64 << 20,    /* above what the engine accepts in one document */
  PQ_CONVERT_BLOCK_ROWS = 5000,
  PQ_CONVERT_BLOCK_LEN = 4 << 20,
  PQ_CONVERT_HELD_LEN_MAX = 1 << 30, /* documents held by a writer, a Parquet file from a pipe */
  PQ_CONVERT_COLUMNS_MAX = 10000,    /* a table with more is not one */
  PQ_CONVERT_EXAMPLE_LEN_MAX = 60,
  PQ_CONVERT_READ_LEN = 256 << 10
};

/* ---- one field of CSV ---- */

typedef enum pq_cell_type {
  PQ_CELL_TEXT = 0,
  PQ_CELL_INT,
  PQ_CELL_DOUBLE,
  PQ_CELL_DECIMAL,
  PQ_CELL_BOOL,
  PQ_CELL_DATE,
  PQ_CELL_JSON,
  PQ_CELL_UUID,
  PQ_CELL_OID,
  PQ_CELL_SKIP,
  PQ_CELL_TYPE_COUNT
} pq_cell_type;

const char *pq_cell_type_name(pq_cell_type type);
/* False when no type has that name. */
bool pq_cell_type_find(pq_slice name, pq_cell_type *out);

/* The set (bits 1 << pq_cell_type) of inferred types that a value fits: INT, DOUBLE, BOOL, DATE. */
unsigned pq_cell_guess(pq_slice text);

/* Append the JSON of a value (valid UTF-8). *fits false: it is not of the type, and nothing was
 * appended. `b` is used for JSON values and left empty. */
int pq_cell_put(pq_buf *out, pq_builder *b, pq_cell_type type, pq_slice text,
                bool *fits) PQ_MUST_CHECK;

/* ---- which fields documents have ---- */

enum {
  PQ_SEEN_NULL = 1,
  PQ_SEEN_INT = 2,
  PQ_SEEN_LARGE_INT = 4, /* no double holds it */
  PQ_SEEN_DOUBLE = 8,
  PQ_SEEN_STRING = 16,
  PQ_SEEN_BOOL = 32,
  PQ_SEEN_DATE = 64, /* within the microseconds of 64 bits */
  PQ_SEEN_UUID = 128,
  PQ_SEEN_BINARY = 256,
  PQ_SEEN_DECIMAL = 512,
  PQ_SEEN_OBJECT = 1024,
  PQ_SEEN_ARRAY = 2048,
  PQ_SEEN_OTHER = 4096
};

typedef struct pq_seen_field {
  pq_slice name;
  unsigned seen;    /* set of PQ_SEEN_ bits */
  uint64_t count;   /* documents that have it */
  pq_slice example; /* relaxed JSON of a value, cut */
} pq_seen_field;

typedef struct pq_field_set {
  pq_cx *cx;      /* borrowed */
  pq_arena arena; /* names and examples */
  pq_arena scratch;
  pq_table table;
  pq_buf text;
  pq_seen_field *fields; /* owned */
  uint32_t count, cap;
  bool is_closed; /* pq_field_set_add does not add names */
} pq_field_set;

void pq_field_set_init(pq_field_set *s, pq_cx *cx);
void pq_field_set_release(pq_field_set *s);
/* Index of a name, PQ_TABLE_NONE when unknown. `guess` is looked at first. */
uint32_t pq_field_set_find(const pq_field_set *s, pq_slice name, uint32_t guess);
/* Enter a name that is not there. PQ_ELIMIT, PQ_ENOMEM. */
int pq_field_set_enter(pq_field_set *s, pq_slice name) PQ_MUST_CHECK;
/* Count the fields of one document, a checked object. */
int pq_field_set_add(pq_field_set *s, pq_value document) PQ_MUST_CHECK;
/* Set cells[i] to the value of field i, missing where there is none. */
int pq_field_set_row(pq_field_set *s, pq_value document, pq_value *cells) PQ_MUST_CHECK;
/* "int", "double", "text", … or "mixed", as pqdb_reader_describe names it. */
const char *pq_seen_name(unsigned seen);
/* The bit of one value. */
unsigned pq_seen_of(pq_value v);

/* ---- reader ---- */

typedef struct pq_convert_column {
  pq_slice name;
  pq_slice key;      /* its JSON, with the colon: "name": */
  pq_cell_type type; /* CSV */
  const char *type_name;
  unsigned guess; /* CSV: types that all values of the sample fit */
  bool is_hidden; /* Parquet: not read */
  bool is_given;  /* type by the caller */
  bool has_value; /* CSV: the sample has one that is not empty */
  pq_slice example;
  uint64_t misfits;
} pq_convert_column;

struct pqdb_reader {
  pq_cx cx;
  pqdb_reader_options options; /* texts in `arena` */
  const char *name;            /* in `arena` */
  pq_arena arena;
  int fd;
  bool has_fd; /* owned */
  int rc;      /* sticky: the first failure */
  bool is_done;
  pqdb_format format;
  pq_convert_column *columns; /* in `arena` */
  uint32_t column_count;
  uint32_t id_column; /* PQ_TABLE_NONE: none */
  pq_builder *builder;
  pq_buf out;       /* the block */
  size_t whole_len; /* bytes of it that are whole rows */
  pq_buf reply;     /* of describe */
  uint64_t block_rows, row_count, misfits, short_rows;
  uint64_t input_len, input_total; /* bytes read, bytes there (0: unknown) */
  struct pq_csv *csv;
  struct pq_ndjson *ndjson;
  struct pq_table_in *table;
};

/* Open with an allocator: pqdb_reader_open_fd with malloc. */
int pq_reader_open(pq_alloc_fn alloc, void *ud, int fd, const char *name,
                   const pqdb_reader_options *options, pqdb_reader **out) PQ_MUST_CHECK;

/* Append what is there of the input, up to about `want` bytes. *is_end at its end. */
int pq_reader_input(pqdb_reader *r, pq_buf *text, size_t want, bool *is_end) PQ_MUST_CHECK;
/* Fail with "FILE: line L, column C: what". */
int pq_reader_fail_at(pqdb_reader *r, int code, uint64_t line, uint64_t column, const char *what);
/* Is there room for one more row in the block? */
bool pq_reader_has_room(const pqdb_reader *r);
/* Count a row of the block that is complete in r->out. */
void pq_reader_end_row(pqdb_reader *r);
/* A key of the column's name; the example is copied and cut. */
int pq_column_set_name(pqdb_reader *r, pq_convert_column *c, pq_slice name) PQ_MUST_CHECK;
int pq_column_set_example(pqdb_reader *r, pq_convert_column *c, pq_slice text) PQ_MUST_CHECK;
/* After the columns are named: no name twice, options.id_field is there. */
int pq_reader_check_columns(pqdb_reader *r) PQ_MUST_CHECK;
/* Index of a column, PQ_TABLE_NONE when there is none. */
uint32_t pq_reader_find_column(const pqdb_reader *r, pq_slice name);

/* Each format: open reads what is needed for the columns; next fills the block, sets is_done. */
int pq_csv_open(pqdb_reader *r) PQ_MUST_CHECK;
int pq_csv_next(pqdb_reader *r) PQ_MUST_CHECK;
void pq_csv_close(pqdb_reader *r);
char pq_csv_delimiter(const pqdb_reader *r);
uint64_t pq_csv_waiting(const pqdb_reader *r); /* bytes read and not yet made rows */

int pq_ndjson_open(pqdb_reader *r) PQ_MUST_CHECK;
int pq_ndjson_next(pqdb_reader *r) PQ_MUST_CHECK;
void pq_ndjson_close(pqdb_reader *r);
uint64_t pq_ndjson_waiting(const pqdb_reader *r);

int pq_table_in_open(pqdb_reader *r) PQ_MUST_CHECK;
int pq_table_in_next(pqdb_reader *r) PQ_MUST_CHECK;
void pq_table_in_close(pqdb_reader *r);
uint64_t pq_table_in_rows(const pqdb_reader *r);
bool pq_table_in_is_ours(const pqdb_reader *r);

/* ---- writer ---- */

struct pqdb_writer {
  pq_cx cx;
  const char *name, *path, *temporary; /* in `arena`; path NULL: no rename at the end */
  pq_arena arena;
  int fd;
  bool has_fd; /* owned */
  int rc;      /* sticky */
  bool is_finished;
  pqdb_format format;
  char delimiter;
  bool has_columns; /* given by the caller */
  bool has_header;  /* written */
  pq_builder *builder;
  pq_field_set set;
  pq_arena documents; /* held documents */
  pq_value *rows;     /* owned */
  size_t row_count, row_cap;
  pq_value *cells; /* owned: one per column, of the row being written */
  uint32_t cell_cap;
  pq_buf out;
};

int pq_writer_handle_open(pq_alloc_fn alloc, void *ud, int fd, const char *name,
                          const pqdb_writer_options *options, pqdb_writer **out) PQ_MUST_CHECK;
/* Write the buffer to the file and empty it. */
int pq_writer_output(pqdb_writer *w, pq_slice bytes) PQ_MUST_CHECK;
/* Parquet from the held documents. */
int pq_table_out(pqdb_writer *w) PQ_MUST_CHECK;

#endif
