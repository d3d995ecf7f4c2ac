/* cli/schema_commands.c - the sub-command schema: what the documents of a collection are like.
 *
 *   schema show posts              {"schema": "posts"}
 *   schema set posts '{…}'         {"schema": "posts", "set": {…}}
 *   schema diff posts '{…}'        {"schema": "posts", "diff": {…}}
 *   schema infer posts             {"schema": "posts", "infer": true}
 */
#include <stdio.h>
#include <string.h>

#include "commands.h"
#include "replies.h"

/* The schema alone: what `set` takes. */
static void show_schema(void *ud, const cli_screen *screen, const char *json, size_t len) {
  cli_value item = cli_json_value(json, len), schema = cli_json_field(item, "schema");
  (void)ud;
  cli_print_line(screen, schema.text, schema.len);
}

static int usage(const char *text) {
  (void)cli_error(pqdb_status_name(PQDB_VALIDATION_FAILED), "%s", text);
  return CLI_USAGE;
}

static int run_set(cli_session *s) {
  int status;
  if (cli_has(s->options, CLI_OPT_MODE)) cli_add_text(s, "mode", s->options->mode);
  if (cli_has(s->options, CLI_OPT_FORCE)) cli_add_true(s, "force");
  status = cli_execute(s, PQDB_CREATE, NULL, NULL);
  if (status != CLI_DONE) return status;
  if (cli_wants_json(s)) {
    cli_print_summary(s);
  } else {
    printf("version %llu, %llu documents checked\n",
           (unsigned long long)cli_summary_u64(s, "version"),
           (unsigned long long)cli_summary_u64(s, "documentsChecked"));
  }
  return CLI_DONE;
}

int cli_run_schema(cli_session *s, char **words, int word_count) {
  const char *verb = words[0];
  bool is_set = strcmp(verb, "set") == 0, is_diff = strcmp(verb, "diff") == 0;
  bool is_infer = strcmp(verb, "infer") == 0, is_show = strcmp(verb, "show") == 0;
  int status;
  if (!is_set && !is_diff && !is_infer && !is_show)
    return usage("schema: expects set, show, diff or infer, then the collection");
  if (word_count != (is_set || is_diff ? 3 : 2))
    return usage(is_set || is_diff ? "schema set and schema diff take COLL and NOTATION"
                                   : "schema show and schema infer take COLL alone");
  cli_begin(s, "schema", words[1]);
  if (is_infer) cli_add_true(s, "infer");
  if (is_set || is_diff) {
    status = cli_add_json(s, verb, "NOTATION", words[2]);
    if (status != CLI_DONE) return status;
  }
  status = cli_add_options(s);
  if (status != CLI_DONE) return status;
  if (is_set) return run_set(s);
  status =
      cli_execute(s, PQDB_READ, is_show && !cli_wants_json(s) ? show_schema : cli_show_line, NULL);
  if (status != CLI_DONE || !is_show || cli_summary_u64(s, "n") > 0) return status;
  fprintf(stderr, "parquedb: %s has no schema\n", words[1]);
  return CLI_REFUSED;
}
