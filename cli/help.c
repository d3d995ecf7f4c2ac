/* cli/help.c - `parquedb help`: the list of commands in groups, and a page for each.
 *
 *   NAME          find - show the entities that match
 *   USAGE         parquedb find COLL [FILTER] [OPTIONS]
 *   DESCRIPTION   …
 *   OPTIONS       …
 *   EXAMPLE       $ parquedb find posts …
 *                 what it prints; "…" stands for anything
 *
 * Headings start a line, everything else is indented by four: other programs read these pages.
 */
#include <stdio.h>
#include <string.h>

#include "commands.h"

void cli_help_list(FILE *file) {
  fputs("usage: parquedb COMMAND [ARGUMENTS] [OPTIONS]\n", file);
  for (const cli_command *c = cli_commands; c->name != NULL; c++) {
    if (c->group != NULL) fprintf(file, "\n%s\n", c->group);
    fprintf(file, "  %-21s %s\n", c->name, c->help);
  }
  fputs(
      "\nThe warehouse is -w DIR, else $PARQUEDB_WAREHOUSE, else ./warehouse.\n"
      "'parquedb help COMMAND' shows the arguments, options and an example.\n",
      file);
}

static void print_indented(const char *text) {
  while (*text != '\0') {
    size_t len = strcspn(text, "\n");
    printf("    %.*s\n", (int)len, text);
    text += len;
    if (*text == '\n') text++;
  }
}

void cli_help_command(const cli_command *c) {
  printf("NAME\n    %s - %s\n", c->name, c->help);
  printf("\nUSAGE\n    parquedb %s%s%s [OPTIONS]\n", c->name, *c->synopsis != '\0' ? " " : "",
         c->synopsis);
  fputs("\nDESCRIPTION\n", stdout);
  print_indented(c->about);
  fputs("\nOPTIONS\n", stdout);
  cli_options_print(c->options | CLI_OPT_COMMON, cli_command_own(c), 4);
  printf("\nEXAMPLE\n    $ %s\n", c->example);
  if (c->output != NULL) print_indented(c->output);
}

int cli_run_help(cli_session *s, char **words, int word_count) {
  const cli_command *c = word_count == 1 ? cli_command_need(words[0]) : NULL;
  (void)s;
  if (word_count == 0) {
    cli_help_list(stdout);
    return CLI_DONE;
  }
  if (c == NULL) return CLI_USAGE;
  cli_help_command(c);
  return CLI_DONE;
}
