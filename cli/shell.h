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
  bool has_rows;       /* .hot on */
  bool stops_at_error; /* the first line that fails is the last */
  bool is_over;        /* .exit */
  int read_depth;      /* .read within .read */
} cli_shell_state;

/* shell_complete.c, of type cli_complete; `ud` is the cli_shell_state. */
void cli_shell_complete(void *ud, const char *text, size_t len, cli_candidates *out);

/* ---- shell_transaction.c ---- */
bool cli_shell_in_transaction(const cli_shell_state *shell);
int cli_shell_begin(cli_shell_state *shell);
int cli_shell_commit(cli_shell_state *shell);
int cli_shell_abort(cli_shell_state *shell);
/* The shell ends: CLI_REFUSED after a message when a transaction is open. */
int cli_shell_leave(cli_shell_state *shell);
/* What the hot tier has done so far, and since then. */
void cli_shell_read_rows(const cli_shell_state *shell, pqdb_hot_stats *out);
void cli_shell_print_rows(const cli_shell_state *shell, const pqdb_hot_stats *before);

/* The commands that begin with a dot, without it; NULL at the end. */
const char *cli_dot_name(size_t i);

#endif
