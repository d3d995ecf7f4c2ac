/* convert.h - CSV and Parquet files to documents, and documents to CSV and Parquet files.
 *
 *     posts.csv ─┐                                              ┌─► posts.csv
 *  posts.parquet ┼─► pqdb_reader ─► NDJSON ─► pqdb_create_many  │
 *   posts.ndjson ┘    (blocks)                pqdb_find ─► pqdb_writer ─► posts.parquet
 *
 *     pqdb_reader *r;
 *     const char *text; size_t len; uint64_t rows;
 *     if (pqdb_reader_open("posts.csv", NULL, &r) != PQDB_OK) { puts(pqdb_reader_message(r)); ... }
 *     while (pqdb_reader_next(r, &text, &len, &rows) == PQDB_ROW)
 *       pqdb_create_many(db, "posts", text, len);
 *     pqdb_reader_close(r);
 *
 * CSV: RFC 4180, UTF-8, a header row. The delimiter is found among , ; tab and |. Each column has
 * a type, inferred from the first 10,000 rows: int, double, bool, date (ISO 8601, with or without
 * a time), else text. "007" is text. An empty field is a missing one; "" in quotes is empty text in
 * a text column. A value that does not fit the type of its column stays text and is counted.
 *
 * Parquet: any schema. Texts, integers, doubles and booleans are what they are; DATE and TIMESTAMP
 * (local ones as UTC, nanoseconds cut to microseconds) become {"$date"}, DECIMAL and unsigned
 * integers beyond 2^63 {"$numberDecimal"}, UUID {"$uuid"}, bytes {"$binary"}, TIME the text
 * HH:MM:SS, INTERVAL {"months", "days", "milliseconds"}; JSON and VARIANT are embedded. A struct is
 * an object, a list an array, a map an object where its keys are texts and all different, else an
 * array of {"key", "value"}. A null is a missing field, in a list null. A file of a warehouse
 * ($id and $data) gives the documents that it was made of, under their ids, without what was
 * deleted in it.
 *
 * Ownership and threads as in parquedb.h: a handle is for one thread at a time, text that it
 * returns is valid until the next call on it, failures are negative statuses with a message.
 */
#ifndef PARQUEDB_CONVERT_H
#define PARQUEDB_CONVERT_H

#include "parquedb/parquedb.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef enum pqdb_format {
  PQDB_FORMAT_GUESS = 0, /* by the end of the name (.csv .tsv .parquet …); NDJSON when unknown */
  PQDB_FORMAT_NDJSON = 1,
  PQDB_FORMAT_CSV = 2,
  PQDB_FORMAT_PARQUET = 3
} pqdb_format;

/* The format that a file name ends with; PQDB_FORMAT_GUESS when it says none. NULL is allowed. */
PQDB_API pqdb_format pqdb_format_of(const char *name);

/* ---- reading ---- */

typedef struct pqdb_reader pqdb_reader;

/* Zeroed means the defaults. `size` is sizeof of this struct. Texts are copied. */
typedef struct pqdb_reader_options {
  size_t size;
  pqdb_format format;
  const char *types;      /* CSV: "age:int,zip:text": int double decimal bool date text json uuid
                             oid, or skip to leave the column out. NULL: all inferred */
  const char *id_field;   /* its value is the document's $id too; NULL: none */
  const char *collection; /* ids of a warehouse file move into it; NULL: they stay as they are */
  char delimiter;         /* CSV; 0: find it */
  int is_strict;          /* a value that does not fit its column is a failure */
  uint64_t block_row_max; /* rows of one block; 0: 5,000 */
  /* Parquet: */
  const char *columns; /* "a,b": only these top-level columns, in this order; NULL: all */
  uint64_t skip;       /* rows to leave out at the start */
  int is_raw;          /* the columns as they are, of a file of a warehouse too */
  int is_forgiving;    /* read a damaged file as far as it goes: do not compare checksums */
} pqdb_reader_options;

/* Open a file, look at its columns. PQDB_NOT_SUPPORTED names the column that cannot be read. On
 * failure *out is a handle that only pqdb_reader_message() and pqdb_reader_close() accept, or NULL
 * when out of memory. */
PQDB_API int pqdb_reader_open(const char *path, const pqdb_reader_options *options,
                              pqdb_reader **out);

/* The same for an open file descriptor, which stays the caller's; `name` is for messages and the
 * guess. Parquet from a pipe is held in memory whole (at most 1 GiB). */
PQDB_API int pqdb_reader_open_fd(int fd, const char *name, const pqdb_reader_options *options,
                                 pqdb_reader **out);

/* Free it. NULL is allowed. */
PQDB_API void pqdb_reader_close(pqdb_reader *r);

/* The last failure, in English, with the place: "posts.csv: line 3, column 7: …". */
PQDB_API const char *pqdb_reader_message(const pqdb_reader *r);

/* What the file is, and what was read up to now, as a JSON object:
 *   {"format": "csv", "delimiter": ",", "rows": 3, "misfits": 0, "shortRows": 0,
 *    "columns": [{"name": "age", "type": "int", "example": "42", "misfits": 0}, …]}
 * rows: read up to now; Parquet has "rowsTotal", warehouse files {"kind": "parquedb"} too. */
PQDB_API int pqdb_reader_describe(pqdb_reader *r, const char **json, size_t *len);

/* The next documents as newline-delimited JSON, at most block_row_max of them and about 4 MiB:
 * PQDB_ROW, then PQDB_DONE at the end, or a failure. Documents before the one that fails are
 * returned first. */
PQDB_API int pqdb_reader_next(pqdb_reader *r, const char **ndjson, size_t *len,
                              uint64_t *row_count);

/* How far it is, for progress: bytes of CSV and NDJSON, rows of Parquet. *total 0: unknown. */
PQDB_API void pqdb_reader_progress(const pqdb_reader *r, uint64_t *done, uint64_t *total);

/* ---- writing ---- */

typedef struct pqdb_writer pqdb_writer;

/* Zeroed means the defaults. `size` is sizeof of this struct. Texts are copied. */
typedef struct pqdb_writer_options {
  size_t size;
  pqdb_format format;
  const char *const *columns; /* top-level fields, in order; NULL: all that the documents have, in
                                 order of appearance */
  size_t column_count;
  char delimiter; /* CSV; 0: a comma */
} pqdb_writer_options;

/* Write to a file, which appears under its name when pqdb_writer_finish() succeeds. CSV: nested
 * values as JSON text, dates and other scalars as their text, null and missing fields empty.
 * Parquet: int64, double, text, bool, timestamp(µs), uuid or bytes where all values of a field are
 * of that type (null and missing are both null there), VARIANT for everything else. Without
 * `columns` CSV, and always Parquet, keep all documents in memory until the end (at most 1 GiB,
 * then PQDB_LIMIT_EXCEEDED). Failures as for pqdb_reader_open. */
PQDB_API int pqdb_writer_open(const char *path, const pqdb_writer_options *options,
                              pqdb_writer **out);

/* The same into an open file descriptor, which stays the caller's. */
PQDB_API int pqdb_writer_open_fd(int fd, const char *name, const pqdb_writer_options *options,
                                 pqdb_writer **out);

/* Add one document: a JSON object. */
PQDB_API int pqdb_writer_add(pqdb_writer *w, const char *json, size_t len);

/* Write what is left. After this, or a failure, only message and close. */
PQDB_API int pqdb_writer_finish(pqdb_writer *w);

/* Free it; a file that was not finished does not appear. NULL is allowed. */
PQDB_API void pqdb_writer_close(pqdb_writer *w);

/* The last failure, in English. */
PQDB_API const char *pqdb_writer_message(const pqdb_writer *w);

#ifdef __cplusplus
}
#endif

#endif
