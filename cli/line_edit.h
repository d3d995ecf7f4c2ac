/* cli/line_edit.h - lines from a terminal, with editing, history and completion, or from a file.
 *
 *   terminal and libedit     prompt, arrow keys, Tab, history file
 *   terminal without it      prompt
 *   anything else            lines, nothing is printed
 *
 * Ctrl-C gives up the line: it is a signal that ends the read, so on a terminal the caller must
 * have a handler for SIGINT, installed without SA_RESTART, that sets `interrupt`.
 */
#ifndef PQ_CLI_LINE_EDIT_H
#define PQ_CLI_LINE_EDIT_H

#include <signal.h>
#include <stdbool.h>
#include <stdio.h>

#include "text_buf.h"

/* What the text before the cursor may go on with. Names are kept sorted and once each. */
typedef struct cli_candidates {
  size_t from;    /* where the word under the cursor begins */
  cli_text names; /* each with its NUL */
  size_t count;
  char after; /* typed after a name that is the only one; 0: nothing */
} cli_candidates;

void cli_candidates_add(cli_candidates *c, const char *name, size_t len);
void cli_candidates_release(cli_candidates *c);

/* Fill `out` for the text before the cursor. */
typedef void (*cli_complete)(void *ud, const char *text, size_t len, cli_candidates *out);

typedef struct cli_editor cli_editor;

typedef enum cli_line_result { CLI_LINE_READ, CLI_LINE_ABANDONED, CLI_LINE_END } cli_line_result;

/* What a terminal needs; all borrowed. */
typedef struct cli_terminal {
  const char *history;              /* a file; NULL: none */
  volatile sig_atomic_t *interrupt; /* set by Ctrl-C; set to 0 before each line is read */
  cli_complete complete;            /* called with `ud` when Tab is hit */
  void *ud;
} cli_terminal;

/* Read from `in`, which is a terminal unless `terminal` is NULL. Never NULL. */
cli_editor *cli_editor_open(FILE *in, const cli_terminal *terminal);
/* The next line, without its end, replaces `line`. */
cli_line_result cli_editor_read(cli_editor *e, const char *prompt, cli_text *line);
/* Put a line into the history. */
void cli_editor_remember(cli_editor *e, const char *line);
/* Keep the history, restore the terminal. */
void cli_editor_close(cli_editor *e);

#endif
