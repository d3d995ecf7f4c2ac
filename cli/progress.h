/* cli/progress.h - how far a long command is: one line on standard error, if that is a terminal.
 *
 *   verify [#########                     ]  31%  84 of 270 MB
 *   replay 12000 events                                            the whole is not known
 *
 *   cli_bar_begin ─► cli_bar_draw, again and again ─┬─► cli_bar_clear   as if it had never been
 *                                                   └─► cli_bar_stay    100 %, on a line of its own
 *
 * It is drawn ten times a second at most. What else is printed meanwhile comes behind
 * cli_bar_clear, messages of failures behind cli_end_line: those leave the bar where it stopped.
 */
#ifndef PQ_CLI_PROGRESS_H
#define PQ_CLI_PROGRESS_H

#include <time.h>

#include "cli_session.h"

typedef struct cli_bar {
  cli_session *s;    /* borrowed */
  const char *label; /* borrowed */
  struct timespec drawn;
  size_t width; /* of the line that stands there; 0: none */
  bool is_on;
} cli_bar;

void cli_bar_begin(cli_bar *b, cli_session *s, const char *label);
/* Is the bar to be seen, and the last one old? */
bool cli_bar_is_due(const cli_bar *b);
/* Draw it, if it is due. `total` 0: not known. `unit` names what is counted ("lines"); NULL: bytes,
 * of which the total is told, too. */
void cli_bar_draw(cli_bar *b, uint64_t done, uint64_t total, const char *unit, uint64_t count);
/* Take the line away. */
void cli_bar_clear(cli_bar *b);
/* Leave it there, full. */
void cli_bar_stay(cli_bar *b, const char *unit, uint64_t count);

#endif
