/* cli/diff_view.h - items of `diff` as rows of a table. */
#ifndef PQ_CLI_DIFF_VIEW_H
#define PQ_CLI_DIFF_VIEW_H

#include "cli_session.h"

/* Of type cli_show; `ud` is the cli_table with the columns $id, change, path, before, after. */
void cli_show_diff(void *ud, const cli_screen *screen, const char *json, size_t len);

#endif
