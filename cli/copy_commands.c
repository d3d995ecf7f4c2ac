/* copy_commands.c - backup, restore --into, verify: copies of a warehouse, and whether it is
 * whole.
 *
 *   backup DIR               this warehouse ──► DIR, what is missing there
 *   restore --into DIR       the same as of --as-of, into an empty folder; then DIR is verified
 *   verify [--quick]         a line for each problem
 */
#include <stdio.h>

#include "commands.h"
#include "parquedb/backup.h"
#include "print.h"
#include "replies.h"

/* ---- verify ---- */

/* One problem of a file: "file: what". */
static void show_problem(void *ud, const cli_screen *screen, const char *json, size_t len) {
  cli_value item = cli_json_value(json, len);
  cli_text line = {0};
  (void)ud;
  cli_plain(cli_json_field(item, "file"), &line);
  cli_text_str(&line, ": ");
  cli_plain(cli_json_field(item, "problem"), &line);
  cli_print_line(screen, cli_text_c(&line), line.len);
  cli_text_release(&line);
}

int cli_run_verify(cli_session *s, char **words, int word_count) {
  bool is_quick = cli_has(s->options, CLI_OPT_QUICK);
  uint64_t problems;
  int status;
  (void)words;
  (void)word_count;
  cli_text_str(&s->request, "{\"verify\":1");
  if (is_quick) cli_add_true(s, "quick");
  status = cli_execute(s, PQDB_READ, cli_wants_json(s) ? cli_show_line : show_problem, NULL);
  if (status != CLI_DONE) return status;
  problems = cli_summary_u64(s, "problems");
  if (cli_wants_json(s)) {
    cli_print_summary(s);
    return problems > 0 ? CLI_REFUSED : CLI_DONE;
  }
  printf("checked %llu files, %llu bytes", (unsigned long long)cli_summary_u64(s, "filesChecked"),
         (unsigned long long)cli_summary_u64(s, "bytesChecked"));
  if (!is_quick)
    printf(", %llu events, %llu entities, %llu edges, %llu links of the hash chain",
           (unsigned long long)cli_summary_u64(s, "events"),
           (unsigned long long)cli_summary_u64(s, "entities"),
           (unsigned long long)cli_summary_u64(s, "edges"),
           (unsigned long long)cli_summary_u64(s, "links"));
  printf(": %llu problem%s\n", (unsigned long long)problems, problems == 1 ? "" : "s");
  return problems > 0 ? CLI_REFUSED : CLI_DONE;
}

/* ---- copies ---- */

/* A line for each object, in either form. */
static void on_copied(void *ud, const char *object, uint64_t len) {
  const cli_session *s = ud; /* keys have no quotes: they are percent-encoded */
  printf(cli_wants_json(s) ? "{\"object\":\"%s\",\"bytes\":%llu}\n" : "%s  %llu bytes\n", object,
         (unsigned long long)len);
}

static int copy_warehouse(cli_session *s, const char *to, const char *as_of) {
  const char *from = cli_warehouse(s);
  pqdb_backup_options options = {
      .size = sizeof options, .as_of = as_of, .copied = on_copied, .ud = s};
  pqdb_backup_report r;
  int rc;
  if (cli_has(s->options, CLI_OPT_NS)) options.ns = s->options->ns;
  rc = pqdb_backup(from, to, &options, &r);
  if (rc != PQDB_OK) return cli_error(pqdb_status_name(rc), "%s", r.message);
  printf(cli_wants_json(s) ? "{\"namespaces\":%llu,\"copied\":%llu,\"bytes\":%llu,\"kept\":%llu,"
                             "\"events\":%llu}\n"
                           : "%llu namespaces: copied %llu objects, %llu bytes; %llu were there; "
                             "%llu events in the log\n",
         (unsigned long long)r.namespaces, (unsigned long long)r.objects,
         (unsigned long long)r.bytes, (unsigned long long)r.kept, (unsigned long long)r.events);
  return CLI_DONE;
}

int cli_run_backup(cli_session *s, char **words, int word_count) {
  (void)word_count;
  return copy_warehouse(s, words[0], NULL);
}

int cli_restore_into(cli_session *s) {
  const cli_options *o = s->options;
  int status = copy_warehouse(s, o->into, cli_has(o, CLI_OPT_AS_OF) ? o->as_of : NULL);
  cli_options there = *o;
  cli_session copy;
  if (status != CLI_DONE) return status;
  there.given = (o->given & (CLI_OPT_JSON | CLI_OPT_NS)) | CLI_OPT_WAREHOUSE;
  there.warehouse = o->into;
  cli_session_init(&copy, s->name, &there);
  status = cli_run_verify(&copy, NULL, 0);
  cli_session_release(&copy);
  return status;
}
