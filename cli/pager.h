/* cli/pager.h - let what is printed go through $PAGER.
 *
 *   standard output ──pipe── $PAGER ── the terminal      between begin and end
 *
 * Without PAGER it is `less -FRX`, which shows a short text at once, if there is a less. An empty
 * PAGER, or `cat`, means none.
 */
#ifndef PQ_CLI_PAGER_H
#define PQ_CLI_PAGER_H

#include <signal.h>
#include <stdbool.h>
#include <sys/types.h>

typedef struct cli_pager {
  pid_t pid;    /* 0: there is none */
  int saved_fd; /* the terminal */
  struct sigaction saved_pipe;
} cli_pager;

/* Start it; if that fails, output goes where it went before. */
void cli_pager_begin(cli_pager *p);
/* Wait until the reader has seen enough, and print to the terminal again. True if the reader left
 * before the end. */
bool cli_pager_end(cli_pager *p);

#endif
