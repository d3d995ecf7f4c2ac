/* port/parquet_tool.h - what `parquedb parquet` shows of any Parquet file: its schema, what it is
 * made of, whether it is sound. Rows are read through pqdb_reader (parquedb/convert.h).
 *
 *   open ─► footer ─┬─ schema    message text
 *                   ├─ describe  {"rows": …, "createdBy": …}
 *                   ├─ columns   headers of all pages ─► {"column": …, "codec": …, "bytes": …}
 *                   └─ verify    all bytes ─► problems
 *
 * Facts come as JSON objects. Functions that return int return a status; pq_tool_message says what
 * went wrong. Text and lines are borrowed until the next call. One thread.
 */
#ifndef PQ_PORT_PARQUET_TOOL_H
#define PQ_PORT_PARQUET_TOOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct pq_tool pq_tool;

/* On failure *out only serves pq_tool_message and _close, or is NULL when out of memory. */
int pq_tool_open(const char *path, pq_tool **out);
void pq_tool_close(pq_tool *t); /* NULL is allowed */
const char *pq_tool_message(const pq_tool *t);

int pq_tool_schema(pq_tool *t, bool has_levels, const char **text, size_t *len);
/* The file as a whole: one JSON object. Key-values longer than `value_len_max` are cut; 0: none. */
int pq_tool_describe(pq_tool *t, size_t value_len_max, const char **json, size_t *len);

/* Who is told what. */
typedef struct pq_tool_listener {
  void *ud;
  void (*line)(void *ud, const char *text, size_t len);      /* a JSON object, or a problem */
  void (*progress)(void *ud, uint64_t done, uint64_t total); /* bytes; NULL: nobody asks */
} pq_tool_listener;

/* An object for each column, or for each column of each row group; then one of the totals. */
int pq_tool_columns(pq_tool *t, bool has_row_groups, pq_tool_listener to);
/* After pq_tool_columns: an object for each encoding of data pages, and one for dictionaries. */
int pq_tool_encodings(pq_tool *t, pq_tool_listener to);

typedef struct pq_tool_verdict {
  uint64_t problems, row_groups, chunks, pages, values, bytes;
} pq_tool_verdict;

/* A line for each problem: a sentence with its place. */
int pq_tool_verify(pq_tool *t, pq_tool_listener to, pq_tool_verdict *out);

#endif
