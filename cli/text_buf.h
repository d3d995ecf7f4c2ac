/* cli/text_buf.h - a growable text for building commands and table cells.
 *
 *   p: {"find":"posts","filter":{…}\0
 *      |<----------- len --------->|      always NUL-terminated once something was put
 *
 * Out of memory ends the program with a message: a command line has nothing better to do, and
 * what the database acknowledged is safe. Zeroed is the empty text.
 */
#ifndef PQ_CLI_TEXT_BUF_H
#define PQ_CLI_TEXT_BUF_H

#include <stddef.h>
#include <stdint.h>

typedef struct cli_text {
  char *p; /* owned; NULL while nothing was ever put */
  size_t len;
  size_t cap;
} cli_text;

/* Room for `more` bytes and a NUL beyond `len`; the caller may write there and raise `len`. */
void cli_text_reserve(cli_text *t, size_t more);
void cli_text_put(cli_text *t, const char *bytes, size_t len);
void cli_text_str(cli_text *t, const char *text);
void cli_text_byte(cli_text *t, char c);
void cli_text_u64(cli_text *t, uint64_t number);
/* A JSON string: quotes, and escapes for quotes, backslashes and control characters. */
void cli_text_json(cli_text *t, const char *text, size_t len);
/* The text as a C string, "" when empty; borrowed until the next put. */
const char *cli_text_c(const cli_text *t);
/* Empty it, keep the memory. */
void cli_text_clear(cli_text *t);
/* Free it. Safe on a zeroed text. */
void cli_text_release(cli_text *t);

#endif
