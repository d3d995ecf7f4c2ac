/* cli/whole_commands.c - degree, pagerank, components, triangles, communities, kcore: what is
 * computed of the whole graph (doc/commands.md).
 */
#include <string.h>

#include "commands.h"
#include "replies.h"

static const char *const columns[] = {"$id", "value", NULL};

/* The command of the engine. */
static const char *verb_of(const char *name) {
  if (strcmp(name, "pagerank") == 0) return "pageRank";
  return strcmp(name, "kcore") == 0 ? "kCore" : name;
}

/* With --write-as, or as an option of the shell. */
static bool is_written(const cli_options *o) {
  cli_value more = {0};
  if (o->more != NULL) more = cli_json_value(o->more, strlen(o->more));
  return cli_has_own(o, CLI_OWN_WRITE_AS) || cli_json_field(more, "writeAs").len > 0;
}

/* What ended the writing, if something did. */
static int report_error(const cli_session *s) {
  cli_value summary = cli_json_value(cli_text_c(&s->summary), s->summary.len), key, error;
  cli_json_walk errors = cli_json_enter(cli_json_field(summary, "errors"));
  cli_text id = {0}, code = {0}, message = {0};
  int status;
  if (!cli_json_next(&errors, &key, &error)) return CLI_DONE;
  (void)fflush(stdout);
  cli_json_decode(cli_json_field(error, "$id"), &id);
  cli_json_decode(cli_json_field(error, "code"), &code);
  cli_json_decode(cli_json_field(error, "message"), &message);
  status = cli_error(cli_text_c(&code), "%s: %s", cli_text_c(&id), cli_text_c(&message));
  cli_text_release(&id);
  cli_text_release(&code);
  cli_text_release(&message);
  return status;
}

static int write_values(cli_session *s) {
  int status = cli_add_options(s);
  if (status != CLI_DONE) return status;
  status = cli_execute(s, PQDB_WRITE, NULL, NULL);
  if (status != CLI_DONE) return status;
  if (cli_wants_json(s)) {
    cli_print_summary(s);
  } else {
    printf("modified %llu of %llu\n", (unsigned long long)cli_summary_u64(s, "modifiedCount"),
           (unsigned long long)cli_summary_u64(s, "n"));
  }
  return report_error(s);
}

int cli_run_whole(cli_session *s, char **words, int word_count) {
  const cli_options *o = s->options;
  cli_begin(s, verb_of(s->name), word_count == 1 ? words[0] : "");
  if (!is_written(o) && cli_has(o, CLI_OPT_AUDIT) && !s->is_shell)
    return cli_usage_error(s->name, "--actor and --metadata go with --write-as");
  return is_written(o) && !cli_has(o, CLI_OPT_TELLS) ? write_values(s) : cli_list_items(s, columns);
}
