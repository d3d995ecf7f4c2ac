/* cli/cli_session.h - one command after the other: build the command document, send it, show the
 * replies.
 *
 *   cli_begin(s, "find", "posts")   {"find":"posts"
 *   cli_add_json(s, "filter", …)    {"find":"posts","filter":{…}
 *   cli_add_options(s)              …,"limit":5
 *   cli_execute(s, mode, show, ud)  …}  -> show(ud, item) for each item; s->summary
 *
 * The program runs one command; the shell runs many (cli_session_next between them) on one handle,
 * opened for reading first, and again for writing at the first write.
 *
 * Functions that return int return an exit status; a failure has been reported when they return.
 */
#ifndef PQ_CLI_CLI_SESSION_H
#define PQ_CLI_CLI_SESSION_H

#include <signal.h>

#include "options.h"
#include "parquedb/parquedb.h"
#include "print.h"

/* How items look. AUTO: tables on a terminal, else JSON lines. */
typedef enum cli_look { CLI_LOOK_AUTO, CLI_LOOK_TABLE, CLI_LOOK_JSON, CLI_LOOK_PRETTY } cli_look;

typedef struct cli_session {
  const char *name;           /* of the command */
  const cli_options *options; /* borrowed */
  cli_screen screen;
  cli_look look;
  pqdb *db;          /* owned; NULL until cli_open */
  pqdb_mode mode;    /* of db */
  bool is_shell;     /* namespace and actor go with each command, not with the handle */
  bool is_read_only; /* refuse to open for writing */
  bool must_reopen;  /* the handle failed in a way that only opening again tells more about */
  const volatile sig_atomic_t *interrupt; /* stop showing items when it is set; NULL: never */
  cli_text id;
  cli_text request;    /* the command document under construction */
  cli_text summary;    /* the summary of the last cli_execute */
  bool has_open_line;  /* a progress bar stands on the last line of standard error */
  struct cli_bar *bar; /* shows how far the next command is; NULL: none */
} cli_session;

typedef void (*cli_show)(void *ud, const cli_screen *screen, const char *json, size_t len);

void cli_session_init(cli_session *s, const char *name, const cli_options *options);
/* Get ready for the next command on the same handle. */
void cli_session_next(cli_session *s, const char *name, const cli_options *options);
/* Close the database and free everything. */
void cli_session_release(cli_session *s);

/* The directory of -w, else $PARQUEDB_WAREHOUSE, else ./warehouse. */
const char *cli_warehouse(const cli_session *s);
/* Open it, unless it is open in a mode that will do. */
int cli_open(cli_session *s, pqdb_mode mode);

/* Summaries as JSON; items as JSON lines. */
bool cli_wants_json(const cli_session *s);
bool cli_wants_lines(const cli_session *s);

/* Start a command document: {"verb": "target" */
void cli_begin(cli_session *s, const char *verb, const char *target);
/* How the warehouse must be open for a pipeline: for writing when $out or $merge ends it. */
pqdb_mode cli_pipeline_mode(cli_value pipeline);
void cli_add_text(cli_session *s, const char *key, const char *text);
void cli_add_u64(cli_session *s, const char *key, uint64_t number);
void cli_add_true(cli_session *s, const char *key);
void cli_add_false(cli_session *s, const char *key);
/* Add the fields of a JSON object that was checked. */
void cli_add_fields(cli_session *s, const char *object);
/* Add JSON that the user typed, after checking it; `label` names it in the error. */
int cli_add_json(cli_session *s, const char *key, const char *label, const char *json);
/* Add what the options of reads and lists say: asOf, flushed, explain, limit, sort … */
int cli_add_options(cli_session *s);

/* Is `json` one well-formed value? Reports line and column. */
int cli_check_json(const char *label, const char *json);

/* Close the document, open the warehouse if it is not open, run the command and show the items. The
 * summary is in s->summary afterwards. */
int cli_execute(cli_session *s, pqdb_mode mode, cli_show show, void *ud);
/* The same with a payload of newline-delimited JSON, without items. *code gets the status of the
 * library. */
int cli_execute_payload(cli_session *s, const char *payload, size_t len, int *code);

/* End the line of a progress bar, so that a message can follow. */
void cli_end_line(cli_session *s);

/* A number of the summary, 0 if absent. */
uint64_t cli_summary_u64(const cli_session *s, const char *name);
/* Print the summary as one line of JSON. */
void cli_print_summary(const cli_session *s);

#endif
