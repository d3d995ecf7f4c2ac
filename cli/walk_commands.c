/* cli/walk_commands.c - `traverse`, `path`, `connected`, `neighbourhood`: ways from entity to
 * entity.
 *
 * The engine checks what goes together; here words and options only become a document.
 */
#include <stdio.h>
#include <string.h>

#include "commands.h"
#include "path_rows.h"
#include "replies.h"

/* A command whose answer is its summary. */
static int report(cli_session *s) {
  int status = cli_add_options(s);
  if (status != CLI_DONE) return status;
  if (cli_has(s->options, CLI_OPT_TELLS))
    return cli_execute(s, PQDB_READ, cli_wants_json(s) ? cli_show_line : cli_show_explain, NULL);
  status = cli_execute(s, PQDB_READ, NULL, NULL);
  if (status == CLI_DONE) cli_print_summary(s);
  return status;
}

/* A step is a predicate, or what the command document takes: {"predicate": "knows", "max": 3}. */
static int add_step(cli_session *s, const char *word) {
  int status = word[0] == '{' ? cli_check_json("STEP", word) : CLI_DONE;
  if (status != CLI_DONE) return status;
  if (word[0] == '{')
    cli_text_str(&s->request, word);
  else
    cli_text_json(&s->request, word, strlen(word));
  return CLI_DONE;
}

int cli_run_traverse(cli_session *s, char **words, int word_count) {
  const char *returned = cli_own_text(s->options, "show");
  int status = cli_check_id(s, "FROM", words[0]);
  if (status != CLI_DONE) return status;
  cli_begin(s, "traverse", words[0]);
  cli_text_str(&s->request, ",\"path\":[");
  for (int i = 1; i < word_count && status == CLI_DONE; i++) {
    if (i > 1) cli_text_byte(&s->request, ',');
    status = add_step(s, words[i]);
  }
  if (status != CLI_DONE) return status;
  cli_text_byte(&s->request, ']');
  if (cli_has(s->options, CLI_OPT_REVERSE)) cli_add_text(s, "direction", "reverse");
  if (returned != NULL && strcmp(returned, "count") == 0) return report(s);
  if (returned != NULL && strcmp(returned, "paths") == 0)
    return cli_list_rows(s, cli_path_columns, cli_show_path);
  return cli_list_items(s, NULL);
}

/* {"path":{"from":…,"to":…} */
static int begin_ends(cli_session *s, const char *command, char **words) {
  int status = cli_check_id(s, "FROM", words[0]);
  if (status == CLI_DONE) status = cli_check_id(s, "TO", words[1]);
  if (status != CLI_DONE) return status;
  cli_text_str(&s->request, "{\"");
  cli_text_str(&s->request, command);
  cli_text_str(&s->request, "\":{\"from\":");
  cli_text_json(&s->request, words[0], strlen(words[0]));
  cli_text_str(&s->request, ",\"to\":");
  cli_text_json(&s->request, words[1], strlen(words[1]));
  cli_text_byte(&s->request, '}');
  return CLI_DONE;
}

int cli_run_path(cli_session *s, char **words, int word_count) {
  const char *property = cli_own_text(s->options, "heuristic");
  int status = begin_ends(s, "path", words);
  (void)word_count;
  if (status != CLI_DONE) return status;
  if (property != NULL) {
    cli_text_str(&s->request, ",\"heuristic\":{\"property\":");
    cli_text_json(&s->request, property, strlen(property));
    cli_text_byte(&s->request, '}');
  }
  return cli_list_rows(s, cli_path_columns, cli_show_path);
}

int cli_run_connected(cli_session *s, char **words, int word_count) {
  int status = begin_ends(s, "connected", words);
  (void)word_count;
  return status == CLI_DONE ? report(s) : status;
}

int cli_run_neighbourhood(cli_session *s, char **words, int word_count) {
  int status = cli_check_id(s, "ID", words[0]);
  (void)word_count;
  if (status != CLI_DONE) return status;
  cli_begin(s, "neighbourhood", words[0]);
  return report(s);
}
