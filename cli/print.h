/* cli/print.h - how replies look.
 *
 *   not a terminal, or --json:  {"$id":"posts/p1","title":"Hello"}     one object per line
 *   a terminal, one entity:     indented JSON, in colour
 *   reports (explain, stats):   key:   value                           indented, values aligned
 *                               tail:
 *                                 events: 3
 *
 * On a terminal, DEL and the C1 control characters (which could steer it) are shown as JSON
 * escapes; the C0 ones are escaped in every JSON text already.
 */
#ifndef PQ_CLI_PRINT_H
#define PQ_CLI_PRINT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "json_view.h"
#include "text_buf.h"

/* Where output goes. */
typedef struct cli_screen {
  FILE *file; /* borrowed */
  bool is_terminal;
  bool has_colour;
  size_t width; /* columns of the terminal; 0: no limit */
} cli_screen;

/* Look at the file and the environment (COLUMNS, NO_COLOR, TERM). */
void cli_screen_init(cli_screen *s, FILE *file);

/* Print bytes, on a terminal without control characters that steer it. */
void cli_print_text(const cli_screen *s, const char *bytes, size_t len);

/* The JSON text as it is, and a new line. */
void cli_print_line(const cli_screen *s, const char *json, size_t len);

/* Two spaces of indent, colours if the screen has them. */
void cli_print_pretty(const cli_screen *s, const char *json, size_t len);

/* A JSON object as 'key: value' lines. `skip`: a field at the top to leave out, or NULL. */
void cli_print_report(const cli_screen *s, const char *json, size_t len, const char *skip);

/* Append a value as people write it: strings without quotes, arrays as a list with commas. */
void cli_plain(cli_value v, cli_text *out);

/* Code points in a text. */
size_t cli_code_points(const char *bytes, size_t len);
/* Bytes of its first `count` code points. */
size_t cli_code_point_prefix(const char *bytes, size_t len, size_t count);

/* "parquedb: CODE: message" on standard error, control characters made harmless. Returns
 * CLI_REFUSED (1). */
#if defined(__GNUC__)
__attribute__((format(printf, 2, 3)))
#endif
int cli_error(const char *code, const char *fmt, ...);

#endif
