/* cli/text_table.h - JSON objects as an aligned table.
 *
 *   $id        title          n        columns: given by name, or the first scalar fields
 *   posts/p1   Grüße          3        numbers stand to the right
 *   posts/p2   A long titl…   17       cut to the width of the terminal, by code points
 *
 * The first rows are kept until the widths are known; later rows are printed as they come, so a
 * table of any length needs little memory.
 */
#ifndef PQ_CLI_TEXT_TABLE_H
#define PQ_CLI_TEXT_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "print.h"

enum { CLI_COLUMN_MAX = 24, CLI_TABLE_SAMPLE = 200 };

typedef struct cli_column {
  cli_text name; /* owned; as in the JSON text, without quotes */
  size_t width;  /* in code points */
  bool is_number;
  bool is_optional, has_value; /* dropped without a value */
} cli_column;

typedef struct cli_table {
  const cli_screen *screen; /* borrowed */
  bool is_fixed;            /* the columns were given */
  bool is_whole;            /* keep all rows, so that the last one counts for the widths */
  bool shows_system;        /* choose among the system fields too */
  bool has_begun;           /* widths are known, the header is out */
  cli_column columns[CLI_COLUMN_MAX];
  size_t column_count;
  cli_text sample; /* rows not yet printed, each with its NUL */
  uint64_t row_count;
  cli_text cell;
} cli_table;

/* `names`: the columns, NULL-terminated, or NULL to choose them from the rows. One that begins with
 * '?' is shown if one of the first rows has a value there. */
void cli_table_init(cli_table *t, const cli_screen *screen, const char *const *names);
/* Add one JSON object; it is copied or printed. */
void cli_table_add(cli_table *t, const char *json, size_t len);
/* Print what is left; frees everything. */
void cli_table_end(cli_table *t);

#endif
