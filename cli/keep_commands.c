/* cli/keep_commands.c - vacuum and retention: what is kept, and what goes; refs.
 *
 *   retention 30d --into DIR     history older than that goes, once DIR has it
 *   vacuum                       {"retention": 1} names an archive? ─► backup into it, synced
 *                                ─► {"vacuum": 1, "to": the last event that it has in files}
 *
 * An archive is a backup that is made again and again, which keeps what the warehouse drops; so it
 * is a warehouse with all of the history, and `parquedb -w DIR` reads it. Killed in between, the
 * next vacuum copies what is missing.
 */
#define _XOPEN_SOURCE 700

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "commands.h"
#include "replies.h"
#include "text_table.h"

/* ---- retention ---- */

/* Is the folder the warehouse, or below it? There it would be a namespace. */
static bool is_inside(const cli_session *s, const char *path) {
  char *warehouse = realpath(cli_warehouse(s), NULL);
  size_t n = warehouse == NULL ? 0 : strlen(warehouse);
  bool is = n > 0 && strncmp(path, warehouse, n) == 0 && (path[n] == '\0' || path[n] == '/');
  free(warehouse);
  return is;
}

/* The folder, made if it is missing, so that its path can be stored from the root on. */
static int add_archive(cli_session *s, const char *dir) {
  bool is_made = strstr(dir, "://") == NULL && mkdir(dir, 0777) == 0;
  char *path;
  if (!is_made && strstr(dir, "://") == NULL && errno != EEXIST)
    return cli_error(pqdb_status_name(PQDB_VALIDATION_FAILED), "%s: %s", dir, strerror(errno));
  path = realpath(dir, NULL);
  if (path != NULL && is_inside(s, path)) {
    free(path);
    if (is_made) (void)rmdir(dir);
    return cli_error(pqdb_status_name(PQDB_VALIDATION_FAILED),
                     "'%s' is the warehouse, or inside of it: choose a folder elsewhere", dir);
  }
  cli_text_str(&s->request, ",\"archive\":");
  cli_text_json(&s->request, path == NULL ? dir : path, strlen(path == NULL ? dir : path));
  free(path);
  return CLI_DONE;
}

int cli_run_retention(cli_session *s, char **words, int word_count) {
  int status = CLI_DONE;
  if (word_count == 0) {
    if (cli_has(s->options, CLI_OPT_INTO))
      return cli_usage_error(s->name, "--into needs an AGE, or none");
    cli_text_str(&s->request, "{\"retention\":1");
  } else {
    cli_text_str(&s->request, "{\"retention\":{\"age\":");
    if (strcmp(words[0], "none") == 0)
      cli_text_str(&s->request, "null");
    else
      cli_text_json(&s->request, words[0], strlen(words[0]));
    if (word_count == 2 && strcmp(words[1], "none") != 0) {
      if (words[1][0] == '\0' || words[1][strspn(words[1], "0123456789")] != '\0')
        return cli_usage_error(s->name, "BYTES is a whole number, or none");
      cli_text_str(&s->request, ",\"bytes\":");
      cli_text_str(&s->request, words[1]);
    }
    if (cli_has(s->options, CLI_OPT_INTO)) status = add_archive(s, s->options->into);
    cli_text_str(&s->request, "}");
  }
  if (status == CLI_DONE)
    status = cli_execute(s, word_count == 0 ? PQDB_READ : PQDB_WRITE, NULL, NULL);
  return status == CLI_DONE ? cli_report_summary(s) : status;
}

/* ---- vacuum ---- */

/* Copy into the archive, if there is one; *seq: the last event that it has in files. */
static int fill_archive(cli_session *s, uint64_t *seq) {
  pqdb_backup_options options = {.ns = s->options->ns};
  pqdb_backup_report r;
  cli_session ask;
  cli_text dir = {0};
  int rc, status;
  cli_session_init(&ask, s->name, s->options);
  cli_text_str(&ask.request, "{\"retention\":1");
  status = cli_execute(&ask, PQDB_READ, NULL, NULL);
  if (status == CLI_DONE)
    cli_json_decode(
        cli_json_field(cli_json_value(cli_text_c(&ask.summary), ask.summary.len), "archive"), &dir);
  cli_session_release(&ask);
  if (status == CLI_DONE && dir.len > 0) {
    rc = cli_copy(s, cli_text_c(&dir), &options, &r);
    *seq = r.flushed_seq;
    if (rc != PQDB_OK)
      status = cli_error(pqdb_status_name(rc), "archive %s: %s: no history is dropped",
                         cli_text_c(&dir), r.message);
  }
  cli_text_release(&dir);
  return status;
}

static int begin_vacuum(cli_session *s, const char *age) {
  bool is_dry_run = cli_has(s->options, CLI_OPT_DRY_RUN);
  uint64_t seq = 0;
  int status = is_dry_run ? CLI_DONE : fill_archive(s, &seq);
  cli_text_str(&s->request, "{\"vacuum\":1");
  if (is_dry_run) cli_add_true(s, "dryRun");
  if (age != NULL) cli_add_text(s, "minAge", age);
  if (seq > 0) {
    cli_text_str(&s->request, ",\"to\":");
    cli_text_u64(&s->request, seq);
  }
  return status;
}

int cli_run_refs(cli_session *s, char **words, int word_count) {
  const char *word = word_count == 1 ? words[0] : "check";
  bool is_dry_run = cli_has(s->options, CLI_OPT_DRY_RUN);
  pqdb_mode mode = strcmp(word, "rebuild") == 0 && !is_dry_run ? PQDB_WRITE : PQDB_READ;
  int status;
  cli_begin(s, "refs", word);
  if (is_dry_run) cli_add_true(s, "dryRun");
  status = cli_execute(s, mode, NULL, NULL);
  return status == CLI_DONE ? cli_report_summary(s) : status;
}

int cli_run_vacuum(cli_session *s, char **words, int word_count) {
  static const char *const columns[] = {"name", "kind", "count", "bytes", "why", NULL};
  pqdb_mode mode = cli_has(s->options, CLI_OPT_DRY_RUN) ? PQDB_READ : PQDB_WRITE;
  cli_screen wide = s->screen; /* a name that is cut is of no use */
  cli_table table;
  int status = begin_vacuum(s, word_count == 1 ? words[0] : NULL);
  if (status != CLI_DONE) return status;
  if (cli_wants_json(s)) {
    status = cli_execute(s, mode, cli_show_line, NULL);
    if (status == CLI_DONE) cli_print_summary(s);
    return status;
  }
  wide.width = 0;
  cli_table_init(&table, &wide, columns);
  table.is_whole = true;
  status = cli_execute(s, mode, cli_show_table, &table);
  cli_table_end(&table);
  return status == CLI_DONE ? cli_report_summary(s) : status;
}
