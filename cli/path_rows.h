/* cli/path_rows.h - paths and subgraphs as rows of a table, for a terminal.
 *
 *   {"length": 2, "nodes": ["t/a", "t/b", "t/c"], "edges": [{"from": "t/a", …}, {"from": "t/c",
 * …}]} ─►  length  path 2  t/a -road-> t/b <-rail- t/c
 */
#ifndef PQ_CLI_PATH_ROWS_H
#define PQ_CLI_PATH_ROWS_H

#include "cli_session.h"

/* Of type cli_show; `ud` is the cli_table. Items of `path`, and of `traverse` that shows paths;
 * items of `subgraph`. */
void cli_show_path(void *ud, const cli_screen *screen, const char *json, size_t len);
void cli_show_graph(void *ud, const cli_screen *screen, const char *json, size_t len);

/* The columns of both, NULL-terminated. */
extern const char *const cli_path_columns[];
extern const char *const cli_graph_columns[];

#endif
