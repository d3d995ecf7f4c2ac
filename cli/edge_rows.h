/* cli/edge_rows.h - rows of a table as edges, for `link --file`.
 *
 *   from,predicate,to,reverse,km        {"from": "towns/a", "predicate": "road", "to": "towns/b",
 *   towns/a,road,towns/b,,90       ──►   "data": {"km": 90}}
 *
 * The columns from, predicate, to and reverse are the edge's, whatever their values look like;
 * those of all others are fields of its data. A column data with an object is its data, too.
 */
#ifndef PQ_CLI_EDGE_ROWS_H
#define PQ_CLI_EDGE_ROWS_H

#include "text_buf.h"

/* Append to `out` the edges, a line each, of rows as pqdb_reader makes them, a line each. */
void cli_edge_rows(const char *rows, size_t len, cli_text *out);

#endif
