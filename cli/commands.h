/* cli/commands.h - the table of sub-commands and the functions in it.
 *
 *   name  synopsis  help    about        example, output          options  words  run
 *   get   COLL/ID   a line  a paragraph  tried by test/cli/cli.py  bits     1..2   cli_run_get
 *
 * The table is the only place where a sub-command is described: help, the shell's completion, the
 * manual pages and the test of the examples all come from it.
 */
#ifndef PQ_CLI_COMMANDS_H
#define PQ_CLI_COMMANDS_H

#include "cli_session.h"
#include "parquedb/backup.h"
#include "parquedb/convert.h"

typedef struct cli_command {
  const char *group; /* heading that the help starts with this command, else NULL */
  const char *name;
  const char *synopsis; /* the positional arguments */
  const char *help;     /* one line */
  const char *about;    /* a paragraph, in lines of at most 76 columns */
  const char *example;  /* what to type */
  const char *output;   /* what it prints when piped; "…" stands for anything. NULL: nothing */
  uint64_t options;     /* beyond CLI_OPT_COMMON: set of CLI_OPT_ bits */
  int word_min, word_max;
  int (*run)(cli_session *s, char **words, int word_count); /* returns an exit status */
} cli_command;

/* All commands, in the order of the help; the last has no name. */
extern const cli_command cli_commands[];

/* The row of a command, or NULL. */
const cli_command *cli_command_find(const char *name);
/* The same; NULL after a message that names the nearest one. */
const cli_command *cli_command_need(const char *name);
/* Which of the CLI_OWN_ options it takes. */
uint64_t cli_command_own(const cli_command *c);
/* Check options and the number of words. CLI_DONE, or CLI_USAGE after a message. */
int cli_command_check(const cli_command *c, const cli_options *options, int word_count);

/* help.c: the list of commands; the page of one command. */
void cli_help_list(FILE *file);
void cli_help_command(const cli_command *c);

/* export.c: is the find under construction to be written with --format or --output? Then run it and
 * write. */
bool cli_wants_export(const cli_session *s);
int cli_export(cli_session *s);
/* The format that --format names, else that of a file name, else PQDB_FORMAT_NDJSON. */
int cli_choose_format(const cli_session *s, const char *name, pqdb_format *out);

/* The commands; each gets its words without its name. */
int cli_import(cli_session *s, char **words, int word_count); /* import.c */
/* import.c: link the edges of a file; NULL or "-": of standard input. */
int cli_link_file(cli_session *s, const char *file);
int cli_shell(cli_session *s, char **words, int word_count); /* shell.c */
int cli_transaction(cli_session *s, char **words, int word_count);
int cli_run_help(cli_session *s, char **words, int word_count); /* help.c */
/* commands.c */
int cli_run_insert(cli_session *s, char **words, int word_count);
int cli_run_get(cli_session *s, char **words, int word_count);
int cli_run_find(cli_session *s, char **words, int word_count);
int cli_run_count(cli_session *s, char **words, int word_count);
int cli_run_aggregate(cli_session *s, char **words, int word_count);
int cli_run_update(cli_session *s, char **words, int word_count);
int cli_run_delete(cli_session *s, char **words, int word_count);
int cli_run_exists(cli_session *s, char **words, int word_count);
int cli_run_distinct(cli_session *s, char **words, int word_count);
/* change_commands.c */
int cli_run_change(cli_session *s, char **words, int word_count);
int cli_run_replace(cli_session *s, char **words, int word_count);
/* commands.c */
int cli_run_link(cli_session *s, char **words, int word_count);
int cli_run_unlink(cli_session *s, char **words, int word_count);
int cli_run_related(cli_session *s, char **words, int word_count);
int cli_run_match(cli_session *s, char **words, int word_count);
int cli_run_whole(cli_session *s, char **words, int word_count);    /* whole_commands.c */
int cli_run_subgraph(cli_session *s, char **words, int word_count); /* graph_export.c */
/* walk_commands.c */
int cli_run_traverse(cli_session *s, char **words, int word_count);
int cli_run_path(cli_session *s, char **words, int word_count);
int cli_run_connected(cli_session *s, char **words, int word_count);
int cli_run_neighbourhood(cli_session *s, char **words, int word_count);
/* time_commands.c */
int cli_run_history(cli_session *s, char **words, int word_count);
int cli_run_events(cli_session *s, char **words, int word_count);
int cli_run_get_at_version(cli_session *s, char **words, int word_count);
int cli_run_reconstruct(cli_session *s, char **words, int word_count);
int cli_run_append_event(cli_session *s, char **words, int word_count);
int cli_run_diff(cli_session *s, char **words, int word_count);
int cli_run_revert(cli_session *s, char **words, int word_count);
int cli_run_replay(cli_session *s, char **words, int word_count);
int cli_run_restore(cli_session *s, char **words, int word_count);
/* warehouse_commands.c */
int cli_run_flush(cli_session *s, char **words, int word_count);
int cli_run_files(cli_session *s, char **words, int word_count);
int cli_run_stats(cli_session *s, char **words, int word_count);
int cli_run_schema(cli_session *s, char **words, int word_count); /* schema_commands.c */
int cli_run_serve(cli_session *s, char **words, int word_count);  /* serve_command.c */
int cli_run_user(cli_session *s, char **words, int word_count);   /* user_command.c */
int cli_run_collections(cli_session *s, char **words, int word_count);
int cli_run_compact(cli_session *s, char **words, int word_count);
int cli_run_maintain(cli_session *s, char **words, int word_count);
int cli_run_checkpoint(cli_session *s, char **words, int word_count);
/* The summary as a report, without what every summary has. CLI_DONE. */
int cli_report_summary(const cli_session *s);
/* keep_commands.c */
int cli_run_vacuum(cli_session *s, char **words, int word_count);
int cli_run_retention(cli_session *s, char **words, int word_count);
int cli_run_refs(cli_session *s, char **words, int word_count);
/* copy_commands.c */
int cli_run_verify(cli_session *s, char **words, int word_count);
int cli_run_backup(cli_session *s, char **words, int word_count);
/* restore --into */
int cli_restore_into(cli_session *s);
/* pqdb_backup of the session's warehouse into folder `to`, with a progress bar. A status of the
 * library. */
int cli_copy(cli_session *s, const char *to, pqdb_backup_options *options,
             pqdb_backup_report *report);
/* warehouse_commands.c */
int cli_run_run(cli_session *s, char **words, int word_count);
/* parquet_command.c */
int cli_run_parquet(cli_session *s, char **words, int word_count);

#endif
