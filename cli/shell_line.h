/* cli/shell_line.h - one line of the shell, as the sub-command, options and words it stands for.
 *
 *   find posts {n: {$gt: 3}} --limit 5               words, as behind
 * 'parquedb' posts.find({n: {$gt: 3}}).limit(5)               calls, as in mongosh
 * └──────────┬─────────────┘ command find, words ["posts", "{\"n\":{\"$gt\":3}}"], options.limit 5
 *
 * So both go the way of the command line from there on. Functions that return int return an exit
 * status; a failure has been reported then.
 */
#ifndef PQ_CLI_SHELL_LINE_H
#define PQ_CLI_SHELL_LINE_H

#include "commands.h"
#include "relaxed_json.h"

enum { CLI_WORDS_MAX = 64 };

typedef struct cli_shell_line {
  const cli_command *command;
  cli_options options;        /* its text is borrowed from here */
  char *words[CLI_WORDS_MAX]; /* owned: all texts of the line */
  int word_count;
  char *sorted[CLI_WORDS_MAX]; /* those that options.words has: the command and its arguments */
  bool is_one;                 /* findOne: indented, "null" when there is none */
  bool is_pretty;              /* .pretty() */
} cli_shell_line;

/* Take a line apart. Zeroed before; to be released after, whatever the status.
 */
int cli_shell_words(cli_shell_line *line, const char *text, size_t len);
int cli_shell_call(cli_shell_line *line, const char *text, size_t len);
void cli_shell_line_release(cli_shell_line *line);

/* Does the text look like a call: names with dots between, and '('? */
bool cli_is_call(const char *text, size_t len);

/* Names for completion: calls on a collection, on db, and on the result of a call; NULL at the end.
 */
typedef enum cli_call_place { CLI_ON_COLLECTION, CLI_ON_DATABASE, CLI_ON_RESULT } cli_call_place;
const char *cli_call_name(cli_call_place place, size_t i);

#endif
