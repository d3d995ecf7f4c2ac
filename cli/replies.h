/* cli/replies.h - what the sub-commands share: ids from the command line, ways to show items.
 *
 *   items ─┬─ JSON lines     not a terminal, --json
 *          ├─ a table        many items on a terminal
 *          ├─ indented JSON  one entity on a terminal
 *          └─ key: value     --explain, summaries
 *
 * Functions that return int return an exit status; a failure has been reported when they return.
 */
#ifndef PQ_CLI_REPLIES_H
#define PQ_CLI_REPLIES_H

#include "cli_session.h"

/* Of type cli_show; `ud` is not used. */
void cli_show_line(void *ud, const cli_screen *screen, const char *json, size_t len);
void cli_show_pretty(void *ud, const cli_screen *screen, const char *json, size_t len);
void cli_show_explain(void *ud, const cli_screen *screen, const char *json, size_t len);
void cli_show_report(void *ud, const cli_screen *screen, const char *json, size_t len);
/* `ud`: the cli_table that gets the item. */
void cli_show_table(void *ud, const cli_screen *screen, const char *json, size_t len);

/* Add the options to the request, run it as a read that answers with many items. `columns`: of the
 * table, NULL-terminated, or NULL to choose them from the items. */
int cli_list_items(cli_session *s, const char *const *columns);
/* The same with another way from items to rows: `show` gets the cli_table. */
int cli_list_rows(cli_session *s, const char *const *columns, cli_show show);

/* COLL/ID, or COLL ID in two words, into s->id. */
int cli_take_id(cli_session *s, char **words, int id_words);
/* Refuse what is no COLL/ID; `label` names it. */
int cli_check_id(const cli_session *s, const char *label, const char *id);
/* Say that there is no entity s->id. */
int cli_missing_entity(const cli_session *s);

/* Report the "errors" of the summary, each with its index as `what`. */
int cli_report_errors(const cli_session *s, const char *what);

#endif
