/* cli/replies.c - see replies.h. Ids are COLL/ID as the database writes them; in the two-word form
 * COLL ID the local id is literal text, so '/' and '%' in it are percent-encoded here.
 */
#include "replies.h"

#include <string.h>

#include "text_table.h"

/* ---- showing items ---- */

void cli_show_line(void *ud, const cli_screen *screen, const char *json, size_t len) {
  (void)ud;
  cli_print_line(screen, json, len);
}

void cli_show_pretty(void *ud, const cli_screen *screen, const char *json, size_t len) {
  (void)ud;
  cli_print_pretty(screen, json, len);
}

void cli_show_report(void *ud, const cli_screen *screen, const char *json, size_t len) {
  (void)ud;
  cli_print_report(screen, json, len, NULL);
}

void cli_show_table(void *ud, const cli_screen *screen, const char *json, size_t len) {
  (void)screen;
  cli_table_add(ud, json, len);
}

/* What --total and --cursor ask for. */
static void note_page(const cli_session *s) {
  cli_value summary = cli_json_value(cli_text_c(&s->summary), s->summary.len);
  cli_value next = cli_json_field(summary, "nextCursor");
  (void)fflush(stdout);
  if (cli_has(s->options, CLI_OPT_TOTAL))
    fprintf(stderr, "parquedb: note: %llu in all\n",
            (unsigned long long)cli_summary_u64(s, "total"));
  if (cli_has(s->options, CLI_OPT_CURSOR) && next.kind == CLI_JSON_STRING)
    fprintf(stderr, "parquedb: note: the next page: --cursor %.*s\n", (int)next.len - 2,
            next.text + 1);
}

/* History that does not begin with the first event: retention has dropped what was before. */
static void note_floor(const cli_session *s) {
  cli_value summary = cli_json_value(cli_text_c(&s->summary), s->summary.len);
  cli_value from = cli_json_inner(cli_json_field(summary, "historyFrom"));
  if (from.kind != CLI_JSON_STRING || cli_has(s->options, CLI_OPT_FROM | CLI_OPT_CURSOR)) return;
  (void)fflush(stdout);
  fprintf(stderr,
          "parquedb: note: history begins behind event %llu (%.*s); what was before was dropped\n",
          (unsigned long long)cli_json_u64(cli_json_field(summary, "historyFromSeq")),
          (int)from.len - 2, from.text + 1);
}

/* History stops at 1,000 events by itself: say so when nobody asked for a limit. */
static void note_more(const cli_session *s) {
  cli_value summary = cli_json_value(cli_text_c(&s->summary), s->summary.len);
  cli_value more = cli_json_field(summary, "hasMore");
  if (cli_has(s->options, CLI_OPT_LIMIT) || more.kind != CLI_JSON_BOOL) return;
  if (more.text[0] != 't') return;
  (void)fflush(stdout);
  fprintf(stderr, "parquedb: note: there are more; ask with a larger --%s\n",
          strcmp(s->name, "subgraph") == 0 ? "max-nodes" : "limit");
}

int cli_list_rows(cli_session *s, const char *const *columns, cli_show show) {
  cli_table table;
  int status = cli_add_options(s);
  if (status != CLI_DONE) return status;
  if (cli_has(s->options, CLI_OPT_TELLS)) {
    return cli_execute(s, PQDB_READ, cli_wants_json(s) ? cli_show_line : cli_show_explain, NULL);
  }
  if (cli_wants_lines(s)) {
    status = cli_execute(s, PQDB_READ, cli_show_line, NULL);
  } else if (s->look == CLI_LOOK_PRETTY) {
    status = cli_execute(s, PQDB_READ, cli_show_pretty, NULL);
  } else {
    cli_table_init(&table, &s->screen, columns);
    table.shows_system = cli_has(s->options, CLI_OPT_PROJECT);
    status = cli_execute(s, PQDB_READ, show, &table);
    if (status == CLI_DONE && table.row_count == 0 && show != cli_show_table)
      fputs(strcmp(s->name, "path") == 0 ? "parquedb: note: no path\n"
                                         : "parquedb: note: nothing there\n",
            stderr);
    cli_table_end(&table);
  }
  if (status == CLI_DONE) note_page(s);
  if (status == CLI_DONE) note_more(s);
  if (status == CLI_DONE) note_floor(s);
  return status;
}

int cli_list_items(cli_session *s, const char *const *columns) {
  return cli_list_rows(s, columns, cli_show_table);
}

/* ---- ids ---- */

int cli_take_id(cli_session *s, char **words, int id_words) {
  if (id_words == 1) {
    if (strchr(words[0], '/') == NULL) {
      return cli_usage_error(s->name, "'%s' is no id: write COLL/ID or COLL ID", words[0]);
    }
    cli_text_str(&s->id, words[0]);
    return CLI_DONE;
  }
  if (strchr(words[0], '/') != NULL) {
    return cli_usage_error(s->name, "'%s' is no collection: write COLL/ID or COLL ID", words[0]);
  }
  cli_text_str(&s->id, words[0]);
  cli_text_byte(&s->id, '/');
  for (const char *p = words[1]; *p != '\0'; p++) {
    if (*p == '/' || *p == '%') {
      cli_text_str(&s->id, *p == '/' ? "%2F" : "%25");
    } else {
      cli_text_byte(&s->id, *p);
    }
  }
  return CLI_DONE;
}

int cli_missing_entity(const cli_session *s) {
  return cli_error(pqdb_status_name(PQDB_ENTITY_NOT_FOUND), "no entity %s", cli_text_c(&s->id));
}

int cli_check_id(const cli_session *s, const char *label, const char *id) {
  if (strchr(id, '/') != NULL) return CLI_DONE;
  return cli_usage_error(s->name, "%s '%s' is no id: write COLL/ID", label, id);
}

/* ---- what failed in a command that did not ---- */

int cli_report_errors(const cli_session *s, const char *what) {
  cli_value summary = cli_json_value(cli_text_c(&s->summary), s->summary.len), key, error;
  cli_json_walk errors = cli_json_enter(cli_json_field(summary, "errors"));
  int status = CLI_DONE;
  (void)fflush(stdout);
  while (cli_json_next(&errors, &key, &error)) {
    cli_text code = {0}, message = {0};
    cli_json_decode(cli_json_field(error, "code"), &code);
    cli_json_decode(cli_json_field(error, "message"), &message);
    status = cli_error(cli_text_c(&code), "%s %llu: %s", what,
                       (unsigned long long)cli_json_u64(cli_json_field(error, "index")),
                       cli_text_c(&message));
    cli_text_release(&code);
    cli_text_release(&message);
  }
  return status;
}
