/* cli/shell.h - the state of `parquedb shell`, shared by its loop and its completion. */
#ifndef PQ_CLI_SHELL_H
#define PQ_CLI_SHELL_H

#include <signal.h>

#include "cli_session.h"
#include "line_edit.h"

typedef struct cli_shell_state {
  cli_session *s;                   /* borrowed; one handle for all lines */
  const cli_options *start_options; /* of `parquedb shell` itself */
  cli_text ns;                      /* "": the default one */
  cli_editor *editor;               /* owned */
  cli_text pending;                 /* lines of a statement that is not complete */
  bool is_interactive;
  bool has_timer;
  bool is_over;   /* .exit */
  int read_depth; /* .read within .read */
} cli_shell_state;

/* shell_complete.c, of type cli_complete; `ud` is the cli_shell_state. */
void cli_shell_complete(void *ud, const char *text, size_t len, cli_candidates *out);

/* The commands that begin with a dot, without it; NULL at the end. */
const char *cli_dot_name(size_t i);

#endif
