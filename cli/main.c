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
  cli_help_list(file);
  return file == stderr ? CLI_USAGE : CLI_DONE;
}

static int run_command(const cli_command *c, const cli_options *options) {
  cli_session session;
  int word_count = options->word_count - 1;
  int status = cli_command_check(c, options, word_count);
  if (status != CLI_DONE) return status;
  cli_session_init(&session, c->name, options);
  status = c->run(&session, options->words + 1, word_count);
  cli_session_release(&session);
  return status;
}

static int dispatch(int argc, char **argv) {
  cli_options options;
  const cli_command *command;
  bool wants_help;
  int status = cli_options_parse(argc, argv, &options);
  if (status != CLI_DONE) return status;
  wants_help = cli_has(&options, CLI_OPT_HELP);
  if (cli_has(&options, CLI_OPT_VERSION)) {
    printf("parquedb %s\n", PQDB_VERSION);
    return CLI_DONE;
  }
  if (options.word_count == 0) return print_usage(wants_help ? stdout : stderr);
  command = cli_command_need(options.words[0]);
  if (command == NULL) return CLI_USAGE;
  if (!wants_help) return run_command(command, &options);
  cli_help_command(command);
  return CLI_DONE;
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
