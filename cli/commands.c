/* cli/commands.c - the sub-commands on documents and edges: each builds one command document and
 * shows the replies.
 *
 *   words + options  ->  {"find":"posts","filter":{…},"limit":5}  ->  items  ->  the screen
 *
 * What the document may hold and what comes back is in doc/commands.md. The other sub-commands are
 * in warehouse_commands.c, the table of all of them in command_table.c.
 */
#include "commands.h"

#include <string.h>

#include "replies.h"

/* ---- documents ---- */

int cli_run_insert(cli_session *s, char **words, int word_count) {
  cli_json_walk ids;
  cli_value key, id;
  cli_text line = {0};
  bool is_array;
  int status;
  (void)word_count;
  status = cli_check_json("DOC", words[1]);
  if (status != CLI_DONE) return status;
  cli_begin(s, "insert", words[0]);
  is_array = cli_json_value(words[1], strlen(words[1])).kind == CLI_JSON_ARRAY;
  cli_text_str(&s->request, is_array ? ",\"documents\":" : ",\"documents\":[");
  cli_text_str(&s->request, words[1]);
  if (!is_array) cli_text_byte(&s->request, ']');
  if (cli_has(s->options, CLI_OPT_UNORDERED)) cli_add_false(s, "ordered");
  status = cli_add_options(s);
  if (status != CLI_DONE) return status;
  status = cli_execute(s, PQDB_CREATE, NULL, NULL);
  if (status != CLI_DONE) return status;
  if (cli_wants_json(s)) {
    cli_print_summary(s);
    return cli_report_errors(s, "document");
  }
  id = cli_json_value(cli_text_c(&s->summary), s->summary.len);
  ids = cli_json_enter(cli_json_field(id, "insertedIds"));
  while (cli_json_next(&ids, &key, &id)) {
    cli_text_clear(&line);
    if (id.kind != CLI_JSON_STRING) continue; /* it was not inserted */
    cli_json_decode(id, &line);
    cli_print_line(&s->screen, cli_text_c(&line), line.len);
  }
  cli_text_release(&line);
  return cli_report_errors(s, "document");
}

int cli_run_get(cli_session *s, char **words, int word_count) {
  bool is_line = cli_wants_lines(s);
  int status = cli_take_id(s, words, word_count);
  if (status != CLI_DONE) return status;
  cli_begin(s, "get", cli_text_c(&s->id));
  if (cli_has(s->options, CLI_OPT_TELLS)) return cli_list_items(s, NULL);
  status = cli_add_options(s);
  if (status != CLI_DONE) return status;
  status = cli_execute(s, PQDB_READ, is_line ? cli_show_line : cli_show_pretty, NULL);
  if (status != CLI_DONE) return status;
  return cli_summary_u64(s, "n") == 0 ? cli_missing_entity(s) : CLI_DONE;
}

static int begin_filtered(cli_session *s, char **words, int word_count) {
  cli_begin(s, s->name, words[0]);
  return word_count == 1 ? CLI_DONE : cli_add_json(s, "filter", "FILTER", words[1]);
}

int cli_run_find(cli_session *s, char **words, int word_count) {
  int status = begin_filtered(s, words, word_count);
  if (status != CLI_DONE) return status;
  return cli_wants_export(s) ? cli_export(s) : cli_list_items(s, NULL);
}

/* Run a command whose answer is its summary, which is printed here where JSON is wanted. *is_told:
 * so it was, or the command only tells of itself: nothing is left to print. */
static int read_summary(cli_session *s, bool *is_told) {
  int status;
  *is_told = true;
  if (cli_has(s->options, CLI_OPT_TELLS)) return cli_list_items(s, NULL);
  status = cli_add_options(s);
  if (status != CLI_DONE) return status;
  status = cli_execute(s, PQDB_READ, NULL, NULL);
  if (status != CLI_DONE) return status;
  *is_told = cli_wants_json(s);
  if (*is_told) cli_print_summary(s);
  return CLI_DONE;
}

int cli_run_count(cli_session *s, char **words, int word_count) {
  bool is_estimated = cli_has(s->options, CLI_OPT_ESTIMATED), is_told;
  int status = CLI_DONE;
  if (!is_estimated) {
    status = begin_filtered(s, words, word_count);
  } else if (word_count == 1) {
    cli_begin(s, "estimatedCount", words[0]);
  } else {
    status = cli_usage_error(s->name, "--estimated counts all, it takes no FILTER");
  }
  if (status != CLI_DONE) return status;
  status = read_summary(s, &is_told);
  if (status == CLI_DONE && !is_told)
    printf("%llu\n", (unsigned long long)cli_summary_u64(s, "count"));
  return status;
}

/* {"link": {"from": …, "predicate": …, "to": … — the inner object stays open.
 */
static int begin_edge(cli_session *s, char **words) {
  static const char *const keys[] = {"{\"from\":", ",\"predicate\":", ",\"to\":"};
  int status = cli_check_id(s, "FROM", words[0]);
  if (status == CLI_DONE) status = cli_check_id(s, "TO", words[2]);
  if (status != CLI_DONE) return status;
  cli_text_str(&s->request, "{\"");
  cli_text_str(&s->request, s->name);
  cli_text_str(&s->request, "\":");
  for (int i = 0; i < 3; i++) {
    cli_text_str(&s->request, keys[i]);
    cli_text_json(&s->request, words[i], strlen(words[i]));
  }
  return CLI_DONE;
}

/* {"exists": {"from": …, "predicate": …, "to": …} */
static int begin_exists(cli_session *s, char **words, int word_count) {
  int status;
  if (word_count < 3) return begin_filtered(s, words, word_count);
  status = begin_edge(s, words);
  if (status == CLI_DONE) cli_text_byte(&s->request, '}');
  return status;
}

int cli_run_exists(cli_session *s, char **words, int word_count) {
  bool exists, is_told;
  int status = begin_exists(s, words, word_count);
  if (status == CLI_DONE) status = read_summary(s, &is_told);
  if (status != CLI_DONE || cli_has(s->options, CLI_OPT_TELLS)) return status;
  exists = cli_json_field(cli_json_value(cli_text_c(&s->summary), s->summary.len), "exists").len ==
           strlen("true");
  if (!is_told) printf("%s\n", exists ? "true" : "false");
  return exists || s->is_shell ? CLI_DONE : CLI_REFUSED;
}

/* One value a line, as JSON. */
int cli_run_distinct(cli_session *s, char **words, int word_count) {
  cli_json_walk values;
  cli_value key, value;
  bool is_told;
  int status;
  (void)word_count;
  cli_begin(s, "distinct", words[0]);
  cli_add_text(s, "key", words[1]);
  status = read_summary(s, &is_told);
  if (status != CLI_DONE || is_told) return status;
  value = cli_json_value(cli_text_c(&s->summary), s->summary.len);
  values = cli_json_enter(cli_json_field(value, "values"));
  while (cli_json_next(&values, &key, &value))
    cli_print_line(&s->screen, value.text, value.len);
  return CLI_DONE;
}

int cli_run_aggregate(cli_session *s, char **words, int word_count) {
  int status;
  (void)word_count;
  cli_begin(s, "aggregate", words[0]);
  status = cli_add_json(s, "pipeline", "PIPELINE", words[1]);
  if (status == CLI_DONE)
    status = cli_open(s, cli_pipeline_mode(cli_json_value(words[1], strlen(words[1]))));
  return status != CLI_DONE ? status : cli_list_items(s, NULL);
}

int cli_run_update(cli_session *s, char **words, int word_count) {
  bool is_line = cli_wants_lines(s);
  int status = cli_take_id(s, words, word_count - 1);
  if (status != CLI_DONE) return status;
  cli_begin(s, "update", cli_text_c(&s->id));
  status = cli_add_json(s, "ops", "OPS", words[word_count - 1]);
  if (status != CLI_DONE) return status;
  status = cli_add_options(s);
  if (status != CLI_DONE) return status;
  status = cli_execute(s, PQDB_WRITE, is_line ? cli_show_line : cli_show_pretty, NULL);
  if (status != CLI_DONE) return status;
  return cli_summary_u64(s, "matchedCount") == 0 ? cli_missing_entity(s) : CLI_DONE;
}

int cli_run_delete(cli_session *s, char **words, int word_count) {
  int status = cli_take_id(s, words, word_count);
  if (status != CLI_DONE) return status;
  cli_begin(s, "delete", cli_text_c(&s->id));
  if (cli_has(s->options, CLI_OPT_HARD)) cli_add_true(s, "hard");
  status = cli_add_options(s);
  if (status != CLI_DONE) return status;
  status = cli_execute(s, PQDB_WRITE, NULL, NULL);
  if (status != CLI_DONE) return status;
  if (cli_summary_u64(s, "deletedCount") == 0) return cli_missing_entity(s);
  if (cli_wants_json(s)) {
    cli_print_summary(s);
  } else {
    printf("deleted %s\n", cli_text_c(&s->id));
  }
  return CLI_DONE;
}

/* ---- edges ---- */

static int end_edge(cli_session *s, char **words, const char *count_name, const char *done) {
  int status;
  cli_text_byte(&s->request, '}');
  status = cli_execute(s, PQDB_WRITE, NULL, NULL);
  if (status != CLI_DONE) return status;
  if (cli_wants_json(s)) {
    cli_print_summary(s);
  } else if (cli_summary_u64(s, count_name) > 0) {
    printf("%s %s %s %s\n", done, words[0], words[1], words[2]);
  } else if (strcmp(s->name, "link") == 0) {
    printf("unchanged %s %s %s\n", words[0], words[1], words[2]);
  }
  if (cli_json_field(cli_json_value(cli_text_c(&s->summary), s->summary.len), "refs").len > 0)
    fprintf(stderr, "parquedb: stored, but not its record in _system: run parquedb refs rebuild\n");
  return CLI_DONE;
}

/* What is said of edges one at a time, and of those of a file, each where it belongs. */
static int check_link(cli_session *s, const char *file, int word_count) {
  static const uint64_t of_file = CLI_OPT_ACK | CLI_OPT_FORMAT | CLI_OPT_TYPES | CLI_OPT_STRICT;
  const cli_options *o = s->options;
  if (file == NULL && cli_has(o, of_file))
    return cli_usage_error(s->name, "--%s goes with --file",
                           cli_option_name(o->given & of_file, 0, 0));
  if (file == NULL && word_count < 3)
    return cli_usage_error(s->name, "FROM, PREDICATE and TO are needed, or --file FILE");
  if (file != NULL && word_count > 0)
    return cli_usage_error(s->name, "with --file the edges stand in the file, '%s' does not",
                           o->words[1]);
  if (file != NULL && cli_has(o, CLI_OPT_DATA | CLI_OPT_REVERSE_NAME))
    return cli_usage_error(s->name, "with --file data and reverse names stand in the file");
  if (file != NULL && s->is_shell && strcmp(file, "-") == 0)
    return cli_usage_error(s->name, "in the shell it needs a FILE");
  return CLI_DONE;
}

int cli_run_link(cli_session *s, char **words, int word_count) {
  const cli_options *o = s->options;
  const char *file = cli_own_text(o, "file");
  int status = check_link(s, file, word_count);
  if (status == CLI_DONE && file != NULL) return cli_link_file(s, file);
  if (status == CLI_DONE) status = begin_edge(s, words);
  if (status != CLI_DONE) return status;
  if (cli_has(o, CLI_OPT_REVERSE_NAME)) cli_add_text(s, "reverse", o->reverse_name);
  if (cli_has(o, CLI_OPT_DATA)) status = cli_add_json(s, "data", "--data", o->data);
  return status != CLI_DONE ? status : end_edge(s, words, "linkedCount", "linked");
}

int cli_run_unlink(cli_session *s, char **words, int word_count) {
  int status = begin_edge(s, words);
  (void)word_count;
  if (status == CLI_DONE) status = end_edge(s, words, "unlinkedCount", "unlinked");
  if (status != CLI_DONE || cli_summary_u64(s, "unlinkedCount") > 0) return status;
  return cli_error(pqdb_status_name(PQDB_ENTITY_NOT_FOUND), "no edge %s %s %s", words[0], words[1],
                   words[2]);
}

static void add_direction(cli_session *s) {
  if (cli_has(s->options, CLI_OPT_REVERSE)) cli_add_text(s, "direction", "reverse");
}

int cli_run_related(cli_session *s, char **words, int word_count) {
  int status = cli_check_id(s, "FROM", words[0]);
  if (status != CLI_DONE) return status;
  if (word_count == 2 && cli_has_own(s->options, CLI_OWN_PREDICATES))
    return cli_usage_error(s->name, "a PREDICATE or --predicates, not both");
  if (cli_has(s->options, CLI_OPT_REVERSE) && cli_has_own(s->options, CLI_OWN_DIRECTION))
    return cli_usage_error(s->name, "--reverse or --direction, not both");
  cli_begin(s, "related", words[0]);
  if (word_count == 2) cli_add_text(s, "predicate", words[1]);
  add_direction(s);
  if (cli_has(s->options, CLI_OPT_EDGES)) cli_add_true(s, "edges");
  return cli_list_items(s, NULL);
}

int cli_run_match(cli_session *s, char **words, int word_count) {
  (void)word_count;
  cli_begin(s, "match", words[0]);
  return cli_list_items(s, NULL);
}
