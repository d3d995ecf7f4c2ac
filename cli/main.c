/* cli/main.c - the program `parquedb`: find the sub-command, check its arguments, run it, help.
 *
 *   argv -> cli_options_parse -> the row in cli_commands -> its run() -> exit status
 *
 *   0  done    1  the database said no    2  wrong usage
 *
 * Results go to standard output, everything else to standard error. Output that could not be
 * written is a failure; a reader that went away (| head) is not: SIGPIPE ends the program.
 */
#define _POSIX_C_SOURCE 200809L
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "commands.h"

static int print_usage(FILE *file) {
  fputs("usage: parquedb COMMAND [ARGUMENTS] [OPTIONS]\n\n", file);
  for (const cli_command *c = cli_commands; c->name != NULL; c++) {
    fprintf(file, "  %-12s %s\n", c->name, c->help);
  }
  fputs(
      "\nThe warehouse is -w DIR, else $PARQUEDB_WAREHOUSE, else ./warehouse.\n"
      "'parquedb help COMMAND' shows the arguments and options of a command.\n",
      file);
  return file == stderr ? CLI_USAGE : CLI_DONE;
}

static int print_command_help(const cli_command *c) {
  printf("usage: parquedb %s%s%s [OPTIONS]\n\n%s\n\n", c->name, *c->synopsis != '\0' ? " " : "",
         c->synopsis, c->help);
  cli_options_print(c->options | CLI_OPT_COMMON);
  printf("\nexample:\n  %s\n", c->example);
  return CLI_DONE;
}

/* The row of a command, or NULL after a message. */
static const cli_command *find_command(const char *name) {
  cli_nearest nearest = {name, NULL, 0};
  for (const cli_command *c = cli_commands; c->name != NULL; c++) {
    if (strcmp(c->name, name) == 0) return c;
    cli_nearest_offer(&nearest, c->name);
  }
  if (nearest.name == NULL) {
    (void)cli_usage_error(NULL, "unknown command '%s'", name);
  } else {
    (void)cli_usage_error(NULL, "unknown command '%s'; did you mean '%s'?", name, nearest.name);
  }
  return NULL;
}

static int run_command(const cli_command *c, const cli_options *options) {
  cli_session session;
  int word_count = options->word_count - 1;
  int status = cli_options_allow(options, c->options | CLI_OPT_COMMON, c->name);
  if (status != CLI_DONE) return status;
  if (word_count < c->word_min || word_count > c->word_max) {
    return cli_usage_error(
        c->name, "%s; usage: parquedb %s %s",
        word_count < c->word_min ? "an argument is missing" : "too many arguments", c->name,
        c->synopsis);
  }
  cli_session_init(&session, c->name, options);
  status = c->run(&session, options->words + 1, word_count);
  cli_session_release(&session);
  return status;
}

static int dispatch(int argc, char **argv) {
  cli_options options;
  const cli_command *command;
  const char *name;
  bool wants_help;
  int status = cli_options_parse(argc, argv, &options);
  if (status != CLI_DONE) return status;
  wants_help = cli_has(&options, CLI_OPT_HELP);
  if (cli_has(&options, CLI_OPT_VERSION)) {
    printf("parquedb %s\n", PQDB_VERSION);
    return CLI_DONE;
  }
  if (options.word_count == 0) return print_usage(wants_help ? stdout : stderr);
  name = options.words[0];
  if (strcmp(name, "help") == 0) {
    if (options.word_count == 1) return print_usage(stdout);
    name = options.words[1];
    wants_help = true;
  }
  command = find_command(name);
  if (command == NULL) return CLI_USAGE;
  return wants_help ? print_command_help(command) : run_command(command, &options);
}

/* A program started with standard streams closed would get their numbers for its own files, and
 * print into one of them: fill the gaps. Writing to the gap of standard output then fails. */
static void fill_standard_streams(void) {
  int fd;
  do {
    fd = open("/dev/null", O_RDONLY);
  } while (fd >= 0 && fd <= STDERR_FILENO);
  if (fd >= 0) (void)close(fd);
}

int main(int argc, char **argv) {
  int status;
  bool has_failed;
  fill_standard_streams();
  (void)signal(SIGPIPE, SIG_DFL);
  status = dispatch(argc, argv);
  has_failed = ferror(stdout) != 0;
  errno = 0;
  if (fclose(stdout) != 0) has_failed = true;
  if (!has_failed) return status;
  fprintf(stderr, "parquedb: STORAGE_ERROR: cannot write to standard output%s%s\n",
          errno != 0 ? ": " : "", errno != 0 ? strerror(errno) : "");
  return status == CLI_DONE ? CLI_REFUSED : status;
}
