/* cli/commands.h - the table of sub-commands. */
#ifndef PQ_CLI_COMMANDS_H
#define PQ_CLI_COMMANDS_H

#include "cli_session.h"

typedef struct cli_command {
  const char *name;
  const char *synopsis; /* the positional arguments */
  const char *help;     /* one line */
  const char *example;
  uint32_t options; /* beyond CLI_OPT_COMMON: set of CLI_OPT_ bits */
  int word_min, word_max;
  int (*run)(cli_session *s, char **words, int word_count); /* returns an exit status */
} cli_command;

/* All commands, in the order of the help; the last has no name. */
extern const cli_command cli_commands[];

/* import.c: newline-delimited JSON from a file or standard input into a collection. */
int cli_import(cli_session *s, char **words, int word_count);

#endif
